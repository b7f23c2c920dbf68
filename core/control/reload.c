/* reload.c: the configuration file read again while everything runs. */
#include <time.h>

#include "core/aws/credentials_profile.h"
#include "core/base/log.h"
#include "core/control/core_private.h"
#include "core/control/notify.h"

/* The first mistake and how many there are, for one line. */
static enum err say_mistakes(const char *path, const struct config_mistakes *m, struct err_info *ei)
{
    char text[512];
    for (size_t i = 0; i < m->count; i++) {
        if (!m->at[i].warning) {
            config_mistake_print(text, sizeof(text), path, &m->at[i]);
            return err_set(ei, ERR_PARSE,
                           "%s (%zu mistake%s in all; the running configuration stays)", text,
                           m->errors, m->errors == 1 ? "" : "s");
        }
    }
    return err_set(ei, ERR_PARSE, "%s: cannot be read (the running configuration stays)", path);
}

static void log_mistakes(const char *path, const struct config_mistakes *m)
{
    char text[512];
    for (size_t i = 0; i < m->count; i++) {
        config_mistake_print(text, sizeof(text), path, &m->at[i]);
        log_line(m->at[i].warning ? LOG_WARN : LOG_ERROR, "config", "%s", text);
    }
}

static bool same(const char *a, const char *b)
{
    return str_is(str_of(a), b ? b : "");
}

static bool same_listeners(const struct config *a, const struct config *b)
{
    bool all = a->listen_count == b->listen_count;
    for (size_t i = 0; i < a->listen_count && all; i++) {
        const struct config_listen *x = &a->listen[i], *y = &b->listen[i];
        all = same(x->host, y->host) && x->port == y->port &&
              same(x->certificate, y->certificate) && same(x->private_key, y->private_key) &&
              same(x->client_ca, y->client_ca);
    }
    return all;
}

/* What only a restart can change. */
static void warn_restart(const struct config *old, const struct config *fresh)
{
    const size_t runtime = SERVICE_BEDROCK_RUNTIME;
    if (!same(old->state_dir, fresh->state_dir) || !same(old->region, fresh->region) ||
        !same(old->key_file, fresh->key_file) ||
        !same(old->endpoints[runtime], fresh->endpoints[runtime]) || !same_listeners(old, fresh) ||
        !same(old->upstream.ca_file, fresh->upstream.ca_file) ||
        old->upstream.max_connections != fresh->upstream.max_connections ||
        old->upstream.connect_timeout_ms != fresh->upstream.connect_timeout_ms ||
        old->upstream.first_byte_timeout_ms != fresh->upstream.first_byte_timeout_ms ||
        old->upstream.idle_timeout_ms != fresh->upstream.idle_timeout_ms) {
        log_warn("config",
                 "listen, region, state_dir, key_file, endpoints and upstream take effect at the "
                 "next start only");
    }
}

void core_prepare(void)
{
    static const struct config_aws aws = {.profile_region = credentials_profile_region,
                                          .profile_endpoint = credentials_profile_endpoint,
                                          .instance_region = credentials_instance_region};
    config_know_models(catalog_knows);
    config_know_aws(&aws);
}

enum err core_check(struct config *config, struct err_info *ei)
{
    struct catalog *catalog = catalog_new(config, ei);
    struct limits *limits = catalog ? limits_new(config, catalog, ei) : NULL;
    bool ok = limits != NULL && proxy_check(config, ei) == ERR_OK;
    limits_free(limits);
    catalog_free(catalog);
    return ok ? ERR_OK : err_set(ei, ERR_PARSE, "%s: refused", config->path);
}

struct swap {
    struct core *core;
    struct config *config;
    struct catalog *catalog;
};

/* What is admitted from now on is told by its time from what was admitted before. */
static void let_the_clock_tick(void)
{
    const struct timespec pause = {.tv_nsec = 1100000};
    (void)nanosleep(&pause, NULL);
}

static enum err swap_limits(void *arg, struct err_info *ei)
{
    struct swap *s = arg;
    enum err e = limits_reload(s->core->limits, s->config, s->catalog, ei);
    if (e == ERR_OK) {
        /* Of limits that were away, or whose `per` has changed. */
        core_restore_overrides(s->core, s->config);
        let_the_clock_tick();
    }
    return e;
}

/* Reads the file; NULL with the first mistake. */
static struct config *read_file(const char *path, struct err_info *ei)
{
    struct config_mistakes mistakes = {.count = 0};
    struct config *fresh = config_load(path, &mistakes);
    log_mistakes(path, &mistakes);
    if (!fresh) {
        (void)say_mistakes(path, &mistakes, ei);
    }
    config_mistakes_free(&mistakes);
    return fresh;
}

/* Everything that is in force goes over to the new configuration, or nothing. What-if looks at the
 * old one: the proxy frees the old catalog when its last call ends. */
static enum err swap_all(struct core *c, struct swap *s, struct err_info *ei)
{
    limit_try_suspend(c);
    enum err e = proxy_reload(c->proxy, s->config, s->catalog, catalog_free, swap_limits, s, ei);
    if (e == ERR_OK) {
        cloud_reload(c->cloud, s->config);
        notify_reload(c->notify, s->config);
        atomic_store(&c->drain_ms, s->config->requests.drain_timeout_ms);
        warn_restart(c->config, s->config);
        config_unref(c->config);
        c->config = s->config;
        c->catalog = s->catalog;
    }
    limit_try_resume(c);
    return e;
}

enum err core_reload(struct core *c, struct err_info *ei)
{
    if (!c->config_path) {
        return err_set(ei, ERR_UNSUPPORTED, "this core was started without a configuration file");
    }
    struct config *fresh = read_file(c->config_path, ei);
    struct catalog *catalog = fresh ? catalog_new(fresh, ei) : NULL;
    struct swap s = {c, fresh, catalog};
    struct past_ahead ahead = {.limits = NULL};
    if (catalog) {
        past_look_ahead(c, fresh, catalog, &ahead);
    }
    enum err e = catalog ? swap_all(c, &s, ei) : ERR_PARSE;
    if (e != ERR_OK) {
        past_drop(&ahead);
        catalog_free(catalog);
        config_unref(fresh);
        return e;
    }
    past_take_over(c, &ahead);
    server_event(c->server, "", "", "the configuration %s was reloaded", c->config_path);
    return ERR_OK;
}
