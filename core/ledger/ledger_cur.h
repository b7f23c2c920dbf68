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

/* One line of the bill. Slices are read during the call. */
struct ledger_cur_line {
    struct str period; /* "2026-11" */
    struct str day;    /* "2026-11-21" */
    struct str principal, service, usage_type;
    struct str tags; /* JSON object, keys sorted; "{}" */
    money_t usd;
    double usage;
};
/* Adds it up with its like. The first line of a billing period in this import drops what an earlier
 * import had of that period: a report replaces the one before it. */
enum err ledger_cur_add(struct ledger_cur *c, const struct ledger_cur_line *l,
                        struct err_info *ei) MUST_CHECK;
enum err ledger_cur_commit(struct ledger_cur *c, struct err_info *ei) MUST_CHECK;

struct ledger_cur_sum {
    struct str key; /* "" where the line has none */
    money_t usd;
    double usage;
    int64_t lines;
    struct str first_day, last_day;
};
/* Sums by "principal", "day", "service", "usage_type", "tags" (the whole set) or a tag's key,
 * dearest first (days in order), at most 10,000. period "" is all. fn false ends it. */
enum err ledger_cur_sums(struct ledger_cur *c, const char *by, const char *period,
                         bool (*fn)(void *arg, const struct ledger_cur_sum *s), void *arg,
                         struct err_info *ei) MUST_CHECK;

#endif
