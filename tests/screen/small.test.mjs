// Small screens: what is folded away, what must be seen even on 20x5, and that every box says its keys.
import assert from 'node:assert/strict';
import test from 'node:test';

import { Core, configuration, Simulation } from '../lib/harness.mjs';
import { pretend } from '../lib/pretend.mjs';
import { leave, Terminal } from '../lib/terminal.mjs';

test('panels without room fold to a line, or stand alone; Tab opens the next', async (t) => {
    const socket = await pretend(t, '--quiet', '--rows', '20');
    const screen = Terminal.start(t, ['--socket', socket], { columns: 60, rows: 20 });
    await screen.wait(/LIVE/);
    screen.keys('6');
    await screen.wait(/Who is refused/);
    screen.keys('8');
    await screen.wait(/AWS sources[^]*SOURCE[^]*Cost Explorer +(\d+ rows?|none)\n[^]*AWS Budgets +(\d+ rows?|none)/);
    screen.resize(40, 10);
    await screen.wait(/AWS sources[^]*Panel 1 of 6; Tab shows the next/);
    screen.keys('Tab');
    await screen.wait(/Panel \d of 6/);
    await screen.gone(/AWS sources/);
    screen.keys('5');
    await screen.wait(/Running +(\d+ rows?|none)\n Ended, newest first/);
    await leave(screen);
});

test('on 20x5 a pending change names its limit, and neither the past nor a freeze looks live', async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { limits: [{ name: 'all-day', tokens: '100k', window: 'day' }] }));
    const screen = Terminal.start(t, ['--config', core.config], { columns: 20, rows: 5 });
    await screen.wait(/0% all-day\n *denied 0\/min\n[^]*live/);
    screen.keys('7', '+');
    await screen.wait(/all-day *\n-> 110k\? Enter/);
    screen.keys('Escape');
    await screen.wait(/live/);
    screen.keys('Space');
    await screen.wait(/FROZEN/);
    screen.keys('Space');
    await screen.wait(/live/);
    screen.keys('z');
    await screen.wait(/Esc: now\n *denied 0 in 1 h\n[^]*LAST 1 H/);
    assert.doesNotMatch(screen.show(), /live/);
    screen.keys('Escape');
    await screen.wait(/live/);
    core.signal('SIGSTOP');
    await screen.wait(/core silent/);
    core.signal('SIGCONT');
    await screen.wait(/live/);
    await leave(screen);
});

test('boxes say their keys, the colon line what it may go on with', async (t) => {
    const socket = await pretend(t, '--quiet');
    const screen = Terminal.start(t, ['--socket', socket], { columns: 60, rows: 20 });
    await screen.wait(/LIVE/);
    screen.keys('7', 's');
    await screen.wait(/Esc back +Enter sort/);
    screen.keys('Escape', 'c');
    await screen.wait(/Esc done +Enter show or hide/);
    screen.keys('Escape', '=');
    await screen.wait(/100k, 1\.5M, 12\.50[^]*Esc drop +Enter apply +Tab next field/); // the help of the field
    screen.keys('Tab');
    await screen.wait(/30m, 1h, 2d; empty: for good/);
    screen.keys('Escape');
    screen.type(':limit un');
    await screen.wait(/limit unblock +limit undo\n:limit un/);
    screen.keys('Escape');
    screen.type(':block x');
    screen.keys('Enter');
    await screen.wait(/block x: did you mean limit block NAME/);
    screen.keys('5', '?');
    await screen.wait(/x +stop the running call/);
    screen.keys('Escape');
    await leave(screen);
});
