/* test_groups.c: many groups: what is listed, what is forgotten, what shares a counter. */
#include "tests/unit/limit/rig.h"

#include <malloc.h>

#include <stdio.h>

#define GROUPS_MAX 100000

static void start(struct rig *r, enum config_metric metric, int64_t amount,
                  enum config_window window)
{
    rig_init(r);
    struct config_limit *f = rig_limit(r, "t", metric, amount, window);
    f->per[0] = "costCenter";
    f->per_count = 1;
    rig_start(r);
}

static void spend(struct rig *r, const char *group, int64_t tokens)
{
    struct call c = rig_call(r, group, tokens, 0);
    rig_settle(r, rig_admit(r, &c), &c, tokens, 0);
}

static void lists_the_most_used(void **state)
{
    (void)state;
    struct rig r;
    char name[16];
    start(&r, METRIC_TOKENS, 1000, WINDOW_1M);
    for (int i = 0; i < 250; i++) {
        (void)snprintf(name, sizeof(name), "g%03d", i);
        spend(&r, name, i * 101 % 250 + 1);
    }
    struct limits_view v = rig_view(&r);
    const struct limit_view *t = &v.limits[0];
    assert_int_equal(t->groups_total, 250);
    assert_int_equal(t->group_count, 100);
    assert_int_equal(t->used, 250 * 251 / 2);
    assert_int_equal(t->remaining, 250 * 1000 - 250 * 251 / 2);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(t->groups[i].used, 250 - (int64_t)i);
        assert_int_equal(t->groups[i].remaining, 750 + (int64_t)i);
        assert_int_equal(t->groups[i].resets_at_ms, T0 + MINUTE);
    }
    limits_view_free(&v);
    rig_time(&r, T0 + MINUTE); /* all empty: by name, so that rows keep their places */
    v = rig_view(&r);
    assert_int_equal(v.limits[0].used, 0);
    assert_int_equal(v.limits[0].remaining, 250 * 1000);
    assert_string_equal(v.limits[0].groups[0].group, "costCenter=g000");
    assert_string_equal(v.limits[0].groups[99].group, "costCenter=g099");
    assert_int_equal(v.limits[0].groups[99].amount, 1000);
    limits_view_free(&v);
    rig_end(&r);
}

static void no_group_yet(void **state)
{
    (void)state;
    struct rig r;
    start(&r, METRIC_TOKENS, 1000, WINDOW_1M);
    struct limits_view v = rig_view(&r);
    assert_int_equal(v.limits[0].groups_total, 0);
    assert_int_equal(v.limits[0].remaining, 1000);
    assert_int_equal(v.limits[0].resets_at_ms, T0 + MINUTE);
    assert_ptr_equal(v.config, &r.config);
    limits_view_free(&v);
    rig_end(&r);
}

static void forgets_idle_groups(void **state)
{
    (void)state;
    struct rig r;
    char name[16];
    start(&r, METRIC_TOKENS, 1000, WINDOW_1M);
    struct call held = rig_call(&r, "held", 1, 0);
    struct limit_hold *open = rig_admit(&r, &held);
    struct limit_override o = rig_override("t", "costCenter=raised", 5000);
    assert_int_equal(limits_override(r.l, &o, NULL), ERR_OK);
    for (int i = 0; i < 2000; i++) {
        rig_time(&r, T0 + i * 2 * MINUTE);
        (void)snprintf(name, sizeof(name), "g%d", i);
        spend(&r, name, 1);
    }
    struct limits_view v = rig_view(&r);
    assert_in_range(v.limits[0].groups_total, 20, 50); /* those of the last hour, and the two */
    limits_view_free(&v);
    assert_true(limits_get_override(r.l, "t", "costCenter=raised", &o));
    rig_settle(&r, open, &held, 500, 0); /* the debt finds its group */
    v = rig_view(&r);
    assert_int_equal(v.limits[0].used, 500); /* 499 and the last spender's 1 */
    limits_view_free(&v);
    rig_end(&r);
}

static void full_table_shares(void **state)
{
    (void)state;
    struct rig r;
    char name[16];
    start(&r, METRIC_REQUESTS, 1, WINDOW_1M);
    for (int i = 0; i < GROUPS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "g%d", i);
        spend(&r, name, 1);
    }
    struct call one = rig_call(&r, "one more", 1, 0), two = rig_call(&r, "yet another", 1, 0);
    spend(&r, "one more", 1);
    struct limit_denial d = rig_refuse(&r, &two);
    assert_string_equal(d.group, "costCenter=other");
    d = rig_refuse(&r, &one);
    assert_string_equal(d.group, "costCenter=other");
    struct limits_view v = rig_view(&r);
    assert_int_equal(v.limits[0].groups_total, GROUPS_MAX + 1);
    assert_int_equal(v.limits[0].denied, 2);
    limits_view_free(&v);
    struct limit_override o = rig_override("t", "costCenter=late", 5);
    struct err_info ei = {0};
    assert_int_equal(limits_override(r.l, &o, &ei), ERR_FULL);
    /* when the window has passed, idle groups make room at once */
    rig_time(&r, T0 + MINUTE);
    spend(&r, "one more", 1);
    two.admitted_wall_ms = r.now_ms;
    limits_release(r.l, rig_admit(&r, &two));
    d = (struct limit_denial){0};
    one.admitted_wall_ms = r.now_ms;
    d = rig_refuse(&r, &one);
    assert_string_equal(d.group, "costCenter=one more");
    rig_end(&r);
}

/* A million applications, one a call: what is kept of them is bounded in number and in bytes. */
static void a_million_names(void **state)
{
    (void)state;
    struct rig r;
    char name[16];
    start(&r, METRIC_REQUESTS, 10000000, WINDOW_1M);
    struct mallinfo2 full = {0};
    for (int i = 0; i < 1000000; i++) {
        (void)snprintf(name, sizeof(name), "app-%d", i);
        spend(&r, name, 1);
        if (i == GROUPS_MAX + 1000) {
            full = mallinfo2();
        }
    }
    struct mallinfo2 after = mallinfo2();
    struct limits_view v = rig_view(&r);
    assert_int_equal(v.limits[0].groups_total, GROUPS_MAX + 1);
    assert_int_equal(v.limits[0].used, 1000000); /* and none of them is forgotten */
    limits_view_free(&v);
    assert_true(after.uordblks <= full.uordblks + 65536);
    rig_end(&r);
}

static void long_values(void **state)
{
    (void)state;
    struct rig r;
    char value[301];
    memset(value, 'v', 300);
    value[300] = '\0';
    start(&r, METRIC_TOKENS, 100, WINDOW_1M);
    struct call c = rig_call(&r, value, 60, 0);
    struct limit_hold *h = rig_admit(&r, &c);
    struct limit_denial d = rig_refuse(&r, &c);
    assert_int_equal(strlen(d.group), 255); /* cut for display */
    limits_release(r.l, h);
    rig_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_the_most_used), cmocka_unit_test(no_group_yet),
        cmocka_unit_test(forgets_idle_groups), cmocka_unit_test(full_table_shares),
        cmocka_unit_test(a_million_names),     cmocka_unit_test(long_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
