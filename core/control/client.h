/* client.h: the only way from a screen or a command to a core: newline-delimited JSON over the
 * control socket (core/control/PROTOCOL.md). Room `control`. */
#ifndef TOLLGATE_CONTROL_CLIENT_H
#define TOLLGATE_CONTROL_CLIENT_H

#include "core/base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct client;

/* Connects (bounded: 2 s) and says hello. ERR_NO_CORE: nobody listens there; ERR_FORBIDDEN: not
 * allowed. *hello (may be NULL) gets the answer: version, pid, role, user, simulated, region. */
struct client *client_open(const char *socket_path, json_t **hello, struct err_info *ei);
void client_close(struct client *c);

/* Asks and waits for the answer, at most timeout_ms. Steals params (may be NULL). *result is owned
 * by the caller. An error of the core comes as ei->code with its text. */
enum err client_call(struct client *c, const char *method, json_t *params, int64_t timeout_ms,
                     json_t **result, struct err_info *ei) MUST_CHECK;

/* --- for the dashboard: never blocks --- */

/* From now on long tables of these names (NULL ends them; borrowed) come in pushes as long_table.h
 * says. */
void client_long_tables(struct client *c, const char *const *names);

int client_fd(const struct client *c); /* readable: call client_pump; -1 when the core is gone */
bool client_wants_write(const struct client *c);
/* Queues a request; its answer comes to fn in client_pump (result NULL and ei filled on failure,
 * also when the core goes away). Steals params. */
enum err client_send(struct client *c, const char *method, json_t *params,
                     void (*fn)(void *arg, json_t *result, const struct err_info *ei), void *arg,
                     struct err_info *ei) MUST_CHECK;
/* Reads and writes what is possible; calls answers' fn and on_event for pushes. ERR_CLOSED: the
 * core is gone (all waiting fn have been called). */
enum err client_pump(struct client *c, void (*on_event)(void *arg, const char *event, json_t *data),
                     void *arg) MUST_CHECK;

#endif
