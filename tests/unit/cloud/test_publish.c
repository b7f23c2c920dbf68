/* test_publish.c: what becomes of calls in a batch of metrics. */
#include "core/cloud/publish.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE 60000LL
#define NOW    (1795224960000LL + 10 * MINUTE) /* a whole minute */

/* A call of minute `ago` before the running one, with 10 tokens in and 3 out. */
static struct audit_entry call_of(struct arena *a, int64_t seq, int64_t ago,
                                  enum call_outcome outcome, const char *application)
{
    struct audit_entry e = {.seq = seq,
                            .time_ms = NOW - ago * MINUTE + 1234,
                            .model = STR("haiku"),
                            .model_id = STR("us.haiku-v1:0"),
                            .outcome = outcome,
                            .usage = {.input = 10, .output = 3, .cache_read = 1000}};
    if (application != NULL) {
        assert_int_equal(tags_set(&e.tags, a, STR("applicationId"), str_of(application)), ERR_OK);
    }
    return e;
}

static void begin_sets(struct publish_batch *b, struct publish_known *known, int64_t now_ms,
                       const struct config_metrics *metrics)
{
    publish_begin(b, known, metrics, now_ms, false);
}

static void begin(struct publish_batch *b, struct publish_known *known, int64_t now_ms,
                  int64_t max_series, bool all)
{
    static struct config_metrics metrics;
    metrics = (struct config_metrics){
        .max_series = max_series, .sets = {CONFIG_ALL_DIMENSIONS}, .set_count = 1};
    publish_begin(b, known, &metrics, now_ms, all);
}

static void check_values(const struct publish_series *s, int64_t total, int64_t approved,
                         int64_t denied, int64_t failed, int64_t input, int64_t output)
{
    assert_int_equal(s->values[PUBLISH_TOTAL], total);
    assert_int_equal(s->values[PUBLISH_APPROVED], approved);
    assert_int_equal(s->values[PUBLISH_DENIED], denied);
    assert_int_equal(s->values[PUBLISH_FAILED], failed);
    assert_int_equal(s->values[PUBLISH_INPUT], input);
    assert_int_equal(s->values[PUBLISH_OUTPUT], output);
}

static void outcomes_count_as_defined(void **state)
{
    (void)state;
    struct arena a = {0};
    struct publish_known known = {0};
    struct publish_batch b;
    static const enum call_outcome outcomes[] = {OUTCOME_APPROVED, OUTCOME_APPROVED, OUTCOME_FAILED,
                                                 OUTCOME_DENIED, OUTCOME_REJECTED};
    begin(&b, &known, NOW, 200, false);
    for (int i = 0; i < 5; i++) {
        struct audit_entry e = call_of(&a, 100 + i, 2, outcomes[i], "app");
        assert_true(publish_take(&b, &e));
    }
    struct audit_entry change = {.seq = 105, .is_change = true, .time_ms = NOW};
    assert_true(publish_take(&b, &change));
    assert_int_equal(b.count, 1);
    assert_int_equal(b.last_seq, 105);
    check_values(b.at[0], 4, 3, 1, 1, 30, 9);
    assert_int_equal(b.at[0]->minute_ms, NOW - 2 * MINUTE);
    publish_end(&b);
    publish_known_free(&known);
    arena_free(&a);
}

static void dimensions_are_named_and_clean(void **state)
{
    (void)state;
    struct arena a = {0};
    struct publish_known known = {0};
    struct publish_batch b;
    struct audit_entry e = call_of(&a, 1, 2, OUTCOME_APPROVED, ":x");
    e.model = STR("\xc3\xa9t\xc3\xa9");
    e.model_id = STR("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123");
    assert_int_equal(tags_set(&e.tags, &a, STR("costCenter"), STR("sales")), ERR_OK);
    begin(&b, &known, NOW, 200, false);
    assert_true(publish_take(&b, &e));
    struct cloudwatch_datum *data = publish_data(&b);
    assert_non_null(data);
    static const char *const expected[][2] = {{"Model", "??t??"},
                                              {"ModelId", "abc123"},
                                              {"CostCenter", "sales"},
                                              {"Application", "_x"},
                                              {"Environment", "none"}};
    static const char *const metrics[] = {"TotalRequests",   "RateLimitApproved",
                                          "RateLimitDenied", "InvocationFailed",
                                          "InputTokens",     "OutputTokens"};
    for (size_t m = 0; m < 6; m++) {
        assert_string_equal(data[m].metric, metrics[m]);
        assert_int_equal(data[m].dimension_count, 5);
        assert_int_equal(data[m].at_ms, NOW - 2 * MINUTE);
    }
    for (size_t d = 0; d < 5; d++) {
        assert_string_equal(data[0].dimensions[d].name, expected[d][0]);
        assert_string_equal(data[0].dimensions[d].value, expected[d][1]);
    }
    assert_int_equal(data[4].value, 10);
    assert_int_equal(data[5].value, 3);
    free(data);
    publish_end(&b);
    publish_known_free(&known);
    arena_free(&a);
}

static void minutes_and_dimensions_are_apart(void **state)
{
    (void)state;
    struct arena a = {0};
    struct publish_known known = {0};
    struct publish_batch b;
    static const struct {
        int64_t ago;
        const char *application;
    } calls[] = {{2, "a"}, {2, "b"}, {3, "a"}, {2, "a"}, {2, NULL}};
    begin(&b, &known, NOW, 200, false);
    for (int i = 0; i < 5; i++) {
        struct audit_entry e =
            call_of(&a, i + 1, calls[i].ago, OUTCOME_APPROVED, calls[i].application);
        assert_true(publish_take(&b, &e));
    }
    assert_int_equal(b.count, 4);
    check_values(b.at[0], 2, 2, 0, 0, 20, 6);
    check_values(b.at[2], 1, 1, 0, 0, 10, 3);
    assert_int_equal(b.at[2]->minute_ms, NOW - 3 * MINUTE);
    publish_end(&b);
    publish_known_free(&known);
    arena_free(&a);
}

static void a_minute_waits_until_it_is_over(void **state)
{
    (void)state;
    struct arena a = {0};
    struct publish_known known = {0};
    struct publish_batch b;
    struct audit_entry complete = call_of(&a, 1, 1, OUTCOME_APPROVED, "a");
    struct audit_entry running = call_of(&a, 2, 0, OUTCOME_APPROVED, "a");
    begin(&b, &known, NOW + 1999, 200, false); /* not over by 2 seconds */
    assert_false(publish_take(&b, &complete));
    assert_int_equal(b.last_seq, 0);
    assert_false(b.more);
    publish_end(&b);
    begin(&b, &known, NOW + 2000, 200, false);
    assert_true(publish_take(&b, &complete));
    assert_false(publish_take(&b, &running));
    assert_int_equal(b.last_seq, 1);
    publish_end(&b);
    begin(&b, &known, NOW + 2000, 200, true);
    assert_true(publish_take(&b, &complete));
    assert_true(publish_take(&b, &running));
    assert_int_equal(b.count, 2);
    publish_end(&b);
    publish_known_free(&known);
    arena_free(&a);
}

static void old_and_future_calls_do_not_block(void **state)
{
    (void)state;
    struct arena a = {0};
    struct publish_known known = {0};
    struct publish_batch b;
    struct audit_entry old = call_of(&a, 1, 14 * 24 * 60, OUTCOME_APPROVED, "a");
    struct audit_entry future = call_of(&a, 2, -600, OUTCOME_APPROVED, "a");
    begin(&b, &known, NOW + 5000, 200, false);
    assert_true(publish_take(&b, &old));
    assert_int_equal(b.too_old, 1);
    assert_int_equal(b.count, 0);
    assert_true(publish_take(&b, &future));
    assert_int_equal(b.at[0]->minute_ms, NOW);
    assert_int_equal(b.last_seq, 2);
    publish_end(&b);
    publish_known_free(&known);
    arena_free(&a);
}

static void too_many_series_become_other_until_the_next_day(void **state)
{
    (void)state;
    struct arena a = {0};
    struct publish_known known = {0};
    struct publish_batch b;
    char application[32];
    begin(&b, &known, NOW, 3, false);
    for (int i = 0; i < 10; i++) {
        assert_true(snprintf(application, sizeof(application), "app%d", i % 5) > 0);
        struct audit_entry e = call_of(&a, i + 1, 2, OUTCOME_APPROVED, application);
        assert_true(publish_take(&b, &e));
    }
    assert_int_equal(b.count, 4);
    assert_string_equal(b.at[2]->text[DIMENSION_APPLICATION], "app2");
    assert_string_equal(b.at[3]->text[DIMENSION_APPLICATION], "other");
    check_values(b.at[3], 4, 4, 0, 0, 40, 12);
    publish_end(&b);
    struct audit_entry late = call_of(&a, 11, 2, OUTCOME_APPROVED, "app4");
    begin(&b, &known, NOW, 3, false);
    assert_true(publish_take(&b, &late));
    assert_string_equal(b.at[0]->text[DIMENSION_APPLICATION], "other");
    publish_end(&b);
    begin(&b, &known, NOW + 24 * 60 * MINUTE, 3, false);
    assert_true(publish_take(&b, &late));
    assert_string_equal(b.at[0]->text[DIMENSION_APPLICATION], "app4");
    publish_end(&b);
    publish_known_free(&known);
    arena_free(&a);
}

static void a_full_batch_ends_and_fits_one_request(void **state)
{
    (void)state;
    struct arena a = {0};
    struct publish_known known = {0};
    struct publish_batch b;
    char application[128];
    int64_t seq = 0;
    begin(&b, &known, NOW, 100000, false);
    for (;;) {
        memset(application, '"', 120);
        assert_true(snprintf(application + 100, 20, "%lld", (long long)seq) > 0);
        struct audit_entry e = call_of(&a, seq + 1, 2, OUTCOME_APPROVED, NULL);
        e.tags.at[0] = (struct tag){STR("applicationId"), str_of(application)};
        e.tags.count = 1;
        if (!publish_take(&b, &e)) {
            break;
        }
        seq++;
        assert_true(seq < 1000);
    }
    assert_true(b.more);
    assert_int_equal(b.last_seq, seq);
    assert_int_equal(b.count, seq);
    struct audit_entry known_one = call_of(&a, seq + 1, 2, OUTCOME_APPROVED, NULL);
    assert_false(publish_take(&b, &known_one)); /* order of seq holds: nothing after the break */
    struct cloudwatch_datum *data = publish_data(&b);
    struct buf body = {0};
    assert_int_equal(cloudwatch_put_body(&body, "Some/Namespace", data, b.count * 6), b.count * 6);
    buf_free(&body);
    free(data);
    publish_end(&b);
    publish_known_free(&known);
    arena_free(&a);
}

/* The data of a batch with that set of dimensions and that value in one of them. */
static const struct publish_series *series_with(const struct publish_batch *b, unsigned set,
                                                enum config_dimension d, const char *value)
{
    const struct publish_series *found = NULL;
    for (size_t i = 0; i < b->count; i++) {
        if (b->at[i]->set == set && strcmp(b->at[i]->text[d], value) == 0) {
            assert_null(found);
            found = b->at[i];
        }
    }
    assert_non_null(found);
    return found;
}

#define MODEL_ONLY  (1U << DIMENSION_MODEL)
#define CENTER_ONLY (1U << DIMENSION_COST_CENTER)

static void every_set_of_dimensions_has_its_own_sums(void **state)
{
    (void)state;
    struct arena a = {0};
    struct publish_known known = {0};
    struct publish_batch b;
    static const struct config_metrics metrics = {
        .max_series = 200,
        .sets = {CONFIG_ALL_DIMENSIONS, MODEL_ONLY, CENTER_ONLY},
        .set_count = 3};
    static const char *const centers[] = {"sales", "sales", "support"};
    static const char *const applications[] = {"a", "b", "c"};
    begin_sets(&b, &known, NOW, &metrics);
    for (int i = 0; i < 3; i++) {
        struct audit_entry e = call_of(&a, i + 1, 2, OUTCOME_APPROVED, applications[i]);
        assert_int_equal(tags_set(&e.tags, &a, STR("costCenter"), str_of(centers[i])), ERR_OK);
        assert_true(publish_take(&b, &e));
    }
    assert_int_equal(b.calls, 3);
    assert_int_equal(b.count, 3 + 1 + 2);
    const struct publish_series *model = series_with(&b, MODEL_ONLY, DIMENSION_MODEL, "haiku");
    check_values(model, 3, 3, 0, 0, 30, 9);
    check_values(series_with(&b, CENTER_ONLY, DIMENSION_COST_CENTER, "sales"), 2, 2, 0, 0, 20, 6);
    check_values(series_with(&b, CENTER_ONLY, DIMENSION_COST_CENTER, "support"), 1, 1, 0, 0, 10, 3);
    assert_int_equal(model->dimension_count, 1);
    assert_string_equal(model->dimensions[0].name, "Model");
    assert_string_equal(model->dimensions[0].value, "haiku");
    assert_string_equal(model->text[DIMENSION_APPLICATION], "");
    publish_end(&b);
    publish_known_free(&known);
    arena_free(&a);
}

/* However many models, applications and cost centers callers make up. */
static void max_series_bounds_all_sets_together(void **state)
{
    (void)state;
    struct arena a = {0};
    struct publish_known known = {0};
    struct publish_batch b;
    static const struct config_metrics metrics = {
        .max_series = 20, .sets = {CONFIG_ALL_DIMENSIONS, MODEL_ONLY, CENTER_ONLY}, .set_count = 3};
    int64_t requests[3] = {0};
    begin_sets(&b, &known, NOW, &metrics);
    for (int i = 0; i < 100; i++) {
        char name[16];
        assert_true(snprintf(name, sizeof(name), "n%d", i) > 0);
        struct audit_entry e = call_of(&a, i + 1, 2, OUTCOME_APPROVED, name);
        e.model = str_of(name);
        assert_int_equal(tags_set(&e.tags, &a, STR("costCenter"), str_of(name)), ERR_OK);
        assert_true(publish_take(&b, &e));
    }
    assert_int_equal(config_series_most(&metrics), 20 + 2 + 1 + 3);
    assert_true((int64_t)b.count <= config_series_most(&metrics));
    assert_int_equal(known.names.count, b.count);
    for (size_t i = 0; i < b.count; i++) {
        for (size_t k = 0; k < 3; k++) {
            requests[k] += b.at[i]->set == metrics.sets[k] ? b.at[i]->values[PUBLISH_TOTAL] : 0;
        }
    }
    assert_true(requests[0] == 100 && requests[1] == 100 && requests[2] == 100);
    assert_true(series_with(&b, MODEL_ONLY, DIMENSION_MODEL, "other")->values[PUBLISH_TOTAL] > 80);
    publish_end(&b);
    publish_known_free(&known);
    arena_free(&a);
}

/* A call is in all sets of a batch or in none of them. */
static void a_full_batch_splits_no_call(void **state)
{
    (void)state;
    struct arena a = {0};
    struct publish_known known = {0};
    struct publish_batch b;
    struct config_metrics metrics = {.max_series = 100000, .set_count = CONFIG_DIMENSION_SETS_MAX};
    for (unsigned i = 0; i < metrics.set_count; i++) {
        metrics.sets[i] = i + 1;
    }
    int64_t taken[3] = {0};
    for (int round = 0; round < 3; round++) {
        begin_sets(&b, &known, NOW, &metrics);
        for (int i = (int)taken[0]; i < 100; i++) {
            char name[16];
            assert_true(snprintf(name, sizeof(name), "n%d", i) > 0);
            struct audit_entry e = call_of(&a, i + 1, 2, OUTCOME_APPROVED, name);
            e.model = str_of(name);
            if (!publish_take(&b, &e)) {
                break;
            }
            taken[round]++;
        }
        assert_true(taken[round] > 0 && b.more &&
                    b.last_seq == b.calls + (round > 0 ? taken[0] : 0));
        int64_t requests = 0;
        for (size_t i = 0; i < b.count; i++) {
            requests += b.at[i]->values[PUBLISH_TOTAL];
        }
        assert_int_equal(requests, b.calls * CONFIG_DIMENSION_SETS_MAX);
        publish_end(&b);
    }
    publish_known_free(&known);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outcomes_count_as_defined),
        cmocka_unit_test(dimensions_are_named_and_clean),
        cmocka_unit_test(minutes_and_dimensions_are_apart),
        cmocka_unit_test(a_minute_waits_until_it_is_over),
        cmocka_unit_test(old_and_future_calls_do_not_block),
        cmocka_unit_test(too_many_series_become_other_until_the_next_day),
        cmocka_unit_test(a_full_batch_ends_and_fits_one_request),
        cmocka_unit_test(every_set_of_dimensions_has_its_own_sums),
        cmocka_unit_test(max_series_bounds_all_sets_together),
        cmocka_unit_test(a_full_batch_splits_no_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
