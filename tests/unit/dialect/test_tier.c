/* Which service tier and latency are asked for, and which an answer says served it. */
#include "core/dialect/dialect.h"
#include "tests/unit/test.h"

#include <string.h>

#define CONVERSE "/model/m/converse"
#define INVOKE   "/model/m/invoke"
#define CHAT     "/v1/chat/completions"
#define ANSWERS  "/v1/responses"
#define MESSAGES "/anthropic/v1/messages"
#define HELLO    "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}]"
#define SAID     "\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static void names_are_told_from_the_standard(void **state)
{
    (void)state;
    static const char *const standard[] = {"", "default", "standard", "auto", "standard_only"};
    for (size_t i = 0; i < 5; i++) {
        assert_null(call_tier(str_of(standard[i])));
    }
    assert_string_equal(call_tier(STR("priority")), "priority");
    assert_string_equal(call_tier(STR("Flex")), "flex");
    assert_string_equal(call_tier(STR("reserved")), "reserved");
    assert_string_equal(call_tier(STR("gold\x1b[m")), "other");
}

static void requests_ask(void **state)
{
    (void)state;
    static const struct {
        const char *path, *body, *header, *tier;
        bool optimized;
    } cases[] = {
        {CONVERSE, "{" HELLO "}", NULL, NULL, false},
        {CONVERSE, "{" HELLO ",\"serviceTier\":{\"type\":\"flex\"}}", NULL, "flex", false},
        {CONVERSE, "{" HELLO ",\"serviceTier\":{\"type\":\"default\"}}", NULL, NULL, false},
        {CONVERSE, "{" HELLO ",\"serviceTier\":{\"x\":[1],\"type\":\"fl\\u0065x\"}}", NULL, "other",
         false},
        {CONVERSE, "{" HELLO ",\"serviceTier\":null}", NULL, NULL, false},
        {CONVERSE, "{" HELLO ",\"performanceConfig\":{\"latency\":\"optimized\"}}", NULL, NULL,
         true},
        {CONVERSE, "{" HELLO ",\"performanceConfig\":{\"latency\":\"standard\"}}", NULL, NULL,
         false},
        {INVOKE, "{\"prompt\":\"hi\"}", "priority", "priority", false},
        {INVOKE, "{\"prompt\":\"hi\",\"service_tier\":\"flex\"}", NULL, "flex", false},
        {INVOKE, "{\"prompt\":\"hi\",\"service_tier\":7}", NULL, NULL, false},
        {CHAT, "{" SAID ",\"service_tier\":\"flex\"}", NULL, "flex", false},
        {CHAT, "{" SAID ",\"service_tier\":\"auto\"}", NULL, NULL, false},
        {ANSWERS, "{\"model\":\"m\",\"input\":\"hi\",\"service_tier\":\"priority\"}", NULL,
         "priority", false},
        {MESSAGES, "{" SAID ",\"max_tokens\":5,\"service_tier\":\"standard_only\"}", NULL, NULL,
         false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct dialect_route route;
        struct dialect_facts facts = {.model = {NULL, 0}};
        struct http_header header = {STR("X-Amzn-Bedrock-Service-Tier"), str_of(cases[i].header)};
        struct err_info ei = {0};
        struct call call;
        call_init(&call);
        assert_int_equal(dialect_route(&route, STR("POST"), str_of(cases[i].path), &ei), ERR_OK);
        enum err e = dialect_parse(&route, str_of(cases[i].body), &header, cases[i].header ? 1 : 0,
                                   &call, &facts, &ei);
        if (e != ERR_OK) {
            fail_msg("%s: %s", cases[i].body, ei.text);
        }
        assert_string_equal(call.tier ? call.tier : "", cases[i].tier ? cases[i].tier : "");
        assert_int_equal(call.optimized, cases[i].optimized);
        call_clear(&call);
    }
}

#define STREAM "text/event-stream"
#define USAGE  "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3}"

static void answers_say(void **state)
{
    (void)state;
    static const struct {
        const char *path, *type, *header, *body, *tier;
        bool said;
    } cases[] = {
        {CONVERSE, NULL, NULL, "{\"usage\":{\"inputTokens\":1,\"outputTokens\":1}}", NULL, false},
        {CONVERSE, NULL, NULL,
         "{\"serviceTier\":{\"type\":\"priority\"},\"usage\":{\"inputTokens\":1,\"outputTokens\":1}"
         "}",
         "priority", true},
        {CONVERSE, NULL, NULL, "{\"serviceTier\":{\"type\":\"default\"}}", NULL, true},
        {CONVERSE, NULL, "flex", "{}", "flex", true},
        {INVOKE, NULL, "flex", "{}", "flex", true},
        {INVOKE, NULL, NULL, "{\"service_tier\":\"flex\"," USAGE "}", "flex", true},
        {CHAT, NULL, NULL, "{\"service_tier\":\"flex\"," USAGE "}", "flex", true},
        {CHAT, NULL, NULL, "{\"service_tier\":null," USAGE "}", NULL, false},
        {CHAT, STREAM, NULL,
         "data: {\"service_tier\":\"priority\",\"choices\":[]," USAGE "}\n\ndata: [DONE]\n\n",
         "priority", true},
        {ANSWERS, STREAM, NULL,
         "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":"
         "{\"service_tier\":\"flex\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n",
         "flex", true},
        {MESSAGES, NULL, NULL,
         "{\"usage\":{\"input_tokens\":1,\"output_tokens\":1,\"service_tier\":\"batch\"}}", "batch",
         true},
        {MESSAGES, STREAM, NULL,
         "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":"
         "{\"input_tokens\":1,\"output_tokens\":1,\"service_tier\":\"standard\"}}}\n\n",
         NULL, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct dialect_route route;
        struct meter_state m;
        struct call call;
        const char *type = cases[i].type ? cases[i].type : "application/json";
        struct http_header headers[] = {
            {STR("content-type"), str_of(type)},
            {STR("x-amzn-bedrock-service-tier"), str_of(cases[i].header)}};
        call_init(&call);
        assert_int_equal(dialect_route(&route, STR("POST"), str_of(cases[i].path), NULL), ERR_OK);
        /* Cut anywhere, the same is found. */
        for (size_t piece = 1; piece < 200; piece += 66) {
            struct meter *meter = meter_new(&route, &call);
            assert_non_null(meter);
            meter_head(meter, 200, headers, cases[i].header ? 2 : 1);
            for (size_t at = 0; at < strlen(cases[i].body); at += piece) {
                size_t left = strlen(cases[i].body) - at;
                (void)meter_feed(meter, cases[i].body + at, left < piece ? left : piece);
            }
            meter_state(meter, &m);
            assert_int_equal(m.tier_said, cases[i].said);
            assert_string_equal(m.tier ? m.tier : "", cases[i].tier ? cases[i].tier : "");
            meter_free(meter);
        }
        call_clear(&call);
    }
}

static void latency_is_said_too(void **state)
{
    (void)state;
    static const char body[] = "{\"performanceConfig\":{\"latency\":\"optimized\"},\"usage\":{"
                               "\"inputTokens\":1,\"outputTokens\":1}}";
    struct http_header header = {STR("X-Amzn-Bedrock-PerformanceConfig-Latency"), STR("standard")};
    struct dialect_route route;
    struct meter_state m;
    struct call call;
    call_init(&call);
    assert_int_equal(dialect_route(&route, STR("POST"), STR(CONVERSE), NULL), ERR_OK);
    struct meter *meter = meter_new(&route, &call);
    meter_head(meter, 200, &header, 1);
    meter_state(meter, &m);
    assert_true(m.latency_said && !m.optimized);
    (void)meter_feed(meter, body, sizeof(body) - 1);
    meter_state(meter, &m);
    assert_true(m.latency_said && m.optimized && !m.tier_said);
    meter_free(meter);
    call_clear(&call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_told_from_the_standard),
        cmocka_unit_test(requests_ask),
        cmocka_unit_test(answers_say),
        cmocka_unit_test(latency_is_said_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
