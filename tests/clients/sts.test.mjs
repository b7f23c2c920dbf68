// The simulated STS is held to what the AWS SDK for JavaScript sends and accepts; tollgate makes the same calls to it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import { AssumeRoleCommand, AssumeRoleWithWebIdentityCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';

import { run, Simulation, temporaryDirectory } from '../lib/harness.mjs';

const ROLE = 'arn:aws:iam::123456789012:role/team/worker';
const TOKEN = 'e30.e30.c2lnbmF0dXJl';

const client = (sim, credentials) => new STSClient({
    endpoint: sim.endpoints.sts, region: 'us-east-1',
    credentials: credentials ?? { accessKeyId: sim.accessKeyId, secretAccessKey: sim.secretAccessKey },
});
const asKeys = (c) => ({ accessKeyId: c.AccessKeyId, secretAccessKey: c.SecretAccessKey, sessionToken: c.SessionToken });
const identity = async (sts) => {
    const { Account, Arn, UserId } = await sts.send(new GetCallerIdentityCommand({}));
    return { account: Account, arn: Arn, user_id: UserId };
};

// whoami of a home with these files (by name, below .aws) and this environment.
async function whoami(t, sim, files, env) {
    const dir = temporaryDirectory(t);
    fs.mkdirSync(path.join(dir, '.aws'));
    for (const [name, text] of Object.entries(files)) {
        fs.writeFileSync(path.join(dir, '.aws', name), text);
    }
    const more = Object.fromEntries(Object.entries(env).map(([k, v]) => [k, v.replace('~', dir)]));
    const answer = await run(['aws', 'whoami', '--json'],
        { home: dir, cwd: dir, env: { AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL_STS: sim.endpoints.sts, AWS_EC2_METADATA_DISABLED: 'true', ...more } });
    assert.equal(answer.status, 0, answer.stderr);
    const { account, arn, user_id, credentials } = JSON.parse(answer.stdout);
    return { who: { account, arn, user_id }, credentials };
}

test('both are told the same identity', async (t) => {
    const sim = await Simulation.start(t);
    const { who } = await whoami(t, sim, {}, sim.credentials);
    assert.deepEqual(who, await identity(client(sim)));
});

test('both take on a role, with the same name', async (t) => {
    const sim = await Simulation.start(t);
    const sts = client(sim);
    const taken = await sts.send(new AssumeRoleCommand({
        RoleArn: ROLE, RoleSessionName: 'me', ExternalId: 'a/b', DurationSeconds: 900, Tags: [{ Key: 'applicationId', Value: 'docs helper' }],
    }));
    assert.ok(taken.Credentials.Expiration > new Date());
    const theirs = await identity(client(sim, asKeys(taken.Credentials)));
    const { who, credentials } = await whoami(t, sim, {
        credentials: `[base]\naws_access_key_id = ${sim.accessKeyId}\naws_secret_access_key = ${sim.secretAccessKey}\n`,
        config: `[profile work]\nrole_arn = ${ROLE}\nsource_profile = base\nrole_session_name = me\nexternal_id = a/b\nduration_seconds = 900\n`,
    }, { AWS_PROFILE: 'work' });
    assert.deepEqual(who, theirs);
    assert.equal(credentials.source, 'profile work, role worker');
});

test('both change a web identity token into a role', async (t) => {
    const sim = await Simulation.start(t);
    const taken = await client(sim).send(new AssumeRoleWithWebIdentityCommand({ RoleArn: ROLE, RoleSessionName: 'pod', WebIdentityToken: TOKEN }));
    const theirs = await identity(client(sim, asKeys(taken.Credentials)));
    const { who, credentials } = await whoami(t, sim, { token: `${TOKEN}\n` },
        { AWS_WEB_IDENTITY_TOKEN_FILE: '~/.aws/token', AWS_ROLE_ARN: ROLE, AWS_ROLE_SESSION_NAME: 'pod' });
    assert.deepEqual(who, theirs);
    assert.equal(credentials.source, 'web identity, role worker');
});

test('both are refused with the same codes', async (t) => {
    const sim = await Simulation.start(t);
    const nobody = client(sim, { accessKeyId: 'AKIANOBODY', secretAccessKey: 'x' });
    await assert.rejects(identity(nobody), { name: 'InvalidClientTokenId' });
    const bad = new AssumeRoleWithWebIdentityCommand({ RoleArn: ROLE, RoleSessionName: 'pod', WebIdentityToken: 'no token at all' });
    await assert.rejects(client(sim).send(bad), { name: 'InvalidIdentityTokenException' });
    await sim.turn({ deny: 'AssumeRole' });
    await assert.rejects(client(sim).send(new AssumeRoleCommand({ RoleArn: ROLE, RoleSessionName: 'me' })), { name: 'AccessDenied' });
});
