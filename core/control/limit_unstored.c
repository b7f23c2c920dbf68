/* limit_unstored.c: changes that make a limit stricter while the store refuses: in force at once,
 * stored when it can be. A full disk must not refuse a block. */
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/control/limit_change.h"

#define UNSTORED_MAX 64
#define RETRY_US     2000000
#define BUSY_US      15000000 /* a try waits for a locked database, and the screens with it */

struct one {
    bool had; /* an override was there before */
    struct limit_override before, now;
    struct ledger_change change;
};

struct unstored {
    struct one at[UNSTORED_MAX];
    size_t count;
    int64_t next_us; /* of the next try, mono */
};

static struct one *find(const struct core *c, const char *limit, const char *group)
{
    struct unstored *u = c->unstored;
    for (size_t i = 0; u && i < u->count; i++) {
        if (strcmp(u->at[i].now.limit, limit) == 0 && strcmp(u->at[i].now.group, group) == 0) {
            return &u->at[i];
        }
    }
    return NULL;
}

static void drop(struct unstored *u, struct one *one)
{
    size_t at = (size_t)(one - u->at);
    u->count--;
    memmove(one, one + 1, (u->count - at) * sizeof(*one));
}

void limit_unstored_keep(struct core *c, const struct target *t, const struct limit_override *o,
                         const struct ledger_change *change)
{
    struct one *one = find(c, o->limit, o->group);
    if (!c->unstored) {
        c->unstored = calloc(1, sizeof(*c->unstored));
    }
    if (!one && c->unstored && c->unstored->count < UNSTORED_MAX) {
        one = &c->unstored->at[c->unstored->count++];
        *one = (struct one){.had = t->has_override, .before = t->override};
    }
    if (!one) {
        log_error("control", "the change of %s is in force, but is lost at the next start",
                  o->limit);
        return;
    }
    one->now = *o;
    one->change = *change;
    c->unstored->next_us = clock_mono_us() + RETRY_US;
}

static bool asks_for(const struct edit *edit, const struct one *one)
{
    const struct limit_override *o = &edit->override, *was = &one->before;
    bool same = o->blocked == was->blocked && o->has_amount == was->has_amount &&
                (!o->has_amount || o->amount == was->amount);
    return edit->keep ? one->had && same : !one->had;
}

bool limit_unstored_back(struct core *c, const struct target *t, const struct edit *edit)
{
    struct one *one = find(c, t->file->name, t->group);
    if (!one || !asks_for(edit, one)) {
        return false;
    }
    struct err_info ei = {.code = ERR_OK};
    enum err e = one->had ? limits_override(c->limits, &one->before, &ei)
                          : limits_revert(c->limits, t->file->name, t->group, &ei);
    if (e != ERR_OK) {
        log_error("control", "%s cannot be put back: %s", t->file->name, ei.text);
        return false;
    }
    drop(c->unstored, one);
    return true;
}

size_t limit_unstored_count(const struct core *c)
{
    return c->unstored ? c->unstored->count : 0;
}

/* Only what is in force still is stored: it may have ended meanwhile. */
static enum err store(struct core *c, struct one *one, struct err_info *ei)
{
    struct limit_override now;
    if (!limits_get_override(c->limits, one->now.limit, one->now.group, &now) ||
        now.since_ms != one->now.since_ms) {
        return ERR_OK;
    }
    struct target before = {.file = limit_target_file(c->config, str_of(one->now.limit)),
                            .has_override = one->had,
                            .override = one->before};
    if (!before.file) {
        return ERR_OK;
    }
    enum err e = one->change.id == 0 ? ledger_change(c->ledger, &one->change, ei) : ERR_OK;
    if (e != ERR_OK) {
        return e;
    }
    limit_before_keep(c, &before, one->change.id, 0);
    one->now.id = one->change.id;
    e = limit_change_store(c, &one->now, ei);
    return e == ERR_OK ? limits_override(c->limits, &one->now, ei) : e;
}

void limit_unstored_store(struct core *c, bool now)
{
    struct unstored *u = c->unstored;
    while (u && u->count > 0 && (now || clock_mono_us() >= u->next_us)) {
        struct err_info ei = {.code = ERR_OK};
        enum err e = store(c, &u->at[0], &ei);
        if (e != ERR_OK) {
            u->next_us = clock_mono_us() + (e == ERR_BUSY ? BUSY_US : RETRY_US);
            return;
        }
        server_event(c->server, u->at[0].now.limit, u->at[0].now.actor,
                     "%s %s is stored now: it stays after a restart", u->at[0].change.action,
                     u->at[0].now.limit);
        drop(u, &u->at[0]);
    }
}

void limit_unstored_forget(struct core *c)
{
    if (limit_unstored_count(c) > 0) {
        log_error("control", "%zu changes of limits could not be stored: they are lost",
                  c->unstored->count);
    }
    free(c->unstored);
    c->unstored = NULL;
}
