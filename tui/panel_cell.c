#include "core/base/str.h"
#include "tui/format.h"
#include "tui/panel.h"
#include "tui/ui.h"

#include <stdio.h>
#include <string.h>

#define MINUTE_MS     60000
#define SPARK_COLUMNS 15
#define WARN_SHARE    0.80
#define FULL_SHARE    0.98

enum w_state panel_limit_state(const json_t *limit, const json_t *group)
{
    double share = snapshot_share(limit, group);
    return share >= FULL_SHARE ? W_STATE_CRIT : share >= WARN_SHARE ? W_STATE_WARN : W_STATE_OK;
}

void panel_limit_short(char *out, size_t size, const json_t *limit, const json_t *group)
{
    char amount[FORMAT_TEXT];
    const char *metric = snapshot_text(limit, "metric");
    const char *window = snapshot_text(limit, "window");
    const char *name = strcmp(window, "1m") == 0 ? "min" : strcmp(window, "1h") == 0 ? "h" : window;
    format_amount(amount, metric,
                  format_json_amount(snapshot_at(group ? group : limit, "amount"), metric));
    snprintf(out, size, "%s%s%.20s", amount, *name ? "/" : "", name);
}

static void put_text(struct w_cell *out, const char *text)
{
    str_printable(out->text, sizeof out->text, str_of(text));
}

static void put_pairs(struct w_cell *out, const json_t *object)
{
    const char *key;
    json_t *value;
    size_t n = 0;
    char text[W_TABLE_CELL] = "";
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const char *v = json_string_value(value);
        int more =
            snprintf(text + n, sizeof text - n, "%s%.40s=%.60s", n ? " " : "", key, v ? v : "");
        n += more > 0 ? (size_t)more : 0;
        if (n >= sizeof text) {
            break;
        }
    }
    put_text(out, text);
}

static void put_scalar(struct w_cell *out, const json_t *v)
{
    if (json_is_string(v)) {
        put_text(out, json_string_value(v));
    } else if (json_is_integer(v)) {
        format_exact(out->text, json_integer_value(v));
    } else if (json_is_real(v)) {
        char text[MONEY_TEXT];
        money_format(text, format_json_money(v));
        put_text(out, text);
    } else if (json_is_boolean(v)) {
        put_text(out, json_is_true(v) ? "yes" : "no");
    } else {
        put_text(out, "-");
    }
}

static void put_count(struct w_cell *out, const struct panel_column *c, const json_t *v)
{
    if (!json_is_number(v)) {
        put_text(out, "-");
        out->role = W_MUTED;
        return;
    }
    int64_t n = (int64_t)json_number_value(v);
    char text[FORMAT_TEXT];
    format_count(text, n);
    put_text(out, text);
    bool bad = strcmp(c->w.title, "DENIED") == 0 || strcmp(c->w.title, "FAILED") == 0 ||
               strcmp(c->w.title, "OVER") == 0;
    out->role = n == 0 ? W_MUTED : bad ? W_WARN : W_NORMAL;
}

static void put_money(struct w_cell *out, const json_t *v)
{
    char text[FORMAT_TEXT] = "-";
    money_t m = format_json_money(v);
    if (json_is_number(v)) {
        format_live_money(text, m);
    }
    put_text(out, text);
    out->role = m == 0 ? W_MUTED : W_NORMAL;
}

static void put_forecast(struct w_cell *out, const json_t *row, const json_t *v)
{
    const json_t *budget = snapshot_at(row, "budget_usd");
    put_money(out, v);
    if (json_is_number(budget) && format_json_money(v) > format_json_money(budget)) {
        size_t n = strlen(out->text);
        snprintf(out->text + n, sizeof out->text - n, " W");
        out->role = W_WARN;
    }
}

static void put_until(const struct panel *p, struct w_cell *out, const json_t *v)
{
    char text[FORMAT_TEXT] = "-";
    int64_t at = format_json_time(v);
    if (at > p->ui->wall_ms) {
        format_span(text, at - p->ui->wall_ms);
    } else if (at > 0) {
        snprintf(text, sizeof text, "now");
    }
    put_text(out, text);
}

static void put_age(const struct panel *p, struct w_cell *out, const json_t *v)
{
    char text[FORMAT_TEXT] = "-";
    int64_t at = format_json_time(v);
    if (at > 0) {
        format_span(text, p->ui->wall_ms - at);
    }
    put_text(out, text);
}

static void ms_words(char out[FORMAT_TEXT], long long ms)
{
    if (ms >= 1000) {
        snprintf(out, FORMAT_TEXT, "%lld.%lld s", ms / 1000, ms / 100 % 10);
    } else {
        snprintf(out, FORMAT_TEXT, "%lld ms", ms);
    }
}

static void put_ms(struct w_cell *out, const json_t *v)
{
    char text[FORMAT_TEXT] = "-";
    bool known = json_is_integer(v) && json_integer_value(v) >= 0;
    if (known) {
        ms_words(text, json_integer_value(v));
    }
    put_text(out, text);
    out->role = known ? W_NORMAL : W_MUTED;
}

static void put_series(const struct panel *p, struct w_cell *out, const json_t *v)
{
    int64_t series[SPARK_COLUMNS] = {0};
    size_t count = json_array_size(v);
    size_t each = count / SPARK_COLUMNS + (count % SPARK_COLUMNS > 0); /* steps in a column */
    size_t columns = each > 0 ? (count + each - 1) / each : 0;
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)v, i, one)
    {
        series[columns - 1 - (count - 1 - i) / each] += json_integer_value(one);
    }
    const struct ui *ui = p->ui;
    bool drill = p->def->origin == ROWS_DRILL;
    bool past = drill || ui->past.on;
    int64_t asked =
        drill ? json_integer_value(snapshot_at(ui->drill.sums, "step_ms")) : ui->past.step_ms;
    int64_t step = past && asked > 0 ? asked : MINUTE_MS;
    int64_t at = format_json_time(drill ? snapshot_at(ui->drill.sums, "until")
                                        : snapshot_at(ui_shown(ui)->data, "time"));
    out->kind = W_CELL_SPARK;
    w_spark_place(&out->spark, series, (int)columns,
                  ((at > 0 ? at : ui->wall_ms) - (past ? 1 : 0)) /
                      (step * (int64_t)(each > 0 ? each : 1)));
}

static void put_caller(struct w_cell *out, const json_t *row)
{
    char text[W_TABLE_CELL];
    const char *center = snapshot_text(row, "cost_center");
    const char *application = snapshot_text(row, "application");
    if (!*center) {
        center = snapshot_text(row, "tags.costCenter");
    }
    if (!*application) {
        application = snapshot_text(row, "tags.applicationId");
    }
    snprintf(text, sizeof text, "%.60s%s%.60s", center, *center && *application ? "/" : "",
             application);
    put_text(out, *text ? text : "-");
}

static bool is_change(const json_t *row)
{
    return strcmp(snapshot_text(row, "type"), "change") == 0;
}

static void put_what(struct w_cell *out, const json_t *row)
{
    const char *outcome = snapshot_text(row, "outcome");
    put_text(out, is_change(row) ? snapshot_text(row, "action") : outcome);
    bool bad = strcmp(outcome, "denied") == 0 || strcmp(outcome, "failed") == 0;
    out->role = is_change(row) ? W_LABEL : bad ? W_WARN : W_NORMAL;
}

static void put_changed(struct w_cell *out, const json_t *row, const char *member)
{
    const json_t *v = snapshot_at(row, member);
    char text[FORMAT_TEXT];
    if (json_is_number(v) && strcmp(snapshot_text(row, "unit"), "usd") == 0) {
        format_amount(text, "usd", format_json_money(v));
        put_text(out, text);
    } else {
        put_scalar(out, v);
    }
}

static void put_change(struct w_cell *out, const json_t *row)
{
    if (!is_change(row)) {
        char text[W_TABLE_CELL];
        const char *error = snapshot_text(row, "error");
        const char *limit = snapshot_text(row, "limit");
        const json_t *status = snapshot_at(row, "http_status");
        const json_t *took = snapshot_at(row, "duration_ms");
        if (*limit) {
            snprintf(text, sizeof text, "refused by %.80s", limit);
            put_text(out, text);
            return;
        }
        if (*error) {
            put_text(out, error);
            return;
        }
        char span[FORMAT_TEXT];
        ms_words(span, json_integer_value(took));
        snprintf(text, sizeof text, "%lld in %s", (long long)json_integer_value(status), span);
        put_text(out, text);
        return;
    }
    struct w_cell old = {0};
    struct w_cell new = {0};
    put_changed(&old, row, "old");
    put_changed(&new, row, "new");
    if (!json_is_number(snapshot_at(row, "old")) && !json_is_string(snapshot_at(row, "old"))) {
        put_text(out, new.text);
        return;
    }
    snprintf(out->text, sizeof out->text, "%.70s -> %.70s", old.text, new.text);
}

static void put_who(struct w_cell *out, const json_t *row)
{
    if (is_change(row)) {
        put_text(out, snapshot_text(row, "actor.login"));
    } else {
        put_caller(out, row);
    }
}

/* "7k/min", "7k/min each" when every group has its own; while a change waits "7k -> 8k". */
static void put_amount(const struct panel *p, struct w_cell *out, const json_t *limit,
                       const json_t *group)
{
    char amount[FORMAT_TEXT + 24];
    char wanted[FORMAT_TEXT];
    /* A limit's own amount, unless the row is a group. */
    const json_t *of = p->def->subject == SUBJECT_GROUP ? group : NULL;
    const struct ui_edit *e = edit_pending(p->ui, limit, of);
    panel_limit_short(amount, sizeof amount, limit, of);
    if (e) {
        amount[strcspn(amount, "/")] = '\0';
        format_amount(wanted, snapshot_text(limit, "metric"), e->amount);
        snprintf(out->text, sizeof out->text, "%s -> %s", amount, wanted);
        out->role = W_PENDING;
        return;
    }
    bool each = !of && json_array_size(snapshot_at(limit, "per")) > 0;
    snprintf(out->text, sizeof out->text, "%s%s", amount, each ? " each" : "");
}

static void put_gauge(struct w_cell *out, const json_t *limit, const json_t *group)
{
    const char *metric = snapshot_text(limit, "metric");
    const json_t *of = group ? group : limit;
    bool blocked =
        json_is_true(snapshot_at(of, "blocked")) || json_is_true(snapshot_at(limit, "blocked"));
    if (blocked) {
        put_text(out, "BLOCKED");
        out->role = W_CRIT;
        return;
    }
    out->kind = W_CELL_GAUGE;
    out->gauge = (struct w_gauge){
        .value = format_json_amount(snapshot_at(of, "used"), metric),
        .reserved = format_json_amount(snapshot_at(of, "reserved"), metric),
        .limit = format_json_amount(snapshot_at(of, "amount"), metric),
        .state = panel_limit_state(limit, group),
    };
}

static void put_empty(struct w_cell *out, const json_t *limit, const json_t *group)
{
    char text[FORMAT_TEXT] = "-";
    int64_t ms = snapshot_share(limit, group) >= 2 ? -1 : snapshot_empty_in(limit, group);
    if (ms == 0) {
        snprintf(text, sizeof text, "empty");
    } else if (ms > 0) {
        format_span(text, ms);
    }
    put_text(out, text);
    out->role = ms == 0 ? W_CRIT : ms < 0 ? W_MUTED : W_NORMAL;
}

static void put_state(const struct panel *p, struct w_cell *out, const json_t *limit,
                      const json_t *group)
{
    const json_t *of = p->def->subject == SUBJECT_GROUP && group ? group : limit;
    const json_t *override = snapshot_at(of, "override");
    override = json_is_object(override) ? override : snapshot_at(limit, "override");
    int64_t until = format_json_time(snapshot_at(override, "until"));
    const char *burn = snapshot_text(of, "burn");
    char text[W_TABLE_CELL] = "file";
    out->role = W_MUTED;
    if (json_is_object(override)) {
        char when[FORMAT_TEXT] = "";
        format_span(when, until - p->ui->wall_ms);
        const char *actor = snapshot_text(override, "actor");
        bool own = strcmp(actor, snapshot_text(p->ui->hello, "user")) == 0;
        snprintf(text, sizeof text, "by %.40s%s%s", own ? "you" : actor, until ? ", " : "",
                 until ? when : "");
        out->role = W_LABEL;
    }
    if (*burn) {
        char set[W_TABLE_CELL];
        str_copy(set, sizeof set, str_of(out->role == W_LABEL ? text : ""));
        snprintf(text, sizeof text, "burns %.8s%s%.80s", burn, *set ? ", " : "", set);
        out->role = W_WARN;
    }
    if (json_is_true(snapshot_at(of, "blocked")) || json_is_true(snapshot_at(limit, "blocked"))) {
        char who[W_TABLE_CELL / 2];
        snprintf(who, sizeof who, "%.40s", snapshot_text(override, "actor"));
        snprintf(text, sizeof text, "blocked%s%s", *who ? " by " : "", who);
        out->role = W_CRIT;
    }
    put_text(out, text);
}

static void put_phantom(struct w_cell *out, const json_t *limit)
{
    char phantom[FORMAT_TEXT];
    char all[FORMAT_TEXT];
    int64_t n = json_integer_value(snapshot_at(limit, "phantom_denials"));
    format_count(phantom, n);
    format_count(all, json_integer_value(snapshot_at(limit, "examined_denials")));
    snprintf(out->text, sizeof out->text, "%s of %s", phantom, all);
    out->role = n > 0 ? W_WARN : W_MUTED;
}

/* A figure of the limit, or of the group that the row is, in the limit's metric. */
static void put_figure(struct w_cell *out, const char *metric, const json_t *v)
{
    char text[FORMAT_TEXT] = "-";
    if (strcmp(metric, "usd") == 0) {
        put_money(out, v);
        return;
    }
    if (json_is_number(v)) {
        format_count(text, format_json_amount(v, metric));
    }
    put_text(out, text);
}

static void limit_cell(const struct panel *p, const json_t *row, const struct panel_column *c,
                       struct w_cell *out)
{
    char text[W_TABLE_CELL] = "";
    json_t *group;
    const json_t *limit = panel_limit(p, row, &group);
    out->role = W_NORMAL;
    if (!limit) {
        put_text(out, "-");
        out->role = W_MUTED;
        return;
    }
    const char *metric = snapshot_text(limit, "metric");
    bool narrow = p->def->subject == SUBJECT_GROUP;
    switch ((int)c->kind) {
    case KIND_LIMIT_NAME:
        put_text(out, snapshot_text(limit, "name"));
        return;
    case KIND_LIMIT_SHORT: {
        const struct ui_edit *e = edit_pending(p->ui, limit, NULL);
        panel_limit_short(text, sizeof text, limit, group);
        if (e) {
            char wanted[FORMAT_TEXT];
            format_amount(wanted, metric, e->amount);
            snprintf(text, sizeof text, "-> %s", wanted);
        }
        put_text(out, text);
        out->role = e ? W_PENDING : W_NORMAL;
        return;
    }
    case KIND_LIMIT_AMOUNT:
        put_amount(p, out, limit, group);
        return;
    case KIND_LIMIT_FIGURE:
        put_figure(out, metric, snapshot_at(narrow ? group : limit, c->member));
        return;
    case KIND_LIMIT_PHANTOM:
        put_phantom(out, limit);
        return;
    case KIND_LIMIT_GAUGE:
        put_gauge(out, limit, group);
        return;
    case KIND_LIMIT_EMPTY:
        put_empty(out, limit, group);
        return;
    case KIND_LIMIT_RESETS:
        put_until(p, out, snapshot_at(limit, "resets_at"));
        return;
    case KIND_LIMIT_STATE:
        put_state(p, out, limit, group);
        return;
    default:
        return;
    }
}

int64_t panel_ok_calls(const json_t *row)
{
    int64_t n = json_integer_value(json_object_get(row, "approved")) -
                json_integer_value(json_object_get(row, "failed")) -
                json_integer_value(json_object_get(row, "open"));
    return n < 0 ? 0 : n;
}

static void put_name(const struct panel *p, const json_t *row, const struct panel_column *c,
                     struct w_cell *out)
{
    bool state = strcmp(c->w.title, "STATE") == 0;
    put_text(out, snapshot_text(row, c->member));
    if (!out->text[0] && c == p->def->columns) {
        put_text(out, "(none)"); /* calls without this tag */
        out->role = W_MUTED;
    } else if (state) {
        out->role = strcmp(out->text, "ok") == 0 ? W_OK : W_WARN;
    }
}

static void put_verdict(const struct panel *p, const json_t *row, struct w_cell *out)
{
    put_text(out, snapshot_verdict(ui_shown(p->ui), snapshot_text(row, "cost_center")));
    out->role = strcmp(out->text, "ok") == 0 ? W_OK : out->text[0] == '-' ? W_MUTED : W_WARN;
}

static void put_priced(struct w_cell *out, const json_t *v)
{
    put_text(out, json_is_false(v) ? "unpriced" : "priced");
    out->role = json_is_false(v) ? W_WARN : W_MUTED;
}

static void put_group(const struct panel *p, const json_t *v, const struct panel_column *c,
                      struct w_cell *out)
{
    put_pairs(out, v);
    if (!out->text[0] && c == p->def->columns) {
        put_text(out, "(all calls)");
    }
}

/* What says something about a call or a change; false: another kind. */
static bool entry_cell(const struct panel *p, const json_t *row, const struct panel_column *c,
                       struct w_cell *out)
{
    switch ((int)c->kind) {
    case KIND_CALLER:
        put_caller(out, row);
        return true;
    case KIND_CHANGE:
        put_change(out, row);
        return true;
    case KIND_WHO:
        put_who(out, row);
        return true;
    case KIND_WHAT:
        put_what(out, row);
        return true;
    case KIND_REMEDY:
        trail_remedy(p->ui, row, out->text, sizeof out->text);
        return true;
    default:
        return false;
    }
}

/* Points in time, and how long; false: another kind. */
static bool time_cell(const struct panel *p, const json_t *v, const struct panel_column *c,
                      struct w_cell *out)
{
    bool local = p->ui->local_time;
    switch ((int)c->kind) {
    case KIND_TIME:
        format_clock(out->text, format_json_time(v), c->w.max > 5, local);
        return true;
    case KIND_DAY_TIME:
        format_day_clock(out->text, format_json_time(v), local);
        return true;
    case KIND_UNTIL:
        put_until(p, out, v);
        return true;
    case KIND_AGE:
        put_age(p, out, v);
        return true;
    case KIND_MS:
        put_ms(out, v);
        return true;
    default:
        return false;
    }
}

/* Dollars; false: another kind. */
static bool money_cell(const struct panel *p, const json_t *row, const struct panel_column *c,
                       struct w_cell *out)
{
    const struct snapshot *s = ui_shown(p->ui);
    switch ((int)c->kind) {
    case KIND_USD:
        put_money(out, snapshot_at(row, c->member));
        return true;
    case KIND_FORECAST:
        put_forecast(out, row, snapshot_at(row, c->member));
        return true;
    case KIND_BILLED:
        put_money(out, snapshot_billed(s, snapshot_text(row, "name")));
        return true;
    case KIND_LEDGER:
        put_money(out, snapshot_spent(s, snapshot_text(row, "cost_center")));
        return true;
    default:
        return false;
    }
}

void panel_cell(const struct panel *p, const json_t *row, const struct panel_column *c,
                struct w_cell *out)
{
    const json_t *v = *c->member ? snapshot_at(row, c->member) : NULL;
    if (entry_cell(p, row, c, out) || time_cell(p, v, c, out) || money_cell(p, row, c, out)) {
        return;
    }
    switch ((int)c->kind) {
    case KIND_TEXT:
        put_name(p, row, c, out);
        return;
    case KIND_COUNT:
        put_count(out, c, v);
        return;
    case KIND_VERDICT:
        put_verdict(p, row, out);
        return;
    case KIND_OK_CALLS:
        format_count(out->text, panel_ok_calls(row));
        return;
    case KIND_SERIES:
        put_series(p, out, v);
        return;
    case KIND_PRICED:
        put_priced(out, v);
        return;
    case KIND_PAIRS:
        put_group(p, v, c, out);
        return;
    case KIND_VALUE:
        put_scalar(out, v);
        return;
    default:
        limit_cell(p, row, c, out);
        return;
    }
}
