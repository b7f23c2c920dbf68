/* draw_limit.c: what stands above the groups of an open limit: its amount, what it is for, who
 * changed it, how fast it is used up, and what it denied. */
#include "core/base/str.h"
#include "tui/format.h"
#include "tui/ui.h"

#include <stdio.h>
#include <string.h>

#define TEXT 320

/* "by ann 12 min ago, until 11-21 18:00 UTC: launch day"; no reason, no colon. */
static void override_text(const struct ui *ui, const json_t *override, bool blocked, char *out,
                          size_t size)
{
    char ago[FORMAT_TEXT] = "";
    char until[FORMAT_TEXT] = "";
    int64_t since = format_json_time(snapshot_at(override, "since"));
    int64_t ends = format_json_time(snapshot_at(override, "until"));
    const char *reason = snapshot_text(override, "reason");
    if (since > 0) {
        format_span(ago, ui->wall_ms - since);
    }
    if (ends > 0) {
        format_day_clock(until, ends, ui->local_time);
    }
    snprintf(out, size, "%sby %.40s%s%s%s, %s%s%s%s%s%.120s", blocked ? "blocked " : "",
             snapshot_text(override, "actor"), *ago ? " " : "", ago, *ago ? " ago" : "",
             *until ? "until " : "for good", until, *until ? " " : "",
             *until ? format_zone(ui->local_time) : "", *reason ? ": " : "", reason);
}

static void figure(char out[FORMAT_TEXT], const json_t *limit, const char *path)
{
    const char *metric = snapshot_text(limit, "metric");
    const json_t *v = snapshot_at(limit, path);
    if (strcmp(metric, "usd") == 0) {
        format_live_money(out, format_json_money(v));
    } else {
        format_count(out, format_json_amount(v, metric));
    }
}

/* "6.16k a minute, over 15 min 7.69k, over 1 h 7.69k; empty in 10 s" */
static bool rate_text(const json_t *limit, char *out, size_t size)
{
    char rate[3][FORMAT_TEXT];
    char empty[FORMAT_TEXT] = "";
    static const char *const paths[] = {"rates.per_minute_1m", "rates.per_minute_15m",
                                        "rates.per_minute_1h"};
    const char *burn = snapshot_text(limit, "burn");
    int64_t ms = snapshot_empty_in(limit, NULL);
    if (!json_is_object(snapshot_at(limit, "rates"))) {
        return false;
    }
    for (size_t i = 0; i < 3; i++) {
        figure(rate[i], limit, paths[i]);
    }
    if (ms >= 0) {
        format_span(empty, ms);
    }
    snprintf(out, size, "%s a minute, over 15 min %s, over 1 h %s%s%s%s%.8s", rate[0], rate[1],
             rate[2], ms > 0 ? "; empty in " : "",
             ms > 0    ? empty
             : ms == 0 ? "; empty"
                       : "",
             *burn ? "; burns " : "", burn);
    return true;
}

/* What the core has looked at since it started. */
static bool denials_text(const json_t *limit, char *out, size_t size)
{
    char all[FORMAT_TEXT];
    char phantom[FORMAT_TEXT];
    int64_t n = json_integer_value(snapshot_at(limit, "examined_denials"));
    int64_t needless = json_integer_value(snapshot_at(limit, "phantom_denials"));
    int64_t waiting = json_integer_value(snapshot_at(limit, "waiting"));
    if (n == 0 && waiting == 0) {
        return false;
    }
    format_exact(all, n);
    format_exact(phantom, needless);
    int used = snprintf(out, size,
                        "%s of %s judged since the core started %s phantom: only reservations were "
                        "in the way",
                        needless > 0 ? phantom : "none", all, needless == 1 ? "was" : "were");
    if (waiting > 0 && used > 0 && (size_t)used < size) {
        snprintf(out + used, size - (size_t)used, "; %lld wait%s now", (long long)waiting,
                 waiting == 1 ? "s" : "");
    }
    return true;
}

void draw_limit_match(const json_t *limit, char *out, size_t size)
{
    size_t n = 0;
    size_t i;
    const char *key;
    json_t *value;
    snprintf(out, size, "every call");
    json_object_foreach(snapshot_at(limit, "match"), key, value)
    {
        const char *glob = json_string_value(value);
        int more =
            snprintf(out + n, size - n, "%s%.30s=%.60s", n ? " " : "", key, glob ? glob : "");
        n += more > 0 && n + (size_t)more < size ? (size_t)more : 0;
    }
    json_array_foreach(snapshot_at(limit, "per"), i, value)
    {
        n = strlen(out);
        snprintf(out + n, size - n, "%s%.60s", i ? ", " : "; one counter for each ",
                 json_string_value(value) ? json_string_value(value) : "");
    }
}

int ui_draw_limit_head(struct ui *ui, const struct w_area *a)
{
    const json_t *limit = snapshot_limit(ui_shown(ui), ui->open_limit);
    char text[TEXT];
    char amount[FORMAT_TEXT];
    char file[FORMAT_TEXT];
    bool roomy = a->h > 12;
    if (!limit) {
        w_text(a, 0, 0, a->w, W_CRIT, W_LEFT, "This limit is gone from the configuration.");
        return 1;
    }
    const char *metric = snapshot_text(limit, "metric");
    panel_limit_short(amount, sizeof amount, limit, NULL);
    format_amount(file, metric, format_json_amount(snapshot_at(limit, "file_amount"), metric));
    snprintf(text, sizeof text, "%s of %s%s; the file says %s", amount, metric,
             json_is_true(snapshot_at(limit, "rolling")) ? ", rolling" : "", file);
    ui_draw_labelled(a, 0, "Limit", W_NORMAL, text);
    int y = 1;
    draw_limit_match(limit, text, sizeof text);
    y = roomy ? ui_draw_wrapped(a, y, "For", W_NORMAL, text) : y;
    if (roomy && rate_text(limit, text, sizeof text)) {
        bool burns = *snapshot_text(limit, "burn");
        y = ui_draw_wrapped(a, y, "Rate", burns ? W_WARN : W_NORMAL, text);
    }
    if (roomy && denials_text(limit, text, sizeof text)) {
        y = ui_draw_wrapped(a, y, "Denials", W_NORMAL, text);
    }
    const struct ui_edit *e = edit_pending(ui, limit, NULL);
    const json_t *override = snapshot_at(limit, "override");
    if (json_is_object(override)) {
        override_text(ui, override, json_is_true(snapshot_at(limit, "blocked")), text, sizeof text);
        y = ui_draw_wrapped(a, y, "Changed", W_LABEL, text);
    }
    if (e) {
        format_amount(amount, metric, e->amount);
        y = ui_draw_wrapped(a, y, "Pending", W_PENDING, amount);
    }
    return roomy ? y + 1 : y;
}
