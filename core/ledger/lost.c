/* lost.c: is the ledger the one that was kept here? What a core leaves beside ledger.db (the file
 * ledger.made, journals) outlives it: where the database is gone, empty or older than they are,
 * counters, keys and overrides are not what they were, and that is said for a day. */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/ledger/ledger_private.h"
#include "core/ledger/state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOST_KEY "ledger_lost" /* when, and the text */
#define MADE     "ledger.made"
#define SHOWN_MS (24 * 3600 * 1000LL)
#define NOBODY   UINT32_MAX /* no user's change */

static const char gone[] = "ledger.db was gone or empty at the start though a ledger had been kept "
                           "here: limits, keys and changes began anew";
static const char older[] = "ledger.db is older than the journals beside it: what was counted and "
                            "changed since it was copied is missing";

void ledger_lost_look(struct ledger *g)
{
    char path[LEDGER_PATH_MAX];
    struct stat st;
    ledger_path(g, path, "ledger.db");
    if (stat(path, &st) == 0 && st.st_size > 0) {
        return;
    }
    ledger_path(g, path, MADE);
    bool made = access(path, F_OK) == 0;
    ledger_journal_path(g, path, 0);
    g->gone_at_start = made || access(path, F_OK) == 0;
}

static enum err leave_mark(const struct ledger *g, struct err_info *ei)
{
    char path[LEDGER_PATH_MAX];
    ledger_path(g, path, MADE);
    if (access(path, F_OK) == 0) {
        return ERR_OK;
    }
    int fd = state_open(path);
    bool made = fd >= 0 && fsync(fd) == 0;
    int sys = errno;
    if (fd >= 0) {
        close(fd);
    }
    return made ? ERR_OK : err_set_sys(ei, ERR_IO, sys, "cannot write %s", path);
}

/* Into the audit, and to be shown after later starts too. */
static enum err note(struct ledger *g, const char *text, struct err_info *ei)
{
    char value[sizeof(g->lost_text) + 32];
    struct ledger_change c = {.time_ms = clock_wall_ms(), .actor_uid = NOBODY};
    (void)str_copy(c.action, sizeof(c.action), STR("ledger.lost"));
    (void)str_copy(c.actor, sizeof(c.actor), STR("tollgate"));
    (void)str_copy(c.reason, sizeof(c.reason), str_of(text));
    log_error("ledger", "%s (%s)", text, g->dir);
    enum err e = ledger_change(g, &c, ei);
    (void)snprintf(value, sizeof(value), "%lld %s", (long long)c.time_ms, text);
    return e == ERR_OK ? ledger_put_value(g, LOST_KEY, str_of(value), ei) : e;
}

static void remember(struct ledger *g)
{
    struct buf value = {.max = 1024};
    struct str text;
    if (ledger_get_value(g, LOST_KEY, &value) == ERR_OK &&
        str_to_i64(str_cut(buf_str(&value), ' ', &text), &g->lost_ms)) {
        (void)str_copy(g->lost_text, sizeof(g->lost_text), text);
    }
    buf_free(&value);
}

enum err ledger_lost_note(struct ledger *g, struct err_info *ei)
{
    enum err e = ERR_OK;
    if (g->gone_at_start || g->older_than_journals) {
        e = note(g, g->gone_at_start ? gone : older, ei);
    }
    if (e == ERR_OK) {
        e = leave_mark(g, ei);
    }
    if (e == ERR_OK) {
        remember(g);
    }
    return e;
}

void ledger_lost_tell(const struct ledger *g, struct ledger_health *out)
{
    int64_t age_ms = clock_wall_ms() - g->lost_ms;
    if (g->lost_ms > 0 && age_ms < SHOWN_MS) {
        out->lost_ms = g->lost_ms;
        (void)str_copy(out->lost_text, sizeof(out->lost_text), str_of(g->lost_text));
    }
}
