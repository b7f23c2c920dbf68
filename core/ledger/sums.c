/* sums.c: ledger_sum. Whole quarters of an hour come from the rollups, whole minutes of the last
 * hours from the minutes, the ragged edges of the range and finer buckets from the calls. Rows are
 * added up here rather than by SQL: a cell for each (bucket, series, kind) knows its group, so that
 * names are compared once a cell and not once a call. */
#include "core/ledger/ledger_private.h"

#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX 500000

struct group {
    int64_t bucket_ms;
    size_t by_count;
    struct str key[8];
    struct totals totals;
};

struct cell_key {
    int64_t bucket, series, kind;
};
struct cell {
    struct group *group; /* NULL: `where` leaves it out */
};

struct sum {
    const struct ledger_query *query;
    int64_t origin_ms, since_ms, until_ms;
    sqlite3 *db;
    struct series_reader series;
    struct map cells, groups;
    struct buf name;
};

void totals_add(struct totals *to, const struct totals *from)
{
    to->requests += from->requests;
    to->approved += from->approved;
    to->failed += from->failed;
    to->denied += from->denied;
    to->rejected += from->rejected;
    to->input_tokens = money_add(to->input_tokens, from->input_tokens);
    to->output_tokens = money_add(to->output_tokens, from->output_tokens);
    to->cache_read_tokens = money_add(to->cache_read_tokens, from->cache_read_tokens);
    to->cache_write_tokens = money_add(to->cache_write_tokens, from->cache_write_tokens);
    to->usd = money_add(to->usd, from->usd);
    to->unpriced += from->unpriced;
    to->estimated += from->estimated;
    to->open += from->open;
}

/* --- groups --- */

static bool passes(const struct sum *sum, const struct series *s, enum call_outcome outcome)
{
    for (size_t i = 0; i < sum->query->where_count; i++) {
        struct str value = series_value(s, outcome, sum->query->where[i].key);
        if (!str_is(value, sum->query->where[i].value)) {
            return false;
        }
    }
    return true;
}

static bool name_group(struct sum *sum, const struct group *g)
{
    buf_clear(&sum->name);
    buf_append(&sum->name, &g->bucket_ms, sizeof(g->bucket_ms));
    for (size_t i = 0; i < g->by_count; i++) {
        buf_append(&sum->name, &g->key[i].n, sizeof(g->key[i].n));
        buf_add_str(&sum->name, g->key[i]);
    }
    return !sum->name.failed;
}

static struct group *find_group(struct sum *sum, const struct group *like)
{
    if (!name_group(sum, like)) {
        return NULL;
    }
    struct group *g = map_get(&sum->groups, buf_str(&sum->name));
    if (g != NULL || sum->groups.count >= GROUPS_MAX) {
        return g;
    }
    g = malloc(sizeof(*g));
    if (g == NULL) {
        return NULL;
    }
    *g = *like;
    if (!map_set(&sum->groups, buf_str(&sum->name), g, NULL)) {
        free(g);
        return NULL;
    }
    return g;
}

static enum err fill_cell(struct sum *sum, const struct cell_key *key, struct cell *cell,
                          struct err_info *ei)
{
    const struct series *s = series_load(&sum->series, key->series, ei);
    if (s == NULL) {
        return ERR_IO;
    }
    enum call_outcome outcome = KIND_OUTCOME(key->kind);
    cell->group = NULL;
    if (!passes(sum, s, outcome)) {
        return ERR_OK;
    }
    struct group like = {.by_count = sum->query->by_count};
    if (sum->query->bucket_ms > 0) {
        like.bucket_ms = sum->origin_ms + key->bucket * sum->query->bucket_ms;
    }
    for (size_t i = 0; i < like.by_count; i++) {
        like.key[i] = series_value(s, outcome, sum->query->by[i]);
    }
    cell->group = find_group(sum, &like);
    return cell->group != NULL
               ? ERR_OK
               : err_set(ei, ERR_TOO_BIG, "too many rows for a report: ask for a shorter time");
}

static enum err find_cell(struct sum *sum, const struct cell_key *key, struct cell **out,
                          struct err_info *ei)
{
    struct str name = {(const char *)key, sizeof(*key)};
    *out = map_get(&sum->cells, name);
    if (*out != NULL) {
        return ERR_OK;
    }
    struct cell *cell = malloc(sizeof(*cell));
    if (cell == NULL) {
        return err_set(ei, ERR_NOMEM, "no memory for a report");
    }
    enum err e = fill_cell(sum, key, cell, ei);
    if (e == ERR_OK && !map_set(&sum->cells, name, cell, NULL)) {
        e = err_set(ei, ERR_NOMEM, "no memory for a report");
    }
    if (e != ERR_OK) {
        free(cell);
        return e;
    }
    *out = cell;
    return ERR_OK;
}

/* --- rows --- */

/* Columns: time, series, kind, calls, counted, estimated, input, output, cache_read, cache_write,
 * usd. */
static void add_row(struct totals *t, sqlite3_stmt *s, int64_t kind)
{
    int64_t calls = sqlite3_column_int64(s, 3), counted = sqlite3_column_int64(s, 4);
    struct totals row = {
        .estimated = sqlite3_column_int64(s, 5),
        .input_tokens = sqlite3_column_int64(s, 6),
        .output_tokens = sqlite3_column_int64(s, 7),
        .cache_read_tokens = sqlite3_column_int64(s, 8),
        .cache_write_tokens = sqlite3_column_int64(s, 9),
        .usd = sqlite3_column_int64(s, 10),
    };
    switch (KIND_OUTCOME(kind)) {
    case OUTCOME_FAILED:
        row.failed = calls;
        row.approved = row.requests = calls;
        row.unpriced = (kind & KIND_PRICED) != 0 ? 0 : counted;
        break;
    case OUTCOME_APPROVED:
        row.approved = row.requests = calls;
        row.unpriced = (kind & KIND_PRICED) != 0 ? 0 : counted;
        break;
    case OUTCOME_DENIED:
        row.denied = row.requests = calls;
        break;
    case OUTCOME_REJECTED:
        row.rejected = calls;
        break;
    case OUTCOME_OPEN:
        break;
    }
    totals_add(t, &row);
}

static enum err sum_range(struct sum *sum, const char *sql, int64_t from, int64_t to,
                          struct err_info *ei)
{
    sqlite3_stmt *s = sql_prepare(sum->db, sql, ei);
    if (s == NULL) {
        return ERR_IO;
    }
    sql_bind_int(s, 1, from);
    sql_bind_int(s, 2, to);
    int64_t step = sum->query->bucket_ms;
    enum err e = ERR_OK;
    int rc = SQLITE_DONE;
    while (e == ERR_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        int64_t time = sqlite3_column_int64(s, 0);
        struct cell_key key = {step > 0 ? (time - sum->origin_ms) / step : 0,
                               sqlite3_column_int64(s, 1), sqlite3_column_int64(s, 2)};
        struct cell *cell;
        e = find_cell(sum, &key, &cell, ei);
        if (e == ERR_OK && cell->group != NULL) {
            add_row(&cell->group->totals, s, key.kind);
        }
    }
    if (e == ERR_OK && rc != SQLITE_DONE) {
        e = sql_fail(sum->db, "adding up calls", ei);
    }
    (void)sqlite3_finalize(s);
    return e;
}

/* KIND_PRICED: what limits were charged for the others is no price. */
#define PRICE "CASE WHEN kind & 16 THEN usd ELSE 0 END"
_Static_assert(KIND_PRICED == 16, "as the SQL says");

static const char of_calls[] =
    "SELECT time, series, kind, 1, counted, counted AND NOT reported, input, output, cache_read,"
    " cache_write_5m + cache_write_1h, " PRICE " FROM calls WHERE time >= ? AND time < ?";
#define SUMS_OF(table)                                                                             \
    "SELECT bucket, series, kind, calls, counted, estimated, input, output, cache_read,"           \
    " cache_write_5m + cache_write_1h, " PRICE " FROM " table " WHERE bucket >= ? AND bucket < ?"
static const char of_minutes[] = SUMS_OF("minutes");
static const char of_rollups[] = SUMS_OF("rollups");

static enum err sum_all(struct sum *sum, struct err_info *ei)
{
    static const char *const sql[] = {
        [SPAN_CALLS] = of_calls, [SPAN_MINUTES] = of_minutes, [SPAN_QUARTERS] = of_rollups};
    int64_t step = sum->query->bucket_ms;
    struct span_bounds bounds = {
        .quarters_to_ms = step % SPAN_QUARTER_MS == 0 ? SPAN_FAR_MS : 0,
        .minutes_to_ms = step % SPAN_MINUTE_MS == 0 ? SPAN_FAR_MS : 0,
    };
    if (sum->since_ms >= sum->until_ms) {
        return ERR_OK;
    }
    enum err e = span_minutes_from(sum->db, &bounds.minutes_from_ms, ei);
    if (e != ERR_OK) {
        return e;
    }
    struct span spans[SPAN_MAX];
    size_t count = span_split(spans, sum->since_ms, sum->until_ms, &bounds);
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        e = sum_range(sum, sql[spans[i].source], spans[i].from_ms, spans[i].to_ms, ei);
    }
    return e;
}

/* --- the answer --- */

static int by_bucket_and_key(const void *a, const void *b)
{
    const struct group *x = *(struct group *const *)a, *y = *(struct group *const *)b;
    if (x->bucket_ms != y->bucket_ms) {
        return x->bucket_ms < y->bucket_ms ? -1 : 1;
    }
    for (size_t i = 0; i < x->by_count; i++) {
        size_t n = x->key[i].n < y->key[i].n ? x->key[i].n : y->key[i].n;
        int order = n > 0 ? memcmp(x->key[i].p, y->key[i].p, n) : 0;
        if (order != 0) {
            return order;
        }
        if (x->key[i].n != y->key[i].n) {
            return x->key[i].n < y->key[i].n ? -1 : 1;
        }
    }
    return 0;
}

static enum err tell(struct sum *sum, bool (*fn)(void *arg, const struct ledger_row *row),
                     void *arg, struct err_info *ei)
{
    struct group **sorted = calloc(sum->groups.count + 1, sizeof(struct group *));
    if (sorted == NULL) {
        return err_set(ei, ERR_NOMEM, "no memory for a report");
    }
    size_t at = 0, count = 0;
    struct str name;
    void *value;
    while (map_next(&sum->groups, &at, &name, &value)) {
        sorted[count++] = value;
    }
    qsort(sorted, count, sizeof(struct group *), by_bucket_and_key);
    for (size_t i = 0; i < count; i++) {
        struct ledger_row row = {.bucket_ms = sorted[i]->bucket_ms, .totals = sorted[i]->totals};
        memcpy(row.key, sorted[i]->key, sizeof(row.key));
        if (!fn(arg, &row)) {
            break;
        }
    }
    free(sorted);
    return ERR_OK;
}

static enum err check_query(const struct ledger_query *q, struct err_info *ei)
{
    if (q->by_count > 8 || q->where_count > 8) {
        return err_set(ei, ERR_RANGE, "a report has at most 8 keys and 8 conditions");
    }
    return q->bucket_ms >= 0 && q->since_ms >= 0
               ? ERR_OK
               : err_set(ei, ERR_RANGE, "a report needs a time that is not negative");
}

enum err ledger_sum(struct ledger *g, const struct ledger_query *q,
                    bool (*fn)(void *arg, const struct ledger_row *row), void *arg,
                    struct err_info *ei)
{
    enum err e = check_query(q, ei);
    if (e != ERR_OK) {
        return e;
    }
    struct sum sum = {
        .query = q,
        .since_ms = q->since_ms,
        .until_ms = q->until_ms > 0 && q->until_ms < SPAN_FAR_MS ? q->until_ms : SPAN_FAR_MS,
    };
    int64_t grain =
        q->bucket_ms > 0 && q->bucket_ms < SPAN_QUARTER_MS ? q->bucket_ms : SPAN_QUARTER_MS;
    sum.origin_ms = span_down(sum.since_ms, grain);
    sum.db = ledger_read_begin(g, ei);
    if (sum.db == NULL) {
        return ERR_IO;
    }
    e = series_reader_open(&sum.series, sum.db, ei);
    if (e == ERR_OK) {
        e = sum_all(&sum, ei);
    }
    if (e == ERR_OK) {
        e = tell(&sum, fn, arg, ei);
    }
    map_free(&sum.cells, free);
    map_free(&sum.groups, free);
    buf_free(&sum.name);
    series_reader_close(&sum.series);
    ledger_read_end(g, sum.db);
    return e;
}

enum err ledger_begin(struct ledger *g, int64_t *quarter_ms, struct err_info *ei)
{
    sqlite3 *db = ledger_read_begin(g, ei);
    if (db == NULL) {
        return ERR_IO;
    }
    sqlite3_stmt *s = sql_prepare(db, "SELECT min(bucket) FROM rollups", ei);
    int rc = s != NULL ? sqlite3_step(s) : SQLITE_ERROR;
    bool any = rc == SQLITE_ROW && sqlite3_column_type(s, 0) != SQLITE_NULL;
    *quarter_ms = any ? sqlite3_column_int64(s, 0) : INT64_MAX;
    enum err e = rc == SQLITE_ROW ? ERR_OK : sql_fail(db, "looking for the first call", ei);
    (void)sqlite3_finalize(s);
    ledger_read_end(g, db);
    return e;
}
