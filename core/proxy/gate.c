#include "core/proxy/gate_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/recycle.h"

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

/* --- tickets --- */

static struct ticket *ticket_new(struct gate *g, struct exchange *x)
{
    struct ticket *t = recycle_take(sizeof(*t));
    if (t) {
        *t = (struct ticket){.gate = g, .x = x, .rules = rules_ref(g->rules)};
        buf_init(&t->head, 256 * 1024);
        call_init(&t->call);
        x->ticket = t;
    }
    return t;
}

void gate_ticket_end(struct ticket *t)
{
    struct gate *g = t->gate;
    gate_wait_leave(t);
    gate_role_leave(t);
    gate_forward_leave(t);
    if (t->admitted) {
        pthread_mutex_lock(&g->open_lock);
        *(t->prev ? &t->prev->next : &g->open) = t->next;
        if (t->next) {
            t->next->prev = t->prev;
        }
        pthread_mutex_unlock(&g->open_lock);
        g->ended_calls++;
        atomic_fetch_sub_explicit(&g->open_calls, 1, memory_order_relaxed);
    }
    if (t->upstream) {
        upstream_cancel(t->upstream);
    }
    gate_drop_body(t);
    meter_free(t->meter);
    sigv4_hash_drop(&t->hash);
    buf_free(&t->head);
    buf_free(&t->body);
    whole_frames_free(&t->frames);
    call_clear(&t->call);
    rules_unref(t->rules);
    recycle_give(t, sizeof(*t));
}

void gate_answer(struct ticket *t, struct dialect_answer *a)
{
    struct exchange *x = t->x;
    if (t->ignored.n > 0) {
        (void)buf_printf(&a->headers, "x-tollgate-tags-ignored: %s\r\n", t->ignored.p);
    }
    x->ticket = NULL;
    gate_ticket_end(t);
    exchange_respond(x, a->status, buf_str(&a->headers), (int64_t)a->body.len);
    exchange_send(x, buf_bytes(&a->body), a->body.len);
    dialect_answer_free(a);
    exchange_end(x);
}

void gate_give_up(struct ticket *t)
{
    struct exchange *x = t->x;
    x->ticket = NULL;
    gate_ticket_end(t);
    exchange_abort(x);
}

/* Counts the request as rejected. */
static void reject(struct ticket *t, const char *code, int status)
{
    t->call.outcome = OUTCOME_REJECTED;
    t->call.usage_reported = true; /* it is known that nothing was used */
    t->call.http_status = status;
    t->call.error = str_of(code);
    t->call.ended_us = loop_now_us(t->gate->loop);
    ledger_refused(t->gate->ledger, t->gate->worker, &t->call, "", 0);
}

/* The workflow input names its mistakes by their path. */
static const char *with_path(const struct ticket *t, const char *code, const char *message,
                             char out[400])
{
    if (t->route.dialect != DIALECT_WORKFLOW) {
        return message;
    }
    if (strcmp(code, "model") == 0) {
        (void)snprintf(out, 400, "model: %.380s", message);
        return out;
    }
    if (strcmp(code, "tags") == 0 && strncmp(message, "tag ", 4) == 0) {
        (void)snprintf(out, 400, "tags.%.380s", message + 4);
        return out;
    }
    return message;
}

void gate_refuse(struct ticket *t, enum refusal why, const char *code, const char *message)
{
    char text[400];
    struct dialect_answer a = {.status = 0};
    message = with_path(t, code, message, text);
    if (t->route.dialect == DIALECT_WORKFLOW && why == REFUSAL_UNKNOWN_MODEL) {
        why = REFUSAL_BAD_REQUEST; /* one mistake of the input like others */
    }
    if (dialect_refuse(&a, t->route.dialect, why, message, t->call.request_id) != ERR_OK) {
        dialect_answer_free(&a);
        gate_give_up(t);
        return;
    }
    if (why == REFUSAL_METHOD && t->route.allow) {
        (void)buf_printf(&a.headers, "Allow: %s\r\n", t->route.allow);
    }
    if (!t->admitted) {
        reject(t, code, a.status);
    }
    gate_answer(t, &a);
}

/* --- local answers --- */

static void answer_text(struct ticket *t, int status, const char *type, const struct buf *text)
{
    struct dialect_answer a = {.status = status};
    (void)buf_printf(&a.headers,
                     "Content-Type: %s\r\nCache-Control: no-store\r\nx-tollgate-request-id: %s\r\n",
                     type, t->call.request_id);
    (void)buf_append(&a.body, buf_bytes(text), text->len);
    gate_answer(t, &a);
}

static void answer_local(struct ticket *t)
{
    const struct gate *g = t->gate;
    struct buf text;
    buf_init(&text, 4 * 1024 * 1024);
    switch (t->route.local) {
    case LOCAL_HEALTHZ:
        (void)buf_add(&text, "{\"status\":\"ok\"}");
        answer_text(t, 200, "application/json", &text);
        break;
    case LOCAL_READYZ: {
        struct buf reasons;
        buf_init(&reasons, 4096);
        bool ready = g->hooks->ready(g->hooks->arg, &reasons);
        if (ready) {
            (void)buf_add(&text, "{\"status\":\"ready\"}");
        } else {
            (void)buf_printf(&text, "{\"status\":\"not ready\",\"reasons\":[%s]}",
                             buf_cstr(&reasons));
        }
        buf_free(&reasons);
        answer_text(t, ready ? 200 : 503, "application/json", &text);
        break;
    }
    case LOCAL_METRICS:
    case LOCAL_MODELS:
    case LOCAL_NONE:
        g->hooks->metrics(g->hooks->arg, &text);
        answer_text(t, 200, "text/plain; version=0.0.4; charset=utf-8", &text);
        break;
    }
    buf_free(&text);
}

static bool metrics_allowed(const struct ticket *t)
{
    switch (t->rules->config->metrics_access) {
    case METRICS_ANY:
        return true;
    case METRICS_LOOPBACK:
        return t->x->loopback_peer;
    case METRICS_OFF:
        break;
    }
    return false;
}

static bool served_here(const struct ticket *t)
{
    return t->route.local == LOCAL_HEALTHZ || t->route.local == LOCAL_READYZ ||
           (t->route.local == LOCAL_METRICS && metrics_allowed(t));
}

/* --- the head --- */

/* The whole host counts: a name such as 127.attacker.example is a stranger's. */
static bool host_is_local(struct str authority)
{
    char host[64];
    struct str port, name = str_cut(authority, ':', &port);
    if (str_starts(authority, "[")) {
        name = str_sub(str_cut(authority, ']', &port), 1, authority.n);
        if (!port.p || (port.n > 0 && port.p[0] != ':')) {
            return false;
        }
    }
    return str_is_nocase(name, "localhost") ||
           (str_copy(host, sizeof(host), name) && config_host_is_loopback(host));
}

static bool says_browser(const struct exchange *x)
{
    for (size_t i = 0; i < x->header_count; i++) {
        if (str_is_nocase(x->headers[i].name, "origin") ||
            str_is_nocase(x->headers[i].name, "sec-fetch-site")) {
            return true;
        }
    }
    return false;
}

/* Without keys, a web page that the user has open must not be able to spend (DESIGN section 4,
 * identity). */
static bool from_browser(const struct exchange *x)
{
    return says_browser(x) || !host_is_local(x->authority);
}

/* Browsers show their certificate by themselves, whosever page asks: it tells nothing then. */
static struct str subject_of(const struct exchange *x)
{
    return x->subject.n > 0 && says_browser(x) ? (struct str){NULL, 0} : x->subject;
}

static struct identity_request identity_of(struct ticket *t, const uint8_t *sha256)
{
    const struct exchange *x = t->x;
    return (struct identity_request){.method = x->method,
                                     .target = x->target,
                                     .headers = x->headers,
                                     .header_count = x->header_count,
                                     .authority = x->authority,
                                     .subject = subject_of(x),
                                     .http2 = x->http2,
                                     .body_sha256 = sha256,
                                     .digest = &t->digest,
                                     .now_ms = loop_wall_ms(t->gate->loop)};
}

/* A clock that is off has an error of its own: SDKs set theirs by the answer's Date and try again.
 */
static void refuse_identity(struct ticket *t, enum err e, const struct err_info *ei)
{
    bool clock = e == ERR_RANGE;
    gate_refuse(t, clock ? REFUSAL_CLOCK : REFUSAL_AUTH, clock ? "clock" : "auth",
                e == ERR_NOT_FOUND ? "this gateway needs a key: none came with the request"
                                   : ei->text);
}

/* False: refused. */
static bool precheck(struct ticket *t)
{
    struct err_info ei = {.code = ERR_OK};
    struct identity_request r = identity_of(t, NULL);
    enum err e = identity_precheck(t->gate->identity, &r, &ei);
    if (e == ERR_OK) {
        return true;
    }
    if (e == ERR_NOT_FOUND && !t->rules->config->identity_required) {
        if (from_browser(t->x)) {
            gate_refuse(t, REFUSAL_FORBIDDEN, "browser",
                        "requests of web browsers are refused while identity is optional");
            return false;
        }
        return true;
    }
    refuse_identity(t, e, &ei);
    return false;
}

/* Counts n more bytes of request bodies; false when all of them together are too many. */
static bool hold_body(struct ticket *t, int64_t n)
{
    struct gate_bodies *b = t->gate->bodies;
    if (atomic_fetch_add_explicit(&b->held, n, memory_order_relaxed) > b->max - n) {
        atomic_fetch_sub_explicit(&b->held, n, memory_order_relaxed);
        return false;
    }
    t->body_held += n;
    return true;
}

void gate_drop_body(struct ticket *t)
{
    if (t->body_held > 0) {
        atomic_fetch_sub_explicit(&t->gate->bodies->held, t->body_held, memory_order_relaxed);
        t->body_held = 0;
    }
}

static void refuse_body(struct ticket *t)
{
    gate_refuse(t, REFUSAL_OVERLOADED, "overloaded",
                "the gateway holds as many bytes of requests as it may; try again");
}

void gate_head(struct gate *g, struct exchange *x)
{
    struct ticket *t = ticket_new(g, x);
    if (!t) {
        exchange_abort(x);
        return;
    }
    struct err_info ei = {.code = ERR_OK};
    enum err e = dialect_route(&t->route, x->method, x->target, &ei);
    t->call.dialect = t->route.dialect;
    t->call.operation = t->route.operation ? t->route.operation : "";
    t->call.stream = t->route.stream;
    if (e != ERR_OK) {
        gate_refuse(t, e == ERR_UNSUPPORTED ? REFUSAL_METHOD : REFUSAL_BAD_REQUEST, "path",
                    ei.text);
    } else if (t->route.kind == KIND_LOCAL && served_here(t)) {
        answer_local(t);
    } else if ((t->route.kind == KIND_LOCAL && t->route.local != LOCAL_MODELS) ||
               t->route.kind == KIND_NOT_SERVED) {
        gate_refuse(t, REFUSAL_NOT_SERVED, "not_served",
                    t->route.not_served[0] ? t->route.not_served
                                           : "nothing is served at this path");
    } else if (precheck(t)) {
        gate_hash_begin(t);
    }
}

void gate_body(struct exchange *x, size_t n)
{
    struct ticket *t = x->ticket;
    (void)n;
    if (!t) {
        return;
    }
    int64_t more = (int64_t)x->body.len - t->body_held;
    if (more > 0 && !hold_body(t, more)) {
        refuse_body(t);
    } else {
        gate_hash_more(t);
    }
}

/* --- the request --- */

/* Who calls: fills principal and the key's tags. False: refused. */
static bool identify(struct ticket *t, const uint8_t *sha256, struct tags *key_tags)
{
    struct err_info ei = {.code = ERR_OK};
    struct identity_request r = identity_of(t, sha256);
    struct identity_result who = {.kind = IDENTITY_NONE};
    enum err e = identity_check(t->gate->identity, &r, key_tags, &t->call.arena, &who, &ei);
    if (e == ERR_OK) {
        t->call.principal = arena_str(&t->call.arena, str_of(who.access_key_id));
        return true;
    }
    if (e == ERR_NOT_FOUND && !t->rules->config->identity_required) {
        return true;
    }
    refuse_identity(t, e, &ei);
    return false;
}

static void refuse_input(struct ticket *t, const struct dialect_facts *facts, const char *text)
{
    struct dialect_answer a = {.status = 0};
    if (facts->mistakes.n == 0 ||
        dialect_refuse_mistakes(&a, facts->mistakes, t->call.request_id) != ERR_OK) {
        gate_refuse(t, REFUSAL_BAD_REQUEST, "body", text);
        return;
    }
    reject(t, "body", a.status);
    gate_answer(t, &a);
}

/* The models of the file, in the dialect's shape. */
static void answer_models(struct ticket *t)
{
    const struct catalog *c = t->rules->catalog;
    struct dialect_answer a = {.status = 0};
    size_t n = catalog_count(c);
    const char **names = calloc(n + 1, sizeof(*names));
    for (size_t i = 0; names && i < n; i++) {
        names[i] = catalog_at(c, i)->name;
    }
    enum err e = names ? dialect_models(&a, names, n, loop_wall_ms(t->gate->loop)) : ERR_NOMEM;
    free(names);
    if (e != ERR_OK) {
        gate_give_up(t);
        return;
    }
    (void)buf_printf(&a.headers, "x-tollgate-request-id: %s\r\n", t->call.request_id);
    gate_answer(t, &a);
}

/* The account that calls are made for, by a role where one is taken on; 0: not known. */
static int64_t account_of(const struct ticket *t)
{
    const char *role = t->rules->config->assume_role.arn;
    const struct proxy_hooks *h = t->gate->hooks;
    return role ? catalog_arn_account(str_of(role)) : h->account ? h->account(h->arg) : 0;
}

/* Finds the model that the path or the body names. False: refused. */
static bool find_model(struct ticket *t, struct str named)
{
    struct err_info ei = {.code = ERR_OK};
    char id[2049];
    struct str segment = t->route.model_segment;
    if (segment.n > 0 && !str_percent_decode(id, sizeof(id), segment)) {
        gate_refuse(t, REFUSAL_BAD_REQUEST, "model",
                    "the model ID in the path is too long or badly percent-encoded");
        return false;
    }
    t->call.model_asked = segment.n > 0 ? arena_str(&t->call.arena, str_of(id)) : named;
    struct catalog *c = t->rules->catalog;
    enum err e =
        catalog_is_foreign(c, t->call.model_asked, account_of(t))
            ? err_set(&ei, ERR_FORBIDDEN,
                      "the ARN is of another AWS account than this gateway calls Bedrock for")
            : catalog_resolve(c, t->call.model_asked, &t->call.resolved, &ei);
    if (e != ERR_OK) {
        gate_refuse(t, e == ERR_FORBIDDEN ? REFUSAL_FORBIDDEN : REFUSAL_UNKNOWN_MODEL, "model",
                    ei.text);
    }
    return e == ERR_OK;
}

/* Reads the body and the model it asks for; a model in the path first, because which bounds of a
 * body count depends on it. False: refused. */
static bool understand(struct ticket *t, struct dialect_facts *facts)
{
    struct exchange *x = t->x;
    struct err_info ei = {.code = ERR_OK};
    bool in_path = t->route.model_segment.n > 0;
    t->call.stateful_allowed = t->rules->config->openai_stateful_allow;
    if (in_path && !find_model(t, (struct str){NULL, 0})) {
        return false;
    }
    if (dialect_parse(&t->route, buf_str(&x->body), x->headers, x->header_count, &t->call, facts,
                      &ei) != ERR_OK) {
        refuse_input(t, facts, ei.text);
        return false;
    }
    return in_path || find_model(t, facts->model);
}

void gate_request(struct exchange *x)
{
    struct ticket *t = x->ticket;
    if (!t) {
        return;
    }
    uint8_t hash[32];
    const uint8_t *sha256 = gate_hash_client(t, hash) ? hash : NULL;
    t->ready_us = clock_mono_us();
    struct tags key_tags = {.count = 0};
    struct dialect_facts facts = {.model = {NULL, 0}};
    if (!identify(t, sha256, &key_tags)) {
        return;
    }
    if (t->route.kind == KIND_LOCAL) {
        answer_models(t);
        return;
    }
    if (!understand(t, &facts)) {
        return;
    }
    struct err_info ei = {.code = ERR_OK};
    enum err e = gate_tags(t, &key_tags, &facts.caller_tags, &ei);
    if (e != ERR_OK) {
        gate_refuse(t, e == ERR_FORBIDDEN ? REFUSAL_FORBIDDEN : REFUSAL_BAD_REQUEST, "tags",
                    ei.text);
        return;
    }
    if (gate_admit(t)) {
        gate_forward(t);
    }
}

/* --- ends that the client causes --- */

void gate_gone(struct exchange *x)
{
    struct ticket *t = x->ticket;
    if (!t) {
        return;
    }
    x->ticket = NULL;
    if (gate_read_on(t)) {
        return;
    }
    if (t->admitted) {
        gate_settle(t, OUTCOME_FAILED, "client_gone");
    }
    gate_ticket_end(t);
}

void gate_drained(struct exchange *x)
{
    if (x->ticket && x->ticket->upstream) {
        upstream_resume(x->ticket->upstream);
    }
}

void gate_broken(struct gate *g, struct exchange *x, int status, const char *message)
{
    struct ticket *t = x->ticket ? x->ticket : ticket_new(g, x);
    if (!t) {
        exchange_abort(x);
        return;
    }
    if (!t->route.operation && dialect_route(&t->route, x->method, x->target, NULL) == ERR_OK) {
        t->call.dialect = t->route.dialect;
        t->call.operation = t->route.operation ? t->route.operation : "";
    }
    enum refusal why = status == 413   ? REFUSAL_TOO_LARGE
                       : status == 408 ? REFUSAL_TIMEOUT
                                       : REFUSAL_BAD_REQUEST;
    gate_refuse(t, why, "http", message);
}

/* --- the gate itself --- */

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
