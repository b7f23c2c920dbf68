/* buf.h: a growing byte buffer with a maximum; consumed from the front, appended at the back. */
#ifndef TOLLGATE_BASE_BUF_H
#define TOLLGATE_BASE_BUF_H

#include "core/base/err.h"
#include "core/base/str.h"

/* data + start is the first live byte, `len` live bytes. All-zero is a valid empty buffer without
 * a maximum; buf_init sets one. After a failed append `failed` stays true and later appends fail,
 * so that a run of appends can be checked once. */
struct buf {
    char *data;
    size_t start, len, cap, max;
    bool failed;
};

void buf_init(struct buf *b, size_t max); /* max 0: no maximum */
void buf_free(struct buf *b);             /* frees and empties; keeps max */
void buf_clear(struct buf *b);            /* empties, keeps memory, clears `failed` */
char *buf_bytes(const struct buf *b);     /* first live byte */
struct str buf_str(const struct buf *b);
/* Room for n more bytes; returns where to write, or NULL (and `failed`) past the maximum or without
 * memory: a reader that may fill up asks for at most max - len. Follow with buf_commit. */
char *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);
bool buf_append_grown(struct buf *b, const void *data, size_t n); /* buf_append, by its long way */
/* Inline as far as there is room: heads and events are put together of many small pieces. */
static inline bool buf_append(struct buf *b, const void *data, size_t n)
{
    bool room = b->data != NULL && !b->failed && n > 0 && n <= b->cap - b->start - b->len &&
                (b->max == 0 || n <= b->max - b->len);
    if (!room) {
        return buf_append_grown(b, data, n);
    }
    memcpy(b->data + b->start + b->len, data, n);
    b->len += n;
    return true;
}
static inline bool buf_add(struct buf *b, const char *text)
{
    return buf_append(b, text, strlen(text));
}
static inline bool buf_add_str(struct buf *b, struct str s)
{
    return buf_append(b, s.p, s.n);
}
bool buf_add_int(struct buf *b, int64_t value); /* in decimal */
bool buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_consume(struct buf *b,
                 size_t n); /* drops n bytes from the front; frees when empty and > 16 KB */
/* Appends a JSON string with quotes; each byte that is not part of valid UTF-8 becomes U+FFFD. */
bool buf_json_string(struct buf *b, struct str s);
/* Appends text percent-encoded, but for the unreserved bytes of RFC 3986. */
bool buf_percent(struct buf *b, struct str s);
/* NUL-terminates behind the live bytes and returns them ("" when empty and out of memory). */
const char *buf_cstr(struct buf *b);

#endif
