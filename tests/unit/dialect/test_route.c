/* test_route.c: which call a path asks for, in every spelling clients use. */
#include "core/dialect/dialect.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

static struct dialect_route route_ok(const char *method, const char *target)
{
    struct dialect_route r;
    struct err_info ei = {0};

    assert_int_equal(dialect_route(&r, str_of(method), str_of(target), &ei), ERR_OK);
    return r;
}

static void refused(const char *method, const char *target, enum err expected)
{
    struct dialect_route r;
    struct err_info ei = {0};

    assert_int_equal(dialect_route(&r, str_of(method), str_of(target), &ei), expected);
    assert_true(ei.text[0] != '\0');
    assert_int_equal(r.kind, KIND_NOT_SERVED);
}

static void converse_takes_a_model_in_every_spelling(void **state)
{
    (void)state;
    static const char *const models[] = {
        "claude-3-5-haiku",
        "us.anthropic.claude-3-5-sonnet-20241022-v2%3A0",
        "us.anthropic.claude-3-5-sonnet-20241022-v2:0",
        "arn%3Aaws%3Abedrock%3Aus-west-2%3A123456789012%3Aapplication-inference-profile%2Fabc",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile%2Fabc",
        "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc",
    };
    for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
        char target[256];
        snprintf(target, sizeof(target), "/model/%s/converse", models[i]);
        struct dialect_route r = route_ok("POST", target);
        assert_int_equal(r.kind, KIND_CALL);
        assert_int_equal(r.dialect, DIALECT_BEDROCK);
        assert_string_equal(r.operation, "Converse");
        assert_false(r.stream);
        assert_true(str_is(r.model_segment, models[i]));
        assert_true(str_is(r.path, target));
        assert_null(r.query.p);
    }
}

static void operations_of_the_runtime_are_told_apart(void **state)
{
    (void)state;
    struct dialect_route r = route_ok("POST", "/model/m/converse-stream?a=%2F&b");
    assert_int_equal(r.kind, KIND_CALL);
    assert_string_equal(r.operation, "ConverseStream");
    assert_true(r.stream);
    assert_true(str_is(r.path, "/model/m/converse-stream"));
    assert_true(str_is(r.query, "a=%2F&b"));

    r = route_ok("POST", "/model/m/count-tokens");
    assert_int_equal(r.kind, KIND_FREE);
    assert_string_equal(r.operation, "CountTokens");

    r = route_ok("POST", "/model/m/invoke");
    assert_string_equal(r.operation, "InvokeModel");
    assert_false(r.stream);
    r = route_ok("POST", "/model/m/invoke-with-response-stream");
    assert_string_equal(r.operation, "InvokeModelWithResponseStream");
    assert_true(r.stream);

    /* A model may be called as an operation. */
    r = route_ok("POST", "/model/converse/converse");
    assert_true(str_is(r.model_segment, "converse"));
}

static void other_apis_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *path, *operation;
        enum call_dialect dialect;
        enum dialect_kind kind;
    } cases[] = {
        {"/v1/chat/completions", "ChatCompletions", DIALECT_OPENAI, KIND_CALL},
        {"/openai/v1/chat/completions", "ChatCompletions", DIALECT_OPENAI, KIND_CALL},
        {"/v1/responses", "Responses", DIALECT_OPENAI, KIND_CALL},
        {"/openai/v1/responses", "Responses", DIALECT_OPENAI, KIND_CALL},
        {"/v1/invocations", "Invocations", DIALECT_WORKFLOW, KIND_CALL},
        {"/anthropic/v1/messages", "Messages", DIALECT_ANTHROPIC, KIND_CALL},
        {"/anthropic/v1/messages/count_tokens", "MessagesCountTokens", DIALECT_ANTHROPIC,
         KIND_FREE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct dialect_route r = route_ok("POST", cases[i].path);
        assert_string_equal(r.operation, cases[i].operation);
        assert_int_equal(r.dialect, cases[i].dialect);
        assert_int_equal(r.kind, cases[i].kind);
        assert_int_equal(r.model_segment.n, 0);
        assert_non_null(r.does);
        assert_string_equal(r.not_served, "");
        refused("GET", cases[i].path, ERR_UNSUPPORTED);
    }
    struct dialect_route r = route_ok("GET", "/openai/v1/models");
    assert_int_equal(r.kind, KIND_LOCAL);
    assert_int_equal(r.local, LOCAL_MODELS);
    assert_int_equal(r.dialect, DIALECT_OPENAI);
    assert_int_equal(route_ok("GET", "/v1/models?x").local, LOCAL_MODELS);
    refused("POST", "/v1/models", ERR_UNSUPPORTED);
}

static void not_served(const char *method, const char *target, enum call_dialect d,
                       const char *sentence)
{
    struct dialect_route r = route_ok(method, target);

    assert_int_equal(r.kind, KIND_NOT_SERVED);
    assert_int_equal(r.dialect, d);
    assert_null(r.operation);
    assert_string_equal(r.not_served, sentence);
}

static void what_is_not_served_is_named_in_its_dialect(void **state)
{
    (void)state;
    not_served("POST", "/model/m/invoke-with-bidirectional-stream", DIALECT_BEDROCK,
               "InvokeModelWithBidirectionalStream (a bidirectional stream) is not served");
    not_served("POST", "/v1/organization/projects", DIALECT_OPENAI,
               "project administration is not served");
    not_served("GET", "/async-invoke/arn%3Aaws", DIALECT_BEDROCK, "async invoke is not served");
    not_served("POST", "/guardrail/g/version/1/apply", DIALECT_BEDROCK,
               "guardrail calls are not served");
}

static void unknown_paths_take_the_dialect_of_their_prefix(void **state)
{
    (void)state;
    not_served("POST", "/", DIALECT_BEDROCK, "POST / is not served");
    not_served("PUT", "/v1/files", DIALECT_OPENAI, "PUT /v1/files is not served");
    not_served("GET", "/openai", DIALECT_OPENAI, "GET /openai is not served");
    not_served("GET", "/v12/x", DIALECT_BEDROCK, "GET /v12/x is not served");
    not_served("POST", "/anthropic/v2/x", DIALECT_ANTHROPIC, "POST /anthropic/v2/x is not served");
    not_served("POST", "/v1/invocations/x", DIALECT_WORKFLOW,
               "POST /v1/invocations/x is not served");
    not_served("POST", "/model/m", DIALECT_BEDROCK, "POST /model/m is not served");
    not_served("POST", "/model/m/converse/", DIALECT_BEDROCK,
               "POST /model/m/converse/ is not served");
    not_served("POST", "/model/converse", DIALECT_BEDROCK, "POST /model/converse is not served");
    not_served("POST", "/model/m/Converse", DIALECT_BEDROCK,
               "POST /model/m/Converse is not served");
}

static void long_unknown_paths_are_cut(void **state)
{
    (void)state;
    char target[4096] = "/";
    memset(target + 1, 'a', sizeof(target) - 2);
    struct dialect_route r = route_ok("POST", target);
    assert_true(strlen(r.not_served) < sizeof(r.not_served) - 1);
    assert_true(str_ends(str_of(r.not_served), " is not served"));
}

static void local_paths_are_answered_here(void **state)
{
    (void)state;
    assert_int_equal(route_ok("GET", "/healthz").local, LOCAL_HEALTHZ);
    assert_int_equal(route_ok("GET", "/readyz?x").local, LOCAL_READYZ);
    struct dialect_route r = route_ok("HEAD", "/metrics");
    assert_int_equal(r.kind, KIND_LOCAL);
    assert_int_equal(r.local, LOCAL_METRICS);
    assert_int_equal(route_ok("GET", "/healthz/x").kind, KIND_NOT_SERVED);
}

static void a_wrong_method_is_told_with_the_right_one(void **state)
{
    (void)state;
    struct dialect_route r;

    refused("GET", "/model/m/converse", ERR_UNSUPPORTED);
    refused("post", "/model/m/converse", ERR_UNSUPPORTED);
    refused("GET", "/model/m/invoke", ERR_UNSUPPORTED);
    refused("GET", "/v1/chat/completions", ERR_UNSUPPORTED);
    assert_int_equal(dialect_route(&r, STR("POST"), STR("/healthz"), NULL), ERR_UNSUPPORTED);
    assert_string_equal(r.allow, "GET, HEAD");
    assert_int_equal(dialect_route(&r, STR("PUT"), STR("/anthropic/v1/messages"), NULL),
                     ERR_UNSUPPORTED);
    assert_string_equal(r.allow, "POST");
    assert_int_equal(r.dialect, DIALECT_ANTHROPIC);
}

static void malformed_paths_are_refused(void **state)
{
    (void)state;
    static const char *const targets[] = {
        "",
        "*",
        "model/m/converse",
        "http://host/model/m/converse",
        "/model//converse",
        "/model/m%/converse",
        "/model/m%2/converse",
        "/model/m%zz/converse",
        "/model/m%00/converse",
        "/model/m%0a/converse",
        "/model/m\x01/converse",
        "/model/m /converse",
        "/model/m\xff/converse",
        "/model/m/converse#x",
        "/model/../m/converse",
        "/model/%2e%2E/converse",
        "/model/./converse",
        "/model/m/converse?a=%0",
    };
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        refused("POST", targets[i], ERR_PARSE);
    }
    static char huge[10000] = "/";
    memset(huge + 1, 'a', sizeof(huge) - 2);
    refused("POST", huge, ERR_PARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(converse_takes_a_model_in_every_spelling),
        cmocka_unit_test(operations_of_the_runtime_are_told_apart),
        cmocka_unit_test(other_apis_are_told_apart),
        cmocka_unit_test(what_is_not_served_is_named_in_its_dialect),
        cmocka_unit_test(unknown_paths_take_the_dialect_of_their_prefix),
        cmocka_unit_test(long_unknown_paths_are_cut),
        cmocka_unit_test(local_paths_are_answered_here),
        cmocka_unit_test(a_wrong_method_is_told_with_the_right_one),
        cmocka_unit_test(malformed_paths_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
