#include "core/base/str.h"
#include "tui/format.h"
#include "tui/ui.h"
#include "widgets/graph.h"
#include "widgets/text.h"

#include <stdio.h>
#include <string.h>

#define MINUTE_MS 60000LL
#define LABELS    7 /* columns of the axis on the left; of dollars */
#define DOLLARS   8
#define FAR       5  /* times the highest bar: a mark above it would make the bars too small */
#define ENOUGH    20 /* minutes: fewer are put together rather than left out */
#define DAY_MS    (24 * 60 * MINUTE_MS)

static void amount_words(int64_t value, char out[W_GRAPH_LABEL])
{
    char text[FORMAT_TEXT];
    format_amount(text, "tokens", value);
    str_copy(out, W_GRAPH_LABEL, str_of(text));
}

static void money_words(int64_t value, char out[W_GRAPH_LABEL])
{
    char text[FORMAT_TEXT];
    format_money(text, value);
    str_copy(out, W_GRAPH_LABEL, str_of(text));
}

struct marks {
    const struct ui *ui;
    int64_t slot; /* number of the newest one since the epoch */
    int64_t step_ms;
    int count, newest;
    bool whole; /* what is later than the newest stands behind it */
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
    int64_t behind = m->whole ? m->newest - slot : (m->newest - slot + m->count) % m->count;
    int64_t at = m->slot - behind;
    int64_t every = mark_every(m->step_ms * m->count);
    bool marked = at * m->step_ms / every != ((at - 1) * m->step_ms) / every;
    if (marked && (m->whole || behind < m->count - 1)) {
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

static void draw_bars(const struct ui *ui, const struct w_area *a, const int64_t *value, int count,
                      int64_t slot, int64_t step_ms)
{
    struct marks m = {.ui = ui, .slot = slot, .step_ms = step_ms, .count = count};
    struct w_graph g = {.amount = amount_words, .slot = slot_words, .arg = &m};
    w_spark_place(&g.series, value, count, slot);
    m.newest = g.series.newest;
    w_graph_draw(a, &g);
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
    struct w_area body = w_area_part(a, 1, 0, a->h - 1, a->w);
    draw_bars(ui, &body, sum, count, slot, step);
}

/* --- of what the core told of one row --- */

static const char *unit_of(const char *metric)
{
    return strcmp(metric, "usd") == 0             ? "$"
           : strcmp(metric, "requests") == 0      ? "Calls"
           : strcmp(metric, "input_tokens") == 0  ? "Input tokens"
           : strcmp(metric, "output_tokens") == 0 ? "Output tokens"
                                                  : "Tokens";
}

/* "$ a minute, 40 min", "Tokens each 30 min, 24 h", "$ used so far, sales" */
static void title_of(const struct ui_chart *c, int64_t step_ms, int count, char *out, size_t size)
{
    char span[FORMAT_TEXT];
    char range[FORMAT_TEXT];
    const char *of = *c->title ? ", " : "";
    format_span(span, step_ms);
    if (c->range) {
        str_copy(range, sizeof range, str_of(c->range));
    } else {
        format_span(range, step_ms * count);
    }
    if (count == 0) {
        snprintf(out, size, "%s%s%.90s", unit_of(c->metric), of, c->title);
    } else if (c->sums_up) {
        snprintf(out, size, "%s used so far%s%.90s", unit_of(c->metric), of, c->title);
    } else {
        bool hour = strcmp(span, "1 h") == 0;
        snprintf(out, size, "%s %s%s, %s%s%.90s", unit_of(c->metric),
                 step_ms <= MINUTE_MS ? "a minute"
                 : hour               ? "an hour"
                                      : "each ",
                 step_ms <= MINUTE_MS || hour ? "" : span, range, of, c->title);
    }
}

/* The newest slot of a window that goes on. */
static int slot_of_now(const struct ui *ui, const struct ui_chart *c, int count)
{
    int64_t at = (ui->wall_ms - c->since_ms) / c->step_ms;
    return (int)(at < 0 ? 0 : at >= count ? count - 1 : at);
}

/* What was used up by the end of each slot until the newest, in so many slots as there is room for;
 * returns how many are one now. */
static int add_up(int64_t *value, int *newest, int *count, int room)
{
    int each = room > 0 ? (*count + room - 1) / room : 1;
    int64_t sum = 0;
    for (int i = 0; i < *count; i++) {
        int64_t one = value[i];
        sum += one;
        value[i] = 0;
        if (i <= *newest) {
            value[i / each] = sum;
        }
    }
    *count = (*count + each - 1) / each;
    *newest /= each;
    return each;
}

/* The newest that fit, or all put together. */
static int fit(int64_t *value, int *count, int room, bool minutes)
{
    if (minutes && *count > room && room >= ENOUGH) {
        for (int i = 0; i < room; i++) {
            value[i] = value[*count - room + i];
        }
        *count = room;
    }
    return merge(value, count, room);
}

void ui_draw_chart(const struct ui *ui, const struct w_area *a, const struct ui_chart *c)
{
    int64_t value[W_SPARK_MAX] = {0};
    char title[240];
    char safe[240];
    bool usd = strcmp(c->metric, "usd") == 0;
    int count = 0;
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)c->series, i, one)
    {
        if (count < W_SPARK_MAX) {
            value[count++] = format_json_amount(one, c->metric);
        }
    }
    title_of(c, c->step_ms, count, title, sizeof title);
    if (count == 0 || c->step_ms <= 0) {
        str_printable(safe, sizeof safe, str_of(title));
        w_text(a, 0, 0, a->w, W_NORMAL, W_LEFT, safe);
        w_text(a, 1, 0, a->w, W_MUTED, W_LEFT, "Asking the ledger.");
        return;
    }
    int newest = c->sums_up ? slot_of_now(ui, c, count) : count - 1;
    int64_t last = (c->since_ms + newest * c->step_ms) / c->step_ms;
    int64_t most = 0;
    int axis = usd ? DOLLARS : LABELS;
    int each = 1;
    if (c->sums_up) {
        each = add_up(value, &newest, &count, a->w - axis);
    } else {
        each = fit(value, &count, a->w - axis, c->step_ms <= MINUTE_MS);
        newest = count - 1;
    }
    last /= each;
    for (int n = 0; n < count; n++) {
        most = value[n] > most ? value[n] : most;
    }
    title_of(c, c->step_ms * each, count, title, sizeof title);
    str_printable(safe, sizeof safe, str_of(title));
    w_text(a, 0, 0, a->w, W_NORMAL, W_LEFT, safe);
    struct marks m = {ui, last, c->step_ms * each, count, newest, c->sums_up};
    struct w_graph g = {.amount = usd ? money_words : amount_words,
                        .slot = slot_words,
                        .arg = &m,
                        .axis = axis,
                        .whole = c->sums_up,
                        .mark = c->mark <= FAR * most ? c->mark : 0};
    w_spark_place(&g.series, value, count, c->sums_up ? count - 1 : last);
    g.series.newest = c->sums_up ? newest : g.series.newest;
    m.newest = g.series.newest;
    struct w_area body = w_area_part(a, 1, 0, a->h - 1, a->w);
    w_graph_draw(&body, &g);
}
