// The audit trail in CloudWatch Logs: every call and every change arrives, through outages, lost answers and a restart.
import assert from 'node:assert/strict';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { configuration, Core, Simulation, until } from '../lib/harness.mjs';

const GROUP = '/tollgate/audit';

const settings = (sim) => configuration(sim, {
    limits: [{ name: 'day', tokens: '1M', window: 'day' }],
    publish: { audit: { log_group: GROUP } },
});

async function events(sim) {
    const answer = await fetch(`${sim.url}/_sim/logs`, { signal: AbortSignal.timeout(10000) });
    return (await answer.json()).events.map((e) => ({ ...e, line: JSON.parse(e.message) }));
}

async function hurry(core) {
    const control = await core.control();
    await control.ask('refresh');
    control.close();
}

const auditSource = async (core) => (await core.json('status')).cloud.find((s) => s.source === 'audit');
const seqs = (list) => [...new Set(list.map((e) => e.line.seq))].sort((a, b) => a - b);

test('every call and change arrives through an outage, lost answers and a restart', async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, settings(sim));
    const key = await core.key('docs', 'support');
    const calls = async (n) => {
        for (let i = 0; i < n; i++) {
            assert.equal((await call(core, key, { text: '[sim:output=3]' })).status, 200);
        }
    };
    const arrived = (n) => until(`${n} events`, async () => {
        await hurry(core);
        return seqs(await events(sim)).length >= n;
    });

    await calls(3);
    assert.equal((await core.run('limit', 'set', 'day', 'tokens=900k', '--reason', 'a test')).status, 0);
    await arrived(5); // the key, three calls, the limit
    const first = await events(sim);
    assert.ok(first.every((e) => e.group === GROUP && e.stream.startsWith('tollgate/')));
    assert.ok(first.filter((e) => e.line.type === 'call').every((e) => e.line.requestId === e.line.request_id));
    assert.ok(first.some((e) => e.line.type === 'change' && e.line.action === 'limit.set' && e.line.new === 900000));

    await sim.turn({ services: { logs: 'down' } });
    await calls(4);
    await until('the outage to show', async () => {
        await hurry(core);
        return (await auditSource(core)).state === 'error';
    });

    await sim.turn({ services: { logs: 'mute' } }); // AWS keeps them, tollgate does not hear of it
    await until('the mute AWS to have them', async () => {
        await hurry(core);
        return seqs(await events(sim)).length >= 9;
    });
    await core.kill();
    await sim.turn({ services: { logs: 'up' } });
    await core.start();
    await calls(2);
    await arrived(11);
    await until('the source to be well', async () => (await auditSource(core)).state === 'ok');

    const expected = (await core.jsonLines('audit')).map((line) => line.seq).sort((a, b) => a - b);
    const all = await events(sim);
    assert.deepEqual(seqs(all), expected);
    const source = await auditSource(core);
    assert.equal(source.sent, expected.length);
    assert.ok(source.repeated >= all.length - expected.length, `${source.repeated} counted of ${all.length - expected.length}`);
    assert.ok(source.repeated > 0);
    assert.equal(source.refused, 0);
});

test('a group that may not be made is named with the action to allow', async (t) => {
    const sim = await Simulation.start(t);
    await sim.turn({ deny: 'CreateLogGroup' });
    const core = await Core.start(t, sim, settings(sim));
    await core.key();
    const source = await until('the error', async () => {
        await hurry(core);
        const s = await auditSource(core);
        return s.state === 'error' && s;
    });
    assert.match(source.error, /allow logs:CreateLogGroup/);
    await sim.turn({ deny: '' });
    await until('it to be well', async () => {
        await hurry(core);
        return (await auditSource(core)).state === 'ok';
    });
    assert.equal((await events(sim)).length, 1);
});
