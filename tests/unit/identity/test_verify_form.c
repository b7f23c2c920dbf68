/* test_verify_form.c: requests whose credentials are not as they should be written, or not all
 * there.
 */
#include "tests/unit/identity/verify_rig.h"

static const char no_match[] = "the signature does not match";

static void dates_must_be_there_once_and_whole(void **state)
{
    struct fixture *f = *state;
    struct signing s = plain(f);
    struct signed_request out;

    signing_sign(&out, &s);
    out.headers[1].name = STR("Date");
    refused_early(f, out.r, "the request has no x-amz-date");
    out.headers[1].name = STR("x-amz-date");
    out.headers[1].value = STR("2026-11-21");
    refused_early(f, out.r, "x-amz-date is malformed");
    signing_sign(&out, &s);
    out.headers[out.r.header_count++] = out.headers[1];
    refused_early(f, out.r, "x-amz-date was sent more than once");
}

static void unsigned_bodies_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const values[] = {"UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
                                         "STREAMING-UNSIGNED-PAYLOAD-TRAILER"};
    struct signed_request out;

    for (size_t i = 0; i < 3; i++) {
        struct signing s = plain(f);
        char text[96];
        signing_add(&s, "x-amz-content-sha256", values[i]);
        signing_sign(&out, &s);
        snprintf(text, sizeof(text), "the body must be signed: %s is not accepted", values[i]);
        refused_early(f, out.r, text);
    }
    struct signing s = plain(f);
    signing_add(&s, "x-amz-content-sha256", "abc");
    signing_sign(&out, &s);
    refused_early(f, out.r, "x-amz-content-sha256 is malformed");
    s.extra[0].value = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    signing_sign(&out, &s);
    refused(f, &out.r, "x-amz-content-sha256 is not the hash of the body that came");
}

static void the_body_is_asked_for_first(void **state)
{
    struct fixture *f = *state;
    struct signing s = plain(f);
    struct signed_request out;
    struct tags tags = {0};
    struct identity_result result;
    struct err_info ei = {0};

    signing_sign(&out, &s);
    out.r.body_sha256 = NULL;
    assert_int_equal(identity_check(f->id, &out.r, &tags, NULL, &result, &ei), ERR_BUSY);
    assert_int_equal(identity_precheck(f->id, &out.r, &ei), ERR_OK);
}

static void malformed_authorizations_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const values[] = {
        "",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 ",
        "AWS4-HMAC-SHA256 Credential=x",
        "AWS4-HMAC-SHA512 Credential=x",
        "Basic dXNlcjpwYXNz",
        "Bearer",
        "Bearer  ",
    };
    struct signing s = plain(f);
    struct signed_request out;

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        signing_sign(&out, &s);
        out.headers[2].value = str_of(values[i]);
        refused_early(f, out.r, "Authorization");
    }
    /* Each part on its own broken. */
    static const char *const parts[][2] = {
        {"Credential=", "Credentials="},
        {"aws4_request", "aws5_request"},
        {"SignedHeaders=host;x-amz-date", "SignedHeaders=x-amz-date;host"},
        {"SignedHeaders=host;", "SignedHeaders=host;host;"},
        {"SignedHeaders=host;", "SignedHeaders=;host;"},
        {"SignedHeaders=host;", "SignedHeaders=Host;"},
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        char value[1024];
        signing_sign(&out, &s);
        const char *at = strstr(out.authorization, parts[i][0]);
        assert_non_null(at);
        snprintf(value, sizeof(value), "%.*s%s%s", (int)(at - out.authorization), out.authorization,
                 parts[i][1], at + strlen(parts[i][0]));
        out.headers[2].value = str_of(value);
        refused_early(f, out.r, "");
    }
    /* A signature that is cut or not hex. */
    signing_sign(&out, &s);
    out.headers[2].value.n--;
    refused_early(f, out.r, "malformed signature");
    signing_sign(&out, &s);
    out.authorization[strlen(out.authorization) - 1] = 'g';
    refused_early(f, out.r, "malformed signature");
}

static void a_signature_of_one_other_digit_is_refused(void **state)
{
    struct fixture *f = *state;
    struct signing s = plain(f);
    struct signed_request out;

    for (int i = 1; i <= 64; i++) {
        signing_sign(&out, &s);
        char *digit = &out.authorization[strlen(out.authorization) - (size_t)i];
        *digit = *digit == '0' ? '1' : '0';
        refused(f, &out.r, no_match);
    }
}

static void two_credentials_are_refused(void **state)
{
    struct fixture *f = *state;
    struct signing s = plain(f);
    struct signed_request out;

    signing_sign(&out, &s);
    out.headers[out.r.header_count++] = out.headers[2];
    refused_early(f, out.r, "Authorization was sent more than once");
    signing_sign(&out, &s);
    out.headers[out.r.header_count++] =
        (struct http_header){STR("X-Api-Key"), str_of(f->secrets.bearer_token)};
    refused_early(f, out.r, "Authorization and x-api-key are different credentials");
}

static void too_many_headers_are_refused(void **state)
{
    struct fixture *f = *state;
    struct signing s = plain(f);
    struct signed_request out;
    static struct http_header many[200];

    signing_sign(&out, &s);
    for (size_t i = 0; i < 200; i++) {
        many[i] = (struct http_header){STR("x-filler"), STR("v")};
    }
    memcpy(many, out.headers, 3 * sizeof(many[0]));
    out.r.headers = many;
    out.r.header_count = 120;
    accepted(f, &out.r);
    out.r.header_count = 200;
    refused(f, &out.r, "a signed request has more than 128 headers");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(dates_must_be_there_once_and_whole),
        TEST(unsigned_bodies_are_refused),
        TEST(the_body_is_asked_for_first),
        TEST(malformed_authorizations_are_refused),
        TEST(a_signature_of_one_other_digit_is_refused),
        TEST(two_credentials_are_refused),
        TEST(too_many_headers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
