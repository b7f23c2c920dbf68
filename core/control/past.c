/* past.c: what the ledger knows of past calls goes into the limits: at start, and after a reload
 * into those limits that are new. */
#include "core/base/log.h"
#include "core/control/core_private.h"

#define FLUSH_MS      2000 /* before a reload */
#define LATE_FLUSH_MS 200  /* tried again in a second */

/* Where past calls go. */
struct sink {
    struct limits *limits;
    struct catalog *catalog;
};

static const struct model *model_of(struct catalog *catalog, struct str name)
{
    struct resolved late;
    const struct model *m = catalog_find(catalog, name);
    if (!m && catalog_resolve(catalog, name, &late, NULL) == ERR_OK) {
        m = late.model; /* unknown_models: allow */
    }
    return m; /* without one it counts all the same, in the limits for any model */
}

static void amounts_of_past(struct amounts *a, const struct ledger_past *p, const struct model *m)
{
    amounts_of(a, &p->usage, m, p->usd);
    a->v[METRIC_REQUESTS] = p->requests;
    a->v[METRIC_CONCURRENCY] = 0;
}

static bool on_past_call(void *arg, const struct ledger_past *p)
{
    struct sink *s = arg;
    struct amounts a;
    const struct model *m = model_of(s->catalog, p->model_name);
    amounts_of_past(&a, p, m);
    limits_restore(s->limits, m, p->tags, p->principal, p->admitted_ms, &a, p->crash);
    return true;
}

enum err past_restore(struct core *c, struct err_info *ei)
{
    struct sink s = {c->limits, c->catalog};
    int64_t now = clock_wall_ms();
    return ledger_restore(c->ledger, limits_oldest_window(c->limits, now),
                          limits_fine_window(c->limits, now), NULL, on_past_call, &s, ei);
}

/* --- a reload --- */

void past_look_ahead(struct core *c, struct config *fresh, struct catalog *catalog,
                     struct past_ahead *p)
{
    struct err_info ei = {.code = ERR_OK};
    int64_t now = clock_wall_ms();
    *p = (struct past_ahead){.limits = limits_new(fresh, catalog, &ei)};
    int64_t oldest = p->limits ? limits_begin_from(c->limits, p->limits, now) : now;
    enum err e = p->limits ? ERR_OK : ei.code;
    if (oldest < now) {
        struct sink s = {p->limits, catalog};
        (void)!ledger_flush(c->ledger, FLUSH_MS); /* what is missing is caught up on */
        e = ledger_restore(c->ledger, oldest, limits_fine_window(p->limits, now), &p->seq,
                           on_past_call, &s, &ei);
    }
    if (e != ERR_OK) {
        log_error("control", "limits that are new begin from zero: %s", ei.text);
    }
    if (e != ERR_OK || oldest >= now) {
        past_drop(p);
    }
}

static bool on_late_call(void *arg, const struct ledger_past *p)
{
    struct sink *s = arg;
    struct amounts a;
    const struct model *m = model_of(s->catalog, p->model_name);
    amounts_of_past(&a, p, m);
    limits_restore_late(s->limits, m, p->tags, p->principal, p->admitted_ms, p->seq, &a, p->crash);
    return true;
}

static void note_older(void *arg, const struct proxy_open_call *call)
{
    int64_t *oldest = arg;
    *oldest = call->admitted_wall_ms < *oldest ? call->admitted_wall_ms : *oldest;
}

void past_catch_up(struct core *c)
{
    int64_t until = limits_behind(c->limits), oldest = INT64_MAX;
    if (until == 0 || !c->proxy) {
        return;
    }
    proxy_open_calls(c->proxy, note_older, &oldest); /* before the ledger is read */
    struct err_info ei = {.code = ERR_OK};
    struct sink s = {c->limits, c->catalog};
    enum err e = ledger_flush(c->ledger, LATE_FLUSH_MS);
    if (e == ERR_OK) {
        e = ledger_restore_late(c->ledger, &c->caught_up_seq, until, on_late_call, &s, &ei);
    }
    if (e == ERR_OK && oldest > until) {
        limits_caught_up(c->limits);
    }
}

void past_take_over(struct core *c, struct past_ahead *p)
{
    if (p->limits) {
        bool others = limits_behind(c->limits) > 0; /* of an earlier reload */
        c->caught_up_seq = others ? c->caught_up_seq : p->seq;
        limits_take_over(c->limits, p->limits, p->seq);
        past_catch_up(c);
    }
    past_drop(p);
}

void past_drop(struct past_ahead *p)
{
    limits_free(p->limits);
    p->limits = NULL;
}
