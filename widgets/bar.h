/* bar.h: a line of short pieces, left and right: title, tabs, status and key hints. Pieces that do
 * not fit leave in the order of their `drop`. */
#ifndef TOLLGATE_WIDGETS_BAR_H
#define TOLLGATE_WIDGETS_BAR_H

#include "widgets/style.h"

#include <stddef.h>

#define W_BAR_MAX 40

struct w_segment {
    const char *key; /* drawn before the text in the key role; NULL: none */
    const char *text;
    enum w_role role;
    int drop;   /* 0: never; otherwise the highest leaves first */
    bool right; /* right-aligned ones follow each other to the right edge */
};

/* Decides which of n segments (at most W_BAR_MAX) fit `width` with `gap` columns between them. */
void w_bar_fit(const struct w_segment *segments, size_t n, int width, int gap, bool *keep);
/* Which of them lies at column x when they are drawn in `width` columns; n: none. */
size_t w_bar_at(const struct w_segment *segments, size_t n, int width, int gap, int x);
/* Draws them in row y over a ground of role `fill`. */
void w_bar_draw(const struct w_area *a, int y, const struct w_segment *segments, size_t n, int gap,
                enum w_role fill);

#endif
