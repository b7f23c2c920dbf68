// Looking back: a time is typed, and every view shows what the ledger has of it, or says that it has nothing.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { Core, configuration, Simulation, until } from '../lib/harness.mjs';
import { command, leave, Terminal } from '../lib/terminal.mjs';

const LIMITS = [{ name: 'haiku-minute', model: 'claude-3-5-haiku', per: ['costCenter'], tokens: '100k', window: 'day' }];

test('@ and :at jump to a time in every view that has a past; arrows walk, z and Z zoom, Esc is now again', async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { limits: LIMITS }));
    const key = await core.key('crm', 'sales');
    for (let i = 0; i < 3; i++) {
        await call(core, key, { model: 'claude-3-5-haiku', text: 'what burns now?', maxTokens: 50 });
    }
    await call(core, key, { model: 'claude-3-5-haiku', text: 'x', maxTokens: 1000000 });
    await core.json('limit', 'set', 'haiku-minute', 'tokens=90k', '--reason', 'noted');
    const control = await core.control();
    await control.ask('flush');
    control.close();
    const ended = Date.now();
    await until('that to be a while ago', () => Date.now() > ended + 2000);
    const screen = Terminal.start(t, ['--config', core.config], { columns: 110, rows: 30 });
    await screen.wait(/LIVE/);

    screen.keys('@');
    await screen.wait(/Time \(14:05, 11-20 14:05, -3h; Enter alone: stay\):/);
    screen.type('-1s'); // the minute it lies in is shown whole
    screen.keys('Enter');
    await screen.wait(/PAST \d\d-\d\d \d\d:\d\d - \d\d:\d\d, 00:0\d behind live[^]*in 15 min +3 admitted +1 denied/);
    screen.keys('2');
    await screen.wait(/Models, 15 min[^]*claude-3-5-haiku/);
    screen.keys('3');
    await screen.wait(/Cost centers, 15 min[^]*sales/);
    screen.keys('4');
    await screen.wait(/Applications, 15 min[^]*crm/);
    screen.keys('Enter');
    await screen.wait(/> crm[^]*in 15 min: 3 admitted[^]*Its calls[^]*approved/);
    screen.keys('5');
    await screen.wait(/for the present only[^]*Ended, newest first[^]*sales\/crm/);
    screen.keys('6');
    await screen.wait(/sales\/crm +haiku-minute/);
    screen.keys('9');
    await screen.wait(/limit\.set +\S+ +haiku-minute/);
    for (const view of ['7', '8']) { // which have no past
        screen.keys(view);
        await screen.wait(/Kept for the present only; Esc: now/);
        assert.doesNotMatch(screen.show(), /haiku-minute|cloudwatch +(ok|off)/);
    }

    // Where there is nothing, it says so.
    screen.keys('1');
    command(screen, 'at -3h');
    await screen.wait(/, 03:0\d behind live[^]*The ledger has no calls in these 15 min[^]*Nothing in the time shown/);
    const start = () => screen.show().match(/PAST \d\d-\d\d (\d\d:\d\d) - /)?.[1];
    const first = start();
    screen.keys('S-Left');
    await screen.wait(/, 03:1[5-9] behind live/);
    screen.keys('S-Right');
    await screen.wait(/, 03:0\d behind live/);
    assert.equal(start(), first);
    screen.keys('z', 'z');
    await screen.wait(/, 03:0\d behind live[^]*in these 24 h/);
    screen.keys('Z');
    await screen.wait(/in these 1 h/);
    const yesterday = new Date(Date.now() - 86400000).toISOString().slice(0, 10);
    command(screen, `at ${yesterday} 09:00`);
    await screen.wait(new RegExp(`PAST ${yesterday.slice(5)} 08:00 - 09:00`));
    screen.keys('5');
    await screen.wait(/Nothing in the time shown/);
    for (const [columns, rows] of [[80, 24], [60, 20], [40, 10], [100, 30]]) {
        screen.resize(columns, rows);
        await screen.wait(/PAST \d\d-\d\d 08:00 - 09:00/);
    }

    // What is no time changes nothing.
    command(screen, 'at noon');
    await screen.wait(/noon: no time; say 14:05/);
    command(screen, `at ${new Date(Date.now() + 2 * 86400000).toISOString().slice(0, 10)} 09:00`);
    await screen.wait(/That is in the future: it is/);
    command(screen, 'at -2000d');
    await screen.wait(/Nothing is kept from so long ago/);
    await screen.wait(/PAST/);
    screen.keys('@');
    await screen.wait(/Time/);
    screen.keys('Escape');
    await screen.wait(/PAST/);
    command(screen, 'at now');
    await screen.gone(/PAST/);
    await until('the present to be shown', () => /LIVE[^]*approved/.test(screen.show()), 40000);

    screen.keys('Space');
    await screen.wait(/PAUSED 00:00 behind live/);
    command(screen, 'at -2h');
    await screen.wait(/PAST [^]*02:0\d behind live/);
    assert.doesNotMatch(screen.show(), /PAUSED/);
    command(screen, 'now');
    await screen.gone(/PAST/);
    await leave(screen);
});

test('who comes back soon stands where the connection broke off, who comes later looks at now', async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { limits: LIMITS }));
    const home = path.join(core.dir, 'config');
    const file = path.join(home, 'tollgate', 'ui.conf');
    const start = async () => {
        const screen = Terminal.start(t, ['--config', core.config], { columns: 110, env: { XDG_CONFIG_HOME: home } });
        await screen.wait(/CloudWatch|LIVE/);
        return screen;
    };
    let screen = await start();
    screen.keys('z', 'z');
    await screen.wait(/LAST 24 H/);
    command(screen, 'at -3h');
    await screen.wait(/, 03:0\d behind live/);
    await leave(screen);
    screen = await start();
    await screen.wait(/PAST \d\d-\d\d \d\d:\d\d - \d\d-\d\d \d\d:\d\d, 03:0\d behind live/);
    await leave(screen);

    const text = fs.readFileSync(file, 'utf8');
    const early = new Date(Date.now() - 11 * 60000).toISOString();
    fs.writeFileSync(file, text.replace(/^(paused \S+ = \S+) \S+ /m, `$1 ${early} `));
    assert.notEqual(fs.readFileSync(file, 'utf8'), text);
    screen = await start();
    await screen.wait(/LIVE/);
    assert.doesNotMatch(screen.show(), /behind live|not understood/);
    screen.keys('Space');
    await screen.wait(/PAUSED 00:0\d behind live/);
    await leave(screen);
    screen = await start();
    await screen.wait(/PAST .* behind live/);
    screen.keys('0');
    await screen.gone(/behind live/);
    await leave(screen);
    assert.match(fs.readFileSync(file, 'utf8'), /^paused \S+ = no$/m);
    screen = await start();
    await screen.wait(/LIVE/);
    assert.doesNotMatch(screen.show(), /behind live/);
    await leave(screen);
});
