/* proxy.h: the data plane as a whole: N workers, each with its loop, listeners and upstream pool.
 */
#ifndef TOLLGATE_PROXY_PROXY_H
#define TOLLGATE_PROXY_PROXY_H

#include <stdatomic.h>

#include "core/aws/roles.h"
#include "core/identity/identity.h"
#include "core/ledger/ledger.h"
#include "core/limit/limit.h"

struct proxy;

/* What the rest of the core answers for the proxy; called from workers, must not block. */
struct proxy_hooks {
    void *arg;
    /* True when ready; else appends JSON strings separated by commas to reasons. */
    bool (*ready)(void *arg, struct buf *reasons);
    /* Appends the text of /metrics as last rendered. */
    void (*metrics)(void *arg, struct buf *out);
    /* The account calls are made for; 0: not known. NULL: likewise. */
    int64_t (*account)(void *arg);
};

/* Borrowed until proxy_free where nothing else is said. */
struct proxy_options {
    struct config *config;   /* a reference is taken */
    struct catalog *catalog; /* lives until proxy_free, or proxy_reload gave another */
    struct limits *limits;
    struct ledger *ledger;
    struct identity *identity;
    struct credentials_provider *credentials;
    /* How long clients wait in the backlog for the first look for credentials; 0: not at all. */
    int64_t credentials_wait_ms;
    struct proxy_hooks hooks;
    int workers; /* 0: one for each processor this process may use */
};
int proxy_default_workers(void);

/* Binds every listener and starts the workers. NULL: a text says which address, certificate or
 * endpoint does not do. */
struct proxy *proxy_start(const struct proxy_options *o, struct err_info *ei);
size_t proxy_listener_count(const struct proxy *p);
/* "http://127.0.0.1:8088", with the port that was bound; lives as long as p. */
const char *proxy_listener_url(const struct proxy *p, size_t i);

/* New requests use this configuration and catalog; the old ones are released when their last call
 * ends: `release` (any thread) is called with the old catalog. Listeners stay, but their
 * certificates are read again. `swap` is called while no worker is in the middle of anything: what
 * else is to change with them changes there. When it fails, a certificate does not do, or memory is
 * short, nothing has changed. */
enum err proxy_reload(struct proxy *p, struct config *config, struct catalog *catalog,
                      void (*release)(struct catalog *old),
                      enum err (*swap)(void *arg, struct err_info *ei), void *arg,
                      struct err_info *ei) MUST_CHECK;
/* Would the certificates of its listeners do? */
enum err proxy_check(const struct config *c, struct err_info *ei) MUST_CHECK;

/* Stops accepting and waits until the running calls have ended, at most timeout_ms, and then a few
 * seconds at most for clients to take the rest of their answers; then cuts what is left. Returns
 * how many calls were cut. `hurry` (may be NULL) is polled; nonzero cuts at once. */
size_t proxy_drain(struct proxy *p, int64_t timeout_ms, const atomic_int *hurry);
/* Cuts what still runs. NULL is a no-op. */
void proxy_free(struct proxy *p);

/* One running call, for the screen. Strings are valid during the callback. */
struct proxy_open_call {
    const char *request_id, *model, *operation;
    const struct tags *tags;
    struct str principal;
    const char *waits_for;    /* the limit in whose queue it stands; NULL: it was admitted */
    int64_t admitted_wall_ms; /* of one that waits: when it arrived */
    int64_t arrived_us;       /* clock_mono_us: orders calls of one millisecond */
    int64_t first_token_us;   /* clock_mono_us; 0: none yet */
    /* So far, as it would be charged if it ended now; input 0: nothing answered yet. */
    int64_t input_tokens, output_tokens;
    money_t usd; /* -1: no price */
};
/* Calls fn for every call that is admitted, or waits to be, and has not ended; holds a short lock
 * of one worker at a time. */
void proxy_open_calls(struct proxy *p, void (*fn)(void *arg, const struct proxy_open_call *c),
                      void *arg);

/* Ends the running and waiting calls for which match says so: streams with an exception frame or
 * SSE error, calls that were not answered with a 503, each with `why`. When it returns they have
 * ended; *count of them. match is called in the workers' threads, never by two at once, and must
 * not block. ERR_NOMEM: not every worker could be told. */
enum err proxy_stop_calls(struct proxy *p,
                          bool (*match)(void *arg, const struct proxy_open_call *c), void *arg,
                          const char *why, size_t *count, struct err_info *ei) MUST_CHECK;

#define PROXY_ERRORS 16
/* "400" ... "504", "other", "unreachable", "broken", "timeout". */
const char *proxy_error_name(size_t i);
struct proxy_counts {
    int64_t connections, requests, bad_requests, timeouts, tls_failures, floods;
    int64_t open_calls, store_failures;
    int64_t overhead_us_sum,
        overhead_count; /* from the complete request to the first byte sent upstream */
    int64_t first_token_us_sum, first_token_count; /* from the request's head to the first token */
    int64_t upstream_errors[PROXY_ERRORS];         /* by proxy_error_name */
};
/* Over all workers, since the start (open_calls: now); any thread. */
void proxy_counts(struct proxy *p, struct proxy_counts *out);
/* What assume_role costs and whether it works. */
struct roles_counts proxy_roles(struct proxy *p);

#endif
