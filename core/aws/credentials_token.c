/* credentials_token.c: web identity: a token file that the surroundings renew (EKS, IRSA) for
 * credentials of a role. */
#include "core/aws/credentials_private.h"

#include "core/aws/sts.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#define TOKEN_MAX 20000 /* STS's own limit */
#define TRIES     3
#define PAUSE_MS  1000

struct token_words {
    char path[1024], arn[2049], name[65];
};

static bool take(const struct credentials_look *l, const char *profile, bool environment,
                 const char *variable, const char *key, char *out, size_t size)
{
    const char *given = environment ? credentials_env(variable) : NULL;
    return given != NULL ? str_copy(out, size, str_of(given))
                         : profiles_text(l->files, profile, key, out, size);
}

static enum err read_token(struct buf *token, const char *path, struct err_info *ei)
{
    enum err e = credentials_read_file(token, path, TOKEN_MAX, ei);
    if (e == ERR_NOT_FOUND) {
        return err_set(ei, ERR_AUTH, "the web identity token file %.150s does not exist", path);
    }
    if (e == ERR_OK && str_trim(buf_str(token)).n == 0) {
        return err_set(ei, ERR_AUTH, "the web identity token file %.150s is empty", path);
    }
    return e;
}

/* Without the line end that an editor adds. */
static struct str bare(struct str token)
{
    while (token.n > 0 && strchr(" \t\r\n", token.p[token.n - 1]) != NULL) {
        token.n--;
    }
    return token;
}

static enum err exchange(struct credentials_look *l, struct str token, const struct sts_role *role,
                         struct credentials **out, struct err_info *ei)
{
    enum err e = ERR_IO;
    for (int i = 0; i < TRIES; i++) {
        struct err_info said = {0};
        e = sts_assume_role_with_web_identity(l->http, &l->sts, token, role, out, &said);
        /* STS could not reach the identity provider: its advice is to ask again. */
        bool again = e != ERR_OK && strstr(said.text, "IDPCommunicationError") != NULL;
        if (!again || i == TRIES - 1) {
            return e == ERR_OK ? e : err_set(ei, e, "%s", said.text);
        }
        credentials_pause(l->aborted, PAUSE_MS);
    }
    return e;
}

enum err credentials_from_token(struct credentials_look *l, const char *profile, bool environment,
                                struct credentials **out, struct err_info *ei)
{
    struct token_words w;
    char source[CREDENTIALS_SOURCE_MAX];
    if (!take(l, profile, environment, "AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file",
              w.path, sizeof(w.path))) {
        return ERR_NOT_FOUND;
    }
    if (!take(l, profile, environment, "AWS_ROLE_ARN", "role_arn", w.arn, sizeof(w.arn))) {
        return err_set(ei, ERR_AUTH,
                       "a web identity token file is given without a role: set AWS_ROLE_ARN, or "
                       "role_arn in profile %.60s",
                       profile);
    }
    if (!take(l, profile, environment, "AWS_ROLE_SESSION_NAME", "role_session_name", w.name,
              sizeof(w.name))) {
        str_copy(w.name, sizeof(w.name), STR("tollgate"));
    }
    (void)snprintf(source, sizeof(source), "web identity, role %.64s", sts_role_name(w.arn));
    struct sts_role role = {.arn = w.arn, .session_name = w.name, .source = source};
    struct buf token = {0};
    enum err e = read_token(&token, w.path, ei);
    if (e == ERR_OK) {
        e = exchange(l, bare(buf_str(&token)), &role, out, ei);
    }
    OPENSSL_cleanse(buf_bytes(&token), token.len);
    buf_free(&token);
    return e;
}
