#include "core/base/str.h"
#include "tui/format.h"
#include "tui/ui.h"
#include "widgets/graph.h"
#include "widgets/text.h"

#include <stdio.h>
#include <string.h>

#define MINUTE_MS 60000LL
#define LABELS    7 /* columns of the axis on the left */
#define DAY_MS    (24 * 60 * MINUTE_MS)

static void amount_words(int64_t value, char out[W_GRAPH_LABEL])
{
    char text[FORMAT_TEXT];
    format_amount(text, "tokens", value);
    str_copy(out, W_GRAPH_LABEL, str_of(text));
}

struct marks {
    const struct ui *ui;
    int64_t slot; /* number of the newest one since the epoch */
    int64_t step_ms;
    int count, newest;
};

/* How far apart the marks stand for so much time. */
static int64_t mark_every(int64_t range_ms)
{
    static const int64_t every[] = {5 * MINUTE_MS, 15 * MINUTE_MS, DAY_MS / 4, DAY_MS};
    size_t i = 0;
    while (i < sizeof every / sizeof *every && range_ms > 8 * every[i]) {
        i++;
    }
    return i < sizeof every / sizeof *every ? every[i] : 5 * DAY_MS;
}

/* The time at slots where a round time lies; a slot keeps its place, so these change seldom. */
static void slot_words(void *arg, int slot, char out[W_GRAPH_LABEL])
{
    const struct marks *m = arg;
    char text[FORMAT_TEXT] = "";
    int64_t at = m->slot - (m->newest - slot + m->count) % m->count;
    int64_t every = mark_every(m->step_ms * m->count);
    bool marked = at * m->step_ms / every != ((at - 1) * m->step_ms) / every;
    if (marked && m->slot - at < m->count - 1) {
        int64_t time = at * m->step_ms;
        if (every >= DAY_MS) {
            format_day_clock(text, time, m->ui->local_time);
            text[strcspn(text, " ")] = '\0'; /* the day alone */
        } else {
            format_clock(text, time / every * every, false, m->ui->local_time);
        }
    }
    str_copy(out, W_GRAPH_LABEL, str_of(text));
}

static int add_series(int64_t *sum, const json_t *series)
{
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)series, i, one)
    {
        if (i < W_SPARK_MAX) {
            sum[i] += json_integer_value(one);
        }
    }
    size_t n = json_array_size(series);
    return (int)(n > W_SPARK_MAX ? W_SPARK_MAX : n);
}

static const char *collect(struct ui *ui, int64_t *sum, int *count)
{
    const struct panel *models = &ui->panels[PANEL_MODELS_SHORT];
    const json_t *row = ui->graph_one ? panel_selected(models) : NULL;
    if (row) {
        *count = add_series(sum, snapshot_at(row, "series"));
        return snapshot_text(row, "name");
    }
    size_t i;
    json_t *model;
    json_array_foreach(snapshot_at(ui_shown(ui)->data, "models"), i, model)
    {
        int n = add_series(sum, snapshot_at(model, "series"));
        *count = n > *count ? n : *count;
    }
    return "all models";
}

/* Puts neighbours together until the series fits; the newest stay whole. Returns how many. */
static int merge(int64_t *sum, int *count, int room)
{
    int each = room > 0 ? (*count + room - 1) / room : 1;
    if (each <= 1) {
        return 1;
    }
    int columns = (*count + each - 1) / each;
    for (int i = 0, last = -1; i < *count; i++) {
        int at = columns - 1 - (*count - 1 - i) / each;
        int64_t v = sum[i];
        sum[i] = 0;
        sum[at] = at == last ? sum[at] + v : v;
        last = at;
    }
    *count = columns;
    return each;
}

void ui_draw_graph(struct ui *ui, const struct w_area *a)
{
    int64_t sum[W_SPARK_MAX] = {0};
    int count = 0;
    char title[160];
    char name[96];
    str_printable(name, sizeof name, str_of(collect(ui, sum, &count)));
    char span[FORMAT_TEXT] = "minute";
    int64_t step = ui->past.on && ui->past.step_ms > 0 ? ui->past.step_ms : MINUTE_MS;
    int64_t at = format_json_time(snapshot_at(ui_shown(ui)->data, "time"));
    int64_t slot = ((at > 0 ? at : ui->wall_ms) - (ui->past.on ? 1 : 0)) / step;
    int each = merge(sum, &count, a->w - LABELS);
    step *= each;
    slot /= each;
    if (step > MINUTE_MS) {
        format_span(span, step);
    }
    snprintf(title, sizeof title, step > MINUTE_MS ? "Tokens each %s, %s" : "Tokens a %s, %s", span,
             name);
    int x = w_text_add(a, 0, 0, W_NORMAL, title);
    const char *other = ui->graph_one ? "a: all models" : "a: the one selected";
    if (x + 2 + w_text_width(other) <= a->w) {
        w_text_add(a, 0, a->w - w_text_width(other), W_MUTED, other);
    }
    struct marks m = {.ui = ui, .slot = slot, .step_ms = step, .count = count};
    struct w_graph g = {.amount = amount_words, .slot = slot_words, .arg = &m};
    struct w_area body = w_area_part(a, 1, 0, a->h - 1, a->w);
    w_spark_place(&g.series, sum, count, slot);
    m.newest = g.series.newest;
    w_graph_draw(&body, &g);
}
