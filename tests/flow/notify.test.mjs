// `notify:` end to end: what a running core tells a webhook and a command, and what it says of that.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { configuration, Core, Simulation, temporaryDirectory, until } from '../lib/harness.mjs';

const WAIT_MS = 30000;

async function listener(t, answer = (response) => response.writeHead(200).end('ok')) {
    const posted = [];
    const server = http.createServer((request, response) => {
        let body = '';
        request.setEncoding('utf8').on('data', (text) => (body += text)).on('end', () => {
            posted.push({ path: request.url, ...JSON.parse(body) });
            answer(response, posted.length);
        });
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close());
    return { posted, url: `http://127.0.0.1:${server.address().port}` };
}

test('a webhook and a command are told of thresholds, blocks and the core', { timeout: 120000 }, async (t) => {
    const sim = await Simulation.start(t);
    const web = await listener(t);
    const file = path.join(temporaryDirectory(t), 'told');
    const core = await Core.start(t, sim, configuration(sim, {
        limits: [{ name: 'calls', requests: 5, window: 'month', per: ['costCenter'] }],
        notify: [
            { on: ['warn', 'block', 'core'], webhook: `${web.url}/hook/very-secret-token` },
            { on: ['block'], exec: ['/bin/sh', '-c', 'echo "$TOLLGATE_WHAT $TOLLGATE_LIMIT by $TOLLGATE_ACTOR" >>"$0"; cat >/dev/null', file] },
        ],
    }));
    const told = (what) => until(`${what} to be told`, () => web.posted.find((p) => p.what === what), WAIT_MS);
    const started = await told('started');
    assert.equal(started.event, 'core');
    assert.match(started.text, /^tollgate has started/);
    assert.equal(started.path, '/hook/very-secret-token');

    const key = await core.key();
    for (let i = 0; i < 7; i++) {
        await call(core, key, { maxTokens: 10 });
    }
    await until('both thresholds to be told', () => web.posted.filter((p) => p.event === 'warn').length === 2, WAIT_MS);
    const warned = web.posted.filter((p) => p.event === 'warn');
    assert.deepEqual(warned.map((p) => p.percent), [80, 100]);
    assert.deepEqual(warned[0].group, { costCenter: 'sales' });
    assert.equal(warned[0].limit, 'calls');

    assert.equal((await core.run('limit', 'block', 'calls', '--reason', 'too <much>', '--yes')).status, 0);
    const blocked = await told('blocked');
    assert.equal(blocked.event, 'block');
    assert.match(blocked.message, /^limit calls was blocked by \S+: too <much>$/);
    assert.match(blocked.text, /: too &lt;much&gt;$/);
    assert.equal((await core.run('limit', 'undo')).status, 0);
    await told('unblocked');
    const lines = () => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').filter(Boolean) : []);
    await until('the command to be told twice', () => lines().length === 2, WAIT_MS);
    assert.match(lines()[0], /^blocked calls by \S+$/);
    assert.match(lines()[1], /^unblocked calls by \S+$/);

    // Counted when the answer is there, a moment after it was heard here.
    const { health } = await until('all to be counted', async () => {
        const now = await core.json('status');
        return now.health.notify.told >= 7 && now;
    }, WAIT_MS);
    assert.equal(health.notify.targets, 2);
    const limit = await until('rates', async () => (await core.json('status')).limits.find((l) => l.rates && l.groups[0].rates), WAIT_MS);
    assert.deepEqual(Object.keys(limit.rates), ['per_minute_1m', 'per_minute_15m', 'per_minute_1h']);
    assert.equal(limit.empty_in_s, 0, 'nothing is left');
    assert.equal(limit.burn, null);
    assert.equal(health.notify.failed, 0);
    assert.equal(await core.stop(), 0);
    await told('stopped');
    assert.doesNotMatch(core.process.stderr, /very-secret-token/);
});

test('a webhook that fails is shown without its secret, and holds up no call', { timeout: 120000 }, async (t) => {
    const sim = await Simulation.start(t);
    const web = await listener(t, (response) => response.writeHead(404).end());
    const core = await Core.start(t, sim, configuration(sim, {
        notify: [
            { on: ['core'], webhook: `${web.url}/hook/very-secret-token` },
            { on: ['core'], exec: ['/bin/sh', '-c', 'exec sleep 30'] },
        ],
    }));
    assert.equal((await call(core, await core.key(), { maxTokens: 10 })).status, 200);
    await until('the failure to be shown', async () => (await core.json('status')).health.notify.failed >= 1, WAIT_MS);
    const { health } = await core.json('status');
    assert.match(health.notify.error, /^http:\/\/127\.0\.0\.1:\d+ answered 404$|took too long/);
    assert.doesNotMatch(core.process.stderr, /very-secret-token/);
});
