/* sim_anomalies.c: Cost Explorer's anomalies: GetAnomalies, monitors and subscriptions. */
#include "core/sim/sim_setup.h"
#include "core/sim/sim_state.h"

#include <string.h>

#define INVALID "ValidationException", NULL

static bool holds(const json_t *texts, const char *text)
{
    const json_t *one;
    size_t i;
    json_array_foreach(texts, i, one)
    {
        if (json_is_string(one) && strcmp(json_string_value(one), text) == 0) {
            return true;
        }
    }
    return texts == NULL;
}

static void get_anomalies(struct sim_connection *c, const json_t *root)
{
    static const struct sim_paging paging = {"Anomalies", "NextPageToken", "MaxResults", 100};
    const json_t *dates = json_object_get(root, "DateInterval");
    const char *start = sim_setup_text(dates, "StartDate"), *end = sim_setup_text(dates, "EndDate"),
               *monitor = sim_setup_text(root, "MonitorArn");
    json_t *all = json_array(), *one;
    size_t i;
    if (strlen(start) != 10) {
        sim_json_refuse(c, INVALID, "DateInterval: StartDate as YYYY-MM-DD is needed.");
        json_decref(all);
        return;
    }
    json_array_foreach(sim_setup_list(c, "anomalies"), i, one)
    {
        const char *ends = sim_setup_text(one, "AnomalyEndDate");
        if ((ends[0] == '\0' || strncmp(ends, start, 10) >= 0) &&
            (end[0] == '\0' || strncmp(sim_setup_text(one, "AnomalyStartDate"), end, 10) <= 0) &&
            (monitor[0] == '\0' || strcmp(monitor, sim_setup_text(one, "MonitorArn")) == 0)) {
            (void)json_array_append(all, one);
        }
    }
    sim_setup_answer(c, root, &paging, all);
}

static void get_named(struct sim_connection *c, const json_t *root, const char *list,
                      const char *wanted, const char *member, const struct sim_paging *paging)
{
    json_t *all = json_array(), *one;
    size_t i;
    json_array_foreach(sim_setup_list(c, list), i, one)
    {
        if (holds(json_object_get(root, wanted), sim_setup_text(one, member))) {
            (void)json_array_append(all, one);
        }
    }
    sim_setup_answer(c, root, paging, all);
}

/* Adds a copy with an ARN of its own and answers with that. */
static void keep(struct sim_connection *c, const char *list, const json_t *given, const char *kind,
                 const char *member)
{
    json_t *all = sim_setup_list(c, list), *copy = json_deep_copy(given);
    json_t *arn = json_sprintf("arn:aws:ce::" SIM_ACCOUNT ":%s/simulated-%zu", kind,
                               json_array_size(all) + 100);
    (void)json_object_set(copy, member, arn);
    (void)json_array_append_new(all, copy);
    sim_json_answer(c, json_pack("{s:o}", member, arn));
}

static void create_monitor(struct sim_connection *c, const json_t *root)
{
    const json_t *monitor = json_object_get(root, "AnomalyMonitor");
    bool dimensional = strcmp(sim_setup_text(monitor, "MonitorType"), "DIMENSIONAL") == 0;
    if (sim_setup_text(monitor, "MonitorName")[0] == '\0' ||
        (!dimensional && strcmp(sim_setup_text(monitor, "MonitorType"), "CUSTOM") != 0) ||
        (dimensional && sim_setup_text(monitor, "MonitorDimension")[0] == '\0') ||
        (!dimensional && !json_is_object(json_object_get(monitor, "MonitorSpecification")))) {
        sim_json_refuse(c, INVALID,
                        "AnomalyMonitor: a name, and DIMENSIONAL with a MonitorDimension or CUSTOM "
                        "with a MonitorSpecification.");
        return;
    }
    keep(c, "monitors", monitor, "anomalymonitor", "MonitorArn");
}

static const char *wrong_subscription(const json_t *u)
{
    const char *frequency = sim_setup_text(u, "Frequency");
    const json_t *subscribers = json_object_get(u, "Subscribers"), *one;
    bool at_once = strcmp(frequency, "IMMEDIATE") == 0;
    size_t i;
    if (!at_once && strcmp(frequency, "DAILY") != 0 && strcmp(frequency, "WEEKLY") != 0) {
        return "Frequency: DAILY, IMMEDIATE or WEEKLY.";
    }
    json_array_foreach(subscribers, i, one)
    {
        if (strcmp(sim_setup_text(one, "Type"), at_once ? "SNS" : "EMAIL") != 0) {
            return "Subscribers: IMMEDIATE is for SNS, DAILY and WEEKLY are for EMAIL.";
        }
    }
    if (i == 0 || sim_setup_text(u, "SubscriptionName")[0] == '\0') {
        return "A SubscriptionName and Subscribers are needed.";
    }
    return !json_is_object(json_object_get(u, "ThresholdExpression")) &&
                   !json_is_number(json_object_get(u, "Threshold"))
               ? "A ThresholdExpression is needed."
               : NULL;
}

static void create_subscription(struct sim_connection *c, const json_t *root)
{
    const json_t *u = json_object_get(root, "AnomalySubscription"),
                 *arns = json_object_get(u, "MonitorArnList"), *arn;
    const char *wrong = wrong_subscription(u);
    size_t i;
    if (wrong != NULL) {
        sim_json_refuse(c, INVALID, "%s", wrong);
        return;
    }
    json_array_foreach(arns, i, arn)
    {
        if (sim_setup_find(sim_setup_list(c, "monitors"), "MonitorArn", json_string_value(arn)) ==
            NULL) {
            sim_json_refuse(c, "UnknownMonitorException", NULL, "There is no such monitor.");
            return;
        }
    }
    if (i == 0) {
        sim_json_refuse(c, INVALID, "MonitorArnList: at least one.");
        return;
    }
    keep(c, "subscriptions", u, "anomalysubscription", "SubscriptionArn");
}

bool sim_anomalies_handle(struct sim_connection *c, struct str operation, const json_t *root)
{
    static const struct sim_paging monitors = {"AnomalyMonitors", "NextPageToken", "MaxResults",
                                               100},
                                   subscriptions = {"AnomalySubscriptions", "NextPageToken",
                                                    "MaxResults", 100};
    if (str_is(operation, "GetAnomalies")) {
        get_anomalies(c, root);
    } else if (str_is(operation, "GetAnomalyMonitors")) {
        get_named(c, root, "monitors", "MonitorArnList", "MonitorArn", &monitors);
    } else if (str_is(operation, "GetAnomalySubscriptions")) {
        get_named(c, root, "subscriptions", "SubscriptionArnList", "SubscriptionArn",
                  &subscriptions);
    } else if (str_is(operation, "CreateAnomalyMonitor")) {
        create_monitor(c, root);
    } else if (str_is(operation, "CreateAnomalySubscription")) {
        create_subscription(c, root);
    } else {
        return false;
    }
    return true;
}
