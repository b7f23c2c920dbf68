/* graph.h: a chart with axes, drawn in place as a spark is: each slot of time keeps its columns,
 * and the one after the newest is left blank. */
#ifndef TOLLGATE_WIDGETS_GRAPH_H
#define TOLLGATE_WIDGETS_GRAPH_H

#include "widgets/spark.h"

#define W_GRAPH_LABEL 16

struct w_graph {
    struct w_spark series;
    /* Words of an amount, for the axis on the left. */
    void (*amount)(int64_t value, char out[W_GRAPH_LABEL]);
    /* Words of a slot, for the axis below; an empty text: this slot has no mark. */
    void (*slot)(void *arg, int slot, char out[W_GRAPH_LABEL]);
    void *arg;
    int axis;     /* columns of the amounts and of the line beside them; 0: 6 */
    bool whole;   /* from the first slot to the last, those after the newest to come: no ring */
    int64_t mark; /* an amount to be seen in the chart as a line, such as a limit; 0: none */
};

/* Columns a slot gets in `width`: as many as fit, at most 8; 0: there is no room for the chart. */
int w_graph_slot_width(int width, int axis, int slots);
/* Fills the area: chart, amounts on the left, slots below. At least 3 rows, or nothing is drawn. */
void w_graph_draw(const struct w_area *a, const struct w_graph *g);

#endif
