/* boot.c: did the machine go down while a core ran? The kernel's boot ID is kept in the ledger;
 * what was not on the disk then leaves no trace that could be counted. */
#include "core/base/log.h"
#include "core/ledger/ledger_private.h"

#include <stdio.h>
#include <string.h>

#define BOOT_KEY "boot_id"

static bool read_boot(char out[64])
{
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    bool ok = f != NULL && fgets(out, 64, f) != NULL;
    if (f != NULL) {
        (void)fclose(f);
    }
    if (ok) {
        out[strcspn(out, "\n")] = '\0';
    }
    return ok && out[0] != '\0';
}

void ledger_look_at_boot(struct ledger *g)
{
    char now[64];
    struct buf before = {.max = 256};
    g->same_boot = read_boot(now) && ledger_get_value(g, BOOT_KEY, &before) == ERR_OK &&
                   str_is(buf_str(&before), now);
    buf_free(&before);
}

enum err ledger_note_boot(struct ledger *g, struct err_info *ei)
{
    char now[64];
    struct buf before = {.max = 256};
    if (g->same_boot || !read_boot(now)) {
        return ERR_OK; /* without such a kernel nothing is said */
    }
    g->machine_went_down = ledger_get_value(g, BOOT_KEY, &before) == ERR_OK && g->unclean;
    buf_free(&before);
    if (g->machine_went_down) {
        log_warn("ledger", "the machine went down while tollgate ran: calls that ended in the last "
                           "100 ms before (longer if the disk stalled) may be missing, those that "
                           "were open are charged");
    }
    return ledger_put_value(g, BOOT_KEY, str_of(now), ei);
}
