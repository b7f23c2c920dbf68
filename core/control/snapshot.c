/* snapshot.c: everything as it is now: for `status`, and wider for the dashboard. */
#include <string.h>
#include <unistd.h>

#include "core/control/burn.h"
#include "core/control/notify.h"
#include "core/control/snapshot_private.h"

#define QUARTER_MS (15 * 60000LL)
#define DAY_MS     (24 * 3600000LL)

static void put(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value ? value : json_null());
}

/* --- totals --- */

struct open_calls {
    int64_t all;
    struct stat_table models, cost_centers, applications; /* day.open holds the count */
};

static void count_open(struct stat_table *t, struct str name)
{
    struct stat_row *r = name.n > 0 ? stats_row(t, name) : NULL;
    if (r) {
        r->day.open++;
    }
}

static void on_open_call(void *arg, const struct proxy_open_call *call)
{
    struct open_calls *o = arg;
    o->all++;
    count_open(&o->models, str_of(call->model));
    count_open(&o->cost_centers, tags_get(call->tags, "costCenter"));
    count_open(&o->applications, tags_get(call->tags, "applicationId"));
}

static void reset_open(struct stat_table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        t->rows[i]->day.open = 0;
    }
}

/* Fills `open` of every row from the calls that run now. */
static void sample_open(struct core *c)
{
    struct stats *s = c->stats;
    struct open_calls o = {.all = 0,
                           .models = s->models,
                           .cost_centers = s->cost_centers,
                           .applications = s->applications};
    reset_open(&o.models);
    reset_open(&o.cost_centers);
    reset_open(&o.applications);
    if (c->proxy) {
        proxy_open_calls(c->proxy, on_open_call, &o);
    }
    s->models = o.models;
    s->cost_centers = o.cost_centers;
    s->applications = o.applications;
    s->all.day.open = o.all;
}

void snapshot_totals(json_t *o, const struct totals *t)
{
    put(o, "requests", json_integer(t->requests));
    put(o, "approved", json_integer(t->approved));
    put(o, "failed", json_integer(t->failed));
    put(o, "denied", json_integer(t->denied));
    put(o, "rejected", json_integer(t->rejected));
    put(o, "input_tokens", json_integer(t->input_tokens));
    put(o, "output_tokens", json_integer(t->output_tokens));
    put(o, "cache_read_tokens", json_integer(t->cache_read_tokens));
    put(o, "cache_write_tokens", json_integer(t->cache_write_tokens));
    put(o, "usd", json_money(t->usd));
    put(o, "unpriced", json_integer(t->unpriced));
    put(o, "estimated", json_integer(t->estimated));
    put(o, "open", json_integer(t->open));
}

static json_t *model_json(struct core *c, const struct model *m, const struct stat_row *r,
                          const struct limits_view *v)
{
    const struct totals none = {.requests = 0};
    const char *name = m ? m->name : r->name;
    struct resolved resolved = {.model = NULL};
    struct price price;
    bool known = catalog_resolve(c->catalog, str_of(name), &resolved, NULL) == ERR_OK;
    json_t *o = json_object();
    put(o, "name", json_string(name));
    put(o, "id", m ? json_string(catalog_display_id(c->catalog, m)) : json_string(r->name));
    put(o, "priced",
        json_boolean(known && catalog_price(c->catalog, &resolved, clock_wall_ms(), &price)));
    put(o, "tokens_per_minute", json_integer(r ? stats_tokens_per_minute(c->stats, r) : 0));
    snapshot_totals(o, r ? &r->day : &none);
    if (v) {
        int64_t series[15] = {0};
        json_t *points = json_array();
        if (r) {
            stats_series(c->stats, r, series);
        }
        for (size_t i = 0; i < 15; i++) {
            (void)json_array_append_new(points, json_integer(series[i]));
        }
        put(o, "series", points);
        put(o, "usd_per_hour", json_money(r ? stats_usd_per_hour(c->stats, r) : 0));
        put(o, "limit", snapshot_fullest(c, v, m));
    }
    return o;
}

static struct stat_row *find_row(const struct stat_table *t, const char *name)
{
    for (size_t i = 0; i < t->count; i++) {
        if (strcmp(t->rows[i]->name, name) == 0) {
            return t->rows[i];
        }
    }
    return NULL;
}

/* v NULL: only what `status` has. Models of the file first, then what else was called. */
static json_t *models_json(struct core *c, const struct limits_view *v)
{
    json_t *out = json_array();
    size_t n = catalog_count(c->catalog);
    for (size_t i = 0; i < n; i++) {
        const struct model *m = catalog_at(c->catalog, i);
        (void)json_array_append_new(out, model_json(c, m, find_row(&c->stats->models, m->name), v));
    }
    for (size_t i = 0; i < c->stats->models.count; i++) {
        const struct stat_row *r = c->stats->models.rows[i];
        const struct model *m = catalog_find(c->catalog, str_of(r->name));
        bool listed = false;
        for (size_t k = 0; k < n && m && !listed; k++) {
            listed = catalog_at(c->catalog, k) == m;
        }
        if (!listed && (r->day.requests > 0 || r->day.rejected > 0 || r->day.open > 0)) {
            (void)json_array_append_new(out, model_json(c, m, r, v));
        }
    }
    return out;
}

/* Seen before, but not in the last 24 hours nor in this month. */
static bool is_past(const struct stat_row *r)
{
    return r->day.requests == 0 && r->day.rejected == 0 && r->day.open == 0 && r->month == 0;
}

/* What the month will have cost if it goes on as it went since it began, or since the first call;
 * null on its first day, and of a ledger younger than a quarter of an hour. */
static json_t *forecast_json(const struct stats *s, money_t month, int64_t start, int64_t end)
{
    int64_t covered = stats_month_covered(s, start);
    if (s->now_ms - start <= DAY_MS || covered < QUARTER_MS) {
        return json_null();
    }
    double times = 1 + (double)(end - s->now_ms) / (double)covered;
    return json_real((double)month / (double)MONEY_DOLLAR * times);
}

static json_t *named_json(struct core *c, const struct stat_table *t, const char *key,
                          const struct limits_view *v)
{
    json_t *out = json_array();
    int64_t now = clock_wall_ms(), start, end;
    stats_month(c, now, &start, &end);
    for (size_t i = 0; i < t->count; i++) {
        const struct stat_row *r = t->rows[i];
        if (is_past(r)) {
            continue;
        }
        json_t *o = json_object();
        put(o, "name", json_string(r->name));
        snapshot_totals(o, &r->day);
        put(o, "today_usd", json_money(r->today));
        put(o, "month_usd", json_money(r->month));
        put(o, "month_forecast_usd", forecast_json(c->stats, r->month, start, end));
        if (v) {
            put(o, "budget_usd", snapshot_budget(v, key, r->name));
            put(o, "usd_per_hour", json_money(stats_usd_per_hour(c->stats, r)));
        }
        (void)json_array_append_new(out, o);
    }
    return out;
}

/* --- cloud and health --- */

static json_t *cloud_json(const struct cloud_view *v, bool more)
{
    json_t *out = json_array();
    for (size_t i = 0; i < v->source_count; i++) {
        const struct cloud_source *s = &v->sources[i];
        json_t *o = json_object();
        put(o, "source", json_string(s->name));
        put(o, "state", json_string(cloud_state_name(s->state)));
        put(o, "at", json_time(s->at_ms));
        put(o, "error", s->error[0] ? json_str(str_of(s->error)) : json_null());
        put(o, "period_seconds",
            s->period_ms > 0 ? json_integer(s->period_ms / 1000) : json_null());
        put(o, "asked_seconds", s->asked_ms > 0 ? json_integer(s->asked_ms / 1000) : json_null());
        put(o, "usd_per_month", s->usd_per_month >= 0 ? json_money(s->usd_per_month) : json_null());
        if (s->sends) {
            put(o, "sent", json_integer(s->sent));
            put(o, "repeated", json_integer(s->repeated));
            put(o, "refused", json_integer(s->refused));
        }
        if (more) {
            put(o, "next_at", json_time(s->next_ms));
        }
        (void)json_array_append_new(out, o);
    }
    return out;
}

/* Not asked from time to time but when calls need it: of the same form, as far as it goes. */
static json_t *role_json(struct core *c)
{
    struct roles_counts n = proxy_roles(c->proxy);
    json_t *o = json_object();
    enum cloud_state state = n.problem[0] ? CLOUD_ERROR : n.at_ms > 0 ? CLOUD_OK : CLOUD_WAITING;
    put(o, "source", json_string("assume_role"));
    put(o, "state", json_string(cloud_state_name(state)));
    put(o, "at", json_time(n.at_ms));
    put(o, "error", n.problem[0] ? json_str(str_of(n.problem)) : json_null());
    put(o, "period_seconds", json_null());
    put(o, "asked_seconds", json_null());
    put(o, "usd_per_month", json_null());
    put(o, "sets", json_integer((json_int_t)n.sets));
    put(o, "requests", json_integer(n.asked));
    put(o, "failed", json_integer(n.failed));
    return o;
}

static json_t *aws_json(const struct cloud_view *v)
{
    json_t *metrics = json_array(), *costs = json_array(), *o = json_object();
    for (size_t i = 0; i < v->metric_count; i++) {
        json_t *m = json_object();
        put(m, "metric", json_string(v->metrics[i].metric));
        put(m, "model", json_str(str_of(v->metrics[i].model)));
        put(m, "sum", json_integer(v->metrics[i].sum));
        (void)json_array_append_new(metrics, m);
    }
    for (size_t i = 0; i < v->cost_count; i++) {
        json_t *m = json_object();
        put(m, "cost_center", json_str(str_of(v->costs[i].cost_center)));
        put(m, "today_usd", json_money(v->costs[i].today));
        put(m, "month_usd", json_money(v->costs[i].month));
        (void)json_array_append_new(costs, m);
    }
    (void)json_object_update(o, v->facts);
    (void)json_object_del(o, "reconcile"); /* status has it */
    put(o, "metrics", metrics);
    put(o, "costs", costs);
    return o;
}

static json_t *notices_json(struct core *c)
{
    struct notify_health h;
    json_t *o = json_object();
    notify_health(c->notify, &h);
    put(o, "targets", json_integer(h.targets));
    put(o, "told", json_integer(h.told));
    put(o, "failed", json_integer(h.failed));
    put(o, "retried", json_integer(h.retried));
    put(o, "dropped", json_integer(h.dropped));
    put(o, "suppressed", json_integer(h.suppressed));
    put(o, "waiting", json_integer(h.waiting));
    put(o, "told_at", json_time(h.told_at));
    put(o, "error", h.error[0] ? json_str(str_of(h.error)) : json_null());
    put(o, "error_at", json_time(h.error_at));
    return o;
}

/* At most; so that what is told does not change with every cycle of the ledger. */
static int64_t in_tens(int64_t ms)
{
    return (ms + 9) / 10 * 10;
}

static json_t *health_json(struct core *c, const struct limits_view *v)
{
    struct ledger_health h;
    ledger_health(c->ledger, &h);
    json_t *o = json_object();
    put(o, "store", h.ok ? json_string("ok") : json_str(str_of(h.text)));
    put(o, "store_failure", json_string(c->config->store_failure_allow ? "allow" : "deny"));
    put(o, "all_blocked", limit_all_json(c));
    put(o, "unstored_changes", json_integer((json_int_t)limit_unstored_count(c)));
    put(o, "reserved_matches", json_boolean(v->reserved_matches));
    put(o, "ledger_lost",
        h.lost_ms == 0 ? json_null()
                       : json_pack("{s:o, s:o}", "at", json_time(h.lost_ms), "text",
                                   json_str(str_of(h.lost_text))));
    put(o, "charged_by_crash_calls", json_integer(h.recovered_calls));
    put(o, "dropped_calls", json_integer(h.dropped_calls));
    put(o, "journal_used_percent", json_integer(h.journal_used_percent));
    put(o, "unsynced_ms", json_integer(in_tens(h.unsynced_ms)));
    put(o, "notify", notices_json(c));
    return o;
}

static void put_rates(json_t *o, const struct stats *s)
{
    static const struct {
        const char *name;
        int minutes;
    } over[] = {{"1m", 1}, {"15m", 15}, {"1h", 60}};
    json_t *rates = json_object();
    for (size_t i = 0; i < 3; i++) {
        int64_t tokens;
        money_t usd;
        json_t *r = json_object();
        stats_per_minute(s, &s->all, over[i].minutes, &tokens, &usd);
        put(r, "tokens_per_minute", json_integer(tokens));
        put(r, "usd_per_hour", json_money(usd * 60));
        put(rates, over[i].name, r);
    }
    put(o, "rates", rates);
}

static json_t *burn_json(struct core *c, const struct limits_view *v)
{
    struct stats *s = c->stats;
    int64_t now = clock_wall_ms(), start = 0, end = 0;
    stats_month(c, now, &start, &end);
    json_t *o = json_object(), *budget = json_null();
    put(o, "usd_per_hour", json_money(stats_usd_per_hour(s, &s->all)));
    put(o, "today_usd", json_money(s->all.today));
    put(o, "month_usd", json_money(s->all.month));
    put(o, "month_forecast_usd", forecast_json(s, s->all.month, start, end));
    put_rates(o, s);
    money_t sum = 0;
    for (size_t i = 0; i < v->count; i++) {
        const struct config_limit *f = v->limits[i].file;
        if (f->metric == METRIC_USD && f->window == WINDOW_MONTH && f->per_count == 0) {
            sum = money_add(sum, v->limits[i].amount);
        }
    }
    if (sum > 0) {
        json_decref(budget);
        budget = json_money(sum);
    }
    put(o, "month_budget_usd", budget);
    return o;
}

static json_t *listen_json(struct core *c)
{
    json_t *out = json_array();
    for (size_t i = 0; c->proxy && i < proxy_listener_count(c->proxy); i++) {
        (void)json_array_append_new(out, json_string(proxy_listener_url(c->proxy, i)));
    }
    return out;
}

/* --- the two snapshots --- */

static json_t *snapshot(struct core *c, bool more, int attached)
{
    stats_sample(c);
    sample_open(c);
    struct limits_view v = {.count = 0};
    struct cloud_view cloud = {.source_count = 0};
    json_t *o = json_object();
    if (limits_view(c->limits, clock_wall_ms(), &v) != ERR_OK) {
        return o;
    }
    if (c->cloud) {
        (void)!cloud_view(c->cloud, &cloud);
    }
    int stopping = atomic_load(&c->stopping);
    struct limits_view *wider = more ? &v : NULL;
    put(o, "version", json_integer(1));
    put(o, "time", json_time(clock_wall_ms() / 1000 * 1000));
    put(o, "since", json_time(c->stats->since_ms));
    put(o, "state", json_string(stopping ? "draining" : "ready"));
    put(o, "simulated", json_boolean(c->simulated));
    put(o, "pid", json_integer(getpid()));
    put(o, "region", json_string(c->config->region));
    put(o, "listen", listen_json(c));
    json_t *totals = json_object();
    snapshot_totals(totals, &c->stats->all.day);
    put(o, "totals", totals);
    put(o, "models", models_json(c, wider));
    put(o, "cost_centers", named_json(c, &c->stats->cost_centers, "costCenter", wider));
    put(o, "applications", named_json(c, &c->stats->applications, "applicationId", wider));
    json_t *limits = snapshot_limits_of(&v);
    burn_put(c->burn, limits, &v, clock_wall_ms());
    put(o, "limits", limits);
    put(o, "denials", snapshot_denials(c, wider));
    json_t *sources = cloud_json(&cloud, more);
    if (c->proxy && c->config->assume_role.arn) {
        (void)json_array_append_new(sources, role_json(c));
    }
    put(o, "cloud", sources);
    put(o, "reconcile", json_incref(json_object_get(cloud.facts, "reconcile")));
    put(o, "health", health_json(c, &v));
    put(o, "burn", burn_json(c, &v));
    if (more) {
        put(o, "denied_per_minute", json_integer(snapshot_denied_in_minute(c)));
        put(o, "attached", json_integer(attached));
        put(o, "timezone", json_string(c->config->timezone));
        put(o, "aws", aws_json(&cloud));
        put(o, "events", server_events(c->server));
    }
    cloud_view_free(&cloud);
    limits_view_free(&v);
    return o;
}

json_t *snapshot_status(struct core *c)
{
    return snapshot(c, false, 0);
}

json_t *snapshot_dashboard(struct core *c, int attached)
{
    return snapshot(c, true, attached);
}
