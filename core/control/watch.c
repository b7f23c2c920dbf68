/* watch.c: what somebody may want to be told: thresholds, blocks, and how the core itself is. Each
 * is said once when it begins and once when it is over. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/control/burn.h"
#include "core/control/core_private.h"
#include "core/control/notify.h"

#define JOURNAL_FULL_PERCENT 90
#define JOURNAL_FREE_PERCENT 70
#define FLAPPING_MS          60000 /* the same state is not told again within it */
#define ALERT_QUIET_MS       3600000
#define APART_MAX            3 /* groups of a limit that are told one by one */

struct watch {
    bool store_failed, journal_full, drifted;
    int64_t dropped_calls;
    bool said_down, said_lost;
};

struct watch *watch_new(void)
{
    return calloc(1, sizeof(struct watch));
}

void watch_free(struct watch *w)
{
    free(w);
}

/* --- limits --- */

static bool same_threshold(const struct limit_event *a, const struct limit_event *b)
{
    return a->percent == b->percent && strcmp(a->limit, b->limit) == 0;
}

static void tell_threshold(struct core *c, const struct limit_event *l, const char *group,
                           const char *text)
{
    struct notify_event e = {
        .on = NOTIFY_WARN, .percent = l->percent, .at_ms = l->at_ms, .quiet_ms = FLAPPING_MS};
    (void)str_copy(e.what, sizeof(e.what), STR("threshold"));
    (void)str_copy(e.limit, sizeof(e.limit), str_of(l->limit));
    (void)str_copy(e.group, sizeof(e.group), str_of(group));
    (void)str_copy(e.text, sizeof(e.text), str_of(text));
    server_event(c->server, l->limit, "", "%s", text + strlen("limit "));
    notify_tell(c->notify, &e);
}

static void tell_one(struct core *c, const struct limit_event *l)
{
    char text[400];
    (void)snprintf(text, sizeof(text), "limit %s%s%s is at %d %%%s", l->limit,
                   l->group[0] ? " " : "", l->group, l->percent,
                   l->percent >= 100 ? ": it is full" : "");
    tell_threshold(c, l, l->group, text);
}

/* first: the first of those `groups` groups. */
static void tell_many(struct core *c, const struct limit_event *first,
                      const struct limit_event *end, int64_t groups)
{
    char text[400];
    int named = 0;
    size_t n = 0;
    int k = snprintf(text, sizeof(text), "limit %s is at %d %% in %lld groups%s:", first->limit,
                     first->percent, (long long)groups,
                     first->percent >= 100 ? ", which are full" : "");
    for (const struct limit_event *e = first; e < end && named < APART_MAX; e++) {
        if (same_threshold(e, first)) {
            n += k > 0 ? (size_t)k : 0;
            k = snprintf(text + n, sizeof(text) - n, "%s %.80s", named > 0 ? "," : "", e->group);
            named++;
        }
    }
    n += k > 0 ? (size_t)k : 0;
    (void)snprintf(text + n, sizeof(text) - n, " and %lld more", (long long)groups - named);
    tell_threshold(c, first, "", text);
}

void watch_thresholds(struct core *c, const struct limit_event *e, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int64_t groups = 0, before = 0;
        for (size_t k = 0; k < n; k++) {
            bool same = same_threshold(&e[k], &e[i]);
            groups += same ? 1 + e[k].more : 0;
            before += same && k < i;
        }
        if (groups <= APART_MAX) {
            tell_one(c, &e[i]);
        } else if (before == 0) {
            tell_many(c, &e[i], e + n, groups);
        }
    }
}

void watch_block(struct core *c, const char *limit, const char *group, const char *actor,
                 bool blocked, const char *reason)
{
    struct notify_event e = {.on = NOTIFY_BLOCK, .at_ms = clock_wall_ms()};
    const char *what = blocked ? "blocked" : "unblocked";
    (void)str_copy(e.what, sizeof(e.what), str_of(what));
    (void)str_copy(e.limit, sizeof(e.limit), str_of(limit));
    (void)str_copy(e.group, sizeof(e.group), str_of(group));
    (void)str_copy(e.actor, sizeof(e.actor), str_of(actor));
    (void)snprintf(e.text, sizeof(e.text), "limit %.63s%s%.200s was %s by %.60s%s%.120s", limit,
                   group[0] ? " " : "", group, what, actor, reason[0] ? ": " : "", reason);
    notify_tell(c->notify, &e);
}

/* --- the core --- */

void watch_core(struct core *c, const char *what, int64_t quiet_ms, const char *format, ...)
{
    struct notify_event e = {.on = NOTIFY_CORE, .at_ms = clock_wall_ms(), .quiet_ms = quiet_ms};
    va_list args;
    (void)str_copy(e.what, sizeof(e.what), str_of(what));
    va_start(args, format);
    (void)vsnprintf(e.text, sizeof(e.text), format, args);
    va_end(args);
    notify_tell(c->notify, &e);
}

/* Both in the event list and to those who asked. */
static void say(struct core *c, const char *what, const char *text)
{
    server_event(c->server, "", "", "%s", text);
    watch_core(c, what, FLAPPING_MS, "%s", text);
}

void watch_store(struct core *c, const struct ledger_health *h)
{
    struct watch *w = c->watch;
    char text[400];
    const char *then =
        c->config->store_failure_allow ? "calls are served uncounted" : "calls are refused";
    if (!h->ok != w->store_failed) {
        w->store_failed = !h->ok;
        (void)snprintf(text, sizeof(text), "the store has failed: %s (%s%s)", h->text,
                       h->journals_take ? "calls go on into the journal; when it is full, " : "",
                       then);
        say(c, h->ok ? "store_ok" : "store_failure", h->ok ? "the store works again" : text);
    }
    if (h->machine_went_down && !w->said_down) {
        w->said_down = true;
        say(c, "machine_went_down",
            "the machine went down while tollgate ran: calls of the last 100 ms before may be "
            "missing, those that were open are charged");
    }
    if (h->lost_ms >= c->started_ms && !w->said_lost) {
        w->said_lost = true;
        say(c, "ledger_lost", h->lost_text);
    }
    int full = w->journal_full ? JOURNAL_FREE_PERCENT : JOURNAL_FULL_PERCENT;
    if ((h->journal_used_percent >= full) != w->journal_full) {
        w->journal_full = !w->journal_full;
        (void)snprintf(text, sizeof(text), "the journal is %lld %% full: when it is full, %s",
                       (long long)h->journal_used_percent, then);
        say(c, w->journal_full ? "journal_full" : "journal_ok",
            w->journal_full ? text : "the journal has room again");
    }
    if (h->dropped_calls > w->dropped_calls) {
        (void)snprintf(text, sizeof(text), "%lld calls could not be written down",
                       (long long)h->dropped_calls);
        say(c, "calls_dropped", text);
        w->dropped_calls = h->dropped_calls;
    }
}

/* "in 40 min", "in 3 h" */
static void in_time(char out[32], int64_t ms)
{
    int64_t minutes = ms / 60000;
    (void)snprintf(out, 32, minutes < 120 ? "%lld min" : "%lld h",
                   (long long)(minutes < 120 ? minutes : minutes / 60));
}

static void on_alert(void *arg, const struct burn_alert *a)
{
    struct core *c = arg;
    struct notify_event e = {
        .on = NOTIFY_BURN, .at_ms = clock_wall_ms(), .quiet_ms = ALERT_QUIET_MS};
    char when[32];
    in_time(when, a->empty_in_ms);
    (void)str_copy(e.what, sizeof(e.what), str_of(a->fast ? "burn_fast" : "burn_slow"));
    (void)str_copy(e.limit, sizeof(e.limit), str_of(a->limit));
    (void)str_copy(e.group, sizeof(e.group), str_of(a->group));
    (void)snprintf(
        e.text, sizeof(e.text),
        "limit %s%s%s burns %.1f times as fast as it may: at this pace it is empty in %s", a->limit,
        a->group[0] ? " " : "", a->group, a->times, when);
    server_event(c->server, a->limit, "", "%s", e.text);
    notify_tell(c->notify, &e);
}

void watch_limits(struct core *c)
{
    struct watch *w = c->watch;
    struct limits_view v = {.count = 0};
    if (limits_view(c->limits, clock_wall_ms(), &v) != ERR_OK) {
        return;
    }
    if (!v.reserved_matches != w->drifted) {
        w->drifted = !v.reserved_matches;
        say(c, w->drifted ? "reserved_drift" : "reserved_ok",
            w->drifted ? "what limits hold as reserved differs from the open calls: please report "
                         "it; a restart counts anew"
                       : "what limits hold as reserved matches the open calls again");
    }
    burn_sample(c->burn, &v, clock_mono_us() / 1000, clock_wall_ms(), on_alert, c);
    limits_view_free(&v);
}
