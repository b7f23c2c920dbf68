/* test_values.c: amounts, durations, sizes, names. */
#include "core/config/config_private.h"
#include "tests/unit/test.h"

#include <string.h>

static void amounts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value; /* -1: refused */
    } cases[] = {
        {"0", 0},
        {"250", 250},
        {"100k", 100000},
        {"100K", 100000},
        {"1M", 1000000},
        {"2.5M", 2500000},
        {"1.234567M", 1234567},
        {"3G", 3000000000},
        {"0.5k", 500},
        {"", -1},
        {"k", -1},
        {"1.5", -1},
        {"1.", -1},
        {".5k", -1},
        {"1.2345k", -1},
        {"-1", -1},
        {"+1", -1},
        {"1 k", -1},
        {"1m", -1},
        {"1e6", -1},
        {"1_000", -1},
        {"1.2.3k", -1},
        {"9223372036854775807", INT64_MAX},
        {"9223372036854775808", -1},
        {"7004293625.3251G", 7004293625325100000},
        {"9223372036.8547758G", INT64_MAX - 7},
        {"9223372036.854775808G", -1},
        {"9223372036854775807k", -1},
        {"0.0000000000000000000000000001k", -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t value = -1;
        bool ok = config_amount_parse(str_of(cases[i].text), METRIC_TOKENS, &value);
        if (ok != (cases[i].value >= 0) || value != cases[i].value) {
            fail_msg("%s gave %lld", cases[i].text, (long long)value);
        }
    }
    int64_t usd = 0;
    assert_true(config_amount_parse(STR("12.50"), METRIC_USD, &usd));
    assert_true(usd == 12500000000);
    assert_false(config_amount_parse(STR("1k"), METRIC_USD, &usd));
    assert_false(config_amount_parse(STR("$1"), METRIC_USD, &usd));
}

static void amounts_are_spelled_shortest_and_read_back(void **state)
{
    (void)state;
    static const struct {
        int64_t amount;
        const char *text;
    } cases[] = {
        {0, "0"},
        {10, "10"},
        {999, "999"},
        {1000, "1k"},
        {1500, "1500"},
        {100000, "100k"},
        {1000000, "1M"},
        {2500000, "2.5M"},
        {12345, "12345"},
        {1234567, "1234567"},
        {1200000, "1.2M"},
        {5000000000, "5G"},
        {123450000, "123450k"},
        {7004293625325100000, "7004293625.3251G"},
    };
    char text[32];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        config_amount_format(text, METRIC_TOKENS, cases[i].amount);
        if (strlen(text) != strlen(cases[i].text)) {
            fail_msg("%lld is %s, not %s", (long long)cases[i].amount, text, cases[i].text);
        }
    }
    uint64_t seed = 7;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        int64_t amount = (int64_t)(seed >> (1 + i % 62)), back = -1;
        config_amount_format(text, METRIC_REQUESTS, amount);
        assert_true(config_amount_parse(str_of(text), METRIC_REQUESTS, &back));
        assert_true(back == amount);
    }
    config_amount_format(text, METRIC_TOKENS, INT64_MAX);
    assert_string_equal(text, "9223372036854775807");
    config_amount_format(text, METRIC_USD, 12500000000);
    assert_string_equal(text, "12.5");
}

static void durations_and_sizes(void **state)
{
    (void)state;
    int64_t v = 0;
    assert_true(config_duration_parse(STR("500ms"), &v) && v == 500);
    assert_true(config_duration_parse(STR("10s"), &v) && v == 10000);
    assert_true(config_duration_parse(STR("5m"), &v) && v == 300000);
    assert_true(config_duration_parse(STR("2h"), &v) && v == 7200000);
    assert_true(config_duration_parse(STR("90d"), &v) && v == 7776000000);
    static const char *const bad[] = {"",
                                      "10",
                                      "s",
                                      "1.5h",
                                      "-1s",
                                      "10 s",
                                      "1w",
                                      "1S",
                                      "99999999999999999999s",
                                      "9223372036854775807d"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(config_duration_parse(str_of(bad[i]), &v));
    }
    assert_true(config_size_parse(STR("25MB"), &v) && v == 25000000);
    assert_true(config_size_parse(STR("64KB"), &v) && v == 64000);
    assert_true(config_size_parse(STR("64KiB"), &v) && v == 65536);
    assert_true(config_size_parse(STR("1.5GB"), &v) && v == 1500000000);
    assert_false(config_size_parse(STR("25"), &v));
    assert_false(config_size_parse(STR("25mb"), &v));
    assert_false(config_size_parse(STR("0.5B"), &v));
}

static void names(void **state)
{
    (void)state;
    enum config_metric metric;
    for (int m = 0; m < METRIC_COUNT; m++) {
        const char *name = config_metric_name((enum config_metric)m);
        assert_true(config_metric_parse(str_of(name), &metric));
        assert_int_equal(metric, m);
    }
    assert_false(config_metric_parse(STR("token"), &metric));
    assert_string_equal(config_metric_name(METRIC_COUNT), "");
    assert_string_equal(config_window_name(WINDOW_10S), "10s");
    assert_string_equal(config_window_name(WINDOW_MONTH), "month");
    assert_string_equal(config_window_name(WINDOW_NONE), "");
    assert_string_equal(config_service_name(SERVICE_MONITORING), "monitoring");
    assert_string_equal(config_service_name(SERVICE_COUNT), "");
    assert_true(str_is(config_tag_key(STR("application")), "applicationId"));
    assert_true(str_is(config_tag_key(STR("costCenter")), "costCenter"));
}

static void loopback_hosts(void **state)
{
    (void)state;
    static const char *const yes[] = {"127.0.0.1",        "127.9.9.9", "::1",
                                      "::ffff:127.0.0.1", "localhost", "LOCALHOST"};
    static const char *const no[] = {
        "0.0.0.0",           "10.0.0.1",          "::",       "::ffff:10.0.0.1", "",
        "localhost.example", "127.0.0.1.example", "128.0.0.1"};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        assert_true(config_host_is_loopback(yes[i]));
    }
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        assert_false(config_host_is_loopback(no[i]));
    }
}

static void urls(void **state)
{
    (void)state;
    struct config_url url;
    const char *why = NULL;
    assert_true(config_url_parse(STR("https://a.example"), &url, &why));
    assert_true(url.https && url.port == 443 && str_is(url.host, "a.example"));
    assert_true(config_url_parse(STR("http://[::1]:9001/"), &url, &why));
    assert_true(!url.https && url.port == 9001 && str_is(url.host, "::1"));
    assert_true(str_is(url.origin, "http://[::1]:9001"));
    static const char *const bad[] = {
        "",           "a.example",      "ftp://a",      "http://",     "http:///",
        "http://a/b", "http://a?b",     "http://a#b",   "http://u@a",  "http://a:0",
        "http://a:",  "http://a:65536", "http://a:1:2", "http://[::1", "http://[zz]",
        "http://a b", "http://::1",     "http://a\\b",  "HTTP://a",    "http://[::1]9",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (config_url_parse(str_of(bad[i]), &url, &why)) {
            fail_msg("%s was taken", bad[i]);
        }
        assert_non_null(why);
    }
}

static void addresses(void **state)
{
    (void)state;
    struct str host;
    int port = -1;
    const char *why = NULL;
    assert_true(config_address_parse(STR("127.0.0.1:0"), &host, &port, &why));
    assert_true(str_is(host, "127.0.0.1") && port == 0);
    assert_true(config_address_parse(STR("[::1]:8088"), &host, &port, &why));
    assert_true(str_is(host, "::1") && port == 8088);
    static const char *const bad[] = {"",        ":80",    "a",     "a:",    "a:x",   "a:-1",
                                      "a:65536", "::1:80", "[::1]", "[a]:1", "a b:1", "a:1:2"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (config_address_parse(str_of(bad[i]), &host, &port, &why)) {
            fail_msg("%s was taken", bad[i]);
        }
    }
}

static void nearest_name(void **state)
{
    (void)state;
    static const char *const known[] = {"listen", "limits", "identity", "state_dir", "usd"};
    size_t n = sizeof(known) / sizeof(known[0]);
    assert_string_equal(config_nearest(STR("limts"), known, n, sizeof(known[0])), "limits");
    assert_string_equal(config_nearest(STR("State-Dir"), known, n, sizeof(known[0])), "state_dir");
    assert_string_equal(config_nearest(STR("lisetn"), known, n, sizeof(known[0])), "listen");
    assert_null(config_nearest(STR("zebra"), known, n, sizeof(known[0])));
    assert_null(config_nearest(STR(""), known, n, sizeof(known[0])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amounts),
        cmocka_unit_test(amounts_are_spelled_shortest_and_read_back),
        cmocka_unit_test(durations_and_sizes),
        cmocka_unit_test(names),
        cmocka_unit_test(loopback_hosts),
        cmocka_unit_test(urls),
        cmocka_unit_test(addresses),
        cmocka_unit_test(nearest_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
