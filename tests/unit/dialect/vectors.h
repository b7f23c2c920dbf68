/* vectors.h: test vectors that lie beside the repository; a test without them is skipped. */
#ifndef TOLLGATE_TESTS_DIALECT_VECTORS_H
#define TOLLGATE_TESTS_DIALECT_VECTORS_H

#include "core/base/buf.h"
#include "tests/unit/test.h"

#include <stdio.h>

#define VECTORS "../shared/vectors"

/* The whole file; skips the test when it is not there. The caller frees it. */
static inline struct buf vector_read(const char *folder, const char *name)
{
    char path[256];
    struct buf out = {0};

    snprintf(path, sizeof(path), "%s/%s/%s", VECTORS, folder, name);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        print_message("no test vectors at %s: skipped\n", path);
        skip();
    } else {
        size_t n;
        do {
            char *at = buf_reserve(&out, 4096);
            assert_non_null(at);
            n = fread(at, 1, 4096, f);
            buf_commit(&out, n);
        } while (n > 0);
        fclose(f);
    }
    return out;
}

#endif
