/* workflow_answer.c: Converse's answer as an outcome: approved with output and usage, or failed
 * with what upstream said. Kept whole until its end, because usage and error stand anywhere in it.
 */
#include "core/base/clock.h"
#include "core/base/json_scan.h"
#include "core/dialect/bedrock.h"
#include "core/dialect/usage_report.h"
#include "core/dialect/workflow.h"

#define ANSWER_MAX (32 * 1024 * 1024)

struct workflow_meter {
    struct meter base;
    const struct call *call;
    int status;
    char error_type[64];
    struct buf body;
    bool read;
    struct str output, usage, message; /* raw slices of body */
};

_Static_assert(sizeof(struct workflow_meter) < 700, "a meter is kept for every open call");

static void begin(struct meter *m, const struct dialect_route *r, const struct call *call)
{
    struct workflow_meter *w = (struct workflow_meter *)m;
    (void)r;
    w->call = call;
    buf_init(&w->body, ANSWER_MAX);
}

static void head(struct meter *m, int status, const struct http_header *headers,
                 size_t header_count)
{
    struct workflow_meter *w = (struct workflow_meter *)m;
    struct str rest;
    w->status = status;
    for (size_t i = 0; i < header_count; i++) {
        if (str_is_nocase(headers[i].name, "x-amzn-errortype")) {
            (void)str_copy(w->error_type, sizeof(w->error_type),
                           str_cut(headers[i].value, ':', &rest));
        }
    }
}

static void read_answer(struct workflow_meter *w)
{
    struct scan s;
    struct str key, raw;
    w->read = true;
    scan_init(&s, buf_bytes(&w->body), w->body.len);
    if (scan_peek(&s) != SCAN_OBJECT || !scan_object(&s)) {
        return;
    }
    while (scan_key(&s, &key)) {
        if (!scan_value(&s, &raw)) {
            return;
        }
        if (scan_raw_is(key, "output")) {
            w->output = raw;
        } else if (scan_raw_is(key, "usage")) {
            w->usage = raw;
        } else if (scan_raw_is(key, "message") || scan_raw_is(key, "Message")) {
            w->message = raw;
        }
    }
}

static bool feed(struct meter *m, const char *data, size_t n)
{
    struct workflow_meter *w = (struct workflow_meter *)m;
    if (m->answered) {
        m->state.first_content = m->state.first_content || n > 0;
        m->state.output_bytes += (int64_t)n;
    }
    return buf_append(&w->body, data, n);
}

static bool rewrites(const struct meter *m)
{
    (void)m;
    return true;
}

/* ,"tags":{.., requestId, timestamp, modelMetric} */
static void add_tags(struct buf *out, const struct call *call)
{
    char time[CLOCK_TEXT];
    clock_rfc3339(time, call->arrived_wall_ms);
    (void)buf_add(out, ",\"tags\":{");
    for (size_t i = 0; i < call->tags.count; i++) {
        (void)buf_json_string(out, call->tags.at[i].key);
        (void)buf_add(out, ":");
        (void)buf_json_string(out, call->tags.at[i].value);
        (void)buf_add(out, ",");
    }
    (void)buf_printf(
        out, "\"requestId\":\"%s\",\"timestamp\":\"%s\",\"modelMetric\":", call->request_id, time);
    (void)buf_json_string(out, str_of(call->resolved.model_metric));
    (void)buf_add(out, "}");
}

static void add_failure(struct buf *out, const struct workflow_meter *w)
{
    (void)buf_add(out, ",\"error\":{\"type\":");
    (void)buf_json_string(out, str_of(w->error_type[0] ? w->error_type : "UpstreamError"));
    (void)buf_printf(out, ",\"status\":%d,\"message\":", w->status);
    if (w->message.n > 0 && w->message.p[0] == '"') {
        (void)buf_add_str(out, w->message);
    } else {
        (void)buf_add(out, "\"upstream gave no message\"");
    }
    (void)buf_add(out, "}");
}

static void write_outcome(struct buf *out, const struct workflow_meter *w)
{
    const struct call *call = w->call;
    bool ok = w->base.answered && w->output.n > 0;
    (void)buf_printf(out, "{\"outcome\":\"%s\",\"requestId\":\"%s\",\"model\":",
                     ok ? "approved" : "failed", call->request_id);
    (void)buf_json_string(out, str_of(call->resolved.model ? call->resolved.model->name : ""));
    (void)buf_add(out, ",\"modelId\":");
    (void)buf_json_string(out, str_of(call->resolved.upstream_id));
    if (ok) {
        (void)buf_add(out, ",\"output\":");
        (void)buf_add_str(out, w->output);
        (void)buf_add(out, ",\"usage\":");
        (void)(w->usage.n > 0 ? buf_add_str(out, w->usage) : buf_add(out, "null"));
    } else {
        add_failure(out, w);
    }
    add_tags(out, call);
    (void)buf_add(out, "}");
}

static bool pass(struct meter *m, const char *data, size_t n, bool last, struct buf *out)
{
    struct workflow_meter *w = (struct workflow_meter *)m;
    bool ok = feed(m, data, n);
    if (last && !w->read) {
        read_answer(w);
        if (w->usage.n > 0) {
            struct usage_report report;
            usage_report_init(&report);
            m->state.usage_known =
                usage_report_read(&report, w->usage) && usage_report_complete(&report);
            if (m->state.usage_known) {
                m->state.usage = usage_report_total(&report);
            }
        }
        write_outcome(out, w);
        buf_free(&w->body);
    }
    return ok && !out->failed;
}

static bool answer_head(const struct meter *m, int *status, struct buf *header_lines)
{
    const struct workflow_meter *w = (const struct workflow_meter *)m;
    *status = w->status;
    return buf_add(header_lines, "content-type: application/json\r\n");
}

static void clear(struct meter *m)
{
    buf_free(&((struct workflow_meter *)m)->body);
}

static const struct meter_kind kind = {.size = sizeof(struct workflow_meter),
                                       .begin = begin,
                                       .head = head,
                                       .feed = feed,
                                       .rewrites = rewrites,
                                       .pass = pass,
                                       .answer_head = answer_head,
                                       .clear = clear};

/* --- the operation --- */

static enum err parse(const struct dialect_route *r, struct str body,
                      const struct http_header *headers, size_t header_count, struct call *call,
                      struct dialect_facts *facts, struct err_info *ei)
{
    struct buf mistakes;
    (void)r, (void)headers, (void)header_count;
    buf_init(&mistakes, 64 * 1024);
    enum err e = workflow_read(body, call, facts, &mistakes);
    if (e != ERR_OK) {
        facts->mistakes = arena_str(&call->arena, buf_str(&mistakes));
        (void)err_set(ei, e, "the input has mistakes");
    }
    buf_free(&mistakes);
    return e;
}

static enum err upstream(struct dialect_upstream *out, const struct dialect_route *r,
                         const struct call *call, struct str body,
                         const struct dialect_upstream_options *o, struct err_info *ei)
{
    (void)r;
    buf_init(&out->body, body.n * 2 + 16 * 1024);
    out->body_changed = true;
    static const struct dialect_route converse = {.path = STR("/converse")};
    bedrock_upstream_path(&out->path, &converse, o->upstream_id);
    (void)buf_add(&out->headers, "content-type: application/json\r\n");
    return workflow_converse(&out->body, body, call, o, ei);
}

const struct operation operation_workflow = {.parse = parse, .upstream = upstream, .meter = &kind};
