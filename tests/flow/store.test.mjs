// The store fails under a running core: what calls, /readyz, the status and an operator see of it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { configuration, Core, Simulation, until } from '../lib/harness.mjs';

const WAIT_MS = 30000;

const settings = (sim, more = {}) => configuration(sim, { limits: [{ name: 'all', tokens: '1M', window: 'month' }], ...more });
const ready = async (core) => (await fetch(`${core.url}/readyz`, { signal: AbortSignal.timeout(10000) })).json();

for (const policy of ['deny', 'allow']) {
    test(`a state directory that is moved away, store_failure: ${policy}`, { timeout: 120000 }, async (t) => {
        const sim = await Simulation.start(t);
        const core = await Core.start(t, sim, settings(sim, { store_failure: policy }));
        const key = await core.key();
        assert.equal((await call(core, key, { maxTokens: 10 })).status, 200);
        const control = await core.control();
        const away = path.join(core.dir, 'away');
        fs.renameSync(core.stateDir, away);
        await until('it to be noticed', async () => (await control.ask('status')).health.store !== 'ok', WAIT_MS);
        const { health } = await control.ask('status');
        assert.match(health.store, /deleted or replaced/);
        assert.equal(health.store_failure, policy);
        if (policy === 'deny') {
            await until('/readyz to say so', async () => JSON.stringify(await ready(core)).includes('deleted or replaced'), WAIT_MS);
        }
        assert.equal((await call(core, key, { maxTokens: 10 })).status, policy === 'deny' ? 503 : 200);
        assert.equal((await control.ask('limit.block', { name: 'all', yes: true })).new, 'blocked', 'a block is possible');
        assert.equal((await call(core, key, { maxTokens: 10 })).status, 400, 'and holds');
        await control.ask('limit.unblock', { name: 'all' });
        fs.renameSync(away, core.stateDir);
        await until('it to be noticed', async () => (await control.ask('status')).health.store === 'ok', WAIT_MS);
        await until('/readyz to be ready', async () => (await ready(core)).status === 'ready', WAIT_MS);
        assert.equal((await call(core, key, { maxTokens: 10 })).status, 200);
        control.socket.destroy();
        assert.equal(await core.stop(), 0);
    });
}

test('a full disk: calls go on into the journals, a block is possible, and all of it is stored later', { timeout: 120000 }, async (t) => {
    if (spawnSync('prlimit', ['--version']).status !== 0) {
        t.skip('no prlimit here');
        return;
    }
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, settings(sim));
    const key = await core.key();
    // Written past its first byte no file takes anything any more, but for what is mapped: as on a full disk.
    const full = (on) => assert.equal(spawnSync('prlimit', ['--pid', String(core.process.pid), `--fsize=${on ? 1 : 'unlimited'}:unlimited`]).status, 0);
    full(true);
    assert.equal((await call(core, key, { maxTokens: 10 })).status, 200);
    await until('it to be shown', async () => (await core.json('status')).health.store !== 'ok', WAIT_MS);
    assert.equal((await call(core, key, { maxTokens: 10 })).status, 200);
    const blocked = await core.run('limit', 'block', 'all', '--yes');
    assert.equal(blocked.status, 0, blocked.stderr);
    assert.match(blocked.stderr, /in force, but not stored/);
    assert.equal((await call(core, key, { maxTokens: 10 })).status, 400);
    const raised = await core.run('limit', 'unblock', 'all');
    assert.equal(raised.status, 0, 'back to what is stored');
    assert.equal((await core.run('limit', 'block', 'all', '--yes')).status, 0);
    full(false);
    await until('all of it to be stored', async () => {
        const { health } = await core.json('status');
        return health.store === 'ok' && health.unstored_changes === 0;
    }, 60000);
    assert.equal((await core.calls()).filter((c) => c.outcome === 'approved').length, 2);
    await core.kill();
    await core.start();
    assert.equal((await core.limit('all')).blocked, true, 'the block is still there after a restart');
});

test('a database that is damaged under a running core', { timeout: 120000 }, async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, settings(sim));
    const key = await core.key();
    assert.equal((await call(core, key, { maxTokens: 10 })).status, 200);
    await until('the call to be stored', async () => (await core.calls()).length === 1, WAIT_MS);
    for (const name of ['ledger.db', 'ledger.db-wal']) {
        const file = fs.openSync(path.join(core.stateDir, name), 'r+'); // in place: the file is the same
        fs.writeSync(file, Buffer.alloc(fs.fstatSync(file).size, 0x55));
        fs.closeSync(file);
    }
    await until('it to be noticed', async () => {
        await call(core, key, { maxTokens: 10 });
        return (await core.json('status')).health.store !== 'ok';
    }, WAIT_MS);
    const { health } = await core.json('status');
    assert.match(health.store, /damaged|cannot be/);
    const { used } = await core.limit('all');
    // The journals have room: calls are counted and written down until they are full, whatever the policy.
    assert.equal((await call(core, key, { maxTokens: 10 })).status, 200);
    assert.ok((await core.limit('all')).used > used);
    assert.equal((await core.run('limit', 'block', 'all', '--yes')).status, 0, 'a block is possible');
    assert.equal((await call(core, key, { maxTokens: 10 })).status, 400);
    const before = (await core.limit('all')).used;
    await core.kill();
    for (const name of ['ledger.db', 'ledger.db-wal', 'ledger.db-shm']) {
        fs.rmSync(path.join(core.stateDir, name), { force: true });
    }
    await core.start();
    assert.equal((await core.limit('all')).used, before, 'the journals still have what the database lost');
});
