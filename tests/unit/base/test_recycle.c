/* test_recycle.c: memory goes round within a thread, and crosses threads. */
#include "core/base/recycle.h"
#include "tests/unit/test.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#define PIECES 700 /* more than are kept of a size */

static void every_size_is_whole(void **state)
{
    (void)state;
    for (size_t n = 1; n < 40000; n = n * 3 / 2 + 1) {
        for (int round = 0; round < 3; round++) {
            char *p = recycle_take(n);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % 16, 0);
            memset(p, 0x5A, n);
            recycle_give(p, n);
        }
    }
    recycle_give(NULL, 100);
}

static void pieces_in_use_are_apart(void **state)
{
    static unsigned char *held[PIECES];
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < PIECES; i++) {
            held[i] = recycle_take(300);
            assert_non_null(held[i]);
            memset(held[i], (int)(i & 0xFF), 300);
        }
        for (size_t i = 0; i < PIECES; i++) {
            assert_int_equal(held[i][0], i & 0xFF);
            assert_int_equal(held[i][299], i & 0xFF);
            recycle_give(held[i], 300);
        }
    }
}

static void *give_all(void *arg)
{
    void **held = arg;
    for (size_t i = 0; i < PIECES; i++) {
        recycle_give(held[i], 2000);
        held[i] = NULL;
    }
    for (size_t i = 0; i < PIECES; i++) {
        held[i] = recycle_take(2000);
    }
    return NULL;
}

/* What the ended thread kept is freed: a leak checker sees to it. */
static void threads_may_give_for_others(void **state)
{
    static void *held[PIECES];
    pthread_t thread;
    (void)state;
    for (size_t i = 0; i < PIECES; i++) {
        held[i] = recycle_take(2000);
        assert_non_null(held[i]);
    }
    assert_int_equal(pthread_create(&thread, NULL, give_all, held), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    for (size_t i = 0; i < PIECES; i++) {
        assert_non_null(held[i]);
        recycle_give(held[i], 2000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_is_whole),
        cmocka_unit_test(pieces_in_use_are_apart),
        cmocka_unit_test(threads_may_give_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
