/* test_arena.c: pieces are aligned, zeroed and apart from each other. */
#include "core/base/arena.h"
#include "tests/unit/test.h"

#include <string.h>

static void pieces_are_aligned_zeroed_and_apart(void **state)
{
    (void)state;
    struct arena a = {0};
    unsigned char *pieces[300];
    for (size_t i = 0; i < 300; i++) {
        size_t n = i * 7 % 450;
        pieces[i] = arena_alloc(&a, n);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 16, 0);
        for (size_t k = 0; k < n; k++) {
            assert_int_equal(pieces[i][k], 0);
        }
        memset(pieces[i], (int)(i % 255) + 1, n);
    }
    for (size_t i = 0; i < 300; i++) {
        for (size_t k = 0; k < i * 7 % 450; k++) {
            assert_int_equal(pieces[i][k], i % 255 + 1);
        }
    }
    arena_free(&a);
    assert_null(a.blocks);
}

static void empty_pieces_differ(void **state)
{
    (void)state;
    struct arena a = {0};
    void *first = arena_alloc(&a, 0);
    assert_non_null(first);
    assert_ptr_not_equal(first, arena_alloc(&a, 0));
    arena_free(&a);
}

static void large_pieces_leave_the_small_block_in_use(void **state)
{
    (void)state;
    struct arena a = {0};
    char *small = arena_alloc(&a, 16);
    char *large = arena_alloc(&a, 1000000);
    assert_non_null(large);
    memset(large, 'x', 1000000);
    assert_ptr_equal(arena_alloc(&a, 16), small + 16);
    arena_free(&a);
    large = arena_alloc(&a, 1000000);
    assert_non_null(large);
    memset(large, 'x', 1000000);
    assert_non_null(arena_alloc(&a, 1));
    arena_free(&a);
}

static void strings(void **state)
{
    (void)state;
    struct arena a = {0};
    char text[] = "a\0b";
    struct str copy = arena_str(&a, (struct str){text, 3});
    text[0] = 'X';
    assert_int_equal(copy.n, 3);
    assert_memory_equal(copy.p, "a\0b", 4);
    copy = arena_str(&a, (struct str){NULL, 0});
    assert_int_equal(copy.n, 0);
    assert_string_equal(copy.p, "");
    arena_free(&a);
}

static void impossible_sizes_fail(void **state)
{
    (void)state;
    struct arena a = {0};
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 15));
    assert_null(arena_str(&a, (struct str){"x", SIZE_MAX}).p);
    assert_non_null(arena_alloc(&a, 1));
    arena_free(&a);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_zeroed_and_apart),
        cmocka_unit_test(empty_pieces_differ),
        cmocka_unit_test(large_pieces_leave_the_small_block_in_use),
        cmocka_unit_test(strings),
        cmocka_unit_test(impossible_sizes_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
