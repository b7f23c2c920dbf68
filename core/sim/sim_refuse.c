/* sim_refuse.c: see sim_refuse.h. */
#include "core/sim/sim_refuse.h"

static const struct name {
    const char *aws, *openai_type, *openai_code, *anthropic;
} names[] = {
    {"ValidationException", "invalid_request_error", NULL, "invalid_request_error"},
    {"UnknownOperationException", "invalid_request_error", "not_found_error", "not_found_error"},
    {"ResourceNotFoundException", "invalid_request_error", "not_found_error", "not_found_error"},
    {"ThrottlingException", "rate_limit_error", "rate_limit_exceeded", "rate_limit_error"},
    {"ServiceUnavailableException", "server_error", "service_unavailable", "overloaded_error"},
    {"ModelErrorException", "server_error", "model_error", "api_error"},
    {"InternalServerException", "server_error", "internal_error", "api_error"},
    /* Every refusal of a signature. */
    {"", "invalid_request_error", "invalid_api_key", "authentication_error"},
};

static const struct name *find_name(const char *aws)
{
    size_t i = 0;

    while (i + 1 < sizeof names / sizeof names[0] && !str_is(str_of(aws), names[i].aws)) {
        i++;
    }
    return &names[i];
}

enum sim_tongue sim_tongue_of(enum config_service service, struct str path)
{
    if (service == SERVICE_BEDROCK_MANTLE) {
        return str_starts(path, "/anthropic/") ? SIM_TONGUE_ANTHROPIC : SIM_TONGUE_OPENAI;
    }
    return service == SERVICE_BEDROCK_RUNTIME && str_starts(path, "/openai/") ? SIM_TONGUE_OPENAI
                                                                              : SIM_TONGUE_AWS;
}

void sim_refuse(struct sim_connection *c, enum sim_tongue tongue, int status, const char *type,
                const char *message)
{
    const struct name *n = find_name(type);
    struct buf body = {0};

    if (tongue == SIM_TONGUE_AWS) {
        sim_http_error(c, status, type, message);
        return;
    }
    if (tongue == SIM_TONGUE_OPENAI) {
        buf_add(&body, "{\"error\":{\"message\":");
        buf_json_string(&body, str_of(message));
        buf_printf(&body, ",\"type\":\"%s\",\"param\":null,\"code\":", n->openai_type);
        if (n->openai_code != NULL) {
            buf_json_string(&body, str_of(n->openai_code));
        } else {
            buf_add(&body, "null");
        }
        buf_add(&body, "}}");
    } else {
        buf_printf(&body,
                   "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":", n->anthropic);
        buf_json_string(&body, str_of(message));
        buf_add(&body, "}}");
    }
    const struct sim_answer a = {.status = status == 403 ? 401 : status,
                                 .content_type = "application/json",
                                 .body = buf_str(&body)};
    sim_http_answer(c, &a);
    buf_free(&body);
}
