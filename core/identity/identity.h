/* identity.h: who calls. Room `identity`: issued keys, inbound SigV4 and bearer checks, tags of a
 * caller. Thread-safe; lookups take a read lock for nanoseconds. Secrets are wiped after use. */
#ifndef TOLLGATE_IDENTITY_IDENTITY_H
#define TOLLGATE_IDENTITY_IDENTITY_H

#include "core/base/http1.h"
#include "core/identity/key.h"

struct identity;

/* Reads the 32-byte master key (created 0600 when absent and `create`; refused when others can read
 * it). */
struct identity *identity_new(const char *key_file, const char *region, bool create,
                              struct err_info *ei);
void identity_free(struct identity *id);

/* What is shown once. */
struct key_secrets {
    char secret_access_key[KEY_SECRET_TEXT];
    char bearer_token[KEY_BEARER_TEXT];
};
/* Draws a new key: fills access_key_id, bearer_sha256, created_ms of *k (name, tags, expires_ms are
 * the caller's) and its secrets. Does not install it. */
enum err identity_draw(struct identity *id, struct key_record *k, struct key_secrets *secrets,
                       struct err_info *ei) MUST_CHECK;

/* Installs or replaces a key (from the ledger at start, or just added). Revoked ones are dropped:
 * when this returns no later check finds the key. */
enum err identity_put(struct identity *id, const struct key_record *k) MUST_CHECK;
struct identity_use {
    char access_key_id[KEY_ID_TEXT];
    int64_t at_ms;
};
/* Keys used since the last call of this, for the ledger; at most n. */
size_t identity_last_used(struct identity *id, struct identity_use *out, size_t n);

/* SHA-256 of a request's bearer, so that it is made once. All-zero: not made yet. */
struct identity_digest {
    uint8_t sha256[32];
    bool made;
};

/* One request as it came, before percent-decoding. */
struct identity_request {
    struct str method, target;         /* target as on the wire, with its query */
    const struct http_header *headers; /* over HTTP/2 names are lower case and `host` is absent */
    size_t header_count;
    struct str authority; /* Host or :authority */
    struct str subject;   /* of the client certificate that TLS verified; empty: none */
    bool http2;
    const uint8_t *body_sha256;     /* of the whole body; NULL: not known yet */
    struct identity_digest *digest; /* kept from identity_precheck to identity_check; may be NULL */
    int64_t now_ms;
};

enum identity_kind { IDENTITY_NONE, IDENTITY_SIGV4, IDENTITY_BEARER, IDENTITY_CERTIFICATE };
struct identity_result {
    enum identity_kind kind;
    char access_key_id[KEY_ID_TEXT];
};

/* Finds the credential (Authorization SigV4 or Bearer, x-api-key; without these the certificate,
 * whose subject stands for the key that is bound to it) and checks it whole; fills
 * result, and puts the key's tags over `tags` (values in the arena a). ERR_NOT_FOUND: the request
 * carries no credential. ERR_AUTH: it is wrong (unknown key, bad signature, revoked, expired,
 * scope, unsigned payload, body hash); the text says which, without secrets. ERR_RANGE: it is dated
 * more than 5 minutes from now. With body_sha256 NULL SigV4 can not be checked: ERR_BUSY asks for
 * the body first.
 *
 * Replay: the 5 minutes are the window in which a signed request can be sent again, as with AWS.
 * Signatures are not remembered beyond that, because the same one does not mean the same request:
 * it is a pure function of the bytes and the second, and clients whose requests carry no number of
 * their own (the Anthropic SDK for Bedrock, OpenAI's Bedrock provider, curl) sign two equal calls
 * of one second alike, whether the second is a retry or a neighbour in a batch. Refusing it would
 * refuse honest calls; a replayed one is limited, charged and recorded under its key like any
 * other, and cannot be changed. */
enum err identity_check(struct identity *id, const struct identity_request *r,
                        struct tags *key_tags, struct arena *a, struct identity_result *result,
                        struct err_info *ei) MUST_CHECK;

/* Checks only what the head can tell (a credential is there, known, not expired, date within skew),
 * so that a body of strangers is not read. Same errors. */
enum err identity_precheck(struct identity *id, const struct identity_request *r,
                           struct err_info *ei) MUST_CHECK;

/* Whether a header may be believed: the request is not signed, or its signature covers `name`
 * (lower case). A signed request's other headers may come from anybody on the way. */
bool identity_covers(const struct http_header *headers, size_t count, const char *name);

#endif
