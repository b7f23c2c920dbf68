/* setup_prices.c: prices of the Price List beside those that tollgate counts with, and the lines of
 * the configuration that put them to use. */
#include "core/cloud/setup_private.h"

#include "core/base/clock.h"
#include "core/cloud/price_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MODELS_MAX   512
#define UNKNOWN_MOST 40

/* What the list says of one model; -1: nothing, -2: two things. */
struct listed {
    const char *id; /* of the table, without geography */
    char key[PRICE_KEY_MAX];
    money_t usd[2][PRICE_CLASSES]; /* in the Region, global */
};

struct reading {
    struct listed *models;
    size_t count;
    json_t *unknown; /* names of products that are no model of the table */
    size_t rows;
};

/* --- the table's models --- */

static bool has_geography(const char *id)
{
    static const char *const prefixes[] = {"us.", "eu.",     "apac.", "jp.",
                                           "au.", "global.", "ca.",   "us-gov."};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
        if (str_starts(str_of(id), prefixes[i])) {
            return true;
        }
    }
    return false;
}

static bool collect(struct reading *r)
{
    const char *id;
    r->models = calloc(MODELS_MAX, sizeof(*r->models));
    r->unknown = json_array();
    for (size_t i = 0; r->models != NULL && (id = catalog_known_id(i)) != NULL; i++) {
        const char *dot = strchr(id, '.');
        bool again = r->count > 0 && strcmp(r->models[r->count - 1].id, id) == 0;
        if (has_geography(id) || again || r->count == MODELS_MAX) {
            continue;
        }
        struct listed *m = &r->models[r->count++];
        m->id = id;
        price_names_key(m->key, str_of(dot != NULL ? dot + 1 : id));
        for (int c = 0; c < PRICE_CLASSES; c++) {
            m->usd[0][c] = m->usd[1][c] = -1;
        }
    }
    return r->models != NULL && r->unknown != NULL;
}

/* --- reading the list --- */

static void note_unknown(struct reading *r, const char *product)
{
    const json_t *one;
    size_t i;
    json_array_foreach(r->unknown, i, one)
    {
        if (strcmp(json_string_value(one), product) == 0) {
            return;
        }
    }
    if (*product != '\0' && json_array_size(r->unknown) < UNKNOWN_MOST) {
        (void)json_array_append_new(r->unknown, json_string(product));
    }
}

static bool take_row(void *arg, const struct price_list_row *row)
{
    struct reading *r = arg;
    enum price_class class;
    bool global, known = false;
    money_t usd;
    char key[PRICE_KEY_MAX];
    if (!price_names_row(row, &class, &global) || !price_names_amount(row, &usd)) {
        return true;
    }
    r->rows++;
    price_names_key(key, str_of(row->product));
    for (size_t i = 0; i < r->count; i++) {
        struct listed *m = &r->models[i];
        if (key[0] != '\0' && strcmp(m->key, key) == 0) {
            money_t *at = &m->usd[global ? 1 : 0][class];
            *at = *at == -1 || *at == usd ? usd : -2;
            known = true;
        }
    }
    if (!known) {
        note_unknown(r, row->product);
    }
    return true;
}

static enum err read_list(const struct setup *s, struct reading *r, struct err_info *ei)
{
    static const char *const codes[] = {"AmazonBedrock", "AmazonBedrockFoundationModels",
                                        "AmazonBedrockService"};
    struct aws_session a = setup_session(s, SERVICE_PRICING);
    enum err e = collect(r) ? ERR_OK : err_set(ei, ERR_NOMEM, "no memory for the prices");
    for (size_t i = 0; e == ERR_OK && i < sizeof(codes) / sizeof(*codes); i++) {
        e = price_list_products(&a, codes[i], s->config->region, take_row, r, NULL, ei);
    }
    return e;
}

/* --- comparing --- */

static money_t class_of(const struct price *p, enum price_class c)
{
    const int64_t all[PRICE_CLASSES] = {p->input, p->output, p->cache_read, p->cache_write_5m,
                                        p->cache_write_1h};
    return all[c];
}

/* What tollgate counts with for an ID; false: it does not know the ID. */
static bool in_use(struct catalog *c, const char *id, struct price *out)
{
    struct resolved r;
    *out = (struct price){-1, -1, -1, -1, -1};
    if (catalog_resolve(c, str_of(id), &r, NULL) != ERR_OK) {
        return false;
    }
    (void)catalog_price(c, &r, clock_wall_ms(), out);
    return true;
}

static void compare(struct catalog *c, const struct listed *m, bool global, bool all, json_t *rows)
{
    char id[200];
    struct price now;
    (void)snprintf(id, sizeof(id), "%s%s", global ? "global." : "", m->id);
    if (!in_use(c, id, &now)) {
        return;
    }
    for (int k = 0; k < PRICE_CLASSES; k++) {
        money_t said = m->usd[global ? 1 : 0][k], own = class_of(&now, (enum price_class)k);
        if (said == -1 || (said == own && !all)) {
            continue;
        }
        (void)json_array_append_new(
            rows, json_pack("{s:s, s:s, s:o, s:o, s:s}", "model", id, "tokens",
                            price_names_class((enum price_class)k), "in_use_usd_per_million",
                            setup_money(own), "listed_usd_per_million",
                            setup_money(said < 0 ? -1 : said), "state",
                            said == -2    ? "listed twice"
                            : said == own ? "same"
                            : own == -1   ? "new"
                                          : "differs"));
    }
}

/* --- the configuration's lines --- */

static const struct listed *listed_of(const struct reading *r, const char *base_id)
{
    for (size_t i = 0; i < r->count; i++) {
        if (strcmp(r->models[i].id, base_id) == 0) {
            return &r->models[i];
        }
    }
    return NULL;
}

/* One model's entry when the list says otherwise than what is counted with. */
static bool write_model(struct catalog *c, const struct reading *r, const struct config_model *m,
                        struct buf *out)
{
    struct resolved resolved;
    struct price now = {-1, -1, -1, -1, -1};
    bool differs = false;
    if (catalog_resolve(c, str_of(m->name), &resolved, NULL) != ERR_OK) {
        return false;
    }
    const struct listed *l = listed_of(r, resolved.model->base_id);
    bool global = str_starts(str_of(resolved.upstream_id), "global.");
    (void)catalog_price(c, &resolved, clock_wall_ms(), &now);
    for (int k = 0; l != NULL && k < PRICE_CLASSES; k++) {
        money_t said = l->usd[global ? 1 : 0][k];
        differs = differs || (said >= 0 && said != class_of(&now, (enum price_class)k));
    }
    if (!differs) {
        return false;
    }
    buf_add(out, "  - name: ");
    buf_json_string(out, str_of(m->name));
    if (m->id != NULL) {
        buf_add(out, "\n    id: ");
        buf_json_string(out, str_of(m->id));
    }
    buf_add(out, "\n    price: {");
    bool first = true;
    for (int k = 0; k < PRICE_CLASSES; k++) {
        char dollars[MONEY_TEXT];
        money_t said = l->usd[global ? 1 : 0][k], own = class_of(&now, (enum price_class)k);
        money_t usd = said >= 0 ? said : own;
        if (usd >= 0) {
            money_format(dollars, usd);
            buf_printf(out, "%s%s: %s", first ? "" : ", ", price_names_class((enum price_class)k),
                       dollars);
            first = false;
        }
    }
    return buf_add(out, "}\n");
}

static enum err write_file(const char *path, struct str text, struct err_info *ei)
{
    FILE *f = fopen(path, "wxe");
    if (f == NULL) {
        return err_set_sys(ei, ERR_IO, errno, "%.160s cannot be made", path);
    }
    bool ok = fwrite(text.p, 1, text.n, f) == text.n;
    ok = fclose(f) == 0 && ok;
    return ok ? ERR_OK : err_set(ei, ERR_IO, "%.160s cannot be written", path);
}

static enum err write_lines(const struct setup *s, struct catalog *c, const struct reading *r,
                            const char *path, json_t *notes, struct err_info *ei)
{
    struct buf out = {0};
    char now[CLOCK_TEXT];
    size_t count = 0;
    enum err e = ERR_OK;
    clock_rfc3339(now, clock_wall_ms() / 1000 * 1000);
    buf_printf(&out,
               "# Prices of the AWS Price List for %s, %s, USD per million tokens.\nmodels:\n",
               s->config->region, now);
    for (size_t i = 0; i < s->config->model_count; i++) {
        count += write_model(c, r, &s->config->models[i], &out) ? 1 : 0;
    }
    if (count == 0) {
        setup_say(notes, "No model of the configuration has another price: nothing was written.");
    } else {
        e = write_file(path, buf_str(&out), ei);
        setup_say(notes,
                  "%s has the price: lines of %zu model%s: put them into the configuration's "
                  "models and reload tollgate.",
                  path, count, count == 1 ? "" : "s");
    }
    buf_free(&out);
    return e;
}

enum err setup_prices(struct setup *s, const json_t *params, json_t **result, struct err_info *ei)
{
    struct reading r = {.models = NULL};
    json_t *rows = json_array(), *notes = json_array();
    const char *path = setup_text(params, "write");
    struct catalog *c = catalog_new(s->config, ei);
    enum err e = c != NULL ? read_list(s, &r, ei) : ERR_PARSE;
    for (size_t i = 0; e == ERR_OK && i < r.count; i++) {
        compare(c, &r.models[i], false, setup_flag(params, "all"), rows);
        compare(c, &r.models[i], true, setup_flag(params, "all"), rows);
    }
    if (e == ERR_OK) {
        setup_say(notes,
                  "%zu price%s of tokens read for %s; %zu product%s are no model that "
                  "tollgate knows.",
                  r.rows, r.rows == 1 ? "" : "s", s->config->region, json_array_size(r.unknown),
                  json_array_size(r.unknown) == 1 ? "" : "s");
        e = path != NULL ? write_lines(s, c, &r, path, notes, ei) : ERR_OK;
    }
    if (e == ERR_OK) {
        e = setup_result(json_pack("{s:s, s:O, s:O, s:O}", "region", s->config->region, "prices",
                                   rows, "unknown", r.unknown, "notes", notes),
                         result, ei);
    }
    catalog_free(c);
    free(r.models);
    json_decref(r.unknown);
    json_decref(rows);
    json_decref(notes);
    return e;
}
