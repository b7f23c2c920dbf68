/* openai_responses.c: Responses, as far as one call is complete in itself. */
#include "core/dialect/content.h"
#include "core/dialect/openai.h"
#include "core/dialect/tier.h"

static void take_maximum(struct body_reader *r)
{
    body_take_maximum(r, &r->call->max_output);
}

/* A text alone is one message. */
static void take_input(struct body_reader *r)
{
    r->call->messages += scan_peek(&r->s) == SCAN_STRING;
    content_take_messages(r);
}

static const struct body_member members[] = {
    {"model", body_take_model, true},
    {"input", take_input, false},
    {"instructions", content_take, false},
    {"max_output_tokens", take_maximum, false},
    {"stream", openai_take_stream, false},
    {"tools", content_take_tools, false},
    {"metadata", openai_take_metadata, false},
    {"store", openai_take_stateful, false},
    {"background", openai_take_stateful, false},
    {"previous_response_id", openai_take_stateful, false},
    {"conversation", openai_take_stateful, false},
    {"temperature", NULL, false},
    {"top_p", NULL, false},
    {"user", NULL, false},
    {"include", NULL, false},
    {"service_tier", tier_take, false},
    {"stream_options", NULL, false},
    {"truncation", NULL, false},
    {"parallel_tool_calls", NULL, false},
    {"top_logprobs", NULL, false},
};

static enum err parse_responses(const struct dialect_route *route, struct str body,
                                const struct http_header *headers, size_t header_count,
                                struct call *call, struct dialect_facts *facts, struct err_info *ei)
{
    struct body_reader r;

    (void)route;
    (void)headers;
    (void)header_count;
    body_begin(&r, "body", body, call, facts, ei);
    body_take_members(&r, members, sizeof(members) / sizeof(members[0]), NULL);
    return body_end(&r);
}

static enum err upstream_responses(struct dialect_upstream *out, const struct dialect_route *r,
                                   const struct call *call, struct str body,
                                   const struct dialect_upstream_options *o, struct err_info *ei)
{
    struct splice s = {0};

    (void)call;
    openai_address(out, &s, r, body, o);
    if (o->clamp_output > 0) {
        struct splice_object top = splice_object(body);
        upstream_bound(&s, body, &top, "max_output_tokens", o->clamp_output);
    }
    return upstream_body(out, &s, body, ei);
}

/* event: response.output_text.delta ... event: response.completed, with the whole response. */
static bool responses_event(struct sse_meter *m, struct str name, struct str data)
{
    struct str type = sse_text(sse_member(data, "type"));

    type = type.n > 0 ? type : name;
    if (str_ends(type, ".delta")) {
        sse_meter_text(m, usage_text_bytes(data));
    } else if (str_is(type, "error")) {
        openai_failed(m, data);
    } else if (str_is(type, "response.completed") || str_is(type, "response.incomplete") ||
               str_is(type, "response.failed")) {
        struct str response = sse_member(data, "response");
        (void)usage_report_read(&m->report, sse_member(response, "usage"));
        tier_said(&m->base.state, sse_member(response, "service_tier"));
        sse_meter_tell(m, true);
        if (str_is(type, "response.failed")) {
            openai_failed(m, sse_member(response, "error"));
        }
    } else if (type.n == 0 && sse_member(data, "error").n > 0) {
        openai_failed(m, sse_member(data, "error"));
    }
    return true;
}

static const struct sse_words words = {responses_event, "response", true};

static void begin(struct meter *base, const struct dialect_route *r, const struct call *call)
{
    (void)r;
    (void)call;
    sse_meter_begin((struct sse_meter *)base, &words);
}

static const struct meter_kind meter_responses = {
    .size = sizeof(struct sse_meter),
    .begin = begin,
    .head = sse_meter_head,
    .feed = sse_meter_feed,
    .clear = sse_meter_clear,
};

const struct operation operation_openai_responses = {parse_responses, upstream_responses,
                                                     &meter_responses};
