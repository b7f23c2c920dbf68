/* gate_admit.c: from a request understood to a call admitted, or denied. */
#include "core/proxy/gate_private.h"

#include <stdio.h>
#include <string.h>

/* --- denials --- */

/* Why, for a person; behind "limit NAME: ". */
static void explain(char *out, size_t size, const struct limit_denial *d, const char *model)
{
    char amount[32], at[CLOCK_TEXT] = "";
    const char *unit = config_metric_name(d->metric), *of = d->group[0] ? " for " : "";
    config_amount_format(amount, d->metric, d->amount);
    if (d->resets_at_ms > 0) {
        clock_rfc3339(at, d->resets_at_ms);
    }
    if (d->blocked) {
        (void)snprintf(out, size, "blocked by an operator%s%s", of, d->group);
    } else if (d->unpriced) {
        (void)snprintf(out, size,
                       "the price of model %s is not known, so a usd limit cannot admit it", model);
    } else if (d->never) {
        (void)snprintf(out, size, "this call is larger than the whole limit of %s %s%s%s", amount,
                       unit, of, d->group);
    } else if (d->metric == METRIC_CONCURRENCY) {
        (void)snprintf(out, size, "%s calls at once are running%s%s", amount, of, d->group);
    } else {
        (void)snprintf(out, size, "%s %s are used or reserved%s%s; frees at %s", amount, unit, of,
                       d->group, at);
    }
}

static void deny(struct ticket *t, const struct limit_denial *d)
{
    struct call *call = &t->call;
    int64_t now = call->admitted_wall_ms;
    char plain[32], message[512], model[256];
    (void)snprintf(model, sizeof(model), "%.160s%s%s%s", call->resolved.model->name,
                   call->tier ? " at service tier " : "", call->tier ? call->tier : "",
                   call->optimized ? " with optimized latency" : "");
    explain(message, sizeof(message), d, model);
    if (d->metric == METRIC_USD) {
        money_format(plain, d->amount);
    } else {
        (void)snprintf(plain, sizeof(plain), "%lld", (long long)d->amount);
    }
    int64_t wait = d->resets_at_ms > now ? (d->resets_at_ms - now + 999) / 1000 : 1;
    struct dialect_denial said = {.limit = d->limit,
                                  .metric = config_metric_name(d->metric),
                                  .group = d->group,
                                  .message = message,
                                  .amount_text = plain,
                                  .resets_at_ms = d->resets_at_ms,
                                  .retry_after_s = wait,
                                  .final = d->blocked || d->never || d->unpriced || wait > 60,
                                  .with_detail = t->rules->config->denial_full,
                                  .used = d->used,
                                  .reserved = d->reserved};
    struct dialect_answer a = {.status = 0};
    if (dialect_deny(&a, call->dialect, &said, call->request_id) != ERR_OK) {
        dialect_answer_free(&a);
        gate_ticket_give_up(t);
        return;
    }
    call->outcome = OUTCOME_DENIED;
    call->usage_reported = true; /* it is known that nothing was used */
    call->http_status = a.status;
    call->limit = d->limit;
    call->error = str_of(d->blocked    ? "blocked"
                         : d->never    ? "too_large"
                         : d->unpriced ? "unpriced"
                                       : "limit");
    call->ended_us = loop_now_us(t->gate->loop);
    ledger_refused(t->gate->ledger, t->gate->worker, call, d->group, d->resets_at_ms);
    gate_ticket_answer(t, &a);
}

/* --- admission --- */

static void list_open(struct ticket *t)
{
    struct gate *g = t->gate;
    t->admitted = true;
    pthread_mutex_lock(&g->open_lock);
    t->next = g->open;
    if (g->open) {
        g->open->prev = t;
    }
    g->open = t;
    pthread_mutex_unlock(&g->open_lock);
    atomic_fetch_add_explicit(&g->open_calls, 1, memory_order_relaxed);
}

/* The profile of the call's cost center when there is one; metric and price follow what is really
 * called. */
static void choose_upstream(struct ticket *t)
{
    struct call *call = &t->call;
    struct resolved profile;
    t->upstream_id = catalog_profile_for(t->rules->catalog, &call->resolved,
                                         tags_get(&call->tags, "costCenter"));
    if (strcmp(t->upstream_id, call->resolved.upstream_id) != 0 &&
        catalog_resolve(t->rules->catalog, str_of(t->upstream_id), &profile, NULL) == ERR_OK) {
        call->resolved = profile;
        t->upstream_id = profile.upstream_id;
    }
}

bool gate_decided(struct ticket *t, enum err e, const struct limit_denial *denial)
{
    struct gate *g = t->gate;
    struct call *call = &t->call;
    if (e == ERR_FULL) {
        deny(t, denial);
        return false;
    }
    if (e != ERR_OK) {
        gate_refuse(t, REFUSAL_OVERLOADED, "memory", "the gateway is out of memory");
        return false;
    }
    t->journaled = ledger_admitted(g->ledger, g->worker, call, &t->slot) == ERR_OK;
    if (!t->journaled) {
        atomic_fetch_add_explicit(&g->store_failures, 1, memory_order_relaxed);
        if (!t->rules->config->store_failure_allow) {
            limits_release(g->limits, t->hold);
            t->hold = NULL;
            gate_refuse(t, REFUSAL_OVERLOADED, "store",
                        "the gateway cannot store what is spent (store_failure: deny); its "
                        "operator can see why");
            return false;
        }
    }
    list_open(t);
    return true;
}

bool gate_admit(struct ticket *t)
{
    struct gate *g = t->gate;
    struct call *call = &t->call;
    choose_upstream(t);
    call->admitted_wall_ms = loop_wall_ms(g->loop);
    t->price_known =
        catalog_price(t->rules->catalog, &call->resolved, call->admitted_wall_ms, &call->price);
    call->long_above = catalog_long_above(t->rules->catalog, &call->resolved);
    call->priced = t->price_known && !call->tier && !call->optimized;
    if (t->route.kind == KIND_CALL) {
        limit_foresee(g->limits, call);
    }
    struct limit_denial denial = {.amount = 0};
    enum err e = g->rules->queues ? gate_wait(t, &denial)
                                  : limits_reserve_clamped(g->limits, call, &t->hold, &denial,
                                                           &t->clamped_output);
    return e != ERR_BUSY && gate_decided(t, e, &denial);
}
