// A program in a real terminal: a tmux server of its own, keys in, screen out.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { binary, until } from './harness.mjs';

const WAIT_MS = 40000;

export class Terminal {
    static #count = 0;

    // Starts `tollgate ARGS` in a terminal of that size. Ends with the test. `without`: not in its environment; `inside`: the words
    // of another program that runs it; `ground`: the colour it says its ground has.
    static start(t, args, { columns = 100, rows = 30, env = {}, term = 'tmux-256color', without = [], inside = [], ground } = {}) {
        const self = new Terminal();
        self.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tollgate-screen-'));
        self.socket = path.join(self.dir, `s${Terminal.#count++}`);
        t.after(() => self.stop());
        // Nobody's own settings are read or written.
        const words = Object.entries({ XDG_CONFIG_HOME: path.join(self.dir, 'config'), ...env }).map(([k, v]) => `${k}=${v}`);
        const under = process.env.TOLLGATE_UNDER?.split(' ') ?? []; // such as valgrind with its options
        const none = ['NO_COLOR', ...without].flatMap((name) => ['-u', name]);
        const command = ['env', ...none, ...words, ...inside, ...under, binary, ...args].map((w) => `'${w.replaceAll("'", `'\\''`)}'`).join(' ');
        self.#tmux('start-server', ';', 'set', '-g', 'default-terminal', term, ';', 'set', '-g', 'remain-on-exit', 'on', ';',
            'set', '-g', 'status', 'off', ';', 'set', '-g', 'escape-time', '0', ';',
            ...(ground ? ['set', '-g', 'window-style', `bg=${ground}`, ';'] : []),
            'new-session', '-d', '-s', 'main', '-x', String(columns), '-y', String(rows), `stty -g >'${self.dir}/before'; ${command}; s=$?; stty -g >'${self.dir}/after'; echo $s >'${self.dir}/status'`);
        return self;
    }

    #tmux(...args) {
        const p = spawnSync('tmux', ['-u', '-f', '/dev/null', '-S', this.socket, ...args],
            { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C.UTF-8' }, timeout: 30000 });
        if (p.error || p.status !== 0) {
            throw new Error(`tmux ${args[0]}: ${p.error ?? p.stderr}`);
        }
        return p.stdout;
    }

    keys(...keys) {
        this.#tmux('send-keys', '-t', 'main', ...keys);
    }

    type(text) {
        this.#tmux('send-keys', '-l', '-t', 'main', '--', text);
    }

    // A click (button 0) or the wheel (64 up, 65 down) at a column and row, counted from 1.
    mouse(column, row, button = 0) {
        this.type(`\x1b[<${button};${column};${row}M\x1b[<${button};${column};${row}m`);
    }

    // Clicks on the first place where the text stands.
    click(text) {
        const lines = this.show().split('\n');
        const row = lines.findIndex((line) => line.includes(text));
        if (row < 0) {
            throw new Error(`"${text}" is not on the screen:\n${lines.join('\n')}`);
        }
        this.mouse(lines[row].indexOf(text) + 1, row + 1);
    }

    // From now on all that is written to the terminal is kept; what it is so far.
    record() {
        const file = path.join(this.dir, 'written');
        this.#tmux('pipe-pane', '-t', 'main', `cat >'${file}'`);
        return () => (fs.existsSync(file) ? fs.readFileSync(file, 'latin1') : '');
    }

    show() {
        return this.#tmux('capture-pane', '-p', '-t', 'main');
    }

    // With the attributes and colours as escape sequences.
    paint() {
        return this.#tmux('capture-pane', '-e', '-p', '-t', 'main');
    }

    resize(columns, rows) {
        this.#tmux('resize-window', '-t', 'main', '-x', String(columns), '-y', String(rows));
    }

    // Until the screen matches; the screen is in the error when it never does.
    async wait(pattern, within = WAIT_MS) {
        try {
            return await until(`the screen to match ${pattern}`, () => this.show().match(pattern), within);
        } catch (e) {
            throw new Error(`${e.message}; it shows:\n${this.show()}`);
        }
    }

    async gone(pattern, within = WAIT_MS) {
        try {
            await until(`the screen to lose ${pattern}`, () => !this.show().match(pattern), within);
        } catch (e) {
            throw new Error(`${e.message}; it shows:\n${this.show()}`);
        }
    }

    // The program itself, not the shell around it.
    get pid() {
        const shell = this.flag('pane_pid');
        const [child] = fs.readFileSync(`/proc/${shell}/task/${shell}/children`, 'utf8').trim().split(' ');
        return Number(child);
    }

    // After its end: what it left behind in the terminal; nothing is best.
    left() {
        const read = (name) => fs.readFileSync(path.join(this.dir, name), 'utf8');
        return { ...(read('before') === read('after') ? {} : { settings: read('after') }),
            ...Object.fromEntries(Object.entries({ alternate_on: '0', mouse_any_flag: '0', keypad_flag: '0' })
                .map(([name, want]) => [name, this.flag(name), want]).filter(([, is, want]) => is !== want).map(([name, is]) => [name, is])) };
    }

    // What tmux knows of the terminal, such as mouse_any_flag.
    flag(name) {
        return this.#tmux('display', '-p', '-t', 'main', `#{${name}}`).trim();
    }

    get ended() {
        return this.#tmux('display', '-p', '-t', 'main', '#{pane_dead}').trim() === '1';
    }

    // The exit status, once the program has ended.
    async exit(within = WAIT_MS) {
        const file = path.join(this.dir, 'status');
        try {
            return await until('the program to end', () => fs.existsSync(file) && fs.readFileSync(file, 'utf8').match(/^\d+\n/)?.[0], within)
                .then(Number);
        } catch (e) {
            throw new Error(`${e.message}; it shows:\n${this.show()}`);
        }
    }

    stop() {
        spawnSync('tmux', ['-S', this.socket, 'kill-server'], { timeout: 30000 });
        fs.rmSync(this.dir, { recursive: true, force: true });
    }
}

// Types a line behind the colon.
export function command(screen, line) {
    screen.type(`:${line}`);
    screen.keys('Enter');
}

export async function leave(screen) {
    screen.keys('q');
    assert.equal(await screen.exit(), 0);
}
