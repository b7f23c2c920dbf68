/* upstream.c: hands a call to its API to be put to AWS; what the APIs share for it. */
#include "core/dialect/upstream.h"

#include <stdio.h>
#include <string.h>

enum err dialect_upstream(struct dialect_upstream *out, const struct dialect_route *r,
                          const struct call *call, struct str body,
                          const struct dialect_upstream_options *o, struct err_info *ei)
{
    *out = (struct dialect_upstream){0};
    if (r->does == NULL || r->does->upstream == NULL) {
        return err_set(ei, ERR_UNSUPPORTED, "this call is not served");
    }
    enum err e = r->does->upstream(out, r, call, body, o, ei);
    if (e == ERR_OK && (out->path.failed || out->body.failed || out->headers.failed)) {
        e = err_set(ei, ERR_NOMEM, "out of memory");
    }
    if (e != ERR_OK) {
        dialect_upstream_free(out);
    }
    return e;
}

void dialect_upstream_free(struct dialect_upstream *u)
{
    buf_free(&u->path);
    buf_free(&u->body);
    buf_free(&u->headers);
    *u = (struct dialect_upstream){0};
}

void dialect_upstream_parts(const struct dialect_upstream *u, struct str body, struct str parts[3])
{
    bool changed = u->body_changed;

    parts[0] = changed ? str_sub(body, 0, u->body_front) : body;
    parts[1] = changed ? buf_str(&u->body) : STR("");
    parts[2] = changed ? str_sub(body, body.n - u->body_back, u->body_back) : STR("");
}

bool dialect_keeps_front(const struct dialect_route *r)
{
    return r->does == &operation_converse || r->does == &operation_converse_stream ||
           r->does == &operation_invoke || r->does == &operation_invoke_stream ||
           r->does == &operation_count_tokens;
}

static bool is_unreserved(char c)
{
    char lower = (char)(c | 0x20);

    return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

void upstream_encode(struct buf *path, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";

    while (*text != '\0') {
        size_t run = 0;
        while (is_unreserved(text[run])) {
            run++;
        }
        buf_append(path, text, run);
        text += run;
        if (*text != '\0') {
            unsigned char c = (unsigned char)*text++;
            char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
            buf_append(path, escape, sizeof(escape));
        }
    }
}

enum err upstream_body(struct dialect_upstream *out, struct splice *s, struct str body,
                       struct err_info *ei)
{
    enum err e = ERR_OK;

    if (s->count > 0 || s->failed) {
        e = splice_middle(s, body, &out->body, &out->body_front, &out->body_back);
        out->body_changed = e == ERR_OK;
    }
    splice_free(s);
    if (e == ERR_OK) {
        return ERR_OK;
    }
    return err_set(
        ei, e, e == ERR_FULL ? "the body bounds its output in too many places" : "out of memory");
}

void upstream_set_string(struct splice *s, struct str body, const char *name, const char *value)
{
    struct splice_object top = splice_object(body), at;
    struct buf text = {0};

    if (!splice_member(body, &top, name, &at)) {
        return;
    }
    buf_json_string(&text, str_of(value));
    s->failed = s->failed || text.failed;
    if (!str_eq(buf_str(&text), str_sub(body, at.from, at.to - at.from))) {
        splice_put(s, at.from, at.to, buf_str(&text));
    }
    buf_free(&text);
}

void upstream_lower(struct splice *s, struct str text, const struct splice_object *at,
                    int64_t maximum)
{
    char number[24];
    int64_t is;

    if (str_to_i64(str_sub(text, at->from, at->to - at->from), &is) && is > maximum) {
        int n = snprintf(number, sizeof(number), "%lld", (long long)maximum);
        splice_put(s, at->from, at->to, (struct str){number, (size_t)n});
    }
}

void upstream_bound(struct splice *s, struct str text, const struct splice_object *in,
                    const char *name, int64_t maximum)
{
    struct splice_object at;
    char member[96];
    int n = snprintf(member, sizeof(member), "\"%s\":%lld", name, (long long)maximum);

    if (!splice_member(text, in, name, &at)) {
        splice_insert(s, in, (struct str){member, (size_t)n});
    } else if (str_is(str_sub(text, at.from, at.to - at.from), "null")) {
        const char *number = strchr(member, ':') + 1;
        splice_put(s, at.from, at.to, str_of(number));
    } else {
        upstream_lower(s, text, &at, maximum);
    }
}

int64_t upstream_share(struct str body, const struct splice_object *top, int64_t maximum)
{
    static const char *const names[] = {"n", "num_generations", "numResults"};
    struct splice_object at;
    int64_t n;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (splice_member(body, top, names[i], &at) &&
            str_to_i64(str_sub(body, at.from, at.to - at.from), &n) && n > 0) {
            maximum /= n;
        }
    }
    return maximum > 0 ? maximum : 1;
}
