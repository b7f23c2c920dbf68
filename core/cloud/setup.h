/* setup.h: the commands behind `tollgate aws ..`. Each is a row of setup.def and a function in a
 * setup_*.c. They block and run in a process of their own, never in the core. */
#ifndef TOLLGATE_CLOUD_SETUP_H
#define TOLLGATE_CLOUD_SETUP_H

#include <jansson.h>

#include "core/aws/aws_http.h"
#include "core/config/config.h"

/* What a command works with; borrowed while it runs. */
struct setup {
    struct config *config;
    struct aws_http *http;
    struct credentials *keys; /* NULL only where setup.def says that none are needed */
};
#define SETUP(name, function, needs_keys)                                                          \
    enum err function(struct setup *s, const json_t *params, json_t **result, struct err_info *ei);
#include "core/cloud/setup.def"
#undef SETUP

/* Finds credentials and runs the command. ERR_NOT_FOUND: there is none of that name, or there are
 * no credentials. */
enum err cloud_setup_run(struct config *config, const char *name, const json_t *params,
                         json_t **result, struct err_info *ei) MUST_CHECK;
/* Endpoint and signing Region of a service. */
struct aws_place setup_place(const struct setup *s, enum config_service service);

#endif
