// A call whose usage turns out to have no price: usd limits keep what was reserved for it, also after a restart.
import assert from 'node:assert/strict';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { configuration, Core, MODELS, Simulation } from '../lib/harness.mjs';

test('usd limits forget nothing of a call that became unpriceable', { timeout: 60000 }, async (t) => {
    const sim = await Simulation.start(t);
    const price = { input: 1, output: 2 }; // nothing is said of cache writes
    const core = await Core.start(t, sim, configuration(sim, {
        models: MODELS.map((m) => (m.name === 'nova-lite' ? { ...m, price } : m)),
        limits: [{ name: 'budget', usd: 10, window: 'month' }],
    }));
    const key = await core.key();
    const answer = await call(core, key, { text: 'hello', cache: 'word '.repeat(3000), maxTokens: 50 });
    assert.equal(answer.status, 200, String(answer.body));
    assert.ok(answer.usage.cacheWriteInputTokens > 0, JSON.stringify(answer.usage));
    const [line] = await core.calls();
    assert.deepEqual([line.priced, line.usd], [false, null]);
    const before = await core.json('status');
    assert.deepEqual([before.totals.unpriced, before.totals.usd], [1, 0]);
    const charged = before.limits[0].used;
    assert.ok(charged >= 50 * 2e-6, `${charged} dollars were charged`);

    assert.equal(await core.stop(), 0);
    await core.start();
    const after = await core.json('status');
    assert.deepEqual([after.totals.unpriced, after.totals.usd, after.limits[0].used], [1, 0, charged]);
    await call(core, key, { text: 'hello', cache: 'other '.repeat(3000), maxTokens: 50 });
    const twice = (await core.limit('budget')).used;
    assert.ok(twice > charged);
    await core.kill();
    await core.start();
    assert.equal((await core.limit('budget')).used, twice);
});
