// How other gateways are seen to fail by those who run them (repository and thread), and the test here of each. What no
// other test shows is below.
//
// Passed by calls at once: BerriAI/litellm 18730 34732 26672 23714, envoyproxy/ai-gateway 680 2394 2460, maximhq/bifrost 3547,
//   higress-group/higress 2464 1826, membrane/api-gateway 3210 -> flow/overshoot (0 tokens too many, at every metric and window);
//   one counted for each request, not by tokens, wso2/api-platform 2932 -> unit/limit/test_reserve counts_each_metric
// Reservations never given back, counters above the real spend, refused while there is room: litellm 27639 29493 28283 30460 36926
//   40050 27735 -> unit/limit/test_property, unit/proxy/test_gate every_end_is_settled_once, flow/overshoot (95 % used, and at each
//   denial there was no room); a clean-up that counts twice, 35569 -> unit/ledger/test_ledger settled_twice_breaks_nothing,
//   unit/ledger/test_crash replay_twice_counts_once; locked out at 80 %, 18953 -> flow/overshoot
// A request without a maximum takes the whole budget, a small limit serves nobody: litellm 27509 28805 29191 29193
//   -> flow/overshoot "a limit below what a model may answer", unit/limit/test_foresee a_guess_keeps_no_call_out
// Reservation skipped: unknown price, litellm 35524 -> flow/unpriced, unit/limit/test_reserve usd_needs_a_price; a zero that is
//   said replaced by an estimate, 37992 -> unit/dialect/test_meter odd_but_valid_usage_is_read
// What was used above the reservation is forgotten when the window turns: agentgateway's documents -> unit/limit/test_settle
//   excess_is_paid_by_the_windows_after, excess_is_carried
// Who leaves a stream pays nothing, or the upstream goes on for nobody: litellm 33736 35958 36008 37558 37734 13245, bifrost 1298
//   7106 7199 3709 -> flow/gone, flow/faults "clients that vanish", unit/proxy/test_gate a_client_that_leaves_pays_for_what_was_sent
// Wrong money: cache reads and writes, 1-hour writes, negative, tier, profile and Region: litellm 15270 15263 29145 12488 36762 26800
//   30768 42679 40360 30725 18258 40002, bifrost 904 3451 4746, Portkey-AI/gateway 1210, langfuse/langfuse 13325
//   -> unit/catalog/test_usage, unit/catalog/test_catalog prices_by_scope_and_date, flow/unpriced, flow/tier, flow/spelling
// A budget of $25 shown as 25.000000000000004: litellm 38647 -> below; unit/base/test_money
// Tags: a budget of a tag from a header not enforced, litellm 27480 7237 16585 41218 -> below; flow/spelling "tags cannot be invented"
// Shared state late, lost or inconsistent: litellm 2730 2775 4148 24682 26829 30684 33923 34429, envoyproxy/ratelimit 978 -> there is
//   none: one process counts; what a failed store does is flow/store, and an older state of the disk unit/ledger/test_power
// Database locks drop increments: litellm 6895 27989 24799 34887 18708 -> flow/store, unit/ledger/test_threads, flow/ledger
// A restart loses spend, or cuts streams: litellm 34805 38157 14334 28714, PostHog/posthog 73863 -> flow/crash, flow/faults "SIGTERM
//   lets running streams end", unit/ledger/test_power
// Resets at odd times, or not at all: litellm 5651 7129 24675 22013 8364 34492 9098 10288 40940 -> below; unit/limit/test_window,
//   unit/limit/test_clocks
// A kill switch or a change that reaches a part, a change that forgets what was used: litellm 9820, TensorZero's documents
//   -> flow/kill, flow/control, below; unit/limit/test_override raise_and_revert
// Denials that are tried again for ever, or look like the provider's: litellm 14144, topoteretes/cognee 4679 4321, Firefox-AI/MLPA 262,
//   tensorzero 3678 -> clients/bedrock, clients/openai, clients/anthropic (how often each SDK asks); spend in the message, 37000 -> below
// Memory that grows: litellm 12685 15128 27954 38193 13805 -> unit/limit/test_groups a_million_names, unit/proxy/test_front_life
//   holds_little_memory
import assert from 'node:assert/strict';
import test from 'node:test';

import { call } from '../lib/calls.mjs';
import { configuration, Core, Simulation } from '../lib/harness.mjs';

const status = async (...args) => (await call(...args)).status;

test('a tag that comes by header counts and is limited as any other', async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, {
        tags: { from_caller: ['team'] },
        limits: [{ name: 'teams', per: ['team'], requests: 1, window: 'month' }],
    }));
    const key = await core.key();
    const as = (team) => status(core, key, { maxTokens: 5, headers: team ? { 'x-tollgate-tags': `team=${team}` } : {} });
    assert.deepEqual([await as('a'), await as('a'), await as('b'), await as(''), await as('')], [200, 400, 200, 200, 400]);
    const { groups } = await core.limit('teams');
    assert.deepEqual(groups.map((g) => [g.group.team, g.used]).sort(), [['a', 1], ['b', 1], ['none', 1]]);
});

test('dollars are told to the nano-dollar, and a denial tells no spend but to those who are to see it', async (t) => {
    const sim = await Simulation.start(t);
    const core = await Core.start(t, sim, configuration(sim, {
        models: [{ name: 'nova-lite', id: 'us.amazon.nova-lite-v1:0', price: { input: 0.1, output: 0.7 } }],
        limits: [{ name: 'money', usd: 25, window: 'month' }, { name: 'one', requests: 3, window: 'month' }],
    }));
    const key = await core.key();
    for (let i = 0; i < 3; i++) {
        assert.equal(await status(core, key, { text: 'x [sim:output=3]', maxTokens: 5 }), 200);
    }
    const ledger = await sim.settled();
    const nano = ledger.input_tokens * 100 + ledger.output_tokens * 700;
    const { stdout } = await core.run('limit', 'list', '--json');
    const money = stdout.slice(stdout.indexOf('"money"'));
    const used = /"used":\s*([0-9.]+)/.exec(money)[1];
    assert.equal(used, (nano / 1e9).toFixed(9).replace(/0+$/, ''), 'as text, digit by digit');
    assert.match(money, /"amount":\s*25(?:\.0)?[,\s]/);
    const denied = await call(core, key, { maxTokens: 5 });
    assert.equal(denied.status, 400);
    assert.deepEqual(Object.keys(denied.json.tollgate).filter((k) => ['used', 'reserved'].includes(k)), []);
});

test('a day ends at midnight of its zone, whenever the first call came; a raise keeps what was used', async (t) => {
    const sim = await Simulation.start(t);
    // Midnight there is far from now.
    const [timezone, hours] = new Date().getUTCHours() === 18 ? ['Pacific/Marquesas', -9.5] : ['Asia/Kolkata', 5.5];
    const core = await Core.start(t, sim, configuration(sim, {
        timezone,
        limits: [{ name: 'day', requests: 1, window: 'day' }],
    }));
    const key = await core.key();
    assert.equal(await status(core, key, { maxTokens: 5 }), 200);
    const denied = await call(core, key, { maxTokens: 5 });
    const resets = Date.parse(denied.json.tollgate.resets_at);
    assert.equal(new Date(resets + hours * 3600000).toISOString().slice(11), '00:00:00.000Z');
    assert.ok(resets > Date.now() && resets <= Date.now() + 86400000);
    assert.equal((await core.run('limit', 'set', 'day', 'requests=2', '--yes')).status, 0);
    assert.deepEqual([await status(core, key, { maxTokens: 5 }), await status(core, key, { maxTokens: 5 })], [200, 400]);
    assert.equal((await core.limit('day')).used, 2);
});
