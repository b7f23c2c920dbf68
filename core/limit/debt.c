/* debt.c: see debt.h. An entry is free, or whole: what it says changes from one moment to the next
 * in a single store, so that a process may end between any two instructions. */
#include "core/limit/debt.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/limit/limit_private.h"
#include "core/limit/window.h"

#include <stdlib.h>
#include <string.h>

#define SWEEP_MS 1000

/* --- entries --- */

/* FNV-1a. */
static uint64_t hash(uint64_t from, const void *p, size_t n)
{
    const uint8_t *at = p;
    for (size_t i = 0; i < n; i++) {
        from = (from ^ at[i]) * 1099511628211U;
    }
    return from;
}

uint64_t debt_rule_hash(const struct rule *r)
{
    uint64_t h = hash(14695981039346656037U, r->file->name, strlen(r->file->name) + 1);
    uint8_t kind[3] = {(uint8_t)r->file->metric, (uint8_t)r->file->window, r->rolling};
    h = hash(h, kind, sizeof(kind));
    for (size_t i = 0; i < r->part_count; i++) {
        h = hash(h, r->parts[i].key.p, r->parts[i].key.n);
        h = hash(h, "=", 1);
    }
    return h;
}

static struct debt_state *state_of(struct debt_entry *d, bool newer)
{
    uint64_t a = atomic_load_explicit(&d->state[0].version, memory_order_acquire);
    uint64_t b = atomic_load_explicit(&d->state[1].version, memory_order_acquire);
    return &d->state[(a > b) == newer ? 0 : 1];
}

static void put_state(struct debt_entry *d, const struct debt_state *s)
{
    uint64_t version = atomic_load_explicit(&state_of(d, true)->version, memory_order_relaxed);
    struct debt_state *to = state_of(d, false);
    to->start_ms = s->start_ms;
    to->end_ms = s->end_ms;
    to->used = s->used;
    to->reserved = s->reserved;
    to->excess = s->excess;
    to->carried = s->carried;
    atomic_store_explicit(&to->version, version + 1, memory_order_release);
}

static uint32_t kind_of(const struct debts *all, size_t i)
{
    return atomic_load_explicit(&all->kinds[i], memory_order_acquire);
}

static void set_kind(struct debts *all, size_t i, enum debt_kind kind)
{
    atomic_store_explicit(&all->kinds[i], (uint32_t)kind, memory_order_release);
}

static void set_free(struct debts *all, size_t i)
{
    set_kind(all, i, DEBT_FREE);
    all->taken--;
}

/* --- places --- */

static void sweep(struct debts *all, int64_t now_ms)
{
    all->swept_ms = now_ms;
    for (size_t i = 0; i < all->count; i++) {
        if (kind_of(all, i) != DEBT_FREE && all->places[i].ends_ms <= now_ms) {
            set_free(all, i);
        }
    }
}

static struct debt_entry *free_place(struct debts *all, int64_t now_ms)
{
    if (all->taken >= all->count / 2 && llabs(now_ms - all->swept_ms) >= SWEEP_MS) {
        sweep(all, now_ms);
    }
    if (all->taken == all->count) {
        return NULL;
    }
    while (kind_of(all, all->next) != DEBT_FREE) {
        all->next = (all->next + 1) % all->count;
    }
    return &all->at[all->next];
}

/* NULL: there is none, or the group's text is too long. */
static struct debt_entry *take_place(struct limits *l, const struct group *g, enum debt_kind kind,
                                     const struct debt_state *s, int64_t now_ms)
{
    struct debts *all = &l->debts;
    struct debt_entry *d = g->text_len <= DEBT_GROUP ? free_place(all, now_ms) : NULL;
    if (d == NULL) {
        return NULL;
    }
    memset(d->state, 0, sizeof(d->state));
    d->group_len = g->text_len;
    memcpy(d->group, g->text, g->text_len);
    d->rule = g->rule->identity;
    d->seal = hash(d->rule, g->text, g->text_len);
    put_state(d, s);
    set_kind(all, (size_t)(d - all->at), kind);
    all->places[d - all->at] =
        (struct debt_place){.ends_ms = kind == DEBT_SLOT ? s->end_ms : INT64_MAX, .stays = true};
    all->taken++;
    return d;
}

void debt_drop(struct limits *l, struct debt_entry **kept)
{
    if (*kept != NULL && l->debts.live) {
        set_free(&l->debts, (size_t)(*kept - l->debts.at));
    }
    *kept = NULL;
}

/* --- what counters tell --- */

static struct debt_state window_state(const struct bucket *b)
{
    return (struct debt_state){.start_ms = b->start_ms,
                               .end_ms = b->end_ms,
                               .used = b->used,
                               .reserved = b->reserved,
                               .excess = b->excess,
                               .carried = b->carried};
}

void debt_store(const struct bucket *b)
{
    struct debt_state s = window_state(b);
    put_state(b->kept, &s);
}

static bool is_over(const struct bucket *b, int64_t now_ms)
{
    int64_t amount;
    bool blocked;
    override_terms(b->group->rule, b->group, now_ms, &amount, &blocked);
    return headroom_left(b, amount) < 0;
}

void debt_note(struct limits *l, struct bucket *b, int64_t now_ms)
{
    if (!l->debts.live) {
        return;
    }
    if (b->excess == 0) {
        debt_drop(l, &b->kept);
    } else if (b->kept != NULL) {
        debt_store(b);
    } else if (l->debts.taken < l->debts.count / 2 || is_over(b, now_ms)) {
        struct debt_state s = window_state(b);
        b->kept = take_place(l, b->group, DEBT_WINDOW, &s, now_ms);
    }
}

static struct debt_state slot_state(const struct rule *r, int64_t slot)
{
    int64_t length_ms = window_length_ms(r->file->window);
    int64_t past = slot - r->ahead; /* rounded up: the first moment of the slot */
    return (struct debt_state){.start_ms = (past * length_ms + ROLL_SLOTS - 1) / ROLL_SLOTS,
                               .end_ms = roll_leaves_ms(r, slot)};
}

void debt_note_slot(struct limits *l, const struct bucket *b, int64_t n, int64_t now_ms)
{
    if (l->debts.live) {
        struct debt_state s = slot_state(b->group->rule, b->roll->slot);
        s.carried = n;
        (void)take_place(l, b->group, DEBT_SLOT, &s, now_ms); /* lives as long as the slot */
    }
}

void debt_note_hold(struct limits *l, struct hold_entry *e, int64_t now_ms)
{
    const struct bucket *b = e->bucket;
    if (!l->debts.live || b->group == NULL || e->held <= e->covered) {
        return;
    }
    struct debt_state s = {.start_ms = b->start_ms, .end_ms = b->end_ms};
    if (b->roll != NULL) {
        s = slot_state(b->group->rule, e->slot);
    }
    s.excess = e->held - e->covered;
    if (e->kept != NULL) {
        put_state(e->kept, &s);
    } else {
        e->kept = take_place(l, b->group, DEBT_HOLD, &s, now_ms);
    }
}

void debt_detach(struct limits *l)
{
    for (size_t i = 0; i < l->rule_count; i++) {
        for (struct group *g = l->rules[i]->newest; g != NULL; g = g->older) {
            g->now->kept = NULL;
        }
    }
    free(l->debts.places);
    l->debts = (struct debts){.at = NULL};
}

/* --- after a start --- */

/* The bucket that an entry means; NULL: its limit is another one now. */
static struct bucket *bucket_of(struct limits *l, const struct debt_entry *d, int64_t now_ms)
{
    struct rule *r = NULL;
    struct str text = {d->group, d->group_len};
    if (text.n > DEBT_GROUP || d->seal != hash(d->rule, text.p, text.n)) {
        return NULL;
    }
    for (size_t i = 0; i < l->rule_count && r == NULL; i++) {
        r = l->rules[i]->identity == d->rule ? l->rules[i] : NULL;
    }
    if (r == NULL) {
        return NULL;
    }
    counter_window(l, r, now_ms);
    struct group *g = counter_group(l, r, text);
    return g == NULL ? NULL : counter_bucket(l, g, now_ms);
}

/* The window runs: its calls come back from the ledger, debts do not. Or it has passed, with what
 * the open calls held used up: the next one pays as if nothing had happened. */
static void take_up_window(struct limits *l, struct bucket *b, const struct debt_state *s,
                           int64_t now_ms)
{
    if (s->start_ms == b->start_ms) {
        headroom_spend(b, 0, s->carried);
        b->carried = money_add(b->carried, s->carried);
        b->excess = money_add(b->excess, s->excess);
        return;
    }
    b->start_ms = s->start_ms;
    b->end_ms = s->end_ms;
    b->used = money_add(s->used, s->reserved);
    b->excess = s->excess;
    (void)counter_bucket(l, b->group, now_ms); /* without memory it turns later */
}

static bool slot_inside(const struct bucket *b, const struct debt_state *s)
{
    int64_t slot = roll_slot(b->group->rule, s->start_ms);
    return roll_inside(b, slot);
}

static void take_up_slot(struct bucket *b, const struct debt_state *s)
{
    headroom_spend(b, roll_slot(b->group->rule, s->start_ms), s->carried);
}

/* True: the slot that fills owes for it from now on. */
static bool take_up_hold(struct limits *l, struct bucket *b, const struct debt_state *s,
                         int64_t now_ms)
{
    if (b->roll != NULL ? slot_inside(b, s) : b->start_ms == s->start_ms) {
        b->excess = money_add(b->excess, b->roll == NULL ? s->excess : 0);
        return false;
    }
    counter_charge(l, b->group, now_ms, s->excess);
    return b->roll != NULL;
}

/* What an earlier engine left in one place; of windows first, so that open calls' come on top. */
static void take_up(struct limits *l, size_t i, bool windows, int64_t now_ms)
{
    struct debt_entry *d = &l->debts.at[i];
    uint32_t kind = kind_of(&l->debts, i);
    if (kind == DEBT_FREE || (kind == DEBT_WINDOW) != windows) {
        return;
    }
    const struct debt_state *s = state_of(d, true);
    struct bucket *b = bucket_of(l, d, now_ms);
    bool sound = s->used >= 0 && s->reserved >= 0 && s->excess >= 0 && s->carried >= 0 &&
                 s->used <= COUNT_CAP && s->reserved <= COUNT_CAP && s->start_ms <= s->end_ms;
    if (b == NULL || !sound || (kind == DEBT_SLOT && b->roll == NULL)) {
        return;
    }
    bool stays = true;
    if (kind == DEBT_WINDOW) {
        take_up_window(l, b, s, now_ms);
    } else if (kind == DEBT_HOLD) {
        stays = take_up_hold(l, b, s, now_ms);
    } else if (slot_inside(b, s)) {
        take_up_slot(b, s);
    }
    l->debts.places[i].stays = stays;
}

enum err limits_restore_debts(struct limits *l, void *memory, size_t bytes)
{
    size_t count = bytes / sizeof(struct debt_entry), kinds = 0;
    while (kinds < count && kinds * sizeof(struct debt_entry) < count * sizeof(uint32_t)) {
        kinds++; /* the first so many entries' room */
    }
    count -= kinds;
    struct debt_place *places = calloc(count + 1, sizeof(*places));
    if (places == NULL) {
        return ERR_NOMEM;
    }
    int64_t now_ms = clock_wall_ms();
    limits_lock(l);
    l->debts = (struct debts){.kinds = memory,
                              .at = (struct debt_entry *)memory + kinds,
                              .places = places,
                              .count = count};
    for (size_t i = 0; i < count; i++) {
        take_up(l, i, true, now_ms);
    }
    for (size_t i = 0; i < count; i++) {
        take_up(l, i, false, now_ms);
    }
    limits_unlock(l);
    return ERR_OK;
}

/* A place that was taken up goes on to be its counter's; others are free. */
static void keep_place(struct limits *l, size_t i, int64_t now_ms)
{
    struct debt_entry *d = &l->debts.at[i];
    uint32_t kind = kind_of(&l->debts, i);
    struct bucket *b = l->debts.places[i].stays ? bucket_of(l, d, now_ms) : NULL;
    bool its = b != NULL && (b->kept == NULL || b->kept == d); /* else it turned meanwhile */
    bool window = its && kind == DEBT_WINDOW && b->excess > 0;
    bool slot = b != NULL && kind == DEBT_SLOT;
    if (slot) {
        l->debts.places[i].ends_ms = state_of(d, true)->end_ms;
    } else if (window) {
        b->kept = d;
        debt_store(b);
    } else if (b != NULL && kind == DEBT_HOLD) {
        debt_note_slot(l, b, state_of(d, true)->excess, now_ms);
    }
    if (!window && !slot && kind != DEBT_FREE) {
        set_free(&l->debts, i);
    }
}

void limits_keep_debts(struct limits *l)
{
    int64_t now_ms = clock_wall_ms();
    limits_lock(l);
    struct debts *all = &l->debts;
    for (size_t i = 0; i < all->count; i++) {
        all->taken += kind_of(all, i) != DEBT_FREE;
        all->places[i].ends_ms = INT64_MAX;
    }
    all->live = all->count > 0;
    for (size_t i = 0; i < all->count; i++) {
        keep_place(l, i, now_ms);
    }
    for (size_t i = 0; i < l->rule_count && all->live; i++) {
        for (struct group *g = l->rules[i]->newest; g != NULL; g = g->older) {
            debt_note(l, g->now, now_ms);
        }
    }
    limits_unlock(l);
}
