#include "widgets/table.h"

#include "core/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CURSOR_HOLD_MS 5000

void w_table_free(struct w_table *t)
{
    free(t->order);
    t->order = NULL;
    t->count = 0;
}

static bool contains(const char *text, const char *part)
{
    return strcasestr(text, part) != NULL;
}

static bool row_contains(const struct w_source *s, size_t row, size_t from, size_t to,
                         const char *part)
{
    for (size_t i = from; i < to; i++) {
        struct w_cell cell = {0};
        s->cell(s->arg, row, i, &cell);
        if (contains(cell.text, part)) {
            return true;
        }
    }
    return false;
}

/* The column named by the text before ':' (any unique beginning of its title), or column_count. */
static size_t named_column(const struct w_source *s, const char *filter, const char *colon)
{
    size_t n = (size_t)(colon - filter);
    for (size_t i = 0; i < s->column_count; i++) {
        if (n > 0 && strncasecmp(s->columns[i].title, filter, n) == 0) {
            return i;
        }
    }
    return s->column_count;
}

bool w_table_matches(const struct w_source *s, size_t row, const char *filter)
{
    bool inverse = filter[0] == '!';
    filter += inverse;
    if (!*filter) {
        return true;
    }
    const char *colon = strchr(filter, ':');
    size_t column = colon ? named_column(s, filter, colon) : s->column_count;
    bool found = column < s->column_count ? row_contains(s, row, column, column + 1, colon + 1)
                                          : row_contains(s, row, 0, s->column_count, filter);
    return found != inverse;
}

struct order_by {
    const struct w_table *table;
    const struct w_source *source;
};

static int compare_entries(const void *a, const void *b, void *arg)
{
    const struct order_by *by = arg;
    const struct w_table_entry *x = a;
    const struct w_table_entry *y = b;
    int c = by->source->compare(by->source->arg, x->row, y->row, by->table->sort);
    if (by->table->descending) {
        c = -c;
    }
    return c ? c : strcmp(x->key, y->key);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(((const struct w_table_entry *)a)->key, ((const struct w_table_entry *)b)->key);
}

static size_t collect(const struct w_table *t, const struct w_source *s, size_t total,
                      struct w_table_entry *out)
{
    size_t n = 0;
    for (size_t row = 0; row < total; row++) {
        if (w_table_matches(s, row, t->filter)) {
            out[n].row = row;
            s->key(s->arg, row, out[n].key);
            n++;
        }
    }
    return n;
}

/* Keeps the old order for rows that are still there; new ones come last. */
static void keep_order(struct w_table *t, struct w_table_entry *fresh, size_t n,
                       struct w_table_entry *out)
{
    qsort(fresh, n, sizeof *fresh, compare_keys);
    size_t kept = 0;
    for (size_t i = 0; i < t->count; i++) {
        struct w_table_entry *e = bsearch(&t->order[i], fresh, n, sizeof *fresh, compare_keys);
        if (e && e->row != SIZE_MAX) {
            out[kept++] = *e;
            e->row = SIZE_MAX;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (fresh[i].row != SIZE_MAX) {
            out[kept++] = fresh[i];
        }
    }
}

static void find_selected(struct w_table *t)
{
    for (size_t i = 0; i < t->count && t->selected[0]; i++) {
        if (strcmp(t->order[i].key, t->selected) == 0) {
            t->at = i;
            return;
        }
    }
    t->at = t->count == 0 ? 0 : t->at >= t->count ? t->count - 1 : t->at;
    if (t->count > 0) {
        str_copy(t->selected, sizeof t->selected, str_of(t->order[t->at].key));
    }
}

static bool order_holds(const struct w_table *t, int64_t now_ms)
{
    return !t->dirty && t->order &&
           ((t->sorted_ms > 0 && now_ms - t->sorted_ms < t->hold_ms) ||
            (t->moved_ms > 0 && now_ms - t->moved_ms < CURSOR_HOLD_MS));
}

void w_table_update(struct w_table *t, const struct w_source *s, int64_t now_ms)
{
    size_t total = s->count(s->arg);
    t->total = total;
    total = total > W_TABLE_ROWS ? W_TABLE_ROWS : total;
    struct w_table_entry *fresh = calloc(2 * total + 2, sizeof *fresh);
    if (!fresh) {
        t->count = 0;
        return;
    }
    size_t n = collect(t, s, total, fresh);
    if (order_holds(t, now_ms)) {
        struct w_table_entry *ordered = fresh + n;
        keep_order(t, fresh, n, ordered);
        memmove(fresh, ordered, n * sizeof *fresh);
    } else {
        struct order_by by = {t, s};
        if (!t->unsorted) {
            qsort_r(fresh, n, sizeof *fresh, compare_entries, &by);
        }
        t->sorted_ms = now_ms;
        t->dirty = false;
    }
    free(t->order);
    t->order = fresh;
    t->count = n;
    find_selected(t);
}

void w_table_move(struct w_table *t, long delta, int64_t now_ms)
{
    if (t->count == 0) {
        return;
    }
    long at = (long)t->at + delta;
    long last = (long)t->count - 1;
    t->at = (size_t)(at < 0 ? 0 : at > last ? last : at);
    t->moved_ms = now_ms;
    str_copy(t->selected, sizeof t->selected, str_of(t->order[t->at].key));
}

void w_table_sort(struct w_table *t, size_t column, bool descending)
{
    t->sort = column;
    t->descending = descending;
    t->unsorted = false;
    t->dirty = true;
}

void w_table_filter(struct w_table *t, const char *filter)
{
    str_copy(t->filter, sizeof t->filter, str_of(filter));
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
        char title[64];
        bool sorted = c == t->sort && !t->unsorted;
        const char *arrow =
            t->descending ? (a->style->ascii ? "v" : "\u2193") : (a->style->ascii ? "^" : "\u2191");
        snprintf(title, sizeof title, "%s%s", s->columns[c].title, sorted ? arrow : "");
        if (w_text_width(title) > width[c]) { /* the name matters more than the arrow */
            snprintf(title, sizeof title, "%s", s->columns[c].title);
        }
        w_text(a, 0, x, width[c], W_HEADER, s->columns[c].align, title);
        x += width[c] + gap;
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
        w_spark_draw(a, y, x, width, &cell->spark);
        return;
    case W_CELL_TEXT:
        w_text(a, y, x, width, marked ? W_SELECTED : cell->role, align, cell->text);
        return;
    }
}

static void scroll_to_cursor(struct w_table *t, int rows)
{
    size_t shown = rows > 0 ? (size_t)rows : 1;
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
    w_columns_fit(s->columns, s->column_count, t->seen, a->w, gap, width);
    int at = 0;
    for (size_t c = 0; c < s->column_count; c++) {
        if (width[c] < 0) {
            continue;
        }
        if (x >= at && x < at + width[c] + gap) {
            *column = c;
            return W_HIT_HEADER;
        }
        at += width[c] + gap;
    }
    return W_HIT_NOTHING;
}

int w_table_draw(struct w_table *t, const struct w_source *s, const struct w_area *a, bool focus)
{
    int rows = a->h - 1;
    int gap = a->w < 70 ? 1 : 2;
    int width[W_COLUMNS_MAX];
    scroll_to_cursor(t, rows);
    learn_widths(t, s, a->w, rows);
    w_columns_fit(s->columns, s->column_count, t->seen, a->w, gap, width);
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
            s->cell(s->arg, t->order[i].row, c, &cell);
            if (marked && cell.kind != W_CELL_TEXT && x > 0) { /* or a bar may begin unseen */
                w_text(a, y + 1, x - 1, 1, W_NORMAL, W_LEFT, "");
            }
            draw_cell(a, y + 1, x, width[c], &cell, s->columns[c].align, marked);
            x += width[c] + gap;
        }
    }
    return rows;
}
