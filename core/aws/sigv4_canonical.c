/* sigv4_canonical.c: the canonical form of a request, which both sides of a signature hash. */
#include "core/aws/sigv4.h"

#include <stdlib.h>
#include <string.h>

#define QUERY_MAX 256

static bool is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void add_encoded_byte(struct buf *out, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";
    if (is_unreserved(c)) {
        buf_append(out, &c, 1);
        return;
    }
    char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
    buf_append(out, escape, sizeof(escape));
}

void sigv4_encode_segment(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        add_encoded_byte(out, (unsigned char)text.p[i]);
    }
}

/* Whole runs at once: most paths need few escapes. */
static void add_path(struct buf *out, struct str path)
{
    size_t from = 0;
    for (size_t i = 0; i < path.n; i++) {
        unsigned char c = (unsigned char)path.p[i];
        if (is_unreserved(c) || c == '/') {
            continue;
        }
        buf_append(out, path.p + from, i - from);
        add_encoded_byte(out, c);
        from = i + 1;
    }
    buf_append(out, path.p + from, path.n - from);
}

/* RFC 3986 section 5.2.4, with empty segments dropped as well. Kept segments are written with the
 * '/' before each; ".." takes the last one back. */
static bool normalize(struct buf *out, struct str path)
{
    struct str rest = path;
    bool trailing = true;
    while (rest.p != NULL) {
        struct str segment = str_cut(rest, '/', &rest);
        trailing = segment.n == 0 || str_is(segment, ".") || str_is(segment, "..");
        if (str_is(segment, "..")) {
            struct str kept = buf_str(out);
            while (kept.n > 0 && kept.p[--kept.n] != '/') {
            }
            out->len = kept.n;
        } else if (!trailing) {
            buf_add(out, "/");
            buf_add_str(out, segment);
        }
    }
    if (trailing || out->len == 0) {
        buf_add(out, "/");
    }
    return !out->failed;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What is escaped on the wire is taken as the byte it means, so that %2b and %2B are one. */
static void add_query_part(struct buf *out, struct str part)
{
    for (size_t i = 0; i < part.n; i++) {
        unsigned char c = (unsigned char)part.p[i];
        if (c == '%' && i + 2 < part.n) {
            int high = hex_digit(part.p[i + 1]);
            int low = hex_digit(part.p[i + 2]);
            if (high >= 0 && low >= 0) {
                c = (unsigned char)(high * 16 + low);
                i += 2;
            }
        }
        add_encoded_byte(out, c);
    }
}

struct query_pair {
    struct str name, value;
};

static int compare_str(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n > 0 ? memcmp(a.p, b.p, n) : 0;
    if (order != 0) {
        return order;
    }
    return (a.n > b.n) - (a.n < b.n);
}

static int compare_pairs(const void *a, const void *b)
{
    const struct query_pair *x = a;
    const struct query_pair *y = b;
    int order = compare_str(x->name, y->name);
    return order != 0 ? order : compare_str(x->value, y->value);
}

static enum err add_query(struct buf *out, struct str query, struct err_info *ei)
{
    struct query_pair pairs[QUERY_MAX];
    size_t count = 0;
    /* Every byte becomes at most three: with room for all, slices of it stay where they are. */
    struct buf encoded = {0};
    if (buf_reserve(&encoded, query.n * 3 + 1) == NULL) {
        return err_set(ei, ERR_NOMEM, "no memory to sign a query of %zu bytes", query.n);
    }
    struct str rest = query;
    while (rest.p != NULL) {
        struct str value = {0};
        struct str pair = str_cut(rest, '&', &rest);
        if (pair.n == 0) {
            continue;
        }
        if (count == QUERY_MAX) {
            buf_free(&encoded);
            return err_set(ei, ERR_TOO_BIG, "the query has more than %d parameters", QUERY_MAX);
        }
        struct str name = str_cut(pair, '=', &value);
        size_t name_at = encoded.len;
        add_query_part(&encoded, name);
        size_t value_at = encoded.len;
        add_query_part(&encoded, value);
        pairs[count].name = str_sub(buf_str(&encoded), name_at, value_at - name_at);
        pairs[count].value = str_sub(buf_str(&encoded), value_at, encoded.len - value_at);
        count++;
    }
    qsort(pairs, count, sizeof(pairs[0]), compare_pairs);
    for (size_t i = 0; i < count; i++) {
        buf_add(out, i > 0 ? "&" : "");
        buf_add_str(out, pairs[i].name);
        buf_add(out, "=");
        buf_add_str(out, pairs[i].value);
    }
    buf_free(&encoded);
    return ERR_OK;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void add_header_value(struct buf *out, struct str value)
{
    while (value.n > 0 && is_blank(value.p[0])) {
        value = str_sub(value, 1, value.n - 1);
    }
    while (value.n > 0 && is_blank(value.p[value.n - 1])) {
        value.n--;
    }
    if (value.n == 0) {
        return;
    }
    size_t from = 0;
    for (size_t i = 0; i < value.n; i++) {
        if (!is_blank(value.p[i])) {
            continue;
        }
        buf_append(out, value.p + from, i - from);
        buf_add(out, " ");
        while (is_blank(value.p[i + 1])) { /* the last byte is no blank */
            i++;
        }
        from = i + 1;
    }
    buf_append(out, value.p + from, value.n - from);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool same_name(struct str a, struct str b)
{
    if (a.n != b.n) {
        return false;
    }
    for (size_t i = 0; i < a.n; i++) {
        if (lower(a.p[i]) != lower(b.p[i])) {
            return false;
        }
    }
    return true;
}

static enum err add_header(struct buf *out, const struct sigv4_request *r, struct str name,
                           struct err_info *ei)
{
    bool found = false;
    buf_add_str(out, name);
    for (size_t i = 0; i < r->header_count; i++) {
        if (same_name(r->headers[i].name, name)) {
            buf_add(out, found ? "," : ":");
            add_header_value(out, r->headers[i].value);
            found = true;
        }
    }
    if (!found || name.n == 0) {
        char shown[64];
        str_printable(shown, sizeof(shown), name);
        return err_set(ei, ERR_NOT_FOUND, "the signature covers header '%s', which was not sent",
                       shown);
    }
    buf_add(out, "\n");
    return ERR_OK;
}

static enum err add_head(struct buf *out, const struct sigv4_request *r, struct err_info *ei)
{
    buf_add_str(out, r->method);
    buf_add(out, "\n");
    if (r->path.n == 0) {
        buf_add(out, "/");
    } else if (r->normalize_path) {
        struct buf normal = {0};
        if (!normalize(&normal, r->path)) {
            buf_free(&normal);
            return err_set(ei, ERR_NOMEM, "no memory to sign a path of %zu bytes", r->path.n);
        }
        add_path(out, buf_str(&normal));
        buf_free(&normal);
    } else {
        add_path(out, r->path);
    }
    buf_add(out, "\n");
    enum err e = r->query.n > 0 ? add_query(out, r->query, ei) : ERR_OK;
    buf_add(out, "\n");
    return e;
}

enum err sigv4_canonical(struct buf *out, const struct sigv4_request *r, struct str signed_headers,
                         struct err_info *ei)
{
    enum err e = add_head(out, r, ei);
    struct str rest = signed_headers;
    do {
        struct str name = str_cut(rest, ';', &rest);
        if (e == ERR_OK) {
            e = add_header(out, r, name, ei);
        }
    } while (e == ERR_OK && rest.p != NULL);
    if (e != ERR_OK) {
        return e;
    }
    buf_add(out, "\n");
    buf_add_str(out, signed_headers);
    buf_add(out, "\n");
    buf_add(out, r->body_sha256_hex);
    return out->failed ? err_set(ei, ERR_NOMEM, "no memory to sign a request") : ERR_OK;
}
