/* credentials_private.h: the places where credentials are looked for, one file each. */
#ifndef TOLLGATE_AWS_CREDENTIALS_PRIVATE_H
#define TOLLGATE_AWS_CREDENTIALS_PRIVATE_H

#include "core/aws/aws_http.h"
#include "core/aws/credentials.h"

#include <stdatomic.h>

#define CREDENTIALS_FIELD_MAX   8192 /* session tokens have about 1 KB */
#define CREDENTIALS_PROFILE_MAX 128
#define CREDENTIALS_SOURCE_MAX  256

/* --- credentials_profiles.c: the two shared files, as far as they exist --- */

struct profiles {
    char credentials_path[512], config_path[512];
    struct buf credentials, config;
    const char *chosen; /* AWS_PROFILE, AWS_DEFAULT_PROFILE or "default" */
    bool named;         /* by one of the two */
};
/* Files that are absent are empty; free in any case. */
enum err profiles_read(struct profiles *f, struct err_info *ei);
void profiles_free(struct profiles *f); /* wipes */
/* Of either file; credentials first, as botocore merges them. */
bool profiles_value(const struct profiles *f, const char *profile, const char *key,
                    struct str *value);
/* The same as a copy; false: absent, or too long. */
bool profiles_text(const struct profiles *f, const char *profile, const char *key, char *out,
                   size_t size);
bool profiles_have(const struct profiles *f, const char *profile);

/* --- one lookup --- */

struct credentials_look {
    struct aws_http *http;
    const atomic_bool *aborted;
    const struct profiles *files;
    struct aws_place sts;
    bool unheard; /* the instance metadata did not answer in time */
};
/* Each gives ERR_OK and *out, ERR_NOT_FOUND: go on with the next place, or another error: this is
 * the place, but it does not work. */

enum err credentials_from_environment(struct credentials **out, struct err_info *ei);
/* A profile with role_arn and source_profile or credential_source, chained ones too. */
enum err credentials_from_role(struct credentials_look *l, const char *profile,
                               struct credentials **out, struct err_info *ei);
/* The token file of a profile, with environment that of AWS_WEB_IDENTITY_TOKEN_FILE before it. */
enum err credentials_from_token(struct credentials_look *l, const char *profile, bool environment,
                                struct credentials **out, struct err_info *ei);
/* What stands in a profile itself: keys, or a credential_process. */
enum err credentials_from_profile(struct credentials_look *l, const char *profile,
                                  struct credentials **out, struct err_info *ei);
/* ECS and EKS Pod Identity. */
enum err credentials_from_container(struct credentials_look *l, struct credentials **out,
                                    struct err_info *ei);
/* The role of the EC2 instance; by IMDSv2. */
enum err credentials_from_instance(struct credentials_look *l, struct credentials **out,
                                   struct err_info *ei);

/* Output of a credential_process, run without a shell. */
enum err credentials_from_process(struct credentials **out, struct str command, const char *profile,
                                  const atomic_bool *aborted, struct err_info *ei);

/* JSON of IMDS, a container or a credential_process: AccessKeyId, SecretAccessKey, Token or
 * SessionToken, Expiration. ERR_PARSE without its text. */
enum err credentials_from_json(struct credentials **out, struct str json, const char *source,
                               struct err_info *ei);

/* --- shared --- */

const char *credentials_env(const char *name); /* NULL: unset or empty */
/* A file's text with a maximum; wipe it after use. ERR_NOT_FOUND: there is none. */
enum err credentials_read_file(struct buf *out, const char *path, size_t max, struct err_info *ei);
/* A number of a variable, from `least` to `most`; else `otherwise`. */
int64_t credentials_env_number(const char *name, int64_t least, int64_t most, int64_t otherwise);
/* Waits, but no longer than until the lookup is aborted. */
void credentials_pause(const atomic_bool *aborted, int64_t ms);

/* The URL of the container's credentials from the two variables (NULL: unset): *relative wins. http
 * is allowed to the container services' own addresses and to loopback only. */
enum err credentials_container_url(char *out, size_t size, const char *relative, const char *full,
                                   struct err_info *ei);

/* The value of `key` in section `[section]` of an INI text; with is_config, `[profile section]`
 * (`[default]` stays). Nested (indented) lines belong to the key before them and are skipped. */
bool credentials_ini_value(struct str text, const char *section, bool is_config, const char *key,
                           struct str *value);
/* The value of `key` below `service =` in section `[services NAME]`. */
bool credentials_ini_service(struct str text, const char *services, const char *service,
                             const char *key, struct str *value);
/* Is there such a section? */
bool credentials_ini_section(struct str text, const char *section, bool is_config);

#endif
