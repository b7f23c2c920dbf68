/* credentials.c: the credentials themselves: counted, immutable, wiped when freed. */
#include "core/aws/credentials.h"

#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* One block holds the struct and its texts, so that one wipe reaches all. */
struct block {
    struct credentials shown;
    atomic_int references;
    size_t size;
    char texts[];
};

_Static_assert(offsetof(struct block, shown) == 0, "a block is found by its credentials");

static const char *put(char **at, struct str s)
{
    char *start = *at;
    if (s.n > 0) {
        memcpy(start, s.p, s.n);
    }
    start[s.n] = '\0';
    *at += s.n + 1;
    return start;
}

struct credentials *credentials_new(struct str access_key_id, struct str secret, struct str token,
                                    int64_t expires_ms, const char *source)
{
    struct str origin = str_of(source);
    size_t size = sizeof(struct block) + access_key_id.n + secret.n + token.n + origin.n + 4;
    struct block *b = calloc(1, size);
    if (b == NULL) {
        return NULL;
    }
    b->size = size;
    atomic_init(&b->references, 1);
    char *at = b->texts;
    b->shown.access_key_id = put(&at, access_key_id);
    b->shown.secret_access_key = put(&at, secret);
    b->shown.session_token = token.n > 0 ? put(&at, token) : NULL;
    b->shown.source = put(&at, origin);
    b->shown.expires_ms = expires_ms;
    return &b->shown;
}

struct credentials *credentials_ref(struct credentials *c)
{
    if (c != NULL) {
        atomic_fetch_add_explicit(&((struct block *)(void *)c)->references, 1,
                                  memory_order_relaxed);
    }
    return c;
}

void credentials_unref(struct credentials *c)
{
    struct block *b = (void *)c;
    if (b != NULL && atomic_fetch_sub_explicit(&b->references, 1, memory_order_acq_rel) == 1) {
        OPENSSL_cleanse(b, b->size);
        free(b);
    }
}
