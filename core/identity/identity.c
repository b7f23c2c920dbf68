/* identity.c: the table of issued keys, and finding the one a request was made with. */
#include "core/aws/sigv4.h"
#include "core/base/clock.h"
#include "core/identity/identity_private.h"

#include <stdlib.h>
#include <string.h>

#define SIGV4_SCHEME "AWS4-HMAC-SHA256"

struct identity *identity_new(const char *key_file, const char *region, bool create,
                              struct err_info *ei)
{
    struct identity *id = calloc(1, sizeof(*id));

    if (id == NULL) {
        err_set(ei, ERR_NOMEM, "no memory for the table of keys");
        return NULL;
    }
    if (!str_copy(id->region, sizeof(id->region), str_of(region))) {
        err_set(ei, ERR_RANGE, "the region's name is too long");
        free(id);
        return NULL;
    }
    if (master_load(id->master, key_file, create, ei) != ERR_OK) {
        explicit_bzero(id, sizeof(*id));
        free(id);
        return NULL;
    }
    CHECK(pthread_rwlock_init(&id->lock, NULL) == 0);
    return id;
}

static void entry_free(void *entry)
{
    explicit_bzero(entry, sizeof(struct key_entry));
    free(entry);
}

void identity_free(struct identity *id)
{
    if (id == NULL) {
        return;
    }
    map_free(&id->by_subject, NULL);
    map_free(&id->by_bearer, NULL);
    map_free(&id->by_id, entry_free);
    pthread_rwlock_destroy(&id->lock);
    explicit_bzero(id, sizeof(*id));
    free(id);
}

static struct str bearer_key(const uint8_t sha256[32])
{
    return (struct str){(const char *)sha256, 32};
}

static bool has_bearer(const struct key_record *k)
{
    static const uint8_t none[32];
    return memcmp(k->bearer_sha256, none, sizeof(none)) != 0;
}

struct key_entry *identity_find(struct identity *id, struct str access_key_id)
{
    return map_get(&id->by_id, access_key_id);
}

static struct key_entry *find_bearer(struct identity *id, const uint8_t sha256[32])
{
    struct key_entry *k = map_get(&id->by_bearer, bearer_key(sha256));
    return k != NULL && str_equal_secret(k->record.bearer_sha256, sha256, 32) ? k : NULL;
}

/* Under the write lock. */
static void drop(struct identity *id, struct str access_key_id)
{
    struct key_entry *k = map_remove(&id->by_id, access_key_id);

    if (k == NULL) {
        return;
    }
    if (map_get(&id->by_bearer, bearer_key(k->record.bearer_sha256)) == k) {
        map_remove(&id->by_bearer, bearer_key(k->record.bearer_sha256));
    }
    if (map_get(&id->by_subject, str_of(k->record.subject)) == k) {
        map_remove(&id->by_subject, str_of(k->record.subject));
    }
    entry_free(k);
}

/* Under the write lock. */
static enum err install(struct identity *id, const struct key_record *record, struct key_entry *k)
{
    struct str name = str_of(record->access_key_id);
    const struct key_entry *same[] = {
        map_get(&id->by_bearer, bearer_key(record->bearer_sha256)),
        map_get(&id->by_subject, str_of(record->subject)),
    };

    for (size_t i = 0; i < 2; i++) {
        if (same[i] != NULL && !str_is(name, same[i]->record.access_key_id)) {
            return ERR_CONFLICT;
        }
    }
    const struct key_entry *old = identity_find(id, name);
    k->record = *record;
    atomic_init(&k->used_ms, old != NULL ? atomic_load(&old->used_ms) : record->last_used_ms);
    atomic_init(&k->told_ms, old != NULL ? atomic_load(&old->told_ms) : record->last_used_ms);
    drop(id, name);
    if (!map_set(&id->by_id, name, k, NULL)) {
        return ERR_NOMEM;
    }
    if (has_bearer(record) &&
        !map_set(&id->by_bearer, bearer_key(record->bearer_sha256), k, NULL)) {
        map_remove(&id->by_id, name);
        return ERR_NOMEM;
    }
    if (record->subject[0] != '\0' && !map_set(&id->by_subject, str_of(record->subject), k, NULL)) {
        map_remove(&id->by_id, name);
        if (has_bearer(record)) {
            map_remove(&id->by_bearer, bearer_key(record->bearer_sha256));
        }
        return ERR_NOMEM;
    }
    return ERR_OK;
}

enum err identity_put(struct identity *id, const struct key_record *record)
{
    size_t n = strnlen(record->access_key_id, KEY_ID_TEXT);
    struct key_entry *k = NULL;
    enum err e = ERR_OK;

    if (n == 0 || n == KEY_ID_TEXT || record->tag_count > TAGS_MAX ||
        strnlen(record->subject, sizeof(record->subject)) > KEY_SUBJECT_MAX) {
        return ERR_RANGE;
    }
    if (record->revoked_ms == 0) {
        k = calloc(1, sizeof(*k));
        if (k == NULL) {
            return ERR_NOMEM;
        }
    }
    pthread_rwlock_wrlock(&id->lock);
    if (k == NULL) {
        drop(id, str_of(record->access_key_id));
    } else {
        e = install(id, record, k);
    }
    pthread_rwlock_unlock(&id->lock);
    if (e != ERR_OK) {
        entry_free(k);
    }
    return e;
}

size_t identity_last_used(struct identity *id, struct identity_use *out, size_t n)
{
    size_t at = 0, count = 0;
    struct str key;
    void *value;

    pthread_rwlock_rdlock(&id->lock);
    while (count < n && map_next(&id->by_id, &at, &key, &value)) {
        struct key_entry *k = value;
        int64_t used = atomic_load_explicit(&k->used_ms, memory_order_relaxed);
        if (used > atomic_exchange_explicit(&k->told_ms, used, memory_order_relaxed)) {
            memcpy(out[count].access_key_id, k->record.access_key_id, KEY_ID_TEXT);
            out[count].at_ms = used;
            count++;
        }
    }
    pthread_rwlock_unlock(&id->lock);
    return count;
}

enum err identity_not_expired(const struct key_record *k, int64_t now_ms, struct err_info *ei)
{
    char on[CLOCK_TEXT];

    if (k->expires_ms == 0 || now_ms < k->expires_ms) {
        return ERR_OK;
    }
    clock_rfc3339(on, k->expires_ms);
    return err_set(ei, ERR_AUTH, "key %s expired on %s", k->access_key_id, on);
}

/* The credential of a request; `text` is the whole Authorization value for SigV4, else the token.
 */
struct credential {
    enum identity_kind kind;
    struct str text;
};

static enum err take_authorization(struct credential *c, struct str value, struct err_info *ei)
{
    struct str rest;
    struct str scheme = str_cut(value, ' ', &rest);

    if (str_is(scheme, SIGV4_SCHEME)) {
        *c = (struct credential){IDENTITY_SIGV4, value};
        return ERR_OK;
    }
    rest = str_trim(rest);
    if (str_is_nocase(scheme, "bearer") && rest.n > 0) {
        *c = (struct credential){IDENTITY_BEARER, rest};
        return ERR_OK;
    }
    return err_set(ei, ERR_AUTH, "Authorization is neither " SIGV4_SCHEME " nor Bearer");
}

/* One credential is taken; a client that sends its key in both headers sends the same in both. */
static enum err find_credential(struct credential *c, const struct identity_request *r,
                                struct err_info *ei)
{
    const struct http_header *authorization = NULL, *api_key = NULL;

    *c = (struct credential){0};
    for (size_t i = 0; i < r->header_count; i++) {
        const struct http_header *h = &r->headers[i];
        bool is_authorization = str_is_nocase(h->name, "authorization");
        if (!is_authorization && !str_is_nocase(h->name, "x-api-key")) {
            continue;
        }
        const struct http_header **seen = is_authorization ? &authorization : &api_key;
        if (*seen != NULL) {
            return err_set(ei, ERR_AUTH, "%s was sent more than once",
                           is_authorization ? "Authorization" : "x-api-key");
        }
        *seen = h;
    }
    if (authorization != NULL) {
        enum err e = take_authorization(c, authorization->value, ei);
        if (e != ERR_OK) {
            return e;
        }
    }
    if (api_key == NULL) {
        if (authorization == NULL && r->subject.n > 0) {
            *c = (struct credential){IDENTITY_CERTIFICATE, r->subject};
            return ERR_OK;
        }
        return authorization != NULL ? ERR_OK : err_set(ei, ERR_NOT_FOUND, "no key was sent");
    }
    if (authorization != NULL && (c->kind != IDENTITY_BEARER || !str_eq(c->text, api_key->value))) {
        return err_set(ei, ERR_AUTH, "Authorization and x-api-key are different credentials");
    }
    *c = (struct credential){IDENTITY_BEARER, api_key->value};
    return ERR_OK;
}

static enum err unknown_bearer(struct err_info *ei)
{
    return err_set(ei, ERR_AUTH, "the bearer key is not known here, or was revoked");
}

static enum err check_bearer(struct identity *id, const struct identity_request *r,
                             struct str token, char access_key_id[KEY_ID_TEXT], struct err_info *ei)
{
    struct identity_digest own = {.made = false};
    struct identity_digest *d = r->digest != NULL ? r->digest : &own;

    if (token.n == 0 || token.n > BEARER_MAX_TEXT) {
        return unknown_bearer(ei);
    }
    if (!d->made) {
        sigv4_sha256(d->sha256, token.p, token.n);
        d->made = true;
    }
    pthread_rwlock_rdlock(&id->lock);
    const struct key_entry *k = find_bearer(id, d->sha256);
    enum err e = ERR_OK;
    if (k == NULL) {
        e = unknown_bearer(ei);
    } else {
        memcpy(access_key_id, k->record.access_key_id, KEY_ID_TEXT);
        e = identity_not_expired(&k->record, r->now_ms, ei);
    }
    pthread_rwlock_unlock(&id->lock);
    return e;
}

static enum err check_certificate(struct identity *id, const struct identity_request *r,
                                  struct str subject, char access_key_id[KEY_ID_TEXT],
                                  struct err_info *ei)
{
    char shown[128];
    enum err e = ERR_NOT_FOUND;

    pthread_rwlock_rdlock(&id->lock);
    const struct key_entry *k = map_get(&id->by_subject, subject);
    if (k != NULL) {
        memcpy(access_key_id, k->record.access_key_id, KEY_ID_TEXT);
        e = identity_not_expired(&k->record, r->now_ms, ei);
    }
    pthread_rwlock_unlock(&id->lock);
    if (e == ERR_NOT_FOUND) {
        str_printable(shown, sizeof(shown), subject);
        e = err_set(
            ei, ERR_AUTH,
            "no key is bound to the client certificate's subject %s (key add --subject), or "
            "it was revoked",
            shown);
    }
    return e;
}

static enum err check_head(struct identity *id, const struct identity_request *r,
                           struct credential *c, char access_key_id[KEY_ID_TEXT],
                           struct err_info *ei)
{
    enum err e = find_credential(c, r, ei);

    if (e != ERR_OK) {
        return e;
    }
    switch (c->kind) {
    case IDENTITY_SIGV4:
        return verify_head(id, r, c->text, access_key_id, ei);
    case IDENTITY_CERTIFICATE:
        return check_certificate(id, r, c->text, access_key_id, ei);
    case IDENTITY_BEARER:
    case IDENTITY_NONE:
        break;
    }
    return check_bearer(id, r, c->text, access_key_id, ei);
}

enum err identity_precheck(struct identity *id, const struct identity_request *r,
                           struct err_info *ei)
{
    char access_key_id[KEY_ID_TEXT];
    struct credential c;

    return check_head(id, r, &c, access_key_id, ei);
}

/* Looks the key up once more, so that one revoked during the check is refused, and takes its tags.
 */
static enum err accept_key(struct identity *id, const char *access_key_id, int64_t now_ms,
                           struct tags *tags, struct arena *a, struct err_info *ei)
{
    enum err e = ERR_OK;

    pthread_rwlock_rdlock(&id->lock);
    struct key_entry *k = identity_find(id, str_of(access_key_id));
    if (k == NULL) {
        pthread_rwlock_unlock(&id->lock);
        return err_set(ei, ERR_AUTH, "key %s was revoked", access_key_id);
    }
    for (size_t i = 0; e == ERR_OK && i < k->record.tag_count; i++) {
        e = tags_set(tags, a, str_of(k->record.tags[i].key), str_of(k->record.tags[i].value));
    }
    if (e == ERR_OK && now_ms > atomic_load_explicit(&k->used_ms, memory_order_relaxed)) {
        atomic_store_explicit(&k->used_ms, now_ms, memory_order_relaxed);
    }
    pthread_rwlock_unlock(&id->lock);
    if (e != ERR_OK) {
        return err_set(ei, e, "the tags of key %s do not fit in a call", access_key_id);
    }
    return ERR_OK;
}

enum err identity_check(struct identity *id, const struct identity_request *r,
                        struct tags *key_tags, struct arena *a, struct identity_result *result,
                        struct err_info *ei)
{
    char access_key_id[KEY_ID_TEXT];
    struct credential c;

    *result = (struct identity_result){0};
    enum err e = check_head(id, r, &c, access_key_id, ei);
    if (e == ERR_OK && c.kind == IDENTITY_SIGV4) {
        if (r->body_sha256 == NULL) {
            return ERR_BUSY;
        }
        e = verify_signature(id, r, c.text, ei);
    }
    if (e == ERR_OK) {
        e = accept_key(id, access_key_id, r->now_ms, key_tags, a, ei);
    }
    if (e == ERR_OK) {
        result->kind = c.kind;
        memcpy(result->access_key_id, access_key_id, KEY_ID_TEXT);
    }
    return e;
}
