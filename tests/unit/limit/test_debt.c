/* test_debt.c: debts of earlier windows outlive the engine, in memory that stays. That they do so
 * in every limit, window and group is in test_property.c; here is what can be in their way. */
#include "core/limit/debt.h"
#include "tests/unit/limit/rig.h"

#include <stdio.h>

#define PLACES 64

static struct debt_entry memory[PLACES + 1]; /* the first has the kinds */

static void begin(struct rig *r)
{
    assert_int_equal(limits_restore_debts(r->l, memory, sizeof(memory)), ERR_OK);
    limits_keep_debts(r->l);
}

static void crash(struct rig *r)
{
    limits_free(r->l);
    rig_start(r);
    begin(r);
}

static void start(struct rig *r)
{
    memset(memory, 0, sizeof(memory));
    rig_init(r);
    (void)rig_limit(r, "minute", METRIC_TOKENS, 100, WINDOW_1M);
    rig_start(r);
    begin(r);
}

/* Reserves 10 tokens and uses n. */
static void use(struct rig *r, const char *center, int64_t n)
{
    struct call c = rig_call(r, center, 0, 10);
    struct limit_hold *h = rig_admit(r, &c);
    rig_settle(r, h, &c, 0, n);
}

static void the_window_after_a_crash_pays(void **state)
{
    (void)state;
    struct rig r;
    start(&r);
    use(&r, NULL, 250);
    limits_free(r.l);
    rig_time(&r, T0 + MINUTE);
    rig_start(&r);
    begin(&r);
    rig_expect(&r, 0, 150, 0);
    rig_time(&r, T0 + 2 * MINUTE);
    crash(&r);
    rig_expect(&r, 0, 50, 0);
    rig_time(&r, T0 + 3 * MINUTE);
    crash(&r);
    rig_expect(&r, 0, 0, 0);
    rig_end(&r);
}

static void another_limit_of_that_name_owes_nothing(void **state)
{
    (void)state;
    struct rig r;
    start(&r);
    use(&r, NULL, 250);
    limits_free(r.l);
    rig_time(&r, T0 + MINUTE);
    r.limits[0].metric = METRIC_OUTPUT_TOKENS;
    rig_start(&r);
    begin(&r);
    rig_expect(&r, 0, 0, 0);
    r.limits[0].metric = METRIC_TOKENS;
    crash(&r);
    rig_expect(&r, 0, 0, 0); /* and it was forgotten */
    rig_end(&r);
}

static void damage_owes_nothing(void **state)
{
    (void)state;
    struct rig r;
    start(&r);
    use(&r, NULL, 250);
    rig_time(&r, T0 + MINUTE);
    for (size_t i = 1; i <= PLACES; i++) {
        memory[i].seal ^= 1;
    }
    crash(&r);
    rig_expect(&r, 0, 0, 0);
    limits_free(r.l);
    memset(memory, 0xA5, sizeof(memory));
    rig_start(&r);
    begin(&r);
    use(&r, NULL, 250);
    limits_free(r.l);
    rig_time(&r, T0 + 2 * MINUTE);
    rig_start(&r);
    begin(&r);
    rig_expect(&r, 0, 150, 0);
    rig_end(&r);
}

/* More groups than places: those that are over keep theirs before those that are not. */
static void who_is_over_has_a_place_first(void **state)
{
    (void)state;
    struct rig r;
    char center[16];
    memset(memory, 0, sizeof(memory));
    rig_init(&r);
    struct config_limit *f = rig_limit(&r, "minute", METRIC_TOKENS, 100, WINDOW_1M);
    f->per[0] = "costCenter";
    f->per_count = 1;
    rig_start(&r);
    begin(&r);
    for (int i = 0; i < 3 * PLACES; i++) {
        (void)snprintf(center, sizeof(center), "c%d", i);
        use(&r, center, 20);
    }
    for (int i = 0; i < PLACES / 4; i++) {
        (void)snprintf(center, sizeof(center), "over%d", i);
        use(&r, center, 101);
    }
    limits_free(r.l);
    rig_time(&r, T0 + MINUTE);
    rig_start(&r);
    begin(&r);
    rig_expect(&r, 0, PLACES / 4, 0);
    for (int i = 0; i < 2 * PLACES; i++) {
        (void)snprintf(center, sizeof(center), "late%d", i);
        use(&r, center, 101);
    }
    limits_free(r.l);
    rig_time(&r, T0 + 2 * MINUTE);
    rig_start(&r);
    begin(&r);
    struct limits_view v = rig_view(&r);
    assert_in_range(v.limits[0].used, PLACES / 2, PLACES);
    limits_view_free(&v);
    rig_end(&r);
}

static void without_memory_nothing_is_kept(void **state)
{
    (void)state;
    struct rig r;
    rig_init(&r);
    (void)rig_limit(&r, "minute", METRIC_TOKENS, 100, WINDOW_1M);
    rig_start(&r);
    assert_int_equal(limits_restore_debts(r.l, NULL, 0), ERR_OK);
    limits_keep_debts(r.l);
    use(&r, NULL, 250);
    rig_time(&r, T0 + MINUTE);
    rig_expect(&r, 0, 150, 0);
    rig_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_window_after_a_crash_pays),
        cmocka_unit_test(another_limit_of_that_name_owes_nothing),
        cmocka_unit_test(damage_owes_nothing),
        cmocka_unit_test(who_is_over_has_a_place_first),
        cmocka_unit_test(without_memory_nothing_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
