/* setup_budgets.c: AWS budgets over a tag: what they say, and new ones. */
#include "core/cloud/setup_private.h"

#include "core/aws/budgets.h"

#define PERCENT_MAX 5

static bool take_row(void *arg, const struct budget *b)
{
    json_t *tag =
        b->tag_key[0] != '\0' ? json_sprintf("%s=%s", b->tag_key, b->tag_value) : json_null();
    return json_array_append_new(
               arg, json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "name", b->name,
                              "type", b->type, "time_unit", b->time_unit, "tag", tag, "limit_usd",
                              setup_money(b->limit), "actual_usd", setup_money(b->actual),
                              "forecast_usd", setup_money(b->forecast), "health",
                              setup_string(b->health), "updated_at", setup_time(b->updated_ms))) ==
           0;
}

enum err setup_budgets_list(struct setup *s, const json_t *params, json_t **result,
                            struct err_info *ei)
{
    struct aws_session a = setup_session(s, SERVICE_BUDGETS);
    json_t *rows = json_array();
    char account[32];
    (void)params;
    enum err e = setup_account(s, account, ei);
    e = e != ERR_OK ? e : budgets_list(&a, account, take_row, rows, NULL, ei);
    if (e != ERR_OK) {
        json_decref(rows);
        return e;
    }
    return setup_result(json_pack("{s:o}", "budgets", rows), result, ei);
}

/* "80,100" to numbers. */
static enum err read_percents(const char *text, int out[PERCENT_MAX], size_t *count,
                              struct err_info *ei)
{
    struct str rest = str_of(text);
    *count = 0;
    while (rest.n > 0) {
        int64_t n;
        struct str one = str_trim(str_cut(rest, ',', &rest));
        if (*count == PERCENT_MAX || !str_to_i64(one, &n) || n < 1 || n > 1000) {
            return err_set(ei, ERR_USAGE, "--percent must be 1 to %d whole numbers, such as 80,100",
                           PERCENT_MAX);
        }
        out[(*count)++] = (int)n;
    }
    return ERR_OK;
}

/* The budget that the parameters describe; texts are borrowed from them. */
static enum err read_budget(const struct setup *s, const json_t *params, struct budget_new *b,
                            int percent[PERCENT_MAX], struct err_info *ei)
{
    json_t *tags;
    const char *told = setup_text(params, "percent"), *unit = setup_text(params, "unit");
    enum err e = setup_need(params, "name", "what the budget is called", &b->name, ei);
    e = e != ERR_OK ? e : setup_dollars(params, "amount", &b->limit, ei);
    e = e != ERR_OK ? e : setup_tags(params, &tags, ei);
    e = e != ERR_OK ? e : setup_told(params, true, &b->email, &b->sns_topic, ei);
    e = e != ERR_OK ? e
                    : read_percents(told != NULL ? told : "80,100", percent, &b->percent_count, ei);
    if (e != ERR_OK) {
        return e;
    }
    b->percent = percent;
    b->time_unit = unit != NULL ? unit : "MONTHLY";
    if (strcmp(b->time_unit, "DAILY") != 0 && strcmp(b->time_unit, "MONTHLY") != 0 &&
        strcmp(b->time_unit, "QUARTERLY") != 0 && strcmp(b->time_unit, "ANNUALLY") != 0) {
        return err_set(ei, ERR_USAGE, "--unit must be DAILY, MONTHLY, QUARTERLY or ANNUALLY");
    }
    if (json_object_size(tags) != 1) {
        return err_set(ei, ERR_USAGE, "one --tag is needed, such as costCenter=sales");
    }
    const char *key = json_object_iter_key(json_object_iter(tags));
    b->tag_key = setup_billing_key(s->config, key);
    b->tag_value = aws_json_text(tags, key);
    return ERR_OK;
}

enum err setup_budgets_create(struct setup *s, const json_t *params, json_t **result,
                              struct err_info *ei)
{
    struct aws_session a = setup_session(s, SERVICE_BUDGETS);
    struct budget_new b = {.name = NULL};
    int percent[PERCENT_MAX];
    char account[32], dollars[MONEY_TEXT];
    enum err e = read_budget(s, params, &b, percent, ei);
    e = e != ERR_OK ? e : setup_account(s, account, ei);
    if (e != ERR_OK) {
        return e;
    }
    json_t *body = budgets_create_body(account, &b);
    if (setup_flag(params, "dry_run")) {
        json_t *plan = json_array();
        money_display(dollars, b.limit);
        setup_say(plan, "Create the %s cost budget %s of %s in account %s", b.time_unit, b.name,
                  dollars, account);
        setup_say(plan, "over everything billed with the tag %s=%s.", b.tag_key, b.tag_value);
        for (size_t i = 0; i < b.percent_count; i++) {
            setup_say(plan, "Above %d %%: tell %s%s%s.", percent[i], b.email != NULL ? b.email : "",
                      b.email != NULL && b.sns_topic != NULL ? " and " : "",
                      b.sns_topic != NULL ? b.sns_topic : "");
        }
        return setup_planned(plan, body, result, ei);
    }
    e = budgets_create(&a, body, ei);
    return e != ERR_OK
               ? e
               : setup_result(json_pack("{s:s, s:[s]}", "name", b.name, "notes",
                                        "The budget is created. It evaluates when billing is "
                                        "refreshed, up to a day late: a limit of tollgate stops "
                                        "at once."),
                              result, ei);
}
