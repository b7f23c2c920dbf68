/* sim_budgets.c: AWS Budgets: DescribeBudgets, CreateBudget, DescribeNotificationsForBudget. What
 * is spent is the invented bill's month so far. */
#include "core/sim/sim_bill.h"
#include "core/sim/sim_setup.h"
#include "core/sim/sim_state.h"

#include <stdlib.h>
#include <string.h>

#define TARGET_PREFIX "AWSBudgetServiceGateway"
#define INVALID       "InvalidParameterException", NULL

/* --- what is spent --- */

/* Whether a budget's filter takes a cost center. Other tags match nothing. */
static bool counts(const json_t *budget, const char *center)
{
    const json_t *filter = json_object_get(budget, "FilterExpression"), *and, *tags, *value;
    size_t i;
    and = json_array_get(json_object_get(filter, "And"), 0);
    tags = json_object_get(and != NULL ? and : filter, "Tags");
    if (tags == NULL) {
        return true;
    }
    json_array_foreach(json_object_get(tags, "Values"), i, value)
    {
        if (strcmp(sim_setup_text(tags, "Key"), "costCenter") == 0 && json_is_string(value) &&
            strcmp(json_string_value(value), center) == 0) {
            return true;
        }
    }
    return false;
}

static money_t spent(const json_t *budget, int64_t today)
{
    char month[SIM_BILL_DAY_TEXT], day_text[SIM_BILL_DAY_TEXT];
    money_t sum = 0;
    sim_bill_day_text(month, today);
    for (int64_t day = today;; day--) {
        sim_bill_day_text(day_text, day);
        if (strncmp(day_text, month, 7) != 0) {
            return sum;
        }
        for (size_t center = 0; center < SIM_BILL_CENTERS; center++) {
            for (size_t service = 0; service < SIM_BILL_SERVICES; service++) {
                sum += counts(budget, sim_bill_centers[center])
                           ? sim_bill_day(day, center, service, today)
                           : 0;
            }
        }
    }
}

static int64_t today_of(const struct sim_connection *c)
{
    return loop_wall_ms(sim_http_owner(c)->loop) / 86400000;
}

static json_t *usd(money_t m)
{
    char text[MONEY_TEXT];
    money_format(text, m);
    return json_pack("{s:s, s:s}", "Amount", text, "Unit", "USD");
}

static json_t *described(const struct sim_connection *c, const json_t *stored)
{
    json_t *budget = json_deep_copy(json_object_get(stored, "Budget"));
    int64_t today = today_of(c);
    if (json_object_get(budget, "CalculatedSpend") == NULL) {
        money_t actual = spent(budget, today);
        (void)json_object_set_new(budget, "CalculatedSpend",
                                  json_pack("{s:o, s:o}", "ActualSpend", usd(actual),
                                            "ForecastedSpend", usd(actual + actual / 2)));
    }
    (void)json_object_set_new(budget, "LastUpdatedTime", json_integer(today * 86400));
    (void)json_object_set_new(budget, "HealthStatus", json_pack("{s:s}", "Status", "HEALTHY"));
    return budget;
}

/* --- operations --- */

static void describe(struct sim_connection *c, const json_t *root)
{
    static const struct sim_paging paging = {"Budgets", "NextToken", "MaxResults", 1000};
    json_t *all = json_array(), *one;
    size_t i;
    json_array_foreach(sim_setup_list(c, "budgets"), i, one)
    {
        (void)json_array_append_new(all, described(c, one));
    }
    sim_setup_answer(c, root, &paging, all);
}

static json_t *find(struct sim_connection *c, const char *name)
{
    json_t *one;
    size_t i;
    json_array_foreach(sim_setup_list(c, "budgets"), i, one)
    {
        if (strcmp(sim_setup_text(json_object_get(one, "Budget"), "BudgetName"), name) == 0) {
            return one;
        }
    }
    return NULL;
}

static void describe_notifications(struct sim_connection *c, const json_t *root)
{
    static const struct sim_paging paging = {"Notifications", "NextToken", "MaxResults", 1000};
    const json_t *budget = find(c, sim_setup_text(root, "BudgetName"));
    if (budget == NULL) {
        sim_json_refuse(c, "NotFoundException", NULL, "There is no such budget.");
        return;
    }
    const json_t *inner = json_object_get(budget, "Budget");
    double limit = strtod(sim_setup_text(json_object_get(inner, "BudgetLimit"), "Amount"), NULL);
    double actual = (double)spent(inner, today_of(c)) / (double)MONEY_DOLLAR;
    json_t *all = json_array(), *one;
    size_t i;
    json_array_foreach(json_object_get(budget, "Notifications"), i, one)
    {
        json_t *n = json_deep_copy(json_object_get(one, "Notification"));
        double threshold = json_number_value(json_object_get(n, "Threshold"));
        bool alarm = actual > limit * threshold / 100;
        (void)json_object_set_new(n, "NotificationState", json_string(alarm ? "ALARM" : "OK"));
        (void)json_array_append_new(all, n);
    }
    sim_setup_answer(c, root, &paging, all);
}

/* What AWS checks of a notification; the text says what is wrong, NULL: nothing. */
static const char *wrong_notification(const json_t *one)
{
    const json_t *n = json_object_get(one, "Notification"),
                 *subscribers = json_object_get(one, "Subscribers"), *s;
    size_t i, sns = 0;
    if (!sim_setup_one_of(sim_setup_text(n, "NotificationType"), " ACTUAL FORECASTED ") ||
        !sim_setup_one_of(sim_setup_text(n, "ComparisonOperator"),
                          " GREATER_THAN LESS_THAN EQUAL_TO ") ||
        !json_is_number(json_object_get(n, "Threshold"))) {
        return "Notification: NotificationType, ComparisonOperator and Threshold are needed.";
    }
    json_array_foreach(subscribers, i, s)
    {
        bool topic = strcmp(sim_setup_text(s, "SubscriptionType"), "SNS") == 0;
        sns += topic ? 1 : 0;
        if (topic ? strncmp(sim_setup_text(s, "Address"), "arn:", 4) != 0
                  : strchr(sim_setup_text(s, "Address"), '@') == NULL) {
            return "Subscriber: an SNS topic's ARN or an e-mail address is needed.";
        }
    }
    return i < 1 || i > 11 || sns > 1 ? "Subscribers: 1 to 10 e-mail addresses and one SNS topic."
                                      : NULL;
}

static const char *wrong_budget(const json_t *root)
{
    const json_t *budget = json_object_get(root, "Budget"),
                 *list = json_object_get(root, "NotificationsWithSubscribers"), *one;
    const char *name = sim_setup_text(budget, "BudgetName");
    size_t i;
    if (name[0] == '\0' || strlen(name) > 100 || strpbrk(name, ":\\") != NULL) {
        return "BudgetName: 1 to 100 characters without colon and backslash.";
    }
    if (strcmp(sim_setup_text(budget, "BudgetType"), "COST") != 0 ||
        !sim_setup_one_of(sim_setup_text(budget, "TimeUnit"),
                          " DAILY MONTHLY QUARTERLY ANNUALLY CUSTOM ")) {
        return "BudgetType COST with a TimeUnit is simulated.";
    }
    const json_t *limit = json_object_get(budget, "BudgetLimit");
    if (!(strtod(sim_setup_text(limit, "Amount"), NULL) > 0) ||
        strcmp(sim_setup_text(limit, "Unit"), "USD") != 0) {
        return "BudgetLimit: a positive Amount of USD is needed.";
    }
    if (json_object_get(budget, "CostFilters") != NULL &&
        json_object_get(budget, "FilterExpression") != NULL) {
        return "CostFilters and FilterExpression exclude each other.";
    }
    if (json_array_size(list) > 5) {
        return "NotificationsWithSubscribers: at most 5.";
    }
    json_array_foreach(list, i, one)
    {
        if (wrong_notification(one) != NULL) {
            return wrong_notification(one);
        }
    }
    return NULL;
}

static void create(struct sim_connection *c, const json_t *root)
{
    const json_t *budget = json_object_get(root, "Budget"),
                 *list = json_object_get(root, "NotificationsWithSubscribers");
    const char *wrong = wrong_budget(root);
    if (wrong != NULL) {
        sim_json_refuse(c, INVALID, "%s", wrong);
        return;
    }
    if (find(c, sim_setup_text(budget, "BudgetName")) != NULL) {
        sim_json_refuse(c, "DuplicateRecordException", NULL,
                        "Error creating budget: %s - the budget already exists.",
                        sim_setup_text(budget, "BudgetName"));
        return;
    }
    json_t *stored = json_pack("{s:o, s:o}", "Budget", json_deep_copy(budget), "Notifications",
                               list != NULL ? json_deep_copy(list) : json_array());
    (void)json_array_append_new(sim_setup_list(c, "budgets"), stored);
    sim_json_answer(c, json_object());
}

void sim_budgets_handle(struct sim_connection *c, const struct sim_request *r)
{
    struct str operation = sim_json_operation(r, TARGET_PREFIX);
    json_t *root = sim_json_read(c, r);

    if (root == NULL) {
        return;
    }
    if (strcmp(sim_setup_text(root, "AccountId"), SIM_ACCOUNT) != 0) {
        sim_json_refuse(c, "AccessDeniedException", NULL, "AccountId: not the caller's account.");
    } else if (str_is(operation, "DescribeBudgets")) {
        describe(c, root);
    } else if (str_is(operation, "CreateBudget")) {
        create(c, root);
    } else if (str_is(operation, "DescribeNotificationsForBudget")) {
        describe_notifications(c, root);
    } else {
        sim_json_refuse(c, "UnknownOperationException", NULL,
                        "DescribeBudgets, CreateBudget and DescribeNotificationsForBudget are "
                        "simulated.");
    }
    json_decref(root);
}
