/* front_http2_stream.c: one request and its answer over HTTP/2. A stream is freed only when nghttp2
 * says that it closed, or with the connection. */
#include "core/proxy/front_http2_private.h"

#include <stdlib.h>
#include <string.h>

#define HELD_BODIES 4 /* of requests.max_body, that one connection may hold */
#define FRAME_HEAD  9
#define LATE_BODY   (8 * 1024 * 1024)

static const struct exchange_ops http2_ops;

static struct http2_stream *stream_of(struct exchange *x)
{
    return FRONT_OWNER(struct http2_stream, x, x);
}

/* --- the life of a stream --- */

void http2_stream_reset(struct http2_stream *s, uint32_t code)
{
    s->discard = s->cut = true;
    if (nghttp2_submit_rst_stream(s->conn->http2->session, NGHTTP2_FLAG_NONE, s->id, code)) {
        conn_break(s->conn);
    }
    conn_touch(s->conn);
}

/* Some clients (curl 7) lose an answer when the reset comes right behind it while they still send:
 * so the rest of the request is read for a while, as over HTTP/1.1. */
void http2_stream_linger(struct http2_stream *s)
{
    s->lingering = true;
    s->progress_us = loop_now_us(s->conn->front->loop);
    conn_due_by(s->conn, s->progress_us + FRONT_LINGER);
}

/* Nobody will ask for this exchange again. */
static void leave(struct http2_stream *s)
{
    s->x.ended = true;
    s->x.ticket = NULL;
    s->known = false;
    s->conn->front->exchanges--;
    exchange_release_request(&s->x);
}

void http2_stream_gone(struct http2_stream *s)
{
    if (s->known) {
        s->known = false;
        s->x.ended = true;
        s->conn->front->exchanges--;
        gate_gone(&s->x);
    }
}

struct http2_stream *http2_stream_new(struct conn *c, int32_t id)
{
    struct http2_stream *s = calloc(1, sizeof *s);

    if (!s) {
        return NULL;
    }
    s->conn = c;
    s->id = id;
    s->since_us = s->progress_us = loop_now_us(c->front->loop);
    s->x.ops = &http2_ops;
    s->x.gate = c->front->gate;
    s->x.http2 = true;
    s->x.subject = front_tls_subject(c);
    s->x.tls = c->ssl != NULL;
    s->x.loopback_peer = c->loopback;
    buf_init(&s->out, FRONT_OUT_MAX);
    ring_init(&s->place);
    ring_put(&c->http2->streams, &s->place);
    if (c->http2->stream_count++ == 0) {
        conn_busy(c, true);
    }
    conn_due_by(c, s->since_us + c->front->limits.header_us);
    return s;
}

void http2_stream_free(struct http2_stream *s)
{
    struct conn *c = s->conn;
    struct http2 *h = c->http2;

    http2_stream_gone(s);
    exchange_release_request(&s->x);
    buf_free(&s->text);
    buf_free(&s->out);
    ring_take(&s->place);
    h->high -= s->high;
    if (--h->stream_count == 0) {
        conn_busy(c, false);
        c->since_us = loop_now_us(c->front->loop);
        conn_due_by(c, c->since_us + FRONT_IDLE_US);
    }
    free(s);
}

/* --- answers --- */

static ssize_t read_data(nghttp2_session *session, int32_t id, uint8_t *to, size_t n,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct http2_stream *s = source->ptr;

    (void)session;
    (void)id;
    (void)to;
    (void)user;
    if (s->cut) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* no end of stream: it would look whole */
    }
    if (s->out.len == 0 && !s->x.ended) {
        s->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (s->out.len <= n) {
        n = s->out.len;
        *flags |= s->x.ended ? NGHTTP2_DATA_FLAG_EOF : 0;
    }
    return (ssize_t)n;
}

int http2_stream_write(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                       size_t n, nghttp2_data_source *source, void *user)
{
    struct http2_stream *s = source->ptr;
    struct conn *c = user;
    char *room = conn_room(c, FRAME_HEAD + n);

    (void)session;
    (void)frame;
    if (!room) {
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    memcpy(room, head, FRAME_HEAD);
    if (n > 0) {
        memcpy(room + FRAME_HEAD, buf_bytes(&s->out), n);
        buf_consume(&s->out, n);
    }
    conn_written_room(c, FRAME_HEAD + n);
    if (s->out.len == 0) {
        buf_free(&s->out); /* a quiet stream holds no buffer */
    }
    s->x.pending = s->out.len;
    s->progress_us = loop_now_us(c->front->loop);
    return c->out.len >= HTTP2_OUT_ENOUGH ? NGHTTP2_ERR_PAUSE : 0;
}

static void go_on(struct http2_stream *s)
{
    if (s->deferred) {
        s->deferred = false;
        if (nghttp2_session_resume_data(s->conn->http2->session, s->id)) {
            conn_break(s->conn);
        }
    }
    conn_touch(s->conn);
}

static void submit_head(struct http2_stream *s, int status, struct str lines,
                        int64_t content_length, bool with_body)
{
    nghttp2_data_provider body = {.source.ptr = s, .read_callback = read_data};

    if (!http2_head_answer(s, status, lines, content_length, with_body ? &body : NULL)) {
        http2_stream_reset(s, NGHTTP2_INTERNAL_ERROR); /* gate_gone follows when it is sent */
    }
    conn_touch(s->conn);
}

/* Node takes no head of an answer while more than 10 MB of what it sends are waiting: it resets the
 * stream, and its caller never learns why. */
static bool better_late(const struct http2_stream *s)
{
    return !s->complete && s->x.content_length > LATE_BODY;
}

static void answer_late(struct http2_stream *s)
{
    s->late = s->lingering = false;
    s->progress_us = loop_now_us(s->conn->front->loop);
    conn_due_by(s->conn, s->progress_us + s->conn->front->limits.stall_us);
    submit_head(s, s->status, buf_str(&s->text), (int64_t)s->out.len, true);
    buf_free(&s->text);
}

void http2_stream_part(struct http2_stream *s)
{
    s->lingering = false;
    if (s->late) {
        answer_late(s);
    } else {
        http2_stream_reset(s, NGHTTP2_NO_ERROR);
    }
}

static void http2_respond(struct exchange *x, int status, struct str lines, int64_t content_length)
{
    struct http2_stream *s = stream_of(x);

    s->answer_left = content_length;
    if (x->head_only || status == 204 || status == 304) {
        s->empty = true;
    }
    s->late = !s->empty && content_length > 0 && better_late(s);
    if (!s->empty && content_length != 0 && !s->late) {
        submit_head(s, status, lines, content_length, true);
        return;
    }
    /* A head that ends the stream would close it before the gate has ended: kept until then. A
     * DATA frame for the end would wait for a window. */
    s->status = (uint16_t)status;
    if (!buf_add_str(&s->text, lines)) {
        http2_stream_reset(s, NGHTTP2_INTERNAL_ERROR);
    }
}

static void http2_send(struct exchange *x, const char *data, size_t n)
{
    struct http2_stream *s = stream_of(x);
    struct conn *c = s->conn;

    if (s->empty) {
        return;
    }
    if (s->answer_left >= 0) {
        if ((uint64_t)s->answer_left < n) {
            http2_stream_reset(s, NGHTTP2_INTERNAL_ERROR); /* more than was announced */
            return;
        }
        s->answer_left -= (int64_t)n;
    }
    if (s->out.len == 0) {
        s->progress_us = loop_now_us(c->front->loop);
        conn_due_by(c, s->progress_us + c->front->limits.stall_us);
    }
    if (!buf_append(&s->out, data, n)) {
        http2_stream_reset(s, NGHTTP2_INTERNAL_ERROR);
        return;
    }
    x->pending = s->out.len;
    if (s->out.len > EXCHANGE_HIGH && !s->high) {
        s->high = true;
        c->http2->high++;
    }
    go_on(s);
}

static void http2_end(struct exchange *x)
{
    struct http2_stream *s = stream_of(x);

    if (s->answer_left > 0 && !s->empty) {
        exchange_abort(x);
        return;
    }
    leave(s);
    s->conn->http2->served++;
    if (s->late && !s->complete) {
        http2_stream_linger(s);
    } else if (s->late) {
        answer_late(s);
    } else if (s->status != 0) {
        submit_head(s, s->status, buf_str(&s->text), s->answer_left, false);
        buf_free(&s->text);
    }
    go_on(s);
}

static void http2_abort(struct exchange *x)
{
    struct http2_stream *s = stream_of(x);

    leave(s);
    buf_free(&s->out);
    http2_stream_reset(s, NGHTTP2_INTERNAL_ERROR);
}

static const struct exchange_ops http2_ops = {
    .respond = http2_respond, .send = http2_send, .end = http2_end, .abort = http2_abort};

/* --- requests --- */

void http2_stream_refuse(struct http2_stream *s, int status, const char *why)
{
    struct front *f = s->conn->front;

    front_count(status == 408 ? &f->counts.timeouts : &f->counts.bad_requests);
    s->discard = true;
    if (!s->x.responded) {
        gate_broken(f->gate, &s->x, status, why);
    }
}

static void invite_body(struct http2_stream *s)
{
    nghttp2_nv status = {(uint8_t *)(uintptr_t) ":status", (uint8_t *)(uintptr_t) "100", 7, 3, 0};

    if (nghttp2_submit_headers(s->conn->http2->session, NGHTTP2_FLAG_NONE, s->id, NULL, &status, 1,
                               NULL) < 0) {
        conn_break(s->conn);
    }
}

void http2_stream_head(struct http2_stream *s, bool whole)
{
    struct front *f = s->conn->front;
    struct exchange *x = &s->x;
    struct err_info why = {0};
    enum err e = http2_head_take(s, &why);

    s->conn->http2->asked = true;
    if (e == ERR_NOMEM) {
        http2_stream_reset(s, NGHTTP2_INTERNAL_ERROR);
        return;
    }
    s->known = true;
    s->since_us = loop_now_us(f->loop);
    buf_init(&x->body, f->limits.max_body);
    f->exchanges++;
    front_count(&f->counts.requests);
    if (e) {
        http2_stream_refuse(s, e == ERR_TOO_BIG ? 431 : 400, why.text);
        return;
    }
    if (x->content_length > 0 && (uint64_t)x->content_length > f->limits.max_body) {
        http2_stream_refuse(s, 413, "the request body is larger than requests.max_body");
        return;
    }
    bool expects = !whole && http2_head_expects(s);
    gate_head(f->gate, x);
    if (whole || x->responded || x->ended) {
        return;
    }
    if (expects) {
        invite_body(s);
    }
    if (x->content_length > 0) {
        size_t first = x->content_length < FRONT_BODY_FIRST ? (size_t)x->content_length
                                                            : (size_t)FRONT_BODY_FIRST;
        if (!buf_reserve(&x->body, first)) {
            http2_stream_reset(s, NGHTTP2_INTERNAL_ERROR);
        }
    }
    conn_due_by(s->conn, front_body_due(f, s->since_us, 0));
}

void http2_stream_complete(struct http2_stream *s)
{
    s->complete = true;
    if (s->late && s->lingering) {
        answer_late(s);
    }
    if (s->known && !s->x.responded && !s->discard) {
        gate_request(&s->x);
    }
}

/* May n more bytes of bodies be held for this connection? */
static bool hold(struct conn *c, size_t n)
{
    struct http2 *h = c->http2;
    size_t most = HELD_BODIES * c->front->limits.max_body;

    h->held += n;
    if (h->held <= most) {
        return true;
    }
    h->held = n;
    for (struct ring *at = h->streams.next; at != &h->streams; at = at->next) {
        h->held += FRONT_OWNER(struct http2_stream, place, at)->x.body.len;
    }
    return h->held <= most;
}

void http2_stream_data(struct http2_stream *s, const void *data, size_t n)
{
    struct conn *c = s->conn;

    if (s->lingering && (s->lingered += n) > FRONT_LINGER_BYTES) {
        http2_stream_part(s);
    }
    if (!s->known || s->x.responded || s->discard || n == 0) {
        return;
    }
    if (n > s->x.body.max || s->x.body.len > s->x.body.max - n) {
        http2_stream_refuse(s, 413, "the request body is larger than requests.max_body");
    } else if (!hold(c, n) || !buf_append(&s->x.body, data, n)) {
        http2_stream_reset(s, NGHTTP2_REFUSED_STREAM);
    } else {
        gate_body(&s->x, n);
    }
}
