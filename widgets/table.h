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

/* What rows are ordered by in a column, rising: all by a number, or all by a text. */
struct w_rank {
    bool is_number;
    double number;
    char text[W_TABLE_CELL];
};

/* Where rows come from; row numbers hold until rows are taken in again. */
struct w_source {
    const struct w_column *columns;
    size_t column_count;
    void *arg;
    size_t (*count)(void *arg);
    void (*key)(void *arg, size_t row, char out[W_TABLE_KEY]);              /* unique, lasting */
    void (*cell)(void *arg, size_t row, size_t column, struct w_cell *out); /* gets it zeroed */
    void (*rank)(void *arg, size_t row, size_t column, struct w_rank *out); /* gets it zeroed */
};

struct w_table_entry {
    uint64_t hash; /* of the key */
    size_t row;
};
struct w_table_pass; /* rows being taken in */

/* All-zero is a table sorted by its first column, rising, without a filter. */
struct w_table {
    size_t sort;
    bool descending;
    bool unsorted;     /* rows as the source has them */
    bool newest_first; /* while unsorted, the cursor on the first row stays there: it follows what
                          is new until it is moved */
    int64_t hold_ms;   /* rows are put in order again at most this often */
    char filter[128];  /* "text", "!text", "column:text" */
    struct w_table_entry *order;
    size_t count, total; /* shown; before the filter */
    size_t at, top;
    char selected[W_TABLE_KEY];
    int64_t sorted_ms, moved_ms;
    bool dirty;   /* order must be made again */
    bool held;    /* order was kept at the last update although rows may have changed */
    bool narrows; /* the filter grew: rows that did not pass it before do not pass it now */
    struct w_table_pass *pass; /* rows that are coming, and how many; NULL: none */
    size_t coming;
    unsigned skip; /* bits: columns that are left out now, whatever their `drop` */
    int seen[W_COLUMNS_MAX];
    int seen_width; /* of the area the widths were learned in */
};

void w_table_free(struct w_table *t);
/* Takes in changed rows. Order holds for hold_ms, and for 5 s after the cursor moved. */
void w_table_update(struct w_table *t, const struct w_source *s, int64_t now_ms);
/* The same in pieces: w_table_work takes in at most so many rows of the source, which must be the
 * one of the start; nothing of the table is different before it returns true. What was under way is
 * dropped by a start. `same`: the rows are those of the last update. */
void w_table_start(struct w_table *t, const struct w_source *s, int64_t now_ms, bool same);
bool w_table_work(struct w_table *t, const struct w_source *s, size_t rows);
/* Header and rows; returns the rows that fit. `focus`: the selected row is marked. */
int w_table_draw(struct w_table *t, const struct w_source *s, const struct w_area *a, bool focus);
enum w_hit { W_HIT_NOTHING, W_HIT_HEADER, W_HIT_ROW };
/* What lies at x, y of the area the table was drawn in last: a column's header, or a row (its place
 * in the order shown). */
enum w_hit w_table_hit(const struct w_table *t, const struct w_source *s, const struct w_area *a,
                       int x, int y, long *row, size_t *column);
/* Moves the cursor by delta rows, clamped. */
void w_table_move(struct w_table *t, const struct w_source *s, long delta, int64_t now_ms);
/* Rows of something else come: they are put in order, and the cursor is at the top. */
void w_table_begin(struct w_table *t);
void w_table_sort(struct w_table *t, size_t column, bool descending);
void w_table_filter(struct w_table *t, const char *filter);
/* Source row under the cursor; false when there is none. */
bool w_table_selected(const struct w_table *t, size_t *row);

#endif
