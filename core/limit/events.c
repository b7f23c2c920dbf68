/* events.c: warning thresholds, told once a window and group when `used` reaches them; where the
 * window rolls, again at the earliest a window later. Of concurrency, which has no window, what is
 * held counts, and a threshold is told again at the earliest a minute later. */
#include "core/limit/limit_private.h"

#include <string.h>

__extension__ typedef __int128 int128;

/* One more group of a limit whose others are still to be told; false: none is. */
static bool add_more(struct limits *l, const char *limit, int percent)
{
    for (size_t i = l->event_count; i > 0; i--) {
        struct limit_event *e = &l->events[(l->event_first + i - 1) % EVENTS_MAX];
        if (e->percent == percent && strcmp(e->limit, limit) == 0) {
            e->more++;
            return true;
        }
    }
    return false;
}

static void tell(struct limits *l, const struct group *g, int percent, int64_t now_ms)
{
    if (g->rule->part_count > 0 && l->event_count >= EVENTS_GROUPED &&
        add_more(l, g->rule->file->name, percent)) {
        return;
    }
    if (l->event_count == EVENTS_MAX) { /* the oldest makes room */
        l->event_first = (l->event_first + 1) % EVENTS_MAX;
        l->event_count--;
    }
    struct limit_event *e = &l->events[(l->event_first + l->event_count++) % EVENTS_MAX];
    *e = (struct limit_event){.percent = percent, .at_ms = now_ms};
    (void)str_copy(e->limit, sizeof(e->limit), str_of(g->rule->file->name));
    (void)str_copy(e->group, sizeof(e->group), (struct str){g->text, g->text_len});
}

#define AGAIN_MS 60000

static bool has_window(const struct group *g)
{
    return g->rule->file->metric != METRIC_CONCURRENCY;
}

static int64_t counted(const struct bucket *b)
{
    return has_window(b->group) ? b->used : b->reserved;
}

void events_check(struct limits *l, struct bucket *b, int64_t now_ms, bool quiet)
{
    const struct group *g = b->group;
    const struct config_limit *f = g->rule->file;
    if (counted(b) == 0 || b->warned >= f->warn_count || b != g->now) {
        return;
    }
    int64_t amount;
    bool blocked;
    override_terms(g->rule, g, now_ms, &amount, &blocked);
    while (b->warned < f->warn_count &&
           (int128)counted(b) * 100 >= (int128)amount * f->warn[b->warned]) {
        if (!quiet) {
            tell(l, g, f->warn[b->warned], now_ms);
        }
        b->warned++;
        b->told_ms = now_ms;
        if (b->roll != NULL) {
            b->roll->told = b->roll->slot;
        }
    }
}

void events_rearm(struct bucket *b, int64_t now_ms)
{
    const struct group *g = b->group;
    const struct config_limit *f = g->rule->file;
    if (b->warned == 0 || (has_window(g) ? b->roll->slot - b->roll->told < ROLL_SLOTS
                                         : now_ms - b->told_ms < AGAIN_MS)) {
        return;
    }
    int64_t amount;
    bool blocked;
    override_terms(g->rule, g, now_ms, &amount, &blocked);
    while (b->warned > 0 && (b->warned > f->warn_count ||
                             (int128)counted(b) * 100 < (int128)amount * f->warn[b->warned - 1])) {
        b->warned--;
    }
}

size_t limits_events(struct limits *l, struct limit_event *out, size_t n)
{
    limits_lock(l);
    size_t count = l->event_count < n ? l->event_count : n;
    for (size_t i = 0; i < count; i++) {
        out[i] = l->events[(l->event_first + i) % EVENTS_MAX];
    }
    l->event_first = (l->event_first + count) % EVENTS_MAX;
    l->event_count -= count;
    limits_unlock(l);
    return count;
}
