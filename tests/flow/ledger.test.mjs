// Some thousands of mixed calls; afterwards three counts must agree: what clients saw, what the simulated Bedrock
// served, what the ledger holds (and, from it, the limits and CloudWatch).
import assert from 'node:assert/strict';
import test from 'node:test';

import { call, request, wordCount } from '../lib/calls.mjs';
import {
    assertNothingReserved, configuration, Core, inParallel, MODELS, seeded, Simulation, until,
} from '../lib/harness.mjs';

const CALLS = 3000;
const PARALLEL = 48;
const FAULTS = ['throttle', '500', '503', 'exception', 'cut'];

// Applications that call without bound, and one that soon runs into its limit.
const APPLICATIONS = [['search', 'sales'], ['chat', 'sales'], ['batch', 'services'], ['helper', 'support']];
const DENIED = ['greedy', 'support'];

// Every class has a price, so that no call is unpriced (Nova's cache writes have none in the catalog).
const PRICE = { input: 0.8, output: 4, cache_read: 0.08, cache_write: 1 };

const settings = (sim) => configuration(sim, {
    models: MODELS.map((m) => ({ ...m, price: PRICE })),
    tags: { required: ['costCenter'] },
    limits: [
        { name: 'greedy-month', match: { application: 'greedy' }, tokens: 4000, window: 'month' },
        { name: 'tokens', per: ['costCenter'], tokens: '1G', window: 'month' },
        { name: 'input', input_tokens: '1G', window: 'month' },
        { name: 'output', per: ['application', 'model'], output_tokens: '1G', window: 'month' },
        { name: 'calls', requests: '1G', window: 'month' },
        { name: 'money', per: ['costCenter'], usd: 1000000, window: 'month' },
        { name: 'at-once', concurrency: 1000 },
    ],
    publish: { metrics: { every: '60s' } },
});

function plan(random) {
    const roll = random();
    const words = 'lorem '.repeat(1 + Math.floor(random() * 200));
    const common = { model: MODELS[Math.floor(random() * MODELS.length)].name, stream: random() < 0.6 };
    const output = 1 + Math.floor(random() * 60);
    const maxTokens = random() < 0.7 ? 80 : undefined;
    if (roll < 0.05) { // leaves in the middle: long enough that it cannot be over before
        return { kind: 'left', ...common, stream: true, leaveAfter: 1 + Math.floor(random() * 4),
            text: `${words}[sim:output=2000][sim:delay_us=5000]` };
    }
    if (roll < 0.15) {
        const fault = FAULTS[Math.floor(random() * FAULTS.length)];
        return { kind: 'fault', fault, ...common, text: `${words}[sim:fault=${fault}][sim:output=${output + 5}]`, maxTokens };
    }
    if (roll < 0.18) {
        return { kind: 'rejected', ...common, body: '{"messages": [{"role": "user"' };
    }
    const cache = roll < 0.4 ? `a prefix that is the same for everybody ${'x '.repeat(600)}` : undefined;
    return { kind: 'plain', ...common, text: `${words}[sim:output=${output}]`, maxTokens, cache };
}

const ran = (line) => line.outcome === 'approved' || line.outcome === 'failed';
const isEstimated = (line) => ran(line) && line.usage_source === 'estimated';
const sum = (list, fn) => list.reduce((n, x) => n + fn(x), 0);

async function runCalls(core, keys) {
    const random = seeded(20261121);
    const plans = Array.from({ length: CALLS }, () => plan(random));
    return inParallel(plans, PARALLEL, async (p) => {
        const key = keys[Math.floor(random() * keys.length)];
        return { ...p, key, answer: await call(core, key, p) };
    });
}

// Every call one by one against its line in the audit.
function compareCalls(done, lines) {
    const byId = new Map(lines.map((l) => [l.request_id, l]));
    assert.equal(byId.size, lines.length, 'each call is in the audit once');
    assert.equal(lines.length, done.length, 'every call is in the audit, and no other');
    for (const { kind, fault, stream, key, answer, model } of done) {
        const line = byId.get(answer.requestId);
        const what = `${kind} ${fault ?? ''} ${stream ? 'stream' : 'plain'} ${answer.requestId} ${JSON.stringify(line)}`;
        assert.ok(line, what);
        assert.equal(line.principal, key.accessKeyId, what);
        assert.ok(answer.malformed === null || fault === 'cut', `${what}: ${answer.malformed}`); // see faults.test.mjs
        if (kind === 'rejected') {
            assert.deepEqual([answer.status, line.outcome, line.http_status], [400, 'rejected', 400], what);
            continue;
        }
        assert.equal(line.tags.applicationId, key.tags.applicationId, what);
        if (line.outcome === 'denied') {
            assert.equal(key.tags.applicationId, DENIED[0], what);
            assert.deepEqual([answer.status, answer.errorType], [400, 'ServiceQuotaExceededException'], what);
            assert.equal(line.limit, 'greedy-month', what);
            continue;
        }
        assert.equal(line.model, model, what);
        assert.equal(line.operation, stream ? 'ConverseStream' : 'Converse', what);
        if (answer.usage) {
            assert.equal(line.outcome, 'approved', what);
            assert.equal(line.usage_source, 'reported', what);
            assert.deepEqual(
                [line.usage.input_tokens, line.usage.output_tokens, line.usage.cache_read_tokens,
                    line.usage.cache_write_5m_tokens + line.usage.cache_write_1h_tokens],
                [answer.usage.inputTokens, answer.usage.outputTokens, answer.usage.cacheReadInputTokens,
                    answer.usage.cacheWriteInputTokens], what);
        } else {
            assert.ok(kind === 'left' || kind === 'fault', what);
            assert.ok(line.usage.output_tokens >= wordCount(answer.text), `${what}: ${wordCount(answer.text)} words were seen`);
            const refused = answer.status >= 400;
            assert.equal(line.usage_source, refused ? 'reported' : 'estimated', what);
            assert.equal(line.outcome, kind === 'fault' ? 'failed' : line.outcome, what);
        }
    }
}

function compareSimulation(lines, ledger) {
    const reported = lines.filter((l) => l.outcome === 'approved' && l.usage_source === 'reported');
    const estimated = lines.filter(isEstimated);
    assert.equal(reported.length, ledger.completed);
    assert.equal(estimated.length, ledger.aborted);
    for (const [id, tally] of Object.entries(ledger.by_model)) {
        const of = reported.filter((l) => l.model_id === id);
        assert.deepEqual({
            completed: of.length,
            input_tokens: sum(of, (l) => l.usage.input_tokens),
            output_tokens: sum(of, (l) => l.usage.output_tokens),
            cache_read_tokens: sum(of, (l) => l.usage.cache_read_tokens),
            cache_write_tokens: sum(of, (l) => l.usage.cache_write_5m_tokens + l.usage.cache_write_1h_tokens),
        }, Object.fromEntries(['completed', 'input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens']
            .map((k) => [k, tally[k]])), id);
        const cut = estimated.filter((l) => l.model_id === id);
        const delivered = tally.delivered_output_tokens - tally.output_tokens;
        assert.ok(sum(cut, (l) => l.usage.output_tokens) >= delivered, `${id}: ${delivered} tokens were delivered by cut calls`);
    }
    assert.ok(ledger.cache_read_tokens > 0 && ledger.aborted > 100 && ledger.refused > 100, 'the load was mixed');
}

function compareUsage(rows, lines, by) {
    const keyOf = { model: (l) => l.model ?? '', costCenter: (l) => l.tags.costCenter, application: (l) => l.tags.applicationId };
    for (const row of rows) {
        const of = lines.filter((l) => (keyOf[by](l) ?? '') === Object.values(row.key)[0]);
        const accepted = of.filter((l) => l.outcome !== 'rejected');
        const expected = {
            requests: accepted.length,
            approved: accepted.filter((l) => l.outcome !== 'denied').length,
            failed: accepted.filter((l) => l.outcome === 'failed').length,
            denied: accepted.filter((l) => l.outcome === 'denied').length,
            rejected: of.length - accepted.length,
            input_tokens: sum(of, (l) => l.usage.input_tokens),
            output_tokens: sum(of, (l) => l.usage.output_tokens),
            cache_read_tokens: sum(of, (l) => l.usage.cache_read_tokens),
            cache_write_tokens: sum(of, (l) => l.usage.cache_write_5m_tokens + l.usage.cache_write_1h_tokens),
            estimated: of.filter(isEstimated).length,
        };
        const got = Object.fromEntries(Object.keys(expected).map((k) => [k, row[k]]));
        assert.deepEqual(got, expected, `usage by ${by}: ${JSON.stringify(row.key)}`);
    }
    assert.equal(sum(rows, (r) => r.requests + r.rejected), lines.length, `usage by ${by} has every call`);
}

async function compareLimits(core, lines) {
    const { limits } = await assertNothingReserved(core);
    const used = Object.fromEntries(limits.map((l) => [l.name, l.used]));
    const all = (u) => u.input_tokens + u.output_tokens + u.cache_read_tokens + u.cache_write_5m_tokens + u.cache_write_1h_tokens;
    const input = (u) => all(u) - u.output_tokens;
    assert.equal(used.tokens, sum(lines, (l) => all(l.usage)), 'tokens');
    assert.equal(used.input, sum(lines, (l) => input(l.usage)), 'input_tokens');
    assert.equal(used.output, sum(lines, (l) => l.usage.output_tokens), 'output_tokens');
    assert.equal(used['at-once'], 0, 'concurrency');
    const sent = lines.filter(ran);
    const generated = sent.filter((l) => isEstimated(l) || l.outcome === 'approved');
    assert.ok(used.calls >= generated.length && used.calls <= sent.length, `requests: ${used.calls}`);
    const money = limits.find((l) => l.name === 'money');
    const dollars = (list) => Math.round(sum(list, (l) => Math.round((l.usd ?? 0) * 1e9)));
    for (const g of money.groups) {
        const of = lines.filter((l) => l.tags.costCenter === g.group.costCenter);
        assert.equal(Math.round(g.used * 1e9), dollars(of), `usd of ${g.group.costCenter}`);
    }
    const greedy = limits.find((l) => l.name === 'greedy-month');
    assert.ok(greedy.denied > 10, 'the greedy application was denied');
    assert.equal(greedy.denied, lines.filter((l) => l.outcome === 'denied').length);
    assert.ok(greedy.used <= greedy.amount, `${greedy.used} of ${greedy.amount}`);
}

async function compareCloudWatch(core, sim, lines) {
    const control = await core.control();
    const accepted = lines.filter((l) => l.outcome !== 'rejected');
    const wanted = {
        TotalRequests: accepted.length,
        RateLimitApproved: accepted.filter((l) => l.outcome !== 'denied').length,
        RateLimitDenied: accepted.filter((l) => l.outcome === 'denied').length,
        InvocationFailed: accepted.filter((l) => l.outcome === 'failed').length,
        InputTokens: sum(accepted, (l) => l.usage.input_tokens),
        OutputTokens: sum(accepted, (l) => l.usage.output_tokens),
    };
    const published = async () => {
        const { metrics } = await sim.ledger();
        const series = Object.entries(metrics).filter(([name]) => name.startsWith('GenAIRateLimiting/'));
        const of = (metric, dimension = '') => sum(series.filter(([name]) =>
            name.startsWith(`GenAIRateLimiting/${metric}/`) && name.includes(dimension)), ([, value]) => value);
        return { series, of };
    };
    await control.ask('refresh', {});
    await until('every call to be published', async () => (await published()).of('TotalRequests') >= wanted.TotalRequests);
    await control.ask('refresh', {}); // nothing may be published twice
    const before = (await sim.ledger()).put_metric_calls;
    await core.json('status');
    control.close();
    const { series, of } = await published();
    assert.ok(before > 0);
    for (const [metric, value] of Object.entries(wanted)) {
        assert.equal(of(metric), value, metric);
    }
    for (const center of ['sales', 'services', 'support']) {
        assert.equal(of('OutputTokens', `CostCenter=${center},`),
            sum(accepted.filter((l) => l.tags.costCenter === center), (l) => l.usage.output_tokens), center);
    }
    for (const [name] of series) {
        assert.match(name, /\/Application=[^,]+,CostCenter=[^,]+,Environment=none,Model=[^,]+,ModelId=[^,]+$/);
    }
}

test('what clients saw, Bedrock served, the ledger, the limits and CloudWatch hold is the same', { timeout: 150000 }, async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, settings(sim));
    const keys = await inParallel([...APPLICATIONS, DENIED], 1, ([a, c]) => core.key(a, c));
    const done = await runCalls(core, keys);
    for (const { answer } of done.filter((d) => d.kind === 'plain')) {
        assert.equal(answer.error, null);
    }
    const ledger = await sim.settled();
    await until('the core to end every call', async () => (await core.json('status')).totals.open === 0);
    const lines = await core.calls();

    await t.test('each call has one line in the audit, with the usage its client saw', () => compareCalls(done, lines));
    await t.test('the ledger and the simulation agree to the token', () => compareSimulation(lines, ledger));
    await t.test('usage by model, cost center and application sums the same lines', async () => {
        for (const by of ['model', 'costCenter', 'application']) {
            compareUsage((await core.json('usage', '--by', by)).rows, lines, by);
        }
    });
    await t.test('limits used what the lines sum up to, and hold nothing', () => compareLimits(core, lines));
    await t.test('CloudWatch holds the same sums', () => compareCloudWatch(core, sim, lines));
    await t.test('/metrics counts the same', async () => {
        const counted = async (outcome) => {
            const { body } = await request(core.url, { method: 'GET', path: '/metrics' });
            const values = [...String(body).matchAll(/^tollgate_requests_total\{([^}]*)\} (\d+)$/gm)];
            return sum(values.filter(([, labels]) => labels.includes(`outcome="${outcome}"`)), ([, , n]) => Number(n));
        };
        const denied = lines.filter((l) => l.outcome === 'denied').length;
        await until('/metrics to count the denials', async () => await counted('denied') === denied);
        assert.equal(await counted('failed'), lines.filter((l) => l.outcome === 'failed').length);
    });
    await t.test('what used nothing is not marked as an estimate', () => {
        const wrong = lines.filter((l) => !ran(l) && l.usage_source === 'estimated');
        assert.equal(wrong.length, 0, `${wrong.length} denied or rejected calls, as ${JSON.stringify(wrong[0])}`);
    });
    await t.test('a restart changes nothing', async () => {
        const before = await core.json('limit', 'list');
        assert.equal(await core.stop(), 0);
        await core.start();
        const after = await core.json('limit', 'list');
        for (const [i, limit] of after.limits.entries()) {
            assert.equal(limit.used, before.limits[i].used, limit.name);
        }
        assert.equal((await core.calls()).length, lines.length);
    });
});
