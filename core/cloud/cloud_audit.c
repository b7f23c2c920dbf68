/* cloud_audit.c: the audit trail of the ledger to CloudWatch Logs: a batch is one request, and the
 * cursor moves when it was answered. */
#include "core/cloud/audit_batch.h"
#include "core/cloud/cloud_private.h"

#include "core/base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FLUSH_MS    1000 /* a stop waits for it */
#define BATCHES_MAX 20   /* in one go: other sources want their turn */

static bool take_entry(void *arg, const struct audit_entry *e)
{
    return audit_take(arg, e);
}

/* One stream a host: "tollgate/HOST". */
static void stream_name(char out[128])
{
    char host[96] = "";
    if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0') {
        memcpy(host, "unknown", sizeof("unknown"));
    }
    for (char *p = host; *p != '\0'; p++) {
        if (*p <= ' ' || *p > '~' || *p == ':' || *p == '*') {
            *p = '-';
        }
    }
    (void)snprintf(out, 128, "tollgate/%s", host);
}

/* Makes the stream, and the group where that is missing too. */
static enum err make_stream(struct cloud *c, const struct aws_place *place,
                            const struct credentials *keys, const struct logs_stream *to,
                            struct err_info *ei)
{
    struct err_info why = {0};
    enum err e = logs_create_stream(c->http, place, keys, to, &why);
    if (e == ERR_NOT_FOUND) {
        e = logs_create_group(c->http, place, keys, to->group, ei);
        if (e != ERR_OK) {
            return e;
        }
        log_info("cloud", "made the log group %s: it keeps events for ever unless you say how long",
                 to->group);
        return logs_create_stream(c->http, place, keys, to, ei);
    }
    return e == ERR_OK ? e : err_set(ei, e, "%s", why.text);
}

static enum err put(struct cloud *c, const struct config *config, const struct credentials *keys,
                    struct audit_batch *b, size_t *rejected, bool *unanswered, struct err_info *ei)
{
    char stream[128];
    stream_name(stream);
    struct logs_stream to = {config->publish_audit.log_group, stream};
    struct aws_place place = {config->endpoints[SERVICE_LOGS], config->region};
    const struct logs_event *events = audit_events(b);
    struct err_info why = {0};
    enum err e = logs_put(c->http, &place, keys, &to, events, b->count, rejected, unanswered, &why);
    if (e == ERR_NOT_FOUND) {
        e = make_stream(c, &place, keys, &to, ei);
        return e != ERR_OK ? e
                           : logs_put(c->http, &place, keys, &to, events, b->count, rejected,
                                      unanswered, ei);
    }
    return e == ERR_OK ? e : err_set(ei, e, "%s", why.text);
}

static enum err send_batch(struct cloud *c, const struct config *config,
                           const struct credentials *keys, struct audit_batch *b,
                           struct err_info *ei)
{
    size_t rejected = 0;
    bool unanswered = false;
    enum err e = cloud_cursor_sending(&c->audited, c->ledger, (int64_t)b->count, ei);
    if (e != ERR_OK) {
        return e;
    }
    e = put(c, config, keys, b, &rejected, &unanswered, ei);
    if (e != ERR_OK) {
        if (!unanswered) {
            cloud_cursor_not_taken(&c->audited);
        }
        return e;
    }
    if (rejected > 0) {
        log_warn("cloud", "%zu audit events were not kept by %s, which deletes what is as old",
                 rejected, config->publish_audit.log_group);
    }
    return cloud_cursor_done(&c->audited, c->ledger, b->last_seq, (int64_t)(b->count - rejected),
                             (int64_t)rejected, ei);
}

/* One batch from the cursor on; *more: there may be another. */
static enum err audit_one(struct cloud *c, const struct config *config,
                          const struct credentials *keys, int64_t now_ms, bool *more,
                          struct err_info *ei)
{
    struct audit_query query = {
        .calls = true, .changes = true, .after_seq = c->audited.seq, .max = LOGS_PUT_EVENTS};
    struct audit_batch batch;
    audit_begin(&batch, now_ms);
    enum err e = ledger_audit(c->ledger, &query, take_entry, &batch, ei);
    if (e == ERR_OK && batch.failed) {
        e = err_set(ei, ERR_NOMEM, "no memory to send the audit");
    }
    *more = batch.more || batch.count == LOGS_PUT_EVENTS;
    if (e == ERR_OK && batch.count > 0) {
        e = send_batch(c, config, keys, &batch, ei);
    }
    audit_end(&batch);
    return e;
}

enum err cloud_audit(struct cloud *c, const struct config *config, const struct credentials *keys,
                     int64_t now_ms, struct err_info *ei)
{
    enum err e = ledger_flush(c->ledger, FLUSH_MS);
    if (e != ERR_OK) {
        return err_set(ei, e, "the ledger did not take what the workers stored within a second");
    }
    e = cloud_cursor_load(&c->audited, c->ledger, ei);
    bool more = true;
    for (int i = 0; e == ERR_OK && more && i < BATCHES_MAX && !cloud_is_stopping(c); i++) {
        e = audit_one(c, config, keys, now_ms, &more, ei);
    }
    c->again[SOURCE_AUDIT] = e == ERR_OK && more;
    return e;
}
