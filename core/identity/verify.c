/* verify.c: inbound SigV4. The head is checked first, so that a stranger's body is not read; the
 * signature needs the body's hash. */
#include "core/aws/sigv4.h"
#include "core/base/clock.h"
#include "core/identity/identity_private.h"

#include <string.h>

/* Five minutes, and what may lie between what we see and what an SDK sees of it: it sets its clock
 * by our Date only when that is five minutes off too, and both dates have lost their part of a
 * second, ours also the way back. Refused within that, it would stay refused. */
#define BEHIND_MS        ((int64_t)5 * 60 * 1000 + 10000)
#define AHEAD_MS         ((int64_t)5 * 60 * 1000 + 1000)
#define SIGNED_NAMES_MAX 64
#define HEADERS_MAX      128
#define CANONICAL_FIRST  2048

static const char *const services[] = {"bedrock", "bedrock-mantle"};
#define SERVICES (sizeof(services) / sizeof(services[0]))

static size_t service_index(struct str service)
{
    size_t i = 0;

    while (i < SERVICES && !str_is(service, services[i])) {
        i++;
    }
    return i;
}

/* The only header of that name. ERR_NOT_FOUND: none; ERR_AUTH: more than one. */
static enum err only_header(const struct identity_request *r, const char *name, struct str *out,
                            struct err_info *ei)
{
    size_t found = 0;

    for (size_t i = 0; i < r->header_count; i++) {
        if (str_is_nocase(r->headers[i].name, name)) {
            *out = r->headers[i].value;
            found++;
        }
    }
    if (found > 1) {
        return err_set(ei, ERR_AUTH, "%s was sent more than once", name);
    }
    return found == 1 ? ERR_OK : ERR_NOT_FOUND;
}

static bool is_signed(const struct sigv4_authorization *a, const char *name)
{
    struct str rest = a->signed_headers;

    while (rest.p != NULL) {
        if (str_is(str_cut(rest, ';', &rest), name)) {
            return true;
        }
    }
    return false;
}

bool identity_covers(const struct http_header *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        struct sigv4_authorization a;
        if (str_is_nocase(headers[i].name, "authorization") &&
            str_starts(headers[i].value, "AWS4-HMAC-SHA256")) {
            return sigv4_parse_authorization(&a, headers[i].value, NULL) == ERR_OK &&
                   is_signed(&a, name);
        }
    }
    return true;
}

static enum err check_date(const struct identity_request *r, const struct sigv4_authorization *a,
                           struct str *date, struct err_info *ei)
{
    int64_t at;
    enum err e = only_header(r, "x-amz-date", date, ei);

    if (e == ERR_NOT_FOUND) {
        return err_set(ei, ERR_AUTH, "the request has no x-amz-date");
    }
    if (e != ERR_OK) {
        return e;
    }
    if (!clock_parse_amz(*date, &at)) {
        return err_set(ei, ERR_AUTH, "x-amz-date is malformed");
    }
    if (at < r->now_ms - BEHIND_MS || at > r->now_ms + AHEAD_MS) {
        char now[CLOCK_TEXT];
        clock_amz(now, r->now_ms);
        return err_set(ei, ERR_RANGE,
                       "x-amz-date %.*s is more than 5 minutes off: it is %s here; check the clock",
                       (int)date->n, date->p, now);
    }
    if (!str_eq(str_sub(*date, 0, 8), a->date)) {
        return err_set(ei, ERR_AUTH, "the day in the credential scope is not that of x-amz-date");
    }
    return ERR_OK;
}

static enum err check_scope(const struct identity *id, const struct sigv4_authorization *a,
                            struct err_info *ei)
{
    char shown[48];

    if (!str_is(a->region, id->region)) {
        str_printable(shown, sizeof(shown), a->region);
        return err_set(ei, ERR_AUTH, "the request is signed for region %s, not %s", shown,
                       id->region);
    }
    if (service_index(a->service) == SERVICES) {
        str_printable(shown, sizeof(shown), a->service);
        return err_set(ei, ERR_AUTH,
                       "the request is signed for service %s, not bedrock or bedrock-mantle",
                       shown);
    }
    return ERR_OK;
}

static enum err check_order(const struct sigv4_authorization *a, struct err_info *ei)
{
    struct str rest = a->signed_headers, last = {0};
    size_t count = 0;

    while (rest.p != NULL) {
        struct str name = str_cut(rest, ';', &rest);
        size_t n = name.n < last.n ? name.n : last.n;
        int order = n > 0 ? memcmp(last.p, name.p, n) : 0;
        if (name.n == 0 || order > 0 || (order == 0 && last.n >= name.n)) {
            return err_set(ei, ERR_AUTH, "SignedHeaders is not a sorted list of header names");
        }
        if (++count > SIGNED_NAMES_MAX) {
            return err_set(ei, ERR_AUTH, "more than %d headers are signed", SIGNED_NAMES_MAX);
        }
        last = name;
    }
    return ERR_OK;
}

/* Headers that go upstream and change what is asked, or what it costs: a guardrail, the service
 * tier, latency, metadata. */
static bool changes_the_call(struct str name)
{
    static const char prefix[] = "x-amzn-bedrock-";
    return str_is_nocase(name, "x-amz-security-token") || str_is_nocase(name, "anthropic-beta") ||
           str_is_nocase(str_sub(name, 0, sizeof(prefix) - 1), prefix);
}

/* Headers that change what is asked must be under the signature. */
static enum err check_signed(const struct identity_request *r, const struct sigv4_authorization *a,
                             struct err_info *ei)
{
    enum err e = check_order(a, ei);

    if (e != ERR_OK) {
        return e;
    }
    if (!is_signed(a, "host") && !is_signed(a, ":authority")) {
        return err_set(ei, ERR_AUTH, "host (or :authority) is not signed");
    }
    if (!is_signed(a, "x-amz-date")) {
        return err_set(ei, ERR_AUTH, "x-amz-date is not signed");
    }
    for (size_t i = 0; i < r->header_count; i++) {
        struct str once;
        char name[128];
        if (!changes_the_call(r->headers[i].name)) {
            continue;
        }
        str_printable(name, sizeof(name), r->headers[i].name);
        for (char *c = name; *c != '\0'; c++) {
            *c = *c >= 'A' && *c <= 'Z' ? (char)(*c | 0x20) : *c;
        }
        if (!is_signed(a, name)) {
            return err_set(ei, ERR_AUTH, "%s is not signed", name);
        }
        e = only_header(r, name, &once, ei);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

/* x-amz-content-sha256, when sent, must be a hash; of which body is checked with the body. */
static enum err declared_hash(const struct identity_request *r, bool *declared, uint8_t out[32],
                              struct err_info *ei)
{
    struct str value;
    enum err e = only_header(r, "x-amz-content-sha256", &value, ei);

    *declared = e == ERR_OK;
    if (e != ERR_OK) {
        return e == ERR_NOT_FOUND ? ERR_OK : e;
    }
    if (str_starts(value, "UNSIGNED-PAYLOAD") || str_starts(value, "STREAMING-")) {
        char shown[48];
        str_printable(shown, sizeof(shown), value);
        return err_set(ei, ERR_AUTH, "the body must be signed: %s is not accepted", shown);
    }
    if (!str_unhex(out, 32, value)) {
        return err_set(ei, ERR_AUTH, "x-amz-content-sha256 is malformed");
    }
    return ERR_OK;
}

static enum err parse(struct sigv4_authorization *a, struct str authorization, struct err_info *ei)
{
    if (sigv4_parse_authorization(a, authorization, ei) != ERR_OK) {
        return err_set(ei, ERR_AUTH, "the Authorization header is malformed");
    }
    return ERR_OK;
}

static enum err check_known(struct identity *id, const struct identity_request *r,
                            const struct sigv4_authorization *a, struct err_info *ei)
{
    char shown[48];

    pthread_rwlock_rdlock(&id->lock);
    const struct key_entry *k = identity_find(id, a->access_key_id);
    enum err e = k == NULL ? ERR_NOT_FOUND : identity_not_expired(&k->record, r->now_ms, ei);
    pthread_rwlock_unlock(&id->lock);
    if (e == ERR_NOT_FOUND) {
        str_printable(shown, sizeof(shown), a->access_key_id);
        return err_set(ei, ERR_AUTH, "access key %s is not known here, or was revoked", shown);
    }
    return e;
}

enum err verify_head(struct identity *id, const struct identity_request *r,
                     struct str authorization, char access_key_id[KEY_ID_TEXT], struct err_info *ei)
{
    struct sigv4_authorization a;
    struct str date;
    uint8_t hash[32];
    bool declared;
    enum err e = parse(&a, authorization, ei);

    if (e == ERR_OK) {
        e = check_known(id, r, &a, ei);
    }
    if (e == ERR_OK) {
        e = check_date(r, &a, &date, ei);
    }
    if (e == ERR_OK) {
        e = check_scope(id, &a, ei);
    }
    if (e == ERR_OK) {
        e = check_signed(r, &a, ei);
    }
    if (e == ERR_OK) {
        e = declared_hash(r, &declared, hash, ei);
    }
    if (e == ERR_OK && !str_copy(access_key_id, KEY_ID_TEXT, a.access_key_id)) {
        e = err_set(ei, ERR_AUTH, "the access key ID is too long");
    }
    return e;
}

static bool cached_key(const struct key_entry *k, const struct sigv4_authorization *a,
                       uint8_t service, uint8_t out[32])
{
    for (size_t i = 0; i < SIGNING_KEYS; i++) {
        if (k->signing[i].service == service && str_is(a->date, k->signing[i].date)) {
            memcpy(out, k->signing[i].key, 32);
            return true;
        }
    }
    return false;
}

static void derive_key(const struct identity *id, struct key_entry *k,
                       const struct sigv4_authorization *a, uint8_t service, uint8_t out[32])
{
    struct signing_key *slot = &k->signing[k->next_signing++ % SIGNING_KEYS];
    char secret[KEY_SECRET_TEXT];

    key_secret(secret, id->master, k->record.access_key_id);
    sigv4_signing_key(out, str_of(secret), a->date, a->region, a->service);
    explicit_bzero(secret, sizeof(secret));
    memcpy(slot->key, out, 32);
    slot->service = service;
    (void)str_copy(slot->date, sizeof(slot->date), a->date);
}

/* The key's signing key of the day: derived once, under the write lock. ERR_AUTH: revoked by now.
 */
static enum err signing_key(struct identity *id, const struct sigv4_authorization *a,
                            uint8_t out[32], struct err_info *ei)
{
    uint8_t service = (uint8_t)service_index(a->service);

    pthread_rwlock_rdlock(&id->lock);
    struct key_entry *k = identity_find(id, a->access_key_id);
    bool cached = k != NULL && cached_key(k, a, service, out);
    pthread_rwlock_unlock(&id->lock);
    if (cached) {
        return ERR_OK;
    }
    pthread_rwlock_wrlock(&id->lock);
    k = identity_find(id, a->access_key_id);
    if (k != NULL && !cached_key(k, a, service, out)) {
        derive_key(id, k, a, service, out);
    }
    pthread_rwlock_unlock(&id->lock);
    return k != NULL ? ERR_OK : err_set(ei, ERR_AUTH, "the access key was revoked");
}

/* The headers as the client signed them: host and :authority are what the front calls authority. */
static enum err collect_headers(struct http_header *out, size_t *count,
                                const struct identity_request *r, struct err_info *ei)
{
    size_t n = 0;

    if (r->header_count > HEADERS_MAX) {
        return err_set(ei, ERR_AUTH, "a signed request has more than %d headers", HEADERS_MAX);
    }
    for (size_t i = 0; i < r->header_count; i++) {
        if (!str_is_nocase(r->headers[i].name, "host") &&
            !str_is(r->headers[i].name, ":authority")) {
            out[n++] = r->headers[i];
        }
    }
    out[n++] = (struct http_header){STR("host"), r->authority};
    if (r->http2) {
        out[n++] = (struct http_header){STR(":authority"), r->authority};
    }
    *count = n;
    return ERR_OK;
}

static enum err canonical_request(struct buf *out, const struct identity_request *r,
                                  const struct sigv4_authorization *a, struct err_info *ei)
{
    struct http_header headers[HEADERS_MAX + 2];
    char body_hex[SIGV4_HEX];
    struct sigv4_request request = {.method = r->method, .headers = headers};
    enum err e = collect_headers(headers, &request.header_count, r, ei);

    if (e != ERR_OK) {
        return e;
    }
    request.path = str_cut(r->target, '?', &request.query);
    str_hex(body_hex, r->body_sha256, 32);
    request.body_sha256_hex = body_hex;
    if (buf_reserve(out, CANONICAL_FIRST) == NULL) {
        return err_set(ei, ERR_NOMEM, "no memory to check a signature");
    }
    e = sigv4_canonical(out, &request, a->signed_headers, ei);
    return e == ERR_OK || e == ERR_NOMEM ? e : err_set(ei, ERR_AUTH, "the signature is malformed");
}

enum err verify_signature(struct identity *id, const struct identity_request *r,
                          struct str authorization, struct err_info *ei)
{
    struct sigv4_authorization a;
    struct str date = {0};
    uint8_t hash[32], key[32];
    char expected[SIGV4_HEX];
    bool declared = false;
    struct buf canonical = {0};
    enum err e = parse(&a, authorization, ei);

    if (e == ERR_OK) {
        e = declared_hash(r, &declared, hash, ei);
    }
    if (e == ERR_OK && declared && memcmp(hash, r->body_sha256, 32) != 0) {
        e = err_set(ei, ERR_AUTH, "x-amz-content-sha256 is not the hash of the body that came");
    }
    if (e == ERR_OK) {
        e = check_date(r, &a, &date, ei);
    }
    if (e == ERR_OK) {
        e = canonical_request(&canonical, r, &a, ei);
    }
    if (e == ERR_OK) {
        e = signing_key(id, &a, key, ei);
    }
    if (e == ERR_OK) {
        sigv4_signature(expected, key, date, a.scope, buf_str(&canonical));
        explicit_bzero(key, sizeof(key));
        if (a.signature.n != SIGV4_HEX - 1 ||
            !str_equal_secret(expected, a.signature.p, SIGV4_HEX - 1)) {
            e = err_set(ei, ERR_AUTH,
                        "the signature does not match: wrong secret, or the request was changed "
                        "on its way");
        }
        explicit_bzero(expected, sizeof(expected));
    }
    buf_free(&canonical);
    return e;
}
