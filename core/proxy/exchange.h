/* exchange.h: one request and its answer, whatever the version of HTTP in front. Room `proxy`:
 * listeners, connections, and the life of a call.
 *
 * The front (front_*.c) owns exchanges; the gate (gate_request.c) decides about them. Both run in
 * one worker's thread. The front calls gate_*; the gate calls exchange_*. */
#ifndef TOLLGATE_PROXY_EXCHANGE_H
#define TOLLGATE_PROXY_EXCHANGE_H

#include "core/base/buf.h"
#include "core/base/http1.h"
#include "core/base/loop.h"

struct gate;   /* one a worker; gate.h */
struct ticket; /* the gate's state of one exchange */
struct exchange;

/* How the front answers for its version of HTTP. */
struct exchange_ops {
    void (*respond)(struct exchange *x, int status, struct str header_lines,
                    int64_t content_length);
    void (*send)(struct exchange *x, const char *data, size_t n);
    void (*end)(struct exchange *x);
    void (*abort)(struct exchange *x);
};

/* Embedded in the front's own struct. */
struct exchange {
    const struct exchange_ops *ops;
    struct gate *gate;
    struct ticket *ticket; /* the gate's; NULL before gate_head and after gate_gone or the end */

    /* The request; slices are valid until exchange_release_request. */
    struct str method, target, authority; /* authority: Host or :authority */
    struct http_header *headers;          /* HTTP/2: lower case, without pseudo headers and host */
    size_t header_count;
    int64_t content_length; /* -1: not said */
    struct buf body;        /* what has arrived so far, at most requests.max_body */
    size_t block_bytes;     /* of the memory that headers begins */
    struct str subject;     /* of the client certificate that TLS verified; empty: none */
    bool http2, tls, loopback_peer;
    bool head_only; /* HEAD: the answer has no body */

    /* The answer. */
    bool responded, ended;
    size_t pending; /* answer bytes accepted by exchange_send and not yet written to the socket */
};

/* --- the gate's side, called by the front --- */

/* A request head is complete. The gate may answer at once (then the front reads and drops what is
 * left of the body, bounded, or closes). */
void gate_head(struct gate *g, struct exchange *x);
/* n more bytes were appended to x->body (they are its last n bytes). Not called after an answer
 * began. */
void gate_body(struct exchange *x, size_t n);
/* The body is complete; the gate answers now or later. */
void gate_request(struct exchange *x);
/* The client went away or reset the stream, or a time limit cut it, before the answer was done:
 * cancel and settle. x is freed after this returns. Not called after exchange_end. */
void gate_gone(struct exchange *x);
/* x->pending fell below EXCHANGE_LOW after it had been above EXCHANGE_HIGH. */
void gate_drained(struct exchange *x);
/* The request could not be read as HTTP asks (too large head or body, slow body, bad chunk); called
 * instead of gate_head, or after it, at most once and not after an answer began; the gate answers
 * in the shape of the dialect that the target suggests (it may be empty). status: 400, 408, 413,
 * 431. */
void gate_broken(struct gate *g, struct exchange *x, int status, const char *message);

#define EXCHANGE_HIGH (256 * 1024)
#define EXCHANGE_LOW  (64 * 1024)

/* --- the front's side, called by the gate --- */

/* Begins the answer. header_lines: "Name: value\r\n" lines without Content-Length,
 * Transfer-Encoding, Connection, Date (the front adds these); over HTTP/2 the names are lowered.
 * content_length -1: length is not known (chunked, or until END_STREAM). Copies what it needs. */
void exchange_respond(struct exchange *x, int status, struct str header_lines,
                      int64_t content_length);
/* Body bytes; copied or written at once. More than content_length announced: the exchange is cut
 * and gate_gone follows within this turn. Bytes go out no later than the end of this loop turn;
 * several calls in one turn go out in one write. After the call x->pending tells what waits; above
 * EXCHANGE_HIGH the gate stops reading upstream until gate_drained. */
void exchange_send(struct exchange *x, const char *data, size_t n);
/* The answer is complete (less than content_length announced: as exchange_abort). The front forgets
 * x->ticket first; the gate must not touch x afterwards. */
void exchange_end(struct exchange *x);
/* The answer can not be completed (upstream broke): HTTP/1.1 closes without the last chunk, HTTP/2
 * resets with INTERNAL_ERROR. As exchange_end otherwise. */
void exchange_abort(struct exchange *x);
/* Head and body of the request are no longer needed: frees them (body, headers). Slices become
 * invalid. */
void exchange_release_request(struct exchange *x);

#endif
