// `tollgate probe`: no overshoot through our own proxy, one found at an upstream without limits; what it says when it cannot tell.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test from 'node:test';

import { configuration, Core, launch, run, Simulation, temporaryDirectory, until } from '../lib/harness.mjs';

const MODELS = {
    bedrock: ['nova-lite', 'amazon.nova-lite-v1:0'],
    openai: ['gpt-oss', 'openai.gpt-oss-20b-1:0'],
    anthropic: ['sonnet', 'anthropic.claude-sonnet-4-6'],
};
const LIMIT = 4000;
const WITHIN = 60000;

const probe = (args, more = {}) => run(['probe', ...args], { within: WITHIN, ...more });

test('our own proxy holds its limit, in each dialect', { timeout: 180000 }, async (t) => {
    const sim = await Simulation.start(t, { latencyMs: 20 });
    const core = await Core.start(t, sim, configuration(sim, { models: Object.values(MODELS).map(([name, id]) => ({ name, id })), limits: [{ name: 'all', per: ['costCenter'], tokens: LIMIT, window: 'month' }] }));
    for (const dialect of ['bedrock', 'openai', 'anthropic']) {
        const key = await core.key('probe', dialect);
        const file = path.join(core.dir, `${dialect}.key`);
        fs.writeFileSync(file, `${key.bearerToken}\n`);
        const [model] = MODELS[dialect];
        const args = [core.url, '--model', model, '--limit', `tokens=${LIMIT}`, '--dialect', dialect, '--key-file', file,
            '--max-tokens', '40', '--parallel', '10,64,100'];
        const { status, stdout, stderr } = await probe([...args, '--json']);
        assert.equal(status, 0, `${dialect}: ${stdout}${stderr}`);
        const said = JSON.parse(stdout);
        assert.deepEqual([said.version, said.dialect, said.model, said.overshoot, said.over], [1, dialect, model, false, 0]);
        assert.deepEqual(said.limit, { metric: 'tokens', amount: LIMIT });
        assert.deepEqual(said.steps.map((s) => s.parallel), [10, 64, 100]);
        assert.deepEqual(said.steps.map((s) => [s.sent, s.failed, s.without_usage]), [[10, 0, 0], [64, 0, 0], [100, 0, 0]], stdout);
        assert.ok(said.counted > LIMIT / 2 && said.counted <= LIMIT, `${said.counted} of ${LIMIT}`);
        assert.ok(said.steps[2].denied > 0, 'the limit was reached');
        const group = (await core.limit('all')).groups.find((g) => g.group.costCenter === dialect);
        assert.equal(group.used, said.counted, 'the probe counts what the limit counts');
    }
});

test('an upstream without a limit is found out', { timeout: 120000 }, async (t) => {
    const sim = await Simulation.start(t, { latencyMs: 20 });
    const core = await Core.start(t, sim, configuration(sim)); // it signs; nothing limits here
    const { bearerToken } = await core.key();
    const env = { TOLLGATE_PROBE_KEY: bearerToken };
    const args = [core.url, '--model', 'nova-lite', '--limit', 'tokens=300', '--max-tokens', '40', '--parallel', '4,32'];
    const told = await probe(args, { env });
    assert.equal(told.status, 1, told.stdout + told.stderr);
    assert.match(told.stdout, /^PARALLEL/m);
    assert.match(told.stdout, /^OVERSHOOT: [\d,]+ tokens were served of a limit of 300: [\d,]+ too many/m);
    assert.doesNotMatch(told.stdout + told.stderr, new RegExp(bearerToken));
    const ledger = await sim.settled();
    const json = await probe([...args, '--calls', '40', '--json'], { env });
    assert.equal(json.status, 1);
    const said = JSON.parse(json.stdout);
    const after = await sim.settled();
    assert.equal(said.counted, after.input_tokens + after.output_tokens - ledger.input_tokens - ledger.output_tokens, 'it counts what was served');
    assert.deepEqual(said.steps.map((s) => [s.parallel, s.sent, s.admitted]), [[4, 40, 40], [32, 40, 40]]);
    assert.equal(said.over, said.counted - 300);
    const requests = await probe([core.url, '--model', 'nova-lite', '--limit', 'requests=7', '--max-tokens', '5', '--parallel', '8'], { env });
    assert.equal(requests.status, 1);
    assert.match(requests.stdout, /OVERSHOOT: 8 requests/);
    const plain = await probe([core.url, '--model', 'nova-lite', '--max-tokens', '5', '--parallel', '2'], { env });
    assert.equal(plain.status, 0);
});

test('what it cannot tell, and how it ends', { timeout: 120000 }, async (t) => {
    const nobody = await probe(['http://127.0.0.1:9', '--model', 'm', '--limit', 'tokens=1', '--parallel', '2']);
    assert.equal(nobody.status, 1);
    assert.match(nobody.stderr, /some calls failed: /);
    assert.match(nobody.stderr, /no call was admitted/);
    const hangs = http.createServer(() => {});
    await new Promise((resolve) => hangs.listen(0, '127.0.0.1', resolve));
    t.after(() => { hangs.closeAllConnections(); hangs.close(); });
    const url = `http://127.0.0.1:${hangs.address().port}/v1/chat/completions`;
    const slow = await probe([url, '--model', 'm', '--timeout', '300ms', '--parallel', '3', '--json']);
    assert.equal(slow.status, 1);
    const said = JSON.parse(slow.stdout);
    assert.deepEqual([said.dialect, said.steps[0].failed], ['openai', 3]);
    assert.match(said.steps[0].problem, /Timeout/);
    let asked = 0;
    hangs.on('request', () => asked++);
    const interrupted = launch(['probe', url, '--model', 'm', '--parallel', '3'], { home: temporaryDirectory(t) });
    await until('the calls to be under way', () => asked >= 3, WITHIN);
    interrupted.child.kill('SIGINT');
    await interrupted.ended;
    assert.equal(interrupted.status, 1);
    assert.match(interrupted.stderr, /interrupted/);
    for (const args of [[], ['http://a'], ['http://a', '--model', 'm', '--limit', 'tokens'], ['http://a', '--model', 'm', '--limit', 'usd=1'],
        ['http://a', '--model', 'm', '--parallel', '0'], ['http://a', '--model', 'm', '--parallel', '10,'], ['http://a', 'b', '--model', 'm'],
        ['http://a', '--model', 'm', '--dialect', 'x'], ['http://a', '--model', 'm', '--key-file', '/nowhere'], ['http://a', '--model', 'm', '--timeout', '0s']]) {
        assert.equal((await probe(args)).status, 2, args.join(' '));
    }
    const odd = await probe(['ftp://a', '--model', 'm']);
    assert.equal(odd.status, 1);
    assert.match(odd.stderr, /http:\/\/ or https:\/\//);
});
