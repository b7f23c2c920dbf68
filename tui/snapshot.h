/* snapshot.h: what the core told last, as JSON, with what the screen works out from it. */
#ifndef TOLLGATE_TUI_SNAPSHOT_H
#define TOLLGATE_TUI_SNAPSHOT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* All-zero is empty. */
struct snapshot {
    json_t *data;  /* owned; NULL: nothing heard yet */
    int64_t at_ms; /* monotonic, of the last change */
};

/* Takes in the members that changed. Adds "denied": the denials by who and which limit. */
void snapshot_merge(struct snapshot *s, const json_t *changed, int64_t now_ms);
void snapshot_clear(struct snapshot *s);
/* A copy that later merges leave alone. */
void snapshot_copy(struct snapshot *to, const struct snapshot *from);

/* Member by path ("burn.today_usd"); NULL when absent. */
json_t *snapshot_at(const json_t *object, const char *path);
const char *snapshot_text(const json_t *object, const char *path); /* "" when absent */

/* The limit of that name, or NULL. */
json_t *snapshot_limit(const struct snapshot *s, const char *name);
/* The limit a row of a view is about, and in *group the entry of its groups (NULL: all of it). */
json_t *snapshot_limit_of_model(const struct snapshot *s, const json_t *model, json_t **group);
json_t *snapshot_limit_of_tag(const struct snapshot *s, const char *key, const char *value,
                              json_t **group);
/* The fullest group of a limit, or NULL when it counts for all in one. */
json_t *snapshot_fullest_group(const json_t *limit);
/* Share of amount that is used or reserved, 0 and more; blocked: 2. */
double snapshot_share(const json_t *limit, const json_t *group);
/* Milliseconds until it is empty at the present rate; -1: not before its window ends. */
int64_t snapshot_empty_in(const json_t *limit, const json_t *group);
/* What Cost Explorer bills a cost center this month, or NULL. */
json_t *snapshot_billed(const struct snapshot *s, const char *cost_center);
/* What the ledger counted for it this month, or NULL. */
json_t *snapshot_spent(const struct snapshot *s, const char *cost_center);
/* "ok", "price", "bypass or price" of the newest day that was compared; "-": none was. */
const char *snapshot_verdict(const struct snapshot *s, const char *cost_center);

#endif
