/* sigv4_digest.c: SHA-256 and HMAC-SHA256 with what is dear to make kept: the fetched algorithms
 * for the process, the contexts for the thread. */
#include "core/aws/sigv4_private.h"

#include "core/base/err.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define KEPT 8

struct keyed {
    uint8_t key[32];
    EVP_MAC_CTX *hmac; /* NULL: none yet */
};
struct thread_contexts {
    EVP_MD_CTX *digest;
    EVP_MAC_CTX *hmac;
    struct keyed kept[KEPT];
    size_t next; /* to be given another key */
};

static EVP_MD *sha256;
static EVP_MAC *hmac;
static pthread_key_t contexts_key;
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static _Thread_local struct thread_contexts *own;

static void free_contexts(void *p)
{
    struct thread_contexts *c = p;
    EVP_MD_CTX_free(c->digest);
    EVP_MAC_CTX_free(c->hmac);
    for (size_t i = 0; i < KEPT; i++) {
        EVP_MAC_CTX_free(c->kept[i].hmac);
    }
    OPENSSL_cleanse(c, sizeof(*c));
    free(c);
    own = NULL;
}

static void fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    CHECK(sha256 != NULL && hmac != NULL);
    CHECK(pthread_key_create(&contexts_key, free_contexts) == 0);
}

static EVP_MAC_CTX *new_hmac(void)
{
    EVP_MAC_CTX *c = EVP_MAC_CTX_new(hmac);
    char name[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                           OSSL_PARAM_construct_end()};
    CHECK(c != NULL && EVP_MAC_CTX_set_params(c, params) == 1);
    return c;
}

/* The key only frees them when the thread ends; the thread-local pointer is what is fast to reach.
 */
static struct thread_contexts *contexts(void)
{
    if (own != NULL) {
        return own;
    }
    CHECK(pthread_once(&fetch_once, fetch) == 0);
    struct thread_contexts *c = calloc(1, sizeof(*c));
    CHECK(c != NULL);
    c->digest = EVP_MD_CTX_new();
    c->hmac = new_hmac();
    CHECK(c->digest != NULL);
    CHECK(pthread_setspecific(contexts_key, c) == 0);
    own = c;
    return c;
}

void sigv4_sha256(uint8_t out[32], const void *data, size_t n)
{
    EVP_MD_CTX *digest = contexts()->digest;
    CHECK(EVP_DigestInit_ex2(digest, sha256, NULL) == 1 && EVP_DigestUpdate(digest, data, n) == 1 &&
          EVP_DigestFinal_ex(digest, out, NULL) == 1);
}

void sigv4_sha256_hex(char out[SIGV4_HEX], const void *data, size_t n)
{
    uint8_t hash[32];
    sigv4_sha256(hash, data, n);
    str_hex(out, hash, sizeof(hash));
}

bool sigv4_hash_begin(struct sigv4_hash *h)
{
    CHECK(pthread_once(&fetch_once, fetch) == 0);
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    if (digest == NULL || EVP_DigestInit_ex2(digest, sha256, NULL) != 1) {
        EVP_MD_CTX_free(digest);
        h->context = NULL;
        return false;
    }
    h->context = digest;
    return true;
}

void sigv4_hash_add(struct sigv4_hash *h, const void *data, size_t n)
{
    CHECK(EVP_DigestUpdate(h->context, data, n) == 1);
}

void sigv4_hash_sum(const struct sigv4_hash *h, const struct str *parts, size_t count,
                    uint8_t out[32])
{
    EVP_MD_CTX *digest = contexts()->digest;
    CHECK(h->context ? EVP_MD_CTX_copy_ex(digest, h->context) == 1
                     : EVP_DigestInit_ex2(digest, sha256, NULL) == 1);
    for (size_t i = 0; i < count; i++) {
        CHECK(EVP_DigestUpdate(digest, parts[i].p, parts[i].n) == 1);
    }
    CHECK(EVP_DigestFinal_ex(digest, out, NULL) == 1);
}

void sigv4_hash_drop(struct sigv4_hash *h)
{
    EVP_MD_CTX_free(h->context);
    h->context = NULL;
}

static void mac(EVP_MAC_CTX *c, uint8_t out[32], const struct str *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CHECK(EVP_MAC_update(c, (const unsigned char *)parts[i].p, parts[i].n) == 1);
    }
    size_t n = 0;
    CHECK(EVP_MAC_final(c, out, &n, 32) == 1 && n == 32);
}

static void hmac_parts(uint8_t out[32], const void *key, size_t key_n, const struct str *parts,
                       size_t count)
{
    EVP_MAC_CTX *c = contexts()->hmac;
    /* A NULL key would mean "the one before". */
    CHECK(EVP_MAC_init(c, key_n > 0 ? key : (const void *)"", key_n, NULL) == 1);
    mac(c, out, parts, count);
}

/* All of them kept are this thread's own secrets: how long comparing takes tells nobody anything.
 */
static struct keyed *find_kept(struct thread_contexts *own_contexts, const uint8_t key[32])
{
    for (size_t i = 0; i < KEPT; i++) {
        struct keyed *k = &own_contexts->kept[i];
        if (k->hmac != NULL && memcmp(k->key, key, sizeof(k->key)) == 0) {
            return k;
        }
    }
    return NULL;
}

void sigv4_hmac_kept(uint8_t out[32], const uint8_t key[32], const struct str *parts, size_t count)
{
    struct thread_contexts *c = contexts();
    struct keyed *k = find_kept(c, key);
    if (k != NULL) {
        CHECK(EVP_MAC_init(k->hmac, NULL, 0, NULL) == 1); /* the key it has */
    } else {
        k = &c->kept[c->next++ % KEPT];
        k->hmac = k->hmac != NULL ? k->hmac : new_hmac();
        memcpy(k->key, key, sizeof(k->key));
        CHECK(EVP_MAC_init(k->hmac, key, sizeof(k->key), NULL) == 1);
    }
    mac(k->hmac, out, parts, count);
}

void sigv4_hmac(uint8_t out[32], const void *key, size_t key_n, const void *data, size_t n)
{
    struct str part = {data, n};
    hmac_parts(out, key, key_n, &part, 1);
}
