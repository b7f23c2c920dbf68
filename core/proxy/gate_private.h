/* gate_private.h: what the gate's files share. */
#ifndef TOLLGATE_PROXY_GATE_PRIVATE_H
#define TOLLGATE_PROXY_GATE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/aws/roles.h"
#include "core/aws/sigv4.h"
#include "core/base/clock.h"
#include "core/dialect/dialect.h"
#include "core/proxy/exchange.h"
#include "core/proxy/gate.h"
#include "core/proxy/upstream.h"
#include "core/proxy/whole_frames.h"

struct ticket {
    struct gate *gate;
    struct exchange *x;
    struct rules *rules;
    struct ticket *prev, *next; /* admitted and not ended; guarded by gate->open_lock */
    struct dialect_route route;
    struct call call;
    struct identity_digest digest; /* of its bearer */
    struct sigv4_hash hash;        /* of the first `hashed` bytes of the body */
    size_t hashed;
    bool price_known; /* of the standard tier */
    bool admitted, journaled, settled, was_sent, answered;
    bool read_on;  /* the client is gone; the answer is read to its end */
    bool stopping; /* an operator ends it, in this turn */
    bool framed;   /* the answer is an event stream */
    struct whole_frames frames;
    bool rewrites;          /* the answer is changed on its way */
    bool late;              /* its head goes with its end */
    int64_t answer_left;    /* bytes of the upstream's answer that are to come; -1: not known */
    int64_t clamped_output; /* > 0: on_too_big: clamp set this bound */
    struct limit_hold *hold;
    uint64_t slot;
    struct meter *meter;
    struct upstream_call *upstream;
    struct buf head;             /* request head for upstream */
    struct buf body;             /* what of its body is not the client's own */
    const char *upstream_id;     /* what is called */
    struct str ignored;          /* tags the caller may not set: "a,b" */
    int64_t ready_us;            /* request complete */
    int64_t body_held;           /* bytes of the body, counted in gate->bodies */
    struct parked *parked;       /* waits for room; gate_wait.c */
    struct credentials *keys;    /* of the role, with assume_role; a reference */
    struct role_wait *role_wait; /* waits for them; gate_role.c */
    bool role_retried;           /* AWS did not take the first ones */
    struct {                     /* how far it is, for other threads to look at */
        _Atomic int64_t first_token_us, input, output, usd;
    } seen;
};

/* Calls of this worker that wait for room in limits with action: queue. */
struct gate_waits {
    struct parked *first;   /* those with a ticket; the worker's thread, as all but `told` */
    struct parked *spare;   /* or NULL */
    size_t late;            /* without a ticket: told, or about to be */
    struct loop_timer tick; /* armed while calls wait */
    bool draining;          /* nobody waits any more */
    pthread_mutex_t lock;   /* of what follows */
    pthread_cond_t changed; /* one was told */
    struct parked *told, *told_last;
    bool posted; /* the worker will look */
};

/* One of the hosts calls go to. */
struct gate_host {
    struct endpoint *endpoint;
    struct upstream *pool;
    struct sigv4_signer signer;
    struct sigv4_signer *role_signers; /* GATE_ROLE_SIGNERS, or NULL */
};

/* A call in AWS's words. */
struct gate_outgoing {
    struct ticket *ticket; /* NULL: none */
    struct dialect_upstream words;
    struct str parts[UPSTREAM_PARTS]; /* the head, once it is signed, and its body */
};

/* What this worker has to do with credentials of roles. */
struct gate_roles {
    struct roles *all;      /* of every worker */
    pthread_mutex_t lock;   /* of what follows */
    struct role_wait *told; /* newest first */
    bool posted;            /* the worker will look */
};

struct gate {
    struct loop *loop;
    int worker;
    struct rules *rules;
    struct limits *limits;
    struct ledger *ledger;
    struct identity *identity;
    struct credentials_provider *credentials;
    struct gate_host runtime, mantle;
    const struct proxy_hooks *hooks;
    struct buf lines;          /* scratch: header lines of an answer */
    pthread_mutex_t open_lock; /* of `open` and waits.first, for other threads */
    struct ticket *open;
    uint64_t ended_calls; /* that were in `open`; the worker's thread only */
    struct gate_bodies *bodies;
    int64_t read_on_us; /* how long an answer is read on for nobody */
    struct gate_waits waits;
    struct gate_roles roles;
    struct gate_outgoing half;    /* waits to be hashed together with another */
    struct loop_timer half_timer; /* at the end of the turn it goes alone */
    _Atomic int64_t open_calls, store_failures, overhead_us_sum, overhead_count;
    _Atomic int64_t first_token_us_sum, first_token_count;
    _Atomic int64_t upstream_errors[PROXY_ERRORS]; /* by proxy_error_name */
};

/* gate_ticket.c */
/* A ticket for x, which keeps it in x->ticket and owns nothing else of it; NULL: no memory. */
struct ticket *gate_ticket_new(struct gate *g, struct exchange *x);
void gate_ticket_end(struct ticket *t); /* frees the ticket; the exchange is not touched */
/* Sends a whole answer, frees it, and ends the exchange and its ticket. */
void gate_ticket_answer(struct ticket *t, struct dialect_answer *a);
void gate_ticket_give_up(struct ticket *t); /* without memory: cuts the exchange, ends the ticket */
/* Counts n more bytes of its body as held; false: all bodies together hold too many. */
bool gate_ticket_hold_body(struct ticket *t, int64_t n) MUST_CHECK;
void gate_ticket_drop_body(struct ticket *t); /* its bytes no longer count as held */

/* gate_refuse.c */
/* Answers with a refusal, counts it as rejected in the ledger unless the call was admitted, and
 * ends; t is gone. code: a word for the ledger; message: for the client. */
void gate_refuse(struct ticket *t, enum refusal why, const char *code, const char *message);
/* As gate_refuse, of a body that cannot be read: with the mistakes that facts names, or the text.
 */
void gate_refuse_input(struct ticket *t, const struct dialect_facts *facts, const char *text);

/* gate_local.c */
/* Is the ticket's local path answered without a key? */
bool gate_local_serves(const struct ticket *t);
void gate_local_answer(struct ticket *t); /* answers such a path; t is gone */
void gate_local_models(struct ticket *t); /* the file's models, in the dialect's shape; t is gone */

/* gate_identity.c */
/* Who calls, as far as the head tells. False: refused, t is gone. */
bool gate_identity_precheck(struct ticket *t) MUST_CHECK;
/* Who calls, once the body is here: fills the call's principal, and the tags of its key. sha256: of
 * the body, or NULL where its signature does not cover it. False: refused, t is gone. */
bool gate_identity_check(struct ticket *t, const uint8_t *sha256, struct tags *key_tags) MUST_CHECK;

/* gate_admit.c */
/* Reserves in every limit and stores it. False: answered and t is gone, or it waits for room. */
bool gate_admit(struct ticket *t) MUST_CHECK;
/* The limits have decided: t->hold and t->clamped_output are set, or the denial. False: answered, t
 * is gone; always when e is not ERR_OK. */
bool gate_decided(struct ticket *t, enum err e, const struct limit_denial *denial);

/* gate_wait.c */
/* As limits_reserve_clamped, into t->hold and t->clamped_output. ERR_BUSY: the call waits, and
 * will go on or be denied by itself. */
enum err gate_wait(struct ticket *t, struct limit_denial *denial) MUST_CHECK;
void gate_wait_leave(struct ticket *t); /* gives up its place, where it has one */
/* As gate_open_calls and gate_stop_calls, of those that wait; the first under open_lock. */
void gate_wait_calls(const struct gate *g, void (*fn)(void *arg, const struct proxy_open_call *c),
                     void *arg);
size_t gate_wait_stop(struct gate *g, bool (*match)(void *arg, const struct proxy_open_call *c),
                      void *arg, const char *why);
void gate_waits_init(struct gate_waits *w);
void gate_waits_free(struct gate *g);

/* gate_role.c */
/* Has t what assume_role wants? False: it waits and will be forwarded by itself, or it was refused
 * and is gone. */
bool gate_role_ready(struct ticket *t) MUST_CHECK;
/* AWS's answer says that the role's credentials are good no more: the call is sent again, once,
 * with fresh ones. True: t is taken care of. */
bool gate_role_refused(struct ticket *t, const struct http_head *head) MUST_CHECK;
void gate_role_leave(struct ticket *t); /* gives up waiting, and its credentials */
/* Keeps the day's signing key of GATE_ROLE_SIGNERS credentials a host. */
#define GATE_ROLE_SIGNERS 128
struct sigv4_signer *gate_role_signer(struct gate_host *host, const struct credentials *keys);
void gate_role_signers_free(struct gate_host *host);
void gate_roles_init(struct gate_roles *r, struct roles *all);
void gate_roles_free(struct gate_roles *r);

/* gate_read_on.c */
/* The client of t leaves: takes t over to read its answer to the end (client_gone: drain). False:
 * it is to be ended. */
bool gate_read_on(struct ticket *t) MUST_CHECK;
void gate_read_on_end(struct gate *g); /* when no client is left: ends those that are read on */

/* gate_tags.c */
/* Puts the call's tags together, the key's above the caller's, which come from the header and the
 * body. ERR_PARSE or ERR_FORBIDDEN with a text for the client. */
enum err gate_tags(struct ticket *t, const struct tags *key_tags, const struct tags *body_tags,
                   struct err_info *ei) MUST_CHECK;
/* Does the call go to bedrock-mantle, where projects are? */
bool gate_has_projects(const struct ticket *t);

/* gate_forward.c */
/* Signs and sends an admitted call, in this turn or the next. */
void gate_forward(struct ticket *t);
void gate_forward_leave(struct ticket *t); /* where it is still to be signed, it is not */
void gate_forward_init(struct gate *g);

/* gate_hash.c */
/* A head that may bring a call with it: begins where the body's hash is needed early. */
void gate_hash_begin(struct ticket *t);
void gate_hash_more(struct ticket *t); /* bytes of the body came */
/* Of the client's whole body, which its signature is checked against. False: it is not signed. */
bool gate_hash_client(struct ticket *t, uint8_t out[32]);
/* Of the body as it goes upstream, by dialect_upstream_parts. */
void gate_hash_upstream(const struct ticket *t, const struct str parts[3], uint8_t out[32]);

/* gate_answer.c */
extern const struct upstream_handlers gate_answer_handlers; /* arg: the ticket */
/* An operator ended the call: tells the client and ends the ticket. */
void gate_stop(struct ticket *t, const char *why);
/* Ends the reservation: by reported usage, by estimate, or released. Idempotent. */
void gate_settle(struct ticket *t, enum call_outcome outcome, const char *error);

#endif
