/* eventstream.c: reading and writing whole frames. Streams in pieces: frame_reader.c. */
#include "core/dialect/eventstream.h"

#include "core/dialect/frame_reader.h"

#include <string.h>
#include <zlib.h>

#define NAME_MAX_BYTES   255
#define STRING_MAX_BYTES 65535
#define TYPE_BYTES       6
#define TYPE_STRING      7

uint32_t frame_u32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

uint32_t frame_crc(uint32_t crc, const char *data, size_t n)
{
    return (uint32_t)crc32_z(crc, (const Bytef *)data, n);
}

enum err frame_prelude(const char prelude[FRAME_PRELUDE], uint32_t *total, uint32_t *headers)
{
    *total = frame_u32(prelude);
    *headers = frame_u32(prelude + 4);
    if (frame_crc(0, prelude, 8) != frame_u32(prelude + 8) || *total < FRAME_MIN ||
        *headers > FRAME_HEADERS_MAX || *headers > *total - FRAME_MIN ||
        *total - FRAME_MIN - *headers > FRAME_PAYLOAD_MAX) {
        return ERR_CORRUPT;
    }
    return ERR_OK;
}

enum err eventstream_next(const char *data, size_t n, struct eventstream_message *out, size_t *need)
{
    uint32_t total, headers;

    *need = 0;
    if (n < FRAME_PRELUDE) {
        return ERR_BUSY;
    }
    if (frame_prelude(data, &total, &headers) != ERR_OK) {
        return ERR_CORRUPT;
    }
    *need = total;
    if (n < total) {
        return ERR_BUSY;
    }
    if (frame_crc(0, data, total - 4) != frame_u32(data + total - 4)) {
        return ERR_CORRUPT;
    }
    *out = (struct eventstream_message){
        .headers = {data + FRAME_PRELUDE, headers},
        .payload = {data + FRAME_PRELUDE + headers, total - FRAME_MIN - headers},
        .length = total,
    };
    return ERR_OK;
}

/* Takes n bytes from the front. */
static bool take(struct str *rest, size_t n, struct str *out)
{
    if (rest->n < n) {
        return false;
    }
    *out = (struct str){rest->p, n};
    *rest = (struct str){rest->p + n, rest->n - n};
    return true;
}

static bool take_length(struct str *rest, int bytes, size_t *out)
{
    struct str raw;

    if (!take(rest, (size_t)bytes, &raw)) {
        return false;
    }
    *out = (unsigned char)raw.p[0];
    if (bytes == 2) {
        *out = *out << 8 | (unsigned char)raw.p[1];
    }
    return true;
}

enum err eventstream_header(struct str *rest, struct eventstream_header *out)
{
    static const uint8_t fixed[] = {0, 0, 1, 2, 4, 8, 0, 0, 8, 16};
    size_t n, type;

    if (rest->n == 0) {
        return ERR_CLOSED;
    }
    if (!take_length(rest, 1, &n) || n == 0 || !take(rest, n, &out->name) ||
        !take_length(rest, 1, &type) || type >= sizeof(fixed)) {
        return ERR_CORRUPT;
    }
    out->type = (uint8_t)type;
    n = fixed[type];
    if ((type == TYPE_BYTES || type == TYPE_STRING) && !take_length(rest, 2, &n)) {
        return ERR_CORRUPT;
    }
    return take(rest, n, &out->value) ? ERR_OK : ERR_CORRUPT;
}

struct str eventstream_find(const struct eventstream_message *m, const char *name)
{
    struct str rest = m->headers;
    struct eventstream_header h;

    while (eventstream_header(&rest, &h) == ERR_OK) {
        if (h.type == TYPE_STRING && str_is(h.name, name)) {
            return h.value;
        }
    }
    return (struct str){0};
}

static void put_u32(char *p, uint32_t v)
{
    p[0] = (char)(v >> 24);
    p[1] = (char)(v >> 16);
    p[2] = (char)(v >> 8);
    p[3] = (char)v;
}

static enum err headers_size(const struct str (*headers)[2], size_t count, size_t *out)
{
    size_t size = 0;

    for (size_t i = 0; i < count; i++) {
        if (headers[i][0].n == 0 || headers[i][0].n > NAME_MAX_BYTES ||
            headers[i][1].n > STRING_MAX_BYTES) {
            return ERR_RANGE;
        }
        size += headers[i][0].n + headers[i][1].n + 4;
        if (size > FRAME_HEADERS_MAX) {
            return ERR_TOO_BIG;
        }
    }
    *out = size;
    return ERR_OK;
}

static char *put_header(char *p, const struct str header[2])
{
    *p++ = (char)header[0].n;
    memcpy(p, header[0].p, header[0].n);
    p += header[0].n;
    *p++ = TYPE_STRING;
    *p++ = (char)(header[1].n >> 8);
    *p++ = (char)header[1].n;
    if (header[1].n > 0) {
        memcpy(p, header[1].p, header[1].n);
    }
    return p + header[1].n;
}

enum err eventstream_write(struct buf *out, const struct str (*headers)[2], size_t header_count,
                           struct str payload)
{
    size_t headers_n;
    enum err e = headers_size(headers, header_count, &headers_n);

    if (e != ERR_OK) {
        return e;
    }
    if (payload.n > FRAME_PAYLOAD_MAX) {
        return ERR_TOO_BIG;
    }
    size_t total = headers_n + payload.n + FRAME_MIN;
    char *frame = buf_reserve(out, total);
    if (frame == NULL) {
        return ERR_NOMEM;
    }
    put_u32(frame, (uint32_t)total);
    put_u32(frame + 4, (uint32_t)headers_n);
    put_u32(frame + 8, frame_crc(0, frame, 8));
    char *p = frame + FRAME_PRELUDE;
    for (size_t i = 0; i < header_count; i++) {
        p = put_header(p, headers[i]);
    }
    if (payload.n > 0) {
        memcpy(p, payload.p, payload.n);
    }
    put_u32(frame + total - 4, frame_crc(0, frame, total - 4));
    buf_commit(out, total);
    return ERR_OK;
}

enum err eventstream_write_event(struct buf *out, const char *event_type, struct str json)
{
    const struct str headers[][2] = {
        {STR(":event-type"), str_of(event_type)},
        {STR(":content-type"), STR("application/json")},
        {STR(":message-type"), STR("event")},
    };
    return eventstream_write(out, headers, 3, json);
}

enum err eventstream_write_exception(struct buf *out, const char *exception_type,
                                     const char *message)
{
    const struct str headers[][2] = {
        {STR(":exception-type"), str_of(exception_type)},
        {STR(":content-type"), STR("application/json")},
        {STR(":message-type"), STR("exception")},
    };
    struct buf json = {0};
    enum err e = ERR_NOMEM;

    buf_add(&json, "{\"message\":");
    buf_json_string(&json, str_of(message));
    if (buf_add(&json, "}")) {
        e = eventstream_write(out, headers, 3, buf_str(&json));
    }
    buf_free(&json);
    return e;
}
