/* schema.c: the tables, and their migration by PRAGMA user_version.
 *
 * series holds each distinct (dialect, operation, model, model_id, principal, limit, tags) once, so
 * that calls and rollups name it by a number; `key` is its exact form (series.c), the rest is for
 * people; day is that of its newest call, since the epoch. rollups sums calls by quarters of an
 * hour for long, minutes by the minute for the last hours: every call at or after
 * counter.minutes_from is in it. kind = outcome + 8 when charged by crash + 16 when priced; without
 * that, usd is no price but what usd limits were charged. counted = 0 for what must not count as a
 * request of a limit: a failed call that used nothing. packs (pack.c) has the calls after entry
 * counter.packed_from once more, for what-if: seq is that of the first. */
#include "core/ledger/sql.h"

#define SCHEMA_VERSION 4

static const char schema_1[] =
    "CREATE TABLE series(id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, dialect TEXT,"
    " operation TEXT, model TEXT, model_id TEXT, principal TEXT, limit_name TEXT, tags TEXT);"
    "CREATE TABLE calls(seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, series INTEGER NOT NULL,"
    " kind INTEGER NOT NULL, request_id TEXT NOT NULL, http_status INTEGER NOT NULL,"
    " input INTEGER NOT NULL, output INTEGER NOT NULL, cache_read INTEGER NOT NULL,"
    " cache_write_5m INTEGER NOT NULL, cache_write_1h INTEGER NOT NULL,"
    " reserved_input INTEGER NOT NULL, reserved_output INTEGER NOT NULL,"
    " reported INTEGER NOT NULL, counted INTEGER NOT NULL, usd INTEGER NOT NULL,"
    " duration_ms INTEGER NOT NULL, first_token_ms INTEGER NOT NULL, error TEXT,"
    " group_name TEXT, resets_at INTEGER);"
    "CREATE INDEX calls_time ON calls(time);"
    "CREATE INDEX calls_denied ON calls(kind) WHERE kind = 3;"
    "CREATE TABLE marks(time INTEGER PRIMARY KEY, seq INTEGER NOT NULL);"
    "CREATE TABLE open_calls(request_id TEXT PRIMARY KEY, admitted BLOB NOT NULL, topped BLOB)"
    " WITHOUT ROWID;"
    "CREATE TABLE rollups(bucket INTEGER NOT NULL, series INTEGER NOT NULL, kind INTEGER NOT NULL,"
    " calls INTEGER NOT NULL, counted INTEGER NOT NULL, estimated INTEGER NOT NULL,"
    " input INTEGER NOT NULL, output INTEGER NOT NULL, cache_read INTEGER NOT NULL,"
    " cache_write_5m INTEGER NOT NULL, cache_write_1h INTEGER NOT NULL, usd INTEGER NOT NULL,"
    " PRIMARY KEY(bucket, series, kind)) WITHOUT ROWID;"
    "CREATE TABLE journals(generation INTEGER PRIMARY KEY, position INTEGER NOT NULL,"
    " time INTEGER NOT NULL);"
    "CREATE TABLE changes(id INTEGER PRIMARY KEY AUTOINCREMENT, seq INTEGER NOT NULL UNIQUE,"
    " time INTEGER NOT NULL, action TEXT NOT NULL, limit_name TEXT NOT NULL,"
    " group_name TEXT NOT NULL, old_value TEXT NOT NULL, new_value TEXT NOT NULL,"
    " until INTEGER NOT NULL, undoes INTEGER NOT NULL, actor TEXT NOT NULL, uid INTEGER NOT NULL,"
    " reason TEXT NOT NULL, ticket TEXT NOT NULL);"
    "CREATE INDEX changes_limit ON changes(limit_name, group_name);"
    "CREATE TABLE overrides(limit_name TEXT NOT NULL, group_name TEXT NOT NULL, id INTEGER NOT "
    "NULL,"
    " has_amount INTEGER NOT NULL, blocked INTEGER NOT NULL, amount INTEGER NOT NULL,"
    " since INTEGER NOT NULL, until INTEGER NOT NULL, actor TEXT NOT NULL, uid INTEGER NOT NULL,"
    " reason TEXT NOT NULL, ticket TEXT NOT NULL, PRIMARY KEY(limit_name, group_name))"
    " WITHOUT ROWID;"
    "CREATE TABLE keys(access_key_id TEXT PRIMARY KEY, name TEXT NOT NULL, bearer BLOB NOT NULL,"
    " tags BLOB NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL,"
    " revoked INTEGER NOT NULL, last_used INTEGER NOT NULL);"
    "CREATE UNIQUE INDEX keys_name ON keys(name) WHERE revoked = 0;"
    "CREATE TABLE vals(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE counter(id INTEGER PRIMARY KEY CHECK(id = 1), seq INTEGER NOT NULL);"
    "INSERT INTO counter VALUES(1, 0);"
    "PRAGMA user_version=1;";

/* What is there already is not in the new table: it knows what comes after. */
static const char schema_2[] =
    "CREATE TABLE minutes(bucket INTEGER NOT NULL, series INTEGER NOT NULL, kind INTEGER NOT NULL,"
    " calls INTEGER NOT NULL, counted INTEGER NOT NULL, estimated INTEGER NOT NULL,"
    " input INTEGER NOT NULL, output INTEGER NOT NULL, cache_read INTEGER NOT NULL,"
    " cache_write_5m INTEGER NOT NULL, cache_write_1h INTEGER NOT NULL, usd INTEGER NOT NULL,"
    " PRIMARY KEY(bucket, series, kind)) WITHOUT ROWID;"
    "ALTER TABLE counter ADD COLUMN minutes_from INTEGER NOT NULL DEFAULT 0;"
    "UPDATE counter SET minutes_from = (SELECT ifnull(max(bucket) + 900000, 0) FROM rollups);"
    "PRAGMA user_version=2;";

static const char schema_3[] =
    "ALTER TABLE keys ADD COLUMN subject TEXT NOT NULL DEFAULT '';"
    "CREATE UNIQUE INDEX keys_subject ON keys(subject) WHERE revoked = 0 AND subject <> '';"
    "PRAGMA user_version=3;";

static const char schema_4[] =
    "CREATE TABLE packs(seq INTEGER PRIMARY KEY, calls BLOB NOT NULL);"
    "ALTER TABLE counter ADD COLUMN packed_from INTEGER NOT NULL DEFAULT 0;"
    "UPDATE counter SET packed_from = seq;"
    "ALTER TABLE series ADD COLUMN day INTEGER NOT NULL DEFAULT 0;"
    "UPDATE series SET day = strftime('%s', 'now') / 86400;"
    "CREATE INDEX series_day ON series(day);"
    "PRAGMA user_version=4;";

static const char *const steps[SCHEMA_VERSION] = {schema_1, schema_2, schema_3, schema_4};

static enum err read_version(sqlite3 *db, int *version, struct err_info *ei)
{
    sqlite3_stmt *s = sql_prepare(db, "PRAGMA user_version", ei);
    if (s == NULL) {
        return ERR_IO;
    }
    enum err e = ERR_OK;
    if (sqlite3_step(s) == SQLITE_ROW) {
        *version = sqlite3_column_int(s, 0);
    } else {
        e = sql_fail(db, "reading its version", ei);
    }
    (void)sqlite3_finalize(s);
    return e;
}

static enum err refuse_newer(int version, struct err_info *ei)
{
    return err_set(ei, ERR_UNSUPPORTED,
                   "ledger.db has version %d, this tollgate knows %d: use the newer tollgate",
                   version, SCHEMA_VERSION);
}

enum err schema_check(sqlite3 *db, struct err_info *ei)
{
    int version = 0;
    enum err e = read_version(db, &version, ei);
    if (e != ERR_OK) {
        return e;
    }
    if (version == 0) {
        return err_set(ei, ERR_NOT_FOUND, "ledger.db is empty: no tollgate has used it yet");
    }
    if (version > 0 && version < SCHEMA_VERSION) {
        return err_set(ei, ERR_UNSUPPORTED,
                       "ledger.db is of an earlier tollgate (version %d, not %d): start the core "
                       "once to bring it up to date",
                       version, SCHEMA_VERSION);
    }
    return version == SCHEMA_VERSION ? ERR_OK : refuse_newer(version, ei);
}

enum err schema_migrate(sqlite3 *db, struct err_info *ei)
{
    int version = 0;
    enum err e = read_version(db, &version, ei);
    if (e != ERR_OK || version == SCHEMA_VERSION) {
        return e;
    }
    if (version > SCHEMA_VERSION || version < 0) {
        return refuse_newer(version, ei);
    }
    e = sql_exec(db, "BEGIN IMMEDIATE", ei);
    if (e != ERR_OK) {
        return e;
    }
    for (int i = version; e == ERR_OK && i < SCHEMA_VERSION; i++) {
        if (sqlite3_exec(db, steps[i], NULL, NULL, NULL) != SQLITE_OK) {
            e = sql_fail(db, "creating its tables", ei);
        }
    }
    if (e == ERR_OK) {
        e = sql_exec(db, "COMMIT", ei);
    }
    if (e != ERR_OK) {
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL,
                           NULL); /* the first error is the one to tell */
    }
    return e;
}
