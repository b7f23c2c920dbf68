/* test_anthropic.c: Anthropic Messages and its count_tokens: foreseen, put to mantle, metered. */
#include "tests/unit/dialect/metered.h"
#include "tests/unit/dialect/sent.h"

#define MESSAGES "/anthropic/v1/messages"
#define COUNT    "/anthropic/v1/messages/count_tokens"

static const struct http_header plain_json = {STR("content-type"), STR("application/json")};
static const struct http_header events = {STR("content-type"), STR("text/event-stream")};

static void messages_are_foreseen(void **state)
{
    (void)state;
    struct sent s = {0};
    sent_parse(
        &s, MESSAGES,
        "{\"model\":\"claude\",\"max_tokens\":100,\"stream\":true,\"system\":[{\"type\":"
        "\"text\",\"text\":\"four\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\""
        "}}],\"messages\":[{\"role\":\"user\",\"content\":\"hello\"},{\"role\":\"user\","
        "\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
        "\"image/png\",\"data\":\"AAAA\"}},{\"type\":\"document\",\"source\":{\"type\":"
        "\"url\",\"url\":\"x\"}}]}],\"tools\":[{\"a\":1}],\"metadata\":{\"user_id\":\"u\"}}");
    assert_string_equal(s.ei.text, "");
    assert_true(str_is(s.facts.model, "claude"));
    assert_true(s.call.stream);
    assert_int_equal(s.call.max_output, 100);
    assert_int_equal(s.call.messages, 2);
    assert_int_equal(s.call.images, 1);
    assert_int_equal(s.call.documents, 1);
    assert_int_equal(s.call.tools, 1);
    assert_int_equal(s.call.text_bytes, 4 + 5 + 9 + 6); /* "url":"x" as written */
    assert_int_equal(s.facts.caller_tags.count, 0);
    sent_free(&s);

    sent_parse(&s, COUNT, "{\"model\":\"claude\",\"messages\":[]}");
    assert_int_equal(s.parsed, ERR_OK);
    assert_int_equal(s.call.max_output, 0);
    assert_false(s.call.stream);
    sent_free(&s);
}

static void wrong_bodies_are_told(void **state)
{
    (void)state;
    sent_refused(MESSAGES, "{\"messages\":[]}", "model: missing");
    sent_refused(COUNT, "{\"messages\":[]}", "model: missing");
    sent_refused(MESSAGES, "{\"model\":\"m\"}", "messages: missing");
    sent_refused(MESSAGES, "{\"model\":5,\"messages\":[]}",
                 "model: must be a string, not a number");
    sent_refused(MESSAGES, "{\"model\":\"m\",\"messages\":[],\"max_tokens\":-1}",
                 "max_tokens: must be a whole number above 0");
    sent_refused(MESSAGES, "{\"model\":\"m\",\"messages\":[],\"system\":\"a\",\"system\":\"b\"}",
                 "system: given twice");
    sent_refused(MESSAGES, "{\"model\":\"m\",\"messages\":[]", "body: malformed JSON at byte 26");
    sent_refused(MESSAGES, "", "body: empty");
}

static void messages_go_to_mantle(void **state)
{
    (void)state;
    struct http_header h[] = {{STR("Anthropic-Version"), STR("2026-10-21")},
                              {STR("anthropic-beta"), STR("x,y")},
                              {STR("x-api-key"), STR("secret")}};
    struct sent s = {.o = {.upstream_id = "anthropic.claude-sonnet-4-6",
                           .project = "proj_9",
                           .headers = h,
                           .header_count = 3}};
    sent_put(&s, MESSAGES "?beta=true", "{\"model\":\"claude\",\"messages\":[]}");
    assert_true(s.up.via_mantle);
    sent_goes_to(&s, MESSAGES "?beta=true");
    sent_is(&s, "{\"model\":\"anthropic.claude-sonnet-4-6\",\"messages\":[]}");
    assert_string_equal(buf_cstr(&s.up.headers),
                        "anthropic-version: 2026-10-21\r\nanthropic-beta: x,y\r\n"
                        "anthropic-workspace-id: proj_9\r\n");
    sent_free(&s);

    struct sent c = {.o = {.clamp_output = 5}};
    sent_put(&c, COUNT, "{\"model\":\"up:0\",\"messages\":[]}");
    sent_goes_to(&c, COUNT);
    assert_true(c.up.via_mantle);
    assert_false(c.up.body_changed);
    assert_string_equal(buf_cstr(&c.up.headers), "anthropic-version: 2023-06-01\r\n");
    sent_free(&c);

    struct sent b = {.o = {.clamp_output = 5}};
    sent_put(&b, MESSAGES, "{\"model\":\"up:0\",\"max_tokens\":6,\"messages\":[]}");
    sent_is(&b, "{\"model\":\"up:0\",\"max_tokens\":5,\"messages\":[]}");
    sent_free(&b);
}

static void bodies_tell_usage(void **state)
{
    (void)state;
    struct answer a = {MESSAGES, NULL, 200, false, &plain_json, 1};
    for (size_t k = 0; k < PIECES; k++) {
        struct metered m = metered_run(
            &a,
            STR("{\"type\":\"message\",\"content\":[],\"usage\":{\"input_tokens\":12,\"cache_"
                "creation_input_tokens\":256,\"cache_read_input_tokens\":1024,\"cache_creation\":"
                "{\"ephemeral_5m_input_tokens\":200,\"ephemeral_1h_input_tokens\":56},\"output_"
                "tokens\":7,\"server_tool_use\":null}}"),
            pieces[k], false);
        metered_uses(&m, (struct usage){12, 7, 1024, 200, 56});
    }
    struct answer c = {COUNT, NULL, 200, false, &plain_json, 1};
    struct metered m = metered_run(&c, STR("{\"input_tokens\":12}"), 7, false);
    metered_uses(&m, (struct usage){0, 0, 0, 0, 0});
}

#define START                                                                                      \
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\","       \
    "\"role\":\"assistant\",\"content\":[],\"usage\":{\"input_tokens\":12,\"cache_creation\":{"    \
    "\"ephemeral_5m_input_tokens\":3,\"ephemeral_1h_input_tokens\":4},\"cache_creation_input_"     \
    "tokens\":7,\"output_tokens\":1}}}\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n"
#define TEXT                                                                                       \
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_"   \
    "block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":"   \
    "\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}"  \
    "\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
#define DELTA(n)                                                                                   \
    "event: message_delta\ndata: "                                                                 \
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn"                            \
    "\"},\"usage\":{\"output_tokens\":" n "}}\n\n"
#define STOP "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"

static struct metered stream(const char *text, size_t piece)
{
    struct answer a = {MESSAGES, NULL, 200, false, &events, 1};
    return metered_run(&a, str_of(text), piece, false);
}

static void streams_are_metered(void **state)
{
    (void)state;
    for (size_t k = 0; k < PIECES; k++) {
        struct metered m = stream(START TEXT DELTA("5") DELTA("9") STOP, pieces[k]);
        metered_uses(&m, (struct usage){12, 9, 0, 3, 4});
        assert_int_equal(m.s.output_bytes, 5);
        assert_int_equal(m.s.output_events, 1);
        assert_false(m.s.exception);

        m = stream(START, pieces[k]);
        assert_true(m.s.input_known && !m.s.usage_known && !m.s.first_content);
        assert_int_equal(m.s.usage.input, 12);

        m = stream(START TEXT DELTA("9"), pieces[k]);
        assert_true(m.s.first_content && !m.s.usage_known);
        assert_int_equal(m.s.usage.output, 9);

        m = stream(START "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                         "\"overloaded_error\",\"message\":\"x\"}}\n\n",
                   pieces[k]);
        assert_true(m.s.exception);
        assert_string_equal(m.s.exception_name, "overloaded_error");
    }
}

static void a_long_text_ends_nothing(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_add(&b,
            START "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\""
                  ":{\"type\":\"text_delta\",\"text\":\"");
    for (int i = 0; i < 20000; i++) {
        buf_add(&b, "0123456789");
    }
    buf_add(&b, "\"}}\n\n");
    size_t before = b.len;
    buf_add(&b, DELTA("50000") STOP);
    struct metered m = stream(buf_cstr(&b), 5000);
    metered_uses(&m, (struct usage){12, 50000, 0, 3, 4});
    assert_true(m.s.output_bytes >= 200000);
    buf_bytes(&b)[before] = '\0';
    m = stream(buf_bytes(&b), 5000);
    assert_false(m.s.usage_known);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_foreseen), cmocka_unit_test(wrong_bodies_are_told),
        cmocka_unit_test(messages_go_to_mantle), cmocka_unit_test(bodies_tell_usage),
        cmocka_unit_test(streams_are_metered),   cmocka_unit_test(a_long_text_ends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
