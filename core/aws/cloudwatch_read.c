/* cloudwatch_read.c: see cloudwatch_read.h. */
#include "core/aws/cloudwatch_read.h"

#include "core/aws/cloudwatch.h"

#define PREFIX      "GraniteServiceVersion20100801."
#define JSON_1_0    "application/x-amz-json-1.0"
#define QUERIES_MAX 500
#define PAGES_MAX   100

struct finding {
    cloudwatch_found *fn;
    void *arg;
};

static bool take_metric(void *arg, const json_t *item)
{
    const struct finding *f = arg;
    const char *name = aws_json_text(item, "MetricName");
    return name[0] != '\0' && f->fn(f->arg, name, json_object_get(item, "Dimensions"));
}

enum err cloudwatch_list(const struct aws_session *s, const char *name_space, cloudwatch_found *fn,
                         void *arg, int64_t *pages, struct err_info *ei)
{
    static const struct aws_operation op = {.service = "monitoring",
                                            .action = "cloudwatch:ListMetrics",
                                            .target = PREFIX "ListMetrics",
                                            .content_type = JSON_1_0};
    static const struct aws_pages list = {
        .list = "Metrics", .token_out = "NextToken", .token_in = "NextToken", .most = PAGES_MAX};
    struct finding f = {fn, arg};
    return aws_json_list(s, &op, json_pack("{s:s}", "Namespace", name_space), &list, take_metric,
                         &f, pages, ei);
}

struct taking {
    size_t first, count;
    cloudwatch_value *fn;
    void *arg;
};

static bool take_result(void *arg, const json_t *item)
{
    const struct taking *t = arg;
    int64_t n;
    struct str id = str_of(aws_json_text(item, "Id"));
    json_t *times = json_object_get(item, "Timestamps");
    json_t *values = json_object_get(item, "Values");
    if (!str_starts(id, "q") || !str_to_i64(str_sub(id, 1, id.n), &n) || n < 0 ||
        (uint64_t)n >= t->count || json_array_size(times) != json_array_size(values)) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(values); i++) {
        json_t *time = json_array_get(times, i);
        json_t *value = json_array_get(values, i);
        double seconds = json_number_value(time);
        if (!json_is_number(time) || !json_is_number(value) || seconds < 0 || seconds > 1e11 ||
            !t->fn(t->arg, t->first + (size_t)n, (int64_t)(seconds * 1000),
                   json_number_value(value))) {
            return false;
        }
    }
    return true;
}

static json_t *query_json(const struct cloudwatch_stat *q, size_t at)
{
    return json_pack("{s:o,s:{s:{s:s,s:s,s:[{s:s,s:s}]},s:i,s:s}}", "Id", json_sprintf("q%zu", at),
                     "MetricStat", "Metric", "Namespace", q->name_space, "MetricName", q->metric,
                     "Dimensions", "Name", q->dimension, "Value", q->value, "Period", q->period_s,
                     "Stat", q->stat);
}

static json_t *request(const struct cloudwatch_stat *stats, size_t count, int64_t start_ms,
                       int64_t end_ms)
{
    json_t *queries = json_array();
    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(queries, query_json(&stats[i], i)) != 0) {
            json_decref(queries);
            return NULL;
        }
    }
    return json_pack("{s:o,s:I,s:I}", "MetricDataQueries", queries, "StartTime",
                     (json_int_t)(start_ms / 1000), "EndTime", (json_int_t)(end_ms / 1000));
}

enum err cloudwatch_stats(const struct aws_session *s, const struct cloudwatch_stat *stats,
                          size_t count, int64_t start_ms, int64_t end_ms, cloudwatch_value *fn,
                          void *arg, int64_t *asked, struct err_info *ei)
{
    static const struct aws_operation op = {.service = "monitoring",
                                            .action = "cloudwatch:GetMetricData",
                                            .target = PREFIX "GetMetricData",
                                            .content_type = JSON_1_0};
    static const struct aws_pages list = {.list = "MetricDataResults",
                                          .token_out = "NextToken",
                                          .token_in = "NextToken",
                                          .most = PAGES_MAX,
                                          .whole = cloudwatch_whole};
    enum err e = ERR_OK;
    *asked = 0;
    for (size_t at = 0; e == ERR_OK && at < count; at += QUERIES_MAX) {
        size_t some = count - at < QUERIES_MAX ? count - at : QUERIES_MAX;
        struct taking t = {at, some, fn, arg};
        json_t *body = request(stats + at, some, start_ms, end_ms);
        if (body == NULL) {
            return err_set(ei, ERR_NOMEM, "no memory to ask CloudWatch");
        }
        e = aws_json_list(s, &op, body, &list, take_result, &t, NULL, ei);
        *asked += (int64_t)some;
    }
    return e;
}
