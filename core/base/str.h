/* str.h: slices of bytes, and the small conversions of text everybody needs. */
#ifndef TOLLGATE_BASE_STR_H
#define TOLLGATE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A borrowed run of bytes; not NUL-terminated. p may be NULL when n is 0. */
struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})

/* NULL gives the empty slice. */
static inline struct str str_of(const char *text)
{
    return (struct str){text, text == NULL ? 0 : strlen(text)};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_is(struct str a, const char *text)
{
    return str_eq(a, str_of(text));
}

/* Clamped to a. */
static inline struct str str_sub(struct str a, size_t from, size_t n)
{
    if (a.p == NULL) {
        return a;
    }
    if (from > a.n) {
        from = a.n;
    }
    if (n > a.n - from) {
        n = a.n - from;
    }
    return (struct str){a.p + from, n};
}

bool str_same_nocase(const char *a, const char *b, size_t n); /* ASCII case */
/* Inline, so that the length of a literal is known: most names differ in it already. */
static inline bool str_is_nocase(struct str a, const char *text)
{
    size_t n = text == NULL ? 0 : strlen(text);
    return a.n == n && str_same_nocase(a.p, text, n);
}
bool str_starts(struct str a, const char *prefix);
bool str_ends(struct str a, const char *suffix);
struct str str_trim(struct str a); /* spaces and tabs at both ends */
/* Splits at the first `sep`: returns the part before, *rest the part after (p NULL when no sep). */
struct str str_cut(struct str a, char sep, struct str *rest);
/* Copies into out with NUL, cut to size - 1. Returns false when it was cut. */
bool str_copy(char *out, size_t size, struct str a);
/* Owned NUL-terminated copy, or NULL without memory. */
char *str_dup(struct str a);

/* Whole slice must be a decimal integer without sign games or overflow (one leading '-' is allowed,
 * but not "-0"; no '+', no blanks); false leaves *out alone. */
bool str_to_i64(struct str a, int64_t *out);

/* Shell-like glob with * and ? over the whole text; bounded time (no recursion). */
bool str_glob(struct str pattern, struct str text);

/* Lower-case hex of n bytes; out gets 2n + 1 bytes. */
void str_hex(char *out, const void *data, size_t n);
/* Decodes exactly n bytes from 2n hex digits of either case. */
bool str_unhex(void *out, size_t n, struct str hex);

/* Standard base64 with padding; out needs 4 * ((n + 2) / 3) + 1 bytes. Returns length. */
size_t str_base64(char *out, const void *data, size_t n);
/* Decodes; returns length or (size_t)-1 when malformed or larger than size. */
size_t str_unbase64(void *out, size_t size, struct str text);

/* Percent-decodes into out (size bytes, NUL added). False on a bad escape, a NUL byte or no room.
 */
bool str_percent_decode(char *out, size_t size, struct str text);

/* Makes outside bytes safe to print on a terminal: control characters, DEL, C1, bidi marks and
 * invalid UTF-8 become \xNN or \u{NNNN}. Always NUL-terminated; cut to size. Returns length. */
size_t str_printable(char *out, size_t size, struct str text);

/* Length (1 to 4) of the UTF-8 sequence `a` starts with, its code point in *point; 0 when `a` is
 * empty or starts with an invalid, overlong, surrogate or cut-off sequence. */
size_t str_utf8(struct str a, uint32_t *point);

/* Time depends on n only: for secrets. */
bool str_equal_secret(const void *a, const void *b, size_t n);

#endif
