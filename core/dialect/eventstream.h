/* eventstream.h: application/vnd.amazon.eventstream frames, both ways.
 * Big-endian: total length, headers length, CRC-32 of those 8 bytes, headers, payload, CRC-32 of
 * all before. */
#ifndef TOLLGATE_DIALECT_EVENTSTREAM_H
#define TOLLGATE_DIALECT_EVENTSTREAM_H

#include "core/base/buf.h"

struct eventstream_header {
    struct str name;
    uint8_t type;     /* 0 true .. 9 uuid */
    struct str value; /* raw bytes, for types 6 and 7 without their length */
};
struct eventstream_message {
    struct str headers; /* raw */
    struct str payload;
    size_t length; /* whole message */
};
/* Looks at data[0..n): ERR_OK: one whole, checked message; ERR_BUSY: more bytes are needed (message
 * length in *need when known, else 0); ERR_CORRUPT: bad CRC or lengths. Slices point into data. */
enum err eventstream_next(const char *data, size_t n, struct eventstream_message *out,
                          size_t *need) MUST_CHECK;
/* Walks headers; start with *rest = message.headers. ERR_CLOSED at the end, ERR_CORRUPT when
 * broken. */
enum err eventstream_header(struct str *rest, struct eventstream_header *out) MUST_CHECK;
/* String header by name; empty slice when absent. */
struct str eventstream_find(const struct eventstream_message *m, const char *name);
/* Appends a frame with string headers (:message-type and so on) and a payload. */
enum err eventstream_write(struct buf *out, const struct str (*headers)[2], size_t header_count,
                           struct str payload) MUST_CHECK;
/* Appends an event frame: :event-type, :content-type application/json, :message-type event. */
enum err eventstream_write_event(struct buf *out, const char *event_type,
                                 struct str json) MUST_CHECK;
/* Appends an exception frame with {"message":...}. */
enum err eventstream_write_exception(struct buf *out, const char *exception_type,
                                     const char *message) MUST_CHECK;

#endif
