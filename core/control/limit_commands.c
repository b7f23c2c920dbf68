/* limit_commands.c: the methods limit.*. */
#include <string.h>

#include "core/control/limit_change.h"

static enum err need_name(const json_t *params, const char **name, struct err_info *ei)
{
    *name = param_text(params, "name");
    return *name ? ERR_OK : err_set(ei, ERR_PARSE, "which limit? its name is missing");
}

/* --- what differs from the file --- */

struct drift {
    struct core *core;
    json_t *overrides;
};

/* Only what is in force: a stored one may have ended, or its limit may have left the file. */
static bool on_override(void *arg, const struct ledger_override *stored)
{
    struct drift *d = arg;
    struct limit_override o;
    const struct config_limit *f = limit_target_file(d->core->config, str_of(stored->limit));
    if (!f || !limits_get_override(d->core->limits, stored->limit, stored->group, &o)) {
        return true;
    }
    (void)json_array_append_new(
        d->overrides,
        json_pack("{s:s, s:o, s:s, s:o, s:o, s:b, s:s, s:s, s:o, s:o}", "name", f->name, "group",
                  group_json(o.group), "metric", config_metric_name(f->metric), "file_amount",
                  amount_json(f->metric, f->amount), "amount",
                  o.has_amount ? amount_json(f->metric, o.amount) : json_null(), "blocked",
                  o.blocked, "actor", o.actor, "reason", o.reason, "since", json_time(o.since_ms),
                  "until", json_time(o.until_ms)));
    return true;
}

/* --- methods --- */

enum err limit_list(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                    struct err_info *ei)
{
    (void)a;
    *result = json_pack("{s:i, s:o, s:o}", "version", 1, "all_blocked", limit_all_json(c), "limits",
                        snapshot_limits(c));
    if (*result && param_true(params, "overrides")) {
        struct drift d = {.core = c, .overrides = json_array()};
        (void)json_object_set_new(*result, "overrides", d.overrides);
        enum err e = ledger_overrides(c->ledger, on_override, &d, ei);
        if (e != ERR_OK) {
            json_decref(*result);
            *result = NULL;
            return e;
        }
    }
    return *result ? ERR_OK : err_set(ei, ERR_NOMEM, "no memory");
}

enum err limit_set(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                   struct err_info *ei)
{
    const char *name, *metric = param_text(params, "metric"),
                      *amount = param_text(params, "amount");
    struct target t;
    struct edit edit;
    enum err e = need_name(params, &name, ei);
    if (e != ERR_OK || (e = limit_target_find(c, name, params, NULL, &t, ei)) != ERR_OK) {
        return e;
    }
    int64_t value = 0;
    if (t.has_override && t.override.blocked) {
        e = err_set(ei, ERR_CONFLICT, "%s is blocked: unblock it first", name);
    } else if (!metric || strcmp(metric, config_metric_name(t.file->metric)) != 0) {
        e = err_set(ei, ERR_PARSE, "limit %s counts %s, not %.40s", name,
                    config_metric_name(t.file->metric), metric ? metric : "(nothing)");
    } else if (!amount) {
        e = err_set(ei, ERR_PARSE, "the amount is missing");
    } else {
        e = limit_target_amount(&t, amount, &value, ei);
    }
    e = e == ERR_OK ? limit_target_was(&t, params, ei) : e;
    e = e == ERR_OK ? limit_target_bounds(&t, value, params, ei) : e;
    e = e == ERR_OK ? limit_change_begin(a, &t, params, "limit.set", &edit, ei) : e;
    if (e == ERR_OK) {
        edit.override.has_amount = true;
        edit.override.amount = value;
        e = limit_change_apply(c, a, &t, &edit, params, result, ei);
    }
    limit_target_clear(&t);
    return e;
}

enum err limit_revert(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                      struct err_info *ei)
{
    const char *name;
    struct target t;
    enum err e = need_name(params, &name, ei);
    if (e != ERR_OK || (e = limit_target_find(c, name, params, NULL, &t, ei)) != ERR_OK) {
        return e;
    }
    struct edit edit = {.action = "limit.revert"};
    e = t.has_override
            ? limit_change_apply(c, a, &t, &edit, params, result, ei)
            : err_set(ei, ERR_NOT_FOUND, "%s%s%s has no override: it is as the configuration says",
                      name, t.group[0] ? " " : "", t.group);
    limit_target_clear(&t);
    return e;
}

/* Who blocks again and stops means the calls that run still. */
static enum err already_blocked(struct core *c, const struct target *t, const json_t *params,
                                json_t **result, struct err_info *ei)
{
    const char *reason = param_text(params, "reason");
    if (c->config->control_require_reason && (!reason || !*reason)) {
        return err_set(ei, ERR_PARSE, "a reason is required (control.require_reason)");
    }
    *result =
        json_pack("{s:i, s:s, s:s, s:o, s:s, s:s, s:n, s:n}", "version", 1, "name", t->file->name,
                  "metric", config_metric_name(t->file->metric), "group", group_json(t->group),
                  "old", "blocked", "new", "blocked", "change_id", "until");
    return *result ? ERR_OK : err_set(ei, ERR_NOMEM, "no memory");
}

static enum err stop_running(struct core *c, const struct actor *a, const struct target *t,
                             const json_t *params, json_t *result, struct err_info *ei)
{
    size_t count = 0;
    enum err e = calls_stop_meant(c, a, t, params, &count, ei);
    (void)json_object_set_new(result, "stopped", json_integer((json_int_t)count));
    return e;
}

enum err limit_block(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                     struct err_info *ei)
{
    const char *name;
    struct target t;
    struct edit edit;
    bool stops = param_true(params, "stop_running");
    if (param_true(params, "all")) {
        return limit_all_block(c, a, params, result, ei);
    }
    enum err e = need_name(params, &name, ei);
    if (e != ERR_OK || (e = limit_target_find(c, name, params, NULL, &t, ei)) != ERR_OK) {
        return e;
    }
    if (t.blocked) {
        e = stops ? already_blocked(c, &t, params, result, ei)
                  : err_set(ei, ERR_EXISTS, "%s is blocked already", name);
    } else if ((e = limit_change_begin(a, &t, params, "limit.block", &edit, ei)) == ERR_OK) {
        edit.override.blocked = true;
        e = limit_change_apply(c, a, &t, &edit, params, result, ei);
    }
    if (e == ERR_OK && stops) {
        e = stop_running(c, a, &t, params, *result, ei);
    }
    if (e != ERR_OK) {
        json_decref(*result);
        *result = NULL;
    }
    limit_target_clear(&t);
    return e;
}

enum err limit_unblock(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                       struct err_info *ei)
{
    const char *name;
    struct target t;
    struct edit edit;
    if (param_true(params, "all")) {
        return limit_all_unblock(c, a, params, result, ei);
    }
    enum err e = need_name(params, &name, ei);
    if (e != ERR_OK || (e = limit_target_find(c, name, params, NULL, &t, ei)) != ERR_OK) {
        return e;
    }
    e = t.has_override && t.override.blocked
            ? limit_change_begin(a, &t, params, "limit.unblock", &edit, ei)
            : err_set(ei, ERR_NOT_FOUND, "%s%s%s is not blocked", name, t.group[0] ? " " : "",
                      t.group);
    if (e == ERR_OK) {
        struct limit_override before;
        int64_t change_id = t.override.id;
        enum before b = limit_beneath(c, &change_id, t.file->metric, clock_wall_ms(), &before);
        if (b == BEFORE_OVERRIDE && !before.blocked) {
            edit.override.has_amount = before.has_amount;
            edit.override.amount = before.amount;
            edit.override.until_ms = before.until_ms;
            edit.restores = before.id;
        }
        edit.override.blocked = false;
        edit.keep = b != BEFORE_NONE && edit.override.has_amount;
        e = limit_change_apply(c, a, &t, &edit, params, result, ei);
    }
    limit_target_clear(&t);
    return e;
}

static bool on_change(void *arg, const struct audit_entry *e)
{
    return json_array_append_new(arg, entry_json_with_unit(e)) == 0;
}

enum err limit_history(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                       struct err_info *ei)
{
    (void)a;
    json_int_t max = json_integer_value(json_object_get(params, "max"));
    struct audit_query q = {.changes = true,
                            .limits_only = true,
                            .newest_first = true,
                            .max = max > 0 && max < 500 ? max : 100,
                            .limit = param_text(params, "name")};
    json_t *changes = json_array();
    enum err e = ledger_audit(c->ledger, &q, on_change, changes, ei);
    if (e != ERR_OK) {
        json_decref(changes);
        return e;
    }
    if (q.limit && json_array_size(changes) == 0) { /* never changed, or never there? */
        struct target t;
        e = limit_target_find(c, q.limit, NULL, NULL, &t, ei);
        if (e != ERR_OK) {
            json_decref(changes);
            return e;
        }
        limit_target_clear(&t);
    }
    *result = json_pack("{s:i, s:o}", "version", 1, "changes", changes);
    return ERR_OK;
}
