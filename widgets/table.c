#include "widgets/table.h"

#include <stdio.h>
#include <string.h>

void w_table_move(struct w_table *t, const struct w_source *s, long delta, int64_t now_ms)
{
    if (t->count == 0) {
        return;
    }
    long at = (long)t->at + delta;
    long last = (long)t->count - 1;
    t->at = (size_t)(at < 0 ? 0 : at > last ? last : at);
    t->moved_ms = now_ms;
    s->key(s->arg, t->order[t->at].row, t->selected);
}

void w_table_begin(struct w_table *t)
{
    t->at = t->top = 0;
    t->selected[0] = '\0';
    t->moved_ms = 0;
    t->dirty = true;
}

void w_table_sort(struct w_table *t, size_t column, bool descending)
{
    t->sort = column;
    t->descending = descending;
    t->unsorted = false;
    t->dirty = true;
}

bool w_table_selected(const struct w_table *t, size_t *row)
{
    if (t->at >= t->count) {
        return false;
    }
    *row = t->order[t->at].row;
    return true;
}

static void fit(const struct w_table *t, const struct w_source *s, int total, int gap, int *width)
{
    struct w_column columns[W_COLUMNS_MAX];
    size_t n = s->column_count < W_COLUMNS_MAX ? s->column_count : W_COLUMNS_MAX;
    for (size_t i = 0; i < n; i++) {
        columns[i] = s->columns[i];
        columns[i].drop = t->skip & 1u << i ? W_COLUMN_HIDDEN : columns[i].drop;
    }
    w_columns_fit(columns, n, t->seen, total, gap, width);
}

static void learn_widths(struct w_table *t, const struct w_source *s, int width, int rows)
{
    if (t->seen_width != width) {
        memset(t->seen, 0, sizeof t->seen);
        t->seen_width = width;
    }
    if (!t->unsorted && t->sort < s->column_count) { /* room for the arrow */
        int w = w_text_width(s->columns[t->sort].title) + 1;
        t->seen[t->sort] = w > t->seen[t->sort] ? w : t->seen[t->sort];
    }
    for (size_t i = t->top; i < t->count && i < t->top + (size_t)rows; i++) {
        for (size_t c = 0; c < s->column_count; c++) {
            struct w_cell cell = {0};
            s->cell(s->arg, t->order[i].row, c, &cell);
            int w = cell.kind == W_CELL_TEXT ? w_text_width(cell.text) : 0;
            t->seen[c] = w > t->seen[c] ? w : t->seen[c];
        }
    }
}

static void draw_header(const struct w_table *t, const struct w_source *s, const struct w_area *a,
                        const int *width, int gap)
{
    int x = 0;
    w_text(a, 0, 0, a->w, W_HEADER, W_LEFT, "");
    for (size_t c = 0; c < s->column_count; c++) {
        if (width[c] < 0) {
            continue;
        }
        x += w_columns_gap(s->columns, width, c, gap);
        char title[64];
        bool sorted = c == t->sort && !t->unsorted;
        const char *arrow =
            t->descending ? (a->style->ascii ? "v" : "\u2193") : (a->style->ascii ? "^" : "\u2191");
        snprintf(title, sizeof title, "%s%s", s->columns[c].title, sorted ? arrow : "");
        if (w_text_width(title) > width[c]) { /* the name matters more than the arrow */
            snprintf(title, sizeof title, "%s", s->columns[c].title);
        }
        w_text(a, 0, x, width[c], W_HEADER, s->columns[c].align, title);
        x += width[c];
    }
}

static void draw_cell(const struct w_area *a, int y, int x, int width, const struct w_cell *cell,
                      enum w_align align, bool marked)
{
    switch (cell->kind) {
    case W_CELL_GAUGE:
        w_gauge_draw(a, y, x, width, &cell->gauge, marked ? W_SELECTED : W_NORMAL);
        return;
    case W_CELL_SPARK:
        w_spark_draw(a, y, x, width, &cell->spark, marked ? W_SELECTED : W_NORMAL);
        return;
    case W_CELL_TEXT:
        w_text(a, y, x, width, marked ? W_SELECTED : cell->role, align, cell->text);
        return;
    }
}

/* A table nobody has touched shows its top, wherever the row went that was first once. */
static void scroll_to_cursor(struct w_table *t, int rows, bool focus)
{
    size_t shown = rows > 0 ? (size_t)rows : 1;
    if (!focus && t->moved_ms == 0) {
        t->top = 0;
        return;
    }
    if (t->at < t->top) {
        t->top = t->at;
    }
    if (t->at >= t->top + shown) {
        t->top = t->at - shown + 1;
    }
    if (t->count <= shown) {
        t->top = 0;
    } else if (t->top > t->count - shown) {
        t->top = t->count - shown;
    }
}

enum w_hit w_table_hit(const struct w_table *t, const struct w_source *s, const struct w_area *a,
                       int x, int y, long *row, size_t *column)
{
    int gap = a->w < 70 ? 1 : 2;
    int width[W_COLUMNS_MAX];
    if (x < 0 || x >= a->w || y < 0 || y >= a->h) {
        return W_HIT_NOTHING;
    }
    if (y > 0) {
        *row = (long)t->top + y - 1;
        return *row < (long)t->count ? W_HIT_ROW : W_HIT_NOTHING;
    }
    fit(t, s, a->w, gap, width);
    int at = 0;
    for (size_t c = 0; c < s->column_count; c++) {
        if (width[c] < 0) {
            continue;
        }
        at += w_columns_gap(s->columns, width, c, gap) + width[c];
        if (x < at) {
            *column = c;
            return W_HIT_HEADER;
        }
    }
    return W_HIT_NOTHING;
}

int w_table_draw(struct w_table *t, const struct w_source *s, const struct w_area *a, bool focus)
{
    int rows = a->h - 1;
    int gap = a->w < 70 ? 1 : 2;
    int width[W_COLUMNS_MAX];
    scroll_to_cursor(t, rows, focus);
    learn_widths(t, s, a->w, rows);
    fit(t, s, a->w, gap, width);
    draw_header(t, s, a, width, gap);
    for (int y = 0; y < rows && t->top + (size_t)y < t->count; y++) {
        size_t i = t->top + (size_t)y;
        bool marked = focus && i == t->at;
        int x = 0;
        w_text(a, y + 1, 0, a->w, marked ? W_SELECTED : W_NORMAL, W_LEFT, "");
        for (size_t c = 0; c < s->column_count; c++) {
            if (width[c] < 0) {
                continue;
            }
            struct w_cell cell = {0};
            x += w_columns_gap(s->columns, width, c, gap);
            s->cell(s->arg, t->order[i].row, c, &cell);
            draw_cell(a, y + 1, x, width[c], &cell, s->columns[c].align, marked);
            x += width[c];
        }
    }
    return rows;
}
