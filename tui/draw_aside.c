/* draw_aside.c: a table and, beside it, what belongs to its selected row: a few lines, charts, and
 * tables. It stands below while the table leaves it rows, on a wide screen else to the right; in
 * less room the last table goes first, then the second, the charts, and at last all of it. */
#include "core/base/str.h"
#include "tui/format.h"
#include "tui/ui.h"
#include "widgets/text.h"

#include <stdio.h>
#include <string.h>

#define BESIDE_COLS 80  /* below a table: a column of charts, a column of tables */
#define RIGHT_COLS  140 /* at the right of a table that needs all rows */
#define RIGHT_WIDE  62
#define ASIDE_ROWS  8
#define ROOMY_ROWS  14
#define CHART_ROWS  6
#define CHART_MOST  22
#define CHART_COLS  70 /* an hour by the minute */
#define LIST_LEAST  4
#define LIST_CALM   6 /* rows a table is glad with */
#define LISTS       4
#define TEXT        320
#define TEXT_COLS   76

static int least(int a, int b)
{
    return a < b ? a : b;
}

static void hide_lists(struct ui *ui, int from)
{
    struct w_area none = {.win = NULL};
    for (int i = from; i < ui_views[ui->view].count; i++) {
        ui_draw_panel(ui, i, &none);
    }
}

/* --- lines --- */

/* "nova-lite ---------" */
static void draw_rule(const struct ui *ui, const struct w_area *a)
{
    char name[128];
    str_printable(name, sizeof name, str_of(aside_name(ui)));
    int x = w_text_add(a, 0, 0, W_LABEL, name) + 1;
    w_text_repeat(a, 0, x, a->w - x, W_BORDER, L'\u2500', '-');
}

/* "$0.15 of $25.00 this month (0%), foreseen $4.10" */
static enum w_role budget_text(const json_t *row, char *out, size_t size)
{
    char month[FORMAT_TEXT];
    char of[FORMAT_TEXT];
    char end[FORMAT_TEXT];
    const json_t *forecast = snapshot_at(row, "month_forecast_usd");
    money_t spent = format_json_money(snapshot_at(row, "month_usd"));
    money_t budget = format_json_money(snapshot_at(row, "budget_usd"));
    money_t foreseen = format_json_money(forecast);
    bool over = budget > 0 && (spent > budget || foreseen > budget);
    format_live_money(month, spent);
    format_money(of, budget);
    format_live_money(end, foreseen);
    int n = budget > 0 ? snprintf(out, size, "%s of %s this month (%d%%)", month, of,
                                  (int)((double)spent * 100 / (double)budget))
                       : snprintf(out, size, "%s this month, no monthly limit of its own", month);
    if (n > 0 && (size_t)n < size && json_is_number(forecast)) {
        snprintf(out + n, size - (size_t)n, ", foreseen %s at its end%s", end, over ? " W" : "");
    }
    return over ? W_WARN : W_NORMAL;
}

static int draw_lines(struct ui *ui, const struct w_area *a)
{
    char text[TEXT];
    const json_t *row = ui->aside.row;
    draw_rule(ui, a);
    struct w_area rest = w_area_part(a, 1, 0, a->h, a->w);
    int lines = a->w < TEXT_COLS ? 2 : 1; /* of each text, however long: what is below stays */
    if (ui->view == VIEW_LIMITS) {
        return 1 + ui_draw_limit_head(ui, &rest);
    }
    if (ui->view == VIEW_MODELS) {
        snprintf(text, sizeof text, "%.200s%s", snapshot_text(row, "id"),
                 json_is_false(snapshot_at(row, "priced")) ? ", unpriced" : "");
        (void)ui_draw_wrapped(&rest, 0, "ID", W_NORMAL, text);
    } else {
        enum w_role role = budget_text(row, text, sizeof text);
        (void)ui_draw_wrapped(&rest, 0, "Budget", role, text);
    }
    drill_sums(ui, text, sizeof text);
    (void)ui_draw_wrapped(&rest, lines, "Spent", W_NORMAL, *text ? text : drill_silence(ui));
    return 1 + 2 * lines + (a->h >= ROOMY_ROWS ? 1 : 0);
}

/* --- charts --- */

static void draw_limit_chart(struct ui *ui, const struct w_area *a)
{
    int64_t end;
    const json_t *counter = aside_counter(ui);
    const json_t *answer = ui->aside.chart;
    const json_t *limit = snapshot_limit(ui_shown(ui), ui->open_limit);
    const char *metric = aside_metric(ui);
    bool sums_up = aside_window(ui, &end) > 0;
    bool minute = strcmp(snapshot_text(limit, "window"), "1m") == 0;
    char about[UI_DRILL_TEXT];
    aside_about(ui, about, sizeof about);
    bool same = strcmp(about, ui->aside.about) == 0;
    struct ui_chart c = {
        .title = ui->aside.about,
        .metric = metric,
        .series = snapshot_at(answer, aside_series(metric)),
        .since_ms = format_json_time(snapshot_at(answer, "since")),
        .step_ms = json_integer_value(snapshot_at(answer, "step_ms")),
        .mark = same && (sums_up || minute)
                    ? format_json_amount(snapshot_at(counter, "amount"), metric)
                    : 0,
        .sums_up = sums_up,
    };
    ui_draw_chart(ui, a, &c);
}

static void draw_row_chart(const struct ui *ui, const struct w_area *a, const json_t *answer,
                           const char *range)
{
    const char *metric = aside_metric(ui);
    struct ui_chart c = {
        .title = "",
        .metric = metric,
        .range = range,
        .series = snapshot_at(answer, aside_series(metric)),
        .since_ms = format_json_time(snapshot_at(answer, "since")),
        .step_ms = json_integer_value(snapshot_at(answer, "step_ms")),
    };
    ui_draw_chart(ui, a, &c);
}

/* The last hour by the minute and, where there is room, the last day. */
static void draw_charts(struct ui *ui, const struct w_area *a)
{
    if (ui->view == VIEW_LIMITS) {
        struct w_area only = w_area_part(a, 0, 0, least(a->h, CHART_MOST), a->w);
        draw_limit_chart(ui, &only);
        return;
    }
    const json_t *first = ui->past.on ? ui->drill.sums : ui->aside.chart;
    bool both = !ui->past.on && a->h >= 2 * CHART_ROWS + 1;
    int rows = least(both ? (a->h - 1) / 2 : a->h, CHART_MOST) / 2 * 2; /* the middle has a mark */
    struct w_area top = w_area_part(a, 0, 0, rows, a->w);
    draw_row_chart(ui, &top, first, ui->past.on ? past_range(ui) : NULL);
    if (both) {
        struct w_area below = w_area_part(a, rows + 1, 0, rows, a->w);
        draw_row_chart(ui, &below, ui->drill.sums, "24 h");
    }
}

void ui_draw_spend(struct ui *ui, const struct w_area *a)
{
    draw_row_chart(ui, a, ui->past.on ? ui->past.answer : ui->aside.chart,
                   ui->past.on ? past_range(ui) : NULL);
}

/* --- all of it --- */

/* As many tables as have room for a few rows each, rather close together than one less; but two
 * where there is room at all: what counts its calls, and what it is made of. */
static void draw_lists(struct ui *ui, const struct w_area *a)
{
    static const int lists[LISTS] = {1, 2, 3, 4};
    int rows = 0;
    int count = 0;
    while (count < ui_views[ui->view].count - 1) {
        int more = least(ui_draw_wanted(ui, lists[count]), LIST_CALM);
        if (rows + more > a->h && !(count == 1 && a->h >= 2 * LIST_LEAST)) {
            break;
        }
        rows += more;
        count++;
    }
    if (count > 0) {
        ui_draw_stack(ui, a, lists, count);
    }
    hide_lists(ui, 1 + count);
}

static void draw_below(struct ui *ui, const struct w_area *a)
{
    int head = draw_lines(ui, a);
    struct w_area rest = w_area_part(a, head, 0, a->h, a->w);
    bool chart = aside_has_chart(ui) && rest.h >= CHART_ROWS;
    int left = chart ? least(rest.w / 2, CHART_COLS) : 0;
    if (chart) {
        struct w_area charts = w_area_part(&rest, 0, 0, rest.h, left - 2);
        draw_charts(ui, &charts);
    }
    struct w_area lists = w_area_part(&rest, 0, left, rest.h, rest.w);
    draw_lists(ui, &lists);
}

static void draw_right(struct ui *ui, const struct w_area *a)
{
    int head = draw_lines(ui, a);
    struct w_area rest = w_area_part(a, head, 0, a->h, a->w);
    int rows = least(rest.h / 3, CHART_MOST);
    bool chart = aside_has_chart(ui) && rows >= CHART_ROWS;
    if (chart) {
        struct w_area top = w_area_part(&rest, 0, 0, rows, rest.w);
        draw_charts(ui, &top);
    }
    struct w_area lists = w_area_part(&rest, chart ? rows + 1 : 0, 0, rest.h, rest.w);
    draw_lists(ui, &lists);
}

void ui_draw_master(struct ui *ui, const struct w_area *a)
{
    int rows = ui_draw_wanted(ui, 0);
    bool some = ui->panels[ui_views[ui->view].panels[0]].table.count > 0;
    bool below = some && a->w + 2 >= BESIDE_COLS && a->h - rows - 1 >= ASIDE_ROWS;
    bool right = some && !below && a->w + 2 >= RIGHT_COLS && a->h >= ASIDE_ROWS;
    aside_show(ui, below || right);
    bool named = *aside_name(ui);
    if (!below && !right) {
        ui->focus[ui->view] = 0;
        hide_lists(ui, 1);
    }
    struct w_area table =
        w_area_part(a, 0, 0, below ? rows : a->h, right ? a->w - RIGHT_WIDE - 2 : a->w);
    ui_draw_panel(ui, 0, &table);
    if (!named && (below || right)) {
        hide_lists(ui, 1);
    } else if (below) {
        struct w_area aside = w_area_part(a, rows + 1, 0, a->h, a->w);
        draw_below(ui, &aside);
    } else if (right) {
        struct w_area aside = w_area_part(a, 0, a->w - RIGHT_WIDE, a->h, RIGHT_WIDE);
        draw_right(ui, &aside);
    }
}
