/* ledger_cur.h: AWS's own bill (lines of CUR 2.0) by IAM principal, kept beside the ledger. It has
 * a database of its own, cur.db in the state directory (0600), because a long import must not keep
 * the ledger thread, which is ledger.db's only writer, from committing. */
#ifndef TOLLGATE_LEDGER_LEDGER_CUR_H
#define TOLLGATE_LEDGER_LEDGER_CUR_H

#include "core/base/err.h"
#include "core/base/money.h"

struct ledger_cur;
/* for_import: creates the file and takes SQLite's write lock until ledger_cur_close; ERR_BUSY:
 * another import runs. Otherwise only for reading: ERR_NOT_FOUND when nothing was imported yet. */
struct ledger_cur *ledger_cur_open(const char *state_dir, bool for_import, struct err_info *ei);
/* What was not committed is undone. */
void ledger_cur_close(struct ledger_cur *c);
/* Whatever was imported before of the periods of this import goes, whichever file it came from. */
void ledger_cur_replace(struct ledger_cur *c);

/* Begins a file of the import, told by the last part of its path: "docs-00002.csv.gz" is part of
 * the export "docs". In each billing period that it has lines of it replaces what was imported of
 * it before, and of any other export; other parts of its own export stay. */
void ledger_cur_begin(struct ledger_cur *c, const char *path);

/* One line of the bill. Slices are read during the call. */
struct ledger_cur_line {
    struct str period; /* "2026-11" */
    struct str day;    /* "2026-11-21" */
    struct str principal, service, usage_type, model;
    struct str tags; /* JSON object, keys sorted; "{}" */
    money_t usd;
    double usage;
};
/* Adds it up with its like of the file begun last. ERR_CONFLICT: two files of the import have one
 * name and lines of one period. */
enum err ledger_cur_add(struct ledger_cur *c, const struct ledger_cur_line *l,
                        struct err_info *ei) MUST_CHECK;
enum err ledger_cur_commit(struct ledger_cur *c, struct err_info *ei) MUST_CHECK;

/* A file that was imported, of one billing period. */
struct ledger_cur_file {
    struct str period, name;
    int64_t imported_ms;
    money_t usd;
    int64_t lines;
};
/* Those of the periods that the last import had, by period and name. fn false ends it. */
enum err ledger_cur_files(struct ledger_cur *c,
                          bool (*fn)(void *arg, const struct ledger_cur_file *f), void *arg,
                          struct err_info *ei) MUST_CHECK;

#define LEDGER_CUR_KEYS     3
#define LEDGER_CUR_SUMS_MAX 10000
struct ledger_cur_sum {
    struct str keys[LEDGER_CUR_KEYS]; /* "" where the line has none */
    money_t usd;
    double usage;
    int64_t lines;
    struct str first_day, last_day;
};
/* Sums by count (1 to LEDGER_CUR_KEYS) of "principal", "model", "day", "service", "usage_type",
 * "tags" (the whole set) or a tag's key, dearest first (by day alone: in order), at most
 * LEDGER_CUR_SUMS_MAX. period "" is all. fn false ends it. */
enum err ledger_cur_sums(struct ledger_cur *c, const char *const *by, size_t count,
                         const char *period, bool (*fn)(void *arg, const struct ledger_cur_sum *s),
                         void *arg, struct err_info *ei) MUST_CHECK;

#endif
