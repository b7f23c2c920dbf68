/* credentials_provider.c: the chain of places, and when to look again. */
#include "core/aws/credentials_private.h"

#include "core/base/clock.h"
#include "core/base/uuid.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_MS     60000
#define AHEAD_MS      (15 * MINUTE_MS)
#define LOOK_AGAIN_MS MINUTE_MS /* files may change; a failed look ahead of expiry may work */

struct credentials_provider {
    struct credentials *fixed;
    struct aws_http *http;
    atomic_bool aborted;
    pthread_mutex_t looking; /* one lookup at a time; guards look_again_ms */
    int64_t look_again_ms;
    pthread_mutex_t lock; /* guards what follows */
    struct credentials *current;
    char problem[256];
};

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
    if (pthread_mutex_init(&p->looking, NULL) != 0 || pthread_mutex_init(&p->lock, NULL) != 0) {
        aws_http_free(p->http);
        free(p);
        err_set(ei, ERR_NOMEM, "no memory for credentials");
        return NULL;
    }
    p->fixed = credentials_ref(fixed);
    p->current = credentials_ref(fixed);
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
    pthread_mutex_destroy(&p->lock);
    pthread_mutex_destroy(&p->looking);
    free(p);
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

static enum err look(struct credentials_provider *p, struct credentials **out, struct err_info *ei)
{
    enum err e = credentials_from_environment(out, ei);
    if (e == ERR_NOT_FOUND) {
        e = credentials_from_files(out, &p->aborted, ei);
    }
    if (e == ERR_NOT_FOUND && getenv("AWS_WEB_IDENTITY_TOKEN_FILE") != NULL) {
        return err_set(ei, ERR_UNSUPPORTED,
                       "web identity tokens are not read: name in AWS_PROFILE a profile with "
                       "`credential_process = aws configure export-credentials`");
    }
    if (e == ERR_NOT_FOUND) {
        e = credentials_from_instance(p->http, out, ei);
    }
    if (e == ERR_NOT_FOUND) {
        err_set(
            ei, e,
            "no AWS credentials: looked at AWS_ACCESS_KEY_ID, the profile of ~/.aws/credentials "
            "and ~/.aws/config (SSO and MFA: `credential_process = aws configure "
            "export-credentials`), and this instance's role");
    }
    return e;
}

/* AWS's static stability: an instance role whose renewal lags goes on with the keys it has, and
 * asks again after 17 to 25 minutes, so that a fleet does not ask as one. */
static struct credentials *prolong(const struct credentials *c, int64_t now_ms)
{
    uint16_t random;
    uuid_bytes(&random, sizeof(random));
    int64_t until_ms = now_ms + AHEAD_MS + 2 * MINUTE_MS + random % (8 * MINUTE_MS) + AHEAD_MS;
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

/* Locked by `looking`. */
static bool is_due(struct credentials_provider *p, int64_t now_ms)
{
    pthread_mutex_lock(&p->lock);
    struct credentials *c = p->current;
    bool over = c == NULL || is_over(c, now_ms);
    bool aging = c != NULL && (c->expires_ms == 0 || c->expires_ms <= now_ms + AHEAD_MS);
    pthread_mutex_unlock(&p->lock);
    return over || (aging && now_ms >= p->look_again_ms);
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
        e = settle(p, found, e, &said, now_ms);
        p->look_again_ms = now_ms + LOOK_AGAIN_MS;
        if (e != ERR_OK) {
            char problem[256];
            credentials_problem(p, problem);
            err_set(ei, e, "%s", problem);
        }
    }
    pthread_mutex_unlock(&p->looking);
    return e;
}
