#include "core/base/str.h"
#include "tui/format.h"
#include "tui/ui.h"
#include "widgets/graph.h"
#include "widgets/text.h"

#include <stdio.h>
#include <string.h>

#define MINUTE_MS  60000
#define MARK_EVERY 5

static void amount_words(int64_t value, char out[W_GRAPH_LABEL])
{
    char text[FORMAT_TEXT];
    format_amount(text, "tokens", value);
    str_copy(out, W_GRAPH_LABEL, str_of(text));
}

struct marks {
    const struct ui *ui;
    int64_t minute; /* of the newest slot */
    int count, newest;
};

/* The time at slots that begin five minutes; a slot keeps its place, so these change seldom. */
static void slot_words(void *arg, int slot, char out[W_GRAPH_LABEL])
{
    const struct marks *m = arg;
    char text[FORMAT_TEXT] = "";
    int64_t minute = m->minute - (m->newest - slot + m->count) % m->count;
    if (minute % MARK_EVERY == 0 && m->minute - minute < m->count - 1) {
        format_clock(text, minute * MINUTE_MS, false, m->ui->local_time);
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

void ui_draw_graph(struct ui *ui, const struct w_area *a)
{
    int64_t sum[W_SPARK_MAX] = {0};
    int count = 0;
    char title[160];
    char name[96];
    str_printable(name, sizeof name, str_of(collect(ui, sum, &count)));
    snprintf(title, sizeof title, "Tokens a minute, %s", name);
    int x = w_text_add(a, 0, 0, W_NORMAL, title);
    const char *other = ui->graph_one ? "a: all models" : "a: the one selected";
    if (x + 2 + w_text_width(other) <= a->w) {
        w_text_add(a, 0, a->w - w_text_width(other), W_MUTED, other);
    }
    int64_t at = format_json_time(snapshot_at(ui_shown(ui)->data, "time"));
    int64_t minute = (at > 0 ? at : ui->wall_ms) / MINUTE_MS;
    struct marks m = {.ui = ui, .minute = minute, .count = count};
    struct w_graph g = {.amount = amount_words, .slot = slot_words, .arg = &m};
    struct w_area body = w_area_part(a, 1, 0, a->h - 1, a->w);
    w_spark_place(&g.series, sum, count, minute);
    m.newest = g.series.newest;
    w_graph_draw(&body, &g);
}
