/* sim_alarms.c: CloudWatch's alarms: DescribeAlarms and PutMetricAlarm. They are not evaluated: an
 * alarm has the state it was set up with, a new one INSUFFICIENT_DATA. */
#include "core/sim/sim_setup.h"
#include "core/sim/sim_state.h"

#include <string.h>

#define INVALID "InvalidParameterValueException", "InvalidParameterValue"

static bool is_named(const json_t *names, const char *name)
{
    const json_t *one;
    size_t i;
    json_array_foreach(names, i, one)
    {
        if (json_is_string(one) && strcmp(json_string_value(one), name) == 0) {
            return true;
        }
    }
    return json_array_size(names) == 0;
}

static void describe(struct sim_connection *c, const json_t *root)
{
    static const struct sim_paging paging = {"MetricAlarms", "NextToken", "MaxRecords", 100};
    const char *prefix = sim_setup_text(root, "AlarmNamePrefix"),
               *state = sim_setup_text(root, "StateValue");
    json_t *all = json_array(), *one;
    size_t i;
    json_array_foreach(sim_setup_list(c, "alarms"), i, one)
    {
        const char *name = sim_setup_text(one, "AlarmName");
        if (strncmp(name, prefix, strlen(prefix)) == 0 &&
            (state[0] == '\0' || strcmp(state, sim_setup_text(one, "StateValue")) == 0) &&
            is_named(json_object_get(root, "AlarmNames"), name)) {
            (void)json_array_append(all, one);
        }
    }
    sim_setup_answer(c, root, &paging, all);
}

static const char *wrong_alarm(const json_t *a)
{
    json_int_t period = json_integer_value(json_object_get(a, "Period"));
    if (sim_setup_text(a, "AlarmName")[0] == '\0' || strlen(sim_setup_text(a, "AlarmName")) > 255) {
        return "AlarmName: 1 to 255 characters.";
    }
    if (!sim_setup_one_of(sim_setup_text(a, "ComparisonOperator"),
                          " GreaterThanOrEqualToThreshold GreaterThanThreshold LessThanThreshold "
                          "LessThanOrEqualToThreshold ") ||
        json_integer_value(json_object_get(a, "EvaluationPeriods")) < 1 ||
        !json_is_number(json_object_get(a, "Threshold"))) {
        return "ComparisonOperator, EvaluationPeriods and Threshold are needed.";
    }
    if (sim_setup_text(a, "MetricName")[0] == '\0' || sim_setup_text(a, "Namespace")[0] == '\0' ||
        !sim_setup_one_of(sim_setup_text(a, "Statistic"),
                          " SampleCount Average Sum Minimum Maximum ") ||
        period < 10 || (period >= 60 && period % 60 != 0)) {
        return "MetricName, Namespace, Statistic and a Period (10, 30, or a multiple of 60) are "
               "needed.";
    }
    return NULL;
}

static void put(struct sim_connection *c, const json_t *root)
{
    const char *wrong = wrong_alarm(root), *name = sim_setup_text(root, "AlarmName");
    json_t *all = sim_setup_list(c, "alarms");
    int64_t seconds = loop_wall_ms(sim_http_owner(c)->loop) / 1000;
    if (wrong != NULL) {
        sim_json_refuse(c, INVALID, "%s", wrong);
        return;
    }
    json_t *kept = json_deep_copy(root), *old = sim_setup_find(all, "AlarmName", name);
    const char *state = sim_setup_text(old, "StateValue");
    (void)json_object_set_new(kept, "AlarmArn",
                              json_sprintf("arn:aws:cloudwatch:%s:" SIM_ACCOUNT ":alarm:%s",
                                           sim_http_owner(c)->region, name));
    (void)json_object_set_new(kept, "StateValue",
                              json_string(state[0] != '\0' ? state : "INSUFFICIENT_DATA"));
    (void)json_object_set_new(kept, "StateUpdatedTimestamp", json_integer(seconds));
    (void)json_object_set_new(kept, "AlarmConfigurationUpdatedTimestamp", json_integer(seconds));
    if (json_object_get(kept, "ActionsEnabled") == NULL) {
        (void)json_object_set_new(kept, "ActionsEnabled", json_true());
    }
    if (old != NULL) {
        (void)json_object_clear(old);
        (void)json_object_update(old, kept);
        json_decref(kept);
    } else {
        (void)json_array_append_new(all, kept);
    }
    sim_json_answer(c, json_object());
}

bool sim_alarms_handle(struct sim_connection *c, struct str operation, const json_t *root)
{
    if (str_is(operation, "DescribeAlarms")) {
        describe(c, root);
    } else if (str_is(operation, "PutMetricAlarm")) {
        put(c, root);
    } else {
        return false;
    }
    return true;
}
