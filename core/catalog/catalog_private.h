/* catalog_private.h: between the files of this room. */
#ifndef TOLLGATE_CATALOG_PRIVATE_H
#define TOLLGATE_CATALOG_PRIVATE_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/map.h"
#include "core/catalog/catalog.h"

#include <pthread.h>

/* --- catalog_data.c --- */

struct catalog_row {
    const char *id;
    int from_day; /* days since 1970-01-01 */
    struct price price;
};
extern const struct catalog_row catalog_rows[];
extern const size_t catalog_row_count;

/* Input tokens above which a base model's prices are those of long prompts; 0: none. */
int64_t catalog_long_prompt(struct str base_id);

struct catalog_twin {
    const char *id, *base_id;
};
extern const struct catalog_twin catalog_twins[];
extern const size_t catalog_twin_count;

/* --- catalog_ids.c: the grammar of identifiers, and what follows from an ID alone --- */

enum catalog_kind {
    KIND_MODEL,       /* a model ID, with or without a geographic prefix, bare or in an ARN */
    KIND_APPLICATION, /* an application inference profile's ARN */
    KIND_OTHER        /* an ARN that hides its model or is not served */
};
/* Takes an identifier apart; *id is the last part of an ARN, else the identifier. */
enum catalog_kind catalog_classify(struct str identifier, struct str *id);
/* The ID without geographic prefix and under its base name. */
struct str catalog_base_of(struct str id);
bool catalog_is_gov(struct str id); /* us-gov. has its own prices, which are not held */
/* Family, maximum output, burndown and overheads by base_id; name is base_id. */
void catalog_describe(struct model *m, const char *base_id);

/* --- catalog.c and catalog_build.c --- */

struct catalog_model {
    struct model model;               /* first: a struct model * is one of these */
    struct map profiles;              /* cost center -> struct config_pair * of the file */
    const struct config_price *price; /* the file's; NULL */
    const char *display_id;           /* as the file gives it; NULL */
    bool listed, bounded;             /* among the file's; its max_output is the file's */
};

struct catalog {
    struct config *config;
    /* Immutable once built. */
    struct arena arena;
    struct map spellings; /* identifier -> struct resolved * */
    struct map bases;     /* base ID -> struct catalog_model * */
    struct map prices;    /* upstream ID -> const struct config_price *, of the file */
    const struct model **listed;
    size_t listed_count;
    /* Found while running; under the lock. */
    pthread_mutex_t lock;
    struct arena late_arena;
    struct map late_bases;
    size_t unknown_count;
};

/* A new model of that base ID in `bases`; NULL without memory. */
struct catalog_model *catalog_add_model(struct arena *a, struct map *bases, struct str base_id);
/* Fills c from c->config. ERR_PARSE with every mistake (as far as the text holds), or ERR_NOMEM. */
enum err catalog_build(struct catalog *c, struct err_info *ei) MUST_CHECK;
/* The model an identifier means; NULL when nobody defines it or its ARN hides it. Not locked. */
const struct model *catalog_known(const struct catalog *c, struct str identifier);

#endif
