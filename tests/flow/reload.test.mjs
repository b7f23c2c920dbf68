// A limit that a reload adds begins with what was used in its window before, also by calls that ran just then.
import assert from 'node:assert/strict';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { assertNothingReserved, configuration, Core, Simulation, until } from '../lib/harness.mjs';

const LONG = 30000;

test('new limits know their window, while calls go on', { timeout: 90000 }, async (t) => {
    const sim = await Simulation.start(t, { latencyMs: 5, tokenDelayUs: 3000 });
    const old = { name: 'old', tokens: '1G', window: 'month' };
    const core = await Core.start(t, sim, configuration(sim, { limits: [old, { name: 'turns', tokens: '1G', window: 'week' }] }));
    const keys = [await core.key('app-a', 'sales'), await core.key('app-b', 'support')];
    let going = true;
    let ended = 0;
    const other = [];
    const client = async (_, i) => {
        while (going) {
            const text = `hello [sim:output=${i % 2 === 0 ? 120 : 5}]`;
            const answer = await call(core, keys[i % 2], { text, stream: i % 2 === 0, maxTokens: 200 });
            if (answer.status !== 200 || !answer.usage) {
                other.push(answer.status);
                return;
            }
            ended++;
        }
    };
    const clients = Array.from({ length: 12 }, client);
    await until('some calls to end', () => ended >= 30, LONG);

    core.write(configuration(sim, {
        limits: [
            old,
            { name: 'turns', tokens: '1G', window: 'month' },
            { name: 'new', tokens: '1G', window: 'month' },
            { name: 'rolls', tokens: '1G', window: 'day', rolling: true },
            { name: 'centers', per: ['costCenter'], requests: '1G', window: 'month' },
            { name: 'at-once', concurrency: 1000 },
        ],
    }));
    const control = await core.control();
    await control.ask('reload');
    const { limits } = await control.ask('limit.list');
    assert.ok(limits.find((l) => l.name === 'new').used > 0, 'it does not begin from zero');
    const then = ended;
    await until('more calls to end', () => ended >= then + 30, LONG);
    await control.ask('reload'); // nothing is added twice
    await until('more calls to end', () => ended >= then + 40, LONG);
    going = false;
    await Promise.all(clients);
    assert.deepEqual(other, []);

    await until('all limits to agree', async () => {
        const { limits: now } = await control.ask('limit.list');
        const used = Object.fromEntries(now.map((l) => [l.name, l.used]));
        return used.new === used.old && used.turns === used.old && used.rolls === used.old && used.centers === ended;
    }, LONG).catch(async (e) => {
        const { limits: now } = await control.ask('limit.list');
        throw new Error(`${e.message}: ${ended} calls, ${now.map((l) => `${l.name} ${l.used}`).join(', ')}`);
    });
    control.close();
    await assertNothingReserved(core);
});
