/* sim_count.h: calls in the ledger and in AWS's own metrics. */
#ifndef TOLLGATE_SIM_SIM_COUNT_H
#define TOLLGATE_SIM_SIM_COUNT_H

#include "core/sim/sim_ledger.h"

struct sim;

/* A call that was begun and answered with an error of that status. */
void sim_count_refusal(struct sim *s, struct sim_place at, int status);
/* AWS's metrics of a call that generated `said` tokens, whether or not the client saw the end. */
void sim_count_generation(struct sim *s, struct sim_place at, const struct sim_usage *u,
                          int64_t said, double latency_ms);

#endif
