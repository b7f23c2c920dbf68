/* tags.c: the tags of a call: at most one value a key, in key order. */
#include "core/catalog/call.h"

#include <string.h>

static int compare(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n == 0 ? 0 : memcmp(a.p, b.p, n);
    if (order != 0) {
        return order;
    }
    return a.n < b.n ? -1 : a.n > b.n;
}

struct str tags_get(const struct tags *t, const char *key)
{
    for (size_t i = 0; i < t->count; i++) {
        if (str_is(t->at[i].key, key)) {
            return t->at[i].value;
        }
    }
    return (struct str){"", 0};
}

enum err tags_set(struct tags *t, struct arena *a, struct str key, struct str value)
{
    size_t at = 0;
    while (at < t->count && compare(t->at[at].key, key) < 0) {
        at++;
    }
    bool replaces = at < t->count && str_eq(t->at[at].key, key);
    if (!replaces && t->count == TAGS_MAX) {
        return ERR_FULL;
    }
    struct tag tag = {replaces ? t->at[at].key : arena_str(a, key), arena_str(a, value)};
    if (tag.key.p == NULL || tag.value.p == NULL) {
        return ERR_NOMEM;
    }
    if (!replaces) {
        memmove(&t->at[at + 1], &t->at[at], (t->count - at) * sizeof(t->at[0]));
        t->count++;
    }
    t->at[at] = tag;
    return ERR_OK;
}

bool tags_value_ok(struct str value)
{
    return config_tag_text_ok(value);
}

bool tags_key_ok(struct str key)
{
    return config_tag_text_ok(key);
}

bool tags_json(struct buf *out, const struct tags *t)
{
    buf_add(out, "{");
    for (size_t i = 0; i < t->count; i++) {
        buf_add(out, i == 0 ? "" : ",");
        buf_json_string(out, t->at[i].key);
        buf_add(out, ":");
        buf_json_string(out, t->at[i].value);
    }
    return buf_add(out, "}");
}
