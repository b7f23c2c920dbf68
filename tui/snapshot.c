#include "tui/snapshot.h"

#include "core/base/str.h"
#include "tui/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define GROUP_KEY 400

void snapshot_clear(struct snapshot *s)
{
    json_decref(s->data);
    memset(s, 0, sizeof *s);
}

void snapshot_copy(struct snapshot *to, const struct snapshot *from)
{
    json_decref(to->data);
    *to = *from;
    to->data = json_copy(from->data); /* merges replace members and never change them */
}

json_t *snapshot_at(const json_t *object, const char *path)
{
    struct str rest = str_of(path);
    json_t *at = NULL;
    while (rest.n > 0 && object) {
        char name[64];
        str_copy(name, sizeof name, str_cut(rest, '.', &rest));
        at = json_object_get(object, name);
        object = at;
    }
    return at;
}

const char *snapshot_text(const json_t *object, const char *path)
{
    const char *text = json_string_value(snapshot_at(object, path));
    return text ? text : "";
}

static json_t *one_denied(const json_t *denial)
{
    json_t *row = json_copy((json_t *)(uintptr_t)denial);
    (void)json_object_set_new(row, "count", json_integer(1));
    return row;
}

/* One row for each limit, caller and model: a burst of refusals stays one line. */
static json_t *group_denials(const json_t *denials)
{
    json_t *rows = json_array();
    json_t *by_key = json_object();
    size_t i;
    json_t *denial;
    json_array_foreach((json_t *)(uintptr_t)denials, i, denial)
    {
        char key[GROUP_KEY];
        snprintf(key, sizeof key, "%.90s|%.90s|%.90s|%.90s", snapshot_text(denial, "limit"),
                 snapshot_text(denial, "application"), snapshot_text(denial, "cost_center"),
                 snapshot_text(denial, "model"));
        json_t *row = json_object_get(by_key, key);
        if (row) {
            json_int_t count = json_integer_value(json_object_get(row, "count"));
            (void)json_object_set_new(row, "count", json_integer(count + 1));
            continue;
        }
        row = one_denied(denial);
        (void)json_object_set_new(row, "who", json_string(key));
        (void)json_object_set(by_key, key, row);
        (void)json_array_append_new(rows, row);
    }
    json_decref(by_key);
    return rows;
}

static struct snapshot_rate *rate_of(struct snapshot *s, const char *name)
{
    for (int i = 0; i < s->rates; i++) {
        if (strcmp(s->rate[i].name, name) == 0) {
            return &s->rate[i];
        }
    }
    if (s->rates == SNAPSHOT_LIMITS) {
        return NULL;
    }
    struct snapshot_rate *r = &s->rate[s->rates++];
    str_copy(r->name, sizeof r->name, str_of(name));
    return r;
}

static void learn_rate(struct snapshot *s, const json_t *limit, int64_t now_ms)
{
    struct snapshot_rate *r = rate_of(s, snapshot_text(limit, "name"));
    if (!r) {
        return;
    }
    const char *window = snapshot_text(limit, "window");
    bool quick = strcmp(window, "10s") == 0 || strcmp(window, "1m") == 0;
    double tau = quick ? 10000 : 60000;
    int64_t used =
        format_json_amount(json_object_get(limit, "used"), snapshot_text(limit, "metric"));
    int64_t passed = now_ms - r->at_ms;
    if (r->at_ms > 0 && passed > 0 && used >= r->used) {
        double rate = (double)(used - r->used) / (double)passed;
        double weight = r->known ? 1 - exp(-(double)passed / tau) : 1;
        r->per_ms += (rate - r->per_ms) * weight;
        r->known = true;
    }
    r->used = used;
    r->at_ms = now_ms;
}

void snapshot_merge(struct snapshot *s, const json_t *changed, int64_t now_ms)
{
    if (!s->data) {
        s->data = json_object();
    }
    (void)json_object_update(s->data, (json_t *)(uintptr_t)changed);
    s->at_ms = now_ms;
    size_t i;
    json_t *limit;
    json_array_foreach(json_object_get(changed, "limits"), i, limit)
    {
        learn_rate(s, limit, now_ms);
    }
    const json_t *denials = json_object_get(changed, "denials");
    if (denials) {
        (void)json_object_set_new(s->data, "denied", group_denials(denials));
    }
}

json_t *snapshot_limit(const struct snapshot *s, const char *name)
{
    size_t i;
    json_t *limit;
    json_array_foreach(snapshot_at(s->data, "limits"), i, limit)
    {
        if (strcmp(snapshot_text(limit, "name"), name) == 0) {
            return limit;
        }
    }
    return NULL;
}

double snapshot_share(const json_t *limit, const json_t *group)
{
    const json_t *of = group ? group : limit;
    if (json_is_true(json_object_get(of, "blocked")) ||
        json_is_true(json_object_get(limit, "blocked"))) {
        return 2;
    }
    double amount = json_number_value(json_object_get(of, "amount"));
    double taken = json_number_value(json_object_get(of, "used")) +
                   json_number_value(json_object_get(of, "reserved"));
    return amount > 0 ? taken / amount : taken > 0 ? 1 : 0;
}

json_t *snapshot_fullest_group(const json_t *limit)
{
    size_t i;
    json_t *group;
    json_t *worst = NULL;
    if (json_array_size(json_object_get(limit, "per")) == 0) {
        return NULL;
    }
    json_array_foreach(json_object_get(limit, "groups"), i, group)
    {
        if (!worst || snapshot_share(limit, group) > snapshot_share(limit, worst)) {
            worst = group;
        }
    }
    return worst;
}

json_t *snapshot_limit_of_model(const struct snapshot *s, const json_t *model, json_t **group)
{
    json_t *limit = snapshot_limit(s, snapshot_text(model, "limit"));
    *group = limit ? snapshot_fullest_group(limit) : NULL;
    return limit;
}

/* The group of a limit for this value of a tag; *whole: the limit as a whole is about it. */
static json_t *group_of_tag(const json_t *limit, const char *key, const char *value, bool *whole)
{
    size_t i;
    json_t *group;
    *whole = strcmp(snapshot_text(json_object_get(limit, "match"), key), value) == 0;
    json_array_foreach(json_object_get(limit, "groups"), i, group)
    {
        if (strcmp(snapshot_text(json_object_get(group, "group"), key), value) == 0) {
            return group;
        }
    }
    return NULL;
}

json_t *snapshot_limit_of_tag(const struct snapshot *s, const char *key, const char *value,
                              json_t **group)
{
    json_t *best = NULL;
    double most = -1;
    size_t i;
    json_t *limit;
    *group = NULL;
    json_array_foreach(snapshot_at(s->data, "limits"), i, limit)
    {
        bool whole;
        json_t *g = group_of_tag(limit, key, value, &whole);
        if (!g && !whole) {
            continue;
        }
        bool budget = strcmp(snapshot_text(limit, "metric"), "usd") == 0 &&
                      strcmp(snapshot_text(limit, "window"), "month") == 0;
        double share = snapshot_share(limit, g) + (budget ? 1000 : 0);
        if (share > most) {
            most = share;
            best = limit;
            *group = g;
        }
    }
    return best;
}

int64_t snapshot_empty_in(const struct snapshot *s, const json_t *limit, const json_t *group,
                          int64_t wall_ms)
{
    const json_t *of = group ? group : limit;
    const char *metric = snapshot_text(limit, "metric");
    int64_t remaining = format_json_amount(json_object_get(of, "remaining"), metric);
    if (!*snapshot_text(limit, "window")) {
        return -1; /* concurrency is not used up */
    }
    if (remaining <= 0) {
        return 0;
    }
    double per_ms = 0;
    for (int i = 0; i < s->rates; i++) {
        if (s->rate[i].known && strcmp(s->rate[i].name, snapshot_text(limit, "name")) == 0) {
            per_ms = s->rate[i].per_ms;
        }
    }
    double all = json_number_value(json_object_get(limit, "used"));
    double part = json_number_value(json_object_get(of, "used"));
    per_ms *= group && all > 0 ? part / all : 1; /* a group's part in the rate is its part in use */
    if (per_ms <= 0) {
        return -1;
    }
    double left = (double)remaining / per_ms;
    int64_t resets = format_json_time(json_object_get(of, "resets_at"));
    bool rolling = json_is_true(json_object_get(limit, "rolling"));
    if (left > 366.0 * 86400000 || (!rolling && resets > 0 && left > (double)(resets - wall_ms))) {
        return -1;
    }
    return (int64_t)left;
}
