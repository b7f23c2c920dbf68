// The modes without a screen: sentences, snapshots, and a stream of them.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { binary, Core, configuration, Simulation, until } from '../lib/harness.mjs';

const LIMITS = [{ name: 'haiku-minute', model: 'claude-3-5-haiku', per: ['costCenter'], tokens: 300, window: 'day' }];

async function begin(t) {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { limits: LIMITS }));
    return { core, key: await core.key('crm', 'sales') };
}

// A program that writes on and on; ends with the test.
function listen(t, args) {
    const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const self = { child, out: '', ended: null };
    child.stdout.setEncoding('utf8').on('data', (text) => { self.out += text; });
    child.on('exit', (code, signal) => { self.ended = signal ?? code; });
    t.after(() => child.kill('SIGKILL'));
    self.heard = (pattern) => until(`to hear ${pattern}; heard:\n${self.out}`, () => pattern.test(self.out));
    return self;
}

test('--plain tells changes as sentences, without a terminal', async (t) => {
    const { core, key } = await begin(t);
    const plain = listen(t, ['--config', core.config, '--plain']);
    await plain.heard(/^attached to the core in us-east-1/);
    await plain.heard(/limit haiku-minute has room: 0 percent of 300 tokens/);
    await call(core, key, { model: 'claude-3-5-haiku', text: 'x', maxTokens: 60 });
    const refused = await call(core, key, { model: 'claude-3-5-haiku', text: 'x', maxTokens: 290 });
    assert.equal(refused.status, 400);
    await plain.heard(/claude-3-5-haiku denied: haiku-minute, frees in \d+ (hour|minute|second)/);
    await core.json('limit', 'set', 'haiku-minute', 'tokens=900', '--reason', 'from elsewhere');
    await plain.heard(/haiku-minute.*900/);
    assert.match(plain.out, /^[\x20-\x7e\n]*$/, 'no drawing, no escapes');
    await core.kill();
    await plain.heard(/the core is gone/);
    await core.start();
    await plain.heard(/is gone[^]*attached to the core/);
    plain.child.kill('SIGTERM');
    await until('it to end', () => plain.ended !== null);
    assert.equal(plain.ended, 0);
});

test('the demo tells as well', () => {
    const p = spawnSync(binary, ['demo', '--plain', '--seconds', '6'], { input: '', encoding: 'utf8', timeout: 90000 });
    assert.equal(p.status, 0, p.stderr);
    assert.match(p.stdout, /attached to the core in us-east-1, simulated\n[^]*limit haiku-minute has room/);
});

test('status --once prints text; its exit status says only whether there was a core', async (t) => {
    const { core } = await begin(t);
    const run = (...args) => spawnSync(binary, ['--config', core.config, 'status', ...args], { encoding: 'utf8', timeout: 40000 });
    await core.json('limit', 'block', 'haiku-minute', '--reason', 'full');
    const once = run('--once');
    assert.equal(once.status, 0);
    assert.match(once.stdout, /haiku-minute.*BLOCKED/);
    assert.match(run().stdout, /haiku-minute.*BLOCKED/);
    assert.equal(run('--interval', '1s').status, 2);
    assert.equal(run('--json-lines', '--interval', '1ms').status, 2);
    await core.kill();
    const none = run('--once');
    assert.equal(none.status, 1);
    assert.match(none.stderr, /tollgate: /);
    assert.equal(none.stdout, '');
});

test('status --json-lines prints a document a line, when something changed or at an interval', async (t) => {
    const { core, key } = await begin(t);
    const lines = (s) => s.out.split('\n').filter(Boolean).map((line) => JSON.parse(line));
    const changed = listen(t, ['--config', core.config, 'status', '--json-lines']);
    const every = listen(t, ['--config', core.config, 'status', '--json-lines', '--interval', '100ms']);
    await until('five lines at an interval', () => every.out.split('\n').length > 5);
    assert.equal(lines(changed).length, 1, 'nothing changed, nothing is said');
    await call(core, key, { model: 'claude-3-5-haiku', text: 'x', maxTokens: 60 });
    await until('the call to be told', () => changed.out.endsWith('\n') && lines(changed).at(-1).totals.approved === 1);
    assert.equal(lines(changed)[0].version, 1);
    every.child.stdout.destroy(); // nobody reads any more
    await until('it to end', () => every.ended !== null);
    assert.equal(every.ended, 0);
    await core.kill();
    await until('it to end', () => changed.ended !== null);
    assert.equal(changed.ended, 1);
});
