/* JSON as text: money to the last nano-dollar, whatever bytes strings hold. */
#include "tests/unit/test.h"

#include "core/control/json_text.h"

#include <string.h>

static void expect_text(json_t *value, const char *text)
{
    struct buf out = {0};
    assert_true(json_text(&out, value));
    assert_string_equal(buf_cstr(&out), text);
    buf_free(&out);
    json_decref(value);
}

static void money_is_exact(void **state)
{
    (void)state;
    static const struct {
        money_t m;
        const char *text;
    } cases[] = {
        {0, "0"},
        {1, "0.000000001"},
        {8, "0.000000008"},
        {MONEY_DOLLAR, "1"},
        {12500000000, "12.5"},
        {300000000, "0.3"}, /* no double is 0.3 */
        {1234567890123456, "1234567.890123456"},
        {4500000 * MONEY_DOLLAR - 1, "4499999.999999999"},
        {10000000 * MONEY_DOLLAR, "10000000"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        expect_text(json_money(cases[i].m), cases[i].text);
    }
    for (money_t m = 999999999; m > 0; m = m * 7 / 9) { /* each comes back as it was */
        char text[MONEY_TEXT];
        money_format(text, m);
        expect_text(json_money(m), text);
    }
}

static void odd_numbers(void **state)
{
    (void)state;
    expect_text(json_real(-1.5), "-1.5");
    expect_text(json_real(-1e-12), "0");
    expect_text(json_real(1e12), "1000000000000");
    expect_text(json_integer(INT64_MIN), "-9223372036854775808");
}

static void strings_from_outside(void **state)
{
    (void)state;
    expect_text(json_str(STR("plain \"quoted\"\n")), "\"plain \\\"quoted\\\"\\n\"");
    expect_text(json_str(STR("bad \xff byte")), "\"bad \xef\xbf\xbd byte\"");
    expect_text(json_str((struct str){NULL, 0}), "\"\"");
    expect_text(json_time(0), "null");
    expect_text(json_time(1795224960000), "\"2026-11-21T01:36:00Z\"");
}

static void structures(void **state)
{
    (void)state;
    expect_text(json_pack("{s:[i,b,n], s:{}, s:[]}", "a", 1, 1, "b", "c"),
                "{\"a\":[1,true,null],\"b\":{},\"c\":[]}");
    json_t *deep = json_array();
    for (int i = 0; i < 200; i++) {
        deep = json_pack("[o]", deep);
    }
    struct buf out = {0};
    assert_true(json_text(&out, deep)); /* bounded, not a crash */
    assert_non_null(strstr(buf_cstr(&out), "null"));
    buf_free(&out);
    json_decref(deep);
    struct buf small;
    buf_init(&small, 8);
    json_t *large = json_string("longer than eight bytes");
    assert_false(json_text(&small, large));
    json_decref(large);
    buf_free(&small);
}

static void pretty_is_the_same_json(void **state)
{
    (void)state;
    json_t *value =
        json_pack("{s:[{s:i},{}], s:[i,i], s:s}", "rows", "n", 1, "flat", 1, 2, "s", "x");
    struct buf out = {0};
    assert_true(json_text_pretty(&out, value));
    json_t *back = json_loads(buf_cstr(&out), 0, NULL);
    assert_non_null(strchr(buf_cstr(&out), '\n'));
    assert_true(json_equal(back, value));
    json_decref(back);
    json_decref(value);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(money_is_exact),          cmocka_unit_test(odd_numbers),
        cmocka_unit_test(strings_from_outside),    cmocka_unit_test(structures),
        cmocka_unit_test(pretty_is_the_same_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
