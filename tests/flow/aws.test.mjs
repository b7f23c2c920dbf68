// `tollgate aws ..`: the setup commands, against the simulated account.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { configuration, run, Simulation, temporaryDirectory } from '../lib/harness.mjs';

// A home without credentials or metadata, and a configuration file in it.
function home(t, sim, more) {
    const dir = temporaryDirectory(t);
    const config = path.join(dir, 'tollgate.yaml');
    fs.writeFileSync(config, JSON.stringify({ state_dir: path.join(dir, 'state'), ...configuration(sim, more) }));
    return { dir, config, env: { AWS_EC2_METADATA_DISABLED: 'true' } };
}

test('whoami tells who, from where, and the endpoints', async (t) => {
    const sim = await Simulation.start(t);
    const { dir, config, env } = home(t, sim);
    const answer = await run(['aws', 'whoami', '--json', '--config', config], { home: dir, env: { ...env, ...sim.credentials } });
    assert.equal(answer.status, 0, answer.stderr);
    const who = JSON.parse(answer.stdout);
    assert.equal(who.version, 1);
    assert.match(who.account, /^\d{12}$/);
    assert.match(who.arn, /^arn:aws:/);
    assert.ok(who.user_id);
    assert.deepEqual(who.credentials, { source: 'environment', access_key_id: sim.accessKeyId, expires_at: null });
    assert.deepEqual(who.region, { name: 'us-east-1', from: 'region: of the file' });
    assert.deepEqual(who.endpoints.sts, { url: sim.endpoints.sts, from: 'endpoints: of the file' });
    assert.equal(who.endpoints.logs.url, sim.endpoints.logs ?? 'https://logs.us-east-1.amazonaws.com');
    const text = await run(['aws', 'whoami', '--config', config], { home: dir, env: { ...env, ...sim.credentials } });
    assert.equal(text.status, 0, text.stderr);
    for (const part of [who.account, who.arn, 'environment', 'never', sim.endpoints['bedrock-runtime']]) {
        assert.ok(text.stdout.includes(part), `${part} is missing in\n${text.stdout}`);
    }
    assert.ok(!text.stdout.includes(sim.secretAccessKey));
});

test('whoami works without a file, by the environment alone', async (t) => {
    const sim = await Simulation.start(t);
    const dir = temporaryDirectory(t);
    const env = { ...sim.credentials, AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL_STS: sim.endpoints.sts, TOLLGATE_CONFIG: '' };
    const answer = await run(['aws', 'whoami', '--json'], { home: dir, cwd: dir, env });
    assert.equal(answer.status, 0, answer.stderr);
    const who = JSON.parse(answer.stdout);
    assert.deepEqual(who.region, { name: 'us-east-1', from: 'AWS_REGION' });
    assert.deepEqual(who.endpoints.sts, { url: sim.endpoints.sts, from: 'AWS_ENDPOINT_URL_STS' });
    assert.deepEqual(who.endpoints['bedrock-runtime'], { url: 'https://bedrock-runtime.us-east-1.amazonaws.com', from: 'AWS' });
});

test('a profile of the shared files gives role, Region and endpoints', async (t) => {
    const sim = await Simulation.start(t);
    const dir = temporaryDirectory(t);
    fs.mkdirSync(path.join(dir, '.aws'));
    fs.writeFileSync(path.join(dir, '.aws/credentials'), `[base]\naws_access_key_id = ${sim.accessKeyId}\naws_secret_access_key = ${sim.secretAccessKey}\n`);
    fs.writeFileSync(path.join(dir, '.aws/config'), [
        '[profile work]', 'role_arn = arn:aws:iam::123456789012:role/team/worker', 'source_profile = base', 'role_session_name = on-call',
        'region = us-east-1', 'services = simulated', '[services simulated]', 'sts =', `  endpoint_url = ${sim.endpoints.sts}`,
        '[profile signed-in]', 'sso_session = corp', 'region = us-east-1', ''].join('\n'));
    const answer = await run(['aws', 'whoami', '--json'], { home: dir, cwd: dir, env: { AWS_PROFILE: 'work' } });
    assert.equal(answer.status, 0, answer.stderr);
    const who = JSON.parse(answer.stdout);
    assert.match(who.arn, /:assumed-role\/worker\/on-call$/);
    assert.equal(who.credentials.source, 'profile work, role worker');
    assert.ok(Date.parse(who.credentials.expires_at) > Date.now());
    assert.deepEqual(who.region, { name: 'us-east-1', from: 'profile work' });
    assert.deepEqual(who.endpoints.sts, { url: sim.endpoints.sts, from: 'services simulated of profile work' });
    const sso = await run(['aws', 'whoami'], { home: dir, cwd: dir, env: { AWS_PROFILE: 'signed-in' } });
    assert.equal(sso.status, 1);
    assert.match(sso.stderr, /credential_process = aws configure export-credentials --profile signed-in --format process/);
});

test('without any Region every place that was looked at is named', async (t) => {
    const dir = temporaryDirectory(t);
    const answer = await run(['aws', 'whoami'], { home: dir, cwd: dir, env: { AWS_EC2_METADATA_DISABLED: 'true' } });
    assert.equal(answer.status, 1);
    assert.match(answer.stderr, /region: not given: .*AWS_REGION, AWS_DEFAULT_REGION, the AWS profile's region and the instance metadata/);
});

test('what is missing is said', async (t) => {
    const sim = await Simulation.start(t);
    const { dir, config, env } = home(t, sim);
    const none = await run(['aws', 'whoami', '--json', '--config', config], { home: dir, env });
    assert.equal(none.status, 1);
    assert.match(none.stderr, /no AWS credentials: looked at/);
    assert.equal(JSON.parse(none.stdout).error.code, 'not_found');
    const wrong = await run(['aws', 'whoami', '--config', config], { home: dir, env: { ...env, AWS_ACCESS_KEY_ID: 'AKIANOBODY', AWS_SECRET_ACCESS_KEY: 'x' } });
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, /sts:GetCallerIdentity: AWS does not accept the credentials of environment/);
    await sim.stop();
    const gone = await run(['aws', 'whoami', '--config', config], { home: dir, env: { ...env, ...sim.credentials } });
    assert.equal(gone.status, 1);
    assert.match(gone.stderr, /127\.0\.0\.1:\d+: .*connect/i);
});

test('commands that do not exist are refused with the list', async () => {
    for (const args of [['aws'], ['aws', 'whoareyou']]) {
        const answer = await run(args);
        assert.equal(answer.status, 2);
        assert.match(answer.stderr, /whoami/);
    }
    const help = await run(['aws', '--help']);
    assert.equal(help.status, 0);
    assert.match(help.stdout, /whoami +account/);
});
