/* cloud_view.c: a copy of what the cloud thread knows. */
#include "core/cloud/cloud_private.h"

#include "core/base/clock.h"

#include <stdlib.h>
#include <string.h>

/* Costs of a day or month that is over are not those of today or this month. */
static void outdate(struct cloud_view *v, const char *day)
{
    char now[11];
    cloud_day(now, clock_wall_ms());
    bool same_month = strncmp(day, now, 7) == 0;
    bool same_day = strcmp(day, now) == 0;
    for (size_t i = 0; i < v->cost_count; i++) {
        v->costs[i].today = same_day ? v->costs[i].today : 0;
        v->costs[i].month = same_month ? v->costs[i].month : 0;
    }
}

enum err cloud_view(struct cloud *c, struct cloud_view *out)
{
    *out = (struct cloud_view){0};
    pthread_mutex_lock(&c->lock);
    const struct cloud_answers *a = &c->answers;
    out->metrics = calloc(a->metric_count + 1, sizeof(a->metrics[0]));
    out->costs = calloc(a->cost_count + 1, sizeof(a->costs[0]));
    bool ok = out->metrics != NULL && out->costs != NULL;
    if (ok) {
        out->source_count = SOURCES;
        memcpy(out->sources, c->sources, sizeof(c->sources));
        out->metric_count = a->metric_count;
        out->cost_count = a->cost_count;
        for (size_t i = 0; i < a->metric_count; i++) {
            out->metrics[i] = a->metrics[i];
        }
        for (size_t i = 0; i < a->cost_count; i++) {
            out->costs[i] = a->costs[i];
        }
        outdate(out, a->day);
        out->facts = json_object();
        for (int i = 0; i < SOURCES; i++) {
            if (c->facts[i] != NULL) {
                (void)json_object_set_new(out->facts, cloud_source_names[i],
                                          json_deep_copy(c->facts[i]));
            }
        }
    }
    pthread_mutex_unlock(&c->lock);
    if (!ok) {
        cloud_view_free(out);
        return ERR_NOMEM;
    }
    return ERR_OK;
}

void cloud_view_free(struct cloud_view *v)
{
    free(v->metrics);
    free(v->costs);
    json_decref(v->facts);
    *v = (struct cloud_view){0};
}
