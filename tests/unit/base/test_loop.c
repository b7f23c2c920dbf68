/* The event loop: descriptors, timers, posts, and what may happen inside callbacks. */
#include "tests/unit/base/loop_guard.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

/* One end of a socket pair in a loop. */
struct peer {
    struct loop_fd f;
    struct loop *loop;
    int other; /* the end the test writes to */
    int calls;
    uint32_t events;
    struct peer *victim;
};

static struct peer *peer_open(struct loop *l, uint32_t events,
                              void (*on_event)(struct loop_fd *, uint32_t))
{
    int pair[2];
    struct peer *p = calloc(1, sizeof *p);
    assert_non_null(p);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    p->f = (struct loop_fd){.fd = pair[0], .on_event = on_event};
    p->other = pair[1];
    p->loop = l;
    assert_int_equal(loop_add(l, &p->f, events), ERR_OK);
    assert_int_equal(p->f.events, events);
    return p;
}

static void peer_close(struct peer *p)
{
    loop_remove(p->loop, &p->f);
    close(p->f.fd);
    close(p->other);
    free(p);
}

static void poke(struct peer *p)
{
    assert_int_equal(write(p->other, "x", 1), 1);
}

static void on_count(struct loop_fd *f, uint32_t events)
{
    struct peer *p = (struct peer *)f;
    p->calls++;
    p->events = events;
    loop_stop(p->loop);
}

static void test_level_triggered(void **state)
{
    (void)state;
    struct guarded g;
    guarded_open(&g);
    struct peer *p = peer_open(g.loop, EPOLLIN, on_count);

    poke(p);
    guarded_run(&g);
    assert_int_equal(p->calls, 1);
    assert_int_equal(p->events, EPOLLIN);
    guarded_run(&g); /* not read: told again */
    assert_int_equal(p->calls, 2);
    loop_change(g.loop, &p->f, EPOLLIN | EPOLLOUT);
    guarded_run(&g);
    assert_int_equal(p->events, EPOLLIN | EPOLLOUT);
    loop_change(g.loop, &p->f, EPOLLOUT);
    guarded_run(&g);
    assert_int_equal(p->events, EPOLLOUT);
    peer_close(p);
    guarded_close(&g);
}

static void test_no_interest_still_tells_hangup(void **state)
{
    (void)state;
    struct guarded g;
    guarded_open(&g);
    struct peer *p = peer_open(g.loop, 0, on_count);

    poke(p);
    close(p->other);
    p->other = -1;
    guarded_run(&g);
    assert_int_equal(p->calls, 1);
    assert_true(p->events & EPOLLHUP);
    assert_false(p->events & EPOLLIN);
    peer_close(p);
    guarded_close(&g);
}

static void on_event_kill(struct loop_fd *f, uint32_t events)
{
    struct peer *p = (struct peer *)f;
    (void)events;
    p->calls++;
    if (p->victim) { /* whichever comes first ends the other */
        peer_close(p->victim);
        p->victim = NULL;
    }
    loop_stop(p->loop);
}

static void test_remove_drops_fetched_events(void **state)
{
    (void)state;
    struct guarded g;
    guarded_open(&g);
    struct peer *a = peer_open(g.loop, EPOLLIN, on_event_kill);
    struct peer *b = peer_open(g.loop, EPOLLIN, on_event_kill);

    a->victim = b; /* the ready list is in order of readiness: a comes first */
    poke(a);
    poke(b);
    guarded_run(&g); /* b's memory is gone: a sanitizer sees a late call */
    assert_int_equal(a->calls, 1);
    assert_null(a->victim);
    peer_close(a);
    guarded_close(&g);
}

static void on_event_silence(struct loop_fd *f, uint32_t events)
{
    struct peer *p = (struct peer *)f;
    (void)events;
    p->calls++;
    loop_change(p->loop, &p->victim->f, 0);
    loop_stop(p->loop);
}

static void test_dropped_interest_is_not_told(void **state)
{
    (void)state;
    struct guarded g;
    guarded_open(&g);
    struct peer *a = peer_open(g.loop, EPOLLIN, on_event_silence);
    struct peer *b = peer_open(g.loop, EPOLLIN, on_event_silence);

    a->victim = b;
    b->victim = a;
    poke(a);
    poke(b);
    guarded_run(&g);
    assert_int_equal(a->calls + b->calls, 1);
    peer_close(a);
    peer_close(b);
    guarded_close(&g);
}

static void on_event_self(struct loop_fd *f, uint32_t events)
{
    struct peer *p = (struct peer *)f;
    struct loop *l = p->loop;
    (void)events;
    peer_close(p);
    loop_stop(l);
}

static void test_remove_itself(void **state)
{
    (void)state;
    struct guarded g;
    guarded_open(&g);
    struct peer *p = peer_open(g.loop, EPOLLIN, on_event_self);
    poke(p);
    guarded_run(&g);
    guarded_close(&g);
}

static void test_add_errors(void **state)
{
    (void)state;
    struct guarded g;
    guarded_open(&g);
    struct peer *p = peer_open(g.loop, EPOLLIN, on_count);
    struct loop_fd again = {.fd = p->f.fd, .on_event = on_count};
    struct loop_fd none = {.fd = -1, .on_event = on_count};
    char path[] = "/tmp/test_loop_XXXXXX";
    struct loop_fd file = {.fd = mkstemp(path), .on_event = on_count};

    assert_true(file.fd >= 0);
    unlink(path);
    assert_int_equal(loop_add(g.loop, &again, EPOLLIN), ERR_EXISTS);
    assert_int_equal(loop_add(g.loop, &none, EPOLLIN), ERR_IO);
    assert_int_equal(loop_add(g.loop, &file, EPOLLIN), ERR_UNSUPPORTED);
    close(file.fd);
    peer_close(p);
    guarded_close(&g);
}

struct busy {
    struct loop_timer t;
    struct loop *loop;
    struct peer *peer;
    int times;
};

static void on_busy(struct loop_timer *t)
{
    struct busy *x = (struct busy *)t;
    if (++x->times == 3) {
        poke(x->peer);
    }
    loop_arm(x->loop, t, 0);
}

static void test_zero_timer_does_not_starve(void **state)
{
    (void)state;
    struct guarded g;
    guarded_open(&g);
    struct busy x = {.t = {.on_time = on_busy}, .loop = g.loop};
    struct peer *p = peer_open(g.loop, EPOLLIN, on_count);

    x.peer = p;
    loop_arm(g.loop, &x.t, 0);
    guarded_run(&g); /* the descriptor stops it */
    assert_true(x.times >= 3);
    peer_close(p);
    guarded_close(&g);
}

/* Posts. */

#define POSTERS    4
#define POSTS_EACH 5000

struct poster {
    struct loop *loop;
    pthread_t thread;
    int next; /* loop thread only */
    bool out_of_order;
    int *left;
    struct numbered {
        struct poster *from;
        int number;
    } items[POSTS_EACH];
};

static void on_post(void *arg)
{
    struct numbered *item = arg;
    struct poster *p = item->from;
    p->out_of_order |= item->number != p->next++;
    if (--*p->left == 0) {
        loop_stop(p->loop);
    }
}

static void *post_many(void *arg)
{
    struct poster *p = arg;
    for (int i = 0; i < POSTS_EACH; i++) {
        p->items[i] = (struct numbered){p, i};
        if (!loop_post(p->loop, on_post, &p->items[i])) {
            abort();
        }
    }
    return NULL;
}

static void test_posts_from_threads(void **state)
{
    (void)state;
    struct guarded g;
    guarded_open(&g);
    struct poster *posters = calloc(POSTERS, sizeof *posters);
    assert_non_null(posters);
    int left = POSTERS * POSTS_EACH;

    for (int i = 0; i < POSTERS; i++) {
        posters[i].loop = g.loop;
        posters[i].left = &left;
        assert_int_equal(pthread_create(&posters[i].thread, NULL, post_many, &posters[i]), 0);
    }
    guarded_run(&g);
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(posters[i].thread, NULL);
        assert_int_equal(posters[i].next, POSTS_EACH);
        assert_false(posters[i].out_of_order);
    }
    assert_int_equal(left, 0);
    free(posters);
    guarded_close(&g);
}

struct chain {
    struct loop *loop;
    int turns, left;
};

static void on_chain(void *arg)
{
    struct chain *c = arg;
    if (--c->left > 0) {
        assert_true(loop_post(c->loop, on_chain, c));
    } else {
        loop_stop(c->loop);
    }
}

static void on_turn(void *arg)
{
    struct chain *c = arg;
    c->turns++;
}

static void test_post_inside_post_waits_for_next_turn(void **state)
{
    (void)state;
    struct guarded g;
    guarded_open(&g);
    struct chain c = {.loop = g.loop, .left = 10};

    loop_on_turn(g.loop, on_turn, &c);
    assert_true(loop_post(g.loop, on_chain, &c));
    guarded_run(&g);
    assert_int_equal(c.left, 0);
    assert_int_equal(c.turns, 11); /* before each of the ten sleeps, and at the end */
    guarded_close(&g);
}

static void count_one(void *arg)
{
    ++*(int *)arg;
}

static void test_stop_before_run_runs_posts(void **state)
{
    (void)state;
    struct guarded g;
    guarded_open(&g);
    int ran = 0;

    assert_true(loop_post(g.loop, count_one, &ran));
    loop_stop(g.loop);
    guarded_run(&g);
    assert_int_equal(ran, 1);
    assert_true(loop_post(g.loop, stop_loop, g.loop)); /* and it can run again */
    guarded_run(&g);
    assert_true(loop_post(g.loop, count_one, &ran)); /* dropped by loop_free */
    guarded_close(&g);
    assert_int_equal(ran, 1);
}

static void test_post_has_a_bound(void **state)
{
    (void)state;
    struct guarded g;
    guarded_open(&g);
    int ran = 0, posted = 0;

    while (loop_post(g.loop, count_one, &ran)) {
        posted++;
    }
    assert_int_equal(posted, 1 << 20);
    loop_stop(g.loop);
    guarded_run(&g);
    assert_int_equal(ran, posted);
    assert_true(loop_post(g.loop, count_one, &ran));
    guarded_close(&g);
}

/* Signals. */

static atomic_int signals;

static void on_signal(int number)
{
    (void)number;
    atomic_fetch_add(&signals, 1);
}

struct sender {
    struct loop *loop;
    pthread_t target;
};

static void *send_signals(void *arg)
{
    struct sender *s = arg;
    int64_t until = clock_mono_us() + DEADLINE_US;
    for (int i = 1; i <= 20; i++) {
        pthread_kill(s->target, SIGUSR1);
        while (atomic_load(&signals) < i && clock_mono_us() < until) {
            sched_yield();
        }
    }
    loop_stop(s->loop);
    return NULL;
}

static void test_survives_signals(void **state)
{
    (void)state;
    struct guarded g;
    guarded_open(&g);
    struct sigaction action = {.sa_handler = on_signal}, old;
    struct sender s = {.loop = g.loop, .target = pthread_self()};
    pthread_t thread;

    assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
    assert_int_equal(pthread_create(&thread, NULL, send_signals, &s), 0);
    guarded_run(&g);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&signals), 20);
    assert_int_equal(sigaction(SIGUSR1, &old, NULL), 0);
    guarded_close(&g);
}

static void test_clocks(void **state)
{
    (void)state;
    struct guarded g;
    guarded_open(&g);
    int64_t before = clock_mono_us();
    assert_true(loop_now_us(g.loop) >= before);
    assert_true(loop_now_us(g.loop) <= clock_mono_us());
    clock_set_fake_wall(1234567);
    assert_int_equal(loop_wall_ms(g.loop), 1234567);
    clock_set_fake_wall(0);
    guarded_close(&g);
    loop_free(NULL);
}

static void test_no_descriptors_left(void **state)
{
    (void)state;
    struct rlimit old, none;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    int spare = dup(0);
    assert_true(spare >= 0);
    close(spare);
    for (rlim_t room = 0; room < 2; room++) { /* none at all; one, which epoll takes */
        struct err_info ei = {0};
        none = old;
        none.rlim_cur = (rlim_t)spare + room;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        struct loop *l = loop_new(&ei);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
        assert_null(l);
        assert_int_equal(ei.code, ERR_IO);
        assert_true(strlen(ei.text) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_level_triggered),
        cmocka_unit_test(test_no_interest_still_tells_hangup),
        cmocka_unit_test(test_remove_drops_fetched_events),
        cmocka_unit_test(test_dropped_interest_is_not_told),
        cmocka_unit_test(test_remove_itself),
        cmocka_unit_test(test_add_errors),
        cmocka_unit_test(test_zero_timer_does_not_starve),
        cmocka_unit_test(test_posts_from_threads),
        cmocka_unit_test(test_post_inside_post_waits_for_next_turn),
        cmocka_unit_test(test_stop_before_run_runs_posts),
        cmocka_unit_test(test_post_has_a_bound),
        cmocka_unit_test(test_survives_signals),
        cmocka_unit_test(test_clocks),
        cmocka_unit_test(test_no_descriptors_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
