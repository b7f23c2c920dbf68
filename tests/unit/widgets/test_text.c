#include "tests/unit/test.h"
#include "widgets/text.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

static void widths_are_columns_not_bytes(void **state)
{
    (void)state;
    assert_int_equal(w_text_width("abc"), 3);
    assert_int_equal(w_text_width(""), 0);
    assert_int_equal(w_text_width("\xe6\x97\xa5\xe6\x9c\xac"), 4); /* two wide characters */
    assert_int_equal(w_text_width("e\xcc\x81"), 1);                /* with a combining accent */
    assert_int_equal(w_text_width("a\xff\x62"), 3);                /* an invalid byte is shown */
    assert_int_equal(w_text_width("a\x1b[m"), 4);                  /* a control character too */
}

static void a_text_too_long_ends_in_an_ellipsis(void **state)
{
    (void)state;
    wchar_t out[64];
    assert_int_equal(w_text_fit(out, 64, "claude-haiku", 8, false), 8);
    assert_true(wcscmp(out, L"claude-\u2026") == 0);
    assert_int_equal(w_text_fit(out, 64, "claude", 6, false), 6);
    assert_true(wcscmp(out, L"claude") == 0);
    assert_int_equal(w_text_fit(out, 64, "claude", 1, true), 1);
    assert_true(wcscmp(out, L"~") == 0);
    assert_int_equal(w_text_fit(out, 64, "claude", 0, true), 0);
    assert_true(wcscmp(out, L"") == 0);
}

static void a_wide_character_is_never_halved(void **state)
{
    (void)state;
    wchar_t out[64];
    assert_int_equal(w_text_fit(out, 64, "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 4, false), 3);
    assert_int_equal(wcslen(out), 2);
}

static void ascii_has_no_other_characters(void **state)
{
    (void)state;
    wchar_t out[64];
    assert_int_equal(w_text_fit(out, 64, "a\xc3\xa9\xe6\x97\xa5z", 10, true), 4);
    assert_true(wcscmp(out, L"a??z") == 0);
}

static void a_full_buffer_is_not_passed(void **state)
{
    (void)state;
    wchar_t out[4];
    assert_int_equal(w_text_fit(out, 4, "abcdefgh", 20, true), 3);
    assert_int_equal(wcslen(out), 3);
}

struct lines {
    char text[8][64];
    int count;
};

static void keep_line(void *arg, const char *line)
{
    struct lines *l = arg;
    snprintf(l->text[l->count++ % 8], 64, "%s", line);
}

static void text_breaks_at_blanks_and_newlines(void **state)
{
    (void)state;
    struct lines l = {.count = 0};
    assert_int_equal(w_text_wrap("one two three\nfour", 8, keep_line, &l), 3);
    assert_string_equal(l.text[0], "one two");
    assert_string_equal(l.text[1], "three");
    assert_string_equal(l.text[2], "four");
}

static void a_word_wider_than_the_line_is_broken(void **state)
{
    (void)state;
    struct lines l = {.count = 0};
    assert_int_equal(w_text_wrap("abcdefghij", 4, keep_line, &l), 3);
    assert_string_equal(l.text[0], "abcd");
    assert_string_equal(l.text[2], "ij");
    assert_int_equal(w_text_wrap("", 4, NULL, NULL), 1);
}

static void areas_are_clipped(void **state)
{
    (void)state;
    struct w_area a = {.y = 2, .x = 3, .h = 10, .w = 20};
    struct w_area part = w_area_part(&a, 8, 15, 10, 10);
    assert_int_equal(part.y, 10);
    assert_int_equal(part.x, 18);
    assert_int_equal(part.h, 2);
    assert_int_equal(part.w, 5);
    part = w_area_part(&a, 50, -4, -1, 3);
    assert_int_equal(part.h, 0);
    assert_int_equal(part.x, 3);
}

int main(void)
{
    setlocale(LC_ALL, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths_are_columns_not_bytes),
        cmocka_unit_test(a_text_too_long_ends_in_an_ellipsis),
        cmocka_unit_test(a_wide_character_is_never_halved),
        cmocka_unit_test(ascii_has_no_other_characters),
        cmocka_unit_test(a_full_buffer_is_not_passed),
        cmocka_unit_test(text_breaks_at_blanks_and_newlines),
        cmocka_unit_test(a_word_wider_than_the_line_is_broken),
        cmocka_unit_test(areas_are_clipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
