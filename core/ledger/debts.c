/* debts.c: memory for what limits owe, a file beside the journals. It outlives the process. To the
 * disk it goes when the kernel thinks fit: who stores into a page on its way there may wait for it,
 * and that is a worker, with the limits locked. */
#include "core/base/log.h"
#include "core/ledger/ledger_private.h"
#include "core/ledger/state.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEBTS_BYTES ((size_t)4 << 20)

static enum err map_file(struct ledger *g, const char *path, int flags, struct err_info *ei)
{
    void *map = mmap(NULL, DEBTS_BYTES, PROT_READ | PROT_WRITE, flags, g->debts_fd, 0);
    if (map == MAP_FAILED) {
        return err_set_sys(ei, ERR_IO, errno, "cannot map %s", path);
    }
    g->debts = map;
    return ERR_OK;
}

void ledger_debts_open(struct ledger *g)
{
    char path[LEDGER_PATH_MAX];
    struct err_info ei = {.code = ERR_OK};
    ledger_path(g, path, "debts");
    g->debts_fd = state_open(path);
    enum err e = g->debts_fd >= 0 ? state_set_aside(g->debts_fd, DEBTS_BYTES, path, &ei)
                                  : err_set_sys(&ei, ERR_IO, errno, "cannot open %s", path);
    if (e != ERR_OK || map_file(g, path, MAP_SHARED, &ei) != ERR_OK) {
        log_warn("ledger", "what limits owe for earlier windows will not outlive a crash: %s",
                 ei.text);
    }
}

void ledger_debts_look(struct ledger *g)
{
    char path[LEDGER_PATH_MAX];
    struct err_info ei = {.code = ERR_OK};
    struct stat st;
    ledger_path(g, path, "debts");
    g->debts_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool whole = g->debts_fd >= 0 && fstat(g->debts_fd, &st) == 0 && st.st_size == DEBTS_BYTES;
    if (whole && map_file(g, path, MAP_PRIVATE, &ei) != ERR_OK) {
        log_warn("ledger", "what limits owe for earlier windows is not counted: %s", ei.text);
    }
}

void ledger_debts_close(struct ledger *g)
{
    if (g->debts != NULL) {
        (void)munmap(g->debts, DEBTS_BYTES);
    }
    if (g->debts_fd >= 0) {
        (void)close(g->debts_fd);
    }
}

void *ledger_debts(struct ledger *g, size_t *bytes)
{
    *bytes = g->debts == NULL ? 0 : DEBTS_BYTES;
    return g->debts;
}
