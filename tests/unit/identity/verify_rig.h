/* verify_rig.h: a key, requests signed with it, and what becomes of them. */
#ifndef TOLLGATE_TESTS_VERIFY_RIG_H
#define TOLLGATE_TESTS_VERIFY_RIG_H

#include "tests/unit/identity/fixture.h"
#include "tests/unit/identity/signing.h"

#define HOST "127.0.0.1:8088"

static inline int verify_set_up(void **state)
{
    struct err_info ei = {0};
    fixture_open(state);
    struct fixture *f = *state;
    snprintf(f->key.name, sizeof(f->key.name), "docs-1");
    snprintf(f->key.tags[0].key, sizeof(f->key.tags[0].key), "costCenter");
    snprintf(f->key.tags[0].value, sizeof(f->key.tags[0].value), "sales");
    f->key.tag_count = 1;
    assert_int_equal(identity_draw(f->id, &f->key, &f->secrets, &ei), ERR_OK);
    assert_int_equal(identity_put(f->id, &f->key), ERR_OK);
    return 0;
}

static inline struct signing plain(const struct fixture *f)
{
    return (struct signing){
        .method = "POST",
        .path = "/model/us.anthropic.claude-3-5-haiku-20241022-v1%3A0/converse",
        .query = "",
        .canonical_query = "",
        .body = "{\"messages\":[]}",
        .host_name = "host",
        .authority = HOST,
        .region = "us-east-1",
        .service = "bedrock",
        .access_key_id = f->key.access_key_id,
        .secret = f->secrets.secret_access_key,
        .date_ms = NOW,
    };
}

static inline void accepted(struct fixture *f, const struct identity_request *r)
{
    struct tags tags = {0};
    struct arena a = {0};
    struct identity_result result;
    struct err_info ei = {0};

    assert_int_equal(tags_set(&tags, &a, STR("costCenter"), STR("mine")), ERR_OK);
    enum err e = identity_check(f->id, r, &tags, &a, &result, &ei);
    assert_string_equal(ei.text, "");
    assert_int_equal(e, ERR_OK);
    assert_int_equal(result.kind, IDENTITY_SIGV4);
    assert_string_equal(result.access_key_id, f->key.access_key_id);
    assert_true(str_is(tags_get(&tags, "costCenter"), "sales"));
    assert_int_equal(identity_precheck(f->id, r, NULL), ERR_OK);
    arena_free(&a);
}

static inline void refused_as(struct fixture *f, const struct identity_request *r, enum err code,
                              const char *text)
{
    struct tags tags = {0};
    struct arena a = {0};
    struct identity_result result;
    struct err_info ei = {0};

    assert_int_equal(identity_check(f->id, r, &tags, &a, &result, &ei), code);
    if (strstr(ei.text, text) == NULL) {
        assert_string_equal(ei.text, text);
    }
    assert_null(strstr(ei.text, f->secrets.secret_access_key));
    assert_int_equal(result.kind, IDENTITY_NONE);
    assert_int_equal(tags.count, 0);
    arena_free(&a);
}

static inline void refused(struct fixture *f, const struct identity_request *r, const char *text)
{
    refused_as(f, r, ERR_AUTH, text);
}

/* As refused, and the head alone tells it. */
static inline void refused_early_as(struct fixture *f, struct identity_request r, enum err code,
                                    const char *text)
{
    struct err_info ei = {0};

    refused_as(f, &r, code, text);
    r.body_sha256 = NULL;
    assert_int_equal(identity_precheck(f->id, &r, &ei), code);
    assert_non_null(strstr(ei.text, text));
}

static inline void refused_early(struct fixture *f, struct identity_request r, const char *text)
{
    refused_early_as(f, r, ERR_AUTH, text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, verify_set_up, fixture_close)

#endif
