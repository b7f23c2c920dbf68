/* restore.c: past calls for the limits at start, bounded however many there were: sums by the
 * quarter of an hour and the minute; and for limits that look closer, single calls for the last
 * seconds and sums by the second before. */
#include "core/base/clock.h"
#include "core/ledger/ledger_private.h"

#include <stdlib.h>

/* A rolling window has sixty slots, the longest it can reach back is sixty-one. */
#define SINGLE_MS  (11 * 1000LL)       /* for windows of ten seconds */
#define SECOND_MS  1000LL              /* a slot of a minute */
#define MINUTES_MS (2 * 3600 * 1000LL) /* for windows of an hour */

struct restore {
    sqlite3 *db;
    struct series_reader series;
    ledger_past_fn *fn;
    void *arg;
    bool ended; /* by fn */
    int64_t since_ms, fine_ms, single_from_ms;
    struct map seconds; /* struct past_key -> struct past */
    struct past *last;  /* of them: mostly the next call's too */
};

/* Calls of one second that only differ in what they used. */
struct past_key {
    int64_t second, series, kind;
};
struct past {
    int64_t seq, time_ms, series, kind, requests;
    struct usage usage;
    money_t usd;
};

/* Denied and rejected calls took nothing; released ones (counted 0) gave everything back. */
#define SERVED " (kind & 7) IN (1, 2) AND counted > 0"

/* In the order they are stored: through the index of their times each would be looked for. */
static const char of_calls[] =
    "SELECT time, series, kind, counted, input, output, cache_read, cache_write_5m,"
    " cache_write_1h, usd, seq FROM calls NOT INDEXED WHERE seq >= (SELECT min(seq) FROM calls"
    " INDEXED BY calls_time WHERE time >= ?1 AND time < ?2) AND time >= ?1 AND time < ?2"
    " AND" SERVED;
static const char of_late_calls[] =
    "SELECT time, series, kind, counted, input, output, cache_read, cache_write_5m,"
    " cache_write_1h, usd, seq FROM calls WHERE seq > ? AND +time <= ? AND" SERVED;
#define SUMS_OF(table)                                                                             \
    "SELECT bucket, series, kind, counted, input, output, cache_read, cache_write_5m,"             \
    " cache_write_1h, usd, 0 FROM " table " WHERE bucket >= ? AND bucket < ? AND" SERVED
static const char of_minutes[] = SUMS_OF("minutes");
static const char of_rollups[] = SUMS_OF("rollups");

_Static_assert(OUTCOME_APPROVED == 1 && OUTCOME_FAILED == 2, "as the SQL above says");

static enum err tell(struct restore *r, const struct past *p, struct err_info *ei)
{
    const struct series *series = series_load(&r->series, p->series, ei);
    if (series == NULL) {
        return ERR_IO;
    }
    struct ledger_past told = {.seq = p->seq,
                               .model_name = series->model,
                               .principal = series->principal,
                               .tags = &series->tags,
                               .admitted_ms = p->time_ms,
                               .usage = p->usage,
                               .usd = p->usd,
                               .priced = (p->kind & KIND_PRICED) != 0,
                               .crash = (p->kind & KIND_CRASH) != 0,
                               .requests = p->requests};
    r->ended = !r->fn(r->arg, &told);
    return ERR_OK;
}

static enum err keep_for_second(struct restore *r, const struct past *p, struct err_info *ei)
{
    struct past_key key = {p->time_ms / SECOND_MS, p->series, p->kind};
    struct str name = {(const char *)&key, sizeof(key)};
    struct past *sum = r->last;
    if (sum == NULL || sum->time_ms / SECOND_MS != key.second || sum->series != key.series ||
        sum->kind != key.kind) {
        sum = r->last = map_get(&r->seconds, name);
    }
    if (sum == NULL) {
        sum = malloc(sizeof(*sum));
        if (sum == NULL || !map_set(&r->seconds, name, sum, NULL)) {
            free(sum);
            return err_set(ei, ERR_NOMEM, "no memory for past calls");
        }
        *sum = *p;
        sum->seq = 0;
        sum->time_ms = span_down(p->time_ms, SECOND_MS);
        sum->time_ms = sum->time_ms > r->since_ms ? sum->time_ms : r->since_ms;
        r->last = sum;
        return ERR_OK;
    }
    sum->requests += p->requests;
    sum->usage.input = money_add(sum->usage.input, p->usage.input);
    sum->usage.output = money_add(sum->usage.output, p->usage.output);
    sum->usage.cache_read = money_add(sum->usage.cache_read, p->usage.cache_read);
    sum->usage.cache_write_5m = money_add(sum->usage.cache_write_5m, p->usage.cache_write_5m);
    sum->usage.cache_write_1h = money_add(sum->usage.cache_write_1h, p->usage.cache_write_1h);
    sum->usd = money_add(sum->usd, p->usd);
    return ERR_OK;
}

static enum err tell_seconds(struct restore *r, struct err_info *ei)
{
    enum err e = ERR_OK;
    size_t at = 0;
    struct str name;
    void *value;
    while (e == ERR_OK && !r->ended && map_next(&r->seconds, &at, &name, &value)) {
        e = tell(r, value, ei);
    }
    map_free(&r->seconds, free);
    r->last = NULL;
    return e;
}

static enum err restore_row(struct restore *r, sqlite3_stmt *s, bool single, struct err_info *ei)
{
    struct past p = {
        .time_ms = sqlite3_column_int64(s, 0),
        .series = sqlite3_column_int64(s, 1),
        .kind = sqlite3_column_int64(s, 2),
        .requests = sqlite3_column_int64(s, 3),
        .usage = {.input = sqlite3_column_int64(s, 4),
                  .output = sqlite3_column_int64(s, 5),
                  .cache_read = sqlite3_column_int64(s, 6),
                  .cache_write_5m = sqlite3_column_int64(s, 7),
                  .cache_write_1h = sqlite3_column_int64(s, 8)},
        .usd = sqlite3_column_int64(s, 9),
        .seq = sqlite3_column_int64(s, 10),
    };
    return single && p.time_ms < r->single_from_ms ? keep_for_second(r, &p, ei) : tell(r, &p, ei);
}

/* The rows of a statement with two bounds. */
static enum err restore_rows(struct restore *r, const char *sql, int64_t from, int64_t to,
                             bool single, struct err_info *ei)
{
    sqlite3_stmt *s = sql_prepare(r->db, sql, ei);
    if (s == NULL) {
        return ERR_IO;
    }
    sql_bind_int(s, 1, from);
    sql_bind_int(s, 2, to);
    enum err e = ERR_OK;
    int rc = SQLITE_DONE;
    while (e == ERR_OK && !r->ended && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        e = restore_row(r, s, single, ei);
    }
    if (e == ERR_OK && !r->ended && rc != SQLITE_DONE) {
        e = sql_fail(r->db, "reading past calls", ei);
    }
    (void)sqlite3_finalize(s);
    return e;
}

static enum err restore_span(struct restore *r, const struct span *span, struct err_info *ei)
{
    static const char *const sql[] = {
        [SPAN_CALLS] = of_calls, [SPAN_MINUTES] = of_minutes, [SPAN_QUARTERS] = of_rollups};
    bool single = span->source == SPAN_CALLS;
    enum err e = restore_rows(r, sql[span->source], span->from_ms, span->to_ms, single, ei);
    return e == ERR_OK && single ? tell_seconds(r, ei) : e;
}

static int64_t not_negative(int64_t n)
{
    return n > 0 ? n : 0;
}

static enum err restore_all(struct restore *r, struct err_info *ei)
{
    int64_t now = clock_wall_ms();
    struct span_bounds bounds = {
        .quarters_to_ms = not_negative(now - MINUTES_MS),
        .minutes_to_ms = not_negative(r->fine_ms),
    };
    r->single_from_ms = now - SINGLE_MS;
    enum err e = span_minutes_from(r->db, &bounds.minutes_from_ms, ei);
    if (e != ERR_OK || r->since_ms >= SPAN_FAR_MS) {
        return e;
    }
    struct span spans[SPAN_MAX];
    size_t count = span_split(spans, r->since_ms, SPAN_FAR_MS, &bounds);
    for (size_t i = 0; e == ERR_OK && !r->ended && i < count; i++) {
        e = restore_span(r, &spans[i], ei);
    }
    return e;
}

static enum err newest_entry(struct restore *r, int64_t *seq, struct err_info *ei)
{
    sqlite3_stmt *s = sql_prepare(r->db, "SELECT seq FROM counter", ei);
    if (s == NULL) {
        return ERR_IO;
    }
    enum err e = ERR_OK;
    if (sqlite3_step(s) == SQLITE_ROW) {
        *seq = sqlite3_column_int64(s, 0);
    } else {
        e = sql_fail(r->db, "reading the number of the last entry", ei);
    }
    (void)sqlite3_finalize(s);
    return e;
}

/* In one transaction; after: only single calls after the entry *seq. */
static enum err restore(struct restore *r, struct ledger *g, bool after, int64_t until_ms,
                        int64_t *seq, struct err_info *ei)
{
    int64_t newest = 0;
    r->db = ledger_read_begin(g, ei);
    if (r->db == NULL) {
        return ERR_IO;
    }
    enum err e = series_reader_open(&r->series, r->db, ei);
    e = e == ERR_OK ? newest_entry(r, &newest, ei) : e;
    if (e == ERR_OK) {
        e = after ? restore_rows(r, of_late_calls, *seq, until_ms, true, ei) : restore_all(r, ei);
    }
    map_free(&r->seconds, free);
    series_reader_close(&r->series);
    ledger_read_end(g, r->db);
    if (e == ERR_OK && seq != NULL) {
        *seq = newest;
    }
    return e;
}

enum err ledger_restore(struct ledger *g, int64_t since_ms, int64_t fine_ms, int64_t *seq,
                        ledger_past_fn *fn, void *arg, struct err_info *ei)
{
    struct restore r = {
        .fn = fn, .arg = arg, .since_ms = not_negative(since_ms), .fine_ms = fine_ms};
    return restore(&r, g, false, 0, seq, ei);
}

enum err ledger_restore_late(struct ledger *g, int64_t *seq, int64_t until_ms, ledger_past_fn *fn,
                             void *arg, struct err_info *ei)
{
    struct restore r = {.fn = fn, .arg = arg, .single_from_ms = INT64_MIN};
    return restore(&r, g, true, until_ms, seq, ei);
}
