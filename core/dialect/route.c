/* route.c: which call a path asks for. Paths are matched as they are on the wire, split at '/',
 * since a model segment may hold an encoded '/'. */
#include "core/dialect/dialect_private.h"

#include <stdio.h>
#include <string.h>

#define TARGET_MAX 8192

/* What the last segment of /model/{model}/{operation} asks. */
struct model_path {
    const char *segment, *name;
    const struct operation *does;
    enum dialect_kind kind;
    bool stream;
    const char *not_served; /* sentence behind the name */
};

static const struct model_path model_paths[] = {
    {"converse", "Converse", &operation_converse, KIND_CALL, false, NULL},
    {"converse-stream", "ConverseStream", &operation_converse_stream, KIND_CALL, true, NULL},
    {"count-tokens", "CountTokens", &operation_count_tokens, KIND_FREE, false, NULL},
    {"invoke", "InvokeModel", &operation_invoke, KIND_CALL, false, NULL},
    {"invoke-with-response-stream", "InvokeModelWithResponseStream", &operation_invoke_stream,
     KIND_CALL, true, NULL},
    {"invoke-with-bidirectional-stream", "InvokeModelWithBidirectionalStream", NULL,
     KIND_NOT_SERVED, true, "(a bidirectional stream) is not served"},
};

/* Whole paths, and (ending in '/') what lies below them. */
struct known_path {
    const char *path, *method; /* method NULL: any */
    const char *name;          /* NULL: not served */
    const struct operation *does;
    enum dialect_kind kind;
    enum dialect_local local;
    const char *not_served;
};

#define SERVED(path, method, name, does, kind)                                                     \
    {                                                                                              \
        path, method, name, does, kind, LOCAL_NONE, NULL                                           \
    }
#define MODELS(path)                                                                               \
    {                                                                                              \
        path, "GET", "ListModels", NULL, KIND_LOCAL, LOCAL_MODELS, NULL                            \
    }
#define REFUSED(path, method, text)                                                                \
    {                                                                                              \
        path, method, NULL, NULL, KIND_NOT_SERVED, LOCAL_NONE, text                                \
    }

static const struct known_path known_paths[] = {
    SERVED("/v1/chat/completions", "POST", "ChatCompletions", &operation_openai_chat, KIND_CALL),
    SERVED("/openai/v1/chat/completions", "POST", "ChatCompletions", &operation_openai_chat,
           KIND_CALL),
    SERVED("/v1/responses", "POST", "Responses", &operation_openai_responses, KIND_CALL),
    SERVED("/openai/v1/responses", "POST", "Responses", &operation_openai_responses, KIND_CALL),
    MODELS("/v1/models"),
    MODELS("/openai/v1/models"),
    SERVED("/anthropic/v1/messages", "POST", "Messages", &operation_anthropic_messages, KIND_CALL),
    SERVED("/anthropic/v1/messages/count_tokens", "POST", "MessagesCountTokens",
           &operation_anthropic_count_tokens, KIND_FREE),
    SERVED("/v1/invocations", "POST", "Invocations", &operation_workflow, KIND_CALL),
    REFUSED("/v1/organization/", NULL, "project administration is not served"),
    REFUSED("/async-invoke", NULL, "async invoke is not served"),
    REFUSED("/async-invoke/", NULL, "async invoke is not served"),
    REFUSED("/guardrail/", NULL, "guardrail calls are not served"),
    REFUSED("/guardrail-checks/", NULL, "guardrail calls are not served"),
};

struct local_path {
    const char *path;
    enum dialect_local local;
    const char *name;
};

static const struct local_path local_paths[] = {
    {"/healthz", LOCAL_HEALTHZ, "healthz"},
    {"/readyz", LOCAL_READYZ, "readyz"},
    {"/metrics", LOCAL_METRICS, "metrics"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_below(struct str path, const char *folder)
{
    size_t n = strlen(folder);
    return str_starts(path, folder) && (path.n == n || path.p[n] == '/');
}

static enum call_dialect dialect_of(struct str path)
{
    if (is_below(path, "/v1/invocations")) {
        return DIALECT_WORKFLOW;
    }
    if (is_below(path, "/anthropic")) {
        return DIALECT_ANTHROPIC;
    }
    if (is_below(path, "/v1") || is_below(path, "/openai")) {
        return DIALECT_OPENAI;
    }
    return DIALECT_BEDROCK;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Escapes are whole, nothing is NUL or a control character, and '#' is not there. */
static bool bytes_ok(struct str target)
{
    for (size_t i = 0; i < target.n; i++) {
        unsigned char c = (unsigned char)target.p[i];
        if (c <= ' ' || c >= 0x7F || c == '#') {
            return false;
        }
        if (c != '%') {
            continue;
        }
        int high = target.n - i > 2 ? hex_value(target.p[i + 1]) : -1;
        int low = target.n - i > 2 ? hex_value(target.p[i + 2]) : -1;
        if (high < 0 || low < 0 || high * 16 + low < ' ' || high * 16 + low == 0x7F) {
            return false;
        }
    }
    return true;
}

/* "." and "..", in any spelling, which servers disagree about. */
static bool is_dots(struct str segment)
{
    char text[8];

    return segment.n <= 6 && str_percent_decode(text, sizeof(text), segment) &&
           (strcmp(text, ".") == 0 || strcmp(text, "..") == 0);
}

static bool segments_ok(struct str path)
{
    struct str rest = path;

    while (rest.p != NULL) {
        if (is_dots(str_cut(rest, '/', &rest))) {
            return false;
        }
    }
    return true;
}

static enum err wrong_method(struct dialect_route *out, const char *allow, struct err_info *ei)
{
    out->kind = KIND_NOT_SERVED;
    out->allow = allow;
    return err_set(ei, ERR_UNSUPPORTED, "this path takes %s only", allow);
}

static enum err route_model(struct dialect_route *out, struct str method, struct err_info *ei)
{
    struct str below = str_sub(out->path, strlen("/model/"), out->path.n);
    size_t slash = below.n;

    while (slash > 0 && below.p[slash - 1] != '/') {
        slash--;
    }
    struct str last = str_sub(below, slash, below.n);
    for (size_t i = 0; slash > 0 && i < COUNT(model_paths); i++) {
        const struct model_path *o = &model_paths[i];
        if (!str_is(last, o->segment)) {
            continue;
        }
        if (!str_is(method, "POST")) {
            return wrong_method(out, "POST", ei);
        }
        out->allow = "POST";
        out->model_segment = (struct str){below.p, slash - 1};
        if (out->model_segment.n == 0) {
            return err_set(ei, ERR_PARSE, "the path names no model before /%s", o->segment);
        }
        out->kind = o->kind;
        out->stream = o->stream;
        if (o->kind == KIND_NOT_SERVED) {
            (void)snprintf(out->not_served, sizeof(out->not_served), "%s %s", o->name,
                           o->not_served);
        } else {
            out->operation = o->name;
            out->does = o->does;
        }
        return ERR_OK;
    }
    return ERR_NOT_FOUND;
}

static enum err route_local(struct dialect_route *out, struct str method, struct err_info *ei)
{
    for (size_t i = 0; i < COUNT(local_paths); i++) {
        if (!str_is(out->path, local_paths[i].path)) {
            continue;
        }
        if (!str_is(method, "GET") && !str_is(method, "HEAD")) {
            return wrong_method(out, "GET, HEAD", ei);
        }
        out->kind = KIND_LOCAL;
        out->allow = "GET, HEAD";
        out->local = local_paths[i].local;
        out->operation = local_paths[i].name;
        return ERR_OK;
    }
    return ERR_NOT_FOUND;
}

static enum err route_known(struct dialect_route *out, struct str method, struct err_info *ei)
{
    for (size_t i = 0; i < COUNT(known_paths); i++) {
        const struct known_path *k = &known_paths[i];
        bool folder = k->path[strlen(k->path) - 1] == '/';
        if (folder ? !str_starts(out->path, k->path) : !str_is(out->path, k->path)) {
            continue;
        }
        if (k->method != NULL && !str_is(method, k->method)) {
            return wrong_method(out, k->method, ei);
        }
        out->allow = k->method;
        out->kind = k->kind;
        out->local = k->local;
        out->operation = k->name;
        out->does = k->does;
        if (k->not_served != NULL) {
            (void)snprintf(out->not_served, sizeof(out->not_served), "%s", k->not_served);
        }
        return ERR_OK;
    }
    return ERR_NOT_FOUND;
}

static void route_unknown(struct dialect_route *out, struct str method)
{
    char verb[16], path[80];

    str_printable(verb, sizeof(verb), method);
    str_printable(path, sizeof(path), out->path);
    (void)snprintf(out->not_served, sizeof(out->not_served), "%s %s is not served", verb, path);
}

enum err dialect_route(struct dialect_route *out, struct str method, struct str target,
                       struct err_info *ei)
{
    *out = (struct dialect_route){.kind = KIND_NOT_SERVED};
    out->path = str_cut(target, '?', &out->query);
    out->dialect = dialect_of(out->path);
    if (target.n > TARGET_MAX || !str_starts(target, "/") || !bytes_ok(target) ||
        !segments_ok(out->path)) {
        return err_set(ei, ERR_PARSE, "the request's path is malformed");
    }
    enum err e = str_starts(out->path, "/model/") ? route_model(out, method, ei)
                                                  : route_local(out, method, ei);
    if (e == ERR_NOT_FOUND) {
        e = route_known(out, method, ei);
    }
    if (e == ERR_NOT_FOUND) {
        route_unknown(out, method);
        e = ERR_OK;
    }
    return e;
}
