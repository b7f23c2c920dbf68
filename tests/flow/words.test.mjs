// What the sub-commands say to a person: no line too long for a terminal, nothing wrong passed over in silence.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { Core, configuration, run, Simulation, until } from '../lib/harness.mjs';

const LIMITS = [
    { name: 'haiku-minute', model: 'claude-3-5-haiku', per: ['costCenter'], tokens: '100k', window: 'day', ceiling: '1M' },
    { name: 'department-month', per: ['costCenter'], usd: 2500, window: 'month' },
];

test('limit list fits 100 columns and says every override: who, until when, and why where it was said', async (t) => {
    const core = await Core.start(t, undefined, configuration(undefined, { limits: LIMITS }));
    await core.json('limit', 'set', 'haiku-minute', 'tokens=90k', '--reason', 'launch day');
    await core.json('limit', 'set', 'haiku-minute', 'tokens=80k', '--group', 'costCenter=sales', '--for', '1h');
    await core.json('limit', 'block', 'department-month', '--group', 'costCenter=support', '--yes');
    const { stdout } = await core.run('limit', 'list');
    const widest = Math.max(...stdout.split('\n').map((line) => line.length));
    assert.ok(widest <= 100, `a line has ${widest} columns:\n${stdout}`);
    assert.match(stdout, /^haiku-minute .*\n {2}tokens .*\n {2}for each costCenter: 1 group\n {2}override: 90,000 instead of 100,000, by \S+ until further notice: launch day$/m);
    assert.match(stdout, /^ {2}costCenter=sales .*\n {4}override: 80,000 instead of 100,000, by \S+ until \d{4}-\S+Z$/m);
    assert.match(stdout, /^department-month .*\n {2}usd .*\n {2}for each costCenter: /m);
    assert.match(stdout, /^ {2}costCenter=support .*\n {4}override: blocked, by \S+ until further notice$/m);
});

test('what was mistyped is an error that says so', async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { limits: LIMITS }));
    const key = await core.key('crm', 'sales');
    await call(core, key, { model: 'claude-3-5-haiku', text: 'x', maxTokens: 20 });
    await call(core, { ...key, bearerToken: 'wrong' }, { model: 'claude-3-5-haiku', text: 'x', maxTokens: 20 });
    await until('the rejected call to be counted', async () => (await core.json('status')).totals.rejected === 1);
    const used = (await core.run('usage')).stdout; // no row of zeros for it
    assert.match(used, /^model .*\nclaude-3-5-haiku +1 .*\nand 1 rejected: a bad key, tag or body\n$/);
    const unknown = await core.run('limit', 'history', 'nope');
    assert.equal(unknown.status, 1);
    assert.match(unknown.stderr, /no limit 'nope'; there are: haiku-minute, department-month/);
    const calm = await core.run('limit', 'history', 'haiku-minute');
    assert.equal(calm.status, 0);
    assert.match(calm.stdout, /never changed/);
    const by = await core.run('usage', '--by', 'foo');
    assert.equal(by.status, 2);
    assert.match(by.stderr, /--by foo: no such field/);
    assert.equal(by.stdout, '');
    for (const known of ['model', 'application,costCenter', 'environment']) {
        assert.equal((await core.run('usage', '--by', known)).status, 0, known);
    }
});

test('audit and limit history say changes alike: dollars as dollars, a block as a block, a pid as it is', async (t) => {
    const core = await Core.start(t, undefined, configuration(undefined, { limits: LIMITS }));
    await core.json('limit', 'set', 'department-month', 'usd=3000', '--group', 'costCenter=sales', '--yes');
    await core.json('limit', 'block', 'department-month');
    await core.json('limit', 'set', 'haiku-minute', 'tokens=90k');
    await core.json('limit', 'set', 'haiku-minute', 'tokens=80k', '--for', '1h', '--reason', 'a burst', '--ticket', 'OPS-7');
    await core.json('limit', 'block', '--all', '--yes');
    await core.json('limit', 'undo');
    for (const command of [['limit', 'history'], ['audit', '--changes']]) {
        const { stdout } = await core.run(...command);
        assert.match(stdout, /limit\.set department-month costCenter=sales: \$2,500\.00 -> \$3,000\.00  by /);
        assert.match(stdout, /limit\.block department-month: \$2,500\.00 -> blocked  by /);
        assert.match(stdout, /limit\.set haiku-minute: 100,000 -> 90,000  by /);
        assert.match(stdout, /limit\.set haiku-minute: 90,000 -> 80,000 until \d{4}-\S+Z {2}by \S+: a burst \[OPS-7\]$/m);
        assert.match(stdout, /limit\.block_all all-calls: unblocked -> blocked {2}by /);
        assert.match(stdout, /limit\.undo all-calls: blocked -> unblocked {2}undoes #\d+ {2}by /);
    }
    assert.match((await core.run('status')).stdout, new RegExp(`pid ${core.process.pid}  figures since `));
});

test('call list says what runs and what waits, call stop ends it', async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { limits: [{ name: 'one', concurrency: 1, action: 'queue', max_wait: '10m' }] }));
    const [crm, docs] = [await core.key('crm', 'sales'), await core.key('docs', 'sales')];
    const calls = () => core.run('call', 'list');
    const runs = call(core, crm, { model: 'claude-3-5-haiku', text: 'x [sim:latency_ms=60000]', maxTokens: 20 });
    await until('the first call to run', async () => (await calls()).stdout.includes('applicationId=crm'));
    const waits = call(core, docs, { model: 'claude-3-5-haiku', text: 'x', maxTokens: 20 });
    await until('the second call to wait', async () => (await calls()).stdout.includes('waits for one'));
    const { stdout } = await calls();
    assert.match(stdout, /^SINCE .*\n\d{4}-\S+Z +\d+ s {2}claude-3-5-haiku .*applicationId=crm .*\n.*applicationId=docs .*waits for one\n$/);
    const nobody = await core.run('call', 'stop', 'nope');
    assert.equal(nobody.status, 1);
    assert.match(nobody.stderr, /no call nope is running/);
    assert.equal((await core.run('call', 'stop')).status, 1);
    assert.equal((await core.run('call')).status, 2);
    assert.equal((await core.run('call', 'stop', '--application', 'docs')).stdout, 'calls stopped: 1\n');
    assert.equal((await waits).status, 503);
    assert.equal((await core.run('call', 'stop', '--all', '--reason', 'enough')).stdout, 'calls stopped: 1\n');
    assert.equal((await runs).status, 503);
    assert.match((await core.run('audit', '--changes')).stdout, /call\.stop: 1 -> stopped {2}by \S+: enough\n/);
});

test('-h helps, everywhere', async () => {
    for (const args of [[], ['serve'], ['demo'], ['sim'], ['status'], ['limit'], ['call'], ['key'], ['audit'], ['usage'], ['check']]) {
        const { status, stdout, stderr } = await run([...args, '-h']);
        assert.equal(status, 0, `tollgate ${args.join(' ')} -h: ${stderr}`);
        assert.match(stdout, /usage: tollgate/);
        assert.equal(stderr, '');
    }
});

test('a theme that is not there is said before anything starts', async () => {
    for (const args of [['demo', '--theme', 'nope'], ['demo', '--json', '--theme', 'nope'], ['--plain', '--theme', 'nope']]) {
        const { status, stderr, stdout } = await run(args);
        assert.equal(status, 2, args.join(' '));
        assert.match(stderr, /no theme "nope"; there are dark/);
        assert.equal(stdout, '');
    }
});

test('--read-only starts no core, and says so', async (t) => {
    const core = Core.prepare(t, undefined, configuration(undefined, { limits: LIMITS }));
    const { status, stderr } = await core.run('--plain', '--read-only');
    assert.equal(status, 1);
    assert.match(stderr, /no core runs in .*--read-only starts none/);
    assert.equal(fs.existsSync(path.join(core.stateDir, 'control.sock')), false);
});
