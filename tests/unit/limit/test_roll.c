/* test_roll.c: rolling windows: when what was used leaves, where a late settlement counts, what is
 * restored, what is told again. */
#include "tests/unit/limit/rig.h"

#include <stdio.h>

#define SECOND 1000LL

static struct config_limit *start(struct rig *r, enum config_metric metric, int64_t amount,
                                  enum config_window window)
{
    rig_init(r);
    struct config_limit *f = rig_limit(r, "t", metric, amount, window);
    f->rolling = true;
    rig_start(r);
    return f;
}

static void spend(struct rig *r, int64_t at_ms, int64_t tokens)
{
    rig_time(r, at_ms);
    struct call c = rig_call(r, NULL, tokens, 0);
    rig_settle(r, rig_admit(r, &c), &c, tokens, 0);
}

/* What was used leaves a window and a slot after its slot began; a denial says so to the ms. */
static void leaves_by_slots(void **state)
{
    (void)state;
    static const struct {
        enum config_window window;
        int64_t length;
    } kinds[] = {
        {WINDOW_10S, 10 * SECOND}, {WINDOW_1M, MINUTE}, {WINDOW_1H, HOUR}, {WINDOW_DAY, DAY}};
    for (size_t i = 0; i < 4; i++) {
        struct rig r;
        int64_t length = kinds[i].length;
        start(&r, METRIC_TOKENS, 100, kinds[i].window);
        spend(&r, T0, 40);
        spend(&r, T0 + length / 2, 30);
        rig_time(&r, T0 + length - 1);
        struct call c = rig_call(&r, NULL, 50, 0);
        struct limit_denial d = rig_refuse(&r, &c);
        assert_int_equal(d.used, 70);
        int64_t slot_end = (T0 * 60 / length + 61) * length;
        assert_int_equal(d.resets_at_ms, (slot_end + 59) / 60);
        assert_in_range(d.resets_at_ms - T0 - length, 0, length / 60 + 1);
        c = rig_call(&r, NULL, 80, 0); /* needs both to leave */
        struct limit_denial both = rig_refuse(&r, &c);
        assert_in_range(both.resets_at_ms - d.resets_at_ms, length / 2 - length / 60 - 1,
                        length / 2 + length / 60 + 1);
        struct limits_view v = rig_view(&r);
        assert_int_equal(v.limits[0].resets_at_ms, d.resets_at_ms);
        assert_int_equal(v.limits[0].groups[0].resets_at_ms, d.resets_at_ms);
        assert_int_equal(v.limits[0].denied, 2);
        limits_view_free(&v);
        rig_time(&r, d.resets_at_ms - 1);
        c = rig_call(&r, NULL, 50, 0);
        (void)rig_refuse(&r, &c);
        rig_time(&r, d.resets_at_ms);
        rig_expect(&r, 0, 30, 0); /* a look alone lets it leave too */
        spend(&r, d.resets_at_ms, 50);
        rig_time(&r, d.resets_at_ms + 3 * length);
        rig_expect(&r, 0, 0, 0);
        v = rig_view(&r);
        assert_int_equal(v.limits[0].resets_at_ms, 0);
        assert_int_equal(v.limits[0].denied, 0);
        limits_view_free(&v);
        rig_end(&r);
    }
}

#define SPENDS 20000

/* Of all stretches as long as the window none holds more than the amount; and the amount is used.
 */
static void no_stretch_holds_more(void **state)
{
    (void)state;
    static int64_t at[SPENDS], tokens[SPENDS];
    struct rig r;
    uint32_t seed = 7;
    int64_t count = 0, sum = 0, oldest = 0, most = 0;
    start(&r, METRIC_TOKENS, 5000, WINDOW_10S);
    for (int64_t i = 0; i < SPENDS; i++) {
        seed = seed * 1664525 + 1013904223;
        rig_time(&r, r.now_ms + (seed >> 12) % 60);
        struct call c = rig_call(&r, NULL, (seed >> 20) % 90, 0);
        struct limit_hold *h = NULL;
        struct limit_denial d;
        if (limits_reserve(r.l, &c, &h, &d) != ERR_OK) {
            assert_true(d.used + d.reserved + d.asked > d.amount);
            assert_true(d.resets_at_ms > r.now_ms);
            continue;
        }
        rig_settle(&r, h, &c, c.reserved_usage.input, 0);
        at[count] = r.now_ms;
        tokens[count] = c.reserved_usage.input;
        sum += tokens[count++];
        while (at[oldest] <= r.now_ms - 10 * SECOND) {
            sum -= tokens[oldest++];
        }
        assert_true(sum <= 5000);
        most = sum > most ? sum : most;
    }
    assert_true(most > 4900);
    assert_in_range(count, SPENDS / 4, SPENDS * 3 / 4);
    rig_end(&r);
}

static void open_calls_count_until_they_end(void **state)
{
    (void)state;
    struct rig r;
    start(&r, METRIC_TOKENS, 100, WINDOW_1M);
    struct call c = rig_call(&r, NULL, 60, 0), other = rig_call(&r, NULL, 50, 0);
    struct limit_hold *h = rig_admit(&r, &c);
    rig_time(&r, T0 + 5 * MINUTE);
    rig_expect(&r, 0, 0, 60);
    other.admitted_wall_ms = r.now_ms;
    struct limit_denial d = rig_refuse(&r, &other);
    assert_int_equal(d.reserved, 60);
    assert_true(d.resets_at_ms > r.now_ms); /* nobody knows; when a slot leaves */
    assert_true(d.resets_at_ms <= r.now_ms + 2 * SECOND);
    rig_settle(&r, h, &c, 60, 0); /* its slot left long ago */
    rig_expect(&r, 0, 0, 0);
    rig_settle(&r, rig_admit(&r, &other), &other, 50, 0);
    rig_expect(&r, 0, 50, 0);
    rig_end(&r);
}

static void settles_into_the_slot_of_admission(void **state)
{
    (void)state;
    struct rig r;
    start(&r, METRIC_TOKENS, 100, WINDOW_1M);
    struct call c = rig_call(&r, NULL, 10, 20);
    struct limit_hold *h = rig_admit(&r, &c);
    rig_time(&r, T0 + 50 * SECOND);
    rig_settle(&r, h, &c, 10, 60);
    rig_expect(&r, 0, 70, 0);
    rig_time(&r, T0 + 61 * SECOND - 1);
    rig_expect(&r, 0, 70, 0);
    rig_time(&r, T0 + 61 * SECOND);
    rig_expect(&r, 0, 0, 0);
    rig_end(&r);
}

/* The slot of admission has left: what lies above the reservation burdens the slot that fills. */
static void excess_is_carried(void **state)
{
    (void)state;
    struct rig r;
    start(&r, METRIC_TOKENS, 100, WINDOW_1M);
    struct call c = rig_call(&r, NULL, 10, 20);
    struct limit_hold *h = rig_admit(&r, &c);
    rig_time(&r, T0 + 2 * MINUTE);
    rig_settle(&r, h, &c, 10, 60);
    rig_expect(&r, 0, 40, 0);
    rig_time(&r, T0 + 3 * MINUTE + SECOND - 1);
    rig_expect(&r, 0, 40, 0);
    rig_time(&r, T0 + 3 * MINUTE + SECOND);
    rig_expect(&r, 0, 0, 0);
    rig_end(&r);
}

static void top_up_sees_what_left(void **state)
{
    (void)state;
    struct rig r;
    start(&r, METRIC_TOKENS, 100, WINDOW_1M)->outgrow_stop = true;
    spend(&r, T0, 60);
    struct call c = rig_call(&r, NULL, 10, 20);
    struct limit_hold *h = rig_admit(&r, &c);
    struct usage u = {.input = 10, .output = 50};
    assert_false(limits_top_up(r.l, h, &c, &u));
    rig_time(&r, T0 + 61 * SECOND);
    assert_true(limits_top_up(r.l, h, &c, &u));
    rig_expect(&r, 0, 0, 60);
    limits_release(r.l, h);
    rig_end(&r);
}

static void clock_backwards(void **state)
{
    (void)state;
    struct rig r;
    start(&r, METRIC_TOKENS, 100, WINDOW_1M);
    spend(&r, T0, 60);
    rig_time(&r, T0 - HOUR);
    struct call c = rig_call(&r, NULL, 30, 0);
    struct limit_hold *h = rig_admit(&r, &c);
    rig_expect(&r, 0, 60, 30);
    rig_settle(&r, h, &c, 40, 0); /* in the slot that filled, whatever the clock says */
    rig_expect(&r, 0, 100, 0);
    (void)rig_refuse(&r, &c);
    rig_time(&r, T0 + 61 * SECOND);
    rig_expect(&r, 0, 0, 0);
    rig_time(&r, 5); /* and at the very beginning of time */
    rig_expect(&r, 0, 0, 0);
    rig_end(&r);
}

static void restores_by_time(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "hour", METRIC_TOKENS, 1000, WINDOW_1H)->rolling = true;
    rig_limit(&r, "day", METRIC_TOKENS, 1000, WINDOW_DAY)->rolling = true;
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 0, 0);
    struct amounts a = {.v = {[METRIC_TOKENS] = 10}};
    int64_t hour_ago = T0 - HOUR;
    assert_int_equal(limits_oldest_window(r.l, T0), T0 - DAY - 24 * MINUTE);
    limits_restore(r.l, &rig_haiku, &c.tags, c.principal, hour_ago - 2 * MINUTE, &a, false);
    limits_restore(r.l, &rig_haiku, &c.tags, c.principal, hour_ago, &a, true);
    limits_restore(r.l, &rig_haiku, &c.tags, c.principal, T0 - MINUTE, &a, false);
    limits_restore(r.l, &rig_haiku, &c.tags, c.principal, T0 - 2 * DAY, &a, true);
    limits_restore(r.l, &rig_haiku, &c.tags, c.principal, T0 + DAY, &a, true);
    rig_expect(&r, 0, 20, 0);
    rig_expect(&r, 1, 30, 0);
    struct limits_view v = rig_view(&r);
    assert_int_equal(v.limits[0].charged_by_crash, 10);
    assert_int_equal(v.limits[1].charged_by_crash, 10);
    limits_view_free(&v);
    rig_time(&r, T0 + MINUTE);
    rig_expect(&r, 0, 10, 0);
    v = rig_view(&r);
    assert_int_equal(v.limits[0].charged_by_crash, 0);
    assert_int_equal(v.limits[1].charged_by_crash, 10);
    limits_view_free(&v);
    /* a quarter of an hour of calls that began there is in no hurry to leave */
    rig_time(&r, hour_ago - 2 * MINUTE + DAY + 15 * MINUTE);
    rig_expect(&r, 1, 30, 0);
    rig_time(&r, T0 + DAY + HOUR);
    rig_expect(&r, 1, 0, 0);
    rig_end(&r);
}

static void tells_again_a_window_later(void **state)
{
    (void)state;
    struct rig r;
    struct limit_event e[4];
    start(&r, METRIC_TOKENS, 100, WINDOW_1M);
    spend(&r, T0, 85);
    assert_int_equal(limits_events(r.l, e, 4), 1);
    spend(&r, T0 + 61 * SECOND, 85); /* 0 in between, but told a moment ago */
    assert_int_equal(limits_events(r.l, e, 4), 1);
    assert_int_equal(e[0].at_ms, T0 + 61 * SECOND);
    rig_time(&r, T0 + 100 * SECOND);
    struct call c = rig_call(&r, NULL, 1, 0);
    rig_settle(&r, rig_admit(&r, &c), &c, 1, 0);
    assert_int_equal(limits_events(r.l, e, 4), 0); /* still above it */
    rig_end(&r);
}

static void reload_begins_anew(void **state)
{
    (void)state;
    struct rig r, next;
    start(&r, METRIC_TOKENS, 100, WINDOW_1M);
    spend(&r, T0, 40);
    struct call c = rig_call(&r, NULL, 50, 0);
    struct limit_hold *h = rig_admit(&r, &c), *later;
    for (int i = 0; i < 2; i++) { /* to a calendar window and back */
        rig_init(&next);
        rig_limit(&next, "t", METRIC_TOKENS, 100, WINDOW_1M)->rolling = i == 1;
        next.l = r.l;
        assert_int_equal(limits_reload(r.l, &next.config, NULL, NULL), ERR_OK);
        rig_expect(&next, 0, 0, 0);
        c = rig_call(&next, NULL, 100, 0);
        later = rig_admit(&next, &c);
        rig_settle(&next, h, &c, 100, 0); /* 50 reserved in a window that is no more */
        h = later;
        rig_expect(&next, 0, i == 0 ? 50 : 0, 100);
        r = next;
    }
    rig_settle(&next, h, &c, 70, 0);
    rig_expect(&next, 0, 70, 0);
    limits_free(next.l);
    clock_set_fake_wall(0);
}

static void forgets_idle_groups(void **state)
{
    (void)state;
    struct rig r;
    char name[16];
    rig_init(&r);
    struct config_limit *f = rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_1M);
    f->rolling = true;
    f->per[0] = "costCenter";
    f->per_count = 1;
    rig_start(&r);
    for (int i = 0; i < 300; i++) {
        (void)snprintf(name, sizeof(name), "g%d", i);
        rig_time(&r, T0 + i * SECOND);
        struct call c = rig_call(&r, name, 60, 0);
        rig_settle(&r, rig_admit(&r, &c), &c, 60, 0);
    }
    struct limits_view v = rig_view(&r);
    assert_int_equal(v.limits[0].groups_total, 300);
    assert_int_equal(v.limits[0].used, 61 * 60);
    limits_view_free(&v);
    for (int i = 0; i < 150; i++) { /* each that comes takes two idle ones along */
        (void)snprintf(name, sizeof(name), "h%d", i);
        rig_time(&r, T0 + 2 * HOUR + i);
        struct call c = rig_call(&r, name, 1, 0);
        rig_settle(&r, rig_admit(&r, &c), &c, 1, 0);
    }
    v = rig_view(&r);
    assert_int_equal(v.limits[0].groups_total, 150);
    limits_view_free(&v);
    rig_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_by_slots),
        cmocka_unit_test(no_stretch_holds_more),
        cmocka_unit_test(open_calls_count_until_they_end),
        cmocka_unit_test(settles_into_the_slot_of_admission),
        cmocka_unit_test(excess_is_carried),
        cmocka_unit_test(top_up_sees_what_left),
        cmocka_unit_test(clock_backwards),
        cmocka_unit_test(restores_by_time),
        cmocka_unit_test(tells_again_a_window_later),
        cmocka_unit_test(reload_begins_anew),
        cmocka_unit_test(forgets_idle_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
