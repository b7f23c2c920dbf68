/* history.c: `history`: what a stretch of the past looked like, for the dashboard's graphs and
 * tables: totals and a series of tokens for each model, cost center and application, and the
 * denials by who and which limit. From the sums by the minute and by the quarter of an hour only,
 * never from single calls, so that a month costs no more than it has sums. */
#include <stdlib.h>

#include "core/base/map.h"
#include "core/control/commands.h"

#define MINUTE_MS  60000LL
#define QUARTER_MS (15 * MINUTE_MS)
#define MINUTES_MS (2 * 60 * MINUTE_MS) /* sums by the minute are there for at least so long */
#define STEPS_MAX  60
#define RANGE_MAX  (400LL * 24 * 60 * MINUTE_MS)
#define ROWS_MAX   2000 /* of a table */
#define DENIED_MAX 200
#define NAME_CUT   256

struct row {
    struct totals totals;
    int64_t tokens[STEPS_MAX];
};

struct denied {
    char model[NAME_CUT], cost_center[NAME_CUT], application[NAME_CUT], limit[NAME_CUT];
    int64_t count, last_ms;
};

struct past {
    int64_t since_ms, until_ms, step_ms;
    int steps;
    struct row all;
    struct totals by_step[STEPS_MAX];              /* of all */
    struct map models, cost_centers, applications; /* name -> struct row, owned */
    struct map denied;                             /* -> struct denied, owned */
    bool failed;                                   /* no memory */
    bool cut;                                      /* more names than a table may have */
};

/* --- the question --- */

static int64_t round_down(int64_t ms, int64_t step)
{
    return ms - ms % step;
}

static enum err read_question(const json_t *params, struct past *p, struct err_info *ei)
{
    int64_t now = clock_wall_ms();
    int64_t step = 0;
    const char *text = param_text(params, "step");
    p->since_ms = now - 60 * MINUTE_MS;
    p->until_ms = now;
    enum err e = param_time(params, "since", now, &p->since_ms, ei);
    e = e == ERR_OK ? param_time(params, "until", now, &p->until_ms, ei) : e;
    if (e != ERR_OK) {
        return e;
    }
    if (p->since_ms < 0 || p->until_ms <= p->since_ms || p->until_ms - p->since_ms > RANGE_MAX) {
        return err_set(ei, ERR_RANGE, "until must be later than since, by at most 400 days");
    }
    if (text && !config_duration_parse(str_of(text), &step)) {
        return err_set(ei, ERR_PARSE, "step '%.40s': a duration such as 1m, 15m, 12h", text);
    }
    int64_t least = (p->until_ms - p->since_ms + STEPS_MAX - 1) / STEPS_MAX;
    int64_t grain = p->since_ms >= now - MINUTES_MS ? MINUTE_MS : QUARTER_MS;
    step = step > least ? step : least;
    p->step_ms = (step + grain - 1) / grain * grain;
    /* Whole steps: the edges would have to be picked from single calls. */
    p->since_ms = round_down(p->since_ms, grain);
    p->until_ms = round_down(p->until_ms + grain - 1, grain);
    p->steps = (int)((p->until_ms - p->since_ms + p->step_ms - 1) / p->step_ms);
    if (p->steps > STEPS_MAX) { /* rounding made one too many: the oldest goes */
        p->steps = STEPS_MAX;
        p->since_ms = p->until_ms - p->steps * p->step_ms;
    }
    return ERR_OK;
}

/* --- adding up --- */

static void add(struct row *r, int step, const struct totals *t)
{
    totals_add(&r->totals, t);
    r->tokens[step] +=
        t->input_tokens + t->output_tokens + t->cache_read_tokens + t->cache_write_tokens;
}

static void *entry_of(struct past *p, struct map *m, struct str key, size_t size, size_t most)
{
    void *entry = map_get(m, key);
    if (entry) {
        return entry;
    }
    if (m->count >= most) {
        p->cut = true;
        return NULL;
    }
    entry = calloc(1, size);
    if (!entry || !map_set(m, key, entry, NULL)) {
        free(entry);
        p->failed = true;
        return NULL;
    }
    return entry;
}

static void add_named(struct past *p, struct map *m, struct str name, int step,
                      const struct totals *t)
{
    struct row *r = name.n > 0 ? entry_of(p, m, name, sizeof(*r), ROWS_MAX) : NULL;
    if (r) {
        add(r, step, t);
    }
}

static void add_denied(struct past *p, const struct ledger_row *row)
{
    struct buf key = {.data = NULL};
    for (size_t i = 0; i < 4; i++) {
        (void)buf_add_str(&key, row->key[i]);
        (void)buf_append(&key, "\0", 1);
    }
    struct denied *d = entry_of(p, &p->denied, buf_str(&key), sizeof(*d), DENIED_MAX);
    if (d && d->count == 0) {
        (void)str_copy(d->model, sizeof(d->model), row->key[0]);
        (void)str_copy(d->cost_center, sizeof(d->cost_center), row->key[1]);
        (void)str_copy(d->application, sizeof(d->application), row->key[2]);
        (void)str_copy(d->limit, sizeof(d->limit), row->key[3]);
    }
    if (d) {
        d->count += row->totals.denied;
        d->last_ms = row->bucket_ms > d->last_ms ? row->bucket_ms : d->last_ms;
    }
    buf_free(&key);
}

static bool on_row(void *arg, const struct ledger_row *row)
{
    struct past *p = arg;
    int64_t step = (row->bucket_ms - p->since_ms) / p->step_ms;
    if (step < 0 || step >= p->steps) {
        return true;
    }
    add(&p->all, (int)step, &row->totals);
    totals_add(&p->by_step[step], &row->totals);
    add_named(p, &p->models, row->key[0], (int)step, &row->totals);
    add_named(p, &p->cost_centers, row->key[1], (int)step, &row->totals);
    add_named(p, &p->applications, row->key[2], (int)step, &row->totals);
    if (row->totals.denied > 0) {
        add_denied(p, row);
    }
    return !p->failed;
}

/* --- the answer --- */

static json_t *series_json(const struct past *p, const struct row *r)
{
    json_t *series = json_array();
    for (int i = 0; i < p->steps; i++) {
        (void)json_array_append_new(series, json_integer(r->tokens[i]));
    }
    return series;
}

static json_t *row_json(const struct past *p, const struct row *r)
{
    json_t *o = json_object();
    snapshot_totals(o, &r->totals);
    (void)json_object_del(o, "open");
    (void)json_object_set_new(o, "series", series_json(p, r));
    return o;
}

/* Of all calls there is a series of each figure a limit may count. */
static json_t *totals_json(const struct past *p)
{
    json_t *o = row_json(p, &p->all);
    json_t *usd = json_array();
    json_t *approved = json_array();
    json_t *input = json_array();
    json_t *output = json_array();
    for (int i = 0; i < p->steps; i++) {
        const struct totals *t = &p->by_step[i];
        (void)json_array_append_new(usd, json_money(t->usd));
        (void)json_array_append_new(approved, json_integer(t->approved));
        (void)json_array_append_new(input, json_integer(t->input_tokens));
        (void)json_array_append_new(output, json_integer(t->output_tokens));
    }
    (void)json_object_set_new(o, "usd_series", usd);
    (void)json_object_set_new(o, "approved_series", approved);
    (void)json_object_set_new(o, "input_tokens_series", input);
    (void)json_object_set_new(o, "output_tokens_series", output);
    return o;
}

static json_t *table_json(const struct past *p, const struct map *m)
{
    size_t at = 0;
    struct str name;
    void *value;
    json_t *out = json_array();
    while (map_next(m, &at, &name, &value)) {
        json_t *o = row_json(p, value);
        (void)json_object_set_new(o, "name", json_str(name));
        (void)json_array_append_new(out, o);
    }
    return out;
}

static json_t *denied_json(const struct past *p)
{
    size_t at = 0;
    struct str name;
    void *value;
    json_t *out = json_array();
    while (map_next(&p->denied, &at, &name, &value)) {
        const struct denied *d = value;
        (void)json_array_append_new(
            out, json_pack("{s:o, s:o, s:o, s:o, s:o, s:I}", "time", json_time(d->last_ms), "limit",
                           json_str(str_of(d->limit)), "model", json_str(str_of(d->model)),
                           "cost_center", json_str(str_of(d->cost_center)), "application",
                           json_str(str_of(d->application)), "count", (json_int_t)d->count));
    }
    return out;
}

static void past_free(struct past *p)
{
    map_free(&p->models, free);
    map_free(&p->cost_centers, free);
    map_free(&p->applications, free);
    map_free(&p->denied, free);
    free(p);
}

enum err run_history(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                     struct err_info *ei)
{
    (void)a;
    struct past *p = calloc(1, sizeof(*p));
    if (!p) {
        return err_set(ei, ERR_NOMEM, "no memory for the past");
    }
    enum err e = read_question(params, p, ei);
    if (e == ERR_OK) {
        struct ledger_query q = {.since_ms = p->since_ms,
                                 .until_ms = p->until_ms,
                                 .bucket_ms = p->step_ms,
                                 .by = {"model", "costCenter", "applicationId", "limit"},
                                 .by_count = 4};
        q.where_count = param_where(params, q.where);
        e = ledger_sum(c->ledger, &q, on_row, p, ei);
    }
    if (e == ERR_OK && p->failed) {
        e = err_set(ei, ERR_NOMEM, "no memory for the past");
    }
    if (e == ERR_OK) {
        *result =
            json_pack("{s:i, s:o, s:o, s:I, s:b, s:o, s:o, s:o, s:o, s:o}", "version", 1, "since",
                      json_time(p->since_ms), "until", json_time(p->until_ms), "step_ms",
                      (json_int_t)p->step_ms, "cut", p->cut, "totals", totals_json(p), "models",
                      table_json(p, &p->models), "cost_centers", table_json(p, &p->cost_centers),
                      "applications", table_json(p, &p->applications), "denied", denied_json(p));
        e = *result ? ERR_OK : err_set(ei, ERR_NOMEM, "no memory for the past");
    }
    past_free(p);
    return e;
}
