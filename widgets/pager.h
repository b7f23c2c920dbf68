/* pager.h: text that scrolls, in a box or in an area. */
#ifndef TOLLGATE_WIDGETS_PAGER_H
#define TOLLGATE_WIDGETS_PAGER_H

#include "widgets/keys.h"
#include "widgets/style.h"

#include <stddef.h>

#define W_PAGER_LINES 400

struct w_pager_line {
    char *text; /* owned */
    enum w_role role;
};

/* All-zero is empty. */
struct w_pager {
    char title[96];
    struct w_pager_line line[W_PAGER_LINES];
    int count, top;
};

void w_pager_clear(struct w_pager *p); /* frees the lines, keeps the place */
void w_pager_add(struct w_pager *p, enum w_role role,
                 const char *text); /* beyond the maximum: dropped */
/* The same wrapped to `room` columns beside a label `width` columns wide, which stands at the first
 * line. */
void w_pager_pair(struct w_pager *p, enum w_role role, int width, const char *label, int room,
                  const char *text);
/* Arrows, j, k, pages, Home, End, Space scroll; Esc, Enter and q cancel. `rows`: as drawn last. */
enum w_answer w_pager_key(struct w_pager *p, int key, int rows);
/* In a box as large as the text, at most the screen. Returns the rows of text shown. */
int w_pager_draw_box(const struct w_area *a, struct w_pager *p);

#endif
