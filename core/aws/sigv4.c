/* sigv4.c: signing keys, signatures, the Authorization header out and in. */
#include "core/aws/sigv4_private.h"

#include "core/aws/credentials.h"
#include "core/base/clock.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#define ALGORITHM        "AWS4-HMAC-SHA256"
#define SIGNED_NAMES_MAX 4096

void sigv4_signing_key(uint8_t out[32], struct str secret, struct str date, struct str region,
                       struct str service)
{
    char prefixed[4 + SIGV4_SECRET_MAX];
    secret = str_sub(secret, 0, SIGV4_SECRET_MAX);
    memcpy(prefixed, "AWS4", 4);
    if (secret.n > 0) {
        memcpy(prefixed + 4, secret.p, secret.n);
    }
    uint8_t key[32];
    sigv4_hmac(key, prefixed, 4 + secret.n, date.p, date.n);
    sigv4_hmac(key, key, sizeof(key), region.p, region.n);
    sigv4_hmac(key, key, sizeof(key), service.p, service.n);
    sigv4_hmac(out, key, sizeof(key), "aws4_request", 12);
    OPENSSL_cleanse(prefixed, sizeof(prefixed));
    OPENSSL_cleanse(key, sizeof(key));
}

void sigv4_signature(char out[SIGV4_HEX], const uint8_t signing_key[32], struct str amz_date,
                     struct str scope, struct str canonical)
{
    char hash[SIGV4_HEX];
    sigv4_sha256_hex(hash, canonical.p, canonical.n);
    struct str parts[] = {STR(ALGORITHM "\n"), amz_date, STR("\n"), scope, STR("\n"), str_of(hash)};
    uint8_t signature[32];
    sigv4_hmac_kept(signature, signing_key, parts, sizeof(parts) / sizeof(parts[0]));
    str_hex(out, signature, sizeof(signature));
}

void sigv4_signer_init(struct sigv4_signer *s, const char *region, const char *service)
{
    sigv4_signer_free(s);
    str_copy(s->region, sizeof(s->region), str_of(region));
    str_copy(s->service, sizeof(s->service), str_of(service));
}

void sigv4_signer_free(struct sigv4_signer *s)
{
    buf_free(&s->scratch);
    OPENSSL_cleanse(s, sizeof(*s));
}

static void keep_signing_key(struct sigv4_signer *s, const struct credentials *c, struct str date)
{
    struct str secret = str_sub(str_of(c->secret_access_key), 0, SIGV4_SECRET_MAX);
    if (str_is(date, s->date) && str_is(secret, s->secret)) {
        return;
    }
    sigv4_signing_key(s->key, secret, date, str_of(s->region), str_of(s->service));
    str_copy(s->date, sizeof(s->date), date);
    OPENSSL_cleanse(s->secret, sizeof(s->secret));
    str_copy(s->secret, sizeof(s->secret), secret);
    int n = snprintf(s->scope, sizeof(s->scope), "%s/%s/%s/aws4_request", s->date, s->region,
                     s->service);
    CHECK(n > 0 && (size_t)n < sizeof(s->scope));
}

/* Names in lower case, sorted, each once, with ';' between. */
struct signed_names {
    struct str at[HTTP1_HEADERS_MAX + 2];
    size_t count;
    char text[SIGNED_NAMES_MAX]; /* the lower-case names, one behind the other */
    size_t used;
    char joined[SIGNED_NAMES_MAX + HTTP1_HEADERS_MAX + 2];
};

static int compare_names(struct str a, struct str b)
{
    int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static bool add_name(struct signed_names *names, struct str name)
{
    if (name.n == 0 || name.n > sizeof(names->text) - names->used) {
        return false;
    }
    char *lower = names->text + names->used;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    struct str added = {lower, name.n};
    size_t at = names->count;
    while (at > 0 && compare_names(names->at[at - 1], added) > 0) {
        at--;
    }
    if (at > 0 && compare_names(names->at[at - 1], added) == 0) {
        return true;
    }
    memmove(names->at + at + 1, names->at + at, (names->count - at) * sizeof(names->at[0]));
    names->at[at] = added;
    names->count++;
    names->used += name.n;
    return true;
}

static struct str join_names(struct signed_names *names)
{
    char *to = names->joined;
    for (size_t i = 0; i < names->count; i++) {
        if (i > 0) {
            *to++ = ';';
        }
        memcpy(to, names->at[i].p, names->at[i].n);
        to += names->at[i].n;
    }
    return (struct str){names->joined, (size_t)(to - names->joined)};
}

/* The request as it will be sent: with the date and the token. */
static enum err add_dated_headers(struct http_header headers[HTTP1_HEADERS_MAX + 2], size_t *count,
                                  struct signed_names *names, const struct sigv4_request *r,
                                  const char *date, const char *token, struct err_info *ei)
{
    if (r->header_count > HTTP1_HEADERS_MAX) {
        return err_set(ei, ERR_TOO_BIG, "more than %d headers to sign", HTTP1_HEADERS_MAX);
    }
    bool host = false;
    *count = 0;
    for (size_t i = 0; i < r->header_count; i++) {
        struct str name = r->headers[i].name;
        if (str_is_nocase(name, "x-amz-date") || str_is_nocase(name, "x-amz-security-token")) {
            return err_set(ei, ERR_CONFLICT, "the request is dated or holds a token already");
        }
        host = host || str_is_nocase(name, "host");
        headers[(*count)++] = r->headers[i];
    }
    if (!host) {
        return err_set(ei, ERR_NOT_FOUND, "a request without a host header cannot be signed");
    }
    headers[(*count)++] = (struct http_header){STR("x-amz-date"), str_of(date)};
    if (token != NULL) {
        headers[(*count)++] = (struct http_header){STR("x-amz-security-token"), str_of(token)};
    }
    names->count = names->used = 0;
    for (size_t i = 0; i < *count; i++) {
        if (!add_name(names, headers[i].name)) {
            return err_set(ei, ERR_TOO_BIG, "the names of the headers to sign are too long");
        }
    }
    return ERR_OK;
}

static bool holds_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

static void add_all(struct buf *out, const struct str *parts, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        n += parts[i].n;
    }
    if (buf_reserve(out, n) == NULL) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        buf_add_str(out, parts[i]);
    }
}

/* The lines that make r a signed request. */
static void add_lines(struct buf *out, const struct sigv4_signer *s, const struct credentials *c,
                      struct str date, struct str signed_headers, struct str signature)
{
    bool token = c->session_token != NULL;
    const struct str parts[] = {
        STR("X-Amz-Date: "),
        date,
        token ? STR("\r\nX-Amz-Security-Token: ") : STR(""),
        str_of(c->session_token),
        STR("\r\nAuthorization: " ALGORITHM " Credential="),
        str_of(c->access_key_id),
        STR("/"),
        str_of(s->scope),
        STR(", SignedHeaders="),
        signed_headers,
        STR(", Signature="),
        signature,
        STR("\r\n"),
    };
    add_all(out, parts, sizeof(parts) / sizeof(parts[0]));
}

enum err sigv4_sign(struct sigv4_signer *s, const struct credentials *c,
                    const struct sigv4_request *r, int64_t wall_ms, struct buf *out,
                    struct err_info *ei)
{
    if (holds_control(c->access_key_id) ||
        (c->session_token != NULL && holds_control(c->session_token))) {
        return err_set(ei, ERR_PARSE, "the credentials (%s) hold control characters", c->source);
    }
    char date[CLOCK_TEXT];
    clock_amz(date, wall_ms);
    struct str day = str_sub(str_of(date), 0, 8);
    struct http_header headers[HTTP1_HEADERS_MAX + 2];
    struct signed_names names;
    struct sigv4_request dated = *r;
    enum err e =
        add_dated_headers(headers, &dated.header_count, &names, r, date, c->session_token, ei);
    if (e != ERR_OK) {
        return e;
    }
    dated.headers = headers;
    struct str signed_headers = join_names(&names);
    buf_clear(&s->scratch);
    e = sigv4_canonical(&s->scratch, &dated, signed_headers, ei);
    if (e != ERR_OK) {
        return e;
    }
    keep_signing_key(s, c, day);
    char signature[SIGV4_HEX];
    sigv4_signature(signature, s->key, str_of(date), str_of(s->scope), buf_str(&s->scratch));
    add_lines(out, s, c, str_of(date), signed_headers, str_of(signature));
    return out->failed ? err_set(ei, ERR_NOMEM, "no memory to sign a request") : ERR_OK;
}

static bool all_of(struct str a, const char *allowed)
{
    for (size_t i = 0; i < a.n; i++) {
        if (strchr(allowed, a.p[i]) == NULL || a.p[i] == '\0') {
            return false;
        }
    }
    return a.n > 0;
}

static bool parse_credential(struct sigv4_authorization *a, struct str text)
{
    struct str rest;
    a->access_key_id = str_cut(text, '/', &rest);
    a->scope = rest;
    a->date = str_cut(rest, '/', &rest);
    a->region = str_cut(rest, '/', &rest);
    a->service = str_cut(rest, '/', &rest);
    return a->access_key_id.n > 0 && a->date.n == 8 && all_of(a->date, "0123456789") &&
           a->region.n > 0 && a->service.n > 0 && str_is(rest, "aws4_request");
}

enum err sigv4_parse_authorization(struct sigv4_authorization *a, struct str value,
                                   struct err_info *ei)
{
    *a = (struct sigv4_authorization){0};
    if (!str_starts(value, ALGORITHM " ")) {
        return err_set(ei, ERR_UNSUPPORTED, "Authorization is not " ALGORITHM);
    }
    struct str rest = str_sub(value, sizeof(ALGORITHM), value.n);
    bool ok = true;
    struct str credential = {0};
    while (ok && rest.p != NULL) {
        struct str text;
        struct str part = str_trim(str_cut(rest, ',', &rest));
        struct str name = str_cut(part, '=', &text);
        struct str *field = str_is(name, "Credential")      ? &credential
                            : str_is(name, "SignedHeaders") ? &a->signed_headers
                            : str_is(name, "Signature")     ? &a->signature
                                                            : NULL;
        ok = field != NULL && field->p == NULL && text.n > 0;
        if (ok) {
            *field = text;
        }
    }
    if (!ok || !parse_credential(a, credential)) {
        return err_set(ei, ERR_PARSE,
                       "Authorization needs Credential=ID/date/region/service/aws4_request, "
                       "SignedHeaders and Signature, each once");
    }
    if (a->signed_headers.n == 0 || a->signature.n != 64 ||
        !all_of(a->signature, "0123456789abcdef")) {
        return err_set(ei, ERR_PARSE, "Authorization has a malformed signature");
    }
    return ERR_OK;
}
