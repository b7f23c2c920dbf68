/* sim_family.h: from a model ID to what its family's bodies look like. */
#ifndef TOLLGATE_SIM_SIM_FAMILY_H
#define TOLLGATE_SIM_SIM_FAMILY_H

#include "core/sim/sim_prompt.h"

/* Whether bedrock-runtime knows the ID (of a model or geographic profile) or ARN. */
bool sim_family_known(struct str id);
/* Whether bedrock-mantle does: no geography, no version behind a colon. */
bool sim_family_known_to_mantle(struct str id);
/* The form of InvokeModel's bodies for an ID or ARN; SIM_FORMS: not to be told from it. */
enum sim_form sim_family_form(struct str id);
/* A guess by the body's members, for profiles whose model is not known. */
enum sim_form sim_family_guess(struct str body);

#endif
