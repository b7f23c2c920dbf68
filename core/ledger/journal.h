/* journal.h: the journal of one worker: a preallocated file mapped into memory, a ring of records
 * that survive the death of the process as soon as they are stored. One producer (the worker), one
 * consumer (whoever folds). Private to the room.
 *
 * Positions count bytes for ever and grow; a record lies at position modulo capacity. Each opening
 * draws a new generation, so that what an earlier life left in the ring is never taken for new. */
#ifndef TOLLGATE_LEDGER_JOURNAL_H
#define TOLLGATE_LEDGER_JOURNAL_H

#include "core/base/err.h"
#include "core/base/str.h"
#include "core/ledger/record.h"

#include <sys/types.h>

#define JOURNAL_DEFAULT_BYTES ((size_t)16 << 20)
#define JOURNAL_LEAST_BYTES   ((size_t)64 << 10)

struct journal;

/* A record in place: valid until its position is released. */
struct journal_record {
    uint64_t position;
    struct str payload;
    enum record_type type;
    bool paired;     /* for who folds: an admitted record that was settled in the same batch */
    uint32_t topped; /* likewise: 1 + index of its newest topped-up record */
};

/* Opens or creates the file with room for `capacity` bytes of records (0: the default),
 * preallocated and written once, so that a full disk is found here. Whatever it held is forgotten.
 */
struct journal *journal_open(const char *path, size_t capacity, struct err_info *ei);
/* clean: everything was released; the next start need not look for records. */
void journal_close(struct journal *j, bool clean);
uint64_t journal_generation(const struct journal *j);
size_t journal_capacity(const struct journal *j);

/* --- the producer --- */

enum journal_room {
    JOURNAL_ADMISSION, /* leaves a sixteenth for topping up, and sets room aside for settling */
    JOURNAL_TOP_UP,    /* any room that was not set aside */
    JOURNAL_SETTLING,  /* what was set aside: never fails */
    JOURNAL_REFUSAL    /* only up to nine tenths */
};
/* Stores a record; it survives kill -9 from here on. False: no room. *position is where it lies. */
bool journal_append(struct journal *j, enum record_type type, const uint8_t *payload, size_t n,
                    enum journal_room room, uint64_t *position);
/* True once each time the ring has become half full: then the consumer should be woken. */
bool journal_wants_folding(struct journal *j);

/* --- the consumer --- */

uint64_t journal_head(const struct journal *j); /* everything before it is stored */
uint64_t journal_tail(const struct journal *j); /* everything before it is released */
/* Lists at most max records from `from` on, up to `until`; returns how many, *next is behind the
 * last. Damaged ones are stepped over and counted in *damaged. */
size_t journal_list(const struct journal *j, uint64_t from, uint64_t until,
                    struct journal_record *out, size_t max, uint64_t *next, int64_t *damaged);
void journal_release(struct journal *j, uint64_t position); /* may be overwritten from now on */
enum err journal_sync(struct journal *j) MUST_CHECK;        /* what is not released, to the disk */
/* Writes what lies between two positions, not released, into another file: each byte at `at` and
 * its place in the ring. */
enum err journal_write(const struct journal *j, uint64_t from, uint64_t to, int fd,
                       off_t at) MUST_CHECK;
int journal_percent(const struct journal *j);
int64_t journal_dropped_refusals(const struct journal *j);

/* --- what an earlier process left --- */

struct journal_image {
    uint8_t *bytes, *synced;
    bool clean;                     /* closed in order: nothing to replay */
    struct journal_record *records; /* by generation, then position */
    uint64_t *generations;          /* of each record */
    size_t count;
    uint64_t head;       /* how far it says it was written; 0: it does not say */
    uint64_t generation; /* of a clean one */
    bool stored;         /* anything in its life, likewise */
};
/* Reads a file and finds every whole record in it. Damage is no error. */
enum err journal_load(const char *path, struct journal_image *out, struct err_info *ei) MUST_CHECK;
/* And what a power failure left of it in the file of synced.h, where it is that worker's. */
enum err journal_load_synced(const char *path, const char *synced_path, int worker,
                             struct journal_image *out, struct err_info *ei) MUST_CHECK;
void journal_image_free(struct journal_image *image);
/* Where the record ends. */
uint64_t journal_record_end(const struct journal_record *r);

#endif
