#include "core/base/str.h"
#include "tui/ui.h"

#include <string.h>

#define FIELD_AMOUNT 0
#define FIELD_FOR    1

static void move_cursor(struct ui *ui, long delta)
{
    panel_move(ui_panel(ui), delta);
}

/* Among the rows that pass the filter, round and round. */
static void move_match(struct ui *ui, int step)
{
    const struct w_table *t = &ui_panel(ui)->table;
    if (!t->filter[0]) {
        ui_say(ui, W_NORMAL, "No filter is set here; / sets one, and n and N move among its rows.");
        return;
    }
    bool end = step > 0 ? t->at + 1 >= t->count : t->at == 0;
    move_cursor(ui, end ? -step * (long)t->count : step);
}

static void step_view(struct ui *ui, int step)
{
    int view = (int)ui_tab(ui);
    ui_open_view(ui, (enum ui_view)((view + step + VIEW_LIMIT) % VIEW_LIMIT));
}

static void next_panel(struct ui *ui)
{
    const struct ui_view_def *v = &ui_views[ui->view];
    for (int i = 0; i < v->count; i++) {
        ui->focus[ui->view] = (ui->focus[ui->view] + 1) % v->count;
        if (!ui_panel(ui)->hidden) {
            break;
        }
    }
    aside_show(ui, ui->aside.shown);
}

void keys_open_limit(struct ui *ui, const char *name)
{
    if (ui->past.on || !snapshot_limit(ui_shown(ui), name)) {
        ui_say(ui, W_NORMAL, "There is no limit %s %s.", name, ui->past.on ? "here" : "now");
        return;
    }
    str_copy(ui->open_limit, sizeof ui->open_limit, str_of(name));
    json_decref(ui->history);
    ui->history = NULL;
    ui->focus[VIEW_LIMIT] = 0;
    ui->back = ui->view == VIEW_LIMIT ? VIEW_LIMITS : ui->view;
    ui_open_view(ui, VIEW_LIMIT);
}

void keys_open_row(struct ui *ui)
{
    const struct panel *p = ui_panel(ui);
    const json_t *row = panel_selected(p);
    if (!row) {
        return;
    }
    bool refused = p->def == &panel_defs[PANEL_REFUSED] || p->def == &panel_defs[PANEL_DENIED];
    if (p->def->subject == SUBJECT_LIMIT || p->def->subject == SUBJECT_HELD) {
        keys_open_limit(ui, snapshot_text(row, "name"));
    } else if (refused && !ui->past.on) {
        keys_open_limit(ui, snapshot_text(row, "limit"));
    } else if (!drill_open(ui)) {
        detail_open(ui);
    }
}

static void go_back(struct ui *ui)
{
    struct w_table *t = &ui_panel(ui)->table;
    if (ui->edit.active) {
        edit_drop(ui);
    } else if (w_toast_on(&ui->toast, ui->now_ms)) {
        w_toast_hide(&ui->toast);
    } else if (t->filter[0]) {
        w_table_filter(t, "");
        ui_update(ui);
    } else if (ui->past.on) {
        past_leave(ui);
    } else if (ui->view == VIEW_DRILL) {
        drill_back(ui);
    } else if (ui->view == VIEW_LIMIT) {
        ui_open_view(ui, ui->back);
    } else if (ui->view != VIEW_OVERVIEW) {
        ui_open_view(ui, VIEW_OVERVIEW);
    }
}

static void start_filter(struct ui *ui)
{
    const struct w_table *t = &ui_panel(ui)->table;
    str_copy(ui->filter_before, sizeof ui->filter_before, str_of(t->filter));
    memset(&ui->input, 0, sizeof ui->input);
    w_input_set(&ui->input, t->filter);
    ui->mode = MODE_FILTER;
}

static void filter_key(struct ui *ui, int key)
{
    enum w_answer answer = w_input_key(&ui->input, key);
    struct w_table *t = &ui_panel(ui)->table;
    if (answer == W_CANCELLED) {
        w_table_filter(t, ui->filter_before);
        ui->mode = MODE_VIEW;
    } else {
        w_table_filter(t, ui->input.text);
        ui->mode = answer == W_ACCEPTED ? MODE_VIEW : MODE_FILTER;
    }
    ui_update(ui);
}

static void start_command(struct ui *ui)
{
    memset(&ui->input, 0, sizeof ui->input);
    ui->input.history = &ui->commands;
    ui->mode = MODE_COMMAND;
}

static void sort_by(struct ui *ui, size_t column, bool descending)
{
    w_table_sort(&ui_panel(ui)->table, column, descending);
    settings_sort(ui);
    ui_update(ui);
}

void keys_sort_toggle(struct ui *ui, size_t column)
{
    const struct panel *p = ui_panel(ui);
    bool again = column == p->table.sort && !p->table.unsorted;
    sort_by(ui, column, again ? !p->table.descending : p->columns[column].align == W_RIGHT);
}

static void sort_step(struct ui *ui, int step)
{
    const struct panel *p = ui_panel(ui);
    int n = (int)p->def->column_count;
    int column = p->table.unsorted ? 0 : ((int)p->table.sort + step + n) % n;
    bool number = p->columns[column].align == W_RIGHT || p->def->columns[column].kind == KIND_TIME;
    sort_by(ui, (size_t)column, number);
}

static void start_sort(struct ui *ui)
{
    const struct panel *p = ui_panel(ui);
    memset(&ui->list, 0, sizeof ui->list);
    str_copy(ui->list.title, sizeof ui->list.title, STR("Sort by"));
    for (size_t i = 0; i < p->def->column_count && i < W_LIST_MAX; i++) {
        ui->list.item[ui->list.count++] = p->columns[i].title;
    }
    ui->list.at = (int)p->table.sort;
    ui->mode = MODE_SORT;
}

static void sort_key(struct ui *ui, int key)
{
    enum w_answer answer = w_list_key(&ui->list, key);
    if (answer == W_ACCEPTED) {
        keys_sort_toggle(ui, (size_t)ui->list.at);
    }
    if (answer == W_ACCEPTED || answer == W_CANCELLED) {
        ui->mode = MODE_VIEW;
    }
}

static void freeze(struct ui *ui)
{
    ui->is_frozen = !ui->is_frozen;
    if (ui->is_frozen) {
        snapshot_copy(&ui->frozen, ui->past.on ? &ui->past.shot : &ui->live);
        ui->frozen_ms = ui->now_ms;
    } else {
        ui_update(ui);
    }
}

/* Keys of the details: Enter opens the limit that refused, and limits are changed from here as from
 * the row. */
static bool detail_key(struct ui *ui, int key)
{
    const json_t *row = panel_selected(ui_panel(ui));
    const struct binding *b = binding_find(key, ui->view);
    bool open = key == W_KEY_ENTER && *snapshot_text(row, "limit");
    if (!open && (!b || b->class == CLASS_READ)) {
        return false;
    }
    ui->mode = MODE_VIEW;
    if (open) {
        keys_open_limit(ui, snapshot_text(row, "limit"));
    } else {
        ui_act(ui, b);
    }
    return true;
}

static void pager_key(struct ui *ui, int key)
{
    if (ui->mode == MODE_DETAIL && detail_key(ui, key)) {
        return;
    }
    enum w_answer answer = w_pager_key(&ui->pager, key, ui->pager_rows);
    if (answer == W_CANCELLED || (ui->mode == MODE_HELP && (key == '?' || key == W_KEY_F1))) {
        ui->mode = MODE_VIEW;
    }
}

static bool act_move(struct ui *ui, enum action action)
{
    const struct panel *p = ui_panel(ui);
    int page = p->rows_shown > 1 ? p->rows_shown - 1 : 1;
    switch ((int)action) {
    case ACT_UP:
        move_cursor(ui, -1);
        return true;
    case ACT_DOWN:
        move_cursor(ui, 1);
        return true;
    case ACT_PAGE_UP:
        move_cursor(ui, -page);
        return true;
    case ACT_PAGE_DOWN:
        move_cursor(ui, page);
        return true;
    case ACT_FIRST:
        move_cursor(ui, -(long)p->table.count);
        return true;
    case ACT_LAST:
        move_cursor(ui, (long)p->table.count);
        return true;
    case ACT_NEXT_MATCH:
        move_match(ui, 1);
        return true;
    case ACT_PREVIOUS_MATCH:
        move_match(ui, -1);
        return true;
    case ACT_NEXT_VIEW:
        step_view(ui, 1);
        return true;
    case ACT_PREVIOUS_VIEW:
        step_view(ui, -1);
        return true;
    case ACT_NEXT_PANEL:
        next_panel(ui);
        return true;
    default:
        return false;
    }
}

static bool act_limit(struct ui *ui, enum action action)
{
    switch ((int)action) {
    case ACT_RAISE:
        edit_step(ui, 1);
        return true;
    case ACT_LOWER:
        edit_step(ui, -1);
        return true;
    case ACT_SET:
        edit_open_form(ui, FIELD_AMOUNT);
        return true;
    case ACT_FOR:
        edit_open_form(ui, FIELD_FOR);
        return true;
    case ACT_BLOCK:
        edit_block(ui);
        return true;
    case ACT_STOP:
        edit_stop(ui);
        return true;
    case ACT_UNDO:
        edit_undo(ui);
        return true;
    case ACT_REVERT:
        edit_revert(ui);
        return true;
    default:
        return false;
    }
}

static bool act_sort(struct ui *ui, enum action action)
{
    switch ((int)action) {
    case ACT_SORT:
        start_sort(ui);
        return true;
    case ACT_SORT_LEFT:
        sort_step(ui, -1);
        return true;
    case ACT_SORT_RIGHT:
        sort_step(ui, 1);
        return true;
    case ACT_SORT_INVERT:
        sort_by(ui, ui_panel(ui)->table.sort, !ui_panel(ui)->table.descending);
        return true;
    default:
        return false;
    }
}

/* What time is shown. */
static bool act_time(struct ui *ui, enum action action)
{
    switch ((int)action) {
    case ACT_FREEZE:
        freeze(ui);
        return true;
    case ACT_PAST:
        past_move(ui, -1);
        return true;
    case ACT_LATER:
        past_move(ui, 1);
        return true;
    case ACT_RANGE:
        past_zoom(ui, 1);
        return true;
    case ACT_ZOOM_IN:
        past_zoom(ui, -1);
        return true;
    case ACT_AT:
        past_ask(ui);
        return true;
    case ACT_NOW:
        past_leave(ui);
        return true;
    default:
        return false;
    }
}

/* The terminal, and the program in it. */
static bool act_terminal(struct ui *ui, enum action action)
{
    switch ((int)action) {
    case ACT_QUIT:
        ui->leave = true;
        return true;
    case ACT_REDRAW:
        clearok(curscr, TRUE);
        return true;
    case ACT_SUSPEND:
        term_suspend(&ui->term, true);
        return true;
    default:
        return false;
    }
}

static void act_view(struct ui *ui, const struct binding *b)
{
    switch ((int)b->action) {
    case ACT_HELP:
        help_open(ui);
        return;
    case ACT_VIEW:
        ui_open_view(ui, (enum ui_view)b->number);
        return;
    case ACT_OPEN:
        if (ui->edit.active) {
            edit_apply(ui);
        } else {
            keys_open_row(ui);
        }
        return;
    case ACT_DETAIL:
        if (panel_selected(ui_panel(ui))) {
            detail_open(ui);
        }
        return;
    case ACT_BACK:
        go_back(ui);
        return;
    case ACT_FILTER:
        start_filter(ui);
        return;
    case ACT_EXPORT:
        export_ask(ui);
        return;
    case ACT_COPY:
        export_copy(ui);
        return;
    case ACT_COLUMNS:
        choose_open(ui);
        return;
    case ACT_GRAPH:
        ui->graph_one = !ui->graph_one;
        if (ui->low_bandwidth) {
            ui_say(ui, W_NORMAL, "No charts on a poor line; :low-bandwidth off brings them back.");
        }
        return;
    case ACT_COMMAND:
        start_command(ui);
        return;
    default:
        return;
    }
}

void ui_act(struct ui *ui, const struct binding *b)
{
    if (binding_is_setting(b)) {
        set_value(ui, b, "");
    } else if (!act_move(ui, b->action) && !act_limit(ui, b->action) && !act_sort(ui, b->action) &&
               !act_time(ui, b->action) && !act_terminal(ui, b->action)) {
        act_view(ui, b);
    }
}

void ui_key(void *arg, int key)
{
    struct ui *ui = arg;
    ui->urgent = ui->changed = true;
    if (key == W_CTRL('c')) {
        ui->leave = true;
        return;
    }
    if (key == W_KEY_GROUND) {
        set_for_ground(ui, ui->term.keys.ground);
        return;
    }
    if (key == W_KEY_MOUSE) {
        mouse_event(ui, &ui->term.keys.mouse);
        return;
    }
    switch (ui->mode) {
    case MODE_VIEW: {
        const struct binding *b = binding_find(key, ui->view);
        if (b) {
            ui_act(ui, b);
        }
        return;
    }
    case MODE_FILTER:
        filter_key(ui, key);
        return;
    case MODE_COMMAND:
        command_key(ui, key);
        return;
    case MODE_CONFIRM:
        request_confirm_key(ui, key);
        return;
    case MODE_FORM:
        edit_form_key(ui, key);
        return;
    case MODE_SORT:
        sort_key(ui, key);
        return;
    case MODE_COLUMNS:
        choose_key(ui, key);
        return;
    case MODE_EXPORT:
        export_key(ui, key);
        return;
    case MODE_TIME:
        past_key(ui, key);
        return;
    case MODE_HELP:
    case MODE_DETAIL:
        pager_key(ui, key);
        return;
    }
}
