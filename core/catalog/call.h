/* call.h: the call, the one struct that walks through the rooms: dialect -> identity -> limits ->
 * upstream -> meter -> settle -> ledger -> snapshot. Plain data; strings live in the call's arena,
 * in the catalog, or in static memory. */
#ifndef TOLLGATE_CATALOG_CALL_H
#define TOLLGATE_CATALOG_CALL_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/uuid.h"
#include "core/catalog/catalog.h"

#define TAGS_MAX      16
#define TAG_KEY_MAX   128
#define TAG_VALUE_MAX 128

struct tag {
    struct str key, value; /* NUL-terminated behind */
};
/* Tags by key, at most one value a key, sorted by key. All-zero is the empty set. */
struct tags {
    struct tag at[TAGS_MAX];
    size_t count;
};

/* Value of a tag; the empty slice when absent. */
struct str tags_get(const struct tags *t, const char *key);
/* Copies key and value into the arena and sets it, keeping order. ERR_FULL beyond TAGS_MAX. */
enum err tags_set(struct tags *t, struct arena *a, struct str key, struct str value) MUST_CHECK;
/* Either: [A-Za-z0-9 _.:/=+@-], 1 to 128 bytes. */
bool tags_value_ok(struct str value);
bool tags_key_ok(struct str key);
/* {"k":"v",...} */
bool tags_json(struct buf *out, const struct tags *t);

/* Tokens of one call, each class apart: input excludes what was read from or written to a cache. */
struct usage {
    int64_t input, output, cache_read, cache_write_5m, cache_write_1h;
};

/* Cost by a price, rounded once to the nearest nano-dollar (half up); classes without a price of
 * their own: cache read, cache writes -> -1 as soon as such tokens were used. Returns -1: cannot be
 * priced. */
money_t usage_cost(const struct usage *u, const struct price *p);

/* What a call counts in each metric: tokens = every class; input_tokens = input and cache classes;
 * aws_quota_tokens = input + cache writes + output x burndown; requests 1; usd (nano; -1 unpriced);
 * concurrency 1. */
struct amounts {
    int64_t v[METRIC_COUNT];
};
/* usd: what the call costs or was charged, -1: no price. */
void amounts_of(struct amounts *a, const struct usage *u, const struct model *m, money_t usd);

enum call_outcome {
    OUTCOME_OPEN,
    OUTCOME_APPROVED,
    OUTCOME_FAILED,
    OUTCOME_DENIED,
    OUTCOME_REJECTED
};
const char *call_outcome_name(enum call_outcome o);
enum call_dialect { DIALECT_BEDROCK, DIALECT_OPENAI, DIALECT_ANTHROPIC, DIALECT_WORKFLOW };
const char *call_dialect_name(enum call_dialect d);

struct call {
    char request_id[UUID_TEXT];
    struct arena arena; /* freed by call_clear */
    enum call_dialect dialect;
    const char *operation; /* static: "Converse", "ConverseStream" */
    bool stream;
    struct resolved resolved; /* resolved.model NULL: not known (yet) */
    struct str model_asked;   /* as the client spelled it, percent-decoded */
    struct tags tags;         /* final */
    struct str principal;     /* access key ID of the key used; "" when anonymous */

    int64_t arrived_wall_ms, arrived_us;
    int64_t admitted_wall_ms; /* decides window and minute */
    int64_t first_token_us;   /* 0: none yet */
    int64_t ended_us;

    /* Foreseen. */
    int64_t text_bytes, images, documents, messages, tools; /* of the body */
    bool stateful_allowed;                                  /* openai_stateful: allow */
    int64_t max_output;                                     /* asked by the client; -1: not set */
    size_t metadata_from, metadata_to; /* of a Converse body: its requestMetadata; equal: none */
    struct usage reserved_usage;       /* input and output that were reserved */
    struct price price;
    int64_t long_above; /* > 0: of more input tokens than these, cached ones included, all of the
                           call costs more: twice for input, half as much again for output */
    bool priced;
    const char *tier; /* static: asked for, at the end what served it; NULL: standard */
    bool optimized;   /* likewise: latency-optimized */

    /* What happened. */
    enum call_outcome outcome;
    int http_status;
    struct usage usage;
    bool usage_reported; /* else estimated */
    money_t usd;         /* when not priced: what usd limits are charged, 0 where that is nothing */
    const char *limit;   /* denied by; NULL */
    struct str error;    /* short code or message for the audit; empty when none */
};

/* What that usage costs in this call, and by which price; -1: unpriced, whole or in part. No usage
 * costs nothing whatever the price. */
money_t call_cost(const struct call *c, const struct usage *u);
struct price call_price(const struct call *c, const struct usage *u);

/* The service tier of that name, as a static name; NULL: the standard one, whose prices are known.
 * No other tier's are. */
const char *call_tier(struct str name);

void call_init(struct call *c);  /* zeroes, draws the request ID, takes the times */
void call_clear(struct call *c); /* frees the arena, and with it every string of the call */

#endif
