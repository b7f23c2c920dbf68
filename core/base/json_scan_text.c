/* json_scan_text.c: the inside of JSON strings: checking them at speed, undoing escapes. */
#include "core/base/json_scan.h"
#include "core/base/json_scan_private.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* First byte that is not plain: quote, backslash, control, or outside ASCII; or end. */
static inline const char *skip_plain(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i space = _mm_set1_epi8(' ');
    while (end - p >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* Signed: bytes from 0x80 are below the space too. */
        __m128i stop =
            _mm_or_si128(_mm_cmplt_epi8(v, space),
                         _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)));
        int mask = _mm_movemask_epi8(stop);
        if (mask) {
            return p + __builtin_ctz((unsigned)mask);
        }
        p += 16;
    }
#else
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    while (end - p >= 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        uint64_t quote = v ^ ones * '"', backslash = v ^ ones * '\\';
        uint64_t stop =
            (v | (v - ones * ' ') | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash)) &
            high;
        if (stop) {
            break;
        }
        p += 8;
    }
#endif
    while (p < end && (signed char)*p >= ' ' && *p != '"' && *p != '\\') {
        p++;
    }
    return p;
}

static inline bool is_tail(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* Length of the well-formed UTF-8 sequence at p (first byte from 0x80), 0 when it is not one. */
static int utf8_length(const char *text, const char *end)
{
    const unsigned char *p = (const unsigned char *)text;
    ptrdiff_t room = end - text;

    if (p[0] < 0xC2 || p[0] > 0xF4) {
        return 0;
    }
    if (p[0] < 0xE0) {
        return room >= 2 && is_tail(p[1]) ? 2 : 0;
    }
    if (p[0] < 0xF0) {
        if (room < 3 || !is_tail(p[1]) || !is_tail(p[2])) {
            return 0;
        }
        bool overlong = p[0] == 0xE0 && p[1] < 0xA0;
        bool surrogate = p[0] == 0xED && p[1] > 0x9F;
        return overlong || surrogate ? 0 : 3;
    }
    if (room < 4 || !is_tail(p[1]) || !is_tail(p[2]) || !is_tail(p[3])) {
        return 0;
    }
    bool overlong = p[0] == 0xF0 && p[1] < 0x90;
    bool beyond = p[0] == 0xF4 && p[1] > 0x8F;
    return overlong || beyond ? 0 : 4;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Value of the four hex digits at p, or -1. */
static int32_t hex4(const char *p, const char *end)
{
    int32_t value = 0;

    if (end - p < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* Length of the escape at p (a backslash), 0 when it is malformed. */
static int escape_length(const char *p, const char *end)
{
    if (end - p < 2) {
        return 0;
    }
    switch (p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return 2;
    case 'u':
        return hex4(p + 2, end) >= 0 ? 6 : 0;
    default:
        return 0;
    }
}

const char *scan_string_end(const char *p, const char *end, bool *closed)
{
    *closed = false;
    for (;;) {
        p = skip_plain(p, end);
        if (p == end) {
            return p;
        }
        if (*p == '"') {
            *closed = true;
            return p;
        }
        if (*p == '\\') {
            int n = escape_length(p, end);
            if (!n) {
                return p;
            }
            p += n;
            continue;
        }
        while (p < end && (unsigned char)*p >= 0x80) {
            int n = utf8_length(p, end);
            if (!n) {
                return p;
            }
            p += n;
        }
        if (p < end && (unsigned char)*p < ' ') {
            return p;
        }
    }
}

struct unit {
    uint32_t code; /* code point or, alone, a surrogate */
    bool lone;
};

/* Undoes the escape at *p (checked before by the scan) and moves past it. False: malformed. */
static bool take_escape(const char **p, const char *end, struct unit *u)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *at = *p;
    int n = escape_length(at, end);

    if (!n) {
        return false;
    }
    *p = at + n;
    *u = (struct unit){0};
    if (at[1] != 'u') {
        u->code = (unsigned char)to[strchr(from, at[1]) - from];
        return true;
    }
    u->code = (uint32_t)hex4(at + 2, end);
    if (u->code < 0xD800 || u->code > 0xDFFF) {
        return true;
    }
    u->lone = true;
    if (u->code <= 0xDBFF && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
        int32_t low = hex4(*p + 2, end);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            u->code = 0x10000 + ((u->code - 0xD800) << 10) + ((uint32_t)low - 0xDC00);
            u->lone = false;
            *p += 6;
        }
    }
    return true;
}

static size_t utf8_put(char out[4], uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    out[0] = (char)(lead[n] | code);
    return n;
}

bool scan_raw_is_escaped(struct str raw, const char *text, size_t n)
{
    if (raw.n == 0) {
        return n == 0;
    }
    if (raw.n <= n) { /* an escape is longer than what it stands for */
        return raw.n == n && memcmp(raw.p, text, n) == 0 && !memchr(raw.p, '\\', n);
    }
    if (!memchr(raw.p, '\\', raw.n)) {
        return false;
    }
    const char *p = raw.p, *end = raw.p + raw.n;
    const char *t = text, *t_end = text + n;
    while (p < end) {
        char bytes[4];
        size_t size = 1;
        if (*p == '\\') {
            struct unit u;
            if (!take_escape(&p, end, &u) || u.lone) {
                return false;
            }
            size = utf8_put(bytes, u.code);
        } else {
            bytes[0] = *p++;
        }
        if ((size_t)(t_end - t) < size || memcmp(t, bytes, size) != 0) {
            return false;
        }
        t += size;
    }
    return t == t_end;
}

size_t scan_raw_length(struct str raw)
{
    const char *p = raw.p, *end = raw.n ? raw.p + raw.n : raw.p;
    size_t length = 0;

    while (p < end) {
        const char *escape = memchr(p, '\\', (size_t)(end - p));
        length += (size_t)((escape ? escape : end) - p);
        if (!escape) {
            break;
        }
        p = escape;
        char bytes[4];
        struct unit u;
        if (!take_escape(&p, end, &u)) {
            break;
        }
        length += utf8_put(bytes, u.code);
    }
    return length;
}

bool scan_raw_decode(char *out, size_t size, struct str raw)
{
    const char *p = raw.p, *end = raw.n ? raw.p + raw.n : raw.p;
    size_t used = 0;

    if (size == 0) {
        return false;
    }
    out[0] = '\0';
    while (p < end) {
        const char *escape = memchr(p, '\\', (size_t)(end - p));
        size_t plain = (size_t)((escape ? escape : end) - p);
        char bytes[4];
        size_t n = 0;
        const char *from = p;
        p += plain;
        if (escape) {
            struct unit u;
            if (!take_escape(&p, end, &u) || u.lone || u.code == 0) {
                return false;
            }
            n = utf8_put(bytes, u.code);
        }
        if (plain + n >= size - used || memchr(from, '\0', plain)) {
            return false;
        }
        memcpy(out + used, from, plain);
        memcpy(out + used + plain, bytes, n);
        used += plain + n;
    }
    out[used] = '\0';
    return true;
}
