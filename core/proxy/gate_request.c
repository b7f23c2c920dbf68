#include "core/proxy/gate_private.h"

static void refuse_body(struct ticket *t)
{
    gate_refuse(t, REFUSAL_OVERLOADED, "overloaded",
                "the gateway holds as many bytes of requests as it may; try again");
}

void gate_head(struct gate *g, struct exchange *x)
{
    struct ticket *t = gate_ticket_new(g, x);
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
    } else if (t->route.kind == KIND_LOCAL && gate_local_serves(t)) {
        gate_local_answer(t);
    } else if ((t->route.kind == KIND_LOCAL && t->route.local != LOCAL_MODELS) ||
               t->route.kind == KIND_NOT_SERVED) {
        gate_refuse(t, REFUSAL_NOT_SERVED, "not_served",
                    t->route.not_served[0] ? t->route.not_served
                                           : "nothing is served at this path");
    } else if (gate_identity_precheck(t)) {
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
    if (more > 0 && !gate_ticket_hold_body(t, more)) {
        refuse_body(t);
    } else {
        gate_hash_more(t);
    }
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
        gate_refuse_input(t, facts, ei.text);
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
    if (!gate_identity_check(t, sha256, &key_tags)) {
        return;
    }
    if (t->route.kind == KIND_LOCAL) {
        gate_local_models(t);
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
    struct ticket *t = x->ticket ? x->ticket : gate_ticket_new(g, x);
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
