/* Bodies of Converse and CountTokens: what bounds a call is never read smaller than it is. */
#include "core/dialect/dialect.h"
#include "tests/fuzz/fuzz.h"

#include <jansson.h>

/* At least the text of every message is counted; the maximum is not below that of inferenceConfig.
 */
static void check_reference(struct str body, const struct call *call)
{
    json_t *j = json_loadb(body.p, body.n, JSON_ALLOW_NUL, NULL);
    json_t *messages = json_object_get(j, "messages"), *message, *block;
    int64_t text = 0;
    size_t i, k;

    if (j == NULL) { /* one of the differences that fuzz_json_scan knows */
        return;
    }
    MUST(json_is_array(messages) && (int64_t)json_array_size(messages) == call->messages);
    json_array_foreach(messages, i, message)
    {
        json_array_foreach(json_object_get(message, "content"), k, block)
        {
            text += (int64_t)json_string_length(json_object_get(block, "text"));
        }
    }
    MUST(call->text_bytes >= text);
    const json_t *config = json_object_get(j, "inferenceConfig");
    MUST(call->max_output >= json_integer_value(json_object_get(config, "maxTokens")) ||
         json_is_null(config) || call->max_output == -1);
    if (json_is_integer(json_object_get(config, "maxTokens"))) {
        MUST(call->max_output >= json_integer_value(json_object_get(config, "maxTokens")));
    }
    json_decref(j);
}

static void check_tags(const struct tags *t)
{
    MUST(t->count <= TAGS_MAX);
    for (size_t i = 0; i < t->count; i++) {
        MUST(t->at[i].key.n > 0 && t->at[i].key.p[t->at[i].key.n] == '\0');
        MUST(t->at[i].value.p[t->at[i].value.n] == '\0');
        MUST(i == 0 || strcmp(t->at[i - 1].key.p, t->at[i].key.p) < 0);
    }
}

static void parse(const struct dialect_route *route, struct str body, bool is_converse)
{
    struct dialect_facts facts;
    struct call call;
    struct err_info ei = {0};

    call_init(&call);
    enum err e = dialect_parse(route, body, NULL, 0, &call, &facts, &ei);
    if (e == ERR_OK) {
        MUST(call.text_bytes >= 0 && call.text_bytes <= 4 * (int64_t)body.n + 64);
        MUST(call.images >= 0 && call.documents >= 0 && call.tools >= 0);
        MUST(call.max_output == -1 || call.max_output >= 1 || route->kind == KIND_FREE);
        check_tags(&facts.caller_tags);
        if (is_converse) {
            check_reference(body, &call);
        }
    } else {
        MUST((e == ERR_PARSE || !is_converse) && ei.text[0] != '\0' &&
             !holds_control(str_of(ei.text)));
    }
    call_clear(&call);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const targets[] = {"/model/m/converse", "/model/m/count-tokens",
                                          "/model/m/invoke", "/model/m/invoke-with-response-stream",
                                          "/v1/invocations"};
    struct str body = {(const char *)data, n};

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        struct dialect_route route;
        struct err_info ei = {0};
        MUST(dialect_route(&route, STR("POST"), str_of(targets[i]), &ei) == ERR_OK);
        if (route.kind != KIND_NOT_SERVED) {
            parse(&route, body, i == 0);
        }
    }
    return 0;
}
