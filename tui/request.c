#include "core/base/str.h"
#include "tui/format.h"
#include "tui/ui.h"

#include <stdio.h>
#include <string.h>

void request_clear(struct ui_request *r)
{
    json_decref(r->params);
    memset(r, 0, sizeof *r);
}

/* An amount of an answer: a number in the metric's unit, or "blocked". */
static void answer_amount(char out[FORMAT_TEXT], const json_t *result, const char *member)
{
    const json_t *v = json_object_get(result, member);
    const char *metric = snapshot_text(result, "metric");
    if (json_is_string(v)) {
        str_copy(out, FORMAT_TEXT, str_of(json_string_value(v)));
    } else if (json_is_null(v) || !v) {
        str_copy(out, FORMAT_TEXT, STR("-"));
    } else {
        format_amount(out, metric, format_json_amount(v, metric));
    }
}

static void say_done(struct ui *ui, const struct ui_request *r, const json_t *result)
{
    str_copy(ui->own_limit, sizeof ui->own_limit, str_of(snapshot_text(result, "name")));
    ui->own_ms = ui->now_ms;
    char old[FORMAT_TEXT];
    char new[FORMAT_TEXT];
    char until[FORMAT_TEXT] = "";
    int64_t ends = format_json_time(json_object_get(result, "until"));
    answer_amount(old, result, "old");
    answer_amount(new, result, "new");
    if (ends > 0) {
        format_day_clock(until, ends, ui->local_time);
    }
    const char *name = snapshot_text(result, "name");
    bool undone = strcmp(r->method, "limit.undo") == 0;
    ui_say(ui, W_OK, "%s%s: %s -> %s%s%s%s%s", undone ? "undone: " : "",
           *name ? name : snapshot_text(r->params, "name"), old, new, ends ? " until " : "", until,
           ends && !ui->local_time ? " UTC" : "", undone ? "" : "   u undoes it");
}

static void say_stopped(struct ui *ui, const json_t *result)
{
    long long n = json_integer_value(json_object_get(result, "stopped"));
    ui_say(ui, n > 0 ? W_OK : W_NORMAL, n > 0 ? "%lld call%s stopped" : "no call was running", n,
           n == 1 ? "" : "s");
}

static void copy_request(struct ui *ui, const struct ui_request *r)
{
    request_clear(&ui->asked);
    str_copy(ui->asked.method, sizeof ui->asked.method, str_of(r->method));
    ui->asked.params = json_deep_copy(r->params);
}

static void ask_reason(struct ui *ui, const struct ui_request *r, const char *why)
{
    copy_request(ui, r);
    memset(&ui->form, 0, sizeof ui->form);
    str_copy(ui->form.title, sizeof ui->form.title, STR("A reason is needed"));
    ui->form.field[0].label = "Reason";
    ui->form.field[0].help = "";
    ui->form.count = 1;
    str_printable(ui->form.note, sizeof ui->form.note, str_of(why));
    ui->form.note_role = W_WARN;
    ui->form_for = FORM_REASON;
    ui->mode = MODE_FORM;
}

/* The core asks back; what it says stands in the question. */
static void ask_again(struct ui *ui, const struct ui_request *r, const char *why)
{
    char safe[W_DIALOG_TEXT];
    if (strcmp(r->method, "limit.set") == 0 && danger_ask_amount(ui, r->params, why)) {
        return;
    }
    json_t *params = json_deep_copy(r->params);
    (void)json_object_set_new(params, "yes", json_true());
    str_printable(safe, sizeof safe, (struct str){why, strcspn(why, ";")}); /* not the option */
    request_confirm(ui, "Sure?", safe, r->method, params);
    if (strcmp(r->method, "limit.undo") == 0) {
        request_then_type(ui, "undo");
        request_type_now(ui);
    }
}

static void say_failed(struct ui *ui, const struct ui_request *r, const struct err_info *ei)
{
    bool busy = ui->mode != MODE_VIEW; /* something is being typed: do not take the keys away */
    if (ei->code == ERR_NEEDS_CONFIRMATION && !busy) {
        ask_again(ui, r, ei->text);
    } else if (strstr(ei->text, "reason") && !json_object_get(r->params, "reason") && !busy) {
        ask_reason(ui, r, ei->text);
    } else if (ei->code == ERR_CONFLICT) {
        ui_say(ui, W_CRIT, "Conflict, nothing was changed: %s", ei->text);
    } else {
        ui_say(ui, W_CRIT, "Not done: %s", ei->text);
    }
}

static void answered(void *arg, json_t *result, const struct err_info *ei)
{
    struct ui_request *r = arg;
    struct ui *ui = r->ui;
    if (result && strcmp(r->method, "call.stop") == 0) {
        say_stopped(ui, result);
    } else if (result && strncmp(r->method, "limit.", 6) != 0) {
        ui_say(ui, W_OK, "%s: done", r->method);
    } else if (result) {
        say_done(ui, r, result);
    } else {
        say_failed(ui, r, ei);
    }
    request_clear(r);
    if (ui->view == VIEW_LIMIT || ui->view == VIEW_LIMITS) {
        ui_ask_history(ui);
    }
}

void request_send(struct ui *ui, const char *method, json_t *params)
{
    struct ui_request *r = NULL;
    for (int i = 0; i < UI_REQUESTS && !r; i++) {
        r = ui->requests[i].used ? NULL : &ui->requests[i];
    }
    if (!r) {
        json_decref(params);
        ui_say(ui, W_CRIT, "Not sent: %d changes wait for an answer already", UI_REQUESTS);
        return;
    }
    struct err_info ei = {0};
    str_copy(ui->own_limit, sizeof ui->own_limit, str_of(snapshot_text(params, "name")));
    ui->own_ms = ui->now_ms;
    r->used = true;
    r->ui = ui;
    str_copy(r->method, sizeof r->method, str_of(method));
    r->params = json_incref(params);
    if (link_send(&ui->link, method, params, answered, r, &ei) != ERR_OK) {
        request_clear(r);
        ui_say(ui, W_CRIT, "Not sent: %s", ei.text);
    }
}

void request_confirm(struct ui *ui, const char *title, const char *text, const char *method,
                     json_t *params)
{
    request_clear(&ui->asked);
    str_copy(ui->asked.method, sizeof ui->asked.method, str_of(method));
    ui->asked.params = params;
    memset(&ui->second, 0, sizeof ui->second);
    w_dialog_open(&ui->dialog, title, text);
    ui->mode = MODE_CONFIRM;
    ui->changed = true;
}

void request_then_type(struct ui *ui, const char *word)
{
    str_copy(ui->second.word, sizeof ui->second.word, str_of(word));
}

void request_type_now(struct ui *ui)
{
    char ask[sizeof ui->dialog.ask];
    char word[sizeof ui->second.word];
    char text[W_DIALOG_TEXT];
    str_printable(word, sizeof word, str_of(ui->second.word));
    snprintf(ask, sizeof ask, "Type %.60s to do it; Enter alone: no.", word);
    str_copy(text, sizeof text, str_of(ui->dialog.text));
    w_dialog_open_typed(&ui->dialog, "Sure?", text, ask);
}

static void not_that(struct ui *ui)
{
    char typed[80];
    str_printable(typed, sizeof typed, str_of(ui->dialog.input.text));
    snprintf(ui->dialog.ask, sizeof ui->dialog.ask, "%.20s is not %.40s. Enter alone: no.", typed,
             ui->second.word);
    w_input_set(&ui->dialog.input, "");
}

static void confirmed(struct ui *ui)
{
    json_t *params = ui->asked.params;
    char method[sizeof ui->asked.method];
    str_copy(method, sizeof method, str_of(ui->asked.method));
    ui->asked.params = NULL;
    request_clear(&ui->asked);
    request_send(ui, method, params);
}

void request_confirm_key(struct ui *ui, int key)
{
    enum w_answer answer = w_dialog_key(&ui->dialog, key);
    if (answer != W_ACCEPTED && answer != W_CANCELLED) {
        return;
    }
    if (answer == W_ACCEPTED && ui->dialog.typed && !danger_typed_right(ui)) {
        not_that(ui);
        return;
    }
    if (answer == W_ACCEPTED && !ui->dialog.typed && ui->second.word[0]) {
        request_type_now(ui);
        return;
    }
    ui->mode = MODE_VIEW;
    if (answer == W_ACCEPTED) {
        confirmed(ui);
    } else {
        request_clear(&ui->asked);
        ui_say(ui, W_NORMAL, "Nothing was changed.");
    }
}
