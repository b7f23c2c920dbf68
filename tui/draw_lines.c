#include "core/base/str.h"
#include "tui/format.h"
#include "tui/ui.h"
#include "widgets/bar.h"
#include "widgets/text.h"

#include <stdio.h>
#include <string.h>

#define SEGMENTS    24
#define TEXT        192
#define SLOW_MS     300 /* a round trip worth a word */
#define TABS_WIDE   94  /* whole names fit */
#define TABS_AIRY   104 /* with a blank on both sides */

#define BEHIND_COLS 72 /* room to say what a pause is behind of */

/* Texts of a line under construction; segments borrow them. */
struct line {
    struct w_segment segment[SEGMENTS];
    char text[SEGMENTS][TEXT];
    size_t count;
};

static char *add(struct line *l, enum w_role role, int drop, bool right)
{
    size_t i = l->count < SEGMENTS - 1 ? l->count++ : SEGMENTS - 1;
    l->segment[i] =
        (struct w_segment){.text = l->text[i], .role = role, .drop = drop, .right = right};
    l->text[i][0] = '\0';
    return l->text[i];
}

static void put(struct line *l, enum w_role role, int drop, bool right, const char *text)
{
    str_printable(add(l, role, drop, right), TEXT, str_of(text));
}

static void add_state(struct ui *ui, struct line *l)
{
    char age[FORMAT_TEXT];
    char *text;
    int64_t heard = ui->link.heard_ms ? ui->link.heard_ms : ui->live.at_ms;
    format_span(age, ui->now_ms - heard);
    switch (ui->link.state) {
    case LINK_OPENING:
        put(l, W_NOTICE, 0, false, "CONNECTING");
        return;
    case LINK_UP:
        put(l, W_TITLE, 3, false, ui->low_bandwidth ? "LIVE each 5 s" : "LIVE");
        return;
    case LINK_SILENT:
        text = add(l, W_CRIT, 0, false);
        snprintf(text, TEXT, "core silent, %s old", age);
        l->segment[l->count - 1].brief = "core silent";
        return;
    case LINK_DOWN:
        text = add(l, W_CRIT, 0, false);
        snprintf(text, TEXT, ui->live.data ? "core gone, %s old" : "core gone", age);
        l->segment[l->count - 1].brief = "core gone";
        return;
    }
}

static void add_source(struct ui *ui, struct line *l, const char *source, const char *name,
                       int drop)
{
    size_t i;
    json_t *entry;
    char age[FORMAT_TEXT];
    json_array_foreach(snapshot_at(ui_shown(ui)->data, "cloud"), i, entry)
    {
        if (strcmp(snapshot_text(entry, "source"), source) != 0) {
            continue;
        }
        int64_t at = format_json_time(snapshot_at(entry, "at"));
        bool ok = strcmp(snapshot_text(entry, "state"), "ok") == 0;
        char *text = add(l, ok ? W_TITLE : W_WARN, drop, true);
        format_span(age, ui->wall_ms - at);
        if (at > 0 && ok) {
            snprintf(text, TEXT, "%s %s", name, age);
        } else {
            snprintf(text, TEXT, "%s %.20s", name, snapshot_text(entry, "state"));
        }
        return;
    }
}

static void add_name(struct ui *ui, struct line *l)
{
    const json_t *data = ui_shown(ui)->data;
    const char *region = snapshot_text(data, "region");
    put(l, W_TITLE, 0, false, " tollgate");
    put(l, W_TITLE, 6, false, ui->options->title ? ui->options->title : "");
    put(l, W_TITLE, 7, false, *region ? region : snapshot_text(ui->hello, "region"));
    const char *url = json_string_value(json_array_get(snapshot_at(data, "listen"), 0));
    const char *port = url ? strrchr(url, ':') : NULL;
    put(l, W_TITLE, 9, false, port ? port : "");
    if (ui->view == VIEW_LIMIT) {
        snprintf(add(l, W_TITLE, 2, false), TEXT, "> %.80s", ui->open_limit);
    } else if (ui->view == VIEW_DRILL) {
        char words[TEXT];
        drill_words(ui, words, sizeof words);
        put(l, W_TITLE, 2, false, words);
    }
}

/* Who else looks at this core: "with bob", "2 dashboards". */
static void add_watchers(const struct ui *ui, struct line *l)
{
    size_t i;
    json_t *name;
    size_t n = 0;
    char text[TEXT] = "";
    const json_t *data = ui->live.data;
    json_array_foreach(snapshot_at(data, "watchers"), i, name)
    {
        const char *user = json_string_value(name);
        if (user && strcmp(user, snapshot_text(ui->hello, "user")) != 0 && n < TEXT / 2) {
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%.32s", n ? ", " : "with ", user);
        }
    }
    long long all = json_integer_value(snapshot_at(data, "attached"));
    if (n == 0 && all > 1) {
        snprintf(text, sizeof text, "%lld dashboards", all);
    }
    put(l, W_TITLE, 8, false, text);
}

void ui_draw_title(struct ui *ui, const struct w_area *a)
{
    struct line l = {.count = 0};
    char text[FORMAT_TEXT];
    add_name(ui, &l);
    add_state(ui, &l);
    if (json_is_true(snapshot_at(ui_shown(ui)->data, "simulated")) ||
        json_is_true(snapshot_at(ui->hello, "simulated"))) {
        put(&l, W_NOTICE, 0, false, " SIMULATED ");
    }
    if (ui->read_only) {
        put(&l, W_NOTICE, 1, false, ui->options->read_only ? " READ-ONLY " : " READ-ONLY: viewer ");
    }
    add_watchers(ui, &l);
    if (ui->past.on) {
        past_words(ui, a->w < BEHIND_COLS, add(&l, W_NOTICE, 0, false), TEXT);
    }
    if (ui->is_frozen) {
        format_behind(text, ui->now_ms - ui->frozen_ms);
        snprintf(add(&l, W_NOTICE, 0, false), TEXT, " PAUSED %s%s ", text,
                 a->w < BEHIND_COLS ? "" : " behind live");
    }
    if (ui->term.round_trip_ms > SLOW_MS) {
        int64_t tenths = (ui->term.round_trip_ms + 50) / 100;
        snprintf(add(&l, W_TITLE, 5, true), TEXT, "link %lld.%lld s", (long long)(tenths / 10),
                 (long long)(tenths % 10));
    }
    add_source(ui, &l, "cloudwatch", "CloudWatch", 10);
    add_source(ui, &l, "cost_explorer", "Cost Explorer", 11);
    format_clock(text, ui->wall_ms, false, ui->local_time);
    snprintf(add(&l, W_TITLE, 4, true), TEXT, "%s %s ", text, format_zone(ui->local_time));
    w_bar_draw(a, 0, l.segment, l.count, 2, W_TITLE);
}

static const char *money_at(const json_t *data, const char *path, char out[FORMAT_TEXT])
{
    const json_t *v = snapshot_at(data, path);
    if (!json_is_number(v)) {
        return NULL;
    }
    format_live_money(out, format_json_money(v));
    return out;
}

static void add_month(const json_t *data, struct line *l, bool wide)
{
    char month[FORMAT_TEXT];
    char budget[FORMAT_TEXT];
    char forecast[FORMAT_TEXT];
    if (!money_at(data, "burn.month_usd", month)) {
        return;
    }
    money_t spent = format_json_money(snapshot_at(data, "burn.month_usd"));
    money_t limit = format_json_money(snapshot_at(data, "burn.month_budget_usd"));
    money_t ahead = format_json_money(snapshot_at(data, "burn.month_forecast_usd"));
    char *text = add(l, limit > 0 && spent >= limit ? W_CRIT : W_NORMAL, 4, false);
    if (limit > 0 && money_at(data, "burn.month_budget_usd", budget)) {
        snprintf(text, TEXT, "Month %s of %s (%lld%%)", month, budget,
                 (long long)((double)spent * 100 / (double)limit));
    } else {
        snprintf(text, TEXT, "Month %s", month);
    }
    if (money_at(data, "burn.month_forecast_usd", forecast)) {
        bool over = limit > 0 && ahead > limit;
        snprintf(add(l, over ? W_WARN : W_MUTED, 6, false), TEXT, "-> %s%s%s", forecast,
                 wide ? " at month end" : "", over ? " !" : "");
    }
}

const char *ui_draw_trouble(const json_t *data)
{
    const char *store = snapshot_text(data, "health.store");
    return json_is_object(snapshot_at(data, "health.all_blocked"))       ? "ALL BLOCKED"
           : *store && strcmp(store, "ok") != 0                          ? "STORE FAILED"
           : json_is_false(snapshot_at(data, "health.reserved_matches")) ? "reserved differs"
                                                                         : NULL;
}

/* What is wrong, the worst first; in fewer words before any of it leaves a narrow screen. */
static void add_trouble(const json_t *data, struct line *l)
{
    const char *store = snapshot_text(data, "health.store");
    if (json_is_object(snapshot_at(data, "health.all_blocked"))) {
        snprintf(add(l, W_CRIT, 0, false), TEXT, "ALL CALLS BLOCKED by %.24s",
                 snapshot_text(data, "health.all_blocked.actor"));
        l->segment[l->count - 1].brief = "ALL BLOCKED";
    }
    if (*store && strcmp(store, "ok") != 0) {
        const char *then = snapshot_text(data, "health.store_failure");
        snprintf(add(l, W_CRIT, 0, false), TEXT, "store failed (%.12s): %.40s", then, store);
        l->segment[l->count - 1].brief = "STORE FAILED";
    }
    if (json_is_object(snapshot_at(data, "health.ledger_lost"))) {
        put(l, W_CRIT, 0, false, "LEDGER LOST: see 9 Audit");
        l->segment[l->count - 1].brief = "LEDGER LOST";
    }
    if (json_is_false(snapshot_at(data, "health.reserved_matches"))) {
        put(l, W_CRIT, 0, false, "reserved does not match");
        l->segment[l->count - 1].brief = "reserved differs";
    }
}

static void draw_past(struct ui *ui, const struct w_area *a, int y)
{
    const json_t *totals = snapshot_at(ui_shown(ui)->data, "totals");
    struct line l = {.count = 0};
    char text[FORMAT_TEXT];
    static const char *const figures[][2] = {{"approved", "admitted"},
                                             {"denied", "denied"},
                                             {"failed", "failed"},
                                             {"input_tokens", "input"},
                                             {"output_tokens", "output"}};
    bool none = totals && json_integer_value(json_object_get(totals, "requests")) == 0 &&
                json_integer_value(json_object_get(totals, "rejected")) == 0;
    if (none) {
        snprintf(add(&l, W_WARN, 0, false), TEXT, "The ledger has no calls in these %s",
                 past_range(ui));
    } else if (totals) {
        format_live_money(text, format_json_money(snapshot_at(totals, "usd")));
        snprintf(add(&l, W_NORMAL, 0, false), TEXT, "%s in %s", text, past_range(ui));
    } else {
        put(&l, W_MUTED, 0, false, "asking the ledger");
    }
    for (size_t i = 0; totals && !none && i < sizeof figures / sizeof *figures; i++) {
        int64_t n = json_integer_value(snapshot_at(totals, figures[i][0]));
        format_count(text, n);
        snprintf(add(&l, i == 1 && n > 0 ? W_WARN : W_NORMAL, (int)i + 2, false), TEXT, "%s %s",
                 text, figures[i][1]);
    }
    static const char *const keys[][2] = {
        {"[ ]", "move"}, {"z", "range"}, {"@", "time"}, {"Esc", "now"}};
    for (size_t i = 0; i < 4; i++) {
        put(&l, W_HINT, i == 3 ? 1 : 8, true, keys[i][1]);
        l.segment[l.count - 1].key = keys[i][0];
    }
    struct w_area line = w_area_part(a, y, 1, 1, a->w - 2);
    w_bar_draw(&line, 0, l.segment, l.count, 2, W_NORMAL);
}

void ui_draw_burn(struct ui *ui, const struct w_area *a, int y)
{
    const json_t *data = ui_shown(ui)->data;
    struct line l = {.count = 0};
    char text[FORMAT_TEXT];
    if (ui->past.on) {
        draw_past(ui, a, y);
        return;
    }
    if (!data) {
        return;
    }
    add_trouble(data, &l);
    if (money_at(data, "burn.usd_per_hour", text)) {
        snprintf(add(&l, W_NORMAL, 2, false), TEXT, "Burn %s/h", text);
    }
    if (money_at(data, "burn.today_usd", text)) {
        snprintf(add(&l, W_NORMAL, 3, false), TEXT, "Today %s", text);
    }
    add_month(data, &l, a->w >= 110);
    format_count(text, json_integer_value(snapshot_at(data, "totals.open")));
    snprintf(add(&l, W_NORMAL, 5, false), TEXT, "%s open", text);
    int64_t denied = json_integer_value(snapshot_at(data, "denied_per_minute"));
    format_count(text, denied);
    snprintf(add(&l, denied > 0 ? W_WARN : W_NORMAL, 1, false), TEXT, "%s denied/min", text);
    struct w_area line = w_area_part(a, y, 1, 1, a->w - 2);
    w_bar_draw(&line, 0, l.segment, l.count, line.w >= 96 ? 3 : 2, W_NORMAL);
}

/* The views' names, as they fit the width. */
static void tabs_line(const struct ui *ui, int width, struct line *l)
{
    bool narrow = width < TABS_WIDE;
    bool tight = width < TABS_AIRY;
    static const char *const keys[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9"};
    enum ui_view on = ui_tab(ui);
    for (int v = 0; v < VIEW_LIMIT; v++) {
        const char *name = narrow ? ui_views[v].shorter : ui_views[v].name;
        snprintf(add(l, v == (int)on ? W_TAB_ON : W_TAB, v == (int)on ? 0 : 1, false), TEXT,
                 tight ? "%c %s" : " %c %s ", ui_views[v].key, name);
        l->segment[l->count - 1].brief = v == (int)on ? NULL : keys[v];
    }
}

void ui_draw_tabs(struct ui *ui, const struct w_area *a, int y)
{
    struct line l = {.count = 0};
    bool tight = a->w < TABS_AIRY;
    tabs_line(ui, a->w, &l);
    ui->tabs_y = y;
    struct w_area line = w_area_part(a, y, tight, 1, a->w - tight);
    w_bar_draw(&line, 0, l.segment, l.count, tight ? 1 : 0, W_TAB);
}

bool ui_draw_tab_at(const struct ui *ui, int x, int y, enum ui_view *view)
{
    struct line l = {.count = 0};
    int width = ui->term.cols;
    bool tight = width < TABS_AIRY;
    if (ui->tabs_y == 0 || y != ui->tabs_y) {
        return false;
    }
    tabs_line(ui, width, &l);
    size_t at = w_bar_at(l.segment, l.count, width - tight, tight ? 1 : 0, x - tight);
    *view = (enum ui_view)at;
    return at < l.count;
}

void ui_draw_pending(struct ui *ui, const struct w_area *a)
{
    char old[FORMAT_TEXT];
    char new[FORMAT_TEXT];
    char name[TEXT];
    char text[2 * TEXT];
    const struct ui_edit *e = &ui->edit;
    enum w_role role;
    edit_describe(e, name, sizeof name);
    format_amount(old, e->metric, e->old_amount);
    format_amount(new, e->metric, e->amount);
    snprintf(text, sizeof text, " %.60s: %s -> %s pending ", name, old, new);
    const char *trial = trial_text(ui, e, &role);
    int x = w_text_add(a, 0, 0, W_PENDING, text);
    if (a->h > 1) {
        w_text(a, 1, 0, a->w, role, W_LEFT, trial);
    } else {
        w_text(a, 0, x + 1, a->w - x - 1, role, W_LEFT, trial);
    }
}

static void draw_pending_keys(const struct w_area *a)
{
    struct line l = {.count = 0};
    static const char *const keys[][2] = {
        {"Enter", "apply"}, {"Esc", "drop"}, {"+ -", "adjust"}, {"=", "set"}, {"t", "for a time"}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        put(&l, W_HINT, (int)i, false, keys[i][1]);
        l.segment[l.count - 1].key = keys[i][0];
    }
    w_bar_draw(a, 0, l.segment, l.count, 2, W_HINT);
}

static void hints_line(const struct ui *ui, struct line *l, const struct binding **of)
{
    for (size_t i = 0; i < bindings_count; i++) {
        const struct binding *b = &bindings[i];
        if (!b->hint || !binding_in_view(b, ui->view)) {
            continue;
        }
        bool off = b->class != CLASS_READ && (ui->read_only || ui->link.state != LINK_UP);
        put(l, off ? W_OFF : W_HINT, b->drop, false, b->hint);
        l->segment[l->count - 1].key = b->label;
        of[l->count - 1] = b;
    }
}

static void draw_hints(struct ui *ui, const struct w_area *a)
{
    struct line l = {.count = 0};
    const struct binding *of[SEGMENTS];
    hints_line(ui, &l, of);
    w_bar_draw(a, 0, l.segment, l.count, a->w >= 96 ? 3 : 2, W_HINT);
}

const struct binding *ui_draw_hint_at(const struct ui *ui, int x)
{
    struct line l = {.count = 0};
    const struct binding *of[SEGMENTS];
    int width = ui->term.cols - 2;
    if (ui->edit.active || w_toast_on(&ui->toast, ui->now_ms)) {
        return NULL;
    }
    hints_line(ui, &l, of);
    size_t at = w_bar_at(l.segment, l.count, width, width >= 96 ? 3 : 2, x - 1);
    return at < l.count ? of[at] : NULL;
}

struct hint {
    const char *key, *word;
};

static void draw_keys(const struct w_area *a, const struct hint *hints, size_t n)
{
    struct line l = {.count = 0};
    for (size_t i = 0; i < n; i++) {
        put(&l, W_HINT, (int)i, false, hints[i].word);
        l.segment[l.count - 1].key = hints[i].key;
    }
    w_bar_draw(a, 0, l.segment, l.count, 2, W_HINT);
}

/* While a box is open, its keys. */
static void draw_box_keys(const struct ui *ui, const struct w_area *a)
{
    static const struct hint form[] = {{"Esc", "drop"}, {"Enter", "apply"}, {"Tab", "next field"}};
    static const struct hint question[] = {
        {"Esc", "no"}, {"Enter", "answer"}, {"Tab", "the other"}};
    static const struct hint typed[] = {{"Esc", "no"}, {"Enter", "answer"}};
    static const struct hint sort[] = {
        {"Esc", "back"}, {"Enter", "sort, again: other way"}, {"Up Down", "choose"}};
    static const struct hint columns[] = {
        {"Esc", "done"}, {"Enter", "show or hide"}, {"Up Down", "choose"}};
    static const struct hint pages[] = {{"Esc", "close"}, {"Up Down", "scroll"}, {"PgDn", "page"}};
    switch ((int)ui->mode) {
    case MODE_FORM:
        draw_keys(a, form, ui->form.count > 1 ? 3 : 2);
        return;
    case MODE_CONFIRM:
        draw_keys(a, ui->dialog.typed ? typed : question, ui->dialog.typed ? 2 : 3);
        return;
    case MODE_SORT:
        draw_keys(a, sort, 3);
        return;
    case MODE_COLUMNS:
        draw_keys(a, columns, 3);
        return;
    default:
        draw_keys(a, pages, 3);
        return;
    }
}

/* What may be typed, behind what is typed, where there is room. */
static const char *typing_help(const struct ui *ui)
{
    switch ((int)ui->mode) {
    case MODE_FILTER:
        return "TEXT, !TEXT, COLUMN:TEXT   Enter keeps   Esc clears ";
    case MODE_EXPORT:
        return ".csv or .json   Enter writes   Esc ";
    case MODE_COMMAND:
        return "Tab completes   Enter runs   Esc ";
    default:
        return "";
    }
}

static void draw_typing(struct ui *ui, const struct w_area *a)
{
    const char *ask = ui->mode == MODE_FILTER   ? "/"
                      : ui->mode == MODE_EXPORT ? "Export to "
                      : ui->mode != MODE_TIME   ? ":"
                      : a->w < 60               ? "Time: "
                                  : "Time (14:05, 11-20 14:05, -3h; Enter alone: stay): ";
    w_text(a, 0, 0, a->w, W_INPUT, W_LEFT, "");
    int x = w_text_add(a, 0, 0, W_KEY, ask);
    const char *help = typing_help(ui);
    int room = a->w - w_text_width(help);
    bool helps = *help && x + w_text_width(ui->input.text) + 3 <= room && room >= x + 24;
    w_input_draw(a, 0, x, (helps ? room : a->w) - x, &ui->input, true);
    if (helps) {
        w_text(a, 0, room, a->w - room, W_HINT, W_LEFT, help);
    }
}

/* What the command may go on with, above it. */
static void draw_candidates(const struct ui *ui, const struct w_area *a)
{
    char words[3 * TEXT];
    complete_words(ui, words, sizeof words);
    if (words[0]) {
        w_text(a, 0, 0, a->w, W_HINT, W_LEFT, "");
        w_text(a, 0, 1, a->w - 2, W_HINT, W_LEFT, words);
    }
}

void ui_draw_bottom(struct ui *ui, const struct w_area *a)
{
    struct w_area whole = w_area_part(a, a->h - 1, 0, 1, a->w);
    struct w_area line = w_area_part(a, a->h - 1, 1, 1, a->w - 2);
    if (ui_is_typing(ui)) {
        draw_typing(ui, &whole);
        if (ui->mode == MODE_COMMAND && a->h > 6) {
            struct w_area above = w_area_part(a, a->h - 2, 0, 1, a->w);
            draw_candidates(ui, &above);
        }
    } else if (w_toast_on(&ui->toast, ui->now_ms)) {
        int rows = ui->mode == MODE_VIEW ? 3 : 1; /* a box must not stand on half a sentence */
        struct w_area low = w_area_part(a, a->h > rows ? a->h - rows : 0, 0, a->h, a->w);
        w_toast_draw(&low, &ui->toast);
    } else if (ui->edit.active) {
        draw_pending_keys(&line);
    } else if (ui->mode != MODE_VIEW) {
        draw_box_keys(ui, &line);
    } else {
        draw_hints(ui, &line);
    }
}
