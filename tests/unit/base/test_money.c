/* test_money.c: exact in, exact out, and readable. */
#include "core/base/money.h"
#include "tests/unit/test.h"

static void parsing(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        money_t value;
    } good[] = {{"0", 0},
                {"3", 3 * MONEY_DOLLAR},
                {"12.5", 12500000000},
                {"0.80", 800000000},
                {"0.000000001", 1},
                {"0.100000000", 100000000},
                {"007", 7 * MONEY_DOLLAR},
                {"9223372036.854775807", INT64_MAX}};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        money_t m = -1;
        assert_true(money_parse(str_of(good[i].text), &m));
        assert_true(m == good[i].value);
    }
    static const char *const bad[] = {"",
                                      ".",
                                      "1.",
                                      ".5",
                                      "-1",
                                      "+1",
                                      "1,000",
                                      "1.2.",
                                      "1..2",
                                      "1 ",
                                      " 1",
                                      "1e3",
                                      "$1",
                                      "0.0000000001",
                                      "1.2.3",
                                      "0.0000000000",
                                      "9223372036.854775808",
                                      "9223372037",
                                      "99999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        money_t m = 77;
        assert_false(money_parse(str_of(bad[i]), &m));
        assert_int_equal(m, 77);
    }
}

static void formatting(void **state)
{
    (void)state;
    static const struct {
        money_t m;
        const char *text;
    } cases[] = {{0, "0"},
                 {8, "0.000000008"},
                 {12500000000, "12.5"},
                 {3 * MONEY_DOLLAR, "3"},
                 {1000 * MONEY_DOLLAR + 10, "1000.00000001"},
                 {-1500000000, "-1.5"},
                 {INT64_MAX, "9223372036.854775807"},
                 {INT64_MIN, "-9223372036.854775808"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[MONEY_TEXT];
        money_format(text, cases[i].m);
        assert_string_equal(text, cases[i].text);
        money_t back = -1;
        if (cases[i].m >= 0) {
            assert_true(money_parse(str_of(text), &back));
            assert_true(back == cases[i].m);
        }
    }
}

static void displaying(void **state)
{
    (void)state;
    static const struct {
        money_t m;
        const char *text;
    } cases[] = {{0, "$0.00"},
                 {1, "$0.000000001"},
                 {8, "$0.000000008"},
                 {9, "$0.000000009"},
                 {123, "$0.00000012"},
                 {125, "$0.00000013"},
                 {3456789, "$0.0035"},
                 {5000000, "$0.005"},
                 {9949999, "$0.0099"},
                 {9950000, "$0.01"},
                 {9999999, "$0.01"},
                 {10000000, "$0.01"},
                 {14999999, "$0.01"},
                 {15000000, "$0.02"},
                 {999 * MONEY_DOLLAR, "$999.00"},
                 {999995000000, "$1,000.00"},
                 {1234560000000, "$1,234.56"},
                 {1234567 * MONEY_DOLLAR, "$1,234,567.00"},
                 {-1500000000, "-$1.50"},
                 {INT64_MAX, "$9,223,372,036.85"},
                 {INT64_MIN, "-$9,223,372,036.85"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[MONEY_TEXT];
        money_display(text, cases[i].m);
        assert_string_equal(text, cases[i].text);
    }
}

static void adding_saturates(void **state)
{
    (void)state;
    assert_true(money_add(2, 3) == 5);
    assert_true(money_add(5, -8) == -3);
    assert_true(money_add(INT64_MAX, 1) == INT64_MAX);
    assert_true(money_add(INT64_MAX, INT64_MAX) == INT64_MAX);
    assert_true(money_add(INT64_MIN, -1) == INT64_MIN);
    assert_true(money_add(INT64_MAX, INT64_MIN) == -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parsing),
        cmocka_unit_test(formatting),
        cmocka_unit_test(displaying),
        cmocka_unit_test(adding_saturates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
