/* sim_cloudwatch.c: CloudWatch in JSON 1.0: PutMetricData, GetMetricData, ListMetrics. */
#include "core/sim/sim_cloudwatch.h"

#include "core/base/clock.h"
#include "core/sim/sim_setup.h"
#include "core/sim/sim_state.h"

#define TARGET_PREFIX "GraniteServiceVersion20100801"

/* Whether the series has every dimension asked for (with that value, if one is given). */
static bool has_dimensions(const struct sim_series *s, const json_t *wanted)
{
    size_t i;
    json_t *one;

    json_array_foreach(wanted, i, one)
    {
        const json_t *value = json_object_get(one, "Value");
        struct str found =
            sim_metrics_dimension(s, str_of(json_string_value(json_object_get(one, "Name"))));
        if (found.p == NULL || (value != NULL && !str_is(found, json_string_value(value)))) {
            return false;
        }
    }
    return true;
}

static bool is_listed(const struct sim_series *s, const json_t *root)
{
    const char *space = json_string_value(json_object_get(root, "Namespace"));
    const char *name = json_string_value(json_object_get(root, "MetricName"));

    return sim_metrics_listed(s, clock_wall_ms()) && (space == NULL || str_is(s->space, space)) &&
           (name == NULL || str_is(s->name, name)) &&
           has_dimensions(s, json_object_get(root, "Dimensions"));
}

static json_t *describe(const struct sim_series *s)
{
    json_t *dimensions = json_array();

    for (size_t i = 0; i < s->dimension_count; i++) {
        const struct sim_dimension *d = &s->dimensions[i];
        if (json_array_append_new(dimensions, json_pack("{s:s%,s:s%}", "Name", d->name.p, d->name.n,
                                                        "Value", d->value.p, d->value.n)) != 0) {
            json_decref(dimensions);
            return NULL;
        }
    }
    return json_pack("{s:s%,s:s%,s:o}", "Namespace", s->space.p, s->space.n, "MetricName",
                     s->name.p, s->name.n, "Dimensions", dimensions);
}

static void list_metrics(struct sim_connection *c, const json_t *root)
{
    struct sim *s = sim_http_owner(c);
    int64_t from = sim_json_page(json_object_get(root, "NextToken"));
    json_t *metrics = json_array();
    size_t at = (size_t)from;

    if (from < 0) {
        json_decref(metrics);
        sim_json_refuse(c, "InvalidNextTokenException", "InvalidNextToken", "Strange NextToken.");
        return;
    }
    for (; at < s->metrics.count && json_array_size(metrics) < (size_t)s->knobs.page_size; at++) {
        if (is_listed(s->metrics.list[at], root)) {
            (void)json_array_append_new(metrics, describe(s->metrics.list[at]));
        }
    }
    json_t *answer = json_pack("{s:o}", "Metrics", metrics);
    if (at < s->metrics.count) {
        (void)json_object_set_new(answer, "NextToken", sim_json_token((int64_t)at));
    }
    sim_json_answer(c, answer);
}

void sim_cloudwatch_handle(struct sim_connection *c, const struct sim_request *r)
{
    struct sim_ledger *l = &sim_http_owner(c)->ledger;
    struct str operation = sim_json_operation(r, TARGET_PREFIX);
    json_t *root = sim_json_read(c, r);

    if (root == NULL) {
        return;
    }
    if (str_is(operation, "PutMetricData")) {
        l->put_metric_calls++;
        sim_cloudwatch_put(c, root, r->body.n);
    } else if (str_is(operation, "GetMetricData")) {
        l->get_metric_calls++;
        sim_cloudwatch_get(c, root);
    } else if (str_is(operation, "ListMetrics")) {
        l->list_metric_calls++;
        list_metrics(c, root);
    } else if (!sim_alarms_handle(c, operation, root)) {
        sim_json_refuse(c, "UnknownOperationException", "InvalidAction",
                        "PutMetricData, GetMetricData, ListMetrics, DescribeAlarms and "
                        "PutMetricAlarm are simulated, as JSON.");
    }
    json_decref(root);
}
