/* The life of a call through the gate: what the client gets, what limits and ledger count. */
#include "tests/unit/proxy/gate_rig.h"

#define LIMITS                                                                                     \
    "limits: [{name: hour, tokens: 10k, window: 1h}, {name: calls, requests: 50, window: 1h}]\n"
#define ANSWER                                                                                     \
    "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"hi\"}]}},"          \
    "\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":11,\"outputTokens\":5,"                \
    "\"totalTokens\":16}}"

static void answer(struct peer *p)
{
    while (peer_request(p) && peer_text(p, answer_text)) {
        if (strstr(answer_text, "close")) {
            return;
        }
    }
}

static void good_answer(struct peer *p)
{
    char text[1024];
    (void)snprintf(text, sizeof(text),
                   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: keep-alive\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   strlen(ANSWER), ANSWER);
    while (peer_request(p) && peer_text(p, text)) {
    }
}

static void a_call_is_answered_and_settled(void **state)
{
    (void)state;
    struct gate_rig r = {0};
    int64_t reserved;
    gate_rig_open(&r, good_answer, LIMITS);
    for (int i = 1; i <= 2; i++) {
        struct fake f = {0};
        converse(&r, &f);
        assert_false(f.ended);
        assert_true(used(&r, 0, &reserved) == (i - 1) * 16 && reserved >= 100);
        RUN_UNTIL(&r.wire, f.ended);
        assert_int_equal(f.status, 200);
        assert_string_equal(buf_cstr(&f.body), ANSWER);
        assert_true(has_line(&f, "x-tollgate-request-id: "));
        assert_false(has_line(&f, "keep-alive"));
        assert_false(has_line(&f, "Content-Length"));
        assert_int_equal(used(&r, 0, &reserved), i * 16);
        assert_int_equal(reserved, 0);
        fake_free(&f);
    }
    struct entries e = ledger_of(&r);
    assert_int_equal(e.count, 2);
    assert_int_equal(e.last.outcome, OUTCOME_APPROVED);
    assert_true(e.last.usage_reported && e.last.usage.input == 11 && e.last.usage.output == 5);
    struct proxy_counts n = {0};
    gate_counts(r.gate, &n);
    assert_int_equal(n.first_token_count, 2);
    assert_int_equal(n.overhead_count, 2);
    assert_int_equal(r.wire.server.connections, 1);
    gate_rig_close(&r);
}

struct ending {
    const char *text; /* of the upstream; "" hangs up */
    int status;       /* of the client's answer */
    bool charged, aborted;
    const char *error;
    int64_t ledger_status;
};

static void every_end_is_settled_once(void **state)
{
    (void)state;
    static const struct ending cases[] = {
        {"HTTP/1.1 400 Bad\r\nContent-Length: 2\r\n\r\n{}", 400, false, false, "upstream_status",
         400},
        {"HTTP/1.1 429 Slow\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 429, false,
         false, "upstream_status", 429},
        /* The upstream refused: its answer's end changes nothing about that. */
        {"HTTP/1.1 500 Oops\r\nConnection: close\r\nContent-Length: 9\r\n\r\nhalf", 500, false,
         true, "upstream_broken", 500},
        {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nhalf", 200, true, true,
         "upstream_broken", 200},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, true, false, "", 200},
        {"close", 502, true, false, "upstream_broken", 502},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct gate_rig r = {0};
        struct fake f = {0};
        int64_t reserved;
        answer_text = cases[i].text;
        gate_rig_open(&r, answer, LIMITS);
        converse(&r, &f);
        RUN_UNTIL(&r.wire, f.ended);
        assert_int_equal(f.status, cases[i].status);
        assert_int_equal(f.aborted, cases[i].aborted);
        assert_true((used(&r, 0, &reserved) >= 100) == cases[i].charged);
        assert_int_equal(reserved, 0);
        assert_int_equal(used(&r, 1, &reserved), cases[i].charged);
        struct entries e = ledger_of(&r);
        assert_int_equal(e.count, 1);
        assert_string_equal(e.error, cases[i].error);
        assert_int_equal(e.last.http_status, cases[i].ledger_status);
        assert_int_equal(e.last.usage_reported, !cases[i].charged);
        fake_free(&f);
        gate_rig_close(&r);
    }
}

static void what_was_never_sent_costs_nothing(void **state)
{
    (void)state;
    struct gate_rig r = {0};
    struct fake f = {0};
    int64_t reserved;
    gate_rig_open(&r, NULL, LIMITS);
    converse(&r, &f);
    RUN_UNTIL(&r.wire, f.ended);
    assert_int_equal(f.status, 502);
    assert_int_equal(used(&r, 0, &reserved), 0);
    assert_int_equal(used(&r, 1, &reserved), 0);
    assert_string_equal(ledger_of(&r).error, "upstream_unreachable");
    struct proxy_counts n = {0};
    gate_counts(r.gate, &n);
    for (size_t i = 0; i < PROXY_ERRORS; i++) {
        assert_int_equal(n.upstream_errors[i], strcmp(proxy_error_name(i), "unreachable") == 0);
    }
    fake_free(&f);
    gate_rig_close(&r);
}

/* Answers once it is released. */
static void late_answer(struct peer *p)
{
    if (peer_request(p)) {
        wait_release(p);
        (void)peer_text(p, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                           "Content-Length: 45\r\n\r\n"
                           "{\"usage\":{\"inputTokens\":7,\"outputTokens\":11}}");
    }
}

static void an_answer_is_read_on_for_a_client_that_left(void **state)
{
    (void)state;
    struct gate_rig r = {0};
    struct fake f = {0};
    int64_t reserved;
    gate_rig_open(&r, late_answer, LIMITS "client_gone: drain\n");
    converse(&r, &f);
    POLL_UNTIL(&r.wire, r.wire.server.requests == 1);
    gate_gone(&f.x);
    fake_free(&f); /* the client's part is gone, request and all */
    assert_int_equal(r.bodies.read_on, 1);
    (void)used(&r, 0, &reserved);
    assert_true(reserved > 0);
    r.wire.server.release = 1;
    POLL_UNTIL(&r.wire, r.bodies.read_on == 0);
    assert_int_equal(used(&r, 0, &reserved), 18); /* as reported, not as foreseen */
    assert_int_equal(reserved, 0);
    struct entries e = ledger_of(&r);
    assert_int_equal(e.count, 1);
    assert_string_equal(e.error, "client_gone");
    gate_rig_close(&r);
}

static void reading_on_is_bounded(void **state)
{
    (void)state;
    struct gate_rig r = {0};
    struct fake late = {0}, full = {0}, last = {0};
    int64_t reserved;
    answer_text =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{";
    gate_rig_open(&r, half_answer, LIMITS "client_gone: drain\n");
    r.gate->read_on_us = 20000;
    converse(&r, &late);
    POLL_UNTIL(&r.wire, late.status == 200);
    gate_gone(&late.x);
    assert_int_equal(r.bodies.read_on, 1);
    POLL_UNTIL(&r.wire, r.bodies.read_on == 0); /* the time is over */
    assert_true(used(&r, 0, &reserved) > 0);
    assert_int_equal(reserved, 0);
    assert_string_equal(ledger_of(&r).error, "client_gone");

    r.gate->read_on_us = DEADLINE_US;
    r.bodies.read_on = 64; /* no place is left */
    converse(&r, &full);
    POLL_UNTIL(&r.wire, full.status == 200);
    gate_gone(&full.x);
    assert_int_equal(r.bodies.read_on, 64);
    assert_null(r.gate->open);
    r.bodies.read_on = 0;

    converse(&r, &last); /* the gate ends while it is read on */
    POLL_UNTIL(&r.wire, last.status == 200);
    gate_gone(&last.x);
    assert_non_null(r.gate->open);
    gate_read_on_end(r.gate);
    assert_int_equal(r.bodies.read_on, 0);
    (void)used(&r, 0, &reserved);
    assert_int_equal(reserved, 0);
    fake_free(&late);
    fake_free(&full);
    fake_free(&last);
    gate_rig_close(&r);
}

static void a_client_that_leaves_pays_for_what_was_sent(void **state)
{
    (void)state;
    struct gate_rig r = {.wire.share = 1};
    struct fake sent = {0}, waiting = {0}, head = {0};
    int64_t reserved;
    gate_rig_open(&r, hold_request, LIMITS);
    converse(&r, &sent);
    POLL_UNTIL(&r.wire, r.wire.server.requests == 1);
    converse(&r, &waiting);
    give_head(&r, &head, "POST", "/model/haiku/converse", 50, NULL);
    gate_gone(&waiting.x);
    gate_gone(&head.x);
    assert_int_equal(used(&r, 0, &reserved), 0);
    gate_gone(&sent.x);
    assert_true(used(&r, 0, &reserved) >= 100);
    assert_int_equal(reserved, 0);
    struct entries e = ledger_of(&r);
    assert_int_equal(e.count, 2); /* the head alone was no call */
    assert_string_equal(e.error, "client_gone");
    fake_free(&sent);
    fake_free(&waiting);
    fake_free(&head);
    gate_rig_close(&r);
}

static void a_broken_stream_says_so(void **state)
{
    (void)state;
    struct gate_rig r = {0};
    struct fake f = {0};
    int64_t reserved;
    answer_text = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\n"
                  "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    gate_rig_open(&r, answer, LIMITS);
    request(&r, &f, "/model/haiku/converse-stream", CONVERSE_BODY, NULL);
    RUN_UNTIL(&r.wire, f.ended);
    assert_int_equal(f.status, 200);
    assert_false(f.aborted); /* no bare end: an exception frame */
    assert_non_null(memmem(buf_bytes(&f.body), f.body.len, "internalServerException", 23));
    assert_true(used(&r, 0, &reserved) > 0);
    fake_free(&f);
    gate_rig_close(&r);
}

static void denials_and_refusals(void **state)
{
    (void)state;
    struct gate_rig r = {0};
    gate_rig_open(&r, good_answer, "limits: [{name: small, tokens: 50, window: 1m}]\n");
    const struct {
        const char *method, *target, *body, *line;
        int status;
    } cases[] = {
        {"POST", "/model/haiku/converse", CONVERSE_BODY, "x-tollgate-limit: small", 400},
        {"GET", "/model/haiku/converse", "", "Allow: POST\r\n", 405},
        {"POST", "/healthz", "", "Allow: GET, HEAD\r\n", 405},
        {"GET", "/healthz", "", "x-tollgate-request-id: ", 200},
        {"GET", "/readyz", "", "x-tollgate-request-id: ", 200},
        {"GET", "/metrics", "", "text/plain; version=0.0.4", 200},
        {"GET", "/nothing", "", "x-tollgate-request-id: ", 404},
        {"POST", "/model/nobody/converse", CONVERSE_BODY, "ValidationException", 400},
        {"POST", "/model/haiku/converse", "{", "ValidationException", 400},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct fake f = {0};
        give_head(&r, &f, cases[i].method, cases[i].target, (int64_t)strlen(cases[i].body), NULL);
        give_body(&f, cases[i].body, strlen(cases[i].body));
        if (!f.ended) {
            gate_request(&f.x);
        }
        assert_true(f.ended);
        assert_int_equal(f.status, cases[i].status);
        if (!has_line(&f, cases[i].line)) {
            fail_msg("%s: no '%s' in\n%s", cases[i].target, cases[i].line, buf_cstr(&f.lines));
        }
        fake_free(&f);
    }
    assert_int_equal(r.wire.server.connections, 0);
    gate_rig_close(&r);
}

static void web_pages_cannot_spend(void **state)
{
    (void)state;
    struct gate_rig r = {0};
    gate_rig_open(&r, good_answer, LIMITS);
    const struct {
        const char *name, *value;
        bool served;
    } cases[] = {
        {"host", "localhost:8088", true},
        {"host", "LOCALHOST", true},
        {"host", "127.0.0.1:8088", true},
        {"host", "127.9.9.9", true},
        {"host", "[::1]:8088", true},
        {"host", "[::1]", true},
        {"host", "127.evil.example", false},
        {"host", "127.0.0.1.evil.example:8088", false},
        {"host", "localhost.evil.example", false},
        {"host", "[::1]evil.example", false},
        {"host", "[::2]:8088", false},
        {"host", "10.0.0.1", false},
        {"host", "", false},
        {"origin", "http://localhost:3000", false},
        {"Sec-Fetch-Site", "cross-site", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct fake f = {0};
        const char *headers[] = {cases[i].name, cases[i].value, NULL};
        request(&r, &f, "/model/haiku/converse", CONVERSE_BODY, headers);
        RUN_UNTIL(&r.wire, f.ended);
        if ((f.status == 200) != cases[i].served) {
            fail_msg("%s: %s gave %d", cases[i].name, cases[i].value, f.status);
        }
        fake_free(&f);
    }
    gate_rig_close(&r);
}

static void bodies_in_flight_are_bounded(void **state)
{
    (void)state;
    struct gate_rig r = {.bodies.max = 1000};
    struct fake first = {0}, large = {0}, growing = {0}, after = {0};
    char piece[300];
    memset(piece, ' ', sizeof(piece));
    gate_rig_open(&r, good_answer, LIMITS);
    give_head(&r, &first, "POST", "/model/haiku/converse", 700, NULL);
    give_body(&first, piece, 300);
    give_body(&first, piece, 300);
    give_body(&first, piece, 100);
    assert_false(first.ended);
    /* Only what came counts: whoever announces much and sends nothing keeps nobody out. */
    give_head(&r, &large, "POST", "/model/haiku/converse", 301, NULL);
    assert_false(large.ended);
    assert_int_equal(r.bodies.held, 700);
    give_body(&large, piece, 300);
    assert_false(large.ended);
    give_body(&large, piece, 1);
    assert_true(large.ended && large.status == 503);
    give_head(&r, &growing, "POST", "/model/haiku/converse", -1, NULL);
    give_body(&growing, piece, 200);
    assert_false(growing.ended);
    give_body(&growing, piece, 101);
    assert_true(growing.ended && growing.status == 503);
    assert_int_equal(r.bodies.held, 700);
    gate_gone(&first.x);
    converse(&r, &after);
    assert_true(r.bodies.held > 0);
    RUN_UNTIL(&r.wire, after.ended);
    assert_int_equal(after.status, 200);
    fake_free(&first);
    fake_free(&large);
    fake_free(&growing);
    fake_free(&after);
    gate_rig_close(&r);
}

static void a_slow_client_stops_the_upstream(void **state)
{
    (void)state;
    struct gate_rig r = {0};
    struct fake f = {0};
    static char large[4 * 1024 * 1024 + 200];
    int n = snprintf(large, sizeof(large), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
                     4 * 1024 * 1024);
    memset(large + n, ' ', 4 * 1024 * 1024);
    answer_text = large;
    gate_rig_open(&r, answer, LIMITS);
    converse(&r, &f);
    RUN_UNTIL(&r.wire, f.x.pending > EXCHANGE_HIGH);
    size_t before = f.body.len;
    run_for(&r.wire, 20000);
    assert_int_equal(f.body.len, before);
    assert_true(before < EXCHANGE_HIGH + 4 * 65536);
    while (!f.ended) {
        f.x.pending = 0;
        gate_drained(&f.x);
        RUN_UNTIL(&r.wire, f.ended || f.x.pending > EXCHANGE_HIGH);
    }
    assert_int_equal(f.body.len, 4 * 1024 * 1024);
    fake_free(&f);
    gate_rig_close(&r);
}

/* store_failure: allow: what was served with a full journal is in the ledger all the same, when
 * there is room by the time it ends. */
static void a_full_journal(void **state)
{
    (void)state;
    for (int allow = 0; allow < 2; allow++) {
        struct gate_rig r = {.journal_bytes = 16 * 1024, .wire.share = 1};
        struct fake *f = calloc(2000, sizeof(*f));
        struct proxy_counts n = {0};
        size_t asked = 0;
        gate_rig_open(&r, good_answer,
                      allow ? "limits: [{name: calls, requests: 9k, window: month}]\n"
                              "store_failure: allow\n"
                            : "limits: [{name: calls, requests: 9k, window: month}]\n"
                              "store_failure: deny\n");
        while (n.store_failures == 0 && asked < 2000) { /* the first is sent, the others wait */
            converse(&r, &f[asked++]);
            n = (struct proxy_counts){0};
            gate_counts(r.gate, &n);
        }
        assert_true(asked > 2 && n.store_failures == 1);
        assert_int_equal(f[asked - 1].ended, !allow);
        assert_true(allow || f[asked - 1].status == 503);
        assert_int_equal(ledger_start(r.ledger, NULL), ERR_OK);
        r.store_started = true;
        for (size_t i = 0; i < asked; i++) {
            RUN_UNTIL(&r.wire, f[i].ended);
            if (i % 16 == 0) {
                assert_int_equal(ledger_flush(r.ledger, 5000), ERR_OK); /* makes room */
            }
            assert_int_equal(f[i].status, i + 1 == asked && !allow ? 503 : 200);
        }
        struct entries e = ledger_of(&r);
        assert_int_equal(e.count, asked - !allow);
        int64_t reserved; /* nothing for the one that was refused */
        assert_int_equal(used(&r, 0, &reserved), asked - !allow);
        assert_int_equal(reserved, 0);
        for (size_t i = 0; i < asked; i++) {
            fake_free(&f[i]);
        }
        free(f);
        gate_rig_close(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_answered_and_settled),
        cmocka_unit_test(every_end_is_settled_once),
        cmocka_unit_test(what_was_never_sent_costs_nothing),
        cmocka_unit_test(an_answer_is_read_on_for_a_client_that_left),
        cmocka_unit_test(reading_on_is_bounded),
        cmocka_unit_test(a_client_that_leaves_pays_for_what_was_sent),
        cmocka_unit_test(a_broken_stream_says_so),
        cmocka_unit_test(denials_and_refusals),
        cmocka_unit_test(web_pages_cannot_spend),
        cmocka_unit_test(bodies_in_flight_are_bounded),
        cmocka_unit_test(a_slow_client_stops_the_upstream),
        cmocka_unit_test(a_full_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
