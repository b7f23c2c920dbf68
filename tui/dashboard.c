#include "tui/dashboard.h"

#include "core/base/clock.h"
#include "tui/plain.h"
#include "tui/ui.h"

#include <errno.h>
#include <langinfo.h>
#include <link.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define FIGURES_MS                                                                                 \
    60 /* the first picture waits so long for figures, rather than be drawn twice                  \
        */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void look_at_clocks(struct ui *ui)
{
    ui->now_ms = clock_mono_us() / 1000;
    ui->wall_ms = clock_wall_ms();
}

static int block_signals(sigset_t *before, struct err_info *ei)
{
    static const int numbers[] = {SIGWINCH, SIGINT,  SIGTERM, SIGHUP,
                                  SIGQUIT,  SIGTSTP, SIGCONT, SIGPIPE};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        sigaddset(&set, numbers[i]);
    }
    if (pthread_sigmask(SIG_BLOCK, &set, before) != 0) {
        err_set(ei, ERR_IO, "cannot block signals");
        return -1;
    }
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        err_set_sys(ei, ERR_IO, errno, "cannot listen for signals");
        (void)pthread_sigmask(SIG_SETMASK, before, NULL);
    }
    return fd;
}

static void take_signals(struct ui *ui, int fd)
{
    struct signalfd_siginfo info;
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
        switch (info.ssi_signo) {
        case SIGWINCH:
            term_resize(&ui->term);
            ui->urgent = ui->changed = true;
            break;
        case SIGTSTP:
            term_suspend(&ui->term, false);
            ui->changed = true;
            break;
        case SIGCONT:
            term_resume(&ui->term);
            ui->changed = true;
            break;
        case SIGHUP:
            ui->term.hurry = true;
            ui->leave = true;
            break;
        case SIGPIPE:
            break;
        default:
            ui->leave = true;
            break;
        }
    }
}

static int wait_ms(const struct ui *ui, int64_t end_ms, bool frame)
{
    int64_t due = earlier(earlier(link_due(&ui->link), ui_draw_due(ui)),
                          earlier(trial_due(ui), earlier(past_due(ui), aside_due(ui))));
    if (ui->changed && frame) {
        due = earlier(due, term_frame_due(&ui->term, ui->urgent, ui->now_ms));
    }
    if (end_ms > 0) {
        due = earlier(due, end_ms);
    }
    int64_t wait = due > ui->now_ms ? due - ui->now_ms : 0;
    int escape = term_escape_wait(&ui->term, ui->now_ms);
    wait = escape >= 0 ? earlier(wait, escape) : wait;
    return (int)earlier(wait, 60000);
}

/* `frame`: also until a frame may be drawn; `more`: only looks. */
static void sleep_until_due(struct ui *ui, int signals, int64_t end_ms, bool frame, bool more)
{
    struct pollfd fds[3] = {
        {.fd = ui->term.fd, .events = POLLIN},
        {.fd = signals, .events = POLLIN},
        {.fd = -1},
    };
    if (term_wants_write(&ui->term)) {
        fds[0].events |= POLLOUT;
    }
    (void)link_poll(&ui->link, &fds[2].fd, &fds[2].events);
    int n = poll(fds, 3, more ? 0 : wait_ms(ui, end_ms, frame));
    look_at_clocks(ui);
    if (n > 0 && (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))) {
        ui->term.gone = true;
    }
    if (n > 0 && (fds[1].revents & POLLIN)) {
        take_signals(ui, signals);
    }
    if (n > 0 && (fds[0].revents & POLLOUT)) {
        term_flush(&ui->term);
    }
    if (n > 0 && (fds[0].revents & POLLIN)) {
        term_read(&ui->term, ui->now_ms, ui_key, ui);
    } else if (term_escape_wait(&ui->term, ui->now_ms) == 0) {
        term_escape(&ui->term, ui_key, ui);
    }
}

/* Pages of the libraries that only the start needed: what is used comes back from the page cache.
 * Half of what a dashboard would hold otherwise. */
static int give_back_pages(struct dl_phdr_info *info, size_t size, void *arg)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    (void)size, (void)arg;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        uintptr_t from = (info->dlpi_addr + h->p_vaddr + page - 1) / page * page;
        uintptr_t to = (info->dlpi_addr + h->p_vaddr + h->p_filesz) / page * page;
        if (h->p_type == PT_LOAD && !(h->p_flags & PF_W) && to > from) {
            (void)madvise((void *)from, to - from, MADV_DONTNEED);
        }
    }
    return 0;
}

static void listen_to_core(struct ui *ui)
{
    if (link_step(&ui->link, ui->now_ms)) {
        ui->changed = true;
        alerts_link(ui);
    }
    trial_step(ui);
    past_step(ui);
    aside_step(ui);
    drill_step(ui);
}

static void run(struct ui *ui, int signals)
{
    int64_t end_ms =
        ui->options->seconds_limit > 0 ? ui->now_ms + 1000LL * ui->options->seconds_limit : 0;
    int64_t redraw_ms = 0;
    int64_t figures_ms = ui->now_ms + FIGURES_MS;
    bool drawn = false;
    ui->changed = true;
    link_start(&ui->link, ui->now_ms);
    while (!ui->leave && !ui->term.gone && (end_ms == 0 || ui->now_ms < end_ms)) {
        /* A key is answered before the core is listened to. */
        if (!ui->urgent || term_frame_due(&ui->term, true, ui->now_ms) > ui->now_ms) {
            listen_to_core(ui);
        }
        ui->changed = ui->changed || ui->now_ms >= redraw_ms;
        bool waits = !drawn && !ui->live.data && !ui->urgent && ui->now_ms < figures_ms;
        if (waits) {
            sleep_until_due(ui, signals, end_ms > 0 ? earlier(end_ms, figures_ms) : figures_ms,
                            false, false);
            continue;
        }
        if (ui->changed && term_frame_due(&ui->term, ui->urgent, ui->now_ms) <= ui->now_ms) {
            drawn = drawn || dl_iterate_phdr(give_back_pages, NULL) == 0;
            ui_draw(ui);
            term_frame(&ui->term, ui->now_ms);
            ui->awaited = ui->awaited || ui->urgent;
            ui->changed = ui->urgent = false;
            redraw_ms = ui_draw_due(ui);
        }
        sleep_until_due(ui, signals, end_ms, true, ui_work(ui));
    }
}

static const char *const long_tables[] = {"applications", "cost_centers", NULL};

static bool set_up(struct ui *ui, const struct dashboard_options *o, struct err_info *ei)
{
    const char *no_color = getenv("NO_COLOR");
    (void)setlocale(LC_CTYPE, "");
    ui->options = o;
    ui->read_only = o->read_only;
    ui->no_color = o->no_color || (no_color && *no_color);
    ui->style.ascii = o->ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
    ui->link.path = o->socket_path;
    ui->link.on_hello = ui_on_hello;
    ui->link.on_event = ui_on_event;
    ui->link.arg = ui;
    ui->link.long_tables = long_tables;
    for (int i = 0; i < PANEL_COUNT; i++) {
        panel_init(&ui->panels[i], (enum panel_id)i, ui);
    }
    ui->focus[VIEW_CALLS] = 1; /* what ended is there to be read; what runs comes and goes */
    look_at_clocks(ui);
    settings_load(ui);
    ui_low_bandwidth(ui, o->low_bandwidth || ui->low_bandwidth);
    if (o->theme || !settings_theme(ui)) {
        enum err e = theme_load(&ui->theme, o->theme ? o->theme : THEME_DEFAULT, ei);
        if (e != ERR_OK) {
            return false;
        }
    }
    if (term_open(&ui->term, ei) != ERR_OK) {
        return false;
    }
    term_mouse(&ui->term, settings_mouse(ui));
    if (!o->theme && !ui->chosen_theme[0] && !ui->no_color) {
        term_ask_ground(&ui->term);
    }
    return true;
}

enum err dashboard_theme_check(const char *name, struct err_info *ei)
{
    struct theme theme;
    return theme_load(&theme, name, ei);
}

int dashboard_run(const struct dashboard_options *o, struct err_info *ei)
{
    if (o->plain) {
        return plain_run(o, ei);
    }
    sigset_t before;
    int signals = block_signals(&before, ei);
    struct ui *ui = signals >= 0 ? calloc(1, sizeof *ui) : NULL;
    int status = 1;
    if (signals >= 0 && !ui) {
        err_set(ei, ERR_NOMEM, "no memory for the dashboard");
    }
    if (ui && set_up(ui, o, ei)) {
        theme_apply(&ui->theme, &ui->style, ui->no_color);
        run(ui, signals);
        term_close(&ui->term);
        settings_leave(ui);
        status = 0;
    }
    if (ui) {
        ui_free(ui);
        free(ui);
    }
    if (signals >= 0) {
        (void)close(signals);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    return status;
}
