/* sim_cache.c: see sim_cache.h. */
#include "core/sim/sim_cache.h"

#define MINUTE_US 60000000LL

void sim_cache_split(struct sim_cache *c, const struct sim_prompt *p, struct str model,
                     int64_t now_us, struct sim_usage *out)
{
    uint64_t model_hash = map_hash(model.p, model.n);
    int64_t cached = 0, seen = 0;

    *out = (struct sim_usage){0};
    for (size_t i = 0; i < p->point_count; i++) {
        const struct sim_cache_point *point = &p->points[i];
        uint64_t hash = point->hash ^ model_hash;
        size_t at = hash % SIM_CACHE_SLOTS;
        if (c->slots[at].hash == hash && c->slots[at].until_us > now_us) {
            cached = point->tokens;
        }
        c->slots[at].hash = hash;
        c->slots[at].until_us = now_us + (point->hour ? 60 : 5) * MINUTE_US;
    }
    seen = cached;
    for (size_t i = 0; i < p->point_count; i++) {
        const struct sim_cache_point *point = &p->points[i];
        if (point->tokens > seen && !point->automatic) {
            int64_t *written = point->hour ? &out->cache_write_1h : &out->cache_write_5m;
            *written += point->tokens - seen;
            seen = point->tokens;
        }
    }
    out->cache_read = cached;
    out->input = p->tokens - seen;
}
