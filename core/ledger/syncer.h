/* syncer.h: how much of what the workers stored is on the disk, and a thread that sees to it. A
 * fold's commit puts it there; where the next one is late (a fold takes its time, and gives way to
 * the workers), the thread writes and syncs what is new. It sleeps while nothing waits. Private to
 * the room. */
#ifndef TOLLGATE_LEDGER_SYNCER_H
#define TOLLGATE_LEDGER_SYNCER_H

#include "core/ledger/synced.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

struct syncer {
    struct journal **journals; /* the ledger's */
    int workers;
    struct synced *file;
    uint64_t *heads; /* the thread's own */
    bool failing;
    pthread_t thread;
    bool running;
    pthread_mutex_t release_lock; /* nothing is released while it is copied */

    sem_t wake;
    _Atomic bool stop;
    _Atomic bool asleep;      /* nothing waits: who stores the next record wakes it */
    _Atomic int64_t woken_us; /* then; monotonic */

    pthread_mutex_t lock;          /* over what follows */
    int64_t durable_us;            /* monotonic: what was stored before it is on the disk */
    uint64_t *durable;             /* of each journal: everything before it is */
    int64_t gap_us, gap_before_us; /* the longest that something was not: this minute, the last */
    int64_t gaps_since_us;
};

void syncer_init(struct syncer *s);
/* The journals are open, nothing is stored in them yet. */
enum err syncer_open(struct syncer *s, struct journal **journals, int workers, const char *path,
                     struct err_info *ei) MUST_CHECK;
enum err syncer_start(struct syncer *s, struct err_info *ei) MUST_CHECK;
void syncer_stop(struct syncer *s);
void syncer_free(struct syncer *s);

/* A worker: after each record it has stored. Does not wait. */
void syncer_stored(struct syncer *s);
/* What was stored before begun_us, in each journal up to heads[], has been committed. */
void syncer_note(struct syncer *s, int64_t begun_us, const uint64_t *heads);
/* journal_release, but not while that journal is copied. */
void syncer_release(struct syncer *s, int worker, uint64_t position);
/* How much a power failure could have taken at the worst moment of the last one or two minutes, or
 * could take now. */
int64_t syncer_gap_us(struct syncer *s);

#endif
