/* splice.c: see splice.h. */
#include "core/dialect/splice.h"

#include <string.h>

#define METADATA_ENTRIES  16
#define METADATA_TEXT_MAX 256

void splice_free(struct splice *s)
{
    buf_free(&s->texts);
    *s = (struct splice){0};
}

void splice_put(struct splice *s, size_t from, size_t to, struct str text)
{
    size_t i = s->count;

    if (i == SPLICE_EDITS) {
        s->failed = true;
        return;
    }
    /* In the order of the text; of two at one place the earlier call goes first. */
    while (i > 0 && s->edits[i - 1].from > from) {
        s->edits[i] = s->edits[i - 1];
        i--;
    }
    s->edits[i].from = from;
    s->edits[i].to = to;
    s->edits[i].text = s->texts.len;
    s->edits[i].text_len = text.n;
    s->count++;
    s->failed = s->failed || !buf_add_str(&s->texts, text);
}

void splice_insert(struct splice *s, const struct splice_object *o, struct str members)
{
    splice_put(s, o->open, o->open, members);
    if (!o->empty) {
        splice_put(s, o->open, o->open, STR(","));
    }
}

void splice_append(struct splice *s, struct str text, const struct splice_object *o,
                   struct str members)
{
    size_t close = o->to;

    while (close > o->open && text.p[close - 1] != '}') {
        close--;
    }
    close--;
    if (!o->empty) {
        splice_put(s, close, close, STR(","));
    }
    splice_put(s, close, close, members);
}

/* Appends the changed text from `from` up to `to`; all edits are in between. */
static enum err apply(struct splice *s, struct str text, size_t from, size_t to, struct buf *out)
{
    struct str texts = buf_str(&s->texts);
    size_t at = from;

    if (s->failed) {
        return s->texts.failed ? ERR_NOMEM : ERR_FULL;
    }
    (void)buf_reserve(out, to - from + texts.n); /* at once, not doubled up to */
    for (size_t i = 0; i < s->count; i++) {
        buf_add_str(out, str_sub(text, at, s->edits[i].from - at));
        buf_add_str(out, str_sub(texts, s->edits[i].text, s->edits[i].text_len));
        at = s->edits[i].to;
    }
    buf_add_str(out, str_sub(text, at, to - at));
    return out->failed ? ERR_NOMEM : ERR_OK;
}

enum err splice_apply(struct splice *s, struct str text, struct buf *out)
{
    return apply(s, text, 0, text.n, out);
}

enum err splice_middle(struct splice *s, struct str text, struct buf *out, size_t *front,
                       size_t *back)
{
    size_t from = s->count > 0 ? s->edits[0].from : text.n;
    size_t to = s->count > 0 ? s->edits[s->count - 1].to : text.n;

    *front = from;
    *back = text.n - to;
    return apply(s, text, from, to, out);
}

struct splice_object splice_value(struct str text, size_t from, size_t to)
{
    struct splice_object o = {.from = from, .to = to};
    struct str key;
    struct scan s;

    if (to == from) {
        return o;
    }
    scan_init(&s, text.p + from, to - from);
    if (scan_peek(&s) == SCAN_OBJECT && scan_object(&s)) {
        o.found = true;
        o.open = from + scan_offset(&s);
        o.empty = !scan_key(&s, &key);
    }
    return o;
}

struct splice_object splice_object(struct str text)
{
    return splice_value(text, 0, text.n);
}

bool splice_member(struct str text, const struct splice_object *in, const char *name,
                   struct splice_object *value)
{
    struct str key, raw;
    bool found = false;
    struct scan s;

    scan_init(&s, text.p + in->from, in->to - in->from);
    if (scan_peek(&s) != SCAN_OBJECT) {
        return false;
    }
    scan_object(&s);
    while (scan_key(&s, &key) && scan_value(&s, &raw)) {
        if (scan_raw_is(key, name)) {
            size_t from = (size_t)(raw.p - text.p);
            *value = splice_value(text, from, from + raw.n);
            found = true;
        }
    }
    return found;
}

/* [a-zA-Z0-9\s:_@$#=/+,-.] */
static bool metadata_ok(struct str value)
{
    static const char marks[] = " \t\n\r\v\f:_@$#=/+,-.";

    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i], lower = (char)(c | 0x20);
        if (!(c >= '0' && c <= '9') && !(lower >= 'a' && lower <= 'z') &&
            (c == '\0' || strchr(marks, c) == NULL)) {
            return false;
        }
    }
    return value.n <= METADATA_TEXT_MAX;
}

static void add_string_at(struct splice *s, size_t from, size_t to, struct str value)
{
    struct buf b = {0};

    buf_json_string(&b, value);
    s->failed = s->failed || b.failed;
    splice_put(s, from, to, buf_str(&b));
    buf_free(&b);
}

/* Sets what is there under the same key; marks those tags done. Returns the number of entries. */
static size_t replace_entries(struct splice *s, struct str text, const struct splice_object *o,
                              const struct tags *tags, bool *done)
{
    size_t entries = 0;
    struct str key, raw;
    struct scan scan;

    scan_init(&scan, text.p + o->from, o->to - o->from);
    scan_object(&scan);
    while (scan_key(&scan, &key) && scan_value(&scan, &raw)) {
        entries++;
        for (size_t i = 0; i < tags->count; i++) {
            struct str value = tags->at[i].value;
            if (!metadata_ok(value) || !scan_raw_is(key, tags->at[i].key.p)) {
                continue;
            }
            done[i] = true;
            struct str inner = raw.n >= 2 && raw.p[0] == '"' ? str_sub(raw, 1, raw.n - 2) : STR("");
            if (raw.p[0] != '"' || !scan_raw_is(inner, value.p)) {
                size_t from = (size_t)(raw.p - text.p);
                add_string_at(s, from, from + raw.n, value);
            }
        }
    }
    return entries;
}

static bool carried(const struct tag *t)
{
    return t->key.n > 0 && metadata_ok(t->key) && metadata_ok(t->value);
}

static bool is_ours(const struct tags *tags, struct str raw_key)
{
    for (size_t i = 0; i < tags->count; i++) {
        if (carried(&tags->at[i]) && scan_raw_is(raw_key, tags->at[i].key.p)) {
            return true;
        }
    }
    return false;
}

/* Whether the client's entries leave no room for ours. */
static bool too_many(struct str text, const struct splice_object *o, const struct tags *tags)
{
    size_t all = 0;
    struct str key, raw;
    struct scan scan;

    for (size_t i = 0; i < tags->count; i++) {
        all += carried(&tags->at[i]);
    }
    scan_init(&scan, text.p + o->from, o->to - o->from);
    scan_object(&scan);
    while (scan_key(&scan, &key) && scan_value(&scan, &raw)) {
        all += !is_ours(tags, key);
    }
    return all > METADATA_ENTRIES;
}

/* Ours, then of the client's as many as there is room for: nobody fills the map to go unnamed. */
static void rebuild(struct splice *s, struct str text, const struct splice_object *o,
                    const struct tags *tags)
{
    struct buf b = {0};
    size_t n = 0;
    struct str key, raw;
    struct scan scan;

    for (size_t i = 0; i < tags->count && n < METADATA_ENTRIES; i++) {
        if (carried(&tags->at[i])) {
            buf_add(&b, n++ > 0 ? "," : "{");
            buf_json_string(&b, tags->at[i].key);
            buf_add(&b, ":");
            buf_json_string(&b, tags->at[i].value);
        }
    }
    scan_init(&scan, text.p + o->from, o->to - o->from);
    scan_object(&scan);
    while (scan_key(&scan, &key) && scan_value(&scan, &raw)) {
        if (n < METADATA_ENTRIES && !is_ours(tags, key)) {
            buf_add(&b, n++ > 0 ? ",\"" : "{\"");
            buf_add_str(&b, key);
            buf_add(&b, "\":");
            buf_add_str(&b, raw);
        }
    }
    buf_add(&b, "}");
    s->failed = s->failed || b.failed;
    splice_put(s, o->from, o->to, buf_str(&b));
    buf_free(&b);
}

void splice_metadata(struct splice *s, struct str text, const struct splice_object *o,
                     const struct tags *tags, struct buf *fresh)
{
    if (o->found && too_many(text, o, tags)) {
        rebuild(s, text, o, tags);
        return;
    }
    bool done[TAGS_MAX] = {false};
    size_t entries = o->found ? replace_entries(s, text, o, tags, done) : 0;
    struct buf added = {0};

    for (size_t i = 0; i < tags->count && entries < METADATA_ENTRIES; i++) {
        const struct tag *t = &tags->at[i];
        if (done[i] || t->key.n == 0 || !metadata_ok(t->key) || !metadata_ok(t->value)) {
            continue;
        }
        buf_add(&added, added.len > 0 ? "," : "");
        buf_json_string(&added, t->key);
        buf_add(&added, ":");
        buf_json_string(&added, t->value);
        entries++;
    }
    if (added.len > 0 && o->found) {
        splice_insert(s, o, buf_str(&added));
    } else if (added.len > 0) {
        buf_add(fresh, "{");
        buf_add_str(fresh, buf_str(&added));
        buf_add(fresh, "}");
    }
    s->failed = s->failed || added.failed || fresh->failed;
    buf_free(&added);
}
