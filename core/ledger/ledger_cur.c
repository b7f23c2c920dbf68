/* ledger_cur.c: see ledger_cur.h. */
#include "core/ledger/ledger_cur.h"

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/ledger/sql.h"
#include "core/ledger/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CUR_VERSION    2
#define PERIODS_MAX    64 /* in one file: more than five years */
#define BUSY_MS        5000
#define PERIOD_TEXT    8
#define NAME_TEXT      256
#define TEXT_OF(value) #value
#define NUMBER(value)  TEXT_OF(value)

/* What the import has done with a period of the file begun last. */
struct begun {
    char period[PERIOD_TEXT];
    int64_t file;
};

struct ledger_cur {
    sqlite3 *db;
    sqlite3_stmt *add;
    char name[NAME_TEXT], export[NAME_TEXT]; /* of the file begun last */
    struct begun begun[PERIODS_MAX];
    size_t begun_count;
    int64_t import; /* number of this one */
    bool replace;
    bool open; /* a transaction */
};

/* A bill of version 1 did not know its files: it is imported once more. */
static const char schema[] =
    "DROP TABLE IF EXISTS bill;"
    "CREATE TABLE file(id INTEGER PRIMARY KEY, period TEXT NOT NULL, name TEXT NOT NULL,"
    " export TEXT NOT NULL, import INTEGER NOT NULL, at INTEGER NOT NULL, UNIQUE(period, name));"
    "CREATE TABLE bill(file INTEGER NOT NULL, day TEXT NOT NULL, principal TEXT NOT NULL,"
    " service TEXT NOT NULL, usage_type TEXT NOT NULL, tags TEXT NOT NULL, model TEXT NOT NULL,"
    " usd INTEGER NOT NULL, usage REAL NOT NULL, lines INTEGER NOT NULL,"
    " PRIMARY KEY(file, day, principal, service, usage_type, tags)) WITHOUT ROWID;"
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

static enum err number_import(struct ledger_cur *c, struct err_info *ei)
{
    sqlite3_stmt *s = NULL;
    enum err e = ERR_OK;
    if (sqlite3_prepare_v2(c->db, "SELECT ifnull(max(import), 0) + 1 FROM file", -1, &s, NULL) !=
            SQLITE_OK ||
        sqlite3_step(s) != SQLITE_ROW) {
        e = fail(c, "numbering an import", ei);
    } else {
        c->import = sqlite3_column_int64(s, 0);
    }
    (void)sqlite3_finalize(s);
    return e;
}

static enum err begin_import(struct ledger_cur *c, struct err_info *ei)
{
    int version = 0;
    enum err e = run(c, "PRAGMA journal_mode=WAL; PRAGMA cache_size=-8192; BEGIN IMMEDIATE",
                     "beginning an import", ei);
    c->open = e == ERR_OK;
    e = e != ERR_OK ? e : version_of(c, &version, ei);
    if (e == ERR_OK && version < CUR_VERSION) {
        e = run(c, schema, "creating its tables", ei);
    }
    e = e != ERR_OK ? e : number_import(c, ei);
    if (e == ERR_OK &&
        sqlite3_prepare_v2(
            c->db,
            "INSERT INTO bill VALUES(?,?,?,?,?,?,?,?,?,1) ON CONFLICT DO UPDATE SET"
            " usd = usd + excluded.usd, usage = usage + excluded.usage, lines = lines + 1",
            -1, &c->add, NULL) != SQLITE_OK) {
        e = fail(c, "preparing an import", ei);
    }
    return e;
}

static enum err begin_reading(struct ledger_cur *c, struct err_info *ei)
{
    int version = 0;
    enum err e = version_of(c, &version, ei);
    if (e == ERR_OK && version < CUR_VERSION) {
        e = err_set(ei, ERR_NOT_FOUND,
                    version == 0 ? "no bill was imported yet: tollgate aws cur import FILE"
                                 : "the bill was imported by an earlier tollgate: once more, "
                                   "tollgate aws cur import FILE");
    }
    return e;
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
    if (c->open) {
        (void)sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL); /* nothing more to tell */
    }
    (void)sqlite3_close(c->db);
    free(c);
}

void ledger_cur_replace(struct ledger_cur *c)
{
    c->replace = true;
}

/* --- files --- */

static struct str without(struct str name, const char *end)
{
    return str_ends(name, end) ? str_sub(name, 0, name.n - strlen(end)) : name;
}

void ledger_cur_begin(struct ledger_cur *c, const char *path)
{
    const char *slash = strrchr(path, '/');
    struct str name = without(without(str_of(slash != NULL ? slash + 1 : path), ".gz"), ".csv");
    size_t n = name.n;
    while (n > 0 && name.p[n - 1] >= '0' && name.p[n - 1] <= '9') {
        n--;
    }
    bool part = n > 1 && n < name.n && name.p[n - 1] == '-';
    (void)str_copy(c->name, sizeof(c->name), name);
    (void)str_copy(c->export, sizeof(c->export), part ? str_sub(name, 0, n - 1) : name);
    c->begun_count = 0;
}

/* Runs a statement of ?1 period, ?2 name, ?3 export, ?4 import, ?5 now and maybe ?6: whether all
 * goes. */
static enum err change(struct ledger_cur *c, const char *sql, const char *period,
                       struct err_info *ei)
{
    sqlite3_stmt *s = NULL;
    enum err e = ERR_OK;
    if (sqlite3_prepare_v2(c->db, sql, -1, &s, NULL) != SQLITE_OK) {
        return fail(c, "preparing an import", ei);
    }
    sql_bind_text(s, 1, period);
    sql_bind_text(s, 2, c->name);
    sql_bind_text(s, 3, c->export);
    sql_bind_int(s, 4, c->import);
    sql_bind_int(s, 5, clock_wall_ms());
    if (sqlite3_bind_parameter_count(s) >= 6) {
        sql_bind_int(s, 6, c->replace ? 1 : 0);
    }
    int rc = sqlite3_step(s);
    if (rc == SQLITE_CONSTRAINT) {
        e = err_set(ei, ERR_CONFLICT,
                    "two of the files are called %.100s and have lines of %s: give one of them, or "
                    "rename it",
                    c->name, period);
    } else if (rc != SQLITE_DONE) {
        e = fail(c, "replacing a file", ei);
    }
    (void)sqlite3_finalize(s);
    return e;
}

/* Drops what the file begun last replaces in a period. */
static enum err begin_period(struct ledger_cur *c, struct begun *b, struct err_info *ei)
{
#define REPLACED                                                                                   \
    " FROM file WHERE period = ?1 AND import <> ?4 AND"                                            \
    " (?6 OR name = ?2 OR export <> ?3)"
    enum err e = change(c, "DELETE FROM bill WHERE file IN (SELECT id" REPLACED ")", b->period, ei);
    e = e != ERR_OK ? e : change(c, "DELETE" REPLACED, b->period, ei);
    e = e != ERR_OK ? e
                    : change(c,
                             "INSERT INTO file(period, name, export, import, at)"
                             " VALUES(?1, ?2, ?3, ?4, ?5)",
                             b->period, ei);
    b->file = sqlite3_last_insert_rowid(c->db);
    return e;
}

static enum err file_of(struct ledger_cur *c, struct str period, int64_t *file, struct err_info *ei)
{
    for (size_t i = 0; i < c->begun_count; i++) {
        if (str_is(period, c->begun[i].period)) {
            *file = c->begun[i].file;
            return ERR_OK;
        }
    }
    struct begun *b = &c->begun[c->begun_count];
    if (c->begun_count == PERIODS_MAX || !str_copy(b->period, PERIOD_TEXT, period)) {
        return err_set(ei, ERR_TOO_BIG, "more than %d billing periods in one file", PERIODS_MAX);
    }
    c->begun_count++;
    enum err e = begin_period(c, b, ei);
    *file = b->file;
    return e;
}

enum err ledger_cur_add(struct ledger_cur *c, const struct ledger_cur_line *l, struct err_info *ei)
{
    int64_t file = 0;
    enum err e = file_of(c, l->period, &file, ei);
    if (e != ERR_OK) {
        return e;
    }
    sql_bind_int(c->add, 1, file);
    sql_bind_str(c->add, 2, l->day);
    sql_bind_str(c->add, 3, l->principal);
    sql_bind_str(c->add, 4, l->service);
    sql_bind_str(c->add, 5, l->usage_type);
    sql_bind_str(c->add, 6, l->tags);
    sql_bind_str(c->add, 7, l->model);
    sql_bind_int(c->add, 8, l->usd);
    (void)sqlite3_bind_double(c->add, 9, l->usage);
    e = sqlite3_step(c->add) == SQLITE_DONE ? ERR_OK : fail(c, "adding a line", ei);
    (void)sqlite3_reset(c->add);
    return e;
}

enum err ledger_cur_commit(struct ledger_cur *c, struct err_info *ei)
{
    enum err e = run(c, "COMMIT", "committing the import", ei);
    c->open = e != ERR_OK;
    return e;
}

enum err ledger_cur_files(struct ledger_cur *c,
                          bool (*fn)(void *arg, const struct ledger_cur_file *f), void *arg,
                          struct err_info *ei)
{
    sqlite3_stmt *s = NULL;
    int rc = SQLITE_DONE;
    if (sqlite3_prepare_v2(c->db,
                           "SELECT f.period, f.name, f.at, sum(b.usd), sum(b.lines) FROM file f"
                           " JOIN bill b ON b.file = f.id WHERE f.period IN (SELECT period FROM"
                           " file WHERE import = (SELECT max(import) FROM file))"
                           " GROUP BY f.id ORDER BY f.period, f.name",
                           -1, &s, NULL) != SQLITE_OK) {
        return fail(c, "preparing the files", ei);
    }
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct ledger_cur_file f = {.period = sql_column(s, 0),
                                    .name = sql_column(s, 1),
                                    .imported_ms = sqlite3_column_int64(s, 2),
                                    .usd = sqlite3_column_int64(s, 3),
                                    .lines = sqlite3_column_int64(s, 4)};
        if (!fn(arg, &f)) {
            rc = SQLITE_DONE;
            break;
        }
    }
    enum err e = rc == SQLITE_DONE ? ERR_OK : fail(c, "listing the files", ei);
    (void)sqlite3_finalize(s);
    return e;
}

/* --- sums --- */

/* What a line is grouped by: a column, or the tag whose key is parameter `at`. */
static bool add_expression(struct buf *sql, const char *by, size_t at)
{
    static const char *const columns[] = {"principal", "model",      "day",
                                          "service",   "usage_type", "tags"};
    for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
        if (strcmp(by, columns[i]) == 0) {
            return buf_printf(sql, "b.%s AS k%zu, ", columns[i], at);
        }
    }
    return buf_printf(
        sql, "ifnull((SELECT value FROM json_each(b.tags) WHERE key = ?%zu), '') AS k%zu, ", at + 2,
        at);
}

static bool write_sums(struct buf *sql, const char *const *by, size_t count)
{
    static const char *const groups[] = {"k0", "k0, k1", "k0, k1, k2"};
    bool days = count == 1 && strcmp(by[0], "day") == 0;
    buf_add(sql, "SELECT ");
    for (size_t i = 0; i < count; i++) {
        (void)add_expression(sql, by[i], i);
    }
    return buf_printf(sql,
                      "sum(b.usd), sum(b.usage), sum(b.lines), min(b.day), max(b.day) FROM bill b"
                      " JOIN file f ON f.id = b.file WHERE (?1 = '' OR f.period = ?1)"
                      " GROUP BY %s ORDER BY %s%s LIMIT " NUMBER(LEDGER_CUR_SUMS_MAX),
                      groups[count - 1], days ? "" : "sum(b.usd) DESC, ", groups[count - 1]);
}

enum err ledger_cur_sums(struct ledger_cur *c, const char *const *by, size_t count,
                         const char *period, bool (*fn)(void *arg, const struct ledger_cur_sum *s),
                         void *arg, struct err_info *ei)
{
    struct buf sql = {0};
    sqlite3_stmt *s = NULL;
    int columns = (int)count, rc;
    if (!write_sums(&sql, by, count) ||
        sqlite3_prepare_v2(c->db, buf_cstr(&sql), -1, &s, NULL) != SQLITE_OK) {
        buf_free(&sql);
        return fail(c, "preparing a sum", ei);
    }
    buf_free(&sql);
    sql_bind_text(s, 1, period);
    for (int i = 0; i < columns; i++) {
        (void)sqlite3_bind_text(s, i + 2, by[i], -1, SQLITE_STATIC); /* no such one: no tag */
    }
    while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
        struct ledger_cur_sum sum = {.usd = sqlite3_column_int64(s, columns),
                                     .usage = sqlite3_column_double(s, columns + 1),
                                     .lines = sqlite3_column_int64(s, columns + 2),
                                     .first_day = sql_column(s, columns + 3),
                                     .last_day = sql_column(s, columns + 4)};
        for (int i = 0; i < columns; i++) {
            sum.keys[i] = sql_column(s, i);
        }
        if (!fn(arg, &sum)) {
            rc = SQLITE_DONE;
            break;
        }
    }
    enum err e = rc == SQLITE_DONE ? ERR_OK : fail(c, "summing", ei);
    (void)sqlite3_finalize(s);
    return e;
}
