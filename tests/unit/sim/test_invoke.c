/* test_invoke.c: InvokeModel and its stream for each family's bodies: what they answer, which
 * counts they tell where, and that the ledger holds the same. */
#include "core/dialect/eventstream.h"
#include "tests/unit/sim/client.h"

#define CLAUDE "/model/" CLIENT_HAIKU "/invoke"
#define STREAM "-with-response-stream"
/* 5 tokens a call, 3 a message, 4 this text. */
#define TEXT     "[sim:output=9]"
#define MESSAGES "\"messages\":[{\"role\":\"user\",\"content\":\"[sim:output=9]\"}]"
#define VERSION  "\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":100,"

static void invoke(const struct sim *s, const char *path, const char *body, struct client_answer *a)
{
    const struct client_request r = {
        .method = "POST", .path = path, .body = body, .service = "bedrock"};

    client_call(s, SERVICE_BEDROCK_RUNTIME, &r, a);
}

/* One family: its body, and how its answers name what was used; NULL: they do not. */
static const struct family {
    const char *model, *body, *input, *output, *reason, *stream_output;
    int64_t tokens;
    bool headers;
} families[] = {
    {"anthropic.claude-3-haiku-20240307-v1:0", "{" VERSION MESSAGES "}", "input_tokens",
     "output_tokens", "\"stop_reason\":\"end_turn\"", "output_tokens", 12, true},
    {"eu.amazon.nova-lite-v1:0",
     "{\"schemaVersion\":\"messages-v1\",\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":"
     "\"" TEXT "\"}]}],\"inferenceConfig\":{\"max_new_tokens\":50}}",
     "inputTokens", "outputTokens", "\"stopReason\":\"end_turn\"", "outputTokens", 12, true},
    {"us.meta.llama3-3-70b-instruct-v1:0", "{\"prompt\":\"" TEXT "\",\"max_gen_len\":512}",
     "prompt_token_count", "generation_token_count", "\"stop_reason\":\"stop\"",
     "generation_token_count", 12, true},
    {"amazon.titan-text-express-v1",
     "{\"inputText\":\"" TEXT "\",\"textGenerationConfig\":{\"maxTokenCount\":50}}",
     "inputTextTokenCount", "tokenCount", "\"completionReason\":\"FINISH\"",
     "totalOutputTextTokenCount", 12, true},
    {"mistral.mistral-7b-instruct-v0:2", "{\"prompt\":\"" TEXT "\",\"max_tokens\":50}", NULL, NULL,
     "\"stop_reason\":\"stop\"", NULL, 12, true},
    {"mistral.pixtral-large-2502-v1:0", "{" MESSAGES ",\"max_tokens\":50}", "prompt_tokens",
     "completion_tokens", "\"finish_reason\":\"stop\"", NULL, 12, true},
    {"cohere.command-r-v1:0", "{\"message\":\"" TEXT "\",\"max_tokens\":50}", NULL, NULL,
     "\"finish_reason\":\"COMPLETE\"", NULL, 12, false},
    {"cohere.command-text-v14", "{\"prompt\":\"" TEXT "\"}", NULL, NULL,
     "\"finish_reason\":\"COMPLETE\"", NULL, 12, false},
    {"ai21.jamba-1-5-mini-v1:0", "{" MESSAGES "}", "prompt_tokens", "completion_tokens",
     "\"finish_reason\":\"stop\"", "completion_tokens", 12, false},
    {"openai.gpt-oss-120b-1:0", "{" MESSAGES ",\"max_completion_tokens\":50}", "prompt_tokens",
     "completion_tokens", "\"finish_reason\":\"stop\"", NULL, 12, true},
    {"us.deepseek.r1-v1:0", "{\"prompt\":\"" TEXT "\",\"max_tokens\":50}", NULL, NULL,
     "\"stop_reason\":\"stop\"", NULL, 12, true},
    {"qwen.qwen3-32b-v1:0", "{" MESSAGES "}", "prompt_tokens", "completion_tokens",
     "\"finish_reason\":\"stop\"", NULL, 12, true},
};
#define FAMILIES (sizeof families / sizeof families[0])

static void path_of(char *out, size_t size, const char *model, const char *operation)
{
    snprintf(out, size, "/model/%s/%s", model, operation);
}

static void test_families(void **state)
{
    for (size_t i = 0; i < FAMILIES; i++) {
        const struct family *f = &families[i];
        struct client_answer a;
        char path[200];
        path_of(path, sizeof path, f->model, "invoke");
        invoke(*state, path, f->body, &a);
        assert_int_equal(a.status, 200);
        assert_true(a.whole);
        assert_int_equal(client_number(&a.body, f->input ? f->input : "input_tokens"),
                         f->input ? f->tokens : -1);
        assert_int_equal(client_number(&a.body, f->output ? f->output : "output_tokens"),
                         f->output ? 9 : -1);
        assert_true(client_says(&a, f->reason));
        assert_int_equal(client_says(&a, "X-Amzn-Bedrock-Input-Token-Count: 12\r\n"), f->headers);
        assert_int_equal(client_says(&a, "X-Amzn-Bedrock-Output-Token-Count: 9\r\n"), f->headers);
        assert_int_equal(client_says(&a, "X-Amzn-Bedrock-Invocation-Latency: "), f->headers);
        assert_int_equal(client_says(&a, "X-Amzn-Bedrock-Cache-Read-Input-Token-Count: 0\r\n"),
                         f->headers);
        client_free(&a);
    }
    client_await(*state, "completed", FAMILIES);
    assert_int_equal(client_ledger_number(*state, "input_tokens"), 12 * FAMILIES);
    assert_int_equal(client_ledger_number(*state, "output_tokens"), 9 * FAMILIES);
    assert_int_equal(client_ledger_number(*state, "delivered_output_tokens"), 9 * FAMILIES);
}

/* The JSON of all chunks, one after the other. */
static void read_chunks(const struct buf *body, struct buf *json, char last[40])
{
    const char *at = buf_bytes(body);
    size_t left = body->len, need;
    struct eventstream_message m;

    last[0] = '\0';
    while (eventstream_next(at, left, &m, &need) == ERR_OK) {
        struct str exception = eventstream_find(&m, ":exception-type");
        struct buf payload = {0};
        char text[4000], bytes[3000];
        str_copy(last, 40, exception.n > 0 ? exception : eventstream_find(&m, ":event-type"));
        buf_add_str(&payload, m.payload);
        client_text(&payload, "bytes", text, sizeof text);
        size_t n = str_unbase64(bytes, sizeof bytes, str_of(text));
        assert_true(exception.n > 0 || (n > 0 && n != (size_t)-1));
        if (exception.n == 0) {
            client_text(&payload, "p", text, sizeof text);
            assert_true(text[0] == 'a');
            buf_append(json, bytes, n);
            buf_add(json, "\n");
        }
        buf_free(&payload);
        at += m.length;
        left -= m.length;
    }
}

static void test_streams(void **state)
{
    for (size_t i = 0; i < FAMILIES; i++) {
        const struct family *f = &families[i];
        struct client_answer a;
        struct buf json = {0};
        char path[200], last[40];
        path_of(path, sizeof path, f->model, "invoke" STREAM);
        invoke(*state, path, f->body, &a);
        assert_int_equal(a.status, 200);
        assert_true(a.whole);
        assert_true(client_says(&a, "application/vnd.amazon.eventstream"));
        assert_true(client_says(&a, "X-Amzn-Bedrock-Content-Type: application/json"));
        assert_false(client_says(&a, "Token-Count"));
        read_chunks(&a.body, &json, last);
        assert_string_equal(last, "chunk");
        /* The last line alone has the metrics. */
        const char *text = buf_cstr(&json);
        const char *metrics = strstr(text, "\"amazon-bedrock-invocationMetrics\":{");
        assert_non_null(metrics);
        assert_null(strchr(strchr(metrics, '\n') + 1, '\n'));
        assert_int_equal(client_number(&json, "inputTokenCount"), 12);
        assert_int_equal(client_number(&json, "outputTokenCount"), 9);
        assert_true(client_number(&json, "firstByteLatency") >= 0);
        assert_non_null(strstr(text, f->reason));
        if (f->stream_output != NULL) {
            char told[80];
            snprintf(told, sizeof told, "\"%s\":9", f->stream_output);
            assert_non_null(strstr(text, told));
        }
        assert_null(strstr(text, "[DONE]"));
        buf_free(&json);
        client_free(&a);
    }
    client_await(*state, "completed", FAMILIES);
    assert_int_equal(client_ledger_number(*state, "output_tokens"), 9 * FAMILIES);
    assert_int_equal(client_ledger_number(*state, "delivered_output_tokens"), 9 * FAMILIES);
}

static void test_claude_stream_events(void **state)
{
    struct client_answer a;
    struct buf json = {0};
    char last[40];

    invoke(*state, CLAUDE STREAM, "{" VERSION MESSAGES "}", &a);
    read_chunks(&a.body, &json, last);
    const char *at = buf_cstr(&json);
    static const char *const order[] = {
        "{\"type\":\"message_start\"",       "{\"type\":\"content_block_start\"",
        "{\"type\":\"content_block_delta\"", "{\"type\":\"content_block_stop\"",
        "{\"type\":\"message_delta\"",       "{\"type\":\"message_stop\""};
    for (size_t i = 0; i < 6; i++) {
        at = strstr(at, order[i]);
        assert_non_null(at);
    }
    assert_null(strstr(buf_cstr(&json), "ping"));
    buf_free(&json);
    client_free(&a);
}

static void test_bound_of_each_family(void **state)
{
    static const struct {
        const char *model, *body, *reason;
    } cases[] = {
        {"anthropic.claude-v3",
         "{\"anthropic_version\":\"x\",\"max_tokens\":4,\"messages\":[{\"role\":\"user\","
         "\"content\":[{\"type\":\"text\",\"text\":\"" TEXT "\"}]}]}",
         "max_tokens"},
        {"amazon.nova-pro-v1:0",
         "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"" TEXT
         "\"}]}],\"inferenceConfig\":{\"maxTokens\":4}}",
         "max_tokens"},
        {"meta.llama3", "{\"prompt\":\"" TEXT "\",\"max_gen_len\":4}", "length"},
        {"amazon.titan-text-lite-v1",
         "{\"inputText\":\"" TEXT "\",\"textGenerationConfig\":{\"maxTokenCount\":4}}", "LENGTH"},
        {"mistral.x", "{\"prompt\":\"" TEXT "\",\"max_tokens\":4}", "length"},
        {"cohere.command-r", "{\"message\":\"" TEXT "\",\"max_tokens\":4}", "MAX_TOKENS"},
        {"ai21.jamba", "{" MESSAGES ",\"max_tokens\":4}", "length"},
        {"openai.gpt-oss-20b-1:0", "{" MESSAGES ",\"max_tokens\":4}", "length"},
        {"deepseek.r1", "{\"prompt\":\"" TEXT "\",\"max_tokens\":4}", "length"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct client_answer a;
        char path[100], reason[40];
        path_of(path, sizeof path, cases[i].model, "invoke");
        snprintf(reason, sizeof reason, "\"%s\"", cases[i].reason);
        invoke(*state, path, cases[i].body, &a);
        assert_int_equal(a.status, 200);
        assert_true(client_says(&a, reason));
        client_free(&a);
    }
    client_await(*state, "completed", 9);
    assert_int_equal(client_ledger_number(*state, "output_tokens"), 9 * 4);
}

static void test_embeddings(void **state)
{
    struct client_answer a;

    invoke(*state, "/model/amazon.titan-embed-text-v2:0/invoke",
           "{\"inputText\":\"12345678\",\"dimensions\":3}", &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(client_number(&a.body, "inputTextTokenCount"), 10);
    assert_true(client_says(&a, "X-Amzn-Bedrock-Input-Token-Count: 10\r\n"));
    assert_true(client_says(&a, "X-Amzn-Bedrock-Output-Token-Count: 0\r\n"));
    int commas = 0;
    for (const char *at = buf_cstr(&a.body); *at != ']'; at++) {
        commas += *at == ',';
    }
    assert_int_equal(commas, 2);
    client_free(&a);
    invoke(*state, "/model/cohere.embed-english-v3/invoke",
           "{\"texts\":[\"12345678\",\"1234\"],\"input_type\":\"search_query\"}", &a);
    assert_int_equal(a.status, 200);
    assert_true(client_says(&a, "],["));
    assert_false(client_says(&a, "Token-Count"));
    client_free(&a);
    client_await(*state, "completed", 2);
    assert_int_equal(client_ledger_number(*state, "input_tokens"), 10 + 5 + 3 + 2 + 3 + 1);
    assert_int_equal(client_ledger_number(*state, "output_tokens"), 0);
    invoke(*state, "/model/amazon.titan-embed-text-v2:0/invoke" STREAM, "{\"inputText\":\"x\"}",
           &a);
    assert_int_equal(a.status, 400);
    assert_true(client_says(&a, "unsupported for streaming"));
    client_free(&a);
}

#define FORTY "0123456789012345678901234567890123456789"
#define CACHED                                                                                     \
    "{\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":9,\"tools\":[{\"name\":\"t\","   \
    "\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}],\"system\":[{\"type\":\"text\","  \
    "\"text\":\"" FORTY "\",\"cache_control\":{\"type\":\"ephemeral\"}}],\"messages\":[{"          \
    "\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"question\"}]}]}"

static void test_claude_cache(void **state)
{
    struct client_answer a;

    invoke(*state, CLAUDE, CACHED, &a);
    /* The tool is "t" with its quotes: 3 bytes, no token; so the 5 of the call are before it. */
    assert_int_equal(client_number(&a.body, "ephemeral_1h_input_tokens"), 5);
    assert_int_equal(client_number(&a.body, "ephemeral_5m_input_tokens"), 10);
    assert_int_equal(client_number(&a.body, "cache_creation_input_tokens"), 15);
    assert_int_equal(client_number(&a.body, "cache_read_input_tokens"), 0);
    assert_int_equal(client_number(&a.body, "input_tokens"), 5);
    assert_true(client_says(&a, "X-Amzn-Bedrock-Cache-Write-Input-Token-Count: 15\r\n"));
    client_free(&a);
    invoke(*state, CLAUDE, CACHED, &a);
    assert_int_equal(client_number(&a.body, "cache_read_input_tokens"), 15);
    assert_int_equal(client_number(&a.body, "cache_creation_input_tokens"), 0);
    assert_true(client_says(&a, "X-Amzn-Bedrock-Cache-Read-Input-Token-Count: 15\r\n"));
    client_free(&a);
    struct buf json = {0};
    char last[40];
    invoke(*state, CLAUDE STREAM, CACHED, &a);
    read_chunks(&a.body, &json, last);
    assert_int_equal(client_number(&json, "cacheReadInputTokenCount"), 15);
    assert_int_equal(client_number(&json, "cacheWriteInputTokenCount"), 0);
    buf_free(&json);
    client_free(&a);
    client_await(*state, "completed", 3);
    assert_int_equal(client_ledger_number(*state, "cache_write_5m_tokens"), 10);
    assert_int_equal(client_ledger_number(*state, "cache_write_1h_tokens"), 5);
    assert_int_equal(client_ledger_number(*state, "cache_write_tokens"), 15);
    assert_int_equal(client_ledger_number(*state, "cache_read_tokens"), 30);
}

static void test_profiles_are_told_by_body(void **state)
{
    static const char profile[] = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3A"
                                  "application-inference-profile%2Fp1/invoke";
    static const char foundation[] =
        "/model/arn:aws:bedrock:us-east-1::foundation-model%2Fmeta.llama3/invoke";
    struct client_answer a;

    invoke(*state, profile, "{" VERSION MESSAGES "}", &a);
    assert_true(client_says(&a, "ephemeral_5m_input_tokens"));
    client_free(&a);
    invoke(*state, profile, "{\"prompt\":\"x\",\"max_gen_len\":9}", &a);
    assert_true(client_says(&a, "generation_token_count"));
    client_free(&a);
    invoke(*state, profile, "{" MESSAGES "}", &a);
    assert_true(client_says(&a, "chat.completion"));
    client_free(&a);
    invoke(*state, foundation, "{\"prompt\":\"x\"}", &a);
    assert_true(client_says(&a, "generation_token_count"));
    client_free(&a);
    assert_int_equal(client_config(*state, "{\"profiles\":[{\"arn\":\"arn:aws:bedrock:us-east-1:"
                                           "123456789012:application-inference-profile/p1\","
                                           "\"id\":\"p1\",\"models\":[\"arn:aws:bedrock:us-east-1"
                                           "::foundation-model/deepseek.r1-v1:0\"]}]}"),
                     200);
    invoke(*state, profile, "{\"prompt\":\"x\"}", &a);
    assert_true(client_says(&a, "\"choices\":[{\"text\":"));
    client_free(&a);
    invoke(*state, "/model/p1/invoke", "{\"prompt\":\"x\"}", &a);
    assert_true(client_says(&a, "\"choices\":[{\"text\":"));
    client_free(&a);
}

static void test_faults(void **state)
{
    struct client_answer a;
    struct buf json = {0};
    char last[40];

    invoke(*state, CLAUDE,
           "{" VERSION "\"messages\":[{\"role\":\"user\",\"content\":\"[sim:fault=throttle]\"}]}",
           &a);
    assert_int_equal(a.status, 429);
    assert_true(client_says(&a, "x-amzn-ErrorType: ThrottlingException"));
    client_free(&a);
    invoke(*state, CLAUDE STREAM,
           "{" VERSION "\"messages\":[{\"role\":\"user\",\"content\":"
           "\"[sim:fault=exception][sim:output=40]\"}]}",
           &a);
    assert_true(a.whole);
    read_chunks(&a.body, &json, last);
    assert_string_equal(last, "throttlingException");
    assert_null(strstr(buf_cstr(&json), "invocationMetrics"));
    client_free(&a);
    invoke(*state, CLAUDE STREAM,
           "{" VERSION "\"messages\":[{\"role\":\"user\",\"content\":"
           "\"[sim:fault=cut][sim:output=40]\"}]}",
           &a);
    assert_int_equal(a.status, 200);
    assert_false(a.whole);
    client_free(&a);
    buf_free(&json);
    client_await(*state, "aborted", 2);
    assert_int_equal(client_ledger_number(*state, "refused"), 1);
}

static void test_bad_bodies(void **state)
{
    static const struct {
        const char *model, *body, *says;
    } cases[] = {
        {"anthropic.claude", "{\"max_tokens\":1," MESSAGES "}", "anthropic_version"},
        {"anthropic.claude", "{\"anthropic_version\":\"x\"," MESSAGES "}", "max_tokens"},
        {"anthropic.claude", "{\"anthropic_version\":\"x\",\"max_tokens\":1}", "messages"},
        {"anthropic.claude", "{" VERSION "\"messages\":[{\"role\":\"system\",\"content\":\"x\"}]}",
         "role user or assistant"},
        {"meta.llama3", "{" MESSAGES "}", "prompt: at least one"},
        {"meta.llama3", "{\"prompt\":[\"x\"]}", "must be a string"},
        {"meta.llama3", "{\"prompt\":\"x\",\"max_gen_len\":0}", "at least 1"},
        {"amazon.titan-text-x", "{\"prompt\":\"x\"}", "inputText"},
        {"amazon.titan-embed-x", "{\"inputText\":\"x\",\"dimensions\":5000}", "dimensions"},
        {"cohere.embed-x", "{\"texts\":\"x\"}", "array"},
        {"openai.gpt-oss-20b", "{" MESSAGES, "malformed JSON"},
        {"openai.gpt-oss-20b", "[]", "object"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct client_answer a;
        char path[100];
        path_of(path, sizeof path, cases[i].model, "invoke");
        invoke(*state, path, cases[i].body, &a);
        assert_int_equal(a.status, 400);
        assert_true(client_says(&a, "x-amzn-ErrorType: ValidationException"));
        assert_true(client_says(&a, cases[i].says));
        client_free(&a);
    }
    assert_int_equal(client_ledger_number(*state, "refused"), 12);
}

static void test_count_tokens_of_a_body(void **state)
{
    static const char inner[] = "{\"anthropic_version\":\"x\"," MESSAGES "}";
    char encoded[400], body[500];
    struct client_answer a;

    str_base64(encoded, inner, sizeof inner - 1);
    snprintf(body, sizeof body, "{\"input\":{\"invokeModel\":{\"body\":\"%s\"}}}", encoded);
    invoke(*state, "/model/anthropic.claude-3/count-tokens", body, &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(client_number(&a.body, "inputTokens"), 12);
    client_free(&a);
    invoke(*state, "/model/anthropic.claude-3/count-tokens",
           "{\"input\":{\"invokeModel\":{\"body\":\"!\"}}}", &a);
    assert_int_equal(a.status, 400);
    client_free(&a);
    assert_int_equal(client_ledger_number(*state, "calls"), 0);
}

static void test_metadata_and_tier(void **state)
{
    struct client_request r = {.method = "POST",
                               .path = CLAUDE,
                               .body = "{" VERSION MESSAGES "}",
                               .service = "bedrock",
                               .signed_name = "x-amzn-bedrock-request-metadata",
                               .signed_value = "{\"team\":\"a b\"}"};
    struct client_answer a;

    r.headers = "X-Amzn-Bedrock-Service-Tier: flex\r\n";
    client_call(*state, SERVICE_BEDROCK_RUNTIME, &r, &a);
    assert_int_equal(a.status, 200);
    assert_true(client_says(&a, "X-Amzn-Bedrock-Service-Tier: flex\r\n"));
    client_free(&a);
    r.signed_value = "{\"team\":\"semi;colon\"}";
    client_call(*state, SERVICE_BEDROCK_RUNTIME, &r, &a);
    assert_int_equal(a.status, 400);
    assert_true(client_says(&a, "requestMetadata"));
    client_free(&a);
    invoke(
        *state, "/model/" CLIENT_HAIKU "/converse",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}],"
        "\"requestMetadata\":{\"costCenter\":\"sales\"},\"serviceTier\":{\"type\":\"priority\"}}",
        &a);
    assert_true(client_says(&a, "\"serviceTier\":{\"type\":\"priority\"}"));
    client_free(&a);
    invoke(*state, "/model/" CLIENT_HAIKU "/converse",
           "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}],"
           "\"requestMetadata\":{}}",
           &a);
    assert_int_equal(a.status, 400);
    client_free(&a);
    client_ledger(*state, &a);
    assert_true(client_says(&a, "\"last_requests\":[{\"path\":\"" CLAUDE "\",\"model\":"
                                "\"us.anthropic.claude-3-5-haiku-20241022-v1:0\","
                                "\"requestMetadata\":{\"team\":\"a b\"},\"project\":null,"
                                "\"service_tier\":\"flex\",\"access_key_id\":\"AKIA"));
    assert_true(client_says(&a, "\"requestMetadata\":{\"costCenter\":\"sales\"}"));
    assert_true(client_says(&a, "\"requestMetadata\":null"));
    client_free(&a);
}

static void test_last_requests_are_bounded(void **state)
{
    struct client_answer a;
    int found = 0;

    for (int i = 0; i < 40; i++) {
        char path[80];
        snprintf(path, sizeof path, "/model/meta.llama3-%d/invoke", i);
        invoke(*state, path, "{\"prompt\":\"[sim:output=1]\"}", &a);
        client_free(&a);
    }
    client_ledger(*state, &a);
    for (const char *at = buf_cstr(&a.body); (at = strstr(at, "{\"path\":")) != NULL; at++) {
        found++;
    }
    assert_int_equal(found, 32);
    assert_false(client_says(&a, "/model/meta.llama3-7/invoke"));
    assert_true(client_says(&a, "\"last_requests\":[{\"path\":\"/model/meta.llama3-8/invoke\""));
    client_free(&a);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, client_set_up, client_tear_down)
    const struct CMUnitTest tests[] = {
        T(test_families),
        T(test_streams),
        T(test_claude_stream_events),
        T(test_bound_of_each_family),
        T(test_embeddings),
        T(test_claude_cache),
        T(test_profiles_are_told_by_body),
        T(test_faults),
        T(test_bad_bodies),
        T(test_count_tokens_of_a_body),
        T(test_metadata_and_tier),
        T(test_last_requests_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
