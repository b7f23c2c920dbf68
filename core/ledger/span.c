/* span.c: see span.h. */
#include "core/ledger/span.h"

int64_t span_down(int64_t time_ms, int64_t step_ms)
{
    return time_ms - time_ms % step_ms;
}

static int64_t up(int64_t time_ms, int64_t step_ms)
{
    return span_down(time_ms + step_ms - 1, step_ms);
}

static int64_t lesser(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static size_t add(struct span *out, size_t count, enum span_source source, int64_t from_ms,
                  int64_t to_ms)
{
    if (from_ms >= to_ms) {
        return count;
    }
    out[count] = (struct span){source, from_ms, to_ms};
    return count + 1;
}

/* A part without whole quarters that may be used. */
static size_t add_part(struct span *out, size_t count, int64_t from_ms, int64_t to_ms,
                       const struct span_bounds *bounds)
{
    int64_t known = bounds->minutes_from_ms;
    int64_t whole_from = up(from_ms > known ? from_ms : known, SPAN_MINUTE_MS);
    int64_t whole_to = span_down(lesser(to_ms, bounds->minutes_to_ms), SPAN_MINUTE_MS);
    if (whole_from >= whole_to) {
        return add(out, count, SPAN_CALLS, from_ms, to_ms);
    }
    count = add(out, count, SPAN_CALLS, from_ms, whole_from);
    count = add(out, count, SPAN_MINUTES, whole_from, whole_to);
    return add(out, count, SPAN_CALLS, whole_to, to_ms);
}

size_t span_split(struct span out[SPAN_MAX], int64_t from_ms, int64_t to_ms,
                  const struct span_bounds *bounds)
{
    int64_t whole_from = up(from_ms, SPAN_QUARTER_MS);
    int64_t whole_to = span_down(lesser(to_ms, bounds->quarters_to_ms), SPAN_QUARTER_MS);
    if (whole_from >= whole_to) {
        return add_part(out, 0, from_ms, to_ms, bounds);
    }
    size_t count = add_part(out, 0, from_ms, whole_from, bounds);
    count = add(out, count, SPAN_QUARTERS, whole_from, whole_to);
    return add_part(out, count, whole_to, to_ms, bounds);
}

enum err span_minutes_from(sqlite3 *db, int64_t *from_ms, struct err_info *ei)
{
    sqlite3_stmt *s = sql_prepare(db, "SELECT minutes_from FROM counter", ei);
    if (s == NULL) {
        return ERR_IO;
    }
    enum err e = ERR_OK;
    if (sqlite3_step(s) == SQLITE_ROW) {
        *from_ms = sqlite3_column_int64(s, 0);
    } else {
        e = sql_fail(db, "reading from when on minutes are kept", ei);
    }
    (void)sqlite3_finalize(s);
    return e;
}
