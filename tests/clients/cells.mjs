// What every SDK must do through tollgate, in a process of its own: `node cells.mjs SDK`, told by TOLLGATE_CELLS where and with which key.
// Prints what its answers said they used.
import assert from 'node:assert/strict';

import { wordCount } from '../lib/calls.mjs';

const { url, plain, key } = JSON.parse(process.env.TOLLGATE_CELLS);
const AT_ONCE = 100;
setInterval(() => {}, 1000); // an SDK may leave nothing that keeps the process running while a call waits
const HUGE = 'large '.repeat(4_100_000); // 24.6 MB; requests.max_body is 25 MB

// An SDK: client(url, key, retries), ask(client, text) and stream(client, text, each, abort), both giving {text, input, output}.
const aws = (httpVersion, bearer) => async () => {
    const { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand } = await import('@aws-sdk/client-bedrock-runtime');
    const { NodeHttp2Handler, NodeHttpHandler } = await import('@smithy/node-http-handler');
    const input = (text, maxTokens = 100) => ({ modelId: 'nova-lite', messages: [{ role: 'user', content: [{ text }] }], inferenceConfig: { maxTokens } });
    const used = (text, usage) => ({ text, input: usage?.inputTokens, output: usage?.outputTokens });
    return {
        client: (endpoint, k, retries) => new BedrockRuntimeClient({
            region: 'us-east-1', endpoint, maxAttempts: retries + 1,
            requestHandler: httpVersion === 2 ? new NodeHttp2Handler() : new NodeHttpHandler({ httpAgent: { maxSockets: AT_ONCE }, httpsAgent: { maxSockets: AT_ONCE } }),
            ...(bearer ? { token: { token: k.bearerToken }, authSchemePreference: ['httpBearerAuth'] } : { credentials: k }),
        }),
        ask: async (c, text) => {
            const answer = await c.send(new ConverseCommand(input(text)));
            return used(answer.output.message.content[0].text, answer.usage);
        },
        stream: async (c, text, each, controller) => {
            const answer = await c.send(new ConverseStreamCommand(input(text, 3000)), { abortSignal: controller.signal });
            let [said, usage] = ['', null];
            for await (const event of answer.stream) {
                said += event.contentBlockDelta?.delta.text ?? '';
                usage = event.metadata?.usage ?? usage;
                if (event.contentBlockDelta && each()) {
                    break;
                }
            }
            return used(said, usage);
        },
        status: (e) => e.$metadata?.httpStatusCode,
    };
};

const openai = async () => {
    const { default: OpenAI } = await import('openai');
    const asked = (text, max_tokens = 100) => ({ model: 'gpt-oss', max_tokens, messages: [{ role: 'user', content: text }] });
    const used = (text, usage) => ({ text, input: usage?.prompt_tokens, output: usage?.completion_tokens });
    return {
        client: (at, k, maxRetries) => new OpenAI({ apiKey: k.bearerToken, baseURL: `${at}/v1`, maxRetries, logLevel: 'off' }),
        ask: async (c, text) => {
            const answer = await c.chat.completions.create(asked(text));
            return used(answer.choices[0].message.content, answer.usage);
        },
        stream: async (c, text, each, controller) => {
            let [said, usage] = ['', null];
            const options = { stream: true, stream_options: { include_usage: true } };
            for await (const chunk of await c.chat.completions.create({ ...asked(text, 3000), ...options }, { signal: controller.signal })) {
                said += chunk.choices[0]?.delta.content ?? '';
                usage = chunk.usage ?? usage;
                if (chunk.choices[0]?.delta.content && each()) {
                    break;
                }
            }
            return used(said, usage);
        },
        status: (e) => e.status,
    };
};

const anthropic = (model, make) => async () => {
    const client = await make();
    const asked = (text, max_tokens = 100) => ({ model, max_tokens, messages: [{ role: 'user', content: text }] });
    return {
        client,
        ask: async (c, text) => {
            const { content, usage } = await c.messages.create(asked(text));
            return { text: content[0].text, input: usage.input_tokens, output: usage.output_tokens };
        },
        stream: async (c, text, each, controller) => {
            const seen = { text: '' };
            for await (const event of await c.messages.create({ ...asked(text, 3000), stream: true }, { signal: controller.signal })) {
                seen.text += event.delta?.text ?? '';
                seen.input = event.message?.usage?.input_tokens ?? seen.input;
                seen.output = event.usage?.output_tokens ?? seen.output;
                if (event.delta?.text && each()) {
                    break;
                }
            }
            return seen;
        },
        status: (e) => e.status,
    };
};

const SDKS = {
    'AWS, HTTP/2, SigV4': aws(2, false),
    'AWS, HTTP/1.1, bearer': aws(1, true),
    openai,
    anthropic: anthropic('sonnet', async () => {
        const { default: Anthropic } = await import('@anthropic-ai/sdk');
        return (at, k, maxRetries) => new Anthropic({ apiKey: k.bearerToken, baseURL: `${at}/anthropic`, maxRetries, logLevel: 'off' });
    }),
    'anthropic on Bedrock': anthropic('us.anthropic.claude-3-5-haiku-20241022-v1:0', async () => {
        const { default: AnthropicBedrock } = await import('@anthropic-ai/bedrock-sdk');
        return (at, k, maxRetries) => new AnthropicBedrock({
            awsAccessKey: k.accessKeyId, awsSecretKey: k.secretAccessKey, awsRegion: 'us-east-1', baseURL: at, maxRetries, logLevel: 'off',
        });
    }),
};

const sdk = await SDKS[process.argv[2]]();
const total = { calls: 0, input: 0, output: 0 };
const whole = (answer, words) => {
    assert.deepEqual([wordCount(answer.text), answer.output], [words, words]);
    assert.ok(answer.input > 0);
    total.calls++;
    total.input += answer.input;
    total.output += answer.output;
};
const status = (promise) => promise.then(() => 200, (e) => sdk.status(e) ?? e);
const client = sdk.client(url, key, 0);

whole(await sdk.ask(client, 'hello [sim:output=30]'), 30);
whole(await sdk.stream(client, 'hello [sim:output=30]', () => false, new AbortController()), 30);

const stranger = { accessKeyId: key.accessKeyId, secretAccessKey: `x${key.secretAccessKey.slice(1)}`, bearerToken: `${key.bearerToken}x` };
assert.ok([401, 403].includes(await status(sdk.ask(sdk.client(url, stranger, 0), 'hello'))));
assert.equal(await status(sdk.ask(client, '[sim:fault=500]')), 500);
assert.equal(await status(sdk.ask(sdk.client(url, key, 1), '[sim:fault=500]')), 500); // asked twice

let deltas = 0;
const leaving = new AbortController();
await sdk.stream(client, '[sim:output=2500]', () => {
    deltas++;
    if (deltas === 3) {
        leaving.abort();
    }
    return deltas === 3;
}, leaving).catch((e) => assert.match(e.name, /Abort/));
assert.equal(deltas, 3);

for (const at of [url, plain]) {
    const answer = await sdk.ask(sdk.client(at, key, 0), `${HUGE}[sim:output=10]`);
    assert.ok(answer.input > 4_000_000, `${answer.input}`);
    whole(answer, 10);
}
assert.equal(await status(sdk.ask(client, `${HUGE}${'x'.repeat(2e6)}`)), 413);

await Promise.all(Array.from({ length: AT_ONCE }, async (_, i) =>
    whole(await sdk.stream(client, `stream ${i} [sim:output=20]`, () => false, new AbortController()), 20)));
console.log(JSON.stringify(total));
process.exit(0); // what an SDK keeps open does not hold the test up
