#include "core/proxy/gate_private.h"

#include <stdio.h>
#include <string.h>

/* Counts the request as rejected. */
static void reject(struct ticket *t, const char *code, int status)
{
    t->call.outcome = OUTCOME_REJECTED;
    t->call.usage_reported = true; /* it is known that nothing was used */
    t->call.http_status = status;
    t->call.error = str_of(code);
    t->call.ended_us = loop_now_us(t->gate->loop);
    ledger_refused(t->gate->ledger, t->gate->worker, &t->call, "", 0);
}

/* The workflow input names its mistakes by their path. */
static const char *with_path(const struct ticket *t, const char *code, const char *message,
                             char out[400])
{
    if (t->route.dialect != DIALECT_WORKFLOW) {
        return message;
    }
    if (strcmp(code, "model") == 0) {
        (void)snprintf(out, 400, "model: %.380s", message);
        return out;
    }
    if (strcmp(code, "tags") == 0 && strncmp(message, "tag ", 4) == 0) {
        (void)snprintf(out, 400, "tags.%.380s", message + 4);
        return out;
    }
    return message;
}

void gate_refuse(struct ticket *t, enum refusal why, const char *code, const char *message)
{
    char text[400];
    struct dialect_answer a = {.status = 0};
    message = with_path(t, code, message, text);
    if (t->route.dialect == DIALECT_WORKFLOW && why == REFUSAL_UNKNOWN_MODEL) {
        why = REFUSAL_BAD_REQUEST; /* one mistake of the input like others */
    }
    if (dialect_refuse(&a, t->route.dialect, why, message, t->call.request_id) != ERR_OK) {
        dialect_answer_free(&a);
        gate_ticket_give_up(t);
        return;
    }
    if (why == REFUSAL_METHOD && t->route.allow) {
        (void)buf_printf(&a.headers, "Allow: %s\r\n", t->route.allow);
    }
    if (!t->admitted) {
        reject(t, code, a.status);
    }
    gate_ticket_answer(t, &a);
}

void gate_refuse_input(struct ticket *t, const struct dialect_facts *facts, const char *text)
{
    struct dialect_answer a = {.status = 0};
    if (facts->mistakes.n == 0 ||
        dialect_refuse_mistakes(&a, facts->mistakes, t->call.request_id) != ERR_OK) {
        gate_refuse(t, REFUSAL_BAD_REQUEST, "body", text);
        return;
    }
    reject(t, "body", a.status);
    gate_ticket_answer(t, &a);
}
