/* bar.h: a line of short pieces, left and right: title, tabs, status and key hints. When they do
 * not fit, first those leave that matter least (`drop` above W_BAR_BRIEF, the highest first), then
 * what has a shorter text is told by it (the last first), then the others leave that may; what is
 * left is cut at the edge. */
#ifndef TOLLGATE_WIDGETS_BAR_H
#define TOLLGATE_WIDGETS_BAR_H

#include "widgets/style.h"

#include <stddef.h>

#define W_BAR_MAX   40
#define W_BAR_BRIEF 2

struct w_segment {
    const char *key; /* drawn before the text in the key role; NULL: none */
    const char *text;
    enum w_role role;
    int drop;          /* 0: never; otherwise the highest leaves first */
    bool right;        /* right-aligned ones follow each other to the right edge */
    const char *brief; /* in fewer columns; NULL: not to be had */
};

/* Decides which of n segments (at most W_BAR_MAX) fit `width` with `gap` columns between them, and
 * shortens their texts. */
void w_bar_fit(struct w_segment *segments, size_t n, int width, int gap, bool *keep);
/* Which of them lies at column x when they are drawn in `width` columns; n: none. */
size_t w_bar_at(const struct w_segment *segments, size_t n, int width, int gap, int x);
/* Draws them in row y over a ground of role `fill`. */
void w_bar_draw(const struct w_area *a, int y, const struct w_segment *segments, size_t n, int gap,
                enum w_role fill);

#endif
