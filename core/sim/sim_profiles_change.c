/* sim_profiles_change.c: Bedrock's control plane: application inference profiles made and deleted,
 * and whether invocations are logged. */
#include "core/sim/sim_family.h"
#include "core/sim/sim_profiles.h"
#include "core/sim/sim_setup.h"
#include "core/sim/sim_state.h"

#include <string.h>

#define NAME_SPACE 2048

/* The model behind a source's ARN; NULL: no source to copy from. */
static const char *model_of(const char *arn)
{
    const char *slash = strrchr(arn, '/');
    bool profile = strstr(arn, ":inference-profile/") != NULL;
    bool source = profile || strstr(arn, ":foundation-model/") != NULL;

    const char *dot = profile && slash != NULL ? strchr(slash, '.') : NULL;

    /* A system profile's model stands behind its geography. */
    if (!source || slash == NULL || !sim_family_known(str_of(slash + 1))) {
        return NULL;
    }
    return dot != NULL ? dot + 1 : slash + 1;
}

static const char *wrong_profile(const json_t *root)
{
    const char *name = sim_setup_text(root, "inferenceProfileName");
    const json_t *tags = json_object_get(root, "tags"), *tag;
    size_t i;

    if (name[0] == '\0' || strlen(name) > 64 || strpbrk(name, ".:/,") != NULL) {
        return "inferenceProfileName: 1 to 64 of letters, digits, space, _ and -.";
    }
    if (model_of(sim_setup_text(json_object_get(root, "modelSource"), "copyFrom")) == NULL) {
        return "modelSource.copyFrom: the ARN of a foundation model or a system-defined inference "
               "profile is needed.";
    }
    json_array_foreach(tags, i, tag)
    {
        if (sim_setup_text(tag, "key")[0] == '\0' ||
            !json_is_string(json_object_get(tag, "value"))) {
            return "tags: a key and a value each.";
        }
    }
    return i > 200 ? "tags: at most 200." : NULL;
}

static void create(struct sim_connection *c, const json_t *root)
{
    struct sim *s = sim_http_owner(c);
    const char *wrong = wrong_profile(root), *name = sim_setup_text(root, "inferenceProfileName");
    char id[16];

    if (wrong != NULL) {
        sim_http_error(c, 400, "ValidationException", wrong);
        return;
    }
    if (s->profiles == NULL) {
        s->profiles = json_array();
    }
    if (sim_setup_find(s->profiles, "name", name) != NULL) {
        sim_http_error(c, 400, "ConflictException", "A profile of that name exists.");
        return;
    }
    uint8_t hash[32];
    sigv4_sha256(hash, name, strlen(name));
    str_hex(id, hash, 6);
    json_t *arn = json_sprintf(
        "arn:aws:bedrock:%s:" SIM_ACCOUNT ":application-inference-profile/%s", s->region, id);
    json_t *tags = json_object(), *tag;
    size_t i;
    json_array_foreach(json_object_get(root, "tags"), i, tag)
    {
        (void)json_object_set(tags, sim_setup_text(tag, "key"), json_object_get(tag, "value"));
    }
    (void)json_array_append_new(
        s->profiles,
        json_pack("{s:s, s:s, s:O, s:[s], s:o}", "name", name, "id", id, "arn", arn, "models",
                  model_of(sim_setup_text(json_object_get(root, "modelSource"), "copyFrom")),
                  "tags", tags));
    sim_json_answer_rest(c, 201,
                         json_pack("{s:o, s:s}", "inferenceProfileArn", arn, "status", "ACTIVE"));
}

static void delete_profile(struct sim_connection *c, struct str segment)
{
    struct sim *s = sim_http_owner(c);
    char name[NAME_SPACE];
    json_t *one;
    size_t i;

    json_array_foreach(s->profiles, i, one)
    {
        if (str_percent_decode(name, sizeof name, segment) &&
            (strcmp(name, sim_setup_text(one, "arn")) == 0 ||
             strcmp(name, sim_setup_text(one, "id")) == 0)) {
            (void)json_array_remove(s->profiles, i);
            sim_json_answer_rest(c, 200, json_object());
            return;
        }
    }
    sim_http_error(c, 404, "ResourceNotFoundException",
                   "The provided inference profile identifier is not found.");
}

static void handle_logging(struct sim_connection *c, const struct sim_request *r, json_t *root)
{
    json_t *list = sim_setup_list(c, "logging"), *config = json_object_get(root, "loggingConfig");

    if (str_is(r->method, "GET")) {
        json_t *now = json_array_get(list, 0);
        sim_json_answer_rest(
            c, 200, now != NULL ? json_pack("{s:O}", "loggingConfig", now) : json_object());
    } else if (str_is(r->method, "PUT") && json_is_object(config)) {
        (void)json_array_clear(list);
        (void)json_array_append(list, config);
        sim_json_answer_rest(c, 200, json_object());
    } else if (str_is(r->method, "DELETE")) {
        (void)json_array_clear(list);
        sim_json_answer_rest(c, 200, json_object());
    } else {
        sim_http_error(c, 400, "ValidationException", "loggingConfig: missing");
    }
}

bool sim_profiles_change(struct sim_connection *c, const struct sim_request *r)
{
    static const char prefix[] = "/inference-profiles/";
    json_t *root = json_loadb(r->body.p != NULL ? r->body.p : "", r->body.n, 0, NULL);
    bool theirs = true;

    if (str_is(r->method, "POST") && str_is(r->path, "/inference-profiles")) {
        create(c, root);
    } else if (str_is(r->method, "DELETE") && str_starts(r->path, prefix)) {
        delete_profile(c, str_sub(r->path, sizeof prefix - 1, r->path.n));
    } else if (str_is(r->path, "/logging/modelinvocations")) {
        handle_logging(c, r, root);
    } else {
        theirs = false;
    }
    json_decref(root);
    return theirs;
}
