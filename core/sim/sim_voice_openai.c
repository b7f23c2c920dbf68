/* sim_voice_openai.c: chat completions, as OpenAI's API, AI21 and many open models say them. */
#include "core/sim/sim_voice.h"

static const char *finish_reason(const struct sim_speech *s)
{
    return s->cut_short ? "length" : "stop";
}

/* Cached tokens are part of the prompt's here. */
static void add_usage(struct buf *out, const struct sim_usage *u)
{
    int64_t prompt = u->input + u->cache_read + sim_usage_written(u);
    int64_t total = prompt + u->output;

    buf_printf(out,
               "\"usage\":{\"prompt_tokens\":%lld,\"completion_tokens\":%lld,"
               "\"total_tokens\":%lld,\"prompt_tokens_details\":{\"cached_tokens\":%lld,"
               "\"cache_write_tokens\":%lld},\"completion_tokens_details\":{"
               "\"reasoning_tokens\":0}}",
               (long long)prompt, (long long)u->output, (long long)total, (long long)u->cache_read,
               (long long)sim_usage_written(u));
}

static void add_head(struct buf *json, const struct sim_speech *s, const char *object)
{
    buf_printf(json, "{\"id\":\"chatcmpl-%s\",\"object\":\"%s\",\"created\":%lld,\"model\":", s->id,
               object, (long long)s->created_s);
    buf_json_string(json, str_of(s->model));
    if (s->tier[0] != '\0') {
        buf_printf(json, ",\"service_tier\":\"%s\"", s->tier);
    }
}

static void chat_whole(const struct sim_speech *s, struct buf *json)
{
    add_head(json, s, "chat.completion");
    buf_add(json, ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"");
    buf_add_str(json, s->text);
    buf_printf(json, "\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"%s\"}],",
               finish_reason(s));
    add_usage(json, &s->usage);
    buf_add(json, "}");
}

/* A chunk up to the text of its delta. */
static void begin_chunk(const struct sim_speech *s, struct buf *json)
{
    add_head(json, s, "chat.completion.chunk");
    buf_add(json, ",\"choices\":[{\"index\":0,\"delta\":{");
}

static const char *chat_opening(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)nth;
    begin_chunk(s, json);
    buf_add(json, "\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]");
    return "chunk";
}

static const char *chat_delta(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)nth;
    begin_chunk(s, json);
    buf_add(json, "\"content\":\"");
    buf_add_str(json, s->text);
    buf_add(json, "\"},\"finish_reason\":null}]");
    return "chunk";
}

static const char *chat_closing(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)nth;
    begin_chunk(s, json);
    buf_printf(json, "},\"finish_reason\":\"%s\"}]", finish_reason(s));
    return "chunk";
}

#define CHAT_ERROR                                                                                 \
    .error = "{\"error\":{\"message\":\"Your request rate is too high. Reduce the frequency of "   \
             "requests.\",\"type\":\"rate_limit_error\",\"param\":null,"                           \
             "\"code\":\"rate_limit_exceeded\"}}"

const struct sim_voice sim_voice_chat = {.whole = chat_whole,
                                         .openings = 1,
                                         .closings = 1,
                                         .opening = chat_opening,
                                         .delta = chat_delta,
                                         .closing = chat_closing,
                                         .done = true,
                                         .counts = true,
                                         CHAT_ERROR};

/* --- with stream_options.include_usage: null in every chunk, then a chunk of its own --- */

static const char *usage_opening(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)chat_opening(s, nth, json);
    buf_add(json, ",\"usage\":null");
    return "chunk";
}

static const char *usage_delta(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)chat_delta(s, nth, json);
    buf_add(json, ",\"usage\":null");
    return "chunk";
}

static const char *usage_closing(const struct sim_speech *s, int nth, struct buf *json)
{
    if (nth == 0) {
        (void)chat_closing(s, nth, json);
        buf_add(json, ",\"usage\":null");
        return "chunk";
    }
    add_head(json, s, "chat.completion.chunk");
    buf_add(json, ",\"choices\":[],");
    add_usage(json, &s->usage);
    return "chunk";
}

const struct sim_voice sim_voice_chat_usage = {.whole = chat_whole,
                                               .openings = 1,
                                               .closings = 2,
                                               .opening = usage_opening,
                                               .delta = usage_delta,
                                               .closing = usage_closing,
                                               .done = true,
                                               .counts = true,
                                               CHAT_ERROR};

/* --- AI21: usage in the last chunk, no headers --- */

static const char *ai21_closing(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)chat_closing(s, nth, json);
    buf_add(json, ",");
    add_usage(json, &s->usage);
    return "chunk";
}

const struct sim_voice sim_voice_ai21 = {.whole = chat_whole,
                                         .openings = 1,
                                         .closings = 1,
                                         .opening = chat_opening,
                                         .delta = chat_delta,
                                         .closing = ai21_closing};
