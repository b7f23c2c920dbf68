/* upstream_private.h: between the pool (upstream.c), its connections as they open (upstream_open.c)
 * and live (upstream_connection.c), and what they read (upstream_answer.c).
 *
 * A function that may tell a handler may free the connection or the call it was given: it says so
 * by returning false, or its callers return at once. */
#ifndef TOLLGATE_PROXY_UPSTREAM_PRIVATE_H
#define TOLLGATE_PROXY_UPSTREAM_PRIVATE_H

#include <sys/types.h>

#include "core/base/buf.h"
#include "core/proxy/upstream.h"

#define UPSTREAM_READ     (64 * 1024)
#define UPSTREAM_RECORD   (16 * 1024)
#define UPSTREAM_HEAD_MAX (256 * 1024)

enum connection_state {
    CONNECTION_OPENING,   /* the race of its addresses */
    CONNECTION_TUNNEL,    /* a proxy is asked for the way to the host */
    CONNECTION_HANDSHAKE, /* TLS */
    CONNECTION_IDLE,
    CONNECTION_BUSY
};

struct race; /* upstream_open.c */

struct connection {
    struct loop_fd fd; /* first; -1 while the race runs */
    struct loop_timer timer;
    struct upstream *u;
    struct upstream_call *call;     /* NULL when idle */
    struct connection *prev, *next; /* all connections */
    struct connection *idle_next, *idle_prev;
    SSL *ssl;
    enum connection_state state;
    bool reused, keep;
    bool write_blocked;
    bool write_failed;  /* only what was answered already can still come */
    struct race *race;  /* while it opens */
    size_t address_at;  /* of the winner */
    size_t tunnel_sent; /* bytes of the CONNECT request */
    struct buf in;      /* bytes of an answer's head that is not complete */
};

struct call_list {
    struct upstream_call *first, *last;
    int count;
};

struct upstream_call {
    struct upstream *u;
    struct connection *c;   /* NULL while it waits */
    struct call_list *list; /* in which it waits */
    struct upstream_call *prev, *next;
    const struct upstream_handlers *handlers;
    void *arg;
    struct str parts[UPSTREAM_PARTS]; /* not there any more once an answer has begun: total is 0 */
    size_t total, written;            /* bytes of all parts together */
    int64_t waiting_since_us;
    int refused; /* errno of a connection refused at once */
    bool sent;   /* bytes of it left, on whatever connection */
    bool heard;  /* bytes came back */
    bool retried, got_head, paused, cancelled, in_handler;
    enum http_body framing;
    int64_t left;
    struct http1_chunked chunked;
};

struct upstream {
    struct loop *loop;
    struct endpoint *endpoint;
    int64_t connect_us, first_byte_us, idle_us;
    int share, connection_count, idle_count;
    struct connection *connections, *idle;
    struct call_list waiting; /* for a connection */
    struct call_list refused; /* to be told at the next turn */
    struct loop_timer waiting_timer;
    struct http_head head; /* scratch: one answer head at a time */
    char scratch[UPSTREAM_READ];
    char record[UPSTREAM_RECORD]; /* parts of a request joined into one TLS record */
};

/* --- upstream.c --- */
/* Gives waiting calls a connection: an idle one, else a new one while the share allows. */
void upstream_dispatch(struct upstream *u);
/* Frees the call and tells it. */
void upstream_call_fail(struct upstream_call *k, enum upstream_failure failure, const char *text);
/* The answer is complete: the connection is kept or freed, the call told. */
void upstream_finish(struct connection *c);

/* --- upstream_open.c --- */
/* A new connection that tries the addresses from `from` on. NULL: none of them takes one; *refused
 * is why (errno), or 0 where waiting may help. */
struct connection *connection_new(struct upstream *u, size_t from, int *refused);
void connection_end_race(struct connection *c); /* if there is one */
void connection_tunnel(struct connection *c, uint32_t events);
void connection_handshake(struct connection *c);

/* --- upstream_connection.c --- */
void connection_on_event(struct loop_fd *f, uint32_t events);
void connection_on_timer(struct loop_timer *t);
void connection_free(struct connection *c);
void connection_attach(struct connection *c, struct upstream_call *k);
/* It is up and has a call: begins to send it. Tells no handler. */
void connection_begin(struct connection *c);
/* Frees it; its call is sent anew where that is safe, else told. */
void connection_failed(struct connection *c, enum upstream_failure failure, const char *text);
/* Asks the loop for the events of its state. */
void connection_watch(struct connection *c);
/* Decrypted bytes that wait inside OpenSSL raise no EPOLLIN: a writable socket wakes us instead. */
void connection_wake_for_pending(struct connection *c);

/* --- upstream_answer.c --- */
void connection_readable(struct connection *c);

#endif
