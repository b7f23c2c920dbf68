/* front_http2_head.c: heads over HTTP/2: pseudo headers in, lower-case names out. nghttp2 has
 * checked characters, order and Content-Length. */
#include "core/proxy/front_http2_private.h"

#include "core/base/recycle.h"

#include <stdio.h>
#include <string.h>

#define HEADER_COST 32 /* RFC 9113 section 6.5.2 */
#define ANSWER_MAX  128

struct record {
    uint32_t name, value; /* lengths; the bytes follow */
};

bool http2_head_add(struct http2_stream *s, struct str name, struct str value)
{
    struct record r = {(uint32_t)name.n, (uint32_t)value.n};

    s->head_bytes += name.n + value.n + HEADER_COST;
    if (s->head_bytes > s->conn->front->limits.max_header || s->header_count == HTTP1_HEADERS_MAX) {
        s->too_big = true;
    }
    if (s->too_big) {
        return true;
    }
    s->header_count++;
    buf_append(&s->text, &r, sizeof r);
    buf_append(&s->text, name.p, name.n);
    return buf_append(&s->text, value.p, value.n) && !s->text.failed;
}

static bool next_header(struct str *rest, struct http_header *h)
{
    struct record r;

    if (rest->n < sizeof r) {
        return false;
    }
    memcpy(&r, rest->p, sizeof r);
    h->name = (struct str){rest->p + sizeof r, r.name};
    h->value = (struct str){h->name.p + r.name, r.value};
    size_t all = sizeof r + r.name + r.value;
    rest->p += all;
    rest->n -= all;
    return true;
}

static void take_pseudo(struct exchange *x, const struct http_header *h)
{
    if (str_is(h->name, ":method")) {
        x->method = h->value;
    } else if (str_is(h->name, ":path")) {
        x->target = h->value;
    } else if (str_is(h->name, ":authority")) {
        x->authority = h->value;
    }
}

static enum err check_head(const struct http2_stream *s, struct str host, struct err_info *ei)
{
    if (s->too_big) {
        return err_set(ei, ERR_TOO_BIG,
                       "HTTP/2 request refused: its head is larger than requests.max_header or has "
                       "more than %d headers",
                       HTTP1_HEADERS_MAX);
    }
    if (s->x.authority.n == 0) {
        return err_set(ei, ERR_PARSE, "HTTP/2 request refused: neither :authority nor host");
    }
    if (host.n > 0 && !str_eq(host, s->x.authority)) {
        return err_set(ei, ERR_PARSE, "HTTP/2 request refused: host differs from :authority");
    }
    if (s->x.target.n == 0) {
        return err_set(ei, ERR_PARSE, "HTTP/2 request refused: it has no :path");
    }
    return ERR_OK;
}

enum err http2_head_take(struct http2_stream *s, struct err_info *ei)
{
    struct exchange *x = &s->x;
    size_t table = s->header_count * sizeof(struct http_header);
    size_t bytes = table + s->text.len + 1;
    struct http_header *block = recycle_take(bytes), h;
    struct str host = {NULL, 0}, rest = {NULL, s->text.len};

    if (!block) {
        return err_set(ei, ERR_NOMEM, "HTTP/2 request: out of memory");
    }
    rest.p = (char *)block + table;
    if (s->text.len > 0) {
        memcpy((char *)block + table, buf_bytes(&s->text), s->text.len);
    }
    buf_free(&s->text);
    x->headers = block;
    x->block_bytes = bytes;
    x->content_length = -1;
    while (next_header(&rest, &h)) {
        if (h.name.n > 0 && h.name.p[0] == ':') {
            take_pseudo(x, &h);
        } else if (str_is(h.name, "host")) {
            host = h.value;
        } else {
            if (str_is(h.name, "content-length") && !str_to_i64(h.value, &x->content_length)) {
                x->content_length = -1;
            }
            block[x->header_count++] = h;
        }
    }
    if (x->authority.n == 0) {
        x->authority = host;
    }
    x->head_only = str_is(x->method, "HEAD");
    return check_head(s, host, ei);
}

bool http2_head_expects(const struct http2_stream *s)
{
    for (size_t i = 0; i < s->x.header_count; i++) {
        if (str_is(s->x.headers[i].name, "expect")) {
            return str_is_nocase(s->x.headers[i].value, "100-continue");
        }
    }
    return false;
}

/* --- answers --- */

struct answer {
    nghttp2_nv at[ANSWER_MAX];
    size_t count;
    bool full;
};

static void add(struct answer *a, struct str name, struct str value)
{
    if (a->count == ANSWER_MAX) {
        a->full = true;
        return;
    }
    a->at[a->count++] = (nghttp2_nv){(uint8_t *)(uintptr_t)name.p, (uint8_t *)(uintptr_t)value.p,
                                     name.n, value.n, NGHTTP2_NV_FLAG_NONE};
}

/* Headers of one connection have no place in HTTP/2. */
static bool hop_by_hop(struct str name)
{
    static const char *const names[] = {"connection", "keep-alive", "transfer-encoding", "upgrade",
                                        "proxy-connection"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (str_is(name, names[i])) {
            return true;
        }
    }
    return false;
}

/* lines: writable; names are lowered in place. */
static void add_lines(struct answer *a, char *lines, size_t n)
{
    const char *end = lines + n;

    while (lines < end) {
        char *stop = memchr(lines, '\n', (size_t)(end - lines));
        char *next = stop ? stop + 1 : lines + (end - lines);
        char *colon = memchr(lines, ':', (size_t)(next - lines));
        if (colon && stop && stop > colon && stop[-1] == '\r') {
            for (char *p = lines; p < colon; p++) {
                *p = (char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p);
            }
            struct str name = {lines, (size_t)(colon - lines)};
            if (!hop_by_hop(name)) {
                add(a, name, str_trim((struct str){colon + 1, (size_t)(stop - 1 - colon - 1)}));
            }
        }
        lines = next;
    }
}

bool http2_head_answer(struct http2_stream *s, int status, struct str lines, int64_t content_length,
                       const nghttp2_data_provider *body)
{
    struct front *f = s->conn->front;
    struct answer a = {.count = 0};
    char code[8], length[24];
    int n = snprintf(code, sizeof code, "%d", status);
    struct str date = front_date(f);

    buf_clear(&f->lower);
    if (!buf_add_str(&f->lower, lines)) {
        return false;
    }
    add(&a, STR(":status"), (struct str){code, (size_t)n});
    add_lines(&a, buf_bytes(&f->lower), f->lower.len);
    if (content_length >= 0 && status != 204) {
        n = snprintf(length, sizeof length, "%lld", (long long)content_length);
        add(&a, STR("content-length"), (struct str){length, (size_t)n});
    }
    add(&a, STR("date"), str_sub(date, 6, date.n - 8));
    return !a.full &&
           nghttp2_submit_response(s->conn->http2->session, s->id, a.at, a.count, body) == 0;
}
