/* journal_file.h: a journal as an earlier process may have left it: records with right checksums
 * and any content, then damage anywhere. */
#ifndef TOLLGATE_TESTS_FUZZ_JOURNAL_FILE_H
#define TOLLGATE_TESTS_FUZZ_JOURNAL_FILE_H

#include "core/ledger/journal_private.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <unistd.h>

#define JOURNAL_FILE_BYTES (JOURNAL_HEADER_SIZE + JOURNAL_LEAST_BYTES)

struct journal_file {
    _Alignas(16) uint8_t bytes[JOURNAL_FILE_BYTES];
    uint64_t generation, position;
    size_t damage;
};

UNUSED static void journal_file_begin(struct journal_file *f, uint8_t flags)
{
    struct journal_header h = {.magic = JOURNAL_MAGIC,
                               .capacity = JOURNAL_LEAST_BYTES,
                               .generation = 77,
                               .clean = flags & 1};

    memset(f, 0, sizeof(*f));
    f->generation = h.generation;
    f->position = JOURNAL_LEAST_BYTES;
    h.crc = journal_header_crc(&h);
    h.head = flags & 2 ? 2 * JOURNAL_LEAST_BYTES : 0;
    memcpy(f->bytes, &h, sizeof(h));
}

UNUSED static bool journal_file_add(struct journal_file *f, uint32_t type, struct str payload)
{
    size_t offset = (size_t)(f->position % JOURNAL_LEAST_BYTES);
    size_t length = journal_frame_length(payload.n);
    struct journal_frame *at =
        (struct journal_frame *)(void *)(f->bytes + JOURNAL_HEADER_SIZE + offset);

    if (length > JOURNAL_LEAST_BYTES - offset) {
        return false;
    }
    at->length = (uint32_t)length;
    at->position = f->position;
    at->type = type;
    at->size = (uint32_t)payload.n;
    memcpy(at + 1, payload.p, payload.n);
    at->crc = journal_frame_crc(at, f->generation, (const uint8_t *)(at + 1));
    at->commit = f->position ^ f->generation ^ JOURNAL_COMMIT;
    f->position += length;
    return true;
}

/* The rest of an input as steps: a record, a gap, another generation, or a byte that is changed. */
UNUSED static void journal_file_fill(struct journal_file *f, struct input *in)
{
    while (in->n > 0) {
        uint8_t step = input_byte(in);
        if (step < 200) {
            size_t size = (size_t)input_int(in, 2) % (RECORD_PAYLOAD_MAX + 1);
            if (!journal_file_add(f, 1U + step % 5U, input_str(in, size))) {
                return;
            }
        } else if (step < 220) {
            f->position += 8U * input_byte(in);
        } else if (step < 235) {
            f->generation = input_byte(in);
        } else {
            size_t at = (size_t)input_int(in, 3) % JOURNAL_FILE_BYTES;
            f->bytes[at] = input_byte(in);
            f->damage++;
        }
        if (f->position % JOURNAL_LEAST_BYTES > JOURNAL_LEAST_BYTES - 64) {
            return;
        }
    }
}

/* A file of `size` bytes of it. */
UNUSED static void journal_file_write(const struct journal_file *f, const char *path, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size = size < JOURNAL_FILE_BYTES ? size : JOURNAL_FILE_BYTES;
    MUST(fd >= 0 && write(fd, f->bytes, size) == (ssize_t)size);
    close(fd);
}

#endif
