// Searching: every table filters as one types, tells how many of how many pass, moves among them and forgets it with Esc.
import assert from 'node:assert/strict';
import test from 'node:test';

import { pretend } from '../lib/pretend.mjs';
import { Terminal } from '../lib/terminal.mjs';

// Of each view the tables in the order of Tab: title, a column with something one row at least has in it, the filter for it.
const TABLES = {
    1: [['Models', 'MODEL:haiku'], ['Cost centers', 'COST CENTER:sales'], ['Denials', 'LIMIT:haiku'], ['Limits', 'LIMIT:prod-day'], ['Applications', 'APPLICATION:triage']],
    2: [['Models', 'model:nova-lite']],
    3: [['Cost centers', 'cost:sales']],
    4: [['Applications', 'app:app-01']],
    5: [['Running', 'caller:quotes'], ['Ended', 'outcome:denied']],
    6: [['Who is refused', 'limit:haiku-minute'], ['Denials', 'limit:haiku-minute']],
    7: [['Limits', 'metric:usd']],
    8: [['AWS sources', 'source:cloudwatch'], ['CloudWatch', 'model:haiku'], ['Cost Explorer', 'cost:sales'], ['Calls that Bedrock counted', null], ['AWS Budgets', null], ['Alarms', null]],
    9: [['Audit', 'what:denied']],
};

async function find(screen, column, title) {
    const some = column ? '[1-9]\\d*' : '\\d+'; // rows that are on their way are waited for
    const counts = (text) => new RegExp(`${title}[^\\n]*?  (\\d+) of (${some}), filter ${text.replace(/[$!:]/g, '\\$&')}(?: |$)`, 'm');
    screen.type('/!no such text');
    const [, all, total] = await screen.wait(counts('!no such text'));
    assert.equal(all, total, `${title}: what nothing has passes inverted`);
    screen.keys('C-u');
    screen.type('no such text');
    await screen.wait(counts('no such text'));
    await screen.wait(/No row passes the filter|Not heard yet/);
    if (column) {
        screen.keys('C-u');
        screen.type(column); // still being typed
        const [, passed] = await screen.wait(counts(column));
        assert.ok(Number(passed) > 0 && Number(passed) <= Number(total), `${title}: ${passed} of ${total} pass ${column}`);
        screen.keys('C-u');
        screen.type(`!${column}`);
        const [, others] = await screen.wait(counts(`!${column}`));
        assert.equal(Number(passed) + Number(others), Number(total), `${title}: the others are the rest`);
    }
    screen.keys('Enter');
    await screen.wait(/q leave/);
    screen.keys('Escape');
    await screen.gone(/, filter/);
}

test('every table of every view filters, counts, inverts, takes a column, and Esc clears it', async (t) => {
    const socket = await pretend(t, '--quiet', '--rows', '20');
    const screen = Terminal.start(t, ['--socket', socket], { columns: 200, rows: 60 });
    await screen.wait(/LIVE/);
    for (const [view, tables] of Object.entries(TABLES)) {
        screen.keys(view);
        if (view === '5') {
            await screen.wait(/Ended, newest/);
            screen.keys('Tab'); // it begins with those that ended
        }
        for (const [title, column] of tables) {
            await find(screen, column, title);
            screen.keys('Tab');
        }
    }
    screen.keys('7');
    await screen.wait(/center-month/);
    screen.type(':limit history center-month');
    screen.keys('Enter');
    await screen.wait(/> center-month/);
    await find(screen, 'group:sales', 'Groups');
    screen.keys('q');
    assert.equal(await screen.exit(), 0);
});

test('n and N move among the rows that pass, round and round', async (t) => {
    const socket = await pretend(t, '--quiet', '--rows', '30');
    const screen = Terminal.start(t, ['--socket', socket], { columns: 80, rows: 24 });
    await screen.wait(/LIVE/);
    screen.keys('4');
    await screen.wait(/Applications/);
    screen.keys('n');
    await screen.wait(/No filter is set here; \/ sets one/);
    screen.type(':sort APPLICATION');
    screen.keys('Enter');
    await screen.wait(/APPLICATION↑/);
    screen.type('/app-02');
    screen.keys('Enter', 'g');
    await screen.wait(/10 of 34, filter app-02/);
    const selected = async (name) => {
        screen.keys('d');
        await screen.wait(new RegExp(`Applications: ${name}`));
        screen.keys('Escape');
        await screen.gone(/Applications: /);
    };
    await selected('app-020');
    screen.keys('n', 'n');
    await selected('app-022');
    screen.keys('N', 'N', 'N');
    await selected('app-029');
    screen.keys('n');
    await selected('app-020');
    screen.type(':next match');
    screen.keys('Enter');
    await selected('app-021');
    screen.keys('q');
    assert.equal(await screen.exit(), 0);
});
