#include "widgets/graph.h"

#include "widgets/text.h"

#define AXIS     6
#define SLOT_MAX 8
#define ROWS_MIN 3

static int axis_of(const struct w_graph *g)
{
    return g->axis > 0 ? g->axis : AXIS;
}

int w_graph_slot_width(int width, int axis, int slots)
{
    int room = slots > 0 ? (width - (axis > 0 ? axis : AXIS)) / slots : 0;
    return room > SLOT_MAX ? SLOT_MAX : room < 0 ? 0 : room;
}

static bool is_gap(const struct w_spark *s, int slot)
{
    return s->count > 2 && slot == (s->newest + 1) % s->count;
}

/* Eighths of a row that the slot fills in a chart of `rows`; what is there is never invisible. */
static int height(const struct w_spark *s, int slot, int64_t top, int rows)
{
    int64_t v = s->value[slot];
    if (v <= 0 || top <= 0) {
        return 0;
    }
    double share = (double)v / (double)top;
    int n = (int)(share * rows * 8);
    return share >= 1 ? rows * 8 : n < 1 ? 1 : n;
}

static void draw_slot(const struct w_area *chart, int x, int width, int eighths, enum w_role role)
{
    static const wchar_t bars[] = L"\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588";
    static const char plain[] = "_.-:=+*#";
    for (int y = chart->h - 1; y >= 0 && eighths > 0; y--, eighths -= 8) {
        int level = eighths > 8 ? 7 : eighths - 1;
        w_text_repeat(chart, y, x, width, role, bars[level], level == 7 ? '#' : plain[level]);
    }
}

static void draw_amounts(const struct w_area *a, const struct w_graph *g, int64_t top, int rows)
{
    char text[W_GRAPH_LABEL];
    int axis = axis_of(g);
    for (int y = 0; y < rows; y++) {
        bool half = rows >= 4 && rows % 2 == 0 && y == rows / 2;
        text[0] = '\0';
        if (y == 0 || half) {
            g->amount(half ? top / 2 : top, text);
        }
        w_text(a, y, 0, axis - 1, W_MUTED, W_RIGHT, text);
        w_text_repeat(a, y, axis - 1, 1, W_BORDER, half || y == 0 ? L'\u2524' : L'\u2502', '|');
    }
}

/* Behind the bars: where one is higher it hides the line. */
static void draw_mark(const struct w_area *a, const struct w_graph *g, int64_t top, int rows,
                      int width)
{
    char text[W_GRAPH_LABEL];
    int axis = axis_of(g);
    int up = (int)((double)g->mark / (double)top * rows + 0.5);
    int y = rows - up < 0 ? 0 : rows - up >= rows ? rows - 1 : rows - up;
    w_text_repeat(a, y, axis, width, W_WARN, L'\u2504', '-');
    g->amount(g->mark, text);
    w_text(a, y, 0, axis - 1, W_WARN, W_RIGHT, text);
}

static void draw_slots(const struct w_area *a, const struct w_graph *g, int width)
{
    char text[W_GRAPH_LABEL];
    int free = 0;
    for (int i = 0; i < g->series.count; i++) {
        int x = axis_of(g) + i * width;
        g->slot(g->arg, i, text);
        if (text[0] && x >= free && x + w_text_width(text) <= a->w) {
            free = w_text_add(a, a->h - 1, x, W_MUTED, text) + 1;
        }
    }
}

void w_graph_draw(const struct w_area *a, const struct w_graph *g)
{
    int axis = axis_of(g);
    int width = w_graph_slot_width(a->w, axis, g->series.count);
    int rows = a->h - 1;
    if (width == 0 || a->h < ROWS_MIN) {
        return;
    }
    struct w_spark whole = g->series;
    if (whole.count > 0 && g->mark > whole.value[whole.newest]) {
        whole.value[whole.newest] = g->mark;
    }
    int64_t top = w_spark_top(&whole);
    struct w_area chart = w_area_part(a, 0, axis, rows, width * g->series.count);
    draw_amounts(a, g, top, rows);
    if (g->mark > 0) {
        draw_mark(a, g, top, rows, chart.w);
    }
    for (int i = 0; i < g->series.count; i++) {
        int bar = width > 1 ? width - 1 : 1; /* a column between the bars */
        bool gap = !g->whole && is_gap(&g->series, i);
        draw_slot(&chart, i * width, bar, gap ? 0 : height(&g->series, i, top, rows),
                  i == g->series.newest ? W_HEADER : W_SPARK);
    }
    draw_slots(a, g, width);
}
