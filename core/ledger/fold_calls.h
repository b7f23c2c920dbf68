/* fold_calls.h: rows of calls on their way into SQLite, some at a time: a statement for each row
 * would cost several times what storing it does. Private to the room. */
#ifndef TOLLGATE_LEDGER_FOLD_CALLS_H
#define TOLLGATE_LEDGER_FOLD_CALLS_H

#include "core/base/buf.h"
#include "core/ledger/sql.h"

#define FOLD_CALLS_MAX     32 /* few, because the thread does not give way while they are stored */
#define FOLD_CALLS_NUMBERS 18
#define FOLD_CALLS_TEXTS   3

/* Columns in the order of the table, its texts apart: request_id, error, group_name. */
struct fold_call {
    int64_t number[FOLD_CALLS_NUMBERS];
    struct {
        size_t at, n; /* of fold_calls.texts */
    } text[FOLD_CALLS_TEXTS];
};
struct fold_calls {
    sqlite3 *db;
    sqlite3_stmt *add;
    size_t count;
    struct fold_call at[FOLD_CALLS_MAX];
    struct buf texts;
};

/* *c must stay where it is until the connection is closed. */
enum err fold_calls_open(struct fold_calls *c, sqlite3 *db, struct err_info *ei) MUST_CHECK;
void fold_calls_close(struct fold_calls *c);
void fold_calls_forget(struct fold_calls *c);
/* Takes a row; copies the texts. What is taken is stored when there is no more room, and by
 * fold_calls_flush. */
enum err fold_calls_add(struct fold_calls *c, const int64_t number[FOLD_CALLS_NUMBERS],
                        const struct str text[FOLD_CALLS_TEXTS], struct err_info *ei) MUST_CHECK;
enum err fold_calls_flush(struct fold_calls *c, struct err_info *ei) MUST_CHECK;

#endif
