/* journal_private.h: the bytes of a journal file, for journal.c and journal_load.c. */
#ifndef TOLLGATE_LEDGER_JOURNAL_PRIVATE_H
#define TOLLGATE_LEDGER_JOURNAL_PRIVATE_H

#include "core/ledger/journal.h"

#include <stdatomic.h>

/* The magic tells what checks the records, so that any machine can read what another wrote. */
#define JOURNAL_MAGIC       UINT64_C(0x0a326c6e6a676c74) /* "tlgjnl2\n": CRC-32C */
#define JOURNAL_MAGIC_1     UINT64_C(0x0a316c6e6a676c74) /* "tlgjnl1\n": CRC-32 */
#define JOURNAL_COMMIT      UINT64_C(0x9e3779b97f4a7c15)
#define JOURNAL_HEADER_SIZE 4096
#define JOURNAL_RECORD_MAX  (sizeof(struct journal_frame) + RECORD_PAYLOAD_MAX)

struct journal_header {
    uint64_t magic, capacity, generation;
    uint32_t crc;   /* CRC-32 of the three above */
    uint32_t clean; /* 1: closed in order */
    uint64_t head;  /* behind the newest record; only to notice that the newest were damaged */
};

/* In front of each payload. `commit` is stored last: position ^ generation ^ JOURNAL_COMMIT. */
struct journal_frame {
    uint32_t length; /* frame, payload and padding: a multiple of 8 */
    uint32_t crc;    /* of position, generation, type and size, and payload */
    uint64_t position;
    uint32_t type, size; /* size of the payload */
    _Atomic uint64_t commit;
};
_Static_assert(sizeof(struct journal_frame) == 32, "frames keep records aligned");

enum journal_check { JOURNAL_CRC32C = 1, JOURNAL_CRC32 = 2, JOURNAL_ANY_CRC = 3 };

size_t journal_frame_length(size_t payload);
/* By CRC-32C. */
uint32_t journal_frame_crc(const struct journal_frame *f, uint64_t generation,
                           const uint8_t *payload);
uint32_t journal_header_crc(const struct journal_header *h);
/* Does a whole record lie at ring + offset, by one of those checks? *generation is the one it was
 * written in. */
bool journal_frame_valid(const uint8_t *ring, size_t capacity, size_t offset,
                         enum journal_check check, uint64_t *generation);

#endif
