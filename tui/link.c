#include "tui/link.h"

#include "core/base/str.h"
#include "core/control/client.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define RETRY_MS 1000
#define QUIET_MS 3000 /* nothing heard for so long: ask */
#define DEAF_MS  2000 /* no answer for so long: the core does not answer */

/* Shared between the thread that opens a line and the screen; freed by whoever leaves last. */
struct link_attempt {
    atomic_int holders;
    char *path;
    int done_fd; /* readable: the rest may be read */
    struct client *client;
    json_t *hello;
    struct err_info ei;
};

static void attempt_leave(struct link_attempt *a)
{
    if (atomic_fetch_sub(&a->holders, 1) > 1) {
        return;
    }
    client_close(a->client);
    json_decref(a->hello);
    (void)close(a->done_fd);
    free(a->path);
    free(a);
}

static void *open_line(void *arg)
{
    struct link_attempt *a = arg;
    a->client = client_open(a->path, &a->hello, &a->ei);
    uint64_t one = 1;
    ssize_t ignored = write(a->done_fd, &one, sizeof one);
    (void)ignored;
    attempt_leave(a);
    return NULL;
}

static void try_open(struct link *l, int64_t now_ms)
{
    l->retry_ms = now_ms + RETRY_MS;
    struct link_attempt *a = calloc(1, sizeof *a);
    if (!a) {
        return;
    }
    atomic_init(&a->holders, 2);
    a->path = str_dup(str_of(l->path));
    a->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_t thread;
    pthread_attr_t attr;
    bool made = a->path && a->done_fd >= 0 && pthread_attr_init(&attr) == 0;
    if (made) {
        (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        (void)pthread_attr_setstacksize(&attr, 256 * 1024);
        made = pthread_create(&thread, &attr, open_line, a) == 0;
        (void)pthread_attr_destroy(&attr);
    }
    if (!made) {
        atomic_store(&a->holders, 1);
        attempt_leave(a);
        return;
    }
    l->attempt = a;
}

void link_start(struct link *l, int64_t now_ms)
{
    l->state = LINK_OPENING;
    try_open(l, now_ms);
}

bool link_poll(const struct link *l, int *fd, short *events)
{
    *events = POLLIN;
    if (l->attempt) {
        *fd = l->attempt->done_fd;
        return true;
    }
    *fd = l->client ? client_fd(l->client) : -1;
    if (*fd >= 0 && client_wants_write(l->client)) {
        *events |= POLLOUT;
    }
    return *fd >= 0;
}

static void heard_event(void *arg, const char *event, json_t *data)
{
    struct link *l = arg;
    l->on_event(l->arg, event, data);
}

static void line_broke(struct link *l, int64_t now_ms)
{
    client_close(l->client);
    l->client = NULL;
    l->pinged_ms = 0;
    l->state = LINK_DOWN;
    l->retry_ms = now_ms; /* at once: it may just have been restarted */
}

static void subscribed(void *arg, json_t *result, const struct err_info *ei)
{
    struct link *l = arg;
    if (!result && ei) {
        l->why = *ei;
    }
}

static enum err subscribe(struct link *l)
{
    json_t *params = l->interval_ms > 0 ? json_pack("{s:i}", "interval_ms", l->interval_ms) : NULL;
    return client_send(l->client, "subscribe", params, subscribed, l, &l->why);
}

void link_interval(struct link *l, int interval_ms)
{
    bool other = interval_ms != l->interval_ms;
    l->interval_ms = interval_ms;
    if (other && l->client && subscribe(l) != ERR_OK) {
        err_clear(&l->why); /* the line breaks, and is opened again with it */
    }
}

static void line_opened(struct link *l, int64_t now_ms)
{
    struct link_attempt *a = l->attempt;
    l->attempt = NULL;
    l->client = a->client;
    a->client = NULL;
    if (!l->client) {
        l->why = a->ei;
        l->retry_ms = now_ms + RETRY_MS;
    } else {
        client_long_tables(l->client, l->long_tables);
        l->state = LINK_UP;
        l->heard_ms = now_ms;
        err_clear(&l->why);
        l->on_hello(l->arg, a->hello);
        if (subscribe(l) != ERR_OK) {
            line_broke(l, now_ms);
            l->retry_ms = now_ms + RETRY_MS;
        }
    }
    attempt_leave(a);
}

static bool readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

static void pong(void *arg, json_t *result, const struct err_info *ei)
{
    (void)result;
    (void)ei; /* any answer shows that the core lives */
    ((struct link *)arg)->pinged_ms = 0;
}

/* Nothing new may mean that nothing happens, or that nobody is there. */
static bool check_alive(struct link *l, int64_t now_ms)
{
    enum link_state before = l->state;
    if (l->pinged_ms > 0) {
        l->state = now_ms - l->pinged_ms >= DEAF_MS ? LINK_SILENT : l->state;
    } else {
        l->state = LINK_UP;
        if (now_ms - l->heard_ms >= QUIET_MS && now_ms - l->probed_ms >= QUIET_MS &&
            client_send(l->client, "limit.history", json_pack("{s:i}", "max", 1), pong, l, NULL) ==
                ERR_OK) {
            l->pinged_ms = l->probed_ms = now_ms;
        }
    }
    return l->state != before;
}

bool link_step(struct link *l, int64_t now_ms)
{
    if (l->attempt) {
        if (!readable(l->attempt->done_fd)) {
            return false;
        }
        line_opened(l, now_ms);
        return true;
    }
    if (!l->client) {
        if (now_ms >= l->retry_ms) {
            try_open(l, now_ms);
        }
        return false;
    }
    int fd = client_fd(l->client);
    if (fd >= 0 && !readable(fd) && !client_wants_write(l->client)) {
        return check_alive(l, now_ms);
    }
    if (fd >= 0 && readable(fd)) {
        l->heard_ms = now_ms;
    }
    if (client_pump(l->client, heard_event, l) != ERR_OK) {
        line_broke(l, now_ms);
        return true;
    }
    return check_alive(l, now_ms);
}

int64_t link_due(const struct link *l)
{
    if (l->attempt) {
        return INT64_MAX;
    }
    if (!l->client) {
        return l->retry_ms;
    }
    if (l->pinged_ms > 0) {
        return l->state == LINK_SILENT ? INT64_MAX : l->pinged_ms + DEAF_MS;
    }
    int64_t last = l->heard_ms > l->probed_ms ? l->heard_ms : l->probed_ms;
    return last + QUIET_MS;
}

enum err link_send(struct link *l, const char *method, json_t *params,
                   void (*fn)(void *arg, json_t *result, const struct err_info *ei), void *arg,
                   struct err_info *ei)
{
    if (!l->client || l->state != LINK_UP) {
        json_decref(params);
        return err_set(ei, ERR_NO_CORE, "the core does not answer; nothing was sent");
    }
    return client_send(l->client, method, params, fn, arg, ei);
}

void link_stop(struct link *l)
{
    if (l->attempt) {
        attempt_leave(l->attempt);
        l->attempt = NULL;
    }
    client_close(l->client);
    l->client = NULL;
}
