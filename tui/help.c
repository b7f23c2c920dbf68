#include "core/base/str.h"
#include "tui/ui.h"
#include "widgets/text.h"

#include <stdio.h>
#include <string.h>

#define BESIDE_TEXT 24 /* keys, frame and margins */
#define LEAST_TEXT  16

/* A binding's text may take several lines; its keys stand beside the first. */
struct entry {
    struct ui *ui;
    enum w_role role;
    const char *keys;
};

static void add_line(void *arg, const char *text)
{
    struct entry *e = arg;
    char line[200];
    snprintf(line, sizeof line, "%-18s %s", e->keys, text);
    w_pager_add(&e->ui->pager, e->role, line);
    e->keys = "";
}

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
    if (strlen(keys) > 18) {
        w_pager_add(&ui->pager, off ? W_OFF : W_NORMAL, keys);
        keys[0] = '\0';
    }
    snprintf(line, sizeof line, "%s%s%s%s", off ? "(not allowed: read-only) " : "", b->help,
             b->label && b->command ? "   :" : "", b->label && b->command ? b->command : "");
    struct entry e = {ui, off ? W_OFF : W_NORMAL, keys};
    int room = ui->term.cols - BESIDE_TEXT;
    w_text_wrap(line, room > LEAST_TEXT ? room : LEAST_TEXT, add_line, &e);
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
    char title[96];
    w_pager_clear(&ui->pager);
    ui->pager.top = 0;
    bool tables = binding_find('+', ui->view) != NULL;
    if (tables) {
        snprintf(title, sizeof title, "The limit behind the selected row");
        add_group(ui, title, true, false);
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
