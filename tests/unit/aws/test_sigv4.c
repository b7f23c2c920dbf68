/* test_sigv4.c: hashes, canonical requests, signatures both ways. Expected values were computed
 * with another implementation of SHA-256 and HMAC. */
#include "core/aws/credentials.h"
#include "core/aws/sigv4.h"
#include "tests/unit/test.h"

#include <pthread.h>
#include <string.h>

#define SECRET     "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define WALL_MS    1795224998000 /* 2026-11-21T01:36:38Z */
#define DAY_MS     86400000
#define BODY       "{\"messages\":[]}"
#define MODEL_PATH "/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse"

static const struct http_header plain_headers[] = {
    {STR("Host"), STR("bedrock-runtime.us-east-1.amazonaws.com")},
    {STR("Content-Type"), STR("application/json")},
};

static char body_hash[SIGV4_HEX];

static struct sigv4_request plain_request(void)
{
    sigv4_sha256_hex(body_hash, BODY, strlen(BODY));
    return (struct sigv4_request){.method = STR("POST"),
                                  .path = STR(MODEL_PATH),
                                  .headers = plain_headers,
                                  .header_count = 2,
                                  .body_sha256_hex = body_hash};
}

static void hashes_and_macs(void **state)
{
    (void)state;
    char hex[SIGV4_HEX];
    sigv4_sha256_hex(hex, "abc", 3);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sigv4_sha256_hex(hex, NULL, 0);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    uint8_t mac[32];
    sigv4_hmac(mac, "k", 1, "other", 5);
    sigv4_hmac(mac, NULL, 0, NULL, 0); /* must not keep the key before */
    str_hex(hex, mac, 32);
    assert_string_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void a_body_in_pieces_hashes_as_one(void **state)
{
    (void)state;
    struct sigv4_hash one = {0};
    struct sigv4_hash other = {0};
    assert_true(sigv4_hash_begin(&one));
    assert_true(sigv4_hash_begin(&other));
    sigv4_hash_add(&one, "a", 1);
    sigv4_hash_add(&other, "zzz", 3);
    sigv4_hash_add(&one, "", 0);
    sigv4_hash_add(&one, "bc", 2);
    uint8_t pieces[32];
    uint8_t whole[32];
    sigv4_hash_sum(&one, NULL, 0, pieces);
    sigv4_sha256(whole, "abc", 3);
    assert_memory_equal(pieces, whole, 32);
    struct str end[] = {STR("de"), STR(""), STR("f")};
    sigv4_hash_sum(&one, end, 3, pieces); /* the sum before changed nothing */
    sigv4_sha256(whole, "abcdef", 6);
    assert_memory_equal(pieces, whole, 32);
    struct sigv4_hash none = {0};
    sigv4_hash_sum(&none, end, 3, pieces);
    sigv4_sha256(whole, "def", 3);
    assert_memory_equal(pieces, whole, 32);
    sigv4_hash_drop(&one);
    sigv4_hash_drop(&other);
    sigv4_hash_drop(&other);
    assert_null(other.context);
}

static void *hash_in_thread(void *out)
{
    sigv4_hmac(out, "key", 3, "data", 4);
    return NULL;
}

static void threads_have_their_own_contexts(void **state)
{
    (void)state;
    uint8_t got[8][32];
    uint8_t expected[32];
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, hash_in_thread, got[i]), 0);
    }
    sigv4_hmac(expected, "key", 3, "data", 4);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_memory_equal(got[i], expected, 32);
    }
}

static void the_signing_key_is_derived(void **state)
{
    (void)state;
    uint8_t key[32];
    char hex[SIGV4_HEX];
    sigv4_signing_key(key, STR(SECRET), STR("20261121"), STR("us-east-1"), STR("bedrock"));
    str_hex(hex, key, 32);
    assert_string_equal(hex, "dd446040b702e1f7420d49f03a7dcc22af738ce8eff3ecfc5fea10eea60fe1d6");
}

static void check_canonical(const char *path, const char *query, bool normalize,
                            const char *expected)
{
    const struct http_header host = {STR("HOST"), STR("h")};
    struct sigv4_request r = {.method = STR("GET"),
                              .path = str_of(path),
                              .query = str_of(query),
                              .headers = &host,
                              .header_count = 1,
                              .body_sha256_hex = "x",
                              .normalize_path = normalize};
    struct buf out = {0};
    struct err_info ei = {0};
    assert_int_equal(sigv4_canonical(&out, &r, STR("host"), &ei), ERR_OK);
    struct str rest;
    (void)str_cut(buf_str(&out), '\n', &rest);
    char head[512];
    assert_true(str_copy(head, sizeof(head), rest));
    *strstr(head, "\nhost:") = '\0';
    assert_string_equal(head, expected);
    buf_free(&out);
}

static void paths_are_encoded_once_more(void **state)
{
    (void)state;
    check_canonical("", "", false, "/\n");
    check_canonical("/model/a%3A0/x", "", false, "/model/a%253A0/x\n");
    check_canonical("/model/a:0/x", "", false, "/model/a%3A0/x\n");
    check_canonical("/a~b_c-d.e/%2F", "", false, "/a~b_c-d.e/%252F\n");
    check_canonical("//a/./../b", "", false, "//a/./../b\n");
}

static void dot_segments_collapse_when_asked(void **state)
{
    (void)state;
    check_canonical("//a//", "", true, "/a/\n");
    check_canonical("/a/./b/../c", "", true, "/a/c\n");
    check_canonical("/../../a/..", "", true, "/\n");
    check_canonical("/a/.", "", true, "/a/\n");
}

static void queries_are_sorted_and_encoded(void **state)
{
    (void)state;
    check_canonical("/", "b=2&a=2&a=1&a-=0&A=x", false, "/\nA=x&a=1&a=2&a-=0&b=2");
    check_canonical("/", "flag", false, "/\nflag=");
    check_canonical("/", "n=a%2bb%2Fc==&e=%zz%2", false, "/\ne=%25zz%252&n=a%2Bb%2Fc%3D%3D");
    check_canonical("/", "&&a=b c&", false, "/\na=b%20c");
}

static void too_many_parameters_are_refused(void **state)
{
    (void)state;
    struct buf query = {0};
    for (int i = 0; i < 257; i++) {
        assert_true(buf_printf(&query, "%sp%d=1", i > 0 ? "&" : "", i));
    }
    struct sigv4_request r = plain_request();
    r.query = buf_str(&query);
    struct buf out = {0};
    struct err_info ei = {0};
    assert_int_equal(sigv4_canonical(&out, &r, STR("host"), &ei), ERR_TOO_BIG);
    assert_non_null(strstr(ei.text, "256"));
    buf_free(&query);
    buf_free(&out);
}

static void header_values_are_trimmed_and_joined(void **state)
{
    (void)state;
    const struct http_header headers[] = {
        {STR("X-B"), STR("  two   words\t here ")},
        {STR("x-a"), STR("1")},
        {STR("X-A"), STR(" 2 ")},
        {STR("x-empty"), STR(" ")},
    };
    struct sigv4_request r = {.method = STR("GET"),
                              .path = STR("/"),
                              .headers = headers,
                              .header_count = 4,
                              .body_sha256_hex = "hash"};
    struct buf out = {0};
    assert_int_equal(sigv4_canonical(&out, &r, STR("x-a;x-b;x-empty"), NULL), ERR_OK);
    assert_string_equal(buf_cstr(&out), "GET\n/\n\nx-a:1,2\nx-b:two words here\nx-empty:\n\n"
                                        "x-a;x-b;x-empty\nhash");
    buf_free(&out);
}

static void a_signed_header_that_is_absent_is_named(void **state)
{
    (void)state;
    struct sigv4_request r = plain_request();
    struct buf out = {0};
    struct err_info ei = {0};
    assert_int_equal(sigv4_canonical(&out, &r, STR("host;x-amz-date"), &ei), ERR_NOT_FOUND);
    assert_non_null(strstr(ei.text, "x-amz-date"));
    buf_free(&out);
    assert_int_equal(sigv4_canonical(&out, &r, STR(""), NULL), ERR_NOT_FOUND);
    buf_free(&out);
}

static struct credentials *make(const char *secret, const char *token)
{
    struct credentials *c =
        credentials_new(STR("AKIDEXAMPLE"), str_of(secret), str_of(token), 0, "test");
    assert_non_null(c);
    return c;
}

/* Signs the plain request and checks the signature at the end of the last line. */
static void sign_and_check(struct sigv4_signer *s, const struct credentials *c, int64_t wall_ms,
                           const char *signature)
{
    struct sigv4_request r = plain_request();
    struct buf out = {0};
    struct err_info ei = {0};
    assert_int_equal(sigv4_sign(s, c, &r, wall_ms, &out, &ei), ERR_OK);
    const char *text = buf_cstr(&out);
    const char *at = strstr(text, "Signature=");
    assert_non_null(at);
    assert_memory_equal(at + 10, signature, 64);
    assert_string_equal(at + 74, "\r\n");
    buf_free(&out);
}

static void signs_with_date_and_token(void **state)
{
    (void)state;
    struct sigv4_signer s = {0};
    sigv4_signer_init(&s, "us-east-1", "bedrock");
    struct credentials *c = make(SECRET, "tok/en+==");
    struct sigv4_request r = plain_request();
    struct buf out = {0};
    assert_int_equal(sigv4_sign(&s, c, &r, WALL_MS, &out, NULL), ERR_OK);
    assert_string_equal(
        buf_cstr(&out),
        "X-Amz-Date: 20261121T013638Z\r\n"
        "X-Amz-Security-Token: tok/en+==\r\n"
        "Authorization: AWS4-HMAC-SHA256 "
        "Credential=AKIDEXAMPLE/20261121/us-east-1/bedrock/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, "
        "Signature=0e3cfa9b332157d70ab455cbd47d2d5c3786f316afef1626888f48f233429c67\r\n");
    buf_free(&out);
    credentials_unref(c);
    sigv4_signer_free(&s);
}

static void the_kept_key_follows_day_and_secret(void **state)
{
    (void)state;
    static const char first[] = "14e6b7183fec733a220f41e62f74e867ed531c11f582b8ecb465423252af86c9";
    static const char rotated[] =
        "47ab75e5251eb1e4d8dea43d59d8aa5bdb52eabdabaf9a8cc37f379519b14469";
    struct sigv4_signer s = {0};
    sigv4_signer_init(&s, "us-east-1", "bedrock");
    struct credentials *c = make(SECRET, NULL);
    struct credentials *other = make("anotherSecret", NULL);
    struct buf out = {0};
    struct sigv4_request r = plain_request();
    assert_int_equal(sigv4_sign(&s, c, &r, WALL_MS, &out, NULL), ERR_OK);
    sign_and_check(&s, c, WALL_MS + DAY_MS, first);
    sign_and_check(&s, c, WALL_MS + DAY_MS, first);
    sign_and_check(&s, other, WALL_MS + DAY_MS, rotated);
    sign_and_check(&s, c, WALL_MS + DAY_MS, first);
    buf_free(&out);
    credentials_unref(c);
    credentials_unref(other);
    sigv4_signer_free(&s);
}

static void what_cannot_be_signed_is_refused(void **state)
{
    (void)state;
    struct sigv4_signer s = {0};
    sigv4_signer_init(&s, "us-east-1", "bedrock");
    struct credentials *c = make(SECRET, NULL);
    struct sigv4_request r = plain_request();
    struct buf out = {0};
    r.header_count = 0;
    assert_int_equal(sigv4_sign(&s, c, &r, WALL_MS, &out, NULL), ERR_NOT_FOUND);
    const struct http_header dated[] = {{STR("host"), STR("h")}, {STR("X-Amz-Date"), STR("x")}};
    r.headers = dated;
    r.header_count = 2;
    assert_int_equal(sigv4_sign(&s, c, &r, WALL_MS, &out, NULL), ERR_CONFLICT);
    struct http_header many[HTTP1_HEADERS_MAX + 1];
    for (size_t i = 0; i < HTTP1_HEADERS_MAX + 1; i++) {
        many[i] = (struct http_header){STR("host"), STR("h")};
    }
    r.headers = many;
    r.header_count = HTTP1_HEADERS_MAX + 1;
    assert_int_equal(sigv4_sign(&s, c, &r, WALL_MS, &out, NULL), ERR_TOO_BIG);
    r = plain_request();
    struct credentials *split = make(SECRET, "a\r\nX-Evil: 1");
    struct err_info ei = {0};
    assert_int_equal(sigv4_sign(&s, split, &r, WALL_MS, &out, &ei), ERR_PARSE);
    assert_null(strstr(ei.text, "Evil"));
    assert_int_equal(out.len, 0);
    buf_free(&out);
    credentials_unref(split);
    credentials_unref(c);
    sigv4_signer_free(&s);
}

#define GOOD_SIGNATURE  "0e3cfa9b332157d70ab455cbd47d2d5c3786f316afef1626888f48f233429c67"
#define GOOD_CREDENTIAL "Credential=TGKABC/20261121/us-east-1/bedrock/aws4_request"

static void an_inbound_authorization_is_taken_apart(void **state)
{
    (void)state;
    static const char *const spellings[] = {
        "AWS4-HMAC-SHA256 " GOOD_CREDENTIAL
        ", SignedHeaders=host;x-amz-date, Signature=" GOOD_SIGNATURE,
        "AWS4-HMAC-SHA256 Signature=" GOOD_SIGNATURE
        ",SignedHeaders=host;x-amz-date," GOOD_CREDENTIAL,
    };
    for (size_t i = 0; i < 2; i++) {
        struct sigv4_authorization a;
        assert_int_equal(sigv4_parse_authorization(&a, str_of(spellings[i]), NULL), ERR_OK);
        assert_true(str_is(a.access_key_id, "TGKABC"));
        assert_true(str_is(a.date, "20261121"));
        assert_true(str_is(a.region, "us-east-1"));
        assert_true(str_is(a.service, "bedrock"));
        assert_true(str_is(a.scope, "20261121/us-east-1/bedrock/aws4_request"));
        assert_true(str_is(a.signed_headers, "host;x-amz-date"));
        assert_true(str_is(a.signature, GOOD_SIGNATURE));
    }
}

static void malformed_authorizations_are_refused(void **state)
{
    (void)state;
    static const struct {
        enum err code;
        const char *text;
    } cases[] = {
        {ERR_UNSUPPORTED, ""},
        {ERR_UNSUPPORTED, "Bearer abc"},
        {ERR_UNSUPPORTED, "AWS4-HMAC-SHA256"},
        {ERR_PARSE, "AWS4-HMAC-SHA256 "},
        {ERR_PARSE, "AWS4-HMAC-SHA256 " GOOD_CREDENTIAL},
        {ERR_PARSE, "AWS4-HMAC-SHA256 " GOOD_CREDENTIAL ", Signature=" GOOD_SIGNATURE},
        {ERR_PARSE, "AWS4-HMAC-SHA256 " GOOD_CREDENTIAL ", SignedHeaders=host, Signature=0E3c"},
        {ERR_PARSE, "AWS4-HMAC-SHA256 " GOOD_CREDENTIAL ", " GOOD_CREDENTIAL
                    ", SignedHeaders=host, Signature=" GOOD_SIGNATURE},
        {ERR_PARSE, "AWS4-HMAC-SHA256 " GOOD_CREDENTIAL
                    ", SignedHeaders=host, Extra=1, Signature=" GOOD_SIGNATURE},
        {ERR_PARSE, "AWS4-HMAC-SHA256 Credential=TGKABC/2026/us-east-1/bedrock/aws4_request, "
                    "SignedHeaders=host, Signature=" GOOD_SIGNATURE},
        {ERR_PARSE, "AWS4-HMAC-SHA256 Credential=TGKABC/20261121/us-east-1/bedrock/aws4, "
                    "SignedHeaders=host, Signature=" GOOD_SIGNATURE},
        {ERR_PARSE, "AWS4-HMAC-SHA256 Credential=/20261121/us-east-1/bedrock/aws4_request, "
                    "SignedHeaders=host, Signature=" GOOD_SIGNATURE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sigv4_authorization a;
        assert_int_equal(sigv4_parse_authorization(&a, str_of(cases[i].text), NULL), cases[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_and_macs),
        cmocka_unit_test(a_body_in_pieces_hashes_as_one),
        cmocka_unit_test(threads_have_their_own_contexts),
        cmocka_unit_test(the_signing_key_is_derived),
        cmocka_unit_test(paths_are_encoded_once_more),
        cmocka_unit_test(dot_segments_collapse_when_asked),
        cmocka_unit_test(queries_are_sorted_and_encoded),
        cmocka_unit_test(too_many_parameters_are_refused),
        cmocka_unit_test(header_values_are_trimmed_and_joined),
        cmocka_unit_test(a_signed_header_that_is_absent_is_named),
        cmocka_unit_test(signs_with_date_and_token),
        cmocka_unit_test(the_kept_key_follows_day_and_secret),
        cmocka_unit_test(what_cannot_be_signed_is_refused),
        cmocka_unit_test(an_inbound_authorization_is_taken_apart),
        cmocka_unit_test(malformed_authorizations_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
