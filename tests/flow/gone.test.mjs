// client_gone: drain: when a client leaves, its answer is read on and charged by what AWS reports.
import assert from 'node:assert/strict';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { assertNothingReserved, configuration, Core, Simulation, until } from '../lib/harness.mjs';

const LIMITS = [{ name: 'tokens', tokens: '1M', window: 'month' }, { name: 'at-once', concurrency: 100 }];

test('a stream that is left is charged to the token', async (t) => {
    const sim = await Simulation.start(t, { tokenDelayUs: 2000 });
    const core = await Core.start(t, sim, configuration(sim, { limits: LIMITS, client_gone: 'drain' }));
    const key = await core.key();
    const answer = await call(core, key, { text: 'hello [sim:output=200]', stream: true, maxTokens: 400, leaveAfter: 3 });
    assert.ok(answer.left && answer.usage === null);
    const [line] = await until('the call to be settled', async () => {
        const lines = await core.calls();
        return lines.length === 1 && lines;
    });
    const ledger = await sim.settled();
    assert.deepEqual([ledger.completed, ledger.output_tokens], [1, 200]);
    assert.deepEqual([line.outcome, line.error, line.usage_source], ['failed', 'client_gone', 'reported']);
    assert.deepEqual([line.usage.input_tokens, line.usage.output_tokens], [ledger.input_tokens, ledger.output_tokens]);
    assert.equal(line.priced, true);
    await until('nothing to be reserved', async () => (await core.limit('tokens')).reserved === 0);
    assert.equal((await core.limit('tokens')).used, ledger.input_tokens + ledger.output_tokens);
    await assertNothingReserved(core);
});

test('the core ends while answers are read on', async (t) => {
    const sim = await Simulation.start(t, { tokenDelayUs: 20000 });
    const core = await Core.start(t, sim, configuration(sim, { limits: LIMITS, client_gone: 'drain' }));
    const key = await core.key();
    const answer = await call(core, key, { text: 'hello [sim:output=3000]', stream: true, maxTokens: 4000, leaveAfter: 3 });
    assert.ok(answer.left);
    assert.equal(await core.stop(), 0);
    const [line] = await core.calls();
    assert.deepEqual([line.error, line.usage_source], ['client_gone', 'estimated']);
    assert.ok(line.usage.output_tokens >= 3, JSON.stringify(line.usage));
});
