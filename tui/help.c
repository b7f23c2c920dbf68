#include "core/base/str.h"
#include "tui/ui.h"

#include <stdio.h>
#include <string.h>

#define BESIDE_TEXT 6 /* frame and margins */
#define LEAST_TEXT  10
#define KEYS_WIDTH  18
#define KEYS_NARROW 8
#define WIDE_COLS   70
#define TINY_COLS   30

/* A binding's text may take several lines; its keys stand beside the first. */
static void add_binding(struct ui *ui, const struct binding *b)
{
    char keys[64];
    char line[200];
    if (b->label) {
        snprintf(keys, sizeof keys, "%s", b->label);
    } else {
        snprintf(keys, sizeof keys, ":%s %s", b->command, b->arguments ? b->arguments : "");
    }
    bool off = b->class != CLASS_READ && ui->read_only;
    int cols = ui->term.cols;
    int width = cols < TINY_COLS ? 1 : cols < WIDE_COLS ? KEYS_NARROW : KEYS_WIDTH;
    if (strlen(keys) > (size_t)width) {
        w_pager_add(&ui->pager, off ? W_OFF : W_KEY, keys);
        keys[0] = '\0';
    }
    snprintf(line, sizeof line, "%s%s%s%s", off ? "(not allowed: read-only) " : "", b->help,
             b->label && b->command ? "   :" : "", b->label && b->command ? b->command : "");
    int room = cols - width - BESIDE_TEXT;
    w_pager_pair(&ui->pager, off ? W_OFF : W_NORMAL, width, keys,
                 room > LEAST_TEXT ? room : LEAST_TEXT, line);
}

/* `local`: what works in this view only; otherwise what works everywhere. */
static void add_group(struct ui *ui, const char *title, bool local, bool commands)
{
    w_pager_add(&ui->pager, W_LABEL, title);
    for (size_t i = 0; i < bindings_count; i++) {
        const struct binding *b = &bindings[i];
        bool command = !b->label;
        if (b->help && binding_in_view(b, ui->view) && (b->views != 0) == local &&
            command == commands) {
            add_binding(ui, b);
        }
    }
    w_pager_add(&ui->pager, W_NORMAL, "");
}

void help_open(struct ui *ui)
{
    w_pager_clear(&ui->pager);
    ui->pager.top = 0;
    bool limits = binding_find('+', ui->view) != NULL;
    bool stops = binding_find('x', ui->view) != NULL;
    if (limits || stops) {
        add_group(ui, limits ? "The limit behind the selected row" : "The selected row", true,
                  false);
    }
    add_group(ui, "Everywhere", false, false);
    add_group(ui, "Commands, after a colon", false, true);
    w_pager_add(&ui->pager, W_LABEL, "Marks");
    w_pager_add(&ui->pager, W_WARN, "W  80 % of a limit is used or reserved");
    w_pager_add(&ui->pager, W_CRIT, "C  98 % is, or it is blocked: calls are refused");
    w_pager_add(&ui->pager, W_NORMAL, "In a gauge the light part is reserved by calls that run.");
    snprintf(ui->pager.title, sizeof ui->pager.title, "Help: %s", ui_views[ui->view].name);
    ui->mode = MODE_HELP;
}
