/* limit.c: the engine's life: made from a configuration, taken over by the next one, freed. */
#include "core/limit/limit_private.h"

#include "core/base/clock.h"

#include <stdlib.h>
#include <string.h>

void limits_lock(const struct limits *l)
{
    int e = pthread_mutex_lock(l->lock);
    CHECK(e == 0);
}

void limits_unlock(const struct limits *l)
{
    int e = pthread_mutex_unlock(l->lock);
    CHECK(e == 0);
}

/* What a new configuration brings, made ready before anything of the old is touched. */
struct plan {
    struct zone *zone;
    struct rule **rules;
    struct match *matches;
    size_t count;
};

static void plan_free(struct plan *p)
{
    for (size_t i = 0; p->rules != NULL && i < p->count; i++) {
        free(p->rules[i]);
    }
    free(p->rules);
    free(p->matches);
    zone_free(p->zone);
}

static enum err plan_new(struct plan *p, const struct config *c, struct err_info *ei)
{
    struct err_info why = {0};
    *p = (struct plan){.zone = zone_new(c->timezone, &why)};
    size_t room = c->limit_count + 1;
    p->rules = calloc(room, sizeof(struct rule *));
    p->matches = calloc(room, sizeof(struct match));
    if (p->rules == NULL || p->matches == NULL) {
        err_set(&why, ERR_NOMEM, "limits: out of memory");
    }
    while (why.code == ERR_OK && p->count < c->limit_count) {
        p->rules[p->count] = rule_new(&c->limits[p->count], &why);
        p->count += p->rules[p->count] != NULL;
    }
    if (why.code != ERR_OK) {
        plan_free(p);
        return err_set(ei, why.code, "%s", why.text);
    }
    return ERR_OK;
}

static pthread_mutex_t *lock_new(void)
{
    pthread_mutexattr_t attr;
    pthread_mutex_t *lock = malloc(sizeof(*lock));
    if (lock == NULL || pthread_mutexattr_init(&attr) != 0) {
        free(lock);
        return NULL;
    }
    /* Held for about a microsecond: waiting a moment costs less than going to sleep. */
    bool ok = pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP) == 0 &&
              pthread_mutex_init(lock, &attr) == 0;
    (void)pthread_mutexattr_destroy(&attr);
    if (!ok) {
        free(lock);
        return NULL;
    }
    return lock;
}

/* Puts the plan in force; what it replaces is left in the plan. */
static void put_in_force(struct limits *l, struct plan *p, struct config *c,
                         struct catalog *catalog)
{
    struct plan old = {l->zone, l->rules, l->matches, l->rule_count};
    l->zone = p->zone;
    l->rules = p->rules;
    l->matches = p->matches;
    l->rule_count = p->count;
    *p = old;
    l->config = c;
    l->catalog = catalog;
    l->generation++;
    atomic_store_explicit(&l->estimate_bytes, c->estimate_bytes, memory_order_relaxed);
    atomic_store_explicit(&l->output_maximum, c->output_unset_maximum, memory_order_relaxed);
    map_free(&l->model_rules, free);
    l->model_rules = (struct map){0};
}

struct limits *limits_new(struct config *c, struct catalog *catalog, struct err_info *ei)
{
    struct plan p;
    if (plan_new(&p, c, ei) != ERR_OK) {
        return NULL;
    }
    struct limits *l = calloc(1, sizeof(*l));
    if (l != NULL) {
        l->lock = lock_new();
        l->learned = learned_new();
        l->reserved_matches = true;
        l->asking = UINT64_MAX;
        l->waiter_number = 1;
    }
    if (l == NULL || l->lock == NULL || l->learned == NULL) {
        err_set(ei, ERR_NOMEM, "limits: out of memory");
        plan_free(&p);
        limits_free(l);
        return NULL;
    }
    put_in_force(l, &p, c, catalog);
    plan_free(&p);
    return l;
}

static void free_holds(struct limits *l)
{
    while (l->open != NULL) {
        struct limit_hold *h = l->open;
        for (size_t i = 0; i < h->count; i++) {
            headroom_return(h->at[i].bucket, h->at[i].held);
            counter_drop(l, h->at[i].bucket);
        }
        hold_free(l, h);
    }
    while (l->spare != NULL) {
        struct limit_hold *next = l->spare->next;
        free(l->spare);
        l->spare = next;
    }
}

void limits_free(struct limits *l)
{
    if (l == NULL) {
        return;
    }
    debt_detach(l);
    free_holds(l);
    for (size_t i = 0; i < l->rule_count; i++) {
        counter_free_rule(l, l->rules[i]);
    }
    while (l->spare_buckets != NULL) {
        struct bucket *next = l->spare_buckets->next_free;
        free(l->spare_buckets);
        l->spare_buckets = next;
    }
    map_free(&l->model_rules, free);
    free(l->rules);
    free(l->matches);
    zone_free(l->zone);
    learned_free(l->learned);
    if (l->lock != NULL) {
        (void)pthread_mutex_destroy(l->lock);
    }
    free(l->lock);
    free(l);
}

/* After a change of timezone a window may begin elsewhere. */
static void restamp(const struct limits *l, struct rule *r)
{
    int64_t now_ms = clock_wall_ms();
    if (r->file->window != WINDOW_NONE && now_ms < r->end_ms) {
        counter_restamp(l, r, now_ms);
    }
}

/* Nothing of the past is counted yet. */
static void is_behind(struct rule *r)
{
    r->behind_ms = clock_wall_ms();
    r->behind_seq = INT64_MAX;
}

/* Another window: counters begin anew, groups with their overrides stay. */
static void begin_anew(struct limits *l, struct rule *r)
{
    r->start_ms = r->end_ms = 0;
    r->slot = r->ahead = 0;
    is_behind(r);
    for (struct group *g = r->newest; g != NULL; g = g->older) {
        g->now->start_ms = INT64_MIN;
        g->now->excess = 0;
        debt_drop(l, &g->now->kept);
    }
}

/* An override of the whole limit outlives a change of `per`. */
static void keep_override(struct rule *from, struct rule *to)
{
    struct override *o = from->override;
    if (o != NULL && from->file->metric == to->file->metric) {
        from->override = NULL;
        o->rule = to;
        to->override = o;
    }
}

/* An old rule and its fresh twin of the same name. True: the old one goes on in its place. */
static bool carry_rule(struct limits *l, struct rule *was, struct rule *fresh, bool new_zone)
{
    bool new_window = was->file->window != fresh->file->window || was->rolling != fresh->rolling;
    if (!rule_same_groups(was->file, fresh->file)) {
        keep_override(was, fresh);
        return false;
    }
    rule_adopt(was, fresh);
    if (new_window) {
        begin_anew(l, was);
    } else if (new_zone) {
        restamp(l, was);
    }
    return true;
}

/* Old rules that go on take the places of their fresh twins; the others end. */
static void carry_over(struct limits *l, struct plan *old, bool new_zone)
{
    for (size_t i = 0; i < old->count; i++) {
        struct rule *was = old->rules[i];
        size_t j = 0;
        while (j < l->rule_count && strcmp(l->rules[j]->file->name, was->file->name) != 0) {
            j++;
        }
        if (j < l->rule_count && carry_rule(l, was, l->rules[j], new_zone)) {
            free(l->rules[j]);
            l->rules[j] = was;
        } else {
            counter_free_rule(l, was);
        }
        old->rules[i] = NULL;
    }
}

enum err limits_reload(struct limits *l, struct config *c, struct catalog *catalog,
                       struct err_info *ei)
{
    struct plan p;
    enum err e = plan_new(&p, c, ei);
    if (e != ERR_OK) {
        return e;
    }
    limits_lock(l);
    bool new_zone = strcmp(l->config->timezone, c->timezone) != 0;
    put_in_force(l, &p, c, catalog);
    for (size_t i = 0; i < l->rule_count; i++) {
        is_behind(l->rules[i]);
    }
    carry_over(l, &p, new_zone);
    wait_adopt(l, clock_wall_ms());
    wait_tell(l);
    plan_free(&p);
    return ERR_OK;
}
