/* test_wait_places.c: where a call waits and how long, what it does not wait for, and who is looked
 * at. */
#include "tests/unit/limit/wait_rig.h"

#include <stdio.h>

#define WAITERS 10000 /* of a limit */

/* Where to wait, and how long: in the queue that frees last, for the least of their max_wait. */
static void where_and_how_long(void **state)
{
    (void)state;
    for (int later = 0; later < 2; later++) {
        struct rig r;
        struct waiting a, b;
        rig_init(&r);
        struct config_limit *first = queue(&r, "first", METRIC_TOKENS, 100, WINDOW_1M);
        struct config_limit *second = queue(&r, "second", METRIC_TOKENS, 100, WINDOW_1M);
        (later == 0 ? first : second)->window = WINDOW_1H;
        (later == 0 ? first : second)->max_wait_ms = 700;
        rig_start(&r);
        assert_int_equal(ask(&r, &a, 1, NULL, 60), ERR_OK);
        assert_int_equal(ask(&r, &b, 2, NULL, 60), ERR_BUSY);
        assert_int_equal(b.w.max_wait_ms, 700);
        struct limits_view v = rig_view(&r);
        assert_int_equal(v.limits[later].waiting, 1);
        limits_view_free(&v);
        done(&r, &a);
        assert_true(limits_cancel_wait(r.l, &b.w, false));
        rig_end(&r);
    }
}

/* Nobody waits for what cannot be: a limit in the way that denies, though it frees earlier; a call
 * larger than the limit; a block elsewhere. */
static void nobody_waits_in_vain(void **state)
{
    (void)state;
    struct rig r;
    struct waiting a, b, c;
    rig_init(&r);
    queue(&r, "waits", METRIC_TOKENS, 100, WINDOW_1H);
    struct config_limit *hard = rig_limit(&r, "hard", METRIC_TOKENS, 100, WINDOW_1M);
    rig_start(&r);
    assert_int_equal(ask(&r, &a, 1, NULL, 60), ERR_OK);
    assert_int_equal(ask(&r, &b, 2, NULL, 60), ERR_FULL);
    assert_string_equal(b.w.denial.limit, "waits");
    hard->amount = 1000;
    assert_int_equal(ask(&r, &b, 3, NULL, 60), ERR_BUSY);
    assert_int_equal(ask(&r, &c, 4, NULL, 101), ERR_FULL); /* behind b, and for ever */
    assert_true(c.w.denial.never);
    struct limit_override o = rig_override("hard", "", -1);
    o.blocked = true;
    assert_int_equal(limits_override(r.l, &o, NULL), ERR_OK);
    limits_tick(r.l, T0);
    assert_int_equal(b.told, 1);
    assert_int_equal(b.w.result, ERR_FULL);
    assert_true(b.w.denial.blocked);
    done(&r, &a);
    rig_end(&r);
}

/* What lets them in, or sends them away, is felt at once. */
static void changes_are_felt(void **state)
{
    (void)state;
    struct rig r;
    struct waiting a, b, c;
    rig_init(&r);
    queue(&r, "t", METRIC_TOKENS, 100, WINDOW_1H);
    rig_start(&r);
    struct limit_override o = rig_override("t", "", 70);
    assert_int_equal(limits_override(r.l, &o, NULL), ERR_OK);
    assert_int_equal(ask(&r, &a, 1, NULL, 60), ERR_OK);
    assert_int_equal(ask(&r, &b, 2, NULL, 40), ERR_BUSY);
    assert_int_equal(limits_revert(r.l, "t", "", NULL), ERR_OK);
    assert_int_equal(b.told, 1);
    assert_int_equal(ask(&r, &c, 3, NULL, 40), ERR_BUSY);
    limits_block_all(r.l, true, 0);
    assert_int_equal(c.told, 1);
    assert_int_equal(c.w.result, ERR_FULL);
    assert_string_equal(c.w.denial.limit, LIMITS_ALL);
    done(&r, &a);
    done(&r, &b);
    rig_end(&r);
}

/* A look at the queues is one at all of them. */
static void every_queue_is_looked_at(void **state)
{
    (void)state;
    static struct waiting first[200], second[200];
    static char names[200][16];
    struct rig r;
    rig_init(&r);
    struct config_limit *f = queue(&r, "t", METRIC_REQUESTS, 1, WINDOW_10S);
    f->per[0] = "costCenter";
    f->per_count = 1;
    rig_start(&r);
    for (int i = 0; i < 200; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "g%d", i);
        assert_int_equal(ask(&r, &first[i], 1, names[i], 1), ERR_OK);
        assert_int_equal(ask(&r, &second[i], 1, names[i], 1), ERR_BUSY);
    }
    rig_time(&r, T0 + 10000);
    limits_tick(r.l, r.now_ms);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(second[i].told, 1);
        done(&r, &first[i]);
        done(&r, &second[i]);
    }
    rig_end(&r);
}

/* Who passes one queue and finds the next one full is refused: it does not grow for him either. */
static void no_room_to_move(void **state)
{
    (void)state;
    static struct waiting w[WAITERS];
    struct rig r;
    struct waiting holds, moves;
    rig_init(&r);
    struct config_limit *f = queue(&r, "sales", METRIC_REQUESTS, 1, WINDOW_10S);
    f->match[0] = (struct config_match){.key = "costCenter", .glob = "sales"};
    f->match_count = 1;
    queue(&r, "all", METRIC_CONCURRENCY, 1, WINDOW_NONE);
    rig_start(&r);
    assert_int_equal(ask(&r, &holds, 1, "sales", 1), ERR_OK);
    assert_int_equal(ask(&r, &moves, 2, "sales", 1), ERR_BUSY);
    for (int i = 0; i < WAITERS; i++) {
        assert_int_equal(ask(&r, &w[i], 3, NULL, 1), ERR_BUSY);
    }
    rig_time(&r, T0 + 10000);
    limits_tick(r.l, r.now_ms);
    assert_int_equal(moves.told, 1);
    assert_int_equal(moves.w.result, ERR_FULL);
    assert_string_equal(moves.w.denial.limit, "all");
    limits_free(r.l);
    clock_set_fake_wall(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_and_how_long), cmocka_unit_test(nobody_waits_in_vain),
        cmocka_unit_test(changes_are_felt),   cmocka_unit_test(every_queue_is_looked_at),
        cmocka_unit_test(no_room_to_move),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
