#include "core/base/str.h"
#include "tui/format.h"
#include "tui/ui.h"
#include "widgets/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_WIDTH 66

/* A value as one line: figures exact, objects as k=v. */
static void value_text(const struct ui *ui, const json_t *v, char *out, size_t size)
{
    char clock[FORMAT_TEXT];
    int64_t at = format_json_time(v);
    if (at > 0) {
        format_day_clock(clock, at, ui->local_time);
        snprintf(out, size, "%s %s", clock, format_zone(ui->local_time));
    } else if (json_is_string(v)) {
        str_printable(out, size, str_of(json_string_value(v)));
    } else if (json_is_integer(v)) {
        format_exact(clock, json_integer_value(v));
        snprintf(out, size, "%s", clock);
    } else if (json_is_real(v)) {
        char money[MONEY_TEXT];
        money_format(money, format_json_money(v));
        snprintf(out, size, "%s", money);
    } else if (json_is_boolean(v)) {
        snprintf(out, size, "%s", json_is_true(v) ? "yes" : "no");
    } else if (json_is_null(v)) {
        snprintf(out, size, "-");
    } else {
        char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
        str_printable(out, size, str_of(text ? text : ""));
        free(text);
    }
}

struct wrapped {
    struct ui *ui;
    const char *label;
};

static void add_wrapped(void *arg, const char *line)
{
    struct wrapped *w = arg;
    char text[400];
    snprintf(text, sizeof text, "%-20s %s", w->label, line);
    w_pager_add(&w->ui->pager, W_NORMAL, text);
    w->label = "";
}

static void add_member(struct ui *ui, const char *key, const json_t *v)
{
    char text[1024];
    char label[48];
    if (strcmp(key, "series") == 0 || strcmp(key, "version") == 0 || strcmp(key, "who") == 0) {
        return;
    }
    snprintf(label, sizeof label, "%.40s", key);
    for (char *c = label; *c; c++) {
        *c = *c == '_' ? ' ' : *c;
    }
    value_text(ui, v, text, sizeof text);
    struct wrapped w = {ui, label};
    w_text_wrap(text, TEXT_WIDTH, add_wrapped, &w);
}

void detail_fill(struct ui *ui)
{
    const struct panel *p = ui_panel(ui);
    const json_t *row = panel_selected(p);
    const char *key;
    json_t *value;
    if (!row || strcmp(p->table.selected, ui->detail_key) != 0) {
        return; /* the row is gone: what was read stays */
    }
    w_pager_clear(&ui->pager);
    json_object_foreach((json_t *)(uintptr_t)row, key, value)
    {
        if (!json_is_object(value)) {
            add_member(ui, key, value);
            continue;
        }
        const char *inner;
        json_t *part;
        json_object_foreach(value, inner, part)
        {
            char both[64];
            snprintf(both, sizeof both, "%.28s %.28s", key, inner);
            add_member(ui, both, part);
        }
    }
    json_t *group;
    const json_t *limit = panel_limit(p, row, &group);
    if (limit && p->def->subject != SUBJECT_LIMIT) {
        char text[200];
        char amount[FORMAT_TEXT];
        panel_limit_short(amount, sizeof amount, limit, group);
        snprintf(text, sizeof text, "%-20s %.60s %s", "limit in force",
                 snapshot_text(limit, "name"), amount);
        w_pager_add(&ui->pager, W_LABEL, text);
    }
}

void detail_open(struct ui *ui)
{
    const struct panel *p = ui_panel(ui);
    char name[W_TABLE_KEY];
    str_copy(ui->detail_key, sizeof ui->detail_key, str_of(p->table.selected));
    struct str rest;
    str_copy(name, sizeof name, str_cut(str_of(p->table.selected), '\t', &rest));
    snprintf(ui->pager.title, sizeof ui->pager.title, "%.30s: ", p->def->title);
    size_t n = strlen(ui->pager.title);
    str_printable(ui->pager.title + n, sizeof ui->pager.title - n, str_of(name));
    ui->pager.top = 0;
    ui->mode = MODE_DETAIL;
    detail_fill(ui);
}
