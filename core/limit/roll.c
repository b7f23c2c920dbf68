/* roll.c: the slots of a rolling window. A slot is a sixtieth of the window; what was used in it
 * leaves when its last moment lies a whole window back, so that no stretch of that length ever
 * holds more than the amount: sixty slots, and the one that fills. */
#include "core/limit/limit_private.h"
#include "core/limit/window.h"

#include <stdlib.h>

int64_t roll_slot(const struct rule *r, int64_t ms)
{
    int64_t length_ms = window_length_ms(r->file->window);
    int64_t whole = ms / length_ms, part = ms % length_ms;
    if (part < 0) {
        whole--;
        part += length_ms;
    }
    return whole * ROLL_SLOTS + part * ROLL_SLOTS / length_ms + r->ahead;
}

int64_t roll_leaves_ms(const struct rule *r, int64_t slot)
{
    int64_t length_ms = window_length_ms(r->file->window);
    int64_t gone = slot - r->ahead + ROLL_KEPT;
    return (gone * length_ms + ROLL_SLOTS - 1) / ROLL_SLOTS;
}

bool roll_new(struct bucket *b)
{
    b->roll = calloc(1, sizeof(*b->roll));
    if (b->roll != NULL) {
        b->roll->slot = b->group->rule->slot;
    }
    return b->roll != NULL;
}

static void leave(struct bucket *b, int64_t slot)
{
    size_t i = roll_place(slot);
    b->used -= b->roll->used[i];
    b->denied -= b->roll->denied[i];
    b->roll->used[i] = 0;
    b->roll->denied[i] = 0;
    if (b->charged_by_crash > b->used) {
        b->charged_by_crash = b->used;
    }
}

void roll_on(struct bucket *b)
{
    struct roll *w = b->roll;
    int64_t slot = b->group->rule->slot;
    int64_t steps = slot - w->slot < ROLL_KEPT ? slot - w->slot : ROLL_KEPT;
    for (int64_t i = 1; i <= steps; i++) {
        leave(b, w->slot + i); /* its place holds what lies a whole round back */
    }
    w->slot = slot;
    if (w->crashed < slot - ROLL_SLOTS) {
        b->charged_by_crash = 0;
    }
}

bool roll_inside(const struct bucket *b, int64_t slot)
{
    return slot >= b->roll->slot - ROLL_SLOTS && slot <= b->roll->slot;
}

/* Slots inside, oldest first. */
static size_t index_of(const struct roll *w, int64_t i)
{
    return roll_place(w->slot - ROLL_SLOTS + i);
}

int64_t roll_frees_at(const struct bucket *b, int64_t needed)
{
    const struct roll *w = b->roll;
    int64_t first = -1, sum = 0;
    for (int64_t i = 0; i < ROLL_KEPT; i++) {
        int64_t used = w->used[index_of(w, i)];
        sum += used;
        first = first < 0 && used > 0 ? i : first;
        if (used > 0 && sum >= needed) {
            return roll_leaves_ms(b->group->rule, w->slot - ROLL_SLOTS + i);
        }
    }
    /* The rest is held by open calls, and nobody knows when they end. */
    int64_t oldest = first < 0 ? w->slot - ROLL_SLOTS : w->slot - ROLL_SLOTS + first;
    return roll_leaves_ms(b->group->rule, oldest);
}
