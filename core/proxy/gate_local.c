#include "core/proxy/gate_private.h"

#include <stdlib.h>

static void answer_text(struct ticket *t, int status, const char *type, const struct buf *text)
{
    struct dialect_answer a = {.status = status};
    (void)buf_printf(&a.headers,
                     "Content-Type: %s\r\nCache-Control: no-store\r\nx-tollgate-request-id: %s\r\n",
                     type, t->call.request_id);
    (void)buf_append(&a.body, buf_bytes(text), text->len);
    gate_ticket_answer(t, &a);
}

void gate_local_answer(struct ticket *t)
{
    const struct gate *g = t->gate;
    struct buf text;
    buf_init(&text, 4 * 1024 * 1024);
    switch (t->route.local) {
    case LOCAL_HEALTHZ:
        (void)buf_add(&text, "{\"status\":\"ok\"}");
        answer_text(t, 200, "application/json", &text);
        break;
    case LOCAL_READYZ: {
        struct buf reasons;
        buf_init(&reasons, 4096);
        bool ready = g->hooks->ready(g->hooks->arg, &reasons);
        if (ready) {
            (void)buf_add(&text, "{\"status\":\"ready\"}");
        } else {
            (void)buf_printf(&text, "{\"status\":\"not ready\",\"reasons\":[%s]}",
                             buf_cstr(&reasons));
        }
        buf_free(&reasons);
        answer_text(t, ready ? 200 : 503, "application/json", &text);
        break;
    }
    case LOCAL_METRICS:
    case LOCAL_MODELS:
    case LOCAL_NONE:
        g->hooks->metrics(g->hooks->arg, &text);
        answer_text(t, 200, "text/plain; version=0.0.4; charset=utf-8", &text);
        break;
    }
    buf_free(&text);
}

static bool metrics_allowed(const struct ticket *t)
{
    switch (t->rules->config->metrics_access) {
    case METRICS_ANY:
        return true;
    case METRICS_LOOPBACK:
        return t->x->loopback_peer;
    case METRICS_OFF:
        break;
    }
    return false;
}

bool gate_local_serves(const struct ticket *t)
{
    return t->route.local == LOCAL_HEALTHZ || t->route.local == LOCAL_READYZ ||
           (t->route.local == LOCAL_METRICS && metrics_allowed(t));
}

void gate_local_models(struct ticket *t)
{
    const struct catalog *c = t->rules->catalog;
    struct dialect_answer a = {.status = 0};
    size_t n = catalog_count(c);
    const char **names = calloc(n + 1, sizeof(*names));
    for (size_t i = 0; names && i < n; i++) {
        names[i] = catalog_at(c, i)->name;
    }
    enum err e = names ? dialect_models(&a, names, n, loop_wall_ms(t->gate->loop)) : ERR_NOMEM;
    free(names);
    if (e != ERR_OK) {
        gate_ticket_give_up(t);
        return;
    }
    (void)buf_printf(&a.headers, "x-tollgate-request-id: %s\r\n", t->call.request_id);
    gate_ticket_answer(t, &a);
}
