// The mouse, and what the user chose: kept over the end of the dashboard, in a file of his own.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { Core, configuration, temporaryDirectory, until } from '../lib/harness.mjs';
import { leave, Terminal } from '../lib/terminal.mjs';

const LIMITS = ['alpha', 'beta', 'gamma', 'delta'].map((name, i) => ({ name, application: name, tokens: 1000 * (i + 1), window: 'day' }));

async function begin(t) {
    const core = await Core.start(t, undefined, configuration(undefined, { limits: LIMITS }));
    const config = temporaryDirectory(t);
    const start = (...args) => Terminal.start(t, ['--config', core.config, ...args], { columns: 120, rows: 30, env: { XDG_CONFIG_HOME: config } });
    return { core, start, file: path.join(config, 'tollgate', 'ui.conf') };
}

const order = (screen) => [...screen.show().matchAll(/^ (alpha|beta|gamma|delta) +\w/gm)].map((m) => m[1]);

test('clicks open views, choose rows, sort by headers and follow hints; the wheel moves', async (t) => {
    const { start } = await begin(t);
    const screen = start();
    await screen.wait(/LIVE/);
    screen.click('7 Limits');
    await screen.wait(/LIMIT +METRIC/);
    screen.click('AMOUNT');
    await screen.wait(/AMOUNT↓/);
    assert.deepEqual(order(screen), ['delta', 'gamma', 'beta', 'alpha']);
    screen.click('AMOUNT↓');
    await screen.wait(/AMOUNT↑/);
    await until('the other order', () => order(screen).join() === 'alpha,beta,gamma,delta', 40000);
    screen.click('gamma');
    screen.keys('+');
    await screen.wait(/gamma: 3k -> 3\.3k pending/);
    screen.keys('Escape');
    screen.mouse(10, 7, 65); // the wheel, down to the last row
    screen.keys('+');
    await screen.wait(/delta: 4k -> 4\.4k pending/);
    screen.keys('Escape');
    await screen.wait(/Dropped/);
    screen.keys('Escape');
    await screen.wait(/Enter open/);
    screen.click('help');
    await screen.wait(/Help: Limits/);
    screen.mouse(3, 3); // a click answers no question and closes no box
    screen.keys('Escape');
    await screen.gone(/Help: Limits/);
    screen.click('alpha');
    screen.click('alpha');
    await screen.wait(/> alpha/);
    await leave(screen);
});

test('--no-mouse leaves the mouse to the terminal; m takes it', async (t) => {
    const { start } = await begin(t);
    const reports = (screen) => screen.flag('mouse_any_flag') === '1';
    const screen = start();
    await screen.wait(/LIVE/);
    assert.equal(reports(screen), true);
    screen.keys('m');
    await screen.wait(/The mouse is yours/);
    assert.equal(reports(screen), false);
    await leave(screen);
    const none = start('--no-mouse');
    await none.wait(/LIVE/);
    assert.equal(reports(none), false);
    await leave(none);
    assert.equal(reports(none), false);
});

test('theme, time, sorting and columns are there again the next time; each choice touches its own line only', async (t) => {
    const { start, file } = await begin(t);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, '# mine\nsort audit = TIME down\n');
    const screen = start();
    await screen.wait(/LIVE/);
    screen.keys('7');
    await screen.wait(/LIMIT +METRIC/);
    screen.type(':sort AMOUNT');
    screen.keys('Enter');
    await screen.wait(/AMOUNT↓/);
    screen.keys('c', 'j', 'Space', 'Escape');
    await screen.wait(/LIMIT +AMOUNT/);
    screen.type(':theme light');
    screen.keys('Enter', 'T');
    await until('all to be kept', () => /time = local/.test(fs.readFileSync(file, 'utf8')), 40000);
    await leave(screen);
    assert.match(fs.readFileSync(file, 'utf8'),
        /^# mine\nsort audit = TIME down\nsort limits = AMOUNT down\nhidden limits = METRIC\ntheme = light\ntime = local\nview \S+control.sock = limits\n$/);
    assert.deepEqual(fs.readdirSync(path.dirname(file)), ['ui.conf']);
    const again = start();
    await again.wait(/LIVE/);
    again.keys('7');
    await again.wait(/LIMIT +AMOUNT↓/);
    assert.doesNotMatch(again.show(), /not understood/);
    await leave(again);
});

test('two dashboards keep each other\'s choices: each writes its own lines into what the other has written', async (t) => {
    const { start, file } = await begin(t);
    const kept = (pattern) => until(`${pattern} to be kept`, () => fs.existsSync(file) && pattern.test(fs.readFileSync(file, 'utf8')), 40000);
    const one = start();
    const two = start(); // both began with the same: no file
    await one.wait(/LIVE/);
    await two.wait(/LIVE/);
    one.keys('T');
    await kept(/^time = local$/m);
    two.keys('7');
    await two.wait(/LIMIT +METRIC/);
    two.type(':sort AMOUNT');
    two.keys('Enter');
    await kept(/^sort limits = AMOUNT down$/m);
    one.type(':theme light');
    one.keys('Enter');
    await kept(/^theme = light$/m);
    two.keys('m');
    await kept(/^mouse = off$/m);
    assert.deepEqual(fs.readFileSync(file, 'utf8').trim().split('\n').sort(), ['mouse = off', 'sort limits = AMOUNT down', 'theme = light', 'time = local']);

    // While another writes, a choice is not kept rather than mixed up; afterwards it is.
    const other = spawn('flock', [path.dirname(file), 'sh', '-c', 'echo held; exec cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
    t.after(() => other.kill('SIGKILL'));
    await new Promise((resolve) => { other.stdout.once('data', resolve); });
    const before = fs.readFileSync(file, 'utf8');
    one.keys('T');
    await one.wait(/ui\.conf is being written.*this is not kept/);
    assert.equal(fs.readFileSync(file, 'utf8'), before);
    other.stdin.end();
    await new Promise((resolve) => { other.once('exit', resolve); });
    one.keys('T', 'T');
    await kept(/^time = utc$/m);
    await leave(one);
    await leave(two);
    assert.deepEqual(fs.readdirSync(path.dirname(file)), ['ui.conf']);
});

test('a damaged file is said and left alone', async (t) => {
    const { start, file } = await begin(t);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, 'time = yesterday\n');
    const screen = start();
    await screen.wait(/ui\.conf:1 is not understood and left out/);
    await leave(screen);
    const damaged = Buffer.from([0x74, 0, 0xff, 0x0a]);
    fs.writeFileSync(file, damaged);
    const other = start();
    await other.wait(/it is no text; your settings are left out/);
    other.keys('7', 'T', 's', 'Enter');
    await other.wait(/LIMIT/);
    await leave(other);
    assert.deepEqual(fs.readFileSync(file), damaged);
    fs.rmSync(file);
    fs.mkdirSync(file);
    const folder = start();
    await folder.wait(/it is no file/);
    await leave(folder);
});

test('on a light ground the light theme is taken, unless one was chosen', async (t) => {
    const { core } = await begin(t);
    const LIGHT = /\x1b\[[0-9;]*48;5;231m/; // its ground
    for (const [ground, args, light] of [['#fafafa', [], true], ['#101010', [], false], ['#fafafa', ['--theme', 'dark'], false]]) {
        const screen = Terminal.start(t, ['--config', core.config, ...args], { ground });
        await screen.wait(/LIVE/);
        await until('a screen on its ground', () => LIGHT.test(screen.paint()) === light);
        screen.keys('7'); // what the terminal answered did not become keys
        await screen.wait(/LIMIT +METRIC/);
        assert.equal(LIGHT.test(screen.paint()), light);
        await leave(screen);
    }
});
