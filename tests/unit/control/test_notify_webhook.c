/* notify: webhooks to a real HTTP server on the loopback interface. */
#include "tests/unit/control/notify_rig.h"

static enum notify_result post_to(struct one *o, const char *url, int64_t within_ms)
{
    *o = (struct one){.notice.webhook = url};
    enum notify_result result = notify_webhook(prepare(o, within_ms));
    buf_free(&o->json);
    return result;
}

static enum notify_result post(struct one *o, const struct web *w)
{
    static char url[128];
    (void)snprintf(url, sizeof(url), "http://user:hunter2@%s/services/T0/s3cret?k=v",
                   w->server.url + strlen("http://"));
    return post_to(o, url, 20000);
}

static void a_webhook_is_posted(void **state)
{
    (void)state;
    struct one o;
    struct web w = {.status = {200}};
    web_open(&w);
    assert_int_equal(post(&o, &w), NOTIFY_DONE);
    assert_string_equal(w.target, "/services/T0/s3cret?k=v");
    assert_string_equal(w.content_type, "application/json");
    json_t *j = json_loads(w.bodies[0], 0, NULL);
    assert_non_null(j);
    assert_true(json_is_string(json_object_get(j, "text")));
    assert_int_equal(json_integer_value(json_object_get(j, "version")), 1);
    json_decref(j);
    fake_aws_stop(&w.server);
    assert_int_equal(post(&o, &w), NOTIFY_AGAIN); /* nobody listens any more */
    assert_null(strstr(o.a.error, "s3cret"));
    assert_null(strstr(o.a.error, "hunter2"));
}

static void a_topic_is_published_to(void **state)
{
    (void)state;
    struct one o = {.notice.webhook = "arn:aws:sns:eu-west-1:123456789012:alarms"};
    struct web w = {.status = {200}};
    web_open(&w);
    assert_int_equal(setenv("AWS_ENDPOINT_URL_SNS", w.server.url, 1), 0);
    struct credentials *keys = credentials_new(STR("AKIDTEST"), STR("s3cret"), STR(""), 0, "test");
    struct credentials_provider *p = credentials_provider_new(keys, NULL);
    credentials_unref(keys);
    assert_non_null(p);
    struct notify_attempt *a = prepare(&o, 20000);
    a->credentials = p;
    assert_int_equal(notify_sns(a), NOTIFY_DONE);
    assert_non_null(strstr(w.authorization, "AKIDTEST/"));
    assert_non_null(strstr(w.authorization, "/eu-west-1/sns/aws4_request"));
    assert_true(str_starts(str_of(w.bodies[0]),
                           "Action=Publish&Version=2010-03-31&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1"
                           "%3A123456789012%3Aalarms&Subject=tollgate%20warn%20threshold%3A%20"
                           "minute&Message=%7B%22text%22"));
    fake_aws_stop(&w.server);
    assert_int_equal(notify_sns(a), NOTIFY_AGAIN);
    assert_int_equal(unsetenv("AWS_ENDPOINT_URL_SNS"), 0);
    credentials_provider_free(p);
    buf_free(&o.json);
}

static void what_a_webhook_answers_decides(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *headers;
        enum notify_result result;
        int64_t wait_ms;
        const char *words;
    } cases[] = {
        {204, "", NOTIFY_DONE, 0, ""},
        {404, "", NOTIFY_FAILED, 0, "answered 404"},
        {500, "", NOTIFY_AGAIN, 0, "answered 500"},
        {429, "Retry-After: 7\r\n", NOTIFY_AGAIN, 7000, "answered 429"},
        {503, "Retry-After: 99999\r\n", NOTIFY_AGAIN, 60000, "answered 503"},
        {302, "Location: http://127.0.0.1:1/\r\n", NOTIFY_FAILED, 0, "redirects"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct one o;
        struct web w = {.status = {cases[i].status}, .headers = cases[i].headers};
        web_open(&w);
        assert_int_equal(post(&o, &w), cases[i].result);
        assert_int_equal(o.a.wait_ms, cases[i].wait_ms);
        assert_non_null(strstr(o.a.error, cases[i].words));
        assert_null(strstr(o.a.error, "s3cret"));
        assert_int_equal(fake_aws_count(&w.server), 1);
        fake_aws_stop(&w.server);
    }
}

static void what_is_no_answer_is_asked_again(void **state)
{
    (void)state;
    struct one o;
    struct web w = {.raw = "nonsense\r\n\r\n"};
    web_open(&w);
    assert_int_equal(post(&o, &w), NOTIFY_AGAIN);
    assert_int_equal(o.a.wait_ms, 0);
    assert_non_null(strstr(o.a.error, "http://127.0.0.1:"));
    assert_null(strstr(o.a.error, "s3cret"));
    fake_aws_stop(&w.server);
}

static void link_local_addresses_are_refused(void **state)
{
    (void)state;
    struct one o;
    static const char *const urls[] = {
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.10.1:8443/",
        "http://0xA9FEA9FE/",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://[fd00:ec2::254]/",
    };
    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        assert_int_equal(post_to(&o, urls[i], 20000), NOTIFY_FAILED);
        assert_non_null(strstr(o.a.error, "link-local"));
    }
    static const struct {
        const char *address;
        bool refused;
    } v6[] = {
        {"::1", false},
        {"2001:db8::1", false},
        {"fe80::", true},
        {"febf:ffff::1", true},
        {"fec0::1", false},
        {"::169.254.1.1", true},
        {"::ffff:10.0.0.1", false},
        {"64:ff9b::a9fe:1", true},
        {"2002:a9fe:101::1", true},
        {"2002:a00:1::1", false},
        {"fd00:ec2::254", true},
        {"fd00:ec2::23", false},
    };
    for (size_t i = 0; i < sizeof(v6) / sizeof(*v6); i++) {
        struct sockaddr_in6 at = {.sin6_family = AF_INET6};
        assert_int_equal(inet_pton(AF_INET6, v6[i].address, &at.sin6_addr), 1);
        if (notify_address_refused((const struct sockaddr *)&at) != v6[i].refused) {
            fail_msg("%s", v6[i].address);
        }
    }
    const struct sockaddr unix_socket = {.sa_family = AF_UNIX};
    assert_true(notify_address_refused(&unix_socket));
}

static void places_hold_no_secret(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"https://hooks.slack.com/services/T/B/x", "https://hooks.slack.com"},
        {"https://u:p@host:8443/x", "https://host:8443"},
        {"https://u:p@q@host?token=x", "https://host"},
        {"http://[::1]:80/a", "http://[::1]:80"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char out[256];
        notify_place(out, sizeof(out), cases[i][0]);
        assert_string_equal(out, cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(a_webhook_is_posted),
        IN_DIR(a_topic_is_published_to),
        IN_DIR(what_a_webhook_answers_decides),
        IN_DIR(what_is_no_answer_is_asked_again),
        cmocka_unit_test(link_local_addresses_are_refused),
        cmocka_unit_test(places_hold_no_secret),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
