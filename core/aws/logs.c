/* logs.c: see logs.h. */
#include "core/aws/logs.h"

#include <jansson.h>

static enum err call_logs(struct aws_http *h, const struct aws_place *place,
                          const struct credentials *c, struct aws_call *call, struct buf *body,
                          struct buf *answer, struct err_info *ei)
{
    if (body->failed) {
        return err_set(ei, ERR_NOMEM, "%s: no memory for the request", call->action);
    }
    call->place = *place;
    call->service = "logs";
    call->content_type = "application/x-amz-json-1.1";
    call->body = buf_str(body);
    return aws_http_call(h, call, c, answer, ei);
}

/* An index in rejectedLogEventsInfo, kept between 0 and count; `absent` when it is not there. */
static size_t index_of(json_t *info, const char *key, size_t absent, size_t count)
{
    json_t *at = json_object_get(info, key);
    if (!json_is_integer(at)) {
        return absent;
    }
    json_int_t n = json_integer_value(at);
    return n < 0 ? 0 : (uint64_t)n > count ? count : (size_t)n;
}

/* Events before the end indexes and from the start index on were not kept. */
static size_t count_rejected(struct str answer, size_t count)
{
    json_t *root = json_loadb(answer.p != NULL ? answer.p : "", answer.n, 0, NULL);
    json_t *info = json_object_get(root, "rejectedLogEventsInfo");
    size_t old = index_of(info, "tooOldLogEventEndIndex", 0, count);
    size_t expired = index_of(info, "expiredLogEventEndIndex", 0, count);
    size_t kept_to = index_of(info, "tooNewLogEventStartIndex", count, count);
    size_t kept_from = old > expired ? old : expired;
    json_decref(root);
    return kept_from >= kept_to ? count : count - (kept_to - kept_from);
}

enum err logs_put(struct aws_http *h, const struct aws_place *place, const struct credentials *c,
                  const struct logs_stream *to, const struct logs_event *events, size_t count,
                  size_t *rejected, bool *unanswered, struct err_info *ei)
{
    struct buf body = {0};
    struct buf answer = {0};
    struct aws_call call = {.action = "logs:PutLogEvents",
                            .target = "Logs_20140328.PutLogEvents",
                            .gzip = true,
                            .unanswered = unanswered};
    *rejected = 0;
    *unanswered = false;
    buf_add(&body, "{\"logGroupName\":");
    buf_json_string(&body, str_of(to->group));
    buf_add(&body, ",\"logStreamName\":");
    buf_json_string(&body, str_of(to->stream));
    buf_add(&body, ",\"logEvents\":[");
    for (size_t i = 0; i < count; i++) {
        buf_printf(&body, "%s{\"timestamp\":%lld,\"message\":", i > 0 ? "," : "",
                   (long long)events[i].at_ms);
        buf_json_string(&body, events[i].message);
        buf_add(&body, "}");
    }
    buf_add(&body, "]}");
    enum err e = call_logs(h, place, c, &call, &body, &answer, ei);
    if (e == ERR_OK) {
        *rejected = count_rejected(buf_str(&answer), count);
    }
    buf_free(&body);
    buf_free(&answer);
    return e;
}

static enum err create(struct aws_http *h, const struct aws_place *place,
                       const struct credentials *c, struct aws_call *call, const char *group,
                       const char *stream, struct err_info *ei)
{
    struct buf body = {0};
    struct buf answer = {0};
    struct err_info why = {0};
    buf_add(&body, "{\"logGroupName\":");
    buf_json_string(&body, str_of(group));
    if (stream != NULL) {
        buf_add(&body, ",\"logStreamName\":");
        buf_json_string(&body, str_of(stream));
    }
    buf_add(&body, "}");
    enum err e = call_logs(h, place, c, call, &body, &answer, &why);
    buf_free(&body);
    buf_free(&answer);
    return e == ERR_OK || e == ERR_EXISTS ? ERR_OK : err_set(ei, e, "%s", why.text);
}

enum err logs_create_group(struct aws_http *h, const struct aws_place *place,
                           const struct credentials *c, const char *group, struct err_info *ei)
{
    struct aws_call call = {.action = "logs:CreateLogGroup",
                            .target = "Logs_20140328.CreateLogGroup"};
    return create(h, place, c, &call, group, NULL, ei);
}

enum err logs_create_stream(struct aws_http *h, const struct aws_place *place,
                            const struct credentials *c, const struct logs_stream *which,
                            struct err_info *ei)
{
    struct aws_call call = {.action = "logs:CreateLogStream",
                            .target = "Logs_20140328.CreateLogStream"};
    return create(h, place, c, &call, which->group, which->stream, ei);
}
