/* rule.c: one limit of the file made ready: which calls it means and in which group they count. */
#include "core/limit/limit_private.h"
#include "core/limit/window.h"

#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 255 /* bytes of a value that tell groups apart */
#define NONE      STR("none")

static enum source source_of(struct str key)
{
    if (str_is(key, "model")) {
        return SOURCE_MODEL;
    }
    return str_is(key, "principal") ? SOURCE_PRINCIPAL : SOURCE_TAG;
}

static void read_file(struct rule *r)
{
    const struct config_limit *f = r->file;
    r->rolling = f->rolling && f->window != WINDOW_NONE;
    r->matcher_count = f->match_count < CONFIG_MATCHES_MAX ? f->match_count : CONFIG_MATCHES_MAX;
    for (size_t i = 0; i < r->matcher_count; i++) {
        struct matcher *m = &r->matchers[i];
        m->key = config_tag_key(str_of(f->match[i].key));
        m->source = source_of(m->key);
        m->pattern = f->match[i].glob;
        m->glob = str_of(f->match[i].glob);
        m->literal = strpbrk(m->pattern, "*?") == NULL;
    }
    r->part_count = f->per_count < CONFIG_TAG_KEYS_MAX ? f->per_count : CONFIG_TAG_KEYS_MAX;
    for (size_t i = 0; i < r->part_count; i++) {
        struct str key = config_tag_key(str_of(f->per[i]));
        r->parts[i] = (struct part){source_of(key), str_sub(key, 0, TAG_KEY_MAX)};
    }
    r->identity = debt_rule_hash(r);
}

struct rule *rule_new(const struct config_limit *file, struct err_info *ei)
{
    if (file->rolling && window_length_ms(file->window) == 0 && file->window != WINDOW_NONE) {
        err_set(ei, ERR_UNSUPPORTED, "limit %s: a rolling window lasts at most 24 hours",
                file->name);
        return NULL;
    }
    struct rule *r = calloc(1, sizeof(*r));
    if (r == NULL) {
        err_set(ei, ERR_NOMEM, "limit %s: out of memory", file->name);
        return NULL;
    }
    r->file = file;
    read_file(r);
    return r;
}

void rule_adopt(struct rule *r, const struct rule *fresh)
{
    r->file = fresh->file;
    read_file(r);
}

bool rule_same_groups(const struct config_limit *a, const struct config_limit *b)
{
    if (a->metric != b->metric || a->per_count != b->per_count) {
        return false;
    }
    for (size_t i = 0; i < a->per_count; i++) {
        if (!str_eq(config_tag_key(str_of(a->per[i])), config_tag_key(str_of(b->per[i])))) {
            return false;
        }
    }
    return true;
}

static struct str value_of(const struct subject *s, enum source source, struct str key)
{
    struct str v = {NULL, 0};
    if (source == SOURCE_MODEL) {
        v = str_of(s->model == NULL ? NULL : s->model->name);
    } else if (source == SOURCE_PRINCIPAL) {
        v = s->principal;
    } else if (s->tags != NULL) {
        for (size_t i = 0; i < s->tags->count && v.n == 0; i++) {
            if (str_eq(s->tags->at[i].key, key)) {
                v = s->tags->at[i].value;
            }
        }
    }
    return v.n == 0 ? NONE : v;
}

bool rule_applies(const struct rule *r, const struct subject *s)
{
    for (size_t i = 0; i < r->matcher_count; i++) {
        const struct matcher *m = &r->matchers[i];
        if (m->source == SOURCE_MODEL) {
            continue;
        }
        struct str v = value_of(s, m->source, m->key);
        if (m->literal ? !str_eq(m->glob, v) : !str_glob(m->glob, v)) {
            return false;
        }
    }
    return true;
}

bool rule_applies_model(struct catalog *catalog, const struct rule *r, const struct model *model)
{
    for (size_t i = 0; i < r->matcher_count; i++) {
        const struct matcher *m = &r->matchers[i];
        if (m->source == SOURCE_MODEL &&
            (model == NULL || !catalog_matches(catalog, m->pattern, model))) {
            return false;
        }
    }
    return true;
}

/* By name and not by pointer: a model of an old catalog may come after a reload. */
static struct model_rules *rules_of_model(struct limits *l, const struct model *model)
{
    struct str name = model == NULL ? NONE : str_of(model->name);
    struct model_rules *m = map_get(&l->model_rules, name);
    if (m != NULL) {
        return m;
    }
    if (l->model_rules.count >= MODELS_CACHED) {
        map_free(&l->model_rules, free);
        l->model_rules = (struct map){0};
    }
    m = malloc(sizeof(*m) + l->rule_count * sizeof(m->at[0]));
    if (m == NULL) {
        return NULL;
    }
    m->count = 0;
    for (size_t i = 0; i < l->rule_count; i++) {
        if (rule_applies_model(l->catalog, l->rules[i], model)) {
            m->at[m->count++] = l->rules[i];
        }
    }
    if (!map_set(&l->model_rules, name, m, NULL)) {
        free(m);
        return NULL;
    }
    return m;
}

static size_t put(char *out, size_t at, struct str s)
{
    memcpy(out + at, s.p, s.n);
    return at + s.n;
}

static size_t put_part(const struct rule *r, size_t i, char *out, size_t at, struct str value)
{
    if (i > 0) {
        out[at++] = ',';
    }
    at = put(out, at, r->parts[i].key);
    out[at++] = '=';
    return put(out, at, str_sub(value, 0, VALUE_MAX));
}

struct str rule_text(const struct rule *r, const struct subject *s, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < r->part_count; i++) {
        n = put_part(r, i, out, n, value_of(s, r->parts[i].source, r->parts[i].key));
    }
    return (struct str){out, n};
}

struct str rule_other_text(const struct rule *r, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < r->part_count; i++) {
        n = put_part(r, i, out, n, STR("other"));
    }
    return (struct str){out, n};
}

enum err rule_collect(struct limits *l, const struct subject *s, int64_t now_ms, size_t *count)
{
    char text[GROUP_KEY];
    const struct model_rules *m = rules_of_model(l, s->model);
    *count = 0;
    if (m == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < m->count; i++) {
        struct rule *r = m->at[i];
        if (!rule_applies(r, s)) {
            continue;
        }
        counter_window(l, r, now_ms);
        struct group *g = counter_group(l, r, rule_text(r, s, text));
        struct bucket *b = g == NULL ? NULL : counter_bucket(l, g, now_ms);
        if (b == NULL) {
            return ERR_NOMEM;
        }
        l->matches[(*count)++] = (struct match){.rule = r, .bucket = b, .number = l->asking};
    }
    return ERR_OK;
}

static enum err group_misfit(const struct rule *r, const char *given, struct err_info *ei)
{
    char keys[160] = "";
    size_t n = 0;
    for (size_t i = 0; i < r->part_count && n + r->parts[i].key.n + 6 < sizeof(keys); i++) {
        n = put(keys, n, i > 0 ? STR(", ") : STR(""));
        n = put(keys, n, r->parts[i].key);
        n = put(keys, n, STR("=.."));
    }
    keys[n] = '\0';
    if (r->part_count == 0) {
        return err_set(ei, ERR_PARSE, "limit %s counts all calls as one; it has no group %.60s",
                       r->file->name, given);
    }
    return err_set(ei, ERR_PARSE, "group %.60s does not fit limit %s, whose groups are %s", given,
                   r->file->name, keys);
}

/* The value that a person's text gives for a key of `per`; the empty slice when none or two. */
static struct str given_value(const char *given, struct str key, size_t *pairs)
{
    struct str found = {NULL, 0}, rest = str_of(given);
    size_t seen = 0;
    *pairs = 0;
    while (rest.p != NULL) {
        struct str value;
        struct str pair = str_cut(rest, ',', &rest);
        struct str name = config_tag_key(str_trim(str_cut(pair, '=', &value)));
        (*pairs)++;
        if (str_eq(name, key)) {
            found = str_trim(value);
            seen++;
        }
    }
    return seen == 1 ? found : (struct str){NULL, 0};
}

enum err rule_group_text(struct catalog *catalog, const struct rule *r, const char *given,
                         char *out, struct err_info *ei)
{
    size_t n = 0;
    if (r->part_count == 0) {
        return group_misfit(r, given, ei);
    }
    for (size_t i = 0; i < r->part_count; i++) {
        size_t pairs;
        struct str value = given_value(given, r->parts[i].key, &pairs);
        if (value.n == 0 || pairs != r->part_count) {
            return group_misfit(r, given, ei);
        }
        if (r->parts[i].source == SOURCE_MODEL) {
            const struct model *m = catalog_find(catalog, value);
            value = m == NULL ? value : str_of(m->name);
        }
        n = put_part(r, i, out, n, value);
    }
    out[n] = '\0';
    return ERR_OK;
}
