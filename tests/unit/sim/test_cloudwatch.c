/* test_cloudwatch.c: what is put can be got, searched, listed and paged; what AWS refuses is. */
#include "tests/unit/sim/client.h"

#include <jansson.h>
#include <zlib.h>

#define TARGET "GraniteServiceVersion20100801."

static json_t *call(const struct sim *s, const char *operation, const struct client_request *extra,
                    int *status)
{
    char target[80];
    struct client_request r = *extra;
    struct client_answer a;

    snprintf(target, sizeof target, TARGET "%s", operation);
    r.method = "POST";
    r.path = "/";
    r.service = "monitoring";
    r.target = target;
    client_call(s, SERVICE_MONITORING, &r, &a);
    *status = a.status;
    json_t *root = json_loadb(buf_bytes(&a.body), a.body.len, 0, NULL);
    assert_non_null(root);
    client_free(&a);
    return root;
}

static json_t *call_ok(const struct sim *s, const char *operation, const char *body)
{
    const struct client_request r = {.body = body};
    int status;
    json_t *root = call(s, operation, &r, &status);

    assert_int_equal(status, 200);
    return root;
}

/* Four minutes of Tokens for two applications, one value each minute. */
static int64_t put_some(const struct sim *s)
{
    int64_t minute = (clock_wall_ms() / 1000 / 300 - 2) * 300;
    struct buf body = {0};

    buf_add(&body, "{\"Namespace\":\"GenAIRateLimiting\",\"MetricData\":[");
    for (int i = 0; i < 8; i++) {
        buf_printf(&body,
                   "%s{\"MetricName\":\"Tokens\",\"Dimensions\":[{\"Name\":\"Model\",\"Value\":"
                   "\"haiku\"},{\"Name\":\"Application\",\"Value\":\"app-%d\"}],\"Timestamp\":%lld,"
                   "\"Value\":%d,\"Unit\":\"Count\"}",
                   i > 0 ? "," : "", i % 2, (long long)minute + i / 2 * 60, 10 * (i + 1));
    }
    buf_add(&body, "]}");
    json_decref(call_ok(s, "PutMetricData", buf_cstr(&body)));
    buf_free(&body);
    return minute;
}

static const json_t *result(const json_t *root, size_t at)
{
    return json_array_get(json_object_get(root, "MetricDataResults"), at);
}

static double value(const json_t *result, size_t at)
{
    return json_number_value(json_array_get(json_object_get(result, "Values"), at));
}

static const char *text(const json_t *object, const char *key)
{
    const char *found = json_string_value(json_object_get(object, key));

    assert_non_null(found);
    return found;
}

static void test_put_and_get(void **state)
{
    int64_t minute = put_some(*state);
    struct buf body = {0};

    buf_printf(&body,
               "{\"MetricDataQueries\":[{\"Id\":\"m1\",\"Label\":\"L ${PROP('Dim.Application')}\","
               "\"MetricStat\":{\"Metric\":{\"Namespace\":"
               "\"GenAIRateLimiting\",\"MetricName\":\"Tokens\",\"Dimensions\":[{\"Name\":"
               "\"Application\",\"Value\":\"app-1\"},{\"Name\":\"Model\",\"Value\":\"haiku\"}]},"
               "\"Period\":60,\"Stat\":\"Sum\"}},{\"Id\":\"m2\",\"MetricStat\":{\"Metric\":{"
               "\"Namespace\":\"GenAIRateLimiting\",\"MetricName\":\"Absent\"},\"Period\":300,"
               "\"Stat\":\"Average\"}}],\"StartTime\":%lld,\"EndTime\":%lld,"
               "\"ScanBy\":\"TimestampAscending\"}",
               (long long)minute, (long long)minute + 180);
    json_t *root = call_ok(*state, "GetMetricData", buf_cstr(&body));
    const json_t *first = result(root, 0);
    assert_string_equal(text(first, "Id"), "m1");
    assert_string_equal(text(first, "Label"), "L app-1");
    assert_string_equal(text(first, "StatusCode"), "Complete");
    assert_int_equal(json_array_size(json_object_get(first, "Values")), 3);
    assert_true(value(first, 0) == 20 && value(first, 1) == 40 && value(first, 2) == 60);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(first, "Timestamps"), 2)),
                     minute + 120);
    assert_int_equal(json_array_size(json_object_get(result(root, 1), "Values")), 0);
    assert_null(json_object_get(root, "NextToken"));
    json_decref(root);
    buf_free(&body);
    assert_int_equal(client_ledger_number(*state, "put_metric_calls"), 1);
    assert_int_equal(client_ledger_number(*state, "get_metric_calls"), 1);
    assert_int_equal(
        client_ledger_number(*state, "GenAIRateLimiting/Tokens/Application=app-0,Model=haiku"),
        10 + 30 + 50 + 70);
}

static void ask_search(struct buf *body, const char *schema, const char *stat, int64_t minute,
                       const char *token)
{
    buf_clear(body);
    buf_printf(body,
               "{\"MetricDataQueries\":[{\"Id\":\"e1\",\"Expression\":\"SEARCH('%s', '%s', "
               "300)\"}],\"StartTime\":%lld,\"EndTime\":%lld%s%s%s}",
               schema, stat, (long long)minute, (long long)minute + 600,
               token ? ",\"NextToken\":\"" : "", token ? token : "", token ? "\"" : "");
}

static void test_search_and_pages(void **state)
{
    static const char schema[] =
        "{GenAIRateLimiting,Application,\\\"Model\\\"} MetricName=\\\"Tokens\\\"";
    int64_t minute = put_some(*state);
    struct buf body = {0};

    ask_search(&body, schema, "Sum", minute, NULL);
    json_t *root = call_ok(*state, "GetMetricData", buf_cstr(&body));
    assert_int_equal(json_array_size(json_object_get(root, "MetricDataResults")), 2);
    assert_string_equal(text(result(root, 0), "Label"), "app-0 haiku");
    assert_int_equal(json_array_size(json_object_get(result(root, 1), "Values")), 1);
    assert_true(value(result(root, 1), 0) == 20 + 40 + 60 + 80);
    json_decref(root);

    assert_int_equal(client_config(*state, "{\"page_size\":1}"), 200);
    root = call_ok(*state, "GetMetricData", buf_cstr(&body));
    assert_int_equal(json_array_size(json_object_get(root, "MetricDataResults")), 1);
    assert_string_equal(text(result(root, 0), "Label"), "app-0 haiku");
    ask_search(&body, schema, "Maximum", minute, text(root, "NextToken"));
    json_decref(root);
    root = call_ok(*state, "GetMetricData", buf_cstr(&body));
    assert_int_equal(json_array_size(json_object_get(root, "MetricDataResults")), 1);
    assert_string_equal(text(result(root, 0), "Label"), "app-1 haiku");
    assert_true(value(result(root, 0), 0) == 80);
    assert_null(json_object_get(root, "NextToken"));
    json_decref(root);
    buf_free(&body);
}

static void test_search_terms(void **state)
{
    static const struct {
        const char *schema;
        size_t found;
    } cases[] = {
        {"{GenAIRateLimiting,Model,Application}", 2},
        {"{GenAIRateLimiting,Model,Application} Application=\\\"app-1\\\"", 1},
        {"{GenAIRateLimiting,Model,Application} MetricName=(\\\"Tokens\\\" OR \\\"Cost\\\")", 2},
        {"{GenAIRateLimiting,Model,Application} MetricName=Tokens AND Model=opus", 0},
        {"{GenAIRateLimiting,Model}", 0},
        {"{AWS/Bedrock,ModelId}", 0},
    };
    int64_t minute = put_some(*state);
    struct buf body = {0};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask_search(&body, cases[i].schema, "p99", minute, NULL);
        json_t *root = call_ok(*state, "GetMetricData", buf_cstr(&body));
        assert_int_equal(json_array_size(json_object_get(root, "MetricDataResults")),
                         cases[i].found);
        json_decref(root);
    }
    buf_free(&body);
}

static void test_gzip(void **state)
{
    static const char json[] = "{\"Namespace\":\"N\",\"MetricData\":[{\"MetricName\":\"a\","
                               "\"Values\":[1,2.5],\"Counts\":[1,3]},{\"MetricName\":\"b\","
                               "\"StatisticValues\":{\"SampleCount\":2,\"Sum\":5,\"Minimum\":1,"
                               "\"Maximum\":4}}]}";
    unsigned char packed[512];
    z_stream z = {.next_in = (z_const Bytef *)(uintptr_t)json, .avail_in = sizeof json - 1};
    int status;

    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = packed;
    z.avail_out = sizeof packed;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    struct client_request r = {.headers = "Content-Encoding: gzip\r\n",
                               .body = (const char *)packed,
                               .body_n = z.total_out};
    deflateEnd(&z);
    json_decref(call(*state, "PutMetricData", &r, &status));
    assert_int_equal(status, 200);
    struct client_answer a;
    client_ledger(*state, &a);
    assert_true(client_says(&a, "\"N/a/\":8.5,\"N/b/\":5"));
    client_free(&a);
    r.body_n -= 9;
    json_decref(call(*state, "PutMetricData", &r, &status));
    assert_int_equal(status, 400);
}

static void test_own_counts_of_bedrock(void **state)
{
    const struct client_request r = {
        .method = "POST",
        .path = "/model/amazon.nova-lite-v1%3A0/converse",
        .body = "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"[sim:output=9]\"}]}]}",
        .service = "bedrock"};
    struct buf body = {0};
    struct client_answer a;

    for (int i = 0; i < 3; i++) {
        client_call(*state, SERVICE_BEDROCK_RUNTIME, &r, &a);
        assert_int_equal(a.status, 200);
        client_free(&a);
    }
    client_await(*state, "completed", 3);
    ask_search(&body, "{AWS/Bedrock,ModelId} MetricName=\\\"OutputTokenCount\\\"", "Sum",
               clock_wall_ms() / 1000 - 300, NULL);
    json_t *root = call_ok(*state, "GetMetricData", buf_cstr(&body));
    assert_string_equal(text(result(root, 0), "Label"), "amazon.nova-lite-v1:0");
    double sum = 0;
    for (size_t i = 0; i < json_array_size(json_object_get(result(root, 0), "Values")); i++) {
        sum += value(result(root, 0), i);
    }
    assert_true(sum == 27);
    json_decref(root);
    buf_free(&body);
}

static void test_list(void **state)
{
    (void)put_some(*state);
    json_t *root = call_ok(*state, "ListMetrics",
                           "{\"Namespace\":\"GenAIRateLimiting\",\"Dimensions\":[{\"Name\":"
                           "\"Application\",\"Value\":\"app-1\"},{\"Name\":\"Model\"}]}");
    json_t *metrics = json_object_get(root, "Metrics");
    assert_int_equal(json_array_size(metrics), 1);
    assert_string_equal(text(json_array_get(metrics, 0), "MetricName"), "Tokens");
    json_decref(root);
    assert_int_equal(client_config(*state, "{\"page_size\":1}"), 200);
    root = call_ok(*state, "ListMetrics", "{}");
    assert_non_null(json_object_get(root, "NextToken"));
    json_decref(root);
}

static void test_expiry(void **state)
{
    struct buf body = {0};
    int64_t now_ms = clock_wall_ms();

    (void)put_some(*state);
    ask_search(&body, "{GenAIRateLimiting,Application,Model} MetricName=\\\"Tokens\\\"", "Sum",
               now_ms / 1000 - 3600, NULL);
    for (int days = 0; days <= 15; days += 15) {
        clock_set_fake_wall(now_ms + days * 86400000LL);
        json_t *list = call_ok(*state, "ListMetrics", "{}");
        json_t *found = call_ok(*state, "GetMetricData", buf_cstr(&body));
        clock_set_fake_wall(0);
        assert_int_equal(json_array_size(json_object_get(list, "Metrics")), days == 0 ? 2 : 0);
        assert_int_equal(json_array_size(json_object_get(found, "MetricDataResults")),
                         days == 0 ? 2 : 0);
        json_decref(list);
        json_decref(found);
    }
    buf_free(&body);
}

static void test_refusals(void **state)
{
#define DATUM(members) "{\"Namespace\":\"N\",\"MetricData\":[{\"MetricName\":\"a\"" members "}]}"
#define QUERY(members) "{\"MetricDataQueries\":[{" members "}],\"StartTime\":100,\"EndTime\":200}"
    static const struct {
        const char *operation, *body, *type;
    } cases[] = {
        {"PutMetricData", "not json", "SerializationException"},
        {"PutMetricData", "{}", "MissingRequiredParameterException"},
        {"PutMetricData", "{\"Namespace\":\"AWS/X\",\"MetricData\":[{}]}",
         "InvalidParameterValueException"},
        {"PutMetricData", "{\"Namespace\":\"N\",\"MetricData\":[]}",
         "InvalidParameterValueException"},
        {"PutMetricData", "{\"Namespace\":\"N\",\"MetricData\":[{}]}",
         "MissingRequiredParameterException"},
        {"PutMetricData", DATUM(""), "InvalidParameterCombinationException"},
        {"PutMetricData", DATUM(",\"Value\":1,\"Values\":[1]"),
         "InvalidParameterCombinationException"},
        {"PutMetricData", DATUM(",\"Value\":\"1\""), "InvalidParameterValueException"},
        {"PutMetricData", DATUM(",\"Values\":[1,2],\"Counts\":[1]"),
         "InvalidParameterValueException"},
        {"PutMetricData", DATUM(",\"Value\":1,\"Timestamp\":1000"),
         "InvalidParameterValueException"},
        {"PutMetricData", DATUM(",\"Value\":1,\"Dimensions\":[{\"Name\":\"\",\"Value\":\"x\"}]"),
         "InvalidParameterValueException"},
        {"PutMetricData",
         DATUM(",\"Value\":1,\"Dimensions\":[{\"Name\":\"a\",\"Value\":\"x\"},{\"Name\":\"a\","
               "\"Value\":\"y\"}]"),
         "InvalidParameterValueException"},
        {"PutMetricData", DATUM(",\"Value\":1,\"StorageResolution\":7"),
         "InvalidParameterValueException"},
        {"PutMetricData", DATUM(",\"StatisticValues\":{\"Sum\":1}"),
         "InvalidParameterValueException"},
        {"GetMetricData", "{}", "InvalidParameterValueException"},
        {"GetMetricData", QUERY("\"Id\":\"M\""), "InvalidParameterValueException"},
        {"GetMetricData", QUERY("\"Id\":\"m\""), "InvalidParameterCombinationException"},
        {"GetMetricData", QUERY("\"Id\":\"m\",\"Expression\":\"SUM(METRICS())\""),
         "InvalidParameterValueException"},
        {"GetMetricData", QUERY("\"Id\":\"m\",\"Expression\":\"SEARCH('{A}','Sum',61)\""),
         "InvalidParameterValueException"},
        {"GetMetricData", QUERY("\"Id\":\"m\",\"MetricStat\":{\"Stat\":\"Sum\",\"Period\":60}"),
         "InvalidParameterValueException"},
        {"GetMetricData", "{\"NextToken\":\"x\"}", "InvalidNextTokenException"},
        {"ListMetrics", "{\"NextToken\":\"x\"}", "InvalidNextTokenException"},
        {"DeleteAll", "{}", "UnknownOperationException"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct client_request r = {.body = cases[i].body};
        int status;
        json_t *root = call(*state, cases[i].operation, &r, &status);
        assert_int_equal(status, 400);
        assert_string_equal(text(root, "__type"), cases[i].type);
        json_decref(root);
    }
    struct client_answer a;
    client_ledger(*state, &a);
    assert_true(client_says(&a, "\"metrics\":{}"));
    client_free(&a);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, client_set_up, client_tear_down)
    const struct CMUnitTest tests[] = {
        T(test_put_and_get),
        T(test_search_and_pages),
        T(test_search_terms),
        T(test_gzip),
        T(test_own_counts_of_bedrock),
        T(test_list),
        T(test_expiry),
        T(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
