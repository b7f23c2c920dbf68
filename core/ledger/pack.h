/* pack.h: what a finished call took, packed: some twenty bytes a call and a row for a hundred, so
 * that what-if reads an hour between two key presses. Beside the table of calls, from
 * counter.packed_from on. Private to the room. */
#ifndef TOLLGATE_LEDGER_PACK_H
#define TOLLGATE_LEDGER_PACK_H

#include "core/ledger/ledger.h"
#include "core/ledger/sql.h"
#include "core/ledger/varint.h"

#define PACK_CALL_MAX (1 + 12 * VARINT_MAX)
#define PACK_FULL     3600 /* bytes: a page of SQLite holds it */

/* The pack that fills, of the writer. All-zero but the statement is empty. */
struct pack {
    sqlite3 *db;
    sqlite3_stmt *put;
    int64_t first_seq; /* 0: empty */
    int64_t series, time_ms;
    size_t n;
    bool changed; /* since it was stored */
    uint8_t bytes[PACK_FULL + PACK_CALL_MAX];
};
enum err pack_open(struct pack *p, sqlite3 *db, struct err_info *ei) MUST_CHECK;
void pack_close(struct pack *p);
/* In a group; kind: as of the call's row. A full pack is stored at once. */
enum err pack_add(struct pack *p, int64_t seq, int64_t series, int64_t kind,
                  const struct ledger_spent *call, struct err_info *ei) MUST_CHECK;
enum err pack_flush(struct pack *p, struct err_info *ei) MUST_CHECK;
/* After a rollback: what was added since is not stored. */
void pack_forget(struct pack *p);

/* Reading one. All-zero but `in` is its begin. */
struct pack_reader {
    struct varint_reader in;
    int64_t series, time_ms;
};
/* False: no more, or damaged (in.bad). outcome and priced are of the kind. */
bool pack_next(struct pack_reader *r, int64_t *kind, struct ledger_spent *out);

#endif
