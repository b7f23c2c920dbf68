#include "tui/ui.h"

#include "core/base/clock.h"
#include "core/base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TOAST_MS 8000
#define OWN_MS   5000
#define WORK_US  3000 /* for rows, before keys are looked at again */
#define AUDIT_MS 2000 /* the audit is asked for at most this often */

const struct ui_view_def ui_views[VIEW_COUNT] = {
    [VIEW_OVERVIEW] = {'1',
                       "Overview",
                       "Over",
                       "overview",
                       {PANEL_MODELS_SHORT, PANEL_COSTS_SHORT, PANEL_DENIED, PANEL_LIMITS_SHORT,
                        PANEL_APPLICATIONS},
                       5},
    [VIEW_MODELS] = {'2',
                     "Models",
                     "Models",
                     "models",
                     {PANEL_MODELS, PANEL_HELD, PANEL_DRILL_APPLICATIONS, PANEL_DRILL_CENTERS,
                      PANEL_ITS_DENIALS},
                     5},
    [VIEW_COSTS] = {'3',
                    "Cost centers",
                    "Costs",
                    "costs",
                    {PANEL_COSTS, PANEL_HELD, PANEL_DRILL_MODELS, PANEL_DRILL_APPLICATIONS,
                     PANEL_ITS_DENIALS},
                    5},
    [VIEW_APPLICATIONS] = {'4',
                           "Applications",
                           "Apps",
                           "applications",
                           {PANEL_APPLICATIONS, PANEL_HELD, PANEL_DRILL_MODELS, PANEL_ITS_DENIALS,
                            PANEL_DRILL_CENTERS},
                           5},
    [VIEW_CALLS] = {'5', "Calls", "Calls", "calls", {PANEL_RUNNING, PANEL_RECENT}, 2},
    [VIEW_DENIALS] = {'6', "Denials", "Denials", "denials", {PANEL_REFUSED, PANEL_DENIALS}, 2},
    [VIEW_LIMITS] =
        {'7', "Limits", "Limits", "limits", {PANEL_LIMITS, PANEL_GROUPS, PANEL_HISTORY}, 3},
    [VIEW_CLOUD] = {'8',
                    "Cloud",
                    "Cloud",
                    "cloud",
                    {PANEL_SOURCES, PANEL_METRICS, PANEL_BILL, PANEL_BYPASS, PANEL_BUDGETS,
                     PANEL_ALARMS},
                    6},
    [VIEW_AUDIT] = {'9', "Audit", "Audit", "audit", {PANEL_AUDIT}, 1},
    [VIEW_LIMIT] = {0, "Limit", "Limit", NULL, {PANEL_GROUPS, PANEL_HISTORY}, 2},
    [VIEW_DRILL] = {0,
                    "Parts",
                    "Parts",
                    NULL,
                    {PANEL_DRILL_MODELS, PANEL_DRILL_CENTERS, PANEL_DRILL_APPLICATIONS,
                     PANEL_DRILL_CALLS},
                    4},
};

const struct snapshot *ui_shown(const struct ui *ui)
{
    return ui->is_frozen ? &ui->frozen : ui->past.on ? &ui->past.shot : &ui->live;
}

struct panel *ui_panel(struct ui *ui)
{
    return &ui->panels[ui_views[ui->view].panels[ui->focus[ui->view]]];
}

enum ui_view ui_tab(const struct ui *ui)
{
    return ui->view == VIEW_LIMIT   ? VIEW_LIMITS
           : ui->view == VIEW_DRILL ? ui->drill.from
                                    : ui->view;
}

bool ui_is_typing(const struct ui *ui)
{
    return ui->mode == MODE_FILTER || ui->mode == MODE_COMMAND || ui->mode == MODE_EXPORT ||
           ui->mode == MODE_TIME;
}

void ui_say(struct ui *ui, enum w_role role, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    w_toast_show(&ui->toast, role, text, ui->now_ms + TOAST_MS);
    ui->changed = true;
}

void ui_low_bandwidth(struct ui *ui, bool on)
{
    ui->low_bandwidth = on;
    ui->changed = true;
    link_interval(&ui->link, on ? LINK_LOW_MS : 0);
}

void ui_open_view(struct ui *ui, enum ui_view view)
{
    ui->view = view;
    if (ui->past.on) {
        past_refresh(ui);
        ui_update(ui);
        return;
    }
    if (view == VIEW_AUDIT) {
        ui_refresh_audit(ui);
    }
    if (view == VIEW_CALLS) {
        calls_refresh(ui);
    }
    if (view == VIEW_LIMIT) {
        ui_ask_history(ui);
    }
    ui->aside.shown = false;
    ui_update(ui);
}

void ui_update(struct ui *ui)
{
    const struct ui_view_def *v = &ui_views[ui->view];
    for (int i = 0; i < v->count; i++) {
        panel_update(&ui->panels[v->panels[i]], ui->now_ms);
        if (i == 0) { /* the others may be about its selected row */
            aside_take(ui);
        }
    }
    if (ui->mode == MODE_DETAIL) {
        detail_fill(ui);
    }
    ui->changed = true;
}

bool ui_work(struct ui *ui)
{
    const struct ui_view_def *v = &ui_views[ui->view];
    int64_t until = clock_mono_us() + WORK_US;
    bool all = true;
    for (int i = 0; i < v->count; i++) {
        struct panel *p = &ui->panels[v->panels[i]];
        if (!p->table.pass) {
            continue;
        }
        bool done = false;
        while (!done && clock_mono_us() < until) {
            done = panel_work(p, ui->now_ms);
        }
        ui->changed = ui->changed || done;
        all = all && done;
    }
    if (all && ui->awaited) {
        ui->urgent = ui->urgent || ui->changed;
        ui->awaited = false;
    }
    if (all && ui->changed && ui->mode == MODE_DETAIL) {
        detail_fill(ui);
    }
    return !all;
}

void ui_on_hello(void *arg, json_t *hello)
{
    struct ui *ui = arg;
    json_decref(ui->hello);
    ui->hello = json_incref(hello);
    ui->read_only = ui->options->read_only || strcmp(snapshot_text(hello, "role"), "viewer") == 0;
    ui->audit_asked = false;
    calls_forget(ui);
    past_forget(ui);
    drill_forget(ui);
    aside_forget(ui);
    ui->history_asked = false;
    ui->changed = true;
    if (ui->view == VIEW_CALLS) {
        calls_refresh(ui);
    }
    if (ui->view == VIEW_AUDIT) {
        ui_refresh_audit(ui);
    }
}

/* Was this brought about from here? Its answer says so already. */
static bool own_event(const struct ui *ui, const json_t *e)
{
    return strcmp(snapshot_text(e, "actor"), snapshot_text(ui->hello, "user")) == 0 &&
           strcmp(snapshot_text(e, "limit"), ui->own_limit) == 0 && ui->own_ms > 0 &&
           ui->now_ms - ui->own_ms < OWN_MS;
}

static void event_mark(const json_t *e, char out[UI_EVENT])
{
    snprintf(out, UI_EVENT, "%.30s %.160s", snapshot_text(e, "at"), snapshot_text(e, "text"));
}

/* What somebody else changed, or what crossed a threshold, is said once, with the name of who did
 * it: the newest one that is news; the terminal is told of each. Events come newest first. */
static void tell_events(struct ui *ui, const json_t *events)
{
    size_t i;
    json_t *e;
    const json_t *news = NULL;
    bool first = ui->live.data == NULL; /* old news when we came */
    char mark[UI_EVENT];
    json_array_foreach((json_t *)(uintptr_t)events, i, e)
    {
        event_mark(e, mark);
        if (strcmp(mark, ui->event_told) == 0) {
            break;
        }
        if (!own_event(ui, e) && !first) {
            news = news ? news : e;
            alerts_tell(ui, snapshot_text(e, "text"));
        }
    }
    if (json_array_size(events) > 0) {
        event_mark(json_array_get(events, 0), ui->event_told);
    }
    if (news) {
        const char *actor = snapshot_text(news, "actor");
        ui_say(ui, W_WARN, "%s%s%s", actor, *actor ? ": " : "", snapshot_text(news, "text"));
    }
}

void ui_on_event(void *arg, const char *event, json_t *data)
{
    struct ui *ui = arg;
    if (strcmp(event, "snapshot") != 0 || !json_is_object(data)) {
        return;
    }
    tell_events(ui, json_object_get(data, "events"));
    ui->urgent = ui->urgent || !ui->live.data; /* the first figures are waited for */
    snapshot_merge(&ui->live, data, ui->now_ms);
    if (ui->view == VIEW_AUDIT && ui->now_ms - ui->audit_ms >= AUDIT_MS) {
        ui_refresh_audit(ui);
    }
    if (ui->view == VIEW_CALLS) {
        calls_refresh(ui);
    }
    if (!ui->is_frozen && !ui->past.on) {
        ui_update(ui);
    }
}

static void got_audit(void *arg, json_t *result, const struct err_info *ei)
{
    struct ui *ui = arg;
    ui->audit_asked = false;
    if (!result) {
        ui_say(ui, W_CRIT, "audit: %s", ei->text);
        return;
    }
    if (ui->is_frozen) {
        return;
    }
    json_decref(ui->audit);
    ui->audit = json_incref(json_object_get(result, "entries"));
    ui_update(ui);
}

void ui_refresh_audit(struct ui *ui)
{
    if (ui->audit_asked || ui->link.state != LINK_UP || ui->past.on) {
        return;
    }
    json_t *params = json_pack("{s:i, s:b, s:b}", "max", 200, "calls", 1, "changes", 1);
    if (link_send(&ui->link, "audit", params, got_audit, ui, NULL) == ERR_OK) {
        ui->audit_asked = true;
        ui->audit_ms = ui->now_ms;
    }
}

static void got_history(void *arg, json_t *result, const struct err_info *ei)
{
    struct ui *ui = arg;
    bool meant = strcmp(ui->history_of, ui->open_limit) == 0;
    ui->history_asked = false;
    if (!result) {
        ui_say(ui, W_CRIT, "history: %s", ei->text);
    } else if (meant) {
        json_decref(ui->history);
        ui->history = json_incref(json_object_get(result, "changes"));
        ui_update(ui);
    }
    if (ui->history_again) {
        ui_ask_history(ui);
    }
}

void ui_ask_history(struct ui *ui)
{
    struct err_info ei = {0};
    ui->history_again = ui->history_asked;
    if (ui->history_asked) {
        return;
    }
    json_t *params = json_pack("{s:s, s:i}", "name", ui->open_limit, "max", 50);
    str_copy(ui->history_of, sizeof ui->history_of, str_of(ui->open_limit));
    ui->history_asked =
        link_send(&ui->link, "limit.history", params, got_history, ui, &ei) == ERR_OK;
    if (!ui->history_asked) {
        ui_say(ui, W_CRIT, "history: %s", ei.text);
    }
}

void ui_free(struct ui *ui)
{
    link_stop(&ui->link);
    for (int i = 0; i < PANEL_COUNT; i++) {
        panel_free(&ui->panels[i]);
    }
    for (int i = 0; i < UI_REQUESTS; i++) {
        request_clear(&ui->requests[i]);
    }
    request_clear(&ui->asked);
    edit_clear(&ui->edit);
    edit_clear(&ui->form_edit);
    trial_drop(ui);
    drill_free(ui);
    aside_free(ui);
    snapshot_clear(&ui->past.shot);
    json_decref(ui->past.answer);
    json_decref(ui->past.calls);
    snapshot_clear(&ui->live);
    snapshot_clear(&ui->frozen);
    rows_free(&ui->rows);
    json_decref(ui->hello);
    json_decref(ui->audit);
    json_decref(ui->history);
    json_decref(ui->running);
    json_decref(ui->recent);
    w_history_free(&ui->commands);
    w_pager_clear(&ui->pager);
}
