/* columns.h: how wide the columns of a table are, and which are left out when the screen is narrow.
 */
#ifndef TOLLGATE_WIDGETS_COLUMNS_H
#define TOLLGATE_WIDGETS_COLUMNS_H

#include "widgets/text.h"

#define W_COLUMNS_MAX   24
#define W_COLUMN_HIDDEN 1000 /* a `drop` that leaves the column out, whatever the width */

struct w_column {
    const char *title;
    int min, max; /* columns of the screen; between them as wide as what was seen */
    enum w_align align;
    int drop; /* 0: stays to the last; otherwise the highest leaves first; 0 and 1 are not cut short
                 while others can leave */
    int grow; /* share of what is left over */
};

/* Fills width[0..n): -1 for a column that is left out. `seen`: the widest content so far. Columns
 * are `gap` apart, at least (w_columns_gap). The highest `drop` leaves first; what leaves last may
 * make room for narrower ones again. The first column may shrink below its minimum when it stands
 * alone. */
void w_columns_fit(const struct w_column *columns, size_t n, const int *seen, int total, int gap,
                   int *width);
/* Blanks before a column that is shown; 0 before the first. */
int w_columns_gap(const struct w_column *columns, const int *width, size_t column, int gap);

#endif
