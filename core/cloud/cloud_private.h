/* cloud_private.h: between the files of the cloud thread. What is not marked as locked belongs to
 * the thread alone. */
#ifndef TOLLGATE_CLOUD_CLOUD_PRIVATE_H
#define TOLLGATE_CLOUD_CLOUD_PRIVATE_H

#include "core/aws/aws_http.h"
#include "core/cloud/cloud.h"
#include "core/cloud/cloud_cursor.h"
#include "core/cloud/publish.h"

#include <pthread.h>

/* Keys of the ledger's values. */
#define CLOUD_METRICS_KEY   "cloud.cloudwatch"
#define CLOUD_COSTS_KEY     "cloud.cost_explorer"
#define CLOUD_PUBLISHED_KEY "cloud.publish.seq"
#define CLOUD_AUDITED_KEY   "cloud.audit.seq"

enum source {
    SOURCE_CREDENTIALS,
    SOURCE_PUBLISH,
    SOURCE_AUDIT,
    SOURCE_CLOUDWATCH,
    SOURCE_COST_EXPLORER,
    SOURCES
};

/* What the polls were answered last. */
struct cloud_answers {
    struct cloud_metric *metrics; /* sum over 24 hours */
    size_t metric_count;
    struct cloud_cost *costs;
    size_t cost_count;
    char day[11]; /* UTC day the costs' `today` is about: "2026-11-21"; "" none */
};

struct cloud {
    struct ledger *ledger;
    struct credentials_provider *credentials;
    struct aws_http *http;
    struct publish_known known;
    struct cloud_cursor published, audited;
    bool again[SOURCES];         /* the last run left some: the next follows at once */
    int64_t backoff_ms[SOURCES]; /* 0: the last run worked */
    pthread_t thread;

    pthread_mutex_t lock; /* guards all that follows */
    pthread_cond_t wake;
    bool stopping, hurry, reloaded;
    struct config *config; /* a reference */
    struct cloud_source sources[SOURCES];
    struct cloud_answers answers;
};

/* One run of a source at now_ms; `hurried`: asked for by cloud_hurry. */
enum err cloud_publish(struct cloud *c, const struct config *config, const struct credentials *keys,
                       int64_t now_ms, bool hurried, struct err_info *ei);
enum err cloud_audit(struct cloud *c, const struct config *config, const struct credentials *keys,
                     int64_t now_ms, struct err_info *ei);
enum err cloud_poll_metrics(struct cloud *c, const struct config *config,
                            const struct credentials *keys, int64_t now_ms, struct err_info *ei);
enum err cloud_poll_costs(struct cloud *c, const struct config *config,
                          const struct credentials *keys, int64_t now_ms, struct err_info *ei);

/* The tag key that billing uses for cost centers; NULL when the file maps none. */
const char *cloud_cost_tag(const struct config *config);
/* "2026-11-21" of a time, UTC. */
void cloud_day(char out[11], int64_t wall_ms);
bool cloud_is_stopping(struct cloud *c);

/* cloud_answers.c: answers are kept in the ledger, so that a restart need not pay for them again.
 */
void answers_free(struct cloud_answers *a);
/* JSON of one source's part: {"at":..,"metrics":[..]} or {"at":..,"day":..,"costs":[..]}. */
bool answers_print_metrics(struct buf *out, const struct cloud_answers *a, int64_t at_ms);
bool answers_print_costs(struct buf *out, const struct cloud_answers *a, int64_t at_ms);
/* Fills the parts that the JSON holds; false, and a as it was, when it is no such JSON. */
bool answers_parse(struct cloud_answers *a, struct str json, int64_t *at_ms);
/* Adds to the sum of (metric, model), or to a cost center's; false without memory or past 2,000. */
bool answers_add_metric(struct cloud_answers *a, const char *metric, struct str model,
                        int64_t value);
bool answers_add_cost(struct cloud_answers *a, struct str cost_center, money_t today,
                      money_t month);

#endif
