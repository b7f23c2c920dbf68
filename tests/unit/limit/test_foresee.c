/* test_foresee.c: what is reserved for a call, before and after the engine has learned. */
#include "core/limit/learned.h"
#include "tests/unit/limit/rig.h"

#include <stdio.h>

static void start(struct rig *r, bool bytes, bool maximum)
{
    rig_init(r);
    r->config.estimate_bytes = bytes;
    r->config.output_unset_maximum = maximum;
    rig_start(r);
}

static struct call body(const struct rig *r, int64_t text_bytes, int64_t max_output)
{
    struct call c = rig_call(r, "sales", 0, 0);
    c.text_bytes = text_bytes;
    c.messages = 3;
    c.tools = 2;
    c.max_output = max_output;
    return c;
}

static void learn(struct rig *r, struct call c, int64_t input, int64_t output)
{
    struct limit_hold *h = rig_admit(r, &c);
    rig_settle(r, h, &c, input, output);
}

static void bytes_and_maximum(void **state)
{
    (void)state;
    struct rig r;
    start(&r, true, true);
    struct call c = body(&r, 1000, -1);
    limit_foresee(r.l, &c);
    assert_int_equal(c.reserved_usage.input, 1000 + 10 + 3 * 4 + 2 * 20);
    assert_int_equal(c.reserved_usage.output, 8192);
    assert_int_equal(c.reserved_usage.cache_read, 0);
    c.images = 2;
    c.documents = 1;
    c.max_output = 100000; /* the client's word, even above the model's own */
    limit_foresee(r.l, &c);
    assert_int_equal(c.reserved_usage.input, 1062 + 2 * 1600 + 10000);
    assert_int_equal(c.reserved_usage.output, 100000);
    for (int i = 0; i < 100; i++) {
        learn(&r, body(&r, 1000, -1), 200, 50);
    }
    c = body(&r, 1000, -1);
    limit_foresee(r.l, &c);
    assert_int_equal(c.reserved_usage.input, 1062); /* what was learned plays no part */
    assert_int_equal(c.reserved_usage.output, 8192);
    c = (struct call){.max_output = 0, .text_bytes = INT64_MAX, .images = INT64_MAX};
    limit_foresee(r.l, &c); /* no model, absurd sizes */
    assert_true(c.reserved_usage.input >= INT64_MAX / 4);
    assert_int_equal(c.reserved_usage.output, 0);
    rig_end(&r);
}

static void prior_until_known(void **state)
{
    (void)state;
    struct rig r;
    start(&r, false, false);
    struct call c = body(&r, 1000, -1);
    limit_foresee(r.l, &c);
    assert_int_equal(c.reserved_usage.input, 500 + 62);
    assert_int_equal(c.reserved_usage.output, 4096);
    c.resolved.model = &rig_lite; /* its maximum is below the prior */
    limit_foresee(r.l, &c);
    assert_int_equal(c.reserved_usage.output, 2000);
    for (int i = 0; i < 19; i++) {
        learn(&r, body(&r, 1000, -1), 62 + 250, 100);
    }
    c = body(&r, 1000, -1);
    limit_foresee(r.l, &c);
    assert_int_equal(c.reserved_usage.input, 500 + 62);
    learn(&r, body(&r, 1000, -1), 62 + 250, 100);
    limit_foresee(r.l, &c);
    assert_in_range(c.reserved_usage.input, 62 + 250, 62 + 250 * 145 / 100);
    assert_in_range(c.reserved_usage.output, 125, 140);
    for (int i = 0; i < 100; i++) { /* never above one token a byte */
        learn(&r, body(&r, 1000, -1), 5000, 100);
    }
    limit_foresee(r.l, &c);
    assert_int_equal(c.reserved_usage.input, 1000 + 62);
    c.max_output = 7;
    limit_foresee(r.l, &c);
    assert_int_equal(c.reserved_usage.output, 7);
    rig_end(&r);
}

/* A limit smaller than what is guessed, before and after it is learned, lets calls in all the same;
 * one that clamps does that, and where the input alone is too much that is said. */
static void a_guess_keeps_no_call_out(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "tokens", METRIC_TOKENS, 2062, WINDOW_MONTH)->warn_count = 0;
    rig_limit(&r, "money", METRIC_USD, MONEY_DOLLAR, WINDOW_MONTH);
    rig_limit(&r, "told", METRIC_OUTPUT_TOKENS, 1, WINDOW_MONTH)->action = ACTION_WARN;
    rig_start(&r);
    struct call c = body(&r, 2000, -1);
    limit_foresee(r.l, &c);
    assert_int_equal(c.reserved_usage.input, 1000 + 62);
    assert_int_equal(c.reserved_usage.output, 250);
    limits_release(r.l, rig_admit(&r, &c));
    struct limit_override o = rig_override("money", "", usage_cost(&c.reserved_usage, &c.price));
    assert_int_equal(limits_override(r.l, &o, NULL), ERR_OK);
    limit_foresee(r.l, &c);
    assert_in_range(c.reserved_usage.output, 62, 63); /* of 250 again a quarter */
    assert_int_equal(limits_revert(r.l, "money", "", NULL), ERR_OK);
    o = rig_override("tokens", "", 100000);
    assert_int_equal(limits_override(r.l, &o, NULL), ERR_OK);
    for (int i = 0; i < 30; i++) {
        learn(&r, body(&r, 2000, -1), 1062, 1500);
    }
    limit_foresee(r.l, &c);
    assert_in_range(c.reserved_usage.output, 1875, 2048); /* known, and it fits */
    assert_int_equal(limits_revert(r.l, "tokens", "", NULL), ERR_OK);
    int64_t input = c.reserved_usage.input;
    limit_foresee(r.l, &c);
    assert_int_equal(c.reserved_usage.output, (2062 - input) / 4);
    c.max_output = 3000; /* the client's own word is none of ours */
    limit_foresee(r.l, &c);
    assert_int_equal(c.reserved_usage.output, 3000);
    assert_true(rig_refuse(&r, &c).never);
    c = body(&r, 8000, -1);
    limit_foresee(r.l, &c);
    assert_true(rig_refuse(&r, &c).never);
    rig_end(&r);
}

static void apart_by_model_and_application(void **state)
{
    (void)state;
    struct rig r;
    start(&r, false, false);
    for (int i = 0; i < 30; i++) {
        struct call c = body(&r, 1000, -1);
        c.tags.at[0] = (struct tag){STR("applicationId"), STR("docs")};
        learn(&r, c, 62 + 100, 100);
    }
    struct call c = body(&r, 1000, -1);
    limit_foresee(r.l, &c);
    assert_in_range(c.reserved_usage.input, 62 + 100, 62 + 150); /* the model's */
    assert_int_equal(c.reserved_usage.output, 4096);             /* another application */
    c.tags.at[0] = (struct tag){STR("applicationId"), STR("docs")};
    limit_foresee(r.l, &c);
    assert_in_range(c.reserved_usage.output, 125, 140);
    c.resolved.model = &rig_lite;
    limit_foresee(r.l, &c);
    assert_int_equal(c.reserved_usage.input, 500);
    assert_int_equal(c.reserved_usage.output, 2000);
    /* estimated usage and pictures teach nothing */
    for (int i = 0; i < 30; i++) {
        struct call other = body(&r, 1000, -1);
        other.resolved.model = &rig_lite;
        other.usage_reported = false;
        learn(&r, other, 10, 10);
        other.usage_reported = true;
        other.images = 1;
        learn(&r, other, 10, 0);
    }
    limit_foresee(r.l, &c);
    assert_int_equal(c.reserved_usage.input, 500);
    assert_int_equal(c.reserved_usage.output, 2000);
    rig_end(&r);
}

static int64_t input_of(struct rig *r, const char *application)
{
    struct call c = body(r, 1000, 100);
    c.tags.at[0] = (struct tag){STR("applicationId"), str_of(application)};
    limit_foresee(r->l, &c);
    return c.reserved_usage.input - 62;
}

static void learn_of(struct rig *r, const char *application, int calls, int64_t tokens)
{
    for (int i = 0; i < calls; i++) {
        struct call c = body(r, 1000, 100);
        c.tags.at[0] = (struct tag){STR("applicationId"), str_of(application)};
        learn(r, c, 62 + tokens, 100);
    }
}

/* The many calls of one application, whose text takes few tokens or many, do not decide what is
 * held for another's. */
static void one_does_not_spoil_it_for_others(void **state)
{
    (void)state;
    struct rig r;
    start(&r, false, false);
    learn_of(&r, "dense", 30, 800);
    learn_of(&r, "thin", 3000, 50);
    assert_in_range(input_of(&r, "dense"), 800, 1000);
    assert_in_range(input_of(&r, "thin"), 50, 70);
    assert_in_range(input_of(&r, "new"), 50, 70); /* it has nothing but what all did */
    learn_of(&r, "dense", 3000, 800);
    assert_in_range(input_of(&r, "thin"), 50, 70);
    assert_in_range(input_of(&r, "new"), 800, 1000);
    rig_end(&r);
}

static uint32_t draw(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* 99 of 100 calls or more are covered, and the estimate stays well below the bytes. */
static void covers_nearly_all(void **state)
{
    (void)state;
    struct rig r;
    uint32_t seed = 7;
    int64_t covered = 0, calls = 0, estimated = 0, real = 0, out_covered = 0;
    start(&r, false, false);
    for (int i = 0; i < 20000; i++) {
        int64_t bytes = 200 + draw(&seed) % 30000;
        /* 0.2 to 0.3 tokens a byte, with a thin tail up to 0.6 */
        int64_t ratio = 200 + draw(&seed) % 100 + (draw(&seed) % 200 == 0 ? 300 : 0);
        int64_t tokens = bytes * ratio / 1000 + 40;
        int64_t output = 100 + draw(&seed) % 900;
        struct call c = body(&r, bytes, -1);
        limit_foresee(r.l, &c);
        if (i >= 1000) {
            calls++;
            covered += c.reserved_usage.input >= tokens;
            out_covered += c.reserved_usage.output >= output;
            estimated += c.reserved_usage.input;
            real += tokens;
        }
        learn(&r, c, tokens, output);
    }
    assert_true(covered * 100 >= calls * 99);
    assert_true(out_covered * 100 >= calls * 99);
    assert_true(estimated < real * 3);
    rig_end(&r);
}

/* When a model's answers grow, the old ones fade. */
static void forgets(void **state)
{
    (void)state;
    struct rig r;
    start(&r, false, false);
    for (int i = 0; i < 5000; i++) {
        learn(&r, body(&r, 1000, -1), 300, 3000);
    }
    for (int i = 0; i < 12000; i++) {
        learn(&r, body(&r, 1000, -1), 300, 100);
    }
    struct call c = body(&r, 1000, -1);
    limit_foresee(r.l, &c);
    assert_in_range(c.reserved_usage.output, 125, 140);
    rig_end(&r);
}

static void quantiles(void **state)
{
    (void)state;
    struct learned *t = learned_new();
    int64_t v, n;
    assert_non_null(t);
    assert_false(learned_quantile(t, STR("a"), 990, &v, &n));
    for (int i = 1; i <= 1000; i++) {
        learned_note(t, STR("a"), i);
    }
    assert_true(learned_quantile(t, STR("a"), 990, &v, &n));
    assert_int_equal(n, 1000);
    assert_in_range(v, 990, 1090);
    assert_true(learned_quantile(t, STR("a"), 500, &v, &n));
    assert_in_range(v, 500, 560);
    for (int64_t x = 0; x < 1 << 20;
         x += x / 50 + 1) { /* a single value: at least it, at most 1/8 more */
        char key[24];
        (void)snprintf(key, sizeof(key), "x%lld", (long long)x);
        learned_note(t, str_of(key), x);
        assert_true(learned_quantile(t, str_of(key), 990, &v, &n));
        assert_in_range(v, x, x + x / 8);
    }
    learned_note(t, STR("huge"), INT64_MAX);
    assert_true(learned_quantile(t, STR("huge"), 990, &v, &n));
    assert_int_equal(v, 1 << 20);
    for (int i = 0; i < LEARNED_ENTRIES_MAX; i++) { /* the table is bounded: the oldest go */
        char key[24];
        (void)snprintf(key, sizeof(key), "k%d", i);
        learned_note(t, str_of(key), 1);
    }
    assert_false(learned_quantile(t, STR("a"), 990, &v, &n));
    assert_true(learned_quantile(t, STR("k0"), 990, &v, &n));
    learned_note(t, STR("k0"), 1); /* now the newest */
    learned_note(t, STR("new"), 1);
    assert_true(learned_quantile(t, STR("k0"), 990, &v, &n));
    assert_false(learned_quantile(t, STR("k1"), 990, &v, &n));
    learned_free(t);
    learned_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_and_maximum),
        cmocka_unit_test(prior_until_known),
        cmocka_unit_test(a_guess_keeps_no_call_out),
        cmocka_unit_test(apart_by_model_and_application),
        cmocka_unit_test(one_does_not_spoil_it_for_others),
        cmocka_unit_test(covers_nearly_all),
        cmocka_unit_test(forgets),
        cmocka_unit_test(quantiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
