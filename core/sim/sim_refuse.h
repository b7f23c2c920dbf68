/* sim_refuse.h: errors as each of AWS's inference APIs says them. */
#ifndef TOLLGATE_SIM_SIM_REFUSE_H
#define TOLLGATE_SIM_SIM_REFUSE_H

#include "core/config/config.h"
#include "core/sim/sim_http.h"

enum sim_tongue { SIM_TONGUE_AWS, SIM_TONGUE_OPENAI, SIM_TONGUE_ANTHROPIC };

/* Which one the path of an inference service speaks. */
enum sim_tongue sim_tongue_of(enum config_service service, struct str path);
/* `type` is AWS's name of the error; the others' names follow from it. A 403 is their 401. */
void sim_refuse(struct sim_connection *c, enum sim_tongue tongue, int status, const char *type,
                const char *message);

#endif
