/* snapshot_private.h: between snapshot.c and snapshot_limits.c. */
#ifndef TOLLGATE_CONTROL_SNAPSHOT_PRIVATE_H
#define TOLLGATE_CONTROL_SNAPSHOT_PRIVATE_H

#include "core/control/core_private.h"

json_t *snapshot_limits_of(const struct limits_view *v); /* [L] */
/* Name of the fullest limit of this model, or null. */
json_t *snapshot_fullest(struct core *c, const struct limits_view *v, const struct model *m);
/* The monthly usd budget of one value of a tag: a limit per that tag, or one that names the value.
 */
json_t *snapshot_budget(const struct limits_view *v, const char *key, const char *value);
/* The newest ones of the last 24 hours; wider: with what the dashboard shows besides. */
json_t *snapshot_denials(struct core *c, const struct limits_view *wider);
int64_t snapshot_denied_in_minute(struct core *c);

#endif
