/* setup_dashboard.c: a CloudWatch dashboard of the published metrics, ready for PutDashboard. No
 * call to AWS. */
#include "core/cloud/setup_private.h"

#include "core/cloud/publish.h"

#include <stdio.h>

#define WIDE   24
#define HALF   12
#define HIGH   6
#define EVERY  300

#define SCHEMA "Application,CostCenter,Environment,Model,ModelId"

/* One line for each value of a dimension, by Metrics Insights, which adds up over the others. A
 * graph holds one such query. */
static json_t *by_dimension(const struct config *config, const char *space,
                            enum publish_metric metric, enum publish_dimension by)
{
    char query[600];
    const char *name = publish_dimension_name(by);
    (void)snprintf(query, sizeof(query),
                   "SELECT SUM(%s) FROM SCHEMA(\"%.200s\", " SCHEMA
                   ") GROUP BY %s ORDER BY SUM() DESC LIMIT 20",
                   publish_metric_name(metric), space, name);
    return json_pack("[[{s:s, s:s, s:s, s:i}]]", "expression", query, "id", "q1", "region",
                     config->region, "period", EVERY);
}

static json_t *summed(const struct config *config, const char *space, enum publish_metric metric,
                      const char *id)
{
    char search[700];
    (void)snprintf(search, sizeof(search),
                   "SUM(SEARCH('{\"%.200s\"," SCHEMA "} "
                   "MetricName=\"%s\"', 'Sum', %d))",
                   space, publish_metric_name(metric), EVERY);
    return json_pack("[{s:s, s:s, s:s, s:s}]", "expression", search, "id", id, "label",
                     publish_metric_name(metric), "region", config->region);
}

static json_t *widget(const struct config *config, const char *title, int x, int y, int width,
                      bool stacked, json_t *metrics)
{
    return json_pack("{s:s, s:i, s:i, s:i, s:i, s:{s:s, s:s, s:s, s:b, s:i, s:s, s:o}}", "type",
                     "metric", "x", x, "y", y, "width", width, "height", HIGH, "properties",
                     "title", title, "view", "timeSeries", "region", config->region, "stacked",
                     stacked, "period", EVERY, "stat", "Sum", "metrics", metrics);
}

enum err setup_dashboard(struct setup *s, const json_t *params, json_t **result,
                         struct err_info *ei)
{
    const struct config *c = s->config;
    const char *space = c->publish_metrics.on ? c->publish_metrics.namespace : "GenAIRateLimiting";
    json_t *notes = json_array();
    (void)params;
    json_t *outcomes = json_pack("[o, o, o, o]", summed(c, space, PUBLISH_TOTAL, "total"),
                                 summed(c, space, PUBLISH_APPROVED, "approved"),
                                 summed(c, space, PUBLISH_DENIED, "denied"),
                                 summed(c, space, PUBLISH_FAILED, "failed"));
    json_t *widgets = json_pack("[o, o, o, o, o, o]",
                                widget(c, "Requests by outcome", 0, 0, WIDE, false, outcomes),
                                widget(c, "Input tokens by model", 0, HIGH, HALF, true,
                                       by_dimension(c, space, PUBLISH_INPUT, PUBLISH_MODEL)),
                                widget(c, "Output tokens by model", HALF, HIGH, HALF, true,
                                       by_dimension(c, space, PUBLISH_OUTPUT, PUBLISH_MODEL)),
                                widget(c, "Requests by cost center", 0, 2 * HIGH, HALF, true,
                                       by_dimension(c, space, PUBLISH_TOTAL, PUBLISH_COST_CENTER)),
                                widget(c, "Denials by cost center", HALF, 2 * HIGH, HALF, true,
                                       by_dimension(c, space, PUBLISH_DENIED, PUBLISH_COST_CENTER)),
                                widget(c, "Requests by application", 0, 3 * HIGH, WIDE, true,
                                       by_dimension(c, space, PUBLISH_TOTAL, PUBLISH_APPLICATION)));
    if (!c->publish_metrics.on) {
        setup_say(notes, "publish.metrics is not in the configuration: until it is, the dashboard "
                         "stays empty.");
    }
    return setup_result(json_pack("{s:{s:o}, s:o}", "document", "widgets", widgets, "notes", notes),
                        result, ei);
}
