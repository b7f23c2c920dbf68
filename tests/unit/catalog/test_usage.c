/* test_usage.c: a call's tags, what its tokens cost and what they count for. */
#include "core/base/clock.h"
#include "core/catalog/call.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

static void tags_are_sorted_and_single(void **state)
{
    (void)state;
    struct arena a = {0};
    struct tags t = {0};
    char value[] = "one";
    assert_int_equal(tags_set(&t, &a, STR("b"), str_of(value)), ERR_OK);
    value[0] = 'X';
    assert_int_equal(tags_set(&t, &a, STR("a"), STR("two")), ERR_OK);
    assert_int_equal(tags_set(&t, &a, STR("ab"), STR("three")), ERR_OK);
    assert_int_equal(t.count, 3);
    assert_true(str_is(t.at[0].key, "a") && str_is(t.at[1].key, "ab") && str_is(t.at[2].key, "b"));
    assert_true(str_is(tags_get(&t, "b"), "one"));
    assert_int_equal(t.at[2].value.p[t.at[2].value.n], '\0');
    assert_int_equal(tags_set(&t, &a, STR("a"), STR("four")), ERR_OK);
    assert_int_equal(t.count, 3);
    assert_true(str_is(tags_get(&t, "a"), "four"));
    assert_int_equal(tags_get(&t, "c").n, 0);
    arena_free(&a);
}

static void tags_are_bounded(void **state)
{
    (void)state;
    struct arena a = {0};
    struct tags t = {0};
    for (int i = 0; i < TAGS_MAX; i++) {
        char key[8];
        snprintf(key, sizeof(key), "k%02d", (i * 7) % TAGS_MAX);
        assert_int_equal(tags_set(&t, &a, str_of(key), STR("v")), ERR_OK);
    }
    assert_int_equal(tags_set(&t, &a, STR("new"), STR("v")), ERR_FULL);
    assert_int_equal(tags_set(&t, &a, STR("k03"), STR("w")), ERR_OK);
    assert_int_equal(t.count, TAGS_MAX);
    for (size_t i = 1; i < t.count; i++) {
        assert_true(strcmp(t.at[i - 1].key.p, t.at[i].key.p) < 0);
    }
    arena_free(&a);
}

static void tag_characters(void **state)
{
    (void)state;
    char longest[TAG_VALUE_MAX + 1];
    memset(longest, 'a', sizeof(longest));
    assert_true(tags_value_ok((struct str){longest, TAG_VALUE_MAX}));
    assert_false(tags_value_ok((struct str){longest, TAG_VALUE_MAX + 1}));
    assert_true(tags_value_ok(STR("Az09 _.:/=+@-")));
    assert_true(tags_key_ok(STR("applicationId")));
    static const struct str bad[] = {STR(""),     STR("a,b"),     STR("a\"b"), STR("a\nb"),
                                     STR("a\0b"), STR("caf\xc3"), STR("a\tb"), STR("{")};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(tags_value_ok(bad[i]));
        assert_false(tags_key_ok(bad[i]));
    }
}

static void tags_as_json(void **state)
{
    (void)state;
    struct arena a = {0};
    struct tags t = {0};
    struct buf out = {0};
    assert_true(tags_json(&out, &t));
    assert_int_equal(tags_set(&t, &a, STR("b"), STR("x\"y")), ERR_OK);
    assert_int_equal(tags_set(&t, &a, STR("a"), STR("1")), ERR_OK);
    assert_true(tags_json(&out, &t));
    assert_string_equal(buf_cstr(&out), "{}{\"a\":\"1\",\"b\":\"x\\\"y\"}");
    buf_free(&out);
    buf_init(&out, 5);
    assert_false(tags_json(&out, &t));
    buf_free(&out);
    arena_free(&a);
}

static void cost_adds_every_class(void **state)
{
    (void)state;
    struct price p = {800000000, 4000000000, 80000000, 1000000000, 1600000000};
    struct usage u = {.input = 1000,
                      .output = 500,
                      .cache_read = 2000,
                      .cache_write_5m = 100,
                      .cache_write_1h = 10};
    /* 0.80 + 2.00 + 0.16 + 0.10 + 0.016 thousandths of a dollar */
    assert_true(usage_cost(&u, &p) == 3076000);
    struct usage none = {0};
    assert_true(usage_cost(&none, &p) == 0);
}

static void cost_is_rounded_once_half_up(void **state)
{
    (void)state;
    struct price p = {1, 1, 1, 1, 1};
    struct usage u = {.input = 499999};
    assert_true(usage_cost(&u, &p) == 0);
    u.input = 500000;
    assert_true(usage_cost(&u, &p) == 1);
    /* Each class alone would round up to 1. */
    u = (struct usage){500000, 500000, 500000, 0, 0};
    assert_true(usage_cost(&u, &p) == 2);
    u = (struct usage){300000, 300000, 300000, 0, 0};
    assert_true(usage_cost(&u, &p) == 1);
}

static void unknown_prices_are_never_zero(void **state)
{
    (void)state;
    struct price p = {10, 20, -1, -1, -1};
    struct usage u = {.input = 1, .output = 1};
    assert_true(usage_cost(&u, &p) >= 0);
    u.cache_read = 1;
    assert_true(usage_cost(&u, &p) == -1);
    u = (struct usage){.cache_write_5m = 1};
    assert_true(usage_cost(&u, &p) == -1);
    u = (struct usage){.cache_write_1h = 1};
    assert_true(usage_cost(&u, &p) == -1);
    struct price unpriced = {-1, -1, -1, -1, -1};
    u = (struct usage){.input = 1};
    assert_true(usage_cost(&u, &unpriced) == -1);
    u = (struct usage){.output = 1};
    assert_true(usage_cost(&u, &unpriced) == -1);
}

static void cost_does_not_overflow(void **state)
{
    (void)state;
    struct price p = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
    struct usage u = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
    assert_true(usage_cost(&u, &p) == INT64_MAX);
    p = (struct price){1000000, 0, 0, 0, 0};
    u = (struct usage){.input = 9223372036854775807};
    assert_true(usage_cost(&u, &p) == INT64_MAX);
}

static void amounts_of_each_metric(void **state)
{
    (void)state;
    struct model m = {.burndown = 5};
    struct usage u = {100, 10, 40, 3, 2};
    struct amounts a;
    amounts_of(&a, &u, &m, 77);
    assert_int_equal(a.v[METRIC_TOKENS], 155);
    assert_int_equal(a.v[METRIC_INPUT_TOKENS], 145);
    assert_int_equal(a.v[METRIC_OUTPUT_TOKENS], 10);
    assert_int_equal(a.v[METRIC_AWS_QUOTA_TOKENS], 155); /* 100 + 5 + 10 x 5 */
    assert_int_equal(a.v[METRIC_REQUESTS], 1);
    assert_int_equal(a.v[METRIC_USD], 77);
    assert_int_equal(a.v[METRIC_CONCURRENCY], 1);
    amounts_of(&a, &u, NULL, -1);
    assert_int_equal(a.v[METRIC_AWS_QUOTA_TOKENS], 115);
    assert_int_equal(a.v[METRIC_USD], -1);
    u = (struct usage){INT64_MAX, INT64_MAX, 1, 1, 1};
    amounts_of(&a, &u, &m, 0);
    assert_true(a.v[METRIC_TOKENS] == INT64_MAX && a.v[METRIC_AWS_QUOTA_TOKENS] == INT64_MAX);
}

static void life_of_a_call(void **state)
{
    (void)state;
    struct call one, two;
    clock_set_fake_wall(1700000000123);
    call_init(&one);
    call_init(&two);
    clock_set_fake_wall(0);
    assert_int_equal(strlen(one.request_id), UUID_TEXT - 1);
    assert_string_not_equal(one.request_id, two.request_id);
    assert_true(one.arrived_wall_ms == 1700000000123 && one.arrived_us > 0);
    assert_int_equal(one.max_output, -1);
    assert_int_equal(one.outcome, OUTCOME_OPEN);
    assert_null(one.resolved.model);
    assert_int_equal(one.principal.n, 0);
    assert_int_equal(tags_set(&one.tags, &one.arena, STR("a"), STR("b")), ERR_OK);
    call_clear(&one);
    assert_null(one.arena.blocks);
    assert_int_equal(one.tags.count, 0);
    call_clear(&two);
}

static void kinds_have_names(void **state)
{
    (void)state;
    assert_string_equal(call_outcome_name(OUTCOME_APPROVED), "approved");
    assert_string_equal(call_outcome_name(OUTCOME_REJECTED), "rejected");
    assert_string_equal(call_dialect_name(DIALECT_BEDROCK), "bedrock");
    assert_string_equal(call_dialect_name(DIALECT_WORKFLOW), "workflow");
}

/* Tokens are counted for nothing, whatever a model costs or whether that is known. */
static void no_usage_costs_nothing(void **state)
{
    (void)state;
    struct call c = {.price = {-1, -1, -1, -1, -1}, .priced = false};
    struct usage u = {.input = 0};
    assert_int_equal(call_cost(&c, &u), 0);
    u.output = 1;
    assert_int_equal(call_cost(&c, &u), -1);
    u = (struct usage){.cache_write_1h = 1};
    assert_int_equal(call_cost(&c, &u), -1);
}

/* GPT-5.6 above 272,000 input tokens, cached ones included. */
static void long_prompts_cost_more(void **state)
{
    (void)state;
    struct call c = {.price = {2200000000, 13200000000, 220000000, 2750000000, -1},
                     .priced = true,
                     .long_above = 272000};
    struct usage u = {.input = 200000, .cache_read = 72000, .output = 1000};
    assert_int_equal(call_cost(&c, &u), 200000LL * 2200 + 72000LL * 220 + 1000LL * 13200);
    u.cache_read++;
    assert_int_equal(call_cost(&c, &u), 200000LL * 4400 + 72001LL * 440 + 1000LL * 19800);
    u.cache_write_5m = 10;
    assert_int_equal(call_cost(&c, &u),
                     200000LL * 4400 + 72001LL * 440 + 1000LL * 19800 + 10LL * 5500);
    u.cache_write_1h = 1; /* a class without a price stays without */
    assert_int_equal(call_cost(&c, &u), -1);
    u.cache_write_1h = 0;
    c.long_above = 0;
    assert_int_equal(call_cost(&c, &u),
                     200000LL * 2200 + 72001LL * 220 + 1000LL * 13200 + 10LL * 2750);
    c.priced = false;
    assert_int_equal(call_cost(&c, &u), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_are_sorted_and_single),
        cmocka_unit_test(tags_are_bounded),
        cmocka_unit_test(tag_characters),
        cmocka_unit_test(tags_as_json),
        cmocka_unit_test(cost_adds_every_class),
        cmocka_unit_test(cost_is_rounded_once_half_up),
        cmocka_unit_test(unknown_prices_are_never_zero),
        cmocka_unit_test(cost_does_not_overflow),
        cmocka_unit_test(amounts_of_each_metric),
        cmocka_unit_test(life_of_a_call),
        cmocka_unit_test(kinds_have_names),
        cmocka_unit_test(no_usage_costs_nothing),
        cmocka_unit_test(long_prompts_cost_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
