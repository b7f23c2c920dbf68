/* http2_client.h: a client's side of HTTP/2 for the front's tests: nghttp2 over a socket or TLS. */
#ifndef TOLLGATE_TESTS_HTTP2_CLIENT_H
#define TOLLGATE_TESTS_HTTP2_CLIENT_H

#include "tests/unit/proxy/fake_gate.h"

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>

#define H2_STREAMS 600

struct h2_reply {
    int status;
    bool closed, date, fake;
    uint32_t code;  /* of the close */
    int64_t length; /* content-length; -1: none */
    size_t received;
    char body[64]; /* its first bytes */
};

struct h2_client {
    int fd;
    SSL *ssl; /* or NULL */
    nghttp2_session *session;
    bool ended, goaway;
    uint32_t goaway_code;
    int pushed_back; /* refused or closed streams */
    const char *upload;
    size_t upload_left;
    bool upload_open;                    /* the body does not end */
    struct h2_reply replies[H2_STREAMS]; /* by (stream id - 1) / 2 */
};

static struct h2_reply *h2_reply(struct h2_client *c, int32_t id)
{
    assert_true(id > 0 && id / 2 < H2_STREAMS);
    return &c->replies[id / 2];
}

static int h2_on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                        size_t n, const uint8_t *value, size_t value_n, uint8_t flags, void *user)
{
    struct h2_reply *r = h2_reply(user, frame->hd.stream_id);
    struct str key = {(const char *)name, n}, text = {(const char *)value, value_n};

    (void)session;
    (void)flags;
    if (str_is(key, ":status")) {
        int64_t status = 0;
        assert_true(str_to_i64(text, &status));
        r->status = (int)status;
        r->length = -1;
    } else if (str_is(key, "content-length")) {
        assert_true(str_to_i64(text, &r->length));
    }
    r->date |= str_is(key, "date") && text.n == 29;
    r->fake |= str_is(key, "x-fake") && str_is(text, "yes");
    return 0;
}

static int h2_on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                      size_t n, void *user)
{
    struct h2_reply *r = h2_reply(user, id);

    (void)session;
    (void)flags;
    for (size_t i = 0; i < n && r->received + i < sizeof r->body - 1; i++) {
        r->body[r->received + i] = (char)data[i];
    }
    r->received += n;
    return 0;
}

static int h2_on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct h2_reply *r = h2_reply(user, id);

    (void)session;
    r->closed = true;
    r->code = code;
    return 0;
}

static int h2_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct h2_client *c = user;

    (void)session;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        c->goaway = true;
        c->goaway_code = frame->goaway.error_code;
    }
    return 0;
}

static ssize_t h2_upload(nghttp2_session *session, int32_t id, uint8_t *to, size_t n,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct h2_client *c = user;

    (void)session;
    (void)id;
    (void)source;
    n = n < c->upload_left ? n : c->upload_left;
    if (n == 0 && c->upload_open) {
        return NGHTTP2_ERR_DEFERRED;
    }
    memcpy(to, c->upload, n);
    c->upload += n;
    c->upload_left -= n;
    if (c->upload_left == 0 && !c->upload_open) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)n;
}

/* Takes fd (and ssl). consume: received bytes give window back at once. */
static struct h2_client *h2_open(int fd, SSL *ssl, bool consume)
{
    struct h2_client *c = calloc(1, sizeof *c);
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;

    assert_non_null(c);
    c->fd = fd;
    c->ssl = ssl;
    assert_int_equal(nghttp2_session_callbacks_new(&callbacks), 0);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, h2_on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, h2_on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, h2_on_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, h2_on_frame);
    assert_int_equal(nghttp2_option_new(&option), 0);
    nghttp2_option_set_no_auto_window_update(option, !consume);
    assert_int_equal(nghttp2_session_client_new2(&c->session, callbacks, c, option), 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    assert_int_equal(nghttp2_submit_settings(c->session, 0, NULL, 0), 0);
    return c;
}

static void h2_close(struct h2_client *c)
{
    nghttp2_session_del(c->session);
    SSL_free(c->ssl);
    close(c->fd);
    free(c);
}

static void h2_write(struct h2_client *c, const void *data, size_t n)
{
    if (c->ssl) {
        size_t sent = 0;
        if (SSL_write_ex(c->ssl, data, n, &sent) != 1) {
            c->ended = true;
        }
        return;
    }
    while (n > 0) {
        ssize_t sent = send(c->fd, data, n, MSG_NOSIGNAL);
        if (sent <= 0) {
            c->ended = true;
            return;
        }
        data = (const char *)data + sent;
        n -= (size_t)sent;
    }
}

/* Sends what waits, then reads once, waiting at most ms. */
static void h2_pump(struct h2_client *c, int ms)
{
    static char piece[65536];
    const uint8_t *data;
    ssize_t n;

    while ((n = nghttp2_session_mem_send(c->session, &data)) > 0) {
        h2_write(c, data, (size_t)n);
    }
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    if (!(c->ssl && SSL_pending(c->ssl)) && poll(&p, 1, ms) <= 0) {
        return;
    }
    n = c->ssl ? SSL_read(c->ssl, piece, sizeof piece) : recv(c->fd, piece, sizeof piece, 0);
    if (n <= 0) {
        c->ended = true;
        return;
    }
    if (nghttp2_session_mem_recv(c->session, (const uint8_t *)piece, (size_t)n) != n) {
        c->ended = true;
    }
}

#define H2_UNTIL(client, condition)                                                                \
    do {                                                                                           \
        int64_t until = clock_mono_us() + DEADLINE_US;                                             \
        while (!(condition) && !(client)->ended && clock_mono_us() < until) {                      \
            h2_pump(client, 5);                                                                    \
        }                                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

static nghttp2_nv h2_nv(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), 0};
}

/* Returns the stream id. body NULL: none. extra: one more header, or NULL. */
static int32_t h2_ask(struct h2_client *c, const char *method, const char *path, const char *body,
                      const char *extra, const char *extra_value)
{
    nghttp2_nv nv[6] = {h2_nv(":method", method), h2_nv(":scheme", "http"), h2_nv(":path", path),
                        h2_nv(":authority", "a:1"), h2_nv("x-test", "1")};
    size_t count = 5;
    nghttp2_data_provider provider = {.read_callback = h2_upload};

    if (extra) {
        nv[count++] = h2_nv(extra, extra_value);
    }
    if (body) {
        c->upload = body;
        c->upload_left = strlen(body);
    }
    bool sends = body || c->upload_left > 0 || c->upload_open;
    int32_t id =
        nghttp2_submit_request(c->session, NULL, nv, count, sends ? &provider : NULL, NULL);
    assert_true(id > 0);
    return id;
}

static struct h2_reply *h2_get(struct h2_client *c, const char *path)
{
    int32_t id = h2_ask(c, "GET", path, NULL, NULL, NULL);
    H2_UNTIL(c, h2_reply(c, id)->closed);
    return h2_reply(c, id);
}

#endif
