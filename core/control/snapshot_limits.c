/* snapshot_limits.c: limits and denials for the screen and for status. */
#include <stdio.h>
#include <string.h>

#include "core/control/burn.h"
#include "core/control/snapshot_private.h"

#define DENIALS_MAX 50
#define DAY_MS      (24 * 3600000LL)

static void put(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value ? value : json_null());
}

/* --- limits --- */

static json_t *override_json(enum config_metric metric, const struct limit_override *o)
{
    json_t *out = json_object();
    put(out, "id", json_integer(o->id));
    put(out, "amount", o->has_amount ? amount_json(metric, o->amount) : json_null());
    put(out, "actor", json_string(o->actor));
    put(out, "reason", json_string(o->reason));
    put(out, "since", json_time(o->since_ms));
    put(out, "until", json_time(o->until_ms));
    return out;
}

static json_t *limit_group(enum config_metric m, const struct limit_group_view *g)
{
    json_t *o = json_object();
    put(o, "group", group_json(g->group));
    put(o, "amount", amount_json(m, g->amount));
    put(o, "used", amount_json(m, g->used));
    put(o, "reserved", amount_json(m, g->reserved));
    put(o, "remaining", amount_json(m, g->remaining));
    put(o, "denied", json_integer(g->denied));
    put(o, "resets_at", json_time(g->resets_at_ms));
    put(o, "blocked", json_boolean(g->blocked));
    put(o, "override", g->has_override ? override_json(m, &g->override) : json_null());
    return o;
}

static json_t *limit_json(const struct limit_view *v)
{
    const struct config_limit *f = v->file;
    enum config_metric m = f->metric;
    json_t *o = json_object(), *match = json_object(), *per = json_array(), *groups = json_array();
    for (size_t i = 0; i < f->match_count; i++) {
        put(match, f->match[i].key, json_string(f->match[i].glob));
    }
    for (size_t i = 0; i < f->per_count; i++) {
        (void)json_array_append_new(per, json_string(f->per[i]));
    }
    for (size_t i = 0; i < v->group_count; i++) {
        (void)json_array_append_new(groups, limit_group(m, &v->groups[i]));
    }
    put(o, "name", json_string(f->name));
    put(o, "metric", json_string(config_metric_name(m)));
    put(o, "amount", amount_json(m, v->amount));
    put(o, "file_amount", amount_json(m, f->amount));
    put(o, "window", json_string(config_window_name(f->window)));
    put(o, "rolling", json_boolean(f->rolling));
    put(o, "match", match);
    put(o, "per", per);
    put(o, "blocked", json_boolean(v->blocked));
    put(o, "override", v->has_override ? override_json(m, &v->override) : json_null());
    put(o, "used", amount_json(m, v->used));
    put(o, "reserved", amount_json(m, v->reserved));
    put(o, "remaining", amount_json(m, v->remaining));
    put(o, "over", amount_json(m, v->over));
    put(o, "charged_by_crash", amount_json(m, v->charged_by_crash));
    put(o, "denied", json_integer(v->denied));
    put(o, "waiting", json_integer(v->waiting));
    put(o, "phantom_denials", json_integer(v->phantom));
    put(o, "examined_denials", json_integer(v->examined));
    put(o, "resets_at", json_time(v->resets_at_ms));
    put(o, "groups_total", json_integer((json_int_t)v->groups_total));
    put(o, "groups", groups);
    return o;
}

json_t *snapshot_limits_of(const struct limits_view *v)
{
    json_t *out = json_array();
    for (size_t i = 0; i < v->count; i++) {
        (void)json_array_append_new(out, limit_json(&v->limits[i]));
    }
    return out;
}

json_t *snapshot_limits(struct core *c)
{
    struct limits_view v = {.count = 0};
    if (limits_view(c->limits, clock_wall_ms(), &v) != ERR_OK) {
        return json_array();
    }
    json_t *out = snapshot_limits_of(&v);
    burn_put(c->burn, out, &v, clock_wall_ms());
    limits_view_free(&v);
    return out;
}

/* --- which limit matters --- */

static bool limit_matches_model(struct core *c, const struct config_limit *f, const struct model *m)
{
    for (size_t i = 0; i < f->match_count; i++) {
        if (strcmp(f->match[i].key, "model") == 0) {
            return m && catalog_matches(c->catalog, f->match[i].glob, m);
        }
    }
    return false;
}

/* Name of the fullest limit of this model, or null. */
json_t *snapshot_fullest(struct core *c, const struct limits_view *v, const struct model *m)
{
    const char *name = NULL;
    double most = -1;
    for (size_t i = 0; i < v->count; i++) {
        const struct limit_view *l = &v->limits[i];
        if (!limit_matches_model(c, l->file, m)) {
            continue;
        }
        double part = l->amount > 0 ? (double)(l->used + l->reserved) / (double)l->amount : 1;
        if (part > most) {
            most = part;
            name = l->file->name;
        }
    }
    return name ? json_string(name) : json_null();
}

/* The monthly usd budget of one value of a tag: a limit per that tag, or one that names the value.
 */
json_t *snapshot_budget(const struct limits_view *v, const char *key, const char *value)
{
    char group[512];
    (void)snprintf(group, sizeof(group), "%s=%.300s", key, value);
    for (size_t i = 0; i < v->count; i++) {
        const struct limit_view *l = &v->limits[i];
        if (l->file->metric != METRIC_USD || l->file->window != WINDOW_MONTH) {
            continue;
        }
        if (l->file->per_count == 1 && strcmp(l->file->per[0], key) == 0 &&
            l->file->match_count == 0) {
            for (size_t g = 0; g < l->group_count; g++) {
                if (strcmp(l->groups[g].group, group) == 0) {
                    return json_money(l->groups[g].amount);
                }
            }
            return json_money(l->amount);
        }
        if (l->file->per_count == 0 && l->file->match_count == 1 &&
            strcmp(l->file->match[0].key, key) == 0 && strcmp(l->file->match[0].glob, value) == 0) {
            return json_money(l->amount);
        }
    }
    return json_null();
}

/* --- denials --- */

struct denials {
    json_t *list;
    const struct limits_view *wider; /* NULL: only what `status` has */
};

/* What the denying limit counts, as it is now; both null when it is gone. */
static void put_limit_now(json_t *o, const struct limits_view *v, struct str name)
{
    for (size_t i = 0; i < v->count; i++) {
        if (str_is(name, v->limits[i].file->name)) {
            enum config_metric m = v->limits[i].file->metric;
            put(o, "metric", json_string(config_metric_name(m)));
            put(o, "amount", amount_json(m, v->limits[i].amount));
            return;
        }
    }
    put(o, "metric", json_null());
    put(o, "amount", json_null());
}

static bool on_denial(void *arg, const struct audit_entry *e)
{
    struct denials *d = arg;
    json_t *o = json_object();
    char group[256];
    (void)str_copy(group, sizeof(group), e->group);
    put(o, "time", json_time(e->time_ms));
    put(o, "request_id", json_str(e->request_id));
    put(o, "limit", json_str(e->limit));
    put(o, "group", group_json(group));
    put(o, "model", json_str(e->model));
    put(o, "tags", tags_object(&e->tags));
    put(o, "resets_at", json_time(e->resets_at_ms));
    if (d->wider) {
        put(o, "message", json_str(e->error));
        put(o, "application", json_str(tags_get(&e->tags, "applicationId")));
        put(o, "cost_center", json_str(tags_get(&e->tags, "costCenter")));
        put_limit_now(o, d->wider, e->limit);
    }
    (void)json_array_append_new(d->list, o);
    return true;
}

json_t *snapshot_denials(struct core *c, const struct limits_view *wider)
{
    struct denials d = {.list = json_array(), .wider = wider};
    struct audit_query q = {.since_ms = clock_wall_ms() - DAY_MS,
                            .calls = true,
                            .denials_only = true,
                            .newest_first = true,
                            .max = DENIALS_MAX};
    (void)!ledger_audit(c->ledger, &q, on_denial, &d, NULL);
    return d.list;
}

static bool on_minute(void *arg, const struct ledger_row *row)
{
    *(int64_t *)arg += row->totals.denied;
    return true;
}

int64_t snapshot_denied_in_minute(struct core *c)
{
    int64_t n = 0, now = clock_wall_ms();
    struct ledger_query q = {.since_ms = now - 60000, .until_ms = now + 1};
    (void)!ledger_sum(c->ledger, &q, on_minute, &n, NULL);
    return n;
}
