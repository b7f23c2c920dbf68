/* upstream.c: the pool: which call gets which connection, and what waits for one. */
#include "core/proxy/upstream_private.h"

#include "core/base/recycle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define POOL_IDLE_US        (45 * 1000000LL) /* below what NAT gateways and servers keep */
#define IDLE_MAX            256
#define WAITING_MAX         4096
#define UNRESOLVED_RETRY_US 20000

/* --- lists --- */

static void list_add(struct call_list *l, struct upstream_call *k)
{
    k->list = l;
    k->prev = l->last;
    k->next = NULL;
    *(k->prev ? &k->prev->next : &l->first) = k;
    l->last = k;
    l->count++;
}

static void list_remove(struct upstream_call *k)
{
    struct call_list *l = k->list;
    *(k->prev ? &k->prev->next : &l->first) = k->next;
    *(k->next ? &k->next->prev : &l->last) = k->prev;
    k->prev = k->next = NULL;
    k->list = NULL;
    l->count--;
}

static struct connection *idle_take(struct upstream *u)
{
    struct connection *c = u->idle;
    if (c) {
        u->idle = c->idle_next;
        if (u->idle) {
            u->idle->idle_prev = NULL;
        }
        c->idle_next = NULL;
        c->state = CONNECTION_BUSY;
        u->idle_count--;
    }
    return c;
}

static void idle_put(struct upstream *u, struct connection *c)
{
    c->state = CONNECTION_IDLE;
    c->reused = true;
    c->idle_prev = NULL;
    c->idle_next = u->idle;
    if (u->idle) {
        u->idle->idle_prev = c;
    }
    u->idle = c;
    u->idle_count++;
    connection_watch(c);
    loop_arm(u->loop, &c->timer, POOL_IDLE_US);
}

/* --- calls --- */

static void call_free(struct upstream_call *k)
{
    if (k->list) {
        list_remove(k);
    }
    if (k->c) {
        k->c->call = NULL;
    }
    recycle_give(k, sizeof(*k));
}

void upstream_call_fail(struct upstream_call *k, enum upstream_failure failure, const char *text)
{
    const struct upstream_handlers *handlers = k->handlers;
    void *arg = k->arg;
    call_free(k);
    handlers->on_fail(arg, failure, text);
}

void upstream_finish(struct connection *c)
{
    struct upstream *u = c->u;
    const struct upstream_handlers *handlers = c->call->handlers;
    void *arg = c->call->arg;
    call_free(c->call);
    if (c->keep && u->idle_count < IDLE_MAX) {
        idle_put(u, c);
    } else {
        connection_free(c);
    }
    handlers->on_body(arg, NULL, 0, true);
    upstream_dispatch(u);
}

void upstream_dispatch(struct upstream *u)
{
    struct upstream_call *k;
    while ((k = u->waiting.first)) {
        struct connection *c = idle_take(u);
        if (c) {
            list_remove(k);
            connection_attach(c, k);
            connection_begin(c);
            continue;
        }
        int refused = 0;
        c = u->connection_count < u->share ? connection_new(u, 0, &refused) : NULL;
        if (c) {
            list_remove(k);
            connection_attach(c, k);
        } else if (refused != 0) {
            k->refused = refused;
            list_remove(k);
            list_add(&u->refused, k);
        } else {
            break;
        }
    }
    if (u->refused.first) {
        loop_arm(u->loop, &u->waiting_timer, 0);
    } else if (u->waiting.first && u->waiting_timer.heap_at == 0) {
        loop_arm(u->loop, &u->waiting_timer, UNRESOLVED_RETRY_US);
    }
}

/* --- what waited in vain --- */

static void tell_refused(struct upstream *u)
{
    for (int n = u->refused.count; n > 0 && u->refused.first; n--) {
        struct upstream_call *k = u->refused.first;
        char reason[64], text[240];
        (void)snprintf(text, sizeof(text), "cannot connect to %.120s: %s",
                       endpoint_dialled(u->endpoint),
                       strerror_r(k->refused, reason, sizeof(reason)));
        upstream_call_fail(k, UPSTREAM_UNREACHABLE, text);
    }
}

static void tell_late(struct upstream *u, struct upstream_call *k)
{
    struct endpoint_address addresses[ENDPOINT_ADDRESSES_MAX];
    enum upstream_failure failure = UPSTREAM_UNREACHABLE;
    char problem[160] = "", text[240];
    if (endpoint_addresses(u->endpoint, addresses, problem) == 0) {
        (void)snprintf(text, sizeof(text), "cannot resolve %s", problem);
    } else if (u->connection_count >= u->share) {
        failure = UPSTREAM_FULL;
        (void)snprintf(text, sizeof(text),
                       "every upstream connection is in use (upstream.max_connections)");
    } else {
        (void)snprintf(text, sizeof(text), "cannot open a connection to %.120s",
                       endpoint_dialled(u->endpoint));
    }
    upstream_call_fail(k, failure, text);
}

static void on_waiting_timer(struct loop_timer *t)
{
    struct upstream *u =
        (struct upstream *)(void *)((char *)t - offsetof(struct upstream, waiting_timer));
    int64_t oldest = loop_now_us(u->loop) - u->connect_us;
    tell_refused(u);
    while (u->waiting.first && u->waiting.first->waiting_since_us <= oldest) {
        tell_late(u, u->waiting.first);
    }
    upstream_dispatch(u);
}

/* --- public --- */

struct upstream *upstream_new(struct loop *loop, struct endpoint *endpoint,
                              const struct config *config, int share, struct err_info *ei)
{
    struct upstream *u = calloc(1, sizeof(*u));
    if (!u) {
        err_set(ei, ERR_NOMEM, "no memory for the upstream pool of %s",
                endpoint_authority(endpoint));
        return NULL;
    }
    u->loop = loop;
    u->endpoint = endpoint;
    u->connect_us = config->upstream.connect_timeout_ms * 1000;
    u->first_byte_us = config->upstream.first_byte_timeout_ms * 1000;
    u->idle_us = config->upstream.idle_timeout_ms * 1000;
    u->share = share > 0 ? share : 1;
    u->waiting_timer.on_time = on_waiting_timer;
    return u;
}

void upstream_free(struct upstream *u)
{
    if (!u) {
        return;
    }
    while (u->waiting.first) {
        call_free(u->waiting.first);
    }
    while (u->refused.first) {
        call_free(u->refused.first);
    }
    while (u->connections) {
        struct connection *c = u->connections;
        if (c->call) {
            call_free(c->call);
        }
        connection_free(c);
    }
    loop_disarm(u->loop, &u->waiting_timer);
    free(u);
}

struct upstream_call *upstream_send(struct upstream *u, const struct str parts[UPSTREAM_PARTS],
                                    const struct upstream_handlers *handlers, void *arg)
{
    bool room = u->waiting.count + u->refused.count < WAITING_MAX;
    struct upstream_call *k = room ? recycle_take(sizeof(*k)) : NULL;
    if (!k) {
        return NULL;
    }
    *k = (struct upstream_call){.u = u};
    k->handlers = handlers;
    k->arg = arg;
    for (size_t i = 0; i < UPSTREAM_PARTS; i++) {
        k->parts[i] = parts[i];
        k->total += parts[i].n;
    }
    k->waiting_since_us = loop_now_us(u->loop);
    list_add(&u->waiting, k);
    upstream_dispatch(u);
    return k;
}

void upstream_cancel(struct upstream_call *k)
{
    struct upstream *u = k->u;
    struct connection *c = k->c;
    if (k->in_handler) {
        k->cancelled = true;
        return;
    }
    call_free(k);
    if (c) {
        connection_free(c);
    }
    if (u->waiting.first) {
        loop_arm(u->loop, &u->waiting_timer, 0); /* there may be room for it now */
    }
}

bool upstream_was_sent(const struct upstream_call *k)
{
    return k->sent;
}

void upstream_pause(struct upstream_call *k)
{
    if (!k->paused && k->c) {
        k->paused = true;
        connection_watch(k->c);
    }
}

void upstream_resume(struct upstream_call *k)
{
    if (k->paused && k->c) {
        k->paused = false;
        connection_watch(k->c);
        if (k->got_head) {
            loop_arm(k->u->loop, &k->c->timer, k->u->idle_us);
            connection_wake_for_pending(k->c);
        }
    }
}
