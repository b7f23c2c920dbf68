/* test_gate_price.c: what a call costs: by what served it, not by what was asked for; an unknown
 * price is what was reserved; what generates nothing is free. */
#include "tests/unit/proxy/gate_rig.h"

#define USAGE "\"usage\":{\"inputTokens\":11,\"outputTokens\":5,\"totalTokens\":16}"
/* claude-3-5-haiku: 800 and 4,000 nano-dollars a token. */
#define STANDARD (11 * 800 + 5 * 4000)

static const char *served;

static void answer(struct peer *p)
{
    char text[1024];
    (void)snprintf(text, sizeof(text),
                   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   strlen(served), served);
    while (peer_request(p) && peer_text(p, text)) {
    }
}

struct priced {
    const char *asked, *served;
    int64_t usd; /* counted by the limit; -1: what was reserved */
    bool priced;
};

/* asked and served: members of the request and of the answer. */
static void what_served_it_is_paid(void **state)
{
    (void)state;
    static const struct priced cases[] = {
        {"", "{" USAGE "}", STANDARD, true},
        {"", "{" USAGE ",\"serviceTier\":{\"type\":\"default\"}}", STANDARD, true},
        {"", "{" USAGE ",\"serviceTier\":{\"type\":\"flex\"}}", -1, false},
        {"", "{" USAGE ",\"performanceConfig\":{\"latency\":\"optimized\"}}", -1, false},
        {",\"serviceTier\":{\"type\":\"flex\"}",
         "{" USAGE ",\"serviceTier\":{\"type\":\"default\"}}", STANDARD, true},
        {",\"performanceConfig\":{\"latency\":\"optimized\"}",
         "{" USAGE ",\"performanceConfig\":{\"latency\":\"standard\"}}", STANDARD, true},
        {",\"serviceTier\":{\"type\":\"flex\"}", "{" USAGE "}", -1, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct gate_rig r = {0};
        struct fake f = {0};
        char body[512];
        int64_t reserved;
        served = cases[i].served;
        gate_rig_open(&r, answer, /* one that only warns lets in what has no price */
                      "limits: [{name: money, usd: 100, window: month, action: warn}]\n");
        (void)snprintf(body, sizeof(body),
                       "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hello\"}]}],"
                       "\"inferenceConfig\":{\"maxTokens\":100}%s}",
                       cases[i].asked);
        request(&r, &f, "/model/haiku/converse", body, NULL);
        (void)used(&r, 0, &reserved);
        assert_int_equal(reserved > 0, cases[i].asked[0] == '\0');
        int64_t held = reserved;
        RUN_UNTIL(&r.wire, f.ended);
        assert_int_equal(f.status, 200);
        int64_t counted = used(&r, 0, &reserved);
        assert_int_equal(counted, cases[i].usd >= 0 ? cases[i].usd : held);
        assert_int_equal(reserved, 0);
        struct entries e = ledger_of(&r);
        assert_int_equal(e.last.priced, cases[i].priced);
        assert_int_equal(e.last.usage.input, 11);
        fake_free(&f);
        gate_rig_close(&r);
    }
}

/* Counting tokens costs none, and that is known. */
static void counting_is_free(void **state)
{
    (void)state;
    struct gate_rig r = {0};
    struct fake f = {0};
    int64_t reserved;
    served = "{\"inputTokens\":17}";
    gate_rig_open(&r, answer, "limits: [{name: all, tokens: 1k, window: month}]\n");
    request(&r, &f, "/model/haiku/count-tokens",
            "{\"input\":{\"converse\":{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":"
            "\"hello\"}]}]}}}",
            NULL);
    assert_int_equal(used(&r, 0, &reserved), 0);
    assert_int_equal(reserved, 0);
    RUN_UNTIL(&r.wire, f.ended);
    assert_int_equal(f.status, 200);
    assert_int_equal(used(&r, 0, &reserved), 0);
    struct entries e = ledger_of(&r);
    assert_int_equal(e.last.outcome, OUTCOME_APPROVED);
    assert_true(e.last.usage_reported);
    assert_int_equal(e.last.usage.input, 0);
    fake_free(&f);
    gate_rig_close(&r);
}

static struct str profile_of(struct fake *f)
{
    return str_of(((struct ticket *)f->x.ticket)->call.resolved.model_metric);
}

/* A cost center that has a profile is called through it, and counted under it. */
static void a_profile_is_called_and_counted(void **state)
{
    (void)state;
    struct gate_rig r = {
        .models = ", {name: lite, id: \"amazon.nova-lite-v1:0\", profiles: {sales: "
                  "\"arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/"
                  "abc123\"}}"};
    const char *sales[] = {"x-tollgate-tags", "costCenter=sales", NULL};
    struct fake f[2] = {0};
    served = "{" USAGE "}";
    gate_rig_open(&r, answer, "");
    for (int i = 0; i < 2; i++) {
        request(&r, &f[i], "/model/lite/converse", CONVERSE_BODY, i == 0 ? sales : NULL);
        assert_non_null(f[i].x.ticket);
        assert_int_equal(str_ends(profile_of(&f[i]), "abc123"), i == 0);
        RUN_UNTIL(&r.wire, f[i].ended);
        assert_int_equal(f[i].status, 200);
        fake_free(&f[i]);
    }
    gate_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_served_it_is_paid),
        cmocka_unit_test(counting_is_free),
        cmocka_unit_test(a_profile_is_called_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
