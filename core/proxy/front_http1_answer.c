/* front_http1_answer.c: answers over HTTP/1.0 and 1.1, and what becomes of the connection after. */
#include "core/proxy/front_private.h"

#include <stdio.h>
#include <string.h>

#define HEAD_EXTRA 256 /* what we add to header lines */

static struct conn *conn_of(struct exchange *x)
{
    return FRONT_OWNER(struct conn, http1.x, x);
}

static bool body_open(const struct http1 *h)
{
    return h->state == HTTP1_BODY;
}

/* May the connection live on, as far as the request says? An unread rest of a body is worth
 * reading only when it is short and surely on its way. */
static bool may_keep(const struct conn *c)
{
    const struct http1 *h = &c->http1;

    if (!h->keep || c->front->draining || h->discard) {
        return false;
    }
    return !body_open(h) || (!h->chunked_body && !h->expect && h->body_left <= FRONT_DROP_MAX);
}

static void choose_framing(struct conn *c, int status, int64_t content_length)
{
    struct http1 *h = &c->http1;

    h->answer_left = -1;
    if (h->x.head_only || status == 204 || status == 304) {
        h->framing = ANSWER_EMPTY;
    } else if (content_length >= 0) {
        h->framing = ANSWER_LENGTH;
        h->answer_left = content_length;
    } else if (h->minor > 0) {
        h->framing = ANSWER_CHUNKED;
    } else {
        h->framing = ANSWER_CLOSE;
    }
    h->keep = may_keep(c) && h->framing != ANSWER_CLOSE;
}

static char *put(char *at, struct str s)
{
    memcpy(at, s.p, s.n);
    return at + s.n;
}

static char *put_number(char *at, int64_t value)
{
    char digits[24];
    int n = 0;

    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (n > 0) {
        *at++ = digits[--n];
    }
    return at;
}

static char *put_framing(char *at, const struct http1 *h, int status, int64_t content_length)
{
    if (h->framing == ANSWER_CHUNKED) {
        return put(at, STR("Transfer-Encoding: chunked\r\n"));
    }
    if (content_length < 0 || status == 204) {
        return at;
    }
    at = put(at, STR("Content-Length: "));
    at = put_number(at, content_length);
    return put(at, STR("\r\n"));
}

static void http1_respond(struct exchange *x, int status, struct str lines, int64_t content_length)
{
    struct conn *c = conn_of(x);
    struct http1 *h = &c->http1;
    char *room = conn_room(c, lines.n + HEAD_EXTRA);

    if (!room) {
        return;
    }
    choose_framing(c, status, content_length);
    char *at = put(room, STR("HTTP/1.1 "));
    at = put_number(at, status);
    *at++ = ' ';
    at = put(at, str_of(http_reason(status)));
    at = put(at, STR("\r\n"));
    if (lines.n > 0) {
        at = put(at, lines);
    }
    at = put_framing(at, h, status, content_length);
    at = put(at, front_date(c->front));
    if (!h->keep) {
        at = put(at, STR("Connection: close\r\n"));
    } else if (h->minor == 0) {
        at = put(at, STR("Connection: keep-alive\r\n"));
    }
    at = put(at, STR("\r\n"));
    conn_written_room(c, (size_t)(at - room));
}

static void note_pending(struct conn *c)
{
    c->http1.x.pending = c->out.len;
    if (c->out.len > EXCHANGE_HIGH) {
        c->http1.high = true;
    }
}

static void http1_send(struct exchange *x, const char *data, size_t n)
{
    struct conn *c = conn_of(x);
    struct http1 *h = &c->http1;
    struct iovec pieces[3] = {{NULL, 0}, {(void *)(uintptr_t)data, n}, {NULL, 0}};
    char size[24];

    if (h->framing == ANSWER_EMPTY) {
        return;
    }
    if (h->framing == ANSWER_LENGTH) {
        if ((uint64_t)h->answer_left < n) {
            conn_break(c); /* more than was announced; gate_gone follows */
            return;
        }
        h->answer_left -= (int64_t)n;
    }
    if (h->framing == ANSWER_CHUNKED) {
        pieces[0].iov_base = size;
        pieces[0].iov_len = (size_t)snprintf(size, sizeof size, "%zx\r\n", n);
        pieces[2].iov_base = (void *)(uintptr_t) "\r\n";
        pieces[2].iov_len = 2;
        conn_put(c, pieces, 3);
    } else {
        conn_put(c, &pieces[1], 1);
    }
    note_pending(c);
}

/* Nobody will ask for this exchange again. */
static void leave(struct conn *c)
{
    struct http1 *h = &c->http1;

    h->x.ended = true;
    h->x.ticket = NULL;
    h->active = false;
    exchange_release_request(&h->x);
    c->front->exchanges--;
    conn_busy(c, false);
}

void http1_next_head(struct conn *c)
{
    c->http1.state = HTTP1_HEAD;
    c->http1.scanned = 0;
    c->since_us = loop_now_us(c->front->loop);
    c->paused = false;
    conn_due_by(c, c->since_us + FRONT_IDLE_US);
}

static void http1_end(struct exchange *x)
{
    struct conn *c = conn_of(x);
    struct http1 *h = &c->http1;

    if (h->framing == ANSWER_LENGTH && h->answer_left > 0) {
        exchange_abort(x);
        return;
    }
    if (h->framing == ANSWER_CHUNKED) {
        conn_put_text(c, STR("0\r\n\r\n"));
    }
    leave(c);
    conn_touch(c);
    h->resume = !h->feeding;
    if (!h->keep || c->front->draining) {
        /* Bytes that nobody reads would make close() a reset that overtakes the answer. */
        conn_finish(c, body_open(h) || c->in.len > 0 || h->feeding);
    } else if (body_open(h)) {
        h->state = HTTP1_DROP;
        c->since_us = loop_now_us(c->front->loop);
        conn_due_by(c, c->since_us + FRONT_LINGER);
    } else {
        http1_next_head(c);
    }
}

static void http1_abort(struct exchange *x)
{
    struct conn *c = conn_of(x);

    if (c->http1.framing == ANSWER_CLOSE && x->responded) {
        conn_break(c); /* a close after a flush would look like the end of the answer */
    }
    leave(c);
    conn_finish(c, false);
}

const struct exchange_ops http1_ops = {
    .respond = http1_respond, .send = http1_send, .end = http1_end, .abort = http1_abort};
