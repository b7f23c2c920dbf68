/* sim_projects.c: bedrock-mantle's projects: create, list, get, archive. */
#include "core/sim/sim_form.h"
#include "core/sim/sim_refuse.h"
#include "core/sim/sim_setup.h"
#include "core/sim/sim_state.h"

static const char projects_path[] = "/v1/organization/projects";

static void refuse(struct sim_connection *c, int status, const char *type, const char *message)
{
    sim_refuse(c, SIM_TONGUE_OPENAI, status, type, message);
}

static void create(struct sim_connection *c, struct str body)
{
    struct sim *s = sim_http_owner(c);
    json_t *root = json_loadb(body.p != NULL ? body.p : "", body.n, 0, NULL);
    json_t *tags = json_object_get(root, "tags"), *list = sim_setup_list(c, "projects");
    const char *name = sim_setup_text(root, "name");

    if (name[0] == '\0' || (tags != NULL && !json_is_object(tags))) {
        refuse(c, 400, "ValidationException", "name: a text, and tags: an object, are needed");
        json_decref(root);
        return;
    }
    json_t *id = json_sprintf("proj_simulated%zu", json_array_size(list) + 1);
    json_t *project =
        json_pack("{s:o, s:o, s:s, s:s, s:s, s:I, s:O, s:{s:s}}", "id", id, "arn",
                  json_sprintf("arn:aws:bedrock-mantle:%s:" SIM_ACCOUNT ":project/%s", s->region,
                               json_string_value(id)),
                  "name", name, "object", "organization.project", "status", "active", "created_at",
                  (json_int_t)(loop_wall_ms(s->loop) / 1000), "tags",
                  tags != NULL ? tags : json_object(), "data_retention", "mode", "inherit");
    (void)json_array_append(list, project);
    json_decref(root);
    sim_json_answer_rest(c, 200, project);
}

static void list_projects(struct sim_connection *c, struct str query)
{
    int64_t most = sim_http_owner(c)->knobs.page_size, told;
    json_t *all = sim_setup_list(c, "projects"), *page = json_array(), *one;
    struct str after = sim_form_raw(query, "after");
    bool from = after.n == 0, more = false;
    size_t i;

    if (str_to_i64(sim_form_raw(query, "limit"), &told) && told > 0 && told < most) {
        most = told;
    }
    json_array_foreach(all, i, one)
    {
        if (from && (int64_t)json_array_size(page) == most) {
            more = true;
        } else if (from) {
            (void)json_array_append(page, one);
        }
        from = from || str_is(after, sim_setup_text(one, "id"));
    }
    json_t *last = json_array_get(page, json_array_size(page) - 1);
    json_t *root = json_pack("{s:s, s:b, s:s*, s:O}", "object", "list", "has_more", more, "last_id",
                             json_string_value(json_object_get(last, "id")), "data", page);
    json_decref(page);
    sim_json_answer_rest(c, 200, root);
}

static void handle_one(struct sim_connection *c, const struct sim_request *r, struct str rest)
{
    struct str action;
    struct str id = str_cut(rest, '/', &action);
    char name[160];
    json_t *project = str_copy(name, sizeof name, id)
                          ? sim_setup_find(sim_setup_list(c, "projects"), "id", name)
                          : NULL;

    if (project == NULL) {
        refuse(c, 404, "ResourceNotFoundException", "The project does not exist.");
    } else if (str_is(r->method, "GET") && action.p == NULL) {
        sim_json_answer_rest(c, 200, json_incref(project));
    } else if (str_is(r->method, "POST") && str_is(action, "archive")) {
        (void)json_object_set_new(project, "status", json_string("archived"));
        sim_json_answer_rest(c, 200, json_incref(project));
    } else {
        refuse(c, 404, "UnknownOperationException", "That operation is not simulated.");
    }
}

bool sim_projects_handle(struct sim_connection *c, const struct sim_request *r)
{
    bool post = str_is(r->method, "POST");

    if (!str_starts(r->path, projects_path)) {
        return false;
    }
    if (str_is(r->path, projects_path) && (post || str_is(r->method, "GET"))) {
        if (post) {
            create(c, r->body);
        } else {
            list_projects(c, r->query);
        }
    } else {
        handle_one(c, r, str_sub(r->path, sizeof projects_path, r->path.n));
    }
    return true;
}
