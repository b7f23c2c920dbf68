/* journal_load.c: finding the records that an earlier process left, whatever happened to the file.
 */
#include "core/ledger/crc32c.h"
#include "core/ledger/journal_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define FILE_MAX ((off_t)4 << 30)

size_t journal_frame_length(size_t payload)
{
    return (sizeof(struct journal_frame) + payload + 7) & ~(size_t)7;
}

struct seed {
    uint64_t word[3];
};

static struct seed seed_of(const struct journal_frame *f, uint64_t generation)
{
    return (struct seed){{f->position, generation, ((uint64_t)f->type << 32) | f->size}};
}

uint32_t journal_frame_crc(const struct journal_frame *f, uint64_t generation,
                           const uint8_t *payload)
{
    struct seed seed = seed_of(f, generation);
    return crc32c(crc32c(0, &seed, sizeof(seed)), payload, f->size);
}

/* Of files of the first version. */
static uint32_t frame_crc32(const struct journal_frame *f, uint64_t generation,
                            const uint8_t *payload)
{
    struct seed seed = seed_of(f, generation);
    uLong crc = crc32(0, (const Bytef *)&seed, sizeof(seed));
    return (uint32_t)crc32(crc, payload, f->size);
}

uint32_t journal_header_crc(const struct journal_header *h)
{
    return (uint32_t)crc32(0, (const Bytef *)h, offsetof(struct journal_header, crc));
}

bool journal_frame_valid(const uint8_t *ring, size_t capacity, size_t offset,
                         enum journal_check check, uint64_t *generation)
{
    if (offset % 8 != 0 || capacity - offset < sizeof(struct journal_frame)) {
        return false;
    }
    const struct journal_frame *f = (const struct journal_frame *)(const void *)(ring + offset);
    uint64_t commit = atomic_load_explicit(&f->commit, memory_order_acquire);
    bool pad = f->type == RECORD_PAD;
    if (f->type < RECORD_PAD || f->type > RECORD_WHOLE || f->position % capacity != offset ||
        f->size > RECORD_PAYLOAD_MAX || f->length % 8 != 0 || f->length > capacity - offset ||
        (pad ? f->size != 0 || f->length < sizeof(*f)
             : f->length != journal_frame_length(f->size))) {
        return false;
    }
    *generation = commit ^ f->position ^ JOURNAL_COMMIT;
    const uint8_t *payload = ring + offset + sizeof(*f);
    return ((check & JOURNAL_CRC32C) != 0 &&
            f->crc == journal_frame_crc(f, *generation, payload)) ||
           ((check & JOURNAL_CRC32) != 0 && f->crc == frame_crc32(f, *generation, payload));
}

/* --- the image --- */

struct found {
    struct journal_record record;
    uint64_t generation;
};

static int by_generation_and_position(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->generation != y->generation) {
        return x->generation < y->generation ? -1 : 1;
    }
    return (x->record.position > y->record.position) - (x->record.position < y->record.position);
}

/* What to look for in a ring. */
struct wanted {
    enum journal_check check;
    bool only; /* those of that generation */
    uint64_t generation;
};

/* Walks the ring from record to record, and over what is none in steps of 8. */
static size_t scan_ring(const uint8_t *ring, size_t capacity, const struct wanted *wanted,
                        struct found *out)
{
    size_t count = 0;
    for (size_t offset = 0; offset + sizeof(struct journal_frame) <= capacity;) {
        uint64_t own;
        if (!journal_frame_valid(ring, capacity, offset, wanted->check, &own)) {
            offset += 8;
            continue;
        }
        const struct journal_frame *f = (const struct journal_frame *)(const void *)(ring + offset);
        if (!wanted->only || own == wanted->generation) {
            if (out != NULL) {
                const char *payload = (const char *)(ring + offset + sizeof(*f));
                out[count] = (struct found){
                    {.position = f->position, .payload = {payload, f->size}, .type = f->type}, own};
            }
            count++;
        }
        offset += f->length;
    }
    return count;
}

/* A header that cannot be trusted tells nothing: then every record of every life is wanted. */
static bool read_header(const struct journal_image *image, size_t capacity,
                        struct journal_header *header, struct wanted *wanted)
{
    memcpy(header, image->bytes, sizeof(*header));
    bool known = (header->magic == JOURNAL_MAGIC || header->magic == JOURNAL_MAGIC_1) &&
                 header->crc == journal_header_crc(header) && header->capacity == capacity;
    *wanted = (struct wanted){.check = JOURNAL_ANY_CRC, .only = known};
    if (known) {
        wanted->check = header->magic == JOURNAL_MAGIC ? JOURNAL_CRC32C : JOURNAL_CRC32;
        wanted->generation = header->generation;
    }
    return known;
}

static void read_clean(struct journal_image *image, size_t capacity)
{
    struct journal_header header;
    struct wanted wanted;
    if (read_header(image, capacity, &header, &wanted) && header.clean == 1) {
        image->clean = true;
        image->generation = header.generation;
        image->head = header.head;
        image->stored = header.head > capacity;
    }
}

static size_t scan_both(const struct journal_image *image, size_t capacity,
                        const struct wanted *wanted, struct found *out)
{
    size_t count = scan_ring(image->bytes + JOURNAL_HEADER_SIZE, capacity, wanted, out);
    if (image->synced != NULL) {
        count += scan_ring(image->synced, capacity, wanted, out != NULL ? out + count : NULL);
    }
    return count;
}

/* Sorted; what both homes hold is there twice. */
static void keep_once(struct journal_image *image, const struct found *found, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || by_generation_and_position(&found[i - 1], &found[i]) != 0) {
            image->records[image->count] = found[i].record;
            image->generations[image->count++] = found[i].generation;
        }
    }
}

static enum err find_records(struct journal_image *image, size_t capacity, struct err_info *ei)
{
    struct journal_header header;
    struct wanted wanted;
    bool known = read_header(image, capacity, &header, &wanted);
    image->head = known ? header.head : 0;
    size_t count = scan_both(image, capacity, &wanted, NULL);
    if (count == 0) {
        return ERR_OK;
    }
    struct found *found = calloc(count, sizeof(*found));
    image->records = calloc(count, sizeof(*image->records));
    image->generations = calloc(count, sizeof(*image->generations));
    if (found == NULL || image->records == NULL || image->generations == NULL) {
        free(found);
        return err_set(ei, ERR_NOMEM, "no memory for the %zu records of a journal", count);
    }
    count = scan_both(image, capacity, &wanted, found);
    qsort(found, count, sizeof(*found), by_generation_and_position);
    keep_once(image, found, count);
    free(found);
    return ERR_OK;
}

/* Bytes [at, n) of the file to their place in out; returns how far it came. */
static size_t read_file(int fd, uint8_t *out, size_t at, size_t n, off_t base)
{
    ssize_t got = 1;
    while (at < n && got > 0) {
        got = pread(fd, out + at, n - at, base + (off_t)at);
        if (got < 0 && errno == EINTR) {
            got = 1;
            continue;
        }
        at += got > 0 ? (size_t)got : 0;
    }
    return at;
}

static enum err cannot_read(const char *path, struct err_info *ei)
{
    return err_set_sys(ei, ERR_IO, errno != 0 ? errno : EIO, "cannot read the journal %s", path);
}

/* Of which file, and which worker's part of it. */
struct second {
    const char *path;
    int worker;
};

/* The part may end early, or be missing: it is only written when it is needed. */
static enum err load_second(const struct second *second, size_t capacity, struct journal_image *out,
                            struct err_info *ei)
{
    int fd = open(second->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return errno == ENOENT ? ERR_OK : cannot_read(second->path, ei);
    }
    out->synced = calloc(1, capacity);
    errno = 0;
    if (out->synced != NULL) {
        (void)read_file(fd, out->synced, 0, capacity, (off_t)capacity * second->worker);
    }
    enum err e = out->synced == NULL ? err_set(ei, ERR_NOMEM, "no memory to read a journal")
                 : errno != 0        ? cannot_read(second->path, ei)
                                     : ERR_OK;
    close(fd);
    return e;
}

static enum err load(int fd, const char *path, const struct second *second,
                     struct journal_image *out, struct err_info *ei)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return cannot_read(path, ei);
    }
    if (st.st_size < (off_t)(JOURNAL_HEADER_SIZE + JOURNAL_LEAST_BYTES)) {
        return ERR_OK; /* never finished: it cannot hold a record */
    }
    if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX) {
        return err_set(ei, ERR_CORRUPT, "%s is no journal; move it away", path);
    }
    size_t size = (size_t)st.st_size;
    out->bytes = malloc(size);
    if (out->bytes == NULL) {
        return err_set(ei, ERR_NOMEM, "no memory to read the journal %s", path);
    }
    size_t capacity = (size - JOURNAL_HEADER_SIZE) & ~(size_t)7;
    errno = 0;
    if (read_file(fd, out->bytes, 0, JOURNAL_HEADER_SIZE, 0) < JOURNAL_HEADER_SIZE) {
        return cannot_read(path, ei);
    }
    read_clean(out, capacity);
    if (out->clean) {
        return ERR_OK; /* of one closed in order the rest is not even read: start is waited for */
    }
    if (read_file(fd, out->bytes, JOURNAL_HEADER_SIZE, size, 0) < size) {
        return cannot_read(path, ei);
    }
    enum err e = second != NULL ? load_second(second, capacity, out, ei) : ERR_OK;
    return e != ERR_OK ? e : find_records(out, capacity, ei);
}

static enum err load_path(const char *path, const struct second *second, struct journal_image *out,
                          struct err_info *ei)
{
    memset(out, 0, sizeof(*out));
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return err_set_sys(ei, ERR_IO, errno, "cannot open the journal %s", path);
    }
    enum err e = load(fd, path, second, out, ei);
    close(fd);
    if (e != ERR_OK) {
        journal_image_free(out);
    }
    return e;
}

enum err journal_load(const char *path, struct journal_image *out, struct err_info *ei)
{
    return load_path(path, NULL, out, ei);
}

enum err journal_load_synced(const char *path, const char *synced_path, int worker,
                             struct journal_image *out, struct err_info *ei)
{
    struct second second = {synced_path, worker};
    return load_path(path, &second, out, ei);
}

void journal_image_free(struct journal_image *image)
{
    free(image->bytes);
    free(image->synced);
    free(image->records);
    free(image->generations);
    memset(image, 0, sizeof(*image));
}

uint64_t journal_record_end(const struct journal_record *r)
{
    const struct journal_frame *f =
        (const struct journal_frame *)(const void *)(r->payload.p - sizeof(struct journal_frame));
    return r->position + f->length;
}
