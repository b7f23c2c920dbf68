/* ledger_cur.c: see ledger_cur.h. */
#include "core/ledger/ledger_cur.h"

#include "core/ledger/sql.h"
#include "core/ledger/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CUR_VERSION    1
#define PERIODS_MAX    64 /* in one import: more than five years */
#define BUSY_MS        5000
#define PERIOD_TEXT    8
#define SUMS_MAX       10000
#define TEXT_OF(value) #value
#define NUMBER(value)  TEXT_OF(value)

struct ledger_cur {
    sqlite3 *db;
    sqlite3_stmt *add, *drop;
    char periods[PERIODS_MAX][PERIOD_TEXT]; /* seen in this import */
    size_t period_count;
    bool open; /* a transaction */
};

static const char schema[] =
    "CREATE TABLE bill(period TEXT NOT NULL, day TEXT NOT NULL, principal TEXT NOT NULL,"
    " service TEXT NOT NULL, usage_type TEXT NOT NULL, tags TEXT NOT NULL, usd INTEGER NOT NULL,"
    " usage REAL NOT NULL, lines INTEGER NOT NULL,"
    " PRIMARY KEY(period, day, principal, service, usage_type, tags)) WITHOUT ROWID;"
    "PRAGMA user_version=" NUMBER(CUR_VERSION) ";";

static enum err fail(struct ledger_cur *c, const char *doing, struct err_info *ei)
{
    int code = c->db != NULL ? sqlite3_errcode(c->db) & 0xFF : SQLITE_NOMEM;
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
        return err_set(ei, ERR_BUSY, "cur.db is in use: another import runs");
    }
    return err_set(ei, code == SQLITE_NOMEM ? ERR_NOMEM : ERR_IO, "cur.db: %s while %s",
                   c->db != NULL ? sqlite3_errmsg(c->db) : "out of memory", doing);
}

static enum err run(struct ledger_cur *c, const char *sql, const char *doing, struct err_info *ei)
{
    return sqlite3_exec(c->db, sql, NULL, NULL, NULL) == SQLITE_OK ? ERR_OK : fail(c, doing, ei);
}

static enum err version_of(struct ledger_cur *c, int *version, struct err_info *ei)
{
    sqlite3_stmt *s = NULL;
    enum err e = ERR_OK;
    if (sqlite3_prepare_v2(c->db, "PRAGMA user_version", -1, &s, NULL) != SQLITE_OK ||
        sqlite3_step(s) != SQLITE_ROW) {
        e = fail(c, "reading its version", ei);
    } else {
        *version = sqlite3_column_int(s, 0);
    }
    (void)sqlite3_finalize(s);
    if (e == ERR_OK && (*version < 0 || *version > CUR_VERSION)) {
        e = err_set(ei, ERR_UNSUPPORTED,
                    "cur.db has version %d, this tollgate knows %d: use the newer tollgate",
                    *version, CUR_VERSION);
    }
    return e;
}

/* The file exists before SQLite opens it, so that nobody else can ever read it. */
static enum err make_file(const char *path, struct err_info *ei)
{
    int fd = state_open(path);
    if (fd < 0) {
        return err_set_sys(ei, ERR_IO, errno, "%.200s cannot be opened", path);
    }
    close(fd);
    return ERR_OK;
}

static enum err begin_import(struct ledger_cur *c, struct err_info *ei)
{
    int version = 0;
    enum err e = run(c, "PRAGMA journal_mode=WAL; PRAGMA cache_size=-8192; BEGIN IMMEDIATE",
                     "beginning an import", ei);
    c->open = e == ERR_OK;
    e = e != ERR_OK ? e : version_of(c, &version, ei);
    if (e == ERR_OK && version == 0) {
        e = run(c, schema, "creating its table", ei);
    }
    if (e == ERR_OK &&
        (sqlite3_prepare_v2(
             c->db,
             "INSERT INTO bill VALUES(?,?,?,?,?,?,?,?,1) ON CONFLICT DO UPDATE SET"
             " usd = usd + excluded.usd, usage = usage + excluded.usage, lines = lines + 1",
             -1, &c->add, NULL) != SQLITE_OK ||
         sqlite3_prepare_v2(c->db, "DELETE FROM bill WHERE period = ?", -1, &c->drop, NULL) !=
             SQLITE_OK)) {
        e = fail(c, "preparing an import", ei);
    }
    return e;
}

static enum err begin_reading(struct ledger_cur *c, struct err_info *ei)
{
    int version = 0;
    enum err e = version_of(c, &version, ei);
    return e == ERR_OK && version == 0
               ? err_set(ei, ERR_NOT_FOUND,
                         "no bill was imported yet: tollgate aws cur import FILE")
               : e;
}

struct ledger_cur *ledger_cur_open(const char *state_dir, bool for_import, struct err_info *ei)
{
    char path[4200];
    struct ledger_cur *c = calloc(1, sizeof(*c));
    int n = snprintf(path, sizeof(path), "%s/cur.db", state_dir);
    if (c == NULL || n < 0 || n >= (int)sizeof(path)) {
        free(c);
        err_set(ei, ERR_NOMEM, "no memory for cur.db");
        return NULL;
    }
    enum err e = ERR_OK;
    if (for_import) {
        if (mkdir(state_dir, 0711) != 0 && errno != EEXIST) {
            e = err_set_sys(ei, ERR_IO, errno, "%.200s cannot be made", state_dir);
        }
        e = e != ERR_OK ? e : make_file(path, ei);
    } else if (access(path, F_OK) != 0) {
        e = err_set(ei, ERR_NOT_FOUND, "no bill was imported yet: tollgate aws cur import FILE");
    }
    if (e == ERR_OK && sqlite3_open_v2(path, &c->db,
                                       SQLITE_OPEN_NOMUTEX | (for_import ? SQLITE_OPEN_READWRITE
                                                                         : SQLITE_OPEN_READONLY),
                                       NULL) != SQLITE_OK) {
        e = fail(c, "opening it", ei);
    }
    if (e == ERR_OK) {
        sqlite3_busy_timeout(c->db, BUSY_MS);
        e = for_import ? begin_import(c, ei) : begin_reading(c, ei);
    }
    if (e != ERR_OK) {
        ledger_cur_close(c);
        return NULL;
    }
    return c;
}

void ledger_cur_close(struct ledger_cur *c)
{
    if (c == NULL) {
        return;
    }
    (void)sqlite3_finalize(c->add);
    (void)sqlite3_finalize(c->drop);
    if (c->open) {
        (void)sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL); /* nothing more to tell */
    }
    (void)sqlite3_close(c->db);
    free(c);
}

static enum err step(struct ledger_cur *c, sqlite3_stmt *s, const char *doing, struct err_info *ei)
{
    enum err e = sqlite3_step(s) == SQLITE_DONE ? ERR_OK : fail(c, doing, ei);
    (void)sqlite3_reset(s);
    return e;
}

/* Drops the period's earlier lines when it is seen for the first time. */
static enum err see_period(struct ledger_cur *c, struct str period, struct err_info *ei)
{
    for (size_t i = 0; i < c->period_count; i++) {
        if (str_is(period, c->periods[i])) {
            return ERR_OK;
        }
    }
    if (c->period_count == PERIODS_MAX ||
        !str_copy(c->periods[c->period_count], PERIOD_TEXT, period)) {
        return err_set(ei, ERR_TOO_BIG, "more than %d billing periods in one import", PERIODS_MAX);
    }
    sql_bind_text(c->drop, 1, c->periods[c->period_count++]);
    return step(c, c->drop, "replacing a billing period", ei);
}

enum err ledger_cur_add(struct ledger_cur *c, const struct ledger_cur_line *l, struct err_info *ei)
{
    enum err e = see_period(c, l->period, ei);
    if (e != ERR_OK) {
        return e;
    }
    sql_bind_str(c->add, 1, l->period);
    sql_bind_str(c->add, 2, l->day);
    sql_bind_str(c->add, 3, l->principal);
    sql_bind_str(c->add, 4, l->service);
    sql_bind_str(c->add, 5, l->usage_type);
    sql_bind_str(c->add, 6, l->tags);
    sql_bind_int(c->add, 7, l->usd);
    (void)sqlite3_bind_double(c->add, 8, l->usage);
    return step(c, c->add, "adding a line", ei);
}

enum err ledger_cur_commit(struct ledger_cur *c, struct err_info *ei)
{
    enum err e = run(c, "COMMIT", "committing the import", ei);
    c->open = e != ERR_OK;
    c->period_count = e == ERR_OK ? 0 : c->period_count;
    return e;
}

/* --- sums --- */

/* What a line is grouped by: a column, or the tag of that key. */
static const char *expression_of(const char *by)
{
    static const char *const columns[] = {"principal", "day", "service", "usage_type", "tags"};
    for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
        if (strcmp(by, columns[i]) == 0) {
            return columns[i];
        }
    }
    return "ifnull((SELECT value FROM json_each(bill.tags) WHERE key = ?2), '')";
}

enum err ledger_cur_sums(struct ledger_cur *c, const char *by, const char *period,
                         bool (*fn)(void *arg, const struct ledger_cur_sum *s), void *arg,
                         struct err_info *ei)
{
    char sql[700];
    sqlite3_stmt *s = NULL;
    int n =
        snprintf(sql, sizeof(sql),
                 "SELECT %s AS k, sum(usd), sum(usage), sum(lines), min(day), max(day) FROM bill"
                 " WHERE (?1 = '' OR period = ?1) AND ?2 IS NOT NULL GROUP BY k ORDER BY %s"
                 " LIMIT " NUMBER(SUMS_MAX),
                 expression_of(by), strcmp(by, "day") == 0 ? "k" : "sum(usd) DESC, k");
    if (n < 0 || n >= (int)sizeof(sql) ||
        sqlite3_prepare_v2(c->db, sql, -1, &s, NULL) != SQLITE_OK) {
        return fail(c, "preparing a sum", ei);
    }
    sql_bind_text(s, 1, period);
    sql_bind_text(s, 2, by);
    int rc;
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct ledger_cur_sum sum = {.key = sql_column(s, 0),
                                     .usd = sqlite3_column_int64(s, 1),
                                     .usage = sqlite3_column_double(s, 2),
                                     .lines = sqlite3_column_int64(s, 3),
                                     .first_day = sql_column(s, 4),
                                     .last_day = sql_column(s, 5)};
        if (!fn(arg, &sum)) {
            rc = SQLITE_DONE;
            break;
        }
    }
    enum err e = rc == SQLITE_DONE ? ERR_OK : fail(c, "summing", ei);
    (void)sqlite3_finalize(s);
    return e;
}
