/* limit_change.h: what the files of the limit commands share: a limit or group to be changed
 * (limit_target.c), changing it (limit_change.c), and what was before (limit_before.c). */
#ifndef TOLLGATE_CONTROL_LIMIT_CHANGE_H
#define TOLLGATE_CONTROL_LIMIT_CHANGE_H

#include "core/control/commands.h"

/* One limit or group of it as it is now. */
struct target {
    const struct config_limit *file; /* valid while view is held */
    struct limits_view view;
    char group[256];
    int64_t amount; /* in force */
    bool blocked, whole_blocked, has_override;
    struct limit_override override; /* of exactly this limit and group */
};
/* group_text: as a change in the ledger names it; NULL: `group` of params. ERR_OK: *t is filled and
 * must be cleared. */
enum err limit_target_find(struct core *c, const char *name, const json_t *params,
                           const char *group_text, struct target *t,
                           struct err_info *ei) MUST_CHECK;
void limit_target_clear(struct target *t);
/* The limit of that name; NULL: none. */
const struct config_limit *limit_target_file(const struct config *c, struct str name);
/* "100k", "12.50", "+10%", "-10%". */
enum err limit_target_amount(const struct target *t, const char *text, int64_t *out,
                             struct err_info *ei) MUST_CHECK;
/* Above the ceiling or below the floor it must be confirmed. */
enum err limit_target_bounds(const struct target *t, int64_t amount, const json_t *params,
                             struct err_info *ei) MUST_CHECK;
/* `was`: the amount that the change was based on. */
enum err limit_target_was(const struct target *t, const json_t *params,
                          struct err_info *ei) MUST_CHECK;

struct edit {
    const char *action;
    bool keep; /* an override shall be in force afterwards */
    struct limit_override override;
    int64_t undoes;
    int64_t restores; /* the override is that of this change come back; 0: a new one */
};
/* A fresh override for the target, keeping what the present one says besides. */
enum err limit_change_begin(const struct actor *a, const struct target *t, const json_t *params,
                            const char *action, struct edit *edit, struct err_info *ei) MUST_CHECK;
/* Stores the change, then applies it, then tells the screens. */
enum err limit_change_apply(struct core *c, const struct actor *a, struct target *t,
                            struct edit *edit, const json_t *params, json_t **result,
                            struct err_info *ei) MUST_CHECK;

/* Puts the override into the ledger, nothing else. */
enum err limit_change_store(struct core *c, const struct limit_override *o,
                            struct err_info *ei) MUST_CHECK;

/* limit_unstored.c: a stricter override that is in force although the store refused it. */
void limit_unstored_keep(struct core *c, const struct target *t, const struct limit_override *o,
                         const struct ledger_change *change);
/* Puts back what was before it, if that is what the edit asks for. False: there is none of this
 * limit and group, or something else is asked for. */
bool limit_unstored_back(struct core *c, const struct target *t, const struct edit *edit);

/* limit_all.c: `limit.block` and `limit.unblock` with `all`. */
enum err limit_all_block(struct core *c, const struct actor *a, const json_t *params,
                         json_t **result, struct err_info *ei) MUST_CHECK;
enum err limit_all_unblock(struct core *c, const struct actor *a, const json_t *params,
                           json_t **result, struct err_info *ei) MUST_CHECK;

/* limit_undo.c: an undo that blocks what is open must be confirmed, where `careful` asks for that:
 * one key of the dashboard is not to stop production. */
enum err limit_undo_blocks(const char *name, const json_t *params, struct err_info *ei) MUST_CHECK;

/* Takes back a change of the switch, which has no limit. */
enum err limit_all_undo(struct core *c, const struct actor *a, const struct ledger_change *change,
                        const json_t *params, json_t **result, struct err_info *ei) MUST_CHECK;

/* call_stop.c: ends every running call, and those that the limit and group mean. */
enum err calls_stop_all(struct core *c, const struct actor *a, const json_t *params, size_t *count,
                        struct err_info *ei) MUST_CHECK;
enum err calls_stop_meant(struct core *c, const struct actor *a, const struct target *t,
                          const json_t *params, size_t *count, struct err_info *ei) MUST_CHECK;

/* limit_draft.c: a limit that does not exist, to be tried: `name`, `metric`, `amount`, `window`,
 * `rolling`, `match`, `per` of the params. */
struct limit_draft {
    struct config_limit limit; /* its strings lie in params */
    json_t *params;
};
bool limit_draft_asked(const json_t *params);
/* ERR_OK: must be cleared. ERR_EXISTS: a limit has that name. */
enum err limit_draft_read(struct core *c, const json_t *params, struct limit_draft *d,
                          struct err_info *ei) MUST_CHECK;
void limit_draft_clear(struct limit_draft *d);

enum before { BEFORE_UNKNOWN, BEFORE_NONE, BEFORE_OVERRIDE };
/* limit_before.c */
/* Keeps what the target's override is, as what was before that change. restores: as in the edit. */
void limit_before_keep(struct core *c, const struct target *t, int64_t change_id, int64_t restores);
/* What was in force before a change and, where that has ended by itself since, what lay beneath it.
 * With BEFORE_OVERRIDE *o is filled, but for limit and group. metric: what the limit counts now; an
 * amount of another one does not come back. */
enum before limit_before(struct core *c, int64_t change_id, enum config_metric metric,
                         int64_t now_ms, struct limit_override *o);
/* What the override that a change put in force had replaced, and comes back when it ends: what was
 * before the change, or where the change brought an earlier override back, before that one.
 * *change_id becomes the earliest change that is over with it. */
enum before limit_beneath(struct core *c, int64_t *change_id, enum config_metric metric,
                          int64_t now_ms, struct limit_override *o);

#endif
