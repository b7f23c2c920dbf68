/* TLS between real sockets and the front: ALPN, versions, client certificates, both HTTPs. */
#include "tests/unit/proxy/http2_client.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static char certificate[64] = "/tmp/front_tls_crt_XXXXXX",
            private_key[64] = "/tmp/front_tls_key_XXXXXX";

/* A self-signed certificate for localhost, valid for a day, in two files. */
static int make_certificate(void **state)
{
    (void)state;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    FILE *crt = fdopen(mkstemp(certificate), "w"), *pem = fdopen(mkstemp(private_key), "w");

    if (!key || !x || !crt || !pem) {
        return -1;
    }
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    int good = X509_sign(x, key, EVP_sha256()) > 0 && PEM_write_X509(crt, x) == 1 &&
               PEM_write_PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL) == 1;
    fclose(crt);
    fclose(pem);
    X509_free(x);
    EVP_PKEY_free(key);
    return good ? 0 : -1;
}

static int remove_certificate(void **state)
{
    (void)state;
    return unlink(certificate) | unlink(private_key);
}

static void tls_start(struct server *s)
{
    s->listen.host = "127.0.0.1";
    s->listen.certificate = certificate;
    s->listen.private_key = private_key;
    server_start(s);
    assert_true(strncmp(listener_url(s->listener), "https://", 8) == 0);
}

struct hello {
    const char *alpn; /* wire format, or NULL */
    int max_version;
    bool with_certificate;
    SSL_SESSION *session;
};

/* A TLS client on fd; NULL when the handshake fails (fd is closed then). */
static SSL *tls_connect(int fd, struct hello h)
{
    SSL_CTX *t = SSL_CTX_new(TLS_client_method());
    assert_non_null(t);
    SSL_CTX_set_security_level(t, 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(t, TLS1_VERSION), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(t, h.max_version), 1);
    if (h.with_certificate) {
        assert_int_equal(SSL_CTX_use_certificate_file(t, certificate, SSL_FILETYPE_PEM), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(t, private_key, SSL_FILETYPE_PEM), 1);
    }
    SSL *ssl = SSL_new(t);
    SSL_CTX_free(t);
    assert_non_null(ssl);
    if (h.alpn) {
        assert_int_equal(
            SSL_set_alpn_protos(ssl, (const unsigned char *)h.alpn, (unsigned)strlen(h.alpn)), 0);
    }
    if (h.session) {
        SSL_set_session(ssl, h.session);
    }
    SSL_set_fd(ssl, fd);
    if (SSL_connect(ssl) != 1) {
        ERR_clear_error();
        SSL_free(ssl);
        close(fd);
        return NULL;
    }
    return ssl;
}

static bool alpn_is(SSL *ssl, const char *name)
{
    const unsigned char *got = NULL;
    unsigned n = 0;
    SSL_get0_alpn_selected(ssl, &got, &n);
    return n == strlen(name) && (n == 0 || memcmp(got, name, n) == 0);
}

/* Sends a request, reads until the text comes. */
static bool ask(SSL *ssl, const char *request, const char *awaited)
{
    char all[8192];
    size_t n = 0;
    assert_int_equal(SSL_write(ssl, request, (int)strlen(request)), (int)strlen(request));
    while (n < sizeof all) {
        int got = SSL_read(ssl, all + n, (int)(sizeof all - n));
        if (got <= 0) {
            return false;
        }
        n += (size_t)got;
        if (memmem(all, n, awaited, strlen(awaited))) {
            return true;
        }
    }
    return false;
}

static void serves_http1(void **state)
{
    (void)state;
    static const char *const offers[] = {"\x08http/1.1", NULL, "\x08http/1.0\x08http/1.1"};
    struct server s = {0};
    tls_start(&s);
    for (int i = 0; i < 3; i++) {
        int fd = client_open(&s, 0);
        SSL *ssl = tls_connect(fd, (struct hello){.alpn = offers[i]});
        assert_non_null(ssl);
        assert_true(alpn_is(ssl, i == 1 ? "" : "http/1.1"));
        assert_true(
            ask(ssl, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "hello"));
        assert_true(ask(
            ssl, "GET /chunked HTTP/1.1\r\nHost: a\r\n\r\nGET /empty HTTP/1.1\r\nHost: a\r\n\r\n",
            " 204 "));
        SSL_free(ssl);
        close(fd);
    }
    assert_int_equal(s.gate.tls, 9);
    assert_int_equal(s.gate.http2, 0);
    server_stop(&s);
}

static void serves_http2(void **state)
{
    (void)state;
    struct server s = {0};
    tls_start(&s);
    int fd = client_open(&s, 0);
    SSL *ssl = tls_connect(fd, (struct hello){.alpn = "\x08http/1.1\x02h2"});
    assert_non_null(ssl);
    assert_true(alpn_is(ssl, "h2")); /* our choice, not the client's order */
    struct h2_client *c = h2_open(fd, ssl, true);
    assert_string_equal(h2_get(c, "/chunked")->body, "onetwo!");
    struct h2_reply *r = h2_get(c, "/big/3000000");
    assert_int_equal(r->received, 3000000);
    assert_int_equal(s.gate.tls, 2);
    assert_int_equal(s.gate.http2, 2);
    int32_t id = h2_ask(c, "GET", "/hold", NULL, NULL, NULL);
    H2_UNTIL(c, s.gate.open == 1);
    assert_true(id > 0);
    h2_close(c);
    WAIT_FOR(s.gate.gone == 1);

    fd = client_open(&s, 0); /* prior knowledge inside TLS, without ALPN */
    ssl = tls_connect(fd, (struct hello){0});
    assert_non_null(ssl);
    c = h2_open(fd, ssl, true);
    assert_int_equal(h2_get(c, "/echo")->status, 200);
    h2_close(c);
    server_stop(&s);
}

static void moves_big_bodies(void **state)
{
    (void)state;
    enum { SIZE = 8 * 1024 * 1024 };
    struct server s = {0};
    tls_start(&s);
    int fd = client_open(&s, 0);
    SSL *ssl = tls_connect(fd, (struct hello){0});
    assert_non_null(ssl);
    char head[128], *body = malloc(SIZE), *got = malloc(SIZE + 1024);
    assert_true(body && got);
    for (size_t i = 0; i < SIZE; i++) {
        body[i] = (char)(i * 13 >> 4);
    }
    snprintf(head, sizeof head,
             "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n",
             SIZE);
    assert_true(SSL_write(ssl, head, (int)strlen(head)) > 0);
    assert_int_equal(SSL_write(ssl, body, SIZE), SIZE);
    size_t n = 0;
    int now;
    while ((now = SSL_read(ssl, got + n, (int)(SIZE + 1024 - n))) > 0) {
        n += (size_t)now;
    }
    assert_int_equal(SSL_get_error(ssl, now), SSL_ERROR_ZERO_RETURN); /* close_notify, not a cut */
    assert_true(n > SIZE);
    assert_memory_equal(got + n - SIZE, body, SIZE);
    free(body);
    free(got);
    SSL_free(ssl);
    close(fd);
    server_stop(&s);
}

static void notices_clients_that_leave(void **state)
{
    (void)state;
    struct server s = {0};
    tls_start(&s);
    for (int i = 0; i < 3; i++) {
        int fd = client_open(&s, 0);
        SSL *ssl = tls_connect(fd, (struct hello){0});
        assert_non_null(ssl);
        const char *request = "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_true(SSL_write(ssl, request, (int)strlen(request)) > 0);
        WAIT_FOR(s.gate.requests == i + 1);
        if (i == 0) {
            SSL_shutdown(ssl); /* only close_notify */
        } else if (i == 1) {
            shutdown(fd, SHUT_WR);
        } else {
            close(fd);
        }
        WAIT_FOR(s.gate.gone == i + 1);
        SSL_free(ssl);
        if (i < 2) {
            close(fd);
        }
    }
    server_stop(&s);
}

static void refuses_bad_handshakes(void **state)
{
    (void)state;
    struct server s = {.config = config_default()};
    s.config.requests.header_timeout_ms = 100;
    tls_start(&s);
    const struct front_counts *counts = front_counts(s.front);
    assert_null(tls_connect(client_open(&s, 0), (struct hello){.alpn = "\x06spdy/3"}));
    WAIT_FOR(counted(&counts->tls_failures) == 1);
    assert_null(tls_connect(client_open(&s, 0), (struct hello){.max_version = TLS1_1_VERSION}));
    WAIT_FOR(counted(&counts->tls_failures) == 2);
    int fd = client_open(&s, 0);
    client_text(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    char piece[64];
    while (client_read(fd, piece, sizeof piece) > 0) {
    }
    close(fd);
    WAIT_FOR(counted(&counts->tls_failures) == 3);
    fd = client_open(&s, 0); /* says nothing */
    assert_int_equal(client_read(fd, piece, sizeof piece), 0);
    assert_int_equal(counted(&counts->timeouts), 1);
    close(fd);
    SSL *ssl = tls_connect(fd = client_open(&s, 0), (struct hello){.max_version = TLS1_2_VERSION});
    assert_non_null(ssl);
    assert_true(ask(ssl, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n", " 200 "));
    SSL_free(ssl);
    close(fd);
    assert_int_equal(s.gate.heads, 1);
    server_stop(&s);
}

static void asks_for_client_certificates(void **state)
{
    (void)state;
    struct server s = {.listen = {.client_ca = certificate}};
    tls_start(&s);
    for (int with = 0; with < 2; with++) { /* a caller may have a key instead */
        int fd = client_open(&s, 0);
        SSL *ssl = tls_connect(fd, (struct hello){.with_certificate = with});
        assert_non_null(ssl);
        assert_true(ask(ssl, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n", " 200 "));
        assert_string_equal(s.gate.subject, with ? "CN=localhost" : "");
        SSL_free(ssl);
        close(fd);
    }
    server_stop(&s);
}

static void resumes_sessions(void **state)
{
    (void)state;
    struct server s = {0};
    tls_start(&s);
    int fd = client_open(&s, 0);
    SSL *ssl = tls_connect(fd, (struct hello){0});
    assert_non_null(ssl);
    assert_true(ask(ssl, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n", " 200 "));
    SSL_SESSION *ticket = SSL_get1_session(ssl);
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
    ssl = tls_connect(fd = client_open(&s, 0), (struct hello){.session = ticket});
    assert_non_null(ssl);
    assert_true(SSL_session_reused(ssl));
    SSL_SESSION_free(ticket);
    SSL_free(ssl);
    close(fd);
    server_stop(&s);
}

static void says_which_file_is_bad(void **state)
{
    (void)state;
    struct config_listen c = {.host = "127.0.0.1", .certificate = "/nowhere/tls.crt"};
    struct err_info ei = {0};
    assert_null(listener_open(&c, 1, &ei));
    assert_int_equal(ei.code, ERR_IO);
    assert_string_equal(ei.text,
                        "cannot use certificate /nowhere/tls.crt: No such file or directory");
    err_clear(&ei);
    c.certificate = certificate; /* holds no key */
    assert_null(listener_open(&c, 1, &ei));
    assert_non_null(strstr(ei.text, "private_key"));
    err_clear(&ei);
    c.private_key = private_key;
    c.client_ca = private_key; /* holds no certificate */
    assert_null(listener_open(&c, 1, &ei));
    assert_non_null(strstr(ei.text, "client_ca"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(serves_http1),           cmocka_unit_test(serves_http2),
        cmocka_unit_test(moves_big_bodies),       cmocka_unit_test(notices_clients_that_leave),
        cmocka_unit_test(refuses_bad_handshakes), cmocka_unit_test(asks_for_client_certificates),
        cmocka_unit_test(resumes_sessions),       cmocka_unit_test(says_which_file_is_bad),
    };
    return cmocka_run_group_tests(tests, make_certificate, remove_certificate);
}
