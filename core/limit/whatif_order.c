/* whatif_order.c: the order of all that happens to the loaded calls: asked, settled, gone out of
 * the window. Four lists, each in order by itself, are merged into one. */
#include "core/limit/whatif_private.h"
#include "core/limit/window.h"

#include <stdlib.h>

#define NEVER_MS INT64_MAX

static int by_admission(const void *a, const void *b)
{
    const struct past *pa = a, *pb = b;
    return pa->admitted_ms < pb->admitted_ms ? -1 : pa->admitted_ms > pb->admitted_ms;
}

struct ending {
    int64_t at_ms;
    uint32_t call;
};

static int by_time(const void *a, const void *b)
{
    const struct ending *ea = a, *eb = b;
    int order = ea->at_ms < eb->at_ms ? -1 : ea->at_ms > eb->at_ms;
    return order != 0 ? order : ea->call < eb->call ? -1 : ea->call > eb->call;
}

/* A calendar window is computed once for all the times it holds. */
struct running {
    int64_t start_ms, end_ms;
};

static int64_t leaves_ms(const struct whatif *w, struct running *r, int64_t ms)
{
    if (w->rule->file->window == WINDOW_NONE) {
        return NEVER_MS;
    }
    if (w->rule->rolling) {
        return roll_leaves_ms(w->rule, roll_slot(w->rule, ms));
    }
    if (ms < r->start_ms || ms >= r->end_ms) {
        window_at(w->zone, w->rule->file->window, ms, &r->start_ms, &r->end_ms);
    }
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
    struct ending *ends; /* by time */
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
    for (; m->excess < w->count && m->excess_ms == NEVER_MS; m->excess++) {
        const struct past *c = &w->calls[m->ends[m->excess].call];
        if (late(c) && c->end_ms != NEVER_MS && c->used > c->reserved) {
            m->excess_ms = leaves_ms(w, &m->running, c->end_ms);
        }
    }
}

static void step_leave(struct merge *m)
{
    const struct past *c = &m->w->calls[m->leave];
    if (!late(c)) {
        put(m->w, m->leave, STEP_LEAVE);
    } else if (!m->w->rule->rolling) {
        put(m->w, m->leave, STEP_LEAVE_OPEN);
    }
    m->leave++;
}

/* Until the last call has asked; what comes after changes nothing. At one time, room comes before
 * those who ask for it. */
static void merge(struct merge *m)
{
    struct whatif *w = m->w;
    find_excess(m);
    while (m->ask < w->count) {
        int64_t ask = w->calls[m->ask].admitted_ms;
        int64_t settle = m->settle < w->count ? m->ends[m->settle].at_ms : NEVER_MS;
        int64_t leave = m->leave < m->ask ? w->calls[m->leave].leave_ms : NEVER_MS;
        if (m->excess_ms <= ask && m->excess_ms <= settle && m->excess_ms <= leave) {
            put(w, m->ends[m->excess - 1].call, STEP_LEAVE_EXCESS);
            find_excess(m);
        } else if (leave <= ask && leave <= settle) {
            step_leave(m);
        } else if (settle <= ask) {
            uint32_t call = m->ends[m->settle++].call;
            put(w, call, late(&w->calls[call]) ? STEP_SETTLE_LATE : STEP_SETTLE);
        } else {
            put(w, m->ask++, STEP_ASK);
        }
    }
}

enum err whatif_order(struct whatif *w)
{
    struct merge m = {.w = w};
    size_t count = w->count + 1;
    if (w->unordered) {
        qsort(w->calls, w->count, sizeof(w->calls[0]), by_admission);
        w->unordered = false;
    }
    set_times(w);
    free(w->steps);
    free(w->admitted);
    free(w->standings);
    w->step_count = 0;
    w->steps = malloc(4 * count * sizeof(w->steps[0]));
    w->admitted = malloc(count * sizeof(w->admitted[0]));
    w->standings = malloc((w->groups.count + 2) * sizeof(w->standings[0]));
    m.ends = malloc(count * sizeof(m.ends[0]));
    bool memory = w->steps != NULL && w->admitted != NULL && w->standings != NULL && m.ends != NULL;
    if (memory) {
        for (size_t i = 0; i < w->count; i++) {
            m.ends[i] = (struct ending){w->calls[i].end_ms, (uint32_t)i};
        }
        qsort(m.ends, w->count, sizeof(m.ends[0]), by_time);
        merge(&m);
    }
    free(m.ends);
    w->ready = memory;
    return memory ? ERR_OK : ERR_NOMEM;
}
