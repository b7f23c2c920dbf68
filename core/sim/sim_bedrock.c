/* sim_bedrock.c: Bedrock's runtime: Converse, InvokeModel, their streams and CountTokens for any
 * known model; OpenAI's paths go to sim_openai.c. */
#include "core/sim/sim_call.h"
#include "core/sim/sim_family.h"
#include "core/sim/sim_metadata.h"
#include "core/sim/sim_openai.h"
#include "core/sim/sim_profiles.h"
#include "core/sim/sim_services.h"
#include "core/sim/sim_state.h"

#include <stdio.h>
#include <string.h>

#define MODEL_ID_MAX  2048
#define MODEL_UNKNOWN "The provided model identifier is invalid."

/* "/model/{id}/{operation}", matched before percent-decoding. */
static bool parse_path(struct str path, char id[MODEL_ID_MAX], struct str *operation)
{
    struct str rest = path;

    (void)str_cut(rest, '/', &rest);
    struct str model = str_cut(rest, '/', &rest);
    struct str segment = str_cut(rest, '/', &rest);
    *operation = rest;
    return str_is(model, "model") && segment.n > 0 && rest.p != NULL &&
           memchr(rest.p, '/', rest.n) == NULL && str_percent_decode(id, MODEL_ID_MAX, segment);
}

static enum sim_form native_form(const struct sim *s, struct str id, struct str body)
{
    const json_t *profile = sim_profiles_find(s->profiles, id);
    enum sim_form form = sim_family_form(profile != NULL ? sim_profiles_model(profile) : id);

    return form != SIM_FORMS ? form : sim_family_guess(body);
}

static void converse(struct sim_connection *c, const struct sim_request *r, struct str id,
                     bool stream)
{
    struct err_info ei = {0};
    struct sim_prompt p;

    enum err e = sim_prompt_read(&p, SIM_FORM_CONVERSE, r->body, &ei);
    if (e == ERR_OK && p.metadata.n > 0) {
        e = sim_metadata_check(p.metadata, &ei);
    }
    const struct sim_call call = {.request = r,
                                  .model = id,
                                  .metadata = e == ERR_OK ? p.metadata : (struct str){0},
                                  .tier = p.tier,
                                  .tongue = SIM_TONGUE_AWS,
                                  .wire = SIM_WIRE_EVENTS,
                                  .stream = stream,
                                  .prompt = &p};
    sim_call_run(c, &call, e == ERR_OK ? NULL : ei.text);
}

static void invoke(struct sim_connection *c, const struct sim_request *r, struct str id,
                   bool stream)
{
    struct str metadata = http_value(r->head, "x-amzn-bedrock-request-metadata");
    struct err_info ei = {0};
    struct sim_prompt p;

    enum err e = sim_prompt_read(&p, native_form(sim_http_owner(c), id, r->body), r->body, &ei);
    if (e == ERR_OK && metadata.n > 0) {
        e = sim_metadata_check(metadata, &ei);
    }
    const struct sim_call call = {.request = r,
                                  .model = id,
                                  .metadata = e == ERR_OK ? metadata : (struct str){0},
                                  .tier = http_value(r->head, "x-amzn-bedrock-service-tier"),
                                  .tongue = SIM_TONGUE_AWS,
                                  .wire = SIM_WIRE_CHUNKS,
                                  .stream = stream,
                                  .prompt = &p};
    sim_call_run(c, &call, e == ERR_OK ? NULL : ei.text);
}

static void count_tokens(struct sim_connection *c, const struct sim_request *r, struct str id)
{
    const struct sim_call call = {.request = r, .model = id};
    enum sim_form form = native_form(sim_http_owner(c), id, (struct str){0});
    struct err_info ei = {0};
    struct sim_prompt p;
    char json[48];

    sim_call_note(c, &call);
    if (sim_prompt_read_count(&p, form, r->body, &ei) != ERR_OK) {
        sim_http_error(c, 400, "ValidationException", ei.text);
        return;
    }
    (void)snprintf(json, sizeof json, "{\"inputTokens\":%lld}", (long long)p.tokens);
    const struct sim_answer a = {
        .status = 200, .content_type = "application/json", .body = str_of(json)};
    sim_http_answer(c, &a);
}

static void handle_model(struct sim_connection *c, const struct sim_request *r, struct str id,
                         struct str operation)
{
    if (str_is(operation, "converse")) {
        converse(c, r, id, false);
    } else if (str_is(operation, "converse-stream")) {
        converse(c, r, id, true);
    } else if (str_is(operation, "invoke")) {
        invoke(c, r, id, false);
    } else if (str_is(operation, "invoke-with-response-stream")) {
        invoke(c, r, id, true);
    } else if (str_is(operation, "count-tokens")) {
        count_tokens(c, r, id);
    } else {
        sim_http_error(c, 404, "UnknownOperationException", "That operation is not simulated.");
    }
}

void sim_bedrock_handle(struct sim_connection *c, const struct sim_request *r)
{
    static const char openai[] = "/openai/v1/";
    const struct sim *s = sim_http_owner(c);
    char id[MODEL_ID_MAX];
    struct str operation;

    if (str_starts(r->path, openai)) {
        sim_openai_handle(c, r, str_sub(r->path, sizeof openai - 1, r->path.n), false);
    } else if (!parse_path(r->path, id, &operation)) {
        sim_http_error(c, 404, "UnknownOperationException", "There is no such operation.");
    } else if (!str_is(r->method, "POST")) {
        sim_http_error(c, 405, "UnknownOperationException", "Only POST is known here.");
    } else if (!sim_family_known(str_of(id)) &&
               sim_profiles_find(s->profiles, str_of(id)) == NULL) {
        sim_http_error(c, 400, "ValidationException", MODEL_UNKNOWN);
    } else {
        handle_model(c, r, str_of(id), operation);
    }
}
