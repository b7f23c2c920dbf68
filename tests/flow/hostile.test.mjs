// Clients on raw sockets that break off, split, repeat and lie: nothing is held, nothing goes astray, nobody else notices.
import assert from 'node:assert/strict';
import net from 'node:net';
import test from 'node:test';

import { call, converseBody } from '../lib/calls.mjs';
import { assertNothingReserved, configuration, Core, inParallel, Simulation, until } from '../lib/harness.mjs';

const LIMITS = [{ name: 'all', tokens: '100M', window: 'month' }, { name: 'one-by-one', concurrency: 1000 }];
const BODY = converseBody('hello', { maxTokens: 5 });

async function begin(t, more = {}) {
    const sim = await Simulation.start(t);
    await sim.turn({ output_tokens: 5 });
    const core = await Core.start(t, sim, configuration(sim, { limits: LIMITS, ...more }));
    return { sim, core, key: await core.key() };
}

// Sends the pieces one after the other; everything that came until the other side closed, or `enough` says so.
function exchange(url, pieces, { enough = () => false, within = 20000 } = {}) {
    const { hostname, port } = new URL(url);
    return new Promise((resolve, reject) => {
        let text = '';
        const socket = net.connect({ port: Number(port), host: hostname, noDelay: true }, async () => {
            for (const piece of pieces) {
                await new Promise((sent) => socket.write(Buffer.from(piece, 'latin1'), sent));
            }
        });
        const timer = setTimeout(() => {
            socket.destroy();
            reject(new Error(`neither answered nor closed: ${JSON.stringify(pieces.join('').slice(0, 200))} ${text.slice(0, 300)}`));
        }, within);
        const done = () => {
            clearTimeout(timer);
            socket.destroy();
            resolve({ text, statuses: [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((m) => Number(m[1])) });
        };
        socket.setEncoding('latin1').on('data', (piece) => {
            text += piece;
            if (enough(text)) {
                done();
            }
        });
        socket.on('error', () => {});
        socket.on('close', done);
    });
}

const head = (key, more = '', { path = '/model/nova-lite/converse', method = 'POST', host = 'localhost', length = Buffer.byteLength(BODY) } = {}) =>
    `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${key.bearerToken}\r\n` +
    `${length === null ? '' : `Content-Length: ${length}\r\n`}${more}\r\n`;
const CLOSE = 'Connection: close\r\n';

test('a request broken off at each of its bytes, by an end or a reset, leaves nothing behind', { timeout: 120000 }, async (t) => {
    const { sim, core, key } = await begin(t);
    const whole = Buffer.from(head(key) + BODY);
    const cuts = Array.from({ length: whole.length }, (_, i) => i);
    const { hostname, port } = new URL(core.url);
    for (const how of ['end', 'destroy', 'resetAndDestroy']) {
        await inParallel(cuts, 50, (n) => new Promise((resolve) => {
            const socket = net.connect({ port: Number(port), host: hostname, noDelay: true }, () => {
                socket.write(whole.subarray(0, n), () => socket[how]());
            });
            socket.on('error', () => {}).on('data', () => {}).on('close', resolve);
        }));
    }
    assert.equal((await call(core, key)).status, 200);
    assert.equal((await sim.settled()).calls, 1, 'only the whole one went upstream');
    await until('nothing to be held', async () => (await core.json('status')).totals.open === 0);
    await assertNothingReserved(core);
});

test('an answer left at each of its bytes is charged, and nothing stays held', { timeout: 120000 }, async (t) => {
    const { sim, core, key } = await begin(t);
    const request = head(key, '', { path: '/model/nova-lite/converse-stream' }) + BODY;
    const { text } = await exchange(core.url, [request], { enough: (s) => s.endsWith('0\r\n\r\n') });
    const cuts = Array.from({ length: Math.ceil(text.length / 7) }, (_, i) => i * 7);
    await inParallel(cuts, 50, (n) => exchange(core.url, [request], { enough: (s) => s.length >= n || s.endsWith('0\r\n\r\n') }));
    const ledger = await sim.settled();
    await until('every call to end', async () => (await core.json('status')).totals.open === 0);
    const { totals } = await assertNothingReserved(core);
    assert.equal(totals.requests, cuts.length + 1);
    assert.ok(totals.output_tokens >= ledger.output_tokens, `${totals.output_tokens} counted, ${ledger.output_tokens} made`);
});

test('a request in single bytes is one request', async (t) => {
    const { sim, core, key } = await begin(t);
    const chunked = `${head(key, 'Transfer-Encoding: chunked\r\n', { length: null })}5;x="y"\r\n${BODY.slice(0, 5)}\r\n` +
        `${(BODY.length - 5).toString(16)}\r\n${BODY.slice(5)}\r\n0\r\nX-Trailer: a\r\nAuthorization: Bearer nobody\r\nContent-Length: 3\r\n\r\n`;
    for (const request of [head(key) + BODY, chunked]) {
        const twice = request + head(key, CLOSE, { path: '/healthz', method: 'GET', length: null });
        const { statuses } = await exchange(core.url, [...twice]);
        assert.deepEqual(statuses, [200, 200]);
    }
    assert.equal((await sim.settled()).completed, 2);
});

test('what hides a second request in the first is refused, and the second never runs', async (t) => {
    const { sim, core, key } = await begin(t);
    const hidden = head(key) + BODY;
    const te = (coding, body, more = '') => head(key, `Transfer-Encoding: ${coding}\r\n${more}`, { length: null }) + body;
    const attacks = {
        'CL.TE': head(key, 'Transfer-Encoding: chunked\r\n', { length: 5 }) + `0\r\n\r\n${hidden}`,
        'TE.CL': te('chunked', `0\r\n\r\n${hidden}`, `Content-Length: ${hidden.length}\r\n`),
        'TE with a tab': te('\tchunked, identity', `0\r\n\r\n${hidden}`),
        'TE in quotes': te('"chunked"', `0\r\n\r\n${hidden}`),
        'TE with a vertical tab': te('chunked\x0b', `0\r\n\r\n${hidden}`),
        'two TE': te('chunked', `0\r\n\r\n${hidden}`, 'Transfer-Encoding: identity\r\n'),
        'TE with HTTP/1.0': te('chunked', `0\r\n\r\n${hidden}`).replace('HTTP/1.1', 'HTTP/1.0'),
        'a length in hexadecimal': head(key, '', { length: '0x10' }) + hidden,
        'a length with a comma': head(key, '', { length: '0, 0' }) + hidden,
        'a length with a space in it': head(key, '', { length: '1 0' }) + hidden,
        'two lengths that agree, then not': head(key, 'Content-Length: 0\r\n') + BODY + hidden,
        'a chunk size too long': te('chunked', `00000000000000000000000000000000000000000000000005\r\nhello\r\n0\r\n\r\n${hidden}`),
        'a chunk size with a sign': te('chunked', `-5\r\nhello\r\n0\r\n\r\n${hidden}`),
        'a chunk ended by a line feed': te('chunked', `5\nhello\n0\n\n${hidden}`),
        'a chunk longer than it says': te('chunked', `2\r\nhello\r\n0\r\n\r\n${hidden}`),
        'a chunk extension with a line feed': te('chunked', `5;a=\n\r\nhello\r\n0\r\n\r\n${hidden}`),
        'a trailer that folds': te('chunked', `0\r\nX: a\r\n b\r\n\r\n${hidden}`),
        'a header name with a space': head(key, `X Y: a\r\n`) + BODY + hidden,
        'a request line of four words': head(key).replace(' HTTP/1.1', ' x HTTP/1.1') + BODY + hidden,
        'a request line with a tab': head(key).replace(' HTTP/1.1', '\tHTTP/1.1') + BODY + hidden,
        'a line feed for a line end': head(key).replace('\r\nHost', '\nHost') + BODY + hidden,
        'lower-case HTTP': head(key).replace('HTTP/1.1', 'http/1.1') + BODY + hidden,
        'a NUL in the path': head(key).replace('/converse', '/conv\0erse') + BODY + hidden,
        'UTF-8 in a header name': head(key, 'X-\xc3\xa9: a\r\n') + BODY + hidden,
        'DEL in a value': head(key, 'X: a\x7f\r\n') + BODY + hidden,
    };
    for (const [what, bytes] of Object.entries(attacks)) {
        const { statuses, text } = await exchange(core.url, [bytes]);
        assert.equal(statuses.length, 1, `${what}: ${text}`);
        assert.ok(statuses[0] >= 400 && statuses[0] <= 505, `${what}: ${statuses}`);
    }
    assert.equal((await sim.settled()).calls, 0);
    await assertNothingReserved(core);
});

test('targets: absolute ones are read as paths of this host, others are refused', async (t) => {
    const { sim, core, key } = await begin(t);
    const ask = async (path, more = {}) => (await exchange(core.url, [head(key, CLOSE, { path, ...more }) + BODY])).statuses;
    const refused = {
        'an asterisk': '*', 'an authority': 'localhost:80', 'no slash': 'model/nova-lite/converse', 'a scheme': 'ftp://x/model/nova-lite/converse',
        'two slashes': '//model/nova-lite/converse', 'a fragment': '/model/nova-lite/converse#x', 'a backslash': '\\model\\nova-lite\\converse',
        'a dot segment': '/x/../model/nova-lite/converse', 'an encoded one': '/x/%2e%2e/model/nova-lite/converse',
        'a path of the control plane': '/guardrail/x/version/1/apply', 'a file': '/etc/passwd',
    };
    for (const [what, path] of Object.entries(refused)) {
        const statuses = await ask(path);
        assert.equal(statuses.length, 1, what);
        assert.ok([400, 404].includes(statuses[0]), `${what}: ${statuses}`);
    }
    for (const method of ['CONNECT', 'TRACE', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'post', 'GET', 'HEAD', 'PRI', 'BREW']) {
        const statuses = await ask('/model/nova-lite/converse', { method });
        assert.equal(statuses.length, 1, method);
        assert.ok([400, 404, 405, 501].includes(statuses[0]), `${method}: ${statuses}`);
    }
    assert.equal((await sim.settled()).calls, 0);
});

test('HEAD has a length and no body; Expect is answered before the body, with what will be its end', async (t) => {
    const { sim, core, key } = await begin(t);
    const headed = await exchange(core.url, [`HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n${CLOSE}\r\n`]);
    assert.match(headed.text, /^HTTP\/1\.1 200 [^]*\r\nContent-Length: 15\r\n[^]*\r\n\r\n$/i);
    const expecting = (k, more = '') => head(k, `Expect: 100-continue\r\n${CLOSE}${more}`);
    const invited = await exchange(core.url, [expecting(key)], { enough: (s) => s.includes('100 Continue') });
    assert.deepEqual(invited.statuses, [100]);
    const answered = await exchange(core.url, [expecting(key) + BODY]);
    assert.equal(answered.statuses.at(-1), 200, answered.text);
    const stranger = await exchange(core.url, [expecting({ bearerToken: 'nobody' })]);
    assert.deepEqual(stranger.statuses, [403], 'refused before a byte of the body');
    const large = await exchange(core.url, [head(key, `Expect: 100-continue\r\n${CLOSE}`, { length: 26 * 1024 * 1024 })]);
    assert.deepEqual(large.statuses, [413]);
    const other = await exchange(core.url, [head(key, `Expect: a-pony\r\n${CLOSE}`) + BODY]);
    assert.equal(other.statuses.length, 1, other.text);
    assert.ok([417, 200].includes(other.statuses[0]), other.text);
    await until('the one that was invited and left to be gone', async () => (await core.json('status')).totals.open === 0);
    assert.ok((await sim.settled()).completed <= 2);
    await assertNothingReserved(core);
});

// --- HTTP/2, frame by frame ---

const frame = (type, flags, id, payload = Buffer.alloc(0)) => {
    const h = Buffer.alloc(9);
    h.writeUIntBE(payload.length, 0, 3);
    h[3] = type;
    h[4] = flags;
    h.writeUInt32BE(id, 5);
    return Buffer.concat([h, payload]);
};
const [DATA, HEADERS, RST, SETTINGS, WINDOW, CONTINUATION] = [0, 1, 3, 4, 8, 9];
const [END_STREAM, END_HEADERS] = [1, 4];
// Literals that no table keeps.
const literal = (text) => {
    const bytes = Buffer.from(text, 'latin1');
    assert.ok(bytes.length < 127 + 128);
    return Buffer.concat([bytes.length < 127 ? Buffer.from([bytes.length]) : Buffer.from([127, bytes.length - 127]), bytes]);
};
const hpack = (headers) => Buffer.concat(headers.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]));
const PREFACE = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(SETTINGS, 0, 0)]);

// What comes back: frames until the other side closes or stream 1 has ended.
function exchange2(url, frames, { within = 20000 } = {}) {
    const { hostname, port } = new URL(url);
    return new Promise((resolve, reject) => {
        let bytes = Buffer.alloc(0);
        const seen = { types: [], ok: false, reset: false, ended: false };
        const socket = net.connect({ port: Number(port), host: hostname, noDelay: true }, () => socket.write(Buffer.concat([PREFACE, ...frames])));
        const timer = setTimeout(() => {
            socket.destroy();
            reject(new Error(`neither answered nor closed: ${seen.types}`));
        }, within);
        const done = () => {
            clearTimeout(timer);
            socket.destroy();
            resolve(seen);
        };
        socket.on('data', (piece) => {
            bytes = Buffer.concat([bytes, piece]);
            while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
                const [n, type, flags, id] = [bytes.readUIntBE(0, 3), bytes[3], bytes[4], bytes.readUInt32BE(5)];
                seen.types.push(type);
                if (type === HEADERS && id === 1) {
                    seen.ok = bytes[9] === 0x88; // it begins with :status 200; behind it stand random bytes
                }
                seen.reset ||= type === RST && id === 1;
                seen.ended ||= id === 1 && (type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0;
                bytes = bytes.subarray(9 + n);
            }
            if (seen.ended || seen.reset) {
                done();
            }
        });
        socket.on('error', () => {});
        socket.on('close', done);
    });
}

test('HTTP/2 heads that lie are refused: pseudo-headers, lengths, names, hops', { timeout: 120000 }, async (t) => {
    const { sim, core, key } = await begin(t);
    const base = [[':method', 'POST'], [':scheme', 'http'], [':authority', 'localhost'], [':path', '/model/nova-lite/converse'],
        ['authorization', `Bearer ${key.bearerToken}`], ['content-type', 'application/json']];
    const without = (name) => base.filter(([n]) => n !== name);
    const changed = (name, value) => base.map(([n, v]) => [n, n === name ? value : v]);
    const body = (text = BODY) => frame(DATA, END_STREAM, 1, Buffer.from(text));
    const ask = (headers, ...rest) => [frame(HEADERS, END_HEADERS, 1, hpack(headers)), ...(rest.length > 0 ? rest : [body()])];
    const good = await exchange2(core.url, ask(base));
    assert.ok(good.ok && good.ended, JSON.stringify(good));
    const attacks = {
        'no :path': ask(without(':path')),
        'no :method': ask(without(':method')),
        'no :authority and no host': ask(without(':authority')),
        'an empty :path': ask(changed(':path', '')),
        'a :path without a slash': ask(changed(':path', 'model/nova-lite/converse')),
        'a :path with a space': ask(changed(':path', '/model/nova-lite/converse HTTP/1.1')),
        'a :path with a line break': ask(changed(':path', '/model/nova-lite/converse\r\nX: a')),
        'two :path': ask([...base.slice(0, 4), [':path', '/healthz'], ...base.slice(4)]),
        'two :method': ask([[':method', 'GET'], ...base]),
        'an unknown pseudo-header': ask([[':protocols', 'x'], ...base]),
        ':status in a request': ask([[':status', '200'], ...base]),
        'a pseudo-header behind others': ask([...without(':path'), [':path', '/model/nova-lite/converse']]),
        'a host that differs': ask([...base, ['host', 'other']]),
        'connection': ask([...base, ['connection', 'close']]),
        'transfer-encoding': ask([...base, ['transfer-encoding', 'chunked']]),
        'te that is not trailers': ask([...base, ['te', 'gzip']]),
        'a name in upper case': ask([...base, ['X-Upper', 'a']]),
        'a name with a colon': ask([...base, ['x:y', 'a']]),
        'an empty name': ask([...base, ['', 'a']]),
        'a value with a line break': ask([...base, ['x', 'a\r\nauthorization: Bearer x']]),
        'a value with a NUL': ask([...base, ['x', 'a\0b']]),
        'a length too short': ask([...base, ['content-length', '5']]),
        'a length too long': ask([...base, ['content-length', '5000']]),
        'two lengths': ask([...base, ['content-length', String(BODY.length)], ['content-length', '5']]),
        'a length that is none': ask([...base, ['content-length', 'five']]),
        'a length below zero': ask([...base, ['content-length', '-1']]),
        'CONNECT': ask([[':method', 'CONNECT'], [':authority', 'localhost']]),
        'two keys': ask([...base, ['authorization', 'Bearer other']]),
        'two keys of two schemes': ask([...base, ['x-api-key', 'other']]),
        'a trailer with a pseudo-header': ask(base, frame(DATA, 0, 1, Buffer.from(BODY)), frame(HEADERS, END_HEADERS | END_STREAM, 1, hpack([[':path', '/x']]))),
        'trailers that do not end': ask(base, frame(DATA, 0, 1, Buffer.from(BODY)), frame(HEADERS, END_HEADERS, 1, hpack([['x', 'y']]))),
        'a stream of the server': [frame(HEADERS, END_HEADERS, 2, hpack(base))],
        'data before a head': [frame(DATA, END_STREAM, 1, Buffer.from(BODY))],
        'a window of nothing': [frame(WINDOW, 0, 0, Buffer.from([0, 0, 0, 0]))],
        'windows beyond all numbers': [frame(WINDOW, 0, 0, Buffer.from([0x7f, 0xff, 0xff, 0xff])), frame(WINDOW, 0, 0, Buffer.from([0x7f, 0xff, 0xff, 0xff]))],
        'a frame between a head and its end': [frame(HEADERS, 0, 1, hpack(base)), frame(DATA, END_STREAM, 1, Buffer.from(BODY))],
        'a continuation of nothing': [frame(CONTINUATION, END_HEADERS, 1, hpack(base))],
        'an index beyond the table': [frame(HEADERS, END_HEADERS, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]))],
        'half a literal': [frame(HEADERS, END_HEADERS, 1, hpack(base).subarray(0, 40))],
        'a stream that depends on itself': [frame(HEADERS, END_HEADERS | 0x20, 1, Buffer.concat([Buffer.from([0, 0, 0, 1, 16]), hpack(base)])), body()],
    };
    const before = (await sim.settled()).calls;
    const wrong = [];
    for (const [what, frames] of Object.entries(attacks)) {
        const seen = await exchange2(core.url, frames);
        if (seen.ok) {
            wrong.push(`${what}: ${JSON.stringify(seen)}`);
        }
    }
    assert.deepEqual(wrong, []);
    assert.equal((await sim.settled()).calls, before, 'none went upstream');
    assert.ok((await exchange2(core.url, ask(base))).ok);
    await until('everything to end', async () => (await core.json('status')).totals.open === 0);
    await assertNothingReserved(core);
});
