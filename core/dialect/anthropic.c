/* anthropic.c: Anthropic Messages, which AWS serves on bedrock-mantle alone. */
#include "core/dialect/content.h"
#include "core/dialect/sse_meter.h"
#include "core/dialect/tier.h"
#include "core/dialect/upstream.h"

static void take_maximum(struct body_reader *r)
{
    body_take_maximum(r, &r->call->max_output);
}

static void take_messages(struct body_reader *r)
{
    if (body_expect(r, SCAN_ARRAY)) {
        content_take_messages(r);
    }
}

static void take_stream(struct body_reader *r)
{
    body_take_bool(r, &r->call->stream);
}

static const struct body_member members[] = {
    {"model", body_take_model, true}, {"messages", take_messages, true},
    {"system", content_take, false},  {"max_tokens", take_maximum, false},
    {"stream", take_stream, false},   {"tools", content_take_tools, false},
    {"metadata", NULL, false},        {"temperature", NULL, false},
    {"top_p", NULL, false},           {"top_k", NULL, false},
    {"stop_sequences", NULL, false},  {"service_tier", tier_take, false},
};

static enum err parse(const struct dialect_route *route, struct str body,
                      const struct http_header *headers, size_t header_count, struct call *call,
                      struct dialect_facts *facts, struct err_info *ei)
{
    struct body_reader r;

    (void)headers;
    (void)header_count;
    body_begin(&r, "body", body, call, facts, ei);
    body_take_members(&r, members, sizeof(members) / sizeof(members[0]), NULL);
    if (route->kind == KIND_FREE) {
        call->max_output = 0;
        call->stream = false;
    }
    return body_end(&r);
}

/* A header of the client that goes upstream as it is. */
static void pass_header(struct buf *lines, const struct dialect_upstream_options *o,
                        const char *name, const char *otherwise)
{
    struct str value = meter_header(o->headers, o->header_count, name);

    if (value.n > 0 || otherwise != NULL) {
        buf_printf(lines, "%s: ", name);
        buf_add_str(lines, value.n > 0 ? value : str_of(otherwise));
        buf_add(lines, "\r\n");
    }
}

static enum err upstream(struct dialect_upstream *out, const struct dialect_route *r,
                         const struct call *call, struct str body,
                         const struct dialect_upstream_options *o, struct err_info *ei)
{
    struct splice s = {0};

    (void)call;
    out->via_mantle = true;
    buf_add_str(&out->path, r->path);
    if (r->query.n > 0) {
        buf_add(&out->path, "?"); /* "beta=true" of the SDK's beta calls */
        buf_add_str(&out->path, r->query);
    }
    pass_header(&out->headers, o, "anthropic-version", "2023-06-01");
    pass_header(&out->headers, o, "anthropic-beta", NULL);
    if (o->project != NULL) {
        buf_printf(&out->headers, "anthropic-workspace-id: %s\r\n", o->project);
    }
    upstream_set_string(&s, body, "model", o->upstream_id);
    if (o->clamp_output > 0 && r->kind == KIND_CALL) {
        struct splice_object top = splice_object(body);
        upstream_bound(&s, body, &top, "max_tokens", o->clamp_output);
    }
    return upstream_body(out, &s, body, ei);
}

/* message_start, content_block_start/delta/stop, message_delta, message_stop, ping, error. Counts
 * are cumulative: the last stands. */
static bool message_event(struct sse_meter *m, struct str name, struct str data)
{
    struct str type = sse_text(sse_member(data, "type"));

    type = type.n > 0 ? type : name;
    if (str_is(type, "content_block_delta") || str_is(type, "content_block_start")) {
        sse_meter_text(m, usage_text_bytes(data));
    } else if (str_is(type, "message_start")) {
        sse_meter_usage(m, sse_member(sse_member(data, "message"), "usage"));
        sse_meter_tell(m, false);
    } else if (str_is(type, "message_delta")) {
        sse_meter_usage(m, sse_member(data, "usage"));
        sse_meter_tell(m, false);
    } else if (str_is(type, "message_stop")) {
        sse_meter_tell(m, true);
    } else if (str_is(type, "error")) {
        sse_meter_fail(m, sse_text(sse_member(sse_member(data, "error"), "type")));
    }
    return true;
}

static const struct sse_words words = {message_event, "message", false};

static void begin(struct meter *base, const struct dialect_route *r, const struct call *call)
{
    (void)r;
    (void)call;
    sse_meter_begin((struct sse_meter *)base, &words);
}

static const struct meter_kind meter_messages = {
    .size = sizeof(struct sse_meter),
    .begin = begin,
    .head = sse_meter_head,
    .feed = sse_meter_feed,
    .clear = sse_meter_clear,
};

const struct operation operation_anthropic_messages = {parse, upstream, &meter_messages};
/* Free, which the meter of Converse knows. */
const struct operation operation_anthropic_count_tokens = {parse, upstream, &meter_converse};
