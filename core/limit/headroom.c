/* headroom.c: what a counter can still admit. On one machine that is amount - used - reserved; with
 * a shared store it would be a lease taken from there, and this file the only one to know. */
#include "core/limit/limit_private.h"

static void keep(const struct bucket *b)
{
    if (b->kept != NULL) {
        debt_store(b);
    }
}

int64_t headroom_left(const struct bucket *b, int64_t amount)
{
    return amount - b->used - b->reserved;
}

int64_t headroom_take(struct bucket *b, int64_t n)
{
    int64_t room = COUNT_CAP - b->reserved;
    int64_t held = n < 0 ? 0 : n > room ? room : n;
    b->reserved += held;
    keep(b);
    return held;
}

void headroom_return(struct bucket *b, int64_t held)
{
    b->reserved -= held;
    CHECK(b->reserved >= 0);
    keep(b);
}

void headroom_spend(struct bucket *b, int64_t slot, int64_t n)
{
    int64_t room = COUNT_CAP - b->used;
    int64_t counted = n < 0 ? 0 : n > room ? room : n;
    b->used += counted;
    if (b->roll != NULL) {
        b->roll->used[roll_place(slot)] += counted;
    }
    keep(b);
}
