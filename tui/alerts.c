/* alerts.c: the terminal rings, or shows a message of its own (OSC 9), when the core alerts or is
 * lost. Off unless asked for; about the same thing at most once a minute. */
#include "core/base/str.h"
#include "tui/ui.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_MS 60000
#define TEXT     200

static const char *const names[] = {"off", "bell", "message"};

bool alerts_choose(struct ui *ui, struct str name)
{
    for (int i = 0; i < 3; i++) {
        if (str_is(name, names[i])) {
            ui->alerts.how = i;
            return true;
        }
    }
    return false;
}

void alerts_set(struct ui *ui, const char *name)
{
    if (*name && !alerts_choose(ui, str_of(name))) {
        ui_say(ui, W_CRIT, "alerts: off, bell or message");
        return;
    }
    settings_put(ui, "alerts", names[ui->alerts.how]);
    ui_say(ui, W_NORMAL, "Alerts of the terminal: %s", names[ui->alerts.how]);
}

/* Was this told within the last minute? The oldest place is used again. */
static bool told(struct ui *ui, const char *about)
{
    size_t oldest = 0;
    for (size_t i = 0; i < UI_ALERTS; i++) {
        if (ui->alerts.at_ms[i] > 0 && strcmp(ui->alerts.about[i], about) == 0) {
            bool again = ui->now_ms - ui->alerts.at_ms[i] >= QUIET_MS;
            ui->alerts.at_ms[i] = again ? ui->now_ms : ui->alerts.at_ms[i];
            return !again;
        }
        oldest = ui->alerts.at_ms[i] < ui->alerts.at_ms[oldest] ? i : oldest;
    }
    str_copy(ui->alerts.about[oldest], sizeof ui->alerts.about[oldest], str_of(about));
    ui->alerts.at_ms[oldest] = ui->now_ms;
    return false;
}

void alerts_tell(struct ui *ui, const char *about, const char *text)
{
    char safe[TEXT];
    if (ui->alerts.how == 0 || told(ui, about)) {
        return;
    }
    str_printable(safe, sizeof safe, str_of(text));
    if (ui->alerts.how == 1) {
        (void)buf_add(&ui->term.out, "\a");
    } else if (getenv("TMUX")) {
        (void)buf_printf(&ui->term.out, "\033Ptmux;\033\033]9;tollgate: %s\a\033\\", safe);
    } else {
        (void)buf_printf(&ui->term.out, "\033]9;tollgate: %s\a", safe);
    }
    term_flush(&ui->term);
}

void alerts_link(struct ui *ui)
{
    bool up = ui->link.state == LINK_UP;
    if (ui->alerts.was_up && !up) {
        alerts_tell(ui, "core", "the core does not answer");
    }
    ui->alerts.was_up = up;
}
