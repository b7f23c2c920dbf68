/* sts.h: who AWS takes these credentials for, and credentials of roles. */
#ifndef TOLLGATE_AWS_STS_H
#define TOLLGATE_AWS_STS_H

#include "core/aws/aws_http.h"

struct sts_identity {
    char account[32], arn[512], user_id[128];
};
/* GetCallerIdentity, which needs no permission. */
enum err sts_get_caller_identity(struct aws_http *h, const struct aws_place *place,
                                 const struct credentials *c, struct sts_identity *out,
                                 struct err_info *ei) MUST_CHECK;

#define STS_SESSION_NAME_MAX 64
#define STS_TAG_VALUE_MAX    256

struct sts_tag {
    const char *key, *value;
};
/* A role and how to take it on. Strings are borrowed; NULL where there is none. */
struct sts_role {
    const char *arn;
    const char *session_name; /* 2 to 64 of [\w+=,.@-] */
    const char *external_id;
    int64_t duration_s; /* 0: an hour, STS's default */
    const struct sts_tag *tags;
    size_t tag_count;
    const char *source; /* of the credentials: "profile x, role y" */
    int64_t timeout_ms; /* 0: 30 seconds */
};
/* AssumeRole, signed by c. One reference in *out. ERR_FORBIDDEN names sts:AssumeRole (and
 * sts:TagSession when there are tags); otherwise as aws_http_call. */
enum err sts_assume_role(struct aws_http *h, const struct aws_place *place,
                         const struct credentials *c, const struct sts_role *role,
                         struct credentials **out, struct err_info *ei) MUST_CHECK;
/* AssumeRoleWithWebIdentity, which is not signed: the token says who asks. */
enum err sts_assume_role_with_web_identity(struct aws_http *h, const struct aws_place *place,
                                           struct str token, const struct sts_role *role,
                                           struct credentials **out,
                                           struct err_info *ei) MUST_CHECK;
/* "NAME" of "arn:aws:iam::123456789012:role/path/NAME"; the whole text where it is no such ARN. */
const char *sts_role_name(const char *arn);

#endif
