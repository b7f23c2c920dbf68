#include "tui/ui.h"
#include "widgets/text.h"

#include <stdio.h>

/* The stages of a shrinking screen: the second line goes below 9 rows, the views' names below 14
 * rows or 50 columns; panels side by side from 80 columns; below 50 columns or 9 rows of body the
 * overview has a line a panel; the graph goes before any row of a table does; below 30 columns or 6
 * rows there is only the worst number. */
#define BURN_ROWS    9
#define TABS_ROWS    14
#define TABS_COLS    50
#define WIDE_COLS    80
#define PENDING_COLS 80 /* below, what would be denied stands on a row of its own */
#define BODY_ROWS    9
#define BODY_COLS    50
#define TINY_ROWS    6
#define TINY_COLS    30
#define AIRY_ROWS    22
#define LIMITS_ROWS  5
#define DENIED_ROWS  4
#define DENIED_STEP  4
#define GRAPH_ROWS   7
#define GRAPH_MOST   24
#define SPEND_ROWS   10
#define SPEND_MOST   24
#define CALLS_ROWS   12
#define RUNNING_MOST 12
#define OPEN_ROWS    4
#define TICK_MS      10000

int64_t ui_draw_due(const struct ui *ui)
{
    int64_t due = ui->now_ms + TICK_MS - ui->wall_ms % TICK_MS;
    bool toast = w_toast_on(&ui->toast, ui->now_ms);
    return toast && ui->toast.until_ms < due ? ui->toast.until_ms : due;
}

void ui_draw_panel(struct ui *ui, int index, const struct w_area *a)
{
    const struct ui_view_def *v = &ui_views[ui->view];
    ui->panels[v->panels[index]].hidden = a->h <= 0 || a->w <= 0;
    if (ui->panels[v->panels[index]].hidden) {
        return;
    }
    bool focus = ui->focus[ui->view] == index;
    panel_draw(&ui->panels[v->panels[index]], a, focus);
}

/* Rows a panel would like: title, header, rows. */
int ui_draw_wanted(const struct ui *ui, int index)
{
    int rows = (int)ui->panels[ui_views[ui->view].panels[index]].table.count;
    return rows + 2 < 4 ? 4 : rows + 2;
}

/* Rows below which a panel tells too little. */
static int needs(const struct ui *ui, int index)
{
    return ui->panels[ui_views[ui->view].panels[index]].table.count > 0 ? 4 : 3;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Cost centers, and below them, when there is room, the limits, the applications, the spend. */
static void draw_left(struct ui *ui, const struct w_area *a, int gap)
{
    int costs = least(ui_draw_wanted(ui, 1), a->h);
    bool limits = a->h - costs - gap >= LIMITS_ROWS;
    struct w_area top = w_area_part(a, 0, 0, limits ? costs : a->h, a->w);
    struct w_area rest = w_area_part(a, limits ? costs + gap : a->h, 0, a->h, a->w);
    int middle = least(ui_draw_wanted(ui, 3), rest.h);
    bool more = rest.h - middle - gap >= LIMITS_ROWS;
    struct w_area below = w_area_part(&rest, more ? middle + gap : rest.h, 0, rest.h, rest.w);
    ui_draw_panel(ui, 1, &top);
    if (more) {
        rest.h = middle;
    }
    ui_draw_panel(ui, 3, &rest);
    int last = least(ui_draw_wanted(ui, 4), below.h);
    int spend = least(below.h - last - gap, SPEND_MOST);
    ui->aside.shown = more && spend >= SPEND_ROWS && !ui->low_bandwidth && !ui->no_past;
    if (ui->aside.shown) {
        struct w_area chart = w_area_part(&below, below.h - spend, 0, spend, a->w);
        ui_draw_spend(ui, &chart);
        below.h -= spend + gap;
    }
    ui_draw_panel(ui, 4, &below);
}

/* Denials, and the graph below them when there is room. */
static void draw_right(struct ui *ui, const struct w_area *a, int gap)
{
    int most = a->h - GRAPH_ROWS - gap;
    if (most < DENIED_ROWS || ui->low_bandwidth) {
        ui_draw_panel(ui, 2, a);
        return;
    }
    /* A denial more must not move the graph each time; else it has the rows. */
    int denied = (ui_draw_wanted(ui, 2) + DENIED_STEP - 1) / DENIED_STEP * DENIED_STEP;
    denied = least(denied, most);
    int rows = least(a->h - denied - gap, GRAPH_MOST);
    struct w_area top = w_area_part(a, 0, 0, a->h - rows - gap, a->w);
    struct w_area graph = w_area_part(a, a->h - rows, 0, rows, a->w);
    ui_draw_panel(ui, 2, &top);
    ui_draw_graph(ui, &graph);
}

static void draw_overview(struct ui *ui, const struct w_area *a)
{
    bool wide = a->w + 2 >= WIDE_COLS;
    ui->aside.shown = false;
    int below = ui_draw_wanted(ui, 1) + 1 + (wide ? ui_draw_wanted(ui, 3) : 4);
    int gap = a->h >= AIRY_ROWS || ui_draw_wanted(ui, 0) + 1 + below <= a->h ? 1 : 0;
    int spare = a->h - (wide ? 6 : 9);
    int top = least(ui_draw_wanted(ui, 0), spare > 4 ? spare : 4);
    struct w_area models = w_area_part(a, 0, 0, top, a->w);
    struct w_area rest = w_area_part(a, top + gap, 0, a->h, a->w);
    ui_draw_panel(ui, 0, &models);
    if (wide) {
        int left = a->w / 2;
        struct w_area column = w_area_part(&rest, 0, 0, rest.h, left - 2);
        struct w_area denied = w_area_part(&rest, 0, left, rest.h, rest.w);
        draw_left(ui, &column, gap);
        draw_right(ui, &denied, gap);
        return;
    }
    int middle = least(ui_draw_wanted(ui, 1), rest.h - 4 > 4 ? rest.h - 4 : rest.h / 2);
    struct w_area costs = w_area_part(&rest, 0, 0, middle, a->w);
    struct w_area denied = w_area_part(&rest, middle + gap, 0, rest.h, a->w);
    struct w_area none = w_area_part(a, 0, 0, 0, 0);
    ui_draw_panel(ui, 1, &costs);
    ui_draw_panel(ui, 2, &denied);
    ui_draw_panel(ui, 3, &none);
    ui_draw_panel(ui, 4, &none);
}

/* One panel, and how to come to the others. */
static void draw_single(struct ui *ui, const struct w_area *a, const int *panels, int count, int at)
{
    char text[64];
    struct w_area part = w_area_part(a, 0, 0, a->h - 1, a->w);
    for (int i = 0; i < count; i++) {
        ui->panels[ui_views[ui->view].panels[panels[i]]].hidden = false; /* Tab shows it */
    }
    ui_draw_panel(ui, panels[at], &part);
    snprintf(text, sizeof text, "Panel %d of %d; Tab shows the next", at + 1, count);
    w_text(a, a->h - 1, 0, a->w, W_HINT, W_LEFT, text);
}

/* The rows of each panel when all are open: what it needs, then an equal share, then what is left
 * to the first that would like it, or to the last. */
static void share_rows(const struct ui *ui, const int *panels, int count, int room, int *rows)
{
    int left = room;
    for (int i = 0; i < count; i++) {
        rows[i] = needs(ui, panels[i]);
        left -= rows[i];
    }
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < count; i++) {
            int most = pass == 0 ? least(ui_draw_wanted(ui, panels[i]), room / count)
                                 : ui_draw_wanted(ui, panels[i]);
            int more = rows[i] < most ? least(most - rows[i], left) : 0;
            rows[i] += more;
            left -= more;
        }
    }
    rows[count - 1] += left;
}

/* Panels one below the other. Where not all find room the one with the focus is open and of the
 * others there is a line each; where that is too much, it stands alone. */
void ui_draw_stack(struct ui *ui, const struct w_area *a, const int *panels, int count)
{
    int rows[UI_PANELS];
    int need = 0;
    int want = 0;
    int open = 0;
    for (int i = 0; i < count; i++) {
        need += needs(ui, panels[i]);
        want += ui_draw_wanted(ui, panels[i]);
        open = panels[i] == ui->focus[ui->view] ? i : open;
    }
    bool all = need <= a->h;
    if (!all && a->h < count - 1 + OPEN_ROWS) {
        draw_single(ui, a, panels, count, open);
        return;
    }
    int gap = all && (want + count - 1 <= a->h || a->h >= AIRY_ROWS) ? 1 : 0;
    if (all) {
        share_rows(ui, panels, count, a->h - gap * (count - 1), rows);
    }
    for (int i = 0, y = 0; i < count; i++) {
        int h = all ? rows[i] : i == open ? a->h - count + 1 : 1;
        struct w_area part = w_area_part(a, y, 0, h, a->w);
        ui_draw_panel(ui, panels[i], &part);
        y += h + gap;
    }
}

static void draw_cloud(struct ui *ui, const struct w_area *a)
{
    static const int left[] = {3, 1};
    static const int right[] = {2, 4, 5};
    static const int all[] = {0, 3, 2, 4, 5, 1};
    if (a->w + 2 < WIDE_COLS) {
        ui_draw_stack(ui, a, all, 6);
        return;
    }
    int top = least(ui_draw_wanted(ui, 0), a->h / 2);
    int gap = a->h >= AIRY_ROWS ? 1 : 0;
    struct w_area sources = w_area_part(a, 0, 0, top, a->w);
    struct w_area rest = w_area_part(a, top + gap, 0, a->h, a->w);
    int half = a->w / 2;
    struct w_area ours = w_area_part(&rest, 0, 0, rest.h, half - 2);
    struct w_area theirs = w_area_part(&rest, 0, half, rest.h, rest.w);
    ui_draw_panel(ui, 0, &sources);
    ui_draw_stack(ui, &ours, left, 2);
    ui_draw_stack(ui, &theirs, right, 3);
}

static void draw_calls(struct ui *ui, const struct w_area *a)
{
    static const int both[] = {0, 1};
    if (!ui->no_running && a->h < CALLS_ROWS) {
        ui_draw_stack(ui, a, both, 2);
        return;
    }
    /* As high however many run: the calls below must not jump up and down. */
    int top = ui->no_running ? 0 : least(a->h / 3, RUNNING_MOST);
    int gap = top > 0 && a->h >= AIRY_ROWS ? 1 : 0;
    struct w_area running = w_area_part(a, 0, 0, top, a->w);
    struct w_area recent = w_area_part(a, top + gap, 0, a->h, a->w);
    ui_draw_panel(ui, 0, &running);
    ui_draw_panel(ui, 1, &recent);
}

/* Who is refused, and below each single refusal. */
static void draw_denials(struct ui *ui, const struct w_area *a)
{
    static const int both[] = {0, 1};
    ui_draw_stack(ui, a, both, 2);
}

static void draw_limit(struct ui *ui, const struct w_area *a)
{
    int head = ui_draw_limit_head(ui, a);
    struct w_area rest = w_area_part(a, head, 0, a->h, a->w);
    static const int both[] = {0, 1};
    ui_draw_stack(ui, &rest, both, 2);
}

static void draw_drill(struct ui *ui, const struct w_area *a)
{
    int head = drill_draw_head(ui, a);
    int table = drill_table(ui);
    struct w_area rest = w_area_part(a, head, 0, a->h, a->w);
    struct w_area none = w_area_part(a, 0, 0, 0, 0);
    const int both[] = {table, 3};
    for (int i = 0; i < 3; i++) {
        if (i != table) {
            ui_draw_panel(ui, i, &none);
        }
    }
    ui_draw_stack(ui, &rest, table == 3 ? both + 1 : both, table == 3 ? 1 : 2);
}

static void no_data(const struct ui *ui, const struct w_area *a)
{
    int y = a->h > 4 ? a->h / 3 : 0;
    bool open = ui->link.state == LINK_UP;
    if (ui->past.on) {
        w_text(a, y, 2, a->w - 2, W_LABEL, W_LEFT, "Asking the ledger; Esc comes back to now.");
        return;
    }
    w_text(a, y, 2, a->w - 2, W_LABEL, W_LEFT,
           open ? "Attached; waiting for the first figures."
                : "No core yet; asking again each second.");
    w_text(a, y + 1, 2, a->w - 2, W_NORMAL, W_LEFT, open ? "" : ui->link.why.text);
    w_text(a, y + 2, 2, a->w - 2, W_MUTED, W_LEFT, ui->link.path);
    w_text(a, y + 3, 2, a->w - 2, W_MUTED, W_LEFT, "q leaves");
}

static void draw_body(struct ui *ui, const struct w_area *a)
{
    if (!ui_shown(ui)->data) {
        no_data(ui, a);
        return;
    }
    switch ((int)ui->view) {
    case VIEW_OVERVIEW:
        if (a->h < BODY_ROWS || a->w < BODY_COLS) {
            ui_draw_lines(ui, a);
        } else {
            draw_overview(ui, a);
        }
        return;
    case VIEW_CALLS:
        draw_calls(ui, a);
        return;
    case VIEW_CLOUD:
        draw_cloud(ui, a);
        return;
    case VIEW_DENIALS:
        draw_denials(ui, a);
        return;
    case VIEW_MODELS:
    case VIEW_COSTS:
    case VIEW_APPLICATIONS:
    case VIEW_LIMITS:
        ui_draw_master(ui, a);
        return;
    case VIEW_LIMIT:
        draw_limit(ui, a);
        return;
    case VIEW_DRILL:
        draw_drill(ui, a);
        return;
    default:
        ui_draw_panel(ui, 0, a);
        return;
    }
}

static void draw_overlay(struct ui *ui, const struct w_area *a)
{
    switch (ui->mode) {
    case MODE_CONFIRM:
        w_dialog_draw(a, &ui->dialog);
        return;
    case MODE_FORM:
        edit_form_trial(ui);
        w_form_draw(a, &ui->form);
        return;
    case MODE_SORT:
    case MODE_COLUMNS:
        w_list_draw(a, &ui->list);
        return;
    case MODE_HELP:
    case MODE_DETAIL:
        ui->pager_rows = w_pager_draw_box(a, &ui->pager);
        return;
    case MODE_VIEW:
    case MODE_FILTER:
    case MODE_COMMAND:
    case MODE_EXPORT:
    case MODE_TIME:
        return;
    }
}

void ui_draw(struct ui *ui)
{
    struct w_area all = {stdscr, &ui->style, 0, 0, ui->term.rows, ui->term.cols};
    for (int i = 0; i < PANEL_COUNT; i++) {
        ui->panels[i].area.h = 0; /* what is not drawn now cannot be hit */
    }
    wbkgdset(stdscr, (chtype)' ' | (chtype)COLOR_PAIR(ui->style.role[W_NORMAL].pair));
    erase();
    bool typing = ui_is_typing(ui);
    if (all.h < TINY_ROWS || all.w < TINY_COLS) {
        if (typing) {
            ui_draw_bottom(ui, &all);
        } else {
            ui_draw_worst(ui, &all);
            draw_overlay(ui, &all);
        }
        return;
    }
    int y = 1;
    ui->tabs_y = 0;
    ui_draw_title(ui, &all);
    if (all.h >= BURN_ROWS) {
        ui_draw_burn(ui, &all, y++);
    }
    if (all.h >= TABS_ROWS && all.w >= TABS_COLS) {
        ui_draw_tabs(ui, &all, y++);
    }
    int pending = !ui->edit.active || all.h <= y + 3 ? 0 : all.w < PENDING_COLS ? 2 : 1;
    int bottom = 1 + pending;
    struct w_area body = w_area_part(&all, y, 1, all.h - y - bottom, all.w - 2);
    draw_body(ui, &body);
    if (pending > 0) {
        struct w_area line = w_area_part(&all, all.h - bottom, 1, pending, all.w - 2);
        ui_draw_pending(ui, &line);
    }
    ui_draw_bottom(ui, &all);
    struct w_area middle = w_area_part(&all, 1, 0, all.h - 2, all.w);
    draw_overlay(ui, &middle);
}
