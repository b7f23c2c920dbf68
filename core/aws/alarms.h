/* alarms.h: CloudWatch alarms: their states, and alarms made. */
#ifndef TOLLGATE_AWS_ALARMS_H
#define TOLLGATE_AWS_ALARMS_H

#include "core/aws/aws_json.h"

/* One metric alarm; texts are borrowed during the call. */
struct alarm {
    const char *name, *state /* "OK" "ALARM" "INSUFFICIENT_DATA" */, *reason;
    const char *name_space, *metric; /* "" for alarms on math */
    double threshold;
    int64_t period_s, changed_ms;
    const json_t *dimensions; /* [{"Name","Value"}] */
};
typedef bool alarms_row(void *arg, const struct alarm *a); /* false ends with ERR_PARSE */

/* All metric alarms whose name starts with prefix (NULL: all) and that are in a state (NULL: any).
 */
enum err alarms_list(const struct aws_session *s, const char *prefix, const char *state,
                     alarms_row *fn, void *arg, int64_t *pages, struct err_info *ei) MUST_CHECK;

struct alarm_new {
    const char *name, *description, *name_space, *metric;
    json_t *dimensions; /* {"Model":"haiku"}; borrowed */
    int period_s, periods;
    double threshold;
    const char *topic; /* ARN told when it goes off and when it is over; NULL: nobody */
};
/* Sums above a threshold; no data is no breach. The caller's; NULL without memory. */
json_t *alarms_put_body(const struct alarm_new *a);
/* Takes body. An alarm of that name is replaced. */
enum err alarms_put(const struct aws_session *s, json_t *body, struct err_info *ei) MUST_CHECK;

#endif
