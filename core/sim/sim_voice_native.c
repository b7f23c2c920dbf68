/* sim_voice_native.c: InvokeModel's answers of Llama, Titan, Mistral, DeepSeek and Cohere. */
#include "core/sim/sim_voice.h"

#include "core/sim/sim_words.h"

/* A text as a member's value, with a comma behind it. */
static void add_text(struct buf *json, const char *name, struct str text)
{
    buf_printf(json, "\"%s\":\"", name);
    buf_add_str(json, text);
    buf_add(json, "\",");
}

static const char *stop_or_length(const struct sim_speech *s)
{
    return s->cut_short ? "length" : "stop";
}

/* --- Llama --- */

static void llama_whole(const struct sim_speech *s, struct buf *json)
{
    buf_add(json, "{");
    add_text(json, "generation", s->text);
    buf_printf(json,
               "\"prompt_token_count\":%lld,\"generation_token_count\":%lld,"
               "\"stop_reason\":\"%s\"}",
               (long long)s->usage.input, (long long)s->usage.output, stop_or_length(s));
}

/* usage.output of a delta is what was said up to its end. */
static const char *llama_delta(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)nth;
    buf_add(json, "{");
    add_text(json, "generation", s->text);
    if (s->first) {
        buf_printf(json, "\"prompt_token_count\":%lld,", (long long)s->usage.input);
    } else {
        buf_add(json, "\"prompt_token_count\":null,");
    }
    buf_printf(json, "\"generation_token_count\":%lld,\"stop_reason\":null",
               (long long)s->usage.output);
    return "chunk";
}

static const char *llama_closing(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)nth;
    buf_printf(json,
               "{\"generation\":\"\",\"prompt_token_count\":null,\"generation_token_count\":%lld,"
               "\"stop_reason\":\"%s\"",
               (long long)s->usage.output, stop_or_length(s));
    return "chunk";
}

const struct sim_voice sim_voice_llama = {.whole = llama_whole,
                                          .closings = 1,
                                          .delta = llama_delta,
                                          .closing = llama_closing,
                                          .counts = true};

/* --- Titan --- */

static void titan_whole(const struct sim_speech *s, struct buf *json)
{
    buf_printf(json, "{\"inputTextTokenCount\":%lld,\"results\":[{\"tokenCount\":%lld,",
               (long long)s->usage.input, (long long)s->usage.output);
    add_text(json, "outputText", s->text);
    buf_printf(json, "\"completionReason\":\"%s\"}]}", s->cut_short ? "LENGTH" : "FINISH");
}

static const char *titan_delta(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)nth;
    buf_add(json, "{");
    add_text(json, "outputText", s->text);
    buf_add(json, "\"index\":0,\"totalOutputTextTokenCount\":null,\"completionReason\":null,"
                  "\"inputTextTokenCount\":null");
    return "chunk";
}

static const char *titan_closing(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)nth;
    buf_printf(json,
               "{\"outputText\":\"\",\"index\":0,\"totalOutputTextTokenCount\":%lld,"
               "\"completionReason\":\"%s\",\"inputTextTokenCount\":%lld",
               (long long)s->usage.output, s->cut_short ? "LENGTH" : "FINISH",
               (long long)s->usage.input);
    return "chunk";
}

const struct sim_voice sim_voice_titan = {.whole = titan_whole,
                                          .closings = 1,
                                          .delta = titan_delta,
                                          .closing = titan_closing,
                                          .counts = true};

/* --- embeddings --- */

static void add_vector(struct buf *json, int64_t dimensions, uint64_t *draw)
{
    buf_add(json, "[");
    for (int64_t i = 0; i < dimensions; i++) {
        uint64_t drawn = sim_draw(draw);
        buf_printf(json, "%s%s0.0%05u", i > 0 ? "," : "", drawn & 1 ? "-" : "",
                   (unsigned)((drawn >> 1) % 100000));
    }
    buf_add(json, "]");
}

static void titan_embedding(const struct sim_speech *s, struct buf *json)
{
    uint64_t draw = s->draw;

    buf_add(json, "{\"embedding\":");
    add_vector(json, s->dimensions, &draw);
    buf_printf(json, ",\"inputTextTokenCount\":%lld}", (long long)s->usage.input);
}

static void cohere_embedding(const struct sim_speech *s, struct buf *json)
{
    uint64_t draw = s->draw;

    buf_add(json, "{\"embeddings\":[");
    for (int64_t i = 0; i < s->inputs; i++) {
        buf_add(json, i > 0 ? "," : "");
        add_vector(json, s->dimensions, &draw);
    }
    buf_printf(json, "],\"id\":\"%s\",\"response_type\":\"embeddings_floats\"}", s->id);
}

const struct sim_voice sim_voice_titan_embed = {
    .whole = titan_embedding, .embeds = true, .counts = true};
const struct sim_voice sim_voice_cohere_embed = {.whole = cohere_embedding, .embeds = true};

/* --- Mistral, and completions as DeepSeek gives them: no usage in the body --- */

static void add_mistral(const struct sim_speech *s, struct buf *json, const char *list,
                        const char *reason)
{
    buf_printf(json, "{\"%s\":[{", list);
    add_text(json, "text", s->text);
    buf_add(json, "\"stop_reason\":");
    if (reason != NULL) {
        buf_json_string(json, str_of(reason));
    } else {
        buf_add(json, "null");
    }
    buf_add(json, "}]");
}

static void mistral_whole(const struct sim_speech *s, struct buf *json)
{
    add_mistral(s, json, "outputs", stop_or_length(s));
    buf_add(json, "}");
}

static const char *mistral_delta(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)nth;
    add_mistral(s, json, "outputs", NULL);
    return "chunk";
}

static const char *mistral_closing(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)nth;
    add_mistral(s, json, "outputs", stop_or_length(s));
    return "chunk";
}

static void completions_whole(const struct sim_speech *s, struct buf *json)
{
    add_mistral(s, json, "choices", stop_or_length(s));
    buf_add(json, "}");
}

static const char *completions_delta(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)nth;
    add_mistral(s, json, "choices", NULL);
    return "chunk";
}

static const char *completions_closing(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)nth;
    add_mistral(s, json, "choices", stop_or_length(s));
    return "chunk";
}

const struct sim_voice sim_voice_mistral = {.whole = mistral_whole,
                                            .closings = 1,
                                            .delta = mistral_delta,
                                            .closing = mistral_closing,
                                            .counts = true};
const struct sim_voice sim_voice_completions = {.whole = completions_whole,
                                                .closings = 1,
                                                .delta = completions_delta,
                                                .closing = completions_closing,
                                                .counts = true};

/* --- Cohere: no usage in the body, no headers --- */

static const char *cohere_reason(const struct sim_speech *s)
{
    return s->cut_short ? "MAX_TOKENS" : "COMPLETE";
}

static void cohere_whole(const struct sim_speech *s, struct buf *json)
{
    buf_printf(json, "{\"response_id\":\"%s\",\"generation_id\":\"%s\",", s->id, s->id);
    add_text(json, "text", s->text);
    buf_printf(json, "\"chat_history\":[],\"finish_reason\":\"%s\"}", cohere_reason(s));
}

static const char *cohere_delta(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)nth;
    buf_add(json, "{");
    add_text(json, "text", s->text);
    buf_add(json, "\"is_finished\":false,\"event_type\":\"text-generation\"");
    return "chunk";
}

static const char *cohere_closing(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)nth;
    buf_printf(json,
               "{\"is_finished\":true,\"event_type\":\"stream-end\",\"finish_reason\":\"%s\","
               "\"response\":",
               cohere_reason(s));
    struct sim_speech whole = *s;
    whole.text = s->all;
    cohere_whole(&whole, json);
    return "chunk";
}

static void cohere_old_whole(const struct sim_speech *s, struct buf *json)
{
    buf_printf(json, "{\"id\":\"%s\",\"generations\":[{\"id\":\"%s\",", s->id, s->id);
    add_text(json, "text", s->text);
    buf_printf(json, "\"finish_reason\":\"%s\"}],\"prompt\":\"\"}", cohere_reason(s));
}

static const char *cohere_old_delta(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)nth;
    buf_add(json, "{");
    add_text(json, "text", s->text);
    buf_add(json, "\"is_finished\":false");
    return "chunk";
}

static const char *cohere_old_closing(const struct sim_speech *s, int nth, struct buf *json)
{
    (void)nth;
    buf_printf(json, "{\"is_finished\":true,\"finish_reason\":\"%s\"", cohere_reason(s));
    return "chunk";
}

const struct sim_voice sim_voice_cohere = {.whole = cohere_whole,
                                           .closings = 1,
                                           .delta = cohere_delta,
                                           .closing = cohere_closing,
                                           .keeps = true};
const struct sim_voice sim_voice_cohere_old = {.whole = cohere_old_whole,
                                               .closings = 1,
                                               .delta = cohere_old_delta,
                                               .closing = cohere_old_closing};
