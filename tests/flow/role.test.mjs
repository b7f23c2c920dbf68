// assume_role: each call goes upstream with credentials of the role that carry its application's session tags.
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { assertNothingReserved, configuration, Core, inParallel, Simulation, until } from '../lib/harness.mjs';

const ARN = 'arn:aws:iam::123456789012:role/team/BedrockCaller';
const settings = (sim, more = {}) =>
    configuration(sim, { assume_role: { arn: ARN, session_tags: ['application', 'costCenter'] }, upstream: { connect_timeout: '20s' }, ...more });

async function started(t, more) {
    const sim = await Simulation.start(t);
    await sim.turn({ output_tokens: 5 });
    const core = await Core.start(t, sim, settings(sim, more));
    return { sim, core };
}

// Calls by application, as the simulated Bedrock saw them in the session tags.
async function seen(sim) {
    const { sessions } = await sim.settled();
    const by = {};
    for (const s of sessions) {
        assert.equal(s.role_arn, ARN);
        by[s.tags.applicationId] = (by[s.tags.applicationId] ?? 0) + s.calls;
    }
    return { by, sessions };
}

const post = async (sim, path) => {
    const answer = await fetch(`${sim.url}${path}`, { method: 'POST', signal: AbortSignal.timeout(20000) });
    assert.equal(answer.status, 200);
};

test('each call carries the session tags of its application', async (t) => {
    const { sim, core } = await started(t);
    const docs = await core.key('docs helper', 'support');
    const web = await core.key('w', 'sales');
    const answers = await inParallel(Array.from({ length: 30 }, (_, i) => (i % 3 ? docs : web)), 10,
        (key, i) => call(core, key, { stream: i % 2 === 0 }));
    answers.forEach((a) => assert.equal(a.status, 200, String(a.body)));
    const { by, sessions } = await seen(sim);
    assert.deepEqual(by, { 'docs helper': 20, w: 10 });
    assert.deepEqual(sessions.map((s) => [s.name, s.tags]).sort(), [
        ['app-w', { applicationId: 'w', costCenter: 'sales' }],
        ['docs-helper', { applicationId: 'docs helper', costCenter: 'support' }],
    ]);
    assert.equal((await sim.ledger()).assume_role_calls, 2, 'one request a set, however many calls wait for it');
    await assertNothingReserved(core);
});

test('three hundred sets are asked for once each', async (t) => {
    const { sim, core } = await started(t, {
        tags: { from_caller: ['team'] },
        assume_role: { arn: ARN, session_tags: ['applicationId', 'team'] },
    });
    const key = await core.key('many');
    for (let round = 0; round < 2; round++) {
        const answers = await inParallel(Array.from({ length: 300 }, (_, i) => i), 20,
            (i) => call(core, key, { headers: { 'x-tollgate-tags': `team=t${i}` } }));
        answers.forEach((a) => assert.equal(a.status, 200, String(a.body)));
    }
    const { sessions } = await seen(sim);
    assert.equal(sessions.length, 300);
    assert.equal(new Set(sessions.map((s) => s.tags.team)).size, 300);
    sessions.forEach((s) => assert.equal(s.calls, 2, JSON.stringify(s)));
    assert.equal((await sim.ledger()).assume_role_calls, 300);
});

test('credentials that are revoked or expire are replaced without a failed call', async (t) => {
    const { sim, core } = await started(t);
    const key = await core.key('app');
    const good = async () => {
        const answer = await call(core, key);
        assert.equal(answer.status, 200, String(answer.body));
    };
    await good();
    await post(sim, '/_sim/revoke');
    await good(); // refused by Bedrock, asked for anew, sent again
    assert.equal((await sim.ledger()).assume_role_calls, 2);
    const calls = await core.calls();
    assert.deepEqual(calls.map((c) => c.outcome), ['approved', 'approved']);
    await sim.turn({ session_seconds: 1 });
    await post(sim, '/_sim/revoke');
    await until('the pause after fresh credentials were refused', async () => (await call(core, key)).status === 200, 30000);
    const before = (await sim.ledger()).assume_role_calls;
    let served = 0;
    await until('sessions of a second to be renewed', async () => {
        served += (await call(core, key)).status === 200 ? 1 : 0;
        return served >= 5 && (await sim.ledger()).assume_role_calls > before + 1;
    }, 60000);
    await assertNothingReserved(core);
});

test('a role that may not be taken on is named, and not asked for in a storm', async (t) => {
    const { sim, core } = await started(t);
    const key = await core.key('app');
    await sim.turn({ deny: 'TagSession' });
    const answers = await inParallel(Array.from({ length: 100 }), 20, () => call(core, key));
    for (const a of answers) {
        assert.equal(a.status, 502, String(a.body));
        assert.match(JSON.parse(a.body).message, /assume_role: allow sts:AssumeRole and sts:TagSession for the credentials of environment/);
    }
    const ledger = await sim.settled();
    assert.equal(ledger.calls, 0, 'nothing reaches Bedrock with other credentials');
    assert.ok(ledger.assume_role_calls < 10, `${ledger.assume_role_calls} requests for 100 calls`);
    const [first] = await core.calls();
    assert.deepEqual([first.outcome, first.error, first.http_status, first.usd], ['failed', 'assume_role', 502, 0]);
    const source = async () => (await core.json('status')).cloud.find((s) => s.source === 'assume_role');
    const broken = await source();
    assert.deepEqual([broken.state, broken.at, broken.sets, broken.requests], ['error', null, 1, ledger.assume_role_calls]);
    assert.match(broken.error, /allow sts:AssumeRole and sts:TagSession/);
    await until('the metrics to tell', async () => /^tollgate_role_broken 1$/m.test(await (await fetch(`${core.url}/metrics`)).text()));
    await sim.turn({ deny: '' });
    await until('the role to work again', async () => (await call(core, key)).status === 200, 60000);
    const works = await source();
    assert.deepEqual([works.state, works.error, works.sets], ['ok', null, 1]);
    assert.match((await core.run('status')).stdout, /^assume_role ok since /m);
    await assertNothingReserved(core);
});

test('an STS that is down costs calls a 503', async (t) => {
    const { sim, core } = await started(t);
    const key = await core.key('app');
    await sim.turn({ services: { sts: 'down' } });
    const answer = await call(core, key);
    assert.equal(answer.status, 503, String(answer.body));
    assert.match(JSON.parse(answer.body).message, /assume_role: /);
    await sim.turn({ services: { sts: 'up' } });
    await until('STS to be asked again', async () => (await call(core, key)).status === 200, 60000);
    await assertNothingReserved(core);
});

test('calls wait for a silent STS no longer than for a connection, and not at all once their client has left', async (t) => {
    const sim = await Simulation.start(t);
    const held = new Set();
    const silent = net.createServer((socket) => {
        held.add(socket.on('error', () => {}));
    });
    await new Promise((resolve) => silent.listen(0, '127.0.0.1', resolve));
    t.after(() => {
        held.forEach((socket) => socket.destroy());
        silent.close();
    });
    const endpoints = { ...sim.endpoints, sts: `http://127.0.0.1:${silent.address().port}` };
    const impatient = await Core.start(t, sim, settings(sim, { endpoints, upstream: { connect_timeout: '300ms' } }));
    const answer = await call(impatient, await impatient.key('app'));
    assert.equal(answer.status, 503, String(answer.body));
    assert.match(JSON.parse(answer.body).message, /assume_role: (sts:AssumeRole took longer|.*did not answer in time)/);
    await assertNothingReserved(impatient);

    const patient = await Core.start(t, sim, settings(sim, { endpoints, upstream: { connect_timeout: '1h' } }));
    const key = await patient.key('app');
    const before = held.size;
    const sent = http.request(new URL('/model/nova-lite/converse', patient.url), {
        method: 'POST', headers: { authorization: `Bearer ${key.bearerToken}`, 'content-type': 'application/json' },
    }).on('error', () => {});
    sent.end(JSON.stringify({ messages: [{ role: 'user', content: [{ text: 'hi' }] }] }));
    await until('STS to be asked', () => held.size > before, 30000);
    assert.equal((await patient.json('status')).totals.open, 1);
    sent.destroy();
    await until('the call to end', async () => (await patient.json('status')).totals.open === 0, 30000);
    const [gone] = await patient.calls();
    assert.deepEqual([gone.error, gone.usd], ['client_gone', 0]);
    await assertNothingReserved(patient);
});
