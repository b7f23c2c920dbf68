/* json_scan.h: a pull reader over one JSON text: single pass, no allocation, validating (RFC 8259,
 * UTF-8 checked, at most 64 levels). Strings and numbers come as raw slices of the input.
 * An escaped lone surrogate (\ud83d), which the RFC's grammar allows and JavaScript writes, passes
 * the scan; scan_raw_decode refuses it. Numbers have no bound but scan_int's. Keys may repeat.
 *
 * Use: scan_init, then walk:
 *     if (scan_object(&s))
 *         while (scan_key(&s, &key))
 *             if (scan_raw_is(key, "maxTokens")) scan_int(&s, &n); else scan_skip(&s);
 *     ok = scan_done(&s);
 * (Named scan_ because jansson owns json_.) After any error every function returns false and s.bad
 * stays true; so one check at the end is enough.
 */
#ifndef TOLLGATE_BASE_JSON_SCAN_H
#define TOLLGATE_BASE_JSON_SCAN_H

#include "core/base/str.h"

enum scan_type {
    SCAN_NONE,
    SCAN_OBJECT,
    SCAN_ARRAY,
    SCAN_STRING,
    SCAN_NUMBER,
    SCAN_TRUE,
    SCAN_FALSE,
    SCAN_NULL
};

struct scan {
    const char *at, *end, *begin;
    int depth;
    bool bad;
    bool first; /* no comma expected before the next member or element */
};

/* Borrows the text as long as s, or a slice that came of it, is used. */
void scan_init(struct scan *s, const char *text, size_t n);
/* Type of the value that comes next, without taking it; SCAN_NONE at an error or the end. */
enum scan_type scan_peek(struct scan *s);

bool scan_object(struct scan *s);                  /* takes '{'; error if it is something else */
bool scan_key(struct scan *s, struct str *raw);    /* next member's key; false at '}' (taken) */
bool scan_array(struct scan *s);                   /* takes '[' */
bool scan_element(struct scan *s);                 /* true: a value follows; false at ']' (taken) */
bool scan_string(struct scan *s, struct str *raw); /* between the quotes, escapes as written */
bool scan_number(struct scan *s, struct str *raw);
bool scan_int(struct scan *s, int64_t *out); /* a number without fraction or exponent that fits */
bool scan_bool(struct scan *s, bool *out);
bool scan_skip(struct scan *s); /* one value of any type, checked */
/* One value of any type, checked; *raw is its text. */
bool scan_value(struct scan *s, struct str *raw);
/* A value was taken, all is closed, only white space is left and nothing was bad. */
bool scan_done(struct scan *s);
size_t scan_offset(const struct scan *s); /* byte at which it stands (or broke) */

bool scan_raw_is_escaped(struct str raw, const char *text, size_t n); /* of any length */
/* Compares a raw string (escapes undone on the fly) with plain text. Inline, so that the length of
 * a literal is known: an escape is longer than what it stands for. */
static inline bool scan_raw_is(struct str raw, const char *text)
{
    size_t n = strlen(text);
    return raw.n >= n && (raw.n > n || n == 0 || raw.p[0] == text[0]) &&
           scan_raw_is_escaped(raw, text, n);
}
/* Number of bytes the raw string has once escapes are undone (UTF-8). */
size_t scan_raw_length(struct str raw);
/* Undoes escapes into out (size bytes, NUL added). False: no room, or it holds a NUL or a lone
 * surrogate. */
bool scan_raw_decode(char *out, size_t size, struct str raw);

#endif
