/* test_uuid.c: UUIDs have the form of version 4, and random bytes do not repeat. */
#include "core/base/uuid.h"

#include "core/base/map.h"
#include "tests/unit/test.h"

#include <string.h>

static void form_and_no_repeat(void **state)
{
    (void)state;
    struct map seen = {0};
    for (int i = 0; i < 2000; i++) {
        char text[UUID_TEXT];
        memset(text, 'x', sizeof(text));
        uuid_random(text);
        assert_int_equal(strlen(text), 36);
        for (size_t k = 0; k < 36; k++) {
            if (k == 8 || k == 13 || k == 18 || k == 23) {
                assert_int_equal(text[k], '-');
            } else {
                assert_non_null(strchr("0123456789abcdef", text[k]));
            }
        }
        assert_int_equal(text[14], '4');
        assert_non_null(strchr("89ab", text[19]));
        void *old = NULL;
        assert_true(map_set(&seen, str_of(text), &seen, &old));
        assert_null(old);
    }
    map_free(&seen, NULL);
}

static void bytes_of_every_size(void **state)
{
    (void)state;
    unsigned char first[1000], second[1000];
    for (size_t n = 16; n <= sizeof(first); n += 41) {
        memset(first, 0, sizeof(first));
        memset(second, 0, sizeof(second));
        uuid_bytes(first, n);
        uuid_bytes(second, n);
        assert_memory_not_equal(first, second, n);
        unsigned tail = 0;
        for (size_t i = n - 16; i < n; i++) {
            tail |= first[i];
        }
        assert_int_not_equal(tail, 0);
        for (size_t i = n; i < sizeof(first); i++) {
            assert_int_equal(first[i], 0);
        }
    }
    uuid_bytes(first, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(form_and_no_repeat),
        cmocka_unit_test(bytes_of_every_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
