#include "core/base/str.h"
#include "tui/ui.h"

#include <stdio.h>
#include <string.h>

static bool shown(const struct panel *p, int column)
{
    return p->columns[column].drop != W_COLUMN_HIDDEN;
}

static void fill(struct ui *ui)
{
    const struct panel *p = ui_panel(ui);
    ui->list.count = 0;
    for (int i = 0; i < (int)p->def->column_count && i < W_COLUMNS_MAX; i++) {
        snprintf(ui->choices[i], sizeof ui->choices[i], "[%c] %.30s", shown(p, i) ? 'x' : ' ',
                 p->columns[i].title);
        ui->list.item[ui->list.count++] = ui->choices[i];
    }
}

void choose_open(struct ui *ui)
{
    memset(&ui->list, 0, sizeof ui->list);
    str_copy(ui->list.title, sizeof ui->list.title, STR("Columns"));
    ui->mode = MODE_COLUMNS;
    fill(ui);
}

void choose_key(struct ui *ui, int key)
{
    struct panel *p = ui_panel(ui);
    enum w_answer answer = w_list_key(&ui->list, key == ' ' ? W_KEY_ENTER : key);
    if (answer == W_CANCELLED || key == 'c') {
        ui->mode = MODE_VIEW;
        return;
    }
    int at = ui->list.at;
    if (answer == W_ACCEPTED && at == 0) {
        ui_say(ui, W_NORMAL, "The first column stays: it names the row.");
    } else if (answer == W_ACCEPTED) {
        p->columns[at].drop = shown(p, at) ? W_COLUMN_HIDDEN : p->def->columns[at].w.drop;
        settings_columns(ui);
        fill(ui);
    }
}
