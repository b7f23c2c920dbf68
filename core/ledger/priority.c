/* priority.c: see priority.h.
 *
 * Folding is work for when there is time: a tenth of a journal can wait, an event of a stream
 * cannot. As an equal of the workers this thread would, every tenth of a second, keep a processor
 * that it shares with one of them for its whole slice of time, some milliseconds. Being nice does
 * not shorten the slice, and whoever is nice may not come back without a right (RLIMIT_NICE),
 * though a full journal refuses calls. So it gives the slice back after each small piece of work,
 * as long as no journal is more than a tenth full (what waits then is folded before a journal of it
 * can fill up) and what waits to be on the disk can wait (on a busy machine each slice that is
 * given back costs many milliseconds), and as a batch thread does not push a worker aside when it
 * wakes: neither needs a right. */
#include "core/ledger/priority.h"

#include "core/base/clock.h"
#include "core/base/log.h"

#include <errno.h>
#include <sched.h>

static _Thread_local struct {
    bool gives_way, urgent;
    int64_t until_us;
} own;

void priority_give_way(void)
{
    struct sched_param none = {0};
    own.gives_way = true;
    if (sched_setscheduler(0, SCHED_BATCH, &none) != 0) { /* 0: this thread alone, on Linux */
        log_info("ledger", "the ledger thread cannot be a batch one (errno %d)", errno);
    }
}

void priority_urgent(bool urgent)
{
    own.urgent = urgent;
}

void priority_until(int64_t mono_us)
{
    own.until_us = mono_us;
}

void priority_pause(void)
{
    if (own.gives_way && !own.urgent && clock_mono_us() < own.until_us) {
        (void)sched_yield(); /* cannot fail on Linux */
    }
}
