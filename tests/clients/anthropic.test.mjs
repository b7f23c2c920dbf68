// Anthropic's SDKs for Node, unmodified: Messages on bedrock-mantle, and InvokeModel on bedrock-runtime.
import assert from 'node:assert/strict';
import test from 'node:test';

import AnthropicBedrock from '@anthropic-ai/bedrock-sdk';
import Anthropic from '@anthropic-ai/sdk';

import { wordCount } from '../lib/calls.mjs';
import { until } from '../lib/harness.mjs';
import { assertCounted, onlyCall, refused, startBoth, UUID, watchedFetch } from './sdk.mjs';

const SONNET = 'anthropic.claude-sonnet-4-6';
const HAIKU = 'us.anthropic.claude-haiku-4-5-20251001-v1:0';
// Nano-dollars a token: input, output, cache read, cache write for 5 minutes and for an hour.
const PRICES = { [SONNET]: [3300, 16500, 330, 4125, 6600], [HAIKU]: [1100, 5500, 110, 1375, 2200] };
const MODELS = [
    { name: 'sonnet', id: SONNET, projects: { sales: 'proj_sales' } },
    { name: 'haiku', id: HAIKU },
];

const usd = (ledger, id) => {
    const [input, output, read, write5m, write1h] = PRICES[id];
    return ledger.input_tokens * input + ledger.output_tokens * output + ledger.cache_read_tokens * read +
        ledger.cache_write_5m_tokens * write5m + ledger.cache_write_1h_tokens * write1h;
};
const nanos = (line) => Math.round(line.usd * 1e9);

// How each SDK is told where tollgate is and who calls.
const SDKS = {
    'Messages, x-api-key': {
        id: SONNET, path: '/anthropic/v1/messages', operation: 'Messages', dialect: 'anthropic',
        make: (core, key, more) => new Anthropic({ apiKey: key.bearerToken, baseURL: `${core.url}/anthropic`, ...more }),
        spoil: (key) => ({ ...key, bearerToken: `${key.bearerToken}x` }), badKey: 401,
    },
    'Messages, bearer': {
        id: SONNET, path: '/anthropic/v1/messages', operation: 'Messages', dialect: 'anthropic',
        make: (core, key, more) => new Anthropic({ apiKey: null, authToken: key.bearerToken, baseURL: `${core.url}/anthropic`, ...more }),
        spoil: (key) => ({ ...key, bearerToken: `${key.bearerToken}x` }), badKey: 401,
    },
    'InvokeModel, SigV4': {
        id: HAIKU, path: `/model/${HAIKU}/invoke`, operation: 'InvokeModel', dialect: 'bedrock',
        make: (core, key, more) => new AnthropicBedrock({
            awsAccessKey: key.accessKeyId, awsSecretKey: key.secretAccessKey, awsRegion: 'us-east-1', baseURL: core.url, ...more,
        }),
        spoil: (key) => ({ ...key, secretAccessKey: `x${key.secretAccessKey.slice(1)}` }), badKey: 403,
    },
    'InvokeModel, bearer': {
        id: HAIKU, path: `/model/${HAIKU}/invoke`, operation: 'InvokeModel', dialect: 'bedrock',
        make: (core, key, more) => new AnthropicBedrock({ apiKey: key.bearerToken, awsRegion: 'us-east-1', baseURL: core.url, ...more }),
        spoil: (key) => ({ ...key, bearerToken: `${key.bearerToken}x` }), badKey: 403,
    },
};

const message = (model, text, more = {}) => ({ model, max_tokens: 50, messages: [{ role: 'user', content: text }], ...more });

async function readStream(stream, each = () => {}) {
    const seen = { text: '', deltas: 0, types: [], input: null, output: null, stop: null };
    for await (const event of stream) {
        seen.types.push(event.type);
        if (event.type === 'content_block_delta') {
            seen.text += event.delta.text;
            seen.deltas++;
        }
        seen.input = event.message?.usage?.input_tokens ?? seen.input;
        seen.output = event.usage?.output_tokens ?? seen.output;
        seen.stop = event.delta?.stop_reason ?? seen.stop;
        await each(seen);
    }
    return seen;
}

for (const [name, sdk] of Object.entries(SDKS)) {
    const model = sdk.id;
    const make = (core, key, more = {}) => sdk.make(core, key, { maxRetries: 0, ...more });

    test(`${name}: a message, whole and as a stream`, async (t) => {
        const { sim, core } = await startBoth(t, { models: MODELS });
        const { fetch, seen: requests } = watchedFetch();
        const c = make(core, await core.key(), { fetch });
        const whole = await c.messages.create(message(model, 'one two three'));
        let ledger = await sim.settled();
        assert.equal(requests[0].url, `${core.url}${sdk.path}`, 'the colon of a model ID is sent as it is');
        assert.equal(wordCount(whole.content[0].text), ledger.output_tokens);
        assert.equal(whole.usage.input_tokens, ledger.input_tokens);
        assert.equal(whole.usage.output_tokens, ledger.output_tokens);
        assert.ok(['end_turn', 'max_tokens'].includes(whole.stop_reason), whole.stop_reason);
        assert.equal(ledger.by_model[model].completed, 1);
        assert.equal(ledger.signature_failures, 0);
        if (sdk.dialect === 'anthropic') {
            assert.equal(ledger.last_requests[0].project, 'proj_sales');
            assert.deepEqual(Object.keys(ledger.by_project), ['proj_sales']);
        }
        const line = await onlyCall(core);
        assertCounted(line, ledger);
        assert.deepEqual([line.dialect, line.operation], [sdk.dialect, sdk.operation]);
        assert.equal(nanos(line), usd(ledger, model));

        const streamed = await readStream(await c.messages.create(message(model, 'one two three four', { stream: true })));
        const before = ledger;
        ledger = await sim.settled();
        assert.equal(wordCount(streamed.text), ledger.output_tokens - before.output_tokens);
        assert.equal(streamed.output, ledger.output_tokens - before.output_tokens);
        assert.equal(streamed.input, ledger.input_tokens - before.input_tokens);
        assert.equal(streamed.types[0], 'message_start');
        assert.equal(streamed.types.at(-1), 'message_stop');
        const { content } = await c.messages.stream(message(model, '[sim:output=30]')).finalMessage();
        assert.equal(wordCount(content[0].text), 30);
        ledger = await sim.settled();
        const lines = await core.calls();
        assert.deepEqual(lines.map((l) => l.usage_source), ['reported', 'reported', 'reported']);
        for (const k of ['input_tokens', 'output_tokens']) {
            assert.equal(lines.reduce((n, l) => n + l.usage[k], 0), ledger[k], k);
        }
        assert.equal(lines.reduce((n, l) => n + nanos(l), 0), usd(ledger, model));
    });

    test(`${name}: cache writes by how long they are kept, and reads`, async (t) => {
        const { sim, core } = await startBoth(t, { models: MODELS });
        const c = make(core, await core.key());
        const block = (ttl) => ({
            type: 'text', text: `what never changes, ${ttl} ${'long '.repeat(2000)}`, cache_control: { type: 'ephemeral', ttl },
        });
        for (let i = 0; i < 2; i++) {
            const { usage } = await c.messages.create(message(model, `now ${i}`, { system: [block('1h'), block('5m')] }));
            const written = usage.cache_creation_input_tokens, read = usage.cache_read_input_tokens;
            assert.ok(i === 0 ? written > 4000 && read === 0 : written === 0 && read > 4000, JSON.stringify(usage));
        }
        await readStream(await c.messages.create(message(model, 'now 3', { stream: true, system: [block('1h'), block('5m')] })));
        const ledger = await sim.settled();
        assert.ok(ledger.cache_write_5m_tokens > 0 && ledger.cache_write_1h_tokens > 0 && ledger.cache_read_tokens > 0);
        const lines = await core.calls();
        for (const k of ['input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_5m_tokens', 'cache_write_1h_tokens']) {
            assert.equal(lines.reduce((n, l) => n + l.usage[k], 0), ledger[k], k);
        }
        assert.equal(lines.reduce((n, l) => n + nanos(l), 0), usd(ledger, model));
    });

    test(`${name}: denials that pass and denials that stay`, async (t) => {
        const { sim, core } = await startBoth(t, {
            models: MODELS,
            limits: [
                { name: 'minute', match: { application: 'often' }, requests: 1, window: '1m' },
                { name: 'day', match: { application: 'spent' }, requests: 1, window: 'day' },
            ],
        });
        const often = watchedFetch();
        const quick = make(core, await core.key('often'), { fetch: often.fetch });
        let e = null; // the minute may turn between two calls
        for (let i = 0; i < 3 && !e; i++) {
            e = await quick.messages.create(message(model, 'x')).then(() => null, (error) => error);
        }
        assert.ok(e instanceof Anthropic.RateLimitError, String(e));
        assert.match(e.message, /limit minute: /);
        const last = often.seen.at(-1);
        assert.equal(last.status, 429);
        const wait = Number(last.headers.get('retry-after'));
        assert.ok(Number.isInteger(wait) && wait >= 1 && wait <= 60, String(wait));
        assert.equal(last.headers.get('x-should-retry'), null);
        assert.equal(last.headers.get('x-tollgate-limit'), 'minute');

        const { fetch, seen } = watchedFetch();
        const c = make(core, await core.key('spent'), { fetch, maxRetries: 2 });
        await c.messages.create(message(model, 'x'));
        for (const stream of [false, true]) {
            seen.length = 0;
            const [Class, status] = sdk.dialect === 'anthropic' ? [Anthropic.RateLimitError, 429] : [Anthropic.BadRequestError, 400];
            const final = await refused(c.messages.create(message(model, 'x', { stream })), Class, status);
            assert.match(final.message, /limit day: /);
            assert.equal(seen.length, 1, 'exactly one attempt');
            if (sdk.dialect === 'anthropic') {
                assert.equal(seen[0].headers.get('x-should-retry'), 'false');
                assert.equal(final.error.error.type, 'rate_limit_error');
                assert.equal(final.error.tollgate.limit, 'day');
            } else {
                assert.equal(seen[0].headers.get('x-amzn-errortype'), 'ServiceQuotaExceededException');
            }
        }
        assert.equal((await sim.settled()).refused, 0);
    });

    test(`${name}: wrong requests, and errors of AWS`, async (t) => {
        const { sim, core } = await startBoth(t, { models: MODELS });
        const key = await core.key();
        const { fetch, seen } = watchedFetch();
        const c = make(core, key, { fetch, maxRetries: 1 });
        const anthropic = sdk.dialect === 'anthropic';
        const stranger = make(core, sdk.spoil(key), { fetch, maxRetries: 1 });
        const bad = await refused(stranger.messages.create(message(model, 'x')), Anthropic.APIError, sdk.badKey);
        assert.ok(bad instanceof (anthropic ? Anthropic.AuthenticationError : Anthropic.PermissionDeniedError), String(bad));
        await refused(c.messages.create(message('acme.unheard-of-v1:0', 'x')), Anthropic.APIError, anthropic ? 404 : 400);
        await refused(c.messages.create(message(model, 'x', { max_tokens: -1 })), Anthropic.BadRequestError, 400);
        await refused(c.messages.create(message(model, 'x', { messages: 'none' })), Anthropic.BadRequestError, 400);
        assert.equal(seen.length, 4, 'none was tried again');
        for (const each of seen) {
            assert.match(each.headers.get('x-tollgate-request-id'), UUID);
        }
        assert.equal((await sim.ledger()).completed, 0);
        seen.length = 0;
        await refused(c.messages.create(message(model, '[sim:fault=503]')), Anthropic.InternalServerError, 503);
        assert.equal(seen.length, 2, 'tried again');
        for (const fault of ['exception', 'cut']) {
            const broken = await c.messages.create(message(model, `[sim:fault=${fault}][sim:output=20]`, { stream: true }))
                .then(readStream).then(() => null, (e) => e);
            assert.ok(broken, `${fault}: a broken stream must not look complete`);
            if (fault === 'exception') {
                assert.ok(broken instanceof Anthropic.APIError, `${broken.constructor.name}: ${broken.message}`);
            }
        }
        await sim.settled();
        const calls = (await core.calls()).filter((l) => l.outcome !== 'rejected');
        assert.deepEqual(calls.map((l) => l.outcome), calls.map(() => 'failed'));
        assert.equal(calls.filter((l) => l.usage_source === 'estimated').length, 2);
    });

    test(`${name}: an abort in the middle of a stream`, async (t) => {
        const { sim, core } = await startBoth(t, { models: MODELS }, { tokenDelayUs: 20000 });
        const c = make(core, await core.key());
        const stream = await c.messages.create(message(model, '[sim:output=1000]', { stream: true, max_tokens: 2000 }));
        let deltas = 0;
        for await (const event of stream) {
            deltas += event.type === 'content_block_delta' ? 1 : 0;
            if (deltas === 3) {
                stream.controller.abort();
                break;
            }
        }
        assert.equal(deltas, 3);
        const ledger = await until('the simulation to notice the abort', async () => {
            const now = await sim.ledger();
            return now.aborted === 1 && now;
        });
        const line = await onlyCall(core);
        assert.equal(line.usage_source, 'estimated');
        assert.ok(line.usage.output_tokens >= ledger.delivered_output_tokens,
            `${line.usage.output_tokens} counted, ${ledger.delivered_output_tokens} delivered`);
        assert.ok(line.usage.input_tokens > 0);
        assert.equal((await core.json('status')).totals.open, 0);
    });

    test(`${name}: 100 streams at once, and a large prompt`, async (t) => {
        const { sim, core } = await startBoth(t, { models: MODELS }, { tokenDelayUs: 1000 });
        const c = make(core, await core.key());
        await Promise.all(Array.from({ length: 100 }, async (_, i) => {
            const seen = await readStream(await c.messages.create(message(model, `stream ${i} [sim:output=30]`, { stream: true })));
            assert.equal(wordCount(seen.text), 30);
        }));
        const { usage } = await c.messages.create(message(model, 'large '.repeat(400_000)));
        assert.ok(usage.input_tokens > 500_000);
        const ledger = await sim.settled();
        assert.equal(ledger.completed, 101);
        const { rows } = await core.json('usage');
        assert.deepEqual([rows[0].input_tokens, rows[0].output_tokens, rows[0].estimated],
            [ledger.input_tokens, ledger.output_tokens, 0]);
        assert.equal(Math.round(rows[0].usd * 1e9), usd(ledger, model));
    });
}

// The SDK's requests carry no number of their own: two equal calls of one second have one signature, and both are honest.
test('equal calls signed in the same second are both served', async (t) => {
    const { sim, core } = await startBoth(t, { models: MODELS });
    const key = await core.key();
    const signatures = [];
    const c = new AnthropicBedrock({
        awsAccessKey: key.accessKeyId, awsSecretKey: key.secretAccessKey, awsRegion: 'us-east-1', baseURL: core.url, maxRetries: 0,
        fetch: (url, init) => {
            signatures.push(new Headers(init.headers).get('authorization'));
            return fetch(url, init);
        },
    });
    const batch = () => Promise.all([1, 2, 3, 4].map(() => c.messages.create({
        model: HAIKU, max_tokens: 20, messages: [{ role: 'user', content: 'the same' }],
    })));
    // A batch may straddle the end of a second: then the next one is looked at.
    await until('two equal signatures', async () => {
        signatures.length = 0;
        await batch();
        return new Set(signatures).size < signatures.length;
    });
    assert.equal((await sim.settled()).completed % 4, 0);
});

test('Messages: a stream that AWS cuts in the middle of an event ends with an error event of its own', async (t) => {
    const { core } = await startBoth(t, { models: MODELS });
    const c = SDKS['Messages, x-api-key'].make(core, await core.key(), { maxRetries: 0, logLevel: 'off' });
    const broken = await c.messages.create(message(SONNET, '[sim:fault=cut][sim:output=20]', { stream: true }))
        .then(readStream).then(() => null, (e) => e);
    assert.ok(broken instanceof Anthropic.APIError, `${broken?.constructor.name}: ${broken?.message}`);
    assert.match(broken.message, /closed in the middle/);
});

test('Messages: count_tokens is free, and tools and the beta query pass', async (t) => {
    const { sim, core } = await startBoth(t, {
        models: MODELS, limits: [{ name: 'spent', application: 'counter', tokens: 1, window: 'day' }],
    });
    const c = SDKS['Messages, x-api-key'].make(core, await core.key('counter'), { maxRetries: 0 });
    const tools = [{ name: 'weather', description: 'of a place', input_schema: { type: 'object', properties: { place: { type: 'string' } } } }];
    const asked = { model: SONNET, system: 'be brief', tools, messages: [{ role: 'user', content: 'one two three' }] };
    const counted = await c.messages.countTokens(asked);
    assert.ok(counted.input_tokens > 0);
    assert.equal((await sim.ledger()).calls, 0);

    const free = SDKS['Messages, x-api-key'].make(core, await core.key('other'), { maxRetries: 0 });
    const { usage } = await free.messages.create({ ...asked, max_tokens: 20 });
    assert.equal(usage.input_tokens, counted.input_tokens);
    await free.beta.messages.create({ ...asked, max_tokens: 20, betas: ['context-1m-2025-08-07'] });
    const ledger = await sim.settled();
    assert.equal(ledger.completed, 2);
    assert.equal(ledger.input_tokens, 2 * counted.input_tokens);
    await refused(free.messages.countTokens({ ...asked, model: 'acme.unheard-of' }), Anthropic.NotFoundError, 404);
});
