/* sim_call.c: see sim_call.h. */
#include "core/sim/sim_call.h"

#include "core/sim/sim_count.h"
#include "core/sim/sim_metadata.h"
#include "core/sim/sim_state.h"

#define UNSET_MOST        200 /* tokens when the caller sets no maximum */
#define DIMENSIONS_UNSAID 1024
#define OUT_OF_MEMORY     "The simulation is out of memory."

static enum sim_fault choose_fault(const struct sim *s, const struct sim_prompt *p)
{
    if (p->directives.fault_said) {
        return p->directives.fault;
    }
    bool due = s->calls % (uint64_t)s->knobs.fault_every == 0;
    return due ? s->knobs.fault : SIM_FAULT_NONE;
}

static void choose_length(struct sim *s, const struct sim_prompt *p, struct sim_plan *plan)
{
    int64_t most = p->max_tokens > 0 ? p->max_tokens : UNSET_MOST;
    int64_t natural = sim_words_length(&plan->draw);

    if (p->directives.output > 0) {
        natural = p->directives.output;
    } else if (s->knobs.output_tokens > 0) {
        natural = s->knobs.output_tokens;
    }
    bool told = p->max_tokens > 0 || p->directives.output > 0 || s->knobs.output_tokens > 0;
    if (!told || p->max_tokens > 0) {
        plan->cut_short = natural > most && told;
        natural = natural < most ? natural : most;
    }
    plan->usage.output = natural;
}

/* The status and AWS's name of a fault that is an answer of its own; 0: none. */
static int status_of(enum sim_fault fault, bool stream, const char **type, const char **message)
{
    switch (fault) {
    case SIM_FAULT_THROTTLE:
        *type = "ThrottlingException";
        *message = "Too many tokens, please wait before trying again.";
        return 429;
    case SIM_FAULT_500:
        *type = "InternalServerException";
        *message = "The system encountered an unexpected error during processing. Try your "
                   "request again.";
        return 500;
    case SIM_FAULT_503:
        *type = "ServiceUnavailableException";
        *message = "Bedrock is unable to process your request.";
        return 503;
    case SIM_FAULT_EXCEPTION:
        *type = "ModelErrorException";
        *message = "The model encountered an error while processing the request.";
        return stream ? 0 : 424;
    case SIM_FAULT_NONE:
    case SIM_FAULT_STALL:
    case SIM_FAULT_CUT:
    case SIM_FAULT_BADCRC:
    case SIM_FAULT_SLOW_HEAD:
        return 0;
    }
    return 0;
}

void sim_call_note(struct sim_connection *c, const struct sim_call *call)
{
    struct sim *s = sim_http_owner(c);
    const struct sim_session *session = s->auth[sim_http_index(c)].session;
    const struct sim_note note = {
        .path = call->request->path,
        .model = call->model,
        .metadata = call->metadata.n <= SIM_METADATA_BYTES ? call->metadata : (struct str){0},
        .project = call->project,
        .tier = call->tier,
        .access_key_id = session != NULL ? session->access_key_id : s->access_key_id,
        .role_arn = session != NULL ? session->role_arn : NULL,
        .session = session != NULL ? session->name : NULL,
        .session_tags = session != NULL ? session->tags : NULL,
    };
    sim_noted_add(&s->ledger.noted, &note);
    if (session != NULL) {
        sim_sessions_note(&s->sessions, session);
    }
}

static void refuse_call(struct sim_connection *c, const struct sim_call *call,
                        struct sim_place place, int status, const char *type, const char *message)
{
    sim_count_refusal(sim_http_owner(c), place, status);
    sim_refuse(c, call->tongue, status, type, message);
}

static bool find_place(struct sim *s, const struct sim_call *call, struct sim_place *out)
{
    out->model = sim_ledger_model(&s->ledger, call->model);
    out->project = call->project.n > 0 ? sim_ledger_project(&s->ledger, call->project) : NULL;
    return out->model != NULL && (call->project.n == 0 || out->project != NULL);
}

static void make_plan(struct sim *s, const struct sim_call *call, struct sim_plan *plan)
{
    const struct sim_prompt *p = call->prompt;
    const struct sim_directives *d = &p->directives;

    plan->wire = call->wire;
    plan->tongue = call->tongue;
    str_copy(plan->model, sizeof plan->model, call->model);
    /* What would need escapes or break a header is no tier. */
    for (size_t i = 0; i < call->tier.n && i + 1 < sizeof plan->tier; i++) {
        char ch = call->tier.p[i];
        plan->tier[i] = ch >= 'a' && ch <= 'z' ? ch : '_';
    }
    plan->dimensions = p->dimensions > 0 ? p->dimensions : DIMENSIONS_UNSAID;
    plan->inputs = (int64_t)p->messages;
    sim_cache_split(&s->cache, p, call->model, loop_now_us(s->loop), &plan->usage);
    if (!plan->voice->embeds) {
        choose_length(s, p, plan);
    }
    plan->latency_us = 1000 * (d->latency_ms >= 0 ? d->latency_ms : s->knobs.latency_ms);
    plan->token_delay_us = d->delay_us >= 0 ? d->delay_us : s->knobs.token_delay_us;
}

void sim_call_run(struct sim_connection *c, const struct sim_call *call, const char *problem)
{
    struct sim *s = sim_http_owner(c);
    struct sim_plan plan = {.voice = sim_voice_of(call->prompt)};
    const char *type = NULL, *message = NULL;

    sim_call_note(c, call);
    if (!find_place(s, call, &plan.place)) {
        sim_refuse(c, call->tongue, 500, "InternalServerException", OUT_OF_MEMORY);
        return;
    }
    sim_ledger_begin(&s->ledger, plan.place);
    if (problem == NULL && call->stream && plan.voice->delta == NULL) {
        problem = "The model is unsupported for streaming.";
    }
    if (problem != NULL) {
        refuse_call(c, call, plan.place, 400, "ValidationException", problem);
        return;
    }
    plan.draw = s->knobs.seed * 1000003 + ++s->calls;
    plan.fault = choose_fault(s, call->prompt);
    int status = status_of(plan.fault, call->stream, &type, &message);
    if (status != 0) {
        refuse_call(c, call, plan.place, status, type, message);
        return;
    }
    make_plan(s, call, &plan);
    if (call->stream) {
        sim_generation_stream(c, &plan);
    } else {
        sim_generation_answer(c, &plan);
    }
}
