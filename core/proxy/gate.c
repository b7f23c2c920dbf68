#include "core/proxy/gate_private.h"

#include <stdlib.h>

#define READ_ON_US (60 * 1000000LL)

struct rules *rules_new(struct config *config, struct catalog *catalog)
{
    struct rules *r = calloc(1, sizeof(*r));
    if (r) {
        r->config = config_ref(config);
        r->catalog = catalog;
        r->references = 1;
        for (size_t i = 0; i < config->limit_count; i++) {
            r->queues = r->queues || config->limits[i].action == ACTION_QUEUE;
        }
    }
    return r;
}

struct rules *rules_ref(struct rules *r)
{
    atomic_fetch_add_explicit(&r->references, 1, memory_order_relaxed);
    return r;
}

void rules_unref(struct rules *r)
{
    if (r && atomic_fetch_sub_explicit(&r->references, 1, memory_order_acq_rel) == 1) {
        if (r->release) {
            r->release(r->catalog);
        }
        config_unref(r->config);
        free(r);
    }
}

static bool open_host(struct gate_host *h, const struct gate_options *o, struct endpoint *endpoint,
                      const char *service, struct err_info *ei)
{
    h->endpoint = endpoint;
    sigv4_signer_init(&h->signer, o->rules->config->region, service);
    h->pool = upstream_new(o->loop, endpoint, o->rules->config, o->upstream_share, ei);
    return h->pool != NULL;
}

struct gate *gate_new(const struct gate_options *o, struct err_info *ei)
{
    struct gate *g = calloc(1, sizeof(*g));
    if (!g) {
        err_set(ei, ERR_NOMEM, "no memory for a worker's gate");
        return NULL;
    }
    g->loop = o->loop;
    g->worker = o->worker;
    g->rules = rules_ref(o->rules);
    g->limits = o->limits;
    g->ledger = o->ledger;
    g->identity = o->identity;
    g->credentials = o->credentials;
    g->hooks = o->hooks;
    g->bodies = o->bodies;
    g->read_on_us = READ_ON_US;
    pthread_mutex_init(&g->open_lock, NULL);
    gate_waits_init(&g->waits);
    gate_roles_init(&g->roles, o->roles);
    gate_forward_init(g);
    if (!open_host(&g->runtime, o, o->runtime, "bedrock", ei) ||
        !open_host(&g->mantle, o, o->mantle, "bedrock-mantle", ei)) {
        gate_free(g);
        return NULL;
    }
    return g;
}

void gate_free(struct gate *g)
{
    if (!g) {
        return;
    }
    gate_waits_free(g);
    gate_read_on_end(g);
    upstream_free(g->runtime.pool);
    upstream_free(g->mantle.pool);
    gate_role_signers_free(&g->runtime);
    gate_role_signers_free(&g->mantle);
    gate_roles_free(&g->roles);
    sigv4_signer_free(&g->runtime.signer);
    sigv4_signer_free(&g->mantle.signer);
    buf_free(&g->lines);
    rules_unref(g->rules);
    pthread_mutex_destroy(&g->open_lock);
    free(g);
}

void gate_reload(struct gate *g, struct rules *rules)
{
    rules_unref(g->rules);
    g->rules = rules;
}

static int64_t seen(const _Atomic int64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static struct proxy_open_call open_call(const struct ticket *t)
{
    return (struct proxy_open_call){.request_id = t->call.request_id,
                                    .model = t->call.resolved.model->name,
                                    .operation = t->call.operation,
                                    .tags = &t->call.tags,
                                    .principal = t->call.principal,
                                    .admitted_wall_ms = t->call.admitted_wall_ms,
                                    .arrived_us = t->call.arrived_us,
                                    .first_token_us = seen(&t->seen.first_token_us),
                                    .input_tokens = seen(&t->seen.input),
                                    .output_tokens = seen(&t->seen.output),
                                    .usd = seen(&t->seen.usd)};
}

void gate_open_calls(struct gate *g, void (*fn)(void *arg, const struct proxy_open_call *c),
                     void *arg)
{
    pthread_mutex_lock(&g->open_lock);
    for (const struct ticket *t = g->open; t; t = t->next) {
        struct proxy_open_call c = open_call(t);
        fn(arg, &c);
    }
    gate_wait_calls(g, fn, arg);
    pthread_mutex_unlock(&g->open_lock);
}

/* Only this thread changes the list, so that it is read without the lock. An end may take others
 * with it (a connection that breaks): then what `next` was cannot be trusted. */
size_t gate_stop_calls(struct gate *g, bool (*match)(void *arg, const struct proxy_open_call *c),
                       void *arg, const char *why)
{
    size_t count = gate_wait_stop(g, match, arg, why);
    for (struct ticket *t = g->open; t; t = t->next) {
        struct proxy_open_call c = open_call(t);
        t->stopping = match(arg, &c);
        count += t->stopping;
    }
    for (struct ticket *t = g->open; t;) {
        struct ticket *next = t->next;
        uint64_t ended = g->ended_calls;
        if (t->stopping) {
            gate_stop(t, why);
            next = g->ended_calls == ended + 1 ? next : g->open;
        }
        t = next;
    }
    return count;
}

void gate_counts(const struct gate *g, struct proxy_counts *add)
{
    add->open_calls += atomic_load_explicit(&g->open_calls, memory_order_relaxed);
    add->store_failures += atomic_load_explicit(&g->store_failures, memory_order_relaxed);
    add->overhead_us_sum += atomic_load_explicit(&g->overhead_us_sum, memory_order_relaxed);
    add->overhead_count += atomic_load_explicit(&g->overhead_count, memory_order_relaxed);
    add->first_token_us_sum += atomic_load_explicit(&g->first_token_us_sum, memory_order_relaxed);
    add->first_token_count += atomic_load_explicit(&g->first_token_count, memory_order_relaxed);
    for (size_t i = 0; i < PROXY_ERRORS; i++) {
        add->upstream_errors[i] +=
            atomic_load_explicit(&g->upstream_errors[i], memory_order_relaxed);
    }
}
