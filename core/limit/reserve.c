/* reserve.c: admission: headroom in every limit that applies, or nothing at all. */
#include "core/limit/limit_private.h"

#include <stdlib.h>

static struct limit_hold *hold_new(struct limits *l, size_t count)
{
    size_t cap = count <= HOLD_INLINE ? HOLD_INLINE : count;
    struct limit_hold *h = cap == HOLD_INLINE ? l->spare : NULL;
    if (h != NULL) {
        l->spare = h->next;
        l->spare_count--;
    } else {
        h = malloc(sizeof(*h) + cap * sizeof(h->at[0]));
        if (h == NULL) {
            return NULL;
        }
    }
    h->count = count;
    h->cap = cap;
    h->number = l->hold_number++;
    h->prev = NULL;
    h->next = l->open;
    if (l->open != NULL) {
        l->open->prev = h;
    }
    l->open = h;
    l->open_count++;
    return h;
}

void hold_free(struct limits *l, struct limit_hold *h)
{
    *(h->prev != NULL ? &h->prev->next : &l->open) = h->next;
    if (h->next != NULL) {
        h->next->prev = h->prev;
    }
    l->open_count--;
    if (h->cap == HOLD_INLINE && l->spare_count < HOLDS_KEPT) {
        h->next = l->spare;
        l->spare = h;
        l->spare_count++;
    } else {
        free(h);
    }
}

enum verdict reserve_judge(struct match *m, int64_t now_ms)
{
    bool blocked;
    override_terms(m->rule, m->bucket->group, now_ms, &m->amount, &blocked);
    if (blocked) {
        return BLOCKED; /* an operator's word, whatever the limit's action */
    }
    if (m->rule->file->action == ACTION_WARN) {
        return ADMIT;
    }
    if (m->asked < 0 && m->rule->file->metric == METRIC_USD) {
        return UNPRICED;
    }
    if (m->asked > m->amount) {
        return NEVER;
    }
    const struct limit_waiter *first = m->bucket->group->first_waiter;
    if (first != NULL && first->number < m->number) {
        return FULL; /* who came first is served first */
    }
    return m->asked > headroom_left(m->bucket, m->amount) ? FULL : ADMIT;
}

bool reserve_fits(struct limits *l, size_t count, int64_t now_ms)
{
    for (size_t i = 0; i < count; i++) {
        if (reserve_judge(&l->matches[i], now_ms) != ADMIT) {
            return false;
        }
    }
    return true;
}

int64_t reserve_frees_at(const struct match *m)
{
    return counter_frees_at(m->bucket, m->asked - headroom_left(m->bucket, m->amount));
}

/* When the block ends that o makes; 0: it makes none, INT64_MAX: for ever. */
static int64_t block_ends(const struct override *o, int64_t now_ms)
{
    if (!override_in_force(o, now_ms) || !o->o.blocked) {
        return 0;
    }
    return o->o.until_ms > 0 ? o->o.until_ms : INT64_MAX;
}

/* A block may end before the window does, or long after it. */
static int64_t frees_at(const struct match *m, enum verdict v, int64_t now_ms)
{
    if (v == FULL) {
        return reserve_frees_at(m);
    }
    int64_t whole = block_ends(m->rule->override, now_ms);
    int64_t own = block_ends(m->bucket->group->override, now_ms);
    int64_t ends = whole > own ? whole : own;
    return v == BLOCKED && ends < INT64_MAX ? ends : counter_frees_at(m->bucket, INT64_MAX);
}

static void describe(const struct match *m, enum verdict v, int64_t now_ms, struct limit_denial *d)
{
    const struct group *g = m->bucket->group;
    *d = (struct limit_denial){
        .metric = m->rule->file->metric,
        .amount = m->amount,
        .used = m->bucket->used,
        .reserved = m->bucket->reserved,
        .asked = m->asked,
        .resets_at_ms = frees_at(m, v, now_ms),
        .blocked = v == BLOCKED,
        .never = v == NEVER,
        .unpriced = v == UNPRICED,
    };
    (void)str_copy(d->limit, sizeof(d->limit), str_of(m->rule->file->name));
    (void)str_copy(d->group, sizeof(d->group), (struct str){g->text, g->text_len});
}

void reserve_refuse(struct limits *l, size_t count, int64_t now_ms, struct limit_denial *denial)
{
    int64_t latest = -1;
    if (override_all_blocked(l, now_ms)) {
        *denial = (struct limit_denial){
            .metric = METRIC_REQUESTS, .blocked = true, .resets_at_ms = l->all_until_ms};
        (void)str_copy(denial->limit, sizeof(denial->limit), STR(LIMITS_ALL));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct match *m = &l->matches[i];
        enum verdict v = reserve_judge(m, now_ms);
        if (v == ADMIT) {
            continue;
        }
        counter_denied(m->bucket);
        if (v == FULL) {
            phantom_watch(l, m->bucket, m->asked - headroom_left(m->bucket, m->amount));
        }
        int64_t frees = v == FULL ? frees_at(m, v, now_ms) : INT64_MAX;
        if (frees > latest) {
            latest = frees;
            describe(m, v, now_ms, denial);
        }
    }
}

/* Thresholds of concurrency are crossed by what is held. */
static int64_t take_one(struct limits *l, const struct match *m, int64_t now_ms)
{
    if (m->rule->file->metric != METRIC_CONCURRENCY) {
        return headroom_take(m->bucket, m->asked);
    }
    events_rearm(m->bucket, now_ms);
    int64_t held = headroom_take(m->bucket, m->asked);
    events_check(l, m->bucket, now_ms, false);
    return held;
}

static enum err take(struct limits *l, size_t count, int64_t now_ms, struct limit_hold **hold)
{
    struct limit_hold *h = hold_new(l, count);
    if (h == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct match *m = &l->matches[i];
        int64_t held = take_one(l, m, now_ms);
        h->at[i] = (struct hold_entry){
            m->bucket, held, held, counter_slot(m->bucket), NULL, m->rule->file->metric,
        };
        counter_take(m->bucket);
    }
    *hold = h;
    return ERR_OK;
}

enum err reserve_try(struct limits *l, const struct call *call, int64_t now_ms,
                     struct limit_hold **hold, int64_t *clamped, size_t *count)
{
    struct subject s = {call->resolved.model, &call->tags, call->principal};
    *count = 0;
    if (override_all_blocked(l, now_ms)) {
        return ERR_FULL;
    }
    enum err e = rule_collect(l, &s, now_ms, count);
    if (e != ERR_OK) {
        return e;
    }
    clamp_ask(l, *count, call, call->reserved_usage.output, false);
    bool fits = reserve_fits(l, *count, now_ms);
    if (!fits && clamped != NULL) {
        *clamped = clamp_output(l, *count, call, now_ms);
        fits = *clamped >= 0;
    }
    return fits ? take(l, *count, now_ms, hold) : ERR_FULL;
}

static enum err reserve(struct limits *l, const struct call *call, struct limit_hold **hold,
                        struct limit_denial *denial, int64_t *clamped)
{
    size_t count;
    int64_t now_ms = call->admitted_wall_ms;
    limits_lock(l);
    enum err e = reserve_try(l, call, now_ms, hold, clamped, &count);
    if (e == ERR_FULL) {
        reserve_refuse(l, count, now_ms, denial);
    }
    limits_unlock(l);
    return e;
}

enum err limits_reserve(struct limits *l, const struct call *call, struct limit_hold **hold,
                        struct limit_denial *denial)
{
    return reserve(l, call, hold, denial, NULL);
}

enum err limits_reserve_clamped(struct limits *l, struct call *call, struct limit_hold **hold,
                                struct limit_denial *denial, int64_t *clamped_output)
{
    *clamped_output = -1;
    enum err e = reserve(l, call, hold, denial, clamped_output);
    if (e == ERR_OK && *clamped_output >= 0) {
        call->reserved_usage.output = *clamped_output;
    }
    return e;
}
