// What-if tells what happens: the same calls once more, against a core that has the amount, are denied as often.
import assert from 'node:assert/strict';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { configuration, Core, MODELS, seeded, Simulation } from '../lib/harness.mjs';

const CALLS = 120;
// Ample, and what is tried.
const AMOUNTS = {
    tokens: ['50M', '4000'], output_tokens: ['50M', '1800'], requests: [100000, '60'], usd: [1000, '0.008'], aws_quota_tokens: ['50M', '4500'],
};

// One after another, so that the order is the same each time: some streams, some that Bedrock refuses, some whose
// client allows much more than is used.
async function replay(core) {
    const key = await core.key();
    const random = seeded(11);
    let denied = 0;
    for (let i = 0; i < CALLS; i++) {
        const output = 10 + Math.floor(random() * 50);
        const words = 'word '.repeat(5 + Math.floor(random() * 40));
        const fault = i % 9 === 4 ? '[sim:fault=throttle]' : '';
        const answer = await call(core, key, {
            text: `${words}[sim:output=${output}]${fault}`, maxTokens: i % 3 === 0 ? 400 : output, stream: i % 2 === 0,
        });
        denied += answer.headers['x-tollgate-limit'] ? 1 : 0;
    }
    return denied;
}

test('the same calls are denied as often as was foreseen', { timeout: 120000 }, async (t) => {
    const sim = await Simulation.start(t, { latencyMs: 3 }); // the ledger's times are milliseconds
    const withLimits = (limits) => Core.start(t, sim, configuration(sim, {
        models: MODELS.map((m) => ({ ...m, price: { input: 0.8, output: 4 } })), limits,
    }));
    const before = await withLimits(Object.entries(AMOUNTS).map(([metric, [ample]]) => ({ name: metric, [metric]: ample, window: 'month' })));
    assert.equal(await replay(before), 0);
    for (const [metric, [, tried]] of Object.entries(AMOUNTS)) {
        const foreseen = await before.json('limit', 'try', metric, `${metric}=${tried}`);
        const after = await withLimits([{ name: metric, [metric]: tried, window: 'month' }]);
        const denied = await replay(after);
        assert.ok(denied > 10 && denied < CALLS - 10, `${metric}: ${denied} denied`);
        assert.equal(foreseen.denied, denied, metric);
        await after.stop();
    }
});
