/* budgets.c: see budgets.h. JSON 1.1; Expressions and Metrics, not the deprecated CostFilters. */
#include "core/aws/budgets.h"

#include <string.h>

#define PREFIX    "AWSBudgetServiceGateway."
#define PAGES_MAX 50

static struct aws_operation operation(const char *action, const char *target)
{
    return (struct aws_operation){.service = "budgets", .action = action, .target = target};
}

/* --- reading --- */

static money_t spend(const json_t *o, const char *key)
{
    money_t amount;
    const json_t *spend = json_object_get(o, key);
    return aws_json_amount(spend, "Amount", &amount) ? amount : -1;
}

/* The first tag of a filter, also inside And. */
static const json_t *tag_of(const json_t *filter)
{
    const json_t *tags = json_object_get(filter, "Tags"), *one;
    size_t i;
    json_array_foreach(json_object_get(filter, "And"), i, one)
    {
        if (tags == NULL) {
            tags = json_object_get(one, "Tags");
        }
    }
    return tags;
}

struct rows {
    budgets_row *fn;
    void *arg;
};

static bool take_budget(void *arg, const json_t *item)
{
    const struct rows *r = arg;
    const json_t *calculated = json_object_get(item, "CalculatedSpend"),
                 *tag = tag_of(json_object_get(item, "FilterExpression"));
    const char *value = json_string_value(json_array_get(json_object_get(tag, "Values"), 0));
    struct budget b = {.name = aws_json_text(item, "BudgetName"),
                       .type = aws_json_text(item, "BudgetType"),
                       .time_unit = aws_json_text(item, "TimeUnit"),
                       .health = aws_json_text(json_object_get(item, "HealthStatus"), "Status"),
                       .limit = spend(item, "BudgetLimit"),
                       .actual = spend(calculated, "ActualSpend"),
                       .forecast = spend(calculated, "ForecastedSpend"),
                       .updated_ms = aws_json_epoch_ms(item, "LastUpdatedTime"),
                       .tag_key = aws_json_text(tag, "Key"),
                       .tag_value = value != NULL ? value : ""};
    return b.name[0] != '\0' && r->fn(r->arg, &b);
}

enum err budgets_list(const struct aws_session *s, const char *account, budgets_row *fn, void *arg,
                      int64_t *pages, struct err_info *ei)
{
    struct aws_operation op = operation("budgets:ViewBudget", PREFIX "DescribeBudgets");
    struct aws_pages p = {"Budgets", "NextToken", "NextToken", PAGES_MAX, NULL, NULL};
    struct rows r = {fn, arg};
    json_t *body = json_pack("{s:s, s:i, s:b}", "AccountId", account, "MaxResults", 100,
                             "ShowFilterExpression", 1);
    return aws_json_list(s, &op, body, &p, take_budget, &r, pages, ei);
}

struct notification_rows {
    budgets_notification_row *fn;
    void *arg;
};

static bool take_notification(void *arg, const json_t *item)
{
    const struct notification_rows *r = arg;
    struct budget_notification n = {
        .type = aws_json_text(item, "NotificationType"),
        .state = aws_json_text(item, "NotificationState"),
        .threshold = aws_json_number(item, "Threshold"),
        .absolute = strcmp(aws_json_text(item, "ThresholdType"), "ABSOLUTE_VALUE") == 0};
    return r->fn(r->arg, &n);
}

enum err budgets_notifications(const struct aws_session *s, const char *account, const char *budget,
                               budgets_notification_row *fn, void *arg, struct err_info *ei)
{
    struct aws_operation op =
        operation("budgets:ViewBudget", PREFIX "DescribeNotificationsForBudget");
    struct aws_pages p = {"Notifications", "NextToken", "NextToken", PAGES_MAX, NULL, NULL};
    struct notification_rows r = {fn, arg};
    json_t *body =
        json_pack("{s:s, s:s, s:i}", "AccountId", account, "BudgetName", budget, "MaxResults", 100);
    return aws_json_list(s, &op, body, &p, take_notification, &r, NULL, ei);
}

/* --- making one --- */

static json_t *subscribers(const struct budget_new *b)
{
    json_t *out = json_array();
    if (b->email != NULL) {
        (void)json_array_append_new(
            out, json_pack("{s:s, s:s}", "SubscriptionType", "EMAIL", "Address", b->email));
    }
    if (b->sns_topic != NULL) {
        (void)json_array_append_new(
            out, json_pack("{s:s, s:s}", "SubscriptionType", "SNS", "Address", b->sns_topic));
    }
    return out;
}

static json_t *notifications(const struct budget_new *b)
{
    json_t *out = json_array();
    for (size_t i = 0; i < b->percent_count; i++) {
        (void)json_array_append_new(out, json_pack("{s:{s:s, s:s, s:i, s:s}, s:o}", "Notification",
                                                   "NotificationType", "ACTUAL",
                                                   "ComparisonOperator", "GREATER_THAN",
                                                   "Threshold", b->percent[i], "ThresholdType",
                                                   "PERCENTAGE", "Subscribers", subscribers(b)));
    }
    return out;
}

/* NULL when nothing narrows the budget. */
static json_t *filter(const struct budget_new *b)
{
    json_t *tag = NULL, *services = NULL;
    if (b->tag_key != NULL) {
        tag = json_pack("{s:{s:s, s:[s], s:[s]}}", "Tags", "Key", b->tag_key, "Values",
                        b->tag_value, "MatchOptions", "EQUALS");
    }
    if (b->service_count > 0) {
        json_t *names = json_array();
        for (size_t i = 0; i < b->service_count; i++) {
            (void)json_array_append_new(names, json_string(b->services[i]));
        }
        services = json_pack("{s:{s:s, s:o, s:[s]}}", "Dimensions", "Key", "SERVICE", "Values",
                             names, "MatchOptions", "EQUALS");
    }
    if (tag != NULL && services != NULL) {
        return json_pack("{s:[o, o]}", "And", tag, services);
    }
    return tag != NULL ? tag : services;
}

json_t *budgets_create_body(const char *account, const struct budget_new *b)
{
    char amount[MONEY_TEXT];
    money_format(amount, b->limit);
    json_t *narrowed = filter(b);
    json_t *budget = json_pack("{s:s, s:s, s:s, s:{s:s, s:s}, s:[s]}", "BudgetName", b->name,
                               "BudgetType", "COST", "TimeUnit", b->time_unit, "BudgetLimit",
                               "Amount", amount, "Unit", "USD", "Metrics", "UnblendedCost");
    if (narrowed != NULL && json_object_set_new(budget, "FilterExpression", narrowed) != 0) {
        json_decref(budget);
        return NULL;
    }
    return json_pack("{s:s, s:o, s:o}", "AccountId", account, "Budget", budget,
                     "NotificationsWithSubscribers", notifications(b));
}

enum err budgets_create(const struct aws_session *s, json_t *body, struct err_info *ei)
{
    struct aws_operation op = operation("budgets:ModifyBudget", PREFIX "CreateBudget");
    json_t *answer = NULL;
    if (body == NULL) {
        return err_set(ei, ERR_NOMEM, "no memory for a budget");
    }
    enum err e = aws_json_call(s, &op, body, &answer, ei);
    json_decref(answer);
    return e;
}
