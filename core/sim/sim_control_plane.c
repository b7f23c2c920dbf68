/* sim_control_plane.c: service `bedrock`: inference profiles and their tags, as a test set them. */
#include "core/sim/sim_family.h"
#include "core/sim/sim_form.h"
#include "core/sim/sim_profiles.h"
#include "core/sim/sim_setup.h"
#include "core/sim/sim_state.h"

#include <string.h>

#define CREATED    "2026-01-01T00:00:00Z"
#define NAME_SPACE 2048

static const char *text_of(const json_t *profile, const char *member)
{
    return json_string_value(json_object_get(profile, member));
}

static bool is_application(const json_t *profile)
{
    return strstr(text_of(profile, "arn"), ":application-inference-profile/") != NULL;
}

/* Never with tags: those have a call of their own. */
static json_t *summary_of(const struct sim *s, const json_t *profile)
{
    const char *name = text_of(profile, "name");
    json_t *models = json_array(), *model;
    size_t i;

    json_array_foreach(json_object_get(profile, "models"), i, model)
    {
        const char *id = json_string_value(model);
        json_t *arn = strncmp(id, "arn:", 4) == 0
                          ? json_string(id)
                          : json_sprintf("arn:aws:bedrock:%s::foundation-model/%s", s->region, id);
        (void)json_array_append_new(models, json_pack("{s:o}", "modelArn", arn));
    }
    return json_pack("{s:s,s:s,s:s,s:o,s:s,s:s,s:s,s:s}", "inferenceProfileName",
                     name != NULL ? name : text_of(profile, "id"), "inferenceProfileArn",
                     text_of(profile, "arn"), "inferenceProfileId", text_of(profile, "id"),
                     "models", models, "status", "ACTIVE", "type",
                     is_application(profile) ? "APPLICATION" : "SYSTEM_DEFINED", "createdAt",
                     CREATED, "updatedAt", CREATED);
}

static void list_profiles(struct sim_connection *c, struct str query)
{
    struct sim *s = sim_http_owner(c);
    struct str type = sim_form_raw(query, "type");
    int64_t most = s->knobs.page_size, from = 0, seen = 0;
    json_t *list = json_array(), *profile, *next = NULL;
    struct str told = sim_form_raw(query, "maxResults"), token = sim_form_raw(query, "nextToken");
    size_t i;

    if ((told.p != NULL && (!str_to_i64(told, &most) || most < 1 || most > 1000)) ||
        (token.p != NULL && (!str_to_i64(token, &from) || from < 0))) {
        json_decref(list);
        sim_http_error(c, 400, "ValidationException", "maxResults or nextToken is not valid.");
        return;
    }
    most = most < s->knobs.page_size ? most : s->knobs.page_size;
    json_array_foreach(s->profiles, i, profile)
    {
        bool wanted = type.n == 0 || str_is(type, "APPLICATION") == is_application(profile);
        if (!wanted || seen++ < from) {
            continue;
        }
        if (seen > from + most) {
            next = json_sprintf("%lld", (long long)seen - 1);
            break;
        }
        (void)json_array_append_new(list, summary_of(s, profile));
    }
    json_t *root = json_pack("{s:o}", "inferenceProfileSummaries", list);
    if (next != NULL) {
        (void)json_object_set_new(root, "nextToken", next);
    }
    sim_json_answer_rest(c, 200, root);
}

/* Those that AWS defines are there without being set up: an ID with a geography before it. */
static bool is_system_profile(const char *name)
{
    static const char *const geographies[] = {"us.", "eu.", "apac.", "jp.", "au.", "global."};
    for (size_t i = 0; i < sizeof geographies / sizeof geographies[0]; i++) {
        if (str_starts(str_of(name), geographies[i])) {
            return sim_family_known(str_of(name));
        }
    }
    return false;
}

static void answer_system_profile(struct sim_connection *c, const char *id)
{
    struct sim *s = sim_http_owner(c);
    json_t *arn =
        json_sprintf("arn:aws:bedrock:%s:" SIM_ACCOUNT ":inference-profile/%s", s->region, id);
    json_t *profile = json_pack("{s:s, s:s, s:o, s:[s]}", "name", id, "id", id, "arn", arn,
                                "models", strchr(id, '.') + 1);
    sim_json_answer_rest(c, 200, summary_of(s, profile));
    json_decref(profile);
}

static void get_profile(struct sim_connection *c, struct str segment)
{
    struct sim *s = sim_http_owner(c);
    char name[NAME_SPACE];
    const json_t *profile = NULL;

    if (str_percent_decode(name, sizeof name, segment)) {
        profile = sim_profiles_find(s->profiles, str_of(name));
    }
    if (profile == NULL && is_system_profile(name)) {
        answer_system_profile(c, name);
        return;
    }
    if (profile == NULL) {
        sim_http_error(c, 404, "ResourceNotFoundException",
                       "The provided inference profile identifier is not found.");
        return;
    }
    sim_json_answer_rest(c, 200, summary_of(s, profile));
}

static void list_tags(struct sim_connection *c, struct str body)
{
    struct sim *s = sim_http_owner(c);
    json_t *root = json_loadb(body.p != NULL ? body.p : "", body.n, 0, NULL);
    json_t *named = json_object_get(root, "resourceARN"), *value, *list;
    const json_t *profile = sim_profiles_find(s->profiles, str_of(json_string_value(named)));
    const char *key;

    if (!json_is_string(named)) {
        sim_http_error(c, 400, "ValidationException", "resourceARN: missing");
    } else if (profile == NULL) {
        sim_http_error(c, 404, "ResourceNotFoundException", "There is no such resource.");
    } else {
        list = json_array();
        json_object_foreach(json_object_get(profile, "tags"), key, value)
        {
            (void)json_array_append_new(list, json_pack("{s:s,s:O}", "key", key, "value", value));
        }
        sim_json_answer_rest(c, 200, json_pack("{s:o}", "tags", list));
    }
    json_decref(root);
}

void sim_control_plane_handle(struct sim_connection *c, const struct sim_request *r)
{
    static const char profiles[] = "/inference-profiles";
    struct str rest = str_sub(r->path, sizeof profiles, r->path.n);
    bool get = str_is(r->method, "GET");

    sim_http_owner(c)->ledger.control_calls++;
    if (get && str_is(r->path, profiles)) {
        list_profiles(c, r->query);
    } else if (get && str_starts(r->path, "/inference-profiles/")) {
        get_profile(c, rest);
    } else if (str_is(r->method, "POST") && str_is(r->path, "/listTagsForResource")) {
        list_tags(c, r->body);
    } else if (!sim_profiles_change(c, r)) {
        sim_http_error(c, 404, "UnknownOperationException", "That operation is not simulated.");
    }
}
