/* test_buf.c: a buffer keeps its bytes in order, its maximum, and its failure. */
#include "core/base/buf.h"
#include "tests/unit/test.h"

#include <string.h>

static void zero_is_an_empty_buffer(void **state)
{
    (void)state;
    struct buf b = {0};
    assert_int_equal(buf_str(&b).n, 0);
    assert_null(buf_bytes(&b));
    assert_true(buf_append(&b, NULL, 0));
    buf_consume(&b, 5);
    assert_string_equal(buf_cstr(&b), "");
    assert_true(buf_add(&b, "abc"));
    assert_true(buf_add_str(&b, STR("def")));
    assert_string_equal(buf_cstr(&b), "abcdef");
    assert_int_equal(b.len, 6);
    buf_free(&b);
    assert_null(b.data);
    assert_int_equal(b.len, 0);
}

static void maximum_is_kept_and_failure_sticks(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    assert_true(buf_add(&b, "0123456789"));
    assert_string_equal(buf_cstr(&b), "0123456789");
    assert_false(buf_add(&b, "x"));
    assert_true(b.failed);
    buf_consume(&b, 5);
    assert_false(buf_add(&b, "y"));
    assert_false(buf_append(&b, "", 0));
    assert_false(buf_printf(&b, "y"));
    assert_null(buf_reserve(&b, 1));
    assert_true(str_is(buf_str(&b), "56789"));
    buf_clear(&b);
    assert_false(b.failed);
    assert_true(buf_add(&b, "y"));
    assert_null(buf_reserve(&b, 10));
    buf_free(&b);
    assert_int_equal(b.max, 10);
    assert_false(b.failed);
    assert_null(buf_reserve(&b, SIZE_MAX));
    buf_free(&b);
}

static void impossible_sizes_fail(void **state)
{
    (void)state;
    struct buf b = {0};
    assert_true(buf_add(&b, "x"));
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_true(b.failed);
    assert_true(str_is(buf_str(&b), "x"));
    buf_clear(&b);
    assert_null(buf_reserve(&b, SIZE_MAX / 2 + 2));
    buf_free(&b);
}

static void room_freed_at_the_front_is_used_again_at_the_maximum(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    char block[1000];
    memset(block, 'a', sizeof(block));
    assert_true(buf_append(&b, block, sizeof(block)));
    for (int i = 0; i < 500; i++) {
        char c = (char)('A' + i % 26);
        buf_consume(&b, 1);
        assert_true(buf_append(&b, &c, 1));
        assert_int_equal(b.len, 1000);
        assert_true(b.cap <= 1001);
    }
    assert_memory_equal(buf_bytes(&b), block, 500);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(buf_bytes(&b)[500 + i], 'A' + i % 26);
    }
    buf_free(&b);
}

/* Appends and consumes by a fixed pattern of lengths and compares with the byte each place must
 * have. */
static void bytes_stay_in_order(void **state)
{
    (void)state;
    struct buf b = {0};
    uint64_t seed = 12345;
    size_t written = 0, read = 0;
    for (int round = 0; round < 3000; round++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        size_t n = (size_t)(seed >> 40) % 700;
        char *at = buf_reserve(&b, n);
        assert_non_null(at);
        for (size_t i = 0; i < n; i++) {
            at[i] = (char)((written + i) % 251);
        }
        buf_commit(&b, n);
        written += n;
        size_t gone = (size_t)(seed >> 20) % 720;
        gone = gone < b.len ? gone : b.len;
        for (size_t i = 0; i < gone; i++) {
            assert_int_equal((unsigned char)buf_bytes(&b)[i], (read + i) % 251);
        }
        buf_consume(&b, gone);
        read += gone;
        assert_int_equal(b.len, written - read);
    }
    assert_true(b.cap < 4 * 1024 * 1024);
    buf_free(&b);
}

static void large_memory_is_given_back_when_empty(void **state)
{
    (void)state;
    struct buf b = {0};
    assert_non_null(buf_reserve(&b, 40000));
    buf_commit(&b, 40000);
    buf_consume(&b, 39999);
    assert_non_null(b.data);
    buf_consume(&b, 1);
    assert_null(b.data);
    assert_int_equal(b.cap, 0);
    assert_true(buf_add(&b, "small"));
    buf_consume(&b, 99);
    assert_non_null(b.data);
    assert_int_equal(b.len, 0);
    assert_int_equal(b.start, 0);
    buf_free(&b);
}

static void printing(void **state)
{
    (void)state;
    struct buf b = {0};
    assert_true(buf_printf(&b, "%d-%s", 42, "x"));
    assert_true(buf_printf(&b, "%s", ""));
    assert_string_equal(buf_cstr(&b), "42-x");
    buf_clear(&b);
    for (int i = 0; i < 1000; i++) {
        assert_true(buf_printf(&b, "%04d", i));
    }
    assert_int_equal(b.len, 4000);
    assert_memory_equal(buf_bytes(&b) + 3996, "0999", 4);
    buf_free(&b);
    buf_init(&b, 4);
    assert_true(buf_printf(&b, "%d", 1234));
    assert_string_equal(buf_cstr(&b), "1234");
    assert_false(buf_printf(&b, "%d", 5));
    assert_true(b.failed);
    assert_string_equal(buf_cstr(&b), "1234");
    buf_free(&b);
}

static void json(struct str s, const char *expected)
{
    struct buf b = {0};
    assert_true(buf_json_string(&b, s));
    assert_string_equal(buf_cstr(&b), expected);
    assert_int_equal(b.len, strlen(expected));
    buf_free(&b);
}

#define FFFD "\xEF\xBF\xBD"

static void json_strings(void **state)
{
    (void)state;
    json((struct str){NULL, 0}, "\"\"");
    json(STR("plain text that is longer than eight bytes"),
         "\"plain text that is longer than eight bytes\"");
    json(STR("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"");
    json(STR("\b\t\n\f\r\v"), "\"\\b\\t\\n\\f\\r\\u000b\"");
    json(STR("\0\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\x7f\"");
    json(STR("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"), "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"");
    json(STR("x\xffy\xC0\x80z"), "\"x" FFFD "y" FFFD FFFD "z\"");
    json(STR("cut \xE2\x82"), "\"cut " FFFD FFFD "\"");
    json(STR("\xED\xA0\x80"), "\"" FFFD FFFD FFFD "\"");
}

/* Each byte at each place of a word: the run over plain bytes must stop exactly there. */
static void json_escapes_at_every_place(void **state)
{
    (void)state;
    for (int c = 0; c < 128; c++) {
        for (size_t place = 0; place < 17; place++) {
            char text[17];
            memset(text, 'a', sizeof(text));
            text[place] = (char)c;
            struct buf b = {0};
            assert_true(buf_json_string(&b, (struct str){text, sizeof(text)}));
            bool plain = c >= 0x20 && c != '"' && c != '\\';
            if (plain) {
                assert_int_equal(b.len, 19);
                assert_memory_equal(buf_bytes(&b) + 1, text, sizeof(text));
            } else {
                assert_true(b.len == 20 || b.len == 24);
                assert_int_equal(buf_bytes(&b)[1 + place], '\\');
            }
            assert_int_equal(buf_bytes(&b)[b.len - 1], '"');
            if (place < 16) {
                assert_int_equal(buf_bytes(&b)[b.len - 2], 'a');
            }
            buf_free(&b);
        }
    }
}

static void json_string_fails_at_the_maximum(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 5);
    assert_true(buf_json_string(&b, STR("abc")));
    buf_clear(&b);
    assert_false(buf_json_string(&b, STR("abcd")));
    assert_true(b.failed);
    buf_clear(&b);
    assert_false(buf_json_string(&b, STR("\x01\x01\x01\x01")));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_is_an_empty_buffer),
        cmocka_unit_test(maximum_is_kept_and_failure_sticks),
        cmocka_unit_test(impossible_sizes_fail),
        cmocka_unit_test(room_freed_at_the_front_is_used_again_at_the_maximum),
        cmocka_unit_test(bytes_stay_in_order),
        cmocka_unit_test(large_memory_is_given_back_when_empty),
        cmocka_unit_test(printing),
        cmocka_unit_test(json_strings),
        cmocka_unit_test(json_escapes_at_every_place),
        cmocka_unit_test(json_string_fails_at_the_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
