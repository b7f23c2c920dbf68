// What the tests of all SDKs share.
import assert from 'node:assert/strict';

import { configuration, Core, Simulation, until } from '../lib/harness.mjs';

export async function startBoth(t, more = {}, simOptions = {}) {
    const sim = await Simulation.start(t, simOptions);
    const core = await Core.start(t, sim, configuration(sim, more));
    return { sim, core };
}

// A fetch for an SDK that keeps what was asked and answered: one entry for each HTTP request.
export function watchedFetch() {
    const seen = [];
    const watched = async (url, init) => {
        const entry = { url: String(url), at: Date.now(), status: null, headers: null };
        seen.push(entry);
        const answer = await fetch(url, init);
        entry.status = answer.status;
        entry.headers = answer.headers;
        return answer;
    };
    return { fetch: watched, seen };
}

// The error of a call that must fail, with its class and status.
export async function refused(promise, Class, status) {
    const e = await promise.then(() => assert.fail(`answered, instead of ${status}`), (error) => error);
    assert.ok(e instanceof Class, `${e.constructor.name}: ${e.message}`);
    assert.equal(e.status, status, e.message);
    return e;
}

// The audit's only call, once it is there.
export async function onlyCall(core) {
    const [line] = await until('the audit to tell', async () => {
        const lines = await core.calls();
        return lines.length === 1 && lines;
    });
    return line;
}

// Every token of the audit's line is the simulation's.
export function assertCounted(line, ledger, source = 'reported') {
    assert.equal(line.usage_source, source, JSON.stringify(line));
    assert.deepEqual(
        [line.usage.input_tokens, line.usage.output_tokens, line.usage.cache_read_tokens,
            line.usage.cache_write_5m_tokens, line.usage.cache_write_1h_tokens],
        [ledger.input_tokens, ledger.output_tokens, ledger.cache_read_tokens, ledger.cache_write_5m_tokens,
            ledger.cache_write_1h_tokens], JSON.stringify(line));
}

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
