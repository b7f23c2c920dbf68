// A core that only speaks core/control/PROTOCOL.md: figures that move from a seed, limits that can be
// changed. For looking at the dashboard without a proxy behind it.
//   node fake-core.mjs SOCKET [--seed N] [--viewer] [--quiet] [--rows N] [--models N] [--every MS] [--simulated] [--evil] [--trouble] [--log FILE]
// --old: a core that cannot tell which calls run, nor of the past. --quiet: figures stand still. --rows, --models: that many applications and
// models more. --every: so often figures move and are told. --evil: names with control characters. --trouble: the core says all that can be wrong.
// --log: each request is written there, a line each.
import fs from 'node:fs';
import net from 'node:net';

const args = process.argv.slice(2);
const path = args[0];
const flag = (name) => args.includes(name);
const option = (name, otherwise) =>
    args.includes(name) ? Number(args[args.indexOf(name) + 1]) : otherwise;

let seed = option('--seed', 7) >>> 0;
function random() {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 4294967296;
}
const between = (low, high) => low + Math.floor(random() * (high - low + 1));
const iso = (ms) => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
const cents = (usd) => Math.round(usd * 1e6) / 1e6;
const user = process.env.USER ?? 'root';

const evil = flag('--evil') ? '\u001b]0;pwned\u0007\u202eevil' : '';
const models = [
    ['claude-3-5-haiku', 6000, 0.0000025],
    ['claude-3-5-sonnet-v2', 2500, 0.000008],
    ['nova-lite', 900, 0.0000002],
    ['nova-micro', 400, 0.0000001],
    ...Array.from({ length: option('--models', 0) }, (_, i) => [`model-${String(i).padStart(3, '0')}`, 100 + 36 * i, 0.000001]),
].map(([name, speed, price]) => ({
    name, id: `us.vendor.${name}-v1:0`, priced: name !== 'nova-micro', speed, price,
    series: Array.from({ length: 15 }, () => between(0, speed * 60)), ...totals(),
}));
const spenders = (names) => names.map((name) => ({ name, today: random() * 200, month: 500 + random() * 3000, hour: 0, ...totals() }));
const centers = spenders(['sales', 'support', 'services']);
const applications = spenders([
    'docs-helper' + evil, 'triage', 'quotes', 'translate',
    ...Array.from({ length: option('--rows', 0) }, (_, i) => `app-${String(i).padStart(3, '0')}`),
]);
const denials = [];
const changes = [];
const events = [];
let changeId = 0;
let minute = Math.floor(Date.now() / 60000);

function totals() {
    return { requests: 0, approved: 0, failed: 0, denied: 0, rejected: 0, input_tokens: 0, output_tokens: 0,
        cache_read_tokens: 0, cache_write_tokens: 0, usd: 0, unpriced: 0, estimated: 0, open: 0 };
}
function limit(name, metric, amount, window, more = {}) {
    return { name, metric, amount, file: amount, window, ceiling: amount * 5, match: {}, per: [], blocked: false,
        override: null, used: 0, reserved: 0, denied: 0, groups: [], ...more };
}
const limits = [
    limit('haiku-minute', 'tokens', 100000, '1m', { match: { model: 'claude-3-5-haiku' } }),
    limit('sonnet-minute', 'tokens', 200000, '1m', { match: { model: 'claude-3-5-sonnet-v2' } }),
    limit('nova-requests', 'requests', 600, '1m', { match: { model: 'nova-lite' } }),
    limit('center-month', 'usd', 4000, 'month', { per: ['costCenter'],
        groups: centers.map((c) => ({ group: { costCenter: c.name }, amount: 4000, used: c.month, reserved: 0, denied: 0, blocked: false, override: null })) }),
    limit('prod-day', 'usd', 500, 'day', { match: { environment: 'prod' }, used: 300 }),
    limit('streams', 'concurrency', 200, ''),
];

function resets(l) {
    const now = Date.now();
    const d = new Date(now);
    if (l.window === '1m') return (Math.floor(now / 60000) + 1) * 60000;
    if (l.window === 'day') return Date.UTC(d.getUTCFullYear(), d.getUTCMonth(), d.getUTCDate() + 1);
    if (l.window === 'month') return Date.UTC(d.getUTCFullYear(), d.getUTCMonth() + 1, 1);
    return 0;
}
const round = (metric, n) => (metric === 'usd' ? cents(n) : Math.round(n));
function limitJson(l) {
    const at = resets(l) ? iso(resets(l)) : null;
    const figures = (o) => ({ used: round(l.metric, o.used), reserved: round(l.metric, o.reserved),
        remaining: round(l.metric, Math.max(0, o.amount - o.used - o.reserved)), denied: o.denied, resets_at: at });
    const used = l.groups.length ? l.groups.reduce((s, g) => s + g.used, 0) : l.used;
    return { name: l.name, metric: l.metric, file_amount: l.file, window: l.window, rolling: false,
        match: l.match, per: l.per, blocked: l.blocked, override: l.override,
        ...figures({ ...l, used, amount: l.amount * Math.max(1, l.groups.length) }), amount: l.amount, over: 0, charged_by_crash: 0,
        waiting: l.name === 'streams' ? 2 : 0, phantom_denials: Math.floor(l.denied / 3), examined_denials: l.denied, burn: l.name === 'prod-day' ? 'fast' : null,
        rates: l.window ? { per_minute_1m: round(l.metric, used / 2), per_minute_15m: round(l.metric, used / 4), per_minute_1h: round(l.metric, used / 8) } : null,
        empty_in_s: l.window === 'day' ? 7300 : null, groups_total: l.groups.length,
        groups: l.groups.map((g) => ({ group: g.group, amount: g.amount, ...figures(g), blocked: g.blocked, override: g.override })) };
}

function deny(l, model) {
    const center = centers[between(0, 2)];
    const application = applications[between(0, 3)];
    l.denied++;
    for (const o of [model, center, application]) { o.denied++; o.requests++; }
    denials.unshift({ time: iso(Date.now()), request_id: `req-${seed.toString(16)}`, limit: l.name, group: {},
        model: model.name, tags: { costCenter: center.name, applicationId: application.name }, resets_at: iso(resets(l)),
        message: `limit ${l.name}: ${l.amount} of ${l.amount} ${l.metric} used, frees in ${Math.ceil((resets(l) - Date.now()) / 1000)} s`,
        application: application.name, cost_center: center.name, metric: l.metric, amount: l.amount });
    denials.length = Math.min(denials.length, 50);
}

function burn(model) {
    const l = limits.find((x) => x.match.model === model.name);
    const tokens = between(model.speed / 2, model.speed);
    const take = l?.metric === 'requests' ? between(1, 9) : tokens;
    if (l && (l.blocked || l.used + take > l.amount)) return deny(l, model);
    if (l) { l.used += take; l.reserved = between(0, take); }
    model.series[14] += tokens;
    const usd = tokens * model.price;
    const center = centers[between(0, 2)];
    const application = applications[between(0, 3)];
    for (const o of [model, center, application]) {
        o.requests++; o.approved++; o.input_tokens += Math.round(tokens * 0.7); o.output_tokens += Math.round(tokens * 0.3);
        o.usd += usd; o.open = between(0, 9); o.failed += random() < 0.02 ? 1 : 0;
    }
    for (const o of [center, application]) { o.today += usd; o.month += usd; o.hour = usd * 3600 / 2; }
    const group = limits[3].groups.find((g) => g.group.costCenter === center.name);
    group.used += usd;
    limits[4].used += usd;
    limits[5].used = between(20, 150);
}

function tick() {
    const m = Math.floor(Date.now() / 60000);
    if (m !== minute) {
        minute = m;
        for (const x of models) { x.series.shift(); x.series.push(0); }
        for (const l of limits) if (l.window === '1m') { l.used = 0; l.reserved = 0; }
    }
    for (const x of models) burn(x);
}

const sum = (list, member) => list.reduce((s, x) => s + x[member], 0);
const totalsOf = (o) => Object.fromEntries(Object.keys(totals()).map((k) => [k, k === 'usd' ? cents(o[k]) : o[k]]));
function spender(o, budget) {
    return { name: o.name, ...totalsOf(o), today_usd: cents(o.today), month_usd: cents(o.month), month_forecast_usd: cents(o.month * 1.4), budget_usd: budget, usd_per_hour: cents(o.hour) };
}
function snapshot() {
    const all = Object.fromEntries(Object.keys(totals()).map((k) => [k, k === 'usd' ? cents(sum(models, k)) : sum(models, k)]));
    const now = Date.now();
    const month = sum(centers, 'month');
    return {
        version: 1, time: iso(now), since: iso(now - 86400000), state: 'ready', simulated: flag('--simulated'), pid: process.pid,
        region: 'us-east-1', listen: ['http://127.0.0.1:8088'], totals: all,
        models: models.map((m) => ({ name: m.name, id: m.id, priced: m.priced, tokens_per_minute: m.series[14], ...totalsOf(m), series: m.series,
            usd_per_hour: cents(m.series[14] * m.price * 60), limit: limits.find((l) => l.match.model === m.name)?.name ?? null })),
        cost_centers: centers.map((c) => spender(c, limits[3].groups.find((g) => g.group.costCenter === c.name).amount)),
        applications: applications.map((a) => spender(a, null)),
        limits: limits.map(limitJson), denials, denied_per_minute: denials.filter((d) => Date.parse(d.time) > now - 60000).length,
        cloud: [
            { source: 'cloudwatch', state: 'ok', at: iso(now - 125000), next_at: iso(now + 175000), error: null },
            { source: 'cost_explorer', state: 'ok', at: iso(now - 3 * 3600000), next_at: iso(now + 3 * 3600000), error: null },
            { source: 'publish', state: 'error', at: iso(now - 600000), next_at: iso(now + 60000), error: 'PutMetricData: AccessDenied; allow cloudwatch:PutMetricData' },
        ],
        aws: { metrics: models.flatMap((m) => [{ metric: 'InputTokens', model: m.name, sum: m.input_tokens }, { metric: 'OutputTokens', model: m.name, sum: m.output_tokens }]),
            costs: centers.map((c) => ({ cost_center: c.name, today_usd: cents(c.today * 0.97), month_usd: cents(c.month * 0.99) })) },
        health: flag('--trouble') ? { store: 'disk full: the ledger cannot be written', store_failure: 'deny', reserved_matches: false, all_blocked: { actor: 'somebody-of-the-night-shift', since: iso(now) } }
            : { store: 'ok', reserved_matches: true },
        burn: { usd_per_hour: cents(models.reduce((s, m) => s + m.series[14] * m.price * 60, 0)), today_usd: cents(sum(centers, 'today')), month_usd: cents(month),
            month_forecast_usd: cents(month * 1.4), month_budget_usd: 12000 },
        attached: 1, timezone: 'UTC', events: events.slice(0, 20),
    };
}

class Refused extends Error {
    constructor(code, message) { super(message); this.code = code; }
}
function find(params) {
    const l = limits.find((x) => x.name === params.name);
    if (!l) throw new Refused('not_found', `there is no limit ${params.name}`);
    if (!params.group || Object.keys(params.group).length === 0) return [l, l];
    const g = l.groups.find((x) => JSON.stringify(x.group) === JSON.stringify(params.group));
    if (!g) throw new Refused('not_found', 'no such group');
    return [l, g];
}
function amountOf(text, now) {
    const m = /^([+-]?)(\d+(?:\.\d+)?)([kM%]?)$/.exec(text);
    if (!m) throw new Refused('malformed', `amount '${text}'`);
    const n = Number(m[2]) * ({ k: 1e3, M: 1e6 }[m[3]] ?? 1);
    return m[3] === '%' ? now * (1 + (m[1] === '-' ? -n : n) / 100) : n;
}
function until(params) {
    const m = /^(\d+)([smhd])$/.exec(params.for ?? '');
    return m ? iso(Date.now() + Number(m[1]) * { s: 1e3, m: 6e4, h: 36e5, d: 864e5 }[m[2]]) : params.until ?? null;
}
function record(action, l, o, before, params) {
    changeId++;
    const value = (x) => (x.blocked ? 'blocked' : x.amount);
    changes.unshift({ version: 1, seq: 100000 + changeId, type: 'change', time: iso(Date.now()), change_id: changeId, action, limit: l.name,
        group: params.group ?? {}, old: value(before), new: value(o), until: until(params), actor: { uid: 1000, login: user }, reason: params.reason ?? '', undoes: null, before, target: o });
    events.unshift({ at: iso(Date.now()), text: `${user} changed ${l.name}`, limit: l.name, actor: user });
    fs.appendFileSync(`${path}.log`, JSON.stringify({ action, params }) + '\n');
    return { version: 1, name: l.name, metric: l.metric, group: params.group ?? {}, old: value(before), new: value(o), change_id: changeId, until: until(params) };
}
function change(action, params) {
    if (flag('--viewer')) throw new Refused('forbidden', 'viewers may look, not change');
    const [l, o] = find(params);
    const before = { amount: o.amount, blocked: o.blocked, override: o.override };
    const override = { id: changeId + 1, amount: o.amount, actor: user, reason: params.reason ?? '', since: iso(Date.now()), until: until(params) };
    if (action === 'limit.set') {
        const amount = amountOf(params.amount, o.amount);
        if (params.metric !== l.metric) throw new Refused('malformed', `${l.name} counts ${l.metric}`);
        if (params.was !== undefined && params.was !== o.amount) throw new Refused('conflict', `${l.name} was changed meanwhile: it is ${o.amount} now`);
        if (amount > l.ceiling && !params.yes) throw new Refused('needs_confirmation', `${l.name}: ${amount} is above the ceiling of the configuration, ${l.ceiling}`);
        o.amount = amount;
        o.override = { ...override, amount };
        if (o === l) for (const g of l.groups) if (!g.override) g.amount = amount;
    } else if (action === 'limit.revert') {
        o.amount = l.file; o.blocked = false; o.override = null;
    } else {
        o.blocked = action === 'limit.block';
        o.override = o.blocked ? override : null;
    }
    return record(action, l, o, before, params);
}
function undo(params) {
    const c = changes.find((x) => !x.undone);
    if (!c) throw new Refused('not_found', 'you have changed nothing that could be undone');
    c.undone = true;
    const [l, o] = find({ name: c.limit, group: c.group });
    const now = { amount: o.amount, blocked: o.blocked, override: o.override };
    Object.assign(o, c.before);
    const answer = record('limit.undo', l, o, now, { ...params, group: c.group });
    changes[0].undone = true;
    return answer;
}
const clean = ({ before, target, undone, ...rest }) => rest;
function audit(params) {
    const calls = denials.map((d, i) => ({ version: 1, seq: 50 - i, type: 'call', time: d.time, request_id: d.request_id, outcome: 'denied', dialect: 'bedrock',
        operation: 'converse', model: d.model, model_id: d.model, principal: 'key', tags: d.tags, http_status: 429, usage: { input_tokens: 0, output_tokens: 0 }, usd: 0,
        priced: true, duration_ms: 0, limit: d.limit, error: d.message }));
    return { version: 1, entries: [...changes.map(clean), ...calls].slice(0, params.max ?? 100) };
}
// Of the last hour or day: what burns now, as if it had always burnt like that; the running step grows.
function history(params) {
    const minute = params.step === '1m';
    const step = minute ? 60000 : 1800000;
    const until = Math.ceil(Date.now() / step) * step;
    const steps = minute ? 60 : 48;
    const row = (o, speed) => ({ name: o.name, ...totalsOf(o),
        series: Array.from({ length: steps }, (_, i) => Math.round((i < steps - 1 ? step : step - (until - Date.now())) / 1000 * speed * (1 + (until / step + i) % 7) / 4)) });
    const some = models.filter((m) => !params.where?.model || m.name === params.where.model);
    const all = row({ name: '', ...Object.fromEntries(Object.keys(totals()).map((k) => [k, sum(some, k)])) }, sum(some, 'speed'));
    const series = (share) => all.series.map((n) => cents(n * share));
    const part = (list, key) => list.filter((o) => !params.where?.[key] || o.name === params.where[key]).map((o) => row(o, 500));
    return { version: 1, since: iso(until - steps * step), until: iso(until), step_ms: step, cut: false,
        totals: { ...all, usd_series: series(0.000002), approved_series: all.series.map((n) => Math.round(n / 900)),
            input_tokens_series: all.series.map((n) => Math.round(n * 0.7)), output_tokens_series: all.series.map((n) => Math.round(n * 0.3)) },
        models: some.map((m) => row(m, m.speed)), cost_centers: part(centers, 'costCenter'), applications: part(applications.slice(0, 6), 'applicationId'), denied: [] };
}
const methods = {
    history,
    hello: () => ({ version: 1, pid: process.pid, role: flag('--viewer') ? 'viewer' : 'operator', user, uid: 1000, simulated: flag('--simulated'), region: 'us-east-1', state_dir: '/tmp' }),
    status: () => snapshot(),
    'limit.list': () => ({ version: 1, limits: limits.map(limitJson) }),
    'limit.set': (p) => change('limit.set', p),
    'limit.revert': (p) => change('limit.revert', p),
    'limit.block': (p) => change('limit.block', p),
    'limit.unblock': (p) => change('limit.unblock', p),
    'limit.undo': undo,
    'limit.history': (p) => ({ version: 1, changes: changes.filter((c) => !p.name || c.limit === p.name).map(clean).slice(0, p.max ?? 100) }),
    audit,
    calls: () => ({ version: 1, calls: [
        { request_id: 'run-1', model: 'claude-3-5-haiku', operation: 'converse_stream', tags: { costCenter: 'sales', applicationId: 'quotes' }, principal: 'quotes-key',
            admitted_at: iso(Date.now() - 95000), since: iso(Date.now() - 95000), waiting: null, age_ms: 95000, first_token_ms: 412, input_tokens: 1210, output_tokens: 3400, usd: 0.0146 },
        { request_id: 'run-2', model: 'nova-lite', operation: 'converse', tags: { costCenter: 'support', applicationId: 'triage' }, principal: 'triage-key',
            admitted_at: null, since: iso(Date.now() - 21000), waiting: { limit: 'nova-requests' }, age_ms: 21000, first_token_ms: null, input_tokens: null,
            output_tokens: null, usd: null }] }),
};

if (flag('--old')) {
    delete methods.calls;
    delete methods.history;
}

function serve(socket) {
    let rest = '';
    let sent = {};
    let timer;
    const push = () => {
        const now = snapshot();
        const data = Object.fromEntries(Object.entries(now).filter(([k, v]) => sent[k] !== JSON.stringify(v) && !(flag('--quiet') && k === 'time' && sent.time)));
        if (flag('--quiet') && Object.keys(sent).length) { delete data.cloud; delete data.limits; delete data.denied_per_minute; delete data.since; }
        if (Object.keys(data).length === 0) return;
        for (const k of Object.keys(data)) sent[k] = JSON.stringify(now[k]);
        socket.write(JSON.stringify({ event: 'snapshot', data }) + '\n');
    };
    const answer = (line) => {
        const { id, method, params } = JSON.parse(line);
        if (flag('--log')) fs.appendFileSync(args[args.indexOf('--log') + 1], `${JSON.stringify({ method, params })}\n`);
        try {
            if (method === 'subscribe') {
                socket.write(JSON.stringify({ id, result: {} }) + '\n');
                sent = {};
                push();
                clearInterval(timer);
                timer = setInterval(push, params?.interval_ms ?? option('--every', 1000));
                return;
            }
            if (!methods[method]) throw new Refused('unsupported', `no method ${method}`);
            const result = methods[method](params ?? {});
            socket.write(JSON.stringify({ id, result }) + '\n');
            if (method.startsWith('limit.') && timer) { sent.limits = ''; push(); }
        } catch (e) {
            socket.write(JSON.stringify({ id, error: { code: e.code ?? 'io', message: e.message } }) + '\n');
        }
    };
    socket.on('data', (bytes) => {
        const lines = (rest + bytes).split('\n');
        rest = lines.pop();
        lines.forEach(answer);
    });
    socket.on('close', () => clearInterval(timer));
    socket.on('error', () => {});
}

fs.rmSync(path, { force: true });
for (let i = 0; i < 40; i++) for (const m of models) burn(m);
if (!flag('--quiet')) setInterval(tick, option('--every', 500));
net.createServer(serve).listen(path, () => console.log('ready'));
process.on('SIGTERM', () => process.exit(0));
