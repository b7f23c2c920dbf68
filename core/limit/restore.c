/* restore.c: what past calls count for: after a restart in all limits, after a reload in those that
 * are new. For these an engine of their own is restored ahead of the reload; what it counted is
 * taken over, and calls that were open then are added when the ledger has them. */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/limit/limit_private.h"
#include "core/limit/window.h"

#include <string.h>

#define SUM_SPAN_MS   900000 /* calls that limits_restore is told of in one sum */
#define TAKEN_AT_ONCE 256    /* groups, so that the lock is short */

/* Does the running window hold that time, and in which slot? */
static bool held_then(const struct bucket *b, int64_t wall_ms, int64_t *slot)
{
    const struct rule *r = b->group->rule;
    *slot = 0;
    if (b->roll == NULL) {
        return wall_ms >= b->start_ms && wall_ms < b->end_ms;
    }
    if (!roll_inside(b, roll_slot(r, wall_ms))) {
        return false;
    }
    /* A sum's calls came up to a quarter of an hour after its time; sums are for days alone. */
    int64_t late_ms = r->file->window == WINDOW_DAY ? SUM_SPAN_MS : 0;
    *slot = roll_slot(r, wall_ms + late_ms);
    *slot = *slot < b->roll->slot ? *slot : b->roll->slot;
    return true;
}

/* seq: 0: of all limits; else that of a call that comes late, for those limits it is new to. */
static void restore(struct limits *l, const struct subject *s, int64_t wall_ms, int64_t seq,
                    const struct amounts *amounts, bool crash)
{
    int64_t now_ms = clock_wall_ms();
    size_t count;
    limits_lock(l);
    enum err e = rule_collect(l, s, now_ms, &count);
    for (size_t i = 0; i < count; i++) { /* without memory: those that could be found */
        const struct rule *r = l->matches[i].rule;
        struct bucket *b = l->matches[i].bucket;
        int64_t n = amounts->v[r->file->metric], slot;
        if (seq != 0 && (wall_ms > r->behind_ms || seq <= r->behind_seq)) {
            continue;
        }
        if (r->file->metric == METRIC_CONCURRENCY || n <= 0 || !held_then(b, wall_ms, &slot)) {
            continue;
        }
        headroom_spend(b, slot, n);
        if (crash) {
            b->charged_by_crash = money_add(b->charged_by_crash, n);
            if (b->roll != NULL && slot > b->roll->crashed) {
                b->roll->crashed = slot;
            }
        }
        events_check(l, b, now_ms, true);
    }
    limits_unlock(l);
    if (e != ERR_OK) {
        log_error("limit", "out of memory: past calls of %.100s are missing in some limits",
                  s->model == NULL ? "none" : s->model->name);
    }
}

void limits_restore(struct limits *l, const struct model *model, const struct tags *tags,
                    struct str principal, int64_t wall_ms, const struct amounts *amounts,
                    bool crash)
{
    struct subject s = {model, tags, principal};
    restore(l, &s, wall_ms, 0, amounts, crash);
}

void limits_restore_late(struct limits *l, const struct model *model, const struct tags *tags,
                         struct str principal, int64_t wall_ms, int64_t seq,
                         const struct amounts *amounts, bool crash)
{
    struct subject s = {model, tags, principal};
    restore(l, &s, wall_ms, seq, amounts, crash);
}

static int64_t oldest_of(const struct limits *l, const struct rule *r, int64_t now_ms)
{
    int64_t start_ms, end_ms;
    enum config_window w = r->file->window;
    if (w == WINDOW_NONE) {
        return now_ms;
    }
    if (r->rolling) {
        return now_ms - window_length_ms(w) * ROLL_KEPT / ROLL_SLOTS;
    }
    window_at(l->zone, w, now_ms, &start_ms, &end_ms);
    return start_ms < now_ms ? start_ms : now_ms;
}

int64_t limits_oldest_window(const struct limits *l, int64_t now_ms)
{
    int64_t oldest = now_ms;
    limits_lock(l);
    for (size_t i = 0; i < l->rule_count; i++) {
        int64_t own = oldest_of(l, l->rules[i], now_ms);
        oldest = own < oldest ? own : oldest;
    }
    limits_unlock(l);
    return oldest;
}

/* Fixed windows of a minute and more begin with a minute, the slots of longer rolling ones too. */
int64_t limits_fine_window(const struct limits *l, int64_t now_ms)
{
    int64_t fine = INT64_MAX;
    limits_lock(l);
    for (size_t i = 0; i < l->rule_count; i++) {
        const struct config_limit *f = l->rules[i]->file;
        if (f->window == WINDOW_10S || (f->window == WINDOW_1M && f->rolling)) {
            int64_t own = oldest_of(l, l->rules[i], now_ms);
            fine = own < fine ? own : fine;
        }
    }
    limits_unlock(l);
    return fine;
}

/* --- after a reload --- */

static struct rule *rule_named(const struct limits *l, const char *name)
{
    for (size_t i = 0; i < l->rule_count; i++) {
        if (strcmp(l->rules[i]->file->name, name) == 0) {
            return l->rules[i];
        }
    }
    return NULL;
}

static bool goes_on(const struct rule *was, const struct rule *fresh)
{
    return was != NULL && rule_same_groups(was->file, fresh->file) &&
           was->file->window == fresh->file->window && was->rolling == fresh->rolling;
}

int64_t limits_begin_from(const struct limits *l, const struct limits *ahead, int64_t now_ms)
{
    int64_t oldest = now_ms;
    limits_lock(l);
    for (size_t i = 0; i < ahead->rule_count; i++) {
        const struct rule *fresh = ahead->rules[i];
        if (!goes_on(rule_named(l, fresh->file->name), fresh)) {
            int64_t own = oldest_of(ahead, fresh, now_ms);
            oldest = own < oldest ? own : oldest;
        }
    }
    limits_unlock(l);
    return oldest;
}

static void take_roll(struct bucket *to, const struct bucket *from)
{
    int64_t shift = to->group->rule->ahead - from->group->rule->ahead;
    for (int64_t slot = from->roll->slot - ROLL_SLOTS; slot <= from->roll->slot; slot++) {
        int64_t n = from->roll->used[roll_place(slot)];
        if (n > 0 && roll_inside(to, slot + shift)) {
            headroom_spend(to, slot + shift, n);
        }
    }
    if (from->charged_by_crash > 0) {
        int64_t crashed = from->roll->crashed + shift;
        to->charged_by_crash = money_add(to->charged_by_crash, from->charged_by_crash);
        to->roll->crashed = crashed > to->roll->crashed ? crashed : to->roll->crashed;
    }
}

static void take_group(struct limits *l, struct rule *r, const struct group *from, int64_t now_ms)
{
    const struct bucket *past = from->now;
    struct group *g = counter_group(l, r, (struct str){from->text, from->text_len});
    struct bucket *b = g == NULL ? NULL : counter_bucket(l, g, now_ms);
    if (b == NULL) {
        log_error("limit", "out of memory: past calls are missing in limit %s", r->file->name);
        return;
    }
    if (b->roll != NULL && past->roll != NULL) {
        take_roll(b, past);
    } else if (b->start_ms == past->start_ms) {
        headroom_spend(b, 0, past->used);
        b->charged_by_crash = money_add(b->charged_by_crash, past->charged_by_crash);
    }
    events_check(l, b, now_ms, true);
}

static void take_rule(struct limits *l, struct rule *r, const struct rule *from, int64_t now_ms)
{
    size_t n = 0;
    counter_window(l, r, now_ms);
    for (const struct group *g = from->oldest; g != NULL; g = g->newer) {
        take_group(l, r, g, now_ms);
        if (++n % TAKEN_AT_ONCE == 0) {
            limits_unlock(l); /* only a reload takes rules away, and that is the caller's */
            limits_lock(l);
        }
    }
}

void limits_take_over(struct limits *l, const struct limits *ahead, int64_t seq)
{
    int64_t now_ms = clock_wall_ms();
    limits_lock(l);
    for (size_t i = 0; i < l->rule_count; i++) {
        struct rule *r = l->rules[i];
        const struct rule *from = rule_named(ahead, r->file->name);
        if (r->behind_ms > 0 && r->behind_seq == INT64_MAX && from != NULL) {
            r->behind_seq = seq;
            take_rule(l, r, from, now_ms);
        }
    }
    limits_unlock(l);
}

int64_t limits_behind(const struct limits *l)
{
    int64_t latest = 0;
    limits_lock(l);
    for (size_t i = 0; i < l->rule_count; i++) {
        const struct rule *r = l->rules[i];
        bool knows_where = r->behind_seq != INT64_MAX;
        latest = knows_where && r->behind_ms > latest ? r->behind_ms : latest;
    }
    limits_unlock(l);
    return latest;
}

void limits_caught_up(struct limits *l)
{
    limits_lock(l);
    for (size_t i = 0; i < l->rule_count; i++) {
        l->rules[i]->behind_ms = 0;
    }
    limits_unlock(l);
}
