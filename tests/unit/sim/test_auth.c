/* test_auth.c: the simulated AWS refuses what AWS would: each service, each way to be wrong. */
#include "tests/unit/sim/client.h"

#define BODY "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}]}"

static const struct client_request good = {.method = "POST",
                                           .path = "/model/" CLIENT_HAIKU "/converse",
                                           .body = BODY,
                                           .service = "bedrock"};

static void expect(const struct sim *s, const struct client_request *r, int status,
                   const char *type)
{
    struct client_answer a;

    client_call(s, SERVICE_BEDROCK_RUNTIME, r, &a);
    assert_int_equal(a.status, status);
    assert_true(client_says(&a, type));
    client_free(&a);
}

static void test_good_ones(void **state)
{
    struct client_request r = good;

    expect(*state, &r, 200, "\"usage\"");
    r.path = "/model/us.anthropic.claude-3-5-haiku-20241022-v1:0/converse";
    expect(*state, &r, 200, "\"usage\"");
    r.skew_ms = -4 * 60 * 1000;
    expect(*state, &r, 200, "\"usage\"");
    assert_int_equal(client_ledger_number(*state, "signature_failures"), 0);
}

static void test_wrong_ones(void **state)
{
    static const char invalid[] = "x-amzn-ErrorType: InvalidSignatureException";
    struct client_request r = good;

    r.tamper = true;
    expect(*state, &r, 403, invalid);
    r = good;
    r.secret = "another";
    expect(*state, &r, 403, invalid);
    r = good;
    r.region = "eu-west-1";
    expect(*state, &r, 403, invalid);
    r = good;
    r.service = "bedrock-runtime";
    expect(*state, &r, 403, "Credential should be scoped to correct service: 'bedrock'.");
    r = good;
    r.skew_ms = -6 * 60 * 1000;
    expect(*state, &r, 403, "expired");
    r.skew_ms = 6 * 60 * 1000;
    expect(*state, &r, 403, "not yet current");
    r = good;
    r.key_id = "AKIAANOTHER";
    expect(*state, &r, 403, "x-amzn-ErrorType: UnrecognizedClientException");
    assert_int_equal(client_ledger_number(*state, "signature_failures"), 7);
    assert_int_equal(client_ledger_number(*state, "calls"), 0);
}

static void test_headers(void **state)
{
    struct client_request r = good;

    r.service = NULL;
    expect(*state, &r, 403, "x-amzn-ErrorType: MissingAuthenticationTokenException");
    r.headers = "Authorization: Bearer abc\r\n";
    expect(*state, &r, 403, "UnrecognizedClientException");
    r.headers = "Authorization: AWS4-HMAC-SHA256 Credential=a\r\n";
    expect(*state, &r, 403, "IncompleteSignatureException");
    r = good;
    r.headers = "X-Amzn-Bedrock-Request-Metadata: {}\r\n";
    expect(*state, &r, 403, "must be a signed header");
    r.headers = "X-Amz-Content-SHA256: "
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\r\n";
    expect(*state, &r, 403, "is not the hash of the body");
}

static void test_other_services(void **state)
{
    static const struct {
        enum config_service service;
        const char *type, *signing_name;
    } cases[] = {
        {SERVICE_MONITORING, "\"__type\":\"MissingAuthenticationTokenException\"", "monitoring"},
        {SERVICE_CE, "\"__type\":\"MissingAuthenticationTokenException\"", "ce"},
        {SERVICE_STS, "<Code>MissingAuthenticationToken</Code>", "sts"},
    };

    for (size_t i = 0; i < 3; i++) {
        struct client_request r = {.method = "POST", .path = "/", .body = "{}"};
        struct client_answer a;
        client_call(*state, cases[i].service, &r, &a);
        assert_int_equal(a.status, 403);
        assert_true(client_says(&a, cases[i].type));
        client_free(&a);
        r.service = cases[i].signing_name;
        client_call(*state, cases[i].service, &r, &a);
        assert_int_equal(a.status, 400);
        client_free(&a);
        r.service = "bedrock";
        client_call(*state, cases[i].service, &r, &a);
        assert_int_equal(a.status, 403);
        client_free(&a);
    }
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, client_set_up, client_tear_down)
    const struct CMUnitTest tests[] = {
        T(test_good_ones),
        T(test_wrong_ones),
        T(test_headers),
        T(test_other_services),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
