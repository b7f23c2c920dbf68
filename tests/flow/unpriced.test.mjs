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

test('a usd limit does not refuse what costs nothing: counting tokens of a model without a price', { timeout: 60000 }, async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, {
        models: [...MODELS, { name: 'nameless', id: 'ai21.jamba-1-5-large-v1:0' },
            { name: 'opus', id: 'anthropic.claude-nobody-knows' }],
        limits: [{ name: 'budget', usd: 10, window: 'month' }, { name: 'spent', usd: 0, window: 'month' }],
    }));
    const key = await core.key();
    const messages = [{ role: 'user', content: [{ text: 'one two three' }] }];
    const post = (path, body) => fetch(core.url + path, { method: 'POST', headers: { authorization: `Bearer ${key.bearerToken}` }, body: JSON.stringify(body) });
    for (const model of ['nameless', 'nova-lite']) {
        const bedrock = await post(`/model/${model}/count-tokens`, { input: { converse: { messages } } });
        assert.equal(bedrock.status, 200, await bedrock.clone().text());
        assert.equal(typeof (await bedrock.json()).inputTokens, 'number');
    }
    const anthropic = await post('/anthropic/v1/messages/count_tokens', { model: 'opus', messages: [{ role: 'user', content: 'one two three' }] });
    assert.equal(anthropic.status, 200, await anthropic.text());
    const denied = await post('/model/nameless/converse', { messages });
    assert.equal(denied.status, 400, 'a call is still refused');
    assert.match(await denied.text(), /price of model nameless is not known|larger than the whole limit/);
    for (const line of (await core.calls()).filter((l) => l.outcome === 'approved')) {
        assert.deepEqual([line.priced, line.usd, line.usage_source], [true, 0, 'reported'], JSON.stringify(line));
    }
    const { totals } = await core.json('status');
    assert.deepEqual([totals.approved, totals.unpriced, totals.usd], [3, 0, 0]);
});

test('cache writes of Nova: no price of the table, so not zero; a zero that the file says is a price', { timeout: 60000 }, async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, {
        models: [...MODELS, { name: 'nova-pro', id: 'amazon.nova-pro-v1:0', price: { cache_write: 0 } }],
        limits: [{ name: 'budget', usd: 10, window: 'month' }],
    }));
    const key = await core.key();
    const written = async (model) => {
        const answer = await call(core, key, { model, text: 'hello', cache: `${model} `.repeat(3000), maxTokens: 50 });
        assert.equal(answer.status, 200, String(answer.body));
        assert.ok(answer.usage.cacheWriteInputTokens > 0, JSON.stringify(answer.usage));
        const line = (await core.calls()).find((l) => l.model === model);
        return { line, usage: answer.usage };
    };
    const lite = await written('nova-lite');
    assert.deepEqual([lite.line.priced, lite.line.usd], [false, null]);
    const pro = await written('nova-pro');
    const nanos = pro.usage.inputTokens * 800 + pro.usage.outputTokens * 3200;
    assert.deepEqual([pro.line.priced, Math.round(pro.line.usd * 1e9)], [true, nanos]);
});
