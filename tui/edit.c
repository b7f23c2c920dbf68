#include "core/base/str.h"
#include "core/config/config.h"
#include "tui/format.h"
#include "tui/ui.h"

#include <stdio.h>
#include <string.h>

#define HINTS_COLS 60 /* below, only what will happen is said */

enum field { FIELD_AMOUNT, FIELD_FOR, FIELD_REASON, FIELD_TICKET };

void edit_clear(struct ui_edit *e)
{
    json_decref(e->group);
    json_decref(e->was);
    memset(e, 0, sizeof *e);
}

bool ui_may_change(struct ui *ui)
{
    if (ui->read_only) {
        ui_say(ui, W_WARN,
               ui->options->read_only
                   ? "Read-only: this dashboard was started with --read-only."
                   : "Read-only: %.40s is a viewer of this core; control.operators may change it.",
               snapshot_text(ui->hello, "user"));
        return false;
    }
    if (ui->past.on) {
        ui_say(ui, W_WARN,
               "You look at the past; Esc comes back to now, where limits are changed.");
        return false;
    }
    if (ui->link.state != LINK_UP) {
        ui_say(ui, W_CRIT, "The core does not answer; nothing can be changed now.");
        return false;
    }
    return true;
}

/* The limit under the cursor; a row that stands for one group of it (a cost center, a group) means
 * that group, a limit's or model's row the limit as a whole. */
static json_t *target(struct ui *ui, json_t **group)
{
    struct panel *p = ui_panel(ui);
    const json_t *row = panel_selected(p);
    json_t *limit = row ? panel_limit(p, row, group) : NULL;
    bool whole = p->def->subject == SUBJECT_LIMIT || p->def->subject == SUBJECT_MODEL ||
                 p->def->subject == SUBJECT_NAMED ||
                 (p->def->subject == SUBJECT_HELD && !aside_is_own(ui, *group));
    bool open = ui->view == VIEW_LIMIT || (ui->view == VIEW_LIMITS && ui->focus[VIEW_LIMITS] > 0);
    if (!limit && open) {
        limit = snapshot_limit(ui_shown(ui), ui->open_limit);
        whole = true;
    }
    if (whole) {
        *group = NULL;
    }
    return limit;
}

bool edit_target(struct ui *ui, struct ui_edit *e)
{
    json_t *group = NULL;
    json_t *limit = target(ui, &group);
    if (!limit) {
        ui_say(ui, W_WARN, "No limit stands behind this row; the limits are in view 7.");
        return false;
    }
    edit_clear(e);
    e->active = true;
    str_copy(e->limit, sizeof e->limit, str_of(snapshot_text(limit, "name")));
    str_copy(e->metric, sizeof e->metric, str_of(snapshot_text(limit, "metric")));
    e->group = json_incref(snapshot_at(group, "group"));
    e->was = json_incref(snapshot_at(group ? group : limit, "amount"));
    e->old_amount = e->amount = format_json_amount(e->was, e->metric);
    return true;
}

/* A blocked limit has no amount to change: it is unblocked first. True: it was said. */
static bool is_blocked(struct ui *ui)
{
    json_t *group = NULL;
    const json_t *limit = target(ui, &group);
    const json_t *by = json_is_true(snapshot_at(limit, "blocked")) ? limit : group;
    if (!limit || snapshot_share(limit, group) < 2) {
        return false;
    }
    const char *who = snapshot_text(by, "override.actor");
    ui_say(ui, W_WARN, "%.60s is blocked%s%.40s; b unblocks it, then its amount can be changed.",
           snapshot_text(limit, "name"), *who ? " by " : "", who);
    return true;
}

static bool same_target(const struct ui_edit *e, const json_t *limit, const json_t *group)
{
    const json_t *pairs = snapshot_at(group, "group");
    return strcmp(e->limit, snapshot_text(limit, "name")) == 0 &&
           ((!e->group && !pairs) || (e->group && pairs && json_equal(e->group, pairs)));
}

const struct ui_edit *edit_pending(const struct ui *ui, const json_t *limit, const json_t *group)
{
    if (ui->mode == MODE_FORM && ui->form_edit.active &&
        same_target(&ui->form_edit, limit, group)) {
        return &ui->form_edit;
    }
    return ui->edit.active && same_target(&ui->edit, limit, group) ? &ui->edit : NULL;
}

void edit_step(struct ui *ui, int tenths)
{
    json_t *group = NULL;
    if (!ui_may_change(ui) || is_blocked(ui)) {
        return;
    }
    json_t *limit = target(ui, &group);
    bool other = ui->edit.active && limit && !same_target(&ui->edit, limit, group);
    if ((!ui->edit.active || other) && !edit_target(ui, &ui->edit)) {
        return;
    }
    struct ui_edit *e = &ui->edit;
    int64_t step = e->old_amount / 10;
    if (strcmp(e->metric, "usd") == 0 && step > MONEY_DOLLAR / 100) {
        step -= step % (MONEY_DOLLAR / 100); /* whole cents */
    }
    step = step > 0 ? step : 1;
    int64_t next = money_add(e->amount, tenths * step);
    e->amount = next > 0 ? next : e->amount;
    trial_want(ui, e);
    w_toast_hide(&ui->toast);
    ui->changed = true;
}

void edit_drop(struct ui *ui)
{
    edit_clear(&ui->edit);
    trial_drop(ui);
    ui_say(ui, W_NORMAL, "Dropped; nothing was changed.");
}

static json_t *change_params(const struct ui_edit *e)
{
    json_t *params = json_pack("{s:s}", "name", e->limit);
    if (e->group) {
        (void)json_object_set(params, "group", e->group);
    }
    return params;
}

static json_t *set_params(const struct ui_edit *e)
{
    char amount[FORMAT_TEXT];
    format_amount_typed(amount, e->metric, e->amount);
    json_t *params = change_params(e);
    (void)json_object_set_new(params, "metric", json_string(e->metric));
    (void)json_object_set_new(params, "amount", json_string(amount));
    (void)json_object_set(params, "was", e->was);
    return params;
}

void edit_describe(const struct ui_edit *e, char *out, size_t size)
{
    const char *key;
    json_t *value;
    int n = snprintf(out, size, "%s", e->limit);
    json_object_foreach(e->group, key, value)
    {
        n += snprintf(out + n, n < (int)size ? size - (size_t)n : 0, " %.30s=%.60s", key,
                      json_string_value(value) ? json_string_value(value) : "");
        if (n >= (int)size) {
            return;
        }
    }
}

/* What the form says so far; false when it cannot be sent like this. */
static bool read_form(struct ui *ui)
{
    struct w_form *f = &ui->form;
    struct ui_edit *e = &ui->form_edit;
    enum config_metric metric;
    char old[FORMAT_TEXT];
    char new[FORMAT_TEXT];
    int64_t span;
    struct str amount = str_trim(str_of(f->field[FIELD_AMOUNT].input.text));
    struct str ends = str_trim(str_of(f->field[FIELD_FOR].input.text));
    f->note_role = W_WARN;
    if (!config_metric_parse(str_of(e->metric), &metric) ||
        !config_amount_parse(amount, metric, &e->amount)) {
        snprintf(f->note, sizeof f->note, "Amount: %s",
                 strcmp(e->metric, "usd") == 0 ? "dollars, such as 12.50"
                                               : "such as 250, 100k, 1.5M");
        return false;
    }
    if (ends.n > 0 && !config_duration_parse(ends, &span)) {
        snprintf(f->note, sizeof f->note, "For: such as 30m, 1h, 2d; empty: for good");
        return false;
    }
    format_amount(old, e->metric, e->old_amount);
    format_amount(new, e->metric, e->amount);
    double percent =
        e->old_amount > 0 ? 100.0 * (double)(e->amount - e->old_amount) / (double)e->old_amount : 0;
    char by[32] = "no change";
    if (e->amount != e->old_amount) {
        snprintf(by, sizeof by, "%+.0f %%", percent);
    }
    snprintf(f->note, sizeof f->note, "%s -> %s (%s)%s%.20s%s", old, new, by,
             ends.n ? ", back after " : ", for good", ends.n ? f->field[FIELD_FOR].input.text : "",
             ends.n || ui->term.cols < HINTS_COLS ? "" : " (u undoes it)");
    f->note_role = W_PENDING;
    trial_want(ui, e);
    return true;
}

/* What the reason form says: the change, and what it would have denied. */
static void show_apply(struct ui *ui)
{
    char old[FORMAT_TEXT];
    char new[FORMAT_TEXT];
    struct w_form *f = &ui->form;
    const struct ui_edit *e = &ui->form_edit;
    format_amount(old, e->metric, e->old_amount);
    format_amount(new, e->metric, e->amount);
    snprintf(f->note, sizeof f->note, "%s -> %s, for good%s", old, new,
             ui->term.cols < HINTS_COLS ? "" : " (u undoes it)");
    f->note_role = W_PENDING;
}

void edit_apply(struct ui *ui)
{
    if (!ui_may_change(ui)) {
        return;
    }
    char name[80];
    edit_clear(&ui->form_edit);
    ui->form_edit = ui->edit;
    memset(&ui->edit, 0, sizeof ui->edit);
    memset(&ui->form, 0, sizeof ui->form);
    edit_describe(&ui->form_edit, name, sizeof name);
    snprintf(ui->form.title, sizeof ui->form.title, "Apply: %.70s", name);
    ui->form.field[0].label = "Reason";
    ui->form.field[0].help = "kept in the audit; may stay empty";
    ui->form.count = 1;
    ui->form_for = FORM_APPLY;
    ui->mode = MODE_FORM;
    show_apply(ui);
}

void edit_open_form(struct ui *ui, int field)
{
    if (!ui_may_change(ui) || is_blocked(ui)) {
        return;
    }
    struct ui_edit pending = ui->edit;
    memset(&ui->edit, 0, sizeof ui->edit);
    bool ready = pending.active || edit_target(ui, &pending);
    if (!ready) {
        return;
    }
    edit_clear(&ui->form_edit);
    ui->form_edit = pending;
    char amount[FORMAT_TEXT];
    char name[80];
    static const struct {
        const char *label, *help;
    } fields[] = {{"Amount", "100k, 1.5M, 12.50"},
                  {"For", "30m, 1h, 2d; empty: for good"},
                  {"Reason", "kept in the audit"},
                  {"Ticket", ""}};
    memset(&ui->form, 0, sizeof ui->form);
    for (int i = 0; i < 4; i++) {
        ui->form.field[i].label = fields[i].label;
        ui->form.field[i].help = fields[i].help;
    }
    ui->form.count = 4;
    ui->form.focus = field;
    edit_describe(&ui->form_edit, name, sizeof name);
    snprintf(ui->form.title, sizeof ui->form.title, "%.70s: %s", name, ui->form_edit.metric);
    format_amount_typed(amount, ui->form_edit.metric, ui->form_edit.amount);
    w_input_offer(&ui->form.field[FIELD_AMOUNT].input, amount);
    if (field == FIELD_FOR) {
        w_input_offer(&ui->form.field[FIELD_FOR].input, "1h");
    }
    ui->form_for = FORM_LIMIT;
    ui->mode = MODE_FORM;
    (void)read_form(ui);
}

static void add_text(json_t *params, const char *member, const struct w_field *field)
{
    if (field->input.length > 0) {
        (void)json_object_set_new(params, member, json_string(field->input.text));
    }
}

static void send_form(struct ui *ui)
{
    if (ui->form_for == FORM_REASON) {
        json_t *params = json_incref(ui->asked.params);
        add_text(params, "reason", &ui->form.field[0]);
        request_send(ui, ui->asked.method, params);
        request_clear(&ui->asked);
        return;
    }
    json_t *params = set_params(&ui->form_edit);
    if (ui->form_for == FORM_APPLY) {
        add_text(params, "reason", &ui->form.field[0]);
        edit_clear(&ui->form_edit);
        danger_set(ui, params);
        return;
    }
    add_text(params, "for", &ui->form.field[FIELD_FOR]);
    add_text(params, "reason", &ui->form.field[FIELD_REASON]);
    add_text(params, "ticket", &ui->form.field[FIELD_TICKET]);
    edit_clear(&ui->form_edit);
    danger_set(ui, params);
}

void edit_form_trial(struct ui *ui)
{
    ui->form.more[0] = '\0';
    if (ui->form_for != FORM_REASON && ui->form.note_role != W_WARN) {
        str_copy(ui->form.more, sizeof ui->form.more,
                 str_of(trial_text(ui, &ui->form_edit, &ui->form.more_role)));
    }
}

void edit_form_key(struct ui *ui, int key)
{
    enum w_answer answer = w_form_key(&ui->form, key);
    bool ready = ui->form_for == FORM_REASON  ? ui->form.field[0].input.length > 0
                 : ui->form_for == FORM_LIMIT ? read_form(ui)
                                              : true;
    if (answer == W_ACCEPTED && ready) {
        ui->mode = MODE_VIEW;
        trial_drop(ui);
        send_form(ui);
    } else if (answer == W_CANCELLED) {
        ui->mode = MODE_VIEW;
        trial_drop(ui);
        edit_clear(&ui->form_edit);
        request_clear(&ui->asked);
        ui_say(ui, W_NORMAL, "Nothing was changed.");
    }
}

static void amount_of(const json_t *limit, const json_t *group, char out[FORMAT_TEXT])
{
    if (json_is_true(snapshot_at(group ? group : limit, "blocked"))) {
        str_copy(out, FORMAT_TEXT, STR("blocked"));
    } else {
        panel_limit_short(out, FORMAT_TEXT, limit, group);
    }
}

void edit_block(struct ui *ui)
{
    struct ui_edit e = {0};
    json_t *group = NULL;
    if (!ui_may_change(ui) || !edit_target(ui, &e)) {
        return;
    }
    json_t *limit = target(ui, &group);
    if (json_is_true(snapshot_at(limit, "blocked"))) { /* all of it, not this group alone */
        group = NULL;
        json_decref(e.group);
        e.group = NULL;
    }
    bool blocked = json_is_true(snapshot_at(group ? group : limit, "blocked"));
    json_t *params = change_params(&e);
    if (!blocked) {
        edit_clear(&e);
        danger_block(ui, limit, group, params);
        return;
    }
    char name[160];
    char amount[FORMAT_TEXT];
    char text[W_DIALOG_TEXT];
    edit_describe(&e, name, sizeof name);
    edit_clear(&e);
    panel_limit_short(amount, sizeof amount, limit, group);
    snprintf(text, sizeof text, "%s\n\nblocked -> %s\n\nCalls under it are let through again.",
             name, amount);
    request_confirm(ui, "Unblock this limit?", text, "limit.unblock", params);
}

void edit_revert(struct ui *ui)
{
    struct ui_edit e = {0};
    json_t *group = NULL;
    if (!ui_may_change(ui) || !edit_target(ui, &e)) {
        return;
    }
    json_t *limit = target(ui, &group);
    if (!json_is_object(snapshot_at(group ? group : limit, "override"))) {
        ui_say(ui, W_NORMAL, "%s is as the file says already.", e.limit);
        edit_clear(&e);
        return;
    }
    char name[160];
    char old[FORMAT_TEXT];
    char file[FORMAT_TEXT];
    char text[W_DIALOG_TEXT];
    edit_describe(&e, name, sizeof name);
    amount_of(limit, group, old);
    format_amount(file, e.metric, format_json_amount(snapshot_at(limit, "file_amount"), e.metric));
    snprintf(text, sizeof text, "%s\n\n%s -> %s, as the file says\n\nWhat was used stays counted.",
             name, old, file);
    json_t *params = change_params(&e);
    edit_clear(&e);
    request_confirm(ui, "Revert this limit?", text, "limit.revert", params);
}

void edit_undo(struct ui *ui)
{
    if (ui_may_change(ui)) {
        request_send(ui, "limit.undo", json_pack("{s:b}", "careful", 1));
    }
}
