/* sigv4.h: AWS Signature Version 4, both ways. Room `aws`: how to talk to AWS.
 * Source: AWS-documented algorithm; the path is taken as on the wire and percent-encoded once more
 * (every service but S3), the query is sorted. */
#ifndef TOLLGATE_AWS_SIGV4_H
#define TOLLGATE_AWS_SIGV4_H

#include "core/base/buf.h"
#include "core/base/http1.h"

/* A request as it is on the wire. */
struct sigv4_request {
    struct str method;
    struct str path;  /* percent-encoded as sent, without the query */
    struct str query; /* without '?'; may be empty */
    const struct http_header
        *headers; /* those to be signed, any case and order, `host` among them */
    size_t header_count;
    const char *body_sha256_hex; /* 64 digits */
    bool normalize_path; /* collapse empty and dot segments first; Bedrock paths never need it */
};

/* Percent-encodes a path segment or a query's name or value: all but A-Za-z0-9-._~ */
void sigv4_encode_segment(struct buf *out, struct str text);

#define SIGV4_HEX 65
/* SHA-256 through a digest fetched once a process and a context kept per thread. Without memory for
 * the thread's first context the process ends: nothing can be signed or checked then. */
void sigv4_sha256(uint8_t out[32], const void *data, size_t n);
void sigv4_sha256_hex(char out[SIGV4_HEX], const void *data, size_t n);
/* Incremental, for bodies that arrive in pieces. begin is false without memory; after it, drop
 * releases. */
struct sigv4_hash {
    void *context;
};
bool sigv4_hash_begin(struct sigv4_hash *h);
void sigv4_hash_add(struct sigv4_hash *h, const void *data, size_t n);
/* Of what was added and these parts behind it; more may be added afterwards, and other ends be
 * summed. An all-zero h: nothing was added. */
void sigv4_hash_sum(const struct sigv4_hash *h, const struct str *parts, size_t count,
                    uint8_t out[32]);
void sigv4_hash_drop(struct sigv4_hash *h); /* all-zero is fine */
/* HMAC-SHA256 with a per-thread context. */
void sigv4_hmac(uint8_t out[32], const void *key, size_t key_n, const void *data, size_t n);

/* Signing key for (secret, yyyymmdd, region, service). */
void sigv4_signing_key(uint8_t out[32], struct str secret, struct str date, struct str region,
                       struct str service);

/* Builds the canonical request of r for the signed header names (lower case, sorted, ';' between).
 * Every named header must be among r->headers (repeated ones are joined), else ERR_NOT_FOUND.
 * ERR_TOO_BIG: more than 256 query parameters. Appends to out. */
enum err sigv4_canonical(struct buf *out, const struct sigv4_request *r, struct str signed_headers,
                         struct err_info *ei) MUST_CHECK;

/* Signature in hex for a canonical request. amz_date is "20261121T013638Z", scope
 * "date/region/service/aws4_request". */
void sigv4_signature(char out[SIGV4_HEX], const uint8_t signing_key[32], struct str amz_date,
                     struct str scope, struct str canonical);

/* A signer keeps the day's signing key of one service; for one thread. All-zero, then
 * sigv4_signer_init; sigv4_signer_free wipes it. */
#define SIGV4_SECRET_MAX 256 /* more is cut off; AWS's have 40 bytes */
struct sigv4_signer {
    char region[32], service[32];
    char secret[SIGV4_SECRET_MAX + 1]; /* the key is made from: a rotated one is noticed */
    char date[9], scope[128];          /* scope: "date/region/service/aws4_request" */
    uint8_t key[32];
    struct buf scratch;
};
void sigv4_signer_init(struct sigv4_signer *s, const char *region, const char *service);
void sigv4_signer_free(struct sigv4_signer *s);

struct credentials; /* credentials.h */
/* Signs r (its headers must hold host; x-amz-date and x-amz-security-token are added here) at
 * wall_ms. Appends to out complete header lines "Name: value\r\n": X-Amz-Date, X-Amz-Security-Token
 * when there is one, Authorization. */
enum err sigv4_sign(struct sigv4_signer *s, const struct credentials *c,
                    const struct sigv4_request *r, int64_t wall_ms, struct buf *out,
                    struct err_info *ei) MUST_CHECK;

/* Parts of an inbound "AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=..." header,
 * slices of it. ERR_UNSUPPORTED: another algorithm; ERR_PARSE: a part is missing or malformed. */
struct sigv4_authorization {
    struct str access_key_id, date, region, service, signed_headers, signature, scope;
};
enum err sigv4_parse_authorization(struct sigv4_authorization *a, struct str value,
                                   struct err_info *ei) MUST_CHECK;

#endif
