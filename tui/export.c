#include "tui/export.h"

#include "core/base/clock.h"
#include "core/base/str.h"
#include "core/control/json_text.h"
#include "tui/format.h"
#include "tui/ui.h"

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
    struct str number = str_of(text + (text[0] == '-'));
    bool figure = number.n > 0 && strspn(number.p, "0123456789.") == number.n;
    return !figure && text[0] && strchr("=+-@", text[0]);
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

static bool is_time(enum panel_kind kind)
{
    return kind == KIND_TIME || kind == KIND_DAY_TIME || kind == KIND_UNTIL ||
           kind == KIND_LIMIT_RESETS;
}

static void series_text(struct buf *out, const json_t *series)
{
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)series, i, one)
    {
        (void)buf_printf(out, "%s%lld", i ? " " : "", (long long)json_integer_value(one));
    }
}

/* The figure behind a cell that shows it shortened; NULL: the cell shows something else. */
static const json_t *figure_of(const struct panel *p, const json_t *row,
                               const struct panel_column *c)
{
    json_t *group = NULL;
    const json_t *limit = panel_limit(p, row, &group);
    const json_t *of = p->def->subject == SUBJECT_LIMIT || !group ? limit : group;
    switch ((int)c->kind) {
    case KIND_BILLED:
        return snapshot_billed(ui_shown(p->ui), snapshot_text(row, "name"));
    case KIND_LEDGER:
        return snapshot_spent(ui_shown(p->ui), snapshot_text(row, "cost_center"));
    case KIND_LIMIT_AMOUNT:
    case KIND_LIMIT_SHORT:
        return snapshot_at(of, "amount");
    case KIND_LIMIT_PHANTOM:
        return snapshot_at(limit, "phantom_denials");
    case KIND_LIMIT_RESETS:
        return snapshot_at(of, "resets_at");
    default:
        return *c->member ? snapshot_at(row, c->member) : NULL;
    }
}

/* What a span is counted from or to, in seconds from now; "" when there is none. */
static void add_seconds(struct buf *out, const struct panel *p, const json_t *row,
                        const struct panel_column *c)
{
    json_t *group = NULL;
    int64_t ms = -1;
    if (c->kind == KIND_AGE) {
        int64_t at = format_json_time(snapshot_at(row, c->member));
        ms = at > 0 ? p->ui->wall_ms - at : -1;
    } else {
        const json_t *limit = panel_limit(p, row, &group);
        ms = limit && snapshot_share(limit, group) < 2 ? snapshot_empty_in(limit, group) : -1;
    }
    if (ms >= 0) {
        (void)buf_printf(out, "%lld", (long long)(ms / 1000));
    }
}

static void add_cell(struct buf *out, const struct panel *p, const json_t *row,
                     const struct panel_column *c)
{
    struct w_cell cell = {0};
    const json_t *v = figure_of(p, row, c);
    if (c->kind == KIND_AGE || c->kind == KIND_LIMIT_EMPTY) {
        add_seconds(out, p, row, c);
    } else if (c->kind == KIND_SERIES) {
        series_text(out, v);
    } else if (c->kind == KIND_OK_CALLS) {
        (void)buf_printf(out, "%lld", (long long)panel_ok_calls(row));
    } else if (json_is_number(v)) {
        (void)json_text(out, v);
    } else if (is_time(c->kind)) {
        export_csv_field(out, json_string_value(v) ? json_string_value(v) : "");
    } else {
        panel_cell(p, row, c, &cell);
        if (cell.kind == W_CELL_GAUGE) {
            (void)buf_printf(out, "%d", w_gauge_percent(&cell.gauge));
        } else if (strcmp(cell.text, "-") != 0) {
            export_csv_field(out, cell.text);
        }
    }
}

/* The column's title, and what its figures are: "USED %", "TOOK ms", "FREES AT" for a time that the
 * screen shows as how long until then. */
static void add_title(struct buf *out, const struct panel *p, size_t column)
{
    char text[64];
    const char *title = p->columns[column].title;
    enum panel_kind kind = p->def->columns[column].kind;
    struct str shown = str_of(title);
    bool until = is_time(kind) && str_ends(shown, " IN");
    const char *unit = kind == KIND_LIMIT_GAUGE                       ? " %"
                       : kind == KIND_MS                              ? " ms"
                       : kind == KIND_AGE || kind == KIND_LIMIT_EMPTY ? " s"
                       : until                                        ? "AT"
                                                                      : "";
    snprintf(text, sizeof text, "%.*s%s", (int)(until ? shown.n - 2 : shown.n), title, unit);
    export_csv_field(out, text);
}

static void add_csv(struct buf *out, const struct panel *p)
{
    for (size_t c = 0; c < p->def->column_count; c++) {
        (void)buf_add(out, c ? "," : "");
        add_title(out, p, c);
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
