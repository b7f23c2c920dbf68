/* buf.c: see buf.h. */
#include "core/base/buf.h"

#include "core/base/recycle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP    512 /* most heads and stream events fit */
#define KEEP_AT_MOST (16 * 1024)

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_free(struct buf *b)
{
    recycle_give(b->data, b->cap);
    buf_init(b, b->max);
}

void buf_clear(struct buf *b)
{
    b->start = 0;
    b->len = 0;
    b->failed = false;
}

char *buf_bytes(const struct buf *b)
{
    return b->data == NULL ? NULL : b->data + b->start;
}

struct str buf_str(const struct buf *b)
{
    return (struct str){buf_bytes(b), b->len};
}

static void compact(struct buf *b)
{
    memmove(b->data, b->data + b->start, b->len);
    b->start = 0;
}

/* Doubles to at least `need` bytes, but not beyond max + 1 (a NUL may stand behind the bytes). */
static bool grow(struct buf *b, size_t need)
{
    size_t cap = b->cap < FIRST_CAP ? FIRST_CAP : b->cap;
    while (cap < need) {
        if (cap > SIZE_MAX / 2) {
            return false;
        }
        cap *= 2;
    }
    if (b->max != 0 && cap > b->max && b->max < SIZE_MAX) {
        cap = need > b->max + 1 ? need : b->max + 1;
    }
    char *data;
    if (b->start == 0 && b->len > 0 && b->cap > KEEP_AT_MOST) {
        data = realloc(b->data, cap); /* of such a size nothing is recycled */
        if (data == NULL) {
            return false;
        }
    } else {
        data = recycle_take(cap);
        if (data == NULL) {
            return false;
        }
        if (b->len > 0) {
            memcpy(data, b->data + b->start, b->len);
        }
        recycle_give(b->data, b->cap);
        b->start = 0;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

/* Physical room for n more bytes, whatever the maximum says. */
static bool make_room(struct buf *b, size_t n)
{
    if (b->data != NULL && n <= b->cap - b->start - b->len) {
        return true;
    }
    if (n > SIZE_MAX - b->len) {
        return false;
    }
    size_t need = b->len + n;
    bool full_size = b->max != 0 && b->cap >= b->max;
    /* Moving pays when it frees much; otherwise growing keeps the cost a byte constant. */
    if (b->data != NULL && need <= b->cap && (full_size || b->start >= b->cap / 2)) {
        compact(b);
        return true;
    }
    return grow(b, need > b->cap ? need : (b->cap <= SIZE_MAX / 2 ? b->cap * 2 : need));
}

static bool over_max(const struct buf *b, size_t n)
{
    return b->max != 0 && (n > b->max || b->len > b->max - n);
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->failed) {
        return NULL;
    }
    if (over_max(b, n) || !make_room(b, n)) {
        b->failed = true;
        return NULL;
    }
    return b->data + b->start + b->len;
}

void buf_commit(struct buf *b, size_t n)
{
    CHECK(n <= b->cap - b->start - b->len);
    b->len += n;
}

bool buf_append_grown(struct buf *b, const void *data, size_t n)
{
    if (n == 0) {
        return !b->failed;
    }
    char *at = buf_reserve(b, n);
    if (at == NULL) {
        return false;
    }
    memcpy(at, data, n);
    b->len += n;
    return true;
}

bool buf_add_int(struct buf *b, int64_t value)
{
    char digits[24], *at = digits + sizeof(digits);
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--at = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0) {
        *--at = '-';
    }
    return buf_append(b, at, (size_t)(digits + sizeof(digits) - at));
}

static bool print_into(struct buf *b, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static bool print_into(struct buf *b, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    if (b->data == NULL && !grow(b, 1)) { /* so that most are printed once, not measured first */
        va_end(again);
        return false;
    }
    size_t room = b->cap - b->start - b->len;
    char *at = room == 0 ? NULL : b->data + b->start + b->len;
    int n = vsnprintf(at, room, format, args);
    bool good = n >= 0 && !over_max(b, (size_t)n);
    if (good && (size_t)n >= room) {
        good = make_room(b, (size_t)n + 1) &&
               vsnprintf(b->data + b->start + b->len, (size_t)n + 1, format, again) == n;
    }
    va_end(again);
    if (good) {
        b->len += (size_t)n;
    }
    return good;
}

bool buf_printf(struct buf *b, const char *format, ...)
{
    if (b->failed) {
        return false;
    }
    va_list args;
    va_start(args, format);
    bool good = print_into(b, format, args);
    va_end(args);
    b->failed = !good;
    return good;
}

void buf_consume(struct buf *b, size_t n)
{
    if (n < b->len) {
        b->start += n;
        b->len -= n;
        return;
    }
    b->start = 0;
    b->len = 0;
    if (b->cap > KEEP_AT_MOST) {
        recycle_give(b->data, b->cap);
        b->data = NULL;
        b->cap = 0;
    }
}

/* True when all 8 bytes are ASCII that a JSON string takes as it is. */
static bool eight_plain(const char *p)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    uint64_t quote = word ^ (ones * '"');
    uint64_t slash = word ^ (ones * '\\');
    /* A borrow into the top bit of a byte: below 0x20, or zero after the xor. */
    uint64_t found = (word - ones * 0x20) | (quote - ones) | (slash - ones) | word;
    return (found & (ones * 0x80)) == 0;
}

/* Length of the run at the front of s that needs no escape. */
static size_t plain_run(struct str s)
{
    size_t i = 0;
    while (i < s.n) {
        if (s.n - i >= 8 && eight_plain(s.p + i)) {
            i += 8;
            continue;
        }
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x80) {
            uint32_t point;
            size_t n = str_utf8((struct str){s.p + i, s.n - i}, &point);
            if (n == 0) {
                return i;
            }
            i += n;
        } else if (c < 0x20 || c == '"' || c == '\\') {
            return i;
        } else {
            i++;
        }
    }
    return i;
}

static void escape_byte(struct buf *b, unsigned char c)
{
    static const char shorts[] = "btn\0fr"; /* U+0008 to U+000D */
    char text[6] = {'\\'};
    if (c == '"' || c == '\\') {
        text[1] = (char)c;
        buf_append(b, text, 2);
    } else if (c >= 8 && c <= 13 && shorts[c - 8] != '\0') {
        text[1] = shorts[c - 8];
        buf_append(b, text, 2);
    } else if (c < 0x20) {
        memcpy(text + 1, "u00", 3);
        text[4] = c < 0x10 ? '0' : '1';
        text[5] = "0123456789abcdef"[c & 15];
        buf_append(b, text, 6);
    } else {
        buf_append(b, "\xEF\xBF\xBD", 3);
    }
}

bool buf_json_string(struct buf *b, struct str s)
{
    buf_append(b, "\"", 1);
    while (s.n > 0 && !b->failed) {
        size_t run = plain_run(s);
        buf_append(b, s.p, run);
        s = str_sub(s, run, s.n);
        if (s.n > 0) {
            escape_byte(b, (unsigned char)s.p[0]);
            s = str_sub(s, 1, s.n);
        }
    }
    return buf_append(b, "\"", 1);
}

bool buf_percent(struct buf *b, struct str s)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (letter || c == '-' || c == '.' || c == '_' || c == '~') {
            (void)buf_append(b, &c, 1);
        } else {
            const char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
            (void)buf_append(b, escape, sizeof(escape));
        }
    }
    return !b->failed;
}

const char *buf_cstr(struct buf *b)
{
    if (!make_room(b, 1)) {
        b->failed = true;
        return "";
    }
    b->data[b->start + b->len] = '\0';
    return b->data + b->start;
}
