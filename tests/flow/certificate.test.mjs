// Client certificates: the subject of one that client_ca vouches for stands for the key that is bound to it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import path from 'node:path';
import test from 'node:test';
import tls from 'node:tls';

import { converseBody } from '../lib/calls.mjs';
import { configuration, Core, Simulation, temporaryDirectory, until } from '../lib/harness.mjs';

const PATH = '/model/nova-lite/converse';
const BODY = converseBody('hello', { maxTokens: 20 });

const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe' }).toString();

// An authority, a server's certificate, and clients: `docs` and `stranger` are vouched for, `forged` is by another one.
function authority(t) {
    const dir = temporaryDirectory(t);
    const file = (name) => path.join(dir, name);
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    for (const ca of ['ca', 'other']) {
        openssl('req', '-x509', ...key, '-days', '2', '-subj', `/CN=${ca}`, '-keyout', file(`${ca}.key`), '-out', file(`${ca}.crt`));
    }
    const issue = (name, subject, ca = 'ca', extension = 'extendedKeyUsage=clientAuth') => {
        fs.writeFileSync(file(`${name}.ext`), extension);
        openssl('req', ...key, '-subj', subject, '-keyout', file(`${name}.key`), '-out', file(`${name}.csr`));
        openssl('x509', '-req', '-in', file(`${name}.csr`), '-CA', file(`${ca}.crt`), '-CAkey', file(`${ca}.key`), '-CAcreateserial',
            '-days', '2', '-extfile', file(`${name}.ext`), '-out', file(`${name}.crt`));
        return { key: fs.readFileSync(file(`${name}.key`)), cert: fs.readFileSync(file(`${name}.crt`)) };
    };
    issue('server', '/CN=localhost', 'ca', 'subjectAltName=DNS:localhost,IP:127.0.0.1');
    return {
        docs: issue('docs', '/O=Example, Inc/CN=docs helper'),
        stranger: issue('stranger', '/O=Example, Inc/CN=stranger'),
        forged: issue('forged', '/O=Example, Inc/CN=docs helper', 'other'),
        subject: openssl('x509', '-noout', '-subject', '-nameopt', 'RFC2253', '-in', file('docs.crt')).replace(/^subject= ?/, '').trim(),
        ca: fs.readFileSync(file('ca.crt')),
        otherCa: fs.readFileSync(file('other.crt')),
        renewServer: () => issue('server', '/CN=localhost', 'other', 'subjectAltName=DNS:localhost,IP:127.0.0.1'),
        listen: { address: '127.0.0.1:0', certificate: file('server.crt'), private_key: file('server.key'), client_ca: file('ca.crt') },
    };
}

function overHttp1(core, options, headers = {}, agent = undefined) {
    return new Promise((resolve, reject) => {
        const sent = https.request(new URL(PATH, core.url), {
            method: 'POST', headers: { 'content-length': BODY.length, ...headers }, agent: options.createConnection ? undefined : agent ?? false, ...options,
        }, (answer) => {
            const pieces = [], reused = answer.socket.isSessionReused();
            answer.on('data', (bytes) => pieces.push(bytes));
            answer.on('end', () => resolve({ status: answer.statusCode, json: JSON.parse(Buffer.concat(pieces)), reused }));
            answer.on('error', reject);
        });
        sent.on('error', reject);
        sent.end(BODY);
    });
}

function overHttp2(core, tls, headers = {}) {
    return new Promise((resolve, reject) => {
        const session = http2.connect(core.url, tls);
        session.on('error', reject);
        const stream = session.request({ ':method': 'POST', ':path': PATH, ...headers });
        const pieces = [];
        let status;
        stream.on('response', (h) => (status = h[':status']));
        stream.on('data', (bytes) => pieces.push(bytes));
        stream.on('end', () => {
            session.close();
            resolve({ status, json: JSON.parse(Buffer.concat(pieces)) });
        });
        stream.on('error', reject);
        stream.end(BODY);
    });
}

const address = (core) => ({ host: new URL(core.url).hostname, port: Number(new URL(core.url).port) });

const PROTOCOLS = { 'HTTP/1.1': overHttp1, 'HTTP/2': overHttp2 };

test('client certificates', async (t) => {
    const { docs, stranger, forged, subject, ca, listen } = authority(t);
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { listen: [listen] }));
    assert.equal(subject, 'CN=docs helper,O=Example\\, Inc');
    const bound = await core.key('docs', 'support', '--subject', subject);
    assert.equal(bound.subject, subject);
    const other = await core.key('other', 'sales');
    assert.equal('subject' in other, false);

    await t.test('one subject, one key', async () => {
        const twice = await core.run('key', 'add', '--application', 'x', '--subject', subject);
        assert.equal(twice.status, 1);
        assert.match(twice.stderr, /the key 'docs-1' is bound to CN=docs helper/);
        const none = await core.run('key', 'add', '--application', 'x', '--subject', 'docs');
        assert.match(none.stderr, /openssl x509 -noout -subject -nameopt RFC2253/);
    });

    for (const [protocol, ask] of Object.entries(PROTOCOLS)) {
        await t.test(`${protocol}: it is the key, with its tags`, async () => {
            const before = (await core.calls()).length;
            const answer = await ask(core, { ca, ...docs });
            assert.equal(answer.status, 200, JSON.stringify(answer.json));
            const lines = await core.calls();
            assert.equal(lines.length, before + 1);
            const line = lines.find((l) => l.principal === bound.accessKeyId && l.tags.applicationId === 'docs');
            assert.equal(line.tags.costCenter, 'support');
        });
        await t.test(`${protocol}: a key alone is enough, and goes before a certificate`, async () => {
            const bearer = { authorization: `Bearer ${other.bearerToken}` };
            assert.equal((await ask(core, { ca }, bearer)).status, 200);
            assert.equal((await ask(core, { ca, ...docs }, bearer)).status, 200);
            const principals = (await core.calls()).map((l) => l.principal);
            assert.ok(principals.filter((p) => p === other.accessKeyId).length >= 2);
            const wrong = await ask(core, { ca, ...docs }, { authorization: 'Bearer tgb_wrong' });
            assert.equal(wrong.status, 403);
        });
        await t.test(`${protocol}: no certificate, one without a key, one that nobody vouches for, a web page's`, async () => {
            const none = await ask(core, { ca });
            assert.deepEqual([none.status, /needs a key/.test(none.json.message)], [403, true]);
            const unknown = await ask(core, { ca, ...stranger });
            assert.equal(unknown.status, 403);
            assert.match(unknown.json.message, /no key is bound to the client certificate's subject CN=stranger,O=Example\\, Inc/);
            await assert.rejects(ask(core, { ca, ...forged }));
            assert.equal((await ask(core, { ca, ...docs }, { origin: 'https://evil.example' })).status, 403);
        });
    }

    await t.test('a resumed session is still the same caller', async () => {
        const before = (await core.calls()).filter((l) => l.principal === bound.accessKeyId && l.outcome === 'approved').length;
        for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
            const sessions = [];
            const connect = (session) => {
                const socket = tls.connect({ ...address(core), ca, ...docs, session, maxVersion, servername: 'localhost' });
                socket.on('session', (s) => sessions.push(s));
                return { createConnection: () => socket };
            };
            const first = await overHttp1(core, connect());
            await until('a ticket', () => sessions.length > 0);
            const second = await overHttp1(core, connect(sessions.at(-1)));
            assert.deepEqual([first.status, first.reused, second.status, second.reused], [200, false, 200, true], maxVersion);
        }
        const of = (l) => l.principal === bound.accessKeyId && l.outcome === 'approved';
        assert.equal((await core.calls()).filter(of).length, before + 4);
    });

    await t.test('last used, and revoked at once', async () => {
        const { keys } = await core.json('key', 'list');
        const listed = keys.find((k) => k.accessKeyId === bound.accessKeyId);
        assert.equal(listed.subject, subject);
        assert.ok(Date.parse(listed.last_used_at) > 0);
        const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca, ...docs });
        t.after(() => agent.destroy());
        assert.equal((await overHttp1(core, {}, {}, agent)).status, 200);
        assert.equal((await core.run('key', 'revoke', bound.accessKeyId)).status, 0);
        const refused = await overHttp1(core, {}, {}, agent); // the connection that was let in before
        assert.equal(refused.status, 403);
        const again = await core.key('docs', 'support', '--subject', ` ${subject.replaceAll('CN=', 'CN = ')} `);
        assert.equal(again.subject, subject);
        assert.equal((await overHttp1(core, {}, {}, agent)).status, 200);
    });
});

test('a renewed certificate is taken over by a reload, a bad one is not', async (t) => {
    const { ca, otherCa, listen, renewServer } = authority(t);
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { listen: [listen] }));
    const key = await core.key('docs', 'support');
    const bearer = { authorization: `Bearer ${key.bearerToken}` };
    const control = await core.control();
    const status = async (trusted) => (await overHttp1(core, { ca: trusted }, bearer)).status;
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1, ca });
    t.after(() => agent.destroy());
    assert.equal((await overHttp1(core, {}, bearer, agent)).status, 200);

    renewServer();
    assert.equal(await status(ca), 200, 'nothing changes before the reload');
    await control.ask('reload');
    assert.equal(await status(otherCa), 200);
    await assert.rejects(status(ca), /self-signed|issuer|verify/);
    assert.equal((await overHttp1(core, {}, bearer, agent)).status, 200, 'a connection that stood goes on');

    fs.writeFileSync(listen.private_key, 'no key');
    await assert.rejects(control.ask('reload'), /cannot use private_key .*server\.key/);
    assert.equal(await status(otherCa), 200, 'the running one stays');
    const check = await core.run('check');
    assert.equal(check.status, 1);
    assert.match(check.stderr, /:\d+: listen\[0\]: cannot use private_key .*server\.key/);
    fs.rmSync(listen.certificate);
    await assert.rejects(control.ask('reload'), /cannot use certificate .*server\.crt: No such file or directory/);
    assert.equal(await status(otherCa), 200);
});
