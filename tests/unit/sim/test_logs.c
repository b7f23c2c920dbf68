/* test_logs.c: CloudWatch Logs takes what AWS takes, refuses what it refuses, and gives it back. */
#include "tests/unit/sim/client.h"

#include <jansson.h>

static json_t *call(const struct sim *s, const char *operation, const char *body, int *status)
{
    char target[80];
    struct client_answer a;
    struct client_request r = {.method = "POST", .path = "/", .service = "logs", .body = body};

    snprintf(target, sizeof target, "Logs_20140328.%s", operation);
    r.target = target;
    client_call(s, SERVICE_LOGS, &r, &a);
    *status = a.status;
    json_t *root = json_loadb(buf_bytes(&a.body), a.body.len, 0, NULL);
    assert_non_null(root);
    client_free(&a);
    return root;
}

static json_t *call_ok(const struct sim *s, const char *operation, const char *body)
{
    int status;
    json_t *root = call(s, operation, body, &status);

    assert_int_equal(status, 200);
    return root;
}

static void refused(const struct sim *s, const char *operation, const char *body, const char *type)
{
    int status;
    json_t *root = call(s, operation, body, &status);

    assert_int_equal(status, 400);
    assert_string_equal(json_string_value(json_object_get(root, "__type")), type);
    json_decref(root);
}

static void make_stream(const struct sim *s)
{
    json_decref(call_ok(s, "CreateLogGroup", "{\"logGroupName\":\"/t/audit\"}"));
    json_decref(
        call_ok(s, "CreateLogStream", "{\"logGroupName\":\"/t/audit\",\"logStreamName\":\"a\"}"));
}

/* One event at each time, relative to now in ms; its message is its number. */
static void put_body(struct buf *out, const int64_t *at, size_t count)
{
    buf_add(out, "{\"logGroupName\":\"/t/audit\",\"logStreamName\":\"a\",\"logEvents\":[");
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "%s{\"timestamp\":%lld,\"message\":\"event %zu\"}", i > 0 ? "," : "",
                   (long long)(clock_wall_ms() + at[i]), i);
    }
    buf_add(out, "]}");
}

static void test_put_and_filter(void **state)
{
    static const int64_t at[] = {-3000, -2000, -1000};
    struct buf body = {0};

    make_stream(*state);
    put_body(&body, at, 3);
    json_decref(call_ok(*state, "PutLogEvents", buf_cstr(&body)));
    json_t *page =
        call_ok(*state, "FilterLogEvents", "{\"logGroupName\":\"/t/audit\",\"limit\":2}");
    assert_int_equal(json_array_size(json_object_get(page, "events")), 2);
    assert_non_null(json_object_get(page, "nextToken"));
    json_decref(page);
    page = call_ok(*state, "FilterLogEvents",
                   "{\"logGroupName\":\"/t/audit\",\"limit\":2,\"nextToken\":\"page-2\"}");
    json_t *last = json_array_get(json_object_get(page, "events"), 0);
    assert_string_equal(json_string_value(json_object_get(last, "message")), "event 2");
    assert_null(json_object_get(page, "nextToken"));
    json_decref(page);
    json_decref(call_ok(*state, "PutLogEvents", buf_cstr(&body)));
    struct client_answer a;
    client_ledger(*state, &a);
    assert_true(client_says(&a, "\"logs\":{\"events\":6,\"duplicates\":3,"));
    client_free(&a);
    buf_free(&body);
}

static void test_ages(void **state)
{
    static const int64_t at[] = {-15 * 86400000LL, -15 * 86400000LL};
    static const int64_t ahead[] = {-1000, 3 * 3600000LL};
    struct buf body = {0};

    make_stream(*state);
    put_body(&body, at, 2);
    json_t *answer = call_ok(*state, "PutLogEvents", buf_cstr(&body));
    json_t *info = json_object_get(answer, "rejectedLogEventsInfo");
    assert_int_equal(json_integer_value(json_object_get(info, "tooOldLogEventEndIndex")), 2);
    json_decref(answer);
    buf_clear(&body);
    put_body(&body, ahead, 2);
    answer = call_ok(*state, "PutLogEvents", buf_cstr(&body));
    info = json_object_get(answer, "rejectedLogEventsInfo");
    assert_int_equal(json_integer_value(json_object_get(info, "tooNewLogEventStartIndex")), 1);
    json_decref(answer);
    buf_free(&body);
}

static void test_limits(void **state)
{
    static const int64_t falling[] = {-1000, -2000};
    static const int64_t wide[] = {-90000000, 0};
    struct buf body = {0};

    make_stream(*state);
    put_body(&body, falling, 2);
    refused(*state, "PutLogEvents", buf_cstr(&body), "InvalidParameterException");
    buf_clear(&body);
    put_body(&body, wide, 2);
    refused(*state, "PutLogEvents", buf_cstr(&body), "InvalidParameterException");
    buf_clear(&body);
    buf_add(&body, "{\"logGroupName\":\"/t/audit\",\"logStreamName\":\"a\",\"logEvents\":[");
    for (int i = 0; i < 11; i++) {
        buf_printf(&body, "%s{\"timestamp\":%lld,\"message\":\"%0100000d\"}", i > 0 ? "," : "",
                   (long long)clock_wall_ms(), i);
    }
    buf_add(&body, "]}");
    refused(*state, "PutLogEvents", buf_cstr(&body), "InvalidParameterException");
    buf_free(&body);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *operation, *body, *type;
    } cases[] = {
        {"CreateLogGroup", "{\"logGroupName\":\"aws/x\"}", "InvalidParameterException"},
        {"CreateLogGroup", "{\"logGroupName\":\"a b\"}", "InvalidParameterException"},
        {"CreateLogStream", "{\"logGroupName\":\"no\",\"logStreamName\":\"a\"}",
         "ResourceNotFoundException"},
        {"PutLogEvents",
         "{\"logGroupName\":\"no\",\"logStreamName\":\"a\",\"logEvents\":[{\"timestamp\":1,"
         "\"message\":\"x\"}]}",
         "ResourceNotFoundException"},
        {"PutLogEvents", "{\"logGroupName\":\"/t/audit\",\"logStreamName\":\"a\",\"logEvents\":[]}",
         "InvalidParameterException"},
        {"FilterLogEvents", "{\"logGroupName\":\"no\"}", "ResourceNotFoundException"},
        {"DeleteAll", "{}", "UnknownOperationException"},
    };

    make_stream(*state);
    refused(*state, "CreateLogGroup", "{\"logGroupName\":\"/t/audit\"}",
            "ResourceAlreadyExistsException");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        refused(*state, cases[i].operation, cases[i].body, cases[i].type);
    }
}

static void turn(const struct sim *s, const char *knobs)
{
    const struct client_request r = {.method = "POST", .path = "/_sim/config", .body = knobs};
    struct client_answer a;

    client_call(s, SERVICE_LOGS, &r, &a);
    assert_int_equal(a.status, 200);
    client_free(&a);
}

static void test_faults(void **state)
{
    static const int64_t at[] = {-1000};
    struct buf body = {0};
    struct client_answer a;

    make_stream(*state);
    put_body(&body, at, 1);
    turn(*state, "{\"deny\":\"CreateLogStream PutLogEvents\"}");
    refused(*state, "PutLogEvents", buf_cstr(&body), "AccessDeniedException");
    turn(*state, "{\"deny\":\"\",\"services\":{\"logs\":\"throttled\"}}");
    refused(*state, "PutLogEvents", buf_cstr(&body), "ThrottlingException");
    turn(*state, "{\"services\":{\"logs\":\"mute\"}}");
    struct client_request r = {.method = "POST",
                               .path = "/",
                               .service = "logs",
                               .target = "Logs_20140328.PutLogEvents",
                               .body = buf_cstr(&body)};
    int fd = client_connect(sim_endpoint(*state, SERVICE_LOGS));
    client_send(fd, *state, sim_endpoint(*state, SERVICE_LOGS), &r);
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    close(fd);
    client_ledger(*state, &a); /* it was kept all the same */
    assert_true(client_says(&a, "\"logs\":{\"events\":1,"));
    client_free(&a);
    buf_free(&body);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, client_set_up, client_tear_down)
    const struct CMUnitTest tests[] = {
        T(test_put_and_filter), T(test_ages), T(test_limits), T(test_refusals), T(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
