/* cloud_series.c: which metrics the namespace holds, by whomever they are published: ListMetrics,
 * once an hour. CloudWatch lists what had data in the last two weeks, so that what expired goes by
 * itself. */
#include "core/cloud/cloud_private.h"

#include "core/aws/cloudwatch_read.h"

#include <string.h>

#define HOUR_MS    3600000LL
#define SETS_MAX   50
#define SET_TEXT   256
#define METRIC_USD (MONEY_DOLLAR * 3 / 10) /* a month */

struct listing {
    json_t *sets; /* names of dimensions -> how many metrics */
    int64_t metrics;
};

/* The set of the five dimensions that these are; 0: they are others. */
static unsigned set_of(const json_t *dimensions)
{
    unsigned set = 0;
    for (size_t i = 0; i < json_array_size(dimensions); i++) {
        const char *name = aws_json_text(json_array_get(dimensions, i), "Name");
        unsigned d = 0;
        while (d < CONFIG_DIMENSIONS &&
               strcmp(name, config_dimension_name((enum config_dimension)d)) != 0) {
            d++;
        }
        if (d == CONFIG_DIMENSIONS) {
            return 0;
        }
        set |= 1U << d;
    }
    return set;
}

static bool take_metric(void *arg, const char *metric, const json_t *dimensions)
{
    struct listing *l = arg;
    char name[SET_TEXT] = "", schema[CONFIG_SCHEMA_TEXT];
    unsigned set = set_of(dimensions);
    (void)metric;
    for (size_t i = 0; set == 0 && i < json_array_size(dimensions); i++) {
        size_t n = strlen(name);
        (void)str_copy(name + n, sizeof(name) - n, i > 0 ? STR(",") : STR(""));
        n = strlen(name);
        (void)str_copy(name + n, sizeof(name) - n,
                       str_of(aws_json_text(json_array_get(dimensions, i), "Name")));
    }
    const char *key = set != 0 ? config_dimension_schema(schema, set) : name;
    json_t *before = json_object_get(l->sets, key);
    l->metrics++;
    return (before == NULL && json_object_size(l->sets) == SETS_MAX) ||
           json_object_set_new(l->sets, key, json_integer(json_integer_value(before) + 1)) == 0;
}

json_t *cloud_series(struct cloud_run *r, struct err_info *ei)
{
    json_t *told = cloud_told(r->c, SOURCE_CLOUDWATCH);
    json_t *known = json_incref(json_object_get(told, "listed"));
    const char *space = r->config->publish_metrics.namespace;
    int64_t at_ms = json_integer_value(json_object_get(known, "at"));
    json_decref(told);
    if (known != NULL && at_ms <= r->now_ms && r->now_ms - at_ms < HOUR_MS &&
        strcmp(aws_json_text(known, "namespace"), space) == 0) {
        return known;
    }
    json_decref(known);
    struct aws_session s = cloud_session(r, SERVICE_MONITORING);
    struct listing l = {json_object(), 0};
    enum err e = cloudwatch_list(&s, space, take_metric, &l, NULL, ei);
    if (e != ERR_OK) {
        json_decref(l.sets);
        return NULL;
    }
    return json_pack("{s:I,s:s,s:I,s:o,s:o}", "at", (json_int_t)r->now_ms, "namespace", space,
                     "metrics", (json_int_t)l.metrics, "usd_per_month",
                     cloud_usd(l.metrics * METRIC_USD), "sets", l.sets);
}
