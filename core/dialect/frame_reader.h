/* frame_reader.h: an event stream that comes in pieces, cut anywhere. Hands on headers and payload
 * as they arrive; keeps no more than a prelude and, while they are cut in two, the headers. */
#ifndef TOLLGATE_DIALECT_FRAME_READER_H
#define TOLLGATE_DIALECT_FRAME_READER_H

#include "core/dialect/eventstream.h"

#define FRAME_PRELUDE     12
#define FRAME_MIN         16
#define FRAME_HEADERS_MAX 131072U   /* 128 KiB */
#define FRAME_PAYLOAD_MAX 25165824U /* 24 MiB */

uint32_t frame_u32(const char *p); /* four bytes, the highest first */
/* CRC-32 of what went before (0: nothing) and these bytes. */
uint32_t frame_crc(uint32_t crc, const char *data, size_t n);
/* Checks the prelude's CRC and lengths. */
enum err frame_prelude(const char prelude[FRAME_PRELUDE], uint32_t *total,
                       uint32_t *headers) MUST_CHECK;

/* What is told of a frame, in this order; slices live only during the call. */
struct frame_events {
    void (*begin)(void *arg, struct str headers, size_t payload_length);
    void (*payload)(void *arg, struct str piece); /* any number of times */
    void (*end)(void *arg);                       /* its CRC was right */
};

enum frame_part { FRAME_IN_PRELUDE, FRAME_IN_HEADERS, FRAME_IN_PAYLOAD, FRAME_IN_CRC };

/* All-zero is the start of a stream. */
struct frame_reader {
    enum frame_part part;
    uint32_t have;         /* bytes of this part so far */
    uint32_t headers_left; /* length of the headers */
    uint32_t payload_left;
    uint32_t crc;
    char fixed[FRAME_PRELUDE]; /* a prelude or a CRC that came in pieces */
    struct buf headers;        /* only while they are incomplete */
};
void frame_reader_free(struct frame_reader *r);
/* Takes all n bytes. ERR_CORRUPT: bad CRC or lengths; ERR_NOMEM. No more use after an error. */
enum err frame_reader_feed(struct frame_reader *r, const char *data, size_t n,
                           const struct frame_events *events, void *arg) MUST_CHECK;

#endif
