/* spent_rig.h: calls in the ledger of a real core. Included by one test program each. */
#ifndef TOLLGATE_TESTS_SPENT_RIG_H
#define TOLLGATE_TESTS_SPENT_RIG_H

#include "tests/unit/control/core_rig.h"

static struct model haiku = {.name = "haiku"};

/* A call of 100 tokens and a dollar, so long ago, that had reserved so many times as much; `limit`:
 * denied by it; `failed`: upstream, before anything was generated. */
static inline void spent_of(struct core_rig *r, const char *application, int64_t ago_ms,
                            const char *limit, int64_t times, bool failed)
{
    struct call c;
    uint64_t slot = 0;
    call_init(&c);
    c.operation = "Converse";
    c.resolved.model = &haiku;
    c.resolved.upstream_id = "us.anthropic.haiku-v1:0";
    assert_int_equal(tags_set(&c.tags, &c.arena, STR("applicationId"), str_of(application)),
                     ERR_OK);
    assert_int_equal(tags_set(&c.tags, &c.arena, STR("costCenter"), STR("sales")), ERR_OK);
    c.admitted_wall_ms = clock_wall_ms() - ago_ms;
    c.priced = true;
    c.ended_us = c.arrived_us + 20000;
    if (limit) {
        c.outcome = OUTCOME_DENIED;
        c.limit = limit;
        c.http_status = 429;
        ledger_refused(r->core->ledger, 0, &c, "", 0);
    } else {
        c.reserved_usage = (struct usage){.input = 60 * times, .output = 40 * times};
        assert_int_equal(ledger_admitted(r->core->ledger, 0, &c, &slot), ERR_OK);
        c.outcome = failed ? OUTCOME_FAILED : OUTCOME_APPROVED;
        c.http_status = failed ? 429 : 200;
        c.usage = failed ? (struct usage){.input = 0} : (struct usage){.input = 60, .output = 40};
        c.usage_reported = true;
        c.usd = failed ? 0 : MONEY_DOLLAR;
        ledger_settled(r->core->ledger, 0, slot, &c);
    }
    call_clear(&c);
}

static inline void spent(struct core_rig *r, const char *application, int64_t ago_ms,
                         const char *limit)
{
    spent_of(r, application, ago_ms, limit, 1, false);
}

#endif
