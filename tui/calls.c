#include "tui/ui.h"

#include <string.h>

#define RECENT_MS   2000 /* asked for at most this often */
#define RUNNING_MS  1000
#define RECENT_ROWS 200

static void take(struct ui *ui, json_t **rows, const json_t *result, const char *member)
{
    if (!ui->is_frozen) {
        json_decref(*rows);
        *rows = json_incref(json_object_get(result, member));
        ui_update(ui);
    }
}

static void got_recent(void *arg, json_t *result, const struct err_info *ei)
{
    struct ui *ui = arg;
    ui->recent_asked = false;
    if (result) {
        take(ui, &ui->recent, result, "entries");
    } else {
        ui_say(ui, W_CRIT, "calls: %s", ei->text);
    }
}

static void got_running(void *arg, json_t *result, const struct err_info *ei)
{
    struct ui *ui = arg;
    ui->running_asked = false;
    if (result) {
        take(ui, &ui->running, result, "calls");
    } else if (ei->code == ERR_UNSUPPORTED) { /* an older core: ended calls are all there is */
        ui->no_running = true;
        ui->focus[VIEW_CALLS] = 1;
        ui->changed = true;
    }
}

void calls_refresh(struct ui *ui)
{
    if (ui->link.state != LINK_UP || ui->past.on) {
        return;
    }
    if (!ui->recent_asked && ui->now_ms - ui->recent_ms >= RECENT_MS) {
        json_t *params = json_pack("{s:i, s:b}", "max", RECENT_ROWS, "calls", 1);
        ui->recent_asked = link_send(&ui->link, "audit", params, got_recent, ui, NULL) == ERR_OK;
        ui->recent_ms = ui->now_ms;
    }
    if (!ui->no_running && !ui->running_asked && ui->now_ms - ui->running_ms >= RUNNING_MS) {
        ui->running_asked = link_send(&ui->link, "calls", NULL, got_running, ui, NULL) == ERR_OK;
        ui->running_ms = ui->now_ms;
    }
}

void calls_forget(struct ui *ui)
{
    ui->recent_asked = ui->running_asked = ui->no_running = false;
    ui->recent_ms = ui->running_ms = 0;
}
