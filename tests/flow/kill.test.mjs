// The kill switch: every call refused, running ones ended, through restarts, and back.
import assert from 'node:assert/strict';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { assertNothingReserved, configuration, Core, inParallel, Simulation, until } from '../lib/harness.mjs';

const WAIT_MS = 30000;

test('limit block --all --stop-running, and unblock --all', { timeout: 120000 }, async (t) => {
    const sim = await Simulation.start(t, { tokenDelayUs: 200000 });
    // The limit is not for these calls: the switch needs none. The other one is in the way of a waiting call.
    const core = await Core.start(t, sim, configuration(sim, {
        limits: [
            { name: 'elsewhere', application: 'nobody', tokens: '1M', window: 'month' },
            { name: 'one', application: 'waits', concurrency: 1, action: 'queue', max_wait: '60s' },
        ],
    }));
    const key = await core.key();
    const waits = await core.key('waits');
    const running = inParallel([key, key, waits], 3, (k) => call(core, k, {
        stream: true, text: 'hello [sim:output=2000]', maxTokens: 2000,
    }));
    const control = await core.control();
    await until('the streams to run', async () => (await control.ask('calls')).calls.length === 3, WAIT_MS);
    const queued = call(core, waits, { maxTokens: 10 });
    const stopped = await core.run('limit', 'block', '--all', '--stop-running', '--reason', 'run away', '--yes');
    assert.equal(stopped.status, 0, stopped.stderr);
    assert.match(stopped.stdout, /^all-calls: unblocked -> blocked, running calls stopped: 3$/m);
    for (const answer of await running) {
        assert.equal(answer.status, 200);
        assert.match(answer.exception?.message ?? '', /operator/, JSON.stringify(answer.exception));
    }
    assert.equal((await queued).status, 400, 'who waits is let go');
    const refused = await call(core, key, { maxTokens: 10 });
    assert.deepEqual([refused.status, refused.errorType], [400, 'ServiceQuotaExceededException']);
    assert.match(refused.json.message, /^limit all-calls: blocked by an operator/);
    assert.equal(refused.headers['x-tollgate-limit'], 'all-calls');
    const { health } = await control.ask('status');
    assert.equal(health.all_blocked.reason, 'run away');
    for (const args of [['status'], ['limit', 'list']]) {
        assert.match((await core.run(...args)).stdout, /^ALL CALLS BLOCKED by \S+ until further notice: run away; `tollgate limit unblock --all` ends it$/m);
    }
    assert.equal((await core.run('limit', 'block', '--all', '--yes')).status, 1, 'already');
    assert.equal((await core.run('limit', 'block', 'elsewhere', '--all', '--yes')).status, 2);
    control.socket.destroy();

    await core.kill();
    await core.start();
    assert.equal((await call(core, key, { maxTokens: 10 })).status, 400, 'it stays through a restart');
    const freed = await core.run('limit', 'unblock', '--all');
    assert.match(freed.stdout, /^all-calls: blocked -> unblocked$/m);
    assert.equal((await core.run('limit', 'unblock', '--all')).status, 1, 'it is off');
    await sim.turn({ token_delay_us: 0 });
    assert.equal((await call(core, key, { maxTokens: 1 })).status, 200);
    const changes = (await core.jsonLines('audit', '--changes')).filter((l) => l.type === 'change').map((l) => l.action);
    assert.deepEqual(changes.filter((a) => a.endsWith('_all')), ['limit.block_all', 'limit.unblock_all']);

    assert.equal((await core.run('limit', 'block', '--all', '--for', '2s', '--yes')).status, 0);
    await until('its time to be over', async () => (await core.json('status')).health.all_blocked === null, WAIT_MS);
    assert.equal((await call(core, key, { maxTokens: 1 })).status, 200);
    await core.stop();
    await core.start();
    assert.equal((await core.json('status')).health.all_blocked, null);
    await assertNothingReserved(core);
});
