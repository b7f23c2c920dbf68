/* wait.c: calls that wait for headroom, first come, first served for each counter. A call waits in
 * one queue at a time, that of a counter in its way; its number, drawn on arrival, is its place in
 * every queue it ever stands in. Who is first in a queue and still does not fit there keeps all
 * behind him waiting; who fits there and is held up elsewhere moves on to that queue. Headroom is
 * taken on behalf of a waiter under the lock; he is told after it, by the thread that came by. */
#include "core/base/clock.h"
#include "core/limit/limit_private.h"

#define MAX_WAIT_MS    5000 /* where the limit says nothing */
#define SERVED_AT_ONCE 256  /* so that the lock is short; the next look goes on */
#define LOOKED_AT_ONCE 64   /* groups, likewise */

static void list_group(struct limits *l, struct group *g)
{
    g->next_waited = NULL;
    g->prev_waited = l->waited_last;
    *(l->waited_last != NULL ? &l->waited_last->next_waited : &l->waited) = g;
    l->waited_last = g;
    l->waited_count++;
}

static void unlist_group(struct limits *l, struct group *g)
{
    *(g->prev_waited != NULL ? &g->prev_waited->next_waited : &l->waited) = g->next_waited;
    *(g->next_waited != NULL ? &g->next_waited->prev_waited : &l->waited_last) = g->prev_waited;
    g->next_waited = g->prev_waited = NULL;
    l->waited_count--;
}

/* In the order of numbers; who comes new stands last. */
static void enter(struct limits *l, struct group *g, struct limit_waiter *w)
{
    struct limit_waiter *before = g->last_waiter;
    while (before != NULL && before->number > w->number) {
        before = before->prev;
    }
    if (g->first_waiter == NULL) {
        list_group(l, g);
    }
    w->prev = before;
    w->next = before != NULL ? before->next : g->first_waiter;
    *(before != NULL ? &before->next : &g->first_waiter) = w;
    *(w->next != NULL ? &w->next->prev : &g->last_waiter) = w;
    w->group = g;
    g->rule->waiting++;
}

static void leave(struct limits *l, struct limit_waiter *w)
{
    struct group *g = w->group;
    if (g == NULL) {
        return;
    }
    *(w->prev != NULL ? &w->prev->next : &g->first_waiter) = w->next;
    *(w->next != NULL ? &w->next->prev : &g->last_waiter) = w->prev;
    w->prev = w->next = NULL;
    w->group = NULL;
    g->rule->waiting--;
    if (g->first_waiter == NULL) {
        unlist_group(l, g);
    }
}

static void tell_later(struct limits *l, struct limit_waiter *w, enum err result)
{
    leave(l, w);
    w->waits = false;
    w->result = result;
    *(l->told_last != NULL ? &l->told_last->next : &l->told) = w;
    l->told_last = w;
}

void wait_tell(struct limits *l)
{
    struct limit_waiter *w = l->told, *next;
    l->told = l->told_last = NULL;
    limits_unlock(l);
    for (; w != NULL; w = next) {
        next = w->next;
        w->next = NULL;
        w->fn(w->arg, w); /* from here on it is the caller's */
    }
}

/* The match in whose queue a refused call can wait: the one that frees last. NULL: one of those in
 * its way is no queue, or will never have room. */
static const struct match *queue_for(struct limits *l, size_t count, int64_t now_ms,
                                     int64_t *max_wait_ms)
{
    const struct match *place = NULL;
    int64_t latest = -1;
    *max_wait_ms = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        struct match *m = &l->matches[i];
        const struct config_limit *f = m->rule->file;
        enum verdict v = reserve_judge(m, now_ms);
        if (v == ADMIT) {
            continue;
        }
        if (v != FULL || f->action != ACTION_QUEUE) {
            return NULL;
        }
        int64_t own = f->max_wait_ms > 0 ? f->max_wait_ms : MAX_WAIT_MS;
        *max_wait_ms = own < *max_wait_ms ? own : *max_wait_ms;
        int64_t frees = reserve_frees_at(m);
        if (frees > latest) {
            latest = frees;
            place = m;
        }
    }
    return place;
}

/* Must a refused waiter stay in the queue of g? Not if g lets him pass by now, or if waiting there
 * has become pointless: blocked, larger than the whole limit, or a limit that no longer queues. */
enum stay { STAYS, PASSES, POINTLESS };
static enum stay look_at(struct limits *l, size_t count, const struct group *g, int64_t now_ms)
{
    enum stay stay = PASSES;
    for (size_t i = 0; i < count; i++) {
        struct match *m = &l->matches[i];
        enum verdict v = reserve_judge(m, now_ms);
        if (v != ADMIT && v != FULL) {
            return POINTLESS;
        }
        if (v == FULL && m->bucket->group == g) {
            stay = m->rule->file->action == ACTION_QUEUE ? STAYS : POINTLESS;
        }
    }
    return stay;
}

/* Admits the waiter, sends him on to another queue, or away. False: he stays where he is. */
static bool serve_one(struct limits *l, struct limit_waiter *w, int64_t now_ms)
{
    size_t count;
    int64_t max_wait_ms;
    l->asking = w->number;
    enum err e = reserve_try(l, w->call, now_ms, &w->hold, &w->clamped_output, &count);
    enum stay stay = e == ERR_FULL ? look_at(l, count, w->group, now_ms) : PASSES;
    const struct match *to =
        e == ERR_FULL && stay == PASSES ? queue_for(l, count, now_ms, &max_wait_ms) : NULL;
    if (e == ERR_OK) {
        w->call->admitted_wall_ms = now_ms;
        if (w->clamped_output >= 0) {
            w->call->reserved_usage.output = w->clamped_output;
        }
        tell_later(l, w, ERR_OK);
    } else if (to != NULL && to->rule->waiting < WAITERS_MAX) {
        struct group *g = to->bucket->group;
        leave(l, w);
        enter(l, g, w);
    } else if (stay != STAYS) {
        if (e == ERR_FULL) {
            reserve_refuse(l, count, now_ms, &w->denial);
        }
        tell_later(l, w, e);
    }
    l->asking = UINT64_MAX;
    return stay != STAYS;
}

void wait_serve(struct limits *l, struct group *g, int64_t now_ms)
{
    for (int n = 0; n < SERVED_AT_ONCE && g->first_waiter != NULL; n++) {
        if (!serve_one(l, g->first_waiter, now_ms)) {
            return;
        }
    }
}

/* The next n groups with waiters; there may be fewer by now. */
static void serve_some(struct limits *l, const struct rule *r, size_t n, int64_t now_ms)
{
    for (; n > 0 && l->waited != NULL; n--) {
        struct group *g = l->waited;
        unlist_group(l, g);
        list_group(l, g); /* those that come by moving stand behind */
        if (r == NULL || g->rule == r) {
            wait_serve(l, g, now_ms);
        }
    }
}

void wait_serve_all(struct limits *l, const struct rule *r, int64_t now_ms)
{
    serve_some(l, r, l->waited_count, now_ms);
}

void wait_orphan(struct limits *l, struct group *g)
{
    while (g->first_waiter != NULL) {
        struct limit_waiter *w = g->first_waiter;
        leave(l, w);
        *(l->orphans_last != NULL ? &l->orphans_last->next : &l->orphans) = w;
        l->orphans_last = w;
    }
}

void wait_adopt(struct limits *l, int64_t now_ms)
{
    struct limit_waiter *w = l->orphans, *next;
    l->orphans = l->orphans_last = NULL;
    for (; w != NULL; w = next) {
        next = w->next;
        w->next = NULL;
        (void)serve_one(l, w, now_ms);
    }
    wait_serve_all(l, NULL, now_ms);
}

/* Takes a waiter back out of the list of those to be told. */
static void untell(struct limits *l, struct limit_waiter *w)
{
    struct limit_waiter *before = NULL;
    for (struct limit_waiter *t = l->told; t != w; t = t->next) {
        before = t;
    }
    *(before != NULL ? &before->next : &l->told) = w->next;
    l->told_last = l->told_last == w ? before : l->told_last;
    w->next = NULL;
}

enum err limits_wait(struct limits *l, struct call *call, struct limit_waiter *w,
                     limits_told_fn *fn, void *arg)
{
    size_t count;
    int64_t now_ms = call->admitted_wall_ms;
    *w = (struct limit_waiter){.call = call, .fn = fn, .arg = arg, .clamped_output = -1};
    limits_lock(l);
    w->result = reserve_try(l, call, now_ms, &w->hold, &w->clamped_output, &count);
    if (w->result == ERR_OK && w->clamped_output >= 0) {
        call->reserved_usage.output = w->clamped_output;
    } else if (w->result == ERR_FULL) {
        const struct match *place = queue_for(l, count, now_ms, &w->max_wait_ms);
        if (place == NULL || place->rule->waiting >= WAITERS_MAX) {
            reserve_refuse(l, count, now_ms, &w->denial);
        } else {
            w->waits = true;
            w->result = ERR_BUSY;
            w->number = l->waiter_number++;
            enter(l, place->bucket->group, w);
            wait_serve(l, w->group, now_ms); /* who is first may find a new window */
        }
    }
    enum err e = w->result;
    if (e != ERR_BUSY && w->number > 0) {
        untell(l, w);
    }
    wait_tell(l);
    return e;
}

bool limits_waits_for(const struct limits *l, const struct limit_waiter *w, char limit[64])
{
    limits_lock(l);
    bool waits = w->waits && w->group != NULL;
    (void)str_copy(limit, 64, waits ? str_of(w->group->rule->file->name) : (struct str){"", 0});
    limits_unlock(l);
    return waits;
}

bool limits_cancel_wait(struct limits *l, struct limit_waiter *w, bool denied)
{
    int64_t now_ms = clock_wall_ms();
    limits_lock(l);
    const struct limit_waiter *first = NULL;
    while (w->waits && w->group->first_waiter != first) { /* a last look */
        first = w->group->first_waiter;
        wait_serve(l, w->group, now_ms);
    }
    bool waited = w->waits;
    if (waited) {
        struct subject s = {w->call->resolved.model, &w->call->tags, w->call->principal};
        struct group *g = w->group;
        size_t count;
        l->asking = w->number;
        if (denied && rule_collect(l, &s, now_ms, &count) == ERR_OK) {
            clamp_ask(l, count, w->call, w->call->reserved_usage.output, false);
            reserve_refuse(l, count, now_ms, &w->denial);
        }
        l->asking = UINT64_MAX;
        w->waits = false;
        w->result = ERR_FULL;
        leave(l, w);
        wait_serve(l, g, now_ms);
    }
    wait_tell(l);
    return waited;
}

void limits_tick(struct limits *l, int64_t now_ms)
{
    limits_lock(l);
    for (size_t left = l->waited_count; left > 0;) {
        size_t slice = left < LOOKED_AT_ONCE ? left : LOOKED_AT_ONCE;
        serve_some(l, NULL, slice, now_ms);
        left -= slice;
        wait_tell(l); /* others may have the lock between two slices */
        limits_lock(l);
    }
    limits_unlock(l);
}
