/* test_billing.c: the simulated Cost Explorer and STS. */
#include "core/base/money.h"
#include "core/sim/sim_bill.h"
#include "tests/unit/sim/client.h"

#include <jansson.h>

static json_t *ask(const struct sim *s, const char *operation, const char *body, int wanted)
{
    char target[80];
    struct client_answer a;

    snprintf(target, sizeof target, "AWSInsightsIndexService.%s", operation);
    const struct client_request r = {
        .method = "POST", .path = "/", .body = body, .service = "ce", .target = target};
    client_call(s, SERVICE_CE, &r, &a);
    assert_int_equal(a.status, wanted);
    json_t *root = json_loadb(buf_bytes(&a.body), a.body.len, 0, NULL);
    assert_non_null(root);
    client_free(&a);
    return root;
}

#define PAST(members)                                                                              \
    "{\"TimePeriod\":{\"Start\":\"2025-01-30\",\"End\":\"2025-02-03\"}," members "}"

static const json_t *period(const json_t *root, size_t at)
{
    return json_array_get(json_object_get(root, "ResultsByTime"), at);
}

static money_t amount_of(const json_t *metrics, const char *name)
{
    const json_t *one = json_object_get(metrics, name);
    money_t m;

    assert_true(money_parse(str_of(json_string_value(json_object_get(one, "Amount"))), &m));
    return m;
}

static void test_daily_by_cost_center(void **state)
{
    json_t *root = ask(*state, "GetCostAndUsage",
                       PAST("\"Granularity\":\"DAILY\",\"Metrics\":[\"UnblendedCost\"],"
                            "\"GroupBy\":[{\"Type\":\"TAG\",\"Key\":\"costCenter\"}]"),
                       200);
    assert_int_equal(json_array_size(json_object_get(root, "ResultsByTime")), 4);
    const json_t *groups = json_object_get(period(root, 1), "Groups");
    assert_int_equal(json_array_size(groups), 4);
    const char *expected[] = {"costCenter$sales", "costCenter$services", "costCenter$support",
                              "costCenter$"};
    for (size_t i = 0; i < 4; i++) {
        const json_t *group = json_array_get(groups, i);
        money_t sum = 0;
        assert_string_equal(json_string_value(json_array_get(json_object_get(group, "Keys"), 0)),
                            expected[i]);
        for (size_t service = 0; service < SIM_BILL_SERVICES; service++) {
            sum += sim_bill_day(20119, i, service, INT64_MAX); /* 2025-01-31 */
        }
        assert_true(amount_of(json_object_get(group, "Metrics"), "UnblendedCost") == sum);
    }
    assert_int_equal(json_object_size(json_object_get(period(root, 1), "Total")), 0);
    assert_true(json_is_false(json_object_get(period(root, 1), "Estimated")));
    json_decref(root);
}

static void test_monthly_total_with_filter(void **state)
{
    json_t *all = ask(*state, "GetCostAndUsage",
                      PAST("\"Granularity\":\"MONTHLY\",\"Metrics\":[\"UnblendedCost\"]"), 200);
    json_t *some = ask(
        *state, "GetCostAndUsage",
        PAST("\"Granularity\":\"MONTHLY\",\"Metrics\":[\"UnblendedCost\",\"UsageQuantity\"],"
             "\"Filter\":{\"And\":[{\"Or\":[{\"Tags\":{\"Key\":\"costCenter\",\"Values\":["
             "\"sales\"]}},"
             "{\"Tags\":{\"Key\":\"costCenter\",\"MatchOptions\":[\"ABSENT\"]}}]},"
             "{\"Not\":{\"Dimensions\":{\"Key\":\"SERVICE\",\"Values\":[\"Amazon Bedrock\"]}}}]}"),
        200);
    money_t wanted = 0;

    assert_int_equal(json_array_size(json_object_get(all, "ResultsByTime")), 2);
    for (size_t service = 1; service < SIM_BILL_SERVICES; service++) {
        for (int64_t day = 20120; day < 20122; day++) {
            wanted +=
                sim_bill_day(day, 0, service, INT64_MAX) + sim_bill_day(day, 3, service, INT64_MAX);
        }
    }
    money_t got = amount_of(json_object_get(period(some, 1), "Total"), "UnblendedCost");
    assert_true(got == wanted);
    assert_true(got < amount_of(json_object_get(period(all, 1), "Total"), "UnblendedCost"));
    json_decref(all);
    json_decref(some);
}

static void test_two_keys_and_pages(void **state)
{
    static const char body[] =
        PAST("\"Granularity\":\"DAILY\",\"Metrics\":[\"UnblendedCost\"],\"GroupBy\":[{\"Type\":"
             "\"TAG\",\"Key\":\"costCenter\"},{\"Type\":\"DIMENSION\",\"Key\":\"SERVICE\"}],"
             "\"NextPageToken\":%s");
    char text[512];

    assert_int_equal(client_config(*state, "{\"page_size\":3}"), 200);
    snprintf(text, sizeof text, body, "null");
    json_t *root = ask(*state, "GetCostAndUsage", text, 200);
    assert_int_equal(json_array_size(json_object_get(root, "ResultsByTime")), 3);
    assert_int_equal(json_array_size(json_object_get(period(root, 0), "Groups")), 16);
    char token[64];
    snprintf(token, sizeof token, "\"%s\"",
             json_string_value(json_object_get(root, "NextPageToken")));
    json_decref(root);
    snprintf(text, sizeof text, body, token);
    root = ask(*state, "GetCostAndUsage", text, 200);
    assert_int_equal(json_array_size(json_object_get(root, "ResultsByTime")), 1);
    assert_null(json_object_get(root, "NextPageToken"));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(period(root, 0), "TimePeriod"), "Start")),
        "2025-02-02");
    json_decref(root);
    assert_int_equal(client_ledger_number(*state, "ce_calls"), 2);
}

static void test_this_month_is_estimated(void **state)
{
    char day[SIM_BILL_DAY_TEXT], next[SIM_BILL_DAY_TEXT], body[256];
    int64_t today = clock_wall_ms() / 86400000;

    sim_bill_day_text(day, today);
    sim_bill_day_text(next, today + 1);
    snprintf(body, sizeof body,
             "{\"TimePeriod\":{\"Start\":\"%s\",\"End\":\"%s\"},\"Granularity\":\"DAILY\","
             "\"Metrics\":[\"UnblendedCost\"]}",
             day, next);
    json_t *root = ask(*state, "GetCostAndUsage", body, 200);
    assert_true(json_is_true(json_object_get(period(root, 0), "Estimated")));
    assert_true(amount_of(json_object_get(period(root, 0), "Total"), "UnblendedCost") == 0);
    json_decref(root);
}

static void test_values_and_tags(void **state)
{
    json_t *root = ask(*state, "GetDimensionValues",
                       PAST("\"Dimension\":\"SERVICE\",\"SearchString\":\"Bedrock\""), 200);
    assert_int_equal(json_array_size(json_object_get(root, "DimensionValues")), 3);
    json_decref(root);
    root = ask(*state, "GetTags", PAST("\"TagKey\":\"costCenter\""), 200);
    assert_int_equal(json_array_size(json_object_get(root, "Tags")), 4);
    json_decref(root);
}

static void test_refusals(void **state)
{
    static const char *const bad[] = {
        "{\"Granularity\":\"DAILY\"}",
        PAST("\"Granularity\":\"HOURLY\",\"Metrics\":[\"UnblendedCost\"]"),
        PAST("\"Granularity\":\"DAILY\",\"Metrics\":[]"),
        PAST("\"Granularity\":\"DAILY\",\"Metrics\":[\"Cost\"]"),
        PAST("\"Granularity\":\"DAILY\",\"Metrics\":[\"BlendedCost\"],\"GroupBy\":[{\"Type\":\"X\"}"
             "]"),
        PAST("\"Granularity\":\"DAILY\",\"Metrics\":[\"BlendedCost\"],\"NextPageToken\":\"x\""),
        "{\"TimePeriod\":{\"Start\":\"2025-01-30\",\"End\":\"2025-01-30\"},\"Granularity\":"
        "\"DAILY\"}",
        "{\"TimePeriod\":{\"Start\":\"2025-13-30\",\"End\":\"2026-01-30\"},\"Granularity\":"
        "\"DAILY\"}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_decref(ask(*state, "GetCostAndUsage", bad[i], 400));
    }
    json_decref(ask(*state, "GetTags", "{}", 400));
    json_decref(ask(*state, "DeleteAccount", "{}", 400));
}

static void identity(const struct sim *s, const char *form, const char *headers, int status,
                     const char *says)
{
    const struct client_request r = {
        .method = "POST", .path = "/", .body = form, .headers = headers, .service = "sts"};
    struct client_answer a;

    client_call(s, SERVICE_STS, &r, &a);
    assert_int_equal(a.status, status);
    assert_true(client_says(&a, says));
    client_free(&a);
}

static void test_identity(void **state)
{
    static const char form[] = "Version=2011-06-15&Action=GetCallerIdentity";

    identity(*state, form, NULL, 200, "<Account>123456789012</Account>");
    identity(*state, form, "Accept: application/json\r\n", 200, "\"Account\":\"123456789012\"");
    identity(*state, "Action=Fly", NULL, 400, "<Code>InvalidAction</Code>");
    assert_int_equal(client_ledger_number(*state, "sts_calls"), 3);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, client_set_up, client_tear_down)
    const struct CMUnitTest tests[] = {
        T(test_daily_by_cost_center),
        T(test_monthly_total_with_filter),
        T(test_two_keys_and_pages),
        T(test_this_month_is_estimated),
        T(test_values_and_tags),
        T(test_refusals),
        T(test_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
