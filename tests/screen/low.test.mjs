// --low-bandwidth: fewer bytes by asking the core for less, not by dropping what it told.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { binary, temporaryDirectory, until } from '../lib/harness.mjs';
import { pretend } from '../lib/pretend.mjs';
import { Terminal } from '../lib/terminal.mjs';

const CHARTS = /[▁▂▃▄▅▆▇]|LAST 15 MIN|Tokens a minute/;

test('no charts, and a snapshot each five seconds, by flag, command and setting; kept for the next time', async (t) => {
    const config = temporaryDirectory(t);
    const log = path.join(config, 'requests');
    const file = path.join(config, 'tollgate', 'ui.conf');
    const socket = await pretend(t, '--quiet', '--log', log);
    const asked = () => fs.readFileSync(log, 'utf8').trim().split('\n').map((line) => JSON.parse(line)).filter((r) => r.method === 'subscribe')
        .map((r) => r.params?.interval_ms ?? null);
    const start = (...args) => Terminal.start(t, ['--socket', socket, ...args], { columns: 100, rows: 30, env: { XDG_CONFIG_HOME: config } });
    const screen = start('--low-bandwidth');
    await screen.wait(/LIVE each 5 s[^]*claude-3-5-haiku/);
    assert.doesNotMatch(screen.show(), CHARTS);
    assert.deepEqual(asked(), [5000]);
    assert.equal(fs.existsSync(file), false, 'a flag is for this time only');
    screen.keys('2');
    await screen.wait(/Models, last 24 h[^]*nova-micro/);
    assert.doesNotMatch(screen.show(), CHARTS);
    screen.keys('1', 'a');
    await screen.wait(/No charts on a poor line/);
    screen.type(':set low-b');
    screen.keys('Tab');
    await screen.wait(/:set low-bandwidth=o/);
    screen.type('ff');
    screen.keys('Enter');
    await screen.wait(/LIVE  [^]*LAST 15 MIN[^]*Tokens a minute/);
    await until('the core to be asked', () => asked().length === 2);
    assert.deepEqual(asked(), [5000, null]);
    screen.type(':low-bandwidth on');
    screen.keys('Enter');
    await screen.wait(/LIVE each 5 s/);
    await screen.gone(CHARTS);
    await until('it to be kept', () => /^low-bandwidth = on$/m.test(fs.readFileSync(file, 'utf8')));
    screen.type(':set nonsense=on');
    screen.keys('Enter');
    await screen.wait(/there is no setting nonsense=on/);
    screen.type(':set low-bandwidth=perhaps');
    screen.keys('Enter');
    await screen.wait(/low-bandwidth: on or off/);
    screen.keys('q');
    assert.equal(await screen.exit(), 0);
    const again = start();
    await again.wait(/LIVE each 5 s/);
    await until('the core to be asked', () => asked().length === 4);
    assert.deepEqual(asked(), [5000, null, 5000, 5000]);
    for (const [columns, rows] of [[80, 24], [60, 20], [40, 10], [20, 5]]) {
        again.resize(columns, rows);
        await again.wait(/haiku/);
        assert.doesNotMatch(again.show(), CHARTS);
    }
    again.keys('q');
    assert.equal(await again.exit(), 0);
});

test('--plain --low-bandwidth asks for less as well', async (t) => {
    const log = path.join(temporaryDirectory(t), 'requests');
    const socket = await pretend(t, '--quiet', '--log', log);
    const plain = spawn(binary, ['--socket', socket, '--plain', '--low-bandwidth'], { stdio: ['ignore', 'ignore', 'inherit'] });
    t.after(() => plain.kill('SIGKILL'));
    await until('the core to be asked', () => fs.existsSync(log) && /"method":"subscribe","params":\{"interval_ms":5000\}/.test(fs.readFileSync(log, 'utf8')));
});
