// rig.mjs: starts, pins, watches and ends the programs of a measurement.
import {spawn, execFileSync} from 'node:child_process';
import {readFileSync, readdirSync, writeFileSync, mkdtempSync, rmSync, mkdirSync} from 'node:fs';
import {once} from 'node:events';
import {createServer, connect} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

export const OUT = process.env.BENCH_OUT;
export const dir = mkdtempSync(join(tmpdir(), 'tollgate-bench-'));
const running = new Set();

export const sleep = ms => new Promise(done => setTimeout(done, ms));

// The processors this process may use; the first is the proxy's, the second the load's.
function allowedCores() {
    const list = readFileSync('/proc/self/status', 'utf8').match(/Cpus_allowed_list:\s*(\S+)/)[1];
    return list.split(',').flatMap(part => {
        const [from, to = from] = part.split('-').map(Number);
        return Array.from({length: to - from + 1}, (_, i) => from + i);
    });
}
export const cores = allowedCores();
export const proxyCore = cores[0];
export const loadCore = cores[1] ?? cores[0];

export function start(name, core, command, args, options = {}) {
    const child = spawn('taskset', ['-c', String(core), command, ...args],
        {stdio: ['ignore', 'pipe', 'pipe'], ...options});
    const p = {name, child, pid: child.pid, out: '', err: '', ended: false};
    child.stdout.on('data', d => { p.out += d; });
    child.stderr.on('data', d => { p.err = (p.err + d).slice(-4000); });
    p.exit = once(child, 'exit').then(([code, signal]) => { p.ended = true; running.delete(p); return code ?? signal; });
    running.add(p);
    return p;
}

export async function until(p, what, condition, seconds = 10) {
    const end = Date.now() + seconds * 1000;
    for (;;) {
        const v = await condition();
        if (v) return v;
        if (p.ended) throw new Error(`${p.name} ended before ${what}: ${p.err || p.out}`);
        if (Date.now() > end) throw new Error(`${p.name}: ${what} did not come within ${seconds} s: ${p.err}`);
        await sleep(2);
    }
}

export async function stop(p) {
    if (p.ended) return;
    p.child.kill('SIGTERM');
    const timer = setTimeout(() => p.child.kill('SIGKILL'), 3000);
    await p.exit;
    clearTimeout(timer);
}

export async function cleanUp() {
    await Promise.all([...running].map(stop));
    rmSync(dir, {recursive: true, force: true});
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => cleanUp().then(() => process.exit(1)));
}

// CPU time of a process in microseconds, all its threads; exact where the kernel counts it.
export function cpuUs(pid) {
    let sum = 0;
    try {
        for (const task of readdirSync(`/proc/${pid}/task`)) {
            sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]) / 1000;
        }
    } catch { sum = 0; }
    if (sum > 0) return sum;
    const f = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /, '').split(' ');
    return (Number(f[11]) + Number(f[12])) * 10000;
}

export function rssKb(pid) {
    return Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s*(\d+)/)[1]);
}

// Memory of its own alone: without the files it has mapped.
export function anonymousKb(pid) {
    return Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/RssAnon:\s*(\d+)/)[1]);
}

// Busy time of the given processors in microseconds.
export function busyUs(list) {
    const text = readFileSync('/proc/stat', 'utf8');
    return [...new Set(list)].reduce((sum, core) => {
        const f = text.match(new RegExp(`^cpu${core} (.*)$`, 'm'))[1].trim().split(' ').map(Number);
        return sum + (f[0] + f[1] + f[2] + f[5] + f[6] + f[7]) * 10000;
    }, 0);
}

export async function freePort() {
    const s = createServer().listen(0, '127.0.0.1');
    await once(s, 'listening');
    const {port} = s.address();
    s.close();
    await once(s, 'close');
    return port;
}

function connects(port) {
    return new Promise(done => {
        const s = connect(port, '127.0.0.1');
        s.on('connect', () => { s.destroy(); done(true); });
        s.on('error', () => done(false));
    });
}

export function file(name, text) {
    const path = join(dir, name);
    writeFileSync(path, text);
    return path;
}

// --- the mock upstream ---

export async function startUpstream(seconds, core = loadCore) {
    const p = start('upstream', core, join(OUT, 'upstream'), [String(seconds)]);
    p.port = Number(await until(p, 'its port', () => p.out.includes('\n') && p.out.trim()));
    p.set = async (events, gap) => (await fetch(`http://127.0.0.1:${p.port}/_set/${events}/${gap}`)).json();
    p.answered = async () => (await (await fetch(`http://127.0.0.1:${p.port}/_count`)).json()).answered;
    return p;
}

// --- the proxies ---

const environment = {
    PATH: process.env.PATH, HOME: dir, LC_ALL: 'C',
    AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE', AWS_SECRET_ACCESS_KEY: 'not-a-secret', AWS_EC2_METADATA_DISABLED: 'true',
};

// A certificate of localhost, made once a run: {certificate, key, both}.
let certificate;
function tlsFiles() {
    if (certificate) return certificate;
    certificate = {certificate: join(dir, 'tls.crt'), key: join(dir, 'tls.key')};
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
        '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
        '-keyout', certificate.key, '-out', certificate.certificate], {stdio: 'ignore', timeout: 20000});
    certificate.both = file('tls.pem', readFileSync(certificate.certificate, 'utf8') + readFileSync(certificate.key, 'utf8'));
    return certificate;
}

// Three limits that match every call and deny none; identity by key; the ledger on. It listens with and
// without TLS. tlsUpstream: the upstream speaks TLS.
function tollgateConfig(upstreamPort, name, tlsUpstream) {
    const state = join(dir, name), tls = tlsFiles();
    mkdirSync(state, {recursive: true, mode: 0o711});
    const endpoint = tlsUpstream ? `https://localhost:${upstreamPort}` : `http://127.0.0.1:${upstreamPort}`;
    return file(`${name}.yaml`, `
listen:
  - {address: "127.0.0.1:0"}
  - {address: "127.0.0.1:0", certificate: ${tls.certificate}, private_key: ${tls.key}}
identity: required
region: us-east-1
state_dir: ${state}
endpoints: {bedrock-runtime: "${endpoint}", sts: "http://127.0.0.1:9"}
estimate: bytes
poll: {cloudwatch: off, cost_explorer: off, budgets: off, profiles: off}
upstream: {max_connections: 16000${tlsUpstream ? `, ca_file: ${tls.certificate}` : ''}}
models:
  - {name: nova-lite, id: "amazon.nova-lite-v1:0"}
limits:
  - {name: minute, model: nova-lite, per: [costCenter], tokens: 1000000M, window: 1m}
  - {name: hour, per: [applicationId], requests: 1000000M, window: 1h}
  - {name: day, usd: 1000000000, window: day}
`);
}

export function tollgateKey(config) {
    const text = execFileSync(process.env.TOLLGATE,
        ['--config', config, 'key', 'add', '--application', 'bench', '--cost-center', 'sales', '--json'],
        {env: environment, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 10000});
    return JSON.parse(text).bearerToken;
}

export function tollgateStatus(config) {
    const text = execFileSync(process.env.TOLLGATE, ['--config', config, 'status', '--json'],
        {env: environment, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 10000});
    return JSON.parse(text);
}

export const starters = {
    async tollgate(upstreamPort, core = proxyCore, state = 'tollgate', {tlsUpstream} = {}) {
        const config = tollgateConfig(upstreamPort, state, tlsUpstream);
        const began = process.hrtime.bigint();
        const p = start('tollgate', core, process.env.TOLLGATE, ['serve', '--config', config, '--workers', '1'],
            {env: environment});
        p.port = Number((await until(p, 'ready', () => p.out.match(/ready http:\/\/[^:]+:(\d+)\n/)))[1]);
        p.h2Port = p.port;
        p.tlsPort = Number((await until(p, 'ready', () => p.out.match(/ready https:\/\/[^:]+:(\d+)\n/)))[1]);
        p.readyMs = Number(process.hrtime.bigint() - began) / 1e6;
        p.config = config;
        return p;
    },
    async haproxy(upstreamPort, core = proxyCore) {
        const [port, tlsPort, h2Port] = [await freePort(), await freePort(), await freePort()];
        const config = file('haproxy.cfg', `
global
    nbthread 1
    maxconn 9000
defaults
    mode http
    option http-no-delay
    http-reuse always
    timeout connect 5s
    timeout client 300s
    timeout server 300s
frontend in
    bind 127.0.0.1:${port}
    bind 127.0.0.1:${h2Port} proto h2
    bind 127.0.0.1:${tlsPort} ssl crt ${tlsFiles().both}
    default_backend bedrock
backend bedrock
    server mock 127.0.0.1:${upstreamPort}
`);
        const began = process.hrtime.bigint();
        const p = start('haproxy', core, 'haproxy', ['-db', '-f', config]);
        Object.assign(p, {port, tlsPort, h2Port});
        await until(p, 'ready', () => connects(port));
        p.readyMs = Number(process.hrtime.bigint() - began) / 1e6;
        return p;
    },
    async nginx(upstreamPort, core = proxyCore) {
        const [port, tlsPort, h2Port] = [await freePort(), await freePort(), await freePort()];
        const at = join(dir, 'nginx'), tls = tlsFiles();
        mkdirSync(at, {recursive: true});
        const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
            .map(n => `${n}_temp_path ${at}/${n};`).join(' ');
        const config = file('nginx.conf', `
daemon off; master_process off; worker_processes 1; worker_rlimit_nofile 20000;
pid ${at}/pid; error_log ${at}/error.log error;
events { worker_connections 18000; }
http {
    access_log off; ${temporary}
    tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 300s;
    client_max_body_size 32m; client_body_buffer_size 128k;
    upstream bedrock { server 127.0.0.1:${upstreamPort}; keepalive 512; keepalive_requests 1000000000; }
    server {
        listen 127.0.0.1:${port} backlog=4096;
        listen 127.0.0.1:${h2Port} http2;
        listen 127.0.0.1:${tlsPort} ssl;
        ssl_certificate ${tls.certificate}; ssl_certificate_key ${tls.key};
        location / {
            proxy_pass http://bedrock; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_buffering off; proxy_read_timeout 300s;
        }
    }
}
`);
        const began = process.hrtime.bigint();
        const p = start('nginx', core, 'nginx', ['-p', at, '-c', config]);
        Object.assign(p, {port, tlsPort, h2Port});
        await until(p, 'ready', () => connects(port));
        p.readyMs = Number(process.hrtime.bigint() - began) / 1e6;
        return p;
    },
};

// haproxy in front of the mock upstream, for TLS.
export async function startTlsUpstream(upstreamPort, core = loadCore) {
    const port = await freePort();
    const config = file('tls-upstream.cfg', `
global
    nbthread 1
    maxconn 9000
defaults
    mode http
    option http-no-delay
    timeout connect 5s
    timeout client 300s
    timeout server 300s
frontend in
    bind 127.0.0.1:${port} ssl crt ${tlsFiles().both}
    default_backend mock
backend mock
    server mock 127.0.0.1:${upstreamPort}
`);
    const p = start('TLS upstream', core, 'haproxy', ['-db', '-f', config]);
    p.port = port;
    await until(p, 'ready', () => connects(port));
    return p;
}

// Runs one of our own helpers to its end; its JSON.
export function helper(name, ...args) {
    return JSON.parse(execFileSync(join(OUT, name), args.map(String), {encoding: 'utf8', timeout: 120000}));
}

// Milliseconds that a command of tollgate takes, started anew.
export function commandMs(config, ...args) {
    const began = process.hrtime.bigint();
    execFileSync(process.env.TOLLGATE, ['--config', config, ...args],
        {env: environment, stdio: ['ignore', 'ignore', 'pipe'], timeout: 60000, maxBuffer: 1 << 30});
    return Number(process.hrtime.bigint() - began) / 1e6;
}

export const stateConfig = (upstreamPort, name) => tollgateConfig(upstreamPort, name);

// --- the load ---

// Runs the load client against `target` ({name, port, pid?}); the answer is its JSON with the proxy's CPU
// time, and the share of both processors that neither it, the proxy nor the upstream used.
export async function load(args, target, upstream, {core = loadCore, seconds = 60, onOpen, client = 'load'} = {}) {
    const pids = [target.pid, upstream.pid].filter(Boolean);
    const p = start('load', core, join(OUT, client), args);
    const timer = setTimeout(() => p.child.kill('SIGKILL'), seconds * 1000);
    const before = pids.map(cpuUs), busy = busyUs(cores.slice(0, 2)), began = performance.now();
    if (onOpen) {
        await until(p, 'all streams open', () => p.out.includes('open\n'), seconds);
        await onOpen();
    }
    const status = await p.exit;
    clearTimeout(timer);
    const took = (performance.now() - began) * 1000, after = pids.map(cpuUs);
    if (status !== 0) throw new Error(`load ${args.join(' ')} on ${target.name}: ${status}: ${p.err}`);
    const r = JSON.parse(p.out.trim().split('\n').pop());
    r.proxyUs = target.pid ? after[0] - before[0] : 0;
    const ours = after.reduce((s, v, i) => s + v - before[i], 0) + r.cpu_us;
    r.foreign = Math.max(0, (busyUs(cores.slice(0, 2)) - busy - ours) / took);
    return r;
}

// wrk over TLS; {rps, calls, errors, proxyUs}. Its own CPU time is not known, so nothing is said of other programs.
export async function wrk(target, script, connections, seconds) {
    const before = cpuUs(target.pid);
    const p = start('wrk', loadCore, 'wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', script,
        `https://127.0.0.1:${target.tlsPort}`]);
    const timer = setTimeout(() => p.child.kill('SIGKILL'), (seconds + 20) * 1000);
    const status = await p.exit;
    clearTimeout(timer);
    const calls = Number(p.out.match(/(\d+) requests in/)?.[1]);
    if (status !== 0 || !calls) throw new Error(`wrk on ${target.name}: ${status}: ${p.err || p.out}`);
    const bad = Number(p.out.match(/Non-2xx or 3xx responses: (\d+)/)?.[1] ?? 0);
    const broken = p.out.match(/Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/)?.slice(1) ?? [];
    return {calls, rps: Number(p.out.match(/Requests\/sec:\s+([\d.]+)/)[1]), proxyUs: cpuUs(target.pid) - before,
        errors: broken.reduce((sum, n) => sum + Number(n), bad)};
}
