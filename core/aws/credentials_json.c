/* credentials_json.c: credentials as IMDS and credential processes write them. */
#include "core/aws/credentials_private.h"

#include "core/base/clock.h"
#include "core/base/json_scan.h"

#include <openssl/crypto.h>
#include <string.h>

struct fields {
    char id[256], secret[256], token[CREDENTIALS_FIELD_MAX], expiration[64], code[64];
    bool bad;
};

static void take_field(struct scan *s, struct fields *f, struct str key)
{
    struct str raw;
    char *to = NULL;
    size_t size = sizeof(f->id);
    if (scan_raw_is(key, "AccessKeyId")) {
        to = f->id;
    } else if (scan_raw_is(key, "SecretAccessKey")) {
        to = f->secret;
    } else if (scan_raw_is(key, "Token") || scan_raw_is(key, "SessionToken")) {
        to = f->token;
        size = sizeof(f->token);
    } else if (scan_raw_is(key, "Expiration")) {
        to = f->expiration;
        size = sizeof(f->expiration);
    } else if (scan_raw_is(key, "Code")) {
        to = f->code;
        size = sizeof(f->code);
    }
    if (to == NULL || scan_peek(s) != SCAN_STRING) {
        scan_skip(s);
        return;
    }
    if (scan_string(s, &raw) && !scan_raw_decode(to, size, raw)) {
        f->bad = true;
    }
}

static enum err check_fields(const struct fields *f, int64_t *expires_ms, const char *source,
                             struct err_info *ei)
{
    if (f->code[0] != '\0' && strcmp(f->code, "Success") != 0) {
        char shown[64];
        str_printable(shown, sizeof(shown), str_of(f->code));
        return err_set(ei, ERR_AUTH, "%s has no credentials to give: %s", source, shown);
    }
    if (f->bad || f->id[0] == '\0' || f->secret[0] == '\0') {
        return err_set(ei, ERR_PARSE, "%s did not give AccessKeyId and SecretAccessKey", source);
    }
    *expires_ms = 0;
    if (f->expiration[0] != '\0' && !clock_parse_rfc3339(str_of(f->expiration), expires_ms)) {
        return err_set(ei, ERR_PARSE, "%s gave an Expiration that is no time", source);
    }
    return ERR_OK;
}

enum err credentials_from_json(struct credentials **out, struct str json, const char *source,
                               struct err_info *ei)
{
    struct fields f = {0};
    struct scan s;
    struct str key;
    int64_t expires_ms = 0;
    scan_init(&s, json.p != NULL ? json.p : "", json.n);
    if (scan_object(&s)) {
        while (scan_key(&s, &key)) {
            take_field(&s, &f, key);
        }
    }
    f.bad = f.bad || !scan_done(&s);
    enum err e = check_fields(&f, &expires_ms, source, ei);
    if (e == ERR_OK) {
        *out = credentials_new(str_of(f.id), str_of(f.secret), str_of(f.token), expires_ms, source);
        e = *out != NULL ? ERR_OK : err_set(ei, ERR_NOMEM, "no memory for credentials");
    }
    OPENSSL_cleanse(&f, sizeof(f));
    return e;
}
