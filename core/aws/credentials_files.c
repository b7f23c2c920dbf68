/* credentials_files.c: the environment and the two shared files. */
#include "core/aws/credentials_private.h"

#include "core/base/buf.h"
#include "core/base/clock.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (1024 * 1024)

static const char *env(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

enum err credentials_from_environment(struct credentials **out, struct err_info *ei)
{
    const char *id = env("AWS_ACCESS_KEY_ID");
    const char *secret = env("AWS_SECRET_ACCESS_KEY");
    if (id == NULL) {
        return ERR_NOT_FOUND;
    }
    if (secret == NULL) {
        return err_set(ei, ERR_AUTH, "AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not");
    }
    const char *token = env("AWS_SESSION_TOKEN");
    if (token == NULL) {
        token = env("AWS_SECURITY_TOKEN");
    }
    int64_t expires_ms = 0;
    const char *expiration = env("AWS_CREDENTIAL_EXPIRATION");
    if (expiration != NULL && !clock_parse_rfc3339(str_of(expiration), &expires_ms)) {
        return err_set(ei, ERR_PARSE,
                       "AWS_CREDENTIAL_EXPIRATION is not a time like "
                       "2026-11-21T01:36:38Z");
    }
    *out = credentials_new(str_of(id), str_of(secret), str_of(token), expires_ms, "environment");
    return *out != NULL ? ERR_OK : err_set(ei, ERR_NOMEM, "no memory for credentials");
}

static struct str unquote(struct str a)
{
    if (a.n >= 2 && (a.p[0] == '"' || a.p[0] == '\'') && a.p[a.n - 1] == a.p[0]) {
        return str_sub(a, 1, a.n - 2);
    }
    return a;
}

/* Is this line the header of the section? *is_header tells whether it is one at all. */
static bool opens_section(struct str line, const char *section, bool is_config, bool *is_header)
{
    struct str rest;
    *is_header = line.n > 0 && line.p[0] == '[';
    if (!*is_header) {
        return false;
    }
    struct str name = str_trim(str_cut(str_sub(line, 1, line.n), ']', &rest));
    if (!is_config) {
        return str_is(name, section);
    }
    if (strcmp(section, "default") == 0 && str_is(name, "default")) {
        return true;
    }
    if (!str_starts(name, "profile ") && !str_starts(name, "profile\t")) {
        return false;
    }
    return str_is(unquote(str_trim(str_sub(name, 8, name.n))), section);
}

static struct str next_line(struct str *rest)
{
    struct str line = str_cut(*rest, '\n', rest);
    if (line.n > 0 && line.p[line.n - 1] == '\r') {
        line.n--;
    }
    return line;
}

bool credentials_ini_value(struct str text, const char *section, bool is_config, const char *key,
                           struct str *value)
{
    bool inside = false;
    bool found = false;
    struct str rest = text;
    while (rest.p != NULL) {
        struct str line = next_line(&rest);
        bool is_header;
        bool opens = opens_section(line, section, is_config, &is_header);
        if (is_header) {
            inside = opens;
        }
        if (!inside || is_header || line.n == 0 || strchr(" \t#;", line.p[0]) != NULL) {
            continue;
        }
        struct str after;
        struct str name = str_trim(str_cut(line, '=', &after));
        if (after.p != NULL && str_is_nocase(name, key)) {
            *value = str_trim(after);
            found = value->n > 0;
        }
    }
    return found;
}

bool credentials_ini_section(struct str text, const char *section, bool is_config)
{
    struct str rest = text;
    while (rest.p != NULL) {
        bool is_header;
        if (opens_section(next_line(&rest), section, is_config, &is_header)) {
            return true;
        }
    }
    return false;
}

/* The two files, as far as they exist, and the profile that was chosen. */
struct files {
    char credentials_path[512], config_path[512];
    struct buf credentials, config;
    const char *profile;
    bool chosen; /* by AWS_PROFILE */
};

static bool choose_path(char out[512], const char *variable, const char *under_home)
{
    const char *given = env(variable);
    const char *home = env("HOME");
    int n;
    if (given != NULL && (given[0] != '~' || given[1] != '/' || home == NULL)) {
        n = snprintf(out, 512, "%s", given);
    } else if (given != NULL) {
        n = snprintf(out, 512, "%s%s", home, given + 1);
    } else {
        n = snprintf(out, 512, "%s%s", home != NULL ? home : "", under_home);
    }
    return n > 0 && n < 512;
}

/* An absent file is an empty one. */
static enum err read_file(struct buf *out, const char *path, struct err_info *ei)
{
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        return errno == ENOENT || errno == ENOTDIR
                   ? ERR_OK
                   : err_set_sys(ei, ERR_IO, errno, "cannot read %s", path);
    }
    buf_init(out, FILE_MAX);
    size_t got = 0;
    char *at;
    while ((at = buf_reserve(out, 4096)) != NULL && (got = fread(at, 1, 4096, f)) > 0) {
        buf_commit(out, got);
    }
    enum err e = ERR_OK;
    if (ferror(f)) {
        e = err_set(ei, ERR_IO, "cannot read %s", path);
    } else if (out->failed) {
        e = err_set(ei, ERR_TOO_BIG, "%s is larger than 1 MB", path);
    }
    if (fclose(f) != 0 && e == ERR_OK) {
        e = err_set(ei, ERR_IO, "cannot read %s", path);
    }
    return e;
}

static void free_files(struct files *f)
{
    OPENSSL_cleanse(buf_bytes(&f->credentials), f->credentials.len);
    OPENSSL_cleanse(buf_bytes(&f->config), f->config.len);
    buf_free(&f->credentials);
    buf_free(&f->config);
}

static enum err read_files(struct files *f, struct err_info *ei)
{
    *f = (struct files){.profile = env("AWS_PROFILE")};
    if (f->profile == NULL) {
        f->profile = env("AWS_DEFAULT_PROFILE");
    }
    f->chosen = f->profile != NULL;
    if (!f->chosen) {
        f->profile = "default";
    }
    if (!choose_path(f->credentials_path, "AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials") ||
        !choose_path(f->config_path, "AWS_CONFIG_FILE", "/.aws/config")) {
        return err_set(ei, ERR_TOO_BIG,
                       "the path of an AWS credentials or config file is too long");
    }
    enum err e = read_file(&f->credentials, f->credentials_path, ei);
    return e == ERR_OK ? read_file(&f->config, f->config_path, ei) : e;
}

/* Of either file; credentials first, as botocore merges them. */
static bool profile_value(const struct files *f, const char *key, struct str *value)
{
    return credentials_ini_value(buf_str(&f->credentials), f->profile, false, key, value) ||
           credentials_ini_value(buf_str(&f->config), f->profile, true, key, value);
}

static enum err keys_of(const struct files *f, const struct buf *file, bool is_config,
                        struct credentials **out, struct err_info *ei)
{
    struct str text = buf_str(file);
    struct str id;
    struct str secret;
    struct str token = {0};
    if (!credentials_ini_value(text, f->profile, is_config, "aws_access_key_id", &id)) {
        return ERR_NOT_FOUND;
    }
    if (!credentials_ini_value(text, f->profile, is_config, "aws_secret_access_key", &secret)) {
        return err_set(ei, ERR_AUTH, "profile %s of %s has a key ID without secret", f->profile,
                       is_config ? f->config_path : f->credentials_path);
    }
    if (!credentials_ini_value(text, f->profile, is_config, "aws_session_token", &token)) {
        token = (struct str){0};
    }
    char source[128];
    int n = snprintf(source, sizeof(source), "profile %s", f->profile);
    *out = n > 0 ? credentials_new(id, secret, token, 0, source) : NULL;
    return *out != NULL ? ERR_OK : err_set(ei, ERR_NOMEM, "no memory for credentials");
}

static enum err refuse_special(const struct files *f, const char *const *keys, size_t count,
                               struct err_info *ei)
{
    struct str value;
    for (size_t i = 0; i < count; i++) {
        if (profile_value(f, keys[i], &value)) {
            return err_set(ei, ERR_UNSUPPORTED,
                           "profile %.40s has %s, which only AWS's own tools can use: name in "
                           "AWS_PROFILE a profile with `credential_process = aws configure "
                           "export-credentials --profile %.40s`",
                           f->profile, keys[i], f->profile);
        }
    }
    return ERR_NOT_FOUND;
}

static enum err look_in_files(const struct files *f, struct credentials **out,
                              const atomic_bool *aborted, struct err_info *ei)
{
    static const char *const before_keys[] = {"role_arn", "web_identity_token_file", "sso_session",
                                              "sso_start_url"};
    static const char *const login[] = {"login_session"};
    struct str command;
    enum err e = refuse_special(f, before_keys, 4, ei);
    if (e == ERR_NOT_FOUND) {
        e = keys_of(f, &f->credentials, false, out, ei);
    }
    if (e == ERR_NOT_FOUND) {
        e = refuse_special(f, login, 1, ei);
    }
    if (e == ERR_NOT_FOUND && profile_value(f, "credential_process", &command)) {
        e = credentials_from_process(out, command, f->profile, aborted, ei);
    }
    if (e == ERR_NOT_FOUND) {
        e = keys_of(f, &f->config, true, out, ei);
    }
    if (e == ERR_NOT_FOUND && f->chosen &&
        !credentials_ini_section(buf_str(&f->credentials), f->profile, false) &&
        !credentials_ini_section(buf_str(&f->config), f->profile, true)) {
        e = err_set(ei, ERR_AUTH, "AWS_PROFILE names %.60s, which is neither in %.70s nor in %.70s",
                    f->profile, f->credentials_path, f->config_path);
    }
    return e;
}

enum err credentials_from_files(struct credentials **out, const atomic_bool *aborted,
                                struct err_info *ei)
{
    struct files f;
    enum err e = read_files(&f, ei);
    if (e == ERR_OK) {
        e = look_in_files(&f, out, aborted, ei);
    }
    free_files(&f);
    return e;
}

bool credentials_profile_region(char out[64])
{
    struct files f;
    struct err_info ei = {0};
    struct str region;
    bool found = read_files(&f, &ei) == ERR_OK && profile_value(&f, "region", &region) &&
                 str_copy(out, 64, region);
    free_files(&f);
    return found;
}
