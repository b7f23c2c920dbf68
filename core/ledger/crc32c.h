/* crc32c.h: CRC-32C (Castagnoli), by the processor's own instruction where it has one. Private to
 * the room. */
#ifndef TOLLGATE_LEDGER_CRC32C_H
#define TOLLGATE_LEDGER_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues `crc` (0 to begin) over n bytes; what one machine counts, every other does too. */
uint32_t crc32c(uint32_t crc, const void *data, size_t n);
/* The same, without the instruction. */
uint32_t crc32c_by_tables(uint32_t crc, const void *data, size_t n);

#endif
