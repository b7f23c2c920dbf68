/* override.c: amounts and blocks that operators set while it runs, over those of the file. */
#include "core/base/clock.h"
#include "core/limit/limit_private.h"

#include <stdlib.h>
#include <string.h>

bool override_in_force(const struct override *o, int64_t now_ms)
{
    return o != NULL && (o->o.until_ms == 0 || now_ms < o->o.until_ms);
}

void override_terms(const struct rule *r, const struct group *g, int64_t now_ms, int64_t *amount,
                    bool *blocked)
{
    *amount = r->file->amount;
    *blocked = false;
    if (override_in_force(r->override, now_ms)) {
        const struct limit_override *o = &r->override->o;
        *blocked = o->blocked;
        *amount = o->has_amount ? o->amount : *amount;
    }
    if (g != NULL && override_in_force(g->override, now_ms)) {
        const struct limit_override *o = &g->override->o;
        *blocked = *blocked || o->blocked;
        *amount = o->has_amount ? o->amount : *amount;
    }
}

void override_free(struct limits *l, struct override *o)
{
    *(o->group != NULL ? &o->group->override : &o->rule->override) = NULL;
    *(o->prev != NULL ? &o->prev->next : &l->overrides) = o->next;
    if (o->next != NULL) {
        o->next->prev = o->prev;
    }
    free(o);
}

void override_free_rule(struct limits *l, struct rule *r)
{
    struct override *next;
    for (struct override *o = l->overrides; o != NULL; o = next) {
        next = o->next;
        if (o->rule == r) {
            override_free(l, o);
        }
    }
}

static enum err find_rule(const struct limits *l, const char *name, struct rule **out,
                          struct err_info *ei)
{
    char known[180] = "";
    size_t n = 0;
    for (size_t i = 0; i < l->rule_count; i++) {
        struct str have = str_of(l->rules[i]->file->name);
        if (str_is(have, name)) {
            *out = l->rules[i];
            return ERR_OK;
        }
        if (n + have.n + 3 < sizeof(known)) {
            memcpy(known + n, n > 0 ? ", " : "", n > 0 ? 2 : 0);
            n += n > 0 ? 2 : 0;
            memcpy(known + n, have.p, have.n);
            n += have.n;
            known[n] = '\0';
        }
    }
    return err_set(ei, ERR_NOT_FOUND, "no limit is called %.60s; there %s %s", name,
                   l->rule_count == 0 ? "are" : "is", l->rule_count == 0 ? "none" : known);
}

/* The rule and, when a group is named, its text in `text` ("" for the whole limit). */
static enum err find_place(const struct limits *l, const char *limit, const char *group,
                           struct rule **rule, char *text, struct err_info *ei)
{
    enum err e = find_rule(l, limit, rule, ei);
    text[0] = '\0';
    if (e == ERR_OK && group != NULL && group[0] != '\0') {
        e = rule_group_text(l->catalog, *rule, group, text, ei);
    }
    return e;
}

static struct override *override_at(const struct rule *r, const char *text)
{
    if (text[0] == '\0') {
        return r->override;
    }
    const struct group *g = counter_find(r, str_of(text));
    return g == NULL ? NULL : g->override;
}

static enum err install(struct limits *l, struct rule *r, const char *text,
                        const struct limit_override *given, struct err_info *ei)
{
    struct group *g = NULL;
    struct override *o = override_at(r, text);
    if (o == NULL && text[0] != '\0') {
        g = counter_group(l, r, str_of(text));
        if (g == NULL) {
            return err_set(ei, ERR_NOMEM, "limit %s: out of memory", r->file->name);
        }
        if (!str_is((struct str){g->text, g->text_len}, text)) {
            return err_set(ei, ERR_FULL, "limit %s has %d groups, no more are counted apart",
                           r->file->name, GROUPS_MAX);
        }
    }
    if (o == NULL) {
        o = calloc(1, sizeof(*o));
        if (o == NULL) {
            return err_set(ei, ERR_NOMEM, "limit %s: out of memory", r->file->name);
        }
        o->rule = r;
        o->group = g;
        *(g != NULL ? &g->override : &r->override) = o;
        o->next = l->overrides;
        if (o->next != NULL) {
            o->next->prev = o;
        }
        l->overrides = o;
    }
    o->o = *given;
    (void)str_copy(o->o.group, sizeof(o->o.group), str_of(text));
    return ERR_OK;
}

enum err limits_override(struct limits *l, const struct limit_override *o, struct err_info *ei)
{
    char text[GROUP_KEY];
    struct rule *r = NULL;
    if (o->has_amount && o->amount < 0) {
        return err_set(ei, ERR_RANGE, "limit %s: an amount cannot be negative", o->limit);
    }
    limits_lock(l);
    enum err e = find_place(l, o->limit, o->group, &r, text, ei);
    if (e == ERR_OK) {
        e = install(l, r, text, o, ei);
        wait_serve_all(l, r, clock_wall_ms());
    }
    wait_tell(l);
    return e;
}

enum err limits_revert(struct limits *l, const char *limit, const char *group, struct err_info *ei)
{
    char text[GROUP_KEY];
    struct rule *r = NULL;
    limits_lock(l);
    enum err e = find_place(l, limit, group, &r, text, ei);
    if (e == ERR_OK) {
        struct override *o = override_at(r, text);
        if (o == NULL) {
            e = err_set(ei, ERR_NOT_FOUND, "limit %s%s%.60s stands as in the file", limit,
                        text[0] == '\0' ? "" : " ", text);
        } else {
            override_free(l, o);
            wait_serve_all(l, r, clock_wall_ms());
        }
    }
    wait_tell(l);
    return e;
}

bool override_all_blocked(const struct limits *l, int64_t now_ms)
{
    return l->all_blocked && (l->all_until_ms == 0 || now_ms < l->all_until_ms);
}

void limits_block_all(struct limits *l, bool on, int64_t until_ms)
{
    limits_lock(l);
    l->all_blocked = on;
    l->all_until_ms = until_ms;
    wait_serve_all(l, NULL, clock_wall_ms());
    wait_tell(l);
}

bool limits_get_override(struct limits *l, const char *limit, const char *group,
                         struct limit_override *out)
{
    char text[GROUP_KEY];
    struct rule *r = NULL;
    struct override *o = NULL;
    int64_t now_ms = clock_wall_ms();
    limits_lock(l);
    if (find_place(l, limit, group, &r, text, NULL) == ERR_OK) {
        o = override_at(r, text);
    }
    bool found = override_in_force(o, now_ms);
    if (found) {
        *out = o->o;
    }
    limits_unlock(l);
    return found;
}

size_t limits_expire(struct limits *l, int64_t now_ms, struct limit_override *out, size_t n)
{
    size_t count = 0;
    struct override *next;
    limits_lock(l);
    for (struct override *o = l->overrides; o != NULL && count < n; o = next) {
        next = o->next;
        if (!override_in_force(o, now_ms)) {
            out[count++] = o->o;
            override_free(l, o);
        }
    }
    wait_serve_all(l, NULL, now_ms);
    wait_tell(l);
    return count;
}
