/* body_reader.c: see body_reader.h. */
#include "core/dialect/body_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TAG_TEXT_MAX 512
#define MODEL_MAX    2048
#define CHOICES_MAX  128

void body_begin(struct body_reader *r, const char *root, struct str text, struct call *call,
                struct dialect_facts *facts, struct err_info *ei)
{
    *r = (struct body_reader){
        .root = root, .call = call, .facts = facts, .ei = ei, .e = ERR_OK, .choices = 1};
    scan_init(&r->s, text.p, text.n);
}

enum err body_end(struct body_reader *r)
{
    if (r->e != ERR_OK) {
        return r->e;
    }
    if (!scan_done(&r->s)) {
        return err_set(r->ei, ERR_PARSE, "%s: malformed JSON at byte %zu", r->root,
                       scan_offset(&r->s));
    }
    return ERR_OK;
}

static void path_text(const struct body_reader *r, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < r->depth && i < BODY_PATH_STEPS && used < size; i++) {
        const struct body_step *step = &r->path[i];
        char name[33];
        str_printable(name, sizeof(name), step->name);
        int wrote = step->name.p == NULL
                        ? snprintf(out + used, size - used, "[%ld]", step->index)
                        : snprintf(out + used, size - used, "%s%s", i > 0 ? "." : "", name);
        used += wrote > 0 ? (size_t)wrote : 0;
    }
    if (r->depth == 0) {
        (void)snprintf(out, size, "%s", r->root);
    }
}

bool body_wrong(struct body_reader *r, const char *format, ...)
{
    char path[112], text[128];
    va_list args;

    if (r->s.bad) {
        return false;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    path_text(r, path, sizeof(path));
    r->e = err_set(r->ei, ERR_PARSE, "%s: %s", path, text);
    r->s.bad = true;
    return false;
}

void body_enter(struct body_reader *r, struct str name)
{
    if (r->depth < BODY_PATH_STEPS) {
        r->path[r->depth].name = name;
    }
    r->depth++;
}

void body_enter_element(struct body_reader *r, long index)
{
    if (r->depth < BODY_PATH_STEPS) {
        r->path[r->depth] = (struct body_step){.index = index};
    }
    r->depth++;
}

void body_leave(struct body_reader *r)
{
    r->depth--;
}

static const char *type_name(enum scan_type t)
{
    static const char *const names[] = {
        [SCAN_NONE] = "nothing",    [SCAN_OBJECT] = "an object", [SCAN_ARRAY] = "an array",
        [SCAN_STRING] = "a string", [SCAN_NUMBER] = "a number",  [SCAN_TRUE] = "true",
        [SCAN_FALSE] = "false",     [SCAN_NULL] = "null"};
    return names[t];
}

bool body_expect(struct body_reader *r, enum scan_type t)
{
    enum scan_type is = scan_peek(&r->s);

    if (is == SCAN_NONE) {
        return scan_skip(&r->s); /* breaks the scan where it stands */
    }
    return is == t || body_wrong(r, "must be %s, not %s", type_name(t), type_name(is));
}

bool body_take_null(struct body_reader *r)
{
    return scan_peek(&r->s) == SCAN_NULL && scan_skip(&r->s);
}

void body_count(struct body_reader *r, size_t bytes)
{
    r->call->text_bytes += (int64_t)bytes;
}

void body_take_raw(struct body_reader *r)
{
    struct str raw;

    if (scan_value(&r->s, &raw)) {
        body_count(r, raw.n);
    }
}

void body_take_unknown(struct body_reader *r, struct str key)
{
    body_count(r, key.n);
    body_take_raw(r);
}

void body_take_text(struct body_reader *r)
{
    struct str raw;

    if (body_expect(r, SCAN_STRING) && scan_string(&r->s, &raw)) {
        body_count(r, scan_raw_length(raw));
    }
}

void body_take_maximum(struct body_reader *r, int64_t *largest)
{
    struct str raw;
    int64_t n;

    if (body_take_null(r)) {
        return;
    }
    if (!body_expect(r, SCAN_NUMBER) || !scan_number(&r->s, &raw)) {
        return;
    }
    if (!str_to_i64(raw, &n) || n < 1) {
        body_wrong(r, "must be a whole number above 0");
        return;
    }
    *largest = n > *largest ? n : *largest;
}

void body_take_choices(struct body_reader *r)
{
    int64_t n = 0;

    if (body_take_null(r)) {
        return;
    }
    struct str raw;
    if (!body_expect(r, SCAN_NUMBER) || !scan_number(&r->s, &raw)) {
        return;
    }
    if (!str_to_i64(raw, &n) || n < 1 || n > CHOICES_MAX) {
        body_wrong(r, "must be a whole number from 1 to %d", CHOICES_MAX);
        return;
    }
    r->choices *= n;
}

void body_apply_choices(struct body_reader *r)
{
    int64_t *maximum = &r->call->max_output;

    if (*maximum > 0 && __builtin_mul_overflow(*maximum, r->choices, maximum)) {
        *maximum = INT64_MAX;
    }
}

void body_take_bool(struct body_reader *r, bool *out)
{
    enum scan_type is = scan_peek(&r->s);

    if (is == SCAN_TRUE || is == SCAN_FALSE) {
        scan_bool(&r->s, out);
    } else if (!body_take_null(r)) {
        if (is == SCAN_NONE) {
            scan_skip(&r->s);
        } else {
            body_wrong(r, "must be true or false, not %s", type_name(is));
        }
    }
}

void body_take_tools(struct body_reader *r)
{
    if (!body_expect(r, SCAN_ARRAY) || !scan_array(&r->s)) {
        return;
    }
    while (scan_element(&r->s)) {
        r->call->tools++;
        scan_skip(&r->s);
    }
}

static bool decode(struct body_reader *r, char out[TAG_TEXT_MAX + 1], size_t max, struct str raw)
{
    return (scan_raw_decode(out, TAG_TEXT_MAX + 1, raw) && strlen(out) <= max) ||
           body_wrong(r, "a key or value is longer than %zu bytes or not text", max);
}

static bool take_tag(struct body_reader *r, struct str raw_key, size_t value_max)
{
    struct tags *tags = &r->facts->caller_tags;
    char key[TAG_TEXT_MAX + 1], value[TAG_TEXT_MAX + 1];
    size_t before = tags->count;
    struct str raw;

    if (!body_expect(r, SCAN_STRING) || !scan_string(&r->s, &raw) ||
        !decode(r, key, value_max, raw_key) || !decode(r, value, value_max, raw)) {
        return false;
    }
    if (key[0] == '\0') {
        return body_wrong(r, "a key is empty");
    }
    enum err e = tags_set(tags, &r->call->arena, str_of(key), str_of(value));
    if (e == ERR_FULL) {
        return body_wrong(r, "must have 1 to %d entries", TAGS_MAX);
    }
    if (e != ERR_OK) {
        r->e = err_set(r->ei, e, "out of memory");
        r->s.bad = true;
        return false;
    }
    return tags->count > before || body_wrong(r, "a key is given twice");
}

void body_take_tags(struct body_reader *r, size_t value_max, bool may_be_empty)
{
    struct str key;

    if (body_take_null(r) || !body_expect(r, SCAN_OBJECT) || !scan_object(&r->s)) {
        return;
    }
    while (scan_key(&r->s, &key) && take_tag(r, key, value_max)) {
    }
    if (!may_be_empty && r->facts->caller_tags.count == 0) {
        body_wrong(r, "must have 1 to %d entries", TAGS_MAX);
    }
}

void body_take_model(struct body_reader *r)
{
    char text[MODEL_MAX + 1];
    struct str raw;

    if (!body_expect(r, SCAN_STRING) || !scan_string(&r->s, &raw)) {
        return;
    }
    if (!scan_raw_decode(text, sizeof(text), raw) || text[0] == '\0') {
        body_wrong(r, "must be the name or ID of a model, 1 to %d bytes", MODEL_MAX);
        return;
    }
    r->facts->model = arena_str(&r->call->arena, str_of(text));
    if (r->facts->model.p == NULL) {
        r->e = err_set(r->ei, ERR_NOMEM, "out of memory");
        r->s.bad = true;
    }
}

static void take_member(struct body_reader *r, const struct body_member *m, bool again)
{
    body_enter(r, str_of(m->name));
    if (again) {
        body_wrong(r, "given twice");
    } else if (m->take != NULL) {
        m->take(r);
    } else {
        scan_skip(&r->s);
    }
    body_leave(r);
}

void body_take_members(struct body_reader *r, const struct body_member *members, size_t count,
                       void (*other)(struct body_reader *r, struct str key))
{
    uint64_t seen = 0;
    struct str key;

    if (!body_expect(r, SCAN_OBJECT) || !scan_object(&r->s)) {
        return;
    }
    while (scan_key(&r->s, &key)) {
        size_t i = 0;
        while (i < count && !scan_raw_is(key, members[i].name)) {
            i++;
        }
        if (i < count) {
            bool again = (seen >> i & 1) != 0 && members[i].take != NULL;
            seen |= (uint64_t)1 << i;
            take_member(r, &members[i], again);
        } else if (other != NULL) {
            other(r, key);
        } else {
            body_take_unknown(r, key);
        }
    }
    for (size_t i = 0; i < count && !r->s.bad; i++) {
        if (members[i].required && (seen >> i & 1) == 0) {
            body_enter(r, str_of(members[i].name));
            body_wrong(r, "missing");
            body_leave(r);
        }
    }
}

bool body_names_own_maximum(const struct call *call, struct str key, bool in_group)
{
    static const struct {
        const char *name;
        bool in_group;
        unsigned families;
    } own[] = {
#define OF(family) (1U << (family))
        {"max_tokens", false,
         OF(FAMILY_ANTHROPIC) | OF(FAMILY_MISTRAL) | OF(FAMILY_COHERE) | OF(FAMILY_AI21) |
             OF(FAMILY_OPENAI) | OF(FAMILY_DEEPSEEK) | OF(FAMILY_OTHER)},
        {"max_tokens_to_sample", false, OF(FAMILY_ANTHROPIC)},
        {"max_completion_tokens", false, OF(FAMILY_OPENAI) | OF(FAMILY_OTHER)},
        {"max_output_tokens", false, OF(FAMILY_OPENAI)},
        {"maxTokens", false, OF(FAMILY_AI21)},
        {"maxTokens", true, OF(FAMILY_NOVA)},
        {"max_new_tokens", true, OF(FAMILY_NOVA)},
        {"max_gen_len", false, OF(FAMILY_LLAMA)},
        {"maxTokenCount", true, OF(FAMILY_TITAN)},
#undef OF
    };
    const struct model *m = call->resolved.model;

    if (m == NULL) {
        return body_names_maximum(key);
    }
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (own[i].in_group == in_group && (own[i].families & (1U << m->family)) != 0 &&
            scan_raw_is(key, own[i].name)) {
            return true;
        }
    }
    return false;
}

bool body_names_maximum(struct str key)
{
    static const char *const names[] = {"max_tokens",           "maxTokens",
                                        "max_new_tokens",       "max_gen_len",
                                        "max_tokens_to_sample", "max_completion_tokens",
                                        "max_output_tokens",    "maxTokenCount"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (scan_raw_is(key, names[i])) {
            return true;
        }
    }
    return false;
}
