/* synced.c: see synced.h. */
#include "core/ledger/synced.h"

#include "core/ledger/state.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct synced {
    int fd, workers;
    size_t capacity;
    uint64_t taken[]; /* of each journal: up to there */
};

struct synced *synced_open(const char *path, int workers, size_t capacity, struct err_info *ei)
{
    struct synced *s = calloc(1, sizeof(*s) + (size_t)workers * sizeof(s->taken[0]));
    if (s == NULL) {
        err_set(ei, ERR_NOMEM, "no memory for %s", path);
        return NULL;
    }
    s->workers = workers;
    s->capacity = capacity;
    s->fd = state_open(path);
    if (s->fd < 0) {
        err_set_sys(ei, ERR_IO, errno, "cannot open %s", path);
        free(s);
        return NULL;
    }
    return s;
}

void synced_close(struct synced *s)
{
    if (s != NULL) {
        close(s->fd);
        free(s);
    }
}

enum err synced_take(struct synced *s, int worker, const struct journal *j, uint64_t head)
{
    uint64_t from = journal_tail(j);
    from = s->taken[worker] > from ? s->taken[worker] : from;
    if (from >= head) {
        return ERR_OK;
    }
    enum err e = journal_write(j, from, head, s->fd, (off_t)s->capacity * worker);
    if (e == ERR_OK) {
        s->taken[worker] = head;
    }
    return e;
}

enum err synced_flush(struct synced *s)
{
    if (fdatasync(s->fd) == 0) {
        return ERR_OK;
    }
    for (int i = 0; i < s->workers; i++) {
        s->taken[i] = 0; /* what was written since the last one may be lost */
    }
    return ERR_IO;
}
