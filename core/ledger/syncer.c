/* syncer.c: see syncer.h. */
#include "core/ledger/syncer.h"

#include "core/base/clock.h"
#include "core/base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AFTER_US 65000 /* 100 ms are promised, the disk and the scheduler have the rest */
#define RETRY_US 50000
#define GAPS_US  60000000

void syncer_init(struct syncer *s)
{
    memset(s, 0, sizeof(*s));
    pthread_mutex_init(&s->release_lock, NULL);
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &attributes);
    pthread_condattr_destroy(&attributes);
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
    pthread_cond_destroy(&s->wake);
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

void syncer_note(struct syncer *s, int64_t begun_us, const uint64_t *heads)
{
    pthread_mutex_lock(&s->lock);
    int64_t now_us = clock_mono_us(), gap_us = waits(s) ? now_us - s->durable_us : 0;
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
    int64_t gap_us = s->running && waits(s) ? clock_mono_us() - s->durable_us : 0;
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

void syncer_watch(struct syncer *s)
{
    pthread_mutex_lock(&s->lock);
    s->busy = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

void syncer_rest(struct syncer *s)
{
    pthread_mutex_lock(&s->lock);
    s->busy = false;
    pthread_mutex_unlock(&s->lock);
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
    pthread_mutex_lock(&s->lock);
    bool anything = waits(s);
    pthread_mutex_unlock(&s->lock);
    for (int i = 0; i < s->workers; i++) {
        s->heads[i] = anything ? journal_head(s->journals[i]) : 0;
    }
    enum err e = anything ? copy(s) : ERR_OK;
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

static void wait_until(struct syncer *s, int64_t at_us)
{
    struct timespec until = {at_us / 1000000, at_us % 1000000 * 1000};
    (void)pthread_cond_timedwait(&s->wake, &s->lock, &until);
}

static void *run(void *arg)
{
    struct syncer *s = arg;
    pthread_mutex_lock(&s->lock);
    while (!s->stop) {
        int64_t due_us = s->durable_us + AFTER_US;
        due_us = s->again_us > due_us ? s->again_us : due_us;
        if (!s->busy && !waits(s)) {
            pthread_cond_wait(&s->wake, &s->lock);
        } else if (clock_mono_us() < due_us) {
            wait_until(s, due_us);
        } else {
            pthread_mutex_unlock(&s->lock);
            enum err e = put_on_disk(s);
            pthread_mutex_lock(&s->lock);
            s->again_us = e == ERR_OK ? 0 : clock_mono_us() + RETRY_US;
        }
    }
    pthread_mutex_unlock(&s->lock);
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
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    s->running = false;
}
