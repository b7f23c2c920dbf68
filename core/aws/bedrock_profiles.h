/* bedrock_profiles.h: Bedrock's control plane: inference profiles and their tags, whether
 * invocations are logged. */
#ifndef TOLLGATE_AWS_BEDROCK_PROFILES_H
#define TOLLGATE_AWS_BEDROCK_PROFILES_H

#include "core/aws/aws_json.h"

/* One inference profile; texts are borrowed during the call. */
struct bedrock_profile {
    const char *name, *arn, *id, *status /* "ACTIVE" */, *type /* "APPLICATION" "SYSTEM_DEFINED" */,
        *created;
    const char *model_arn; /* of the first model, whose price it has */
    size_t model_count;
    const json_t *raw;
};
typedef bool bedrock_profiles_row(void *arg, const struct bedrock_profile *p);

/* All profiles of a type ("APPLICATION", "SYSTEM_DEFINED"; NULL: both). Without tags: those are
 * asked for one by one. */
enum err bedrock_profiles_list(const struct aws_session *s, const char *type,
                               bedrock_profiles_row *fn, void *arg, int64_t *pages,
                               struct err_info *ei) MUST_CHECK;
/* One, by ID or ARN. fn is called once. ERR_NOT_FOUND. */
enum err bedrock_profiles_get(const struct aws_session *s, const char *id, bedrock_profiles_row *fn,
                              void *arg, struct err_info *ei) MUST_CHECK;
/* Tags of a profile (any resource of bedrock) as {"k":"v"}; the caller's. */
enum err bedrock_profiles_tags(const struct aws_session *s, const char *arn, json_t **tags,
                               struct err_info *ei) MUST_CHECK;

/* Body of a new application profile copied from a foundation model's or a system profile's ARN;
 * tags {"k":"v"} are borrowed. token: up to 256 of [A-Za-z0-9-], the same for a repeated request.
 * The caller's; NULL without memory. */
json_t *bedrock_profiles_create_body(const char *name, const char *description,
                                     const char *source_arn, json_t *tags, const char *token);
#define BEDROCK_PROFILE_ARN 2049
/* Takes body. */
enum err bedrock_profiles_create(const struct aws_session *s, json_t *body,
                                 char arn[BEDROCK_PROFILE_ARN], struct err_info *ei) MUST_CHECK;
enum err bedrock_profiles_delete(const struct aws_session *s, const char *id,
                                 struct err_info *ei) MUST_CHECK;

/* GetModelInvocationLoggingConfiguration: *config the loggingConfig object, the caller's, or NULL
 * when logging is off. */
enum err bedrock_logging_get(const struct aws_session *s, json_t **config,
                             struct err_info *ei) MUST_CHECK;

#endif
