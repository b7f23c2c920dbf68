// action: queue: calls wait for room, are served in the order in which they came, or are denied after max_wait.
import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import test from 'node:test';

import { converseBody } from '../lib/calls.mjs';
import { assertNothingReserved, configuration, Core, Simulation, until } from '../lib/harness.mjs';

const PATH = '/model/nova-lite/converse';
const BODY = converseBody('hello [sim:output=5]', { maxTokens: 20 });
const LONG = 60000;

// A call over HTTP/1.1 on a connection of its own, that can leave: {answer, leave}.
function overHttp1(core, key) {
    const made = {};
    made.answer = new Promise((resolve) => {
        const sent = http.request(new URL(PATH, core.url), {
            method: 'POST', agent: false,
            headers: { 'content-type': 'application/json', 'content-length': BODY.length, authorization: `Bearer ${key.bearerToken}` },
        });
        sent.on('error', (e) => resolve({ status: 0, error: e }));
        sent.on('response', (response) => {
            response.resume().on('end', () => resolve({ status: response.statusCode, headers: response.headers }));
        });
        sent.end(BODY);
        made.leave = () => sent.destroy();
    });
    return made;
}

// The same as a stream of an HTTP/2 session.
function overHttp2(session, key) {
    const stream = session.request({
        ':method': 'POST', ':path': PATH, 'content-type': 'application/json', authorization: `Bearer ${key.bearerToken}`,
    });
    let head = { ':status': 0 };
    const answer = new Promise((resolve) => {
        stream.on('error', () => {});
        stream.on('response', (headers) => (head = headers));
        stream.resume().on('close', () => resolve({ status: head[':status'], headers: head }));
    });
    stream.end(BODY);
    return { answer, leave: () => stream.close(http2.constants.NGHTTP2_CANCEL) };
}

async function connected(t, core) {
    const session = http2.connect(core.url);
    session.on('error', () => {});
    t.after(() => session.destroy());
    await new Promise((resolve) => session.once('connect', resolve));
    return session;
}

// Sends the next one when the last has its place, so that their order is known. Nobody is counted twice: who has ended
// is counted before the others are looked at.
async function queueUp(core, control, makers) {
    const clients = [];
    let ended = 0;
    for (const make of makers) {
        const client = make();
        client.ended = client.answer.then((answer) => {
            ended++;
            client.status = answer.status;
            return answer;
        });
        clients.push(client);
        await until(`call ${clients.length} to have its place`, async () => {
            const before = ended;
            const { limits: [limit] } = await control.ask('limit.list');
            return limit.waiting + limit.reserved + before === clients.length;
        }, LONG);
    }
    return clients;
}

test('50 clients against 10 requests a window: in order, or denied after max_wait', { timeout: 90000 }, async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, {
        limits: [{ name: 'few', requests: 10, window: '10s', action: 'queue', max_wait: '11s' }],
    }));
    const key = await core.key();
    const control = await core.control();
    const session = await connected(t, core);
    const began = Date.now();
    const clients = await queueUp(core, control, Array.from({ length: 50 }, (_, i) =>
        () => (i % 2 === 0 ? overHttp1(core, key) : overHttp2(session, key))));
    const arrivedMs = Date.now() - began;
    const left = [49, 48].filter((i) => clients[i].status === undefined);
    left.forEach((i) => clients[i].leave());
    const answers = await Promise.all(clients.map((c) => c.ended));
    control.close();

    const calls = new Map((await core.calls()).map((c) => [c.request_id, c]));
    const windows = new Map();
    let admitted = 0;
    let last = 0;
    let denied = 0;
    answers.forEach((a, i) => {
        const line = calls.get(a.headers?.['x-tollgate-request-id']);
        if (a.status === 200) {
            const at = Date.parse(line.time);
            assert.ok(at >= last, `client ${i} overtook another`);
            last = at;
            admitted++;
            windows.set(Math.floor(at / 10000), (windows.get(Math.floor(at / 10000)) ?? 0) + 1);
        } else if (a.status === 429) {
            assert.equal(a.headers['x-tollgate-limit'], 'few');
            assert.equal(line.outcome, 'denied');
            // Its wait and its duration begin by two clocks, of which one is read once a turn.
            assert.ok(line.duration_ms >= 10900, `client ${i} was denied after ${line.duration_ms} ms`);
            denied++;
        } else {
            assert.ok(left.includes(i), `client ${i}: ${a.status}`);
        }
    });
    assert.ok(admitted >= 20, `${admitted} got through`);
    assert.ok(denied > 0 || arrivedMs > 8000, 'all got through');
    assert.ok([...windows.values()].every((n) => n <= 10), `by window: ${[...windows.values()]}`);
    assert.equal((await sim.settled()).calls, admitted);
    const status = await assertNothingReserved(core);
    assert.equal(status.limits[0].waiting, 0);
    assert.equal(status.limits[0].over, 0);
    assert.equal(status.totals.denied, denied);
});

test('concurrency: whoever waits gets a turn, a client that leaves gives up its place', { timeout: 60000 }, async (t) => {
    const sim = await Simulation.start(t, { latencyMs: 400 });
    const core = await Core.start(t, sim, configuration(sim, {
        limits: [{ name: 'at-once', concurrency: 4, action: 'queue', max_wait: '60s' }],
    }));
    const key = await core.key();
    const control = await core.control();
    const session = await connected(t, core);
    const clients = await queueUp(core, control, Array.from({ length: 12 }, (_, i) =>
        () => (i % 2 === 0 ? overHttp1(core, key) : overHttp2(session, key))));
    clients[11].leave();
    clients[10].leave();
    const statuses = (await Promise.all(clients.map((c) => c.ended))).map((a) => a.status);
    control.close();
    assert.deepEqual(statuses.slice(0, 10), new Array(10).fill(200));
    await sim.settled();
    await assertNothingReserved(core);
});

test('SIGTERM: who waits is sent away at once, who runs goes on', { timeout: 60000 }, async (t) => {
    const sim = await Simulation.start(t, { latencyMs: 40000 });
    const core = await Core.start(t, sim, configuration(sim, {
        limits: [{ name: 'one', concurrency: 1, action: 'queue', max_wait: '10m' }],
    }));
    const key = await core.key();
    const control = await core.control();
    const clients = await queueUp(core, control, [() => overHttp1(core, key), () => overHttp1(core, key)]);
    core.signal('SIGTERM');
    assert.equal((await clients[1].ended).status, 503);
    const { limits: [limit] } = await control.ask('limit.list');
    assert.deepEqual([limit.waiting, limit.reserved, clients[0].status], [0, 1, undefined]);
    control.close();
    core.signal('SIGTERM'); // a second one cuts what runs
    assert.equal((await clients[0].ended).status, 0);
    await core.process.ended;
    assert.equal(core.process.status, 1);
});
