/* sim_profiles.h: inference profiles of the simulated account, as a test sets them:
 * {"profiles":[{"arn":..,"id":..,"name":..,"models":[id or ARN,..],"tags":{"costCenter":"x"}}]}. */
#ifndef TOLLGATE_SIM_SIM_PROFILES_H
#define TOLLGATE_SIM_SIM_PROFILES_H

#include "core/base/err.h"
#include "core/base/str.h"

#include <jansson.h>

#define SIM_PROFILES_MAX 2000

/* A checked copy of an array of them; tags may be [{"key","value"}] too. NULL: ERR_PARSE in ei. */
json_t *sim_profiles_parse(struct str json, struct err_info *ei);
/* By ID or ARN; borrowed. NULL: none. */
const json_t *sim_profiles_find(const json_t *profiles, struct str name);
/* Its first model's ID; empty when there is none. */
struct str sim_profiles_model(const json_t *profile);

#endif
