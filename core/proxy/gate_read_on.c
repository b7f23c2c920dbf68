/* gate_read_on.c: client_gone: drain. When the client leaves, its answer is read on to the end, for
 * nobody, so that it is charged by what was reported; few at once, and not for long. */
#include "core/proxy/gate_private.h"

#include <stdlib.h>

#define READ_ON_MAX 64 /* over all workers */

/* In place of the client. */
struct sink {
    struct exchange x; /* first */
    struct loop_timer timer;
};

static void respond(struct exchange *x, int status, struct str lines, int64_t content_length)
{
    (void)x, (void)status, (void)lines, (void)content_length;
}

static void drop(struct exchange *x, const char *data, size_t n)
{
    (void)x, (void)data, (void)n;
}

static void end(struct exchange *x)
{
    struct sink *s = (struct sink *)(void *)x;
    loop_disarm(x->gate->loop, &s->timer);
    atomic_fetch_sub_explicit(&x->gate->bodies->read_on, 1, memory_order_relaxed);
    exchange_release_request(x);
    free(s);
}

static const struct exchange_ops ops = {respond, drop, end, end};

static void give_up(struct exchange *x)
{
    struct ticket *t = x->ticket;
    gate_settle(t, OUTCOME_FAILED, "client_gone");
    x->ticket = NULL;
    gate_ticket_end(t); /* cancels the upstream call */
    exchange_abort(x);
}

static void on_time(struct loop_timer *t)
{
    give_up((struct exchange *)(void *)((char *)t - offsetof(struct sink, timer)));
}

/* One more may be drained: counted. */
static bool take_place(struct gate_bodies *b)
{
    bool taken = atomic_fetch_add_explicit(&b->read_on, 1, memory_order_relaxed) < READ_ON_MAX;
    if (!taken) {
        atomic_fetch_sub_explicit(&b->read_on, 1, memory_order_relaxed);
    }
    return taken;
}

bool gate_read_on(struct ticket *t)
{
    struct gate *g = t->gate;
    struct exchange *x = t->x;
    bool wanted = t->rules->config->client_gone_drain && t->admitted && !t->settled &&
                  t->upstream && upstream_was_sent(t->upstream);
    if (!wanted || !take_place(g->bodies)) {
        return false;
    }
    struct sink *s = calloc(1, sizeof(*s));
    if (!s) {
        atomic_fetch_sub_explicit(&g->bodies->read_on, 1, memory_order_relaxed);
        return false;
    }
    /* The request's bytes may still be on their way upstream: they move along. */
    s->x = *x;
    s->x.ops = &ops;
    s->x.ended = false;
    s->x.pending = 0;
    s->x.ticket = t;
    s->timer.on_time = on_time;
    x->headers = NULL;
    x->block_bytes = 0;
    x->body = (struct buf){.data = NULL};
    exchange_release_request(x);
    t->x = &s->x;
    t->read_on = true;
    loop_arm(g->loop, &s->timer, g->read_on_us);
    upstream_resume(t->upstream);
    return true;
}

void gate_read_on_end(struct gate *g)
{
    while (g->open) {
        give_up(g->open->x);
    }
}
