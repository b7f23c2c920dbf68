/* panel_rank.c: what the rows of a panel are ordered by. */
#include "tui/format.h"
#include "tui/ui.h"

#include <string.h>

static double limit_number(const json_t *limit, const json_t *group, const struct panel_column *c)
{
    int64_t ms;
    switch ((int)c->kind) {
    case KIND_LIMIT_GAUGE:
        return snapshot_share(limit, group);
    case KIND_LIMIT_EMPTY:
        ms = snapshot_empty_in(limit, group);
        return ms < 0 ? 1e18 : (double)ms;
    case KIND_LIMIT_PHANTOM:
        return json_number_value(snapshot_at(limit, "phantom_denials"));
    case KIND_LIMIT_RESETS:
        return (double)format_json_time(snapshot_at(limit, "resets_at"));
    default:
        return json_number_value(
            snapshot_at(group ? group : limit, *c->member ? c->member : "amount"));
    }
}

/* What a column is ordered by when that is a number. */
static bool sort_number(const struct panel *p, const json_t *row, const struct panel_column *c,
                        double *out)
{
    json_t *group;
    const json_t *limit;
    *out = -1;
    switch ((int)c->kind) {
    case KIND_BILLED:
        *out = json_number_value(snapshot_billed(ui_shown(p->ui), snapshot_text(row, "name")));
        return true;
    case KIND_LEDGER:
        *out =
            json_number_value(snapshot_spent(ui_shown(p->ui), snapshot_text(row, "cost_center")));
        return true;
    case KIND_COUNT:
    case KIND_USD:
    case KIND_FORECAST:
        *out = json_number_value(snapshot_at(row, c->member));
        return true;
    case KIND_MS:
        *out = json_is_integer(snapshot_at(row, c->member))
                   ? json_number_value(snapshot_at(row, c->member))
                   : -1;
        return true;
    case KIND_AGE:
        *out = -(double)format_json_time(snapshot_at(row, c->member));
        return true;
    case KIND_OK_CALLS:
        *out = (double)panel_ok_calls(row);
        return true;
    case KIND_TIME:
    case KIND_DAY_TIME:
    case KIND_UNTIL:
        *out = (double)format_json_time(snapshot_at(row, c->member));
        return true;
    case KIND_SERIES:
        *out = json_number_value(json_array_get(snapshot_at(row, c->member), 14));
        return true;
    case KIND_LIMIT_GAUGE:
    case KIND_LIMIT_SHORT:
    case KIND_LIMIT_AMOUNT:
    case KIND_LIMIT_FIGURE:
    case KIND_LIMIT_EMPTY:
    case KIND_LIMIT_RESETS:
    case KIND_LIMIT_PHANTOM:
        limit = panel_limit(p, row, &group);
        break;
    default:
        return false;
    }
    *out = limit ? limit_number(limit, group, c) : *out;
    return true;
}

void panel_rank(const struct panel *p, const json_t *row, const struct panel_column *c,
                struct w_rank *out)
{
    out->is_number = sort_number(p, row, c, &out->number);
    if (!out->is_number) {
        struct w_cell cell = {0};
        panel_cell(p, row, c, &cell);
        memcpy(out->text, cell.text, sizeof out->text);
    }
}
