/* limit_target.c: which limit or group of it a command means, and what it asks of it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/control/limit_change.h"

void limit_target_clear(struct target *t)
{
    limits_view_free(&t->view);
}

const struct config_limit *limit_target_file(const struct config *c, struct str name)
{
    for (size_t i = 0; i < c->limit_count; i++) {
        if (str_is(name, c->limits[i].name)) {
            return &c->limits[i];
        }
    }
    return NULL;
}

/* A tag whose values the file lists has no others, so no counter of such a group can ever be used.
 */
static bool value_exists(const struct config *c, const char *key, const char *value)
{
    for (size_t i = 0; i < c->tag_values_count; i++) {
        if (strcmp(c->tag_values[i].key, key) != 0) {
            continue;
        }
        for (size_t k = 0; k < c->tag_values[i].values.count; k++) {
            if (strcmp(c->tag_values[i].values.at[k], value) == 0) {
                return true;
            }
        }
        return strcmp(value, "none") == 0;
    }
    return true;
}

/* {k:v} in the order of the limit's `per`. */
static enum err read_group(const struct config *c, const struct config_limit *f,
                           const json_t *params, char out[256], struct err_info *ei)
{
    json_t *group = json_object_get(params, "group");
    out[0] = '\0';
    if (!group || json_is_null(group) || (json_is_object(group) && json_object_size(group) == 0)) {
        return ERR_OK;
    }
    if (!json_is_object(group) || json_object_size(group) != f->per_count) {
        char keys[160] = "";
        for (size_t i = 0; i < f->per_count; i++) {
            size_t n = strlen(keys);
            (void)snprintf(keys + n, sizeof(keys) - n, "%s%s", i ? "," : "", f->per[i]);
        }
        return f->per_count == 0
                   ? err_set(ei, ERR_PARSE, "limit %s has one counter for all: it takes no group",
                             f->name)
                   : err_set(ei, ERR_PARSE, "limit %s counts per %s: a group names exactly these",
                             f->name, keys);
    }
    size_t n = 0;
    for (size_t i = 0; i < f->per_count; i++) {
        const char *value = json_string_value(json_object_get(group, f->per[i]));
        if (!value && strcmp(f->per[i], "applicationId") == 0) {
            value = json_string_value(json_object_get(group, "application"));
        }
        if (!value) {
            return err_set(ei, ERR_PARSE, "limit %s counts per %s, which the group does not name",
                           f->name, f->per[i]);
        }
        if (!config_tag_text_ok(str_of(value))) {
            return err_set(ei, ERR_PARSE,
                           "group %s: values are 1 to 128 of A-Z a-z 0-9 space _ . : / = + @ -",
                           f->per[i]);
        }
        if (!value_exists(c, f->per[i], value)) {
            return err_set(ei, ERR_PARSE,
                           "group %s=%.64s: not among tags.values of the configuration", f->per[i],
                           value);
        }
        int k = snprintf(out + n, 256 - n, "%s%s=%s", i ? "," : "", f->per[i], value);
        if (k < 0 || (size_t)k >= 256 - n) {
            return err_set(ei, ERR_RANGE, "the group is too long");
        }
        n += (size_t)k;
    }
    return ERR_OK;
}

static enum err unknown_limit(const struct limits_view *v, const char *name, struct err_info *ei)
{
    char names[160] = "";
    for (size_t i = 0; i < v->count; i++) {
        size_t n = strlen(names);
        (void)snprintf(names + n, sizeof(names) - n, "%s%s", i ? ", " : "",
                       v->limits[i].file->name);
    }
    return err_set(ei, ERR_NOT_FOUND, "no limit '%.64s'; there are: %s", name,
                   v->count ? names : "none");
}

enum err limit_target_find(struct core *c, const char *name, const json_t *params,
                           const char *group_text, struct target *t, struct err_info *ei)
{
    *t = (struct target){.file = NULL};
    enum err e = limits_view(c->limits, clock_wall_ms(), &t->view);
    if (e != ERR_OK) {
        return err_set(ei, e, "no memory to look at the limits");
    }
    for (size_t i = 0; i < t->view.count && !t->file; i++) {
        const struct limit_view *l = &t->view.limits[i];
        if (strcmp(l->file->name, name) == 0) {
            t->file = l->file;
            t->amount = l->amount;
            t->whole_blocked = t->blocked = l->blocked;
        }
    }
    e = t->file ? ERR_OK : unknown_limit(&t->view, name, ei);
    if (e == ERR_OK && group_text) {
        (void)str_copy(t->group, sizeof(t->group), str_of(group_text));
    } else if (e == ERR_OK) {
        e = read_group(t->view.config, t->file, params, t->group, ei);
    }
    if (e != ERR_OK) {
        limit_target_clear(t);
        return e;
    }
    t->has_override = limits_get_override(c->limits, name, t->group, &t->override);
    if (t->group[0] && t->has_override) {
        t->amount = t->override.has_amount ? t->override.amount : t->amount;
        t->blocked = t->blocked || t->override.blocked;
    }
    return ERR_OK;
}

/* What so many percent of an amount are; what is asked for by percent changes something. */
static int64_t part_of(int64_t amount, int64_t percent, bool up)
{
    __int128 part = (__int128)amount * percent / 100;
    if (up && part == 0 && amount > 0 && percent > 0) {
        part = 1;
    }
    return part > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)part;
}

enum err limit_target_amount(const struct target *t, const char *text, int64_t *out,
                             struct err_info *ei)
{
    struct str s = str_of(text);
    int64_t percent = 0;
    if (s.n > 2 && (s.p[0] == '+' || s.p[0] == '-') && s.p[s.n - 1] == '%') {
        if (!str_to_i64(str_sub(s, 1, s.n - 2), &percent) || percent < 0 || percent > 10000 ||
            (s.p[0] == '-' && percent > 100)) {
            return err_set(ei, ERR_PARSE,
                           "amount '%.40s': a percentage is a whole number such as +10%%", text);
        }
        int64_t part = part_of(t->amount, percent, s.p[0] == '+');
        if (t->amount > INT64_MAX / 4 || part == INT64_MAX / 4) {
            return err_set(ei, ERR_RANGE, "amount '%.40s': too large", text);
        }
        *out = s.p[0] == '+' ? t->amount + part : t->amount - part;
        return ERR_OK;
    }
    if (!config_amount_parse(s, t->file->metric, out)) {
        return err_set(ei, ERR_PARSE, "amount '%.40s': must be %s", text,
                       t->file->metric == METRIC_USD ? "dollars such as 250 or 12.50"
                                                     : "a number such as 250, 100k or 1.5M");
    }
    return ERR_OK;
}

enum err limit_target_bounds(const struct target *t, int64_t amount, const json_t *params,
                             struct err_info *ei)
{
    char bound[32], wanted[32];
    const struct config_limit *f = t->file;
    bool above = f->ceiling >= 0 && amount > f->ceiling, below = f->floor >= 0 && amount < f->floor;
    if ((!above && !below) || param_true(params, "yes")) {
        return ERR_OK;
    }
    config_amount_format(bound, f->metric, above ? f->ceiling : f->floor);
    config_amount_format(wanted, f->metric, amount);
    return err_set(ei, ERR_NEEDS_CONFIRMATION,
                   "%s: %s is %s %s of the configuration, %s; it must be confirmed (--yes)",
                   f->name, wanted, above ? "above" : "below", above ? "the ceiling" : "the floor",
                   bound);
}

enum err limit_target_was(const struct target *t, const json_t *params, struct err_info *ei)
{
    const json_t *was = json_object_get(params, "was");
    if (!json_is_number(was)) {
        return ERR_OK;
    }
    double now = t->file->metric == METRIC_USD ? (double)t->amount / (double)MONEY_DOLLAR
                                               : (double)t->amount;
    double off = fabs(json_number_value(was) - now);
    if (!(off <=
          5e-10 + now * 1e-15)) { /* half a nano-dollar, or what a double cannot tell apart */
        char amount[32];
        config_amount_format(amount, t->file->metric, t->amount);
        return err_set(ei, ERR_CONFLICT, "%s was changed meanwhile: it is %s now", t->file->name,
                       amount);
    }
    return ERR_OK;
}
