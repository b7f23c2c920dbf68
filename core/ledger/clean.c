/* clean.c: rows past their retention, deleted in small batches between groups. Changes stay. */
#include "core/base/clock.h"
#include "core/ledger/ledger_private.h"

#define BATCH_CALLS "2000"
#define BATCH_PACKS "100"
#define DAY_MS      (24 * 3600 * 1000LL)
#define MINUTES_MS  (3 * 3600 * 1000LL) /* how long sums by the minute are kept */

static enum err delete_before(struct ledger *g, const char *sql, int64_t before_ms, bool *more,
                              struct err_info *ei)
{
    sqlite3_stmt *s = sql_prepare(g->db, sql, ei);
    if (s == NULL) {
        return ERR_IO;
    }
    sql_bind_int(s, 1, before_ms);
    enum err e = sql_run(g->db, s, "deleting old rows", ei);
    *more = *more || (e == ERR_OK && sqlite3_changes(g->db) > 0);
    (void)sqlite3_finalize(s);
    return e;
}

/* Packs all of whose calls were stored before the first call that is left. */
static enum err delete_packs(struct ledger *g, bool *more, struct err_info *ei)
{
    sqlite3_stmt *s = sql_prepare(
        g->db,
        "DELETE FROM packs WHERE seq IN (SELECT seq FROM packs WHERE seq <"
        " (SELECT max(seq) FROM packs WHERE seq <= (SELECT ifnull((SELECT min(seq) FROM calls),"
        " (SELECT seq + 1 FROM counter)))) LIMIT " BATCH_PACKS ")",
        ei);
    if (s == NULL) {
        return ERR_IO;
    }
    enum err e = sql_run(g->db, s, "deleting old packs", ei);
    *more = *more || (e == ERR_OK && sqlite3_changes(g->db) > 0);
    (void)sqlite3_finalize(s);
    return e;
}

/* Series whose calls and sums have all gone: once nothing else is left to be deleted. */
static enum err delete_series(struct ledger *g, int64_t now, bool *more, struct err_info *ei)
{
    int64_t calls = g->retention_calls_ms, rollups = g->retention_rollups_ms;
    if (calls <= 0 || rollups <= 0) {
        return ERR_OK;
    }
    int64_t longest = calls > rollups ? calls : rollups;
    return series_delete(&g->fold.series, now - longest - DAY_MS, more, ei);
}

/* A quarter of an hour at a time. */
static enum err delete_minutes(struct ledger *g, int64_t before_ms, bool *more, struct err_info *ei)
{
    sqlite3_stmt *s = sql_prepare(g->db, "SELECT min(bucket) FROM minutes", ei);
    if (s == NULL) {
        return ERR_IO;
    }
    int rc = sqlite3_step(s);
    bool none = rc == SQLITE_ROW && sqlite3_column_type(s, 0) == SQLITE_NULL;
    int64_t oldest = rc == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
    enum err e = rc == SQLITE_ROW ? ERR_OK : sql_fail(g->db, "looking for old minutes", ei);
    (void)sqlite3_finalize(s);
    if (e == ERR_OK && !none && oldest + SPAN_QUARTER_MS < before_ms) {
        before_ms = oldest + SPAN_QUARTER_MS;
        *more = true;
    }
    return e != ERR_OK ? e : fold_drop_minutes(&g->fold, before_ms, ei);
}

static enum err delete_batch(struct ledger *g, bool *more, struct err_info *ei)
{
    int64_t now = clock_wall_ms();
    enum err e = delete_minutes(g, now - MINUTES_MS, more, ei);
    if (e == ERR_OK && g->retention_calls_ms > 0) {
        e = delete_before(g,
                          "DELETE FROM calls WHERE seq IN (SELECT seq FROM calls WHERE time < ?"
                          " LIMIT " BATCH_CALLS ")",
                          now - g->retention_calls_ms, more, ei);
    }
    e = e == ERR_OK ? delete_packs(g, more, ei) : e;
    if (e != ERR_OK || g->retention_rollups_ms <= 0) {
        return e;
    }
    e = delete_before(g,
                      "DELETE FROM rollups WHERE bucket = (SELECT min(bucket) FROM rollups)"
                      " AND bucket < ?",
                      now - g->retention_rollups_ms - SPAN_QUARTER_MS, more, ei);
    bool marks = false;
    if (e == ERR_OK) {
        e = delete_before(g, "DELETE FROM marks WHERE time < ?", now - g->retention_rollups_ms,
                          &marks, ei);
    }
    return e == ERR_OK && !*more ? delete_series(g, now, more, ei) : e;
}

enum err ledger_clean(struct ledger *g, bool *more, struct err_info *ei)
{
    *more = false;
    enum err e = fold_begin(&g->fold, ei);
    if (e != ERR_OK) {
        return e;
    }
    e = delete_batch(g, more, ei);
    if (e == ERR_OK) {
        return fold_commit(&g->fold, ei);
    }
    fold_rollback(&g->fold);
    *more = false;
    return e;
}
