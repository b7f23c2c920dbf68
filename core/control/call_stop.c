/* call_stop.c: running calls ended by an operator: one, those of an application, those a limit
 * means, or all. Stopped first and written down then: an emergency does not wait for a disk. */
#include <stdio.h>
#include <string.h>

#include "core/control/limit_change.h"
#include "core/limit/whatif.h"

typedef bool match_fn(void *arg, const struct proxy_open_call *call);

/* --- which --- */

static bool match_any(void *arg, const struct proxy_open_call *call)
{
    (void)arg, (void)call;
    return true;
}

static bool match_request(void *arg, const struct proxy_open_call *call)
{
    return strcmp(arg, call->request_id) == 0;
}

static bool match_application(void *arg, const struct proxy_open_call *call)
{
    return str_is(tags_get(call->tags, "applicationId"), arg);
}

struct meant {
    const struct target *target;
    struct catalog *catalog;
    bool failed;
};

/* The what-if knows which calls a limit means; asked about one call, it counts it or not. */
static bool match_limit(void *arg, const struct proxy_open_call *call)
{
    struct meant *m = arg;
    struct whatif_result r;
    struct whatif_call one = {.model = catalog_find(m->catalog, str_of(call->model)),
                              .tags = call->tags,
                              .principal = call->principal,
                              .admitted_ms = call->admitted_wall_ms,
                              .duration_ms = -1};
    struct resolved late;
    if (!one.model && catalog_resolve(m->catalog, str_of(call->model), &late, NULL) == ERR_OK) {
        one.model = late.model; /* unknown_models: allow */
    }
    struct whatif *w = whatif_new(m->target->file, m->target->group, "UTC", m->catalog, 0, NULL);
    bool ok = w && whatif_load(w, &one) == ERR_OK && whatif_try(w, 0, &r) == ERR_OK;
    whatif_free(w);
    m->failed = m->failed || !ok;
    return ok && r.calls > 0;
}

/* --- stopping --- */

static enum err write_down(struct core *c, const struct actor *a, const char *which, size_t count,
                           const json_t *params, int64_t *id, struct err_info *ei)
{
    struct ledger_change change = {.time_ms = clock_wall_ms(), .actor_uid = a->uid};
    (void)str_copy(change.action, sizeof(change.action), STR("call.stop"));
    (void)str_copy(change.group, sizeof(change.group), str_of(which));
    (void)snprintf(change.old_value, sizeof(change.old_value), "%zu", count);
    (void)str_copy(change.new_value, sizeof(change.new_value), STR("stopped"));
    (void)str_copy(change.actor, sizeof(change.actor), str_of(a->login));
    (void)str_copy(change.reason, sizeof(change.reason), str_of(param_text(params, "reason")));
    (void)str_copy(change.ticket, sizeof(change.ticket), str_of(param_text(params, "ticket")));
    server_event(c->server, "", a->login, "call.stop %s: %zu stopped%s%s", *which ? which : "all",
                 count, change.reason[0] ? ": " : "", change.reason);
    struct err_info why = {.code = ERR_OK};
    enum err e = ledger_change(c->ledger, &change, &why);
    *id = change.id;
    return e == ERR_OK ? ERR_OK
                       : err_set(ei, e, "%zu running calls are stopped, but it is not stored: %s",
                                 count, why.text);
}

/* which: as the change names them. Nothing running: nothing is written down. */
static enum err stop(struct core *c, const struct actor *a, match_fn *match, void *arg,
                     const char *why, const char *which, const json_t *params, size_t *count,
                     int64_t *id, struct err_info *ei)
{
    *id = 0;
    enum err e = proxy_stop_calls(c->proxy, match, arg, why, count, ei);
    enum err stored = *count > 0 ? write_down(c, a, which, *count, params, id, ei) : ERR_OK;
    return e != ERR_OK ? e : stored;
}

static enum err stop_meant(struct core *c, const struct actor *a, const struct target *t,
                           const char *why, const json_t *params, size_t *count, int64_t *id,
                           struct err_info *ei)
{
    char which[sizeof(t->group) + 80];
    struct meant m = {.target = t, .catalog = c->catalog};
    (void)snprintf(which, sizeof(which), "limit=%s%s%s", t->file->name, t->group[0] ? "," : "",
                   t->group);
    enum err e = stop(c, a, match_limit, &m, why, which, params, count, id, ei);
    return e == ERR_OK && m.failed ? err_set(ei, ERR_NOMEM, "no memory to find all running calls")
                                   : e;
}

enum err calls_stop_all(struct core *c, const struct actor *a, const json_t *params, size_t *count,
                        struct err_info *ei)
{
    int64_t id;
    return stop(c, a, match_any, NULL, "an operator blocked all calls and stopped this one", "",
                params, count, &id, ei);
}

enum err calls_stop_meant(struct core *c, const struct actor *a, const struct target *t,
                          const json_t *params, size_t *count, struct err_info *ei)
{
    char why[160];
    int64_t id;
    (void)snprintf(why, sizeof(why), "limit %s: blocked by an operator, who stopped this call",
                   t->file->name);
    return stop_meant(c, a, t, why, params, count, &id, ei);
}

static enum err stop_of_limit(struct core *c, const struct actor *a, const json_t *params,
                              size_t *count, int64_t *id, struct err_info *ei)
{
    struct target t;
    if (param_text(params, "request_id") || param_text(params, "application") ||
        param_true(params, "all")) {
        return err_set(ei, ERR_PARSE,
                       "which calls? one of request_id, application, limit, or all: true");
    }
    enum err e = limit_target_find(c, param_text(params, "limit"), params, NULL, &t, ei);
    if (e == ERR_OK) {
        e = stop_meant(c, a, &t, "an operator stopped this call", params, count, id, ei);
        limit_target_clear(&t);
    }
    return e;
}

/* Exactly one of request_id, application, all; a limit is seen to elsewhere. */
static enum err read_which(const json_t *params, match_fn **match, void **arg, char which[256],
                           struct err_info *ei)
{
    const char *request = param_text(params, "request_id"),
               *application = param_text(params, "application");
    bool all = param_true(params, "all");
    if ((request != NULL) + (application != NULL) + all != 1) {
        return err_set(ei, ERR_PARSE,
                       "which calls? one of request_id, application, limit, or all: true");
    }
    *match = request ? match_request : application ? match_application : match_any;
    *arg = (void *)(uintptr_t)(request ? request : application);
    const char *key = request ? "request_id=" : application ? "applicationId=" : "";
    (void)snprintf(which, 256, "%s%s", key, request ? request : application ? application : "");
    return ERR_OK;
}

enum err call_stop(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                   struct err_info *ei)
{
    match_fn *match = match_any;
    void *arg = NULL;
    char which[256];
    size_t count = 0;
    int64_t id = 0;
    const char *reason = param_text(params, "reason");
    bool of_limit = param_text(params, "limit") != NULL;
    enum err e = of_limit ? ERR_OK : read_which(params, &match, &arg, which, ei);
    if (e == ERR_OK && c->config->control_require_reason && (!reason || !*reason)) {
        e = err_set(ei, ERR_PARSE, "a reason is required (control.require_reason)");
    }
    if (e == ERR_OK && of_limit) {
        e = stop_of_limit(c, a, params, &count, &id, ei);
    } else if (e == ERR_OK) {
        e = stop(c, a, match, arg, "an operator stopped this call", which, params, &count, &id, ei);
    }
    if (e == ERR_OK && count == 0 && match == match_request) {
        e = err_set(ei, ERR_NOT_FOUND, "no call %.64s is running",
                    param_text(params, "request_id"));
    }
    if (e != ERR_OK) {
        return e;
    }
    *result = json_pack("{s:i, s:I, s:o}", "version", 1, "stopped", (json_int_t)count, "change_id",
                        id ? json_integer(id) : json_null());
    return *result ? ERR_OK : err_set(ei, ERR_NOMEM, "the calls are stopped; no memory");
}
