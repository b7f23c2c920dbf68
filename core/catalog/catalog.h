/* catalog.h: models: names, IDs, dated prices, burndown, maximum output. Room `catalog`: every
 * spelling of a model to one base model. Prices come from the built-in table (catalog_data.c),
 * overridden by the file's `price:`.
 *
 * A catalog is built from one configuration, is immutable, and lives as long as it. Models and
 * strings it hands out live as long as the catalog. */
#ifndef TOLLGATE_CATALOG_CATALOG_H
#define TOLLGATE_CATALOG_CATALOG_H

#include "core/config/config.h"

/* USD prices as nano-dollars per million tokens; -1: not known. */
struct price {
    int64_t input, output, cache_read, cache_write_5m, cache_write_1h;
};

enum model_family {
    FAMILY_OTHER,
    FAMILY_ANTHROPIC,
    FAMILY_NOVA,
    FAMILY_LLAMA,
    FAMILY_TITAN,
    FAMILY_MISTRAL,
    FAMILY_COHERE,
    FAMILY_AI21,
    FAMILY_OPENAI,
    FAMILY_DEEPSEEK
};

/* One base model: what limits count under. */
struct model {
    const char
        *name; /* the file's name for it, else the base ID: what is shown and tagged `Model` */
    const char *base_id; /* without geo prefix: "anthropic.claude-3-5-haiku-20241022-v1:0" */
    enum model_family family;
    int64_t max_output; /* tokens; the bound when a client sets none */
    int burndown;       /* AWS quota weight of an output token */
    int overhead_call, overhead_message, overhead_tool; /* tokens added to the byte estimate */
};

/* What an identifier of a request turned out to be. */
struct resolved {
    const struct model *model;
    const char *upstream_id;  /* what goes upstream: as given when it was an ID or ARN, else the
                                 entry's id */
    const char *model_metric; /* an application profile's unique ID, else the model ID */
    const char *profile_cost_center; /* the profile is mapped to this cost center (else NULL) */
    bool is_profile; /* an application inference profile: its price scope is the base model's */
    bool unknown;    /* allowed by unknown_models: unpriced, model named after the ID */
};

struct catalog;

/* Is this an ID of the built-in table, with or without geographic prefix? For config_know_models.
 */
bool catalog_knows(const char *id);
/* The i-th ID of the built-in table, a dated one as often as it has prices; NULL: no more. */
const char *catalog_known_id(size_t i);

/* Borrows c until catalog_free. NULL: ERR_NOMEM, or ERR_PARSE with a text that names by line and
 * key what the file says of models that cannot be: a limit's model that nobody defines, an
 * application profile without base, a profile of two cost centers, bases in a circle. */
struct catalog *catalog_new(struct config *c, struct err_info *ei);
void catalog_free(struct catalog *c); /* NULL is a no-op */

/* Any name of the file, catalog ID, geo-prefixed ID or foundation-model / inference-profile ARN
 * (percent-decoded; a NUL stands behind it). The strings of *out may be the identifier's own: it
 * must live as long. ERR_NOT_FOUND: neither here nor allowed (the text names it and says what to
 * do); ERR_FORBIDDEN: prompt, router, endpoint, provisioned or foreign ARN. Thread-safe. With
 * unknown_models: allow, a model is made for the new ID (at most 1,000; then ERR_FULL). */
enum err catalog_resolve(struct catalog *c, struct str identifier, struct resolved *out,
                         struct err_info *ei) MUST_CHECK;

/* The account that an ARN of any service names; 0: none, or no ARN. */
int64_t catalog_arn_account(struct str arn);
/* Is it an ARN of another account than `account` (0: not known, then nothing is)? What the file
 * itself names is the operator's word. */
bool catalog_is_foreign(const struct catalog *c, struct str identifier, int64_t account);

/* The identifier to call upstream for this cost center: the mapped profile, else r->upstream_id (of
 * a profile always its own). A mapped profile costs what catalog_resolve of it says. */
const char *catalog_profile_for(const struct catalog *c, const struct resolved *r,
                                struct str cost_center);

/* Price at a time; false: unknown (unpriced). The file's price of that ID or else of its model,
 * class by class over the table's: the row of the ID (its geographic scope), else of the base ID;
 * an application profile has its base ID's. us-gov. IDs are priced by the file alone. A class that
 * stays -1 is not known. */
bool catalog_price(const struct catalog *c, const struct resolved *r, int64_t wall_ms,
                   struct price *out);

/* Input tokens above which catalog_price's answer is too low (call.h, long_above); 0: none, or the
 * file gives a price of its own. */
int64_t catalog_long_above(const struct catalog *c, const struct resolved *r);

/* Does `pattern` of a limit's `model:` mean this model? A name or ID in any spelling, or a glob
 * over name and base_id. */
bool catalog_matches(struct catalog *c, const char *pattern, const struct model *m);

/* The models that the file names, in file order (what status lists even without traffic). */
size_t catalog_count(const struct catalog *c);
const struct model *catalog_at(const struct catalog *c, size_t i); /* NULL beyond the last */
/* The model of that name (any spelling), or NULL. */
const struct model *catalog_find(struct catalog *c, struct str name);
/* ID as the file gives it for that model, for display; base_id when it gives none. */
const char *catalog_display_id(const struct catalog *c, const struct model *m);

#endif
