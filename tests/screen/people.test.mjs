// Who looks, what they may do, what is kept for the next time, and what the terminal is told.
import assert from 'node:assert/strict';
import path from 'node:path';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { Core, configuration, Simulation, until } from '../lib/harness.mjs';
import { pretend } from '../lib/pretend.mjs';
import { leave, Terminal } from '../lib/terminal.mjs';

const LIMITS = [
    { name: 'haiku-day', model: 'claude-3-5-haiku', tokens: '100k', window: 'day' },
    { name: 'nova-day', model: 'nova-lite', tokens: '100k', window: 'day' },
];

async function begin(t) {
    const sim = await Simulation.start(t);
    return Core.start(t, sim, configuration(sim, { limits: LIMITS }));
}

test('others at the same core are seen, and read-only says why it is so', async (t) => {
    const core = await begin(t);
    const one = Terminal.start(t, ['--config', core.config], { columns: 140 });
    await one.wait(/LIVE/);
    assert.doesNotMatch(one.show(), /dashboards/);
    const two = Terminal.start(t, ['--config', core.config, '--read-only'], { columns: 140 });
    await one.wait(/2 dashboards/);
    await two.wait(/READ-ONLY +2 dashboards/);
    two.keys('7', '=');
    await two.wait(/Read-only: this dashboard was started with --read-only/);
    await leave(two);
    await one.gone(/2 dashboards/);
    await leave(one);
});

test('a viewer is told that the core makes it so', async (t) => {
    const socket = await pretend(t, '--quiet', '--viewer');
    const screen = Terminal.start(t, ['--socket', socket], { columns: 60, rows: 20, term: 'vt100', env: { NO_COLOR: '1' } });
    await screen.wait(/READ-ONLY: viewer/);
    screen.keys('7', 'b');
    await screen.wait(/is a viewer of this core/);
    screen.keys('Escape', '?');
    await screen.wait(/not allowed: read-only/);
    screen.keys('Escape');
    await leave(screen);
});

test('the view and its filter are there again at the same core; commands do what the shell does', async (t) => {
    const core = await begin(t);
    const key = await core.key('crm', 'sales');
    await call(core, key, { model: 'claude-3-5-haiku', text: 'one', maxTokens: 50 });
    const kept = { env: { XDG_CONFIG_HOME: path.join(core.dir, 'config') } };
    const first = Terminal.start(t, ['--config', core.config], kept);
    await first.wait(/LIVE/);
    first.keys('7');
    await first.wait(/nova-day/);
    first.type('/haiku');
    first.keys('Enter');
    await first.gone(/nova-day/);
    first.type(':limit try haiku-day tokens=1');
    first.keys('Enter');
    await first.wait(/last hour: haiku-day would deny 1 of 1 calls/);
    first.type(':limit history nova-day');
    first.keys('Enter');
    await first.wait(/> nova-day +LIVE/);
    first.type(':reload');
    first.keys('Enter');
    await first.wait(/read the configuration file again/);
    first.keys('Escape');
    await leave(first);
    const again = Terminal.start(t, ['--config', core.config], kept);
    await again.wait(/1 of 2, filter haiku/);
    assert.doesNotMatch(again.show(), /nova-day/);
    await leave(again);
    const other = await begin(t); // has a place of its own
    const elsewhere = Terminal.start(t, ['--config', other.config], kept);
    await elsewhere.wait(/Cost centers[^]*Denials/);
    await leave(elsewhere);
});

test('the terminal rings when somebody changes a limit, once asked to', async (t) => {
    const core = await begin(t);
    const screen = Terminal.start(t, ['--config', core.config]);
    await screen.wait(/LIVE/);
    await core.json('limit', 'set', 'haiku-day', 'tokens=90k');
    await screen.wait(/limit\.set haiku-day/);
    assert.equal(screen.flag('window_bell_flag'), '0');
    screen.type(':alerts bell');
    screen.keys('Enter');
    await screen.wait(/Alerts of the terminal: bell/);
    await core.json('limit', 'set', 'nova-day', 'tokens=90k');
    await until('the bell', () => screen.flag('window_bell_flag') === '1');
    await leave(screen);
});
