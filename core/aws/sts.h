/* sts.h: who AWS takes these credentials for. */
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

#endif
