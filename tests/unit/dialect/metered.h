/* metered.h: an answer through the meter, in pieces, for tests. */
#ifndef TOLLGATE_TESTS_DIALECT_METERED_H
#define TOLLGATE_TESTS_DIALECT_METERED_H

#include "core/dialect/dialect.h"
#include "core/dialect/eventstream.h"
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

static const size_t pieces[] = {1, 7, SIZE_MAX / 2};
#define PIECES (sizeof(pieces) / sizeof(pieces[0]))

struct metered {
    struct meter_state s;
    bool framed;
    struct buf passed; /* what the client gets, when it was asked for */
};

struct answer {
    const char *path;
    const char *base_id; /* of the model; NULL: not known */
    int status;
    bool usage_added;
    const struct http_header *headers;
    size_t header_count;
};

/* Feeds or passes in pieces that are each a block of their own, so that a sanitizer sees their
 * ends. */
static inline struct metered metered_run(const struct answer *a, struct str data, size_t piece,
                                         bool pass)
{
    struct metered out = {.framed = true};
    struct dialect_route r;
    struct model model = {.base_id = a->base_id};
    struct call call = {.max_output = -1, .resolved = {.model = a->base_id ? &model : NULL}};

    assert_int_equal(dialect_route(&r, STR("POST"), str_of(a->path), NULL), ERR_OK);
    struct meter *m = meter_new(&r, &call);
    assert_non_null(m);
    meter_upstream(m, &(struct dialect_upstream){.usage_added = a->usage_added});
    meter_head(m, a->status, a->headers, a->header_count);
    for (size_t i = 0; i < data.n; i += piece) {
        size_t n = data.n - i < piece ? data.n - i : piece;
        char *copy = malloc(n);
        assert_non_null(copy);
        memcpy(copy, data.p + i, n);
        bool framed =
            pass ? meter_pass(m, copy, n, i + n == data.n, &out.passed) : meter_feed(m, copy, n);
        out.framed = framed && out.framed;
        free(copy);
    }
    meter_state(m, &out.s);
    meter_free(m);
    return out;
}

static inline void metered_event(struct buf *b, const char *type, const char *payload)
{
    assert_int_equal(eventstream_write_event(b, type, str_of(payload)), ERR_OK);
}

static inline void metered_uses(const struct metered *m, struct usage expected)
{
    assert_true(m->framed);
    assert_true(m->s.usage_known);
    assert_int_equal(m->s.usage.input, expected.input);
    assert_int_equal(m->s.usage.output, expected.output);
    assert_int_equal(m->s.usage.cache_read, expected.cache_read);
    assert_int_equal(m->s.usage.cache_write_5m, expected.cache_write_5m);
    assert_int_equal(m->s.usage.cache_write_1h, expected.cache_write_1h);
}

#endif
