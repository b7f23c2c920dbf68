/* table.h: rows that live elsewhere, shown in columns: sorted, filtered, scrolled, with a selection
 * that follows its row by key when the data change. */
#ifndef TOLLGATE_WIDGETS_TABLE_H
#define TOLLGATE_WIDGETS_TABLE_H

#include "widgets/columns.h"
#include "widgets/gauge.h"
#include "widgets/spark.h"

#define W_TABLE_KEY  128
#define W_TABLE_CELL 160
#define W_TABLE_ROWS 10000 /* more are not shown */

enum w_cell_kind { W_CELL_TEXT, W_CELL_GAUGE, W_CELL_SPARK };

struct w_cell {
    enum w_cell_kind kind;
    enum w_role role;
    char text[W_TABLE_CELL]; /* also what a filter sees */
    struct w_gauge gauge;
    struct w_spark spark;
};

/* Where rows come from; row numbers hold between two calls of w_table_update. */
struct w_source {
    const struct w_column *columns;
    size_t column_count;
    void *arg;
    size_t (*count)(void *arg);
    void (*key)(void *arg, size_t row, char out[W_TABLE_KEY]);              /* unique, lasting */
    void (*cell)(void *arg, size_t row, size_t column, struct w_cell *out); /* gets it zeroed */
    int (*compare)(void *arg, size_t a, size_t b, size_t column);           /* rising */
};

struct w_table_entry {
    char key[W_TABLE_KEY];
    size_t row;
};

/* All-zero is a table sorted by its first column, rising, without a filter. */
struct w_table {
    size_t sort;
    bool descending;
    bool unsorted;    /* rows as the source has them */
    int64_t hold_ms;  /* rows are put in order again at most this often */
    char filter[128]; /* "text", "!text", "column:text" */
    struct w_table_entry *order;
    size_t count, total; /* shown; before the filter */
    size_t at, top;
    char selected[W_TABLE_KEY];
    int64_t sorted_ms, moved_ms;
    bool dirty; /* order must be made again */
    int seen[W_COLUMNS_MAX];
    int seen_width; /* of the area the widths were learned in */
};

void w_table_free(struct w_table *t);
/* Takes in changed rows. Order holds for hold_ms, and for 5 s after the cursor moved. */
void w_table_update(struct w_table *t, const struct w_source *s, int64_t now_ms);
/* Header and rows; returns the rows that fit. `focus`: the selected row is marked. */
int w_table_draw(struct w_table *t, const struct w_source *s, const struct w_area *a, bool focus);
enum w_hit { W_HIT_NOTHING, W_HIT_HEADER, W_HIT_ROW };
/* What lies at x, y of the area the table was drawn in last: a column's header, or a row (its place
 * in the order shown). */
enum w_hit w_table_hit(const struct w_table *t, const struct w_source *s, const struct w_area *a,
                       int x, int y, long *row, size_t *column);
/* Moves the cursor by delta rows, clamped. */
void w_table_move(struct w_table *t, long delta, int64_t now_ms);
void w_table_sort(struct w_table *t, size_t column, bool descending);
void w_table_filter(struct w_table *t, const char *filter);
/* Source row under the cursor; false when there is none. */
bool w_table_selected(const struct w_table *t, size_t *row);
/* Does the row pass the filter text? */
bool w_table_matches(const struct w_source *s, size_t row, const char *filter);

#endif
