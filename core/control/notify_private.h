/* notify_private.h: between the queues of notify.c and the ways to tell. */
#ifndef TOLLGATE_CONTROL_NOTIFY_PRIVATE_H
#define TOLLGATE_CONTROL_NOTIFY_PRIVATE_H

#include <stdatomic.h>

#include "core/base/buf.h"
#include "core/control/notify.h"

#define NOTIFY_TEXT_MAX 4000 /* of the JSON: fits into any pipe at once */

/* How one attempt ended, and whether another may help. */
enum notify_result { NOTIFY_DONE, NOTIFY_AGAIN, NOTIFY_FAILED };

struct notify_attempt {
    const struct config_notice *notice;
    const struct notify_event *event;
    struct str json;           /* the event, as the command reads and the webhook posts it */
    int64_t deadline_us;       /* mono: it has ended by then */
    const atomic_bool *ending; /* end at once */
    struct credentials_provider *credentials;
    int64_t wait_ms; /* out: the other side asks for that long before another attempt; 0: not */
    char error[160]; /* out: why not; never a secret */
};

/* notify_text.c: the event as JSON of at most NOTIFY_TEXT_MAX bytes; `text` in it is escaped as
 * Slack wants it, `message` is plain. False without memory. */
bool notify_json(struct buf *out, const struct notify_event *e, const char *region);

/* notify_exec.c: runs the command, the JSON on its stdin, TOLLGATE_* in its environment. */
enum notify_result notify_exec(struct notify_attempt *a);
/* notify_webhook.c */
enum notify_result notify_webhook(struct notify_attempt *a);
/* Never to be connected to: the link-local addresses of both families, mapped and translated ones
 * among them, and the metadata address of EC2 in IPv6. */
struct sockaddr;
bool notify_address_refused(const struct sockaddr *at);
/* Scheme and host of a URL, without user, path and query: what may be shown. */
void notify_place(char *out, size_t size, const char *url);
/* notify_sns.c: Publish to the topic whose ARN the notice has. */
enum notify_result notify_sns(struct notify_attempt *a);

#endif
