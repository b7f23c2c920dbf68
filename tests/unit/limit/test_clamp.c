/* test_clamp.c: calls too large for what is left, admitted with less output; and streams that
 * outgrow their reservation and must stop. */
#include "tests/unit/limit/rig.h"

static int64_t admit_clamped(struct rig *r, struct call *c, struct limit_hold **h)
{
    struct limit_denial d;
    int64_t output = 77;
    assert_int_equal(limits_reserve_clamped(r->l, c, h, &d, &output), ERR_OK);
    assert_non_null(*h);
    return output;
}

static struct limit_denial refuse_clamped(struct rig *r, struct call *c)
{
    struct limit_denial d;
    struct limit_hold *h = NULL;
    int64_t output = 77, before = c->reserved_usage.output;
    assert_int_equal(limits_reserve_clamped(r->l, c, &h, &d, &output), ERR_FULL);
    assert_null(h);
    assert_int_equal(output, -1);
    assert_int_equal(c->reserved_usage.output, before);
    return d;
}

/* Each metric that output counts in clamps to the last token that fits. */
static void clamps_each_metric(void **state)
{
    (void)state;
    static const struct {
        enum config_metric metric;
        int64_t amount, output, reserved;
    } cases[] = {
        {METRIC_TOKENS, 5000, 4900, 5000},
        {METRIC_OUTPUT_TOKENS, 5000, 5000, 5000},
        {METRIC_AWS_QUOTA_TOKENS, 10103, 2000, 10100}, /* an output token weighs five */
        {METRIC_USD, 8081999, 2000, 8080000},          /* 100 x 800 + n x 4,000 nano-dollars */
    };
    for (size_t i = 0; i < 4; i++) {
        struct rig r;
        struct limit_hold *h;
        rig_init(&r);
        rig_limit(&r, "t", cases[i].metric, cases[i].amount, WINDOW_1M)->too_big_clamp = true;
        rig_start(&r);
        struct call c = rig_call(&r, NULL, 100, 8192);
        assert_int_equal(admit_clamped(&r, &c, &h), cases[i].output);
        assert_int_equal(c.reserved_usage.output, cases[i].output);
        assert_int_equal(c.reserved_usage.input, 100);
        rig_expect(&r, 0, 0, cases[i].reserved);
        limits_release(r.l, h);
        rig_expect(&r, 0, 0, 0);
        c = rig_call(&r, NULL, 100, 1000); /* what fits stays as it is */
        assert_int_equal(admit_clamped(&r, &c, &h), -1);
        limits_release(r.l, h);
        rig_end(&r);
    }
}

static void never_below_the_least(void **state)
{
    (void)state;
    struct rig r;
    struct limit_hold *h, *more;
    rig_init(&r);
    struct config_limit *f = rig_limit(&r, "t", METRIC_TOKENS, 3000, WINDOW_1M);
    f->too_big_clamp = true;
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 1000, 877), big = rig_call(&r, NULL, 100, 4000);
    h = rig_admit(&r, &c);
    struct limit_denial d = refuse_clamped(&r, &big); /* 1,023 are left for output */
    assert_int_equal(d.asked, 1124);
    assert_false(d.never); /* clamped it will fit, in the next minute */
    assert_int_equal(d.resets_at_ms, T0 + MINUTE);
    limits_release(r.l, h);
    c.reserved_usage.output--;
    h = rig_admit(&r, &c);
    assert_int_equal(admit_clamped(&r, &big, &more), 1024);
    limits_release(r.l, more);
    f->min_output = 2000; /* the limit's own word */
    big = rig_call(&r, NULL, 100, 4000);
    (void)refuse_clamped(&r, &big);
    f->min_output = 16;
    big = rig_call(&r, NULL, 1108, 4000);
    assert_int_equal(admit_clamped(&r, &big, &more), 16);
    limits_release(r.l, more);
    big = rig_call(&r, NULL, 2985, 4000); /* its input alone leaves too little, ever */
    d = refuse_clamped(&r, &big);
    assert_true(d.never);
    big = rig_call(&r, NULL, 1120, 10); /* less output than the least is not made smaller */
    (void)refuse_clamped(&r, &big);
    limits_release(r.l, h);
    rig_end(&r);
}

static void fits_in_all(void **state)
{
    (void)state;
    struct rig r;
    struct limit_hold *h, *first;
    rig_init(&r);
    rig_limit(&r, "tokens", METRIC_TOKENS, 9000, WINDOW_DAY)->too_big_clamp = true;
    rig_limit(&r, "money", METRIC_USD, 12080000, WINDOW_MONTH)->too_big_clamp = true;
    rig_limit(&r, "wide", METRIC_TOKENS, 100000, WINDOW_1H);
    struct config_limit *hard = rig_limit(&r, "hard", METRIC_OUTPUT_TOKENS, 20000, WINDOW_1H);
    struct config_limit *calls = rig_limit(&r, "calls", METRIC_REQUESTS, 2, WINDOW_1H);
    calls->too_big_clamp = true; /* less output would not help it */
    rig_limit(&r, "told", METRIC_TOKENS, 1, WINDOW_1H)->action = ACTION_WARN;
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 100, 16000);
    assert_int_equal(admit_clamped(&r, &c, &first), 3000); /* $0.01208 */
    rig_expect(&r, 0, 0, 3100);
    rig_expect(&r, 1, 0, 12080000);
    rig_expect(&r, 3, 0, 3000);
    rig_expect(&r, 5, 0, 3100);
    limits_release(r.l, first);
    hard->amount = 15000; /* in the way too, and does not clamp */
    c = rig_call(&r, NULL, 100, 16000);
    struct limit_denial d = refuse_clamped(&r, &c);
    assert_string_equal(d.limit, "hard");
    assert_int_equal(d.asked, 16000);
    rig_expect(&r, 0, 0, 0);
    c = rig_call(&r, NULL, 1, 1);
    first = rig_admit(&r, &c);
    h = rig_admit(&r, &c);
    c = rig_call(&r, NULL, 100, 10000);
    d = refuse_clamped(&r, &c);
    assert_string_equal(d.limit, "calls");
    limits_release(r.l, h);
    limits_release(r.l, first);
    rig_end(&r);
}

static void blocks_and_unknown_prices_hold(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_TOKENS, 9000, WINDOW_DAY)->too_big_clamp = true;
    rig_limit(&r, "money", METRIC_USD, 12080000, WINDOW_MONTH)->too_big_clamp = true;
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 100, 16000);
    c.priced = false;
    assert_true(refuse_clamped(&r, &c).unpriced);
    struct limit_override o = rig_override("t", "", -1);
    o.blocked = true;
    assert_int_equal(limits_override(r.l, &o, NULL), ERR_OK);
    c.priced = true;
    assert_true(refuse_clamped(&r, &c).blocked);
    rig_end(&r);
}

/* limits_reserve alone never clamps. */
static void only_when_asked(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_TOKENS, 5000, WINDOW_1M)->too_big_clamp = true;
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 100, 8000);
    struct limit_denial d = rig_refuse(&r, &c);
    assert_true(d.never);
    assert_int_equal(d.asked, 8100);
    rig_end(&r);
}

static void counts_refusals_once(void **state)
{
    (void)state;
    struct rig r;
    struct limit_hold *h;
    rig_init(&r);
    rig_limit(&r, "t", METRIC_TOKENS, 2000, WINDOW_1M)->too_big_clamp = true;
    rig_start(&r);
    struct call c = rig_call(&r, NULL, 100, 8000);
    (void)admit_clamped(&r, &c, &h); /* clamped is not denied */
    c = rig_call(&r, NULL, 100, 8000);
    (void)refuse_clamped(&r, &c);
    struct limits_view v = rig_view(&r);
    assert_int_equal(v.limits[0].denied, 1);
    limits_view_free(&v);
    limits_release(r.l, h);
    rig_end(&r);
}

/* A stream that must stop: what went out until then is all that is counted, and nothing is over. */
static void stops_without_excess(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    struct config_limit *f = rig_limit(&r, "t", METRIC_TOKENS, 1000, WINDOW_1M);
    f->outgrow_stop = true;
    rig_start(&r);
    struct call a = rig_call(&r, NULL, 100, 200), b = a;
    struct limit_hold *ha = rig_admit(&r, &a), *hb = rig_admit(&r, &b);
    int64_t covered = 200;
    struct usage u = {.input = 100, .output = covered};
    do {
        covered = u.output;
        u.output += 50;
    } while (limits_top_up(r.l, ha, &a, &u));
    assert_int_equal(covered, 600);
    rig_settle(&r, ha, &a, 100, covered);
    rig_settle(&r, hb, &b, 100, 200);
    struct limits_view v = rig_view(&r);
    assert_int_equal(v.limits[0].used, 1000);
    assert_int_equal(v.limits[0].over, 0);
    limits_view_free(&v);
    f->action = ACTION_WARN; /* a limit that only warns stops nothing */
    struct call c = rig_call(&r, NULL, 1, 1);
    struct limit_hold *h = rig_admit(&r, &c);
    u = (struct usage){.input = 1, .output = 5000};
    assert_true(limits_top_up(r.l, h, &c, &u));
    limits_release(r.l, h);
    rig_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clamps_each_metric),   cmocka_unit_test(never_below_the_least),
        cmocka_unit_test(fits_in_all),          cmocka_unit_test(blocks_and_unknown_prices_hold),
        cmocka_unit_test(only_when_asked),      cmocka_unit_test(counts_refusals_once),
        cmocka_unit_test(stops_without_excess),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
