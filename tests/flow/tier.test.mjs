// Prices are those of the standard tier: what another tier serves is unpriced, never standard in silence.
import assert from 'node:assert/strict';
import test from 'node:test';

import { call, converseBody, request } from '../lib/calls.mjs';
import { assertNothingReserved, configuration, Core, Simulation } from '../lib/harness.mjs';

const body = (more) => JSON.stringify({ ...JSON.parse(converseBody('hello', { maxTokens: 20 })), ...more });
const flex = body({ serviceTier: { type: 'flex' } });
const optimized = body({ performanceConfig: { latency: 'optimized' } });

test('what another tier served is counted and shown as unpriced', async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim));
    const key = await core.key();
    const asked = [
        ['standard', await call(core, key, { body: body({}) }), true],
        ['default', await call(core, key, { body: body({ serviceTier: { type: 'default' } }) }), true],
        ['flex', await call(core, key, { body: flex }), false],
        ['flex, streamed', await call(core, key, { body: flex, stream: true }), false],
        ['optimized', await call(core, key, { body: optimized }), false],
        ['flex, by InvokeModel', await request(core.url, {
            path: '/model/nova-lite/invoke', body: JSON.stringify({ messages: [{ role: 'user', content: [{ text: 'hello' }] }], inferenceConfig: { maxTokens: 20 } }),
            headers: { authorization: `Bearer ${key.bearerToken}`, 'x-amzn-bedrock-service-tier': 'flex' },
        }), false],
    ];
    const lines = await core.calls();
    for (const [name, answer, priced] of asked) {
        assert.equal(answer.status, 200, `${name}: ${answer.body}`);
        const line = lines.find((l) => l.request_id === answer.headers['x-tollgate-request-id']);
        assert.deepEqual([line.priced, line.usd > 0, line.usage.output_tokens > 0], [priced, priced, true], name);
    }
    const { totals } = await core.json('status');
    assert.deepEqual([totals.requests, totals.unpriced], [6, 4]);
});

test('a usd limit refuses what it cannot price, and says why', async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { limits: [{ name: 'day', usd: 100, window: 'day' }] }));
    const key = await core.key();
    const denied = await call(core, key, { body: flex });
    assert.deepEqual([denied.status, denied.errorType], [400, 'ServiceQuotaExceededException']);
    assert.match(denied.json.message, /limit day: the price of model nova-lite at service tier flex is not known/);
    const fast = await call(core, key, { body: optimized });
    assert.match(fast.json.message, /the price of model nova-lite with optimized latency is not known/);
    assert.equal((await call(core, key, { body: body({}) })).status, 200);
    assert.equal((await sim.settled()).completed, 1);
    await assertNothingReserved(core);
});
