/* whatif.h: what would another amount, or a new limit, have denied? Past calls are loaded once,
 * then any amount can be tried in milliseconds. Not thread-safe; touches no live counter.
 *
 * The limit is tried alone and as if its action were deny: no clamp, no queue, no override, no
 * other limit. Calls that were denied in fact are tried too, taking what they asked for, and last
 * as long as the others did on average; clients that came again after a denial make the figure of a
 * raised limit too high. */
#ifndef TOLLGATE_LIMIT_WHATIF_H
#define TOLLGATE_LIMIT_WHATIF_H

#include "core/catalog/call.h"

#define WHATIF_CALLS_MAX    1000000 /* about 100 bytes each */
#define WHATIF_APPLICATIONS 20      /* in a result; the rest is summed as "other" */

struct whatif;

/* One call of the past. Nothing is kept of what it points to. */
struct whatif_call {
    const struct model *model; /* NULL: not known any more; matches no `model:` */
    const struct tags *tags;
    struct str principal;
    int64_t admitted_ms; /* wall; of one that was denied: when it was */
    int64_t duration_ms; /* until it was settled; negative: it is still open */
    struct amounts reserved, used;
    enum call_outcome outcome; /* rejected ones are passed over */
};

/* limit: as of the file, its amount plays no part. group: as for an override, NULL or "": all.
 * since_ms: denials before are not counted (calls are: they fill the first window). Borrows limit
 * and catalog until whatif_free. NULL: ERR_NOMEM, ERR_NOT_FOUND (zone_name), ERR_PARSE (group). */
struct whatif *whatif_new(const struct config_limit *limit, const char *group,
                          const char *zone_name, struct catalog *catalog, int64_t since_ms,
                          struct err_info *ei);
void whatif_free(struct whatif *w);
/* Admission time of the earliest call that matters: the begin of the window that holds since_ms. */
int64_t whatif_from(const struct whatif *w);
/* Adds a call, if the limit means it. ERR_FULL: a million calls are loaded; ERR_NOMEM. Calls in the
 * order of their admission load fastest. */
enum err whatif_load(struct whatif *w, const struct whatif_call *call) MUST_CHECK;

/* What the names of calls come to, found once for the many that share them. */
struct whatif_names {
    bool meant; /* by the limit */
    uint32_t group, application;
};
enum err whatif_find(struct whatif *w, const struct model *model, const struct tags *tags,
                     struct str principal, struct whatif_names *out) MUST_CHECK;
/* As whatif_load; model, tags and principal of the call are not looked at. */
enum err whatif_load_found(struct whatif *w, const struct whatif_names *names,
                           const struct whatif_call *call) MUST_CHECK;

struct whatif_application {
    const char *name; /* valid until whatif_free */
    int64_t denied, tokens;
    money_t usd;
};
struct whatif_result {
    int64_t calls;    /* that the limit means, since since_ms */
    int64_t denied;   /* of these, those it would have denied */
    int64_t anew;     /* of the denied, those that were admitted in fact */
    int64_t spared;   /* denied in fact, by whatever limit, but not by this one */
    int64_t tokens;   /* of the denied: used, or asked for where they were denied in fact */
    money_t usd;      /* likewise; unpriced calls are not in it */
    int64_t unpriced; /* denied calls without a price; a usd limit denies each */
    int64_t first_ms, last_ms; /* of the denials; 0: none */
    size_t application_count;  /* with denials, most denied first */
    struct whatif_application applications[WHATIF_APPLICATIONS + 1];
};
/* Replays the calls against the amount. ERR_NOMEM only at the first try after a load. */
enum err whatif_try(struct whatif *w, int64_t amount, struct whatif_result *out) MUST_CHECK;

#endif
