/* sim_search.h: CloudWatch's SEARCH expressions, as far as the simulation knows them:
 * SEARCH('{Namespace,Dim1,Dim2} MetricName="X"', 'Sum', 300), with MetricName=("X" OR "Y") and
 * Dim="value" too. */
#ifndef TOLLGATE_SIM_SIM_SEARCH_H
#define TOLLGATE_SIM_SIM_SEARCH_H

#include "core/sim/sim_metrics.h"

#define SIM_SEARCH_TERMS 32

struct sim_search {
    struct str space;
    struct str dimensions[SIM_DIMENSIONS_MAX];
    size_t dimension_count;
    /* Any of the terms of one key must hold; each key must. */
    struct {
        struct str key, value;
    } terms[SIM_SEARCH_TERMS];
    size_t term_count;
    struct str stat;
    int64_t period;
};
/* Slices point into the expression. False: not understood. */
bool sim_search_parse(struct sim_search *out, struct str expression);
bool sim_search_matches(const struct sim_search *q, const struct sim_series *s);

#endif
