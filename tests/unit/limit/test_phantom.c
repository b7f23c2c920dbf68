/* test_phantom.c: denials that need not have been, counted when the calls in their way have ended.
 */
#include "tests/unit/limit/rig.h"

static void expect(struct rig *r, size_t i, int64_t examined, int64_t phantom)
{
    struct limits_view v = rig_view(r);
    assert_int_equal(v.limits[i].examined, examined);
    assert_int_equal(v.limits[i].phantom, phantom);
    limits_view_free(&v);
}

static void only_once_all_have_ended(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_1M);
    rig_start(&r);
    struct call a = rig_call(&r, NULL, 40, 0), b = rig_call(&r, NULL, 50, 0);
    struct call c = rig_call(&r, NULL, 30, 0), d = rig_call(&r, NULL, 60, 0);
    struct limit_hold *ha = rig_admit(&r, &a), *hb = rig_admit(&r, &b);
    (void)rig_refuse(&r, &c); /* lacks 20 */
    (void)rig_refuse(&r, &c); /* and again */
    (void)rig_refuse(&r, &d); /* lacks 50 */
    struct call small = rig_call(&r, NULL, 10, 0);
    struct limit_hold *later = rig_admit(&r, &small); /* does not matter to them */
    rig_settle(&r, ha, &a, 15, 0);                    /* gives 25 back */
    expect(&r, 0, 0, 0);                              /* b may still use more than it holds */
    const struct usage more = {.input = 60};
    assert_true(limits_top_up(r.l, later, &small, &more)); /* nor what it grows by */
    limits_release(r.l, later);
    expect(&r, 0, 0, 0);
    rig_settle(&r, hb, &b, 50, 0);
    expect(&r, 0, 3, 2); /* c fitted both times, d did not */
    rig_end(&r);
}

static void excess_and_top_ups_count_against(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_1M);
    rig_start(&r);
    struct call a = rig_call(&r, NULL, 0, 40), b = rig_call(&r, NULL, 0, 50);
    struct call c = rig_call(&r, NULL, 30, 0);
    struct limit_hold *ha = rig_admit(&r, &a), *hb = rig_admit(&r, &b);
    (void)rig_refuse(&r, &c);
    struct usage u = {.output = 70};
    assert_true(limits_top_up(r.l, hb, &b, &u));
    rig_settle(&r, ha, &a, 0, 10); /* 30 back, 20 are enough */
    rig_settle(&r, hb, &b, 0, 70); /* and 20 more than it held then */
    expect(&r, 0, 1, 0);
    rig_time(&r, T0 + MINUTE);
    a.admitted_wall_ms = b.admitted_wall_ms = c.admitted_wall_ms = r.now_ms;
    ha = rig_admit(&r, &a);
    hb = rig_admit(&r, &b);
    (void)rig_refuse(&r, &c);
    rig_settle(&r, ha, &a, 0, 10);
    rig_time(&r, T0 + 2 * MINUTE); /* the window passes; it is decided all the same */
    rig_settle(&r, hb, &b, 0, 60);
    expect(&r, 0, 2, 1);
    rig_end(&r);
}

/* Each limit for itself; what no reservation stood in the way of is not examined. */
static void which_denials(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "tokens", METRIC_TOKENS, 100, WINDOW_1M);
    rig_limit(&r, "requests", METRIC_REQUESTS, 2, WINDOW_1H)->rolling = true;
    rig_limit(&r, "calls", METRIC_CONCURRENCY, 2, WINDOW_NONE);
    rig_start(&r);
    struct call a = rig_call(&r, NULL, 40, 0), big = rig_call(&r, NULL, 101, 0);
    struct limit_hold *h = rig_admit(&r, &a), *h2 = rig_admit(&r, &a);
    (void)rig_refuse(&r, &a);
    (void)rig_refuse(&r, &big); /* larger than the whole limit: never */
    rig_settle(&r, h, &a, 5, 0);
    limits_release(r.l, h2);
    expect(&r, 0, 1, 1);
    expect(&r, 1, 2, 2); /* a request that came to nothing is given back */
    expect(&r, 2, 0, 0);
    h = rig_admit(&r, &a);
    rig_settle(&r, h, &a, 90, 0);
    (void)rig_refuse(&r, &a); /* all is used, nothing is held */
    expect(&r, 0, 1, 1);
    rig_end(&r);
}

static void bounded(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_TOKENS, 100000, WINDOW_1M);
    rig_start(&r);
    struct call a = rig_call(&r, NULL, 100000, 0);
    struct limit_hold *h = rig_admit(&r, &a);
    for (int round = 0; round < 40; round++) {
        for (int i = 1; i <= 1000; i++) {
            struct call c = rig_call(&r, NULL, i, 0);
            (void)rig_refuse(&r, &c);
        }
    }
    rig_settle(&r, h, &a, 0, 0);
    expect(&r, 0, 71, 71); /* the last of the 32 forty times, as nothing happened between */
    rig_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_once_all_have_ended),
        cmocka_unit_test(excess_and_top_ups_count_against),
        cmocka_unit_test(which_denials),
        cmocka_unit_test(bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
