#include "core/proxy/gate_private.h"

#include "core/base/recycle.h"

struct ticket *gate_ticket_new(struct gate *g, struct exchange *x)
{
    struct ticket *t = recycle_take(sizeof(*t));
    if (t) {
        *t = (struct ticket){.gate = g, .x = x, .rules = rules_ref(g->rules)};
        buf_init(&t->head, 256 * 1024);
        call_init(&t->call);
        x->ticket = t;
    }
    return t;
}

void gate_ticket_end(struct ticket *t)
{
    struct gate *g = t->gate;
    gate_wait_leave(t);
    gate_role_leave(t);
    gate_forward_leave(t);
    if (t->admitted) {
        pthread_mutex_lock(&g->open_lock);
        *(t->prev ? &t->prev->next : &g->open) = t->next;
        if (t->next) {
            t->next->prev = t->prev;
        }
        pthread_mutex_unlock(&g->open_lock);
        g->ended_calls++;
        atomic_fetch_sub_explicit(&g->open_calls, 1, memory_order_relaxed);
    }
    if (t->upstream) {
        upstream_cancel(t->upstream);
    }
    gate_ticket_drop_body(t);
    meter_free(t->meter);
    sigv4_hash_drop(&t->hash);
    buf_free(&t->head);
    buf_free(&t->body);
    whole_frames_free(&t->frames);
    call_clear(&t->call);
    rules_unref(t->rules);
    recycle_give(t, sizeof(*t));
}

void gate_ticket_answer(struct ticket *t, struct dialect_answer *a)
{
    struct exchange *x = t->x;
    if (t->ignored.n > 0) {
        (void)buf_printf(&a->headers, "x-tollgate-tags-ignored: %s\r\n", t->ignored.p);
    }
    x->ticket = NULL;
    gate_ticket_end(t);
    exchange_respond(x, a->status, buf_str(&a->headers), (int64_t)a->body.len);
    exchange_send(x, buf_bytes(&a->body), a->body.len);
    dialect_answer_free(a);
    exchange_end(x);
}

void gate_ticket_give_up(struct ticket *t)
{
    struct exchange *x = t->x;
    x->ticket = NULL;
    gate_ticket_end(t);
    exchange_abort(x);
}

bool gate_ticket_hold_body(struct ticket *t, int64_t n)
{
    struct gate_bodies *b = t->gate->bodies;
    if (atomic_fetch_add_explicit(&b->held, n, memory_order_relaxed) > b->max - n) {
        atomic_fetch_sub_explicit(&b->held, n, memory_order_relaxed);
        return false;
    }
    t->body_held += n;
    return true;
}

void gate_ticket_drop_body(struct ticket *t)
{
    if (t->body_held > 0) {
        atomic_fetch_sub_explicit(&t->gate->bodies->held, t->body_held, memory_order_relaxed);
        t->body_held = 0;
    }
}
