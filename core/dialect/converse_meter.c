/* converse_meter.c: reads the usage of Converse while an answer passes. Small, because thousands
 * live at once: what it keeps of an answer is at most one cut event, or the value of `usage`. */
#include "core/dialect/bedrock.h"
#include "core/dialect/dialect_private.h"
#include "core/dialect/frame_reader.h"
#include "core/dialect/member_find.h"
#include "core/dialect/tier.h"
#include "core/dialect/usage_report.h"

#define CONTENT_KEPT_MAX ((size_t)64 * 1024)

enum meter_mode { METER_OFF, METER_JSON, METER_FRAMES, METER_BROKEN };
enum frame_kind { FRAME_OTHER, FRAME_CONTENT, FRAME_METADATA, FRAME_EXCEPTION };

struct converse_meter {
    struct meter base;
    enum meter_mode mode;
    enum frame_kind frame;
    bool is_free; /* counts no tokens, whatever the answer says */
    struct member_find usage;
    struct usage_report report; /* as found last */
    struct frame_reader frames;
    size_t payload_length;
    int64_t content_bytes; /* of the frame under way */
    struct buf content;    /* of a content event that came in pieces */
};

_Static_assert(sizeof(struct converse_meter) < 600, "a meter is kept for every open stream");

static void begin(struct meter *base, const struct dialect_route *r, const struct call *call)
{
    struct converse_meter *m = (struct converse_meter *)base;

    (void)call;
    m->is_free = r->kind == KIND_FREE;
    usage_report_init(&m->report);
}

static void clear(struct meter *base)
{
    struct converse_meter *m = (struct converse_meter *)base;

    member_find_free(&m->usage);
    frame_reader_free(&m->frames);
    buf_free(&m->content);
}

static void head(struct meter *base, int status, const struct http_header *headers,
                 size_t header_count)
{
    struct converse_meter *m = (struct converse_meter *)base;

    (void)status;
    if (m->is_free) {
        m->mode = METER_OFF;
        base->state.usage_known = true;
    } else if (meter_is_coded(headers, header_count)) {
        m->mode = METER_BROKEN;
    } else if (meter_is_type(headers, header_count, "application/vnd.amazon.eventstream")) {
        m->mode = METER_FRAMES;
    } else {
        m->mode = METER_JSON;
    }
}

enum wanted { WANT_USAGE, WANT_TIER, WANT_LATENCY };

/* The last one counts. */
static void member_found(void *arg, size_t which, struct str raw)
{
    struct converse_meter *m = arg;

    if (which == WANT_TIER) {
        tier_said_type(&m->base.state, raw);
        return;
    }
    if (which == WANT_LATENCY) {
        tier_said_latency(&m->base.state, raw);
        return;
    }
    if (m->mode == METER_JSON) {
        m->base.state.usage_known = false; /* the last one counts, also when it cannot be read */
    }
    usage_report_init(&m->report);
    if (!usage_report_read(&m->report, raw)) {
        usage_report_init(&m->report);
    }
}

/* Believes what was found; of a frame only at its end, when it was found whole. */
static void take_usage(struct converse_meter *m)
{
    if (usage_report_complete(&m->report)) {
        m->base.state.usage_known = true;
        m->base.state.usage = usage_report_total(&m->report);
    }
}

static const char *const wanted[] = {"usage", "serviceTier", "performanceConfig"};
static const struct member_wants wants = {wanted, sizeof(wanted) / sizeof(wanted[0]), NULL,
                                          member_found};

static void frame_begins(void *arg, struct str headers, size_t payload_length)
{
    struct converse_meter *m = arg;
    struct eventstream_message message = {.headers = headers};
    struct str type = eventstream_find(&message, ":message-type");

    m->frame = FRAME_OTHER;
    m->payload_length = payload_length;
    m->content_bytes = 0;
    if (str_is(type, "event")) {
        struct str event = eventstream_find(&message, ":event-type");
        if (str_is(event, "contentBlockDelta")) {
            m->frame = FRAME_CONTENT;
        } else if (str_is(event, "metadata")) {
            m->frame = FRAME_METADATA;
            member_find_free(&m->usage);
            usage_report_init(&m->report);
        }
    } else if (str_is(type, "exception") || str_is(type, "error")) {
        bool modeled = str_is(type, "exception");
        struct str name = eventstream_find(&message, modeled ? ":exception-type" : ":error-code");
        m->frame = FRAME_EXCEPTION;
        (void)str_copy(m->base.state.exception_name, sizeof(m->base.state.exception_name), name);
    }
}

static void content_piece(struct converse_meter *m, struct str piece)
{
    if (piece.n == m->payload_length) {
        m->content_bytes = bedrock_content_bytes(piece);
        return;
    }
    if (m->payload_length > CONTENT_KEPT_MAX || !buf_add_str(&m->content, piece)) {
        m->content_bytes = (int64_t)m->payload_length;
        buf_free(&m->content);
    } else if (m->content.len == m->payload_length) {
        m->content_bytes = bedrock_content_bytes(buf_str(&m->content));
        buf_free(&m->content);
    }
}

static void frame_payload(void *arg, struct str piece)
{
    struct converse_meter *m = arg;

    if (m->frame == FRAME_CONTENT) {
        content_piece(m, piece);
    } else if (m->frame == FRAME_METADATA) {
        member_find_feed(&m->usage, &wants, m, piece.p, piece.n);
    }
}

static void frame_ends(void *arg)
{
    struct converse_meter *m = arg;

    switch (m->frame) {
    case FRAME_CONTENT:
        m->base.state.first_content = true;
        m->base.state.output_events++;
        m->base.state.output_bytes += m->content_bytes;
        break;
    case FRAME_EXCEPTION:
        m->base.state.exception = true;
        break;
    case FRAME_METADATA:
        take_usage(m);
        break;
    case FRAME_OTHER:
        break;
    }
}

static bool feed(struct meter *base, const char *data, size_t n)
{
    static const struct frame_events events = {frame_begins, frame_payload, frame_ends};
    struct converse_meter *m = (struct converse_meter *)base;

    switch (m->mode) {
    case METER_JSON:
        m->base.state.first_content = m->base.state.first_content || (m->base.answered && n > 0);
        member_find_feed(&m->usage, &wants, m, data, n);
        take_usage(m);
        return true;
    case METER_FRAMES:
        if (frame_reader_feed(&m->frames, data, n, &events, m) == ERR_OK) {
            return true;
        }
        m->mode = METER_BROKEN;
        buf_free(&m->content);
        return meter_count_bytes(base, n);
    case METER_BROKEN:
        return meter_count_bytes(base, n);
    case METER_OFF:
        break;
    }
    return true;
}

const struct meter_kind meter_converse = {
    .size = sizeof(struct converse_meter),
    .begin = begin,
    .head = head,
    .feed = feed,
    .clear = clear,
};
