/* alarms.c: see alarms.h. */
#include "core/aws/alarms.h"

#define PREFIX    "GraniteServiceVersion20100801."
#define PAGES_MAX 100

static struct aws_operation operation(const char *action, const char *target)
{
    return (struct aws_operation){.service = "monitoring",
                                  .action = action,
                                  .target = target,
                                  .content_type = "application/x-amz-json-1.0"};
}

struct rows {
    alarms_row *fn;
    void *arg;
};

static bool take_alarm(void *arg, const json_t *item)
{
    const struct rows *r = arg;
    struct alarm a = {.name = aws_json_text(item, "AlarmName"),
                      .state = aws_json_text(item, "StateValue"),
                      .reason = aws_json_text(item, "StateReason"),
                      .name_space = aws_json_text(item, "Namespace"),
                      .metric = aws_json_text(item, "MetricName"),
                      .threshold = aws_json_number(item, "Threshold"),
                      .period_s = (int64_t)json_integer_value(json_object_get(item, "Period")),
                      .changed_ms = aws_json_epoch_ms(item, "StateUpdatedTimestamp"),
                      .dimensions = json_object_get(item, "Dimensions")};
    return a.name[0] != '\0' && r->fn(r->arg, &a);
}

enum err alarms_list(const struct aws_session *s, const char *prefix, const char *state,
                     alarms_row *fn, void *arg, int64_t *pages, struct err_info *ei)
{
    struct aws_operation op = operation("cloudwatch:DescribeAlarms", PREFIX "DescribeAlarms");
    struct aws_pages p = {"MetricAlarms", "NextToken", "NextToken", PAGES_MAX, NULL, NULL};
    struct rows r = {fn, arg};
    json_t *body = json_pack("{s:i, s:s*, s:s*}", "MaxRecords", 100, "AlarmNamePrefix", prefix,
                             "StateValue", state);
    return aws_json_list(s, &op, body, &p, take_alarm, &r, pages, ei);
}

json_t *alarms_put_body(const struct alarm_new *a)
{
    json_t *dimensions = aws_json_tags(a->dimensions, "Name", "Value");
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:i, s:i, s:f, s:s, s:s}", "AlarmName", a->name,
                  "AlarmDescription", a->description, "Namespace", a->name_space, "MetricName",
                  a->metric, "Statistic", "Sum", "Dimensions", dimensions, "Period", a->period_s,
                  "EvaluationPeriods", a->periods, "Threshold", a->threshold, "ComparisonOperator",
                  "GreaterThanThreshold", "TreatMissingData", "notBreaching");
    if (body != NULL && a->topic != NULL &&
        (json_object_set_new(body, "AlarmActions", json_pack("[s]", a->topic)) != 0 ||
         json_object_set_new(body, "OKActions", json_pack("[s]", a->topic)) != 0)) {
        json_decref(body);
        return NULL;
    }
    return body;
}

enum err alarms_put(const struct aws_session *s, json_t *body, struct err_info *ei)
{
    struct aws_operation op = operation("cloudwatch:PutMetricAlarm", PREFIX "PutMetricAlarm");
    json_t *answer = NULL;
    if (body == NULL) {
        return err_set(ei, ERR_NOMEM, "no memory for an alarm");
    }
    enum err e = aws_json_call(s, &op, body, &answer, ei);
    json_decref(answer);
    return e;
}
