/* str_code.c: the encodings of str.h: hex, base64, percent, and text made safe for a terminal. */
#include "core/base/str.h"

#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

void str_hex(char *out, const void *data, size_t n)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = hex_digits[bytes[i] >> 4];
        out[2 * i + 1] = hex_digits[bytes[i] & 15];
    }
    out[2 * n] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

bool str_unhex(void *out, size_t n, struct str hex)
{
    if (hex.n % 2 != 0 || hex.n / 2 != n) {
        return false;
    }
    unsigned char *bytes = out;
    for (size_t i = 0; i < n; i++) {
        int high = hex_value(hex.p[2 * i]);
        int low = hex_value(hex.p[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

size_t str_base64(char *out, const void *data, size_t n)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = data;
    char *at = out;
    while (n > 0) {
        size_t take = n < 3 ? n : 3;
        uint32_t group = (uint32_t)in[0] << 16;
        group |= take > 1 ? (uint32_t)in[1] << 8 : 0;
        group |= take > 2 ? in[2] : 0;
        at[0] = alphabet[group >> 18];
        at[1] = alphabet[group >> 12 & 63];
        at[2] = take > 1 ? alphabet[group >> 6 & 63] : '=';
        at[3] = take > 2 ? alphabet[group & 63] : '=';
        at += 4;
        in += take;
        n -= take;
    }
    *at = '\0';
    return (size_t)(at - out);
}

/* Value of a base64 digit plus one, so that 0 means "not a digit". */
static const unsigned char base64_digit[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

/* Decodes `digits` (2 to 4) digits into 24 bits; false on a byte that is none. */
static bool base64_group(const char *in, size_t digits, uint32_t *group)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; i++) {
        uint32_t value = 1;
        if (i < digits) {
            value = base64_digit[(unsigned char)in[i]];
            if (value == 0) {
                return false;
            }
        }
        bits = bits << 6 | (value - 1);
    }
    *group = bits;
    return true;
}

size_t str_unbase64(void *out, size_t size, struct str text)
{
    if (text.n == 0) {
        return 0;
    }
    if (text.n % 4 != 0) {
        return (size_t)-1;
    }
    size_t padding = 0;
    if (text.p[text.n - 1] == '=') {
        padding = text.p[text.n - 2] == '=' ? 2 : 1;
    }
    size_t length = text.n / 4 * 3 - padding;
    if (length > size) {
        return (size_t)-1;
    }
    unsigned char *at = out;
    uint32_t group;
    size_t whole = text.n - (padding > 0 ? 4 : 0);
    for (size_t i = 0; i < whole; i += 4) {
        if (!base64_group(text.p + i, 4, &group)) {
            return (size_t)-1;
        }
        *at++ = (unsigned char)(group >> 16);
        *at++ = (unsigned char)(group >> 8);
        *at++ = (unsigned char)group;
    }
    if (padding > 0) {
        /* Bits that fall into the padding must be zero: one text for one value. */
        uint32_t spare = padding == 1 ? 0xFF : 0xFFFF;
        if (!base64_group(text.p + whole, 4 - padding, &group) || (group & spare) != 0) {
            return (size_t)-1;
        }
        *at++ = (unsigned char)(group >> 16);
        if (padding == 1) {
            *at++ = (unsigned char)(group >> 8);
        }
    }
    return length;
}

bool str_percent_decode(char *out, size_t size, struct str text)
{
    size_t length = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%') {
            if (text.n - i < 3) {
                return false;
            }
            int high = hex_value(text.p[i + 1]);
            int low = hex_value(text.p[i + 2]);
            if (high < 0 || low < 0) {
                return false;
            }
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0' || length + 1 >= size) {
            return false;
        }
        out[length++] = c;
    }
    if (size == 0) {
        return false;
    }
    out[length] = '\0';
    return true;
}

/* Code points a terminal acts on or that reorder or hide the text around them. */
static bool unsafe_point(uint32_t point)
{
    return point < 0x20 || (point >= 0x7F && point <= 0x9F) || point == 0x061C || point == 0x200E ||
           point == 0x200F || (point >= 0x2028 && point <= 0x202E) ||
           (point >= 0x2066 && point <= 0x2069) || point == 0xFEFF;
}

/* Writes the escape of one byte or code point; returns its length (at most 8). */
static size_t escape_point(char out[8], uint32_t point)
{
    if (point < 0x80) {
        memcpy(out, "\\x", 2);
        out[2] = hex_digits[point >> 4 & 15];
        out[3] = hex_digits[point & 15];
        return 4;
    }
    memcpy(out, "\\u{", 3);
    for (unsigned i = 0; i < 4; i++) {
        out[3 + i] = hex_digits[point >> (12 - 4 * i) & 15];
    }
    out[7] = '}';
    return 8;
}

size_t str_printable(char *out, size_t size, struct str text)
{
    if (size == 0) {
        return 0;
    }
    size_t length = 0;
    size_t i = 0;
    while (i < text.n) {
        char escape[8];
        const char *piece = text.p + i;
        uint32_t point = 0;
        size_t taken = str_utf8((struct str){piece, text.n - i}, &point);
        size_t piece_len = taken;
        if (taken == 0) {
            taken = 1;
            unsigned char byte = (unsigned char)*piece;
            memcpy(escape, "\\x", 2);
            str_hex(escape + 2, &byte, 1);
            piece = escape;
            piece_len = 4;
        } else if (unsafe_point(point)) {
            piece_len = escape_point(escape, point);
            piece = escape;
        }
        if (piece_len >= size - length) {
            break;
        }
        memcpy(out + length, piece, piece_len);
        length += piece_len;
        i += taken;
    }
    out[length] = '\0';
    return length;
}
