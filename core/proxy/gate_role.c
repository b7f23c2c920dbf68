/* gate_role.c: assume_role: a call goes upstream with credentials of a role that carry its tags, so
 * that AWS attributes it. The room aws keeps them (roles.h) and asks STS in threads of its own; a
 * call whose set is not there yet is parked until they are, but no longer than a connection
 * upstream may take.
 *
 * What is told comes from such a thread; it goes into a list under a lock and is taken up in the
 * worker's own thread. A ticket that ends before leaves the list. */
#include "core/proxy/gate_private.h"

#include "core/base/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct role_wait {
    struct roles_waiter waiter; /* first: it is what is told */
    struct loop_timer timer;
    struct gate *gate;
    struct ticket *ticket;
    struct role_wait *next_told;
};

_Static_assert(offsetof(struct role_wait, waiter) == 0, "a wait is found by its waiter");

/* --- who the call is, in STS's characters --- */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_+=,.@-", c) != NULL);
}

/* 2 to 64 of [\w+=,.@-]. */
static void session_name(char out[STS_SESSION_NAME_MAX + 1], struct str application)
{
    if (application.n == 0) {
        application = STR("tollgate");
    }
    (void)str_copy(out, STS_SESSION_NAME_MAX + 1, application);
    for (char *c = out; *c != '\0'; c++) {
        *c = (char)(is_word(*c) ? *c : '-');
    }
    if (out[1] == '\0') {
        (void)snprintf(out, STS_SESSION_NAME_MAX + 1, "app-%c", application.p[0]);
    }
}

/* Up to 256 of letters, digits, blanks and _.:/=+-@; tags hold nothing else, but who knows. */
static void tag_value(char out[STS_TAG_VALUE_MAX + 1], struct str value)
{
    (void)str_copy(out, STS_TAG_VALUE_MAX + 1, value);
    for (char *c = out; *c != '\0'; c++) {
        bool fits = (is_word(*c) && *c != ',') || *c == ' ' || *c == ':' || *c == '/';
        *c = (char)(fits ? *c : '_');
    }
}

struct wish {
    struct roles_set set;
    char name[STS_SESSION_NAME_MAX + 1];
    struct sts_tag tags[CONFIG_TAG_KEYS_MAX];
    char values[CONFIG_TAG_KEYS_MAX][STS_TAG_VALUE_MAX + 1];
};

/* STS tells keys apart without regard to case. */
static bool has_key(const struct wish *w, const char *key)
{
    for (size_t i = 0; i < w->set.tag_count; i++) {
        if (strcasecmp(w->tags[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}

static void make_wish(struct wish *w, const struct ticket *t)
{
    const struct config_role *role = &t->rules->config->assume_role;
    w->set = (struct roles_set){.arn = role->arn, .session_name = w->name, .tags = w->tags};
    session_name(w->name, tags_get(&t->call.tags, "applicationId"));
    for (size_t i = 0; i < role->session_tags.count && i < CONFIG_TAG_KEYS_MAX; i++) {
        const char *key = role->session_tags.at[i];
        struct str value = tags_get(&t->call.tags, key);
        if (value.n > 0 && !has_key(w, key)) {
            size_t k = w->set.tag_count++;
            tag_value(w->values[k], value);
            w->tags[k] = (struct sts_tag){key, w->values[k]};
        }
    }
}

/* --- ends --- */

static void refuse(struct ticket *t, enum err e, const char *text)
{
    char message[320];
    bool theirs = e == ERR_FORBIDDEN || e == ERR_RANGE || e == ERR_PARSE;
    t->call.http_status = theirs ? 502 : 503;
    gate_settle(t, OUTCOME_FAILED, "assume_role");
    (void)snprintf(message, sizeof(message), "assume_role: %s", text);
    gate_refuse(t, theirs ? REFUSAL_UPSTREAM : REFUSAL_OVERLOADED, "assume_role", message);
}

static void wait_free(struct role_wait *p)
{
    loop_disarm(p->gate->loop, &p->timer);
    p->ticket->role_wait = NULL;
    free(p);
}

/* --- told --- */

static void take_up(struct role_wait *p)
{
    struct ticket *t = p->ticket;
    enum err e = p->waiter.result;
    char problem[sizeof(p->waiter.problem)];
    memcpy(problem, p->waiter.problem, sizeof(problem));
    t->keys = p->waiter.keys;
    t->ready_us = clock_mono_us(); /* what it waited is no overhead */
    wait_free(p);
    if (e == ERR_OK) {
        gate_forward(t);
    } else {
        refuse(t, e, problem);
    }
}

static struct role_wait *next_told(struct gate_roles *r)
{
    pthread_mutex_lock(&r->lock);
    struct role_wait *p = r->told;
    if (p) {
        r->told = p->next_told;
    } else {
        r->posted = false;
    }
    pthread_mutex_unlock(&r->lock);
    return p;
}

static void collect(void *arg)
{
    struct gate *g = arg;
    for (struct role_wait *p = next_told(&g->roles); p; p = next_told(&g->roles)) {
        take_up(p);
    }
}

/* In a thread of roles. */
static void on_told(struct roles_waiter *w)
{
    struct role_wait *p = (struct role_wait *)(void *)w;
    struct gate_roles *r = &p->gate->roles;
    pthread_mutex_lock(&r->lock);
    p->next_told = r->told;
    r->told = p;
    if (!r->posted) {
        r->posted = loop_post(p->gate->loop, collect, p->gate); /* if not: its timer finds it */
    }
    pthread_mutex_unlock(&r->lock);
}

static void on_time(struct loop_timer *timer)
{
    struct role_wait *p =
        (struct role_wait *)(void *)((char *)timer - offsetof(struct role_wait, timer));
    struct ticket *t = p->ticket;
    char text[160];
    if (!roles_cancel(p->gate->roles.all, &p->waiter)) {
        collect(p->gate); /* told in this moment */
        return;
    }
    wait_free(p);
    (void)snprintf(text, sizeof(text),
                   "sts:AssumeRole took longer than upstream.connect_timeout "
                   "(%lld ms)",
                   (long long)t->rules->config->upstream.connect_timeout_ms);
    refuse(t, ERR_TIMEOUT, text);
}

void gate_role_leave(struct ticket *t)
{
    struct role_wait *p = t->role_wait;
    if (p && !roles_cancel(p->gate->roles.all, &p->waiter)) {
        struct gate_roles *r = &p->gate->roles;
        pthread_mutex_lock(&r->lock);
        struct role_wait **at = &r->told;
        while (*at && *at != p) {
            at = &(*at)->next_told;
        }
        if (*at) {
            *at = p->next_told;
        }
        pthread_mutex_unlock(&r->lock);
        credentials_unref(p->waiter.keys);
    }
    if (p) {
        wait_free(p);
    }
    credentials_unref(t->keys);
    t->keys = NULL;
}

/* --- asked --- */

static struct role_wait *wait_new(struct ticket *t)
{
    struct role_wait *p = calloc(1, sizeof(*p));
    if (!p) {
        return NULL;
    }
    p->waiter.told = on_told;
    p->timer.on_time = on_time;
    p->gate = t->gate;
    p->ticket = t;
    return p;
}

bool gate_role_ready(struct ticket *t)
{
    struct gate *g = t->gate;
    struct err_info ei = {.code = ERR_OK};
    struct wish wish;
    if (!t->rules->config->assume_role.arn || t->keys) {
        return true;
    }
    make_wish(&wish, t);
    struct role_wait *p = wait_new(t);
    enum err e = p ? roles_get(g->roles.all, &wish.set, &p->waiter, &t->keys, &ei)
                   : err_set(&ei, ERR_NOMEM, "the gateway is out of memory");
    if (e == ERR_BUSY) {
        t->role_wait = p;
        loop_arm(g->loop, &p->timer, t->rules->config->upstream.connect_timeout_ms * 1000);
        return false;
    }
    free(p);
    if (e != ERR_OK) {
        refuse(t, e, ei.text);
    }
    return e == ERR_OK;
}

/* --- sent and refused --- */

bool gate_role_refused(struct ticket *t, const struct http_head *head)
{
    static const char *const names[] = {"ExpiredTokenException", "ExpiredToken",
                                        "UnrecognizedClientException", "InvalidClientTokenId"};
    struct str rest, type = str_cut(http_value(head, "x-amzn-errortype"), ':', &rest);
    bool theirs = false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        theirs = theirs || str_is(type, names[i]);
    }
    if (!t->keys || t->role_retried || head->status < 400 || head->status > 403 || !theirs) {
        return false;
    }
    t->role_retried = true;
    roles_forget(t->gate->roles.all, t->keys);
    credentials_unref(t->keys);
    t->keys = NULL;
    upstream_cancel(t->upstream);
    t->upstream = NULL;
    meter_free(t->meter);
    t->meter = NULL;
    buf_clear(&t->head);
    buf_free(&t->body);
    gate_forward(t);
    return true;
}

/* --- signing keys --- */

struct sigv4_signer *gate_role_signer(struct gate_host *host, const struct credentials *keys)
{
    if (!host->role_signers) {
        host->role_signers = calloc(GATE_ROLE_SIGNERS, sizeof(*host->role_signers));
    }
    if (!host->role_signers) {
        return &host->signer; /* makes the day's key anew each time */
    }
    const char *id = keys->access_key_id;
    struct sigv4_signer *s = &host->role_signers[map_hash(id, strlen(id)) % GATE_ROLE_SIGNERS];
    if (s->service[0] == '\0') {
        sigv4_signer_init(s, host->signer.region, host->signer.service);
    }
    return s;
}

void gate_role_signers_free(struct gate_host *host)
{
    for (size_t i = 0; host->role_signers && i < GATE_ROLE_SIGNERS; i++) {
        sigv4_signer_free(&host->role_signers[i]);
    }
    free(host->role_signers);
    host->role_signers = NULL;
}

void gate_roles_init(struct gate_roles *r, struct roles *all)
{
    pthread_mutex_init(&r->lock, NULL);
    r->all = all;
}

void gate_roles_free(struct gate_roles *r)
{
    pthread_mutex_destroy(&r->lock);
}
