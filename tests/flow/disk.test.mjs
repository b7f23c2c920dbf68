// Disks that are really full, out of inodes or read-only under a running core: on small file systems of their own,
// mounted in a name space in which this file runs itself again (no root needed, but the kernel's leave).
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { call } from '../lib/calls.mjs';
import { assertNothingReserved, configuration, Core, MODELS, Simulation, temporaryDirectory, until } from '../lib/harness.mjs';

const WAIT_MS = 60000;
const CLIENTS = 16;
const INSIDE = 'TOLLGATE_TEST_MOUNTS';

// With no room for journals and database any more; what is there goes on.
function fill(dir) {
    const file = fs.openSync(path.join(dir, 'filler'), 'w');
    for (let bytes = 1 << 20; bytes >= 1;) {
        try {
            fs.writeSync(file, Buffer.alloc(bytes, 1));
        } catch (e) {
            assert.equal(e.code, 'ENOSPC');
            bytes >>= 1;
        }
    }
    fs.closeSync(file);
}

function fillWithNames(dir, names) {
    for (let n = 0; ; n++) {
        try {
            fs.writeFileSync(path.join(dir, `${names}.${n}`), '');
        } catch (e) {
            assert.equal(e.code, 'ENOSPC');
            return;
        }
    }
}

function mounted(t, options) {
    const dir = temporaryDirectory();
    const done = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', dir]);
    assert.equal(done.status, 0, String(done.stderr));
    t.after(() => {
        spawnSync('umount', ['-l', dir]);
        fs.rmdirSync(dir);
    });
    return dir;
}

const settings = (sim, more = {}) => configuration(sim, { limits: [{ name: 'all', tokens: '1G', window: 'month' }, { name: 'calls', requests: '1G', window: 'month' }], ...more });
const ready = async (core) => (await fetch(`${core.url}/readyz`, { signal: AbortSignal.timeout(10000) })).json();
const store = async (core) => (await core.json('status')).health;

async function started(t, sim, dir, more) {
    const core = Core.prepare(t, sim, settings(sim, more), { stateDir: path.join(dir, 'state') });
    await core.start(['--workers', '1']);
    return core;
}

// Each file that is mapped has its room, whatever happens to the disk.
function assertSetAside(core) {
    for (const name of ['journal.0', 'debts']) {
        const { size, blocks } = fs.statSync(path.join(core.stateDir, name));
        assert.ok(blocks * 512 >= size, `${name}: ${blocks} blocks for ${size} bytes`);
    }
}

// Calls by many clients until stop(); the statuses of their answers are counted.
function load(t, core, key) {
    const seen = new Map();
    let on = true;
    const client = async () => {
        while (on && core.running) {
            const { status, error } = await call(core, key, { maxTokens: 10 });
            const what = error ? String(error) : status;
            seen.set(what, (seen.get(what) ?? 0) + 1);
        }
    };
    const all = Promise.all(Array.from({ length: CLIENTS }, client));
    t.after(() => (on = false));
    return { seen, of: (status) => seen.get(status) ?? 0, stop: async () => { on = false; await all; } };
}

// Records of two kilobytes, so that the journal is full soon.
const bulky = (core) => core.key('app', 'sales', ...Array.from({ length: 13 }, (_, i) => ['--tag', `tag${i}=${'x'.repeat(128)}`]).flat());

async function fullDisk(t, policy) {
    const dir = mounted(t, 'size=56m');
    const sim = await Simulation.start(t);
    const core = await started(t, sim, dir, { store_failure: policy });
    assertSetAside(core);
    const key = await bulky(core);
    const calls = load(t, core, key);
    await until('some calls', () => calls.of(200) > 50, WAIT_MS);
    fill(dir);
    await until('it to be shown', async () => (await store(core)).store !== 'ok', WAIT_MS);
    const { health } = await core.json('status');
    assert.equal(health.store_failure, policy);
    assert.match(health.store, /full|cannot be/);
    const text = await core.run('status', '--once');
    assert.match(text.stdout, new RegExp(`store FAILED \\(${policy}\\): `));
    if (policy === 'deny') {
        await until('/readyz to say so', async () => (await ready(core)).status !== 'ready', WAIT_MS);
    }
    // What is stricter holds at once, what is not is refused with the reason.
    const lowered = await core.run('limit', 'set', 'all', 'tokens=900M', '--yes');
    assert.equal(lowered.status, 0, lowered.stderr);
    assert.match(lowered.stderr, /in force, but not stored/);
    assert.equal((await core.limit('all')).amount, 900_000_000);
    const raised = await core.run('limit', 'set', 'all', 'tokens=2G', '--yes');
    assert.equal(raised.status, 1, raised.stdout);
    assert.match(raised.stderr, /full|cannot be/);
    assert.equal((await core.limit('all')).amount, 900_000_000);
    // The journal takes calls until it is full; then the policy holds.
    if (policy === 'deny') {
        await until('calls to be refused', () => calls.of(503) > 100, WAIT_MS);
    } else {
        await until('calls to be served unwritten', async () => (await store(core)).dropped_calls > 100, WAIT_MS);
        assert.equal(calls.of(503), 0);
    }
    assert.ok(core.running);
    fs.rmSync(path.join(dir, 'filler'));
    await until('all of it to be stored', async () => {
        const h = await store(core);
        return h.store === 'ok' && h.unstored_changes === 0;
    }, WAIT_MS);
    await until('/readyz to be ready', async () => (await ready(core)).status === 'ready', WAIT_MS);
    await calls.stop();
    assert.equal((await call(core, key, { maxTokens: 10 })).status, 200);
    await everythingIsThere(core, sim, calls.of(200) + 1);
    assert.deepEqual([...calls.seen.keys()].filter((k) => k !== 200 && k !== 503), []);
}

// Limits count every call that was served; the ledger too but for what the policy let through unwritten.
async function everythingIsThere(core, sim, answered) {
    const served = await sim.settled();
    const { limits, health } = await assertNothingReserved(core);
    assert.equal(served.completed, answered);
    assert.equal(limits.find((l) => l.name === 'calls').used, answered);
    assert.equal(limits.find((l) => l.name === 'all').used, served.input_tokens + served.delivered_output_tokens);
    const { rows } = await core.json('usage');
    assert.equal(rows.reduce((n, r) => n + r.approved, 0), answered - health.dropped_calls);
    await core.kill();
    await core.start(['--workers', '1']);
    assert.equal((await core.limit('calls')).used, answered - health.dropped_calls);
    assert.equal((await core.limit('all')).amount, 900_000_000, 'what was lowered stays so');
}

async function noInodes(t) {
    const dir = mounted(t, 'size=56m,nr_inodes=40');
    const sim = await Simulation.start(t);
    const core = await started(t, sim, dir);
    const key = await core.key();
    fillWithNames(dir, 'filler');
    const calls = load(t, core, key);
    await until('some calls', () => calls.of(200) > 200, WAIT_MS);
    await calls.stop();
    const answered = calls.of(200);
    assert.equal((await store(core)).store, 'ok', 'no new file is needed while it runs');
    assert.equal((await core.run('limit', 'set', 'all', 'tokens=900M', '--yes')).status, 0);
    await core.kill();
    await core.start(['--workers', '1']);
    assert.equal((await core.limit('calls')).used, answered, 'nor after a crash');
    assert.equal(await core.stop(), 0);
    fillWithNames(dir, 'more'); // in the places of what SQLite took away when it was closed
    const failed = core.spawn(['--workers', '1']);
    await failed.ended;
    assert.equal(failed.status, 1, failed.stderr);
    assert.match(failed.stderr, new RegExp(`${core.stateDir}|ledger\\.db|No space left`));
    fs.readdirSync(dir).filter((n) => n !== 'state').forEach((n) => fs.rmSync(path.join(dir, n)));
    await core.start(['--workers', '1']);
    assert.equal((await core.limit('calls')).used, answered);
    assert.equal((await call(core, key, { maxTokens: 10 })).status, 200);
}

async function readOnly(t) {
    const dir = mounted(t, 'size=56m');
    const sim = await Simulation.start(t);
    const core = await started(t, sim, dir);
    const key = await core.key();
    assert.equal((await call(core, key, { maxTokens: 10 })).status, 200);
    assert.notEqual(spawnSync('mount', ['-o', 'remount,ro', dir]).status, 0, 'not while a core writes there');
    assert.equal(await core.stop(), 0);
    assert.equal(spawnSync('mount', ['-o', 'remount,ro', dir]).status, 0);
    const failed = core.spawn(['--workers', '1']);
    await failed.ended;
    assert.equal(failed.status, 1, failed.stderr);
    assert.match(failed.stderr, /Read-only file system/);
    const { limits } = await core.json('limit', 'list').catch(() => ({}));
    assert.ok(limits === undefined || limits.find((l) => l.name === 'calls').used === 1);
    assert.equal(spawnSync('mount', ['-o', 'remount,rw', dir]).status, 0);
    await core.start(['--workers', '1']);
    assert.equal((await core.limit('calls')).used, 1);
    assert.equal((await call(core, key, { maxTokens: 10 })).status, 200);
}

// A file system that its kernel makes read-only under everybody who uses it, as after an error of the disk.
async function aborted(t) {
    const dir = temporaryDirectory();
    const image = `${dir}.image`;
    const sh = (...words) => spawnSync(words[0], words.slice(1));
    t.after(() => {
        sh('umount', '-l', dir);
        fs.rmSync(image, { force: true });
        fs.rmdirSync(dir);
    });
    fs.closeSync(fs.openSync(image, 'w'));
    fs.truncateSync(image, 96 << 20);
    if (sh('mkfs.ext4', '-q', image).status !== 0 || sh('mount', '-o', 'loop', image, dir).status !== 0) {
        t.skip('no file system may be mounted from a file here (that takes root)');
        return;
    }
    const sim = await Simulation.start(t);
    const core = await started(t, sim, dir, { store_failure: 'deny' });
    assertSetAside(core);
    const key = await core.key();
    const calls = load(t, core, key);
    await until('some calls', () => calls.of(200) > 200, WAIT_MS);
    sh('sync', '-f', dir); // so that the next store into each mapped page asks the file system again
    assert.equal(sh('mount', '-o', 'remount,abort', dir).status, 0);
    await until('it to be shown', async () => (await store(core)).store !== 'ok', WAIT_MS);
    const before = calls.of(200);
    await until('calls to go on into the journal', () => calls.of(200) > before + 500, WAIT_MS);
    const blocked = await core.run('limit', 'block', 'all', '--yes');
    assert.equal(blocked.status, 0, blocked.stderr);
    assert.match(blocked.stderr, /in force, but not stored/);
    await until('the block to hold', () => calls.of(400) > 100, WAIT_MS);
    await calls.stop();
    assert.ok(core.running);
    const served = await sim.settled();
    assert.equal((await core.limit('calls')).used, served.completed);
    await core.kill();
}

const tests = {
    'a full disk under load, store_failure: deny': (t) => fullDisk(t, 'deny'),
    'a full disk under load, store_failure: allow': (t) => fullDisk(t, 'allow'),
    'a disk without inodes': noInodes,
    'a state directory that is read-only for a time': readOnly,
};

if (process.env[INSIDE]) {
    for (const [name, fn] of Object.entries(tests)) {
        test(name, { timeout: 180000 }, fn);
    }
} else {
    test('a file system that has become read-only', { timeout: 180000 }, aborted);
    test('file systems that are full or read-only, in a name space', { timeout: 600000 }, async (t) => {
        const probe = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']);
        if (probe.status !== 0) {
            t.skip(`no file system may be mounted here: ${probe.error ?? probe.stderr}`);
            return;
        }
        const env = { ...process.env, [INSIDE]: '1' };
        delete env.NODE_TEST_CONTEXT; // it is a run of its own
        const child = spawn('unshare', ['-rm', process.execPath, '--test', '--test-reporter=tap', fileURLToPath(import.meta.url)], { env });
        let said = '';
        child.stdout.setEncoding('utf8').on('data', (text) => (said += text));
        child.stderr.setEncoding('utf8').on('data', (text) => (said += text));
        const status = await new Promise((resolve) => child.on('close', resolve));
        assert.equal(status, 0, said);
        assert.match(said, new RegExp(`# pass ${Object.keys(tests).length}\n`), said);
    });
}
