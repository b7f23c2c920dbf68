/* test_str.c: slices, numbers, globs, encodings, and text made safe to print. */
#include "core/base/str.h"
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

static const struct str nothing = {NULL, 0};

#define assert_str(slice, text) assert_true(str_is(slice, text))

static void comparing(void **state)
{
    (void)state;
    assert_int_equal(str_of(NULL).n, 0);
    assert_true(str_eq(nothing, STR("")));
    assert_true(str_eq(str_of("abc"), STR("abc")));
    assert_false(str_eq(STR("abc"), STR("abd")));
    assert_false(str_eq(STR("abc"), STR("ab")));
    assert_true(str_is(nothing, ""));
    assert_false(str_is(STR("a\0b"), "a"));
    assert_true(str_is_nocase(STR("Content-TYPE"), "content-type"));
    assert_false(str_is_nocase(STR("[abc"), "{abc"));
    assert_false(str_is_nocase(STR("ab"), "abc"));
    assert_true(str_starts(STR("abc"), "ab"));
    assert_true(str_starts(nothing, ""));
    assert_false(str_starts(STR("a"), "ab"));
    assert_true(str_ends(STR("abc"), "bc"));
    assert_false(str_ends(STR("abc"), "ab"));
    assert_false(str_ends(STR("c"), "bc"));
}

static void cutting(void **state)
{
    (void)state;
    struct str rest;
    assert_str(str_trim(STR(" \t a b\t ")), "a b");
    assert_str(str_trim(STR("\t ")), "");
    assert_str(str_trim(nothing), "");
    assert_str(str_sub(STR("hello"), 1, 3), "ell");
    assert_str(str_sub(STR("hello"), 3, SIZE_MAX), "lo");
    assert_str(str_sub(STR("hello"), 9, 1), "");
    assert_null(str_sub(nothing, 3, 4).p);
    assert_str(str_cut(STR("k=v=w"), '=', &rest), "k");
    assert_str(rest, "v=w");
    assert_str(str_cut(STR("k="), '=', &rest), "k");
    assert_non_null(rest.p);
    assert_int_equal(rest.n, 0);
    assert_str(str_cut(STR("k"), '=', &rest), "k");
    assert_null(rest.p);
    assert_int_equal(str_cut(nothing, '=', &rest).n, 0);
    assert_null(rest.p);
}

static void copying(void **state)
{
    (void)state;
    char out[4];
    assert_true(str_copy(out, sizeof(out), STR("abc")));
    assert_string_equal(out, "abc");
    assert_false(str_copy(out, sizeof(out), STR("abcd")));
    assert_string_equal(out, "abc");
    assert_true(str_copy(out, sizeof(out), nothing));
    assert_string_equal(out, "");
    assert_false(str_copy(out, 0, STR("a")));
    char *copy = str_dup(STR("a\0b"));
    assert_non_null(copy);
    assert_memory_equal(copy, "a\0b", 4);
    free(copy);
    copy = str_dup(nothing);
    assert_string_equal(copy, "");
    free(copy);
    assert_null(str_dup((struct str){"x", SIZE_MAX}));
}

static void integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {{"0", 0},
                {"7", 7},
                {"-7", -7},
                {"0012", 12},
                {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN}};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t value = 99;
        assert_true(str_to_i64(str_of(good[i].text), &value));
        assert_true(value == good[i].value);
    }
    static const char *const bad[] = {"",
                                      "-",
                                      "+1",
                                      "--1",
                                      "-0",
                                      "1 ",
                                      " 1",
                                      "1.0",
                                      "0x1",
                                      "9223372036854775808",
                                      "1e3",
                                      "-9223372036854775809",
                                      "99999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t value = 99;
        assert_false(str_to_i64(str_of(bad[i]), &value));
        assert_int_equal(value, 99);
    }
    int64_t value = 99;
    assert_false(str_to_i64(nothing, &value));
    assert_false(str_to_i64(STR("1\0"), &value));
    assert_int_equal(value, 99);
}

static bool glob(const char *pattern, const char *text)
{
    return str_glob(str_of(pattern), str_of(text));
}

static void globs(void **state)
{
    (void)state;
    assert_true(glob("", ""));
    assert_true(glob("*", ""));
    assert_true(glob("**", "abc"));
    assert_true(glob("a*c", "abbbc"));
    assert_true(glob("a*b*c", "aXbXbXc"));
    assert_true(glob("?b?", "abc"));
    assert_true(glob("*.haiku-*", "us.haiku-4"));
    assert_true(glob("a*", "a"));
    assert_false(glob("", "a"));
    assert_false(glob("?", ""));
    assert_false(glob("a*c", "abcd"));
    assert_false(glob("abc", "ab"));
    assert_false(glob("ab", "abc"));
    assert_true(str_glob(STR("*"), nothing));
    assert_true(str_glob(nothing, nothing));
    char pattern[201], text[5001];
    for (size_t i = 0; i < 200; i += 2) {
        memcpy(pattern + i, "*a", 2);
    }
    pattern[199] = 'b';
    pattern[200] = '\0';
    memset(text, 'a', 5000);
    text[5000] = '\0';
    assert_false(glob(pattern, text)); /* a recursive matcher would not come back */
}

static void hex(void **state)
{
    (void)state;
    char text[9];
    unsigned char bytes[4];
    str_hex(text, "\x00\x7f\xa5\xff", 4);
    assert_string_equal(text, "007fa5ff");
    assert_true(str_unhex(bytes, 4, STR("007Fa5fF")));
    assert_memory_equal(bytes, "\x00\x7f\xa5\xff", 4);
    assert_false(str_unhex(bytes, 4, STR("007fa5f")));
    assert_false(str_unhex(bytes, 3, STR("007fa5ff")));
    assert_false(str_unhex(bytes, 4, STR("007fa5fg")));
    assert_true(str_unhex(bytes, 0, nothing));
}

static void base64(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"},
                                           {"\xfb\xff\xbe", "+/++"}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char text[16];
        char back[16];
        size_t n = strlen(pairs[i][0]);
        assert_int_equal(str_base64(text, pairs[i][0], n), strlen(pairs[i][1]));
        assert_string_equal(text, pairs[i][1]);
        assert_int_equal(str_unbase64(back, n, str_of(text)), n);
        assert_memory_equal(back, pairs[i][0], n);
    }
    static const char *const bad[] = {"Zg",   "Zg=",  "Zg===", "Z===", "====",     "Zh==",
                                      "Zm9=", "Zm9 ", "Zm-_",  "Z=g=", "Zg==Zg==", "Zm9v\n"};
    char out[64];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_true(str_unbase64(out, sizeof(out), str_of(bad[i])) == (size_t)-1);
    }
    assert_true(str_unbase64(out, 2, STR("Zm9v")) == (size_t)-1);
    assert_true(str_unbase64(out, 0, nothing) == 0);
}

static void percent(void **state)
{
    (void)state;
    char out[8];
    assert_true(str_percent_decode(out, sizeof(out), STR("a%2Fb%3a+")));
    assert_string_equal(out, "a/b:+");
    assert_true(str_percent_decode(out, sizeof(out), nothing));
    assert_string_equal(out, "");
    assert_true(str_percent_decode(out, sizeof(out), STR("1234567")));
    assert_false(str_percent_decode(out, sizeof(out), STR("12345678")));
    assert_false(str_percent_decode(out, sizeof(out), STR("a%0")));
    assert_false(str_percent_decode(out, sizeof(out), STR("a%")));
    assert_false(str_percent_decode(out, sizeof(out), STR("%g0")));
    assert_false(str_percent_decode(out, sizeof(out), STR("%00")));
    assert_false(str_percent_decode(out, sizeof(out), STR("a\0b")));
    assert_false(str_percent_decode(out, 0, nothing));
}

static void utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
        uint32_t point;
    } cases[] = {
        {"a", 1, 'a'},
        {"\xC2\x80", 2, 0x80},
        {"\xDF\xBF", 2, 0x7FF},
        {"\xE0\xA0\x80", 3, 0x800},
        {"\xEF\xBF\xBD", 3, 0xFFFD},
        {"\xF0\x90\x80\x80", 4, 0x10000},
        {"\xF4\x8F\xBF\xBF", 4, 0x10FFFF},
        {"\x80", 0, 0},
        {"\xC0\x80", 0, 0},
        {"\xC1\xBF", 0, 0},
        {"\xE0\x9F\xBF", 0, 0},
        {"\xED\xA0\x80", 0, 0},
        {"\xED\xBF\xBF", 0, 0},
        {"\xF0\x8F\xBF\xBF", 0, 0},
        {"\xF4\x90\x80\x80", 0, 0},
        {"\xF5\x80\x80\x80", 0, 0},
        {"\xC2", 0, 0},
        {"\xE2\x82", 0, 0},
        {"\xF0\x9F\x98", 0, 0},
        {"\xE2\x28\xA1", 0, 0},
        {"", 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t point = 0;
        assert_int_equal(str_utf8(str_of(cases[i].text), &point), cases[i].n);
        assert_int_equal(point, cases[i].point);
    }
}

static void printable(const char *text, size_t n, const char *expected)
{
    char out[128];
    size_t length = str_printable(out, sizeof(out), (struct str){text, n});
    assert_string_equal(out, expected);
    assert_int_equal(length, strlen(expected));
}

#define PRINTABLE(text, expected) printable(text, sizeof(text) - 1, expected)

static void printing_safely(void **state)
{
    (void)state;
    PRINTABLE("", "");
    PRINTABLE("plain \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80",
              "plain \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
    PRINTABLE("\x1b[2J\n\t\r\0\x7f", "\\x1b[2J\\x0a\\x09\\x0d\\x00\\x7f");
    PRINTABLE("\xC2\x80\xC2\x9B\xC2\x9F\xC2\xA0", "\\u{0080}\\u{009b}\\u{009f}\xC2\xA0");
    PRINTABLE("\xE2\x80\x8E\xE2\x80\x8F\xD8\x9C", "\\u{200e}\\u{200f}\\u{061c}");
    PRINTABLE("\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xAA\xE2\x80\xAE",
              "\\u{2028}\\u{2029}\\u{202a}\\u{202e}");
    PRINTABLE("\xE2\x81\xA6\xE2\x81\xA9\xEF\xBB\xBF", "\\u{2066}\\u{2069}\\u{feff}");
    PRINTABLE("\xE2\x80\x8D\xE2\x80\xAF\xE2\x81\xA5", "\xE2\x80\x8D\xE2\x80\xAF\xE2\x81\xA5");
    PRINTABLE("\x9b\xff\xE2\x82", "\\x9b\\xff\\xe2\\x82");
}

static void printing_is_cut_between_pieces(void **state)
{
    (void)state;
    char out[6];
    assert_int_equal(str_printable(out, sizeof(out), STR("abcdefgh")), 5);
    assert_string_equal(out, "abcde");
    assert_int_equal(str_printable(out, sizeof(out), STR("ab\x01z")), 2);
    assert_string_equal(out, "ab");
    assert_int_equal(str_printable(out, sizeof(out), STR("abc\xE2\x82\xAC")), 3);
    assert_string_equal(out, "abc");
    assert_int_equal(str_printable(out, sizeof(out), STR("ab\xE2\x82\xAC")), 5);
    out[0] = 'x';
    assert_int_equal(str_printable(out, 1, STR("a")), 0);
    assert_string_equal(out, "");
    assert_int_equal(str_printable(out, 0, STR("a")), 0);
    assert_int_equal(str_printable(out, sizeof(out), nothing), 0);
}

static void secrets(void **state)
{
    (void)state;
    assert_true(str_equal_secret("abc", "abc", 3));
    assert_false(str_equal_secret("abc", "abd", 3));
    assert_false(str_equal_secret("\x80", "\x00", 1));
    assert_false(str_equal_secret("xbc", "abc", 3));
    assert_true(str_equal_secret("abc", "abd", 2));
    assert_true(str_equal_secret("", "", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparing),
        cmocka_unit_test(cutting),
        cmocka_unit_test(copying),
        cmocka_unit_test(integers),
        cmocka_unit_test(globs),
        cmocka_unit_test(hex),
        cmocka_unit_test(base64),
        cmocka_unit_test(percent),
        cmocka_unit_test(utf8),
        cmocka_unit_test(printing_safely),
        cmocka_unit_test(printing_is_cut_between_pieces),
        cmocka_unit_test(secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
