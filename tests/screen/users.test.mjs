// Several people at one core, each by the user the kernel says they are: who is seen, who may what, who changed it.
// Other users' clients can only be started by root; nobody and daemon are on every Debian.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { promisify } from 'node:util';

import { binary, configuration, Core, Simulation } from '../lib/harness.mjs';
import { leave, Terminal } from '../lib/terminal.mjs';

const run = promisify(execFile);
const as = (user, group) => ['setpriv', '--reuid', user, '--regid', group, '--clear-groups'];
const VIEWER = as('nobody', 'nogroup');
const OPERATOR = as('daemon', 'daemon');
const STRANGER = as('games', 'games');

function missing() {
    if (process.getuid() !== 0) {
        return 'only root can start programs of other users';
    }
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tollgate-users-'));
    fs.chmodSync(dir, 0o755);
    const [program, ...words] = VIEWER;
    const reaches = spawnSync(program, [...words, 'test', '-x', binary, '-a', '-x', dir]).status === 0;
    fs.rmdirSync(dir);
    return reaches ? false : 'setpriv is missing, or other users do not reach the program or the temporary folder';
}

async function begin(t) {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, {
        control: { operators: ['daemon'], viewers: ['nogroup'] },
        limits: [{ name: 'haiku-day', model: 'claude-3-5-haiku', tokens: '100k', window: 'day' }],
    }));
    fs.chmodSync(core.dir, 0o711);
    const socket = path.join(core.stateDir, 'control.sock');
    const dashboard = (user) => {
        const home = fs.mkdtempSync(path.join(os.tmpdir(), 'tollgate-home-'));
        fs.chmodSync(home, 0o777);
        t.after(() => fs.rmSync(home, { recursive: true, force: true }));
        return Terminal.start(t, ['--socket', socket], { columns: 140, inside: user, env: { HOME: home, XDG_CONFIG_HOME: home } });
    };
    const command = async ([program, ...words], ...args) =>
        run(program, [...words, binary, ...args, '--socket', socket], { env: { PATH: process.env.PATH } }).catch((e) => e);
    return { dashboard, command };
}

test('each sees by name who else is there; a viewer may look and is told why no more, here and in the core', { skip: missing() }, async (t) => {
    const { dashboard, command } = await begin(t);
    const mine = dashboard([]);
    await mine.wait(/LIVE/);
    const theirs = dashboard(VIEWER);
    await theirs.wait(/READ-ONLY: viewer +with root/);
    await mine.wait(/LIVE +with nobody/);
    for (const key of ['+', '=', 'b', 'u']) {
        theirs.keys('Escape', '7', key);
        await theirs.wait(/Read-only: nobody is a viewer of this core; control.operators may change it/);
    }
    const refused = await command(VIEWER, 'limit', 'set', 'haiku-day', 'tokens=5k');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /limit\.set is for operators; nobody is a viewer here/);
    const listed = await command(VIEWER, 'limit', 'list');
    assert.match(listed.stdout, /haiku-day +.*100,000|haiku-day +.*100k/);
    await leave(theirs);
    await mine.gone(/with nobody/);
    await leave(mine);
});

test('what an operator changes stands at once on the screens of the others, with their name', { skip: missing() }, async (t) => {
    const { dashboard, command } = await begin(t);
    const mine = dashboard([]);
    const theirs = dashboard(OPERATOR);
    await theirs.wait(/LIVE +with root/);
    assert.doesNotMatch(theirs.show(), /READ-ONLY/);
    mine.keys('7');
    await mine.wait(/haiku-day .*100k/);
    theirs.keys('7');
    await theirs.wait(/haiku-day .*100k/);
    theirs.keys('-', 'Enter');
    await theirs.wait(/Apply: haiku-day/);
    theirs.type('runs away');
    theirs.keys('Enter');
    await mine.wait(/daemon: limit\.set haiku-day/);
    await mine.wait(/haiku-day .*90k.* by daemon/);
    await theirs.wait(/haiku-day .*90k.* by you/);
    mine.keys('Enter');
    await mine.wait(/Changed +by daemon [^]*runs away/);
    await mine.wait(/\(all calls\) +90k\/day .* by daemon/);
    await mine.wait(/daemon +limit\.set +100,000 -> 90,000 +.*runs away/);
    const undone = await command([...as('root', 'root')], 'limit', 'undo');
    assert.equal(undone.code, 1, 'only their own change is undone');
    assert.match(undone.stderr, /no change of root's/);
    await leave(mine);
    await leave(theirs);
});

test('who is neither operator nor viewer is told so, and sees nothing', { skip: missing() }, async (t) => {
    const { dashboard, command } = await begin(t);
    const screen = dashboard(STRANGER);
    await screen.wait(/this user is neither operator nor viewer of this core/);
    assert.doesNotMatch(screen.show(), /haiku-day|LIVE/);
    const refused = await command(STRANGER, 'status');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /neither operator nor viewer/);
    await leave(screen);
});
