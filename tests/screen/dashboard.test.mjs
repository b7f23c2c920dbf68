// The dashboard in a real terminal on a real core: what it shows, and what its keys do.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { binary, Core, configuration, Simulation, until } from '../lib/harness.mjs';
import { Terminal } from '../lib/terminal.mjs';

const LIMITS = [
    { name: 'haiku-minute', model: 'claude-3-5-haiku', per: ['costCenter'], tokens: '100k', window: 'day', ceiling: '1M' },
    { name: 'department-month', per: ['costCenter'], usd: 25, window: 'month' },
];

async function begin(t, more = {}) {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { limits: LIMITS, ...more }));
    const keys = { sales: await core.key('crm', 'sales'), support: await core.key('docs', 'support') };
    return { sim, core, keys };
}

const spend = async (core, key, n, options = {}) => {
    for (let i = 0; i < n; i++) {
        await call(core, key, { model: 'claude-3-5-haiku', text: 'what burns now?', maxTokens: 50, ...options });
    }
};

for (const [columns, rows] of [[100, 30], [80, 24]]) {
    test(`overview at ${columns}x${rows} shows the figures of status`, async (t) => {
        const { core, keys } = await begin(t);
        await spend(core, keys.sales, 3);
        await spend(core, keys.support, 2);
        const status = await core.json('status');
        assert.equal(status.totals.approved, 5);
        const screen = Terminal.start(t, ['--config', core.config], { columns, rows });
        await screen.wait(/claude-3-5-haiku/);
        await screen.wait(/LIVE/);
        const shown = screen.show();
        for (const name of ['sales', 'support', 'us-east-1', '1 Over']) {
            assert.match(shown, new RegExp(name));
        }
        const widest = Math.max(...shown.split('\n').map((line) => line.length));
        assert.ok(widest <= columns, `a line has ${widest} columns`);
        screen.keys('q');
        assert.equal(await screen.exit(), 0);
        assert.ok(core.running, 'leaving must not stop the core');
    });
}

test('denials and limits at 80x24: a raise by key lets calls through again, undo takes it back', async (t) => {
    const { core, keys } = await begin(t, { limits: [{ ...LIMITS[0], tokens: 300 }] });
    await spend(core, keys.sales, 1, { maxTokens: 60 });
    const refused = await call(core, keys.sales, { model: 'claude-3-5-haiku', text: 'x', maxTokens: 250 });
    assert.equal(refused.status, 400);
    const screen = Terminal.start(t, ['--config', core.config], { columns: 80, rows: 24 });
    await screen.wait(/LIVE/);
    screen.keys('6');
    await screen.wait(/haiku-m/);
    screen.keys('7');
    await screen.wait(/haiku-minute.*300/);
    screen.keys('+', '+');
    await screen.wait(/300 -> 360/);
    assert.equal((await core.limit('haiku-minute')).amount, 300, 'nothing is applied before Enter');
    await screen.wait(/last hour: would deny (none|1) of 2 calls/);
    screen.keys('Enter');
    await screen.wait(/Apply: haiku-minute[^]*Reason/);
    screen.type('burst of the launch');
    screen.keys('Enter');
    await until('the limit to be raised', async () => (await core.limit('haiku-minute')).amount === 360);
    await screen.wait(/haiku-minute.*360/);
    const { override } = await core.limit('haiku-minute');
    assert.equal(override.actor, os.userInfo().username);
    assert.equal(override.reason, 'burst of the launch');
    const admitted = await call(core, keys.sales, { model: 'claude-3-5-haiku', text: 'x', maxTokens: 120 });
    assert.equal(admitted.status, 200);
    screen.keys('u');
    await screen.wait(/undo|Undo|360 -> 300/);
    if (!/haiku-minute +tokens +\S+ +300/.test(screen.show())) {
        screen.keys('y');
    }
    await until('the change to be undone', async () => (await core.limit('haiku-minute')).override === null);
    screen.keys('q');
    assert.equal(await screen.exit(), 0);
});

test('blocking asks first and defaults to no', async (t) => {
    const { core } = await begin(t);
    const screen = Terminal.start(t, ['--config', core.config]);
    await screen.wait(/LIVE/);
    screen.keys('7');
    await screen.wait(/haiku-minute/);
    screen.keys('b');
    await screen.wait(/[Bb]lock.*\?|\[y\/N\]|No/);
    screen.keys('Enter');
    await screen.wait(/haiku-minute/);
    assert.equal((await core.limit('haiku-minute')).blocked, false, 'Enter must mean no');
    screen.keys('q');
    assert.equal(await screen.exit(), 0);
});

test('what somebody else changes appears by itself', async (t) => {
    const { core } = await begin(t);
    const screen = Terminal.start(t, ['--config', core.config]);
    await screen.wait(/LIVE/);
    screen.keys('7');
    await screen.wait(/haiku-minute.*100k/);
    await core.json('limit', 'set', 'haiku-minute', 'tokens=250k', '--reason', 'from elsewhere');
    await screen.wait(/haiku-minute.*250k/);
    await screen.wait(new RegExp(`${os.userInfo().username}: limit.set haiku-minute: 100000 -> 250000: from elsewhere`));
    screen.keys('q');
    await screen.exit();
});

test('what an amount would deny stands beside it, with the applications; nothing is applied by asking', async (t) => {
    const { core, keys } = await begin(t);
    await spend(core, keys.sales, 4, { maxTokens: 60 });
    let tried = 5; // that lets two of them in, which need room for more than they use
    while ((await core.json('limit', 'try', 'haiku-minute', `tokens=${tried}`)).denied > 2) {
        tried += 5;
    }
    const screen = Terminal.start(t, ['--config', core.config], { columns: 100, rows: 30 });
    await screen.wait(/LIVE/);
    screen.keys('7');
    await screen.wait(/haiku-minute.*100k/);
    screen.keys('=');
    await screen.wait(/haiku-minute: tokens[^]*last hour: would deny none of 4 calls/);
    screen.type(String(tried)); // replaces the amount that stands there
    await screen.wait(/last hour: would deny 2 of 4 calls: crm 2/);
    screen.keys('C-u');
    screen.type('nonsense');
    await screen.gone(/last hour/);
    screen.keys('Escape');
    await screen.wait(/Nothing was changed/);
    assert.equal((await core.limit('haiku-minute')).override, null);
    screen.keys('q');
    assert.equal(await screen.exit(), 0);
});

test('above the ceiling it is asked twice; a reason the file requires is asked for', async (t) => {
    const { core } = await begin(t, { control: { require_reason: true } });
    const screen = Terminal.start(t, ['--config', core.config], { columns: 80, rows: 24 });
    await screen.wait(/LIVE/);
    screen.keys('7');
    await screen.wait(/haiku-minute.*100k/);
    screen.keys('+');
    await screen.wait(/100k -> 110k/);
    screen.keys('Enter');
    await screen.wait(/may stay empty/);
    screen.keys('Enter');
    await screen.wait(/A reason is needed/);
    screen.type('it is needed');
    screen.keys('Enter');
    await until('the limit to be raised', async () => (await core.limit('haiku-minute')).amount === 110000);
    await screen.wait(/haiku-minute +110k/); // what the next change is based on
    screen.keys('=');
    await screen.wait(/Amount/);
    screen.keys('C-u');
    screen.type('2M');
    screen.keys('Tab', 'Tab');
    screen.type('very much');
    screen.keys('Enter');
    await screen.wait(/Sure\?[^]*haiku-minute: 110k -> 2M[^]*above the ceiling[^]*Type 2M to do it/);
    screen.keys('Enter');
    await screen.gone(/Sure\?/);
    assert.equal((await core.limit('haiku-minute')).amount, 110000, 'Enter must mean no');
    screen.type(':limit set haiku-minute tokens=2M reason very much');
    screen.keys('Enter');
    await screen.wait(/Sure\?/);
    screen.type('y');
    screen.keys('Enter');
    await screen.wait(/y is not 2M/);
    screen.type('2k');
    screen.keys('Enter');
    await screen.wait(/2k is not 2M/);
    assert.equal((await core.limit('haiku-minute')).amount, 110000, 'nor is another amount it');
    screen.type('2,000,000');
    screen.keys('Enter');
    await until('the limit to be raised', async () => (await core.limit('haiku-minute')).amount === 2000000);
    await screen.wait(/haiku-minute +2M/);
    screen.type(':limit set haiku-minute tokens=+50% reason still more');
    screen.keys('Enter');
    await screen.wait(/2M -> 3M[^]*Type 3M/);
    screen.type('3M');
    screen.keys('Enter');
    await until('the limit to be raised', async () => (await core.limit('haiku-minute')).amount === 3000000);
    screen.keys('q');
    assert.equal(await screen.exit(), 0);
});

test('help, filter, every view, every size, and a way out', async (t) => {
    const { core, keys } = await begin(t);
    await spend(core, keys.sales, 2);
    const screen = Terminal.start(t, ['--config', core.config], { columns: 200, rows: 60 });
    await screen.wait(/LIVE/);
    screen.keys('?');
    await screen.wait(/[Hh]elp|Keys/);
    screen.keys('Escape');
    for (const view of ['1', '2', '3', '4', '6', '7', '8', '9', '1']) {
        screen.keys(view);
        for (const [columns, rows] of [[200, 60], [100, 30], [80, 24], [60, 20], [40, 10], [20, 5]]) {
            screen.resize(columns, rows);
            await until('something to be drawn', () => screen.show().trim().length > 0, 30000);
            assert.equal(screen.ended, false, `it ended in view ${view} at ${columns}x${rows}`);
        }
    }
    screen.resize(100, 30);
    await screen.wait(/LIVE/);
    screen.keys('q');
    assert.equal(await screen.exit(), 0);
});

test('without colour and without UTF-8 the same is said', async (t) => {
    const { core, keys } = await begin(t);
    await spend(core, keys.sales, 2);
    const screen = Terminal.start(t, ['--config', core.config, '--no-color', '--ascii']);
    await screen.wait(/claude-3-5-haiku/);
    assert.match(screen.show(), /^[\x20-\x7e\n]*$/, 'only ASCII');
    screen.keys('q');
    assert.equal(await screen.exit(), 0);
});

test('a core that is killed shows as gone, and is found again', async (t) => {
    const { core } = await begin(t);
    const screen = Terminal.start(t, ['--config', core.config]);
    await screen.wait(/LIVE/);
    await core.kill();
    await screen.gone(/LIVE/);
    assert.equal(screen.ended, false);
    await core.start();
    await screen.wait(/LIVE/);
    screen.keys('q');
    assert.equal(await screen.exit(), 0);
});

test('`tollgate` alone starts a core behind, and leaving it lets it run', async (t) => {
    const sim = await Simulation.start(t);
    const core = Core.prepare(t, sim, configuration(sim, { limits: LIMITS }));
    const screen = Terminal.start(t, ['--config', core.config], { env: sim.credentials });
    await screen.wait(/LIVE/);
    screen.keys('q');
    assert.equal(await screen.exit(), 0);
    const status = await core.json('status');
    assert.equal(status.state, 'ready');
    const control = await core.control();
    await control.ask('stop', { now: true });
    control.close();
    await until('the core to end', () => {
        try {
            process.kill(status.pid, 0);
            return false;
        } catch {
            return true;
        }
    });
});

test('the demo shows models, cost centers and denials, and leaves nothing behind', async (t) => {
    const screen = Terminal.start(t, ['demo']);
    await screen.wait(/SIMULATED/);
    // Its own folder, where its core logs: other demos may run on this machine.
    const [child] = fs.readFileSync(`/proc/${screen.pid}/task/${screen.pid}/children`, 'utf8').trim().split(' ');
    const log = fs.readlinkSync(`/proc/${child}/fd/2`);
    assert.match(log, /tollgate-demo-/);
    for (const model of ['claude-3-5-haiku', 'claude-3-5-sonnet-v2', 'nova-lite', 'nova-micro']) {
        await screen.wait(new RegExp(model));
    }
    await screen.wait(/haiku-m/, 40000);
    screen.keys('q');
    assert.equal(await screen.exit(), 0);
    assert.equal(fs.existsSync(log), false);
    assert.equal(fs.existsSync(log.replace(/\/[^/]*$/, '')), false);
    assert.equal(fs.existsSync(`/proc/${child}`), false);
});

test('the demo without a terminal prints one snapshot', () => {
    const p = spawnSync(binary, ['demo', '--json'], { input: '', encoding: 'utf8', timeout: 90000 });
    assert.equal(p.status, 0, p.stderr);
    const status = JSON.parse(p.stdout);
    assert.equal(status.simulated, true);
    assert.ok(status.models.filter((m) => m.output_tokens > 0).length >= 4);
    assert.deepEqual(status.cost_centers.map((c) => c.name).sort(), ['sales', 'services', 'support']);
    assert.ok(status.denials.length > 0);
});
