/* core.h: the whole core put together: rooms opened in order, threads started, signals obeyed. Room
 * `control`: the control socket (PROTOCOL.md): snapshots out, commands in. */
#ifndef TOLLGATE_CONTROL_CORE_H
#define TOLLGATE_CONTROL_CORE_H

#include <jansson.h>

#include "core/config/config.h"

/* Once, before any configuration is read: lets the rooms below know of each other what they must.
 */
void core_prepare(void);

struct core;
struct core_options {
    const char *config_path; /* re-read on reload; NULL: reload is refused */
    struct config *config;   /* a reference is taken */
    bool simulated;
    const char *access_key_id, *secret_access_key; /* fixed AWS credentials; NULL: the chain */
    int workers;                                   /* 0: one a processor */
};

/* Opens the ledger, restores counters, starts workers, control socket and cloud thread. NULL with a
 * text. */
struct core *core_open(const struct core_options *o, struct err_info *ei);
size_t core_listener_count(const struct core *c);
const char *core_listener_url(const struct core *c, size_t i); /* lives as long as c */
/* Runs until SIGTERM or SIGINT (drains; a second one cuts) or the command `stop`; SIGHUP reloads.
 * The caller blocked these signals before core_open. Returns the exit status: 0, or 1 when calls
 * were cut. */
int core_run(struct core *c);
/* Stops every thread and folds the ledger. NULL is a no-op. */
void core_close(struct core *c);

/* Runs one command of PROTOCOL.md inside this process as the core's own user. */
enum err core_command(struct core *c, const char *method, json_t *params, json_t **result,
                      struct err_info *ei) MUST_CHECK;

/* What config_load cannot see: models that limits name and nobody defines, bad certificates. */
enum err core_check(struct config *config, struct err_info *ei) MUST_CHECK;

/* <state_dir>/control.sock; out: 4096 bytes. */
void core_socket_path(char *out, size_t size, const char *state_dir);

/* Asks the core of this configuration; when none runs and the command works without one (key.*,
 * limit.list, limit.history, limit.try, audit), runs it here under the state directory's lock.
 * Steals params; *result is the caller's. */
enum err core_ask(struct config *config, const char *method, json_t *params, json_t **result,
                  struct err_info *ei) MUST_CHECK;

#endif
