/* gate.h: the life of a call in one worker: who asks, may it, send it, meter it, settle it. What
 * the front calls is in exchange.h; the way of a call is gate_request.c (what is asked),
 * gate_identity.c (who asks), gate_tags.c, gate_admit.c, gate_wait.c (waiting for room),
 * gate_forward.c (signed and sent), gate_answer.c (from upstream to settlement). */
#ifndef TOLLGATE_PROXY_GATE_H
#define TOLLGATE_PROXY_GATE_H

#include <stdatomic.h>

#include "core/proxy/proxy.h"
#include "core/proxy/upstream.h"

struct gate;

/* A configuration with its catalog, counted by those who use it. */
struct rules {
    struct config *config;
    struct catalog *catalog;
    void (*release)(struct catalog *old); /* NULL: the catalog is not ours to release */
    bool queues;                          /* a limit says action: queue */
    _Atomic int references;
};
/* One reference; config is counted, too. NULL without memory. rules_unref(NULL) is a no-op. */
struct rules *rules_new(struct config *config, struct catalog *catalog);
struct rules *rules_ref(struct rules *r);
void rules_unref(struct rules *r);

/* Request bodies in flight, over all workers. */
struct gate_bodies {
    _Atomic int64_t held, waiting; /* waiting: of calls that wait for room in a limit */
    _Atomic int64_t read_on;       /* calls whose answers are read on for clients that left */
    int64_t max;                   /* bytes; beyond it requests are refused as overloaded */
    int64_t waiting_max;           /* bytes; beyond it calls are denied and do not wait */
};

/* Borrowed until gate_free where nothing else is said. */
struct gate_options {
    struct loop *loop;
    int worker;
    struct rules *rules; /* a reference is taken */
    struct limits *limits;
    struct ledger *ledger;
    struct identity *identity;
    struct credentials_provider *credentials;
    struct roles *roles; /* for assume_role; borrowed */
    struct endpoint *runtime, *mantle;
    int upstream_share;
    struct gate_bodies *bodies; /* outlives the gate */
    const struct proxy_hooks *hooks;
};
/* NULL: no memory, with a text. */
struct gate *gate_new(const struct gate_options *o, struct err_info *ei);
void gate_free(struct gate *g);                        /* open calls are dropped; NULL is a no-op */
void gate_reload(struct gate *g, struct rules *rules); /* takes the reference */
void gate_drain(struct gate *g); /* the gateway ends: who waits for room is sent away */
/* As proxy_open_calls, of this worker; any thread. */
void gate_open_calls(struct gate *g, void (*fn)(void *arg, const struct proxy_open_call *c),
                     void *arg);
/* Ends every open call for which match says so, in the worker's own thread: a running stream by an
 * exception frame or SSE error, one that was not answered by a 503, each with `why`; settled with
 * the error "stopped". Returns how many. */
size_t gate_stop_calls(struct gate *g, bool (*match)(void *arg, const struct proxy_open_call *c),
                       void *arg, const char *why);
/* Adds what this worker has counted since its start; any thread. */
void gate_counts(const struct gate *g, struct proxy_counts *add);

#endif
