/* The event loop's timers: in order, never early, re-armed and disarmed by each other. */
#include "tests/unit/base/loop_guard.h"

#include <stdlib.h>

#define TIMERS 1000

struct timed {
    struct loop_timer t;
    struct loop *loop;
    int64_t *last_due;
    int *fired, *left;
    int times;
};

static void on_timed(struct loop_timer *t)
{
    struct timed *x = (struct timed *)t;
    assert_int_equal(t->heap_at, 0);
    assert_true(t->due_us <= loop_now_us(x->loop));
    assert_true(t->due_us >= *x->last_due);
    *x->last_due = t->due_us;
    x->times++;
    ++*x->fired;
    if (--*x->left == 0) {
        loop_stop(x->loop);
    }
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Arms, re-arms and disarms at random; then all fire once, in order of due time, and no other. */
static void test_timers_in_order(void **state)
{
    (void)state;
    struct guarded g;
    guarded_open(&g);
    struct timed *x = calloc(TIMERS, sizeof *x);
    assert_non_null(x);
    int64_t last_due = 0;
    int fired = 0, left = 0;
    uint32_t seed = 7;

    for (size_t i = 0; i < TIMERS; i++) {
        x[i] = (struct timed){.t = {.on_time = on_timed},
                              .loop = g.loop,
                              .last_due = &last_due,
                              .fired = &fired,
                              .left = &left};
    }
    for (int step = 0; step < 20 * TIMERS; step++) {
        struct timed *one = &x[next_random(&seed) % TIMERS];
        if (next_random(&seed) % 3 == 0) {
            loop_disarm(g.loop, &one->t);
            assert_int_equal(one->t.heap_at, 0);
        } else {
            loop_arm(g.loop, &one->t, next_random(&seed) % 20000);
            assert_int_not_equal(one->t.heap_at, 0);
        }
    }
    for (size_t i = 0; i < TIMERS; i++) {
        x[i].times = x[i].t.heap_at ? 0 : 1;
        left += x[i].t.heap_at != 0;
    }
    int armed = left;
    assert_in_range(armed, 1, TIMERS - 1);
    guarded_run(&g);
    assert_int_equal(fired, armed);
    for (size_t i = 0; i < TIMERS; i++) {
        assert_int_equal(x[i].times, 1);
    }
    free(x);
    guarded_close(&g);
}

struct early {
    struct loop_timer t;
    struct loop *loop;
    int64_t fired_us;
    int turns;
};

static void on_turn_early(void *arg)
{
    struct early *x = arg;
    x->turns++;
}

static void on_early(struct loop_timer *t)
{
    struct early *x = (struct early *)t;
    x->fired_us = clock_mono_us();
    loop_stop(x->loop);
}

static void test_timer_is_never_early(void **state)
{
    (void)state;
    struct guarded g;
    guarded_open(&g);
    static const int64_t after[] = {-5, 0, 1, 999, 1001, 3500, 20000};

    for (size_t i = 0; i < sizeof after / sizeof *after; i++) {
        struct early x = {.t = {.on_time = on_early}, .loop = g.loop};
        int64_t from = clock_mono_us();
        loop_on_turn(g.loop, on_turn_early, &x);
        loop_arm(g.loop, &x.t, after[i]);
        guarded_run(&g);
        assert_true(x.fired_us - from >= after[i]);
        assert_true(x.turns < 10); /* it slept; it did not spin */
    }
    struct early far = {.t = {.on_time = on_early}, .loop = g.loop};
    loop_arm(g.loop, &far.t, INT64_MAX);
    assert_true(far.t.due_us == INT64_MAX);
    loop_disarm(g.loop, &far.t);
    loop_disarm(g.loop, &far.t);
    loop_on_turn(g.loop, NULL, NULL);
    guarded_close(&g);
}

struct pair {
    struct loop_timer t;
    struct loop *loop;
    struct pair *other;
    int times;
};

static void on_pair(struct loop_timer *t)
{
    struct pair *x = (struct pair *)t;
    x->times++;
    loop_disarm(x->loop, &x->other->t);
    loop_stop(x->loop);
}

static void test_timer_disarms_another(void **state)
{
    (void)state;
    struct guarded g;
    guarded_open(&g);
    struct pair a = {.t = {.on_time = on_pair}, .loop = g.loop};
    struct pair b = {.t = {.on_time = on_pair}, .loop = g.loop, .other = &a};

    a.other = &b;
    loop_arm(g.loop, &a.t, 0);
    loop_arm(g.loop, &b.t, 0);
    guarded_run(&g);
    guarded_close(&g);
    assert_int_equal(a.times + b.times, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers_in_order),
        cmocka_unit_test(test_timer_is_never_early),
        cmocka_unit_test(test_timer_disarms_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
