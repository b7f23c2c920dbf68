/* setup.c: what every setup command needs, and which is run. */
#include "core/cloud/setup.h"

#include "core/base/clock.h"

#include <string.h>
#include <sys/resource.h>

struct setup_command {
    const char *name;
    enum err (*run)(struct setup *s, const json_t *params, json_t **result, struct err_info *ei);
    bool needs_keys;
};

static const struct setup_command commands[] = {
#define SETUP(name, function, needs_keys) {name, function, needs_keys},
#include "core/cloud/setup.def"
#undef SETUP
};

struct aws_place setup_place(const struct setup *s, enum config_service service)
{
    return (struct aws_place){s->config->endpoints[service],
                              config_signing_region(service, s->config->region)};
}

static enum err find_keys(struct setup *s, struct credentials_provider **provider,
                          struct err_info *ei)
{
    *provider = credentials_provider_new(NULL, ei);
    struct aws_place sts = setup_place(s, SERVICE_STS);
    enum err e = *provider != NULL && credentials_provider_sts(*provider, sts.endpoint, sts.region)
                     ? credentials_refresh(*provider, clock_wall_ms(), ei)
                     : err_set(ei, ERR_NOMEM, "no memory for credentials");
    if (e == ERR_OK) {
        s->keys = credentials_get(*provider);
    }
    if (e == ERR_OK && s->keys == NULL) {
        e = err_set(ei, ERR_AUTH, "the AWS credentials have expired");
    }
    return e;
}

enum err cloud_setup_run(struct config *config, const char *name, const json_t *params,
                         json_t **result, struct err_info *ei)
{
    const struct setup_command *k = NULL;
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
        k = strcmp(commands[i].name, name) == 0 ? &commands[i] : k;
    }
    if (k == NULL) {
        return err_set(ei, ERR_NOT_FOUND, "no setup command is called %.60s", name);
    }
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none); /* secrets stay out of core files */
    struct setup s = {.config = config};
    struct credentials_provider *provider = NULL;
    s.http = aws_http_new(config->upstream.ca_file, ei);
    enum err e = s.http != NULL ? ERR_OK : ERR_NOMEM;
    if (e == ERR_OK && k->needs_keys) {
        e = find_keys(&s, &provider, ei);
    }
    if (e == ERR_OK) {
        e = k->run(&s, params, result, ei);
    }
    credentials_unref(s.keys);
    credentials_provider_free(provider);
    aws_http_free(s.http);
    return e;
}
