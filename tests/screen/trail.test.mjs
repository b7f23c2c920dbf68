// From a figure to its cause: who spent, what refused it, what would let it through.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { call } from '../lib/calls.mjs';
import { Core, configuration, Simulation, until } from '../lib/harness.mjs';
import { leave, Terminal } from '../lib/terminal.mjs';

const LIMITS = [
    { name: 'haiku-day', model: 'claude-3-5-haiku', per: ['costCenter'], tokens: '100k', window: 'day' },
    { name: 'everything', requests: '50', window: 'day' },
    { name: 'budget', usd: 2500, window: 'month' },
];

async function begin(t) {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { limits: LIMITS }));
    const crm = await core.key('crm', 'sales');
    const docs = await core.key('docs', 'support');
    await call(core, crm, { model: 'claude-3-5-haiku', text: 'one', maxTokens: 50 });
    await call(core, crm, { model: 'nova-lite', text: 'two', maxTokens: 50 });
    await call(core, docs, { model: 'claude-3-5-haiku', text: 'three', maxTokens: 50 });
    return { core, docs };
}

test('Enter leads from a cost center to its models, applications, calls and the limits of one', async (t) => {
    const { core } = await begin(t);
    const screen = Terminal.start(t, ['--config', core.config], { columns: 110, rows: 34 });
    await screen.wait(/LIVE/);
    screen.keys('3');
    await screen.wait(/support +\$|support +</);
    screen.type('/sales');
    screen.keys('Enter', 'Enter');
    await screen.wait(/> sales +LIVE/);
    await screen.wait(/in 24 h: 2 admitted, 0 denied/);
    await screen.wait(/Its models[^]*nova-lite[^]*Its calls/);
    assert.doesNotMatch(screen.show(), /support/);
    screen.type('/haiku');
    screen.keys('Enter', 'Enter');
    await screen.wait(/> sales > claude-3-5-haiku +LIVE/);
    await screen.wait(/Its applications[^]*crm[^]*1 admitted|1 admitted[^]*Its applications[^]*crm/);
    screen.keys('Enter');
    await screen.wait(/> sales > claude-3-5-haiku > crm/);
    await screen.wait(/sales\/crm +claude-3-5-haiku +approved/);
    screen.keys('Enter');
    await screen.wait(/counts in +haiku-day costCenter=sales/);
    await screen.wait(/rule +model=claude-3-5-haiku; one counter for each costCenter/);
    const { used } = (await core.limit('haiku-day')).groups.find((g) => g.group.costCenter === 'sales');
    await screen.wait(new RegExp(`now +0%: ${used} used and 0 reserved of 100k/day`));
    await screen.wait(/counts in +everything/);
    screen.keys('Escape', 'Escape');
    await screen.wait(/> sales > claude-3-5-haiku +LIVE/);
    screen.keys('['); // the same a quarter of an hour ago
    await screen.wait(/\$0 in 15 min: 0 admitted/);
    screen.keys('Escape');
    await screen.wait(/1 admitted, 0 denied/);
    screen.keys('Escape');
    await screen.wait(/> sales +LIVE[^]*1 of 2, filter haiku/);
    screen.keys('Escape', 'Escape');
    await screen.wait(/Cost centers, [^]*1 of 2, filter sales|Cost centers, .*1 of 2, filter sales/);
    await leave(screen);
});

test('denials stand by who and why, and lead to the limit and to what would let them through', async (t) => {
    const { core, docs } = await begin(t);
    for (let i = 0; i < 2; i++) {
        await call(core, docs, { model: 'claude-3-5-haiku', text: 'x', maxTokens: 99999 });
    }
    await core.json('limit', 'block', 'everything', '--reason', 'drill');
    await call(core, docs, { model: 'nova-lite', text: 'x', maxTokens: 10 });
    const screen = Terminal.start(t, ['--config', core.config], { columns: 130, rows: 34 });
    await screen.wait(/LIVE/);
    screen.keys('6');
    await screen.wait(/Who is refused[^]* 2 +\d\d:\d\d +support\/docs +haiku-day +costCenter=support +claude-3-5-haiku +raise it: =/);
    await screen.wait(/support\/docs +everything +nova-lite +unblock: b/);
    screen.type('/haiku');
    screen.keys('Enter', 'Enter');
    await screen.wait(/> haiku-day +LIVE/);
    await screen.wait(/Rate +\d/);
    screen.keys('Escape', 'Escape');
    await screen.wait(/Who is refused[^]*everything/);
    screen.keys('Tab');
    screen.type('/everything');
    screen.keys('Enter', 'Enter');
    await screen.wait(/refused by +everything/);
    await screen.wait(/why +it was blocked[^]*to get through +unblock: b/);
    screen.keys('b'); // from here as from the row
    await screen.wait(/Unblock this limit\?/);
    screen.keys('Escape', 'Enter');
    await screen.wait(/refused by +everything/);
    screen.keys('Enter');
    await screen.wait(/> everything +LIVE/);
    screen.keys('9');
    await screen.wait(/denied +support\/docs +nova-lite +everything +refused by everything/);
    await core.json('limit', 'set', 'budget', 'usd=3000'); // dollars are told as dollars
    await screen.wait(/limit\.set budget: \$2500 -> \$3000/);
    await screen.wait(/limit\.set .*\$2,500 -> \$3,000/);
    await leave(screen);
});

test('what is blocked is unblocked as a whole, from a group too, before an amount is asked for', async (t) => {
    const { core } = await begin(t);
    await core.json('limit', 'block', 'haiku-day', '--reason', 'runaway batch');
    const screen = Terminal.start(t, ['--config', core.config], { columns: 100, rows: 30 });
    await screen.wait(/LIVE/);
    screen.keys('7');
    screen.type('/haiku');
    screen.keys('Enter', 'Enter');
    await screen.wait(/Changed +blocked by \S+ .*runaway batch/);
    await screen.wait(/costCenter=sales .*BLOCKED/);
    screen.keys('t');
    await screen.wait(/haiku-day is blocked by \S+; b unblocks it/);
    screen.keys('b');
    await screen.wait(/Unblock this limit\?[^]*haiku-day +│[^]*blocked -> 100k\/day/);
    screen.keys('Left', 'Enter');
    await screen.wait(/haiku-day: blocked -> 100k/);
    assert.equal((await core.limit('haiku-day')).blocked, false);
    await leave(screen);
});

test('limits show how fast they are used up, who burns, needless denials and who waits; cost centers what is ahead', async (t) => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tollgate-fake-'));
    const socket = path.join(dir, 'control.sock');
    const script = path.join(path.dirname(fileURLToPath(import.meta.url)), 'fake-core.mjs');
    const child = spawn(process.execPath, [script, socket, '--quiet'], { stdio: 'ignore' });
    t.after(() => {
        child.kill('SIGKILL');
        fs.rmSync(dir, { recursive: true, force: true });
    });
    await until('the pretended core to listen', () => fs.existsSync(socket));
    const screen = Terminal.start(t, ['--socket', socket], { columns: 220, rows: 40 });
    await screen.wait(/LIVE/);
    screen.keys('7');
    await screen.wait(/EMPTY IN +PER MIN +AVG 15 M +AVG 1 H .* PHANTOM +WAITING +STATE/);
    await screen.wait(/prod-day .* 2 h +\$150\.\d\d +\$75\.\d\d +\$37\.\d\d .* burns fast/);
    await screen.wait(/streams .* 0 of 0 +2 +file/);
    screen.type('/prod');
    screen.keys('Enter', 'Enter');
    await screen.wait(/Rate +\$150\.\d\d a minute, over 15 min \$75\.\d\d, over 1 h \$37\.\d\d; empty in 2 h; burns fast/);
    screen.keys('3');
    await screen.wait(/FORECAST +BUDGET +BILLED/);
    await screen.wait(/sales +\$\S+ +\$\S+ +\$\S+ W? +\$4,000 +\$\S+/);
    await leave(screen);
});
