/* identity_private.h: between the files of this room. */
#ifndef TOLLGATE_IDENTITY_IDENTITY_PRIVATE_H
#define TOLLGATE_IDENTITY_IDENTITY_PRIVATE_H

#include "core/base/map.h"
#include "core/identity/identity.h"

#include <pthread.h>
#include <stdatomic.h>

#define MASTER_BYTES    32
#define SIGNING_KEYS    4U /* two services, and two days around midnight */
#define BEARER_MAX_TEXT 512

/* A derived key of one day and service. */
struct signing_key {
    char date[9];
    uint8_t service; /* index into identity's services */
    uint8_t key[32];
};

struct key_entry {
    struct key_record record;
    struct signing_key signing[SIGNING_KEYS]; /* changed under the write lock */
    size_t next_signing;                      /* where the next derived key goes */
    _Atomic int64_t used_ms, told_ms; /* last use; the last one that identity_last_used told */
};

struct identity {
    char region[32];
    uint8_t master[MASTER_BYTES];
    pthread_rwlock_t lock; /* guards what follows */
    struct map by_id;      /* access key ID -> entry, which it owns */
    struct map by_bearer;  /* SHA-256 of the bearer -> entry */
    struct map by_subject; /* subject of a client certificate -> entry */
};

/* Under the lock; NULL: unknown. */
struct key_entry *identity_find(struct identity *id, struct str access_key_id);
/* Is the key good at this time? ERR_AUTH says since when it is not. */
enum err identity_not_expired(const struct key_record *k, int64_t now_ms,
                              struct err_info *ei) MUST_CHECK;

/* secret_access_key of a key, NUL-terminated. */
void key_secret(char out[KEY_SECRET_TEXT], const uint8_t master[MASTER_BYTES],
                const char *access_key_id);

/* Reads the master key, or makes it. */
enum err master_load(uint8_t out[MASTER_BYTES], const char *path, bool create,
                     struct err_info *ei) MUST_CHECK;

/* SigV4 of a request that has an AWS4-HMAC-SHA256 authorization: what the head tells. Fills the
 * access key ID. */
enum err verify_head(struct identity *id, const struct identity_request *r,
                     struct str authorization, char access_key_id[KEY_ID_TEXT],
                     struct err_info *ei) MUST_CHECK;
/* The rest, after verify_head: body hash and signature. */
enum err verify_signature(struct identity *id, const struct identity_request *r,
                          struct str authorization, struct err_info *ei) MUST_CHECK;

#endif
