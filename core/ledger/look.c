/* look.c: is what was committed really there? The writer keeps the pages it works on in memory and
 * would go on into files that hold nothing readable any more. So, every few seconds, a connection
 * that has nothing in memory reads how far the ledger goes. What lies deeper is found when it is
 * read. */
#include "core/base/log.h"
#include "core/ledger/ledger_private.h"

static enum err read_newest(sqlite3 *db, int64_t *seq, struct err_info *ei)
{
    sqlite3_stmt *s = sql_prepare(
        db, "SELECT max(c.seq, ifnull((SELECT max(seq) FROM calls), 0)) FROM counter c", ei);
    if (s == NULL) {
        return ei->code;
    }
    enum err e = ERR_OK;
    if (sqlite3_step(s) == SQLITE_ROW) {
        *seq = sqlite3_column_int64(s, 0);
    } else {
        e = sql_fail(db, "looking whether it can be read", ei);
    }
    (void)sqlite3_finalize(s);
    return e;
}

/* Anything but damage (no memory, no descriptor) is none of this file's business. */
static enum err look(const struct ledger *g, struct err_info *ei)
{
    char path[LEDGER_PATH_MAX];
    int64_t seq = 0;
    ledger_path(g, path, "ledger.db");
    sqlite3 *db = sql_open(path, SQL_READ, ei);
    enum err e = db != NULL ? read_newest(db, &seq, ei) : ei->code;
    (void)sqlite3_close(db);
    if (e == ERR_OK && seq < g->fold.committed_seq) {
        e = err_set(ei, ERR_CORRUPT,
                    "the ledger is damaged: move ledger.db away (it has lost what "
                    "was stored)");
    }
    return e == ERR_CORRUPT ? e : ERR_OK;
}

void ledger_look(struct ledger *g)
{
    struct err_info ei = {0};
    pthread_mutex_lock(&g->write_lock);
    enum err before = g->damage.code, e = look(g, &ei);
    g->damage = e == ERR_OK ? (struct err_info){0} : ei;
    pthread_mutex_unlock(&g->write_lock);
    if (e != ERR_OK && before == ERR_OK) {
        log_error("ledger", "%s", ei.text);
    }
}
