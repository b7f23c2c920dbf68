/* past.c: looking back. `[` and `]` move through the past, `z` chooses how much of it is shown;
 * what the core tells of that time is put into a snapshot of its own, so that every table and graph
 * shows it as it shows the present. The core goes on being listened to meanwhile. */
#include "core/base/clock.h"
#include "core/base/str.h"
#include "tui/format.h"
#include "tui/moment.h"
#include "tui/ui.h"

#include <stdio.h>
#include <string.h>

#define MINUTE     60000LL
#define HOUR       (60 * MINUTE)
#define DAY        (24 * HOUR)
#define ROWS       200
#define ASK_MS     150 /* several keys in a row ask once */
#define KEPT_MS    (400 * DAY)
#define RESUMED_MS (10 * MINUTE) /* a lost connection; who comes back later looks at now */

/* The ranges of `z`: their name, how often they are asked for again while they end now. */
static const struct {
    int64_t ms;
    const char *step, *name, *title;
    int64_t again_ms;
} ranges[UI_RANGES] = {
    {15 * MINUTE, "1m", "15 min", "15 MIN", 5000}, {HOUR, "1m", "1 h", "1 H", 10000},
    {DAY, "30m", "24 h", "24 H", 60000},           {7 * DAY, "3h", "7 days", "7 D", 60000},
    {30 * DAY, "12h", "30 days", "30 D", 60000},
};

static void ask_soon(struct ui *ui)
{
    ui->past.due_ms = ui->now_ms + ASK_MS;
    ui->past.waiting = true;
    ui->changed = true;
}

static void enter(struct ui *ui)
{
    if (!ui->past.on) {
        ui->past.on = true;
        ui->past.end_ms = 0;
        if (ui->view == VIEW_LIMIT) {
            ui->view = VIEW_LIMITS;
        }
    }
    ui->is_frozen = false;
}

void past_leave(struct ui *ui)
{
    ui->past.on = ui->past.waiting = false;
    ui->past.range = 0;
    ui->past.end_ms = 0;
    ui->past.due_ms = INT64_MAX;
    snapshot_clear(&ui->past.shot);
    json_decref(ui->past.answer);
    ui->past.answer = NULL;
    json_decref(ui->past.calls);
    ui->past.calls = NULL;
    ui_update(ui);
}

void past_move(struct ui *ui, int direction)
{
    int64_t range = ranges[ui->past.range].ms;
    int64_t end = ui->past.on && ui->past.end_ms > 0 ? ui->past.end_ms : ui->wall_ms;
    if (!ui->past.on && direction > 0) {
        ui_say(ui, W_NORMAL, "This is now; [ goes back.");
        return;
    }
    end += direction * range;
    if (end >= ui->wall_ms - range / 4 && ui->past.range == 0) {
        past_leave(ui);
        return;
    }
    if (end < ui->wall_ms - KEPT_MS) {
        ui_say(ui, W_NORMAL, "Nothing is kept from before.");
        return;
    }
    enter(ui);
    ui->past.end_ms = end >= ui->wall_ms - range / 4 ? 0 : end;
    ask_soon(ui);
}

void past_zoom(struct ui *ui, int step)
{
    int range = (ui->past.range + step + UI_RANGES) % UI_RANGES;
    if (range == 0 && ui->past.end_ms == 0) {
        past_leave(ui);
        return;
    }
    enter(ui);
    ui->past.range = range;
    ask_soon(ui);
}

static void jump(struct ui *ui, int64_t at)
{
    char now[FORMAT_TEXT];
    if (at > ui->wall_ms) {
        format_day_clock(now, ui->wall_ms, ui->local_time);
        ui_say(ui, W_WARN, "That is in the future: it is %s %s.", now, format_zone(ui->local_time));
    } else if (at >= ui->wall_ms) {
        past_leave(ui);
    } else if (at < ui->wall_ms - KEPT_MS) {
        ui_say(ui, W_WARN, "Nothing is kept from so long ago; the ledger's sums go back 400 days.");
    } else {
        enter(ui);
        ui->past.end_ms = at;
        ask_soon(ui);
    }
}

void past_at(struct ui *ui, const char *time)
{
    int64_t at;
    char safe[80];
    if (moment_parse(str_of(time), ui->wall_ms, ui->local_time, &at)) {
        jump(ui, at);
        return;
    }
    str_printable(safe, sizeof safe, str_of(time));
    ui_say(ui, W_CRIT, "%s: no time; say 14:05, 11-20 14:05, 2026-11-20 09:00, -3h or now", safe);
}

void past_keep(const struct ui *ui, char *out, size_t size)
{
    char end[CLOCK_TEXT];
    char left[CLOCK_TEXT];
    int64_t end_ms = ui->past.on ? ui->past.end_ms : 0;
    if (ui->is_frozen && !ui->past.on) {
        end_ms = ui->wall_ms - (ui->now_ms - ui->frozen_ms);
    }
    clock_rfc3339(end, end_ms);
    clock_rfc3339(left, ui->wall_ms);
    snprintf(out, size, "%s", "");
    if (end_ms > 0) {
        snprintf(out, size, "%s %s %s", end, left, past_range(ui));
    }
}

bool past_resume(struct ui *ui, struct str kept)
{
    int64_t end;
    int64_t left;
    struct str range;
    struct str to = str_cut(kept, ' ', &range);
    struct str then = str_cut(range, ' ', &range);
    if (!clock_parse_rfc3339(to, &end) || !clock_parse_rfc3339(then, &left)) {
        return false;
    }
    bool soon = ui->wall_ms >= left && ui->wall_ms - left <= RESUMED_MS;
    for (int i = 0; i < UI_RANGES; i++) {
        if (str_is(range, ranges[i].name)) {
            if (soon && end < ui->wall_ms) {
                jump(ui, end);
                ui->past.range = i;
            }
            return true;
        }
    }
    return false;
}

void past_ask(struct ui *ui)
{
    memset(&ui->input, 0, sizeof ui->input);
    ui->mode = MODE_TIME;
}

void past_key(struct ui *ui, int key)
{
    enum w_answer answer = w_input_key(&ui->input, key);
    if (answer != W_ACCEPTED && answer != W_CANCELLED) {
        return;
    }
    ui->mode = MODE_VIEW;
    if (answer == W_ACCEPTED && str_trim(str_of(ui->input.text)).n > 0) {
        past_at(ui, ui->input.text);
    }
}

/* --- what the core tells --- */

static json_t *by_name(const json_t *rows)
{
    size_t i;
    json_t *row;
    json_t *out = json_object();
    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
    {
        const char *name = json_string_value(json_object_get(row, "name"));
        if (name) { /* not a row of a long table, which is text */
            (void)json_object_set(out, name, row);
        }
    }
    return out;
}

/* Rows as the tables know them: rates over the time shown, and what only the present knows. */
static json_t *rows_of(const struct ui *ui, const json_t *answer, const char *table, double minutes)
{
    size_t i;
    json_t *row;
    json_t *out = json_array();
    json_t *now = by_name(snapshot_at(ui->live.data, table));
    json_array_foreach(json_object_get(answer, table), i, row)
    {
        json_t *o = json_copy(row);
        const json_t *live = json_object_get(now, snapshot_text(row, "name"));
        double tokens = json_number_value(json_object_get(row, "input_tokens")) +
                        json_number_value(json_object_get(row, "output_tokens")) +
                        json_number_value(json_object_get(row, "cache_read_tokens")) +
                        json_number_value(json_object_get(row, "cache_write_tokens"));
        double usd = json_number_value(json_object_get(row, "usd"));
        (void)json_object_set_new(o, "tokens_per_minute",
                                  json_integer((json_int_t)(tokens / minutes)));
        (void)json_object_set_new(o, "usd_per_hour", json_real(usd / minutes * 60));
        (void)json_object_set_new(o, "today_usd", json_real(usd)); /* of the time shown */
        (void)json_object_set_new(o, "open", json_null());
        static const char *const kept[] = {"id", "priced", "budget_usd"};
        for (size_t k = 0; k < sizeof kept / sizeof *kept; k++) {
            json_t *v = json_object_get(live, kept[k]);
            (void)json_object_set_new(o, kept[k], v ? json_incref(v) : json_null());
        }
        (void)json_array_append_new(out, o);
    }
    json_decref(now);
    return out;
}

static json_t *denied_of(const json_t *answer)
{
    size_t i;
    json_t *row;
    json_t *out = json_array();
    json_array_foreach(json_object_get(answer, "denied"), i, row)
    {
        char text[400];
        long long n = json_integer_value(json_object_get(row, "count"));
        json_t *o = json_copy(row);
        snprintf(text, sizeof text, "%.90s|%.90s|%.90s|%.90s", snapshot_text(row, "limit"),
                 snapshot_text(row, "application"), snapshot_text(row, "cost_center"),
                 snapshot_text(row, "model"));
        (void)json_object_set_new(o, "who", json_string(text));
        (void)json_object_set_new(o, "request_id", json_string(text));
        snprintf(text, sizeof text, "%lld call%s denied in the time shown", n, n == 1 ? "" : "s");
        (void)json_object_set_new(o, "message", json_string(text));
        (void)json_array_append_new(out, o);
    }
    return out;
}

static void build(struct ui *ui, const json_t *answer)
{
    struct ui_past *p = &ui->past;
    int64_t since = format_json_time(json_object_get(answer, "since"));
    int64_t until = format_json_time(json_object_get(answer, "until"));
    int64_t now_or_until = until < ui->wall_ms ? until : ui->wall_ms;
    double minutes = now_or_until > since ? (double)(now_or_until - since) / (double)MINUTE : 1;
    json_t *denied = denied_of(answer);
    json_t *data = json_object();
    snapshot_clear(&p->shot);
    json_decref(p->answer);
    p->answer = json_incref((json_t *)(uintptr_t)answer);
    p->step_ms = json_integer_value(json_object_get(answer, "step_ms"));
    p->since_ms = since;
    p->until_ms = until;
    static const char *const tables[] = {"models", "cost_centers", "applications"};
    for (size_t i = 0; i < 3; i++) {
        (void)json_object_set_new(data, tables[i], rows_of(ui, answer, tables[i], minutes));
    }
    static const char *const live[] = {"region", "listen",    "simulated", "cloud",
                                       "aws",    "reconcile", "timezone"};
    for (size_t i = 0; i < sizeof live / sizeof *live; i++) {
        json_t *v = snapshot_at(ui->live.data, live[i]);
        (void)json_object_set_new(data, live[i], v ? json_incref(v) : json_null());
    }
    (void)json_object_set(data, "time", json_object_get(answer, "until"));
    (void)json_object_set(data, "totals", json_object_get(answer, "totals"));
    (void)json_object_set_new(data, "denials", denied);
    (void)json_object_set(data, "denied", denied);
    p->shot.data = data;
    p->shot.at_ms = ui->now_ms;
}

static void ask_again(struct ui *ui)
{
    struct ui_past *p = &ui->past;
    p->due_ms = p->end_ms == 0 ? ui->now_ms + ranges[p->range].again_ms : INT64_MAX;
}

static void got_past(void *arg, json_t *result, const struct err_info *ei)
{
    struct ui *ui = arg;
    struct ui_past *p = &ui->past;
    p->asked = false;
    if (!p->on || p->sent_range != p->range || p->sent_end_ms != p->end_ms) {
        return; /* another time is meant by now, and is asked for */
    }
    p->waiting = false;
    ask_again(ui);
    if (result) {
        build(ui, result);
    } else if (ei->code == ERR_UNSUPPORTED) {
        ui_say(ui, W_WARN, "This core cannot tell of the past; it is an older one.");
        past_leave(ui);
    } else {
        ui_say(ui, W_CRIT, "history: %s", ei->text);
    }
    ui_update(ui);
}

static void got_calls(void *arg, json_t *result, const struct err_info *ei)
{
    struct ui *ui = arg;
    ui->past.calls_asked = false;
    if (result && ui->past.on) {
        json_decref(ui->past.calls);
        ui->past.calls = json_incref(json_object_get(result, "entries"));
        ui_update(ui);
    } else if (!result && ui->past.on) {
        ui_say(ui, W_CRIT, "audit: %s", ei->text);
    }
}

json_t *past_params(const struct ui *ui)
{
    char since[CLOCK_TEXT];
    char until[CLOCK_TEXT];
    int64_t end = ui->past.end_ms > 0 ? ui->past.end_ms : ui->wall_ms;
    clock_rfc3339(since, end - ranges[ui->past.range].ms);
    clock_rfc3339(until, end);
    return json_pack("{s:s, s:s}", "since", since, "until", until);
}

/* The calls and changes of that time, where a view shows them. */
static void ask_calls(struct ui *ui)
{
    struct ui_past *p = &ui->past;
    if (p->calls_asked || (ui->view != VIEW_CALLS && ui->view != VIEW_AUDIT)) {
        return;
    }
    json_t *params = past_params(ui);
    (void)json_object_set_new(params, "max", json_integer(ROWS));
    (void)json_object_set_new(params, "quick", json_true());
    (void)json_object_set_new(params, "calls", json_true());
    (void)json_object_set_new(params, "changes", json_boolean(ui->view == VIEW_AUDIT));
    p->calls_asked = link_send(&ui->link, "audit", params, got_calls, ui, NULL) == ERR_OK;
}

void past_step(struct ui *ui)
{
    struct ui_past *p = &ui->past;
    if (!p->on || p->asked || ui->is_frozen || ui->now_ms < p->due_ms) {
        return;
    }
    json_t *params = past_params(ui);
    (void)json_object_set_new(params, "step", json_string(ranges[p->range].step));
    p->sent_range = p->range;
    p->sent_end_ms = p->end_ms;
    if (link_send(&ui->link, "history", params, got_past, ui, NULL) == ERR_OK) {
        p->asked = true;
        ask_calls(ui);
    } else {
        p->due_ms = ui->now_ms + 1000;
    }
}

void past_refresh(struct ui *ui)
{
    json_decref(ui->past.calls);
    ui->past.calls = NULL;
    ui->past.due_ms = ui->now_ms;
}

void past_forget(struct ui *ui)
{
    ui->past.asked = ui->past.calls_asked = false;
    if (ui->past.on) {
        past_refresh(ui);
    }
}

int64_t past_due(const struct ui *ui)
{
    const struct ui_past *p = &ui->past;
    return p->on && !p->asked && !ui->is_frozen ? p->due_ms : INT64_MAX;
}

/* --- words --- */

void past_words(const struct ui *ui, bool brief, char *out, size_t size)
{
    const struct ui_past *p = &ui->past;
    const char *more = p->waiting ? " ..." : "";
    if (p->end_ms == 0) {
        snprintf(out, size, " LAST %s%s ", ranges[p->range].title, more);
        return;
    }
    char from[FORMAT_TEXT];
    char to[FORMAT_TEXT];
    char behind[FORMAT_TEXT];
    int64_t since = p->end_ms - ranges[p->range].ms;
    format_day_clock(from, since, ui->local_time);
    if (ranges[p->range].ms >= DAY) {
        format_day_clock(to, p->end_ms, ui->local_time);
    } else {
        format_clock(to, p->end_ms, false, ui->local_time);
    }
    format_behind(behind, ui->wall_ms - p->end_ms);
    snprintf(out, size, " PAST %s - %s%s%s%s%s ", from, to, brief ? "" : ", ", brief ? "" : behind,
             brief ? "" : " behind live", more);
}

const char *past_title(const struct ui *ui, const char *title)
{
    if (!ui->past.on) {
        return title;
    }
    if (strcmp(title, "LAST 15 MIN") == 0) {
        return ui->past.range == 0 ? title : "TOKENS";
    }
    return strcmp(title, "TODAY") == 0 || strcmp(title, "$ 24 H") == 0 ? "SPENT" : title;
}

const char *past_range(const struct ui *ui)
{
    return ranges[ui->past.range].name;
}
