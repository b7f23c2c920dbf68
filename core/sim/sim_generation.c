/* sim_generation.c: see sim_generation.h. What is said is the voice's; when, and which faults
 * strike, is decided here. */
#include "core/sim/sim_generation.h"

#include "core/dialect/eventstream.h"
#include "core/sim/sim_count.h"
#include "core/sim/sim_state.h"

#include <stdlib.h>

enum step { STEP_OPENING, STEP_DELTAS, STEP_CLOSING };

struct generation {
    struct sim_source source;
    struct sim *sim;
    struct sim_plan plan;
    uint32_t epoch;
    char id[25];
    bool begun; /* the stream's first event was asked for */
    enum step step;
    int nth;      /* event of this step */
    int64_t said; /* output tokens so far */
    int64_t events, began_us, first_us;
    struct buf kept; /* all words, for voices that need them at the end */
};

static void on_delivered(struct sim_source *source, int64_t tokens)
{
    struct generation *g = (struct generation *)(void *)source;

    if (g->epoch == g->sim->ledger.epoch) {
        sim_ledger_deliver(&g->sim->ledger, g->plan.place, tokens);
    }
}

static void on_end(struct sim_source *source, bool whole)
{
    struct generation *g = (struct generation *)(void *)source;
    struct sim_ledger *l = &g->sim->ledger;

    if (g->epoch == l->epoch) {
        sim_count_generation(g->sim, g->plan.place, &g->plan.usage, g->said,
                             (double)(loop_now_us(g->sim->loop) - g->began_us) / 1000);
        if (whole && g->plan.fault != SIM_FAULT_EXCEPTION) {
            sim_ledger_complete(l, g->plan.place, &g->plan.usage);
        } else {
            sim_ledger_abort(l, g->plan.place);
        }
    }
    buf_free(&g->kept);
    free(g);
}

static struct generation *new_generation(struct sim *s, const struct sim_plan *plan)
{
    struct generation *g = calloc(1, sizeof *g);

    if (g == NULL) {
        return NULL;
    }
    g->source.delivered = on_delivered;
    g->source.end = on_end;
    g->sim = s;
    g->plan = *plan;
    g->epoch = s->ledger.epoch;
    g->began_us = loop_now_us(s->loop);
    uint64_t state = plan->draw ^ 0x746f6c6c67617465ULL;
    uint64_t drawn[2] = {sim_draw(&state), sim_draw(&state)};
    str_hex(g->id, drawn, 12);
    return g;
}

static void refuse_memory(struct sim_connection *c, const struct sim_plan *plan)
{
    sim_count_refusal(sim_http_owner(c), plan->place, 500);
    sim_refuse(c, plan->tongue, 500, "InternalServerException", "The simulation is out of memory.");
}

static struct sim_speech speech_of(const struct generation *g)
{
    const struct sim_plan *plan = &g->plan;
    int64_t now = loop_now_us(g->sim->loop);

    return (struct sim_speech){
        .usage = plan->usage,
        .model = plan->model,
        .tier = plan->tier,
        .id = g->id,
        .all = buf_str(&g->kept),
        .cut_short = plan->cut_short,
        .first = g->said == 0,
        .latency_ms = (now - g->began_us) / 1000,
        .first_ms = (g->first_us - g->began_us) / 1000,
        .created_s = loop_wall_ms(g->sim->loop) / 1000,
        .sequence = g->events,
        .dimensions = plan->dimensions,
        .inputs = plan->inputs,
        .draw = plan->draw,
    };
}

/* --- whole answers --- */

static enum sim_piece ending_of(enum sim_fault fault)
{
    return fault == SIM_FAULT_CUT     ? SIM_PIECE_CUT
           : fault == SIM_FAULT_STALL ? SIM_PIECE_STALL
                                      : SIM_PIECE_LAST;
}

/* InvokeModel's headers, of families that have them. */
static void add_count_headers(struct buf *out, const struct sim_plan *plan, int64_t latency_ms)
{
    const struct sim_usage *u = &plan->usage;

    if (plan->wire != SIM_WIRE_CHUNKS) {
        return;
    }
    if (plan->tier[0] != '\0') {
        buf_printf(out, "X-Amzn-Bedrock-Service-Tier: %s\r\n", plan->tier);
    }
    if (plan->voice->counts) {
        buf_printf(out,
                   "X-Amzn-Bedrock-Invocation-Latency: %lld\r\n"
                   "X-Amzn-Bedrock-Input-Token-Count: %lld\r\n"
                   "X-Amzn-Bedrock-Output-Token-Count: %lld\r\n"
                   "X-Amzn-Bedrock-Cache-Read-Input-Token-Count: %lld\r\n"
                   "X-Amzn-Bedrock-Cache-Write-Input-Token-Count: %lld\r\n",
                   (long long)latency_ms, (long long)u->input, (long long)u->output,
                   (long long)u->cache_read, (long long)sim_usage_written(u));
    }
}

void sim_generation_answer(struct sim_connection *c, const struct sim_plan *plan)
{
    struct sim *s = sim_http_owner(c);
    struct generation *g = new_generation(s, plan);
    struct buf headers = {0};

    if (g == NULL) {
        refuse_memory(c, plan);
        return;
    }
    struct sim_speech speech = speech_of(g);
    speech.latency_ms = plan->latency_us / 1000 + 1;
    buf_clear(&s->body);
    buf_clear(&s->scratch);
    if (!plan->voice->embeds) {
        sim_words_add(&s->scratch, &g->plan.draw, plan->usage.output, true);
    }
    speech.text = buf_str(&s->scratch);
    plan->voice->whole(&speech, &s->body);
    add_count_headers(&headers, plan, speech.latency_ms);
    g->said = plan->usage.output;
    const struct sim_answer a = {
        .status = 200,
        .content_type = "application/json",
        .headers = headers.len > 0 ? buf_cstr(&headers) : NULL,
        .body = buf_str(&s->body),
        .source = &g->source,
        .body_tokens = plan->usage.output,
        .delay_us = plan->latency_us,
        .slow_head = plan->fault == SIM_FAULT_SLOW_HEAD,
        .ending = ending_of(plan->fault),
    };
    sim_http_answer(c, &a);
    buf_free(&headers);
}

/* --- a stream's events --- */

static void add_invocation_metrics(const struct generation *g, struct buf *json)
{
    const struct sim_usage *u = &g->plan.usage;
    struct sim_speech speech = speech_of(g);

    buf_printf(json,
               ",\"amazon-bedrock-invocationMetrics\":{\"inputTokenCount\":%lld,"
               "\"outputTokenCount\":%lld,\"invocationLatency\":%lld,\"firstByteLatency\":%lld",
               (long long)u->input, (long long)u->output, (long long)speech.latency_ms,
               (long long)speech.first_ms);
    if (u->cache_read + sim_usage_written(u) > 0) {
        buf_printf(json, ",\"cacheReadInputTokenCount\":%lld,\"cacheWriteInputTokenCount\":%lld",
                   (long long)u->cache_read, (long long)sim_usage_written(u));
    }
    buf_add(json, "}");
}

static void add_padding(struct generation *g, struct buf *json)
{
    buf_add(json, ",\"p\":\"");
    buf_add_str(json, sim_words_padding(&g->plan.draw));
    buf_add(json, "\"}");
}

static void add_chunk(struct generation *g, struct buf *out, const struct buf *json)
{
    struct buf *wrapped = &g->sim->wrapped;

    buf_clear(wrapped);
    buf_add(wrapped, "{\"bytes\":\"");
    char *at = buf_reserve(wrapped, 4 * ((json->len + 2) / 3) + 1);
    if (at != NULL) {
        buf_commit(wrapped, str_base64(at, buf_bytes(json), json->len));
    }
    buf_add(wrapped, "\"");
    add_padding(g, wrapped);
    out->failed = wrapped->failed ||
                  eventstream_write_event(out, "chunk", buf_str(wrapped)) != ERR_OK || out->failed;
}

static void add_sse(struct buf *out, const char *name, struct str json)
{
    if (name != NULL) {
        buf_printf(out, "event: %s\n", name);
    }
    buf_add(out, "data: ");
    buf_add_str(out, json);
    buf_add(out, "\n\n");
}

/* The event in the scratch buffer, which lacks its last brace. */
static void add_event(struct generation *g, struct buf *out, const char *name, bool last)
{
    struct buf *json = &g->sim->scratch;

    g->events++;
    switch (g->plan.wire) {
    case SIM_WIRE_EVENTS:
        add_padding(g, json);
        out->failed = eventstream_write_event(out, name, buf_str(json)) != ERR_OK || out->failed;
        return;
    case SIM_WIRE_CHUNKS:
        if (last) {
            add_invocation_metrics(g, json);
        }
        buf_add(json, "}");
        add_chunk(g, out, json);
        return;
    case SIM_WIRE_SSE:
        buf_add(json, "}");
        add_sse(out, g->plan.voice->named ? name : NULL, buf_str(json));
        if (last && g->plan.voice->done) {
            add_sse(out, NULL, STR("[DONE]"));
        }
        return;
    }
}

static struct buf *begin_event(struct generation *g)
{
    buf_clear(&g->sim->scratch);
    return &g->sim->scratch;
}

/* Where a fault of this answer strikes: after half of it. */
static bool fault_is_due(const struct generation *g)
{
    return g->said >= (g->plan.usage.output + 1) / 2;
}

static int64_t add_delta(struct generation *g, struct buf *out)
{
    int64_t left = g->plan.usage.output - g->said;
    int64_t tokens = 1 + (int64_t)(sim_draw(&g->plan.draw) % 4);
    struct buf *words = &g->sim->wrapped;
    struct sim_speech speech = speech_of(g);

    tokens = tokens < left ? tokens : left;
    buf_clear(words);
    sim_words_add(words, &g->plan.draw, tokens, g->said == 0);
    if (g->plan.voice->keeps) {
        buf_add_str(&g->kept, buf_str(words));
    }
    if (g->said == 0) {
        g->first_us = loop_now_us(g->sim->loop);
    }
    g->said += tokens;
    speech.text = buf_str(words);
    speech.usage.output = g->said;
    add_event(g, out, g->plan.voice->delta(&speech, g->nth++, begin_event(g)), false);
    return tokens;
}

static enum sim_piece end_by_exception(struct generation *g, struct buf *out)
{
    const struct sim_voice *voice = g->plan.voice;

    if (g->plan.wire == SIM_WIRE_SSE) {
        add_sse(out, voice->error_name, str_of(voice->error));
    } else {
        out->failed =
            eventstream_write_exception(
                out, "throttlingException",
                "Your request rate is too high. Reduce the frequency of requests.") != ERR_OK;
    }
    return SIM_PIECE_LAST;
}

/* One event that cannot be read: a wrong checksum, or JSON without its last brace. */
static void corrupt(const struct generation *g, struct buf *out)
{
    if (g->plan.wire == SIM_WIRE_SSE) {
        buf_bytes(out)[out->len - 3] = '!';
    } else {
        buf_bytes(out)[out->len - 1] ^= 0x55;
    }
}

/* A delta, with the fault that strikes in the middle of this answer. */
static enum sim_piece next_delta(struct generation *g, struct buf *out, int64_t *tokens)
{
    bool before = fault_is_due(g);

    if (g->plan.fault == SIM_FAULT_EXCEPTION && before) {
        return end_by_exception(g, out);
    }
    *tokens = add_delta(g, out);
    if (g->said == g->plan.usage.output && g->plan.fault != SIM_FAULT_EXCEPTION) {
        g->step = STEP_CLOSING;
        g->nth = 0;
    }
    if (before || !fault_is_due(g)) {
        return SIM_PIECE_MORE;
    }
    if (g->plan.fault == SIM_FAULT_CUT) {
        out->len -= out->len / 2;
        *tokens = 0;
        return SIM_PIECE_CUT;
    }
    if (g->plan.fault == SIM_FAULT_BADCRC && out->len > 2) {
        corrupt(g, out);
        *tokens = 0;
    }
    return SIM_PIECE_MORE;
}

static enum sim_piece next_event(struct sim_source *source, struct buf *out, int64_t *tokens)
{
    struct generation *g = (struct generation *)(void *)source;
    const struct sim_voice *voice = g->plan.voice;

    if (!g->begun && g->plan.fault == SIM_FAULT_STALL) {
        return SIM_PIECE_STALL;
    }
    g->begun = true;
    if (g->step == STEP_OPENING && g->nth == voice->openings) {
        g->step = STEP_DELTAS;
        g->nth = 0;
    }
    if (g->step == STEP_DELTAS) {
        return next_delta(g, out, tokens);
    }
    struct sim_speech speech = speech_of(g);
    sim_say *say = g->step == STEP_OPENING ? voice->opening : voice->closing;
    const char *name = say(&speech, g->nth++, begin_event(g));
    bool last = g->step == STEP_CLOSING && g->nth == voice->closings;
    add_event(g, out, name, last);
    return last ? SIM_PIECE_LAST : SIM_PIECE_MORE;
}

void sim_generation_stream(struct sim_connection *c, const struct sim_plan *plan)
{
    struct generation *g = new_generation(sim_http_owner(c), plan);

    if (g == NULL) {
        refuse_memory(c, plan);
        return;
    }
    g->source.next = next_event;
    const struct sim_answer a = {
        .status = 200,
        .content_type = plan->wire == SIM_WIRE_SSE ? "text/event-stream; charset=utf-8"
                                                   : "application/vnd.amazon.eventstream",
        .headers = plan->wire == SIM_WIRE_CHUNKS
                       ? "X-Amzn-Bedrock-Content-Type: application/json\r\n"
                       : NULL,
        .source = &g->source,
        .delay_us = plan->latency_us,
        .piece_delay_us = plan->token_delay_us,
        .slow_head = plan->fault == SIM_FAULT_SLOW_HEAD,
    };
    sim_http_answer(c, &a);
}
