/* sim_voice_converse.c: Converse, and Nova's own bodies, which are much alike. */
#include "core/sim/sim_voice.h"

static const char *stop_reason(const struct sim_speech *s)
{
    return s->cut_short ? "max_tokens" : "end_turn";
}

static void add_cache_detail(struct buf *out, const char *ttl, int64_t tokens, bool second)
{
    if (tokens > 0) {
        buf_printf(out, "%s{\"inputTokens\":%lld,\"ttl\":\"%s\"}", second ? "," : "",
                   (long long)tokens, ttl);
    }
}

/* The names of cached tokens end in `suffix`. */
static void add_usage(struct buf *out, const struct sim_usage *u, const char *suffix)
{
    int64_t written = sim_usage_written(u);
    int64_t total = u->input + u->output + u->cache_read + written;

    buf_printf(out,
               "\"usage\":{\"inputTokens\":%lld,\"outputTokens\":%lld,\"totalTokens\":%lld,"
               "\"cacheReadInputToken%s\":%lld,\"cacheWriteInputToken%s\":%lld",
               (long long)u->input, (long long)u->output, (long long)total, suffix,
               (long long)u->cache_read, suffix, (long long)written);
}

static void add_converse_usage(struct buf *out, const struct sim_speech *s)
{
    const struct sim_usage *u = &s->usage;

    add_usage(out, u, "s");
    if (sim_usage_written(u) > 0) {
        buf_add(out, ",\"cacheDetails\":[");
        add_cache_detail(out, "5m", u->cache_write_5m, false);
        add_cache_detail(out, "1h", u->cache_write_1h, u->cache_write_5m > 0);
        buf_add(out, "]");
    }
    buf_add(out, "}");
    if (s->tier[0] != '\0') {
        buf_printf(out, ",\"serviceTier\":{\"type\":\"%s\"}", s->tier);
    }
}

static void add_message(struct buf *out, const struct sim_speech *s)
{
    buf_add(out, "\"output\":{\"message\":{\"content\":[{\"text\":\"");
    buf_add_str(out, s->text);
    buf_printf(out, "\"}],\"role\":\"assistant\"}},\"stopReason\":\"%s\",", stop_reason(s));
}

static void converse_whole(const struct sim_speech *s, struct buf *json)
{
    buf_printf(json, "{\"metrics\":{\"latencyMs\":%lld},", (long long)s->latency_ms);
    add_message(json, s);
    add_converse_usage(json, s);
    buf_add(json, "}");
}

static const char *converse_opening(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)s;
    (void)nth;
    buf_add(json, "{\"role\":\"assistant\"");
    return "messageStart";
}

static const char *converse_delta(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)nth;
    buf_add(json, "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"");
    buf_add_str(json, s->text);
    buf_add(json, "\"}");
    return "contentBlockDelta";
}

static const char *converse_closing(const struct sim_speech *s, int nth, struct buf *json)
{
    if (nth == 0) {
        buf_add(json, "{\"contentBlockIndex\":0");
        return "contentBlockStop";
    }
    if (nth == 1) {
        buf_printf(json, "{\"stopReason\":\"%s\"", stop_reason(s));
        return "messageStop";
    }
    buf_printf(json, "{\"metrics\":{\"latencyMs\":%lld},", (long long)s->latency_ms);
    add_converse_usage(json, s);
    return "metadata";
}

const struct sim_voice sim_voice_converse = {.whole = converse_whole,
                                             .openings = 1,
                                             .closings = 3,
                                             .opening = converse_opening,
                                             .delta = converse_delta,
                                             .closing = converse_closing};

/* --- Nova --- */

static void nova_whole(const struct sim_speech *s, struct buf *json)
{
    buf_add(json, "{");
    add_message(json, s);
    add_usage(json, &s->usage, "Count");
    buf_add(json, "}}");
}

static const char *nova_opening(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)s;
    (void)nth;
    buf_add(json, "{\"messageStart\":{\"role\":\"assistant\"}");
    return "messageStart";
}

static const char *nova_delta(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)nth;
    buf_add(json, "{\"contentBlockDelta\":{\"delta\":{\"text\":\"");
    buf_add_str(json, s->text);
    buf_add(json, "\"},\"contentBlockIndex\":0}");
    return "contentBlockDelta";
}

static const char *nova_closing(const struct sim_speech *s, int nth, struct buf *json)
{
    if (nth == 0) {
        buf_add(json, "{\"contentBlockStop\":{\"contentBlockIndex\":0}");
        return "contentBlockStop";
    }
    if (nth == 1) {
        buf_printf(json, "{\"messageStop\":{\"stopReason\":\"%s\"}", stop_reason(s));
        return "messageStop";
    }
    buf_add(json, "{\"metadata\":{");
    add_usage(json, &s->usage, "Count");
    buf_add(json, "},\"metrics\":{}}");
    return "metadata";
}

const struct sim_voice sim_voice_nova = {.whole = nova_whole,
                                         .openings = 1,
                                         .closings = 3,
                                         .opening = nova_opening,
                                         .delta = nova_delta,
                                         .closing = nova_closing,
                                         .counts = true};
