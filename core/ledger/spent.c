/* spent.c: single calls with their amounts, and their names once a series: from the packs, and from
 * the calls themselves what an earlier tollgate stored. */
#include "core/ledger/ledger_private.h"

#include <stdlib.h>

#define KNOWN 256 /* a power of two */

struct reading {
    struct series_reader series;
    ledger_names_fn *names;
    ledger_spent_fn *fn;
    void *arg;
    int64_t since_ms, until_ms;
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

/* False: it is over. */
static bool take(struct reading *r, int64_t series, int64_t kind, struct ledger_spent *call)
{
    void *kept;
    if (call->admitted_ms < r->since_ms || call->admitted_ms >= r->until_ms) {
        return true;
    }
    if (!find_names(r, series, &kept)) {
        return false;
    }
    call->outcome = KIND_OUTCOME(kind);
    call->priced = (kind & KIND_PRICED) != 0;
    r->ended = !r->fn(r->arg, kept, call);
    return !r->ended;
}

static bool take_row(struct reading *r, sqlite3_stmt *s)
{
    struct ledger_spent call = {
        .admitted_ms = sqlite3_column_int64(s, 0),
        .usage = {.input = sqlite3_column_int64(s, 3),
                  .output = sqlite3_column_int64(s, 4),
                  .cache_read = sqlite3_column_int64(s, 5),
                  .cache_write_5m = sqlite3_column_int64(s, 6),
                  .cache_write_1h = sqlite3_column_int64(s, 7)},
        .reserved = {.input = sqlite3_column_int64(s, 8), .output = sqlite3_column_int64(s, 9)},
        .charged = sqlite3_column_int64(s, 10),
        .duration_ms = sqlite3_column_int64(s, 11),
    };
    int64_t kind = sqlite3_column_int64(s, 2);
    return KIND_OUTCOME(kind) == OUTCOME_REJECTED ||
           take(r, sqlite3_column_int64(s, 1), kind, &call);
}

static bool take_pack(struct reading *r, sqlite3_stmt *s)
{
    struct str bytes = sql_column(s, 0);
    const uint8_t *at = (const uint8_t *)bytes.p;
    struct pack_reader p = {.in = {at, at + bytes.n, false}};
    struct ledger_spent call;
    int64_t kind;
    while (pack_next(&p, &kind, &call)) {
        if (!take(r, p.series, kind, &call)) {
            return false;
        }
    }
    if (p.in.bad) {
        r->failed = err_set(&r->ei, ERR_CORRUPT, "the ledger is damaged: packed calls");
    }
    return !p.in.bad;
}

/* A call that began at or after `since` was stored after it: hence the mark, with an hour for
 * clocks that were set back. */
#define MARK                                                                                       \
    "(SELECT ifnull(max(seq), 0) FROM marks WHERE time ="                                          \
    " (SELECT max(time) FROM marks WHERE time <= ?1 - 3600000))"

static const char rows[] =
    "SELECT time, series, kind, input, output, cache_read, cache_write_5m, cache_write_1h,"
    " reserved_input, reserved_output, usd, duration_ms FROM calls"
    " WHERE seq > " MARK " AND seq <= (SELECT packed_from FROM counter)";

static const char packs[] = "SELECT calls FROM packs WHERE seq >="
                            " (SELECT ifnull(max(seq), 0) FROM packs WHERE seq <= " MARK ")";

static enum err read_all(struct reading *r, sqlite3 *db, const char *sql,
                         bool (*fn)(struct reading *r, sqlite3_stmt *s), struct err_info *ei)
{
    sqlite3_stmt *s = sql_prepare(db, sql, ei);
    if (s == NULL) {
        return ERR_IO;
    }
    sql_bind_int(s, 1, r->since_ms);
    int rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW && fn(r, s)) {
    }
    enum err e = ERR_OK;
    if (r->failed != ERR_OK) {
        e = err_set(ei, r->failed, "%s", r->ei.text);
    } else if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
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
    r->since_ms = since_ms;
    r->until_ms = until_ms;
    enum err e = series_reader_open(&r->series, db, ei);
    e = e == ERR_OK ? read_all(r, db, rows, take_row, ei) : e;
    e = e == ERR_OK && !r->ended ? read_all(r, db, packs, take_pack, ei) : e;
    map_free(&r->kept, NULL);
    series_reader_close(&r->series);
    ledger_read_end(g, db);
    free(r);
    return e;
}
