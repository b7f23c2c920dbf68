/* json_block.h: texts for the JSON reader, each in a block of its own length, so that a sanitizer
 * sees a read beyond it. */
#ifndef TOLLGATE_TESTS_JSON_BLOCK_H
#define TOLLGATE_TESTS_JSON_BLOCK_H

#include "core/base/json_scan.h"
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

/* The caller frees it. */
static inline char *block_of(const char *text, size_t n)
{
    char *block = malloc(n ? n : 1);
    assert_non_null(block);
    memcpy(block, text, n);
    return block;
}

static inline bool accepts(const char *text, size_t n)
{
    char *block = block_of(text, n);
    struct scan s;
    scan_init(&s, block, n);
    bool ok = scan_skip(&s) && scan_done(&s);
    assert_true(scan_offset(&s) <= n);
    assert_int_equal(s.bad, !ok);
    free(block);
    return ok;
}

#endif
