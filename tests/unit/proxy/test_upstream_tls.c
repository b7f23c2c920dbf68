/* The upstream pool over TLS: who is trusted, sessions resumed, large bodies; and the endpoint's
 * proxy. */
#include "tests/unit/proxy/upstream_rig.h"

#define LARGE (16 * 1024 * 1024)

static char ca_file[64], other_ca_file[64];
static EVP_PKEY *ca_key, *server_key;
static X509 *ca;

/* --- a certificate authority of our own --- */

static X509 *certificate(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key,
                         const char *extension, int nid)
{
    static long serial = 1;
    X509 *x = X509_new();
    assert_non_null(x);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x));
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer ? issuer : x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &context, nid, extension);
    assert_non_null(e);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    assert_true(X509_sign(x, issuer_key, EVP_sha256()) > 0);
    return x;
}

static void write_certificate(char path[64], X509 *x)
{
    (void)snprintf(path, 64, "/tmp/upstream_ca_XXXXXX");
    FILE *f = fdopen(mkstemp(path), "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, x), 1);
    fclose(f);
}

static int make_authorities(void **state)
{
    (void)state;
    ca_key = EVP_EC_gen("P-256");
    server_key = EVP_EC_gen("P-256");
    ca = certificate(ca_key, "test authority", NULL, ca_key, "critical,CA:TRUE",
                     NID_basic_constraints);
    X509 *other = certificate(server_key, "other authority", NULL, server_key, "critical,CA:TRUE",
                              NID_basic_constraints);
    write_certificate(ca_file, ca);
    write_certificate(other_ca_file, other);
    X509_free(other);
    return 0;
}

static int forget_authorities(void **state)
{
    (void)state;
    X509_free(ca);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(server_key);
    return unlink(ca_file) | unlink(other_ca_file);
}

/* A server of that name, e.g. "DNS:localhost". */
static SSL_CTX *server_of(const char *alternative_name, int version)
{
    SSL_CTX *t = SSL_CTX_new(TLS_server_method());
    X509 *x = certificate(server_key, "server", ca, ca_key, alternative_name, NID_subject_alt_name);
    assert_non_null(t);
    assert_int_equal(SSL_CTX_use_certificate(t, x), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(t, server_key), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(t, version), 1);
    SSL_CTX_set_session_id_context(t, (const unsigned char *)"test", 4);
    X509_free(x);
    return t;
}

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
    expect_failure(&a, UPSTREAM_UNREACHABLE, "within 50 ms");
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

static bool told_of_proxy(const char *url)
{
    struct endpoint *e = endpoint_new(url, NULL, NULL);
    assert_non_null(e);
    bool told = endpoint_proxy(e) != NULL;
    endpoint_free(e);
    return told;
}

static void a_proxy_in_the_environment_is_noticed(void **state)
{
    (void)state;
    unsetenv("https_proxy");
    unsetenv("no_proxy");
    unsetenv("NO_PROXY");
    setenv("HTTPS_PROXY", "http://proxy:3128", 1);
    assert_true(told_of_proxy("https://127.0.0.1"));
    assert_false(told_of_proxy("http://127.0.0.1"));
    setenv("NO_PROXY", "example.com, 0.0.1 ,.local", 1);
    assert_true(told_of_proxy("https://127.0.0.2"));
    assert_false(told_of_proxy("https://127.0.0.1"));
    setenv("NO_PROXY", "127.0.0.1", 1);
    assert_false(told_of_proxy("https://127.0.0.1"));
    setenv("no_proxy", "LOCALHOST", 1);
    assert_false(told_of_proxy("https://localhost"));
    assert_true(told_of_proxy("https://127.0.0.1"));
    setenv("no_proxy", "*", 1);
    assert_false(told_of_proxy("https://127.0.0.1"));
    setenv("no_proxy", "host", 1);
    assert_true(told_of_proxy("https://localhost"));
    unsetenv("HTTPS_PROXY");
    unsetenv("no_proxy");
    unsetenv("NO_PROXY");
    assert_false(told_of_proxy("https://127.0.0.1"));
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
        cmocka_unit_test(a_proxy_in_the_environment_is_noticed),
    };
    return cmocka_run_group_tests(tests, make_authorities, forget_authorities);
}
