// What may stop traffic is asked about twice: the second time the name of it is typed. Enter alone is no.
import assert from 'node:assert/strict';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { Core, configuration, Simulation, until } from '../lib/harness.mjs';
import { command, leave, Terminal } from '../lib/terminal.mjs';

const LIMITS = [
    { name: 'haiku-day', model: 'claude-3-5-haiku', tokens: '100k', window: 'day' },
    { name: 'try-out', match: { environment: 'dev' }, requests: 500, window: 'day' },
    { name: 'center-day', per: ['costCenter'], tokens: '900k', window: 'day' },
];

test('blocking production has its name typed; what is about another environment does not', async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { limits: LIMITS }));
    const key = await core.key('crm', 'sales');
    await call(core, key, { model: 'claude-3-5-haiku', text: 'x', maxTokens: 50 });
    const blocked = async (name) => (await core.limit(name)).blocked;
    const screen = Terminal.start(t, ['--config', core.config], { columns: 80, rows: 24 });
    await screen.wait(/LIVE/);
    screen.keys('7');
    await screen.wait(/haiku-day/);
    command(screen, 'sort LIMIT');
    await screen.wait(/LIMIT↑/);
    screen.keys('g', 'j', 'b');
    await screen.wait(/Block this limit\?[^]*haiku-day[^]*100k\/day -> blocked[^]*No call under it runs now/);
    screen.keys('y');
    await screen.wait(/Sure\?[^]*Type haiku-day to do it; Enter alone: no/);
    screen.keys('Enter');
    await screen.wait(/Nothing was changed/);
    assert.equal(await blocked('haiku-day'), false, 'Enter must mean no');
    screen.keys('b');
    await screen.wait(/Block this limit/);
    screen.keys('y');
    await screen.wait(/Type haiku-day/);
    screen.type('haiku');
    screen.keys('Enter');
    await screen.wait(/haiku is not haiku-day/);
    screen.keys('Escape');
    await screen.wait(/Nothing was changed/);
    assert.equal(await blocked('haiku-day'), false, 'nor is half of it its name');
    command(screen, 'limit block haiku-day');
    await screen.wait(/Block this limit/);
    screen.keys('y');
    await screen.wait(/Type haiku-day/);
    for (const [columns, rows] of [[60, 20], [40, 10], [20, 5], [100, 30], [80, 24]]) {
        screen.resize(columns, rows);
        await screen.wait(/Type haiku-day/);
    }
    screen.type('haiku-day');
    screen.keys('Enter');
    await until('it to be blocked', () => blocked('haiku-day'));
    await screen.wait(/haiku-day: 100k -> blocked/);
    screen.keys('u');
    await until('it to be let through', async () => !await blocked('haiku-day'));

    // A group by its own name.
    command(screen, 'limit history center-day');
    await screen.wait(/costCenter=sales/);
    screen.keys('b');
    await screen.wait(/center-day costCenter=sales/);
    screen.keys('y');
    await screen.wait(/Type sales to do it/);
    screen.type('sales');
    screen.keys('Enter');
    await until('the group to be blocked', async () => (await core.limit('center-day')).groups.some((g) => g.blocked));
    screen.keys('u');

    // What cannot stop production is asked about once.
    screen.keys('7');
    command(screen, 'limit block try-out');
    await screen.wait(/Block this limit/);
    screen.keys('y');
    await until('it to be blocked', () => blocked('try-out'));
    await leave(screen);
});

test('an amount of 0, which blocks as well, is typed twice for production', async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { limits: LIMITS }));
    const screen = Terminal.start(t, ['--config', core.config], { columns: 80, rows: 24 });
    await screen.wait(/LIVE/);
    screen.keys('7');
    await screen.wait(/haiku-day/);
    command(screen, 'limit set haiku-day tokens=0');
    await screen.wait(/haiku-day: 100k -> 0[^]*refused while it is 0[^]*Type 0 to do it/);
    screen.keys('Enter');
    await screen.wait(/Nothing was changed/);
    assert.equal((await core.limit('haiku-day')).amount, 100000, 'Enter must mean no');
    command(screen, 'sort LIMIT');
    await screen.wait(/LIMIT↑/);
    screen.keys('g', 'j', '=');
    await screen.wait(/haiku-day: tokens/);
    screen.type('0');
    screen.keys('Enter');
    await screen.wait(/Type 0 to do it/);
    screen.type('0');
    screen.keys('Enter');
    await until('it to be 0', async () => (await core.limit('haiku-day')).amount === 0);
    command(screen, 'limit set try-out requests=0');
    await until('what is about another environment to be 0, unasked', async () => (await core.limit('try-out')).amount === 0);
    await leave(screen);
});

test('an undo that would block what is open is asked about; Enter alone is no', async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { limits: LIMITS }));
    const control = await core.control();
    t.after(() => control.close());
    const screen = Terminal.start(t, ['--config', core.config], { columns: 80, rows: 24 });
    await screen.wait(/LIVE/);
    const allBlocked = async () => (await control.ask('status')).health.all_blocked !== null;
    for (const [params, blocked, name] of [
        [{ name: 'haiku-day' }, async () => (await core.limit('haiku-day')).blocked, 'haiku-day'],
        [{ all: true }, allBlocked, 'all-calls'],
    ]) {
        await control.ask('limit.block', params);
        await control.ask('limit.unblock', params);
        const question = new RegExp(`${name} was blocked before your last change[^]*Type undo to do it`);
        screen.keys('u');
        await screen.wait(question);
        screen.keys('Enter');
        await screen.wait(/Nothing was changed/);
        assert.equal(await blocked(), false, 'Enter must mean no');
        screen.keys('u');
        await screen.wait(question);
        screen.type('undo');
        screen.keys('Enter');
        await until('it to be blocked again', blocked);
        await screen.gone(/Type undo/);
        screen.keys('u');
        await until('it to be let through, which is not asked about', async () => !await blocked());
    }
    await leave(screen);
});

test('the kill switch and stopping all calls have "all" typed', async (t) => {
    const sim = await Simulation.start(t, { tokenDelayUs: 200000 });
    const core = await Core.start(t, sim, configuration(sim, { limits: LIMITS }));
    const key = await core.key('crm', 'sales');
    const control = await core.control();
    t.after(() => control.close());
    const screen = Terminal.start(t, ['--config', core.config], { columns: 100, rows: 30 });
    await screen.wait(/LIVE/);
    const stream = call(core, key, { model: 'claude-3-5-haiku', text: '[sim:output=4000] go on', stream: true, maxTokens: 4000 });
    await until('the call to run', async () => (await control.ask('calls')).calls.some((c) => c.output_tokens > 0));
    await screen.wait(/1 open/);
    screen.keys('7');
    command(screen, 'limit block haiku-day');
    await screen.wait(/1 call under it runs now/);
    screen.keys('n');
    command(screen, 'call stop');
    await screen.wait(/say REQUEST-ID or --all/);
    screen.type(':call stop --');
    screen.keys('Tab');
    await screen.wait(/:call stop --all/);
    screen.keys('Enter');
    await screen.wait(/Stop all calls\?[^]*1 call runs now/);
    screen.keys('y');
    await screen.wait(/Type all to do it/);
    screen.keys('Enter');
    await screen.wait(/Nothing was changed/);
    assert.equal((await control.ask('calls')).calls.length, 1);
    command(screen, 'call stop --all');
    await screen.wait(/Stop all calls/);
    screen.keys('y');
    await screen.wait(/Type all to do it/);
    screen.type('all');
    screen.keys('Enter');
    await screen.wait(/1 call stopped/);
    assert.ok((await stream).exception, 'the client hears of it');

    command(screen, 'limit unblock --all');
    await screen.wait(/The kill switch is off/);
    command(screen, 'limit block --all');
    await screen.wait(/Block all calls\?[^]*EVERY call is refused/);
    screen.keys('y');
    await screen.wait(/Type all to do it/);
    screen.type('ALL');
    screen.keys('Enter');
    await screen.wait(/ALL is not all/);
    screen.type('all');
    screen.keys('Enter');
    await screen.wait(/ALL CALLS BLOCKED by/);
    assert.ok((await call(core, key, { model: 'nova-lite', text: 'x', maxTokens: 5 })).status >= 400);
    command(screen, 'limit block --all');
    await screen.wait(/All calls are blocked already, by/);
    command(screen, 'limit unblock --all');
    await screen.wait(/Let calls through again\?/);
    screen.keys('y');
    await screen.gone(/ALL CALLS BLOCKED/);
    assert.equal((await call(core, key, { model: 'nova-lite', text: 'x', maxTokens: 5 })).status, 200);
    await leave(screen);
});

test('an undo that brings back what is beyond the ceiling by now has "undo" typed', async (t) => {
    const limits = (ceiling) => [{ name: 'haiku-day', model: 'claude-3-5-haiku', tokens: '100k', window: 'day', ceiling }];
    const core = await Core.start(t, undefined, configuration(undefined, { limits: limits('1M') }));
    const amount = async () => (await core.limit('haiku-day')).amount;
    await core.json('limit', 'set', 'haiku-day', 'tokens=500k');
    await core.json('limit', 'set', 'haiku-day', 'tokens=200k');
    core.write({ ...core.settings, limits: limits('300k') });
    const control = await core.control();
    await control.ask('reload');
    control.close();
    const screen = Terminal.start(t, ['--config', core.config], { columns: 80, rows: 24 });
    await screen.wait(/LIVE/);
    screen.keys('u');
    await screen.wait(/Sure\?[^]*haiku-day: 500k is above the ceiling[^]*Type undo to do it/);
    screen.keys('Enter');
    await screen.wait(/Nothing was changed/);
    assert.equal(await amount(), 200000);
    screen.keys('u');
    await screen.wait(/Type undo/);
    screen.type('undo');
    screen.keys('Enter');
    await until('it to be undone', async () => await amount() === 500000);
    await leave(screen);
});
