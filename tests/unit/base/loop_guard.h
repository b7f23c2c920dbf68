/* loop_guard.h: a loop that stops itself, and fails the test, when nothing else does. */
#ifndef TOLLGATE_TESTS_LOOP_GUARD_H
#define TOLLGATE_TESTS_LOOP_GUARD_H

#include "core/base/loop.h"
#include "tests/unit/wait.h"

#include <stddef.h>
#include <string.h>

struct guarded {
    struct loop *loop;
    struct loop_timer deadline;
    bool late;
};

static inline void on_deadline(struct loop_timer *t)
{
    struct guarded *g = (struct guarded *)((char *)t - offsetof(struct guarded, deadline));
    g->late = true;
    loop_stop(g->loop);
}

static inline void guarded_open(struct guarded *g)
{
    struct err_info ei = {0};
    memset(g, 0, sizeof *g);
    g->loop = loop_new(&ei);
    assert_non_null(g->loop);
    g->deadline.on_time = on_deadline;
    loop_arm(g->loop, &g->deadline, DEADLINE_US);
}

static inline void guarded_run(struct guarded *g)
{
    loop_run(g->loop);
    assert_false(g->late);
}

static inline void guarded_close(struct guarded *g)
{
    loop_free(g->loop);
    assert_int_equal(g->deadline.heap_at, 0);
}

#endif
