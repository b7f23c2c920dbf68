/* setup_projects.c: projects of bedrock-mantle. */
#include "core/cloud/setup_private.h"

#include "core/aws/mantle_projects.h"

static bool take_row(void *arg, const struct mantle_project *p)
{
    return json_array_append_new(
               arg, json_pack("{s:s, s:o, s:s, s:s, s:o, s:o}", "id", p->id, "arn",
                              setup_string(p->arn), "name", p->name, "status", p->status, "tags",
                              json_is_object(p->tags) ? json_deep_copy(p->tags) : json_object(),
                              "created_at", setup_time(p->created_ms))) == 0;
}

enum err setup_projects_list(struct setup *s, const json_t *params, json_t **result,
                             struct err_info *ei)
{
    struct aws_session a = setup_session(s, SERVICE_BEDROCK_MANTLE);
    json_t *rows = json_array();
    (void)params;
    enum err e = mantle_projects_list(&a, take_row, rows, NULL, ei);
    if (e != ERR_OK) {
        json_decref(rows);
        return e;
    }
    return setup_result(json_pack("{s:o}", "projects", rows), result, ei);
}

enum err setup_projects_create(struct setup *s, const json_t *params, json_t **result,
                               struct err_info *ei)
{
    struct aws_session a = setup_session(s, SERVICE_BEDROCK_MANTLE);
    const char *name;
    json_t *tags, *plan, *rows;
    char pairs[600];
    enum err e = setup_need(params, "name", "what the project is called", &name, ei);
    e = e != ERR_OK ? e : setup_tags(params, &tags, ei);
    if (e == ERR_OK && json_object_size(tags) == 0) {
        e = err_set(ei, ERR_USAGE,
                    "--tag costCenter=NAME is needed: without tags nothing is attributed");
    }
    if (e != ERR_OK) {
        return e;
    }
    if (setup_flag(params, "dry_run")) {
        plan = json_array();
        setup_pairs(pairs, sizeof(pairs), tags);
        setup_say(plan, "Create the bedrock-mantle project %s in %s", name, s->config->region);
        setup_say(plan, "with the tags %s. A project can be archived, never deleted.", pairs);
        return setup_planned(plan, json_pack("{s:s, s:O}", "name", name, "tags", tags), result, ei);
    }
    rows = json_array();
    e = mantle_projects_create(&a, name, tags, take_row, rows, ei);
    if (e != ERR_OK) {
        json_decref(rows);
        return e;
    }
    return setup_result(
        json_pack("{s:o, s:[s]}", "projects", rows, "notes",
                  "Put its ID under projects: of the models in the configuration, by cost center."),
        result, ei);
}

enum err setup_projects_archive(struct setup *s, const json_t *params, json_t **result,
                                struct err_info *ei)
{
    struct aws_session a = setup_session(s, SERVICE_BEDROCK_MANTLE);
    const char *id;
    enum err e = setup_need(params, "project", "its ID, proj_..", &id, ei);
    if (e == ERR_OK && setup_flag(params, "dry_run")) {
        json_t *plan = json_array();
        setup_say(plan,
                  "Archive the bedrock-mantle project %s: calls with it are refused from "
                  "then on. This cannot be taken back.",
                  id);
        return setup_planned(plan, json_pack("{s:s}", "id", id), result, ei);
    }
    e = e != ERR_OK ? e : mantle_projects_archive(&a, id, ei);
    return e != ERR_OK ? e
                       : setup_result(json_pack("{s:s, s:[s]}", "id", id, "notes",
                                                "The project is archived."),
                                      result, ei);
}
