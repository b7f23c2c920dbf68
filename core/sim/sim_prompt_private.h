/* sim_prompt_private.h: between sim_prompt.c (parts of prompts) and sim_prompt_forms.c (which
 * members each API's body has). Each reads one value. */
#ifndef TOLLGATE_SIM_SIM_PROMPT_PRIVATE_H
#define TOLLGATE_SIM_SIM_PROMPT_PRIVATE_H

#include "core/base/json_scan.h"
#include "core/sim/sim_prompt.h"

typedef enum err sim_prompt_reader(struct sim_prompt *p, struct scan *s, struct err_info *ei);

sim_prompt_reader sim_prompt_messages;    /* array of messages */
sim_prompt_reader sim_prompt_single;      /* one text instead of messages */
sim_prompt_reader sim_prompt_singles;     /* array of such texts */
sim_prompt_reader sim_prompt_input;       /* a text, or an array of messages and other items */
sim_prompt_reader sim_prompt_system;      /* a text or blocks */
sim_prompt_reader sim_prompt_tools;       /* array of tools */
sim_prompt_reader sim_prompt_tool_config; /* {"tools":[..]} */

#endif
