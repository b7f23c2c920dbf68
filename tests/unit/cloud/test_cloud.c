/* test_cloud.c: the cloud thread with a real ledger and a server of the test: what is published,
 * once; what is shown; what is kept over a restart. */
#include "core/aws/cloudwatch.h"
#include "core/base/log.h"
#include "tests/unit/cloud/rig.h"

#define DENIED "{\"__type\":\"AccessDeniedException\",\"message\":\"no\"}"

static void complete_minutes_are_published_at_the_start(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    store_plain(g.ledger, 0, 10);
    store_plain(g.ledger, 0, 20);
    start(&g);
    struct cloud_source s = await(&g, "publish", CLOUD_OK);
    assert_int_equal(s.at_ms, NOW_MS + 5 * MINUTE_MS);
    assert_int_equal(value_of(&g, &g.aws.total_requests), 2);
    assert_int_equal(value_of(&g, &g.aws.input_tokens), 30);
    assert_int_equal(value_of(&g, &g.aws.last_minute_ms), NOW_MS - NOW_MS % MINUTE_MS);
    assert_int_equal(count_of(&g, &g.aws.puts), 1);
    tear_down(&g);
}

static void an_empty_ledger_publishes_nothing(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    start(&g);
    (void)await(&g, "publish", CLOUD_OK);
    assert_int_equal(count_of(&g, &g.aws.puts), 0);
    tear_down(&g);
}

static void what_failed_is_published_once_later(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    g.aws.put_status = 500;
    store_plain(g.ledger, 0, 10);
    start(&g);
    struct cloud_source s = await(&g, "publish", CLOUD_ERROR);
    assert_non_null(strstr(s.error, "cloudwatch:PutMetricData"));
    assert_int_equal(s.at_ms, 0);
    assert_int_equal(s.next_ms, NOW_MS + 5 * MINUTE_MS + 5000);
    hurry_and_await(&g, "publish", CLOUD_ERROR, NOW_MS + 6 * MINUTE_MS);
    s = source_of(&g, "publish");
    assert_int_equal(s.next_ms, NOW_MS + 6 * MINUTE_MS + 10000);
    set_int(&g, &g.aws.put_status, 200);
    hurry_and_await(&g, "publish", CLOUD_OK, NOW_MS + 7 * MINUTE_MS);
    assert_string_equal(source_of(&g, "publish").error, "");
    hurry_and_await(&g, "publish", CLOUD_OK, NOW_MS + 8 * MINUTE_MS);
    assert_int_equal(value_of(&g, &g.aws.total_requests), 1);
    assert_int_equal(count_of(&g, &g.aws.puts), 3);
    tear_down(&g);
}

static void a_restart_goes_on_where_it_was(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    store_plain(g.ledger, 0, 10);
    start(&g);
    (void)await(&g, "publish", CLOUD_OK);
    cloud_stop(g.cloud);
    store_plain(g.ledger, 0, 5);
    start(&g);
    (void)await(&g, "publish", CLOUD_OK);
    assert_int_equal(value_of(&g, &g.aws.total_requests), 2);
    assert_int_equal(value_of(&g, &g.aws.input_tokens), 15);
    tear_down(&g);
}

static void a_late_settle_counts_in_its_own_minute(void **state)
{
    (void)state;
    struct rig g;
    struct call late;
    uint64_t slot;
    set_up(&g);
    call_fill(&late, 1);
    assert_int_equal(ledger_admitted(g.ledger, 0, &late, &slot), ERR_OK);
    store_plain(g.ledger, 0, 10);
    start(&g);
    (void)await(&g, "publish", CLOUD_OK);
    assert_int_equal(value_of(&g, &g.aws.total_requests), 1);
    call_end(&late, 40, 2);
    ledger_settled(g.ledger, 0, slot, &late);
    call_clear(&late);
    hurry_and_await(&g, "publish", CLOUD_OK, NOW_MS + 9 * MINUTE_MS);
    assert_int_equal(value_of(&g, &g.aws.total_requests), 2);
    assert_int_equal(value_of(&g, &g.aws.input_tokens), 50);
    assert_int_equal(value_of(&g, &g.aws.last_minute_ms), NOW_MS - NOW_MS % MINUTE_MS);
    tear_down(&g);
}

static void the_running_minute_waits_unless_hurried(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    clock_set_fake_wall(NOW_MS + 1000);
    store_plain(g.ledger, 0, 10);
    start(&g);
    (void)await(&g, "publish", CLOUD_OK);
    assert_int_equal(count_of(&g, &g.aws.puts), 0);
    hurry_and_await(&g, "publish", CLOUD_OK, NOW_MS + 1500);
    assert_int_equal(value_of(&g, &g.aws.total_requests), 1);
    tear_down(&g);
}

static void answers_of_aws_are_shown_and_kept(void **state)
{
    (void)state;
    struct rig g;
    struct cloud_view v;
    set_up(&g);
    start(&g);
    (void)await(&g, "cloudwatch", CLOUD_OK);
    (void)await(&g, "cost_explorer", CLOUD_OK);
    cloud_stop(g.cloud);
    set_int(&g, &g.aws.get_status, 500);
    clock_set_fake_wall(NOW_MS + 6 * MINUTE_MS);
    start(&g);
    assert_int_equal(cloud_view(g.cloud, &v), ERR_OK);
    assert_int_equal(v.metric_count, 2);
    assert_string_equal(v.metrics[0].metric, "InputTokens");
    assert_string_equal(v.metrics[0].model, "haiku");
    assert_int_equal(v.metrics[0].sum, 3500);
    assert_string_equal(v.metrics[1].metric, "TotalRequests");
    assert_int_equal(v.metrics[1].sum, 7);
    assert_int_equal(v.cost_count, 1);
    assert_string_equal(v.costs[0].cost_center, "sales");
    assert_int_equal(v.costs[0].today, 500000000);
    assert_int_equal(v.costs[0].month, 1750000000);
    cloud_view_free(&v);
    (void)await(&g, "publish", CLOUD_OK); /* it has gone round once */
    struct cloud_source s = source_of(&g, "cost_explorer");
    assert_int_equal(s.at_ms, NOW_MS + 5 * MINUTE_MS);
    assert_int_equal(s.next_ms, NOW_MS + 5 * MINUTE_MS + 6 * HOUR_MS);
    assert_int_equal(count_of(&g, &g.aws.gets), 1);
    assert_int_equal(count_of(&g, &g.aws.costs), 1);
    tear_down(&g);
}

static void the_questions_are_the_right_ones(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    g.config.publish_metrics.namespace = "Test Space";
    start(&g);
    (void)await(&g, "cost_explorer", CLOUD_OK);
    pthread_mutex_lock(&g.aws.lock);
    const char *costs = buf_cstr(&g.aws.last_cost_query);
    const char *metrics = buf_cstr(&g.aws.last_get_query);
    assert_non_null(strstr(costs, "\"Start\":\"2026-11-01\",\"End\":\"2026-11-22\""));
    assert_non_null(strstr(buf_cstr(&g.aws.last_services_query), "\"Start\":\"2026-06-01\""));
    assert_non_null(strstr(costs, "{\"Type\":\"TAG\",\"Key\":\"team\"}"));
    assert_non_null(strstr(metrics, "SEARCH('{\\\"Test Space\\\",Application,CostCenter,"
                                    "Environment,Model,ModelId} MetricName=\\\"InputTokens\\\"', "
                                    "'Sum', 3600)"));
    pthread_mutex_unlock(&g.aws.lock);
    tear_down(&g);
}

#define LISTED(name, dimensions)                                                                   \
    "{\"Namespace\":\"Test/Space\",\"MetricName\":\"" name "\",\"Dimensions\":[" dimensions "]}"
#define DIMENSION(name) "{\"Name\":\"" name "\",\"Value\":\"v\"}"

static int64_t metrics_of(struct rig *g, const char *set)
{
    struct cloud_view v;
    assert_int_equal(cloud_view(g->cloud, &v), ERR_OK);
    const json_t *listed = json_object_get(json_object_get(v.facts, "cloudwatch"), "listed");
    const json_t *n = set != NULL ? json_object_get(json_object_get(listed, "sets"), set)
                                  : json_object_get(listed, "metrics");
    int64_t value = json_integer_value(n);
    cloud_view_free(&v);
    return value;
}

/* Whoever writes into the namespace; what expired is no longer listed. */
static void the_namespace_is_listed_once_an_hour(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    g.aws.list_body =
        "{\"Metrics\":[" LISTED("A", DIMENSION("ModelId") "," DIMENSION("Model")) "," LISTED(
            "B", DIMENSION("ModelId") "," DIMENSION(
                     "Model")) "," LISTED("A", DIMENSION("Team")) "," LISTED("A", "") "]}";
    start(&g);
    (void)await(&g, "cloudwatch", CLOUD_OK);
    assert_int_equal(metrics_of(&g, NULL), 4);
    assert_int_equal(metrics_of(&g, "Model,ModelId"), 2);
    assert_int_equal(metrics_of(&g, "Team"), 1);
    hurry_and_await(&g, "cloudwatch", CLOUD_OK, NOW_MS + 10 * MINUTE_MS);
    cloud_stop(g.cloud);
    start(&g);
    hurry_and_await(&g, "cloudwatch", CLOUD_OK, NOW_MS + 20 * MINUTE_MS);
    assert_int_equal(count_of(&g, &g.aws.gets), 3);
    assert_int_equal(count_of(&g, &g.aws.lists), 1);
    pthread_mutex_lock(&g.aws.lock);
    g.aws.list_body = "{\"Metrics\":[" LISTED("A", DIMENSION("Team")) "]}";
    pthread_mutex_unlock(&g.aws.lock);
    hurry_and_await(&g, "cloudwatch", CLOUD_OK, NOW_MS + 70 * MINUTE_MS);
    assert_int_equal(count_of(&g, &g.aws.lists), 2);
    assert_int_equal(metrics_of(&g, NULL), 1);
    assert_int_equal(metrics_of(&g, "Model,ModelId"), 0);
    tear_down(&g);
}

static void costs_of_another_day_are_not_todays(void **state)
{
    (void)state;
    struct rig g;
    struct cloud_view v;
    set_up(&g);
    start(&g);
    (void)await(&g, "cost_explorer", CLOUD_OK);
    clock_set_fake_wall(NOW_MS + DAY_MS);
    assert_int_equal(cloud_view(g.cloud, &v), ERR_OK);
    assert_int_equal(v.costs[0].today, 0);
    assert_int_equal(v.costs[0].month, 1750000000);
    cloud_view_free(&v);
    clock_set_fake_wall(NOW_MS + 15 * DAY_MS);
    assert_int_equal(cloud_view(g.cloud, &v), ERR_OK);
    assert_int_equal(v.costs[0].month, 0);
    cloud_view_free(&v);
    tear_down(&g);
}

static void errors_are_shown_and_the_last_answer_stays(void **state)
{
    (void)state;
    struct rig g;
    struct cloud_view v;
    set_up(&g);
    start(&g);
    (void)await(&g, "cost_explorer", CLOUD_OK);
    pthread_mutex_lock(&g.aws.lock);
    g.aws.cost_status = 400;
    g.aws.cost_body = DENIED;
    g.aws.get_body = "garbage";
    pthread_mutex_unlock(&g.aws.lock);
    hurry_and_await(&g, "cost_explorer", CLOUD_ERROR, NOW_MS + 7 * MINUTE_MS);
    struct cloud_source s = source_of(&g, "cost_explorer");
    assert_non_null(strstr(s.error, "allow ce:GetDimensionValues for the credentials of the test"));
    assert_int_equal(s.at_ms, NOW_MS + 5 * MINUTE_MS);
    s = await(&g, "cloudwatch", CLOUD_ERROR);
    assert_non_null(strstr(s.error, "cloudwatch:GetMetricData"));
    assert_int_equal(cloud_view(g.cloud, &v), ERR_OK);
    assert_int_equal(v.metric_count, 2);
    assert_int_equal(v.cost_count, 1);
    cloud_view_free(&v);
    tear_down(&g);
}

static void impossible_sums_are_refused(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    g.aws.get_body = "{\"MetricDataResults\":[{\"Id\":\"q0\",\"Label\":\"m\",\"Timestamps\":[1],"
                     "\"Values\":[-5]}]}";
    start(&g);
    (void)await(&g, "cloudwatch", CLOUD_ERROR);
    tear_down(&g);
}

static void what_is_off_asks_nothing(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    g.config.publish_metrics.on = false;
    g.config.poll.cost_explorer_ms = g.config.poll.cloudwatch_ms = 0;
    store_plain(g.ledger, 0, 10);
    start(&g);
    hurry_and_await(&g, "credentials", CLOUD_OK, NOW_MS + 6 * MINUTE_MS);
    assert_int_equal(source_of(&g, "publish").state, CLOUD_OFF);
    assert_int_equal(source_of(&g, "cloudwatch").state, CLOUD_OFF);
    assert_int_equal(source_of(&g, "cost_explorer").state, CLOUD_OFF);
    assert_int_equal(fake_aws_count(&g.server), 1); /* whose account it is */
    assert_int_equal(count_of(&g, &g.aws.whoamis), 1);
    struct config on = g.config;
    on.publish_metrics.on = true;
    on.references = 1;
    cloud_reload(g.cloud, &on);
    (void)await(&g, "publish", CLOUD_OK);
    assert_int_equal(value_of(&g, &g.aws.total_requests), 1);
    cloud_reload(g.cloud, &g.config);
    (void)await(&g, "publish", CLOUD_OFF);
    cloud_stop(g.cloud);
    g.cloud = NULL;
    assert_int_equal(on.references, 1);
    tear_down(&g);
}

static void without_credentials_it_says_so_and_waits(void **state)
{
    (void)state;
    static const char *const none[][2] = {{"AWS_EC2_METADATA_DISABLED", "true"},
                                          {"AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/a"},
                                          {"AWS_CONFIG_FILE", "/nonexistent/b"}};
    struct rig g;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(setenv(none[i][0], none[i][1], 1), 0);
    }
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_PROFILE");
    unsetenv("AWS_DEFAULT_PROFILE");
    unsetenv("AWS_WEB_IDENTITY_TOKEN_FILE");
    set_up(&g);
    credentials_provider_free(g.credentials);
    g.credentials = credentials_provider_new(NULL, NULL);
    start(&g);
    struct cloud_source s = await(&g, "credentials", CLOUD_ERROR);
    assert_non_null(strstr(s.error, "AWS_ACCESS_KEY_ID"));
    int64_t until_us = clock_mono_us() + DEADLINE_US;
    do {
        s = source_of(&g, "publish");
        assert_int_equal(s.state, CLOUD_WAITING);
    } while (s.error[0] == '\0' && clock_mono_us() < until_us);
    assert_non_null(strstr(s.error, "credentials"));
    assert_int_equal(fake_aws_count(&g.server), 0);
    tear_down(&g);
}

static void await_account(struct rig *g, int64_t account)
{
    WAIT_FOR(cloud_own_account(g->cloud) == account);
}

/* Another round of the thread: the n-th, hurried. */
static void one_more_round(struct rig *g, int n)
{
    hurry_and_await(g, "publish", CLOUD_OK, NOW_MS + 5 * MINUTE_MS + n * 1000);
}

static void the_account_is_asked_for_once(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    start(&g);
    await_account(&g, 12);
    one_more_round(&g, 1);
    one_more_round(&g, 6);
    assert_int_equal(count_of(&g, &g.aws.whoamis), 1);
    tear_down(&g);
}

static void an_account_that_is_not_told_is_asked_for_again_later(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    g.aws.account = NULL;
    start(&g);
    (void)await(&g, "publish", CLOUD_OK);
    assert_int_equal(cloud_own_account(g.cloud), 0);
    one_more_round(&g, 1);
    int asked = count_of(&g, &g.aws.whoamis);
    one_more_round(&g, 4); /* within five seconds: not again */
    assert_int_equal(count_of(&g, &g.aws.whoamis), asked);
    pthread_mutex_lock(&g.aws.lock);
    g.aws.account = "210987654321";
    pthread_mutex_unlock(&g.aws.lock);
    one_more_round(&g, 6);
    await_account(&g, 210987654321);
    tear_down(&g);
}

static void a_stop_ends_a_call_that_hangs(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    g.aws.get_status = FAKE_HANG;
    start(&g);
    fake_aws_await(&g.server, 2); /* behind whose account it is */
    tear_down(&g);
}

static void states_have_names(void **state)
{
    (void)state;
    assert_string_equal(cloud_state_name(CLOUD_OFF), "off");
    assert_string_equal(cloud_state_name(CLOUD_WAITING), "waiting");
    assert_string_equal(cloud_state_name(CLOUD_OK), "ok");
    assert_string_equal(cloud_state_name(CLOUD_ERROR), "error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(complete_minutes_are_published_at_the_start),
        cmocka_unit_test(an_empty_ledger_publishes_nothing),
        cmocka_unit_test(what_failed_is_published_once_later),
        cmocka_unit_test(a_restart_goes_on_where_it_was),
        cmocka_unit_test(a_late_settle_counts_in_its_own_minute),
        cmocka_unit_test(the_running_minute_waits_unless_hurried),
        cmocka_unit_test(answers_of_aws_are_shown_and_kept),
        cmocka_unit_test(the_questions_are_the_right_ones),
        cmocka_unit_test(the_namespace_is_listed_once_an_hour),
        cmocka_unit_test(costs_of_another_day_are_not_todays),
        cmocka_unit_test(errors_are_shown_and_the_last_answer_stays),
        cmocka_unit_test(impossible_sums_are_refused),
        cmocka_unit_test(what_is_off_asks_nothing),
        cmocka_unit_test(without_credentials_it_says_so_and_waits),
        cmocka_unit_test(the_account_is_asked_for_once),
        cmocka_unit_test(an_account_that_is_not_told_is_asked_for_again_later),
        cmocka_unit_test(a_stop_ends_a_call_that_hangs),
        cmocka_unit_test(states_have_names),
    };
    log_init(-1, LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
