/* setup_profiles.c: application inference profiles: made with tags, listed with them, and the
 * configuration's lines that send a cost center's calls through its own. */
#include "core/cloud/setup_private.h"

#include "core/aws/bedrock_profiles.h"
#include "core/base/uuid.h"

#include <stdio.h>

/* --- create --- */

static bool take_arn(void *arg, const struct bedrock_profile *p)
{
    return str_copy(arg, BEDROCK_PROFILE_ARN, str_of(p->arn));
}

/* ARN of what a profile is copied from: an ARN as it is, a system profile's asked of AWS, else the
 * foundation model's. `model` is a name of the file or an ID. */
static enum err source_of(const struct setup *s, const char *model, char out[BEDROCK_PROFILE_ARN],
                          struct err_info *ei)
{
    if (str_starts(str_of(model), "arn:")) {
        return str_copy(out, BEDROCK_PROFILE_ARN, str_of(model))
                   ? ERR_OK
                   : err_set(ei, ERR_USAGE, "--from is too long for an ARN");
    }
    struct catalog *c = catalog_new(s->config, ei);
    struct resolved r;
    if (c == NULL) {
        return ERR_PARSE;
    }
    enum err e = catalog_resolve(c, str_of(model), &r, ei);
    if (e == ERR_OK && strcmp(r.upstream_id, r.model->base_id) == 0) {
        (void)snprintf(out, BEDROCK_PROFILE_ARN, "arn:%s:bedrock:%s::foundation-model/%s",
                       setup_partition(s->config), s->config->region, r.upstream_id);
    } else if (e == ERR_OK && str_starts(str_of(r.upstream_id), "arn:")) {
        (void)str_copy(out, BEDROCK_PROFILE_ARN, str_of(r.upstream_id));
    } else if (e == ERR_OK) {
        struct aws_session a = setup_session(s, SERVICE_BEDROCK);
        e = bedrock_profiles_get(&a, r.upstream_id, take_arn, out, ei);
    }
    catalog_free(c);
    return e;
}

enum err setup_profiles_create(struct setup *s, const json_t *params, json_t **result,
                               struct err_info *ei)
{
    const char *name, *from;
    json_t *tags, *plan = NULL;
    char source[BEDROCK_PROFILE_ARN] = "", arn[BEDROCK_PROFILE_ARN], pairs[600];
    char token[UUID_TEXT];
    enum err e = setup_need(params, "name", "what the profile is called", &name, ei);
    e = e != ERR_OK ? e : setup_need(params, "from", "a model's name, ID or ARN", &from, ei);
    e = e != ERR_OK ? e : setup_tags(params, &tags, ei);
    if (e == ERR_OK && json_object_size(tags) == 0) {
        e = err_set(ei, ERR_USAGE,
                    "--tag costCenter=NAME is needed: without tags nothing is attributed");
    }
    e = e != ERR_OK ? e : source_of(s, from, source, ei);
    if (e != ERR_OK) {
        return e;
    }
    uuid_random(token);
    setup_pairs(pairs, sizeof(pairs), tags);
    plan = json_array();
    setup_say(plan, "Create the application inference profile %s in %s", name, s->config->region);
    setup_say(plan, "copied from %s", source);
    setup_say(plan, "with the tags %s.", pairs);
    json_t *body =
        bedrock_profiles_create_body(name, setup_text(params, "description"), source, tags, token);
    if (setup_flag(params, "dry_run")) {
        return setup_planned(plan, body, result, ei);
    }
    json_decref(plan);
    struct aws_session a = setup_session(s, SERVICE_BEDROCK);
    e = bedrock_profiles_create(&a, body, arn, ei);
    return e != ERR_OK
               ? e
               : setup_result(
                     json_pack("{s:s, s:s, s:O, s:[s, s]}", "arn", arn, "name", name, "tags", tags,
                               "notes",
                               "tollgate aws profiles map prints the line that puts it to use.",
                               "Its tags show in billing once activated: tollgate aws tags "
                               "activate."),
                     result, ei);
}

/* --- list, show --- */

struct listing {
    const struct aws_session *session;
    const struct config *config;
    json_t *rows;
    struct err_info *ei;
    enum err e;
};

/* "model.costCenter" of the file's line that names the profile, or null. */
static json_t *mapped_in(const struct config *config, const struct bedrock_profile *p)
{
    for (size_t m = 0; m < config->model_count; m++) {
        const struct config_pairs *all = &config->models[m].profiles;
        for (size_t i = 0; i < all->count; i++) {
            if (strcmp(all->at[i].value, p->arn) == 0 || strcmp(all->at[i].value, p->id) == 0) {
                return json_sprintf("%s for %s", config->models[m].name, all->at[i].key);
            }
        }
    }
    return json_null();
}

static bool take_listed(void *arg, const struct bedrock_profile *p)
{
    struct listing *l = arg;
    json_t *tags = NULL;
    bool application = strcmp(p->type, "SYSTEM_DEFINED") != 0;
    l->e = application ? bedrock_profiles_tags(l->session, p->arn, &tags, l->ei) : ERR_OK;
    if (l->e != ERR_OK) {
        return false;
    }
    const char *model = strrchr(p->model_arn, '/');
    return json_array_append_new(
               l->rows, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "name", p->name,
                                  "id", p->id, "arn", p->arn, "type", p->type, "status", p->status,
                                  "model", model != NULL ? model + 1 : p->model_arn, "tags",
                                  tags != NULL ? tags : json_object(), "created_at",
                                  setup_string(p->created), "mapped", mapped_in(l->config, p))) ==
           0;
}

enum err setup_profiles_list(struct setup *s, const json_t *params, json_t **result,
                             struct err_info *ei)
{
    struct aws_session a = setup_session(s, SERVICE_BEDROCK);
    struct listing l = {
        .session = &a, .config = s->config, .rows = json_array(), .ei = ei, .e = ERR_OK};
    enum err e = bedrock_profiles_list(&a, setup_flag(params, "all") ? NULL : "APPLICATION",
                                       take_listed, &l, NULL, ei);
    if (e != ERR_OK) {
        json_decref(l.rows);
        return l.e != ERR_OK ? l.e : e;
    }
    return setup_result(json_pack("{s:o}", "profiles", l.rows), result, ei);
}

enum err setup_profiles_show(struct setup *s, const json_t *params, json_t **result,
                             struct err_info *ei)
{
    struct aws_session a = setup_session(s, SERVICE_BEDROCK);
    struct listing l = {
        .session = &a, .config = s->config, .rows = json_array(), .ei = ei, .e = ERR_OK};
    const char *id;
    enum err e = setup_need(params, "profile", "its ID or ARN", &id, ei);
    e = e != ERR_OK ? e : bedrock_profiles_get(&a, id, take_listed, &l, ei);
    if (e != ERR_OK) {
        json_decref(l.rows);
        return l.e != ERR_OK ? l.e : e;
    }
    return setup_result(json_pack("{s:o}", "profiles", l.rows), result, ei);
}

/* --- delete --- */

enum err setup_profiles_delete(struct setup *s, const json_t *params, json_t **result,
                               struct err_info *ei)
{
    json_t *shown = NULL, *plan = json_array();
    enum err e = setup_profiles_show(s, params, &shown, ei);
    json_t *p = json_array_get(json_object_get(shown, "profiles"), 0);
    struct aws_session a = setup_session(s, SERVICE_BEDROCK);
    char pairs[600];
    setup_pairs(pairs, sizeof(pairs), json_object_get(p, "tags"));
    setup_say(plan, "Delete the inference profile %s (%s), of %s", aws_json_text(p, "name"),
              aws_json_text(p, "arn"), aws_json_text(p, "model"));
    setup_say(plan, "with the tags %s. What was billed to it stays billed to it.", pairs);
    if (json_is_string(json_object_get(p, "mapped"))) {
        setup_say(plan, "The configuration still names it (%s): those calls would fail.",
                  aws_json_text(p, "mapped"));
    }
    if (e == ERR_OK && setup_flag(params, "dry_run")) {
        e = setup_planned(
            json_incref(plan),
            json_pack("{s:O}", "inferenceProfileIdentifier", json_object_get(p, "arn")), result,
            ei);
    } else if (e == ERR_OK) {
        e = bedrock_profiles_delete(&a, aws_json_text(p, "arn"), ei);
        e = e != ERR_OK ? e
                        : setup_result(json_pack("{s:O, s:[s]}", "arn", json_object_get(p, "arn"),
                                                 "notes", "The inference profile is deleted."),
                                       result, ei);
    }
    json_decref(shown);
    json_decref(plan);
    return e;
}

/* --- map --- */

struct mapping {
    struct catalog *catalog;
    const char *key; /* tag whose value is the cost center */
    json_t *rows;    /* of the list */
    struct buf *out;
    size_t lines;
};

/* Adds the profiles of one model as "  - name: ..  profiles: {..}". */
static void map_model(struct mapping *m, const struct config_model *model)
{
    struct resolved own, other;
    size_t i, found = 0;
    json_t *row;
    if (catalog_resolve(m->catalog, str_of(model->name), &own, NULL) != ERR_OK) {
        return;
    }
    json_array_foreach(m->rows, i, row)
    {
        json_t *center = json_object_get(json_object_get(row, "tags"), m->key);
        if (!json_is_string(center) ||
            catalog_resolve(m->catalog, str_of(aws_json_text(row, "model")), &other, NULL) !=
                ERR_OK ||
            strcmp(own.model->base_id, other.model->base_id) != 0) {
            continue;
        }
        if (found++ == 0) {
            buf_add(m->out, "  - name: ");
            buf_json_string(m->out, str_of(model->name));
            if (model->id != NULL) {
                buf_add(m->out, "\n    id: ");
                buf_json_string(m->out, str_of(model->id));
            }
            buf_add(m->out, "\n    profiles: {");
        }
        buf_add(m->out, found > 1 ? ", " : "");
        buf_json_string(m->out, str_of(json_string_value(center)));
        buf_add(m->out, ": ");
        buf_json_string(m->out, str_of(aws_json_text(row, "arn")));
    }
    buf_add(m->out, found > 0 ? "}\n" : "");
    m->lines += found;
}

enum err setup_profiles_map(struct setup *s, const json_t *params, json_t **result,
                            struct err_info *ei)
{
    json_t *listed = NULL, *notes = json_array();
    struct buf out = {0};
    enum err e = setup_profiles_list(s, params, &listed, ei);
    struct mapping m = {.catalog = e == ERR_OK ? catalog_new(s->config, ei) : NULL,
                        .key = setup_billing_key(s->config, "costCenter"),
                        .rows = json_object_get(listed, "profiles"),
                        .out = &out};
    e = e == ERR_OK && m.catalog == NULL ? ERR_PARSE : e;
    if (e == ERR_OK) {
        buf_add(&out, "models:\n");
        for (size_t i = 0; i < s->config->model_count; i++) {
            map_model(&m, &s->config->models[i]);
        }
        if (m.lines == 0) {
            buf_clear(&out);
            setup_say(notes,
                      "No application inference profile with the tag %s is of a model in the file: "
                      "nothing to map.",
                      m.key);
        } else {
            setup_say(notes, "Put the profiles: lines into the models of the configuration, then "
                             "reload tollgate.");
        }
        e = setup_result(json_pack("{s:s, s:O}", "text", buf_cstr(&out), "notes", notes), result,
                         ei);
    }
    catalog_free(m.catalog);
    buf_free(&out);
    json_decref(listed);
    json_decref(notes);
    return e;
}
