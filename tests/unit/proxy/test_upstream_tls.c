/* The upstream pool over TLS: who is trusted, sessions resumed, large bodies. */
#include "tests/unit/proxy/authority.h"

#define LARGE (16 * 1024 * 1024)

static void answer_and_close(struct peer *p)
{
    (void)!(peer_request(p) &&
            peer_text(p, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"));
}

static void answer_all(struct peer *p)
{
    while (peer_request(p) && peer_text(p, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) {
    }
}

static void a_known_authority_is_trusted_and_sessions_resume(void **state)
{
    (void)state;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t v = 0; v < 2; v++) {
        struct rig r = {.host = "https://localhost",
                        .ca_file = ca_file,
                        .server.tls = server_of("DNS:localhost", versions[v])};
        rig_open(&r, answer_and_close);
        for (int i = 0; i < 3; i++) {
            struct asked a = {0};
            exchange(&r, &a);
            expect_answer(&a, 200, "ok");
        }
        assert_int_equal(r.server.connections, 3);
        assert_int_equal(r.server.resumed, 2);
        rig_close(&r);
    }
}

static void never_answer(struct peer *p)
{
    (void)!peer_request(p);
    (void)!peer_request(p);
}

/* A call that the client gave up must not spoil the session. */
static void a_cancelled_call_leaves_the_session(void **state)
{
    (void)state;
    struct rig r = {.host = "https://localhost",
                    .ca_file = ca_file,
                    .server.tls = server_of("DNS:localhost", TLS1_3_VERSION)};
    rig_open(&r, never_answer);
    for (int i = 0; i < 2; i++) {
        struct asked a = {0};
        ask(&r, &a);
        POLL_UNTIL(&r, r.server.requests == i + 1);
        run_for(&r, 5000); /* the ticket comes with the first bytes read */
        cancel(&a);
        asked_free(&a);
    }
    assert_int_equal(r.server.resumed, 1);
    rig_close(&r);
}

static void a_numeric_host_is_checked_by_address(void **state)
{
    (void)state;
    struct rig r = {.host = "https://127.0.0.1",
                    .ca_file = ca_file,
                    .server.tls = server_of("IP:127.0.0.1", TLS1_3_VERSION)};
    struct asked a = {0};
    rig_open(&r, answer_all);
    exchange(&r, &a);
    expect_answer(&a, 200, "ok");
    rig_close(&r);
}

static void strangers_are_refused(void **state)
{
    (void)state;
    const struct {
        const char *host, *name, *trusted, *words;
    } cases[] = {
        {"https://localhost", "DNS:elsewhere.example", ca_file, "hostname mismatch"},
        {"https://127.0.0.1", "DNS:localhost", ca_file, "IP address mismatch"},
        {"https://localhost", "DNS:localhost", other_ca_file, "certificate"},
        {"https://localhost", "DNS:localhost", NULL, "certificate"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct rig r = {.host = cases[i].host,
                        .ca_file = cases[i].trusted,
                        .server.tls = server_of(cases[i].name, TLS1_3_VERSION)};
        struct asked a = {0};
        rig_open(&r, answer_all);
        exchange(&r, &a);
        expect_failure(&a, UPSTREAM_UNREACHABLE, cases[i].words);
        assert_int_equal(r.server.requests, 0);
        rig_close(&r);
    }
}

static void old_tls_is_refused(void **state)
{
    (void)state;
    SSL_CTX *t = server_of("DNS:localhost", TLS1_1_VERSION);
    SSL_CTX_set_security_level(t, 0);
    SSL_CTX_set_min_proto_version(t, TLS1_VERSION);
    struct rig r = {.host = "https://localhost", .ca_file = ca_file, .server.tls = t};
    struct asked a = {0};
    rig_open(&r, answer_all);
    exchange(&r, &a);
    expect_failure(&a, UPSTREAM_UNREACHABLE, "TLS with localhost failed");
    rig_close(&r);
}

static void say_nothing(struct peer *p)
{
    wait_release(p);
}

static void a_handshake_has_a_time_limit(void **state)
{
    (void)state;
    struct rig r = {
        .host = "https://127.0.0.1", .ca_file = ca_file, .config.upstream.connect_timeout_ms = 50};
    struct asked a = {0};
    rig_open(&r, say_nothing);
    exchange(&r, &a);
    expect_failure(&a, UPSTREAM_LATE, "within 50 ms");
    rig_close(&r);
}

static void large_answer(struct peer *p)
{
    char piece[65536];
    for (size_t i = 0; i < sizeof(piece); i++) {
        piece[i] = (char)(i * 7);
    }
    while (peer_request(p)) {
        (void)!peer_text(p, "HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n");
        for (int i = 0; i < LARGE / (int)sizeof(piece); i++) {
            if (!peer_send(p, piece, sizeof(piece))) {
                return;
            }
        }
    }
}

static void large_bodies_go_both_ways(void **state)
{
    (void)state;
    struct rig r = {.host = "https://localhost",
                    .ca_file = ca_file,
                    .server.tls = server_of("DNS:localhost", TLS1_3_VERSION)};
    rig_open(&r, large_answer);
    unsigned long sum = 0;
    for (int i = 0; i < 2; i++) {
        /* Once without a stop, once paused after every piece: bytes wait inside OpenSSL then. */
        struct asked a = {.free_on_head = true, .pause_on_body = i == 1};
        ask_with(&r, &a, LARGE);
        while (!a.ended) {
            size_t before = a.received;
            RUN_UNTIL(&r, a.received > before || a.ended);
            if (a.call) {
                upstream_resume(a.call);
            }
        }
        if (a.failed) {
            fail_msg("%s", a.why);
        }
        assert_int_equal(a.received, LARGE);
        assert_true(i == 0 || a.sum == sum);
        sum = a.sum;
        asked_free(&a);
    }
    assert_int_equal(r.server.body_bytes, 2L * LARGE);
    assert_int_equal(r.server.connections, 1);
    rig_close(&r);
}

static void cut_without_goodbye(struct peer *p)
{
    (void)!(peer_request(p) && peer_text(p, "HTTP/1.1 200 OK\r\n\r\nall of it?"));
}

/* Anybody between could have cut the connection: without TLS's own end it is no end. */
static void a_cut_is_no_end_of_a_body(void **state)
{
    (void)state;
    struct rig r = {.host = "https://localhost",
                    .ca_file = ca_file,
                    .server.tls = server_of("DNS:localhost", TLS1_3_VERSION)};
    struct asked a = {0};
    rig_open(&r, cut_without_goodbye);
    exchange(&r, &a);
    expect_failure(&a, UPSTREAM_BROKEN, "");
    rig_close(&r);
}

static void a_wrong_ca_file_is_told(void **state)
{
    (void)state;
    struct err_info ei = {0};
    assert_null(endpoint_new("https://localhost", "/does/not/exist.pem", &ei));
    assert_non_null(strstr(ei.text, "/does/not/exist.pem"));
    err_clear(&ei);
    assert_false(endpoint_check_ca_file("/dev/null", &ei));
    assert_non_null(strstr(ei.text, "/dev/null"));
    struct endpoint *other = endpoint_new("https://127.0.0.1:1", NULL, &ei);
    struct endpoint *plain = endpoint_new("http://127.0.0.1:1", NULL, &ei);
    struct endpoint *beside =
        endpoint_new_beside("https://127.0.0.1:2", "/does/not/exist.pem", other, &ei);
    assert_non_null(beside); /* not read again */
    assert_null(endpoint_new_beside("https://127.0.0.1:2", "/does/not/exist.pem", plain, &ei));
    endpoint_free(other);
    endpoint_free(plain);
    endpoint_free(beside);
    static const char *const bad[] = {"ftp://x", "https://", "http://[::1", "http://x:0",
                                      "http://x:port"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        err_clear(&ei);
        assert_null(endpoint_new(bad[i], NULL, &ei));
        assert_non_null(strstr(ei.text, bad[i]));
    }
}

static void authorities_are_spelled_for_host(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"http://127.0.0.1:80", "127.0.0.1"},
                                           {"http://127.0.0.1:443", "127.0.0.1:443"},
                                           {"https://127.0.0.1:443", "127.0.0.1"},
                                           {"http://[::1]:9001", "[::1]:9001"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct endpoint *e = endpoint_new(cases[i][0], NULL, NULL);
        struct endpoint_address addresses[ENDPOINT_ADDRESSES_MAX];
        assert_non_null(e);
        assert_string_equal(endpoint_authority(e), cases[i][1]);
        assert_int_equal(endpoint_addresses(e, addresses, NULL), 1);
        endpoint_free(e);
    }
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* the scripted server's TLS; the pool itself never raises it */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_authority_is_trusted_and_sessions_resume),
        cmocka_unit_test(a_cancelled_call_leaves_the_session),
        cmocka_unit_test(a_numeric_host_is_checked_by_address),
        cmocka_unit_test(strangers_are_refused),
        cmocka_unit_test(old_tls_is_refused),
        cmocka_unit_test(a_handshake_has_a_time_limit),
        cmocka_unit_test(large_bodies_go_both_ways),
        cmocka_unit_test(a_cut_is_no_end_of_a_body),
        cmocka_unit_test(a_wrong_ca_file_is_told),
        cmocka_unit_test(authorities_are_spelled_for_host),
    };
    return cmocka_run_group_tests(tests, make_authorities, forget_authorities);
}
