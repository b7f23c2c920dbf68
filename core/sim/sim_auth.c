/* sim_auth.c: the server's side of Signature Version 4. */
#include "core/sim/sim_auth.h"

#include "core/base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SKEW_MS (5LL * 60 * 1000)

__attribute__((format(printf, 3, 4))) static bool refuse(struct sim_auth_refusal *why,
                                                         const char *type, const char *format, ...)
{
    va_list args;

    why->type = type;
    va_start(args, format);
    (void)vsnprintf(why->message, sizeof why->message, format, args);
    va_end(args);
    return false;
}

/* Finds whose key it is; a temporary one comes with its token. */
static bool check_key(struct sim_auth *a, const struct sim_request *r, struct str key_id,
                      int64_t wall_ms, struct sim_auth_refusal *why)
{
    struct str token = http_value(r->head, "x-amz-security-token");
    bool fixed = str_is(key_id, a->access_key_id);

    a->session = fixed ? NULL : sim_sessions_find(a->sessions, key_id);
    const char *wanted = a->session != NULL ? a->session->token : "";
    if ((!fixed && a->session == NULL) || token.n != strlen(wanted) ||
        !str_equal_secret(token.p, wanted, token.n)) {
        return refuse(why, "UnrecognizedClientException",
                      "The security token included in the request is invalid.");
    }
    if (a->session != NULL && a->session->until_ms <= wall_ms) {
        return refuse(why, "ExpiredTokenException",
                      "The security token included in the request is expired");
    }
    return true;
}

static bool check_scope(const struct sim_auth *a, const struct sigv4_authorization *given,
                        struct str amz_date, int64_t wall_ms, struct sim_auth_refusal *why)
{
    static const char type[] = "InvalidSignatureException";
    int64_t signed_ms;

    if (!clock_parse_amz(amz_date, &signed_ms) || !str_eq(given->date, str_sub(amz_date, 0, 8))) {
        return refuse(why, type, "Date in Credential scope does not match X-Amz-Date.");
    }
    if (!str_is(given->region, a->region)) {
        return refuse(why, type, "Credential should be scoped to a valid region.");
    }
    if (!str_is(given->service, a->service)) {
        return refuse(why, type, "Credential should be scoped to correct service: '%s'.",
                      a->service);
    }
    if (signed_ms < wall_ms - SKEW_MS) {
        return refuse(why, type, "Signature expired: more than 5 minutes old.");
    }
    if (signed_ms > wall_ms + SKEW_MS) {
        return refuse(why, type, "Signature not yet current: more than 5 minutes ahead.");
    }
    return true;
}

static bool is_signed(struct str names, const char *name)
{
    struct str rest = names;

    while (rest.p != NULL) {
        if (str_is(str_cut(rest, ';', &rest), name)) {
            return true;
        }
    }
    return false;
}

/* What must be under the signature when it is there. */
static bool check_signed_names(const struct sim_request *r, struct str names,
                               struct sim_auth_refusal *why)
{
    static const char *const bound[] = {"x-amz-security-token", "x-amz-target",
                                        "x-amzn-bedrock-request-metadata"};

    if (!is_signed(names, "host") || !is_signed(names, "x-amz-date")) {
        return refuse(why, "InvalidSignatureException",
                      "'Host' and 'X-Amz-Date' must be signed headers.");
    }
    for (size_t i = 0; i < sizeof bound / sizeof bound[0]; i++) {
        if (http_find(r->head, bound[i]) != NULL && !is_signed(names, bound[i])) {
            return refuse(why, "InvalidSignatureException", "'%s' must be a signed header.",
                          bound[i]);
        }
    }
    return true;
}

static void keep_key(struct sim_auth *a, const struct sigv4_authorization *given)
{
    const char *secret = a->session != NULL ? a->session->secret : a->secret_access_key;

    if (str_is(given->date, a->date) && str_is(given->access_key_id, a->key_of)) {
        return;
    }
    sigv4_signing_key(a->key, str_of(secret), given->date, str_of(a->region), str_of(a->service));
    str_copy(a->date, sizeof a->date, given->date);
    str_copy(a->key_of, sizeof a->key_of, given->access_key_id);
}

static bool check_signature(struct sim_auth *a, const struct sim_request *r,
                            const struct sigv4_authorization *given, struct str amz_date,
                            struct buf *scratch, struct sim_auth_refusal *why)
{
    static const char mismatch[] =
        "The request signature we calculated does not match the signature you provided. Check "
        "your AWS Secret Access Key and signing method.";
    char body_hash[SIGV4_HEX], signature[SIGV4_HEX];
    struct err_info ei = {0};

    sigv4_sha256_hex(body_hash, r->body.p, r->body.n);
    const struct http_header *told = http_find(r->head, "x-amz-content-sha256");
    if (told != NULL && !str_is(told->value, body_hash)) {
        return refuse(why, "InvalidSignatureException",
                      "The value in 'x-amz-content-sha256' is not the hash of the body.");
    }
    const struct sigv4_request signed_request = {
        .method = r->method,
        .path = r->path,
        .query = r->query,
        .headers = r->head->headers,
        .header_count = r->head->header_count,
        .body_sha256_hex = body_hash,
    };
    buf_clear(scratch);
    if (sigv4_canonical(scratch, &signed_request, given->signed_headers, &ei) != ERR_OK) {
        return refuse(why, "InvalidSignatureException", "%s", ei.text);
    }
    keep_key(a, given);
    sigv4_signature(signature, a->key, amz_date, given->scope, buf_str(scratch));
    if (given->signature.n != SIGV4_HEX - 1 ||
        !str_equal_secret(signature, given->signature.p, SIGV4_HEX - 1)) {
        return refuse(why, "InvalidSignatureException", mismatch);
    }
    return true;
}

bool sim_auth_check(struct sim_auth *a, const struct sim_request *r, int64_t wall_ms,
                    struct buf *scratch, struct sim_auth_refusal *why)
{
    struct str value = http_value(r->head, "authorization");
    struct str amz_date = http_value(r->head, "x-amz-date");
    struct sigv4_authorization given;
    struct err_info ei = {0};

    if (value.n == 0) {
        return refuse(why, "MissingAuthenticationTokenException", "Missing Authentication Token");
    }
    if (str_starts(value, "Bearer ")) {
        return refuse(why, "UnrecognizedClientException",
                      "The security token included in the request is invalid.");
    }
    if (sigv4_parse_authorization(&given, value, &ei) != ERR_OK) {
        return refuse(why, "IncompleteSignatureException", "%s", ei.text);
    }
    return check_key(a, r, given.access_key_id, wall_ms, why) &&
           check_scope(a, &given, amz_date, wall_ms, why) &&
           check_signed_names(r, given.signed_headers, why) &&
           check_signature(a, r, &given, amz_date, scratch, why);
}
