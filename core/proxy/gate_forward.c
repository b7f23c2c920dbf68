/* gate_forward.c: an admitted call is put to AWS: which host, path, headers and body, and signed.
 */
#include "core/proxy/gate_private.h"

#include <string.h>

#include "core/aws/sha256_pair.h"

#define SIGNED_MAX   32
#define HEAD_FIRST   1000       /* most signed heads fit */
#define PAIRED_LEAST (8 * 1024) /* bytes of a body that is hashed beside another */

/* What of the client's headers goes on. Keys and tollgate's own never do. */
static bool forwarded_header(struct str name)
{
    static const char prefix[] = "x-amzn-bedrock-";
    return str_is_nocase(name, "content-type") || str_is_nocase(name, "accept") ||
           str_is_nocase(name, "anthropic-version") || str_is_nocase(name, "anthropic-beta") ||
           (name.n > sizeof(prefix) - 1 &&
            str_is_nocase(str_sub(name, 0, sizeof(prefix) - 1), prefix));
}

struct signed_headers {
    struct http_header at[SIGNED_MAX];
    size_t count;
};

static bool replaced(const struct signed_headers *s, struct str name)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->at[i].name.n == name.n && strncasecmp(s->at[i].name.p, name.p, name.n) == 0) {
            return true;
        }
    }
    return false;
}

/* The dialect's lines "name: value\r\n" as headers; they stand before the client's. */
static void take_lines(struct signed_headers *s, struct str lines)
{
    while (lines.n > 0 && s->count < SIGNED_MAX) {
        struct str value, line = str_cut(lines, '\n', &lines);
        struct str name = str_cut(line, ':', &value);
        if (value.p && value.n > 0 && value.p[value.n - 1] == '\r') {
            value.n--;
        }
        s->at[s->count++] = (struct http_header){name, str_trim(value)};
    }
}

static void take_clients(struct signed_headers *s, const struct exchange *x)
{
    for (size_t i = 0; i < x->header_count && s->count < SIGNED_MAX; i++) {
        if (forwarded_header(x->headers[i].name) && !replaced(s, x->headers[i].name)) {
            s->at[s->count++] = x->headers[i];
        }
    }
}

static enum err sign(struct ticket *t, struct gate_host *host, const struct dialect_upstream *u,
                     const struct signed_headers *s, const char *sha256_hex, struct err_info *ei)
{
    struct gate *g = t->gate;
    struct credentials *c = t->keys ? credentials_ref(t->keys) : credentials_get(g->credentials);
    if (!c) {
        char problem[256];
        credentials_problem(g->credentials, problem);
        return err_set(ei, ERR_AUTH, "the gateway has no AWS credentials: %s", problem);
    }
    struct str query, path = str_cut(buf_str(&u->path), '?', &query);
    struct sigv4_request r = {.method = STR("POST"),
                              .path = path,
                              .query = query,
                              .headers = s->at,
                              .header_count = s->count,
                              .body_sha256_hex = sha256_hex};
    struct sigv4_signer *signer = t->keys ? gate_role_signer(host, c) : &host->signer;
    enum err e = sigv4_sign(signer, c, &r, loop_wall_ms(g->loop), &t->head, ei);
    credentials_unref(c);
    return e;
}

/* The request head, signed. ERR_AUTH: no credentials. */
static enum err build_head(struct ticket *t, struct gate_host *host,
                           const struct dialect_upstream *u, const struct str body[3],
                           const char *sha256_hex, struct err_info *ei)
{
    struct buf *h = &t->head;
    struct signed_headers s = {.count = 1};
    const char *authority = endpoint_authority(host->endpoint);
    s.at[0] = (struct http_header){STR("host"), str_of(authority)};
    take_lines(&s, buf_str(&u->headers));
    take_clients(&s, t->x);
    (void)buf_reserve(h, HEAD_FIRST);
    (void)buf_add(h, "POST ");
    (void)buf_add_str(h, buf_str(&u->path));
    (void)buf_add(h, " HTTP/1.1\r\nHost: ");
    (void)buf_add(h, authority);
    (void)buf_add(h, "\r\nAccept-Encoding: identity\r\nContent-Length: ");
    (void)buf_add_int(h, (int64_t)(body[0].n + body[1].n + body[2].n));
    (void)buf_add(h, "\r\n");
    for (size_t i = 1; i < s.count; i++) {
        (void)buf_add_str(h, s.at[i].name);
        (void)buf_add(h, ": ");
        (void)buf_add_str(h, s.at[i].value);
        (void)buf_add(h, "\r\n");
    }
    enum err e = sign(t, host, u, &s, sha256_hex, ei);
    (void)buf_add(h, "\r\n");
    if (e == ERR_OK && h->failed) {
        e = err_set(ei, ERR_NOMEM, "the request head is too long to be sent upstream");
    }
    return e;
}

/* The project of the call's cost center, where it goes to bedrock-mantle; or NULL. */
static const char *project_of(const struct ticket *t)
{
    const struct config *c = t->rules->config;
    if (!gate_has_projects(t)) {
        return NULL;
    }
    struct str cost_center = tags_get(&t->call.tags, "costCenter");
    for (size_t i = 0; i < c->model_count; i++) {
        const struct config_model *m = &c->models[i];
        struct resolved r;
        if (m->projects.count == 0 ||
            catalog_resolve(t->rules->catalog, str_of(m->name), &r, NULL) != ERR_OK ||
            r.model != t->call.resolved.model) {
            continue;
        }
        for (size_t k = 0; k < m->projects.count; k++) {
            if (str_is(cost_center, m->projects.at[k].key)) {
                return m->projects.at[k].value;
            }
        }
    }
    return NULL;
}

/* Puts the call into AWS's words. */
static enum err put_into_words(struct ticket *t, struct gate_outgoing *out, struct err_info *ei)
{
    const struct exchange *x = t->x;
    struct dialect_upstream_options o = {.upstream_id = t->upstream_id,
                                         .project = project_of(t),
                                         .attribution = &t->call.tags,
                                         .via_mantle = t->rules->config->openai_via_mantle,
                                         .clamp_output = t->clamped_output,
                                         .headers = x->headers,
                                         .header_count = x->header_count};
    struct str body = buf_str(&x->body);
    *out = (struct gate_outgoing){.ticket = t};
    enum err e = dialect_upstream(&out->words, &t->route, &t->call, body, &o, ei);
    if (e == ERR_OK) {
        dialect_upstream_parts(&out->words, body, out->parts + 1);
        t->body = out->words.body;
        out->words.body = (struct buf){.data = NULL};
    }
    return e;
}

static void fail(struct ticket *t, enum err e, const struct err_info *ei)
{
    t->call.http_status = 503;
    gate_settle(t, OUTCOME_FAILED, e == ERR_AUTH ? "credentials" : "overloaded");
    gate_refuse(t, REFUSAL_OVERLOADED, "overloaded", ei->text);
}

/* Signs and sends a call whose body has this hash. */
static void send_signed(struct gate_outgoing *out, const uint8_t sha256[32])
{
    struct ticket *t = out->ticket;
    struct gate *g = t->gate;
    struct gate_host *host = out->words.via_mantle ? &g->mantle : &g->runtime;
    struct err_info ei = {.code = ERR_OK};
    char hex[SIGV4_HEX];
    str_hex(hex, sha256, 32);
    enum err e = build_head(t, host, &out->words, out->parts + 1, hex, &ei);
    if (e == ERR_OK) {
        t->meter = meter_new(&t->route, &t->call);
        e = t->meter ? ERR_OK : err_set(&ei, ERR_NOMEM, "the gateway is out of memory");
    }
    if (e == ERR_OK) {
        meter_upstream(t->meter, &out->words);
        out->parts[0] = buf_str(&t->head);
        t->upstream = upstream_send(host->pool, out->parts, &gate_answer_handlers, t);
        e = t->upstream ? ERR_OK
                        : err_set(&ei, ERR_BUSY, "too many calls wait for an upstream connection");
    }
    dialect_upstream_free(&out->words);
    if (e != ERR_OK) {
        fail(t, e, &ei);
        return;
    }
    atomic_fetch_add_explicit(&g->overhead_us_sum, clock_mono_us() - t->ready_us,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&g->overhead_count, 1, memory_order_relaxed);
}

static void send_alone(struct gate_outgoing *out)
{
    uint8_t sha256[32];
    gate_hash_upstream(out->ticket, out->parts + 1, sha256);
    send_signed(out, sha256);
}

/* --- two at once --- */

/* Long enough for that to pay, and none of it hashed yet. */
static bool wants_company(const struct gate_outgoing *out)
{
    size_t n = out->parts[1].n + out->parts[2].n + out->parts[3].n;
    return n >= PAIRED_LEAST && !out->ticket->hash.context && sha256_pair_able();
}

/* Whoever waits for another takes it with him; else he waits until the end of this turn. */
static void send_together(struct gate *g, struct gate_outgoing *out)
{
    struct gate_outgoing other = g->half;
    if (!other.ticket) {
        g->half = *out;
        loop_arm(g->loop, &g->half_timer, 0);
        return;
    }
    const struct sha256_text text[2] = {{other.parts + 1, 3}, {out->parts + 1, 3}};
    uint8_t sha256[2][32];
    g->half.ticket = NULL;
    loop_disarm(g->loop, &g->half_timer);
    sha256_pair(text, sha256);
    send_signed(&other, sha256[0]);
    send_signed(out, sha256[1]);
}

static void on_turn_end(struct loop_timer *timer)
{
    struct gate *g = (struct gate *)(void *)((char *)timer - offsetof(struct gate, half_timer));
    struct gate_outgoing alone = g->half;
    g->half.ticket = NULL;
    send_alone(&alone);
}

void gate_forward_init(struct gate *g)
{
    g->half_timer.on_time = on_turn_end;
}

void gate_forward_leave(struct ticket *t)
{
    struct gate *g = t->gate;
    if (g->half.ticket == t) {
        g->half.ticket = NULL;
        loop_disarm(g->loop, &g->half_timer);
        dialect_upstream_free(&g->half.words);
    }
}

void gate_forward(struct ticket *t)
{
    struct err_info ei = {.code = ERR_OK};
    struct gate_outgoing out;
    if (!gate_role_ready(t)) {
        return;
    }
    enum err e = put_into_words(t, &out, &ei);
    if (e != ERR_OK) {
        fail(t, e, &ei);
    } else if (wants_company(&out)) {
        send_together(t->gate, &out);
    } else {
        send_alone(&out);
    }
}
