// bench.mjs: tollgate beside haproxy and nginx as plain reverse proxies, and beside no proxy at all, in one run.
// Environment: TOLLGATE, BENCH_OUT (set by ./run), BENCH_QUICK=1, ONLY=part,part (throughput, big, single, rate,
// streams, many, crowd, http2, tls, memory, flat, rooms, start).
import {readFileSync, writeFileSync, statfsSync, readdirSync} from 'node:fs';
import {join} from 'node:path';
import {cpus, release} from 'node:os';
import * as rig from './rig.mjs';

const quick = process.env.BENCH_QUICK === '1' || process.env.QUICK === '1';
const only = process.env.ONLY?.split(',');
const wanted = part => !only || only.includes(part);
const MODEL = '/model/amazon.nova-lite-v1%3A0';
const NAMES = ['tollgate', 'haproxy', 'nginx', 'direct'], PROXIES = NAMES.slice(0, 3);
const rows = [], notes = [];
const foreign = [];
let errors = 0, sentToTollgate = 0;

// --- figures ---

const sorted = list => [...list].sort((a, b) => a - b);
const median = list => {
    const s = sorted(list.filter(Number.isFinite)), n = s.length;
    return n === 0 ? NaN : n % 2 ? s[(n - 1) / 2] : (s[n / 2 - 1] + s[n / 2]) / 2;
};
const text = (v, digits) => (Number.isFinite(v) ? v.toLocaleString('en-US',
    {minimumFractionDigits: digits, maximumFractionDigits: digits}) : '-');

// of(result) for every target, the median of the repeats; ratio: the median of what the repeats give when
// tollgate is divided by haproxy in the same repeat, after `less(direct)` is taken off both.
function row(what, unit, digits, repeats, of, {least, most, ratioOnly, added, absolute} = {}) {
    const value = {};
    for (const name of NAMES) {
        const list = repeats.filter(r => r[name]).map(r => of(r[name]) - (added ? of(r.direct) : 0));
        value[name] = name === 'direct' && added ? NaN : median(list);
    }
    const ratios = repeats.map(r => {
        const off = added ? of(r.direct) : 0, below = of(r.haproxy) - off;
        return below > 0 ? (of(r.tollgate) - off) / below : NaN;
    });
    const ratio = median(ratios), judged = absolute ? value.tollgate : ratio;
    let verdict = '';
    if (least !== undefined) verdict = judged >= least ? 'met' : 'missed';
    if (most !== undefined) verdict = judged <= most ? 'met' : 'missed';
    if (!Number.isFinite(judged)) verdict = verdict && 'not measurable';
    const bound = least !== undefined ? `>= ${least}` : most !== undefined ? `<= ${most}` : '';
    const s = sorted(ratios.filter(Number.isFinite));
    rows.push({what, unit, digits, value, ratio, ratioLow: s[0], ratioHigh: s[s.length - 1],
        bound: bound && bound + (absolute ? ` ${unit}` : 'x'), verdict});
}

function plain(what, unit, digits, value, most) {
    const verdict = most === undefined ? '' : value.tollgate <= most ? 'met' : 'missed';
    rows.push({what, unit, digits, value, ratio: value.tollgate / value.haproxy,
        bound: most === undefined ? '' : `<= ${most} ${unit}`, verdict});
}

function table() {
    const head = ['what', 'unit', 'tollgate', 'haproxy', 'nginx', 'direct', 'to haproxy (range)', 'contract', ''];
    const lines = rows.map(r => {
        const range = Number.isFinite(r.ratioLow) ? ` (${text(r.ratioLow, 2)}-${text(r.ratioHigh, 2)})` : '';
        return [r.what, r.unit, ...NAMES.map(n => text(r.value[n], r.digits)),
            Number.isFinite(r.ratio) ? `${text(r.ratio, 2)}x${range}` : '-', r.bound, r.verdict];
    });
    const width = head.map((h, i) => Math.max(h.length, ...lines.map(l => l[i].length)));
    const print = l => console.log(l.map((c, i) =>
        (i < 2 || i > 6 ? c.padEnd(width[i]) : c.padStart(width[i]))).join('  ').trimEnd());
    print(head);
    print(width.map(w => '-'.repeat(w)));
    lines.forEach(print);
}

// --- what is sent ---

let key, upstream, proxies;
const body = {};

function prepareBodies() {
    for (const [name, size] of [['2k', 2048], ['51k', 52224], ['64k', 65536], ['5m', 5242880]]) {
        const call = {messages: [{role: 'user', content: [{text: ''}]}], inferenceConfig: {maxTokens: 128, temperature: 0.5}};
        const left = size - JSON.stringify(call).length;
        call.messages[0].content[0].text =
            'Summarise the quarterly figures of the northern region. '.repeat(Math.ceil(left / 56)).slice(0, left);
        body[name] = rig.file(`body-${name}`, JSON.stringify(call));
    }
    for (const operation of ['converse', 'converse-stream']) {
        rig.file(`head-${operation}`, `POST ${MODEL}/${operation} HTTP/1.1\r\nHost: 127.0.0.1\r\n` +
            `Content-Type: application/json\r\nAccept: */*\r\nAuthorization: Bearer ${key}\r\n`);
    }
}

const headOf = operation => join(rig.dir, `head-${operation}`);

async function calls(mode, target, size, ...list) {
    const r = await rig.load([mode, target.port, headOf('converse'), body[size], ...list].map(String), target, upstream);
    if (r.errors) notes.push(`${target.name}: ${r.errors} errors in ${mode} ${size} ${list.join(' ')}`);
    errors += target.name === 'tollgate' ? r.errors : 0;
    sentToTollgate += target.name === 'tollgate' ? r.calls : 0;
    foreign.push(r.foreign);
    return {...r, cpu: r.proxyUs / r.calls};
}

async function streams(target, count, events, gap, ramp, options = {}) {
    await upstream.set(events, gap);
    const seconds = Math.ceil((events * gap + ramp) / 1000) + 10;
    const r = await rig.load(['streams', target.port, headOf('converse-stream'), body['2k'], count, seconds, events, ramp]
        .map(String), target, upstream, {seconds: seconds + 10, ...options});
    if (r.errors || r.missing || r.broken) {
        notes.push(`${target.name}: ${count} streams: ${r.missing} events missing, ${r.broken} broken, ${r.errors} errors`);
    }
    errors += target.name === 'tollgate' ? r.errors + r.missing + r.broken : 0;
    sentToTollgate += target.name === 'tollgate' ? r.done : 0;
    foreign.push(r.foreign);
    return {...r, cpu: r.proxyUs / r.events};
}

// Every target once a repeat, in an order that turns, so that no one always follows the same.
async function repeat(times, measure, targets = NAMES) {
    const all = [];
    for (let i = 0; i < times; i++) {
        const one = {};
        for (let j = 0; j < targets.length; j++) {
            const name = targets[(i + j) % targets.length];
            one[name] = await measure(name === 'direct' ? {name, port: upstream.port} : proxies[name]);
        }
        all.push(one);
    }
    return all;
}

const progress = what => process.stderr.write(`${((performance.now()) / 1000).toFixed(0).padStart(4)} s  ${what}\n`);

// --- the measurements ---

async function throughput() {
    progress('throughput: 2 KB body, 256 connections');
    const r = await repeat(quick ? 2 : 5, t => calls('rps', t, '2k', 256, quick ? 1 : 2));
    row('Converse 2 KB, 256 conns', 'req/s', 0, r, v => v.rps, {least: 0.7});
    row('  CPU a call', 'us', 1, r, v => v.cpu, {most: 1.4});
    row('  delay p50', 'ms', 2, r, v => v.p50 / 1000);
    row('  delay p99', 'ms', 2, r, v => v.p99 / 1000);
    plain('  a power failure could have taken calls of', 'ms', 0, {tollgate: rig.tollgateStatus(proxies.tollgate.config).health.unsynced_ms}, 100);
}

async function big() {
    progress('throughput: 64 KB body, 64 connections');
    const r = await repeat(quick ? 2 : 3, t => calls('rps', t, '64k', 64, quick ? 1 : 2));
    row('Converse 64 KB, 64 conns', 'req/s', 0, r, v => v.rps);
    row('  CPU a call', 'us', 1, r, v => v.cpu, {most: 1.3});
    for (const [what, size, connections] of [['51 KB', '51k', 64], ['5 MB', '5m', 8]]) {
        progress(`throughput: ${what} body, ${connections} connections`);
        const other = await repeat(quick ? 1 : 2, t => calls('rps', t, size, connections, 1));
        row(`Converse ${what}, ${connections} conns`, 'req/s', 0, other, v => v.rps);
        row('  CPU a call', 'us', 1, other, v => v.cpu);
    }
}

async function rate() {
    progress('1,000 requests a second');
    const r = await repeat(quick ? 2 : 4, t => calls('rate', t, '2k', 64, quick ? 1 : 2, 1000));
    row('1,000 req/s: added p50', 'us', 0, r, v => v.p50, {added: true, most: 1.5});
    row('  added p99', 'us', 0, r, v => v.p99, {added: true, most: 2});
    row('  CPU a call', 'us', 1, r, v => v.cpu);
}

async function single() {
    progress('one connection, everything on one core');
    const [mine, others] = [upstream, proxies];
    upstream = await rig.startUpstream(300, rig.proxyCore);
    proxies = await startAll(upstream.port);
    const options = {core: rig.proxyCore};
    const r = await repeat(quick ? 2 : 4, async t => rig.load(['rps', t.port, headOf('converse'), body['2k'], 1,
        quick ? 1 : 2].map(String), t, upstream, options));
    row('one conn, one core: added p50', 'us', 1, r, v => v.p50, {added: true, most: 1.5});
    row('  added p99', 'us', 1, r, v => v.p99, {added: true});
    await stopAll(proxies);
    await rig.stop(upstream);
    [upstream, proxies] = [mine, others];
}

async function manyEvents() {
    progress('400 streams');
    const r = await repeat(quick ? 2 : 3, t => streams(t, 400, quick ? 20 : 40, 50, 500));
    row('400 streams: first token added p50', 'ms', 3, r, v => v.first_p50 / 1000, {added: true, absolute: true, most: 1});
    row('  first token added p99', 'ms', 3, r, v => v.first_p99 / 1000, {added: true});
    row('  CPU an event, whole stream', 'us', 2, r, v => v.cpu, {most: 1.2});
    row('  event delay p99', 'ms', 2, r, v => v.p99 / 1000);
}

// CPU of an event alone: long streams against short ones.
async function eventCost() {
    progress('CPU of a stream event alone');
    const r = await repeat(quick ? 1 : 3, async t => {
        const few = await streams(t, 400, 5, 25, 500), many = await streams(t, 400, quick ? 45 : 105, 25, 500);
        return {cpu: (many.proxyUs - few.proxyUs) / (many.events - few.events)};
    }, NAMES.slice(0, 3));
    row('  CPU an event, opening taken off', 'us', 2, r, v => v.cpu, {most: 1.2});
}

async function http2() {
    progress('inbound HTTP/2: 2 KB body, 8 connections with 32 calls each');
    const r = await repeat(quick ? 2 : 3, async t => {
        const v = await rig.load(['rps', t.h2Port, headOf('converse'), body['2k'], 8, quick ? 1 : 2, 32].map(String),
            t, upstream, {client: 'load2'});
        if (v.errors) notes.push(`${t.name}: ${v.errors} errors over HTTP/2`);
        errors += t.name === 'tollgate' ? v.errors : 0;
        sentToTollgate += t.name === 'tollgate' ? v.calls : 0;
        return {...v, cpu: v.proxyUs / v.calls};
    }, PROXIES);
    row('HTTP/2 in, 2 KB, 8 x 32 at once', 'req/s', 0, r, v => v.rps);
    row('  CPU a call', 'us', 1, r, v => v.cpu);
}

async function tls() {
    progress('TLS listener: 2 KB body, 64 connections');
    const script = rig.file('tls.lua', `wrk.method = "POST"\nwrk.path = "${MODEL}/converse"\n` +
        `wrk.headers["Content-Type"] = "application/json"\nwrk.headers["Authorization"] = "Bearer ${key}"\n` +
        `local f = io.open("${body['2k']}")\nwrk.body = f:read("*a")\nf:close()\n`);
    const r = await repeat(quick ? 2 : 3, async t => {
        const v = await rig.wrk(t, script, 64, quick ? 1 : 2);
        if (v.errors) notes.push(`${t.name}: ${v.errors} errors over TLS`);
        errors += t.name === 'tollgate' ? v.errors : 0;
        return {...v, cpu: v.proxyUs / v.calls};
    }, PROXIES);
    row('TLS in, 2 KB, 64 conns', 'req/s', 0, r, v => v.rps);
    row('  CPU a call', 'us', 1, r, v => v.cpu);
}

// What a stream adds to the resident memory, n of them open.
async function streamMemory(p, n, {client = 'load', args, warm}) {
    await upstream.set(20, 150);
    await rig.load(warm, p, upstream, {client, seconds: 30});
    const before = rig.rssKb(p.pid);
    let value = NaN;
    const r = await rig.load(args, p, upstream, {client, seconds: 40,
        onOpen: async () => { value = (rig.rssKb(p.pid) - before) / n; }});
    if (r.errors) notes.push(`${p.name}: ${r.errors} errors while memory was measured`);
    errors += p.name === 'tollgate' ? r.errors : 0;
    return value;
}

async function memoryHttp2() {
    const value = {}, head = headOf('converse-stream');
    for (const name of PROXIES) {
        const p = proxies[name];
        const of = (connections, atOnce) => ['streams', p.h2Port, head, body['2k'], connections, 12, atOnce].map(String);
        value[name] = await streamMemory(p, 1000, {client: 'load2', args: of(20, 50), warm: of(1, 10)});
    }
    plain('  inbound HTTP/2, 50 a connection', 'KB', 1, value, 20);
}

async function memoryTlsUpstream() {
    const front = await rig.startTlsUpstream(upstream.port);
    const p = await rig.starters.tollgate(front.port, rig.proxyCore, 'tollgate', {tlsUpstream: true});
    const of = n => ['streams', p.port, headOf('converse-stream'), body['2k'], n, 15, 20, 2000].map(String);
    plain('  TLS upstream', 'KB', 1, {tollgate: await streamMemory(p, 1000, {args: of(1000), warm: of(10)})}, 40);
    await rig.stop(p);
    await rig.stop(front);
}

async function rooms() {
    progress('rooms alone: decisions; a ledger with many calls');
    const calls = quick ? 200000 : 1000000, config = rig.stateConfig(upstream.port, 'filled');
    const one = [], four = [];
    for (let i = 0; i < (quick ? 1 : 3); i++) {
        one.push(rig.helper('rooms', 'decide', 1, 1).ns);
        four.push(rig.helper('rooms', 'decide', 4, 1).ns);
    }
    plain('decision and settling, 10 limits, 1 thread', 'ns', 0, {tollgate: median(one)});
    plain('  4 threads at once', 'ns', 0, {tollgate: median(four)});
    plain(`ledger: folding a call, ${text(calls, 0)} calls`, 'us', 2,
        {tollgate: rig.helper('rooms', 'fill', join(rig.dir, 'filled'), calls).fold_us});
    const tried = [1, 2, 3, 4, 5].map(() => rig.helper('rooms', 'try', join(rig.dir, 'filled'), 100000, calls));
    const each = of => median(tried.map(t => of(t) * 1e5 / t.calls));
    plain('  what-if, 100,000 calls, first question', 'ms', 1, {tollgate: each(t => t.first_ms)}, 50);
    plain('  what-if, 100,000 calls, another amount', 'ms', 1, {tollgate: each(t => t.next_ms)}, 50);
    const ask = (...args) => median([1, 2, 3].map(() => rig.commandMs(config, ...args)));
    plain('  audit of its last minute', 'ms', 0, {tollgate: ask('audit', '--since', '1m', '--json')});
    plain('  audit of its denials, two hours', 'ms', 0,
        {tollgate: ask('audit', '--since', '2h', '--where', 'outcome=denied', '--json')});
    plain('  usage by model and cost center', 'ms', 0,
        {tollgate: ask('usage', '--by', 'model,costCenter', '--since', '2h', '--json')});
}

async function memory() {
    progress('memory of an open stream');
    const others = proxies, n = 1000, value = {}, idle = {};
    await stopAll(others);
    proxies = await startAll(upstream.port);
    for (const name of ['tollgate', 'haproxy', 'nginx']) {
        const p = proxies[name];
        await rig.sleep(300);
        idle[name] = rig.rssKb(p.pid) / 1024;
        await streams(p, 10, 2, 10, 10);
        const before = rig.rssKb(p.pid);
        await streams(p, n, 20, 150, 1000, {onOpen: async () => { value[name] = (rig.rssKb(p.pid) - before) / n; }});
    }
    plain('memory of an open stream, HTTP/1.1', 'KB', 1, value, 6);
    await stopAll(proxies);
    proxies = await startAll(upstream.port);
    await memoryHttp2();
    await stopAll(proxies);
    await memoryTlsUpstream();
    proxies = await startAll(upstream.port);
    plain('resident memory idle', 'MB', 1, idle, 20);
}

async function many() {
    const room = Number(readFileSync('/proc/self/limits', 'utf8').match(/Max open files\s+(\d+)/)[1]);
    const count = Math.min(quick ? 1000 : 5000, Math.floor((room - 600) / 2));
    progress(`${count} streams at once`);
    if (count < 5000) notes.push(`${count} streams at once instead of 5,000 (${quick ? 'BENCH_QUICK' : `open files limited to ${room}`})`);
    const r = await repeat(quick ? 1 : 2, t => streams(t, count, 10, quick ? 200 : 500, quick ? 1000 : 2500));
    row(`${text(count, 0)} streams: events missing`, '', 0, r, v => v.missing + v.broken, {absolute: true, most: 0});
    row('  event delay p50', 'ms', 2, r, v => v.p50 / 1000);
    row('  event delay p99', 'ms', 2, r, v => v.p99 / 1000, {most: 1.5});
    row('  CPU an event, whole stream', 'us', 2, r, v => v.cpu);
}

// Calls beside thousands of open streams, and the same calls without them.
async function crowd() {
    const room = Number(readFileSync('/proc/self/limits', 'utf8').match(/Max open files\s+(\d+)/)[1]);
    const count = Math.min(quick ? 1000 : 5000, Math.floor((room - 900) / 2));
    progress(`calls beside ${count} streams`);
    const r = await repeat(quick ? 1 : 2, async t => {
        const alone = await calls('rate', t, '2k', 64, 2, 1000);
        let beside;
        await streams(t, count, 7, 1000, 2500, {onOpen: async () => { beside = await calls('rate', t, '2k', 64, 2, 1000); }});
        return {alone: alone.p99, beside: beside.p99};
    }, PROXIES);
    row(`1,000 req/s, ${text(count, 0)} streams open: p99`, 'us', 0, r, v => v.beside);
    row('  the same calls without them: p99', 'us', 0, r, v => v.alone);
}

// What 100,000 calls and 10,000 streams left by their client leave behind in memory.
async function flat() {
    progress('memory after 100,000 calls and 10,000 aborted streams');
    const p = proxies.tollgate, calledFor = async n => {
        for (let sum = 0; sum < n;) sum += (await calls('rps', p, '2k', 256, 1)).calls;
        await rig.sleep(500);
        return rig.anonymousKb(p.pid);
    };
    const aborted = async n => {
        const r = await rig.load(['aborts', p.port, headOf('converse-stream'), body['2k'], 100, 60, n].map(String), p, upstream);
        if (r.errors || r.done !== n) notes.push(`tollgate: ${r.done} of ${n} streams aborted, ${r.errors} errors`);
        errors += r.errors;
        await rig.sleep(500);
        return rig.anonymousKb(p.pid);
    };
    await upstream.set(20, 150);
    await aborted(1000);
    const begin = await calledFor(20000), called = await calledFor(quick ? 20000 : 100000);
    plain('memory more after 100,000 calls', 'KB', 0, {tollgate: called - begin}, 1024);
    plain('  after 10,000 aborted streams', 'KB', 0, {tollgate: await aborted(quick ? 2000 : 10000) - called}, 1024);
}

async function startUp() {
    progress('start to ready');
    const all = {tollgate: [], haproxy: [], nginx: []};
    await stopAll(proxies);
    for (let i = 0; i < (quick ? 3 : 7); i++) {
        for (const name of Object.keys(all)) {
            const p = await rig.starters[name](upstream.port, rig.proxyCore, 'fresh');
            all[name].push(p.readyMs);
            await rig.stop(p);
        }
    }
    plain('start to ready, new state', 'ms', 1, Object.fromEntries(Object.entries(all).map(([k, v]) => [k, median(v)])), 100);
    const used = [];
    for (let i = 0; i < 3; i++) {
        const p = await rig.starters.tollgate(upstream.port);
        used.push(p.readyMs);
        await rig.stop(p);
    }
    plain(`  with ${text(sentToTollgate, 0)} calls stored`, 'ms', 1, {tollgate: median(used)}, 100);
    proxies = {};
}

// --- the whole ---

async function startAll(port) {
    const all = {};
    for (const name of ['tollgate', 'haproxy', 'nginx']) all[name] = await rig.starters[name](port);
    return all;
}

async function stopAll(all) {
    await Promise.all(Object.values(all).map(rig.stop));
}

// Nothing that was answered may be missing in the ledger.
async function ledgerAgrees() {
    const end = Date.now() + 5000;
    for (;;) {
        const t = rig.tollgateStatus(proxies.tollgate.config).totals;
        if (t.approved === sentToTollgate || Date.now() > end) {
            notes.push(`ledger: ${text(t.approved, 0)} calls approved, ${text(t.denied, 0)} denied, ${text(t.failed, 0)} failed; ` +
                `the load client counted ${text(sentToTollgate, 0)}`);
            errors += t.approved === sentToTollgate ? 0 : 1;
            return;
        }
        await rig.sleep(100);
    }
}

async function main() {
    upstream = await rig.startUpstream(900);
    const first = await rig.starters.tollgate(upstream.port);
    await rig.stop(first);
    key = rig.tollgateKey(first.config);
    prepareBodies();
    proxies = await startAll(upstream.port);
    if (wanted('throughput')) await throughput();
    if (wanted('big')) await big();
    if (wanted('rate')) await rate();
    if (wanted('streams')) { await manyEvents(); await eventCost(); }
    if (wanted('many')) await many();
    if (wanted('crowd')) await crowd();
    if (wanted('http2')) await http2();
    await ledgerAgrees();
    if (wanted('tls')) await tls();
    if (wanted('single')) { await stopAll(proxies); await single(); proxies = await startAll(upstream.port); }
    if (wanted('flat')) await flat();
    if (wanted('memory')) await memory();
    if (wanted('rooms')) await rooms();
    if (wanted('start')) await startUp();
}

const limit = setTimeout(() => { console.error('bench: not done within its time'); process.exitCode = 1; rig.cleanUp().then(() => process.exit(1)); },
    (quick ? 240 : 540) * 1000);
let failure;
try {
    await main();
} catch (e) {
    failure = e;
}
clearTimeout(limit);
const kind = {0xef53: 'ext4', 0x01021994: 'tmpfs', 0x794c7630: 'overlayfs', 0x58465342: 'xfs', 0x9123683e: 'btrfs'};
const onDisk = kind[statfsSync(rig.dir).type] ?? 'another file system';
await rig.cleanUp();
const cpu = cpus()[0]?.model ?? 'unknown processor';
console.log(`tollgate bench, ${new Date().toISOString().slice(0, 10)}, ${cpu}, ${cpus().length} processors, Linux ${release()}, state on ${onDisk}`);
console.log(`proxy on processor ${rig.proxyCore}, load and mock upstream on ${rig.loadCore}; medians of interleaved repeats, range of the ratios in brackets`);
if (foreign.length) {
    console.log(`other programs used ${text(100 * median(foreign), 0)} % of a processor meanwhile (at most ${text(100 * Math.max(...foreign), 0)} %)`);
}
if (rig.cores.length < 2) console.log('only one processor: throughput figures are those of everything together');
table();
for (const n of notes) console.log(`note: ${n}`);
writeFileSync(join(rig.OUT, 'results.json'), JSON.stringify({date: new Date().toISOString(), cpu, rows, notes}, null, 1));
if (failure) console.error(`bench: ${failure.message}`);
if (errors) console.error(`bench: ${errors} wrong answers through tollgate`);
process.exitCode = failure || errors ? 1 : 0;
