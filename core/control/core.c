/* core.c: the rooms opened in order, run until a signal, closed. */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/control/burn.h"
#include "core/control/core_private.h"
#include "core/control/notify.h"
#include "core/proxy/descriptors.h"

#define NOTIFY_GRACE_MS 2000 /* to tell what is left to be told at the end */
#define LARGE_BYTES     (1 << 20)
#define CREDENTIALS_MS  5000 /* to find AWS credentials before calls are let in */

void core_socket_path(char *out, size_t size, const char *state_dir)
{
    (void)snprintf(out, size, "%s/control.sock", state_dir);
}

/* --- what the proxy asks --- */

static bool ready(void *arg, struct buf *reasons)
{
    struct core *c = arg;
    bool ok = true;
    if (atomic_load(&c->stopping)) {
        (void)buf_add(reasons, "\"draining\"");
        ok = false;
    }
    pthread_mutex_lock(&c->text_lock);
    if (c->store_problem[0]) {
        (void)buf_add(reasons, ok ? "" : ",");
        (void)buf_json_string(reasons, str_of(c->store_problem));
        ok = false;
    }
    pthread_mutex_unlock(&c->text_lock);
    return ok;
}

static void metrics(void *arg, struct buf *out)
{
    struct core *c = arg;
    atomic_store(&c->metrics_wanted, 1);
    pthread_mutex_lock(&c->text_lock);
    (void)buf_add_str(out, buf_str(&c->metrics_text));
    pthread_mutex_unlock(&c->text_lock);
}

static int64_t account(void *arg)
{
    const struct core *c = arg;
    return cloud_own_account(c->cloud);
}

/* --- opening --- */

static bool on_stored_key(void *arg, const struct key_record *k)
{
    struct core *c = arg;
    return k->revoked_ms != 0 || identity_put(c->identity, k) == ERR_OK;
}

static bool count_key(void *arg, const struct key_record *k)
{
    *(size_t *)arg += k->revoked_ms == 0;
    return true;
}

enum err core_open_identity(struct core *c, const struct config *config, struct err_info *ei)
{
    struct err_info why = {.code = ERR_OK};
    size_t keys = 0;
    enum err e = ledger_keys(c->ledger, count_key, &keys, ei);
    if (e != ERR_OK) {
        return e;
    }
    /* A file that is lost is not made anew in silence: every signature would fail from then on. */
    c->identity = identity_new(config->key_file, config->region, keys == 0, &why);
    if (c->identity) {
        return ledger_keys(c->ledger, on_stored_key, c, ei);
    }
    return why.code != ERR_NOT_FOUND
               ? err_set(ei, why.code, "%s", why.text)
               : err_set(ei, ERR_NOT_FOUND,
                         "%.90s, and %zu keys need it: bring it back from a backup, or put 32 "
                         "random bytes there (mode 0600): bearer tokens go on then, secret access "
                         "keys do not",
                         why.text, keys);
}

struct stored_overrides {
    struct core *core;
    const struct config *config;
};

/* An amount means what the limit counted when it was set. */
static bool still_means(struct core *c, const struct config *config,
                        const struct ledger_override *r)
{
    for (size_t i = 0; i < config->limit_count; i++) {
        if (strcmp(config->limits[i].name, r->limit) == 0) {
            return limit_before_means(c, r->id, config->limits[i].metric);
        }
    }
    return true;
}

static bool on_stored_override(void *arg, const struct ledger_override *r)
{
    const struct stored_overrides *s = arg;
    struct core *c = s->core;
    struct limit_override o = {.id = r->id,
                               .has_amount = r->has_amount,
                               .amount = r->amount,
                               .blocked = r->blocked,
                               .since_ms = r->since_ms,
                               .until_ms = r->until_ms,
                               .actor_uid = r->actor_uid};
    (void)str_copy(o.limit, sizeof(o.limit), str_of(r->limit));
    (void)str_copy(o.group, sizeof(o.group), str_of(r->group));
    (void)str_copy(o.actor, sizeof(o.actor), str_of(r->actor));
    (void)str_copy(o.reason, sizeof(o.reason), str_of(r->reason));
    (void)str_copy(o.ticket, sizeof(o.ticket), str_of(r->ticket));
    struct err_info ei = {.code = ERR_OK};
    if (o.has_amount && !still_means(c, s->config, r)) {
        log_warn("control", "the override of %s was made when it counted another metric: left out",
                 r->limit);
        o.has_amount = false;
    }
    if ((o.has_amount || o.blocked) && limits_override(c->limits, &o, &ei) != ERR_OK) {
        log_warn("control", "a stored override is not in force: %s", ei.text);
    }
    return true;
}

static enum err open_rooms(struct core *c, const struct core_options *o, struct err_info *ei)
{
    struct ledger_options ledger = {.state_dir = c->config->state_dir,
                                    .workers = o->workers,
                                    .retention_calls_ms = c->config->retention_calls_ms,
                                    .retention_rollups_ms = c->config->retention_rollups_ms};
    c->catalog = catalog_new(c->config, ei);
    c->ledger = c->catalog ? ledger_open(&ledger, ei) : NULL;
    bool known = c->ledger && core_open_identity(c, c->config, ei) == ERR_OK;
    c->limits = known ? limits_new(c->config, c->catalog, ei) : NULL;
    c->stats = c->limits ? stats_new() : NULL;
    c->watch = c->stats ? watch_new() : NULL;
    c->burn = c->watch ? burn_new() : NULL;
    if (!c->burn) {
        return err_set(ei, ERR_NOMEM, "no memory for the core");
    }
    enum err e = core_restore(c, ei);
    if (e == ERR_OK) {
        limit_all_restore(c);
    }
    return e;
}

void core_restore_overrides(struct core *c, const struct config *config)
{
    struct err_info ei = {.code = ERR_OK};
    struct stored_overrides s = {c, config};
    if (ledger_overrides(c->ledger, on_stored_override, &s, &ei) != ERR_OK) {
        log_error("control", "stored overrides cannot be read: %s", ei.text);
    }
}

enum err core_restore(struct core *c, struct err_info *ei)
{
    size_t bytes;
    void *debts = ledger_debts(c->ledger, &bytes);
    struct stored_overrides stored = {c, c->config};
    enum err e = ledger_overrides(c->ledger, on_stored_override, &stored, ei);
    if (e == ERR_OK && limits_restore_debts(c->limits, debts, bytes) != ERR_OK) {
        e = err_set(ei, ERR_NOMEM, "no memory for the debts of limits");
    }
    e = e == ERR_OK ? past_restore(c, ei) : e;
    if (e == ERR_OK) {
        limits_keep_debts(c->limits);
    }
    return e;
}

static enum err start_threads(struct core *c, const struct core_options *o, struct err_info *ei)
{
    struct credentials *fixed = NULL;
    if (o->access_key_id) {
        fixed = credentials_new(str_of(o->access_key_id), str_of(o->secret_access_key),
                                (struct str){NULL, 0}, 0, "fixed");
    }
    c->credentials = credentials_provider_new(fixed, ei);
    credentials_unref(fixed);
    if (!c->credentials ||
        !credentials_provider_sts(c->credentials, c->config->endpoints[SERVICE_STS],
                                  c->config->region)) {
        return err_set(ei, ERR_NOMEM, "no memory for credentials");
    }
    enum err e = ledger_start(c->ledger, ei);
    if (e != ERR_OK) {
        return e;
    }
    c->notify = notify_start(c->config, c->credentials, ei);
    if (!c->notify) {
        return ERR_NOMEM;
    }
    struct cloud_options cloud = {
        .config = c->config, .ledger = c->ledger, .credentials = c->credentials};
    struct proxy_options proxy = {
        .config = c->config,
        .catalog = c->catalog,
        .limits = c->limits,
        .ledger = c->ledger,
        .identity = c->identity,
        .credentials = c->credentials,
        .credentials_wait_ms = CREDENTIALS_MS,
        .hooks = {.arg = c, .ready = ready, .metrics = metrics, .account = account},
        .workers = o->workers};
    c->cloud = cloud_start(&cloud, ei);
    c->proxy = c->cloud ? proxy_start(&proxy, ei) : NULL;
    /* It sets c->server itself, before its thread runs. */
    return c->proxy && server_start(c, ei) ? ERR_OK : ERR_IO;
}

static struct core *core_new(const struct core_options *o, struct err_info *ei)
{
    struct core *c = calloc(1, sizeof(*c));
    if (!c) {
        (void)err_set(ei, ERR_NOMEM, "no memory for the core");
        return NULL;
    }
    pthread_mutex_init(&c->text_lock, NULL);
    pthread_mutex_init(&c->trial_lock, NULL);
    c->config = config_ref(o->config);
    c->config_path = o->config_path ? str_dup(str_of(o->config_path)) : NULL;
    c->drain_ms = c->config->requests.drain_timeout_ms;
    c->simulated = o->simulated;
    c->started_ms = clock_wall_ms();
    c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->wake_fd < 0) {
        (void)err_set_sys(ei, ERR_IO, errno, "cannot make an eventfd");
        core_close(c);
        return NULL;
    }
    return c;
}

struct core *core_open(const struct core_options *o, struct err_info *ei)
{
    const struct rlimit no_dump = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &no_dump); /* secrets stay out of core files */
    descriptors_prepare();
    /* What a long look at the past took goes back to the system; else the threshold would rise with
     * it, and megabytes stay in the heap for good. */
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    struct core_options with_workers = *o;
    with_workers.workers = o->workers > 0 ? o->workers : proxy_default_workers();
    struct core *c = core_new(&with_workers, ei);
    if (c && (open_rooms(c, &with_workers, ei) != ERR_OK ||
              start_threads(c, &with_workers, ei) != ERR_OK)) {
        core_close(c);
        return NULL;
    }
    if (c) {
        log_info("control", "started, pid %d: %s, state in %s", (int)getpid(),
                 *c->config->path ? c->config->path : "no file", c->config->state_dir);
        watch_core(c, "started", 0, "tollgate has started (%s, pid %d)", c->config->region,
                   (int)getpid());
    }
    return c;
}

void core_close(struct core *c)
{
    if (!c) {
        return;
    }
    server_stop(c->server);
    c->server = NULL;
    notify_stop(c->notify, NOTIFY_GRACE_MS);
    c->notify = NULL;
    limit_try_forget(c);
    limit_unstored_forget(c);
    proxy_free(c->proxy);
    cloud_stop(c->cloud);
    if (c->ledger && c->identity) {
        key_store_use(c);
    }
    if (c->ledger) {
        ledger_close(c->ledger);
    }
    limits_free(c->limits);
    identity_free(c->identity);
    catalog_free(c->catalog);
    credentials_provider_free(c->credentials);
    stats_free(c->stats);
    watch_free(c->watch);
    burn_free(c->burn);
    config_unref(c->config);
    buf_free(&c->metrics_text);
    pthread_mutex_destroy(&c->text_lock);
    pthread_mutex_destroy(&c->trial_lock);
    if (c->wake_fd >= 0) {
        (void)close(c->wake_fd);
    }
    free(c->config_path);
    free(c);
}

size_t core_listener_count(const struct core *c)
{
    return proxy_listener_count(c->proxy);
}

const char *core_listener_url(const struct core *c, size_t i)
{
    return proxy_listener_url(c->proxy, i);
}

/* --- running --- */

static void reload_now(void *arg)
{
    struct core *c = arg;
    struct err_info ei = {.code = ERR_OK};
    if (core_reload(c, &ei) != ERR_OK) {
        server_event(c->server, "", "", "the configuration was not reloaded: %s", ei.text);
    }
}

static void on_signal(struct core *c, int number)
{
    if (number == SIGHUP) {
        (void)server_post(c->server, reload_now, c);
    } else {
        atomic_fetch_add(&c->stopping, 1);
    }
}

/* Reads what woke us; true when it is time to stop. */
static bool take_wakeups(struct core *c, int signals)
{
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        on_signal(c, (int)info.ssi_signo);
    }
    eventfd_t count;
    (void)eventfd_read(c->wake_fd, &count);
    return atomic_load(&c->stopping) > 0;
}

struct hurry {
    struct core *c;
    int signals;
    atomic_int now, done;
};

/* A second signal while draining cuts. */
static void *watch_for_hurry(void *arg)
{
    struct hurry *h = arg;
    while (!atomic_load(&h->done) && !atomic_load(&h->now)) {
        struct pollfd p[2] = {{.fd = h->signals, .events = POLLIN},
                              {.fd = h->c->wake_fd, .events = POLLIN}};
        (void)poll(p, 2, 200);
        (void)take_wakeups(h->c, h->signals);
        atomic_store(&h->now, atomic_load(&h->c->stopping) > 1);
    }
    return NULL;
}

static size_t drain(struct core *c, int signals)
{
    struct hurry h = {.c = c, .signals = signals, .now = atomic_load(&c->stopping) > 1};
    pthread_t watcher;
    bool watching = pthread_create(&watcher, NULL, watch_for_hurry, &h) == 0;
    log_info("control", "draining: running calls may end within %lld s; a second signal cuts them",
             (long long)(atomic_load(&c->drain_ms) / 1000));
    size_t cut = proxy_drain(c->proxy, atomic_load(&c->drain_ms), &h.now);
    atomic_store(&h.done, 1);
    (void)eventfd_write(c->wake_fd, 1);
    if (watching) {
        (void)pthread_join(watcher, NULL);
    }
    return cut;
}

int core_run(struct core *c)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    int signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals < 0) {
        log_error("control", "signalfd failed: stopping");
        return 1;
    }
    bool stop = false;
    while (!stop) {
        struct pollfd p[2] = {{.fd = signals, .events = POLLIN},
                              {.fd = c->wake_fd, .events = POLLIN}};
        (void)poll(p, 2, -1);
        stop = take_wakeups(c, signals);
    }
    size_t cut = drain(c, signals);
    (void)close(signals);
    watch_core(c, "stopped", 0, "tollgate has stopped; %zu calls were cut", cut);
    log_info("control", cut > 0 ? "stopped; %zu calls were cut" : "stopped; no call was cut", cut);
    return cut > 0 ? 1 : 0;
}

/* --- commands from this process --- */

struct order {
    struct core *c;
    const struct actor *actor;
    const char *method;
    const json_t *params;
    json_t **result;
    struct err_info *ei;
    enum err e;
};

static void run_order(void *arg)
{
    struct order *o = arg;
    o->e = commands_run(o->c, o->actor, o->method, o->params, o->result, o->ei);
}

enum err core_command(struct core *c, const char *method, json_t *params, json_t **result,
                      struct err_info *ei)
{
    struct actor self = {.uid = geteuid(), .operates = true};
    const char *user = getenv("USER");
    (void)str_copy(self.login, sizeof(self.login),
                   str_of(user && *user   ? user
                          : self.uid == 0 ? "root"
                                          : "self"));
    struct order o = {c, &self, method, params, result, ei, ERR_OK};
    if (!server_run(c->server, run_order, &o)) {
        o.e = err_set(ei, ERR_NOMEM, "no memory to give %s to the core", method);
    }
    json_decref(params);
    return o.e;
}
