/* dialect.h: what a request asks, what an answer used, how a refusal is said, in the words of each
 * API. Room `dialect`. Pure functions over bytes: no I/O, no clocks, no threads. */
#ifndef TOLLGATE_DIALECT_DIALECT_H
#define TOLLGATE_DIALECT_DIALECT_H

#include "core/base/http1.h"
#include "core/catalog/call.h"

enum dialect_kind {
    KIND_CALL,      /* to be limited, metered, forwarded */
    KIND_FREE,      /* forwarded and counted as a call without tokens (count-tokens) */
    KIND_LOCAL,     /* answered here: /healthz, /readyz, /metrics */
    KIND_NOT_SERVED /* 404, in the dialect's shape */
};
struct operation; /* what a path does: dialect_private.h */
enum dialect_local { LOCAL_NONE, LOCAL_HEALTHZ, LOCAL_READYZ, LOCAL_METRICS, LOCAL_MODELS };

struct dialect_route {
    enum dialect_kind kind;
    enum dialect_local local;
    enum call_dialect dialect;
    const char *operation;        /* static; NULL when not served */
    const struct operation *does; /* static; NULL when not served or answered here */
    bool stream;
    struct str model_segment; /* slice of the target, still percent-encoded; empty when it is in the
                                 body */
    struct str path, query;   /* slices of the target */
    const char *allow;    /* static: the methods of a known path, for a 405's Allow; else NULL */
    char not_served[128]; /* a whole sentence for the 404 */
};
/* Matches the undecoded target ("/model/X/converse?..."). ERR_PARSE: not a path a server can have.
 * ERR_UNSUPPORTED: known path, wrong method (405). After either, *out holds kind KIND_NOT_SERVED
 * and the dialect to say it in. */
enum err dialect_route(struct dialect_route *out, struct str method, struct str target,
                       struct err_info *ei) MUST_CHECK;

/* What a body says, as far as limiting and tagging need it. Slices are of the body or call->arena.
 */
struct dialect_facts {
    struct str model; /* named in the body; empty when in the path */
    struct tags
        caller_tags; /* requestMetadata, metadata or tags of the body, unchecked against policy */
    struct str mistakes; /* workflow: {"path","message"},.. of every mistake, after ERR_PARSE */
};
/* Reads the body of a routed call: fills call->text_bytes, images, documents, messages, tools,
 * max_output, and facts. ERR_PARSE: text says what is wrong and where ("messages: missing").
 * Members that bound or name something and occur twice are refused. */
enum err dialect_parse(const struct dialect_route *r, struct str body,
                       const struct http_header *headers, size_t header_count, struct call *call,
                       struct dialect_facts *facts, struct err_info *ei) MUST_CHECK;

struct dialect_answer;

/* --- what goes upstream --- */

/* How a call is put to AWS. Buffers are the caller's to free (dialect_upstream_free). */
struct dialect_upstream {
    bool via_mantle; /* bedrock-mantle instead of bedrock-runtime */
    struct buf path; /* percent-encoded target */
    /* With body_changed the first body_front bytes of the client's body go, then `body`, then its
     * last body_back bytes; else it goes as it is. */
    struct buf body;
    size_t body_front, body_back;
    bool body_changed;
    bool usage_added; /* the body now asks for usage in the stream: for meter_upstream */
    struct buf
        headers; /* lines "name: value\r\n" to be sent and signed besides content-type and accept */
};
struct dialect_upstream_options {
    const char *upstream_id;        /* of the model */
    const char *project;            /* mantle project of the cost center; NULL: none */
    const struct tags *attribution; /* to be carried to AWS where the API has a place; NULL: none */
    bool via_mantle;                /* openai_via: bedrock-mantle */
    int64_t clamp_output;           /* > 0: the output bound to be set (on_too_big: clamp) */
    const struct http_header
        *headers;        /* of the client's request; NULL: none. A header that comes out in */
    size_t header_count; /* dialect_upstream.headers replaces the client's own of that name. */
};
enum err dialect_upstream(struct dialect_upstream *out, const struct dialect_route *r,
                          const struct call *call, struct str body,
                          const struct dialect_upstream_options *o, struct err_info *ei) MUST_CHECK;
void dialect_upstream_free(struct dialect_upstream *u);
/* The body that goes upstream, as parts of the client's body and of u. */
void dialect_upstream_parts(const struct dialect_upstream *u, struct str body, struct str parts[3]);
/* Does the body mostly begin upstream as it came, but for its last bytes? In others a model's name
 * is changed, or all. */
bool dialect_keeps_front(const struct dialect_route *r);
/* The list of models in the dialect's shape (GET /v1/models). */
enum err dialect_models(struct dialect_answer *out, const char *const *names, size_t count,
                        int64_t now_ms) MUST_CHECK;

/* --- answers --- */

/* Reads usage while an answer passes by; never holds bytes back. One a call. */
struct meter;
struct meter *meter_new(const struct dialect_route *r,
                        const struct call *call); /* NULL: no memory */
void meter_free(struct meter *m);
/* Tells how the request was changed; before meter_head. */
void meter_upstream(struct meter *m, const struct dialect_upstream *u);
/* The head of the answer. */
void meter_head(struct meter *m, int status, const struct http_header *headers,
                size_t header_count);
/* Bytes of the body, in order. Returns false when the framing is broken (counting goes on by
 * bytes). */
bool meter_feed(struct meter *m, const char *data, size_t n);
/* Whether bytes change on their way to the client (known after meter_head): then use meter_pass
 * instead of meter_feed, and the length is not known ahead. */
bool meter_rewrites(const struct meter *m);
/* As meter_feed, and appends to out what the client gets for these bytes; `last`: the answer ends
 * here. */
bool meter_pass(struct meter *m, const char *data, size_t n, bool last, struct buf *out);
/* For answers that are rewritten: status and header lines of what the client gets instead of the
 * upstream's (workflow); false: the upstream's stand. Call before the first meter_pass. */
bool meter_answer_head(const struct meter *m, int *status, struct buf *header_lines);
struct meter_state {
    bool usage_known;      /* the answer reported usage: final */
    struct usage usage;    /* when known */
    int64_t output_bytes;  /* text bytes generated so far (a stream), for estimates */
    int64_t output_events; /* content events so far */
    bool first_content;    /* the first generated token has passed */
    bool exception;        /* the stream ended by an exception or error frame */
    char exception_name[64];
    bool tier_said, latency_said; /* the answer tells what served it: */
    bool optimized;               /* latency-optimized inference, and */
    const char *tier;             /* this tier (call_tier) */
    bool
        input_known; /* without usage_known: usage's input and cache classes are reported already */
};
void meter_state(const struct meter *m, struct meter_state *out); /* so far; at any time */

/* --- refusals --- */

enum refusal {
    REFUSAL_AUTH,        /* bad or missing key */
    REFUSAL_CLOCK,       /* signed with a clock that is off */
    REFUSAL_FORBIDDEN,   /* not this profile, project or ARN */
    REFUSAL_BAD_REQUEST, /* malformed body, missing tag, bad tag value */
    REFUSAL_UNKNOWN_MODEL,
    REFUSAL_NOT_SERVED,       /* 404 */
    REFUSAL_METHOD,           /* 405 */
    REFUSAL_TOO_LARGE,        /* 413 */
    REFUSAL_TIMEOUT,          /* 408: the client was too slow */
    REFUSAL_UPSTREAM,         /* 502: could not reach or understand upstream */
    REFUSAL_UPSTREAM_TIMEOUT, /* 504 */
    REFUSAL_OVERLOADED, /* 503: store failure, no credentials, draining, too many connections */
    REFUSAL_LIMIT       /* a denial: uses dialect_denial */
};
/* A denial as said to the client; borrowed strings. */
struct dialect_denial {
    const char *limit, *metric, *group; /* group "" when none */
    const char *message;                /* without the "limit NAME: " prefix */
    const char *amount_text;            /* "100000" or "12.5" */
    int64_t resets_at_ms;               /* 0: concurrency */
    int64_t retry_after_s;              /* seconds until it frees */
    bool final;       /* frees later than 60 s, never, or blocked: not to be retried */
    bool with_detail; /* denial_detail: full */
    int64_t used, reserved;
};
/* A whole answer to be sent: status, header lines ("Name: value\r\n", without length and date) and
 * body. */
struct dialect_answer {
    int status;
    struct buf headers, body;
};
void dialect_answer_free(struct dialect_answer *a);
/* In the dialect's own shape, with content-type and error type headers; request_id goes into
 * x-tollgate-request-id (and x-amzn-requestid). message is shown as it is. */
enum err dialect_refuse(struct dialect_answer *out, enum call_dialect d, enum refusal r,
                        const char *message, const char *request_id) MUST_CHECK;
/* A 400 of the workflow dialect with all mistakes (dialect_facts). */
enum err dialect_refuse_mistakes(struct dialect_answer *out, struct str mistakes,
                                 const char *request_id) MUST_CHECK;
/* As dialect_refuse, of a call that a limit denied: 429; for AWS SDKs 400 where it is final. */
enum err dialect_deny(struct dialect_answer *out, enum call_dialect d,
                      const struct dialect_denial *denial, const char *request_id) MUST_CHECK;
/* What ends a running stream: an exception frame or an SSE error event. Appends to out. */
enum err dialect_stream_end(struct buf *out, enum call_dialect d, const char *exception,
                            const char *message) MUST_CHECK;

#endif
