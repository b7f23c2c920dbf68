/* upstream_answer.c: an answer read from a connection: its head, its body, its end. */
#include "core/proxy/upstream_private.h"

#include <errno.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define READS_A_TURN 4

/* Hands body bytes over; *done turns true when the body is complete. False: it is malformed, or
 * bytes follow its end. */
static bool feed_body(struct upstream_call *k, const char *data, size_t n, bool *done)
{
    while (n > 0 && !*done && !k->cancelled) {
        struct str out = {data, n};
        size_t used = n;
        if (k->framing == HTTP_BODY_CHUNKED) {
            if (http1_chunked_feed(&k->chunked, data, n, &used, &out, done) != ERR_OK) {
                return false;
            }
        } else if (k->framing == HTTP_BODY_LENGTH) {
            used = (int64_t)n > k->left ? (size_t)k->left : n;
            out.n = used;
            k->left -= (int64_t)used;
            *done = k->left == 0;
        }
        if (out.n > 0) {
            k->handlers->on_body(k->arg, out.p, out.n, false);
        }
        data += used;
        n -= used;
    }
    return n == 0;
}

/* The head of the answer itself. The request's bytes belong to the caller again. */
static void begin_answer(struct connection *c, const struct http_head *h)
{
    struct upstream_call *k = c->call;
    bool whole = k->written == k->total;
    c->keep = h->keep_alive && h->body != HTTP_BODY_UNTIL_CLOSE && whole;
    k->total = k->written = 0;
    k->got_head = true;
    k->framing = h->body;
    k->left = h->content_length;
    c->write_blocked = false;
    connection_watch(c);
    k->handlers->on_head(k->arg, h);
}

/* Takes a head out of data when it is whole; what was looked at before ends at `seen`. Returns
 * bytes eaten, 0: not complete, -1: malformed. */
static ssize_t take_head(struct connection *c, const char *data, size_t n, size_t seen)
{
    size_t length = http1_head_length(data, n, seen);
    if (length == 0) {
        return n > UPSTREAM_HEAD_MAX - UPSTREAM_READ ? -1 : 0;
    }
    struct http_head *h = &c->u->head;
    if (http1_parse_response(h, data, length, false, NULL) != ERR_OK || h->status == 101) {
        return -1;
    }
    if (h->status >= 200) {
        begin_answer(c, h);
    }
    return (ssize_t)length;
}

/* Moves *data on behind the heads in it. False: they are not well-formed. */
static bool take_heads(struct connection *c, const char **data, size_t *n)
{
    struct upstream_call *k = c->call;
    while (!k->got_head && *n > 0) {
        const char *from = *data;
        size_t have = *n, seen = c->in.len;
        if (seen > 0) {
            if (!buf_append(&c->in, *data, *n)) {
                return false;
            }
            from = buf_bytes(&c->in);
            have = c->in.len;
        }
        ssize_t used = take_head(c, from, have, seen);
        if (used < 0) {
            return false;
        }
        if (used == 0) {
            bool kept = seen > 0 || buf_append(&c->in, *data, *n);
            *data += *n;
            *n = 0;
            return kept;
        }
        size_t rest = have - (size_t)used;
        *data += *n - rest;
        *n = rest;
        buf_free(&c->in);
    }
    return true;
}

/* Bytes of an answer. False: the connection or its call ended here. */
static bool take_bytes(struct connection *c, const char *data, size_t n)
{
    struct upstream_call *k = c->call;
    bool done = false;
    k->heard = true;
    k->in_handler = true;
    bool ok = take_heads(c, &data, &n);
    if (ok && k->got_head && !k->cancelled) {
        done = k->framing == HTTP_BODY_NONE || (k->framing == HTTP_BODY_LENGTH && k->left == 0);
        ok = feed_body(k, data, n, &done);
    }
    k->in_handler = false;
    if (k->cancelled) {
        upstream_cancel(k);
        return false;
    }
    if (done) {
        c->keep = c->keep && ok; /* bytes behind the end: not to be trusted again */
        upstream_finish(c);
        return false;
    }
    if (!ok) {
        connection_failed(c, UPSTREAM_BROKEN, "the answer was not well-formed HTTP");
        return false;
    }
    return true;
}

static ssize_t read_some(struct connection *c, char *out, size_t n)
{
    if (!c->ssl) {
        return recv(c->fd.fd, out, n, 0);
    }
    ERR_clear_error();
    size_t got = 0;
    int status = SSL_read_ex(c->ssl, out, n, &got);
    if (status == 1) {
        return (ssize_t)got;
    }
    int why = SSL_get_error(c->ssl, status);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
        if (why == SSL_ERROR_WANT_WRITE) {
            loop_change(c->u->loop, &c->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
        }
        errno = EAGAIN;
        return -1;
    }
    errno = ECONNRESET;
    return why == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

static void end_of_stream(struct connection *c)
{
    struct upstream_call *k = c->call;
    if (k && k->got_head && k->framing == HTTP_BODY_UNTIL_CLOSE) {
        upstream_finish(c);
        return;
    }
    connection_failed(c, UPSTREAM_BROKEN,
                      k && k->got_head ? "the connection closed in the middle of the answer"
                                       : "the connection closed before an answer came");
}

static void nothing_to_read(struct connection *c, int why)
{
    if (why != EAGAIN && why != EINTR) {
        connection_failed(c, UPSTREAM_BROKEN, "the connection was reset by the other side");
    } else if (c->write_failed && !c->call->got_head) {
        connection_failed(c, UPSTREAM_BROKEN,
                          "the connection broke while the request was being sent");
    }
}

void connection_readable(struct connection *c)
{
    struct upstream *u = c->u;
    for (int i = 0; i < READS_A_TURN; i++) {
        ssize_t n = read_some(c, u->scratch, sizeof(u->scratch));
        if (n < 0) {
            nothing_to_read(c, errno);
            return;
        }
        if (n == 0) {
            end_of_stream(c);
            return;
        }
        if (c->state == CONNECTION_IDLE) {
            connection_free(c); /* nobody asked for anything */
            return;
        }
        loop_arm(u->loop, &c->timer, u->idle_us);
        if (!take_bytes(c, u->scratch, (size_t)n)) {
            return;
        }
        if (c->call->paused || (!c->ssl && n < (ssize_t)sizeof(u->scratch))) {
            return;
        }
    }
    connection_wake_for_pending(c);
}
