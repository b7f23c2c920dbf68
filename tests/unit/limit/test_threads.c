/* test_threads.c: eight threads at one engine, while another looks, changes amounts and reloads. */
#include "tests/unit/limit/rig.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS 8
#define ROUNDS  10000
#define AMOUNT  1000000

struct shared {
    struct rig rig, twin;
    atomic_llong admitted, tokens;
    atomic_int running;
};

static void build(struct rig *r)
{
    rig_init(r);
    rig_limit(r, "tokens", METRIC_TOKENS, AMOUNT, WINDOW_DAY);
    struct config_limit *f = rig_limit(r, "center", METRIC_TOKENS, AMOUNT / 2, WINDOW_DAY);
    f->per[0] = "costCenter";
    f->per_count = 1;
    rig_limit(r, "calls", METRIC_CONCURRENCY, 5, WINDOW_NONE);
}

/* Asserts of cmocka belong to the main thread: a thread says what it saw. */
static void *client(void *arg)
{
    struct shared *s = arg;
    static const char *const centers[] = {"sales", "support", "services"};
    uint32_t seed = (uint32_t)(uintptr_t)&seed;
    for (int i = 0; i < ROUNDS; i++) {
        seed = seed * 1664525 + 1013904223;
        uint32_t dice = seed >> 10;
        struct call c = rig_call(&s->rig, centers[dice % 3], dice % 50, dice / 64 % 50);
        struct limit_hold *h = NULL;
        struct limit_denial d;
        c.text_bytes = 100;
        if (limits_reserve(s->rig.l, &c, &h, &d) != ERR_OK) {
            continue;
        }
        c.usage = c.reserved_usage;
        c.usd = 0;
        if (dice / 4096 % 4 == 0) {
            limits_release(s->rig.l, h);
        } else {
            atomic_fetch_add(&s->admitted, 1);
            atomic_fetch_add(&s->tokens, c.usage.input + c.usage.output);
            limits_settle(s->rig.l, h, &c);
        }
        limit_foresee(s->rig.l, &c);
    }
    atomic_fetch_sub(&s->running, 1);
    return NULL;
}

static void never_overshoots(void **state)
{
    (void)state;
    static struct shared s;
    pthread_t threads[THREADS];
    memset(&s, 0, sizeof(s));
    build(&s.twin);
    build(&s.rig);
    static uint64_t debts[(64 << 10) / sizeof(uint64_t)]; /* fewer places than there may be debts */
    rig_start(&s.rig);
    assert_int_equal(limits_restore_debts(s.rig.l, debts, sizeof(debts)), ERR_OK);
    limits_keep_debts(s.rig.l);
    atomic_store(&s.running, THREADS);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, client, &s), 0);
    }
    for (int n = 0; atomic_load(&s.running) > 0; n++) {
        struct limits_view v = rig_view(&s.rig);
        assert_true(v.limits[0].used + v.limits[0].reserved <= AMOUNT);
        assert_int_equal(v.limits[0].over, 0);
        assert_true(v.limits[2].reserved <= 5);
        for (size_t g = 0; g < v.limits[1].group_count; g++) {
            const struct limit_group_view *c = &v.limits[1].groups[g];
            assert_true(c->used + c->reserved <= AMOUNT / 2);
        }
        limits_view_free(&v);
        struct config *next = n % 2 == 0 ? &s.twin.config : &s.rig.config;
        assert_int_equal(limits_reload(s.rig.l, next, NULL, NULL), ERR_OK);
        assert_int_equal(limits_oldest_window(s.rig.l, T0), T0 - T0 % DAY);
        struct limit_override o = rig_override("center", "costCenter=sales", AMOUNT / 4);
        assert_int_equal(limits_override(s.rig.l, &o, NULL), ERR_OK);
        struct limit_event e;
        (void)limits_events(s.rig.l, &e, 1);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    struct limits_view v = rig_view(&s.rig);
    assert_int_equal(v.limits[0].used, atomic_load(&s.tokens));
    assert_int_equal(v.limits[1].used, atomic_load(&s.tokens));
    assert_int_equal(v.limits[0].reserved, 0);
    assert_int_equal(v.limits[2].reserved, 0);
    assert_int_equal(v.open_holds, 0);
    assert_true(v.limits[0].used > AMOUNT * 9 / 10);
    assert_true(v.limits[0].denied + v.limits[1].denied + v.limits[2].denied > 0);
    limits_view_free(&v);
    rig_end(&s.rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(never_overshoots)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
