#include "tui/panel.h"

#include "core/base/str.h"
#include "tui/ui.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROWS 512 /* taken in at once */
#define MORE_ROWS  256

static json_t *row_at(const struct panel_rows *r, size_t i)
{
    return rows_at(&r->panel->ui->rows, r->rows, i);
}

static size_t source_count(void *arg)
{
    return json_array_size(((const struct panel_rows *)arg)->rows);
}

/* A member as text, whatever it is; objects by their JSON. */
static void key_part(const json_t *row, const char *member, char *out, size_t size)
{
    const json_t *v = snapshot_at(row, member);
    if (json_is_string(v)) {
        str_copy(out, size, str_of(json_string_value(v)));
    } else if (json_is_integer(v)) {
        snprintf(out, size, "%lld", (long long)json_integer_value(v));
    } else {
        char *text = v ? json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
        str_copy(out, size, str_of(text ? text : ""));
        free(text);
    }
}

static void source_key(void *arg, size_t i, char out[W_TABLE_KEY])
{
    const struct panel_rows *r = arg;
    const struct panel_def *def = r->panel->def;
    char one[W_TABLE_KEY];
    char two[W_TABLE_KEY] = "";
    if (!def->key_two && rows_text(r->rows, i, def->key_one, one, sizeof one)) {
        snprintf(out, W_TABLE_KEY, "%.84s\t", one);
        return;
    }
    const json_t *row = row_at(r, i);
    key_part(row, def->key_one, one, sizeof one);
    if (def->key_two) {
        key_part(row, def->key_two, two, sizeof two);
    }
    snprintf(out, W_TABLE_KEY, "%.84s\t%.40s", one, two);
}

static void source_cell(void *arg, size_t i, size_t column, struct w_cell *out)
{
    const struct panel_rows *r = arg;
    panel_cell(r->panel, row_at(r, i), &r->panel->def->columns[column], out);
}

static void source_rank(void *arg, size_t i, size_t column, struct w_rank *out)
{
    const struct panel_rows *r = arg;
    const struct panel_column *c = &r->panel->def->columns[column];
    bool number = c->kind == KIND_COUNT || c->kind == KIND_USD;
    if (number && rows_number(r->rows, i, c->member, &out->number)) {
        out->is_number = true;
        return;
    }
    bool text = c->kind == KIND_TEXT;
    if (text && rows_text(r->rows, i, c->member, out->text, sizeof out->text)) {
        return;
    }
    panel_rank(r->panel, row_at(r, i), c, out);
}

static struct w_source source_of(const struct panel *p, const struct panel_rows *rows)
{
    return (struct w_source){
        .columns = p->columns,
        .column_count = p->def->column_count,
        .arg = (void *)(uintptr_t)rows,
        .count = source_count,
        .key = source_key,
        .cell = source_cell,
        .rank = source_rank,
    };
}

void panel_init(struct panel *p, enum panel_id id, struct ui *ui)
{
    memset(p, 0, sizeof *p);
    p->def = &panel_defs[id];
    p->ui = ui;
    p->shown.panel = p->taken.panel = p;
    for (size_t i = 0; i < p->def->column_count; i++) {
        p->columns[i] = p->def->columns[i].w;
        p->charts |= p->def->columns[i].kind == KIND_SERIES ? 1u << i : 0;
    }
    p->table.sort = p->def->sort;
    p->table.descending = p->def->descending;
    p->table.unsorted = p->def->unsorted;
    p->table.newest_first = p->def->unsorted && p->def->descending;
    p->table.hold_ms = p->def->hold_ms;
}

void panel_free(struct panel *p)
{
    w_table_free(&p->table);
    json_decref(p->shown.rows);
    json_decref(p->taken.rows);
}

/* Rows that no past is kept of. */
static bool now_only(const struct panel *p)
{
    static const char *const kept[] = {"models", "cost_centers", "applications", "denials",
                                       "denied"};
    bool has_past = p->def->origin != ROWS_RUNNING && p->def->origin != ROWS_HELD;
    if (p->def->origin == ROWS_SNAPSHOT) {
        has_past = false;
        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
            has_past = has_past || strcmp(p->def->rows, kept[i]) == 0;
        }
    }
    return p->ui->past.on && !has_past;
}

/* The rows as they are now. */
static json_t *rows_now(const struct panel *p)
{
    const struct ui *ui = p->ui;
    if (now_only(p)) {
        return NULL;
    }
    switch (p->def->origin) {
    case ROWS_SNAPSHOT:
        return snapshot_at(ui_shown(ui)->data, p->def->rows);
    case ROWS_AUDIT:
        return ui->past.on ? ui->past.calls : ui->audit;
    case ROWS_HISTORY:
        return ui->history;
    case ROWS_RUNNING:
        return ui->running;
    case ROWS_RECENT:
        return ui->past.on ? ui->past.calls : ui->recent;
    case ROWS_DRILL:
        return snapshot_at(ui->drill.sums, p->def->rows);
    case ROWS_DRILL_CALLS:
        return ui->drill.calls;
    case ROWS_HELD:
        return ui->past.on ? NULL : ui->aside.limits;
    case ROWS_ITS_DENIALS:
        return ui->aside.denials;
    case ROWS_GROUPS:
        return snapshot_at(snapshot_limit(ui_shown(ui), ui->open_limit), "groups");
    }
    return NULL;
}

/* May the same rows be in another order, or other ones pass the filter, than last time? */
static bool may_differ(const struct panel *p, const json_t *rows)
{
    const struct w_table *t = &p->table;
    return rows != p->shown.rows || t->dirty || t->held || t->filter[0] || !t->order ||
           p->def->columns[t->sort].kind >= KIND_LIMIT_NAME;
}

void panel_update(struct panel *p, int64_t now_ms)
{
    json_t *rows = rows_now(p);
    for (size_t i = 0; i < p->def->column_count; i++) {
        p->columns[i].title = past_title(p->ui, p->def->columns[i].w.title);
    }
    p->again = p->table.pass && !p->table.dirty; /* or no pass would ever come to its end */
    if (p->again || !may_differ(p, rows)) {
        return;
    }
    json_incref(rows);
    json_decref(p->taken.rows);
    p->taken.rows = rows;
    struct w_source s = source_of(p, &p->taken);
    w_table_start(&p->table, &s, now_ms, rows == p->shown.rows);
    if (json_array_size(rows) <= FIRST_ROWS) {
        while (!panel_work(p, now_ms)) {
        }
    }
}

bool panel_work(struct panel *p, int64_t now_ms)
{
    struct w_source s = source_of(p, &p->taken);
    if (!p->table.pass) {
        return true;
    }
    if (!w_table_work(&p->table, &s, MORE_ROWS)) {
        return false;
    }
    json_decref(p->shown.rows);
    p->shown.rows = p->taken.rows;
    p->taken.rows = NULL;
    if (p->again) {
        panel_update(p, now_ms);
    }
    return !p->table.pass;
}

json_t *panel_row(const struct panel *p, size_t i)
{
    return row_at(&p->shown, i);
}

void panel_move(struct panel *p, long delta)
{
    struct w_source s = source_of(p, &p->shown);
    w_table_move(&p->table, &s, delta, p->ui->now_ms);
}

static void draw_title(const struct panel *p, const struct w_area *a, bool focus)
{
    char text[400];
    const struct w_table *t = &p->table;
    char title[120];
    /* "Models, last 24 h" is something else while the past is shown. */
    size_t said = strcspn(p->def->title, ",");
    bool past = p->ui->past.on && strstr(p->def->title, "last ") != NULL;
    snprintf(title, sizeof title, "%.*s, %s", (int)said, p->def->title, past_range(p->ui));
    int x = w_text_add(a, 0, 0, focus ? W_LABEL : W_NORMAL, past ? title : p->def->title);
    int rows = a->h - 2;
    int n = 0;
    if (t->filter[0]) {
        char filter[256];
        str_printable(filter, sizeof filter, str_of(t->filter));
        snprintf(text, sizeof text, " %zu of %zu, filter %s ", t->count, t->total, filter);
        w_text_add(a, 0, x + 2, W_NOTICE, text);
        return;
    }
    text[0] = '\0';
    if (!t->unsorted && a->w >= 60 && t->total > 1 && a->h > 1) {
        n = snprintf(text, sizeof text, "sorted by %s", p->columns[t->sort].title);
    }
    if (a->h == 1) {
        snprintf(text, sizeof text, t->total > 0 ? "%zu row%s" : "none", t->total,
                 t->total == 1 ? "" : "s");
    } else if (rows > 0 && t->count > (size_t)rows && n >= 0) {
        snprintf(text + n, sizeof text - (size_t)n, "%s%zu-%zu of %zu", n > 0 ? "   " : "",
                 t->top + 1, t->top + (size_t)rows, t->count);
    }
    int width = w_text_width(text);
    if (x + 2 + width <= a->w) {
        w_text_add(a, 0, a->w - width, W_MUTED, text);
    }
}

static const char *why_empty(const struct panel *p)
{
    bool asked = p->shown.rows != NULL;
    return p->table.pass                  ? "Reading the rows."
           : p->table.filter[0]           ? "No row passes the filter; Esc clears it."
           : now_only(p)                  ? "Kept for the present only; Esc: now."
           : p->ui->past.on && asked      ? "Nothing in the time shown."
           : asked                        ? p->def->empty
           : p->ui->link.state == LINK_UP ? "Asking the core."
                                          : "Not heard before the core went.";
}

void panel_draw(struct panel *p, const struct w_area *a, bool focus)
{
    struct w_area body = w_area_part(a, 1, 0, a->h - 1, a->w);
    p->area = body;
    p->rows_shown = 0;
    if (p->table.count == 0 || a->h == 1) {
        p->area.h = 0;
        w_text_lines(&body, 0, W_MUTED, a->h > 1 ? why_empty(p) : "");
    } else {
        struct w_source s = source_of(p, &p->shown);
        p->table.skip = p->ui->low_bandwidth ? p->charts : 0;
        p->rows_shown = w_table_draw(&p->table, &s, &body, focus);
    }
    draw_title(p, a, focus); /* last: it says which rows are shown */
}

enum w_hit panel_hit(const struct panel *p, int x, int y, long *row, size_t *column)
{
    struct w_source s = source_of(p, &p->shown);
    return w_table_hit(&p->table, &s, &p->area, x - p->area.x, y - p->area.y, row, column);
}

json_t *panel_selected(const struct panel *p)
{
    size_t row;
    return w_table_selected(&p->table, &row) ? panel_row(p, row) : NULL;
}

json_t *panel_limit(const struct panel *p, const json_t *row, json_t **group)
{
    const struct snapshot *s = ui_shown(p->ui);
    *group = NULL;
    switch (p->def->subject) {
    case SUBJECT_NONE:
        return NULL;
    case SUBJECT_MODEL:
        return snapshot_limit_of_model(s, row, group);
    case SUBJECT_COST_CENTER:
        return snapshot_limit_of_tag(s, "costCenter", snapshot_text(row, "name"), group);
    case SUBJECT_APPLICATION:
        return snapshot_limit_of_tag(s, "applicationId", snapshot_text(row, "name"), group);
    case SUBJECT_NAMED:
        return snapshot_limit(s, snapshot_text(row, "limit"));
    case SUBJECT_LIMIT:
        *group = snapshot_fullest_group(row);
        return (json_t *)(uintptr_t)row;
    case SUBJECT_HELD:
        *group = aside_group(p->ui, row);
        return (json_t *)(uintptr_t)row;
    case SUBJECT_GROUP:
        *group = (json_t *)(uintptr_t)row;
        return snapshot_limit(s, p->ui->open_limit);
    }
    return NULL;
}
