/* front_private.h: what the files front_*.c and listener.c share:
 * the connection of one client, and how a protocol and a transport plug into it.
 *
 * Nothing is freed inside a callback of the gate. Whoever finds a connection unusable calls
 * conn_break; the entry points of the loop (event, timer, turn) end with conn_settle, which tells
 * the gate and frees. */
#ifndef TOLLGATE_PROXY_FRONT_PRIVATE_H
#define TOLLGATE_PROXY_FRONT_PRIVATE_H

#include "core/proxy/front.h"

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <sys/types.h>
#include <sys/uio.h>

#define FRONT_SCRATCH (64 * 1024) /* one read */
#define FRONT_HEAD_READ                                                                            \
    (16 * 1024) /* one that may hold a head: what of a body comes with it is copied */
#define FRONT_DIRECT                  (16 * 1024) /* larger writes skip the buffer */
#define FRONT_OUT_MAX                 (64 * 1024 * 1024) /* bytes of one connection or stream that may wait */
#define FRONT_IDLE_US                 75000000           /* kept alive without a request */
#define FRONT_LINGER                  5000000 /* us for the client to read a last answer */
#define FRONT_LINGER_BYTES            (64 * 1024 * 1024)
#define FRONT_DROP_MAX                (64 * 1024)   /* rest of a body read to keep a connection */
#define FRONT_BODY_FIRST              (1024 * 1024) /* of an announced body, reserved at once */
#define FRONT_NEVER                   INT64_MAX

#define FRONT_OWNER(type, member, at) ((type *)(void *)((char *)(at)-offsetof(type, member)))

/* Intrusive ring; a lone ring points at itself. */
struct ring {
    struct ring *prev, *next;
};
static inline void ring_init(struct ring *r)
{
    r->prev = r->next = r;
}
static inline bool ring_empty(const struct ring *r)
{
    return r->next == r;
}
static inline void ring_take(struct ring *r)
{
    r->prev->next = r->next;
    r->next->prev = r->prev;
    ring_init(r);
}
/* Moves r to the end of list. */
static inline void ring_put(struct ring *list, struct ring *r)
{
    ring_take(r);
    r->prev = list->prev;
    r->next = list;
    list->prev->next = r;
    list->prev = r;
}

enum { IO_END = 0, IO_AGAIN = -1, IO_BROKEN = -2 };

struct conn;

/* Plain or TLS. */
struct transport {
    ssize_t (*read)(struct conn *c, void *to, size_t n);          /* bytes, or IO_* */
    ssize_t (*write)(struct conn *c, const void *from, size_t n); /* bytes, IO_AGAIN, IO_BROKEN */
    bool (*pending)(const struct conn *c); /* bytes wait that epoll does not know of */
    void (*shut)(struct conn *c);          /* says that nothing more will be written */
};
extern const struct transport front_plain, front_tls;

/* HTTP/1.1, HTTP/2, or not known yet. */
struct protocol {
    void (*first)(struct conn *c, const char *data, size_t n); /* takes over with these bytes */
    void (*readable)(struct conn *c, uint32_t events);
    void (*produce)(struct conn *c);      /* may put more bytes to write */
    void (*written)(struct conn *c);      /* some were */
    int64_t (*due)(const struct conn *c); /* its nearest deadline, or FRONT_NEVER */
    void (*expire)(struct conn *c, int64_t now_us);
    void (*drain)(struct conn *c); /* the front ends gracefully */
    void (*gone)(struct conn *c);  /* gate_gone for what runs; frees the protocol's memory */
};
extern const struct protocol front_http1, front_http2;

struct front_limits {
    size_t max_body, max_header;
    int64_t header_us, body_us, stall_us;
};

enum http1_state {
    HTTP1_HEAD, /* reads a head, or idle */
    HTTP1_BODY, /* reads a body; the answer may have begun */
    HTTP1_WAIT, /* the request is complete, its answer is not */
    HTTP1_DROP, /* the answer is complete, the rest of the body is read and dropped */
};
enum http1_framing { ANSWER_EMPTY, ANSWER_LENGTH, ANSWER_CHUNKED, ANSWER_CLOSE };

struct http1 {
    struct exchange x;
    enum http1_state state;
    enum http1_framing framing; /* of the answer */
    bool active;                /* the gate knows x and it has not ended */
    bool used;                  /* a request was read before */
    bool keep, chunked_body, expect, discard, feeding, resume, high;
    uint8_t minor;
    size_t scanned; /* bytes of an incomplete head known to hold no end */
    int64_t body_left, answer_left;
    struct http1_chunked chunked;
};

struct http2;

struct conn {
    struct loop_fd fd;
    struct loop_timer timer;
    struct front *front;
    const struct transport *transport;
    const struct protocol *protocol;
    SSL *ssl;
    char *subject;     /* of its certificate, once it was asked for; "" when it has none */
    struct ring place; /* in front->idle or front->busy */
    struct ring dirty;
    struct buf in;       /* read and not yet used: part of a head, or pipelined requests */
    struct buf out;      /* waits to be written */
    int64_t since_us;    /* begin of the present phase */
    int64_t progress_us; /* last time that waiting output moved */
    size_t lingered;     /* bytes dropped while lingering */
    bool loopback, blocked, paused, closing, linger, lingering, broken;
    union {
        struct http1 http1;
        struct http2 *http2;
    };
};

struct acceptor {
    struct loop_fd fd; /* own duplicate of the listener's; -1: closed */
    struct front *front;
    struct listener *listener;
    SSL_CTX *tls; /* or NULL */
};

struct front {
    struct loop *loop;
    struct gate *gate;
    struct front_limits limits;
    struct acceptor *acceptors;
    size_t acceptor_count;
    struct loop_timer accept_timer; /* accepting is paused while armed */
    struct ring idle, busy;         /* without (oldest first) and with running exchanges */
    struct ring dirty;              /* with something to do at the end of the turn */
    size_t connections, connections_max, exchanges;
    bool draining;
    struct front_counts counts;
    int64_t date_second;
    char date[40]; /* "Date: ...\r\n" */
    struct http_head head;
    struct buf lower; /* header names of an HTTP/2 answer */
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    char scratch[FRONT_SCRATCH];
};

/* --- front_conn.c --- */
/* Takes fd. */
void conn_new(struct front *f, int fd, SSL_CTX *tls, bool loopback);
void conn_flush(struct conn *c);  /* writes what waits */
void conn_break(struct conn *c);  /* nothing more can be done with it */
void conn_settle(struct conn *c); /* frees a broken one; no use of c afterwards */
/* Closes once all is written; linger: reads on a while, so that no reset overtakes the answer. */
void conn_finish(struct conn *c, bool linger);
void conn_touch(struct conn *c); /* to be flushed at the end of the turn */
void conn_put(struct conn *c, const struct iovec *pieces, int count);
void conn_put_text(struct conn *c, struct str text);
/* Room for n bytes at the end of what is to be written, or NULL (and broken). buf_commit follows.
 */
char *conn_room(struct conn *c, size_t n);
void conn_written_room(struct conn *c, size_t n);
void conn_due_by(struct conn *c, int64_t due_us); /* a deadline may have come nearer */
void conn_busy(struct conn *c, bool busy);

/* --- front.c --- */
struct str front_date(struct front *f);
void front_count(_Atomic int64_t *counter);
int64_t front_body_due(const struct front *f, int64_t since_us, size_t got);

/* --- front_http1_answer.c --- */
extern const struct exchange_ops http1_ops;
void http1_next_head(struct conn *c);

/* --- front_http2.c --- */
bool front_http2_prepare(struct front *f); /* callbacks and options that all sessions share */
void front_http2_forget(struct front *f);

/* --- front_tls.c --- */
bool front_tls_start(struct conn *c, SSL_CTX *context);
bool front_tls_ready(const struct conn *c); /* the handshake is done */
bool front_tls_is_http2(const struct conn *c);
/* The subject (RFC 2253) of the client's certificate, verified; empty without one. Lives as long as
 * c. */
struct str front_tls_subject(struct conn *c);

/* --- listener.c --- */
int listener_fd(const struct listener *l, int worker);
int listener_workers(const struct listener *l);
/* A reference, which is the caller's; any thread. NULL: plain. */
SSL_CTX *listener_tls(struct listener *l);

/* --- listener_tls.c --- */
SSL_CTX *listener_tls_new(const struct config_listen *c, struct err_info *ei);

#endif
