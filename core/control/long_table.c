#include "core/control/long_table.h"

#include <string.h>

#include "core/base/json_scan.h"

#define NAME_MAX_BYTES 64
#define DEPTH_MAX      2 /* the message, and what it tells */

static json_t *parsed(struct str text)
{
    return json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL);
}

/* An array as the texts of its elements, or, when it is short, as it is. */
static json_t *table(struct scan *s)
{
    struct str row;
    const char *from = s->at;
    json_t *rows = json_array();
    bool ok = scan_array(s);
    while (ok && scan_element(s)) {
        ok = scan_value(s, &row) &&
             json_array_append_new(rows, json_stringn_nocheck(row.p, row.n)) == 0;
    }
    struct str text = {from, (size_t)(s->at - from)};
    if (ok && !s->bad && text.n > LONG_TABLE_BYTES) {
        return rows;
    }
    json_decref(rows);
    return ok && !s->bad ? parsed(text) : NULL;
}

static bool is_table(const char *name, const char *const *names)
{
    for (; *names; names++) {
        if (strcmp(name, *names) == 0) {
            return true;
        }
    }
    return false;
}

/* Each byte of a table is read once: what is above it is walked, not skipped and loaded again. */
static json_t *object(struct scan *s, const char *const *names, int depth)
{
    struct str key;
    struct str text;
    char name[NAME_MAX_BYTES];
    json_t *out = json_object();
    bool ok = scan_object(s);
    while (ok && scan_key(s, &key)) {
        json_t *value;
        enum scan_type type = scan_peek(s);
        ok = scan_raw_decode(name, sizeof name, key);
        if (ok && type == SCAN_ARRAY && is_table(name, names)) {
            value = table(s);
        } else if (ok && type == SCAN_OBJECT && depth < DEPTH_MAX) {
            value = object(s, names, depth + 1);
        } else {
            value = ok && scan_value(s, &text) ? parsed(text) : NULL;
        }
        ok = ok && json_object_set_new(out, name, value) == 0;
    }
    if (!ok || s->bad) {
        json_decref(out);
        return NULL;
    }
    return out;
}

json_t *long_table_load(const char *text, size_t n, const char *const *names)
{
    if (n <= LONG_TABLE_BYTES) {
        return json_loadb(text, n, 0, NULL);
    }
    struct scan s;
    scan_init(&s, text, n);
    json_t *out = object(&s, names, 1);
    if (out && !scan_done(&s)) {
        json_decref(out);
        return NULL;
    }
    return out;
}
