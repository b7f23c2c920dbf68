/* front_http2.c: HTTP/2 with a client: an nghttp2 session that is fed what was read and asked what
 * to write. */
#include "core/proxy/front_http2_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define STREAMS_MAX     256
#define STREAM_WINDOW   (1024 * 1024)
#define CONN_WINDOW     (16 * 1024 * 1024)
#define READS_A_TURN    4
#define FLOOD_PERIOD_US 10000000
#define FLOOD_MAX       1000 /* frames in a period that bring nothing, beyond streams served */
#define SETTINGS_COST   10
#define LIBRARY_RATE    100000 /* nghttp2's own reset limit: out of the way of ours */

/* --- what nghttp2 tells --- */

static struct http2_stream *stream_by_id(const struct conn *c, int32_t id)
{
    return nghttp2_session_get_stream_user_data(c->http2->session, id);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t n, void *user)
{
    struct http2_stream *s = stream_by_id(user, id);

    (void)session;
    (void)flags;
    if (s) {
        http2_stream_data(s, data, n);
    }
    return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        return 0;
    }
    struct http2_stream *s = http2_stream_new(user, frame->hd.stream_id);
    if (!s) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return nghttp2_session_set_stream_user_data(session, s->id, s) ? NGHTTP2_ERR_CALLBACK_FAILURE
                                                                   : 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *user)
{
    struct http2_stream *s = stream_by_id(user, frame->hd.stream_id);

    (void)session;
    (void)flags;
    if (!s || frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        return 0; /* trailers */
    }
    return http2_head_add(s, (struct str){(const char *)name, name_length},
                          (struct str){(const char *)value, value_length})
               ? 0
               : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    bool whole = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    struct http2_stream *s = NULL;

    (void)session;
    if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) {
        s = stream_by_id(user, frame->hd.stream_id);
    }
    if (!s) {
        return 0;
    }
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        http2_stream_head(s, whole);
    }
    if (whole) {
        http2_stream_complete(s);
    }
    return 0;
}

/* Frames that cost us work and bring nothing. */
static int on_frame_begins(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user)
{
    struct http2 *h = ((struct conn *)user)->http2;

    (void)session;
    if (hd->type == NGHTTP2_SETTINGS) {
        h->flood += SETTINGS_COST;
    } else if (hd->type == NGHTTP2_RST_STREAM || hd->type == NGHTTP2_PING ||
               hd->type == NGHTTP2_PRIORITY || hd->type == NGHTTP2_CONTINUATION ||
               (hd->type == NGHTTP2_DATA && hd->length == 0 &&
                !(hd->flags & NGHTTP2_FLAG_END_STREAM))) {
        h->flood++;
    }
    return 0;
}

static int on_bad_frame(nghttp2_session *session, const nghttp2_frame *frame, int code, void *user)
{
    (void)session;
    (void)frame;
    (void)code;
    front_count(&((struct conn *)user)->front->counts.bad_requests);
    return 0;
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct conn *c = user;

    (void)session;
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR &&
        !c->http2->ending) {
        front_count(&c->front->counts.bad_requests); /* nghttp2 found the connection broken */
    }
    if ((frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) ||
        !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
        return 0;
    }
    struct http2_stream *s = stream_by_id(c, frame->hd.stream_id);
    if (s && !s->complete) {
        http2_stream_linger(s);
    }
    return 0;
}

static int on_closed(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct http2_stream *s = stream_by_id(user, id);

    (void)session;
    (void)code;
    if (s) {
        http2_stream_free(s);
    }
    return 0;
}

/* --- the session --- */

bool front_http2_prepare(struct front *f)
{
    if (nghttp2_session_callbacks_new(&f->callbacks) || nghttp2_option_new(&f->option)) {
        return false;
    }
    nghttp2_session_callbacks_set_on_begin_frame_callback(f->callbacks, on_frame_begins);
    nghttp2_session_callbacks_set_on_begin_headers_callback(f->callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(f->callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(f->callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(f->callbacks, on_data);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(f->callbacks, on_bad_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(f->callbacks, on_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(f->callbacks, on_closed);
    nghttp2_session_callbacks_set_send_data_callback(f->callbacks, http2_stream_write);
    nghttp2_option_set_no_closed_streams(f->option, 1);
    nghttp2_option_set_stream_reset_rate_limit(f->option, LIBRARY_RATE, LIBRARY_RATE);
    return true;
}

void front_http2_forget(struct front *f)
{
    nghttp2_session_callbacks_del(f->callbacks);
    nghttp2_option_del(f->option);
}

static void all_gone(struct conn *c)
{
    struct http2 *h = c->http2;

    for (struct ring *at = h->streams.next; at != &h->streams; at = at->next) {
        http2_stream_gone(FRONT_OWNER(struct http2_stream, place, at));
    }
}

static void end_session(struct conn *c, uint32_t code)
{
    if (!c->http2->ending) {
        c->http2->ending = true;
        if (nghttp2_session_terminate_session(c->http2->session, code)) {
            conn_break(c);
        }
    }
    conn_touch(c);
}

static void check_flood(struct conn *c)
{
    struct http2 *h = c->http2;
    int64_t now = loop_now_us(c->front->loop);

    if (now - h->flood_since_us > FLOOD_PERIOD_US) {
        h->flood_since_us = now;
        h->flood = h->served = 0;
    }
    if (h->flood > FLOOD_MAX + h->served && !h->ending) {
        front_count(&c->front->counts.floods);
        end_session(c, NGHTTP2_ENHANCE_YOUR_CALM);
    }
}

static void feed(struct conn *c, const char *data, size_t n)
{
    ssize_t used = nghttp2_session_mem_recv(c->http2->session, (const uint8_t *)data, n);

    if (used < 0) {
        front_count(used == NGHTTP2_ERR_FLOODED ? &c->front->counts.floods
                                                : &c->front->counts.bad_requests);
        conn_break(c);
        return;
    }
    check_flood(c);
    conn_touch(c);
}

static void http2_first(struct conn *c, const char *data, size_t n)
{
    struct http2 *h = calloc(1, sizeof *h);
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)c->front->limits.max_header},
    };

    c->http2 = h;
    if (!h) {
        conn_break(c);
        return;
    }
    ring_init(&h->streams);
    h->flood_since_us = loop_now_us(c->front->loop);
    if (nghttp2_session_server_new2(&h->session, c->front->callbacks, c, c->front->option) ||
        nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings,
                                sizeof settings / sizeof settings[0]) ||
        nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, CONN_WINDOW)) {
        conn_break(c);
        return;
    }
    feed(c, data, n);
}

static void http2_readable(struct conn *c, uint32_t events)
{
    for (int i = 0; !c->broken && (i < READS_A_TURN || c->transport->pending(c)); i++) {
        ssize_t n = c->transport->read(c, c->front->scratch, FRONT_SCRATCH);
        if (n == IO_AGAIN) {
            return;
        }
        if (n <= 0) {
            conn_break(c);
            return;
        }
        feed(c, c->front->scratch, (size_t)n);
        if (n < FRONT_SCRATCH && !(events & EPOLLRDHUP) && !c->transport->pending(c)) {
            return;
        }
    }
}

static void http2_produce(struct conn *c)
{
    struct http2 *h = c->http2;

    if (c->front->draining && h->stream_count == 0) {
        end_session(c, NGHTTP2_NO_ERROR);
    }
    while (c->out.len < HTTP2_OUT_ENOUGH && !c->broken) {
        const uint8_t *data;
        ssize_t n = nghttp2_session_mem_send(h->session, &data);
        if (n < 0) {
            conn_break(c);
        }
        if (n <= 0) {
            break;
        }
        conn_put_text(c, (struct str){(const char *)data, (size_t)n});
    }
    if (!nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session)) {
        all_gone(c);
        conn_finish(c, true);
    }
}

static void http2_written(struct conn *c)
{
    struct http2 *h = c->http2;

    if (h->high == 0) {
        return;
    }
    for (struct ring *at = h->streams.next; at != &h->streams; at = at->next) {
        struct http2_stream *s = FRONT_OWNER(struct http2_stream, place, at);
        if (s->high && s->out.len < EXCHANGE_LOW) {
            s->high = false;
            h->high--;
            if (s->known) {
                gate_drained(&s->x);
            }
        }
    }
}

static int64_t stream_due(const struct http2_stream *s)
{
    const struct front *f = s->conn->front;

    if (!s->known && !s->x.ended) {
        return s->since_us + f->limits.header_us;
    }
    if (s->lingering) {
        return s->progress_us + FRONT_LINGER;
    }
    if (s->out.len > 0) {
        return s->progress_us + f->limits.stall_us;
    }
    if (!s->complete && !s->x.responded && !s->discard) {
        return front_body_due(f, s->since_us, s->x.body.len);
    }
    return FRONT_NEVER;
}

static int64_t http2_due(const struct conn *c)
{
    const struct http2 *h = c->http2;
    int64_t due = FRONT_NEVER;

    if (h->stream_count == 0) {
        return c->since_us + (h->asked ? FRONT_IDLE_US : c->front->limits.header_us);
    }
    for (struct ring *at = h->streams.next; at != &h->streams; at = at->next) {
        int64_t one = stream_due(FRONT_OWNER(struct http2_stream, place, at));
        due = one < due ? one : due;
    }
    return due;
}

static void expire_stream(struct http2_stream *s)
{
    struct front *f = s->conn->front;

    if (!s->known && !s->x.ended) {
        /* A header block that does not end holds up the whole connection. */
        front_count(&f->counts.timeouts);
        conn_break(s->conn);
    } else if (s->lingering) {
        http2_stream_part(s);
    } else if (s->out.len > 0) {
        front_count(&f->counts.timeouts);
        buf_free(&s->out);
        http2_stream_gone(s);
        http2_stream_reset(s, NGHTTP2_CANCEL);
    } else {
        http2_stream_refuse(s, 408, "the request body did not arrive within requests.body_timeout");
    }
}

static void http2_expire(struct conn *c, int64_t now_us)
{
    struct http2 *h = c->http2;

    if (h->stream_count == 0) {
        if (!h->asked) {
            front_count(&c->front->counts.timeouts);
        }
        end_session(c, NGHTTP2_NO_ERROR);
        c->since_us = now_us; /* the stall limit bounds the farewell */
        return;
    }
    for (struct ring *at = h->streams.next; at != &h->streams && !c->broken; at = at->next) {
        struct http2_stream *s = FRONT_OWNER(struct http2_stream, place, at);
        if (stream_due(s) <= now_us) {
            expire_stream(s);
        }
    }
}

static void http2_drain(struct conn *c)
{
    /* New streams are still taken until the client has heard of it; produce ends the session when
     * none is left. */
    if (nghttp2_submit_shutdown_notice(c->http2->session)) {
        conn_break(c);
    }
}

static void http2_gone(struct conn *c)
{
    struct http2 *h = c->http2;

    if (!h) {
        return;
    }
    while (!ring_empty(&h->streams)) {
        http2_stream_free(FRONT_OWNER(struct http2_stream, place, h->streams.next));
    }
    nghttp2_session_del(h->session);
    free(h);
    c->http2 = NULL;
}

const struct protocol front_http2 = {.first = http2_first,
                                     .readable = http2_readable,
                                     .produce = http2_produce,
                                     .written = http2_written,
                                     .due = http2_due,
                                     .expire = http2_expire,
                                     .drain = http2_drain,
                                     .gone = http2_gone};
