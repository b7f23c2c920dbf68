/* ask.c: a command for whoever can answer it: a running core, or this process itself. */
#include <string.h>

#include "core/control/client.h"
#include "core/control/long_read.h"

#define ANSWER_MS      10000
#define LONG_ANSWER_MS ((LONG_READ_S + 10) * 1000)

/* The rooms a command needs, without threads. */
static enum err open_quietly(struct core *c, struct config *config, struct err_info *ei)
{
    struct ledger_options o = {.state_dir = config->state_dir,
                               .workers = 0,
                               .retention_calls_ms = config->retention_calls_ms,
                               .retention_rollups_ms = config->retention_rollups_ms};
    c->config = config;
    c->ledger = ledger_open(&o, ei);
    c->catalog = c->ledger ? catalog_new(config, ei) : NULL;
    enum err e = c->catalog ? core_open_identity(c, config, ei) : ERR_IO;
    c->limits = e == ERR_OK ? limits_new(config, c->catalog, ei) : NULL;
    return c->limits || e != ERR_OK ? e : ERR_IO;
}

static enum err run_here(struct config *config, const char *method, json_t *params, json_t **result,
                         struct err_info *ei)
{
    struct core c = {.wake_fd = -1, .trial_lock = PTHREAD_MUTEX_INITIALIZER};
    enum err e = open_quietly(&c, config, ei);
    if (e == ERR_OK && strcmp(method, "limit.try") == 0) {
        core_restore_overrides(&c, config);
    } else if (e == ERR_OK && strcmp(method, "limit.list") == 0) {
        e = core_restore(&c, ei);
    }
    if (e == ERR_OK) {
        e = core_command(&c, method, json_incref(params), result, ei);
    }
    limit_try_forget(&c);
    limits_free(c.limits);
    identity_free(c.identity);
    catalog_free(c.catalog);
    if (c.ledger) {
        ledger_close(c.ledger);
    }
    return e == ERR_OK ? ERR_OK : err_set(ei, e, "%s failed", method);
}

enum err core_ask(struct config *config, const char *method, json_t *params, json_t **result,
                  struct err_info *ei)
{
    char path[4096];
    struct err_info why = {.code = ERR_OK};
    *result = NULL;
    core_socket_path(path, sizeof(path), config->state_dir);
    const struct command *k = commands_find(method);
    struct client *client = client_open(path, NULL, &why);
    if (client) {
        int64_t wait_ms = k && k->way != COMMAND_HERE ? LONG_ANSWER_MS : ANSWER_MS;
        enum err e = client_call(client, method, params, wait_ms, result, ei);
        client_close(client);
        return e;
    }
    enum err e = why.code;
    if (why.code == ERR_NO_CORE && k && k->without_core) {
        e = run_here(config, method, params, result, ei);
    } else {
        (void)err_set(ei, why.code, "%s", why.text);
    }
    json_decref(params);
    return e;
}
