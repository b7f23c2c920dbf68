/* test_setup.c: the simulated account's budgets, anomalies, alarms, cost tags, profiles and
 * projects, asked by tollgate's own clients: over pages, with faults. */
#include "core/aws/alarms.h"
#include "core/aws/anomalies.h"
#include "core/aws/bedrock_profiles.h"
#include "core/aws/budgets.h"
#include "core/aws/cost_tags.h"
#include "core/base/clock.h"
#include "core/config/config.h"
#include "tests/unit/sim/client.h"

#define ACCOUNT "123456789012"

struct rig {
    struct sim *sim;
    struct aws_http *http;
    struct credentials *keys;
    struct err_info ei;
    struct buf rows;
};

static int set_up(void **state)
{
    struct rig *g = calloc(1, sizeof *g);
    const struct sim_options o = {0};
    assert_non_null(g);
    g->sim = sim_start(&o, &g->ei);
    assert_non_null(g->sim);
    g->http = aws_http_new(NULL, NULL);
    g->keys = credentials_new(str_of(sim_access_key_id(g->sim)),
                              str_of(sim_secret_access_key(g->sim)), STR(""), 0, "test");
    assert_non_null(g->http);
    assert_non_null(g->keys);
    *state = g;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *g = *state;
    aws_http_free(g->http);
    credentials_unref(g->keys);
    sim_stop(g->sim);
    buf_free(&g->rows);
    free(g);
    return 0;
}

static struct aws_session at(struct rig *g, enum config_service service)
{
    return (struct aws_session){.http = g->http,
                                .place = {sim_endpoint(g->sim, service), "us-east-1"},
                                .credentials = g->keys};
}

static void configure(struct rig *g, const char *json)
{
    struct client_answer a;
    const struct client_request r = {.method = "POST", .path = "/_sim/config", .body = json};
    client_call(g->sim, SERVICE_BUDGETS, &r, &a);
    assert_int_equal(a.status, 200);
    client_free(&a);
}

static bool note_budget(void *arg, const struct budget *b)
{
    struct rig *g = arg;
    return b->actual >= 0 && b->limit > 0 && b->updated_ms > 0 &&
           buf_printf(&g->rows, "%s(%s=%s) ", b->name, b->tag_key, b->tag_value);
}

static bool note_notification(void *arg, const struct budget_notification *n)
{
    struct rig *g = arg;
    return buf_printf(&g->rows, "%s %g %s ", n->type, n->threshold, n->state);
}

static void budgets_are_listed_and_made(void **state)
{
    struct rig *g = *state;
    struct aws_session s = at(g, SERVICE_BUDGETS);
    static const int percent[] = {80, 100};
    struct budget_new b = {.name = "docs",
                           .limit = 1,
                           .time_unit = "MONTHLY",
                           .tag_key = "costCenter",
                           .tag_value = "sales",
                           .percent = percent,
                           .percent_count = 2,
                           .email = "a@example.com",
                           .sns_topic = "arn:aws:sns:us-east-1:" ACCOUNT ":t"};
    int64_t pages;
    configure(g, "{\"page_size\":2}");
    assert_int_equal(budgets_create(&s, budgets_create_body(ACCOUNT, &b), &g->ei), ERR_OK);
    assert_int_equal(budgets_create(&s, budgets_create_body(ACCOUNT, &b), &g->ei), ERR_EXISTS);
    assert_int_equal(budgets_list(&s, ACCOUNT, note_budget, g, &pages, &g->ei), ERR_OK);
    assert_int_equal(pages, 2);
    assert_string_equal(buf_cstr(&g->rows), "sales(costCenter=sales) services(costCenter=services) "
                                            "support(costCenter=support) docs(costCenter=sales) ");
    buf_clear(&g->rows);
    assert_int_equal(budgets_notifications(&s, ACCOUNT, "docs", note_notification, g, &g->ei),
                     ERR_OK);
    assert_non_null(strstr(buf_cstr(&g->rows), "ACTUAL 80 "));
    err_clear(&g->ei);
    assert_int_equal(budgets_notifications(&s, ACCOUNT, "x", note_notification, g, &g->ei),
                     ERR_NOT_FOUND);
    err_clear(&g->ei);
    assert_int_equal(budgets_list(&s, "999999999999", note_budget, g, &pages, &g->ei),
                     ERR_FORBIDDEN);
    assert_non_null(strstr(g->ei.text, "allow budgets:ViewBudget"));
}

static void faults_have_their_meanings(void **state)
{
    struct rig *g = *state;
    struct aws_session s = at(g, SERVICE_BUDGETS);
    static const struct {
        const char *config;
        enum err e;
    } faults[] = {
        {"{\"services\":{\"budgets\":\"throttled\"}}", ERR_BUSY},
        {"{\"services\":{\"budgets\":\"up\"},\"deny\":\"DescribeBudgets\"}", ERR_FORBIDDEN},
        {"{\"services\":{\"budgets\":\"failing\"},\"deny\":\"\"}", ERR_IO},
        {"{\"services\":{\"budgets\":\"half\"}}", ERR_IO},
        {"{\"services\":{\"budgets\":\"down\"}}", ERR_IO},
        {"{\"services\":{\"budgets\":\"up\"},\"deny\":\"\"}", ERR_OK}};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        int64_t pages;
        configure(g, faults[i].config);
        err_clear(&g->ei);
        assert_int_equal(budgets_list(&s, ACCOUNT, note_budget, g, &pages, &g->ei), faults[i].e);
    }
}

static void a_wrong_secret_is_refused_everywhere(void **state)
{
    struct rig *g = *state;
    credentials_unref(g->keys);
    g->keys = credentials_new(str_of(sim_access_key_id(g->sim)), STR("wrong"), STR(""), 0, "test");
    for (int i = 0; i < SERVICE_COUNT; i++) {
        struct aws_session s = at(g, (enum config_service)i);
        static const char *const names[SERVICE_COUNT] = {[SERVICE_BUDGETS] = "budgets",
                                                         [SERVICE_PRICING] = "pricing",
                                                         [SERVICE_DATA_EXPORTS] =
                                                             "bcm-data-exports"};
        json_t *answer;
        if (names[i] != NULL) {
            struct aws_operation op = {.service = names[i], .action = "x:Y", .target = "X.Y"};
            err_clear(&g->ei);
            assert_int_equal(aws_json_call(&s, &op, NULL, &answer, &g->ei), ERR_AUTH);
        }
    }
}

static bool note_anomaly(void *arg, const struct anomaly *a)
{
    struct rig *g = arg;
    return buf_printf(&g->rows, "%s %lld %s;", a->id, (long long)a->impact, a->causes[0].service);
}

static bool note_subscription(void *arg, const struct anomaly_subscription *u)
{
    struct rig *g = arg;
    return buf_printf(&g->rows, "%s %s %zu;", u->name, u->frequency, json_array_size(u->monitors));
}

static bool note_monitor(void *arg, const struct anomaly_monitor *m)
{
    struct rig *g = arg;
    return buf_printf(&g->rows, "%s %s;", m->name, m->type);
}

static void anomalies_with_monitors_and_subscriptions(void **state)
{
    struct rig *g = *state;
    struct aws_session s = at(g, SERVICE_CE);
    static const char *const values[] = {"sales"};
    char arn[ANOMALY_ARN], other[ANOMALY_ARN];
    assert_int_equal(anomalies_list(&s, "2020-01-01", "2999-01-01", note_anomaly, g, NULL, &g->ei),
                     ERR_OK);
    assert_string_equal(buf_cstr(&g->rows),
                        "simulated-anomaly-1 42250000000 Claude 3.5 Sonnet v2 (Amazon Bedrock "
                        "Edition);");
    buf_clear(&g->rows);
    assert_int_equal(anomalies_list(&s, "2020-01-01", "2020-02-01", note_anomaly, g, NULL, &g->ei),
                     ERR_OK);
    assert_int_equal(g->rows.len, 0);
    assert_int_equal(anomalies_create_monitor(
                         &s, anomalies_monitor_body("m", "costCenter", values, 1), arn, &g->ei),
                     ERR_OK);
    assert_int_equal(
        anomalies_create_subscription(
            &s, anomalies_subscription_body("u", arn, "a@example.com", NULL, 50 * MONEY_DOLLAR),
            other, &g->ei),
        ERR_OK);
    assert_int_equal(
        anomalies_create_subscription(
            &s, anomalies_subscription_body("u", "arn:no", NULL, "arn:topic", MONEY_DOLLAR), other,
            &g->ei),
        ERR_NOT_FOUND);
    assert_int_equal(anomalies_monitors(&s, note_monitor, g, NULL, &g->ei), ERR_OK);
    assert_int_equal(anomalies_subscriptions(&s, note_subscription, g, NULL, &g->ei), ERR_OK);
    assert_string_equal(buf_cstr(&g->rows), "Services DIMENSIONAL;m CUSTOM;u DAILY 1;");
}

static bool note_alarm(void *arg, const struct alarm *a)
{
    struct rig *g = arg;
    return buf_printf(&g->rows, "%s %s %g;", a->name, a->state, a->threshold);
}

static void alarms_are_put_and_replaced(void **state)
{
    struct rig *g = *state;
    struct aws_session s = at(g, SERVICE_MONITORING);
    json_t *dimensions = json_pack("{s:s}", "Model", "haiku");
    struct alarm_new a = {.name = "tollgate-denied",
                          .description = "d",
                          .name_space = "GenAIRateLimiting",
                          .metric = "RateLimitDenied",
                          .dimensions = dimensions,
                          .period_s = 60,
                          .periods = 1,
                          .threshold = 10,
                          .topic = "arn:aws:sns:us-east-1:1:t"};
    assert_int_equal(alarms_put(&s, alarms_put_body(&a), &g->ei), ERR_OK);
    a.threshold = 20;
    assert_int_equal(alarms_put(&s, alarms_put_body(&a), &g->ei), ERR_OK);
    a.period_s = 61;
    assert_int_equal(alarms_put(&s, alarms_put_body(&a), &g->ei), ERR_RANGE);
    assert_int_equal(alarms_list(&s, "tollgate", NULL, note_alarm, g, NULL, &g->ei), ERR_OK);
    assert_string_equal(buf_cstr(&g->rows), "tollgate-denied INSUFFICIENT_DATA 20;");
    json_decref(dimensions);
}

static bool note_tag(void *arg, const struct cost_tag *t)
{
    struct rig *g = arg;
    return buf_printf(&g->rows, "%s %s;", t->key, t->status);
}

static void cost_tags_are_activated_and_backfilled(void **state)
{
    struct rig *g = *state;
    struct aws_session s = at(g, SERVICE_CE);
    static const char *const keys[] = {"applicationId", "nobody"};
    char month[CLOCK_TEXT];
    json_t *errors, *request;
    configure(g, "{\"page_size\":3}");
    assert_int_equal(cost_tags_activate(&s, keys, 2, true, &errors, &g->ei), ERR_OK);
    assert_string_equal(aws_json_text(json_array_get(errors, 0), "TagKey"), "nobody");
    json_decref(errors);
    assert_int_equal(cost_tags_list(&s, note_tag, g, NULL, &g->ei), ERR_OK);
    assert_string_equal(buf_cstr(&g->rows), "costCenter Active;applicationId Active;environment "
                                            "Inactive;aws:createdBy Inactive;");
    clock_rfc3339(month, clock_wall_ms() / 1000 * 1000);
    memcpy(month + 8, "01T00:00:00Z", sizeof "01T00:00:00Z");
    assert_int_equal(cost_tags_backfill(&s, month, &request, &g->ei), ERR_OK);
    assert_string_equal(aws_json_text(request, "BackfillStatus"), "PROCESSING");
    json_decref(request);
    assert_int_equal(cost_tags_backfill(&s, month, &request, &g->ei), ERR_RANGE);
}

static bool note_profile(void *arg, const struct bedrock_profile *p)
{
    struct rig *g = arg;
    return buf_printf(&g->rows, "%s %s %s;", p->name, p->type, p->model_arn);
}

static void profiles_are_made_listed_and_deleted(void **state)
{
    struct rig *g = *state;
    struct aws_session s = at(g, SERVICE_BEDROCK);
    json_t *tags = json_pack("{s:s}", "costCenter", "sales"), *got;
    char arn[BEDROCK_PROFILE_ARN];
    assert_int_equal(bedrock_profiles_get(&s, "us.anthropic.claude-3-5-haiku-20241022-v1:0",
                                          note_profile, g, &g->ei),
                     ERR_OK);
    assert_string_equal(buf_cstr(&g->rows),
                        "us.anthropic.claude-3-5-haiku-20241022-v1:0 SYSTEM_DEFINED "
                        "arn:aws:bedrock:us-east-1::foundation-model/"
                        "anthropic.claude-3-5-haiku-20241022-v1:0;");
    buf_clear(&g->rows);
    json_t *body = bedrock_profiles_create_body(
        "haiku-sales", NULL,
        "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-5-haiku-20241022-v1:0",
        tags, "t");
    assert_int_equal(bedrock_profiles_create(&s, json_incref(body), arn, &g->ei), ERR_OK);
    assert_int_equal(bedrock_profiles_tags(&s, arn, &got, &g->ei), ERR_OK);
    assert_true(json_equal(got, tags));
    json_decref(got);
    assert_int_equal(bedrock_profiles_list(&s, "APPLICATION", note_profile, g, NULL, &g->ei),
                     ERR_OK);
    assert_non_null(strstr(buf_cstr(&g->rows), "haiku-sales APPLICATION"));
    assert_int_equal(bedrock_profiles_delete(&s, arn, &g->ei), ERR_OK);
    assert_int_equal(bedrock_profiles_delete(&s, arn, &g->ei), ERR_NOT_FOUND);
    assert_int_equal(bedrock_profiles_create(&s, json_incref(body), arn, &g->ei), ERR_OK);
    assert_int_equal(bedrock_profiles_create(&s, body, arn, &g->ei), ERR_RANGE); /* Conflict */
    json_decref(tags);
    json_t *logging;
    assert_int_equal(bedrock_logging_get(&s, &logging, &g->ei), ERR_OK);
    assert_null(logging);
    configure(g, "{\"setup\":{\"logging\":[{\"textDataDeliveryEnabled\":true}]}}");
    assert_int_equal(bedrock_logging_get(&s, &logging, &g->ei), ERR_OK);
    assert_non_null(logging);
    json_decref(logging);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(budgets_are_listed_and_made, set_up, tear_down),
        cmocka_unit_test_setup_teardown(faults_have_their_meanings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_secret_is_refused_everywhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(anomalies_with_monitors_and_subscriptions, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(alarms_are_put_and_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cost_tags_are_activated_and_backfilled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(profiles_are_made_listed_and_deleted, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
