/* series.h: what calls have in common, stored once: dialect, operation, model, model ID, principal,
 * limit that denied, tags. Private to the room. */
#ifndef TOLLGATE_LEDGER_SERIES_H
#define TOLLGATE_LEDGER_SERIES_H

#include "core/base/map.h"
#include "core/ledger/record.h"
#include "core/ledger/sql.h"

#define SERIES_DAY_MS 86400000 /* the column day counts these */

struct series {
    enum call_dialect dialect;
    struct str operation, model, model_id, principal, limit; /* NUL-terminated behind */
    struct tags tags;
};

/* Call text -> number, for the writer. All-zero but the statements is empty. */
struct series_writer {
    sqlite3 *db;
    sqlite3_stmt *find, *add, *touch;
    struct map ids; /* key -> number and day */
    struct buf key, tags;
};
enum err series_writer_open(struct series_writer *w, sqlite3 *db, struct err_info *ei) MUST_CHECK;
void series_writer_close(struct series_writer *w);
/* Number of the call's series, made when it is new; notes the day of its newest call. */
enum err series_intern(struct series_writer *w, const struct record_call *call, int64_t *id,
                       struct err_info *ei) MUST_CHECK;
/* In a group: deletes some of those without a call since that time; *more: there are others. */
enum err series_delete(struct series_writer *w, int64_t before_ms, bool *more,
                       struct err_info *ei) MUST_CHECK;
/* After a rollback: numbers handed out since may not exist. */
void series_writer_forget(struct series_writer *w);

/* What a series' key says; its slices point into the key. False: it is damaged. */
bool series_parse(struct str key, struct series *out);

/* Number -> text, for one query. */
struct series_reader {
    sqlite3 *db;
    sqlite3_stmt *get;
    struct map loaded;
};
enum err series_reader_open(struct series_reader *r, sqlite3 *db, struct err_info *ei) MUST_CHECK;
void series_reader_close(struct series_reader *r);
/* NULL: unreadable (ei), or without memory. Lives until the reader closes. */
const struct series *series_load(struct series_reader *r, int64_t id, struct err_info *ei);

/* Value of a key as queries name it: model, model_id, principal, limit, dialect, operation,
 * outcome, or a tag ("application" stands for applicationId); empty when absent. */
struct str series_value(const struct series *s, enum call_outcome outcome, const char *key);

#endif
