/* credentials_profiles.c: the two shared files, and what of a profile is no credential: its Region
 * and endpoints. */
#include "core/aws/credentials_private.h"

#include "core/aws/credentials_profile.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>

#define FILE_MAX (1024 * 1024)

static bool choose_path(char out[512], const char *variable, const char *under_home)
{
    const char *given = credentials_env(variable);
    const char *home = credentials_env("HOME");
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

enum err credentials_read_file(struct buf *out, const char *path, size_t max, struct err_info *ei)
{
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        return errno == ENOENT || errno == ENOTDIR
                   ? ERR_NOT_FOUND
                   : err_set_sys(ei, ERR_IO, errno, "cannot read %s", path);
    }
    buf_init(out, max);
    char at[4096];
    size_t got;
    while ((got = fread(at, 1, sizeof(at), f)) > 0 && buf_append(out, at, got)) {
    }
    OPENSSL_cleanse(at, sizeof(at));
    enum err e = ERR_OK;
    if (ferror(f)) {
        e = err_set(ei, ERR_IO, "cannot read %s", path);
    } else if (out->failed) {
        e = err_set(ei, ERR_TOO_BIG, "%s is larger than %zu KB", path, max / 1024);
    }
    if (fclose(f) != 0 && e == ERR_OK) {
        e = err_set(ei, ERR_IO, "cannot read %s", path);
    }
    return e;
}

static enum err read_either(struct buf *out, const char *path, struct err_info *ei)
{
    enum err e = credentials_read_file(out, path, FILE_MAX, ei);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

enum err profiles_read(struct profiles *f, struct err_info *ei)
{
    *f = (struct profiles){.chosen = credentials_env("AWS_PROFILE")};
    if (f->chosen == NULL) {
        f->chosen = credentials_env("AWS_DEFAULT_PROFILE");
    }
    f->named = f->chosen != NULL;
    if (!f->named) {
        f->chosen = "default";
    }
    if (!choose_path(f->credentials_path, "AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials") ||
        !choose_path(f->config_path, "AWS_CONFIG_FILE", "/.aws/config")) {
        return err_set(ei, ERR_TOO_BIG,
                       "the path of an AWS credentials or config file is too long");
    }
    enum err e = read_either(&f->credentials, f->credentials_path, ei);
    return e == ERR_OK ? read_either(&f->config, f->config_path, ei) : e;
}

void profiles_free(struct profiles *f)
{
    OPENSSL_cleanse(buf_bytes(&f->credentials), f->credentials.len);
    OPENSSL_cleanse(buf_bytes(&f->config), f->config.len);
    buf_free(&f->credentials);
    buf_free(&f->config);
}

bool profiles_value(const struct profiles *f, const char *profile, const char *key,
                    struct str *value)
{
    return credentials_ini_value(buf_str(&f->credentials), profile, false, key, value) ||
           credentials_ini_value(buf_str(&f->config), profile, true, key, value);
}

bool profiles_text(const struct profiles *f, const char *profile, const char *key, char *out,
                   size_t size)
{
    struct str value;
    return profiles_value(f, profile, key, &value) && str_copy(out, size, value);
}

bool profiles_have(const struct profiles *f, const char *profile)
{
    return credentials_ini_section(buf_str(&f->credentials), profile, false) ||
           credentials_ini_section(buf_str(&f->config), profile, true);
}

/* --- what the configuration asks --- */

bool credentials_profile_region(char *region, size_t size, char *from, size_t from_size)
{
    struct profiles f;
    struct err_info ei = {0};
    bool found =
        profiles_read(&f, &ei) == ERR_OK && profiles_text(&f, f.chosen, "region", region, size);
    if (found) {
        found = snprintf(from, from_size, "profile %s", f.chosen) > 0;
    }
    profiles_free(&f);
    return found;
}

bool credentials_profile_endpoint(const char *service, char *url, size_t size, char *from,
                                  size_t from_size)
{
    struct profiles f;
    struct err_info ei = {0};
    struct str value;
    char services[CREDENTIALS_PROFILE_MAX];
    bool usable = profiles_read(&f, &ei) == ERR_OK;
    if (usable && profiles_value(&f, f.chosen, "ignore_configured_endpoint_urls", &value)) {
        usable = !str_is_nocase(value, "true");
    }
    bool found =
        usable && profiles_text(&f, f.chosen, "services", services, sizeof(services)) &&
        credentials_ini_service(buf_str(&f.config), services, service, "endpoint_url", &value) &&
        str_copy(url, size, value);
    if (found) {
        found = snprintf(from, from_size, "services %s of profile %s", services, f.chosen) > 0;
    } else if (usable) {
        found = profiles_text(&f, f.chosen, "endpoint_url", url, size) &&
                snprintf(from, from_size, "profile %s", f.chosen) > 0;
    }
    profiles_free(&f);
    return found;
}
