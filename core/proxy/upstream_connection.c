/* upstream_connection.c: one connection once it is open: it sends a request, breaks, ends. */
#include "core/proxy/upstream_private.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

/* --- its end --- */

static void leave_idle(struct connection *c)
{
    struct upstream *u = c->u;
    *(c->idle_prev ? &c->idle_prev->idle_next : &u->idle) = c->idle_next;
    if (c->idle_next) {
        c->idle_next->idle_prev = c->idle_prev;
    }
    u->idle_count--;
}

void connection_free(struct connection *c)
{
    struct upstream *u = c->u;
    if (c->state == CONNECTION_IDLE) {
        leave_idle(c);
    }
    *(c->prev ? &c->prev->next : &u->connections) = c->next;
    if (c->next) {
        c->next->prev = c->prev;
    }
    u->connection_count--;
    loop_disarm(u->loop, &c->timer);
    connection_end_race(c);
    if (c->fd.fd >= 0) {
        loop_remove(u->loop, &c->fd);
    }
    if (c->ssl && SSL_is_init_finished(c->ssl)) {
        /* Else OpenSSL forbids to resume the session that the endpoint keeps. */
        SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    SSL_free(c->ssl);
    if (c->fd.fd >= 0) {
        (void)close(c->fd.fd);
    }
    buf_free(&c->in);
    free(c);
}

void connection_attach(struct connection *c, struct upstream_call *k)
{
    c->call = k;
    k->c = c;
    k->written = 0;
}

void connection_watch(struct connection *c)
{
    if (c->state != CONNECTION_IDLE && c->state != CONNECTION_BUSY) {
        return; /* opening asks for its own */
    }
    uint32_t events = c->call && c->call->paused ? 0 : EPOLLIN | EPOLLRDHUP;
    loop_change(c->u->loop, &c->fd, events | (c->write_blocked ? EPOLLOUT : 0));
}

/* The call goes on over another connection, if there is one. */
static bool moved(struct upstream *u, struct upstream_call *k, size_t from)
{
    int refused;
    struct connection *fresh = connection_new(u, from, &refused);
    if (fresh) {
        connection_attach(fresh, k);
    }
    return fresh != NULL;
}

void connection_failed(struct connection *c, enum upstream_failure failure, const char *text)
{
    struct upstream *u = c->u;
    struct upstream_call *k = c->call;
    bool up = c->state == CONNECTION_BUSY || c->state == CONNECTION_IDLE;
    bool stale = up && c->reused && failure == UPSTREAM_BROKEN && k && !k->heard && !k->retried;
    size_t next_address = c->address_at + 1;
    c->call = NULL;
    connection_free(c);
    if (k) {
        k->c = NULL;
        k->retried = k->retried || stale;
        if ((stale || !up) && moved(u, k, stale ? 0 : next_address)) {
            return;
        }
        if (!up && k->sent) {
            failure = UPSTREAM_BROKEN; /* what was sent before it was tried anew may be taken */
        }
        upstream_call_fail(k, failure, text);
    }
    upstream_dispatch(u);
}

/* --- writing --- */

/* What is left of the request as pieces. */
static int left_to_write(const struct upstream_call *k, struct iovec v[UPSTREAM_PARTS])
{
    int n = 0;
    size_t skip = k->written;
    for (size_t i = 0; i < UPSTREAM_PARTS; i++) {
        struct str part = k->parts[i];
        if (skip < part.n) {
            v[n++] = (struct iovec){(char *)(uintptr_t)part.p + skip, part.n - skip};
            skip = 0;
        } else {
            skip -= part.n;
        }
    }
    return n;
}

/* One TLS record of what is left; the same bytes again when OpenSSL asks to try again. */
static ssize_t write_record(struct connection *c, const struct iovec *v, int n)
{
    char *record = c->u->record;
    size_t len = 0, done = 0;
    for (int i = 0; i < n && len < UPSTREAM_RECORD; i++) {
        size_t room = UPSTREAM_RECORD - len, take = v[i].iov_len < room ? v[i].iov_len : room;
        memcpy(record + len, v[i].iov_base, take);
        len += take;
    }
    ERR_clear_error();
    int status = SSL_write_ex(c->ssl, record, len, &done);
    if (status == 1) {
        return (ssize_t)done;
    }
    int why = SSL_get_error(c->ssl, status);
    errno = why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ ? EAGAIN : EPIPE;
    return -1;
}

static ssize_t write_some(struct connection *c)
{
    struct iovec v[UPSTREAM_PARTS];
    int n = left_to_write(c->call, v);
    if (c->ssl) {
        return write_record(c, v, n);
    }
    struct msghdr m = {.msg_iov = v, .msg_iovlen = (size_t)n};
    return sendmsg(c->fd.fd, &m, MSG_NOSIGNAL);
}

/* Writes what the socket takes. False: it takes nothing any more. */
static bool write_request(struct connection *c)
{
    struct upstream_call *k = c->call;
    c->write_blocked = false;
    while (k->written < k->total) {
        ssize_t done = write_some(c);
        if (done < 0) {
            c->write_blocked = errno == EAGAIN || errno == EINTR;
            c->write_failed = !c->write_blocked;
            break;
        }
        k->sent = k->sent || done > 0;
        k->written += (size_t)done;
    }
    connection_watch(c);
    return !c->write_failed;
}

void connection_begin(struct connection *c)
{
    c->state = CONNECTION_BUSY;
    /* A failure is told by the timer: callers of upstream_send are not called back inside it. */
    loop_arm(c->u->loop, &c->timer, write_request(c) ? c->u->first_byte_us : 0);
}

/* --- events --- */

static void busy(struct connection *c, uint32_t events)
{
    bool failed = (events & EPOLLOUT) && !write_request(c);
    if (failed || (c->ssl && (events & EPOLLOUT))) {
        events |= EPOLLIN; /* an answer may be there already, or wait inside OpenSSL */
    }
    if (c->call->paused && !(events & (EPOLLERR | EPOLLHUP))) {
        return;
    }
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP)) {
        connection_readable(c);
    }
}

void connection_on_event(struct loop_fd *f, uint32_t events)
{
    struct connection *c = (struct connection *)(void *)f;
    switch (c->state) {
    case CONNECTION_OPENING:
        return; /* its racers have events of their own */
    case CONNECTION_TUNNEL:
        connection_tunnel(c, events);
        return;
    case CONNECTION_HANDSHAKE:
        connection_handshake(c);
        return;
    case CONNECTION_IDLE:
        connection_readable(c);
        return;
    case CONNECTION_BUSY:
        busy(c, events);
        return;
    }
}

static void late(struct connection *c)
{
    const struct upstream_call *k = c->call;
    if (k->paused) {
        loop_arm(c->u->loop, &c->timer, c->u->idle_us); /* it is the client that is slow */
    } else if (c->write_failed && !k->got_head) {
        connection_readable(c);
    } else {
        connection_failed(c, UPSTREAM_TIMED_OUT,
                          k->heard ? "the answer stalled longer than upstream.idle_timeout"
                                   : "no answer within upstream.first_byte_timeout");
    }
}

void connection_on_timer(struct loop_timer *t)
{
    struct connection *c =
        (struct connection *)(void *)((char *)t - offsetof(struct connection, timer));
    char text[240];
    switch (c->state) {
    case CONNECTION_IDLE:
        connection_free(c);
        return;
    case CONNECTION_OPENING:
    case CONNECTION_TUNNEL:
    case CONNECTION_HANDSHAKE:
        (void)snprintf(text, sizeof(text), "no connection to %.120s within %lld ms%s",
                       endpoint_dialled(c->u->endpoint), (long long)(c->u->connect_us / 1000),
                       c->state == CONNECTION_TUNNEL ? ": the tunnel was asked for in vain" : "");
        connection_failed(c, UPSTREAM_LATE, text);
        return;
    case CONNECTION_BUSY:
        late(c);
        return;
    }
}

void connection_wake_for_pending(struct connection *c)
{
    if (c->ssl && SSL_has_pending(c->ssl)) {
        loop_change(c->u->loop, &c->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    }
}
