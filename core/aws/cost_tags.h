/* cost_tags.h: cost allocation tags, a part of Cost Explorer (endpoint and Region of `ce`). A tag
 * shows up to a day after its first use, works up to a day after activation, and not for what was
 * spent before unless backfilled. */
#ifndef TOLLGATE_AWS_COST_TAGS_H
#define TOLLGATE_AWS_COST_TAGS_H

#include "core/aws/aws_json.h"

#define COST_TAGS_BATCH 20 /* keys in one activation */

/* One tag; texts are borrowed during the call. */
struct cost_tag {
    const char *key, *type /* "UserDefined" "AWSGenerated" */, *status /* "Active" "Inactive" */;
    const char *last_used, *last_updated; /* "" where not said */
};
typedef bool cost_tags_row(void *arg, const struct cost_tag *t); /* false ends with ERR_PARSE */
enum err cost_tags_list(const struct aws_session *s, cost_tags_row *fn, void *arg, int64_t *pages,
                        struct err_info *ei) MUST_CHECK;

/* Activates (or deactivates) at most COST_TAGS_BATCH keys. *errors: what AWS would not do, the
 * caller's: [{"TagKey","Code","Message"}]. */
enum err cost_tags_activate(const struct aws_session *s, const char *const *keys, size_t count,
                            bool active, json_t **errors, struct err_info *ei) MUST_CHECK;

/* Starts applying the active tags to the past, from the first of a month at most 12 months back
 * ("2026-01-01T00:00:00Z"). One at a time, once a day. *request: the caller's, {"BackfillFrom",
 * "RequestedAt","BackfillStatus"}. */
enum err cost_tags_backfill(const struct aws_session *s, const char *from, json_t **request,
                            struct err_info *ei) MUST_CHECK;

#endif
