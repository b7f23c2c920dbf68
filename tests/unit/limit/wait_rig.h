/* wait_rig.h: calls that wait, and the order in which they are told. Included by one test program
 * each. */
#ifndef TOLLGATE_TESTS_LIMIT_WAIT_RIG_H
#define TOLLGATE_TESTS_LIMIT_WAIT_RIG_H

#include "tests/unit/limit/rig.h"

struct waiting {
    struct limit_waiter w;
    struct call call;
    int told;
};

static int order[64], order_count;

static inline void told(void *arg, struct limit_waiter *w)
{
    struct waiting *me = arg;
    assert_ptr_equal(w, &me->w);
    me->told++;
    order[order_count++ % 64] = me->call.text_bytes == 0 ? -1 : (int)me->call.text_bytes;
}

static inline struct config_limit *queue(struct rig *r, const char *name, enum config_metric metric,
                                         int64_t amount, enum config_window window)
{
    struct config_limit *f = rig_limit(r, name, metric, amount, window);
    f->action = ACTION_QUEUE;
    f->max_wait_ms = 2000;
    return f;
}

/* `mark` names it in `order`. */
static inline enum err ask(struct rig *r, struct waiting *me, int mark, const char *center,
                           int64_t tokens)
{
    memset(me, 0, sizeof(*me));
    me->call = rig_call(r, center, tokens, 0);
    me->call.text_bytes = mark;
    return limits_wait(r->l, &me->call, &me->w, told, me);
}

static inline void done(struct rig *r, struct waiting *me)
{
    assert_int_equal(me->w.result, ERR_OK);
    assert_non_null(me->w.hold);
    rig_settle(r, me->w.hold, &me->call, me->call.reserved_usage.input, 0);
}

#endif
