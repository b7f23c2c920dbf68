/* anomalies.h: Cost Anomaly Detection, a part of Cost Explorer (endpoint and Region of `ce`). Calls
 * cost a cent a page as all of Cost Explorer's; detection itself is free. */
#ifndef TOLLGATE_AWS_ANOMALIES_H
#define TOLLGATE_AWS_ANOMALIES_H

#include "core/aws/aws_json.h"

#define ANOMALY_CAUSES_MAX 8

struct anomaly_cause {
    const char *service, *region, *account, *usage_type; /* "" where not said */
    money_t impact;                                      /* -1: not said */
};
/* Texts are borrowed during the call. */
struct anomaly {
    const char *id, *start, *end /* "2026-11-20"; end "" while it lasts */, *dimension,
        *monitor_arn;
    double score;
    money_t impact, actual, expected;                /* totals; -1: not said */
    struct anomaly_cause causes[ANOMALY_CAUSES_MAX]; /* the first ones */
    size_t cause_count;
};
typedef bool anomalies_row(void *arg, const struct anomaly *a); /* false ends with ERR_PARSE */

/* From start to end ("2026-11-01"; both may be the same day). */
enum err anomalies_list(const struct aws_session *s, const char *start, const char *end,
                        anomalies_row *fn, void *arg, int64_t *pages,
                        struct err_info *ei) MUST_CHECK;

struct anomaly_monitor {
    const char *arn, *name, *type /* "CUSTOM" "DIMENSIONAL" */, *dimension /* "" for CUSTOM */;
};
typedef bool anomalies_monitor_row(void *arg, const struct anomaly_monitor *m);
enum err anomalies_monitors(const struct aws_session *s, anomalies_monitor_row *fn, void *arg,
                            int64_t *pages, struct err_info *ei) MUST_CHECK;

struct anomaly_subscription {
    const char *arn, *name, *frequency /* "DAILY" "WEEKLY" "IMMEDIATE" */;
    const json_t *monitors, *subscribers; /* ["arn"], [{"Address","Type","Status"}] */
};
typedef bool anomalies_subscription_row(void *arg, const struct anomaly_subscription *u);
enum err anomalies_subscriptions(const struct aws_session *s, anomalies_subscription_row *fn,
                                 void *arg, int64_t *pages, struct err_info *ei) MUST_CHECK;

/* Bodies of the two calls, for showing them too; the caller's; NULL without memory. A monitor over
 * a tag (key as billing spells it, values) or, with tag_key NULL, over services one by one. */
json_t *anomalies_monitor_body(const char *name, const char *tag_key, const char *const *values,
                               size_t value_count);
/* Tells e-mail addresses once a day, an SNS topic at once; from a total impact of `least` on. One
 * of email and sns_topic must be given, the other NULL. */
json_t *anomalies_subscription_body(const char *name, const char *monitor_arn, const char *email,
                                    const char *sns_topic, money_t least);
/* Take body; arn is filled. */
#define ANOMALY_ARN 1056
enum err anomalies_create_monitor(const struct aws_session *s, json_t *body, char arn[ANOMALY_ARN],
                                  struct err_info *ei) MUST_CHECK;
enum err anomalies_create_subscription(const struct aws_session *s, json_t *body,
                                       char arn[ANOMALY_ARN], struct err_info *ei) MUST_CHECK;

#endif
