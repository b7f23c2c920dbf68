/* fold.h: records of the journals -> rows of SQLite, in groups. The caller holds the writer's lock.
 * A group is a transaction: fold_begin, any number of fold_records or fold_charge_open,
 * fold_commit. How far each journal was folded is stored in the same transaction, so nothing counts
 * twice. Private to the room. */
#ifndef TOLLGATE_LEDGER_FOLD_H
#define TOLLGATE_LEDGER_FOLD_H

#include "core/ledger/fold_calls.h"
#include "core/ledger/journal.h"
#include "core/ledger/pack.h"
#include "core/ledger/series.h"
#include "core/ledger/span.h"

#define FOLD_MARK_MS SPAN_QUARTER_MS /* between marks */

/* kind of calls and rollups */
#define KIND_OUTCOME(kind) ((enum call_outcome)((kind)&7))
#define KIND_CRASH         8
#define KIND_PRICED        16

struct fold {
    sqlite3 *db;
    int64_t seq, committed_seq; /* last one given out */
    struct series_writer series;
    struct fold_calls calls; /* of the group, not stored yet */
    struct pack pack;
    sqlite3_stmt *add_rollup, *add_minute, *put_open, *top_open, *get_open, *drop_open,
        *put_journal, *put_seq, *put_mark;
    int64_t minutes_from, committed_minutes_from; /* whole in the table of minutes */
    int64_t marked_ms;                            /* time of the newest mark of this process */
    struct map minutes, rollups;                  /* of the group: key -> struct rollup */
    int64_t damaged;                              /* records that could not be understood */
};

enum err fold_open(struct fold *f, sqlite3 *db, struct err_info *ei) MUST_CHECK;
void fold_close(struct fold *f);

enum err fold_begin(struct fold *f, struct err_info *ei) MUST_CHECK;
/* Rolls back when it fails. */
enum err fold_commit(struct fold *f, struct err_info *ei) MUST_CHECK;
void fold_rollback(struct fold *f);
int64_t fold_next_seq(struct fold *f);
/* In a group: forgets minutes before that time. */
enum err fold_drop_minutes(struct fold *f, int64_t before_ms, struct err_info *ei) MUST_CHECK;

/* How far the journal of that generation was folded; 0: not at all. */
enum err fold_position(struct fold *f, uint64_t generation, uint64_t *position,
                       struct err_info *ei) MUST_CHECK;
/* Folds records of one journal, in order; `end` is behind the last. Admitted ones without their end
 * go to open_calls. */
enum err fold_records(struct fold *f, uint64_t generation, uint64_t end,
                      struct journal_record *records, size_t count, struct err_info *ei) MUST_CHECK;
/* At start: what is still in open_calls is charged whole. */
enum err fold_charge_open(struct fold *f, int64_t *charged, struct err_info *ei) MUST_CHECK;

#endif
