/* The JSON reader, call by call; test_json_compare.c sets it beside jansson. */
#include "tests/unit/base/json_block.h"

#include <string.h>

static void test_depth(void **state)
{
    (void)state;
    char text[200];
    for (size_t depth = 63; depth <= 66; depth++) {
        for (int objects = 0; objects < 2; objects++) {
            char deep[1024];
            size_t n = 0;
            for (size_t i = 0; i < depth; i++) {
                const char *open = objects ? (i + 1 < depth ? "{\"\":" : "{") : "[";
                memcpy(deep + n, open, strlen(open));
                n += strlen(open);
            }
            memset(deep + n, objects ? '}' : ']', depth);
            n += depth;
            assert_int_equal(accepts(deep, n), depth <= 64);
        }
    }
    /* Levels count from the root, whoever opened them. */
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    struct scan s;
    scan_init(&s, text, 130);
    for (int i = 0; i < 3; i++) {
        assert_true(scan_array(&s) && scan_element(&s));
    }
    assert_false(scan_skip(&s));
    assert_int_equal(scan_offset(&s), 64);
    scan_init(&s, text + 1, 128);
    for (int i = 0; i < 64; i++) {
        assert_true(scan_array(&s));
        assert_int_equal(scan_element(&s), i < 63);
    }
    for (int i = 0; i < 63; i++) {
        assert_false(scan_element(&s));
    }
    assert_true(scan_done(&s));
}

/* Every kind of byte at every place of a string, around the width of the fast path. */
static void test_string_at_every_place(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        bool good;
    } pieces[] = {
        {"\\n", true},           {"\\u00e9", true},
        {"\xC3\xA9", true},      {"\xF0\x9F\x98\x80", true},
        {"\x7f", true},          {"\\", false},
        {"\x1f", false},         {"\x80", false},
        {"\xC3", false},         {"\xE2\x82", false},
        {"\xFF", false},         {"\\u12", false},
        {"\xED\xA0\x80", false},
    };
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        for (size_t before = 0; before < 40; before++) {
            for (size_t after = 0; after < 20; after++) {
                char text[128];
                size_t k = strlen(pieces[i].bytes), n = before + k + after + 2;
                memset(text, 'x', sizeof text);
                text[0] = '"';
                memcpy(text + 1 + before, pieces[i].bytes, k);
                text[n - 1] = '"';
                if (accepts(text, n) != pieces[i].good) {
                    fail_msg("piece %zu after %zu bytes, before %zu", i, before, after);
                }
                assert_false(accepts(text, n - 1));
            }
        }
    }
}

static void test_walk(void **state)
{
    (void)state;
    static const char text[] =
        " { \"model\" : \"m\\u0031\" , \"n\": -42, \"on\":true,\"off\" :false,"
        "\"skip\":{\"a\":[1,{}]},\"list\":[1,2,3],\"none\":null,\"v\":[ 1 ] } ";
    struct scan s;
    struct str key, model = {0}, value = {0};
    int64_t n = 0, one = 0, sum = 0;
    bool on = false, off = true;

    scan_init(&s, text, sizeof text - 1);
    assert_int_equal(scan_peek(&s), SCAN_OBJECT);
    assert_true(scan_object(&s));
    while (scan_key(&s, &key)) {
        if (scan_raw_is(key, "model")) {
            assert_true(scan_string(&s, &model));
        } else if (scan_raw_is(key, "n")) {
            assert_true(scan_int(&s, &n));
        } else if (scan_raw_is(key, "on")) {
            assert_true(scan_bool(&s, &on));
        } else if (scan_raw_is(key, "off")) {
            assert_true(scan_bool(&s, &off));
        } else if (scan_raw_is(key, "list")) {
            assert_true(scan_array(&s));
            while (scan_element(&s)) {
                assert_true(scan_int(&s, &one));
                sum += one;
            }
        } else if (scan_raw_is(key, "v")) {
            assert_true(scan_value(&s, &value));
        } else {
            assert_true(scan_skip(&s));
        }
    }
    assert_true(scan_done(&s));
    assert_true(scan_raw_is(model, "m1"));
    assert_int_equal(n, -42);
    assert_int_equal(sum, 6);
    assert_true(on);
    assert_false(off);
    assert_int_equal(value.n, 5);
    assert_memory_equal(value.p, "[ 1 ]", 5);
}

static void test_errors_stay(void **state)
{
    (void)state;
    struct scan s;
    struct str raw;
    int64_t n = 7;
    bool flag = true;

    scan_init(&s, "{\"a\":\"b\"}", 9);
    assert_true(scan_object(&s));
    assert_true(scan_key(&s, &raw));
    assert_false(scan_int(&s, &n));
    assert_true(s.bad);
    assert_int_equal(n, 7);
    assert_int_equal(scan_offset(&s), 5);
    assert_int_equal(scan_peek(&s), SCAN_NONE);
    assert_false(scan_object(&s));
    assert_false(scan_array(&s));
    assert_false(scan_key(&s, &raw));
    assert_false(scan_element(&s));
    assert_false(scan_string(&s, &raw));
    assert_false(scan_number(&s, &raw));
    assert_false(scan_bool(&s, &flag));
    assert_false(scan_skip(&s));
    assert_false(scan_value(&s, &raw));
    assert_false(scan_done(&s));
    assert_int_equal(scan_offset(&s), 5);
    assert_true(flag);
}

static void test_wrong_types(void **state)
{
    (void)state;
    static const char *const values[] = {"{}", "[]", "\"a\"", "1", "true", "null"};
    for (int i = 0; i < 6; i++) {
        for (int call = 0; call < 5; call++) {
            struct scan s;
            struct str raw;
            bool flag, got;
            scan_init(&s, values[i], strlen(values[i]));
            switch (call) {
            case 0:
                got = scan_object(&s);
                break;
            case 1:
                got = scan_array(&s);
                break;
            case 2:
                got = scan_string(&s, &raw);
                break;
            case 3:
                got = scan_number(&s, &raw);
                break;
            default:
                got = scan_bool(&s, &flag);
                break;
            }
            assert_int_equal(got, i == call);
            assert_int_equal(s.bad, i != call);
        }
    }
}

static void test_done(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool want;
    } rows[] = {{"1", true}, {"1 \n", true}, {"1 1", false}, {"1}", false}, {"", false}};
    struct scan s;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        scan_init(&s, rows[i].text, strlen(rows[i].text));
        scan_skip(&s);
        assert_int_equal(scan_done(&s), rows[i].want);
    }
    scan_init(&s, "[1", 2); /* not closed */
    assert_true(scan_array(&s) && scan_element(&s) && scan_skip(&s));
    assert_false(scan_done(&s));
    scan_init(&s, "  ", 2); /* nothing taken */
    assert_false(scan_done(&s));
    scan_init(&s, NULL, 0);
    assert_int_equal(scan_peek(&s), SCAN_NONE);
    assert_false(scan_done(&s));
}

static void test_int_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool fits;
        int64_t value;
    } rows[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"92233720368547758070", false, 0},
        {"1.0", false, 0},
        {"1e2", false, 0},
        {"true", false, 0},
        {"\"1\"", false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scan s;
        int64_t got = 5;
        scan_init(&s, rows[i].text, strlen(rows[i].text));
        assert_int_equal(scan_int(&s, &got), rows[i].fits);
        assert_true(got == (rows[i].fits ? rows[i].value : 5));
    }
}

static void test_raw_strings(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *plain; /* plain NULL: not to be decoded */
        size_t length;
    } rows[] = {
        {"", "", 0},
        {"abc", "abc", 3},
        {"a\\nb", "a\nb", 3},
        {"\\u0041\\u00e9\\u20ac", "A\xC3\xA9\xE2\x82\xAC", 6},
        {"\\ud83d\\ude00!", "\xF0\x9F\x98\x80!", 5},
        {"\\\\u0041", "\\u0041", 6},
        {"\\\"\\/\\b\\f\\r\\t", "\"/\b\f\r\t", 6},
        {"\\u0000", NULL, 1},
        {"\\ud83d", NULL, 3},
        {"\\ude00x", NULL, 4},
        {"\\ud83d\\u0041", NULL, 4},
        {"\\ud83d\\ud83d", NULL, 6},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str raw = {rows[i].raw, strlen(rows[i].raw)};
        char out[32];
        assert_int_equal(scan_raw_length(raw), rows[i].length);
        bool decoded = scan_raw_decode(out, sizeof out, raw);
        assert_int_equal(decoded, rows[i].plain != NULL);
        if (decoded) {
            assert_string_equal(out, rows[i].plain);
            assert_true(scan_raw_is(raw, rows[i].plain));
            assert_false(scan_raw_decode(out, rows[i].length, raw));
            assert_true(scan_raw_decode(out, rows[i].length + 1, raw));
        }
        assert_false(scan_raw_is(raw, "other text that is longer than all the rows"));
        assert_false(scan_raw_is(raw, "ab"));
        assert_true(raw.n == 0 || !scan_raw_is(raw, ""));
    }
    struct str none = {NULL, 0};
    char out[4];
    assert_true(scan_raw_is(none, "") && scan_raw_length(none) == 0);
    assert_true(scan_raw_decode(out, sizeof out, none));
    assert_string_equal(out, "");
    /* Same bytes, but one of them is an escape. */
    assert_false(scan_raw_is((struct str){"a\\n", 3}, "a\\n"));
    assert_false(scan_raw_is((struct str){"max\\u0054okens", 14}, "maxToken"));
    assert_true(scan_raw_is((struct str){"max\\u0054okens", 14}, "maxTokens"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_depth),       cmocka_unit_test(test_string_at_every_place),
        cmocka_unit_test(test_walk),        cmocka_unit_test(test_errors_stay),
        cmocka_unit_test(test_wrong_types), cmocka_unit_test(test_done),
        cmocka_unit_test(test_int_bounds),  cmocka_unit_test(test_raw_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
