/* converse_text.c: how much text an event brings. */
#include "core/base/json_scan.h"
#include "core/dialect/bedrock.h"

/* Sum of the lengths of all strings in the next value; depth is bounded by the scan. */
static void add_strings(struct scan *s, int64_t *sum) /* NOLINT(misc-no-recursion) */
{
    struct str raw;

    switch (scan_peek(s)) {
    case SCAN_STRING:
        if (scan_string(s, &raw)) {
            *sum += (int64_t)scan_raw_length(raw);
        }
        break;
    case SCAN_OBJECT:
        scan_object(s);
        while (scan_key(s, &raw)) {
            add_strings(s, sum);
        }
        break;
    case SCAN_ARRAY:
        scan_array(s);
        while (scan_element(s)) {
            add_strings(s, sum);
        }
        break;
    case SCAN_NONE:
    case SCAN_NUMBER:
    case SCAN_TRUE:
    case SCAN_FALSE:
    case SCAN_NULL:
        scan_skip(s);
        break;
    }
}

int64_t bedrock_content_bytes(struct str json)
{
    struct scan s;
    struct str key;
    int64_t bytes = 0;

    scan_init(&s, json.p, json.n);
    if (!scan_object(&s)) {
        return (int64_t)json.n;
    }
    while (scan_key(&s, &key)) {
        if (scan_raw_is(key, "delta")) {
            add_strings(&s, &bytes);
        } else {
            scan_skip(&s);
        }
    }
    return scan_done(&s) ? bytes : (int64_t)json.n;
}
