/* sim_http.c: see sim_http.h. A connection reads a request, has it answered, writes the answer,
 * and reads on; requests behind the current one wait in `in`. */
#include "core/sim/sim_connection.h"
#include "core/sim/sim_state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX    65536
#define BODY_MAX    26000000
#define BATCH_BYTES 16384
#define TRICKLE     16 /* bytes of a slow head at once */
#define TRICKLE_US  2000
#define SILENCE_US  600000000LL /* a stalled answer ends after that */

static void close_connection(struct sim_connection *c)
{
    struct sim *s = c->listener->sim;

    if (c->source != NULL) {
        c->source->end(c->source, false);
    }
    loop_disarm(s->loop, &c->timer);
    loop_remove(s->loop, &c->fd);
    close(c->fd.fd);
    if (c->previous != NULL) {
        c->previous->next = c->next;
    } else {
        s->connections = c->next;
    }
    if (c->next != NULL) {
        c->next->previous = c->previous;
    }
    s->connection_count--;
    buf_free(&c->in);
    buf_free(&c->out);
    buf_free(&c->decoded);
    free(c);
}

void sim_http_close_all(struct sim *s)
{
    for (struct sim_connection *c = s->connections, *next; c != NULL; c = next) {
        next = c->next;
        close_connection(c);
    }
}

/* --- writing --- */

enum progress { GOES_ON, WAITS, BROKEN };

static void note_written(struct sim_connection *c, size_t n)
{
    c->written += n;
    while (c->mark_at < c->mark_count && c->marks[c->mark_at].end <= c->written) {
        if (c->source != NULL) {
            c->source->delivered(c->source, c->marks[c->mark_at].tokens);
        }
        c->mark_at++;
    }
    if (c->mark_at == c->mark_count) {
        c->mark_at = c->mark_count = 0;
    }
}

/* Requests sent ahead wait in the socket once `in` holds enough of them. */
static void watch(struct sim_connection *c, uint32_t more)
{
    bool full = c->answering && c->in.len > HEAD_MAX;

    loop_change(c->listener->sim->loop, &c->fd, (full ? 0 : EPOLLIN) | EPOLLRDHUP | more);
}

static enum progress write_out(struct sim_connection *c)
{
    struct loop *loop = c->listener->sim->loop;

    while (c->out.len > 0) {
        size_t n = c->out.len;
        if (c->slow > 0) {
            n = c->slow < TRICKLE ? c->slow : TRICKLE;
        }
        ssize_t done = send(c->fd.fd, buf_bytes(&c->out), n, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0 && errno == EAGAIN) {
            watch(c, EPOLLOUT);
            return WAITS;
        }
        if (done < 0) {
            return BROKEN;
        }
        buf_consume(&c->out, (size_t)done);
        note_written(c, (size_t)done);
        if (c->slow > 0) {
            c->slow -= (size_t)done;
            loop_arm(loop, &c->timer, TRICKLE_US);
            return WAITS;
        }
    }
    watch(c, 0);
    return GOES_ON;
}

static void add_piece(struct sim_connection *c)
{
    struct buf *piece = &c->listener->sim->body;
    int64_t tokens = 0;
    size_t before = c->out.len;

    buf_clear(piece);
    c->ending = c->source->next(c->source, piece, &tokens);
    if (piece->len > 0) {
        buf_printf(&c->out, "%zx\r\n", piece->len);
        buf_add_str(&c->out, buf_str(piece));
        buf_add(&c->out, "\r\n");
    }
    if (c->ending == SIM_PIECE_LAST) {
        buf_add(&c->out, "0\r\n\r\n");
    }
    c->queued += c->out.len - before;
    sim_connection_mark(c, tokens);
    c->due_us += c->piece_delay_us;
}

/* Appends the pieces that are due: they would meet in the socket anyway. */
static enum progress add_pieces(struct sim_connection *c)
{
    struct loop *loop = c->listener->sim->loop;
    int64_t now = loop_now_us(loop);

    if (c->due_us > now) {
        loop_arm(loop, &c->timer, c->due_us - now);
        return WAITS;
    }
    for (int i = 0; i < SIM_BATCH_PIECES && c->ending == SIM_PIECE_MORE && c->due_us <= now &&
                    c->out.len < BATCH_BYTES;
         i++) {
        add_piece(c);
    }
    return c->out.failed ? BROKEN : GOES_ON;
}

static void finish_answer(struct sim_connection *c)
{
    struct sim_source *source = c->source;

    c->source = NULL;
    c->answering = false;
    watch(c, 0);
    if (source != NULL) {
        source->end(source, true);
    }
}

/* Writes as much of the answer as time and the socket allow. GOES_ON: it is over. */
static enum progress pump(struct sim_connection *c)
{
    struct loop *loop = c->listener->sim->loop;

    if (c->held && c->due_us > loop_now_us(loop)) {
        loop_arm(loop, &c->timer, c->due_us - loop_now_us(loop));
        return WAITS;
    }
    c->held = false;
    for (;;) {
        enum progress p = c->out.failed ? BROKEN : write_out(c);
        if (p != GOES_ON) {
            return p;
        }
        switch (c->ending) {
        case SIM_PIECE_MORE:
            p = add_pieces(c);
            if (p != GOES_ON) {
                return p;
            }
            break;
        case SIM_PIECE_CUT:
            return BROKEN;
        case SIM_PIECE_STALL:
            if (c->silent && loop_now_us(loop) >= c->due_us) {
                return BROKEN;
            }
            if (!c->silent) {
                c->silent = true;
                c->due_us = loop_now_us(loop) + SILENCE_US;
            }
            loop_arm(loop, &c->timer, c->due_us - loop_now_us(loop));
            return WAITS;
        case SIM_PIECE_LAST:
            finish_answer(c);
            return c->keep_alive ? GOES_ON : BROKEN;
        }
    }
}

/* --- requests --- */

static void refuse_bytes(struct sim_connection *c, int status, const char *text)
{
    c->keep_alive = false;
    c->head_n = 0;
    buf_clear(&c->in);
    sim_http_error(c, status, "SerializationException", text);
}

/* Takes the chunked body behind the head. True: it is whole. */
static bool take_chunks(struct sim_connection *c, struct str *body, bool *bad)
{
    bool end = false;

    while (!end && c->head_n + c->decoded_to < c->in.len) {
        size_t used = 0;
        struct str part;
        const char *at = buf_bytes(&c->in) + c->head_n + c->decoded_to;
        size_t left = c->in.len - c->head_n - c->decoded_to;
        if (http1_chunked_feed(&c->chunked, at, left, &used, &part, &end) != ERR_OK ||
            !buf_add_str(&c->decoded, part)) {
            *bad = true;
            return false;
        }
        c->decoded_to += used;
    }
    *body = buf_str(&c->decoded);
    return end;
}

/* Whether the request's head and body are whole; then *length is how much of `in` it is. */
static bool take_body(struct sim_connection *c, struct str *body, size_t *length)
{
    const struct http_head *h = &c->listener->sim->head;
    bool whole, bad = false;

    if (h->body == HTTP_BODY_CHUNKED) {
        whole = take_chunks(c, body, &bad);
        *length = c->head_n + c->decoded_to;
    } else {
        size_t n = h->body == HTTP_BODY_LENGTH ? (size_t)h->content_length : 0;
        bad = h->body == HTTP_BODY_LENGTH && h->content_length > BODY_MAX;
        whole = !bad && c->in.len - c->head_n >= n;
        *body = (struct str){buf_bytes(&c->in) + c->head_n, n};
        *length = c->head_n + n;
    }
    if (bad) {
        refuse_bytes(c, 413, "the body is malformed or too large");
        return false;
    }
    if (!whole && h->expect_continue && !c->continued) {
        c->continued = true;
        buf_add(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
        c->queued += c->out.len;
        (void)write_out(c);
    }
    return whole;
}

static void answer_request(struct sim_connection *c, struct str body)
{
    struct sim *s = c->listener->sim;
    struct str query;
    struct str path = str_cut(s->head.target, '?', &query);
    const struct sim_request r = {
        .head = &s->head, .method = s->head.method, .path = path, .query = query, .body = body};

    c->keep_alive = s->head.keep_alive;
    sim_services_handle(c, &r);
}

/* Looks for a whole request in `in` and has it answered. False: more bytes are needed. */
static bool take_request(struct sim_connection *c)
{
    struct sim *s = c->listener->sim;
    struct err_info ei = {0};
    struct str body;
    size_t length;

    if (c->head_n == 0) {
        c->head_n = http1_head_length(buf_bytes(&c->in), c->in.len, c->looked_at);
        c->looked_at = c->in.len;
        if (c->head_n == 0 && c->in.len <= HEAD_MAX) {
            return false;
        }
    }
    if (c->head_n == 0 || c->head_n > HEAD_MAX ||
        http1_parse_request(&s->head, buf_bytes(&c->in), c->head_n, &ei) != ERR_OK) {
        refuse_bytes(c, 400, c->head_n == 0 ? "the head is too long" : ei.text);
        return true;
    }
    if (!take_body(c, &body, &length)) {
        return c->answering;
    }
    answer_request(c, body);
    buf_consume(&c->in, length);
    if (c->in.len == 0) {
        buf_free(&c->in); /* a stream may stay open for long */
    }
    buf_free(&c->decoded);
    c->chunked = (struct http1_chunked){0};
    c->looked_at = c->head_n = c->decoded_to = 0;
    c->continued = false;
    return true;
}

/* Answers and writes until something has to be waited for. May close c. */
static void run(struct sim_connection *c)
{
    enum progress p = GOES_ON;

    while (p == GOES_ON) {
        if (!c->answering && !(c->in.len > 0 && take_request(c))) {
            return;
        }
        p = c->answering ? pump(c) : BROKEN;
    }
    if (p == BROKEN) {
        close_connection(c);
    }
}

/* --- events --- */

/* False: the connection is gone. */
static bool read_in(struct sim_connection *c)
{
    struct sim *s = c->listener->sim;

    if (c->answering && c->in.len > HEAD_MAX) {
        watch(c, c->fd.events & EPOLLOUT);
        return true;
    }
    ssize_t n = recv(c->fd.fd, s->read_space, sizeof s->read_space, 0);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    return n > 0 && buf_append(&c->in, s->read_space, (size_t)n);
}

static void on_event(struct loop_fd *f, uint32_t events)
{
    struct sim_connection *c = (struct sim_connection *)(void *)f;

    if (events & (EPOLLERR | EPOLLHUP) || ((events & EPOLLIN) && !read_in(c)) ||
        ((events & EPOLLRDHUP) && c->answering)) {
        close_connection(c);
        return;
    }
    run(c);
}

static void on_time(struct loop_timer *t)
{
    run((struct sim_connection *)(void *)((char *)t - offsetof(struct sim_connection, timer)));
}

static void accept_one(struct sim_listener *l, int fd)
{
    struct sim *s = l->sim;
    struct sim_connection *c =
        s->connection_count < SIM_CONNECTIONS_MAX ? calloc(1, sizeof *c) : NULL;
    int on = 1;

    if (c == NULL) {
        close(fd);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->fd.fd = fd;
    c->fd.on_event = on_event;
    c->timer.on_time = on_time;
    c->listener = l;
    buf_init(&c->in, HEAD_MAX + BODY_MAX + SIM_READ_SPACE);
    buf_init(&c->out, BODY_MAX);
    buf_init(&c->decoded, BODY_MAX);
    if (loop_add(s->loop, &c->fd, EPOLLIN | EPOLLRDHUP) != ERR_OK) {
        close(fd);
        free(c);
        return;
    }
    c->next = s->connections;
    if (c->next != NULL) {
        c->next->previous = c;
    }
    s->connections = c;
    s->connection_count++;
}

static void on_connect(struct loop_fd *f, uint32_t events)
{
    struct sim_listener *l = (struct sim_listener *)(void *)f;

    (void)events;
    for (int i = 0; i < 64; i++) {
        int fd = accept4(f->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        accept_one(l, fd);
    }
}

enum err sim_http_listen(struct sim_listener *l, int port, struct err_info *ei)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    int on = 1;

    l->fd.on_event = on_connect;
    l->fd.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd.fd < 0) {
        return err_set_sys(ei, ERR_IO, errno, "the simulated AWS cannot make a socket");
    }
    (void)setsockopt(l->fd.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(l->fd.fd, (struct sockaddr *)&address, n) != 0 || listen(l->fd.fd, 4096) != 0 ||
        getsockname(l->fd.fd, (struct sockaddr *)&address, &n) != 0) {
        return err_set_sys(
            ei, ERR_IO, errno,
            "the simulated AWS cannot listen on 127.0.0.1:%d; choose another --port-base", port);
    }
    (void)snprintf(l->url, sizeof l->url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    enum err e = loop_add(l->sim->loop, &l->fd, EPOLLIN);
    return e == ERR_OK ? e : err_set(ei, e, "the simulated AWS cannot watch its socket");
}

void sim_http_unlisten(struct sim_listener *l)
{
    if (l->fd.fd >= 0) {
        loop_remove(l->sim->loop, &l->fd);
        close(l->fd.fd);
        l->fd.fd = -1;
    }
}
