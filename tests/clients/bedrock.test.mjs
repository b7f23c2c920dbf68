// The AWS SDK for JavaScript, unmodified, through tollgate to the simulated Bedrock.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http2 from 'node:http2';
import test from 'node:test';

import {
    BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand, CountTokensCommand,
} from '@aws-sdk/client-bedrock-runtime';
import { NodeHttp2Handler, NodeHttpHandler } from '@smithy/node-http-handler';

import { wordCount } from '../lib/calls.mjs';
import { configuration, Core, MODELS, selfSigned, Simulation, until } from '../lib/harness.mjs';

const PROFILE = 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123def456';
const HAIKU = 'us.anthropic.claude-3-5-haiku-20241022-v1:0';
const LITE = 'amazon.nova-lite-v1:0';
const ATTEMPTS = 3;

// What each version of HTTP is asked for with: nothing is the SDK's own default, HTTP/2.
const PROTOCOLS = {
    'HTTP/2': () => undefined,
    'HTTP/1.1': () => new NodeHttpHandler({ httpAgent: { maxSockets: 200 } }),
};
const IDENTITIES = { SigV4: {}, bearer: { bearer: true } };

function client(t, core, key, { bearer = false, handler, url = core.url, ...more } = {}) {
    const c = new BedrockRuntimeClient({
        region: 'us-east-1',
        endpoint: url,
        maxAttempts: ATTEMPTS,
        ...(handler ? { requestHandler: handler } : {}),
        ...(bearer
            ? { token: { token: key.bearerToken }, authSchemePreference: ['httpBearerAuth'] }
            : { credentials: { accessKeyId: key.accessKeyId, secretAccessKey: key.secretAccessKey } }),
        ...more,
    });
    t.after(() => c.destroy());
    return c;
}

const input = (text, modelId, more = {}) => ({
    modelId, messages: [{ role: 'user', content: [{ text }] }], ...more,
});
const converse = (c, text, modelId = LITE, more = {}) => c.send(new ConverseCommand(input(text, modelId, more)));
const answerText = (answer) => answer.output.message.content[0].text;

async function readStream(answer, each = () => {}) {
    const seen = { text: '', deltas: 0, usage: null, stopReason: null };
    for await (const event of answer.stream) {
        if (event.contentBlockDelta) {
            seen.text += event.contentBlockDelta.delta.text;
            seen.deltas++;
        }
        seen.stopReason = event.messageStop?.stopReason ?? seen.stopReason;
        seen.usage = event.metadata?.usage ?? seen.usage;
        await each(seen, event);
    }
    return seen;
}
const stream = async (c, text, modelId = LITE, more = {}) =>
    readStream(await c.send(new ConverseStreamCommand(input(text, modelId, more))));

// The error of a command that must fail, with the name, status and number of attempts that are wanted.
async function refused(promise, name, status, attempts = 1) {
    const e = await promise.then(() => assert.fail(`answered, instead of ${name}`), (error) => error);
    assert.equal(e.name, name, `${e.name}: ${e.message}`);
    assert.equal(e.$metadata.httpStatusCode, status, e.message);
    assert.equal(e.$metadata.attempts, attempts, `attempts until ${name}: ${e.message}`);
    return e;
}

test('a clock about five minutes off is taken as it is, or mended by the SDK, but never left refused', async (t) => {
    const { core } = await startBoth(t);
    const key = await core.key();
    // The SDK sets its clock when the Date of a refusal is five minutes off, as it sees it.
    for (const off of [-311, -310.5, -310, -309.5, -302, -301, -300.5, -300, -299.5, 299, 299.5, 300, 300.5, 301, 301.5, 302, 303]) {
        const edge = client(t, core, key, { systemClockOffset: off * 1000 });
        assert.ok(answerText(await converse(edge, 'x', LITE, { inferenceConfig: MANY })), `${off} s`);
    }
});

test('an ARN of another account is denied to the SDK at once, without a second try', async (t) => {
    const { core } = await startBoth(t);
    const c = client(t, core, await core.key());
    const foreign = `arn:aws:bedrock:us-east-1:999999999999:inference-profile/${HAIKU}`;
    await until('STS to say whose account it is', () => converse(c, 'x', foreign).then(() => false, () => true));
    const e = await refused(converse(c, 'x', foreign), 'AccessDeniedException', 403);
    assert.match(e.message, /another AWS account/);
    await refused(stream(c, 'x', foreign), 'AccessDeniedException', 403);
    assert.ok(answerText(await converse(c, 'x', foreign.replace('999999999999', '123456789012'))));
});

const MANY = { maxTokens: 50 };

async function startBoth(t, more = {}, simOptions = {}) {
    const sim = await Simulation.start(t, simOptions);
    const core = await Core.start(t, sim, configuration(sim, more));
    return { sim, core };
}

for (const [protocol, handler] of Object.entries(PROTOCOLS)) {
    for (const [identity, how] of Object.entries(IDENTITIES)) {
        test(`${protocol}, ${identity}: Converse and ConverseStream as the simulation counts them`, async (t) => {
            const { sim, core } = await startBoth(t);
            const c = client(t, core, await core.key(), { ...how, handler: handler() });
            const whole = await converse(c, 'one two three four', LITE, { inferenceConfig: MANY });
            let ledger = await sim.settled();
            assert.equal(whole.usage.inputTokens, ledger.input_tokens);
            assert.equal(whole.usage.outputTokens, ledger.output_tokens);
            assert.equal(whole.usage.totalTokens, ledger.input_tokens + ledger.output_tokens);
            assert.equal(wordCount(answerText(whole)), ledger.delivered_output_tokens);
            assert.equal(whole.output.message.role, 'assistant');
            assert.ok(['end_turn', 'max_tokens'].includes(whole.stopReason), whole.stopReason);

            const streamed = await stream(c, 'one two three four five', LITE, { inferenceConfig: MANY });
            const before = ledger;
            ledger = await sim.settled();
            assert.equal(streamed.usage.inputTokens, ledger.input_tokens - before.input_tokens);
            assert.equal(streamed.usage.outputTokens, ledger.output_tokens - before.output_tokens);
            assert.equal(wordCount(streamed.text), ledger.output_tokens - before.output_tokens);
            assert.ok(['end_turn', 'max_tokens'].includes(streamed.stopReason), streamed.stopReason);
            assert.equal(ledger.signature_failures, 0);

            const calls = (await core.calls()).sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
            assert.deepEqual(calls.map((l) => [l.operation, l.usage.input_tokens, l.usage.output_tokens, l.usage_source]), [
                ['Converse', whole.usage.inputTokens, whole.usage.outputTokens, 'reported'],
                ['ConverseStream', streamed.usage.inputTokens, streamed.usage.outputTokens, 'reported'],
            ]);
        });
    }

    test(`${protocol}: a model by name, by ID with a colon, by profile ARN is one model`, async (t) => {
        const models = [...MODELS, { name: 'haiku-of-sales', id: PROFILE, base: 'claude-3-5-haiku' }];
        const { sim, core } = await startBoth(t, { models });
        const c = client(t, core, await core.key(), { handler: handler() });
        const names = ['claude-3-5-haiku', HAIKU, 'anthropic.claude-3-5-haiku-20241022-v1:0', PROFILE];
        for (const name of names) {
            const answer = await converse(c, `by ${name}`, name, { inferenceConfig: MANY });
            assert.equal(wordCount(answerText(answer)), answer.usage.outputTokens, name);
            const streamed = await stream(c, `by ${name}`, name, { inferenceConfig: MANY });
            assert.equal(wordCount(streamed.text), streamed.usage.outputTokens, name);
        }
        const ledger = await sim.settled();
        assert.deepEqual(Object.keys(ledger.by_model).sort(),
            [HAIKU, 'anthropic.claude-3-5-haiku-20241022-v1:0', PROFILE].sort(), 'what was called upstream');
        assert.equal(ledger.by_model[PROFILE].completed, 2);
        const { rows } = await core.json('usage', '--by', 'model');
        assert.deepEqual(rows.map((r) => [r.key.model, r.requests]), [['claude-3-5-haiku', 8]]);
    });

    test(`${protocol}: 100 streams at once`, { timeout: 120000 }, async (t) => {
        const { sim, core } = await startBoth(t, {}, { tokenDelayUs: 5000 });
        const own = protocol === 'HTTP/2' ? new NodeHttp2Handler({ maxConcurrentStreams: 100 }) : handler();
        const c = client(t, core, await core.key(), { handler: own });
        let begun = 0;
        let allBegan;
        const together = new Promise((resolve) => { allBegan = resolve; });
        const all = await Promise.all(Array.from({ length: 100 }, async (_, i) => {
            const answer = await c.send(new ConverseStreamCommand(input(`stream ${i} [sim:output=60]`, LITE)));
            return readStream(answer, (seen) => {
                if (seen.deltas === 0 && ++begun === 100) {
                    allBegan();
                }
                return together; // nobody reads on before all have begun
            });
        }));
        for (const seen of all) {
            assert.equal(seen.usage.outputTokens, 60);
            assert.equal(wordCount(seen.text), 60);
            assert.equal(seen.stopReason, 'end_turn');
        }
        const ledger = await sim.settled();
        assert.equal(ledger.completed, 100);
        const sum = all.reduce((n, s) => n + s.usage.inputTokens + s.usage.outputTokens, 0);
        assert.equal(sum, ledger.input_tokens + ledger.output_tokens);
        const { rows } = await core.json('usage');
        assert.equal(rows[0].input_tokens + rows[0].output_tokens, sum);
    });

    test(`${protocol}: an abort in the middle of a stream`, async (t) => {
        const { sim, core } = await startBoth(t, {}, { tokenDelayUs: 20000 });
        const c = client(t, core, await core.key(), { handler: handler() });
        const abort = new AbortController();
        const answer = await c.send(new ConverseStreamCommand(input('[sim:output=1000]', LITE)), { abortSignal: abort.signal });
        let text = '';
        let deltas = 0;
        for await (const event of answer.stream) {
            text += event.contentBlockDelta?.delta.text ?? '';
            deltas += event.contentBlockDelta ? 1 : 0;
            if (deltas === 3) {
                abort.abort();
                break;
            }
        }
        const ledger = await until('the simulation to notice the abort', async () => {
            const now = await sim.ledger();
            return now.aborted === 1 && now;
        });
        assert.equal(ledger.completed, 0);
        const [line] = await until('the audit to tell', async () => {
            const lines = await core.calls();
            return lines.length === 1 && lines;
        });
        assert.equal(line.usage_source, 'estimated');
        assert.ok(line.usage.output_tokens >= ledger.delivered_output_tokens,
            `${line.usage.output_tokens} counted, ${ledger.delivered_output_tokens} delivered`);
        assert.ok(line.usage.output_tokens >= wordCount(text));
        assert.ok(line.usage.input_tokens > 0);
        const status = await core.json('status');
        assert.equal(status.totals.open, 0);
        assert.equal(status.totals.estimated, 1);
    });

    test(`${protocol}: denials by name, retried or not`, async (t) => {
        const limits = [
            { name: 'minute', model: 'nova-lite', requests: 1, window: '1m' },
            { name: 'day', model: 'nova-micro', requests: 1, window: 'day' },
            { name: 'blocked', model: 'claude-3-5-haiku', requests: 1000, window: '1m' },
        ];
        const { sim, core } = await startBoth(t, { limits });
        const c = client(t, core, await core.key(), { handler: handler() });
        // A window may turn between the two calls: the second minute then denies.
        const deniedInMinute = async (send) => {
            for (let i = 0; i < 3; i++) {
                const error = await send().then(() => null, (e) => e);
                if (error) {
                    return error;
                }
            }
            return assert.fail('never denied');
        };
        const quick = client(t, core, await core.key('quick'), { handler: handler(), maxAttempts: 1 });
        const throttled = await deniedInMinute(() => converse(quick, 'x', LITE, { inferenceConfig: MANY }));
        assert.equal(throttled.name, 'ThrottlingException');
        assert.equal(throttled.$metadata.httpStatusCode, 429);
        assert.match(throttled.message, /^limit minute: /);
        assert.ok(throttled.$retryable?.throttling || throttled.$retryable === undefined);
        const inStream = await deniedInMinute(() => quick.send(new ConverseStreamCommand(input('x', LITE))));
        assert.equal(inStream.name, 'ThrottlingException');

        await converse(c, 'x', 'nova-micro', { inferenceConfig: MANY });
        const quota = await refused(converse(c, 'x', 'nova-micro'), 'ServiceQuotaExceededException', 400);
        assert.match(quota.message, /^limit day: /);
        await refused(c.send(new ConverseStreamCommand(input('x', 'nova-micro'))), 'ServiceQuotaExceededException', 400);

        assert.equal((await core.run('limit', 'block', 'blocked', '--yes')).status, 0);
        const blocked = await refused(converse(c, 'x', HAIKU), 'ServiceQuotaExceededException', 400);
        assert.match(blocked.message, /^limit blocked: .*operator/);
        assert.equal((await core.run('limit', 'unblock', 'blocked')).status, 0);
        await converse(c, 'x', HAIKU, { inferenceConfig: MANY });
        assert.equal((await sim.settled()).by_model['amazon.nova-micro-v1:0'].calls, 1);
    });

    test(`${protocol}: a throttled call is retried after the wait that the headers ask for`, async (t) => {
        const { sim, core } = await startBoth(t, { limits: [{ name: 'short', requests: 1, window: '10s' }] });
        const c = client(t, core, await core.key(), { handler: handler(), maxAttempts: 8 });
        await converse(c, 'first', LITE, { inferenceConfig: MANY });
        const second = await converse(c, 'second', LITE, { inferenceConfig: MANY });
        const { totals } = await core.json('status');
        assert.equal(totals.approved, 2);
        assert.equal(totals.denied, second.$metadata.attempts - 1, 'each denied attempt is one request');
        assert.equal((await sim.settled()).completed, 2);
    });

    test(`${protocol}: each wrong request by error name and status`, async (t) => {
        const { sim, core } = await startBoth(t, { tags: { required: ['costCenter'] } });
        const good = await core.key();
        const at = (key, more = {}) => client(t, core, key, { handler: handler(), ...more });

        const wrong = { ...good, secretAccessKey: `x${good.secretAccessKey.slice(1)}x`, bearerToken: `${good.bearerToken}x` };
        await refused(converse(at(wrong), 'x'), 'UnrecognizedClientException', 403);
        await refused(converse(at(wrong, { bearer: true }), 'x'), 'UnrecognizedClientException', 403);
        const stranger = { ...good, accessKeyId: 'AKIAIOSFODNN7EXAMPLE' };
        await refused(converse(at(stranger), 'x'), 'UnrecognizedClientException', 403);
        await refused(converse(at(good, { region: 'eu-west-1' }), 'x'), 'UnrecognizedClientException', 403);
        // A clock that is 20 minutes off is refused; from the Date of the refusal the SDK mends it and tries again.
        const mended = await converse(at(good, { systemClockOffset: 20 * 60 * 1000 }), 'x', LITE, { inferenceConfig: MANY });
        assert.equal(mended.$metadata.attempts, 2);
        const slow = at(good, { systemClockOffset: -20 * 60 * 1000, maxAttempts: 1 });
        const skewed = await refused(converse(slow, 'x'), 'InvalidSignatureException', 403);
        assert.match(skewed.message, /x-amz-date \w+ is more than 5 minutes off: it is \w+ here/);
        assert.equal((await converse(slow, 'x', LITE, { inferenceConfig: MANY })).$metadata.attempts, 1, 'it is right now');

        const short = await core.key('short', 'sales', '--expires', '1s');
        const c = at(short, { bearer: true });
        await until('the key to expire', () => Date.parse(short.expires_at) < Date.now());
        const expired = await refused(converse(c, 'x'), 'UnrecognizedClientException', 403);
        assert.match(expired.message, /expired/);
        await refused(converse(at(short), 'x'), 'UnrecognizedClientException', 403);

        const revoked = await core.key('revoked');
        const before = [at(revoked), at(revoked, { bearer: true })];
        for (const each of before) {
            await converse(each, 'x', LITE, { inferenceConfig: MANY });
        }
        assert.equal((await core.run('key', 'revoke', revoked.accessKeyId)).status, 0);
        for (const each of before) {
            await refused(converse(each, 'x'), 'UnrecognizedClientException', 403);
        }

        const untagged = await core.json('key', 'add', '--application', 'untagged');
        const missing = await refused(converse(at(untagged), 'x'), 'ValidationException', 400);
        assert.match(missing.message, /costCenter/);
        const unknown = await refused(converse(at(good), 'x', 'acme.unheard-of-v1:0'), 'ValidationException', 400);
        assert.match(unknown.message, /acme\.unheard-of-v1:0/);
        await refused(at(good).send(new ConverseStreamCommand(input('x', 'acme.unheard-of-v1:0'))), 'ValidationException', 400);

        const broken = at(good, { bearer: true }); // SigV4 would have signed the whole body
        broken.middlewareStack.add((next) => (args) => {
            args.request.body = '{"messages": [';
            args.request.headers['content-length'] = String(args.request.body.length);
            return next(args);
        }, { step: 'build', priority: 'low', name: 'breakBody' });
        await refused(converse(broken, 'x'), 'ValidationException', 400);
        const changed = at(good);
        changed.middlewareStack.add((next) => (args) => {
            args.request.body = args.request.body.replace('innocent', 'changed!');
            return next(args);
        }, { step: 'finalizeRequest', priority: 'low', name: 'changeSignedBody' });
        await refused(converse(changed, 'innocent'), 'UnrecognizedClientException', 403);

        const ledger = await sim.settled();
        assert.equal(ledger.calls, 4, 'only the good calls went upstream');
        assert.equal(ledger.signature_failures, 0);
        const { totals } = await core.json('status');
        assert.equal(totals.approved, 4);
        assert.equal(totals.requests, 4, 'rejected ones are counted apart');
        assert.equal(totals.rejected, 15);
    });

    test(`${protocol}: what was not signed does not take effect`, async (t) => {
        const { core } = await startBoth(t, { tags: { from_caller: ['environment'] } });
        const key = await core.key();
        const added = (name, value, step) => {
            const c = client(t, core, key, { handler: handler() });
            const ignored = [];
            c.middlewareStack.add((next) => async (args) => {
                args.request.headers[name] = value;
                const result = await next(args);
                ignored.push(result.response.headers['x-tollgate-tags-ignored']);
                return result;
            }, { step, priority: 'low', name: 'addHeader' });
            return { c, ignored };
        };
        for (const [step, tag, ignored] of [['build', 'prod', undefined], ['finalizeRequest', undefined, 'environment']]) {
            const tagged = added('x-tollgate-tags', 'environment=prod', step);
            await converse(tagged.c, 'x', LITE, { inferenceConfig: MANY });
            assert.deepEqual(tagged.ignored, [ignored]);
            const [line] = (await core.calls()).filter((l) => (l.tags.environment === 'prod') === (tag === 'prod'));
            assert.equal(line.tags.environment, tag);
        }
        const tier = added('x-amzn-bedrock-service-tier', 'priority', 'finalizeRequest');
        const e = await refused(converse(tier.c, 'x'), 'UnrecognizedClientException', 403);
        assert.match(e.message, /x-amzn-bedrock-service-tier is not signed/);
    });

    test(`${protocol}: CountTokens, and the request ID on every answer`, async (t) => {
        const { core } = await startBoth(t, { limits: [{ name: 'day', model: 'nova-micro', requests: 0, window: 'day' }] });
        const c = client(t, core, await core.key(), { handler: handler() });
        const ids = [];
        c.middlewareStack.add((next) => async (args) => {
            const result = await next(args);
            ids.push(result.response.headers['x-tollgate-request-id']);
            return result;
        }, { step: 'deserialize', priority: 'low', name: 'readHeaders' });
        const body = input('one two three', LITE);
        const counted = await c.send(new CountTokensCommand({ modelId: LITE, input: { converse: { messages: body.messages } } }));
        const answer = await c.send(new ConverseCommand({ ...body, inferenceConfig: MANY }));
        assert.equal(counted.inputTokens, answer.usage.inputTokens);
        await stream(c, 'x', LITE, { inferenceConfig: MANY });
        await converse(c, 'x', 'nova-micro').catch(() => {});
        await converse(c, 'x', 'acme.unheard-of-v1:0').catch(() => {});
        assert.equal(ids.length, 5);
        for (const id of ids) {
            assert.match(id ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
        }
        assert.equal(new Set(ids).size, ids.length);
        const audited = new Set((await core.calls()).map((l) => l.request_id));
        for (const id of ids.slice(1)) {
            assert.ok(audited.has(id), `${id} is in the audit`);
        }
    });

    test(`${protocol}: a prompt of 5 MB passes, a body above max_body does not`, async (t) => {
        const { sim, core } = await startBoth(t, { requests: { max_body: '6MB' } });
        const key = await core.key();
        const large = 'large '.repeat(5_000_000 / 6);
        for (const how of Object.values(IDENTITIES)) {
            const c = client(t, core, key, { handler: handler(), ...how });
            const answer = await converse(c, large, LITE, { inferenceConfig: MANY });
            assert.ok(answer.usage.inputTokens > 1_000_000, `${answer.usage.inputTokens}`);
            await refused(converse(c, large + large, LITE), 'ValidationException', 413);
            await converse(c, 'and on it goes', LITE, { inferenceConfig: MANY });
        }
        assert.equal((await sim.settled()).completed, 4);
    });

    test(`${protocol} over TLS`, async (t) => {
        const files = selfSigned(t);
        const { sim, core } = await startBoth(t, {
            listen: [{ address: '127.0.0.1:0', ...files }],
        });
        assert.match(core.url, /^https:/);
        const ca = fs.readFileSync(files.certificate);
        const key = await core.key();
        if (protocol === 'HTTP/2') { // the SDK's handler has no way to be given a certificate authority
            const { connect } = http2;
            http2.connect = (url) => connect(url, { ca });
            t.after(() => { http2.connect = connect; });
        }
        const own = protocol === 'HTTP/2' ? undefined : new NodeHttpHandler({ httpsAgent: { ca } });
        for (const how of Object.values(IDENTITIES)) {
            const c = client(t, core, key, { handler: own, ...how });
            const answer = await converse(c, 'over TLS', LITE, { inferenceConfig: MANY });
            assert.equal(wordCount(answerText(answer)), answer.usage.outputTokens);
            const streamed = await stream(c, 'over TLS', LITE, { inferenceConfig: MANY });
            assert.equal(wordCount(streamed.text), streamed.usage.outputTokens);
        }
        assert.equal((await sim.settled()).completed, 4);
    });
}
