/* sim_openai.h: OpenAI's paths, which bedrock-runtime and bedrock-mantle share. */
#ifndef TOLLGATE_SIM_SIM_OPENAI_H
#define TOLLGATE_SIM_SIM_OPENAI_H

#include "core/sim/sim_refuse.h"

/* Answers a request for what stands behind "/v1/". */
void sim_openai_handle(struct sim_connection *c, const struct sim_request *r, struct str operation,
                       bool mantle);

/* The project of a call of bedrock-mantle as its header says it, or "default". False: it is not
 * known, and that was answered. */
bool sim_openai_project(struct sim_connection *c, const struct sim_request *r,
                        enum sim_tongue tongue, struct str *out);
/* Answers that there is no such model. */
void sim_openai_refuse_model(struct sim_connection *c, enum sim_tongue tongue, struct str model);

#endif
