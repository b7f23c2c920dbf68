/* limit_rig.h: changes of limits on a real core. Included by one test program each. */
#ifndef TOLLGATE_TESTS_LIMIT_RIG_H
#define TOLLGATE_TESTS_LIMIT_RIG_H

#include "tests/unit/control/core_rig.h"

/* A change, its answer's old and new. */
static void change(struct core_rig *r, const char *method, json_t *params, const char *old,
                   const char *fresh)
{
    json_t *result = done(r, method, params);
    assert_at(result, "old", old);
    assert_at(result, "new", fresh);
    assert_true(json_integer_value(json_object_get(result, "change_id")) > 0);
    json_decref(result);
}

static json_t *set(const char *name, const char *metric, const char *amount)
{
    return json_pack("{s:s, s:s, s:s}", "name", name, "metric", metric, "amount", amount);
}

static json_t *set_for(const char *amount, const char *duration)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "name", "minute", "metric", "tokens", "amount", amount,
                     "for", duration);
}

static json_t *named(const char *name)
{
    return json_pack("{s:s}", "name", name);
}

#endif
