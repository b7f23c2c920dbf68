/* limit_all.c: the kill switch: `limit.block` and `limit.unblock` with `all`. Every call is
 * refused, whether a limit means it or not. In force first and written down then: an emergency does
 * not wait for a disk. It stays through restarts. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/control/limit_change.h"

#define KEY      "all_blocked"
#define RETRY_US 15000000 /* a try may wait for a locked database */

static bool is_on(const struct core *c)
{
    return c->all_blocked.on;
}

static void put_in_force(struct core *c)
{
    limits_block_all(c->limits, c->all_blocked.on, c->all_blocked.until_ms);
}

static enum err store_state(struct core *c, struct err_info *ei)
{
    const struct all_blocked *b = &c->all_blocked;
    json_t *o =
        json_pack("{s:b, s:I, s:I, s:s, s:s}", "on", b->on, "since", (json_int_t)b->since_ms,
                  "until", (json_int_t)b->until_ms, "actor", b->actor, "reason", b->reason);
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    enum err e = text ? ledger_put_value(c->ledger, KEY, str_of(text), ei)
                      : err_set(ei, ERR_NOMEM, "no memory");
    free(text);
    json_decref(o);
    return e;
}

/* What was before the change of that number, so that it can be undone. */
static void keep_before(struct core *c, int64_t id)
{
    const struct all_blocked *b = &c->all_blocked;
    char key[48];
    json_t *o = json_pack("{s:b, s:I, s:s}", "on", b->was_on, "until", (json_int_t)b->was_until_ms,
                          "reason", b->was_reason);
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    (void)snprintf(key, sizeof(key), "before.%" PRId64, id);
    if (text) {
        (void)!ledger_put_value(c->ledger, key, str_of(text), NULL);
    }
    free(text);
    json_decref(o);
}

static const char *action_of(const struct all_blocked *b)
{
    return b->undoes > 0 && b->uid != ACTOR_NOBODY ? "limit.undo"
           : b->on                                 ? "limit.block_all"
                                                   : "limit.unblock_all";
}

/* The change, and what holds after a restart. */
static enum err store(struct core *c, int64_t *id, struct err_info *ei)
{
    const struct all_blocked *b = &c->all_blocked;
    struct ledger_change change = {.time_ms = clock_wall_ms(),
                                   .until_ms = b->on ? b->until_ms : 0,
                                   .actor_uid = b->uid,
                                   .undoes = b->undoes};
    (void)str_copy(change.action, sizeof(change.action), str_of(action_of(b)));
    (void)str_copy(change.old_value, sizeof(change.old_value), str_of(b->was_on ? "blocked" : ""));
    (void)str_copy(change.new_value, sizeof(change.new_value), str_of(b->on ? "blocked" : ""));
    (void)str_copy(change.actor, sizeof(change.actor), str_of(b->actor));
    (void)str_copy(change.reason, sizeof(change.reason), str_of(b->reason));
    enum err e = store_state(c, ei);
    e = e == ERR_OK ? ledger_change(c->ledger, &change, ei) : e;
    *id = e == ERR_OK ? change.id : 0;
    if (e == ERR_OK) {
        keep_before(c, change.id);
    }
    return e;
}

static void turn(struct core *c, bool on, const struct actor *a, const char *reason,
                 int64_t until_ms, int64_t undoes)
{
    struct all_blocked *b = &c->all_blocked, was = *b;
    *b = (struct all_blocked){.on = on,
                              .since_ms = clock_wall_ms(),
                              .until_ms = on ? until_ms : 0,
                              .uid = a->uid,
                              .undoes = undoes,
                              .was_on = was.on,
                              .was_until_ms = was.until_ms};
    (void)str_copy(b->actor, sizeof(b->actor), str_of(a->login));
    (void)str_copy(b->reason, sizeof(b->reason), str_of(reason));
    (void)str_copy(b->was_reason, sizeof(b->was_reason), str_of(was.reason));
    put_in_force(c);
    server_event(c->server, "", a->login, "%s%s%s",
                 on ? "ALL CALLS ARE BLOCKED" : "calls are let through again",
                 b->reason[0] ? ": " : "", b->reason);
    watch_block(c, LIMITS_ALL, "", a->login, on, b->reason);
}

static json_t *answer_of(const struct core *c, bool was, int64_t id, const struct err_info *why)
{
    const struct all_blocked *b = &c->all_blocked;
    json_t *o = json_pack("{s:i, s:s, s:n, s:{}, s:s, s:s, s:o, s:o}", "version", 1, "name",
                          LIMITS_ALL, "metric", "group", "old", was ? "blocked" : "unblocked",
                          "new", b->on ? "blocked" : "unblocked", "change_id",
                          id ? json_integer(id) : json_null(), "until", json_time(b->until_ms));
    if (o && why->code != ERR_OK) {
        json_t *warning = json_sprintf("in force, but not stored, and lost at a restart until the "
                                       "store works again: %s",
                                       why->text);
        (void)json_object_set_new(o, "warning", warning ? warning : json_null());
    }
    return o;
}

/* In force, then stored. */
static enum err change(struct core *c, const struct actor *a, bool on, const char *reason,
                       int64_t until_ms, int64_t undoes, json_t **result, struct err_info *ei)
{
    struct err_info why = {.code = ERR_OK};
    struct ledger_health h;
    int64_t id = 0;
    bool was = is_on(c);
    turn(c, on, a, reason, until_ms, undoes);
    ledger_health(c->ledger, &h);
    enum err e = h.ok ? store(c, &id, &why) : err_set(&why, ERR_IO, "%s", h.text);
    c->all_blocked.unstored = e != ERR_OK;
    c->all_blocked.next_us = clock_mono_us() + RETRY_US;
    *result = answer_of(c, was, id, &why);
    return *result ? ERR_OK : err_set(ei, ERR_NOMEM, "it is done; no memory for the answer");
}

static enum err read_reason(const struct core *c, const json_t *params, const char **reason,
                            struct err_info *ei)
{
    const char *text = param_text(params, "reason");
    *reason = text ? text : "";
    return c->config->control_require_reason && !**reason
               ? err_set(ei, ERR_PARSE, "a reason is required (control.require_reason)")
               : ERR_OK;
}

static enum err asked(struct core *c, const struct actor *a, const json_t *params, bool on,
                      json_t **result, struct err_info *ei)
{
    const char *reason;
    int64_t until_ms = 0;
    if (json_object_get(params, "name") || json_object_get(params, "group")) {
        return err_set(ei, ERR_PARSE, "all: no name and no group beside it");
    }
    enum err e = read_reason(c, params, &reason, ei);
    e = e == ERR_OK ? param_until(params, clock_wall_ms(), &until_ms, ei) : e;
    return e == ERR_OK ? change(c, a, on, reason, until_ms, 0, result, ei) : e;
}

enum err limit_all_block(struct core *c, const struct actor *a, const json_t *params,
                         json_t **result, struct err_info *ei)
{
    bool stops = param_true(params, "stop_running");
    if (is_on(c) && !stops) {
        return err_set(ei, ERR_EXISTS, "all calls are blocked already, by %s",
                       c->all_blocked.actor);
    }
    const struct err_info well = {.code = ERR_OK};
    enum err e = ERR_OK;
    if (is_on(c)) { /* who blocks again and stops means the calls that run still */
        *result = answer_of(c, true, 0, &well);
    } else {
        e = asked(c, a, params, true, result, ei);
    }
    if (e == ERR_OK && stops) {
        size_t count = 0;
        e = calls_stop_all(c, a, params, &count, ei);
        (void)json_object_set_new(*result, "stopped", json_integer((json_int_t)count));
    }
    if (e != ERR_OK) {
        json_decref(*result);
        *result = NULL;
    }
    return e;
}

enum err limit_all_unblock(struct core *c, const struct actor *a, const json_t *params,
                           json_t **result, struct err_info *ei)
{
    return is_on(c) ? asked(c, a, params, false, result, ei)
                    : err_set(ei, ERR_NOT_FOUND, "calls are not blocked as a whole");
}

/* What would have ended by itself meanwhile does not come back. */
enum err limit_all_undo(struct core *c, const struct actor *a,
                        const struct ledger_change *change_of, const json_t *params,
                        json_t **result, struct err_info *ei)
{
    const char *reason;
    char key[48];
    struct buf text = {.max = 4096};
    enum err e = read_reason(c, params, &reason, ei);
    if (e != ERR_OK) {
        return e;
    }
    (void)snprintf(key, sizeof(key), "before.%" PRId64, change_of->id);
    json_t *o = ledger_get_value(c->ledger, key, &text) == ERR_OK
                    ? json_loadb(buf_bytes(&text), text.len, 0, NULL)
                    : NULL;
    buf_free(&text);
    if (!o) {
        return err_set(ei, ERR_NOT_FOUND,
                       "what was in force before change %" PRId64 " is not known any more",
                       change_of->id);
    }
    int64_t until_ms = json_integer_value(json_object_get(o, "until"));
    bool on =
        json_is_true(json_object_get(o, "on")) && (until_ms == 0 || until_ms > clock_wall_ms());
    const char *was = param_text(o, "reason");
    e = on && !is_on(c) ? limit_undo_blocks(LIMITS_ALL, params, ei) : ERR_OK;
    if (e == ERR_OK) {
        e = change(c, a, on, *reason || !on || !was ? reason : was, until_ms, change_of->id, result,
                   ei);
    }
    if (e == ERR_OK) {
        (void)json_object_set_new(*result, "undoes", json_integer(change_of->id));
    }
    json_decref(o);
    return e;
}

/* From the newest change to the one that blocked; what an undo took back is passed over. */
struct search {
    int64_t below; /* only changes before this one hold; 0: all do */
    int64_t found;
};

static bool on_change(void *arg, const struct audit_entry *e)
{
    struct search *s = arg;
    bool holds = s->below == 0 || e->change_id < s->below;
    if (!holds || e->limit.n > 0) {
        return true;
    }
    if (e->undoes > 0) {
        s->below = e->undoes;
        return true;
    }
    s->found = str_is(e->action, "limit.block_all") ? e->change_id : 0;
    return false;
}

/* The change whose block holds now; 0: not known. */
static int64_t blocked_by(struct core *c)
{
    struct search s = {.below = 0};
    struct audit_query q = {
        .changes = true, .limits_only = true, .newest_first = true, .max = BEFORE_KEPT_COUNT};
    return ledger_audit(c->ledger, &q, on_change, &s, NULL) == ERR_OK ? s.found : 0;
}

void limit_all_tick(struct core *c)
{
    static const struct actor nobody = {.uid = ACTOR_NOBODY, .login = "tollgate"};
    struct all_blocked *b = &c->all_blocked;
    struct err_info ei = {.code = ERR_OK};
    int64_t id;
    bool ends = b->on && b->until_ms != 0 && b->until_ms <= clock_wall_ms();
    if (ends) {
        turn(c, false, &nobody, "its time is over", 0, blocked_by(c));
    }
    if (!ends && (!b->unstored || clock_mono_us() < b->next_us)) {
        return;
    }
    b->unstored = store(c, &id, &ei) != ERR_OK;
    b->next_us = clock_mono_us() + RETRY_US;
    if (b->unstored) {
        log_warn("control", "the kill switch is not stored: %s", ei.text);
    }
}

void limit_all_restore(struct core *c)
{
    struct all_blocked *b = &c->all_blocked;
    struct buf text = {.max = 4096};
    json_t *o = ledger_get_value(c->ledger, KEY, &text) == ERR_OK
                    ? json_loadb(buf_bytes(&text), text.len, 0, NULL)
                    : NULL;
    buf_free(&text);
    if (json_is_true(json_object_get(o, "on"))) {
        b->on = true;
        b->since_ms = json_integer_value(json_object_get(o, "since"));
        b->until_ms = json_integer_value(json_object_get(o, "until"));
        (void)str_copy(b->actor, sizeof(b->actor), str_of(param_text(o, "actor")));
        (void)str_copy(b->reason, sizeof(b->reason), str_of(param_text(o, "reason")));
        put_in_force(c);
        log_warn("control", "all calls are blocked, by %s: tollgate limit unblock --all ends it",
                 b->actor);
    }
    json_decref(o);
}

json_t *limit_all_json(const struct core *c)
{
    const struct all_blocked *b = &c->all_blocked;
    return !b->on ? json_null()
                  : json_pack("{s:s, s:s, s:o, s:o}", "actor", b->actor, "reason", b->reason,
                              "since", json_time(b->since_ms), "until", json_time(b->until_ms));
}
