/* budgets.h: AWS Budgets: what is budgeted and spent, and budgets made. Free of charge; the figures
 * are as old as the last billing refresh (hours, up to a day). */
#ifndef TOLLGATE_AWS_BUDGETS_H
#define TOLLGATE_AWS_BUDGETS_H

#include "core/aws/aws_json.h"

/* One budget; texts are borrowed during the call. Money -1: not said. */
struct budget {
    const char *name, *type /* "COST" */, *time_unit /* "MONTHLY" */, *health;
    money_t limit, actual, forecast;
    int64_t updated_ms;              /* 0: not said */
    const char *tag_key, *tag_value; /* of the filter's first tag; "" */
};
typedef bool budgets_row(void *arg, const struct budget *b); /* false ends with ERR_NOMEM */

/* All budgets of the account (12 digits). */
enum err budgets_list(const struct aws_session *s, const char *account, budgets_row *fn, void *arg,
                      int64_t *pages, struct err_info *ei) MUST_CHECK;

/* A notification of a budget and whether it has gone off. */
struct budget_notification {
    const char *type /* "ACTUAL" */, *state /* "OK" "ALARM" "" */;
    double threshold; /* percent, unless absolute */
    bool absolute;
};
typedef bool budgets_notification_row(void *arg, const struct budget_notification *n);
enum err budgets_notifications(const struct aws_session *s, const char *account, const char *budget,
                               budgets_notification_row *fn, void *arg,
                               struct err_info *ei) MUST_CHECK;

/* A monthly cost budget over what carries a tag. */
struct budget_new {
    const char *name;
    money_t limit;
    const char *time_unit; /* "DAILY" "MONTHLY" "QUARTERLY" "ANNUALLY" */
    const char *tag_key,
        *tag_value;              /* as billing spells the key; NULL: all of Bedrock's services */
    const char *const *services; /* whose cost counts; none: every service */
    size_t service_count;
    const int *percent; /* of actual spend, one notification each, at most 5 */
    size_t percent_count;
    const char *email, *sns_topic; /* at least one */
};
/* The request's body, for showing it too; NULL without memory. The caller's. */
json_t *budgets_create_body(const char *account, const struct budget_new *b);
/* Takes body. ERR_EXISTS: there is one of that name. */
enum err budgets_create(const struct aws_session *s, json_t *body, struct err_info *ei) MUST_CHECK;

#endif
