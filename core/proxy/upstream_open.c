/* upstream_open.c: a connection opens: the addresses run a race in which each has a head start on
 * the next (RFC 8305), then a proxy is asked for a tunnel, then TLS. */
#include "core/proxy/upstream_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define KEEPALIVE_SECONDS 45
#define HEAD_START_US     250000
#define TUNNEL_HEAD_MAX   (16 * 1024)

/* One address that is tried. */
struct racer {
    struct loop_fd fd; /* first; -1: not running */
    struct race *race;
};

struct race {
    struct connection *c;
    struct loop_timer head_start;
    struct endpoint_address addresses[ENDPOINT_ADDRESSES_MAX];
    struct racer racers[ENDPOINT_ADDRESSES_MAX];
    size_t count, next, running;
    int refused; /* errno of the last one that failed */
};

static void connected(struct connection *c);

/* --- the race --- */

static void leave_race(struct racer *r)
{
    if (r->fd.fd >= 0) {
        loop_remove(r->race->c->u->loop, &r->fd);
        (void)close(r->fd.fd);
        r->fd.fd = -1;
        r->race->running--;
    }
}

void connection_end_race(struct connection *c)
{
    struct race *race = c->race;
    if (!race) {
        return;
    }
    for (size_t i = 0; i < race->count; i++) {
        leave_race(&race->racers[i]);
    }
    loop_disarm(c->u->loop, &race->head_start);
    free(race);
    c->race = NULL;
}

/* What passes by itself: ports, descriptors and memory come back. */
static bool passes(int why)
{
    return why == EMFILE || why == ENFILE || why == ENOMEM || why == ENOBUFS || why == EAGAIN ||
           why == EADDRNOTAVAIL;
}

static void on_racer(struct loop_fd *f, uint32_t events);

/* 0, or errno. */
static int begin_to_connect(struct race *race, size_t i)
{
    const struct endpoint_address *a = &race->addresses[i];
    struct racer *r = &race->racers[i];
    int fd = socket(a->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    int on = 1, idle = KEEPALIVE_SECONDS, why = 0;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    r->fd.fd = fd;
    r->fd.on_event = on_racer;
    if (connect(fd, (const struct sockaddr *)&a->at, a->length) != 0 && errno != EINPROGRESS) {
        why = errno;
    } else if (loop_add(race->c->u->loop, &r->fd, EPOLLOUT) != ERR_OK) {
        why = ENOMEM;
    }
    if (why != 0) {
        (void)close(fd);
        r->fd.fd = -1;
        return why;
    }
    race->running++;
    return 0;
}

/* Lets the next address run. False: none is running. */
static bool run_next(struct race *race)
{
    struct loop *loop = race->c->u->loop;
    int why = -1;
    loop_disarm(loop, &race->head_start);
    while (why != 0 && race->next < race->count) {
        why = begin_to_connect(race, race->next++);
        if (why != 0 && !passes(why)) {
            race->refused = why;
        }
    }
    if (race->next < race->count) {
        loop_arm(loop, &race->head_start, HEAD_START_US);
    }
    return race->running > 0;
}

static void on_head_start(struct loop_timer *t)
{
    (void)run_next((struct race *)(void *)((char *)t - offsetof(struct race, head_start)));
}

/* The connection is this racer's from here on. */
static void win(struct connection *c, struct racer *r)
{
    struct loop *loop = c->u->loop;
    c->address_at = (size_t)(r - c->race->racers);
    loop_remove(loop, &r->fd);
    c->fd.fd = r->fd.fd;
    c->fd.on_event = connection_on_event;
    r->fd.fd = -1;
    c->race->running--;
    connection_end_race(c);
    if (loop_add(loop, &c->fd, EPOLLIN | EPOLLRDHUP) != ERR_OK) {
        (void)close(c->fd.fd);
        c->fd.fd = -1;
        connection_failed(c, UPSTREAM_UNREACHABLE, "no memory for a connection");
        return;
    }
    connected(c);
}

static void on_racer(struct loop_fd *f, uint32_t events)
{
    struct racer *r = (struct racer *)(void *)f;
    struct race *race = r->race;
    struct connection *c = race->c;
    int problem = 0;
    socklen_t n = sizeof(problem);
    if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) {
        return;
    }
    if (getsockopt(f->fd, SOL_SOCKET, SO_ERROR, &problem, &n) == 0 && problem == 0) {
        win(c, r);
        return;
    }
    leave_race(r);
    race->refused = problem != 0 ? problem : ECONNREFUSED;
    if (!run_next(race)) {
        char reason[64], text[240];
        (void)snprintf(text, sizeof(text), "cannot connect to %.120s: %s",
                       endpoint_dialled(c->u->endpoint),
                       strerror_r(race->refused, reason, sizeof(reason)));
        connection_failed(c, UPSTREAM_UNREACHABLE, text);
    }
}

/* NULL: no address, or no memory. */
static struct connection *connection_alloc(struct upstream *u, size_t from)
{
    struct endpoint_address addresses[ENDPOINT_ADDRESSES_MAX];
    size_t n = endpoint_addresses(u->endpoint, addresses, NULL);
    struct connection *c = n > from ? calloc(1, sizeof(*c)) : NULL;
    struct race *race = c ? calloc(1, sizeof(*race)) : NULL;
    if (!race) {
        free(c);
        return NULL;
    }
    c->u = u;
    c->fd.fd = -1;
    c->address_at = ENDPOINT_ADDRESSES_MAX; /* none is left when the race is lost */
    c->timer.on_time = connection_on_timer;
    c->race = race;
    buf_init(&c->in, UPSTREAM_HEAD_MAX);
    race->c = c;
    race->count = n;
    race->next = from;
    race->head_start.on_time = on_head_start;
    memcpy(race->addresses, addresses, n * sizeof(*addresses));
    for (size_t i = 0; i < n; i++) {
        race->racers[i] = (struct racer){.fd = {.fd = -1}, .race = race};
    }
    return c;
}

struct connection *connection_new(struct upstream *u, size_t from, int *refused)
{
    struct connection *c = connection_alloc(u, from);
    *refused = 0;
    if (!c) {
        return NULL;
    }
    if (!run_next(c->race)) {
        *refused = c->race->refused;
        connection_end_race(c);
        free(c);
        return NULL;
    }
    c->next = u->connections;
    if (c->next) {
        c->next->prev = c;
    }
    u->connections = c;
    u->connection_count++;
    loop_arm(u->loop, &c->timer, u->connect_us);
    return c;
}

/* --- TLS --- */

void connection_handshake(struct connection *c)
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

static void begin_tls(struct connection *c)
{
    c->ssl = endpoint_ssl(c->u->endpoint);
    if (!c->ssl || SSL_set_fd(c->ssl, c->fd.fd) != 1) {
        connection_failed(c, UPSTREAM_UNREACHABLE, "no memory for a TLS connection");
        return;
    }
    c->state = CONNECTION_HANDSHAKE;
    connection_handshake(c);
}

/* --- the tunnel --- */

static void no_tunnel(struct connection *c, enum upstream_failure failure, const char *why)
{
    char text[256];
    (void)snprintf(text, sizeof(text), "%.100s opened no tunnel to %.60s: %.60s",
                   endpoint_dialled(c->u->endpoint), endpoint_host(c->u->endpoint), why);
    connection_failed(c, failure, text);
}

static void tunnel_answered(struct connection *c, size_t length)
{
    struct http_head *h = &c->u->head;
    char why[80];
    if (http1_parse_response(h, buf_bytes(&c->in), length, false, NULL) != ERR_OK) {
        no_tunnel(c, UPSTREAM_UNREACHABLE, "its answer was not well-formed HTTP");
    } else if (h->status < 200 || h->status > 299) {
        (void)snprintf(why, sizeof(why), "it answered %d %s", h->status, http_reason(h->status));
        no_tunnel(c, h->status == 504 ? UPSTREAM_LATE : UPSTREAM_UNREACHABLE, why);
    } else if (c->in.len != length) {
        no_tunnel(c, UPSTREAM_UNREACHABLE, "bytes came before TLS had begun");
    } else {
        buf_free(&c->in);
        begin_tls(c);
    }
}

static void tunnel_write(struct connection *c)
{
    struct str request = endpoint_connect_request(c->u->endpoint);
    request = str_sub(request, c->tunnel_sent, request.n);
    ssize_t n = request.n > 0 ? send(c->fd.fd, request.p, request.n, MSG_NOSIGNAL) : 0;
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        no_tunnel(c, UPSTREAM_UNREACHABLE, "the connection was reset");
        return;
    }
    c->tunnel_sent += n > 0 ? (size_t)n : 0;
    bool more = (size_t)(n > 0 ? n : 0) < request.n;
    loop_change(c->u->loop, &c->fd, EPOLLIN | EPOLLRDHUP | (more ? EPOLLOUT : 0));
}

void connection_tunnel(struct connection *c, uint32_t events)
{
    if (events & EPOLLOUT) {
        tunnel_write(c);
        return;
    }
    size_t seen = c->in.len;
    char *room = seen < TUNNEL_HEAD_MAX ? buf_reserve(&c->in, TUNNEL_HEAD_MAX - seen) : NULL;
    ssize_t n = room ? recv(c->fd.fd, room, TUNNEL_HEAD_MAX - seen, 0) : 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        no_tunnel(c, UPSTREAM_UNREACHABLE,
                  n < 0  ? "the connection was reset"
                  : room ? "it closed the connection"
                         : "its answer is too long");
        return;
    }
    buf_commit(&c->in, (size_t)n);
    size_t length = http1_head_length(buf_bytes(&c->in), c->in.len, seen);
    if (length > 0) {
        tunnel_answered(c, length);
    }
}

static void connected(struct connection *c)
{
    if (endpoint_proxy(c->u->endpoint)) {
        c->state = CONNECTION_TUNNEL;
        tunnel_write(c);
    } else if (endpoint_tls(c->u->endpoint)) {
        begin_tls(c);
    } else {
        connection_begin(c);
    }
}
