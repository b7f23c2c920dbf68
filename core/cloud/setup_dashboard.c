/* setup_dashboard.c: a CloudWatch dashboard of the published metrics, ready for PutDashboard. No
 * call to AWS. */
#include "core/cloud/setup_private.h"

#include "core/cloud/publish.h"

#include <stdio.h>

#define WIDE  24
#define HALF  12
#define HIGH  6
#define EVERY 300

/* What is drawn, and from which metrics. */
struct drawing {
    const struct config *config;
    const char *space;
    json_t *widgets, *notes;
};

/* Appends a graph; places run on from left to right. */
static void draw(struct drawing *d, const char *title, int width, bool stacked, json_t *metrics)
{
    const json_t *before = json_array_get(d->widgets, json_array_size(d->widgets) - 1);
    json_int_t x = json_integer_value(json_object_get(before, "x")) +
                   json_integer_value(json_object_get(before, "width"));
    json_int_t y = json_integer_value(json_object_get(before, "y"));
    if (x + width > WIDE) {
        x = 0;
        y += HIGH;
    }
    (void)json_array_append_new(
        d->widgets,
        json_pack("{s:s, s:I, s:I, s:i, s:i, s:{s:s, s:s, s:s, s:b, s:i, s:s, s:o}}", "type",
                  "metric", "x", x, "y", y, "width", width, "height", HIGH, "properties", "title",
                  title, "view", "timeSeries", "region", d->config->region, "stacked", stacked,
                  "period", EVERY, "stat", "Sum", "metrics", metrics));
}

/* One line for each value of a dimension, by Metrics Insights, which adds up over the others of the
 * set. A graph holds one such query. */
static void draw_by(struct drawing *d, const char *title, int width, enum publish_metric metric,
                    enum config_dimension by)
{
    char query[600], schema[CONFIG_SCHEMA_TEXT];
    const char *name = config_dimension_name(by);
    unsigned set = config_dimension_set(&d->config->publish_metrics, 1U << by);
    if (set == 0) {
        setup_say(d->notes, "No set of publish.metrics.dimension_sets has %s: \"%s\" is left out.",
                  name, title);
        return;
    }
    (void)snprintf(query, sizeof(query),
                   "SELECT SUM(%s) FROM SCHEMA(\"%.200s\", %s) GROUP BY %s ORDER BY SUM() DESC "
                   "LIMIT 20",
                   publish_metric_name(metric), d->space, config_dimension_schema(schema, set),
                   name);
    draw(d, title, width, true,
         json_pack("[[{s:s, s:s, s:s, s:i}]]", "expression", query, "id", "q1", "region",
                   d->config->region, "period", EVERY));
}

static json_t *summed(const struct drawing *d, enum publish_metric metric, const char *id)
{
    char search[700], schema[CONFIG_SCHEMA_TEXT];
    unsigned set = config_dimension_set(&d->config->publish_metrics, 0);
    (void)snprintf(search, sizeof(search),
                   "SUM(SEARCH('{\"%.200s\",%s} MetricName=\"%s\"', 'Sum', %d))", d->space,
                   config_dimension_schema(schema, set), publish_metric_name(metric), EVERY);
    return json_pack("[{s:s, s:s, s:s, s:s}]", "expression", search, "id", id, "label",
                     publish_metric_name(metric), "region", d->config->region);
}

enum err setup_dashboard(struct setup *s, const json_t *params, json_t **result,
                         struct err_info *ei)
{
    const struct config_metrics *m = &s->config->publish_metrics;
    struct drawing d = {s->config, m->namespace, json_array(), json_array()};
    (void)params;
    draw(&d, "Requests by outcome", WIDE, false,
         json_pack("[o, o, o, o]", summed(&d, PUBLISH_TOTAL, "total"),
                   summed(&d, PUBLISH_APPROVED, "approved"), summed(&d, PUBLISH_DENIED, "denied"),
                   summed(&d, PUBLISH_FAILED, "failed")));
    draw_by(&d, "Input tokens by model", HALF, PUBLISH_INPUT, DIMENSION_MODEL);
    draw_by(&d, "Output tokens by model", HALF, PUBLISH_OUTPUT, DIMENSION_MODEL);
    draw_by(&d, "Requests by cost center", HALF, PUBLISH_TOTAL, DIMENSION_COST_CENTER);
    draw_by(&d, "Denials by cost center", HALF, PUBLISH_DENIED, DIMENSION_COST_CENTER);
    draw_by(&d, "Requests by application", WIDE, PUBLISH_TOTAL, DIMENSION_APPLICATION);
    if (!m->on) {
        setup_say(d.notes, "publish.metrics is not in the configuration: until it is, the "
                           "dashboard stays empty.");
    }
    return setup_result(
        json_pack("{s:{s:o}, s:o}", "document", "widgets", d.widgets, "notes", d.notes), result,
        ei);
}
