/* sim_call.h: the course of one call of a model, whatever API it came by. */
#ifndef TOLLGATE_SIM_SIM_CALL_H
#define TOLLGATE_SIM_SIM_CALL_H

#include "core/sim/sim_generation.h"

struct sim_call {
    const struct sim_request *request;
    struct str model;    /* as named, decoded */
    struct str metadata; /* a JSON object, or empty */
    struct str project;  /* empty: not a call of bedrock-mantle */
    struct str tier;     /* or empty */
    enum sim_tongue tongue;
    enum sim_wire wire;
    bool stream;
    const struct sim_prompt *prompt;
};
/* Notes, counts and answers the call; `problem` (or NULL) is why its body is refused. */
void sim_call_run(struct sim_connection *c, const struct sim_call *call, const char *problem);
/* Notes a request in the ledger's last_requests only. */
void sim_call_note(struct sim_connection *c, const struct sim_call *call);

#endif
