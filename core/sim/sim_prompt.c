/* sim_prompt.c: the parts of prompts: texts, blocks, messages, tools. One pass of the scanner;
 * nothing is copied. */
#include "core/sim/sim_prompt_private.h"

#include "core/base/map.h"

#include <string.h>

#define MESSAGE_TOKENS   3
#define TOOL_TOKENS_MOST 300
#define MEDIA_TOKENS     100

/* A cache mark of a block or tool, in force behind it. */
struct mark {
    bool there, hour;
};

static bool is_one_of(struct str key, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_is(key, names[i])) {
            return true;
        }
    }
    return false;
}
#define IS_ONE_OF(key, list) is_one_of(key, list, sizeof(list) / sizeof(list)[0])

static void add_hash(struct sim_prompt *p, struct str text)
{
    uint64_t *hash = &p->sections[p->at].hash;

    *hash = (*hash ^ map_hash(text.p, text.n)) * 0x9e3779b97f4a7c15ULL;
}

static void add_tokens(struct sim_prompt *p, int64_t tokens)
{
    p->sections[p->at].tokens += tokens;
}

/* {"type":..,"ttl":"1h"} */
static void read_mark(struct scan *s, struct mark *m)
{
    struct str key, ttl = {0};

    if (scan_peek(s) == SCAN_NULL) {
        scan_skip(s);
        return;
    }
    if (!scan_object(s)) {
        return;
    }
    while (scan_key(s, &key)) {
        if (str_is(key, "ttl") && scan_peek(s) == SCAN_STRING) {
            scan_string(s, &ttl);
        } else {
            scan_skip(s);
        }
    }
    *m = (struct mark){.there = true, .hour = str_is(ttl, "1h")};
}

static void add_point(struct sim_prompt *p, const struct mark *m)
{
    if (m->there && p->point_count < SIM_CACHE_POINTS_MAX) {
        p->points[p->point_count++] = (struct sim_cache_point){.section = p->at,
                                                               .hash = p->sections[p->at].hash,
                                                               .tokens = p->sections[p->at].tokens,
                                                               .hour = m->hour};
    }
}

static void read_text(struct sim_prompt *p, struct scan *s)
{
    struct str raw;

    if (!scan_string(s, &raw)) {
        return;
    }
    add_tokens(p, ((int64_t)scan_raw_length(raw) + 3) / 4);
    add_hash(p, raw);
    if (p->at == SIM_MESSAGES && !p->user_seen) {
        sim_directives_read(&p->directives, raw);
    }
}

/* Bytes of all strings of any value but base64; depth is bounded by the scanner. */
static int64_t string_bytes(struct scan *s, bool converse) /* NOLINT(misc-no-recursion) */
{
    struct str raw;
    int64_t bytes = 0;

    switch (scan_peek(s)) {
    case SCAN_STRING:
        return scan_string(s, &raw) ? (int64_t)scan_raw_length(raw) : 0;
    case SCAN_OBJECT:
        scan_object(s);
        while (scan_key(s, &raw)) {
            if (str_is(raw, "bytes") || (!converse && str_is(raw, "data"))) {
                scan_skip(s);
            } else {
                bytes += string_bytes(s, converse);
            }
        }
        return bytes;
    case SCAN_ARRAY:
        scan_array(s);
        while (scan_element(s)) {
            bytes += string_bytes(s, converse);
        }
        return bytes;
    case SCAN_NONE:
    case SCAN_NUMBER:
    case SCAN_TRUE:
    case SCAN_FALSE:
    case SCAN_NULL:
        scan_skip(s);
        return 0;
    }
    return 0;
}

static void read_strings(struct sim_prompt *p, struct scan *s)
{
    const char *before = s->at;

    add_tokens(p, string_bytes(s, p->form == SIM_FORM_CONVERSE) / 4);
    add_hash(p, (struct str){before, (size_t)(s->at - before)});
}

static void read_block(struct sim_prompt *p, struct scan *s)
{
    static const char *const media[] = {"image",     "document",    "video", "source",
                                        "image_url", "input_audio", "file"};
    struct mark mark = {0};
    struct str key, value;

    if (!scan_object(s)) {
        return;
    }
    while (scan_key(s, &key)) {
        if (str_is(key, "text")) {
            read_text(p, s);
        } else if (str_is(key, "cachePoint") || str_is(key, "cache_control")) {
            read_mark(s, &mark);
        } else if (str_is(key, "type")) {
            add_hash(p, scan_value(s, &value) ? value : (struct str){0});
        } else if (IS_ONE_OF(key, media)) {
            add_tokens(p, scan_value(s, &value) ? MEDIA_TOKENS : 0);
            add_hash(p, value);
        } else {
            read_strings(p, s);
        }
    }
    add_point(p, &mark);
}

/* A text, where the form knows such contents, or an array of blocks. */
static void read_content(struct sim_prompt *p, struct scan *s)
{
    enum scan_type type = scan_peek(s);

    if (p->form != SIM_FORM_CONVERSE && type == SCAN_STRING) {
        read_text(p, s);
        return;
    }
    if (p->form != SIM_FORM_CONVERSE && type == SCAN_NULL) {
        scan_skip(s);
        return;
    }
    if (!scan_array(s)) {
        return;
    }
    while (scan_element(s)) {
        read_block(p, s);
    }
}

enum err sim_prompt_system(struct sim_prompt *p, struct scan *s, struct err_info *ei)
{
    (void)ei;
    p->at = SIM_SYSTEM;
    read_content(p, s);
    return ERR_OK;
}

/* --- messages --- */

static void begin_message(struct sim_prompt *p)
{
    p->at = SIM_MESSAGES;
    p->before_last = p->sections[SIM_MESSAGES];
    add_tokens(p, MESSAGE_TOKENS);
}

/* Anthropic's and Amazon's APIs: users and assistants only, a user first. */
static enum err check_message(const struct sim_prompt *p, struct str role, bool content,
                              struct err_info *ei)
{
    static const enum sim_form strict[] = {SIM_FORM_CONVERSE, SIM_FORM_CLAUDE, SIM_FORM_MESSAGES,
                                           SIM_FORM_NOVA};
    bool checked = false;

    for (size_t i = 0; i < sizeof strict / sizeof strict[0]; i++) {
        checked = checked || p->form == strict[i];
    }
    if (checked && (!content || !(str_is(role, "user") || str_is(role, "assistant")))) {
        return err_set(ei, ERR_PARSE,
                       "messages: each needs a content and the role user or assistant");
    }
    if (checked && p->messages == 1 && !str_is(role, "user")) {
        return err_set(ei, ERR_PARSE,
                       "A conversation must start with a user message. Try again with "
                       "a conversation that starts with a user message.");
    }
    return ERR_OK;
}

static enum err read_message(struct sim_prompt *p, struct scan *s, struct err_info *ei)
{
    struct str key, role = {0};
    bool content = false;

    if (!scan_object(s)) {
        return err_set(ei, ERR_PARSE, "messages: an array of objects is needed");
    }
    begin_message(p);
    while (scan_key(s, &key)) {
        if (str_is(key, "role")) {
            scan_string(s, &role);
            add_hash(p, role);
        } else if (str_is(key, "content") || str_is(key, "message")) {
            content = true;
            read_content(p, s);
        } else if (p->form == SIM_FORM_CONVERSE || str_is(key, "type") || str_is(key, "id")) {
            scan_skip(s);
        } else {
            read_strings(p, s);
        }
    }
    p->messages++;
    p->user_seen = p->user_seen || str_is_nocase(role, "user");
    return s->bad ? ERR_OK : check_message(p, role, content, ei);
}

enum err sim_prompt_messages(struct sim_prompt *p, struct scan *s, struct err_info *ei)
{
    if (!scan_array(s)) {
        return err_set(ei, ERR_PARSE, "messages: an array is needed");
    }
    p->conversation = true;
    while (scan_element(s)) {
        enum err e = read_message(p, s, ei);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

enum err sim_prompt_single(struct sim_prompt *p, struct scan *s, struct err_info *ei)
{
    if (scan_peek(s) != SCAN_STRING) {
        return err_set(ei, ERR_PARSE, "Malformed input request: the prompt must be a string");
    }
    begin_message(p);
    read_text(p, s);
    p->messages++;
    return ERR_OK;
}

enum err sim_prompt_singles(struct sim_prompt *p, struct scan *s, struct err_info *ei)
{
    if (!scan_array(s)) {
        return err_set(ei, ERR_PARSE, "Malformed input request: texts must be an array");
    }
    while (scan_element(s)) {
        enum err e = sim_prompt_single(p, s, ei);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

enum err sim_prompt_input(struct sim_prompt *p, struct scan *s, struct err_info *ei)
{
    return scan_peek(s) == SCAN_STRING ? sim_prompt_single(p, s, ei)
                                       : sim_prompt_messages(p, s, ei);
}

/* --- tools --- */

static void read_tool(struct sim_prompt *p, struct scan *s)
{
    struct mark mark = {0};
    struct str key, raw;
    int64_t bytes = 0;

    if (!scan_object(s)) {
        return;
    }
    while (scan_key(s, &key)) {
        if (str_is(key, "cachePoint") || str_is(key, "cache_control")) {
            read_mark(s, &mark);
        } else if (scan_value(s, &raw)) {
            bytes += (int64_t)raw.n;
            add_hash(p, raw);
        }
    }
    add_tokens(p, bytes / 4 < TOOL_TOKENS_MOST ? bytes / 4 : TOOL_TOKENS_MOST);
    add_point(p, &mark);
}

enum err sim_prompt_tools(struct sim_prompt *p, struct scan *s, struct err_info *ei)
{
    (void)ei;
    p->at = SIM_TOOLS;
    if (scan_peek(s) == SCAN_NULL) {
        scan_skip(s);
    } else if (scan_array(s)) {
        while (scan_element(s)) {
            read_tool(p, s);
        }
    }
    return ERR_OK;
}

enum err sim_prompt_tool_config(struct sim_prompt *p, struct scan *s, struct err_info *ei)
{
    struct str key;

    if (!scan_object(s)) {
        return ERR_OK;
    }
    while (scan_key(s, &key)) {
        if (str_is(key, "tools")) {
            (void)sim_prompt_tools(p, s, ei);
        } else {
            scan_skip(s);
        }
    }
    return ERR_OK;
}
