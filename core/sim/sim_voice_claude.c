/* sim_voice_claude.c: Anthropic's answers: in InvokeModel, and in its own Messages API. */
#include "core/sim/sim_voice.h"

static const char *stop_reason(const struct sim_speech *s)
{
    return s->cut_short ? "max_tokens" : "end_turn";
}

static void add_input_usage(struct buf *out, const struct sim_usage *u)
{
    buf_printf(out,
               "\"input_tokens\":%lld,\"cache_creation_input_tokens\":%lld,"
               "\"cache_read_input_tokens\":%lld,\"cache_creation\":{"
               "\"ephemeral_5m_input_tokens\":%lld,\"ephemeral_1h_input_tokens\":%lld},",
               (long long)u->input, (long long)sim_usage_written(u), (long long)u->cache_read,
               (long long)u->cache_write_5m, (long long)u->cache_write_1h);
}

static void add_message_head(struct buf *out, const struct sim_speech *s)
{
    buf_printf(out, "\"id\":\"msg_bdrk_%s\",\"type\":\"message\",\"role\":\"assistant\",\"model\":",
               s->id);
    buf_json_string(out, str_of(s->model));
}

static void claude_whole(const struct sim_speech *s, struct buf *json)
{
    buf_add(json, "{");
    add_message_head(json, s);
    buf_add(json, ",\"content\":[{\"type\":\"text\",\"text\":\"");
    buf_add_str(json, s->text);
    buf_printf(json, "\"}],\"stop_reason\":\"%s\",\"stop_sequence\":null,\"usage\":{",
               stop_reason(s));
    add_input_usage(json, &s->usage);
    buf_printf(json, "\"output_tokens\":%lld,\"service_tier\":\"standard\"}}",
               (long long)s->usage.output);
}

static const char *claude_opening(const struct sim_speech *s, int nth, struct buf *json)
{
    if (nth == 0) {
        buf_add(json, "{\"type\":\"message_start\",\"message\":{");
        add_message_head(json, s);
        buf_add(json, ",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{");
        add_input_usage(json, &s->usage);
        buf_add(json, "\"output_tokens\":1}}");
        return "message_start";
    }
    if (nth == 1) {
        buf_add(json, "{\"type\":\"content_block_start\",\"index\":0,"
                      "\"content_block\":{\"type\":\"text\",\"text\":\"\"}");
        return "content_block_start";
    }
    buf_add(json, "{\"type\":\"ping\"");
    return "ping";
}

static const char *claude_delta(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)nth;
    buf_add(json, "{\"type\":\"content_block_delta\",\"index\":0,"
                  "\"delta\":{\"type\":\"text_delta\",\"text\":\"");
    buf_add_str(json, s->text);
    buf_add(json, "\"}");
    return "content_block_delta";
}

static const char *closing(const struct sim_speech *s, int nth, struct buf *json, bool all_usage)
{
    if (nth == 0) {
        buf_add(json, "{\"type\":\"content_block_stop\",\"index\":0");
        return "content_block_stop";
    }
    if (nth == 1) {
        buf_printf(json,
                   "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"%s\","
                   "\"stop_sequence\":null},\"usage\":{",
                   stop_reason(s));
        if (all_usage) {
            add_input_usage(json, &s->usage);
        }
        buf_printf(json, "\"output_tokens\":%lld}", (long long)s->usage.output);
        return "message_delta";
    }
    buf_add(json, "{\"type\":\"message_stop\"");
    return "message_stop";
}

static const char *claude_closing(const struct sim_speech *s, int nth, struct buf *json)
{
    return closing(s, nth, json, false);
}

static const char *messages_closing(const struct sim_speech *s, int nth, struct buf *json)
{
    return closing(s, nth, json, true);
}

const struct sim_voice sim_voice_claude = {.whole = claude_whole,
                                           .openings = 2,
                                           .closings = 3,
                                           .opening = claude_opening,
                                           .delta = claude_delta,
                                           .closing = claude_closing,
                                           .counts = true};
const struct sim_voice sim_voice_messages = {
    .whole = claude_whole,
    .openings = 3,
    .closings = 3,
    .opening = claude_opening,
    .delta = claude_delta,
    .closing = messages_closing,
    .named = true,
    .error_name = "error",
    .error = "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
             "\"message\":\"Overloaded\"}}"};
