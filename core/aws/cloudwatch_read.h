/* cloudwatch_read.h: which metrics there are, and their statistics one by one. */
#ifndef TOLLGATE_AWS_CLOUDWATCH_READ_H
#define TOLLGATE_AWS_CLOUDWATCH_READ_H

#include "core/aws/aws_json.h"

/* A metric there is; texts are borrowed during the call. dimensions: [{"Name","Value"}]. False ends
 * with ERR_PARSE. */
typedef bool cloudwatch_found(void *arg, const char *metric, const json_t *dimensions);

/* The metrics of a namespace with data in the last two weeks. *pages: what was paid for. */
enum err cloudwatch_list(const struct aws_session *s, const char *name_space, cloudwatch_found *fn,
                         void *arg, int64_t *pages, struct err_info *ei) MUST_CHECK;

/* One metric of one dimension, summed up in periods. Borrowed. */
struct cloudwatch_stat {
    const char *name_space, *metric, *dimension, *value;
    const char *stat; /* "Sum" "Maximum" "Average" "SampleCount" */
    int period_s;
};
/* A value of stats[index] for the period from at_ms on. */
typedef bool cloudwatch_value(void *arg, size_t index, int64_t at_ms, double value);

/* Values of [start, end), however many stats and pages. *asked: the metrics paid for, also after an
 * error. fn may have been called before an error. */
enum err cloudwatch_stats(const struct aws_session *s, const struct cloudwatch_stat *stats,
                          size_t count, int64_t start_ms, int64_t end_ms, cloudwatch_value *fn,
                          void *arg, int64_t *asked, struct err_info *ei) MUST_CHECK;

#endif
