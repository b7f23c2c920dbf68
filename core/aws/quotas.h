/* quotas.h: Service Quotas: what the account may use of a service. Free of charge. */
#ifndef TOLLGATE_AWS_QUOTAS_H
#define TOLLGATE_AWS_QUOTAS_H

#include "core/aws/aws_json.h"

/* Texts are borrowed during the call. */
struct quota {
    const char *name; /* "On-demand model inference tokens per minute for Amazon Nova Lite" */
    const char *code; /* "L-1234ABCD" */
    double value;
    bool adjustable;
};
typedef bool quotas_row(void *arg, const struct quota *q); /* false ends with ERR_PARSE */

/* All quotas of a service ("bedrock"). */
enum err quotas_list(const struct aws_session *s, const char *service, quotas_row *fn, void *arg,
                     struct err_info *ei) MUST_CHECK;

#endif
