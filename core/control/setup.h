/* setup.h: the setup of the account around tollgate (`tollgate aws ..`): runs in the calling
 * process, without a core. */
#ifndef TOLLGATE_CONTROL_SETUP_H
#define TOLLGATE_CONTROL_SETUP_H

#include <jansson.h>

#include "core/config/config.h"

/* Runs the setup command `name` (core/cloud/setup.def) with the configuration's Region and
 * endpoints and the credentials that are found; blocks. params is borrowed and may be NULL; *result
 * is the caller's. Errors are for a person; those of AWS name the IAM action to allow. */
enum err setup_run(struct config *config, const char *name, const json_t *params, json_t **result,
                   struct err_info *ei) MUST_CHECK;

#endif
