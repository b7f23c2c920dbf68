/* trail.c: why a call was refused and what would let it through, or which limits it counted in:
 * the rule, and what is used and left of it now. */
#include "core/base/str.h"
#include "tui/format.h"
#include "tui/ui.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define TEXT 320

/* What a call has for a key that limits match or count by; "" when nothing. */
static const char *value_of(const json_t *row, const char *key)
{
    if (strcmp(key, "model") == 0 || strcmp(key, "principal") == 0) {
        return snapshot_text(row, key);
    }
    const json_t *tags = json_object_get(row, "tags");
    const char *tag = strcmp(key, "application") == 0 ? "applicationId" : key;
    const char *value = json_string_value(json_object_get(tags, tag));
    return value ? value : "";
}

static bool counts(const json_t *limit, const json_t *row)
{
    const char *key;
    json_t *glob;
    json_object_foreach(json_object_get(limit, "match"), key, glob)
    {
        const char *want = json_string_value(glob);
        if (want && fnmatch(want, value_of(row, key), 0) != 0) {
            return false;
        }
    }
    return true;
}

/* The group of the limit that the row belongs to; a denial names it. */
static const json_t *group_of(const json_t *limit, const json_t *row)
{
    size_t i;
    json_t *group;
    const json_t *named = json_object_get(row, "group");
    json_array_foreach(json_object_get(limit, "groups"), i, group)
    {
        const json_t *pairs = json_object_get(group, "group");
        const char *key;
        json_t *value;
        bool same = !json_object_size(named) || json_equal(named, pairs);
        json_object_foreach((json_t *)(uintptr_t)pairs, key, value)
        {
            const char *text = json_string_value(value);
            same = same && text && strcmp(text, value_of(row, key)) == 0;
        }
        if (same) {
            return group;
        }
    }
    return NULL;
}

/* "limit", "too_large", "blocked": as the core writes down why. */
static const char *code_of(const json_t *row)
{
    const char *message = snapshot_text(row, "message");
    return *message ? message : snapshot_text(row, "error");
}

void trail_remedy(const struct ui *ui, const json_t *row, char *out, size_t size)
{
    const json_t *limit = snapshot_limit(ui_shown(ui), snapshot_text(row, "limit"));
    const json_t *group = limit ? group_of(limit, row) : NULL;
    const json_t *of = group ? group : limit;
    const char *metric = snapshot_text(limit, "metric");
    char text[FORMAT_TEXT];
    int64_t left = format_json_amount(snapshot_at(of, "remaining"), metric);
    int64_t resets = format_json_time(snapshot_at(of, "resets_at"));
    if (!limit) {
        bool all = strcmp(snapshot_text(row, "limit"), "all-calls") == 0;
        snprintf(out, size, all ? "limit unblock --all" : "-");
    } else if (snapshot_share(limit, group) >= 2) {
        snprintf(out, size, "unblock: b");
    } else if (strcmp(code_of(row), "too_large") == 0) {
        snprintf(out, size, "raise it: =");
    } else if (left > 0 && panel_limit_state(limit, group) != W_STATE_CRIT) {
        format_amount(text, metric, left);
        snprintf(out, size, "fits: %s left", text);
    } else if (resets > ui->wall_ms) {
        format_span(text, resets - ui->wall_ms);
        snprintf(out, size, "wait %s, or raise: t", text);
    } else {
        snprintf(out, size, "wait, or raise: t");
    }
}

/* "98%: 6,882 used and 0 reserved of 7k/min, 118 left" */
static void counter_text(const json_t *limit, const json_t *group, char *text, size_t size)
{
    char amount[FORMAT_TEXT];
    char used[FORMAT_TEXT];
    char reserved[FORMAT_TEXT];
    char left[FORMAT_TEXT];
    char share[16] = "BLOCKED";
    const json_t *of = group ? group : limit;
    const char *metric = snapshot_text(limit, "metric");
    double part = snapshot_share(limit, group);
    format_amount(used, metric, format_json_amount(snapshot_at(of, "used"), metric));
    format_amount(reserved, metric, format_json_amount(snapshot_at(of, "reserved"), metric));
    format_amount(left, metric, format_json_amount(snapshot_at(of, "remaining"), metric));
    panel_limit_short(amount, sizeof amount, limit, group);
    if (part < 2) {
        snprintf(share, sizeof share, "%d%%", (int)(part * 100));
    }
    snprintf(text, size, "%s: %s used and %s reserved of %s, %s left", share, used, reserved,
             amount, left);
}

static void group_text(const json_t *group, char *out, size_t size)
{
    const char *key;
    json_t *value;
    size_t n = 0;
    out[0] = '\0';
    json_object_foreach(snapshot_at(group, "group"), key, value)
    {
        const char *is = json_string_value(value);
        int more = snprintf(out + n, size - n, " %.30s=%.60s", key, is ? is : "");
        n += more > 0 && n + (size_t)more < size ? (size_t)more : 0;
    }
    out[n] = '\0';
}

void trail_groups(struct ui *ui, const json_t *limit)
{
    size_t i;
    json_t *group;
    char name[TEXT / 2];
    char text[TEXT];
    json_array_foreach(json_object_get(limit, "groups"), i, group)
    {
        enum w_role role = w_state_role(panel_limit_state(limit, group));
        group_text(group, name, sizeof name);
        counter_text(limit, group, text, sizeof text);
        detail_pair(ui, W_LABEL, "group", name + (*name ? 1 : 0));
        detail_pair(ui, role, "  now", text);
    }
}

static void add_rule(struct ui *ui, const char *word, const json_t *limit, const json_t *group)
{
    char text[TEXT];
    char rule[TEXT / 2];
    group_text(group, rule, sizeof rule);
    snprintf(text, sizeof text, "%.60s%s", snapshot_text(limit, "name"), rule);
    detail_pair(ui, W_LABEL, word, text);
    draw_limit_match(limit, rule, sizeof rule);
    detail_pair(ui, W_NORMAL, "  rule", rule);
    counter_text(limit, group, text, sizeof text);
    detail_pair(ui, w_state_role(panel_limit_state(limit, group)), "  now", text);
}

static void add_refused(struct ui *ui, const json_t *row, const json_t *limit)
{
    char remedy[TEXT / 2];
    const char *code = code_of(row);
    trail_remedy(ui, row, remedy, sizeof remedy);
    if (limit) {
        add_rule(ui, "refused by", limit, group_of(limit, row));
    } else {
        detail_pair(ui, W_LABEL, "refused by", snapshot_text(row, "limit"));
    }
    detail_pair(ui, W_NORMAL, "  why",
                strcmp(code, "blocked") == 0     ? "it was blocked"
                : strcmp(code, "too_large") == 0 ? "it asked for more than the whole limit"
                                                 : "less was left than it asked for");
    detail_pair(ui, W_NOTICE, "  to get through", remedy);
}

void trail_fill(struct ui *ui, const json_t *row)
{
    size_t i;
    json_t *limit;
    const char *by = snapshot_text(row, "limit");
    bool call = json_is_object(json_object_get(row, "tags"));
    if (!call || ui->past.on) {
        return; /* of no call, or of another time than the counters are */
    }
    if (*by) {
        add_refused(ui, row, snapshot_limit(ui_shown(ui), by));
    }
    json_array_foreach(snapshot_at(ui_shown(ui)->data, "limits"), i, limit)
    {
        if (!*by && counts(limit, row)) {
            add_rule(ui, "counts in", limit, group_of(limit, row));
        }
    }
    w_pager_add(&ui->pager, W_NORMAL, "");
}
