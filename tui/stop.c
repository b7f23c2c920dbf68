/* stop.c: the key x: running calls are ended, after a question that says which and how many. */
#include "core/base/str.h"
#include "tui/format.h"
#include "tui/ui.h"

#include <stdio.h>
#include <string.h>

static void ask(struct ui *ui, const char *title, const char *what, json_t *params)
{
    char text[W_DIALOG_TEXT];
    snprintf(text, sizeof text,
             "%s\n\nStreams end with an error frame, other calls with a 503; what they used is "
             "charged. They cannot be taken up again.",
             what);
    request_confirm(ui, title, text, "call.stop", params);
}

static void stop_call(struct ui *ui)
{
    const struct panel *p = ui_panel(ui);
    const json_t *row = panel_selected(p);
    char text[400];
    char tokens[FORMAT_TEXT];
    char caller[160];
    if (p->def->origin != ROWS_RUNNING) {
        ui_say(ui, W_NORMAL, "These calls have ended; Tab goes to those that run.");
        return;
    }
    if (!row) {
        ui_say(ui, W_NORMAL, "No call is running.");
        return;
    }
    snprintf(caller, sizeof caller, "%.60s/%.60s", snapshot_text(row, "tags.costCenter"),
             snapshot_text(row, "tags.applicationId"));
    format_count(tokens, json_integer_value(snapshot_at(row, "output_tokens")));
    snprintf(text, sizeof text, "%.120s  %.60s  %s tokens so far\n%.40s", caller,
             snapshot_text(row, "model"), tokens, snapshot_text(row, "request_id"));
    ask(ui, "Stop this call?", text,
        json_pack("{s:s}", "request_id", snapshot_text(row, "request_id")));
}

static void stop_application(struct ui *ui)
{
    const json_t *row = panel_selected(ui_panel(ui));
    char text[300];
    if (row) {
        snprintf(text, sizeof text, "Every running call of the application %.100s (%lld open).",
                 snapshot_text(row, "name"),
                 (long long)json_integer_value(snapshot_at(row, "open")));
        ask(ui, "Stop all calls of this application?", text,
            json_pack("{s:s}", "application", snapshot_text(row, "name")));
    }
}

static void stop_limit(struct ui *ui)
{
    struct ui_edit e = {0};
    char name[160];
    char text[400];
    if (!edit_target(ui, &e)) {
        return;
    }
    edit_describe(&e, name, sizeof name);
    snprintf(
        text, sizeof text,
        "Every running call that counts under %.150s.\nThe limit stays as it is: new calls are "
        "let in; b blocks them.",
        name);
    json_t *params = json_pack("{s:s}", "limit", e.limit);
    if (e.group) {
        (void)json_object_set(params, "group", e.group);
    }
    edit_clear(&e);
    ask(ui, "Stop all calls of this limit?", text, params);
}

void stop_by_words(struct ui *ui, const char *words)
{
    char touches[80];
    char text[300];
    if (strcmp(words, "--all") != 0) {
        if (!*words || strpbrk(words, " -=") == words) {
            ui_say(ui, W_CRIT, "call stop: say REQUEST-ID or --all");
            return;
        }
        snprintf(text, sizeof text, "%.100s", words);
        ask(ui, "Stop this call?", text, json_pack("{s:s}", "request_id", words));
        return;
    }
    danger_touches(ui, NULL, NULL, touches, sizeof touches);
    snprintf(text, sizeof text,
             "EVERY call that runs or waits. %s\nNew calls are let in; `limit block --all` refuses "
             "them.",
             touches);
    ask(ui, "Stop all calls?", text, json_pack("{s:b}", "all", 1));
    request_then_type(ui, "all");
}

void edit_stop(struct ui *ui)
{
    if (!ui_may_change(ui)) {
        return;
    }
    switch ((int)ui->view) {
    case VIEW_CALLS:
        stop_call(ui);
        return;
    case VIEW_APPLICATIONS:
        stop_application(ui);
        return;
    default:
        stop_limit(ui);
        return;
    }
}
