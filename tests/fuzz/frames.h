/* frames.h: makes the checksums of event-stream frames right, so that what lies behind them is
 * reached; and JSON texts as jansson sees them. */
#ifndef TOLLGATE_TESTS_FUZZ_FRAMES_H
#define TOLLGATE_TESTS_FUZZ_FRAMES_H

#include "core/dialect/frame_reader.h"
#include "tests/fuzz/fuzz.h"

UNUSED static void frames_put_u32(char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++) {
        p[i] = (char)(v >> (24 - 8 * i));
    }
}

/* Mends each whole frame in place. */
UNUSED static void frames_mend(char *data, size_t n)
{
    size_t at = 0;
    while (n - at >= FRAME_MIN) {
        uint32_t total = frame_u32(data + at);
        if (total < FRAME_MIN || total > n - at) {
            return;
        }
        frames_put_u32(data + at + 8, frame_crc(0, data + at, 8));
        frames_put_u32(data + at + total - 4, frame_crc(0, data + at, total - 4));
        at += total;
    }
}

#endif
