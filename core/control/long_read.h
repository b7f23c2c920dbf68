/* long_read.h: requests that may take seconds, answered by threads of their own so that nobody's
 * screen waits for them: one thread for what-if, one for the past, one for the store to catch up.
 * Each is started by its first request. A request ends after 30 s, or when nobody waits for it any
 * more. */
#ifndef TOLLGATE_CONTROL_LONG_READ_H
#define TOLLGATE_CONTROL_LONG_READ_H

#include "core/control/core_private.h"

#define LONG_READ_S 30

struct long_reads;

/* Takes the answer (result or, when e is not ERR_OK, text); in the control thread. */
typedef void long_read_fn(void *arg, json_int_t id, enum err e, json_t *result, const char *text);

struct long_reads *long_reads_new(struct core *c, struct loop *loop, long_read_fn *fn);
/* Every function but the last two: control thread. k is not COMMAND_HERE, and the actor may give
 * it. Takes params. An arg with requests that wait comes behind others with fewer. */
enum err long_reads_ask(struct long_reads *l, void *arg, const struct command *k,
                        const struct actor *a, json_int_t id, json_t *params,
                        struct err_info *ei) MUST_CHECK;
/* What was asked for arg is not answered any more. */
void long_reads_leave(struct long_reads *l, const void *arg);
/* What-if that waits or runs ends with that text. */
void long_reads_end_trials(struct long_reads *l, const char *text);
/* Gives out what has been answered; should a message have been lost. */
void long_reads_collect(struct long_reads *l);
/* Ends the threads; the loop still runs, or will never again. Any thread. */
void long_reads_stop(struct long_reads *l);
void long_reads_free(struct long_reads *l); /* stopped, and the loop has ended */

#endif
