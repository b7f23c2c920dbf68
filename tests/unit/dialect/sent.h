/* sent.h: a request as it is put to AWS, for tests. */
#ifndef TOLLGATE_TESTS_DIALECT_SENT_H
#define TOLLGATE_TESTS_DIALECT_SENT_H

#include "core/dialect/dialect.h"
#include "tests/unit/test.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct sent {
    struct dialect_route route;
    struct call call;
    struct dialect_facts facts;
    struct dialect_upstream up;
    struct dialect_upstream_options o;
    struct model model;
    struct tags tags;
    struct arena kept; /* of the tags */
    struct buf whole;  /* the body that goes upstream */
    const char *path, *body;
    struct err_info ei;
    enum err parsed;
};

/* Parses; the model is resolved to `id`. */
static inline void sent_parse(struct sent *s, const char *path, const char *body)
{
    s->path = path;
    s->body = body;
    s->call = (struct call){0};
    s->ei = (struct err_info){0};
    assert_int_equal(dialect_route(&s->route, STR("POST"), str_of(path), NULL), ERR_OK);
    size_t n = strlen(body);
    char *copy = malloc(n > 0 ? n : 1);
    assert_non_null(copy);
    memcpy(copy, body, n);
    s->parsed = dialect_parse(&s->route, (struct str){copy, n}, s->o.headers, s->o.header_count,
                              &s->call, &s->facts, &s->ei);
    free(copy);
}

static inline void sent_put(struct sent *s, const char *path, const char *body)
{
    sent_parse(s, path, body);
    assert_string_equal(s->ei.text, "");
    assert_int_equal(s->parsed, ERR_OK);
    s->call.resolved.model = &s->model;
    if (s->o.upstream_id == NULL) {
        s->o.upstream_id = "up:0";
    }
    assert_int_equal(dialect_upstream(&s->up, &s->route, &s->call, str_of(body), &s->o, &s->ei),
                     ERR_OK);
    assert_string_equal(s->ei.text, "");
}

static inline void sent_tag(struct sent *s, const char *key, const char *value)
{
    assert_int_equal(tags_set(&s->tags, &s->kept, str_of(key), str_of(value)), ERR_OK);
    s->o.attribution = &s->tags;
}

static inline void sent_free(struct sent *s)
{
    arena_free(&s->kept);
    buf_free(&s->whole);
    dialect_upstream_free(&s->up);
    arena_free(&s->call.arena);
}

static inline void sent_goes_to(struct sent *s, const char *path)
{
    assert_string_equal(buf_cstr(&s->up.path), path);
}

/* The body that goes upstream. */
static inline const char *sent_body(struct sent *s)
{
    struct str parts[3];
    dialect_upstream_parts(&s->up, str_of(s->body), parts);
    buf_clear(&s->whole);
    for (size_t i = 0; i < 3; i++) {
        assert_true(buf_add_str(&s->whole, parts[i]));
    }
    return buf_cstr(&s->whole);
}

/* The body that goes upstream is byte by byte this, and JSON. */
static inline void sent_is(struct sent *s, const char *expected)
{
    assert_true(s->up.body_changed);
    assert_string_equal(sent_body(s), expected);
    json_t *j = json_loads(expected, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(j);
    json_decref(j);
}

/* As sent_is; NULL: the client's body goes upstream as it came. */
static inline void sent_becomes(struct sent *s, const char *expected)
{
    if (expected) {
        sent_is(s, expected);
    } else {
        assert_false(s->up.body_changed);
    }
}

/* A client's body that does not parse, with this text. */
static inline void sent_refused(const char *path, const char *body, const char *text)
{
    struct sent s = {.path = path};
    sent_parse(&s, path, body);
    assert_int_equal(s.parsed, ERR_PARSE);
    assert_string_equal(s.ei.text, text);
    sent_free(&s);
}

/* Equal as JSON, whatever the order of members. */
static inline void sent_equals(struct sent *s, const char *expected)
{
    assert_true(s->up.body_changed);
    json_t *is = json_loads(sent_body(s), JSON_REJECT_DUPLICATES, NULL);
    json_t *should = json_loads(expected, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(is);
    assert_non_null(should);
    assert_true(json_equal(is, should));
    json_decref(is);
    json_decref(should);
}

#endif
