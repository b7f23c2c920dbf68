/* test_cloud.c: the cloud thread with a real ledger and a server of the test: what is published,
 * once; what is shown; what is kept over a restart. */
#include "core/aws/cloudwatch.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/cloud/cloud.h"
#include "tests/unit/aws/fake_aws.h"
#include "tests/unit/ledger/fixture.h"

#include <jansson.h>

#define GOOD_METRICS                                                                               \
    "{\"MetricDataResults\":[{\"Id\":\"q4\",\"Label\":\"haiku\",\"Timestamps\":[1795224000,"       \
    "1795220400],\"Values\":[1000,2500]},{\"Id\":\"q0\",\"Label\":\"haiku\",\"Timestamps\":["      \
    "1795224000],\"Values\":[7]}]}"
#define COST_DAY(day, amount)                                                                      \
    "{\"TimePeriod\":{\"Start\":\"" day "\",\"End\":\"x\"},\"Groups\":[{\"Keys\":["                \
    "\"costCenter$sales\",\"Amazon "                                                               \
    "Bedrock\"],\"Metrics\":{\"UnblendedCost\":{\"Amount\":\"" amount "\",\"Unit\":\"USD\"}}}]}"
#define GOOD_COSTS                                                                                 \
    "{\"ResultsByTime\":[" COST_DAY("2026-11-20", "1.25") "," COST_DAY("2026-11-21", "0.5") "]}"
#define DENIED "{\"__type\":\"AccessDeniedException\",\"message\":\"no\"}"

/* The AWS of a test. Guarded by `lock`; counts are by kind of call. */
struct aws {
    pthread_mutex_t lock;
    int put_status, get_status, cost_status;
    const char *get_body, *cost_body;
    int puts, gets, costs;
    int64_t total_requests, input_tokens; /* taken */
    int64_t last_minute_ms;
    struct buf last_cost_query, last_get_query;
};

static void count_data(struct aws *a, struct str body)
{
    json_t *root = json_loadb(body.p, body.n, 0, NULL);
    json_t *data = json_object_get(root, "MetricData");
    for (size_t i = 0; i < json_array_size(data); i++) {
        json_t *d = json_array_get(data, i);
        const char *name = json_string_value(json_object_get(d, "MetricName"));
        int64_t value = json_integer_value(json_object_get(d, "Value"));
        a->total_requests += strcmp(name, "TotalRequests") == 0 ? value : 0;
        a->input_tokens += strcmp(name, "InputTokens") == 0 ? value : 0;
        a->last_minute_ms = json_integer_value(json_object_get(d, "Timestamp")) * 1000;
    }
    json_decref(root);
}

static void answer(void *arg, const struct fake_request *q, struct fake_reply *r)
{
    struct aws *a = arg;
    struct str target = http_value(&q->head, "x-amz-target");
    pthread_mutex_lock(&a->lock);
    if (str_ends(target, ".PutMetricData")) {
        a->puts++;
        r->status = a->put_status;
        if (a->put_status == 200) {
            count_data(a, q->body);
        }
    } else if (str_ends(target, ".GetMetricData")) {
        a->gets++;
        r->status = a->get_status;
        buf_add(&r->body, a->get_body);
        buf_clear(&a->last_get_query);
        buf_add_str(&a->last_get_query, q->body);
    } else {
        a->costs++;
        r->status = a->cost_status;
        buf_add(&r->body, a->cost_body);
        buf_clear(&a->last_cost_query);
        buf_add_str(&a->last_cost_query, q->body);
    }
    pthread_mutex_unlock(&a->lock);
}

struct rig {
    struct fake_aws server;
    struct aws aws;
    char dir[DIR_TEXT];
    struct ledger *ledger;
    struct config config;
    struct config_pair tag;
    struct credentials_provider *credentials;
    struct cloud *cloud;
};

static int64_t value_of(struct rig *g, const int64_t *at)
{
    pthread_mutex_lock(&g->aws.lock);
    int64_t value = *at;
    pthread_mutex_unlock(&g->aws.lock);
    return value;
}

static int count_of(struct rig *g, const int *at)
{
    pthread_mutex_lock(&g->aws.lock);
    int value = *at;
    pthread_mutex_unlock(&g->aws.lock);
    return value;
}

static void set_int(struct rig *g, int *at, int value)
{
    pthread_mutex_lock(&g->aws.lock);
    *at = value;
    pthread_mutex_unlock(&g->aws.lock);
}

static void set_up(struct rig *g)
{
    *g = (struct rig){.aws = {.put_status = 200,
                              .get_status = 200,
                              .cost_status = 200,
                              .get_body = GOOD_METRICS,
                              .cost_body = GOOD_COSTS}};
    clock_set_fake_wall(NOW_MS + 5 * MINUTE_MS);
    pthread_mutex_init(&g->aws.lock, NULL);
    fake_aws_start(&g->server, answer, &g->aws);
    dir_make(g->dir);
    g->ledger = ledger_at(g->dir, 1, 0);
    assert_int_equal(ledger_start(g->ledger, NULL), ERR_OK);
    g->tag = (struct config_pair){"costCenter", "team"};
    g->config =
        (struct config){.region = "eu-west-1",
                        .publish_metrics = {.on = true,
                                            .namespace = "Test/Space",
                                            .every_ms = MINUTE_MS,
                                            .max_series = 200},
                        .poll = {.cloudwatch_ms = 5 * MINUTE_MS, .cost_explorer_ms = 6 * HOUR_MS},
                        .cost_tags = {&g->tag, 1},
                        .references = 1};
    for (int i = 0; i < SERVICE_COUNT; i++) {
        g->config.endpoints[i] = g->server.url;
    }
    struct credentials *fixed = credentials_new(STR("AKID"), STR("secret"), STR(""), 0, "the test");
    g->credentials = credentials_provider_new(fixed, NULL);
    credentials_unref(fixed);
    assert_non_null(g->credentials);
}

static void start(struct rig *g)
{
    struct cloud_options o = {&g->config, g->ledger, g->credentials};
    g->cloud = cloud_start(&o, NULL);
    assert_non_null(g->cloud);
}

static void tear_down(struct rig *g)
{
    cloud_stop(g->cloud);
    assert_int_equal(g->config.references, 1);
    credentials_provider_free(g->credentials);
    ledger_close(g->ledger);
    fake_aws_stop(&g->server);
    dir_remove(g->dir);
    buf_free(&g->aws.last_cost_query);
    buf_free(&g->aws.last_get_query);
    pthread_mutex_destroy(&g->aws.lock);
    clock_set_fake_wall(0);
}

static struct cloud_source source_of(struct rig *g, const char *name)
{
    struct cloud_view v;
    struct cloud_source found = {0};
    assert_int_equal(cloud_view(g->cloud, &v), ERR_OK);
    for (size_t i = 0; i < v.source_count; i++) {
        if (strcmp(v.sources[i].name, name) == 0) {
            found = v.sources[i];
        }
    }
    cloud_view_free(&v);
    assert_non_null(found.name);
    return found;
}

/* Waits until the source is in that state. */
static struct cloud_source await(struct rig *g, const char *name, enum cloud_state state)
{
    int64_t until_us = clock_mono_us() + 10000000;
    for (;;) {
        struct cloud_source s = source_of(g, name);
        if (s.state == state) {
            return s;
        }
        if (clock_mono_us() > until_us) {
            fail_msg("%s is '%s' (%s)", name, cloud_state_name(s.state), s.error);
        }
        usleep(1000);
    }
}

/* Hurries, and waits until the source has run again: its time moves with the clock. */
static void hurry_and_await(struct rig *g, const char *name, enum cloud_state state, int64_t now_ms)
{
    clock_set_fake_wall(now_ms);
    cloud_hurry(g->cloud);
    int64_t until_us = clock_mono_us() + 10000000;
    for (;;) {
        struct cloud_source s = source_of(g, name);
        if (s.state == state && s.next_ms > now_ms && (state != CLOUD_OK || s.at_ms == now_ms)) {
            return;
        }
        if (clock_mono_us() > until_us) {
            fail_msg("%s is '%s' (%s)", name, cloud_state_name(s.state), s.error);
        }
        usleep(1000);
    }
}

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
    assert_non_null(strstr(costs, "{\"Type\":\"TAG\",\"Key\":\"team\"}"));
    assert_non_null(strstr(metrics, "SEARCH('{\\\"Test Space\\\",Application,CostCenter,"
                                    "Environment,Model,ModelId} MetricName=\\\"InputTokens\\\"', "
                                    "'Sum', 3600)"));
    pthread_mutex_unlock(&g.aws.lock);
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
    assert_non_null(strstr(s.error, "allow ce:GetCostAndUsage for the credentials of the test"));
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
    g.config.poll.cost_explorer_ms = 0;
    store_plain(g.ledger, 0, 10);
    start(&g);
    hurry_and_await(&g, "credentials", CLOUD_OK, NOW_MS + 6 * MINUTE_MS);
    assert_int_equal(source_of(&g, "publish").state, CLOUD_OFF);
    assert_int_equal(source_of(&g, "cloudwatch").state, CLOUD_OFF);
    assert_int_equal(source_of(&g, "cost_explorer").state, CLOUD_OFF);
    assert_int_equal(fake_aws_count(&g.server), 0);
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
    int64_t until_us = clock_mono_us() + 10000000;
    do {
        s = source_of(&g, "publish");
        assert_int_equal(s.state, CLOUD_WAITING);
    } while (s.error[0] == '\0' && clock_mono_us() < until_us);
    assert_non_null(strstr(s.error, "credentials"));
    assert_int_equal(fake_aws_count(&g.server), 0);
    tear_down(&g);
}

static void a_stop_ends_a_call_that_hangs(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g);
    g.aws.get_status = FAKE_HANG;
    start(&g);
    fake_aws_await(&g.server, 1);
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
        cmocka_unit_test(costs_of_another_day_are_not_todays),
        cmocka_unit_test(errors_are_shown_and_the_last_answer_stays),
        cmocka_unit_test(impossible_sums_are_refused),
        cmocka_unit_test(what_is_off_asks_nothing),
        cmocka_unit_test(without_credentials_it_says_so_and_waits),
        cmocka_unit_test(a_stop_ends_a_call_that_hangs),
        cmocka_unit_test(states_have_names),
    };
    log_init(-1, LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
