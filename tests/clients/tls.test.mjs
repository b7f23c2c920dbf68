// Every SDK over TLS, with a certificate authority of ours: each in a process of its own, since Node reads that at start.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { temporaryDirectory } from '../lib/harness.mjs';
import { startBoth } from './sdk.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const run = promisify(execFile);

// What the process runs: prints the words of a whole answer and of a stream.
const PROGRAMS = {
    openai: `
        import OpenAI from 'openai';
        const c = new OpenAI({ apiKey: KEY.bearerToken, baseURL: URL_ + '/v1', maxRetries: 0 });
        const asked = { model: 'gpt-oss', max_tokens: 100, messages: [{ role: 'user', content: '[sim:output=30]' }] };
        say((await c.chat.completions.create(asked)).choices[0].message.content);
        let text = '';
        for await (const chunk of await c.chat.completions.create({ ...asked, stream: true })) {
            text += chunk.choices[0].delta.content ?? '';
        }
        say(text);`,
    anthropic: `
        import Anthropic from '@anthropic-ai/sdk';
        const c = new Anthropic({ apiKey: KEY.bearerToken, baseURL: URL_ + '/anthropic', maxRetries: 0 });
        const asked = { model: 'sonnet', max_tokens: 100, messages: [{ role: 'user', content: '[sim:output=30]' }] };
        say((await c.messages.create(asked)).content[0].text);
        say((await c.messages.stream(asked).finalMessage()).content[0].text);`,
    'anthropic on bedrock': `
        import AnthropicBedrock from '@anthropic-ai/bedrock-sdk';
        const c = new AnthropicBedrock({ awsAccessKey: KEY.accessKeyId, awsSecretKey: KEY.secretAccessKey, awsRegion: 'us-east-1',
            baseURL: URL_, maxRetries: 0 });
        const asked = { model: 'claude-3-5-haiku', max_tokens: 100, messages: [{ role: 'user', content: '[sim:output=30]' }] };
        say((await c.messages.create(asked)).content[0].text);
        say((await c.messages.stream(asked).finalMessage()).content[0].text);`,
};

test('over TLS', async (t) => {
    const dir = temporaryDirectory(t);
    const file = (name) => path.join(dir, name);
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
        '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
        '-keyout', file('tls.key'), '-out', file('tls.crt')], { stdio: 'pipe' });
    const { sim, core } = await startBoth(t, {
        listen: [{ address: '127.0.0.1:0', certificate: file('tls.crt'), private_key: file('tls.key') }],
        models: [
            { name: 'gpt-oss', id: 'openai.gpt-oss-120b-1:0' }, { name: 'sonnet', id: 'anthropic.claude-sonnet-4-6' },
            { name: 'claude-3-5-haiku', id: 'us.anthropic.claude-3-5-haiku-20241022-v1:0' },
        ],
    });
    assert.match(core.url, /^https:/);
    const key = await core.key();
    const start = (program, env) => run(process.execPath, ['--input-type=module', '-e',
        `const KEY = ${JSON.stringify(key)}, URL_ = ${JSON.stringify(core.url)};
        const say = (text) => console.log(text.split(' ').filter(Boolean).length);
        ${program}`], { cwd: here, env: { PATH: process.env.PATH, ...env }, timeout: 60000 });
    let completed = 0;
    for (const [name, program] of Object.entries(PROGRAMS)) {
        await t.test(name, async () => {
            const { stdout } = await start(program, { NODE_EXTRA_CA_CERTS: file('tls.crt') });
            assert.deepEqual(stdout.trim().split('\n'), ['30', '30']);
            completed += 2;
            assert.equal((await sim.settled()).completed, completed);
        });
    }
    await t.test('a certificate nobody vouches for is not taken', async () => {
        const failed = await start(PROGRAMS.openai, {}).then(() => null, (e) => e);
        assert.match(failed?.stderr ?? '', /certificate/i);
    });
});
