/* journal.c: the ring while it is open. Room is accounted so that a settled record always fits:
 *     stored (without padding) + set aside + one record <= capacity
 * holds from each admission on. At most one padding lies in the ring at a time, and it is shorter
 * than a record. */
#include "core/ledger/journal_private.h"
#include "core/ledger/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define SETTLING_LENGTH (sizeof(struct journal_frame) + RECORD_SETTLED_MAX)
#define CACHE_LINE      64

struct journal {
    int fd;
    uint8_t *map;
    size_t map_size, capacity;
    struct journal_header *header;
    uint8_t *ring;
    uint64_t generation;

    _Alignas(CACHE_LINE) uint64_t next; /* the producer's own: where the next record goes */
    uint64_t set_aside;
    _Atomic bool asked; /* to be folded, since half full */
    _Atomic int64_t dropped_refusals;

    _Alignas(CACHE_LINE) _Atomic uint64_t head; /* producer -> consumer */
    _Alignas(CACHE_LINE) _Atomic uint64_t tail; /* consumer -> producer */
};

/* --- opening --- */

static enum err write_header(struct journal *j, const char *path, struct err_info *ei)
{
    uint64_t generation = 0;
    if (getrandom(&generation, sizeof(generation), 0) != (ssize_t)sizeof(generation)) {
        return err_set_sys(ei, ERR_IO, errno, "no randomness for the journal %s", path);
    }
    j->generation = generation >> 1; /* SQLite's integers are signed */
    struct journal_header h = {
        .magic = JOURNAL_MAGIC,
        .capacity = j->capacity,
        .generation = j->generation,
        .head = j->capacity,
    };
    h.crc = journal_header_crc(&h);
    memcpy(j->header, &h, sizeof(h));
    if (fsync(j->fd) != 0) {
        return err_set_sys(ei, ERR_IO, errno, "cannot sync the journal %s", path);
    }
    return ERR_OK;
}

static enum err open_file(struct journal *j, const char *path, struct err_info *ei)
{
    j->fd = state_open(path);
    if (j->fd < 0) {
        return err_set_sys(ei, ERR_IO, errno, "cannot open the journal %s", path);
    }
    enum err e = state_set_aside(j->fd, j->map_size, path, ei);
    if (e != ERR_OK) {
        return e;
    }
    void *map = mmap(NULL, j->map_size, PROT_READ | PROT_WRITE, MAP_SHARED, j->fd, 0);
    if (map == MAP_FAILED) {
        return err_set_sys(ei, ERR_IO, errno, "cannot map the journal %s", path);
    }
    j->map = map;
    j->header = map;
    j->ring = j->map + JOURNAL_HEADER_SIZE;
    return write_header(j, path, ei);
}

struct journal *journal_open(const char *path, size_t capacity, struct err_info *ei)
{
    struct journal *j = aligned_alloc(CACHE_LINE, sizeof(*j));
    if (j == NULL) {
        err_set(ei, ERR_NOMEM, "no memory for the journal %s", path);
        return NULL;
    }
    memset(j, 0, sizeof(*j));
    capacity = capacity == 0 ? JOURNAL_DEFAULT_BYTES : capacity & ~(size_t)4095;
    j->capacity = capacity < JOURNAL_LEAST_BYTES ? JOURNAL_LEAST_BYTES : capacity;
    j->map_size = j->capacity + JOURNAL_HEADER_SIZE;
    j->next = j->capacity; /* so that no record is at position 0 */
    atomic_init(&j->head, j->capacity);
    atomic_init(&j->tail, j->capacity);
    if (open_file(j, path, ei) != ERR_OK) {
        journal_close(j, false);
        return NULL;
    }
    return j;
}

void journal_close(struct journal *j, bool clean)
{
    if (j == NULL) {
        return;
    }
    if (j->map != NULL) {
        if (clean) {
            j->header->clean = 1;
            (void)msync(j->map, JOURNAL_HEADER_SIZE, MS_ASYNC); /* else it is replayed: harmless */
        }
        munmap(j->map, j->map_size);
    }
    if (j->fd >= 0) {
        close(j->fd);
    }
    free(j);
}

uint64_t journal_generation(const struct journal *j)
{
    return j->generation;
}

size_t journal_capacity(const struct journal *j)
{
    return j->capacity;
}

/* --- the producer --- */

static size_t padding_before(const struct journal *j, size_t length)
{
    size_t left = j->capacity - (size_t)(j->next % j->capacity);
    return left < length ? left : 0;
}

static bool has_room(const struct journal *j, size_t length, enum journal_room room)
{
    if (room == JOURNAL_SETTLING) {
        return true;
    }
    uint64_t tail = atomic_load_explicit(&j->tail, memory_order_acquire);
    size_t used = (size_t)(j->next - tail) + padding_before(j, length) + length + j->set_aside +
                  JOURNAL_RECORD_MAX;
    switch (room) {
    case JOURNAL_ADMISSION:
        return used + SETTLING_LENGTH <= j->capacity - j->capacity / 16;
    case JOURNAL_REFUSAL:
        return used <= j->capacity - j->capacity / 10;
    case JOURNAL_TOP_UP:
    case JOURNAL_SETTLING:
        break;
    }
    return used <= j->capacity;
}

static void store(struct journal *j, enum record_type type, const uint8_t *payload, size_t n,
                  size_t length)
{
    uint8_t *at = j->ring + j->next % j->capacity;
    struct journal_frame *f = (struct journal_frame *)(void *)at;
    f->length = (uint32_t)length;
    f->position = j->next;
    f->type = type;
    f->size = (uint32_t)n;
    if (n > 0) {
        memcpy(at + sizeof(*f), payload, n);
    }
    f->crc = journal_frame_crc(f, j->generation, at + sizeof(*f));
    atomic_store_explicit(&f->commit, j->next ^ j->generation ^ JOURNAL_COMMIT,
                          memory_order_release);
    j->next += length;
}

bool journal_append(struct journal *j, enum record_type type, const uint8_t *payload, size_t n,
                    enum journal_room room, uint64_t *position)
{
    size_t length = journal_frame_length(n);
    if (room == JOURNAL_SETTLING && (j->set_aside < SETTLING_LENGTH || length > SETTLING_LENGTH)) {
        room = JOURNAL_TOP_UP; /* settled twice, or never admitted: nothing was set aside for it */
    }
    if (!has_room(j, length, room)) {
        if (room == JOURNAL_REFUSAL) {
            atomic_fetch_add_explicit(&j->dropped_refusals, 1, memory_order_relaxed);
        }
        return false;
    }
    if (room == JOURNAL_ADMISSION) {
        j->set_aside += SETTLING_LENGTH;
    } else if (room == JOURNAL_SETTLING) {
        j->set_aside -= SETTLING_LENGTH;
    }
    size_t padding = padding_before(j, length);
    if (padding >= sizeof(struct journal_frame)) {
        store(j, RECORD_PAD, NULL, 0, padding);
    } else {
        j->next += padding; /* too narrow for a record: the reader knows */
    }
    *position = j->next;
    store(j, type, payload, n, length);
    j->header->head = j->next;
    atomic_store_explicit(&j->head, j->next, memory_order_release);
    return true;
}

bool journal_wants_folding(struct journal *j)
{
    uint64_t tail = atomic_load_explicit(&j->tail, memory_order_acquire);
    if (j->next - tail < j->capacity / 2) {
        return false;
    }
    return !atomic_exchange_explicit(&j->asked, true, memory_order_relaxed);
}

/* --- the consumer --- */

uint64_t journal_head(const struct journal *j)
{
    return atomic_load_explicit(&j->head, memory_order_acquire);
}

uint64_t journal_tail(const struct journal *j)
{
    return atomic_load_explicit(&j->tail, memory_order_relaxed);
}

/* The next position at or after `from` where a record of this generation lies, or `until`. */
static uint64_t next_whole(const struct journal *j, uint64_t from, uint64_t until)
{
    for (; from < until; from += 8) {
        size_t offset = (size_t)(from % j->capacity);
        uint64_t generation;
        if (journal_frame_valid(j->ring, j->capacity, offset, JOURNAL_CRC32C, &generation)) {
            const struct journal_frame *f =
                (const struct journal_frame *)(const void *)(j->ring + offset);
            if (generation == j->generation && f->position == from && from + f->length <= until) {
                return from;
            }
        }
    }
    return until;
}

static bool narrow_end(const struct journal *j, uint64_t position)
{
    return j->capacity - (size_t)(position % j->capacity) < sizeof(struct journal_frame);
}

size_t journal_list(const struct journal *j, uint64_t from, uint64_t until,
                    struct journal_record *out, size_t max, uint64_t *next, int64_t *damaged)
{
    size_t count = 0;
    while (from < until && count < max) {
        if (narrow_end(j, from)) {
            from += j->capacity - from % j->capacity;
            continue;
        }
        uint64_t at = next_whole(j, from, until);
        if (at != from) {
            (*damaged)++;
            from = at;
            continue;
        }
        const uint8_t *bytes = j->ring + from % j->capacity;
        const struct journal_frame *f = (const struct journal_frame *)(const void *)bytes;
        if (f->type != RECORD_PAD) {
            out[count++] = (struct journal_record){
                .position = from,
                .payload = {(const char *)(bytes + sizeof(*f)), f->size},
                .type = (enum record_type)f->type,
            };
        }
        from += f->length;
    }
    *next = from;
    return count;
}

void journal_release(struct journal *j, uint64_t position)
{
    atomic_store_explicit(&j->asked, false, memory_order_relaxed);
    atomic_store_explicit(&j->tail, position, memory_order_release);
}

static enum err sync_bytes(struct journal *j, size_t from, size_t to)
{
    from &= ~(size_t)4095;
    return msync(j->map + from, to - from, MS_SYNC) == 0 ? ERR_OK : ERR_IO;
}

enum err journal_sync(struct journal *j)
{
    uint64_t tail = journal_tail(j), head = journal_head(j);
    if (head == tail) {
        return ERR_OK;
    }
    size_t from = (size_t)(tail % j->capacity), to = (size_t)(head % j->capacity);
    if (from < to) {
        return sync_bytes(j, JOURNAL_HEADER_SIZE + from, JOURNAL_HEADER_SIZE + to);
    }
    enum err e = sync_bytes(j, JOURNAL_HEADER_SIZE + from, j->map_size);
    return e != ERR_OK ? e : sync_bytes(j, 0, JOURNAL_HEADER_SIZE + to);
}

enum err journal_write(const struct journal *j, uint64_t from, uint64_t to, int fd, off_t at)
{
    enum err e = ERR_OK;
    while (e == ERR_OK && from < to) {
        size_t offset = (size_t)(from % j->capacity);
        size_t n = to - from < j->capacity - offset ? (size_t)(to - from) : j->capacity - offset;
        e = state_write(fd, j->ring + offset, n, at + (off_t)offset);
        from += n;
    }
    return e;
}

int journal_percent(const struct journal *j)
{
    uint64_t used = journal_head(j) - journal_tail(j);
    return (int)(used * 100 / j->capacity);
}

int64_t journal_dropped_refusals(const struct journal *j)
{
    return atomic_load_explicit(&j->dropped_refusals, memory_order_relaxed);
}
