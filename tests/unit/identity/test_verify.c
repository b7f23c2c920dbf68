/* test_verify.c: a request is let in only as it was signed, by a key that is good now. */
#include "tests/unit/identity/verify_rig.h"

#include <pthread.h>

static const char no_match[] = "the signature does not match";

static void what_clients_sign_is_accepted(void **state)
{
    struct fixture *f = *state;
    static const char *const paths[] = {
        "/model/us.anthropic.claude-3-5-haiku-20241022-v1%3A0/converse",
        "/model/us.anthropic.claude-3-5-haiku-20241022-v1:0/converse",
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fa/converse",
        "/model/arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc/converse",
    };
    static const char *const hosts[] = {"host", ":authority"};
    static const char *const services[] = {"bedrock", "bedrock-mantle"};
    struct signed_request out;

    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 2; k++) {
            struct signing s = plain(f);
            s.path = paths[i];
            s.host_name = hosts[k];
            s.service = services[(i + k) % 2];
            signing_sign(&out, &s);
            accepted(f, &out.r);
        }
    }
}

static void host_may_be_signed_over_http2(void **state)
{
    struct fixture *f = *state;
    struct signing s = plain(f);
    struct signed_request out;

    signing_sign(&out, &s);
    out.r.http2 = true; /* the front leaves `host` out there */
    out.r.headers = out.headers + 1;
    out.r.header_count--;
    accepted(f, &out.r);
}

static void more_headers_and_a_query_are_accepted(void **state)
{
    struct fixture *f = *state;
    struct signing s = plain(f);
    struct signed_request out;
    static char huge[30000];
    memset(huge, 'h', sizeof(huge) - 1);

    s.query = "b=2&a=%2F&c";
    s.canonical_query = "a=%2F&b=2&c=";
    signing_add(&s, "amz-sdk-invocation-id", "8f2c");
    signing_add(&s, "amz-sdk-request", "attempt=1; max=3");
    signing_add(&s, "content-type", "application/json");
    signing_add(&s, "x-amz-security-token", "whatever");
    signing_add(&s, "x-huge", huge);
    static char hex[65];
    uint8_t hash[32];
    SHA256((const uint8_t *)s.body, strlen(s.body), hash);
    signing_hex(hex, hash, 32);
    signing_add(&s, "x-amz-content-sha256", hex);
    signing_sign(&out, &s);
    accepted(f, &out.r);
}

static void whatever_was_changed_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct signing s = plain(f);
    struct signed_request out;
    s.query = "a=1";
    s.canonical_query = "a=1";
    signing_add(&s, "content-type", "application/json");
    signing_add(&s, "x-amz-user-agent", "sdk");
    signing_sign(&out, &s);
    accepted(f, &out.r);

    struct identity_request r = out.r;
    uint8_t other[32] = {1};
    r.body_sha256 = other;
    refused(f, &r, no_match);

    r = out.r;
    r.target = STR("/model/other/converse?a=1");
    refused(f, &r, no_match);
    r.target = STR("/model/us.anthropic.claude-3-5-haiku-20241022-v1:0/converse?a=1");
    refused(f, &r, no_match);
    r.target = STR("/model/us.anthropic.claude-3-5-haiku-20241022-v1%3A0/converse?a=2");
    refused(f, &r, no_match);
    r.target = STR("/model/us.anthropic.claude-3-5-haiku-20241022-v1%3A0/converse");
    refused(f, &r, no_match);

    r = out.r;
    r.method = STR("PUT");
    refused(f, &r, no_match);

    r = out.r;
    r.authority = STR("evil.example");
    refused(f, &r, no_match);

    struct http_header headers[16];
    memcpy(headers, out.headers, out.header_count * sizeof(headers[0]));
    r = out.r;
    r.headers = headers;
    headers[3].value = STR("text/plain");
    refused(f, &r, no_match);
    headers[3] = out.headers[3];
    headers[1].value = STR("20261121T013639Z");
    refused(f, &r, no_match);
    headers[1] = out.headers[1];
    r.header_count--; /* the last signed header is gone */
    refused(f, &r, "the signature covers header 'x-amz-user-agent', which was not sent");
    r.header_count++;
    headers[r.header_count] = headers[r.header_count - 1]; /* twice */
    r.header_count++;
    refused(f, &r, no_match);
    r.header_count--;
    accepted(f, &r);
}

static void headers_outside_the_signature_may_be_added(void **state)
{
    struct fixture *f = *state;
    struct signing s = plain(f);
    struct signed_request out;

    signing_sign(&out, &s);
    out.headers[out.r.header_count++] =
        (struct http_header){STR("accept-encoding"), STR("gzip, deflate")};
    accepted(f, &out.r);
}

static void the_wrong_secret_or_key_is_refused(void **state)
{
    struct fixture *f = *state;
    struct signing s = plain(f);
    struct signed_request out;

    s.secret = "wrong";
    signing_sign(&out, &s);
    refused(f, &out.r, no_match);
    s = plain(f);
    s.access_key_id = "TGKAAAAAAAAAAAAAAAAA";
    signing_sign(&out, &s);
    refused_early(f, out.r, "access key TGKAAAAAAAAAAAAAAAAA is not known here, or was revoked");
    s.access_key_id = "TGK\x1b[31m";
    signing_sign(&out, &s);
    refused_early(f, out.r, "access key TGK\\x1b[31m is not known here");
}

static void dates_are_kept_within_five_minutes(void **state)
{
    struct fixture *f = *state;
    struct signing s = plain(f);
    struct signed_request out;
    static const int64_t fine[] = {-301000, -300000, 0, 300000, 310000};
    static const int64_t off[] = {-301001, 310001, -86400000, 86400000};

    for (size_t i = 0; i < 5; i++) {
        signing_sign(&out, &s);
        out.r.now_ms = NOW + fine[i];
        accepted(f, &out.r);
    }
    for (size_t i = 0; i < 4; i++) {
        signing_sign(&out, &s);
        out.r.now_ms = NOW + off[i];
        refused_early_as(f, out.r, ERR_RANGE,
                         "x-amz-date 20261121T013638Z is more than 5 minutes off: it is ");
    }
    s.date_ms = NOW;
    s.scope_day = "20261120";
    signing_sign(&out, &s);
    refused_early(f, out.r, "the day in the credential scope is not that of x-amz-date");
}

static void days_and_services_have_keys_of_their_own(void **state)
{
    struct fixture *f = *state;
    struct signed_request out;

    /* More days and services than are kept, forth and back. */
    for (int i = 0; i < 12; i++) {
        struct signing s = plain(f);
        s.date_ms = NOW + (i % 3) * (int64_t)86400000;
        s.service = i % 2 == 0 ? "bedrock" : "bedrock-mantle";
        signing_sign(&out, &s);
        accepted(f, &out.r);
    }
}

static void region_and_service_must_be_ours(void **state)
{
    struct fixture *f = *state;
    struct signing s = plain(f);
    struct signed_request out;

    s.region = "eu-west-1";
    signing_sign(&out, &s);
    refused_early(f, out.r, "the request is signed for region eu-west-1, not us-east-1");
    s = plain(f);
    s.service = "s3";
    signing_sign(&out, &s);
    refused_early(f, out.r, "the request is signed for service s3, not bedrock or bedrock-mantle");
}

static void host_and_date_must_be_signed(void **state)
{
    struct fixture *f = *state;
    struct signing s = plain(f);
    struct signed_request out;

    s.skip_host = true;
    signing_sign(&out, &s);
    refused_early(f, out.r, "host (or :authority) is not signed");
    s = plain(f);
    s.skip_date = true;
    signing_sign(&out, &s);
    refused_early(f, out.r, "x-amz-date is not signed");

    s = plain(f);
    signing_sign(&out, &s);
    out.headers[out.r.header_count++] = (struct http_header){STR("X-Amz-Security-Token"), STR("t")};
    refused_early(f, out.r, "x-amz-security-token is not signed");
    signing_sign(&out, &s);
    out.headers[out.r.header_count++] =
        (struct http_header){STR("X-Amzn-Bedrock-Request-Metadata"), STR("{}")};
    refused_early(f, out.r, "x-amzn-bedrock-request-metadata is not signed");
}

static void what_changes_the_call_must_be_signed(void **state)
{
    struct fixture *f = *state;
    struct signing s = plain(f);
    struct signed_request out;
    static const char *const names[] = {
        "x-amzn-bedrock-guardrailidentifier", "x-amzn-bedrock-service-tier",
        "x-amzn-bedrock-performanceconfig-latency", "anthropic-beta"};

    for (size_t i = 0; i < 4; i++) {
        char text[96];
        snprintf(text, sizeof(text), "%s is not signed", names[i]);
        signing_sign(&out, &s);
        out.headers[out.r.header_count++] = (struct http_header){str_of(names[i]), STR("priority")};
        refused_early(f, out.r, text);
        struct signing with = s;
        signing_add(&with, names[i], "priority");
        signing_sign(&out, &with);
        accepted(f, &out.r);
    }
    /* What a proxy on the way may add does not. */
    signing_sign(&out, &s);
    out.headers[out.r.header_count++] = (struct http_header){
        STR("X-Amzn-Trace-Id"), STR("Root=1-5759e988-bd862e3fe1be46a994272793")};
    accepted(f, &out.r);
}

static void only_what_is_signed_is_believed(void **state)
{
    struct fixture *f = *state;
    struct signing s = plain(f);
    struct signed_request out;
    const struct http_header bearer[] = {{STR("authorization"), STR("Bearer x")}};

    signing_sign(&out, &s);
    assert_false(identity_covers(out.r.headers, out.r.header_count, "x-tollgate-tags"));
    signing_add(&s, "x-tollgate-tags", "a=b");
    signing_sign(&out, &s);
    assert_true(identity_covers(out.r.headers, out.r.header_count, "x-tollgate-tags"));
    assert_true(identity_covers(bearer, 1, "x-tollgate-tags"));
    assert_true(identity_covers(NULL, 0, "x-tollgate-tags"));
}

/* Two equal calls of one second have one signature: an honest retry, or two of a batch. The window
 * is the date's. */
static void a_signature_is_good_until_its_date_is_not(void **state)
{
    struct fixture *f = *state;
    struct signing s = plain(f);
    struct signed_request first, second;

    signing_sign(&first, &s);
    signing_sign(&second, &s);
    assert_string_equal(first.authorization, second.authorization);
    accepted(f, &first.r);
    accepted(f, &second.r);
    first.r.now_ms = NOW + 310000;
    accepted(f, &first.r);
    first.r.now_ms = NOW + 310001;
    refused_early_as(f, first.r, ERR_RANGE, "more than 5 minutes off");
}

static void expired_and_revoked_keys_are_refused(void **state)
{
    struct fixture *f = *state;
    struct signing s = plain(f);
    struct signed_request out;
    char text[96];

    signing_sign(&out, &s);
    accepted(f, &out.r);
    f->key.expires_ms = NOW + 1;
    assert_int_equal(identity_put(f->id, &f->key), ERR_OK);
    accepted(f, &out.r);
    f->key.expires_ms = NOW;
    assert_int_equal(identity_put(f->id, &f->key), ERR_OK);
    snprintf(text, sizeof(text), "key %s expired on 2026-11-21T01:36:38Z", f->key.access_key_id);
    refused_early(f, out.r, text);
    f->key.expires_ms = 0;
    assert_int_equal(identity_put(f->id, &f->key), ERR_OK);
    accepted(f, &out.r);
    f->key.revoked_ms = NOW;
    assert_int_equal(identity_put(f->id, &f->key), ERR_OK);
    refused_early(f, out.r, "is not known here, or was revoked");
}

struct together {
    struct fixture *f;
    int64_t day;
    bool failed;
};

static void *check_often(void *arg)
{
    struct together *t = arg;
    struct signing s = plain(t->f);
    struct signed_request *out = calloc(1, sizeof(*out));

    s.date_ms = NOW + t->day * 86400000;
    if (out == NULL) {
        t->failed = true;
        return NULL;
    }
    signing_sign(out, &s);
    for (int i = 0; i < 300; i++) {
        struct tags tags = {0};
        struct arena a = {0};
        struct identity_result result;
        enum err e = identity_check(t->f->id, &out->r, &tags, &a, &result, NULL);
        t->failed = t->failed || e != ERR_OK;
        arena_free(&a);
    }
    free(out);
    return NULL;
}

static void threads_check_together_while_keys_change(void **state)
{
    struct fixture *f = *state;
    struct together t[3];
    pthread_t threads[3];

    for (int i = 0; i < 3; i++) {
        t[i] = (struct together){.f = f, .day = i};
        assert_int_equal(pthread_create(&threads[i], NULL, check_often, &t[i]), 0);
    }
    for (int i = 0; i < 200; i++) {
        assert_int_equal(identity_put(f->id, &f->key), ERR_OK);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(t[i].failed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_clients_sign_is_accepted),
        TEST(host_may_be_signed_over_http2),
        TEST(more_headers_and_a_query_are_accepted),
        TEST(whatever_was_changed_is_noticed),
        TEST(headers_outside_the_signature_may_be_added),
        TEST(the_wrong_secret_or_key_is_refused),
        TEST(dates_are_kept_within_five_minutes),
        TEST(days_and_services_have_keys_of_their_own),
        TEST(region_and_service_must_be_ours),
        TEST(host_and_date_must_be_signed),
        TEST(what_changes_the_call_must_be_signed),
        TEST(only_what_is_signed_is_believed),
        TEST(a_signature_is_good_until_its_date_is_not),
        TEST(expired_and_revoked_keys_are_refused),
        TEST(threads_check_together_while_keys_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
