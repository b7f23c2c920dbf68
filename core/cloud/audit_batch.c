/* audit_batch.c: see audit_batch.h. */
#include "core/cloud/audit_batch.h"

#include <stdlib.h>

#define DAY_MS    (24LL * 3600 * 1000)
#define HOUR_MS   (3600LL * 1000)
#define OLDEST_MS (LOGS_OLDEST_MS - DAY_MS)
#define TEXT_MAX  (LOGS_PUT_BYTES + 128 * 1024) /* all of a batch and an event too many */

void audit_begin(struct audit_batch *b, int64_t now_ms)
{
    *b = (struct audit_batch){.now_ms = now_ms};
    buf_init(&b->text, TEXT_MAX);
}

void audit_end(struct audit_batch *b)
{
    buf_free(&b->text);
    buf_free(&b->one);
    free(b->events);
    b->events = NULL;
    b->count = b->room = 0;
}

static bool make_room(struct audit_batch *b)
{
    if (b->count < b->room) {
        return true;
    }
    size_t room = b->room > 0 ? 2 * b->room : 64;
    struct logs_event *more = realloc(b->events, room * sizeof(*more));
    if (more == NULL) {
        return false;
    }
    b->events = more;
    b->room = room;
    return true;
}

static int64_t time_of(const struct audit_batch *b, const struct audit_entry *e)
{
    int64_t oldest_ms = b->now_ms - OLDEST_MS;
    return e->time_ms < oldest_ms             ? oldest_ms
           : e->time_ms > b->now_ms + HOUR_MS ? b->now_ms
                                              : e->time_ms;
}

/* Whether an event of this time and size may join. */
static bool fits(const struct audit_batch *b, int64_t at_ms, size_t bytes)
{
    if (b->count == 0) {
        return true;
    }
    int64_t first_ms = at_ms < b->first_ms ? at_ms : b->first_ms;
    int64_t last_ms = at_ms > b->last_ms ? at_ms : b->last_ms;
    return b->count < LOGS_PUT_EVENTS && last_ms - first_ms < LOGS_SPAN_MS &&
           b->cost + (int64_t)bytes + LOGS_EVENT_COST <= LOGS_PUT_BYTES;
}

bool audit_take(struct audit_batch *b, const struct audit_entry *e)
{
    if (b->failed || b->more) {
        return false;
    }
    buf_clear(&b->one);
    if (!audit_event(&b->one, e) || !make_room(b)) {
        b->failed = true;
        return false;
    }
    int64_t at_ms = time_of(b, e);
    if (!fits(b, at_ms, b->one.len)) {
        b->more = true;
        return false;
    }
    if (!buf_add_str(&b->text, buf_str(&b->one))) {
        b->failed = true;
        return false;
    }
    b->first_ms = b->count == 0 || at_ms < b->first_ms ? at_ms : b->first_ms;
    b->last_ms = b->count == 0 || at_ms > b->last_ms ? at_ms : b->last_ms;
    b->events[b->count++] = (struct logs_event){at_ms, {NULL, b->one.len}};
    b->cost += (int64_t)b->one.len + LOGS_EVENT_COST;
    b->last_seq = e->seq;
    return true;
}

/* By time; what is of one millisecond in the order of the ledger, which is that of the text. */
static int by_time(const void *a, const void *b)
{
    const struct logs_event *x = a, *y = b;
    if (x->at_ms != y->at_ms) {
        return x->at_ms < y->at_ms ? -1 : 1;
    }
    return x->message.p < y->message.p ? -1 : 1;
}

const struct logs_event *audit_events(struct audit_batch *b)
{
    const char *at = buf_bytes(&b->text);
    for (size_t i = 0; i < b->count; i++) {
        b->events[i].message.p = at;
        at += b->events[i].message.n;
    }
    qsort(b->events, b->count, sizeof(b->events[0]), by_time);
    return b->events;
}
