/* frame_reader.c: see frame_reader.h. */
#include "core/dialect/frame_reader.h"

#include <string.h>

struct feed {
    const char *p;
    size_t n;
    const struct frame_events *events;
    void *arg;
};

void frame_reader_free(struct frame_reader *r)
{
    buf_free(&r->headers);
    *r = (struct frame_reader){0};
}

static void advance(struct feed *f, size_t n)
{
    f->p += n;
    f->n -= n;
}

/* The next `size` bytes in one run, put together in r->fixed when they were cut; NULL: need more.
 */
static const char *take_fixed(struct frame_reader *r, struct feed *f, uint32_t size)
{
    const char *run = f->p;

    if (r->have == 0 && f->n >= size) {
        advance(f, size);
        return run;
    }
    size_t n = size - r->have < f->n ? size - r->have : f->n;
    memcpy(r->fixed + r->have, f->p, n);
    advance(f, n);
    r->have += (uint32_t)n;
    if (r->have < size) {
        return NULL;
    }
    r->have = 0;
    return r->fixed;
}

static enum err take_prelude(struct frame_reader *r, struct feed *f)
{
    uint32_t total, headers;
    const char *prelude = take_fixed(r, f, FRAME_PRELUDE);

    if (prelude == NULL) {
        return ERR_OK;
    }
    if (frame_prelude(prelude, &total, &headers) != ERR_OK) {
        return ERR_CORRUPT;
    }
    r->crc = frame_crc(0, prelude, FRAME_PRELUDE);
    r->headers_left = headers;
    r->payload_left = total - FRAME_MIN - headers;
    r->part = FRAME_IN_HEADERS;
    return ERR_OK;
}

static void headers_complete(struct frame_reader *r, struct feed *f, struct str headers)
{
    f->events->begin(f->arg, headers, r->payload_left);
    r->headers_left = 0;
    r->part = r->payload_left > 0 ? FRAME_IN_PAYLOAD : FRAME_IN_CRC;
}

static enum err take_headers(struct frame_reader *r, struct feed *f)
{
    size_t missing = r->headers_left - r->headers.len;
    size_t n = missing < f->n ? missing : f->n;
    struct str piece = {f->p, n};

    r->crc = frame_crc(r->crc, f->p, n);
    advance(f, n);
    if (r->headers.len == 0 && n == r->headers_left) {
        headers_complete(r, f, piece);
        return ERR_OK;
    }
    if (!buf_add_str(&r->headers, piece)) {
        return ERR_NOMEM;
    }
    if (n == missing) {
        headers_complete(r, f, buf_str(&r->headers));
        buf_free(&r->headers);
    }
    return ERR_OK;
}

static void take_payload(struct frame_reader *r, struct feed *f)
{
    size_t n = r->payload_left < f->n ? r->payload_left : f->n;
    struct str piece = {f->p, n};

    r->crc = frame_crc(r->crc, f->p, n);
    advance(f, n);
    f->events->payload(f->arg, piece);
    r->payload_left -= (uint32_t)n;
    if (r->payload_left == 0) {
        r->part = FRAME_IN_CRC;
    }
}

static enum err take_crc(struct frame_reader *r, struct feed *f)
{
    const char *crc = take_fixed(r, f, 4);

    if (crc == NULL) {
        return ERR_OK;
    }
    if (frame_u32(crc) != r->crc) {
        return ERR_CORRUPT;
    }
    r->part = FRAME_IN_PRELUDE;
    f->events->end(f->arg);
    return ERR_OK;
}

enum err frame_reader_feed(struct frame_reader *r, const char *data, size_t n,
                           const struct frame_events *events, void *arg)
{
    struct feed f = {data, n, events, arg};
    enum err e = ERR_OK;

    while (f.n > 0 && e == ERR_OK) {
        switch (r->part) {
        case FRAME_IN_PRELUDE:
            e = take_prelude(r, &f);
            break;
        case FRAME_IN_HEADERS:
            e = take_headers(r, &f);
            break;
        case FRAME_IN_PAYLOAD:
            take_payload(r, &f);
            break;
        case FRAME_IN_CRC:
            e = take_crc(r, &f);
            break;
        }
    }
    return e;
}
