/* limits_view.c: what is shown: a copy of the counters, taken a limit at a time so that admission
 * never waits for long. */
#include "core/base/clock.h"
#include "core/limit/limit_private.h"

#include <stdlib.h>
#include <string.h>

#define COMPARE_EVERY_US 1000000 /* with many open calls the sums are compared this often */
#define COMPARE_ALWAYS   1000

/* Sums what the open holds say and compares it with the counters they point at. */
static bool compare_holds(const struct limits *l)
{
    bool same = true;
    for (const struct limit_hold *h = l->open; h != NULL; h = h->next) {
        for (size_t i = 0; i < h->count; i++) {
            h->at[i].bucket->check = 0;
        }
    }
    for (const struct limit_hold *h = l->open; h != NULL; h = h->next) {
        for (size_t i = 0; i < h->count; i++) {
            h->at[i].bucket->check += h->at[i].held;
        }
    }
    for (const struct limit_hold *h = l->open; h != NULL; h = h->next) {
        for (size_t i = 0; i < h->count; i++) {
            same = same && h->at[i].bucket->check == h->at[i].bucket->reserved;
        }
    }
    return same;
}

struct tally {
    struct limit_view *view;
    struct group **top; /* heap, the least on top */
    size_t top_count;
    int64_t now_ms;
    bool matches;
};

/* Counters of a passed window are history. */
static bool current(const struct group *g)
{
    return g->now->start_ms == g->rule->start_ms;
}

/* Order of the list: by use, then by name, so that equal ones keep their places. */
static bool before(const struct group *a, const struct group *b)
{
    int64_t ua = current(a) ? a->now->used + a->now->reserved : 0;
    int64_t ub = current(b) ? b->now->used + b->now->reserved : 0;
    return ua != ub ? ua > ub : strcmp(a->text, b->text) < 0;
}

static int compare_groups(const void *a, const void *b)
{
    struct group *const *ga = a, *const *gb = b;
    return before(*ga, *gb) ? -1 : before(*gb, *ga) ? 1 : 0;
}

static void sift_down(struct group **heap, size_t n)
{
    for (size_t i = 0;;) {
        size_t least = i, left = 2 * i + 1, right = left + 1;
        least = left < n && before(heap[least], heap[left]) ? left : least;
        least = right < n && before(heap[least], heap[right]) ? right : least;
        if (least == i) {
            return;
        }
        struct group *g = heap[i];
        heap[i] = heap[least];
        heap[least] = g;
        i = least;
    }
}

static void keep_top(struct tally *t, struct group *g)
{
    if (t->top_count == GROUP_VIEWS_MAX) {
        if (before(g, t->top[0])) {
            t->top[0] = g;
            sift_down(t->top, t->top_count);
        }
        return;
    }
    size_t i = t->top_count++;
    for (; i > 0 && before(t->top[(i - 1) / 2], g); i = (i - 1) / 2) {
        t->top[i] = t->top[(i - 1) / 2];
    }
    t->top[i] = g;
}

static void fill_group(struct limit_group_view *v, const struct group *g, int64_t now_ms)
{
    const struct bucket *b = g->now;
    *v = (struct limit_group_view){.resets_at_ms = g->rule->end_ms};
    if (g->rule->rolling && current(g) && b->used > 0) {
        v->resets_at_ms = counter_frees_at(b, 1);
    }
    override_terms(g->rule, g, now_ms, &v->amount, &v->blocked);
    if (current(g)) {
        v->used = b->used;
        v->reserved = b->reserved;
        v->charged_by_crash = b->charged_by_crash;
        v->denied = b->denied;
        int64_t left = headroom_left(b, v->amount);
        v->remaining = left > 0 ? left : 0;
    } else {
        v->used = counter_owed(g, now_ms);
        v->remaining = v->used < v->amount ? v->amount - v->used : 0;
    }
    v->over = v->used > v->amount ? v->used - v->amount : 0;
}

static void name_group(struct limit_group_view *v, const struct group *g, int64_t now_ms)
{
    (void)str_copy(v->group, sizeof(v->group), (struct str){g->text, g->text_len});
    if (override_in_force(g->override, now_ms)) {
        v->has_override = true;
        v->override = g->override->o;
    }
}

static void add_group(struct tally *t, struct group *g)
{
    struct limit_view *v = t->view;
    struct limit_group_view one;
    fill_group(&one, g, t->now_ms);
    v->used = money_add(v->used, one.used);
    v->reserved = money_add(v->reserved, one.reserved);
    v->remaining = money_add(v->remaining, one.remaining);
    v->over = money_add(v->over, one.over);
    v->charged_by_crash = money_add(v->charged_by_crash, one.charged_by_crash);
    v->denied += one.denied;
    v->groups_total++;
    t->matches = t->matches && (g->now->holds > 0 || g->now->reserved == 0);
    keep_top(t, g);
}

static enum err fill_limit(struct limits *l, struct rule *r, struct tally *t)
{
    struct limit_view *v = t->view;
    struct group *top[GROUP_VIEWS_MAX];
    t->top = top;
    t->top_count = 0;
    *v = (struct limit_view){
        .file = r->file,
        .waiting = (int64_t)r->waiting,
        .examined = r->examined,
        .phantom = r->phantom,
    };
    counter_window(l, r, t->now_ms);
    if (r->part_count == 0 && counter_group(l, r, STR("")) == NULL) {
        return ERR_NOMEM;
    }
    override_terms(r, NULL, t->now_ms, &v->amount, &v->blocked);
    v->resets_at_ms = r->end_ms;
    if (override_in_force(r->override, t->now_ms)) {
        v->has_override = true;
        v->override = r->override->o;
    }
    for (struct group *g = r->newest; g != NULL; g = g->older) {
        counter_roll(g->now, t->now_ms);
        add_group(t, g);
    }
    if (v->groups_total == 0) {
        v->remaining = v->amount;
        return ERR_OK;
    }
    qsort(top, t->top_count, sizeof(top[0]), compare_groups);
    v->groups = calloc(t->top_count, sizeof(v->groups[0]));
    if (v->groups == NULL) {
        return ERR_NOMEM;
    }
    v->group_count = t->top_count;
    for (size_t i = 0; i < t->top_count; i++) {
        fill_group(&v->groups[i], top[i], t->now_ms);
        name_group(&v->groups[i], top[i], t->now_ms);
        int64_t frees = v->groups[i].resets_at_ms;
        if (r->rolling && frees > 0 && (v->resets_at_ms == 0 || frees < v->resets_at_ms)) {
            v->resets_at_ms = frees;
        }
    }
    return ERR_OK;
}

/* Starts a view; *generation tells later whether a reload came between. */
static enum err begin(struct limits *l, struct limits_view *out, uint64_t *generation)
{
    limits_lock(l);
    int64_t now_us = clock_mono_us();
    if (l->open_count <= COMPARE_ALWAYS || now_us - l->compared_us >= COMPARE_EVERY_US) {
        l->reserved_matches = compare_holds(l);
        l->compared_us = now_us;
    }
    *out = (struct limits_view){
        .config = config_ref(l->config),
        .count = l->rule_count,
        .reserved_matches = l->reserved_matches,
        .open_holds = (int64_t)l->open_count,
    };
    *generation = l->generation;
    limits_unlock(l);
    if (out->count > 0) {
        out->limits = calloc(out->count, sizeof(out->limits[0]));
        if (out->limits == NULL) {
            out->count = 0;
            return ERR_NOMEM;
        }
    }
    return ERR_OK;
}

enum err limits_view(struct limits *l, int64_t now_ms, struct limits_view *out)
{
    uint64_t generation;
    enum err e = begin(l, out, &generation);
    for (size_t i = 0; e == ERR_OK && i < out->count; i++) {
        struct tally t = {.view = &out->limits[i], .now_ms = now_ms, .matches = true};
        limits_lock(l);
        bool same = l->generation == generation;
        if (same) {
            e = fill_limit(l, l->rules[i], &t);
        }
        limits_unlock(l);
        out->reserved_matches = out->reserved_matches && t.matches;
        if (!same) { /* a reload came between: once more */
            limits_view_free(out);
            e = begin(l, out, &generation);
            i = (size_t)-1;
        }
    }
    if (e != ERR_OK) {
        limits_view_free(out);
    }
    return e;
}

void limits_view_free(struct limits_view *v)
{
    for (size_t i = 0; i < v->count; i++) {
        free(v->limits[i].groups);
    }
    free(v->limits);
    config_unref(v->config);
    *v = (struct limits_view){0};
}
