// The control socket, raw (core/control/PROTOCOL.md).
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { Control } from '../lib/control.mjs';
import { configuration, Core, Simulation, until } from '../lib/harness.mjs';

const CODES = ['not_found', 'malformed', 'forbidden', 'conflict', 'needs_confirmation', 'out_of_range', 'unsupported', 'io', 'busy'];

async function begin(t) {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { limits: [{ name: 'tokens', tokens: '1M', window: 'month', ceiling: '2M' }] }));
    const open = async () => {
        const control = await Control.open(core.stateDir);
        t.after(() => control.close());
        return control;
    };
    return { sim, core, open };
}

test('who may reach what', async (t) => {
    const { core } = await begin(t);
    const mode = (name) => (fs.statSync(path.join(core.stateDir, name)).mode & 0o777).toString(8);
    assert.equal(mode('.'), '711');
    assert.equal(mode('control.sock'), '666');
    for (const name of fs.readdirSync(core.stateDir).filter((n) => n !== 'control.sock')) {
        assert.equal(mode(name), '600', name);
    }
});

test('hello, errors by code, answers in order', async (t) => {
    const { core, open } = await begin(t);
    const stranger = await open();
    const early = await stranger.request('status');
    assert.ok(early.error, 'nothing before hello');
    const control = await open();
    const old = await control.request('hello', { version: 99 });
    assert.equal(old.error?.code, 'unsupported');
    const hello = await control.ask('hello', { version: 1 });
    assert.equal(hello.version, 1);
    assert.equal(hello.pid, core.process.pid);
    assert.equal(hello.role, 'operator');
    assert.equal(hello.uid, process.getuid());
    assert.equal(hello.region, 'us-east-1');
    assert.equal(hello.state_dir, core.stateDir);
    assert.equal(typeof hello.user, 'string');
    assert.equal(typeof hello.simulated, 'boolean');

    const wanted = {
        'unsupported': ['no.such.method', {}],
        'not_found': ['limit.set', { name: 'nobody', metric: 'tokens', amount: '1' }],
        'needs_confirmation': ['limit.set', { name: 'tokens', metric: 'tokens', amount: '3M' }],
        'conflict': ['limit.set', { name: 'tokens', metric: 'tokens', amount: '1M', was: 5 }],
    };
    for (const [code, [method, params]] of Object.entries(wanted)) {
        const { error } = await control.request(method, params);
        assert.equal(error?.code, code, `${method} ${JSON.stringify(params)}: ${error?.message}`);
        assert.ok(error.message.length > 10);
    }
    for (const params of [{ name: 'tokens', metric: 'usd', amount: '1' }, { name: 'tokens', metric: 'tokens', amount: 'lots' },
        { name: 'tokens', metric: 'tokens', amount: '-5' }, { name: 'tokens' }, { name: 5, metric: [], amount: {} },
        { name: 'tokens', metric: 'tokens', amount: '1M', for: 'soon' }, { name: 'tokens', metric: 'tokens', amount: '1M', group: { costCenter: 'x' } }]) {
        const { error } = await control.request('limit.set', params);
        assert.ok(CODES.includes(error?.code), `${JSON.stringify(params)}: ${JSON.stringify(error)}`);
    }
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => control.request(i % 2 ? 'limit.list' : 'nonsense')));
    const ids = control.lines.slice(-100).map((line) => line.id);
    assert.deepEqual(ids, [...ids].sort((a, b) => a - b));
    assert.equal(answers.filter((a) => a.result?.limits?.length === 1).length, 50);
    assert.equal((await core.limit('tokens')).override, null, 'no refused change was made');
});

test('lines that are no requests', async (t) => {
    const { core, open } = await begin(t);
    for (const line of ['{', 'null', '[]', '"text"', '{}', '{"id":1}', '{"id":1,"method":7}', '{"id":1,"method":"status","params":[]}',
        '\u0000\u0001', '{"id":1,"method":"hello","params":{"version":1},"id":2}', '[['.repeat(5000)]) {
        const control = await open();
        control.send(`${line}\n`);
        assert.ok(await control.heard(() => control.lines.length > 0 || control.closed), `an answer to ${line.slice(0, 40)}`);
        if (control.lines.length > 0) {
            assert.equal(control.lines[0].error?.code, 'malformed', line.slice(0, 40));
        }
        control.close();
    }
    const large = await open();
    await large.ask('hello', { version: 1 });
    const piece = 'x'.repeat(64 * 1024);
    for (let i = 0; i < 32 && !large.closed; i++) {
        large.send(piece);
    }
    assert.ok(await large.heard(() => large.closed, 20000), 'a line of 2 MB without an end closes the connection');
    const half = await open();
    half.send('{"id":0,"method":"hel'); // stays open, half said
    const control = await core.control();
    assert.ok((await control.ask('status')).pid > 0, 'others are served');
    control.close();
});

test('subscribe pushes all at first, then only what changed, and nothing while nothing changes', async (t) => {
    const { core, open } = await begin(t);
    const key = await core.key();
    const control = await open();
    await control.ask('hello', { version: 1 });
    assert.deepEqual(await control.ask('subscribe', { interval_ms: 250 }), {});
    assert.ok(await control.heard(() => control.events.length > 0));
    const first = control.events[0];
    assert.equal(first.event, 'snapshot');
    for (const member of ['totals', 'models', 'cost_centers', 'applications', 'limits', 'denials', 'cloud', 'health', 'burn', 'events', 'aws',
        'denied_per_minute', 'attached', 'timezone']) {
        assert.ok(member in first.data, member);
    }
    assert.equal(first.data.models[0].series.length, 15);
    const quiet = control.events.length; // what changed since the first (attached, for one) may come; then it is still
    await control.heard(() => false, 1500);
    const settled = control.events.length;
    assert.ok(settled - quiet <= 2, `${settled - quiet} events while nothing happened: ${JSON.stringify(control.events.slice(quiet)).slice(0, 800)}`);

    assert.equal((await call(core, key, { text: 'x', maxTokens: 10 })).status, 200);
    const news = () => control.events.slice(settled).find((e) => e.data.totals?.requests === 1);
    assert.ok(await control.heard(news), 'the call shows');
    for (const member of ['pid', 'region', 'listen', 'timezone', 'denials']) {
        assert.ok(!(member in news().data), `${member} did not change and is not pushed`);
    }
    assert.equal((await core.run('limit', 'set', 'tokens', 'tokens=+10%')).status, 0);
    assert.ok(await control.heard(() => control.events.some((e) => e.data.limits?.[0].amount === 1100000)), 'the change shows');
    assert.ok(control.events.some((e) => e.data.events?.some((x) => x.limit === 'tokens')), 'and who made it');
});

test('64 connections, and no more', async (t) => {
    const { core, open } = await begin(t);
    const all = [];
    for (let i = 0; i < 64; i++) {
        const control = await open();
        await control.ask('hello', { version: 1 });
        all.push(control);
    }
    const late = await open();
    assert.ok(await late.heard(() => late.closed || late.lines.length > 0), 'the 65th is told');
    assert.ok(late.lines.length === 0 || late.lines[0].error, JSON.stringify(late.lines));
    assert.ok(await late.heard(() => late.closed), 'and closed');
    const pids = await Promise.all(all.map(async (c) => (await c.ask('status')).pid));
    assert.deepEqual(new Set(pids), new Set([core.process.pid]));
    all.pop().close();
    await until('a place to be free again', async () => {
        const again = await open();
        const answer = await again.request('hello', { version: 1 }).catch(() => null);
        return answer?.result;
    });
});

test('methods that ask for the core to do something', async (t) => {
    const { core, open } = await begin(t);
    const control = await open();
    await control.ask('hello', { version: 1 });
    assert.deepEqual(await control.ask('flush', {}), {});
    assert.deepEqual(await control.ask('refresh', {}), {});
    assert.deepEqual(await control.ask('reload', {}), {});
    const set = await control.ask('limit.set', { name: 'tokens', metric: 'tokens', amount: '1.5M', was: 1000000, reason: 'why', ticket: 'T-1' });
    assert.deepEqual([set.old, set.new], [1000000, 1500000]);
    const { changes } = await control.ask('limit.history', { name: 'tokens', max: 1 });
    assert.deepEqual([changes[0].change_id, changes[0].reason], [set.change_id, 'why']);
    const undone = await control.ask('limit.undo', {});
    assert.deepEqual([undone.old, undone.new], [1500000, 1000000]);
    const { entries } = await control.ask('audit', { changes: true, max: 1 });
    assert.equal(entries[0].undoes, set.change_id);
    await control.ask('stop', {});
    await core.process.ended;
    assert.equal(core.process.status, 0);
    assert.ok(!fs.existsSync(path.join(core.stateDir, 'control.sock')), 'the socket is gone');
});

test('what-if knows the calls that ended just before it was asked', async (t) => {
    const { core, open } = await begin(t);
    const control = await open();
    await control.ask('hello', { version: 1 });
    const key = await core.key('crm', 'sales');
    for (let calls = 1; calls <= 10; calls++) {
        await call(core, key, { text: 'one', maxTokens: 50 });
        const since = `${3600 + calls}s`; // another question: the answer to the last one is kept for a moment
        const tried = await control.ask('limit.try', { name: 'tokens', metric: 'tokens', amount: '1', since });
        assert.equal(tried.calls, calls);
    }
});
