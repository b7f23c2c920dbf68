/* synced.h: a second home of what the journals hold: one file with the bytes of all their rings,
 * each byte at its place, for what has to be on the disk before it can be folded. The journals' own
 * pages are not synced for that: a worker that stores into a page on its way to the disk waits for
 * the disk. After a power failure both are read (journal_load_synced). Private to the room. */
#ifndef TOLLGATE_LEDGER_SYNCED_H
#define TOLLGATE_LEDGER_SYNCED_H

#include "core/ledger/journal.h"

struct synced;

/* For journals 0 to workers - 1, all of that capacity. The file grows as it is needed. */
struct synced *synced_open(const char *path, int workers, size_t capacity, struct err_info *ei);
void synced_close(struct synced *s);
/* Takes what that worker's journal holds before `head` and is neither released nor taken yet.
 * Nothing may be released meanwhile. */
enum err synced_take(struct synced *s, int worker, const struct journal *j,
                     uint64_t head) MUST_CHECK;
/* To the disk. After a failure everything is taken again. */
enum err synced_flush(struct synced *s) MUST_CHECK;

#endif
