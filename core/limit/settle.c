/* settle.c: a reservation's life after admission: topped up, settled or given back. */
#include "core/base/clock.h"
#include "core/limit/limit_private.h"
#include "core/limit/window.h"

/* What an entry should hold for the amounts; entries that do not grow with tokens keep what they
 * have. */
static int64_t grown(const struct hold_entry *e, const struct amounts *a)
{
    bool by_tokens = e->metric != METRIC_REQUESTS && e->metric != METRIC_CONCURRENCY;
    int64_t wanted = by_tokens ? a->v[e->metric] : e->held;
    return wanted > e->held ? wanted : e->held;
}

static int64_t room_for(struct limits *l, const struct hold_entry *e, int64_t now_ms, bool *stop)
{
    const struct group *g = e->bucket->group;
    int64_t amount;
    bool blocked;
    *stop = false;
    if (g == NULL) {
        return 0;
    }
    (void)counter_turn(l, e->bucket, e->slot, now_ms);
    override_terms(g->rule, g, now_ms, &amount, &blocked);
    *stop = g->rule->file->outgrow_stop && g->rule->file->action != ACTION_WARN;
    int64_t left = headroom_left(e->bucket, amount);
    return left > 0 ? left : 0;
}

bool limits_top_up(struct limits *l, struct limit_hold *hold, const struct call *call,
                   const struct usage *usage)
{
    money_t usd = call_cost(call, usage);
    int64_t now_ms = clock_wall_ms();
    bool room = true, stop;
    struct amounts a;
    amounts_of(&a, usage, call->resolved.model, usd);
    limits_lock(l);
    for (size_t i = 0; i < hold->count && room; i++) {
        const struct hold_entry *e = &hold->at[i];
        int64_t more = grown(e, &a) - e->held;
        int64_t left = room_for(l, e, now_ms, &stop);
        room = !stop || more <= left;
    }
    for (size_t i = 0; i < hold->count && room; i++) {
        struct hold_entry *e = &hold->at[i];
        int64_t more = grown(e, &a) - e->held;
        int64_t left = room_for(l, e, now_ms, &stop);
        int64_t taken = headroom_take(e->bucket, more);
        e->covered += more < left ? more : left;
        e->held += taken;
        phantom_grown(e->bucket, hold->number, taken);
        debt_note_hold(l, e, now_ms);
    }
    limits_unlock(l);
    return room;
}

/* usd without a price at the end (tokens of a class that has none) counts what was reserved: an
 * unknown price is never zero. */
static int64_t really_used(const struct hold_entry *e, const struct call *call,
                           const struct amounts *a)
{
    if (e->metric == METRIC_CONCURRENCY) {
        return 0;
    }
    if (e->metric == METRIC_USD && (!call->priced || call->usd < 0)) {
        return e->held;
    }
    return a->v[e->metric];
}

/* Its headroom has come back: to those who wait for it. */
static void end_hold(struct limits *l, struct limit_hold *hold)
{
    int64_t now_ms = l->waited == NULL ? 0 : clock_wall_ms();
    for (size_t i = 0; i < hold->count && l->waited != NULL; i++) {
        struct group *g = hold->at[i].bucket->group; /* NULL: the bucket was of a passed window */
        if (g != NULL && g->first_waiter != NULL) {
            wait_serve(l, g, now_ms);
        }
    }
    hold_free(l, hold);
    wait_tell(l);
}

/* In the window of admission, which runs. */
static void spend_now(struct limits *l, struct bucket *b, const struct hold_entry *e, int64_t used,
                      int64_t now_ms)
{
    headroom_spend(b, e->slot, used);
    if (b->roll == NULL && used > e->covered) {
        b->excess = money_add(b->excess, used - e->covered);
        debt_note(l, b, now_ms);
    }
    events_check(l, b, now_ms, false);
}

/* The window of admission has passed: it has paid for what was covered there, the running one pays
 * for the rest. */
static void spend_late(struct limits *l, const struct bucket *b, const struct hold_entry *e,
                       int64_t used, int64_t now_ms)
{
    struct group *g = b->group;
    int64_t paid = used < e->covered ? used : e->covered;
    if (b != g->now && g->now->before_ms == b->start_ms) {
        g->now->before_used = money_add(g->now->before_used, paid);
    }
    if (used > paid) {
        counter_charge(l, g, now_ms, used - paid);
    }
}

static void settle_entry(struct limits *l, struct hold_entry *e, int64_t used, int64_t now_ms)
{
    struct bucket *b = e->bucket;
    struct group *g = b->group;
    bool runs = g != NULL && counter_turn(l, b, e->slot, now_ms);
    headroom_return(b, e->held);
    if (runs) {
        spend_now(l, b, e, used, now_ms);
    } else if (g != NULL && b != g->now && b->roll == NULL && b->start_ms == g->now->start_ms) {
        spend_now(l, g->now, e, used, now_ms); /* the clock was set back to that window */
    } else if (g != NULL) {
        spend_late(l, b, e, used, now_ms);
    }
    debt_drop(l, &e->kept);
    counter_drop(l, b);
}

void limits_settle(struct limits *l, struct limit_hold *hold, const struct call *call)
{
    struct amounts a;
    int64_t now_ms = clock_wall_ms();
    amounts_of(&a, &call->usage, call->resolved.model, call->priced ? call->usd : -1);
    if (call->usage_reported) {
        foresee_learn(l, call);
    }
    limits_lock(l);
    for (size_t i = 0; i < hold->count; i++) {
        struct hold_entry *e = &hold->at[i];
        int64_t used = really_used(e, call, &a);
        if (e->bucket->watches != NULL) {
            phantom_ended(l, e->bucket, hold->number, e->held - used);
        }
        settle_entry(l, e, used, now_ms);
    }
    end_hold(l, hold);
}

void limits_release(struct limits *l, struct limit_hold *hold)
{
    int64_t now_ms = clock_wall_ms();
    limits_lock(l);
    for (size_t i = 0; i < hold->count; i++) {
        struct hold_entry *e = &hold->at[i];
        if (e->bucket->group != NULL) {
            (void)counter_turn(l, e->bucket, e->slot, now_ms);
        }
        phantom_ended(l, e->bucket, hold->number, e->held);
        headroom_return(e->bucket, e->held);
        debt_drop(l, &e->kept);
        counter_drop(l, e->bucket);
    }
    end_hold(l, hold);
}
