/* meter.c: hands an answer to the meter of its API. */
#include "core/dialect/tier.h"

#include "core/base/recycle.h"

#include <string.h>

struct meter *meter_new(const struct dialect_route *r, const struct call *call)
{
    const struct meter_kind *kind =
        r->does != NULL && r->does->meter != NULL ? r->does->meter : &meter_converse;
    struct meter *m = recycle_take(kind->size);

    if (m != NULL) {
        memset(m, 0, kind->size);
        m->kind = kind;
        if (kind->begin != NULL) {
            kind->begin(m, r, call);
        }
    }
    return m;
}

void meter_free(struct meter *m)
{
    if (m == NULL) {
        return;
    }
    if (m->kind->clear != NULL) {
        m->kind->clear(m);
    }
    recycle_give(m, m->kind->size);
}

void meter_upstream(struct meter *m, const struct dialect_upstream *u)
{
    m->usage_added = u->usage_added;
}

void meter_head(struct meter *m, int status, const struct http_header *headers, size_t header_count)
{
    m->answered = status >= 200 && status <= 299;
    tier_said_headers(&m->state, headers, header_count);
    m->kind->head(m, status, headers, header_count);
}

bool meter_feed(struct meter *m, const char *data, size_t n)
{
    return m->kind->feed(m, data, n);
}

bool meter_rewrites(const struct meter *m)
{
    return m->kind->rewrites != NULL && m->kind->rewrites(m);
}

bool meter_pass(struct meter *m, const char *data, size_t n, bool last, struct buf *out)
{
    if (meter_rewrites(m)) {
        return m->kind->pass(m, data, n, last, out);
    }
    bool framed = n == 0 || m->kind->feed(m, data, n);
    return buf_append(out, data, n) && framed;
}

bool meter_answer_head(const struct meter *m, int *status, struct buf *header_lines)
{
    return m->kind->answer_head != NULL && m->kind->answer_head(m, status, header_lines);
}

void meter_state(const struct meter *m, struct meter_state *out)
{
    *out = m->state;
}

struct str meter_header(const struct http_header *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_is_nocase(headers[i].name, name)) {
            return headers[i].value;
        }
    }
    return (struct str){0};
}

bool meter_is_type(const struct http_header *headers, size_t count, const char *type)
{
    struct str rest;
    struct str is = str_cut(meter_header(headers, count, "content-type"), ';', &rest);

    return str_is_nocase(str_trim(is), type);
}

bool meter_is_coded(const struct http_header *headers, size_t count)
{
    struct str coding = meter_header(headers, count, "content-encoding");

    return coding.n > 0 && !str_is_nocase(coding, "identity");
}

bool meter_count_bytes(struct meter *m, size_t n)
{
    if (m->answered) {
        m->state.first_content = true;
        m->state.output_bytes += (int64_t)n;
    }
    return false;
}
