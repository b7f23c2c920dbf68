/* roles.c: see roles.h. One lock guards everything; requests to STS are made without it. An entry
 * that is queued or being asked for, or that somebody waits for, is not forgotten. */
#include "core/aws/roles.h"

#include "core/base/clock.h"
#include "core/base/map.h"
#include "core/base/uuid.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FETCHERS     4
#define MINUTE_MS    60000
#define AHEAD_MS     (15 * MINUTE_MS)
#define BACKOFF_MS   1000
#define BACKOFF_MOST MINUTE_MS
#define PROVED_MS    MINUTE_MS /* keys that lived so long were good ones */
#define TRIES        3         /* of a request that callers wait for */
#define PAUSE_MS     120       /* before the second, and three times that before the third */

/* Failures of one thing, and until when it is left alone. */
struct patience {
    int failures;
    int64_t until_ms;
    enum err code;
    char problem[256];
};

struct roles_entry {
    char *key; /* as in the map: role, name and tags */
    size_t key_n;
    struct sts_role role; /* its texts are in `key` */
    struct sts_tag *tags;
    char source[128];
    struct credentials *keys; /* or NULL */
    int64_t found_ms, jitter_ms;
    int refused; /* keys that AWS did not take, in a row */
    struct patience patience;
    bool queued, asking;
    struct roles_waiter *waiters;
    struct roles_entry *newer, *older; /* by use */
    struct roles_entry *next_queued;
};

struct fetcher {
    struct roles *roles;
    struct aws_http *http; /* under the lock */
    pthread_t thread;
};

struct roles {
    struct credentials_provider *base;
    char sts_endpoint[512], sts_region[64];
    char *ca_file;
    int64_t timeout_ms;
    struct fetcher fetchers[FETCHERS];
    size_t fetcher_count;

    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t work, stop;
    bool stopping;
    bool probing; /* after a failure one request tries whether it is over */
    struct patience patience;
    struct map entries;
    struct roles_entry *newest, *oldest;
    struct roles_entry *queue, *queue_last;
    struct roles_counts counts;
};

/* --- patience --- */

static int64_t backoff(int failures)
{
    uint16_t random;
    int64_t ms = BACKOFF_MS;
    for (int i = 1; i < failures && ms < BACKOFF_MOST; i++) {
        ms *= 2;
    }
    uuid_bytes(&random, sizeof(random));
    ms = ms < BACKOFF_MOST ? ms : BACKOFF_MOST;
    return ms + ms * (random % 64) / 256;
}

/* The clock may have been set back meanwhile. */
static bool is_held(const struct patience *p, int64_t now_ms)
{
    return p->failures > 0 && now_ms < p->until_ms &&
           p->until_ms - now_ms <= BACKOFF_MOST + BACKOFF_MOST / 4;
}

static void lose_patience(struct patience *p, enum err code, const char *problem, int64_t now_ms)
{
    if (!is_held(p, now_ms)) { /* requests of one moment fail as one */
        p->failures++;
        p->until_ms = now_ms + backoff(p->failures);
    }
    p->code = code;
    str_copy(p->problem, sizeof(p->problem), str_of(problem));
}

/* --- entries --- */

static void unlink_use(struct roles *r, struct roles_entry *e)
{
    *(e->newer ? &e->newer->older : &r->newest) = e->older;
    *(e->older ? &e->older->newer : &r->oldest) = e->newer;
    e->newer = e->older = NULL;
}

static void link_newest(struct roles *r, struct roles_entry *e)
{
    e->older = r->newest;
    *(r->newest ? &r->newest->newer : &r->oldest) = e;
    r->newest = e;
}

static void entry_free(void *p)
{
    struct roles_entry *e = p;
    if (e != NULL) {
        credentials_unref(e->keys);
        free(e->tags);
        free(e->key);
        free(e);
    }
}

/* Role, name and tags, each with its NUL. */
static bool make_key(struct buf *out, const struct roles_set *set)
{
    buf_append(out, set->arn, strlen(set->arn) + 1);
    buf_append(out, set->session_name, strlen(set->session_name) + 1);
    for (size_t i = 0; i < set->tag_count; i++) {
        buf_append(out, set->tags[i].key, strlen(set->tags[i].key) + 1);
        buf_append(out, set->tags[i].value, strlen(set->tags[i].value) + 1);
    }
    return !out->failed;
}

static const char *next_text(const char **at)
{
    const char *text = *at;
    *at += strlen(text) + 1;
    return text;
}

static struct roles_entry *entry_new(const struct roles *r, struct str key, size_t tag_count)
{
    struct roles_entry *e = calloc(1, sizeof(*e));
    if (e == NULL) {
        return NULL;
    }
    e->key = malloc(key.n);
    e->tags = calloc(tag_count + 1, sizeof(*e->tags));
    if (e->key == NULL || e->tags == NULL) {
        entry_free(e);
        return NULL;
    }
    memcpy(e->key, key.p, key.n);
    e->key_n = key.n;
    const char *at = e->key;
    e->role = (struct sts_role){
        .tags = e->tags, .tag_count = tag_count, .source = e->source, .timeout_ms = r->timeout_ms};
    e->role.arn = next_text(&at);
    e->role.session_name = next_text(&at);
    for (size_t i = 0; i < tag_count; i++) {
        e->tags[i].key = next_text(&at);
        e->tags[i].value = next_text(&at);
    }
    (void)snprintf(e->source, sizeof(e->source), "role %.64s", sts_role_name(e->role.arn));
    return e;
}

/* Makes room for one more. False: every set is in use. */
static bool make_room(struct roles *r)
{
    struct roles_entry *e = r->oldest;
    if (r->entries.count < ROLES_MAX) {
        return true;
    }
    while (e != NULL && (e->queued || e->asking || e->waiters != NULL)) {
        e = e->newer;
    }
    if (e == NULL) {
        return false;
    }
    unlink_use(r, e);
    (void)map_remove(&r->entries, (struct str){e->key, e->key_n});
    entry_free(e);
    return true;
}

static enum err find_entry(struct roles *r, const struct roles_set *set, struct roles_entry **out,
                           struct err_info *ei)
{
    struct buf key = {0};
    struct roles_entry *e = NULL;
    if (make_key(&key, set)) {
        e = map_get(&r->entries, buf_str(&key));
    }
    if (e != NULL) {
        unlink_use(r, e);
    } else if (!key.failed && !make_room(r)) {
        buf_free(&key);
        return err_set(ei, ERR_FULL, "more than %d sets of session tags are being asked for",
                       ROLES_MAX);
    } else {
        e = key.failed ? NULL : entry_new(r, buf_str(&key), set->tag_count);
        if (e != NULL && !map_set(&r->entries, buf_str(&key), e, NULL)) {
            entry_free(e);
            e = NULL;
        }
    }
    buf_free(&key);
    if (e == NULL) {
        return err_set(ei, ERR_NOMEM, "no memory for the credentials of a role");
    }
    link_newest(r, e);
    r->counts.sets = r->entries.count;
    if (r->counts.sets > r->counts.sets_most) {
        r->counts.sets_most = r->counts.sets;
    }
    *out = e;
    return ERR_OK;
}

/* --- asking --- */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* So much of their end is not waited for: they travel, and clocks differ. */
static bool are_good(const struct roles_entry *e, int64_t now_ms)
{
    return e->keys != NULL &&
           now_ms < e->keys->expires_ms - least(10000, (e->keys->expires_ms - e->found_ms) / 20);
}

static bool age(const struct roles_entry *e, int64_t now_ms)
{
    int64_t ahead_ms = least(AHEAD_MS, (e->keys->expires_ms - e->found_ms) / 3);
    return now_ms >= e->keys->expires_ms - ahead_ms - e->jitter_ms;
}

/* Why AWS is not asked now; NULL: it may be. */
static const struct patience *held(const struct roles *r, const struct roles_entry *e,
                                   int64_t now_ms)
{
    if (is_held(&e->patience, now_ms)) {
        return &e->patience;
    }
    return is_held(&r->patience, now_ms) || (r->patience.failures > 0 && r->probing) ? &r->patience
                                                                                     : NULL;
}

static void enqueue(struct roles *r, struct roles_entry *e)
{
    r->probing = r->patience.failures > 0;
    e->queued = true;
    e->next_queued = NULL;
    *(r->queue_last ? &r->queue_last->next_queued : &r->queue) = e;
    r->queue_last = e;
    pthread_cond_signal(&r->work);
}

static struct roles_entry *dequeue(struct roles *r)
{
    struct roles_entry *e = r->queue;
    r->queue = e->next_queued;
    r->queue_last = r->queue != NULL ? r->queue_last : NULL;
    e->queued = false;
    return e;
}

static void unwait(struct roles_waiter *w)
{
    *(w->prev ? &w->prev->next : &w->entry->waiters) = w->next;
    if (w->next) {
        w->next->prev = w->prev;
    }
    w->prev = w->next = NULL;
    w->entry = NULL;
}

static void tell(struct roles_entry *e, enum err result, const char *problem)
{
    while (e->waiters != NULL) {
        struct roles_waiter *w = e->waiters;
        unwait(w);
        w->result = result;
        w->keys = result == ERR_OK ? credentials_ref(e->keys) : NULL;
        str_copy(w->problem, sizeof(w->problem), str_of(problem));
        w->told(w);
    }
}

static void take_keys(struct roles *r, struct roles_entry *e, struct credentials *keys,
                      int64_t now_ms)
{
    uint32_t random;
    credentials_unref(e->keys);
    e->keys = keys;
    e->found_ms = now_ms;
    uuid_bytes(&random, sizeof(random));
    int64_t most_ms = least(2 * MINUTE_MS, (keys->expires_ms - now_ms) / 20);
    e->jitter_ms = most_ms > 0 ? (int64_t)(random % (uint64_t)most_ms) : 0;
    e->patience.failures = r->patience.failures = 0;
    r->counts.at_ms = now_ms;
    r->counts.problem[0] = '\0';
    tell(e, ERR_OK, "");
}

static void take_failure(struct roles *r, struct roles_entry *e, enum err code, const char *problem)
{
    int64_t now_ms = clock_wall_ms();
    code = code == ERR_BUSY ? ERR_IO : code; /* throttled: here ERR_BUSY would mean: waits */
    str_copy(r->counts.problem, sizeof(r->counts.problem), str_of(problem));
    lose_patience(code == ERR_RANGE ? &e->patience : &r->patience, code, problem, now_ms);
    tell(e, code, problem);
}

static enum err ask(struct roles *r, struct aws_http *http, const struct roles_entry *e,
                    struct credentials **out, struct err_info *ei)
{
    char problem[256];
    struct credentials *base = credentials_get(r->base);
    struct aws_place sts = {r->sts_endpoint, r->sts_region};
    if (base == NULL) {
        credentials_problem(r->base, problem);
        return err_set(ei, ERR_AUTH, "sts:AssumeRole: %s", problem);
    }
    enum err code = sts_assume_role(http, &sts, base, &e->role, out, ei);
    credentials_unref(base);
    if (code == ERR_OK && (*out)->expires_ms == 0) {
        credentials_unref(*out);
        *out = NULL;
        code = err_set(ei, ERR_PARSE, "sts:AssumeRole answered credentials without an end");
    }
    return code;
}

/* Locked, but while AWS is asked. */
static enum err ask_once(struct roles *r, struct aws_http *http, const struct roles_entry *e,
                         struct credentials **keys, struct err_info *ei)
{
    r->counts.asked++;
    pthread_mutex_unlock(&r->lock);
    enum err code = ask(r, http, e, keys, ei);
    pthread_mutex_lock(&r->lock);
    r->counts.failed += code != ERR_OK;
    return code;
}

/* Locked, but while it waits. False: it is to end. */
static bool rest(struct roles *r, int64_t ms)
{
    int64_t until_us = clock_mono_us() + ms * 1000;
    struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    int woken = 0;
    while (woken == 0 && !r->stopping) {
        woken = pthread_cond_timedwait(&r->stop, &r->lock, &until);
    }
    return !r->stopping;
}

/* One entry of the queue; locked, but while AWS is asked. */
static void serve(struct roles *r, struct aws_http *http, struct roles_entry *e)
{
    if (is_held(&r->patience, clock_wall_ms())) { /* queued before it became known */
        r->probing = false;
        tell(e, r->patience.code, r->patience.problem);
        return;
    }
    struct err_info ei = {0};
    struct credentials *keys = NULL;
    e->asking = true;
    enum err code = ask_once(r, http, e, &keys, &ei);
    int64_t pause_ms = PAUSE_MS;
    for (int i = 1; i < TRIES && (code == ERR_IO || code == ERR_BUSY) && e->waiters != NULL &&
                    rest(r, pause_ms);
         i++) {
        pause_ms *= 3;
        code = ask_once(r, http, e, &keys, &ei);
    }
    e->asking = false;
    r->probing = false;
    if (code == ERR_OK) {
        take_keys(r, e, keys, clock_wall_ms());
    } else {
        take_failure(r, e, code, ei.text);
    }
}

static void *run_fetcher(void *arg)
{
    struct fetcher *f = arg;
    struct roles *r = f->roles;
    struct err_info ei = {0};
    pthread_setname_np(pthread_self(), "roles");
    struct aws_http *http = aws_http_new(r->ca_file, &ei);
    pthread_mutex_lock(&r->lock);
    f->http = http;
    while (!r->stopping) {
        if (r->queue == NULL) {
            pthread_cond_wait(&r->work, &r->lock);
            continue;
        }
        struct roles_entry *e = dequeue(r);
        if (http != NULL) {
            serve(r, http, e);
        } else {
            r->probing = false;
            r->counts.failed++;
            take_failure(r, e, ERR_NOMEM, ei.text);
        }
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* Signals are the main thread's. Locked. */
static bool start_fetchers(struct roles *r)
{
    sigset_t all, before;
    sigfillset(&all);
    if (r->fetcher_count > 0 || pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
        return r->fetcher_count > 0;
    }
    while (r->fetcher_count < FETCHERS) {
        struct fetcher *f = &r->fetchers[r->fetcher_count];
        f->roles = r;
        if (pthread_create(&f->thread, NULL, run_fetcher, f) != 0) {
            break;
        }
        r->fetcher_count++;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* as it was: cannot fail */
    return r->fetcher_count > 0;
}

/* --- what others call --- */

struct roles *roles_new(const struct roles_options *o, struct err_info *ei)
{
    struct roles *r = calloc(1, sizeof(*r));
    bool ok = r != NULL &&
              str_copy(r->sts_endpoint, sizeof(r->sts_endpoint), str_of(o->sts_endpoint)) &&
              str_copy(r->sts_region, sizeof(r->sts_region), str_of(o->sts_region));
    if (ok && o->ca_file != NULL) {
        r->ca_file = str_dup(str_of(o->ca_file));
        ok = r->ca_file != NULL;
    }
    if (!ok || pthread_mutex_init(&r->lock, NULL) != 0) {
        free(r);
        err_set(ei, ERR_NOMEM, "no memory for credentials of roles");
        return NULL;
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic); /* on Linux none of these can fail */
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&r->stop, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_cond_init(&r->work, NULL);
    r->base = o->base;
    r->timeout_ms = o->timeout_ms;
    return r;
}

void roles_free(struct roles *r)
{
    if (r == NULL) {
        return;
    }
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    for (size_t i = 0; i < r->fetcher_count; i++) {
        if (r->fetchers[i].http != NULL) {
            aws_http_abort(r->fetchers[i].http);
        }
    }
    pthread_cond_broadcast(&r->work);
    pthread_cond_broadcast(&r->stop);
    pthread_mutex_unlock(&r->lock);
    for (size_t i = 0; i < r->fetcher_count; i++) {
        (void)pthread_join(r->fetchers[i].thread, NULL); /* joinable and not ours: cannot fail */
        aws_http_free(r->fetchers[i].http);
    }
    map_free(&r->entries, entry_free);
    pthread_cond_destroy(&r->work);
    pthread_cond_destroy(&r->stop);
    pthread_mutex_destroy(&r->lock);
    free(r->ca_file);
    free(r);
}

static void wait_for(struct roles_entry *e, struct roles_waiter *w)
{
    w->entry = e;
    w->prev = NULL;
    w->next = e->waiters;
    if (w->next) {
        w->next->prev = w;
    }
    e->waiters = w;
}

/* What an entry gives now; locked. */
static enum err serve_wish(struct roles *r, struct roles_entry *e, struct roles_waiter *w,
                           struct credentials **out, struct err_info *ei)
{
    int64_t now_ms = clock_wall_ms();
    bool good = are_good(e, now_ms);
    bool coming = e->queued || e->asking;
    if (good && (coming || !age(e, now_ms))) {
        *out = credentials_ref(e->keys);
        return ERR_OK;
    }
    const struct patience *why = coming ? NULL : held(r, e, now_ms);
    if (!coming && why == NULL) {
        if (!start_fetchers(r)) {
            return err_set(ei, ERR_NOMEM, "no thread can be started to ask STS");
        }
        enqueue(r, e);
    }
    if (good) {
        *out = credentials_ref(e->keys);
        return ERR_OK;
    }
    if (why != NULL) {
        return err_set(ei, why->code, "%s", why->problem);
    }
    wait_for(e, w);
    return ERR_BUSY;
}

enum err roles_get(struct roles *r, const struct roles_set *set, struct roles_waiter *w,
                   struct credentials **out, struct err_info *ei)
{
    struct roles_entry *e = NULL;
    pthread_mutex_lock(&r->lock);
    w->entry = NULL;
    enum err code = find_entry(r, set, &e, ei);
    if (code == ERR_OK) {
        code = serve_wish(r, e, w, out, ei);
    }
    pthread_mutex_unlock(&r->lock);
    return code;
}

bool roles_cancel(struct roles *r, struct roles_waiter *w)
{
    pthread_mutex_lock(&r->lock);
    bool waited = w->entry != NULL;
    if (waited) {
        unwait(w);
    }
    pthread_mutex_unlock(&r->lock);
    return waited;
}

void roles_forget(struct roles *r, const struct credentials *keys)
{
    int64_t now_ms = clock_wall_ms();
    pthread_mutex_lock(&r->lock);
    struct roles_entry *e = r->newest;
    while (e != NULL && e->keys != keys) {
        e = e->older;
    }
    if (e != NULL) {
        bool proved = now_ms - e->found_ms >= PROVED_MS || now_ms >= e->keys->expires_ms - 1000;
        e->refused = proved ? 0 : e->refused;
        credentials_unref(e->keys);
        e->keys = NULL;
        if (e->refused++ > 0) { /* fresh ones were refused too: not as fast as calls come */
            e->patience.failures = e->refused - 2;
            lose_patience(&e->patience, ERR_AUTH,
                          "AWS does not accept the fresh credentials of the role", now_ms);
        }
    }
    pthread_mutex_unlock(&r->lock);
}

struct roles_counts roles_counts(struct roles *r)
{
    pthread_mutex_lock(&r->lock);
    struct roles_counts counts = r->counts;
    pthread_mutex_unlock(&r->lock);
    return counts;
}
