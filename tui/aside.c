/* aside.c: what belongs to the selected row of Models, Cost centers, Applications and Limits, shown
 * beside its table: which limits hold it, who was refused in it, its parts (asked by drill.c) and a
 * chart. The row is followed once the cursor has rested; the core is asked then, never by a key. */
#include "core/base/clock.h"
#include "core/base/str.h"
#include "tui/format.h"
#include "tui/ui.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REST_MS  300
#define AGAIN_MS 5000
#define HOUR_MS  3600000LL
#define DAY_MS   (24 * HOUR_MS)
#define DENIALS  50

static const char *key_of(enum ui_view view)
{
    switch ((int)view) {
    case VIEW_MODELS:
        return "model";
    case VIEW_COSTS:
        return "costCenter";
    case VIEW_APPLICATIONS:
        return "applicationId";
    default:
        return NULL;
    }
}

bool aside_has(enum ui_view view)
{
    return key_of(view) != NULL || view == VIEW_LIMITS;
}

static const struct panel *master(const struct ui *ui)
{
    return &ui->panels[ui_views[ui->view].panels[0]];
}

static bool rested(const struct panel *p, int64_t now_ms)
{
    return p->table.moved_ms == 0 || now_ms >= p->table.moved_ms + REST_MS;
}

/* --- which row --- */

const char *aside_name(const struct ui *ui)
{
    const struct ui_drill *d = &ui->drill;
    return ui->view == VIEW_LIMITS ? ui->open_limit : d->depth == 1 ? d->at[0].value : "";
}

static const char *wanted_name(const struct ui *ui)
{
    return snapshot_text(panel_selected(master(ui)), "name");
}

/* Is what is shown about another row than the one selected? */
static bool is_behind(const struct ui *ui)
{
    const struct ui_drill *d = &ui->drill;
    const char *key = key_of(ui->view);
    bool same = !key || (d->depth == 1 && strcmp(d->at[0].key, key) == 0);
    char name[sizeof d->at[0].value];
    str_copy(name, sizeof name, str_of(wanted_name(ui)));
    return !same || strcmp(aside_name(ui), name) != 0;
}

static void forget_chart(struct ui_aside *s)
{
    json_decref(s->chart);
    s->chart = NULL;
    s->sent[0] = '\0';
}

static bool follow(struct ui *ui)
{
    bool left = ui->focus[ui->view] > 0; /* keys mean what is beside the table now */
    if (!aside_has(ui->view) || !is_behind(ui) || !(left || rested(master(ui), ui->now_ms))) {
        return false;
    }
    forget_chart(&ui->aside);
    for (int i = 1; i < ui_views[ui->view].count; i++) {
        w_table_begin(&ui->panels[ui_views[ui->view].panels[i]].table);
    }
    if (ui->view == VIEW_LIMITS) {
        str_copy(ui->open_limit, sizeof ui->open_limit, str_of(wanted_name(ui)));
        json_decref(ui->history);
        ui->history = NULL;
        ui->aside.history_ms = 0;
    } else {
        drill_look(ui, key_of(ui->view), wanted_name(ui));
    }
    return true;
}

/* --- rows of the snapshot --- */

/* Had any of its calls that for a key? Of other keys than these nothing is known. */
static bool had(const struct ui *ui, const char *key, const char *glob)
{
    static const char *const tables[][2] = {
        {"model", "models"}, {"costCenter", "cost_centers"}, {"applicationId", "applications"}};
    const char *own = key_of(ui->view);
    const json_t *rows = NULL;
    size_t i;
    json_t *row;
    if (own && strcmp(own, key) == 0) {
        return fnmatch(glob, aside_name(ui), 0) == 0;
    }
    for (i = 0; i < sizeof tables / sizeof *tables; i++) {
        rows = strcmp(tables[i][0], key) == 0 ? snapshot_at(ui->drill.sums, tables[i][1]) : rows;
    }
    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
    {
        if (fnmatch(glob, snapshot_text(row, "name"), 0) == 0) {
            return true;
        }
    }
    return !rows;
}

static bool had_all(const struct ui *ui, const json_t *pairs)
{
    const char *key;
    json_t *value;
    bool all = true;
    json_object_foreach((json_t *)(uintptr_t)pairs, key, value)
    {
        const char *glob = json_string_value(value);
        all = all && (!glob || had(ui, key, glob));
    }
    return all;
}

json_t *aside_group(const struct ui *ui, const json_t *limit)
{
    size_t i;
    json_t *group;
    json_t *worst = NULL;
    json_array_foreach(json_object_get(limit, "groups"), i, group)
    {
        if (had_all(ui, json_object_get(group, "group")) &&
            (!worst || snapshot_share(limit, group) > snapshot_share(limit, worst))) {
            worst = group;
        }
    }
    return worst;
}

bool aside_is_own(const struct ui *ui, const json_t *group)
{
    const char *key = key_of(ui->view);
    return key && json_object_get(json_object_get(group, "group"), key);
}

/* Does it count its calls? One that counts by a key may have counted none of them yet. */
static bool holds(const struct ui *ui, const json_t *limit)
{
    bool groups = json_array_size(json_object_get(limit, "per")) > 0;
    return had_all(ui, json_object_get(limit, "match")) && (!groups || aside_group(ui, limit));
}

static void take_limits(struct ui *ui)
{
    size_t i;
    json_t *limit;
    json_t *rows = ui->drill.sums ? json_array() : NULL;
    json_array_foreach(rows ? snapshot_at(ui_shown(ui)->data, "limits") : NULL, i, limit)
    {
        if (holds(ui, limit)) {
            (void)json_array_append(rows, limit);
        }
    }
    json_decref(ui->aside.limits);
    ui->aside.limits = rows;
}

static void take_denials(struct ui *ui, const char *key, const char *value)
{
    size_t i;
    json_t *denial;
    json_t *rows = json_array();
    const char *member = strcmp(key, "applicationId") == 0 ? "application"
                         : strcmp(key, "costCenter") == 0  ? "cost_center"
                                                           : key;
    json_array_foreach(snapshot_at(ui_shown(ui)->data, "denials"), i, denial)
    {
        if (strcmp(snapshot_text(denial, member), value) == 0 && json_array_size(rows) < DENIALS) {
            (void)json_array_append(rows, denial);
        }
    }
    json_decref(ui->aside.denials);
    ui->aside.denials = rows;
}

void aside_take(struct ui *ui)
{
    const char *key = key_of(ui->view);
    if (key && ui->aside.shown && ui->drill.depth == 1) {
        json_t *row = is_behind(ui) ? ui->aside.row : panel_selected(master(ui));
        json_incref(row);
        json_decref(ui->aside.row);
        ui->aside.row = row;
        take_limits(ui);
        take_denials(ui, key, ui->drill.at[0].value);
    }
}

/* The panels beside the table take in what is theirs. */
static void update(struct ui *ui)
{
    aside_take(ui);
    for (int i = 1; i < ui_views[ui->view].count; i++) {
        panel_update(&ui->panels[ui_views[ui->view].panels[i]], ui->now_ms);
    }
    ui->changed = true;
}

void aside_show(struct ui *ui, bool shown)
{
    bool fresh = shown && !ui->aside.shown;
    ui->aside.shown = shown;
    if (shown && (follow(ui) || fresh)) {
        update(ui);
    }
}

/* --- the chart --- */

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month] + (month == 1 && leap);
}

/* How long the calendar window that ends then is; 0: it is shorter than an hour, or rolls. */
static int64_t window_ms(const json_t *limit, int64_t end_ms)
{
    const char *window = snapshot_text(limit, "window");
    if (json_is_true(snapshot_at(limit, "rolling")) || end_ms <= 0) {
        return 0;
    }
    if (strcmp(window, "month") == 0) {
        struct tm tm;
        time_t middle = (time_t)((end_ms - 15 * DAY_MS) / 1000);
        (void)gmtime_r(&middle, &tm);
        return DAY_MS * days_of_month(tm.tm_year + 1900, tm.tm_mon);
    }
    return strcmp(window, "1h") == 0     ? HOUR_MS
           : strcmp(window, "day") == 0  ? DAY_MS
           : strcmp(window, "week") == 0 ? 7 * DAY_MS
                                         : 0;
}

const char *aside_metric(const struct ui *ui)
{
    if (ui->view != VIEW_LIMITS) {
        return ui->view == VIEW_MODELS ? "tokens" : "usd";
    }
    return snapshot_text(snapshot_limit(ui_shown(ui), ui->open_limit), "metric");
}

const char *aside_series(const char *metric)
{
    static const char *const series[][2] = {{"tokens", "totals.series"},
                                            {"usd", "totals.usd_series"},
                                            {"requests", "totals.approved_series"},
                                            {"input_tokens", "totals.input_tokens_series"},
                                            {"output_tokens", "totals.output_tokens_series"}};
    for (size_t i = 0; i < sizeof series / sizeof *series; i++) {
        if (strcmp(series[i][0], metric) == 0) {
            return series[i][1];
        }
    }
    return NULL;
}

json_t *aside_counter(const struct ui *ui)
{
    json_t *limit = snapshot_limit(ui_shown(ui), ui->open_limit);
    if (json_array_size(snapshot_at(limit, "per")) == 0) {
        return limit;
    }
    return panel_selected(&ui->panels[PANEL_GROUPS]);
}

int64_t aside_window(const struct ui *ui, int64_t *end_ms)
{
    const json_t *limit = snapshot_limit(ui_shown(ui), ui->open_limit);
    *end_ms = format_json_time(snapshot_at(limit, "resets_at"));
    return window_ms(limit, *end_ms);
}

/* The calls that count, as the ledger can be asked; NULL: it cannot, for a glob or a tag that any
 * value passes. */
static json_t *calls_of_limit(const struct ui *ui)
{
    const char *key;
    json_t *value;
    const json_t *limit = snapshot_limit(ui_shown(ui), ui->open_limit);
    const json_t *counter = aside_counter(ui);
    json_t *where = json_object();
    bool exact = limit && counter && aside_series(snapshot_text(limit, "metric"));
    json_object_foreach(snapshot_at(limit, "match"), key, value)
    {
        const char *glob = json_string_value(value);
        exact = exact && glob && !strpbrk(glob, "*?[\\");
        (void)json_object_set(where, key, value);
    }
    json_object_foreach(snapshot_at(counter, "group"), key, value)
    {
        exact = exact && *json_string_value(value);
        (void)json_object_set(where, key, value);
    }
    if (!exact) {
        json_decref(where);
        return NULL;
    }
    return where;
}

bool aside_has_chart(const struct ui *ui)
{
    json_t *where = ui->view == VIEW_LIMITS ? calls_of_limit(ui) : NULL;
    bool has = where || ui->view != VIEW_LIMITS;
    json_decref(where);
    return has && !ui->low_bandwidth && !ui->no_past;
}

void aside_about(const struct ui *ui, char *out, size_t size)
{
    const char *key;
    json_t *value;
    size_t n = 0;
    out[0] = '\0';
    json_object_foreach(ui->view == VIEW_LIMITS ? snapshot_at(aside_counter(ui), "group") : NULL,
                        key, value)
    {
        int more = snprintf(out + n, size - n, "%s%.60s", n ? " " : "", json_string_value(value));
        n += more > 0 && n + (size_t)more < size ? (size_t)more : 0;
    }
}

static json_t *question(const struct ui *ui)
{
    char since[CLOCK_TEXT];
    char until[CLOCK_TEXT];
    int64_t end = 0;
    int64_t span = ui->view == VIEW_LIMITS ? aside_window(ui, &end) : 0;
    json_t *where = ui->view == VIEW_LIMITS     ? calls_of_limit(ui)
                    : ui->view == VIEW_OVERVIEW ? json_object()
                                                : drill_where(ui);
    if (!where) {
        return NULL;
    }
    if (span == 0) {
        return json_pack("{s:s, s:s, s:o}", "since", "1h", "step", "1m", "where", where);
    }
    clock_rfc3339(since, end - span);
    clock_rfc3339(until, end);
    return json_pack("{s:s, s:s, s:s, s:o}", "since", since, "until", until, "step",
                     span == HOUR_MS      ? "1m"
                     : span == DAY_MS     ? "30m"
                     : span == 7 * DAY_MS ? "3h"
                                          : "12h",
                     "where", where);
}

static void got_chart(void *arg, json_t *result, const struct err_info *ei)
{
    struct ui *ui = arg;
    struct ui_aside *s = &ui->aside;
    s->asked = false;
    if (!result && ei->code != ERR_UNSUPPORTED) {
        ui_say(ui, W_CRIT, "history: %s", ei->text);
    } else if (!result) {
        ui->no_past = true;
    } else if (s->sent[0]) { /* else another row is meant by now */
        json_decref(s->chart);
        s->chart = json_incref(result);
        ui->changed = true;
    }
}

static void ask_chart(struct ui *ui)
{
    struct ui_aside *s = &ui->aside;
    char sent[UI_DRILL_TEXT];
    bool idle = s->asked || ui->past.on || ui->low_bandwidth || ui->no_past;
    json_t *params = idle ? NULL : question(ui);
    char *text = params ? json_dumps(params, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    str_copy(sent, sizeof sent, str_of(text ? text : ""));
    free(text);
    bool fresh = strcmp(sent, s->sent) != 0;
    bool again = !ui->is_frozen && ui->now_ms - s->asked_ms >= AGAIN_MS;
    if (!params || !(fresh || again)) {
        json_decref(params);
        return;
    }
    if (fresh) {
        forget_chart(s);
    }
    str_copy(s->sent, sizeof s->sent, str_of(sent));
    aside_about(ui, s->about, sizeof s->about);
    s->asked_ms = ui->now_ms;
    s->asked = link_send(&ui->link, "history", params, got_chart, ui, NULL) == ERR_OK;
}

void aside_step(struct ui *ui)
{
    struct ui_aside *s = &ui->aside;
    bool overview = ui->view == VIEW_OVERVIEW;
    if (!(overview || aside_has(ui->view)) || !s->shown || ui->link.state != LINK_UP) {
        return;
    }
    if (follow(ui)) {
        update(ui);
    }
    if (!(overview || *aside_name(ui)) || !rested(&ui->panels[PANEL_GROUPS], ui->now_ms)) {
        return;
    }
    ask_chart(ui);
    bool again = !ui->is_frozen && ui->now_ms - s->history_ms >= AGAIN_MS;
    if (ui->view == VIEW_LIMITS && (s->history_ms == 0 || again)) {
        s->history_ms = ui->now_ms;
        ui_ask_history(ui);
    }
}

int64_t aside_due(const struct ui *ui)
{
    bool waits = aside_has(ui->view) && ui->aside.shown && is_behind(ui);
    return waits ? master(ui)->table.moved_ms + REST_MS : INT64_MAX;
}

void aside_forget(struct ui *ui)
{
    ui->no_past = false;
    ui->aside.asked = false;
    ui->aside.history_ms = 0;
    forget_chart(&ui->aside);
}

void aside_free(struct ui *ui)
{
    forget_chart(&ui->aside);
    json_decref(ui->aside.row);
    json_decref(ui->aside.limits);
    json_decref(ui->aside.denials);
}
