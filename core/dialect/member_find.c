/* member_find.c: see member_find.h. */
#include "core/dialect/member_find.h"

#include "core/base/json_scan.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

void member_find_free(struct member_find *f)
{
    buf_free(&f->value);
    *f = (struct member_find){0};
}

/* First byte of data[0..n) that matters inside a string: a quote or a backslash; or n. */
static size_t string_run(const char *data, size_t n)
{
    size_t i = 0;

#ifdef __SSE2__
    const __m128i quotes = _mm_set1_epi8('"'), slashes = _mm_set1_epi8('\\');
    while (n - i >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(data + i));
        int found =
            _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, quotes), _mm_cmpeq_epi8(v, slashes)));
        if (found != 0) {
            return i + (size_t)__builtin_ctz((unsigned)found);
        }
        i += 16;
    }
#else
    const uint64_t ones = 0x0101010101010101u;
    while (n - i >= 8) {
        uint64_t word;
        memcpy(&word, data + i, sizeof(word));
        uint64_t quote = word ^ ones * '"', slash = word ^ ones * '\\';
        uint64_t found = ((quote - ones) & ~quote) | ((slash - ones) & ~slash);
        if ((found & ones * 0x80) != 0) {
            break;
        }
        i += 8;
    }
#endif
    while (i < n && data[i] != '"' && data[i] != '\\') {
        i++;
    }
    return i;
}

static void keep_key(struct member_find *f, const char *data, size_t n)
{
    if (n > sizeof(f->key) - f->key_n || f->key_n > sizeof(f->key)) {
        f->key_n = sizeof(f->key) + 1;
        return;
    }
    memcpy(f->key + f->key_n, data, n);
    f->key_n = (uint8_t)(f->key_n + n);
}

/* Takes bytes of a string up to its end; returns how many. */
static size_t take_string(struct member_find *f, const char *data, size_t n)
{
    size_t run = f->escaped ? 1 : string_run(data, n);
    bool was_escaped = f->escaped;
    bool closes = !was_escaped && run < n && data[run] == '"';
    bool escapes = !was_escaped && run < n && data[run] == '\\';

    f->escaped = escapes;
    if (f->in_key) {
        keep_key(f, data, run + escapes);
    }
    if (closes) {
        f->in_string = false;
    }
    return run + (closes || escapes);
}

struct walk {
    struct member_find *f;
    const struct member_wants *wants;
    void *arg;
    const char *data;
    size_t at;     /* of data: the byte that is looked at */
    size_t caught; /* of data: from where on it belongs to the value being caught */
};

/* Depth of the members that are wanted, 0 while they cannot come. */
static uint32_t level(const struct walk *w)
{
    if (w->wants->parent == NULL) {
        return 1;
    }
    return w->f->inside ? 2 : 0;
}

static void key_ended(struct walk *w)
{
    struct member_find *f = w->f;
    struct str key = {f->key, f->key_n};

    f->in_key = false;
    f->key_next = false;
    if (f->key_n > sizeof(f->key)) {
        return;
    }
    if (f->depth != level(w)) {
        f->parent_next = scan_raw_is(key, w->wants->parent);
        return;
    }
    for (size_t i = 0; i < w->wants->count && !f->catching; i++) {
        if (scan_raw_is(key, w->wants->names[i])) {
            buf_clear(&f->value);
            f->value.max = MEMBER_VALUE_MAX;
            f->catching = true;
            w->caught = w->at;
            f->which = (uint8_t)i;
        }
    }
}

/* The value that was being caught, if any, ends before this byte. */
static void value_ended(const struct walk *w)
{
    struct member_find *f = w->f;

    if (!f->catching) {
        return;
    }
    f->catching = false;
    /* Mostly it came in one piece. */
    struct str value = {w->data + w->caught, w->at - w->caught};
    if (f->value.len > 0 || value.n > MEMBER_VALUE_MAX) {
        buf_add_str(&f->value, value);
        value = buf_str(&f->value);
    }
    /* Between the key and the colon there is only white space. */
    const char *colon = value.n == 0 ? NULL : memchr(value.p, ':', value.n);
    if (colon != NULL && !f->value.failed) {
        size_t skipped = (size_t)(colon + 1 - value.p);
        w->wants->found(w->arg, f->which, (struct str){colon + 1, value.n - skipped});
    }
    buf_free(&f->value);
}

static void opened(const struct walk *w, char c)
{
    struct member_find *f = w->f;

    f->off = f->depth == 0 && c == '[';
    f->inside = f->inside || (f->depth == 1 && f->parent_next && c == '{');
    f->parent_next = false;
    f->depth += f->depth < UINT32_MAX;
    f->key_next = c == '{' && (f->depth == 1 || f->depth == level(w));
}

static void closed(const struct walk *w)
{
    struct member_find *f = w->f;

    if (f->depth == level(w)) {
        value_ended(w);
    }
    f->depth -= f->depth > 0;
    f->inside = f->inside && f->depth >= 2;
    f->key_next = false;
    f->off = f->depth == 0;
}

static void take_structure(const struct walk *w, char c)
{
    struct member_find *f = w->f;

    switch (c) {
    case '"':
        f->in_string = true;
        f->in_key = f->key_next;
        f->key_n = 0;
        break;
    case '{':
    case '[':
        opened(w, c);
        break;
    case '}':
    case ']':
        closed(w);
        break;
    case ',':
        if (f->depth == level(w)) {
            value_ended(w);
        }
        f->key_next = f->depth == 1 || f->depth == level(w);
        f->parent_next = false;
        break;
    default:
        break;
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Bytes that mean something outside of strings. */
static const bool structure[256] = {
    ['"'] = true, ['{'] = true, ['}'] = true, ['['] = true, [']'] = true, [','] = true};

static size_t structure_run(const char *data, size_t n)
{
    size_t i = 0;

    while (i < n && !structure[(unsigned char)data[i]]) {
        i++;
    }
    return i;
}

void member_find_feed(struct member_find *f, const struct member_wants *wants, void *arg,
                      const char *data, size_t n)
{
    struct walk w = {f, wants, arg, data, 0, 0};

    while (w.at < n && !f->off) {
        if (f->in_string) {
            w.at += take_string(f, data + w.at, n - w.at);
            if (f->in_key && !f->in_string) {
                key_ended(&w);
            }
        } else if (f->depth == 0 && data[w.at] != '{') {
            f->off = !is_blank(data[w.at]);
            w.at++;
        } else {
            w.at += structure_run(data + w.at, n - w.at);
            if (w.at < n) {
                take_structure(&w, data[w.at]);
                w.at++;
            }
        }
    }
    if (f->catching) {
        buf_append(&f->value, data + w.caught, w.at - w.caught);
    }
}
