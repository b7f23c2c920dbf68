/* window.h: calendar windows in a timezone. Private to room `limit`. */
#ifndef TOLLGATE_LIMIT_WINDOW_H
#define TOLLGATE_LIMIT_WINDOW_H

#include "core/config/config.h"
#include "core/limit/zone.h"

/* The window [*start_ms, *end_ms) that holds now_ms. 10s and 1m count from the epoch; 1h is the
 * local clock's hour; day, week (from Monday) and month begin at local midnight, so that a day of a
 * clock change has 23 or 25 hours. WINDOW_NONE: 0 and 0. */
void window_at(const struct zone *z, enum config_window w, int64_t now_ms, int64_t *start_ms,
               int64_t *end_ms);

/* How long a rolling window of that kind lasts (a day: 24 hours); 0 where none can roll. */
int64_t window_length_ms(enum config_window w);

#endif
