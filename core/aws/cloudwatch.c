/* cloudwatch.c: see cloudwatch.h. */
#include "core/aws/cloudwatch.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX    "GraniteServiceVersion20100801."
#define PAGES_MAX 100

static enum err call_cloudwatch(struct aws_http *h, const struct aws_place *place,
                                const struct credentials *c, bool put, struct str body,
                                struct buf *answer, struct err_info *ei)
{
    struct aws_call call = {.place = *place,
                            .service = "monitoring",
                            .action = put ? "cloudwatch:PutMetricData" : "cloudwatch:GetMetricData",
                            .target = put ? PREFIX "PutMetricData" : PREFIX "GetMetricData",
                            .content_type = "application/x-amz-json-1.0",
                            .body = body,
                            .gzip = put};
    return aws_http_call(h, &call, c, answer, ei);
}

static void add_datum(struct buf *out, const struct cloudwatch_datum *d)
{
    buf_add(out, "{\"MetricName\":");
    buf_json_string(out, str_of(d->metric));
    buf_add(out, ",\"Dimensions\":[");
    for (size_t i = 0; i < d->dimension_count; i++) {
        buf_add(out, i > 0 ? ",{\"Name\":" : "{\"Name\":");
        buf_json_string(out, str_of(d->dimensions[i].name));
        buf_add(out, ",\"Value\":");
        buf_json_string(out, str_of(d->dimensions[i].value));
        buf_add(out, "}");
    }
    buf_printf(out, "],\"Timestamp\":%lld,\"Value\":%lld,\"Unit\":\"Count\"}",
               (long long)(d->at_ms / 1000), (long long)d->value);
}

size_t cloudwatch_put_body(struct buf *out, const char *name_space,
                           const struct cloudwatch_datum *data, size_t count)
{
    buf_add(out, "{\"Namespace\":");
    buf_json_string(out, str_of(name_space));
    buf_add(out, ",\"MetricData\":[");
    size_t taken = 0;
    struct buf one = {0};
    while (taken < count && taken < CLOUDWATCH_PUT_MAX) {
        buf_clear(&one);
        add_datum(&one, &data[taken]);
        if (one.failed || out->len + one.len + 3 > CLOUDWATCH_PUT_BYTES) {
            break;
        }
        buf_add(out, taken > 0 ? "," : "");
        buf_add_str(out, buf_str(&one));
        taken++;
    }
    buf_free(&one);
    buf_add(out, "]}");
    return out->failed ? 0 : taken;
}

enum err cloudwatch_put(struct aws_http *h, const struct aws_place *place,
                        const struct credentials *c, const char *name_space,
                        const struct cloudwatch_datum *data, size_t count, size_t *done,
                        bool *unanswered, struct err_info *ei)
{
    enum err e = ERR_OK;
    *done = 0;
    *unanswered = false;
    while (e == ERR_OK && *done < count) {
        struct buf body = {0};
        struct buf answer = {0};
        size_t taken = cloudwatch_put_body(&body, name_space, data + *done, count - *done);
        if (taken == 0) {
            e = err_set(ei, body.failed ? ERR_NOMEM : ERR_TOO_BIG,
                        "metric %s does not fit into a request", data[*done].metric);
        } else {
            e = call_cloudwatch(h, place, c, true, buf_str(&body), &answer, ei);
        }
        *done += e == ERR_OK ? taken : 0;
        buf_free(&body);
        buf_free(&answer);
    }
    return e;
}

static bool get_body(struct buf *out, const struct cloudwatch_query *queries, size_t count,
                     int64_t start_ms, int64_t end_ms, const char *token)
{
    buf_add(out, "{\"MetricDataQueries\":[");
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "%s{\"Id\":\"q%zu\",\"Expression\":", i > 0 ? "," : "", i);
        buf_json_string(out, str_of(queries[i].expression));
        if (queries[i].label != NULL) {
            buf_add(out, ",\"Label\":");
            buf_json_string(out, str_of(queries[i].label));
        }
        buf_add(out, "}");
    }
    buf_printf(out, "],\"StartTime\":%lld,\"EndTime\":%lld", (long long)(start_ms / 1000),
               (long long)(end_ms / 1000));
    if (token != NULL) {
        buf_add(out, ",\"NextToken\":");
        buf_json_string(out, str_of(token));
    }
    return buf_add(out, "}");
}

/* Index in an Id "q12". False for anything else. */
static bool query_of(json_t *id, size_t count, size_t *query)
{
    int64_t n;
    struct str text = str_of(json_string_value(id));
    if (!str_starts(text, "q") || !str_to_i64(str_sub(text, 1, text.n), &n) || n < 0 ||
        (uint64_t)n >= count) {
        return false;
    }
    *query = (size_t)n;
    return true;
}

static bool take_result(json_t *result, size_t count, cloudwatch_point *fn, void *arg)
{
    size_t query;
    json_t *times = json_object_get(result, "Timestamps");
    json_t *values = json_object_get(result, "Values");
    if (!query_of(json_object_get(result, "Id"), count, &query) ||
        json_array_size(times) != json_array_size(values)) {
        return false;
    }
    struct str label = str_of(json_string_value(json_object_get(result, "Label")));
    for (size_t i = 0; i < json_array_size(values); i++) {
        json_t *time = json_array_get(times, i);
        json_t *value = json_array_get(values, i);
        double seconds = json_number_value(time);
        if (!json_is_number(time) || !json_is_number(value) || seconds < 0 || seconds > 1e11) {
            return false;
        }
        fn(arg, query, label, (int64_t)(seconds * 1000), json_number_value(value));
    }
    return true;
}

enum err cloudwatch_whole(const json_t *page, struct err_info *ei)
{
    const json_t *message = json_array_get(json_object_get(page, "Messages"), 0);
    const json_t *results = json_object_get(page, "MetricDataResults"), *one;
    bool more = json_string_length(json_object_get(page, "NextToken")) > 0;
    size_t i;
    if (message != NULL) {
        const char *code = json_string_value(json_object_get(message, "Code"));
        const char *value = json_string_value(json_object_get(message, "Value"));
        return err_set(ei, ERR_TOO_BIG, "cloudwatch:GetMetricData left series out: %.60s %.160s",
                       code != NULL ? code : "", value != NULL ? value : "");
    }
    json_array_foreach(results, i, one)
    {
        const char *status = json_string_value(json_object_get(one, "StatusCode"));
        bool part = status != NULL && strcmp(status, "PartialData") == 0;
        if (status != NULL && strcmp(status, "Complete") != 0 && !(part && more)) {
            return err_set(ei, strcmp(status, "Forbidden") == 0 ? ERR_AUTH : ERR_IO,
                           "cloudwatch:GetMetricData could not give all: %.40s", status);
        }
    }
    return ERR_OK;
}

/* Hands out the points of a page; *token (owned by the caller) is that of the next, or NULL. */
static enum err take_page(struct str body, size_t count, cloudwatch_point *fn, void *arg,
                          char **token, int64_t *series, struct err_info *ei)
{
    *token = NULL;
    json_t *root = json_loadb(body.p != NULL ? body.p : "", body.n, 0, NULL);
    json_t *results = json_object_get(root, "MetricDataResults");
    bool ok = json_is_array(results);
    for (size_t i = 0; ok && i < json_array_size(results); i++) {
        ok = take_result(json_array_get(results, i), count, fn, arg);
        (*series)++;
    }
    enum err e = ok ? cloudwatch_whole(root, ei)
                    : err_set(ei, ERR_PARSE,
                              "cloudwatch:GetMetricData answered something else than "
                              "MetricDataResults");
    struct str next = str_of(json_string_value(json_object_get(root, "NextToken")));
    if (e == ERR_OK && next.n > 0) {
        *token = str_dup(next);
        e = *token != NULL ? ERR_OK : err_set(ei, ERR_NOMEM, "no memory to ask CloudWatch");
    }
    json_decref(root);
    return e;
}

enum err cloudwatch_get(struct aws_http *h, const struct aws_place *place,
                        const struct credentials *c, const struct cloudwatch_query *queries,
                        size_t count, int64_t start_ms, int64_t end_ms, cloudwatch_point *fn,
                        void *arg, int64_t *series, struct err_info *ei)
{
    char *token = NULL;
    enum err e = ERR_OK;
    int pages = 0;
    *series = 0;
    do {
        struct buf body = {0};
        struct buf answer = {0};
        if (!get_body(&body, queries, count, start_ms, end_ms, token)) {
            e = err_set(ei, ERR_NOMEM, "no memory to ask CloudWatch");
        } else {
            e = call_cloudwatch(h, place, c, false, buf_str(&body), &answer, ei);
        }
        free(token);
        token = NULL;
        if (e == ERR_OK) {
            e = take_page(buf_str(&answer), count, fn, arg, &token, series, ei);
        }
        buf_free(&body);
        buf_free(&answer);
    } while (e == ERR_OK && token != NULL && ++pages < PAGES_MAX);
    if (token != NULL) {
        free(token);
        e = err_set(ei, ERR_TOO_BIG, "CloudWatch's answer has more than %d pages", PAGES_MAX);
    }
    return e;
}
