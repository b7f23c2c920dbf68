// The AWS SDK's InvokeModel and InvokeModelWithResponseStream, with every model family's own body.
import assert from 'node:assert/strict';
import test from 'node:test';

import {
    BedrockRuntimeClient, InvokeModelCommand, InvokeModelWithResponseStreamCommand,
} from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';

import { wordCount } from '../lib/calls.mjs';
import { until } from '../lib/harness.mjs';
import { assertCounted, onlyCall, startBoth } from './sdk.mjs';

const turns = (text) => [{ role: 'user', content: text }];
const typed = (text) => [{ role: 'user', content: [{ text }] }];
const chatText = (j) => j.choices?.[0]?.message?.content ?? j.choices?.[0]?.delta?.content ?? '';

// price: nano-dollars of an input and an output token; null: the price is not known.
// blind: neither headers nor body tell the tokens, so that they are estimated unless a stream's metrics do.
const FAMILIES = {
    anthropic: {
        id: 'us.anthropic.claude-3-5-haiku-20241022-v1:0', price: [800, 4000],
        body: (text, n) => ({ anthropic_version: 'bedrock-2023-05-31', max_tokens: n, messages: turns(text) }),
        text: (j) => j.content?.[0]?.text ?? j.delta?.text ?? '',
    },
    nova: {
        id: 'amazon.nova-lite-v1:0', price: [60, 240],
        body: (text, n) => ({ schemaVersion: 'messages-v1', messages: typed(text), inferenceConfig: { maxTokens: n } }),
        text: (j) => j.output?.message.content[0].text ?? j.contentBlockDelta?.delta.text ?? '',
    },
    llama: {
        id: 'meta.llama3-3-70b-instruct-v1:0', price: [720, 720],
        body: (text, n) => ({ prompt: text, max_gen_len: n }),
        text: (j) => j.generation ?? '',
    },
    titan: {
        id: 'amazon.titan-text-express-v1', price: [200, 600],
        body: (text, n) => ({ inputText: text, textGenerationConfig: { maxTokenCount: n } }),
        text: (j) => j.results?.[0].outputText ?? j.outputText ?? '',
    },
    'titan embeddings': {
        id: 'amazon.titan-embed-text-v1', price: [100, 0], embeds: true,
        body: (text) => ({ inputText: text }),
        text: (j) => { assert.equal(j.embedding.length > 100, true); return ''; },
    },
    'mistral, prompt': {
        id: 'mistral.mistral-large-2402-v1:0', price: [4000, 12000],
        body: (text, n) => ({ prompt: `<s>[INST] ${text} [/INST]`, max_tokens: n }),
        text: (j) => j.outputs?.[0].text ?? '',
    },
    'mistral, chat': {
        id: 'mistral.mistral-large-2402-v1:0', price: [4000, 12000],
        body: (text, n) => ({ messages: turns(text), max_tokens: n }),
        text: chatText,
    },
    cohere: {
        id: 'cohere.command-r-v1:0', price: null, blind: true,
        body: (text, n) => ({ message: text, max_tokens: n }),
        text: (j) => (j.response ? '' : j.text ?? ''),
    },
    'cohere embeddings': {
        id: 'cohere.embed-english-v3', price: null, blind: true, embeds: true,
        body: (text) => ({ texts: [text], input_type: 'search_document' }),
        text: (j) => { assert.equal(j.embeddings.length, 1); return ''; },
    },
    ai21: {
        id: 'ai21.jamba-1-5-mini-v1:0', price: null,
        body: (text, n) => ({ messages: turns(text), max_tokens: n }),
        text: chatText,
    },
    openai: {
        id: 'openai.gpt-oss-20b-1:0', price: [70, 300],
        body: (text, n) => ({ messages: turns(text), max_completion_tokens: n }),
        text: chatText,
    },
    'deepseek, prompt': {
        id: 'us.deepseek.r1-v1:0', price: [1350, 5400],
        body: (text, n) => ({ prompt: text, max_tokens: n }),
        text: (j) => j.choices?.[0].text ?? '',
    },
    'deepseek, chat': {
        id: 'deepseek.v3-v1:0', price: [580, 1680],
        body: (text, n) => ({ messages: turns(text), max_tokens: n }),
        text: chatText,
    },
    qwen: {
        id: 'qwen.qwen3-32b-v1:0', price: [150, 600],
        body: (text, n) => ({ messages: turns(text), max_tokens: n }),
        text: chatText,
    },
};

function client(t, core, key, more = {}) {
    const c = new BedrockRuntimeClient({
        region: 'us-east-1', endpoint: core.url, maxAttempts: 1,
        credentials: { accessKeyId: key.accessKeyId, secretAccessKey: key.secretAccessKey }, ...more,
    });
    t.after(() => c.destroy());
    return c;
}

const command = (Command, id, body, more = {}) =>
    new Command({ modelId: id, contentType: 'application/json', accept: 'application/json', body: JSON.stringify(body), ...more });

async function whole(c, id, body, more) {
    const answer = await c.send(command(InvokeModelCommand, id, body, more));
    return JSON.parse(Buffer.from(answer.body).toString());
}

async function streamed(c, id, body, read, leaveAfter = 0) {
    const abort = new AbortController();
    const answer = await c.send(command(InvokeModelWithResponseStreamCommand, id, body), { abortSignal: abort.signal });
    const seen = { text: '', deltas: 0, metrics: null };
    for await (const { chunk } of answer.body) {
        const json = JSON.parse(Buffer.from(chunk.bytes).toString());
        const text = read(json);
        seen.text += text;
        seen.deltas += text ? 1 : 0;
        seen.metrics = json['amazon-bedrock-invocationMetrics'] ?? seen.metrics;
        if (leaveAfter > 0 && seen.deltas >= leaveAfter) {
            abort.abort();
            break;
        }
    }
    return seen;
}

const nanos = (line) => Math.round(line.usd * 1e9);

// What the ledger must have of one call, the simulation's own count being only of it.
function assertLine(line, ledger, family, operation, what) {
    assert.equal(line.operation, operation, what);
    assert.equal(line.model_id, family.id, what);
    if (line.usage_source === 'reported') {
        assertCounted(line, ledger);
    } else {
        assert.ok(line.usage.output_tokens >= ledger.delivered_output_tokens, `${what}: ${JSON.stringify(line.usage)}`);
        assert.ok(line.usage.input_tokens >= ledger.input_tokens, `${what}: ${JSON.stringify(line.usage)}`);
    }
    if (family.price === null) {
        assert.deepEqual([line.priced, line.usd], [false, null], what);
    } else {
        const expected = line.usage.input_tokens * family.price[0] + line.usage.output_tokens * family.price[1];
        assert.deepEqual([line.priced, nanos(line)], [true, expected], what);
    }
}

for (const [protocol, handler] of [['HTTP/2', () => ({})], ['HTTP/1.1', () => ({ requestHandler: new NodeHttpHandler({}) })]]) {
    test(`${protocol}: every family, whole and as a stream, to the token and the nano-dollar`, async (t) => {
        const { sim, core } = await startBoth(t);
        const c = client(t, core, await core.key(), handler());
        for (const [name, family] of Object.entries(FAMILIES)) {
            await t.test(name, async () => {
                for (const operation of ['InvokeModel', 'InvokeModelWithResponseStream']) {
                    if (family.embeds && operation !== 'InvokeModel') {
                        continue;
                    }
                    const what = `${name} ${operation}`;
                    await fetch(`${sim.url}/_sim/reset`, { method: 'POST' });
                    const before = new Set((await core.calls()).map((l) => l.request_id));
                    const body = family.body(`what is on the plan of ${name} today?`, 60);
                    const text = operation === 'InvokeModel' ? family.text(await whole(c, family.id, body))
                        : (await streamed(c, family.id, body, family.text)).text;
                    const ledger = await sim.settled();
                    assert.equal(ledger.completed, 1, what);
                    assert.equal(wordCount(text), ledger.delivered_output_tokens, what);
                    const line = await until('the audit to tell', async () => (await core.calls()).find((l) => !before.has(l.request_id)));
                    assertLine(line, ledger, family, operation, what);
                    const told = !family.blind || operation !== 'InvokeModel';
                    assert.equal(line.usage_source, told ? 'reported' : 'estimated', what);
                }
            });
        }
        const { totals } = await core.json('status');
        assert.equal(totals.estimated, 2, 'Cohere\'s two whole answers');
    });
}

test('an abort in the middle of every family\'s stream is estimated, never below what was delivered', async (t) => {
    const { sim, core } = await startBoth(t, {}, { tokenDelayUs: 5000 });
    const c = client(t, core, await core.key());
    const texts = Object.entries(FAMILIES).filter(([, f]) => !f.embeds);
    await Promise.all(texts.map(([name, f]) => streamed(c, f.id, f.body(`${name} [sim:output=2000]`, 3000), f.text, 3)));
    const ledger = await until('the simulation to notice the aborts', async () => {
        const now = await sim.ledger();
        return now.aborted === texts.length && now;
    });
    const lines = await until('the audit to tell', async () => {
        const all = await core.calls();
        return all.length === texts.length && all;
    });
    for (const [id, tally] of Object.entries(ledger.by_model)) {
        const of = lines.filter((l) => l.model_id === id);
        const counted = of.reduce((n, l) => n + l.usage.output_tokens, 0);
        assert.ok(counted >= tally.delivered_output_tokens, `${id}: ${counted} counted, ${tally.delivered_output_tokens} delivered`);
        assert.ok(of.every((l) => l.usage_source === 'estimated' && l.usage.input_tokens > 0), id);
    }
    assert.equal((await core.json('status')).totals.open, 0);
});

test('the largest of all maxima in a body counts, so that no family is told less than another reads', async (t) => {
    const { sim, core } = await startBoth(t, { limits: [{ name: 'month', tokens: 1500, window: 'month' }] });
    const c = client(t, core, await core.key());
    const bodies = {
        [FAMILIES.llama.id]: { prompt: 'x', max_tokens: 10, max_gen_len: 5000 },
        [FAMILIES.nova.id]: { messages: typed('x'), max_tokens: 10, inferenceConfig: { max_new_tokens: 5000 } },
        [FAMILIES.titan.id]: { inputText: 'x', max_tokens: 10, textGenerationConfig: { maxTokenCount: 5000 } },
        [FAMILIES.openai.id]: { messages: turns('x'), max_tokens: 10, max_completion_tokens: 5000 },
    };
    for (const [id, body] of Object.entries(bodies)) {
        const e = await whole(c, id, body).then(() => null, (error) => error);
        assert.equal(e?.name, 'ServiceQuotaExceededException', `${id}: ${e}`);
    }
    assert.equal((await sim.ledger()).calls, 0);
    await whole(c, FAMILIES.llama.id, FAMILIES.llama.body('x', 100));
    await onlyCallApproved(core);
});

async function onlyCallApproved(core) {
    const approved = await until('the audit to tell', async () => {
        const lines = (await core.calls()).filter((l) => l.outcome === 'approved');
        return lines.length === 1 && lines;
    });
    assert.equal(approved.length, 1);
}

test('metadata in a header arrives upstream with the tags of the call', async (t) => {
    const { sim, core } = await startBoth(t, { tags: { from_caller: ['environment'], required: ['applicationId'] } });
    const c = client(t, core, await core.key('reporter', 'sales'));
    const family = FAMILIES.anthropic;
    c.middlewareStack.add((next) => (args) => {
        args.request.headers['x-amzn-bedrock-request-metadata'] = JSON.stringify({ environment: 'test', applicationId: 'invented', job: '7' });
        return next(args);
    }, { step: 'build', priority: 'low', name: 'addMetadata' });
    await whole(c, family.id, family.body('x', 20));
    const [asked] = (await sim.settled()).last_requests;
    assert.deepEqual({ ...asked.requestMetadata },
        { environment: 'test', applicationId: 'reporter', job: '7', costCenter: 'sales' });
    assert.equal((await onlyCall(core)).tags.environment, 'test');
});
