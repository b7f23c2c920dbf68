/* audit.c: calls and changes as one list, merged by their common sequence. */
#include "core/ledger/ledger_private.h"

#include <stdio.h>

struct source {
    sqlite3_stmt *stmt; /* NULL: not asked for */
    bool has_row;
    struct audit_entry entry; /* slices into the row */
};

/* Series that pass the conditions of a query, or too many to be worth listing. */
#define LISTED_MAX 200
struct listed {
    int64_t ids[LISTED_MAX];
    size_t count; /* LISTED_MAX + 1: more */
};

struct audit {
    const struct audit_query *query;
    sqlite3 *db;
    struct series_reader series;
    struct source calls, changes;
};

/* --- which --- */

/* A call that began at or after `since` was stored after it: hence the mark, with an hour for
 * clocks that were set back. */
#define CALL_ROWS                                                                                  \
    "SELECT seq, time, series, kind, request_id, http_status, input, output, cache_read,"          \
    " cache_write_5m, cache_write_1h, reported, usd, duration_ms, first_token_ms, error,"          \
    " group_name, resets_at FROM calls WHERE seq > max(?1, (SELECT ifnull(max(seq), 0) FROM marks" \
    " WHERE time = (SELECT max(time) FROM marks WHERE time <= ?2 - 3600000)))"                     \
    " AND +time >= ?2 AND +time < ?3 AND seq <= (SELECT ifnull(min(seq), 9223372036854775807)"     \
    " FROM marks WHERE time >= ?5)"
static const char call_rows[] = CALL_ROWS;
static const char denial_rows[] = CALL_ROWS " AND kind = 3";
static const char change_rows[] =
    "SELECT seq, time, id, action, limit_name, group_name, old_value, new_value, until, undoes,"
    " actor, uid, reason, ticket FROM changes WHERE seq > ?1 AND time >= ?2 AND time < ?3"
    " AND (?4 IS NULL OR limit_name = ?4)";

_Static_assert(OUTCOME_DENIED == 3, "as the SQL above says");

static bool pair_in_group(struct str group, const char *key, const char *value)
{
    while (group.n > 0) {
        struct str rest, own;
        struct str pair = str_cut(group, ',', &rest);
        struct str name = str_cut(pair, '=', &own);
        if (str_is(name, key) && str_is(own, value)) {
            return true;
        }
        group = rest;
    }
    return false;
}

/* A change has no tags but those of the group it is about. */
static bool change_passes(const struct audit_query *q, const struct audit_entry *e)
{
    if (q->limits_only && !str_starts(e->action, "limit.")) {
        return false;
    }
    for (size_t i = 0; i < q->where_count; i++) {
        const char *key = q->where[i].key, *value = q->where[i].value;
        struct str name = str_of(key);
        bool ok = str_is(name, "limit")    ? str_is(e->limit, value)
                  : str_is(name, "action") ? str_is(e->action, value)
                  : str_is(name, "actor")  ? str_is(e->actor_login, value)
                                           : pair_in_group(e->group, key, value);
        if (!ok) {
            return false;
        }
    }
    return true;
}

static bool is_of_request(struct str name)
{
    return str_is(name, "request_id") || str_is(name, "requestId");
}

static bool call_passes(const struct audit_query *q, const struct series *s,
                        const struct audit_entry *e)
{
    if (q->limit != NULL && !(e->outcome == OUTCOME_DENIED && str_is(e->limit, q->limit))) {
        return false;
    }
    for (size_t i = 0; i < q->where_count; i++) {
        struct str name = str_of(q->where[i].key);
        struct str value =
            is_of_request(name) ? e->request_id : series_value(s, e->outcome, q->where[i].key);
        if (!str_is(value, q->where[i].value)) {
            return false;
        }
    }
    return true;
}

/* --- rows --- */

static void read_call(sqlite3_stmt *s, const struct series *series, struct audit_entry *e)
{
    int64_t kind = sqlite3_column_int64(s, 3);
    *e = (struct audit_entry){
        .seq = sqlite3_column_int64(s, 0),
        .time_ms = sqlite3_column_int64(s, 1),
        .dialect = str_of(call_dialect_name(series->dialect)),
        .operation = series->operation,
        .model = series->model,
        .model_id = series->model_id,
        .principal = series->principal,
        .limit = series->limit,
        .tags = series->tags,
        .outcome = KIND_OUTCOME(kind),
        .crash = (kind & KIND_CRASH) != 0,
        .priced = (kind & KIND_PRICED) != 0,
        .request_id = sql_column(s, 4),
        .http_status = sqlite3_column_int(s, 5),
        .usage = {.input = sqlite3_column_int64(s, 6),
                  .output = sqlite3_column_int64(s, 7),
                  .cache_read = sqlite3_column_int64(s, 8),
                  .cache_write_5m = sqlite3_column_int64(s, 9),
                  .cache_write_1h = sqlite3_column_int64(s, 10)},
        .usage_reported = sqlite3_column_int(s, 11) != 0,
        .usd = (kind & KIND_PRICED) != 0 ? sqlite3_column_int64(s, 12) : 0,
        .duration_ms = sqlite3_column_int64(s, 13),
        .first_token_ms = sqlite3_column_int64(s, 14),
        .error = sql_column(s, 15),
        .group = sql_column(s, 16),
        .resets_at_ms = sqlite3_column_int64(s, 17),
    };
}

static void read_change(sqlite3_stmt *s, struct audit_entry *e)
{
    *e = (struct audit_entry){
        .is_change = true,
        .seq = sqlite3_column_int64(s, 0),
        .time_ms = sqlite3_column_int64(s, 1),
        .change_id = sqlite3_column_int64(s, 2),
        .action = sql_column(s, 3),
        .limit = sql_column(s, 4),
        .group = sql_column(s, 5),
        .old_value = sql_column(s, 6),
        .new_value = sql_column(s, 7),
        .until_ms = sqlite3_column_int64(s, 8),
        .undoes = sqlite3_column_int64(s, 9),
        .actor_login = sql_column(s, 10),
        .actor_uid = (uint32_t)sqlite3_column_int64(s, 11),
        .reason = sql_column(s, 12),
        .ticket = sql_column(s, 13),
        .duration_ms = -1,
        .first_token_ms = -1,
    };
}

static enum err row_passes(struct audit *a, struct source *from, bool *passes, struct err_info *ei)
{
    if (from == &a->changes) {
        read_change(from->stmt, &from->entry);
        *passes = change_passes(a->query, &from->entry);
        return ERR_OK;
    }
    const struct series *s = series_load(&a->series, sqlite3_column_int64(from->stmt, 2), ei);
    if (s == NULL) {
        return ERR_IO;
    }
    read_call(from->stmt, s, &from->entry);
    *passes = call_passes(a->query, s, &from->entry);
    return ERR_OK;
}

/* On to the next row that passes. */
static enum err advance(struct audit *a, struct source *from, struct err_info *ei)
{
    from->has_row = false;
    enum err e = ERR_OK;
    while (e == ERR_OK && from->stmt != NULL && !from->has_row) {
        int rc = sqlite3_step(from->stmt);
        if (rc == SQLITE_DONE) {
            return ERR_OK;
        }
        e = rc == SQLITE_ROW ? row_passes(a, from, &from->has_row, ei)
                             : sql_fail(a->db, "reading the audit", ei);
    }
    return e;
}

/* --- which series --- */

/* Does the series pass every condition that it alone decides? */
static bool series_passes(const struct audit_query *q, const struct series *s)
{
    if (q->limit != NULL && !str_is(s->limit, q->limit)) {
        return false;
    }
    for (size_t i = 0; i < q->where_count; i++) {
        struct str name = str_of(q->where[i].key);
        if (!is_of_request(name) && !str_is(name, "outcome") &&
            !str_is(series_value(s, OUTCOME_APPROVED, q->where[i].key), q->where[i].value)) {
            return false;
        }
    }
    return true;
}

/* A look at a few new rows costs less than one at all series; and a value that is absent is that of
 * rows whose series cannot be read, too. */
static bool worth_listing(const struct audit_query *q)
{
    bool worth = (q->where_count > 0 || q->limit != NULL) && q->after_seq == 0;
    for (size_t i = 0; i < q->where_count; i++) {
        worth = worth && q->where[i].value[0] != '\0';
    }
    return worth;
}

static enum err list_series(struct audit *a, struct listed *out, struct err_info *ei)
{
    out->count = LISTED_MAX + 1;
    if (!worth_listing(a->query)) {
        return ERR_OK;
    }
    sqlite3_stmt *s = sql_prepare(a->db, "SELECT id, key FROM series WHERE day >= ?", ei);
    if (s == NULL) {
        return ERR_IO;
    }
    sql_bind_int(s, 1, a->query->since_ms / SERIES_DAY_MS - 1);
    int rc;
    for (out->count = 0; out->count <= LISTED_MAX && (rc = sqlite3_step(s)) == SQLITE_ROW;) {
        struct series series;
        if (series_parse(sql_column(s, 1), &series) && series_passes(a->query, &series)) {
            if (out->count < LISTED_MAX) {
                out->ids[out->count] = sqlite3_column_int64(s, 0);
            }
            out->count++;
        }
    }
    enum err e = out->count > LISTED_MAX || rc == SQLITE_DONE
                     ? ERR_OK
                     : sql_fail(a->db, "reading the series", ei);
    (void)sqlite3_finalize(s);
    return e;
}

/* --- the list --- */

/* What the row itself decides. */
static bool put_conditions(struct buf *sql, const struct audit_query *q)
{
    bool ok = true, request = false;
    for (size_t i = 0; i < q->where_count; i++) {
        struct str name = str_of(q->where[i].key);
        if (is_of_request(name)) {
            request = true;
        } else if (str_is(name, "outcome")) {
            for (int o = OUTCOME_OPEN; o <= OUTCOME_REJECTED; o++) {
                bool meant =
                    strcmp(q->where[i].value, call_outcome_name((enum call_outcome)o)) == 0;
                ok = ok && (!meant || (buf_add(sql, " AND (kind & 7) = ") && buf_add_int(sql, o)));
            }
        }
    }
    return ok && (!request || buf_add(sql, " AND request_id = ?6"));
}

static bool put_series(struct buf *sql, const struct listed *listed)
{
    bool ok = true;
    for (size_t i = 0; i < listed->count; i++) {
        ok = ok && buf_add(sql, i == 0 ? " AND series IN (" : ",") &&
             buf_add_int(sql, listed->ids[i]);
    }
    return ok && buf_add(sql, ")");
}

/* listed: NULL: of changes. */
static bool put_sql(struct buf *sql, const char *rows, const struct audit_query *q,
                    const struct listed *listed)
{
    bool ok = buf_add(sql, rows);
    if (ok && listed != NULL) {
        ok = put_conditions(sql, q) && (listed->count > LISTED_MAX || put_series(sql, listed));
    }
    return ok && buf_add(sql, q->newest_first ? " ORDER BY seq DESC" : " ORDER BY seq");
}

static void bind_request(sqlite3_stmt *s, const struct audit_query *q)
{
    for (size_t i = q->where_count; i > 0; i--) { /* further ones are looked at row by row */
        if (is_of_request(str_of(q->where[i - 1].key))) {
            sql_bind_text(s, 6, q->where[i - 1].value);
        }
    }
}

static sqlite3_stmt *prepare(struct audit *a, const char *rows, const struct listed *listed,
                             struct err_info *ei)
{
    struct buf sql;
    buf_init(&sql, 64 * 1024);
    if (!put_sql(&sql, rows, a->query, listed)) {
        buf_free(&sql);
        (void)err_set(ei, ERR_NOMEM, "no memory to read the audit");
        return NULL;
    }
    sqlite3_stmt *s = sql_prepare(a->db, buf_cstr(&sql), ei);
    buf_free(&sql);
    if (s != NULL) {
        sql_bind_int(s, 1, a->query->after_seq);
        sql_bind_int(s, 2, a->query->since_ms);
        sql_bind_int(s, 3, a->query->until_ms > 0 ? a->query->until_ms : INT64_MAX);
        if (rows != change_rows) {
            int64_t by = a->query->stored_by_ms;
            sql_bind_int(s, 5, by > 0 ? by : INT64_MAX);
            bind_request(s, a->query);
        }
    }
    return s;
}

static bool denials_alone(const struct audit_query *q)
{
    bool denied = q->denials_only || q->limit != NULL;
    for (size_t i = 0; i < q->where_count; i++) {
        denied = denied || (strcmp(q->where[i].key, "outcome") == 0 &&
                            strcmp(q->where[i].value, "denied") == 0);
    }
    return denied;
}

static enum err open_calls(struct audit *a, struct err_info *ei)
{
    struct listed listed;
    enum err e = list_series(a, &listed, ei);
    if (e != ERR_OK || listed.count == 0) {
        return e;
    }
    a->calls.stmt = prepare(a, denials_alone(a->query) ? denial_rows : call_rows, &listed, ei);
    return a->calls.stmt == NULL ? ERR_IO : advance(a, &a->calls, ei);
}

static enum err open_changes(struct audit *a, struct err_info *ei)
{
    a->changes.stmt = prepare(a, change_rows, NULL, ei);
    if (a->changes.stmt == NULL) {
        return ERR_IO;
    }
    if (a->query->limit != NULL) {
        sql_bind_text(a->changes.stmt, 4, a->query->limit);
    }
    return advance(a, &a->changes, ei);
}

static enum err open_sources(struct audit *a, struct err_info *ei)
{
    enum err e = series_reader_open(&a->series, a->db, ei);
    if (e == ERR_OK && (a->query->calls || a->query->denials_only)) {
        e = open_calls(a, ei);
    }
    return e == ERR_OK && a->query->changes ? open_changes(a, ei) : e;
}

static struct source *next_source(struct audit *a)
{
    if (!a->calls.has_row || !a->changes.has_row) {
        return a->calls.has_row ? &a->calls : a->changes.has_row ? &a->changes : NULL;
    }
    bool call_first = a->calls.entry.seq < a->changes.entry.seq;
    return call_first != a->query->newest_first ? &a->calls : &a->changes;
}

static enum err tell(struct audit *a, bool (*fn)(void *arg, const struct audit_entry *e), void *arg,
                     struct err_info *ei)
{
    enum err e = ERR_OK;
    struct source *next;
    int64_t left = a->query->max > 0 ? a->query->max : INT64_MAX;
    while (e == ERR_OK && left-- > 0 && (next = next_source(a)) != NULL) {
        if (!fn(arg, &next->entry)) {
            break;
        }
        e = advance(a, next, ei);
    }
    return e;
}

enum err ledger_audit(struct ledger *g, const struct audit_query *q,
                      bool (*fn)(void *arg, const struct audit_entry *e), void *arg,
                      struct err_info *ei)
{
    if (q->where_count > 8) {
        return err_set(ei, ERR_RANGE, "the audit takes at most 8 conditions");
    }
    struct audit a = {.query = q};
    a.db = ledger_read_begin(g, ei);
    if (a.db == NULL) {
        return ERR_IO;
    }
    enum err e = open_sources(&a, ei);
    if (e == ERR_OK) {
        e = tell(&a, fn, arg, ei);
    }
    (void)sqlite3_finalize(a.calls.stmt);
    (void)sqlite3_finalize(a.changes.stmt);
    series_reader_close(&a.series);
    ledger_read_end(g, a.db);
    return e;
}
