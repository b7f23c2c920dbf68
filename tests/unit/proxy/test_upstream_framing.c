/* The upstream pool against real sockets: every framing of an answer, what is not HTTP, and answers
 * that come before the request is whole. */
#include "tests/unit/proxy/upstream_rig.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"

static const char *const *script_pieces;

static void send_pieces(struct peer *p)
{
    while (peer_request(p)) {
        for (const char *const *at = script_pieces; *at; at++) {
            if (strcmp(*at, "CLOSE") == 0) {
                return;
            }
            if (!peer_text(p, *at)) {
                return;
            }
        }
    }
}

static void send_bytes(struct peer *p)
{
    while (peer_request(p)) {
        for (const char *const *at = script_pieces; *at; at++) {
            for (const char *c = *at; *c; c++) {
                if (!peer_send(p, c, 1)) {
                    return;
                }
                usleep(100); /* so that most arrive alone; nothing depends on it */
            }
        }
    }
}

struct framed {
    const char *pieces[4];
    int status;
    const char *body;
    bool kept;
};

static void every_framing_is_read(void **state)
{
    (void)state;
    static const struct framed cases[] = {
        {{OK_HEAD "ok"}, 200, "ok", true},
        {{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}, 200, "", true},
        {{"HTTP/1.1 204 No Content\r\n\r\n"}, 204, "", true},
        {{"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n"}, 304, "", true},
        {{"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
          OK_HEAD "ok"},
         200,
         "ok",
         true},
        {{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
          "3\r\nabc\r\n1;x=y\r\nd\r\n0\r\nTrailer: t\r\n\r\n"},
         200,
         "abcd",
         true},
        {{"HTTP/1.1 500 Oops\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbad"},
         500,
         "bad",
         false},
        {{OK_HEAD "ok and more"}, 200, "ok", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        for (int bytewise = 0; bytewise < 2; bytewise++) {
            struct rig r = {0};
            struct asked a = {0}, b = {0};
            script_pieces = cases[i].pieces;
            rig_open(&r, bytewise ? send_bytes : send_pieces);
            exchange(&r, &a);
            expect_answer(&a, cases[i].status, cases[i].body);
            if (cases[i].kept) {
                exchange(&r, &b);
                expect_answer(&b, cases[i].status, cases[i].body);
                assert_int_equal(r.server.connections, 1);
            }
            rig_close(&r);
        }
    }
}

static void the_end_of_the_connection_ends_a_body(void **state)
{
    (void)state;
    static const char *const pieces[] = {"HTTP/1.1 200 OK\r\n\r\n", "until", " close", "CLOSE",
                                         NULL};
    struct rig r = {0};
    struct asked a = {0}, b = {0};
    script_pieces = pieces;
    rig_open(&r, send_pieces);
    exchange(&r, &a);
    exchange(&r, &b);
    expect_answer(&a, 200, "until close");
    expect_answer(&b, 200, "until close");
    assert_int_equal(r.server.connections, 2);
    rig_close(&r);
}

static void what_is_not_http_is_refused(void **state)
{
    (void)state;
    static const char *const bad[][3] = {
        {"no http at all\r\n\r\n", NULL},
        {"HTTP/1.1 101 Switching Protocols\r\n\r\n", NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", NULL},
        {"HTTP/1.1 200 OK\r\nBad Name: 1\r\n\r\n", NULL},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "zz\r\n", NULL},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "CLOSE", NULL},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha", "CLOSE", NULL},
        {"HTTP/1.1 200 OK\r\nContent-Le", "CLOSE", NULL},
        {"CLOSE", NULL},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct rig r = {0};
        struct asked a = {0};
        script_pieces = bad[i];
        rig_open(&r, send_pieces);
        exchange(&r, &a);
        expect_failure(&a, UPSTREAM_BROKEN, "");
        assert_int_equal(r.server.connections, 1);
        rig_close(&r);
    }
}

static void endless_head(struct peer *p)
{
    static const char line[] = "X-Filler: 0123456789012345678901234567890123456789012345678\r\n";
    (void)!(peer_request(p) && peer_text(p, "HTTP/1.1 200 OK\r\n"));
    while (peer_text(p, line)) {
    }
}

static void a_head_has_a_maximum(void **state)
{
    (void)state;
    struct rig r = {0};
    struct asked a = {0};
    rig_open(&r, endless_head);
    exchange(&r, &a);
    expect_failure(&a, UPSTREAM_BROKEN, "not well-formed");
    rig_close(&r);
}

static void answer_without_reading(struct peer *p)
{
    char some[65536];
    struct timeval patience = {.tv_usec = 20000};
    (void)!peer_text(p, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\n");
    (void)setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    while (peer_read(p, some, sizeof(some)) > 0) { /* room: the caller could go on writing */
    }
    (void)!peer_text(p, "big");
    wait_release(p);
}

/* The caller frees the request as soon as an answer begins. */
static void an_early_answer_ends_the_writing(void **state)
{
    (void)state;
    struct rig r = {0};
    struct asked a = {.free_on_head = true};
    rig_open(&r, answer_without_reading);
    ask_with(&r, &a, 32 * 1024 * 1024);
    RUN_UNTIL(&r, a.ended);
    expect_answer(&a, 413, "big");
    r.server.release = 1;
    struct asked b = {.free_on_head = true}; /* the half-used connection is not used again */
    ask_with(&r, &b, 5);
    RUN_UNTIL(&r, b.ended);
    expect_answer(&b, 413, "big");
    assert_int_equal(r.server.connections, 2);
    rig_close(&r);
}

static void answer_and_hang_up(struct peer *p)
{
    char some[1000];
    (void)peer_read(p, some, sizeof(some));
    (void)!peer_text(p, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    /* Closing with unread bytes resets the connection. */
}

static void an_answer_before_a_reset_counts(void **state)
{
    (void)state;
    struct rig r = {0};
    struct asked a = {0};
    rig_open(&r, answer_and_hang_up);
    ask_with(&r, &a, 32 * 1024 * 1024);
    RUN_UNTIL(&r, a.ended);
    expect_answer(&a, 403, "no");
    rig_close(&r);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* the scripted server's TLS; the pool itself never raises it */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_framing_is_read),
        cmocka_unit_test(the_end_of_the_connection_ends_a_body),
        cmocka_unit_test(what_is_not_http_is_refused),
        cmocka_unit_test(a_head_has_a_maximum),
        cmocka_unit_test(an_early_answer_ends_the_writing),
        cmocka_unit_test(an_answer_before_a_reset_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
