/* replay.c: at start, what the journals of an earlier process still hold goes into the database. */
#include "core/base/log.h"
#include "core/ledger/journal_private.h"
#include "core/ledger/ledger_private.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#define JOURNALS_MAX    1024
#define GENERATION_ROWS "4096" /* kept, so that an old copy of a journal is known as folded */

/* Records of one generation: [from, to) of the image. */
struct life {
    struct journal_record *records;
    size_t count;
};

/* A hole between two records, or before the place up to which the file says it was written. */
static int64_t count_holes(const struct journal_image *image, const struct life *life,
                           uint64_t from)
{
    int64_t holes = 0;
    uint64_t end = from > 0 ? from : life->records[0].position;
    for (size_t i = 0; i < life->count; i++) {
        if (life->records[i].position - end >= sizeof(struct journal_frame)) {
            holes++;
        }
        end = journal_record_end(&life->records[i]);
    }
    return image->head > end ? holes + 1 : holes;
}

static enum err replay_life(struct ledger *g, const struct journal_image *image,
                            const struct life *life, uint64_t generation, struct err_info *ei)
{
    uint64_t done = 0;
    enum err e = fold_position(&g->fold, generation, &done, ei);
    if (e != ERR_OK) {
        return e;
    }
    struct life rest = *life;
    while (rest.count > 0 && rest.records[0].position < done) {
        rest.records++;
        rest.count--;
    }
    if (rest.count == 0) {
        return ERR_OK;
    }
    g->fold.damaged += count_holes(image, &rest, done);
    uint64_t end = journal_record_end(&rest.records[rest.count - 1]);
    return fold_records(&g->fold, generation, end, rest.records, rest.count, ei);
}

static enum err replay_image(struct ledger *g, const struct journal_image *image,
                             struct err_info *ei)
{
    enum err e = ERR_OK;
    for (size_t from = 0, to; e == ERR_OK && from < image->count; from = to) {
        to = from + 1;
        while (to < image->count && image->generations[to] == image->generations[from]) {
            to++;
        }
        struct life life = {image->records + from, to - from};
        e = replay_life(g, image, &life, image->generations[from], ei);
    }
    return e;
}

/* What was written survives the process, and all of it is in the journal; a power failure may have
 * left more of it in its second home. */
static enum err load_image(const struct ledger *g, int worker, struct journal_image *image,
                           struct err_info *ei)
{
    char path[LEDGER_PATH_MAX], synced[LEDGER_PATH_MAX];
    ledger_journal_path(g, path, worker);
    ledger_path(g, synced, LEDGER_SYNCED);
    return g->same_boot ? journal_load(path, image, ei)
                        : journal_load_synced(path, synced, worker, image, ei);
}

/* When it was closed in order, the database knew all of it. */
static enum err compare_with_closed(struct ledger *g, const struct journal_image *image,
                                    struct err_info *ei)
{
    uint64_t done = 0;
    enum err e = fold_position(&g->fold, image->generation, &done, ei);
    g->older_than_journals =
        g->older_than_journals || (e == ERR_OK && image->stored && done != image->head);
    return e;
}

static enum err replay_file(struct ledger *g, int worker, struct err_info *ei)
{
    struct journal_image image;
    enum err e = load_image(g, worker, &image, ei);
    if (e != ERR_OK) {
        return e;
    }
    g->unclean = g->unclean || !image.clean;
    if (image.clean && !g->gone_at_start) {
        e = compare_with_closed(g, &image, ei);
    }
    if (e == ERR_OK && image.count > 0) {
        e = fold_begin(&g->fold, ei);
        if (e == ERR_OK) {
            e = replay_image(g, &image, ei);
            if (e == ERR_OK) {
                e = fold_commit(&g->fold, ei);
            } else {
                fold_rollback(&g->fold);
            }
        }
    }
    journal_image_free(&image);
    return e;
}

/* The number of a journal's file name, or -1. */
static int journal_number(const char *name)
{
    struct str rest = str_of(name);
    int64_t n;
    if (!str_starts(rest, "journal.") || !str_to_i64(str_sub(rest, 8, rest.n), &n) || n < 0 ||
        n >= JOURNALS_MAX) {
        return -1;
    }
    return (int)n;
}

static enum err list_journals(struct ledger *g, bool found[JOURNALS_MAX], struct err_info *ei)
{
    DIR *dir = opendir(g->dir);
    if (dir == NULL) {
        return err_set_sys(ei, ERR_IO, errno, "cannot list the state directory %s", g->dir);
    }
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        int n = journal_number(entry->d_name);
        if (n >= 0) {
            found[n] = true;
        }
    }
    closedir(dir);
    return ERR_OK;
}

static enum err charge_open(struct ledger *g, struct err_info *ei)
{
    enum err e = fold_begin(&g->fold, ei);
    if (e != ERR_OK) {
        return e;
    }
    e = fold_charge_open(&g->fold, &g->recovered_calls, ei);
    if (e == ERR_OK) {
        e = sql_exec(g->db,
                     "DELETE FROM journals WHERE generation IN (SELECT generation FROM journals"
                     " ORDER BY time DESC LIMIT -1 OFFSET " GENERATION_ROWS ")",
                     ei);
    }
    if (e == ERR_OK) {
        return fold_commit(&g->fold, ei);
    }
    fold_rollback(&g->fold);
    return e;
}

static enum err replay_all(struct ledger *g, const bool found[JOURNALS_MAX], struct err_info *ei)
{
    enum err e = ERR_OK;
    for (int i = 0; e == ERR_OK && i < JOURNALS_MAX; i++) {
        if (found[i]) {
            e = replay_file(g, i, ei);
        }
    }
    return e != ERR_OK ? e : charge_open(g, ei);
}

enum err ledger_replay(struct ledger *g, int workers, struct err_info *ei)
{
    bool found[JOURNALS_MAX] = {false};
    enum err e = list_journals(g, found, ei);
    if (e == ERR_OK) {
        e = replay_all(g, found, ei);
    }
    if (e != ERR_OK) {
        return e;
    }
    for (int i = workers; i < JOURNALS_MAX; i++) {
        char path[LEDGER_PATH_MAX];
        if (found[i]) {
            ledger_journal_path(g, path, i);
            (void)unlink(path); /* it stays, folded: known as such at the next start */
        }
    }
    if (g->fold.damaged > 0) {
        log_warn("ledger", "skipped %lld damaged journal records", (long long)g->fold.damaged);
    }
    if (g->recovered_calls > 0) {
        log_warn("ledger", "charged %lld calls that a crash left open",
                 (long long)g->recovered_calls);
    }
    return ERR_OK;
}
