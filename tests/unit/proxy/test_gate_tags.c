/* Tags of a call: which source wins, what a caller may set, what is refused. */
#include "tests/unit/test.h"

#include "core/proxy/gate_private.h"

#include <stdio.h>
#include <string.h>

struct tagged {
    struct config *config;
    struct rules *rules;
    struct ticket t;
    struct exchange x;
    struct http_header headers[4];
    struct tags key, body;
    struct arena arena;
    struct err_info ei;
};

static struct config *config_of(const char *text)
{
    struct config_mistakes mistakes = {0};
    struct config *c = config_parse("test.yaml", str_of(text), &mistakes);
    config_mistakes_free(&mistakes);
    assert_non_null(c);
    return c;
}

static void tagged_open(struct tagged *g, const char *yaml)
{
    char text[2048];
    (void)snprintf(text, sizeof(text), "region: us-east-1\nstate_dir: /tmp/unused\n%s", yaml);
    *g = (struct tagged){.config = config_of(text)};
    g->rules = rules_new(g->config, NULL);
    g->t.rules = g->rules;
    g->t.x = &g->x;
    g->x.headers = g->headers;
    call_init(&g->t.call);
}

static void header(struct tagged *g, const char *value)
{
    g->headers[g->x.header_count++] = (struct http_header){STR("X-Tollgate-Tags"), str_of(value)};
}

static void put_tag(struct tagged *g, struct tags *to, const char *key, const char *value)
{
    assert_int_equal(tags_set(to, &g->arena, str_of(key), str_of(value)), ERR_OK);
}

static enum err run(struct tagged *g)
{
    return gate_tags(&g->t, &g->key, &g->body, &g->ei);
}

static void expect_tag(struct tagged *g, const char *key, const char *value)
{
    struct str got = tags_get(&g->t.call.tags, key);
    if (!str_is(got, value)) {
        fail_msg("%s is '%.*s', not '%s'", key, (int)got.n, got.p ? got.p : "", value);
    }
}

static void tagged_close(struct tagged *g)
{
    call_clear(&g->t.call);
    arena_free(&g->arena);
    rules_unref(g->rules);
    config_unref(g->config);
}

static void later_sources_win(void **state)
{
    (void)state;
    struct tagged g;
    tagged_open(&g, "tags: {from_caller: [a, b, c, d, e, costCenter], "
                    "defaults: {a: default, b: default, c: default, d: default, costCenter: x}}\n");
    g.t.call.resolved.profile_cost_center = "sales";
    header(&g, "b=header, c = header");
    header(&g, "d=second,d=header,e=header");
    put_tag(&g, &g.body, "c", "body");
    put_tag(&g, &g.body, "d", "body");
    put_tag(&g, &g.key, "d", "key");
    put_tag(&g, &g.key, "applicationId", "app");
    assert_int_equal(run(&g), ERR_OK);
    expect_tag(&g, "a", "default");
    expect_tag(&g, "b", "header");
    expect_tag(&g, "c", "body");
    expect_tag(&g, "d", "key");
    expect_tag(&g, "e", "header");
    expect_tag(&g, "applicationId", "app");
    expect_tag(&g, "costCenter", "sales");
    assert_int_equal(g.t.ignored.n, 0);
    tagged_close(&g);
}

static void what_a_caller_may_not_set_is_named(void **state)
{
    (void)state;
    struct tagged g;
    tagged_open(&g, "tags: {from_caller: [environment]}\n");
    header(&g, "environment=dev,costCenter=mine,odd\x01key=1");
    put_tag(&g, &g.body, "application", "theirs");
    put_tag(&g, &g.key, "applicationId", "ours");
    assert_int_equal(run(&g), ERR_OK);
    expect_tag(&g, "environment", "dev");
    expect_tag(&g, "costCenter", "");
    expect_tag(&g, "applicationId", "ours");
    assert_string_equal(g.t.ignored.p, "costCenter,odd\\x01key,applicationId");
    tagged_close(&g);
}

/* Somebody between a signing client and the gateway may have added the header. */
static void tags_that_are_not_signed_are_ignored(void **state)
{
    (void)state;
#define SIGNED(names)                                                                              \
    "AWS4-HMAC-SHA256 Credential=TGKAAAAAAAAAAAAAAAAA/20261121/us-east-1/bedrock/aws4_request, "   \
    "SignedHeaders=" names                                                                         \
    ", Signature=0000000000000000000000000000000000000000000000000000000000000000"
    static const char *const authorization[] = {SIGNED("host;x-amz-date"),
                                                SIGNED("host;x-amz-date;x-tollgate-tags")};
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        struct tagged g;
        tagged_open(&g, "tags: {from_caller: [environment, applicationId]}\n");
        header(&g, "environment=dev");
        g.headers[g.x.header_count++] =
            (struct http_header){STR("authorization"), str_of(authorization[is_signed])};
        put_tag(&g, &g.body, "applicationId", "docs"); /* bodies are always signed */
        assert_int_equal(run(&g), ERR_OK);
        expect_tag(&g, "applicationId", "docs");
        expect_tag(&g, "environment", is_signed ? "dev" : "");
        assert_true(str_is(g.t.ignored, is_signed ? "" : "environment"));
        tagged_close(&g);
    }
}

static void nothing_is_from_the_caller_by_default(void **state)
{
    (void)state;
    struct tagged g;
    tagged_open(&g, "identity: required\n");
    header(&g, "environment=dev");
    assert_int_equal(run(&g), ERR_OK);
    assert_int_equal(g.t.call.tags.count, 0);
    tagged_close(&g);
    tagged_open(&g, "identity: optional\n");
    header(&g, "application=docs,anything=goes");
    assert_int_equal(run(&g), ERR_OK);
    expect_tag(&g, "applicationId", "docs"); /* the short name is good too */
    expect_tag(&g, "anything", "goes");
    tagged_close(&g);
}

static void refused(const char *yaml, const char *line, enum err code, const char *words)
{
    struct tagged g;
    tagged_open(&g, yaml);
    if (line) {
        header(&g, line);
    }
    assert_int_equal(run(&g), code);
    if (!strstr(g.ei.text, words)) {
        fail_msg("'%s' does not say '%s'", g.ei.text, words);
    }
    tagged_close(&g);
}

static void mistakes_are_refused_with_words(void **state)
{
    (void)state;
    static const char all[] = "identity: optional\n";
    refused(all, "a", ERR_PARSE, "key=value");
    refused(all, "=b", ERR_PARSE, "key=value");
    refused(all, "a=", ERR_PARSE, "tag a");
    refused(all, "a=b\"c", ERR_PARSE, "1 to 128");
    refused(all, "a b\xff=c", ERR_PARSE, "1 to 128");
    refused(all, "a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1,j=1,k=1,l=1,m=1,n=1,o=1,p=1,q=1", ERR_PARSE,
            "more than 16");
    refused("tags: {required: [applicationId]}\n", NULL, ERR_PARSE, "tag applicationId: required");
    refused("identity: optional\ntags: {values: {costCenter: [sales]}}\n", "costCenter=fresh",
            ERR_PARSE, "'fresh' is not among");
}

static void a_profile_belongs_to_its_cost_center(void **state)
{
    (void)state;
    struct tagged g;
    tagged_open(&g, "identity: required\n");
    g.t.call.resolved.profile_cost_center = "sales";
    put_tag(&g, &g.key, "costCenter", "support");
    assert_int_equal(run(&g), ERR_FORBIDDEN);
    assert_non_null(strstr(g.ei.text, "'sales'"));
    tagged_close(&g);
    tagged_open(&g, "identity: required\n");
    g.t.call.resolved.profile_cost_center = "sales";
    put_tag(&g, &g.key, "costCenter", "sales");
    assert_int_equal(run(&g), ERR_OK);
    tagged_close(&g);
}

static void defaults_satisfy_what_is_required(void **state)
{
    (void)state;
    struct tagged g;
    tagged_open(&g, "tags: {required: [environment], defaults: {environment: dev}}\n");
    assert_int_equal(run(&g), ERR_OK);
    expect_tag(&g, "environment", "dev");
    tagged_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(later_sources_win),
        cmocka_unit_test(what_a_caller_may_not_set_is_named),
        cmocka_unit_test(tags_that_are_not_signed_are_ignored),
        cmocka_unit_test(nothing_is_from_the_caller_by_default),
        cmocka_unit_test(mistakes_are_refused_with_words),
        cmocka_unit_test(a_profile_belongs_to_its_cost_center),
        cmocka_unit_test(defaults_satisfy_what_is_required),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
