#include "tests/unit/test.h"
#include "tui/term_bytes.h"

#include <stdio.h>
#include <string.h>

static void what_says_plain_twice_says_it_once(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"plain \xe2\x96\x84 text", "plain \xe2\x96\x84 text"},
        {"a\033[39m\033(B\033[mb", "a\033[mb"},
        {"a\033[39;49m\033(B\033[mb", "a\033[mb"},
        {"a\033[39m\033[49m\033[m\017b", "a\033[mb"},
        {"\033(B\033[m", "\033[m"},
        {"\033[39m\033[7m", "\033[39m\033[7m"}, /* only the colour goes: it counts */
        {"\033[39;49m", "\033[39;49m"},
        {"\033(B", "\033(B"},
        {"\033[38;5;67mx\033[39m\033(B\033[m\033[1;2Hy\033[m\017",
         "\033[38;5;67mx\033[m\033[1;2Hy\033[m"},
        {"cut \033", "cut \033"},
        {"\033[", "\033["},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char bytes[100];
        size_t n = strlen(cases[i][0]);
        memcpy(bytes, cases[i][0], n);
        n = term_bytes_shorten(bytes, n);
        assert_int_equal(n, strlen(cases[i][1]));
        assert_memory_equal(bytes, cases[i][1], n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_says_plain_twice_says_it_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
