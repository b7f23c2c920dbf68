/* upstream_connection.c: one connection: it opens, sends a request, breaks. */
#include "core/proxy/upstream_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#define KEEPALIVE_SECONDS 45

static void on_timer(struct loop_timer *t);
static void on_event(struct loop_fd *f, uint32_t events);

/* --- its begin and end --- */

/* 0, or errno. */
static int connect_to(struct connection *c, const struct endpoint_address *a)
{
    int fd = socket(a->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    int on = 1, idle = KEEPALIVE_SECONDS, why = 0;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    c->fd.fd = fd;
    c->fd.on_event = on_event;
    if (connect(fd, (const struct sockaddr *)&a->at, a->length) != 0 && errno != EINPROGRESS) {
        why = errno;
    } else if (loop_add(c->u->loop, &c->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP) != ERR_OK) {
        why = ENOMEM;
    }
    if (why != 0) {
        (void)close(fd);
    }
    return why;
}

/* What passes by itself: ports, descriptors and memory come back. */
static bool passes(int why)
{
    return why == EMFILE || why == ENFILE || why == ENOMEM || why == ENOBUFS || why == EAGAIN ||
           why == EADDRNOTAVAIL;
}

struct connection *connection_new(struct upstream *u, size_t from, int *refused)
{
    struct endpoint_address addresses[ENDPOINT_ADDRESSES_MAX];
    size_t n = endpoint_addresses(u->endpoint, addresses, NULL);
    struct connection *c = n > from ? calloc(1, sizeof(*c)) : NULL;
    *refused = 0;
    if (!c) {
        return NULL;
    }
    c->u = u;
    c->timer.on_time = on_timer;
    buf_init(&c->in, UPSTREAM_HEAD_MAX);
    for (size_t i = from; i < n; i++) {
        int why = connect_to(c, &addresses[i]);
        if (why != 0) {
            *refused = passes(why) ? *refused : why;
            continue;
        }
        c->address_at = i;
        c->next = u->connections;
        if (c->next) {
            c->next->prev = c;
        }
        u->connections = c;
        u->connection_count++;
        loop_arm(u->loop, &c->timer, u->connect_us);
        return c;
    }
    free(c);
    return NULL;
}

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
    loop_remove(u->loop, &c->fd);
    if (c->ssl && SSL_is_init_finished(c->ssl)) {
        /* Else OpenSSL forbids to resume the session that the endpoint keeps. */
        SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    SSL_free(c->ssl);
    (void)close(c->fd.fd);
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
        if (!up) {
            /* What was sent before it was tried anew may have been taken. */
            failure = k->sent ? UPSTREAM_BROKEN : UPSTREAM_UNREACHABLE;
        }
        upstream_call_fail(k, failure, text);
    }
    upstream_dispatch(u);
}

/* --- writing --- */

static ssize_t write_some(struct connection *c, struct iovec *v, int n)
{
    if (!c->ssl) {
        struct msghdr m = {.msg_iov = v, .msg_iovlen = (size_t)n};
        return sendmsg(c->fd.fd, &m, MSG_NOSIGNAL);
    }
    ERR_clear_error();
    size_t done = 0;
    int status = SSL_write_ex(c->ssl, v[0].iov_base, v[0].iov_len, &done);
    if (status == 1) {
        return (ssize_t)done;
    }
    int why = SSL_get_error(c->ssl, status);
    errno = why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ ? EAGAIN : EPIPE;
    return -1;
}

/* Small requests go out as one TLS record. */
static bool write_joined(struct connection *c, struct upstream_call *k, ssize_t *done)
{
    size_t total = k->head.n + k->body.n;
    if (!c->ssl || k->written != 0 || total > sizeof(c->u->record)) {
        return false;
    }
    memcpy(c->u->record, k->head.p, k->head.n);
    if (k->body.n > 0) {
        memcpy(c->u->record + k->head.n, k->body.p, k->body.n);
    }
    struct iovec v = {c->u->record, total};
    *done = write_some(c, &v, 1);
    return true;
}

/* What is left of the request as pieces. */
static int left_to_write(const struct upstream_call *k, struct iovec v[2])
{
    int n = 0;
    size_t body_at = 0;
    if (k->written < k->head.n) {
        v[n++] = (struct iovec){(char *)(uintptr_t)k->head.p + k->written, k->head.n - k->written};
    } else {
        body_at = k->written - k->head.n;
    }
    if (body_at < k->body.n) {
        v[n++] = (struct iovec){(char *)(uintptr_t)k->body.p + body_at, k->body.n - body_at};
    }
    return n;
}

/* Writes what the socket takes. False: it takes nothing any more. */
static bool write_request(struct connection *c)
{
    struct upstream_call *k = c->call;
    c->write_blocked = false;
    while (k->written < k->head.n + k->body.n) {
        struct iovec v[2];
        int n = left_to_write(k, v);
        ssize_t done = 0;
        if (!write_joined(c, k, &done)) {
            done = write_some(c, v, n);
        }
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

static void handshake(struct connection *c)
{
    ERR_clear_error();
    int status = SSL_do_handshake(c->ssl);
    if (status == 1) {
        connection_begin(c);
        return;
    }
    int why = SSL_get_error(c->ssl, status);
    if (why == SSL_ERROR_WANT_READ) {
        loop_change(c->u->loop, &c->fd, EPOLLIN | EPOLLRDHUP);
    } else if (why == SSL_ERROR_WANT_WRITE) {
        loop_change(c->u->loop, &c->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    } else {
        char text[200];
        long verify = SSL_get_verify_result(c->ssl);
        (void)snprintf(
            text, sizeof(text), "TLS with %.80s failed: %.80s", endpoint_host(c->u->endpoint),
            verify != X509_V_OK ? X509_verify_cert_error_string(verify) : "handshake refused");
        connection_failed(c, UPSTREAM_UNREACHABLE, text);
    }
}

static void connected(struct connection *c)
{
    int problem = 0;
    socklen_t n = sizeof(problem);
    if (getsockopt(c->fd.fd, SOL_SOCKET, SO_ERROR, &problem, &n) != 0 || problem != 0) {
        char reason[64], text[200];
        (void)snprintf(text, sizeof(text), "cannot connect to %.80s: %s",
                       endpoint_authority(c->u->endpoint),
                       strerror_r(problem, reason, sizeof(reason)));
        connection_failed(c, UPSTREAM_UNREACHABLE, text);
        return;
    }
    if (!endpoint_tls(c->u->endpoint)) {
        connection_begin(c);
        return;
    }
    c->ssl = endpoint_ssl(c->u->endpoint);
    if (!c->ssl || SSL_set_fd(c->ssl, c->fd.fd) != 1) {
        connection_failed(c, UPSTREAM_UNREACHABLE, "no memory for a TLS connection");
        return;
    }
    c->state = CONNECTION_HANDSHAKE;
    handshake(c);
}

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

static void on_event(struct loop_fd *f, uint32_t events)
{
    struct connection *c = (struct connection *)(void *)f;
    switch (c->state) {
    case CONNECTION_OPENING:
        if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) {
            connected(c);
        }
        return;
    case CONNECTION_HANDSHAKE:
        handshake(c);
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

static void on_timer(struct loop_timer *t)
{
    struct connection *c =
        (struct connection *)(void *)((char *)t - offsetof(struct connection, timer));
    char text[160];
    switch (c->state) {
    case CONNECTION_IDLE:
        connection_free(c);
        return;
    case CONNECTION_OPENING:
    case CONNECTION_HANDSHAKE:
        (void)snprintf(text, sizeof(text), "no connection to %.80s within %lld ms",
                       endpoint_authority(c->u->endpoint), (long long)(c->u->connect_us / 1000));
        connection_failed(c, UPSTREAM_UNREACHABLE, text);
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
