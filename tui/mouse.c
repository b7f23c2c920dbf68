/* mouse.c: clicks on views, rows, headers and hints, and the wheel. Everything it does has a key;
 * questions are answered by keys alone. */
#include "core/base/str.h"
#include "tui/ui.h"

#include <string.h>

#define WHEEL_ROWS 3

static bool inside(const struct w_area *a, int x, int y)
{
    return a->w > 0 && a->h > 0 && x >= a->x && x < a->x + a->w && y >= a->y && y < a->y + a->h;
}

static struct panel *panel_at(struct ui *ui, int x, int y, int *index)
{
    const struct ui_view_def *v = &ui_views[ui->view];
    for (int i = 0; i < v->count; i++) {
        struct panel *p = &ui->panels[v->panels[i]];
        if (!p->hidden && inside(&p->area, x, y)) {
            *index = i;
            return p;
        }
    }
    return NULL;
}

static void click_panel(struct ui *ui, int x, int y)
{
    int index = 0;
    struct panel *p = panel_at(ui, x, y, &index);
    if (!p) {
        return;
    }
    bool focused = ui->focus[ui->view] == index;
    ui->focus[ui->view] = index;
    aside_show(ui, ui->aside.shown);
    long row;
    size_t column;
    switch (panel_hit(p, x, y, &row, &column)) {
    case W_HIT_HEADER:
        keys_sort_toggle(ui, column);
        return;
    case W_HIT_ROW:
        if (focused && row == (long)p->table.at && !ui->edit.active) {
            keys_open_row(ui);
        } else {
            panel_move(p, row - (long)p->table.at);
        }
        return;
    case W_HIT_NOTHING:
        return;
    }
}

static void wheel(struct ui *ui, int x, int y, int step)
{
    int index;
    struct panel *p = panel_at(ui, x, y, &index);
    if (p) {
        panel_move(p, step * WHEEL_ROWS);
    }
}

static void click(struct ui *ui, int x, int y)
{
    enum ui_view view;
    const struct binding *b;
    if (ui_draw_tab_at(ui, x, y, &view)) {
        ui_open_view(ui, view);
    } else if (y == ui->term.rows - 1 && (b = ui_draw_hint_at(ui, x)) != NULL) {
        ui_act(ui, b);
    } else {
        click_panel(ui, x, y);
    }
}

void mouse_event(struct ui *ui, const struct w_mouse *m)
{
    int step = m->button == W_MOUSE_WHEEL_UP ? -1 : m->button == W_MOUSE_WHEEL_DOWN ? 1 : 0;
    if (ui->mode == MODE_VIEW) {
        if (step != 0) {
            wheel(ui, m->x, m->y, step);
        } else if (m->button == W_MOUSE_LEFT) {
            click(ui, m->x, m->y);
        }
        return;
    }
    bool scrolls = ui->mode == MODE_HELP || ui->mode == MODE_DETAIL || ui->mode == MODE_SORT ||
                   ui->mode == MODE_COLUMNS;
    for (int i = 0; scrolls && step != 0 && i < WHEEL_ROWS; i++) {
        ui_key(ui, step < 0 ? W_KEY_UP : W_KEY_DOWN);
    }
}
