/* Burn: rates, the time until a limit is empty, and alerts, over hours that pass at once. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "core/control/burn.h"
#include "core/control/core_private.h"

#define MINUTE 60000LL
#define HOUR   (60 * MINUTE)
#define PACE   1000 /* a minute */

struct scene {
    struct burn *burn;
    struct config_limit file;
    struct limit_group_view group;
    struct limit_view limit;
    struct limits_view view;
    int64_t now_ms; /* of both clocks */
    int fast, slow;
    struct burn_alert last;
};

static void begin(struct scene *s, enum config_window w)
{
    int64_t days = w == WINDOW_MONTH ? 30 : w == WINDOW_WEEK ? 7 : 1;
    int64_t amount = w == WINDOW_1M ? 60 * PACE : days * 24 * 60 * PACE;
    *s = (struct scene){.burn = burn_new(),
                        .file = {.name = "l", .metric = METRIC_TOKENS, .window = w},
                        .now_ms = 77 * HOUR + 1234};
    s->group = (struct limit_group_view){.amount = amount};
    (void)snprintf(s->group.group, sizeof(s->group.group), "costCenter=sales");
    s->group.resets_at_ms = s->now_ms + amount / PACE * MINUTE;
    assert_non_null(s->burn);
}

static void on_alert(void *arg, const struct burn_alert *a)
{
    struct scene *s = arg;
    s->fast += a->fast;
    s->slow += !a->fast;
    s->last = *a;
}

/* The same use a minute, sampled every 5 s. */
static void pass(struct scene *s, int64_t ms, int64_t a_minute)
{
    for (int64_t end = s->now_ms + ms; s->now_ms < end; s->now_ms += 5000) {
        s->group.used += a_minute / 12;
        s->group.remaining = s->group.amount - s->group.used;
        s->limit = (struct limit_view){.file = &s->file,
                                       .amount = s->group.amount,
                                       .used = s->group.used,
                                       .remaining = s->group.remaining,
                                       .resets_at_ms = s->group.resets_at_ms,
                                       .groups = &s->group,
                                       .group_count = 1};
        s->view = (struct limits_view){.count = 1, .limits = &s->limit};
        burn_sample(s->burn, &s->view, s->now_ms, s->now_ms, on_alert, s);
    }
}

static json_t *shown(struct scene *s, bool known)
{
    json_t *list = json_pack("[{s:[{}]}]", "groups");
    burn_put(known ? s->burn : NULL, list, &s->view, s->now_ms);
    json_t *o = json_incref(json_array_get(list, 0));
    json_decref(list);
    return o;
}

static int64_t rate(const json_t *o, const char *name)
{
    return json_integer_value(json_object_get(json_object_get(o, "rates"), name));
}

static void rates_and_the_time_left(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, WINDOW_DAY);
    pass(&s, 2 * HOUR, 1200);
    pass(&s, 5 * MINUTE, 2400);
    json_t *o = shown(&s, true);
    assert_int_equal(rate(o, "per_minute_1m"), 2400);
    assert_in_range(rate(o, "per_minute_15m"), 1550, 1650);
    assert_in_range(rate(o, "per_minute_1h"), 1280, 1320);
    int64_t left = s.group.remaining * 60 / rate(o, "per_minute_15m");
    assert_in_range(json_integer_value(json_object_get(o, "empty_in_s")), left - 60, left + 60);
    assert_true(json_is_null(json_object_get(o, "burn")));
    assert_int_equal(rate(json_array_get(json_object_get(o, "groups"), 0), "per_minute_1m"), 2400);
    json_decref(o);
    pass(&s, 3 * HOUR, 120); /* lasts longer than the day */
    o = shown(&s, true);
    assert_true(json_is_null(json_object_get(o, "empty_in_s")));
    json_decref(o);
    s.group.used = s.group.amount;
    pass(&s, 5000, 0);
    o = shown(&s, true);
    assert_int_equal(json_integer_value(json_object_get(o, "empty_in_s")), 0);
    assert_true(json_is_integer(json_object_get(o, "empty_in_s")));
    json_decref(o);
    o = shown(&s, false);
    assert_true(json_is_null(json_object_get(o, "rates")));
    json_decref(o);
    burn_free(s.burn);
}

static void a_window_that_ends_is_no_negative_use(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, WINDOW_1M);
    for (int i = 0; i < 20; i++) {
        pass(&s, MINUTE, 1200);
        s.group.used = 0;
        s.group.resets_at_ms += MINUTE;
    }
    pass(&s, 5000, 1200);
    json_t *o = shown(&s, true);
    assert_in_range(rate(o, "per_minute_1m"), 1100, 1300);
    assert_in_range(rate(o, "per_minute_15m"), 1100, 1300);
    json_decref(o);
    assert_int_equal(s.fast + s.slow, 0); /* short windows have no alerts */
    burn_free(s.burn);
}

static void a_fast_burn_is_told_once_and_again_when_it_comes_back(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, WINDOW_MONTH);
    pass(&s, 40 * MINUTE, 20 * PACE);
    assert_int_equal(s.fast, 0);
    pass(&s, 10 * MINUTE, 20 * PACE);
    assert_int_equal(s.fast, 1);
    assert_string_equal(s.last.limit, "l");
    assert_string_equal(s.last.group, "costCenter=sales");
    assert_true(s.last.times > 14.4 && s.last.times < 20.5);
    assert_true(s.last.empty_in_ms > 30 * HOUR && s.last.empty_in_ms < 50 * HOUR);
    json_t *o = shown(&s, true);
    assert_string_equal(json_string_value(json_object_get(o, "burn")), "fast");
    json_decref(o);
    pass(&s, 3 * HOUR, 20 * PACE);
    assert_int_equal(s.fast, 1);
    assert_int_equal(s.slow, 0); /* the fast one says it already */
    pass(&s, 7 * HOUR, 0);
    o = shown(&s, true);
    assert_true(json_is_null(json_object_get(o, "burn")));
    json_decref(o);
    pass(&s, HOUR, 20 * PACE);
    assert_int_equal(s.fast, 2);
    burn_free(s.burn);
}

static void a_slow_burn_takes_longer_to_tell(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, WINDOW_WEEK);
    pass(&s, 4 * HOUR, 8 * PACE);
    assert_int_equal(s.fast + s.slow, 0);
    pass(&s, HOUR, 8 * PACE);
    assert_int_equal(s.slow, 1);
    assert_int_equal(s.fast, 0);
    burn_free(s.burn);
    begin(&s, WINDOW_DAY);
    pass(&s, 3 * HOUR, 5 * PACE);
    assert_int_equal(s.fast + s.slow, 0);
    pass(&s, HOUR, 5 * PACE);
    assert_int_equal(s.slow, 1);
    assert_int_equal(s.fast, 0);
    burn_free(s.burn);
    begin(&s, WINDOW_DAY);
    pass(&s, HOUR + 10 * MINUTE, 7 * PACE);
    assert_int_equal(s.fast, 1);
    burn_free(s.burn);
}

static void an_even_pace_alarms_nobody(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, WINDOW_MONTH);
    pass(&s, 24 * HOUR, PACE * 2);
    assert_int_equal(s.fast + s.slow, 0);
    burn_free(s.burn);
    /* What a restart finds as used already is no burn. */
    begin(&s, WINDOW_MONTH);
    s.group.used = s.group.amount / 2;
    pass(&s, 7 * HOUR, PACE);
    assert_int_equal(s.fast + s.slow, 0);
    burn_free(s.burn);
    /* An amount that lasts until its window ends is no alarm. */
    begin(&s, WINDOW_DAY);
    s.group.resets_at_ms = s.now_ms + 70 * MINUTE;
    pass(&s, 69 * MINUTE, 7 * PACE);
    assert_int_equal(s.fast + s.slow, 0);
    burn_free(s.burn);
}

static void groups_without_end_are_bounded(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, WINDOW_DAY);
    for (int i = 0; i < 3000; i++) {
        (void)snprintf(s.group.group, sizeof(s.group.group), "costCenter=c%d", i);
        s.group.used = 0;
        pass(&s, 5000, PACE);
    }
    json_t *o = shown(&s, true); /* no place for the last ones */
    assert_true(
        json_is_null(json_object_get(json_array_get(json_object_get(o, "groups"), 0), "rates")));
    json_decref(o);
    s.now_ms += 7 * HOUR; /* the others are forgotten */
    pass(&s, 10000, PACE);
    o = shown(&s, true);
    assert_true(
        json_is_object(json_object_get(json_array_get(json_object_get(o, "groups"), 0), "rates")));
    json_decref(o);
    burn_free(s.burn);
    burn_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_and_the_time_left),
        cmocka_unit_test(a_window_that_ends_is_no_negative_use),
        cmocka_unit_test(a_fast_burn_is_told_once_and_again_when_it_comes_back),
        cmocka_unit_test(a_slow_burn_takes_longer_to_tell),
        cmocka_unit_test(an_even_pace_alarms_nobody),
        cmocka_unit_test(groups_without_end_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
