/* sim_voice_responses.c: OpenAI's Responses API. */
#include "core/sim/sim_voice.h"

enum state { RUNNING, OVER };

static const char *final_status(const struct sim_speech *s)
{
    return s->cut_short ? "incomplete" : "completed";
}

static void add_part(struct buf *json, struct str text)
{
    buf_add(json, "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":\"");
    buf_add_str(json, text);
    buf_add(json, "\"}");
}

static void add_item(struct buf *json, const struct sim_speech *s, enum state state,
                     struct str text)
{
    buf_printf(json, "{\"id\":\"msg_%s\",\"type\":\"message\",\"role\":\"assistant\",", s->id);
    buf_printf(json, "\"status\":\"%s\",\"content\":[",
               state == OVER ? final_status(s) : "in_progress");
    if (state == OVER) {
        add_part(json, text);
    }
    buf_add(json, "]}");
}

static void add_usage(struct buf *json, const struct sim_usage *u)
{
    int64_t input = u->input + u->cache_read + sim_usage_written(u);
    int64_t total = input + u->output;

    buf_printf(json,
               "{\"input_tokens\":%lld,\"input_tokens_details\":{\"cached_tokens\":%lld,"
               "\"cache_write_tokens\":%lld},\"output_tokens\":%lld,\"output_tokens_details\":{"
               "\"reasoning_tokens\":0},\"total_tokens\":%lld}",
               (long long)input, (long long)u->cache_read, (long long)sim_usage_written(u),
               (long long)u->output, (long long)total);
}

static void add_response(struct buf *json, const struct sim_speech *s, enum state state,
                         struct str text)
{
    buf_printf(json,
               "{\"id\":\"resp_%s\",\"object\":\"response\",\"created_at\":%lld,\"model\":", s->id,
               (long long)s->created_s);
    buf_json_string(json, str_of(s->model));
    buf_printf(json,
               ",\"status\":\"%s\",\"error\":null,\"incomplete_details\":%s,"
               "\"instructions\":null,\"metadata\":{},\"parallel_tool_calls\":true,\"tools\":[],"
               "\"tool_choice\":\"auto\",\"service_tier\":\"%s\",\"output\":[",
               state == OVER ? final_status(s) : "in_progress",
               state == OVER && s->cut_short ? "{\"reason\":\"max_output_tokens\"}" : "null",
               s->tier[0] != '\0' ? s->tier : "default");
    if (state == OVER) {
        add_item(json, s, OVER, text);
    }
    buf_add(json, "],\"usage\":");
    if (state == OVER) {
        add_usage(json, &s->usage);
    } else {
        buf_add(json, "null");
    }
    buf_add(json, "}");
}

static void responses_whole(const struct sim_speech *s, struct buf *json)
{
    add_response(json, s, OVER, s->text);
}

/* --- events --- */

static const char *begin(const struct sim_speech *s, struct buf *json, const char *type)
{
    buf_printf(json, "{\"type\":\"%s\",\"sequence_number\":%lld", type, (long long)s->sequence);
    return type;
}

static void add_place(const struct sim_speech *s, struct buf *json)
{
    buf_printf(json, ",\"item_id\":\"msg_%s\",\"output_index\":0,\"content_index\":0", s->id);
}

static const char *responses_opening(const struct sim_speech *s, int nth, struct buf *json)
{
    static const char *const types[] = {"response.created", "response.in_progress",
                                        "response.output_item.added",
                                        "response.content_part.added"};
    const char *type = begin(s, json, types[nth]);

    if (nth < 2) {
        buf_add(json, ",\"response\":");
        add_response(json, s, RUNNING, (struct str){0});
    } else if (nth == 2) {
        buf_add(json, ",\"output_index\":0,\"item\":");
        add_item(json, s, RUNNING, (struct str){0});
    } else {
        add_place(s, json);
        buf_add(json, ",\"part\":");
        add_part(json, (struct str){0});
    }
    return type;
}

static const char *responses_delta(const struct sim_speech *s, int nth, struct buf *json)
{
    const char *type = begin(s, json, "response.output_text.delta");

    (void)nth;
    add_place(s, json);
    buf_add(json, ",\"logprobs\":[],\"delta\":\"");
    buf_add_str(json, s->text);
    buf_add(json, "\"");
    return type;
}

static const char *responses_closing(const struct sim_speech *s, int nth, struct buf *json)
{
    static const char *const types[] = {"response.output_text.done", "response.content_part.done",
                                        "response.output_item.done"};
    const char *last = s->cut_short ? "response.incomplete" : "response.completed";
    const char *type = begin(s, json, nth < 3 ? types[nth] : last);

    if (nth == 0) {
        add_place(s, json);
        buf_add(json, ",\"logprobs\":[],\"text\":\"");
        buf_add_str(json, s->all);
        buf_add(json, "\"");
    } else if (nth == 1) {
        add_place(s, json);
        buf_add(json, ",\"part\":");
        add_part(json, s->all);
    } else if (nth == 2) {
        buf_add(json, ",\"output_index\":0,\"item\":");
        add_item(json, s, OVER, s->all);
    } else {
        buf_add(json, ",\"response\":");
        add_response(json, s, OVER, s->all);
    }
    return type;
}

const struct sim_voice sim_voice_responses = {
    .whole = responses_whole,
    .openings = 4,
    .closings = 4,
    .opening = responses_opening,
    .delta = responses_delta,
    .closing = responses_closing,
    .named = true,
    .keeps = true,
    .error_name = "error",
    .error = "{\"type\":\"error\",\"sequence_number\":0,\"code\":\"rate_limit_exceeded\","
             "\"message\":\"Your request rate is too high. Reduce the frequency of requests.\","
             "\"param\":null}"};
