/* test_invoke_request.c: what the bodies of all families are foreseen to cost, and how they are
 * put. */
#include "tests/unit/dialect/sent.h"

#define PATH "/model/m/invoke"

static void a_family_is_read(const char *body, int64_t text, int64_t maximum, int64_t messages)
{
    struct sent s = {0};

    sent_parse(&s, PATH, body);
    assert_string_equal(s.ei.text, "");
    assert_int_equal(s.call.text_bytes, text);
    assert_int_equal(s.call.max_output, maximum);
    assert_int_equal(s.call.messages, messages);
    sent_free(&s);
}

static void every_family_is_read(void **state)
{
    (void)state;
    /* Anthropic */
    a_family_is_read("{\"anthropic_version\":\"bedrock-2023-05-31\",\"max_tokens\":100,\"system\":"
                     "\"four\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"},{\"role\":"
                     "\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"\\u00e9\"}]}]}",
                     4 + 5 + 2, 100, 2);
    a_family_is_read("{\"max_tokens_to_sample\":5,\"prompt\":\"abc\"}", 3, 5, 0);
    /* Nova */
    a_family_is_read("{\"schemaVersion\":\"messages-v1\",\"system\":[{\"text\":\"four\"}],"
                     "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hello\"}]}],"
                     "\"inferenceConfig\":{\"maxTokens\":64}}",
                     9, 64, 1);
    a_family_is_read("{\"messages\":[],\"inferenceConfig\":{\"max_new_tokens\":65}}", 0, 65, 0);
    /* Llama, Titan, Mistral, DeepSeek */
    a_family_is_read("{\"prompt\":\"hello\",\"max_gen_len\":512,\"temperature\":0.5}", 5, 512, 0);
    a_family_is_read("{\"inputText\":\"hello\",\"textGenerationConfig\":{\"maxTokenCount\":20}}", 5,
                     20, 0);
    a_family_is_read("{\"inputText\":\"hello\"}", 5, -1, 0);
    a_family_is_read("{\"prompt\":\"<s>[INST]\",\"max_tokens\":7}", 9, 7, 0);
    /* Embeddings: no output */
    a_family_is_read("{\"inputText\":\"hello\",\"dimensions\":512}", 5 + 3, 0, 0);
    a_family_is_read("{\"texts\":[\"abc\",\"de\"],\"input_type\":\"x\"}", 5 + 3, 0, 0);
    /* Cohere */
    a_family_is_read("{\"message\":\"hello\",\"chat_history\":[{\"role\":\"USER\",\"message\":\"hi"
                     "\"}],\"preamble\":\"ab\",\"max_tokens\":30}",
                     5 + 7 + 4 + 2, 30, 1);
    a_family_is_read("{\"prompt\":\"hello\",\"max_tokens\":30,\"num_generations\":3}", 5, 90, 0);
    /* AI21 and OpenAI */
    a_family_is_read("{\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}],\"max_tokens\":9,"
                     "\"n\":2}",
                     5, 18, 1);
    a_family_is_read("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
                     "\"hi\"}]}],\"max_tokens\":9,\"max_completion_tokens\":11}",
                     2, 11, 1);
}

static void what_is_not_known_counts_as_written(void **state)
{
    (void)state;
    a_family_is_read("{\"new\":{\"deep\":[\"abc\"]}}", 3 + 16, -1, 0);
    a_family_is_read("{\"messages\":\"hello\",\"textGenerationConfig\":null}", 5 + 4, -1, 0);
    a_family_is_read("{\"messages\":[\"hello\",5],\"prompt\":{\"text\":\"ab\"}}", 5 + 1 + 2, -1, 2);
    a_family_is_read("{\"max_tokens\":5,\"inferenceConfig\":{\"maxTokens\":70},\"max_gen_len\":6}",
                     0, 70, 0);
}

static void media_count_by_number(void **state)
{
    (void)state;
    static const struct {
        const char *content;
        int64_t images, documents, text;
    } cases[] = {
        {"{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"data\":\"AAAAAAAA\"}}", 1, 0, 0},
        {"{\"source\":{\"data\":\"AAAAAAAA\"},\"type\":\"image\"}", 1, 0, 0},
        {"{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"AAAA\"}}}", 1, 0, 0},
        {"{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}}", 1, 0,
         0},
        {"{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":\"application/pdf"
         "\",\"data\":\"AAAA\"}}",
         0, 1, 0},
        {"{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\","
         "\"data\":\"ab\\u00e9\"}}",
         0, 1, 4},
        {"{\"type\":\"document\",\"source\":{\"type\":\"content\",\"content\":[{\"type\":\"text\","
         "\"text\":\"abc\"}]}}",
         0, 1, 3},
        {"{\"document\":{\"format\":\"pdf\",\"source\":{\"bytes\":\"AAAA\"}}}", 0, 1, 0},
        {"{\"type\":\"tool_result\",\"tool_use_id\":\"\",\"content\":[{\"type\":\"text\",\"text\":"
         "\"ab\"},{\"type\":\"image\",\"source\":{}}]}",
         1, 0, 2 + 11 + 2},
        {"{\"type\":\"text\",\"text\":\"ab\",\"cache_control\":{\"type\":\"ephemeral\"}}", 0, 0, 2},
        {"{\"toolResult\":{\"content\":[{\"text\":\"abc\"}]}}", 0, 0, 3},
        /* A source that is no image's counts as written. */
        {"{\"type\":\"thing\",\"source\":\"abcd\"}", 0, 0, 6},
        {"{\"type\":\"image\",\"type\":\"text\",\"source\":\"abcd\"}", 0, 0, 6},
        {"{\"type\":\"image\",\"source\":\"abcd\",\"source\":{}}", 1, 0, 6},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf b = {0};
        struct sent s = {0};
        buf_printf(&b, "{\"messages\":[{\"role\":\"user\",\"content\":[%s]}]}", cases[i].content);
        sent_parse(&s, PATH, buf_cstr(&b));
        assert_string_equal(s.ei.text, "");
        assert_int_equal(s.call.images, cases[i].images);
        assert_int_equal(s.call.documents, cases[i].documents);
        assert_int_equal(s.call.text_bytes, cases[i].text);
        sent_free(&s);
        buf_free(&b);
    }
    struct sent s = {0};
    sent_parse(&s, PATH,
               "{\"prompt\":\"a\",\"images\":[\"AAAA\",\"BBBB\"],\"tools\":[{\"a\":1},{}]}");
    assert_int_equal(s.call.images, 2);
    assert_int_equal(s.call.tools, 2);
    assert_int_equal(s.call.text_bytes, 1 + 12);
    sent_free(&s);
}

static void is_refused(const char *body, const char *text)
{
    struct sent s = {0};

    sent_parse(&s, PATH, body);
    assert_int_equal(s.parsed, ERR_PARSE);
    assert_string_equal(s.ei.text, text);
    sent_free(&s);
}

static void wrong_bodies_are_told(void **state)
{
    (void)state;
    is_refused("[]", "body: must be an object, not an array");
    is_refused("{\"max_tokens\":1,\"max_tokens\":2}", "max_tokens: given twice");
    is_refused("{\"prompt\":\"a\",\"prompt\":\"b\"}", "prompt: given twice");
    is_refused("{\"max_tokens\":0}", "max_tokens: must be a whole number above 0");
    is_refused("{\"max_gen_len\":\"5\"}", "max_gen_len: must be a number, not a string");
    is_refused("{\"inferenceConfig\":{\"maxTokens\":1.5}}",
               "inferenceConfig.maxTokens: must be a whole number above 0");
    is_refused("{\"n\":129}", "n: must be a whole number from 1 to 128");
    is_refused("{\"prompt\":\"a\"", "body: malformed JSON at byte 13");
    is_refused("{\"prompt\":\"a\"}x", "body: malformed JSON at byte 14");
}

static void tags_of_the_header_are_the_callers(void **state)
{
    (void)state;
    struct http_header h[] = {
        {STR("X-Amzn-Bedrock-Request-Metadata"), STR("{\"team\":\"x\",\"a\":\"b\"}")},
        {STR("x-amzn-bedrock-request-metadata"), STR("{}")}};
    struct sent s = {.o = {.headers = h, .header_count = 1}};
    sent_parse(&s, PATH, "{\"max_tokens\":1}");
    assert_string_equal(s.ei.text, "");
    assert_int_equal(s.facts.caller_tags.count, 2);
    assert_true(str_is(tags_get(&s.facts.caller_tags, "team"), "x"));
    sent_free(&s);

    s = (struct sent){.o = {.headers = h, .header_count = 2}};
    sent_parse(&s, PATH, "{\"max_tokens\":1}");
    assert_string_equal(s.ei.text, "header x-amzn-bedrock-request-metadata: given twice");
    sent_free(&s);
    h[0].value = STR("{\"a\":1}");
    s = (struct sent){.o = {.headers = h, .header_count = 1}};
    sent_parse(&s, PATH, "{\"max_tokens\":1}");
    assert_string_equal(s.ei.text, "header x-amzn-bedrock-request-metadata: must be a string, not "
                                   "a number");
    sent_free(&s);
}

static void tags_go_up_in_the_header(void **state)
{
    (void)state;
    struct http_header h[] = {{STR("x-amzn-bedrock-request-metadata"), STR("{\"team\":\"x\"}")}};
    struct sent s = {.o = {.headers = h, .header_count = 1}};
    sent_tag(&s, "costCenter", "sales");
    sent_put(&s, "/model/m/invoke-with-response-stream", "{\"max_tokens\":1}");
    sent_goes_to(&s, "/model/up%3A0/invoke-with-response-stream");
    assert_false(s.up.body_changed);
    assert_string_equal(buf_cstr(&s.up.headers), "X-Amzn-Bedrock-Request-Metadata: {\"costCenter\":"
                                                 "\"sales\",\"team\":\"x\"}\r\n");
    sent_free(&s);

    struct sent alone = {0};
    sent_tag(&alone, "costCenter", "sales");
    sent_put(&alone, PATH, "{\"max_tokens\":1}");
    assert_string_equal(buf_cstr(&alone.up.headers),
                        "X-Amzn-Bedrock-Request-Metadata: {\"costCenter\":\"sales\"}\r\n");
    sent_free(&alone);

    struct sent same = {.o = {.headers = h, .header_count = 1}};
    sent_tag(&same, "team", "x");
    sent_put(&same, PATH, "{\"max_tokens\":1}");
    assert_int_equal(same.up.headers.len, 0);
    sent_free(&same);
}

static void clamped(enum model_family family, const char *before, const char *after)
{
    struct sent s = {.o = {.clamp_output = 100}, .model = {.family = family}};

    sent_put(&s, PATH, before);
    sent_becomes(&s, after);
    sent_free(&s);
}

static void bounds_are_set_where_the_family_has_them(void **state)
{
    (void)state;
    clamped(FAMILY_ANTHROPIC, "{\"max_tokens\":500}", "{\"max_tokens\":100}");
    clamped(FAMILY_ANTHROPIC, "{\"max_tokens\":50}", NULL);
    clamped(FAMILY_NOVA, "{\"messages\":[]}",
            "{\"inferenceConfig\":{\"maxTokens\":100},\"messages\":[]}");
    clamped(FAMILY_NOVA, "{\"inferenceConfig\":{\"topP\":1}}",
            "{\"inferenceConfig\":{\"maxTokens\":100,\"topP\":1}}");
    clamped(FAMILY_LLAMA, "{\"prompt\":\"x\"}", "{\"max_gen_len\":100,\"prompt\":\"x\"}");
    clamped(FAMILY_TITAN, "{\"inputText\":\"x\"}",
            "{\"textGenerationConfig\":{\"maxTokenCount\":100},\"inputText\":\"x\"}");
    clamped(FAMILY_TITAN, "{\"inputText\":\"x\",\"textGenerationConfig\":{\"maxTokenCount\":101}}",
            "{\"inputText\":\"x\",\"textGenerationConfig\":{\"maxTokenCount\":100}}");
    clamped(FAMILY_COHERE, "{\"message\":\"x\",\"num_generations\":4}",
            "{\"max_tokens\":25,\"message\":\"x\",\"num_generations\":4}");
    clamped(FAMILY_OPENAI, "{\"n\":2,\"max_tokens\":90}", "{\"n\":2,\"max_tokens\":50}");

    struct sent s = {.model = {.family = FAMILY_OTHER}};
    sent_parse(&s, PATH, "{\"prompt\":\"x\"}");
    s.call.resolved.model = &s.model;
    s.o = (struct dialect_upstream_options){.upstream_id = "x", .clamp_output = 9};
    assert_int_equal(
        dialect_upstream(&s.up, &s.route, &s.call, STR("{\"prompt\":\"x\"}"), &s.o, &s.ei),
        ERR_UNSUPPORTED);
    assert_true(s.ei.text[0] != '\0');
    sent_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family_is_read),
        cmocka_unit_test(what_is_not_known_counts_as_written),
        cmocka_unit_test(media_count_by_number),
        cmocka_unit_test(wrong_bodies_are_told),
        cmocka_unit_test(tags_of_the_header_are_the_callers),
        cmocka_unit_test(tags_go_up_in_the_header),
        cmocka_unit_test(bounds_are_set_where_the_family_has_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
