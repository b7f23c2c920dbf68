/* test_account.c: STS's AssumeRole and what its keys may do; inference profiles and their tags. */
#include "tests/unit/sim/client.h"

#define ROLE "RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fpath%2Fteams"
#define GOOD "Action=AssumeRole&Version=2011-06-15&" ROLE "&RoleSessionName=sales-app"
#define TAGS                                                                                       \
    "&Tags.member.1.Key=costCenter&Tags.member.1.Value=north+sea"                                  \
    "&Tags.member.2.Key=app&Tags.member.2.Value=a%2Fb&TransitiveTagKeys.member.1=app"
#define CONVERSE "/model/" CLIENT_HAIKU "/converse"
#define ASK      "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"[sim:output=2]\"}]}]}"

static const struct client_request form = {
    .method = "POST",
    .path = "/",
    .headers = "Content-Type: application/x-www-form-urlencoded\r\n",
    .service = "sts"};

struct session {
    char id[40], secret[80], token[200];
};

static void assume(const struct sim *s, const char *body, const struct session *as, bool json,
                   struct client_answer *a)
{
    struct client_request r = form;

    r.body = body;
    r.headers = json ? "Accept: application/json\r\n" : NULL;
    if (as != NULL) {
        r.key_id = as->id;
        r.secret = as->secret;
        r.token = as->token;
    }
    client_call(s, SERVICE_STS, &r, a);
}

static void take(const struct client_answer *a, struct session *out)
{
    assert_int_equal(a->status, 200);
    client_text(&a->body, "AccessKeyId", out->id, sizeof out->id);
    client_text(&a->body, "SecretAccessKey", out->secret, sizeof out->secret);
    client_text(&a->body, "SessionToken", out->token, sizeof out->token);
    assert_int_equal(strlen(out->id), 20);
    assert_int_equal(strncmp(out->id, "ASIA", 4), 0);
    assert_int_equal(strlen(out->secret), 40);
    assert_true(strlen(out->token) > 100);
}

static void converse_as(const struct sim *s, const struct session *as, const char *token,
                        struct client_answer *a)
{
    const struct client_request r = {.method = "POST",
                                     .path = CONVERSE,
                                     .body = ASK,
                                     .service = "bedrock",
                                     .key_id = as->id,
                                     .secret = as->secret,
                                     .token = token};

    client_call(s, SERVICE_BEDROCK_RUNTIME, &r, a);
}

static void test_session_keys(void **state)
{
    struct client_answer a;
    struct session first, second;

    assume(*state, GOOD TAGS, NULL, false, &a);
    assert_true(client_says(&a, "arn:aws:sts::123456789012:assumed-role/teams/sales-app"));
    assert_true(client_says(&a, "<Expiration>20"));
    take(&a, &first);
    client_free(&a);
    assume(*state, GOOD "2", NULL, true, &a);
    assert_true(client_says(&a, "\"AssumeRoleResult\""));
    assert_true(client_number(&a.body, "Expiration") > clock_wall_ms() / 1000 + 3000);
    take(&a, &second);
    client_free(&a);
    assert_string_not_equal(first.id, second.id);
    assert_string_not_equal(first.token, second.token);

    for (int i = 0; i < 4; i++) {
        const struct session *as = i % 2 ? &second : &first;
        converse_as(*state, as, as->token, &a);
        assert_int_equal(a.status, 200);
        client_free(&a);
    }
    client_ledger(*state, &a);
    char expected[300];
    snprintf(expected, sizeof expected,
             "\"access_key_id\":\"%s\",\"session\":{\"name\":\"sales-app\",\"role_arn\":"
             "\"arn:aws:iam::123456789012:role/path/teams\",\"tags\":{\"costCenter\":\"north sea\","
             "\"app\":\"a/b\"}}",
             first.id);
    assert_true(client_says(&a, expected));
    assert_int_equal(client_number(&a.body, "assume_role_calls"), 2);
    client_free(&a);
    assume(*state, "Action=GetCallerIdentity", &first, false, &a);
    assert_true(client_says(&a, "<Arn>arn:aws:sts::123456789012:assumed-role/teams/sales-app<"));
    client_free(&a);
    assume(*state, "Action=GetCallerIdentity", NULL, false, &a);
    assert_true(client_says(&a, ":user/simulated<"));
    client_free(&a);
}

static void test_tokens_are_checked(void **state)
{
    static const char type[] = "UnrecognizedClientException";
    struct client_answer a;
    struct session one, other;

    assume(*state, GOOD, NULL, false, &a);
    take(&a, &one);
    client_free(&a);
    assume(*state, GOOD, NULL, false, &a);
    take(&a, &other);
    client_free(&a);
    converse_as(*state, &one, NULL, &a);
    assert_int_equal(a.status, 403);
    assert_true(client_says(&a, type));
    client_free(&a);
    converse_as(*state, &one, other.token, &a);
    assert_int_equal(a.status, 403);
    client_free(&a);
    /* There, but not under the signature. */
    char header[300];
    snprintf(header, sizeof header, "X-Amz-Security-Token: %s\r\n", one.token);
    struct client_request r = {.method = "POST",
                               .path = CONVERSE,
                               .body = ASK,
                               .service = "bedrock",
                               .key_id = one.id,
                               .secret = one.secret,
                               .headers = header};
    client_call(*state, SERVICE_BEDROCK_RUNTIME, &r, &a);
    assert_int_equal(a.status, 403);
    assert_true(client_says(&a, "'x-amz-security-token' must be a signed header"));
    client_free(&a);
    /* A key that needs none comes with one. */
    r = (struct client_request){
        .method = "POST", .path = CONVERSE, .body = ASK, .service = "bedrock", .token = one.token};
    client_call(*state, SERVICE_BEDROCK_RUNTIME, &r, &a);
    assert_int_equal(a.status, 403);
    assert_true(client_says(&a, type));
    client_free(&a);
    str_copy(one.secret, sizeof one.secret, str_of(other.secret));
    converse_as(*state, &one, one.token, &a);
    assert_int_equal(a.status, 403);
    assert_true(client_says(&a, "InvalidSignatureException"));
    client_free(&a);
}

static void test_sessions_end(void **state)
{
    struct client_answer a;
    struct session one;

    assert_int_equal(client_config(*state, "{\"session_seconds\":1}"), 200);
    assume(*state, GOOD, NULL, false, &a);
    take(&a, &one);
    client_free(&a);
    int64_t until = clock_mono_us() + DEADLINE_US;
    do {
        converse_as(*state, &one, one.token, &a);
        int status = a.status;
        bool expired = client_says(&a, "ExpiredTokenException");
        client_free(&a);
        if (expired) {
            assert_int_equal(status, 403);
            return;
        }
        assert_int_equal(status, 200);
        usleep(20000);
    } while (clock_mono_us() < until);
    fail_msg("the session did not end");
}

static void test_refused_assumptions(void **state)
{
    static const char *const bad[] = {
        "Action=AssumeRole&RoleSessionName=ab",
        "Action=AssumeRole&" ROLE,
        "Action=AssumeRole&" ROLE "&RoleSessionName=a",
        "Action=AssumeRole&" ROLE "&RoleSessionName=a%20b",
        "Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Auser%2Fx&RoleSessionName=ab",
        GOOD "&DurationSeconds=899",
        GOOD "&DurationSeconds=43201",
        GOOD "&DurationSeconds=soon",
        GOOD "&Tags.member.1.Key=a",
        GOOD "&Tags.member.1.Key=&Tags.member.1.Value=x",
        GOOD "&Tags.member.1.Key=a&Tags.member.1.Value=x&Tags.member.2.Key=A&Tags.member.2.Value=y",
        GOOD "&Tags.member.1.Key=%zz&Tags.member.1.Value=x",
    };
    struct client_answer a;
    struct session one;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assume(*state, bad[i], NULL, false, &a);
        assert_int_equal(a.status, 400);
        assert_true(client_says(&a, "<Code>ValidationError</Code>"));
        client_free(&a);
    }
    struct buf many = {0};
    buf_add(&many, GOOD);
    for (int i = 1; i <= 51; i++) {
        buf_printf(&many, "&Tags.member.%d.Key=k%d&Tags.member.%d.Value=v", i, i, i);
    }
    assume(*state, buf_cstr(&many), NULL, false, &a);
    assert_true(client_says(&a, "at most 50"));
    client_free(&a);
    buf_free(&many);
    assume(*state, GOOD "&DurationSeconds=7200", NULL, false, &a);
    take(&a, &one);
    client_free(&a);
    assume(*state, GOOD "&DurationSeconds=7200", &one, false, &a);
    assert_int_equal(a.status, 400);
    assert_true(client_says(&a, "role chaining"));
    client_free(&a);
    assume(*state, GOOD, &one, false, &a);
    assert_int_equal(a.status, 200);
    client_free(&a);
    assume(*state, "Action=Fly", NULL, false, &a);
    assert_true(client_says(&a, "<Code>InvalidAction</Code>"));
    client_free(&a);
}

static void test_old_sessions_are_forgotten(void **state)
{
    struct client_answer a;
    struct session first, last;

    assume(*state, GOOD TAGS, NULL, false, &a);
    take(&a, &first);
    client_free(&a);
    for (int i = 0; i < 2048; i++) {
        assume(*state, GOOD TAGS, NULL, false, &a);
        take(&a, &last);
        client_free(&a);
    }
    converse_as(*state, &first, first.token, &a);
    assert_int_equal(a.status, 403);
    client_free(&a);
    converse_as(*state, &last, last.token, &a);
    assert_int_equal(a.status, 200);
    client_free(&a);
}

/* --- profiles --- */

#define ARN(id) "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/" id
#define PROFILES                                                                                   \
    "{\"profiles\":[{\"arn\":\"" ARN(                                                              \
        "p1") "\",\"id\":\"p1\",\"name\":\"sales haiku\",\"models\":"                              \
              "[\"anthropic.claude-3-5-haiku-20241022-v1:0\"],\"tags\":{\"costCenter\":\"sales\"}" \
              "},"                                                                                 \
              "{\"arn\":\"" ARN(                                                                   \
                  "p2") "\",\"id\":\"p2\",\"models\":"                                             \
                        "[\"arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0\"]," \
                        "\"tags\":[{\"key\":\"costCenter\",\"value\":\"support\"}]},"              \
                        "{\"arn\":\"arn:aws:bedrock:us-east-1:123456789012:inference-profile/"     \
                        "us.x.y\","                                                                \
                        "\"id\":\"us.x.y\",\"models\":[\"x.y\"]}]}"

static void control(const struct sim *s, const char *path, const char *query, const char *body,
                    struct client_answer *a)
{
    const struct client_request r = {.method = body ? "POST" : "GET",
                                     .path = path,
                                     .query = query,
                                     .body = body,
                                     .service = "bedrock"};

    client_call(s, SERVICE_BEDROCK, &r, a);
}

static void test_profiles(void **state)
{
    struct client_answer a;

    control(*state, "/inference-profiles", NULL, NULL, &a);
    assert_string_equal(buf_cstr(&a.body), "{\"inferenceProfileSummaries\":[]}");
    client_free(&a);
    assert_int_equal(client_config(*state, PROFILES), 200);
    control(*state, "/inference-profiles", "maxResults=100&type=APPLICATION", NULL, &a);
    assert_int_equal(a.status, 200);
    assert_true(client_says(&a, "\"inferenceProfileArn\":\"" ARN("p1") "\""));
    assert_true(client_says(&a, "\"inferenceProfileName\":\"sales haiku\""));
    assert_true(client_says(&a, "[{\"modelArn\":\"arn:aws:bedrock:us-east-1::foundation-model/"
                                "anthropic.claude-3-5-haiku-20241022-v1:0\"}]"));
    assert_true(client_says(&a, ARN("p2")));
    assert_false(client_says(&a, "us.x.y"));
    assert_false(client_says(&a, "costCenter"));
    assert_false(client_says(&a, "nextToken"));
    client_free(&a);
    control(*state, "/inference-profiles", "maxResults=2", NULL, &a);
    assert_true(client_says(&a, "\"nextToken\":\"2\""));
    client_free(&a);
    control(*state, "/inference-profiles", "maxResults=2&nextToken=2", NULL, &a);
    assert_true(client_says(&a, "\"type\":\"SYSTEM_DEFINED\""));
    assert_false(client_says(&a, "nextToken"));
    assert_false(client_says(&a, "APPLICATION"));
    client_free(&a);
    control(*state, "/inference-profiles/p2", NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    assert_true(client_says(&a, "amazon.nova-lite-v1:0"));
    client_free(&a);
    control(*state,
            "/inference-profiles/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3A"
            "application-inference-profile%2Fp1",
            NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    client_free(&a);
    assert_int_equal(client_ledger_number(*state, "control_calls"), 6);
}

static void test_profile_tags(void **state)
{
    struct client_answer a;

    assert_int_equal(client_config(*state, PROFILES), 200);
    control(*state, "/listTagsForResource", NULL, "{\"resourceARN\":\"" ARN("p1") "\"}", &a);
    assert_string_equal(buf_cstr(&a.body),
                        "{\"tags\":[{\"key\":\"costCenter\",\"value\":\"sales\"}]}");
    client_free(&a);
    control(*state, "/listTagsForResource", NULL, "{\"resourceARN\":\"" ARN("p2") "\"}", &a);
    assert_true(client_says(&a, "\"value\":\"support\""));
    client_free(&a);
    control(*state, "/listTagsForResource", NULL, "{\"resourceARN\":\"" ARN("p3") "\"}", &a);
    assert_int_equal(a.status, 404);
    assert_true(client_says(&a, "ResourceNotFoundException"));
    client_free(&a);
    control(*state, "/listTagsForResource", NULL, "{", &a);
    assert_int_equal(a.status, 400);
    client_free(&a);
    control(*state, "/inference-profiles/p3", NULL, NULL, &a);
    assert_int_equal(a.status, 404);
    client_free(&a);
    control(*state, "/inference-profiles", "maxResults=0", NULL, &a);
    assert_int_equal(a.status, 400);
    client_free(&a);
    control(*state, "/foundation-models", NULL, NULL, &a);
    assert_int_equal(a.status, 404);
    client_free(&a);
}

static void test_strange_profiles(void **state)
{
    static const char *const bad[] = {
        "{\"profiles\":{}}",
        "{\"profiles\":[1]}",
        "{\"profiles\":[{\"arn\":\"arn:x\",\"id\":\"x\"}]}",
        "{\"profiles\":[{\"arn\":\"x\",\"id\":\"x\",\"models\":[\"m\"]}]}",
        "{\"profiles\":[{\"arn\":\"arn:x\",\"models\":[\"m\"]}]}",
        "{\"profiles\":[{\"arn\":\"arn:x\",\"id\":\"x\",\"models\":[1]}]}",
        "{\"profiles\":[{\"arn\":\"arn:x\",\"id\":\"x\",\"models\":[\"m\"],\"tags\":1}]}",
        "{\"profiles\":[{\"arn\":\"arn:x\",\"id\":\"x\",\"models\":[\"m\"],\"tags\":{\"k\":1}}]}",
        "{\"profiles\":[],\"seed\":-1}",
    };
    struct client_answer a;

    assert_int_equal(client_config(*state, PROFILES), 200);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(client_config(*state, bad[i]), 400);
    }
    control(*state, "/inference-profiles/p1", NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    client_free(&a);
    assert_int_equal(client_config(*state, "{\"profiles\":[]}"), 200);
    control(*state, "/inference-profiles/p1", NULL, NULL, &a);
    assert_int_equal(a.status, 404);
    client_free(&a);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, client_set_up, client_tear_down)
    const struct CMUnitTest tests[] = {
        T(test_session_keys),        T(test_tokens_are_checked),         T(test_sessions_end),
        T(test_refused_assumptions), T(test_old_sessions_are_forgotten), T(test_profiles),
        T(test_profile_tags),        T(test_strange_profiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
