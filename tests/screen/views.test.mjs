// What the views show beside their tables, and the keys that belong to them.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { Core, configuration, Simulation, until } from '../lib/harness.mjs';
import { pretend } from '../lib/pretend.mjs';
import { command, leave, Terminal } from '../lib/terminal.mjs';

const LIMITS = [{ name: 'haiku-minute', model: 'claude-3-5-haiku', per: ['costCenter'], tokens: '100k', window: 'day' }];

async function begin(t, calls = 2) {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { limits: LIMITS }));
    const key = await core.key('crm', 'sales');
    for (let i = 0; i < calls; i++) {
        await call(core, key, { model: 'claude-3-5-haiku', text: 'what burns now?', maxTokens: 50 });
    }
    return { core, key };
}

test('the overview has a graph where there is room, of all models or of one', async (t) => {
    const { core } = await begin(t);
    const screen = Terminal.start(t, ['--config', core.config], { columns: 100, rows: 30 });
    await screen.wait(/Tokens a minute, all models/);
    await screen.wait(/[▁▂▃▄▅▆▇█]/);
    await screen.wait(/\d\d:[0-5][05]/);
    screen.keys('a');
    await screen.wait(/Tokens a minute, claude-3-5-haiku/);
    screen.resize(60, 20);
    await screen.gone(/Tokens a minute/);
    await screen.wait(/claude-3-5-haiku/);
    screen.resize(200, 60);
    await screen.wait(/Tokens a minute/);
    await leave(screen);
});

test(':theme completes names and switches while it runs', async (t) => {
    const { core } = await begin(t, 0);
    const screen = Terminal.start(t, ['--config', core.config]);
    await screen.wait(/LIVE/);
    screen.type(':theme sol');
    await screen.wait(/:theme sol/);
    screen.keys('Tab');
    await screen.wait(/:theme solarized/);
    screen.keys('Enter');
    await screen.gone(/:theme/);
    screen.type(':theme purple');
    screen.keys('Enter');
    await screen.wait(/no theme "purple"; there are .*monochrome/);
    await leave(screen);
});

test('calls that ended, and what is in the audit, with their details and a filter', async (t) => {
    const { core, key } = await begin(t, 2);
    await call(core, key, { model: 'claude-3-5-haiku', text: 'x', maxTokens: 1000000 });
    await core.json('limit', 'set', 'haiku-minute', 'tokens=250k', '--reason', 'launch day');
    const { stdout } = await core.run('audit', '--calls', '--json', '--since', '1h');
    const [first] = stdout.trim().split('\n').map((line) => JSON.parse(line)).filter((e) => e.outcome === 'approved');
    const screen = Terminal.start(t, ['--config', core.config], { columns: 100, rows: 30 });
    await screen.wait(/LIVE/);
    screen.keys('5');
    await screen.wait(/5 Calls/);
    await screen.wait(/Ended, newest first/);
    await screen.wait(new RegExp(`sales/crm +claude-3-5-haiku +approved +${first.usage.input_tokens} +${first.usage.output_tokens} `));
    await screen.wait(/sales\/crm +claude-3-5-haiku +denied/);
    screen.type('/denied');
    screen.keys('Enter');
    await screen.wait(/1 of 3, filter denied/);
    screen.keys('Escape');
    screen.type('/approved');
    screen.keys('Enter');
    await screen.wait(/2 of 3/);
    screen.keys('Enter');
    await screen.wait(/first token ms/);
    await screen.wait(/tags applicationId +crm/);
    screen.keys('Escape', 'Escape', '9');
    await screen.wait(/limit\.set/);
    screen.type('/limit.set');
    screen.keys('Enter', 'Enter');
    await screen.wait(/reason +launch day/);
    screen.keys('Escape', 'Escape');
    for (const [columns, rows] of [[200, 60], [80, 24], [60, 20], [40, 10], [20, 5]]) {
        screen.resize(columns, rows);
        screen.keys('5');
        await until('something to be drawn', () => screen.show().trim().length > 0);
    }
    await leave(screen);
});

test('calls that run stand above those that ended', async (t) => {
    const socket = await pretend(t);
    const screen = Terminal.start(t, ['--socket', socket], { columns: 150, rows: 30 });
    await screen.wait(/LIVE/);
    screen.keys('5');
    await screen.wait(/Running[^]*1 min +sales\/quotes +claude-3-5-haiku +412 ms +1\.21k +3\.40k +\$0\.01 +converse_stre[^]*Ended/);
    await screen.wait(/WAITS FOR[^]*20 s +support\/triage +nova-lite +nova-requests +-/); // no room for it yet
    screen.keys('Tab', 'Enter');
    await screen.wait(/request id +run-1/);
    screen.keys('Escape');
    await leave(screen);
});

test('any table is exported as it stands, into a new file only', async (t) => {
    const { core } = await begin(t, 2);
    const screen = Terminal.start(t, ['--config', core.config], { columns: 100, rows: 30 });
    const csv = path.join(core.dir, 'limits.csv');
    await screen.wait(/LIVE/);
    screen.keys('7', 'e');
    await screen.wait(/Export to \.\/tollgate-limits-\d{8}T\d{6}Z\.csv/);
    screen.keys('Escape');
    screen.type(`:export ${csv}`);
    screen.keys('Enter');
    await screen.wait(/1 row written to/);
    const [header, row] = fs.readFileSync(csv, 'utf8').split('\r\n');
    assert.match(header, /^LIMIT,METRIC,PER,AMOUNT,USED %,SO FAR,/);
    const used = (await core.limit('haiku-minute')).used;
    assert.match(row, new RegExp(`^haiku-minute,tokens,day,100000,0,${used},`));
    screen.type(`:export ${csv}`);
    screen.keys('Enter');
    await screen.wait(/Not exported: .*is there already/);
    const models = path.join(core.dir, 'models.csv');
    screen.keys('2');
    await screen.wait(/Models, last 24 h/);
    await screen.wait(/claude-3-5-haiku .* 2 /);
    command(screen, `export ${models}`);
    await screen.wait(/written to .*models\.csv/);
    const [titles, ...rows] = fs.readFileSync(models, 'utf8').trimEnd().split('\r\n').map((line) => line.split(','));
    const told = (await core.json('status')).models.find((m) => m.name === 'claude-3-5-haiku');
    const written = rows.find((r) => r[0] === 'claude-3-5-haiku');
    for (const [title, value] of [['ADMITTED', told.approved], ['OK', told.approved], ['FAILED', told.failed], ['DENIED', told.denied],
        ['INPUT', told.input_tokens], ['OUTPUT', told.output_tokens], ['$ 24 H', told.usd]]) {
        assert.equal(Number(written[titles.indexOf(title)]), value, title);
    }
    const json = path.join(core.dir, 'calls.json');
    screen.keys('5');
    await screen.wait(/approved/);
    screen.type(`:export ${json}`);
    screen.keys('Enter');
    await screen.wait(/2 rows written/);
    const calls = JSON.parse(fs.readFileSync(json, 'utf8'));
    assert.deepEqual(calls.map((c) => c.outcome), ['approved', 'approved']);
    screen.keys('y');
    await screen.wait(new RegExp(`clipboard: ${calls[0].request_id}`));
    await leave(screen);
});

test('columns are chosen, and the first stays', async (t) => {
    const { core } = await begin(t, 0);
    const screen = Terminal.start(t, ['--config', core.config], { columns: 100, rows: 30 });
    await screen.wait(/LIVE/);
    screen.keys('7');
    await screen.wait(/LIMIT +METRIC +AMOUNT/);
    screen.keys('c');
    await screen.wait(/\[x\] METRIC/);
    screen.keys('Enter');
    await screen.wait(/first column stays/);
    screen.keys('j', 'Space');
    await screen.wait(/\[ \] METRIC/);
    screen.keys('Escape');
    await screen.wait(/LIMIT +AMOUNT/);
    screen.keys('c', 'j', 'Enter', 'Escape');
    await screen.wait(/LIMIT +METRIC +AMOUNT/);
    await leave(screen);
});

test('a core that cannot tell which calls run shows those that ended', async (t) => {
    const socket = await pretend(t, '--old');
    const screen = Terminal.start(t, ['--socket', socket], { columns: 100, rows: 30 });
    await screen.wait(/LIVE/);
    screen.keys('5');
    await screen.wait(/Ended, newest first[^]*denied/);
    await screen.gone(/Running/);
    screen.keys('Tab', 'Enter');
    await screen.wait(/request id/);
    screen.keys('Escape');
    await leave(screen);
});

test('a limit says what was changed of it; what is not blocked cannot be unblocked', async (t) => {
    const { core } = await begin(t, 0);
    await core.json('limit', 'set', 'haiku-minute', 'tokens=90k');
    const screen = Terminal.start(t, ['--config', core.config], { columns: 100, rows: 30 });
    await screen.wait(/LIVE/);
    screen.keys('7');
    await screen.wait(/haiku-minute .*90k/);
    screen.keys('Enter');
    await screen.wait(/Changed +by \S+ (<10 s|\d+ \w+) ago, for good *$/m);
    screen.type(':limit unblock haiku-minute');
    screen.keys('Enter');
    await screen.wait(/haiku-minute is not blocked/);
    screen.type(':limit revert haiku-minute');
    screen.keys('Enter');
    await screen.wait(/Revert this limit\?/);
    screen.keys('y');
    await until('the limit to be as the file says', async () => (await core.limit('haiku-minute')).override === null);
    await screen.gone(/Changed +by/);
    screen.type(':limit revert haiku-minute');
    screen.keys('Enter');
    await screen.wait(/as the file says already/);
    await leave(screen);
});

test('the past: a range, back and forward, in every view, exported as it is shown, and back to now', async (t) => {
    const { core } = await begin(t, 3);
    await core.json('limit', 'set', 'haiku-minute', 'tokens=90k', '--reason', 'noted');
    const { totals } = await core.json('status');
    const screen = Terminal.start(t, ['--config', core.config], { columns: 100, rows: 30 });
    await screen.wait(/LIVE/);
    screen.keys('z');
    await screen.wait(/LAST 1 H[^]*in 1 h +3 admitted/);
    await screen.wait(new RegExp(`${totals.input_tokens} input +${totals.output_tokens} output`));
    await screen.wait(/claude-3-5-haiku[^]*Tokens (a minute|each)[^]*[▁▂▃▄▅▆▇█]/);
    screen.keys('z');
    await screen.wait(/LAST 24 H[^]*in 24 h +3 admitted/);
    screen.keys('[');
    await screen.wait(/PAST \d\d-\d\d \d\d:\d\d - \d\d-\d\d[^]*The ledger has no calls in these 24 h[^]*Nothing in the time shown/);
    screen.keys('7', '+');
    await screen.wait(/You look at the past/);
    screen.keys('Escape');
    await screen.wait(/for the present only/);
    screen.keys(']');
    await screen.wait(/LAST 24 H[^]*in 24 h +3 admitted/);
    screen.keys('4');
    await screen.wait(/Applications, 24 h[^]*SPENT[^]*crm/);
    const file = path.join(core.dir, 'past.json');
    screen.type(`:export ${file}`);
    screen.keys('Enter');
    await screen.wait(/1 row written/);
    const [row] = JSON.parse(fs.readFileSync(file, 'utf8'));
    assert.equal(row.input_tokens, totals.input_tokens);
    screen.keys('5');
    await screen.wait(/Ended, newest first[^]*sales\/crm[^]*sales\/crm[^]*sales\/crm/);
    screen.keys('9');
    await screen.wait(/limit\.set +\S+ +haiku-minute/);
    screen.keys('Space');
    await screen.wait(/PAUSED 00:00 behind live/);
    screen.keys('Space');
    await screen.gone(/PAUSED 00:00 behind live/);
    for (const [columns, rows] of [[200, 60], [80, 24], [60, 20], [40, 10], [20, 5], [100, 30]]) {
        screen.resize(columns, rows);
        screen.keys('1', '3', '1');
        await until('something to be drawn', () => screen.show().trim().length > 0);
    }
    screen.keys('Escape', 'Escape'); // the first may take a message away
    await screen.wait(/LIVE/);
    await screen.gone(/LAST 24 H|SPENT/);
    screen.keys('[');
    await screen.wait(/PAST/);
    screen.keys('0');
    await screen.gone(/PAST/);
    await leave(screen);
});

test('x stops a running call, all of an application, all of a limit; it asks first, and No is the default', async (t) => {
    const sim = await Simulation.start(t, { tokenDelayUs: 200000 });
    const core = await Core.start(t, sim, configuration(sim, { limits: LIMITS }));
    const keys = { crm: await core.key('crm', 'sales'), docs: await core.key('docs', 'support') };
    const stream = (key) => call(core, key, { model: 'claude-3-5-haiku', text: '[sim:output=4000] go on', stream: true, maxTokens: 4000 });
    const control = await core.control();
    t.after(() => control.close());
    const running = async (n) => until(`${n} calls to run`, async () => {
        const { calls } = await control.ask('calls');
        return calls.length === n && calls.every((c) => c.output_tokens > 0) && calls;
    }, 40000);
    const screen = Terminal.start(t, ['--config', core.config], { columns: 120, rows: 30 });
    await screen.wait(/LIVE/);
    const first = stream(keys.crm);
    const [seen] = await running(1);
    assert.ok(seen.first_token_ms >= 0 && seen.input_tokens > 0 && seen.usd > 0, JSON.stringify(seen));
    screen.keys('5', 'x');
    await screen.wait(/These calls have ended; Tab/);
    screen.keys('Tab');
    await screen.wait(/Running[^]*sales\/crm +claude-3-5-haiku +\d+(\.\d)? m?s +\d+ +\d+/);
    screen.keys('x');
    await screen.wait(/Stop this call\?[^]*sales\/crm/);
    screen.keys('Enter');
    await screen.gone(/Stop this call/);
    assert.equal((await control.ask('calls')).calls.length, 1, 'Enter must mean no');
    screen.keys('x');
    await screen.wait(/Stop this call\?/);
    screen.keys('y');
    await screen.wait(/1 call stopped/);
    assert.ok((await first).exception, 'the client hears of it');

    const two = [stream(keys.crm), stream(keys.docs)];
    await running(2);
    screen.keys('4');
    await screen.wait(/APPLICATION/);
    screen.type('/docs');
    screen.keys('Enter');
    await screen.wait(/1 of 2, filter docs/);
    screen.keys('x');
    await screen.wait(/Every running call of the application docs/);
    screen.keys('y');
    assert.ok((await two[1]).exception);
    await running(1);
    screen.keys('7');
    await screen.wait(/haiku-minute/);
    screen.keys('x');
    await screen.wait(/counts under haiku-minute/);
    screen.keys('y');
    assert.ok((await two[0]).exception);
    const { changes } = await control.ask('limit.history', { max: 10 });
    await core.run('audit', '--changes');
    assert.ok(Array.isArray(changes));
    await leave(screen);
});
