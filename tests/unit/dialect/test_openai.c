/* test_openai.c: Chat Completions and Responses: foreseen, put to AWS, metered. */
#include "tests/unit/dialect/metered.h"
#include "tests/unit/dialect/sent.h"

#include <stdio.h>

#define CHAT      "/v1/chat/completions"
#define RESPONSES "/v1/responses"

static const struct http_header plain_json = {STR("content-type"), STR("application/json")};
static const struct http_header events = {STR("Content-Type"),
                                          STR("text/event-stream; charset=utf-8")};

static void is_foreseen(const char *path, const char *body, int64_t text, int64_t maximum,
                        int64_t messages, int64_t images)
{
    struct sent s = {0};

    sent_parse(&s, path, body);
    assert_string_equal(s.ei.text, "");
    assert_int_equal(s.call.text_bytes, text);
    assert_int_equal(s.call.max_output, maximum);
    assert_int_equal(s.call.messages, messages);
    assert_int_equal(s.call.images, images);
    sent_free(&s);
}

static void chats_are_foreseen(void **state)
{
    (void)state;
    is_foreseen(CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}",
                5, -1, 1, 0);
    is_foreseen(CHAT,
                "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":[{\"type\":\"text"
                "\",\"text\":\"ab\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:\"}}]},"
                "{\"role\":\"user\",\"content\":null}],\"max_tokens\":10,\"max_completion_tokens\""
                ":20,\"n\":3}",
                2, 60, 2, 1);
    is_foreseen(CHAT, "{\"model\":\"m\",\"messages\":[],\"max_tokens\":5,\"n\":null}", 0, 5, 0, 0);
    is_foreseen(CHAT,
                "{\"model\":\"m\",\"messages\":[],\"max_tokens\":9223372036854775807,\"n\":2}", 0,
                INT64_MAX, 0, 0);
    is_foreseen(CHAT,
                "{\"model\":\"m\",\"messages\":[],\"response_format\":{\"type\":\"x\"},\"stop\":\""
                "not input\"}",
                15 + 12, -1, 0, 0);
    is_foreseen(CHAT,
                "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\""
                ",\"file\":{\"file_data\":\"data:application/pdf;base64,AAAA\"}}]}]}",
                0, -1, 1, 0);
    struct sent s = {0};
    sent_parse(&s, CHAT,
               "{\"model\":\"openai.gpt\\u002doss\",\"messages\":[],\"stream\":true,\"tools\":[{"
               "\"type\":\"function\"},{}],\"metadata\":{\"team\":\"x\"}}");
    assert_int_equal(s.parsed, ERR_OK);
    assert_true(str_is(s.facts.model, "openai.gpt-oss"));
    assert_true(s.call.stream);
    assert_int_equal(s.call.tools, 2);
    assert_int_equal(s.call.text_bytes, strlen("[{\"type\":\"function\"},{}]"));
    assert_true(str_is(tags_get(&s.facts.caller_tags, "team"), "x"));
    sent_free(&s);
}

static void responses_are_foreseen(void **state)
{
    (void)state;
    is_foreseen(RESPONSES, "{\"model\":\"m\",\"input\":\"hello\",\"instructions\":\"ab\"}", 7, -1,
                1, 0);
    is_foreseen(RESPONSES,
                "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text"
                "\",\"text\":\"hi\"},{\"type\":\"input_image\",\"image_url\":\"data:image\"}]},"
                "{\"role\":\"assistant\",\"content\":\"yo\"}],\"max_output_tokens\":77,\"store\":"
                "false,\"background\":null,\"previous_response_id\":null}",
                4, 77, 2, 1);
    is_foreseen(RESPONSES,
                "{\"model\":\"m\",\"input\":[{\"type\":\"function_call_output\",\"output\":\"four\""
                "}]}",
                4 + 4 + 22, -1, 1, 0);
}

static void wrong_bodies_are_told(void **state)
{
    (void)state;
    sent_refused(CHAT, "{\"messages\":[]}", "model: missing");
    sent_refused(CHAT, "{\"model\":\"m\"}", "messages: missing");
    sent_refused(CHAT, "{\"model\":\"\",\"messages\":[]}",
                 "model: must be the name or ID of a model, 1 to 2048 bytes");
    sent_refused(CHAT, "{\"model\":\"m\",\"model\":\"n\",\"messages\":[]}", "model: given twice");
    sent_refused(CHAT, "{\"model\":\"m\",\"messages\":\"x\"}",
                 "messages: must be an array, not a string");
    sent_refused(CHAT, "{\"model\":\"m\",\"messages\":[],\"n\":0}",
                 "n: must be a whole number from 1 to 128");
    sent_refused(CHAT, "{\"model\":\"m\",\"messages\":[],\"n\":129}",
                 "n: must be a whole number from 1 to 128");
    sent_refused(CHAT, "{\"model\":\"m\",\"messages\":[],\"max_tokens\":1,\"max_tokens\":2}",
                 "max_tokens: given twice");
    sent_refused(CHAT, "{\"model\":\"m\",\"messages\":[],\"stream\":1}",
                 "stream: must be true or false, not a number");
    sent_refused(CHAT,
                 "{\"model\":\"m\",\"messages\":[],\"stream_options\":{\"include_usage\":true,"
                 "\"include_usage\":false}}",
                 "stream_options.include_usage: given twice");
    sent_refused(CHAT, "{\"model\":\"m\",\"messages\":[],\"metadata\":{\"a\":1}}",
                 "metadata: must be a string, not a number");
    static const char *const stateful[] = {"\"store\":true", "\"background\":true",
                                           "\"previous_response_id\":\"resp_1\"",
                                           "\"conversation\":\"conv_1\""};
    static const char *const names[] = {"store", "background", "previous_response_id",
                                        "conversation"};
    for (size_t i = 0; i < 4; i++) {
        char body[128], text[128];
        snprintf(body, sizeof(body), "{\"model\":\"m\",\"input\":\"x\",%s}", stateful[i]);
        snprintf(text, sizeof(text),
                 "%s: keeps state at AWS: the gateway's openai_stateful: allow would let it pass",
                 names[i]);
        sent_refused(RESPONSES, body, text);
    }
    sent_refused(
        CHAT, "{\"model\":\"m\",\"messages\":[],\"store\":true}",
        "store: keeps state at AWS: the gateway's openai_stateful: allow would let it pass");
}

static void state_passes_where_it_is_allowed(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"model\":\"m\",\"input\":\"x\",\"store\":true,\"background\":true,"
        "\"previous_response_id\":\"resp_1\",\"conversation\":{\"id\":\"conv_1\"}}",
        "{\"model\":\"m\",\"input\":\"x\",\"store\":null,\"background\":false}"};
    for (size_t i = 0; i < 2; i++) {
        struct dialect_route route;
        struct dialect_facts facts = {.model = {NULL, 0}};
        struct err_info ei = {0};
        struct call call;
        call_init(&call);
        call.stateful_allowed = true;
        assert_int_equal(dialect_route(&route, STR("POST"), STR("/v1/responses"), &ei), ERR_OK);
        enum err e = dialect_parse(&route, str_of(bodies[i]), NULL, 0, &call, &facts, &ei);
        assert_string_equal(ei.text, "");
        assert_int_equal(e, ERR_OK);
        call_clear(&call);
    }
}

static void models_and_paths_are_put_as_upstream_has_them(void **state)
{
    (void)state;
    struct sent s = {0};
    sent_put(&s, CHAT, "{ \"model\" : \"alias\", \"messages\":[{\"content\":\"\\u00e9\"}]}");
    sent_goes_to(&s, "/openai/v1/chat/completions");
    sent_is(&s, "{ \"model\" : \"up:0\", \"messages\":[{\"content\":\"\\u00e9\"}]}");
    assert_false(s.up.via_mantle || s.up.usage_added);
    assert_int_equal(s.up.headers.len, 0);
    sent_free(&s);

    s = (struct sent){.o = {.upstream_id = "m", .project = "proj_1"}};
    sent_put(&s, "/openai/v1/responses", "{\"model\":\"m\",\"input\":\"x\"}");
    sent_goes_to(&s, "/openai/v1/responses");
    assert_false(s.up.body_changed);
    assert_int_equal(s.up.headers.len, 0);
    sent_free(&s);

    s = (struct sent){.o = {.via_mantle = true, .project = "proj_1"}};
    sent_put(&s, RESPONSES, "{\"input\":\"x\",\"model\":\"m\"}");
    sent_goes_to(&s, "/v1/responses");
    sent_is(&s, "{\"input\":\"x\",\"model\":\"up:0\"}");
    assert_true(s.up.via_mantle);
    assert_string_equal(buf_cstr(&s.up.headers), "OpenAI-Project: proj_1\r\n");
    sent_free(&s);

    s = (struct sent){.o = {.via_mantle = true}};
    sent_put(&s, CHAT, "{\"model\":\"m\",\"messages\":[]}");
    sent_goes_to(&s, "/v1/chat/completions");
    assert_int_equal(s.up.headers.len, 0);
    sent_free(&s);
}

static void usage_is_asked_for(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"model\":\"up:0\",\"messages\":[],\"stream\":true}",
         "{\"stream_options\":{\"include_usage\":true},\"model\":\"up:0\",\"messages\":[],"
         "\"stream\":true}"},
        {"{\"model\":\"up:0\",\"messages\":[],\"stream\":true,\"stream_options\":null}",
         "{\"model\":\"up:0\",\"messages\":[],\"stream\":true,\"stream_options\":{\"include_usage\""
         ":true}}"},
        {"{\"model\":\"up:0\",\"messages\":[],\"stream\":true,\"stream_options\":{}}",
         "{\"model\":\"up:0\",\"messages\":[],\"stream\":true,\"stream_options\":{\"include_usage\""
         ":true}}"},
        {"{\"stream_options\":{\"x\":1},\"model\":\"up:0\",\"messages\":[],\"stream\":true}",
         "{\"stream_options\":{\"include_usage\":true,\"x\":1},\"model\":\"up:0\",\"messages\":[],"
         "\"stream\":true}"},
        {"{\"model\":\"m\",\"messages\":[],\"stream\":true,\"stream_options\":{\"include_usage\" : "
         "false }}",
         "{\"model\":\"up:0\",\"messages\":[],\"stream\":true,\"stream_options\":{\"include_usage\""
         " : true }}"},
        {"{\"model\":\"up:0\",\"messages\":[],\"stream\":true,\"stream_options\":{\"include_usage\""
         ":true}}",
         NULL},
        {"{\"model\":\"up:0\",\"messages\":[],\"stream\":false}", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sent s = {0};
        sent_put(&s, CHAT, cases[i][0]);
        assert_int_equal(s.up.usage_added, cases[i][1] != NULL);
        if (cases[i][1] != NULL) {
            sent_is(&s, cases[i][1]);
        } else {
            assert_false(s.up.body_changed);
        }
        sent_free(&s);
    }
}

static void bounds_are_set(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {CHAT, "{\"model\":\"up:0\",\"messages\":[]}",
         "{\"max_completion_tokens\":100,\"model\":\"up:0\",\"messages\":[]}"},
        {CHAT, "{\"model\":\"up:0\",\"messages\":[],\"max_tokens\":500,\"n\":2}",
         "{\"model\":\"up:0\",\"messages\":[],\"max_tokens\":50,\"n\":2}"},
        {CHAT,
         "{\"model\":\"m\",\"messages\":[],\"max_tokens\":null,\"max_completion_tokens\":200}",
         "{\"model\":\"up:0\",\"messages\":[],\"max_tokens\":null,\"max_completion_tokens\":100}"},
        {RESPONSES, "{\"model\":\"m\",\"input\":\"x\",\"max_output_tokens\":null}",
         "{\"model\":\"up:0\",\"input\":\"x\",\"max_output_tokens\":100}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sent s = {.o = {.clamp_output = 100}};
        sent_put(&s, cases[i][0], cases[i][1]);
        sent_is(&s, cases[i][2]);
        sent_free(&s);
    }
}

/* --- answers --- */

static void bodies_tell_usage(void **state)
{
    (void)state;
    struct answer chat = {CHAT, NULL, 200, true, &plain_json, 1};
    struct answer responses = {RESPONSES, NULL, 200, false, &plain_json, 1};
    for (size_t k = 0; k < PIECES; k++) {
        struct metered m = metered_run(
            &chat,
            STR("{\"id\":\"x\",\"choices\":[{\"message\":{\"content\":\"hi\"}}],\"usage\":{"
                "\"prompt_"
                "tokens\":30,\"completion_tokens\":8,\"total_tokens\":38,\"prompt_tokens_details\":"
                "{\"cached_tokens\":10,\"cache_write_tokens\":5},\"completion_tokens_details\":"
                "{\"reasoning_tokens\":3}}}"),
            pieces[k], false);
        metered_uses(&m, (struct usage){15, 8, 10, 5, 0});
        m = metered_run(
            &responses,
            STR("{\"object\":\"response\",\"output\":[],\"usage\":{\"input_tokens\":30,\"input_"
                "tokens_details\":{\"cached_tokens\":10},\"output_tokens\":8,\"output_tokens_"
                "details\":{\"reasoning_tokens\":3},\"total_tokens\":38}}"),
            pieces[k], false);
        metered_uses(&m, (struct usage){20, 8, 10, 0, 0});
    }
    struct metered m = metered_run(&chat, STR("{\"error\":{\"message\":\"x\"}}"), 7, false);
    assert_false(m.s.usage_known);
    /* More cached than there was: never below none. */
    m = metered_run(&chat,
                    STR("{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1,\"prompt_tokens_"
                        "details\":{\"cached_tokens\":9}}}"),
                    7, false);
    assert_int_equal(m.s.usage.input, 0);
}

#define CHUNK(delta)                                                                               \
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{"      \
    "\"index\":0,\"delta\":" delta ",\"finish_reason\":null}],\"usage\":null}\n\n"
#define USAGE                                                                                      \
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[],\"usage\":{\"prompt_" \
    "tokens\":9,\"completion_tokens\":4,\"total_tokens\":13}}\n\n"
#define START CHUNK("{\"role\":\"assistant\",\"content\":\"\"}")
#define WORDS CHUNK("{\"content\":\"Hel\"}") CHUNK("{\"content\":\"lo\"}")

static struct metered chat_stream(const char *text, bool added, size_t piece, bool pass)
{
    struct answer a = {CHAT, NULL, 200, added, &events, 1};
    return metered_run(&a, str_of(text), piece, pass);
}

static void streams_of_chats_are_metered(void **state)
{
    (void)state;
    for (size_t k = 0; k < PIECES; k++) {
        struct metered m =
            chat_stream(START WORDS USAGE "data: [DONE]\n\n", false, pieces[k], false);
        metered_uses(&m, (struct usage){9, 4, 0, 0, 0});
        assert_int_equal(m.s.output_bytes, 5);
        assert_int_equal(m.s.output_events, 2);
        m = chat_stream(START WORDS, false, pieces[k], false);
        assert_true(m.s.first_content && !m.s.usage_known);
        m = chat_stream(START, false, pieces[k], false);
        assert_false(m.s.first_content);
        m = chat_stream(WORDS "data: {\"error\":{\"message\":\"x\",\"type\":\"server_error\","
                              "\"code\":\"overloaded\"}}\n\n",
                        false, pieces[k], false);
        assert_true(m.s.exception);
        assert_string_equal(m.s.exception_name, "overloaded");
    }
}

static void cumulative_usage_ends_with_the_stream(void **state)
{
    (void)state;
    static const char before[] =
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":9,"
        "\"completion_tokens\":1}}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"b\"}}],"
        "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\n";
    char whole[512];
    snprintf(whole, sizeof(whole), "%sdata: [DONE]\n\n", before);
    struct metered m = chat_stream(before, true, 7, false);
    assert_true(!m.s.usage_known && m.s.input_known);
    m = chat_stream(whole, true, 7, true);
    metered_uses(&m, (struct usage){9, 2, 0, 0, 0});
    assert_string_equal(buf_cstr(&m.passed), whole);
    buf_free(&m.passed);
}

static void passes(const char *in, bool added, const char *expected)
{
    for (size_t piece = 1; piece <= strlen(in) + 1; piece += piece < 40 ? 1 : 97) {
        struct metered m = chat_stream(in, added, piece, true);
        assert_string_equal(buf_cstr(&m.passed), expected);
        buf_free(&m.passed);
    }
}

static void only_the_chunk_nobody_asked_for_is_taken_out(void **state)
{
    (void)state;
    passes(START WORDS USAGE "data: [DONE]\n\n", true, START WORDS "data: [DONE]\n\n");
    passes(START WORDS USAGE "data: [DONE]\n\n", false, START WORDS USAGE "data: [DONE]\n\n");
    passes(": ping\r\n\r\n" WORDS USAGE, true, ": ping\r\n\r\n" WORDS);
    /* With CRLF, and without the last empty line. */
    passes(
        "data: {\"choices\":[{\"x\":1}]}\r\n\r\ndata: {\"choices\":[ ],\"usage\":{\"prompt_tokens"
        "\":1,\"completion_tokens\":1}}\r\n\r\ndata: [DONE]\r\n\r\n",
        true, "data: {\"choices\":[{\"x\":1}]}\r\n\r\ndata: [DONE]\r\n\r\n");
    passes("data: a\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}}", true,
           "data: a\n\n");
    passes("data: a\n\ndata: cut", true, "data: a\n\ndata: cut");
    /* Filter results come with no choices and no usage too. */
    passes("data: {\"choices\":[],\"prompt_filter_results\":[],\"usage\":null}\n\n", true,
           "data: {\"choices\":[],\"prompt_filter_results\":[],\"usage\":null}\n\n");
}

static void a_long_event_is_not_held(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_add(&b, "data: {\"choices\":[{\"delta\":{\"content\":\"");
    for (int i = 0; i < 20000; i++) {
        buf_add(&b, "0123456789");
    }
    buf_add(&b, "\"}}]}\n\n" USAGE "data: [DONE]\n\n");
    struct metered m = chat_stream(buf_cstr(&b), true, 3000, true);
    metered_uses(&m, (struct usage){9, 4, 0, 0, 0});
    assert_int_equal(m.passed.len, b.len - strlen(USAGE));
    assert_memory_equal(buf_bytes(&m.passed), buf_bytes(&b), 200000);
    assert_true(m.s.output_bytes >= 200000);
    buf_free(&m.passed);
    buf_free(&b);
}

static void only_streams_are_rewritten(void **state)
{
    (void)state;
    struct dialect_route r;
    struct call call = {0};
    assert_int_equal(dialect_route(&r, STR("POST"), STR(CHAT), NULL), ERR_OK);
    for (int added = 0; added < 2; added++) {
        for (int stream = 0; stream < 2; stream++) {
            struct meter *m = meter_new(&r, &call);
            assert_false(meter_rewrites(m));
            meter_upstream(m, &(struct dialect_upstream){.usage_added = added});
            meter_head(m, 200, stream ? &events : &plain_json, 1);
            assert_int_equal(meter_rewrites(m), added && stream);
            int status = 0;
            assert_false(meter_answer_head(m, &status, NULL));
            meter_free(m);
        }
    }
}

static struct metered responses_stream(struct str text, size_t piece)
{
    struct answer a = {RESPONSES, NULL, 200, false, &events, 1};
    return metered_run(&a, text, piece, false);
}

static void streams_of_responses_are_metered(void **state)
{
    (void)state;
    struct buf b = {0};
    buf_add(&b,
            "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":"
            "\"r\",\"instructions\":\"long\",\"usage\":null}}\n\n"
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\","
            "\"item_id\":\"i\",\"delta\":\"Hello\",\"logprobs\":[],\"obfuscation\":\"xx\"}\n\n"
            "event: response.output_text.done\ndata: {\"type\":\"response.output_text.done\","
            "\"text\":\"Hello\"}\n\n");
    size_t before = b.len;
    for (int long_one = 0; long_one < 2; long_one++) {
        for (int failed = 0; failed < 2; failed++) {
            const char *type = failed ? "response.failed" : "response.completed";
            b.len = before;
            buf_printf(&b, "event: %s\ndata: {\"type\":\"%s\",\"response\":{\"output\":\"", type,
                       type);
            for (int i = 0; i < (long_one ? 20000 : 1); i++) {
                buf_add(&b, "Hello");
            }
            buf_add(&b,
                    "\",\"error\":{\"code\":\"server_error\"},\"usage\":{\"input_tokens\":30,"
                    "\"input_tokens_details\":{\"cached_tokens\":10},\"output_tokens\":8}}}\n\n");
            for (size_t k = 0; k < PIECES; k++) {
                struct metered m = responses_stream(buf_str(&b), pieces[k]);
                metered_uses(&m, (struct usage){20, 8, 10, 0, 0});
                assert_int_equal(m.s.output_bytes, 5);
                assert_int_equal(m.s.exception, failed);
                assert_string_equal(m.s.exception_name, failed ? "server_error" : "");
            }
        }
    }
    struct metered m = responses_stream(str_sub(buf_str(&b), 0, before), 7);
    assert_true(m.s.first_content && !m.s.usage_known);
    m = responses_stream(STR("event: error\ndata: {\"type\":\"error\",\"code\":\"x\"}\n\n"), 7);
    assert_true(m.s.exception);
    assert_string_equal(m.s.exception_name, "x");
    buf_free(&b);
}

static void models_are_listed(void **state)
{
    (void)state;
    static const char *const names[] = {"claude", "a\"b"};
    struct dialect_answer a;
    assert_int_equal(dialect_models(&a, names, 2, 1772135628123), ERR_OK);
    assert_int_equal(a.status, 200);
    assert_string_equal(buf_cstr(&a.headers), "content-type: application/json\r\n");
    assert_string_equal(
        buf_cstr(&a.body),
        "{\"object\":\"list\",\"data\":[{\"id\":\"claude\",\"object\":\"model\",\"created\":"
        "1772135628,\"owned_by\":\"bedrock\"},{\"id\":\"a\\\"b\",\"object\":\"model\",\"created\":"
        "1772135628,\"owned_by\":\"bedrock\"}]}");
    dialect_answer_free(&a);
    assert_int_equal(dialect_models(&a, NULL, 0, 0), ERR_OK);
    assert_string_equal(buf_cstr(&a.body), "{\"object\":\"list\",\"data\":[]}");
    dialect_answer_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chats_are_foreseen),
        cmocka_unit_test(responses_are_foreseen),
        cmocka_unit_test(wrong_bodies_are_told),
        cmocka_unit_test(state_passes_where_it_is_allowed),
        cmocka_unit_test(models_and_paths_are_put_as_upstream_has_them),
        cmocka_unit_test(usage_is_asked_for),
        cmocka_unit_test(bounds_are_set),
        cmocka_unit_test(bodies_tell_usage),
        cmocka_unit_test(streams_of_chats_are_metered),
        cmocka_unit_test(cumulative_usage_ends_with_the_stream),
        cmocka_unit_test(only_the_chunk_nobody_asked_for_is_taken_out),
        cmocka_unit_test(a_long_event_is_not_held),
        cmocka_unit_test(only_streams_are_rewritten),
        cmocka_unit_test(streams_of_responses_are_metered),
        cmocka_unit_test(models_are_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
