#include "core/control/long_table.h"

#include <string.h>

#include "core/base/json_scan.h"

#define NAME_MAX_BYTES 64
#define DEPTH_MAX      3

static json_t *rows_of(struct str text)
{
    struct scan s;
    struct str row;
    json_t *rows = json_array();
    scan_init(&s, text.p, text.n);
    if (scan_array(&s)) {
        while (scan_element(&s) && scan_value(&s, &row)) {
            (void)json_array_append_new(rows, json_stringn_nocheck(row.p, row.n));
        }
    }
    if (!scan_done(&s)) {
        json_decref(rows);
        return NULL;
    }
    return rows;
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

static json_t *load(struct str text, const char *const *names, int depth);

static json_t *member(const char *name, struct str text, const char *const *names, int depth)
{
    bool table = text.n > LONG_TABLE_BYTES && text.p[0] == '[' && is_table(name, names);
    return table ? rows_of(text) : load(text, names, depth + 1);
}

static json_t *load(struct str text, const char *const *names, int depth)
{
    struct scan s;
    struct str key;
    struct str value;
    char name[NAME_MAX_BYTES];
    if (text.n <= LONG_TABLE_BYTES || text.p[0] != '{' || depth == DEPTH_MAX) {
        return json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL);
    }
    json_t *object = json_object();
    bool ok = true;
    scan_init(&s, text.p, text.n);
    ok = scan_object(&s);
    while (ok && scan_key(&s, &key)) {
        ok = scan_value(&s, &value) && scan_raw_decode(name, sizeof name, key) &&
             json_object_set_new(object, name, member(name, value, names, depth)) == 0;
    }
    if (!ok || !scan_done(&s)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *long_table_load(const char *text, size_t n, const char *const *names)
{
    return n <= LONG_TABLE_BYTES ? json_loadb(text, n, 0, NULL)
                                 : load((struct str){text, n}, names, 0);
}
