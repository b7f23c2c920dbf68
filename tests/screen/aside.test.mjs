// What stands beside a table belongs to its selected row: the figures are those of the commands' JSON of the same core.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { call } from '../lib/calls.mjs';
import { Core, configuration, Simulation, until } from '../lib/harness.mjs';
import { Terminal } from '../lib/terminal.mjs';

const LIMITS = [
    { name: 'haiku-day', model: 'claude-3-5-haiku', per: ['costCenter'], tokens: 5000, window: 'day' },
    { name: 'nova-minute', model: 'nova-*', requests: 100, window: '1m' },
    { name: 'center-month', per: ['costCenter'], usd: 25, window: 'month' },
];

async function begin(t) {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { limits: LIMITS }));
    const keys = { crm: await core.key('crm', 'sales'), docs: await core.key('docs', 'support') };
    for (const [key, model] of [[keys.crm, 'claude-3-5-haiku'], [keys.crm, 'claude-3-5-haiku'], [keys.docs, 'claude-3-5-haiku'], [keys.docs, 'nova-lite']]) {
        assert.equal((await call(core, key, { model, text: 'what burns now?', maxTokens: 50 })).status, 200);
    }
    assert.equal((await call(core, keys.docs, { model: 'claude-3-5-haiku', text: 'x', maxTokens: 100000 })).status, 400);
    const control = await core.control();
    await control.ask('flush');
    control.close();
    return core;
}

const leave = async (screen) => {
    screen.keys('q');
    assert.equal(await screen.exit(), 0);
};

// What stands on the right half of the screen, below a title.
function list(shown, title) {
    const lines = shown.split('\n');
    const at = lines.findIndex((line) => line.includes(title));
    assert.ok(at >= 0, `no ${title} in\n${shown}`);
    const from = lines[at].indexOf(title);
    return lines.slice(at + 1).map((line) => line.slice(from));
}
// Moves down until the row named so is the selected one.
async function select(screen, name) {
    screen.keys('g');
    for (let i = 0; i < 6; i++) {
        const found = await screen.wait(new RegExp(`^ ${name} ─`, 'm'), 2000).catch(() => null);
        if (found) {
            return;
        }
        screen.keys('Down');
    }
    assert.fail(`${name} is never selected:\n${screen.show()}`);
}
const row = (lines, name) => lines.find((line) => line.startsWith(name))?.split(/\s+/) ?? assert.fail(`no row ${name} in\n${lines.join('\n')}`);

test('below the models: the limits that count the one selected, and who uses it', async (t) => {
    const core = await begin(t);
    const usage = await core.json('usage', '--by', 'model,applicationId', '--since', '1h');
    const of = (model, application) => usage.rows.find((r) => r.key.model === model && r.key.applicationId === application);
    const screen = Terminal.start(t, ['--config', core.config], { columns: 100, rows: 30 });
    await screen.wait(/LIVE/);
    screen.keys('2');
    await select(screen, 'claude-3-5-haiku');
    await screen.wait(/Its applications[^]*crm[^]*Its cost centers/);
    const shown = screen.show();
    assert.match(shown, /ID +us\.anthropic\.claude-3-5-haiku|ID +anthropic\.claude-3-5-haiku/);
    assert.match(shown, /Tokens a minute, \d+ min/);
    assert.match(shown, /[▁▂▃▄▅▆▇█]/);
    const users = list(shown, 'Its applications');
    assert.equal(row(users, 'crm')[2], String(of('claude-3-5-haiku', 'crm').approved)); // SPENT, ADMITTED, DENIED
    assert.equal(row(users, 'docs')[3], String(of('claude-3-5-haiku', 'docs').denied));
    const limits = list(shown, 'Its limits').slice(0, 4).join('\n');
    assert.match(limits, /haiku-day +5k\/day/);
    assert.match(limits, /center-month/);
    assert.doesNotMatch(limits, /nova-minute/);
    await select(screen, 'nova-lite');
    await screen.wait(/nova-minute +100/);
    await screen.gone(/haiku-day/);
    assert.doesNotMatch(list(screen.show(), 'Its applications').join('\n'), /crm/);
    screen.keys('Tab', 'Tab', 'Enter'); // a part of the row that is looked into is opened in it
    await screen.wait(/> nova-lite > docs/);
    screen.keys('Escape', 'Escape');
    await screen.wait(/2 Models[^]*nova-lite ─/);
    await leave(screen);
});

test('below cost centers and applications: the budget, the parts, the denials', async (t) => {
    const core = await begin(t);
    const status = await core.json('status');
    const spent = (await core.json('usage', '--by', 'costCenter,model', '--since', '1h')).rows;
    const screen = Terminal.start(t, ['--config', core.config], { columns: 120, rows: 36 });
    await screen.wait(/LIVE/);
    screen.keys('3');
    await select(screen, 'support');
    await screen.wait(/Its models[^]*nova-lite/);
    const center = status.limits.find((l) => l.name === 'center-month').groups.find((g) => g.group.costCenter === 'support');
    assert.equal(center.amount, 25);
    await screen.wait(/Budget +<?\$0\.0\d of \$25\.00 this month \(0%\)/);
    await screen.wait(/\$ a minute, \d+ min/);
    const models = list(screen.show(), 'Its models');
    for (const model of ['claude-3-5-haiku', 'nova-lite']) {
        const r = spent.find((x) => x.key.costCenter === 'support' && x.key.model === model);
        assert.equal(row(models, model)[2], String(r.approved));
    }
    assert.match(list(screen.show(), 'Its denials').join('\n'), /support\/docs +haiku-day/);
    screen.keys('4');
    await select(screen, 'docs');
    await screen.wait(/no monthly limit of its own/);
    await screen.wait(/Its denials, newest first[^]*haiku-day/);
    await select(screen, 'crm');
    await screen.wait(/None of its calls was denied/);
    await leave(screen);
});

test('below the limits: groups, use against the amount, who changed it; from elsewhere too', async (t) => {
    const core = await begin(t);
    await core.json('limit', 'set', 'haiku-day', 'tokens=6000', '--reason', 'launch day');
    const limit = await core.limit('haiku-day');
    const screen = Terminal.start(t, ['--config', core.config], { columns: 120, rows: 36 });
    await screen.wait(/LIVE/);
    screen.keys('7');
    await screen.wait(/^ haiku-day ─/m);
    await screen.wait(/5k -> 6k.*launch day|5000 -> 6000.*launch day|5,000 -> 6,000.*launch day/);
    await screen.wait(/Changed +by .*launch day/);
    await screen.wait(/Tokens used so far, (sales|support)/);
    await screen.wait(/[▁▂▃▄▅▆▇█]/);
    for (const group of limit.groups) {
        const percent = Math.floor((100 * group.used) / group.amount);
        await screen.wait(new RegExp(`costCenter=${group.group.costCenter} +6k\\S* .*${percent}%`));
    }
    await core.json('limit', 'set', 'haiku-day', 'tokens=7000', '--reason', 'even more');
    await screen.wait(/even more/);
    screen.keys('Down');
    await screen.wait(/^ nova-minute ─/m);
    await screen.wait(/Never changed while running/);
    assert.doesNotMatch(screen.show(), /Calls a minute/); // of a glob the ledger cannot be asked
    screen.keys('Up', 'Tab', '+');
    await screen.wait(/haiku-day costCenter=(sales|support): 7k\S* -> 7\.7k/);
    screen.keys('Escape');
    await leave(screen);
});

test('the table has the rows first: what is beside it gives way', async (t) => {
    const core = await begin(t);
    const screen = Terminal.start(t, ['--config', core.config], { columns: 80, rows: 24 });
    await screen.wait(/LIVE/);
    screen.keys('7');
    await screen.wait(/^ haiku-day ─/m);
    screen.keys('Tab');
    screen.resize(60, 20);
    await screen.gone(/ haiku-day ─/);
    screen.keys('Down'); // what has the focus is seen
    screen.resize(100, 30);
    await screen.wait(/^ nova-minute ─/m);
    for (const view of ['2', '3', '4', '7']) {
        screen.keys(view);
        await screen.wait(/^ [a-z0-9-]+ ─+$/m);
        screen.resize(60, 20);
        await screen.gone(/^ [a-z0-9-]+ ─+$/m);
        screen.resize(100, 30);
        await screen.wait(/^ [a-z0-9-]+ ─+$/m);
    }
    await leave(screen);
});

async function pretend(t, ...flags) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tollgate-fake-'));
    const socket = path.join(dir, 'control.sock');
    const script = path.join(path.dirname(fileURLToPath(import.meta.url)), 'fake-core.mjs');
    const child = spawn(process.execPath, [script, socket, ...flags], { stdio: 'ignore' });
    t.after(() => {
        child.kill('SIGKILL');
        fs.rmSync(dir, { recursive: true, force: true });
    });
    await until('the pretended core to listen', () => fs.existsSync(socket));
    return { socket, child };
}

test('a long table keeps its rows; a wide screen has the rest at its right', async (t) => {
    const { socket } = await pretend(t, '--models', '40', '--quiet');
    const screen = Terminal.start(t, ['--socket', socket], { columns: 100, rows: 30 });
    await screen.wait(/LIVE/);
    screen.keys('2');
    await screen.wait(/1-2\d of 44/);
    assert.doesNotMatch(screen.show(), /Its limits/);
    screen.resize(160, 30);
    await screen.wait(/Its limits/);
    await screen.wait(/1-2\d of 44/);
    await leave(screen);
});

test('a core that hangs holds up no cursor; an older one is not asked again and again', async (t) => {
    const { socket, child } = await pretend(t, '--quiet');
    const screen = Terminal.start(t, ['--socket', socket], { columns: 100, rows: 30 });
    await screen.wait(/LIVE/);
    screen.keys('2');
    await screen.wait(/^ [a-z0-9-]+ ─+$/m);
    await screen.wait(/Its applications/);
    child.kill('SIGSTOP');
    const before = screen.show().match(/^ ([a-z0-9-]+) ─+$/m)[1];
    screen.keys('G');
    await until('another row to be looked into', () => screen.show().match(/^ ([a-z0-9-]+) ─+$/m)?.[1] !== before);
    await screen.wait(/asking the ledger/);
    child.kill('SIGCONT');
    await screen.gone(/asking the ledger/);
    await leave(screen);
    const old = await pretend(t, '--quiet', '--old');
    const second = Terminal.start(t, ['--socket', old.socket], { columns: 100, rows: 30 });
    await second.wait(/LIVE/);
    second.keys('2');
    await second.wait(/this core cannot tell; it is an older one/);
    second.keys('Escape');
    await leave(second);
});
