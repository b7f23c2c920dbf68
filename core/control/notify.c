/* notify.c: the queues and threads of `notify:`. One lock guards it all; it is never held while
 * somebody is told. */
#include "core/control/notify.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/control/notify_private.h"

#define QUEUE_MAX   64
#define RECENT_MAX  256
#define ATTEMPTS    5
#define ATTEMPT_US  10000000
#define STACK_BYTES (512 * 1024)

/* Before the second attempt, the third, ... */
static const int64_t backoff_ms[ATTEMPTS - 1] = {1000, 5000, 20000, 60000};

struct target {
    struct notify *notify;
    struct config *config; /* holds the notice */
    const struct config_notice *notice;
    pthread_t thread;
    pthread_cond_t news;
    bool retired, done;
    size_t first, count;
    struct notify_event queue[QUEUE_MAX];
    struct target *next;
};

struct recent {
    uint64_t hash;
    int64_t until_us;
};

struct notify {
    pthread_mutex_t lock;
    pthread_cond_t one_done;
    struct credentials_provider *credentials;
    struct target *targets; /* retired ones among them until they are joined */
    int64_t stop_us;        /* 0: running */
    atomic_bool ending;
    struct recent recent[RECENT_MAX];
    struct notify_health health;
};

static void cond_init(pthread_cond_t *c)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(c, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* Waits under the lock until told or until then (mono). */
static void wait_until(struct notify *n, pthread_cond_t *c, int64_t us)
{
    struct timespec at = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    (void)pthread_cond_timedwait(c, &n->lock, &at);
}

/* --- a target's thread --- */

static enum notify_result attempt(struct target *t, struct notify_attempt *a)
{
    struct notify *n = t->notify;
    pthread_mutex_lock(&n->lock);
    a->deadline_us = clock_mono_us() + ATTEMPT_US;
    if (n->stop_us != 0 && n->stop_us < a->deadline_us) {
        a->deadline_us = n->stop_us;
    }
    pthread_mutex_unlock(&n->lock);
    a->wait_ms = 0;
    return t->notice->exec.count > 0                        ? notify_exec(a)
           : str_starts(str_of(t->notice->webhook), "arn:") ? notify_sns(a)
                                                            : notify_webhook(a);
}

/* Under the lock: the time between two attempts; false when there is no other one. */
static bool rest(struct target *t, const struct notify_attempt *a, int turn)
{
    struct notify *n = t->notify;
    int64_t ms = a->wait_ms > backoff_ms[turn] ? a->wait_ms : backoff_ms[turn];
    int64_t until = clock_mono_us() + ms * 1000;
    while (n->stop_us == 0 && clock_mono_us() < until) {
        wait_until(n, &t->news, until);
    }
    n->health.retried += n->stop_us == 0;
    return n->stop_us == 0;
}

static void deliver(struct target *t, const struct notify_event *e)
{
    struct notify *n = t->notify;
    struct buf json;
    struct notify_attempt a = {
        .notice = t->notice, .event = e, .ending = &n->ending, .credentials = n->credentials};
    enum notify_result result = NOTIFY_FAILED;
    bool ok = notify_json(&json, e, t->config->region);
    a.json = buf_str(&json);
    bool again = ok;
    for (int turn = 0; again; turn++) {
        result = attempt(t, &a);
        again = result == NOTIFY_AGAIN && turn < ATTEMPTS - 1;
        pthread_mutex_lock(&n->lock);
        again = again && rest(t, &a, turn);
        pthread_mutex_unlock(&n->lock);
    }
    buf_free(&json);
    pthread_mutex_lock(&n->lock);
    struct notify_health *h = &n->health;
    if (result == NOTIFY_DONE) {
        h->told++;
        h->told_at = clock_wall_ms();
    } else {
        h->failed++;
        h->error_at = clock_wall_ms();
        (void)str_copy(h->error, sizeof(h->error), str_of(ok ? a.error : "no memory"));
    }
    pthread_mutex_unlock(&n->lock);
    if (result != NOTIFY_DONE) {
        log_warn("notify", "%s %s was not told: %s", config_notify_name(e->on), e->what,
                 ok ? a.error : "no memory");
    }
}

static void *serve(void *arg)
{
    struct target *t = arg;
    struct notify *n = t->notify;
    pthread_mutex_lock(&n->lock);
    for (;;) {
        while (t->count == 0 && n->stop_us == 0 && !t->retired) {
            pthread_cond_wait(&t->news, &n->lock);
        }
        if (t->count == 0 || atomic_load(&n->ending)) {
            break;
        }
        struct notify_event e = t->queue[t->first];
        t->first = (t->first + 1) % QUEUE_MAX;
        t->count--;
        pthread_mutex_unlock(&n->lock);
        deliver(t, &e);
        pthread_mutex_lock(&n->lock);
    }
    n->health.dropped += (int64_t)t->count;
    t->count = 0;
    t->done = true;
    pthread_cond_broadcast(&n->one_done);
    pthread_mutex_unlock(&n->lock);
    return NULL;
}

/* --- targets come and go --- */

static void target_free(struct target *t)
{
    config_unref(t->config);
    pthread_cond_destroy(&t->news);
    free(t);
}

static bool add_target(struct notify *n, struct config *config, const struct config_notice *notice)
{
    pthread_attr_t attributes;
    struct target *t = calloc(1, sizeof(*t));
    if (!t || pthread_attr_init(&attributes) != 0) {
        free(t);
        return false;
    }
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    t->notify = n;
    t->config = config_ref(config);
    t->notice = notice;
    cond_init(&t->news);
    int failed = pthread_create(&t->thread, &attributes, serve, t);
    pthread_attr_destroy(&attributes);
    if (failed) {
        target_free(t);
        return false;
    }
    pthread_mutex_lock(&n->lock);
    t->next = n->targets;
    n->targets = t;
    n->health.targets++;
    pthread_mutex_unlock(&n->lock);
    return true;
}

static bool add_targets(struct notify *n, struct config *config)
{
    bool all = true;
    for (size_t i = 0; i < config->notice_count; i++) {
        all = add_target(n, config, &config->notices[i]) && all;
    }
    return all;
}

/* Joins those whose thread has ended. */
static void reap(struct notify *n)
{
    struct target *gone = NULL;
    pthread_mutex_lock(&n->lock);
    for (struct target **at = &n->targets; *at;) {
        struct target *t = *at;
        if (t->done) {
            *at = t->next;
            t->next = gone;
            gone = t;
        } else {
            at = &t->next;
        }
    }
    pthread_mutex_unlock(&n->lock);
    while (gone) {
        struct target *next = gone->next;
        (void)pthread_join(gone->thread, NULL);
        target_free(gone);
        gone = next;
    }
}

struct notify *notify_start(struct config *config, struct credentials_provider *credentials,
                            struct err_info *ei)
{
    struct notify *n = calloc(1, sizeof(*n));
    if (!n) {
        (void)err_set(ei, ERR_NOMEM, "no memory to notify anybody");
        return NULL;
    }
    pthread_mutex_init(&n->lock, NULL);
    cond_init(&n->one_done);
    n->credentials = credentials;
    if (!add_targets(n, config)) {
        (void)err_set(ei, ERR_NOMEM, "cannot start a thread for notify");
        notify_stop(n, 0);
        return NULL;
    }
    return n;
}

static bool same_names(const struct config_names *a, const struct config_names *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        same = strcmp(a->at[i], b->at[i]) == 0;
    }
    return same;
}

static bool same_notice(const struct config_notice *a, const struct config_notice *b)
{
    return a->on == b->on && same_names(&a->exec, &b->exec) && !a->webhook == !b->webhook &&
           (!a->webhook || strcmp(a->webhook, b->webhook) == 0);
}

void notify_reload(struct notify *n, struct config *config)
{
    size_t kept = 0, running = 0;
    reap(n);
    pthread_mutex_lock(&n->lock);
    for (struct target *t = n->targets; t; t = t->next) {
        running += !t->retired;
        for (size_t i = 0; i < config->notice_count && !t->retired; i++) {
            if (same_notice(t->notice, &config->notices[i])) {
                kept++;
                break;
            }
        }
    }
    bool same = kept == running && running == config->notice_count;
    for (struct target *t = n->targets; t && !same; t = t->next) {
        n->health.targets -= !t->retired;
        t->retired = true;
        pthread_cond_signal(&t->news);
    }
    pthread_mutex_unlock(&n->lock);
    if (!same && !add_targets(n, config)) {
        log_error("notify", "no memory for all of notify: some are not told until the next reload");
    }
}

void notify_stop(struct notify *n, int64_t grace_ms)
{
    if (!n) {
        return;
    }
    pthread_mutex_lock(&n->lock);
    n->stop_us = clock_mono_us() + grace_ms * 1000;
    for (struct target *t = n->targets; t; t = t->next) {
        pthread_cond_signal(&t->news);
    }
    for (;;) {
        struct target *t = n->targets;
        while (t && t->done) {
            t = t->next;
        }
        if (!t || clock_mono_us() >= n->stop_us) {
            break;
        }
        wait_until(n, &n->one_done, n->stop_us);
    }
    atomic_store(&n->ending, true);
    for (struct target *t = n->targets; t; t = t->next) {
        while (!t->done) {
            pthread_cond_wait(&n->one_done, &n->lock);
        }
    }
    pthread_mutex_unlock(&n->lock);
    reap(n);
    pthread_cond_destroy(&n->one_done);
    pthread_mutex_destroy(&n->lock);
    free(n);
}

/* --- events --- */

static uint64_t hash_more(uint64_t h, const char *text)
{
    for (const char *p = text; *p; p++) {
        h = (h ^ (unsigned char)*p) * 1099511628211U;
    }
    return (h ^ 0xff) * 1099511628211U;
}

/* Under the lock: was the same told a short while ago? Notes it if not. */
static bool told_already(struct notify *n, const struct notify_event *e)
{
    if (e->quiet_ms <= 0) {
        return false;
    }
    int64_t now = clock_mono_us();
    uint64_t h = 14695981039346656037U + (uint64_t)e->on * 131U + (uint64_t)e->percent;
    h = hash_more(hash_more(hash_more(h, e->what), e->limit), e->group);
    struct recent *oldest = &n->recent[0];
    for (size_t i = 0; i < RECENT_MAX; i++) {
        struct recent *r = &n->recent[i];
        if (r->hash == h && r->until_us > now) {
            return true;
        }
        oldest = r->until_us < oldest->until_us ? r : oldest;
    }
    *oldest = (struct recent){.hash = h, .until_us = now + e->quiet_ms * 1000};
    return false;
}

static void push(struct notify *n, struct target *t, const struct notify_event *e)
{
    if (t->count == QUEUE_MAX) {
        t->first = (t->first + 1) % QUEUE_MAX;
        t->count--;
        n->health.dropped++;
    }
    t->queue[(t->first + t->count++) % QUEUE_MAX] = *e;
    pthread_cond_signal(&t->news);
}

void notify_tell(struct notify *n, const struct notify_event *e)
{
    if (!n) {
        return;
    }
    pthread_mutex_lock(&n->lock);
    bool suppressed = n->targets && told_already(n, e);
    n->health.suppressed += suppressed;
    for (struct target *t = n->targets; t && !suppressed; t = t->next) {
        if (!t->retired && (t->notice->on & (1U << e->on)) != 0) {
            push(n, t, e);
        }
    }
    pthread_mutex_unlock(&n->lock);
}

void notify_health(struct notify *n, struct notify_health *out)
{
    *out = (struct notify_health){.targets = 0};
    if (!n) {
        return;
    }
    pthread_mutex_lock(&n->lock);
    *out = n->health;
    for (const struct target *t = n->targets; t; t = t->next) {
        out->waiting += (int64_t)t->count;
    }
    pthread_mutex_unlock(&n->lock);
}
