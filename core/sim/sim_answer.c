/* sim_answer.c: heads and bodies of answers, and how errors are said. */
#include "core/sim/sim_connection.h"
#include "core/sim/sim_state.h"
#include "core/sim/sim_words.h"

#include <stdio.h>

struct sim *sim_http_owner(const struct sim_connection *c)
{
    return c->listener->sim;
}

size_t sim_http_index(const struct sim_connection *c)
{
    return (size_t)(c->listener - c->listener->sim->listeners);
}

void sim_connection_mark(struct sim_connection *c, int64_t tokens)
{
    if (tokens > 0) {
        c->marks[c->mark_count++] = (struct sim_mark){c->queued, tokens};
    }
}

/* The Date header's text, made once a second. */
static const char *date_of(struct sim *s)
{
    int64_t second = loop_wall_ms(s->loop) / 1000;

    if (second != s->date_second || s->date[0] == '\0') {
        clock_http(s->date, second * 1000);
        s->date_second = second;
    }
    return s->date;
}

static void add_request_id(struct buf *out, struct sim *s)
{
    uint64_t state = ++s->requests ^ s->knobs.seed << 32;
    uint64_t drawn[2] = {sim_draw(&state), sim_draw(&state)};
    char hex[33];

    str_hex(hex, drawn, sizeof drawn);
    hex[12] = '4';
    hex[16] = '8';
    static const int parts[] = {0, 8, 12, 16, 20, 32};
    for (int i = 0; i < 5; i++) {
        buf_add(out, i > 0 ? "-" : "x-amzn-RequestId: ");
        buf_append(out, hex + parts[i], (size_t)(parts[i + 1] - parts[i]));
    }
}

static void add_head(struct sim_connection *c, const struct sim_answer *a)
{
    struct sim *s = c->listener->sim;
    char length[64] = "Transfer-Encoding: chunked";

    if (!c->chunks) {
        (void)snprintf(length, sizeof length, "Content-Length: %zu", a->body.n);
    }
    buf_printf(&c->out, "HTTP/1.1 %d ", a->status);
    const char *const parts[] = {http_reason(a->status),
                                 "\r\nDate: ",
                                 date_of(s),
                                 "\r\nContent-Type: ",
                                 a->content_type,
                                 "\r\n",
                                 length,
                                 c->keep_alive ? "\r\n" : "\r\nConnection: close\r\n",
                                 a->headers != NULL ? a->headers : ""};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        buf_add(&c->out, parts[i]);
    }
    add_request_id(&c->out, s);
    buf_add(&c->out, "\r\n\r\n");
}

void sim_http_answer(struct sim_connection *c, const struct sim_answer *a)
{
    size_t before = c->out.len;

    CHECK(!c->answering);
    if (c->listener->sim->mute && a->source == NULL) {
        sim_http_drop(c);
        return;
    }
    c->answering = true;
    c->silent = false;
    c->held = a->delay_us > 0;
    c->source = a->source;
    c->chunks = a->source != NULL && a->source->next != NULL;
    c->ending = c->chunks                     ? SIM_PIECE_MORE
                : c->listener->sim->cutting   ? SIM_PIECE_CUT
                : a->ending == SIM_PIECE_MORE ? SIM_PIECE_LAST
                                              : a->ending;
    c->due_us = loop_now_us(c->listener->sim->loop) + a->delay_us;
    c->piece_delay_us = a->piece_delay_us;
    c->mark_at = c->mark_count = 0;
    add_head(c, a);
    c->slow = a->slow_head ? c->out.len - before : 0;
    if (c->ending == SIM_PIECE_LAST) {
        buf_add_str(&c->out, a->body);
    } else if (c->ending == SIM_PIECE_CUT) {
        buf_add_str(&c->out, str_sub(a->body, 0, a->body.n / 2));
    }
    c->queued += c->out.len - before;
    sim_connection_mark(c, c->ending == SIM_PIECE_LAST ? a->body_tokens : 0);
}

void sim_http_drop(struct sim_connection *c)
{
    c->answering = true;
    c->held = false;
    c->source = NULL;
    c->ending = SIM_PIECE_CUT;
}

static void answer_error(struct sim_connection *c, int status, const char *type,
                         const char *content_type, struct str body)
{
    char header[160];

    (void)snprintf(header, sizeof header, "x-amzn-ErrorType: %s\r\n", type);
    const struct sim_answer a = {
        .status = status, .content_type = content_type, .headers = header, .body = body};
    sim_http_answer(c, &a);
}

void sim_http_error(struct sim_connection *c, int status, const char *type, const char *message)
{
    struct buf body = {0};

    buf_add(&body, "{\"message\":");
    buf_json_string(&body, str_of(message));
    buf_add(&body, "}");
    answer_error(c, status, type, "application/json", buf_str(&body));
    buf_free(&body);
}

void sim_http_json_error(struct sim_connection *c, int status, const char *type,
                         const char *message)
{
    struct buf body = {0};

    buf_add(&body, "{\"__type\":");
    buf_json_string(&body, str_of(type));
    buf_add(&body, ",\"message\":");
    buf_json_string(&body, str_of(message));
    buf_add(&body, "}");
    answer_error(c, status, type, "application/x-amz-json-1.1", buf_str(&body));
    buf_free(&body);
}
