/* sim_profiles.c: see sim_profiles.h. */
#include "core/sim/sim_profiles.h"

#include <string.h>

/* {"k":"v"} of [{"key":"k","value":"v"}]; NULL: neither. */
static json_t *tags_of(json_t *given)
{
    json_t *tags = json_object(), *one;
    const char *key;
    size_t i;
    bool ok = tags != NULL;

    if (json_is_object(given)) {
        json_object_foreach(given, key, one)
        {
            ok = ok && json_is_string(one) && json_object_set(tags, key, one) == 0;
        }
    } else {
        json_array_foreach(given, i, one)
        {
            const char *name = json_string_value(json_object_get(one, "key"));
            json_t *value = json_object_get(one, "value");
            ok = ok && name != NULL && json_is_string(value) &&
                 json_object_set(tags, name, value) == 0;
        }
    }
    if (!ok || (given != NULL && !json_is_object(given) && !json_is_array(given))) {
        json_decref(tags);
        return NULL;
    }
    return tags;
}

static bool check_profile(json_t *p)
{
    const char *arn = json_string_value(json_object_get(p, "arn"));
    const char *id = json_string_value(json_object_get(p, "id"));
    json_t *models = json_object_get(p, "models"), *model;
    json_t *tags = tags_of(json_object_get(p, "tags"));
    size_t i;
    bool ok = arn != NULL && strncmp(arn, "arn:", 4) == 0 && id != NULL && tags != NULL &&
              json_array_size(models) > 0;

    json_array_foreach(models, i, model)
    {
        ok = ok && json_is_string(model);
    }
    if (!ok || json_object_set(p, "tags", tags) != 0) {
        ok = false;
    }
    json_decref(tags);
    return ok;
}

json_t *sim_profiles_parse(struct str json, struct err_info *ei)
{
    json_t *list = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, NULL), *p;
    size_t i;
    bool ok = json_is_array(list) && json_array_size(list) <= SIM_PROFILES_MAX;

    json_array_foreach(list, i, p)
    {
        ok = ok && check_profile(p);
    }
    if (!ok) {
        err_set(
            ei, ERR_PARSE,
            "profiles: an array of at most %d {\"arn\",\"id\",\"models\":[..],\"tags\":{..}} is "
            "needed",
            SIM_PROFILES_MAX);
        json_decref(list);
        return NULL;
    }
    return list;
}

const json_t *sim_profiles_find(const json_t *profiles, struct str name)
{
    json_t *p;
    size_t i;

    json_array_foreach(profiles, i, p)
    {
        if (str_is(name, json_string_value(json_object_get(p, "arn"))) ||
            str_is(name, json_string_value(json_object_get(p, "id")))) {
            return p;
        }
    }
    return NULL;
}

struct str sim_profiles_model(const json_t *profile)
{
    return str_of(json_string_value(json_array_get(json_object_get(profile, "models"), 0)));
}
