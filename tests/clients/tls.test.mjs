// Every SDK over TLS, with a certificate authority of ours: each in a process of its own, since Node reads that at start.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { assertNothingReserved, MODELS, selfSigned, until } from '../lib/harness.mjs';
import { startBoth } from './sdk.mjs';

const CELLS = fileURLToPath(new URL('cells.mjs', import.meta.url));
const run = promisify(execFile);
const NAMES = ['AWS, HTTP/2, SigV4', 'AWS, HTTP/1.1, bearer', 'openai', 'anthropic', 'anthropic on Bedrock'];

test('over TLS', { timeout: 220000 }, async (t) => {
    const files = selfSigned(t);
    const { sim, core } = await startBoth(t, {
        listen: [{ address: '127.0.0.1:0', ...files }, { address: '127.0.0.1:0' }],
        models: [...MODELS, { name: 'gpt-oss', id: 'openai.gpt-oss-120b-1:0' }, { name: 'sonnet', id: 'anthropic.claude-sonnet-4-6' }],
    }, { tokenDelayUs: 1000 });
    const [url, plain] = core.urls;
    assert.match(`${url} ${plain}`, /^https:.* http:/);
    const start = (name, key, env) => run(process.execPath, [CELLS, name],
        { env: { PATH: process.env.PATH, TOLLGATE_CELLS: JSON.stringify({ url, plain, key }), ...env }, timeout: 100000 });
    for (const [i, name] of NAMES.entries()) {
        await t.test(`${name}: content, usage, errors, retries, an abort, 25 MB, 100 streams`, async () => {
            const { stdout } = await start(name, await core.key(`sdk-${i}`), { NODE_EXTRA_CA_CERTS: files.certificate });
            const said = JSON.parse(stdout);
            await until('the abort to be noticed', async () => (await sim.settled()).aborted === i + 1);
            const lines = await until('the audit to tell', async () => {
                const calls = (await core.calls('--where', `application=sdk-${i}`)).filter((l) => l.outcome !== 'rejected');
                return calls.length === 104 + 3 + 1 && calls;
            });
            const answered = lines.filter((l) => l.usage_source === 'reported' && l.outcome === 'approved');
            const sum = (key) => answered.reduce((n, l) => n + l.usage[key], 0);
            assert.deepEqual({ calls: answered.length, input: sum('input_tokens'), output: sum('output_tokens') }, said);
            assert.equal(lines.filter((l) => l.http_status === 500).length, 3, 'one, and one with its retry');
            const [left, ...others] = lines.filter((l) => l.usage_source === 'estimated');
            assert.ok(others.length === 0 && left.usage.output_tokens >= 3 && left.usage.input_tokens > 0, JSON.stringify(left));
        });
    }
    await t.test('a certificate nobody vouches for is not taken', async () => {
        const failed = await start('openai', await core.key(), {}).then(() => null, (e) => e);
        assert.match(failed?.stderr ?? '', /certificate/i);
    });
    await assertNothingReserved(core);
});
