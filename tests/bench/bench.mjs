// bench.mjs: tollgate beside haproxy and nginx as plain reverse proxies, and beside no proxy at all, in one run.
// Environment: TOLLGATE, BENCH_OUT (set by ./run), QUICK=1, ONLY=part,part (throughput, big, single, rate,
// streams, memory, many, start).
import {readFileSync, writeFileSync, statfsSync, readdirSync} from 'node:fs';
import {join} from 'node:path';
import {cpus, release} from 'node:os';
import * as rig from './rig.mjs';

const quick = process.env.QUICK === '1';
const only = process.env.ONLY?.split(',');
const wanted = part => !only || only.includes(part);
const MODEL = '/model/amazon.nova-lite-v1%3A0';
const NAMES = ['tollgate', 'haproxy', 'nginx', 'direct'];
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
    for (const [name, size] of [['2k', 2048], ['64k', 65536]]) {
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
}

async function big() {
    progress('throughput: 64 KB body, 64 connections');
    const r = await repeat(quick ? 2 : 3, t => calls('rps', t, '64k', 64, quick ? 1 : 2));
    row('Converse 64 KB, 64 conns', 'req/s', 0, r, v => v.rps);
    row('  CPU a call', 'us', 1, r, v => v.cpu, {most: 1.3});
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
    plain('resident memory idle', 'MB', 1, idle, 20);
    notes.push('memory of a stream over inbound HTTP/2 (<= 20 KB) and with TLS upstream (<= 40 KB): not measured');
}

async function many() {
    const room = Number(readFileSync('/proc/self/limits', 'utf8').match(/Max open files\s+(\d+)/)[1]);
    const count = Math.min(quick ? 1000 : 5000, Math.floor((room - 600) / 2));
    progress(`${count} streams at once`);
    if (count < 5000) notes.push(`${count} streams at once instead of 5,000 (${quick ? 'QUICK' : `open files limited to ${room}`})`);
    const r = await repeat(quick ? 1 : 2, t => streams(t, count, 10, quick ? 200 : 500, quick ? 1000 : 2500));
    row(`${text(count, 0)} streams: events missing`, '', 0, r, v => v.missing + v.broken, {absolute: true, most: 0});
    row('  event delay p50', 'ms', 2, r, v => v.p50 / 1000);
    row('  event delay p99', 'ms', 2, r, v => v.p99 / 1000, {most: 1.5});
    row('  CPU an event, whole stream', 'us', 2, r, v => v.cpu);
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
        const t = rig.tollgateTotals(proxies.tollgate.config);
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
    await ledgerAgrees();
    if (wanted('single')) { await stopAll(proxies); await single(); proxies = await startAll(upstream.port); }
    if (wanted('memory')) await memory();
    if (wanted('start')) await startUp();
}

const limit = setTimeout(() => { console.error('bench: not done within its time'); process.exitCode = 1; rig.cleanUp().then(() => process.exit(1)); },
    (quick ? 180 : 480) * 1000);
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
