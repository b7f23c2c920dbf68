/* setup.c: see setup.h; the work is the cloud room's. */
#include "core/control/setup.h"

#include "core/cloud/setup.h"

enum err setup_run(struct config *config, const char *name, const json_t *params, json_t **result,
                   struct err_info *ei)
{
    *result = NULL;
    return cloud_setup_run(config, name, params, result, ei);
}
