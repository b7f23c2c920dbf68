/* front_conn.c: a client's connection: what waits to be written, its deadlines, which HTTP it
 * speaks, its end. */
#include "core/proxy/front_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUT_FIRST  4096
#define PIECES_MAX 8

static const struct protocol front_detect;

/* --- plain sockets --- */

static ssize_t plain_read(struct conn *c, void *to, size_t n)
{
    for (;;) {
        ssize_t got = recv(c->fd.fd, to, n, 0);
        if (got >= 0) {
            return got;
        }
        if (errno != EINTR) {
            return errno == EAGAIN ? IO_AGAIN : IO_BROKEN;
        }
    }
}

static ssize_t plain_writev(struct conn *c, struct iovec *pieces, int count)
{
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)count};

    for (;;) {
        ssize_t sent = sendmsg(c->fd.fd, &message, MSG_NOSIGNAL);
        if (sent >= 0) {
            return sent;
        }
        if (errno != EINTR) {
            return errno == EAGAIN ? IO_AGAIN : IO_BROKEN;
        }
    }
}

static ssize_t plain_write(struct conn *c, const void *from, size_t n)
{
    for (;;) {
        ssize_t sent = send(c->fd.fd, from, n, MSG_NOSIGNAL);
        if (sent >= 0) {
            return sent;
        }
        if (errno != EINTR) {
            return errno == EAGAIN ? IO_AGAIN : IO_BROKEN;
        }
    }
}

static bool plain_pending(const struct conn *c)
{
    (void)c;
    return false;
}

static void plain_shut(struct conn *c)
{
    (void)c;
}

const struct transport front_plain = {
    .read = plain_read, .write = plain_write, .pending = plain_pending, .shut = plain_shut};

/* --- the write queue --- */

static bool out_take(struct conn *c)
{
    return c->out.data || buf_reserve(&c->out, OUT_FIRST) != NULL;
}

/* A drained connection holds no write buffer. */
static void out_give(struct conn *c)
{
    buf_free(&c->out);
}

void conn_touch(struct conn *c)
{
    if (ring_empty(&c->dirty)) {
        ring_put(&c->front->dirty, &c->dirty);
    }
}

void conn_break(struct conn *c)
{
    c->broken = true;
    conn_touch(c);
}

void conn_due_by(struct conn *c, int64_t due_us)
{
    if (due_us != FRONT_NEVER && (c->timer.heap_at == 0 || c->timer.due_us > due_us)) {
        loop_arm(c->front->loop, &c->timer, due_us - loop_now_us(c->front->loop));
    }
}

static void stall_due(struct conn *c)
{
    conn_due_by(c, c->progress_us + c->front->limits.stall_us);
}

char *conn_room(struct conn *c, size_t n)
{
    char *room = c->broken || !out_take(c) ? NULL : buf_reserve(&c->out, n);
    if (!room) {
        conn_break(c);
    }
    return room;
}

void conn_written_room(struct conn *c, size_t n)
{
    if (c->out.len == 0) {
        c->progress_us = loop_now_us(c->front->loop);
    }
    buf_commit(&c->out, n);
    conn_touch(c);
}

/* Appends the pieces without their first `skip` bytes. */
static void append(struct conn *c, const struct iovec *pieces, int count, size_t skip)
{
    for (int i = 0; i < count; i++) {
        size_t drop = skip < pieces[i].iov_len ? skip : pieces[i].iov_len;
        size_t n = pieces[i].iov_len - drop;
        skip -= drop;
        char *room = n > 0 ? conn_room(c, n) : NULL;
        if (room) {
            memcpy(room, (const char *)pieces[i].iov_base + drop, n);
            conn_written_room(c, n);
        }
    }
}

/* What waits and the pieces in one system call, without copying. */
static void put_direct(struct conn *c, const struct iovec *pieces, int count)
{
    struct iovec all[PIECES_MAX + 1] = {{buf_bytes(&c->out), c->out.len}};
    size_t waiting = c->out.len, total = waiting;

    for (int i = 0; i < count; i++) {
        all[i + 1] = pieces[i];
        total += pieces[i].iov_len;
    }
    ssize_t sent = waiting ? plain_writev(c, all, count + 1) : plain_writev(c, all + 1, count);
    if (sent == IO_BROKEN) {
        conn_break(c);
        return;
    }
    size_t done = sent > 0 ? (size_t)sent : 0;
    buf_consume(&c->out, done < waiting ? done : waiting);
    append(c, pieces, count, done > waiting ? done - waiting : 0);
    conn_touch(c);
    if (done < total) {
        c->blocked = true;
        c->progress_us = loop_now_us(c->front->loop);
        stall_due(c);
    }
}

void conn_put(struct conn *c, const struct iovec *pieces, int count)
{
    size_t total = 0;

    if (c->broken) {
        return;
    }
    for (int i = 0; i < count; i++) {
        total += pieces[i].iov_len;
    }
    if (total > FRONT_DIRECT && !c->blocked && !c->ssl && count <= PIECES_MAX) {
        put_direct(c, pieces, count);
    } else {
        append(c, pieces, count, 0);
    }
}

void conn_put_text(struct conn *c, struct str text)
{
    struct iovec piece = {(void *)(uintptr_t)text.p, text.n};
    conn_put(c, &piece, 1);
}

void conn_finish(struct conn *c, bool linger)
{
    c->closing = true;
    c->linger = linger;
    conn_touch(c);
}

static void all_written(struct conn *c)
{
    out_give(c);
    if (!c->closing || c->lingering) {
        return;
    }
    c->transport->shut(c);
    if (!c->linger) {
        conn_break(c);
        return;
    }
    (void)shutdown(c->fd.fd, SHUT_WR); /* fails when the client is gone: reading shows that */
    c->lingering = true;
    c->since_us = loop_now_us(c->front->loop);
    conn_due_by(c, c->since_us + FRONT_LINGER);
}

void conn_flush(struct conn *c)
{
    bool moved = false;

    if (!c->closing) {
        c->protocol->produce(c);
    }
    while (c->out.len > 0 && !c->blocked && !c->broken) {
        ssize_t sent = c->transport->write(c, buf_bytes(&c->out), c->out.len);
        if (sent == IO_BROKEN) {
            conn_break(c);
        } else if (sent <= 0) {
            c->blocked = true;
            stall_due(c);
        } else {
            moved = true;
            c->progress_us = loop_now_us(c->front->loop);
            buf_consume(&c->out, (size_t)sent);
            if (c->out.len == 0 && !c->closing) {
                c->protocol->produce(c);
            }
        }
    }
    if (c->broken) {
        return;
    }
    if (moved || c->out.len == 0) {
        c->protocol->written(c);
    }
    if (c->out.len == 0) {
        all_written(c);
    }
}

/* --- a connection's life --- */

void conn_busy(struct conn *c, bool busy)
{
    ring_put(busy ? &c->front->busy : &c->front->idle, &c->place);
}

static void destroy(struct conn *c)
{
    struct front *f = c->front;

    c->broken = true;
    c->protocol->gone(c);
    ring_take(&c->dirty);
    ring_take(&c->place);
    loop_disarm(f->loop, &c->timer);
    loop_remove(f->loop, &c->fd);
    SSL_free(c->ssl);
    free(c->subject);
    close(c->fd.fd);
    buf_free(&c->in);
    out_give(c);
    free(c);
    f->connections--;
}

void conn_settle(struct conn *c)
{
    if (c->broken) {
        destroy(c);
        return;
    }
    uint32_t events = c->blocked ? EPOLLOUT : 0;
    if (c->lingering) {
        events = EPOLLIN;
    } else if (!c->closing) {
        events |= c->paused ? EPOLLRDHUP : EPOLLIN | EPOLLRDHUP;
    }
    loop_change(c->front->loop, &c->fd, events);
}

static void linger(struct conn *c)
{
    ssize_t n = recv(c->fd.fd, c->front->scratch, FRONT_SCRATCH, 0);

    c->lingered += n > 0 ? (size_t)n : 0;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ||
        c->lingered > FRONT_LINGER_BYTES) {
        conn_break(c);
    }
}

static void on_event(struct loop_fd *fd, uint32_t events)
{
    struct conn *c = FRONT_OWNER(struct conn, fd, fd);

    if (events & (EPOLLERR | EPOLLHUP)) {
        conn_break(c);
    }
    if (!c->broken && events & EPOLLOUT) {
        c->blocked = false;
        if (c->protocol == &front_detect) {
            events |= EPOLLIN; /* a handshake goes on */
        } else {
            conn_flush(c);
        }
    }
    if (!c->broken && events & (EPOLLIN | EPOLLRDHUP)) {
        if (c->lingering) {
            linger(c);
        } else if (!c->closing) {
            c->protocol->readable(c, events);
        }
    }
    conn_settle(c);
}

static int64_t next_due(const struct conn *c)
{
    if (c->lingering) {
        return c->since_us + FRONT_LINGER;
    }
    int64_t due = c->closing ? FRONT_NEVER : c->protocol->due(c);
    int64_t stall = c->progress_us + c->front->limits.stall_us;
    return c->out.len > 0 && stall < due ? stall : due;
}

static void on_time(struct loop_timer *t)
{
    struct conn *c = FRONT_OWNER(struct conn, timer, t);
    struct front *f = c->front;
    int64_t now = loop_now_us(f->loop);

    if (next_due(c) <= now) {
        if (c->lingering) {
            conn_break(c);
        } else if (c->out.len > 0 && c->progress_us + f->limits.stall_us <= now) {
            front_count(&f->counts.timeouts);
            conn_break(c);
        } else {
            c->protocol->expire(c, now);
        }
    }
    if (!c->broken) {
        conn_due_by(c, next_due(c));
    }
    conn_settle(c);
}

/* --- which HTTP --- */

static void detect_first(struct conn *c, const char *data, size_t n)
{
    size_t known = n < NGHTTP2_CLIENT_MAGIC_LEN ? n : NGHTTP2_CLIENT_MAGIC_LEN;
    bool http2 = memcmp(data, NGHTTP2_CLIENT_MAGIC, known) == 0;

    if (c->ssl && front_tls_is_http2(c)) {
        http2 = true;
    } else if (http2 && known < NGHTTP2_CLIENT_MAGIC_LEN) {
        if (!buf_append(&c->in, data, n)) {
            conn_break(c);
        }
        return;
    }
    c->protocol = http2 ? &front_http2 : &front_http1;
    c->protocol->first(c, data, n);
}

static void detect_readable(struct conn *c, uint32_t events)
{
    struct front *f = c->front;
    ssize_t n = c->transport->read(c, f->scratch, FRONT_SCRATCH);

    (void)events;
    if (n == IO_AGAIN) {
        return;
    }
    if (n <= 0) {
        if (c->ssl && !front_tls_ready(c)) {
            front_count(&f->counts.tls_failures);
        }
        conn_break(c);
        return;
    }
    if (c->in.len == 0) {
        detect_first(c, f->scratch, (size_t)n);
        return;
    }
    struct buf all = c->in; /* the preface came in pieces */
    buf_init(&c->in, 0);
    if (buf_append(&all, f->scratch, (size_t)n)) {
        detect_first(c, buf_bytes(&all), all.len);
    } else {
        conn_break(c);
    }
    buf_free(&all);
}

static void detect_nothing(struct conn *c)
{
    (void)c;
}

static int64_t detect_due(const struct conn *c)
{
    return c->since_us + c->front->limits.header_us;
}

static void detect_expire(struct conn *c, int64_t now_us)
{
    (void)now_us;
    front_count(&c->front->counts.timeouts);
    conn_break(c);
}

static const struct protocol front_detect = {.first = detect_first,
                                             .readable = detect_readable,
                                             .produce = detect_nothing,
                                             .written = detect_nothing,
                                             .due = detect_due,
                                             .expire = detect_expire,
                                             .drain = conn_break,
                                             .gone = detect_nothing};

/* --- its begin --- */

void conn_new(struct front *f, int fd, SSL_CTX *tls, bool loopback)
{
    struct conn *c = calloc(1, sizeof *c);

    if (!c) {
        close(fd);
        return;
    }
    c->fd.fd = fd;
    c->fd.on_event = on_event;
    c->timer.on_time = on_time;
    c->front = f;
    c->transport = &front_plain;
    c->protocol = &front_detect;
    c->loopback = loopback;
    c->since_us = c->progress_us = loop_now_us(f->loop);
    buf_init(&c->out, FRONT_OUT_MAX);
    ring_init(&c->place);
    ring_init(&c->dirty);
    if ((tls && !front_tls_start(c, tls)) || loop_add(f->loop, &c->fd, EPOLLIN | EPOLLRDHUP)) {
        SSL_free(c->ssl);
        close(fd);
        free(c);
        return;
    }
    ring_put(&f->idle, &c->place);
    f->connections++;
    front_count(&f->counts.connections);
    conn_due_by(c, detect_due(c));
}
