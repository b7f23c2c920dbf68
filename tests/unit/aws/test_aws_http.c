/* test_aws_http.c: signed calls against a server of the test: what is sent, and what errors say. */
#include "core/aws/aws_error.h"
#include "core/aws/aws_http.h"
#include "core/aws/sigv4.h"
#include "core/base/clock.h"
#include "tests/unit/aws/fake_aws.h"

#define TOKEN "TheSessionToken"

/* What the server says, and what it saw last. */
struct script {
    int status;
    const char *body, *headers;
    struct buf head, seen;
    bool signature_holds;
};

/* Checks the signature as AWS would. */
static bool verify(const struct fake_request *q, struct str body)
{
    struct sigv4_authorization a;
    if (sigv4_parse_authorization(&a, http_value(&q->head, "authorization"), NULL) != ERR_OK) {
        return false;
    }
    char hash[SIGV4_HEX];
    sigv4_sha256_hex(hash, body.p, body.n);
    struct sigv4_request r = {.method = q->head.method,
                              .path = q->head.target,
                              .headers = q->head.headers,
                              .header_count = q->head.header_count,
                              .body_sha256_hex = hash};
    struct buf canonical = {0};
    uint8_t key[32];
    char signature[SIGV4_HEX] = "";
    sigv4_signing_key(key, STR("secret"), a.date, a.region, a.service);
    if (sigv4_canonical(&canonical, &r, a.signed_headers, NULL) == ERR_OK) {
        sigv4_signature(signature, key, http_value(&q->head, "x-amz-date"), a.scope,
                        buf_str(&canonical));
    }
    buf_free(&canonical);
    return str_is(a.signature, signature);
}

static void answer(void *arg, const struct fake_request *q, struct fake_reply *r)
{
    struct script *s = arg;
    buf_clear(&s->head);
    buf_clear(&s->seen);
    for (size_t i = 0; i < q->head.header_count; i++) {
        buf_add_str(&s->head, q->head.headers[i].name);
        buf_add(&s->head, "=");
        buf_add_str(&s->head, q->head.headers[i].value);
        buf_add(&s->head, "\n");
    }
    buf_add_str(&s->seen, q->body);
    s->signature_holds = verify(q, q->sent);
    r->status = s->status;
    r->headers = s->headers != NULL ? s->headers : "";
    buf_add(&r->body, s->body);
}

struct rig {
    struct fake_aws server;
    struct script script;
    struct aws_http *http;
    struct credentials *credentials;
    struct aws_call call;
    struct buf out;
    struct err_info ei;
};

static void set_up(struct rig *g, int status, const char *body)
{
    *g = (struct rig){.script = {.status = status, .body = body}};
    fake_aws_start(&g->server, answer, &g->script);
    g->http = aws_http_new(NULL, NULL);
    g->credentials = credentials_new(STR("AKID"), STR("secret"), STR(TOKEN), 0, "profile x");
    assert_non_null(g->http);
    assert_non_null(g->credentials);
    g->call = (struct aws_call){.place = {g->server.url, "eu-west-1"},
                                .service = "monitoring",
                                .action = "cloudwatch:PutMetricData",
                                .target = "T.PutMetricData",
                                .content_type = "application/x-amz-json-1.0",
                                .body = STR("{\"a\":1}"),
                                .timeout_ms = 5000};
}

static void tear_down(struct rig *g)
{
    aws_http_free(g->http);
    credentials_unref(g->credentials);
    fake_aws_stop(&g->server);
    buf_free(&g->script.head);
    buf_free(&g->script.seen);
    buf_free(&g->out);
}

static enum err call(struct rig *g)
{
    err_clear(&g->ei);
    buf_clear(&g->out);
    enum err e = aws_http_call(g->http, &g->call, g->credentials, &g->out, &g->ei);
    (void)fake_aws_count(&g->server); /* what the server's thread wrote is seen from here on */
    return e;
}

static void a_signed_call_is_one_aws_would_take(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g, 200, "{\"ok\":true}");
    assert_int_equal(call(&g), ERR_OK);
    assert_string_equal(buf_cstr(&g.out), "{\"ok\":true}");
    assert_true(g.script.signature_holds);
    assert_string_equal(buf_cstr(&g.script.seen), "{\"a\":1}");
    const char *head = buf_cstr(&g.script.head);
    assert_non_null(strstr(head, "/eu-west-1/monitoring/aws4_request"));
    assert_non_null(strstr(head, "X-Amz-Target=T.PutMetricData\n"));
    assert_non_null(strstr(head, "Content-Type=application/x-amz-json-1.0\n"));
    assert_non_null(strstr(head, "X-Amz-Security-Token=" TOKEN "\n"));
    assert_null(strstr(head, "Expect"));
    tear_down(&g);
}

static void the_signer_follows_service_and_region(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g, 200, "{}");
    assert_int_equal(call(&g), ERR_OK);
    g.call.service = "ce";
    g.call.place.region = "us-east-1";
    g.call.target = NULL;
    assert_int_equal(call(&g), ERR_OK);
    assert_true(g.script.signature_holds);
    assert_non_null(strstr(buf_cstr(&g.script.head), "/us-east-1/ce/aws4_request"));
    assert_null(strstr(buf_cstr(&g.script.head), "X-Amz-Target"));
    tear_down(&g);
}

static void a_body_is_compressed_when_asked(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g, 200, "");
    struct buf big = {0};
    for (int i = 0; i < 5000; i++) {
        assert_true(buf_printf(&big, "line %d of many\n", i));
    }
    g.call.body = buf_str(&big);
    g.call.gzip = true;
    assert_int_equal(call(&g), ERR_OK);
    assert_true(g.script.signature_holds);
    assert_int_equal(g.script.seen.len, big.len);
    assert_memory_equal(buf_bytes(&g.script.seen), buf_bytes(&big), big.len);
    assert_non_null(strstr(buf_cstr(&g.script.head), "Content-Encoding=gzip\n"));
    buf_free(&big);
    tear_down(&g);
}

static void errors_say_what_to_do(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        enum err code;
        const char *says;
    } cases[] = {
        {400, "{\"__type\":\"AccessDeniedException\",\"message\":\"User x is not authorized\"}",
         ERR_FORBIDDEN, "allow cloudwatch:PutMetricData for the credentials of profile x"},
        {403, "<html>no</html>", ERR_FORBIDDEN, "cloudwatch:PutMetricData"},
        {400, "{\"__type\":\"com.amazonaws.cw#ThrottlingException\",\"message\":\"Rate\"}",
         ERR_BUSY, "throttled (ThrottlingException 400)"},
        {400, "{\"__type\":\"LimitExceededException\"}", ERR_BUSY, "throttled"},
        {429, "", ERR_BUSY, "no code 429"},
        {403, "{\"__type\":\"ExpiredTokenException\",\"message\":\"m\"}", ERR_AUTH,
         "the credentials of profile x have expired (ExpiredTokenException 403)"},
        {403, "{\"__type\":\"UnrecognizedClientException\"}", ERR_AUTH,
         "does not accept the credentials of profile x"},
        {400, "{\"__type\":\"InvalidParameterValue\",\"Message\":\"bad \\u001b name\"}", ERR_RANGE,
         "bad \\x1b name"},
        {503, "oops", ERR_IO, "no code 503"},
        {302, "", ERR_RANGE, "302"},
        {403,
         "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error>"
         "</ErrorResponse>",
         ERR_FORBIDDEN, "AccessDenied 403: not you"},
        {400, "{\"Error\":{\"Code\":\"Throttling\",\"Message\":\"slow\"}}", ERR_BUSY, "Throttling"},
    };
    struct rig g;
    set_up(&g, 200, "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        g.script.status = cases[i].status;
        g.script.body = cases[i].body;
        assert_int_equal(call(&g), cases[i].code);
        if (strstr(g.ei.text, cases[i].says) == NULL) {
            fail_msg("'%s' does not say '%s'", g.ei.text, cases[i].says);
        }
        assert_int_equal(g.out.len, 0);
    }
    tear_down(&g);
}

static void a_signature_error_shows_no_token_and_tells_of_the_clock(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g, 403,
           "{\"__type\":\"InvalidSignatureException\",\"message\":\"The Canonical String should "
           "have been 'x-amz-security-token:" TOKEN "'\"}");
    assert_int_equal(call(&g), ERR_AUTH);
    assert_null(strstr(g.ei.text, TOKEN));
    assert_null(strstr(g.ei.text, "clock"));
    g.script.headers = "Date: Sat, 21 Nov 2020 01:36:38 GMT\r\n";
    assert_int_equal(call(&g), ERR_AUTH);
    assert_non_null(strstr(g.ei.text, "clock"));
    assert_non_null(strstr(g.ei.text, "ahead of"));
    tear_down(&g);
}

static void a_huge_answer_is_cut_off(void **state)
{
    (void)state;
    struct rig g;
    char *body = malloc(AWS_ANSWER_MAX + 2);
    assert_non_null(body);
    memset(body, 'x', AWS_ANSWER_MAX + 1);
    body[AWS_ANSWER_MAX + 1] = '\0';
    set_up(&g, 200, body);
    assert_int_equal(call(&g), ERR_TOO_BIG);
    assert_int_equal(g.out.len, 0);
    body[AWS_ANSWER_MAX] = '\0';
    assert_int_equal(call(&g), ERR_OK);
    assert_int_equal(g.out.len, AWS_ANSWER_MAX);
    tear_down(&g);
    free(body);
}

static void loopback_needs_no_proxy(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g, 200, "{}");
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(call(&g), ERR_OK);
    assert_int_equal(unsetenv("http_proxy"), 0);
    tear_down(&g);
}

static void broken_connections_are_named(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g, FAKE_CLOSE, "");
    assert_int_equal(call(&g), ERR_IO);
    assert_non_null(strstr(g.ei.text, "127.0.0.1:"));
    g.call.place.endpoint = "http://127.0.0.1:1";
    assert_int_equal(call(&g), ERR_IO);
    g.call.place.endpoint = "ftp://127.0.0.1";
    assert_int_equal(call(&g), ERR_IO);
    tear_down(&g);
}

static void silence_times_out(void **state)
{
    (void)state;
    struct rig g;
    set_up(&g, FAKE_HANG, "");
    g.call.timeout_ms = 50;
    assert_int_equal(call(&g), ERR_TIMEOUT);
    tear_down(&g);
}

static void *abort_when_called(void *arg)
{
    struct rig *g = arg;
    fake_aws_await(&g->server, 1);
    aws_http_abort(g->http);
    return NULL;
}

static void a_running_call_is_ended_from_another_thread(void **state)
{
    (void)state;
    struct rig g;
    pthread_t thread;
    set_up(&g, FAKE_HANG, "");
    g.call.timeout_ms = 600000;
    assert_int_equal(pthread_create(&thread, NULL, abort_when_called, &g), 0);
    assert_int_equal(call(&g), ERR_CLOSED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(call(&g), ERR_CLOSED);
    tear_down(&g);
}

static void error_bodies_are_decoded_whatever_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *body, *code, *message;
    } cases[] = {
        {"", "", ""},
        {"{", "", ""},
        {"[1]", "", ""},
        {"{\"__type\":5}", "", ""},
        {"{\"__type\":\"a#b#C\"}", "C", ""},
        {"{\"code\":\"X\",\"message\":\"\\ud83d\"}", "X", "\\ud83d"},
        {"<Code>A</Code><Message>b", "A", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char code[AWS_CODE_MAX];
        char message[16];
        aws_error_decode(code, message, sizeof(message), str_of(cases[i].body));
        assert_string_equal(code, cases[i].code);
        assert_string_equal(message, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signed_call_is_one_aws_would_take),
        cmocka_unit_test(the_signer_follows_service_and_region),
        cmocka_unit_test(a_body_is_compressed_when_asked),
        cmocka_unit_test(errors_say_what_to_do),
        cmocka_unit_test(a_signature_error_shows_no_token_and_tells_of_the_clock),
        cmocka_unit_test(a_huge_answer_is_cut_off),
        cmocka_unit_test(loopback_needs_no_proxy),
        cmocka_unit_test(broken_connections_are_named),
        cmocka_unit_test(silence_times_out),
        cmocka_unit_test(a_running_call_is_ended_from_another_thread),
        cmocka_unit_test(error_bodies_are_decoded_whatever_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
