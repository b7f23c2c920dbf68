/* front_http2_private.h: what front_http2.c (session and streams) and front_http2_head.c (heads of
 * requests and answers) share. */
#ifndef TOLLGATE_PROXY_FRONT_HTTP2_PRIVATE_H
#define TOLLGATE_PROXY_FRONT_HTTP2_PRIVATE_H

#include "core/proxy/front_private.h"

struct http2 {
    nghttp2_session *session;
    struct ring streams;
    size_t stream_count;
    size_t high; /* streams above EXCHANGE_HIGH */
    size_t held; /* bytes of request bodies, at most: corrected when it matters */
    int64_t flood_since_us;
    int64_t flood, served; /* in the present period */
    bool asked;            /* a request was seen */
    bool ending;           /* GOAWAY is on its way, nothing new is taken */
};

struct http2_stream {
    struct exchange x;
    struct ring place;
    struct conn *conn;
    int32_t id;
    bool known;    /* the gate knows x and it has not ended */
    bool complete; /* the request is whole */
    bool discard, deferred, empty, high, too_big;
    bool cut;       /* RST_STREAM is on its way */
    bool lingering; /* answered, while the request is still coming */
    bool late;      /* answered when the request has come, or much of it */
    uint16_t header_count;
    uint16_t status;     /* of an answer without a body, until it ends */
    int64_t since_us;    /* begin of head or body */
    int64_t progress_us; /* last time that waiting output moved */
    int64_t answer_left; /* -1: not announced */
    size_t head_bytes;
    size_t lingered; /* bytes read and dropped since the answer */
    struct buf text; /* the head until it is complete (lengths, name, value); then
                        the lines of an answer without a body */
    struct buf out;
};

#define HTTP2_OUT_ENOUGH (64 * 1024) /* bytes to write; more are asked for when these are gone */

/* front_http2_stream.c */
struct http2_stream *http2_stream_new(struct conn *c, int32_t id); /* NULL without memory */
void http2_stream_free(struct http2_stream *s);                    /* tells the gate first */
void http2_stream_gone(struct http2_stream *s); /* gate_gone, unless the exchange is over */
void http2_stream_reset(struct http2_stream *s, uint32_t code);
void http2_stream_linger(struct http2_stream *s); /* answered, but not asked to the end */
void http2_stream_part(struct http2_stream *s); /* the rest of the request will not be waited for */
void http2_stream_refuse(struct http2_stream *s, int status, const char *why); /* gate_broken */
void http2_stream_head(struct http2_stream *s, bool whole); /* the request's head is complete */
void http2_stream_data(struct http2_stream *s, const void *data, size_t n);
void http2_stream_complete(struct http2_stream *s);
/* nghttp2's send_data callback. */
int http2_stream_write(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                       size_t n, nghttp2_data_source *source, void *user);

/* front_http2_head.c */
/* One header of a request arrived. False without memory. */
bool http2_head_add(struct http2_stream *s, struct str name, struct str value);
/* The head is complete: fills s->x. ERR_NOMEM; ERR_TOO_BIG (431), ERR_PARSE (400) with a text. */
enum err http2_head_take(struct http2_stream *s, struct err_info *ei) MUST_CHECK;
bool http2_head_expects(const struct http2_stream *s); /* Expect: 100-continue */
/* Submits the head of an answer, with `body` behind it. */
bool http2_head_answer(struct http2_stream *s, int status, struct str lines, int64_t content_length,
                       const nghttp2_data_provider *body);

#endif
