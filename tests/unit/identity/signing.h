/* signing.h: a second writing of SigV4, straight from its description, to sign test requests with.
 */
#ifndef TOLLGATE_TESTS_IDENTITY_SIGNING_H
#define TOLLGATE_TESTS_IDENTITY_SIGNING_H

#include "core/base/clock.h"
#include "core/identity/identity.h"
#include "tests/unit/test.h"

#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGNING_HEADERS 40

/* A request to be signed. Signed are the headers present when signing_sign is called, in the order
 * of their (lower-case, sorted) names, `host_name` among them. */
struct signing {
    const char *method, *path, *query, *canonical_query, *body;
    const char *host_name; /* "host" or ":authority" */
    const char *authority;
    const char *region, *service, *access_key_id, *secret;
    int64_t date_ms;
    const char *scope_day; /* NULL: the day of date_ms */
    struct {
        char name[64];
        const char *value;
    } extra[SIGNING_HEADERS]; /* beside host and x-amz-date */
    size_t extra_count;
    bool skip_host, skip_date; /* leave these out of the signature */
};

/* What comes out: ready for identity_check. */
struct signed_request {
    char authorization[4096], date[CLOCK_TEXT], target[512];
    struct http_header headers[SIGNING_HEADERS + 4];
    size_t header_count;
    uint8_t body_sha256[32];
    struct identity_request r;
};

static inline void signing_hex(char *out, const uint8_t *data, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        snprintf(out + 2 * i, 3, "%02x", data[i]);
    }
}

static inline void signing_hmac(uint8_t out[32], const void *key, size_t key_n, const char *text)
{
    unsigned n = 32;
    assert_non_null(
        HMAC(EVP_sha256(), key, (int)key_n, (const uint8_t *)text, strlen(text), out, &n));
}

static inline void signing_path(char *out, size_t size, const char *path)
{
    size_t used = 0;
    for (const char *p = path; *p != '\0'; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                     (*p >= '0' && *p <= '9') || strchr("-._~/", *p) != NULL;
        used +=
            (size_t)snprintf(out + used, size - used, plain ? "%c" : "%%%02X", (unsigned char)*p);
        assert_true(used < size);
    }
}

struct signing_pair {
    const char *name, *value;
};

static inline int signing_compare(const void *a, const void *b)
{
    return strcmp(((const struct signing_pair *)a)->name, ((const struct signing_pair *)b)->name);
}

static inline void signing_sign(struct signed_request *out, const struct signing *s)
{
    struct signing_pair pairs[SIGNING_HEADERS + 2];
    size_t count = 0;
    static _Thread_local char canonical[70000];
    char path[1024], hex[65], names[2048] = "", key[128], text[512], scope[128];
    uint8_t hash[32], k[32];

    clock_amz(out->date, s->date_ms);
    if (!s->skip_host) {
        pairs[count++] = (struct signing_pair){s->host_name, s->authority};
    }
    if (!s->skip_date) {
        pairs[count++] = (struct signing_pair){"x-amz-date", out->date};
    }
    for (size_t i = 0; i < s->extra_count; i++) {
        pairs[count++] = (struct signing_pair){s->extra[i].name, s->extra[i].value};
    }
    qsort(pairs, count, sizeof(pairs[0]), signing_compare);

    signing_path(path, sizeof(path), s->path);
    size_t n = (size_t)snprintf(canonical, sizeof(canonical), "%s\n%s\n%s\n", s->method, path,
                                s->canonical_query);
    for (size_t i = 0; i < count; i++) {
        n += (size_t)snprintf(canonical + n, sizeof(canonical) - n, "%s:%s\n", pairs[i].name,
                              pairs[i].value);
        snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", i > 0 ? ";" : "",
                 pairs[i].name);
    }
    SHA256((const uint8_t *)s->body, strlen(s->body), out->body_sha256);
    signing_hex(hex, out->body_sha256, 32);
    n += (size_t)snprintf(canonical + n, sizeof(canonical) - n, "\n%s\n%s", names, hex);
    assert_true(n < sizeof(canonical));

    char day[9];
    snprintf(day, sizeof(day), "%.8s", s->scope_day != NULL ? s->scope_day : out->date);
    snprintf(scope, sizeof(scope), "%s/%s/%s/aws4_request", day, s->region, s->service);
    SHA256((const uint8_t *)canonical, n, hash);
    signing_hex(hex, hash, 32);
    snprintf(text, sizeof(text), "AWS4-HMAC-SHA256\n%s\n%s\n%s", out->date, scope, hex);

    snprintf(key, sizeof(key), "AWS4%s", s->secret);
    signing_hmac(k, key, strlen(key), day);
    signing_hmac(k, k, 32, s->region);
    signing_hmac(k, k, 32, s->service);
    signing_hmac(k, k, 32, "aws4_request");
    signing_hmac(k, k, 32, text);
    signing_hex(hex, k, 32);
    snprintf(out->authorization, sizeof(out->authorization),
             "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s", s->access_key_id,
             scope, names, hex);

    bool http2 = strcmp(s->host_name, "host") != 0;
    out->header_count = 0;
    if (!http2) {
        out->headers[out->header_count++] = (struct http_header){STR("Host"), str_of(s->authority)};
    }
    out->headers[out->header_count++] = (struct http_header){STR("X-Amz-Date"), str_of(out->date)};
    out->headers[out->header_count++] =
        (struct http_header){STR("Authorization"), str_of(out->authorization)};
    for (size_t i = 0; i < s->extra_count; i++) {
        out->headers[out->header_count++] =
            (struct http_header){str_of(s->extra[i].name), str_of(s->extra[i].value)};
    }
    snprintf(out->target, sizeof(out->target), "%s%s%s", s->path, s->query[0] != '\0' ? "?" : "",
             s->query);
    out->r = (struct identity_request){
        .method = str_of(s->method),
        .target = str_of(out->target),
        .headers = out->headers,
        .header_count = out->header_count,
        .authority = str_of(s->authority),
        .http2 = http2,
        .body_sha256 = out->body_sha256,
        .now_ms = s->date_ms,
    };
}

static inline void signing_add(struct signing *s, const char *name, const char *value)
{
    assert_true(s->extra_count < SIGNING_HEADERS);
    snprintf(s->extra[s->extra_count].name, sizeof(s->extra[0].name), "%s", name);
    s->extra[s->extra_count++].value = value;
}

#endif
