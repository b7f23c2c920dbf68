/* credentials_private.h: the places where credentials are looked for, one file each. */
#ifndef TOLLGATE_AWS_CREDENTIALS_PRIVATE_H
#define TOLLGATE_AWS_CREDENTIALS_PRIVATE_H

#include "core/aws/aws_http.h"
#include "core/aws/credentials.h"

#include <stdatomic.h>

#define CREDENTIALS_FIELD_MAX 8192 /* session tokens have about 1 KB */

/* A lookup gives ERR_OK and *out, ERR_NOT_FOUND: go on with the next place, or another error: this
 * is the place, but it does not work. */

enum err credentials_from_environment(struct credentials **out, struct err_info *ei);
/* The chosen profile of the shared files. */
enum err credentials_from_files(struct credentials **out, const atomic_bool *aborted,
                                struct err_info *ei);
/* The role of the EC2 instance; by IMDSv2. */
enum err credentials_from_instance(struct aws_http *h, struct credentials **out,
                                   struct err_info *ei);

/* Output of a credential_process, run without a shell. */
enum err credentials_from_process(struct credentials **out, struct str command, const char *profile,
                                  const atomic_bool *aborted, struct err_info *ei);

/* JSON of IMDS or a credential_process: AccessKeyId, SecretAccessKey, Token or SessionToken,
 * Expiration. ERR_PARSE without its text. */
enum err credentials_from_json(struct credentials **out, struct str json, const char *source,
                               struct err_info *ei);

/* The value of `key` in section `[section]` of an INI text; with is_config, `[profile section]`
 * (`[default]` stays). Nested (indented) lines belong to the key before them and are skipped. */
bool credentials_ini_value(struct str text, const char *section, bool is_config, const char *key,
                           struct str *value);
/* Is there such a section? */
bool credentials_ini_section(struct str text, const char *section, bool is_config);

#endif
