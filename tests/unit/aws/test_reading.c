/* test_reading.c: metrics listed and read one by one, quotas, forecasts, log events: requests,
 * pages, answers good, half and bad. */
#include "core/aws/cloudwatch_read.h"
#include "core/aws/cost_explorer.h"
#include "core/aws/logs.h"
#include "core/aws/quotas.h"
#include "tests/unit/aws/fake_aws.h"

#define ANSWERS 4

struct rig {
    struct fake_aws server;
    const char *bodies[ANSWERS];
    _Atomic int status;
    _Atomic int throttles; /* so many are refused first */
    struct buf seen[ANSWERS];
    struct aws_session session;
    struct credentials *keys;
    struct err_info ei;
};

static void answer(void *arg, const struct fake_request *q, struct fake_reply *r)
{
    struct rig *g = arg;
    if (q->number < g->throttles) {
        r->status = 429;
        return;
    }
    int i = q->number - g->throttles;
    i = i < ANSWERS ? i : ANSWERS - 1;
    buf_clear(&g->seen[i]);
    buf_add_str(&g->seen[i], q->body);
    r->status = g->status != 0 ? g->status : 200;
    buf_add(&r->body, g->bodies[i] != NULL ? g->bodies[i] : "{}");
}

static void set_up(struct rig *g)
{
    fake_aws_start(&g->server, answer, g);
    g->keys = credentials_new(STR("AKID"), STR("secret"), STR(""), 0, "test");
    g->session =
        (struct aws_session){aws_http_new(NULL, NULL), {g->server.url, "us-east-1"}, g->keys};
    assert_non_null(g->session.http);
}

static void tear_down(struct rig *g)
{
    aws_http_free(g->session.http);
    credentials_unref(g->keys);
    fake_aws_stop(&g->server);
    for (size_t i = 0; i < ANSWERS; i++) {
        buf_free(&g->seen[i]);
    }
}

static bool count_metric(void *arg, const char *metric, const json_t *dimensions)
{
    assert_string_equal(metric, "Invocations");
    assert_string_equal(aws_json_text(json_array_get(dimensions, 0), "Value"), "m");
    (*(int *)arg)++;
    return true;
}

#define METRIC                                                                                     \
    "{\"Namespace\":\"AWS/Bedrock\",\"MetricName\":\"Invocations\",\"Dimensions\":[{\"Name\":"     \
    "\"ModelId\",\"Value\":\"m\"}]}"

static void metrics_are_listed_over_all_pages(void **state)
{
    (void)state;
    struct rig g = {.bodies = {"{\"Metrics\":[" METRIC "," METRIC "],\"NextToken\":\"t\"}",
                               "{\"Metrics\":[" METRIC "]}"}};
    int count = 0;
    int64_t pages = 0;
    set_up(&g);
    assert_int_equal(
        cloudwatch_list(&g.session, "AWS/Bedrock", count_metric, &count, &pages, &g.ei), ERR_OK);
    assert_int_equal(count, 3);
    assert_int_equal(pages, 2);
    assert_non_null(strstr(buf_cstr(&g.seen[1]), "\"NextToken\":\"t\""));
    tear_down(&g);
}

static void what_is_throttled_is_asked_again(void **state)
{
    (void)state;
    for (int throttles = 2; throttles <= 4; throttles += 2) {
        struct rig g = {.bodies = {"{\"Metrics\":[" METRIC "]}"}, .throttles = throttles};
        int count = 0;
        int64_t pages = 0;
        set_up(&g);
        enum err e =
            cloudwatch_list(&g.session, "AWS/Bedrock", count_metric, &count, &pages, &g.ei);
        assert_int_equal(e, throttles == 2 ? ERR_OK : ERR_BUSY);
        assert_int_equal(count, throttles == 2 ? 1 : 0);
        assert_int_equal(fake_aws_count(&g.server), throttles == 2 ? 3 : 4);
        assert_true(throttles == 2 || strstr(g.ei.text, "ListMetrics is throttled") != NULL);
        if (throttles == 4) { /* whoever wants to stop does not wait for it */
            aws_http_abort(g.session.http);
            assert_false(aws_http_pause(g.session.http, 3600000));
        }
        tear_down(&g);
    }
}

static bool add_value(void *arg, size_t index, int64_t at_ms, double value)
{
    double *sum = arg;
    sum[0] += value;
    sum[1] = (double)index;
    return at_ms > 0;
}

static void statistics_are_asked_in_chunks(void **state)
{
    (void)state;
    static struct cloudwatch_stat stats[501];
    struct rig g = {
        .bodies = {"{\"MetricDataResults\":[{\"Id\":\"q499\",\"Timestamps\":[60,120],\"Values\":[1,"
                   "2]}]}",
                   "{\"MetricDataResults\":[{\"Id\":\"q0\",\"Timestamps\":[60],\"Values\":[4]}]}"}};
    double sum[2] = {0};
    int64_t asked = 0;
    set_up(&g);
    for (size_t i = 0; i < 501; i++) {
        stats[i] =
            (struct cloudwatch_stat){"AWS/Bedrock", "Invocations", "ModelId", "m", "Sum", 300};
    }
    assert_int_equal(
        cloudwatch_stats(&g.session, stats, 501, 60000, 360000, add_value, sum, &asked, &g.ei),
        ERR_OK);
    assert_true(sum[0] > 6.9 && sum[0] < 7.1);
    assert_int_equal((int)sum[1], 500); /* numbered through */
    assert_int_equal(asked, 501);
    (void)fake_aws_count(&g.server);
    assert_non_null(strstr(buf_cstr(&g.seen[0]), "\"StartTime\":60,\"EndTime\":360"));
    tear_down(&g);
}

static void half_answers_are_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"MetricDataResults\":[{\"Id\":\"q0\",\"Timestamps\":[60]",
        "{\"MetricDataResults\":[{\"Id\":\"q0\",\"Timestamps\":[60],\"Values\":[]}]}",
        "{\"MetricDataResults\":[{\"Id\":\"q7\",\"Timestamps\":[],\"Values\":[]}]}",
        "{\"MetricDataResults\":[{\"Id\":\"q0\",\"Timestamps\":[\"x\"],\"Values\":[1]}]}",
        "{\"MetricDataResults\":{}}",
        "[]",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct cloudwatch_stat stat = {"N", "M", "D", "v", "Sum", 300};
        struct rig g = {.bodies = {bodies[i]}};
        double sum[2];
        int64_t asked;
        set_up(&g);
        assert_int_equal(
            cloudwatch_stats(&g.session, &stat, 1, 0, 60000, add_value, sum, &asked, &g.ei),
            ERR_PARSE);
        assert_int_equal(asked, 1);
        tear_down(&g);
    }
}

static bool take_quota(void *arg, const struct quota *q)
{
    *(double *)arg += q->value;
    return q->name[0] != '\0';
}

static void quotas_are_read(void **state)
{
    (void)state;
    struct rig g = {
        .bodies = {"{\"Quotas\":[{\"QuotaName\":\"a\",\"Value\":5}],\"NextToken\":\"n\"}",
                   "{\"Quotas\":[{\"QuotaName\":\"b\",\"Value\":7,\"Unknown\":[]}]}"}};
    double sum = 0;
    set_up(&g);
    assert_int_equal(quotas_list(&g.session, "bedrock", take_quota, &sum, &g.ei), ERR_OK);
    assert_int_equal((int)sum, 12);
    tear_down(&g);
}

static void a_forecast_may_not_be_there_yet(void **state)
{
    (void)state;
    money_t mean = 0;
    int64_t pages = 0;
    struct rig good = {.bodies = {"{\"Total\":{\"Amount\":\"12.5\",\"Unit\":\"USD\"}}"}};
    set_up(&good);
    assert_int_equal(cost_explorer_forecast(&good.session, "2026-11-21", "2026-12-01", NULL, &mean,
                                            &pages, &good.ei),
                     ERR_OK);
    assert_int_equal(mean, 12500000000);
    tear_down(&good);
    struct rig none = {.status = 400,
                       .bodies = {"{\"__type\":\"DataUnavailableException\",\"message\":\"x\"}"}};
    set_up(&none);
    assert_int_equal(cost_explorer_forecast(&none.session, "2026-11-21", "2026-12-01", NULL, &mean,
                                            &pages, &none.ei),
                     ERR_NOT_FOUND);
    tear_down(&none);
}

static void rejected_events_are_counted(void **state)
{
    (void)state;
    static const struct {
        const char *info;
        size_t rejected;
    } cases[] = {
        {"{}", 0},
        {"{\"rejectedLogEventsInfo\":{\"tooOldLogEventEndIndex\":2}}", 2},
        {"{\"rejectedLogEventsInfo\":{\"tooOldLogEventEndIndex\":1,\"expiredLogEventEndIndex\":3}}",
         3},
        {"{\"rejectedLogEventsInfo\":{\"tooNewLogEventStartIndex\":1}}", 4},
        {"{\"rejectedLogEventsInfo\":{\"tooNewLogEventStartIndex\":-7}}", 5},
        {"{\"rejectedLogEventsInfo\":{\"tooOldLogEventEndIndex\":99}}", 5},
        {"garbage", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig g = {.bodies = {cases[i].info}};
        struct logs_event events[5];
        struct logs_stream to = {"g", "s"};
        size_t rejected;
        bool unanswered;
        set_up(&g);
        for (size_t k = 0; k < 5; k++) {
            events[k] = (struct logs_event){1000, STR("x")};
        }
        assert_int_equal(logs_put(g.session.http, &g.session.place, g.keys, &to, events, 5,
                                  &rejected, &unanswered, &g.ei),
                         ERR_OK);
        assert_int_equal(rejected, cases[i].rejected);
        assert_false(unanswered);
        tear_down(&g);
    }
}

/* Only what may have reached AWS is unanswered. */
static void what_was_not_sent_is_not_unanswered(void **state)
{
    (void)state;
    struct rig g = {.status = FAKE_CLOSE};
    struct logs_event event = {1000, STR("x")};
    struct logs_stream to = {"g", "s"};
    size_t rejected;
    bool unanswered = false;
    set_up(&g);
    assert_int_equal(logs_put(g.session.http, &g.session.place, g.keys, &to, &event, 1, &rejected,
                              &unanswered, &g.ei),
                     ERR_IO);
    assert_true(unanswered);
    struct aws_place nowhere = {"http://127.0.0.1:1", "us-east-1"};
    assert_int_equal(
        logs_put(g.session.http, &nowhere, g.keys, &to, &event, 1, &rejected, &unanswered, &g.ei),
        ERR_IO);
    assert_false(unanswered);
    g.status = 500;
    assert_int_equal(logs_put(g.session.http, &g.session.place, g.keys, &to, &event, 1, &rejected,
                              &unanswered, &g.ei),
                     ERR_IO);
    assert_false(unanswered);
    tear_down(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_are_listed_over_all_pages),
        cmocka_unit_test(what_is_throttled_is_asked_again),
        cmocka_unit_test(statistics_are_asked_in_chunks),
        cmocka_unit_test(half_answers_are_refused),
        cmocka_unit_test(quotas_are_read),
        cmocka_unit_test(a_forecast_may_not_be_there_yet),
        cmocka_unit_test(rejected_events_are_counted),
        cmocka_unit_test(what_was_not_sent_is_not_unanswered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
