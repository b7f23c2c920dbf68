/* set.c: what a user chooses by name, ":theme light" or ":set theme=light": in force at once and
 * kept (settings.c). */
#include "tui/ui.h"

#include <string.h>

static void set_theme(struct ui *ui, const char *name)
{
    struct err_info ei = {0};
    struct theme theme;
    if (theme_load(&theme, name, &ei) != ERR_OK) {
        ui_say(ui, W_CRIT, "%s", ei.text);
        return;
    }
    ui->theme = theme;
    settings_put(ui, "theme", name);
    theme_apply(&ui->theme, &ui->style, ui->no_color);
}

void set_for_ground(struct ui *ui, int rgb)
{
    struct theme theme;
    int bright = (299 * (rgb >> 16 & 255) + 587 * (rgb >> 8 & 255) + 114 * (rgb & 255)) / 1000;
    if (bright >= 128 && theme_load(&theme, "light", NULL) == ERR_OK) {
        ui->theme = theme;
        theme_apply(&ui->theme, &ui->style, ui->no_color);
        clearok(curscr, TRUE); /* whatever has been drawn in the colours before */
    }
}

/* One of two words, the first for true; "": the other way round. False: neither, which was said. */
static bool choose(struct ui *ui, const struct binding *b, const char *const words[2],
                   const char *value, bool *on)
{
    bool first = strcmp(value, words[0]) == 0;
    if (*value && !first && strcmp(value, words[1]) != 0) {
        ui_say(ui, W_CRIT, "%s: %s or %s", b->command, words[0], words[1]);
        return false;
    }
    *on = *value ? first : !*on;
    settings_put(ui, b->command, words[*on ? 0 : 1]);
    return true;
}

static void apply(struct ui *ui, const struct binding *b, bool on)
{
    switch ((int)b->action) {
    case ACT_COLOR:
        ui->no_color = !on;
        theme_apply(&ui->theme, &ui->style, ui->no_color);
        return;
    case ACT_TIME:
        ui->local_time = on;
        return;
    case ACT_MOUSE:
        term_mouse(&ui->term, on);
        ui_say(ui, W_NORMAL,
               on ? "The mouse is taken; m gives it back, for selecting text."
                  : "The mouse is yours; m takes it.");
        return;
    default:
        ui_low_bandwidth(ui, on);
        ui_say(ui, W_NORMAL,
               on ? "No charts, and figures each 5 s; :low-bandwidth off brings them back."
                  : "Charts, and figures as they come.");
        return;
    }
}

void set_value(struct ui *ui, const struct binding *b, const char *value)
{
    static const char *const on_off[] = {"on", "off"};
    static const char *const zones[] = {"local", "utc"};
    bool on = b->action == ACT_COLOR   ? !ui->no_color
              : b->action == ACT_TIME  ? ui->local_time
              : b->action == ACT_MOUSE ? ui->term.mouse
                                       : ui->low_bandwidth;
    if (b->action == ACT_THEME) {
        set_theme(ui, *value ? value : THEME_DEFAULT);
    } else if (b->action == ACT_ALERTS) {
        alerts_set(ui, value);
    } else if (choose(ui, b, b->action == ACT_TIME ? zones : on_off, value, &on)) {
        apply(ui, b, on);
    }
}
