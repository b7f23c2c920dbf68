/* credentials_environment.c: credentials of the environment. */
#include "core/aws/credentials_private.h"

#include "core/base/clock.h"

#include <stdlib.h>
#include <time.h>

const char *credentials_env(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

enum err credentials_from_environment(struct credentials **out, struct err_info *ei)
{
    const char *id = credentials_env("AWS_ACCESS_KEY_ID");
    const char *secret = credentials_env("AWS_SECRET_ACCESS_KEY");
    if (id == NULL) {
        return ERR_NOT_FOUND;
    }
    if (secret == NULL) {
        return err_set(ei, ERR_AUTH, "AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not");
    }
    const char *token = credentials_env("AWS_SESSION_TOKEN");
    if (token == NULL) {
        token = credentials_env("AWS_SECURITY_TOKEN");
    }
    int64_t expires_ms = 0;
    const char *expiration = credentials_env("AWS_CREDENTIAL_EXPIRATION");
    if (expiration != NULL && !clock_parse_rfc3339(str_of(expiration), &expires_ms)) {
        return err_set(ei, ERR_PARSE,
                       "AWS_CREDENTIAL_EXPIRATION is not a time like "
                       "2026-11-21T01:36:38Z");
    }
    *out = credentials_new(str_of(id), str_of(secret), str_of(token), expires_ms, "environment");
    return *out != NULL ? ERR_OK : err_set(ei, ERR_NOMEM, "no memory for credentials");
}

int64_t credentials_env_number(const char *name, int64_t least, int64_t most, int64_t otherwise)
{
    const char *text = credentials_env(name);
    int64_t value;
    return text != NULL && str_to_i64(str_of(text), &value) && value >= least && value <= most
               ? value
               : otherwise;
}

void credentials_pause(const atomic_bool *aborted, int64_t ms)
{
    int64_t until_us = clock_mono_us() + ms * 1000;
    const struct timespec step = {.tv_nsec = 20000000};
    while (!atomic_load(aborted) && clock_mono_us() < until_us) {
        (void)nanosleep(&step, NULL);
    }
}
