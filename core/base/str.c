/* str.c: see str.h. The encodings (hex, base64, percent) are in str_code.c. */
#include "core/base/str.h"

#include <stdlib.h>
#include <string.h>

static unsigned char lower(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 'A' && u <= 'Z' ? (unsigned char)(u + 32) : u;
}

bool str_same_nocase(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i] && lower(a[i]) != lower(b[i])) {
            return false;
        }
    }
    return true;
}

bool str_starts(struct str a, const char *prefix)
{
    struct str b = str_of(prefix);
    return a.n >= b.n && (b.n == 0 || memcmp(a.p, b.p, b.n) == 0);
}

bool str_ends(struct str a, const char *suffix)
{
    struct str b = str_of(suffix);
    return a.n >= b.n && (b.n == 0 || memcmp(a.p + a.n - b.n, b.p, b.n) == 0);
}

struct str str_trim(struct str a)
{
    while (a.n > 0 && (a.p[0] == ' ' || a.p[0] == '\t')) {
        a.p++;
        a.n--;
    }
    while (a.n > 0 && (a.p[a.n - 1] == ' ' || a.p[a.n - 1] == '\t')) {
        a.n--;
    }
    return a;
}

struct str str_cut(struct str a, char sep, struct str *rest)
{
    const char *at = a.n == 0 ? NULL : memchr(a.p, sep, a.n);
    if (at == NULL) {
        *rest = (struct str){NULL, 0};
        return a;
    }
    size_t before = (size_t)(at - a.p);
    *rest = (struct str){at + 1, a.n - before - 1};
    return (struct str){a.p, before};
}

bool str_copy(char *out, size_t size, struct str a)
{
    if (size == 0) {
        return false;
    }
    size_t n = a.n < size ? a.n : size - 1;
    if (n > 0) {
        memcpy(out, a.p, n);
    }
    out[n] = '\0';
    return n == a.n;
}

char *str_dup(struct str a)
{
    char *copy = a.n == SIZE_MAX ? NULL : malloc(a.n + 1);
    if (copy == NULL) {
        return NULL;
    }
    if (a.n > 0) {
        memcpy(copy, a.p, a.n);
    }
    copy[a.n] = '\0';
    return copy;
}

bool str_to_i64(struct str a, int64_t *out)
{
    bool negative = a.n > 0 && a.p[0] == '-';
    struct str digits = str_sub(a, negative ? 1 : 0, a.n);
    if (digits.n == 0) {
        return false;
    }
    int64_t value = 0; /* kept negative: INT64_MIN has no positive twin */
    for (size_t i = 0; i < digits.n; i++) {
        int digit = digits.p[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value)) {
            return false;
        }
    }
    if (negative ? value == 0 : value == INT64_MIN) {
        return false;
    }
    *out = negative ? value : -value;
    return true;
}

/* On a mismatch only the last * can be asked to take one byte more: at most pattern x text steps.
 */
bool str_glob(struct str pattern, struct str text)
{
    size_t p = 0, t = 0;
    size_t star = SIZE_MAX, star_text = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            star_text = t;
        } else if (p < pattern.n && (pattern.p[p] == '?' || pattern.p[p] == text.p[t])) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++star_text;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*') {
        p++;
    }
    return p == pattern.n;
}

bool str_equal_secret(const void *a, const void *b, size_t n)
{
    const volatile unsigned char *x = a;
    const volatile unsigned char *y = b;
    unsigned char difference = 0;
    for (size_t i = 0; i < n; i++) {
        difference = (unsigned char)(difference | (x[i] ^ y[i]));
    }
    return difference == 0;
}

static bool continues(struct str a, size_t i)
{
    return i < a.n && ((unsigned char)a.p[i] & 0xC0) == 0x80;
}

size_t str_utf8(struct str a, uint32_t *point)
{
    if (a.n == 0) {
        return 0;
    }
    const unsigned char *u = (const unsigned char *)a.p;
    if (u[0] < 0x80) {
        *point = u[0];
        return 1;
    }
    if (u[0] < 0xC2 || u[0] > 0xF4 || !continues(a, 1)) {
        return 0;
    }
    if (u[0] < 0xE0) {
        *point = (u[0] & 0x1Fu) << 6 | (u[1] & 0x3Fu);
        return 2;
    }
    if (!continues(a, 2)) {
        return 0;
    }
    uint32_t low = (u[1] & 0x3Fu) << 6 | (u[2] & 0x3Fu);
    if (u[0] < 0xF0) {
        uint32_t value = (u[0] & 0x0Fu) << 12 | low;
        if (value < 0x800 || (value >= 0xD800 && value <= 0xDFFF)) {
            return 0;
        }
        *point = value;
        return 3;
    }
    if (!continues(a, 3)) {
        return 0;
    }
    uint32_t value = (u[0] & 0x07u) << 18 | low << 6 | (u[3] & 0x3Fu);
    if (value < 0x10000 || value > 0x10FFFF) {
        return 0;
    }
    *point = value;
    return 4;
}
