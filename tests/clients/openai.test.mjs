// The OpenAI SDK for Node, unmodified, through tollgate to the simulated Bedrock, on both of its hosts.
import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';

import OpenAI from 'openai';

import { wordCount } from '../lib/calls.mjs';
import { configuration, Core, until } from '../lib/harness.mjs';
import { assertCounted, onlyCall, refused, startBoth, UUID, watchedFetch } from './sdk.mjs';

// The model's ID differs: bedrock-mantle has no version behind it.
const HOSTS = {
    'bedrock-runtime': { id: 'openai.gpt-oss-120b-1:0', prefix: '/openai/v1' },
    'bedrock-mantle': { id: 'openai.gpt-oss-120b', prefix: '/v1' },
};
const MODEL = 'gpt-oss';
const PRICE = { input: 150, output: 600 }; // nano-dollars a token

const settings = (via, more = {}) => ({
    openai_via: via,
    models: [
        { name: MODEL, id: HOSTS[via].id, projects: { sales: 'proj_sales', support: 'proj_support' } },
        { name: 'small', id: via === 'bedrock-mantle' ? 'openai.gpt-oss-20b' : 'openai.gpt-oss-20b-1:0' },
    ],
    ...more,
});

const client = (core, key, more = {}) =>
    new OpenAI({ apiKey: key.bearerToken, baseURL: `${core.url}/v1`, maxRetries: 0, ...more });

const chat = (text, more = {}) => ({ model: MODEL, messages: [{ role: 'user', content: text }], max_tokens: 50, ...more });

async function readChat(stream, each = () => {}) {
    const seen = { text: '', chunks: [], usage: null, finish: null };
    for await (const chunk of stream) {
        seen.chunks.push(chunk);
        seen.text += chunk.choices?.[0]?.delta?.content ?? '';
        seen.finish = chunk.choices?.[0]?.finish_reason ?? seen.finish;
        seen.usage = chunk.usage ?? seen.usage;
        await each(seen);
    }
    return seen;
}

const nanos = (line) => Math.round(line.usd * 1e9);
const TOOLS = [{
    type: 'function',
    function: {
        name: 'weather', description: 'What the weather is like at a place',
        parameters: { type: 'object', properties: { place: { type: 'string' } }, required: ['place'] },
    },
}];

for (const [via, { id, prefix }] of Object.entries(HOSTS)) {
    test(`${via}: a chat completion, whole`, async (t) => {
        const { sim, core } = await startBoth(t, settings(via));
        const answer = await client(core, await core.key()).chat.completions.create(chat('one two three'));
        assert.equal(wordCount(answer.choices[0].message.content), answer.usage.completion_tokens);
        assert.equal(answer.choices[0].message.role, 'assistant');
        assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
        const ledger = await sim.settled();
        assert.equal(answer.usage.prompt_tokens, ledger.input_tokens);
        assert.equal(answer.usage.completion_tokens, ledger.output_tokens);
        assert.equal(ledger.by_model[id].completed, 1);
        assert.equal(ledger.signature_failures, 0);
        const [asked] = ledger.last_requests;
        assert.equal(asked.path, `${prefix}/chat/completions`);
        assert.equal(asked.project, via === 'bedrock-mantle' ? 'proj_sales' : null);
        const line = await onlyCall(core);
        assertCounted(line, ledger);
        assert.equal(line.dialect, 'openai');
        assert.equal(line.model, MODEL);
        assert.equal(nanos(line), ledger.input_tokens * PRICE.input + ledger.output_tokens * PRICE.output);
    });

    test(`${via}: the usage chunk of a stream reaches only who asked for it`, async (t) => {
        const { sim, core } = await startBoth(t, settings(via));
        const c = client(core, await core.key());
        const asking = [undefined, { include_usage: false }, null, { include_usage: true }];
        let before = await sim.ledger();
        for (const stream_options of asking) {
            const seen = await readChat(await c.chat.completions.create(
                chat('one two three four', { stream: true, ...(stream_options === undefined ? {} : { stream_options }) })));
            const ledger = await sim.settled();
            const output = ledger.output_tokens - before.output_tokens;
            assert.equal(wordCount(seen.text), output);
            assert.ok(['stop', 'length'].includes(seen.finish), seen.finish);
            if (stream_options?.include_usage) {
                assert.equal(seen.usage.completion_tokens, output);
                assert.equal(seen.usage.prompt_tokens, ledger.input_tokens - before.input_tokens);
                assert.deepEqual(seen.chunks.at(-1).choices, []);
            } else {
                assert.equal(seen.usage, null, JSON.stringify(stream_options));
                for (const chunk of seen.chunks) {
                    assert.equal(chunk.choices.length, 1, `${JSON.stringify(stream_options)}: ${JSON.stringify(chunk)}`);
                }
            }
            before = ledger;
        }
        const lines = await core.calls();
        assert.deepEqual(lines.map((l) => l.usage_source), asking.map(() => 'reported'));
        assert.equal(lines.reduce((n, l) => n + l.usage.output_tokens, 0), before.output_tokens);
        assert.equal(lines.reduce((n, l) => n + l.usage.input_tokens, 0), before.input_tokens);
    });

    test(`${via}: a long stream in large pieces is whole, without the usage chunk`, async (t) => {
        const { sim, core } = await startBoth(t, settings(via));
        const c = client(core, await core.key());
        const seen = await readChat(await c.chat.completions.create(chat('[sim:output=20000]', { stream: true, max_tokens: 30000 })));
        assert.equal(wordCount(seen.text), 20000);
        assert.equal(seen.usage, null);
        assert.ok(seen.chunks.every((chunk) => chunk.choices.length === 1));
        assertCounted(await onlyCall(core), await sim.settled());
    });

    test(`${via}: responses, whole and as a stream`, async (t) => {
        const { sim, core } = await startBoth(t, settings(via));
        const c = client(core, await core.key());
        const whole = await c.responses.create({ model: MODEL, input: 'one two three', max_output_tokens: 40 });
        let ledger = await sim.settled();
        assert.equal(whole.object, 'response');
        assert.equal(wordCount(whole.output_text), ledger.output_tokens);
        assert.equal(whole.usage.input_tokens, ledger.input_tokens);
        assert.equal(whole.usage.output_tokens, ledger.output_tokens);
        assert.equal(ledger.last_requests[0].path, `${prefix}/responses`);
        assertCounted(await onlyCall(core), ledger);

        const events = [];
        const stream = await c.responses.create({
            model: MODEL, stream: true, max_output_tokens: 40, instructions: 'be brief',
            input: [{ role: 'user', content: [{ type: 'input_text', text: 'one two three' }] }],
        });
        for await (const event of stream) {
            events.push(event);
        }
        const before = ledger;
        ledger = await sim.settled();
        const text = events.filter((e) => e.type === 'response.output_text.delta').map((e) => e.delta).join('');
        assert.equal(wordCount(text), ledger.output_tokens - before.output_tokens);
        const last = events.at(-1);
        assert.ok(['response.completed', 'response.incomplete'].includes(last.type), last.type);
        assert.equal(last.response.usage.output_tokens, ledger.output_tokens - before.output_tokens);
        const lines = await core.calls();
        assert.deepEqual(lines.map((l) => l.usage_source), ['reported', 'reported']);
        assert.equal(lines.reduce((n, l) => n + l.usage.output_tokens, 0), ledger.output_tokens);
        assert.equal(lines.reduce((n, l) => n + l.usage.input_tokens, 0), ledger.input_tokens);
    });

    test(`${via}: denials that pass and denials that stay`, async (t) => {
        const { sim, core } = await startBoth(t, settings(via, {
            limits: [
                { name: 'short', model: MODEL, requests: 1, window: '10s' },
                { name: 'day', model: 'small', requests: 1, window: 'day' },
            ],
        }));
        const key = await core.key();
        const { fetch, seen } = watchedFetch();
        const c = client(core, key, { fetch });
        // A window may turn between two calls: one of three is denied.
        let e = null;
        for (let i = 0; i < 3 && !e; i++) {
            e = await c.chat.completions.create(chat('x')).then(() => null, (error) => error);
        }
        assert.ok(e instanceof OpenAI.RateLimitError, String(e));
        assert.equal(e.status, 429);
        assert.equal(e.code, 'rate_limit_exceeded');
        assert.match(e.message, /limit short: /);
        assert.equal(e.error.tollgate.limit, 'short');
        const { headers } = seen.at(-1);
        const wait = Number(headers.get('retry-after'));
        assert.ok(Number.isInteger(wait) && wait >= 1 && wait <= 10, String(wait));
        assert.equal(headers.get('x-should-retry'), null);
        assert.equal(headers.get('x-tollgate-limit'), 'short');
        assert.match(headers.get('x-tollgate-request-id'), UUID);
        if (via === 'bedrock-runtime') { // once is enough: it lasts as long as the window
            const patient = watchedFetch();
            await client(core, key, { fetch: patient.fetch, maxRetries: 4 }).chat.completions.create(chat('x'));
            assert.deepEqual(patient.seen.map((s) => s.status), [...patient.seen.slice(1).map(() => 429), 200]);
        }

        const stubborn = watchedFetch();
        const again = client(core, key, { fetch: stubborn.fetch, maxRetries: 2 });
        await again.responses.create({ model: 'small', input: 'x', max_output_tokens: 10 });
        for (const call of [
            () => again.chat.completions.create(chat('x', { model: 'small' })),
            () => again.chat.completions.create(chat('x', { model: 'small', stream: true })),
            () => again.responses.create({ model: 'small', input: 'x' }),
        ]) {
            stubborn.seen.length = 0;
            const final = await refused(call(), OpenAI.RateLimitError, 429);
            assert.equal(final.code, 'insufficient_quota');
            assert.equal(final.type, 'insufficient_quota');
            assert.match(final.message, /limit day: /);
            assert.equal(stubborn.seen.length, 1, 'exactly one attempt');
            assert.equal(stubborn.seen[0].headers.get('x-should-retry'), 'false');
        }
        assert.equal((await sim.settled()).refused, 0);
    });

    test(`${via}: wrong requests by class, status and code`, async (t) => {
        const { sim, core } = await startBoth(t, settings(via));
        const key = await core.key();
        const { fetch, seen } = watchedFetch();
        const c = client(core, key, { fetch, maxRetries: 2 });
        const wrong = client(core, { bearerToken: `${key.bearerToken}x` }, { fetch, maxRetries: 2 });
        const bad = await refused(wrong.chat.completions.create(chat('x')), OpenAI.AuthenticationError, 401);
        assert.equal(bad.code, 'invalid_api_key');
        await refused(wrong.models.list(), OpenAI.AuthenticationError, 401);
        const unknown = await refused(c.chat.completions.create(chat('x', { model: 'acme.unheard-of' })), OpenAI.NotFoundError, 404);
        assert.equal(unknown.code, 'model_not_found');
        assert.match(unknown.message, /acme\.unheard-of/);
        await refused(c.responses.create({ model: 'acme.unheard-of', input: 'x' }), OpenAI.NotFoundError, 404);
        await refused(c.chat.completions.create({ model: MODEL }), OpenAI.BadRequestError, 400);
        await refused(c.chat.completions.create(chat('x', { max_tokens: -1 })), OpenAI.BadRequestError, 400);
        for (const stateful of [{ store: true }, { background: true }, { previous_response_id: 'resp_1' }]) {
            const e = await refused(c.responses.create({ model: MODEL, input: 'x', ...stateful }), OpenAI.BadRequestError, 400);
            assert.match(e.message, new RegExp(Object.keys(stateful)[0]));
        }
        await refused(c.embeddings.create({ model: MODEL, input: 'x' }), OpenAI.NotFoundError, 404);
        assert.equal(seen.length, 10, 'none was tried again');
        for (const each of seen) {
            assert.match(each.headers.get('x-tollgate-request-id'), UUID);
        }
        assert.equal((await sim.ledger()).calls, 0);
        assert.equal((await core.json('status')).totals.rejected, 10);
    });

    test(`${via}: errors of AWS come through and are retried as the SDK does`, async (t) => {
        const { sim, core } = await startBoth(t, settings(via));
        const { fetch, seen } = watchedFetch();
        const c = client(core, await core.key(), { fetch, maxRetries: 1 });
        await refused(c.chat.completions.create(chat('[sim:fault=500]')), OpenAI.InternalServerError, 500);
        assert.equal(seen.length, 2);
        const throttled = await refused(c.chat.completions.create(chat('[sim:fault=throttle]')), OpenAI.RateLimitError, 429);
        assert.equal(throttled.code, 'rate_limit_exceeded');
        assert.equal(seen.length, 4);
        assert.equal(seen[3].headers.get('x-tollgate-limit'), null, 'AWS denied it, not a limit');
        const ended = await readChat(await c.chat.completions.create(
            chat('[sim:fault=exception][sim:output=20]', { stream: true }))).then(() => null, (e) => e);
        assert.ok(ended instanceof OpenAI.APIError, String(ended));
        const cut = await readChat(await c.chat.completions.create(
            chat('[sim:fault=cut][sim:output=20]', { stream: true }))).then(() => null, (e) => e);
        assert.ok(cut, 'a broken stream must not look complete');
        await sim.settled();
        const lines = await core.calls();
        assert.deepEqual(lines.map((l) => l.outcome), lines.map(() => 'failed'));
        assert.equal(lines.filter((l) => l.usage_source === 'estimated').length, 2, 'the two that generated');
    });

    test(`${via}: an abort in the middle of a stream`, async (t) => {
        const { sim, core } = await startBoth(t, settings(via), { tokenDelayUs: 20000 });
        const c = client(core, await core.key());
        for (const [i, begin] of [
            () => c.chat.completions.create(chat('[sim:output=1000]', { stream: true, max_tokens: 2000 })),
            () => c.responses.create({ model: MODEL, input: '[sim:output=1000]', stream: true, max_output_tokens: 2000 }),
        ].entries()) {
            const stream = await begin();
            let n = 0;
            for await (const event of stream) {
                n += event.choices?.[0]?.delta?.content || event.type === 'response.output_text.delta' ? 1 : 0;
                if (n === 3) {
                    stream.controller.abort();
                    break;
                }
            }
            assert.equal(n, 3);
            await until('the simulation to notice the abort', async () => (await sim.ledger()).aborted === i + 1);
        }
        const ledger = await sim.ledger();
        const lines = await until('the audit to tell', async () => {
            const all = await core.calls();
            return all.length === 2 && all;
        });
        const counted = lines.reduce((n, l) => n + l.usage.output_tokens, 0);
        assert.ok(counted >= ledger.delivered_output_tokens, `${counted} counted, ${ledger.delivered_output_tokens} delivered`);
        for (const line of lines) {
            assert.equal(line.usage_source, 'estimated');
            assert.ok(line.usage.input_tokens > 0 && line.usage.output_tokens >= 3);
        }
        assert.equal((await core.json('status')).totals.open, 0);
    });

    test(`${via}: n, tools, tags in metadata, large prompts and cached ones`, async (t) => {
        const { sim, core } = await startBoth(t, settings(via, {
            tags: { from_caller: ['environment'] },
            limits: [{ name: 'large', model: 'small', tokens: 400, window: 'month' }],
        }));
        const c = client(core, await core.key());
        const choices = (n) => c.chat.completions.create(chat('x', { model: 'small', max_tokens: 100, n }));
        const e = await refused(choices(5), OpenAI.RateLimitError, 429);
        assert.equal(e.code, 'insufficient_quota', 'n multiplies what is reserved');
        await choices(1);

        const before = await sim.settled();
        const answer = await c.chat.completions.create(chat('what is the weather', {
            tools: TOOLS, tool_choice: 'auto', metadata: { environment: 'test', costCenter: 'invented' },
        }));
        let ledger = await sim.settled();
        assert.equal(answer.usage.prompt_tokens, ledger.input_tokens - before.input_tokens);
        const line = (await core.calls()).find((l) => l.model === MODEL);
        assert.equal(line.tags.environment, 'test');
        assert.equal(line.tags.costCenter, 'sales', 'what the caller may not set is the key\'s');

        const large = 'large '.repeat(200_000);
        const asked = { messages: [{ role: 'system', content: large }, { role: 'user', content: 'and now?' }] };
        for (const cached of [false, true]) {
            const usage = (await c.chat.completions.create({ ...chat('x'), ...asked })).usage;
            const now = await sim.settled();
            assert.ok(usage.prompt_tokens > 200_000, 'prompt_tokens includes what was cached');
            assert.equal(now.cache_read_tokens > 0, cached);
            ledger = now;
        }
        const { rows } = await core.json('usage');
        assert.deepEqual(['input_tokens', 'output_tokens', 'cache_read_tokens'].map((k) => rows.reduce((n, r) => n + r[k], 0)),
            ['input_tokens', 'output_tokens', 'cache_read_tokens'].map((k) => ledger[k]), 'cached tokens are not counted twice');
    });

    test(`${via}: 100 streams at once`, async (t) => {
        const { sim, core } = await startBoth(t, settings(via), { tokenDelayUs: 2000 });
        const c = client(core, await core.key());
        const all = await Promise.all(Array.from({ length: 100 }, async (_, i) => readChat(
            await c.chat.completions.create(chat(`stream ${i} [sim:output=40]`, { stream: true })))));
        for (const seen of all) {
            assert.equal(wordCount(seen.text), 40);
        }
        const ledger = await sim.settled();
        assert.equal(ledger.completed, 100);
        const { rows } = await core.json('usage');
        assert.deepEqual([rows[0].input_tokens, rows[0].output_tokens, rows[0].estimated],
            [ledger.input_tokens, ledger.output_tokens, 0]);
    });
}

test('a stream that AWS cuts in the middle of an event ends with an error event of its own', async (t) => {
    const { core } = await startBoth(t, settings('bedrock-runtime'));
    const c = client(core, await core.key(), { logLevel: 'off' });
    const begin = {
        chat: () => c.chat.completions.create(chat('[sim:fault=cut][sim:output=20]', { stream: true })),
        'chat with include_usage': () => c.chat.completions.create(
            chat('[sim:fault=cut][sim:output=20]', { stream: true, stream_options: { include_usage: true } })),
        responses: () => c.responses.create({ model: MODEL, input: '[sim:fault=cut][sim:output=20]', stream: true }),
    };
    for (const [name, start] of Object.entries(begin)) {
        await t.test(name, async () => {
            const broken = await readChat(await start()).then(() => null, (e) => e);
            assert.ok(broken instanceof OpenAI.APIError, `${broken?.constructor.name}: ${broken?.message}`);
            assert.match(broken.message, /closed in the middle/);
        });
    }
});

test('the models of the file are listed, under both prefixes', async (t) => {
    const { core } = await startBoth(t, settings('bedrock-runtime'));
    const key = await core.key();
    for (const prefix of ['/v1', '/openai/v1']) {
        const c = client(core, key, { baseURL: `${core.url}${prefix}` });
        const ids = [];
        for await (const model of c.models.list()) {
            assert.equal(model.object, 'model');
            ids.push(model.id);
        }
        assert.deepEqual(ids.filter((id) => [MODEL, 'small'].includes(id)).sort(), [MODEL, 'small'].sort());
        await c.chat.completions.create(chat('x', { model: ids[0] }));
    }
});

// A Responses API that remembers what was said, as the real one does with store: true.
async function remembering(t) {
    const said = new Map(), bodies = [];
    const server = http.createServer(async (request, response) => {
        const pieces = await request.toArray();
        const body = JSON.parse(Buffer.concat(pieces));
        bodies.push(body);
        const input_tokens = (said.get(body.previous_response_id) ?? 0) + 1000;
        const id = `resp_${bodies.length}`;
        said.set(id, input_tokens + 20);
        const answer = {
            id, object: 'response', created_at: 1795225000, status: 'completed', model: body.model, store: body.store,
            previous_response_id: body.previous_response_id ?? null,
            output: [{ type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: 'yes', annotations: [] }] }],
            usage: { input_tokens, input_tokens_details: { cached_tokens: 0 }, output_tokens: 20, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: input_tokens + 20 },
        };
        if (body.stream) {
            response.setHeader('content-type', 'text/event-stream');
            response.end(`event: response.completed\ndata: ${JSON.stringify({ type: 'response.completed', sequence_number: 0, response: answer })}\n\n`);
        } else {
            response.setHeader('content-type', 'application/json');
            response.end(JSON.stringify(answer));
        }
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close().closeAllConnections());
    return { url: `http://127.0.0.1:${server.address().port}`, bodies };
}

test('openai_stateful: allow: stored answers go on, and what AWS remembers is counted though nobody could foresee it', async (t) => {
    const { url, bodies } = await remembering(t);
    const core = await Core.start(t, null, configuration(null, {
        ...settings('bedrock-runtime'), endpoints: { 'bedrock-runtime': url }, openai_stateful: 'allow',
        limits: [{ name: 'hour', tokens: 5000, window: 'month' }, { name: 'dollars', usd: 1, window: 'month' }],
    }));
    const c = client(core, await core.key());
    const ask = (more) => c.responses.create({ model: MODEL, input: 'and then?', max_output_tokens: 50, store: true, ...more });
    const first = await ask();
    const second = await ask({ previous_response_id: first.id });
    let third;
    for await (const event of await ask({ previous_response_id: second.id, stream: true })) {
        third = event.response;
    }
    assert.deepEqual(bodies.map((b) => [b.store, b.previous_response_id]), [[true, undefined], [true, first.id], [true, second.id]]);
    assert.deepEqual([first, second, third].map((r) => r.usage.input_tokens), [1000, 2020, 3040]);
    const calls = await until('the audit to tell', async () => {
        const lines = await core.calls();
        return lines.length === 3 && lines;
    });
    assert.deepEqual(calls.map((l) => [l.usage.input_tokens, l.usage.output_tokens, l.usage_source]).sort((a, b) => a[0] - b[0]),
        [[1000, 20, 'reported'], [2020, 20, 'reported'], [3040, 20, 'reported']]);
    const limit = await core.limit('hour');
    assert.deepEqual([limit.used, limit.reserved, limit.over], [6120, 0, 1120]);
    assert.equal(Math.round((await core.limit('dollars')).used * 1e9), 6060 * PRICE.input + 60 * PRICE.output);
    const e = await refused(ask({ previous_response_id: third.id }), OpenAI.RateLimitError, 429);
    assert.equal(e.code, 'insufficient_quota');
    assert.equal(bodies.length, 3);
});

test('bedrock-mantle: a project for each cost center', async (t) => {
    const { sim, core } = await startBoth(t, settings('bedrock-mantle'));
    for (const [center, times] of [['sales', 2], ['support', 1], ['services', 3]]) {
        // A project of the client's that the file does not know is not asked: attribution is the key's.
        const c = client(core, await core.key('app', center), { project: 'proj_of_another', organization: 'org_x' });
        for (let i = 0; i < times; i++) {
            await c.chat.completions.create(chat('x'));
            await c.responses.create({ model: MODEL, input: 'x', max_output_tokens: 10 });
        }
    }
    const { by_project } = await sim.settled();
    assert.deepEqual(Object.fromEntries(Object.entries(by_project).map(([p, tally]) => [p, tally.completed])),
        { proj_sales: 4, proj_support: 2, default: 6 });

    // One that is another cost center's is refused; the own one may be named, and says whose a key without one is.
    const nobodys = await core.json('key', 'add', '--application', 'app');
    for (const [key, project, status] of [[await core.key(), 'proj_support', 403], [await core.key(), 'proj_sales', 200], [nobodys, 'proj_support', 200]]) {
        const asked = client(core, key, { project }).chat.completions.create(chat('x'));
        if (status === 403) {
            const e = await refused(asked, OpenAI.PermissionDeniedError, 403);
            assert.match(e.message, /project belongs to cost center 'support'/);
        } else {
            await asked;
        }
    }
    const after = (await sim.settled()).by_project;
    assert.deepEqual([after.proj_sales.completed, after.proj_support.completed, after.default.completed], [5, 3, 6]);
});
