#include "core/dialect/workflow.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/json_scan.h"

#define MISTAKES_MAX 50
#define NUMBER_TEXT  48

struct reader {
    struct scan s;
    struct call *call;
    struct dialect_facts *facts;
    struct buf *mistakes;
    size_t count;
    bool model, messages;
};

static void mistake(struct reader *r, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void mistake(struct reader *r, const char *path, const char *format, ...)
{
    char text[200];
    va_list args;
    if (r->count++ >= MISTAKES_MAX) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)buf_add(r->mistakes, r->mistakes->len > 0 ? ",{\"path\":" : "{\"path\":");
    (void)buf_json_string(r->mistakes, str_of(path));
    (void)buf_add(r->mistakes, ",\"message\":");
    (void)buf_json_string(r->mistakes, str_of(text));
    (void)buf_add(r->mistakes, "}");
}

/* The next value must be of that type; else it is skipped and said. */
static bool expect(struct reader *r, const char *path, enum scan_type type, const char *what)
{
    if (r->s.bad || scan_peek(&r->s) == type) {
        return !r->s.bad;
    }
    mistake(r, path, "must be %s", what);
    (void)scan_skip(&r->s);
    return false;
}

/* A string member, decoded into the arena. */
static struct str text_value(struct reader *r, const char *path)
{
    struct str raw, out = {NULL, 0};
    if (!expect(r, path, SCAN_STRING, "a string") || !scan_string(&r->s, &raw)) {
        return out;
    }
    char *text = arena_alloc(&r->call->arena, raw.n + 1);
    if (!text || !scan_raw_decode(text, raw.n + 1, raw)) {
        mistake(r, path, "must be text without NUL or broken surrogates");
        return out;
    }
    return str_of(text);
}

/* A member that the object may name once. */
static bool once(struct reader *r, const char *path, unsigned *seen, unsigned bit)
{
    if (*seen & bit) {
        mistake(r, path, "is given twice");
        (void)scan_skip(&r->s);
        return false;
    }
    *seen |= bit;
    return true;
}

/* --- messages --- */

static void read_part(struct reader *r, const char *path)
{
    struct str key, raw;
    char at[96];
    bool text = false;
    if (!expect(r, path, SCAN_OBJECT, "an object with a text") || !scan_object(&r->s)) {
        return;
    }
    while (scan_key(&r->s, &key)) {
        (void)snprintf(at, sizeof(at), "%.80s.text", path);
        if (!scan_raw_is(key, "text")) {
            mistake(r, path, "only text parts are taken");
            (void)scan_skip(&r->s);
        } else if (text) {
            mistake(r, at, "is given twice");
            (void)scan_skip(&r->s);
        } else if (expect(r, at, SCAN_STRING, "a string") && scan_string(&r->s, &raw)) {
            r->call->text_bytes += (int64_t)scan_raw_length(raw);
        }
        text = true;
    }
    if (!text && !r->s.bad) {
        mistake(r, path, "text is missing");
    }
}

static void read_content(struct reader *r, const char *path)
{
    struct str raw;
    char at[96];
    size_t n = 0;
    if (scan_peek(&r->s) == SCAN_STRING) {
        if (scan_string(&r->s, &raw)) {
            r->call->text_bytes += (int64_t)scan_raw_length(raw);
        }
        return;
    }
    if (!expect(r, path, SCAN_ARRAY, "a string or an array of {\"text\"}") || !scan_array(&r->s)) {
        return;
    }
    while (scan_element(&r->s)) {
        (void)snprintf(at, sizeof(at), "%.70s[%zu]", path, n++);
        read_part(r, at);
    }
    if (n == 0 && !r->s.bad) {
        mistake(r, path, "must not be empty");
    }
}

static void read_message(struct reader *r, size_t i)
{
    struct str key, role;
    char path[64], at[80];
    unsigned seen = 0;
    (void)snprintf(path, sizeof(path), "prompt.messages[%zu]", i);
    if (!expect(r, path, SCAN_OBJECT, "an object") || !scan_object(&r->s)) {
        return;
    }
    while (scan_key(&r->s, &key)) {
        if (scan_raw_is(key, "role")) {
            (void)snprintf(at, sizeof(at), "%s.role", path);
            if (once(r, at, &seen, 1) && expect(r, at, SCAN_STRING, "a string") &&
                scan_string(&r->s, &role) && !scan_raw_is(role, "user") &&
                !scan_raw_is(role, "assistant") && !scan_raw_is(role, "system")) {
                mistake(r, at, "must be user, assistant or system");
            }
        } else if (scan_raw_is(key, "content")) {
            (void)snprintf(at, sizeof(at), "%s.content", path);
            if (once(r, at, &seen, 2)) {
                read_content(r, at);
            }
        } else {
            mistake(r, path, "knows role and content only");
            (void)scan_skip(&r->s);
        }
    }
    if (!r->s.bad && seen != 3) {
        mistake(r, path, "%s missing",
                seen == 0   ? "role and content are"
                : seen == 1 ? "content is"
                            : "role is");
    }
    r->call->messages++;
}

static void read_messages(struct reader *r)
{
    size_t n = 0;
    if (!expect(r, "prompt.messages", SCAN_ARRAY, "an array") || !scan_array(&r->s)) {
        return;
    }
    while (scan_element(&r->s)) {
        read_message(r, n++);
    }
    if (n == 0 && !r->s.bad) {
        mistake(r, "prompt.messages", "must not be empty");
    }
}

/* --- parameters --- */

static void read_fraction(struct reader *r, const char *path)
{
    struct str raw;
    if (expect(r, path, SCAN_NUMBER, "a number from 0 to 1") && scan_number(&r->s, &raw)) {
        bool ok = raw.n < NUMBER_TEXT && raw.p[0] != '-';
        ok = ok && (raw.p[0] == '0' || (raw.p[0] == '1' && strspn(raw.p + 1, ".0") >= raw.n - 1));
        if (!ok || memchr(raw.p, 'e', raw.n) || memchr(raw.p, 'E', raw.n)) {
            mistake(r, path, "must be a number from 0 to 1");
        }
    }
}

static int64_t read_count(struct reader *r, const char *path)
{
    int64_t n = 0;
    struct scan before = r->s;
    if (expect(r, path, SCAN_NUMBER, "a whole number above 0")) {
        if (!scan_int(&r->s, &n) || n < 1) {
            r->s = before;
            (void)scan_skip(&r->s);
            mistake(r, path, "must be a whole number above 0");
            return -1;
        }
    }
    return n > 0 ? n : -1;
}

static void read_parameters(struct reader *r)
{
    struct str key;
    unsigned seen = 0;
    if (!expect(r, "prompt.parameters", SCAN_OBJECT, "an object") || !scan_object(&r->s)) {
        return;
    }
    while (scan_key(&r->s, &key)) {
        if (scan_raw_is(key, "max_tokens")) {
            if (once(r, "prompt.parameters.max_tokens", &seen, 1)) {
                r->call->max_output = read_count(r, "prompt.parameters.max_tokens");
            }
        } else if (scan_raw_is(key, "temperature")) {
            if (once(r, "prompt.parameters.temperature", &seen, 2)) {
                read_fraction(r, "prompt.parameters.temperature");
            }
        } else if (scan_raw_is(key, "top_p")) {
            if (once(r, "prompt.parameters.top_p", &seen, 4)) {
                read_fraction(r, "prompt.parameters.top_p");
            }
        } else if (scan_raw_is(key, "top_k")) {
            if (once(r, "prompt.parameters.top_k", &seen, 8)) {
                (void)read_count(r, "prompt.parameters.top_k");
            }
        } else {
            char name[40], path[64];
            (void)str_printable(name, sizeof(name), key);
            (void)snprintf(path, sizeof(path), "prompt.parameters.%s", name);
            mistake(r, path, "is not known: max_tokens, temperature, top_p and top_k are");
            (void)scan_skip(&r->s);
        }
    }
}

static void read_prompt(struct reader *r)
{
    struct str key;
    unsigned seen = 0;
    if (!expect(r, "prompt", SCAN_OBJECT, "an object") || !scan_object(&r->s)) {
        return;
    }
    while (scan_key(&r->s, &key)) {
        if (scan_raw_is(key, "messages")) {
            if (once(r, "prompt.messages", &seen, 1)) {
                read_messages(r);
            }
        } else if (scan_raw_is(key, "parameters")) {
            if (once(r, "prompt.parameters", &seen, 2)) {
                read_parameters(r);
            }
        } else {
            mistake(r, "prompt", "knows messages and parameters only");
            (void)scan_skip(&r->s);
        }
    }
    r->messages = (seen & 1) != 0;
}

/* --- tags --- */

static void read_tags(struct reader *r)
{
    struct str key;
    if (!expect(r, "tags", SCAN_OBJECT, "an object") || !scan_object(&r->s)) {
        return;
    }
    while (scan_key(&r->s, &key)) {
        char name[TAG_KEY_MAX + 1], path[TAG_KEY_MAX + 8];
        bool named = scan_raw_decode(name, sizeof(name), key) && tags_key_ok(str_of(name));
        (void)snprintf(path, sizeof(path), "tags.%s", named ? name : "?");
        struct str value = text_value(r, path);
        if (!named) {
            mistake(r, "tags", "a key is not 1 to 128 of A-Z a-z 0-9 space _ . : / = + @ -");
        } else if (value.p && !tags_value_ok(value)) {
            mistake(r, path, "must be 1 to 128 of A-Z a-z 0-9 space _ . : / = + @ -");
        } else if (value.p && tags_get(&r->facts->caller_tags, name).n > 0) {
            mistake(r, path, "is given twice");
        } else if (value.p && tags_set(&r->facts->caller_tags, &r->call->arena, str_of(name),
                                       value) != ERR_OK) {
            mistake(r, "tags", "are more than %d", TAGS_MAX);
        }
    }
}

/* --- the whole --- */

enum err workflow_read(struct str body, struct call *call, struct dialect_facts *facts,
                       struct buf *mistakes)
{
    struct reader r = {.call = call, .facts = facts, .mistakes = mistakes};
    struct str key;
    unsigned seen = 0;
    scan_init(&r.s, body.p, body.n);
    if (scan_peek(&r.s) != SCAN_OBJECT) {
        mistake(&r, "", "the body must be a JSON object");
        return ERR_PARSE;
    }
    call->max_output = -1;
    (void)scan_object(&r.s);
    while (scan_key(&r.s, &key)) {
        if (scan_raw_is(key, "model")) {
            if (once(&r, "model", &seen, 1)) {
                facts->model = text_value(&r, "model");
                r.model = true;
            }
        } else if (scan_raw_is(key, "prompt")) {
            if (once(&r, "prompt", &seen, 2)) {
                read_prompt(&r);
            }
        } else if (scan_raw_is(key, "tags")) {
            if (once(&r, "tags", &seen, 4)) {
                read_tags(&r);
            }
        } else {
            char name[40];
            (void)str_printable(name, sizeof(name), key);
            mistake(&r, name, "is not known: model, prompt and tags are");
            (void)scan_skip(&r.s);
        }
    }
    if (!scan_done(&r.s)) {
        mistake(&r, "", "not JSON from byte %zu on", scan_offset(&r.s));
        return ERR_PARSE;
    }
    if (!r.model || (facts->model.p && facts->model.n == 0)) {
        mistake(&r, "model", r.model ? "must not be empty" : "is missing");
    }
    if (!(seen & 2)) {
        mistake(&r, "prompt", "is missing");
    } else if (!r.messages) {
        mistake(&r, "prompt.messages", "is missing");
    }
    return r.count == 0 ? ERR_OK : ERR_PARSE;
}

/* --- to Converse --- */

/* Values found by walking the checked input again. */
struct parts {
    struct str messages, max_tokens, temperature, top_p, top_k; /* raw */
};

static void find_parts(struct str body, struct parts *p)
{
    struct scan s;
    struct str key, raw;
    scan_init(&s, body.p, body.n);
    (void)scan_object(&s);
    while (scan_key(&s, &key)) {
        if (!scan_raw_is(key, "prompt")) {
            (void)scan_skip(&s);
            continue;
        }
        (void)scan_object(&s);
        while (scan_key(&s, &key)) {
            if (scan_raw_is(key, "messages")) {
                (void)scan_value(&s, &p->messages);
                continue;
            }
            (void)scan_object(&s);
            while (scan_key(&s, &key)) {
                (void)scan_value(&s, &raw);
                struct str *to = scan_raw_is(key, "max_tokens")    ? &p->max_tokens
                                 : scan_raw_is(key, "temperature") ? &p->temperature
                                 : scan_raw_is(key, "top_p")       ? &p->top_p
                                                                   : &p->top_k;
                *to = raw;
            }
        }
    }
}

/* Content as Converse has it: [{"text":..}]. */
static void write_content(struct buf *out, struct str raw)
{
    if (raw.n > 0 && raw.p[0] == '"') {
        (void)buf_add(out, "[{\"text\":");
        (void)buf_add_str(out, raw);
        (void)buf_add(out, "}]");
    } else {
        (void)buf_add_str(out, raw);
    }
}

/* system: only messages of role system, as one array of texts; else the others. */
static size_t write_messages(struct buf *out, struct str messages, bool system)
{
    struct scan s;
    size_t n = 0;
    scan_init(&s, messages.p, messages.n);
    (void)scan_array(&s);
    while (scan_element(&s)) {
        struct str key, role = {NULL, 0}, content = {NULL, 0};
        (void)scan_object(&s);
        while (scan_key(&s, &key)) {
            (void)(scan_raw_is(key, "role") ? scan_string(&s, &role) : scan_value(&s, &content));
        }
        if (scan_raw_is(role, "system") != system) {
            continue;
        }
        (void)buf_add(out, n++ > 0 ? "," : "");
        if (system && content.n > 1 && content.p[0] == '[') {
            (void)buf_add_str(out, str_sub(content, 1, content.n - 2));
        } else if (system) {
            (void)buf_add(out, "{\"text\":");
            (void)buf_add_str(out, content);
            (void)buf_add(out, "}");
        } else {
            (void)buf_add(out, scan_raw_is(role, "user") ? "{\"role\":\"user\",\"content\":"
                                                         : "{\"role\":\"assistant\",\"content\":");
            write_content(out, content);
            (void)buf_add(out, "}");
        }
    }
    return n;
}

static void write_parameter(struct buf *out, bool *first, const char *name, struct str raw)
{
    if (raw.n > 0) {
        (void)buf_printf(out, "%s\"%s\":", *first ? "" : ",", name);
        (void)buf_add_str(out, raw);
        *first = false;
    }
}

static void write_inference(struct buf *out, const struct parts *p, const struct call *call)
{
    bool first = true;
    if (p->max_tokens.n > 0 || p->temperature.n > 0 || p->top_p.n > 0) {
        (void)buf_add(out, ",\"inferenceConfig\":{");
        write_parameter(out, &first, "maxTokens", p->max_tokens);
        write_parameter(out, &first, "temperature", p->temperature);
        write_parameter(out, &first, "topP", p->top_p);
        (void)buf_add(out, "}");
    }
    if (p->top_k.n > 0) {
        bool nova = call->resolved.model && call->resolved.model->family == FAMILY_NOVA;
        (void)buf_add(out, nova
                               ? ",\"additionalModelRequestFields\":{\"inferenceConfig\":{\"topK\":"
                               : ",\"additionalModelRequestFields\":{\"top_k\":");
        (void)buf_add_str(out, p->top_k);
        (void)buf_add(out, nova ? "}}" : "}");
    }
}

enum err workflow_converse(struct buf *out, struct str body, const struct call *call,
                           const struct dialect_upstream_options *o, struct err_info *ei)
{
    char clamped[32];
    struct parts p = {.top_k = {NULL, 0}};
    struct buf system;
    buf_init(&system, body.n * 2 + 4096);
    find_parts(body, &p);
    if (o->clamp_output > 0) {
        (void)snprintf(clamped, sizeof(clamped), "%lld", (long long)o->clamp_output);
        p.max_tokens = str_of(clamped);
    }
    (void)buf_add(out, "{\"messages\":[");
    (void)write_messages(out, p.messages, false);
    (void)buf_add(out, "]");
    if (write_messages(&system, p.messages, true) > 0) {
        (void)buf_add(out, ",\"system\":[");
        (void)buf_add_str(out, buf_str(&system));
        (void)buf_add(out, "]");
    }
    write_inference(out, &p, call);
    if (o->attribution && o->attribution->count > 0) {
        (void)buf_add(out, ",\"requestMetadata\":");
        (void)tags_json(out, o->attribution);
    }
    (void)buf_add(out, "}");
    bool failed = system.failed || out->failed;
    buf_free(&system);
    return failed ? err_set(ei, ERR_NOMEM, "no memory to put the call to Converse") : ERR_OK;
}
