// What is meant for the terminal a person looks at: alerts (bell, OSC 9, OSC 777) and the clipboard (OSC 52). The bytes are those
// that arrive there, with the dashboard alone, inside tmux, and inside GNU screen.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { Core, configuration, temporaryDirectory, until } from '../lib/harness.mjs';
import { command, leave, Terminal } from '../lib/terminal.mjs';

const LIMITS = ['alpha', 'beta', 'gamma'].map((name) => ({ name, application: name, tokens: 1000, window: 'day' }));
const LONG = 'a-limit-with-a-name-as-long-as-they-may-get-in-the-file-63-letters'.slice(0, 63);
const BARE = ['TMUX', 'TMUX_PANE', 'STY'];

const begin = (t, more = []) => Core.start(t, undefined, configuration(undefined, { limits: [...LIMITS, ...more] }));
const count = (text, part) => text.split(part).length - 1;
const set = (core, name, amount) => core.json('limit', 'set', name, `tokens=${amount}`);

// Until the dashboard has shown that change, and so has told what it tells.
async function seen(screen, core, name, amount) {
    await set(core, name, amount);
    await screen.wait(new RegExp(`limit\\.set ${name}: \\d+ -> ${amount}`));
}

test('alerts are off at first, then told once when they begin, each at most once a minute', async (t) => {
    const core = await begin(t);
    const screen = Terminal.start(t, ['--config', core.config], { columns: 100, rows: 30, term: 'xterm-256color', without: BARE });
    await screen.wait(/LIVE/);
    const written = screen.record();
    const told = () => [count(written(), '\x07'), count(written(), '\x1b]9;'), count(written(), '\x1b]777;')];
    await seen(screen, core, 'alpha', 901);
    await until('the screen to be written', () => written().includes('901'));
    assert.deepEqual(told(), [0, 0, 0], 'nothing is told unless asked for');

    command(screen, 'alerts bell');
    await screen.wait(/Alerts of the terminal: bell/);
    await seen(screen, core, 'alpha', 902);
    await until('the bell', () => told()[0] === 1);
    await seen(screen, core, 'alpha', 903); // the same within a minute
    await seen(screen, core, 'beta', 902);
    await until('the other bell', () => told()[0] === 2);
    assert.deepEqual(told(), [2, 0, 0]);

    command(screen, 'set alerts=message');
    await screen.wait(/Alerts of the terminal: message/);
    await seen(screen, core, 'gamma', 902);
    await until('the message', () => /\x1b\]9;tollgate: limit\.set gamma: 1000 -> 902\x07/.test(written()));
    await seen(screen, core, 'gamma', 903);
    await core.json('limit', 'block', 'alpha', '--reason', 'a;b');
    await until('the next message', () => /\x1b\]9;tollgate: limit\.block alpha: 903 -> blocked: a;b\x07/.test(written()));
    assert.equal(told()[1], 2, 'the second change of gamma is not told');

    command(screen, 'alerts notify');
    await screen.wait(/Alerts of the terminal: notify/);
    await core.json('limit', 'block', 'beta', '--reason', 'a;b');
    await until('the notification', () => /\x1b\]777;notify;tollgate;limit\.block beta: 902 -> blocked: a,b\x07/.test(written()));
    await core.kill();
    await until('the lost core to be told', () => /\x1b\]777;notify;tollgate;the core does not answer\x07/.test(written()));
    await screen.gone(/LIVE/);
    assert.deepEqual([told()[1], told()[2]], [2, 2], 'a core that stays away is told once');
    await leave(screen);
});

// Both end with the terminal they are in, whatever becomes of the test.
const inner = {
    tmux: (dir) => ['tmux', '-u', '-f', '/dev/null', '-S', path.join(dir, 'inner'), 'set', '-g', 'allow-passthrough', 'on', ';',
        'set', '-g', 'destroy-unattached', 'on', ';', 'set', '-g', 'status', 'off', ';', 'new-session'],
    screen: (dir) => {
        fs.writeFileSync(path.join(dir, 'rc'), 'autodetach off\nstartup_message off\n');
        return ['env', `SCREENDIR=${dir}`, 'screen', '-U', '-c', path.join(dir, 'rc'), '-m'];
    },
};

for (const [name, words] of Object.entries(inner)) {
    test(`alerts and the clipboard reach the terminal outside ${name}`, async (t) => {
        if (spawnSync(name, ['-V']).error) {
            t.skip(`${name} is not installed`);
            return;
        }
        const core = await begin(t, [{ name: LONG, application: 'long', tokens: 1000, window: 'day' }]);
        const dir = temporaryDirectory(t);
        fs.chmodSync(dir, 0o700);
        const screen = Terminal.start(t, ['--config', core.config], { columns: 100, rows: 30, without: BARE, inside: words(dir) });
        await screen.wait(/LIVE/);
        const written = screen.record();
        const clipboard = (text) => `\x1b]52;c;${Buffer.from(text).toString('base64')}\x07`;
        screen.keys('7');
        await screen.wait(/7 Limits[^]*LIMIT[^]*alpha [^]*gamma /);
        command(screen, 'sort LIMIT');
        await screen.wait(/LIMIT↑/);
        screen.type('/beta');
        screen.keys('Enter', 'y');
        await screen.wait(/Sent to the terminal's clipboard: beta/);
        await until('the clipboard', () => written().includes(clipboard('beta')));
        screen.keys('Escape', 'Escape');
        screen.type('/a-limit');
        screen.keys('Enter', 'y');
        await screen.wait(/clipboard: a-limit/);
        await until('a long one', () => written().includes(clipboard(LONG)));
        command(screen, 'alerts message');
        await screen.wait(/Alerts of the terminal: message/);
        await set(core, 'beta', 901);
        await until('the message', () => /\x1b\]9;tollgate: limit\.set beta: 1000 -> 901\x07/.test(written()));
        command(screen, 'alerts notify');
        await screen.wait(/Alerts of the terminal: notify/);
        await set(core, 'gamma', 901);
        await until('the notification', () => /\x1b\]777;notify;tollgate;limit\.set gamma: 1000 -> 901\x07/.test(written()));
        assert.doesNotMatch(screen.show(), /tmux;|\]52;|\]9;|\]777;/, 'nothing of it is printed');
        screen.keys('q');
        await screen.exit();
    });
}
