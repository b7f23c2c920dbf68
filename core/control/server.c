/* server.c: the control thread: its socket, what it does every second, its events. */
#include "core/control/long_read.h"
#include "core/control/server_private.h"

#include <errno.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/log.h"

#define EVENTS_MAX 20
#define TICK_US    1000000
#define SLOW_TICKS 5  /* what nobody may be looking at */
#define KEY_TICKS  60 /* when keys were used last; what was before old changes */

/* --- every second --- */

static void note_thresholds(struct server *s)
{
    static struct limit_event e[WATCH_EVENTS_MAX]; /* of this thread alone */
    watch_thresholds(s->core, e, limits_events(s->core->limits, e, WATCH_EVENTS_MAX));
}

static void render_metrics(struct core *c)
{
    struct buf text;
    buf_init(&text, 4 * 1024 * 1024);
    metrics_render(c, &text);
    pthread_mutex_lock(&c->text_lock);
    struct buf old = c->metrics_text;
    c->metrics_text = text;
    pthread_mutex_unlock(&c->text_lock);
    buf_free(&old);
}

static void on_tick(struct loop_timer *t)
{
    struct server *s = (struct server *)(void *)((char *)t - offsetof(struct server, tick));
    struct core *c = s->core;
    loop_arm(s->loop, &s->tick, TICK_US);
    limit_end_overrides(c);
    limit_all_tick(c);
    limit_try_tick(c);
    long_reads_collect(s->long_reads);
    past_catch_up(c);
    loop_change(s->loop, &s->listen_fd, EPOLLIN); /* it may have paused */
    note_thresholds(s);
    struct ledger_health health;
    ledger_health(c->ledger, &health);
    pthread_mutex_lock(&c->text_lock);
    (void)str_copy(c->store_problem, sizeof(c->store_problem),
                   str_of(health.ok || c->config->store_failure_allow ? "" : health.text));
    pthread_mutex_unlock(&c->text_lock);
    watch_store(c, &health);
    bool slow_turn = s->ticks++ % SLOW_TICKS == 0;
    if (slow_turn) {
        stats_sample(c);
        watch_limits(c);
        if (health.ok) {
            limit_unstored_store(c, false);
        }
    }
    if (s->ticks % KEY_TICKS == 0) {
        key_store_use(c);
        limit_before_clean(c, clock_wall_ms(), BEFORE_KEPT_MS, BEFORE_KEPT_COUNT);
    }
    if (slow_turn || atomic_exchange(&c->metrics_wanted, 0)) {
        render_metrics(c);
    }
}

/* --- public --- */

void server_event(struct server *s, const char *limit, const char *actor, const char *format, ...)
{
    if (!s) {
        return;
    }
    char text[400];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    log_info("control", "%s%s%s", text, actor[0] ? " by " : "", actor);
    (void)json_array_insert_new(s->events, 0,
                                json_pack("{s:o, s:o, s:s, s:s}", "at", json_time(clock_wall_ms()),
                                          "text", json_str(str_of(text)), "limit", limit, "actor",
                                          actor));
    if (json_array_size(s->events) > EVENTS_MAX) {
        (void)json_array_remove(s->events, EVENTS_MAX);
    }
}

json_t *server_events(struct server *s)
{
    return s ? json_copy(s->events) : json_array();
}

void server_end_trials(struct server *s, const char *text)
{
    if (s) {
        long_reads_end_trials(s->long_reads, text);
    }
}

bool server_post(struct server *s, void (*fn)(void *arg), void *arg)
{
    return loop_post(s->loop, fn, arg);
}

struct errand {
    void (*fn)(void *arg);
    void *arg;
    sem_t done;
};

static void run_errand(void *arg)
{
    struct errand *e = arg;
    e->fn(e->arg);
    (void)sem_post(&e->done);
}

bool server_run(struct server *s, void (*fn)(void *arg), void *arg)
{
    struct errand e = {.fn = fn, .arg = arg};
    if (!s || !s->running || pthread_equal(pthread_self(), s->thread)) {
        fn(arg);
        return true;
    }
    if (sem_init(&e.done, 0, 0) != 0) {
        return false;
    }
    bool posted = loop_post(s->loop, run_errand, &e);
    while (posted && sem_wait(&e.done) != 0) {
    }
    (void)sem_destroy(&e.done);
    return posted;
}

static void on_listen(struct loop_fd *f, uint32_t events)
{
    struct server *s = (struct server *)(void *)((char *)f - offsetof(struct server, listen_fd));
    (void)events;
    int fd = accept4(f->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        peer_accept(s, fd);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        loop_change(s->loop, f, 0); /* until the next tick: it would be told again at once */
    }
}

static void *serve(void *arg)
{
    loop_run(((struct server *)arg)->loop);
    return NULL;
}

static enum err listen_at(struct server *s, struct err_info *ei)
{
    char path[4096];
    core_socket_path(path, sizeof(path), s->core->config->state_dir);
    if (strlen(path) >= sizeof(s->path)) {
        return err_set(ei, ERR_RANGE,
                       "state_dir %s: too long for a socket path (107 bytes at most)",
                       s->core->config->state_dir);
    }
    (void)str_copy(s->path, sizeof(s->path), str_of(path));
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)str_copy(at.sun_path, sizeof(at.sun_path), str_of(path));
    (void)unlink(path); /* we hold the state directory's lock: it is a dead core's */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
        chmod(path, 0666) != 0 || listen(fd, 64) != 0) {
        int why = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        return err_set_sys(ei, ERR_IO, why, "control socket %s", path);
    }
    s->listen_fd.fd = fd;
    s->listen_fd.on_event = on_listen;
    return loop_add(s->loop, &s->listen_fd, EPOLLIN);
}

struct server *server_start(struct core *c, struct err_info *ei)
{
    struct server *s = calloc(1, sizeof(*s));
    if (!s) {
        (void)err_set(ei, ERR_NOMEM, "no memory for the control thread");
        return NULL;
    }
    s->core = c;
    s->listen_fd.fd = -1;
    s->events = json_array();
    s->tick.on_time = on_tick;
    s->loop = loop_new(ei);
    s->long_reads = s->loop ? long_reads_new(c, s->loop, peer_answer) : NULL;
    if (!s->long_reads || listen_at(s, ei) != ERR_OK) {
        server_stop(s);
        return NULL;
    }
    loop_arm(s->loop, &s->tick, 0);
    c->server = s;
    int status = pthread_create(&s->thread, NULL, serve, s);
    if (status != 0) {
        c->server = NULL;
        (void)err_set_sys(ei, ERR_IO, status, "cannot start the control thread");
        server_stop(s);
        return NULL;
    }
    s->running = true;
    return s;
}

void server_stop(struct server *s)
{
    if (!s) {
        return;
    }
    if (s->long_reads) {
        long_reads_stop(s->long_reads);
    }
    if (s->running) {
        loop_stop(s->loop);
        (void)pthread_join(s->thread, NULL);
    }
    peer_close_all(s);
    long_reads_free(s->long_reads);
    if (s->listen_fd.fd >= 0) {
        loop_remove(s->loop, &s->listen_fd);
        (void)close(s->listen_fd.fd);
        (void)unlink(s->path);
    }
    loop_free(s->loop);
    json_decref(s->shared);
    json_decref(s->events);
    free(s);
}
