/* gate_rig.h: a gate with real limits, ledger, identity and catalog, a front made of the test's own
 * hands, and a scripted upstream. Included by one test program each. */
#ifndef TOLLGATE_TESTS_GATE_RIG_H
#define TOLLGATE_TESTS_GATE_RIG_H

#include "tests/unit/proxy/upstream_rig.h"

#include "core/proxy/gate_private.h"

#include <ftw.h>
#include <sys/stat.h>

#define HAIKU "us.anthropic.claude-3-5-haiku-20241022-v1:0"

/* --- the front --- */

struct fake {
    struct exchange x;
    int status;
    struct buf lines, body;
    int64_t content_length;
    bool ended, aborted;
};

static struct loop *fake_loop;

static void fake_respond(struct exchange *x, int status, struct str lines, int64_t content_length)
{
    struct fake *f = (struct fake *)x;
    f->status = status;
    f->content_length = content_length;
    (void)buf_add_str(&f->lines, lines);
    loop_stop(fake_loop);
}

static void fake_send(struct exchange *x, const char *data, size_t n)
{
    struct fake *f = (struct fake *)x;
    (void)buf_append(&f->body, data, n);
    x->pending += n;
    loop_stop(fake_loop);
}

static void fake_end(struct exchange *x)
{
    struct fake *f = (struct fake *)x;
    assert_false(f->ended);
    assert_true(f->content_length < 0 || (int64_t)f->body.len == f->content_length);
    f->ended = x->ended = true;
    exchange_release_request(x);
    loop_stop(fake_loop);
}

static void fake_abort(struct exchange *x)
{
    ((struct fake *)x)->aborted = true;
    x->responded = true;
    ((struct fake *)x)->content_length = -1;
    fake_end(x);
}

static const struct exchange_ops fake_ops = {fake_respond, fake_send, fake_end, fake_abort};

/* --- the gate --- */

struct gate_rig {
    struct rig wire; /* its loop, server and deadline are used */
    char dir[64];
    struct config *config;
    struct catalog *catalog;
    struct limits *limits;
    struct ledger *ledger;
    struct identity *identity;
    struct credentials_provider *credentials;
    struct gate_bodies bodies;
    struct rules *rules;
    struct gate *gate;
    bool store_started;
    size_t journal_bytes;
    const char *models; /* further ones: ", {name: ..}" */
};

static bool always_ready(void *arg, struct buf *reasons)
{
    (void)arg, (void)reasons;
    return true;
}

static void no_metrics(void *arg, struct buf *out)
{
    (void)arg;
    (void)buf_add(out, "metrics 1\n");
}

static const struct proxy_hooks fake_hooks = {.ready = always_ready, .metrics = no_metrics};

static struct config *config_of(const char *text)
{
    struct config_mistakes mistakes = {0};
    struct config *c = config_parse("test.yaml", str_of(text), &mistakes);
    for (size_t i = 0; i < mistakes.count; i++) {
        if (!mistakes.at[i].warning) {
            print_error("%d: %s: %s\n", mistakes.at[i].line, mistakes.at[i].key,
                        mistakes.at[i].text);
        }
    }
    config_mistakes_free(&mistakes);
    assert_non_null(c);
    return c;
}

/* more: YAML behind what every test needs. script NULL: nobody listens. */
static void gate_rig_open(struct gate_rig *r, void (*script)(struct peer *p), const char *more)
{
    struct err_info ei = {0};
    char text[4096];
    (void)snprintf(r->dir, sizeof(r->dir), "/tmp/tollgate-gate-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    scripted_start(&r->wire.server, script);
    if (!script) {
        scripted_shut(&r->wire.server);
    }
    (void)snprintf(text, sizeof(text),
                   "region: us-east-1\nstate_dir: %s\nidentity: optional\n"
                   "endpoints: {bedrock-runtime: \"http://127.0.0.1:%d\"}\n"
                   "models: [{name: haiku, id: \"" HAIKU "\"}%s]\nestimate: bytes\n%s",
                   r->dir, r->wire.server.port, r->models ? r->models : "", more);
    struct ledger_options ledger = {
        .state_dir = r->dir, .workers = 1, .journal_bytes = r->journal_bytes};
    struct credentials *keys = credentials_new(STR("AKIDTEST"), STR("secret"), STR(""), 0, "test");
    r->config = config_of(text);
    r->catalog = catalog_new(r->config, &ei);
    r->limits = r->catalog ? limits_new(r->config, r->catalog, &ei) : NULL;
    r->ledger = r->limits ? ledger_open(&ledger, &ei) : NULL;
    r->identity = r->ledger ? identity_new(r->config->key_file, "us-east-1", true, &ei) : NULL;
    r->credentials = r->identity ? credentials_provider_new(keys, &ei) : NULL;
    if (!r->credentials) {
        fail_msg("%s", ei.text);
    }
    credentials_unref(keys);
    assert_int_equal(credentials_refresh(r->credentials, clock_wall_ms(), &ei), ERR_OK);
    r->bodies.max = r->bodies.max ? r->bodies.max : 1 << 30;
    r->bodies.waiting_max = r->bodies.waiting_max ? r->bodies.waiting_max : 1 << 20;
    r->rules = rules_new(r->config, r->catalog);
    r->wire.deadline.on_time = on_deadline;
    r->wire.loop = fake_loop = loop_new(&ei);
    r->wire.endpoint = endpoint_new(r->config->endpoints[SERVICE_BEDROCK_RUNTIME], NULL, &ei);
    struct gate_options o = {.loop = r->wire.loop,
                             .rules = r->rules,
                             .limits = r->limits,
                             .ledger = r->ledger,
                             .identity = r->identity,
                             .credentials = r->credentials,
                             .runtime = r->wire.endpoint,
                             .mantle = r->wire.endpoint,
                             .upstream_share = r->wire.share ? r->wire.share : 4,
                             .bodies = &r->bodies,
                             .hooks = &fake_hooks};
    r->gate = gate_new(&o, &ei);
    assert_non_null(r->gate);
    current = &r->wire;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static void gate_rig_close(struct gate_rig *r)
{
    assert_null(r->gate->open);
    assert_int_equal(r->bodies.held, 0);
    assert_int_equal(r->bodies.waiting, 0);
    gate_free(r->gate);
    endpoint_free(r->wire.endpoint);
    loop_free(r->wire.loop);
    scripted_stop(&r->wire.server);
    ledger_close(r->ledger);
    limits_free(r->limits);
    rules_unref(r->rules);
    catalog_free(r->catalog);
    identity_free(r->identity);
    credentials_provider_free(r->credentials);
    config_unref(r->config);
    assert_int_equal(nftw(r->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* --- requests --- */

/* A head with the header lines given as name, value, ..., NULL. */
UNUSED_FUNCTION static void give_head(struct gate_rig *r, struct fake *f, const char *method,
                                      const char *target, int64_t content_length,
                                      const char *const *headers)
{
    size_t n = 0;
    while (headers && headers[2 * n]) {
        n++;
    }
    f->x = (struct exchange){.ops = &fake_ops, .gate = r->gate, .loopback_peer = true};
    f->x.method = str_of(method);
    f->x.target = str_of(target);
    f->x.authority = STR("localhost:8088");
    f->x.content_length = content_length;
    f->x.header_count = n;
    f->x.headers = calloc(n + 1, sizeof(*f->x.headers));
    assert_non_null(f->x.headers);
    for (size_t i = 0; i < n; i++) {
        f->x.headers[i] = (struct http_header){str_of(headers[2 * i]), str_of(headers[2 * i + 1])};
        if (strcmp(headers[2 * i], "host") == 0) {
            f->x.authority = str_of(headers[2 * i + 1]);
        }
    }
    buf_init(&f->x.body, 25 * 1024 * 1024);
    gate_head(r->gate, &f->x);
}

UNUSED_FUNCTION static void give_body(struct fake *f, const char *data, size_t n)
{
    if (!f->ended && n > 0) {
        assert_true(buf_append(&f->x.body, data, n));
        gate_body(&f->x, n);
    }
}

UNUSED_FUNCTION static void request(struct gate_rig *r, struct fake *f, const char *target,
                                    const char *body, const char *const *headers)
{
    give_head(r, f, "POST", target, (int64_t)strlen(body), headers);
    give_body(f, body, strlen(body));
    if (!f->ended) {
        gate_request(&f->x);
    }
}

#define CONVERSE_BODY                                                                              \
    "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hello there\"}]}],"                \
    "\"inferenceConfig\":{\"maxTokens\":100}}"

UNUSED_FUNCTION static void converse(struct gate_rig *r, struct fake *f)
{
    request(r, f, "/model/haiku/converse", CONVERSE_BODY, NULL);
}

UNUSED_FUNCTION static void fake_free(struct fake *f)
{
    exchange_release_request(&f->x);
    buf_free(&f->lines);
    buf_free(&f->body);
}

UNUSED_FUNCTION static bool has_line(struct fake *f, const char *line)
{
    return strstr(buf_cstr(&f->lines), line) != NULL;
}

/* --- what was counted --- */

UNUSED_FUNCTION static int64_t used(struct gate_rig *r, size_t limit, int64_t *reserved)
{
    struct limits_view v;
    assert_int_equal(limits_view(r->limits, clock_wall_ms(), &v), ERR_OK);
    assert_true(v.reserved_matches && limit < v.count);
    int64_t n = v.limits[limit].used;
    *reserved = v.limits[limit].reserved;
    limits_view_free(&v);
    return n;
}

struct entries {
    size_t count;
    struct audit_entry last; /* its strings are gone */
    char error[64], limit[64];
};

static bool on_entry(void *arg, const struct audit_entry *e)
{
    struct entries *all = arg;
    all->count++;
    all->last = *e;
    (void)str_copy(all->error, sizeof(all->error), e->error);
    (void)str_copy(all->limit, sizeof(all->limit), e->limit);
    return true;
}

/* All calls in the ledger, in order. */
UNUSED_FUNCTION static struct entries ledger_of(struct gate_rig *r)
{
    struct entries all = {0};
    struct audit_query q = {.calls = true};
    if (!r->store_started) {
        assert_int_equal(ledger_start(r->ledger, NULL), ERR_OK);
        r->store_started = true;
    }
    assert_int_equal(ledger_flush(r->ledger, 5000), ERR_OK);
    assert_int_equal(ledger_audit(r->ledger, &q, on_entry, &all, NULL), ERR_OK);
    return all;
}

#endif
