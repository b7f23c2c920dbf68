/* json_scan against jansson: both accept the same texts but where the header says otherwise, and
 * read the same strings and numbers out of them. */
#include "core/base/json_scan.h"
#include "tests/fuzz/fuzz.h"

#include <jansson.h>

static void compare(struct scan *s, const json_t *j);

static size_t count_members(struct scan s)
{
    struct str key;
    size_t n = 0;

    MUST(scan_object(&s));
    while (scan_key(&s, &key)) {
        n++;
        MUST(scan_skip(&s));
    }
    MUST(!s.bad);
    return n;
}

static char *decoded(struct str raw)
{
    size_t size = scan_raw_length(raw) + 1;
    char *text = malloc(size);

    MUST(text != NULL);
    if (!scan_raw_decode(text, size, raw)) { /* it holds a NUL */
        free(text);
        return NULL;
    }
    MUST(strlen(text) == size - 1 && scan_raw_is(raw, text));
    if (size > 1) {
        char *small = malloc(size - 1);
        MUST(small != NULL && !scan_raw_decode(small, size - 1, raw));
        free(small);
    }
    return text;
}

static void compare_object(struct scan *s, const json_t *j)
{
    struct str raw;

    if (count_members(*s) != json_object_size(j)) { /* a key is there twice */
        MUST(scan_skip(s));
        return;
    }
    MUST(scan_object(s));
    while (scan_key(s, &raw)) {
        char *key = decoded(raw);
        MUST(key != NULL);
        const json_t *value = json_object_get(j, key);
        MUST(value != NULL);
        free(key);
        compare(s, value);
    }
}

static void compare_number(struct scan *s, const json_t *j)
{
    struct scan at_number = *s;
    struct str raw;
    int64_t n;

    MUST(scan_number(s, &raw));
    if (json_is_integer(j)) {
        MUST(scan_int(&at_number, &n) && n == json_integer_value(j));
    } else {
        MUST(json_is_real(j) && !scan_int(&at_number, &n) && at_number.bad);
    }
}

static void compare_string(struct scan *s, const json_t *j)
{
    struct str raw;

    MUST(json_is_string(j) && scan_string(s, &raw));
    MUST(scan_raw_length(raw) == json_string_length(j));
    char *text = decoded(raw);
    bool has_nul = memchr(json_string_value(j), '\0', json_string_length(j)) != NULL;
    MUST((text == NULL) == has_nul);
    MUST(text == NULL || strcmp(text, json_string_value(j)) == 0);
    free(text);
}

static void compare(struct scan *s, const json_t *j)
{
    size_t i = 0;
    bool yes;

    switch (scan_peek(s)) {
    case SCAN_OBJECT:
        MUST(json_is_object(j));
        compare_object(s, j);
        break;
    case SCAN_ARRAY:
        MUST(json_is_array(j) && scan_array(s));
        while (scan_element(s)) {
            const json_t *element = json_array_get(j, i++);
            MUST(element != NULL);
            compare(s, element);
        }
        MUST(i == json_array_size(j));
        break;
    case SCAN_STRING:
        compare_string(s, j);
        break;
    case SCAN_NUMBER:
        compare_number(s, j);
        break;
    case SCAN_TRUE:
    case SCAN_FALSE:
        MUST(scan_bool(s, &yes) && json_is_boolean(j) && yes == json_is_true(j));
        break;
    case SCAN_NULL:
        MUST(scan_skip(s) && json_is_null(j));
        break;
    case SCAN_NONE:
        MUST(false);
    }
    MUST(!s->bad);
}

/* Nesting outside of strings, in a text that jansson accepted. */
static int depth_of(struct str text)
{
    int depth = 0, deepest = 0;
    bool in_string = false;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            deepest = ++depth > deepest ? depth : deepest;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return deepest;
}

/* Does jansson refuse something that json_scan lets pass, as its header says? */
static bool is_known_difference(const json_error_t *e)
{
    enum json_error_code code = json_error_code(e);
    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key ||
           code == json_error_null_character || strstr(e->text, "invalid Unicode '") != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n}, raw;
    struct scan s, by_value;
    json_error_t error;

    scan_init(&s, text.p, text.n);
    bool accepted = scan_skip(&s) && scan_done(&s);
    MUST(scan_offset(&s) <= n);
    scan_init(&by_value, text.p, text.n);
    MUST((scan_value(&by_value, &raw) && scan_done(&by_value)) == accepted);
    json_t *j = json_loadb(text.p, text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (accepted && j == NULL) {
        MUST(is_known_difference(&error));
    } else if (!accepted && j != NULL) {
        /* Behind a word jansson loses a NUL byte. */
        MUST(depth_of(text) > 64 || memchr(text.p, '\0', text.n) != NULL);
    } else if (accepted) {
        scan_init(&s, text.p, text.n);
        compare(&s, j);
        MUST(scan_done(&s));
    }
    json_decref(j);
    return 0;
}
