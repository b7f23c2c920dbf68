// What every dialect has in common: one ledger, tags that go upstream, limits that stop or clamp; and the workflow input.
import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';

import { request, wordCount } from '../lib/calls.mjs';
import { FrameReader } from '../lib/eventstream.mjs';
import { assertNothingReserved, configuration, Core, inParallel, pause, seeded, Simulation, until } from '../lib/harness.mjs';

const PROFILE = 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123def456';
const SUPPORT_PROFILE = 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/def456abc123';
const CLAUDE = 'us.anthropic.claude-haiku-4-5-20251001-v1:0';
const LLAMA = 'meta.llama3-3-70b-instruct-v1:0';
const MODELS = [
    { name: 'nova', id: 'amazon.nova-lite-v1:0' },
    { name: 'claude', id: CLAUDE },
    { name: 'llama', id: LLAMA },
    { name: 'gpt-oss', id: 'openai.gpt-oss-20b-1:0' },
    { name: 'sonnet', id: 'anthropic.claude-sonnet-4-6', projects: { sales: 'proj_sales' } },
];
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

async function startBoth(t, more = {}, simOptions = {}) {
    const sim = await Simulation.start(t, simOptions);
    const core = await Core.start(t, sim, configuration(sim, { models: MODELS, ...more }));
    return { sim, core };
}

// --- one call of each dialect, and what is seen of it ---

const turns = (text) => [{ role: 'user', content: text }];
const typed = (text) => [{ role: 'user', content: [{ text }] }];
const messagesText = (e) => e.delta?.text ?? '';
const chatText = (e) => e.choices?.[0]?.delta?.content ?? '';
const responsesText = (e) => (e.type === 'response.output_text.delta' ? e.delta : '');
const bytesOf = (data) => JSON.parse(Buffer.from(data.bytes, 'base64').toString());

// wire: how a stream comes. text: of an event; whole: of an answer. max: the body's maximum, where there is one.
const DIALECTS = {
    converse: {
        model: 'nova', dialect: 'bedrock', wire: 'frames',
        path: (stream) => `/model/nova/${stream ? 'converse-stream' : 'converse'}`,
        body: (text, max) => ({ messages: typed(text), ...(max ? { inferenceConfig: { maxTokens: max } } : {}) }),
        text: (type, data) => data?.delta?.text ?? '', whole: (j) => j.output.message.content[0].text,
        usage: (j) => [j.usage.inputTokens, j.usage.outputTokens],
    },
    'invoke of nova': {
        model: 'nova', dialect: 'bedrock', wire: 'frames',
        path: (stream) => `/model/amazon.nova-lite-v1:0/invoke${stream ? '-with-response-stream' : ''}`,
        body: (text, max) => ({ messages: typed(text), ...(max ? { inferenceConfig: { maxTokens: max } } : {}) }),
        text: (type, data) => bytesOf(data).contentBlockDelta?.delta.text ?? '', whole: (j) => j.output.message.content[0].text,
        usage: (j) => [j.usage.inputTokens, j.usage.outputTokens],
    },
    'invoke of claude': {
        model: 'claude', dialect: 'bedrock', wire: 'frames', needsMax: true,
        path: (stream) => `/model/${encodeURIComponent(CLAUDE)}/invoke${stream ? '-with-response-stream' : ''}`,
        body: (text, max) => ({ anthropic_version: 'bedrock-2023-05-31', max_tokens: max, messages: turns(text) }),
        text: (type, data) => messagesText(bytesOf(data)), whole: (j) => j.content[0].text,
        usage: (j) => [j.usage.input_tokens, j.usage.output_tokens],
    },
    'invoke of llama': {
        model: 'llama', dialect: 'bedrock', wire: 'frames',
        path: (stream) => `/model/llama/invoke${stream ? '-with-response-stream' : ''}`,
        body: (text, max) => ({ prompt: text, ...(max ? { max_gen_len: max } : {}) }),
        text: (type, data) => bytesOf(data).generation ?? '', whole: (j) => j.generation,
        usage: (j) => [j.prompt_token_count, j.generation_token_count],
    },
    chat: {
        model: 'gpt-oss', dialect: 'openai', wire: 'sse',
        path: () => '/v1/chat/completions',
        body: (text, max, stream) => ({ model: 'gpt-oss', messages: turns(text), stream, ...(max ? { max_tokens: max } : {}) }),
        text: (type, data) => chatText(data), whole: (j) => j.choices[0].message.content,
        usage: (j) => [j.usage.prompt_tokens, j.usage.completion_tokens],
    },
    responses: {
        model: 'gpt-oss', dialect: 'openai', wire: 'sse',
        path: () => '/openai/v1/responses',
        body: (text, max, stream) => ({ model: 'gpt-oss', input: text, stream, ...(max ? { max_output_tokens: max } : {}) }),
        text: (type, data) => responsesText(data), whole: (j) => j.output.find((o) => o.type === 'message').content[0].text,
        usage: (j) => [j.usage.input_tokens, j.usage.output_tokens],
    },
    messages: {
        model: 'sonnet', dialect: 'anthropic', wire: 'sse', needsMax: true,
        path: () => '/anthropic/v1/messages',
        body: (text, max, stream) => ({ model: 'sonnet', messages: turns(text), max_tokens: max, stream }),
        text: (type, data) => messagesText(data), whole: (j) => j.content[0].text,
        usage: (j) => [j.usage.input_tokens, j.usage.output_tokens],
    },
    workflow: {
        model: 'nova', dialect: 'workflow', wire: null,
        path: () => '/v1/invocations',
        body: (text, max) => ({ model: 'nova', prompt: { messages: turns(text), ...(max ? { parameters: { max_tokens: max } } : {}) } }),
        whole: (j) => j.output.message.content[0].text, usage: (j) => [j.usage.inputTokens, j.usage.outputTokens],
    },
};

// Whole server-sent events of a text, which may end in the middle of one.
function* eventsOf(text) {
    for (const block of text.split('\n\n').slice(0, -1)) {
        const lines = block.split('\n');
        const of = (field) => lines.filter((l) => l.startsWith(`${field}:`)).map((l) => l.slice(field.length + 1).trim()).join('\n');
        const data = of('data');
        yield { name: of('event'), data: data === '[DONE]' || data === '' ? null : JSON.parse(data) };
    }
}

async function send(core, key, name, { text = 'hello', max, stream = false, leaveAfter = 0, headers = {}, body } = {}) {
    const d = DIALECTS[name];
    const seen = { name, text: '', deltas: 0, exception: null, malformed: null, json: null };
    const reader = new FrameReader();
    const take = (t) => {
        seen.text += t;
        seen.deltas += t ? 1 : 0;
    };
    const onFrames = (bytes) => reader.feed(bytes).forEach((frame) => {
        if (frame.kind === 'exception') {
            seen.exception = { type: frame.type, message: frame.data?.message };
        } else {
            take(d.text(frame.type, frame.data));
        }
    });
    let sse = '';
    let isError = false;
    const answer = await request(core.url, {
        path: d.path(stream),
        headers: { authorization: `Bearer ${key.bearerToken}`, ...headers },
        body: JSON.stringify(body ?? d.body(text, max ?? (d.needsMax ? 4000 : undefined), stream)),
        chunk: !stream ? undefined : (bytes) => {
            isError ||= seen.deltas === 0 && sse === '' && bytes[0] === 0x7b; // an error is a JSON object
            if (isError) {
                return false;
            }
            if (d.wire === 'frames') {
                onFrames(bytes);
            } else {
                sse += bytes.toString();
                seen.deltas += leaveAfter > 0 ? bytes.toString().split('delta').length - 1 : 0;
            }
            return leaveAfter > 0 && seen.deltas >= leaveAfter;
        },
    });
    if (sse !== '') {
        seen.deltas = 0;
        try {
            for (const { name: event, data } of eventsOf(sse)) {
                if (data?.error && typeof data.error === 'object') {
                    seen.exception = { type: data.error.code ?? data.error.type, message: data.error.message };
                } else if (data) {
                    take(d.text(event, data));
                }
            }
        } catch (e) {
            seen.malformed = e;
        }
    } else if ((!stream || isError) && answer.error === null && answer.body.length > 0) {
        seen.json = JSON.parse(answer.body);
        seen.text = answer.status === 200 ? d.whole(seen.json) : '';
    }
    return { ...answer, ...seen, requestId: answer.headers['x-tollgate-request-id'] };
}

const sum = (list, fn) => list.reduce((n, x) => n + fn(x), 0);

// --- the workflow input ---

const invocation = (more = {}) => ({
    model: 'claude',
    prompt: { messages: [{ role: 'user', content: 'What does the contract say?' }], parameters: { max_tokens: 50 } },
    tags: { applicationId: 'reports', costCenter: 'sales', environment: 'test' },
    ...more,
});

const invoke = async (core, key, body, headers = {}) => {
    const answer = await request(core.url, {
        path: '/v1/invocations', body: typeof body === 'string' ? body : JSON.stringify(body),
        headers: { authorization: `Bearer ${key.bearerToken}`, ...headers },
    });
    return { ...answer, json: answer.body.length > 0 ? JSON.parse(answer.body) : null };
};

const PROFILED = MODELS.map((m) => (m.name === 'claude' ? { ...m, profiles: { sales: PROFILE, support: SUPPORT_PROFILE } } : m));

test('workflow: an approved call has output, usage and supplemented tags', async (t) => {
    const { sim, core } = await startBoth(t, { models: PROFILED, tags: { defaults: { environment: 'dev' }, from_caller: ['environment'] } });
    const key = await core.key('reports', 'sales');
    const { status, json, headers } = await invoke(core, key, invocation({
        prompt: {
            messages: [
                { role: 'system', content: 'Answer in one sentence.' },
                { role: 'user', content: [{ text: 'What does' }, { text: 'the contract say?' }] },
                { role: 'assistant', content: 'It says' },
                { role: 'user', content: 'Go on' },
            ],
            parameters: { max_tokens: 30, temperature: 0.5, top_p: 0.9, top_k: 40 },
        },
    }));
    assert.equal(status, 200, JSON.stringify(json));
    const ledger = await sim.settled();
    assert.equal(json.outcome, 'approved');
    assert.match(json.requestId, UUID);
    assert.equal(json.requestId, headers['x-tollgate-request-id']);
    assert.equal(json.model, 'claude');
    assert.equal(json.modelId, PROFILE, 'the profile of the cost center');
    assert.equal(wordCount(json.output.message.content[0].text), ledger.output_tokens);
    assert.deepEqual([json.usage.inputTokens, json.usage.outputTokens], [ledger.input_tokens, ledger.output_tokens]);
    const { requestId, timestamp, modelMetric, ...tags } = json.tags;
    assert.deepEqual(tags, { applicationId: 'reports', costCenter: 'sales', environment: 'test' });
    assert.equal(requestId, json.requestId);
    assert.ok(Math.abs(Date.parse(timestamp) - Date.now()) < 60000, timestamp);
    assert.equal(modelMetric, 'abc123def456', 'the profile\'s unique ID');
    assert.equal(ledger.by_model[PROFILE].completed, 1);
    const [line] = await core.calls();
    assert.deepEqual([line.dialect, line.usage_source, line.model], ['workflow', 'reported', 'claude']);
    assert.equal(line.request_id, json.requestId);

    const plain = await invoke(core, await core.key('reports', 'services'), { model: 'nova', prompt: { messages: turns('x') } });
    assert.deepEqual([plain.json.outcome, plain.json.modelId, plain.json.tags.modelMetric, plain.json.tags.environment],
        ['approved', 'amazon.nova-lite-v1:0', 'amazon.nova-lite-v1:0', 'dev']);
});

test('workflow: what AWS refuses has failed, with its status', async (t) => {
    const { sim, core } = await startBoth(t);
    const key = await core.key();
    for (const [fault, status] of [['500', 500], ['throttle', 429], ['503', 503], ['exception', 424]]) {
        const { json, ...answer } = await invoke(core, key, invocation({ prompt: { messages: turns(`[sim:fault=${fault}]`) } }));
        assert.equal(answer.status, status, fault);
        assert.equal(json.outcome, 'failed');
        assert.match(json.requestId, UUID);
        assert.equal(json.error.status, status);
        assert.ok(json.error.message.length > 0 && json.error.type.length > 0);
        assert.equal(json.tags.costCenter, 'sales');
    }
    assert.equal((await sim.settled()).completed, 0);
    assert.deepEqual((await core.calls()).map((l) => l.outcome), Array(4).fill('failed'));
});

test('workflow: what AWS cuts in the middle has failed with 502, not with half an answer', async (t) => {
    const { sim, core } = await startBoth(t);
    const { error, status, json } = await invoke(core, await core.key(), invocation({ prompt: { messages: turns('[sim:fault=cut]') } }));
    await sim.settled();
    assert.deepEqual([error, status, json?.outcome], [null, 502, 'failed']);
});

test('workflow: what a limit refuses is denied with 429', async (t) => {
    const { sim, core } = await startBoth(t, {
        denial_detail: 'full',
        limits: [{ name: 'month', model: 'claude', tokens: 60, window: 'month' }, { name: 'minute', model: 'nova', requests: 1, window: '1m' }],
    });
    const key = await core.key();
    const { json, ...answer } = await invoke(core, key, invocation());
    assert.equal(answer.status, 429);
    assert.deepEqual([json.outcome, json.tollgate.limit, json.tollgate.metric, json.tollgate.amount], ['denied', 'month', 'tokens', 60]);
    assert.match(json.message, /^limit month: /);
    assert.equal(answer.headers['x-should-retry'], 'false');
    assert.equal(answer.headers['x-tollgate-limit'], 'month');
    assert.ok(Date.parse(json.tollgate.resets_at) > Date.now());
    let denied = null; // the minute may turn
    for (let i = 0; i < 3 && !denied; i++) {
        const one = await invoke(core, key, invocation({ model: 'nova' }));
        denied = one.status === 429 ? one : null;
    }
    assert.equal(denied.json.tollgate.limit, 'minute');
    assert.ok(Number(denied.headers['retry-after']) >= 1);
    assert.equal((await sim.settled()).by_model[CLAUDE], undefined);
});

test('workflow: every mistake by its JSON path, all at once', async (t) => {
    const { sim, core } = await startBoth(t);
    const key = await core.key();
    const paths = async (body) => {
        const { status, json } = await invoke(core, key, body);
        assert.equal(status, 400, JSON.stringify(body));
        assert.equal(json.outcome, 'failed');
        assert.match(json.requestId, UUID);
        json.errors.forEach((e) => assert.ok(e.message.length > 3, JSON.stringify(e)));
        return json.errors.map((e) => e.path);
    };
    const prompt = (more) => ({ messages: turns('x'), ...more });
    const cases = [
        ['{', ['']],
        ['[]', ['']],
        ['', ['body']],
        ['{}', ['model', 'prompt']],
        [invocation({ model: 7 }), ['model']],
        [invocation({ model: '' }), ['model']],
        [invocation({ prompt: 'x' }), ['prompt', 'prompt.messages']],
        [invocation({ prompt: {} }), ['prompt.messages']],
        [invocation({ prompt: prompt({ messages: [] }) }), ['prompt.messages']],
        [invocation({ prompt: prompt({ messages: {} }) }), ['prompt.messages']],
        [invocation({ prompt: { messages: [{ role: 'user', content: 'x' }, { role: 'tool', content: 'x' }] } }), ['prompt.messages[1].role']],
        [invocation({ prompt: { messages: [{ role: 'user' }] } }), ['prompt.messages[0]']],
        [invocation({ prompt: { messages: [{ role: 'user', content: [] }] } }), ['prompt.messages[0].content']],
        [invocation({ prompt: { messages: [{ role: 'user', content: [{ text: 'x' }, { text: 7 }] }] } }), ['prompt.messages[0].content[1].text']],
        [invocation({ prompt: { messages: [{ role: 'user', content: 5 }] } }), ['prompt.messages[0].content']],
        [invocation({ prompt: prompt({ parameters: { max_tokens: 0 } }) }), ['prompt.parameters.max_tokens']],
        [invocation({ prompt: prompt({ parameters: { max_tokens: '5' } }) }), ['prompt.parameters.max_tokens']],
        [invocation({ prompt: prompt({ parameters: { temperature: 'hot' } }) }), ['prompt.parameters.temperature']],
        [invocation({ prompt: prompt({ parameters: { top_p: 2 } }) }), ['prompt.parameters.top_p']],
        [invocation({ prompt: prompt({ parameters: { top_k: 1.5 } }) }), ['prompt.parameters.top_k']],
        [invocation({ prompt: prompt({ parameters: { stop: ['x'] } }) }), ['prompt.parameters.stop']],
        [invocation({ tags: [] }), ['tags']],
        [invocation({ tags: { costCenter: 5 } }), ['tags.costCenter']],
        [invocation({ tags: { costCenter: 'a;b' } }), ['tags.costCenter']],
        [invocation({ tags: { costCenter: '' } }), ['tags.costCenter']],
        [invocation({ stream: true }), ['stream']],
        [{ model: 5, prompt: { messages: [{ role: 'x', content: 'y' }], parameters: { top_k: -1, max_tokens: 'x' } }, tags: { a: 1 }, more: 1 },
            ['model', 'prompt.messages[0].role', 'prompt.parameters.top_k', 'prompt.parameters.max_tokens', 'tags.a', 'more']],
        [JSON.stringify(invocation()).replace('{"model"', '{"model":"nova","model"'), ['model']],
    ];
    for (const [body, wanted] of cases) {
        const got = await paths(body);
        for (const path of wanted) {
            assert.ok(got.includes(path), `${typeof body === 'string' ? body : JSON.stringify(body)}: ${path} is not in ${JSON.stringify(got)}`);
        }
        assert.ok(got.length <= wanted.length, `${JSON.stringify(body)}: ${JSON.stringify(got)}`);
    }
    assert.equal((await sim.ledger()).calls, 0);
    assert.equal((await core.json('status')).totals.rejected, cases.length);
});

test('workflow: an unknown model and a tag that is not allowed are mistakes with a path too', async (t) => {
    const { core } = await startBoth(t, {
        tags: { from_caller: ['environment'], values: { environment: ['test', 'prod'] }, required: ['team'] },
    });
    const team = await core.json('key', 'add', '--application', 'a', '--cost-center', 'sales', '--tag', 'team=blue');
    const untagged = await core.key();
    for (const [what, key, body, path] of [
        ['an unknown model', team, invocation({ model: 'acme.unheard-of' }), 'model'],
        ['a value outside the list', team, invocation({ tags: { environment: 'invented' } }), 'tags.environment'],
        ['a required tag that is missing', untagged, invocation({ tags: {} }), 'tags.team'],
    ]) {
        await t.test(what, async () => {
            const { status, json } = await invoke(core, key, body);
            assert.deepEqual([status, json.outcome, json.errors[0].path], [400, 'failed', path], JSON.stringify(json));
        });
    }
});

// --- attribution ---

test('the tags of a call arrive upstream, merged with the client\'s own within 16', async (t) => {
    const { sim, core } = await startBoth(t, { tags: { from_caller: ['environment'], defaults: { environment: 'dev' } } });
    const key = await core.key('reports', 'sales');
    const ours = { applicationId: 'reports', costCenter: 'sales', environment: 'dev' };
    const many = (n) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`own-${i}`, `value ${i}`]));
    const arrived = async (name, more) => {
        const { status, body } = await send(core, key, name, more);
        assert.equal(status, 200, String(body));
        return (await sim.settled()).last_requests.at(-1).requestMetadata;
    };
    const withMetadata = (requestMetadata) => ({ body: { ...DIALECTS.converse.body('x', 10), requestMetadata } });
    assert.deepEqual(await arrived('converse', {}), ours);
    assert.deepEqual(await arrived('converse', { stream: true }), ours);
    assert.deepEqual(await arrived('converse', withMetadata(many(10))), { ...many(10), ...ours });
    assert.deepEqual(await arrived('converse', withMetadata(many(13))), { ...many(13), ...ours });
    const full = await arrived('converse', withMetadata(many(16)));
    assert.equal(Object.keys(full).length, 16);
    for (const [name, value] of Object.entries(ours)) {
        assert.equal(full[name], value, 'a caller cannot crowd our tags out');
    }
    assert.deepEqual(await arrived('converse', withMetadata({ costCenter: 'another', environment: 'test', applicationId: 'x' })),
        { ...ours, environment: 'test' }, 'what a caller may not set is replaced');
    assert.deepEqual(await arrived('workflow', {}), ours);
    for (const [i, name] of ['invoke of nova', 'invoke of claude', 'invoke of llama'].entries()) {
        assert.deepEqual(await arrived(name, { stream: i === 1 }), ours, name);
        const header = { 'X-Amzn-Bedrock-Request-Metadata': JSON.stringify({ costCenter: 'another', ...many(5) }) };
        assert.deepEqual(await arrived(name, { headers: header }), { ...ours, ...many(5) }, name);
    }
    for (const line of await core.calls()) {
        assert.equal(line.tags.costCenter, 'sales');
    }
});

// --- limits in every dialect ---

test('on_outgrow: stop ends a stream with an error in the dialect\'s own words', async (t) => {
    const AMOUNT = 6000;
    const { sim, core } = await startBoth(t, {
        limits: [{ name: 'tight', per: ['application'], tokens: AMOUNT, window: 'month', on_outgrow: 'stop' }],
    }, { tokenDelayUs: 200 });
    const wanted = {
        converse: 'throttlingException', 'invoke of nova': 'throttlingException', 'invoke of llama': 'throttlingException',
        chat: 'rate_limit_exceeded', responses: 'rate_limit_exceeded',
    };
    const done = await inParallel(Object.entries(wanted), 5, async ([name, type]) => {
        const key = await core.key(name.replaceAll(' ', '-'));
        return { type, key, answer: await send(core, key, name, { stream: true, text: '[sim:output=20000]' }) };
    });
    await sim.settled();
    const lines = await until('the audit to tell', async () => {
        const all = await core.calls();
        return all.length === done.length && all;
    });
    const limit = await core.limit('tight');
    for (const { type, key, answer } of done) {
        assert.equal(answer.status, 200, answer.name);
        assert.equal(answer.error, null, `${answer.name}: the stream has a proper end`);
        assert.equal(answer.exception?.type, type, answer.name);
        assert.match(answer.exception.message, /on_outgrow: stop/);
        const line = lines.find((l) => l.request_id === answer.requestId);
        assert.deepEqual([line.outcome, line.usage_source], ['failed', 'estimated'], answer.name);
        const words = wordCount(answer.text);
        assert.ok(words > 100 && words < 20000 && line.usage.output_tokens >= words, `${answer.name}: ${words} words, ${line.usage.output_tokens} counted`);
        const group = limit.groups.find((g) => g.group.applicationId === key.tags.applicationId);
        assert.ok(group, JSON.stringify(limit.groups));
        assert.ok(group.used <= AMOUNT, `${answer.name}: ${group.used} of ${AMOUNT}`);
    }
    await assertNothingReserved(core);
});

test('on_outgrow: stop ends a stream between its events, however large the pieces in which AWS sends it', async (t) => {
    const { sim, core } = await startBoth(t, {
        limits: [{ name: 'wide', per: ['application'], tokens: 60000, window: 'month', on_outgrow: 'stop' }],
    });
    for (const [i, name] of ['converse', 'invoke of llama', 'chat', 'responses'].entries()) {
        await t.test(name, async () => {
            const key = await core.key(`app-${i}`);
            const answer = await send(core, key, name, { stream: true, text: '[sim:output=90000]' });
            await sim.settled();
            assert.deepEqual([answer.status, answer.error, answer.malformed], [200, null, null]);
            assert.match(answer.exception?.message ?? '', /on_outgrow: stop/);
            assert.ok(wordCount(answer.text) > 5000, String(wordCount(answer.text)));
            const group = (await core.limit('wide')).groups.find((g) => g.group.applicationId === `app-${i}`);
            assert.ok(group.used <= 60000 && group.used >= wordCount(answer.text), `${group.used}`);
        });
    }
});

// An upstream whose pieces each end in the middle of an event.
async function startSplitting(t, event) {
    const server = http.createServer(async (asked, answer) => {
        asked.resume();
        answer.writeHead(200, { 'content-type': 'text/event-stream' });
        const half = Math.floor(event.length / 2);
        answer.write(event.slice(0, half));
        for (let i = 0; i < 100 && !answer.destroyed; i++) {
            await pause(5);
            answer.write(event.slice(half) + event.slice(0, half));
        }
        answer.end(event.slice(half));
    });
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    t.after(() => {
        server.closeAllConnections();
        server.close();
    });
    return `http://127.0.0.1:${server.address().port}`;
}

for (const [name, more, event] of [
    ['responses', {}, { type: 'response.output_text.delta', delta: 'word '.repeat(200) }],
    ['chat', {}, { choices: [{ index: 0, delta: { content: 'word '.repeat(200) } }], usage: null }],
    ['chat', { stream_options: { include_usage: true } }, { choices: [{ index: 0, delta: { content: 'word '.repeat(200) } }], usage: null }],
]) {
    const asks = more.stream_options ? ' with include_usage' : '';
    test(`on_outgrow: stop never puts its error into the middle of an event: ${name}${asks}`, async (t) => {
        const url = await startSplitting(t, `data: ${JSON.stringify(event)}\n\n`);
        const core = await Core.start(t, null, configuration(null, {
            endpoints: { 'bedrock-runtime': url }, models: MODELS,
            limits: [{ name: 'tight', tokens: 6000, window: 'month', on_outgrow: 'stop' }],
        }));
        const body = { ...DIALECTS[name].body('x', undefined, true), ...more };
        const answer = await send(core, await core.key(), name, { stream: true, body });
        assert.deepEqual([answer.status, answer.error], [200, null]);
        assert.equal(answer.malformed, null, `${answer.malformed}: ...${answer.body.subarray(-300)}`);
        assert.match(answer.exception?.message ?? '', /on_outgrow: stop/);
        assert.ok(wordCount(answer.text) >= 200);
    });
}

test('on_outgrow: finish lets a stream go on', async (t) => {
    const { core } = await startBoth(t, { limits: [{ name: 'tight', tokens: 6000, window: 'month' }] });
    const answer = await send(core, await core.key(), 'converse', { stream: true, text: '[sim:output=9000]' });
    assert.deepEqual([answer.status, answer.exception, wordCount(answer.text)], [200, null, 9000]);
    assert.ok((await core.limit('tight')).used > 9000);
});

test('on_too_big: clamp lowers the maximum upstream, in every dialect, and says so', async (t) => {
    const AMOUNT = 3000;
    const { sim, core } = await startBoth(t, {
        limits: [{ name: 'small', per: ['application'], tokens: AMOUNT, window: 'month', on_too_big: 'clamp', min_output: 1024 }],
    });
    for (const name of Object.keys(DIALECTS)) {
        await t.test(name, async () => {
            const key = await core.key(name.replaceAll(' ', '-'));
            const before = await sim.settled();
            const answer = await send(core, key, name, { max: 9000, text: '[sim:output=8000]' });
            assert.equal(answer.status, 200, `${answer.body}`);
            const clamped = Number(answer.headers['x-tollgate-clamped']);
            assert.ok(clamped >= 1024 && clamped < AMOUNT, answer.headers['x-tollgate-clamped']);
            const ledger = await sim.settled();
            assert.equal(ledger.output_tokens - before.output_tokens, clamped, 'upstream was told the lower maximum');
            assert.equal(wordCount(answer.text), clamped);
            // What is left is less than min_output: denied, not clamped below.
            const denied = await send(core, key, name, { max: 9000, text: 'x' });
            assert.ok(denied.status === 429 || denied.status === 400, String(denied.status));
            assert.equal(denied.headers['x-tollgate-limit'], 'small');
            assert.equal(denied.headers['x-tollgate-clamped'], undefined);
            if (!DIALECTS[name].needsMax) { // a body without a maximum gets one where its model looks for it
                const unset = await send(core, await core.key(`unset-${name.replaceAll(' ', '-')}`), name, { text: '[sim:output=8000]' });
                assert.equal(unset.status, 200, `${unset.body}`);
                const given = Number(unset.headers['x-tollgate-clamped']);
                assert.ok(given >= 1024 && given < AMOUNT, unset.headers['x-tollgate-clamped']);
                assert.equal(wordCount(unset.text), given);
            }
            // A call that fits is as the client wants it.
            const fits = await send(core, await core.key(`other-${name.replaceAll(' ', '-')}`), name, { max: 100, text: '[sim:output=90]' });
            assert.deepEqual([fits.status, fits.headers['x-tollgate-clamped'], wordCount(fits.text)], [200, undefined, 90]);
        });
    }
    const { groups } = await core.limit('small');
    assert.ok(groups.every((g) => g.used <= AMOUNT && g.reserved === 0));
});

// --- all together ---

const CALLS = 400;

function plan(random) {
    const names = Object.keys(DIALECTS);
    const name = names[Math.floor(random() * names.length)];
    const stream = DIALECTS[name].wire !== null && random() < 0.6;
    const words = 'lorem '.repeat(1 + Math.floor(random() * 100));
    const output = 1 + Math.floor(random() * 60);
    const roll = random();
    if (stream && roll < 0.1) {
        return { kind: 'left', name, stream, leaveAfter: 2, max: 3000, text: `${words}[sim:output=2000][sim:delay_us=5000]` };
    }
    if (roll < 0.25) {
        const fault = ['500', 'throttle', 'exception', 'cut'][Math.floor(random() * 4)];
        return { kind: 'fault', fault, name, stream, max: 200, text: `${words}[sim:fault=${fault}][sim:output=${output + 20}]` };
    }
    return { kind: 'plain', name, stream, max: random() < 0.7 ? 80 : undefined, text: `${words}[sim:output=${output}]` };
}

test('a whole answer that AWS cuts in the middle has failed, in every dialect', async (t) => {
    const { sim, core } = await startBoth(t);
    const key = await core.key();
    for (const name of Object.keys(DIALECTS)) {
        await t.test(name, async () => {
            const before = new Set((await core.calls()).map((l) => l.request_id));
            const { status, error } = await send(core, key, name, { text: '[sim:fault=cut][sim:output=40]' }).catch((e) => ({ error: e }));
            assert.ok(error !== null || status === 502, 'the client sees that it is not whole');
            await sim.settled();
            const line = await until('the audit to tell', async () => (await core.calls()).find((l) => !before.has(l.request_id)));
            assert.equal(line.outcome, 'failed');
            assert.ok(line.usage.output_tokens >= 40 || line.usage_source === 'estimated', JSON.stringify(line.usage));
        });
    }
});

test('after a mixed load of all dialects the ledger and the simulation agree', async (t) => {
    const { sim, core } = await startBoth(t, {
        limits: [{ name: 'all', tokens: '1G', window: 'month' }, { name: 'money', usd: 1000, window: 'month' }],
    });
    const keys = [];
    for (const center of ['sales', 'support', 'services']) {
        keys.push(await core.key(`app-${center}`, center));
    }
    const random = seeded(20261122);
    const plans = Array.from({ length: CALLS }, () => ({ ...plan(random), key: keys[Math.floor(random() * keys.length)] }));
    const done = await inParallel(plans, 32, async (p) => ({ ...p, answer: await send(core, p.key, p.name, p) }));
    const ledger = await sim.settled();
    await until('the core to end every call', async () => (await core.json('status')).totals.open === 0);
    const lines = await core.calls();
    const byId = new Map(lines.map((l) => [l.request_id, l]));
    assert.equal(lines.length, CALLS);
    for (const { kind, fault, name, stream, answer, key } of done) {
        const line = byId.get(answer.requestId);
        const what = `${kind} ${fault ?? ''} ${name} ${stream ? 'stream' : 'plain'} ${JSON.stringify(line)}`;
        assert.ok(line, what);
        assert.ok(answer.malformed === null || fault === 'cut', `${what}: ${answer.malformed}`); // see tests/clients
        assert.equal(line.dialect, DIALECTS[name].dialect, what);
        assert.equal(line.model, DIALECTS[name].model, what);
        assert.equal(line.tags.costCenter, key.tags.costCenter, what);
        assert.ok(line.usage.output_tokens >= wordCount(answer.text), `${what}: ${wordCount(answer.text)} words`);
        if (kind === 'plain') {
            assert.deepEqual([answer.status, answer.error, line.outcome, line.usage_source], [200, null, 'approved', 'reported'], what);
            assert.equal(wordCount(answer.text), line.usage.output_tokens, what);
        }
        if (answer.json && answer.status === 200) {
            assert.deepEqual(DIALECTS[name].usage(answer.json), [line.usage.input_tokens, line.usage.output_tokens], what);
        }
    }
    // InvokeModel's headers tell the tokens before the body, so that a cut answer may be known exactly.
    const cutButTold = new Set(done.filter((d) => d.fault === 'cut' && byId.get(d.answer.requestId).usage_source === 'reported')
        .map((d) => byId.get(d.answer.requestId)));
    const reported = lines.filter((l) => l.outcome === 'approved' && l.usage_source === 'reported' && !cutButTold.has(l));
    const estimated = lines.filter((l) => l.usage_source === 'estimated');
    assert.equal(reported.length, ledger.completed);
    assert.equal(estimated.length + cutButTold.size, ledger.aborted);
    assert.ok(ledger.completed > 200 && ledger.aborted > 20 && ledger.refused > 10, JSON.stringify([ledger.completed, ledger.aborted, ledger.refused]));
    for (const [id, tally] of Object.entries(ledger.by_model)) {
        const of = reported.filter((l) => l.model_id === id);
        assert.deepEqual([of.length, sum(of, (l) => l.usage.input_tokens), sum(of, (l) => l.usage.output_tokens)],
            [tally.completed, tally.input_tokens, tally.output_tokens], id);
        const cut = [...estimated, ...cutButTold].filter((l) => l.model_id === id);
        assert.ok(sum(cut, (l) => l.usage.output_tokens) >= tally.delivered_output_tokens - tally.output_tokens, id);
    }
    const { limits } = await assertNothingReserved(core);
    const used = Object.fromEntries(limits.map((l) => [l.name, l.used]));
    const all = (u) => sum(Object.values(u), (n) => n);
    assert.equal(used.all, sum(lines, (l) => all(l.usage)));
    assert.equal(Math.round(used.money * 1e9), sum(lines, (l) => Math.round((l.usd ?? 0) * 1e9)));
    const { rows } = await core.json('usage', '--by', 'costCenter');
    assert.equal(sum(rows, (r) => r.requests), CALLS);
});
