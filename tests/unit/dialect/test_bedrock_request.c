/* test_bedrock_request.c: what a Converse body is foreseen to cost, and how a wrong one is told. */
#include "core/dialect/dialect.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parsed {
    struct call call;
    struct dialect_facts facts;
    struct err_info ei;
    enum err e;
};

static struct parsed parse_at(const char *path, struct str body)
{
    struct parsed p = {0};
    struct dialect_route r;

    assert_int_equal(dialect_route(&r, STR("POST"), str_of(path), NULL), ERR_OK);
    /* An exact copy, so that a sanitizer sees a read past the end. */
    char *copy = malloc(body.n + 1);
    assert_non_null(copy);
    memcpy(copy, body.p, body.n);
    copy = realloc(copy, body.n > 0 ? body.n : 1);
    assert_non_null(copy);
    p.e = dialect_parse(&r, (struct str){copy, body.n}, NULL, 0, &p.call, &p.facts, &p.ei);
    free(copy);
    return p;
}

static struct parsed parse(const char *body)
{
    return parse_at("/model/m/converse", str_of(body));
}

static void is_refused(const char *body, const char *text)
{
    struct parsed p = parse(body);

    assert_string_equal(p.ei.text, text);
    assert_int_equal(p.e, ERR_PARSE);
    arena_free(&p.call.arena);
}

static void has_bytes(const char *body, int64_t text_bytes)
{
    struct parsed p = parse(body);

    assert_string_equal(p.ei.text, "");
    assert_int_equal(p.e, ERR_OK);
    assert_int_equal(p.call.text_bytes, text_bytes);
    arena_free(&p.call.arena);
}

static void texts_count_with_their_decoded_length(void **state)
{
    (void)state;
    has_bytes("{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hello\"}]}]}", 5);
    has_bytes("{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\\n\\\"\\\\b\"}]}]}", 5);
    has_bytes("{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"\\u00e9\\u20ac\"}]}]}",
              5);
    has_bytes("{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"\\ud83d\\ude00\"}]}]}",
              4);
    has_bytes("{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"\xc3\xa9\"}]}]}", 2);
    has_bytes("{\"system\":[{\"text\":\"four\"}],\"messages\":[]}", 4);
    has_bytes("{\"system\":null,\"inferenceConfig\":null,\"toolConfig\":null,\"messages\":[]}", 0);
    has_bytes(" {\n\"messages\" : [ { \"content\" : [ {\"text\":\"ab\"}, {\"text\":\"c\"} ] } ] } ",
              3);
    has_bytes("{\"m\\u0065ssages\":[{\"content\":[{\"\\u0074ext\":\"ab\"}]}]}", 2);
}

static void messages_tools_and_maximum_are_read(void **state)
{
    (void)state;
    struct parsed p = parse("{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]},"
                            "{\"role\":\"assistant\",\"content\":[{\"text\":\"yo\"}]}],"
                            "\"inferenceConfig\":{\"temperature\":0.5,\"maxTokens\":512,"
                            "\"stopSequences\":[\"x\"]},"
                            "\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"a\"}},{}]},"
                            "\"serviceTier\":{\"type\":\"flex\"}}");
    assert_int_equal(p.e, ERR_OK);
    assert_int_equal(p.call.messages, 2);
    assert_int_equal(p.call.tools, 2);
    assert_int_equal(p.call.max_output, 512);
    assert_int_equal(p.call.text_bytes,
                     4 + (int64_t)strlen("{\"tools\":[{\"toolSpec\":{\"name\":\"a\"}},{}]}"));
    assert_int_equal(p.facts.caller_tags.count, 0);
    assert_int_equal(p.facts.model.n, 0);

    p = parse("{\"messages\":[]}");
    assert_int_equal(p.call.max_output, -1);
}

static void images_and_paged_documents_count_by_number(void **state)
{
    (void)state;
    struct parsed p = parse(
        "{\"messages\":[{\"content\":["
        "{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"AAAAAAAAAAAAAAAAAAAA\"}}},"
        "{\"document\":{\"format\":\"pdf\",\"source\":{\"bytes\":\"BBBBBBBBBBBBBBBBBBBBBBBB\"}}},"
        "{\"toolResult\":{\"content\":[{\"image\":{}},{\"text\":\"abc\"}]}},"
        "{\"cachePoint\":{\"type\":\"default\"}}]}]}");
    assert_int_equal(p.e, ERR_OK);
    assert_int_equal(p.call.images, 2);
    assert_int_equal(p.call.documents, 1);
    assert_int_equal(p.call.text_bytes, 3);
}

static void text_documents_count_by_bytes_too(void **state)
{
    (void)state;
    /* 8 digits of base64 are 6 bytes, and at most 3 more. */
    has_bytes("{\"messages\":[{\"content\":[{\"document\":{\"format\":\"txt\","
              "\"source\":{\"bytes\":\"QUFBQUFB\"}}}]}]}",
              9);
    has_bytes("{\"messages\":[{\"content\":[{\"document\":{\"source\":{\"bytes\":\"QUFBQUFB\"},"
              "\"format\":\"pdf\"}}]}]}",
              0);
    struct parsed p = parse("{\"messages\":[{\"content\":[{\"document\":{\"format\":\"pdf\","
                            "\"source\":{\"text\":\"abcd\",\"content\":[{\"text\":\"ef\"}]}}}]}]}");
    assert_int_equal(p.e, ERR_OK);
    assert_int_equal(p.call.text_bytes, 6);
    assert_int_equal(p.call.documents, 1);
}

static void the_rest_counts_with_its_length_as_written(void **state)
{
    (void)state;
    has_bytes("{\"messages\":[{\"content\":[{\"toolUse\":{\"input\":{\"a\":1}}}]}]}",
              (int64_t)strlen("{\"input\":{\"a\":1}}"));
    has_bytes("{\"messages\":[{\"content\":[{\"toolResult\":{\"content\":[{\"json\":{\"b\": 22}}]}}"
              "]}]}",
              (int64_t)strlen("{\"b\": 22}"));
    has_bytes(
        "{\"messages\":[{\"content\":[{\"reasoningContent\":{\"reasoningText\":{\"text\":\"x\""
        "}}}]}]}",
        (int64_t)strlen("{\"reasoningText\":{\"text\":\"x\"}}"));
    has_bytes("{\"messages\":[],\"newThing\":{\"a\":[1,2]}}",
              (int64_t)(strlen("newThing") + strlen("{\"a\":[1,2]}")));
    has_bytes("{\"messages\":[],\"promptVariables\":{\"v\":{\"text\":\"t\"}}}",
              (int64_t)(strlen("promptVariables") + strlen("{\"v\":{\"text\":\"t\"}}")));
    has_bytes("{\"messages\":[{\"content\":[{\"newBlock\":\"abc\"}]}]}", 5);
    has_bytes("{\"messages\":[{\"content\":[{\"guardContent\":{\"text\":{\"text\":\"ab\"}}}]}]}",
              (int64_t)strlen("{\"text\":\"ab\"}"));
    has_bytes("{\"messages\":[],\"additionalModelRequestFields\":{\"top_k\": 5}}",
              (int64_t)strlen("{\"top_k\": 5}"));
    /* Twice the same text is twice the length, whichever of them counts upstream. */
    has_bytes("{\"messages\":[{\"content\":[{\"text\":\"a\",\"text\":\"bc\"}]}]}", 3);
}

static int64_t maximum_of(const char *body)
{
    struct parsed p = parse(body);

    assert_int_equal(p.e, ERR_OK);
    return p.call.max_output;
}

static void the_larger_maximum_bounds(void **state)
{
    (void)state;
    assert_int_equal(maximum_of("{\"messages\":[],\"inferenceConfig\":{\"maxTokens\":10},"
                                "\"additionalModelRequestFields\":{\"max_tokens\":20}}"),
                     20);
    assert_int_equal(maximum_of("{\"additionalModelRequestFields\":{\"max_tokens\":20},"
                                "\"inferenceConfig\":{\"maxTokens\":30},\"messages\":[]}"),
                     30);
    assert_int_equal(
        maximum_of("{\"additionalModelRequestFields\":{\"inferenceConfig\":{\"max_new_tokens\":7}},"
                   "\"messages\":[]}"),
        7);
    assert_int_equal(maximum_of("{\"additionalModelRequestFields\":{\"tool\":{\"max_tokens\":7}},"
                                "\"messages\":[]}"),
                     -1);
    assert_int_equal(maximum_of("{\"additionalModelRequestFields\":[1],\"messages\":[]}"), -1);
    assert_int_equal(maximum_of("{\"inferenceConfig\":{\"maxTokens\":9223372036854775807},"
                                "\"messages\":[]}"),
                     INT64_MAX);
}

static void metadata_is_decoded_in_order(void **state)
{
    (void)state;
    struct parsed p = parse("{\"requestMetadata\":{\"team\":\"a b\",\"app\\u006c\":\"x\\u00e9\","
                            "\"empty\":\"\"},\"messages\":[]}");
    assert_int_equal(p.e, ERR_OK);
    assert_int_equal(p.facts.caller_tags.count, 3);
    assert_true(str_is(tags_get(&p.facts.caller_tags, "team"), "a b"));
    assert_true(str_is(tags_get(&p.facts.caller_tags, "appl"), "x\xc3\xa9"));
    assert_int_equal(tags_get(&p.facts.caller_tags, "empty").n, 0);
    assert_int_equal(p.call.text_bytes, 0);
    arena_free(&p.call.arena);
}

static void wrong_metadata_is_refused(void **state)
{
    (void)state;
    static char body[8192];
    int n = snprintf(body, sizeof(body), "{\"messages\":[],\"requestMetadata\":{");
    for (int i = 0; i < 17; i++) {
        n += snprintf(body + n, sizeof(body) - (size_t)n, "%s\"k%d\":\"v\"", i > 0 ? "," : "", i);
    }
    snprintf(body + n, sizeof(body) - (size_t)n, "}}");
    is_refused(body, "requestMetadata: must have 1 to 16 entries");
    is_refused("{\"messages\":[],\"requestMetadata\":{}}",
               "requestMetadata: must have 1 to 16 entries");
    is_refused("{\"messages\":[],\"requestMetadata\":{\"a\":\"1\",\"\\u0061\":\"2\"}}",
               "requestMetadata: a key is given twice");
    is_refused("{\"messages\":[],\"requestMetadata\":{\"a\":1}}",
               "requestMetadata: must be a string, not a number");
    is_refused("{\"messages\":[],\"requestMetadata\":{\"\":\"v\"}}",
               "requestMetadata: a key is empty");
    is_refused("{\"messages\":[],\"requestMetadata\":{\"a\":\"\\u0000\"}}",
               "requestMetadata: a key or value is longer than 256 bytes or not text");
    n = snprintf(body, sizeof(body), "{\"messages\":[],\"requestMetadata\":{\"a\":\"");
    memset(body + n, 'x', 257);
    snprintf(body + n + 257, sizeof(body) - (size_t)n - 257, "\"}}");
    is_refused(body, "requestMetadata: a key or value is longer than 256 bytes or not text");
}

static void what_is_given_twice_is_refused(void **state)
{
    (void)state;
    is_refused("{\"messages\":[],\"messages\":[]}", "messages: given twice");
    is_refused("{\"messages\":[],\"m\\u0065ssages\":[]}", "messages: given twice");
    is_refused("{\"system\":[],\"system\":null,\"messages\":[]}", "system: given twice");
    is_refused("{\"inferenceConfig\":{},\"inferenceConfig\":{},\"messages\":[]}",
               "inferenceConfig: given twice");
    is_refused("{\"inferenceConfig\":{\"maxTokens\":1,\"maxTokens\":9},\"messages\":[]}",
               "inferenceConfig.maxTokens: given twice");
    is_refused("{\"toolConfig\":{},\"toolConfig\":{},\"messages\":[]}", "toolConfig: given twice");
    is_refused("{\"requestMetadata\":{\"a\":\"b\"},\"requestMetadata\":{\"a\":\"c\"},"
               "\"messages\":[]}",
               "requestMetadata: given twice");
    is_refused("{\"additionalModelRequestFields\":{},\"additionalModelRequestFields\":{}}",
               "additionalModelRequestFields: given twice");
}

static void mistakes_are_told_with_their_place(void **state)
{
    (void)state;
    is_refused("", "body: empty");
    is_refused("[]", "body: must be an object, not an array");
    is_refused("{}", "messages: missing");
    is_refused("{\"messages\":null}", "messages: must be an array, not null");
    is_refused("{\"messages\":{}}", "messages: must be an array, not an object");
    is_refused("{\"messages\":[1]}", "messages[0]: must be an object, not a number");
    is_refused("{\"messages\":[{},{\"content\":\"hi\"}]}",
               "messages[1].content: must be an array, not a string");
    is_refused("{\"messages\":[{\"content\":[{\"text\":\"a\"},{\"text\":5}]}]}",
               "messages[0].content[1].text: must be a string, not a number");
    is_refused("{\"system\":\"x\",\"messages\":[]}", "system: must be an array, not a string");
    is_refused("{\"toolConfig\":{\"tools\":1},\"messages\":[]}",
               "toolConfig.tools: must be an array, not a number");
    is_refused("{\"inferenceConfig\":{\"maxTokens\":0},\"messages\":[]}",
               "inferenceConfig.maxTokens: must be a whole number above 0");
    is_refused("{\"inferenceConfig\":{\"maxTokens\":-5},\"messages\":[]}",
               "inferenceConfig.maxTokens: must be a whole number above 0");
    is_refused("{\"inferenceConfig\":{\"maxTokens\":1e3},\"messages\":[]}",
               "inferenceConfig.maxTokens: must be a whole number above 0");
    is_refused("{\"inferenceConfig\":{\"maxTokens\":9223372036854775808},\"messages\":[]}",
               "inferenceConfig.maxTokens: must be a whole number above 0");
    is_refused("{\"inferenceConfig\":{\"maxTokens\":\"5\"},\"messages\":[]}",
               "inferenceConfig.maxTokens: must be a number, not a string");
    is_refused("{\"additionalModelRequestFields\":{\"max_tokens\":0.5},\"messages\":[]}",
               "additionalModelRequestFields.max_tokens: must be a whole number above 0");
    is_refused("{\"messages\":[}", "body: malformed JSON at byte 13");
    is_refused("{\"messages\":[]} x", "body: malformed JSON at byte 16");
    is_refused("{\"messages\":[],\"inferenceConfig\":{\"maxTokens\":}}",
               "body: malformed JSON at byte 46");
    is_refused("{\"messages\":[],}", "body: malformed JSON at byte 15");
}

static void every_cut_of_a_body_is_refused(void **state)
{
    (void)state;
    static const char body[] =
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"h\\u00e9\"},{\"image\":{}},"
        "{\"document\":{\"format\":\"txt\",\"source\":{\"text\":\"t\"}}},{\"toolResult\":{"
        "\"content\":[{\"json\":{}}]}}]}],\"toolConfig\":{\"tools\":[{}]},\"requestMetadata\":{"
        "\"a\":\"b\"},\"inferenceConfig\":{\"maxTokens\":12},\"additionalModelRequestFields\":{"
        "\"max_tokens\":1}}";
    for (size_t n = 0; n < sizeof(body) - 1; n++) {
        struct parsed p = parse_at("/model/m/converse", (struct str){body, n});
        assert_int_equal(p.e, ERR_PARSE);
        assert_true(p.ei.text[0] != '\0');
        arena_free(&p.call.arena);
    }
    struct parsed p = parse_at("/model/m/converse", (struct str){body, sizeof(body) - 1});
    assert_int_equal(p.e, ERR_OK);
    arena_free(&p.call.arena);
}

static void deep_nesting_ends_in_an_error(void **state)
{
    (void)state;
    static char body[200000];
    size_t n = (size_t)snprintf(body, sizeof(body), "{\"messages\":[{\"content\":[");
    while (n + 64 < sizeof(body)) {
        n += (size_t)snprintf(body + n, sizeof(body) - n, "{\"toolResult\":{\"content\":[");
    }
    struct parsed p = parse_at("/model/m/converse", (struct str){body, n});
    assert_int_equal(p.e, ERR_PARSE);
}

static void compressed_bodies_are_refused(void **state)
{
    (void)state;
    struct dialect_route r;
    struct call call = {0};
    struct dialect_facts facts;
    struct err_info ei = {0};
    struct http_header gzip = {STR("Content-Encoding"), STR("gzip")};
    struct http_header identity = {STR("content-encoding"), STR("identity")};

    assert_int_equal(dialect_route(&r, STR("POST"), STR("/model/m/converse"), NULL), ERR_OK);
    assert_int_equal(dialect_parse(&r, STR("{\"messages\":[]}"), &gzip, 1, &call, &facts, &ei),
                     ERR_PARSE);
    assert_string_equal(ei.text, "content-encoding: a compressed body is not accepted");
    assert_int_equal(dialect_parse(&r, STR("{\"messages\":[]}"), &identity, 1, &call, &facts, NULL),
                     ERR_OK);
}

static void count_tokens_needs_an_input(void **state)
{
    (void)state;
    static const char path[] = "/model/m/count-tokens";
    struct parsed p = parse_at(path, STR("{\"input\":{\"converse\":{\"messages\":[]}}}"));
    assert_int_equal(p.e, ERR_OK);
    assert_int_equal(p.call.text_bytes, 0);
    assert_int_equal(p.call.max_output, 0);
    p = parse_at(path, STR("{\"messages\":[]}"));
    assert_int_equal(p.e, ERR_PARSE);
    assert_string_equal(p.ei.text, "input: missing");
    p = parse_at(path, STR("{\"input\":"));
    assert_int_equal(p.e, ERR_PARSE);
    p = parse_at(path, STR("5"));
    assert_int_equal(p.e, ERR_PARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_count_with_their_decoded_length),
        cmocka_unit_test(messages_tools_and_maximum_are_read),
        cmocka_unit_test(images_and_paged_documents_count_by_number),
        cmocka_unit_test(text_documents_count_by_bytes_too),
        cmocka_unit_test(the_rest_counts_with_its_length_as_written),
        cmocka_unit_test(the_larger_maximum_bounds),
        cmocka_unit_test(metadata_is_decoded_in_order),
        cmocka_unit_test(wrong_metadata_is_refused),
        cmocka_unit_test(what_is_given_twice_is_refused),
        cmocka_unit_test(mistakes_are_told_with_their_place),
        cmocka_unit_test(every_cut_of_a_body_is_refused),
        cmocka_unit_test(deep_nesting_ends_in_an_error),
        cmocka_unit_test(compressed_bodies_are_refused),
        cmocka_unit_test(count_tokens_needs_an_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
