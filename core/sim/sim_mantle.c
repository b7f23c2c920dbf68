/* sim_mantle.c: service `bedrock-mantle`: OpenAI's paths, and Anthropic's Messages. */
#include "core/base/json_scan.h"
#include "core/sim/sim_call.h"
#include "core/sim/sim_family.h"
#include "core/sim/sim_openai.h"
#include "core/sim/sim_setup.h"
#include "core/sim/sim_state.h"

#include <stdio.h>

static void refuse(struct sim_connection *c, int status, const char *type, const char *message)
{
    sim_refuse(c, SIM_TONGUE_ANTHROPIC, status, type, message);
}

static void answer_count(struct sim_connection *c, int64_t tokens)
{
    char json[48];

    (void)snprintf(json, sizeof json, "{\"input_tokens\":%lld}", (long long)tokens);
    const struct sim_answer a = {
        .status = 200, .content_type = "application/json", .body = str_of(json)};
    sim_http_answer(c, &a);
}

static void handle_messages(struct sim_connection *c, const struct sim_request *r, bool count)
{
    char model[SIM_MODEL_NAME];
    struct err_info ei = {0};
    struct sim_prompt p;
    struct str project;

    enum err e = count ? sim_prompt_read_unbound(&p, SIM_FORM_MESSAGES, r->body, &ei)
                       : sim_prompt_read(&p, SIM_FORM_MESSAGES, r->body, &ei);
    if (p.model.n == 0 || !scan_raw_decode(model, sizeof model, p.model)) {
        refuse(c, 400, "ValidationException", e != ERR_OK ? ei.text : "model: not a model's ID");
        return;
    }
    if (http_value(r->head, "anthropic-version").n == 0) {
        refuse(c, 400, "ValidationException", "anthropic-version: header is required");
        return;
    }
    if (!str_starts(str_of(model), "anthropic.") || !sim_family_known_to_mantle(str_of(model))) {
        sim_openai_refuse_model(c, SIM_TONGUE_ANTHROPIC, str_of(model));
        return;
    }
    if (!sim_openai_project(c, r, SIM_TONGUE_ANTHROPIC, &project)) {
        return;
    }
    const struct sim_call call = {.request = r,
                                  .model = str_of(model),
                                  .metadata = e == ERR_OK ? p.metadata : (struct str){0},
                                  .project = project,
                                  .tier = p.tier,
                                  .tongue = SIM_TONGUE_ANTHROPIC,
                                  .wire = SIM_WIRE_SSE,
                                  .stream = p.stream,
                                  .prompt = &p};
    if (!count) {
        sim_call_run(c, &call, e == ERR_OK ? NULL : ei.text);
        return;
    }
    sim_call_note(c, &call);
    if (e != ERR_OK) {
        refuse(c, 400, "ValidationException", ei.text);
    } else {
        answer_count(c, p.tokens);
    }
}

static void handle_anthropic(struct sim_connection *c, const struct sim_request *r)
{
    bool post = str_is(r->method, "POST");

    if (post && str_is(r->path, "/anthropic/v1/messages")) {
        handle_messages(c, r, false);
    } else if (post && str_is(r->path, "/anthropic/v1/messages/count_tokens")) {
        handle_messages(c, r, true);
    } else {
        refuse(c, 404, "UnknownOperationException", "That operation is not simulated.");
    }
}

void sim_mantle_handle(struct sim_connection *c, const struct sim_request *r)
{
    static const char *const prefixes[] = {"/v1/", "/openai/v1/"};

    if (str_starts(r->path, "/anthropic/")) {
        handle_anthropic(c, r);
        return;
    }
    if (sim_projects_handle(c, r)) {
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        if (str_starts(r->path, prefixes[i])) {
            sim_openai_handle(c, r, str_sub(r->path, str_of(prefixes[i]).n, r->path.n), true);
            return;
        }
    }
    sim_refuse(c, SIM_TONGUE_OPENAI, 404, "UnknownOperationException",
               "There is no such operation.");
}
