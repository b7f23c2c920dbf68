/* A bound of output counts only as far as the model that is called listens to it. */
#include "tests/unit/test.h"

#include "core/dialect/dialect.h"

static int64_t bound_of(const char *target, const char *base_id, enum model_family family,
                        const char *body)
{
    struct model m = {.name = "m", .base_id = base_id, .family = family};
    struct dialect_route r;
    struct dialect_facts facts = {.model = {NULL, 0}};
    struct err_info ei = {.code = ERR_OK};
    struct call call;
    call_init(&call);
    call.resolved.model = &m;
    call.max_output = -1;
    assert_int_equal(dialect_route(&r, STR("POST"), str_of(target), &ei), ERR_OK);
    if (dialect_parse(&r, str_of(body), NULL, 0, &call, &facts, &ei) != ERR_OK) {
        fail_msg("%s: %s", body, ei.text);
    }
    int64_t bound = call.max_output;
    call_clear(&call);
    return bound;
}

#define MESSAGES "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}]"

static void converse(void **state)
{
    (void)state;
    static const char to[] = "/model/m/converse";
    assert_int_equal(bound_of(to, "amazon.nova-lite-v1:0", FAMILY_NOVA,
                              "{" MESSAGES
                              ",\"additionalModelRequestFields\":{\"max_gen_len\":1}}"),
                     -1);
    assert_int_equal(
        bound_of(to, "amazon.nova-lite-v1:0", FAMILY_NOVA,
                 "{" MESSAGES
                 ",\"additionalModelRequestFields\":{\"maxTokens\":1,\"max_tokens\":2}}"),
        -1);
    assert_int_equal(bound_of(to, "amazon.nova-lite-v1:0", FAMILY_NOVA,
                              "{" MESSAGES ",\"inferenceConfig\":{\"maxTokens\":5},"
                              "\"additionalModelRequestFields\":{\"inferenceConfig\":{\"max_new_"
                              "tokens\":9}}}"),
                     9);
    assert_int_equal(bound_of(to, "anthropic.claude-x", FAMILY_ANTHROPIC,
                              "{" MESSAGES ",\"additionalModelRequestFields\":{\"max_tokens\":7}}"),
                     7);
}

static void invoke(void **state)
{
    (void)state;
    static const char to[] = "/model/m/invoke";
    static const struct {
        const char *id;
        enum model_family family;
        const char *body;
        int64_t bound;
    } cases[] = {
        {"amazon.nova-lite-v1:0", FAMILY_NOVA, "{" MESSAGES ",\"max_tokens\":1,\"maxTokens\":1}",
         -1},
        {"amazon.nova-lite-v1:0", FAMILY_NOVA,
         "{" MESSAGES ",\"inferenceConfig\":{\"max_new_tokens\":30,\"max_gen_len\":99}}", 30},
        {"meta.llama3", FAMILY_LLAMA, "{\"prompt\":\"x\",\"max_tokens\":1,\"max_gen_len\":40}", 40},
        {"meta.llama3", FAMILY_LLAMA, "{\"prompt\":\"x\",\"max_tokens\":1}", -1},
        {"amazon.titan-text", FAMILY_TITAN, "{\"inputText\":\"x\",\"maxTokenCount\":1}", -1},
        {"amazon.titan-text", FAMILY_TITAN,
         "{\"inputText\":\"x\",\"textGenerationConfig\":{\"maxTokenCount\":50}}", 50},
        {"amazon.titan-text", FAMILY_TITAN, "{\"inputText\":\"x\",\"dimensions\":1}", -1},
        {"amazon.titan-embed-text-v2:0", FAMILY_TITAN, "{\"inputText\":\"x\",\"dimensions\":256}",
         0},
        {"anthropic.claude-x", FAMILY_ANTHROPIC,
         "{" MESSAGES ",\"max_tokens\":60,\"max_gen_len\":1}", 60},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(bound_of(to, cases[i].id, cases[i].family, cases[i].body), cases[i].bound);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(converse),
        cmocka_unit_test(invoke),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
