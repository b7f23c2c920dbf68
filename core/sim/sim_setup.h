/* sim_setup.h: what stands in the simulated account besides models and metrics: budgets, anomalies,
 * alarms, cost tags, projects, exports, prices. Lists by name in one JSON object, which a test may
 * replace with POST /_sim/config {"setup":{"budgets":[..]}}. */
#ifndef TOLLGATE_SIM_SIM_SETUP_H
#define TOLLGATE_SIM_SIM_SETUP_H

#include "core/sim/sim_json.h"

/* The lists' names. "logging" holds one object when invocations are logged, none when not. */
#define SIM_SETUP_LISTS                                                                            \
    "budgets", "anomalies", "monitors", "subscriptions", "alarms", "cost_tags", "backfills",       \
        "projects", "exports", "prices", "logging", "quotas"

/* The account as it is at start; NULL without memory. */
json_t *sim_setup_new(int64_t now_ms);
/* Replaces the lists that a JSON object names. ERR_PARSE: something else is in it. */
enum err sim_setup_apply(json_t *setup, struct str json, struct err_info *ei) MUST_CHECK;
/* Borrowed; an empty list is made where none is. NULL without memory. */
json_t *sim_setup_list(const struct sim_connection *c, const char *name);
/* A member's text; "" when it has none. */
const char *sim_setup_text(const json_t *o, const char *key);
/* Whether a text is one of the words of " A B ". */
bool sim_setup_one_of(const char *text, const char *words);
/* The element whose member is that text; NULL: none. */
json_t *sim_setup_find(const json_t *list, const char *member, const char *text);

/* How a list is asked for page by page. */
struct sim_paging {
    const char *list;  /* member of the answer */
    const char *token; /* "NextToken", both ways */
    const char *most;  /* "MaxResults" */
    int64_t limit;     /* of that */
};
/* Answers with the page of `all` that the request asks for. Takes all. */
void sim_setup_answer(struct sim_connection *c, const json_t *root, const struct sim_paging *p,
                      json_t *all);

/* The quotas of an account at start. */
json_t *sim_quotas_new(void);

/* Operations that stand in files of their own; false: none of theirs. */
bool sim_anomalies_handle(struct sim_connection *c, struct str operation, const json_t *root);
bool sim_cost_tags_handle(struct sim_connection *c, struct str operation, const json_t *root);
bool sim_alarms_handle(struct sim_connection *c, struct str operation, const json_t *root);
/* REST: whether the request was theirs, and is answered. */
bool sim_profiles_change(struct sim_connection *c, const struct sim_request *r);
bool sim_projects_handle(struct sim_connection *c, const struct sim_request *r);

#endif
