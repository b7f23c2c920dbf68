/* front.c: one worker's front: accepts clients, ends gracefully or at once. */
#include "core/proxy/front_private.h"

#include "core/base/clock.h"
#include "core/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_BATCH    64
#define ACCEPT_PAUSE_US 100000
#define BODY_RATE       (256 * 1024) /* bytes that earn a body one more second */

void front_count(_Atomic int64_t *counter)
{
    /* One thread writes: no locked instruction is needed. */
    int64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + 1, memory_order_relaxed);
}

int64_t front_body_due(const struct front *f, int64_t since_us, size_t got)
{
    return since_us + f->limits.body_us + (int64_t)(got / BODY_RATE) * 1000000;
}

struct str front_date(struct front *f)
{
    static const char days[][4] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t second = loop_wall_ms(f->loop) / 1000;

    if (second != f->date_second) {
        char t[CLOCK_TEXT]; /* 2026-11-21T01:36:38Z */
        clock_rfc3339(t, second * 1000);
        int month = (t[5] - '0') * 10 + t[6] - '0';
        (void)snprintf(f->date, sizeof f->date, "Date: %s, %.2s %s %.4s %.8s GMT\r\n",
                       days[second / 86400 % 7], t + 8, months[month - 1], t, t + 11);
        f->date_second = second;
    }
    return str_of(f->date);
}

/* --- accepting --- */

static bool is_loopback(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)a;
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    if (a->sa_family == AF_INET6) {
        const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
    }
    return false;
}

static void accept_pause(struct front *f)
{
    for (size_t i = 0; i < f->acceptor_count; i++) {
        if (f->acceptors[i].fd.fd >= 0) {
            loop_change(f->loop, &f->acceptors[i].fd, 0);
        }
    }
    loop_arm(f->loop, &f->accept_timer, ACCEPT_PAUSE_US);
}

static void accept_again(struct loop_timer *t)
{
    struct front *f = FRONT_OWNER(struct front, accept_timer, t);

    for (size_t i = 0; i < f->acceptor_count; i++) {
        if (f->acceptors[i].fd.fd >= 0) {
            loop_change(f->loop, &f->acceptors[i].fd, EPOLLIN);
        }
    }
}

static void accept_stop(struct acceptor *a)
{
    if (a->fd.fd >= 0) {
        loop_remove(a->front->loop, &a->fd);
        /* The listener holds the socket too: without shutdown clients would queue for nobody. */
        (void)shutdown(a->fd.fd, SHUT_RDWR);
        close(a->fd.fd);
        a->fd.fd = -1;
    }
}

/* Makes room by closing who has waited longest without a request. */
static void evict(struct front *f)
{
    struct conn *c = FRONT_OWNER(struct conn, place, f->idle.next);
    conn_break(c);
    conn_settle(c);
}

static void on_accept(struct loop_fd *fd, uint32_t events)
{
    struct acceptor *a = FRONT_OWNER(struct acceptor, fd, fd);
    struct front *f = a->front;

    if (events & (EPOLLERR | EPOLLHUP)) { /* listener_close */
        accept_stop(a);
        return;
    }
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        struct sockaddr_storage peer;
        socklen_t length = sizeof peer;
        bool full = f->connections >= f->connections_max;
        if (full && ring_empty(&f->idle)) {
            accept_pause(f);
            return;
        }
        int client = accept4(a->fd.fd, (struct sockaddr *)(void *)&peer, &length,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client >= 0) {
            if (full) {
                evict(f);
            }
            conn_new(f, client, a->tls, is_loopback((const struct sockaddr *)(const void *)&peer));
        } else if (errno == EAGAIN) {
            return;
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_warn("proxy", "cannot accept: %s; trying again in 100 ms", strerrordesc_np(errno));
            accept_pause(f);
            return;
        }
    }
}

/* --- the front --- */

static size_t connections_max(int workers)
{
    struct rlimit limit = {.rlim_cur = 1024};
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == RLIM_INFINITY) {
        limit.rlim_cur = 1 << 20;
    }
    size_t kept = limit.rlim_cur / 4 < 256 ? limit.rlim_cur / 4 : 256;
    size_t each = (limit.rlim_cur - kept) / 2 / (size_t)workers; /* half are for upstream */
    return each < 16 ? 16 : each;
}

void front_reload(struct front *f, const struct config *config)
{
    f->limits = (struct front_limits){
        .max_body = (size_t)config->requests.max_body,
        .max_header = (size_t)config->requests.max_header,
        .header_us = config->requests.header_timeout_ms * 1000,
        .body_us = config->requests.body_timeout_ms * 1000,
        .stall_us = config->requests.stall_timeout_ms * 1000,
    };
    for (size_t i = 0; i < f->acceptor_count; i++) {
        struct acceptor *a = &f->acceptors[i];
        SSL_CTX *now = listener_tls(a->listener);
        if (now) {
            SSL_CTX_free(a->tls);
            a->tls = now;
        }
    }
}

static enum err open_acceptors(struct front *f, struct listener *const *listeners, size_t count,
                               int worker, struct err_info *ei)
{
    f->acceptors = calloc(count ? count : 1, sizeof *f->acceptors);
    if (!f->acceptors) {
        return err_set(ei, ERR_NOMEM, "front: out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        struct acceptor *a = &f->acceptors[f->acceptor_count++];
        a->front = f;
        a->listener = listeners[i];
        a->tls = listener_tls(listeners[i]);
        a->fd.on_event = on_accept;
        a->fd.fd = fcntl(listener_fd(listeners[i], worker), F_DUPFD_CLOEXEC, 3);
        if (a->fd.fd < 0) {
            return err_set_sys(ei, ERR_IO, errno, "cannot accept on %s",
                               listener_url(listeners[i]));
        }
        if (loop_add(f->loop, &a->fd, EPOLLIN)) {
            return err_set(ei, ERR_IO, "cannot accept on %s", listener_url(listeners[i]));
        }
    }
    return ERR_OK;
}

struct front *front_new(struct loop *loop, const struct config *config, struct gate *gate,
                        int worker, struct listener *const *listeners, size_t listener_count,
                        struct err_info *ei)
{
    struct front *f = calloc(1, sizeof *f);
    if (!f) {
        err_set(ei, ERR_NOMEM, "front: out of memory");
        return NULL;
    }
    f->loop = loop;
    f->gate = gate;
    f->date_second = -1;
    f->accept_timer.on_time = accept_again;
    ring_init(&f->idle);
    ring_init(&f->busy);
    ring_init(&f->dirty);
    front_reload(f, config);
    f->connections_max = connections_max(listener_count ? listener_workers(listeners[0]) : 1);
    if (!front_http2_prepare(f)) {
        err_set(ei, ERR_NOMEM, "front: out of memory");
        front_free(f);
        return NULL;
    }
    if (open_acceptors(f, listeners, listener_count, worker, ei)) {
        front_free(f);
        return NULL;
    }
    return f;
}

void front_turn(struct front *f)
{
    while (!ring_empty(&f->dirty)) {
        struct conn *c = FRONT_OWNER(struct conn, dirty, f->dirty.next);
        ring_take(&c->dirty);
        if (!c->broken) {
            conn_flush(c);
        }
        conn_settle(c);
    }
}

static void drain_all(struct ring *list)
{
    struct ring *next;

    for (struct ring *at = list->next; at != list; at = next) {
        struct conn *c = FRONT_OWNER(struct conn, place, at);
        next = at->next;
        if (!c->closing && !c->broken) {
            c->protocol->drain(c);
            conn_touch(c);
        }
    }
}

void front_drain(struct front *f)
{
    f->draining = true;
    loop_disarm(f->loop, &f->accept_timer);
    for (size_t i = 0; i < f->acceptor_count; i++) {
        accept_stop(&f->acceptors[i]);
    }
    drain_all(&f->idle);
    drain_all(&f->busy);
}

void front_cut(struct front *f)
{
    while (!ring_empty(&f->idle) || !ring_empty(&f->busy)) {
        struct ring *first = ring_empty(&f->idle) ? f->busy.next : f->idle.next;
        struct conn *c = FRONT_OWNER(struct conn, place, first);
        conn_break(c);
        conn_settle(c);
    }
}

size_t front_exchanges(const struct front *f)
{
    return f->exchanges;
}

size_t front_connections(const struct front *f)
{
    return f->connections;
}

const struct front_counts *front_counts(const struct front *f)
{
    return &f->counts;
}

void front_free(struct front *f)
{
    if (!f) {
        return;
    }
    front_cut(f);
    loop_disarm(f->loop, &f->accept_timer);
    for (size_t i = 0; i < f->acceptor_count; i++) {
        accept_stop(&f->acceptors[i]);
        SSL_CTX_free(f->acceptors[i].tls);
    }
    front_http2_forget(f);
    buf_free(&f->lower);
    free(f->acceptors);
    free(f);
}
