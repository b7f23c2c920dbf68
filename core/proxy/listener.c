/* listener.c: the sockets clients connect to, one a worker. */
#include "core/base/log.h"
#include "core/proxy/front_private.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG  4096
#define URL_SIZE 320

struct listener {
    int *fds; /* one a worker; -1: not open */
    int workers;
    pthread_mutex_t lock;   /* of tls */
    SSL_CTX *tls, *fresh;   /* fresh: read again, not in use yet */
    char written[URL_SIZE]; /* "HOST:PORT" of the configuration */
    char url[URL_SIZE];
};

/* --- sockets --- */

static int set_flag(int fd, int level, int name)
{
    int one = 1;
    return setsockopt(fd, level, name, &one, sizeof one);
}

/* A bound socket, or -1 with errno. shared: others of this process may bind the same port. */
static int bind_socket(const struct addrinfo *a, bool shared)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    if (set_flag(fd, SOL_SOCKET, SO_REUSEADDR) ||
        (shared && set_flag(fd, SOL_SOCKET, SO_REUSEPORT)) || bind(fd, a->ai_addr, a->ai_addrlen)) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static int *port_of(struct sockaddr *a, int *port)
{
    if (a->sa_family == AF_INET6) {
        *port = ntohs(((struct sockaddr_in6 *)(void *)a)->sin6_port);
    } else {
        *port = ntohs(((struct sockaddr_in *)(void *)a)->sin_port);
    }
    return port;
}

static void set_port(struct sockaddr *a, int port)
{
    if (a->sa_family == AF_INET6) {
        ((struct sockaddr_in6 *)(void *)a)->sin6_port = htons((uint16_t)port);
    } else {
        ((struct sockaddr_in *)(void *)a)->sin_port = htons((uint16_t)port);
    }
}

/* Opens all sockets on one address; 0, or an errno. */
static int open_all(struct listener *l, struct addrinfo *a, int *port)
{
    if (*port != 0) {
        /* SO_REUSEPORT would let two cores share a port in silence: ask without it first. */
        int probe = bind_socket(a, false);
        if (probe < 0) {
            return errno;
        }
        close(probe);
    }
    for (int i = 0; i < l->workers; i++) {
        struct sockaddr_storage bound;
        socklen_t length = sizeof bound;
        l->fds[i] = bind_socket(a, true);
        /* Accepted sockets inherit TCP_NODELAY. */
        if (l->fds[i] < 0 || set_flag(l->fds[i], IPPROTO_TCP, TCP_NODELAY) ||
            listen(l->fds[i], BACKLOG) ||
            getsockname(l->fds[i], (struct sockaddr *)(void *)&bound, &length)) {
            return errno;
        }
        set_port(a->ai_addr, *port_of((struct sockaddr *)(void *)&bound, port));
    }
    return 0;
}

static void close_all(struct listener *l)
{
    for (int i = 0; i < l->workers; i++) {
        if (l->fds[i] >= 0) {
            /* The workers hold duplicates: shutdown ends listening for those too. */
            (void)shutdown(l->fds[i], SHUT_RDWR);
            close(l->fds[i]);
            l->fds[i] = -1;
        }
    }
}

static enum err open_sockets(struct listener *l, const struct config_listen *c, int *port,
                             struct err_info *ei)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    char service[16];
    int failed = EADDRNOTAVAIL;

    snprintf(service, sizeof service, "%d", c->port);
    int e = getaddrinfo(c->host, service, &hints, &found);
    if (e) {
        return err_set(ei, ERR_IO, "cannot listen on %s:%d: %s", c->host, c->port, gai_strerror(e));
    }
    for (struct addrinfo *a = found; a && failed; a = a->ai_next) {
        *port = c->port;
        failed = open_all(l, a, port);
        if (failed) {
            close_all(l);
        }
    }
    freeaddrinfo(found);
    if (failed == EADDRINUSE) {
        return err_set(ei, ERR_EXISTS,
                       "%s:%d is in use by another program; stop it or listen on another port",
                       c->host, c->port);
    }
    return failed ? err_set_sys(ei, ERR_IO, failed, "cannot listen on %s:%d", c->host, c->port)
                  : ERR_OK;
}

static void write_address(char out[URL_SIZE], const struct config_listen *c)
{
    snprintf(out, URL_SIZE, "%s:%d", c->host, c->port);
}

struct listener *listener_open(const struct config_listen *c, int workers, struct err_info *ei)
{
    struct listener *l = calloc(1, sizeof *l);
    int port = 0;

    if (!l || workers < 1 || !(l->fds = malloc((size_t)workers * sizeof *l->fds))) {
        free(l);
        err_set(ei, ERR_NOMEM, "cannot listen on %s:%d: out of memory", c->host, c->port);
        return NULL;
    }
    pthread_mutex_init(&l->lock, NULL);
    l->workers = workers;
    for (int i = 0; i < workers; i++) {
        l->fds[i] = -1;
    }
    l->tls = c->certificate ? listener_tls_new(c, ei) : NULL;
    if ((c->certificate && !l->tls) || open_sockets(l, c, &port, ei)) {
        listener_close(l);
        return NULL;
    }
    write_address(l->written, c);
    bool bare = strchr(c->host, ':') != NULL;
    snprintf(l->url, sizeof l->url, "%s://%s%s%s:%d", l->tls ? "https" : "http", bare ? "[" : "",
             c->host, bare ? "]" : "", port);
    return l;
}

void listener_close(struct listener *l)
{
    if (!l) {
        return;
    }
    close_all(l);
    SSL_CTX_free(l->tls);
    SSL_CTX_free(l->fresh);
    pthread_mutex_destroy(&l->lock);
    free(l->fds);
    free(l);
}

bool listener_is(const struct listener *l, const struct config_listen *c)
{
    char written[URL_SIZE];
    write_address(written, c);
    return strcmp(l->written, written) == 0;
}

enum err listener_read_again(struct listener *l, const struct config_listen *c, struct err_info *ei)
{
    listener_renew(l, false);
    l->fresh = l->tls && c->certificate ? listener_tls_new(c, ei) : NULL;
    return l->fresh || !l->tls || !c->certificate ? ERR_OK : ERR_IO;
}

void listener_renew(struct listener *l, bool take)
{
    SSL_CTX *over = l->fresh;
    if (take && l->fresh) {
        pthread_mutex_lock(&l->lock);
        over = l->tls;
        l->tls = l->fresh;
        pthread_mutex_unlock(&l->lock);
    }
    l->fresh = NULL;
    SSL_CTX_free(over);
}

const char *listener_url(const struct listener *l)
{
    return l->url;
}

int listener_fd(const struct listener *l, int worker)
{
    return l->fds[worker];
}

int listener_workers(const struct listener *l)
{
    return l->workers;
}

SSL_CTX *listener_tls(struct listener *l)
{
    pthread_mutex_lock(&l->lock);
    SSL_CTX *t = l->tls;
    CHECK(!t || SSL_CTX_up_ref(t) == 1);
    pthread_mutex_unlock(&l->lock);
    return t;
}
