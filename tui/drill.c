/* drill.c: from a cost center, model or application into what it is made of: Enter narrows by the
 * row (sales > claude-3-5-haiku > crm), Esc widens again, and the calls that are meant stand below.
 * Of the last 24 hours, or of the past that is looked at. */
#include "core/base/clock.h"
#include "core/base/str.h"
#include "tui/format.h"
#include "tui/ui.h"

#include <stdio.h>
#include <string.h>

#define AGAIN_MS 5000
#define ROWS     200
#define TEXT     320

static const char *const keys[UI_DRILL_DEPTH] = {"model", "costCenter", "applicationId"};

/* The key that rows of this panel stand for; NULL: none. */
static const char *key_of(const struct panel *p)
{
    switch ((int)p->def->subject) {
    case SUBJECT_MODEL:
        return keys[0];
    case SUBJECT_COST_CENTER:
        return keys[1];
    case SUBJECT_APPLICATION:
        return keys[2];
    default:
        return NULL;
    }
}

static bool narrowed_by(const struct ui_drill *d, const char *key)
{
    for (int i = 0; i < d->depth; i++) {
        if (strcmp(d->at[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}

int drill_table(const struct ui *ui)
{
    int i = 0;
    while (i < UI_DRILL_DEPTH && narrowed_by(&ui->drill, keys[i])) {
        i++;
    }
    return i;
}

static void forget(struct ui_drill *d)
{
    json_decref(d->sums);
    json_decref(d->calls);
    d->sums = d->calls = NULL;
    d->sent[0] = '\0';
}

static void show(struct ui *ui)
{
    forget(&ui->drill);
    for (int i = PANEL_DRILL_MODELS; i <= PANEL_DRILL_CALLS; i++) {
        w_table_begin(&ui->panels[i].table);
    }
    ui->focus[VIEW_DRILL] = drill_table(ui);
    ui_open_view(ui, VIEW_DRILL);
}

bool drill_open(struct ui *ui)
{
    struct ui_drill *d = &ui->drill;
    const struct panel *p = ui_panel(ui);
    const json_t *row = panel_selected(p);
    const char *key = key_of(p);
    const char *name = snapshot_text(row, "name");
    if (!key || !row || !*name) {
        return false; /* calls without this tag cannot be asked for */
    }
    if (ui->view != VIEW_DRILL) {
        d->depth = p->def->origin == ROWS_DRILL ? d->depth : 0; /* a part of the row looked into */
        d->from = ui->view;
        for (int i = PANEL_DRILL_MODELS; i <= PANEL_DRILL_CALLS; i++) {
            w_table_filter(&ui->panels[i].table, "");
        }
    }
    if (d->depth == UI_DRILL_DEPTH || narrowed_by(d, key)) {
        return false;
    }
    d->at[d->depth].key = key;
    str_copy(d->at[d->depth].value, sizeof d->at[d->depth].value, str_of(name));
    d->depth++;
    show(ui);
    return true;
}

void drill_back(struct ui *ui)
{
    struct ui_drill *d = &ui->drill;
    if (d->depth > 0) {
        d->depth--;
    }
    if (d->depth > 0) {
        show(ui);
    } else {
        forget(d);
        ui_open_view(ui, d->from);
    }
}

void drill_look(struct ui *ui, const char *key, const char *name)
{
    struct ui_drill *d = &ui->drill;
    forget(d);
    d->depth = *name ? 1 : 0; /* calls without this tag cannot be asked for */
    d->at[0].key = key;
    str_copy(d->at[0].value, sizeof d->at[0].value, str_of(name));
}

void drill_words(const struct ui *ui, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; i < ui->drill.depth; i++) {
        int more = snprintf(out + n, size - n, "%s> %.60s", i ? " " : "", ui->drill.at[i].value);
        n += more > 0 && n + (size_t)more < size ? (size_t)more : 0;
    }
}

/* --- asking --- */

json_t *drill_where(const struct ui *ui)
{
    const struct ui_drill *d = &ui->drill;
    json_t *o = json_object();
    for (int i = 0; i < d->depth; i++) {
        (void)json_object_set_new(o, d->at[i].key, json_string(d->at[i].value));
    }
    return o;
}

/* What is asked, as text: another one means that answers under way are of no use. */
static void question(const struct ui *ui, char out[UI_DRILL_TEXT])
{
    const struct ui_past *p = &ui->past;
    size_t n = (size_t)snprintf(out, UI_DRILL_TEXT, "%d %d %lld", p->on, p->range,
                                (long long)(p->on ? p->end_ms : 0));
    drill_words(ui, out + n, UI_DRILL_TEXT - n);
}

static bool is_meant(const struct ui *ui)
{
    char now[UI_DRILL_TEXT];
    question(ui, now);
    return strcmp(now, ui->drill.sent) == 0;
}

static void take(struct ui *ui, json_t **at, json_t *value)
{
    if (is_meant(ui) && (!ui->is_frozen || !*at)) {
        json_decref(*at);
        *at = json_incref(value);
        ui_update(ui);
    }
}

static void got_sums(void *arg, json_t *result, const struct err_info *ei)
{
    struct ui *ui = arg;
    ui->drill.asked--;
    if (result) {
        take(ui, &ui->drill.sums, result);
    } else if (ei->code == ERR_UNSUPPORTED) { /* of an older core it would be said for ever */
        ui->no_past = true;
    } else {
        ui_say(ui, W_CRIT, "history: %s", ei->text);
    }
}

static void got_calls(void *arg, json_t *result, const struct err_info *ei)
{
    struct ui *ui = arg;
    ui->drill.asked--;
    if (result) {
        take(ui, &ui->drill.calls, json_object_get(result, "entries"));
    } else {
        ui_say(ui, W_CRIT, "audit: %s", ei->text);
    }
}

static json_t *params_of(const struct ui *ui)
{
    json_t *params = ui->past.on ? past_params(ui) : json_pack("{s:s}", "since", "24h");
    (void)json_object_set_new(params, "where", drill_where(ui));
    return params;
}

void drill_step(struct ui *ui)
{
    struct ui_drill *d = &ui->drill;
    bool fresh = !is_meant(ui);
    bool again = !ui->past.on && !ui->is_frozen && ui->now_ms - d->asked_ms >= AGAIN_MS;
    bool aside = aside_has(ui->view) && ui->view != VIEW_LIMITS && ui->aside.shown && d->depth == 1;
    if (!(ui->view == VIEW_DRILL || aside) || ui->no_past || d->asked > 0 ||
        ui->link.state != LINK_UP || !(fresh || again)) {
        return;
    }
    json_t *sums = params_of(ui);
    if (!ui->past.on) {
        (void)json_object_set_new(sums, "step", json_string("30m"));
    }
    question(ui, d->sent);
    d->asked_ms = ui->now_ms;
    d->asked += link_send(&ui->link, "history", sums, got_sums, ui, NULL) == ERR_OK;
    if (ui->view == VIEW_DRILL) {
        json_t *calls = params_of(ui);
        (void)json_object_set_new(calls, "max", json_integer(ROWS));
        (void)json_object_set_new(calls, "calls", json_true());
        d->asked += link_send(&ui->link, "audit", calls, got_calls, ui, NULL) == ERR_OK;
    }
}

void drill_forget(struct ui *ui)
{
    ui->drill.asked = 0;
    ui->drill.sent[0] = '\0';
}

void drill_free(struct ui *ui)
{
    forget(&ui->drill);
}

/* --- what stands above the tables --- */

void drill_sums(const struct ui *ui, char *out, size_t size)
{
    const json_t *t = snapshot_at(ui->drill.sums, "totals");
    char usd[FORMAT_TEXT];
    char ok[FORMAT_TEXT];
    char input[FORMAT_TEXT];
    char output[FORMAT_TEXT];
    char denied[FORMAT_TEXT];
    out[0] = '\0';
    if (!t) {
        return;
    }
    format_live_money(usd, format_json_money(snapshot_at(t, "usd")));
    format_count(ok, json_integer_value(snapshot_at(t, "approved")));
    format_count(input, json_integer_value(snapshot_at(t, "input_tokens")));
    format_count(output, json_integer_value(snapshot_at(t, "output_tokens")));
    format_count(denied, json_integer_value(snapshot_at(t, "denied")));
    snprintf(out, size, "%s in %s: %s admitted, %s denied, %s input, %s output", usd,
             ui->past.on ? past_range(ui) : "24 h", ok, denied, input, output);
}

const char *drill_silence(const struct ui *ui)
{
    return ui->no_past ? "this core cannot tell; it is an older one" : "asking the ledger";
}

int drill_draw_head(struct ui *ui, const struct w_area *a)
{
    char text[TEXT];
    bool roomy = a->h > 12; /* or the title says it */
    int y = 0;
    if (roomy) {
        drill_words(ui, text, sizeof text);
        ui_draw_labelled(a, y++, "Of", W_LABEL, text + (*text ? 2 : 0));
    }
    drill_sums(ui, text, sizeof text);
    const char *spent = *text ? text : drill_silence(ui);
    if (!roomy) {
        ui_draw_labelled(a, y, "Spent", W_NORMAL, spent);
        return y + 1;
    }
    return ui_draw_wrapped(a, y, "Spent", W_NORMAL, spent) + 1;
}
