// What Tab does in bash and zsh, in a shell in a terminal, beside a core whose limits it names.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

import { binary, configuration, Core, root, Simulation } from '../lib/harness.mjs';
import { Terminal } from '../lib/terminal.mjs';

const scripts = path.join(root, 'tui/completion');
const SHELLS = {
    bash: { file: 'rc', lines: [`source '${scripts}/tollgate.bash'`, "PS1='ready> '"], words: (dir) => ['bash', '--noprofile', '--rcfile', path.join(dir, 'rc'), '-i'] },
    zsh: { file: '.zshrc', lines: [`fpath=('${scripts}' $fpath)`, 'autoload -Uz compinit', 'compinit -u -D', "PS1='ready> '"], words: () => ['zsh', '-i'] },
};

async function begin(t, shell) {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, {
        limits: [{ name: 'haiku-minute', tokens: '100k', window: '1m' }, { name: 'nova-day', requests: 10, window: 'day' }],
    }));
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tollgate-shell-'));
    t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
    const { file, lines, words } = SHELLS[shell];
    fs.writeFileSync(path.join(dir, file), `${lines.join('\n')}\n`);
    fs.symlinkSync(binary, path.join(dir, 'tollgate'));
    const command = words(dir).map((word) => `'${word}'`).join(' ');
    const screen = Terminal.start(t, [], {
        inside: ['sh', '-c', `exec ${command}`],
        columns: 180,
        env: { ZDOTDIR: dir, HOME: dir, PATH: `${dir}:${process.env.PATH}`, LC_ALL: 'C.UTF-8' },
    });
    await screen.wait(/^ready>$/m);
    // Types the beginning of a line, presses Tab, and waits for what must come of it; bash lists what is ambiguous at the second one.
    const completes = async (typed, pattern, tabs = ['Tab']) => {
        screen.keys('C-u', 'C-l');
        await screen.wait(/^ready>\s*$/);
        screen.type(typed);
        await screen.wait(new RegExp(`ready> ${typed.trimEnd().replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')} *$`, 'm'));
        screen.keys(...tabs);
        await screen.wait(pattern);
    };
    return { screen, completes, core };
}

for (const shell of Object.keys(SHELLS)) {
    const there = spawnSync(shell, ['-c', 'true']).status === 0;
    test(`${shell} completes sub-commands, their words, options and the limits of the core`, { skip: !there && `${shell} is not installed` }, async (t) => {
        const { screen, completes, core } = await begin(t, shell);
        await completes('tollgate ', /limit[^]*serve|serve[^]*limit/, ['Tab', 'Tab']);
        await completes('tollgate li', /ready> tollgate limit *$/m);
        await completes('tollgate limit un', /unblock +undo/, ['Tab', 'Tab']);
        await completes('tollgate aws anom', /ready> tollgate aws anomalies *$/m);
        await completes('tollgate aws budgets cr', /ready> tollgate aws budgets create *$/m);
        await completes('tollgate --th', /ready> tollgate --theme *$/m);
        await completes('tollgate --theme high', /ready> tollgate --theme high-contrast *$/m);
        await completes('tollgate key add --appl', /ready> tollgate key add --application *$/m);
        await completes('tollgate usage --cs', /ready> tollgate usage --csv *$/m);
        await completes(`tollgate --config ${core.config} limit set hai`, /limit set haiku-minute *$/m);
        await completes(`tollgate --config ${core.config} limit block nova-day --reas`, /nova-day --reason *$/m);
        await completes('tollgate limit block --al', /ready> tollgate limit block --all *$/m);
        screen.keys('C-u');
        screen.type('exit\n');
        await screen.exit();
    });
}
