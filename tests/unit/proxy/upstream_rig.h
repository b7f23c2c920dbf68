/* upstream_rig.h: a scripted server over loopback (a thread a connection), and a pool that calls it
 * from a loop in the test's own thread. Included by one test program each. */
#ifndef TOLLGATE_TESTS_UPSTREAM_RIG_H
#define TOLLGATE_TESTS_UPSTREAM_RIG_H

#include "tests/unit/wait.h"

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/proxy/upstream.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS_MAX       32
#define UNUSED_FUNCTION __attribute__((unused))

/* --- the server --- */

struct peer {
    struct scripted *server;
    int fd, number; /* number: 1 for the first connection */
    SSL *ssl;
    pthread_t thread;
};

struct scripted {
    int listen_fd, port;
    SSL_CTX *tls;
    void (*script)(struct peer *p);
    pthread_t thread;
    struct peer peers[PEERS_MAX];
    atomic_int connections, requests, resumed, release;
    atomic_long body_bytes;
};

static ssize_t peer_read(struct peer *p, void *to, size_t n)
{
    return p->ssl ? SSL_read(p->ssl, to, (int)n) : recv(p->fd, to, n, 0);
}

static bool peer_send(struct peer *p, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t sent = p->ssl ? SSL_write(p->ssl, data, (int)(n < 65536 ? n : 65536))
                              : send(p->fd, data, n, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        data += sent;
        n -= (size_t)sent;
    }
    return true;
}

static bool peer_text(struct peer *p, const char *text)
{
    return peer_send(p, text, strlen(text));
}

/* Reads one request with its body; false at the end of the connection. */
static bool peer_request(struct peer *p)
{
    char head[4096];
    size_t n = 0;
    const char *end = NULL;
    while (!end) {
        ssize_t got = n < sizeof(head) - 1 ? peer_read(p, head + n, 1) : 0;
        if (got <= 0) {
            return false;
        }
        n += (size_t)got;
        head[n] = '\0';
        end = strstr(head, "\r\n\r\n");
    }
    const char *length = strstr(head, "Content-Length: ");
    long left = length ? strtol(length + 16, NULL, 10) : 0;
    char piece[65536];
    while (left > 0) {
        ssize_t got =
            peer_read(p, piece, left < (long)sizeof(piece) ? (size_t)left : sizeof(piece));
        if (got <= 0) {
            return false;
        }
        left -= got;
        p->server->body_bytes += got;
    }
    p->server->requests++;
    return true;
}

static void *peer_run(void *arg)
{
    struct peer *p = arg;
    bool up = true;
    if (p->server->tls) {
        p->ssl = SSL_new(p->server->tls);
        up = p->ssl && SSL_set_fd(p->ssl, p->fd) == 1 && SSL_accept(p->ssl) == 1;
        p->server->resumed += up && SSL_session_reused(p->ssl);
    }
    if (up) {
        p->server->script(p);
    }
    SSL_free(p->ssl);
    (void)close(p->fd);
    return NULL;
}

static void *accept_run(void *arg)
{
    struct scripted *s = arg;
    for (;;) {
        int fd = accept(s->listen_fd, NULL, NULL);
        if (fd < 0 || s->connections == PEERS_MAX) {
            return NULL;
        }
        struct peer *p = &s->peers[s->connections];
        *p = (struct peer){.server = s, .fd = fd, .number = s->connections + 1};
        s->connections++;
        if (pthread_create(&p->thread, NULL, peer_run, p) != 0) {
            abort();
        }
    }
}

static void scripted_start(struct scripted *s, void (*script)(struct peer *p))
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t n = sizeof(at);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->script = script;
    s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listen_fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(s->listen_fd, 64), 0);
    assert_int_equal(getsockname(s->listen_fd, (struct sockaddr *)&at, &n), 0);
    s->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, accept_run, s), 0);
}

/* From now on connections are refused. */
static void scripted_shut(struct scripted *s)
{
    if (s->listen_fd >= 0) {
        (void)shutdown(s->listen_fd, SHUT_RDWR);
        pthread_join(s->thread, NULL);
        (void)close(s->listen_fd);
        s->listen_fd = -1;
    }
}

/* After the pool is gone: its connections end, and so do the peers' threads. */
static void scripted_stop(struct scripted *s)
{
    s->release = 1;
    scripted_shut(s);
    for (int i = 0; i < s->connections; i++) {
        pthread_join(s->peers[i].thread, NULL);
    }
    SSL_CTX_free(s->tls);
}

UNUSED_FUNCTION static void wait_release(struct peer *p)
{
    int64_t until = clock_mono_us() + DEADLINE_US;
    while (!p->server->release && clock_mono_us() < until) {
        usleep(500);
    }
}

/* Scripts: a request and no answer; answer_text, or its beginning, and then nothing. */
UNUSED_FUNCTION static const char *answer_text;

UNUSED_FUNCTION static void hold_request(struct peer *p)
{
    (void)!peer_request(p);
    wait_release(p);
}

UNUSED_FUNCTION static void half_answer(struct peer *p)
{
    (void)(peer_request(p) && peer_text(p, answer_text));
    wait_release(p);
}

/* --- the caller --- */

struct rig {
    struct scripted server;
    struct config config;
    const char *host, *ca_file; /* host NULL: http://127.0.0.1 */
    int share;                  /* 0: 8 */
    struct loop *loop;
    struct endpoint *endpoint;
    struct upstream *upstream;
    struct loop_timer deadline;
    bool late;
};

struct asked {
    struct rig *rig;
    struct upstream_call *call; /* NULL once it is gone */
    char *head, *body;
    bool free_on_head, cancel_on_head, cancel_on_body, pause_on_body, ended;
    int status, heads, pieces, order;
    size_t received, largest;
    unsigned long sum;
    struct buf text; /* of small answers */
    bool last, failed;
    enum upstream_failure failure;
    char why[256];
};

static struct rig *current;
static int order_of_ends;

static void on_deadline(struct loop_timer *t)
{
    (void)t;
    current->late = true;
    loop_stop(current->loop);
}

static void release_request(struct asked *a)
{
    free(a->head);
    free(a->body);
    a->head = a->body = NULL;
}

static void cancel(struct asked *a)
{
    struct upstream_call *k = a->call;
    a->call = NULL;
    a->ended = true;
    upstream_cancel(k);
    loop_stop(a->rig->loop);
}

static void on_head(void *arg, const struct http_head *head)
{
    struct asked *a = arg;
    assert_non_null(a->call);
    a->heads++;
    a->status = head->status;
    if (a->free_on_head) {
        release_request(a);
    }
    if (a->cancel_on_head) {
        cancel(a);
    }
    loop_stop(a->rig->loop);
}

static void on_body(void *arg, const char *data, size_t n, bool last)
{
    struct asked *a = arg;
    assert_non_null(a->call);
    assert_int_equal(a->heads, 1);
    a->pieces += n > 0;
    a->received += n;
    a->largest = n > a->largest ? n : a->largest;
    for (size_t i = 0; i < n; i++) {
        a->sum = a->sum * 31 + (unsigned char)data[i];
    }
    if (a->text.len + n < 4096) {
        (void)buf_append(&a->text, data, n);
    }
    if (last) {
        a->call = NULL;
        a->last = a->ended = true;
        a->order = ++order_of_ends;
    } else if (a->cancel_on_body) {
        cancel(a);
    } else if (a->pause_on_body) {
        upstream_pause(a->call);
    }
    loop_stop(a->rig->loop);
}

static void on_fail(void *arg, enum upstream_failure failure, const char *text)
{
    struct asked *a = arg;
    assert_non_null(a->call);
    a->call = NULL;
    a->failed = a->ended = true;
    a->failure = failure;
    a->order = ++order_of_ends;
    (void)snprintf(a->why, sizeof(a->why), "%s", text);
    loop_stop(a->rig->loop);
}

static const struct upstream_handlers handlers = {on_head, on_body, on_fail};

/* Runs the loop until the condition holds. */
#define RUN_UNTIL(rig, condition)                                                                  \
    do {                                                                                           \
        (rig)->late = false;                                                                       \
        loop_arm((rig)->loop, &(rig)->deadline, DEADLINE_US);                                      \
        while (!(condition) && !(rig)->late) {                                                     \
            loop_run((rig)->loop);                                                                 \
        }                                                                                          \
        loop_disarm((rig)->loop, &(rig)->deadline);                                                \
        assert_true(condition);                                                                    \
    } while (0)

/* Runs the loop for a while, whatever happens. */
UNUSED_FUNCTION static void run_for(struct rig *r, int64_t us)
{
    r->late = false;
    loop_arm(r->loop, &r->deadline, us);
    while (!r->late) {
        loop_run(r->loop);
    }
}

/* Runs the loop until another thread has made the condition true. */
#define POLL_UNTIL(rig, condition) WAIT_DOING(run_for(rig, 500), condition)

UNUSED_FUNCTION static void rig_open(struct rig *r, void (*script)(struct peer *p))
{
    struct err_info ei = {0};
    char url[128];
    if (script) {
        scripted_start(&r->server, script);
    }
    if (r->config.upstream.connect_timeout_ms == 0) {
        r->config.upstream.connect_timeout_ms = 10000;
    }
    if (r->config.upstream.first_byte_timeout_ms == 0) {
        r->config.upstream.first_byte_timeout_ms = 10000;
    }
    if (r->config.upstream.idle_timeout_ms == 0) {
        r->config.upstream.idle_timeout_ms = 10000;
    }
    (void)snprintf(url, sizeof(url), "%s:%d", r->host ? r->host : "http://127.0.0.1",
                   r->server.port ? r->server.port : 80);
    r->deadline.on_time = on_deadline;
    r->loop = loop_new(&ei);
    r->endpoint = endpoint_new(url, r->ca_file, &ei);
    if (!r->endpoint) {
        fail_msg("%s", ei.text);
    }
    r->upstream = upstream_new(r->loop, r->endpoint, &r->config, r->share ? r->share : 8, &ei);
    assert_non_null(r->upstream);
    current = r;
    order_of_ends = 0;
}

UNUSED_FUNCTION static void rig_close(struct rig *r)
{
    upstream_free(r->upstream);
    loop_free(r->loop);
    endpoint_free(r->endpoint);
    if (r->server.script) {
        scripted_stop(&r->server);
    }
}

/* Sends a request with a body of n bytes. */
static void ask_with(struct rig *r, struct asked *a, size_t n)
{
    a->rig = r;
    a->head = malloc(256);
    a->body = malloc(n + 1);
    assert_true(a->head && a->body);
    (void)snprintf(a->head, 256, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", n);
    memset(a->body, 'b', n);
    /* In unequal parts: what comes out has none. */
    struct str body = {a->body, n},
               parts[UPSTREAM_PARTS] = {str_of(a->head), str_sub(body, 0, n / 3), STR(""),
                                        str_sub(body, n / 3, n)};
    a->call = upstream_send(r->upstream, parts, &handlers, a);
    assert_non_null(a->call);
    assert_false(a->ended); /* never told inside upstream_send */
}

static void ask(struct rig *r, struct asked *a)
{
    ask_with(r, a, 5);
}

static void asked_free(struct asked *a)
{
    release_request(a);
    buf_free(&a->text);
}

/* Asks and waits for the end. */
UNUSED_FUNCTION static void exchange(struct rig *r, struct asked *a)
{
    ask(r, a);
    RUN_UNTIL(r, a->ended);
}

UNUSED_FUNCTION static void expect_answer(struct asked *a, int status, const char *body)
{
    if (a->failed) {
        fail_msg("%s", a->why);
    }
    assert_true(a->last);
    assert_int_equal(a->status, status);
    assert_string_equal(buf_cstr(&a->text), body);
    asked_free(a);
}

UNUSED_FUNCTION static void expect_failure(struct asked *a, enum upstream_failure failure,
                                           const char *words)
{
    assert_true(a->failed);
    assert_false(a->last);
    if (!strstr(a->why, words)) {
        fail_msg("'%s' does not say '%s'", a->why, words);
    }
    assert_int_equal(a->failure, failure);
    asked_free(a);
}

#endif
