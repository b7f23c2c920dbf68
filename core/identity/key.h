/* key.h: an issued key as it is stored: no secret in it. Secrets are derived from one master key:
 * secretAccessKey = base64(HMAC-SHA256(master, "tollgate-sigv4\0" + accessKeyId)); of the 256-bit
 * bearer only its SHA-256 is kept. */
#ifndef TOLLGATE_IDENTITY_KEY_H
#define TOLLGATE_IDENTITY_KEY_H

#include "core/catalog/call.h"

#define KEY_ID_TEXT     21 /* "TGK" and 17 of A-Z2-7, NUL */
#define KEY_SECRET_TEXT 45 /* base64 of 32 bytes, NUL */
#define KEY_BEARER_TEXT 64
#define KEY_NAME_MAX    128
#define KEY_SUBJECT_MAX 256

struct key_record {
    char name[KEY_NAME_MAX + 1]; /* unique among unrevoked keys; default application-N */
    char access_key_id[KEY_ID_TEXT];
    uint8_t bearer_sha256[32];
    struct {
        char key[TAG_KEY_MAX + 1], value[TAG_VALUE_MAX + 1];
    } tags[TAGS_MAX];
    size_t tag_count;
    char subject[KEY_SUBJECT_MAX + 1]; /* of a client certificate that stands for the key; or "" */
    int64_t created_ms, expires_ms, revoked_ms, last_used_ms; /* 0: never / not */
};

/* A subject in the form of RFC 2253 ("CN=docs,O=Example", as `openssl x509 -nameopt RFC2253` prints
 * it), blanks around its separators removed. ERR_PARSE: it is none. */
enum err key_subject(char out[KEY_SUBJECT_MAX + 1], struct str text,
                     struct err_info *ei) MUST_CHECK;

#endif
