/* sql.h: the few things the room needs of SQLite besides itself. Private to the room. */
#ifndef TOLLGATE_LEDGER_SQL_H
#define TOLLGATE_LEDGER_SQL_H

#include "core/base/err.h"
#include "core/base/str.h"

#include <sqlite3.h>

/* How long the ledger's thread waits for another program that holds the database. */
#define SQL_BUSY_MS 5000

enum sql_mode { SQL_WRITE, SQL_READ };

/* Opens the database with the room's settings; SQL_WRITE creates and migrates it (schema.c). */
sqlite3 *sql_open(const char *path, enum sql_mode mode, struct err_info *ei);
/* Brings the tables up to date; ERR_UNSUPPORTED: written by a newer tollgate. */
enum err schema_migrate(sqlite3 *db, struct err_info *ei) MUST_CHECK;
/* ERR_UNSUPPORTED when the database is not of this version. */
enum err schema_check(sqlite3 *db, struct err_info *ei) MUST_CHECK;

/* Records what SQLite says went wrong while `doing`. */
enum err sql_fail(sqlite3 *db, const char *doing, struct err_info *ei);
enum err sql_exec(sqlite3 *db, const char *sql, struct err_info *ei) MUST_CHECK;
/* NULL on failure, with ei. */
sqlite3_stmt *sql_prepare(sqlite3 *db, const char *sql, struct err_info *ei);

/* Values bound in the order of the text; slices must live until the statement is reset. */
void sql_bind_str(sqlite3_stmt *s, int at, struct str value);
void sql_bind_text(sqlite3_stmt *s, int at, const char *value);
void sql_bind_blob(sqlite3_stmt *s, int at, struct str value);
void sql_bind_int(sqlite3_stmt *s, int at, int64_t value);
/* Runs a statement that returns no rows and makes it ready for the next use. */
enum err sql_run(sqlite3 *db, sqlite3_stmt *s, const char *doing, struct err_info *ei) MUST_CHECK;

/* A text or blob column, valid until the next step; empty when NULL. */
struct str sql_column(sqlite3_stmt *s, int at);
/* Copies a text column, cut to size. */
void sql_copy(sqlite3_stmt *s, int at, char *out, size_t size);

#endif
