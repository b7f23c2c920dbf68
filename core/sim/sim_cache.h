/* sim_cache.h: the simulated models' prompt caches: which prefixes were seen, for how long. */
#ifndef TOLLGATE_SIM_SIM_CACHE_H
#define TOLLGATE_SIM_SIM_CACHE_H

#include "core/sim/sim_ledger.h"
#include "core/sim/sim_prompt.h"

#define SIM_CACHE_SLOTS 4096

/* A slot is chosen by the hash; a newer prefix takes the place of an older one. */
struct sim_cache {
    struct {
        uint64_t hash;
        int64_t until_us;
    } slots[SIM_CACHE_SLOTS];
};
/* Splits the prompt's tokens into read, written and plain input; keeps what was written. */
void sim_cache_split(struct sim_cache *c, const struct sim_prompt *p, struct str model,
                     int64_t now_us, struct sim_usage *out);

#endif
