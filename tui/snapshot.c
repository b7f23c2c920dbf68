#include "tui/snapshot.h"

#include "core/base/str.h"

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

void snapshot_merge(struct snapshot *s, const json_t *changed, int64_t now_ms)
{
    if (!s->data) {
        s->data = json_object();
    }
    (void)json_object_update(s->data, (json_t *)(uintptr_t)changed);
    s->at_ms = now_ms;
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

int64_t snapshot_empty_in(const json_t *limit, const json_t *group)
{
    const json_t *of = group ? group : limit;
    const json_t *seconds = json_object_get(of, "empty_in_s");
    if (!*snapshot_text(limit, "window")) {
        return -1; /* concurrency is not used up */
    }
    if (json_number_value(json_object_get(of, "remaining")) <= 0) {
        return 0;
    }
    return json_is_integer(seconds) ? 1000 * (int64_t)json_integer_value(seconds) : -1;
}

/* A member of the row whose `key` has that value; NULL when there is none. */
static json_t *member_of(const json_t *rows, const char *key, const char *value, const char *member)
{
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)(uintptr_t)rows, i, row)
    {
        if (strcmp(snapshot_text(row, key), value) == 0) {
            return json_object_get(row, member);
        }
    }
    return NULL;
}

json_t *snapshot_billed(const struct snapshot *s, const char *cost_center)
{
    return member_of(snapshot_at(s->data, "aws.costs"), "cost_center", cost_center, "month_usd");
}

json_t *snapshot_spent(const struct snapshot *s, const char *cost_center)
{
    return member_of(snapshot_at(s->data, "cost_centers"), "name", cost_center, "month_usd");
}

const char *snapshot_verdict(const struct snapshot *s, const char *cost_center)
{
    size_t i;
    json_t *row;
    const char *newest = "";
    const char *verdict = "-";
    json_array_foreach(snapshot_at(s->data, "reconcile.costs"), i, row)
    {
        const char *day = snapshot_text(row, "day");
        if (strcmp(snapshot_text(row, "cost_center"), cost_center) == 0 &&
            strcmp(day, newest) >= 0) {
            newest = day;
            verdict = snapshot_text(row, "verdict");
        }
    }
    return strcmp(verdict, "bypass_or_price") == 0 ? "bypass or price" : verdict;
}
