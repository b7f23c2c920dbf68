// What AWS tells: every poll against the simulated account, and calls that did not pass tollgate.
import assert from 'node:assert/strict';
import net from 'node:net';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { configuration, Core, Simulation, until } from '../lib/harness.mjs';
import { Terminal } from '../lib/terminal.mjs';

const POLL = { cloudwatch: '1h', cost_explorer: '12h', budgets: '1h', profiles: '1h' };
const settings = (sim, more = {}) => configuration(sim, { poll: POLL, cost_tags: { costCenter: 'costCenter' }, ...more });

async function refresh(core) {
    const control = await core.control();
    await control.ask('refresh');
    control.close();
}

const source = (status, name) => status.cloud.find((s) => s.source === name);

// Waits for a comparison made after now.
async function compared(core) {
    const before = (await core.json('status')).reconcile?.at;
    await refresh(core);
    return until('the comparison', async () => {
        const status = await core.json('status');
        return status.reconcile && status.reconcile.at !== before && status;
    });
}

test('calls that bypass tollgate show within two polls, those through it do not', async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, settings(sim));
    const key = await core.key();
    const model = (status, name) => status.reconcile.models.find((m) => m.model === name);

    for (let i = 0; i < 5; i++) {
        assert.equal((await call(core, key, { model: 'nova-lite', text: '[sim:output=5]' })).status, 200);
    }
    await compared(core);
    let status = await compared(core);
    assert.equal(source(status, 'bedrock').state, 'ok', source(status, 'bedrock').error);
    assert.equal(source(status, 'reconcile').state, 'ok', source(status, 'reconcile').error);
    assert.equal(model(status, 'nova-lite').aws_calls, 5);
    assert.equal(model(status, 'nova-lite').calls, 5);
    assert.equal(model(status, 'nova-lite').aws_output_tokens, model(status, 'nova-lite').output_tokens);
    assert.equal(status.reconcile.bypass_calls, 0);

    // Another gateway in the same account, of which this one knows nothing.
    const other = await Core.start(t, sim);
    const otherKey = await other.key();
    for (let i = 0; i < 3; i++) {
        assert.equal((await call(other, otherKey, { model: 'claude-3-5-haiku', text: '[sim:output=7]' })).status, 200);
    }
    await compared(core);
    status = await compared(core);
    assert.equal(model(status, 'claude-3-5-haiku').bypass_calls, 3);
    assert.equal(model(status, 'nova-lite').bypass_calls, 0);
    assert.equal(status.reconcile.bypass_calls, 3);
    assert.equal(source(status, 'reconcile').state, 'error');
    assert.match(source(status, 'reconcile').error, /3 calls that Bedrock counted did not pass tollgate.*haiku/);
    await until('the metric', async () => // it is rendered anew after somebody asked
        (await (await fetch(`${core.url}/metrics`)).text()).includes('tollgate_bypass_calls{model="claude-3-5-haiku"} 3\n'));
});

test('every source is asked, says its cost, and is not asked again after a restart', async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, settings(sim, { publish: { metrics: {} } }));
    const paid = ['cloudwatch', 'bedrock', 'cost_explorer'];
    const all = [...paid, 'profiles', 'alarms', 'quotas', 'budgets', 'reconcile'];
    const status = await until('every source to be well', async () => {
        const s = await core.json('status');
        return all.every((name) => source(s, name).state === 'ok') && s;
    });
    for (const name of paid) {
        assert.ok(source(status, name).usd_per_month >= 0, name);
    }
    assert.ok(source(status, 'cost_explorer').usd_per_month > 1);
    assert.equal(source(status, 'profiles').usd_per_month, null);

    const control = await core.control();
    await control.ask('subscribe', { interval_ms: 250 });
    assert.ok(await control.heard(() => control.events.length > 0));
    const { aws } = control.events[0].data;
    control.close();
    assert.equal(aws.budgets.budgets.length, 3);
    assert.ok(aws.quotas.quotas.some((q) => q.scope === 'cross_region' && q.tokens_per_minute === 4000000));
    assert.ok(aws.cost_explorer.forecast?.usd > 0, JSON.stringify(aws.cost_explorer));
    assert.ok(aws.cost_explorer.by_model.some((m) => m.month_usd > 0) || new Date().getUTCDate() === 1);
    assert.ok(aws.cost_explorer.anomalies[0].root_causes.length > 0);

    const before = (await sim.ledger()).ce_calls;
    await core.stop();
    await core.start();
    await until('the sources to be well again', async () => {
        const s = await core.json('status');
        return source(s, 'credentials').state === 'ok' && source(s, 'cost_explorer').state === 'ok';
    });
    assert.equal((await sim.ledger()).ce_calls, before);
});

test('polls take longer turns to keep the sum a month', async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, settings(sim, { poll: { ...POLL, cost_explorer: '1h', max_usd_per_month: 2 } }));
    const found = await until('the bill to be read', async () => {
        const s = source(await core.json('status'), 'cost_explorer');
        return s.state === 'ok' && s;
    });
    assert.equal(found.asked_seconds, 3600);
    assert.ok(found.period_seconds > 5 * 3600, `${found.period_seconds}`);
    assert.ok(found.usd_per_month <= 2, `${found.usd_per_month}`);
    assert.match(core.process.stderr, /polls take longer turns/);
});

// Takes connections and never says a word.
async function blackHole(t) {
    const taken = new Set();
    const server = net.createServer((socket) => taken.add(socket.on('error', () => {})));
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
        taken.forEach((socket) => socket.destroy());
        server.close();
    });
    return { taken, url: `http://127.0.0.1:${server.address().port}` };
}

for (const [what, env] of [['keys of the environment', () => ({})],
    ['keys that the hole would have to give', (url) => ({ AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/keys` })]]) {
    test(`start, status and first screen do not wait for an AWS that never answers: ${what}`, async (t) => {
        const hole = await blackHole(t);
        const names = ['bedrock-runtime', 'bedrock', 'bedrock-mantle', 'monitoring', 'logs', 'ce', 'budgets', 'sts', 'pricing', 'servicequotas'];
        const core = await Core.start(t, null, configuration(null, {
            endpoints: Object.fromEntries(names.map((name) => [name, hole.url])),
            poll: POLL,
            publish: { metrics: {}, audit: { log_group: '/tollgate/audit' } },
            cost_tags: { costCenter: 'costCenter' },
        }), { env: { AWS_EC2_METADATA_DISABLED: 'true', ...env(hole.url) } });
        await until('AWS to be asked', () => hole.taken.size > 0);
        const status = await core.json('status');
        assert.equal(status.state, 'ready');
        assert.ok(status.cloud.every((s) => s.at === null || s.source === 'credentials'), JSON.stringify(status.cloud));
        assert.equal((await fetch(`${core.url}/healthz`)).status, 200);
        const screen = Terminal.start(t, ['--config', core.config], { env: { HOME: core.dir } });
        await screen.wait(/claude-3-5-haiku/);
        screen.keys('8');
        await screen.wait(/cloudwatch/i);
        screen.keys('q');
        assert.equal(await screen.exit(), 0);
        assert.equal(await core.stop(), 0); // and it does not wait for it on leaving
    });
}
