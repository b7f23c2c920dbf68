/* test_gate_streams.c: what streams are charged for: those that are cut, those that outgrow what
 * was reserved, those whose usage comes before their end. */
#include "tests/unit/proxy/gate_rig.h"

#include "core/dialect/eventstream.h"

#define HEAD                                                                                       \
    "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\n"                      \
    "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
/* What the upstream says in one stream: deltas of so many bytes, then the end or not. */
static struct {
    int deltas, bytes;
    const char *then;        /* an event, or "" */
    const char *then_json;   /* its payload */
    const char *exception;   /* or an exception, or NULL */
    bool invoke, waits, cut; /* Anthropic's own events; holds before `then`; never ends */
} said;

static void send_chunk(struct peer *p, const struct buf *b)
{
    char size[16];
    (void)snprintf(size, sizeof(size), "%zx\r\n", b->len);
    (void)!peer_text(p, size);
    (void)!peer_send(p, buf_bytes(b), b->len);
    (void)!peer_text(p, "\r\n");
}

static void send_event(struct peer *p, const char *type, const char *json)
{
    struct buf b = {.max = 65536};
    char coded[8192], text[8300];
    if (said.invoke) {
        (void)str_base64(coded, json, strlen(json));
        (void)snprintf(text, sizeof(text), "{\"bytes\":\"%s\"}", coded);
        (void)!eventstream_write_event(&b, "chunk", str_of(text));
    } else {
        (void)!eventstream_write_event(&b, type, str_of(json));
    }
    send_chunk(p, &b);
    buf_free(&b);
}

static void send_deltas(struct peer *p)
{
    char text[4096], json[4300];
    memset(text, 'x', sizeof(text));
    for (int i = 0; i < said.deltas; i++) {
        (void)snprintf(json, sizeof(json),
                       said.invoke ? "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{"
                                     "\"type\":\"text_delta\",\"text\":\"%.*s\"}}"
                                   : "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"%.*s\"}}",
                       said.bytes, text);
        send_event(p, "contentBlockDelta", json);
    }
}

static void stream(struct peer *p)
{
    if (!peer_request(p) || !peer_text(p, HEAD)) {
        return;
    }
    if (said.invoke) {
        send_event(p, "",
                   "{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":7,"
                   "\"output_tokens\":1}}}");
    } else {
        send_event(p, "messageStart", "{\"role\":\"assistant\"}");
    }
    send_deltas(p);
    if (said.waits) {
        wait_release(p);
    }
    if (said.exception) {
        struct buf b = {.max = 4096};
        (void)!eventstream_write_exception(&b, said.exception, "no more");
        send_chunk(p, &b);
        buf_free(&b);
    }
    if (said.then) {
        send_event(p, said.then, said.then_json);
    }
    if (said.cut) {
        wait_release(p);
        return;
    }
    (void)!peer_text(p, "0\r\n\r\n");
}

static void finish(struct gate_rig *r, struct fake *f)
{
    fake_free(f);
    r->wire.server.release = 1;
    gate_rig_close(r);
    memset(&said, 0, sizeof(said));
}

static void begin(struct gate_rig *r, struct fake *f, int maximum)
{
    char body[256];
    char most[64] = "";
    if (maximum > 0) {
        (void)snprintf(most, sizeof(most),
                       said.invoke ? ",\"max_tokens\":%d"
                                   : ",\"inferenceConfig\":{\"maxTokens\":%d}",
                       maximum);
    }
    (void)snprintf(body, sizeof(body),
                   "{%s\"messages\":[{\"role\":\"user\",\"content\":[{%s\"text\""
                   ":\"hello there\"}]}]%s}",
                   said.invoke ? "\"anthropic_version\":\"bedrock-2023-05-31\"," : "",
                   said.invoke ? "\"type\":\"text\"," : "", most);
    request(r, f,
            said.invoke ? "/model/haiku/invoke-with-response-stream"
                        : "/model/haiku/converse-stream",
            body, NULL);
}

static bool contains(struct fake *f, const char *text)
{
    return f->body.len > 0 && memmem(buf_bytes(&f->body), f->body.len, text, strlen(text)) != NULL;
}

/* How many events have come through. */
static int events_seen(struct fake *f)
{
    int n = 0;
    const char *at = buf_bytes(&f->body), *end = at + f->body.len;
    while (at && (at = memmem(at, (size_t)(end - at), ":event-type", 11)) != NULL) {
        at += 11;
        n++;
    }
    return n;
}

struct cut {
    int deltas, bytes, maximum;
    int64_t output;
    bool invoke;
};

/* The client leaves: what has passed is charged, by its bytes or its events, whichever says more,
 * and not more than the client allowed, where the model keeps to that. */
static void what_was_seen_is_charged(void **state)
{
    (void)state;
    static const struct cut cases[] = {
        {3, 10, 100, 15, false}, /* two bytes a token at least */
        {40, 1, 100, 40, false}, /* a token an event at least */
        {3, 30, 10, 10, false},  /* as many as are allowed */
        {3, 30, 2, 45, false},   /* it does not keep to that */
        {3, 30, 0, 45, false},   {3, 10, 100, 15, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct cut *c = &cases[i];
        struct gate_rig r = {0};
        struct fake f = {0};
        int64_t reserved;
        said.deltas = c->deltas;
        said.bytes = c->bytes;
        said.invoke = c->invoke;
        said.cut = true;
        gate_rig_open(&r, stream,
                      "limits: [{name: out, output_tokens: 10k, window: 1h}, {name: in,"
                      " input_tokens: 10k, window: 1h}]\n");
        begin(&r, &f, c->maximum);
        const struct call *call = &((struct ticket *)f.x.ticket)->call;
        int64_t foreseen = call->reserved_usage.input;
        RUN_UNTIL(&r.wire, events_seen(&f) == 1 + c->deltas);
        gate_gone(&f.x);
        assert_int_equal(used(&r, 0, &reserved), c->output);
        assert_int_equal(reserved, 0);
        assert_int_equal(used(&r, 1, &reserved), c->invoke ? 7 : foreseen);
        struct entries e = ledger_of(&r);
        assert_int_equal(e.last.usage.output, c->output);
        assert_false(e.last.usage_reported);
        fake_free(&f);
        r.wire.server.release = 1;
        gate_rig_close(&r);
        memset(&said, 0, sizeof(said));
    }
}

#define SMALL(outgrow)                                                                             \
    "limits: [{name: t, output_tokens: 1200, window: 1h, on_outgrow: " outgrow "}]\n"

/* Of a client that sets no maximum 300 are held, a quarter of what there is; beyond, more is held
 * before more goes on: not for as much as is held, and a token later for a quarter more, 256 at
 * least. */
static void what_grows_is_held(void **state)
{
    (void)state;
    static const struct {
        int bytes;
        int64_t held;
    } cases[] = {{600, 300}, {601, 301 + 256}, {2200, 1100 + 275}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct gate_rig r = {0};
        struct fake f = {0};
        int64_t reserved;
        said.deltas = 1;
        said.bytes = cases[i].bytes;
        said.cut = true;
        gate_rig_open(&r, stream, SMALL("finish"));
        begin(&r, &f, 0);
        assert_int_equal(used(&r, 0, &reserved), 0);
        assert_int_equal(reserved, 300);
        RUN_UNTIL(&r.wire, events_seen(&f) == 2);
        assert_int_equal(used(&r, 0, &reserved), 0);
        assert_int_equal(reserved, cases[i].held);
        gate_gone(&f.x);
        assert_int_equal(used(&r, 0, &reserved), (cases[i].bytes + 1) / 2);
        assert_int_equal(reserved, 0);
        fake_free(&f);
        r.wire.server.release = 1;
        gate_rig_close(&r);
        memset(&said, 0, sizeof(said));
    }
}

/* What was held in addition is in the journal before its bytes go on: a core that dies then charges
 * it whole. */
static void what_grew_outlives_the_core(void **state)
{
    (void)state;
    struct gate_rig r = {0};
    struct fake f = {0};
    struct err_info ei = {0};
    char command[256], copy[96];
    said.deltas = 1;
    said.bytes = 601;
    said.cut = true;
    gate_rig_open(&r, stream, SMALL("finish"));
    begin(&r, &f, 0);
    RUN_UNTIL(&r.wire, events_seen(&f) == 2);
    (void)snprintf(copy, sizeof(copy), "%s-copy", r.dir);
    (void)snprintf(command, sizeof(command), "cp -r %s %s", r.dir, copy);
    assert_int_equal(system(command), 0);
    struct ledger_options o = {.state_dir = copy, .workers = 1};
    struct gate_rig after = {.ledger = ledger_open(&o, &ei)};
    assert_non_null(after.ledger);
    struct entries e = ledger_of(&after);
    assert_int_equal(e.count, 1);
    assert_int_equal(e.last.usage.output, 301 + 256);
    ledger_close(after.ledger);
    assert_int_equal(nftw(copy, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    gate_gone(&f.x);
    finish(&r, &f);
}

/* on_outgrow: stop: no byte goes on that is not held; the client is told, and pays for what came.
 */
static void what_outgrows_is_stopped(void **state)
{
    (void)state;
    struct gate_rig r = {0};
    struct fake f = {0};
    int64_t reserved;
    said.deltas = 2;
    said.bytes = 1400;
    said.cut = true;
    gate_rig_open(&r, stream, SMALL("stop"));
    begin(&r, &f, 0);
    RUN_UNTIL(&r.wire, f.ended);
    assert_false(f.aborted);
    assert_true(contains(&f, "throttlingException") && contains(&f, "on_outgrow: stop"));
    assert_int_equal(events_seen(&f), 2);
    assert_int_equal(used(&r, 0, &reserved), 1400);
    assert_int_equal(reserved, 0);
    struct entries e = ledger_of(&r);
    assert_int_equal(e.count, 1);
    assert_string_equal(e.error, "outgrown");
    finish(&r, &f);
}

/* The usage comes before the end: what is not used is free again at once. */
static void settled_before_its_end(void **state)
{
    (void)state;
    struct gate_rig r = {0};
    struct fake f = {0};
    int64_t reserved;
    said.deltas = 1;
    said.bytes = 10;
    said.then = "metadata";
    said.then_json = "{\"usage\":{\"inputTokens\":11,\"outputTokens\":5,\"totalTokens\":16}}";
    said.cut = true;
    gate_rig_open(&r, stream, SMALL("finish"));
    begin(&r, &f, 0);
    RUN_UNTIL(&r.wire, contains(&f, "totalTokens"));
    assert_int_equal(used(&r, 0, &reserved), 5);
    assert_int_equal(reserved, 0);
    gate_gone(&f.x); /* changes nothing any more */
    assert_int_equal(used(&r, 0, &reserved), 5);
    struct entries e = ledger_of(&r);
    assert_int_equal(e.count, 1);
    assert_int_equal(e.last.outcome, OUTCOME_APPROVED);
    finish(&r, &f);
}

/* An exception in a stream of status 200 is a failure. */
static void an_exception_is_a_failure(void **state)
{
    (void)state;
    struct gate_rig r = {0};
    struct fake f = {0};
    int64_t reserved;
    said.deltas = 1;
    said.bytes = 10;
    said.exception = "modelStreamErrorException";
    gate_rig_open(&r, stream, SMALL("finish"));
    begin(&r, &f, 0);
    RUN_UNTIL(&r.wire, f.ended);
    assert_int_equal(used(&r, 0, &reserved), 5);
    struct entries e = ledger_of(&r);
    assert_int_equal(e.last.outcome, OUTCOME_FAILED);
    assert_string_equal(e.error, "stream_exception");
    fake_free(&f);
    gate_rig_close(&r);
    memset(&said, 0, sizeof(said));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_seen_is_charged),    cmocka_unit_test(what_grows_is_held),
        cmocka_unit_test(what_grew_outlives_the_core), cmocka_unit_test(what_outgrows_is_stopped),
        cmocka_unit_test(settled_before_its_end),      cmocka_unit_test(an_exception_is_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
