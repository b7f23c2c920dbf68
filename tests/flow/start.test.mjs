// A core starts while the service that has its credentials takes its time: people see it at once, callers wait a little.
import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { configuration, Core, Simulation, until } from '../lib/harness.mjs';

test('commands are answered before credentials are there, and the first call waits for them', async (t) => {
    const sim = await Simulation.start(t);
    const held = [];
    const metadata = http.createServer((request, response) => held.push(response));
    await new Promise((resolve) => metadata.listen(0, '127.0.0.1', resolve));
    t.after(() => metadata.close() && metadata.closeAllConnections());
    const core = await Core.start(t, sim, configuration(sim), {
        env: {
            AWS_ACCESS_KEY_ID: undefined,
            AWS_SECRET_ACCESS_KEY: undefined,
            AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${metadata.address().port}/credentials`,
        },
    });
    const key = await core.key();
    assert.equal((await core.json('status')).state, 'ready');
    await until('the credentials to be asked for', () => held.length > 0);
    const answer = call(core, key, { text: 'hello', maxTokens: 20 });
    held[0].setHeader('content-type', 'application/json').end(
        JSON.stringify({
            AccessKeyId: sim.accessKeyId,
            SecretAccessKey: sim.secretAccessKey,
            Expiration: new Date(Date.now() + 3600e3).toISOString(),
        }),
    );
    assert.equal((await answer).status, 200);
});
