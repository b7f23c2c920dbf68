/* sim_services.c: from a port to its service, and the control pages every port has:
 * GET /_sim/ledger, GET /_sim/logs, POST /_sim/config, POST /_sim/reset. */
#include "core/sim/sim_services.h"

#include "core/sim/sim_profiles.h"
#include "core/sim/sim_refuse.h"
#include "core/sim/sim_setup.h"
#include "core/sim/sim_state.h"

static void refuse_json(struct sim_connection *c, const struct sim_request *r, int status,
                        const char *type, const char *message);

static void answer_json(struct sim_connection *c, int status, struct str body)
{
    const struct sim_answer a = {
        .status = status, .content_type = "application/json", .body = body};
    sim_http_answer(c, &a);
}

static void answer_ledger(struct sim_connection *c)
{
    struct sim *s = sim_http_owner(c);
    struct buf body = {0};

    sim_ledger_print(&s->ledger, &s->metrics, &s->logs, &s->sessions, &body);
    answer_json(c, 200, buf_str(&body));
    buf_free(&body);
}

static void answer_logs(struct sim_connection *c)
{
    struct buf body = {0};

    sim_logs_dump(&sim_http_owner(c)->logs, &body);
    answer_json(c, 200, buf_str(&body));
    buf_free(&body);
}

static void change_knobs(struct sim_connection *c, struct str body)
{
    struct sim *s = sim_http_owner(c);
    struct sim_knobs changed = s->knobs;
    struct err_info ei = {0};
    json_t *profiles = NULL;

    enum err e = sim_knobs_apply(&changed, body, &ei);
    if (e == ERR_OK && changed.profiles.n > 0) {
        profiles = sim_profiles_parse(changed.profiles, &ei);
        e = profiles != NULL ? ERR_OK : ERR_PARSE;
    }
    if (e == ERR_OK && changed.setup.n > 0) {
        e = sim_setup_apply(s->setup, changed.setup, &ei);
    }
    if (e != ERR_OK) {
        json_decref(profiles);
        sim_http_error(c, 400, "ValidationException", ei.text);
        return;
    }
    if (profiles != NULL) {
        json_decref(s->profiles);
        s->profiles = profiles;
    }
    changed.profiles = changed.setup = (struct str){0};
    s->knobs = changed;
    answer_json(c, 200, STR("{}"));
}

static void reset(struct sim_connection *c)
{
    struct sim *s = sim_http_owner(c);

    sim_ledger_reset(&s->ledger);
    sim_metrics_free(&s->metrics);
    sim_logs_free(&s->logs);
    s->cache = (struct sim_cache){0};
    s->calls = 0;
    answer_json(c, 200, STR("{}"));
}

static void handle_control(struct sim_connection *c, const struct sim_request *r)
{
    bool post = str_is(r->method, "POST");

    if (str_is(r->path, "/_sim/ledger") && str_is(r->method, "GET")) {
        answer_ledger(c);
    } else if (str_is(r->path, "/_sim/logs") && str_is(r->method, "GET")) {
        answer_logs(c);
    } else if (str_is(r->path, "/_sim/config") && post) {
        change_knobs(c, r->body);
    } else if (str_is(r->path, "/_sim/reset") && post) {
        reset(c);
    } else if (str_is(r->path, "/_sim/revoke") && post) {
        sim_sessions_revoke(&sim_http_owner(c)->sessions);
        answer_json(c, 200, STR("{}"));
    } else {
        sim_http_error(
            c, 404, "UnknownOperationException",
            "There are GET /_sim/ledger, GET /_sim/logs, POST /_sim/config, POST /_sim/reset and "
            "POST /_sim/revoke.");
    }
}

static bool check_signature(struct sim_connection *c, const struct sim_request *r)
{
    struct sim *s = sim_http_owner(c);
    struct sim_auth_refusal why;

    if (sim_auth_check(&s->auth[sim_http_index(c)], r, loop_wall_ms(s->loop), &s->scratch, &why)) {
        return true;
    }
    s->ledger.signature_failures++;
    sim_services[sim_http_index(c)].refuse(c, r, 403, why.type, why.message);
    return false;
}

/* Whether the operation of X-Amz-Target, or the path's first part ("/inference-profiles"), is among
 * what a test denies. */
static bool is_denied(const struct sim *s, const struct sim_request *r)
{
    struct str operation;
    size_t n = 1;

    (void)str_cut(http_value(r->head, "x-amz-target"), '.', &operation);
    while (n < r->path.n && r->path.p[n] != '/' && r->path.p[n] != '?') {
        n++;
    }
    return sim_knobs_deny(&s->knobs, operation) ||
           (operation.n == 0 && sim_knobs_deny(&s->knobs, str_sub(r->path, 0, n)));
}

void sim_services_handle(struct sim_connection *c, const struct sim_request *r)
{
    const struct sim_service *service = &sim_services[sim_http_index(c)];

    if (str_starts(r->path, "/_sim/")) {
        handle_control(c, r);
        return;
    }
    struct sim *s = sim_http_owner(c);
    switch (s->knobs.outages[service->id]) {
    case SIM_DOWN:
        sim_http_drop(c);
        return;
    case SIM_FAILING:
        service->refuse(c, r, 503, "ServiceUnavailableException", "The service is not available.");
        return;
    case SIM_THROTTLED:
        service->refuse(c, r, service->refuse == refuse_json ? 400 : 429, "ThrottlingException",
                        "Rate exceeded");
        return;
    case SIM_HALF:
    case SIM_UP:
    case SIM_MUTE:
        break;
    }
    if (service->id == SERVICE_STS && sim_sts_is_unsigned(r)) {
        s->auth[sim_http_index(c)].session = NULL;
    } else if (!check_signature(c, r)) {
        return;
    }
    if (is_denied(s, r)) {
        service->refuse(c, r, service->refuse == refuse_json ? 400 : 403, "AccessDeniedException",
                        "You are not authorized to perform this operation.");
        return;
    }
    s->mute = s->knobs.outages[service->id] == SIM_MUTE;
    s->cutting = s->knobs.outages[service->id] == SIM_HALF;
    service->handle(c, r);
    s->mute = s->cutting = false;
}

static void refuse_inference(struct sim_connection *c, const struct sim_request *r, int status,
                             const char *type, const char *message)
{
    sim_refuse(c, sim_tongue_of(sim_services[sim_http_index(c)].id, r->path), status, type,
               message);
}

static void refuse_json(struct sim_connection *c, const struct sim_request *r, int status,
                        const char *type, const char *message)
{
    (void)r;
    sim_http_json_error(c, status, type, message);
}

const struct sim_service sim_services[SIM_SERVICES] = {
    {SERVICE_BEDROCK_RUNTIME, "bedrock", NULL, refuse_inference, sim_bedrock_handle},
    {SERVICE_MONITORING, "monitoring", NULL, refuse_json, sim_cloudwatch_handle},
    {SERVICE_CE, "ce", "us-east-1", refuse_json, sim_ce_handle},
    {SERVICE_STS, "sts", NULL, sim_sts_refuse, sim_sts_handle},
    {SERVICE_BEDROCK_MANTLE, "bedrock-mantle", NULL, refuse_inference, sim_mantle_handle},
    {SERVICE_BEDROCK, "bedrock", NULL, refuse_inference, sim_control_plane_handle},
    {SERVICE_LOGS, "logs", NULL, refuse_json, sim_logs_handle},
    {SERVICE_BUDGETS, "budgets", "us-east-1", refuse_json, sim_budgets_handle},
    {SERVICE_PRICING, "pricing", "us-east-1", refuse_json, sim_pricing_handle},
    {SERVICE_DATA_EXPORTS, "bcm-data-exports", "us-east-1", refuse_json, sim_exports_handle},
    {SERVICE_QUOTAS, "servicequotas", NULL, refuse_json, sim_quotas_handle},
};
