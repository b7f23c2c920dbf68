#include "tui/plain.h"

#include "core/base/clock.h"
#include "tui/link.h"
#include "tui/snapshot.h"

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* One run: the line to the core and what was heard over it. */
struct listener {
    struct plain plain;
    struct link link;
    struct snapshot live;
    enum link_state told; /* about the line */
    int64_t now_ms;
    bool closed; /* nobody reads any more */
};

static void write_sentence(void *arg, const char *sentence)
{
    struct listener *l = arg;
    if (printf("%s\n", sentence) < 0 || fflush(stdout) != 0) {
        l->closed = true;
    }
}

static void on_hello(void *arg, json_t *hello)
{
    char text[200];
    bool simulated = json_is_true(json_object_get(hello, "simulated"));
    bool viewer = snapshot_text(hello, "role")[0] == 'v';
    snprintf(text, sizeof text, "attached to the core in %.40s%s%s", snapshot_text(hello, "region"),
             simulated ? ", simulated" : "", viewer ? ", read-only" : "");
    write_sentence(arg, text);
}

static void on_event(void *arg, const char *event, json_t *data)
{
    struct listener *l = arg;
    (void)event;
    if (json_is_object(data)) {
        snapshot_merge(&l->live, data, l->now_ms);
        plain_tell(&l->plain, l->live.data, l->now_ms, clock_wall_ms());
    }
}

static void tell_line(struct listener *l)
{
    static const char *const words[] = {
        [LINK_OPENING] = "looking for the core",
        [LINK_UP] = "the core answers again",
        [LINK_SILENT] = "the core does not answer; figures are old",
        [LINK_DOWN] = "the core is gone; asking again each second",
    };
    if (l->link.state == l->told) {
        return;
    }
    bool greeted = l->link.state == LINK_UP && l->told != LINK_SILENT;
    if (!greeted) {
        write_sentence(l, words[l->link.state]);
    }
    l->told = l->link.state;
}

static int block_signals(sigset_t *before, struct err_info *ei)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGQUIT);
    int fd = pthread_sigmask(SIG_BLOCK, &set, before) == 0
                 ? signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)
                 : -1;
    if (fd < 0) {
        (void)err_set_sys(ei, ERR_IO, errno, "cannot listen for signals");
    }
    return fd;
}

static void listen_until(struct listener *l, int signals, int64_t end_ms)
{
    link_start(&l->link, l->now_ms);
    while (!l->closed && (end_ms == 0 || l->now_ms < end_ms)) {
        (void)link_step(&l->link, l->now_ms);
        tell_line(l);
        /* An error on standard output alone shows that its reader is gone. */
        struct pollfd fds[3] = {
            {.fd = signals, .events = POLLIN}, {.fd = STDOUT_FILENO}, {.fd = -1}};
        (void)link_poll(&l->link, &fds[2].fd, &fds[2].events);
        int64_t due = link_due(&l->link);
        due = end_ms > 0 && end_ms < due ? end_ms : due;
        int64_t wait = due > l->now_ms ? due - l->now_ms : 0;
        int n = poll(fds, 3, (int)(wait > 60000 ? 60000 : wait));
        l->now_ms = clock_mono_us() / 1000;
        struct signalfd_siginfo info; /* taken, or it would strike when signals are let in again */
        bool told = n > 0 && (fds[0].revents & POLLIN) && read(signals, &info, sizeof info) > 0;
        if (told || (n > 0 && (fds[1].revents & (POLLERR | POLLHUP)))) {
            return;
        }
    }
}

int plain_run(const struct dashboard_options *o, struct err_info *ei)
{
    sigset_t before;
    int signals = block_signals(&before, ei);
    struct listener *l = signals >= 0 ? calloc(1, sizeof *l) : NULL;
    if (signals >= 0 && !l) {
        (void)err_set(ei, ERR_NOMEM, "no memory for the plain dashboard");
    }
    if (l) {
        (void)setlocale(LC_CTYPE, "");
        l->plain.say = write_sentence;
        l->plain.arg = l;
        l->link.path = o->socket_path;
        l->link.interval_ms = o->low_bandwidth ? LINK_LOW_MS : 0;
        l->link.on_hello = on_hello;
        l->link.on_event = on_event;
        l->link.arg = l;
        l->now_ms = clock_mono_us() / 1000;
        listen_until(l, signals, o->seconds_limit > 0 ? l->now_ms + 1000LL * o->seconds_limit : 0);
        link_stop(&l->link);
        snapshot_clear(&l->live);
        free(l);
    }
    if (signals >= 0) {
        (void)close(signals);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    return ei->code == ERR_OK ? 0 : 1;
}
