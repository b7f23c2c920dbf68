/* proxy.c: the workers: started, given a new configuration, drained, ended. */
#include "core/proxy/proxy.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/proxy/front.h"
#include "core/proxy/gate.h"

#define WORKERS_MAX   64
#define DRAIN_POLL_NS 5000000
#define LAST_BYTES_MS                                                                              \
    5000 /* for clients to take the rest of their answers when all calls have ended */
#define BODIES_MAX         (1LL << 30)
#define BODIES_WAITING_MAX (256LL << 20)

struct worker {
    struct proxy *proxy;
    int number;
    struct loop *loop;
    struct gate *gate;
    struct front *front;
    pthread_t thread;
    bool running, asked_to_drain;
    _Atomic size_t exchanges, connections; /* published each turn */
    atomic_bool draining;                  /* likewise: it accepts nothing any more */
};

struct proxy {
    struct proxy_hooks hooks;
    struct endpoint *runtime, *mantle;
    struct listener **listeners;
    size_t listener_count;
    struct worker *workers;
    int worker_count;
    struct rules *rules;
    struct gate_bodies bodies;
    struct credentials_provider *credentials;
    int64_t credentials_wait_ms;
    struct roles *roles;
};

int proxy_default_workers(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0) {
        return 1;
    }
    int n = CPU_COUNT(&set);
    return n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : n;
}

/* --- workers --- */

static void on_turn(void *arg)
{
    struct worker *w = arg;
    front_turn(w->front);
    atomic_store(&w->exchanges, front_exchanges(w->front));
    atomic_store(&w->connections, front_connections(w->front));
    atomic_store(&w->draining, w->asked_to_drain);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    /* Clients wait in the listener's backlog: who calls at once is not refused for want of keys. */
    credentials_await(w->proxy->credentials, w->proxy->credentials_wait_ms);
    loop_run(w->loop);
    return NULL;
}

static enum err worker_open(struct worker *w, const struct proxy_options *o, struct err_info *ei)
{
    struct proxy *p = w->proxy;
    w->loop = loop_new(ei);
    if (!w->loop) {
        return ERR_IO;
    }
    int64_t share = o->config->upstream.max_connections / p->worker_count;
    struct gate_options g = {.loop = w->loop,
                             .worker = w->number,
                             .rules = p->rules,
                             .limits = o->limits,
                             .ledger = o->ledger,
                             .identity = o->identity,
                             .credentials = o->credentials,
                             .roles = p->roles,
                             .runtime = p->runtime,
                             .mantle = p->mantle,
                             .upstream_share = share > 0 ? (int)share : 1,
                             .bodies = &p->bodies,
                             .hooks = &p->hooks};
    w->gate = gate_new(&g, ei);
    if (!w->gate) {
        return ERR_NOMEM;
    }
    w->front =
        front_new(w->loop, o->config, w->gate, w->number, p->listeners, p->listener_count, ei);
    if (!w->front) {
        return ERR_IO;
    }
    loop_on_turn(w->loop, on_turn, w);
    return ERR_OK;
}

static enum err worker_start(struct worker *w, struct err_info *ei)
{
    sigset_t all, before; /* signals are the main thread's */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = pthread_create(&w->thread, NULL, work, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status != 0) {
        return err_set_sys(ei, ERR_IO, status, "cannot start worker thread %d", w->number);
    }
    w->running = true;
    return ERR_OK;
}

static enum err open_listeners(struct proxy *p, const struct config *c, struct err_info *ei)
{
    p->listeners = calloc(c->listen_count, sizeof(struct listener *));
    if (!p->listeners) {
        return err_set(ei, ERR_NOMEM, "no memory for listeners");
    }
    for (size_t i = 0; i < c->listen_count; i++) {
        p->listeners[i] = listener_open(&c->listen[i], p->worker_count, ei);
        if (!p->listeners[i]) {
            return ERR_IO;
        }
        p->listener_count++;
    }
    return ERR_OK;
}

static void tell_of_proxy(const struct endpoint *e)
{
    if (endpoint_proxy(e)) {
        log_info("proxy", "calls to %s go through the proxy %s (HTTPS_PROXY)", endpoint_host(e),
                 endpoint_proxy(e));
    }
}

/* Threads of theirs begin with the first call that assume_role is for. */
static struct roles *open_roles(const struct proxy_options *o, struct err_info *ei)
{
    struct roles_options roles = {.base = o->credentials,
                                  .sts_endpoint = o->config->endpoints[SERVICE_STS],
                                  .sts_region = o->config->region,
                                  .ca_file = o->config->upstream.ca_file,
                                  .timeout_ms = o->config->upstream.connect_timeout_ms};
    return roles_new(&roles, ei);
}

/* A file that is named has to be good, even while nothing is asked over TLS. */
static bool open_endpoints(struct proxy *p, const struct config *c, struct err_info *ei)
{
    const char *ca_file = c->upstream.ca_file;
    p->runtime = endpoint_new(c->endpoints[SERVICE_BEDROCK_RUNTIME], ca_file, ei);
    p->mantle = p->runtime ? endpoint_new_beside(c->endpoints[SERVICE_BEDROCK_MANTLE], ca_file,
                                                 p->runtime, ei)
                           : NULL;
    return p->mantle && (!ca_file || endpoint_tls(p->runtime) || endpoint_tls(p->mantle) ||
                         endpoint_check_ca_file(ca_file, ei));
}

struct proxy *proxy_start(const struct proxy_options *o, struct err_info *ei)
{
    struct proxy *p = calloc(1, sizeof(*p));
    if (!p) {
        err_set(ei, ERR_NOMEM, "no memory for the proxy");
        return NULL;
    }
    p->hooks = o->hooks;
    p->credentials = o->credentials;
    p->credentials_wait_ms = o->credentials_wait_ms;
    p->bodies.max = BODIES_MAX;
    p->bodies.waiting_max = BODIES_WAITING_MAX;
    p->worker_count = o->workers > 0 ? o->workers : proxy_default_workers();
    p->worker_count = p->worker_count < WORKERS_MAX ? p->worker_count : WORKERS_MAX;
    p->workers = calloc((size_t)p->worker_count, sizeof(*p->workers));
    p->rules = rules_new(o->config, o->catalog);
    p->roles = open_roles(o, ei);
    enum err e =
        !p->workers || !p->rules ? err_set(ei, ERR_NOMEM, "no memory for the proxy") : ERR_OK;
    if (e != ERR_OK || !p->roles || !open_endpoints(p, o->config, ei) ||
        open_listeners(p, o->config, ei) != ERR_OK) {
        proxy_free(p);
        return NULL;
    }
    tell_of_proxy(p->runtime);
    tell_of_proxy(p->mantle);
    for (int i = 0; i < p->worker_count && e == ERR_OK; i++) {
        p->workers[i].proxy = p;
        p->workers[i].number = i;
        e = worker_open(&p->workers[i], o, ei);
    }
    for (int i = 0; i < p->worker_count && e == ERR_OK; i++) {
        e = worker_start(&p->workers[i], ei);
    }
    if (e != ERR_OK) {
        proxy_free(p);
        return NULL;
    }
    return p;
}

size_t proxy_listener_count(const struct proxy *p)
{
    return p->listener_count;
}

const char *proxy_listener_url(const struct proxy *p, size_t i)
{
    return listener_url(p->listeners[i]);
}

/* --- messages to workers --- */

/* All workers stand still at once, so that no call sees one half of a change. */
struct halt {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int arrived, left;
    bool go;
    struct rules *fresh; /* NULL: the old ones stay */
};

struct halted {
    struct worker *worker;
    struct halt *halt;
};

static void stand_still(void *arg)
{
    struct worker *w = ((struct halted *)arg)->worker;
    struct halt *h = ((struct halted *)arg)->halt;
    pthread_mutex_lock(&h->lock);
    h->arrived++;
    pthread_cond_broadcast(&h->changed);
    while (!h->go) {
        pthread_cond_wait(&h->changed, &h->lock);
    }
    struct rules *fresh = h->fresh ? rules_ref(h->fresh) : NULL;
    h->left++;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock); /* the halt may be gone from here on */
    loop_look_at_clock(w->loop);    /* what is admitted from here on is later than the halt */
    if (fresh) {
        front_reload(w->front, fresh->config);
        gate_reload(w->gate, fresh);
    }
}

/* Has `swap` run while every worker stands still, and gives them the fresh rules when it worked. */
static enum err halt_and_swap(struct proxy *p, struct rules *fresh,
                              enum err (*swap)(void *arg, struct err_info *ei), void *arg,
                              struct err_info *ei)
{
    struct halt h = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct halted halted[WORKERS_MAX];
    int n = 0;
    enum err e = ERR_OK;
    for (; n < p->worker_count && e == ERR_OK; n += e == ERR_OK) {
        halted[n] = (struct halted){&p->workers[n], &h};
        if (!loop_post(p->workers[n].loop, stand_still, &halted[n])) {
            e = err_set(ei, ERR_NOMEM, "no memory to take over the new configuration");
        }
    }
    pthread_mutex_lock(&h.lock);
    while (h.arrived < n) {
        pthread_cond_wait(&h.changed, &h.lock);
    }
    e = e == ERR_OK ? swap(arg, ei) : e;
    h.fresh = e == ERR_OK ? fresh : NULL;
    for (size_t i = 0; i < p->listener_count; i++) {
        listener_renew(p->listeners[i], e == ERR_OK);
    }
    h.go = true;
    pthread_cond_broadcast(&h.changed);
    while (h.left < n) {
        pthread_cond_wait(&h.changed, &h.lock);
    }
    pthread_mutex_unlock(&h.lock);
    pthread_cond_destroy(&h.changed);
    pthread_mutex_destroy(&h.lock);
    return e;
}

/* Certificates are renewed under the same names: they are read with every reload. */
static enum err read_certificates(struct proxy *p, const struct config *c, struct err_info *ei)
{
    enum err e = ERR_OK;
    for (size_t i = 0; i < p->listener_count; i++) {
        listener_renew(p->listeners[i], false); /* left of a reload that failed */
        for (size_t j = 0; j < c->listen_count && e == ERR_OK; j++) {
            e = listener_is(p->listeners[i], &c->listen[j])
                    ? listener_read_again(p->listeners[i], &c->listen[j], ei)
                    : ERR_OK;
        }
    }
    return e;
}

enum err proxy_check(const struct config *c, struct err_info *ei)
{
    enum err e = ERR_OK;
    for (size_t i = 0; i < c->listen_count && e == ERR_OK; i++) {
        struct err_info why = {.code = ERR_OK};
        e = listener_check(&c->listen[i], &why);
        if (e != ERR_OK) {
            err_set(ei, e, "%s:%d: listen[%zu]: %s", c->path, c->listen[i].line, i, why.text);
        }
    }
    return e;
}

enum err proxy_reload(struct proxy *p, struct config *config, struct catalog *catalog,
                      void (*release)(struct catalog *old),
                      enum err (*swap)(void *arg, struct err_info *ei), void *arg,
                      struct err_info *ei)
{
    enum err e = read_certificates(p, config, ei);
    if (e != ERR_OK) {
        return e;
    }
    struct rules *fresh = rules_new(config, catalog);
    if (!fresh) {
        return err_set(ei, ERR_NOMEM, "no memory to take over the new configuration");
    }
    struct rules *old = p->rules;
    old->release = release;
    e = halt_and_swap(p, fresh, swap, arg, ei);
    if (e != ERR_OK) {
        old->release = NULL;
        rules_unref(fresh);
        return e;
    }
    p->rules = fresh;
    rules_unref(old);
    return ERR_OK;
}

/* One for all workers; it lives until each of them has been through it. */
struct stop {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool (*match)(void *arg, const struct proxy_open_call *c);
    void *arg;
    const char *why;
    size_t count;
    int left;
};
struct stop_order {
    struct gate *gate;
    struct stop *stop;
};

static void stop_calls(void *arg)
{
    struct stop_order *o = arg;
    struct stop *s = o->stop;
    pthread_mutex_lock(&s->lock);
    s->count += gate_stop_calls(o->gate, s->match, s->arg, s->why);
    s->left--;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

enum err proxy_stop_calls(struct proxy *p,
                          bool (*match)(void *arg, const struct proxy_open_call *c), void *arg,
                          const char *why, size_t *count, struct err_info *ei)
{
    struct stop s = {.lock = PTHREAD_MUTEX_INITIALIZER,
                     .changed = PTHREAD_COND_INITIALIZER,
                     .match = match,
                     .arg = arg,
                     .why = why};
    struct stop_order orders[WORKERS_MAX];
    bool told = true;
    pthread_mutex_lock(&s.lock);
    for (int i = 0; i < p->worker_count; i++) {
        orders[i] = (struct stop_order){p->workers[i].gate, &s};
        if (loop_post(p->workers[i].loop, stop_calls, &orders[i])) {
            s.left++;
        } else {
            told = false;
        }
    }
    while (s.left > 0) {
        pthread_cond_wait(&s.changed, &s.lock);
    }
    *count = s.count;
    pthread_mutex_unlock(&s.lock);
    pthread_cond_destroy(&s.changed);
    pthread_mutex_destroy(&s.lock);
    return told ? ERR_OK : err_set(ei, ERR_NOMEM, "no memory to tell every worker");
}

static void begin_drain(void *arg)
{
    struct worker *w = arg;
    w->asked_to_drain = true;
    front_drain(w->front);
    gate_drain(w->gate);
}

static void cut(void *arg)
{
    front_cut(((struct worker *)arg)->front);
}

static void for_each_worker(struct proxy *p, void (*fn)(void *arg))
{
    for (int i = 0; i < p->worker_count; i++) {
        if (p->workers[i].running) {
            (void)loop_post(p->workers[i].loop, fn, &p->workers[i]);
        }
    }
}

struct left {
    bool accepting;
    size_t exchanges, connections;
};

static struct left what_is_left(struct proxy *p)
{
    struct left l = {.exchanges = 0};
    for (int i = 0; i < p->worker_count; i++) {
        struct worker *w = &p->workers[i];
        l.accepting = l.accepting || !atomic_load(&w->draining); /* read first: it is stored last */
        l.exchanges += atomic_load(&w->exchanges);
        l.connections += atomic_load(&w->connections);
    }
    return l;
}

size_t proxy_drain(struct proxy *p, int64_t timeout_ms, const atomic_int *hurry)
{
    const struct timespec pause = {.tv_nsec = DRAIN_POLL_NS};
    int64_t until = clock_mono_us() + timeout_ms * 1000;
    bool last_bytes = false;
    for_each_worker(p, begin_drain);
    struct left left = what_is_left(p);
    while ((left.accepting || left.exchanges > 0 || left.connections > 0) &&
           clock_mono_us() < until && !(hurry && atomic_load(hurry))) {
        if (!last_bytes && !left.accepting && left.exchanges == 0) {
            int64_t latest = clock_mono_us() + LAST_BYTES_MS * 1000;
            last_bytes = true;
            until = latest < until ? latest : until;
        }
        (void)nanosleep(&pause, NULL);
        left = what_is_left(p);
    }
    for_each_worker(p, cut);
    return left.exchanges;
}

void proxy_free(struct proxy *p)
{
    if (!p) {
        return;
    }
    for (int i = 0; p->workers && i < p->worker_count; i++) {
        struct worker *w = &p->workers[i];
        if (w->running) {
            (void)loop_post(w->loop, cut, w);
            loop_stop(w->loop);
            (void)pthread_join(w->thread, NULL);
        }
        front_free(w->front);
        gate_free(w->gate);
        loop_free(w->loop);
    }
    roles_free(p->roles);
    for (size_t i = 0; i < p->listener_count; i++) {
        listener_close(p->listeners[i]);
    }
    endpoint_free(p->runtime);
    endpoint_free(p->mantle);
    rules_unref(p->rules);
    free(p->listeners);
    free(p->workers);
    free(p);
}

void proxy_open_calls(struct proxy *p, void (*fn)(void *arg, const struct proxy_open_call *c),
                      void *arg)
{
    for (int i = 0; i < p->worker_count; i++) {
        gate_open_calls(p->workers[i].gate, fn, arg);
    }
}

struct roles_counts proxy_roles(struct proxy *p)
{
    return roles_counts(p->roles);
}

void proxy_counts(struct proxy *p, struct proxy_counts *out)
{
    *out = (struct proxy_counts){.connections = 0};
    for (int i = 0; i < p->worker_count; i++) {
        const struct front_counts *f = front_counts(p->workers[i].front);
        out->connections += atomic_load_explicit(&f->connections, memory_order_relaxed);
        out->requests += atomic_load_explicit(&f->requests, memory_order_relaxed);
        out->bad_requests += atomic_load_explicit(&f->bad_requests, memory_order_relaxed);
        out->timeouts += atomic_load_explicit(&f->timeouts, memory_order_relaxed);
        out->tls_failures += atomic_load_explicit(&f->tls_failures, memory_order_relaxed);
        out->floods += atomic_load_explicit(&f->floods, memory_order_relaxed);
        gate_counts(p->workers[i].gate, out);
    }
}
