/* cloud.c: the thread: when each source is due, and what became of it. */
#include "core/cloud/cloud_private.h"

#include "core/base/clock.h"
#include "core/base/log.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS          5000 /* how often credentials are looked after */
#define BACKOFF_FIRST_MS 5000
#define BACKOFF_LAST_MS  (15 * 60000)
#define OVER_BY_MS       2000 /* after the minute */

const char *cloud_state_name(enum cloud_state s)
{
    static const char *const names[] = {"off", "waiting", "ok", "error"};
    return s <= CLOUD_ERROR ? names[s] : "unknown";
}

bool cloud_is_stopping(struct cloud *c)
{
    pthread_mutex_lock(&c->lock);
    bool stopping = c->stopping;
    pthread_mutex_unlock(&c->lock);
    return stopping;
}

/* Publishing keeps to the clock, so that a minute is out as soon as it is over. */
static int64_t next_run(enum source s, int64_t now_ms, int64_t period_ms)
{
    if (s == SOURCE_PUBLISH && period_ms > 0) {
        return (now_ms / period_ms + 1) * period_ms + OVER_BY_MS;
    }
    return now_ms + period_ms;
}

/* Turns sources on and off as the configuration says; locked. */
static void plan(struct cloud *c, int64_t now_ms)
{
    cloud_spread(c, c->config);
    for (int i = 0; i < SOURCES; i++) {
        struct cloud_source *s = &c->sources[i];
        int64_t period_ms = s->period_ms;
        s->name = cloud_source_names[i];
        s->sends = i == SOURCE_PUBLISH || i == SOURCE_AUDIT;
        if (period_ms <= 0) {
            s->state = CLOUD_OFF;
            s->next_ms = 0;
            s->error[0] = '\0';
        } else if (s->state == CLOUD_OFF) {
            bool fresh = s->at_ms > 0 && s->at_ms <= now_ms && now_ms - s->at_ms < period_ms;
            s->state = fresh ? CLOUD_OK : CLOUD_WAITING;
            s->next_ms = fresh ? s->at_ms + period_ms : now_ms;
        } else if (s->state != CLOUD_OK) {
            s->next_ms = now_ms; /* what was wrong may be right now */
        } else if (s->next_ms > now_ms + period_ms) {
            s->next_ms = now_ms + period_ms;
        }
    }
}

static void load_answer(struct cloud *c, enum source s, const char *key)
{
    struct buf json = {0};
    if (ledger_get_value(c->ledger, key, &json) == ERR_OK &&
        !answers_parse(&c->answers, buf_str(&json), &c->sources[s].at_ms)) {
        log_warn("cloud", "the kept answer %s is not readable: asking anew", key);
    }
    buf_free(&json);
}

/* What a poll cost may lengthen the turns of the others too; locked. */
static void spread_anew(struct cloud *c)
{
    cloud_spread(c, c->config);
    for (int i = 0; i < SOURCES; i++) {
        struct cloud_source *s = &c->sources[i];
        if (s->state == CLOUD_OK && s->usd_per_month >= 0 && i != SOURCE_PUBLISH) {
            s->next_ms = s->at_ms + s->period_ms;
        }
    }
}

static void note_success(struct cloud *c, enum source s, int64_t now_ms)
{
    pthread_mutex_lock(&c->lock);
    struct cloud_source *to = &c->sources[s];
    bool was_broken = to->state == CLOUD_ERROR;
    if (to->state != CLOUD_OFF) { /* a reload may have turned it off meanwhile */
        to->state = CLOUD_OK;
        to->at_ms = now_ms;
        to->next_ms = c->again[s] ? now_ms : next_run(s, now_ms, to->period_ms);
        to->error[0] = '\0';
    }
    spread_anew(c);
    pthread_mutex_unlock(&c->lock);
    c->backoff_ms[s] = 0;
    if (was_broken) {
        log_info("cloud", "%s works again", cloud_source_names[s]);
    }
}

/* Each new text is logged once, however often it is met. */
static void note_failure(struct cloud *c, enum source s, int64_t now_ms, enum cloud_state state,
                         int64_t wait_ms, const char *text)
{
    pthread_mutex_lock(&c->lock);
    struct cloud_source *to = &c->sources[s];
    bool told = to->state == CLOUD_OFF || strcmp(to->error, text) == 0;
    if (to->state != CLOUD_OFF) {
        to->state = state;
        to->next_ms = now_ms + wait_ms;
        str_copy(to->error, sizeof(to->error), str_of(text));
    }
    pthread_mutex_unlock(&c->lock);
    if (!told && state == CLOUD_ERROR) {
        log_warn("cloud", "%s: %s", cloud_source_names[s], text);
    }
}

static void note_cursor(struct cloud *c, enum source s, const struct cloud_cursor *k)
{
    pthread_mutex_lock(&c->lock);
    c->sources[s].sent = k->sent;
    c->sources[s].repeated = k->repeated;
    c->sources[s].refused = k->refused;
    pthread_mutex_unlock(&c->lock);
}

static void run_credentials(struct cloud *c, const struct config *config, int64_t now_ms)
{
    struct err_info ei = {0};
    enum err e = credentials_refresh(c->credentials, now_ms, &ei);
    struct credentials *keys = e == ERR_OK ? credentials_get(c->credentials) : NULL;
    if (keys != NULL) {
        struct cloud_run r = {.c = c, .config = config, .keys = keys, .now_ms = now_ms};
        cloud_look_for_account(&r);
        credentials_unref(keys);
    }
    if (e == ERR_OK) {
        note_success(c, SOURCE_CREDENTIALS, now_ms);
    } else if (!cloud_is_stopping(c)) {
        note_failure(c, SOURCE_CREDENTIALS, now_ms, CLOUD_ERROR, TICK_MS, ei.text);
    }
}

/* What Bedrock counted was told: the comparison follows. */
static void compare_at_once(struct cloud *c, int64_t now_ms)
{
    pthread_mutex_lock(&c->lock);
    if (c->sources[SOURCE_RECONCILE].state != CLOUD_OFF) {
        c->sources[SOURCE_RECONCILE].next_ms = now_ms;
    }
    pthread_mutex_unlock(&c->lock);
}

static enum err run_with_keys(struct cloud_run *r, enum source s, struct err_info *ei)
{
    switch (s) {
    case SOURCE_PUBLISH:
        return cloud_publish(r->c, r->config, r->keys, r->now_ms, r->hurried, ei);
    case SOURCE_AUDIT:
        return cloud_audit(r->c, r->config, r->keys, r->now_ms, ei);
    case SOURCE_CLOUDWATCH:
        return cloud_poll_metrics(r, ei);
    case SOURCE_PROFILES:
        return cloud_poll_profiles(r, ei);
    case SOURCE_BEDROCK:
        return cloud_poll_bedrock(r, ei);
    case SOURCE_ALARMS:
        return cloud_poll_alarms(r, ei);
    case SOURCE_QUOTAS:
        return cloud_poll_quotas(r, ei);
    case SOURCE_COST_EXPLORER:
        return cloud_poll_costs(r, ei);
    case SOURCE_BUDGETS:
        return cloud_poll_budgets(r, ei);
    case SOURCE_RECONCILE:
        return cloud_reconcile(r, ei);
    case SOURCE_CREDENTIALS:
    case SOURCES:
        break;
    }
    return ERR_OK;
}

static void run_source(struct cloud *c, enum source s, const struct config *config, int64_t now_ms,
                       bool hurried)
{
    struct credentials *keys = credentials_get(c->credentials);
    if (keys == NULL) {
        note_failure(c, s, now_ms, CLOUD_WAITING, TICK_MS, "waits for AWS credentials");
        return;
    }
    struct err_info ei = {0};
    struct cloud_run r = {c, config, keys, now_ms, hurried, 0};
    enum err e = run_with_keys(&r, s, &ei);
    credentials_unref(keys);
    note_cursor(c, SOURCE_PUBLISH, &c->published);
    note_cursor(c, SOURCE_AUDIT, &c->audited);
    if (e == ERR_OK) {
        note_success(c, s, now_ms);
    } else if (s == SOURCE_RECONCILE && e == ERR_CONFLICT) {
        note_failure(c, s, now_ms, CLOUD_ERROR, c->sources[s].period_ms, ei.text);
    } else if (!cloud_is_stopping(c)) {
        int64_t wait_ms = c->backoff_ms[s] > 0 ? c->backoff_ms[s] * 2 : BACKOFF_FIRST_MS;
        c->backoff_ms[s] = wait_ms < BACKOFF_LAST_MS ? wait_ms : BACKOFF_LAST_MS;
        note_failure(c, s, now_ms, CLOUD_ERROR, c->backoff_ms[s],
                     ei.text[0] != '\0' ? ei.text : err_name(e));
    }
    if (s == SOURCE_BEDROCK && e == ERR_OK) {
        compare_at_once(c, now_ms);
    }
}

/* What is due now, or everything that is on. */
static void run_due(struct cloud *c, const struct config *config, bool hurried)
{
    for (int i = 0; i < SOURCES && !cloud_is_stopping(c); i++) {
        int64_t now_ms = clock_wall_ms();
        pthread_mutex_lock(&c->lock);
        const struct cloud_source *s = &c->sources[i];
        /* Far ahead: the clock was set back. */
        int64_t far_ms = now_ms + s->period_ms + BACKOFF_LAST_MS;
        bool due =
            s->state != CLOUD_OFF && (hurried || s->next_ms <= now_ms || s->next_ms > far_ms);
        pthread_mutex_unlock(&c->lock);
        if (due && i == SOURCE_CREDENTIALS) {
            run_credentials(c, config, now_ms);
        } else if (due) {
            run_source(c, (enum source)i, config, now_ms, hurried);
        }
    }
}

/* Until something is due or wanted; locked. */
static void wait_for_work(struct cloud *c)
{
    int64_t now_ms = clock_wall_ms();
    int64_t wait_ms = TICK_MS;
    for (int i = 0; i < SOURCES; i++) {
        const struct cloud_source *s = &c->sources[i];
        if (s->state != CLOUD_OFF && s->next_ms - now_ms < wait_ms) {
            wait_ms = s->next_ms - now_ms;
        }
    }
    if (wait_ms <= 0) {
        return;
    }
    int64_t until_us = clock_mono_us() + wait_ms * 1000;
    struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    int woken = 0;
    while (woken == 0 && !c->stopping && !c->hurry && !c->reloaded) {
        woken = pthread_cond_timedwait(&c->wake, &c->lock, &until);
    }
}

/* A catalog of its own: the proxy's goes with a reload. */
static void use_models(struct cloud *c, struct config *config)
{
    if (c->catalog_config == config) {
        return;
    }
    struct err_info ei = {0};
    catalog_free(c->catalog);
    config_unref(c->catalog_config);
    c->catalog_config = config_ref(config);
    c->catalog = catalog_new(config, &ei);
    if (c->catalog == NULL) {
        log_warn("cloud", "AWS's figures are not told by model: %s", ei.text);
    }
}

static void *run_cloud(void *arg)
{
    struct cloud *c = arg;
    pthread_setname_np(pthread_self(), "cloud");
    pthread_mutex_lock(&c->lock);
    while (!c->stopping) {
        bool hurried = c->hurry;
        if (c->reloaded) {
            plan(c, clock_wall_ms());
        }
        c->hurry = c->reloaded = false;
        struct config *config = config_ref(c->config);
        pthread_mutex_unlock(&c->lock);
        use_models(c, config);
        run_due(c, config, hurried);
        config_unref(config);
        pthread_mutex_lock(&c->lock);
        if (!c->stopping && !c->hurry && !c->reloaded) {
            wait_for_work(c);
        }
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

static bool init_waiting(struct cloud *c)
{
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) != 0) {
        return false;
    }
    bool ok = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
              pthread_cond_init(&c->wake, &monotonic) == 0;
    pthread_condattr_destroy(&monotonic);
    if (ok && pthread_mutex_init(&c->lock, NULL) != 0) {
        pthread_cond_destroy(&c->wake);
        ok = false;
    }
    return ok;
}

/* Signals are the main thread's. */
static int start_thread(struct cloud *c)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    int failed = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (failed == 0) {
        failed = pthread_create(&c->thread, NULL, run_cloud, c);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* as it was: cannot fail */
    }
    return failed;
}

static void release(struct cloud *c)
{
    aws_http_free(c->http);
    credentials_unref(c->account.with);
    for (int i = 0; i < SOURCES; i++) {
        json_decref(c->facts[i]);
    }
    json_decref(c->bypass);
    json_decref(c->watched);
    catalog_free(c->catalog);
    config_unref(c->catalog_config);
    answers_free(&c->answers);
    publish_known_free(&c->known);
    config_unref(c->config);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

struct cloud *cloud_start(const struct cloud_options *o, struct err_info *ei)
{
    struct cloud *c = calloc(1, sizeof(*c));
    if (c == NULL || !init_waiting(c)) {
        free(c);
        err_set(ei, ERR_NOMEM, "no memory for the cloud thread");
        return NULL;
    }
    c->config = config_ref(o->config);
    c->ledger = o->ledger;
    c->credentials = o->credentials;
    c->published.key = CLOUD_PUBLISHED_KEY;
    c->audited.key = CLOUD_AUDITED_KEY;
    c->http = aws_http_new(o->config->upstream.ca_file, ei);
    if (c->http == NULL) {
        release(c);
        return NULL;
    }
    for (int i = 0; i < SOURCES; i++) {
        cloud_recall(c, (enum source)i);
    }
    load_answer(c, SOURCE_CLOUDWATCH, CLOUD_METRICS_KEY);
    load_answer(c, SOURCE_COST_EXPLORER, CLOUD_COSTS_KEY);
    cloud_since(c, clock_wall_ms());
    cloud_watched_recall(c);
    plan(c, clock_wall_ms());
    int failed = start_thread(c);
    if (failed != 0) {
        err_set_sys(ei, ERR_IO, failed, "cannot start the cloud thread");
        release(c);
        return NULL;
    }
    return c;
}

void cloud_stop(struct cloud *c)
{
    if (c == NULL) {
        return;
    }
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    aws_http_abort(c->http);
    credentials_abort(c->credentials);
    (void)pthread_join(c->thread, NULL); /* the thread is joinable and not ours: cannot fail */
    release(c);
}

void cloud_reload(struct cloud *c, struct config *config)
{
    pthread_mutex_lock(&c->lock);
    struct config *old = c->config;
    c->config = config_ref(config);
    c->reloaded = true; /* the thread plans anew: what polls cost is its own */
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    config_unref(old);
}

void cloud_hurry(struct cloud *c)
{
    pthread_mutex_lock(&c->lock);
    c->hurry = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
}
