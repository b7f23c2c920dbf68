/* credentials_files.c: what stands in a profile of the shared files itself. */
#include "core/aws/credentials_private.h"

#include <stdio.h>

static enum err keys_of(const struct profiles *f, const char *profile, bool is_config,
                        struct credentials **out, struct err_info *ei)
{
    struct str text = buf_str(is_config ? &f->config : &f->credentials);
    struct str id;
    struct str secret;
    struct str token = {0};
    if (!credentials_ini_value(text, profile, is_config, "aws_access_key_id", &id)) {
        return ERR_NOT_FOUND;
    }
    if (!credentials_ini_value(text, profile, is_config, "aws_secret_access_key", &secret)) {
        return err_set(ei, ERR_AUTH, "profile %s of %s has a key ID without secret", profile,
                       is_config ? f->config_path : f->credentials_path);
    }
    if (!credentials_ini_value(text, profile, is_config, "aws_session_token", &token)) {
        token = (struct str){0};
    }
    char source[CREDENTIALS_SOURCE_MAX];
    int n = snprintf(source, sizeof(source), "profile %s", profile);
    *out = n > 0 ? credentials_new(id, secret, token, 0, source) : NULL;
    return *out != NULL ? ERR_OK : err_set(ei, ERR_NOMEM, "no memory for credentials");
}

/* SSO and `aws login`: their tokens are kept and refreshed by AWS's own tools. A credential_process
 * in the same profile is how those are asked, so it goes before them here. */
static enum err refuse_signed_in(const struct profiles *f, const char *profile, struct err_info *ei)
{
    static const char *const keys[] = {"sso_session", "sso_start_url", "sso_account_id",
                                       "login_session"};
    struct str value;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (profiles_value(f, profile, keys[i], &value)) {
            return err_set(ei, ERR_UNSUPPORTED,
                           "profile %.40s has %s, whose sign-in only AWS's own tools can use: add "
                           "to it `credential_process = aws configure export-credentials "
                           "--profile %.40s --format process`",
                           profile, keys[i], profile);
        }
    }
    return ERR_NOT_FOUND;
}

enum err credentials_from_profile(struct credentials_look *l, const char *profile,
                                  struct credentials **out, struct err_info *ei)
{
    const struct profiles *f = l->files;
    struct str command;
    enum err e = keys_of(f, profile, false, out, ei);
    if (e == ERR_NOT_FOUND && profiles_value(f, profile, "credential_process", &command)) {
        e = credentials_from_process(out, command, profile, l->aborted, ei);
    }
    if (e == ERR_NOT_FOUND) {
        e = refuse_signed_in(f, profile, ei);
    }
    if (e == ERR_NOT_FOUND) {
        e = keys_of(f, profile, true, out, ei);
    }
    return e;
}
