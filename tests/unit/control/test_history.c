/* history on a real core: the past from the ledger's sums. */
#include "tests/unit/control/spent_rig.h"

#define NOW    1795225000000LL /* 13:36:40 */
#define MINUTE 60000LL
#define HOUR   (60 * MINUTE)

static void fill(struct core_rig *r)
{
    spent(r, "docs", 26 * HOUR, NULL);
    spent(r, "docs", 30 * MINUTE, NULL);
    spent(r, "crm", 2 * MINUTE, NULL);
    spent(r, "crm", 2 * MINUTE, "minute");
    spent(r, "crm", 1 * MINUTE, "minute");
    assert_int_equal(ledger_flush(r->core->ledger, 20000), ERR_OK);
}

static json_t *question(const char *since, const char *until, const char *step)
{
    json_t *p = json_pack("{s:s, s:s}", "since", since, "step", step);
    if (until) {
        (void)json_object_set_new(p, "until", json_string(until));
    }
    return p;
}

static json_int_t sum_of(const json_t *series)
{
    size_t i;
    json_t *v;
    json_int_t sum = 0;
    json_array_foreach((json_t *)(uintptr_t)series, i, v)
    {
        sum += (json_int_t)json_number_value(v);
    }
    return sum;
}

static void the_past_is_told_by_steps(void **state)
{
    (void)state;
    struct core_rig r;
    clock_set_fake_wall(NOW);
    rig_open(&r, LIMITS);
    fill(&r);
    json_t *a = done(&r, "history", question("1h", NULL, "1m"));
    assert_at(a, "step_ms", "60000");
    assert_at(a, "totals.requests", "4");
    assert_at(a, "totals.denied", "2");
    assert_at(a, "totals.usd", "2");
    assert_at(a, "models.0.name", "\"haiku\"");
    assert_at(a, "models.0.input_tokens", "120");
    assert_at(a, "denied.0.count", "2");
    assert_at(a, "denied.0.limit", "\"minute\"");
    assert_at(a, "denied.0.application", "\"crm\"");
    assert_at(a, "denied.0.cost_center", "\"sales\"");
    assert_int_equal(sum_of(json_object_get(json_object_get(a, "totals"), "series")), 200);
    json_t *totals = json_object_get(a, "totals");
    assert_int_equal(sum_of(json_object_get(totals, "approved_series")), 2);
    assert_int_equal(sum_of(json_object_get(totals, "input_tokens_series")), 120);
    assert_int_equal(sum_of(json_object_get(totals, "output_tokens_series")), 80);
    assert_int_equal(sum_of(json_object_get(totals, "usd_series")), 2);
    assert_int_equal(json_array_size(json_object_get(totals, "usd_series")),
                     json_array_size(json_object_get(totals, "series")));
    assert_int_equal(json_array_size(json_object_get(a, "applications")), 2);
    assert_at(a, "cut", "false");
    json_decref(a);
    json_t *q = question("1h", NULL, "1m");
    (void)json_object_set_new(q, "where",
                              json_pack("{s:s, s:s}", "applicationId", "docs", "model", "haiku"));
    a = done(&r, "history", q);
    assert_at(a, "totals.requests", "1");
    assert_int_equal(json_array_size(json_object_get(a, "applications")), 1);
    assert_at(a, "applications.0.name", "\"docs\"");
    json_decref(a);
    clock_set_fake_wall(0);
    rig_close(&r);
}

static void long_ranges_are_whole_quarters(void **state)
{
    (void)state;
    struct core_rig r;
    clock_set_fake_wall(NOW);
    rig_open(&r, LIMITS);
    fill(&r);
    json_t *a = done(&r, "history", question("30d", NULL, "12h"));
    assert_at(a, "step_ms", "43200000");
    assert_at(a, "totals.requests", "5");
    assert_at(a, "totals.usd", "3");
    json_int_t steps =
        (json_int_t)json_array_size(json_object_get(json_object_get(a, "totals"), "series"));
    assert_true(steps > 1 && steps <= 60);
    json_decref(a);
    a = done(&r, "history", question("27h", "25h", "1m"));
    assert_at(a, "step_ms", "900000");
    assert_at(a, "totals.requests", "1");
    assert_at(a, "models.0.usd", "1");
    assert_at(a, "denied", "[]");
    json_decref(a);
    refused(&r, "history", question("1h", "2h", "1m"), ERR_RANGE, "later than since");
    refused(&r, "history", question("900d", NULL, "1d"), ERR_RANGE, "400 days");
    refused(&r, "history", question("1h", NULL, "soon"), ERR_PARSE, "step");
    clock_set_fake_wall(0);
    rig_close(&r);
}

/* A core that is five minutes old has burnt what it burnt in five minutes, not in fifteen. */
static void a_young_core_burns_over_the_time_it_lives(void **state)
{
    (void)state;
    for (int old = 0; old < 2; old++) {
        struct core_rig r;
        clock_set_fake_wall(NOW);
        rig_open(&r, LIMITS);
        if (old) {
            spent(&r, "crm", 3 * HOUR, NULL);
        }
        spent(&r, "crm", 5 * MINUTE, NULL);
        rig_restart(&r);
        json_t *a = done(&r, "status", NULL);
        double hour =
            json_number_value(json_object_get(json_object_get(a, "burn"), "usd_per_hour"));
        /* since 13:31, and since 13:22 */
        assert_true(hour > (old ? 4.0 : 10.5) && hour < (old ? 4.2 : 10.7));
        assert_at(a, "burn.rates.15m.tokens_per_minute", old ? "6" : "20");
        json_decref(a);
        rig_close(&r);
        clock_set_fake_wall(0);
    }
}

/* The month is foreseen by the time that is known of it: here the three hours since the first call,
 * or all of it. NOW is twenty days and 49,000 seconds into a month of thirty. */
static void a_young_ledger_foresees_by_the_time_it_lives(void **state)
{
    (void)state;
    static const struct {
        int64_t first_ago_ms;
        double least, most;
    } cases[] = {{3 * HOUR, 135, 165}, {21 * 24 * HOUR, 1.45, 2.95}, {MINUTE, 0, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct core_rig r;
        clock_set_fake_wall(NOW);
        rig_open(&r, LIMITS);
        spent(&r, "crm", cases[i].first_ago_ms, NULL);
        spent(&r, "crm", MINUTE, NULL);
        rig_restart(&r);
        json_t *a = done(&r, "status", NULL);
        const json_t *v = json_object_get(json_object_get(a, "burn"), "month_forecast_usd");
        if (cases[i].most > 0) {
            assert_true(json_number_value(v) > cases[i].least);
            assert_true(json_number_value(v) < cases[i].most);
        } else {
            assert_true(json_is_null(v));
        }
        json_decref(a);
        rig_close(&r);
        clock_set_fake_wall(0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_past_is_told_by_steps),
        cmocka_unit_test(long_ranges_are_whole_quarters),
        cmocka_unit_test(a_young_core_burns_over_the_time_it_lives),
        cmocka_unit_test(a_young_ledger_foresees_by_the_time_it_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
