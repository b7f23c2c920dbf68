/* credentials_provider.c: the chain of places, and when to look again. */
#include "core/aws/credentials_private.h"

#include "core/base/clock.h"
#include "core/base/uuid.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_MS     1000
#define MINUTE_MS     60000
#define ADVISORY_MS   (15 * MINUTE_MS)
#define MANDATORY_MS  (10 * MINUTE_MS)
#define LOOK_AGAIN_MS MINUTE_MS /* files may change; a failed look ahead of expiry may work */
#define HURRY_MS      (10 * SECOND_MS)
#define PROCESS_MS    (15 * MINUTE_MS) /* a credential_process that names no expiry */

struct credentials_provider {
    struct credentials *fixed;
    struct aws_http *http;
    atomic_bool aborted;
    char sts_endpoint[512], sts_region[64]; /* fixed before the first lookup */
    pthread_mutex_t looking;                /* one lookup at a time; guards the three below */
    int64_t look_again_ms;
    int64_t found_ms; /* when `current` was looked up */
    int64_t jitter_ms;
    pthread_mutex_t lock;  /* guards what follows */
    pthread_cond_t looked; /* on CLOCK_MONOTONIC */
    bool has_looked;
    struct credentials *current;
    char problem[256];
};

static bool init_waiting(struct credentials_provider *p)
{
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) != 0) {
        return false;
    }
    bool ok = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
              pthread_cond_init(&p->looked, &monotonic) == 0;
    pthread_condattr_destroy(&monotonic);
    return ok && pthread_mutex_init(&p->looking, NULL) == 0 &&
           pthread_mutex_init(&p->lock, NULL) == 0;
}

struct credentials_provider *credentials_provider_new(struct credentials *fixed,
                                                      struct err_info *ei)
{
    struct credentials_provider *p = calloc(1, sizeof(*p));
    if (p == NULL) {
        err_set(ei, ERR_NOMEM, "no memory for credentials");
        return NULL;
    }
    p->http = aws_http_new(NULL, ei);
    if (p->http == NULL) {
        free(p);
        return NULL;
    }
    atomic_init(&p->aborted, false);
    str_copy(p->sts_endpoint, sizeof(p->sts_endpoint), STR("https://sts.amazonaws.com"));
    str_copy(p->sts_region, sizeof(p->sts_region), STR("us-east-1"));
    if (!init_waiting(p)) {
        aws_http_free(p->http);
        free(p);
        err_set(ei, ERR_NOMEM, "no memory for credentials");
        return NULL;
    }
    p->fixed = credentials_ref(fixed);
    p->current = credentials_ref(fixed);
    p->has_looked = fixed != NULL;
    if (fixed == NULL) {
        str_copy(p->problem, sizeof(p->problem), STR("AWS credentials were not looked up yet"));
    }
    return p;
}

void credentials_provider_free(struct credentials_provider *p)
{
    if (p == NULL) {
        return;
    }
    credentials_unref(p->current);
    credentials_unref(p->fixed);
    aws_http_free(p->http);
    pthread_cond_destroy(&p->looked);
    pthread_mutex_destroy(&p->lock);
    pthread_mutex_destroy(&p->looking);
    free(p);
}

bool credentials_provider_sts(struct credentials_provider *p, const char *endpoint,
                              const char *region)
{
    return str_copy(p->sts_endpoint, sizeof(p->sts_endpoint), str_of(endpoint)) &&
           str_copy(p->sts_region, sizeof(p->sts_region), str_of(region));
}

static bool is_over(const struct credentials *c, int64_t now_ms)
{
    return c->expires_ms != 0 && c->expires_ms <= now_ms;
}

struct credentials *credentials_get(struct credentials_provider *p)
{
    struct credentials *c = NULL;
    pthread_mutex_lock(&p->lock);
    if (p->current != NULL && !is_over(p->current, clock_wall_ms())) {
        c = credentials_ref(p->current);
    }
    pthread_mutex_unlock(&p->lock);
    return c;
}

void credentials_await(struct credentials_provider *p, int64_t most_ms)
{
    int64_t until_us = clock_mono_us() + most_ms * 1000;
    struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    int late = 0;
    pthread_mutex_lock(&p->lock);
    while (!p->has_looked && late == 0) {
        late = pthread_cond_timedwait(&p->looked, &p->lock, &until);
    }
    pthread_mutex_unlock(&p->lock);
}

void credentials_abort(struct credentials_provider *p)
{
    atomic_store(&p->aborted, true);
    aws_http_abort(p->http);
}

void credentials_problem(struct credentials_provider *p, char out[256])
{
    pthread_mutex_lock(&p->lock);
    bool over = p->current != NULL && is_over(p->current, clock_wall_ms());
    if (over && p->problem[0] == '\0') {
        str_copy(out, 256, STR("the AWS credentials have expired"));
    } else {
        memcpy(out, p->problem, sizeof(p->problem));
    }
    pthread_mutex_unlock(&p->lock);
}

static enum err nothing_found(const struct credentials_look *l, struct err_info *ei)
{
    const char *instance = l->unheard ? "this instance's role (no answer: in a container its hop "
                                        "limit must be 2)"
                                      : "this instance's role";
    return err_set(ei, ERR_NOT_FOUND,
                   "no AWS credentials: looked at AWS_ACCESS_KEY_ID, profile %.40s of the shared "
                   "files, AWS_WEB_IDENTITY_TOKEN_FILE, AWS_CONTAINER_CREDENTIALS_*_URI, %s",
                   l->files->chosen, instance);
}

/* The places after the environment. */
static enum err look_on(struct credentials_look *l, struct credentials **out, struct err_info *ei)
{
    const struct profiles *f = l->files;
    enum err e = credentials_from_role(l, f->chosen, out, ei);
    if (e == ERR_NOT_FOUND) {
        e = credentials_from_token(l, f->chosen, true, out, ei);
    }
    if (e == ERR_NOT_FOUND) {
        e = credentials_from_profile(l, f->chosen, out, ei);
    }
    if (e == ERR_NOT_FOUND && f->named && !profiles_have(f, f->chosen)) {
        return err_set(ei, ERR_AUTH,
                       "AWS_PROFILE names %.60s, which is neither in %.70s nor in %.70s", f->chosen,
                       f->credentials_path, f->config_path);
    }
    if (e == ERR_NOT_FOUND) {
        e = credentials_from_container(l, out, ei);
    }
    if (e == ERR_NOT_FOUND) {
        e = credentials_from_instance(l, out, ei);
    }
    return e == ERR_NOT_FOUND ? nothing_found(l, ei) : e;
}

static enum err look(struct credentials_provider *p, struct credentials **out, struct err_info *ei)
{
    enum err e = credentials_from_environment(out, ei);
    if (e != ERR_NOT_FOUND) {
        return e;
    }
    struct profiles files;
    struct credentials_look l = {.http = p->http,
                                 .aborted = &p->aborted,
                                 .files = &files,
                                 .sts = {p->sts_endpoint, p->sts_region}};
    e = profiles_read(&files, ei);
    if (e == ERR_OK) {
        e = look_on(&l, out, ei);
    }
    profiles_free(&files);
    return e;
}

static int64_t chance(int64_t below_ms)
{
    uint32_t random;
    uuid_bytes(&random, sizeof(random));
    return below_ms > 0 ? (int64_t)(random % (uint64_t)below_ms) : 0;
}

/* AWS's static stability: an instance role whose renewal lags goes on with the keys it has, and
 * asks again after 17 to 25 minutes, so that a fleet does not ask as one. */
static struct credentials *prolong(const struct credentials *c, int64_t now_ms)
{
    int64_t until_ms = now_ms + ADVISORY_MS + 2 * MINUTE_MS + chance(8 * MINUTE_MS) + ADVISORY_MS;
    return credentials_new(str_of(c->access_key_id), str_of(c->secret_access_key),
                           str_of(c->session_token), until_ms, c->source);
}

static bool is_instance(const struct credentials *c)
{
    return c != NULL && str_starts(str_of(c->source), "instance role");
}

/* Takes over what a lookup gave (found may be NULL) and what it said. */
static enum err settle(struct credentials_provider *p, struct credentials *found, enum err e,
                       const struct err_info *said, int64_t now_ms)
{
    pthread_mutex_lock(&p->lock);
    const struct credentials *stale = found != NULL ? found : p->current;
    if (is_instance(stale) && stale->expires_ms != 0 && stale->expires_ms <= now_ms + MINUTE_MS) {
        struct credentials *longer = prolong(stale, now_ms);
        credentials_unref(found);
        found = longer;
    }
    if (found != NULL) {
        credentials_unref(p->current);
        p->current = found;
        e = is_over(found, now_ms) ? ERR_AUTH : ERR_OK;
    } else if (p->current != NULL && !is_over(p->current, now_ms)) {
        e = ERR_OK;
    }
    if (e == ERR_OK) {
        p->problem[0] = '\0';
    } else if (said->text[0] != '\0') {
        memcpy(p->problem, said->text, sizeof(p->problem));
    } else {
        str_copy(p->problem, sizeof(p->problem), STR("the AWS credentials have expired"));
    }
    pthread_mutex_unlock(&p->lock);
    return e;
}

/* How long before its end something that lives so long is renewed. */
static int64_t ahead(int64_t most_ms, int64_t life_ms, int64_t part)
{
    return life_ms / part < most_ms ? life_ms / part : most_ms;
}

/* Locked by `looking`. An instance's live for hours, or were prolonged: the whole windows hold. */
static int64_t life_of(const struct credentials_provider *p, const struct credentials *c)
{
    return is_instance(c) ? 24 * 60 * MINUTE_MS : c->expires_ms - p->found_ms;
}

/* How soon after a look the next is worth while. */
static int64_t patience(const struct credentials *c, int64_t now_ms, int64_t life_ms)
{
    if (c == NULL || is_over(c, now_ms)) {
        return 0;
    }
    if (c->expires_ms == 0) {
        return str_starts(str_of(c->source), "credential_process") ? PROCESS_MS : LOOK_AGAIN_MS;
    }
    bool hurry = c->expires_ms - now_ms <= ahead(MANDATORY_MS, life_ms, 6);
    int64_t most_ms = hurry ? HURRY_MS : LOOK_AGAIN_MS;
    return ahead(most_ms, life_ms, 12);
}

/* Locked by `looking`. */
static bool is_due(struct credentials_provider *p, int64_t now_ms)
{
    pthread_mutex_lock(&p->lock);
    const struct credentials *c = p->current;
    bool due = c == NULL || is_over(c, now_ms);
    if (!due) {
        int64_t life_ms = life_of(p, c);
        int64_t from_ms = c->expires_ms - ahead(ADVISORY_MS, life_ms, 3) - p->jitter_ms;
        bool aging = c->expires_ms == 0 || now_ms >= from_ms;
        due = aging && now_ms >= p->look_again_ms;
    }
    pthread_mutex_unlock(&p->lock);
    return due;
}

/* After a look: when the next one may be, and by how much it comes early. */
static void plan_next(struct credentials_provider *p, bool fresh, int64_t now_ms)
{
    pthread_mutex_lock(&p->lock);
    const struct credentials *c = p->current;
    int64_t life_ms = 0;
    if (c != NULL && fresh) {
        p->found_ms = now_ms;
    }
    if (c != NULL && c->expires_ms != 0) {
        life_ms = life_of(p, c);
        p->jitter_ms = fresh ? chance(ahead(MINUTE_MS, life_ms, 60)) : p->jitter_ms;
    }
    p->look_again_ms = now_ms + patience(c, now_ms, life_ms);
    p->has_looked = true;
    pthread_cond_broadcast(&p->looked);
    pthread_mutex_unlock(&p->lock);
}

enum err credentials_refresh(struct credentials_provider *p, int64_t now_ms, struct err_info *ei)
{
    if (p->fixed != NULL) {
        return ERR_OK;
    }
    enum err e = ERR_OK;
    pthread_mutex_lock(&p->looking);
    if (is_due(p, now_ms)) {
        struct credentials *found = NULL;
        struct err_info said = {0};
        e = look(p, &found, &said);
        bool fresh = found != NULL;
        e = settle(p, found, e, &said, now_ms);
        plan_next(p, fresh, now_ms);
        if (e != ERR_OK) {
            char problem[256];
            credentials_problem(p, problem);
            err_set(ei, e, "%s", problem);
        }
    }
    pthread_mutex_unlock(&p->looking);
    return e;
}
