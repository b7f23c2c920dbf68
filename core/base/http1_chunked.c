/* http1_chunked.c: the chunked transfer coding (RFC 9112 section 7.1), undone strictly. */
#include "core/base/http1.h"

#define EXTENSION_MAX 256
#define SIZE_DIGITS   16
#define TRAILERS_MAX  8192

enum state {
    SIZE, /* all-zero is the start */
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF,
    FINISHED,
    BROKEN
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* A byte that may stand in an extension or in the value of a trailer. */
static bool is_text(char c)
{
    unsigned char u = (unsigned char)c;
    return (u >= ' ' && u != 0x7F) || u == '\t';
}

static bool is_name(char c)
{
    unsigned char u = (unsigned char)c;
    return u > ' ' && u < 0x7F;
}

static enum err size_byte(struct http1_chunked *c, char byte)
{
    int digit = hex_digit(byte);

    if (digit >= 0) {
        if (++c->line > SIZE_DIGITS || c->left > INT64_MAX >> 4) {
            return ERR_PARSE;
        }
        c->left = c->left << 4 | digit;
        return ERR_OK;
    }
    if (c->line == 0 || (byte != '\r' && byte != ';')) {
        return ERR_PARSE;
    }
    c->line = 0;
    c->state = byte == ';' ? EXTENSION : SIZE_LF;
    return ERR_OK;
}

static enum err extension_byte(struct http1_chunked *c, char byte)
{
    if (byte == '\r') {
        c->state = SIZE_LF;
        return ERR_OK;
    }
    return is_text(byte) && ++c->line <= EXTENSION_MAX ? ERR_OK : ERR_PARSE;
}

static enum err trailer_byte(struct http1_chunked *c, char byte)
{
    if (++c->trailer_bytes > TRAILERS_MAX) {
        return ERR_TOO_BIG;
    }
    switch (c->state) {
    case TRAILER_START:
        if (byte == '\r') {
            c->state = LAST_LF;
            return ERR_OK;
        }
        c->state = TRAILER_NAME;
        return is_name(byte) && byte != ':' ? ERR_OK : ERR_PARSE;
    case TRAILER_NAME:
        if (byte == ':') {
            c->state = TRAILER_VALUE;
        }
        return is_name(byte) ? ERR_OK : ERR_PARSE;
    default:
        if (byte == '\r') {
            c->state = TRAILER_LF;
            return ERR_OK;
        }
        return is_text(byte) ? ERR_OK : ERR_PARSE;
    }
}

static enum err expect(struct http1_chunked *c, char byte, char wanted, enum state next)
{
    c->state = (int)next;
    return byte == wanted ? ERR_OK : ERR_PARSE;
}

/* One byte outside of chunk data. */
static enum err framing_byte(struct http1_chunked *c, char byte)
{
    switch ((enum state)c->state) {
    case SIZE:
        return size_byte(c, byte);
    case EXTENSION:
        return extension_byte(c, byte);
    case SIZE_LF:
        c->line = 0;
        return expect(c, byte, '\n', c->left > 0 ? DATA : TRAILER_START);
    case DATA_CR:
        return expect(c, byte, '\r', DATA_LF);
    case DATA_LF:
        return expect(c, byte, '\n', SIZE);
    case TRAILER_START:
    case TRAILER_NAME:
    case TRAILER_VALUE:
        return trailer_byte(c, byte);
    case TRAILER_LF:
        return expect(c, byte, '\n', TRAILER_START);
    case LAST_LF:
        return expect(c, byte, '\n', FINISHED);
    case DATA:
    case FINISHED:
    case BROKEN:
    default:
        return ERR_PARSE;
    }
}

enum err http1_chunked_feed(struct http1_chunked *c, const char *data, size_t n, size_t *used,
                            struct str *out, bool *end)
{
    size_t at = 0;
    enum err e = ERR_OK;

    *out = (struct str){NULL, 0};
    while (at < n && c->state != FINISHED && !e) {
        if (c->state != DATA) {
            e = framing_byte(c, data[at++]);
            continue;
        }
        if (out->n > 0) { /* one slice a call */
            break;
        }
        size_t take = (uint64_t)c->left < n - at ? (size_t)c->left : n - at;
        *out = (struct str){data + at, take};
        at += take;
        c->left -= (int64_t)take;
        if (c->left == 0) {
            c->state = DATA_CR;
        }
    }
    if (e) {
        c->state = BROKEN;
    }
    *used = at;
    *end = !e && c->state == FINISHED;
    return e;
}
