/* HTTP/1.1 between real sockets and the front. */
#include "tests/unit/proxy/http1_client.h"

#include "core/base/log.h"
#include "core/proxy/front_private.h"

#include <malloc.h>
#include <sys/resource.h>

static void answers_and_keeps_alive(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    struct client c = client_new(&s);
    for (int i = 0; i < 3; i++) {
        client_text(c.fd,
                    "POST /echo HTTP/1.1\r\nHost: a:1\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello");
        struct reply r;
        assert_true(read_reply(&c, &r));
        assert_int_equal(r.status, 200);
        assert_string_equal(buf_cstr(&r.body), "hello");
        assert_true(str_is(http_value(&r.head, "x-fake"), "yes"));
        assert_int_equal(http_value(&r.head, "date").n, 29);
        assert_null(http_find(&r.head, "server"));
        assert_true(r.keep_alive);
        reply_free(&r);
    }
    assert_int_equal(s.gate.heads, 3);
    assert_int_equal(s.gate.requests, 3);
    assert_int_equal(s.gate.loopback, 3);
    assert_int_equal(s.gate.body_bytes, 15);
    assert_string_equal(s.gate.method, "POST");
    assert_string_equal(s.gate.target, "/echo");
    assert_string_equal(s.gate.authority, "a:1");
    assert_int_equal(s.gate.header_count, 3);
    assert_int_equal(counted(&front_counts(s.front)->connections), 1);
    assert_int_equal(counted(&front_counts(s.front)->requests), 3);
    client_end(&c);
    server_stop(&s);
}

static void closes_when_asked(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    struct client c = client_new(&s);
    client_text(c.fd, "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    struct reply r;
    assert_true(read_reply(&c, &r));
    assert_false(r.keep_alive);
    reply_free(&r);
    assert_closed(&c);
    client_end(&c);

    c = client_new(&s);
    client_text(c.fd, "GET /chunked HTTP/1.0\r\n\r\n");
    assert_true(read_reply(&c, &r));
    assert_int_equal(r.head.body, HTTP_BODY_UNTIL_CLOSE);
    assert_string_equal(buf_cstr(&r.body), "onetwo!");
    reply_free(&r);
    client_end(&c);

    c = client_new(&s);
    client_text(c.fd, "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_true(read_reply(&c, &r));
    assert_true(str_is(http_value(&r.head, "connection"), "keep-alive"));
    reply_free(&r);
    client_text(c.fd, "GET /echo HTTP/1.0\r\n\r\n");
    expect_reply(&c, 200, "");
    assert_closed(&c);
    client_end(&c);
    server_stop(&s);
}

static void answers_without_body(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    struct client c = client_new(&s);
    struct reply r;
    client_text(c.fd,
                "HEAD /big/1000 HTTP/1.1\r\nHost: a\r\n\r\nGET /empty HTTP/1.1\r\nHost: a\r\n\r\n"
                "HEAD /chunked HTTP/1.1\r\nHost: a\r\n\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(read_reply_to(&c, &r, true));
    assert_int_equal(r.status, 200);
    assert_true(str_is(http_value(&r.head, "content-length"), "1000"));
    reply_free(&r);
    assert_true(read_reply(&c, &r));
    assert_int_equal(r.status, 204);
    assert_null(http_find(&r.head, "content-length"));
    assert_null(http_find(&r.head, "transfer-encoding"));
    reply_free(&r);
    assert_true(read_reply_to(&c, &r, true));
    assert_int_equal(r.status, 200);
    reply_free(&r);
    expect_reply(&c, 200, "");
    client_end(&c);
    server_stop(&s);
}

static void streams_chunks_at_once(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    struct client c = client_new(&s);
    struct reply r;
    client_text(c.fd, "GET /chunked HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(read_reply(&c, &r));
    assert_int_equal(r.head.body, HTTP_BODY_CHUNKED);
    assert_string_equal(buf_cstr(&r.body), "onetwo!");
    reply_free(&r);

    client_text(c.fd, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    while (!memmem(buf_bytes(&c.in), c.in.len, "first", 5)) {
        assert_true(more(&c));
    }
    buf_clear(&c.in);
    in_server(&s, send_event);
    while (!memmem(buf_bytes(&c.in), c.in.len, "5\r\nevent\r\n", 10)) {
        assert_true(more(&c));
    }
    in_server(&s, release_held);
    while (!memmem(buf_bytes(&c.in), c.in.len, "4\r\nlast\r\n0\r\n\r\n", 14)) {
        assert_true(more(&c));
    }
    client_end(&c);
    server_stop(&s);
}

struct writer {
    int fd;
    struct buf what;
};

static void *write_all(void *arg)
{
    const struct writer *w = arg;
    client_send(w->fd, buf_bytes(&w->what), w->what.len);
    return NULL;
}

static void pipelines_in_order(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    struct client c = client_new(&s);
    client_text(c.fd, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(s.gate.requests == 1);
    struct buf many = {0};
    for (int i = 0; i < 3000; i++) {
        buf_printf(&many, "POST /echo/%d HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n%04d", i,
                   i);
    }
    /* More than the front is willing to hold: it stops reading until the first answer is out. */
    struct writer w = {.fd = c.fd, .what = many};
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, write_all, &w), 0);
    assert_int_equal(s.gate.heads, 1);
    in_server(&s, release_held);
    expect_reply(&c, 200, "held");
    for (int i = 0; i < 3000; i++) {
        char body[16];
        snprintf(body, sizeof body, "%04d", i);
        expect_reply(&c, 200, body);
    }
    pthread_join(writer, NULL);
    buf_free(&many);
    assert_int_equal(s.gate.heads, 3001);
    client_end(&c);
    server_stop(&s);
}

static void takes_chunked_bodies(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    struct client c = client_new(&s);
    const char *request = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                          "3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\nTrailer: x\r\n\r\n";
    client_text(c.fd, request);
    expect_reply(&c, 200, "abcdefgh");
    for (const char *at = request; *at; at++) { /* byte by byte */
        client_send(c.fd, at, 1);
    }
    expect_reply(&c, 200, "abcdefgh");
    client_text(c.fd,
                "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX");
    expect_reply(&c, 400, NULL);
    assert_closed(&c);
    assert_int_equal(s.gate.broken_status, 400);
    client_end(&c);
    server_stop(&s);
}

static void invites_bodies(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    struct client c = client_new(&s);
    struct reply r;
    client_text(
        c.fd,
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_true(read_reply(&c, &r));
    assert_int_equal(r.status, 100);
    reply_free(&r);
    client_text(c.fd, "ok");
    expect_reply(&c, 200, "ok");
    /* A refusal instead of an invitation ends the connection: the body may or may not follow. */
    client_text(
        c.fd, "POST /now HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_true(read_reply(&c, &r));
    assert_int_equal(r.status, 403);
    assert_false(r.keep_alive);
    reply_free(&r);
    assert_closed(&c);
    client_end(&c);
    server_stop(&s);
}

static void takes_big_bodies(void **state)
{
    (void)state;
    struct server s = {0};
    size_t size = 25 * 1024 * 1024;
    server_start(&s);
    struct client c = client_new(&s);
    char *body = malloc(size);
    assert_non_null(body);
    for (size_t i = 0; i < size; i++) {
        body[i] = (char)(i * 7 >> 3);
    }
    struct reply r;
    char head[128];
    snprintf(head, sizeof head, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
             size);
    client_text(c.fd, head);
    client_send(c.fd, body, size);
    assert_true(read_reply(&c, &r));
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body.len, size);
    assert_memory_equal(buf_bytes(&r.body), body, size);
    assert_int_equal(s.gate.body_bytes, size);
    reply_free(&r);
    free(body);
    client_end(&c);
    server_stop(&s);
}

static void refuses_too_large_bodies(void **state)
{
    (void)state;
    struct server s = {.config = config_default()};
    s.config.requests.max_body = 1000;
    server_start(&s);
    struct client c = client_new(&s);
    static char zeros[200000];
    client_text(c.fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n");
    client_send(c.fd, zeros, sizeof zeros); /* the client writes on before it reads */
    expect_reply(&c, 413, "the request body is larger than requests.max_body");
    assert_closed(&c);
    client_end(&c);
    assert_int_equal(s.gate.broken_status, 413);

    c = client_new(&s);
    client_text(c.fd,
                "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n");
    client_send(c.fd, zeros, 1000);
    client_text(c.fd, "\r\n1\r\nx\r\n0\r\n\r\n");
    expect_reply(&c, 413, NULL);
    assert_closed(&c);
    client_end(&c);
    assert_int_equal(s.gate.requests, 0);
    assert_int_equal(s.gate.broken, 2);
    assert_int_equal(counted(&front_counts(s.front)->bad_requests), 2);
    server_stop(&s);
}

static void answers_before_the_body(void **state)
{
    (void)state;
    struct server s = {0};
    static char zeros[100000];
    server_start(&s);
    /* A short rest is read away and the connection lives on. */
    struct client c = client_new(&s);
    client_text(c.fd, "POST /now HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    expect_reply(&c, 403, "now");
    client_text(c.fd, "12345GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_reply(&c, 200, "");
    /* A long one is not worth it. */
    client_text(c.fd, "POST /now HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    client_send(c.fd, zeros, sizeof zeros);
    expect_reply(&c, 403, "now");
    assert_closed(&c);
    client_end(&c);
    assert_int_equal(s.gate.body_bytes, 0);
    server_stop(&s);
}

static void refuses_hostile_heads(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status;
    } table[] = {
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: "
         "chunked\r\n\r\n",
         400},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: +30\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\nContent-Length: "
         "3\r\n\r\n",
         400},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n", 400},
        {"GET /echo HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400},
        {"GET /echo HTTP/1.1\nHost: a\n\n", 400},
        {"GET /echo HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400},
        {"GET /echo HTTP/1.1\r\nHost: a\r\nX(A): b\r\n\r\n", 400},
        {"GET /echo HTTP/1.1\r\n\r\n", 400},
        {"GET /echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET /echo HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000000\r\n\r\n", 413},
        {"\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"\x16\x03\x01\x02\x00\x01", 400}, /* TLS on a plain port */
        {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1e\r\n", 400},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+1e\r\n", 400},
    };
    struct server s = {0};
    server_start(&s);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct client c = client_new(&s);
        struct reply r;
        client_text(c.fd, table[i].text);
        client_text(c.fd, "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_true(read_reply(&c, &r));
        assert_int_equal(r.status, table[i].status);
        assert_false(r.keep_alive);
        reply_free(&r);
        assert_closed(&c);
        client_end(&c);
    }
    static const char nul[] = "GET /echo HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n";
    struct client c = client_new(&s);
    client_send(c.fd, nul, sizeof nul - 1);
    expect_reply(&c, 400, NULL);
    client_end(&c);
    assert_int_equal(s.gate.requests, 0);
    server_stop(&s);
}

static void refuses_header_bombs(void **state)
{
    (void)state;
    struct server s = {.config = config_default()};
    s.config.requests.max_header = 4096;
    server_start(&s);
    struct client c = client_new(&s);
    static char many[8000];
    memset(many, 'x', sizeof many);
    client_text(c.fd, "GET /echo HTTP/1.1\r\nHost: a\r\nX: ");
    client_send(c.fd, many, sizeof many);
    expect_reply(&c, 431, NULL);
    assert_closed(&c);
    client_end(&c);

    c = client_new(&s);
    client_text(c.fd, "GET /echo HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 101; i++) {
        client_text(c.fd, "a: b\r\n");
    }
    client_text(c.fd, "\r\n");
    expect_reply(&c, 431, NULL);
    client_end(&c);
    assert_int_equal(counted(&front_counts(s.front)->bad_requests), 2);
    assert_int_equal(s.gate.heads, 0);
    server_stop(&s);
}

static void limits_time(void **state)
{
    (void)state;
    struct server s = {.config = config_default()};
    s.config.requests.header_timeout_ms = 50;
    s.config.requests.body_timeout_ms = 50;
    server_start(&s);
    struct client silent = client_new(&s), slow = client_new(&s), body = client_new(&s);
    client_text(slow.fd, "GET /echo HTTP/1.1\r\nHo");
    client_text(body.fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12");
    assert_closed(&silent);
    expect_reply(&slow, 408, NULL);
    assert_closed(&slow);
    expect_reply(&body, 408, "the request body did not arrive within requests.body_timeout");
    assert_closed(&body);
    assert_int_equal(s.gate.broken_status, 408);
    assert_int_equal(counted(&front_counts(s.front)->timeouts), 3);
    client_end(&silent);
    client_end(&slow);
    client_end(&body);
    server_stop(&s);
}

static void cuts_clients_that_do_not_read(void **state)
{
    (void)state;
    struct server s = {.config = config_default()};
    s.config.requests.stall_timeout_ms = 100;
    server_start(&s);
    int fd = client_open(&s, 4096);
    client_text(fd, "GET /big/50000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(s.gate.gone == 1);
    assert_true(s.gate.max_pending > EXCHANGE_HIGH);
    assert_true(s.gate.max_pending <= EXCHANGE_HIGH + (long)sizeof big_piece);
    assert_int_equal(counted(&front_counts(s.front)->timeouts), 1);
    close(fd);
    server_stop(&s);
}

static void pauses_and_goes_on(void **state)
{
    (void)state;
    struct server s = {0};
    server_start(&s);
    struct client c = {.fd = client_open(&s, 8192)};
    struct reply r;
    client_text(c.fd, "GET /big/20000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    WAIT_FOR(s.gate.max_pending > EXCHANGE_HIGH);
    assert_true(read_reply(&c, &r));
    assert_int_equal(r.body.len, 20000000);
    assert_true(s.gate.drained > 0);
    assert_true(s.gate.max_pending <= EXCHANGE_HIGH + (long)sizeof big_piece);
    reply_free(&r);
    client_end(&c);
    server_stop(&s);
}

static void notices_clients_that_leave(void **state)
{
    (void)state;
    static const char *const before[] = {
        "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc",
        "GET /hold HTTP/1.1\r\nHost: a\r\n\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    struct server s = {0};
    server_start(&s);
    for (int i = 0; i < 12; i++) {
        int fd = client_open(&s, 0);
        client_text(fd, before[i % 4]);
        WAIT_FOR(s.gate.heads == i + 1);
        struct linger hard = {.l_onoff = 1};
        if (i < 4) {
            shutdown(fd, SHUT_WR);
        } else if (i < 8) {
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
            close(fd);
        } else {
            close(fd);
        }
        WAIT_FOR(s.gate.gone == i + 1);
        if (i < 4) {
            close(fd);
        }
    }
    assert_int_equal(s.gate.open, 0);
    server_stop(&s);
}

static void says_when_the_answer_breaks(void **state)
{
    (void)state;
    static const char *const targets[] = {"/abort", "/short", "/long"};
    struct server s = {0};
    server_start(&s);
    for (int i = 0; i < 3; i++) {
        struct client c = client_new(&s);
        struct reply r;
        char request[128];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", targets[i]);
        client_text(c.fd, request);
        assert_false(read_reply(&c, &r));
        reply_free(&r);
        client_end(&c);
    }
    WAIT_FOR(s.gate.gone == 1); /* of /long: the gate did not end it */
    server_stop(&s);
}

int main(void)
{
    log_init(-1, LOG_ERROR);
    mallopt(M_ARENA_MAX, 1); /* so that mallinfo2 sees the server's thread */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_and_keeps_alive),
        cmocka_unit_test(closes_when_asked),
        cmocka_unit_test(answers_without_body),
        cmocka_unit_test(streams_chunks_at_once),
        cmocka_unit_test(pipelines_in_order),
        cmocka_unit_test(takes_chunked_bodies),
        cmocka_unit_test(invites_bodies),
        cmocka_unit_test(takes_big_bodies),
        cmocka_unit_test(refuses_too_large_bodies),
        cmocka_unit_test(answers_before_the_body),
        cmocka_unit_test(refuses_hostile_heads),
        cmocka_unit_test(refuses_header_bombs),
        cmocka_unit_test(limits_time),
        cmocka_unit_test(cuts_clients_that_do_not_read),
        cmocka_unit_test(pauses_and_goes_on),
        cmocka_unit_test(notices_clients_that_leave),
        cmocka_unit_test(says_when_the_answer_breaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
