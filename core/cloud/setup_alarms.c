/* setup_alarms.c: CloudWatch alarms on the metrics that tollgate publishes. */
#include "core/cloud/setup_private.h"

#include "core/aws/alarms.h"
#include "core/cloud/publish.h"

#include <stdlib.h>

/* --- list --- */

struct listing {
    json_t *rows;
    const char *only; /* name space, or NULL */
};

static json_t *pairs_of(const json_t *dimensions)
{
    json_t *out = json_object();
    const json_t *one;
    size_t i;
    json_array_foreach(dimensions, i, one)
    {
        (void)json_object_set_new(out, aws_json_text(one, "Name"),
                                  json_string(aws_json_text(one, "Value")));
    }
    return out;
}

static bool take_row(void *arg, const struct alarm *a)
{
    struct listing *l = arg;
    if (l->only != NULL && strcmp(l->only, a->name_space) != 0) {
        return true;
    }
    return json_array_append_new(
               l->rows,
               json_pack("{s:s, s:s, s:s, s:s, s:f, s:I, s:o, s:o, s:o}", "name", a->name, "state",
                         a->state, "namespace", a->name_space, "metric", a->metric, "threshold",
                         a->threshold, "period_seconds", (json_int_t)a->period_s, "dimensions",
                         pairs_of(a->dimensions), "reason", setup_string(a->reason), "changed_at",
                         setup_time(a->changed_ms))) == 0;
}

enum err setup_alarms_list(struct setup *s, const json_t *params, json_t **result,
                           struct err_info *ei)
{
    struct aws_session a = setup_session(s, SERVICE_MONITORING);
    struct listing l = {json_array(),
                        setup_flag(params, "all") ? NULL : s->config->publish_metrics.namespace};
    enum err e = alarms_list(&a, NULL, NULL, take_row, &l, NULL, ei);
    if (e != ERR_OK) {
        json_decref(l.rows);
        return e;
    }
    return setup_result(json_pack("{s:o}", "alarms", l.rows), result, ei);
}

/* --- create --- */

static enum err read_metric(const char *name, struct err_info *ei)
{
    struct buf names = {0};
    enum err e = ERR_NOT_FOUND;
    for (int m = 0; m < PUBLISH_METRICS; m++) {
        const char *known = publish_metric_name((enum publish_metric)m);
        e = strcmp(known, name) == 0 ? ERR_OK : e;
        buf_printf(&names, "%s%s", m > 0 ? ", " : "", known);
    }
    if (e != ERR_OK) {
        (void)err_set(ei, ERR_USAGE, "--metric must be one of %s", buf_cstr(&names));
        e = ERR_USAGE;
    }
    buf_free(&names);
    return e;
}

static enum err read_mask(const json_t *given, unsigned *mask, struct err_info *ei)
{
    const char *name;
    json_t *value;
    *mask = 0;
    json_object_foreach((json_t *)(uintptr_t)given, name, value)
    {
        unsigned d = 0;
        while (d < CONFIG_DIMENSIONS &&
               strcmp(name, config_dimension_name((enum config_dimension)d)) != 0) {
            d++;
        }
        if (d == CONFIG_DIMENSIONS) {
            return err_set(ei, ERR_USAGE,
                           "--dimension %.60s: Model, ModelId, CostCenter, Application and "
                           "Environment are published",
                           name);
        }
        *mask |= 1U << d;
    }
    return ERR_OK;
}

/* CloudWatch matches dimensions exactly: an alarm on others than a published set has no data. */
static enum err read_dimensions(const struct config_metrics *m, const json_t *params, json_t **out,
                                struct err_info *ei)
{
    struct buf sets = {0};
    char schema[CONFIG_SCHEMA_TEXT];
    unsigned mask;
    *out = json_object_get(params, "dimensions");
    enum err e = read_mask(*out, &mask, ei);
    if (e != ERR_OK) {
        return e;
    }
    for (size_t i = 0; i < m->set_count; i++) {
        if (m->sets[i] == mask) {
            buf_free(&sets);
            return ERR_OK;
        }
        buf_printf(&sets, "%s%s", i > 0 ? "; " : "", config_dimension_schema(schema, m->sets[i]));
    }
    (void)err_set(ei, ERR_USAGE,
                  "--dimension NAME=VALUE is needed for each dimension of a published set, and no "
                  "other: CloudWatch matches them exactly. Published: %.600s "
                  "(publish.metrics.dimension_sets)",
                  buf_cstr(&sets));
    buf_free(&sets);
    return ERR_USAGE;
}

static enum err read_alarm(const struct setup *s, const json_t *params, struct alarm_new *a,
                           struct err_info *ei)
{
    const char *above, *email;
    int64_t period, periods;
    char *end;
    enum err e = setup_need(params, "name", "what the alarm is called", &a->name, ei);
    e = e != ERR_OK ? e : setup_need(params, "metric", "such as RateLimitDenied", &a->metric, ei);
    e = e != ERR_OK ? e : read_metric(a->metric, ei);
    e = e != ERR_OK ? e : setup_need(params, "above", "a sum in one period", &above, ei);
    e = e != ERR_OK ? e : setup_number(params, "period", 60, 86400, 300, &period, ei);
    e = e != ERR_OK ? e : setup_number(params, "periods", 1, 100, 1, &periods, ei);
    e = e != ERR_OK ? e : setup_told(params, false, &email, &a->topic, ei);
    e = e != ERR_OK ? e : read_dimensions(&s->config->publish_metrics, params, &a->dimensions, ei);
    if (e != ERR_OK) {
        return e;
    }
    a->threshold = strtod(above, &end);
    if (*end != '\0' || !(a->threshold >= 0 && a->threshold < 1e15)) {
        return err_set(ei, ERR_USAGE, "--above must be a number that is not negative");
    }
    if (period % 60 != 0) {
        return err_set(ei, ERR_USAGE, "--period must be a multiple of 60 seconds");
    }
    if (email != NULL) {
        return err_set(ei, ERR_USAGE,
                       "alarms tell --sns topics only: subscribe the address to one");
    }
    a->period_s = (int)period;
    a->periods = (int)periods;
    a->name_space = s->config->publish_metrics.namespace;
    a->description = "made by tollgate";
    return ERR_OK;
}

enum err setup_alarms_create(struct setup *s, const json_t *params, json_t **result,
                             struct err_info *ei)
{
    struct aws_session session = setup_session(s, SERVICE_MONITORING);
    struct alarm_new a = {.name = NULL};
    char pairs[600];
    enum err e = read_alarm(s, params, &a, ei);
    if (e != ERR_OK) {
        return e;
    }
    json_t *body = alarms_put_body(&a);
    if (setup_flag(params, "dry_run")) {
        json_t *plan = json_array();
        setup_pairs(pairs, sizeof(pairs), a.dimensions);
        setup_say(plan,
                  "Create (or replace) the alarm %s in %s: %s above %.15g in %d s, %d time%s "
                  "in a row,",
                  a.name, s->config->region, a.metric, a.threshold, a.period_s, a.periods,
                  a.periods == 1 ? "" : "s");
        setup_say(plan, "of the series %s in %s.", pairs, a.name_space);
        if (!s->config->publish_metrics.on) {
            setup_say(plan, "publish.metrics is not in the configuration: until it is, the alarm "
                            "has no data.");
        }
        setup_say(plan, "%s%s. An alarm costs about $0.10 a month.",
                  a.topic != NULL ? "Told: " : "Nobody is told: no --sns",
                  a.topic != NULL ? a.topic : "");
        return setup_planned(plan, body, result, ei);
    }
    e = alarms_put(&session, body, ei);
    return e != ERR_OK ? e
                       : setup_result(json_pack("{s:s, s:[s]}", "name", a.name, "notes",
                                                "The alarm is set."),
                                      result, ei);
}
