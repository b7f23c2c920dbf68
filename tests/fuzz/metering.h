/* metering.h: an answer through the meter, whole or in pieces. */
#ifndef TOLLGATE_TESTS_FUZZ_METERING_H
#define TOLLGATE_TESTS_FUZZ_METERING_H

#include "core/dialect/dialect.h"
#include "tests/fuzz/fuzz.h"

/* Feeds `text` as the answer of a POST to `target`, with this content type; in pieces unless whole.
 * Returns whether all framing held. */
UNUSED static bool metering_run(struct meter_state *out, const char *target, const char *type,
                                struct str text, bool whole, uint16_t seed)
{
    struct dialect_route route;
    struct err_info ei = {0};
    struct http_header headers[] = {{STR("Content-Type"), str_of(type)}};
    struct call call = {.max_output = -1};
    struct split split = split_of(seed);
    bool good = true;

    MUST(dialect_route(&route, STR("POST"), str_of(target), &ei) == ERR_OK);
    struct meter *m = meter_new(&route, &call);
    MUST(m != NULL);
    meter_head(m, 200, headers, 1);
    for (size_t at = 0, n; at < text.n; at += n) {
        n = whole ? text.n : split_next(&split, text.n - at);
        char *piece = fuzz_copy(str_sub(text, at, n));
        good = meter_feed(m, piece, n) && good;
        free(piece);
    }
    *out = (struct meter_state){0};
    meter_state(m, out);
    meter_free(m);
    return good;
}

UNUSED static void metering_same_usage(const struct meter_state *a, const struct meter_state *b)
{
    MUST(a->usage_known == b->usage_known);
    if (!a->usage_known) {
        return;
    }
    MUST(a->usage.input == b->usage.input && a->usage.output == b->usage.output);
    MUST(a->usage.cache_read == b->usage.cache_read);
    MUST(a->usage.cache_write_5m == b->usage.cache_write_5m);
    MUST(a->usage.cache_write_1h == b->usage.cache_write_1h);
    MUST(a->usage.input >= 0 && a->usage.output >= 0 && a->usage.cache_read >= 0);
    MUST(a->usage.cache_write_5m >= 0 && a->usage.cache_write_1h >= 0);
}

#endif
