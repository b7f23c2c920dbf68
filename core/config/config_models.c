/* config_models.c: the models the file names. */
#include "core/config/config_private.h"

#include <stddef.h>
#include <string.h>

#define MODELS_MAX 1000
#define ID_MAX     2048

static void read_price(const struct config_place *p, const struct config_field *f, void *into)
{
    static const struct config_field fields[] = {
        {"input", config_read_money, .offset = offsetof(struct config_price, input)},
        {"output", config_read_money, .offset = offsetof(struct config_price, output)},
        {"cache_read", config_read_money, .offset = offsetof(struct config_price, cache_read)},
        {"cache_write", config_read_money, .offset = offsetof(struct config_price, cache_write)},
        {"cache_write_1h", config_read_money,
         .offset = offsetof(struct config_price, cache_write_1h)},
    };
    struct config_price *price = into;
    (void)f;
    *price = (struct config_price){true, -1, -1, -1, -1, -1};
    if (CONFIG_READ_FIELDS(p, fields, price) == 0 && p->node->type == YAML_MAPPING_NODE) {
        config_wrong(p, "names no price: give input and output in USD per million tokens");
    }
}

static void check(const struct config_place *p, const struct config *c,
                  const struct config_model *m, bool named)
{
    if (!named) {
        config_wrong(p, "name is missing");
    } else if (*m->name != '\0' && !config_tag_text_ok(str_of(m->name))) {
        config_wrong(p, "name has 1 to 128 of letters, digits, space and _ . : / = + @ -");
    }
    if (m->id == NULL && m->base == NULL) {
        config_wrong(p, "needs an id (model ID, profile ID or ARN), or a base it stands for");
    }
    if (m->base != NULL && strcmp(m->base, m->name) == 0) {
        config_wrong(p, "base is the entry's own name");
    }
    for (size_t i = 0; i < c->model_count && *m->name != '\0'; i++) {
        if (strcmp(c->models[i].name, m->name) == 0) {
            config_wrong(p, "a model of the name %s is defined in line %d already", m->name,
                         c->models[i].line);
            return;
        }
    }
}

static void read_model(const struct config_place *p, size_t i, void *arg)
{
    static const struct config_field fields[] = {
        {"name", config_read_text, .offset = offsetof(struct config_model, name), .max = 128},
        {"id", config_read_text, .offset = offsetof(struct config_model, id), .max = ID_MAX},
        {"base", config_read_text, .offset = offsetof(struct config_model, base), .max = ID_MAX},
        {"profiles", config_read_pairs, .offset = offsetof(struct config_model, profiles),
         .flags = FIELD_TAG_VALUES},
        {"projects", config_read_pairs, .offset = offsetof(struct config_model, projects),
         .flags = FIELD_TAG_VALUES},
        {"price", read_price, .offset = offsetof(struct config_model, price)},
        {"max_output", config_read_count, .offset = offsetof(struct config_model, max_output), 1,
         10000000},
    };
    struct config *c = arg;
    struct config_model m = {.name = "", .line = p->line, .price = {false, -1, -1, -1, -1, -1}};
    (void)i;
    uint64_t seen = CONFIG_READ_FIELDS(p, fields, &m);
    if (p->node->type == YAML_MAPPING_NODE) {
        /* An id or base that was there but wrong has its own mistake. */
        if (m.id == NULL && (seen & 2) != 0) {
            m.id = "";
        }
        if (m.base == NULL && (seen & 4) != 0) {
            m.base = "";
        }
        check(p, c, &m, (seen & 1) != 0);
        c->models[c->model_count++] = m;
    }
}

void config_read_models(const struct config_place *p, const struct config_field *f, void *into)
{
    struct config *c = into;
    (void)f;
    size_t count = config_size_of(p) < MODELS_MAX ? config_size_of(p) : MODELS_MAX;
    c->models = config_memory(p->r, count, sizeof(*c->models));
    if (c->models != NULL) {
        config_each_item(p, MODELS_MAX, read_model, c);
    }
}
