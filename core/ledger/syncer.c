/* syncer.c: see syncer.h. */
#include "core/ledger/syncer.h"

#include "core/base/clock.h"
#include "core/base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AFTER_US 50000 /* 100 ms are promised, the disk and the scheduler have the rest */
#define RETRY_US 50000
#define GAPS_US  60000000

void syncer_init(struct syncer *s)
{
    memset(s, 0, sizeof(*s));
    pthread_mutex_init(&s->release_lock, NULL);
    pthread_mutex_init(&s->lock, NULL);
    (void)sem_init(&s->wake, 0, 0); /* cannot fail with these */
}

enum err syncer_open(struct syncer *s, struct journal **journals, int workers, const char *path,
                     struct err_info *ei)
{
    s->durable_us = s->gaps_since_us = clock_mono_us();
    if (workers == 0) {
        return ERR_OK;
    }
    s->heads = calloc((size_t)workers, sizeof(*s->heads));
    s->durable = calloc((size_t)workers, sizeof(*s->durable));
    if (s->heads == NULL || s->durable == NULL) {
        return err_set(ei, ERR_NOMEM, "no memory for the journals");
    }
    for (int i = 0; i < workers; i++) {
        s->durable[i] = journal_head(journals[i]);
    }
    s->file = synced_open(path, workers, journal_capacity(journals[0]), ei);
    s->journals = journals;
    s->workers = s->file != NULL ? workers : 0;
    return s->file != NULL ? ERR_OK : ERR_IO;
}

void syncer_free(struct syncer *s)
{
    synced_close(s->file);
    free(s->heads);
    free(s->durable);
    (void)sem_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->release_lock);
}

/* --- what is on the disk --- */

static bool waits(const struct syncer *s)
{
    bool any = false;
    for (int i = 0; i < s->workers && !any; i++) {
        any = journal_head(s->journals[i]) > s->durable[i];
    }
    return any;
}

/* While it slept nothing waited. */
static int64_t durable_us(struct syncer *s)
{
    int64_t woken_us = atomic_load(&s->woken_us);
    return woken_us > s->durable_us ? woken_us : s->durable_us;
}

void syncer_note(struct syncer *s, int64_t begun_us, const uint64_t *heads)
{
    pthread_mutex_lock(&s->lock);
    int64_t now_us = clock_mono_us(), gap_us = waits(s) ? now_us - durable_us(s) : 0;
    if (now_us - s->gaps_since_us > GAPS_US) {
        s->gap_before_us = now_us - s->gaps_since_us < 2 * GAPS_US ? s->gap_us : 0;
        s->gap_us = 0;
        s->gaps_since_us = now_us;
    }
    s->gap_us = gap_us > s->gap_us ? gap_us : s->gap_us;
    s->durable_us = begun_us > s->durable_us ? begun_us : s->durable_us;
    for (int i = 0; i < s->workers; i++) {
        s->durable[i] = heads[i] > s->durable[i] ? heads[i] : s->durable[i];
    }
    pthread_mutex_unlock(&s->lock);
}

int64_t syncer_gap_us(struct syncer *s)
{
    pthread_mutex_lock(&s->lock);
    int64_t gap_us = s->running && waits(s) ? clock_mono_us() - durable_us(s) : 0;
    gap_us = gap_us > s->gap_us ? gap_us : s->gap_us;
    gap_us = gap_us > s->gap_before_us ? gap_us : s->gap_before_us;
    pthread_mutex_unlock(&s->lock);
    return gap_us;
}

void syncer_release(struct syncer *s, int worker, uint64_t position)
{
    pthread_mutex_lock(&s->release_lock);
    journal_release(s->journals[worker], position);
    pthread_mutex_unlock(&s->release_lock);
}

/* Between storing a record and looking who sleeps, and the other way round: one of the two sees the
 * other. ThreadSanitizer does not know it, which gcc warns of; only atomic words are read there. */
static void one_after_the_other(void)
{
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wtsan"
#endif
    atomic_thread_fence(memory_order_seq_cst);
}

void syncer_stored(struct syncer *s)
{
    one_after_the_other();
    if (!atomic_load_explicit(&s->asleep, memory_order_relaxed)) {
        return;
    }
    int64_t now_us = clock_mono_us();
    if (atomic_exchange(&s->asleep, false)) {
        atomic_store(&s->woken_us, now_us);
        (void)sem_post(&s->wake); /* fails only when posted two billion times */
    }
}

/* --- the thread --- */

static enum err copy(struct syncer *s)
{
    enum err e = ERR_OK;
    pthread_mutex_lock(&s->release_lock);
    for (int i = 0; e == ERR_OK && i < s->workers; i++) {
        e = synced_take(s->file, i, s->journals[i], s->heads[i]);
    }
    pthread_mutex_unlock(&s->release_lock);
    return e == ERR_OK ? synced_flush(s->file) : e;
}

/* Where the copy has no room the journals have: theirs was set aside. */
static enum err sync_journals(struct syncer *s)
{
    enum err e = ERR_OK;
    for (int i = 0; e == ERR_OK && i < s->workers; i++) {
        e = journal_sync(s->journals[i]);
    }
    return e;
}

static enum err put_on_disk(struct syncer *s)
{
    int64_t begun_us = clock_mono_us();
    for (int i = 0; i < s->workers; i++) {
        s->heads[i] = journal_head(s->journals[i]);
    }
    enum err e = copy(s);
    if (e != ERR_OK) {
        e = sync_journals(s);
    }
    if (e == ERR_OK) {
        syncer_note(s, begun_us, s->heads);
    }
    if ((e != ERR_OK) != s->failing) {
        s->failing = e != ERR_OK;
        if (s->failing) {
            log_error("ledger",
                      "the journals cannot be written to the disk (errno %d): a power "
                      "failure would take what is in them",
                      errno);
        } else {
            log_info("ledger", "the journals can be written to the disk again");
        }
    }
    return e;
}

/* When something has to be done; 0: nothing waits. */
static int64_t due_us(struct syncer *s)
{
    pthread_mutex_lock(&s->lock);
    int64_t due = waits(s) ? durable_us(s) + AFTER_US : 0;
    pthread_mutex_unlock(&s->lock);
    return due;
}

static void sleep_until_stored(struct syncer *s)
{
    atomic_store(&s->asleep, true);
    one_after_the_other();
    if (due_us(s) == 0 && !atomic_load(&s->stop)) {
        (void)sem_wait(&s->wake);
    }
    atomic_store(&s->asleep, false);
}

static void sleep_until(struct syncer *s, int64_t at_us)
{
    struct timespec until = {at_us / 1000000, at_us % 1000000 * 1000};
    (void)sem_clockwait(&s->wake, CLOCK_MONOTONIC, &until);
}

static void *run(void *arg)
{
    struct syncer *s = arg;
    while (!atomic_load(&s->stop)) {
        int64_t due = due_us(s);
        if (due == 0) {
            sleep_until_stored(s);
        } else if (clock_mono_us() < due) {
            sleep_until(s, due);
        } else if (put_on_disk(s) != ERR_OK) {
            sleep_until(s, clock_mono_us() + RETRY_US);
        }
    }
    return NULL;
}

enum err syncer_start(struct syncer *s, struct err_info *ei)
{
    if (s->workers == 0) {
        return ERR_OK;
    }
    s->durable_us = s->gaps_since_us = clock_mono_us();
    int failed = pthread_create(&s->thread, NULL, run, s);
    if (failed != 0) {
        return err_set_sys(ei, ERR_IO, failed, "cannot start the thread that syncs the journals");
    }
    s->running = true;
    return ERR_OK;
}

void syncer_stop(struct syncer *s)
{
    if (!s->running) {
        return;
    }
    atomic_store(&s->stop, true);
    (void)sem_post(&s->wake);
    pthread_join(s->thread, NULL);
    s->running = false;
}
