/* list.h: choosing one of some lines, in a box. */
#ifndef TOLLGATE_WIDGETS_LIST_H
#define TOLLGATE_WIDGETS_LIST_H

#include "widgets/keys.h"
#include "widgets/style.h"

#define W_LIST_MAX 32

struct w_list {
    char title[64];
    const char *item[W_LIST_MAX]; /* borrowed */
    int count, at;
};

/* Arrows, j, k, Home, End move; Enter accepts; Esc and q cancel. */
enum w_answer w_list_key(struct w_list *l, int key);
void w_list_draw(const struct w_area *a, const struct w_list *l);

#endif
