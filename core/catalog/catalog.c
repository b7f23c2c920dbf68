/* catalog.c: a request's identifier to its model and price. The table built at start needs no lock;
 * unknown models live in a second, locked one. Other spellings of a model that is known (ARNs,
 * prefixes without a row) are not kept: there is no end of account numbers. */
#include "core/catalog/catalog_private.h"

#include <stdlib.h>
#include <string.h>

#define UNKNOWN_MAX    1000
#define IDENTIFIER_MAX 2048
#define DAY_MS         86400000

static void free_model(void *model)
{
    map_free(&((struct catalog_model *)model)->profiles, NULL); /* itself is the arena's */
}

const char *catalog_known_id(size_t i)
{
    return i < catalog_row_count ? catalog_rows[i].id : NULL;
}

bool catalog_knows(const char *id)
{
    struct str name, base;
    if (catalog_classify(str_of(id), &name) != KIND_MODEL) {
        return true; /* an ARN: for the build to judge */
    }
    base = catalog_base_of(name);
    for (size_t i = 0; i < catalog_row_count; i++) {
        if (str_eq(base, catalog_base_of(str_of(catalog_rows[i].id)))) {
            return true;
        }
    }
    return false;
}

struct catalog *catalog_new(struct config *config, struct err_info *ei)
{
    struct catalog *c = calloc(1, sizeof(*c));
    if (c == NULL || pthread_mutex_init(&c->lock, NULL) != 0) {
        free(c);
        err_set(ei, ERR_NOMEM, "out of memory");
        return NULL;
    }
    c->config = config;
    if (catalog_build(c, ei) != ERR_OK) {
        catalog_free(c);
        return NULL;
    }
    return c;
}

void catalog_free(struct catalog *c)
{
    if (c == NULL) {
        return;
    }
    map_free(&c->spellings, NULL);
    map_free(&c->prices, NULL);
    map_free(&c->bases, free_model);
    map_free(&c->late_bases, free_model);
    arena_free(&c->arena);
    arena_free(&c->late_arena);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* What may become the name of an unknown model: it is shown, tagged, sent as a dimension and as a
 * part of a path. */
static bool name_ok(struct str id)
{
    return config_tag_text_ok(id) && memchr(id.p, ' ', id.n) == NULL &&
           memchr(id.p, '/', id.n) == NULL;
}

static enum err refuse(const struct catalog *c, struct str identifier, enum catalog_kind kind,
                       struct err_info *ei)
{
    char shown[100];
    const char *file = *c->config->path != '\0' ? c->config->path : "the configuration";
    str_printable(shown, sizeof(shown), str_sub(identifier, 0, 90));
    if (kind == KIND_OTHER) {
        return err_set(ei, ERR_FORBIDDEN,
                       "'%s' is not served: give a model name, model ID, inference profile or "
                       "foundation-model ARN",
                       shown);
    }
    return err_set(ei, ERR_NOT_FOUND,
                   "unknown model '%s': add it under models: in %.60s or set unknown_models: allow",
                   shown, file);
}

/* A spelling that is not kept: its strings are the identifier's own. */
static void spelled(struct resolved *out, struct str identifier, struct str id,
                    const struct model *m)
{
    *out = (struct resolved){.model = m, .upstream_id = identifier.p, .model_metric = id.p};
}

/* A model that nobody defines but the file allows. Under the lock. */
static enum err resolve_unknown(struct catalog *c, struct str base, const struct model **out,
                                struct err_info *ei)
{
    struct catalog_model *m = map_get(&c->late_bases, base);
    if (m == NULL) {
        if (c->unknown_count >= UNKNOWN_MAX) {
            return err_set(ei, ERR_FULL, "too many unknown models; add those in use under models:");
        }
        m = catalog_add_model(&c->late_arena, &c->late_bases, base);
        if (m == NULL) {
            return err_set(ei, ERR_NOMEM, "out of memory");
        }
        c->unknown_count++;
    }
    *out = &m->model;
    return ERR_OK;
}

enum err catalog_resolve(struct catalog *c, struct str identifier, struct resolved *out,
                         struct err_info *ei)
{
    *out = (struct resolved){0};
    const struct resolved *r = map_get(&c->spellings, identifier);
    if (r != NULL) {
        *out = *r;
        return ERR_OK;
    }
    if (identifier.n == 0 || identifier.n > IDENTIFIER_MAX) {
        return refuse(c, identifier, KIND_MODEL, ei);
    }
    struct str id;
    enum catalog_kind kind = catalog_classify(identifier, &id);
    struct str base = catalog_base_of(id);
    const struct catalog_model *known = kind == KIND_MODEL ? map_get(&c->bases, base) : NULL;
    if (known != NULL) {
        spelled(out, identifier, id, &known->model);
        return ERR_OK;
    }
    if (kind == KIND_OTHER || !c->config->unknown_models_allow || !name_ok(base)) {
        return refuse(c, identifier, kind, ei);
    }
    const struct model *m = NULL;
    pthread_mutex_lock(&c->lock);
    enum err e = resolve_unknown(c, base, &m, ei);
    pthread_mutex_unlock(&c->lock);
    if (e == ERR_OK) {
        spelled(out, identifier, id, m);
        out->is_profile = kind == KIND_APPLICATION;
        out->unknown = true;
    }
    return e;
}

bool catalog_is_foreign(const struct catalog *c, struct str identifier, int64_t account)
{
    int64_t named = account != 0 ? catalog_arn_account(identifier) : 0;
    return named != 0 && named != account && map_get(&c->spellings, identifier) == NULL;
}

const char *catalog_profile_for(const struct catalog *c, const struct resolved *r,
                                struct str cost_center)
{
    (void)c;
    const struct catalog_model *m = (const struct catalog_model *)(const void *)r->model;
    if (m == NULL || r->is_profile || r->profile_cost_center != NULL) {
        return r->upstream_id;
    }
    const struct config_pair *profile = map_get(&m->profiles, cost_center);
    return profile != NULL ? profile->value : r->upstream_id;
}

/* The row of an ID that holds on a day, or NULL. */
static const struct catalog_row *row_at(struct str id, int64_t day)
{
    size_t low = 0, high = catalog_row_count;
    while (low < high) { /* the first row of the ID or after it */
        size_t middle = (low + high) / 2;
        const char *at = catalog_rows[middle].id;
        int order = strncmp(at, id.p, id.n);
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const struct catalog_row *found = NULL;
    for (; low < catalog_row_count && str_is(id, catalog_rows[low].id); low++) {
        if (catalog_rows[low].from_day <= day) {
            found = &catalog_rows[low];
        }
    }
    return found;
}

static void override(int64_t *price, int64_t file)
{
    *price = file >= 0 ? file : *price;
}

static const struct config_price *file_price(const struct catalog *c, const struct resolved *r)
{
    const struct config_price *p = map_get(&c->prices, str_of(r->upstream_id));
    const struct catalog_model *m = (const struct catalog_model *)(const void *)r->model;
    return p != NULL ? p : m->price;
}

bool catalog_price(const struct catalog *c, const struct resolved *r, int64_t wall_ms,
                   struct price *out)
{
    *out = (struct price){-1, -1, -1, -1, -1};
    if (r->model == NULL) {
        return false;
    }
    int64_t day = wall_ms / DAY_MS;
    struct str id = str_of(r->is_profile ? r->model->base_id : r->model_metric);
    const struct catalog_row *row = row_at(id, day);
    if (row == NULL && !catalog_is_gov(id)) {
        row = row_at(str_of(r->model->base_id), day);
    }
    if (row != NULL) {
        *out = row->price;
    }
    const struct config_price *file = file_price(c, r);
    if (file != NULL) {
        override(&out->input, file->input);
        override(&out->output, file->output);
        override(&out->cache_read, file->cache_read);
        override(&out->cache_write_5m, file->cache_write);
        override(&out->cache_write_1h, file->cache_write_1h);
    }
    return out->input >= 0 || out->output >= 0;
}

int64_t catalog_long_above(const struct catalog *c, const struct resolved *r)
{
    bool table = r->model != NULL && file_price(c, r) == NULL;
    return table ? catalog_long_prompt(str_of(r->model->base_id)) : 0;
}

bool catalog_matches(struct catalog *c, const char *pattern, const struct model *m)
{
    struct str p = str_of(pattern), base = str_of(m->base_id);
    if (strpbrk(pattern, "*?") != NULL) {
        return str_glob(p, str_of(m->name)) || str_glob(p, base) ||
               str_glob(catalog_base_of(p), base);
    }
    const struct model *known = catalog_known(c, p);
    if (known != NULL) {
        return known == m;
    }
    struct str id;
    return catalog_classify(p, &id) != KIND_OTHER && str_eq(catalog_base_of(id), base);
}

size_t catalog_count(const struct catalog *c)
{
    return c->listed_count;
}

const struct model *catalog_at(const struct catalog *c, size_t i)
{
    return i < c->listed_count ? c->listed[i] : NULL;
}

const struct model *catalog_find(struct catalog *c, struct str name)
{
    const struct model *m = catalog_known(c, name);
    struct str id;
    if (m != NULL || catalog_classify(name, &id) == KIND_OTHER) {
        return m;
    }
    pthread_mutex_lock(&c->lock);
    const struct catalog_model *late = map_get(&c->late_bases, catalog_base_of(id));
    pthread_mutex_unlock(&c->lock);
    return late == NULL ? NULL : &late->model;
}

const char *catalog_display_id(const struct catalog *c, const struct model *m)
{
    (void)c;
    const struct catalog_model *own = (const struct catalog_model *)(const void *)m;
    return own->display_id != NULL ? own->display_id : m->base_id;
}
