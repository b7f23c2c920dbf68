/* notify.h: what `notify:` asks for: a command run or a webhook posted for a happening. Each entry
 * of the file has a thread and a bounded queue of its own: nobody who has something to tell waits,
 * and a command that hangs holds up no other entry. */
#ifndef TOLLGATE_CONTROL_NOTIFY_H
#define TOLLGATE_CONTROL_NOTIFY_H

#include "core/aws/credentials.h"
#include "core/config/config.h"

struct notify;

struct notify_event {
    enum config_notify_event on;
    char what[32]; /* "threshold", "blocked", "unblocked", "started", "store_failure", ... */
    char text[512];
    char limit[64], group[256], actor[64]; /* "" where there is none */
    int percent;                           /* of a threshold; 0: none */
    int64_t at_ms;                         /* wall */
    /* The same (on, what, limit, group, percent) is told once in this time; 0: each time. */
    int64_t quiet_ms;
};

/* Starts a thread for each notice of the file (none without). The configuration is referenced;
 * credentials (for SNS) are borrowed until notify_stop. NULL without memory. */
struct notify *notify_start(struct config *config, struct credentials_provider *credentials,
                            struct err_info *ei);
/* Takes over the notices of a new configuration; what waits in old queues is still told. */
void notify_reload(struct notify *n, struct config *config);
/* Hands an event to everybody who asked for it; from any thread, never waits. NULL is a no-op. */
void notify_tell(struct notify *n, const struct notify_event *e);
/* Gives the queues at most grace_ms, ends what still runs then, joins the threads. NULL: no-op. */
void notify_stop(struct notify *n, int64_t grace_ms);

struct notify_health {
    int targets;
    int64_t told, failed;      /* deliveries, in the end */
    int64_t retried;           /* attempts that were made again */
    int64_t dropped;           /* a queue was full */
    int64_t suppressed;        /* the same had been told */
    int64_t waiting;           /* in the queues */
    int64_t told_at, error_at; /* wall; 0: never */
    char error[160];           /* of the last failure, without secrets; "" */
};
void notify_health(struct notify *n, struct notify_health *out); /* any thread; NULL: all zero */

#endif
