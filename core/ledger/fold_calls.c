/* fold_calls.c: see fold_calls.h. SQLite reads the rows as a table of its own (a virtual one, known
 * to the writer's connection only), so that one statement stores them all. */
#include "core/ledger/fold_calls.h"

#include <string.h>

#define COLUMNS                                                                                    \
    "seq, time, series, kind, request_id, http_status, input, output, cache_read,"                 \
    " cache_write_5m, cache_write_1h, reserved_input, reserved_output, reported, counted, usd,"    \
    " duration_ms, first_token_ms, error, group_name, resets_at"

/* Where the column's value is: of the numbers, or ~ of the texts. */
static const int place[] = {0,  1,  2,  3,  ~0, 4,  5,  6,  7,  8, 9,
                            10, 11, 12, 13, 14, 15, 16, ~1, ~2, 17};
#define COLUMN_COUNT (sizeof(place) / sizeof(place[0]))
_Static_assert(COLUMN_COUNT == FOLD_CALLS_NUMBERS + FOLD_CALLS_TEXTS, "each column has its place");

/* --- the table SQLite reads --- */

struct table {
    sqlite3_vtab base; /* first */
    const struct fold_calls *calls;
};
struct cursor {
    sqlite3_vtab_cursor base; /* first */
    size_t at;
};

static int connect_table(sqlite3 *db, void *calls, int argc, const char *const *argv,
                         sqlite3_vtab **out, char **problem)
{
    (void)argc;
    (void)argv;
    (void)problem;
    int rc = sqlite3_declare_vtab(db, "CREATE TABLE waiting(" COLUMNS ")");
    if (rc != SQLITE_OK) {
        return rc;
    }
    struct table *t = sqlite3_malloc(sizeof(*t));
    if (t == NULL) {
        return SQLITE_NOMEM;
    }
    *t = (struct table){.calls = calls};
    *out = &t->base;
    return SQLITE_OK;
}

static int disconnect_table(sqlite3_vtab *t)
{
    sqlite3_free(t);
    return SQLITE_OK;
}

static int best_index(sqlite3_vtab *t, sqlite3_index_info *info)
{
    (void)t;
    info->estimatedCost = FOLD_CALLS_MAX;
    info->estimatedRows = FOLD_CALLS_MAX;
    return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *t, sqlite3_vtab_cursor **out)
{
    (void)t;
    struct cursor *c = sqlite3_malloc(sizeof(*c));
    if (c == NULL) {
        return SQLITE_NOMEM;
    }
    *c = (struct cursor){.at = 0};
    *out = &c->base;
    return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *c)
{
    sqlite3_free(c);
    return SQLITE_OK;
}

static int rewind_cursor(sqlite3_vtab_cursor *cursor, int number, const char *name, int argc,
                         sqlite3_value **argv)
{
    (void)number;
    (void)name;
    (void)argc;
    (void)argv;
    ((struct cursor *)cursor)->at = 0;
    return SQLITE_OK;
}

static int next_row(sqlite3_vtab_cursor *cursor)
{
    ((struct cursor *)cursor)->at++;
    return SQLITE_OK;
}

static const struct fold_calls *calls_of(const sqlite3_vtab_cursor *cursor)
{
    return ((const struct table *)cursor->pVtab)->calls;
}

static int at_end(sqlite3_vtab_cursor *cursor)
{
    return ((const struct cursor *)cursor)->at >= calls_of(cursor)->count;
}

static int tell_column(sqlite3_vtab_cursor *cursor, sqlite3_context *out, int column)
{
    const struct fold_calls *c = calls_of(cursor);
    const struct fold_call *call = &c->at[((const struct cursor *)cursor)->at];
    int at = place[column];
    if (at >= 0) {
        sqlite3_result_int64(out, call->number[at]);
    } else {
        size_t n = call->text[~at].n;
        const char *text = n > 0 ? buf_bytes(&c->texts) + call->text[~at].at : "";
        sqlite3_result_text(out, text, (int)n, SQLITE_STATIC);
    }
    return SQLITE_OK;
}

static int tell_number(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)((const struct cursor *)cursor)->at;
    return SQLITE_OK;
}

static const sqlite3_module module = {
    .xConnect = connect_table,
    .xDisconnect = disconnect_table,
    .xBestIndex = best_index,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = rewind_cursor,
    .xNext = next_row,
    .xEof = at_end,
    .xColumn = tell_column,
    .xRowid = tell_number,
};

/* --- taking and storing --- */

enum err fold_calls_open(struct fold_calls *c, sqlite3 *db, struct err_info *ei)
{
    *c = (struct fold_calls){.db = db};
    if (sqlite3_create_module(db, "waiting_calls", &module, c) != SQLITE_OK) {
        return sql_fail(db, "preparing to store calls", ei);
    }
    c->add =
        sql_prepare(db, "INSERT INTO calls(" COLUMNS ") SELECT " COLUMNS " FROM waiting_calls", ei);
    return c->add != NULL ? ERR_OK : ERR_IO;
}

void fold_calls_close(struct fold_calls *c)
{
    (void)sqlite3_finalize(c->add);
    buf_free(&c->texts);
}

void fold_calls_forget(struct fold_calls *c)
{
    c->count = 0;
    buf_clear(&c->texts);
}

enum err fold_calls_flush(struct fold_calls *c, struct err_info *ei)
{
    if (c->count == 0) {
        return ERR_OK;
    }
    enum err e = sql_run(c->db, c->add, "storing calls", ei);
    fold_calls_forget(c);
    return e;
}

enum err fold_calls_add(struct fold_calls *c, const int64_t number[FOLD_CALLS_NUMBERS],
                        const struct str text[FOLD_CALLS_TEXTS], struct err_info *ei)
{
    enum err e = c->count == FOLD_CALLS_MAX ? fold_calls_flush(c, ei) : ERR_OK;
    if (e != ERR_OK) {
        return e;
    }
    struct fold_call *call = &c->at[c->count];
    memcpy(call->number, number, sizeof(call->number));
    for (size_t i = 0; i < FOLD_CALLS_TEXTS; i++) {
        call->text[i].at = c->texts.len;
        call->text[i].n = text[i].n;
        (void)buf_add_str(&c->texts, text[i]);
    }
    if (c->texts.failed) {
        return err_set(ei, ERR_NOMEM, "no memory to store a call");
    }
    c->count++;
    return ERR_OK;
}
