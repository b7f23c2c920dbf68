/* limit_before.c: what was in force before each change, so that it can be undone: kept beside the
 * change, read, and forgotten when it is old. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/control/limit_change.h"

#define BEFORE_MAX   100  /* overrides over overrides */
#define CLEAN_WRITES 20   /* each may wait for the disk, and the screens with it */
#define CLEAN_LOOKS  1000 /* at changes, a turn */
#define CLEANED      "before.cleaned"

static json_t *load(struct core *c, int64_t change_id)
{
    char key[48];
    struct buf text;
    buf_init(&text, 64 * 1024);
    (void)snprintf(key, sizeof(key), "before.%" PRId64, change_id);
    json_t *b = ledger_get_value(c->ledger, key, &text) == ERR_OK
                    ? json_loadb(buf_bytes(&text), text.len, 0, NULL)
                    : NULL;
    buf_free(&text);
    return b;
}

/* Amounts of then; of an earlier tollgate's it is not known. */
static bool means(const json_t *before, enum config_metric metric)
{
    const char *then = param_text(before, "metric");
    return metric == METRIC_COUNT || !then || strcmp(then, config_metric_name(metric)) == 0;
}

bool limit_before_means(struct core *c, int64_t change_id, enum config_metric metric)
{
    json_t *b = load(c, change_id);
    bool so = means(b, metric);
    json_decref(b);
    return so;
}

/* metric: what the limit counts now; an amount of another one is left out. METRIC_COUNT: any. */
static enum before read_before(struct core *c, int64_t change_id, enum config_metric metric,
                               struct limit_override *o, int64_t *restores)
{
    json_t *b = load(c, change_id);
    *restores = json_integer_value(json_object_get(b, "restores"));
    if (!b) {
        return BEFORE_UNKNOWN;
    }
    bool any = json_is_true(json_object_get(b, "override"));
    *o = (struct limit_override){.id = json_integer_value(json_object_get(b, "id")),
                                 .has_amount = json_is_true(json_object_get(b, "has_amount")),
                                 .blocked = json_is_true(json_object_get(b, "blocked")),
                                 .amount = json_integer_value(json_object_get(b, "amount")),
                                 .since_ms = json_integer_value(json_object_get(b, "since")),
                                 .until_ms = json_integer_value(json_object_get(b, "until")),
                                 .actor_uid =
                                     (uint32_t)json_integer_value(json_object_get(b, "uid"))};
    (void)str_copy(o->actor, sizeof(o->actor), str_of(param_text(b, "actor")));
    (void)str_copy(o->reason, sizeof(o->reason), str_of(param_text(b, "reason")));
    (void)str_copy(o->ticket, sizeof(o->ticket), str_of(param_text(b, "ticket")));
    if (!means(b, metric)) {
        o->has_amount = false;
        any = any && o->blocked;
    }
    json_decref(b);
    return any ? BEFORE_OVERRIDE : BEFORE_NONE;
}

/* The change that first put in force what that one brought back, or it itself. */
static int64_t first_of(struct core *c, int64_t change_id)
{
    struct limit_override o;
    int64_t restores = change_id;
    for (int i = 0; i < BEFORE_MAX && restores != 0; i++) {
        change_id = restores;
        (void)read_before(c, change_id, METRIC_COUNT, &o, &restores);
    }
    return change_id;
}

void limit_before_keep(struct core *c, const struct target *t, int64_t change_id, int64_t restores)
{
    char key[48];
    restores = first_of(c, restores);
    json_t *o = json_pack("{s:s, s:b, s:b, s:I, s:b, s:I, s:s, s:I, s:s, s:s, s:I, s:I, s:I}",
                          "metric", config_metric_name(t->file->metric), "override",
                          t->has_override, "has_amount", t->override.has_amount, "amount",
                          (json_int_t)t->override.amount, "blocked", t->override.blocked, "until",
                          (json_int_t)t->override.until_ms, "actor", t->override.actor, "uid",
                          (json_int_t)t->override.actor_uid, "reason", t->override.reason, "ticket",
                          t->override.ticket, "since", (json_int_t)t->override.since_ms, "id",
                          (json_int_t)t->override.id, "restores", (json_int_t)restores);
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    (void)snprintf(key, sizeof(key), "before.%" PRId64, change_id);
    if (text) {
        (void)!ledger_put_value(c->ledger, key, str_of(text), NULL);
    }
    free(text);
    json_decref(o);
}

/* What lies beneath the override of a change, ended or not; *change_id becomes the change that
 * first put it in force. */
static enum before read_beneath(struct core *c, int64_t *change_id, enum config_metric metric,
                                struct limit_override *o)
{
    int64_t restores;
    enum before b = read_before(c, *change_id, metric, o, &restores);
    for (int i = 0; i < BEFORE_MAX && restores != 0; i++) {
        *change_id = restores;
        b = read_before(c, *change_id, metric, o, &restores);
    }
    return b;
}

static bool has_ended(const struct limit_override *o, int64_t now_ms)
{
    return o->until_ms != 0 && o->until_ms <= now_ms;
}

static enum before that_holds(struct core *c, enum before b, enum config_metric metric,
                              int64_t now_ms, struct limit_override *o, int64_t *change_id)
{
    for (int i = 0; i < BEFORE_MAX && b == BEFORE_OVERRIDE && has_ended(o, now_ms); i++) {
        *change_id = o->id;
        b = read_beneath(c, change_id, metric, o);
    }
    return b == BEFORE_OVERRIDE && has_ended(o, now_ms) ? BEFORE_NONE : b;
}

enum before limit_before(struct core *c, int64_t change_id, enum config_metric metric,
                         int64_t now_ms, struct limit_override *o)
{
    int64_t restores;
    enum before b = read_before(c, change_id, metric, o, &restores);
    return that_holds(c, b, metric, now_ms, o, &change_id);
}

enum before limit_beneath(struct core *c, int64_t *change_id, enum config_metric metric,
                          int64_t now_ms, struct limit_override *o)
{
    enum before b = read_beneath(c, change_id, metric, o);
    return that_holds(c, b, metric, now_ms, o, change_id);
}

/* --- forgetting --- */

/* An override in force that ends by itself brings back what it replaced, however long ago. */
static bool is_needed(struct core *c, const struct ledger_change *change)
{
    struct limit_override o;
    bool any = limits_get_override(c->limits, change->limit, change->group, &o);
    for (int i = 0; any && i < BEFORE_MAX; i++) {
        if (o.id == change->id) {
            return true;
        }
        int64_t restores;
        any = read_before(c, o.id, METRIC_COUNT, &o, &restores) == BEFORE_OVERRIDE || restores != 0;
        o.id = restores != 0 ? restores : o.id;
    }
    return false;
}

static int64_t read_cleaned(struct core *c)
{
    struct buf text;
    int64_t id = 0;
    buf_init(&text, 64);
    if (ledger_get_value(c->ledger, CLEANED, &text) != ERR_OK || !str_to_i64(buf_str(&text), &id)) {
        id = 0;
    }
    buf_free(&text);
    return id;
}

/* True: something was written. */
static bool forget(struct core *c, const struct ledger_change *change)
{
    char key[48];
    struct buf text;
    buf_init(&text, 64 * 1024);
    (void)snprintf(key, sizeof(key), "before.%" PRId64, change->id);
    bool kept = ledger_get_value(c->ledger, key, &text) == ERR_OK;
    buf_free(&text);
    if (!kept || is_needed(c, change)) {
        return false;
    }
    struct err_info ei = {.code = ERR_OK};
    if (ledger_drop_value(c->ledger, key, &ei) != ERR_OK) {
        log_warn("control", "what was before change %" PRId64 " is not forgotten: %s", change->id,
                 ei.text);
    }
    return true;
}

void limit_before_clean(struct core *c, int64_t now_ms, int64_t keep_ms, int64_t keep_count)
{
    struct ledger_change newest, change;
    if (ledger_last_change(c->ledger, NULL, NULL, -1, &newest) != ERR_OK) {
        return;
    }
    int64_t cleaned = read_cleaned(c), id = cleaned;
    for (int looks = 0, writes = 0;
         looks < CLEAN_LOOKS && writes < CLEAN_WRITES && id + 1 < newest.id; looks++) {
        enum err e = ledger_get_change(c->ledger, id + 1, &change, NULL);
        bool old = e == ERR_OK &&
                   (change.time_ms < now_ms - keep_ms || change.id <= newest.id - keep_count);
        if (!old && e != ERR_NOT_FOUND) {
            break;
        }
        writes += old && forget(c, &change);
        id++;
    }
    char text[32];
    (void)snprintf(text, sizeof(text), "%" PRId64, id);
    if (id != cleaned) {
        (void)!ledger_put_value(c->ledger, CLEANED, str_of(text), NULL);
    }
}
