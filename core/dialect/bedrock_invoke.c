/* bedrock_invoke.c: InvokeModel, whose body is each model family's own. The family is not known
 * when the body is read, so the members of all are looked for, and the largest bound counts. */
#include "core/dialect/bedrock.h"
#include "core/dialect/content.h"
#include "core/dialect/invoke_meter.h"
#include "core/dialect/tier.h"
#include "core/dialect/upstream.h"

#include <stdio.h>

#define METADATA_HEADER     "x-amzn-bedrock-request-metadata"
#define METADATA_HEADER_MAX 8500
#define METADATA_TEXT_MAX   256

/* What a body was seen to hold. */
enum mark {
    MARK_PROMPT = 1,   /* something to be answered with text */
    MARK_TEXTS = 2,    /* what embeddings are made of */
    MARK_EMBEDDING = 4 /* how an embedding is to be */
};

static void take_maximum(struct body_reader *r)
{
    if (body_names_own_maximum(r->call, r->path[0].name, false)) {
        body_take_maximum(r, &r->call->max_output);
    } else {
        body_take_raw(r);
    }
}

/* A group of settings; a bound in it counts, and what is not known as it is written. */
static void take_settings(struct body_reader *r)
{
    struct str key;

    r->marks |= MARK_PROMPT;
    if (scan_peek(&r->s) != SCAN_OBJECT) {
        body_take_raw(r);
        return;
    }
    scan_object(&r->s);
    while (scan_key(&r->s, &key)) {
        body_enter(r, key);
        if (body_names_own_maximum(r->call, key, true)) {
            body_take_maximum(r, &r->call->max_output);
        } else {
            body_take_unknown(r, key);
        }
        body_leave(r);
    }
}

static void take_messages(struct body_reader *r)
{
    r->marks |= MARK_PROMPT;
    content_take_messages(r);
}

static void take_prompt(struct body_reader *r)
{
    r->marks |= MARK_PROMPT;
    content_take(r);
}

static void take_texts(struct body_reader *r)
{
    r->marks |= MARK_TEXTS;
    content_take(r);
}

static void take_image_input(struct body_reader *r)
{
    r->marks |= MARK_TEXTS;
    content_take_images(r);
}

static void take_embedding_setting(struct body_reader *r)
{
    r->marks |= MARK_EMBEDDING;
    body_take_raw(r);
}

static const struct body_member members[] = {
    {"messages", take_messages, false},
    {"system", content_take, false},
    {"prompt", take_prompt, false},
    {"message", take_prompt, false},
    {"chat_history", take_messages, false},
    {"preamble", content_take, false},
    {"inputText", take_texts, false},
    {"texts", take_texts, false},
    {"inputImage", take_image_input, false},
    {"images", content_take_images, false},
    {"tools", content_take_tools, false},
    {"toolConfig", content_take_tools, false},
    {"dimensions", take_embedding_setting, false},
    {"normalize", take_embedding_setting, false},
    {"embeddingTypes", take_embedding_setting, false},
    {"embedding_types", take_embedding_setting, false},
    {"embeddingConfig", take_embedding_setting, false},
    {"input_type", take_embedding_setting, false},
    {"inferenceConfig", take_settings, false},
    {"textGenerationConfig", take_settings, false},
    {"max_tokens", take_maximum, false},
    {"maxTokens", take_maximum, false},
    {"max_new_tokens", take_maximum, false},
    {"max_gen_len", take_maximum, false},
    {"max_tokens_to_sample", take_maximum, false},
    {"max_completion_tokens", take_maximum, false},
    {"max_output_tokens", take_maximum, false},
    {"maxTokenCount", take_maximum, false},
    {"n", body_take_choices, false},
    {"num_generations", body_take_choices, false},
    {"numResults", body_take_choices, false},
    {"service_tier", tier_take, false},
    {"anthropic_version", NULL, false},
    {"schemaVersion", NULL, false},
    {"temperature", NULL, false},
    {"top_p", NULL, false},
    {"top_k", NULL, false},
    {"topP", NULL, false},
    {"topK", NULL, false},
};

static enum err parse_metadata(const struct http_header *headers, size_t count, struct call *call,
                               struct dialect_facts *facts, struct err_info *ei)
{
    bool seen = false;

    for (size_t i = 0; i < count; i++) {
        if (!str_is_nocase(headers[i].name, METADATA_HEADER)) {
            continue;
        }
        if (seen) {
            return err_set(ei, ERR_PARSE, "header " METADATA_HEADER ": given twice");
        }
        seen = true;
        struct body_reader r;
        body_begin(&r, "header " METADATA_HEADER, headers[i].value, call, facts, ei);
        body_take_tags(&r, METADATA_TEXT_MAX, false);
        enum err e = body_end(&r);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

static enum err parse_invoke(const struct dialect_route *route, struct str body,
                             const struct http_header *headers, size_t header_count,
                             struct call *call, struct dialect_facts *facts, struct err_info *ei)
{
    struct body_reader r;

    (void)route;
    body_begin(&r, "body", body, call, facts, ei);
    body_take_members(&r, members, sizeof(members) / sizeof(members[0]), NULL);
    body_apply_choices(&r);
    enum err e = body_end(&r);
    if (e != ERR_OK) {
        return e;
    }
    const struct model *m = call->resolved.model;
    bool embeds = m == NULL || strstr(m->base_id, "embed") != NULL;
    if (r.marks == (MARK_TEXTS | MARK_EMBEDDING) && call->max_output < 0 && embeds) {
        call->max_output = 0; /* a vector is no text */
    }
    tier_ask_headers(call, headers, header_count);
    return parse_metadata(headers, header_count, call, facts, ei);
}

/* The client's own entries and ours, as one header line; nothing when the client's may stand. */
static void add_metadata(struct dialect_upstream *out, const struct dialect_upstream_options *o)
{
    struct str own = meter_header(o->headers, o->header_count, METADATA_HEADER);
    struct splice_object map = splice_object(own);
    struct buf value = {0}, fresh = {0};
    struct splice s = {0};

    splice_metadata(&s, own, &map, o->attribution, &fresh);
    if (fresh.len > 0) {
        buf_add_str(&value, buf_str(&fresh));
    } else if (s.count > 0 && splice_apply(&s, own, &value) != ERR_OK) {
        out->headers.failed = true;
    }
    if (value.len > 0 && value.len <= METADATA_HEADER_MAX) {
        buf_add(&out->headers, "X-Amzn-Bedrock-Request-Metadata: ");
        buf_add_str(&out->headers, buf_str(&value));
        buf_add(&out->headers, "\r\n");
    }
    out->headers.failed = out->headers.failed || value.failed || fresh.failed;
    splice_free(&s);
    buf_free(&value);
    buf_free(&fresh);
}

/* Adds the family's own bound to a body that has none. False: it is not known where. */
static bool add_bound(struct splice *s, struct str body, const struct splice_object *top,
                      enum model_family family, int64_t maximum)
{
    static const struct {
        const char *group, *name;
    } places[] = {
        [FAMILY_OTHER] = {NULL, NULL},
        [FAMILY_ANTHROPIC] = {NULL, "max_tokens"},
        [FAMILY_NOVA] = {"inferenceConfig", "maxTokens"},
        [FAMILY_LLAMA] = {NULL, "max_gen_len"},
        [FAMILY_TITAN] = {"textGenerationConfig", "maxTokenCount"},
        [FAMILY_MISTRAL] = {NULL, "max_tokens"},
        [FAMILY_COHERE] = {NULL, "max_tokens"},
        [FAMILY_AI21] = {NULL, "max_tokens"},
        [FAMILY_OPENAI] = {NULL, "max_completion_tokens"},
        [FAMILY_DEEPSEEK] = {NULL, "max_tokens"},
    };
    const char *group = places[family].group, *name = places[family].name;
    struct splice_object in = *top;
    char member[96];

    if (name == NULL) {
        return false;
    }
    if (group == NULL || (splice_member(body, top, group, &in) && in.found)) {
        upstream_bound(s, body, &in, name, maximum);
        return true;
    }
    int n =
        snprintf(member, sizeof(member), "\"%s\":{\"%s\":%lld}", group, name, (long long)maximum);
    splice_insert(s, top, (struct str){member, (size_t)n});
    return true;
}

static enum err upstream_invoke(struct dialect_upstream *out, const struct dialect_route *r,
                                const struct call *call, struct str body,
                                const struct dialect_upstream_options *o, struct err_info *ei)
{
    struct splice s = {0};

    bedrock_upstream_path(&out->path, r, o->upstream_id);
    if (o->attribution != NULL && o->attribution->count > 0) {
        add_metadata(out, o);
    }
    if (o->clamp_output > 0) {
        struct splice_object top = splice_object(body);
        int64_t maximum = upstream_share(body, &top, o->clamp_output);
        if (call->max_output > 0) {
            bedrock_lower_maxima(&s, body, &top, maximum);
        } else if (call->max_output < 0 &&
                   !add_bound(&s, body, &top, call->resolved.model->family, maximum)) {
            return err_set(ei, ERR_UNSUPPORTED,
                           "the request sets no maximum of output, and where this model takes one "
                           "is not known");
        }
    }
    return upstream_body(out, &s, body, ei);
}

const struct operation operation_invoke = {parse_invoke, upstream_invoke, &meter_invoke};
const struct operation operation_invoke_stream = {parse_invoke, upstream_invoke, &meter_invoke};
