/* limit_undo.c: `limit.undo`: each goes one further back through the caller's own changes of
 * limits, and of the kill switch, which has no limit's name.
 *
 * An undo, and an override that ends by itself, bring back what was in force before some change: of
 * that limit and group, all changes from that one on are gone. So the changes are read from the
 * newest on, and of each limit and group those are passed over that lie in a stretch so taken back;
 * what is left is what holds now, newest first. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/map.h"
#include "core/control/limit_change.h"

/* A limit and group that the walk has come by. */
struct trail {
    int64_t gone_from; /* changes from this one on were taken back; 0: none were */
    int64_t newest;    /* the newest that holds; 0: none so far */
    char action[32], actor[64];
    uint32_t uid;
};

struct walk {
    const struct core *core;
    const struct actor *actor;
    int64_t wanted; /* a change's id; 0: the actor's own newest that holds */
    struct map trails;
    struct audit_query query;
    int64_t looks;
    int64_t found; /* the change; 0: not found */
    bool taken_back;
    struct trail since; /* of its limit and group; newest 0: not changed since */
    bool memory;
};

static bool in_file(const struct core *c, struct str limit)
{
    return limit.n == 0 || limit_target_file(c->config, limit) != NULL;
}

static struct trail *trail_of(struct walk *w, const struct audit_entry *e)
{
    char key[400];
    int n = snprintf(key, sizeof(key), "%.*s\n%.*s", (int)e->limit.n, e->limit.p, (int)e->group.n,
                     e->group.p);
    struct str name = {key, n > 0 && (size_t)n < sizeof(key) ? (size_t)n : 0};
    struct trail *t = map_get(&w->trails, name);
    if (t == NULL) {
        t = calloc(1, sizeof(*t));
        if (t != NULL && !map_set(&w->trails, name, t, NULL)) {
            free(t);
            t = NULL;
        }
    }
    w->memory = w->memory && t != NULL;
    return t;
}

static bool takes_back(const struct audit_entry *e)
{
    return e->undoes > 0; /* an undo, or the end of what was for a time */
}

static bool is_meant(const struct walk *w, const struct audit_entry *e, bool holds)
{
    if (w->wanted != 0) {
        return e->change_id == w->wanted;
    }
    return holds && e->actor_uid == w->actor->uid && in_file(w->core, e->limit);
}

/* From the newest change to the one that is meant. */
static bool on_change(void *arg, const struct audit_entry *e)
{
    struct walk *w = arg;
    if (w->looks++ == BEFORE_KEPT_COUNT) {
        return false;
    }
    struct trail *t = trail_of(w, e);
    if (t == NULL) {
        return false;
    }
    bool holds = t->gone_from == 0 || e->change_id < t->gone_from;
    if (takes_back(e)) {
        t->gone_from = holds ? e->undoes : t->gone_from;
        return true;
    }
    if (is_meant(w, e, holds)) {
        w->found = e->change_id;
        w->taken_back = !holds;
        w->since = *t;
        return false;
    }
    if (holds && t->newest == 0) {
        t->newest = e->change_id;
        t->uid = e->actor_uid;
        (void)str_copy(t->action, sizeof(t->action), e->action);
        (void)str_copy(t->actor, sizeof(t->actor), e->actor_login);
    }
    return true;
}

static enum err nothing_found(const struct walk *w, struct err_info *ei)
{
    if (!w->memory) {
        return err_set(ei, ERR_NOMEM, "no memory to look through the changes");
    }
    if (w->wanted != 0) {
        return err_set(ei, ERR_NOT_FOUND, "change %" PRId64 " is too old to be undone", w->wanted);
    }
    return err_set(ei, ERR_NOT_FOUND, "there is no change of %s's left to undo", w->actor->login);
}

/* The change to undo, refused unless it is what holds. */
static enum err find_change(struct core *c, struct walk *w, struct ledger_change *change,
                            struct err_info *ei)
{
    w->query = (struct audit_query){.changes = true, .limits_only = true, .newest_first = true};
    w->memory = true;
    enum err e = ledger_audit(c->ledger, &w->query, on_change, w, ei);
    map_free(&w->trails, free);
    if (e != ERR_OK) {
        return e;
    }
    if (w->found == 0) {
        return nothing_found(w, ei);
    }
    e = ledger_get_change(c->ledger, w->found, change, ei);
    if (e == ERR_OK && w->taken_back) {
        e = err_set(ei, ERR_CONFLICT, "change %" PRId64 " of %s was taken back already", change->id,
                    change->limit[0] ? change->limit : LIMITS_ALL);
    } else if (e == ERR_OK && w->since.newest != 0) {
        const struct trail *t = &w->since;
        e = err_set(ei, ERR_CONFLICT,
                    "%s was changed since by %s (change %" PRId64
                    ", %s): undo that first or set it anew",
                    change->limit[0] ? change->limit : LIMITS_ALL,
                    t->uid == w->actor->uid ? "yourself" : t->actor, t->newest, t->action);
    }
    return e;
}

/* One change by its number: is it of the kind that can be undone? */
static enum err check_kind(struct core *c, int64_t id, struct err_info *ei)
{
    struct ledger_change change;
    enum err e = ledger_get_change(c->ledger, id, &change, ei);
    if (e != ERR_OK) {
        return e;
    }
    if (strcmp(change.action, "limit.undo") == 0) {
        return err_set(ei, ERR_UNSUPPORTED,
                       "change %" PRId64 " is an undo: set %s to %s to have that again", id,
                       change.limit[0] ? change.limit : LIMITS_ALL,
                       change.old_value[0] ? change.old_value : "unblocked");
    }
    if (strncmp(change.action, "limit.", 6) != 0 || strcmp(change.action, "limit.expired") == 0) {
        return err_set(ei, ERR_UNSUPPORTED, "change %" PRId64 " (%s) cannot be undone", id,
                       change.action);
    }
    return ERR_OK;
}

/* The state before a change; what would have ended by itself meanwhile does not come back. */
static enum err recall(struct core *c, const struct ledger_change *change,
                       enum config_metric metric, struct edit *edit, struct err_info *ei)
{
    struct limit_override before;
    enum before b = limit_before(c, change->id, metric, clock_wall_ms(), &before);
    if (b == BEFORE_UNKNOWN) {
        return err_set(ei, ERR_NOT_FOUND,
                       "what was in force before change %" PRId64 " is not known any more",
                       change->id);
    }
    edit->undoes = change->id;
    edit->keep = b == BEFORE_OVERRIDE;
    if (edit->keep) {
        edit->restores = before.id;
        edit->override.has_amount = before.has_amount;
        edit->override.amount = before.amount;
        edit->override.blocked = before.blocked;
        edit->override.until_ms = before.until_ms;
    }
    return ERR_OK;
}

enum err limit_undo_blocks(const char *name, const json_t *params, struct err_info *ei)
{
    if (!param_true(params, "careful") || param_true(params, "yes")) {
        return ERR_OK;
    }
    return err_set(ei, ERR_NEEDS_CONFIRMATION,
                   "%s was blocked before your last change: this undo blocks it again; "
                   "it must be confirmed (--yes)",
                   name);
}

enum err limit_undo(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                    struct err_info *ei)
{
    const json_t *id = json_object_get(params, "id");
    struct walk w = {.core = c, .actor = a};
    struct ledger_change change;
    struct target t;
    struct edit edit;
    enum err e = ERR_OK;
    if (json_is_integer(id)) {
        w.wanted = json_integer_value(id);
        e = check_kind(c, w.wanted, ei);
    }
    e = e == ERR_OK ? find_change(c, &w, &change, ei) : e;
    if (e == ERR_OK && change.limit[0] == '\0') {
        return limit_all_undo(c, a, &change, params, result, ei);
    }
    e = e == ERR_OK ? limit_target_find(c, change.limit, NULL, change.group, &t, ei) : e;
    if (e != ERR_OK) {
        return e;
    }
    e = limit_change_begin(a, &t, params, "limit.undo", &edit, ei);
    e = e == ERR_OK ? recall(c, &change, t.file->metric, &edit, ei) : e;
    if (e == ERR_OK && edit.keep && edit.override.has_amount && !edit.override.blocked) {
        e = limit_target_bounds(&t, edit.override.amount, params, ei);
    }
    if (e == ERR_OK && edit.keep && edit.override.blocked && !t.blocked) {
        e = limit_undo_blocks(t.file->name, params, ei);
    }
    e = e == ERR_OK ? limit_change_apply(c, a, &t, &edit, params, result, ei) : e;
    limit_target_clear(&t);
    return e;
}
