/* fold.c: see fold.h. */
#include "core/ledger/fold.h"

#include "core/base/clock.h"
#include "core/ledger/fold_row.h"
#include "core/ledger/priority.h"

#include <string.h>

#define PAUSE_RECORDS 32

enum err fold_open(struct fold *f, sqlite3 *db, struct err_info *ei)
{
    memset(f, 0, sizeof(*f));
    f->db = db;
    f->put_open = sql_prepare(db, "INSERT OR REPLACE INTO open_calls VALUES(?,?,?)", ei);
    f->top_open = sql_prepare(db, "UPDATE open_calls SET topped = ? WHERE request_id = ?", ei);
    f->get_open = sql_prepare(db, "SELECT admitted FROM open_calls WHERE request_id = ?", ei);
    f->drop_open = sql_prepare(db, "DELETE FROM open_calls WHERE request_id = ?", ei);
    f->put_journal = sql_prepare(db, "INSERT OR REPLACE INTO journals VALUES(?,?,?)", ei);
    f->put_seq = sql_prepare(db, "UPDATE counter SET seq = ? WHERE id = 1", ei);
    f->put_mark = sql_prepare(db, "INSERT OR IGNORE INTO marks VALUES(?,?)", ei);
    if (f->put_mark == NULL || f->put_open == NULL || f->top_open == NULL || f->get_open == NULL ||
        f->drop_open == NULL || f->put_journal == NULL || f->put_seq == NULL) {
        return ERR_IO;
    }
    enum err e = fold_row_open(f, ei);
    if (e == ERR_OK) {
        e = series_writer_open(&f->series, db, ei);
    }
    if (e == ERR_OK) {
        e = span_minutes_from(db, &f->minutes_from, ei);
        f->committed_minutes_from = f->minutes_from;
    }
    sqlite3_stmt *s = e == ERR_OK ? sql_prepare(db, "SELECT seq FROM counter", ei) : NULL;
    if (s == NULL) {
        return e != ERR_OK ? e : ERR_IO;
    }
    if (sqlite3_step(s) == SQLITE_ROW) {
        f->seq = f->committed_seq = sqlite3_column_int64(s, 0);
    } else {
        e = sql_fail(db, "reading the number of the last entry", ei);
    }
    (void)sqlite3_finalize(s);
    return e;
}

void fold_close(struct fold *f)
{
    sqlite3_stmt *all[] = {f->put_open,    f->top_open, f->get_open, f->drop_open,
                           f->put_journal, f->put_seq,  f->put_mark};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        (void)sqlite3_finalize(all[i]);
    }
    fold_row_close(f);
    series_writer_close(&f->series);
}

/* --- groups --- */

enum err fold_begin(struct fold *f, struct err_info *ei)
{
    return sql_exec(f->db, "BEGIN IMMEDIATE", ei);
}

void fold_rollback(struct fold *f)
{
    (void)sqlite3_exec(f->db, "ROLLBACK", NULL, NULL, NULL); /* SQLite may have done so itself */
    fold_row_forget(f);
    pack_forget(&f->pack);
    series_writer_forget(&f->series);
    f->seq = f->committed_seq;
    f->minutes_from = f->committed_minutes_from;
    f->marked_ms = 0; /* the mark may have gone too */
}

/* Notes, four times an hour, which entry was the last one before this group. */
static enum err put_mark(struct fold *f, struct err_info *ei)
{
    int64_t now = clock_wall_ms();
    if (now >= f->marked_ms && now - f->marked_ms < FOLD_MARK_MS) {
        return ERR_OK;
    }
    f->marked_ms = now;
    sql_bind_int(f->put_mark, 1, now);
    sql_bind_int(f->put_mark, 2, f->committed_seq);
    return sql_run(f->db, f->put_mark, "marking a time", ei);
}

static enum err try_commit(struct fold *f, struct err_info *ei)
{
    enum err e = fold_row_flush(f, ei);
    if (e == ERR_OK && f->seq != f->committed_seq) {
        sql_bind_int(f->put_seq, 1, f->seq);
        e = sql_run(f->db, f->put_seq, "storing the number of the last entry", ei);
        e = e == ERR_OK ? put_mark(f, ei) : e;
    }
    return e != ERR_OK ? e : sql_exec(f->db, "COMMIT", ei);
}

enum err fold_commit(struct fold *f, struct err_info *ei)
{
    enum err e = try_commit(f, ei);
    if (e != ERR_OK) {
        fold_rollback(f);
        return e;
    }
    f->committed_seq = f->seq;
    f->committed_minutes_from = f->minutes_from;
    return ERR_OK;
}

static enum err run_at(struct fold *f, const char *sql, int64_t time_ms, struct err_info *ei)
{
    sqlite3_stmt *s = sql_prepare(f->db, sql, ei);
    if (s == NULL) {
        return ERR_IO;
    }
    sql_bind_int(s, 1, time_ms);
    enum err e = sql_run(f->db, s, "forgetting minutes", ei);
    (void)sqlite3_finalize(s);
    return e;
}

enum err fold_drop_minutes(struct fold *f, int64_t before_ms, struct err_info *ei)
{
    before_ms = span_down(before_ms, SPAN_MINUTE_MS);
    if (before_ms <= f->minutes_from) {
        return ERR_OK;
    }
    enum err e = run_at(f, "DELETE FROM minutes WHERE bucket < ?", before_ms, ei);
    if (e == ERR_OK) {
        e = run_at(f, "UPDATE counter SET minutes_from = ? WHERE id = 1", before_ms, ei);
    }
    if (e == ERR_OK) {
        f->minutes_from = before_ms;
    }
    return e;
}

int64_t fold_next_seq(struct fold *f)
{
    return ++f->seq;
}

enum err fold_position(struct fold *f, uint64_t generation, uint64_t *position, struct err_info *ei)
{
    *position = 0;
    sqlite3_stmt *s = sql_prepare(f->db, "SELECT position FROM journals WHERE generation = ?", ei);
    if (s == NULL) {
        return ERR_IO;
    }
    sql_bind_int(s, 1, (int64_t)generation);
    int rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        *position = (uint64_t)sqlite3_column_int64(s, 0);
    }
    enum err e =
        rc == SQLITE_ROW || rc == SQLITE_DONE ? ERR_OK : sql_fail(f->db, "reading a position", ei);
    (void)sqlite3_finalize(s);
    return e;
}

/* --- records --- */

struct batch {
    struct journal_record *records;
    size_t count;
};

/* The admitted record at `slot` when it is in this batch and is this call's. */
static struct journal_record *find_admitted(const struct batch *b, uint64_t slot,
                                            struct str request_id, struct record_call *begin)
{
    size_t low = 0, high = b->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (b->records[middle].position < slot) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == b->count || b->records[low].position != slot ||
        b->records[low].type != RECORD_ADMITTED || b->records[low].paired ||
        !record_get_admitted(b->records[low].payload, begin) ||
        !str_eq(begin->request_id, request_id)) {
        return NULL;
    }
    return &b->records[low];
}

static enum err fold_topped(struct fold *f, const struct batch *b, size_t i, struct err_info *ei)
{
    struct record_call top, begin;
    uint64_t slot;
    if (!record_get_topped_up(b->records[i].payload, &slot, &top)) {
        f->damaged++;
        return ERR_OK;
    }
    struct journal_record *admitted = find_admitted(b, slot, top.request_id, &begin);
    if (admitted != NULL) {
        admitted->topped = (uint32_t)i + 1;
        return ERR_OK;
    }
    sql_bind_blob(f->top_open, 1, b->records[i].payload);
    sql_bind_str(f->top_open, 2, top.request_id);
    return sql_run(f->db, f->top_open, "topping up an open call", ei);
}

/* How a call ended, onto how it began. */
static void join(struct record_call *begin, const struct record_call *end)
{
    begin->reserved = end->reserved;
    begin->outcome = end->outcome;
    begin->http_status = end->http_status;
    begin->usage = end->usage;
    begin->reported = end->reported;
    begin->priced = end->priced;
    begin->usd = end->usd;
    begin->duration_ms = end->duration_ms;
    begin->first_token_ms = end->first_token_ms;
    begin->limit = end->limit;
    begin->error = end->error;
    begin->request_id = end->request_id;
}

/* The call began in an earlier group. Without a trace of its beginning (its record was damaged), it
 * still counts, under empty names. */
static enum err settle_open(struct fold *f, const struct record_call *end, struct err_info *ei)
{
    sql_bind_str(f->get_open, 1, end->request_id);
    int rc = sqlite3_step(f->get_open);
    struct record_call begin;
    if (rc != SQLITE_ROW || !record_get_admitted(sql_column(f->get_open, 0), &begin)) {
        memset(&begin, 0, sizeof(begin));
        begin.time_ms = clock_wall_ms();
        f->damaged++;
    }
    join(&begin, end);
    enum err e = rc == SQLITE_ROW || rc == SQLITE_DONE
                     ? fold_row_add(f, &begin, ei)
                     : sql_fail(f->db, "reading an open call", ei);
    (void)sqlite3_reset(f->get_open);
    if (e != ERR_OK) {
        return e;
    }
    sql_bind_str(f->drop_open, 1, end->request_id);
    return sql_run(f->db, f->drop_open, "closing an open call", ei);
}

static enum err fold_settled(struct fold *f, const struct batch *b, size_t i, struct err_info *ei)
{
    struct record_call begin, end;
    uint64_t slot;
    if (!record_get_settled(b->records[i].payload, &slot, &end)) {
        f->damaged++;
        return ERR_OK;
    }
    struct journal_record *admitted = find_admitted(b, slot, end.request_id, &begin);
    if (admitted == NULL) {
        return settle_open(f, &end, ei);
    }
    admitted->paired = true;
    join(&begin, &end);
    return fold_row_add(f, &begin, ei);
}

static enum err fold_whole(struct fold *f, struct str payload, struct err_info *ei)
{
    struct record_call call;
    if (!record_get_whole(payload, &call)) {
        f->damaged++;
        return ERR_OK;
    }
    return fold_row_add(f, &call, ei);
}

static enum err fold_one(struct fold *f, const struct batch *b, size_t i, struct err_info *ei)
{
    switch (b->records[i].type) {
    case RECORD_TOPPED_UP:
        return fold_topped(f, b, i, ei);
    case RECORD_SETTLED:
        return fold_settled(f, b, i, ei);
    case RECORD_WHOLE:
        return fold_whole(f, b->records[i].payload, ei);
    case RECORD_ADMITTED: /* known by its end, or by keep_open */
    case RECORD_PAD:
        break;
    }
    return ERR_OK;
}

static enum err keep_open(struct fold *f, const struct batch *b, size_t i, struct err_info *ei)
{
    const struct journal_record *r = &b->records[i];
    struct record_call begin;
    if (!record_get_admitted(r->payload, &begin)) {
        f->damaged++;
        return ERR_OK;
    }
    sql_bind_str(f->put_open, 1, begin.request_id);
    sql_bind_blob(f->put_open, 2, r->payload);
    if (r->topped > 0) {
        sql_bind_blob(f->put_open, 3, b->records[r->topped - 1].payload);
    } else {
        (void)sqlite3_bind_null(f->put_open, 3);
    }
    return sql_run(f->db, f->put_open, "storing an open call", ei);
}

enum err fold_records(struct fold *f, uint64_t generation, uint64_t end,
                      struct journal_record *records, size_t count, struct err_info *ei)
{
    struct batch b = {records, count};
    enum err e = ERR_OK;
    for (size_t i = 0; i < count; i++) {
        records[i].paired = false;
        records[i].topped = 0;
    }
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        e = fold_one(f, &b, i, ei);
        if (i % PAUSE_RECORDS == PAUSE_RECORDS - 1) {
            priority_pause();
        }
    }
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        if (records[i].type == RECORD_ADMITTED && !records[i].paired) {
            e = keep_open(f, &b, i, ei);
        }
    }
    if (e != ERR_OK) {
        return e;
    }
    sql_bind_int(f->put_journal, 1, (int64_t)generation);
    sql_bind_int(f->put_journal, 2, (int64_t)end);
    sql_bind_int(f->put_journal, 3, clock_wall_ms());
    return sql_run(f->db, f->put_journal, "storing a position", ei);
}

/* --- what a crash left open --- */

static enum err charge(struct fold *f, struct str admitted, struct str topped, struct err_info *ei)
{
    struct record_call call, top;
    uint64_t slot;
    if (!record_get_admitted(admitted, &call)) {
        f->damaged++;
        return ERR_OK;
    }
    if (topped.n > 0 && record_get_topped_up(topped, &slot, &top)) {
        call.reserved = top.reserved;
    }
    call.usage = call.reserved;
    call.usd = usage_cost(&call.usage, &call.price);
    call.priced = call.usd >= 0 && call.price.input >= 0;
    call.crash = true;
    call.outcome = OUTCOME_FAILED;
    call.error = STR("charged_by_crash");
    call.duration_ms = call.first_token_ms = -1;
    return fold_row_add(f, &call, ei);
}

enum err fold_charge_open(struct fold *f, int64_t *charged, struct err_info *ei)
{
    *charged = 0;
    sqlite3_stmt *s = sql_prepare(f->db, "SELECT admitted, topped FROM open_calls", ei);
    if (s == NULL) {
        return ERR_IO;
    }
    enum err e = ERR_OK;
    int rc = SQLITE_DONE;
    while (e == ERR_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
        e = charge(f, sql_column(s, 0), sql_column(s, 1), ei);
        (*charged)++;
    }
    if (e == ERR_OK && rc != SQLITE_DONE) {
        e = sql_fail(f->db, "reading open calls", ei);
    }
    (void)sqlite3_finalize(s);
    return e != ERR_OK ? e : sql_exec(f->db, "DELETE FROM open_calls", ei);
}
