/* test_prompt.c: how many tokens a body is for the simulated models, and what tests may ask in it.
 */
#include "core/sim/sim_prompt.h"
#include "tests/unit/test.h"

#include <string.h>

static int64_t tokens(const char *body)
{
    struct sim_prompt p;
    struct err_info ei = {0};

    assert_int_equal(sim_prompt_read(&p, SIM_FORM_CONVERSE, str_of(body), &ei), ERR_OK);
    return p.tokens;
}

#define USER(blocks) "{\"messages\":[{\"role\":\"user\",\"content\":[" blocks "]}]"

static void test_texts(void **state)
{
    (void)state;
    assert_int_equal(tokens(USER("") "}"), 5 + 3);
    assert_int_equal(tokens(USER("{\"text\":\"\"}") "}"), 5 + 3);
    assert_int_equal(tokens(USER("{\"text\":\"a\"}") "}"), 5 + 3 + 1);
    assert_int_equal(tokens(USER("{\"text\":\"abcd\"},{\"text\":\"abcde\"}") "}"), 5 + 3 + 1 + 2);
    /* Escapes count by the bytes they stand for. */
    assert_int_equal(tokens(USER("{\"text\":\"\\u00e9\\u00e9\"}") "}"), 5 + 3 + 1);
    assert_int_equal(tokens(USER("") ",\"system\":[{\"text\":\"12345678\"}]}"), 5 + 3 + 2);
}

static void test_other_blocks(void **state)
{
    (void)state;
    assert_int_equal(
        tokens(
            USER("{\"image\":{\"format\":\"png\",\"source\":{\"bytes\":\"AAAAAAAAAAAA\"}}}") "}"),
        5 + 3 + 100);
    assert_int_equal(
        tokens(USER(
            "{\"toolResult\":{\"toolUseId\":\"abcd\",\"content\":[{\"text\":\"12345678\"},"
            "{\"image\":{\"format\":\"jpeg\",\"source\":{\"bytes\":\"AAAAAAAAAAAA\"}}}]}}") "}"),
        5 + 3 + 4);
    assert_int_equal(tokens(USER("{\"toolUse\":{\"name\":\"go\",\"input\":{\"x\":[\"ab\",1,true,"
                                 "null]}}}") "}"),
                     5 + 3 + 1);
}

static void test_tools(void **state)
{
    static const char opening[] =
        USER("") ",\"toolConfig\":{\"toolChoice\":{\"auto\":{}},\"tools\":[{\"toolSpec\":{\"d\":\"";
    char body[4096] = "";
    struct sim_prompt p;
    struct err_info ei = {0};

    (void)state;
    memcpy(body, opening, sizeof opening - 1);
    memset(body + sizeof opening - 1, 'x', 2000);
    memcpy(body + sizeof opening - 1 + 2000, "\"}},{\"toolSpec\":{\"d\":\"1\"}}]}}",
           sizeof "\"}},{\"toolSpec\":{\"d\":\"1\"}}]}}");
    assert_int_equal(sim_prompt_read(&p, SIM_FORM_CONVERSE, str_of(body), &ei), ERR_OK);
    assert_int_equal(p.tokens, 5 + 3 + 300 + 2);
}

static void test_directives(void **state)
{
    struct sim_prompt p;
    struct err_info ei = {0};

    (void)state;
    assert_int_equal(
        sim_prompt_read(
            &p, SIM_FORM_CONVERSE,
            str_of(USER("{\"text\":\"[a][sim:output=12] [sim:delay_us=7][sim:x=1]"
                        "[sim:latency_ms=0][sim:fault=cut][sim:output=-3][sim:\"}") "}"),
            &ei),
        ERR_OK);
    assert_int_equal(p.directives.output, 12);
    assert_int_equal(p.directives.delay_us, 7);
    assert_int_equal(p.directives.latency_ms, 0);
    assert_true(p.directives.fault_said);
    assert_int_equal(p.directives.fault, SIM_FAULT_CUT);
    /* Only the first message directs. */
    assert_int_equal(
        sim_prompt_read(&p, SIM_FORM_CONVERSE,
                        str_of("{\"messages\":[{\"role\":\"user\",\"content\":[]},{\"role\":"
                               "\"user\",\"content\":[{\"text\":\"[sim:output=12]\"}]}]}"),
                        &ei),
        ERR_OK);
    assert_int_equal(p.directives.output, -1);
    assert_false(p.directives.fault_said);
}

static void test_cache_points(void **state)
{
    struct sim_prompt p;
    struct err_info ei = {0};

    (void)state;
    assert_int_equal(
        sim_prompt_read(&p, SIM_FORM_CONVERSE,
                        str_of(USER("{\"text\":\"abcd\"},{\"cachePoint\":{\"type\":"
                                    "\"default\"}}") ",\"system\":[{\"text\":\"abcd\"},{"
                                                     "\"cachePoint\":{\"type\":"
                                                     "\"default\",\"ttl\":\"1h\"}}],"
                                                     "\"toolConfig\":{\"tools\":[{\"a\":"
                                                     "\"12\"},{\"cachePoint\":{}}]}}"),
                        &ei),
        ERR_OK);
    assert_int_equal(p.point_count, 3);
    assert_int_equal(p.points[0].tokens, 5 + 1);
    assert_int_equal(p.points[1].tokens, 5 + 1 + 1);
    assert_true(p.points[1].hour && !p.points[0].hour && !p.points[2].hour);
    assert_int_equal(p.points[2].tokens, 5 + 1 + 1 + 3 + 1);
    assert_int_equal(p.tokens, p.points[2].tokens);
}

static void test_count_body(void **state)
{
    struct sim_prompt p;
    struct err_info ei = {0};

    (void)state;
    assert_int_equal(sim_prompt_read_count(
                         &p, SIM_FORM_CLAUDE,
                         STR("{\"input\":{\"converse\":" USER("{\"text\":\"abcd\"}") "}}}"), &ei),
                     ERR_OK);
    assert_int_equal(p.tokens, 5 + 3 + 1);
    assert_int_equal(
        sim_prompt_read_count(&p, SIM_FORM_CLAUDE, STR("{\"input\":{\"invokeModel\":{}}}"), &ei),
        ERR_PARSE);
    err_clear(&ei);
    assert_int_equal(sim_prompt_read_count(&p, SIM_FORM_CLAUDE, STR("{\"input\":3}"), &ei),
                     ERR_PARSE);
    assert_true(ei.text[0] != '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),        cmocka_unit_test(test_other_blocks),
        cmocka_unit_test(test_tools),        cmocka_unit_test(test_directives),
        cmocka_unit_test(test_cache_points), cmocka_unit_test(test_count_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
