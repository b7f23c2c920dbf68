/* sim_cloudwatch.h: between the files of the simulated CloudWatch. Each answers the request. */
#ifndef TOLLGATE_SIM_SIM_CLOUDWATCH_H
#define TOLLGATE_SIM_SIM_CLOUDWATCH_H

#include "core/sim/sim_json.h"

void sim_cloudwatch_put(struct sim_connection *c, const json_t *root, size_t body_n);
void sim_cloudwatch_get(struct sim_connection *c, const json_t *root);

#endif
