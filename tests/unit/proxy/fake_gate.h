/* fake_gate.h: a gate that answers by the target of the request, a front in a thread of its own,
 * and a client's side of a socket. Included by one test program each. */
#ifndef TOLLGATE_TESTS_FAKE_GATE_H
#define TOLLGATE_TESTS_FAKE_GATE_H

#include "tests/unit/wait.h"

#include "core/base/clock.h"
#include "core/base/http1.h"
#include "core/proxy/front.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

/* --- the gate --- */

struct ticket {
    struct exchange *x;
    struct ticket *next;
    size_t left; /* of /big */
    bool request_seen;
};

struct gate {
    struct ticket *tickets;
    char subject[64]; /* of the last request's certificate */
    atomic_int heads, requests, gone, drained, broken, broken_status, open, http2, tls, loopback;
    atomic_long body_bytes, max_pending;
    char method[32], target[128], authority[128]; /* of the last head; read when quiet */
    int header_count;
};

static struct ticket *ticket_add(struct gate *g, struct exchange *x)
{
    struct ticket *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->x = x;
    t->next = g->tickets;
    g->tickets = t;
    x->ticket = t;
    g->open++;
    return t;
}

static void ticket_drop(struct gate *g, struct ticket *t)
{
    for (struct ticket **at = &g->tickets; *at; at = &(*at)->next) {
        if (*at == t) {
            *at = t->next;
            free(t);
            g->open--;
            return;
        }
    }
    assert_true(false);
}

static void finish(struct gate *g, struct exchange *x)
{
    struct ticket *t = x->ticket;
    exchange_end(x);
    ticket_drop(g, t);
}

static void answer(struct gate *g, struct exchange *x, int status, struct str body)
{
    exchange_respond(x, status, STR("X-Fake: yes\r\n"), (int64_t)body.n);
    exchange_send(x, body.p, body.n);
    finish(g, x);
}

static const char big_piece[32 * 1024] = {'b'};

static void big_go_on(struct gate *g, struct ticket *t)
{
    while (t->left > 0 && t->x->pending <= EXCHANGE_HIGH) {
        size_t n = t->left < sizeof big_piece ? t->left : sizeof big_piece;
        t->left -= n;
        exchange_send(t->x, big_piece, n);
        if ((long)t->x->pending > g->max_pending) {
            g->max_pending = (long)t->x->pending;
        }
    }
    if (t->left == 0) {
        finish(g, t->x);
    }
}

static void request_known(struct gate *g, struct exchange *x)
{
    struct ticket *t = x->ticket;

    if (str_starts(x->target, "/echo")) {
        struct buf body = {0};
        buf_append(&body, buf_bytes(&x->body), x->body.len);
        exchange_release_request(x);
        answer(g, x, 200, buf_str(&body));
        buf_free(&body);
    } else if (str_starts(x->target, "/chunked")) {
        exchange_respond(x, 200, STR("Content-Type: text/plain\r\n"), -1);
        exchange_send(x, "one", 3);
        exchange_send(x, "two!", 4);
        finish(g, x);
    } else if (str_is(x->target, "/empty")) {
        exchange_respond(x, 204, STR(""), -1);
        finish(g, x);
    } else if (str_is(x->target, "/stream")) {
        exchange_release_request(x);
        exchange_respond(x, 200, STR("Content-Type: text/event-stream\r\n"), -1);
        exchange_send(x, "first", 5);
    } else if (str_starts(x->target, "/big/")) {
        int64_t size = 0;
        if (!str_to_i64(str_sub(x->target, 5, x->target.n), &size) || size < 0) {
            size = 0;
        }
        exchange_respond(x, 200, STR(""), size);
        t->left = (size_t)size;
        big_go_on(g, t);
    } else if (str_is(x->target, "/short")) {
        exchange_respond(x, 200, STR(""), 10);
        exchange_send(x, "12345", 5);
        finish(g, x);
    } else if (str_is(x->target, "/long")) {
        exchange_respond(x, 200, STR(""), 3);
        exchange_send(x, "12345", 5);
    } else if (str_is(x->target, "/abort")) {
        exchange_respond(x, 200, STR(""), -1);
        exchange_send(x, "part", 4);
        exchange_abort(x);
        ticket_drop(g, t);
    } /* "/hold" waits for release_held */
}

void gate_head(struct gate *g, struct exchange *x)
{
    g->heads++;
    ticket_add(g, x);
    g->http2 += x->http2;
    g->tls += x->tls;
    (void)str_copy(g->subject, sizeof(g->subject), x->subject);
    g->loopback += x->loopback_peer;
    g->header_count = (int)x->header_count;
    str_copy(g->method, sizeof g->method, x->method);
    str_copy(g->target, sizeof g->target, x->target);
    str_copy(g->authority, sizeof g->authority, x->authority);
    if (str_starts(x->target, "/now")) {
        answer(g, x, 403, STR("now"));
    }
}

void gate_body(struct exchange *x, size_t n)
{
    assert_true(n > 0 && n <= x->body.len);
    x->gate->body_bytes += (long)n;
}

void gate_request(struct exchange *x)
{
    x->gate->requests++;
    assert_false(x->ticket->request_seen);
    x->ticket->request_seen = true;
    request_known(x->gate, x);
}

void gate_gone(struct exchange *x)
{
    x->gate->gone++;
    ticket_drop(x->gate, x->ticket);
}

void gate_drained(struct exchange *x)
{
    x->gate->drained++;
    big_go_on(x->gate, x->ticket);
}

void gate_broken(struct gate *g, struct exchange *x, int status, const char *message)
{
    g->broken++;
    g->broken_status = status;
    if (!x->ticket) {
        ticket_add(g, x);
    }
    answer(g, x, status, str_of(message));
}

/* --- the server --- */

struct server {
    struct loop *loop;
    struct front *front;
    struct listener *listener;
    struct gate gate;
    struct config config;
    struct config_listen listen;
    pthread_t thread;
    int port;
};

static void on_turn(void *arg)
{
    front_turn(arg);
}

static void *serve(void *arg)
{
    struct server *s = arg;
    loop_run(s->loop);
    front_free(s->front);
    return NULL;
}

static struct config config_default(void)
{
    struct config c = {0};
    c.requests.max_body = 25 * 1024 * 1024;
    c.requests.max_header = 64 * 1024;
    c.requests.header_timeout_ms = 10000;
    c.requests.body_timeout_ms = 60000;
    c.requests.stall_timeout_ms = 60000;
    return c;
}

static void server_start(struct server *s)
{
    struct err_info ei = {0};

    if (!s->listen.host) {
        s->listen.host = "127.0.0.1";
    }
    if (s->config.requests.max_body == 0) {
        s->config = config_default();
    }
    s->listener = listener_open(&s->listen, 1, &ei);
    if (!s->listener) {
        fail_msg("%s", ei.text);
    }
    s->port = atoi(strrchr(listener_url(s->listener), ':') + 1);
    s->loop = loop_new(&ei);
    assert_non_null(s->loop);
    s->front = front_new(s->loop, &s->config, &s->gate, 0, &s->listener, 1, &ei);
    assert_non_null(s->front);
    loop_on_turn(s->loop, on_turn, s->front);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
    loop_stop(s->loop);
    pthread_join(s->thread, NULL);
    loop_free(s->loop);
    listener_close(s->listener);
    assert_int_equal(s->gate.open, 0); /* every exchange ended or was told gone */
    assert_null(s->gate.tickets);
}

/* Runs fn in the server's thread and waits for it. */
struct errand {
    void (*fn)(struct server *s);
    struct server *s;
    atomic_bool done;
};

static void run_errand(void *arg)
{
    struct errand *e = arg;
    e->fn(e->s);
    atomic_store(&e->done, true);
}

UNUSED static void in_server(struct server *s, void (*fn)(struct server *s))
{
    struct errand e = {.fn = fn, .s = s};
    assert_true(loop_post(s->loop, run_errand, &e));
    WAIT_FOR(atomic_load(&e.done));
}

UNUSED static void release_held(struct server *s)
{
    struct ticket *next;
    for (struct ticket *t = s->gate.tickets; t; t = next) {
        next = t->next;
        if (t->x->responded) {
            exchange_send(t->x, "last", 4);
            finish(&s->gate, t->x);
        } else {
            answer(&s->gate, t->x, 200, STR("held"));
        }
    }
}

UNUSED static void send_event(struct server *s)
{
    for (struct ticket *t = s->gate.tickets; t; t = t->next) {
        exchange_send(t->x, "event", 5);
    }
}

static inline int64_t counted(const _Atomic int64_t *counter)
{
    return atomic_load(counter);
}

/* --- a client's socket --- */

static int client_open(const struct server *s, int receive_buffer)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    int one = 1;
    assert_true(fd >= 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (receive_buffer) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)(void *)&to, sizeof to), 0);
    return fd;
}

UNUSED static void client_send(int fd, const void *data, size_t n)
{
    size_t sent = 0;
    while (sent < n) {
        ssize_t now = send(fd, (const char *)data + sent, n - sent, MSG_NOSIGNAL);
        assert_true(now > 0);
        sent += (size_t)now;
    }
}

UNUSED static void client_text(int fd, const char *text)
{
    client_send(fd, text, strlen(text));
}

/* Up to n bytes; 0 at the end or after a reset; fails when nothing comes in time. */
UNUSED static size_t client_read(int fd, void *to, size_t n)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_true(poll(&p, 1, DEADLINE_US / 1000) == 1);
    ssize_t got = recv(fd, to, n, 0);
    return got > 0 ? (size_t)got : 0;
}

#endif
