/* cloud_bedrock.c: what Bedrock itself counted: AWS/Bedrock and AWS/BedrockMantle by model and
 * hour, the last day of it. ListMetrics says what there is, so that nothing is asked in vain. */
#include "core/cloud/cloud_private.h"

#include "core/aws/cloudwatch_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_MS    3600000LL
#define HOURS      25 /* the first one began at most 25 hours ago */
#define PERIOD_S   300
#define ROWS_MAX   400
#define STATS_MAX  4000
#define METRIC_USD (MONEY_DOLLAR / 100000) /* a cent for a thousand metrics, or requests */
#define VALUE_MAX  9e15

enum figure {
    CALLS,
    INPUT,
    OUTPUT,
    CACHE_READ,
    CACHE_WRITE,
    THROTTLES,
    CLIENT_ERRORS,
    SERVER_ERRORS,
    LATENCY, /* ms, summed */
    QUOTA,   /* the highest minute */
    FIGURES
};
static const char *const figure_names[FIGURES] = {
    [CALLS] = "calls",
    [INPUT] = "input_tokens",
    [OUTPUT] = "output_tokens",
    [CACHE_READ] = "cache_read_tokens",
    [CACHE_WRITE] = "cache_write_tokens",
    [THROTTLES] = "throttles",
    [CLIENT_ERRORS] = "client_errors",
    [SERVER_ERRORS] = "server_errors",
};

/* The same figure goes by several names: the pages of AWS and what is seen of it differ. One of
 * them is asked for, lest it counts twice. */
static const struct {
    const char *metric;
    enum figure figure;
    bool mantle;
} known[] = {
    {"Invocations", CALLS, false},
    {"InputTokenCount", INPUT, false},
    {"OutputTokenCount", OUTPUT, false},
    {"CacheReadInputTokens", CACHE_READ, false},
    {"CacheReadInputTokenCount", CACHE_READ, false},
    {"CacheWriteInputTokens", CACHE_WRITE, false},
    {"CacheWriteInputTokenCount", CACHE_WRITE, false},
    {"InvocationThrottles", THROTTLES, false},
    {"InvocationClientErrors", CLIENT_ERRORS, false},
    {"InvocationServerErrors", SERVER_ERRORS, false},
    {"InvocationLatency", LATENCY, false},
    {"EstimatedTPMQuotaUsage", QUOTA, false},
    {"Inferences", CALLS, true},
    {"TotalInputTokens", INPUT, true},
    {"TotalOutputTokens", OUTPUT, true},
    {"InferenceClientErrors", CLIENT_ERRORS, true},
};
#define KNOWN (sizeof(known) / sizeof(known[0]))

struct row {
    char id[256];
    bool mantle;
    unsigned asked; /* bit of each figure */
    double hours[HOURS][FIGURES];
    double before[FIGURES]; /* of the hour in which tollgate began to count, before that */
};
struct asking {
    const struct cloud_run *run;
    int64_t start_ms, since_ms;
    bool mantle; /* being listed */
    struct row *rows[ROWS_MAX];
    size_t row_count;
    struct cloudwatch_stat stats[STATS_MAX];
    struct {
        struct row *row;
        enum figure figure;
    } of[STATS_MAX];
    size_t count;
    int64_t left_out; /* metrics of models beyond ROWS_MAX */
};

static struct row *row_of(struct asking *a, const char *id)
{
    for (size_t i = 0; i < a->row_count; i++) {
        if (a->rows[i]->mantle == a->mantle && strcmp(a->rows[i]->id, id) == 0) {
            return a->rows[i];
        }
    }
    struct row *r = a->row_count < ROWS_MAX ? calloc(1, sizeof(*r)) : NULL;
    if (r == NULL || !str_copy(r->id, sizeof(r->id), str_of(id))) {
        free(r);
        return NULL;
    }
    r->mantle = a->mantle;
    a->rows[a->row_count++] = r;
    return r;
}

static void add_stat(struct asking *a, size_t at, struct row *r)
{
    if ((r->asked & 1U << known[at].figure) != 0) {
        return;
    }
    if (a->count == STATS_MAX) {
        a->left_out++;
        return;
    }
    a->stats[a->count] =
        (struct cloudwatch_stat){.name_space = a->mantle ? "AWS/BedrockMantle" : "AWS/Bedrock",
                                 .metric = known[at].metric,
                                 .dimension = a->mantle ? "Model" : "ModelId",
                                 .value = r->id,
                                 .stat = known[at].figure == QUOTA ? "Maximum" : "Sum",
                                 .period_s = PERIOD_S};
    r->asked |= 1U << known[at].figure;
    a->of[a->count].row = r;
    a->of[a->count++].figure = known[at].figure;
}

/* Only what has the model as its one dimension: others are parts of it. */
static bool take_metric(void *arg, const char *metric, const json_t *dimensions)
{
    struct asking *a = arg;
    const json_t *one = json_array_get(dimensions, 0);
    const char *id = aws_json_text(one, "Value");
    if (json_array_size(dimensions) != 1 || id[0] == '\0' ||
        strcmp(aws_json_text(one, "Name"), a->mantle ? "Model" : "ModelId") != 0) {
        return true;
    }
    for (size_t i = 0; i < KNOWN; i++) {
        if (known[i].mantle == a->mantle && strcmp(known[i].metric, metric) == 0) {
            struct row *r = row_of(a, id);
            if (r != NULL) {
                add_stat(a, i, r);
            } else {
                a->left_out++;
            }
        }
    }
    return true;
}

static void add_value(double *to, enum figure f, double value)
{
    *to = f != QUOTA ? *to + value : value > *to ? value : *to;
}

static bool take_value(void *arg, size_t index, int64_t at_ms, double value)
{
    struct asking *a = arg;
    int64_t hour = (at_ms - a->start_ms) / HOUR_MS;
    struct row *r = a->of[index].row;
    enum figure f = a->of[index].figure;
    if (!(value >= 0 && value < VALUE_MAX) || at_ms < a->start_ms || hour >= HOURS) {
        return value >= 0 && value < VALUE_MAX; /* what was not asked for is left out */
    }
    add_value(&r->hours[hour][f], f, value);
    if (at_ms < a->since_ms && at_ms >= a->since_ms / HOUR_MS * HOUR_MS) {
        add_value(&r->before[f], f, value);
    }
    return true;
}

static json_t *figures_json(const double figures[FIGURES])
{
    json_t *o = json_object();
    for (size_t f = 0; f < FIGURES; f++) {
        if (figure_names[f] != NULL && figures[f] > 0) {
            (void)json_object_set_new(o, figure_names[f],
                                      json_integer((json_int_t)llround(figures[f])));
        }
    }
    return o;
}

static json_t *row_json(const struct asking *a, const struct row *r)
{
    double sum[FIGURES] = {0};
    json_t *hours = json_array();
    for (int h = 0; h < HOURS; h++) {
        for (int f = 0; f < FIGURES; f++) {
            add_value(&sum[f], (enum figure)f, r->hours[h][f]);
        }
        json_t *hour = figures_json(r->hours[h]);
        if (json_object_size(hour) > 0) {
            (void)json_object_set_new(hour, "hour",
                                      json_integer((json_int_t)(a->start_ms + h * HOUR_MS)));
            (void)json_array_append(hours, hour);
        }
        json_decref(hour);
    }
    const char *model = cloud_model_of(a->run->c, r->id);
    json_t *o = figures_json(sum);
    (void)json_object_set_new(o, "model_id", json_string(r->id));
    (void)json_object_set_new(o, "endpoint",
                              json_string(r->mantle ? "bedrock-mantle" : "bedrock-runtime"));
    (void)json_object_set_new(o, "model", model != NULL ? json_string(model) : json_null());
    (void)json_object_set_new(o, "latency_ms",
                              sum[CALLS] > 0 && sum[LATENCY] > 0
                                  ? json_integer((json_int_t)llround(sum[LATENCY] / sum[CALLS]))
                                  : json_null());
    (void)json_object_set_new(o, "peak_quota_tokens_per_minute",
                              sum[QUOTA] > 0 ? json_integer((json_int_t)llround(sum[QUOTA]))
                                             : json_null());
    (void)json_object_set_new(o, "before", figures_json(r->before));
    (void)json_object_set_new(o, "hours", hours);
    return o;
}

static json_t *answer_json(const struct asking *a)
{
    json_t *models = json_array();
    for (size_t i = 0; i < a->row_count; i++) {
        if (json_array_append_new(models, row_json(a, a->rows[i])) != 0) {
            json_decref(models);
            return NULL;
        }
    }
    return json_pack("{s:I,s:I,s:o}", "since", (json_int_t)a->start_ms, "left_out",
                     (json_int_t)a->left_out, "models", models);
}

static enum err ask(struct cloud_run *r, struct asking *a, struct err_info *ei)
{
    struct aws_session s = cloud_session(r, SERVICE_MONITORING);
    int64_t pages = 0, more = 0, asked = 0;
    enum err e = cloudwatch_list(&s, "AWS/Bedrock", take_metric, a, &pages, ei);
    if (e == ERR_OK) {
        a->mantle = true;
        e = cloudwatch_list(&s, "AWS/BedrockMantle", take_metric, a, &more, ei);
    }
    if (e == ERR_OK) {
        e = cloudwatch_stats(&s, a->stats, a->count, a->start_ms, (r->now_ms / 60000 + 1) * 60000,
                             take_value, a, &asked, ei);
    }
    r->cost = (pages + more + asked) * METRIC_USD;
    return e;
}

enum err cloud_poll_bedrock(struct cloud_run *r, struct err_info *ei)
{
    struct asking *a = calloc(1, sizeof(*a));
    if (a == NULL) {
        return err_set(ei, ERR_NOMEM, "no memory to ask CloudWatch");
    }
    a->run = r;
    a->start_ms = r->now_ms / HOUR_MS * HOUR_MS - (HOURS - 1) * HOUR_MS;
    a->since_ms = r->c->since_ms / (PERIOD_S * 1000LL) * (PERIOD_S * 1000LL);
    enum err e = ask(r, a, ei);
    if (e == ERR_OK) {
        r->c->run_cost[SOURCE_BEDROCK] = r->cost;
        cloud_tell(r->c, SOURCE_BEDROCK, answer_json(a), r->now_ms);
    }
    for (size_t i = 0; i < a->row_count; i++) {
        free(a->rows[i]);
    }
    free(a);
    return e;
}
