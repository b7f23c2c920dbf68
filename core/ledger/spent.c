/* spent.c: single calls with their amounts, and their names once a series: a hundred thousand in a
 * few dozen milliseconds. Rows are handed over by a function of SQL rather than one step each,
 * which halves the time. */
#include "core/ledger/ledger_private.h"

#include <stdlib.h>

#define KNOWN 256 /* a power of two */

struct reading {
    struct series_reader series;
    ledger_names_fn *names;
    ledger_spent_fn *fn;
    void *arg;
    struct {
        int64_t id; /* of a series; 0: free */
        void *kept;
    } known[KNOWN];
    struct map kept; /* series -> what names() gave */
    bool ended;      /* by the caller */
    enum err failed;
    struct err_info ei;
};

static bool ask_names(struct reading *r, int64_t id, void **kept)
{
    const struct series *s = series_load(&r->series, id, &r->ei);
    if (s == NULL) {
        r->failed = ERR_IO;
        return false;
    }
    *kept = r->names(r->arg, s->model, &s->tags, s->principal);
    struct str key = {(const char *)&id, sizeof(id)};
    if (*kept == NULL) {
        r->ended = true;
        return false;
    }
    if (!map_set(&r->kept, key, *kept, NULL)) {
        r->failed = err_set(&r->ei, ERR_NOMEM, "no memory for past calls");
        return false;
    }
    return true;
}

static bool find_names(struct reading *r, int64_t id, void **kept)
{
    size_t place = (size_t)id & (KNOWN - 1);
    if (r->known[place].id == id) {
        *kept = r->known[place].kept;
        return true;
    }
    struct str key = {(const char *)&id, sizeof(id)};
    *kept = map_get(&r->kept, key);
    if (*kept == NULL && !ask_names(r, id, kept)) {
        return false;
    }
    r->known[place].id = id;
    r->known[place].kept = *kept;
    return true;
}

/* Columns: time, series, kind, input, output, cache_read, cache_write_5m, cache_write_1h,
 * reserved_input, reserved_output, usd, duration_ms. */
static void on_row(sqlite3_context *context, int count, sqlite3_value **v)
{
    struct reading *r = sqlite3_user_data(context);
    void *kept;
    (void)count;
    if (!find_names(r, sqlite3_value_int64(v[1]), &kept)) {
        sqlite3_result_error(context, "ended", -1);
        return;
    }
    int64_t kind = sqlite3_value_int64(v[2]);
    struct ledger_spent call = {
        .admitted_ms = sqlite3_value_int64(v[0]),
        .outcome = KIND_OUTCOME(kind),
        .priced = (kind & KIND_PRICED) != 0,
        .usage = {.input = sqlite3_value_int64(v[3]),
                  .output = sqlite3_value_int64(v[4]),
                  .cache_read = sqlite3_value_int64(v[5]),
                  .cache_write_5m = sqlite3_value_int64(v[6]),
                  .cache_write_1h = sqlite3_value_int64(v[7])},
        .reserved = {.input = sqlite3_value_int64(v[8]), .output = sqlite3_value_int64(v[9])},
        .charged = sqlite3_value_int64(v[10]),
        .duration_ms = sqlite3_value_int64(v[11]),
    };
    if (!r->fn(r->arg, kept, &call)) {
        r->ended = true;
        sqlite3_result_error(context, "ended", -1);
    }
}

static void on_end(sqlite3_context *context)
{
    sqlite3_result_int(context, 0);
}

/* A call that began at or after `since` was stored after it: hence the mark, with an hour for
 * clocks that were set back. */
static const char rows[] =
    "SELECT tollgate_spent(time, series, kind, input, output, cache_read, cache_write_5m,"
    " cache_write_1h, reserved_input, reserved_output, usd, duration_ms) FROM calls"
    " WHERE seq > (SELECT ifnull(max(seq), 0) FROM marks WHERE time ="
    " (SELECT max(time) FROM marks WHERE time <= ?1 - 3600000))"
    " AND +time >= ?1 AND +time < ?2";

static enum err read_all(struct reading *r, sqlite3 *db, int64_t since_ms, int64_t until_ms,
                         struct err_info *ei)
{
    if (sqlite3_create_function(db, "tollgate_spent", 12, SQLITE_UTF8, r, NULL, on_row, on_end) !=
        SQLITE_OK) {
        return sql_fail(db, "reading past calls", ei);
    }
    sqlite3_stmt *s = sql_prepare(db, rows, ei);
    if (s == NULL) {
        return ERR_IO;
    }
    sql_bind_int(s, 1, since_ms);
    sql_bind_int(s, 2, until_ms);
    int rc = sqlite3_step(s);
    enum err e = ERR_OK;
    if (r->failed != ERR_OK) {
        e = err_set(ei, r->failed, "%s", r->ei.text);
    } else if (!r->ended && rc != SQLITE_ROW) {
        e = sql_fail(db, "reading past calls", ei);
    }
    (void)sqlite3_finalize(s);
    return e;
}

enum err ledger_read_spent(struct ledger *g, int64_t since_ms, int64_t until_ms,
                           ledger_names_fn *names, ledger_spent_fn *fn, void *arg,
                           struct err_info *ei)
{
    struct reading *r = calloc(1, sizeof(*r));
    sqlite3 *db = r != NULL ? ledger_read_begin(g, ei) : NULL;
    if (db == NULL) {
        free(r);
        return ERR_IO;
    }
    r->names = names;
    r->fn = fn;
    r->arg = arg;
    enum err e = series_reader_open(&r->series, db, ei);
    e = e == ERR_OK ? read_all(r, db, since_ms, until_ms, ei) : e;
    map_free(&r->kept, NULL);
    series_reader_close(&r->series);
    (void)sqlite3_create_function(db, "tollgate_spent", 12, SQLITE_UTF8, NULL, NULL, NULL, NULL);
    ledger_read_end(g, db);
    free(r);
    return e;
}
