/* cloud_poll.c: asks CloudWatch what it holds of the last day of what is published, by whomever. */
#include "core/cloud/cloud_private.h"

#include "core/base/clock.h"
#include "core/base/log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define HOUR_MS    3600000LL
#define DAY_MS     (24 * HOUR_MS)
#define SERIES_USD (MONEY_DOLLAR / 100000) /* a cent for a thousand metrics */
#define CALL_MAX   9e15                    /* beyond what a double counts exactly */

void cloud_day(char out[11], int64_t wall_ms)
{
    char text[CLOCK_TEXT];
    clock_rfc3339(text, wall_ms);
    str_copy(out, 11, str_sub(str_of(text), 0, 10));
}

/* Stores the JSON of an answer; that it could not be kept is no reason to hide it. */
static void keep(struct cloud *c, const char *key, struct buf *json)
{
    struct err_info ei = {0};
    enum err e = json->failed ? ERR_NOMEM : ledger_put_value(c->ledger, key, buf_str(json), &ei);
    if (e != ERR_OK) {
        log_warn("cloud", "the answer of %s is not kept over a restart: %s", key, ei.text);
    }
    buf_free(json);
}

struct gathering {
    struct cloud_answers answers;
    bool by_model; /* the labels are models */
    bool failed;
};

static void take_point(void *arg, size_t query, struct str label, int64_t at_ms, double value)
{
    struct gathering *g = arg;
    (void)at_ms;
    if (!(value >= 0 && value < CALL_MAX) ||
        !answers_add_metric(&g->answers, publish_metric_name((enum publish_metric)query),
                            g->by_model ? label : STR(""), (int64_t)llround(value))) {
        g->failed = true;
    }
}

/* Names that hold more than letters, digits, '_' and '/' need quotes in SEARCH. */
static bool search_name(char *out, size_t size, const char *name)
{
    bool plain = true;
    for (const char *p = name; *p != '\0'; p++) {
        bool word = (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z') ||
                    (*p >= '0' && *p <= '9') || *p == '_' || *p == '/';
        plain = plain && word;
        if (*p == '"' || *p == '\'' || *p == '\\') {
            return false;
        }
    }
    int n = snprintf(out, size, plain ? "%s" : "\"%s\"", name);
    return n > 0 && (size_t)n < size;
}

/* One set is read, whoever writes it: the sums of each are the same, and every series read is paid
 * for. */
static bool write_queries(struct cloudwatch_query queries[PUBLISH_METRICS],
                          char text[PUBLISH_METRICS][512], const struct config_metrics *m,
                          bool *by_model)
{
    char quoted[300], schema[CONFIG_SCHEMA_TEXT];
    unsigned set = config_dimension_set(m, 1U << DIMENSION_MODEL);
    *by_model = set != 0;
    set = *by_model ? set : config_dimension_set(m, 0);
    if (!search_name(quoted, sizeof(quoted), m->namespace)) {
        return false;
    }
    for (size_t i = 0; i < PUBLISH_METRICS; i++) {
        int n = snprintf(
            text[i], sizeof(text[i]), "SEARCH('{%s,%s} MetricName=\"%s\"', 'Sum', 3600)", quoted,
            config_dimension_schema(schema, set), publish_metric_name((enum publish_metric)i));
        if (n < 0 || (size_t)n >= sizeof(text[i])) {
            return false;
        }
        queries[i] = (struct cloudwatch_query){text[i], *by_model ? "${PROP('Dim.Model')}" : NULL};
    }
    return true;
}

static void tell_metrics(struct cloud *c, struct cloud_answers *a, int64_t now_ms)
{
    struct buf json = {0};
    answers_print_metrics(&json, a, now_ms);
    pthread_mutex_lock(&c->lock);
    free(c->answers.metrics);
    c->answers.metrics = a->metrics;
    c->answers.metric_count = a->metric_count;
    a->metrics = NULL;
    pthread_mutex_unlock(&c->lock);
    keep(c, CLOUD_METRICS_KEY, &json);
}

enum err cloud_poll_metrics(struct cloud_run *r, struct err_info *ei)
{
    struct cloudwatch_query queries[PUBLISH_METRICS];
    char text[PUBLISH_METRICS][512];
    struct gathering g = {0};
    const struct config *config = r->config;
    if (!write_queries(queries, text, &config->publish_metrics, &g.by_model)) {
        return err_set(ei, ERR_RANGE, "the namespace %.60s cannot be searched for",
                       config->publish_metrics.namespace);
    }
    struct aws_place place = {config->endpoints[SERVICE_MONITORING], config->region};
    int64_t series;
    /* Whole hours: the first one began at most 25 hours ago. */
    int64_t start_ms = (r->now_ms - DAY_MS) / HOUR_MS * HOUR_MS;
    int64_t end_ms = (r->now_ms / HOUR_MS + 1) * HOUR_MS;
    enum err e = cloudwatch_get(r->c->http, &place, r->keys, queries, PUBLISH_METRICS, start_ms,
                                end_ms, take_point, &g, &series, ei);
    if (e == ERR_OK && g.failed) {
        e = err_set(ei, ERR_RANGE, "CloudWatch answered sums that cannot be");
    }
    if (e == ERR_OK) {
        r->c->run_cost[SOURCE_CLOUDWATCH] = series * SERIES_USD;
        tell_metrics(r->c, &g.answers, r->now_ms);
        json_t *listed = cloud_series(r, ei);
        e = listed != NULL ? ERR_OK : ERR_IO;
        cloud_tell(r->c, SOURCE_CLOUDWATCH,
                   json_pack("{s:I,s:o*}", "series", (json_int_t)series, "listed", listed),
                   r->now_ms);
    }
    answers_free(&g.answers);
    return e;
}
