#include "core/base/str.h"
#include "tui/format.h"
#include "tui/ui.h"
#include "widgets/text.h"

#include <stdio.h>
#include <string.h>

#define TEXT 320

static json_t *worst_limit(const struct snapshot *s, json_t **group)
{
    size_t i;
    json_t *limit;
    json_t *worst = NULL;
    double most = -1;
    *group = NULL;
    json_array_foreach(snapshot_at(s->data, "limits"), i, limit)
    {
        json_t *g = snapshot_fullest_group(limit);
        double share = snapshot_share(limit, g);
        if (share > most) {
            most = share;
            worst = limit;
            *group = g;
        }
    }
    return worst;
}

/* The row of an array with the largest member, or NULL. */
static const json_t *top_row(struct ui *ui, const json_t *rows, const char *member)
{
    size_t top = 0;
    double most = -1;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        double v;
        if (!rows_number(rows, i, member, &v)) {
            v = json_number_value(json_object_get(json_array_get(rows, i), member));
        }
        if (v > most) {
            most = v;
            top = i;
        }
    }
    return rows_at(&ui->rows, rows, top);
}

static void share_text(char *out, size_t size, const json_t *limit, const json_t *group)
{
    double share = snapshot_share(limit, group);
    if (share >= 2) {
        snprintf(out, size, "BLOCKED");
    } else {
        char letter = w_state_letter(panel_limit_state(limit, group));
        snprintf(out, size, letter == ' ' ? "%d%%" : "%d%% %c", (int)(share * 100), letter);
    }
}

void ui_draw_labelled(const struct w_area *a, int y, const char *label, enum w_role role,
                      const char *text)
{
    char safe[TEXT];
    int x = a->w >= 36 ? 12 : 7;
    str_printable(safe, sizeof safe, str_of(text));
    w_text(a, y, 0, x, W_LABEL, W_LEFT, label);
    w_text(a, y, x, a->w - x, role, W_LEFT, safe);
}

struct wrapped {
    const struct w_area *area;
    int y, x;
    enum w_role role;
};

static void put_row(void *arg, const char *line)
{
    struct wrapped *r = arg;
    w_text(r->area, r->y++, r->x, r->area->w - r->x, r->role, W_LEFT, line);
}

int ui_draw_wrapped(const struct w_area *a, int y, const char *label, enum w_role role,
                    const char *text)
{
    char safe[TEXT];
    struct wrapped r = {a, y, a->w >= 36 ? 12 : 7, role};
    str_printable(safe, sizeof safe, str_of(text));
    w_text(a, y, 0, r.x, W_LABEL, W_LEFT, label);
    w_text_wrap(safe, a->w - r.x, put_row, &r);
    return r.y > y ? r.y : y + 1;
}

static void limit_line(const struct ui *ui, const struct w_area *a, int y)
{
    char text[TEXT];
    char share[16];
    json_t *group;
    const json_t *limit = worst_limit(ui_shown(ui), &group);
    if (ui->past.on) {
        ui_draw_labelled(a, y, "Limits", W_MUTED, "for the present only");
        return;
    }
    if (limit) {
        share_text(share, sizeof share, limit, group);
        snprintf(text, sizeof text, "%s %.100s", share, snapshot_text(limit, "name"));
    }
    ui_draw_labelled(a, y, "Limits",
                     limit ? w_state_role(panel_limit_state(limit, group)) : W_MUTED,
                     limit ? text : "none are set");
}

static void model_line(struct ui *ui, const json_t *data, const struct w_area *a, int y)
{
    char text[TEXT] = "none";
    char count[FORMAT_TEXT];
    const json_t *row = top_row(ui, snapshot_at(data, "models"), "tokens_per_minute");
    if (row) {
        format_count(count, json_integer_value(json_object_get(row, "tokens_per_minute")));
        snprintf(text, sizeof text, "%s/min %.100s", count, snapshot_text(row, "name"));
    }
    ui_draw_labelled(a, y, "Models", W_NORMAL, text);
}

static void spender_line(struct ui *ui, const json_t *data, const struct w_area *a, int y,
                         const char *rows, const char *label)
{
    char text[TEXT] = "none";
    char money[FORMAT_TEXT];
    const json_t *row = top_row(ui, snapshot_at(data, rows), "today_usd");
    if (row) {
        format_money(money, format_json_money(json_object_get(row, "today_usd")));
        snprintf(text, sizeof text, "%s %.100s", money, snapshot_text(row, "name"));
    }
    ui_draw_labelled(a, y, label, W_NORMAL, text);
}

/* "9/min", or of the past "51 in 1 h". */
static bool denied_words(const struct ui *ui, char *out, size_t size)
{
    char count[FORMAT_TEXT];
    const json_t *data = ui_shown(ui)->data;
    int64_t n =
        json_integer_value(snapshot_at(data, ui->past.on ? "totals.denied" : "denied_per_minute"));
    format_count(count, n);
    snprintf(out, size, "%s%s%s", count, ui->past.on ? " in " : "/min",
             ui->past.on ? past_range(ui) : "");
    return n > 0;
}

static void denial_line(const struct ui *ui, const struct w_area *a, int y)
{
    char text[TEXT];
    char words[TEXT / 2];
    const json_t *last = json_array_get(snapshot_at(ui_shown(ui)->data, "denials"), 0);
    bool some = denied_words(ui, words, sizeof words);
    snprintf(text, sizeof text, "%s %.100s", words, snapshot_text(last, "limit"));
    ui_draw_labelled(a, y, "Denials", some ? W_WARN : W_NORMAL, text);
}

/* "11 ok", or what is not: "cost_explorer failed". */
static void cloud_line(const struct ui *ui, const json_t *data, const struct w_area *a, int y)
{
    char text[TEXT] = "";
    size_t ok = 0;
    size_t n = 0;
    size_t i;
    json_t *entry;
    if (ui->past.on) {
        ui_draw_labelled(a, y, "Cloud", W_MUTED, "for the present only");
        return;
    }
    json_array_foreach(snapshot_at(data, "cloud"), i, entry)
    {
        const char *state = snapshot_text(entry, "state");
        if (strcmp(state, "ok") == 0 || strcmp(state, "off") == 0) {
            ok += state[1] == 'k';
            continue;
        }
        int more = snprintf(text + n, sizeof text - n, "%s%.20s %.12s", n ? ", " : "",
                            snapshot_text(entry, "source"), state);
        n += more > 0 && n + (size_t)more < sizeof text ? (size_t)more : 0;
    }
    bool bad = n > 0;
    if (!bad) {
        snprintf(text, sizeof text, ok > 0 ? "all %zu ok" : "AWS is not asked", ok);
    }
    ui_draw_labelled(a, y, "Cloud", bad ? W_WARN : W_NORMAL, text);
}

void ui_draw_lines(struct ui *ui, const struct w_area *a)
{
    const json_t *data = ui_shown(ui)->data;
    limit_line(ui, a, 0);
    model_line(ui, data, a, 1);
    denial_line(ui, a, 2);
    spender_line(ui, data, a, 3, "cost_centers", a->w >= 36 ? "Cost center" : "Cost");
    spender_line(ui, data, a, 4, "applications", a->w >= 36 ? "Application" : "App");
    cloud_line(ui, data, a, 5);
}

/* The state in a few words, the worst first. */
static enum w_role state_words(const struct ui *ui, char *out, size_t size)
{
    const char *trouble = ui_draw_trouble(ui_shown(ui)->data);
    if (ui->link.state != LINK_UP || trouble) {
        snprintf(out, size, "%s",
                 ui->link.state == LINK_SILENT    ? "core silent"
                 : ui->link.state == LINK_OPENING ? "connecting"
                 : ui->link.state == LINK_DOWN    ? "core gone"
                                                  : trouble);
        return W_CRIT;
    }
    if (ui->past.on) {
        past_words(ui, true, out, size);
        return W_NOTICE;
    }
    snprintf(out, size, ui->is_frozen ? " FROZEN " : ui->read_only ? "read-only" : "live");
    return ui->is_frozen ? W_NOTICE : W_MUTED;
}

/* The limit that a pending change is about, and the amount: what Enter applies must be seen. */
static void draw_pending(struct ui *ui, const struct w_area *a)
{
    char text[TEXT];
    char amount[FORMAT_TEXT];
    edit_describe(&ui->edit, text, sizeof text);
    w_text(a, a->h - 2, 0, a->w, W_PENDING, W_LEFT, text);
    format_amount(amount, ui->edit.metric, ui->edit.amount);
    snprintf(text, sizeof text, "-> %s? Enter", amount);
    w_text(a, a->h - 1, 0, a->w, W_PENDING, W_LEFT, text);
}

void ui_draw_worst(struct ui *ui, const struct w_area *a)
{
    const json_t *data = ui_shown(ui)->data;
    char text[TEXT];
    char words[TEXT / 2];
    json_t *group;
    const json_t *limit = worst_limit(ui_shown(ui), &group);
    if (limit && !ui->past.on) {
        share_text(words, sizeof words, limit, group);
        snprintf(text, sizeof text, "%.20s %.100s", words, snapshot_text(limit, "name"));
        w_text(a, 0, 0, a->w, w_state_role(panel_limit_state(limit, group)), W_LEFT, text);
    } else {
        w_text(a, 0, 0, a->w, W_MUTED, W_LEFT,
               !data         ? "no core"
               : ui->past.on ? "Esc: now"
                             : "no limits");
    }
    bool some = denied_words(ui, words, sizeof words);
    snprintf(text, sizeof text, "denied %s", words);
    w_text(a, 1, 0, a->w, some ? W_WARN : W_NORMAL, W_LEFT, text);
    char money[FORMAT_TEXT];
    format_live_money(money, format_json_money(snapshot_at(
                                 data, ui->past.on ? "totals.usd" : "burn.usd_per_hour")));
    snprintf(text, sizeof text, "%s%s", money, ui->past.on ? "" : "/h");
    w_text(a, 2, 0, a->w, W_NORMAL, W_LEFT, text);
    enum w_role role = state_words(ui, text, sizeof text);
    w_text(a, 3, 0, a->w, role, W_LEFT, text);
    if (w_toast_on(&ui->toast, ui->now_ms)) {
        w_toast_draw(a, &ui->toast);
    } else if (ui->edit.active) {
        draw_pending(ui, a);
    }
}
