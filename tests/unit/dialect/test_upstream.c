/* test_upstream.c: how Converse is put to AWS: where to, with which tags, and otherwise unchanged.
 */
#include "tests/unit/dialect/sent.h"

#define PATH      "/model/x/converse"
#define TWO_AND_K "{\"applicationId\":\"a\",\"costCenter\":\"b\",\"k\": \"v\"}"

static void the_path_names_the_upstream_id_encoded(void **state)
{
    (void)state;
    struct sent s = {.o = {.upstream_id = "arn:aws:bedrock:us-east-1:1:application-inference-"
                                          "profile/a_b~c.d"}};
    sent_put(&s, "/model/sales%2Fx/converse-stream?x=1", "{\"messages\":[]}");
    sent_goes_to(&s, "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile"
                     "%2Fa_b~c.d/converse-stream");
    assert_false(s.up.body_changed);
    assert_false(s.up.via_mantle);
    assert_int_equal(s.up.headers.len, 0);
    sent_free(&s);

    struct sent c = {0};
    sent_tag(&c, "a", "b");
    sent_put(&c, "/model/x/count-tokens", "{\"input\":{}}");
    sent_goes_to(&c, "/model/up%3A0/count-tokens");
    assert_false(c.up.body_changed);
    sent_free(&c);
}

static void tags_are_added_where_there_are_none(void **state)
{
    (void)state;
    static const char *const before[] = {
        "{\"messages\":[]}",
        "{\"messages\":[],\"requestMetadata\":null}",
        " { \"messages\" : [ ] , \"requestMetadata\" : {\"k\": \"v\"} } ",
        "{\"messages\":[{\"content\":[{\"text\":\"}\"}]} ] \r\n}\t\n ",
    };
    static const char *const after[] = {
        "{\"messages\":[],\"requestMetadata\":{\"applicationId\":\"a\",\"costCenter\":\"b\"}}",
        "{\"messages\":[],\"requestMetadata\":{\"applicationId\":\"a\",\"costCenter\":\"b\"}}",
        " { \"messages\" : [ ] , \"requestMetadata\" : " TWO_AND_K " } ",
        "{\"messages\":[{\"content\":[{\"text\":\"}\"}]} ] \r\n,\"requestMetadata\":"
        "{\"applicationId\":\"a\",\"costCenter\":\"b\"}}\t\n ",
    };
    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        struct sent s = {0};
        sent_put(&s, PATH, before[i]);
        assert_false(s.up.body_changed);
        dialect_upstream_free(&s.up);
        arena_free(&s.call.arena);
        sent_tag(&s, "applicationId", "a");
        sent_tag(&s, "costCenter", "b");
        sent_put(&s, PATH, before[i]);
        sent_is(&s, after[i]);
        sent_free(&s);
    }
}

static void with_tags(const char *before, const char *const tags[][2], size_t count,
                      const char *after)
{
    struct sent s = {0};

    for (size_t i = 0; i < count; i++) {
        sent_tag(&s, tags[i][0], tags[i][1]);
    }
    sent_put(&s, PATH, before);
    sent_becomes(&s, after);
    sent_free(&s);
}

static void ours_win_and_the_same_changes_nothing(void **state)
{
    (void)state;
    static const char *const a[][2] = {{"a", "1"}, {"b", "2"}};
    with_tags("{\"messages\":[],\"requestMetadata\":{\"a\":\"x\",\"c\":\"3\"}}", a, 2,
              "{\"messages\":[],\"requestMetadata\":{\"b\":\"2\",\"a\":\"1\",\"c\":\"3\"}}");
    with_tags("{\"messages\":[],\"requestMetadata\":{\"\\u0061\":\"\\u0031\",\"b\":\"2\"}}", a, 2,
              NULL);
    static const char *const odd[][2] = {{"a", "sch\xc3\xb6n"}, {"b", "x*y"}};
    with_tags("{\"messages\":[]}", odd, 2, NULL);
}

static void there_are_never_more_than_sixteen(void **state)
{
    (void)state;
    struct buf before = {0}, after = {0};
    static const char *const two[][2] = {{"k3", "ours"}, {"x", "1"}, {"y", "2"}};

    buf_add(&before, "{\"requestMetadata\":{");
    /* Ours first, then of the client's what there is room for. */
    buf_add(&after, "{\"requestMetadata\":{\"k3\":\"ours\",\"x\":\"1\",\"y\":\"2\"");
    for (int i = 0; i < 15; i++) {
        buf_printf(&before, "%s\"k%d\":\"v\"", i > 0 ? "," : "", i);
        if (i != 3 && i < 14) {
            buf_printf(&after, ",\"k%d\":\"v\"", i);
        }
    }
    buf_add(&before, "},\"messages\":[]}");
    buf_add(&after, "},\"messages\":[]}");
    with_tags(buf_cstr(&before), two, 3, buf_cstr(&after));
    buf_free(&before);
    buf_free(&after);
}

static void clamped(const char *before, const char *after)
{
    struct sent s = {.o = {.clamp_output = 100}};

    sent_put(&s, PATH, before);
    sent_becomes(&s, after);
    sent_free(&s);
}

static void a_bound_is_set_or_lowered(void **state)
{
    (void)state;
    clamped("{\"messages\":[]}", "{\"messages\":[],\"inferenceConfig\":{\"maxTokens\":100}}");
    clamped("{\"messages\":[],\"inferenceConfig\":null}",
            "{\"messages\":[],\"inferenceConfig\":{\"maxTokens\":100}}");
    clamped("{\"messages\":[],\"inferenceConfig\":{ }}",
            "{\"messages\":[],\"inferenceConfig\":{\"maxTokens\":100 }}");
    clamped("{\"messages\":[],\"inferenceConfig\":{\"topP\":1}}",
            "{\"messages\":[],\"inferenceConfig\":{\"maxTokens\":100,\"topP\":1}}");
    clamped("{\"messages\":[],\"inferenceConfig\":{\"maxTokens\" : 101}}",
            "{\"messages\":[],\"inferenceConfig\":{\"maxTokens\" : 100}}");
    clamped("{\"messages\":[],\"inferenceConfig\":{\"maxTokens\":null}}",
            "{\"messages\":[],\"inferenceConfig\":{\"maxTokens\":100}}");
    clamped("{\"messages\":[],\"inferenceConfig\":{\"maxTokens\":100}}", NULL);
    clamped("{\"inferenceConfig\":{\"maxTokens\":9},\"additionalModelRequestFields\":"
            "{\"max_tokens\":500,\"inferenceConfig\":{\"max_new_tokens\":7000,\"x\":8000}},"
            "\"messages\":[]}",
            "{\"inferenceConfig\":{\"maxTokens\":9},\"additionalModelRequestFields\":"
            "{\"max_tokens\":100,\"inferenceConfig\":{\"max_new_tokens\":100,\"x\":8000}},"
            "\"messages\":[]}");
}

static void bound_and_tags_go_together(void **state)
{
    (void)state;
    struct sent s = {.o = {.clamp_output = 5}};
    sent_tag(&s, "a", "b");
    sent_put(&s, PATH, "{\"messages\":[{\"content\":[{\"text\":\"\\u00e9 \\\"x\"}]}]}");
    sent_is(&s, "{\"messages\":[{\"content\":[{\"text\":\"\\u00e9 \\\"x\"}]}],"
                "\"requestMetadata\":{\"a\":\"b\"},\"inferenceConfig\":{\"maxTokens\":5}}");
    /* All that the client sent goes from where it is. */
    assert_int_equal(s.up.body_front, strlen(s.body) - 1);
    assert_int_equal(s.up.body_back, 1);
    sent_free(&s);
}

static void what_is_not_served_is_not_put(void **state)
{
    (void)state;
    struct dialect_route r;
    struct dialect_upstream up;
    struct call call = {0};
    struct err_info ei = {0};
    assert_int_equal(dialect_route(&r, STR("GET"), STR("/healthz"), NULL), ERR_OK);
    assert_int_equal(dialect_upstream(&up, &r, &call, STR("{}"),
                                      &(struct dialect_upstream_options){.upstream_id = "x"}, &ei),
                     ERR_UNSUPPORTED);
    assert_string_equal(ei.text, "this call is not served");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_path_names_the_upstream_id_encoded),
        cmocka_unit_test(tags_are_added_where_there_are_none),
        cmocka_unit_test(ours_win_and_the_same_changes_nothing),
        cmocka_unit_test(there_are_never_more_than_sixteen),
        cmocka_unit_test(a_bound_is_set_or_lowered),
        cmocka_unit_test(bound_and_tags_go_together),
        cmocka_unit_test(what_is_not_served_is_not_put),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
