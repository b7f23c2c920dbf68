#include "core/base/str.h"
#include "tui/format.h"
#include "tui/ui.h"
#include "widgets/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_WIDTH   66
#define LABEL_WIDTH  20
#define LABEL_NARROW 15
#define WIDE_COLS    60
#define NARROW_COLS  30

static void names_text(const json_t *names, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < json_array_size(names) && n + 4 < size; i++) {
        const char *name = json_string_value(json_array_get(names, i));
        n += (size_t)snprintf(out + n, size - n, "%s", i ? ", " : "");
        str_printable(out + n, size - n, str_of(name ? name : ""));
        n += strlen(out + n);
    }
}

/* A value as one line: figures exact, objects as k=v. */
static void value_text(const struct ui *ui, const json_t *v, bool usd, char *out, size_t size)
{
    char clock[FORMAT_TEXT];
    int64_t at = format_json_time(v);
    if (at > 0) {
        char second[FORMAT_TEXT];
        format_day_clock(clock, at, ui->local_time);
        format_clock(second, at, true, ui->local_time);
        snprintf(out, size, "%.6s%s %s", clock, second, format_zone(ui->local_time));
    } else if (json_is_string(v)) {
        str_printable(out, size, str_of(json_string_value(v)));
    } else if (json_is_integer(v)) {
        format_exact(clock, json_integer_value(v));
        snprintf(out, size, "%s", clock);
    } else if (json_is_real(v)) {
        char money[MONEY_TEXT];
        money_format(money, format_json_money(v));
        snprintf(out, size, "%s%s", usd ? "$" : "", money);
    } else if (json_is_boolean(v)) {
        snprintf(out, size, "%s", json_is_true(v) ? "yes" : "no");
    } else if (json_is_null(v) || (json_is_array(v) && json_array_size(v) == 0)) {
        snprintf(out, size, "-");
    } else if (json_is_string(json_array_get(v, 0))) {
        names_text(v, out, size);
    } else {
        char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
        str_printable(out, size, str_of(text ? text : ""));
        free(text);
    }
}

void detail_pair(struct ui *ui, enum w_role role, const char *label, const char *text)
{
    int cols = ui->term.cols;
    bool beside = cols >= NARROW_COLS;
    int width = !beside ? 1 : cols >= WIDE_COLS ? LABEL_WIDTH : LABEL_NARROW;
    int label_width = w_text_width(label);
    if (!beside || (label_width > width && label_width + 4 > cols / 2)) {
        w_pager_add(&ui->pager, beside ? role : W_LABEL, label);
        label = "";
        label_width = 0;
    }
    int room = cols - 6 - (label_width > width ? label_width : width);
    room = room > TEXT_WIDTH ? TEXT_WIDTH : room > 8 ? room : 8;
    w_pager_pair(&ui->pager, role, width, label, room, text);
}

/* Numbers for the program's own use, and what is told elsewhere. */
static bool says_nothing(const char *key, const json_t *v)
{
    static const char *const skipped[] = {"series", "version", "who", "seq", "type", "groups"};
    for (size_t i = 0; i < sizeof skipped / sizeof *skipped; i++) {
        if (strcmp(key, skipped[i]) == 0) {
            return true;
        }
    }
    static const char *const told[] = {"limit", "too_large", "blocked"};
    bool refusal = false;
    for (size_t i = 0; i < 3 && (strcmp(key, "message") == 0 || strcmp(key, "error") == 0); i++) {
        refusal = refusal || (json_is_string(v) && strcmp(json_string_value(v), told[i]) == 0);
    }
    bool no_cache =
        strncmp(key, "cache_", 6) == 0 && json_is_integer(v) && json_integer_value(v) == 0;
    return refusal || no_cache;
}

static void add_member(struct ui *ui, const char *key, const json_t *v)
{
    char text[1024];
    char label[48];
    if (says_nothing(key, v)) {
        return;
    }
    snprintf(label, sizeof label, "%.40s", key);
    for (char *c = label; *c; c++) {
        *c = *c == '_' ? ' ' : *c;
    }
    const char *unit = strstr(key, "usd");
    value_text(ui, v, unit != NULL, text, sizeof text);
    detail_pair(ui, W_NORMAL, label, text);
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
    trail_fill(ui, row);
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
            bool plain = strcmp(key, "usage") == 0; /* "cache read tokens" says it all */
            snprintf(both, sizeof both, "%.28s%s%.28s", plain ? "" : key, plain ? "" : " ", inner);
            add_member(ui, both, part);
        }
    }
    trail_groups(ui, row);
    json_t *group;
    const json_t *limit = panel_limit(p, row, &group);
    bool told = json_is_object(json_object_get(row, "tags")) && !ui->past.on;
    if (limit && p->def->subject != SUBJECT_LIMIT && !told) {
        char text[200];
        char amount[FORMAT_TEXT];
        panel_limit_short(amount, sizeof amount, limit, group);
        snprintf(text, sizeof text, "%.60s %s", snapshot_text(limit, "name"), amount);
        detail_pair(ui, W_LABEL, "limit in force", text);
    }
}

void detail_open(struct ui *ui)
{
    const struct panel *p = ui_panel(ui);
    char name[W_TABLE_KEY];
    str_copy(ui->detail_key, sizeof ui->detail_key, str_of(p->table.selected));
    struct str rest;
    str_copy(name, sizeof name, str_cut(str_of(p->table.selected), '\t', &rest));
    const char *request = snapshot_text(panel_selected(p), "request_id");
    if (*request) {
        str_copy(name, sizeof name, str_of(request));
    }
    snprintf(ui->pager.title, sizeof ui->pager.title, "%.*s: ", (int)strcspn(p->def->title, ","),
             p->def->title);
    size_t n = strlen(ui->pager.title);
    str_printable(ui->pager.title + n, sizeof ui->pager.title - n, str_of(name));
    ui->pager.top = 0;
    ui->mode = MODE_DETAIL;
    detail_fill(ui);
}
