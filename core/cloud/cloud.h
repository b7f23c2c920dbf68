/* cloud.h: the thread that polls AWS and publishes to it. Room `cloud`. Errors are shown, never
 * fatal. */
#ifndef TOLLGATE_CLOUD_CLOUD_H
#define TOLLGATE_CLOUD_CLOUD_H

#include "core/aws/credentials.h"
#include "core/ledger/ledger.h"

#include <jansson.h>

struct cloud;
struct cloud_options {
    struct config *config; /* a reference is taken */
    struct ledger *ledger; /* borrowed, as are the credentials, until cloud_stop */
    struct credentials_provider *credentials; /* refreshed by this thread */
};
/* Starts the thread. What a source is: "publish" sends each complete minute of the ledger as six
 * metrics (off without publish.metrics), "audit" sends each call and change as a log event (off
 * without publish.audit), "cloudwatch" asks what CloudWatch holds of the metrics (off with it),
 * "bedrock" what Bedrock itself counted by model, "alarms" which alarms there are (all three with
 * poll.cloudwatch), "quotas" the tokens a minute of the account (once a day, likewise),
 * "cost_explorer" what was and will be billed (off without cost_tags), "budgets" and "profiles"
 * those. "reconcile" lays what Bedrock counted beside the ledger: calls that only Bedrock knows did
 * not pass tollgate, and make it an error. With nothing to poll or publish it only keeps
 * credentials fresh and knows whose account they are of. */
struct cloud *cloud_start(const struct cloud_options *o, struct err_info *ei);
/* Aborts what runs, lookups of the credentials among it (credentials_abort); at most a second or
 * two. NULL is a no-op. */
void cloud_stop(struct cloud *c);
/* From now on by this configuration, to which a reference is taken; any thread. */
void cloud_reload(struct cloud *c, struct config *config);

enum cloud_state { CLOUD_OFF, CLOUD_WAITING, CLOUD_OK, CLOUD_ERROR };
const char *cloud_state_name(enum cloud_state s); /* "off" "waiting" "ok" "error" */
struct cloud_source {
    const char *name; /* static: "cloudwatch", "publish", ..: see cloud_start */
    enum cloud_state state;
    int64_t at_ms; /* of the last success; 0: none yet */
    int64_t next_ms;
    int64_t period_ms; /* how often it runs when all is well */
    int64_t asked_ms;  /* how often the file wants it to; less where max_usd_per_month stretches */
    money_t usd_per_month; /* of asking that often, or of the metrics published; -1: free */
    char error[256];       /* of the last failure; "" */
    /* Of "publish" and "audit", for ever: entries of the ledger that AWS took; those of them sent
     * once more because no answer came, which may stand with AWS twice; and those it refused for
     * their age. */
    bool sends;
    int64_t sent, repeated, refused;
};
/* One figure that AWS told. */
struct cloud_metric {
    char metric[32], model[128]; /* "InputTokens", Model dimension ("" for all) */
    int64_t sum;                 /* over the last 24 hours, the first one whole */
};
struct cloud_cost {
    char cost_center[129]; /* "" for untagged */
    money_t today, month;  /* UTC, as billed so far: about a day behind */
};
struct cloud_view {
    struct cloud_source sources[12];
    size_t source_count;
    struct cloud_metric *metrics;
    size_t metric_count;
    struct cloud_cost *costs;
    size_t cost_count;
    /* What each source was told last, by its name. Members of
     * "cost_explorer": by_tag, by_model, monthly, forecast, anomalies; of the others: a list of
     * the same name, "models" for "bedrock". */
    json_t *facts;
};
enum err cloud_view(struct cloud *c, struct cloud_view *out) MUST_CHECK; /* a copy; any thread */
void cloud_view_free(struct cloud_view *v);
/* The account whose credentials tollgate has, as STS said; 0: not known (yet). Any thread. */
int64_t cloud_own_account(const struct cloud *c);
/* Publishes what is complete now instead of at the next minute, and polls at once (tests,
 * `:refresh`). */
void cloud_hurry(struct cloud *c);

#endif
