/* config_check.c: what no section of the file can see alone, and defaults that follow from others.
 */
#include "core/config/config_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_identity(struct config_reader *r)
{
    struct config *c = r->config;
    if (c->identity_required) {
        c->tags_from_caller_all = false;
        return;
    }
    for (size_t i = 0; i < c->listen_count; i++) {
        const char *host = c->listen[i].host;
        if (*host != '\0' && !config_host_is_loopback(host)) {
            config_mistake(r, config_line_of(r, "identity"), "identity",
                           "optional is for loopback only, and the listener in line %d is not; "
                           "use required",
                           c->listen[i].line);
            return;
        }
    }
}

static const struct config_names *values_of(const struct config *c, const char *key)
{
    for (size_t i = 0; i < c->tag_values_count; i++) {
        if (strcmp(c->tag_values[i].key, key) == 0) {
            return &c->tag_values[i].values;
        }
    }
    return NULL;
}

static void check_tag_defaults(struct config_reader *r)
{
    const struct config *c = r->config;
    for (size_t i = 0; i < c->tags_defaults.count; i++) {
        const struct config_pair *tag = &c->tags_defaults.at[i];
        const struct config_names *values = values_of(c, tag->key);
        bool allowed = values == NULL;
        for (size_t k = 0; values != NULL && k < values->count; k++) {
            allowed |= strcmp(values->at[k], tag->value) == 0;
        }
        if (!allowed) {
            config_mistake(r, config_line_of(r, "tags.defaults"), "tags.defaults",
                           "%.60s: %.60s is not among the values that tags.values allows", tag->key,
                           tag->value);
        }
    }
}

static bool is_zone(const char *name)
{
    static const char chars[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/";
    char path[128], magic[4];
    if (strspn(name, chars) != strlen(name) || name[0] == '/') {
        return false;
    }
    int n = snprintf(path, sizeof(path), "/usr/share/zoneinfo/%.80s", name);
    FILE *file = n > 0 ? fopen(path, "rbe") : NULL;
    if (file == NULL) {
        return false;
    }
    bool ok = fread(magic, 1, sizeof(magic), file) == sizeof(magic) &&
              memcmp(magic, "TZif", sizeof(magic)) == 0;
    (void)fclose(file); /* only read */
    return ok;
}

static void check_timezone(struct config_reader *r)
{
    const char *name = r->config->timezone;
    if (strcmp(name, "UTC") != 0 && !is_zone(name)) {
        config_mistake(r, config_line_of(r, "timezone"), "timezone",
                       "\"%.40s\" is not in /usr/share/zoneinfo; such as UTC or Europe/Berlin",
                       name);
    }
}

/* A core whose environment points AWS programs at tollgate must not call itself. */
static void check_loop(struct config_reader *r)
{
    struct config *c = r->config;
    struct config_url url;
    const char *why;
    if (!config_url_parse(str_of(c->endpoints[SERVICE_BEDROCK_RUNTIME]), &url, &why)) {
        return;
    }
    char host[256];
    str_copy(host, sizeof(host), url.host);
    for (size_t i = 0; i < c->listen_count; i++) {
        const struct config_listen *l = &c->listen[i];
        bool anywhere = strcmp(l->host, "0.0.0.0") == 0 || strcmp(l->host, "::") == 0;
        bool same = strcmp(l->host, host) == 0 || (config_host_is_loopback(host) &&
                                                   (anywhere || config_host_is_loopback(l->host)));
        if (l->port == url.port && same) {
            config_mistake(r, config_line_of(r, "endpoints.bedrock-runtime"),
                           "endpoints.bedrock-runtime",
                           "%.80s is tollgate's own listener: calls would go round for ever; name "
                           "Bedrock's endpoint here (AWS_ENDPOINT_URL* count where the file is "
                           "silent)",
                           c->endpoints[SERVICE_BEDROCK_RUNTIME]);
            return;
        }
    }
}

static void state_dir(struct config_reader *r)
{
    struct config *c = r->config;
    const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char path[4096];
    int n = 0;
    if (config_line_of(r, "state_dir") == 0) {
        if (xdg != NULL && xdg[0] == '/') {
            n = snprintf(path, sizeof(path), "%s/tollgate", xdg);
        } else if (home != NULL && home[0] == '/') {
            n = snprintf(path, sizeof(path), "%s/.local/state/tollgate", home);
        }
        if (n <= 0 || (size_t)n >= sizeof(path)) {
            config_mistake(r, 0, "state_dir",
                           "not given, and neither XDG_STATE_HOME nor HOME says where; add "
                           "state_dir: /var/lib/tollgate");
            return;
        }
        c->state_dir = config_text(r, str_of(path));
    }
    if (*c->key_file == '\0' && *c->state_dir != '\0') {
        n = snprintf(path, sizeof(path), "%s/master.key", c->state_dir);
        if (n <= 0 || (size_t)n >= sizeof(path)) {
            config_mistake(r, config_line_of(r, "state_dir"), "state_dir", "is too long");
            return;
        }
        c->key_file = config_text(r, str_of(path));
    }
}

static bool (*known_model)(const char *id);

void config_know_models(bool (*known)(const char *id))
{
    known_model = known;
}

static bool in_file(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->model_count; i++) {
        const struct config_model *m = &c->models[i];
        if ((m->name && strcmp(m->name, name) == 0) || (m->id && strcmp(m->id, name) == 0)) {
            return true;
        }
    }
    return false;
}

/* Globs are left to the catalog, which knows every name. */
static void check_limit_models(struct config_reader *r)
{
    const struct config *c = r->config;
    for (size_t i = 0; i < c->limit_count && known_model; i++) {
        for (size_t k = 0; k < c->limits[i].match_count; k++) {
            const struct config_match *m = &c->limits[i].match[k];
            if (strcmp(m->key, "model") == 0 && !strpbrk(m->glob, "*?") && !in_file(c, m->glob) &&
                !known_model(m->glob) && !(c->unknown_models_allow && strchr(m->glob, '.'))) {
                char key[48];
                (void)snprintf(key, sizeof(key), "limits[%zu].model", i);
                config_mistake(r, m->line, key, "no model %.60s: add it under models", m->glob);
            }
        }
    }
}

/* A misspelt ID, or a model newer than the table. */
static void check_model_ids(struct config_reader *r)
{
    const struct config *c = r->config;
    for (size_t i = 0; i < c->model_count && known_model; i++) {
        const struct config_model *m = &c->models[i];
        if (m->id && !m->base && !m->price.set && !str_starts(str_of(m->id), "arn:") &&
            !known_model(m->id)) {
            char key[48];
            (void)snprintf(key, sizeof(key), "models[%zu].id", i);
            config_warning(r, m->line, key,
                           "%.80s is not in the catalog: check the spelling; without a price: its "
                           "calls are unpriced, and usd limits refuse them",
                           m->id);
        }
    }
}

/* A restart counts windows again from the rollups: those of the longest must still be there. */
static void check_retention(struct config_reader *r)
{
    static const struct {
        const char *name;
        int hours; /* at most, and some to spare */
    } windows[] = {
        [WINDOW_NONE] = {"", 0},         [WINDOW_10S] = {"10s", 1},  [WINDOW_1M] = {"1m", 1},
        [WINDOW_1H] = {"1h", 1},         [WINDOW_DAY] = {"day", 48}, [WINDOW_WEEK] = {"week", 192},
        [WINDOW_MONTH] = {"month", 768},
    };
    const struct config *c = r->config;
    for (size_t i = 0; i < c->limit_count; i++) {
        const struct config_limit *l = &c->limits[i];
        if (l->name != NULL && c->retention_rollups_ms < windows[l->window].hours * 3600000LL) {
            config_mistake(r, config_line_of(r, "retention.rollups"), "retention.rollups",
                           "after a restart limit %.63s, whose window is %s, would have forgotten "
                           "what it counted: keep them %dd at least",
                           l->name, windows[l->window].name, windows[l->window].hours / 24);
            return;
        }
    }
}

void config_check(struct config_reader *r)
{
    check_limit_models(r);
    check_model_ids(r);
    config_listen_defaults(r);
    config_endpoint_defaults(r);
    state_dir(r);
    check_identity(r);
    check_tag_defaults(r);
    check_timezone(r);
    check_retention(r);
    check_loop(r);
}
