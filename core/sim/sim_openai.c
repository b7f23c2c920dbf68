/* sim_openai.c: see sim_openai.h. Chat completions, responses, and mantle's list of models. */
#include "core/sim/sim_openai.h"

#include "core/base/json_scan.h"
#include "core/sim/sim_call.h"
#include "core/sim/sim_family.h"
#include "core/sim/sim_json.h"
#include "core/sim/sim_profiles.h"
#include "core/sim/sim_state.h"

#include <stdio.h>
#include <string.h>

static const char *const listed[] = {
    "openai.gpt-oss-120b",        "openai.gpt-oss-20b", "anthropic.claude-sonnet-4-6",
    "anthropic.claude-haiku-4-5", "deepseek.v3.1",      "qwen.qwen3-32b"};
#define LISTED (sizeof listed / sizeof listed[0])

void sim_openai_refuse_model(struct sim_connection *c, enum sim_tongue tongue, struct str model)
{
    char message[300];

    (void)snprintf(message, sizeof message, "The model '%.*s' does not exist",
                   (int)(model.n > 200 ? 200 : model.n), model.p);
    sim_refuse(c, tongue, 404, "ResourceNotFoundException", message);
}

bool sim_openai_project(struct sim_connection *c, const struct sim_request *r,
                        enum sim_tongue tongue, struct str *out)
{
    const char *name = tongue == SIM_TONGUE_ANTHROPIC ? "anthropic-workspace-id" : "openai-project";
    const struct http_header *given = http_find(r->head, name);

    *out = STR("default");
    if (given == NULL) {
        return true;
    }
    if (!str_starts(given->value, "proj_") || given->value.n > 128) {
        sim_refuse(c, tongue, 404, "ResourceNotFoundException", "The project does not exist.");
        return false;
    }
    *out = given->value;
    return true;
}

/* --- models --- */

static json_t *model_of(const char *id)
{
    const char *dot = strchr(id, '.');

    return json_pack("{s:s,s:s,s:i,s:s#}", "id", id, "object", "model", "created", 1764460800,
                     "owned_by", id, (int)(dot - id));
}

static void list_models(struct sim_connection *c)
{
    json_t *list = json_array();

    for (size_t i = 0; i < LISTED; i++) {
        (void)json_array_append_new(list, model_of(listed[i]));
    }
    sim_json_answer_rest(c, 200, json_pack("{s:s,s:o}", "object", "list", "data", list));
}

static void get_model(struct sim_connection *c, struct str id)
{
    for (size_t i = 0; i < LISTED; i++) {
        if (str_is(id, listed[i])) {
            sim_json_answer_rest(c, 200, model_of(listed[i]));
            return;
        }
    }
    sim_openai_refuse_model(c, SIM_TONGUE_OPENAI, id);
}

/* --- calls --- */

static bool check_model(struct sim_connection *c, enum sim_form form, struct str model, bool mantle)
{
    const struct sim *s = sim_http_owner(c);
    bool profile = sim_profiles_find(s->profiles, model) != NULL ||
                   memmem(model.p, model.n, ":application-inference-profile/", 31) != NULL;

    if (mantle ? !sim_family_known_to_mantle(model) : !profile && !sim_family_known(model)) {
        sim_openai_refuse_model(c, SIM_TONGUE_OPENAI, model);
        return false;
    }
    if (profile && form == SIM_FORM_RESPONSES) {
        sim_refuse(c, SIM_TONGUE_OPENAI, 400, "ValidationException",
                   "Application inference profiles are not supported by the Responses API.");
        return false;
    }
    return true;
}

static void call_model(struct sim_connection *c, const struct sim_request *r, enum sim_form form,
                       bool mantle)
{
    char model[SIM_MODEL_NAME];
    struct err_info ei = {0};
    struct sim_prompt p;
    struct str project = {0};

    enum err e = sim_prompt_read(&p, form, r->body, &ei);
    if (p.model.n == 0 || !scan_raw_decode(model, sizeof model, p.model)) {
        sim_refuse(c, SIM_TONGUE_OPENAI, 400, "ValidationException",
                   e != ERR_OK ? ei.text : "model: not a model's ID");
        return;
    }
    if (!check_model(c, form, str_of(model), mantle) ||
        (mantle && !sim_openai_project(c, r, SIM_TONGUE_OPENAI, &project))) {
        return;
    }
    const struct sim_call call = {.request = r,
                                  .model = str_of(model),
                                  .metadata = e == ERR_OK ? p.metadata : (struct str){0},
                                  .project = project,
                                  .tier = p.tier,
                                  .tongue = SIM_TONGUE_OPENAI,
                                  .wire = SIM_WIRE_SSE,
                                  .stream = p.stream,
                                  .prompt = &p};
    sim_call_run(c, &call, e == ERR_OK ? NULL : ei.text);
}

void sim_openai_handle(struct sim_connection *c, const struct sim_request *r, struct str operation,
                       bool mantle)
{
    static const char models[] = "models/";
    bool post = str_is(r->method, "POST"), get = str_is(r->method, "GET");

    if (post && str_is(operation, "chat/completions")) {
        call_model(c, r, SIM_FORM_OPENAI_CHAT, mantle);
    } else if (post && str_is(operation, "responses")) {
        call_model(c, r, SIM_FORM_RESPONSES, mantle);
    } else if (mantle && get && str_is(operation, "models")) {
        list_models(c);
    } else if (mantle && get && str_starts(operation, models)) {
        get_model(c, str_sub(operation, sizeof models - 1, operation.n));
    } else {
        sim_refuse(c, SIM_TONGUE_OPENAI, 404, "UnknownOperationException",
                   "That operation is not simulated.");
    }
}
