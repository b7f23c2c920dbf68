/* sim_metrics.h: CloudWatch's store: series by namespace, metric and dimensions, a sum a minute. */
#ifndef TOLLGATE_SIM_SIM_METRICS_H
#define TOLLGATE_SIM_SIM_METRICS_H

#include "core/base/buf.h"
#include "core/base/map.h"

#define SIM_SERIES_MAX     4096
#define SIM_MINUTES_MAX    1500 /* a series; the oldest go first */
#define SIM_DIMENSIONS_MAX 30

struct sim_dimension {
    struct str name, value;
};
struct sim_minute {
    int64_t minute; /* since 1970 */
    double sum, count, least, most;
};
struct sim_series {
    struct str space, name;
    struct sim_dimension *dimensions; /* by name */
    size_t dimension_count;
    struct sim_minute *minutes; /* rising */
    size_t minute_count, minute_cap;
    double total; /* of all that was ever added */
    char *texts;  /* memory of space, name and dimensions */
};
struct sim_metrics {
    struct map by_key;
    struct sim_series **list; /* in the order of their first sight */
    size_t count, cap;
};

/* Finds or makes a series; sorts `dimensions`. NULL: the store is full or out of memory. */
struct sim_series *sim_metrics_series(struct sim_metrics *m, struct str space, struct str name,
                                      struct sim_dimension *dimensions, size_t count);
/* The series if it is there. */
struct sim_series *sim_metrics_find(struct sim_metrics *m, struct str space, struct str name,
                                    struct sim_dimension *dimensions, size_t count);
/* False without memory. */
bool sim_metrics_add(struct sim_series *s, int64_t wall_ms, const struct sim_minute *values);
/* One value; s may be NULL. */
void sim_metrics_add_value(struct sim_series *s, int64_t wall_ms, double value);
/* Whether CloudWatch still lists it and finds it: it had data in the last two weeks. */
bool sim_metrics_listed(const struct sim_series *s, int64_t wall_ms);
void sim_metrics_free(struct sim_metrics *m); /* empties */
/* Value of the series' dimension; p NULL when it has none of that name. */
struct str sim_metrics_dimension(const struct sim_series *s, struct str name);

#endif
