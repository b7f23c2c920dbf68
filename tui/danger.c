/* danger.c: what a dangerous change touches, and what has to be typed before the largest ones. */
#include "core/base/str.h"
#include "core/config/config.h"
#include "tui/format.h"
#include "tui/ui.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The value a limit, or a group of it, is about; "": any. */
static const char *value_of(const json_t *limit, const json_t *group, const char *key)
{
    const char *of_group = snapshot_text(snapshot_at(group, "group"), key);
    return *of_group ? of_group : snapshot_text(snapshot_at(limit, "match"), key);
}

bool danger_is_production(const json_t *limit, const json_t *group)
{
    static const char *const names[] = {"prod", "production", "live", "none"};
    const char *environment = value_of(limit, group, "environment");
    bool found = !*environment || strncasecmp(environment, "prod", 4) == 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        found = found || fnmatch(environment, names[i], 0) == 0;
    }
    return found;
}

/* How many calls of the row of that name are open, or -1. */
static int64_t open_of(struct ui *ui, const char *table, const char *name)
{
    const json_t *rows = snapshot_at(ui->live.data, table);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        char is[W_TABLE_KEY];
        double n = 0;
        if (rows_text(rows, i, "name", is, sizeof is)) {
            if (strcmp(is, name) == 0) {
                return rows_number(rows, i, "open", &n) ? (int64_t)n : -1;
            }
            continue;
        }
        const json_t *row = rows_at(&ui->rows, rows, i);
        if (strcmp(snapshot_text(row, "name"), name) == 0) {
            return (int64_t)json_integer_value(snapshot_at(row, "open"));
        }
    }
    return -1;
}

/* How many calls run under it. Only what one key alone says is known exactly; else it is at most
 * so many. */
static int64_t count_open(struct ui *ui, const json_t *limit, const json_t *group, bool *exact)
{
    static const struct {
        const char *key, *table;
    } keys[] = {{"model", "models"},
                {"costCenter", "cost_centers"},
                {"applicationId", "applications"},
                {"environment", NULL},
                {"principal", NULL}};
    int64_t least = (int64_t)json_integer_value(snapshot_at(ui->live.data, "totals.open"));
    int said = (int)json_object_size(snapshot_at(limit, "match"));
    const char *key;
    json_t *value;
    json_object_foreach(snapshot_at(group, "group"), key, value)
    {
        said += json_object_get(snapshot_at(limit, "match"), key) == NULL;
    }
    *exact = said == 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *name = value_of(limit, group, keys[i].key);
        int64_t open = *name && keys[i].table ? open_of(ui, keys[i].table, name) : -1;
        least = open >= 0 && open < least ? open : least;
        *exact = *exact || (open >= 0 && said == 1);
    }
    return least;
}

void danger_touches(struct ui *ui, const json_t *limit, const json_t *group, char *out, size_t size)
{
    bool exact = true;
    int64_t n = limit ? count_open(ui, limit, group, &exact)
                      : (int64_t)json_integer_value(snapshot_at(ui->live.data, "totals.open"));
    char calls[FORMAT_TEXT];
    format_exact(calls, n);
    const char *under = limit ? " under it" : "";
    if (n == 0) {
        snprintf(out, size, "No call%s runs now.", under);
    } else {
        snprintf(out, size, "%s%s call%s%s run%s now.", exact ? "" : "At most ", calls,
                 n == 1 ? "" : "s", under, n == 1 ? "s" : "");
    }
}

/* "sales" for a group of one key, else the limit's name. */
static const char *name_of(const json_t *limit, const json_t *group)
{
    json_t *pairs = snapshot_at(group, "group");
    const char *key;
    json_t *value;
    if (json_object_size(pairs) == 1) {
        json_object_foreach(pairs, key, value)
        {
            return json_string_value(value) ? json_string_value(value) : "";
        }
    }
    return snapshot_text(limit, "name");
}

void danger_block(struct ui *ui, const json_t *limit, const json_t *group, json_t *params)
{
    char name[160];
    char amount[FORMAT_TEXT];
    char touches[80];
    char text[W_DIALOG_TEXT];
    struct ui_edit e = {.group = snapshot_at(group, "group")};
    str_copy(e.limit, sizeof e.limit, str_of(snapshot_text(limit, "name")));
    edit_describe(&e, name, sizeof name);
    panel_limit_short(amount, sizeof amount, limit, group);
    danger_touches(ui, limit, group, touches, sizeof touches);
    snprintf(text, sizeof text,
             "%s\n\n%s -> blocked\n\nEvery call under it is refused until it is unblocked. "
             "Calls that run go on. %s",
             name, amount, touches);
    request_confirm(ui, "Block this limit?", text, "limit.block", params);
    if (danger_is_production(limit, group)) {
        request_then_type(ui, name_of(limit, group));
    }
}

void danger_block_all(struct ui *ui)
{
    char touches[80];
    char text[W_DIALOG_TEXT];
    const char *actor = snapshot_text(ui->live.data, "health.all_blocked.actor");
    if (json_is_object(snapshot_at(ui->live.data, "health.all_blocked"))) {
        ui_say(ui, W_NORMAL, "All calls are blocked already, by %.40s.", actor);
        return;
    }
    danger_touches(ui, NULL, NULL, touches, sizeof touches);
    snprintf(text, sizeof text,
             "The kill switch\n\nlet through -> blocked\n\nEVERY call is refused, whether a limit "
             "means it or not, also after a restart, until `limit unblock --all`. Calls that run "
             "go on. %s",
             touches);
    request_confirm(ui, "Block all calls?", text, "limit.block", json_pack("{s:b}", "all", 1));
    request_then_type(ui, "all");
}

void danger_unblock_all(struct ui *ui)
{
    if (!json_is_object(snapshot_at(ui->live.data, "health.all_blocked"))) {
        ui_say(ui, W_NORMAL, "The kill switch is off; limits are unblocked by their names.");
        return;
    }
    request_confirm(ui, "Let calls through again?",
                    "The kill switch\n\nblocked -> let through\n\nLimits hold as they did.",
                    "limit.unblock", json_pack("{s:b}", "all", 1));
}

/* --- an amount beyond what the file allows --- */

static const json_t *group_of(const json_t *limit, const json_t *pairs)
{
    size_t i;
    json_t *group;
    json_array_foreach(snapshot_at(limit, "groups"), i, group)
    {
        if (pairs && json_equal(snapshot_at(group, "group"), pairs)) {
            return group;
        }
    }
    return NULL;
}

/* "2M", "+10%" of what it was; false: it is no amount. */
static bool read_amount(const char *text, const char *metric, int64_t old, int64_t *out)
{
    enum config_metric m;
    int64_t percent;
    char plain[64];
    size_t n = 0;
    struct str s = str_trim(str_of(text));
    if (s.n > 2 && (s.p[0] == '+' || s.p[0] == '-') && s.p[s.n - 1] == '%') {
        bool read = str_to_i64(str_sub(s, 1, s.n - 2), &percent) && percent <= 10000;
        *out = old + (s.p[0] == '+' ? 1 : -1) * (int64_t)((__int128)old * percent / 100);
        return read && percent >= 0;
    }
    for (size_t i = 0; i < s.n && n < sizeof plain; i++) {
        plain[n] = s.p[i];
        n += s.p[i] != ',' && (s.p[i] != '$' || i > 0);
    }
    return config_metric_parse(str_of(metric), &m) &&
           config_amount_parse((struct str){plain, n}, m, out);
}

bool danger_ask_amount(struct ui *ui, const json_t *params, const char *why)
{
    const json_t *limit = snapshot_limit(ui_shown(ui), snapshot_text(params, "name"));
    const json_t *group = group_of(limit, json_object_get(params, "group"));
    const char *metric = snapshot_text(limit, "metric");
    int64_t was = format_json_amount(snapshot_at(group ? group : limit, "amount"), metric);
    int64_t wanted;
    char old[FORMAT_TEXT];
    char new[FORMAT_TEXT];
    char name[160];
    char touches[80];
    char safe[300];
    char text[W_DIALOG_TEXT];
    struct ui_edit e = {.group = json_object_get(params, "group")};
    if (!limit || !read_amount(snapshot_text(params, "amount"), metric, was, &wanted)) {
        return false;
    }
    str_copy(e.limit, sizeof e.limit, str_of(snapshot_text(limit, "name")));
    edit_describe(&e, name, sizeof name);
    format_amount(old, metric, was);
    format_amount(new, metric, wanted);
    danger_touches(ui, limit, group, touches, sizeof touches);
    str_printable(safe, sizeof safe, (struct str){why, strcspn(why, ";")});
    snprintf(text, sizeof text, "%s: %s -> %s\n\n%s. %s", name, old, new, safe, touches);
    json_t *confirmed = json_deep_copy(params);
    (void)json_object_set_new(confirmed, "yes", json_true());
    request_confirm(ui, "Sure?", text, "limit.set", confirmed);
    request_then_type(ui, new);
    str_copy(ui->second.metric, sizeof ui->second.metric, str_of(metric));
    ui->second.amount = wanted;
    request_type_now(ui);
    return true;
}

/* Where nothing is left of an amount. */
static bool would_stop(struct ui *ui, const json_t *params)
{
    const json_t *limit = snapshot_limit(ui_shown(ui), snapshot_text(params, "name"));
    const json_t *group = group_of(limit, json_object_get(params, "group"));
    const char *metric = snapshot_text(limit, "metric");
    int64_t was = format_json_amount(snapshot_at(group ? group : limit, "amount"), metric);
    int64_t wanted;
    return limit && was > 0 && danger_is_production(limit, group) &&
           read_amount(snapshot_text(params, "amount"), metric, was, &wanted) && wanted == 0;
}

void danger_set(struct ui *ui, json_t *params)
{
    if (would_stop(ui, params) &&
        danger_ask_amount(ui, params, "Every call under it is refused while it is 0")) {
        json_decref(params);
        return;
    }
    ui_say(ui, W_PENDING, "%s: sent, waiting for the core", snapshot_text(params, "name"));
    request_send(ui, "limit.set", params);
}

bool danger_typed_right(const struct ui *ui)
{
    int64_t amount;
    const char *text = ui->dialog.input.text;
    if (ui->second.metric[0]) {
        return read_amount(text, ui->second.metric, 0, &amount) && amount == ui->second.amount &&
               !strchr(text, '%');
    }
    return str_is(str_trim(str_of(text)), ui->second.word);
}
