/* fixture.h: an identity over a master key of its own, in a folder that goes away. */
#ifndef TOLLGATE_TESTS_IDENTITY_FIXTURE_H
#define TOLLGATE_TESTS_IDENTITY_FIXTURE_H

#include "core/identity/identity.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW 1795224998000 /* 2026-11-21T01:36:38Z */

struct fixture {
    struct identity *id;
    char folder[64], file[128];
    struct key_record key; /* of the test, which draws it */
    struct key_secrets secrets;
};

/* For cmocka, as fixture_close: *state is the one fixture there is. */
static inline int fixture_open(void **state)
{
    static struct fixture f;
    struct err_info ei = {0};
    f = (struct fixture){.folder = "/tmp/tollgate-identity-XXXXXX"};
    assert_non_null(mkdtemp(f.folder));
    snprintf(f.file, sizeof(f.file), "%.60s/master.key", f.folder);
    f.id = identity_new(f.file, "us-east-1", true, &ei);
    assert_non_null(f.id);
    *state = &f;
    return 0;
}

static inline int fixture_close(void **state)
{
    struct fixture *f = *state;
    identity_free(f->id);
    unlink(f->file);
    rmdir(f->folder);
    return 0;
}

#endif
