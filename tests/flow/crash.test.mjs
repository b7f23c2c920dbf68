// kill -9 under load, again and again, on one state directory: nothing that was served is uncounted, no answered call
// is missing or twice, overrides stay.
import assert from 'node:assert/strict';
import test from 'node:test';

import { call, wordCount } from '../lib/calls.mjs';
import { assertNothingReserved, configuration, Core, inParallel, MODELS, pause, seeded, Simulation, until } from '../lib/harness.mjs';

const ROUNDS = 50;
const WHOLE_EVERY = 10; // rounds: the whole audit is compared; each time the sums are
const CLIENTS = 24;

const settings = (sim) => configuration(sim, {
    models: MODELS.map((m) => ({ ...m, price: { input: 0.8, output: 4, cache_read: 0.08, cache_write: 1 } })),
    limits: [
        { name: 'tokens', tokens: '1G', window: 'month' },
        { name: 'output', per: ['application'], output_tokens: '1G', window: 'month' },
        { name: 'calls', requests: '1G', window: 'month' },
        { name: 'money', usd: 1000000, window: 'month' },
        { name: 'overridden', per: ['costCenter'], tokens: '1G', window: 'month' },
    ],
});

// Calls until the core is gone; what was answered in full goes into `answered`, what broke into `broken`.
async function load(core, keys, random, answered, broken) {
    let alive = true;
    const client = async () => {
        while (alive) {
            const stream = random() < 0.6;
            const answer = await call(core, keys[Math.floor(random() * keys.length)], {
                model: MODELS[Math.floor(random() * MODELS.length)].name,
                text: `${'word '.repeat(1 + Math.floor(random() * 100))}[sim:output=${1 + Math.floor(random() * 80)}]`,
                stream, maxTokens: 100,
            });
            if (answer.usage) {
                answered.push(answer);
            } else {
                broken.push(answer);
                alive = false;
            }
        }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
}

const sum = (list, fn) => list.reduce((n, x) => n + fn(x), 0);

// Each round: what was served is counted, and no more is counted on top than what was open is charged.
async function compareSums(core, sim, what) {
    const served = await sim.settled();
    const control = await core.control();
    const { limits, health } = await control.ask('status');
    control.socket.destroy();
    assert.equal(health.reserved_matches, true, what);
    const sums = {
        tokens: served.input_tokens + served.delivered_output_tokens,
        output: served.delivered_output_tokens,
        calls: served.completed,
    };
    for (const [name, least] of Object.entries(sums)) {
        const { used, reserved, charged_by_crash: charged } = limits.find((l) => l.name === name);
        assert.ok(used >= least, `${what}: limit ${name} counts ${used}, served were ${least}`);
        assert.ok(used - least <= charged, `${what}: limit ${name} counts ${used}, served were ${least}, charged by crash ${charged}`);
        assert.equal(reserved, 0, `${what}: ${name} holds nothing`);
    }
}

async function compare(core, sim, answered, broken, what) {
    const ledger = await sim.settled();
    const lines = await core.calls();
    const byId = new Map();
    for (const line of lines) {
        assert.ok(!byId.has(line.request_id), `${what}: ${line.request_id} is in the audit twice`);
        byId.set(line.request_id, line);
    }
    for (const answer of answered) {
        const line = byId.get(answer.requestId);
        assert.ok(line, `${what}: the answered call ${answer.requestId} is missing`);
        assert.ok(line.usage.input_tokens >= answer.usage.inputTokens && line.usage.output_tokens >= answer.usage.outputTokens,
            `${what}: ${JSON.stringify(line)} counts less than ${JSON.stringify(answer.usage)}`);
    }
    for (const answer of broken.filter((b) => b.requestId)) {
        const line = byId.get(answer.requestId);
        assert.ok(line, `${what}: the call ${answer.requestId}, whose answer had begun, is missing`);
        assert.ok(line.usage.output_tokens >= wordCount(answer.text), `${what}: ${wordCount(answer.text)} seen, ${JSON.stringify(line)}`);
    }
    const served = {
        tokens: ledger.input_tokens + ledger.delivered_output_tokens,
        output: ledger.delivered_output_tokens,
        calls: ledger.completed,
        money: (ledger.input_tokens * 800 + ledger.delivered_output_tokens * 4000) / 1e9,
    };
    const { limits } = await assertNothingReserved(core);
    for (const [name, least] of Object.entries(served)) {
        const { used } = limits.find((l) => l.name === name);
        assert.ok(used >= least, `${what}: limit ${name} counts ${used}, served were ${least}`);
    }
    const { rows } = await core.json('usage');
    const used = limits.find((l) => l.name === 'tokens').used;
    assert.equal(sum(rows, (r) => r.input_tokens + r.output_tokens), used, `${what}: usage and limits count the same`);
    assert.equal(sum(lines, (l) => l.usage.input_tokens + l.usage.output_tokens), used, `${what}: audit and limits count the same`);
    // Not wildly too much either: only what was open is charged by its reservation.
    const estimated = lines.filter((l) => l.usage_source === 'estimated').length;
    assert.ok(estimated <= (CLIENTS + 1) * ROUNDS, `${what}: ${estimated} estimated`);
    const overridden = limits.find((l) => l.name === 'overridden');
    const group = overridden.groups.find((g) => g.group.costCenter === 'sales');
    assert.equal(overridden.override?.amount, 2_000_000_000, `${what}: the limit's override`);
    assert.equal(group.amount, 3_000_000_000, `${what}: the group's override`);
}

test(`kill -9 in the middle of ${CLIENTS} clients, ${ROUNDS} times`, { timeout: 200000 }, async (t) => {
    const sim = await Simulation.start(t, { tokenDelayUs: 1000, latencyMs: 1 });
    const core = await Core.start(t, sim, settings(sim));
    const keys = await inParallel([['search', 'sales'], ['chat', 'support']], 1, ([a, c]) => core.key(a, c));
    assert.equal((await core.run('limit', 'set', 'overridden', 'tokens=2G', '--reason', 'before the crash', '--yes')).status, 0);
    assert.equal((await core.run('limit', 'set', 'overridden', 'tokens=3G', '--group', 'costCenter=sales', '--yes')).status, 0);
    const random = seeded(Date.now());
    const answered = [];
    const broken = [];
    for (let round = 1; round <= ROUNDS; round++) {
        const calls = load(core, keys, random, answered, broken);
        await pause(20 + random() * 250); // the moment is what is random here
        await core.kill();
        await calls;
        await core.start();
        await compareSums(core, sim, `round ${round}`);
        if (round % WHOLE_EVERY === 0) {
            await compare(core, sim, answered, broken, `round ${round}`);
        }
    }
    assert.ok(answered.length > 100, `only ${answered.length} calls were answered`);
    assert.ok(broken.length > ROUNDS, 'calls were under way when it was killed');
    const history = await core.json('limit', 'history', 'overridden');
    assert.equal(history.changes.length, 2);
    assert.equal(await core.stop(), 0);
});

test('keys issued before kill -9 work after it, revoked ones do not', async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim);
    const kept = await core.key('kept');
    const gone = await core.key('gone');
    assert.equal((await core.run('key', 'revoke', gone.accessKeyId)).status, 0);
    await core.kill();
    await core.start();
    assert.equal((await call(core, kept)).status, 200);
    assert.equal((await call(core, gone)).status, 403);
});

test('what a call used above its limit is still owed after kill -9, by each window that follows', { timeout: 120000 }, async (t) => {
    const LEFT_MS = 3000; // of a window, so that the call ends in the one it began in
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { limits: [{ name: 'ten', per: ['application'], output_tokens: 100, window: '10s' }] }));
    const key = await core.key('search');
    // Of the only group; what 600 tokens leave when each window after the first has paid 100 of them.
    const state = async () => {
        const { groups: [group] } = await core.limit('ten');
        return { used: group?.used ?? 0, resets: Date.parse(group?.resets_at) };
    };
    const assertOwed = (now, what) => assert.equal(now.used, Math.max(0, 600 - 100 * Math.round(((now.resets || Infinity) - first.resets) / 10000)), what);
    await until('a window that has just begun', () => Date.now() % 10000 < 10000 - LEFT_MS, 20000);
    assert.equal((await call(core, key, { text: '[sim:output=600]' })).status, 200);
    const first = await state();
    assert.equal(first.used, 600);
    for (let windows = 1; windows <= 2; windows++) {
        await core.kill();
        await until('the window to pass', () => Date.now() > first.resets + (windows - 1) * 10000, 20000);
        await core.start();
        const now = await state();
        assertOwed(now, `window ${windows}`);
        assert.ok(now.used > 100, `a start took too long to see it: ${JSON.stringify(now)}`);
        assert.equal((await call(core, key, { maxTokens: 10 })).status, 429);
    }
    await core.kill();
    assertOwed(await state(), 'without a core');
});
