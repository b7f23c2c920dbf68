/* span.h: which table answers for which part of a stretch of time: quarters of an hour, minutes or
 * single calls, the coarsest that is exact there. Private to the room. */
#ifndef TOLLGATE_LEDGER_SPAN_H
#define TOLLGATE_LEDGER_SPAN_H

#include "core/ledger/sql.h"

#define SPAN_MINUTE_MS  (60 * 1000LL)
#define SPAN_QUARTER_MS (15 * SPAN_MINUTE_MS)
#define SPAN_FAR_MS     (INT64_MAX - SPAN_QUARTER_MS) /* an end that can still be rounded */
#define SPAN_MAX        7

enum span_source { SPAN_CALLS, SPAN_MINUTES, SPAN_QUARTERS };

struct span {
    enum span_source source;
    int64_t from_ms, to_ms; /* never empty */
};

/* What a reader may use: whole quarters before quarters_to_ms, whole minutes from minutes_from_ms
 * on and before minutes_to_ms, single calls for the rest. */
struct span_bounds {
    int64_t quarters_to_ms, minutes_from_ms, minutes_to_ms;
};

/* Splits [from_ms, to_ms), both at most SPAN_FAR_MS, in the order of time; returns how many. */
size_t span_split(struct span out[SPAN_MAX], int64_t from_ms, int64_t to_ms,
                  const struct span_bounds *bounds);
/* From when on the table of minutes knows every call. */
enum err span_minutes_from(sqlite3 *db, int64_t *from_ms, struct err_info *ei) MUST_CHECK;
int64_t span_down(int64_t time_ms, int64_t step_ms);

#endif
