/* front_http1.c: HTTP/1.0 and 1.1 with a client: one request at a time, the next one is read only
 * when the answer before it is complete. */
#include "core/proxy/front_private.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "core/base/recycle.h"
#include "core/base/uuid.h"

#define READS_A_TURN    4
#define DIRECT_BODY     (16 * 1024)  /* rest of a body from which it is read in place */
#define BODY_PIECE      (256 * 1024) /* at most read in place at once */
#define OUT_BEFORE_NEXT (64 * 1024)  /* unread answers that hold back the next pipelined request */

/* --- requests --- */

/* A head that is none is answered here: there is no target to take a dialect from. */
static void refuse_head(struct conn *c, int status, const char *why)
{
    struct buf body = {0};
    char id[UUID_TEXT], lines[128];

    uuid_random(id);
    (void)snprintf(lines, sizeof(lines),
                   "Content-Type: application/json\r\nx-tollgate-request-id: %s\r\n", id);
    front_count(status == 408 ? &c->front->counts.timeouts : &c->front->counts.bad_requests);
    buf_add(&body, "{\"message\":");
    buf_json_string(&body, str_of(why));
    buf_add(&body, "}");
    c->http1.keep = false;
    c->http1.minor = 1;
    c->http1.x = (struct exchange){.ops = &http1_ops, .responded = true};
    http1_ops.respond(&c->http1.x, status, str_of(lines), (int64_t)body.len);
    conn_put_text(c, buf_str(&body));
    c->http1.x.ended = true;
    buf_free(&body);
    conn_finish(c, true);
}

/* The body cannot be taken: the gate says so in its dialect, and the connection closes after. */
static void refuse_body(struct conn *c, int status, const char *why)
{
    struct http1 *h = &c->http1;

    front_count(status == 408 ? &c->front->counts.timeouts : &c->front->counts.bad_requests);
    h->discard = true;
    h->keep = false;
    if (!h->x.responded) {
        gate_broken(c->front->gate, &h->x, status, why);
    }
}

static struct str moved(struct str s, const char *from, char *to)
{
    return (struct str){s.n > 0 ? to + (s.p - from) : to, s.n};
}

/* Copies the head, whose slices live on until the gate releases the request. */
static bool take_head(struct conn *c, const struct http_head *head, const char *data, size_t n)
{
    struct exchange *x = &c->http1.x;
    size_t table = head->header_count * sizeof(struct http_header);
    struct http_header *block = recycle_take(table + n);

    if (!block) {
        return false;
    }
    char *text = (char *)block + table;
    memcpy(text, data, n);
    for (size_t i = 0; i < head->header_count; i++) {
        block[i].name = moved(head->headers[i].name, data, text);
        block[i].value = moved(head->headers[i].value, data, text);
    }
    *x = (struct exchange){
        .ops = &http1_ops,
        .gate = c->front->gate,
        .method = moved(head->method, data, text),
        .target = moved(head->target, data, text),
        .authority = moved(http_value(head, "host"), data, text),
        .headers = block,
        .header_count = head->header_count,
        .block_bytes = table + n,
        .content_length = head->body == HTTP_BODY_LENGTH ? head->content_length : -1,
        .subject = front_tls_subject(c),
        .tls = c->ssl != NULL,
        .loopback_peer = c->loopback,
        .head_only = str_is(head->method, "HEAD"),
    };
    buf_init(&x->body, c->front->limits.max_body);
    return true;
}

static void request_complete(struct conn *c)
{
    struct http1 *h = &c->http1;

    h->state = HTTP1_WAIT;
    if (!h->x.responded && !h->discard) {
        gate_request(&h->x);
    }
}

static void begin_body(struct conn *c)
{
    struct http1 *h = &c->http1;
    struct front *f = c->front;

    if (h->x.ended) {
        return;
    }
    if (!h->chunked_body && !h->x.responded) {
        size_t first =
            h->body_left < FRONT_BODY_FIRST ? (size_t)h->body_left : (size_t)FRONT_BODY_FIRST;
        if (!buf_reserve(&h->x.body, first)) {
            conn_break(c);
        }
    }
    conn_due_by(c, front_body_due(f, c->since_us, 0));
}

static void begin_request(struct conn *c, const char *data, size_t n)
{
    struct front *f = c->front;
    struct http1 *h = &c->http1;
    struct http_head *head = &f->head;
    struct err_info why = {0};

    h->used = true;
    enum err e = http1_parse_request(head, data, n, &why);
    if (e) {
        int unsupported = head->method.n == 0 ? 505 : 501;
        refuse_head(c, e == ERR_TOO_BIG ? 431 : e == ERR_UNSUPPORTED ? unsupported : 400, why.text);
        return;
    }
    if (!take_head(c, head, data, n)) {
        conn_break(c);
        return;
    }
    h->minor = (uint8_t)head->minor;
    h->keep = head->keep_alive;
    h->expect = head->expect_continue;
    h->chunked_body = head->body == HTTP_BODY_CHUNKED;
    h->chunked = (struct http1_chunked){0};
    h->body_left = head->body == HTTP_BODY_LENGTH ? head->content_length : 0;
    h->discard = h->high = false;
    h->active = true;
    h->state = h->chunked_body || h->body_left > 0 ? HTTP1_BODY : HTTP1_WAIT;
    c->since_us = loop_now_us(f->loop);
    f->exchanges++;
    front_count(&f->counts.requests);
    conn_busy(c, true);
    if (h->body_left > 0 && (uint64_t)h->body_left > f->limits.max_body) {
        refuse_body(c, 413, "the request body is larger than requests.max_body");
        return;
    }
    gate_head(f->gate, &h->x);
    if (h->state == HTTP1_BODY) {
        begin_body(c);
    } else if (h->state == HTTP1_WAIT && !h->x.ended) {
        request_complete(c);
    }
}

/* Looks for a head in data[0..n); bytes used, 0 when more must come. */
static size_t feed_head(struct conn *c, const char *data, size_t n)
{
    struct http1 *h = &c->http1;
    size_t most = c->front->limits.max_header;

    if (h->scanned == 0) {
        char first = (char)(data[0] | 0x20);
        if (first < 'a' || first > 'z') {
            refuse_head(c, 400, "HTTP request refused: it does not begin with a method");
            return n;
        }
    }
    size_t length = http1_head_length(data, n, h->scanned);
    if (length > most || (length == 0 && n > most)) {
        refuse_head(c, 431, "HTTP request refused: its head is larger than requests.max_header");
        return n;
    }
    if (length == 0) {
        if (h->scanned == 0) {
            c->since_us = loop_now_us(c->front->loop);
            conn_due_by(c, c->since_us + c->front->limits.header_us);
        }
        h->scanned = n;
        return 0;
    }
    h->scanned = 0;
    begin_request(c, data, length);
    return length;
}

/* n bytes of body; false when they were too many. */
static bool take_body(struct conn *c, const char *data, size_t n)
{
    struct http1 *h = &c->http1;

    if (n == 0 || h->x.responded || h->discard || h->state != HTTP1_BODY) {
        return true;
    }
    if (n > h->x.body.max - h->x.body.len) {
        refuse_body(c, 413, "the request body is larger than requests.max_body");
        return false;
    }
    if (!buf_append(&h->x.body, data, n)) {
        conn_break(c);
        return false;
    }
    return true;
}

static void body_done(struct conn *c)
{
    if (c->http1.state == HTTP1_BODY) {
        request_complete(c);
    } else {
        http1_next_head(c);
    }
}

static size_t feed_length(struct conn *c, const char *data, size_t n)
{
    struct http1 *h = &c->http1;
    size_t take = (uint64_t)h->body_left < n ? (size_t)h->body_left : n;
    size_t before = h->x.body.len;

    take_body(c, data, take);
    h->body_left -= (int64_t)take;
    if (h->active && h->x.body.len > before) {
        gate_body(&h->x, h->x.body.len - before);
    }
    if (h->body_left == 0 && !c->closing && !c->broken) {
        body_done(c);
    }
    return take;
}

static size_t feed_chunks(struct conn *c, const char *data, size_t n)
{
    struct http1 *h = &c->http1;
    size_t at = 0, before = h->x.body.len;
    bool end = false, good = true;

    while (at < n && !end && good) {
        size_t used = 0;
        struct str piece;
        if (http1_chunked_feed(&h->chunked, data + at, n - at, &used, &piece, &end)) {
            refuse_body(c, 400, "the request body is not chunked as HTTP/1.1 asks");
            return n;
        }
        at += used;
        good = take_body(c, piece.p, piece.n);
    }
    if (good && h->active && !h->x.responded && h->x.body.len > before) {
        gate_body(&h->x, h->x.body.len - before);
    }
    if (end && good && !c->closing && !c->broken) {
        body_done(c);
    }
    return at;
}

/* Uses data[0..n) as far as the state allows; returns the bytes used. */
static size_t feed(struct conn *c, const char *data, size_t n)
{
    struct http1 *h = &c->http1;
    size_t at = 0;

    h->feeding = true;
    while (at < n && !c->broken) {
        size_t used = 0;
        if (c->closing || (h->discard && h->state == HTTP1_BODY)) {
            used = n - at;
        } else if (h->state == HTTP1_HEAD) {
            used = c->out.len < OUT_BEFORE_NEXT ? feed_head(c, data + at, n - at) : 0;
        } else if (h->state != HTTP1_WAIT) {
            used = h->chunked_body ? feed_chunks(c, data + at, n - at)
                                   : feed_length(c, data + at, n - at);
        }
        if (used == 0) {
            break;
        }
        at += used;
    }
    h->feeding = false;
    return at;
}

/* The client waits for leave to send the body it announced. */
static void invite_body(struct conn *c)
{
    struct http1 *h = &c->http1;

    if (h->state != HTTP1_BODY || !h->expect || h->x.responded || h->discard) {
        return;
    }
    h->expect = false;
    if (h->x.body.len == 0) {
        conn_put_text(c, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    }
}

static void feed_kept(struct conn *c)
{
    buf_consume(&c->in, feed(c, buf_bytes(&c->in), c->in.len));
    if (c->in.len == 0) {
        buf_free(&c->in);
    }
}

/* Bytes just read into the scratch. */
static void feed_fresh(struct conn *c, const char *data, size_t n)
{
    if (c->in.len == 0) {
        size_t used = feed(c, data, n);
        data += used;
        n -= used;
        if (n > 0 && !c->broken && !buf_append(&c->in, data, n)) {
            conn_break(c);
        }
    } else if (buf_append(&c->in, data, n)) {
        feed_kept(c);
    } else {
        conn_break(c);
    }
    invite_body(c);
    /* Not WAIT alone: the rest of pipelined requests may be held back by unread answers. */
    c->paused = c->in.len > 0 && (c->http1.state == HTTP1_WAIT || c->out.len >= OUT_BEFORE_NEXT);
}

static void on_end(struct conn *c)
{
    if (c->http1.active || c->out.len == 0) {
        conn_break(c);
    } else {
        conn_finish(c, false); /* the answers that wait are still wanted */
    }
}

/* A long body goes straight to its place. Returns as read does. */
static ssize_t read_body(struct conn *c, size_t *asked)
{
    struct http1 *h = &c->http1;
    size_t want = h->body_left < BODY_PIECE ? (size_t)h->body_left : (size_t)BODY_PIECE;
    char *room = buf_reserve(&h->x.body, want);

    *asked = want;
    if (!room) {
        return IO_BROKEN;
    }
    ssize_t n = c->transport->read(c, room, want);
    if (n > 0) {
        h->expect = false;
        buf_commit(&h->x.body, (size_t)n);
        h->body_left -= n;
        gate_body(&h->x, (size_t)n);
        if (h->body_left == 0 && !c->closing && !c->broken) {
            body_done(c);
        }
    }
    return n;
}

static void http1_readable(struct conn *c, uint32_t events)
{
    struct http1 *h = &c->http1;

    for (int i = 0; !c->broken && !c->closing; i++) {
        if (h->state == HTTP1_WAIT && events & EPOLLRDHUP) {
            conn_break(c); /* nobody will read the answer */
            return;
        }
        if (c->paused && events & EPOLLRDHUP) {
            on_end(c); /* without reading on, there would be no end of this event */
            return;
        }
        if (c->paused || (i >= READS_A_TURN && !c->transport->pending(c))) {
            return;
        }
        bool in_place = h->state == HTTP1_BODY && !h->chunked_body && !h->x.responded &&
                        !h->discard && c->in.len == 0 && h->body_left >= DIRECT_BODY;
        size_t asked = h->state == HTTP1_HEAD ? FRONT_HEAD_READ : FRONT_SCRATCH;
        ssize_t n =
            in_place ? read_body(c, &asked) : c->transport->read(c, c->front->scratch, asked);
        if (n == IO_AGAIN) {
            return;
        }
        if (n == IO_END) {
            on_end(c);
            return;
        }
        if (n < 0) {
            conn_break(c);
            return;
        }
        if (!in_place) {
            feed_fresh(c, c->front->scratch, (size_t)n);
        }
        bool all = (size_t)n < asked || (in_place && h->body_left == 0); /* more would be rare */
        if (all && !(events & EPOLLRDHUP) && !c->transport->pending(c)) {
            return;
        }
    }
}

/* --- as a protocol --- */

static void http1_first(struct conn *c, const char *data, size_t n)
{
    c->http1 = (struct http1){0};
    feed_fresh(c, data, n);
}

/* Goes on with what was pipelined behind the answer that ended. */
static void http1_produce(struct conn *c)
{
    struct http1 *h = &c->http1;

    if (c->in.len > 0 && (h->resume || c->paused) && h->state != HTTP1_WAIT &&
        c->out.len < OUT_BEFORE_NEXT) {
        feed_kept(c);
        invite_body(c);
        c->paused = c->in.len > 0 && h->state == HTTP1_WAIT;
    }
    h->resume = false;
}

static void http1_written(struct conn *c)
{
    struct http1 *h = &c->http1;

    if (!h->active) {
        return;
    }
    h->x.pending = c->out.len;
    if (h->high && c->out.len < EXCHANGE_LOW) {
        h->high = false;
        gate_drained(&h->x);
    }
}

static int64_t http1_due(const struct conn *c)
{
    const struct http1 *h = &c->http1;
    const struct front_limits *limits = &c->front->limits;

    switch (h->state) {
    case HTTP1_HEAD:
        return c->since_us + (h->scanned > 0 || !h->used ? limits->header_us : FRONT_IDLE_US);
    case HTTP1_BODY:
        return h->x.responded || h->discard ? FRONT_NEVER
                                            : front_body_due(c->front, c->since_us, h->x.body.len);
    case HTTP1_DROP:
        return c->since_us + FRONT_LINGER;
    case HTTP1_WAIT:
    default:
        return FRONT_NEVER;
    }
}

static void http1_expire(struct conn *c, int64_t now_us)
{
    struct http1 *h = &c->http1;

    (void)now_us;
    if (h->state == HTTP1_BODY) {
        refuse_body(c, 408, "the request body did not arrive within requests.body_timeout");
    } else if (h->state == HTTP1_HEAD && h->scanned > 0) {
        refuse_head(c, 408, "the request head did not arrive within requests.header_timeout");
    } else {
        if (!h->used) {
            front_count(&c->front->counts.timeouts);
        }
        conn_break(c);
    }
}

static void http1_drain(struct conn *c)
{
    struct http1 *h = &c->http1;

    if (h->state == HTTP1_HEAD && h->scanned == 0 && c->in.len == 0) {
        conn_finish(c, false);
    }
}

static void http1_gone(struct conn *c)
{
    struct http1 *h = &c->http1;

    if (h->active) {
        h->x.ended = true;
        h->active = false;
        c->front->exchanges--;
        gate_gone(&h->x);
    }
    exchange_release_request(&h->x);
}

const struct protocol front_http1 = {.first = http1_first,
                                     .readable = http1_readable,
                                     .produce = http1_produce,
                                     .written = http1_written,
                                     .due = http1_due,
                                     .expire = http1_expire,
                                     .drain = http1_drain,
                                     .gone = http1_gone};
