/* thread.c: the ledger thread: what the workers stored goes into SQLite, so often that it is there
 * within 100 ms when that takes little time, or when woken. A group that has committed is on the
 * disk (synchronous=FULL); what has to be there before is syncer.c's. */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/ledger/ledger_private.h"
#include "core/ledger/priority.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FOLDED_MS     95    /* from a store to its place in SQLite, when there is time */
#define PAUSE_MS      5     /* at least, between two cycles */
#define PATIENCE_US   20000 /* of a cycle, with whoever wants the processor */
#define BATCH_RECORDS 8192
#define LOOK_US       1000000 /* at the state directory: is it still there? */
#define DAMAGE_LOOKS  5       /* of these one into the database */
#define CLEANING_US   (3600 * 1000000LL)

/* --- one pass --- */

static bool any_filling(const struct ledger *g)
{
    for (int i = 0; i < g->workers; i++) {
        if (journal_percent(g->journals[i]) > 10) {
            return true;
        }
    }
    return false;
}

/* One group: at most a batch of each journal, up to `heads`. */
static enum err fold_group(struct ledger *g, const uint64_t *heads, uint64_t *folded,
                           struct err_info *ei)
{
    enum err e = fold_begin(&g->fold, ei);
    if (e != ERR_OK) {
        return e;
    }
    for (int i = 0; e == ERR_OK && i < g->workers; i++) {
        struct journal *j = g->journals[i];
        folded[i] = journal_tail(j);
        if (folded[i] < heads[i]) {
            size_t n = journal_list(j, folded[i], heads[i], g->batch, BATCH_RECORDS, &folded[i],
                                    &g->fold.damaged);
            e = fold_records(&g->fold, journal_generation(j), folded[i], g->batch, n, ei);
        }
    }
    if (e != ERR_OK) {
        fold_rollback(&g->fold);
        return e;
    }
    e = fold_commit(&g->fold, ei);
    for (int i = 0; e == ERR_OK && i < g->workers; i++) {
        syncer_release(&g->syncer, i, folded[i]);
    }
    return e;
}

static bool any_left(const struct ledger *g, const uint64_t *heads)
{
    for (int i = 0; i < g->workers; i++) {
        if (journal_tail(g->journals[i]) < heads[i]) {
            return true;
        }
    }
    return false;
}

/* Everything stored by now. */
static enum err fold_everything(struct ledger *g, struct err_info *ei)
{
    uint64_t *heads = calloc((size_t)g->workers * 2 + 1, sizeof(*heads));
    if (heads == NULL) {
        return err_set(ei, ERR_NOMEM, "no memory for the ledger");
    }
    enum err e = ERR_OK;
    int64_t begun_us = clock_mono_us();
    for (int i = 0; i < g->workers; i++) {
        heads[i] = journal_head(g->journals[i]);
    }
    priority_until(clock_mono_us() + PATIENCE_US);
    while (e == ERR_OK && any_left(g, heads)) {
        priority_urgent(any_filling(g));
        e = fold_group(g, heads, heads + g->workers, ei);
    }
    if (e == ERR_OK) {
        syncer_note(&g->syncer, begun_us, heads);
    }
    free(heads);
    return e;
}

bool ledger_thread_behind(const struct ledger *g)
{
    bool behind = false;
    for (int i = 0; i < g->workers && !behind; i++) {
        behind = journal_tail(g->journals[i]) < journal_head(g->journals[i]);
    }
    return behind;
}

static void clean(struct ledger *g)
{
    if (clock_mono_us() < g->next_cleaning_us) {
        return;
    }
    struct err_info ei = {0};
    bool more = false;
    if (ledger_clean(g, &more, &ei) != ERR_OK) {
        log_warn("ledger", "old rows stay: %s", ei.text);
    }
    if (!more) {
        g->next_cleaning_us = clock_mono_us() + CLEANING_US;
    }
}

/* Remembers how it went, says so when that changed, and lets go those who wait for it. */
static void end_cycle(struct ledger *g, enum err e, const struct err_info *ei)
{
    pthread_mutex_lock(&g->cycle_lock);
    enum err before = g->last_result;
    g->last_result = e;
    g->last_error = *ei;
    g->cycles_ended++;
    pthread_cond_broadcast(&g->cycle_done);
    pthread_mutex_unlock(&g->cycle_lock);
    if (e != ERR_OK && before == ERR_OK) {
        log_error("ledger", "calls stay in the journals: %s", ei->text);
    } else if (e == ERR_OK && before != ERR_OK) {
        log_info("ledger", "the ledger can be written again");
    }
}

void ledger_thread_note(struct ledger *g, enum err e, const struct err_info *ei)
{
    pthread_mutex_lock(&g->cycle_lock);
    if (g->running && g->last_result == ERR_OK) {
        g->last_result = e;
        g->last_error = *ei;
    }
    pthread_mutex_unlock(&g->cycle_lock);
}

/* After a failure: can it be written at all? A cycle without calls would not know. */
static enum err probe(struct ledger *g, struct err_info *ei)
{
    pthread_mutex_lock(&g->cycle_lock);
    bool failed = g->last_result != ERR_OK;
    pthread_mutex_unlock(&g->cycle_lock);
    if (!failed) {
        return ERR_OK;
    }
    enum err e = fold_begin(&g->fold, ei);
    return e == ERR_OK ? fold_commit(&g->fold, ei) : e;
}

enum err ledger_cycle(struct ledger *g)
{
    struct err_info ei = {0};
    pthread_mutex_lock(&g->cycle_lock);
    g->cycles_begun++;
    pthread_mutex_unlock(&g->cycle_lock);
    pthread_mutex_lock(&g->write_lock);
    enum err e = err_set(&ei, g->damage.code, "%s", g->damage.text);
    e = e == ERR_OK ? probe(g, &ei) : e;
    e = e == ERR_OK ? fold_everything(g, &ei) : e;
    end_cycle(g, e, &ei);
    if (e == ERR_OK) {
        clean(g);
    }
    pthread_mutex_unlock(&g->write_lock);
    return e;
}

/* --- the thread --- */

/* What is stored as a cycle begins waits for the next to end: both, and the pause, are the time. */
static int pause_after(int64_t took_us)
{
    int64_t pause_ms = FOLDED_MS - 2 * took_us / 1000;
    return pause_ms > PAUSE_MS ? (int)pause_ms : PAUSE_MS;
}

static void *run(void *arg)
{
    struct ledger *g = arg;
    int64_t next_look_us = 0, begun_us = clock_mono_us();
    unsigned looks = 0;
    priority_give_way();
    while (!atomic_load(&g->stop)) {
        if (clock_mono_us() >= next_look_us) {
            next_look_us = clock_mono_us() + LOOK_US;
            ledger_state_look(g);
            if (looks++ % DAMAGE_LOOKS == 0) {
                ledger_look(g);
            }
        }
        struct pollfd wake = {g->wake_fd, POLLIN, 0};
        if (poll(&wake, 1, pause_after(clock_mono_us() - begun_us)) > 0) {
            uint64_t times;
            if (read(g->wake_fd, &times, sizeof(times)) < 0 && errno != EAGAIN && errno != EINTR) {
                log_error("ledger", "cannot be woken (errno %d)", errno);
            }
        }
        begun_us = clock_mono_us();
        (void)ledger_cycle(g); /* told by ledger_health and ledger_flush; tried again */
    }
    return NULL;
}

enum err ledger_thread_make(struct ledger *g, struct err_info *ei)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&g->cycle_done, &attributes);
    pthread_condattr_destroy(&attributes);
    g->batch = calloc(BATCH_RECORDS, sizeof(*g->batch));
    if (g->batch == NULL) {
        return err_set(ei, ERR_NOMEM, "no memory for the ledger");
    }
    g->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return g->wake_fd >= 0 ? ERR_OK : err_set_sys(ei, ERR_IO, errno, "no event descriptor");
}

void ledger_thread_wake(struct ledger *g)
{
    uint64_t one = 1;
    if (write(g->wake_fd, &one, sizeof(one)) < 0 && errno != EAGAIN) {
        log_error("ledger", "cannot wake the ledger thread (errno %d)", errno);
    }
}

enum err ledger_start(struct ledger *g, struct err_info *ei)
{
    if (g->read_only || g->running) {
        return err_set(ei, ERR_CONFLICT, "the ledger's thread cannot start twice or on a reader");
    }
    enum err e = syncer_start(&g->syncer, ei);
    if (e != ERR_OK) {
        return e;
    }
    int failed = pthread_create(&g->thread, NULL, run, g);
    if (failed != 0) {
        syncer_stop(&g->syncer);
        return err_set_sys(ei, ERR_IO, failed, "cannot start the ledger thread");
    }
    g->running = true;
    return ERR_OK;
}

void ledger_thread_stop(struct ledger *g)
{
    if (g->running) {
        atomic_store(&g->stop, true);
        ledger_thread_wake(g);
        pthread_join(g->thread, NULL);
        g->running = false;
        syncer_stop(&g->syncer);
    }
}

void ledger_thread_free(struct ledger *g)
{
    pthread_cond_destroy(&g->cycle_done);
    free(g->batch);
    if (g->wake_fd >= 0) {
        close(g->wake_fd);
    }
}

/* --- waiting for it --- */

static struct timespec deadline_after(int64_t timeout_ms)
{
    int64_t at = clock_mono_us() + (timeout_ms > 0 ? timeout_ms : 0) * 1000;
    return (struct timespec){at / 1000000, at % 1000000 * 1000};
}

enum err ledger_flush(struct ledger *g, int64_t timeout_ms)
{
    if (g->read_only) {
        return ERR_OK;
    }
    if (!g->running) {
        return ledger_cycle(g);
    }
    struct timespec deadline = deadline_after(timeout_ms);
    pthread_mutex_lock(&g->cycle_lock);
    uint64_t mine = g->cycles_begun + 1; /* one that begins after now */
    ledger_thread_wake(g);
    int waited = 0;
    while (g->cycles_ended < mine && waited == 0) {
        waited = pthread_cond_timedwait(&g->cycle_done, &g->cycle_lock, &deadline);
    }
    enum err e = g->cycles_ended >= mine ? g->last_result : ERR_TIMEOUT;
    pthread_mutex_unlock(&g->cycle_lock);
    return e;
}
