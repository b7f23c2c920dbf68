/* settings.c: what the user chose with keys (theme, time, mouse, sorting, columns), kept in
 * $XDG_CONFIG_HOME/tollgate/ui.conf (or ~/.config/..): lines "key = value". A change rewrites the
 * file in one step (a new file takes its name) and touches only its own line, under a lock on the
 * folder, so that two dashboards do not undo each other's choices and comments stay. */
#include "core/base/buf.h"
#include "core/base/str.h"
#include "tui/ui.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MOST  (64 * 1024)
#define PATH_MOST  4096
#define VALUE      512
#define VIEWS_KEPT 16
#define LOCK_MS    200 /* for another dashboard to be done with the file: keys wait so long */
#define LOOK_MS    5

static const char *const panel_names[PANEL_COUNT] = {
    [PANEL_MODELS_SHORT] = "overview.models",
    [PANEL_COSTS_SHORT] = "overview.costs",
    [PANEL_LIMITS_SHORT] = "overview.limits",
    [PANEL_DENIED] = "overview.denials",
    [PANEL_MODELS] = "models",
    [PANEL_COSTS] = "costs",
    [PANEL_APPLICATIONS] = "applications",
    [PANEL_REFUSED] = "denials.who",
    [PANEL_DENIALS] = "denials",
    [PANEL_LIMITS] = "limits",
    [PANEL_SOURCES] = "cloud.sources",
    [PANEL_BYPASS] = "cloud.bypass",
    [PANEL_METRICS] = "cloud.metrics",
    [PANEL_BILL] = "cloud.bill",
    [PANEL_BUDGETS] = "cloud.budgets",
    [PANEL_ALARMS] = "cloud.alarms",
    [PANEL_AUDIT] = "audit",
    [PANEL_GROUPS] = "limit.groups",
    [PANEL_HISTORY] = "limit.changes",
    [PANEL_RUNNING] = "calls.running",
    [PANEL_RECENT] = "calls.ended",
    [PANEL_HELD] = "parts.limits",
    [PANEL_ITS_DENIALS] = "parts.denials",
    [PANEL_DRILL_MODELS] = "parts.models",
    [PANEL_DRILL_CENTERS] = "parts.costs",
    [PANEL_DRILL_APPLICATIONS] = "parts.applications",
    [PANEL_DRILL_CALLS] = "parts.calls",
};

static const char *panel_name(int panel)
{
    return panel_names[panel] ? panel_names[panel] : "";
}

static bool file_name(char out[PATH_MOST], const char *suffix)
{
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    bool own = config && *config == '/';
    if (!own && (!home || *home != '/')) {
        return false;
    }
    int n = snprintf(out, PATH_MOST, "%s%s/tollgate/ui.conf%s", own ? config : home,
                     own ? "" : "/.config", suffix);
    return n > 0 && n < PATH_MOST;
}

/* The whole file; false with a reason when it is there and cannot be what it should be. */
static bool read_file(const char *path, struct buf *out, const char **why)
{
    *why = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        *why = errno == ENOENT || errno == ENOTDIR ? NULL : "it cannot be read";
        return *why == NULL;
    }
    struct stat st;
    bool file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_MOST;
    ssize_t n = 0;
    char *room = file ? buf_reserve(out, FILE_MOST) : NULL;
    if (room) {
        n = read(fd, room, FILE_MOST);
        buf_commit(out, n > 0 ? (size_t)n : 0);
    }
    (void)close(fd);
    if (!room || n < 0) {
        *why = file ? "it cannot be read" : "it is no file of at most 64 KB";
    } else if (memchr(buf_bytes(out), '\0', out->len)) {
        *why = "it is no text";
    }
    return *why == NULL;
}

/* --- reading --- */

static int panel_by_name(struct str name)
{
    for (int i = 0; i < PANEL_COUNT; i++) {
        if (str_is(name, panel_name(i))) {
            return i;
        }
    }
    return -1;
}

static int column_by_title(const struct panel *p, struct str title)
{
    for (size_t i = 0; i < p->def->column_count; i++) {
        if (str_is(title, p->def->columns[i].w.title)) {
            return (int)i;
        }
    }
    return -1;
}

/* "TOK/MIN down" */
static bool take_sort(struct panel *p, struct str value)
{
    size_t cut = value.n;
    while (cut > 0 && value.p[cut - 1] != ' ') {
        cut--;
    }
    struct str way = {value.p + cut, value.n - cut};
    int column = column_by_title(p, str_trim((struct str){value.p, cut}));
    bool down = str_is(way, "down");
    if (column < 0 || (!down && !str_is(way, "up"))) {
        return false;
    }
    w_table_sort(&p->table, (size_t)column, down);
    return true;
}

/* "OPEN, CACHE R"; columns that no longer exist are passed over. */
static bool take_hidden(struct panel *p, struct str value)
{
    while (value.n > 0) {
        int column = column_by_title(p, str_trim(str_cut(value, ',', &value)));
        if (column > 0) { /* the first names the row */
            p->columns[column].drop = W_COLUMN_HIDDEN;
        }
    }
    return true;
}

/* "limits /prod": the view that was left, and the filter of its table. */
static bool take_view(struct ui *ui, struct str value)
{
    struct str filter;
    struct str name = str_cut(value, ' ', &filter);
    for (int v = 0; v < VIEW_LIMIT; v++) {
        if (str_is(name, ui_views[v].command)) {
            char text[128] = "";
            ui->view = (enum ui_view)v;
            if (filter.n > 1 && filter.p[0] == '/') {
                str_copy(text, sizeof text, (struct str){filter.p + 1, filter.n - 1});
                w_table_filter(&ui_panel(ui)->table, text);
            }
            str_copy(ui->chosen_view, sizeof ui->chosen_view, value);
            return true;
        }
    }
    return false;
}

void settings_leave(struct ui *ui)
{
    char key[160];
    char value[160];
    ui->view = ui_tab(ui);
    const char *filter = ui_panel(ui)->table.filter;
    snprintf(value, sizeof value, "%s%s%.120s", ui_views[ui->view].command, *filter ? " /" : "",
             filter);
    snprintf(key, sizeof key, "view %.150s", ui->options->socket_path);
    bool plain = !strpbrk(key, "=\n") && !strpbrk(value, "\r\n");
    bool began = ui->chosen_view[0] || ui->view != VIEW_OVERVIEW || *filter;
    if (plain && began && strcmp(value, ui->chosen_view) != 0) {
        settings_put(ui, key, value);
    }
    past_keep(ui, value, sizeof value);
    snprintf(key, sizeof key, "paused %.150s", ui->options->socket_path);
    if (plain && (*value || ui->was_paused)) {
        settings_put(ui, key, *value ? value : "no");
    }
}

static bool take_setting(struct ui *ui, struct str key, struct str value)
{
    struct str panel;
    struct str kind = str_cut(key, ' ', &panel);
    panel = str_trim(panel);
    int at = panel.n > 0 ? panel_by_name(panel) : -1;
    if (str_is(key, "theme")) {
        return str_copy(ui->chosen_theme, sizeof ui->chosen_theme, value);
    }
    if (str_is(kind, "view")) { /* of another core: left alone */
        return !str_is(panel, ui->options->socket_path) || take_view(ui, value);
    }
    if (str_is(kind, "paused")) {
        bool here = str_is(panel, ui->options->socket_path) && !str_is(value, "no");
        ui->was_paused = ui->was_paused || here;
        return !here || past_resume(ui, value);
    }
    if (str_is(key, "alerts")) {
        return alerts_choose(ui, value);
    }
    if (str_is(key, "color")) {
        ui->no_color = ui->no_color || str_is(value, "off");
        return str_is(value, "on") || str_is(value, "off");
    }
    if (str_is(key, "low-bandwidth")) {
        ui->low_bandwidth = str_is(value, "on");
        return ui->low_bandwidth || str_is(value, "off");
    }
    if (str_is(key, "time")) {
        ui->local_time = str_is(value, "local");
        return ui->local_time || str_is(value, "utc");
    }
    if (str_is(key, "mouse")) {
        ui->chosen_mouse = str_is(value, "on") ? 1 : -1;
        return ui->chosen_mouse > 0 || str_is(value, "off");
    }
    if (at >= 0 && str_is(kind, "sort")) {
        return take_sort(&ui->panels[at], value);
    }
    return at >= 0 && str_is(kind, "hidden") && take_hidden(&ui->panels[at], value);
}

void settings_load(struct ui *ui)
{
    char path[PATH_MOST];
    struct buf text = {.data = NULL};
    const char *why = NULL;
    if (ui->options->own_settings || !file_name(path, "")) {
        return;
    }
    if (!read_file(path, &text, &why)) {
        ui->settings_damaged = true;
        ui_say(ui, W_WARN, "%s: %s; your settings are left out, and it is left alone", path, why);
    }
    struct str rest = ui->settings_damaged ? (struct str){NULL, 0} : buf_str(&text);
    for (int line = 1; rest.n > 0; line++) {
        struct str value;
        struct str whole = str_trim(str_cut(rest, '\n', &rest));
        struct str key = str_trim(str_cut(whole, '=', &value));
        if (whole.n > 0 && whole.p[0] != '#' && !take_setting(ui, key, str_trim(value))) {
            ui_say(ui, W_WARN, "%s:%d is not understood and left out", path, line);
        }
    }
    buf_free(&text);
}

bool settings_theme(struct ui *ui)
{
    struct err_info ei = {.code = ERR_OK};
    if (!ui->chosen_theme[0]) {
        return false;
    }
    if (theme_load(&ui->theme, ui->chosen_theme, &ei) != ERR_OK) {
        ui_say(ui, W_WARN, "%s", ei.text);
        return false;
    }
    return true;
}

bool settings_mouse(const struct ui *ui)
{
    bool remote = getenv("SSH_CONNECTION") || getenv("SSH_TTY");
    if (ui->options->no_mouse) {
        return false;
    }
    return ui->chosen_mouse != 0 ? ui->chosen_mouse > 0 : !remote;
}

/* --- writing --- */

static bool write_all(int fd, const struct buf *b)
{
    size_t done = 0;
    while (done < b->len) {
        ssize_t n = write(fd, buf_bytes(b) + done, b->len - done);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* The folders of a path, as far as they are missing. */
static void make_folders(const char *path)
{
    char part[PATH_MOST];
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        str_copy(part, sizeof part, (struct str){path, (size_t)(slash - path)});
        (void)mkdir(part, 0700);
    }
}

/* Only one dashboard at a time reads the file and writes it anew, where the file system has locks.
 * Returns the lock, to be closed; negative: not to be had. */
static int lock_folder(const char *path)
{
    char folder[PATH_MOST];
    const char *slash = strrchr(path, '/');
    make_folders(path);
    str_copy(folder, sizeof folder, (struct str){path, (size_t)(slash - path)});
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int waited = 0; fd >= 0 && waited <= LOCK_MS; waited += LOOK_MS) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0 || (errno != EWOULDBLOCK && errno != EINTR)) {
            return fd;
        }
        (void)poll(NULL, 0, LOOK_MS);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return -1;
}

static bool replace_file(const char *path, const struct buf *text)
{
    char suffix[40];
    char fresh[PATH_MOST];
    snprintf(suffix, sizeof suffix, ".new-%ld", (long)getpid());
    if (text->failed || !file_name(fresh, suffix)) {
        return false;
    }
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return false;
    }
    bool ok = write_all(fd, text) && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    ok = ok && rename(fresh, path) == 0;
    if (!ok) {
        (void)unlink(fresh);
    }
    return ok;
}

static bool of_view(struct str line)
{
    return str_starts(str_trim(line), "view ");
}

/* Views of cores, of which only the newest are kept: how many are too many? */
static int surplus_views(struct str text)
{
    int n = 0;
    while (text.n > 0) {
        n += of_view(str_cut(text, '\n', &text));
    }
    return n >= VIEWS_KEPT ? n - VIEWS_KEPT + 1 : 0;
}

/* The file's text with this one line as it is now. */
static void with_line(struct buf *out, struct str old, const char *key, const char *value)
{
    bool written = false;
    int surplus = of_view(str_of(key)) ? surplus_views(old) : 0;
    while (old.n > 0) {
        struct str rest;
        struct str line = str_cut(old, '\n', &rest);
        bool this = str_is(str_trim(str_cut(line, '=', &(struct str){0})), key);
        old = rest;
        if (!this && of_view(line) && surplus > 0) {
            surplus--;
        } else if (!this) {
            (void)buf_add_str(out, line);
            (void)buf_add(out, "\n");
        } else if (!written && *value) {
            (void)buf_printf(out, "%s = %s\n", key, value);
            written = true;
        }
    }
    if (!written && *value) {
        (void)buf_printf(out, "%s = %s\n", key, value);
    }
}

void settings_put(struct ui *ui, const char *key, const char *value)
{
    char path[PATH_MOST];
    struct buf old = {.data = NULL};
    struct buf new = {.data = NULL};
    const char *why = NULL;
    if (ui->options->own_settings || ui->settings_damaged || !file_name(path, "")) {
        return;
    }
    int lock = lock_folder(path);
    if (lock < 0) {
        ui_say(ui, W_WARN, "%s is being written, or its folder cannot be opened; this is not kept",
               path);
    } else if (!read_file(path, &old, &why)) {
        ui_say(ui, W_WARN, "%s: %s; this is not kept", path, why);
    } else {
        with_line(&new, buf_str(&old), key, value);
        if (!replace_file(path, &new)) {
            ui_say(ui, W_WARN, "%s cannot be written; this is not kept", path);
        }
    }
    if (lock >= 0) {
        (void)close(lock);
    }
    buf_free(&old);
    buf_free(&new);
}

static int focus_panel(const struct ui *ui)
{
    return (int)ui_views[ui->view].panels[ui->focus[ui->view]];
}

void settings_sort(struct ui *ui)
{
    char key[80];
    char value[80];
    const struct panel *p = ui_panel(ui);
    snprintf(key, sizeof key, "sort %s", panel_name(focus_panel(ui)));
    snprintf(value, sizeof value, "%s %s", p->def->columns[p->table.sort].w.title,
             p->table.descending ? "down" : "up");
    settings_put(ui, key, value);
}

void settings_columns(struct ui *ui)
{
    char key[80];
    char value[VALUE] = "";
    size_t n = 0;
    const struct panel *p = ui_panel(ui);
    snprintf(key, sizeof key, "hidden %s", panel_name(focus_panel(ui)));
    for (size_t i = 0; i < p->def->column_count; i++) {
        if (p->columns[i].drop != W_COLUMN_HIDDEN || n >= sizeof value) {
            continue;
        }
        int more = snprintf(value + n, sizeof value - n, "%s%s", n ? ", " : "",
                            p->def->columns[i].w.title);
        n += more > 0 ? (size_t)more : 0;
    }
    settings_put(ui, key, value);
}
