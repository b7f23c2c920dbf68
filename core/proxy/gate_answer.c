/* gate_answer.c: the answer to a call goes to the client while it is metered, and the call is
 * settled. */
#include "core/proxy/gate_private.h"

#include <stdio.h>
#include <string.h>

/* Output tokens of text that was seen pass but not reported: never below what was delivered. */
#define BYTES_PER_TOKEN_LEAST 2

/* --- errors of the upstream, counted --- */

static const char *const error_names[PROXY_ERRORS] = {
    "400", "401", "403", "404", "408",   "413",         "424",    "429",
    "500", "502", "503", "504", "other", "unreachable", "broken", "timeout"};

enum { ERROR_OTHER = 12, ERROR_UNREACHABLE, ERROR_BROKEN, ERROR_TIMEOUT };

const char *proxy_error_name(size_t i)
{
    return error_names[i];
}

static void count_error(struct gate *g, size_t i)
{
    atomic_fetch_add_explicit(&g->upstream_errors[i], 1, memory_order_relaxed);
}

static void count_status(struct gate *g, int status)
{
    char text[16];
    size_t i = 0;
    (void)snprintf(text, sizeof(text), "%d", status);
    while (i < ERROR_OTHER && strcmp(error_names[i], text) != 0) {
        i++;
    }
    count_error(g, i);
}

/* --- settling --- */

static int64_t output_seen(const struct meter_state *m)
{
    int64_t by_bytes = (m->output_bytes + BYTES_PER_TOKEN_LEAST - 1) / BYTES_PER_TOKEN_LEAST;
    return by_bytes > m->output_events ? by_bytes : m->output_events;
}

/* The client's maximum bounds the answer, as far as can be seen: more events than it allows tokens
 * show that the model does not listen to it. */
static bool bound_holds(const struct call *call, const struct meter_state *m)
{
    return call->max_output > 0 && m->output_events <= call->max_output;
}

/* What a call without a usage report is charged. */
static void estimate(struct ticket *t, const struct meter_state *m, enum call_outcome outcome)
{
    struct call *call = &t->call;
    bool sent = t->was_sent || (t->upstream && upstream_was_sent(t->upstream));
    bool refused = outcome == OUTCOME_FAILED && t->answered && call->http_status >= 400;
    call->usage = (struct usage){.input = 0};
    call->usage_reported = true;
    if (!sent || refused || t->route.kind == KIND_FREE) {
        return; /* nothing was generated */
    }
    call->usage_reported = false;
    call->usage = m->usage; /* the input classes, when they are known */
    if (!m->input_known) {
        call->usage = (struct usage){.input = call->reserved_usage.input};
    }
    call->usage.output = call->reserved_usage.output;
    if (call->stream) {
        call->usage.output = output_seen(m);
        if (bound_holds(call, m) && call->usage.output > call->max_output) {
            call->usage.output = call->max_output;
        }
    }
}

/* What served it decides about the price, not what was asked for; an answer that does not say was
 * served as asked. */
static void take_served_tier(struct ticket *t, const struct meter_state *m)
{
    struct call *call = &t->call;
    call->tier = m->tier_said ? m->tier : call->tier;
    call->optimized = m->latency_said ? m->optimized : call->optimized;
    call->priced = t->price_known && !call->tier && !call->optimized;
}

void gate_settle(struct ticket *t, enum call_outcome outcome, const char *error)
{
    struct gate *g = t->gate;
    struct call *call = &t->call;
    if (t->settled) {
        return;
    }
    t->settled = true;
    struct meter_state m = {.usage_known = false};
    if (t->meter) {
        meter_state(t->meter, &m);
    }
    if (m.usage_known) {
        call->usage = m.usage;
        call->usage_reported = true;
    } else {
        estimate(t, &m, outcome);
    }
    bool nothing = call->usage_reported && !m.usage_known && t->route.kind == KIND_CALL;
    call->outcome = outcome;
    call->error = str_of(error);
    call->ended_us = clock_mono_us();
    money_t held = call_cost(call, &call->reserved_usage);
    take_served_tier(t, &m);
    money_t cost = call_cost(call, &call->usage);
    call->priced = cost >= 0;
    call->usd = cost >= 0 ? cost : held > 0 ? held : 0;  /* an unknown price is never zero */
    ledger_settled(g->ledger, g->worker, t->slot, call); /* slot 0: stored if there is room now */
    if (nothing) {
        limits_release(g->limits, t->hold);
    } else {
        limits_settle(g->limits, t->hold, call);
    }
    t->hold = NULL;
}

/* A stream that was foreseen too small holds more before its bytes go on. False: there is no room
 * and a limit says on_outgrow: stop. */
static bool top_up(struct ticket *t, const struct meter_state *m)
{
    struct call *call = &t->call;
    int64_t seen = output_seen(m);
    if (t->settled || !call->stream || bound_holds(call, m) ||
        seen <= call->reserved_usage.output) {
        return true;
    }
    struct usage before = call->reserved_usage;
    int64_t more = seen / 4 > 256 ? seen / 4 : 256;
    call->reserved_usage.output = seen + more;
    if (!limits_top_up(t->gate->limits, t->hold, call, &call->reserved_usage)) {
        call->reserved_usage = before;
        return false;
    }
    if (t->journaled) {
        ledger_topped_up(t->gate->ledger, t->gate->worker, t->slot, call);
    }
    return true;
}

/* --- receiving --- */

static bool hop_by_hop(struct str name)
{
    static const struct str names[] = {
        STR("connection"),       STR("keep-alive"), STR("transfer-encoding"),
        STR("content-length"),   STR("te"),         STR("trailer"),
        STR("upgrade"),          STR("date"),       STR("x-tollgate-request-id"),
        STR("proxy-connection"),
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (name.n == names[i].n && str_same_nocase(name.p, names[i].p, name.n)) {
            return true;
        }
    }
    return false;
}

/* Streams that a client reads piece by piece go on in whole pieces only. */
static bool begin_frames(struct ticket *t, const struct http_head *head)
{
    struct str rest, type = str_trim(str_cut(http_value(head, "content-type"), ';', &rest));
    t->frames.events = str_is_nocase(type, "text/event-stream");
    return t->frames.events || str_is_nocase(type, "application/vnd.amazon.eventstream");
}

static void add_own_lines(const struct ticket *t, struct buf *lines)
{
    (void)buf_add(lines, "x-tollgate-request-id: ");
    (void)buf_add(lines, t->call.request_id);
    (void)buf_add(lines, "\r\n");
    if (t->ignored.n > 0) {
        (void)buf_printf(lines, "x-tollgate-tags-ignored: %s\r\n", t->ignored.p);
    }
    if (t->clamped_output > 0) {
        (void)buf_printf(lines, "x-tollgate-clamped: %lld\r\n", (long long)t->clamped_output);
    }
}

static void respond(struct ticket *t, const struct http_head *head)
{
    struct buf *lines = &t->gate->lines;
    buf_clear(lines);
    for (size_t i = 0; i < head->header_count; i++) {
        if (!hop_by_hop(head->headers[i].name)) {
            (void)buf_add_str(lines, head->headers[i].name);
            (void)buf_add(lines, ": ");
            (void)buf_add_str(lines, head->headers[i].value);
            (void)buf_add(lines, "\r\n");
        }
    }
    add_own_lines(t, lines);
    bool known = head->body == HTTP_BODY_LENGTH && !t->rewrites;
    exchange_respond(t->x, head->status, buf_str(lines), known ? head->content_length : -1);
}

/* An outcome is known at the end only: then its head goes before it. */
static void respond_late(struct ticket *t, int64_t length)
{
    struct buf *lines = &t->gate->lines;
    int status = t->call.http_status;
    buf_clear(lines);
    (void)meter_answer_head(t->meter, &status, lines);
    add_own_lines(t, lines);
    exchange_respond(t->x, status, buf_str(lines), length);
}

static void on_head(void *arg, const struct http_head *head)
{
    struct ticket *t = arg;
    int status = head->status;
    if (gate_role_refused(t, head)) {
        return;
    }
    t->was_sent = true;
    t->answered = true;
    t->call.http_status = head->status;
    if (head->status >= 400) {
        count_status(t->gate, head->status);
    }
    meter_head(t->meter, head->status, head->headers, head->header_count);
    buf_free(&t->head);
    buf_free(&t->body);
    sigv4_hash_drop(&t->hash);
    exchange_release_request(t->x);
    gate_ticket_drop_body(t);
    buf_clear(&t->gate->lines);
    t->rewrites = meter_rewrites(t->meter);
    t->framed = begin_frames(t, head);
    t->answer_left = head->body == HTTP_BODY_LENGTH ? head->content_length : -1;
    t->late = t->rewrites && meter_answer_head(t->meter, &status, &t->gate->lines);
    if (!t->late) {
        respond(t, head);
    }
}

static void settle_answer(struct ticket *t, const struct meter_state *m)
{
    bool ok = t->call.http_status < 400 && !m->exception;
    const char *error = m->exception ? "stream_exception" : ok ? "" : "upstream_status";
    if (ok && t->read_on) {
        ok = false; /* nobody got it */
        error = "client_gone";
    }
    gate_settle(t, ok ? OUTCOME_APPROVED : OUTCOME_FAILED, error);
}

static void first_token(struct ticket *t)
{
    struct gate *g = t->gate;
    t->call.first_token_us = loop_now_us(g->loop);
    atomic_store_explicit(&t->seen.first_token_us, t->call.first_token_us, memory_order_relaxed);
    atomic_fetch_add_explicit(&g->first_token_us_sum, t->call.first_token_us - t->call.arrived_us,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&g->first_token_count, 1, memory_order_relaxed);
}

/* on_outgrow: stop: the stream ends with an exception frame or SSE error, and is charged for what
 * was delivered. */
static void stop_outgrown(struct ticket *t)
{
    struct exchange *x = t->x;
    struct buf frame;
    buf_init(&frame, 4096);
    gate_settle(t, OUTCOME_FAILED, "outgrown");
    if (dialect_stream_end(&frame, t->call.dialect, "throttlingException",
                           "a limit has no room for more of this answer (on_outgrow: stop)") ==
        ERR_OK) {
        exchange_send(x, buf_bytes(&frame), frame.len);
    }
    buf_free(&frame);
    x->ticket = NULL;
    gate_ticket_end(t); /* cancels the upstream call */
    exchange_end(x);
}

/* The answer is over; x goes back to the front. */
static void end(struct ticket *t)
{
    struct exchange *x = t->x;
    t->upstream = NULL;
    x->ticket = NULL;
    gate_ticket_end(t);
    exchange_end(x);
}

static void deliver(struct ticket *t, const char *data, size_t n, bool last)
{
    if (!t->framed) {
        if (n > 0) {
            exchange_send(t->x, data, n);
        }
        return;
    }
    struct str whole = whole_frames_pass(&t->frames, data, n);
    if (whole.n > 0) {
        exchange_send(t->x, whole.p, whole.n);
    }
    if (t->frames.apart) {
        exchange_send(t->x, data, n);
    }
    whole_frames_sent(&t->frames, data, n, whole);
    struct str rest = whole_frames_rest(&t->frames);
    if (last && rest.n > 0) {
        exchange_send(t->x, rest.p, rest.n);
    }
}

/* Lets other threads see how far the call is: what it would be charged if it ended now. */
static void show_progress(struct ticket *t, const struct meter_state *m)
{
    struct usage u = m->usage;
    if (!m->usage_known && !m->input_known) {
        u = (struct usage){.input = t->call.reserved_usage.input};
    }
    u.output = m->usage_known ? u.output : output_seen(m);
    int64_t input = u.input + u.cache_read + u.cache_write_5m + u.cache_write_1h;
    money_t usd = call_cost(&t->call, &u);
    atomic_store_explicit(&t->seen.input, input, memory_order_relaxed);
    atomic_store_explicit(&t->seen.output, u.output, memory_order_relaxed);
    atomic_store_explicit(&t->seen.usd, usd, memory_order_relaxed);
}

/* Bytes for the client: as they came, or as the dialect has them. */
static void pass_on(struct ticket *t, const char *data, size_t n, bool last)
{
    struct meter_state m;
    struct buf out;
    buf_init(&out, 64 * 1024 * 1024);
    t->answer_left -= t->answer_left >= 0 ? (int64_t)n : 0;
    bool whole = last || (!t->rewrites && t->answer_left == 0);
    if (t->rewrites) {
        (void)meter_pass(t->meter, data, n, last, &out);
        data = buf_bytes(&out);
        n = out.len;
    } else {
        (void)meter_feed(t->meter, data, n);
    }
    meter_state(t->meter, &m);
    if (t->call.first_token_us == 0 && (m.first_content || (!t->call.stream && n > 0))) {
        first_token(t);
    }
    show_progress(t, &m);
    if (!top_up(t, &m)) {
        buf_free(&out);
        stop_outgrown(t);
        return;
    }
    if (whole || (t->call.stream && m.usage_known)) {
        settle_answer(t, &m);
    }
    if (last && t->late) {
        respond_late(t, (int64_t)n);
    }
    deliver(t, data, n, last);
    buf_free(&out);
    if (last) {
        end(t);
    } else if (t->x->pending > EXCHANGE_HIGH) {
        upstream_pause(t->upstream);
    }
}

static void on_body(void *arg, const char *data, size_t n, bool last)
{
    pass_on(arg, data, n, last);
}

/* A stream that is cut ends with an exception frame, so that no SDK takes it for complete. */
static void end_cut_stream(struct ticket *t, const char *exception, const char *text)
{
    struct exchange *x = t->x;
    struct buf frame;
    buf_init(&frame, 4096);
    bool said = t->call.stream && t->call.http_status == 200 &&
                dialect_stream_end(&frame, t->call.dialect, exception, text) == ERR_OK;
    if (said) {
        exchange_send(x, buf_bytes(&frame), frame.len);
    }
    buf_free(&frame);
    x->ticket = NULL;
    gate_ticket_end(t);
    if (said) {
        exchange_end(x);
    } else {
        exchange_abort(x);
    }
}

void gate_stop(struct ticket *t, const char *why)
{
    if (!t->answered) {
        t->call.http_status = 503;
    }
    gate_settle(t, OUTCOME_FAILED, "stopped");
    if (t->x->responded) {
        end_cut_stream(t, "serviceUnavailableException", why);
    } else {
        gate_refuse(t, REFUSAL_OVERLOADED, "stopped", why);
    }
}

static void on_fail(void *arg, enum upstream_failure failure, const char *text)
{
    static const struct {
        size_t error;
        const char *code;
        int status;
        enum refusal refusal;
    } said[] = {
        [UPSTREAM_UNREACHABLE] = {ERROR_UNREACHABLE, "upstream_unreachable", 502, REFUSAL_UPSTREAM},
        [UPSTREAM_LATE] = {ERROR_TIMEOUT, "upstream_timeout", 504, REFUSAL_UPSTREAM_TIMEOUT},
        [UPSTREAM_FULL] = {ERROR_UNREACHABLE, "overloaded", 503, REFUSAL_OVERLOADED},
        [UPSTREAM_BROKEN] = {ERROR_BROKEN, "upstream_broken", 502, REFUSAL_UPSTREAM},
        [UPSTREAM_TIMED_OUT] = {ERROR_TIMEOUT, "upstream_timeout", 504, REFUSAL_UPSTREAM_TIMEOUT},
    };
    struct ticket *t = arg;
    char message[320];
    t->upstream = NULL;
    t->was_sent = failure == UPSTREAM_BROKEN || failure == UPSTREAM_TIMED_OUT;
    count_error(t->gate, said[failure].error);
    if (!t->answered) {
        t->call.http_status = said[failure].status;
    }
    gate_settle(t, OUTCOME_FAILED, said[failure].code);
    if (t->x->responded) {
        end_cut_stream(t, "internalServerException", text);
        return;
    }
    (void)snprintf(message, sizeof(message), "upstream: %s", text);
    gate_refuse(t, said[failure].refusal, "upstream", message);
}

const struct upstream_handlers gate_answer_handlers = {
    .on_head = on_head, .on_body = on_body, .on_fail = on_fail};
