/* sim_ledger.h: the simulation's own count of what it served, to compare others' counts with. */
#ifndef TOLLGATE_SIM_SIM_LEDGER_H
#define TOLLGATE_SIM_SIM_LEDGER_H

#include "core/base/map.h"
#include "core/sim/sim_logs.h"
#include "core/sim/sim_metrics.h"
#include "core/sim/sim_noted.h"
#include "core/sim/sim_sessions.h"

#define SIM_MODELS_MAX   256
#define SIM_PROJECTS_MAX 256

/* calls = running + completed + aborted + refused. */
struct sim_tally {
    int64_t calls, running;
    int64_t completed; /* usage was told and all of the answer was written */
    int64_t aborted;   /* began to generate, did not complete */
    int64_t refused;   /* answered with an error */
    /* Of the completed ones: */
    int64_t input_tokens, output_tokens, cache_read_tokens;
    int64_t cache_write_5m_tokens, cache_write_1h_tokens;
    int64_t delivered_output_tokens; /* written to a socket, of aborted ones too */
};

struct sim_usage {
    int64_t input, output, cache_read, cache_write_5m, cache_write_1h;
};

int64_t sim_usage_written(const struct sim_usage *u); /* to the cache, for either time */

struct sim_model {
    char *id;
    struct sim_tally tally;
    /* AWS/Bedrock series by ModelId, found once; NULL: not yet, or the store is full. */
    struct sim_series *invocations, *input, *output, *cache_read, *cache_write, *latency,
        *client_errors, *server_errors, *throttles;
};

struct sim_project {
    char *id;
    struct sim_tally tally;
};

/* Where one call counts, besides in the total. */
struct sim_place {
    struct sim_model *model;
    struct sim_project *project; /* NULL: not a call of bedrock-mantle */
};

struct sim_ledger {
    struct sim_tally total;
    struct map models;   /* struct sim_model */
    struct map projects; /* struct sim_project */
    int64_t signature_failures, put_metric_calls, get_metric_calls, list_metric_calls, ce_calls,
        sts_calls, assume_role_calls, control_calls, logs_calls;
    struct sim_noted noted;
    uint32_t epoch; /* grows with each reset: calls of an earlier one are no longer counted */
};

/* The model's entry, made at first sight; NULL without memory. Beyond SIM_MODELS_MAX: "other". */
struct sim_model *sim_ledger_model(struct sim_ledger *l, struct str id);
/* The same for a project. */
struct sim_project *sim_ledger_project(struct sim_ledger *l, struct str id);
void sim_ledger_reset(struct sim_ledger *l);
/* Appends the ledger, the metrics' sums, how many log events there are and the sessions' calls as
 * JSON. */
void sim_ledger_print(const struct sim_ledger *l, const struct sim_metrics *m,
                      const struct sim_logs *logs, const struct sim_sessions *sessions,
                      struct buf *out);

/* One call's course: begun, then exactly one of refused, completed, aborted. */
void sim_ledger_begin(struct sim_ledger *l, struct sim_place at);
void sim_ledger_refuse(struct sim_ledger *l, struct sim_place at);
void sim_ledger_abort(struct sim_ledger *l, struct sim_place at);
void sim_ledger_complete(struct sim_ledger *l, struct sim_place at, const struct sim_usage *u);
void sim_ledger_deliver(struct sim_ledger *l, struct sim_place at, int64_t tokens);

#endif
