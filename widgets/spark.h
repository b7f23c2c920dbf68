/* spark.h: a one-line chart drawn in place: a column is a slot of time that keeps its place on the
 * screen, the newest overwrites the oldest, and the slot after the newest is left blank. */
#ifndef TOLLGATE_WIDGETS_SPARK_H
#define TOLLGATE_WIDGETS_SPARK_H

#include "widgets/style.h"

#include <stdint.h>
#include <wchar.h>

#define W_SPARK_MAX 64

struct w_spark {
    int64_t value[W_SPARK_MAX]; /* by slot */
    int count;                  /* slots */
    int newest;                 /* slot that is still growing */
};

/* Puts a series (oldest first) whose last value belongs to time slot number `slot` in place. */
void w_spark_place(struct w_spark *s, const int64_t *series, int count, int64_t slot);
/* The scale: the next of 1, 2, 5 times a power of ten above the largest value, so that it changes
 * seldom. */
int64_t w_spark_top(const struct w_spark *s);
/* The character of a slot; L' ' for nothing. */
wchar_t w_spark_char(const struct w_spark *s, int slot, int64_t top, bool ascii);
/* `role`: of a selected row, else W_NORMAL, which means the chart's own colours. */
void w_spark_draw(const struct w_area *a, int y, int x, int width, const struct w_spark *s,
                  enum w_role role);

#endif
