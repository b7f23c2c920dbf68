/* invoke_meter.c: see invoke_meter.h. A count that Bedrock itself reports (headers, and the metrics
 * in a stream's last event) ends the matter; the family's own words add how cache writes divide. */
#include "core/dialect/invoke_meter.h"

#include "core/base/json_scan.h"
#include "core/dialect/frame_reader.h"
#include "core/dialect/member_find.h"
#include "core/dialect/tier.h"
#include "core/dialect/usage_report.h"

#include <stdlib.h>
#include <string.h>

#define EVENT_KEPT_MAX ((size_t)1024 * 1024)

enum mode { MODE_JSON, MODE_FRAMES, MODE_BROKEN };
enum frame_kind { FRAME_OTHER, FRAME_CHUNK, FRAME_EXCEPTION };

struct invoke_meter {
    struct meter base;
    enum mode mode;
    enum frame_kind frame;
    bool no_output; /* embeddings and rankings */
    struct member_find find;
    struct usage_report report;
    struct frame_reader frames;
    size_t payload_length;
    /* Of the event under way, believed when its CRC is right. */
    struct usage_report event_report;
    int64_t event_text;
    bool event_final;
    struct buf event; /* its payload, when it came in pieces */
};

_Static_assert(sizeof(struct invoke_meter) < 700, "a meter is kept for every open stream");

static void begin(struct meter *base, const struct dialect_route *r, const struct call *call)
{
    struct invoke_meter *m = (struct invoke_meter *)base;
    const struct model *model = call->resolved.model;

    (void)r;
    usage_report_init(&m->report);
    m->no_output =
        call->max_output == 0 ||
        (model != NULL && model->base_id != NULL &&
         (strstr(model->base_id, "embed") != NULL || strstr(model->base_id, "rerank") != NULL));
}

static void clear(struct meter *base)
{
    struct invoke_meter *m = (struct invoke_meter *)base;

    member_find_free(&m->find);
    frame_reader_free(&m->frames);
    buf_free(&m->event);
}

/* Says what is known by now; `final`: there is no more to come. */
static void tell(struct invoke_meter *m, bool final)
{
    struct meter_state *state = &m->base.state;
    struct usage_report said = m->report;

    if (m->no_output && said.output < 0) {
        said.output = 0;
    }
    state->usage = usage_report_total(&said);
    state->input_known = said.input >= 0;
    state->usage_known = state->usage_known || (final && usage_report_complete(&said));
}

static void read_header(const struct http_header *headers, size_t count, const char *name,
                        int64_t *out)
{
    int64_t n;

    if (str_to_i64(meter_header(headers, count, name), &n) && n >= 0) {
        *out = n;
    }
}

static void head(struct meter *base, int status, const struct http_header *headers, size_t count)
{
    struct invoke_meter *m = (struct invoke_meter *)base;
    struct usage_report *r = &m->report;

    (void)status;
    read_header(headers, count, "x-amzn-bedrock-input-token-count", &r->input);
    read_header(headers, count, "x-amzn-bedrock-output-token-count", &r->output);
    read_header(headers, count, "x-amzn-bedrock-cache-read-input-token-count", &r->cache_read);
    read_header(headers, count, "x-amzn-bedrock-cache-write-input-token-count", &r->cache_write);
    if (meter_is_type(headers, count, "application/vnd.amazon.eventstream")) {
        m->mode = MODE_FRAMES;
    } else {
        /* Only the body tells for how long caches were written. */
        tell(m, r->cache_write <= 0);
    }
    if (meter_is_coded(headers, count)) {
        m->mode = MODE_BROKEN;
        tell(m, true);
    }
}

enum wanted {
    WANT_USAGE,
    WANT_PROMPT_COUNT,
    WANT_GENERATION_COUNT,
    WANT_INPUT_TEXT_COUNT,
    WANT_TIER
};

static void read_number(struct str raw, int64_t *out)
{
    struct scan s;
    int64_t n;

    scan_init(&s, raw.p, raw.n);
    if (scan_peek(&s) == SCAN_NUMBER && scan_int(&s, &n) && n >= 0) {
        *out = n;
    }
}

static void body_found(void *arg, size_t which, struct str raw)
{
    struct invoke_meter *m = arg;

    switch ((enum wanted)which) {
    case WANT_USAGE:
        (void)usage_report_read(&m->report, raw);
        break;
    case WANT_PROMPT_COUNT:
    case WANT_INPUT_TEXT_COUNT:
        read_number(raw, &m->report.input);
        break;
    case WANT_GENERATION_COUNT:
        read_number(raw, &m->report.output);
        break;
    case WANT_TIER:
        tier_said(&m->base.state, raw);
        break;
    }
}

static void feed_body(struct invoke_meter *m, const char *data, size_t n)
{
    static const char *const names[] = {"usage", "prompt_token_count", "generation_token_count",
                                        "inputTextTokenCount", "service_tier"};
    static const struct member_wants wants = {names, sizeof(names) / sizeof(names[0]), NULL,
                                              body_found};

    m->base.state.first_content = m->base.state.first_content || (m->base.answered && n > 0);
    member_find_feed(&m->find, &wants, m, data, n);
    tell(m, m->find.off);
}

/* --- streams --- */

/* The usage inside a member: {"usage":{..}}. */
static void read_nested_usage(struct usage_report *r, struct str raw)
{
    struct scan s;
    struct str key, value;

    scan_init(&s, raw.p, raw.n);
    if (scan_peek(&s) != SCAN_OBJECT) {
        return;
    }
    scan_object(&s);
    while (scan_key(&s, &key) && scan_value(&s, &value)) {
        if (scan_raw_is(key, "usage")) {
            (void)usage_report_read(r, value);
        }
    }
}

/* The model's own event. What it counts is cumulative: the last stands. */
static void read_event(struct invoke_meter *m, struct str json)
{
    struct usage_report *r = &m->event_report;
    struct str key, raw;
    struct scan s;

    m->event_text = usage_text_bytes(json);
    scan_init(&s, json.p, json.n);
    if (scan_peek(&s) != SCAN_OBJECT) {
        return;
    }
    scan_object(&s);
    while (scan_key(&s, &key) && scan_value(&s, &raw)) {
        if (scan_raw_is(key, "usage")) {
            (void)usage_report_read(r, raw);
        } else if (scan_raw_is(key, "message") || scan_raw_is(key, "metadata")) {
            read_nested_usage(r, raw);
        } else if (scan_raw_is(key, "prompt_token_count") ||
                   scan_raw_is(key, "inputTextTokenCount")) {
            read_number(raw, &r->input);
        } else if (scan_raw_is(key, "generation_token_count") ||
                   scan_raw_is(key, "totalOutputTextTokenCount")) {
            read_number(raw, &r->output);
        } else if (scan_raw_is(key, "amazon-bedrock-invocationMetrics")) {
            /* In Bedrock's own words input is apart from caches. */
            r->inside_read = r->inside_write = -1;
            m->event_final = usage_report_read(r, raw);
        }
    }
}

/* {"bytes":"<base64 of the model's event>","p":"<padding>"} */
static void read_chunk(struct invoke_meter *m, struct str payload)
{
    struct str key, raw, bytes = {0};
    struct scan s;

    m->event_text = (int64_t)payload.n; /* unless it can be read */
    scan_init(&s, payload.p, payload.n);
    if (!scan_object(&s)) {
        return;
    }
    while (scan_key(&s, &key)) {
        if (scan_raw_is(key, "bytes") && scan_peek(&s) == SCAN_STRING) {
            scan_string(&s, &bytes);
        } else {
            scan_value(&s, &raw);
        }
    }
    size_t size = bytes.n / 4 * 3 + 4;
    char *json = scan_done(&s) && bytes.n > 0 ? malloc(size + bytes.n + 1) : NULL;
    if (json == NULL) {
        return;
    }
    /* A '/' of base64 may be escaped. */
    char *text = json + size;
    size_t n = scan_raw_decode(text, bytes.n + 1, bytes) ? str_unbase64(json, size, str_of(text))
                                                         : (size_t)-1;
    if (n != (size_t)-1) {
        read_event(m, (struct str){json, n});
    }
    free(json);
}

static void frame_begins(void *arg, struct str headers, size_t payload_length)
{
    struct invoke_meter *m = arg;
    struct eventstream_message message = {.headers = headers};
    struct str type = eventstream_find(&message, ":message-type");

    m->frame = FRAME_OTHER;
    m->payload_length = payload_length;
    if (str_is(type, "event") && str_is(eventstream_find(&message, ":event-type"), "chunk")) {
        m->frame = FRAME_CHUNK;
        m->event_report = m->report;
        m->event_text = 0;
        m->event_final = false;
    } else if (str_is(type, "exception") || str_is(type, "error")) {
        bool modeled = str_is(type, "exception");
        struct str name = eventstream_find(&message, modeled ? ":exception-type" : ":error-code");
        m->frame = FRAME_EXCEPTION;
        (void)str_copy(m->base.state.exception_name, sizeof(m->base.state.exception_name), name);
    }
}

static void frame_payload(void *arg, struct str piece)
{
    struct invoke_meter *m = arg;

    if (m->frame != FRAME_CHUNK) {
        return;
    }
    if (piece.n == m->payload_length) {
        read_chunk(m, piece);
    } else if (m->payload_length > EVENT_KEPT_MAX || !buf_add_str(&m->event, piece)) {
        m->event_text = (int64_t)m->payload_length;
        buf_free(&m->event);
    } else if (m->event.len == m->payload_length) {
        read_chunk(m, buf_str(&m->event));
        buf_free(&m->event);
    }
}

static void frame_ends(void *arg)
{
    struct invoke_meter *m = arg;
    struct meter_state *state = &m->base.state;

    if (m->frame == FRAME_EXCEPTION) {
        state->exception = true;
    } else if (m->frame == FRAME_CHUNK) {
        m->report = m->event_report;
        state->first_content = state->first_content || m->event_text > 0;
        state->output_events += m->event_text > 0;
        state->output_bytes += m->event_text;
        tell(m, m->event_final);
    }
}

static bool feed(struct meter *base, const char *data, size_t n)
{
    static const struct frame_events events = {frame_begins, frame_payload, frame_ends};
    struct invoke_meter *m = (struct invoke_meter *)base;

    switch (m->mode) {
    case MODE_JSON:
        feed_body(m, data, n);
        return true;
    case MODE_FRAMES:
        if (frame_reader_feed(&m->frames, data, n, &events, m) == ERR_OK) {
            return true;
        }
        m->mode = MODE_BROKEN;
        buf_free(&m->event);
        break;
    case MODE_BROKEN:
        break;
    }
    return meter_count_bytes(base, n);
}

const struct meter_kind meter_invoke = {
    .size = sizeof(struct invoke_meter),
    .begin = begin,
    .head = head,
    .feed = feed,
    .clear = clear,
};
