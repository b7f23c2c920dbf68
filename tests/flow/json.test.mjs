// What other programs read: the JSON of the design, field by field; exit codes; CSV; what `check` says of a bad file.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { configuration, Core, launch, run, Simulation, temporaryDirectory, until } from '../lib/harness.mjs';

// --- what the values may be ---

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const is = {
    text: (v) => typeof v === 'string',
    name: (v) => typeof v === 'string' && v.length > 0,
    count: (v) => Number.isInteger(v) && v >= 0,
    number: (v) => typeof v === 'number' && Number.isFinite(v),
    flag: (v) => typeof v === 'boolean',
    time: (v) => typeof v === 'string' && TIME.test(v) && !Number.isNaN(Date.parse(v)),
    uuid: (v) => typeof v === 'string' && UUID.test(v),
    pairs: (v) => typeof v === 'object' && v !== null && !Array.isArray(v) && Object.values(v).every((x) => typeof x === 'string'),
    names: (v) => Array.isArray(v) && v.every((x) => typeof x === 'string'),
    one: (v) => v === 1,
    key: (v) => /^TGK[A-Z2-7]{17}$/.test(v),
    base64: (v) => typeof v === 'string' && /^[A-Za-z0-9+/]{43}=$/.test(v),
    amount: (v) => is.number(v) || v === 'blocked',
    of: (...values) => (v) => values.includes(v),
    orNull: (check) => Object.assign((v) => v === null || fits(v, check), { nullable: true }),
    list: (check) => ({ list: check }),
    none: (v) => v === null,
};

function problems(value, shape, where) {
    if (typeof shape === 'function') {
        return fits(value, shape) ? [] : [`${where} is ${JSON.stringify(value)}`];
    }
    if (shape.list) {
        return Array.isArray(value) ? value.flatMap((v, i) => problems(v, shape.list, `${where}[${i}]`)) : [`${where} is no list`];
    }
    if (typeof value !== 'object' || value === null) {
        return [`${where} is no object but ${JSON.stringify(value)}`];
    }
    return Object.entries(shape).flatMap(([name, inner]) =>
        name in value ? problems(value[name], inner, `${where}.${name}`) : [`${where}.${name} is missing`]);
}

function fits(value, shape) {
    return typeof shape === 'function' ? shape(value) : problems(value, shape, '').length === 0;
}

function assertShape(value, shape, what) {
    assert.deepEqual(problems(value, shape, what), []);
}

// --- the design's section 3 ---

const KEY_ADDED = {
    version: is.one, name: is.name, accessKeyId: is.key, secretAccessKey: is.base64, bearerToken: is.name, tags: is.pairs,
    created_at: is.time, expires_at: is.orNull(is.time),
};
const KEYS = {
    version: is.one,
    keys: is.list({
        name: is.name, accessKeyId: is.key, tags: is.pairs, created_at: is.time, expires_at: is.orNull(is.time),
        revoked_at: is.orNull(is.time), last_used_at: is.orNull(is.time),
    }),
};
const LIMIT = {
    name: is.name,
    metric: is.of('tokens', 'input_tokens', 'output_tokens', 'aws_quota_tokens', 'requests', 'usd', 'concurrency'),
    amount: is.number, file_amount: is.number, window: is.of('10s', '1m', '1h', 'day', 'week', 'month', ''), rolling: is.flag,
    match: is.pairs, per: is.names, blocked: is.flag,
    override: is.orNull({
        id: is.count, amount: is.orNull(is.number), actor: is.name, reason: is.text, since: is.time, until: is.orNull(is.time),
    }),
    used: is.number, reserved: is.number, remaining: is.number, over: is.number, charged_by_crash: is.number, denied: is.count,
    resets_at: is.orNull(is.time), groups_total: is.count,
    groups: is.list({
        group: is.pairs, amount: is.number, used: is.number, reserved: is.number, remaining: is.number, denied: is.count,
        resets_at: is.orNull(is.time),
    }),
};
const LIMITS = { version: is.one, limits: is.list(LIMIT) };
const TOTALS = {
    requests: is.count, approved: is.count, failed: is.count, denied: is.count, rejected: is.count, input_tokens: is.count,
    output_tokens: is.count, cache_read_tokens: is.count, cache_write_tokens: is.count, usd: is.number, unpriced: is.count,
    estimated: is.count, open: is.count,
};
const STATUS = {
    version: is.one, time: is.time, since: is.time, state: is.of('ready', 'draining', 'starting'), simulated: is.flag, pid: is.count,
    region: is.name, listen: is.names, totals: TOTALS,
    models: is.list({ name: is.name, id: is.name, priced: is.flag, tokens_per_minute: is.count, ...TOTALS }),
    cost_centers: is.list({ name: is.name, ...TOTALS }),
    applications: is.list({ name: is.name, ...TOTALS }),
    limits: is.list(LIMIT),
    denials: is.list({
        time: is.time, request_id: is.uuid, limit: is.name, group: is.pairs, model: is.name, tags: is.pairs, resets_at: is.orNull(is.time),
    }),
    cloud: is.list({ source: is.name, state: is.name, at: is.orNull(is.time), error: is.orNull(is.text) }),
    health: { store: is.name, reserved_matches: is.flag },
};
const CALL = {
    version: is.one, seq: is.count, type: is.of('call'), time: is.time, request_id: is.uuid,
    outcome: is.of('approved', 'failed', 'denied', 'rejected'), dialect: is.of('bedrock', 'openai', 'anthropic', 'workflow'),
    operation: is.orNull(is.name), model: is.orNull(is.name), model_id: is.orNull(is.name), principal: is.orNull(is.name), tags: is.pairs,
    http_status: is.count,
    usage: {
        input_tokens: is.count, output_tokens: is.count, cache_read_tokens: is.count, cache_write_5m_tokens: is.count,
        cache_write_1h_tokens: is.count,
    },
    usage_source: is.of('reported', 'estimated'), usd: is.orNull(is.number), priced: is.flag, duration_ms: is.count,
    first_token_ms: is.orNull(is.count), limit: is.orNull(is.name), error: is.orNull(is.text),
};
const CHANGE = {
    version: is.one, seq: is.count, type: is.of('change'), change_id: is.count, action: is.name, limit: is.orNull(is.name), group: is.pairs,
    old: is.orNull(is.amount), new: is.orNull(is.amount), until: is.orNull(is.time), actor: { uid: is.count, login: is.name },
    reason: is.text, undoes: is.orNull(is.count),
};
const USAGE = (by) => ({
    version: is.one, since: is.time, until: is.time, by: is.names,
    rows: is.list({ key: Object.fromEntries(by.map((k) => [k, is.text])), ...TOTALS }),
});
const ERROR = { error: { code: is.name, message: is.name } };

const settings = (sim) => configuration(sim, {
    limits: [
        { name: 'sales-tokens', per: ['costCenter'], tokens: '100k', window: 'month', ceiling: '150k' },
        { name: 'money', model: 'nova-lite', usd: '12.50', window: 'day' },
        { name: 'small', match: { application: 'small' }, requests: 1, window: 'month' },
        { name: 'at-once', concurrency: 50 },
    ],
});

async function begin(t) {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, settings(sim));
    const key = await core.key('search', 'sales', '--environment', 'prod', '--tag', 'team=a b', '--expires', '90d');
    return { sim, core, key };
}

const failing = async (core, status, ...args) => {
    const result = await core.run(...args);
    assert.equal(result.status, status, `tollgate ${args.join(' ')}: ${result.status}, ${result.stderr}`);
    assert.ok(result.stderr.length > 0, `tollgate ${args.join(' ')} says why`);
    return result;
};

test('key add, key list, key revoke', async (t) => {
    const { core, key } = await begin(t);
    assertShape(key, KEY_ADDED, 'key');
    assert.deepEqual(key.tags, { applicationId: 'search', costCenter: 'sales', environment: 'prod', team: 'a b' });
    const days = (Date.parse(key.expires_at) - Date.parse(key.created_at)) / 86400000;
    assert.ok(Math.abs(days - 90) < 0.01, `${days} days`);
    assert.ok(Buffer.from(key.bearerToken.replace(/^[^_]*_/, ''), 'base64url').length >= 32, 'the token has 256 bits');
    const forever = await core.key('chat', 'support');
    assertShape(forever, KEY_ADDED, 'key');
    assert.equal(forever.expires_at, null);
    await call(core, key);
    assert.equal((await core.run('key', 'revoke', forever.name)).status, 0);
    const { stdout } = await core.run('key', 'list', '--json');
    const list = JSON.parse(stdout);
    assertShape(list, KEYS, 'key list');
    assert.deepEqual(list.keys.map((k) => [k.accessKeyId, k.tags.applicationId, k.revoked_at !== null, k.last_used_at !== null]).sort(),
        [[key.accessKeyId, 'search', false, true], [forever.accessKeyId, 'chat', true, false]].sort());
    for (const secret of [key.secretAccessKey, key.bearerToken, forever.secretAccessKey, forever.bearerToken]) {
        assert.ok(!stdout.includes(secret), 'secrets are shown once');
        assert.ok(!core.process.stderr.includes(secret), 'and never logged');
    }
    await failing(core, 1, 'key', 'revoke', 'nobody');
    await failing(core, 1, 'key', 'add', '--application', 'a,b', '--cost-center', 'x');
    await failing(core, 2, 'key');
    await failing(core, 2, 'key', 'add', '--no-such-option');
});

test('limit list, set, block, unblock, undo, revert, history', async (t) => {
    const { core, key } = await begin(t);
    await call(core, key, { text: 'x', maxTokens: 10 });
    const list = await core.json('limit', 'list');
    assertShape(list, LIMITS, 'limit list');
    const [tokens, money, , concurrency] = list.limits;
    assert.deepEqual([tokens.metric, tokens.amount, tokens.file_amount, tokens.window, tokens.per, tokens.override],
        ['tokens', 100000, 100000, 'month', ['costCenter'], null]);
    assert.deepEqual(tokens.groups.map((g) => g.group), [{ costCenter: 'sales' }]);
    assert.equal(tokens.used, tokens.groups[0].used);
    assert.equal(tokens.remaining, tokens.groups[0].amount - tokens.used);
    assert.deepEqual([money.amount, money.match], [12.5, { model: 'nova-lite' }]);
    assert.ok(money.used > 0 && money.used < 0.001);
    assert.equal(concurrency.window, '');
    assert.equal(concurrency.resets_at, null);

    const said = await core.run('limit', 'set', 'sales-tokens', 'tokens=120k', '--reason', 'a busy day', '--ticket', 'T-7');
    assert.equal(said.status, 0, said.stderr);
    assert.match(said.stdout, /^sales-tokens: 100k? ?(000|,000)? ?-> 120(k|000|,000)\b|^sales-tokens: 100,000 -> 120,000/);
    let now = await core.limit('sales-tokens');
    assertShape(now, LIMIT, 'overridden');
    assert.deepEqual([now.amount, now.file_amount, now.override.amount, now.override.reason, now.override.until],
        [120000, 100000, 120000, 'a busy day', null]);
    assert.equal(now.used, tokens.used, 'the usage is kept');

    await core.json('limit', 'set', 'sales-tokens', 'tokens=+10%', '--for', '1h');
    now = await core.limit('sales-tokens');
    assert.equal(now.amount, 132000);
    assert.ok(Math.abs(Date.parse(now.override.until) - Date.now() - 3600000) < 60000, now.override.until);
    await core.json('limit', 'set', 'sales-tokens', 'tokens=50k', '--group', 'costCenter=sales', '--until', '2099-01-01T00:00:00Z');
    now = await core.limit('sales-tokens');
    assert.deepEqual([now.amount, now.groups[0].amount], [132000, 50000]);

    // Above the ceiling: not without a terminal or --yes.
    await failing(core, 1, 'limit', 'set', 'sales-tokens', 'tokens=151k');
    assert.equal((await core.limit('sales-tokens')).amount, 132000);
    await core.json('limit', 'set', 'sales-tokens', 'tokens=151k', '--yes');
    assert.equal((await core.limit('sales-tokens')).amount, 151000);
    const undone = await core.json('limit', 'undo');
    assert.deepEqual([undone.old, undone.new], [151000, 132000]);

    await core.json('limit', 'block', 'sales-tokens', '--group', 'costCenter=sales', '--yes');
    assert.equal((await call(core, key)).errorType, 'ServiceQuotaExceededException');
    await core.json('limit', 'unblock', 'sales-tokens', '--group', 'costCenter=sales');
    assert.equal((await call(core, key, { maxTokens: 10 })).status, 200);
    await core.json('limit', 'block', 'money', '--yes', '--reason', 'too dear');
    assert.equal((await core.limit('money')).blocked, true);
    assert.equal((await call(core, key)).errorType, 'ServiceQuotaExceededException');
    await core.json('limit', 'unblock', 'money');
    assert.equal((await core.limit('money')).blocked, false);
    await core.json('limit', 'revert', 'sales-tokens', '--group', 'costCenter=sales');
    await core.json('limit', 'revert', 'sales-tokens');
    now = await core.limit('sales-tokens');
    assert.deepEqual([now.amount, now.override, now.groups[0].amount], [100000, null, 100000]);
    assert.ok(now.used > tokens.used, 'revert removes the override, not the usage');

    const history = await core.json('limit', 'history', 'sales-tokens');
    assert.equal(history.version, 1);
    assertShape(history.changes, is.list({ ...CHANGE, time: is.time }), 'changes');
    assert.deepEqual(history.changes.map((c) => c.action).reverse(), ['limit.set', 'limit.set', 'limit.set', 'limit.set', 'limit.undo',
        'limit.block', 'limit.unblock', 'limit.revert', 'limit.revert']);
    const [first, second, , fourth, undo] = [...history.changes].reverse();
    assert.deepEqual([first.old, first.new, first.reason, first.actor.uid], [100000, 120000, 'a busy day', process.getuid()]);
    assert.ok(second.until !== null);
    assert.equal(undo.undoes, fourth.change_id);
    await failing(core, 1, 'limit', 'undo', String(first.change_id)); // changed since
    await failing(core, 1, 'limit', 'undo', '999999');
});

test('status', async (t) => {
    const { core, key } = await begin(t);
    const small = await core.key('small', 'support');
    await call(core, key, { text: 'x', maxTokens: 10 });
    await call(core, small, { text: 'x', maxTokens: 10 });
    const denied = await call(core, small, { text: 'x', maxTokens: 10 });
    await call(core, 'tgb_wrong');
    const { stdout } = await core.run('status', '--json');
    const status = JSON.parse(stdout);
    assertShape(status, STATUS, 'status');
    assert.equal(status.pid, core.process.pid);
    assert.deepEqual(status.listen, [core.url]);
    const { totals } = status;
    assert.deepEqual([totals.requests, totals.approved, totals.denied, totals.failed, totals.rejected, totals.open], [3, 2, 1, 0, 1, 0]);
    assert.deepEqual(status.models.map((m) => m.name), ['claude-3-5-haiku', 'nova-lite', 'nova-micro']);
    assert.equal(status.models[1].requests, 3);
    assert.deepEqual(status.cost_centers.map((c) => [c.name, c.requests]).sort(), [['sales', 1], ['support', 2]]);
    assert.deepEqual(status.applications.map((c) => [c.name, c.denied]).sort(), [['search', 0], ['small', 1]]);
    assert.equal(status.denials.length, 1);
    assert.deepEqual([status.denials[0].request_id, status.denials[0].limit, status.denials[0].model, status.denials[0].tags.applicationId],
        [denied.requestId, 'small', 'nova-lite', 'small']);
    assert.equal(status.health.store, 'ok');
    for (const [, amount] of stdout.matchAll(/"usd": ?([^,}\s]+)/g)) {
        assert.match(amount, /^(0|[1-9]\d*)(\.\d*[1-9])?$/, 'dollars are exact decimals');
    }
    const text = await core.run('status');
    assert.equal(text.status, 0);
    assert.ok(text.stdout.includes('nova-lite') && text.stdout.includes('support'));
});

test('audit and usage', async (t) => {
    const { core, key } = await begin(t);
    const small = await core.key('small', 'support');
    const answers = [];
    for (const [who, more] of [[key, {}], [key, { stream: true }], [small, {}], [small, {}]]) {
        answers.push(await call(core, who, { text: 'one two', maxTokens: 10, ...more }));
    }
    await call(core, 'tgb_wrong');
    await core.run('limit', 'set', 'money', 'usd=20.25', '--reason', 'r');
    const lines = await core.jsonLines('audit');
    const calls = lines.filter((l) => l.type === 'call');
    assertShape(calls, is.list(CALL), 'call');
    assertShape(lines.filter((l) => l.type === 'change' && l.action.startsWith('limit.')), is.list(CHANGE), 'change');
    assert.equal(lines.filter((l) => l.type !== 'call' && l.type !== 'change').length, 0);
    assert.equal(new Set(lines.map((l) => l.seq)).size, lines.length);
    assert.deepEqual(lines.map((l) => l.seq), lines.map((l) => l.seq).sort((a, b) => a - b), 'in order of seq');
    assert.deepEqual(calls.map((c) => c.outcome).sort(), ['approved', 'approved', 'approved', 'denied', 'rejected']);
    for (const answer of answers) {
        const line = calls.find((c) => c.request_id === answer.requestId);
        assert.equal(line.http_status, answer.status);
        assert.equal(line.model, 'nova-lite');
        assert.equal(line.model_id, 'amazon.nova-lite-v1:0');
        assert.ok([key.accessKeyId, small.accessKeyId].includes(line.principal));
        if (answer.usage) {
            assert.deepEqual([line.usage.input_tokens, line.usage.output_tokens], [answer.usage.inputTokens, answer.usage.outputTokens]);
            const nano = answer.usage.inputTokens * 60 + answer.usage.outputTokens * 240;
            assert.equal(Math.round(line.usd * 1e9), nano, 'at nova-lite\'s price');
        } else {
            assert.equal(line.limit, 'small');
        }
    }
    const change = lines.find((l) => l.action === 'limit.set');
    assert.deepEqual([change.limit, change.old, change.new, change.reason], ['money', 12.5, 20.25, 'r']);

    const outcomes = async (...filter) => (await core.calls(...filter)).map((c) => c.outcome).sort();
    assert.deepEqual(await outcomes('--where', 'application=small'), ['approved', 'denied']);
    assert.deepEqual(await outcomes('--where', 'applicationId=small'), ['approved', 'denied']);
    assert.deepEqual(await outcomes('--where', 'costCenter=nobody'), []);
    assert.equal((await outcomes('--since', '1h')).length, 5);
    assert.deepEqual(await outcomes('--since', '2099-01-01T00:00:00Z'), []);

    const usage = await core.json('usage', '--by', 'model,costCenter');
    assertShape(usage, USAGE(['model', 'costCenter']), 'usage');
    assert.deepEqual(usage.by, ['model', 'costCenter']);
    const support = usage.rows.find((r) => r.key.costCenter === 'support');
    assert.deepEqual([support.key.model, support.requests, support.approved, support.denied], ['nova-lite', 2, 1, 1]);
    assertShape(await core.json('usage'), USAGE(['model']), 'usage');
    await failing(core, 2, 'audit', '--since', 'yesterday');
    const newest = await core.jsonLines('audit', '--max', '2');
    assert.deepEqual(newest.map((line) => line.seq), lines.slice(-2).map((line) => line.seq), 'the newest, oldest first');
    assert.equal((await core.jsonLines('audit', '--max', '100000')).length, lines.length);
    await failing(core, 2, 'usage', '--by');
});

test('audit --follow', async (t) => {
    const { core, key } = await begin(t);
    const follower = launch(['audit', '--follow', '--json', '--config', core.config]);
    t.after(() => follower.child.kill('SIGKILL'));
    const answer = await call(core, key, { maxTokens: 10 });
    await until('the follower to see the call', () => follower.stdout.includes(answer.requestId));
    const second = await call(core, key, { maxTokens: 10 });
    await until('the follower to see the next one', () => follower.stdout.includes(second.requestId));
    assert.equal(follower.stdout.split(answer.requestId).length, 2, 'each once');
    for (const line of follower.stdout.split('\n').filter(Boolean)) {
        JSON.parse(line);
    }
});

test('CSV, and text that a terminal or a spreadsheet would act on', async (t) => {
    const { core } = await begin(t);
    for (const name of ['=1+1', '+1', '-1', '@x', 'plain']) {
        const key = await core.key(name, 'sales');
        assert.equal((await call(core, key, { maxTokens: 10 })).status, 200);
    }
    const { status, stdout } = await core.run('usage', '--by', 'application', '--csv');
    assert.equal(status, 0);
    const [head, ...rows] = stdout.trim().split(/\r?\n/).map((line) => line.split(','));
    for (const column of Object.keys(TOTALS).filter((c) => c !== 'open')) {
        assert.ok(head.includes(column), column);
    }
    assert.deepEqual(rows.map((r) => r[0].replace(/^"|"$/g, '')).sort(), ['\'=1+1', '\'+1', '\'-1', '\'@x', 'plain'].sort());
    for (const row of rows) {
        assert.equal(row.length, head.length);
        assert.equal(row[head.indexOf('requests')], '1');
    }
    const reason = '\u001b[31mred\u0007 \u202e reversed \u009b';
    assert.equal((await core.run('limit', 'set', 'money', 'usd=13', '--reason', reason)).status, 0);
    for (const args of [['limit', 'history'], ['limit', 'list'], ['audit'], ['status']]) {
        const shown = (await core.run(...args)).stdout;
        assert.doesNotMatch(shown, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/, args.join(' '));
    }
    const [change] = (await core.json('limit', 'history', 'money')).changes;
    assert.equal(change.reason, reason, 'the JSON has it as it was');
});

test('exit codes, and no core', async (t) => {
    const { core, key } = await begin(t);
    await call(core, key, { maxTokens: 10 });
    assert.equal((await core.run('status')).status, 0);
    assert.equal((await run(['--help'])).status, 0);
    for (const command of ['serve', 'sim', 'status', 'limit', 'key', 'audit', 'usage', 'probe', 'check', 'demo']) {
        const help = await run([command, '--help']);
        assert.equal(help.status, 0, `${command} --help`);
        assert.match(help.stdout, /usage: tollgate/);
        await failing(core, 2, command, '--no-such-option');
    }
    for (const words of [['nonsense'], ['limit'], ['limit', 'set'], ['limit', 'set', 'money'], ['limit', 'set', 'money', 'usd'],
        ['limit', 'dance', 'money'], ['limit', 'revert'], ['key', 'revoke'], ['status', 'extra'], ['audit', 'extra']]) {
        await failing(core, 2, ...words);
    }
    for (const words of [['set', 'nobody', 'tokens=1'], ['set', 'money', 'tokens=1'], ['set', 'money', 'usd=many'], ['set', 'money', 'usd=-1'],
        ['revert', 'nobody'], ['block', 'nobody', '--yes'], ['set', 'sales-tokens', 'tokens=1k', '--group', 'team=x'],
        ['set', 'money', 'usd=1', '--for', 'ever'], ['set', 'money', 'usd=1', '--until', '2001-01-01T00:00:00Z']]) {
        await failing(core, 1, 'limit', ...words);
    }
    const before = await core.json('limit', 'list');
    assert.equal(await core.stop(), 0);
    for (const args of [['status'], ['limit', 'set', 'money', 'usd=1'], ['limit', 'block', 'money', '--yes'], ['limit', 'undo']]) {
        const { stdout } = await failing(core, 1, ...args, '--json');
        const said = JSON.parse(stdout);
        assertShape(said, ERROR, args.join(' '));
        assert.equal(said.error.code, 'no_core');
    }
    // What works without one.
    const offline = await core.key('offline', 'sales');
    assertShape(offline, KEY_ADDED, 'key');
    assert.equal((await core.json('key', 'list')).keys.length, 2);
    const after = await core.json('limit', 'list');
    assertShape(after, LIMITS, 'limit list');
    assert.deepEqual(after.limits.map((l) => [l.name, l.used]), before.limits.map((l) => [l.name, l.used]));
    assertShape((await core.json('limit', 'history')).changes, { list: { change_id: is.count } }, 'history');
    assert.equal((await core.calls()).length, 1);
    assert.equal((await core.json('usage')).rows.length, 1);
    await core.start();
    assert.equal((await call(core, offline, { maxTokens: 10 })).status, 200, 'a key issued without a core works');
});

// Lines with a "# !" are mistakes.
const WRONG = `listen:
  - address: 0.0.0.0:8088          # !
  - address: 127.0.0.1:99999       # !
identity: perhaps                  # !
region: us-east-1
colour: blue                       # !
poll: {cloudwatch: 5x}             # !
endpoints:
  bedrock-runtime: http://bedrock.example.com   # !
  mainframe: http://127.0.0.1:1    # !
tags:
  from_caller: [applicationId]
  sorts: [costCenter]              # !
models:
  - name: nova
    id: amazon.nova-lite-v1:0
  - name: nova                     # !
    id: amazon.nova-micro-v1:0
limits:
  - name: twice
    tokens: 12 apples              # !
    window: 1m
  - name: twice                    # !
    tokens: 5
    window: 1m
  - name: window
    tokens: 5
    window: fortnight              # !
  - name: nothing                  # !
    window: 1m
  - name: model
    model: nobody-defines-this     # !
    tokens: 5
    window: 1m
  - name: both
    tokens: 5
    usd: 5                         # !
    window: 1m
  - name: later
    tokens: 5
    window: 1m
    rolling: sometimes             # !
requests: {max_body: 25 parsecs}   # !
retention: {calls: ninety days}    # !
estimate: guess                    # !
store: redis://127.0.0.1           # !
timezone: Mars/Olympus_Mons        # !
`;

test('wrong words of limit are answered with the forms of that action', async () => {
    const { status, stderr } = await run(['limit', 'set', 'minute']);
    assert.equal(status, 2);
    assert.match(stderr, /^tollgate: limit: .*\n  tollgate limit set NAME METRIC=AMOUNT .*\n$/);
    assert.match((await run(['limit', 'try'])).stderr, /try NAME .*\n.*try NEW .*\n +\[--cost-center C\].*\n$/);
    assert.match((await run(['limit', 'sett'])).stderr, /usage: tollgate limit list/);
});

test('check says every mistake of a file with its line', async (t) => {
    const dir = temporaryDirectory(t);
    const file = path.join(dir, 'wrong.yaml');
    fs.writeFileSync(file, `state_dir: ${dir}/state\n${WRONG}`);
    const wanted = WRONG.split('\n').flatMap((line, i) => (line.includes('# !') ? [i + 2] : []));
    for (const command of ['check', 'serve']) {
        const { status, stderr } = await run([command, '--config', file]);
        assert.equal(status, 1, command);
        const said = [...stderr.matchAll(/^(.*):(\d+): (?!warning)(.+)$/gm)];
        assert.ok(said.every(([, name]) => name === file));
        const lines = [...new Set(said.map(([, , line]) => Number(line)))].sort((a, b) => a - b);
        const text = WRONG.split('\n');
        assert.deepEqual(wanted.filter((n) => !lines.includes(n)).map((n) => text[n - 2]), [], `${command}: not said`);
        assert.deepEqual(lines.filter((n) => !wanted.includes(n)).map((n) => text[n - 2]), [], `${command}: said, but right`);
        assert.match(stderr, /limits\[0\]\.tokens: /, 'with its key');
        assert.doesNotMatch(stderr, /core that runs/, 'who only reads the file asks no core');
    }
    assert.ok(!fs.existsSync(path.join(dir, 'state')), 'nothing was begun');
    fs.writeFileSync(file, `state_dir: ${dir}/state\nregion: us-east-1\n`);
    const good = await run(['check', '--config', file]);
    assert.equal(good.status, 0, good.stderr);
    fs.writeFileSync(file, 'listen: [\n');
    const broken = await run(['check', '--config', file]);
    assert.equal(broken.status, 1);
    assert.match(broken.stderr, /:[12]: /);
    assert.equal((await run(['check', '--config', path.join(dir, 'absent.yaml')])).status, 1);
});
