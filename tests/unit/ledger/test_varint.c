/* varint: every length, of either sign, in the middle and at the end. */
#include "core/ledger/varint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static int64_t value_of(int bits, int sign)
{
    uint64_t v =
        bits == 0 ? 0 : (UINT64_C(1) << (bits - 1)) | (UINT64_C(0x5555555555555555) >> (64 - bits));
    return sign ? -(int64_t)v : (int64_t)v;
}

/* `behind` bytes stand behind the integer. */
static void check(int64_t value, size_t behind)
{
    uint8_t bytes[VARINT_MAX + 16];
    memset(bytes, 0xFF, sizeof(bytes));
    uint8_t *end = varint_put(bytes, value);
    struct varint_reader r = {bytes, end + behind, false};
    assert_int_equal(varint_get(&r), value);
    assert_false(r.bad);
    assert_ptr_equal(r.at, end);
    for (const uint8_t *cut = bytes; cut < end; cut++) {
        struct varint_reader half = {bytes, cut, false};
        (void)varint_get(&half);
        assert_true(half.bad);
    }
}

static void every_length_comes_back(void **state)
{
    (void)state;
    for (size_t behind = 0; behind <= 16; behind++) {
        for (int bits = 0; bits < 64; bits++) {
            check(value_of(bits, 0), behind);
            check(value_of(bits, 1), behind);
        }
        check(INT64_MAX, behind);
        check(INT64_MIN, behind);
    }
}

static void what_never_ends_is_bad(void **state)
{
    (void)state;
    uint8_t bytes[32];
    memset(bytes, 0x80, sizeof(bytes));
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        struct varint_reader r = {bytes, bytes + n, false};
        assert_int_equal(varint_get(&r), 0);
        assert_true(r.bad);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_comes_back),
        cmocka_unit_test(what_never_ends_is_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
