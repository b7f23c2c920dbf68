/* cloud_private.h: between the files of the cloud thread. What is not marked as locked belongs to
 * the thread alone. */
#ifndef TOLLGATE_CLOUD_CLOUD_PRIVATE_H
#define TOLLGATE_CLOUD_CLOUD_PRIVATE_H

#include "core/aws/aws_json.h"
#include "core/catalog/catalog.h"
#include "core/cloud/cloud.h"
#include "core/cloud/cloud_cursor.h"
#include "core/cloud/publish.h"

#include <pthread.h>
#include <stdatomic.h>

/* Keys of the ledger's values. */
#define CLOUD_METRICS_KEY   "cloud.cloudwatch"
#define CLOUD_COSTS_KEY     "cloud.cost_explorer"
#define CLOUD_PUBLISHED_KEY "cloud.publish.seq"
#define CLOUD_AUDITED_KEY   "cloud.audit.seq"

enum source {
    SOURCE_CREDENTIALS,
    SOURCE_PUBLISH,
    SOURCE_AUDIT,
    SOURCE_CLOUDWATCH,
    SOURCE_PROFILES,
    SOURCE_BEDROCK,
    SOURCE_ALARMS,
    SOURCE_QUOTAS,
    SOURCE_COST_EXPLORER,
    SOURCE_BUDGETS,
    SOURCE_RECONCILE, /* after those it compares */
    SOURCES
};

/* What the polls were answered last. */
struct cloud_answers {
    struct cloud_metric *metrics; /* sum over 24 hours */
    size_t metric_count;
    struct cloud_cost *costs;
    size_t cost_count;
    char day[11]; /* UTC day the costs' `today` is about: "2026-11-21"; "" none */
};

/* Whose account it is. */
struct cloud_account {
    _Atomic int64_t number;   /* 0: not known; read by any thread */
    struct credentials *with; /* a reference to those it was asked with last; NULL: never */
    bool answered;            /* and it was told */
    int64_t next_ms, wait_ms; /* of the next try, after one that failed */
};

struct cloud {
    struct ledger *ledger;
    struct cloud_account account;
    struct credentials_provider *credentials;
    struct aws_http *http;
    struct publish_known known;
    struct cloud_cursor published, audited;
    bool again[SOURCES];         /* the last run left some: the next follows at once */
    int64_t backoff_ms[SOURCES]; /* 0: the last run worked */
    money_t run_cost[SOURCES];   /* of the last run, in nano-dollars; -1: never run */
    struct catalog *catalog;     /* of catalog_config: which model an ID is */
    struct config *catalog_config;
    int64_t since_ms; /* when tollgate began to count: what was before passed by it */
    json_t *bypass;   /* calls and tokens by model that the last comparison found */
    json_t *watched;  /* cloud_watched.c */
    bool stretching;  /* periods are longer than the file wants */
    pthread_t thread;

    pthread_mutex_t lock; /* guards all that follows */
    pthread_cond_t wake;
    bool stopping, hurry, reloaded;
    struct config *config; /* a reference */
    struct cloud_source sources[SOURCES];
    struct cloud_answers answers;
    json_t
        *facts[SOURCES]; /* told last, or NULL; never changed; references are the thread's alone */
};

/* A run of a source. */
struct cloud_run {
    struct cloud *c;
    const struct config *config;
    struct credentials *keys;
    int64_t now_ms;
    bool hurried; /* asked for by cloud_hurry */
    money_t cost; /* of what was asked so far */
};
struct aws_session cloud_session(const struct cloud_run *r, enum config_service s);

/* cloud_own_account.c */
/* Asks STS whose account r->keys are of, unless that is known. */
enum err cloud_learn_account(struct cloud_run *r, struct err_info *ei) MUST_CHECK;
/* The same from time to time; that it fails is logged once. */
void cloud_look_for_account(struct cloud_run *r);

enum err cloud_publish(struct cloud *c, const struct config *config, const struct credentials *keys,
                       int64_t now_ms, bool hurried, struct err_info *ei);
enum err cloud_audit(struct cloud *c, const struct config *config, const struct credentials *keys,
                     int64_t now_ms, struct err_info *ei);
enum err cloud_poll_metrics(struct cloud_run *r, struct err_info *ei);
enum err cloud_poll_costs(struct cloud_run *r, struct err_info *ei);
enum err cloud_poll_bedrock(struct cloud_run *r, struct err_info *ei);
enum err cloud_poll_alarms(struct cloud_run *r, struct err_info *ei);
enum err cloud_poll_quotas(struct cloud_run *r, struct err_info *ei);
enum err cloud_poll_budgets(struct cloud_run *r, struct err_info *ei);
enum err cloud_poll_profiles(struct cloud_run *r, struct err_info *ei);
/* ERR_CONFLICT: there is traffic that did not pass tollgate; the text says how much. */
/* Finds when tollgate began to count: kept in the ledger for good. */
void cloud_since(struct cloud *c, int64_t now_ms);
enum err cloud_reconcile(struct cloud_run *r, struct err_info *ei);

/* cloud_series.c */
/* What is known of the metrics in the namespace, asked for where that is older than an hour:
 * {"at":ms,"namespace","metrics":n,"usd_per_month","sets":{"Model,ModelId":n}}. A new reference, or
 * NULL with ei. */
json_t *cloud_series(struct cloud_run *r, struct err_info *ei);

/* cloud_watched.c: the tokens of past hours that Bedrock and the ledger counted, kept over a
 * restart until their day is billed. */
void cloud_watched_recall(struct cloud *c);
/* Takes over the hours that were whole when Bedrock's counts were told: hour -> [aws, ours,
 * cached].
 */
void cloud_watched_note(struct cloud *c, const json_t *tokens, int64_t since_ms, int64_t told_ms);
enum cloud_watched { WATCHED_PARTLY, WATCHED_SAME, WATCHED_MORE /* by AWS */ };
/* What was seen of a UTC day, "2026-11-21". */
enum cloud_watched cloud_watched_day(struct cloud *c, const char *day);

/* cloud_facts.c */
extern const char *const cloud_source_names[SOURCES];
/* Publishes what a source was told and keeps it in the ledger. Takes facts; NULL (no memory) keeps
 * what was there. */
void cloud_tell(struct cloud *c, enum source s, json_t *facts, int64_t now_ms);
/* What was told last: a new reference, or NULL. */
json_t *cloud_told(struct cloud *c, enum source s);
/* Reads what the ledger keeps; at the start. */
void cloud_recall(struct cloud *c, enum source s);
/* Dollars of an amount, for JSON. */
json_t *cloud_usd(money_t m);
/* The name of the model that an ID, profile ID or ARN stands for; NULL: nobody knows. */
const char *cloud_model_of(struct cloud *c, const char *id);

/* cloud_periods.c */
/* Fills period and cost of every source: all that cost something are stretched alike until the sum
 * keeps to poll.max_usd_per_month. Locked. */
void cloud_spread(struct cloud *c, const struct config *config);

/* "2026-11-21" of a time, UTC. */
void cloud_day(char out[11], int64_t wall_ms);
bool cloud_is_stopping(struct cloud *c);

/* cloud_answers.c: answers are kept in the ledger, so that a restart need not pay for them again.
 */
void answers_free(struct cloud_answers *a);
/* JSON of one source's part: {"at":..,"metrics":[..]} or {"at":..,"day":..,"costs":[..]}. */
bool answers_print_metrics(struct buf *out, const struct cloud_answers *a, int64_t at_ms);
bool answers_print_costs(struct buf *out, const struct cloud_answers *a, int64_t at_ms);
/* Fills the parts that the JSON holds; false, and a as it was, when it is no such JSON. */
bool answers_parse(struct cloud_answers *a, struct str json, int64_t *at_ms);
/* Adds to the sum of (metric, model), or to a cost center's; false without memory or past 2,000. */
bool answers_add_metric(struct cloud_answers *a, const char *metric, struct str model,
                        int64_t value);
bool answers_add_cost(struct cloud_answers *a, struct str cost_center, money_t today,
                      money_t month);

#endif
