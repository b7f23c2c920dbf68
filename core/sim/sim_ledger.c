/* sim_ledger.c: see sim_ledger.h. */
#include "core/sim/sim_ledger.h"

#include <stdlib.h>

int64_t sim_usage_written(const struct sim_usage *u)
{
    return u->cache_write_5m + u->cache_write_1h;
}

struct sim_model *sim_ledger_model(struct sim_ledger *l, struct str id)
{
    struct sim_model *m = map_get(&l->models, id);

    if (m == NULL && l->models.count >= SIM_MODELS_MAX) {
        id = STR("other");
        m = map_get(&l->models, id);
    }
    if (m != NULL) {
        return m;
    }
    m = calloc(1, sizeof *m);
    if (m == NULL) {
        return NULL;
    }
    m->id = str_dup(id);
    if (m->id == NULL || !map_set(&l->models, id, m, NULL)) {
        free(m->id);
        free(m);
        return NULL;
    }
    return m;
}

struct sim_project *sim_ledger_project(struct sim_ledger *l, struct str id)
{
    struct sim_project *p = map_get(&l->projects, id);

    if (p == NULL && l->projects.count >= SIM_PROJECTS_MAX) {
        id = STR("other");
        p = map_get(&l->projects, id);
    }
    if (p != NULL) {
        return p;
    }
    p = calloc(1, sizeof *p);
    if (p == NULL) {
        return NULL;
    }
    p->id = str_dup(id);
    if (p->id == NULL || !map_set(&l->projects, id, p, NULL)) {
        free(p->id);
        free(p);
        return NULL;
    }
    return p;
}

static void free_model(void *value)
{
    struct sim_model *m = value;

    free(m->id);
    free(m);
}

static void free_project(void *value)
{
    struct sim_project *p = value;

    free(p->id);
    free(p);
}

void sim_ledger_reset(struct sim_ledger *l)
{
    uint32_t epoch = l->epoch + 1;

    map_free(&l->models, free_model);
    map_free(&l->projects, free_project);
    sim_noted_free(&l->noted);
    *l = (struct sim_ledger){.epoch = epoch};
}

/* --- counting --- */

#define TALLIES 3

/* The tallies a call counts in, and how many they are. */
static size_t tallies_of(struct sim_ledger *l, struct sim_place at, struct sim_tally *out[TALLIES])
{
    out[0] = &l->total;
    out[1] = &at.model->tally;
    if (at.project == NULL) {
        return 2;
    }
    out[2] = &at.project->tally;
    return TALLIES;
}

void sim_ledger_begin(struct sim_ledger *l, struct sim_place at)
{
    struct sim_tally *all[TALLIES];
    size_t n = tallies_of(l, at, all);

    for (size_t i = 0; i < n; i++) {
        all[i]->calls++;
        all[i]->running++;
    }
}

void sim_ledger_refuse(struct sim_ledger *l, struct sim_place at)
{
    struct sim_tally *all[TALLIES];
    size_t n = tallies_of(l, at, all);

    for (size_t i = 0; i < n; i++) {
        all[i]->running--;
        all[i]->refused++;
    }
}

void sim_ledger_abort(struct sim_ledger *l, struct sim_place at)
{
    struct sim_tally *all[TALLIES];
    size_t n = tallies_of(l, at, all);

    for (size_t i = 0; i < n; i++) {
        all[i]->running--;
        all[i]->aborted++;
    }
}

void sim_ledger_complete(struct sim_ledger *l, struct sim_place at, const struct sim_usage *u)
{
    struct sim_tally *all[TALLIES];
    size_t n = tallies_of(l, at, all);

    for (size_t i = 0; i < n; i++) {
        all[i]->running--;
        all[i]->completed++;
        all[i]->input_tokens += u->input;
        all[i]->output_tokens += u->output;
        all[i]->cache_read_tokens += u->cache_read;
        all[i]->cache_write_5m_tokens += u->cache_write_5m;
        all[i]->cache_write_1h_tokens += u->cache_write_1h;
    }
}

void sim_ledger_deliver(struct sim_ledger *l, struct sim_place at, int64_t tokens)
{
    struct sim_tally *all[TALLIES];
    size_t n = tallies_of(l, at, all);

    for (size_t i = 0; i < n; i++) {
        all[i]->delivered_output_tokens += tokens;
    }
}

/* --- telling --- */

static void print_tally(const struct sim_tally *t, struct buf *out)
{
    int64_t written = t->cache_write_5m_tokens + t->cache_write_1h_tokens;

    buf_printf(out,
               "\"calls\":%lld,\"running\":%lld,\"completed\":%lld,\"aborted\":%lld,"
               "\"refused\":%lld,\"input_tokens\":%lld,\"output_tokens\":%lld,"
               "\"cache_read_tokens\":%lld,\"cache_write_tokens\":%lld,"
               "\"cache_write_5m_tokens\":%lld,\"cache_write_1h_tokens\":%lld,"
               "\"delivered_output_tokens\":%lld",
               (long long)t->calls, (long long)t->running, (long long)t->completed,
               (long long)t->aborted, (long long)t->refused, (long long)t->input_tokens,
               (long long)t->output_tokens, (long long)t->cache_read_tokens, (long long)written,
               (long long)t->cache_write_5m_tokens, (long long)t->cache_write_1h_tokens,
               (long long)t->delivered_output_tokens);
}

static void print_models(const struct sim_ledger *l, struct buf *out)
{
    size_t at = 0;
    struct str id;
    void *value;
    const char *comma = "";

    buf_add(out, ",\"by_model\":{");
    while (map_next(&l->models, &at, &id, &value)) {
        const struct sim_model *m = value;
        buf_add(out, comma);
        buf_json_string(out, id);
        buf_add(out, ":{");
        print_tally(&m->tally, out);
        buf_add(out, "}");
        comma = ",";
    }
    buf_add(out, "}");
}

static void print_projects(const struct sim_ledger *l, struct buf *out)
{
    size_t at = 0;
    struct str id;
    void *value;
    const char *comma = "";

    buf_add(out, ",\"by_project\":{");
    while (map_next(&l->projects, &at, &id, &value)) {
        const struct sim_project *p = value;
        buf_add(out, comma);
        buf_json_string(out, id);
        buf_add(out, ":{");
        print_tally(&p->tally, out);
        buf_add(out, "}");
        comma = ",";
    }
    buf_add(out, "}");
}

/* "namespace/metric/Name=value,Name=value": sum. */
static void print_series(const struct sim_series *s, struct buf *name, struct buf *out)
{
    buf_clear(name);
    buf_add_str(name, s->space);
    buf_add(name, "/");
    buf_add_str(name, s->name);
    buf_add(name, "/");
    for (size_t i = 0; i < s->dimension_count; i++) {
        buf_add(name, i > 0 ? "," : "");
        buf_add_str(name, s->dimensions[i].name);
        buf_add(name, "=");
        buf_add_str(name, s->dimensions[i].value);
    }
    buf_json_string(out, buf_str(name));
    buf_printf(out, ":%.17g", s->total);
}

void sim_ledger_print(const struct sim_ledger *l, const struct sim_metrics *m,
                      const struct sim_logs *logs, const struct sim_sessions *sessions,
                      struct buf *out)
{
    struct buf name = {0};

    buf_add(out, "{");
    print_tally(&l->total, out);
    buf_printf(out,
               ",\"signature_failures\":%lld,\"put_metric_calls\":%lld,\"get_metric_calls\":%lld,"
               "\"list_metric_calls\":%lld,\"ce_calls\":%lld,\"sts_calls\":%lld,"
               "\"assume_role_calls\":%lld,\"control_calls\":%lld,\"logs_calls\":%lld",
               (long long)l->signature_failures, (long long)l->put_metric_calls,
               (long long)l->get_metric_calls, (long long)l->list_metric_calls,
               (long long)l->ce_calls, (long long)l->sts_calls, (long long)l->assume_role_calls,
               (long long)l->control_calls, (long long)l->logs_calls);
    buf_add(out, ",\"logs\":");
    sim_logs_print(logs, out);
    print_models(l, out);
    print_projects(l, out);
    sim_noted_print(&l->noted, out);
    sim_sessions_print(sessions, out);
    buf_add(out, ",\"metrics\":{");
    for (size_t i = 0; i < m->count; i++) {
        buf_add(out, i > 0 ? "," : "");
        print_series(m->list[i], &name, out);
    }
    buf_add(out, "}}");
    buf_free(&name);
}
