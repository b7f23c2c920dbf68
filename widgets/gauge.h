/* gauge.h: a bar with its percentage: value (solid), what is reserved on top of it (light), and a
 * letter for the severity, so that colour only repeats what the text says. */
#ifndef TOLLGATE_WIDGETS_GAUGE_H
#define TOLLGATE_WIDGETS_GAUGE_H

#include "widgets/style.h"

#include <stdint.h>
#include <wchar.h>

struct w_gauge {
    int64_t value, reserved, limit; /* one unit; limit <= 0: nothing to compare with, drawn "-" */
    enum w_state state;
};

/* Whole percent of value in limit, rounded down; at most 9999. */
int w_gauge_percent(const struct w_gauge *g);
/* The bar alone: `width` characters, 0-terminated (out holds width + 1). Eighths of a block, or '#'
 * in ASCII; the reserved part is light shade or '='. Returns how many characters are the value's.
 */
int w_gauge_bar(wchar_t *out, int width, const struct w_gauge *g, bool ascii);
/* Bar, percentage and letter in `width` columns; below 10 columns only the percentage. `role`:
 * of a selected row, else W_NORMAL, which means the colours of the severity. */
void w_gauge_draw(const struct w_area *a, int y, int x, int width, const struct w_gauge *g,
                  enum w_role role);

#endif
