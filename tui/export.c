#include "tui/export.h"

#include "core/base/clock.h"
#include "core/base/str.h"
#include "core/control/json_text.h"
#include "tui/ui.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BYTES_MAX (64 * 1024 * 1024)
#define ID_MAX    256

static bool looks_like_formula(const char *text)
{
    bool sign = text[0] == '-' || text[0] == '+';
    return (sign && !isdigit((unsigned char)text[1])) || text[0] == '=' || text[0] == '@';
}

void export_csv_field(struct buf *out, const char *text)
{
    bool quoted = text[strcspn(text, ",\"\r\n")] != '\0' || looks_like_formula(text);
    if (!quoted) {
        (void)buf_add(out, text);
        return;
    }
    (void)buf_add(out, looks_like_formula(text) ? "\"'" : "\"");
    for (const char *c = text; *c; c++) {
        (void)buf_append(out, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1);
    }
    (void)buf_add(out, "\"");
}

enum err export_write(const char *path, const struct buf *bytes, struct err_info *ei)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 && errno == EEXIST) {
        return err_set(ei, ERR_CONFLICT, "%s is there already; name another file", path);
    }
    if (fd < 0) {
        return err_set_sys(ei, ERR_IO, errno, "cannot write %s", path);
    }
    size_t done = 0;
    while (done < bytes->len) {
        ssize_t n = write(fd, buf_bytes(bytes) + done, bytes->len - done);
        if (n < 0 && errno != EINTR) {
            break;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    bool failed = done < bytes->len;
    failed = close(fd) != 0 || failed;
    if (failed) {
        int why = errno;
        (void)unlink(path);
        return err_set_sys(ei, ERR_IO, why, "cannot write %s", path);
    }
    return ERR_OK;
}

void export_clipboard(struct buf *out, const char *text, enum passthrough how)
{
    char code[4 * (ID_MAX + 2) / 3 + 8];
    char sequence[sizeof code + 16];
    size_t n = strlen(text);
    (void)str_base64(code, text, n < ID_MAX ? n : ID_MAX);
    (void)snprintf(sequence, sizeof sequence, "\033]52;c;%s\a", code);
    (void)buf_add(out, sequence); /* tmux with set-clipboard hears it itself */
    if (how != PASSTHROUGH_NONE) {
        passthrough_add(out, how, sequence);
    }
}

/* --- what a table says, exactly rather than short --- */

static void series_text(struct buf *out, const json_t *series)
{
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)series, i, one)
    {
        (void)buf_printf(out, "%s%lld", i ? " " : "", (long long)json_integer_value(one));
    }
}

static void add_cell(struct buf *out, const struct panel *p, const json_t *row,
                     const struct panel_column *c)
{
    const json_t *v = *c->member ? snapshot_at(row, c->member) : NULL;
    bool raw = c->kind == KIND_TIME || c->kind == KIND_DAY_TIME || c->kind == KIND_UNTIL ||
               c->kind == KIND_AGE;
    struct w_cell cell = {0};
    if (json_is_number(v)) {
        (void)json_text(out, v);
    } else if (raw) {
        export_csv_field(out, json_string_value(v) ? json_string_value(v) : "");
    } else if (c->kind == KIND_SERIES) {
        series_text(out, v);
    } else {
        panel_cell(p, row, c, &cell);
        if (cell.kind == W_CELL_GAUGE) {
            (void)buf_printf(out, "%d", w_gauge_percent(&cell.gauge));
        } else if (strcmp(cell.text, "-") != 0) {
            export_csv_field(out, cell.text);
        }
    }
}

static void add_csv(struct buf *out, const struct panel *p)
{
    for (size_t c = 0; c < p->def->column_count; c++) {
        (void)buf_add(out, c ? "," : "");
        export_csv_field(out, p->columns[c].title);
    }
    (void)buf_add(out, "\r\n");
    for (size_t i = 0; i < p->table.count; i++) {
        const json_t *row = panel_row(p, p->table.order[i].row);
        for (size_t c = 0; c < p->def->column_count; c++) {
            (void)buf_add(out, c ? "," : "");
            add_cell(out, p, row, &p->def->columns[c]);
        }
        (void)buf_add(out, "\r\n");
    }
}

static void add_json(struct buf *out, const struct panel *p)
{
    json_t *list = json_array();
    for (size_t i = 0; i < p->table.count; i++) {
        (void)json_array_append(list, panel_row(p, p->table.order[i].row));
    }
    (void)(json_text_pretty(out, list) && buf_add(out, "\n"));
    json_decref(list);
}

/* --- the keys e and y --- */

void export_ask(struct ui *ui)
{
    char path[W_INPUT_MAX];
    char when[CLOCK_TEXT];
    const char *name = ui_views[ui->view].command;
    clock_amz(when, ui->wall_ms);
    snprintf(path, sizeof path, "./tollgate-%s-%s.csv", name ? name : "limit", when);
    memset(&ui->input, 0, sizeof ui->input);
    w_input_set(&ui->input, path);
    ui->mode = MODE_EXPORT;
}

void export_run(struct ui *ui, const char *path)
{
    struct err_info ei = {0};
    struct buf out;
    const struct panel *p = ui_panel(ui);
    buf_init(&out, BYTES_MAX);
    if (str_ends(str_of(path), ".json")) {
        add_json(&out, p);
    } else {
        add_csv(&out, p);
    }
    enum err e = out.failed ? err_set(&ei, ERR_NOMEM, "no memory for the rows")
                            : export_write(path, &out, &ei);
    if (e == ERR_OK) {
        ui_say(ui, W_OK, "%zu row%s written to %s", p->table.count, p->table.count == 1 ? "" : "s",
               path);
    } else {
        ui_say(ui, W_CRIT, "Not exported: %s", ei.text);
    }
    buf_free(&out);
}

void export_key(struct ui *ui, int key)
{
    enum w_answer answer = w_input_key(&ui->input, key);
    if (answer == W_CANCELLED) {
        ui->mode = MODE_VIEW;
    } else if (answer == W_ACCEPTED) {
        ui->mode = MODE_VIEW;
        if (ui->input.length > 0) {
            export_run(ui, ui->input.text);
        }
    }
}

void export_copy(struct ui *ui)
{
    static const char *const members[] = {"request_id", "name",   "limit",
                                          "source",     "metric", "cost_center"};
    const json_t *row = panel_selected(ui_panel(ui));
    const char *id = "";
    for (size_t i = 0; i < sizeof members / sizeof *members && !*id; i++) {
        id = snapshot_text(row, members[i]);
    }
    if (!*id) {
        ui_say(ui, W_WARN, "There is nothing to copy here.");
        return;
    }
    export_clipboard(&ui->term.out, id, passthrough_here());
    term_flush(&ui->term);
    char safe[ID_MAX];
    str_printable(safe, sizeof safe, str_of(id));
    ui_say(ui, W_NORMAL, "Sent to the terminal's clipboard: %s", safe);
}
