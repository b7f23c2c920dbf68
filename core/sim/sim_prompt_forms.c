/* sim_prompt_forms.c: which members the body of each API and model family has. */
#include "core/sim/sim_prompt_private.h"

#include <stdlib.h>
#include <string.h>

#define CALL_TOKENS 5

/* --- single members --- */

static enum err read_number(struct scan *s, const char *name, int64_t *out, struct err_info *ei)
{
    if (scan_peek(s) == SCAN_NULL) {
        scan_skip(s);
        return ERR_OK;
    }
    if (!scan_int(s, out) || *out < 1) {
        return err_set(ei, ERR_PARSE, "%s: a whole number of at least 1 is needed", name);
    }
    return ERR_OK;
}

static enum err read_max_tokens(struct sim_prompt *p, struct scan *s, struct err_info *ei)
{
    return read_number(s, "the most tokens to be generated", &p->max_tokens, ei);
}

static enum err read_dimensions(struct sim_prompt *p, struct scan *s, struct err_info *ei)
{
    enum err e = read_number(s, "dimensions", &p->dimensions, ei);

    if (e == ERR_OK && p->dimensions > 4096) {
        return err_set(ei, ERR_PARSE, "dimensions: at most 4096");
    }
    return e;
}

static enum err read_inference(struct sim_prompt *p, struct scan *s, struct err_info *ei)
{
    struct str key;

    if (!scan_object(s)) {
        return err_set(ei, ERR_PARSE, "inferenceConfig: an object is needed");
    }
    while (scan_key(s, &key)) {
        bool bound = scan_raw_is(key, "maxTokens") || scan_raw_is(key, "maxTokenCount") ||
                     scan_raw_is(key, "max_new_tokens");
        if (!bound) {
            scan_skip(s);
            continue;
        }
        enum err e = read_number(s, "inferenceConfig.maxTokens", &p->max_tokens, ei);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

/* Cohere's chat, where a plain "prompt" would be its older API. */
static enum err read_chat_message(struct sim_prompt *p, struct scan *s, struct err_info *ei)
{
    p->conversation = true;
    return sim_prompt_single(p, s, ei);
}

static enum err read_version(struct sim_prompt *p, struct scan *s, struct err_info *ei)
{
    struct str version;

    (void)ei;
    p->versioned = scan_string(s, &version) && version.n > 0;
    return ERR_OK;
}

static enum err read_model(struct sim_prompt *p, struct scan *s, struct err_info *ei)
{
    (void)ei;
    scan_string(s, &p->model);
    return ERR_OK;
}

static enum err read_stream(struct sim_prompt *p, struct scan *s, struct err_info *ei)
{
    (void)ei;
    if (scan_peek(s) == SCAN_NULL) {
        scan_skip(s);
    } else {
        scan_bool(s, &p->stream);
    }
    return ERR_OK;
}

static enum err read_stream_options(struct sim_prompt *p, struct scan *s, struct err_info *ei)
{
    struct str key;

    (void)ei;
    if (scan_peek(s) == SCAN_NULL) {
        scan_skip(s);
        return ERR_OK;
    }
    scan_object(s);
    while (scan_key(s, &key)) {
        if (scan_raw_is(key, "include_usage")) {
            scan_bool(s, &p->include_usage);
        } else {
            scan_skip(s);
        }
    }
    return ERR_OK;
}

static enum err read_metadata(struct sim_prompt *p, struct scan *s, struct err_info *ei)
{
    bool object = scan_peek(s) == SCAN_OBJECT;
    bool null = scan_peek(s) == SCAN_NULL;
    struct str value;

    if (!scan_value(s, &value) || null) {
        return ERR_OK;
    }
    p->metadata = value;
    return object ? ERR_OK : err_set(ei, ERR_PARSE, "the request's metadata must be an object");
}

/* "flex", or {"type":"flex"} */
static enum err read_tier(struct sim_prompt *p, struct scan *s, struct err_info *ei)
{
    struct str key;

    (void)ei;
    if (scan_peek(s) == SCAN_STRING) {
        scan_string(s, &p->tier);
        return ERR_OK;
    }
    if (scan_peek(s) != SCAN_OBJECT) {
        scan_skip(s);
        return ERR_OK;
    }
    scan_object(s);
    while (scan_key(s, &key)) {
        if (scan_raw_is(key, "type")) {
            scan_string(s, &p->tier);
        } else {
            scan_skip(s);
        }
    }
    return ERR_OK;
}

/* --- which body has them --- */

#define F(form)   (1U << SIM_FORM_##form)
#define ANTHROPIC (F(CLAUDE) | F(MESSAGES))
#define CHATTING  (F(CHAT) | F(OPENAI_CHAT))
#define EITHER    (F(MISTRAL) | F(DEEPSEEK))                    /* a prompt or messages */
#define BODIED    (F(MESSAGES) | F(OPENAI_CHAT) | F(RESPONSES)) /* the model is in the body */

static const struct member {
    const char *name;
    unsigned forms;
    sim_prompt_reader *read;
} members[] = {
    {"messages", F(CONVERSE) | F(NOVA) | F(AI21) | ANTHROPIC | CHATTING | EITHER,
     sim_prompt_messages},
    {"chat_history", F(COHERE), sim_prompt_messages},
    {"prompt", F(LLAMA) | F(COHERE) | EITHER, sim_prompt_single},
    {"message", F(COHERE), read_chat_message},
    {"inputText", F(TITAN) | F(TITAN_EMBED), sim_prompt_single},
    {"texts", F(COHERE_EMBED), sim_prompt_singles},
    {"input", F(RESPONSES), sim_prompt_input},
    {"system", F(CONVERSE) | F(NOVA) | ANTHROPIC, sim_prompt_system},
    {"instructions", F(RESPONSES), sim_prompt_system},
    {"preamble", F(COHERE), sim_prompt_system},
    {"toolConfig", F(CONVERSE) | F(NOVA), sim_prompt_tool_config},
    {"tools", ANTHROPIC | CHATTING | F(RESPONSES) | F(COHERE) | F(MISTRAL) | F(AI21) | F(DEEPSEEK),
     sim_prompt_tools},
    {"inferenceConfig", F(CONVERSE) | F(NOVA), read_inference},
    {"textGenerationConfig", F(TITAN), read_inference},
    {"max_tokens", ANTHROPIC | CHATTING | EITHER | F(COHERE) | F(AI21), read_max_tokens},
    {"max_completion_tokens", CHATTING, read_max_tokens},
    {"max_output_tokens", F(RESPONSES), read_max_tokens},
    {"max_gen_len", F(LLAMA), read_max_tokens},
    {"dimensions", F(TITAN_EMBED), read_dimensions},
    {"anthropic_version", F(CLAUDE), read_version},
    {"model", BODIED, read_model},
    {"stream", BODIED, read_stream},
    {"stream_options", CHATTING, read_stream_options},
    {"requestMetadata", F(CONVERSE), read_metadata},
    {"metadata", BODIED, read_metadata},
    {"serviceTier", F(CONVERSE), read_tier},
    {"service_tier", BODIED | F(CHAT), read_tier},
};

static const struct {
    const char *needed;
    bool model, max_tokens;
} rules[SIM_FORMS] = {
    [SIM_FORM_CONVERSE] = {.needed = "messages"},
    [SIM_FORM_CLAUDE] = {.needed = "messages", .max_tokens = true},
    [SIM_FORM_MESSAGES] = {.needed = "messages", .model = true, .max_tokens = true},
    [SIM_FORM_NOVA] = {.needed = "messages"},
    [SIM_FORM_LLAMA] = {.needed = "prompt"},
    [SIM_FORM_TITAN] = {.needed = "inputText"},
    [SIM_FORM_TITAN_EMBED] = {.needed = "inputText"},
    [SIM_FORM_MISTRAL] = {.needed = "prompt or messages"},
    [SIM_FORM_COHERE] = {.needed = "message or prompt"},
    [SIM_FORM_COHERE_EMBED] = {.needed = "texts"},
    [SIM_FORM_AI21] = {.needed = "messages"},
    [SIM_FORM_DEEPSEEK] = {.needed = "prompt or messages"},
    [SIM_FORM_CHAT] = {.needed = "messages"},
    [SIM_FORM_OPENAI_CHAT] = {.needed = "messages", .model = true},
    [SIM_FORM_RESPONSES] = {.needed = "input", .model = true},
};

static enum err read_member(struct sim_prompt *p, struct scan *s, struct str key,
                            struct err_info *ei)
{
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if ((members[i].forms & (1U << p->form)) != 0 && scan_raw_is(key, members[i].name)) {
            return members[i].read(p, s, ei);
        }
    }
    scan_skip(s);
    return ERR_OK;
}

static enum err read_body(struct sim_prompt *p, struct scan *s, struct err_info *ei)
{
    struct str key;
    enum err e = ERR_OK;

    if (!scan_object(s)) {
        return err_set(ei, ERR_PARSE, "a JSON object is needed");
    }
    while (e == ERR_OK && scan_key(s, &key)) {
        e = read_member(p, s, key, ei);
    }
    return e;
}

/* --- whole bodies --- */

static void begin(struct sim_prompt *p, enum sim_form form)
{
    *p = (struct sim_prompt){.form = form, .sections[SIM_TOOLS].tokens = CALL_TOKENS};
    sim_directives_init(&p->directives);
}

/* OpenAI's models keep what stands before the last message by themselves. */
static void add_automatic_point(struct sim_prompt *p)
{
    int64_t before =
        p->before_last.tokens + p->sections[SIM_TOOLS].tokens + p->sections[SIM_SYSTEM].tokens;

    if ((p->form == SIM_FORM_OPENAI_CHAT || p->form == SIM_FORM_RESPONSES) &&
        before >= SIM_AUTOMATIC_LEAST && p->point_count < SIM_CACHE_POINTS_MAX) {
        p->points[p->point_count++] = (struct sim_cache_point){.section = SIM_MESSAGES,
                                                               .hash = p->before_last.hash,
                                                               .tokens = p->before_last.tokens,
                                                               .automatic = true};
    }
}

/* From sums of each section to sums from the prompt's beginning, points in the model's order. */
static void add_up(struct sim_prompt *p)
{
    struct sim_cache_point points[SIM_CACHE_POINTS_MAX];
    size_t kept = 0;
    uint64_t hash = 0;

    p->tokens = 0;
    for (enum sim_section section = 0; section < SIM_SECTIONS; section++) {
        for (size_t i = 0; i < p->point_count; i++) {
            if (p->points[i].section == section) {
                points[kept] = p->points[i];
                points[kept].hash ^= hash;
                points[kept++].tokens += p->tokens;
            }
        }
        p->tokens += p->sections[section].tokens;
        hash = (hash ^ p->sections[section].hash) * 0x9e3779b97f4a7c15ULL;
    }
    memcpy(p->points, points, kept * sizeof points[0]);
}

static enum err check(struct sim_prompt *p, const struct scan *s, struct err_info *ei)
{
    add_automatic_point(p);
    add_up(p);
    if (s->bad) {
        return err_set(ei, ERR_PARSE, "malformed JSON, or a member of another type, at byte %zu",
                       scan_offset(s));
    }
    if (rules[p->form].model && p->model.n == 0) {
        return err_set(ei, ERR_PARSE, "model: missing");
    }
    if (p->messages == 0) {
        return err_set(ei, ERR_PARSE, "%s: at least one is needed", rules[p->form].needed);
    }
    return ERR_OK;
}

enum err sim_prompt_read_unbound(struct sim_prompt *p, enum sim_form form, struct str body,
                                 struct err_info *ei)
{
    struct scan s;

    begin(p, form);
    scan_init(&s, body.p, body.n);
    enum err e = read_body(p, &s, ei);
    if (e != ERR_OK) {
        return e;
    }
    (void)scan_done(&s);
    return check(p, &s, ei);
}

enum err sim_prompt_read(struct sim_prompt *p, enum sim_form form, struct str body,
                         struct err_info *ei)
{
    enum err e = sim_prompt_read_unbound(p, form, body, ei);

    if (e == ERR_OK && form == SIM_FORM_CLAUDE && !p->versioned) {
        return err_set(ei, ERR_PARSE, "anthropic_version: Field required");
    }
    if (e == ERR_OK && rules[form].max_tokens && p->max_tokens == 0) {
        return err_set(ei, ERR_PARSE, "max_tokens: Field required");
    }
    return e;
}

/* {"body":"<base64>"} of a body for InvokeModel. */
static enum err read_invocation(struct sim_prompt *p, enum sim_form form, struct scan *s,
                                struct err_info *ei)
{
    struct str key, text = {0};
    struct scan inner;

    scan_object(s);
    while (scan_key(s, &key)) {
        if (scan_raw_is(key, "body")) {
            scan_string(s, &text);
        } else {
            scan_skip(s);
        }
    }
    char *body = text.n > 0 ? malloc(text.n) : NULL;
    size_t n = body != NULL ? str_unbase64(body, text.n, text) : (size_t)-1;
    enum err e = err_set(ei, ERR_PARSE, "input.invokeModel.body: base64 of JSON is needed");
    if (n != (size_t)-1) {
        err_clear(ei);
        begin(p, form);
        scan_init(&inner, body, n);
        e = read_body(p, &inner, ei);
        s->bad = s->bad || (e == ERR_OK && !scan_done(&inner));
    }
    free(body);
    p->model = p->tier = p->metadata = (struct str){0};
    return e;
}

enum err sim_prompt_read_count(struct sim_prompt *p, enum sim_form form, struct str body,
                               struct err_info *ei)
{
    struct scan s;
    struct str key, inner;
    enum err e = ERR_OK;

    begin(p, SIM_FORM_CONVERSE);
    scan_init(&s, body.p, body.n);
    scan_object(&s);
    while (e == ERR_OK && scan_key(&s, &key)) {
        if (!scan_raw_is(key, "input") || !scan_object(&s)) {
            scan_skip(&s);
            continue;
        }
        while (e == ERR_OK && scan_key(&s, &inner)) {
            if (scan_raw_is(inner, "converse")) {
                e = read_body(p, &s, ei);
            } else if (scan_raw_is(inner, "invokeModel")) {
                e = read_invocation(p, form, &s, ei);
            } else {
                scan_skip(&s);
            }
        }
    }
    if (e != ERR_OK) {
        return e;
    }
    (void)scan_done(&s);
    return check(p, &s, ei);
}
