// Large calls that come at once: their bodies are hashed two at a time, each is signed for what it carries, and one
// whose client leaves meanwhile takes nothing of the others with it.
import assert from 'node:assert/strict';
import http2 from 'node:http2';
import test from 'node:test';

import { converseBody } from '../lib/calls.mjs';
import { assertNothingReserved, configuration, Core, Simulation } from '../lib/harness.mjs';

const COUNT = 40;

// All of them in one turn of the client, over one connection: many in one turn of the worker.
function ask(session, key, bytes, leaves) {
    const body = converseBody('x'.repeat(bytes), { maxTokens: 20 });
    const stream = session.request({
        ':method': 'POST', ':path': '/model/nova-lite/converse', 'content-type': 'application/json',
        'content-length': body.length, authorization: `Bearer ${key.bearerToken}`,
    });
    const answer = new Promise((resolve) => {
        let status = 0;
        stream.on('response', (head) => { status = head[':status']; });
        stream.on('error', () => {});
        stream.on('close', () => resolve(status));
        stream.resume();
    });
    stream.end(body);
    if (leaves) {
        stream.close(http2.constants.NGHTTP2_CANCEL);
    }
    return answer;
}

test('large calls at once are signed each for its own body', async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, { limits: [{ name: 'all', tokens: '1000M', window: '1h' }] }));
    const key = await core.key();
    const session = http2.connect(core.url);
    t.after(() => session.destroy());
    const leaves = (i) => i % 5 === 2;
    const answers = await Promise.all(Array.from({ length: COUNT }, (_, i) => ask(session, key, 7000 + i * 389, leaves(i))));
    assert.deepEqual(answers.filter((_, i) => !leaves(i)), Array(COUNT - COUNT / 5).fill(200));
    const ledger = await sim.settled();
    assert.equal(ledger.signature_failures, 0);
    await assertNothingReserved(core);
});
