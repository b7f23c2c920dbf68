#include "tui/rows.h"

#include "core/base/json_scan.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 64

void rows_free(struct rows *r)
{
    for (int i = 0; i < ROWS_KEPT; i++) {
        json_decref(r->text[i]);
        json_decref(r->row[i]);
    }
    memset(r, 0, sizeof *r);
}

static json_t *parse(struct rows *r, json_t *text)
{
    for (int i = 0; i < ROWS_KEPT; i++) {
        int at = (r->newest + ROWS_KEPT - i) % ROWS_KEPT;
        if (r->text[at] == text) {
            return r->row[at];
        }
    }
    r->newest = (r->newest + 1) % ROWS_KEPT;
    json_decref(r->text[r->newest]);
    json_decref(r->row[r->newest]);
    r->text[r->newest] = json_incref(text);
    r->row[r->newest] =
        json_loadb(json_string_value(text), json_string_length(text), JSON_ALLOW_NUL, NULL);
    return r->row[r->newest];
}

json_t *rows_at(struct rows *r, const json_t *array, size_t i)
{
    json_t *row = json_array_get(array, i);
    return json_is_string(row) ? parse(r, row) : row;
}

static bool find(const json_t *array, size_t i, const char *member, struct scan *s)
{
    const json_t *row = json_array_get(array, i);
    struct str key;
    if (!json_is_string(row)) {
        return false;
    }
    scan_init(s, json_string_value(row), json_string_length(row));
    if (!scan_object(s)) {
        return false;
    }
    while (scan_key(s, &key)) {
        if (scan_raw_is(key, member)) {
            return true;
        }
        (void)scan_skip(s);
    }
    return false;
}

bool rows_text(const json_t *array, size_t i, const char *member, char *out, size_t size)
{
    struct scan s;
    struct str raw;
    return find(array, i, member, &s) && scan_peek(&s) == SCAN_STRING && scan_string(&s, &raw) &&
           scan_raw_decode(out, size, raw);
}

bool rows_number(const json_t *array, size_t i, const char *member, double *out)
{
    struct scan s;
    struct str raw;
    char text[NUMBER_MAX];
    if (!find(array, i, member, &s) || scan_peek(&s) != SCAN_NUMBER || !scan_number(&s, &raw) ||
        raw.n >= sizeof text) {
        return false;
    }
    memcpy(text, raw.p, raw.n);
    text[raw.n] = '\0';
    *out = strtod(text, NULL); /* LC_NUMERIC stays "C" */
    return true;
}
