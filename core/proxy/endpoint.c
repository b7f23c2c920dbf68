#include "core/proxy/endpoint.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/log.h"
#include "core/base/str.h"
#include "core/proxy/tunnel.h"

#define REFRESH_SECONDS 30
#define RETRY_SECONDS   2
#define LOOKED_UP_MAX   32

struct endpoint {
    atomic_int references; /* the owner's, and the resolver's: a lookup may outlast the owner */
    char host[256], port[8], authority[272];
    char dialled[288];    /* for messages */
    struct tunnel tunnel; /* through which it is reached, if any */
    bool tls, numeric;
    SSL_CTX *context;

    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t wake;
    struct endpoint_address addresses[ENDPOINT_ADDRESSES_MAX];
    size_t address_count;
    char problem[160];
    SSL_SESSION *session;
    bool stopping;
};

static bool parse_url(struct endpoint *e, const char *url, struct err_info *ei)
{
    struct str rest = str_of(url);
    if (str_starts(rest, "https://")) {
        e->tls = true;
        rest = str_sub(rest, 8, rest.n);
    } else if (str_starts(rest, "http://")) {
        rest = str_sub(rest, 7, rest.n);
    } else {
        err_set(ei, ERR_PARSE, "endpoint %s: must begin with http:// or https://", url);
        return false;
    }
    struct str host, port = {NULL, 0};
    if (rest.n > 0 && rest.p[0] == '[') {
        const char *close = memchr(rest.p, ']', rest.n);
        if (!close) {
            err_set(ei, ERR_PARSE, "endpoint %s: ']' is missing", url);
            return false;
        }
        host = str_sub(rest, 1, (size_t)(close - rest.p) - 1);
        struct str after = str_sub(rest, (size_t)(close - rest.p) + 1, rest.n);
        port = str_starts(after, ":") ? str_sub(after, 1, after.n) : port;
    } else {
        host = str_cut(rest, ':', &port);
    }
    int64_t number = e->tls ? 443 : 80;
    if (host.n == 0 ||
        (port.n > 0 && (!str_to_i64(port, &number) || number < 1 || number > 65535)) ||
        !str_copy(e->host, sizeof(e->host), host)) {
        err_set(ei, ERR_PARSE, "endpoint %s: not a host and port", url);
        return false;
    }
    (void)snprintf(e->port, sizeof(e->port), "%d", (int)number);
    bool v6 = strchr(e->host, ':') != NULL;
    bool standard = number == (e->tls ? 443 : 80);
    (void)snprintf(e->authority, sizeof(e->authority), "%s%s%s%s%s", v6 ? "[" : "", e->host,
                   v6 ? "]" : "", standard ? "" : ":", standard ? "" : e->port);
    return true;
}

/* The first address decides who begins, then the families take turns, each in its own order. */
static size_t interleave(struct endpoint_address out[ENDPOINT_ADDRESSES_MAX],
                         const struct endpoint_address *at, size_t n)
{
    size_t count = 0, next[2] = {0, 0};
    int first = n > 0 ? at[0].at.ss_family : AF_UNSPEC;
    for (size_t turn = 0; count < ENDPOINT_ADDRESSES_MAX && (next[0] < n || next[1] < n); turn++) {
        size_t *i = &next[turn % 2];
        while (*i < n && (at[*i].at.ss_family == first) != (turn % 2 == 0)) {
            (*i)++;
        }
        if (*i < n) {
            out[count++] = at[(*i)++];
        }
    }
    return count;
}

void endpoint_take(struct endpoint *e, const struct endpoint_address *at, size_t n)
{
    pthread_mutex_lock(&e->lock);
    e->address_count = interleave(e->addresses, at, n);
    e->problem[0] = '\0';
    pthread_mutex_unlock(&e->lock);
}

/* Looks the host up and takes the result over; keeps the old addresses on failure. */
static bool resolve(struct endpoint *e, int flags)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    struct endpoint_address found[LOOKED_UP_MAX] = {{.length = 0}};
    bool direct = e->tunnel.host[0] == '\0';
    const char *host = direct ? e->host : e->tunnel.host;
    int status = getaddrinfo(host, direct ? e->port : e->tunnel.port, &hints, &list);
    if (status != 0) {
        pthread_mutex_lock(&e->lock);
        (void)snprintf(e->problem, sizeof(e->problem), "%s%.80s: %s", direct ? "" : "proxy ", host,
                       gai_strerror(status));
        pthread_mutex_unlock(&e->lock);
        return false;
    }
    size_t n = 0;
    for (struct addrinfo *a = list; a && n < LOOKED_UP_MAX; a = a->ai_next) {
        if (a->ai_addrlen <= sizeof(found[n].at)) {
            memcpy(&found[n].at, a->ai_addr, a->ai_addrlen);
            found[n].length = a->ai_addrlen;
            n++;
        }
    }
    freeaddrinfo(list);
    endpoint_take(e, found, n);
    return true;
}

static void release(struct endpoint *e)
{
    if (atomic_fetch_sub(&e->references, 1) != 1) {
        return;
    }
    SSL_SESSION_free(e->session);
    SSL_CTX_free(e->context);
    tunnel_free(&e->tunnel);
    pthread_cond_destroy(&e->wake);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

static void *resolver(void *arg)
{
    struct endpoint *e = arg;
    bool stop = false;
    while (!stop) {
        bool ok = resolve(e, AI_ADDRCONFIG);
        struct timespec until;
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += ok ? REFRESH_SECONDS : RETRY_SECONDS;
        pthread_mutex_lock(&e->lock);
        while (!e->stopping && pthread_cond_timedwait(&e->wake, &e->lock, &until) == 0) {
        }
        stop = e->stopping;
        pthread_mutex_unlock(&e->lock);
    }
    release(e);
    return NULL;
}

static enum err start_resolver(struct endpoint *e, struct err_info *ei)
{
    pthread_t thread;
    sigset_t all, before; /* signals are the main thread's */
    atomic_fetch_add(&e->references, 1);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = pthread_create(&thread, NULL, resolver, e);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status != 0) {
        atomic_fetch_sub(&e->references, 1);
        return err_set_sys(ei, ERR_IO, status, "cannot start the resolver thread of %s", e->host);
    }
    (void)pthread_detach(thread); /* nobody waits for a slow name server */
    return ERR_OK;
}

/* OpenSSL hands every new session over; the newest is kept for the next connection. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct endpoint *e = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    pthread_mutex_lock(&e->lock);
    SSL_SESSION *old = e->session;
    e->session = session;
    pthread_mutex_unlock(&e->lock);
    SSL_SESSION_free(old);
    return 1;
}

static bool read_ca_file(SSL_CTX *context, const char *ca_file, struct err_info *ei)
{
    int ok = ca_file ? SSL_CTX_load_verify_locations(context, ca_file, NULL)
                     : SSL_CTX_set_default_verify_paths(context);
    if (ok != 1) {
        err_set(ei, ERR_IO, "upstream.ca_file %s: cannot be read as PEM certificates",
                ca_file ? ca_file : "(system)");
    }
    return ok == 1;
}

bool endpoint_check_ca_file(const char *ca_file, struct err_info *ei)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    bool ok = context && read_ca_file(context, ca_file, ei);
    if (!context) {
        err_set(ei, ERR_NOMEM, "no memory for a TLS context");
    }
    SSL_CTX_free(context);
    return ok;
}

static bool make_context(struct endpoint *e, const char *ca_file, const struct endpoint *other,
                         struct err_info *ei)
{
    e->context = SSL_CTX_new(TLS_client_method());
    if (!e->context) {
        err_set(ei, ERR_NOMEM, "no memory for the TLS context of %s", e->host);
        return false;
    }
    SSL_CTX_set_app_data(e->context, e);
    SSL_CTX_set_min_proto_version(e->context, TLS1_2_VERSION);
    (void)SSL_CTX_set_options(e->context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(e->context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(e->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(e->context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(e->context, keep_session);
    if (other && other->context) {
        SSL_CTX_set1_cert_store(e->context, SSL_CTX_get_cert_store(other->context));
        return true;
    }
    return read_ca_file(e->context, ca_file, ei);
}

/* The way to the host: directly, or through a proxy. */
static bool find_way(struct endpoint *e, struct err_info *ei)
{
    char target[sizeof(e->host) + sizeof(e->port) + 4];
    bool v6 = strchr(e->host, ':') != NULL;
    (void)snprintf(target, sizeof(target), "%s%s%s:%s", v6 ? "[" : "", e->host, v6 ? "]" : "",
                   e->port);
    if (e->tls && tunnel_from_environment(&e->tunnel, e->host, target, ei) != ERR_OK) {
        return false;
    }
    bool direct = e->tunnel.host[0] == '\0';
    (void)snprintf(e->dialled, sizeof(e->dialled), "%s%s", direct ? "" : "proxy ",
                   direct ? e->authority : e->tunnel.shown);
    return true;
}

struct endpoint *endpoint_new(const char *url, const char *ca_file, struct err_info *ei)
{
    return endpoint_new_beside(url, ca_file, NULL, ei);
}

struct endpoint *endpoint_new_beside(const char *url, const char *ca_file,
                                     const struct endpoint *other, struct err_info *ei)
{
    struct endpoint *e = calloc(1, sizeof(*e));
    if (!e) {
        err_set(ei, ERR_NOMEM, "no memory for endpoint %s", url);
        return NULL;
    }
    e->references = 1;
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->wake, NULL);
    if (!parse_url(e, url, ei) || !find_way(e, ei) ||
        (e->tls && !make_context(e, ca_file, other, ei))) {
        endpoint_free(e);
        return NULL;
    }
    const char *host = e->tunnel.host[0] ? e->tunnel.host : e->host;
    e->numeric = resolve(e, AI_NUMERICHOST) || (strcmp(host, "localhost") == 0 && resolve(e, 0));
    if (!e->numeric) {
        (void)snprintf(e->problem, sizeof(e->problem), "%.80s: not resolved yet", host);
        if (start_resolver(e, ei) != ERR_OK) {
            endpoint_free(e);
            return NULL;
        }
    }
    return e;
}

void endpoint_free(struct endpoint *e)
{
    if (!e) {
        return;
    }
    pthread_mutex_lock(&e->lock);
    e->stopping = true;
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->lock);
    release(e);
}

const char *endpoint_host(const struct endpoint *e)
{
    return e->host;
}

const char *endpoint_authority(const struct endpoint *e)
{
    return e->authority;
}

bool endpoint_tls(const struct endpoint *e)
{
    return e->tls;
}

const char *endpoint_proxy(const struct endpoint *e)
{
    return e->tunnel.host[0] ? e->tunnel.shown : NULL;
}

struct str endpoint_connect_request(const struct endpoint *e)
{
    return buf_str(&e->tunnel.request);
}

const char *endpoint_dialled(const struct endpoint *e)
{
    return e->dialled;
}

size_t endpoint_addresses(struct endpoint *e, struct endpoint_address out[ENDPOINT_ADDRESSES_MAX],
                          char problem[160])
{
    pthread_mutex_lock(&e->lock);
    size_t n = e->address_count;
    memcpy(out, e->addresses, n * sizeof(*out));
    if (problem) {
        memcpy(problem, e->problem, sizeof(e->problem));
    }
    pthread_mutex_unlock(&e->lock);
    return n;
}

SSL *endpoint_ssl(struct endpoint *e)
{
    SSL *ssl = SSL_new(e->context);
    if (!ssl) {
        return NULL;
    }
    bool address = strchr(e->host, ':') || strspn(e->host, "0123456789.") == strlen(e->host);
    X509_VERIFY_PARAM *verify = SSL_get0_param(ssl);
    int named =
        address ? X509_VERIFY_PARAM_set1_ip_asc(verify, e->host) : SSL_set1_host(ssl, e->host);
    if (named != 1 || (!address && SSL_set_tlsext_host_name(ssl, e->host) != 1)) {
        SSL_free(ssl);
        return NULL;
    }
    pthread_mutex_lock(&e->lock);
    if (e->session && SSL_SESSION_is_resumable(e->session)) {
        (void)SSL_set_session(ssl, e->session);
    }
    pthread_mutex_unlock(&e->lock);
    SSL_set_connect_state(ssl);
    return ssl;
}
