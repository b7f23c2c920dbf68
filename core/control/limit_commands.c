/* limit_commands.c: the methods limit.*. */
#include <inttypes.h>
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

static const struct config_limit *in_file(const struct core *c, const char *name)
{
    for (size_t i = 0; i < c->config->limit_count; i++) {
        if (strcmp(c->config->limits[i].name, name) == 0) {
            return &c->config->limits[i];
        }
    }
    return NULL;
}

/* Only what is in force: a stored one may have ended, or its limit may have left the file. */
static bool on_override(void *arg, const struct ledger_override *stored)
{
    struct drift *d = arg;
    struct limit_override o;
    const struct config_limit *f = in_file(d->core, stored->limit);
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
    *result = json_pack("{s:i, s:o}", "version", 1, "limits", snapshot_limits(c));
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
        enum before b = limit_before(c, t.override.id, clock_wall_ms(), &before);
        if (b == BEFORE_OVERRIDE && !before.blocked) {
            edit.override.has_amount = before.has_amount;
            edit.override.amount = before.amount;
            edit.override.until_ms = before.until_ms;
        }
        edit.override.blocked = false;
        edit.keep = b != BEFORE_NONE && edit.override.has_amount;
        e = limit_change_apply(c, a, &t, &edit, params, result, ei);
    }
    limit_target_clear(&t);
    return e;
}

/* The state before a change; what would have ended by itself meanwhile does not come back. */
static enum err recall(struct core *c, const struct ledger_change *change, struct edit *edit,
                       struct err_info *ei)
{
    struct limit_override before;
    enum before b = limit_before(c, change->id, clock_wall_ms(), &before);
    if (b == BEFORE_UNKNOWN) {
        return err_set(ei, ERR_NOT_FOUND,
                       "what was in force before change %" PRId64 " is not known any more",
                       change->id);
    }
    edit->keep = b == BEFORE_OVERRIDE;
    if (edit->keep) {
        edit->override.has_amount = before.has_amount;
        edit->override.amount = before.amount;
        edit->override.blocked = before.blocked;
        edit->override.until_ms = before.until_ms;
    }
    return ERR_OK;
}

static bool on_own_change(void *arg, const struct audit_entry *e)
{
    struct ledger_change *found = arg;
    if (e->actor_uid != found->actor_uid || str_is(e->action, "call.stop")) {
        return true;
    }
    found->id = e->change_id;
    return false;
}

/* The caller's last change, but for calls that were stopped: a block that stopped calls is undone
 * as any other. */
static enum err last_own(struct core *c, const struct actor *a, struct ledger_change *change,
                         struct err_info *ei)
{
    enum err e = ledger_last_change(c->ledger, NULL, NULL, a->uid, change);
    if (e != ERR_OK || strcmp(change->action, "call.stop") != 0) {
        return e;
    }
    struct audit_query q = {.changes = true, .newest_first = true};
    struct ledger_change found = {.actor_uid = a->uid};
    e = ledger_audit(c->ledger, &q, on_own_change, &found, ei);
    return e != ERR_OK     ? e
           : found.id == 0 ? ERR_NOT_FOUND
                           : ledger_get_change(c->ledger, found.id, change, ei);
}

static enum err find_change(struct core *c, const struct actor *a, const json_t *params,
                            struct ledger_change *change, struct err_info *ei)
{
    const json_t *id = json_object_get(params, "id");
    enum err e = json_is_integer(id)
                     ? ledger_get_change(c->ledger, json_integer_value(id), change, ei)
                     : last_own(c, a, change, ei);
    if (e == ERR_NOT_FOUND && !json_is_integer(id)) {
        return err_set(ei, ERR_NOT_FOUND, "there is no change of %s's to undo", a->login);
    }
    if (e == ERR_OK && (strncmp(change->action, "limit.", 6) != 0 || change->limit[0] == '\0' ||
                        strcmp(change->action, "limit.expired") == 0)) {
        return err_set(ei, ERR_UNSUPPORTED, "change %" PRId64 " (%s) cannot be undone", change->id,
                       change->action);
    }
    return e;
}

enum err limit_undo(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                    struct err_info *ei)
{
    struct ledger_change change, newest;
    struct target t;
    struct edit edit;
    enum err e = find_change(c, a, params, &change, ei);
    if (e != ERR_OK) {
        return e;
    }
    if (ledger_last_change(c->ledger, change.limit, change.group, -1, &newest) == ERR_OK &&
        newest.id != change.id) {
        return err_set(ei, ERR_CONFLICT,
                       "%s was changed since by %s (%s): undo that first or set it anew",
                       change.limit, newest.actor, newest.action);
    }
    e = limit_target_find(c, change.limit, NULL, change.group, &t, ei);
    if (e != ERR_OK) {
        return e;
    }
    e = limit_change_begin(a, &t, params, "limit.undo", &edit, ei);
    e = e == ERR_OK ? recall(c, &change, &edit, ei) : e;
    if (e == ERR_OK) {
        edit.undoes = change.id;
        e = limit_change_apply(c, a, &t, &edit, params, result, ei);
    }
    limit_target_clear(&t);
    return e;
}

static bool on_change(void *arg, const struct audit_entry *e)
{
    return json_array_append_new(arg, entry_json(e)) == 0;
}

enum err limit_history(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                       struct err_info *ei)
{
    (void)a;
    json_int_t max = json_integer_value(json_object_get(params, "max"));
    struct audit_query q = {.changes = true,
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
