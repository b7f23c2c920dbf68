/* catalog_build.c: from a configuration to the table of every spelling known beforehand. */
#include "core/catalog/catalog_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* How far an entry's model is known. */
enum stage { STAGE_NEW, STAGE_VISITING, STAGE_DONE };

struct build {
    struct catalog *c;
    const struct config *config;
    struct buf wrong; /* "line 12 models[0].base: ...; line 14 ..." */
    bool no_memory;
    enum stage *stages;            /* an entry each */
    struct catalog_model **models; /* an entry each; NULL: has a mistake */
};

static void wrong(struct build *b, int line, const char *list, size_t i, const char *key,
                  const char *format, ...) __attribute__((format(printf, 6, 7)));

static void wrong(struct build *b, int line, const char *list, size_t i, const char *key,
                  const char *format, ...)
{
    char text[160];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    buf_printf(&b->wrong, "%sline %d, %s[%zu].%s: %s", b->wrong.data == NULL ? "" : "; ", line,
               list, i, key, n > 0 ? text : "");
}

struct catalog_model *catalog_add_model(struct arena *a, struct map *bases, struct str base_id)
{
    struct catalog_model *m = arena_alloc(a, sizeof(*m));
    struct str copy = arena_str(a, base_id);
    if (m == NULL || copy.p == NULL || !map_set(bases, base_id, m, NULL)) {
        return NULL;
    }
    catalog_describe(&m->model, copy.p);
    return m;
}

static struct catalog_model *model_of_base(struct build *b, struct str base_id)
{
    struct catalog_model *m = map_get(&b->c->bases, base_id);
    if (m == NULL) {
        m = catalog_add_model(&b->c->arena, &b->c->bases, base_id);
        b->no_memory |= m == NULL;
    }
    return m;
}

const struct model *catalog_known(const struct catalog *c, struct str identifier)
{
    struct str id;
    const struct resolved *spelling = map_get(&c->spellings, identifier);
    if (spelling != NULL) {
        return spelling->model;
    }
    if (catalog_classify(identifier, &id) != KIND_MODEL) {
        return NULL;
    }
    const struct catalog_model *m = map_get(&c->bases, catalog_base_of(id));
    return m == NULL ? NULL : &m->model;
}

static struct catalog_model *model_of_entry(struct build *b, size_t i);

/* The model an entry with `base:` stands for. */
static struct catalog_model *model_of_alias(struct build *b, size_t i)
{
    const struct config_model *e = &b->config->models[i];
    struct str id;
    for (size_t j = 0; j < b->config->model_count; j++) {
        if (j != i && strcmp(b->config->models[j].name, e->base) == 0) {
            return model_of_entry(b, j);
        }
    }
    struct catalog_model *m = NULL;
    if (catalog_classify(str_of(e->base), &id) == KIND_MODEL) {
        m = map_get(&b->c->bases, catalog_base_of(id));
    }
    if (m == NULL) {
        wrong(b, e->line, "models", i, "base", "no model %.60s: neither an entry nor a known ID",
              e->base);
    }
    return m;
}

/* An alias whose own ID is known to be another model's would count under the wrong one. */
static bool alias_agrees(struct build *b, size_t i, const struct catalog_model *base)
{
    const struct config_model *e = &b->config->models[i];
    struct str id;
    if (e->id == NULL) {
        return true;
    }
    enum catalog_kind kind = catalog_classify(str_of(e->id), &id);
    const struct catalog_model *own = map_get(&b->c->bases, catalog_base_of(id));
    if (kind == KIND_OTHER || (kind == KIND_MODEL && own != NULL && own != base)) {
        wrong(b, e->line, "models", i, "id",
              kind == KIND_OTHER ? "%.60s is of a kind that is not served"
                                 : "%.60s is not a spelling of the base",
              e->id);
        return false;
    }
    return true;
}

static struct catalog_model *model_of_id(struct build *b, size_t i)
{
    const struct config_model *e = &b->config->models[i];
    struct str id;
    switch (catalog_classify(str_of(e->id), &id)) {
    case KIND_MODEL:
        return model_of_base(b, catalog_base_of(id));
    case KIND_APPLICATION:
        wrong(b, e->line, "models", i, "id",
              "an application inference profile needs base: the model it stands for");
        return NULL;
    case KIND_OTHER:
        wrong(b, e->line, "models", i, "id", "%.60s is of a kind that is not served", e->id);
        return NULL;
    }
    return NULL;
}

static struct catalog_model *model_of_entry(struct build *b, size_t i)
{
    const struct config_model *e = &b->config->models[i];
    if (b->stages[i] == STAGE_DONE) {
        return b->models[i];
    }
    if (b->stages[i] == STAGE_VISITING) {
        wrong(b, e->line, "models", i, "base", "entries are each other's base in a circle");
        return NULL;
    }
    b->stages[i] = STAGE_VISITING;
    if (e->base == NULL) {
        b->models[i] = model_of_id(b, i);
    } else {
        struct catalog_model *m = model_of_alias(b, i);
        b->models[i] = m != NULL && alias_agrees(b, i, m) ? m : NULL;
    }
    b->stages[i] = STAGE_DONE;
    return b->models[i];
}

/* What the file says of a model goes into it: the first entry that says it wins. */
static void describe_entry(struct build *b, size_t i)
{
    const struct config_model *e = &b->config->models[i];
    struct catalog_model *m = b->models[i];
    if (m == NULL) {
        return;
    }
    if (!m->listed) {
        m->listed = true;
        b->c->listed[b->c->listed_count++] = &m->model;
    }
    if (e->base == NULL && m->display_id == NULL) {
        m->model.name = e->name;
        m->display_id = e->id;
    }
    /* The price of an alias with an ID of its own is that ID's alone: see spell_entry_id. */
    if (e->price.set && m->price == NULL && (e->base == NULL || e->id == NULL)) {
        m->price = &e->price;
    }
    if (e->max_output > 0 && !m->bounded) {
        m->bounded = true;
        m->model.max_output = e->max_output;
    }
}

/* An identifier of the file; an ARN's last part is a spelling too. Returns the spelling in place.
 */
static struct resolved *add_spelling(struct build *b, struct catalog_model *m, const char *given)
{
    struct str id, identifier = str_of(given);
    struct resolved *r = map_get(&b->c->spellings, identifier);
    if (r != NULL) {
        return r;
    }
    enum catalog_kind kind = catalog_classify(identifier, &id);
    bool known = map_get(&b->c->bases, catalog_base_of(id)) != NULL;
    r = arena_alloc(&b->c->arena, sizeof(*r));
    struct str unique = arena_str(&b->c->arena, id);
    if (r == NULL || unique.p == NULL || !map_set(&b->c->spellings, identifier, r, NULL)) {
        b->no_memory = true;
        return NULL;
    }
    *r = (struct resolved){.model = &m->model,
                           .upstream_id = given,
                           .model_metric = unique.p,
                           .is_profile = kind == KIND_APPLICATION || !known};
    if (kind == KIND_APPLICATION && map_get(&b->c->spellings, id) == NULL) {
        struct resolved *bare = arena_alloc(&b->c->arena, sizeof(*bare));
        if (bare == NULL || !map_set(&b->c->spellings, id, bare, NULL)) {
            b->no_memory = true;
            return r;
        }
        *bare = *r;
        bare->upstream_id = unique.p;
    }
    return r;
}

/* Marks a profile and its bare ID as a cost center's. */
static void own_profile(struct build *b, size_t i, struct config_pair *pair)
{
    const struct config_model *e = &b->config->models[i];
    struct catalog_model *m = b->models[i];
    struct str id;
    if (catalog_classify(str_of(pair->value), &id) == KIND_OTHER) {
        wrong(b, e->line, "models", i, "profiles", "%.60s is of a kind that is not served",
              pair->value);
        return;
    }
    const struct model *known = catalog_known(b->c, str_of(pair->value));
    struct resolved *r = add_spelling(b, m, pair->value);
    struct resolved *bare = map_get(&b->c->spellings, id);
    if ((known != NULL && known != &m->model) || (r != NULL && r->model != &m->model)) {
        wrong(b, e->line, "models", i, "profiles", "%.60s stands for another model", pair->value);
        return;
    }
    const struct config_pair *other = map_get(&m->profiles, str_of(pair->key));
    if (other != NULL && strcmp(other->value, pair->value) != 0) {
        wrong(b, e->line, "models", i, "profiles", "%.40s has another profile for this model",
              pair->key);
        return;
    }
    if (r == NULL || !map_set(&m->profiles, str_of(pair->key), pair, NULL)) {
        b->no_memory = true;
        return;
    }
    if (r->profile_cost_center != NULL && strcmp(r->profile_cost_center, pair->key) != 0) {
        wrong(b, e->line, "models", i, "profiles", "%.60s is the profile of %.40s already",
              pair->value, r->profile_cost_center);
        return;
    }
    r->profile_cost_center = pair->key;
    if (bare != NULL) {
        bare->profile_cost_center = pair->key;
    }
}

static void spell_entry_id(struct build *b, size_t i)
{
    const struct config_model *e = &b->config->models[i];
    struct catalog_model *m = b->models[i];
    if (m == NULL || e->id == NULL) {
        return;
    }
    struct resolved *r = add_spelling(b, m, e->id);
    if (r != NULL && r->model != &m->model) {
        wrong(b, e->line, "models", i, "id", "%.60s stands for another model already", e->id);
    }
    if (e->price.set &&
        !map_set(&b->c->prices, str_of(e->id), &b->c->config->models[i].price, NULL)) {
        b->no_memory = true;
    }
}

/* Where an entry without an ID sends its calls: where its base does. Bases make no circle here. */
static const char *upstream_of(const struct build *b, size_t i)
{
    const struct config_model *e = &b->config->models[i];
    if (e->id != NULL) {
        return e->id;
    }
    for (size_t j = 0; j < b->config->model_count; j++) {
        if (j != i && strcmp(b->config->models[j].name, e->base) == 0) {
            return upstream_of(b, j);
        }
    }
    return e->base;
}

static void spell_entry_name(struct build *b, size_t i)
{
    const struct config_model *e = &b->config->models[i];
    if (b->models[i] == NULL) {
        return;
    }
    struct resolved *of_id = add_spelling(b, b->models[i], upstream_of(b, i));
    struct resolved *r = arena_alloc(&b->c->arena, sizeof(*r));
    if (of_id == NULL || r == NULL || !map_set(&b->c->spellings, str_of(e->name), r, NULL)) {
        b->no_memory = true;
        return;
    }
    *r = *of_id;
    r->model = &b->models[i]->model;
}

/* Every ID of the table, where the file says nothing else of it. */
static void spell_rows(struct build *b)
{
    for (size_t i = 0; i < catalog_row_count; i++) {
        struct catalog_model *m = model_of_base(b, catalog_base_of(str_of(catalog_rows[i].id)));
        if (m != NULL) {
            add_spelling(b, m, catalog_rows[i].id);
        }
    }
}

static bool has_wildcard(const char *pattern)
{
    return strpbrk(pattern, "*?") != NULL;
}

static bool somebody_defines(struct catalog *c, const char *pattern)
{
    if (!has_wildcard(pattern)) {
        /* With unknown_models: allow an ID may come into being later; a name cannot. */
        return catalog_known(c, str_of(pattern)) != NULL ||
               (c->config->unknown_models_allow && strchr(pattern, '.') != NULL);
    }
    size_t at = 0;
    struct str key;
    void *value;
    while (map_next(&c->bases, &at, &key, &value)) {
        if (catalog_matches(c, pattern, &((struct catalog_model *)value)->model)) {
            return true;
        }
    }
    return c->config->unknown_models_allow;
}

static void check_limits(struct build *b)
{
    for (size_t i = 0; i < b->config->limit_count; i++) {
        const struct config_limit *l = &b->config->limits[i];
        for (size_t k = 0; k < l->match_count; k++) {
            if (strcmp(l->match[k].key, "model") == 0 &&
                !somebody_defines(b->c, l->match[k].glob)) {
                wrong(b, l->line, "limits", i, "model", "no model %.60s: add it under models",
                      l->match[k].glob);
            }
        }
    }
}

static void build_entries(struct build *b)
{
    size_t n = b->config->model_count;
    /* Entries that stand for themselves first, so that a base may be any ID they bring. */
    for (size_t i = 0; i < n; i++) {
        if (b->config->models[i].base == NULL) {
            model_of_entry(b, i);
        }
    }
    for (size_t i = 0; i < n; i++) {
        model_of_entry(b, i);
    }
    for (size_t i = 0; i < n; i++) {
        describe_entry(b, i);
    }
    for (size_t i = 0; i < n; i++) {
        const struct config_pairs *profiles = &b->config->models[i].profiles;
        for (size_t k = 0; k < profiles->count && b->models[i] != NULL; k++) {
            own_profile(b, i, &profiles->at[k]);
        }
    }
    for (size_t i = 0; i < n; i++) {
        spell_entry_id(b, i);
    }
    for (size_t i = 0; i < n; i++) {
        spell_entry_name(b, i);
    }
}

enum err catalog_build(struct catalog *c, struct err_info *ei)
{
    struct build b = {.c = c, .config = c->config};
    size_t n = c->config->model_count;
    buf_init(&b.wrong, 4096);
    c->listed = arena_alloc(&c->arena, n * sizeof(void *));
    b.stages = arena_alloc(&c->arena, n * sizeof(*b.stages));
    b.models = arena_alloc(&c->arena, n * sizeof(void *));
    if (c->listed == NULL || b.stages == NULL || b.models == NULL) {
        return err_set(ei, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < catalog_row_count; i++) {
        model_of_base(&b, catalog_base_of(str_of(catalog_rows[i].id)));
    }
    build_entries(&b);
    spell_rows(&b);
    check_limits(&b);
    enum err err = ERR_OK;
    if (b.no_memory) {
        err = err_set(ei, ERR_NOMEM, "out of memory");
    } else if (buf_str(&b.wrong).n > 0 || b.wrong.failed) {
        char text[200];
        str_printable(text, sizeof(text), buf_str(&b.wrong));
        err = err_set(ei, ERR_PARSE, "%.50s: %s", c->config->path, text);
    }
    buf_free(&b.wrong);
    return err;
}
