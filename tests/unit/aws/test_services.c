/* test_services.c: CloudWatch, Cost Explorer and STS: request bodies, pages, answers good and bad.
 */
#include "core/aws/cloudwatch.h"
#include "core/aws/cloudwatch_read.h"
#include "core/aws/cost_explorer.h"
#include "core/aws/sts.h"
#include "tests/unit/aws/fake_aws.h"

#include <jansson.h>

#define PAGES 4

struct script {
    const char *bodies[PAGES]; /* one an answer */
    int statuses[PAGES];       /* 0: 200 */
    struct buf seen[PAGES];
};

static void answer(void *arg, const struct fake_request *q, struct fake_reply *r)
{
    struct script *s = arg;
    int i = q->number < PAGES ? q->number : PAGES - 1;
    buf_clear(&s->seen[i]);
    buf_add_str(&s->seen[i], q->body);
    r->status = s->statuses[i] != 0 ? s->statuses[i] : 200;
    buf_add(&r->body, s->bodies[i] != NULL ? s->bodies[i] : "");
}

struct rig {
    struct fake_aws server;
    struct script script;
    struct aws_http *http;
    struct credentials *credentials;
    struct aws_place place;
    struct err_info ei;
};

static void set_up(struct rig *g, struct script script)
{
    *g = (struct rig){.script = script};
    fake_aws_start(&g->server, answer, &g->script);
    g->http = aws_http_new(NULL, NULL);
    g->credentials = credentials_new(STR("AKID"), STR("secret"), STR(""), 0, "test");
    assert_non_null(g->http);
    assert_non_null(g->credentials);
    g->place = (struct aws_place){g->server.url, "us-east-1"};
}

static void tear_down(struct rig *g)
{
    aws_http_free(g->http);
    credentials_unref(g->credentials);
    fake_aws_stop(&g->server);
    for (size_t i = 0; i < PAGES; i++) {
        buf_free(&g->script.seen[i]);
    }
}

static json_t *seen(struct rig *g, int i)
{
    (void)fake_aws_count(&g->server);
    json_t *root = json_loads(buf_cstr(&g->script.seen[i]), 0, NULL);
    assert_non_null(root);
    return root;
}

/* What was asked the i-th time is this. */
static void assert_seen(struct rig *g, int i, const char *expected)
{
    json_t *got = seen(g, i), *want = json_loads(expected, 0, NULL);
    assert_non_null(want);
    assert_true(json_equal(got, want));
    json_decref(got);
    json_decref(want);
}

static void assert_seen_text(struct rig *g, int i, const char *key, const char *text)
{
    json_t *got = seen(g, i);
    assert_string_equal(json_string_value(json_object_get(got, key)), text);
    json_decref(got);
}

static const struct cloudwatch_dimension two[] = {{"Model", "haiku \"3\""}, {"ModelId", "id"}};

static void data_are_published_as_json(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g, (struct script){0});
    struct cloudwatch_datum data[] = {{"InputTokens", two, 2, 1795224960000, 123456789012345},
                                      {"TotalRequests", two, 1, 1795225020000, 0}};
    size_t done;
    bool unanswered;
    assert_int_equal(cloudwatch_put(g.http, &g.place, g.credentials, "My/Space", data, 2, &done,
                                    &unanswered, &g.ei),
                     ERR_OK);
    assert_int_equal(done, 2);
    assert_seen(
        &g, 0,
        "{\"Namespace\":\"My/"
        "Space\",\"MetricData\":[{\"MetricName\":\"InputTokens\",\"Dimensions\":"
        "[{\"Name\":\"Model\",\"Value\":\"haiku "
        "\\\"3\\\"\"},{\"Name\":\"ModelId\",\"Value\":\"id\"}"
        "],\"Timestamp\":1795224960,\"Value\":123456789012345,\"Unit\":\"Count\"},{\"MetricName\":"
        "\"TotalRequests\",\"Dimensions\":[{\"Name\":\"Model\",\"Value\":\"haiku \\\"3\\\"\"}],"
        "\"Timestamp\":1795225020,\"Value\":0,\"Unit\":\"Count\"}]}");
    tear_down(&g);
}

static void many_data_are_split_and_failures_counted(void **state)
{
    (void)state;
    struct rig g;
    struct cloudwatch_datum data[1500];
    for (size_t i = 0; i < 1500; i++) {
        data[i] = (struct cloudwatch_datum){"m", two, 2, 60000, (int64_t)i};
    }
    set_up(&g, (struct script){.statuses = {200, 500, 200}});
    size_t done;
    bool unanswered;
    assert_int_equal(
        cloudwatch_put(g.http, &g.place, g.credentials, "N", data, 1500, &done, &unanswered, &g.ei),
        ERR_IO);
    assert_int_equal(done, 1000);
    json_t *got = seen(&g, 1);
    assert_int_equal(json_array_size(json_object_get(got, "MetricData")), 500);
    json_decref(got);
    tear_down(&g);
}

static void a_body_stays_below_its_size(void **state)
{
    (void)state;
    char *wide = malloc(60001);
    assert_non_null(wide);
    memset(wide, 'v', 60000);
    wide[60000] = '\0';
    struct cloudwatch_dimension dimension = {"D", wide};
    struct cloudwatch_datum data[20];
    for (size_t i = 0; i < 20; i++) {
        data[i] = (struct cloudwatch_datum){"m", &dimension, 1, 60000, 1};
    }
    struct buf body = {0};
    assert_int_equal(cloudwatch_put_body(&body, "N", data, 20), 16);
    assert_true(body.len <= CLOUDWATCH_PUT_BYTES);
    json_t *root = json_loadb(buf_bytes(&body), body.len, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(root, "MetricData")), 16);
    json_decref(root);
    buf_free(&body);
    free(wide);
}

struct points {
    int count;
    double sum;
    char labels[256];
    int64_t last_ms;
};

static void take_point(void *arg, size_t query, struct str label, int64_t at_ms, double value)
{
    struct points *p = arg;
    size_t used = strlen(p->labels);
    assert_true(snprintf(p->labels + used, sizeof(p->labels) - used, "%zu:%.*s ", query,
                         (int)label.n, label.p) > 0);
    p->count++;
    p->sum += value;
    p->last_ms = at_ms;
}

static const struct cloudwatch_query queries[] = {{"SEARCH('{N,A} M=\"x\"','Sum',3600)", "label"},
                                                  {"SUM(METRICS())", NULL}};

static enum err get(struct rig *g, struct points *p, int64_t *series)
{
    *p = (struct points){0};
    err_clear(&g->ei);
    return cloudwatch_get(g->http, &g->place, g->credentials, queries, 2, 3600000, 7200000,
                          take_point, p, series, &g->ei);
}

static void metrics_are_read_over_all_pages(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g, (struct script){
                   .bodies = {
                       "{\"MetricDataResults\":[{\"Id\":\"q0\",\"Label\":\"haiku\",\"Timestamps\":"
                       "[3600,3660.5],\"Values\":[1,2.5],\"StatusCode\":\"PartialData\"}],"
                       "\"NextToken\":\"t\\\"1\"}",
                       "{\"MetricDataResults\":[{\"Id\":\"q1\",\"Timestamps\":[3720],\"Values\":[7]"
                       "},{\"Id\":\"q0\",\"Label\":\"empty\",\"Timestamps\":[],\"Values\":[]}],"
                       "\"Messages\":[]}"}});
    struct points p;
    int64_t series;
    assert_int_equal(get(&g, &p, &series), ERR_OK);
    assert_int_equal(p.count, 3);
    assert_string_equal(p.labels, "0:haiku 0:haiku 1: ");
    assert_true(p.sum > 10.49 && p.sum < 10.51);
    assert_int_equal(p.last_ms, 3720000);
    assert_int_equal(series, 3);
    assert_seen(
        &g, 0,
        "{\"MetricDataQueries\":[{\"Id\":\"q0\",\"Expression\":\"SEARCH('{N,A} M=\\\"x\\\"','Sum',"
        "3600)\",\"Label\":\"label\"},{\"Id\":\"q1\",\"Expression\":\"SUM(METRICS())\"}],"
        "\"StartTime\":3600,\"EndTime\":7200}");
    assert_seen_text(&g, 1, "NextToken", "t\"1");
    tear_down(&g);
}

static void garbage_is_no_metric(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "nonsense",
        "{}",
        "{\"MetricDataResults\":[{\"Id\":\"q2\",\"Timestamps\":[],\"Values\":[]}]}",
        "{\"MetricDataResults\":[{\"Id\":\"q0\",\"Timestamps\":[1],\"Values\":[]}]}",
        "{\"MetricDataResults\":[{\"Id\":\"q0\",\"Timestamps\":[1],\"Values\":[\"x\"]}]}",
        "{\"MetricDataResults\":[{\"Id\":\"q0\",\"Timestamps\":[-1],\"Values\":[1]}]}",
        "{\"MetricDataResults\":[{\"Timestamps\":[1],\"Values\":[1]}]}",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct rig g;
        struct points p;
        int64_t series;
        set_up(&g, (struct script){.bodies = {bodies[i]}});
        assert_int_equal(get(&g, &p, &series), ERR_PARSE);
        assert_non_null(strstr(g.ei.text, "cloudwatch:GetMetricData"));
        tear_down(&g);
    }
}

static void what_is_not_whole_is_an_error(void **state)
{
    (void)state;
#define RESULT(status, more)                                                                       \
    "{\"MetricDataResults\":[{\"Id\":\"q0\",\"Timestamps\":[],\"Values\":[],\"StatusCode\":"       \
    "\"" status "\"}]" more "}"
    static const struct {
        const char *body;
        enum err e;
        const char *part;
    } cases[] = {
        {RESULT("Complete", ""), ERR_OK, ""},
        {RESULT("PartialData", ""), ERR_IO, "could not give all: PartialData"},
        {RESULT("InternalError", ""), ERR_IO, "InternalError"},
        {RESULT("Forbidden", ",\"NextToken\":\"t\""), ERR_AUTH, "Forbidden"},
        {RESULT("Complete",
                ",\"Messages\":[{\"Code\":\"MaxMetricsExceeded\",\"Value\":\"too many\"}]"),
         ERR_TOO_BIG, "left series out: MaxMetricsExceeded too many"},
    };
    static const struct cloudwatch_stat stat = {"N", "m", "D", "v", "Sum", 60};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rig g;
        struct points p;
        int64_t series;
        set_up(&g, (struct script){.bodies = {cases[i].body, cases[i].body}});
        assert_int_equal(get(&g, &p, &series), cases[i].e);
        assert_non_null(strstr(g.ei.text, cases[i].part));
        struct aws_session session = {g.http, g.place, g.credentials};
        assert_int_equal(cloudwatch_stats(&session, &stat, 1, 0, 60000, NULL, NULL, &series, NULL),
                         cases[i].e);
        tear_down(&g);
    }
}

static void endless_pages_end(void **state)
{
    (void)state;
    struct rig g;
    static const char page[] = "{\"MetricDataResults\":[],\"NextToken\":\"again\"}";
    struct points p;
    int64_t series;
    set_up(&g, (struct script){.bodies = {page, page, page, page}});
    assert_int_equal(get(&g, &p, &series), ERR_TOO_BIG);
    tear_down(&g);
}

static void amounts_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        money_t nano;
    } good[] = {
        {"0", 0},
        {"12.3456789012", 12345678901},
        {"0.0000000005", 1},
        {"0.00000000049", 0},
        {"-0.5", -500000000},
        {"-0.0000000005", -1},
        {"1.2E-7", 120},
        {"1.5e+2", 150 * MONEY_DOLLAR},
        {"2E-30", 0},
        {"9223372036.854775807", INT64_MAX},
        {"0000000000000000000000001.00000000000000000000000000001", MONEY_DOLLAR},
        {"9.9999999999", 10 * MONEY_DOLLAR},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        money_t got = -7;
        assert_true(cost_explorer_amount(str_of(good[i].text), &got));
        assert_int_equal(got, good[i].nano);
    }
    static const char *const bad[] = {"",
                                      "-",
                                      ".5",
                                      "5.",
                                      "1.2.3",
                                      "1e",
                                      "1e99",
                                      "NaN",
                                      "0x10",
                                      "1,5",
                                      "+1",
                                      " 1",
                                      "1e5e5",
                                      "--1",
                                      "9223372036.854775808",
                                      "99999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        money_t got;
        if (cost_explorer_amount(str_of(bad[i]), &got)) {
            fail_msg("'%s' passed as an amount", bad[i]);
        }
    }
}

struct costs {
    char text[512];
};

static void take_cost(void *arg, struct str day, const struct str keys[2], money_t usd)
{
    struct costs *c = arg;
    struct str value = keys[0];
    if (!cost_explorer_is_bedrock(keys[1])) {
        return;
    }
    size_t used = strlen(c->text);
    assert_true(snprintf(c->text + used, sizeof(c->text) - used, "%.*s/%.*s=%lld ", (int)day.n,
                         day.p, (int)value.n, value.p, (long long)usd) > 0);
}

static enum err daily(struct rig *g, struct costs *c, int64_t *pages)
{
    c->text[0] = '\0';
    err_clear(&g->ei);
    struct aws_session s = {g->http, g->place, g->credentials};
    struct cost_question q = {.start = "2026-11-01",
                              .end = "2026-11-22",
                              .by = {{"TAG", "costCenter"}, {"DIMENSION", "SERVICE"}},
                              .by_count = 2};
    return cost_explorer_usage(&s, &q, take_cost, c, pages, &g->ei);
}

#define GROUP(tag, service, amount)                                                                \
    "{\"Keys\":[\"" tag "\"" service "],\"Metrics\":{\"UnblendedCost\":{\"Amount\":\"" amount      \
    "\",\"Unit\":\"USD\"}}}"
#define DAY(date, groups)                                                                          \
    "{\"TimePeriod\":{\"Start\":\"" date                                                           \
    "\",\"End\":\"2026-12-01\"},\"Total\":{},\"Groups\":[" groups "],\"Estimated\":true}"

static void costs_are_read_by_tag_and_day(void **state)
{
    (void)state;
    struct rig g;
    struct costs c;
    int64_t pages;
    set_up(&g,
           (struct script){
               .bodies = {
                   "{\"ResultsByTime\":[" DAY(
                       "2026-11-01",
                       GROUP("costCenter$sales", ",\"Claude 3 Haiku (Amazon Bedrock Edition)\"",
                             "1.5") "," GROUP("costCenter$sales", ",\"AmazonEC2\"",
                                              "99") "," GROUP("costCenter$", ",\"Amazon Bedrock\"",
                                                              "0.25")) "],"
                                                                       "\"NextPageToken\":\"p2\"}",
                   "{\"ResultsByTime\":[" DAY(
                       "2026-11-02", GROUP("costCenter$a$b", ",\"Amazon Bedrock\"", "2")) "]}"}});
    assert_int_equal(daily(&g, &c, &pages), ERR_OK);
    assert_string_equal(c.text, "2026-11-01/sales=1500000000 2026-11-01/=250000000 "
                                "2026-11-02/a$b=2000000000 ");
    assert_int_equal(pages, 2);
    assert_seen(&g, 0,
                "{\"TimePeriod\":{\"Start\":\"2026-11-01\",\"End\":\"2026-11-22\"},\"Granularity\":"
                "\"DAILY\",\"Metrics\":[\"UnblendedCost\"],\"GroupBy\":[{\"Type\":\"TAG\",\"Key\":"
                "\"costCenter\"},{\"Type\":\"DIMENSION\",\"Key\":\"SERVICE\"}]}");
    assert_seen_text(&g, 1, "NextPageToken", "p2");
    tear_down(&g);
}

static void garbage_is_no_cost(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"ResultsByTime\":7}",
        "{\"ResultsByTime\":[{}]}",
        "{\"ResultsByTime\":[" DAY("2026", "") "]}",
        "{\"ResultsByTime\":[" DAY("2026-11-01", GROUP("t$", ",\"s\"", "x")) "]}",
        "{\"ResultsByTime\":[" DAY("2026-11-01", GROUP("t$", ",5", "1")) "]}",
        "{\"ResultsByTime\":[" DAY("2026-11-01", "{\"Keys\":[\"t$\"]}") "]}",
        "{\"ResultsByTime\":[" DAY("2026-11-01", "{\"Keys\":[\"t$\"],\"Metrics\":{\"UnblendedCost\""
                                                 ":{\"Amount\":\"1\",\"Unit\":\"CNY\"}}}") "]}",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct rig g;
        struct costs c;
        int64_t pages;
        set_up(&g, (struct script){.bodies = {bodies[i]}});
        assert_int_equal(daily(&g, &c, &pages), ERR_PARSE);
        assert_int_equal(pages, 1);
        tear_down(&g);
    }
}

static void an_identity_is_read_from_json_and_xml(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"GetCallerIdentityResponse\":{\"GetCallerIdentityResult\":{\"Account\":\"123456789012\","
        "\"Arn\":\"arn:aws:iam::123456789012:user/x\",\"UserId\":\"AIDA\"},\"ResponseMetadata\":{}}"
        "}",
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/x"
        "</Arn><UserId>AIDA</UserId><Account>123456789012</Account></GetCallerIdentityResult>"
        "</GetCallerIdentityResponse>"};
    for (size_t i = 0; i < 2; i++) {
        struct rig g;
        struct sts_identity who;
        set_up(&g, (struct script){.bodies = {bodies[i]}});
        assert_int_equal(sts_get_caller_identity(g.http, &g.place, g.credentials, &who, &g.ei),
                         ERR_OK);
        assert_string_equal(who.account, "123456789012");
        assert_string_equal(who.arn, "arn:aws:iam::123456789012:user/x");
        assert_string_equal(who.user_id, "AIDA");
        (void)fake_aws_count(&g.server);
        assert_string_equal(buf_cstr(&g.script.seen[0]),
                            "Action=GetCallerIdentity&Version=2011-06-15");
        tear_down(&g);
    }
}

static void garbage_is_no_identity(void **state)
{
    (void)state;
    static const char *const bodies[] = {"", "{}", "<Account>1</Account>", "<Account>"};
    for (size_t i = 0; i < 4; i++) {
        struct rig g;
        struct sts_identity who;
        set_up(&g, (struct script){.bodies = {bodies[i]}});
        assert_int_equal(sts_get_caller_identity(g.http, &g.place, g.credentials, &who, &g.ei),
                         ERR_PARSE);
        tear_down(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_are_published_as_json),
        cmocka_unit_test(many_data_are_split_and_failures_counted),
        cmocka_unit_test(a_body_stays_below_its_size),
        cmocka_unit_test(metrics_are_read_over_all_pages),
        cmocka_unit_test(garbage_is_no_metric),
        cmocka_unit_test(what_is_not_whole_is_an_error),
        cmocka_unit_test(endless_pages_end),
        cmocka_unit_test(amounts_are_exact),
        cmocka_unit_test(costs_are_read_by_tag_and_day),
        cmocka_unit_test(garbage_is_no_cost),
        cmocka_unit_test(an_identity_is_read_from_json_and_xml),
        cmocka_unit_test(garbage_is_no_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
