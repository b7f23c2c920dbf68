/* alerts.c: the terminal rings, or shows a message of its own (OSC 9 or 777), when the core alerts
 * or is lost. Off unless asked for; the same alert at most once a minute. */
#include "core/base/str.h"
#include "tui/passthrough.h"
#include "tui/ui.h"

#include <stdio.h>
#include <string.h>

#define QUIET_MS 60000
#define TEXT     200

enum how { HOW_OFF, HOW_BELL, HOW_MESSAGE, HOW_NOTIFY, HOW_COUNT };
static const char *const names[HOW_COUNT] = {"off", "bell", "message", "notify"};

bool alerts_choose(struct ui *ui, struct str name)
{
    for (int i = 0; i < HOW_COUNT; i++) {
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
        ui_say(ui, W_CRIT, "alerts: off, bell, message or notify");
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

/* Which alert it is: what stands before the figures of a change. */
static void subject_of(char *out, size_t size, const char *text)
{
    str_copy(out, size, (struct str){text, strcspn(text, ":")});
}

void alerts_tell(struct ui *ui, const char *text)
{
    char safe[TEXT];
    char subject[sizeof ui->alerts.about[0]];
    char sequence[TEXT + 40];
    subject_of(subject, sizeof subject, text);
    if (ui->alerts.how == HOW_OFF || told(ui, subject)) {
        return;
    }
    str_printable(safe, sizeof safe, str_of(text));
    if (ui->alerts.how == HOW_BELL) {
        (void)buf_add(&ui->term.out, "\a");
        term_flush(&ui->term);
        return;
    }
    bool notify = ui->alerts.how == HOW_NOTIFY;
    for (char *c = safe; notify && *c; c++) {
        *c = *c == ';' ? ',' : *c; /* which parts the sequence */
    }
    snprintf(sequence, sizeof sequence, "\033]%s%s\a",
             notify ? "777;notify;tollgate;" : "9;tollgate: ", safe);
    passthrough_add(&ui->term.out, passthrough_here(), sequence);
    term_flush(&ui->term);
}

void alerts_link(struct ui *ui)
{
    bool up = ui->link.state == LINK_UP;
    if (ui->alerts.was_up && !up) {
        alerts_tell(ui, "the core does not answer");
    }
    ui->alerts.was_up = up;
}
