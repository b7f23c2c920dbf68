/* whatif_order.c: the order of all that happens to the loaded calls: asked, settled, gone out of
 * the window. Four lists, each in order by itself, are merged into one. */
#include "core/limit/whatif_private.h"
#include "core/limit/window.h"

#include <stdlib.h>

#define NEVER_MS   INT64_MAX

#define DIGIT_BITS 11

struct ending {
    int64_t at_ms;
    uint32_t call;
};

/* By time, of one time in the order given: digit by digit, since a hundred thousand calls are to be
 * put in order between two key presses. `spare` is as large. Returns the one of both that has the
 * result. */
static struct ending *put_in_order(struct ending *list, struct ending *spare, size_t count)
{
    int64_t least = INT64_MAX, most = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        least = list[i].at_ms < least ? list[i].at_ms : least;
        most = list[i].at_ms > most ? list[i].at_ms : most;
    }
    uint64_t range = count > 0 ? (uint64_t)most - (uint64_t)least : 0;
    for (unsigned shift = 0; shift < 64 && range >> shift > 0; shift += DIGIT_BITS) {
        size_t starts[1 << DIGIT_BITS] = {0}, at = 0;
        const uint64_t mask = (1 << DIGIT_BITS) - 1;
        for (size_t i = 0; i < count; i++) {
            starts[((uint64_t)list[i].at_ms - (uint64_t)least) >> shift & mask]++;
        }
        for (size_t d = 0; d <= mask; d++) {
            size_t n = starts[d];
            starts[d] = at;
            at += n;
        }
        for (size_t i = 0; i < count; i++) {
            uint64_t digit = ((uint64_t)list[i].at_ms - (uint64_t)least) >> shift & mask;
            spare[starts[digit]++] = list[i];
        }
        struct ending *sorted = spare;
        spare = list;
        list = sorted;
    }
    return list;
}

/* The calls themselves, by admission. False: no memory. */
static bool order_calls(struct whatif *w, struct ending *list, struct ending *spare)
{
    struct past *calls = malloc((w->count + 1) * sizeof(*calls));
    if (calls == NULL) {
        return false;
    }
    for (size_t i = 0; i < w->count; i++) {
        list[i] = (struct ending){w->calls[i].admitted_ms, (uint32_t)i};
    }
    const struct ending *sorted = put_in_order(list, spare, w->count);
    for (size_t i = 0; i < w->count; i++) {
        calls[i] = w->calls[sorted[i].call];
    }
    free(w->calls);
    w->calls = calls;
    w->cap = w->count + 1;
    w->unordered = false;
    return true;
}

void whatif_window(const struct whatif *w, struct running *r, int64_t ms)
{
    if (ms < r->start_ms || ms >= r->end_ms) {
        window_at(w->zone, w->rule->file->window, ms, &r->start_ms, &r->end_ms);
    }
}

static int64_t leaves_ms(const struct whatif *w, struct running *r, int64_t ms)
{
    if (w->rule->file->window == WINDOW_NONE) {
        return NEVER_MS;
    }
    if (w->rule->rolling) {
        return roll_leaves_ms(w->rule, roll_slot(w->rule, ms));
    }
    whatif_window(w, r, ms);
    return r->end_ms;
}

static void set_times(struct whatif *w)
{
    struct running running = {0, 0};
    int64_t guess_ms = w->ended > 0 ? w->ended_ms / w->ended : 0;
    for (size_t i = 0; i < w->count; i++) {
        struct past *c = &w->calls[i];
        if (c->lasts) {
            c->end_ms = money_add(c->admitted_ms, guess_ms > 0 ? guess_ms : 1);
        }
        c->leave_ms = leaves_ms(w, &running, c->admitted_ms);
    }
}

struct merge {
    struct whatif *w;
    const struct ending *ends; /* by time */
    size_t ask, settle, leave, excess;
    struct running running; /* that of `excess` */
    int64_t excess_ms;      /* when the excess of ends[excess] leaves */
};

static void put(struct whatif *w, size_t call, enum step kind)
{
    w->steps[w->step_count++] = (uint32_t)call << STEP_BITS | kind;
}

static bool late(const struct past *c)
{
    return c->leave_ms <= c->end_ms;
}

/* Goes on to the next ending whose excess leaves some time. */
static void find_excess(struct merge *m)
{
    struct whatif *w = m->w;
    m->excess_ms = NEVER_MS;
    for (; w->rule->rolling && m->excess < w->count && m->excess_ms == NEVER_MS; m->excess++) {
        const struct past *c = &w->calls[m->ends[m->excess].call];
        if (late(c) && c->end_ms != NEVER_MS && c->used > c->reserved) {
            m->excess_ms = leaves_ms(w, &m->running, c->end_ms);
        }
    }
}

/* Until the last call has asked; what comes after changes nothing. At one time, room comes before
 * those who ask for it. Calendar windows turn by themselves: nothing leaves them. */
static void merge(struct merge *m)
{
    struct whatif *w = m->w;
    find_excess(m);
    while (m->ask < w->count) {
        int64_t ask = w->calls[m->ask].admitted_ms;
        int64_t settle = m->settle < w->count ? m->ends[m->settle].at_ms : NEVER_MS;
        bool leaves = w->rule->rolling && m->leave < m->ask;
        int64_t leave = leaves ? w->calls[m->leave].leave_ms : NEVER_MS;
        if (m->excess_ms <= ask && m->excess_ms <= settle && m->excess_ms <= leave) {
            put(w, m->ends[m->excess - 1].call, STEP_LEAVE_EXCESS);
            find_excess(m);
        } else if (leave <= ask && leave <= settle) {
            if (!late(&w->calls[m->leave])) {
                put(w, m->leave, STEP_LEAVE);
            }
            m->leave++;
        } else if (settle <= ask) {
            uint32_t call = m->ends[m->settle++].call;
            put(w, call, late(&w->calls[call]) ? STEP_SETTLE_LATE : STEP_SETTLE);
        } else {
            put(w, m->ask++, STEP_ASK);
        }
    }
}

static bool make_lists(struct whatif *w, size_t count)
{
    free(w->steps);
    free(w->admitted);
    free(w->standings);
    w->step_count = 0;
    w->steps = malloc(4 * count * sizeof(w->steps[0]));
    w->admitted = malloc(count * sizeof(w->admitted[0]));
    w->standings = malloc((w->groups.count + 2) * sizeof(w->standings[0]));
    return w->steps != NULL && w->admitted != NULL && w->standings != NULL;
}

enum err whatif_order(struct whatif *w)
{
    size_t count = w->count + 1;
    struct ending *ends = malloc(2 * count * sizeof(ends[0]));
    bool memory = make_lists(w, count) && ends != NULL;
    memory = memory && (!w->unordered || order_calls(w, ends, ends + count));
    if (memory) {
        set_times(w);
        for (size_t i = 0; i < w->count; i++) {
            ends[i] = (struct ending){w->calls[i].end_ms, (uint32_t)i};
        }
        struct merge m = {.w = w, .ends = put_in_order(ends, ends + count, w->count)};
        merge(&m);
    }
    free(ends);
    w->ready = memory;
    return memory ? ERR_OK : ERR_NOMEM;
}
