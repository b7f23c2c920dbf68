/* test_openai.c: OpenAI's APIs on both services and Anthropic's on mantle: whole answers, streams,
 * usage, projects, errors in each one's shape. */
#include "tests/unit/sim/client.h"

#define CHAT      "/openai/v1/chat/completions"
#define RESPONSES "/openai/v1/responses"
#define MESSAGES  "/anthropic/v1/messages"
#define RUNTIME   "\"model\":\"openai.gpt-oss-120b-1:0\","
#define MANTLE    "\"model\":\"openai.gpt-oss-120b\","
#define CLAUDE    "\"model\":\"anthropic.claude-sonnet-4-6\",\"max_tokens\":100,"
#define ASK(text) "\"messages\":[{\"role\":\"user\",\"content\":\"" text "\"}]"
#define NINE      ASK("[sim:output=9]")

static void runtime(const struct sim *s, const char *path, const char *body,
                    struct client_answer *a)
{
    const struct client_request r = {
        .method = "POST", .path = path, .body = body, .service = "bedrock"};

    client_call(s, SERVICE_BEDROCK_RUNTIME, &r, a);
}

static void mantle(const struct sim *s, const char *path, const char *headers, const char *body,
                   struct client_answer *a)
{
    const struct client_request r = {.method = body ? "POST" : "GET",
                                     .path = path,
                                     .headers = headers,
                                     .body = body,
                                     .service = "bedrock-mantle"};

    client_call(s, SERVICE_BEDROCK_MANTLE, &r, a);
}

static int count(const struct client_answer *a, const char *text)
{
    struct buf copy = {0};
    int found = 0;

    buf_append(&copy, buf_bytes(&a->body), a->body.len);
    for (const char *at = buf_cstr(&copy); (at = strstr(at, text)) != NULL; at++) {
        found++;
    }
    buf_free(&copy);
    return found;
}

static void test_chat(void **state)
{
    struct client_answer a;

    runtime(*state, CHAT, "{" RUNTIME NINE "}", &a);
    assert_int_equal(a.status, 200);
    assert_true(client_says(&a, "\"object\":\"chat.completion\""));
    assert_true(client_says(&a, "\"model\":\"openai.gpt-oss-120b-1:0\""));
    assert_int_equal(client_number(&a.body, "prompt_tokens"), 12);
    assert_int_equal(client_number(&a.body, "completion_tokens"), 9);
    assert_int_equal(client_number(&a.body, "total_tokens"), 21);
    assert_int_equal(client_number(&a.body, "cached_tokens"), 0);
    client_free(&a);
    runtime(*state, CHAT, "{" RUNTIME "\"max_completion_tokens\":5," NINE "}", &a);
    assert_int_equal(client_number(&a.body, "completion_tokens"), 5);
    assert_true(client_says(&a, "\"finish_reason\":\"length\""));
    client_free(&a);
    client_await(*state, "completed", 2);
    assert_int_equal(client_ledger_number(*state, "input_tokens"), 24);
    assert_int_equal(client_ledger_number(*state, "output_tokens"), 14);
}

static void test_chat_stream_tells_usage_only_when_asked(void **state)
{
    struct client_answer a;

    runtime(*state, CHAT, "{" RUNTIME "\"stream\":true," NINE "}", &a);
    assert_int_equal(a.status, 200);
    assert_true(a.whole);
    assert_true(client_says(&a, "text/event-stream"));
    assert_int_equal(count(&a, "usage"), 0);
    assert_int_equal(count(&a, "\"choices\":[]"), 0);
    assert_int_equal(count(&a, "\"finish_reason\":\"stop\""), 1);
    assert_int_equal(count(&a, "event:"), 0);
    int chunks = count(&a, "data: {\"id\":\"chatcmpl-");
    assert_in_range(chunks, 1 + 3 + 1, 1 + 9 + 1);
    assert_true(client_says(&a, "\n\ndata: [DONE]\n\n"));
    client_free(&a);

    runtime(*state, CHAT,
            "{" RUNTIME "\"stream\":true,\"stream_options\":{\"include_usage\":true}," NINE "}",
            &a);
    assert_int_equal(count(&a, "\"choices\":[],\"usage\":{\"prompt_tokens\":12,"
                               "\"completion_tokens\":9,\"total_tokens\":21"),
                     1);
    assert_int_equal(count(&a, "\"usage\":null"), count(&a, "data: {") - 1);
    client_free(&a);

    runtime(*state, CHAT,
            "{" RUNTIME "\"stream\":true,\"stream_options\":{\"include_usage\":false}," NINE "}",
            &a);
    assert_int_equal(count(&a, "usage"), 0);
    client_free(&a);
    client_await(*state, "completed", 3);
    assert_int_equal(client_ledger_number(*state, "output_tokens"), 27);
    assert_int_equal(client_ledger_number(*state, "delivered_output_tokens"), 27);
}

static void test_responses(void **state)
{
    struct client_answer a;

    runtime(*state, RESPONSES, "{" RUNTIME "\"input\":\"[sim:output=9]\"}", &a);
    assert_int_equal(a.status, 200);
    assert_true(client_says(&a, "\"object\":\"response\""));
    assert_true(client_says(&a, "\"status\":\"completed\""));
    assert_int_equal(client_number(&a.body, "input_tokens"), 12);
    assert_int_equal(client_number(&a.body, "output_tokens"), 9);
    client_free(&a);
    runtime(*state, RESPONSES,
            "{" RUNTIME "\"instructions\":\"12345678\",\"max_output_tokens\":4,\"stream\":true,"
            "\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":"
            "\"[sim:output=9]\"}]}]}",
            &a);
    assert_true(a.whole);
    assert_int_equal(count(&a, "event: response.created\ndata: {\"type\":\"response.created\","
                               "\"sequence_number\":0"),
                     1);
    assert_in_range(count(&a, "event: response.output_text.delta\n"), 1, 4);
    assert_int_equal(count(&a, "event: response.incomplete\n"), 1);
    assert_int_equal(count(&a, "\"reason\":\"max_output_tokens\""), 1);
    assert_int_equal(count(&a, "\"usage\":{\"input_tokens\":14,"), 1);
    assert_int_equal(count(&a, "\"output_tokens\":4"), 1);
    assert_int_equal(count(&a, "[DONE]"), 0);
    client_free(&a);
    client_await(*state, "completed", 2);
    assert_int_equal(client_ledger_number(*state, "output_tokens"), 13);
}

/* A prefix of 1024 tokens and more is read from the cache the second time; writing it is input. */
static void test_automatic_cache(void **state)
{
    char *body = malloc(8000);
    struct client_answer a;

    assert_non_null(body);
    memset(body, 'x', 8000);
    int n = snprintf(body, 8000, "{" RUNTIME "\"messages\":[{\"role\":\"system\",\"content\":\"");
    body[n] = 'x';
    static const char tail[] = "\"},{\"role\":\"user\",\"content\":\"12345678\"}]}";
    memcpy(body + n + 5000, tail, sizeof tail);
    for (int i = 0; i < 2; i++) {
        runtime(*state, CHAT, body, &a);
        assert_int_equal(client_number(&a.body, "prompt_tokens"), 5 + 3 + 1250 + 3 + 2);
        assert_int_equal(client_number(&a.body, "cached_tokens"), i == 0 ? 0 : 5 + 3 + 1250);
        client_free(&a);
    }
    client_await(*state, "completed", 2);
    assert_int_equal(client_ledger_number(*state, "cache_read_tokens"), 1258);
    assert_int_equal(client_ledger_number(*state, "cache_write_tokens"), 0);
    assert_int_equal(client_ledger_number(*state, "input_tokens"), 1263 + 5);
    free(body);
}

static void test_mantle_paths_and_projects(void **state)
{
    struct client_answer a;

    mantle(*state, "/v1/chat/completions", NULL, "{" MANTLE NINE "}", &a);
    assert_int_equal(a.status, 200);
    client_free(&a);
    mantle(*state, CHAT, "OpenAI-Project: proj_abc\r\n", "{" MANTLE NINE "}", &a);
    assert_int_equal(a.status, 200);
    client_free(&a);
    mantle(*state, "/v1/responses", "OpenAI-Project: proj_abc\r\n",
           "{" MANTLE "\"input\":\"[sim:output=9]\",\"metadata\":{\"k\":\"v\"}}", &a);
    assert_int_equal(a.status, 200);
    client_free(&a);
    mantle(*state, CHAT, "OpenAI-Project: other\r\n", "{" MANTLE NINE "}", &a);
    assert_int_equal(a.status, 404);
    assert_true(client_says(&a, "\"code\":\"not_found_error\""));
    client_free(&a);
    mantle(*state, MESSAGES,
           "anthropic-version: 2023-06-01\r\nanthropic-workspace-id: proj_abc\r\n",
           "{" CLAUDE NINE "}", &a);
    assert_int_equal(a.status, 200);
    client_free(&a);
    client_await(*state, "completed", 4);
    client_ledger(*state, &a);
    assert_true(client_says(&a, "\"proj_abc\":{\"calls\":3,\"running\":0,\"completed\":3,"));
    assert_true(client_says(&a, "\"default\":{\"calls\":1,"));
    assert_true(client_says(&a, "\"path\":\"/v1/responses\",\"model\":\"openai.gpt-oss-120b\","
                                "\"requestMetadata\":{\"k\":\"v\"},\"project\":\"proj_abc\""));
    assert_true(client_says(&a, "\"AWS/BedrockMantle/Inferences/Model=openai.gpt-oss-120b\":3"));
    assert_true(client_says(&a, "\"AWS/BedrockMantle/InputTokens/Model=openai.gpt-oss-120b,"
                                "Project=proj_abc\":24"));
    assert_false(client_says(&a, "AWS/Bedrock/Invocations"));
    client_free(&a);
}

static void test_models(void **state)
{
    struct client_answer a;

    mantle(*state, "/v1/models", NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    assert_true(client_says(&a, "{\"object\":\"list\",\"data\":[{\"id\":\"openai.gpt-oss-120b\""));
    client_free(&a);
    mantle(*state, "/openai/v1/models/anthropic.claude-sonnet-4-6", NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    assert_true(client_says(&a, "\"owned_by\":\"anthropic\""));
    client_free(&a);
    mantle(*state, "/v1/models/none", NULL, NULL, &a);
    assert_int_equal(a.status, 404);
    client_free(&a);
}

static void test_messages(void **state)
{
    static const char version[] = "anthropic-version: 2023-06-01\r\n";
    struct client_answer a;

    mantle(*state, MESSAGES, version, "{" CLAUDE NINE "}", &a);
    assert_int_equal(a.status, 200);
    assert_true(client_says(&a, "\"type\":\"message\""));
    assert_int_equal(client_number(&a.body, "input_tokens"), 12);
    assert_int_equal(client_number(&a.body, "output_tokens"), 9);
    assert_false(client_says(&a, "Token-Count"));
    client_free(&a);
    mantle(*state, MESSAGES, version, "{\"stream\":true," CLAUDE NINE "}", &a);
    assert_true(a.whole);
    struct buf text = {0};
    buf_append(&text, buf_bytes(&a.body), a.body.len);
    const char *at = buf_cstr(&text);
    static const char *const order[] = {
        "message_start",      "content_block_start", "ping",        "content_block_delta",
        "content_block_stop", "message_delta",       "message_stop"};
    for (size_t i = 0; i < 7; i++) {
        char event[120];
        snprintf(event, sizeof event, "event: %s\ndata: {\"type\":\"%s\"", order[i], order[i]);
        at = strstr(at, event);
        assert_non_null(at);
    }
    buf_free(&text);
    assert_int_equal(count(&a, "\"output_tokens\":9"), 1);
    client_free(&a);
    mantle(*state, MESSAGES "/count_tokens", version,
           "{\"model\":\"anthropic.claude-sonnet-4-6\"," NINE "}", &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(client_number(&a.body, "input_tokens"), 12);
    client_free(&a);
    client_await(*state, "completed", 2);
    assert_int_equal(client_ledger_number(*state, "calls"), 2);
    assert_int_equal(client_ledger_number(*state, "output_tokens"), 18);
}

static void test_errors_in_each_shape(void **state)
{
    static const char version[] = "anthropic-version: 2023-06-01\r\n";
    static const struct {
        const char *path, *headers, *body, *says;
        int status;
    } cases[] = {
        {CHAT, "", "{" MANTLE ASK("[sim:fault=throttle]") "}", "\"code\":\"rate_limit_exceeded\"",
         429},
        {CHAT, "", "{" MANTLE ASK("[sim:fault=500]") "}", "\"type\":\"server_error\"", 500},
        {CHAT, "", "{" MANTLE "\"messages\":[]}", "\"type\":\"invalid_request_error\"", 400},
        {CHAT, "", "{" RUNTIME NINE "}", "does not exist", 404},
        {CHAT, "", "{" NINE "}", "model: missing", 400},
        {CHAT, "", "{", "malformed JSON", 400},
        {"/v1/nothing", "", "{}", "not simulated", 404},
        {"/nothing", "", "{}", "no such operation", 404},
        {MESSAGES, version, "{" CLAUDE ASK("[sim:fault=throttle]") "}",
         "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\"", 429},
        {MESSAGES, version, "{" CLAUDE ASK("[sim:fault=503]") "}", "\"type\":\"overloaded_error\"",
         503},
        {MESSAGES, version, "{\"model\":\"anthropic.claude-sonnet-4-6\"," NINE "}",
         "max_tokens: Field required", 400},
        {MESSAGES, version, "{\"model\":\"openai.gpt-oss-20b\",\"max_tokens\":1," NINE "}",
         "\"type\":\"not_found_error\"", 404},
        {MESSAGES, "", "{" CLAUDE NINE "}", "anthropic-version", 400},
        {MESSAGES, "anthropic-version: 1\r\nanthropic-workspace-id: x\r\n", "{" CLAUDE NINE "}",
         "\"type\":\"not_found_error\"", 404},
        {"/anthropic/v1/none", version, "{}", "\"type\":\"not_found_error\"", 404},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct client_answer a;
        mantle(*state, cases[i].path, cases[i].headers, cases[i].body, &a);
        assert_int_equal(a.status, cases[i].status);
        assert_true(client_says(&a, cases[i].says));
        client_free(&a);
    }
}

static void test_signatures_in_each_shape(void **state)
{
    static const struct {
        enum config_service service;
        const char *path, *says;
    } cases[] = {
        {SERVICE_BEDROCK_MANTLE, CHAT, "\"code\":\"invalid_api_key\""},
        {SERVICE_BEDROCK_MANTLE, MESSAGES, "\"type\":\"authentication_error\""},
        {SERVICE_BEDROCK_RUNTIME, CHAT, "\"code\":\"invalid_api_key\""},
    };

    for (size_t i = 0; i < 3; i++) {
        struct client_request r = {.method = "POST", .path = cases[i].path, .body = "{}"};
        struct client_answer a;
        for (int wrong = 0; wrong < 2; wrong++) {
            r.service = wrong ? "sts" : NULL;
            client_call(*state, cases[i].service, &r, &a);
            assert_int_equal(a.status, 401);
            assert_true(client_says(&a, cases[i].says));
            client_free(&a);
        }
    }
    assert_int_equal(client_ledger_number(*state, "signature_failures"), 6);
}

static void test_stream_faults(void **state)
{
    static const struct {
        const char *path, *body, *says;
    } cases[] = {
        {CHAT, "{" MANTLE "\"stream\":true," ASK("[sim:fault=exception][sim:output=20]") "}",
         "data: {\"error\":{"},
        {RESPONSES,
         "{" MANTLE "\"stream\":true,\"input\":\"[sim:fault=exception][sim:output=20]\"}",
         "event: error\ndata: {\"type\":\"error\","},
        {MESSAGES, "{\"stream\":true," CLAUDE ASK("[sim:fault=exception][sim:output=20]") "}",
         "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\""},
        {CHAT, "{" MANTLE "\"stream\":true," ASK("[sim:fault=badcrc][sim:output=20]") "}", "!\n\n"},
    };

    for (size_t i = 0; i < 4; i++) {
        struct client_answer a;
        mantle(*state, cases[i].path, "anthropic-version: 1\r\n", cases[i].body, &a);
        assert_int_equal(a.status, 200);
        assert_true(a.whole);
        assert_true(client_says(&a, cases[i].says));
        assert_int_equal(client_says(&a, "[DONE]"), i == 3);
        client_free(&a);
    }
    client_await(*state, "aborted", 3);
    struct client_answer a;
    mantle(*state, CHAT, NULL, "{" MANTLE "\"stream\":true," ASK("[sim:fault=cut]") "}", &a);
    assert_int_equal(a.status, 200);
    assert_false(a.whole);
    client_free(&a);
    client_await(*state, "aborted", 4);
    assert_int_equal(client_ledger_number(*state, "completed"), 1);
}

static void test_runtime_has_less(void **state)
{
    static const char profile[] =
        "\"model\":\"arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/p\",";
    char body[300];
    const struct client_request list = {
        .method = "GET", .path = "/openai/v1/models", .service = "bedrock"};
    struct client_answer a;

    client_call(*state, SERVICE_BEDROCK_RUNTIME, &list, &a);
    assert_int_equal(a.status, 404);
    client_free(&a);
    snprintf(body, sizeof body, "{%s" NINE "}", profile);
    runtime(*state, CHAT, body, &a);
    assert_int_equal(a.status, 200);
    client_free(&a);
    snprintf(body, sizeof body, "{%s\"input\":\"x\"}", profile);
    runtime(*state, RESPONSES, body, &a);
    assert_int_equal(a.status, 400);
    assert_true(client_says(&a, "not supported by the Responses API"));
    client_free(&a);
    client_ledger(*state, &a);
    assert_true(client_says(&a, "\"by_project\":{}"));
    client_free(&a);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, client_set_up, client_tear_down)
    const struct CMUnitTest tests[] = {
        T(test_chat),
        T(test_chat_stream_tells_usage_only_when_asked),
        T(test_responses),
        T(test_automatic_cache),
        T(test_mantle_paths_and_projects),
        T(test_models),
        T(test_messages),
        T(test_errors_in_each_shape),
        T(test_signatures_in_each_shape),
        T(test_stream_faults),
        T(test_runtime_has_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
