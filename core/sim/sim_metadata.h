/* sim_metadata.h: what AWS takes as a request's metadata. */
#ifndef TOLLGATE_SIM_SIM_METADATA_H
#define TOLLGATE_SIM_SIM_METADATA_H

#include "core/base/err.h"
#include "core/base/str.h"

#define SIM_METADATA_BYTES 8500

/* An object of 1 to 16 texts, keys of 1 to 256 and values of up to 256 of AWS's characters.
 * ERR_PARSE. */
enum err sim_metadata_check(struct str json, struct err_info *ei) MUST_CHECK;

#endif
