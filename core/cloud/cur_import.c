/* cur_import.c: see cur_import.h. Columns are found by the header's names. */
#include "core/cloud/cur_import.h"

#include "core/aws/cost_explorer.h"
#include "core/base/clock.h"
#include "core/base/csv.h"
#include "core/cloud/price_names.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define CHUNK      65536
#define TAGS_BYTES 4096
#define TEXT_MAX   2048 /* of a principal, service or usage type */
#define DAY_TEXT   10
#define MONTH_TEXT 7

enum column {
    COL_PERIOD,
    COL_DAY,
    COL_COST,
    COL_USAGE_TYPE,
    COL_NEEDED, /* those before are */
    COL_USAGE = COL_NEEDED,
    COL_TYPE,
    COL_PRINCIPAL,
    COL_PRODUCT_CODE,
    COL_PRODUCT_NAME,
    COL_SERVICE_CODE,
    COL_PRODUCT,
    COL_DESCRIPTION,
    COL_RESOURCE,
    COL_TAGS,
    COL_RESOURCE_TAGS,
    COLUMNS
};
static const char *const names[COLUMNS] = {
    [COL_PERIOD] = "bill_billing_period_start_date",
    [COL_DAY] = "line_item_usage_start_date",
    [COL_COST] = "line_item_unblended_cost",
    [COL_USAGE_TYPE] = "line_item_usage_type",
    [COL_USAGE] = "line_item_usage_amount",
    [COL_TYPE] = "line_item_line_item_type",
    [COL_PRINCIPAL] = "line_item_iam_principal",
    [COL_PRODUCT_CODE] = "line_item_product_code",
    [COL_PRODUCT_NAME] = "product_product_name",
    [COL_SERVICE_CODE] = "product_servicecode",
    [COL_PRODUCT] = "product",
    [COL_DESCRIPTION] = "line_item_line_item_description",
    [COL_RESOURCE] = "line_item_resource_id",
    [COL_TAGS] = "tags",
    [COL_RESOURCE_TAGS] = "resource_tags",
};

struct import {
    struct ledger_cur *to;
    struct cur_counts *counts;
    struct csv csv;
    size_t at[COLUMNS]; /* index of the column */
    bool has[COLUMNS];
    char *tag_of[CSV_FIELDS_MAX]; /* tag's key of a flattened column, or NULL */
    size_t width;                 /* of the header; 0: not read yet */
};

/* --- the header --- */

/* "user_costCenter", "user:costCenter" are tags that users set. */
static struct str tag_key(struct str key)
{
    return str_starts(key, "user_") || str_starts(key, "user:") ? str_sub(key, 5, key.n) : key;
}

static bool take_column(struct import *m, size_t i, struct str name)
{
    static const char flat[] = "resource_tags";
    for (size_t k = 0; k < COLUMNS; k++) {
        if (str_is_nocase(name, names[k])) {
            m->at[k] = i;
            m->has[k] = true;
            return true;
        }
    }
    if (str_starts(name, flat) && name.n > sizeof(flat)) {
        m->tag_of[i] = str_dup(tag_key(str_sub(name, sizeof(flat), name.n)));
        return m->tag_of[i] != NULL;
    }
    return true;
}

static enum err read_header(struct import *m, const char *path, struct err_info *ei)
{
    bool ok = !m->csv.bad;
    for (size_t i = 0; ok && i < m->csv.count; i++) {
        struct str name = csv_field(&m->csv, i);
        if (i == 0 && str_starts(name, "\xEF\xBB\xBF")) {
            name = str_sub(name, 3, name.n);
        }
        ok = take_column(m, i, name);
    }
    m->width = m->csv.count;
    for (size_t k = 0; k < COL_NEEDED; k++) {
        if (!ok || !m->has[k]) {
            return err_set(ei, ERR_PARSE,
                           "%.120s is no CUR 2.0 export as CSV: its first line has no column %s",
                           path, names[k]);
        }
    }
    return ERR_OK;
}

/* --- lines --- */

static struct str value(const struct import *m, enum column c)
{
    return m->has[c] ? csv_field(&m->csv, m->at[c]) : (struct str){NULL, 0};
}

static bool says_bedrock(struct str text)
{
    for (size_t i = 0; i + 7 <= text.n; i++) {
        if ((text.p[i] | 0x20) == 'b' && str_is_nocase(str_sub(text, i, 7), "bedrock")) {
            return true;
        }
    }
    return false;
}

/* Models of other makers are products of their own: Bedrock's name is in one column or another. */
static bool is_bedrock(const struct import *m)
{
    static const enum column where[] = {COL_PRODUCT_CODE, COL_PRODUCT_NAME, COL_SERVICE_CODE,
                                        COL_PRODUCT,      COL_DESCRIPTION,  COL_RESOURCE,
                                        COL_USAGE_TYPE};
    for (size_t i = 0; i < sizeof(where) / sizeof(*where); i++) {
        if (says_bedrock(value(m, where[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_usage(struct str type)
{
    static const char *const others[] = {"Tax", "Credit", "Refund", "BundledDiscount", "Discount"};
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        if (str_is(type, others[i])) {
            return false;
        }
    }
    return true;
}

static void add_tag(json_t *tags, struct str key, struct str text)
{
    char name[300];
    if (key.n > 0 && text.n > 0 && str_copy(name, sizeof(name), key)) {
        (void)json_object_set_new(tags, name, json_stringn(text.p, text.n));
    }
}

/* A map column: a JSON object of texts. */
static void add_map(json_t *tags, struct str text)
{
    json_t *map = text.n > 2 ? json_loadb(text.p, text.n, 0, NULL) : NULL, *one;
    const char *key;
    json_object_foreach(map, key, one)
    {
        if (json_is_string(one)) {
            add_tag(tags, tag_key(str_of(key)),
                    (struct str){json_string_value(one), json_string_length(one)});
        }
    }
    json_decref(map);
}

/* The line's tags as JSON, keys sorted; "{}" when they are longer than TAGS_BYTES. */
static void tags_text(const struct import *m, char out[TAGS_BYTES])
{
    json_t *tags = json_object();
    add_map(tags, value(m, COL_RESOURCE_TAGS));
    add_map(tags, value(m, COL_TAGS));
    for (size_t i = 0; i < m->width; i++) {
        if (m->tag_of[i] != NULL) {
            add_tag(tags, str_of(m->tag_of[i]), csv_field(&m->csv, i));
        }
    }
    char *text = json_dumps(tags, JSON_COMPACT | JSON_SORT_KEYS);
    if (text == NULL || !str_copy(out, TAGS_BYTES, str_of(text))) {
        (void)str_copy(out, TAGS_BYTES, STR("{}"));
    }
    free(text);
    json_decref(tags);
}

/* "2026-11-21T00:00:00.000Z", "2026-11-21 00:00:00" to its day; false: no date. */
static bool day_of(struct str text, struct str *day)
{
    char full[CLOCK_TEXT];
    int64_t ms;
    *day = str_sub(text, 0, DAY_TEXT);
    (void)snprintf(full, sizeof(full), "%.*sT00:00:00Z", (int)day->n, day->n > 0 ? day->p : "");
    return day->n == DAY_TEXT && clock_parse_rfc3339(str_of(full), &ms) &&
           (text.n == DAY_TEXT || text.p[DAY_TEXT] == 'T' || text.p[DAY_TEXT] == ' ');
}

/* What the pieces of a line that are made point into. */
struct line_texts {
    char tags[TAGS_BYTES], service[TEXT_MAX], model[PRICE_BILLED_MAX];
};

/* CUR 2.0 has the product's name in the map `product`; a flattened export as a column. */
static struct str service_of(const struct import *m, char out[TEXT_MAX])
{
    struct str flat = value(m, COL_PRODUCT_NAME), text = value(m, COL_PRODUCT);
    json_t *map = flat.n == 0 && text.n > 2 ? json_loadb(text.p, text.n, 0, NULL) : NULL;
    const char *name = json_string_value(json_object_get(map, "product_name"));
    (void)str_copy(out, TEXT_MAX, name != NULL ? str_of(name) : flat);
    json_decref(map);
    if (out[0] == '\0') {
        (void)str_copy(out, TEXT_MAX, value(m, COL_PRODUCT_CODE));
    }
    return str_of(out);
}

/* False: the line is not as it should be. */
static bool read_line(struct import *m, struct ledger_cur_line *l, struct line_texts *texts)
{
    struct str start, amount = value(m, COL_USAGE);
    char number[64];
    if (!day_of(value(m, COL_PERIOD), &start) || !day_of(value(m, COL_DAY), &l->day) ||
        !cost_explorer_amount(value(m, COL_COST), &l->usd)) {
        return false;
    }
    l->period = str_sub(start, 0, MONTH_TEXT);
    l->principal = str_sub(value(m, COL_PRINCIPAL), 0, TEXT_MAX);
    l->usage_type = str_sub(value(m, COL_USAGE_TYPE), 0, TEXT_MAX);
    l->service = service_of(m, texts->service);
    price_names_billed(texts->model, l->service, l->usage_type);
    l->model = str_of(texts->model);
    l->usage = 0;
    if (amount.n > 0 && str_copy(number, sizeof(number), amount)) {
        char *end;
        l->usage = strtod(number, &end);
        if (*end != '\0' || !(l->usage > -1e18 && l->usage < 1e18)) {
            return false;
        }
    }
    tags_text(m, texts->tags);
    l->tags = str_of(texts->tags);
    return true;
}

static void note_malformed(struct import *m)
{
    m->counts->malformed++;
    if (m->counts->first_malformed == 0) {
        m->counts->first_malformed = m->csv.number;
    }
}

static enum err take_record(struct import *m, const char *path, struct err_info *ei)
{
    struct ledger_cur_line l;
    struct line_texts texts;
    if (m->width == 0) {
        return read_header(m, path, ei);
    }
    m->counts->lines++;
    if (m->csv.bad || m->csv.count != m->width) {
        note_malformed(m);
        return ERR_OK;
    }
    if (!is_bedrock(m)) {
        m->counts->other++;
        return ERR_OK;
    }
    if (!is_usage(value(m, COL_TYPE))) {
        m->counts->left_out++;
        return ERR_OK;
    }
    if (!read_line(m, &l, &texts)) {
        note_malformed(m);
        return ERR_OK;
    }
    m->counts->taken++;
    m->counts->principals_missing += l.principal.n == 0 ? 1 : 0;
    m->counts->usd = money_add(m->counts->usd, l.usd);
    return ledger_cur_add(m->to, &l, ei);
}

/* --- the file --- */

/* AWS offers exports as Parquet first. */
static enum err refuse_parquet(gzFile f, const char *path, struct err_info *ei)
{
    char magic[4];
    int n = gzread(f, magic, sizeof(magic));
    if (n == (int)sizeof(magic) && memcmp(magic, "PAR1", sizeof(magic)) == 0) {
        return err_set(ei, ERR_UNSUPPORTED,
                       "%.120s is Parquet: make an export whose format is text/csv, gzip", path);
    }
    (void)gzrewind(f); /* what cannot be read says so again */
    return ERR_OK;
}

static enum err read_all(struct import *m, gzFile f, const char *path, struct err_info *ei)
{
    char *chunk = malloc(CHUNK);
    enum err e = chunk != NULL ? ERR_OK : err_set(ei, ERR_NOMEM, "no memory to read %.120s", path);
    int n = 1;
    while (e == ERR_OK && (n = gzread(f, chunk, CHUNK)) > 0) {
        struct str rest = {chunk, (size_t)n};
        while (e == ERR_OK && csv_take(&m->csv, &rest)) {
            e = take_record(m, path, ei);
        }
    }
    if (e == ERR_OK && n < 0) {
        int code;
        const char *why = gzerror(f, &code);
        e = err_set(ei, code == Z_ERRNO ? ERR_IO : ERR_CORRUPT, "%.120s cannot be read: %.80s",
                    path, why);
    }
    if (e == ERR_OK && csv_end(&m->csv)) {
        e = take_record(m, path, ei);
    }
    free(chunk);
    return e;
}

enum err cur_import_file(struct ledger_cur *to, const char *path, struct cur_counts *counts,
                         struct err_info *ei)
{
    struct import *m = calloc(1, sizeof(*m));
    gzFile f = m != NULL ? gzopen(path, "rbe") : NULL;
    struct cur_counts before = *counts;
    enum err e = ERR_OK;
    if (f == NULL) {
        free(m);
        return m == NULL ? err_set(ei, ERR_NOMEM, "no memory to read %.120s", path)
                         : err_set_sys(ei, ERR_IO, errno, "%.120s cannot be opened", path);
    }
    m->to = to;
    m->counts = counts;
    csv_init(&m->csv);
    ledger_cur_begin(to, path);
    e = refuse_parquet(f, path, ei);
    e = e != ERR_OK ? e : read_all(m, f, path, ei);
    if (gzclose_r(f) == Z_BUF_ERROR && e == ERR_OK) {
        e = err_set(ei, ERR_CORRUPT, "%.120s is cut off: fetch it again", path);
    }
    if (e == ERR_OK && m->width == 0) {
        e = err_set(ei, ERR_PARSE, "%.120s is empty", path);
    }
    if (e == ERR_OK && counts->malformed > before.malformed &&
        counts->malformed - before.malformed == counts->lines - before.lines) {
        e = err_set(ei, ERR_PARSE, "%.120s has no line that is as its header says", path);
    }
    for (size_t i = 0; i < CSV_FIELDS_MAX; i++) {
        free(m->tag_of[i]);
    }
    csv_free(&m->csv);
    free(m);
    return e;
}
