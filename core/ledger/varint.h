/* varint.h: integers of variable length, small ones of either sign in one byte. Private to the
 * room. */
#ifndef TOLLGATE_LEDGER_VARINT_H
#define TOLLGATE_LEDGER_VARINT_H

#include <stdbool.h>
#include <stdint.h>

#define VARINT_MAX 10 /* bytes */

static inline uint8_t *varint_put(uint8_t *at, int64_t value)
{
    uint64_t rest = ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
    while (rest >= 0x80) {
        *at++ = (uint8_t)(rest | 0x80);
        rest >>= 7;
    }
    *at++ = (uint8_t)rest;
    return at;
}

/* What is read; `bad` once it did not hold together, and then zeros come. */
struct varint_reader {
    const uint8_t *at, *end;
    bool bad;
};

static inline uint8_t varint_byte(struct varint_reader *r)
{
    if (r->at == r->end) {
        r->bad = true;
        return 0;
    }
    return *r->at++;
}

static inline int64_t varint_get(struct varint_reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = varint_byte(r);
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
        }
    }
    r->bad = true;
    return 0;
}

#endif
