/* fold_row.c: see fold_row.h. The rollups of a group are summed in memory first, so that a group
 * touches each rollup row once. */
#include "core/ledger/fold_row.h"

#include <stdlib.h>
#include <string.h>

struct rollup_key {
    int64_t bucket, series, kind;
};
struct rollup {
    struct rollup_key key;
    int64_t calls, counted, estimated, usd;
    struct usage usage;
};

#define ADD_TO(table)                                                                              \
    "INSERT INTO " table " VALUES(?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET"              \
    " calls = calls + excluded.calls, counted = counted + excluded.counted,"                       \
    " estimated = estimated + excluded.estimated, input = input + excluded.input,"                 \
    " output = output + excluded.output, cache_read = cache_read + excluded.cache_read,"           \
    " cache_write_5m = cache_write_5m + excluded.cache_write_5m,"                                  \
    " cache_write_1h = cache_write_1h + excluded.cache_write_1h, usd = usd + excluded.usd"

enum err fold_row_open(struct fold *f, struct err_info *ei)
{
    if (fold_calls_open(&f->calls, f->db, ei) != ERR_OK ||
        pack_open(&f->pack, f->db, ei) != ERR_OK) {
        return ERR_IO;
    }
    f->add_rollup = sql_prepare(f->db, ADD_TO("rollups"), ei);
    f->add_minute = sql_prepare(f->db, ADD_TO("minutes"), ei);
    return f->add_rollup != NULL && f->add_minute != NULL ? ERR_OK : ERR_IO;
}

void fold_row_close(struct fold *f)
{
    fold_calls_close(&f->calls);
    pack_close(&f->pack);
    (void)sqlite3_finalize(f->add_rollup);
    (void)sqlite3_finalize(f->add_minute);
    fold_row_forget(f);
}

void fold_row_forget(struct fold *f)
{
    map_free(&f->minutes, free);
    map_free(&f->rollups, free);
    fold_calls_forget(&f->calls);
}

static bool is_served(const struct record_call *c)
{
    return c->outcome == OUTCOME_APPROVED || c->outcome == OUTCOME_FAILED;
}

static bool used_nothing(const struct usage *u)
{
    return (u->input | u->output | u->cache_read | u->cache_write_5m | u->cache_write_1h) == 0;
}

/* A released reservation (failed, nothing used) is no request of a limit. */
static int64_t counted_requests(const struct record_call *c)
{
    return c->outcome == OUTCOME_APPROVED ||
                   (c->outcome == OUTCOME_FAILED && !(c->reported && used_nothing(&c->usage)))
               ? 1
               : 0;
}

static int64_t kind_of(const struct record_call *c)
{
    return (int64_t)c->outcome + (c->crash ? KIND_CRASH : 0) + (c->priced ? KIND_PRICED : 0);
}

static struct rollup *find_rollup(struct map *map, const struct rollup_key *key)
{
    struct str name = {(const char *)key, sizeof(*key)};
    struct rollup *r = map_get(map, name);
    if (r != NULL) {
        return r;
    }
    r = calloc(1, sizeof(*r));
    if (r == NULL || !map_set(map, name, r, NULL)) {
        free(r);
        return NULL;
    }
    r->key = *key;
    return r;
}

static void rollup_add(struct rollup *r, const struct rollup *more)
{
    r->calls += more->calls;
    r->counted += more->counted;
    r->estimated += more->estimated;
    r->usage.input = money_add(r->usage.input, more->usage.input);
    r->usage.output = money_add(r->usage.output, more->usage.output);
    r->usage.cache_read = money_add(r->usage.cache_read, more->usage.cache_read);
    r->usage.cache_write_5m = money_add(r->usage.cache_write_5m, more->usage.cache_write_5m);
    r->usage.cache_write_1h = money_add(r->usage.cache_write_1h, more->usage.cache_write_1h);
    r->usd = money_add(r->usd, more->usd);
}

static enum err add_to_sums(struct fold *f, const struct record_call *c, int64_t series,
                            struct err_info *ei)
{
    struct rollup_key key = {span_down(c->time_ms, SPAN_MINUTE_MS), series, kind_of(c)};
    struct rollup *r = find_rollup(&f->minutes, &key);
    if (r == NULL) {
        return err_set(ei, ERR_NOMEM, "no memory for the sums of calls");
    }
    int64_t counted = counted_requests(c);
    struct rollup one = {.calls = 1,
                         .counted = counted,
                         .estimated = counted != 0 && !c->reported ? 1 : 0,
                         .usage = c->usage,
                         .usd = c->usd};
    rollup_add(r, &one);
    return ERR_OK;
}

static int bind_usage(sqlite3_stmt *s, int at, const struct usage *u)
{
    sql_bind_int(s, at++, u->input);
    sql_bind_int(s, at++, u->output);
    sql_bind_int(s, at++, u->cache_read);
    sql_bind_int(s, at++, u->cache_write_5m);
    sql_bind_int(s, at++, u->cache_write_1h);
    return at;
}

static enum err add_call(struct fold *f, const struct record_call *c, int64_t seq, int64_t series,
                         struct err_info *ei)
{
    const int64_t numbers[FOLD_CALLS_NUMBERS] = {
        seq,
        c->time_ms,
        series,
        kind_of(c),
        c->http_status,
        c->usage.input,
        c->usage.output,
        c->usage.cache_read,
        c->usage.cache_write_5m,
        c->usage.cache_write_1h,
        c->reserved.input,
        c->reserved.output,
        c->reported ? 1 : 0,
        counted_requests(c),
        c->usd,
        c->duration_ms,
        c->first_token_ms,
        c->resets_at_ms,
    };
    const struct str texts[FOLD_CALLS_TEXTS] = {c->request_id, c->error, c->group};
    return fold_calls_add(&f->calls, numbers, texts, ei);
}

/* For what-if; what a denied call would have cost stands in no sum. */
static enum err add_to_pack(struct fold *f, const struct record_call *c, int64_t seq,
                            int64_t series, struct err_info *ei)
{
    if (c->outcome == OUTCOME_REJECTED) {
        return ERR_OK;
    }
    struct ledger_spent spent = {
        .admitted_ms = c->time_ms,
        .duration_ms = c->duration_ms,
        .usage = c->usage,
        .reserved = {.input = c->reserved.input, .output = c->reserved.output},
        .charged = c->outcome == OUTCOME_DENIED ? usage_cost(&c->reserved, &c->price) : c->usd,
    };
    return pack_add(&f->pack, seq, series, kind_of(c), &spent, ei);
}

/* Only calls that were served can cost or use anything, whatever was written for the others; and
 * sums can only be trusted when nothing in them is negative. */
static void make_plain(struct record_call *c)
{
    if (!is_served(c)) {
        memset(&c->usage, 0, sizeof(c->usage));
        c->usd = 0;
        c->priced = false;
    }
    int64_t *counts[] = {
        &c->usage.input,          &c->usage.output, &c->usage.cache_read, &c->usage.cache_write_5m,
        &c->usage.cache_write_1h, &c->usd,          &c->time_ms};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        if (*counts[i] < 0) {
            *counts[i] = 0;
        }
    }
}

enum err fold_row_add(struct fold *f, struct record_call *call, struct err_info *ei)
{
    call->priced = call->priced && call->usd >= 0;
    make_plain(call);
    int64_t series = 0;
    enum err e = series_intern(&f->series, call, &series, ei);
    if (e == ERR_OK) {
        int64_t seq = fold_next_seq(f);
        e = add_call(f, call, seq, series, ei);
        e = e == ERR_OK ? add_to_pack(f, call, seq, series, ei) : e;
    }
    return e != ERR_OK ? e : add_to_sums(f, call, series, ei);
}

static enum err store_rollup(struct fold *f, sqlite3_stmt *s, const struct rollup *r,
                             struct err_info *ei)
{
    sql_bind_int(s, 1, r->key.bucket);
    sql_bind_int(s, 2, r->key.series);
    sql_bind_int(s, 3, r->key.kind);
    sql_bind_int(s, 4, r->calls);
    sql_bind_int(s, 5, r->counted);
    sql_bind_int(s, 6, r->estimated);
    int next = bind_usage(s, 7, &r->usage);
    sql_bind_int(s, next, r->usd);
    return sql_run(f->db, s, "storing the sums of calls", ei);
}

/* A minute goes into its table, unless that has forgotten it, and into its quarter of an hour. */
static enum err flush_minute(struct fold *f, const struct rollup *minute, struct err_info *ei)
{
    struct rollup_key key = minute->key;
    key.bucket = span_down(key.bucket, SPAN_QUARTER_MS);
    struct rollup *quarter = find_rollup(&f->rollups, &key);
    if (quarter == NULL) {
        return err_set(ei, ERR_NOMEM, "no memory for the sums of calls");
    }
    rollup_add(quarter, minute);
    return minute->key.bucket >= f->minutes_from ? store_rollup(f, f->add_minute, minute, ei)
                                                 : ERR_OK;
}

enum err fold_row_flush(struct fold *f, struct err_info *ei)
{
    enum err e = fold_calls_flush(&f->calls, ei);
    e = e == ERR_OK ? pack_flush(&f->pack, ei) : e;
    size_t at = 0;
    struct str name;
    void *value;
    while (e == ERR_OK && map_next(&f->minutes, &at, &name, &value)) {
        e = flush_minute(f, value, ei);
    }
    at = 0;
    while (e == ERR_OK && map_next(&f->rollups, &at, &name, &value)) {
        e = store_rollup(f, f->add_rollup, value, ei);
    }
    fold_row_forget(f);
    return e;
}
