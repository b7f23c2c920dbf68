/* test_meter.c: usage is found in every answer, however it is cut, and nothing is held for it. */
#include "core/dialect/dialect.h"
#include "core/dialect/eventstream.h"
#include "tests/unit/dialect/vectors.h"
#include "tests/unit/test.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

struct metered {
    struct meter_state s;
    bool framed;
};

static struct meter *meter_for(const char *path, int status, const char *type)
{
    struct dialect_route r;
    struct call call = {0};
    struct http_header headers[] = {{STR("Date"), STR("x")}, {STR("Content-Type"), str_of(type)}};

    assert_int_equal(dialect_route(&r, STR("POST"), str_of(path), NULL), ERR_OK);
    struct meter *m = meter_new(&r, &call);
    assert_non_null(m);
    meter_head(m, status, headers, 2);
    return m;
}

/* Feeds in pieces that are each a block of their own, so that a sanitizer sees their ends. */
static struct metered feed(struct meter *m, struct str data, size_t piece)
{
    struct metered out = {.framed = true};

    for (size_t i = 0; i < data.n; i += piece) {
        size_t n = data.n - i < piece ? data.n - i : piece;
        char *copy = malloc(n);
        assert_non_null(copy);
        memcpy(copy, data.p + i, n);
        out.framed = meter_feed(m, copy, n) && out.framed;
        free(copy);
    }
    meter_state(m, &out.s);
    meter_free(m);
    return out;
}

static const size_t pieces[] = {1, 37, SIZE_MAX / 2};
#define PIECES (sizeof(pieces) / sizeof(pieces[0]))

static struct metered json(const char *body, size_t piece)
{
    return feed(meter_for("/model/m/converse", 200, "application/json"), str_of(body), piece);
}

static struct metered stream(struct str data, size_t piece)
{
    return feed(
        meter_for("/model/m/converse-stream", 200, "Application/vnd.amazon.eventstream; charset=x"),
        data, piece);
}

static void usage_of_a_body_is_found(void **state)
{
    (void)state;
    static const char body[] =
        "{\"output\":{\"message\":{\"content\":[{\"text\":\"a \\\"usage\\\": {\\\\\"}],"
        "\"usage\":{\"inputTokens\":99,\"outputTokens\":99}}},\"metrics\":{\"latencyMs\":1},"
        "\"usage\" : {\"inputTokens\":12,\"outputTokens\":7,\"totalTokens\":1299,"
        "\"cacheReadInputTokens\":1024,\"cacheWriteInputTokens\":256,\"cacheDetails\":"
        "[{\"ttl\":\"1h\",\"inputTokens\":56},{\"inputTokens\":200,\"ttl\":\"5m\"}]} , "
        "\"stopReason\":\"end_turn\"}";
    for (size_t i = 0; i < PIECES; i++) {
        struct metered m = json(body, pieces[i]);
        assert_true(m.framed);
        assert_true(m.s.usage_known);
        assert_int_equal(m.s.usage.input, 12);
        assert_int_equal(m.s.usage.output, 7);
        assert_int_equal(m.s.usage.cache_read, 1024);
        assert_int_equal(m.s.usage.cache_write_1h, 56);
        assert_int_equal(m.s.usage.cache_write_5m, 200);
        assert_true(m.s.first_content);
        assert_int_equal(m.s.output_bytes, 0);
    }
}

static void usage_is_known_only_when_it_is_said(void **state)
{
    (void)state;
    static const char *const without[] = {
        "",
        "{}",
        "[{\"usage\":{\"inputTokens\":1,\"outputTokens\":1}}]",
        "\"usage\"",
        "{\"message\":\"no\"}",
        "{\"usage\":null}",
        "{\"usage\":{}}",
        "{\"usage\":{\"inputTokens\":1}}",
        "{\"usage\":{\"inputTokens\":-1,\"outputTokens\":1}}",
        "{\"usage\":{\"inputTokens\":1.5,\"outputTokens\":1}}",
        "{\"usage\":{\"inputTokens\":99999999999999999999,\"outputTokens\":1}}",
        "{\"usage\":{\"inputTokens\":1,\"outputTokens\":1",
        "{\"usages\":{\"inputTokens\":1,\"outputTokens\":1}}",
        "{\"x\":\"usage\",\"y\":{\"inputTokens\":1,\"outputTokens\":1}}",
        "{\"x\":{\"usage\":{\"inputTokens\":1,\"outputTokens\":1}}}",
        "{\"x\":[\"usage\",{\"inputTokens\":1,\"outputTokens\":1}]}",
    };
    for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++) {
        for (size_t k = 0; k < PIECES; k++) {
            assert_false(json(without[i], pieces[k]).s.usage_known);
        }
    }
}

static void odd_but_valid_usage_is_read(void **state)
{
    (void)state;
    struct metered m = json("{\"us\\u0061ge\"\n:\n{\"outputTokens\":2,\"inputTokens\":1,"
                            "\"cacheReadInputTokens\":null,\"new\":{\"x\":[]}}}",
                            1);
    assert_true(m.s.usage_known);
    assert_int_equal(m.s.usage.input, 1);
    assert_int_equal(m.s.usage.output, 2);

    /* Zeros that are said are no missing usage. */
    m = json("{\"usage\":{\"inputTokens\":0,\"outputTokens\":0,\"totalTokens\":0}}", 3);
    assert_true(m.s.usage_known);
    assert_int_equal(m.s.usage.input + m.s.usage.output, 0);

    /* Cache writes without details are of the short kind; details beyond the sum are believed. */
    m = json("{\"usage\":{\"inputTokens\":1,\"outputTokens\":2,\"cacheWriteInputTokens\":9}}", 5);
    assert_int_equal(m.s.usage.cache_write_5m, 9);
    m = json("{\"usage\":{\"inputTokens\":1,\"outputTokens\":2,\"cacheWriteInputTokens\":9,"
             "\"cacheDetails\":[{\"ttl\":\"1h\",\"inputTokens\":11}]}}",
             5);
    assert_int_equal(m.s.usage.cache_write_5m, 0);
    assert_int_equal(m.s.usage.cache_write_1h, 11);

    /* The last of two counts. */
    m = json("{\"usage\":{\"inputTokens\":1,\"outputTokens\":2},\"usage\":{\"inputTokens\":3,"
             "\"outputTokens\":4}}",
             7);
    assert_int_equal(m.s.usage.input, 3);
}

static void a_large_body_is_not_kept(void **state)
{
    (void)state;
    struct meter *m = meter_for("/model/m/converse", 200, "application/json");
    static char text[65536];
    memset(text, 'x', sizeof(text));
    text[100] = '\\';
    assert_true(meter_feed(m, "{\"a\":\"", 6));
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < 400; i++) {
        assert_true(meter_feed(m, text, sizeof(text)));
    }
    assert_true(mallinfo2().uordblks <= before + 8192);
    assert_true(meter_feed(m, "\",\"usage\":{\"inputTokens\":5,\"outputTokens\":6}}", 46));
    struct meter_state s;
    meter_state(m, &s);
    assert_true(s.usage_known);
    assert_int_equal(s.usage.output, 6);
    meter_free(m);
}

static void a_usage_beyond_all_bounds_is_not_kept(void **state)
{
    (void)state;
    static char body[20000];
    int n = snprintf(body, sizeof(body), "{\"usage\":{\"inputTokens\":1,\"x\":\"");
    memset(body + n, 'y', 9000);
    snprintf(body + n + 9000, 100, "\",\"outputTokens\":2}}");
    assert_false(json(body, 100).s.usage_known);
    assert_false(json(body, SIZE_MAX / 2).s.usage_known);
}

static void refusals_of_bedrock_use_nothing(void **state)
{
    (void)state;
    struct metered m = feed(meter_for("/model/m/converse-stream", 429, "application/json"),
                            STR("{\"message\":\"Too many\"}"), 3);
    assert_true(m.framed);
    assert_false(m.s.usage_known);
    assert_false(m.s.first_content);
}

static void a_compressed_answer_is_said_to_be_unreadable(void **state)
{
    (void)state;
    struct http_header headers[] = {{STR("content-type"), STR("application/json")},
                                    {STR("content-encoding"), STR("gzip")}};
    struct dialect_route r;
    struct call call = {0};
    assert_int_equal(dialect_route(&r, STR("POST"), STR("/model/m/converse"), NULL), ERR_OK);
    struct meter *m = meter_new(&r, &call);
    meter_head(m, 200, headers, 2);
    struct metered out = feed(m, STR("\x1f\x8b..."), 2);
    assert_false(out.framed);
    assert_int_equal(out.s.output_bytes, 5);
}

static void a_free_call_uses_nothing(void **state)
{
    (void)state;
    struct metered m = feed(meter_for("/model/m/count-tokens", 200, "application/json"),
                            STR("{\"inputTokens\":5}"), 4);
    assert_true(m.s.usage_known);
    assert_int_equal(m.s.usage.input, 0);
    assert_int_equal(m.s.output_bytes, 0);
}

static void add_event(struct buf *b, const char *type, const char *payload)
{
    assert_int_equal(eventstream_write_event(b, type, str_of(payload)), ERR_OK);
}

static void content_counts_without_its_padding(void **state)
{
    (void)state;
    struct buf b = {0};
    add_event(&b, "messageStart", "{\"role\":\"assistant\"}");
    add_event(&b, "contentBlockDelta", "{\"delta\":{\"text\":\"h\\u00e9\"},\"p\":\"abcdef\"}");
    add_event(&b, "contentBlockDelta", "{\"delta\":{\"toolUse\":{\"input\":\"{\\\"a\\\"\"}}}");
    add_event(&b, "contentBlockDelta",
              "{\"p\":\"abc\",\"delta\":{\"reasoningContent\":{\"text\":\"think\"}}}");
    add_event(&b, "contentBlockStop", "{\"contentBlockIndex\":0}");
    for (size_t i = 0; i < PIECES; i++) {
        struct metered m = stream(buf_str(&b), pieces[i]);
        assert_true(m.framed);
        assert_true(m.s.first_content);
        assert_int_equal(m.s.output_events, 3);
        assert_int_equal(m.s.output_bytes, 3 + 4 + 5);
        assert_false(m.s.usage_known);
        assert_false(m.s.exception);
    }
    buf_free(&b);
}

static void a_large_metadata_event_still_tells_usage(void **state)
{
    (void)state;
    struct buf payload = {0}, b = {0};
    buf_add(&payload, "{\"trace\":{\"x\":\"");
    for (int i = 0; i < 200000; i++) {
        buf_add(&payload, "t");
    }
    buf_add(&payload, "\"},\"usage\":{\"inputTokens\":3,\"outputTokens\":4}}");
    assert_int_equal(eventstream_write_event(&b, "metadata", buf_str(&payload)), ERR_OK);
    for (size_t i = 0; i < PIECES; i++) {
        struct metered m = stream(buf_str(&b), pieces[i]);
        assert_true(m.s.usage_known);
        assert_int_equal(m.s.usage.input, 3);
        assert_int_equal(m.s.output_events, 0);
    }
    buf_free(&payload);
    buf_free(&b);
}

static void a_huge_content_event_counts_by_its_length(void **state)
{
    (void)state;
    struct buf payload = {0}, b = {0};
    buf_add(&payload, "{\"delta\":{\"text\":\"");
    for (int i = 0; i < 100000; i++) {
        buf_add(&payload, "t");
    }
    buf_add(&payload, "\"}}");
    assert_int_equal(eventstream_write_event(&b, "contentBlockDelta", buf_str(&payload)), ERR_OK);
    struct metered m = stream(buf_str(&b), 1000);
    assert_int_equal(m.s.output_bytes, payload.len);
    assert_int_equal(m.s.output_events, 1);
    m = stream(buf_str(&b), b.len);
    assert_int_equal(m.s.output_bytes, 100000);
    buf_free(&payload);
    buf_free(&b);
}

static void broken_content_counts_by_its_length(void **state)
{
    (void)state;
    struct buf b = {0};
    add_event(&b, "contentBlockDelta", "{\"delta\":{\"text\":\"abc\"");
    add_event(&b, "contentBlockDelta", "[]");
    struct metered m = stream(buf_str(&b), 11);
    assert_true(m.framed);
    assert_int_equal(m.s.output_bytes, 22 + 2);
    buf_free(&b);
}

static void after_broken_framing_bytes_count(void **state)
{
    (void)state;
    struct buf b = {0};
    add_event(&b, "contentBlockDelta", "{\"delta\":{\"text\":\"abc\"}}");
    size_t whole = b.len;
    add_event(&b, "metadata", "{\"usage\":{\"inputTokens\":3,\"outputTokens\":4}}");
    buf_bytes(&b)[b.len - 1] ^= 1;
    struct metered m = stream(buf_str(&b), 1);
    assert_false(m.framed);
    assert_false(m.s.usage_known);
    assert_int_equal(m.s.output_bytes, 3 + 1);
    buf_add(&b, "0123456789");
    m = stream(buf_str(&b), whole);
    assert_false(m.framed);
    assert_true(m.s.output_bytes >= 3 + 10);
    buf_free(&b);
}

static void whole_streams_are_metered(void **state)
{
    (void)state;
    struct buf ok = vector_read("bedrock-streams", "converse_ok.bin");
    struct buf throttled = vector_read("bedrock-streams", "converse_throttled_midstream.bin");
    struct buf error = vector_read("bedrock-streams", "converse_unmodeled_error.bin");
    struct buf truncated = vector_read("bedrock-streams", "converse_truncated.bin");
    struct buf bad_crc = vector_read("bedrock-streams", "converse_bad_crc.bin");

    for (size_t i = 0; i < PIECES; i++) {
        struct metered m = stream(buf_str(&ok), pieces[i]);
        assert_true(m.framed && m.s.usage_known && m.s.first_content && !m.s.exception);
        assert_int_equal(m.s.usage.input, 12);
        assert_int_equal(m.s.usage.output, 7);
        assert_int_equal(m.s.usage.cache_read, 1024);
        assert_int_equal(m.s.usage.cache_write_5m, 200);
        assert_int_equal(m.s.usage.cache_write_1h, 56);
        assert_int_equal(m.s.output_events, 2);
        assert_int_equal(m.s.output_bytes, strlen("Hello world"));

        m = stream(buf_str(&throttled), pieces[i]);
        assert_true(m.framed && m.s.exception && !m.s.usage_known);
        assert_string_equal(m.s.exception_name, "throttlingException");
        assert_int_equal(m.s.output_bytes, 3);

        m = stream(buf_str(&error), pieces[i]);
        assert_true(m.framed && m.s.exception);
        assert_string_equal(m.s.exception_name, "InternalFailure");

        m = stream(buf_str(&truncated), pieces[i]);
        assert_true(m.framed && !m.s.usage_known && !m.s.first_content);

        m = stream(buf_str(&bad_crc), pieces[i]);
        assert_false(m.framed);
    }
    buf_free(&ok);
    buf_free(&throttled);
    buf_free(&error);
    buf_free(&truncated);
    buf_free(&bad_crc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usage_of_a_body_is_found),
        cmocka_unit_test(usage_is_known_only_when_it_is_said),
        cmocka_unit_test(odd_but_valid_usage_is_read),
        cmocka_unit_test(a_large_body_is_not_kept),
        cmocka_unit_test(a_usage_beyond_all_bounds_is_not_kept),
        cmocka_unit_test(refusals_of_bedrock_use_nothing),
        cmocka_unit_test(a_compressed_answer_is_said_to_be_unreadable),
        cmocka_unit_test(a_free_call_uses_nothing),
        cmocka_unit_test(content_counts_without_its_padding),
        cmocka_unit_test(a_large_metadata_event_still_tells_usage),
        cmocka_unit_test(a_huge_content_event_counts_by_its_length),
        cmocka_unit_test(broken_content_counts_by_its_length),
        cmocka_unit_test(after_broken_framing_bytes_count),
        cmocka_unit_test(whole_streams_are_metered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
