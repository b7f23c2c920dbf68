/* audit_batch.h: from entries of the ledger to one request's worth of log events. No clock, no
 * network: what is in a batch depends only on what it was given. */
#ifndef TOLLGATE_CLOUD_AUDIT_BATCH_H
#define TOLLGATE_CLOUD_AUDIT_BATCH_H

#include "core/aws/logs.h"
#include "core/ledger/ledger.h"

/* A line as `tollgate audit` prints it, calls with "requestId" too, as AWS spells it. */
bool audit_event(struct buf *out, const struct audit_entry *e);

struct audit_batch {
    int64_t now_ms;
    struct buf text, one;
    struct logs_event *events; /* messages without their place until audit_events */
    size_t count, room;
    int64_t cost;              /* as CloudWatch Logs counts */
    int64_t first_ms, last_ms; /* of the events' times */
    int64_t last_seq;          /* of the last entry in it; 0: none */
    bool more;                 /* it ended because it was full */
    bool failed;               /* no memory */
};

void audit_begin(struct audit_batch *b, int64_t now_ms);
/* Takes an entry, in order of seq. An event keeps the entry's time within what AWS takes: one that
 * waited too long is dated 13 days back, one from the future now; its text says its own time.
 * False: not this one, and the batch is done. */
bool audit_take(struct audit_batch *b, const struct audit_entry *e);
/* The events, rising in time; valid until audit_end. */
const struct logs_event *audit_events(struct audit_batch *b);
void audit_end(struct audit_batch *b);

#endif
