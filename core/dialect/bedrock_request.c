/* bedrock_request.c: the body of Converse, read once: what bounds its cost, and its metadata.
 * Members this version does not know count with their whole length, so that nothing is foreseen too
 * small. */
#include "core/dialect/bedrock.h"
#include "core/dialect/tier.h"

#define METADATA_TEXT_MAX 256

static void take_blocks(struct body_reader *r);

/* {"format","source":{"bytes"|"s3Location"}}: an image costs by its size in pixels, not by length.
 */
static void take_image(struct body_reader *r)
{
    r->call->images++;
    if (body_expect(r, SCAN_OBJECT)) {
        scan_skip(&r->s);
    }
}

struct document {
    size_t base64;
    bool paged, text; /* what its format says; a paged one costs by pages */
};

static void take_document_source(struct body_reader *r, struct document *d)
{
    struct str key, raw;

    if (!body_expect(r, SCAN_OBJECT) || !scan_object(&r->s)) {
        return;
    }
    while (scan_key(&r->s, &key)) {
        if (scan_raw_is(key, "bytes") && scan_peek(&r->s) == SCAN_STRING) {
            d->base64 += scan_string(&r->s, &raw) ? raw.n : 0;
        } else if (scan_raw_is(key, "text")) {
            body_take_text(r);
        } else if (scan_raw_is(key, "content")) {
            take_blocks(r);
        } else {
            body_take_unknown(r, key);
        }
    }
}

static bool is_paged(struct str format)
{
    static const char *const paged[] = {"pdf", "doc", "docx", "xls", "xlsx"};

    for (size_t i = 0; i < sizeof(paged) / sizeof(paged[0]); i++) {
        if (scan_raw_is(format, paged[i])) {
            return true;
        }
    }
    return false;
}

void bedrock_take_document(struct body_reader *r)
{
    struct document d = {0};
    struct str key, raw;

    r->call->documents++;
    if (!body_expect(r, SCAN_OBJECT) || !scan_object(&r->s)) {
        return;
    }
    while (scan_key(&r->s, &key)) {
        if (scan_raw_is(key, "source")) {
            take_document_source(r, &d);
        } else if (scan_raw_is(key, "format") && scan_peek(&r->s) == SCAN_STRING) {
            bool paged = scan_string(&r->s, &raw) && is_paged(raw);
            d.paged = d.paged || paged;
            d.text = d.text || !paged;
        } else {
            body_take_unknown(r, key);
        }
    }
    if (!d.paged || d.text) {
        body_count(r, d.base64 / 4 * 3 + 3);
    }
}

/* {"toolUseId","content":[..],"status"} */
static void take_tool_result(struct body_reader *r)
{
    struct str key;

    if (!body_expect(r, SCAN_OBJECT) || !scan_object(&r->s)) {
        return;
    }
    while (scan_key(&r->s, &key)) {
        if (scan_raw_is(key, "content")) {
            take_blocks(r);
        } else {
            body_take_unknown(r, key);
        }
    }
}

/* {"text":{"text","qualifiers"}} or {"image":{..}} */
static void take_guard_content(struct body_reader *r)
{
    struct str key;

    if (!body_expect(r, SCAN_OBJECT) || !scan_object(&r->s)) {
        return;
    }
    while (scan_key(&r->s, &key)) {
        if (scan_raw_is(key, "image")) {
            take_image(r);
        } else {
            body_take_raw(r);
        }
    }
}

/* One content block: a union, but whatever members it has are all counted. */
static void take_block(struct body_reader *r)
{
    struct str key;

    if (!body_expect(r, SCAN_OBJECT) || !scan_object(&r->s)) {
        return;
    }
    while (scan_key(&r->s, &key)) {
        body_enter(r, key);
        if (scan_raw_is(key, "text")) {
            body_take_text(r);
        } else if (scan_raw_is(key, "image")) {
            take_image(r);
        } else if (scan_raw_is(key, "document")) {
            bedrock_take_document(r);
        } else if (scan_raw_is(key, "toolResult")) {
            take_tool_result(r);
        } else if (scan_raw_is(key, "guardContent")) {
            take_guard_content(r);
        } else if (scan_raw_is(key, "cachePoint")) {
            scan_skip(&r->s);
        } else {
            body_take_raw(r);
        }
        body_leave(r);
    }
}

/* An array of content blocks. Those inside a tool result or document are the deepest there are; the
 * scan bounds the rest. */
static void take_blocks(struct body_reader *r) /* NOLINT(misc-no-recursion) */
{
    long i = 0;

    if (!body_expect(r, SCAN_ARRAY) || !scan_array(&r->s)) {
        return;
    }
    while (scan_element(&r->s)) {
        body_enter_element(r, i++);
        take_block(r);
        body_leave(r);
    }
}

static void take_message(struct body_reader *r)
{
    struct str key;

    r->call->messages++;
    if (!body_expect(r, SCAN_OBJECT) || !scan_object(&r->s)) {
        return;
    }
    while (scan_key(&r->s, &key)) {
        if (scan_raw_is(key, "content")) {
            body_enter(r, key);
            take_blocks(r);
            body_leave(r);
        } else if (scan_raw_is(key, "role") && scan_peek(&r->s) == SCAN_STRING) {
            scan_skip(&r->s);
        } else {
            body_take_unknown(r, key);
        }
    }
}

static void take_messages(struct body_reader *r)
{
    long i = 0;

    if (!body_expect(r, SCAN_ARRAY) || !scan_array(&r->s)) {
        return;
    }
    while (scan_element(&r->s)) {
        body_enter_element(r, i++);
        take_message(r);
        body_leave(r);
    }
}

/* Counts with its whole length as written; its tools are counted too. */
static void take_tool_config(struct body_reader *r)
{
    size_t from;
    struct str key;

    if (body_take_null(r) || !body_expect(r, SCAN_OBJECT)) {
        return;
    }
    from = scan_offset(&r->s);
    if (!scan_object(&r->s)) {
        return;
    }
    while (scan_key(&r->s, &key)) {
        if (scan_raw_is(key, "tools")) {
            body_enter(r, key);
            body_take_tools(r);
            body_leave(r);
        } else {
            scan_skip(&r->s);
        }
    }
    body_count(r, scan_offset(&r->s) - from);
}

static void take_inference_config(struct body_reader *r)
{
    bool seen = false;
    struct str key;

    if (body_take_null(r) || !body_expect(r, SCAN_OBJECT) || !scan_object(&r->s)) {
        return;
    }
    while (scan_key(&r->s, &key)) {
        if (scan_raw_is(key, "maxTokens")) {
            body_enter(r, key);
            if (seen) {
                body_wrong(r, "given twice");
            }
            seen = true;
            body_take_maximum(r, &r->call->max_output);
            body_leave(r);
        } else if (scan_raw_is(key, "temperature") || scan_raw_is(key, "topP") ||
                   scan_raw_is(key, "stopSequences")) {
            scan_skip(&r->s);
        } else {
            body_take_unknown(r, key);
        }
    }
}

/* The model's own fields. A maximum stands at the top or in one of the known groups. */
static void take_model_fields(struct body_reader *r, bool top)
{
    struct str key;

    if (!scan_object(&r->s)) {
        return;
    }
    while (scan_key(&r->s, &key)) {
        body_enter(r, key);
        bool group =
            scan_raw_is(key, "inferenceConfig") || scan_raw_is(key, "textGenerationConfig");
        if (body_names_own_maximum(r->call, key, !top)) {
            body_take_maximum(r, &r->call->max_output);
        } else if (top && group && scan_peek(&r->s) == SCAN_OBJECT) {
            take_model_fields(r, false);
        } else {
            scan_skip(&r->s);
        }
        body_leave(r);
    }
}

static void take_additional_fields(struct body_reader *r)
{
    if (scan_peek(&r->s) != SCAN_OBJECT) {
        body_take_raw(r);
        return;
    }
    size_t from = scan_offset(&r->s);
    take_model_fields(r, true);
    if (!r->s.bad) {
        body_count(r, scan_offset(&r->s) - from);
    }
}

static void take_metadata(struct body_reader *r)
{
    (void)scan_peek(&r->s); /* past white space */
    r->call->metadata_from = scan_offset(&r->s);
    body_take_tags(r, METADATA_TEXT_MAX, false);
    r->call->metadata_to = scan_offset(&r->s);
}

static void take_system(struct body_reader *r)
{
    if (!body_take_null(r)) {
        take_blocks(r);
    }
}

/* Members that bound, name or group something are given once; the model is not shown the rest. */
static const struct body_member members[] = {
    {"messages", take_messages, true},
    {"system", take_system, false},
    {"inferenceConfig", take_inference_config, false},
    {"toolConfig", take_tool_config, false},
    {"additionalModelRequestFields", take_additional_fields, false},
    {"requestMetadata", take_metadata, false},
    {"performanceConfig", tier_take_latency, false},
    {"serviceTier", tier_take_type, false},
    {"additionalModelResponseFieldPaths", NULL, false},
};

enum err bedrock_parse_converse(struct str body, struct call *call, struct dialect_facts *facts,
                                struct err_info *ei)
{
    struct body_reader r;

    call->metadata_from = call->metadata_to = 0;
    body_begin(&r, "body", body, call, facts, ei);
    body_take_members(&r, members, sizeof(members) / sizeof(members[0]), NULL);
    return body_end(&r);
}

enum err bedrock_parse_count_tokens(struct str body, struct err_info *ei)
{
    struct scan s;
    bool input = false;
    struct str key;

    scan_init(&s, body.p, body.n);
    if (scan_peek(&s) != SCAN_OBJECT) {
        return err_set(ei, ERR_PARSE, "body: must be an object");
    }
    scan_object(&s);
    while (scan_key(&s, &key)) {
        input = input || scan_raw_is(key, "input");
        scan_skip(&s);
    }
    if (!scan_done(&s)) {
        return err_set(ei, ERR_PARSE, "body: malformed JSON at byte %zu", scan_offset(&s));
    }
    return input ? ERR_OK : err_set(ei, ERR_PARSE, "input: missing");
}
