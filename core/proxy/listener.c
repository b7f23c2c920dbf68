/* listener.c: the sockets clients connect to, one a worker, and the TLS context of an address. */
#include "core/base/log.h"
#include "core/proxy/front_private.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG  4096
#define URL_SIZE 320

struct listener {
    int *fds; /* one a worker; -1: not open */
    int workers;
    SSL_CTX *tls;
    char url[URL_SIZE];
};

/* Every open stream takes two descriptors: the soft limit of 1,024 is a relic of select(). */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit)) {
            log_warn("proxy", "cannot raise the limit of open files to %llu",
                     (unsigned long long)limit.rlim_max);
        }
    }
}

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

/* --- TLS --- */

static enum err tls_failed(struct err_info *ei, const char *what, const char *file)
{
    char reason[128];

    ERR_error_string_n(ERR_peek_last_error(), reason, sizeof reason);
    ERR_clear_error();
    return err_set(ei, ERR_IO, "cannot use %s %s: %s", what, file, reason);
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_length,
                           const unsigned char *in, unsigned int in_length, void *arg)
{
    static const unsigned char ours[] = "\x02h2\x08http/1.1";
    unsigned char *chosen = NULL;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_length, ours, sizeof ours - 1, in, in_length) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static enum err read_client_ca(SSL_CTX *t, const char *file, struct err_info *ei)
{
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(file);

    if (!names || SSL_CTX_load_verify_locations(t, file, NULL) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return tls_failed(ei, "client_ca", file);
    }
    SSL_CTX_set_client_CA_list(t, names);
    /* Not demanded: a caller may have a key instead, and /healthz needs neither. */
    SSL_CTX_set_verify(t, SSL_VERIFY_PEER, NULL);
    return ERR_OK;
}

static enum err read_tls(SSL_CTX *t, const struct config_listen *c, struct err_info *ei)
{
    if (SSL_CTX_use_certificate_chain_file(t, c->certificate) != 1) {
        return tls_failed(ei, "certificate", c->certificate);
    }
    const char *key = c->private_key ? c->private_key : c->certificate;
    if (SSL_CTX_use_PrivateKey_file(t, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(t) != 1) {
        return tls_failed(ei, "private_key", key);
    }
    return c->client_ca ? read_client_ca(t, c->client_ca, ei) : ERR_OK;
}

static enum err open_tls(struct listener *l, const struct config_listen *c, struct err_info *ei)
{
    static const unsigned char session_context[] = "tollgate";

    /* OpenSSL writes with write(2), which has no MSG_NOSIGNAL. */
    (void)signal(SIGPIPE, SIG_IGN);
    l->tls = SSL_CTX_new(TLS_server_method());
    if (!l->tls || SSL_CTX_set_min_proto_version(l->tls, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_session_id_context(l->tls, session_context, sizeof session_context - 1) != 1 ||
        SSL_CTX_set_num_tickets(l->tls, 1) != 1) {
        return err_set(ei, ERR_NOMEM, "cannot set up TLS for %s:%d", c->host, c->port);
    }
    SSL_CTX_set_mode(l->tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(l->tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* Sessions travel in tickets; a cache would only hold memory. */
    SSL_CTX_set_session_cache_mode(l->tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(l->tls, choose_protocol, NULL);
    return read_tls(l->tls, c, ei);
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
    raise_descriptor_limit();
    l->workers = workers;
    for (int i = 0; i < workers; i++) {
        l->fds[i] = -1;
    }
    if ((c->certificate && open_tls(l, c, ei)) || open_sockets(l, c, &port, ei)) {
        listener_close(l);
        return NULL;
    }
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
    free(l->fds);
    free(l);
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

SSL_CTX *listener_tls(const struct listener *l)
{
    return l->tls;
}
