/* http1_client.h: a client of HTTP/1.1 over a real socket, for the front's tests. */
#ifndef TOLLGATE_TESTS_HTTP1_CLIENT_H
#define TOLLGATE_TESTS_HTTP1_CLIENT_H

#include "tests/unit/proxy/fake_gate.h"

struct reply {
    int status;
    bool keep_alive;
    struct buf raw; /* head and whatever came behind it */
    struct buf body;
    struct http_head head;
};

struct client {
    int fd;
    struct buf in; /* read and not yet taken */
};

static inline bool more(struct client *c)
{
    char piece[16384];
    size_t n = client_read(c->fd, piece, sizeof piece);
    return n > 0 && buf_append(&c->in, piece, n);
}

static inline void reply_free(struct reply *r)
{
    buf_free(&r->raw);
    buf_free(&r->body);
}

/* One whole answer; false when the connection ended before it was complete. */
static inline bool read_reply_to(struct client *c, struct reply *r, bool to_head)
{
    struct err_info ei = {0};
    size_t n;

    *r = (struct reply){0};
    while ((n = http1_head_length(buf_bytes(&c->in), c->in.len, 0)) == 0) {
        if (!more(c)) {
            return false;
        }
    }
    buf_append(&r->raw, buf_bytes(&c->in), n);
    buf_consume(&c->in, n);
    if (http1_parse_response(&r->head, buf_bytes(&r->raw), n, to_head, &ei)) {
        fail_msg("%s", ei.text);
    }
    r->status = r->head.status;
    r->keep_alive = r->head.keep_alive;
    struct http1_chunked chunked = {0};
    bool end = r->head.body == HTTP_BODY_NONE;
    while (!end) {
        if (r->head.body == HTTP_BODY_LENGTH && (int64_t)r->body.len == r->head.content_length) {
            break;
        }
        if (c->in.len == 0 && !more(c)) {
            return r->head.body == HTTP_BODY_UNTIL_CLOSE;
        }
        size_t used = c->in.len;
        struct str piece = buf_str(&c->in);
        if (r->head.body == HTTP_BODY_CHUNKED) {
            assert_int_equal(http1_chunked_feed(&chunked, piece.p, c->in.len, &used, &piece, &end),
                             ERR_OK);
        } else if (r->head.body == HTTP_BODY_LENGTH &&
                   (int64_t)used > r->head.content_length - (int64_t)r->body.len) {
            used = piece.n = (size_t)r->head.content_length - r->body.len;
        }
        buf_append(&r->body, piece.p, piece.n);
        buf_consume(&c->in, used);
    }
    return true;
}

static inline bool read_reply(struct client *c, struct reply *r)
{
    return read_reply_to(c, r, false);
}

static inline struct client client_new(const struct server *s)
{
    return (struct client){.fd = client_open(s, 0)};
}

static inline void client_end(struct client *c)
{
    close(c->fd);
    buf_free(&c->in);
}

static inline void assert_closed(struct client *c)
{
    char byte;
    assert_int_equal(c->in.len, 0);
    assert_int_equal(client_read(c->fd, &byte, 1), 0);
}

static inline void expect_reply(struct client *c, int status, const char *body)
{
    struct reply r;
    assert_true(read_reply(c, &r));
    assert_int_equal(r.status, status);
    if (body) {
        assert_string_equal(buf_cstr(&r.body), body);
    }
    reply_free(&r);
}

#endif
