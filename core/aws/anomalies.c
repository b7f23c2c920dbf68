/* anomalies.c: see anomalies.h. */
#include "core/aws/anomalies.h"

#define PREFIX    "AWSInsightsIndexService."
#define PAGES_MAX 20

static struct aws_operation operation(const char *action, const char *target)
{
    return (struct aws_operation){.service = "ce", .action = action, .target = target};
}

static money_t amount(const json_t *o, const char *key)
{
    money_t m;
    return aws_json_amount(o, key, &m) ? m : -1;
}

/* --- lists --- */

static void take_causes(struct anomaly *a, const json_t *causes)
{
    size_t i;
    const json_t *one;
    json_array_foreach(causes, i, one)
    {
        if (a->cause_count == ANOMALY_CAUSES_MAX) {
            return;
        }
        a->causes[a->cause_count++] = (struct anomaly_cause){
            .service = aws_json_text(one, "Service"),
            .region = aws_json_text(one, "Region"),
            .account = aws_json_text(one, "LinkedAccount"),
            .usage_type = aws_json_text(one, "UsageType"),
            .impact = amount(json_object_get(one, "Impact"), "Contribution")};
    }
}

struct anomaly_rows {
    anomalies_row *fn;
    void *arg;
};

static bool take_anomaly(void *arg, const json_t *item)
{
    const struct anomaly_rows *r = arg;
    const json_t *impact = json_object_get(item, "Impact");
    struct anomaly a = {.id = aws_json_text(item, "AnomalyId"),
                        .start = aws_json_text(item, "AnomalyStartDate"),
                        .end = aws_json_text(item, "AnomalyEndDate"),
                        .dimension = aws_json_text(item, "DimensionValue"),
                        .monitor_arn = aws_json_text(item, "MonitorArn"),
                        .score =
                            aws_json_number(json_object_get(item, "AnomalyScore"), "CurrentScore"),
                        .impact = amount(impact, "TotalImpact"),
                        .actual = amount(impact, "TotalActualSpend"),
                        .expected = amount(impact, "TotalExpectedSpend")};
    take_causes(&a, json_object_get(item, "RootCauses"));
    return a.id[0] != '\0' && r->fn(r->arg, &a);
}

enum err anomalies_list(const struct aws_session *s, const char *start, const char *end,
                        anomalies_row *fn, void *arg, int64_t *pages, struct err_info *ei)
{
    struct aws_operation op = operation("ce:GetAnomalies", PREFIX "GetAnomalies");
    struct aws_pages p = {"Anomalies", "NextPageToken", "NextPageToken", PAGES_MAX, NULL, NULL};
    struct anomaly_rows r = {fn, arg};
    json_t *body = json_pack("{s:{s:s, s:s}}", "DateInterval", "StartDate", start, "EndDate", end);
    return aws_json_list(s, &op, body, &p, take_anomaly, &r, pages, ei);
}

struct monitor_rows {
    anomalies_monitor_row *fn;
    void *arg;
};

static bool take_monitor(void *arg, const json_t *item)
{
    const struct monitor_rows *r = arg;
    struct anomaly_monitor m = {.arn = aws_json_text(item, "MonitorArn"),
                                .name = aws_json_text(item, "MonitorName"),
                                .type = aws_json_text(item, "MonitorType"),
                                .dimension = aws_json_text(item, "MonitorDimension")};
    return m.arn[0] != '\0' && r->fn(r->arg, &m);
}

enum err anomalies_monitors(const struct aws_session *s, anomalies_monitor_row *fn, void *arg,
                            int64_t *pages, struct err_info *ei)
{
    struct aws_operation op = operation("ce:GetAnomalyMonitors", PREFIX "GetAnomalyMonitors");
    struct aws_pages p = {
        "AnomalyMonitors", "NextPageToken", "NextPageToken", PAGES_MAX, NULL, NULL};
    struct monitor_rows r = {fn, arg};
    return aws_json_list(s, &op, json_object(), &p, take_monitor, &r, pages, ei);
}

struct subscription_rows {
    anomalies_subscription_row *fn;
    void *arg;
};

static bool take_subscription(void *arg, const json_t *item)
{
    const struct subscription_rows *r = arg;
    struct anomaly_subscription u = {.arn = aws_json_text(item, "SubscriptionArn"),
                                     .name = aws_json_text(item, "SubscriptionName"),
                                     .frequency = aws_json_text(item, "Frequency"),
                                     .monitors = json_object_get(item, "MonitorArnList"),
                                     .subscribers = json_object_get(item, "Subscribers")};
    return u.arn[0] != '\0' && r->fn(r->arg, &u);
}

enum err anomalies_subscriptions(const struct aws_session *s, anomalies_subscription_row *fn,
                                 void *arg, int64_t *pages, struct err_info *ei)
{
    struct aws_operation op =
        operation("ce:GetAnomalySubscriptions", PREFIX "GetAnomalySubscriptions");
    struct aws_pages p = {
        "AnomalySubscriptions", "NextPageToken", "NextPageToken", PAGES_MAX, NULL, NULL};
    struct subscription_rows r = {fn, arg};
    return aws_json_list(s, &op, json_object(), &p, take_subscription, &r, pages, ei);
}

/* --- making them --- */

json_t *anomalies_monitor_body(const char *name, const char *tag_key, const char *const *values,
                               size_t value_count)
{
    if (tag_key == NULL) {
        return json_pack("{s:{s:s, s:s, s:s}}", "AnomalyMonitor", "MonitorName", name,
                         "MonitorType", "DIMENSIONAL", "MonitorDimension", "SERVICE");
    }
    json_t *list = json_array();
    for (size_t i = 0; i < value_count; i++) {
        (void)json_array_append_new(list, json_string(values[i]));
    }
    return json_pack("{s:{s:s, s:s, s:{s:{s:s, s:o, s:[s]}}}}", "AnomalyMonitor", "MonitorName",
                     name, "MonitorType", "CUSTOM", "MonitorSpecification", "Tags", "Key", tag_key,
                     "Values", list, "MatchOptions", "EQUALS");
}

json_t *anomalies_subscription_body(const char *name, const char *monitor_arn, const char *email,
                                    const char *sns_topic, money_t least)
{
    char dollars[MONEY_TEXT];
    money_format(dollars, least);
    return json_pack("{s:{s:s, s:[s], s:[{s:s, s:s}], s:s, s:{s:{s:s, s:[s], s:[s]}}}}",
                     "AnomalySubscription", "SubscriptionName", name, "MonitorArnList", monitor_arn,
                     "Subscribers", "Type", sns_topic != NULL ? "SNS" : "EMAIL", "Address",
                     sns_topic != NULL ? sns_topic : email, "Frequency",
                     sns_topic != NULL ? "IMMEDIATE" : "DAILY", "ThresholdExpression", "Dimensions",
                     "Key", "ANOMALY_TOTAL_IMPACT_ABSOLUTE", "Values", dollars, "MatchOptions",
                     "GREATER_THAN_OR_EQUAL");
}

static enum err create(const struct aws_session *s, const struct aws_operation *op, json_t *body,
                       const char *member, char arn[ANOMALY_ARN], struct err_info *ei)
{
    json_t *answer = NULL;
    arn[0] = '\0';
    if (body == NULL) {
        return err_set(ei, ERR_NOMEM, "%s: no memory for the request", op->action);
    }
    enum err e = aws_json_call(s, op, body, &answer, ei);
    if (e == ERR_OK &&
        (!str_copy(arn, ANOMALY_ARN, str_of(aws_json_text(answer, member))) || arn[0] == '\0')) {
        e = err_set(ei, ERR_PARSE, "%s answered without %s", op->action, member);
    }
    json_decref(answer);
    return e;
}

enum err anomalies_create_monitor(const struct aws_session *s, json_t *body, char arn[ANOMALY_ARN],
                                  struct err_info *ei)
{
    struct aws_operation op = operation("ce:CreateAnomalyMonitor", PREFIX "CreateAnomalyMonitor");
    return create(s, &op, body, "MonitorArn", arn, ei);
}

enum err anomalies_create_subscription(const struct aws_session *s, json_t *body,
                                       char arn[ANOMALY_ARN], struct err_info *ei)
{
    struct aws_operation op =
        operation("ce:CreateAnomalySubscription", PREFIX "CreateAnomalySubscription");
    return create(s, &op, body, "SubscriptionArn", arn, ei);
}
