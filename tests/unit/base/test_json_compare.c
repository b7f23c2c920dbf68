/* The JSON reader against jansson, over many texts and mutations of them. */
#include "tests/unit/base/json_block.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Reads by the typed calls and compares with what jansson read. */
static bool same_value(struct scan *s, json_t *want);

static bool same_string(struct str raw, json_t *want)
{
    size_t n = json_string_length(want);
    char *out = malloc(n + 1);
    assert_non_null(out);
    bool decoded = scan_raw_decode(out, n + 1, raw);
    bool same = decoded && memcmp(out, json_string_value(want), n + 1) == 0 &&
                scan_raw_length(raw) == n && scan_raw_is(raw, json_string_value(want)) &&
                !scan_raw_decode(out, n, raw);
    free(out);
    return same;
}

static bool same_object(struct scan *s, json_t *want)
{
    size_t members = 0;
    struct str key;
    bool same = scan_object(s);
    struct scan start = *s;

    while (scan_key(s, &key)) {
        members++;
        scan_skip(s);
    }
    if (members != json_object_size(want)) { /* a key twice: the callers' matter */
        return same && !s->bad;
    }
    struct scan again = start;
    while (same && scan_key(&again, &key)) {
        char name[512];
        assert_true(scan_raw_decode(name, sizeof name, key));
        json_t *value = json_object_get(want, name);
        same = value && scan_raw_is(key, name) && same_value(&again, value);
    }
    return same && again.at == s->at;
}

static bool same_array(struct scan *s, json_t *want)
{
    size_t i = 0;
    bool same = scan_array(s);
    while (same && scan_element(s)) {
        same = i < json_array_size(want) && same_value(s, json_array_get(want, i));
        i++;
    }
    return same && i == json_array_size(want);
}

static bool same_number(struct scan *s, json_t *want)
{
    struct scan copy = *s;
    struct str raw;
    int64_t n;
    if (json_is_integer(want)) {
        return scan_int(s, &n) && n == json_integer_value(want);
    }
    assert_false(scan_int(&copy, &n));
    char text[512];
    if (!scan_number(s, &raw) || raw.n >= sizeof text) {
        return false;
    }
    memcpy(text, raw.p, raw.n);
    text[raw.n] = '\0';
    double got = strtod(text, NULL), expected = json_real_value(want);
    return memcmp(&got, &expected, sizeof got) == 0;
}

static bool same_value(struct scan *s, json_t *want)
{
    struct str raw;
    bool flag;

    switch (scan_peek(s)) {
    case SCAN_OBJECT:
        return json_is_object(want) && same_object(s, want);
    case SCAN_ARRAY:
        return json_is_array(want) && same_array(s, want);
    case SCAN_STRING:
        return json_is_string(want) && scan_string(s, &raw) && same_string(raw, want);
    case SCAN_NUMBER:
        return json_is_number(want) && same_number(s, want);
    case SCAN_TRUE:
    case SCAN_FALSE:
        return json_is_boolean(want) && scan_bool(s, &flag) && flag == json_is_true(want);
    case SCAN_NULL:
        return json_is_null(want) && scan_skip(s);
    case SCAN_NONE:
    default:
        return false;
    }
}

/* What jansson refuses and the scan lets pass, as its header says. */
static bool may_differ(const json_error_t *error)
{
    enum json_error_code code = json_error_code(error);
    return code == json_error_numeric_overflow || code == json_error_null_character ||
           code == json_error_null_byte_in_key || strncmp(error->text, "invalid Unicode", 15) == 0;
}

static size_t depth_of(const char *text, size_t n)
{
    size_t depth = 0, most = 0;
    for (size_t i = 0; i < n; i++) {
        depth += text[i] == '[' || text[i] == '{';
        most = depth > most ? depth : most;
    }
    return most;
}

static int compared, accepted;

static void compare(const char *text, size_t n)
{
    json_error_t error;
    json_t *want = json_loadb(text, n, JSON_DECODE_ANY, &error);
    bool ok = accepts(text, n);

    compared++;
    accepted += ok;
    if (want && !ok && depth_of(text, n) <= 64) {
        fail_msg("refused, but is JSON: %.*s", (int)n, text);
    }
    if (!want && ok && !may_differ(&error)) {
        fail_msg("accepted, but jansson says \"%s\": %.*s", error.text, (int)n, text);
    }
    if (want && ok) {
        char *block = block_of(text, n);
        struct scan s;
        scan_init(&s, block, n);
        if (!same_value(&s, want) || !scan_done(&s)) {
            fail_msg("read otherwise than jansson: %.*s", (int)n, text);
        }
        free(block);
    }
    json_decref(want);
}

static const char *const texts[] = {
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1",
    "12345678901",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "-9223372036854775809",
    "99999999999999999999999999",
    "1.5",
    "-0.0",
    "0.1e1",
    "1e5",
    "1E+5",
    "1e-5",
    "1e400",
    "1e-400",
    "-1e999",
    "01",
    "-01",
    "00",
    "+1",
    "-",
    "--1",
    ".5",
    "1.",
    "1.e5",
    "1e",
    "1e+",
    "1.5.5",
    "0x1",
    "1_0",
    "Infinity",
    "NaN",
    "-Infinity",
    "1 2",
    "1,",
    ",1",
    "",
    " ",
    "\t\r\n 1 \t\r\n",
    "\f1",
    "\v1",
    "\xC2\xA0"
    "1",
    "\xEF\xBB\xBF"
    "1",
    "nul",
    "nulll",
    "null1",
    "nullnull",
    "True",
    "tru",
    "truefalse",
    "falsee",
    "\"\"",
    "\"a\"",
    "\"",
    "\"a",
    "a\"",
    "'a'",
    "\"a\"b",
    "\"a\" \"b\"",
    "\"\\\"\"",
    "\"\\\\\"",
    "\"\\/\"",
    "\"\\b\\f\\n\\r\\t\"",
    "\"\\a\"",
    "\"\\v\"",
    "\"\\0\"",
    "\"\\x41\"",
    "\"\\\"",
    "\"\\",
    "\"\\u0041\"",
    "\"\\u00e9\"",
    "\"\\u20AC\"",
    "\"\\uD83D\\uDE00\"",
    "\"\\uD83D\"",
    "\"\\uDE00\"",
    "\"\\uDE00\\uD83D\"",
    "\"\\uD83D\\u0041\"",
    "\"\\uD83Dx\"",
    "\"\\uD83D\\n\"",
    "\"\\uDBFF\\uDFFF\"",
    "\"\\uD800\\uDC00\"",
    "\"\\u\"",
    "\"\\u1\"",
    "\"\\u12\"",
    "\"\\u123\"",
    "\"\\u123g\"",
    "\"\\u 123\"",
    "\"\\u+123\"",
    "\"\\U0041\"",
    "\"\\u0000\"",
    "\"a\\u0000b\"",
    "\"\\u001f\"",
    "\"\\uFFFF\"",
    "\"\t\"",
    "\"\n\"",
    "\"\x1f\"",
    "\"\x7f\"",
    "\"\x01\"",
    "\"\xC3\xA9\"",
    "\"\xE2\x82\xAC\"",
    "\"\xF0\x9F\x98\x80\"",
    "\"\xC0\x80\"",
    "\"\xC1\xBF\"",
    "\"\xC2\"",
    "\"\xC2\x41\"",
    "\"\x80\"",
    "\"\xBF\"",
    "\"\xE0\x80\x80\"",
    "\"\xE0\x9F\xBF\"",
    "\"\xE0\xA0\x80\"",
    "\"\xED\x9F\xBF\"",
    "\"\xED\xA0\x80\"",
    "\"\xED\xBF\xBF\"",
    "\"\xEE\x80\x80\"",
    "\"\xEF\xBF\xBF\"",
    "\"\xE2\x82\"",
    "\"\xE2\"",
    "\"\xE2\x82\xAC\x80\"",
    "\"\xF0\x80\x80\x80\"",
    "\"\xF0\x8F\xBF\xBF\"",
    "\"\xF0\x90\x80\x80\"",
    "\"\xF4\x8F\xBF\xBF\"",
    "\"\xF4\x90\x80\x80\"",
    "\"\xF5\x80\x80\x80\"",
    "\"\xF8\x88\x80\x80\x80\"",
    "\"\xFE\"",
    "\"\xFF\"",
    "\"\xF0\x9F\x98\"",
    "\"\xF0\x9F\"",
    "\"\xF0\"",
    "[]",
    "[ ]",
    "[1]",
    "[1,2]",
    "[ 1 , 2 ]",
    "[,]",
    "[1,]",
    "[,1]",
    "[1,,2]",
    "[1 2]",
    "[",
    "[1",
    "[1,",
    "]",
    "[]]",
    "[[]",
    "[[]]",
    "[[],[]]",
    "[[],]",
    "[1}",
    "[}",
    "[\"a\",null,true,false,-1.5e3,{},[]]",
    "{}",
    "{ }",
    "{\"a\":1}",
    "{ \"a\" : 1 , \"b\" : 2 }",
    "{\"a\":1,}",
    "{,}",
    "{,\"a\":1}",
    "{\"a\":1,,\"b\":2}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\",1}",
    "{\"a\":1 \"b\":2}",
    "{a:1}",
    "{1:1}",
    "{\"a\":1",
    "{\"a\":",
    "{\"a\"",
    "{\"a",
    "{",
    "}",
    "{}}",
    "{]",
    "{\"a\":1]",
    "{\"a\"::1}",
    "{\"a\":1:2}",
    "{\"\":1}",
    "{\"a\":1,\"a\":2}",
    "{\"\\u0061\":1}",
    "{\"\\u0000\":1}",
    "{\"a\":{\"b\":{\"c\":[1,{\"d\":null}]}}}",
    "{\"a\":[{},{},[[]]],\"b\":\"\"}",
    "/**/1",
    "1//",
    "[1,/**/2]",
    "#",
    "{\"k\":\"0123456789012345678901234567890123456789\"}",
    "{\"model\":\"m\",\"max_tokens\":1024,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
    "\"text\",\"text\":\"Gr\xC3\xBC\xC3\x9F"
    "e, \\\"Welt\\\" \\u2014 ok\\n\"}]}],\"stream\":true,"
    "\"temperature\":0.7,\"stop\":null}",
    "{\"inferenceConfig\":{\"maxTokens\":512,\"topP\":9e-1},\"system\":[{\"text\":"
    "\"\xE4\xBD\xA0\xE5"
    "\xA5\xBD\xEF\xBC\x8C\xE4\xB8\x96\xE7\x95\x8C\"}],\"toolConfig\":{\"tools\":[]}}",
};
#define TEXTS (sizeof texts / sizeof *texts)

static void test_table_against_jansson(void **state)
{
    (void)state;
    for (size_t i = 0; i < TEXTS; i++) {
        compare(texts[i], strlen(texts[i]));
        for (size_t cut = 0; cut < strlen(texts[i]); cut++) {
            compare(texts[i], cut);
        }
    }
    compare("[1,\0002]", 6);
    compare("\"a\0b\"", 5);
    assert_false(accepts("1\0", 2)); /* jansson takes that NUL for the end */
    assert_true(compared > 1000);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Changes, drops, doubles or inserts a few bytes, out of those that matter to JSON. */
static size_t mutate(char *text, size_t n, size_t size, uint32_t *seed)
{
    static const char alphabet[] = "{}[],:\"\"\\\\/ubfnrt0123456789+-.eE "
                                   "\t\n\r\x01\x7f\xC3\xA9\xE2\x82\xAC\xF0\x9F\xED\xA0\x80"
                                   "tfnulasedD8cC";
    for (uint32_t times = 1 + next_random(seed) % 3; times > 0; times--) {
        size_t at = n ? next_random(seed) % n : 0;
        char byte = alphabet[next_random(seed) % (sizeof alphabet - 1)];
        switch (next_random(seed) % 4) {
        case 0:
            if (n) {
                text[at] = byte;
            }
            break;
        case 1:
            if (n) {
                memmove(text + at, text + at + 1, n - at - 1);
                n--;
            }
            break;
        case 2:
            if (n + 1 < size) {
                memmove(text + at + 1, text + at, n - at);
                text[at] = byte;
                n++;
            }
            break;
        default: {
            size_t piece = n > at + 8 ? 8 : n - at;
            if (n + piece < size) {
                memmove(text + at + piece, text + at, n - at);
                n += piece;
            }
            break;
        }
        }
    }
    return n;
}

static void test_mutations_against_jansson(void **state)
{
    (void)state;
    uint32_t seed = 20261121;
    int before = accepted;
    compared = 0;
    for (size_t i = 0; i < TEXTS; i++) {
        for (int round = 0; round < 300; round++) {
            char text[1024];
            size_t n = strlen(texts[i]);
            memcpy(text, texts[i], n);
            n = mutate(text, n, sizeof text, &seed);
            compare(text, n);
        }
    }
    assert_true(compared > 50000);
    assert_true(accepted - before > 5000); /* both sides of the fence are met */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_against_jansson),
        cmocka_unit_test(test_mutations_against_jansson),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
