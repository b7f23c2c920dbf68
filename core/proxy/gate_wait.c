/* gate_wait.c: calls that wait for room in limits with action: queue. The limits keep the order and
 * take headroom for who comes next; here a call is parked with its body until it is told, its time
 * is over, its client leaves or the gateway drains.
 *
 * The limits tell from whatever thread freed the room: what is told goes into a list under a lock
 * and is taken up in the worker's own thread. A parked call belongs to the limits until it is told
 * or its wait was cancelled; one that was told too late for its ticket is taken up without one, and
 * gives back what was taken for it. */
#include "core/proxy/gate_private.h"

#include <stdlib.h>

/* While calls wait, windows are looked at this often. */
#define TICK_US 100000

struct parked {
    struct limit_waiter waiter;
    struct loop_timer timer; /* its max_wait */
    struct gate *gate;
    struct ticket *ticket;      /* NULL: it ended, but the limits tell of it still */
    struct parked *prev, *next; /* in gate->waits.first */
    struct parked *next_told;   /* in gate->waits.told */
    int64_t body_bytes;         /* counted in gate->bodies->waiting */
};

static struct parked *parked_new(struct gate_waits *w)
{
    struct parked *p = w->spare ? w->spare : malloc(sizeof(*p));
    w->spare = NULL;
    return p;
}

/* One is kept for the next call: most find room at once. */
static void parked_free(struct gate_waits *w, struct parked *p)
{
    if (w->spare) {
        free(p);
    } else {
        w->spare = p;
    }
}

/* --- the list of those that wait --- */

static void drop_body(struct gate_bodies *b, int64_t n)
{
    atomic_fetch_sub_explicit(&b->waiting, n, memory_order_relaxed);
}

static void list(struct gate_waits *w, struct parked *p)
{
    pthread_mutex_t *lock = &p->gate->open_lock;
    pthread_mutex_lock(lock);
    p->prev = NULL;
    p->next = w->first;
    if (w->first) {
        w->first->prev = p;
    }
    w->first = p;
    pthread_mutex_unlock(lock);
}

/* Its ticket goes on without it. */
static void unlist(struct parked *p)
{
    struct gate *g = p->gate;
    pthread_mutex_lock(&g->open_lock);
    *(p->prev ? &p->prev->next : &g->waits.first) = p->next;
    if (p->next) {
        p->next->prev = p->prev;
    }
    pthread_mutex_unlock(&g->open_lock);
    loop_disarm(g->loop, &p->timer);
    drop_body(g->bodies, p->body_bytes);
    if (!g->waits.first) {
        loop_disarm(g->loop, &g->waits.tick);
    }
    p->ticket->parked = NULL;
    p->ticket = NULL;
}

/* --- told --- */

/* Nobody waits for its answer any more. */
static void give_back(struct gate *g, struct parked *p)
{
    g->waits.late--;
    if (p->waiter.result == ERR_OK) {
        limits_release(g->limits, p->waiter.hold);
    }
    parked_free(&g->waits, p);
}

static void take_up(struct gate *g, struct parked *p)
{
    struct ticket *t = p->ticket;
    if (!t) {
        give_back(g, p);
        return;
    }
    struct limit_denial denial = p->waiter.denial;
    enum err e = p->waiter.result;
    t->hold = p->waiter.hold;
    t->clamped_output = p->waiter.clamped_output;
    t->ready_us = clock_mono_us(); /* what it waited is no overhead */
    unlist(p);
    parked_free(&g->waits, p);
    if (gate_decided(t, e, &denial)) {
        gate_forward(t);
    }
}

static struct parked *next_told(struct gate_waits *w)
{
    pthread_mutex_lock(&w->lock);
    struct parked *p = w->told;
    if (p) {
        w->told = p->next_told;
        w->told_last = w->told ? w->told_last : NULL;
    } else {
        w->posted = false;
    }
    pthread_mutex_unlock(&w->lock);
    return p;
}

/* In the order in which they were told. */
static void collect(void *arg)
{
    struct gate *g = arg;
    for (struct parked *p = next_told(&g->waits); p; p = next_told(&g->waits)) {
        take_up(g, p);
    }
}

/* From any thread. Once the lock is free again the gate may be gone. */
static void on_told(void *arg, struct limit_waiter *waiter)
{
    struct parked *p = arg;
    struct gate *g = p->gate;
    (void)waiter;
    pthread_mutex_lock(&g->waits.lock);
    p->next_told = NULL;
    *(g->waits.told_last ? &g->waits.told_last->next_told : &g->waits.told) = p;
    g->waits.told_last = p;
    if (!g->waits.posted) {
        g->waits.posted = loop_post(g->loop, collect, g); /* if not: the next tick finds it */
    }
    pthread_cond_signal(&g->waits.changed);
    pthread_mutex_unlock(&g->waits.lock);
}

static void on_tick(struct loop_timer *timer)
{
    struct gate *g = (struct gate *)(void *)((char *)timer - offsetof(struct gate, waits.tick));
    limits_tick(g->limits, loop_wall_ms(g->loop));
    collect(g);
    if (g->waits.first) {
        loop_arm(g->loop, timer, TICK_US);
    }
}

/* --- ends of waiting --- */

/* max_wait is over: the usual denial. */
static void on_time(struct loop_timer *timer)
{
    struct parked *p = (struct parked *)(void *)((char *)timer - offsetof(struct parked, timer));
    struct ticket *t = p->ticket;
    if (!limits_cancel_wait(p->gate->limits, &p->waiter, true)) {
        return; /* told in this moment */
    }
    struct limit_denial denial = p->waiter.denial;
    unlist(p);
    parked_free(&t->gate->waits, p);
    t->call.admitted_wall_ms = loop_wall_ms(t->gate->loop);
    (void)gate_decided(t, ERR_FULL, &denial);
}

void gate_wait_leave(struct ticket *t)
{
    struct parked *p = t->parked;
    struct gate *g = t->gate;
    if (!p) {
        return;
    }
    bool cancelled = limits_cancel_wait(g->limits, &p->waiter, false);
    unlist(p);
    if (cancelled) {
        parked_free(&g->waits, p);
    } else {
        g->waits.late++;
    }
}

void gate_drain(struct gate *g)
{
    g->waits.draining = true;
    while (g->waits.first) {
        gate_refuse(g->waits.first->ticket, REFUSAL_OVERLOADED, "draining",
                    "the gateway is being stopped while this call waited for room; try again");
    }
}

/* --- looked at and stopped by operators --- */

/* Of the call only what nobody changes while it waits. */
static bool waiting_call(const struct parked *p, char limit[64], struct proxy_open_call *out)
{
    const struct call *c = &p->ticket->call;
    *out = (struct proxy_open_call){.request_id = c->request_id,
                                    .model = c->resolved.model->name,
                                    .operation = c->operation,
                                    .tags = &c->tags,
                                    .principal = c->principal,
                                    .waits_for = limit,
                                    .admitted_wall_ms = c->arrived_wall_ms,
                                    .arrived_us = c->arrived_us,
                                    .usd = -1};
    return limits_waits_for(p->gate->limits, &p->waiter, limit);
}

void gate_wait_calls(const struct gate *g, void (*fn)(void *arg, const struct proxy_open_call *c),
                     void *arg)
{
    for (const struct parked *p = g->waits.first; p; p = p->next) {
        struct proxy_open_call c;
        char limit[64];
        if (waiting_call(p, limit, &c)) {
            fn(arg, &c);
        }
    }
}

size_t gate_wait_stop(struct gate *g, bool (*match)(void *arg, const struct proxy_open_call *c),
                      void *arg, const char *why)
{
    size_t count = 0;
    struct parked *p;
    for (p = g->waits.first; p; p = p->next) {
        struct proxy_open_call c;
        char limit[64];
        (void)waiting_call(p, limit, &c); /* one that was told in this moment is meant too */
        p->ticket->stopping = match(arg, &c);
        count += p->ticket->stopping;
    }
    for (size_t left = count; left > 0; left--) {
        for (p = g->waits.first; p && !p->ticket->stopping; p = p->next) {
        }
        if (!p) {
            break; /* its connection went with another's */
        }
        gate_refuse(p->ticket, REFUSAL_OVERLOADED, "stopped", why);
    }
    return count;
}

/* --- waiting --- */

/* Its body may be kept while it waits. */
static bool keep_body(struct gate_bodies *b, int64_t n)
{
    if (atomic_fetch_add_explicit(&b->waiting, n, memory_order_relaxed) > b->waiting_max - n) {
        drop_body(b, n);
        return false;
    }
    return true;
}

enum err gate_wait(struct ticket *t, struct limit_denial *denial)
{
    struct gate *g = t->gate;
    int64_t bytes = (int64_t)t->x->body.len;
    bool kept = !g->waits.draining && keep_body(g->bodies, bytes);
    struct parked *p = kept ? parked_new(&g->waits) : NULL;
    if (!p) {
        drop_body(g->bodies, kept ? bytes : 0);
        return limits_reserve_clamped(g->limits, &t->call, &t->hold, denial, &t->clamped_output);
    }
    *p = (struct parked){.gate = g, .ticket = t, .body_bytes = bytes};
    p->timer.on_time = on_time;
    enum err e = limits_wait(g->limits, &t->call, &p->waiter, on_told, p);
    if (e != ERR_BUSY) { /* decided: it is not told of */
        t->hold = p->waiter.hold;
        t->clamped_output = p->waiter.clamped_output;
        *denial = p->waiter.denial;
        drop_body(g->bodies, bytes);
        parked_free(&g->waits, p);
        return e;
    }
    list(&g->waits, p);
    t->parked = p;
    loop_arm(g->loop, &p->timer, p->waiter.max_wait_ms * 1000);
    if (g->waits.tick.heap_at == 0) {
        loop_arm(g->loop, &g->waits.tick, TICK_US);
    }
    return e;
}

/* --- the gate's --- */

void gate_waits_init(struct gate_waits *w)
{
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    w->tick.on_time = on_tick;
}

/* What was told too late is still to come, from threads that are about to say it. */
void gate_waits_free(struct gate *g)
{
    struct gate_waits *w = &g->waits;
    loop_disarm(g->loop, &w->tick);
    pthread_mutex_lock(&w->lock);
    while (w->late > 0) {
        struct parked *p = w->told;
        if (!p) {
            pthread_cond_wait(&w->changed, &w->lock);
            continue;
        }
        w->told = p->next_told;
        pthread_mutex_unlock(&w->lock);
        give_back(g, p);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    free(w->spare);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
}
