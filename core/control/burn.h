/* burn.h: how fast limits are used up: rates, the time until they are empty, and burn-rate alerts.
 * Control thread only. What it knows begins with the core's start. */
#ifndef TOLLGATE_CONTROL_BURN_H
#define TOLLGATE_CONTROL_BURN_H

#include <jansson.h>

#include "core/limit/limit.h"

struct burn;

struct burn *burn_new(void); /* NULL without memory */
void burn_free(struct burn *b);

/* An alert that begins: the limit burns `times` as fast as would make the window's amount last for
 * the whole window, over hours and over the last twelfth of them. */
struct burn_alert {
    bool fast;
    const char *limit, *group; /* valid during the call */
    double times;
    int64_t empty_in_ms;
};
/* Takes in what the view shows; mono_ms never goes back, wall_ms is the view's time. Calls fn for
 * each alert that begins. Every few seconds. */
void burn_sample(struct burn *b, const struct limits_view *v, int64_t mono_ms, int64_t wall_ms,
                 void (*fn)(void *arg, const struct burn_alert *a), void *arg);

/* Adds `rates`, `empty_in_s` and `burn` to each limit and group of the list that was made of v;
 * b NULL: as nulls. */
void burn_put(const struct burn *b, json_t *limits, const struct limits_view *v, int64_t wall_ms);

#endif
