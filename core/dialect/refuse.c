/* refuse.c: refusals and denials in the shape each API's clients know. */
#include "core/base/clock.h"
#include "core/base/json_scan.h"
#include "core/base/money.h"
#include "core/dialect/dialect.h"
#include "core/dialect/eventstream.h"

#include <string.h>

/* How one refusal is called in each dialect. */
struct words {
    int bedrock_status, status; /* status: of the others */
    const char *bedrock;
    const char *openai_type, *openai_code;
    const char *anthropic;
};

static const struct words refusals[] = {
    [REFUSAL_AUTH] = {403, 401, "UnrecognizedClientException", "invalid_request_error",
                      "invalid_api_key", "authentication_error"},
    /* What AWS says of an old signature, and every SDK's skew correction knows. */
    [REFUSAL_CLOCK] = {403, 401, "InvalidSignatureException", "invalid_request_error",
                       "request_time_skewed", "authentication_error"},
    [REFUSAL_FORBIDDEN] = {403, 403, "AccessDeniedException", "invalid_request_error",
                           "permission_denied", "permission_error"},
    [REFUSAL_BAD_REQUEST] = {400, 400, "ValidationException", "invalid_request_error",
                             "invalid_request", "invalid_request_error"},
    [REFUSAL_UNKNOWN_MODEL] = {400, 404, "ValidationException", "invalid_request_error",
                               "model_not_found", "not_found_error"},
    [REFUSAL_NOT_SERVED] = {404, 404, "UnknownOperationException", "invalid_request_error",
                            "not_found", "not_found_error"},
    [REFUSAL_METHOD] = {405, 405, "UnknownOperationException", "invalid_request_error",
                        "method_not_allowed", "invalid_request_error"},
    [REFUSAL_TOO_LARGE] = {413, 413, "ValidationException", "invalid_request_error",
                           "request_too_large", "request_too_large"},
    [REFUSAL_TIMEOUT] = {408, 408, "RequestTimeoutException", "invalid_request_error",
                         "request_timeout", "timeout_error"},
    [REFUSAL_UPSTREAM] = {502, 502, "InternalServerException", "server_error", "upstream_error",
                          "api_error"},
    [REFUSAL_UPSTREAM_TIMEOUT] = {504, 504, "GatewayTimeoutException", "server_error",
                                  "upstream_timeout", "timeout_error"},
    [REFUSAL_OVERLOADED] = {503, 503, "ServiceUnavailableException", "server_error",
                            "service_unavailable", "overloaded_error"},
    [REFUSAL_LIMIT] = {429, 429, "ThrottlingException", "rate_limit_exceeded",
                       "rate_limit_exceeded", "rate_limit_error"},
};

void dialect_answer_free(struct dialect_answer *a)
{
    buf_free(&a->headers);
    buf_free(&a->body);
    a->status = 0;
}

/* A header line; bytes a header may not hold become '?'. */
static void add_header(struct buf *b, const char *name, const char *value)
{
    buf_printf(b, "%s: ", name);
    for (const char *p = value; *p != '\0'; p++) {
        char c = *p >= ' ' && *p < 0x7F ? *p : '?';
        buf_append(b, &c, 1);
    }
    buf_add(b, "\r\n");
}

static void add_member(struct buf *b, const char *before, const char *value)
{
    buf_add(b, before);
    buf_json_string(b, str_of(value));
}

static void begin(struct dialect_answer *a, enum call_dialect d, int status, const char *error_type,
                  const char *request_id)
{
    static const char *const own_id[] = {
        [DIALECT_BEDROCK] = "x-amzn-requestid",
        [DIALECT_OPENAI] = "x-request-id",
        [DIALECT_ANTHROPIC] = "request-id",
        [DIALECT_WORKFLOW] = NULL,
    };

    *a = (struct dialect_answer){.status = status};
    add_header(&a->headers, "content-type", "application/json");
    if (d == DIALECT_BEDROCK) {
        add_header(&a->headers, "x-amzn-errortype", error_type);
    }
    if (own_id[d] != NULL) {
        add_header(&a->headers, own_id[d], request_id);
    }
    add_header(&a->headers, "x-tollgate-request-id", request_id);
}

static enum err finish(struct dialect_answer *a)
{
    if (a->headers.failed || a->body.failed) {
        dialect_answer_free(a);
        return ERR_NOMEM;
    }
    return ERR_OK;
}

/* {"path","message"} out of "messages[0].content: must be an array". */
static void add_workflow_error(struct buf *b, const char *message)
{
    const char *colon = strstr(message, ": ");
    const char *space = strchr(message, ' ');
    bool has_path = colon != NULL && space == colon + 1;

    buf_add(b, "{\"path\":");
    buf_json_string(b, (struct str){message, has_path ? (size_t)(colon - message) : 0});
    add_member(b, ",\"message\":", has_path ? colon + 2 : message);
    buf_add(b, "}");
}

enum err dialect_refuse(struct dialect_answer *out, enum call_dialect d, enum refusal r,
                        const char *message, const char *request_id)
{
    const struct words *w = &refusals[r];
    struct buf *b = &out->body;

    begin(out, d, d == DIALECT_BEDROCK ? w->bedrock_status : w->status, w->bedrock, request_id);
    switch (d) {
    case DIALECT_BEDROCK:
        add_member(b, "{\"message\":", message);
        buf_add(b, "}");
        break;
    case DIALECT_OPENAI:
        add_member(b, "{\"error\":{\"message\":", message);
        add_member(b, ",\"type\":", w->openai_type);
        add_member(b, ",\"code\":", w->openai_code);
        buf_add(b, ",\"param\":null}}");
        break;
    case DIALECT_ANTHROPIC:
        add_member(b, "{\"type\":\"error\",\"error\":{\"type\":", w->anthropic);
        add_member(b, ",\"message\":", message);
        add_member(b, "},\"request_id\":", request_id);
        buf_add(b, "}");
        break;
    case DIALECT_WORKFLOW:
        add_member(b, "{\"outcome\":\"failed\",\"requestId\":", request_id);
        buf_add(b, ",\"errors\":[");
        add_workflow_error(b, message);
        buf_add(b, "]}");
        break;
    }
    return finish(out);
}

enum err dialect_refuse_mistakes(struct dialect_answer *out, struct str mistakes,
                                 const char *request_id)
{
    struct buf *b = &out->body;

    begin(out, DIALECT_WORKFLOW, 400, "", request_id);
    add_member(b, "{\"outcome\":\"failed\",\"requestId\":", request_id);
    buf_add(b, ",\"errors\":[");
    buf_add_str(b, mistakes);
    buf_add(b, "]}");
    return finish(out);
}

/* The text as a JSON number when it is one; null otherwise. */
static void add_number(struct buf *b, const char *text)
{
    struct scan s;
    struct str raw;

    scan_init(&s, text, strlen(text));
    buf_add(b, scan_number(&s, &raw) && scan_done(&s) ? text : "null");
}

/* A count in the metric's own unit: money is kept in nano-dollars and said in dollars. */
static void add_amount(struct buf *b, const char *metric, int64_t amount)
{
    char text[MONEY_TEXT];

    if (strcmp(metric, "usd") == 0) {
        money_format(text, amount);
        add_number(b, text);
    } else {
        buf_printf(b, "%lld", (long long)amount);
    }
}

/* ,"tollgate":{..} */
static void add_detail(struct buf *b, const struct dialect_denial *n, const char *request_id)
{
    char time[CLOCK_TEXT];

    add_member(b, ",\"tollgate\":{\"limit\":", n->limit);
    add_member(b, ",\"metric\":", n->metric);
    buf_add(b, ",\"amount\":");
    add_number(b, n->amount_text);
    add_member(b, ",\"group\":", n->group);
    buf_add(b, ",\"resets_at\":");
    if (n->resets_at_ms > 0) {
        clock_rfc3339(time, n->resets_at_ms);
        buf_json_string(b, str_of(time));
    } else {
        buf_add(b, "null");
    }
    add_member(b, ",\"request_id\":", request_id);
    if (n->with_detail) {
        buf_add(b, ",\"used\":");
        add_amount(b, n->metric, n->used);
        buf_add(b, ",\"reserved\":");
        add_amount(b, n->metric, n->reserved);
    }
    buf_add(b, "}");
}

static void add_denial_headers(struct dialect_answer *a, enum call_dialect d,
                               const struct dialect_denial *n)
{
    int64_t seconds = n->retry_after_s > 0 ? n->retry_after_s : 1;

    add_header(&a->headers, "x-tollgate-limit", n->limit);
    if (!n->final || n->retry_after_s > 0) {
        buf_printf(&a->headers, "x-tollgate-reset: %lld\r\n", (long long)seconds);
    }
    if (!n->final) {
        buf_printf(&a->headers, "retry-after: %lld\r\n", (long long)seconds);
        if (d == DIALECT_BEDROCK) {
            buf_printf(&a->headers, "x-amz-retry-after: %lld\r\n", (long long)seconds * 1000);
        }
    } else if (d != DIALECT_BEDROCK) {
        buf_add(&a->headers, "x-should-retry: false\r\n");
    }
}

static void add_denial_message(struct buf *b, const struct dialect_denial *n)
{
    struct buf text = {0};

    buf_printf(&text, "limit %s: %s", n->limit, n->message);
    buf_json_string(b, buf_str(&text));
    b->failed = b->failed || text.failed;
    buf_free(&text);
}

enum err dialect_deny(struct dialect_answer *out, enum call_dialect d,
                      const struct dialect_denial *denial, const char *request_id)
{
    bool final = denial->final;
    const char *openai = final ? "insufficient_quota" : "rate_limit_exceeded";
    struct buf *b = &out->body;

    begin(out, d, d == DIALECT_BEDROCK && final ? 400 : 429,
          final ? "ServiceQuotaExceededException" : "ThrottlingException", request_id);
    add_denial_headers(out, d, denial);
    switch (d) {
    case DIALECT_BEDROCK:
        buf_add(b, "{\"message\":");
        add_denial_message(b, denial);
        add_detail(b, denial, request_id);
        break;
    case DIALECT_OPENAI:
        buf_add(b, "{\"error\":{\"message\":");
        add_denial_message(b, denial);
        add_member(b, ",\"type\":", openai);
        add_member(b, ",\"code\":", openai);
        buf_add(b, ",\"param\":null");
        add_detail(b, denial, request_id);
        buf_add(b, "}");
        break;
    case DIALECT_ANTHROPIC:
        buf_add(b, "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":");
        add_denial_message(b, denial);
        buf_add(b, "}");
        add_detail(b, denial, request_id);
        break;
    case DIALECT_WORKFLOW:
        add_member(b, "{\"outcome\":\"denied\",\"requestId\":", request_id);
        buf_add(b, ",\"message\":");
        add_denial_message(b, denial);
        add_detail(b, denial, request_id);
        break;
    }
    buf_add(b, "}");
    return finish(out);
}

static const char *words_for(const char *exception, enum call_dialect d)
{
    static const struct {
        const char *exception, *openai, *anthropic;
    } names[] = {
        {"throttlingException", "rate_limit_exceeded", "rate_limit_error"},
        {"validationException", "invalid_request_error", "invalid_request_error"},
        {"serviceUnavailableException", "service_unavailable", "overloaded_error"},
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(exception, names[i].exception) == 0) {
            return d == DIALECT_OPENAI ? names[i].openai : names[i].anthropic;
        }
    }
    return d == DIALECT_OPENAI ? "server_error" : "api_error";
}

enum err dialect_stream_end(struct buf *out, enum call_dialect d, const char *exception,
                            const char *message)
{
    const char *type = words_for(exception, d);

    switch (d) {
    case DIALECT_BEDROCK:
        return eventstream_write_exception(out, exception, message);
    case DIALECT_OPENAI:
        add_member(out, "data: {\"error\":{\"message\":", message);
        add_member(out, ",\"type\":", type);
        add_member(out, ",\"code\":", type);
        buf_add(out, ",\"param\":null}}\n\n");
        break;
    case DIALECT_ANTHROPIC:
        buf_add(out, "event: error\n");
        add_member(out, "data: {\"type\":\"error\",\"error\":{\"type\":", type);
        add_member(out, ",\"message\":", message);
        buf_add(out, "}}\n\n");
        break;
    case DIALECT_WORKFLOW:
        return ERR_UNSUPPORTED; /* the workflow input never streams */
    }
    return out->failed ? ERR_NOMEM : ERR_OK;
}
