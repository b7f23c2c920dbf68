/* json_scan.c: the walk over a JSON text. Text of strings: json_scan_text.c. */
#include "core/base/json_scan.h"

#include "core/base/json_scan_private.h"

#include <string.h>

#define DEPTH_MAX 64

void scan_init(struct scan *s, const char *text, size_t n)
{
    if (n == 0) {
        text = "";
    }
    *s = (struct scan){.at = text, .end = text + n, .begin = text, .first = true};
}

static bool broke(struct scan *s)
{
    s->bad = true;
    return false;
}

/* Skips white space; false at the end of the text or after an error. */
static inline bool next_byte(struct scan *s)
{
    const char *p = s->at;

    if (s->bad) {
        return false;
    }
    while (p < s->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
        p++;
    }
    s->at = p;
    return p < s->end;
}

enum scan_type scan_peek(struct scan *s)
{
    if (!next_byte(s)) {
        return SCAN_NONE;
    }
    switch (*s->at) {
    case '{':
        return SCAN_OBJECT;
    case '[':
        return SCAN_ARRAY;
    case '"':
        return SCAN_STRING;
    case 't':
        return SCAN_TRUE;
    case 'f':
        return SCAN_FALSE;
    case 'n':
        return SCAN_NULL;
    case '-':
        return SCAN_NUMBER;
    default:
        return *s->at >= '0' && *s->at <= '9' ? SCAN_NUMBER : SCAN_NONE;
    }
}

static inline bool open_container(struct scan *s, char bracket)
{
    if (!next_byte(s) || *s->at != bracket || s->depth == DEPTH_MAX) {
        return broke(s);
    }
    s->at++;
    s->depth++;
    s->first = true;
    return true;
}

/* Takes what stands before a member or element. False at the closing bracket (taken) or an error.
 */
static inline bool next_member(struct scan *s, char closing)
{
    if (!next_byte(s)) {
        return broke(s);
    }
    if (*s->at == closing) {
        if (s->depth == 0) {
            return broke(s);
        }
        s->at++;
        s->depth--;
        s->first = false;
        return false;
    }
    if (!s->first) {
        if (*s->at != ',') {
            return broke(s);
        }
        s->at++;
        if (!next_byte(s)) {
            return broke(s);
        }
    }
    s->first = false;
    return true;
}

static inline bool take_string(struct scan *s, struct str *raw)
{
    if (*s->at != '"') {
        return broke(s);
    }
    const char *from = s->at + 1;
    bool closed;
    s->at = scan_string_end(from, s->end, &closed);
    if (!closed) {
        return broke(s);
    }
    *raw = (struct str){from, (size_t)(s->at - from)};
    s->at++;
    s->first = false;
    return true;
}

bool scan_object(struct scan *s)
{
    return open_container(s, '{');
}

bool scan_key(struct scan *s, struct str *raw)
{
    if (!next_member(s, '}') || !take_string(s, raw)) {
        return false;
    }
    if (!next_byte(s) || *s->at != ':') {
        return broke(s);
    }
    s->at++;
    return true;
}

bool scan_array(struct scan *s)
{
    return open_container(s, '[');
}

bool scan_element(struct scan *s)
{
    if (!next_member(s, ']')) {
        return false;
    }
    return scan_peek(s) != SCAN_NONE || broke(s);
}

bool scan_string(struct scan *s, struct str *raw)
{
    return next_byte(s) ? take_string(s, raw) : broke(s);
}

static const char *digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9') {
        p++;
    }
    return p;
}

/* -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?  Leaves s->at where it breaks. */
static bool take_number(struct scan *s, bool *whole)
{
    const char *p = s->at, *end = s->end, *from;

    p += p < end && *p == '-';
    from = p;
    p = p < end && *p == '0' ? p + 1 : digits(p, end);
    s->at = p;
    if (p == from) {
        return broke(s);
    }
    *whole = true;
    if (p < end && *p == '.') {
        from = p + 1;
        s->at = p = digits(from, end);
        *whole = false;
        if (p == from) {
            return broke(s);
        }
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        from = p + 1;
        from += from < end && (*from == '+' || *from == '-');
        s->at = p = digits(from, end);
        *whole = false;
        if (p == from) {
            return broke(s);
        }
    }
    s->first = false;
    return true;
}

static bool number(struct scan *s, struct str *raw, bool *whole)
{
    if (!next_byte(s)) {
        return broke(s);
    }
    const char *from = s->at;
    if (!take_number(s, whole)) {
        return false;
    }
    *raw = (struct str){from, (size_t)(s->at - from)};
    return true;
}

bool scan_number(struct scan *s, struct str *raw)
{
    bool whole;
    return number(s, raw, &whole);
}

bool scan_int(struct scan *s, int64_t *out)
{
    struct str raw;
    bool whole;

    if (!number(s, &raw, &whole)) {
        return false;
    }
    bool negative = raw.p[0] == '-';
    int64_t value = 0;
    bool fits = whole;
    /* Summed below zero, where the smallest integer has room. */
    for (size_t i = negative; fits && i < raw.n; i++) {
        fits = !__builtin_mul_overflow(value, 10, &value) &&
               !__builtin_sub_overflow(value, raw.p[i] - '0', &value);
    }
    if (fits && !negative) {
        fits = !__builtin_sub_overflow((int64_t)0, value, &value);
    }
    if (!fits) {
        s->at = raw.p;
        return broke(s);
    }
    *out = value;
    return true;
}

static bool take_word(struct scan *s, const char *word, size_t n)
{
    if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n) != 0) {
        return broke(s);
    }
    s->at += n;
    s->first = false;
    return true;
}

bool scan_bool(struct scan *s, bool *out)
{
    if (!next_byte(s)) {
        return broke(s);
    }
    bool value = *s->at == 't';
    if (!(value ? take_word(s, "true", 4) : take_word(s, "false", 5))) {
        return false;
    }
    *out = value;
    return true;
}

/* Takes a scalar, or opens a container and says so. */
static inline bool take_any(struct scan *s, bool *opened, bool *is_object)
{
    struct str raw;
    bool whole;

    *opened = false;
    switch (scan_peek(s)) {
    case SCAN_STRING:
        return take_string(s, &raw);
    case SCAN_NUMBER:
        return take_number(s, &whole);
    case SCAN_TRUE:
        return take_word(s, "true", 4);
    case SCAN_FALSE:
        return take_word(s, "false", 5);
    case SCAN_NULL:
        return take_word(s, "null", 4);
    case SCAN_OBJECT:
        *opened = *is_object = true;
        return open_container(s, '{');
    case SCAN_ARRAY:
        *opened = true;
        *is_object = false;
        return open_container(s, '[');
    case SCAN_NONE:
    default:
        return broke(s);
    }
}

bool scan_skip(struct scan *s)
{
    int base = s->depth;
    uint64_t objects = 0; /* bit d - 1: the container at depth d is an object */
    struct str key;

    for (;;) {
        bool opened, is_object = false;
        if (!take_any(s, &opened, &is_object)) {
            return false;
        }
        if (opened) {
            uint64_t bit = (uint64_t)1 << (s->depth - 1);
            objects = is_object ? objects | bit : objects & ~bit;
        }
        for (;;) {
            if (s->depth == base) {
                return true;
            }
            bool in_object = objects >> (s->depth - 1) & 1;
            if (in_object ? scan_key(s, &key) : next_member(s, ']')) {
                break;
            }
            if (s->bad) {
                return false;
            }
        }
    }
}

bool scan_value(struct scan *s, struct str *raw)
{
    if (!next_byte(s)) {
        return broke(s);
    }
    const char *from = s->at;
    if (!scan_skip(s)) {
        return false;
    }
    *raw = (struct str){from, (size_t)(s->at - from)};
    return true;
}

bool scan_done(struct scan *s)
{
    if (s->bad || s->first || s->depth != 0 || next_byte(s)) {
        return broke(s);
    }
    return true;
}

size_t scan_offset(const struct scan *s)
{
    return (size_t)(s->at - s->begin);
}
