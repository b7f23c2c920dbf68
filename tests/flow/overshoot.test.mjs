// 200 clients at once against one limit: what was served never passes it, and it is used nearly whole.
import assert from 'node:assert/strict';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { assertNothingReserved, configuration, Core, MODELS, seeded, Simulation } from '../lib/harness.mjs';

const CLIENTS = 200;
const PRICE = { input: 0.8, output: 4 };
const NANO = { input: 800, output: 4000 }; // dollars a million tokens, as nano-dollars a token

// amount: as the file says it; whole: in the unit of `served`.
const LIMITS = {
    tokens: { amount: 60000, whole: 60000, served: (l) => l.input_tokens + l.output_tokens },
    output_tokens: { amount: 20000, whole: 20000, served: (l) => l.output_tokens },
    aws_quota_tokens: { amount: 60000, whole: 60000, served: (l) => l.input_tokens + l.output_tokens },
    input_tokens: { amount: 40000, whole: 40000, served: (l) => l.input_tokens },
    requests: { amount: 500, whole: 500, served: (l) => l.calls },
    usd: { amount: '0.1', whole: 1e8, served: (l) => l.input_tokens * NANO.input + l.output_tokens * NANO.output },
};

// The most that a call of the stampede can ask for: its input by its bytes and the frame's overhead, its output by 60.
const INPUT_MOST = 500;
const ASKED_MOST = {
    tokens: INPUT_MOST + 60, output_tokens: 60, aws_quota_tokens: INPUT_MOST + 60, input_tokens: INPUT_MOST, requests: 1,
    usd: (INPUT_MOST * NANO.input + 60 * NANO.output) / 1e9,
};

// Nobody is refused while there is room.
function assertNoRoom({ json, body }) {
    const { metric, amount, used, reserved } = json.tollgate;
    assert.ok(used + reserved + ASKED_MOST[metric] > amount, `denied although it would have fitted: ${body}`);
}

// Every client calls on; who is refused waits for a call that ends well. It is over when one is refused while nothing
// else runs: what is left is too little for a call.
async function stampede(core, key, stream) {
    const random = seeded(7);
    const counts = { answered: 0, denied: 0, other: [] };
    const waiting = [];
    let inFlight = 0;
    const client = async () => {
        for (;;) {
            const text = `${'word '.repeat(5 + Math.floor(random() * 20))}[sim:output=${20 + Math.floor(random() * 40)}]`;
            inFlight++;
            const answer = await call(core, key, { text, stream, maxTokens: 60 });
            inFlight--;
            if (answer.status === 200 && answer.usage) {
                counts.answered++;
                waiting.splice(0, 2).forEach((wake) => wake(true));
            } else if (answer.errorType === 'ServiceQuotaExceededException' || answer.errorType === 'ThrottlingException') {
                counts.denied++;
                assertNoRoom(answer);
                if (inFlight === 0) {
                    waiting.splice(0).forEach((wake) => wake(false));
                    return;
                }
                if (!await new Promise((resolve) => waiting.push(resolve))) {
                    return;
                }
            } else {
                counts.other.push(`${answer.status} ${answer.errorType} ${answer.error} ${answer.body}`);
                return;
            }
        }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    assert.deepEqual(counts.other, []);
    return counts;
}

for (const stream of [false, true]) {
    for (const [metric, { amount, whole, served }] of Object.entries(LIMITS)) {
        const window = 'month'; // it must not turn while the test runs
        test(`${metric}, ${stream ? 'streams' : 'plain'}`, { timeout: 120000 }, async (t) => {
            const sim = await Simulation.start(t, { latencyMs: 2 });
            const core = await Core.start(t, sim, configuration(sim, {
                models: MODELS.map((m) => ({ ...m, price: PRICE })),
                denial_detail: 'full',
                limits: [{ name: 'all', [metric]: amount, window }],
            }));
            const counts = await stampede(core, await core.key(), stream);
            const ledger = await sim.settled();
            assert.equal(ledger.aborted, 0);
            const taken = served(ledger);
            assert.ok(taken <= whole, `${taken} of ${whole} were served: ${taken - whole} too many`);
            assert.ok(taken >= 0.95 * whole, `only ${taken} of ${whole} were served`);
            assert.ok(counts.denied > 0);

            const status = await assertNothingReserved(core);
            const [limit] = status.limits;
            assert.equal(metric === 'usd' ? Math.round(limit.used * 1e9) : limit.used, taken, 'used is what was served');
            assert.equal(limit.over, 0);
            assert.equal(limit.denied, counts.denied);
            assert.equal(status.totals.approved, counts.answered);
        });
    }
}

// Midnight is far from now there.
const noon = () => {
    const hour = new Date().getUTCHours();
    return hour >= 6 && hour < 18 ? 'UTC' : 'Etc/GMT-12';
};

// What a call of the audit counts for.
const COUNTS = {
    tokens: (u) => u.input_tokens + u.output_tokens,
    output_tokens: (u) => u.output_tokens,
    input_tokens: (u) => u.input_tokens,
    requests: () => 1,
    aws_quota_tokens: (u) => u.input_tokens + u.output_tokens,
    usd: (u) => u.input_tokens * NANO.input + u.output_tokens * NANO.output,
};
const LENGTHS = { '10s': 10000, '1m': 60000, '1h': 3600000 };

// The most that calls counted for in any window: one that turns, or any stretch as long (or longer by so much).
function mostInAWindow(calls, count, window, rolling, longer = 1) {
    const length = LENGTHS[window] * (rolling ? longer : 1);
    const at = calls.map((c) => [Date.parse(c.time), count(c.usage)]).sort(([a], [b]) => a - b);
    if (!length) {
        return at.reduce((sum, [, n]) => sum + n, 0);
    }
    const sums = at.map(([end]) => at.reduce((sum, [time, n]) => {
        const inside = rolling ? time <= end && time > end - length : Math.floor(time / length) === Math.floor(end / length);
        return inside ? sum + n : sum;
    }, 0));
    return Math.max(...sums);
}

for (const [window, rolling, metric, stream] of [
    ['10s', false, 'tokens', true], ['10s', true, 'requests', false], ['1m', false, 'output_tokens', false],
    ['1m', true, 'usd', false], ['1h', true, 'tokens', false], ['1h', false, 'aws_quota_tokens', true], ['week', false, 'requests', true], ['day', false, 'input_tokens', false], ['day', true, 'tokens', true],
]) {
    test(`${metric} in ${rolling ? 'any ' : ''}${window}`, { timeout: 30000 }, async (t) => {
        const sim = await Simulation.start(t, { latencyMs: 2 });
        const part = window === '10s' ? 7 : 3; // of what a whole month is given elsewhere
        const { amount, whole } = LIMITS[metric];
        const core = await Core.start(t, sim, configuration(sim, {
            timezone: noon(),
            denial_detail: 'full',
            models: MODELS.map((m) => ({ ...m, price: PRICE })),
            limits: [{ name: 'all', [metric]: metric === 'usd' ? '0.03' : Math.floor(amount / part), window, rolling }],
        }));
        const bound = metric === 'usd' ? 3e7 : Math.floor(whole / part);
        const counts = await stampede(core, await core.key(), stream);
        const ledger = await sim.settled();
        assert.ok(counts.denied > 0);
        const calls = (await core.calls()).filter((c) => c.outcome === 'approved');
        assert.equal(calls.length, counts.answered);
        const counted = calls.reduce((sum, c) => sum + COUNTS[metric](c.usage), 0);
        assert.equal(counted, LIMITS[metric].served(ledger), 'the audit counts what was served');
        const most = mostInAWindow(calls, COUNTS[metric], window, rolling);
        assert.ok(most <= bound, `${most} of ${bound} in one window`);
        // What leaves a rolling window leaves it a sixtieth of it later.
        const least = mostInAWindow(calls, COUNTS[metric], window, rolling, 62 / 60);
        assert.ok(least >= 0.95 * bound, `only ${least} of ${bound} were served`);
        await assertNothingReserved(core);
    });
}

test('several limits at once: all or none', { timeout: 120000 }, async (t) => {
    const sim = await Simulation.start(t, { latencyMs: 2 });
    const core = await Core.start(t, sim, configuration(sim, {
        denial_detail: 'full',
        limits: [
            { name: 'wide', tokens: '10M', window: 'month' },
            { name: 'narrow', per: ['costCenter'], tokens: 20000, window: 'month' },
            { name: 'calls', requests: 100000, window: 'month' },
        ],
    }));
    const counts = await stampede(core, await core.key(), false);
    const ledger = await sim.settled();
    const taken = ledger.input_tokens + ledger.output_tokens;
    assert.ok(taken <= 20000 && taken >= 18000, `${taken} of 20000`);
    const { limits } = await assertNothingReserved(core);
    const used = Object.fromEntries(limits.map((l) => [l.name, l.used]));
    assert.deepEqual(used, { wide: taken, narrow: taken, calls: counts.answered }, 'a denied call took nothing anywhere');
});

test('a call larger than the whole limit is refused at once, and for ever', async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { limits: [{ name: 'tiny', tokens: 100, window: '1m' }] }));
    const answer = await call(core, await core.key(), { text: 'x', maxTokens: 200 });
    assert.deepEqual([answer.status, answer.errorType], [400, 'ServiceQuotaExceededException']);
    assert.match(answer.json.message, /^limit tiny: .*larger/);
    assert.deepEqual([answer.json.tollgate.limit, answer.json.tollgate.metric, answer.json.tollgate.amount], ['tiny', 'tokens', 100]);
    assert.equal((await sim.ledger()).calls, 0);
});

test('a limit below what a model may answer serves calls that set no maximum, and counts what they used', async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { limits: [{ name: 'tiny', tokens: 600, window: 'month' }] }));
    const key = await core.key();
    for (const stream of [false, true, false]) {
        const answer = await call(core, key, { text: 'x [sim:output=90]', stream });
        assert.deepEqual([answer.status, answer.usage?.outputTokens], [200, 90], `${answer.body}`);
    }
    const ledger = await sim.settled();
    const { used, over } = await core.limit('tiny');
    assert.deepEqual([used, over], [ledger.input_tokens + ledger.output_tokens, 0]);
    await assertNothingReserved(core);
});

test('concurrency: never more at once than the limit', { timeout: 120000 }, async (t) => {
    const sim = await Simulation.start(t, { latencyMs: 500 });
    const core = await Core.start(t, sim, configuration(sim, { limits: [{ name: 'at-once', concurrency: 7 }] }));
    const key = await core.key();
    let most = 0;
    let watching = true;
    const watch = (async () => {
        while (watching) {
            most = Math.max(most, (await sim.ledger()).running);
        }
    })();
    const answers = await Promise.all(Array.from({ length: CLIENTS }, (_, i) =>
        call(core, key, { text: `${i}`, maxTokens: 20, stream: i % 2 === 0 })));
    watching = false;
    await watch;
    assert.ok(most <= 7 && most > 0, `${most} at once`);
    const denied = answers.filter((a) => a.status !== 200);
    assert.ok(denied.length > 0 && denied.length <= CLIENTS - 7, `${denied.length} denied`);
    for (const a of denied) {
        assert.deepEqual([a.status, a.errorType, a.headers['retry-after']], [429, 'ThrottlingException', '1']);
    }
    await assertNothingReserved(core);
});
