/* link.h: the dashboard's line to the core. It is opened by a thread of its own, because a core
 * that is stopped takes its time to say nothing; after that nothing here waits. A line that breaks
 * is opened again each second. */
#ifndef TOLLGATE_TUI_LINK_H
#define TOLLGATE_TUI_LINK_H

#include "core/base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define LINK_LOW_MS 5000 /* between snapshots, with --low-bandwidth */

enum link_state {
    LINK_OPENING, /* for the first time */
    LINK_UP,
    LINK_SILENT, /* open, but nothing comes and questions are not answered */
    LINK_DOWN,   /* gone, trying again */
};

struct link_attempt;
struct client;

struct link {
    const char *path;
    struct client *client; /* NULL: not open */
    struct link_attempt *attempt;
    enum link_state state;
    int64_t retry_ms;            /* when to try again */
    int64_t heard_ms, probed_ms; /* last word of the core; last question whether it lives */
    int64_t pinged_ms;           /* an unanswered probe went out then; 0: none */
    struct err_info why;         /* why it is not open */
    void (*on_hello)(void *arg, json_t *hello);
    void (*on_event)(void *arg, const char *event, json_t *data);
    void *arg;
    const char *const *long_tables; /* client_long_tables; borrowed */
    int interval_ms;                /* between snapshots; 0: as the core likes */
};

/* path, callbacks and arg are set by the caller; the rest is zero. */
void link_start(struct link *l, int64_t now_ms);
/* From now on snapshots come so often. */
void link_interval(struct link *l, int interval_ms);
/* What poll should watch: fills fd and events, returns false when there is nothing. */
bool link_poll(const struct link *l, int *fd, short *events);
/* Does what is due. True: something changed that the screen shows. */
bool link_step(struct link *l, int64_t now_ms);
/* When link_step has to be called at the latest without an event. */
int64_t link_due(const struct link *l);
/* Sends a request; fn is always called once if this returns ERR_OK and the link is stepped on. */
enum err link_send(struct link *l, const char *method, json_t *params,
                   void (*fn)(void *arg, json_t *result, const struct err_info *ei), void *arg,
                   struct err_info *ei) MUST_CHECK;
void link_stop(struct link *l);

#endif
