/* key_commands.c: the methods key.*. */
#include <stdio.h>
#include <string.h>

#include "core/control/commands.h"

#define KEYS_TIMES  64
#define KEYS_ROUNDS 16

static json_t *key_tags(const struct key_record *k)
{
    json_t *o = json_object();
    for (size_t i = 0; i < k->tag_count; i++) {
        (void)json_object_set_new(o, k->tags[i].key, json_string(k->tags[i].value));
    }
    return o;
}

static enum err add_tag(struct key_record *k, const char *key, const char *value,
                        struct err_info *ei)
{
    struct str name = config_tag_key(str_of(key));
    if (!tags_key_ok(name) || !tags_value_ok(str_of(value))) {
        return err_set(
            ei, ERR_PARSE,
            "tag %.64s: keys and values are 1 to 128 of A-Z a-z 0-9 space _ . : / = + @ -", key);
    }
    for (size_t i = 0; i < k->tag_count; i++) {
        if (str_is(name, k->tags[i].key)) {
            return err_set(ei, ERR_PARSE, "tag %.64s is given twice", key);
        }
    }
    if (k->tag_count == TAGS_MAX) {
        return err_set(ei, ERR_PARSE, "a key has at most %d tags", TAGS_MAX);
    }
    (void)str_copy(k->tags[k->tag_count].key, sizeof(k->tags[0].key), name);
    (void)str_copy(k->tags[k->tag_count].value, sizeof(k->tags[0].value), str_of(value));
    k->tag_count++;
    return ERR_OK;
}

static enum err allowed(const struct config *c, const struct key_record *k, struct err_info *ei)
{
    for (size_t i = 0; i < c->tag_values_count; i++) {
        for (size_t t = 0; t < k->tag_count; t++) {
            bool ok = strcmp(c->tag_values[i].key, k->tags[t].key) != 0;
            for (size_t v = 0; v < c->tag_values[i].values.count && !ok; v++) {
                ok = strcmp(c->tag_values[i].values.at[v], k->tags[t].value) == 0;
            }
            if (!ok) {
                return err_set(ei, ERR_PARSE,
                               "%s '%s' is not among tags.values in the configuration",
                               k->tags[t].key, k->tags[t].value);
            }
        }
    }
    return ERR_OK;
}

static const char *key_tag(const struct key_record *k, const char *name)
{
    for (size_t i = 0; i < k->tag_count; i++) {
        if (strcmp(k->tags[i].key, name) == 0) {
            return k->tags[i].value;
        }
    }
    return NULL;
}

static enum err read_tags(struct core *c, struct key_record *k, const json_t *params,
                          struct err_info *ei)
{
    static const char *const named[][2] = {{"application", "applicationId"},
                                           {"cost_center", "costCenter"},
                                           {"environment", "environment"}};
    enum err e = ERR_OK;
    for (size_t i = 0; i < 3 && e == ERR_OK; i++) {
        const char *value = param_text(params, named[i][0]);
        e = value ? add_tag(k, named[i][1], value, ei) : ERR_OK;
    }
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(params, "tags"), key, value)
    {
        if (e == ERR_OK) {
            e = json_is_string(value) ? add_tag(k, key, json_string_value(value), ei)
                                      : err_set(ei, ERR_PARSE, "tag %.64s must be text", key);
        }
    }
    if (e == ERR_OK && !key_tag(k, "applicationId")) {
        e = err_set(ei, ERR_PARSE, "application is missing: every key belongs to one");
    }
    return e == ERR_OK ? allowed(c->config, k, ei) : e;
}

struct subject_search {
    const char *subject;
    char taken_by[KEY_NAME_MAX + 1];
};

static bool compare_subject(void *arg, const struct key_record *k)
{
    struct subject_search *s = arg;
    bool same = k->revoked_ms == 0 && strcmp(k->subject, s->subject) == 0;
    if (same) {
        (void)str_copy(s->taken_by, sizeof(s->taken_by), str_of(k->name));
    }
    return !same;
}

/* The certificate that stands for the key, if one is named. */
static enum err read_subject(struct core *c, struct key_record *k, const json_t *params,
                             struct err_info *ei)
{
    const char *subject = param_text(params, "subject");
    struct subject_search s = {.subject = k->subject};
    if (!subject) {
        return ERR_OK;
    }
    enum err e = key_subject(k->subject, str_of(subject), ei);
    e = e == ERR_OK ? ledger_keys(c->ledger, compare_subject, &s, ei) : e;
    if (e == ERR_OK && s.taken_by[0]) {
        e = err_set(ei, ERR_EXISTS, "the key '%s' is bound to %.80s already: revoke it first",
                    s.taken_by, k->subject);
    }
    return e;
}

struct name_search {
    const char *base;
    char candidate[KEY_NAME_MAX + 1];
    bool taken;
};

static bool compare_name(void *arg, const struct key_record *k)
{
    struct name_search *s = arg;
    s->taken = s->taken || (k->revoked_ms == 0 && strcmp(k->name, s->candidate) == 0);
    return !s->taken;
}

/* A name that no valid key has: the given one or APPLICATION-N. */
static enum err choose_name(struct core *c, struct key_record *k, const json_t *params,
                            struct err_info *ei)
{
    const char *name = param_text(params, "name");
    struct name_search s = {.base = name ? name : key_tag(k, "applicationId")};
    for (int n = 1; n < 10000; n++) {
        (void)snprintf(s.candidate, sizeof(s.candidate), name ? "%.120s" : "%.120s-%d", s.base, n);
        s.taken = false;
        enum err e = ledger_keys(c->ledger, compare_name, &s, ei);
        if (e != ERR_OK) {
            return e;
        }
        if (!s.taken) {
            (void)str_copy(k->name, sizeof(k->name), str_of(s.candidate));
            return tags_value_ok(str_of(k->name))
                       ? ERR_OK
                       : err_set(ei, ERR_PARSE, "name '%.60s' has characters that are not allowed",
                                 s.base);
        }
        if (name) {
            return err_set(ei, ERR_EXISTS,
                           "a key named '%.60s' exists; revoke it first or choose another --name",
                           name);
        }
    }
    return err_set(ei, ERR_FULL, "no free name for a key of %.60s", s.base);
}

static void record_change(struct core *c, const struct actor *a, const char *action,
                          const struct key_record *k)
{
    struct ledger_change change = {.time_ms = clock_wall_ms(), .actor_uid = a->uid};
    (void)str_copy(change.action, sizeof(change.action), str_of(action));
    (void)str_copy(change.actor, sizeof(change.actor), str_of(a->login));
    (void)str_copy(change.new_value, sizeof(change.new_value), str_of(k->access_key_id));
    struct err_info ei = {.code = ERR_OK};
    if (ledger_change(c->ledger, &change, &ei) != ERR_OK && c->server) {
        server_event(c->server, "", a->login, "%s was not recorded: %s", action, ei.text);
    }
}

static json_t *with_subject(json_t *o, const struct key_record *k)
{
    if (k->subject[0]) {
        (void)json_object_set_new(o, "subject", json_string(k->subject));
    }
    return o;
}

static json_t *secrets_json(const struct key_record *k, const struct key_secrets *s)
{
    json_t *o = json_pack("{s:i, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "version", 1, "name", k->name,
                          "accessKeyId", k->access_key_id, "secretAccessKey", s->secret_access_key,
                          "bearerToken", s->bearer_token, "tags", key_tags(k), "created_at",
                          json_time(k->created_ms), "expires_at", json_time(k->expires_ms));
    return with_subject(o, k);
}

enum err key_add(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                 struct err_info *ei)
{
    struct key_record k = {.tag_count = 0};
    struct key_secrets secrets;
    enum err e = read_tags(c, &k, params, ei);
    e = e == ERR_OK ? read_subject(c, &k, params, ei) : e;
    e = e == ERR_OK ? choose_name(c, &k, params, ei) : e;
    const char *expires = param_text(params, "expires");
    int64_t ms = 0;
    if (e == ERR_OK && expires) {
        if (!config_duration_parse(str_of(expires), &ms) || ms <= 0) {
            return err_set(ei, ERR_PARSE, "expires '%.40s': must be a duration such as 90d",
                           expires);
        }
        k.expires_ms = money_add(clock_wall_ms(), ms);
    }
    e = e == ERR_OK ? identity_draw(c->identity, &k, &secrets, ei) : e;
    e = e == ERR_OK ? ledger_key_add(c->ledger, &k, ei) : e;
    if (e == ERR_OK && identity_put(c->identity, &k) != ERR_OK) {
        e = err_set(ei, ERR_NOMEM, "the key is stored but memory is short: restart the core");
    }
    if (e == ERR_OK) {
        record_change(c, a, "key.add", &k);
        *result = secrets_json(&k, &secrets);
    }
    explicit_bzero(&secrets, sizeof(secrets));
    return e;
}

static bool on_key(void *arg, const struct key_record *k)
{
    json_t *o =
        json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "name", k->name, "accessKeyId",
                  k->access_key_id, "tags", key_tags(k), "created_at", json_time(k->created_ms),
                  "expires_at", json_time(k->expires_ms), "revoked_at", json_time(k->revoked_ms),
                  "last_used_at", json_time(k->last_used_ms));
    return json_array_append_new(arg, with_subject(o, k)) == 0;
}

void key_store_use(struct core *c)
{
    struct identity_use used[KEYS_TIMES];
    size_t n = KEYS_TIMES;
    /* Bounded: a key in use is told again each time it is asked for. */
    for (int i = 0; i < KEYS_ROUNDS && n == KEYS_TIMES; i++) {
        n = identity_last_used(c->identity, used, KEYS_TIMES);
        for (size_t k = 0; k < n; k++) {
            (void)!ledger_key_used(c->ledger, used[k].access_key_id, used[k].at_ms, NULL);
        }
    }
}

enum err key_list(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                  struct err_info *ei)
{
    (void)a, (void)params;
    key_store_use(c);
    json_t *keys = json_array();
    enum err e = ledger_keys(c->ledger, on_key, keys, ei);
    if (e != ERR_OK) {
        json_decref(keys);
        return e;
    }
    *result = json_pack("{s:i, s:o}", "version", 1, "keys", keys);
    return ERR_OK;
}

enum err key_revoke(struct core *c, const struct actor *a, const json_t *params, json_t **result,
                    struct err_info *ei)
{
    const char *key = param_text(params, "key");
    struct key_record k;
    if (!key) {
        key = param_text(params, "name");
    }
    if (!key) {
        return err_set(ei, ERR_PARSE, "which key? give its name or access key ID");
    }
    enum err e = ledger_key_revoke(c->ledger, str_of(key), clock_wall_ms(), &k, ei);
    if (e != ERR_OK) {
        return e;
    }
    if (identity_put(c->identity, &k) != ERR_OK) {
        return err_set(ei, ERR_NOMEM,
                       "the key is revoked in the ledger, but the running core still knows it: "
                       "restart the core");
    }
    record_change(c, a, "key.revoke", &k);
    *result = json_pack("{s:i, s:s, s:s, s:o}", "version", 1, "name", k.name, "accessKeyId",
                        k.access_key_id, "revoked_at", json_time(k.revoked_ms));
    return ERR_OK;
}
