// The way upstream: through a proxy (HTTPS_PROXY), and when it is barred.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import test from 'node:test';
import tls from 'node:tls';

import { call } from '../lib/calls.mjs';
import { assertNothingReserved, configuration, Core, selfSigned, Simulation } from '../lib/harness.mjs';

const USER = 'tollgate', PASSWORD = 'p@ss:word';

function listenOn(t, server) {
    const open = new Set();
    server.on('connection', (socket) => {
        open.add(socket);
        socket.on('close', () => open.delete(socket));
    });
    t.after(() => {
        server.close();
        open.forEach((socket) => socket.destroy());
    });
    return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
}

const join = (a, b) => {
    a.on('error', () => b.destroy());
    b.on('error', () => a.destroy());
    a.pipe(b).pipe(a);
};

// The simulation behind TLS: https://localhost, vouched for by the file that is returned.
async function behindTls(t, sim) {
    const files = selfSigned(t);
    const target = new URL(sim.url);
    const server = tls.createServer({ key: fs.readFileSync(files.private_key), cert: fs.readFileSync(files.certificate) },
        (socket) => join(socket, net.connect(target.port, target.hostname)));
    return { url: `https://localhost:${await listenOn(t, server)}`, ca: files.certificate };
}

// A proxy that opens tunnels for those who know the password; `asked` has every request's first line.
async function proxy(t) {
    const asked = [];
    const wanted = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`;
    const server = net.createServer((socket) => {
        socket.once('data', (head) => {
            const [line, ...headers] = head.toString('latin1').split('\r\n');
            asked.push(line);
            socket.on('error', () => {});
            if (!headers.includes(`Proxy-Authorization: ${wanted}`)) {
                socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
                return;
            }
            const [host, port] = line.split(' ')[1].split(':');
            const onward = net.connect(port, host, () => {
                socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
                join(socket, onward);
            });
            onward.on('error', () => socket.destroy());
        });
    });
    return { port: await listenOn(t, server), asked };
}

async function start(t, env) {
    const sim = await Simulation.start(t);
    const { url, ca } = await behindTls(t, sim);
    const settings = configuration(sim, {
        endpoints: { ...sim.endpoints, 'bedrock-runtime': url }, upstream: { ca_file: ca, connect_timeout: '20s' },
    });
    const core = await Core.start(t, sim, settings, { env });
    return { sim, core, key: await core.key(), url };
}

const through = (port, password = PASSWORD) =>
    ({ HTTPS_PROXY: `http://${USER}:${encodeURIComponent(password)}@127.0.0.1:${port}` });

test('calls go through HTTPS_PROXY, whole and as streams', async (t) => {
    const { port, asked } = await proxy(t);
    const { sim, core, key, url } = await start(t, through(port));
    const whole = await call(core, key, { maxTokens: 20 });
    assert.equal(whole.status, 200, whole.body.toString());
    const streamed = await call(core, key, { stream: true, maxTokens: 20 });
    assert.equal(streamed.status, 200);
    assert.ok(streamed.usage, 'the stream came to its end');
    const ledger = await sim.settled();
    assert.deepEqual([ledger.completed, ledger.signature_failures], [2, 0]);
    assert.ok(asked.length >= 1);
    assert.ok(asked.every((line) => line === `CONNECT ${new URL(url).host} HTTP/1.1`), asked.join());
    assert.match(core.process.stderr, new RegExp(`go through the proxy 127\\.0\\.0\\.1:${port}`));
    assert.ok(!core.process.stderr.includes(encodeURIComponent(PASSWORD)) && !core.process.stderr.includes(PASSWORD));
});

test('NO_PROXY goes around it', async (t) => {
    const { port, asked } = await proxy(t);
    const { core, key } = await start(t, { ...through(port), no_proxy: 'example.com, localhost' });
    assert.equal((await call(core, key, { maxTokens: 20 })).status, 200);
    assert.deepEqual(asked, []);
});

test('a proxy that refuses is named, its password is not', async (t) => {
    const { port } = await proxy(t);
    const { core, key } = await start(t, through(port, 'wrong-one'));
    const answer = await call(core, key, { maxTokens: 20 });
    assert.deepEqual([answer.status, answer.errorType], [502, 'InternalServerException']);
    assert.match(answer.json.message, new RegExp(`proxy 127\\.0\\.0\\.1:${port} opened no tunnel to localhost: it answered 407`));
    assert.ok(!answer.json.message.includes('wrong-one'));
    assert.ok(!core.process.stderr.includes('wrong-one'));
    const [line] = await core.calls();
    assert.deepEqual([line.outcome, line.error, line.usage.output_tokens, line.usd], ['failed', 'upstream_unreachable', 0, 0]);
    await assertNothingReserved(core);
});

test('a proxy of a kind that is not known refuses the start', async (t) => {
    const core = Core.prepare(t, null, configuration(null, { endpoints: {} }), { env: { https_proxy: 'socks5://u:secret@127.0.0.1:1' } });
    const p = core.spawn();
    await p.ended;
    assert.equal(p.status, 1);
    assert.match(p.stderr, /HTTPS_PROXY: only proxies of the kind http:\/\/ are known/);
    assert.ok(!p.stderr.includes('secret'));
});

test('a ca_file that cannot be read ends the start, even where nothing is asked over TLS', async (t) => {
    const sim = await Simulation.start(t);
    for (const ca_file of ['/does/not/exist.pem', '/dev/null']) {
        const core = Core.prepare(t, sim, configuration(sim, { upstream: { ca_file } }));
        const p = core.spawn();
        await p.ended;
        assert.equal(p.status, 1, p.stderr);
        assert.ok(p.stderr.includes(`upstream.ca_file ${ca_file}`), p.stderr);
    }
});
