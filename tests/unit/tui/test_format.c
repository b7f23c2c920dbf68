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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(live_money_never_says_zero_of_something)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
