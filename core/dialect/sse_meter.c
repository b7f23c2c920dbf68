/* sse_meter.c: see sse_meter.h. */
#include "core/dialect/sse_meter.h"

#include "core/base/json_scan.h"
#include "core/dialect/tier.h"

_Static_assert(sizeof(struct sse_meter) < 800, "a meter is kept for every open stream");

void sse_meter_begin(struct sse_meter *m, const struct sse_words *words)
{
    m->words = words;
    usage_report_init(&m->report);
}

void sse_meter_clear(struct meter *base)
{
    struct sse_meter *m = (struct sse_meter *)base;

    sse_free(&m->reader);
    member_find_free(&m->find);
    buf_free(&m->held);
}

void sse_meter_head(struct meter *base, int status, const struct http_header *headers, size_t count)
{
    struct sse_meter *m = (struct sse_meter *)base;

    (void)status;
    if (meter_is_coded(headers, count)) {
        m->mode = SSE_MODE_BROKEN;
    } else if (meter_is_type(headers, count, "text/event-stream")) {
        m->mode = SSE_MODE_EVENTS;
    } else {
        m->mode = SSE_MODE_BODY;
    }
}

void sse_meter_text(struct sse_meter *m, int64_t bytes)
{
    struct meter_state *state = &m->base.state;

    if (bytes > 0) {
        state->first_content = true;
        state->output_events++;
        state->output_bytes += bytes;
    }
}

void sse_meter_tell(struct sse_meter *m, bool final)
{
    struct meter_state *state = &m->base.state;

    state->usage = usage_report_total(&m->report);
    state->input_known = m->report.input >= 0;
    state->usage_known = state->usage_known || (final && usage_report_complete(&m->report));
}

void sse_meter_fail(struct sse_meter *m, struct str raw_name)
{
    struct meter_state *state = &m->base.state;

    state->exception = true;
    if (!scan_raw_decode(state->exception_name, sizeof(state->exception_name), raw_name)) {
        state->exception_name[0] = '\0';
    }
}

static void members(struct str json, const char *const *names, struct str *values, size_t count)
{
    struct str key, raw;
    struct scan s;

    for (size_t i = 0; i < count; i++) {
        values[i] = (struct str){0};
    }
    scan_init(&s, json.p, json.n);
    if (scan_peek(&s) != SCAN_OBJECT) {
        return;
    }
    scan_object(&s);
    while (scan_key(&s, &key) && scan_value(&s, &raw)) {
        for (size_t i = 0; i < count; i++) {
            if (scan_raw_is(key, names[i])) {
                values[i] = raw;
            }
        }
    }
}

struct str sse_member(struct str json, const char *name)
{
    struct str value;

    members(json, &name, &value, 1);
    return value;
}

struct str sse_text(struct str raw)
{
    bool quoted = raw.n >= 2 && raw.p[0] == '"';

    return quoted ? str_sub(raw, 1, raw.n - 2) : (struct str){0};
}

void sse_meter_usage(struct sse_meter *m, struct str raw)
{
    (void)usage_report_read(&m->report, raw);
    tier_said(&m->base.state, sse_member(raw, "service_tier"));
}

static void member_found(void *arg, size_t which, struct str raw)
{
    struct sse_meter *m = arg;

    if (which == 1) {
        tier_said(&m->base.state, raw);
    } else if (usage_report_read(&m->report, raw)) {
        tier_said(&m->base.state, sse_member(raw, "service_tier"));
        m->big_usage = true;
    }
}

static const char *const wanted[] = {"usage", "service_tier"};

/* A piece of the data of an event too long to be kept. */
static void big_piece(void *arg, struct str piece)
{
    struct sse_meter *m = arg;
    const struct member_wants wants = {wanted, 2, m->words->usage_parent, member_found};

    m->big_bytes += piece.n;
    member_find_feed(&m->find, &wants, m, piece.p, piece.n);
}

/* So long an event is either the whole answer once more, with its usage, or text. */
static void big_event(struct sse_meter *m)
{
    struct str name = sse_name(&m->reader);

    bool ends = m->big_usage && m->words->usage_ends;
    if (m->big_usage) {
        sse_meter_tell(m, ends);
    }
    if (!ends && (name.n == 0 || str_ends(name, "delta"))) {
        sse_meter_text(m, (int64_t)m->big_bytes);
    }
    if (str_ends(name, ".failed")) {
        sse_meter_fail(m, STR("server_error"));
    }
    m->big_bytes = 0;
    m->big_usage = false;
    member_find_free(&m->find);
}

/* The event that ended. False: it is to be taken out. */
static bool take_event(struct sse_meter *m)
{
    struct str data = sse_data(&m->reader);

    if (m->reader.big) {
        big_event(m);
        return true;
    }
    return data.n == 0 || m->words->event(m, sse_name(&m->reader), data);
}

static bool feed_body(struct sse_meter *m, const char *data, size_t n)
{
    static const struct member_wants wants = {wanted, 2, NULL, member_found};

    m->base.state.first_content = m->base.state.first_content || (m->base.answered && n > 0);
    member_find_feed(&m->find, &wants, m, data, n);
    sse_meter_tell(m, true);
    return true;
}

bool sse_meter_feed(struct meter *base, const char *data, size_t n)
{
    struct sse_meter *m = (struct sse_meter *)base;

    switch (m->mode) {
    case SSE_MODE_BODY:
        return feed_body(m, data, n);
    case SSE_MODE_BROKEN:
        return meter_count_bytes(base, n);
    case SSE_MODE_EVENTS:
        break;
    }
    while (n > 0) {
        bool ended;
        size_t used = sse_feed(&m->reader, data, n, big_piece, m, &ended);
        data += used;
        n -= used;
        if (ended) {
            (void)take_event(m);
        }
    }
    return true;
}

bool sse_meter_rewrites(const struct meter *base)
{
    const struct sse_meter *m = (const struct sse_meter *)base;

    return base->usage_added && m->mode == SSE_MODE_EVENTS;
}

static bool let_go(struct sse_meter *m, struct buf *out)
{
    bool ok = m->held.len == 0 || buf_add_str(out, buf_str(&m->held));

    buf_free(&m->held);
    return ok;
}

bool sse_meter_pass(struct meter *base, const char *data, size_t n, bool last, struct buf *out)
{
    struct sse_meter *m = (struct sse_meter *)base;
    bool ok = true;

    while (n > 0) {
        bool ended;
        size_t used = sse_feed(&m->reader, data, n, big_piece, m, &ended);
        struct str piece = {data, used};
        data += used;
        n -= used;
        if (ended && !take_event(m)) {
            buf_free(&m->held);
        } else if (ended || m->reader.big) {
            ok = let_go(m, out) && buf_add_str(out, piece) && ok;
        } else if (!buf_add_str(&m->held, piece)) {
            ok = false;
        }
    }
    if (last && sse_finish(&m->reader) && !take_event(m)) {
        buf_free(&m->held);
    }
    return (!last || let_go(m, out)) && ok;
}
