/* test_invoke_meter.c: the usage of every family's answer, whole and in pieces. */
#include "tests/unit/dialect/metered.h"
#include "tests/unit/dialect/vectors.h"

#define INVOKE "/model/m/invoke"
#define STREAM "/model/m/invoke-with-response-stream"

static const struct http_header plain_json = {STR("content-type"), STR("application/json")};
static const struct http_header frames_type = {STR("content-type"),
                                               STR("application/vnd.amazon.eventstream")};

static struct metered body(const char *text, size_t piece)
{
    struct answer a = {INVOKE, NULL, 200, false, &plain_json, 1};
    return metered_run(&a, str_of(text), piece, false);
}

static struct metered stream(struct str data, size_t piece)
{
    struct answer a = {STREAM, NULL, 200, false, &frames_type, 1};
    return metered_run(&a, data, piece, false);
}

static void add_chunk(struct buf *b, const char *json)
{
    char coded[4096];
    struct buf payload = {0};

    str_base64(coded, json, strlen(json));
    buf_printf(&payload, "{\"bytes\":\"%s\",\"p\":\"abcdefgh\"}", coded);
    metered_event(b, "chunk", buf_cstr(&payload));
    buf_free(&payload);
}

static void bodies_of_families_tell_usage(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        struct usage usage;
    } cases[] = {
        {"{\"content\":[{\"type\":\"text\",\"text\":\"x \\\"usage\\\":{}\"}],\"usage\":{\"input_"
         "tokens\":12,\"output_tokens\":7,\"cache_creation_input_tokens\":256,\"cache_read_input_"
         "tokens\":1024,\"cache_creation\":{\"ephemeral_5m_input_tokens\":200,\"ephemeral_1h_input_"
         "tokens\":56},\"service_tier\":\"standard\"}}",
         {12, 7, 1024, 200, 56}},
        {"{\"output\":{},\"usage\":{\"inputTokens\":5,\"outputTokens\":2,\"totalTokens\":7,"
         "\"cacheReadInputTokenCount\":3,\"cacheWriteInputTokenCount\":4}}",
         {5, 2, 3, 4, 0}},
        {"{\"generation\":\"hi\",\"prompt_token_count\":9,\"generation_token_count\":4}",
         {9, 4, 0, 0, 0}},
        {"{\"choices\":[],\"usage\":{\"prompt_tokens\":30,\"completion_tokens\":8,\"total_tokens\""
         ":38,\"prompt_tokens_details\":{\"cached_tokens\":10,\"cache_write_tokens\":5}}}",
         {15, 8, 10, 5, 0}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t k = 0; k < PIECES; k++) {
            struct metered m = body(cases[i].body, pieces[k]);
            metered_uses(&m, cases[i].usage);
        }
    }
}

static void what_a_family_does_not_tell_is_not_known(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"outputs\":[{\"text\":\"x\"}]}",
        "{\"generations\":[{\"text\":\"x\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}]}",
        "{\"inputTextTokenCount\":5,\"results\":[{\"tokenCount\":3,\"outputText\":\"x\"}]}",
        "{\"usage\":{\"input_tokens\":1}}",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        assert_false(body(bodies[i], 7).s.usage_known);
    }
}

static struct metered with_headers(const char *id, const char *text, const char *input,
                                   const char *output, const char *write, size_t piece)
{
    struct http_header headers[4] = {plain_json};
    size_t n = 1;
    headers[n++] = (struct http_header){STR("X-Amzn-Bedrock-Input-Token-Count"), str_of(input)};
    if (output != NULL) {
        headers[n++] =
            (struct http_header){STR("x-amzn-bedrock-output-token-count"), str_of(output)};
    }
    if (write != NULL) {
        headers[n++] = (struct http_header){STR("x-amzn-bedrock-cache-write-input-token-count"),
                                            str_of(write)};
    }
    struct answer a = {INVOKE, id, 200, false, headers, n};
    return metered_run(&a, str_of(text), piece, false);
}

static void headers_tell_usage_and_the_body_how_caches_were_written(void **state)
{
    (void)state;
    struct metered m = with_headers(NULL, "{\"outputs\":[]}", "28", "51", "0", 1);
    metered_uses(&m, (struct usage){28, 51, 0, 0, 0});
    m = with_headers(NULL, "no json", "28", "51", NULL, 7);
    metered_uses(&m, (struct usage){28, 51, 0, 0, 0});
    m = with_headers(NULL, "{\"content\":[]}", "28", "51", "9", 1);
    metered_uses(&m, (struct usage){28, 51, 0, 9, 0});
    for (size_t k = 0; k < PIECES; k++) {
        m = with_headers(NULL,
                         "{\"usage\":{\"input_tokens\":28,\"output_tokens\":51,\"cache_creation\":"
                         "{\"ephemeral_1h_input_tokens\":9}}}",
                         "28", "51", "9", pieces[k]);
        metered_uses(&m, (struct usage){28, 51, 0, 0, 9});
    }
    assert_false(with_headers(NULL, "{}", "-1", "x", NULL, 7).s.usage_known);
    assert_false(with_headers(NULL, "{}", "5", NULL, NULL, 7).s.usage_known);
}

static void embeddings_have_no_output(void **state)
{
    (void)state;
    struct metered m =
        with_headers("amazon.titan-embed-text-v2:0", "{\"embedding\":[0.1]}", "28", NULL, NULL, 7);
    metered_uses(&m, (struct usage){28, 0, 0, 0, 0});
    struct answer a = {INVOKE, "amazon.titan-embed-text-v2:0", 200, false, &plain_json, 1};
    m = metered_run(&a, STR("{\"embedding\":[0.1,2],\"inputTextTokenCount\":5}"), 1, false);
    metered_uses(&m, (struct usage){5, 0, 0, 0, 0});
}

static void streams_end_with_metrics(void **state)
{
    (void)state;
    struct buf b = {0};
    add_chunk(&b, "{\"type\":\"message_start\",\"message\":{\"id\":\"msg\",\"role\":\"assistant\","
                  "\"usage\":{\"input_tokens\":12,\"cache_creation_input_tokens\":256,"
                  "\"cache_creation\":{\"ephemeral_5m_input_tokens\":200,\"ephemeral_1h_input_"
                  "tokens\":56},\"output_tokens\":1}}}");
    size_t started = b.len;
    add_chunk(&b, "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\""
                  ",\"text\":\"Hello\"}}");
    add_chunk(&b, "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":"
                  "{\"output_tokens\":5}}");
    add_chunk(&b, "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":"
                  "{\"output_tokens\":7,\"input_tokens\":null}}");
    size_t before = b.len;
    add_chunk(&b, "{\"type\":\"message_stop\",\"amazon-bedrock-invocationMetrics\":"
                  "{\"inputTokenCount\":12,\"outputTokenCount\":7,\"cacheWriteInputTokenCount\":256"
                  ",\"cacheReadInputTokenCount\":1024,\"invocationLatency\":3}}");
    for (size_t k = 0; k < PIECES; k++) {
        struct metered m = stream(buf_str(&b), pieces[k]);
        metered_uses(&m, (struct usage){12, 7, 1024, 200, 56});
        assert_int_equal(m.s.output_bytes, 5);
        assert_int_equal(m.s.output_events, 1);
        assert_true(m.s.first_content && !m.s.exception);

        m = stream(str_sub(buf_str(&b), 0, started), pieces[k]);
        assert_false(m.s.first_content);
        assert_true(m.s.input_known && !m.s.usage_known);
        assert_int_equal(m.s.usage.input, 12);
        assert_int_equal(m.s.usage.cache_write_1h, 56);

        m = stream(str_sub(buf_str(&b), 0, before), pieces[k]);
        assert_false(m.s.usage_known);
        assert_int_equal(m.s.usage.output, 7);
    }
    buf_free(&b);
}

static void texts_of_every_family_are_counted(void **state)
{
    (void)state;
    static const struct {
        const char *event;
        int64_t bytes;
    } cases[] = {
        {"{\"contentBlockDelta\":{\"delta\":{\"text\":\"abcd\"},\"contentBlockIndex\":0}}", 4},
        {"{\"messageStop\":{\"stopReason\":\"end_turn\"}}", 0},
        {"{\"generation\":\"abcd\",\"prompt_token_count\":5,\"stop_reason\":null}", 4},
        {"{\"outputText\":\"ab\",\"completionReason\":\"FINISH\"}", 2},
        {"{\"outputs\":[{\"text\":\"abc\",\"stop_reason\":\"length\"}]}", 3},
        {"{\"is_finished\":false,\"event_type\":\"text-generation\",\"text\":\"a\"}", 1},
        {"{\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{\"index"
         "\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"ab\",\"reasoning\":\"c\"},"
         "\"finish_reason\":null}]}",
         3},
        {"{\"something\":{\"new\":[\"abcd\"]}}", 4},
        {"[\"abc\"]", 7},
        {"broken", 6},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf b = {0};
        add_chunk(&b, cases[i].event);
        for (size_t k = 0; k < PIECES; k++) {
            struct metered m = stream(buf_str(&b), pieces[k]);
            assert_int_equal(m.s.output_bytes, cases[i].bytes);
            assert_int_equal(m.s.first_content, cases[i].bytes > 0);
        }
        buf_free(&b);
    }
}

static void chunks_that_cannot_be_read_count_by_their_length(void **state)
{
    (void)state;
    static const char *const payloads[] = {"{\"bytes\":\"%%%%\"}", "{\"bytes\":5}", "[]",
                                           "{\"bytes\":\"QUJD\""};
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
        struct buf b = {0};
        metered_event(&b, "chunk", payloads[i]);
        struct metered m = stream(buf_str(&b), 7);
        assert_true(m.framed);
        assert_int_equal(m.s.output_bytes, strlen(payloads[i]));
        buf_free(&b);
    }
    /* An escaped '/' is the same base64: "\/\/8=" is two bytes. */
    struct buf b = {0};
    metered_event(&b, "chunk", "{\"bytes\":\"\\/\\/8=\"}");
    assert_int_equal(stream(buf_str(&b), 1).s.output_bytes, 2);
    buf_free(&b);
}

static void a_bad_crc_is_not_believed(void **state)
{
    (void)state;
    struct buf b = {0};
    add_chunk(&b, "{\"amazon-bedrock-invocationMetrics\":{\"inputTokenCount\":1,"
                  "\"outputTokenCount\":1}}");
    buf_bytes(&b)[b.len - 1] ^= 1;
    struct metered m = stream(buf_str(&b), 1);
    assert_false(m.framed);
    assert_false(m.s.usage_known);
    buf_free(&b);
}

static void an_answer_that_cannot_be_read_is_told_by_headers(void **state)
{
    (void)state;
    struct http_header headers[] = {plain_json,
                                    {STR("content-encoding"), STR("gzip")},
                                    {STR("x-amzn-bedrock-input-token-count"), STR("3")},
                                    {STR("x-amzn-bedrock-output-token-count"), STR("4")}};
    struct answer a = {INVOKE, NULL, 200, false, headers, 4};
    struct metered m = metered_run(&a, STR("\x1f\x8b"), 1, false);
    assert_false(m.framed);
    assert_true(m.s.usage_known);
    assert_int_equal(m.s.usage.output, 4);
}

static void whole_streams_are_metered(void **state)
{
    (void)state;
    struct buf anthropic = vector_read("bedrock-streams", "invoke_anthropic_ok.bin");
    struct buf llama = vector_read("bedrock-streams", "invoke_llama_ok.bin");
    struct buf nova = vector_read("bedrock-streams", "invoke_nova_ok.bin");
    struct buf error = vector_read("bedrock-streams", "invoke_model_stream_error.bin");
    for (size_t k = 0; k < PIECES; k++) {
        struct metered m = stream(buf_str(&anthropic), pieces[k]);
        metered_uses(&m, (struct usage){12, 7, 1024, 200, 56});
        assert_int_equal(m.s.output_bytes, strlen("Hello world"));
        m = stream(buf_str(&llama), pieces[k]);
        metered_uses(&m, (struct usage){5, 2, 0, 0, 0});
        assert_int_equal(m.s.output_bytes, 2);
        m = stream(buf_str(&nova), pieces[k]);
        metered_uses(&m, (struct usage){5, 2, 0, 0, 0});
        assert_int_equal(m.s.output_bytes, 2);
        m = stream(buf_str(&error), pieces[k]);
        assert_true(m.framed && m.s.exception && !m.s.usage_known && m.s.input_known);
        assert_string_equal(m.s.exception_name, "modelStreamErrorException");
    }
    buf_free(&anthropic);
    buf_free(&llama);
    buf_free(&nova);
    buf_free(&error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_of_families_tell_usage),
        cmocka_unit_test(what_a_family_does_not_tell_is_not_known),
        cmocka_unit_test(headers_tell_usage_and_the_body_how_caches_were_written),
        cmocka_unit_test(embeddings_have_no_output),
        cmocka_unit_test(streams_end_with_metrics),
        cmocka_unit_test(texts_of_every_family_are_counted),
        cmocka_unit_test(chunks_that_cannot_be_read_count_by_their_length),
        cmocka_unit_test(a_bad_crc_is_not_believed),
        cmocka_unit_test(an_answer_that_cannot_be_read_is_told_by_headers),
        cmocka_unit_test(whole_streams_are_metered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
