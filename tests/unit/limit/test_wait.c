/* test_wait.c: calls that wait: in their order, bounded, woken by whatever frees room, with their
 * headroom already taken. */
#include "tests/unit/limit/wait_rig.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static void in_their_order(void **state)
{
    (void)state;
    struct rig r;
    struct waiting w[5];
    rig_init(&r);
    queue(&r, "calls", METRIC_CONCURRENCY, 2, WINDOW_NONE);
    rig_start(&r);
    order_count = 0;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ask(&r, &w[i], i + 1, NULL, 10), i < 2 ? ERR_OK : ERR_BUSY);
    }
    assert_int_equal(w[2].w.max_wait_ms, 2000);
    struct limits_view v = rig_view(&r);
    assert_int_equal(v.limits[0].waiting, 3);
    assert_int_equal(v.limits[0].denied, 0);
    assert_int_equal(v.limits[0].reserved, 2);
    limits_view_free(&v);
    rig_time(&r, T0 + 700);
    done(&r, &w[0]);
    assert_int_equal(order_count, 1);
    assert_int_equal(w[2].told, 1);
    assert_int_equal(w[2].call.admitted_wall_ms, T0 + 700);
    rig_expect(&r, 0, 0, 2); /* its place was taken for it */
    limits_release(r.l, w[1].w.hold);
    done(&r, &w[2]);
    assert_int_equal(order_count, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(order[i], i + 3);
    }
    done(&r, &w[3]);
    done(&r, &w[4]);
    rig_expect(&r, 0, 0, 0);
    rig_end(&r);
}

/* Who is first and does not fit keeps smaller ones waiting that would. */
static void nobody_overtakes(void **state)
{
    (void)state;
    struct rig r;
    struct waiting first, big, small, plain;
    struct limit_hold *h = NULL;
    struct limit_denial d;
    rig_init(&r);
    queue(&r, "t", METRIC_TOKENS, 100, WINDOW_1M);
    rig_start(&r);
    order_count = 0;
    assert_int_equal(ask(&r, &first, 1, NULL, 60), ERR_OK);
    assert_int_equal(ask(&r, &big, 2, NULL, 80), ERR_BUSY);
    assert_int_equal(ask(&r, &small, 3, NULL, 10), ERR_BUSY);
    plain.call = rig_call(&r, NULL, 1, 0);
    assert_int_equal(limits_reserve(r.l, &plain.call, &h, &d), ERR_FULL); /* who does not wait */
    assert_false(d.never);
    limits_release(r.l, first.w.hold);
    assert_int_equal(order_count, 2);
    assert_int_equal(order[0], 2);
    rig_expect(&r, 0, 0, 90);
    done(&r, &big);
    done(&r, &small);
    rig_end(&r);
}

static void a_window_passes(void **state)
{
    (void)state;
    for (int rolling = 0; rolling < 2; rolling++) {
        struct rig r;
        struct waiting first, second, third;
        rig_init(&r);
        queue(&r, "t", METRIC_TOKENS, 100, WINDOW_10S)->rolling = rolling;
        rig_start(&r);
        assert_int_equal(ask(&r, &first, 1, NULL, 90), ERR_OK);
        done(&r, &first);
        assert_int_equal(ask(&r, &second, 2, NULL, 90), ERR_BUSY);
        limits_tick(r.l, T0 + 9999);
        assert_int_equal(second.told, 0);
        rig_time(&r, T0 + 10300);
        /* one who comes before the tick does not overtake */
        assert_int_equal(ask(&r, &third, 3, NULL, 90), ERR_BUSY);
        assert_int_equal(second.told, 1);
        done(&r, &second);
        rig_time(&r, T0 + 20700);
        limits_tick(r.l, r.now_ms);
        assert_int_equal(third.told, 1);
        assert_int_equal(third.call.admitted_wall_ms, T0 + 20700);
        done(&r, &third);
        rig_end(&r);
    }
}

/* A new window that nobody has looked at: the one who comes finds it himself. */
static void admitted_at_once_behind_nobody(void **state)
{
    (void)state;
    struct rig r;
    struct waiting first, second, third;
    rig_init(&r);
    queue(&r, "t", METRIC_TOKENS, 100, WINDOW_10S);
    rig_start(&r);
    assert_int_equal(ask(&r, &first, 1, NULL, 90), ERR_OK);
    assert_int_equal(ask(&r, &second, 2, NULL, 30), ERR_BUSY);
    rig_time(&r, T0 + 10000);
    order_count = 0;
    assert_int_equal(ask(&r, &third, 3, NULL, 70), ERR_OK); /* and brings the other along */
    assert_int_equal(order_count, 1);
    assert_int_equal(order[0], 2);
    assert_int_equal(third.told, 0);
    done(&r, &first);
    done(&r, &second);
    done(&r, &third);
    rig_expect(&r, 0, 100, 0);
    rig_end(&r);
}

static void raised_and_blocked(void **state)
{
    (void)state;
    struct rig r;
    struct waiting first, second, third;
    rig_init(&r);
    queue(&r, "t", METRIC_TOKENS, 100, WINDOW_1M);
    rig_start(&r);
    assert_int_equal(ask(&r, &first, 1, NULL, 90), ERR_OK);
    assert_int_equal(ask(&r, &second, 2, NULL, 90), ERR_BUSY);
    assert_int_equal(ask(&r, &third, 3, NULL, 90), ERR_BUSY);
    struct limit_override o = rig_override("t", "", 180);
    assert_int_equal(limits_override(r.l, &o, NULL), ERR_OK);
    assert_int_equal(second.told, 1);
    assert_int_equal(third.told, 0);
    o.blocked = true;
    assert_int_equal(limits_override(r.l, &o, NULL), ERR_OK);
    assert_int_equal(third.told, 1);
    assert_int_equal(third.w.result, ERR_FULL);
    assert_true(third.w.denial.blocked);
    assert_null(third.w.hold);
    assert_int_equal(ask(&r, &third, 3, NULL, 9), ERR_FULL); /* a block is nothing to wait for */
    assert_int_equal(limits_revert(r.l, "t", "", NULL), ERR_OK);
    assert_int_equal(ask(&r, &third, 3, NULL, 101), ERR_FULL); /* nor what can never be */
    assert_true(third.w.denial.never);
    o = rig_override("t", "", 50);
    o.until_ms = T0 + 1000;
    assert_int_equal(limits_override(r.l, &o, NULL), ERR_OK);
    limits_release(r.l, first.w.hold);
    limits_release(r.l, second.w.hold);
    assert_int_equal(ask(&r, &first, 1, NULL, 40), ERR_OK);
    assert_int_equal(ask(&r, &second, 2, NULL, 45), ERR_BUSY);
    rig_time(&r, T0 + 1000);
    assert_int_equal(limits_expire(r.l, r.now_ms, &o, 1), 1);
    assert_int_equal(second.told, 1);
    done(&r, &first);
    done(&r, &second);
    rig_end(&r);
}

/* Each counter by itself; a limit that denies is not waited for; one place at a time. */
static void several_limits(void **state)
{
    (void)state;
    struct rig r;
    struct waiting a, b, c, d, e;
    rig_init(&r);
    struct config_limit *f = queue(&r, "center", METRIC_TOKENS, 100, WINDOW_1M);
    f->per[0] = "costCenter";
    f->per_count = 1;
    queue(&r, "all", METRIC_CONCURRENCY, 3, WINDOW_NONE)->max_wait_ms = 0;
    rig_limit(&r, "hard", METRIC_REQUESTS, 5, WINDOW_1M);
    rig_start(&r);
    order_count = 0;
    assert_int_equal(ask(&r, &a, 1, "sales", 90), ERR_OK);
    assert_int_equal(ask(&r, &b, 2, "sales", 90), ERR_BUSY); /* in the queue of sales */
    assert_int_equal(ask(&r, &c, 3, "support", 90), ERR_OK); /* and in nobody's way */
    assert_int_equal(ask(&r, &d, 4, "services", 90), ERR_OK);
    assert_int_equal(ask(&r, &e, 5, NULL, 90), ERR_BUSY); /* three at once */
    assert_int_equal(e.w.max_wait_ms, 5000);
    limits_release(r.l, a.w.hold); /* both fit in theirs, and there is one place */
    assert_int_equal(order_count, 1);
    assert_int_equal(order[0], 2);
    rig_expect(&r, 1, 0, 3);
    assert_int_equal(ask(&r, &a, 6, NULL, 1), ERR_BUSY); /* behind e */
    done(&r, &b);
    assert_int_equal(e.told, 1);
    done(&r, &c); /* a: 1 more token than none has left is no matter */
    assert_int_equal(a.told, 1);
    assert_int_equal(a.w.result, ERR_OK);
    done(&r, &a);
    done(&r, &d);
    done(&r, &e);
    /* five requests were made: the limit that denies has the word, whoever else would queue */
    struct waiting g;
    assert_int_equal(ask(&r, &g, 7, "docs", 90), ERR_FULL);
    assert_string_equal(g.w.denial.limit, "hard");
    rig_end(&r);
}

/* Held up by two in turn, it keeps its number in the second queue. */
static void moves_with_its_number(void **state)
{
    (void)state;
    struct rig r;
    struct waiting a, b, c, d;
    rig_init(&r);
    struct config_limit *f = queue(&r, "center", METRIC_TOKENS, 100, WINDOW_1M);
    f->per[0] = "costCenter";
    f->per_count = 1;
    queue(&r, "all", METRIC_CONCURRENCY, 2, WINDOW_NONE);
    rig_start(&r);
    order_count = 0;
    assert_int_equal(ask(&r, &a, 1, "sales", 90), ERR_OK);
    assert_int_equal(ask(&r, &b, 2, "sales", 90), ERR_BUSY); /* waits for sales */
    assert_int_equal(ask(&r, &c, 3, "support", 1), ERR_OK);
    assert_int_equal(ask(&r, &d, 4, "services", 1), ERR_BUSY); /* waits for a place of two */
    struct limit_override o = rig_override("center", "costCenter=sales", 200);
    assert_int_equal(limits_override(r.l, &o, NULL), ERR_OK); /* b moves before d */
    assert_int_equal(order_count, 0);
    struct limits_view v = rig_view(&r);
    assert_int_equal(v.limits[0].waiting, 0);
    assert_int_equal(v.limits[1].waiting, 2);
    limits_view_free(&v);
    done(&r, &c);
    assert_int_equal(order[0], 2);
    done(&r, &a);
    assert_int_equal(order[1], 4);
    done(&r, &b);
    done(&r, &d);
    rig_end(&r);
}

static void cancels(void **state)
{
    (void)state;
    struct rig r;
    struct waiting a, b, c, d;
    rig_init(&r);
    queue(&r, "t", METRIC_TOKENS, 100, WINDOW_10S);
    rig_start(&r);
    assert_int_equal(ask(&r, &a, 1, NULL, 60), ERR_OK);
    assert_int_equal(ask(&r, &b, 2, NULL, 80), ERR_BUSY);
    assert_int_equal(ask(&r, &c, 3, NULL, 30), ERR_BUSY);
    assert_int_equal(ask(&r, &d, 4, NULL, 50), ERR_BUSY);
    assert_true(limits_cancel_wait(r.l, &b.w, true)); /* its time is up; the next fits */
    assert_int_equal(b.told, 0);
    assert_string_equal(b.w.denial.limit, "t");
    assert_int_equal(b.w.denial.asked, 80);
    assert_int_equal(b.w.denial.reserved, 60);
    assert_int_equal(c.told, 1);
    assert_false(limits_cancel_wait(r.l, &c.w, true)); /* too late: the hold is there */
    assert_true(limits_cancel_wait(r.l, &d.w, false)); /* left; nothing is denied */
    assert_false(limits_cancel_wait(r.l, &d.w, false));
    struct limits_view v = rig_view(&r);
    assert_int_equal(v.limits[0].denied, 1);
    assert_int_equal(v.limits[0].waiting, 0);
    limits_view_free(&v);
    assert_int_equal(ask(&r, &b, 5, NULL, 80), ERR_BUSY);
    rig_time(&r, T0 + 10000); /* nobody ticked: the last look finds room */
    assert_false(limits_cancel_wait(r.l, &b.w, true));
    assert_int_equal(b.told, 1);
    done(&r, &a);
    done(&r, &b);
    done(&r, &c);
    rig_end(&r);
}

static void clamps_and_waits(void **state)
{
    (void)state;
    struct rig r;
    struct waiting a, b;
    rig_init(&r);
    struct config_limit *f = queue(&r, "t", METRIC_TOKENS, 1000, WINDOW_10S);
    f->too_big_clamp = true;
    f->min_output = 100;
    rig_start(&r);
    memset(&a, 0, sizeof(a));
    a.call = rig_call(&r, NULL, 400, 4000); /* at once, clamped to what there is */
    assert_int_equal(limits_wait(r.l, &a.call, &a.w, told, &a), ERR_OK);
    assert_int_equal(a.w.clamped_output, 600);
    assert_int_equal(a.call.reserved_usage.output, 600);
    limits_release(r.l, a.w.hold);
    assert_int_equal(ask(&r, &a, 1, NULL, 500), ERR_OK);
    memset(&b, 0, sizeof(b));
    b.call = rig_call(&r, NULL, 450, 4000);
    assert_int_equal(limits_wait(r.l, &b.call, &b.w, told, &b), ERR_BUSY);
    limits_release(r.l, a.w.hold);
    assert_int_equal(b.told, 1);
    assert_int_equal(b.w.clamped_output, 550);
    assert_int_equal(b.call.reserved_usage.output, 550);
    rig_expect(&r, 0, 0, 1000);
    done(&r, &b);
    rig_end(&r);
}

static void reload(void **state)
{
    (void)state;
    struct rig r, next;
    struct waiting a, b, c, d;
    rig_init(&r);
    queue(&r, "goes", METRIC_CONCURRENCY, 1, WINDOW_NONE);
    queue(&r, "hardens", METRIC_TOKENS, 100, WINDOW_1M)->match_count = 0;
    rig_start(&r);
    assert_int_equal(ask(&r, &a, 1, NULL, 60), ERR_OK);
    assert_int_equal(ask(&r, &b, 2, NULL, 30), ERR_BUSY); /* for its place */
    assert_int_equal(ask(&r, &c, 3, NULL, 70), ERR_BUSY);
    rig_init(&next);
    next.l = r.l;
    rig_limit(&next, "hardens", METRIC_TOKENS, 100, WINDOW_1M);
    assert_int_equal(limits_reload(r.l, &next.config, NULL, NULL), ERR_OK);
    assert_int_equal(b.told, 1);
    assert_int_equal(b.w.result, ERR_OK);
    assert_int_equal(c.told, 1);
    assert_int_equal(c.w.result, ERR_FULL);
    assert_string_equal(c.w.denial.limit, "hardens");
    assert_int_equal(ask(&next, &d, 4, NULL, 70), ERR_FULL);
    done(&next, &a);
    done(&next, &b);
    limits_free(next.l);
    clock_set_fake_wall(0);
}

#define MANY 10100

static void bounded(void **state)
{
    (void)state;
    static struct waiting w[MANY];
    struct rig r;
    struct waiting first;
    int64_t busy = 0, served = 0;
    rig_init(&r);
    queue(&r, "t", METRIC_REQUESTS, 1, WINDOW_10S);
    rig_start(&r);
    assert_int_equal(ask(&r, &first, 1, NULL, 1), ERR_OK);
    for (int i = 0; i < MANY; i++) {
        enum err e = ask(&r, &w[i], 1, NULL, 1);
        assert_true(e == ERR_BUSY || e == ERR_FULL);
        busy += e == ERR_BUSY;
    }
    assert_int_equal(busy, 10000);
    struct limit_override o = rig_override("t", "", 9000);
    assert_int_equal(limits_override(r.l, &o, NULL), ERR_OK);
    for (int n = 0; n < 100; n++) { /* a few hundred at each look */
        limits_tick(r.l, T0 + n);
    }
    for (int i = 0; i < MANY; i++) {
        served += w[i].told;
        assert_int_equal(w[i].told, i < 8999);
    }
    assert_int_equal(served, 8999);
    rig_expect(&r, 0, 0, 9000);
    limits_free(r.l); /* with waiters and holds */
    clock_set_fake_wall(0);
}

/* --- many threads --- */

#define THREADS 4
#define ROUNDS  2000

struct client {
    struct rig *rig;
    pthread_mutex_t lock;
    pthread_cond_t woken;
    bool is_woken;
    struct limit_waiter w;
    int64_t admitted, waited;
};
static atomic_llong inside, most;

static void wake(void *arg, struct limit_waiter *w)
{
    struct client *c = arg;
    (void)w;
    (void)pthread_mutex_lock(&c->lock);
    c->is_woken = true;
    (void)pthread_cond_signal(&c->woken);
    (void)pthread_mutex_unlock(&c->lock);
}

static void *client(void *arg)
{
    struct client *c = arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct call call = rig_call(c->rig, NULL, 1, 1);
        c->is_woken = false;
        enum err e = limits_wait(c->rig->l, &call, &c->w, wake, c);
        if (e == ERR_BUSY && i % 50 == 0 && limits_cancel_wait(c->rig->l, &c->w, true)) {
            continue;
        }
        if (e == ERR_BUSY) {
            (void)pthread_mutex_lock(&c->lock);
            while (!c->is_woken) {
                (void)pthread_cond_wait(&c->woken, &c->lock);
            }
            (void)pthread_mutex_unlock(&c->lock);
            c->waited++;
        }
        int64_t now = atomic_fetch_add(&inside, 1) + 1;
        if (now > atomic_load(&most)) {
            atomic_store(&most, now);
        }
        c->admitted++;
        call.usage = call.reserved_usage;
        atomic_fetch_sub(&inside, 1);
        limits_settle(c->rig->l, c->w.hold, &call);
    }
    return NULL;
}

static void everybody_is_served(void **state)
{
    (void)state;
    struct rig r;
    static struct client clients[THREADS];
    pthread_t threads[THREADS];
    rig_init(&r);
    queue(&r, "calls", METRIC_CONCURRENCY, 2, WINDOW_NONE);
    rig_start(&r);
    for (int i = 0; i < THREADS; i++) {
        clients[i] = (struct client){.rig = &r};
        (void)pthread_mutex_init(&clients[i].lock, NULL);
        (void)pthread_cond_init(&clients[i].woken, NULL);
        assert_int_equal(pthread_create(&threads[i], NULL, client, &clients[i]), 0);
    }
    int64_t admitted = 0;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        admitted += clients[i].admitted;
    }
    assert_in_range(admitted, THREADS * ROUNDS * 97 / 100, THREADS * ROUNDS);
    assert_true(atomic_load(&most) <= 2);
    rig_expect(&r, 0, 0, 0);
    rig_end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_their_order),
        cmocka_unit_test(nobody_overtakes),
        cmocka_unit_test(a_window_passes),
        cmocka_unit_test(admitted_at_once_behind_nobody),
        cmocka_unit_test(raised_and_blocked),
        cmocka_unit_test(several_limits),
        cmocka_unit_test(moves_with_its_number),
        cmocka_unit_test(cancels),
        cmocka_unit_test(clamps_and_waits),
        cmocka_unit_test(reload),
        cmocka_unit_test(bounded),
        cmocka_unit_test(everybody_is_served),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
