/* test_map.c: the map against a plain array that says what must be in it. */
#include "core/base/map.h"
#include "tests/unit/test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void empty_map(void **state)
{
    (void)state;
    struct map m = {0};
    size_t at = 0;
    struct str key;
    void *value;
    assert_null(map_get(&m, STR("a")));
    assert_null(map_remove(&m, STR("a")));
    assert_false(map_next(&m, &at, &key, &value));
    map_free(&m, NULL);
}

static void set_get_replace_remove(void **state)
{
    (void)state;
    struct map m = {0};
    int one = 1, two = 2;
    void *old = &m;
    assert_true(map_set(&m, STR("a"), &one, &old));
    assert_null(old);
    assert_true(map_set(&m, STR("a"), &two, &old));
    assert_ptr_equal(old, &one);
    assert_true(map_set(&m, STR("b"), &one, NULL));
    assert_true(map_set(&m, STR("b"), &two, NULL));
    assert_int_equal(m.count, 2);
    assert_ptr_equal(map_get(&m, STR("a")), &two);
    assert_ptr_equal(map_remove(&m, STR("a")), &two);
    assert_null(map_get(&m, STR("a")));
    assert_null(map_remove(&m, STR("a")));
    assert_int_equal(m.count, 1);
    map_free(&m, NULL);
    assert_int_equal(m.count, 0);
    assert_null(m.entries);
}

static void keys_are_bytes_and_copied(void **state)
{
    (void)state;
    struct map m = {0};
    int one = 1, two = 2, three = 3;
    char text[] = "key";
    assert_true(map_set(&m, str_of(text), &one, NULL));
    text[0] = 'X';
    assert_ptr_equal(map_get(&m, STR("key")), &one);
    assert_true(map_set(&m, STR("key\0"), &two, NULL));
    assert_true(map_set(&m, (struct str){NULL, 0}, &three, NULL));
    assert_ptr_equal(map_get(&m, STR("key")), &one);
    assert_ptr_equal(map_get(&m, STR("key\0")), &two);
    assert_ptr_equal(map_get(&m, STR("")), &three);
    map_free(&m, NULL);
}

#define KEYS 400

/* Keeps the table small and crowded, so that runs wrap around its end and removal shifts them. */
static void agrees_with_a_plain_array(void **state)
{
    (void)state;
    struct map m = {0};
    static int values[KEYS];
    bool there[KEYS] = {false};
    size_t count = 0;
    uint64_t seed = 99;
    for (int round = 0; round < 60000; round++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        size_t i = (size_t)(seed >> 33) % KEYS;
        char key[16];
        int n = snprintf(key, sizeof(key), "k%zu", i);
        struct str k = {key, (size_t)n};
        if ((seed >> 20 & 3) < 2) {
            assert_true(map_set(&m, k, &values[i], NULL));
            count += !there[i];
            there[i] = true;
        } else {
            assert_ptr_equal(map_remove(&m, k), there[i] ? &values[i] : NULL);
            count -= there[i];
            there[i] = false;
        }
        assert_int_equal(m.count, count);
        assert_true(m.count * 10 <= m.cap * 7);
        n = snprintf(key, sizeof(key), "k%zu", (size_t)(seed >> 50) % KEYS);
        i = (size_t)(seed >> 50) % KEYS;
        assert_ptr_equal(map_get(&m, (struct str){key, (size_t)n}), there[i] ? &values[i] : NULL);
    }
    bool seen[KEYS] = {false};
    size_t at = 0, walked = 0;
    struct str key;
    void *value;
    while (map_next(&m, &at, &key, &value)) {
        int64_t i = -1;
        assert_true(str_to_i64(str_sub(key, 1, key.n), &i));
        assert_ptr_equal(value, &values[i]);
        assert_false(seen[i]);
        seen[i] = true;
        walked++;
    }
    assert_int_equal(walked, count);
    assert_memory_equal(seen, there, sizeof(seen));
    map_free(&m, NULL);
}

static int freed;

static void count_free(void *value)
{
    freed++;
    free(value);
}

static void free_hands_back_every_value(void **state)
{
    (void)state;
    struct map m = {0};
    for (int i = 0; i < 100; i++) {
        char key[16];
        int n = snprintf(key, sizeof(key), "%d", i);
        assert_true(map_set(&m, (struct str){key, (size_t)n}, malloc(1), NULL));
    }
    freed = 0;
    map_free(&m, count_free);
    assert_int_equal(freed, 100);
}

static void hash_depends_on_every_byte_and_the_length(void **state)
{
    (void)state;
    char text[40] = {0};
    for (size_t n = 0; n < sizeof(text); n++) {
        uint64_t plain = map_hash(text, n);
        assert_true(plain == map_hash(text, n));
        assert_true(plain != map_hash(text, n + 1));
        for (size_t i = 0; i < n; i++) {
            text[i] = 1;
            assert_true(plain != map_hash(text, n));
            text[i] = 0;
        }
    }
}

/* Sequential keys, as ids are, must spread over the low bits that pick the slot. */
static void hash_spreads(void **state)
{
    (void)state;
    static int slots[1024];
    memset(slots, 0, sizeof(slots));
    for (uint64_t i = 0; i < 16384; i++) {
        slots[map_hash(&i, sizeof(i)) & 1023]++;
    }
    for (size_t i = 0; i < 1024; i++) {
        assert_in_range(slots[i], 0, 60); /* 16 expected; 60 is beyond ten standard deviations */
    }
}

static void *hash_in_thread(void *out)
{
    *(uint64_t *)out = map_hash("same", 4);
    return NULL;
}

static void threads_draw_one_key(void **state)
{
    (void)state;
    pthread_t threads[8];
    uint64_t hashes[8];
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, hash_in_thread, &hashes[i]), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        assert_true(hashes[i] == map_hash("same", 4));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_draw_one_key), /* first: nobody has drawn the key yet */
        cmocka_unit_test(empty_map),
        cmocka_unit_test(set_get_replace_remove),
        cmocka_unit_test(keys_are_bytes_and_copied),
        cmocka_unit_test(agrees_with_a_plain_array),
        cmocka_unit_test(free_hands_back_every_value),
        cmocka_unit_test(hash_depends_on_every_byte_and_the_length),
        cmocka_unit_test(hash_spreads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
