/* counter.c: groups and their buckets, a window each. */
#include "core/base/clock.h"
#include "core/limit/limit_private.h"
#include "core/limit/window.h"

#include <stdlib.h>
#include <string.h>

#define EVICT_TRIES      2 /* idle groups looked for when one is added */
#define EVICT_TRIES_FULL 8
#define SET_BACK_MS      300000 /* a clock set back by less is waited for */

void counter_restamp(const struct limits *l, struct rule *r, int64_t now_ms)
{
    int64_t was_ms = r->start_ms;
    window_at(l->zone, r->file->window, now_ms, &r->start_ms, &r->end_ms);
    for (struct group *g = r->newest; g != NULL; g = g->older) {
        struct bucket *b = g->now;
        if (b->start_ms == was_ms) {
            b->start_ms = r->start_ms;
            b->end_ms = r->end_ms;
            if (b->before_ms == r->start_ms) { /* the clock had run ahead of this very window */
                headroom_spend(b, 0, b->before_used);
                b->before_used = 0;
            }
            if (b->kept != NULL) {
                debt_store(b);
            }
        }
    }
}

/* The clock stands before the running window. A step that is small beside the window is waited for:
 * then what calls are stamped with holds to the amount too. After a larger one the limit would be
 * in the way for as long as the clock had been ahead. The caller's time may be an old one. */
static void set_back(const struct limits *l, struct rule *r)
{
    int64_t now_ms = clock_wall_ms();
    int64_t length_ms = r->rolling ? window_length_ms(r->file->window) : r->end_ms - r->start_ms;
    int64_t wait_ms = length_ms < SET_BACK_MS ? length_ms : SET_BACK_MS;
    if (!r->rolling && now_ms < r->start_ms - wait_ms) {
        counter_restamp(l, r, now_ms);
    } else if (r->rolling && roll_slot(r, now_ms + wait_ms) < r->slot) {
        r->ahead += r->slot - roll_slot(r, now_ms);
    }
}

void counter_window(const struct limits *l, struct rule *r, int64_t now_ms)
{
    int64_t slot = r->rolling ? roll_slot(r, now_ms) : 0;
    if (r->rolling ? slot < r->slot : now_ms < r->start_ms) {
        set_back(l, r);
    } else if (r->rolling) {
        r->slot = slot;
    } else if (now_ms >= r->end_ms && r->file->window != WINDOW_NONE) {
        window_at(l->zone, r->file->window, now_ms, &r->start_ms, &r->end_ms);
    }
}

static void unlink_group(struct group *g)
{
    struct rule *r = g->rule;
    *(g->newer != NULL ? &g->newer->older : &r->newest) = g->older;
    *(g->older != NULL ? &g->older->newer : &r->oldest) = g->newer;
    g->newer = g->older = NULL;
}

static void link_newest(struct group *g)
{
    struct rule *r = g->rule;
    g->newer = NULL;
    g->older = r->newest;
    *(r->newest != NULL ? &r->newest->newer : &r->oldest) = g;
    r->newest = g;
}

static void touch(struct group *g, int64_t now_ms)
{
    g->last_ms = now_ms;
    if (g != g->rule->newest) {
        unlink_group(g);
        link_newest(g);
    }
}

/* An empty bucket of the running window. False: no memory, nothing has changed. */
static bool bucket_begin(struct bucket *b, struct group *g)
{
    const struct rule *r = g->rule;
    const struct bucket *past = g->now != NULL ? g->now : b;
    struct bucket fresh = {.group = g,
                           .start_ms = r->start_ms,
                           .end_ms = r->end_ms,
                           .before_ms = past->start_ms,
                           .before_used = past->used};
    if (r->rolling && !roll_new(&fresh)) {
        return false;
    }
    struct roll *old = b->roll;
    *b = fresh;
    free(old);
    return true;
}

static void bucket_free(struct limits *l, struct bucket *b)
{
    debt_drop(l, &b->kept);
    free(b->roll);
    b->roll = NULL;
    b->group = NULL;
    b->next_free = l->spare_buckets;
    l->spare_buckets = b;
}

static struct bucket *bucket_new(struct limits *l, struct group *g)
{
    struct bucket *b = l->spare_buckets;
    if (b != NULL) {
        l->spare_buckets = b->next_free;
    } else {
        b = malloc(sizeof(*b));
    }
    if (b == NULL) {
        return NULL;
    }
    *b = (struct bucket){.start_ms = INT64_MIN};
    if (!bucket_begin(b, g)) {
        bucket_free(l, b);
        return NULL;
    }
    return b;
}

static void free_group(struct limits *l, struct group *g)
{
    wait_orphan(l, g);
    if (g->override != NULL) {
        override_free(l, g->override);
    }
    if (g->now->holds > 0) {
        g->now->group = NULL;
    } else {
        bucket_free(l, g->now);
    }
    unlink_group(g);
    free(g);
}

/* When nothing of the group's window counts any more. */
static int64_t ended_ms(const struct group *g)
{
    const struct bucket *b = g->now;
    if (b->roll != NULL && b->start_ms == g->rule->start_ms) {
        return b->used == 0 ? INT64_MIN : roll_leaves_ms(g->rule, b->roll->slot);
    }
    return b->end_ms;
}

/* Whole windows between that of the bucket and the running one, which pay too. */
static int64_t windows_between(const struct bucket *b)
{
    int64_t gap_ms = b->group->rule->start_ms - b->end_ms, length_ms = b->end_ms - b->start_ms;
    return gap_ms <= 0 || length_ms <= 0 ? 0 : (gap_ms + length_ms / 2) / length_ms;
}

/* Of a bucket whose window has passed: what its calls used above what they had reserved, as far as
 * its amount does not cover that beside the rest. */
static int64_t unpaid(const struct bucket *b, int64_t now_ms)
{
    int64_t amount;
    bool blocked;
    if (b->excess == 0 || b->group->rule->file->action == ACTION_WARN) {
        return 0;
    }
    override_terms(b->group->rule, b->group, now_ms, &amount, &blocked);
    int64_t over = b->used + b->reserved - amount;
    int64_t owed = over < b->excess ? over : b->excess, windows = windows_between(b);
    if (owed <= 0 || (windows > 0 && amount >= owed / windows + 1)) {
        return 0;
    }
    return owed - windows * amount;
}

int64_t counter_owed(const struct group *g, int64_t now_ms)
{
    const struct bucket *b = g->now;
    bool passed = b->roll == NULL && b->start_ms != g->rule->start_ms;
    return money_add(g->debt, passed ? unpaid(b, now_ms) : 0);
}

static bool idle(const struct group *g, int64_t now_ms, bool full)
{
    bool windowless = g->rule->file->window == WINDOW_NONE;
    int64_t end_ms = windowless ? g->last_ms : ended_ms(g);
    bool passed = windowless || end_ms <= now_ms;
    bool rested = now_ms - (end_ms < g->last_ms ? g->last_ms : end_ms) >= GROUP_IDLE_MS;
    return g->holds == 0 && g->first_waiter == NULL && g->override == NULL && g != g->rule->only &&
           passed && (full || rested) && counter_owed(g, now_ms) == 0;
}

/* Looks at the groups used longest ago; busy ones move to the front, so that the next look goes on.
 */
static void evict(struct limits *l, struct rule *r, int64_t now_ms)
{
    bool full = r->groups.count >= GROUPS_MAX;
    for (int i = 0; i < (full ? EVICT_TRIES_FULL : EVICT_TRIES) && r->oldest != NULL; i++) {
        struct group *g = r->oldest;
        if (idle(g, now_ms, full)) {
            (void)map_remove(&r->groups, (struct str){g->text, g->text_len});
            if (g == r->other) {
                r->other = NULL;
            }
            free_group(l, g);
        } else if (full || g->holds > 0 || g->first_waiter != NULL || g->override != NULL ||
                   g->debt > 0) {
            unlink_group(g);
            link_newest(g);
        } else {
            return;
        }
    }
}

static struct group *add(struct limits *l, struct rule *r, struct str text, int64_t now_ms)
{
    struct group *g = calloc(1, sizeof(*g) + text.n + 1);
    if (g == NULL) {
        return NULL;
    }
    g->rule = r;
    g->last_ms = now_ms;
    g->text_len = text.n;
    memcpy(g->text, text.p, text.n);
    g->now = bucket_new(l, g);
    if (g->now == NULL || !map_set(&r->groups, text, g, NULL)) {
        if (g->now != NULL) {
            bucket_free(l, g->now);
        }
        free(g);
        return NULL;
    }
    link_newest(g);
    return g;
}

struct group *counter_find(const struct rule *r, struct str text)
{
    return r->part_count == 0 ? r->only : map_get(&r->groups, text);
}

struct group *counter_group(struct limits *l, struct rule *r, struct str text)
{
    struct group *g = counter_find(r, text);
    if (g != NULL) {
        return g;
    }
    bool windowless = r->rolling || r->file->window == WINDOW_NONE;
    int64_t now_ms = windowless ? clock_wall_ms() : r->start_ms;
    evict(l, r, now_ms);
    if (r->groups.count < GROUPS_MAX) {
        g = add(l, r, text, now_ms);
        if (g != NULL && r->part_count == 0) {
            r->only = g;
        }
        return g;
    }
    if (r->other == NULL) {
        char other[GROUP_KEY];
        struct str other_text = rule_other_text(r, other);
        r->other = counter_find(r, other_text);
        if (r->other == NULL) {
            r->other = add(l, r, other_text, now_ms);
        }
    }
    return r->other;
}

static void spend_debt(struct limits *l, struct bucket *b, int64_t n, int64_t now_ms)
{
    headroom_spend(b, counter_slot(b), n);
    if (b->roll == NULL) {
        b->excess = money_add(b->excess, n);
        b->carried = money_add(b->carried, n);
        debt_note(l, b, now_ms);
    } else if (n > 0) {
        debt_note_slot(l, b, n, now_ms);
    }
}

struct bucket *counter_bucket(struct limits *l, struct group *g, int64_t now_ms)
{
    struct bucket *b = g->now;
    struct rule *r = g->rule;
    if (r->file->window == WINDOW_NONE) {
        touch(g, now_ms);
        return b;
    }
    if (b->start_ms == r->start_ms) {
        if (r->rolling) {
            counter_roll(b, now_ms);
            touch(g, now_ms);
        }
        return b;
    }
    int64_t owed = counter_owed(g, now_ms);
    struct debt_entry *kept = b->kept; /* its place goes on to the new window */
    if (b->holds > 0) {
        b = bucket_new(l, g);
        if (b == NULL) {
            return NULL;
        }
        g->now->kept = NULL;
        g->now = b;
    } else if (!bucket_begin(b, g)) {
        return NULL;
    }
    touch(g, now_ms);
    b->kept = kept;
    spend_debt(l, b, owed, now_ms);
    g->debt = 0;
    events_check(l, b, now_ms, false);
    return b;
}

bool counter_turn(struct limits *l, struct bucket *b, int64_t slot, int64_t now_ms)
{
    struct group *g = b->group;
    counter_window(l, g->rule, now_ms);
    if (g->now->roll == NULL) {
        (void)counter_bucket(l, g, now_ms); /* without memory it turns later */
    }
    counter_roll(b, now_ms);
    return b == g->now && b->start_ms == g->rule->start_ms &&
           (b->roll == NULL || roll_inside(b, slot));
}

void counter_roll(struct bucket *b, int64_t now_ms)
{
    if (b->roll != NULL && b->group != NULL && b->start_ms == b->group->rule->start_ms) {
        roll_on(b);
        events_rearm(b, now_ms);
    }
}

void counter_denied(struct bucket *b)
{
    b->denied++;
    if (b->roll != NULL) {
        b->roll->denied[roll_place(b->roll->slot)]++;
    }
}

int64_t counter_frees_at(const struct bucket *b, int64_t needed)
{
    return b->roll == NULL ? b->end_ms : roll_frees_at(b, needed);
}

void counter_take(struct bucket *b)
{
    b->holds++;
    b->group->holds++;
}

void counter_drop(struct limits *l, struct bucket *b)
{
    b->holds--;
    if (b->group != NULL) {
        b->group->holds--;
    }
    if (b->holds == 0 && (b->group == NULL || b->group->now != b)) {
        CHECK(b->reserved == 0);
        bucket_free(l, b);
    }
}

void counter_charge(struct limits *l, struct group *g, int64_t now_ms, int64_t n)
{
    counter_window(l, g->rule, now_ms);
    struct bucket *b = counter_bucket(l, g, now_ms);
    if (b == NULL) {
        g->debt = n > COUNT_CAP - g->debt ? COUNT_CAP : g->debt + n;
        return;
    }
    spend_debt(l, b, n, now_ms);
    events_check(l, b, now_ms, false);
}

void counter_free_rule(struct limits *l, struct rule *r)
{
    for (struct limit_hold *h = l->open; h != NULL; h = h->next) {
        for (size_t i = 0; i < h->count; i++) {
            struct bucket *b = h->at[i].bucket;
            if (b->group != NULL && b->group->rule == r && b != b->group->now) {
                b->group = NULL;
            }
        }
    }
    override_free_rule(l, r);
    while (r->newest != NULL) {
        free_group(l, r->newest);
    }
    map_free(&r->groups, NULL);
    free(r);
}
