/* sim_http.h: the simulated AWS's connections: HTTP/1.1 requests in, answers out that may be
 * delayed, streamed, slowed down, stalled or cut. */
#ifndef TOLLGATE_SIM_SIM_HTTP_H
#define TOLLGATE_SIM_SIM_HTTP_H

#include "core/base/buf.h"
#include "core/base/http1.h"
#include "core/base/loop.h"

struct sim;
struct sim_connection;

/* A whole request; slices are good until the handler returns. */
struct sim_request {
    const struct http_head *head;
    struct str method, path, query, body;
};

enum sim_piece {
    SIM_PIECE_MORE,  /* others follow */
    SIM_PIECE_LAST,  /* the answer is whole after it */
    SIM_PIECE_CUT,   /* write it, then close */
    SIM_PIECE_STALL, /* write it, then stay silent until the client leaves */
};

/* Where an answer comes from. Embedded in its owner; callbacks run in the loop's thread. */
struct sim_source {
    /* Appends the next piece and says how many generated tokens it brings. NULL: no pieces, the
     * body given with the head is all. */
    enum sim_piece (*next)(struct sim_source *s, struct buf *out, int64_t *tokens);
    /* These tokens have really been written to the socket. */
    void (*delivered)(struct sim_source *s, int64_t tokens);
    /* The answer is over: all written, or not. Frees the owner. */
    void (*end)(struct sim_source *s, bool whole);
};

struct sim_answer {
    int status;
    const char *content_type;
    const char *headers;       /* more lines, each with "\r\n"; or NULL */
    struct str body;           /* copied */
    struct sim_source *source; /* taken over; or NULL */
    int64_t body_tokens;       /* generated tokens in body */
    int64_t delay_us;          /* before the first byte */
    int64_t piece_delay_us;
    bool slow_head;
    enum sim_piece
        ending; /* of body, without a source.next: LAST (whole), CUT or STALL; else MORE */
};
/* Answers the request being handled; exactly once for each. */
void sim_http_answer(struct sim_connection *c, const struct sim_answer *a);
/* Closes instead of answering. */
void sim_http_drop(struct sim_connection *c);
/* {"message":..} with x-amzn-errortype, as REST services say errors. */
void sim_http_error(struct sim_connection *c, int status, const char *type, const char *message);
/* {"__type":..,"message":..}, as JSON services say them. */
void sim_http_json_error(struct sim_connection *c, int status, const char *type,
                         const char *message);
struct sim *sim_http_owner(const struct sim_connection *c);
size_t sim_http_index(const struct sim_connection *c); /* of its service in sim_services */

struct sim_listener {
    struct loop_fd fd;
    struct sim *sim;
    char url[40];
};
/* Binds 127.0.0.1:port (0: any) and listens; url is filled. */
enum err sim_http_listen(struct sim_listener *l, int port, struct err_info *ei) MUST_CHECK;
void sim_http_unlisten(struct sim_listener *l);
/* Closes every connection. */
void sim_http_close_all(struct sim *s);

#endif
