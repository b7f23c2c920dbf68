/* sql.c: see sql.h. */
#include "core/ledger/sql.h"

#include <pthread.h>

/* The system knows more than "disk I/O error". */
static enum err fail_of_system(sqlite3 *db, int code, const char *doing, struct err_info *ei)
{
    int sys = code == SQLITE_IOERR || code == SQLITE_CANTOPEN ? sqlite3_system_errno(db) : 0;
    const char *text = sqlite3_errmsg(db);
    return sys != 0 ? err_set_sys(ei, ERR_IO, sys, "the ledger cannot be used (%s, while %.60s)",
                                  text, doing)
                    : err_set(ei, ERR_IO, "the ledger cannot be used (%s, while %s)", text, doing);
}

enum err sql_fail(sqlite3 *db, const char *doing, struct err_info *ei)
{
    int code = db != NULL ? sqlite3_errcode(db) & 0xFF : SQLITE_NOMEM;
    const char *text = db != NULL ? sqlite3_errmsg(db) : "out of memory";
    switch (code) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: /* the statements are ours: then it is the tables that are not */
        return err_set(ei, ERR_CORRUPT,
                       "the ledger is damaged: move ledger.db away (%.120s, while %.80s)", text,
                       doing);
    case SQLITE_FULL:
        return err_set(ei, ERR_IO, "the ledger cannot be written (%s, while %s): free disk space",
                       text, doing);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(ei, ERR_BUSY, "the ledger is in use by another program (%s, while %s)", text,
                       doing);
    case SQLITE_INTERRUPT:
        return err_set(ei, ERR_TIMEOUT, "given up while %s", doing);
    case SQLITE_NOMEM:
        return err_set(ei, ERR_NOMEM, "no memory for the ledger, while %s", doing);
    default:
        return fail_of_system(db, code, doing, ei);
    }
}

enum err sql_exec(sqlite3 *db, const char *sql, struct err_info *ei)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? ERR_OK : sql_fail(db, sql, ei);
}

sqlite3_stmt *sql_prepare(sqlite3 *db, const char *sql, struct err_info *ei)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) {
        (void)sql_fail(db, "preparing a statement", ei);
        return NULL;
    }
    return s;
}

static enum err configure(sqlite3 *db, enum sql_mode mode, struct err_info *ei)
{
    sqlite3_busy_timeout(db, SQL_BUSY_MS);
    if (mode == SQL_READ) {
        enum err e = sql_exec(db, "PRAGMA cache_size=-1024", ei);
        return e != ERR_OK ? e : schema_check(db, ei);
    }
    /* FULL, because the journal's room is used again as soon as a group has committed. */
    static const char settings[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                                   "PRAGMA cache_size=-2048; PRAGMA journal_size_limit=16777216;";
    return sqlite3_exec(db, settings, NULL, NULL, NULL) == SQLITE_OK
               ? schema_migrate(db, ei)
               : sql_fail(db, "opening ledger.db", ei);
}

/* SQLite counts the bytes it has under a lock of the whole process, for statistics nobody reads. */
static void set_up_once(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* without it only slower */
}

sqlite3 *sql_open(const char *path, enum sql_mode mode, struct err_info *ei)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, set_up_once);
    sqlite3 *db = NULL;
    int flags =
        SQLITE_OPEN_NOMUTEX |
        (mode == SQL_WRITE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
    if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK) {
        (void)sql_fail(db, "opening ledger.db", ei);
    } else if (configure(db, mode, ei) == ERR_OK) {
        return db;
    }
    (void)sqlite3_close(db);
    return NULL;
}

void sql_bind_str(sqlite3_stmt *s, int at, struct str value)
{
    (void)sqlite3_bind_text(s, at, value.n > 0 ? value.p : "", (int)value.n, SQLITE_STATIC);
}

void sql_bind_text(sqlite3_stmt *s, int at, const char *value)
{
    (void)sqlite3_bind_text(s, at, value != NULL ? value : "", -1, SQLITE_STATIC);
}

void sql_bind_blob(sqlite3_stmt *s, int at, struct str value)
{
    (void)sqlite3_bind_blob(s, at, value.n > 0 ? value.p : "", (int)value.n, SQLITE_STATIC);
}

void sql_bind_int(sqlite3_stmt *s, int at, int64_t value)
{
    (void)sqlite3_bind_int64(s, at, value);
}

enum err sql_run(sqlite3 *db, sqlite3_stmt *s, const char *doing, struct err_info *ei)
{
    int rc;
    do {
        rc = sqlite3_step(s);
    } while (rc == SQLITE_ROW);
    enum err e = rc == SQLITE_DONE ? ERR_OK : sql_fail(db, doing, ei);
    (void)sqlite3_reset(s);
    return e;
}

struct str sql_column(sqlite3_stmt *s, int at)
{
    const char *p = sqlite3_column_blob(s, at);
    int n = sqlite3_column_bytes(s, at);
    return p != NULL && n > 0 ? (struct str){p, (size_t)n} : (struct str){NULL, 0};
}

void sql_copy(sqlite3_stmt *s, int at, char *out, size_t size)
{
    (void)str_copy(out, size, sql_column(s, at));
}
