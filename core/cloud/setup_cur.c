/* setup_cur.c: AWS's own bill by IAM principal: imported from CUR 2.0, and shown. No call to AWS.
 */
#include "core/cloud/setup_private.h"

#include "core/cloud/cur_import.h"

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
    setup_say(notes, "tollgate aws cur show sums them up.");
}

enum err setup_cur_import(struct setup *s, const json_t *params, json_t **result,
                          struct err_info *ei)
{
    struct ledger_cur *to = ledger_cur_open(s->config->state_dir, true, ei);
    struct cur_counts counts = {0};
    const json_t *file;
    size_t i;
    enum err e = to != NULL ? ERR_OK : ERR_IO;
    json_array_foreach(json_object_get(params, "files"), i, file)
    {
        e = e != ERR_OK ? e : cur_import_file(to, json_string_value(file), &counts, ei);
    }
    e = e != ERR_OK ? e : ledger_cur_commit(to, ei);
    ledger_cur_close(to);
    if (e != ERR_OK) {
        return e;
    }
    json_t *notes = json_array();
    say_counts(notes, &counts);
    return setup_result(json_pack("{s:o, s:o}", "counts", counts_json(&counts), "notes", notes),
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

static bool take_sum(void *arg, const struct ledger_cur_sum *m)
{
    return json_array_append_new(arg, json_pack("{s:o, s:o, s:f, s:I, s:s%, s:s%}", "key",
                                                key_json(m->key), "usd", setup_money(m->usd),
                                                "usage", m->usage, "lines", (json_int_t)m->lines,
                                                "first_day", m->first_day.p, m->first_day.n,
                                                "last_day", m->last_day.p, m->last_day.n)) == 0;
}

enum err setup_cur_show(struct setup *s, const json_t *params, json_t **result, struct err_info *ei)
{
    const char *by = setup_text(params, "by"), *month = setup_text(params, "month");
    if (month != NULL && strlen(month) != 7) {
        return err_set(ei, ERR_RANGE, "--month must be such as 2026-11");
    }
    struct ledger_cur *from = ledger_cur_open(s->config->state_dir, false, ei);
    json_t *rows = json_array();
    enum err e = from == NULL ? ERR_IO
                              : ledger_cur_sums(from, by != NULL ? by : "principal",
                                                month != NULL ? month : "", take_sum, rows, ei);
    ledger_cur_close(from);
    if (e != ERR_OK) {
        json_decref(rows);
        return e;
    }
    return setup_result(json_pack("{s:s, s:o}", "by", by != NULL ? by : "principal", "rows", rows),
                        result, ei);
}
