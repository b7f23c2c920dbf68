/* limit_change.c: a change of a limit: stored, put in force, ended. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/control/limit_change.h"

static void amount_text(char out[64], enum config_metric metric, int64_t amount)
{
    if (metric == METRIC_USD) {
        money_format(out, amount);
        if (!strchr(out, '.')) { /* so that it reads back as money */
            size_t n = strlen(out);
            (void)snprintf(out + n, 64 - n, ".0");
        }
    } else {
        (void)snprintf(out, 64, "%" PRId64, amount);
    }
}

enum err limit_change_store(struct core *c, const struct limit_override *o, struct err_info *ei)
{
    struct ledger_override r = {.id = o->id,
                                .has_amount = o->has_amount,
                                .blocked = o->blocked,
                                .amount = o->amount,
                                .since_ms = o->since_ms,
                                .until_ms = o->until_ms,
                                .actor_uid = o->actor_uid};
    (void)str_copy(r.limit, sizeof(r.limit), str_of(o->limit));
    (void)str_copy(r.group, sizeof(r.group), str_of(o->group));
    (void)str_copy(r.actor, sizeof(r.actor), str_of(o->actor));
    (void)str_copy(r.reason, sizeof(r.reason), str_of(o->reason));
    (void)str_copy(r.ticket, sizeof(r.ticket), str_of(o->ticket));
    return ledger_put_override(c->ledger, &r, ei);
}

static void value_text(char out[64], enum config_metric metric, bool blocked, int64_t amount)
{
    if (blocked) {
        (void)str_copy(out, 64, STR("blocked"));
    } else {
        amount_text(out, metric, amount);
    }
}

/* As a person reads it: "$12.50", "$25" of what is kept as 25.0. */
static const char *told(char out[72], const char *value)
{
    size_t n = strlen(value);
    bool whole = str_ends(str_of(value), ".0");
    (void)snprintf(out, 72, "%s%.*s", strchr(value, '.') ? "$" : "", (int)(whole ? n - 2 : n),
                   value);
    return out;
}

static json_t *answer_of(const struct target *before, const struct target *after,
                         const struct ledger_change *change)
{
    enum config_metric m = before->file->metric;
    return json_pack("{s:i, s:s, s:s, s:o, s:o, s:o, s:I, s:o, s:o}", "version", 1, "name",
                     before->file->name, "metric", config_metric_name(m), "group",
                     group_json(before->group), "old",
                     before->blocked ? json_string("blocked") : amount_json(m, before->amount),
                     "new", after->blocked ? json_string("blocked") : amount_json(m, after->amount),
                     "change_id", (json_int_t)change->id, "until", json_time(change->until_ms),
                     "undoes", change->undoes ? json_integer(change->undoes) : json_null());
}

/* What holds once the override of exactly this limit and group is gone. */
static int64_t amount_without(struct core *c, const struct config_limit *f, const char *group)
{
    struct limit_override whole;
    bool inherits =
        group[0] && limits_get_override(c->limits, f->name, "", &whole) && whole.has_amount;
    return inherits ? whole.amount : f->amount;
}

/* The change as the ledger keeps it. */
static struct ledger_change change_of(const struct actor *a, const struct target *t,
                                      const struct target *after, const struct edit *edit,
                                      const json_t *params)
{
    struct ledger_change change = {.time_ms = clock_wall_ms(),
                                   .until_ms = edit->keep ? edit->override.until_ms : 0,
                                   .undoes = edit->undoes,
                                   .actor_uid = a->uid};
    (void)str_copy(change.action, sizeof(change.action), str_of(edit->action));
    (void)str_copy(change.limit, sizeof(change.limit), str_of(t->file->name));
    (void)str_copy(change.group, sizeof(change.group), str_of(t->group));
    (void)str_copy(change.actor, sizeof(change.actor), str_of(a->login));
    (void)str_copy(change.reason, sizeof(change.reason), str_of(param_text(params, "reason")));
    (void)str_copy(change.ticket, sizeof(change.ticket), str_of(param_text(params, "ticket")));
    value_text(change.old_value, t->file->metric, t->blocked, t->amount);
    value_text(change.new_value, t->file->metric, after->blocked, after->amount);
    return change;
}

/* Puts the override in force, or takes it away, in the ledger and in the limits. */
static enum err put_in_force(struct core *c, const struct target *t, struct edit *edit,
                             struct err_info *ei)
{
    enum err e = ERR_OK;
    if (edit->keep) {
        e = limit_change_store(c, &edit->override, ei);
        return e == ERR_OK ? limits_override(c->limits, &edit->override, ei) : e;
    }
    /* Also one that is not in force: of another metric. */
    e = ledger_drop_override(c->ledger, t->file->name, t->group, ei);
    return e == ERR_OK && t->has_override ? limits_revert(c->limits, t->file->name, t->group, ei)
                                          : e;
}

/* The change in the ledger, and in force. */
static enum err store_and_apply(struct core *c, const struct target *t, struct edit *edit,
                                struct ledger_change *change, struct err_info *ei)
{
    enum err e = ledger_change(c->ledger, change, ei);
    if (e != ERR_OK) {
        return e;
    }
    limit_before_keep(c, t, change->id, edit->restores);
    edit->override.id = change->id;
    return put_in_force(c, t, edit, ei);
}

/* An emergency does not wait for a disk: what makes a limit stricter is in force before it is
 * stored, and also if it cannot be. */
static enum err apply(struct core *c, const struct target *t, const struct target *after,
                      struct edit *edit, struct ledger_change *change, bool *stored,
                      struct err_info *ei)
{
    bool stricter =
        edit->keep && (after->blocked ? !t->blocked : !t->blocked && after->amount < t->amount);
    struct err_info why = {.code = ERR_OK};
    struct ledger_health h;
    if (stricter) {
        enum err e = limits_override(c->limits, &edit->override, ei);
        if (e != ERR_OK) {
            return e;
        }
        ledger_health(c->ledger, &h);
    }
    enum err e = stricter && !h.ok ? err_set(&why, ERR_IO, "%s", h.text)
                                   : store_and_apply(c, t, edit, change, &why);
    *stored = e == ERR_OK;
    if (e != ERR_OK && stricter) {
        limit_unstored_keep(c, t, &edit->override, change);
        e = ERR_OK;
    } else if (e != ERR_OK && t->has_override && limit_unstored_back(c, t, edit)) {
        e = ERR_OK; /* the stricter one was not stored either */
    }
    if (!*stored) {
        (void)err_set(ei, why.code, "%s", why.text);
    }
    return e;
}

enum err limit_change_apply(struct core *c, const struct actor *a, struct target *t,
                            struct edit *edit, const json_t *params, json_t **result,
                            struct err_info *ei)
{
    const char *reason = param_text(params, "reason");
    if (c->config->control_require_reason && (!reason || !*reason)) {
        return err_set(ei, ERR_PARSE, "a reason is required (control.require_reason)");
    }
    struct limit_override *o = &edit->override;
    struct target after = *t;
    bool stored = true;
    struct err_info why = {.code = ERR_OK};
    after.blocked = (edit->keep && o->blocked) || (t->group[0] && t->whole_blocked);
    after.amount = edit->keep && o->has_amount ? o->amount : amount_without(c, t->file, t->group);
    struct ledger_change change = change_of(a, t, &after, edit, params);
    enum err e = apply(c, t, &after, edit, &change, &stored, &why);
    if (e != ERR_OK) {
        return err_set(ei, e, "%s", why.text);
    }
    char old[72], new[72];
    server_event(c->server, t->file->name, a->login, "%s %s%s%s: %s -> %s%s%s%s", edit->action,
                 t->file->name, t->group[0] ? " " : "", t->group, told(old, change.old_value),
                 told(new, change.new_value), change.reason[0] ? ": " : "", change.reason,
                 stored ? "" : " (NOT STORED: lost at a restart until the store works again)");
    if (t->blocked != after.blocked) {
        watch_block(c, t->file->name, t->group, a->login, after.blocked, change.reason);
    }
    *result = answer_of(t, &after, &change);
    if (*result && !stored) {
        json_t *warning = json_sprintf("in force, but not stored, and lost at a restart until the "
                                       "store works again: %s",
                                       why.text);
        (void)json_object_set_new(*result, "warning", warning ? warning : json_null());
        (void)json_object_set_new(*result, "change_id", json_null());
    }
    return *result ? ERR_OK
                   : err_set(ei, ERR_NOMEM, "the change is made; no memory for the answer");
}

enum err limit_change_begin(const struct actor *a, const struct target *t, const json_t *params,
                            const char *action, struct edit *edit, struct err_info *ei)
{
    int64_t now = clock_wall_ms();
    *edit = (struct edit){.action = action, .keep = true};
    struct limit_override *o = &edit->override;
    if (t->has_override) {
        *o = t->override;
    }
    (void)str_copy(o->limit, sizeof(o->limit), str_of(t->file->name));
    (void)str_copy(o->group, sizeof(o->group), str_of(t->group));
    (void)str_copy(o->actor, sizeof(o->actor), str_of(a->login));
    (void)str_copy(o->reason, sizeof(o->reason), str_of(param_text(params, "reason")));
    (void)str_copy(o->ticket, sizeof(o->ticket), str_of(param_text(params, "ticket")));
    o->actor_uid = a->uid;
    o->since_ms = now;
    return param_until(params, now, &o->until_ms, ei);
}

/* --- overrides that end by themselves --- */

/* What the ended override had replaced comes back, if it holds still. */
static enum err end_override(struct core *c, const struct limit_override *ended,
                             struct ledger_change *change, struct err_info *ei)
{
    const struct config_limit *f = limit_target_file(c->config, str_of(ended->limit));
    struct limit_override o;
    change->undoes = ended->id;
    enum config_metric metric = f ? f->metric : METRIC_COUNT;
    bool back = limit_beneath(c, &change->undoes, metric, change->time_ms, &o) == BEFORE_OVERRIDE;
    enum err e = ERR_OK;
    if (back) {
        (void)str_copy(o.limit, sizeof(o.limit), str_of(ended->limit));
        (void)str_copy(o.group, sizeof(o.group), str_of(ended->group));
        e = limit_change_store(c, &o, ei);
        e = e == ERR_OK ? limits_override(c->limits, &o, ei) : e;
    } else {
        e = ledger_drop_override(c->ledger, ended->limit, ended->group, ei);
    }
    if (f) {
        int64_t without = amount_without(c, f, ended->group);
        value_text(change->old_value, f->metric, ended->blocked,
                   ended->has_amount ? ended->amount : without);
        value_text(change->new_value, f->metric, back && o.blocked,
                   back && o.has_amount ? o.amount : without);
    }
    return e;
}

void limit_end_overrides(struct core *c)
{
    struct limit_override ended[16];
    size_t n = limits_expire(c->limits, clock_wall_ms(), ended, 16);
    for (size_t i = 0; i < n; i++) {
        struct err_info ei = {.code = ERR_OK};
        struct ledger_change change = {.time_ms = clock_wall_ms(), .actor_uid = ACTOR_NOBODY};
        (void)str_copy(change.action, sizeof(change.action), STR("limit.expired"));
        (void)str_copy(change.limit, sizeof(change.limit), str_of(ended[i].limit));
        (void)str_copy(change.group, sizeof(change.group), str_of(ended[i].group));
        (void)str_copy(change.actor, sizeof(change.actor), STR("tollgate"));
        enum err e = end_override(c, &ended[i], &change, &ei);
        e = e == ERR_OK ? ledger_change(c->ledger, &change, &ei) : e;
        if (e != ERR_OK) {
            log_warn("control", "the end of the override of %s is not stored: %s", ended[i].limit,
                     ei.text);
        }
        char old[72], new[72];
        server_event(c->server, ended[i].limit, "tollgate",
                     "the override of %s%s%s by %s has ended: %s -> %s", ended[i].limit,
                     ended[i].group[0] ? " " : "", ended[i].group, ended[i].actor,
                     told(old, change.old_value), told(new, change.new_value));
        if (ended[i].blocked && strcmp(change.new_value, "blocked") != 0) {
            watch_block(c, ended[i].limit, ended[i].group, "tollgate", false, "its time is over");
        }
    }
}
