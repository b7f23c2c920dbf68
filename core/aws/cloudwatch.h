/* cloudwatch.h: CloudWatch metrics, written and read (JSON 1.0). */
#ifndef TOLLGATE_AWS_CLOUDWATCH_H
#define TOLLGATE_AWS_CLOUDWATCH_H

#include "core/aws/aws_http.h"

#include <jansson.h>

#define CLOUDWATCH_PUT_MAX   1000          /* data in one request */
#define CLOUDWATCH_PUT_BYTES (1000 * 1000) /* below AWS's 1 MB, before compression */

struct cloudwatch_dimension {
    const char *name, *value;
};
struct cloudwatch_datum {
    const char *metric;
    const struct cloudwatch_dimension *dimensions;
    size_t dimension_count;
    int64_t at_ms; /* start of the minute it belongs to */
    int64_t value; /* added to what the minute holds already */
};

/* The body of PutMetricData for as many of the data as one request takes; returns how many. 0: not
 * even one fits, or no memory (out->failed). */
size_t cloudwatch_put_body(struct buf *out, const char *name_space,
                           const struct cloudwatch_datum *data, size_t count);

/* Publishes, in as few requests as the limits allow. *done counts the data AWS has taken: after an
 * error those must not be sent again. *unanswered: the request behind them went out and no answer
 * came. */
enum err cloudwatch_put(struct aws_http *h, const struct aws_place *place,
                        const struct credentials *c, const char *name_space,
                        const struct cloudwatch_datum *data, size_t count, size_t *done,
                        bool *unanswered, struct err_info *ei) MUST_CHECK;

/* Says what a page of GetMetricData lacks: series it could not or may not give, or part of them
 * without a token for the rest. Reads "MetricDataResults", "Messages", "NextToken". */
enum err cloudwatch_whole(const json_t *page, struct err_info *ei) MUST_CHECK;

/* A metric math expression, as SEARCH('{..} ..', 'Sum', 3600). */
struct cloudwatch_query {
    const char *expression; /* at most 2048 bytes */
    const char *label;      /* for each series: "${PROP('Dim.Model')}"; NULL: AWS's own */
};
/* One point of one series; label is valid during the call. `query` is the index of its query. */
typedef void cloudwatch_point(void *arg, size_t query, struct str label, int64_t at_ms,
                              double value);

/* All points of the queries (at most 500) in [start, end), over all pages. *series: how many were
 * answered, which is what AWS charges for. fn may have been called before an error. */
enum err cloudwatch_get(struct aws_http *h, const struct aws_place *place,
                        const struct credentials *c, const struct cloudwatch_query *queries,
                        size_t count, int64_t start_ms, int64_t end_ms, cloudwatch_point *fn,
                        void *arg, int64_t *series, struct err_info *ei) MUST_CHECK;

#endif
