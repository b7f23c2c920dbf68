/* publish.h: from calls of the ledger to the six metrics: by minute and, in each configured set of
 * dimensions, by their values. A call counts once in every set. No clock, no network: what is in a
 * batch depends only on what it was given. */
#ifndef TOLLGATE_CLOUD_PUBLISH_H
#define TOLLGATE_CLOUD_PUBLISH_H

#include "core/aws/cloudwatch.h"
#include "core/base/map.h"
#include "core/config/config.h"
#include "core/ledger/ledger.h"

enum publish_metric {
    PUBLISH_TOTAL,
    PUBLISH_APPROVED,
    PUBLISH_DENIED,
    PUBLISH_FAILED,
    PUBLISH_INPUT,
    PUBLISH_OUTPUT,
    PUBLISH_METRICS
};
const char *publish_metric_name(enum publish_metric m); /* "TotalRequests", ... */

#define PUBLISH_VALUE_MAX  256
#define PUBLISH_SERIES_MAX (CLOUDWATCH_PUT_MAX / PUBLISH_METRICS)

/* The series of one day: each is billed as six metrics. All-zero is the start. */
struct publish_known {
    struct map names;
    int64_t day;
};
void publish_known_free(struct publish_known *k);

struct publish_series {
    int64_t minute_ms;
    int64_t values[PUBLISH_METRICS];
    unsigned set; /* of dimensions: bit DIMENSION_x */
    struct cloudwatch_dimension dimensions[CONFIG_DIMENSIONS];
    size_t dimension_count;
    char text[CONFIG_DIMENSIONS][PUBLISH_VALUE_MAX]; /* by DIMENSION_x; "" outside the set */
};

/* What fits into one request, so that either all of it was taken by AWS or nothing. */
struct publish_batch {
    struct publish_known *known;
    const struct config_metrics *metrics;
    int64_t now_ms;
    bool all; /* the running minute too */
    struct map index;
    struct publish_series *at[PUBLISH_SERIES_MAX];
    size_t count, bytes;
    int64_t calls;    /* that the series sum */
    int64_t last_seq; /* of the last entry that is accounted for; 0: none */
    int64_t too_old;  /* calls that CloudWatch would refuse by their age, left out */
    bool more;        /* it ended because it was full */
    bool failed;      /* no memory */
};

/* Borrows metrics. Beyond max_series series a day Application becomes "other"; where even that
 * makes too many, so does every dimension: config_series_most is never passed. */
void publish_begin(struct publish_batch *b, struct publish_known *known,
                   const struct config_metrics *metrics, int64_t now_ms, bool all);
/* Accounts for an entry, in order of seq and in all sets or none. False: not this one, and the
 * batch is done: it is full, or the minute of the entry is not over by 2 seconds. */
bool publish_take(struct publish_batch *b, const struct audit_entry *e);
/* The data of the batch: count * PUBLISH_METRICS of them, owned by the caller, pointing into b.
 * NULL without memory. */
struct cloudwatch_datum *publish_data(const struct publish_batch *b);
void publish_end(struct publish_batch *b);

#endif
