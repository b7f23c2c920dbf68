/* test_refuse.c: refusals and denials, word for word, as each API's clients read them. */
#include "core/dialect/dialect.h"
#include "core/dialect/eventstream.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

static const struct dialect_denial minute = {
    .limit = "haiku-minute",
    .metric = "tokens",
    .group = "costCenter=sales",
    .message = "100,000 of 100,000 tokens are used",
    .amount_text = "100000",
    .resets_at_ms = 1763689020000,
    .retry_after_s = 22,
};

static struct dialect_answer denied(enum call_dialect d, const struct dialect_denial *n)
{
    struct dialect_answer a;
    assert_int_equal(dialect_deny(&a, d, n, "req-1"), ERR_OK);
    return a;
}

static void has_header(struct dialect_answer *a, const char *line)
{
    assert_non_null(strstr(buf_cstr(&a->headers), line));
}

static void lacks_header(struct dialect_answer *a, const char *name)
{
    assert_null(strstr(buf_cstr(&a->headers), name));
}

static void bedrock_retries_what_frees_soon(void **state)
{
    (void)state;
    struct dialect_answer a = denied(DIALECT_BEDROCK, &minute);
    assert_int_equal(a.status, 429);
    assert_string_equal(buf_cstr(&a.headers), "content-type: application/json\r\n"
                                              "x-amzn-errortype: ThrottlingException\r\n"
                                              "x-amzn-requestid: req-1\r\n"
                                              "x-tollgate-request-id: req-1\r\n"
                                              "x-tollgate-limit: haiku-minute\r\n"
                                              "x-tollgate-reset: 22\r\n"
                                              "retry-after: 22\r\n"
                                              "x-amz-retry-after: 22000\r\n");
    assert_string_equal(buf_cstr(&a.body),
                        "{\"message\":\"limit haiku-minute: 100,000 of 100,000 tokens are used\","
                        "\"tollgate\":{\"limit\":\"haiku-minute\",\"metric\":\"tokens\","
                        "\"amount\":100000,\"group\":\"costCenter=sales\","
                        "\"resets_at\":\"2025-11-21T01:37:00Z\",\"request_id\":\"req-1\"}}");
    dialect_answer_free(&a);
}

static void bedrock_does_not_retry_a_spent_budget(void **state)
{
    (void)state;
    struct dialect_denial n = minute;
    n.final = true;
    n.metric = "usd";
    n.amount_text = "12.5";
    n.group = "";
    n.retry_after_s = 86400;
    n.with_detail = true;
    n.used = 12250000000;
    n.reserved = 250000000;
    struct dialect_answer a = denied(DIALECT_BEDROCK, &n);
    assert_int_equal(a.status, 400);
    has_header(&a, "x-amzn-errortype: ServiceQuotaExceededException\r\n");
    has_header(&a, "x-tollgate-reset: 86400\r\n");
    lacks_header(&a, "retry-after");
    assert_non_null(strstr(buf_cstr(&a.body), "\"amount\":12.5,\"group\":\"\","));
    assert_non_null(strstr(buf_cstr(&a.body), "\"used\":12.25,\"reserved\":0.25}}"));
    dialect_answer_free(&a);
}

static void concurrency_and_blocks_have_no_reset_time(void **state)
{
    (void)state;
    struct dialect_denial n = minute;
    n.metric = "concurrency";
    n.resets_at_ms = 0;
    n.retry_after_s = 0;
    struct dialect_answer a = denied(DIALECT_BEDROCK, &n);
    has_header(&a, "retry-after: 1\r\n");
    has_header(&a, "x-tollgate-reset: 1\r\n");
    assert_non_null(strstr(buf_cstr(&a.body), "\"resets_at\":null"));
    dialect_answer_free(&a);

    n.final = true;
    a = denied(DIALECT_BEDROCK, &n);
    lacks_header(&a, "x-tollgate-reset");
    has_header(&a, "x-tollgate-limit: haiku-minute\r\n");
    dialect_answer_free(&a);
}

static void others_deny_in_their_own_shape(void **state)
{
    (void)state;
    struct dialect_denial n = minute;
    struct dialect_answer a = denied(DIALECT_OPENAI, &n);
    assert_int_equal(a.status, 429);
    has_header(&a, "retry-after: 22\r\n");
    lacks_header(&a, "x-should-retry");
    lacks_header(&a, "x-amzn");
    assert_string_equal(
        buf_cstr(&a.body),
        "{\"error\":{\"message\":\"limit haiku-minute: 100,000 of 100,000 tokens are used\","
        "\"type\":\"rate_limit_exceeded\",\"code\":\"rate_limit_exceeded\",\"param\":null,"
        "\"tollgate\":{\"limit\":\"haiku-minute\",\"metric\":\"tokens\",\"amount\":100000,"
        "\"group\":\"costCenter=sales\",\"resets_at\":\"2025-11-21T01:37:00Z\","
        "\"request_id\":\"req-1\"}}}");
    dialect_answer_free(&a);

    n.final = true;
    a = denied(DIALECT_OPENAI, &n);
    assert_int_equal(a.status, 429);
    has_header(&a, "x-should-retry: false\r\n");
    lacks_header(&a, "retry-after");
    assert_non_null(strstr(buf_cstr(&a.body), "\"code\":\"insufficient_quota\""));
    dialect_answer_free(&a);

    a = denied(DIALECT_ANTHROPIC, &n);
    assert_int_equal(a.status, 429);
    has_header(&a, "x-should-retry: false\r\n");
    assert_string_equal(
        buf_cstr(&a.body),
        "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"limit "
        "haiku-minute: 100,000 of 100,000 tokens are used\"},\"tollgate\":{\"limit\":"
        "\"haiku-minute\",\"metric\":\"tokens\",\"amount\":100000,\"group\":\"costCenter=sales\","
        "\"resets_at\":\"2025-11-21T01:37:00Z\",\"request_id\":\"req-1\"}}");
    dialect_answer_free(&a);

    a = denied(DIALECT_WORKFLOW, &n);
    assert_int_equal(a.status, 429);
    assert_non_null(strstr(buf_cstr(&a.body), "{\"outcome\":\"denied\",\"requestId\":\"req-1\","));
    dialect_answer_free(&a);
}

static void names_cannot_break_out_of_a_header_or_body(void **state)
{
    (void)state;
    struct dialect_denial n = minute;
    n.limit = "a\r\nx-evil: 1\"\xc3\xa9";
    n.amount_text = "1,\"x\":2";
    struct dialect_answer a = denied(DIALECT_BEDROCK, &n);
    has_header(&a, "x-tollgate-limit: a??x-evil: 1\"??\r\n");
    assert_non_null(strstr(buf_cstr(&a.body), "\"limit\":\"a\\r\\nx-evil: 1\\\"\xc3\xa9\""));
    assert_non_null(strstr(buf_cstr(&a.body), "\"amount\":null,"));
    dialect_answer_free(&a);
}

static void bedrock_names_its_refusals(void **state)
{
    (void)state;
    static const struct {
        enum refusal r;
        int status;
        const char *name;
    } all[] = {
        {REFUSAL_AUTH, 403, "UnrecognizedClientException"},
        {REFUSAL_CLOCK, 403, "InvalidSignatureException"},
        {REFUSAL_FORBIDDEN, 403, "AccessDeniedException"},
        {REFUSAL_BAD_REQUEST, 400, "ValidationException"},
        {REFUSAL_UNKNOWN_MODEL, 400, "ValidationException"},
        {REFUSAL_NOT_SERVED, 404, "UnknownOperationException"},
        {REFUSAL_METHOD, 405, "UnknownOperationException"},
        {REFUSAL_TOO_LARGE, 413, "ValidationException"},
        {REFUSAL_TIMEOUT, 408, "RequestTimeoutException"},
        {REFUSAL_UPSTREAM, 502, "InternalServerException"},
        {REFUSAL_UPSTREAM_TIMEOUT, 504, "GatewayTimeoutException"},
        {REFUSAL_OVERLOADED, 503, "ServiceUnavailableException"},
        {REFUSAL_LIMIT, 429, "ThrottlingException"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct dialect_answer a;
        char line[96];
        assert_int_equal(dialect_refuse(&a, DIALECT_BEDROCK, all[i].r, "why \"x\"", "id"), ERR_OK);
        assert_int_equal(a.status, all[i].status);
        snprintf(line, sizeof(line), "x-amzn-errortype: %s\r\n", all[i].name);
        has_header(&a, line);
        has_header(&a, "x-amzn-requestid: id\r\n");
        has_header(&a, "x-tollgate-request-id: id\r\n");
        assert_string_equal(buf_cstr(&a.body), "{\"message\":\"why \\\"x\\\"\"}");
        dialect_answer_free(&a);
    }
}

static void others_refuse_in_their_own_shape(void **state)
{
    (void)state;
    struct dialect_answer a;

    assert_int_equal(dialect_refuse(&a, DIALECT_OPENAI, REFUSAL_AUTH, "bad key", "id"), ERR_OK);
    assert_int_equal(a.status, 401);
    assert_string_equal(buf_cstr(&a.body),
                        "{\"error\":{\"message\":\"bad key\",\"type\":\"invalid_request_error\","
                        "\"code\":\"invalid_api_key\",\"param\":null}}");
    dialect_answer_free(&a);

    assert_int_equal(dialect_refuse(&a, DIALECT_ANTHROPIC, REFUSAL_AUTH, "bad key", "id"), ERR_OK);
    assert_int_equal(a.status, 401);
    assert_string_equal(buf_cstr(&a.body),
                        "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\","
                        "\"message\":\"bad key\"},\"request_id\":\"id\"}");
    dialect_answer_free(&a);

    assert_int_equal(dialect_refuse(&a, DIALECT_WORKFLOW, REFUSAL_BAD_REQUEST,
                                    "prompt.messages[0]: must be an object", "id"),
                     ERR_OK);
    assert_int_equal(a.status, 400);
    assert_string_equal(buf_cstr(&a.body),
                        "{\"outcome\":\"failed\",\"requestId\":\"id\",\"errors\":[{\"path\":"
                        "\"prompt.messages[0]\",\"message\":\"must be an object\"}]}");
    dialect_answer_free(&a);

    assert_int_equal(
        dialect_refuse(&a, DIALECT_WORKFLOW, REFUSAL_UPSTREAM, "could not connect: refused", "id"),
        ERR_OK);
    assert_int_equal(a.status, 502);
    assert_non_null(
        strstr(buf_cstr(&a.body), "{\"path\":\"\",\"message\":\"could not connect: refused\"}"));
    dialect_answer_free(&a);
}

static void a_running_stream_ends_with_a_word(void **state)
{
    (void)state;
    struct buf out = {0};
    struct eventstream_message m;
    size_t need;

    assert_int_equal(dialect_stream_end(&out, DIALECT_BEDROCK, "throttlingException", "stop"), 0);
    assert_int_equal(eventstream_next(buf_bytes(&out), out.len, &m, &need), ERR_OK);
    assert_true(str_is(eventstream_find(&m, ":exception-type"), "throttlingException"));
    buf_clear(&out);
    assert_int_equal(dialect_stream_end(&out, DIALECT_OPENAI, "throttlingException", "st\nop"), 0);
    assert_string_equal(buf_cstr(&out), "data: {\"error\":{\"message\":\"st\\nop\",\"type\":"
                                        "\"rate_limit_exceeded\",\"code\":\"rate_limit_exceeded\","
                                        "\"param\":null}}\n\n");
    buf_clear(&out);
    assert_int_equal(dialect_stream_end(&out, DIALECT_ANTHROPIC, "modelStreamErrorException", "x"),
                     ERR_OK);
    assert_string_equal(buf_cstr(&out), "event: error\ndata: {\"type\":\"error\",\"error\":{"
                                        "\"type\":\"api_error\",\"message\":\"x\"}}\n\n");
    buf_clear(&out);
    assert_int_equal(dialect_stream_end(&out, DIALECT_WORKFLOW, "x", "x"), ERR_UNSUPPORTED);
    buf_free(&out);
    buf_init(&out, 4);
    assert_int_equal(dialect_stream_end(&out, DIALECT_OPENAI, "x", "x"), ERR_NOMEM);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bedrock_retries_what_frees_soon),
        cmocka_unit_test(bedrock_does_not_retry_a_spent_budget),
        cmocka_unit_test(concurrency_and_blocks_have_no_reset_time),
        cmocka_unit_test(others_deny_in_their_own_shape),
        cmocka_unit_test(names_cannot_break_out_of_a_header_or_body),
        cmocka_unit_test(bedrock_names_its_refusals),
        cmocka_unit_test(others_refuse_in_their_own_shape),
        cmocka_unit_test(a_running_stream_ends_with_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
