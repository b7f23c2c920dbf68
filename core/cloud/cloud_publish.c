/* cloud_publish.c: from the ledger to CloudWatch, exactly once as far as AWS answers: a batch is
 * one request, and the cursor moves when it was taken. */
#include "core/cloud/cloud_private.h"

#include "core/base/log.h"

#include <inttypes.h>
#include <stdlib.h>

#define FLUSH_MS    1000  /* a stop waits for it */
#define ENTRIES_MAX 50000 /* read in one go: bounds how long a stop waits */

static bool take_entry(void *arg, const struct audit_entry *e)
{
    return publish_take(arg, e);
}

static enum err send_batch(struct cloud *c, const struct config *config,
                           const struct credentials *keys, const struct publish_batch *b,
                           struct err_info *ei)
{
    struct cloudwatch_datum *data = publish_data(b);
    if (data == NULL) {
        return err_set(ei, ERR_NOMEM, "no memory to publish metrics");
    }
    struct aws_place place = {config->endpoints[SERVICE_MONITORING], config->region};
    bool unanswered;
    size_t done;
    enum err e = cloud_cursor_sending(&c->published, c->ledger, b->calls, ei);
    if (e == ERR_OK) {
        e = cloudwatch_put(c->http, &place, keys, config->publish_metrics.namespace, data,
                           b->count * PUBLISH_METRICS, &done, &unanswered, ei);
        if (e != ERR_OK && !unanswered) {
            cloud_cursor_not_taken(&c->published);
        }
    }
    free(data);
    return e;
}

/* One batch from the cursor on; *more: there may be another. */
static enum err publish_batch(struct cloud *c, const struct config *config,
                              const struct credentials *keys, int64_t now_ms, bool all, bool *more,
                              struct err_info *ei)
{
    struct audit_query query = {.calls = true, .max = ENTRIES_MAX};
    struct publish_batch batch;
    enum err e = cloud_cursor_load(&c->published, c->ledger, ei);
    *more = false;
    if (e != ERR_OK) {
        return e;
    }
    query.after_seq = c->published.seq;
    publish_begin(&batch, &c->known, &config->publish_metrics, now_ms, all);
    e = ledger_audit(c->ledger, &query, take_entry, &batch, ei);
    if (e == ERR_OK && batch.failed) {
        e = err_set(ei, ERR_NOMEM, "no memory to publish metrics");
    }
    if (e == ERR_OK && batch.count > 0) {
        e = send_batch(c, config, keys, &batch, ei);
    }
    if (e == ERR_OK && batch.too_old > 0) {
        log_warn("cloud", "%" PRId64 " calls are too old for CloudWatch and were not published",
                 batch.too_old);
    }
    if (e == ERR_OK && batch.last_seq > query.after_seq) {
        e = cloud_cursor_done(&c->published, c->ledger, batch.last_seq, batch.calls, batch.too_old,
                              ei);
        *more = batch.more || batch.last_seq - query.after_seq >= ENTRIES_MAX;
    }
    publish_end(&batch);
    return e;
}

enum err cloud_publish(struct cloud *c, const struct config *config, const struct credentials *keys,
                       int64_t now_ms, bool hurried, struct err_info *ei)
{
    enum err e = ledger_flush(c->ledger, FLUSH_MS);
    if (e != ERR_OK) {
        return err_set(ei, e, "the ledger did not take what the workers stored within a second");
    }
    bool more = true;
    while (e == ERR_OK && more && !cloud_is_stopping(c)) {
        e = publish_batch(c, config, keys, now_ms, hurried, &more, ei);
    }
    return e;
}
