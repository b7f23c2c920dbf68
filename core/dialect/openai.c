/* openai.c: Chat Completions, the list of models, and what Responses has in common with it. */
#include "core/dialect/openai.h"

#include "core/dialect/content.h"
#include "core/dialect/tier.h"

#define METADATA_TEXT_MAX 512

void openai_take_stream(struct body_reader *r)
{
    body_take_bool(r, &r->call->stream);
}

void openai_take_metadata(struct body_reader *r)
{
    body_take_tags(r, METADATA_TEXT_MAX, true);
}

void openai_take_stateful(struct body_reader *r)
{
    enum scan_type is = scan_peek(&r->s);

    if (is == SCAN_NULL || is == SCAN_FALSE || (is != SCAN_NONE && r->call->stateful_allowed)) {
        scan_skip(&r->s);
    } else if (is == SCAN_NONE) {
        body_expect(r, SCAN_FALSE);
    } else {
        body_wrong(r, "keeps state at AWS: the gateway's openai_stateful: allow would let it pass");
    }
}

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

static void take_stream_options(struct body_reader *r)
{
    bool asked, seen = false;
    struct str key;

    if (body_take_null(r) || !body_expect(r, SCAN_OBJECT) || !scan_object(&r->s)) {
        return;
    }
    while (scan_key(&r->s, &key)) {
        if (!scan_raw_is(key, "include_usage")) {
            scan_skip(&r->s);
            continue;
        }
        body_enter(r, key);
        if (seen) {
            body_wrong(r, "given twice");
        }
        seen = true;
        body_take_bool(r, &asked);
        body_leave(r);
    }
}

static const struct body_member members[] = {
    {"model", body_take_model, true},
    {"messages", take_messages, true},
    {"max_tokens", take_maximum, false},
    {"max_completion_tokens", take_maximum, false},
    {"n", body_take_choices, false},
    {"stream", openai_take_stream, false},
    {"stream_options", take_stream_options, false},
    {"tools", content_take_tools, false},
    {"functions", content_take_tools, false},
    {"metadata", openai_take_metadata, false},
    {"store", openai_take_stateful, false},
    {"temperature", NULL, false},
    {"top_p", NULL, false},
    {"frequency_penalty", NULL, false},
    {"presence_penalty", NULL, false},
    {"stop", NULL, false},
    {"seed", NULL, false},
    {"user", NULL, false},
    {"service_tier", tier_take, false},
    {"reasoning_effort", NULL, false},
    {"parallel_tool_calls", NULL, false},
    {"logprobs", NULL, false},
    {"top_logprobs", NULL, false},
};

static enum err parse_chat(const struct dialect_route *route, struct str body,
                           const struct http_header *headers, size_t header_count,
                           struct call *call, struct dialect_facts *facts, struct err_info *ei)
{
    struct body_reader r;

    (void)route;
    (void)headers;
    (void)header_count;
    body_begin(&r, "body", body, call, facts, ei);
    body_take_members(&r, members, sizeof(members) / sizeof(members[0]), NULL);
    body_apply_choices(&r);
    return body_end(&r);
}

/* --- upstream --- */

void openai_address(struct dialect_upstream *out, struct splice *s, const struct dialect_route *r,
                    struct str body, const struct dialect_upstream_options *o)
{
    out->via_mantle = o->via_mantle;
    /* Which prefix a model has on mantle only the client knows. */
    if (!o->via_mantle && !str_starts(r->path, "/openai/")) {
        buf_add(&out->path, "/openai");
    }
    buf_add_str(&out->path, r->path);
    if (o->via_mantle && o->project != NULL) {
        buf_printf(&out->headers, "OpenAI-Project: %s\r\n", o->project);
    }
    upstream_set_string(s, body, "model", o->upstream_id);
}

/* Asks for usage at the end of a stream unless the client did. */
static bool add_usage(struct splice *s, struct str body, const struct splice_object *top)
{
    struct splice_object options, asked;

    if (!splice_member(body, top, "stream_options", &options)) {
        splice_insert(s, top, STR("\"stream_options\":{\"include_usage\":true}"));
    } else if (!options.found) {
        splice_put(s, options.from, options.to, STR("{\"include_usage\":true}"));
    } else if (!splice_member(body, &options, "include_usage", &asked)) {
        splice_insert(s, &options, STR("\"include_usage\":true"));
    } else if (!str_is(str_sub(body, asked.from, asked.to - asked.from), "true")) {
        splice_put(s, asked.from, asked.to, STR("true"));
    } else {
        return false;
    }
    return true;
}

static void clamp(struct splice *s, struct str body, const struct splice_object *top,
                  int64_t maximum)
{
    struct splice_object at;
    int64_t share = upstream_share(body, top, maximum);
    bool old_name = splice_member(body, top, "max_tokens", &at) &&
                    !str_is(str_sub(body, at.from, at.to - at.from), "null");

    if (old_name) {
        upstream_lower(s, body, &at, share);
    }
    if (!old_name || splice_member(body, top, "max_completion_tokens", &at)) {
        upstream_bound(s, body, top, "max_completion_tokens", share);
    }
}

static enum err upstream_chat(struct dialect_upstream *out, const struct dialect_route *r,
                              const struct call *call, struct str body,
                              const struct dialect_upstream_options *o, struct err_info *ei)
{
    struct splice s = {0};
    struct splice_object top = splice_object(body);

    openai_address(out, &s, r, body, o);
    if (call->stream) {
        out->usage_added = add_usage(&s, body, &top);
    }
    if (o->clamp_output > 0) {
        clamp(&s, body, &top, o->clamp_output);
    }
    return upstream_body(out, &s, body, ei);
}

/* --- the answer --- */

void openai_failed(struct sse_meter *m, struct str error)
{
    struct str name = sse_text(sse_member(error, "code"));

    sse_meter_fail(m, name.n > 0 ? name : sse_text(sse_member(error, "type")));
}

struct chat_chunk {
    struct str error, usage, tier;
    bool has_choices; /* as a list, */
    size_t choices;   /* of so many */
    int64_t text;
};

static void read_choices(struct scan *s, struct chat_chunk *c)
{
    c->has_choices = true;
    scan_array(s);
    while (scan_element(s)) {
        c->choices++;
        usage_add_text(s, &c->text);
    }
}

/* In one pass, because it is done for every token. */
static struct chat_chunk read_chunk(struct str data)
{
    struct chat_chunk c = {0};
    struct str key;
    struct scan s;

    scan_init(&s, data.p, data.n);
    if (scan_peek(&s) == SCAN_OBJECT && scan_object(&s)) {
        while (scan_key(&s, &key)) {
            if (scan_raw_is(key, "choices") && scan_peek(&s) == SCAN_ARRAY) {
                read_choices(&s, &c);
            } else if (scan_raw_is(key, "usage")) {
                scan_value(&s, &c.usage);
            } else if (scan_raw_is(key, "error")) {
                scan_value(&s, &c.error);
            } else if (scan_raw_is(key, "service_tier")) {
                scan_value(&s, &c.tier);
            } else {
                usage_add_member_text(&s, key, &c.text);
            }
        }
    }
    if (!scan_done(&s)) {
        c = (struct chat_chunk){.text = (int64_t)data.n};
    }
    return c;
}

/* data: {"choices":[..],"usage":null or {..}} ... data: [DONE] */
static bool chat_event(struct sse_meter *m, struct str name, struct str data)
{
    (void)name;
    if (str_is(data, "[DONE]")) {
        sse_meter_tell(m, true);
        return true;
    }
    struct chat_chunk c = read_chunk(data);
    if (c.error.n > 0 && c.error.p[0] == '{') {
        openai_failed(m, c.error);
        return true;
    }
    sse_meter_text(m, c.text);
    tier_said(&m->base.state, c.tier);
    if (c.usage.n == 0 || c.usage.p[0] != '{') {
        return true;
    }
    bool last = c.has_choices && c.choices == 0;
    (void)usage_report_read(&m->report, c.usage);
    sse_meter_tell(m, last);
    return !(last && m->base.usage_added);
}

static const struct sse_words chat_words = {chat_event, NULL, false};

static void begin_chat(struct meter *base, const struct dialect_route *r, const struct call *call)
{
    (void)r;
    (void)call;
    sse_meter_begin((struct sse_meter *)base, &chat_words);
}

static const struct meter_kind meter_chat = {
    .size = sizeof(struct sse_meter),
    .begin = begin_chat,
    .head = sse_meter_head,
    .feed = sse_meter_feed,
    .rewrites = sse_meter_rewrites,
    .pass = sse_meter_pass,
    .clear = sse_meter_clear,
};

const struct operation operation_openai_chat = {parse_chat, upstream_chat, &meter_chat};

enum err dialect_models(struct dialect_answer *out, const char *const *names, size_t count,
                        int64_t now_ms)
{
    struct buf *b = &out->body;

    *out = (struct dialect_answer){.status = 200};
    buf_add(&out->headers, "content-type: application/json\r\n");
    buf_add(b, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < count; i++) {
        buf_add(b, i > 0 ? ",{\"id\":" : "{\"id\":");
        buf_json_string(b, str_of(names[i]));
        buf_printf(b, ",\"object\":\"model\",\"created\":%lld,\"owned_by\":\"bedrock\"}",
                   (long long)(now_ms / 1000));
    }
    buf_add(b, "]}");
    if (out->headers.failed || b->failed) {
        dialect_answer_free(out);
        return ERR_NOMEM;
    }
    return ERR_OK;
}
