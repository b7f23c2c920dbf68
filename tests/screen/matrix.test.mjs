// Every view at every size, in every depth of colour and in ASCII: what stands there is what `status --json` says.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { Core, configuration, Simulation, until } from '../lib/harness.mjs';
import { Terminal } from '../lib/terminal.mjs';

const SIZES = [[200, 60], [100, 30], [80, 24], [60, 20]];
const TINY = [[40, 10], [20, 5], [3, 2], [1, 1]]; // where it only has to live
const LIMITS = [
    { name: 'haiku-day', model: 'claude-3-5-haiku', per: ['costCenter'], tokens: 900, window: 'day' },
    { name: 'crm-requests', application: 'crm', requests: 500, window: 'month' },
];

async function begin(t) {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { limits: LIMITS }));
    const keys = { crm: await core.key('crm', 'sales'), docs: await core.key('docs', 'support') };
    for (const key of [keys.crm, keys.crm, keys.crm, keys.docs]) {
        assert.equal((await call(core, key, { model: 'claude-3-5-haiku', text: 'what burns now?', maxTokens: 50 })).status, 200);
    }
    assert.equal((await call(core, keys.crm, { model: 'claude-3-5-haiku', text: 'x', maxTokens: 100000 })).status, 400);
    await core.json('limit', 'set', 'haiku-day', 'tokens=950', '--reason', 'noted');
    const control = await core.control();
    await control.ask('flush');
    control.close();
    const status = await core.json('status');
    assert.equal(status.totals.approved, 4);
    return { core, status };
}

// The figure of a column (aligned to the right) in the row that begins with a name; undefined: the column has no room.
function cell(shown, name, column) {
    const lines = shown.split('\n');
    const head = lines.findIndex((line) => new RegExp(`(^| )${column.replace(/[$/]/g, '\\$&')}[↓↑v^]?( |$)`).test(line));
    if (head < 0) {
        return undefined;
    }
    const title = lines[head].match(new RegExp(`(?:^| )(${column.replace(/[$/]/g, '\\$&')}[↓↑v^]?)(?: |$)`));
    const end = lines[head].indexOf(title[1], title.index) + title[1].length;
    const row = lines.slice(head + 1).find((line) => line.trimStart().startsWith(name));
    assert.ok(row, `no row ${name} in\n${shown}`);
    return row.slice(0, end).replace(/ each$/, '').match(/(\S+)$/)?.[1];
}

const count = (n) => (typeof n === 'string' || n < 1000 ? String(n) : `${(n / 1000).toFixed(n < 9995 ? 2 : 1)}k`);

// Each view: a pattern that waits for it, and the figures to compare: row, column, what status says.
function views(status) {
    const totals = (row) => [['ADMITTED', row.approved], ['DENIED', row.denied], ['FAILED', row.failed], ['INPUT', row.input_tokens], ['OUTPUT', row.output_tokens]];
    const model = status.models.find((m) => m.name === 'claude-3-5-haiku');
    const center = status.cost_centers.find((c) => c.name === 'sales');
    const application = status.applications.find((a) => a.name === 'docs');
    const limit = status.limits.find((l) => l.name === 'haiku-day');
    return {
        1: [/claude-3-5-haiku/, 'claude-3-5-haiku', [['DENIED', model.denied]]],
        2: [/Models, last 24 h/, 'claude-3-5-haiku', totals(model)],
        3: [/Cost centers, calls/, 'sales', totals(center)],
        4: [/Applications, calls/, 'docs', totals(application)],
        5: [/Ended, newest first[^]*sales\/crm[^]*denied|Ended, newest first[^]*denied[^]*sales\/crm/, null, []],
        6: [/sales\/crm +haiku-day/, null, []],
        7: [/haiku-day/, 'haiku-day', [['AMOUNT', `${limit.amount}/day`], ['DENIED', limit.denied], ['SO FAR', limit.used], ['GROUPS', limit.groups_total]]],
        8: [/cloudwatch/, null, []],
        9: [/limit\.set/, null, []],
    };
}

// What is on the way to the screen may be seen half; what it says in the end must hold.
async function settled(check) {
    let error;
    const holds = () => {
        try {
            check();
            return true;
        } catch (e) {
            error = e;
            return false;
        }
    };
    await until('the screen to say what status says', holds, 40000).catch(() => { throw error; });
}

// In each view: the figures, and what `paint` says of the colours, until it is content.
async function lookAround(screen, status, columns, paint) {
    for (const [key, [pattern, row, figures]] of Object.entries(views(status))) {
        screen.keys(key);
        await screen.wait(pattern);
        await until(`view ${key} in its colours`, paint, 40000);
        await settled(() => {
            const shown = screen.show();
            const widest = Math.max(...shown.split('\n').map((line) => [...line].length));
            assert.ok(widest <= columns, `view ${key}: a line has ${widest} columns`);
            for (const [column, value] of figures) {
                const found = cell(shown, row, column);
                assert.ok(found === undefined || found === count(value), `view ${key}, ${row}, ${column}: ${found} instead of ${count(value)}\n${shown}`);
            }
        });
    }
}

// Terminals that are not everywhere: described here, for as long as the test runs.
const TERMINALS = `tollgate-16|sixteen colours, colors#16, pairs#256,
  setaf=\\E[%?%p1%{8}%<%t3%p1%d%e9%p1%{8}%-%d%;m, setab=\\E[%?%p1%{8}%<%t4%p1%d%e10%p1%{8}%-%d%;m, use=xterm-256color,
tollgate-rgb|colours of 24 bits, RGB, colors#16777216, pairs#65536,
  setaf=\\E[%?%p1%{8}%<%t3%p1%d%e38\\:2\\:\\:%p1%{65536}%/%d\\:%p1%{256}%/%{255}%&%d\\:%p1%{255}%&%d%;m,
  setab=\\E[%?%p1%{8}%<%t4%p1%d%e48\\:2\\:\\:%p1%{65536}%/%d\\:%p1%{256}%/%{255}%&%d\\:%p1%{255}%&%d%;m, use=xterm-256color,
`;

function terminals(t) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tollgate-terminfo-'));
    t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
    fs.writeFileSync(path.join(dir, 'source'), TERMINALS);
    const tic = spawnSync('tic', ['-x', '-o', dir, path.join(dir, 'source')], { encoding: 'utf8' });
    assert.equal(tic.status, 0, tic.stderr);
    return { TERMINFO_DIRS: `${dir}:/etc/terminfo:/lib/terminfo:/usr/share/terminfo` };
}

// How colours are told: 24 bits, 256 by number, 16 or 8 by their own codes, or not at all.
const ANY_COLOUR = /\x1b\[[0-9;]*(3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]/;
const DEPTHS = [
    ['colours of 24 bits', { TERM: 'tollgate-rgb' }, [], /38;2;\d+;\d+;\d+/, /38;5;\d/],
    ['256 colours', { TERM: 'xterm-256color' }, [], /38;5;\d+/, /38;2;/],
    ['16 colours', { TERM: 'tollgate-16' }, [], /\x1b\[[0-9;]*(3[0-7]|4[0-7]|9[0-7]|10[0-7])[;m]/, /38;[25];/, /\x1b\[[0-9;]*(9[0-7]|10[0-7])[;m]/],
    ['8 colours', { TERM: 'linux' }, [], /\x1b\[[0-9;]*(3[0-7]|4[0-7])[;m]/, /38;[25];|\x1b\[[0-9;]*(9[0-7]|10[0-7])[;m]/],
    ['no colours here', { TERM: 'vt100' }, [], null, ANY_COLOUR],
    ['NO_COLOR', { TERM: 'xterm-256color', NO_COLOR: '1' }, [], null, ANY_COLOUR],
    ['--no-color --ascii', { TERM: 'xterm-256color' }, ['--no-color', '--ascii'], null, /[^\x00-\x7f]/],
    ['a locale without UTF-8', { TERM: 'xterm-256color', LC_ALL: 'C' }, [], null, /[^\x00-\x7f]/],
];

// All that only looks; boxes are closed again.
const LOOKS = ['j', 'k', 'Down', 'Up', 'PageDown', 'PageUp', 'G', 'g', 'End', 'Home', 'Tab', '>', '<', 'I', 'a', 'T', 'T', 'y', 's', 'Escape', 'c', 'Escape', '=', 'Escape', '?',
    'Escape', 'Enter', 'Escape', 'Space', 'Space', 'z', '[', ']', 'Z', 'S-Left', 'S-Right', '@', 'Escape', '0', 'n', 'N', 'C-l', 'm', 'm', '/', 'Escape', ':', 'Escape', 'e', 'Escape'];

test('every view at every size in every depth of colours agrees with status --json, and every key works in it', async (t) => {
    const { core, status } = await begin(t);
    const described = terminals(t);
    await t.test('every key', async (t) => {
        const screen = Terminal.start(t, ['--config', core.config], { columns: 100, rows: 30 });
        await screen.wait(/LIVE/);
        for (const [columns, rows] of [...SIZES, ...TINY]) {
            screen.resize(columns, rows);
            for (const view of '123456789') {
                screen.keys(view, ...LOOKS);
                assert.equal(screen.ended, false, `it ended in view ${view} at ${columns}x${rows}`);
            }
        }
        screen.resize(100, 30);
        screen.keys('1', 'l', 'h');
        await screen.wait(/claude-3-5-haiku/, 40000);
        screen.keys('q');
        assert.equal(await screen.exit(40000), 0);
    });
    for (const [name, env, args, everywhere, nowhere, somewhere] of DEPTHS) {
        await t.test(name, async (t) => {
            const screen = Terminal.start(t, ['--config', core.config, ...args], { columns: 100, rows: 30, env: { ...described, ...env } });
            await screen.wait(/LIVE/);
            let found = !somewhere;
            for (const [columns, rows] of SIZES) {
                screen.resize(columns, rows);
                await lookAround(screen, status, columns, () => {
                    const painted = screen.paint();
                    const bad = nowhere && painted.match(nowhere);
                    assert.ok(!bad, `${columns}x${rows}: ${JSON.stringify(bad?.[0])}`);
                    found ||= somewhere.test(painted);
                    return !everywhere || everywhere.test(painted);
                });
            }
            assert.ok(found, `nowhere ${somewhere}`);
            screen.resize(100, 30);
            screen.keys('7');
            await screen.wait(/haiku-day .*by you/, 40000); // states are words too
            screen.keys('q');
            assert.equal(await screen.exit(40000), 0);
        });
    }
});
