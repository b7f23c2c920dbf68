// What goes wrong around the core: upstreams, clients, files, signals. Each gets a clear answer and nothing is left behind.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';

import { call, converseBody, request, wordCount } from '../lib/calls.mjs';
import { crc32 } from '../lib/eventstream.mjs';
import { assertNothingReserved, configuration, Core, Simulation, temporaryDirectory, until } from '../lib/harness.mjs';

const LIMITS = [
    { name: 'tokens', tokens: '1M', window: 'month' },
    { name: 'calls', requests: 1000, window: 'month' },
    { name: 'at-once', concurrency: 100 },
];

async function begin(t, more = {}, simOptions = {}) {
    const sim = await Simulation.start(t, simOptions);
    const core = await Core.start(t, sim, configuration(sim, { limits: LIMITS, ...more }));
    return { sim, core, key: await core.key() };
}

// The one line of the audit for an answer.
const lineOf = async (core, answer) => {
    const lines = (await core.calls()).filter((l) => l.request_id === answer.requestId);
    assert.equal(lines.length, 1, `lines for ${answer.requestId}`);
    return lines[0];
};

async function usedOf(core) {
    const { limits } = await assertNothingReserved(core);
    return Object.fromEntries(limits.map((l) => [l.name, l.used]));
}

function listenOn(t, server) {
    return new Promise((resolve) => {
        server.listen(0, '127.0.0.1', () => resolve(server.address().port));
        t.after(() => {
            server.close();
            server.closeAllConnections?.();
        });
    });
}

// A frame of an event stream, as Bedrock writes it.
function frame(type, data) {
    const text = (name, value) => Buffer.concat([Buffer.from([name.length]), Buffer.from(name), Buffer.from([7, 0, value.length]), Buffer.from(value)]);
    const headers = Buffer.concat([text(':event-type', type), text(':content-type', 'application/json'), text(':message-type', 'event')]);
    const payload = Buffer.from(JSON.stringify(data));
    const whole = Buffer.alloc(16 + headers.length + payload.length);
    whole.writeUInt32BE(whole.length, 0);
    whole.writeUInt32BE(headers.length, 4);
    whole.writeUInt32BE(crc32(whole.subarray(0, 8)), 8);
    headers.copy(whole, 12);
    payload.copy(whole, 12 + headers.length);
    whole.writeUInt32BE(crc32(whole.subarray(0, whole.length - 4)), whole.length - 4);
    return whole;
}

// --- upstreams ---

test('a dead upstream: 502 in Bedrock\'s shape, nothing charged', async (t) => {
    const server = net.createServer();
    const port = await listenOn(t, server);
    server.close(); // now nobody listens there
    const core = await Core.start(t, null, configuration(null, { limits: LIMITS, endpoints: { 'bedrock-runtime': `http://127.0.0.1:${port}` } }));
    const key = await core.key();
    for (const stream of [false, true]) {
        const answer = await call(core, key, { stream, maxTokens: 10 });
        assert.deepEqual([answer.status, answer.errorType], [502, 'InternalServerException']);
        assert.match(answer.json.message, /upstream/);
        const line = await lineOf(core, answer);
        assert.deepEqual([line.outcome, line.http_status, line.usage.input_tokens, line.usage.output_tokens], ['failed', 502, 0, 0]);
    }
    assert.deepEqual(await usedOf(core), { 'tokens': 0, 'calls': 0, 'at-once': 0 });
});

test('a slow upstream: 504, charged by estimate', async (t) => {
    const { core, key } = await begin(t, { upstream: { first_byte_timeout: '250ms' } }, { latencyMs: 5000 });
    for (const stream of [false, true]) {
        const answer = await call(core, key, { stream, maxTokens: 10 });
        assert.equal(answer.status, 504);
        assert.match(answer.json.message, /upstream/);
        const line = await lineOf(core, answer);
        assert.deepEqual([line.outcome, line.usage_source], ['failed', 'estimated']);
        assert.ok(line.usage.input_tokens > 0);
        assert.equal(line.http_status, 504, 'the audit has the status that the client got');
    }
    await usedOf(core);
});

test('an upstream that stalls after its head: an exception frame within upstream.idle_timeout', async (t) => {
    const { sim, core, key } = await begin(t, { upstream: { idle_timeout: '250ms' } });
    const answer = await call(core, key, { text: '[sim:fault=stall]', stream: true, maxTokens: 10 });
    assert.ok(answer.exception, `${answer.status} ${answer.errorType} ${answer.error}`);
    assert.equal(answer.error, null);
    const line = await lineOf(core, answer);
    assert.deepEqual([line.outcome, line.usage_source], ['failed', 'estimated']);
    await sim.settled();
    await usedOf(core);
});

for (const [how, cutAt] of [['between frames', 0], ['within a frame', 20]]) {
    test(`a stream cut upstream ${how} ends with an exception frame`, async (t) => {
        const server = http.createServer((asked, answer) => {
            asked.resume().on('end', () => {
                answer.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
                answer.write(frame('messageStart', { role: 'assistant' }));
                const last = frame('contentBlockDelta', { contentBlockIndex: 0, delta: { text: ' three four' } });
                const bytes = [frame('contentBlockDelta', { contentBlockIndex: 0, delta: { text: 'one two' } }), last.subarray(0, cutAt)];
                answer.write(Buffer.concat(bytes), () => answer.destroy());
            });
        });
        const port = await listenOn(t, server);
        const core = await Core.start(t, null, configuration(null, { limits: LIMITS, endpoints: { 'bedrock-runtime': `http://127.0.0.1:${port}` } }));
        const answer = await call(core, await core.key(), { stream: true, maxTokens: 50 });
        assert.equal(answer.status, 200);
        assert.equal(answer.text, 'one two');
        assert.equal(answer.malformed, null, 'only whole frames reach the client');
        assert.match(answer.exception?.name ?? 'no exception', /^(internalServer|serviceUnavailable|modelStreamError)Exception$/);
        assert.equal(answer.error, null, 'the stream ends as HTTP says');
        const line = await lineOf(core, answer);
        assert.deepEqual([line.outcome, line.usage_source], ['failed', 'estimated']);
        assert.ok(line.usage.output_tokens >= 2);
        assert.equal(line.http_status, 200, 'the audit has the status that the client got');
        await usedOf(core);
    });
}

test('what Bedrock refuses passes untouched and is not charged', async (t) => {
    const { sim, core, key } = await begin(t);
    const wanted = { throttle: [429, 'ThrottlingException'], 500: [500, 'InternalServerException'], 503: [503, 'ServiceUnavailableException'] };
    for (const [fault, [status, type]] of Object.entries(wanted)) {
        for (const stream of [false, true]) {
            const answer = await call(core, key, { text: `[sim:fault=${fault}]`, stream, maxTokens: 10 });
            assert.deepEqual([answer.status, answer.errorType], [status, type]);
            assert.equal(answer.json.tollgate, undefined);
            assert.equal(answer.headers['x-tollgate-limit'], undefined);
            const line = await lineOf(core, answer);
            assert.deepEqual([line.outcome, line.http_status, line.usage.input_tokens + line.usage.output_tokens], ['failed', status, 0]);
        }
    }
    assert.equal((await sim.settled()).refused, 6);
    assert.deepEqual(await usedOf(core), { 'tokens': 0, 'calls': 0, 'at-once': 0 });
});

test('an exception of Bedrock in a stream, a frame with a wrong checksum, a slow head', async (t) => {
    const { sim, core, key } = await begin(t);
    const thrown = await call(core, key, { text: '[sim:fault=exception][sim:output=30]', stream: true });
    assert.equal(thrown.exception?.name, 'throttlingException');
    assert.deepEqual([(await lineOf(core, thrown)).outcome, (await lineOf(core, thrown)).usage_source], ['failed', 'estimated']);
    const damaged = await call(core, key, { text: '[sim:fault=badcrc][sim:output=30]', stream: true });
    assert.ok(damaged.malformed || damaged.exception || damaged.error, 'the client notices');
    assert.ok((await lineOf(core, damaged)).usage.output_tokens >= wordCount(damaged.text));
    const slow = await call(core, key, { text: '[sim:fault=slow_head][sim:output=30]' });
    assert.equal(slow.usage?.outputTokens, 30);
    assert.equal((await call(core, key, { maxTokens: 5 })).status, 200);
    await sim.settled();
    await usedOf(core);
});

test('clients that vanish before, while and after they are answered', async (t) => {
    const { sim, core, key } = await begin(t, {}, { latencyMs: 200 });
    const body = converseBody('[sim:output=20]');
    const head = (length) => `POST /model/nova-lite/converse HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key.bearerToken}\r\n`
        + `Content-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
    const { hostname, port } = new URL(core.url);
    const leave = (bytes, when) => new Promise((resolve) => {
        const socket = net.connect(Number(port), hostname, () => socket.write(bytes, () => when(socket)));
        socket.on('error', () => {});
        socket.on('close', resolve);
    });
    await leave(head(body.length + 100) + body, (s) => s.destroy()); // in the middle of its body
    assert.equal((await sim.ledger()).calls, 0);
    await leave(head(body.length) + body, (s) => until('the call to go upstream', async () => (await sim.ledger()).calls > 0).then(() => s.resetAndDestroy()));
    await until('the upstream call to be aborted', async () => (await sim.ledger()).aborted === 1);
    const [line] = await until('the call to be in the audit', async () => {
        const lines = (await core.calls()).filter((l) => l.outcome !== 'rejected');
        return lines.length > 0 && lines;
    });
    assert.equal(line.usage_source, 'estimated');
    assert.ok(line.usage.input_tokens > 0);
    await usedOf(core);
});

// --- files, ports, directories ---

const refusedStart = async (core, wanted) => {
    const p = core.spawn();
    await p.ended;
    assert.equal(p.status, 1, p.stderr);
    assert.match(p.stderr, wanted);
    assert.equal(p.stdout, '', 'it never said ready');
};

test('a state directory that cannot be written', async (t) => {
    const dir = temporaryDirectory(t);
    fs.writeFileSync(path.join(dir, 'file'), '');
    await refusedStart(Core.prepare(t, null, configuration(null), { stateDir: path.join(dir, 'file/state') }), /file\/state/);
    await refusedStart(Core.prepare(t, null, configuration(null), { stateDir: '/proc/tollgate' }), /\/proc\/tollgate/);
    if (process.getuid() !== 0) {
        fs.mkdirSync(path.join(dir, 'closed'), { mode: 0o555 });
        await refusedStart(Core.prepare(t, null, configuration(null), { stateDir: path.join(dir, 'closed/state') }), /closed\/state/);
    }
});

test('a state directory that another core holds', async (t) => {
    const { sim, core, key } = await begin(t);
    await refusedStart(Core.prepare(t, sim, configuration(sim), { stateDir: core.stateDir }),
        new RegExp(core.stateDir));
    assert.equal((await call(core, key, { maxTokens: 5 })).status, 200, 'the first goes on');
    assert.equal((await core.json('status')).pid, core.process.pid);
});

test('a port that is in use', async (t) => {
    const { sim, core, key } = await begin(t);
    const port = await listenOn(t, net.createServer());
    await refusedStart(Core.prepare(t, sim, configuration(sim, { listen: [{ address: `127.0.0.1:${port}` }] })), new RegExp(`127\\.0\\.0\\.1:${port}`));
    const own = new URL(core.url).port;
    await refusedStart(Core.prepare(t, sim, configuration(sim, { listen: [{ address: `127.0.0.1:${own}` }] })), new RegExp(`127\\.0\\.0\\.1:${own}`));
    assert.equal((await call(core, key, { maxTokens: 5 })).status, 200);
});

// --- signals ---

test('SIGTERM lets running streams end, takes no new ones, exits 0', async (t) => {
    const { sim, core, key } = await begin(t, {}, { tokenDelayUs: 20000 });
    const running = [1, 2, 3].map((i) => call(core, key, { text: `${i}[sim:output=100]`, stream: true }));
    await until('the streams to run', async () => (await sim.ledger()).running === 3);
    core.signal('SIGTERM');
    await until('the listener to close', () => new Promise((resolve) => {
        const { hostname, port } = new URL(core.url);
        const socket = net.connect(Number(port), hostname);
        socket.on('connect', () => { socket.destroy(); resolve(false); });
        socket.on('error', () => resolve(true));
    }));
    assert.ok(core.running, 'it waits for the streams');
    for (const answer of await Promise.all(running)) {
        assert.deepEqual([answer.error, answer.exception, answer.usage?.outputTokens], [null, null, 100]);
    }
    await core.process.ended;
    assert.equal(core.process.status, 0);
    assert.equal((await core.calls()).filter((l) => l.usage_source === 'reported').length, 3);
    assert.equal((await sim.settled()).completed, 3);
});

test('a second SIGTERM cuts what runs: exception frames, exit 1, all in the ledger', async (t) => {
    const { sim, core, key } = await begin(t, {}, { tokenDelayUs: 20000 });
    const running = call(core, key, { text: '[sim:output=5000]', stream: true });
    await until('the stream to run', async () => (await sim.ledger()).delivered_output_tokens > 5);
    core.signal('SIGTERM');
    await until('it to drain', () => /drain/.test(core.process.stderr));
    core.signal('SIGTERM');
    const answer = await running;
    assert.ok(answer.exception || answer.error, 'the client sees that it was cut');
    await core.process.ended;
    assert.equal(core.process.status, 1);
    const ledger = await sim.settled();
    const line = await lineOf(core, answer);
    assert.equal(line.usage_source, 'estimated');
    assert.ok(line.usage.output_tokens >= wordCount(answer.text));
    assert.equal(ledger.aborted, 1);
});

test('SIGHUP: a broken file keeps the old configuration, a good one applies and keeps counters', async (t) => {
    const { sim, core, key } = await begin(t);
    await call(core, key, { maxTokens: 10 });
    const before = (await core.limit('tokens')).used;
    assert.ok(before > 0);
    core.write('limits: [{name: tokens, tokens: nothing}]\nstate_dir: [\n');
    core.signal('SIGHUP');
    await until('the mistake to be logged', () => /tollgate\.yaml/.test(core.process.stderr) && /reload|keeps|configuration/.test(core.process.stderr));
    assert.equal((await call(core, key, { maxTokens: 10 })).status, 200);
    core.write(configuration(sim, { limits: [{ name: 'tokens', tokens: 'x', window: 'month' }, { name: 'tokens', tokens: 1, window: 'month' }] }));
    const { status } = await core.run('check');
    assert.equal(status, 1);
    const logged = core.process.stderr.length;
    core.signal('SIGHUP');
    await until('the mistakes to be logged', () => core.process.stderr.length > logged);

    core.write(configuration(sim, {
        limits: [{ name: 'tokens', tokens: '2M', window: 'month' }, { name: 'fresh', model: 'nova-lite', requests: 1, window: 'month' }],
    }));
    core.signal('SIGHUP');
    const now = await until('the new limits', async () => {
        const list = await core.json('limit', 'list');
        return list.limits.length === 2 && list;
    });
    assert.equal(now.limits[0].amount, 2000000);
    assert.ok(now.limits[0].used >= before * 2, 'the counter was kept');
    assert.equal((await core.json('status')).pid, core.process.pid);
    const statuses = [];
    for (let i = 0; i < 2; i++) {
        statuses.push((await call(core, key, { maxTokens: 10 })).status);
    }
    assert.ok(statuses.includes(400), `the new limit denies: ${statuses}`);
    await assertNothingReserved(core);
});

test('SIGHUP while streams run', async (t) => {
    const { sim, core, key } = await begin(t, {}, { tokenDelayUs: 5000 });
    const running = Array.from({ length: 20 }, () => call(core, key, { text: '[sim:output=60]', stream: true }));
    await until('the streams to run', async () => (await sim.ledger()).running > 0);
    for (let i = 1; i <= 5; i++) {
        core.write(configuration(sim, { limits: [...LIMITS, { name: `extra-${i}`, requests: 1000, window: 'month' }] }));
        core.signal('SIGHUP');
        await until(`reload ${i}`, async () => (await core.json('limit', 'list')).limits.some((l) => l.name === `extra-${i}`));
    }
    for (const answer of await Promise.all(running)) {
        assert.equal(answer.usage?.outputTokens, 60, String(answer.error ?? answer.body));
    }
    await assertNothingReserved(core);
});

// --- hostile clients ---

// Everything that comes back until the other side closes or is quiet for long.
function rawExchange(url, bytes, { within = 20000, quiet = 3000 } = {}) {
    const { hostname, port } = new URL(url);
    return new Promise((resolve) => {
        let text = '';
        const socket = net.connect(Number(port), hostname, () => socket.write(bytes));
        const done = (closed) => {
            clearTimeout(timer);
            socket.destroy();
            resolve({ status: Number(/^HTTP\/1\.[01] (\d{3}) /.exec(text)?.[1] ?? 0), text, closed });
        };
        let timer = setTimeout(() => done(false), within);
        socket.setEncoding('latin1').on('data', (piece) => {
            text += piece;
            clearTimeout(timer);
            timer = setTimeout(() => done(false), quiet);
        });
        socket.on('error', () => {});
        socket.on('close', () => done(true));
    });
}

const HOSTILE = (key) => {
    const auth = `Host: localhost\r\nAuthorization: Bearer ${key.bearerToken}\r\n`;
    const post = (headers, body = '') => `POST /model/nova-lite/converse HTTP/1.1\r\n${auth}${headers}\r\n${body}`;
    return {
        'no Host': 'GET /healthz HTTP/1.1\r\n\r\n',
        'two Hosts': 'GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
        'a length and chunks': post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
        'two lengths': post('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello'),
        'a list of lengths': post('Content-Length: 5, 6\r\n', 'hello'),
        'a negative length': post('Content-Length: -5\r\n', 'hello'),
        'a length with letters': post('Content-Length: 5x\r\n', 'hello'),
        'a length beyond all numbers': post('Content-Length: 99999999999999999999999999\r\n'),
        'an unknown transfer coding': post('Transfer-Encoding: gzip\r\n'),
        'chunked twice': post('Transfer-Encoding: chunked, chunked\r\n', '0\r\n\r\n'),
        'a chunk without a size': post('Transfer-Encoding: chunked\r\n', 'zz\r\nhello\r\n0\r\n\r\n'),
        'a chunk beyond all numbers': post('Transfer-Encoding: chunked\r\n', 'ffffffffffffffffff\r\n'),
        'a NUL in a header': post('X-Nul: a\0b\r\nContent-Length: 0\r\n'),
        'a space before the colon': post('Content-Length : 5\r\n', 'hello'),
        'a folded header': post('X-Folded: a\r\n b\r\nContent-Length: 0\r\n'),
        'a bare carriage return': post('X-Return: a\rb\r\nContent-Length: 0\r\n'),
        'a header without a name': post(': nothing\r\nContent-Length: 0\r\n'),
        'no such version': `GET /healthz HTTP/9.9\r\n${auth}\r\n`,
        'no HTTP at all': 'help me please\r\n\r\n',
        'a TLS hello': Buffer.from('160301020001000100', 'hex').toString('latin1') + '\r\n\r\n',
        'dots in the path': `GET /healthz/../model HTTP/1.1\r\n${auth}\r\n`,
        'an encoded NUL in the path': `POST /model/%00/converse HTTP/1.1\r\n${auth}Content-Length: 2\r\n\r\n{}`,
        'a broken escape in the path': `POST /model/%zz/converse HTTP/1.1\r\n${auth}Content-Length: 2\r\n\r\n{}`,
        'no model': `POST /model//converse HTTP/1.1\r\n${auth}Content-Length: 2\r\n\r\n{}`,
        'a very long path': `GET /${'a'.repeat(20000)} HTTP/1.1\r\n${auth}\r\n`,
        'a header of 100 KB': post(`X-Long: ${'a'.repeat(100000)}\r\nContent-Length: 0\r\n`),
        '5000 headers': post(`${Array.from({ length: 5000 }, (_, i) => `X-${i}: a\r\n`).join('')}Content-Length: 0\r\n`),
        'no JSON': post('Content-Length: 5\r\n', 'hello'),
        'an empty body': post('Content-Length: 0\r\n'),
        'JSON that nests 100,000 deep': post('Content-Length: 100000\r\n', '['.repeat(100000)),
        'JSON that is no request': post('Content-Length: 17\r\n', '{"messages": "x"}'),
        'no UTF-8': Buffer.concat([Buffer.from(post('Content-Length: 60\r\n')),
            Buffer.from('{"messages":[{"role":"user","content":[{"text":"'), Buffer.from([0xff, 0xfe, 0xc0, 0x80]), Buffer.from('"}]}]}  ')]),
    };
};

test('hostile requests get 400 and disturb nobody', async (t) => {
    const { sim, core, key } = await begin(t, {}, { tokenDelayUs: 20000 });
    const beside = call(core, key, { text: '[sim:output=300]', stream: true });
    await until('the stream beside to run', async () => (await sim.ledger()).running === 1);
    const wrong = [];
    await Promise.all(Object.entries(HOSTILE(key)).map(async ([name, bytes]) => {
        const { status, text, closed } = await rawExchange(core.url, bytes);
        const allowed = /long|5000|100 KB/.test(name) ? [400, 404, 413, 414, 431] : /version/.test(name) ? [400, 505]
            : /coding/.test(name) ? [400, 501] : /TLS/.test(name) ? [400, 0] : [400];
        if (!allowed.includes(status) || (status === 0 && !closed)) {
            wrong.push(`${name}: ${status || (closed ? 'closed' : 'silence')} ${text.slice(0, 300)}`);
        } else if (status === 400 && /^POST \/model/.test(String(bytes)) && !/\r\n\r\n\{"message":".+"/.test(text)) {
            wrong.push(`${name}: not in Bedrock's shape: ${text.slice(0, 300)}`);
        }
    }));
    assert.deepEqual(wrong, []);
    const answer = await beside;
    assert.deepEqual([answer.error, answer.usage?.outputTokens], [null, 300]);
    assert.equal((await sim.settled()).calls, 1, 'none of them went upstream');
    assert.equal((await call(core, key, { maxTokens: 5 })).status, 200);
    await usedOf(core);
});

test('HTTP/2 that is none, slow heads and slow bodies are ended', async (t) => {
    const { sim, core, key } = await begin(t, { requests: { header_timeout: '300ms', body_timeout: '400ms' } });
    const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
    const settings = '\0\0\0\x04\0\0\0\0\0';
    const bytes = (text) => Buffer.from(text, 'latin1');
    for (const [name, sent] of Object.entries({
        'garbage after the preface': preface + 'x'.repeat(200),
        'a frame of 16 MB': `${preface}${settings}\xff\xff\xff\0\x01\0\0\0\x01`,
        'DATA on stream 0': `${preface}${settings}\0\0\x04\0\0\0\0\0\0abcd`,
        'half a preface': preface.slice(0, 12),
        'half a head': 'POST /model/nova-lite/converse HTTP/1.1\r\nHost: local',
        'half a body': `POST /model/nova-lite/converse HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key.bearerToken}\r\nContent-Length: 100\r\n\r\n{`,
    })) {
        const { closed, status } = await rawExchange(core.url, bytes(sent), { quiet: 20000 });
        assert.ok(closed, `${name}: the connection is closed`);
        assert.ok([0, 400, 408].includes(status), `${name}: ${status}`);
    }
    assert.equal((await sim.ledger()).calls, 0);
    assert.equal((await call(core, key, { maxTokens: 5 })).status, 200);
});

test('x-tollgate-request-id is on every answer', async (t) => {
    const { core, key } = await begin(t, { requests: { max_body: '10KB' } });
    const missing = [];
    const look = (name, headers) => {
        if (!/^[0-9a-f-]{36}$/.test(headers['x-tollgate-request-id'] ?? '')) {
            missing.push(name);
        }
    };
    for (const [method, where] of [['GET', '/healthz'], ['GET', '/readyz'], ['GET', '/metrics'], ['GET', '/nothing'], ['PUT', '/model/nova-lite/converse'],
        ['POST', '/guardrail/x/version/1/apply']]) {
        look(`${method} ${where}`, (await request(core.url, { method, path: where })).headers);
    }
    look('answered', (await call(core, key, { maxTokens: 5 })).headers);
    look('streamed', (await call(core, key, { maxTokens: 5, stream: true })).headers);
    look('wrong key', (await call(core, 'tgb_nobody')).headers);
    look('unknown model', (await call(core, key, { model: 'nobody' })).headers);
    look('too large', (await call(core, key, { text: 'x'.repeat(20000) })).headers);
    for (const name of ['no Host', 'a length and chunks', 'a header of 100 KB', 'no JSON']) {
        const { text } = await rawExchange(core.url, HOSTILE(key)[name]);
        look(name, { 'x-tollgate-request-id': /\r\nx-tollgate-request-id: (\S+)/i.exec(text)?.[1] });
    }
    assert.deepEqual(missing, []);
});

// --- who may call ---

test('identity required: nothing goes upstream without a key', async (t) => {
    const { sim, core } = await begin(t);
    const tries = [
        {}, { headers: { authorization: 'Bearer ' } }, { headers: { authorization: 'Bearer tgb_nobody' } }, { headers: { authorization: 'Basic YTpi' } },
        { headers: { authorization: 'AWS4-HMAC-SHA256 Credential=x' } }, { headers: { 'x-api-key': 'tgb_nobody' } },
        { headers: { 'x-tollgate-tags': 'costCenter=sales' } }, { headers: { authorization: `Bearer ${'x'.repeat(10000)}` } },
    ];
    for (const { headers } of tries) {
        for (const stream of [false, true]) {
            const answer = await call(core, null, { headers, stream });
            assert.deepEqual([answer.status, answer.errorType], [403, 'UnrecognizedClientException'], JSON.stringify(headers)?.slice(0, 80));
            assert.ok(answer.requestId);
        }
    }
    const counting = await request(core.url, { path: '/model/nova-lite/count-tokens', body: '{}' });
    assert.equal(counting.status, 403);
    const open = await request(core.url, { method: 'GET', path: '/healthz' });
    assert.deepEqual([open.status, String(open.body)], [200, '{"status":"ok"}']);
    const ready = await request(core.url, { method: 'GET', path: '/readyz' });
    assert.deepEqual([ready.status, String(ready.body)], [200, '{"status":"ready"}']);
    const ledger = await sim.ledger();
    assert.deepEqual([ledger.calls, ledger.signature_failures], [0, 0]);
    const { totals } = await core.json('status');
    assert.deepEqual([totals.requests, totals.rejected], [0, tries.length * 2 + 1]);
});

test('identity optional: what a browser would send is refused', async (t) => {
    const { sim, core } = await begin(t, { identity: 'optional' });
    for (const headers of [{ origin: 'https://example.com' }, { origin: 'null' }, { 'sec-fetch-site': 'cross-site' }, { host: 'rebound.example.com' }]) {
        const answer = await call(core, null, { headers, maxTokens: 5 });
        assert.deepEqual([answer.status, answer.errorType], [403, 'AccessDeniedException'], JSON.stringify(headers));
    }
    assert.equal((await sim.ledger()).calls, 0);
    const plain = await call(core, null, { maxTokens: 5, headers: { 'x-tollgate-tags': 'application=mine,costCenter=sales' } });
    assert.equal(plain.status, 200);
    const line = await lineOf(core, plain);
    assert.deepEqual([line.tags.applicationId, line.tags.costCenter], ['mine', 'sales'], 'a caller may say its own tags then');
    assert.equal((await call(core, 'tgb_nobody')).status, 403, 'a wrong key is wrong all the same');
});

test('tags: a key\'s own stand above the caller\'s; what may not be set is ignored and named', async (t) => {
    const { core, key } = await begin(t, { tags: { from_caller: ['environment'], defaults: { environment: 'dev' }, values: { costCenter: ['sales', 'support'] } } });
    const answer = await call(core, key, {
        maxTokens: 5, metadata: { environment: 'prod', costCenter: 'support' }, headers: { 'x-tollgate-tags': 'environment=test,team=x' },
    });
    assert.equal(answer.status, 200);
    const { tags } = await lineOf(core, answer);
    assert.deepEqual([tags.environment, tags.costCenter, tags.team], ['prod', 'sales', undefined]);
    for (const name of ['costCenter', 'team']) {
        assert.ok(answer.headers['x-tollgate-tags-ignored']?.includes(name), `${name}: ${answer.headers['x-tollgate-tags-ignored']}`);
    }
    assert.equal((await lineOf(core, await call(core, key, { maxTokens: 5 }))).tags.environment, 'dev');
    const bad = await call(core, key, { headers: { 'x-tollgate-tags': 'environment=a<b' } });
    assert.deepEqual([bad.status, bad.errorType], [400, 'ValidationException']);
});
