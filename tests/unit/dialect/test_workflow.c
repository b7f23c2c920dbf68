/* The workflow input: its mistakes by path, what becomes of it, and the outcome it is answered
 * with. */
#include "tests/unit/test.h"

#include "core/dialect/workflow.h"

#include <jansson.h>
#include <string.h>

static enum err read_body(const char *body, struct call *call, struct dialect_facts *facts,
                          struct buf *mistakes)
{
    call_init(call);
    *facts = (struct dialect_facts){.model = {NULL, 0}};
    *mistakes = (struct buf){.data = NULL};
    return workflow_read(str_of(body), call, facts, mistakes);
}

/* The paths of all mistakes, in order, separated by blanks. */
static void expect_mistakes(const char *body, const char *paths)
{
    struct call call;
    struct dialect_facts facts;
    struct buf mistakes, list = {.data = NULL}, found = {.data = NULL};
    size_t i;
    json_t *m;
    enum err e = read_body(body, &call, &facts, &mistakes);
    assert_true(buf_add(&list, "[") && buf_add_str(&list, buf_str(&mistakes)) &&
                buf_add(&list, "]"));
    json_t *all = json_loadb(buf_bytes(&list), list.len, 0, NULL);
    assert_non_null(all);
    json_array_foreach(all, i, m)
    {
        assert_true(strlen(json_string_value(json_object_get(m, "message"))) > 0);
        assert_true(buf_printf(&found, "%s%s", i ? " " : "",
                               json_string_value(json_object_get(m, "path"))));
    }
    assert_string_equal(buf_cstr(&found), paths);
    assert_int_equal(e, *paths ? ERR_PARSE : ERR_OK);
    json_decref(all);
    buf_free(&list);
    buf_free(&found);
    buf_free(&mistakes);
    call_clear(&call);
}

#define USER "{\"role\":\"user\",\"content\":\"hi\"}"

static void names_every_mistake(void **state)
{
    (void)state;
    expect_mistakes("{\"model\":\"m\",\"prompt\":{\"messages\":[" USER "]}}", "");
    expect_mistakes("{}", "model prompt");
    expect_mistakes("{\"model\":\"\",\"prompt\":{}}", "model prompt.messages");
    expect_mistakes("{\"model\":1,\"prompt\":{\"messages\":[]}}", "model prompt.messages");
    expect_mistakes(
        "{\"model\":\"m\",\"prompt\":{\"messages\":[{\"role\":\"boss\"},{\"content\":[]},"
        "{\"role\":\"user\",\"content\":[{\"image\":1}]}]}}",
        "prompt.messages[0].role prompt.messages[0] prompt.messages[1].content "
        "prompt.messages[1] prompt.messages[2].content[0]");
    expect_mistakes(
        "{\"model\":\"m\",\"prompt\":{\"messages\":[" USER "],\"parameters\":"
        "{\"max_tokens\":0,\"temperature\":1.5,\"top_p\":\"x\",\"top_k\":2.5,\"a\":1}}}",
        "prompt.parameters.max_tokens prompt.parameters.temperature "
        "prompt.parameters.top_p prompt.parameters.top_k prompt.parameters.a");
    expect_mistakes("{\"model\":\"m\",\"model\":\"n\",\"x\":1,\"prompt\":{\"messages\":[" USER "]},"
                    "\"tags\":{\"a\":\"b\",\"a\":\"c\",\"n\":1,\"bad|key\":\"v\",\"k\":\"a\\nb\"}}",
                    "model x tags.a tags.n tags tags.k");
}

static void refuses_what_is_no_object(void **state)
{
    (void)state;
    struct call call;
    struct dialect_facts facts;
    struct buf mistakes;
    static const char *const bodies[] = {"", "[]", "{\"model\":", "{} x", "null"};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(read_body(bodies[i], &call, &facts, &mistakes), ERR_PARSE);
        assert_true(mistakes.len > 0);
        buf_free(&mistakes);
        call_clear(&call);
    }
}

static json_t *converse_of(const char *body, int64_t clamp, const struct tags *attribution)
{
    static const struct model model = {.name = "m", .family = FAMILY_ANTHROPIC};
    struct call call;
    struct dialect_facts facts;
    struct buf mistakes, out = {.data = NULL};
    struct dialect_upstream_options o = {.clamp_output = clamp, .attribution = attribution};
    assert_int_equal(read_body(body, &call, &facts, &mistakes), ERR_OK);
    call.resolved.model = &model;
    assert_int_equal(workflow_converse(&out, str_of(body), &call, &o, NULL), ERR_OK);
    json_t *parsed = json_loadb(buf_bytes(&out), out.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(parsed);
    buf_free(&out);
    buf_free(&mistakes);
    call_clear(&call);
    return parsed;
}

static void expect_json(json_t *got, const char *wanted)
{
    json_t *w = json_loads(wanted, 0, NULL);
    assert_non_null(w);
    if (!json_equal(got, w)) {
        fail_msg("got %s", json_dumps(got, JSON_COMPACT));
    }
    json_decref(w);
    json_decref(got);
}

static void becomes_converse(void **state)
{
    (void)state;
    expect_json(converse_of("{\"model\":\"m\",\"prompt\":{\"messages\":[" USER "]}}", 0, NULL),
                "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}]}");
    expect_json(
        converse_of(
            "{\"prompt\":{\"parameters\":{\"top_k\":5,\"max_tokens\":9,\"temperature\":0.5},"
            "\"messages\":[{\"role\":\"system\",\"content\":\"be\"},{\"content\":[{\"text\":"
            "\"a\"},{\"text\":\"\\u00e9\"}],\"role\":\"user\"},{\"role\":\"assistant\","
            "\"content\":\"b\"},{\"role\":\"system\",\"content\":[{\"text\":\"c\"}]}]},"
            "\"model\":\"m\"}",
            0, NULL),
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"a\"},{\"text\":\"\\u00e9\"}]},"
        "{\"role\":\"assistant\",\"content\":[{\"text\":\"b\"}]}],\"system\":[{\"text\":\"be\"},"
        "{\"text\":\"c\"}],\"inferenceConfig\":{\"maxTokens\":9,\"temperature\":0.5},"
        "\"additionalModelRequestFields\":{\"top_k\":5}}");
}

static void carries_bound_and_tags(void **state)
{
    (void)state;
    struct arena a = {.blocks = NULL};
    struct tags tags = {.count = 0};
    assert_int_equal(tags_set(&tags, &a, STR("costCenter"), STR("sales")), ERR_OK);
    expect_json(converse_of("{\"model\":\"m\",\"prompt\":{\"messages\":[" USER
                            "],\"parameters\":{\"max_tokens\":4000}}}",
                            1024, &tags),
                "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}],"
                "\"inferenceConfig\":{\"maxTokens\":1024},\"requestMetadata\":{\"costCenter\":"
                "\"sales\"}}");
    arena_free(&a);
}

static void counts_text_and_bounds(void **state)
{
    (void)state;
    struct call call;
    struct dialect_facts facts;
    struct buf mistakes;
    assert_int_equal(
        read_body("{\"model\":\"mo\\u0064el\",\"prompt\":{\"messages\":[{\"role\":\"user\","
                  "\"content\":\"\\u00e9a\"},{\"role\":\"system\",\"content\":[{\"text\":"
                  "\"abc\"}]}],\"parameters\":{\"max_tokens\":77}},\"tags\":{\"application\""
                  ":\"x\"}}",
                  &call, &facts, &mistakes),
        ERR_OK);
    assert_int_equal(call.text_bytes, 6);
    assert_int_equal(call.messages, 2);
    assert_int_equal(call.max_output, 77);
    assert_true(str_is(facts.model, "model"));
    assert_true(str_is(tags_get(&facts.caller_tags, "application"), "x"));
    buf_free(&mistakes);
    call_clear(&call);
}

/* The answer for an upstream answer that comes in pieces. */
static json_t *answer_of(int status, const char *body, size_t piece, struct meter_state *m)
{
    static const struct model model = {.name = "nova-lite"};
    struct dialect_route r = {.does = &operation_workflow};
    struct http_header type = {STR("x-amzn-errortype"), STR("ThrottlingException:http://x/")};
    struct call call;
    struct buf out = {.data = NULL}, lines = {.data = NULL};
    call_init(&call);
    call.resolved = (struct resolved){.model = &model, .upstream_id = "id", .model_metric = "mm"};
    assert_int_equal(tags_set(&call.tags, &call.arena, STR("costCenter"), STR("sales")), ERR_OK);
    struct meter *meter = meter_new(&r, &call);
    assert_non_null(meter);
    meter_head(meter, status, &type, 1);
    assert_true(meter_rewrites(meter));
    int said = 0;
    assert_true(meter_answer_head(meter, &said, &lines));
    assert_int_equal(said, status);
    size_t n = strlen(body);
    for (size_t at = 0; at < n; at += piece) {
        assert_true(meter_pass(meter, body + at, n - at < piece ? n - at : piece, false, &out));
        assert_int_equal(out.len, 0);
    }
    assert_true(meter_pass(meter, NULL, 0, true, &out));
    meter_state(meter, m);
    json_t *parsed = json_loadb(buf_bytes(&out), out.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(parsed);
    assert_string_equal(json_string_value(json_object_get(parsed, "requestId")), call.request_id);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(parsed, "tags"), "modelMetric")), "mm");
    meter_free(meter);
    buf_free(&out);
    buf_free(&lines);
    call_clear(&call);
    return parsed;
}

static void answers_with_an_outcome(void **state)
{
    (void)state;
    static const char ok[] = "{\"output\":{\"message\":{\"content\":[{\"text\":\"yes\"}]}},"
                             "\"usage\":{\"inputTokens\":3,\"outputTokens\":4,\"totalTokens\":7}}";
    for (size_t piece = 1; piece < sizeof(ok) + 10; piece += 9) {
        struct meter_state m;
        json_t *a = answer_of(200, ok, piece, &m);
        assert_string_equal(json_string_value(json_object_get(a, "outcome")), "approved");
        assert_non_null(json_object_get(json_object_get(a, "output"), "message"));
        assert_true(m.usage_known);
        assert_int_equal(m.usage.input, 3);
        assert_int_equal(m.usage.output, 4);
        json_decref(a);
    }
    struct meter_state m;
    json_t *a = answer_of(429, "{\"message\":\"slow down\"}", 5, &m);
    json_t *error = json_object_get(a, "error");
    assert_string_equal(json_string_value(json_object_get(a, "outcome")), "failed");
    assert_string_equal(json_string_value(json_object_get(error, "type")), "ThrottlingException");
    assert_string_equal(json_string_value(json_object_get(error, "message")), "slow down");
    assert_false(m.usage_known);
    json_decref(a);
    json_decref(answer_of(500, "not json", 3, &m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_every_mistake),    cmocka_unit_test(refuses_what_is_no_object),
        cmocka_unit_test(becomes_converse),       cmocka_unit_test(carries_bound_and_tags),
        cmocka_unit_test(counts_text_and_bounds), cmocka_unit_test(answers_with_an_outcome),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
