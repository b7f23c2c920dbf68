// Starts the built program from outside: a simulated AWS, a core on a state directory of its own, sub-commands.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Control } from './control.mjs';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const binary = path.resolve(process.env.TOLLGATE ?? path.join(root, 'build/tollgate'));

const START_MS = 40000;
const STOP_MS = 40000;
const COMMAND_MS = 40000;

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Asks until `condition` gives something true, which is returned; throws when the time is over.
export async function until(what, condition, within = 30000) {
    const deadline = Date.now() + within;
    for (;;) {
        const value = await condition();
        if (value) {
            return value;
        }
        if (Date.now() > deadline) {
            throw new Error(`not within ${within} ms: ${what}`);
        }
        await pause(10);
    }
}

// At most `parallel` at once; results in order.
export async function inParallel(items, parallel, fn) {
    const results = new Array(items.length);
    let next = 0;
    const run = async () => {
        while (next < items.length) {
            const at = next++;
            results[at] = await fn(items[at], at);
        }
    };
    await Promise.all(Array.from({ length: Math.min(parallel, items.length) }, run));
    return results;
}

// The same numbers in every run.
export function seeded(seed) {
    return () => {
        seed = (seed + 0x6d2b79f5) | 0;
        let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

// --- processes ---

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

// Nothing of this machine's settings reaches the program but what a test gives.
function environment(home, more) {
    const kept = ['PATH', 'LANG', 'ASAN_OPTIONS', 'UBSAN_OPTIONS', 'TSAN_OPTIONS', 'LSAN_OPTIONS'];
    const env = Object.fromEntries(kept.filter((k) => k in process.env).map((k) => [k, process.env[k]]));
    return { ...env, HOME: home, XDG_STATE_HOME: path.join(home, 'state-home'), ...more };
}

export function launch(args, { home = os.tmpdir(), env, cwd } = {}) {
    const child = spawn(binary, args, { env: environment(home, env), cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    const self = { child, pid: child.pid, stdout: '', stderr: '', status: undefined };
    running.add(child);
    child.stdout.setEncoding('utf8').on('data', (text) => (self.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (self.stderr = (self.stderr + text).slice(-200000)));
    self.ended = new Promise((resolve) => {
        child.on('error', (e) => {
            self.status = -1;
            self.stderr += String(e);
            resolve(self);
        });
        child.on('close', (code, signal) => {
            running.delete(child);
            self.status = signal ?? code;
            resolve(self);
        });
    });
    return self;
}

// Waits for the end, with a deadline after which the process is killed. Returns its status.
async function ending(process_, within, what) {
    const timer = setTimeout(() => process_.child.kill('SIGKILL'), within);
    await process_.ended;
    clearTimeout(timer);
    if (process_.status === 'SIGKILL') {
        throw new Error(`${what} did not end within ${within} ms\n${process_.stderr.slice(-2000)}`);
    }
    return process_.status;
}

// A sanitizer build tells on stderr what it found.
function assertClean(process_, what) {
    const found = /^.*(?:Sanitizer:|: runtime error:)[^]*/m.exec(process_?.stderr ?? '');
    assert.equal(found, null, `${what}: ${found?.[0].slice(0, 4000)}`);
}

export function temporaryDirectory(t) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'tollgate-test-'));
    fs.chmodSync(dir, 0o755);
    t?.after(() => fs.rmSync(dir, { recursive: true, force: true }));
    return dir;
}

// A certificate of localhost that vouches for itself, as `listen:` has it: {certificate, private_key}.
export function selfSigned(t) {
    const dir = temporaryDirectory(t);
    const files = { certificate: path.join(dir, 'tls.crt'), private_key: path.join(dir, 'tls.key') };
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
        '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
        '-keyout', files.private_key, '-out', files.certificate], { stdio: 'pipe' });
    return files;
}

// Runs a command to its end: {status, stdout, stderr}.
export async function run(args, { home = os.tmpdir(), env = {}, cwd, within = COMMAND_MS } = {}) {
    const p = launch(args, { home, env, cwd });
    await ending(p, within, `tollgate ${args.join(' ')}`);
    return { status: p.status, stdout: p.stdout, stderr: p.stderr };
}

// --- the simulated AWS ---

export class Simulation {
    static async start(t, { latencyMs = 0, tokenDelayUs = 0, portBase } = {}) {
        const self = new Simulation();
        const args = ['sim', '--json', '--latency-ms', String(latencyMs), '--token-delay-us', String(tokenDelayUs)];
        self.process = launch(portBase ? [...args, '--port-base', String(portBase)] : args, { home: os.tmpdir() });
        t.after(() => self.stop());
        await until('the simulation to start', () => self.process.stdout.includes('\n') || self.process.status !== undefined, START_MS);
        assert.equal(self.process.status, undefined, `the simulation ended: ${self.process.stderr}`);
        Object.assign(self, JSON.parse(self.process.stdout));
        self.url = self.endpoints['bedrock-runtime'];
        return self;
    }

    get credentials() {
        return { AWS_ACCESS_KEY_ID: this.accessKeyId, AWS_SECRET_ACCESS_KEY: this.secretAccessKey };
    }

    async ledger() {
        const answer = await fetch(`${this.url}/_sim/ledger`, { signal: AbortSignal.timeout(10000) });
        return answer.json();
    }

    // The count once no call runs any more.
    async settled() {
        let ledger;
        await until('the simulation to end every call', async () => (ledger = await this.ledger()).running === 0);
        return ledger;
    }

    async turn(knobs) {
        const answer = await fetch(`${this.url}/_sim/config`, { method: 'POST', body: JSON.stringify(knobs) });
        assert.equal(answer.status, 200, await answer.text());
    }

    async stop() {
        if (this.process.status === undefined) {
            this.process.child.kill('SIGTERM');
            await ending(this.process, STOP_MS, 'the simulation');
        }
        assertClean(this.process, 'the simulation');
    }
}

// --- the core ---

export const MODELS = [
    { name: 'claude-3-5-haiku', id: 'us.anthropic.claude-3-5-haiku-20241022-v1:0' },
    { name: 'nova-lite', id: 'amazon.nova-lite-v1:0' },
    { name: 'nova-micro', id: 'amazon.nova-micro-v1:0' },
];

// No test asks the real AWS who it is.
const NOBODY = 'http://127.0.0.1:9';

export function configuration(sim, { endpoints = sim?.endpoints ?? { 'bedrock-runtime': NOBODY }, ...more } = {}) {
    return {
        listen: [{ address: '127.0.0.1:0' }],
        region: 'us-east-1',
        endpoints: { sts: NOBODY, ...endpoints },
        poll: { cloudwatch: 'off', cost_explorer: 'off', budgets: 'off', profiles: 'off' },
        estimate: 'bytes',
        models: MODELS,
        ...more,
    };
}

// A core on a directory of its own. `settings` is the configuration (an object; JSON is YAML) or the file's text.
export class Core {
    static async start(t, sim, settings = configuration(sim), options = {}) {
        const self = Core.prepare(t, sim, settings, options);
        await self.start();
        return self;
    }

    // The same, not started yet.
    static prepare(t, sim, settings = configuration(sim), { env = {}, stateDir } = {}) {
        const self = new Core();
        self.processes = [];
        self.dir = temporaryDirectory();
        self.stateDir = stateDir ?? path.join(self.dir, 'state');
        self.config = path.join(self.dir, 'tollgate.yaml');
        self.env = { ...(sim?.credentials ?? { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'example' }), ...env };
        self.write(settings);
        t.after(async () => {
            await self.stop({ quietly: true });
            fs.rmSync(self.dir, { recursive: true, force: true });
            self.processes.forEach((p) => assertClean(p, 'the core'));
        });
        return self;
    }

    write(settings) {
        const text = typeof settings === 'string' ? settings : JSON.stringify({ state_dir: this.stateDir, ...settings }, null, 1);
        fs.writeFileSync(this.config, text);
        this.settings = settings;
    }

    spawn(args = []) {
        this.process = launch(['serve', '--config', this.config, ...args], { home: this.dir, env: this.env });
        this.processes.push(this.process);
        return this.process;
    }

    async start(args = []) {
        const p = this.spawn(args);
        const listeners = typeof this.settings === 'object' ? this.settings.listen.length : 1;
        const ready = () => p.stdout.match(/^ready \S+$/gm) ?? [];
        await until('the core to be ready', () => ready().length >= listeners || p.status !== undefined, START_MS);
        assert.equal(p.status, undefined, `the core ended with ${p.status}: ${p.stderr}`);
        this.urls = ready().map((line) => line.slice('ready '.length));
        this.url = this.urls[0];
    }

    get running() {
        return this.process !== undefined && this.process.status === undefined;
    }

    signal(name) {
        this.process.child.kill(name);
    }

    // Ends it as a service manager would and returns its exit status.
    async stop({ quietly = false } = {}) {
        if (!this.running) {
            return this.process?.status;
        }
        this.signal('SIGTERM');
        if (quietly) {
            const timer = setTimeout(() => this.signal('SIGTERM'), 1000); // a second one cuts what runs
            const last = setTimeout(() => this.signal('SIGKILL'), 5000);
            await this.process.ended;
            clearTimeout(timer);
            clearTimeout(last);
            return this.process.status;
        }
        return ending(this.process, STOP_MS, 'the core');
    }

    async kill() {
        this.signal('SIGKILL');
        await this.process.ended;
    }

    run(...args) {
        return run([...args, '--config', this.config], { home: this.dir, env: this.env });
    }

    // A sub-command that must succeed: its --json.
    async json(...args) {
        const { status, stdout, stderr } = await this.run(...args, '--json');
        assert.equal(status, 0, `tollgate ${args.join(' ')}: ${stderr}${stdout}`);
        return JSON.parse(stdout);
    }

    async jsonLines(...args) {
        const { status, stdout, stderr } = await this.run(...args, '--json');
        assert.equal(status, 0, `tollgate ${args.join(' ')}: ${stderr}${stdout}`);
        return stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
    }

    key(application = 'app', costCenter = 'sales', ...more) {
        return this.json('key', 'add', '--application', application, '--cost-center', costCenter, ...more);
    }

    async limit(name) {
        const { limits } = await this.json('limit', 'list');
        const found = limits.find((l) => l.name === name);
        assert.ok(found, `no limit ${name}`);
        return found;
    }

    control() {
        return Control.greeted(this.stateDir);
    }

    async calls(...filter) {
        return (await this.jsonLines('audit', ...filter)).filter((line) => line.type === 'call');
    }
}

// Nothing is held for calls that have ended, and the core's own check agrees.
export async function assertNothingReserved(core) {
    const status = await core.json('status');
    assert.equal(status.health.reserved_matches, true, 'health.reserved_matches');
    assert.equal(status.totals.open, 0, 'open calls');
    for (const limit of status.limits) {
        assert.equal(limit.reserved, 0, `reserved of ${limit.name}`);
        for (const group of limit.groups) {
            assert.equal(group.reserved, 0, `reserved of ${limit.name} ${JSON.stringify(group.group)}`);
        }
    }
    return status;
}
