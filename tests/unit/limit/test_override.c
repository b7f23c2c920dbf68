/* test_override.c: amounts and blocks that operators set, take back, or set for a time; and a new
 * configuration taken over while calls are open. */
#include "tests/unit/limit/rig.h"

static void set(struct rig *r, struct limit_override o)
{
    struct err_info ei = {0};
    enum err e = limits_override(r->l, &o, &ei);
    assert_string_equal(ei.text, "");
    assert_int_equal(e, ERR_OK);
}

static void per_cost_center(struct config_limit *f)
{
    f->per[0] = "costCenter";
    f->per_count = 1;
}

static void raise_and_revert(void **state)
{
    (void)state;
    struct rig r;
    struct err_info ei = {0};
    struct limit_override got;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_1M);
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 80, 0);
    rig_settle(&r, rig_admit(&r, &c), &c, 80, 0);
    (void)rig_refuse(&r, &c);
    assert_false(limits_get_override(r.l, "t", "", &got));
    set(&r, rig_override("t", "", 160));
    assert_true(limits_get_override(r.l, "t", "", &got));
    assert_int_equal(got.amount, 160);
    assert_string_equal(got.actor, "ops");
    rig_settle(&r, rig_admit(&r, &c), &c, 80, 0);
    struct limits_view v = rig_view(&r);
    assert_int_equal(v.limits[0].amount, 160);
    assert_int_equal(v.limits[0].used, 160); /* the window's usage is kept */
    assert_true(v.limits[0].has_override);
    assert_int_equal(v.limits[0].override.id, 7);
    assert_int_equal(v.limits[0].file->amount, 100);
    limits_view_free(&v);
    set(&r, rig_override("t", "", 300)); /* replaces */
    assert_int_equal(limits_revert(r.l, "t", "", &ei), ERR_OK);
    v = rig_view(&r);
    assert_int_equal(v.limits[0].amount, 100);
    assert_int_equal(v.limits[0].over, 60);
    assert_false(v.limits[0].has_override);
    limits_view_free(&v);
    assert_int_equal(limits_revert(r.l, "t", "", &ei), ERR_NOT_FOUND);
    rig_end(&r);
}

static void mistakes(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_1M);
    struct config_limit *f = rig_limit(&r, "per", METRIC_TOKENS, 100, WINDOW_1M);
    f->per[0] = "costCenter";
    f->per[1] = "applicationId";
    f->per_count = 2;
    rig_start(&r);
    struct err_info ei = {0};
    struct limit_override o = rig_override("nope", "", 1);
    assert_int_equal(limits_override(r.l, &o, &ei), ERR_NOT_FOUND);
    assert_string_equal(ei.text, "no limit is called nope; there is t, per");
    static const char *const bad[] = {"costCenter=sales",
                                      "costCenter=sales,applicationId=",
                                      "costCenter=sales,model=x",
                                      "costCenter=a,costCenter=b",
                                      "costCenter=a,applicationId=b,model=c",
                                      "sales"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ei = (struct err_info){0};
        o = rig_override("per", bad[i], 1);
        assert_int_equal(limits_override(r.l, &o, &ei), ERR_PARSE);
        assert_non_null(strstr(ei.text, "whose groups are costCenter=.., applicationId=.."));
    }
    o = rig_override("t", "costCenter=sales", 1);
    assert_int_equal(limits_override(r.l, &o, NULL), ERR_PARSE);
    o = rig_override("t", "", 1);
    o.amount = -1;
    o.has_amount = true;
    assert_int_equal(limits_override(r.l, &o, NULL), ERR_RANGE);
    /* any order, short names */
    set(&r, rig_override("per", "application=docs, costCenter=sales", 1));
    struct limit_override got;
    assert_true(limits_get_override(r.l, "per", "costCenter=sales,applicationId=docs", &got));
    assert_string_equal(got.group, "costCenter=sales,applicationId=docs");
    assert_false(limits_get_override(r.l, "per", "costCenter=sales,applicationId=other", &got));
    assert_false(limits_get_override(r.l, "nope", "", &got));
    rig_end(&r);
}

static void group_over_whole(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    per_cost_center(rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_1M));
    rig_start(&r);
    set(&r, rig_override("t", "", 50));
    set(&r, rig_override("t", "costCenter=sales", 200));
    struct call sales = rig_call(&r, "sales", 200, 0), support = rig_call(&r, "support", 50, 0);
    struct limit_hold *a = rig_admit(&r, &sales), *b = rig_admit(&r, &support);
    support.reserved_usage.input = 51;
    struct limit_denial d = rig_refuse(&r, &support);
    assert_true(d.never);
    assert_int_equal(d.amount, 50);
    struct limits_view v = rig_view(&r);
    assert_int_equal(v.limits[0].amount, 50);
    assert_int_equal(v.limits[0].groups[0].amount, 200);
    assert_true(v.limits[0].groups[0].has_override);
    assert_int_equal(v.limits[0].groups[1].amount, 50);
    assert_false(v.limits[0].groups[1].has_override);
    limits_view_free(&v);
    limits_release(r.l, a);
    limits_release(r.l, b);
    assert_int_equal(limits_revert(r.l, "t", "costCenter=sales", NULL), ERR_OK);
    d = rig_refuse(&r, &sales);
    assert_int_equal(d.amount, 50);
    rig_end(&r);
}

static void blocks(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    per_cost_center(rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_1M));
    rig_limit(&r, "day", METRIC_REQUESTS, 0, WINDOW_DAY);
    r.limits[1].action = ACTION_WARN;
    rig_start(&r);
    struct limit_override o = rig_override("t", "costCenter=sales", -1);
    o.blocked = true;
    o.until_ms = T0 + 5 * MINUTE;
    set(&r, o);
    struct call sales = rig_call(&r, "sales", 1, 0), support = rig_call(&r, "support", 1, 0);
    struct limit_denial d = rig_refuse(&r, &sales);
    assert_true(d.blocked);
    assert_int_equal(d.resets_at_ms, T0 + 5 * MINUTE);
    assert_int_equal(d.amount, 100);
    limits_release(r.l, rig_admit(&r, &support));
    o = rig_override("day", "", -1); /* also a limit that only warns */
    o.blocked = true;
    set(&r, o);
    d = rig_refuse(&r, &support);
    assert_string_equal(d.limit, "day");
    assert_true(d.blocked);
    struct limits_view v = rig_view(&r);
    assert_true(v.limits[1].blocked);
    assert_false(v.limits[0].blocked);
    assert_true(v.limits[0].groups[0].blocked || v.limits[0].groups[1].blocked);
    limits_view_free(&v);
    assert_int_equal(limits_revert(r.l, "day", NULL, NULL), ERR_OK);
    /* a block of the whole limit holds for a group with an amount of its own */
    o = rig_override("t", "", -1);
    o.blocked = true;
    set(&r, o);
    set(&r, rig_override("t", "costCenter=support", 1000));
    assert_true(rig_refuse(&r, &support).blocked);
    rig_end(&r);
}

static void expire(void **state)
{
    (void)state;
    struct rig r;
    struct limit_override out[4];
    rig_init(&r);
    per_cost_center(rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_DAY));
    rig_start(&r);
    struct limit_override o = rig_override("t", "", 500);
    o.until_ms = T0 + 2 * MINUTE;
    set(&r, o);
    o = rig_override("t", "costCenter=sales", 600);
    o.until_ms = T0 + MINUTE;
    set(&r, o);
    set(&r, rig_override("t", "costCenter=support", 700));
    assert_int_equal(limits_expire(r.l, T0 + MINUTE - 1, out, 4), 0);
    rig_time(&r, T0 + MINUTE);
    struct call sales = rig_call(&r, "sales", 501, 0);
    assert_int_equal(rig_refuse(&r, &sales).amount, 500); /* passed, though nobody took it away */
    assert_false(limits_get_override(r.l, "t", "costCenter=sales", out));
    struct limits_view v = rig_view(&r);
    assert_true(v.limits[0].has_override);
    assert_false(v.limits[0].groups[0].has_override && v.limits[0].groups[1].has_override);
    limits_view_free(&v);
    assert_int_equal(limits_expire(r.l, r.now_ms, out, 4), 1);
    assert_string_equal(out[0].group, "costCenter=sales");
    assert_int_equal(out[0].amount, 600);
    rig_time(&r, T0 + DAY);
    assert_int_equal(limits_expire(r.l, r.now_ms, out, 0), 0);
    assert_int_equal(limits_expire(r.l, r.now_ms, out, 4), 1);
    assert_string_equal(out[0].group, "");
    assert_int_equal(limits_expire(r.l, r.now_ms, out, 4), 0);
    assert_true(limits_get_override(r.l, "t", "costCenter=support", out));
    rig_end(&r);
}

static void reload_to(struct rig *from, struct rig *to)
{
    struct err_info ei = {0};
    enum err e = limits_reload(from->l, &to->config, NULL, &ei);
    assert_string_equal(ei.text, "");
    assert_int_equal(e, ERR_OK);
    to->l = from->l;
    to->now_ms = from->now_ms;
}

static void reload_keeps_counters(void **state)
{
    (void)state;
    struct rig r, next;
    rig_init(&r);
    per_cost_center(rig_limit(&r, "stays", METRIC_TOKENS, 1000, WINDOW_1M));
    rig_limit(&r, "goes", METRIC_TOKENS, 1000, WINDOW_1M);
    rig_limit(&r, "longer", METRIC_TOKENS, 1000, WINDOW_1M);
    rig_limit(&r, "split", METRIC_TOKENS, 1000, WINDOW_1M);
    rig_limit(&r, "other", METRIC_TOKENS, 1000, WINDOW_1M);
    rig_start(&r);
    set(&r, rig_override("stays", "costCenter=sales", 800));
    set(&r, rig_override("goes", "", 900));
    set(&r, rig_override("longer", "", 901));
    set(&r, rig_override("split", "", 902));
    set(&r, rig_override("other", "", 903));
    struct call c = rig_call(&r, "sales", 60, 40);
    rig_settle(&r, rig_admit(&r, &c), &c, 60, 40);
    struct limit_hold *open = rig_admit(&r, &c);

    rig_init(&next);
    rig_limit(&next, "other", METRIC_REQUESTS, 1000, WINDOW_1M);
    per_cost_center(rig_limit(&next, "split", METRIC_TOKENS, 1000, WINDOW_1M));
    rig_limit(&next, "longer", METRIC_TOKENS, 1000, WINDOW_1H);
    per_cost_center(rig_limit(&next, "stays", METRIC_TOKENS, 500, WINDOW_1M));
    rig_limit(&next, "new", METRIC_TOKENS, 1000, WINDOW_1M);
    reload_to(&r, &next);
    memset(r.limits, 0x5a, sizeof(r.limits)); /* the old one may go at once */
    struct limits_view v = rig_view(&next);
    assert_int_equal(v.count, 5);
    assert_int_equal(v.limits[3].used, 100);
    assert_int_equal(v.limits[3].reserved, 100);
    assert_int_equal(v.limits[3].amount, 500);
    assert_int_equal(v.limits[3].groups[0].amount, 800);
    assert_int_equal(v.limits[2].used, 0); /* another window: anew, its override stays */
    assert_int_equal(v.limits[2].reserved, 0);
    assert_int_equal(v.limits[2].amount, 901);
    assert_int_equal(v.limits[1].used, 0);
    assert_int_equal(v.limits[1].amount, 902);
    assert_int_equal(v.limits[0].amount, 1000); /* another unit: no override */
    assert_int_equal(v.open_holds, 1);
    limits_view_free(&v);
    assert_int_equal(limits_revert(next.l, "goes", "", NULL), ERR_NOT_FOUND);
    rig_settle(&next, open, &c, 60, 20);
    rig_expect(&next, 3, 180, 0);
    rig_expect(&next, 1, 0, 0);
    rig_expect(&next, 4, 0, 0);
    rig_end(&next);
}

static void reload_refused_changes_nothing(void **state)
{
    (void)state;
    struct rig r, next;
    struct err_info ei = {0};
    rig_init(&r);
    rig_limit(&r, "t", METRIC_TOKENS, 1000, WINDOW_1M);
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 60, 40);
    rig_settle(&r, rig_admit(&r, &c), &c, 60, 40);
    rig_init(&next);
    rig_limit(&next, "t", METRIC_TOKENS, 1, WINDOW_1M);
    rig_limit(&next, "x", METRIC_TOKENS, 1, WINDOW_MONTH)->rolling = true;
    assert_int_equal(limits_reload(r.l, &next.config, NULL, &ei), ERR_UNSUPPORTED);
    rig_settle(&r, rig_admit(&r, &c), &c, 60, 40);
    rig_expect(&r, 0, 200, 0);
    rig_end(&r);
}

static void reload_to_another_zone(void **state)
{
    (void)state;
    struct rig r, next;
    rig_init(&r);
    rig_limit(&r, "day", METRIC_TOKENS, 1000, WINDOW_DAY);
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 60, 40);
    struct limit_hold *open = rig_admit(&r, &c);
    rig_settle(&r, rig_admit(&r, &c), &c, 60, 40);
    rig_init(&next);
    next.config.timezone = "America/New_York";
    rig_limit(&next, "day", METRIC_TOKENS, 1000, WINDOW_DAY);
    reload_to(&r, &next);
    struct limits_view v = rig_view(&next);
    assert_int_equal(v.limits[0].used, 100);
    assert_int_equal(v.limits[0].reserved, 100);
    assert_int_equal(v.limits[0].resets_at_ms, T0 - T0 % DAY + 5 * HOUR); /* still the 20th there */
    limits_view_free(&v);
    rig_settle(&next, open, &c, 60, 140);
    rig_expect(&next, 0, 300, 0);
    /* a window that nobody looked at since it passed does not come back */
    rig_time(&next, T0 + 2 * DAY);
    reload_to(&next, &r);
    rig_expect(&r, 0, 0, 0);
    rig_end(&r);
}

static void everything_is_blocked(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    struct config_limit *f = rig_limit(&r, "t", METRIC_TOKENS, 1000, WINDOW_1M);
    f->match[0].key = "application";
    f->match[0].glob = "nobody"; /* no limit means the call */
    f->match_count = 1;
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 80, 0);
    struct limit_hold *open = rig_admit(&r, &c);
    limits_block_all(r.l, true, T0 + MINUTE);
    struct limit_denial d = rig_refuse(&r, &c);
    assert_string_equal(d.limit, LIMITS_ALL);
    assert_true(d.blocked);
    assert_int_equal(d.resets_at_ms, T0 + MINUTE);
    rig_settle(&r, open, &c, 80, 0); /* who was admitted before ends as any */
    rig_time(&r, T0 + MINUTE);
    c.admitted_wall_ms = r.now_ms;
    rig_settle(&r, rig_admit(&r, &c), &c, 80, 0);
    limits_block_all(r.l, true, 0);
    (void)rig_refuse(&r, &c);
    limits_block_all(r.l, false, 0);
    rig_settle(&r, rig_admit(&r, &c), &c, 80, 0);
    rig_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raise_and_revert),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(group_over_whole),
        cmocka_unit_test(blocks),
        cmocka_unit_test(expire),
        cmocka_unit_test(reload_keeps_counters),
        cmocka_unit_test(reload_refused_changes_nothing),
        cmocka_unit_test(reload_to_another_zone),
        cmocka_unit_test(everything_is_blocked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
