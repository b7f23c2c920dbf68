/* limit_all.c: the kill switch: `limit.block` and `limit.unblock` with `all`. Every call is
 * refused, whether a limit means it or not. In force first and written down then: an emergency does
 * not wait for a disk. It stays through restarts. */
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

/* The change, and what holds after a restart. */
static enum err store(struct core *c, uint32_t uid, int64_t *id, struct err_info *ei)
{
    const struct all_blocked *b = &c->all_blocked;
    struct ledger_change change = {
        .time_ms = clock_wall_ms(), .until_ms = b->on ? b->until_ms : 0, .actor_uid = uid};
    (void)snprintf(change.action, sizeof(change.action), "limit.%s_all",
                   b->on ? "block" : "unblock");
    (void)str_copy(change.old_value, sizeof(change.old_value), str_of(b->on ? "" : "blocked"));
    (void)str_copy(change.new_value, sizeof(change.new_value), str_of(b->on ? "blocked" : ""));
    (void)str_copy(change.actor, sizeof(change.actor), str_of(b->actor));
    (void)str_copy(change.reason, sizeof(change.reason), str_of(b->reason));
    enum err e = store_state(c, ei);
    e = e == ERR_OK ? ledger_change(c->ledger, &change, ei) : e;
    *id = e == ERR_OK ? change.id : 0;
    return e;
}

static void turn(struct core *c, bool on, const char *actor, uint32_t uid, const char *reason,
                 int64_t until_ms)
{
    struct all_blocked *b = &c->all_blocked;
    *b = (struct all_blocked){
        .on = on, .since_ms = clock_wall_ms(), .until_ms = on ? until_ms : 0, .uid = uid};
    (void)str_copy(b->actor, sizeof(b->actor), str_of(actor));
    (void)str_copy(b->reason, sizeof(b->reason), str_of(reason));
    put_in_force(c);
    server_event(c->server, "", actor, "%s%s%s",
                 on ? "ALL CALLS ARE BLOCKED" : "calls are let through again",
                 b->reason[0] ? ": " : "", b->reason);
    watch_block(c, LIMITS_ALL, "", actor, on, b->reason);
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

static enum err change(struct core *c, const struct actor *a, const json_t *params, bool on,
                       json_t **result, struct err_info *ei)
{
    const char *reason = param_text(params, "reason");
    int64_t until_ms = 0, id = 0;
    bool was = is_on(c);
    if (json_object_get(params, "name") || json_object_get(params, "group")) {
        return err_set(ei, ERR_PARSE, "all: no name and no group beside it");
    }
    if (c->config->control_require_reason && (!reason || !*reason)) {
        return err_set(ei, ERR_PARSE, "a reason is required (control.require_reason)");
    }
    enum err e = param_until(params, clock_wall_ms(), &until_ms, ei);
    if (e != ERR_OK) {
        return e;
    }
    struct err_info why = {.code = ERR_OK};
    struct ledger_health h;
    turn(c, on, a->login, a->uid, reason ? reason : "", until_ms);
    ledger_health(c->ledger, &h);
    e = h.ok ? store(c, a->uid, &id, &why) : err_set(&why, ERR_IO, "%s", h.text);
    c->all_blocked.unstored = e != ERR_OK;
    c->all_blocked.next_us = clock_mono_us() + RETRY_US;
    *result = answer_of(c, was, id, &why);
    return *result ? ERR_OK : err_set(ei, ERR_NOMEM, "it is done; no memory for the answer");
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
        e = change(c, a, params, true, result, ei);
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
    return is_on(c) ? change(c, a, params, false, result, ei)
                    : err_set(ei, ERR_NOT_FOUND, "calls are not blocked as a whole");
}

void limit_all_tick(struct core *c)
{
    struct all_blocked *b = &c->all_blocked;
    struct err_info ei = {.code = ERR_OK};
    int64_t id;
    bool ends = b->on && b->until_ms != 0 && b->until_ms <= clock_wall_ms();
    if (ends) {
        turn(c, false, "tollgate", ACTOR_NOBODY, "its time is over", 0);
    }
    if (!ends && (!b->unstored || clock_mono_us() < b->next_us)) {
        return;
    }
    b->unstored = store(c, b->uid, &id, &ei) != ERR_OK;
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
