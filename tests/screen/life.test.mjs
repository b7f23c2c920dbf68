// Signals, stopped cores, closed terminals, tiny screens, and two people on one limit.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';

import { Core, configuration, until } from '../lib/harness.mjs';
import { leave, Terminal } from '../lib/terminal.mjs';

const LIMITS = [{ name: 'haiku-minute', model: 'claude-3-5-haiku', per: ['costCenter'], tokens: '100k', window: 'day', ceiling: '1M' }];
const LONG = 40000;

const begin = (t) => Core.start(t, undefined, configuration(undefined, { limits: LIMITS }));
const show = (t, core, size = {}) => Terminal.start(t, ['--config', core.config], { columns: 100, rows: 30, ...size });
const state = (pid) => {
    try {
        return fs.readFileSync(`/proc/${pid}/stat`, 'utf8').match(/\) (\S)/)[1];
    } catch {
        return 'gone';
    }
};

test('the terminal is as it was before, however it ends', async (t) => {
    const core = await begin(t);
    for (const [how, status] of [['q', 0], ['INT', 0], ['TERM', 0], ['HUP', 0], ['QUIT', 0], ['SEGV', 139], ['ABRT', 134],
        ['BUS', 135], ['FPE', 136], ['ILL', 132]]) {
        const screen = show(t, core);
        await screen.wait(/LIVE/);
        if (how === 'q') {
            screen.keys('q');
        } else {
            process.kill(screen.pid, `SIG${how}`);
        }
        assert.equal(await screen.exit(LONG), status, how);
        assert.deepEqual(screen.left(), {}, how);
        screen.stop();
    }
    assert.ok(core.running);
});

test('stopped and continued it draws again, and the terminal was given back meanwhile', async (t) => {
    const core = await begin(t);
    const screen = show(t, core);
    await screen.wait(/LIVE/);
    const { pid } = screen;
    process.kill(pid, 'SIGTSTP');
    await until('it to stop', () => state(pid) === 'T', LONG);
    await until('the terminal to be given back', () => screen.flag('alternate_on') === '0' && screen.flag('mouse_any_flag') === '0', LONG);
    process.kill(pid, 'SIGCONT');
    await screen.wait(/LIVE/, LONG);
    await until('the screen to be taken again', () => screen.flag('alternate_on') === '1', LONG);
    screen.keys('7');
    await screen.wait(/haiku-minute/, LONG);
    await leave(screen);
    assert.deepEqual(screen.left(), {});
});

test('a core that is stopped shows as silent, keys go on working, and nothing is sent to it', async (t) => {
    const core = await begin(t);
    const screen = show(t, core);
    await screen.wait(/LIVE/);
    core.signal('SIGSTOP');
    try {
        await screen.wait(/core silent/, LONG);
        screen.keys('7');
        await screen.wait(/LIMIT +METRIC/, LONG);
        screen.keys('+');
        await screen.wait(/The core does not answer/, LONG);
        screen.keys('?');
        await screen.wait(/Help: Limits/, LONG);
        screen.keys('Escape');
    } finally {
        core.signal('SIGCONT');
    }
    await screen.wait(/LIVE/, LONG);
    await screen.gone(/core silent/, LONG);
    await leave(screen);
});

test('a terminal that is closed leaves no process behind but the core', async (t) => {
    const core = await begin(t);
    const screen = show(t, core);
    await screen.wait(/LIVE/);
    const { pid } = screen;
    screen.stop();
    await until('the dashboard to end', () => ['gone', 'Z'].includes(state(pid)), LONG);
    assert.ok(core.running);
});

test('a storm of sizes, and keys in the middle of it: what is on the screen in the end is right', async (t) => {
    const core = await begin(t);
    const screen = show(t, core);
    await screen.wait(/LIVE/);
    for (let i = 0; i < 60; i++) {
        screen.resize(20 + (i * 37) % 180, 2 + (i * 13) % 60);
        if (i % 7 === 0) {
            screen.keys(String(1 + i % 9), '?');
        }
    }
    screen.resize(100, 30);
    screen.keys('Escape');
    await screen.gone(/Help:/, LONG);
    screen.keys('7');
    await screen.wait(/^ tollgate .*LIVE.*\n.*\n.*7 Limits.*\n Limits[^]*haiku-minute +tokens[^]*q leave *\n*$/, LONG);
    await leave(screen);
    assert.deepEqual(screen.left(), {});
});

test('two people change one limit: who comes second is told, and nothing is overwritten', async (t) => {
    const core = await begin(t);
    const one = show(t, core);
    const two = show(t, core, { columns: 80, rows: 24 });
    for (const screen of [one, two]) {
        await screen.wait(/LIVE/);
        screen.keys('7');
        await screen.wait(/haiku-minute.*100k/);
        screen.keys('+');
        await screen.wait(/100k -> 110k/);
    }
    one.keys('+', 'Enter');
    await one.wait(/Apply: haiku-minute/);
    one.type('mine');
    one.keys('Enter');
    await until('the first change', async () => (await core.limit('haiku-minute')).amount === 120000, LONG);
    two.keys('Enter');
    await two.wait(/Apply: haiku-minute/, LONG);
    two.keys('Enter');
    await two.wait(/Conflict, nothing was changed/, LONG);
    assert.equal((await core.limit('haiku-minute')).amount, 120000);
    await two.wait(/haiku-minute +120k/, LONG);
    await leave(one);
    await leave(two);
});
