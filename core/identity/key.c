/* key.c: drawing keys and deriving their secrets. */
#include "core/aws/sigv4.h"
#include "core/base/clock.h"
#include "core/identity/identity_private.h"

#include <stdio.h>
#include <string.h>

#define BEARER_BYTES 32
#define DRAWS_MAX    8

void key_secret(char out[KEY_SECRET_TEXT], const uint8_t master[MASTER_BYTES],
                const char *access_key_id)
{
    static const char label[] = "tollgate-sigv4"; /* its NUL is part of the message */
    char message[sizeof(label) + KEY_ID_TEXT];
    uint8_t mac[32];
    size_t n = strnlen(access_key_id, KEY_ID_TEXT - 1);

    memcpy(message, label, sizeof(label));
    memcpy(message + sizeof(label), access_key_id, n);
    sigv4_hmac(mac, master, MASTER_BYTES, message, sizeof(label) + n);
    str_base64(out, mac, sizeof(mac));
    explicit_bzero(mac, sizeof(mac));
}

/* Is there a backslash before the end of what was written? */
static bool escaped(const char *out, size_t n)
{
    bool odd = false;

    while (n > 0 && out[n - 1] == '\\') {
        odd = !odd;
        n--;
    }
    return odd;
}

/* One "TYPE=value" of a subject. */
static bool part_ok(struct str part)
{
    struct str value, type = str_cut(part, '=', &value);

    for (size_t i = 0; i < type.n; i++) {
        char c = type.p[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!letter && c != '.' && !(c >= '0' && c <= '9')) {
            return false;
        }
    }
    return type.n > 0 && value.n > 0;
}

enum err key_subject(char out[KEY_SUBJECT_MAX + 1], struct str text, struct err_info *ei)
{
    size_t n = 0, part = 0; /* where the present part begins */
    bool ok = true, after = true, named = false;

    text = str_trim(text);
    for (size_t i = 0; ok && i < text.n; i++) {
        char c = text.p[i];
        bool separator = !escaped(out, n) && (c == ',' || c == '+' || (c == '=' && !named));
        if (c == ' ' && after) {
            continue;
        }
        while (separator && n > part && out[n - 1] == ' ' && !escaped(out, n - 1)) {
            n--;
        }
        if (separator && c != '=') {
            ok = part_ok((struct str){out + part, n - part});
            part = n + 1;
        }
        after = separator;
        named = separator ? c == '=' : named;
        ok = ok && n < KEY_SUBJECT_MAX && (unsigned char)c >= ' ' && c != 0x7F;
        out[n] = c;
        n += ok;
    }
    out[n] = '\0';
    if (!ok || !part_ok((struct str){out + part, n - part})) {
        return err_set(ei, ERR_PARSE,
                       "subject: must be at most %d characters like CN=docs,O=Example, as `openssl "
                       "x509 -noout -subject -nameopt RFC2253` prints it",
                       KEY_SUBJECT_MAX);
    }
    return ERR_OK;
}

static void draw_id(char out[KEY_ID_TEXT])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint8_t drawn[KEY_ID_TEXT - 4];

    uuid_bytes(drawn, sizeof(drawn));
    memcpy(out, "TGK", 3);
    for (size_t i = 0; i < sizeof(drawn); i++) {
        out[3 + i] = digits[drawn[i] & 31];
    }
    out[KEY_ID_TEXT - 1] = '\0';
}

/* "tgb_" and base64url without padding. */
static void draw_bearer(char out[KEY_BEARER_TEXT])
{
    uint8_t drawn[BEARER_BYTES];
    char text[4 * ((BEARER_BYTES + 2) / 3) + 1];

    uuid_bytes(drawn, sizeof(drawn));
    str_base64(text, drawn, sizeof(drawn));
    for (char *p = text; *p != '\0'; p++) {
        *p = *p == '+' ? '-' : *p == '/' ? '_' : *p == '=' ? '\0' : *p;
        if (*p == '\0') {
            break;
        }
    }
    (void)snprintf(out, KEY_BEARER_TEXT, "tgb_%s", text);
    explicit_bzero(drawn, sizeof(drawn));
    explicit_bzero(text, sizeof(text));
}

static bool id_is_taken(struct identity *id, const char *access_key_id)
{
    pthread_rwlock_rdlock(&id->lock);
    bool taken = identity_find(id, str_of(access_key_id)) != NULL;
    pthread_rwlock_unlock(&id->lock);
    return taken;
}

enum err identity_draw(struct identity *id, struct key_record *k, struct key_secrets *secrets,
                       struct err_info *ei)
{
    int draws = 0;

    do {
        if (draws++ == DRAWS_MAX) {
            return err_set(ei, ERR_EXISTS, "no unused access key ID was found");
        }
        draw_id(k->access_key_id);
    } while (id_is_taken(id, k->access_key_id));
    key_secret(secrets->secret_access_key, id->master, k->access_key_id);
    draw_bearer(secrets->bearer_token);
    sigv4_sha256(k->bearer_sha256, secrets->bearer_token, strlen(secrets->bearer_token));
    k->created_ms = clock_wall_ms();
    return ERR_OK;
}
