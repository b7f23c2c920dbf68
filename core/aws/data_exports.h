/* data_exports.h: Data Exports: which cost exports there are and what is in them. Endpoint and
 * Region of billing (us-east-1). */
#ifndef TOLLGATE_AWS_DATA_EXPORTS_H
#define TOLLGATE_AWS_DATA_EXPORTS_H

#include "core/aws/aws_json.h"

struct data_export {
    const char *arn, *name, *status /* "HEALTHY" */;
};
typedef bool data_exports_row(void *arg, const struct data_export *x);
enum err data_exports_list(const struct aws_session *s, data_exports_row *fn, void *arg,
                           int64_t *pages, struct err_info *ei) MUST_CHECK;
/* One in full: *out the "Export" object, the caller's. */
enum err data_exports_get(const struct aws_session *s, const char *arn, json_t **out,
                          struct err_info *ei) MUST_CHECK;

#endif
