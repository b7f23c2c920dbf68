/* config_fields.c: mappings with known keys, and the types of their values. */
#include "core/config/config_private.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX  1024
#define NAMES_MAX 1000
/* For values quoted in a message. */
#define SHOWN(text) (int)((text).n < 60 ? (text).n : 60), (text).p

struct walk {
    const struct config_field *fields;
    size_t n;
    void *into;
    uint64_t seen;
};

static void unknown_key(const struct config_place *p, struct str key, const struct walk *w)
{
    const char *nearest = config_nearest(key, &w->fields->key, w->n, sizeof(struct config_field));
    if (nearest != NULL) {
        config_wrong(p, "unknown key; did you mean %s?", nearest);
        return;
    }
    char known[220];
    size_t at = 0;
    known[0] = '\0';
    for (size_t i = 0; i < w->n && at < sizeof(known); i++) {
        int n =
            snprintf(known + at, sizeof(known) - at, "%s%s", i == 0 ? "" : ", ", w->fields[i].key);
        at += n > 0 ? (size_t)n : 0;
    }
    config_wrong(p, "unknown key; known here: %s", known);
}

static void read_field(const struct config_place *p, struct str key, void *arg)
{
    struct walk *w = arg;
    for (size_t i = 0; i < w->n; i++) {
        const struct config_field *f = &w->fields[i];
        if (!str_is(key, f->key)) {
            continue;
        }
        w->seen |= UINT64_C(1) << i;
        if (!((f->flags & FIELD_NULL) && config_is_null(p))) {
            f->read(p, f, (char *)w->into + f->offset);
        }
        return;
    }
    unknown_key(p, key, w);
}

uint64_t config_read_fields(const struct config_place *p, const struct config_field *fields,
                            size_t n, void *into)
{
    struct walk w = {fields, n, into, 0};
    config_each_pair(p, read_field, &w);
    return w.seen;
}

void config_read_text(const struct config_place *p, const struct config_field *f, void *into)
{
    struct str text;
    size_t max = f->max > 0 ? (size_t)f->max : TEXT_MAX;
    if (!config_scalar(p, &text)) {
        return;
    }
    if (text.n > max) {
        config_wrong(p, "is %zu bytes long; at most %zu are allowed", text.n, max);
        return;
    }
    *(const char **)into = config_text(p->r, text);
}

void config_read_path(const struct config_place *p, const struct config_field *f, void *into)
{
    struct str text;
    (void)f;
    if (!config_scalar(p, &text)) {
        return;
    }
    char path[4096];
    const char *why = config_absolute(p->r->config->path, text, path, sizeof(path));
    if (why != NULL) {
        config_wrong(p, "%s", why);
        return;
    }
    *(const char **)into = config_text(p->r, str_of(path));
}

void config_read_bool(const struct config_place *p, const struct config_field *f, void *into)
{
    struct str text;
    (void)f;
    if (!config_scalar(p, &text)) {
        return;
    }
    if (!str_is(text, "true") && !str_is(text, "false")) {
        config_wrong(p, "must be true or false, not \"%.*s\"", SHOWN(text));
        return;
    }
    *(bool *)into = str_is(text, "true");
}

/* Index of the choice that stands at p, or -1 after a mistake. */
static int choice_at(const struct config_place *p, const char *const *choices)
{
    struct str text;
    if (!config_scalar(p, &text)) {
        return -1;
    }
    char all[160];
    size_t at = 0, n = 0;
    all[0] = '\0';
    for (; choices[n] != NULL; n++) {
        if (str_is(text, choices[n])) {
            return (int)n;
        }
        if (at < sizeof(all)) {
            int printed =
                snprintf(all + at, sizeof(all) - at, "%s%s", n == 0 ? "" : ", ", choices[n]);
            at += printed > 0 ? (size_t)printed : 0;
        }
    }
    config_wrong(p, "must be one of %s; not \"%.*s\"", all, SHOWN(text));
    return -1;
}

void config_read_either(const struct config_place *p, const struct config_field *f, void *into)
{
    int index = choice_at(p, f->choices);
    if (index >= 0) {
        *(bool *)into = index == 1;
    }
}

void config_read_choice(const struct config_place *p, const struct config_field *f, void *into)
{
    int index = choice_at(p, f->choices);
    if (index >= 0) {
        memcpy(into, &index, sizeof(index));
    }
}

/* Checks the range; `show` spells a bound in the unit of the field. */
static void put_number(const struct config_place *p, const struct config_field *f, int64_t value,
                       void (*show)(char out[32], int64_t value), void *into)
{
    char least[32], most[32];
    if (value < f->min || value > f->max) {
        show(least, f->min);
        show(most, f->max);
        config_wrong(p, "must be from %s to %s", least, most);
        return;
    }
    *(int64_t *)into = value;
}

static void show_count(char out[32], int64_t value)
{
    (void)snprintf(out, 32, "%lld", (long long)value);
}

/* The largest unit that spells the value without a rest. */
static void show_units(char out[32], int64_t value, const int64_t *factors,
                       const char *const *names)
{
    size_t i = 0;
    while (factors[i] > 1 && (value == 0 || value % factors[i] != 0)) {
        i++;
    }
    (void)snprintf(out, 32, "%lld%s", (long long)(value / factors[i]), names[i]);
}

static void show_duration(char out[32], int64_t value)
{
    static const int64_t factors[] = {86400000, 3600000, 60000, 1000, 1};
    static const char *const names[] = {"d", "h", "m", "s", "ms"};
    show_units(out, value, factors, names);
}

static void show_size(char out[32], int64_t value)
{
    static const int64_t factors[] = {1000000000, 1000000, 1000, 1};
    static const char *const names[] = {"GB", "MB", "KB", "B"};
    show_units(out, value, factors, names);
}

static bool is_digits(struct str text)
{
    int64_t number;
    return str_to_i64(text, &number);
}

void config_read_count(const struct config_place *p, const struct config_field *f, void *into)
{
    struct str text;
    int64_t value;
    if (!config_scalar(p, &text)) {
        return;
    }
    if (!config_amount_parse(text, METRIC_TOKENS, &value)) {
        config_wrong(p, "must be a whole number such as 250, 64k or 1M; not \"%.*s\"", SHOWN(text));
        return;
    }
    put_number(p, f, value, show_count, into);
}

void config_read_size(const struct config_place *p, const struct config_field *f, void *into)
{
    struct str text;
    int64_t value;
    if (!config_scalar(p, &text)) {
        return;
    }
    if (is_digits(text)) {
        config_wrong(p, "needs a unit: \"%.*sKB\" or \"%.*sMB\"", SHOWN(text), SHOWN(text));
    } else if (!config_size_parse(text, &value)) {
        config_wrong(p,
                     "must be a size with a unit (B, KB, MB, GB, KiB, MiB, GiB), such as 25MB; "
                     "not \"%.*s\"",
                     SHOWN(text));
    } else {
        put_number(p, f, value, show_size, into);
    }
}

void config_read_duration(const struct config_place *p, const struct config_field *f, void *into)
{
    struct str text;
    int64_t value;
    if (!config_scalar(p, &text)) {
        return;
    }
    if ((f->flags & FIELD_OFF) && str_is(text, "off")) {
        *(int64_t *)into = 0;
    } else if (is_digits(text)) {
        config_wrong(p, "needs a unit: \"%.*ss\" or \"%.*sm\"", SHOWN(text), SHOWN(text));
    } else if (!config_duration_parse(text, &value)) {
        config_wrong(p, "must be a time with a unit (ms, s, m, h, d), such as 60s%s; not \"%.*s\"",
                     (f->flags & FIELD_OFF) ? ", or off" : "", SHOWN(text));
    } else {
        put_number(p, f, value, show_duration, into);
    }
}

void config_read_money(const struct config_place *p, const struct config_field *f, void *into)
{
    struct str text;
    money_t value;
    (void)f;
    if (!config_scalar(p, &text)) {
        return;
    }
    if (!money_parse(text, &value)) {
        config_wrong(p, "must be dollars such as 0.80, without a sign; not \"%.*s\"", SHOWN(text));
        return;
    }
    *(int64_t *)into = value;
}

/* Nothing but case, - _ and spaces between them? */
static bool same_letters(struct str a, struct str b)
{
    size_t i = 0, j = 0;
    while (i < a.n && j < b.n) {
        if (strchr("-_ ", a.p[i])) {
            i++;
        } else if (tolower((unsigned char)a.p[i++]) != tolower((unsigned char)b.p[j++])) {
            return false;
        }
    }
    return i == a.n && j == b.n;
}

bool config_tag_key_ok(const struct config_place *p, struct str key)
{
    static const char *const known[] = {"applicationId", "costCenter", "environment"};
    if (!config_tag_text_ok(key)) {
        config_wrong(p, "a tag key has 1 to 128 of letters, digits, space and _ . : / = + @ -");
        return false;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!str_is(key, known[i]) && same_letters(key, str_of(known[i]))) {
            config_wrong(p, "the tag is spelled %s", known[i]);
            return false;
        }
    }
    return true;
}

/* A name or value as the flags of f want it. */
static bool word_ok(const struct config_place *p, const struct config_field *f, struct str word,
                    bool is_key)
{
    if ((f->flags & FIELD_TAG_KEYS) && is_key) {
        return config_tag_key_ok(p, word);
    }
    if ((f->flags & FIELD_TAG_VALUES) && !config_tag_text_ok(word)) {
        config_wrong(p,
                     "a tag value has 1 to 128 of letters, digits, space and _ . : / = + @ -; "
                     "not \"%.*s\"",
                     SHOWN(word));
        return false;
    }
    return true;
}

struct names_walk {
    const struct config_field *f;
    struct config_names *names;
};

static void read_name(const struct config_place *p, size_t i, void *arg)
{
    struct names_walk *w = arg;
    struct str word;
    (void)i;
    if (!config_scalar(p, &word) || !word_ok(p, w->f, word, true)) {
        return;
    }
    if (w->f->flags & FIELD_TAG_KEYS) {
        word = config_tag_key(word);
    }
    for (size_t j = 0; j < w->names->count; j++) {
        if (str_is(word, w->names->at[j])) {
            config_wrong(p, "\"%.*s\" is in the list twice", SHOWN(word));
            return;
        }
    }
    w->names->at[w->names->count++] = config_text(p->r, word);
}

void config_read_names(const struct config_place *p, const struct config_field *f, void *into)
{
    size_t max = f->max > 0 ? (size_t)f->max : NAMES_MAX;
    size_t count = config_size_of(p) < max ? config_size_of(p) : max;
    struct config_names names = {config_memory(p->r, count, sizeof(char *)), 0};
    struct names_walk w = {f, &names};
    if (names.at != NULL && config_each_item(p, max, read_name, &w)) {
        *(struct config_names *)into = names;
    }
}

struct pairs_walk {
    const struct config_field *f;
    struct config_pairs *pairs;
    size_t max;
};

static void read_pair(const struct config_place *p, struct str key, void *arg)
{
    struct pairs_walk *w = arg;
    struct str value;
    if (!word_ok(p, w->f, key, true) || !config_scalar(p, &value) ||
        !word_ok(p, w->f, value, false)) {
        return;
    }
    if (w->f->flags & FIELD_TAG_KEYS) {
        key = config_tag_key(key);
    }
    for (size_t i = 0; i < w->pairs->count; i++) {
        if (str_is(key, w->pairs->at[i].key)) {
            config_wrong(p, "%s is given twice", w->pairs->at[i].key);
            return;
        }
    }
    if (w->pairs->count == w->max) {
        config_wrong(p, "has more than %zu entries", w->max);
        return;
    }
    w->pairs->at[w->pairs->count++] =
        (struct config_pair){config_text(p->r, key), config_text(p->r, value)};
}

void config_read_pairs(const struct config_place *p, const struct config_field *f, void *into)
{
    size_t max = f->max > 0 ? (size_t)f->max : NAMES_MAX;
    size_t count = config_size_of(p) < max ? config_size_of(p) : max;
    struct config_pairs pairs = {config_memory(p->r, count, sizeof(struct config_pair)), 0};
    struct pairs_walk w = {f, &pairs, count};
    if (pairs.at != NULL && config_each_pair(p, read_pair, &w)) {
        *(struct config_pairs *)into = pairs;
    }
}
