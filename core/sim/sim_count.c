/* sim_count.c: see sim_count.h. Calls of bedrock-mantle have other metrics than those of
 * bedrock-runtime. */
#include "core/sim/sim_count.h"

#include "core/sim/sim_state.h"

static struct sim_series *bedrock_series(struct sim *s, struct sim_series **kept, const char *name,
                                         const struct sim_model *m)
{
    struct sim_dimension by_model = {STR("ModelId"), str_of(m->id)};

    if (*kept == NULL) {
        *kept = sim_metrics_series(&s->metrics, STR("AWS/Bedrock"), str_of(name), &by_model, 1);
    }
    return *kept;
}

static void add_mantle(struct sim *s, struct sim_place at, const char *name, bool by_project,
                       double value)
{
    struct sim_dimension dimensions[] = {{STR("Model"), str_of(at.model->id)},
                                         {STR("Project"), str_of(at.project->id)}};

    sim_metrics_add_value(sim_metrics_series(&s->metrics, STR("AWS/BedrockMantle"), str_of(name),
                                             dimensions, by_project ? 2 : 1),
                          loop_wall_ms(s->loop), value);
}

void sim_count_refusal(struct sim *s, struct sim_place at, int status)
{
    struct sim_model *m = at.model;
    struct sim_series *series;

    sim_ledger_refuse(&s->ledger, at);
    if (at.project != NULL) {
        if (status < 500) {
            add_mantle(s, at, "InferenceClientErrors", false, 1);
        }
        return;
    }
    if (status == 429) {
        series = bedrock_series(s, &m->throttles, "InvocationThrottles", m);
    } else if (status < 500) {
        series = bedrock_series(s, &m->client_errors, "InvocationClientErrors", m);
    } else {
        series = bedrock_series(s, &m->server_errors, "InvocationServerErrors", m);
    }
    sim_metrics_add_value(series, loop_wall_ms(s->loop), 1);
}

void sim_count_generation(struct sim *s, struct sim_place at, const struct sim_usage *u,
                          int64_t said, double latency_ms)
{
    struct sim_model *m = at.model;
    int64_t now = loop_wall_ms(s->loop), written = sim_usage_written(u);

    if (at.project != NULL) {
        add_mantle(s, at, "Inferences", false, 1);
        add_mantle(s, at, "TotalInputTokens", false, (double)u->input);
        add_mantle(s, at, "TotalOutputTokens", false, (double)said);
        add_mantle(s, at, "InputTokens", true, (double)u->input);
        add_mantle(s, at, "OutputTokens", true, (double)said);
        return;
    }
    sim_metrics_add_value(bedrock_series(s, &m->invocations, "Invocations", m), now, 1);
    sim_metrics_add_value(bedrock_series(s, &m->latency, "InvocationLatency", m), now, latency_ms);
    sim_metrics_add_value(bedrock_series(s, &m->input, "InputTokenCount", m), now,
                          (double)u->input);
    sim_metrics_add_value(bedrock_series(s, &m->output, "OutputTokenCount", m), now, (double)said);
    if (u->cache_read > 0) {
        sim_metrics_add_value(bedrock_series(s, &m->cache_read, "CacheReadInputTokens", m), now,
                              (double)u->cache_read);
    }
    if (written > 0) {
        sim_metrics_add_value(bedrock_series(s, &m->cache_write, "CacheWriteInputTokens", m), now,
                              (double)written);
    }
}
