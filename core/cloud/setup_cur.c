/* setup_cur.c: AWS's own bill by IAM principal: imported from CUR 2.0, and shown. No call to AWS.
 */
#include "core/cloud/setup_private.h"

#include "core/cloud/cur_import.h"

#include <string.h>

static json_t *counts_json(const struct cur_counts *n)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "lines", (json_int_t)n->lines, "taken",
                     (json_int_t)n->taken, "other_services", (json_int_t)n->other, "left_out",
                     (json_int_t)n->left_out, "malformed", (json_int_t)n->malformed,
                     "without_principal", (json_int_t)n->principals_missing, "usd",
                     setup_money(n->usd));
}

static void say_counts(json_t *notes, const struct cur_counts *n)
{
    char dollars[MONEY_TEXT];
    money_display(dollars, n->usd);
    setup_say(notes,
              "%lld lines read: %lld of Bedrock imported, %s; %lld of other services; %lld "
              "taxes, credits and refunds left out.",
              (long long)n->lines, (long long)n->taken, dollars, (long long)n->other,
              (long long)n->left_out);
    if (n->malformed > 0) {
        setup_say(notes, "%lld malformed lines were passed over; the first is record %lld.",
                  (long long)n->malformed, (long long)n->first_malformed);
    }
    if (n->principals_missing > 0) {
        setup_say(notes, "%lld of them name no IAM principal: see tollgate aws exports check.",
                  (long long)n->principals_missing);
    }
}

struct file_list {
    json_t *rows, *notes;
};

static bool take_file(void *arg, const struct ledger_cur_file *f)
{
    struct file_list *l = arg;
    char dollars[MONEY_TEXT];
    money_display(dollars, f->usd);
    json_t *row = json_pack("{s:s%, s:s%, s:o, s:o, s:I}", "period", f->period.p, f->period.n,
                            "file", f->name.p, f->name.n, "imported_at", setup_time(f->imported_ms),
                            "usd", setup_money(f->usd), "lines", (json_int_t)f->lines);
    setup_say(l->notes, "%.*s: %.*s, imported %s: %lld lines, %s", (int)f->period.n, f->period.p,
              (int)f->name.n, f->name.p, aws_json_text(row, "imported_at"), (long long)f->lines,
              dollars);
    return row != NULL && json_array_append_new(l->rows, row) == 0;
}

/* What the bill holds now of the periods that were imported. */
static enum err list_files(const struct setup *s, struct file_list *l, struct err_info *ei)
{
    struct ledger_cur *from = ledger_cur_open(s->config->state_dir, false, ei);
    setup_say(l->notes, "The bill now holds, of the same months:");
    enum err e = from != NULL ? ledger_cur_files(from, take_file, l, ei) : ERR_IO;
    ledger_cur_close(from);
    setup_say(l->notes, "tollgate aws cur show sums it up.");
    return e;
}

enum err setup_cur_import(struct setup *s, const json_t *params, json_t **result,
                          struct err_info *ei)
{
    struct ledger_cur *to = ledger_cur_open(s->config->state_dir, true, ei);
    struct cur_counts counts = {0};
    const json_t *file;
    size_t i;
    enum err e = to != NULL ? ERR_OK : ERR_IO;
    if (to != NULL && setup_flag(params, "replace")) {
        ledger_cur_replace(to);
    }
    json_array_foreach(json_object_get(params, "files"), i, file)
    {
        e = e != ERR_OK ? e : cur_import_file(to, json_string_value(file), &counts, ei);
    }
    e = e != ERR_OK ? e : ledger_cur_commit(to, ei);
    ledger_cur_close(to);
    if (e != ERR_OK) {
        return e;
    }
    struct file_list l = {json_array(), json_array()};
    say_counts(l.notes, &counts);
    e = list_files(s, &l, ei);
    if (e != ERR_OK) {
        json_decref(l.rows);
        json_decref(l.notes);
        return e;
    }
    return setup_result(json_pack("{s:o, s:o, s:o}", "counts", counts_json(&counts), "files",
                                  l.rows, "notes", l.notes),
                        result, ei);
}

/* A key as JSON, whatever bytes the bill had. */
static json_t *key_json(struct str key)
{
    char safe[4096];
    json_t *text = json_stringn(key.n > 0 ? key.p : "", key.n);
    if (text == NULL) {
        (void)str_printable(safe, sizeof(safe), key);
        text = json_string(safe);
    }
    return text;
}

/* What is summed by. */
struct showing {
    const char *by[LEDGER_CUR_KEYS];
    size_t count;
    char text[300];
    json_t *rows;
};

static bool take_sum(void *arg, const struct ledger_cur_sum *m)
{
    struct showing *w = arg;
    json_t *key = json_object();
    for (size_t i = 0; i < w->count; i++) {
        (void)json_object_set_new(key, w->by[i], key_json(m->keys[i]));
    }
    return json_array_append_new(w->rows, json_pack("{s:o, s:o, s:f, s:I, s:s%, s:s%}", "key", key,
                                                    "usd", setup_money(m->usd), "usage", m->usage,
                                                    "lines", (json_int_t)m->lines, "first_day",
                                                    m->first_day.p, m->first_day.n, "last_day",
                                                    m->last_day.p, m->last_day.n)) == 0;
}

/* "principal,model" into its parts. */
static enum err read_by(const json_t *params, struct showing *w, struct err_info *ei)
{
    const char *by = setup_text(params, "by");
    bool ok = str_copy(w->text, sizeof(w->text), str_of(by != NULL ? by : "principal,model"));
    for (char *at = w->text; ok && at != NULL;) {
        char *comma = strchr(at, ',');
        ok = w->count < LEDGER_CUR_KEYS && *at != '\0' && at != comma;
        if (ok) {
            w->by[w->count++] = at;
        }
        if (comma != NULL) {
            *comma++ = '\0';
        }
        at = comma;
    }
    return ok ? ERR_OK
              : err_set(ei, ERR_USAGE,
                        "--by must be one to %d of principal, model, day, service, usage_type, "
                        "tags and keys of tags, such as principal,model",
                        LEDGER_CUR_KEYS);
}

static bool is_month(const char *text)
{
    static const char form[] = "dddd-dd";
    size_t i = 0;
    while (form[i] != '\0' &&
           (form[i] == 'd' ? text[i] >= '0' && text[i] <= '9' : text[i] == '-')) {
        i++;
    }
    return form[i] == '\0' && text[i] == '\0';
}

enum err setup_cur_show(struct setup *s, const json_t *params, json_t **result, struct err_info *ei)
{
    struct showing w = {.count = 0};
    const char *month = setup_text(params, "month");
    enum err e = read_by(params, &w, ei);
    if (e == ERR_OK && month != NULL && !is_month(month)) {
        e = err_set(ei, ERR_USAGE, "--month must be such as 2026-11");
    }
    struct ledger_cur *from = e == ERR_OK ? ledger_cur_open(s->config->state_dir, false, ei) : NULL;
    if (from == NULL) {
        return e != ERR_OK ? e : ERR_IO;
    }
    json_t *notes = json_array(), *by = json_array();
    w.rows = json_array();
    e = ledger_cur_sums(from, w.by, w.count, month != NULL ? month : "", take_sum, &w, ei);
    ledger_cur_close(from);
    for (size_t i = 0; i < w.count; i++) {
        (void)json_array_append_new(by, json_string(w.by[i]));
    }
    if (json_array_size(w.rows) == LEDGER_CUR_SUMS_MAX) {
        setup_say(notes, "Only the first %d are shown.", LEDGER_CUR_SUMS_MAX);
    }
    if (e == ERR_OK) {
        e = setup_result(json_pack("{s:O, s:O, s:O}", "by", by, "rows", w.rows, "notes", notes),
                         result, ei);
    }
    json_decref(by);
    json_decref(w.rows);
    json_decref(notes);
    return e;
}
