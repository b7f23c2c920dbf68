/* test_settle.c: windows that pass, debt, top-ups, what is restored after a restart. */
#include "tests/unit/limit/rig.h"

static void next_window_starts_empty(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_1M);
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 50, 50);
    struct limit_hold *old = rig_admit(&r, &c);
    (void)rig_refuse(&r, &c);
    rig_time(&r, T0 + MINUTE);
    rig_expect(&r, 0, 0, 0); /* the open call belongs to the minute before */
    struct call c2 = rig_call(&r, NULL, 50, 50);
    struct limit_hold *h = rig_admit(&r, &c2);
    rig_expect(&r, 0, 0, 100);
    rig_settle(&r, old, &c, 50, 40);
    rig_expect(&r, 0, 0, 100);
    rig_settle(&r, h, &c2, 50, 20);
    rig_expect(&r, 0, 70, 0);
    struct limits_view v = rig_view(&r);
    assert_int_equal(v.limits[0].resets_at_ms, T0 + 2 * MINUTE);
    assert_int_equal(v.limits[0].denied, 0); /* a denial of the minute before */
    limits_view_free(&v);
    rig_end(&r);
}

static void excess_in_its_window(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_1M);
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 50, 50);
    struct limit_hold *h = rig_admit(&r, &c);
    rig_settle(&r, h, &c, 50, 80);
    struct limits_view v = rig_view(&r);
    assert_int_equal(v.limits[0].used, 130);
    assert_int_equal(v.limits[0].over, 30);
    assert_int_equal(v.limits[0].remaining, 0);
    limits_view_free(&v);
    rig_time(&r, T0 + MINUTE);
    rig_expect(&r, 0, 30, 0); /* what its minute could not pay, the next one does */
    c = rig_call(&r, NULL, 70, 1);
    (void)rig_refuse(&r, &c);
    c = rig_call(&r, NULL, 70, 0);
    rig_settle(&r, rig_admit(&r, &c), &c, 70, 0);
    rig_expect(&r, 0, 100, 0);
    rig_time(&r, T0 + 2 * MINUTE);
    rig_expect(&r, 0, 0, 0);
    rig_end(&r);
}

/* A debt larger than a window is paid by as many as it takes, by idle ones too; what others hold in
 * the window counts before it; and nothing is owed by a limit that only warns, or for an amount
 * that was lowered. */
static void excess_is_paid_by_the_windows_after(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_1M);
    rig_limit(&r, "w", METRIC_TOKENS, 100, WINDOW_1M)->action = ACTION_WARN;
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 50, 0), other = rig_call(&r, NULL, 50, 0);
    rig_settle(&r, rig_admit(&r, &c), &c, 400, 0);
    static const int64_t owed[] = {300, 200, 100, 0};
    for (int minute = 1; minute <= 4; minute++) {
        rig_time(&r, T0 + minute * MINUTE);
        rig_expect(&r, 0, owed[minute - 1], 0);
        rig_expect(&r, 1, 0, 0);
        c = rig_call(&r, NULL, 1, 0);
        if (minute < 4) {
            (void)rig_refuse(&r, &c);
        }
    }
    rig_settle(&r, rig_admit(&r, &other), &other, 400, 0);
    rig_time(&r, r.now_ms + 3 * MINUTE); /* nobody looked for two of these */
    rig_expect(&r, 0, 100, 0);
    rig_time(&r, r.now_ms + 2 * MINUTE);
    rig_expect(&r, 0, 0, 0);
    c = rig_call(&r, NULL, 50, 0);
    struct limit_hold *h = rig_admit(&r, &other);
    rig_settle(&r, rig_admit(&r, &c), &c, 80, 0); /* 30 that the other one's room could pay */
    rig_time(&r, r.now_ms + MINUTE);
    rig_expect(&r, 0, 30, 0);
    rig_settle(&r, h, &other, 50, 0);
    rig_expect(&r, 0, 30, 0);
    rig_time(&r, r.now_ms + MINUTE);
    c = rig_call(&r, NULL, 90, 0);
    rig_settle(&r, rig_admit(&r, &c), &c, 90, 0);
    struct limit_override o = rig_override("t", "", 40);
    assert_int_equal(limits_override(r.l, &o, NULL), ERR_OK);
    rig_time(&r, r.now_ms + MINUTE);
    rig_expect(&r, 0, 0, 0);
    rig_end(&r);
}

/* The minute of admission has passed: what lies above the reservation burdens the running one, also
 * when nothing else has looked at the limit since. */
static void excess_is_carried(void **state)
{
    (void)state;
    for (int looked = 0; looked < 2; looked++) {
        struct rig r;
        rig_init(&r);
        rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_1M);
        rig_limit(&r, "r", METRIC_REQUESTS, 100, WINDOW_1M);
        rig_start(&r);
        struct call c = rig_call(&r, NULL, 10, 10);
        struct limit_hold *h = rig_admit(&r, &c);
        rig_time(&r, T0 + 3 * MINUTE);
        if (looked) {
            rig_expect(&r, 0, 0, 0);
        }
        rig_settle(&r, h, &c, 10, 55);
        rig_expect(&r, 0, 45, 0);
        rig_expect(&r, 1, 0, 0);
        struct call c2 = rig_call(&r, NULL, 56, 0);
        struct limit_denial d = rig_refuse(&r, &c2);
        assert_int_equal(d.used, 45);
        assert_int_equal(d.resets_at_ms, T0 + 4 * MINUTE);
        rig_end(&r);
    }
}

static void top_up_stops(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "wide", METRIC_OUTPUT_TOKENS, 1000, WINDOW_DAY);
    rig_limit(&r, "stop", METRIC_TOKENS, 100, WINDOW_1M)->outgrow_stop = true;
    rig_limit(&r, "calls", METRIC_REQUESTS, 1, WINDOW_1M)->outgrow_stop = true;
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 40, 10);
    struct limit_hold *h = rig_admit(&r, &c);
    struct usage u = {.input = 40, .output = 60};
    assert_true(limits_top_up(r.l, h, &c, &u));
    rig_expect(&r, 0, 0, 60);
    rig_expect(&r, 1, 0, 100);
    rig_expect(&r, 2, 0, 1);
    u.output = 61;
    assert_false(limits_top_up(r.l, h, &c, &u)); /* nothing changes anywhere */
    rig_expect(&r, 0, 0, 60);
    rig_expect(&r, 1, 0, 100);
    u.output = 5;
    assert_true(limits_top_up(r.l, h, &c, &u)); /* never shrinks */
    rig_expect(&r, 1, 0, 100);
    rig_settle(&r, h, &c, 40, 60);
    rig_expect(&r, 1, 100, 0);
    rig_end(&r);
}

static void top_up_finishes(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_1M);
    rig_limit(&r, "money", METRIC_USD, 1000000, WINDOW_1M);
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 40, 10);
    struct limit_hold *h = rig_admit(&r, &c);
    struct usage u = {.input = 40, .output = 160};
    assert_true(limits_top_up(r.l, h, &c, &u));
    rig_expect(&r, 0, 0, 200);
    rig_expect(&r, 1, 0, 32000 + 640000);
    /* 100 of them had no headroom: the next window pays those, and what was never reserved */
    rig_time(&r, T0 + MINUTE);
    rig_settle(&r, h, &c, 40, 170);
    rig_expect(&r, 0, 110, 0);
    rig_expect(&r, 1, 40000, 0);
    rig_end(&r);
}

/* What a passed window still has room for, it pays itself. */
static void top_up_in_a_passed_window(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_1M);
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 40, 10);
    struct limit_hold *h = rig_admit(&r, &c);
    rig_time(&r, T0 + MINUTE);
    rig_expect(&r, 0, 0, 0);
    struct usage u = {.input = 40, .output = 50};
    assert_true(limits_top_up(r.l, h, &c, &u));
    rig_settle(&r, h, &c, 40, 50);
    rig_expect(&r, 0, 0, 0);
    rig_end(&r);
}

static void usd_without_price_at_the_end(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "money", METRIC_USD, MONEY_DOLLAR, WINDOW_MONTH);
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 100, 100);
    struct limit_hold *h = rig_admit(&r, &c);
    c.usage = (struct usage){.input = 1, .cache_read = 50};
    c.usd = usage_cost(&c.usage, &c.price);
    assert_int_equal(c.usd, -1);
    limits_settle(r.l, h, &c);
    rig_expect(&r, 0, 480000, 0); /* never zero: what was reserved */
    rig_end(&r);
}

/* A clock set back by less than the window is waited for; after more than that the window goes back
 * too, with what was counted: it is not in the way for as long as the clock had been ahead. */
static void clock_backwards(void **state)
{
    (void)state;
    static const int64_t back_by[] = {MINUTE, 10 * MINUTE, 400 * DAY};
    for (int i = 0; i < 3; i++) {
        struct rig r;
        rig_init(&r);
        rig_limit(&r, "t", METRIC_REQUESTS, 1, WINDOW_1M);
        rig_start(&r);
        struct call c = rig_call(&r, NULL, 1, 1);
        limits_settle(r.l, rig_admit(&r, &c), &c);
        rig_time(&r, T0 - back_by[i]);
        c.admitted_wall_ms = r.now_ms;
        struct limit_denial d = rig_refuse(&r, &c);
        assert_int_equal(d.resets_at_ms, i == 0 ? T0 + MINUTE : r.now_ms + MINUTE);
        rig_time(&r, d.resets_at_ms);
        c.admitted_wall_ms = r.now_ms;
        limits_settle(r.l, rig_admit(&r, &c), &c);
        rig_end(&r);
    }
}

/* A time read before others moved on, by a thread that was held up, sets nothing back. */
static void a_late_thread_sets_nothing_back(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_REQUESTS, 1, WINDOW_1M);
    rig_limit(&r, "rolls", METRIC_REQUESTS, 1, WINDOW_1M)->rolling = true;
    rig_start(&r);
    struct call late = rig_call(&r, NULL, 1, 1), c = late;
    rig_time(&r, T0 + HOUR);
    c.admitted_wall_ms = r.now_ms;
    rig_settle(&r, rig_admit(&r, &c), &c, 1, 1);
    (void)rig_refuse(&r, &late);
    struct limit_denial d = rig_refuse(&r, &c);
    assert_in_range(d.resets_at_ms, T0 + HOUR + MINUTE, T0 + HOUR + MINUTE + 1000);
    rig_expect(&r, 0, 1, 0);
    rig_expect(&r, 1, 1, 0);
    rig_end(&r);
}

/* The clock runs ahead for a while, over the end of a month: what the month had used is not
 * forgotten when it comes back, in groups that were used meanwhile and in others. */
static void a_clock_that_ran_ahead(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    struct config_limit *f = rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_MONTH);
    f->per[0] = "costCenter";
    f->per_count = 1;
    rig_start(&r);
    struct call c = rig_call(&r, "sales", 60, 0), other = rig_call(&r, "support", 70, 0);
    struct call open = rig_call(&r, "sales", 5, 0), late = rig_call(&r, "sales", 4, 0);
    struct limit_hold *open_hold = rig_admit(&r, &open), *late_hold = rig_admit(&r, &late);
    rig_settle(&r, rig_admit(&r, &c), &c, 60, 0);
    rig_settle(&r, rig_admit(&r, &other), &other, 70, 0);
    rig_time(&r, T0 + 40 * DAY);
    c = rig_call(&r, "sales", 10, 0);
    rig_settle(&r, rig_admit(&r, &c), &c, 10, 0);
    rig_settle(&r, open_hold, &open, 5, 0);
    rig_time(&r, T0 + MINUTE);
    rig_expect(&r, 0, 60 + 70 + 10 + 5, 0);
    rig_settle(&r, late_hold, &late, 4, 0);
    rig_expect(&r, 0, 60 + 70 + 10 + 5 + 4, 0);
    c = rig_call(&r, "sales", 22, 0);
    (void)rig_refuse(&r, &c);
    other = rig_call(&r, "support", 31, 0);
    (void)rig_refuse(&r, &other);
    c = rig_call(&r, "sales", 21, 0);
    rig_settle(&r, rig_admit(&r, &c), &c, 21, 0);
    rig_time(&r, T0 + 10 * DAY); /* the first of December */
    rig_expect(&r, 0, 0, 0);
    rig_end(&r);
}

static void restore(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "minute", METRIC_TOKENS, 100, WINDOW_1M);
    struct config_limit *f = rig_limit(&r, "day", METRIC_TOKENS, 1000, WINDOW_DAY);
    f->per[0] = "costCenter";
    f->per_count = 1;
    rig_limit(&r, "calls", METRIC_CONCURRENCY, 5, WINDOW_NONE);
    rig_limit(&r, "money", METRIC_USD, 1000, WINDOW_MONTH);
    rig_start(&r);
    struct call c = rig_call(&r, "sales", 0, 0);
    struct amounts a = {.v = {[METRIC_TOKENS] = 60,
                              [METRIC_REQUESTS] = 3,
                              [METRIC_USD] = -1,
                              [METRIC_CONCURRENCY] = 1}};
    limits_restore(r.l, &rig_haiku, &c.tags, c.principal, T0 + 1, &a, false);
    limits_restore(r.l, &rig_haiku, &c.tags, c.principal, T0 - MINUTE, &a, true);
    limits_restore(r.l, &rig_haiku, &c.tags, c.principal, T0 - 2 * DAY, &a, true);
    limits_restore(r.l, &rig_haiku, &c.tags, c.principal, T0 + 2 * DAY, &a, true);
    rig_expect(&r, 0, 60, 0);
    rig_expect(&r, 1, 120, 0);
    rig_expect(&r, 2, 0, 0);
    rig_expect(&r, 3, 0, 0);
    struct limits_view v = rig_view(&r);
    assert_int_equal(v.limits[0].charged_by_crash, 0);
    assert_int_equal(v.limits[1].charged_by_crash, 60);
    assert_int_equal(v.limits[1].groups[0].charged_by_crash, 60);
    assert_string_equal(v.limits[1].groups[0].group, "costCenter=sales");
    limits_view_free(&v);
    assert_int_equal(limits_oldest_window(r.l, T0), T0 - T0 % DAY - 20 * DAY);
    rig_end(&r);
}

static void thresholds(void **state)
{
    (void)state;
    struct rig r;
    struct limit_event e[4];
    rig_init(&r);
    struct config_limit *f = rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_1M);
    f->per[0] = "costCenter";
    f->per_count = 1;
    rig_start(&r);
    for (int minute = 0; minute < 2; minute++) {
        rig_time(&r, T0 + minute * HOUR); /* by then the debt is paid */
        struct call c = rig_call(&r, "sales", 79, 0);
        struct limit_hold *h = rig_admit(&r, &c);
        assert_int_equal(limits_events(r.l, e, 4), 0); /* reserved is not used */
        rig_settle(&r, h, &c, 79, 0);
        assert_int_equal(limits_events(r.l, e, 4), 0);
        c = rig_call(&r, "sales", 1, 0);
        rig_settle(&r, rig_admit(&r, &c), &c, 1, 0);
        c = rig_call(&r, "sales", 1, 0);
        rig_settle(&r, rig_admit(&r, &c), &c, 1, 0);
        assert_int_equal(limits_events(r.l, e, 4), 1);
        assert_string_equal(e[0].limit, "t");
        assert_string_equal(e[0].group, "costCenter=sales");
        assert_int_equal(e[0].percent, 80);
        assert_int_equal(e[0].at_ms, r.now_ms);
        c = rig_call(&r, "sales", 1, 0);
        rig_settle(&r, rig_admit(&r, &c), &c, 400, 0);
        assert_int_equal(limits_events(r.l, e, 4), 1);
        assert_int_equal(e[0].percent, 100);
        struct call other = rig_call(&r, "support", 1, 0);
        rig_settle(&r, rig_admit(&r, &other), &other, 400, 0);
        assert_int_equal(limits_events(r.l, e, 1), 1); /* one at a time, oldest first */
        assert_int_equal(e[0].percent, 80);
        assert_int_equal(limits_events(r.l, e, 4), 1);
        assert_int_equal(e[0].percent, 100);
    }
    rig_end(&r);
}

/* Of concurrency what is held counts; it is told again a minute later, once it was below. */
static void thresholds_of_concurrency(void **state)
{
    (void)state;
    struct rig r;
    struct limit_event e[4];
    struct limit_hold *h[10];
    rig_init(&r);
    rig_limit(&r, "calls", METRIC_CONCURRENCY, 10, WINDOW_NONE);
    rig_start(&r);
    for (int round = 0; round < 3; round++) {
        bool again = round != 1; /* too soon */
        rig_time(&r, T0 + (round < 2 ? round * 1000 : 2 * MINUTE));
        struct call c = rig_call(&r, NULL, 1, 0);
        for (int i = 0; i < 10; i++) {
            h[i] = rig_admit(&r, &c);
            size_t told = limits_events(r.l, e, 4);
            assert_int_equal(told, again && (i == 7 || i == 9));
            if (told > 0) {
                assert_string_equal(e[0].limit, "calls");
                assert_int_equal(e[0].percent, i == 7 ? 80 : 100);
            }
        }
        for (int i = 0; i < 10; i++) {
            limits_release(r.l, h[i]);
        }
        assert_int_equal(limits_events(r.l, e, 4), 0);
    }
    rig_end(&r);
}

/* A restart does not tell again what was told before it, and the ring forgets the oldest. */
static void thresholds_quiet_and_bounded(void **state)
{
    (void)state;
    struct rig r;
    struct limit_event e[300];
    rig_init(&r);
    struct config_limit *f = rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_1M);
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 1, 0);
    struct amounts a = {.v = {[METRIC_TOKENS] = 90}};
    limits_restore(r.l, &rig_haiku, &c.tags, c.principal, T0, &a, true);
    assert_int_equal(limits_events(r.l, e, 300), 0);
    f->action = ACTION_WARN;
    for (int i = 1; i <= 300; i++) {
        rig_time(&r, T0 + i * MINUTE);
        c = rig_call(&r, NULL, 1, 0);
        rig_settle(&r, rig_admit(&r, &c), &c, 85, 0);
    }
    assert_int_equal(limits_events(r.l, e, 300), 256);
    assert_int_equal(e[0].at_ms, T0 + 45 * MINUTE);
    assert_int_equal(e[255].at_ms, T0 + 300 * MINUTE);
    rig_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next_window_starts_empty),
        cmocka_unit_test(excess_in_its_window),
        cmocka_unit_test(excess_is_paid_by_the_windows_after),
        cmocka_unit_test(excess_is_carried),
        cmocka_unit_test(top_up_stops),
        cmocka_unit_test(top_up_finishes),
        cmocka_unit_test(top_up_in_a_passed_window),
        cmocka_unit_test(usd_without_price_at_the_end),
        cmocka_unit_test(clock_backwards),
        cmocka_unit_test(a_late_thread_sets_nothing_back),
        cmocka_unit_test(a_clock_that_ran_ahead),
        cmocka_unit_test(restore),
        cmocka_unit_test(thresholds),
        cmocka_unit_test(thresholds_of_concurrency),
        cmocka_unit_test(thresholds_quiet_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
