/* test_compare.c: how often sources are asked for the money there is, whose model an ID is, and
 * what the comparison of ledger, CloudWatch and bill finds. */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/cloud/cloud_private.h"
#include "tests/unit/ledger/fixture.h"

#include <stdio.h>

#define PROFILE "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"

struct rig {
    char dir[DIR_TEXT];
    struct config config;
    struct cloud c;
    struct cloud_run run;
};

static void set_up(struct rig *g)
{
    *g = (struct rig){.config = {.region = "us-east-1", .references = 1}};
    clock_set_fake_wall(NOW_MS);
    dir_make(g->dir);
    pthread_mutex_init(&g->c.lock, NULL);
    g->c.ledger = ledger_at(g->dir, 1, 0);
    assert_int_equal(ledger_start(g->c.ledger, NULL), ERR_OK);
    g->c.config = &g->config;
    for (int i = 0; i < SOURCES; i++) {
        g->c.run_cost[i] = -1;
        g->c.sources[i].name = cloud_source_names[i];
    }
    g->run = (struct cloud_run){.c = &g->c, .config = &g->config, .now_ms = NOW_MS};
    g->c.since_ms = NOW_MS - 3 * HOUR_MS;
    cloud_watched_recall(&g->c);
}

static void tear_down(struct rig *g)
{
    for (int i = 0; i < SOURCES; i++) {
        json_decref(g->c.facts[i]);
    }
    json_decref(g->c.bypass);
    json_decref(g->c.watched);
    catalog_free(g->c.catalog);
    ledger_close(g->c.ledger);
    pthread_mutex_destroy(&g->c.lock);
    dir_remove(g->dir);
    clock_set_fake_wall(0);
}

/* --- periods --- */

static void periods_stretch_alike_to_keep_the_sum(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    struct config_pair tag = {"costCenter", "team"};
    g.config.cost_tags = (struct config_pairs){&tag, 1};
    g.config.poll.cloudwatch_ms = 5 * MINUTE_MS;
    g.config.poll.cost_explorer_ms = HOUR_MS;
    g.config.poll.budgets_ms = g.config.poll.profiles_ms = HOUR_MS;
    g.config.poll.max_usd_per_month = 20 * MONEY_DOLLAR;
    g.c.run_cost[SOURCE_BEDROCK] = MONEY_DOLLAR / 200;      /* 8,640 runs: 43.20 */
    g.c.run_cost[SOURCE_COST_EXPLORER] = MONEY_DOLLAR / 20; /* 720 runs: 36.00 */
    g.c.run_cost[SOURCE_ALARMS] = 0;
    cloud_spread(&g.c, &g.config);
    struct cloud_source *s = g.c.sources;
    money_t sum = 0;
    for (int i = 0; i < SOURCES; i++) {
        sum += s[i].usd_per_month > 0 ? s[i].usd_per_month : 0;
    }
    assert_true(sum <= 20 * MONEY_DOLLAR && sum > 19 * MONEY_DOLLAR);
    assert_int_equal(s[SOURCE_BEDROCK].asked_ms, 5 * MINUTE_MS);
    assert_int_equal(s[SOURCE_BEDROCK].period_ms / 1000 * 12,
                     s[SOURCE_COST_EXPLORER].period_ms / 1000);
    assert_int_equal(s[SOURCE_BUDGETS].period_ms, HOUR_MS); /* free */
    assert_int_equal(s[SOURCE_BUDGETS].usd_per_month, -1);
    g.config.poll.max_usd_per_month = 100 * MONEY_DOLLAR;
    cloud_spread(&g.c, &g.config);
    assert_int_equal(s[SOURCE_BEDROCK].period_ms, 5 * MINUTE_MS);
    g.config.poll.max_usd_per_month = 0; /* as good as never */
    cloud_spread(&g.c, &g.config);
    assert_true(s[SOURCE_COST_EXPLORER].period_ms >= 30 * DAY_MS);
    g.config.poll.cloudwatch_ms = 0;
    cloud_spread(&g.c, &g.config);
    assert_int_equal(s[SOURCE_BEDROCK].period_ms, 0);
    tear_down(&g);
}

/* --- whose model --- */

static void an_id_is_a_model_by_the_file_the_catalog_or_a_profile(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    struct config_mistakes mistakes = {0};
    struct config *file = config_parse(
        "t", STR("region: us-east-1\nmodels: [{name: lite, id: amazon.nova-lite-v1:0}]\n"),
        &mistakes);
    config_mistakes_free(&mistakes);
    assert_non_null(file);
    g.c.catalog = catalog_new(file, NULL);
    assert_non_null(g.c.catalog);
    assert_string_equal(cloud_model_of(&g.c, "us.amazon.nova-lite-v1:0"), "lite");
    assert_null(cloud_model_of(&g.c, "abc123"));
    cloud_tell(&g.c, SOURCE_PROFILES,
               json_pack("{s:[{s:s,s:s,s:s}]}", "profiles", "arn", PROFILE, "id", "p1", "model_arn",
                         "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"),
               NOW_MS);
    assert_string_equal(cloud_model_of(&g.c, "abc123"), "lite");
    assert_string_equal(cloud_model_of(&g.c, "p1"), "lite");
    assert_string_equal(cloud_model_of(&g.c, PROFILE), "lite");
    assert_null(cloud_model_of(&g.c, "abc12"));
    catalog_free(g.c.catalog);
    g.c.catalog = NULL;
    config_unref(file);
    tear_down(&g);
}

static void what_was_told_is_recalled(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    g.c.run_cost[SOURCE_BUDGETS] = 7;
    cloud_tell(&g.c, SOURCE_BUDGETS, json_pack("{s:s}", "account", "1"), NOW_MS);
    json_decref(g.c.facts[SOURCE_BUDGETS]);
    g.c.facts[SOURCE_BUDGETS] = NULL;
    cloud_recall(&g.c, SOURCE_BUDGETS);
    assert_string_equal(aws_json_text(g.c.facts[SOURCE_BUDGETS], "account"), "1");
    assert_int_equal(g.c.sources[SOURCE_BUDGETS].at_ms, NOW_MS);
    assert_int_equal(g.c.run_cost[SOURCE_BUDGETS], 7);
    assert_int_equal(ledger_put_value(g.c.ledger, "cloud.facts.alarms", STR("{\"at\":1"), NULL),
                     ERR_OK);
    cloud_recall(&g.c, SOURCE_ALARMS); /* a damaged one is as none */
    assert_null(g.c.facts[SOURCE_ALARMS]);
    tear_down(&g);
}

/* --- the comparison --- */

/* Bedrock counted `calls` of haiku in the hour `ago`, of which `before` came before tollgate. */
static void bedrock_counted(struct rig *g, int ago, int64_t calls, int64_t before)
{
    int64_t hour_ms = NOW_MS / HOUR_MS * HOUR_MS;
    cloud_tell(&g->c, SOURCE_BEDROCK,
               json_pack("{s:I,s:[{s:s,s:s,s:{s:I},s:[{s:I,s:I,s:I,s:I}]}]}", "since",
                         (json_int_t)(hour_ms - 24 * HOUR_MS), "models", "model_id", "us.haiku",
                         "model", "haiku", "before", "calls", (json_int_t)before, "hours", "hour",
                         (json_int_t)(hour_ms - ago * HOUR_MS), "calls", (json_int_t)calls,
                         "input_tokens", (json_int_t)(calls * 10), "output_tokens",
                         (json_int_t)(calls * 20)),
               g->run.now_ms);
}

static int64_t bypass(const struct rig *g)
{
    return json_integer_value(json_object_get(g->c.facts[SOURCE_RECONCILE], "bypass_calls"));
}

static const json_t *first_model(const struct rig *g)
{
    return json_array_get(json_object_get(g->c.facts[SOURCE_RECONCILE], "models"), 0);
}

static void a_bypass_counts_when_seen_twice(void **state)
{
    (void)state;
    struct rig g;
    struct err_info ei = {0};
    set_up(&g);
    for (unsigned i = 0; i < 3; i++) {
        store_plain(g.c.ledger, 0, 10 + i);
    }
    bedrock_counted(&g, 0, 5, 0);
    assert_int_equal(cloud_reconcile(&g.run, &ei), ERR_OK);
    assert_int_equal(bypass(&g), 0);
    assert_int_equal(cloud_reconcile(&g.run, &ei), ERR_CONFLICT);
    assert_non_null(strstr(ei.text, "2 calls that Bedrock counted did not pass tollgate"));
    assert_int_equal(bypass(&g), 2);
    assert_int_equal(json_integer_value(json_object_get(first_model(&g), "aws_input_tokens")), 50);
    assert_int_equal(json_integer_value(json_object_get(first_model(&g), "input_tokens")), 33);
    const json_t *hour = json_array_get(json_object_get(first_model(&g), "hours"), 0);
    assert_int_equal(json_integer_value(json_object_get(hour, "aws_calls")), 5);
    assert_int_equal(json_integer_value(json_object_get(hour, "calls")), 3);
    bedrock_counted(&g, 0, 3, 0); /* the ledger has caught up */
    err_clear(&ei);
    assert_int_equal(cloud_reconcile(&g.run, &ei), ERR_OK);
    assert_int_equal(json_array_size(json_object_get(first_model(&g), "hours")), 0);
    tear_down(&g);
}

static void what_was_before_tollgate_is_no_bypass(void **state)
{
    (void)state;
    struct rig g;
    struct err_info ei = {0};
    set_up(&g);
    bedrock_counted(&g, 5, 100, 0); /* two hours before it began to count */
    assert_int_equal(cloud_reconcile(&g.run, &ei), ERR_OK);
    assert_int_equal(cloud_reconcile(&g.run, &ei), ERR_OK);
    bedrock_counted(&g, 3, 100, 90); /* in its first hour, most of them before it */
    (void)!cloud_reconcile(&g.run, &ei);
    assert_int_equal(cloud_reconcile(&g.run, &ei), ERR_CONFLICT);
    assert_int_equal(bypass(&g), 10);
    tear_down(&g);
}

static void failed_calls_may_be_counted_by_bedrock_or_not(void **state)
{
    (void)state;
    struct rig g;
    struct err_info ei = {0};
    struct call c;
    set_up(&g);
    store_plain(g.c.ledger, 0, 10);
    call_fill(&c, 2);
    call_end(&c, 10, 20);
    c.outcome = OUTCOME_FAILED;
    store_settled(g.c.ledger, 0, &c);
    call_clear(&c);
    for (int64_t counted = 1; counted <= 2; counted++) {
        bedrock_counted(&g, 0, counted, 0);
        assert_int_equal(cloud_reconcile(&g.run, &ei), ERR_OK);
        assert_int_equal(cloud_reconcile(&g.run, &ei), ERR_OK);
        assert_int_equal(bypass(&g), 0);
    }
    assert_int_equal(json_integer_value(json_object_get(first_model(&g), "failed")), 1);
    tear_down(&g);
}

/* As many calls on both sides, one of ours failed, and tokens that only Bedrock knows. */
static void tokens_tell_what_failed_calls_hide(void **state)
{
    (void)state;
    struct rig g;
    struct call c;
    set_up(&g);
    for (unsigned i = 0; i < 3; i++) {
        store_plain(g.c.ledger, 0, 10);
    }
    call_fill(&c, 20);
    call_end(&c, 0, 0);
    c.outcome = OUTCOME_FAILED;
    store_settled(g.c.ledger, 0, &c);
    call_clear(&c);
    assert_int_equal(ledger_flush(g.c.ledger, 20000), ERR_OK);
    for (int64_t counted = 3; counted <= 4; counted++) {
        struct err_info ei = {0};
        bedrock_counted(&g, 0, counted, 0);
        (void)!cloud_reconcile(&g.run, NULL);
        enum err e = cloud_reconcile(&g.run, &ei);
        const json_t *m = first_model(&g);
        assert_int_equal(e, counted == 3 ? ERR_OK : ERR_CONFLICT);
        assert_int_equal(bypass(&g), 0);
        int64_t tokens = json_integer_value(json_object_get(m, "bypass_tokens"));
        assert_int_equal(tokens, counted == 3 ? 0 : 30);
        assert_string_equal(aws_json_text(m, "verdict"), counted == 3 ? "ok" : "bypass_or_count");
        assert_true(counted == 3 ||
                    strstr(ei.text, "30 tokens that Bedrock counted are not in") != NULL);
    }
    tear_down(&g);
}

static void a_day_that_was_watched_tells_bypass_from_price(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    int64_t hour_ms = NOW_MS / HOUR_MS * HOUR_MS;
    char today[11], hour[24];
    cloud_day(today, hour_ms);
    int64_t midnight_ms = hour_ms / DAY_MS * DAY_MS, next_ms = midnight_ms + DAY_MS + HOUR_MS;
    assert_int_equal(cloud_watched_day(&g.c, today), WATCHED_PARTLY);
    cloud_watched_note(&g.c, NULL, midnight_ms, next_ms); /* nothing was called all day */
    assert_int_equal(cloud_watched_day(&g.c, today), WATCHED_SAME);
    for (int64_t more = 1; more <= 10; more += 9) {
        (void)snprintf(hour, sizeof(hour), "%lld", (long long)(midnight_ms + HOUR_MS));
        json_t *tokens = json_pack("{s:[I,i,i]}", hour, (json_int_t)(1000 + 10 * more), 1000, 0);
        cloud_watched_note(&g.c, tokens, midnight_ms, next_ms);
        json_decref(tokens);
        json_decref(g.c.watched); /* a restart */
        cloud_watched_recall(&g.c);
        assert_int_equal(cloud_watched_day(&g.c, today), more == 1 ? WATCHED_SAME : WATCHED_MORE);
    }
    cloud_watched_note(&g.c, NULL, midnight_ms, midnight_ms + 14 * DAY_MS);
    assert_int_equal(cloud_watched_day(&g.c, today), WATCHED_PARTLY); /* forgotten */
    tear_down(&g);
}

static void a_bill_above_the_ledger_is_named(void **state)
{
    (void)state;
    static const struct {
        double usd;
        const char *verdict;
    } cases[] = {{100, "ok"}, {103, "ok"}, {120, "bypass_or_price"}, {80, "price"}};
    struct rig g;
    struct call c;
    char day[11];
    set_up(&g);
    int64_t then_ms = NOW_MS - 3 * DAY_MS;
    g.c.since_ms = NOW_MS - 6 * DAY_MS;
    cloud_day(day, then_ms);
    call_fill(&c, 1);
    c.arrived_wall_ms = c.admitted_wall_ms = then_ms;
    call_end(&c, 10, 20);
    c.usd = 100 * MONEY_DOLLAR;
    store_settled(g.c.ledger, 0, &c);
    call_clear(&c);
    assert_int_equal(ledger_flush(g.c.ledger, 20000), ERR_OK);
    cloud_tell(&g.c, SOURCE_BEDROCK, json_pack("{s:I,s:[]}", "since", (json_int_t)NOW_MS, "models"),
               NOW_MS);
    for (size_t i = 0; i < 4; i++) {
        struct err_info ei = {0};
        cloud_tell(&g.c, SOURCE_COST_EXPLORER,
                   json_pack("{s:[{s:s,s:s,s:f},{s:s,s:s,s:f}]}", "daily", "day", day,
                             "cost_center", "sales", "usd", cases[i].usd, "day", "2026-01-01",
                             "cost_center", "sales", "usd", 5000.0),
                   NOW_MS);
        enum err e = cloud_reconcile(&g.run, &ei);
        const json_t *costs = json_object_get(g.c.facts[SOURCE_RECONCILE], "costs");
        assert_int_equal(json_array_size(costs), 1); /* not the day before tollgate */
        assert_string_equal(aws_json_text(json_array_get(costs, 0), "verdict"), cases[i].verdict);
        assert_int_equal(e, i == 2 ? ERR_CONFLICT : ERR_OK);
        assert_true(i != 2 || strstr(ei.text, "AWS billed more") != NULL);
    }
    tear_down(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(periods_stretch_alike_to_keep_the_sum),
        cmocka_unit_test(an_id_is_a_model_by_the_file_the_catalog_or_a_profile),
        cmocka_unit_test(what_was_told_is_recalled),
        cmocka_unit_test(a_bypass_counts_when_seen_twice),
        cmocka_unit_test(what_was_before_tollgate_is_no_bypass),
        cmocka_unit_test(failed_calls_may_be_counted_by_bedrock_or_not),
        cmocka_unit_test(tokens_tell_what_failed_calls_hide),
        cmocka_unit_test(a_day_that_was_watched_tells_bypass_from_price),
        cmocka_unit_test(a_bill_above_the_ledger_is_named),
    };
    log_init(-1, LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
