#include "tests/unit/test.h"
#include "tui/format.h"

#include <string.h>

static void live_money_never_says_zero_of_something(void **state)
{
    (void)state;
    static const struct {
        money_t money;
        const char *text;
    } cases[] = {{0, "$0"},
                 {1, "<$0.01"},
                 {MONEY_DOLLAR / 100 - 1, "<$0.01"},
                 {MONEY_DOLLAR / 100, "$0.01"},
                 {MONEY_DOLLAR / 100 * 310 + 7, "$3.10"},
                 {6204 * MONEY_DOLLAR, "$6,204"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[FORMAT_TEXT];
        format_live_money(text, cases[i].money);
        assert_string_equal(text, cases[i].text);
    }
}

static void how_far_behind_changes_with_the_minute(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *want;
    } cases[] = {{0, "00:00"},
                 {59999, "00:00"},
                 {-5, "00:00"},
                 {42 * 60000LL, "00:42"},
                 {86399999, "23:59"},
                 {86400000, "1 d 00:00"},
                 {2 * 86400000LL + 190 * 60000LL, "2 d 03:10"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[FORMAT_TEXT];
        format_behind(text, cases[i].ms);
        assert_string_equal(text, cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(live_money_never_says_zero_of_something),
                                       cmocka_unit_test(how_far_behind_changes_with_the_minute)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
