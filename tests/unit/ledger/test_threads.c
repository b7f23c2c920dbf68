/* test_threads.c: workers, folding, readers and changes at once. */
#include "core/ledger/priority.h"
#include "tests/unit/ledger/fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define WORKERS 4
#define CALLS   4000u

struct world {
    struct ledger *ledger;
    _Atomic unsigned working;
};
struct worker {
    struct world *world;
    int number;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    struct ledger *g = w->world->ledger;
    for (unsigned i = 1; i <= CALLS; i++) {
        struct call c;
        uint64_t slot;
        call_fill(&c, (unsigned)w->number * 1000000 + i);
        while (ledger_admitted(g, w->number, &c, &slot) != ERR_OK) {
            if (ledger_flush(g, 20000) != ERR_OK) {
                break;
            }
        }
        ledger_topped_up(g, w->number, slot, &c);
        call_end(&c, 1, 2);
        ledger_settled(g, w->number, slot, &c);
        call_clear(&c);
    }
    atomic_fetch_sub(&w->world->working, 1);
    return NULL;
}

/* Sums never shrink, and every call in one is whole. */
static void *read_sums(void *arg)
{
    struct world *w = arg;
    int64_t before = 0;
    intptr_t wrong = 0;
    do {
        struct totals t = {0};
        struct ledger_query q = {.by = {"model"}, .by_count = 1};
        struct ledger_health h;
        wrong += ledger_sum(w->ledger, &q, add_totals, &t, NULL) != ERR_OK;
        wrong += t.approved < before || t.output_tokens != 2 * t.input_tokens;
        before = t.approved;
        ledger_health(w->ledger, &h);
        wrong += !h.ok;
    } while (atomic_load(&w->working) > 0);
    return (void *)wrong;
}

/* On a machine with too much to do one waits for its turn longer than a change may, and is told to
 * try again. */
static void *change_things(void *arg)
{
    struct world *w = arg;
    intptr_t wrong = 0;
    int64_t last_seq = 0;
    do {
        struct ledger_change c = {.action = "limit.set", .limit = "a"};
        enum err e = ledger_change(w->ledger, &c, NULL);
        wrong += e != ERR_BUSY && (e != ERR_OK || c.seq <= last_seq);
        last_seq = e == ERR_OK ? c.seq : last_seq;
        e = ledger_put_value(w->ledger, "k", STR("v"), NULL);
        wrong += e != ERR_BUSY && e != ERR_OK;
    } while (atomic_load(&w->working) > 0);
    return (void *)wrong;
}

static bool in_order(void *arg, const struct audit_entry *e)
{
    int64_t *last = arg;
    assert_true(e->seq > *last);
    *last = e->seq;
    return true;
}

static void all_at_once(void **state)
{
    (void)state;
    char dir[DIR_TEXT];
    dir_make(dir);
    struct world world = {.ledger = ledger_at(dir, WORKERS, 256 << 10), .working = WORKERS};
    assert_int_equal(ledger_start(world.ledger, NULL), ERR_OK);
    struct worker workers[WORKERS];
    pthread_t threads[WORKERS + 2];
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){&world, i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    assert_int_equal(pthread_create(&threads[WORKERS], NULL, read_sums, &world), 0);
    assert_int_equal(pthread_create(&threads[WORKERS + 1], NULL, change_things, &world), 0);
    for (int i = 0; i < WORKERS + 2; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    assert_int_equal(ledger_flush(world.ledger, 20000), ERR_OK);
    struct totals t = sum_of_all(world.ledger);
    assert_int_equal(t.approved, WORKERS * CALLS);
    assert_int_equal(t.output_tokens, 2 * WORKERS * CALLS);
    assert_int_equal(count_calls(world.ledger), WORKERS * CALLS);
    int64_t last = 0;
    struct audit_query q = {.calls = true, .changes = true};
    assert_int_equal(ledger_audit(world.ledger, &q, in_order, &last, NULL), ERR_OK);
    ledger_close(world.ledger);
    dir_remove(dir);
}

static void *give_way(void *policy)
{
    priority_give_way();
    priority_pause();
    priority_urgent(true);
    priority_pause();
    *(int *)policy = sched_getscheduler(0);
    return NULL;
}

static void one_thread_gives_way_alone(void **state)
{
    (void)state;
    pthread_t t;
    int policy = -1, before = sched_getscheduler(0);
    assert_int_equal(pthread_create(&t, NULL, give_way, &policy), 0);
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_int_equal(policy, SCHED_BATCH);
    assert_int_equal(sched_getscheduler(0), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_at_once),
        cmocka_unit_test(one_thread_gives_way_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
