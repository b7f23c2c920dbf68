/* learned.c: see learned.h. */
#include "core/limit/learned.h"

#include "core/base/map.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define STEP_BITS 3 /* steps an octave: 8 */
#define STEPS     (1 << STEP_BITS)
#define VALUE_MAX (1 << 20)
#define SLOTS     (STEPS * 18 + 1) /* the last holds VALUE_MAX */
#define FORGET_AT 1024

struct entry {
    struct entry *newer, *older; /* by last note */
    struct str key;              /* text behind */
    uint16_t slots[SLOTS];
    uint16_t total;
    uint16_t top; /* no slot above it holds anything */
    char text[];
};

struct learned {
    pthread_mutex_t lock;
    struct map entries;
    struct entry *newest, *oldest;
};

struct learned *learned_new(void)
{
    struct learned *t = calloc(1, sizeof(*t));
    if (t != NULL && pthread_mutex_init(&t->lock, NULL) != 0) {
        free(t);
        t = NULL;
    }
    return t;
}

void learned_free(struct learned *t)
{
    if (t == NULL) {
        return;
    }
    map_free(&t->entries, free);
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}

static size_t slot_of(int64_t value)
{
    if (value < STEPS) {
        return value < 0 ? 0 : (size_t)value;
    }
    uint64_t v = value > VALUE_MAX ? VALUE_MAX : (uint64_t)value;
    unsigned octave = 63U - (unsigned)__builtin_clzll(v);
    size_t slot = (octave - STEP_BITS) * STEPS + (v >> (octave - STEP_BITS));
    return slot < SLOTS ? slot : SLOTS - 1;
}

/* Largest value of a slot. */
static int64_t slot_top(size_t slot)
{
    if (slot < STEPS) {
        return (int64_t)slot;
    }
    if (slot == SLOTS - 1) {
        return VALUE_MAX;
    }
    size_t octave = slot / STEPS - 1;
    return (int64_t)((STEPS + slot % STEPS + 1) << octave) - 1;
}

static void unlink_entry(struct learned *t, struct entry *e)
{
    *(e->newer != NULL ? &e->newer->older : &t->newest) = e->older;
    *(e->older != NULL ? &e->older->newer : &t->oldest) = e->newer;
}

static void link_newest(struct learned *t, struct entry *e)
{
    e->newer = NULL;
    e->older = t->newest;
    *(t->newest != NULL ? &t->newest->newer : &t->oldest) = e;
    t->newest = e;
}

static struct entry *add(struct learned *t, struct str key)
{
    if (t->entries.count >= LEARNED_ENTRIES_MAX) {
        struct entry *old = t->oldest;
        unlink_entry(t, old);
        (void)map_remove(&t->entries, old->key);
        free(old);
    }
    struct entry *e = calloc(1, sizeof(*e) + key.n);
    if (e == NULL) {
        return NULL;
    }
    memcpy(e->text, key.p, key.n);
    e->key = (struct str){e->text, key.n};
    if (!map_set(&t->entries, key, e, NULL)) {
        free(e);
        return NULL;
    }
    link_newest(t, e);
    return e;
}

static void forget_half(struct entry *e)
{
    e->total = 0;
    e->top = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        e->slots[i] /= 2;
        e->total = (uint16_t)(e->total + e->slots[i]);
        e->top = e->slots[i] > 0 ? (uint16_t)i : e->top;
    }
}

void learned_note(struct learned *t, struct str key, int64_t value)
{
    (void)pthread_mutex_lock(&t->lock);
    struct entry *e = map_get(&t->entries, key);
    if (e == NULL) {
        e = add(t, key);
    } else if (e != t->newest) {
        unlink_entry(t, e);
        link_newest(t, e);
    }
    if (e != NULL) {
        if (e->total >= FORGET_AT) {
            forget_half(e);
        }
        size_t slot = slot_of(value);
        e->slots[slot]++;
        e->total++;
        e->top = slot > e->top ? (uint16_t)slot : e->top;
    }
    (void)pthread_mutex_unlock(&t->lock);
}

bool learned_quantile(struct learned *t, struct str key, int permille, int64_t *value,
                      int64_t *count)
{
    (void)pthread_mutex_lock(&t->lock);
    const struct entry *e = map_get(&t->entries, key);
    bool found = e != NULL && e->total > 0;
    if (found) {
        *count = e->total;
        int64_t above = (int64_t)e->total * (1000 - permille) / 1000; /* that may lie higher */
        size_t slot = e->top;
        while (slot > 0 && e->slots[slot] <= above) {
            above -= e->slots[slot];
            slot--;
        }
        *value = slot_top(slot);
    }
    (void)pthread_mutex_unlock(&t->lock);
    return found;
}
