#include "core/proxy/gate_private.h"

/* What came from the caller, later wins: header, then body. */
static enum err from_header(struct ticket *t, struct tags *out, struct err_info *ei)
{
    const struct exchange *x = t->x;
    for (size_t i = 0; i < x->header_count; i++) {
        if (!str_is_nocase(x->headers[i].name, "x-tollgate-tags")) {
            continue;
        }
        struct str rest = x->headers[i].value;
        while (rest.n > 0) {
            struct str value, pair = str_cut(rest, ',', &rest);
            struct str key = str_trim(str_cut(pair, '=', &value));
            value = str_trim(value);
            if (key.n == 0 || !value.p) {
                return err_set(ei, ERR_PARSE,
                               "header x-tollgate-tags: must be key=value,key=value");
            }
            if (tags_set(out, &t->call.arena, config_tag_key(key), value) != ERR_OK) {
                return err_set(ei, ERR_PARSE, "header x-tollgate-tags: more than %d tags",
                               TAGS_MAX);
            }
        }
    }
    return ERR_OK;
}

static bool may_set(const struct config *c, struct str key)
{
    if (c->tags_from_caller_all) {
        return true;
    }
    for (size_t i = 0; i < c->tags_from_caller.count; i++) {
        if (str_is(key, c->tags_from_caller.at[i])) {
            return true;
        }
    }
    return false;
}

static enum err set(struct ticket *t, struct str key, struct str value, struct err_info *ei)
{
    if (tags_set(&t->call.tags, &t->call.arena, key, value) != ERR_OK) {
        return err_set(ei, ERR_PARSE, "tags: more than %d on one call", TAGS_MAX);
    }
    return ERR_OK;
}

/* believed: they came from the caller itself, not from somebody on the way. */
static enum err caller_tags(struct ticket *t, const struct tags *asked, bool believed,
                            struct buf *ignored, struct err_info *ei)
{
    for (size_t i = 0; i < asked->count; i++) {
        struct str key = config_tag_key(asked->at[i].key), value = asked->at[i].value;
        if (!believed || !may_set(t->rules->config, key)) {
            char shown[TAG_KEY_MAX + 1];
            (void)str_printable(shown, sizeof(shown), key);
            (void)buf_printf(ignored, "%s%s", ignored->len > 0 ? "," : "", shown);
            continue;
        }
        if (!tags_key_ok(key) || !tags_value_ok(value)) {
            char shown[64];
            (void)str_printable(shown, sizeof(shown), key);
            return err_set(
                ei, ERR_PARSE,
                "tag %s: keys and values are 1 to 128 of A-Z a-z 0-9 space _ . : / = + @ -", shown);
        }
        enum err e = set(t, key, value, ei);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

static enum err allowed_values(const struct config *c, const struct tags *tags, struct err_info *ei)
{
    for (size_t i = 0; i < c->tag_values_count; i++) {
        struct str value = tags_get(tags, c->tag_values[i].key);
        bool ok = value.n == 0;
        for (size_t k = 0; k < c->tag_values[i].values.count && !ok; k++) {
            ok = str_is(value, c->tag_values[i].values.at[k]);
        }
        if (!ok) {
            char shown[TAG_VALUE_MAX + 1];
            (void)str_printable(shown, sizeof(shown), value);
            return err_set(ei, ERR_PARSE,
                           "tag %s: '%s' is not among the values this gateway allows",
                           c->tag_values[i].key, shown);
        }
    }
    return ERR_OK;
}

static enum err required(const struct config *c, const struct tags *tags, struct err_info *ei)
{
    for (size_t i = 0; i < c->tags_required.count; i++) {
        if (tags_get(tags, c->tags_required.at[i]).n == 0) {
            return err_set(
                ei, ERR_PARSE,
                "tag %s: required on every call, and neither the key nor the request has it",
                c->tags_required.at[i]);
        }
    }
    return ERR_OK;
}

bool gate_has_projects(const struct ticket *t)
{
    enum call_dialect d = t->route.dialect;
    return d == DIALECT_ANTHROPIC || (d == DIALECT_OPENAI && t->rules->config->openai_via_mantle);
}

/* The cost center of the project that the caller names; NULL: it names none, or one that the file
 * does not know, which is left out. */
static const char *project_owner(const struct ticket *t)
{
    const struct config *c = t->rules->config;
    const struct exchange *x = t->x;
    for (size_t i = 0; gate_has_projects(t) && i < x->header_count; i++) {
        if (!str_is_nocase(x->headers[i].name, "openai-project") &&
            !str_is_nocase(x->headers[i].name, "anthropic-workspace-id")) {
            continue;
        }
        for (size_t k = 0; k < c->model_count; k++) {
            const struct config_pairs *projects = &c->models[k].projects;
            for (size_t p = 0; p < projects->count; p++) {
                if (str_is(x->headers[i].value, projects->at[p].value)) {
                    return projects->at[p].key;
                }
            }
        }
    }
    return NULL;
}

/* What a profile or project is of stands below what the key says, and must agree with it. */
static enum err owned_by_caller(const struct ticket *t, const char *what, const char *owner,
                                struct err_info *ei)
{
    return !owner || str_is(tags_get(&t->call.tags, "costCenter"), owner)
               ? ERR_OK
               : err_set(ei, ERR_FORBIDDEN,
                         "this %s belongs to cost center '%s', which is not the caller's", what,
                         owner);
}

enum err gate_tags(struct ticket *t, const struct tags *key_tags, const struct tags *body_tags,
                   struct err_info *ei)
{
    const struct config *c = t->rules->config;
    struct call *call = &t->call;
    struct buf ignored;
    buf_init(&ignored, 2048);
    enum err e = ERR_OK;
    for (size_t i = 0; i < c->tags_defaults.count && e == ERR_OK; i++) {
        e = set(t, str_of(c->tags_defaults.at[i].key), str_of(c->tags_defaults.at[i].value), ei);
    }
    const char *profile = call->resolved.profile_cost_center, *project = project_owner(t);
    const char *owner = profile ? profile : project;
    if (e == ERR_OK && owner) {
        e = set(t, STR("costCenter"), str_of(owner), ei);
    }
    struct tags asked = {.count = 0};
    if (e == ERR_OK) {
        e = from_header(t, &asked, ei);
    }
    if (e == ERR_OK) {
        bool believed = asked.count == 0 ||
                        identity_covers(t->x->headers, t->x->header_count, "x-tollgate-tags");
        e = caller_tags(t, &asked, believed, &ignored, ei);
    }
    if (e == ERR_OK) {
        e = caller_tags(t, body_tags, true, &ignored, ei);
    }
    for (size_t i = 0; i < key_tags->count && e == ERR_OK; i++) {
        e = set(t, key_tags->at[i].key, key_tags->at[i].value, ei);
    }
    if (e == ERR_OK) {
        e = required(c, &call->tags, ei);
    }
    if (e == ERR_OK) {
        e = allowed_values(c, &call->tags, ei);
    }
    if (e == ERR_OK) {
        e = owned_by_caller(t, "inference profile", profile, ei);
    }
    if (e == ERR_OK) {
        e = owned_by_caller(t, "project", project, ei);
    }
    if (e == ERR_OK && ignored.len > 0) {
        t->ignored = arena_str(&call->arena, buf_str(&ignored));
    }
    buf_free(&ignored);
    return e;
}
