/* upstream.h: calls to one endpoint from one worker over pooled HTTP/1.1 connections (plain or
 * TLS).
 *
 * A request that fails on a reused connection before any byte of an answer came is sent once more
 * on a fresh one. Handlers run in the loop's thread, never from inside upstream_send or
 * upstream_cancel. */
#ifndef TOLLGATE_PROXY_UPSTREAM_H
#define TOLLGATE_PROXY_UPSTREAM_H

#include "core/base/http1.h"
#include "core/base/loop.h"
#include "core/config/config.h"
#include "core/proxy/endpoint.h"

struct upstream;      /* the pool */
struct upstream_call; /* one request in flight */

enum upstream_failure {
    UPSTREAM_UNREACHABLE, /* nothing was sent: name, connection, proxy or TLS */
    UPSTREAM_LATE,        /* nothing was sent: not connected within upstream.connect_timeout */
    UPSTREAM_FULL,        /* nothing was sent: no connection of upstream.max_connections was free */
    UPSTREAM_BROKEN,      /* sent, but the answer was cut or not HTTP */
    UPSTREAM_TIMED_OUT    /* sent, no byte in time */
};

struct upstream_handlers {
    /* The answer's head; slices are valid during the call. From now on the request's bytes are not
     * needed. */
    void (*on_head)(void *arg, const struct http_head *head);
    /* Body bytes in order; `last` when the body ends with them (n may be 0 then). After last the
     * call is gone. */
    void (*on_body)(void *arg, const char *data, size_t n, bool last);
    /* Instead of a further on_head or on_body; the call is gone. */
    void (*on_fail)(void *arg, enum upstream_failure failure, const char *text);
};

/* Limits are taken from config (copied). share: this worker's part of upstream.max_connections. */
struct upstream *upstream_new(struct loop *loop, struct endpoint *endpoint,
                              const struct config *config, int share, struct err_info *ei);
void upstream_free(struct upstream *u); /* calls still open are dropped without handlers */

/* A request is sent as parts, one behind the other, empty ones among them: the whole head with its
 * empty line, then the body. Their bytes are borrowed until on_head or the end of the call. NULL
 * without memory. */
#define UPSTREAM_PARTS 4
struct upstream_call *upstream_send(struct upstream *u, const struct str parts[UPSTREAM_PARTS],
                                    const struct upstream_handlers *handlers, void *arg);
/* Ends the call without handlers; closes its connection at once. */
void upstream_cancel(struct upstream_call *c);
/* Whether bytes of the request may have reached the other side. */
bool upstream_was_sent(const struct upstream_call *c);
/* Stops and goes on reading the answer (backpressure). */
void upstream_pause(struct upstream_call *c);
void upstream_resume(struct upstream_call *c);

#endif
