/* test_reserve.c: admission: all or nothing, groups, which limit a denial names. */
#include "tests/unit/limit/rig.h"

static void counts_each_metric(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    for (int m = 0; m < METRIC_COUNT; m++) {
        static const char *const names[] = {"t", "i", "o", "q", "r", "u", "c"};
        rig_limit(&r, names[m], (enum config_metric)m, 1000000000,
                  m == METRIC_CONCURRENCY ? WINDOW_NONE : WINDOW_1M);
    }
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 100, 20);
    struct limit_hold *h = rig_admit(&r, &c);
    static const int64_t reserved[] = {120, 100, 20, 200, 1, 160000, 1};
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        rig_expect(&r, i, 0, reserved[i]);
    }
    rig_settle(&r, h, &c, 90, 10);
    static const int64_t used[] = {100, 90, 10, 140, 1, 112000, 0};
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        rig_expect(&r, i, used[i], 0);
    }
    rig_end(&r);
}

static void all_or_nothing(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "wide", METRIC_TOKENS, 10000, WINDOW_DAY);
    rig_limit(&r, "narrow", METRIC_REQUESTS, 1, WINDOW_1M);
    rig_limit(&r, "last", METRIC_TOKENS, 10000, WINDOW_1H);
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 100, 100);
    struct limit_hold *h = rig_admit(&r, &c);
    struct limit_denial d = rig_refuse(&r, &c);
    assert_string_equal(d.limit, "narrow");
    assert_string_equal(d.group, "");
    assert_int_equal(d.metric, METRIC_REQUESTS);
    assert_int_equal(d.amount, 1);
    assert_int_equal(d.used, 0);
    assert_int_equal(d.reserved, 1);
    assert_int_equal(d.asked, 1);
    assert_int_equal(d.resets_at_ms, T0 + MINUTE);
    assert_false(d.blocked || d.never || d.unpriced);
    rig_expect(&r, 0, 0, 200);
    rig_expect(&r, 2, 0, 200);
    struct limits_view v = rig_view(&r);
    assert_int_equal(v.limits[0].denied, 0);
    assert_int_equal(v.limits[1].denied, 1);
    assert_int_equal(v.open_holds, 1);
    limits_view_free(&v);
    limits_release(r.l, h);
    for (size_t i = 0; i < 3; i++) {
        rig_expect(&r, i, 0, 0);
    }
    h = rig_admit(&r, &c); /* the request came back too */
    limits_release(r.l, h);
    rig_end(&r);
}

static void exactly_to_the_amount(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_TOKENS, 300, WINDOW_1M);
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 100, 50), one = rig_call(&r, NULL, 1, 0);
    struct limit_hold *a = rig_admit(&r, &c);
    rig_settle(&r, a, &c, 100, 50);
    a = rig_admit(&r, &c);
    (void)rig_refuse(&r, &one);
    rig_settle(&r, a, &c, 100, 49);
    a = rig_admit(&r, &one);
    (void)rig_refuse(&r, &one);
    limits_release(r.l, a);
    rig_end(&r);
}

static void names_what_frees_last(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "minute", METRIC_REQUESTS, 1, WINDOW_1M);
    rig_limit(&r, "day", METRIC_REQUESTS, 1, WINDOW_DAY);
    rig_limit(&r, "hour", METRIC_REQUESTS, 1, WINDOW_1H);
    rig_limit(&r, "calls", METRIC_CONCURRENCY, 1, WINDOW_NONE);
    rig_limit(&r, "small", METRIC_TOKENS, 500, WINDOW_10S);
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 10, 10), big = rig_call(&r, NULL, 10, 491);
    struct limit_hold *h = rig_admit(&r, &c);
    struct limit_denial d = rig_refuse(&r, &c);
    assert_string_equal(d.limit, "day");
    assert_int_equal(d.resets_at_ms, T0 - T0 % DAY + DAY);
    d = rig_refuse(&r, &big);
    assert_string_equal(d.limit, "small"); /* it never frees for this call */
    assert_true(d.never);
    struct limits_view v = rig_view(&r);
    static const int64_t denied[] = {2, 2, 2, 2, 1};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(v.limits[i].denied, denied[i]);
    }
    limits_view_free(&v);
    limits_release(r.l, h);
    rig_end(&r);
}

static void groups(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    struct config_limit *f = rig_limit(&r, "per", METRIC_TOKENS, 100, WINDOW_1M);
    f->per[0] = "costCenter";
    f->per_count = 1;
    f = rig_limit(&r, "both", METRIC_REQUESTS, 5, WINDOW_1M);
    f->per[0] = "model";
    f->per[1] = "principal";
    f->per[2] = "application";
    f->per_count = 3;
    rig_start(&r);
    struct call sales = rig_call(&r, "sales", 60, 20), none = rig_call(&r, NULL, 60, 20);
    none.principal = STR("TGKA");
    struct limit_hold *a = rig_admit(&r, &sales), *b = rig_admit(&r, &none);
    struct limit_denial d = rig_refuse(&r, &sales);
    assert_string_equal(d.group, "costCenter=sales");
    d = rig_refuse(&r, &none);
    assert_string_equal(d.group, "costCenter=none");
    struct limits_view v = rig_view(&r);
    assert_int_equal(v.limits[0].groups_total, 2);
    assert_int_equal(v.limits[0].reserved, 160);
    assert_int_equal(v.limits[0].remaining, 40);
    assert_int_equal(v.limits[0].amount, 100);
    assert_int_equal(v.limits[0].groups[0].reserved, 80);
    assert_int_equal(v.limits[0].groups[0].denied, 1);
    assert_string_equal(v.limits[1].groups[0].group,
                        "model=haiku,principal=TGKA,applicationId=none");
    assert_string_equal(v.limits[1].groups[1].group,
                        "model=haiku,principal=none,applicationId=none");
    limits_view_free(&v);
    limits_release(r.l, a);
    limits_release(r.l, b);
    rig_end(&r);
}

static void matching(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    static const struct config_match m[] = {{.key = "model", .glob = "ha*"},
                                            {.key = "costCenter", .glob = "sal?s"},
                                            {.key = "principal", .glob = "TGKA"},
                                            {.key = "application", .glob = "none"}};
    for (size_t i = 0; i < 4; i++) {
        static const char *const names[] = {"model", "tag", "principal", "absent"};
        struct config_limit *f = rig_limit(&r, names[i], METRIC_REQUESTS, 100, WINDOW_1M);
        f->match[0] = m[i];
        f->match_count = 1;
    }
    struct config_limit *f = rig_limit(&r, "all", METRIC_REQUESTS, 100, WINDOW_1M);
    memcpy(f->match, m, sizeof(m));
    f->match_count = 4;
    rig_start(&r);
    struct call c = rig_call(&r, "sales", 1, 1);
    c.principal = STR("TGKA");
    struct limit_hold *a = rig_admit(&r, &c);
    c.resolved.model = &rig_lite;
    struct limit_hold *b = rig_admit(&r, &c);
    c = rig_call(&r, "support", 1, 1);
    c.tags.at[1] = c.tags.at[0];
    c.tags.at[0] = (struct tag){STR("applicationId"), STR("docs")};
    c.tags.count = 2;
    struct limit_hold *d = rig_admit(&r, &c);
    static const int64_t reserved[] = {2, 2, 2, 2, 1};
    for (size_t i = 0; i < 5; i++) {
        rig_expect(&r, i, 0, reserved[i]);
    }
    limits_release(r.l, a);
    limits_release(r.l, b);
    limits_release(r.l, d);
    rig_end(&r);
}

/* More limits than a recycled hold has room for. */
static void many_limits(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    for (int i = 0; i < RIG_LIMITS_MAX; i++) {
        static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h",
                                            "i", "j", "k", "l", "m", "n", "o", "p"};
        rig_limit(&r, names[i], METRIC_TOKENS, 1000, WINDOW_1M);
    }
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 100, 100);
    struct limit_hold *h[5];
    for (int i = 0; i < 5; i++) {
        h[i] = rig_admit(&r, &c);
    }
    (void)rig_refuse(&r, &c);
    for (int i = 0; i < 5; i++) {
        rig_settle(&r, h[i], &c, 50, 50);
    }
    rig_expect(&r, 15, 500, 0);
    rig_end(&r);
}

static void no_limits(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 100, 100);
    struct limit_hold *h = rig_admit(&r, &c);
    rig_settle(&r, h, &c, 50, 50);
    struct limits_view v = rig_view(&r);
    assert_int_equal(v.count, 0);
    limits_view_free(&v);
    assert_int_equal(limits_oldest_window(r.l, T0), T0);
    rig_end(&r);
}

static void usd_needs_a_price(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "money", METRIC_USD, 1 * MONEY_DOLLAR, WINDOW_MONTH);
    rig_limit(&r, "tokens", METRIC_TOKENS, 10000, WINDOW_1M);
    rig_limit(&r, "told", METRIC_USD, 1, WINDOW_DAY)->action = ACTION_WARN;
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 100, 100);
    c.priced = false;
    struct limit_denial d = rig_refuse(&r, &c);
    assert_string_equal(d.limit, "money");
    assert_true(d.unpriced);
    rig_expect(&r, 1, 0, 0);
    c.priced = true;
    c.price.output = -1; /* priced, but not what it reserves */
    d = rig_refuse(&r, &c);
    assert_true(d.unpriced);
    c = rig_call(&r, NULL, 125000, 225001); /* $0.10 and $0.900004 */
    d = rig_refuse(&r, &c);
    assert_true(d.never);
    assert_int_equal(d.asked, 1000004000);
    assert_string_equal(d.limit, "money");
    rig_end(&r);
}

static void warn_only_counts(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "told", METRIC_TOKENS, 100, WINDOW_1M)->action = ACTION_WARN;
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 200, 100);
    struct limit_hold *h = rig_admit(&r, &c);
    rig_settle(&r, h, &c, 200, 50);
    h = rig_admit(&r, &c);
    struct limits_view v = rig_view(&r);
    assert_int_equal(v.limits[0].used, 250);
    assert_int_equal(v.limits[0].reserved, 300);
    assert_int_equal(v.limits[0].over, 150);
    assert_int_equal(v.limits[0].remaining, 0);
    assert_int_equal(v.limits[0].denied, 0);
    limits_view_free(&v);
    limits_release(r.l, h);
    rig_end(&r);
}

static void concurrency(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "calls", METRIC_CONCURRENCY, 2, WINDOW_NONE);
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 1, 1);
    struct limit_hold *a = rig_admit(&r, &c), *b = rig_admit(&r, &c);
    struct limit_denial d = rig_refuse(&r, &c);
    assert_int_equal(d.resets_at_ms, 0);
    assert_int_equal(d.reserved, 2);
    rig_time(&r, T0 + 40 * DAY); /* time frees nothing */
    c.admitted_wall_ms = r.now_ms;
    (void)rig_refuse(&r, &c);
    rig_settle(&r, a, &c, 1, 1);
    a = rig_admit(&r, &c);
    limits_release(r.l, a);
    limits_release(r.l, b);
    rig_expect(&r, 0, 0, 0);
    rig_end(&r);
}

/* Absurd sizes stay within the integers and come back exactly. */
static void huge_calls(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "told", METRIC_TOKENS, 100, WINDOW_1M)->action = ACTION_WARN;
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 100, INT64_MAX);
    struct limit_hold *h[8];
    for (int i = 0; i < 8; i++) {
        h[i] = rig_admit(&r, &c);
    }
    struct limits_view v = rig_view(&r);
    assert_true(v.limits[0].reserved > INT64_MAX / 8);
    limits_view_free(&v);
    for (int i = 0; i < 8; i++) {
        rig_settle(&r, h[i], &c, INT64_MAX, INT64_MAX);
    }
    v = rig_view(&r);
    assert_int_equal(v.limits[0].reserved, 0);
    assert_true(v.limits[0].used > INT64_MAX / 8);
    limits_view_free(&v);
    rig_end(&r);
}

static void refuses_what_cannot_be(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct rig r;
        struct err_info ei = {0};
        rig_init(&r);
        rig_limit(&r, "first", METRIC_TOKENS, 100, WINDOW_1M);
        struct config_limit *f = rig_limit(&r, "x", METRIC_TOKENS, 100, WINDOW_WEEK);
        f->rolling = i == 0;
        r.config.timezone = i == 1 ? "Nowhere" : "UTC";
        assert_null(limits_new(&r.config, NULL, &ei));
        assert_int_equal(ei.code, i == 1 ? ERR_NOT_FOUND : ERR_UNSUPPORTED);
        assert_non_null(strstr(ei.text, i == 1 ? "Nowhere" : "limit x"));
    }
    limits_free(NULL);
}

/* A day of 25 hours and one of 23 in New York: each is one window, to the last second. */
static void days_that_are_longer_and_shorter(void **state)
{
    (void)state;
    static const struct {
        int64_t start_ms, hours;
    } days[] = {{1793505600000LL, 25}, {1772946000000LL, 23}}; /* 1 November, 8 March 2026 */
    for (size_t i = 0; i < sizeof(days) / sizeof(*days); i++) {
        struct rig r;
        int64_t end_ms = days[i].start_ms + days[i].hours * HOUR;
        rig_init(&r);
        r.config.timezone = "America/New_York";
        rig_limit(&r, "day", METRIC_TOKENS, 100, WINDOW_DAY);
        rig_time(&r, days[i].start_ms);
        rig_start(&r);
        struct call c = rig_call(&r, NULL, 60, 0);
        c.admitted_wall_ms = r.now_ms;
        rig_settle(&r, rig_admit(&r, &c), &c, 60, 0);
        rig_time(&r, end_ms - 1000);
        c.admitted_wall_ms = r.now_ms;
        struct limit_denial d = rig_refuse(&r, &c);
        assert_int_equal(d.resets_at_ms, end_ms);
        rig_time(&r, end_ms);
        c.admitted_wall_ms = r.now_ms;
        limits_release(r.l, rig_admit(&r, &c));
        rig_end(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_that_are_longer_and_shorter),
        cmocka_unit_test(counts_each_metric),
        cmocka_unit_test(all_or_nothing),
        cmocka_unit_test(exactly_to_the_amount),
        cmocka_unit_test(names_what_frees_last),
        cmocka_unit_test(groups),
        cmocka_unit_test(matching),
        cmocka_unit_test(many_limits),
        cmocka_unit_test(no_limits),
        cmocka_unit_test(usd_needs_a_price),
        cmocka_unit_test(warn_only_counts),
        cmocka_unit_test(concurrency),
        cmocka_unit_test(huge_calls),
        cmocka_unit_test(refuses_what_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
