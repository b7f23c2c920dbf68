/* test_edges.c: single cases that the random schedules do not reach: prices that are not known,
 * debts at the edge of a window, clocks, windows that roll, guesses, what is learned. Each stands
 * for a way of getting it wrong. */
#include "core/limit/learned.h"
#include "core/limit/window.h"
#include "tests/unit/limit/rig.h"

#include <stdio.h>

static void held(struct rig *r, size_t i, int64_t used, int64_t reserved)
{
    struct limits_view v = rig_view(r);
    assert_int_equal(v.limits[i].groups[0].used, used);
    assert_int_equal(v.limits[i].groups[0].reserved, reserved);
    limits_view_free(&v);
}

/* --- money that is not known --- */

/* The proxy charges what was reserved when the end has no price, and says so: that counts. */
static void charged_without_a_price(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "money", METRIC_USD, MONEY_DOLLAR, WINDOW_MONTH);
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 100, 100);
    struct limit_hold *h = rig_admit(&r, &c);
    c.priced = false;
    c.usd = 480000;
    limits_settle(r.l, h, &c);
    held(&r, 0, 480000, 0);
    rig_end(&r);
}

/* A limit that only warns lets a call without a price in: it holds nothing, and never less. */
static void only_warned_without_a_price(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "money", METRIC_USD, MONEY_DOLLAR, WINDOW_MONTH)->action = ACTION_WARN;
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 100, 100), known = c;
    struct limit_hold *priced = rig_admit(&r, &known);
    c.priced = false;
    struct limit_hold *h = rig_admit(&r, &c);
    held(&r, 0, 0, 480000);
    const struct usage more = {.input = 100, .output = 5000};
    assert_true(limits_top_up(r.l, h, &c, &more));
    held(&r, 0, 0, 480000);
    known.priced = false; /* its tier turned out to have none */
    assert_true(limits_top_up(r.l, priced, &known, &more));
    held(&r, 0, 0, 480000);
    limits_release(r.l, h);
    limits_release(r.l, priced);
    held(&r, 0, 0, 0);
    rig_end(&r);
}

/* --- debts --- */

/* Uses more than it reserved: the window is over by that. */
static void overuse(struct rig *r, int64_t reserves, int64_t uses)
{
    struct call c = rig_call(r, NULL, reserves, 0);
    rig_settle(r, rig_admit(r, &c), &c, uses, 0);
}

/* A window ends with what is held then: a call that is released later made no room in it. */
static void released_after_the_window(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_1M);
    rig_start(&r);
    struct call a = rig_call(&r, NULL, 60, 0);
    struct limit_hold *h = rig_admit(&r, &a);
    overuse(&r, 30, 90); /* 90 used and 60 held, of 100 */
    rig_time(&r, T0 + MINUTE);
    limits_release(r.l, h);
    held(&r, 0, 50, 0);
    rig_end(&r);
}

/* A passed window pays its amount to the last token, and only that. */
static void paid_to_the_token(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_TOKENS, 50, WINDOW_1M);
    rig_start(&r);
    overuse(&r, 50, 151); /* 101 too many; two windows nobody looks at pay 100 */
    rig_time(&r, T0 + 3 * MINUTE);
    held(&r, 0, 1, 0);
    rig_end(&r);
}

/* Days are not of one length: one between two long ones is a whole window that pays. */
static void a_long_day_owes(void **state)
{
    (void)state;
    struct rig r;
    int64_t sunday_ms = 0; /* of 25 hours in Berlin */
    assert_true(clock_parse_rfc3339(STR("2026-10-25T12:00:00Z"), &sunday_ms));
    rig_init(&r);
    r.config.timezone = "Europe/Berlin";
    rig_limit(&r, "t", METRIC_TOKENS, 100, WINDOW_DAY);
    rig_time(&r, sunday_ms);
    rig_start(&r);
    overuse(&r, 100, 250);
    rig_time(&r, sunday_ms + 2 * DAY);
    held(&r, 0, 50, 0);
    rig_end(&r);
}

/* --- clocks --- */

/* Short windows wait only as long as they last for a clock that was set back. */
static void a_minute_waits_a_minute(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_REQUESTS, 1, WINDOW_1M);
    rig_time(&r, T0 + 10 * MINUTE);
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 1, 1);
    limits_settle(r.l, rig_admit(&r, &c), &c);
    rig_time(&r, T0 + 7 * MINUTE);
    c.admitted_wall_ms = r.now_ms;
    assert_int_equal(rig_refuse(&r, &c).resets_at_ms, T0 + 8 * MINUTE);
    rig_end(&r);
}

/* An hour is cut where the clock is put back within it, at both ends. */
static void an_hour_is_cut(void **state)
{
    (void)state;
    struct zone *z = zone_new("America/St_Johns", NULL); /* 00:01 became 23:01 */
    int64_t change_ms = 0, start, end;
    assert_non_null(z);
    assert_true(clock_parse_rfc3339(STR("2010-11-07T02:31:00Z"), &change_ms));
    window_at(z, WINDOW_1H, change_ms - 1, &start, &end);
    assert_int_equal(start, change_ms - MINUTE);
    assert_int_equal(end, change_ms);
    window_at(z, WINDOW_1H, change_ms, &start, &end);
    assert_int_equal(start, change_ms);
    assert_int_equal(end, change_ms + 59 * MINUTE);
    zone_free(z);
}

/* --- windows that roll --- */

static void roll(struct rig *r)
{
    rig_init(r);
    rig_limit(r, "t", METRIC_TOKENS, 100, WINDOW_1M)->rolling = true;
    rig_start(r);
}

static void rolls_free_in_time(void **state)
{
    (void)state;
    struct rig r;
    roll(&r);
    rig_time(&r, T0 + 5000);
    struct call c = rig_call(&r, NULL, 60, 0);
    rig_settle(&r, rig_admit(&r, &c), &c, 60, 0);
    rig_time(&r, T0 + 15000);
    c = rig_call(&r, NULL, 40, 0);
    rig_settle(&r, rig_admit(&r, &c), &c, 40, 0);
    c = rig_call(&r, NULL, 60, 0); /* just what the first leaves */
    assert_int_equal(rig_refuse(&r, &c).resets_at_ms, T0 + 5000 + 61000);
    rig_end(&r);
}

/* What open calls hold comes back nobody knows when: the oldest that was used is what is told. */
static void rolls_wait_for_the_oldest(void **state)
{
    (void)state;
    struct rig r;
    roll(&r);
    rig_time(&r, T0 + 5000);
    struct call c = rig_call(&r, NULL, 10, 0);
    rig_settle(&r, rig_admit(&r, &c), &c, 10, 0);
    c = rig_call(&r, NULL, 90, 0);
    struct limit_hold *h = rig_admit(&r, &c);
    c = rig_call(&r, NULL, 95, 0);
    assert_int_equal(rig_refuse(&r, &c).resets_at_ms, T0 + 5000 + 61000);
    limits_release(r.l, h);
    rig_end(&r);
}

/* What a crash charged leaves with its slot. */
static void a_crash_rolls_away(void **state)
{
    (void)state;
    struct rig r;
    struct amounts a = {.v = {0}};
    roll(&r);
    const struct tags none = {.count = 0};
    const struct str nobody = {NULL, 0};
    a.v[METRIC_TOKENS] = 60;
    limits_restore(r.l, &rig_haiku, &none, nobody, T0 - 40000, &a, true);
    a.v[METRIC_TOKENS] = 30;
    limits_restore(r.l, &rig_haiku, &none, nobody, T0 - 10000, &a, true);
    static const int64_t later[] = {0, 25000, 60000}, left[] = {90, 30, 0};
    for (int i = 0; i < 3; i++) {
        rig_time(&r, T0 + later[i]);
        struct limits_view v = rig_view(&r);
        assert_int_equal(v.limits[0].used, left[i]);
        assert_int_equal(v.limits[0].charged_by_crash, left[i]);
        limits_view_free(&v);
    }
    rig_end(&r);
}

/* --- guesses and clamps --- */

static struct call unsaid(const struct rig *r)
{
    struct call c = rig_call(r, "sales", 0, 0);
    c.text_bytes = 100;
    return c;
}

static int64_t guessed(struct rig *r, int64_t amount)
{
    struct limit_override o = rig_override("t", "", amount);
    assert_int_equal(limits_override(r->l, &o, NULL), ERR_OK);
    struct call c = unsaid(r);
    limit_foresee(r->l, &c);
    assert_int_equal(c.reserved_usage.input, 110);
    return c.reserved_usage.output;
}

/* While nothing is known a guess takes a quarter of the room at most; what is known, all of it. */
static void a_guess_takes_its_share(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    r.config.estimate_bytes = true;
    struct config_limit *f = rig_limit(&r, "t", METRIC_TOKENS, 1, WINDOW_MONTH);
    f->warn_count = 0;
    rig_start(&r);
    assert_int_equal(guessed(&r, 110 + 4 * 4096), 4096);
    assert_int_equal(guessed(&r, 110 + 4 * 4096 - 4), 4095);
    assert_int_equal(guessed(&r, 110 + 4096), 1024);
    assert_int_equal(guessed(&r, 110 + 3), 1); /* never nothing */
    f->too_big_clamp = true;
    assert_int_equal(guessed(&r, 110 + 1024), 4096); /* it is clamped, and told so */
    assert_int_equal(guessed(&r, 110 + 1023), 255);
    f->too_big_clamp = false;
    (void)guessed(&r, 10000000);
    for (int i = 0; i < 30; i++) {
        struct call c = unsaid(&r);
        limit_foresee(r.l, &c);
        rig_settle(&r, rig_admit(&r, &c), &c, 110, 1500);
    }
    int64_t known = guessed(&r, 10000000);
    assert_in_range(known, 1875, 2048);
    assert_int_equal(guessed(&r, 110 + known), known);
    assert_int_equal(guessed(&r, 110 + known - 1), (known - 1) / 4);
    rig_end(&r);
}

/* Of several limits that clamp the largest least counts, whichever comes first. */
static void the_largest_least(void **state)
{
    (void)state;
    static const int64_t leasts[2][2] = {{16, 500}, {500, 16}};
    for (int i = 0; i < 2; i++) {
        struct rig r;
        rig_init(&r);
        for (int k = 0; k < 2; k++) {
            struct config_limit *f =
                rig_limit(&r, k == 0 ? "a" : "b", METRIC_TOKENS, 1000, WINDOW_1M);
            f->too_big_clamp = true;
            f->min_output = leasts[i][k];
        }
        rig_start(&r);
        struct call c = rig_call(&r, NULL, 501, 4000);
        struct limit_hold *h = NULL;
        struct limit_denial d;
        int64_t clamped;
        assert_int_equal(limits_reserve_clamped(r.l, &c, &h, &d, &clamped), ERR_FULL);
        assert_int_equal(d.asked, 1001);
        c = rig_call(&r, NULL, 500, 4000);
        assert_int_equal(limits_reserve_clamped(r.l, &c, &h, &d, &clamped), ERR_OK);
        assert_int_equal(clamped, 500);
        limits_release(r.l, h);
        rig_end(&r);
    }
}

/* --- what is learned --- */

static void learn(struct rig *r, int64_t bytes, const struct usage *u, int times)
{
    for (int i = 0; i < times; i++) {
        struct call c = unsaid(r);
        c.text_bytes = bytes;
        struct limit_hold *h = rig_admit(r, &c);
        c.usage = *u;
        c.usd = usage_cost(u, &c.price);
        limits_settle(r->l, h, &c);
    }
}

static struct usage foreseen(struct rig *r, int64_t bytes)
{
    struct call c = unsaid(r);
    c.text_bytes = bytes;
    limit_foresee(r->l, &c);
    return c.reserved_usage;
}

/* Twenty calls teach, with a margin that shrinks as they become many; what a cache held is input as
 * well; short and long texts are apart; no answer is foreseen longer than the model's longest. */
static void what_calls_teach(void **state)
{
    (void)state;
    struct rig r;
    const struct usage quarter = {.input = 10 + 200, .cache_read = 300, .output = 8000};
    rig_init(&r);
    rig_start(&r);
    learn(&r, 2000, &quarter, 19);
    assert_int_equal(foreseen(&r, 2000).input, 10 + 1000);
    assert_int_equal(foreseen(&r, 2000).output, 4096);
    learn(&r, 2000, &quarter, 1);
    assert_in_range(foreseen(&r, 2000).input, 10 + 500 * 5 / 4, 10 + 500 * 3 / 2);
    assert_int_equal(foreseen(&r, 2000).output, 8192);
    assert_int_equal(foreseen(&r, 800).input, 10 + 400);
    assert_int_equal(foreseen(&r, 20000).input, 10 + 10000);
    int64_t few = foreseen(&r, 2000).input;
    learn(&r, 2000, &quarter, 200);
    assert_in_range(foreseen(&r, 2000).input, 10 + 560, few - 1);
    rig_end(&r);
}

static void a_quantile_leaves_its_share(void **state)
{
    (void)state;
    int64_t v = 0, n = 0;
    struct learned *t = learned_new();
    assert_non_null(t);
    for (int i = 0; i < 100; i++) {
        learned_note(t, STR("a"), i == 0 ? 100000 : 4);
    }
    assert_true(learned_quantile(t, STR("a"), 990, &v, &n));
    assert_int_equal(v, 4); /* one of a hundred may pass it */
    assert_true(learned_quantile(t, STR("a"), 991, &v, &n));
    assert_true(v >= 100000);
    learned_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(charged_without_a_price),
        cmocka_unit_test(only_warned_without_a_price),
        cmocka_unit_test(released_after_the_window),
        cmocka_unit_test(paid_to_the_token),
        cmocka_unit_test(a_long_day_owes),
        cmocka_unit_test(a_minute_waits_a_minute),
        cmocka_unit_test(an_hour_is_cut),
        cmocka_unit_test(rolls_free_in_time),
        cmocka_unit_test(rolls_wait_for_the_oldest),
        cmocka_unit_test(a_crash_rolls_away),
        cmocka_unit_test(a_guess_takes_its_share),
        cmocka_unit_test(the_largest_least),
        cmocka_unit_test(what_calls_teach),
        cmocka_unit_test(a_quantile_leaves_its_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
