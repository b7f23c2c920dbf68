/* cloud_answers.c: what AWS told last, in memory and as JSON. */
#include "core/cloud/cloud_private.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define ANSWERS_MAX 2000

void answers_free(struct cloud_answers *a)
{
    free(a->metrics);
    free(a->costs);
    *a = (struct cloud_answers){0};
}

/* Room for one more element: doubles at powers of two. */
static void *room_for_one(void *at, size_t count, size_t size)
{
    if (count >= ANSWERS_MAX) {
        return NULL;
    }
    if (count > 0 && (count & (count - 1)) != 0) {
        return at;
    }
    return realloc(at, size * (count > 0 ? 2 * count : 1));
}

bool answers_add_metric(struct cloud_answers *a, const char *metric, struct str model,
                        int64_t value)
{
    struct cloud_metric made = {.sum = value};
    str_copy(made.metric, sizeof(made.metric), str_of(metric));
    str_copy(made.model, sizeof(made.model), model);
    for (size_t i = a->metric_count; i-- > 0;) {
        struct cloud_metric *m = &a->metrics[i];
        if (strcmp(m->metric, made.metric) == 0 && strcmp(m->model, made.model) == 0) {
            m->sum = money_add(m->sum, value);
            return true;
        }
    }
    struct cloud_metric *more = room_for_one(a->metrics, a->metric_count, sizeof(made));
    if (more == NULL) {
        return false;
    }
    a->metrics = more;
    a->metrics[a->metric_count++] = made;
    return true;
}

bool answers_add_cost(struct cloud_answers *a, struct str cost_center, money_t today, money_t month)
{
    struct cloud_cost made = {.today = today, .month = month};
    str_copy(made.cost_center, sizeof(made.cost_center), cost_center);
    for (size_t i = 0; i < a->cost_count; i++) {
        struct cloud_cost *c = &a->costs[i];
        if (strcmp(c->cost_center, made.cost_center) == 0) {
            c->today = money_add(c->today, today);
            c->month = money_add(c->month, month);
            return true;
        }
    }
    struct cloud_cost *more = room_for_one(a->costs, a->cost_count, sizeof(made));
    if (more == NULL) {
        return false;
    }
    a->costs = more;
    a->costs[a->cost_count++] = made;
    return true;
}

bool answers_print_metrics(struct buf *out, const struct cloud_answers *a, int64_t at_ms)
{
    buf_printf(out, "{\"at\":%lld,\"metrics\":[", (long long)at_ms);
    for (size_t i = 0; i < a->metric_count; i++) {
        buf_add(out, i > 0 ? ",[" : "[");
        buf_json_string(out, str_of(a->metrics[i].metric));
        buf_add(out, ",");
        buf_json_string(out, str_of(a->metrics[i].model));
        buf_printf(out, ",%lld]", (long long)a->metrics[i].sum);
    }
    return buf_add(out, "]}");
}

bool answers_print_costs(struct buf *out, const struct cloud_answers *a, int64_t at_ms)
{
    buf_printf(out, "{\"at\":%lld,\"day\":\"%s\",\"costs\":[", (long long)at_ms, a->day);
    for (size_t i = 0; i < a->cost_count; i++) {
        buf_add(out, i > 0 ? ",[" : "[");
        buf_json_string(out, str_of(a->costs[i].cost_center));
        buf_printf(out, ",%lld,%lld]", (long long)a->costs[i].today, (long long)a->costs[i].month);
    }
    return buf_add(out, "]}");
}

static bool take_metric(struct cloud_answers *a, json_t *row)
{
    json_t *metric = json_array_get(row, 0);
    json_t *model = json_array_get(row, 1);
    json_t *sum = json_array_get(row, 2);
    return json_is_string(metric) && json_is_string(model) && json_is_integer(sum) &&
           answers_add_metric(a, json_string_value(metric), str_of(json_string_value(model)),
                              json_integer_value(sum));
}

static bool take_cost(struct cloud_answers *a, json_t *row)
{
    json_t *center = json_array_get(row, 0);
    json_t *today = json_array_get(row, 1);
    json_t *month = json_array_get(row, 2);
    return json_is_string(center) && json_is_integer(today) && json_is_integer(month) &&
           answers_add_cost(a, str_of(json_string_value(center)), json_integer_value(today),
                            json_integer_value(month));
}

static bool take_answers(struct cloud_answers *fresh, json_t *root)
{
    json_t *metrics = json_object_get(root, "metrics");
    json_t *costs = json_object_get(root, "costs");
    json_t *day = json_object_get(root, "day");
    bool ok = json_is_integer(json_object_get(root, "at")) && (metrics != NULL || costs != NULL);
    ok = ok && (costs == NULL || (json_is_string(day) && json_string_length(day) == 10));
    for (size_t i = 0; ok && i < json_array_size(metrics); i++) {
        ok = take_metric(fresh, json_array_get(metrics, i));
    }
    for (size_t i = 0; ok && i < json_array_size(costs); i++) {
        ok = take_cost(fresh, json_array_get(costs, i));
    }
    str_copy(fresh->day, sizeof(fresh->day), str_of(json_string_value(day)));
    return ok;
}

bool answers_parse(struct cloud_answers *a, struct str json, int64_t *at_ms)
{
    struct cloud_answers fresh = {0};
    json_t *root = json_loadb(json.p != NULL ? json.p : "", json.n, 0, NULL);
    bool ok = take_answers(&fresh, root);
    if (ok && json_object_get(root, "metrics") != NULL) {
        free(a->metrics);
        a->metrics = fresh.metrics;
        a->metric_count = fresh.metric_count;
        fresh.metrics = NULL;
    }
    if (ok && json_object_get(root, "costs") != NULL) {
        free(a->costs);
        a->costs = fresh.costs;
        a->cost_count = fresh.cost_count;
        memcpy(a->day, fresh.day, sizeof(a->day));
        fresh.costs = NULL;
    }
    if (ok) {
        *at_ms = json_integer_value(json_object_get(root, "at"));
    }
    answers_free(&fresh);
    json_decref(root);
    return ok;
}
