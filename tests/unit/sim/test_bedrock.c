/* test_bedrock.c: what the simulated Bedrock runtime answers, and what it counts. */
#include "core/dialect/eventstream.h"
#include "tests/unit/sim/client.h"

static void converse(const struct sim *s, const char *path, const char *body,
                     struct client_answer *a)
{
    const struct client_request r = {
        .method = "POST", .path = path, .body = body, .service = "bedrock"};

    client_call(s, SERVICE_BEDROCK_RUNTIME, &r, a);
}

#define CONVERSE  "/model/" CLIENT_HAIKU "/converse"
#define STREAM    CONVERSE "-stream"
#define ASK(text) "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"" text "\"}]}]}"
#define ASK_MAX(text, max)                                                                         \
    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"" text                             \
    "\"}]}],\"inferenceConfig\":{\"maxTokens\":" #max "}}"

static void test_converse(void **state)
{
    struct client_answer a;

    converse(*state, CONVERSE, ASK_MAX("twelve bytes", 30), &a);
    assert_int_equal(a.status, 200);
    assert_true(a.whole);
    assert_int_equal(client_number(&a.body, "inputTokens"), 5 + 3 + 3);
    int64_t output = client_number(&a.body, "outputTokens");
    assert_in_range(output, 1, 30);
    assert_int_equal(client_number(&a.body, "totalTokens"), output + 11);
    assert_true(client_says(&a, "x-amzn-RequestId: "));
    assert_true(client_says(&a, "\"role\":\"assistant\""));
    assert_true(client_says(&a, output < 30 ? "end_turn" : "\"stopReason\":\""));
    client_free(&a);
    assert_int_equal(client_ledger_number(*state, "calls"), 1);
    client_await(*state, "completed", 1);
    assert_int_equal(client_ledger_number(*state, "input_tokens"), 11);
    assert_int_equal(client_ledger_number(*state, "delivered_output_tokens"), output);
}

static void test_output_is_bounded_and_directed(void **state)
{
    struct client_answer a;

    converse(*state, CONVERSE, ASK_MAX("[sim:output=50] hello", 20), &a);
    assert_int_equal(client_number(&a.body, "outputTokens"), 20);
    assert_true(client_says(&a, "\"stopReason\":\"max_tokens\""));
    client_free(&a);
    converse(*state, CONVERSE, ASK_MAX("hi [sim:output=50]", 500), &a);
    assert_int_equal(client_number(&a.body, "outputTokens"), 50);
    assert_true(client_says(&a, "\"stopReason\":\"end_turn\""));
    client_free(&a);
    assert_int_equal(client_config(*state, "{\"output_tokens\":7}"), 200);
    converse(*state, CONVERSE, ASK("hello"), &a);
    assert_int_equal(client_number(&a.body, "outputTokens"), 7);
    client_free(&a);
}

static void test_same_seed_same_answers(void **state)
{
    const struct client_request reset = {.method = "POST", .path = "/_sim/reset"};
    int64_t first[5];

    for (int i = 0; i < 10; i++) {
        struct client_answer a;
        if (i == 5) {
            client_call(*state, SERVICE_BEDROCK_RUNTIME, &reset, &a);
            assert_int_equal(a.status, 200);
            client_free(&a);
            assert_int_equal(client_ledger_number(*state, "calls"), 0);
        }
        converse(*state, CONVERSE, ASK_MAX("hello", 4000), &a);
        int64_t output = client_number(&a.body, "outputTokens");
        client_free(&a);
        if (i < 5) {
            first[i] = output;
        } else {
            assert_int_equal(output, first[i - 5]);
        }
    }
}

/* Walks the frames; returns generated words. */
static int64_t count_words(struct str text)
{
    int64_t words = text.n > 0 ? 1 : 0;

    for (size_t i = 1; i < text.n; i++) {
        words += text.p[i] == ' ';
    }
    return words;
}

struct frames {
    int64_t words, events, told_output;
    char last[40];
    bool corrupt;
};

static void add_delta(struct frames *f, struct str payload, struct buf *text)
{
    static const char opening[] = "\"delta\":{\"text\":\"";
    const char *at = memmem(payload.p, payload.n, opening, sizeof opening - 1);

    assert_non_null(at);
    at += sizeof opening - 1;
    const char *end = memchr(at, '"', (size_t)(payload.p + payload.n - at));
    assert_non_null(end);
    buf_append(text, at, (size_t)(end - at));
    f->words = count_words(buf_str(text));
}

static void read_frames(struct frames *f, const struct buf *body)
{
    const char *at = buf_bytes(body);
    size_t left = body->len, need;
    struct eventstream_message m;
    struct buf text = {0};
    enum err e;

    memset(f, 0, sizeof *f);
    f->told_output = -1;
    while ((e = eventstream_next(at, left, &m, &need)) == ERR_OK) {
        struct str type = eventstream_find(&m, ":event-type");
        if (type.n == 0) {
            type = eventstream_find(&m, ":exception-type");
        }
        str_copy(f->last, sizeof f->last, type);
        if (str_is(type, "contentBlockDelta")) {
            add_delta(f, m.payload, &text);
        } else if (str_is(type, "metadata")) {
            struct buf json = {0};
            buf_add_str(&json, m.payload);
            f->told_output = client_number(&json, "outputTokens");
            buf_free(&json);
        }
        f->events++;
        at += m.length;
        left -= m.length;
    }
    f->corrupt = e == ERR_CORRUPT;
    buf_free(&text);
}

static void test_stream(void **state)
{
    struct client_answer a;
    struct frames f;

    converse(*state, STREAM, ASK_MAX("[sim:output=90] tell me", 200), &a);
    assert_int_equal(a.status, 200);
    assert_true(a.whole);
    assert_true(client_says(&a, "application/vnd.amazon.eventstream"));
    read_frames(&f, &a.body);
    assert_false(f.corrupt);
    assert_string_equal(f.last, "metadata");
    assert_int_equal(f.told_output, 90);
    assert_int_equal(f.words, 90);
    assert_in_range(f.events, 4 + 23, 4 + 90);
    client_free(&a);
    client_await(*state, "completed", 1);
    assert_int_equal(client_ledger_number(*state, "output_tokens"), 90);
    assert_int_equal(client_ledger_number(*state, "delivered_output_tokens"), 90);
}

static void test_stream_with_delays(void **state)
{
    struct client_answer a;
    struct frames f;

    converse(*state, STREAM, ASK("[sim:output=20][sim:delay_us=1500][sim:latency_ms=5] go"), &a);
    assert_true(a.whole);
    read_frames(&f, &a.body);
    assert_int_equal(f.words, 20);
    client_free(&a);
}

static void test_client_that_leaves(void **state)
{
    const char *url = sim_endpoint(*state, SERVICE_BEDROCK_RUNTIME);
    const struct client_request r = {.method = "POST",
                                     .path = STREAM,
                                     .body = ASK("[sim:output=5000][sim:delay_us=2000] long"),
                                     .service = "bedrock"};
    struct buf in = {0};
    int fd = client_connect(url);

    client_send(fd, *state, url, &r);
    while (in.len < 2000) {
        assert_true(client_read(fd, &in));
    }
    assert_int_equal(client_ledger_number(*state, "running"), 1);
    close(fd);
    buf_free(&in);
    client_await(*state, "aborted", 1);
    assert_int_equal(client_ledger_number(*state, "running"), 0);
    assert_int_equal(client_ledger_number(*state, "completed"), 0);
    assert_int_equal(client_ledger_number(*state, "output_tokens"), 0);
    assert_in_range(client_ledger_number(*state, "delivered_output_tokens"), 1, 4000);
}

static void test_refusing_faults(void **state)
{
    static const struct {
        const char *body, *type;
        int status;
    } cases[] = {
        {ASK("[sim:fault=throttle]"), "x-amzn-ErrorType: ThrottlingException", 429},
        {ASK("[sim:fault=500]"), "x-amzn-ErrorType: InternalServerException", 500},
        {ASK("[sim:fault=503]"), "x-amzn-ErrorType: ServiceUnavailableException", 503},
        {ASK("[sim:fault=exception]"), "x-amzn-ErrorType: ModelErrorException", 424},
    };

    for (size_t i = 0; i < 4; i++) {
        struct client_answer a;
        converse(*state, CONVERSE, cases[i].body, &a);
        assert_int_equal(a.status, cases[i].status);
        assert_true(client_says(&a, cases[i].type));
        client_free(&a);
    }
    assert_int_equal(client_ledger_number(*state, "refused"), 4);
    assert_int_equal(client_ledger_number(*state, "calls"), 4);
    assert_int_equal(client_ledger_number(*state, "completed"), 0);
}

static void test_stream_faults(void **state)
{
    struct client_answer a;
    struct frames f;

    converse(*state, STREAM, ASK("[sim:fault=exception][sim:output=40]"), &a);
    assert_true(a.whole);
    read_frames(&f, &a.body);
    assert_string_equal(f.last, "throttlingException");
    assert_int_equal(f.told_output, -1);
    assert_in_range(f.words, 20, 24);
    client_free(&a);
    client_await(*state, "aborted", 1);
    assert_int_equal(client_ledger_number(*state, "delivered_output_tokens"), f.words);

    converse(*state, STREAM, ASK("[sim:fault=cut][sim:output=40]"), &a);
    assert_int_equal(a.status, 200);
    assert_false(a.whole);
    read_frames(&f, &a.body);
    assert_string_equal(f.last, "contentBlockDelta");
    client_free(&a);

    converse(*state, STREAM, ASK("[sim:fault=badcrc][sim:output=40]"), &a);
    assert_true(a.whole);
    read_frames(&f, &a.body);
    assert_true(f.corrupt);
    client_free(&a);
    client_await(*state, "aborted", 2);

    converse(*state, CONVERSE, ASK("[sim:fault=cut]"), &a);
    assert_int_equal(a.status, 200);
    assert_false(a.whole);
    client_free(&a);

    converse(*state, CONVERSE, ASK("[sim:fault=slow_head][sim:output=9]"), &a);
    assert_true(a.whole);
    assert_int_equal(client_number(&a.body, "outputTokens"), 9);
    client_free(&a);
}

static void test_stall(void **state)
{
    const char *url = sim_endpoint(*state, SERVICE_BEDROCK_RUNTIME);
    const char *paths[] = {CONVERSE, STREAM};

    for (int i = 0; i < 2; i++) {
        const struct client_request r = {.method = "POST",
                                         .path = paths[i],
                                         .body = ASK("[sim:fault=stall]"),
                                         .service = "bedrock"};
        struct buf in = {0};
        int fd = client_connect(url);
        client_send(fd, *state, url, &r);
        while (http1_head_length(buf_bytes(&in), in.len, 0) == 0) {
            assert_true(client_read(fd, &in));
        }
        assert_int_equal(http1_head_length(buf_bytes(&in), in.len, 0), in.len);
        assert_int_equal(client_ledger_number(*state, "running"), 1);
        close(fd);
        buf_free(&in);
        client_await(*state, "aborted", i + 1);
    }
    assert_int_equal(client_ledger_number(*state, "delivered_output_tokens"), 0);
}

static void test_each_second_call_fails(void **state)
{
    int failed = 0;

    assert_int_equal(client_config(*state, "{\"fault\":\"throttle\",\"fault_every\":2}"), 200);
    for (int i = 0; i < 6; i++) {
        struct client_answer a;
        converse(*state, CONVERSE, ASK("hello"), &a);
        failed += a.status == 429;
        client_free(&a);
    }
    assert_int_equal(failed, 3);
}

static void test_prompt_cache(void **state)
{
    static const char body[] =
        "{\"system\":[{\"text\":\"0123456789012345678901234567890123456789\"},"
        "{\"cachePoint\":{\"type\":\"default\",\"ttl\":\"1h\"}}],"
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"question\"}]}]}";
    struct client_answer a;

    converse(*state, CONVERSE, body, &a);
    assert_int_equal(client_number(&a.body, "cacheWriteInputTokens"), 15);
    assert_int_equal(client_number(&a.body, "cacheReadInputTokens"), 0);
    assert_true(client_says(&a, "\"cacheDetails\":[{\"inputTokens\":15,\"ttl\":\"1h\"}]"));
    assert_true(client_says(&a, "\"usage\":{\"inputTokens\":5,"));
    client_free(&a);
    converse(*state, CONVERSE, body, &a);
    assert_int_equal(client_number(&a.body, "cacheWriteInputTokens"), 0);
    assert_int_equal(client_number(&a.body, "cacheReadInputTokens"), 15);
    client_free(&a);
    /* Messages first in the body and another question: the prefix is still the system's text. */
    converse(*state, CONVERSE,
             "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"other\"}]}],"
             "\"system\":[{\"text\":\"0123456789012345678901234567890123456789\"},"
             "{\"cachePoint\":{\"type\":\"default\"}}]}",
             &a);
    assert_int_equal(client_number(&a.body, "cacheReadInputTokens"), 15);
    assert_int_equal(client_number(&a.body, "inputTokens"), 5);
    client_free(&a);
    converse(*state, CONVERSE,
             "{\"system\":[{\"text\":\"another\"},{\"cachePoint\":{\"type\":\"default\"}}],"
             "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}]}",
             &a);
    assert_int_equal(client_number(&a.body, "cacheReadInputTokens"), 0);
    assert_int_equal(client_number(&a.body, "cacheWriteInputTokens"), 7);
    client_free(&a);
    client_await(*state, "completed", 4);
    assert_int_equal(client_ledger_number(*state, "cache_read_tokens"), 30);
    assert_int_equal(client_ledger_number(*state, "cache_write_tokens"), 22);
}

static void test_bad_requests(void **state)
{
    static const struct {
        const char *path, *body, *says;
        int status;
    } cases[] = {
        {"/model/claude/converse", ASK("x"), "The provided model identifier is invalid.", 400},
        {"/model/arn%3Aaws%3Aec2/converse", ASK("x"), "identifier is invalid", 400},
        {CONVERSE, "{", "malformed JSON", 400},
        {CONVERSE, "{}", "at least one", 400},
        {CONVERSE, "[]", "object", 400},
        {CONVERSE, "{\"messages\":[{\"role\":\"assistant\",\"content\":[]}]}", "user message", 400},
        {CONVERSE, "{\"messages\":[{\"role\":\"user\"}]}", "needs a content", 400},
        {CONVERSE, ASK_MAX("x", 0), "maxTokens", 400},
        {CONVERSE, ASK_MAX("x", 1.5), "maxTokens", 400},
        {"/model/" CLIENT_HAIKU "/fly", ASK("x"), "not simulated", 404},
        {"/nothing", "{}", "no such operation", 404},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct client_answer a;
        converse(*state, cases[i].path, cases[i].body, &a);
        assert_int_equal(a.status, cases[i].status);
        assert_true(client_says(&a, cases[i].says));
        client_free(&a);
    }
    assert_int_equal(client_ledger_number(*state, "completed"), 0);
}

static void test_profiles_and_counting(void **state)
{
    struct client_answer a;

    converse(*state,
             "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3A"
             "application-inference-profile%2Fabc123/converse",
             ASK("x"), &a);
    assert_int_equal(a.status, 200);
    client_free(&a);
    client_ledger(*state, &a);
    assert_true(client_says(&a, ":application-inference-profile/abc123\":{\"calls\":1,"));
    assert_true(client_says(&a, "AWS/Bedrock/Invocations/ModelId=arn:aws:"));
    client_free(&a);
    converse(*state, "/model/amazon.nova-lite-v1:0/count-tokens",
             "{\"input\":{\"converse\":" ASK("12345678") "}}", &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(client_number(&a.body, "inputTokens"), 10);
    client_free(&a);
    assert_int_equal(client_ledger_number(*state, "calls"), 1);
}

static void test_many_streams(void **state)
{
    enum { STREAMS = 200 };
    const char *url = sim_endpoint(*state, SERVICE_BEDROCK_RUNTIME);
    const struct client_request r = {.method = "POST",
                                     .path = STREAM,
                                     .body = ASK("[sim:output=30][sim:delay_us=500] many"),
                                     .service = "bedrock"};
    int fds[STREAMS];

    for (int i = 0; i < STREAMS; i++) {
        fds[i] = client_connect(url);
        client_send(fds[i], *state, url, &r);
    }
    for (int i = 0; i < STREAMS; i++) {
        struct buf in = {0};
        struct client_answer a;
        struct frames f;
        client_receive(fds[i], &in, &a);
        assert_true(a.whole);
        read_frames(&f, &a.body);
        assert_int_equal(f.words, 30);
        client_free(&a);
        buf_free(&in);
        close(fds[i]);
    }
    client_await(*state, "completed", STREAMS);
    assert_int_equal(client_ledger_number(*state, "output_tokens"), 30 * STREAMS);
    assert_int_equal(client_ledger_number(*state, "delivered_output_tokens"), 30 * STREAMS);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, client_set_up, client_tear_down)
    const struct CMUnitTest tests[] = {
        T(test_converse),
        T(test_output_is_bounded_and_directed),
        T(test_same_seed_same_answers),
        T(test_stream),
        T(test_stream_with_delays),
        T(test_client_that_leaves),
        T(test_refusing_faults),
        T(test_stream_faults),
        T(test_stall),
        T(test_each_second_call_fails),
        T(test_prompt_cache),
        T(test_bad_requests),
        T(test_profiles_and_counting),
        T(test_many_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
