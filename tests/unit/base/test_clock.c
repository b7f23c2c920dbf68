/* test_clock.c: times as text and back, over every day of the years 1970 to 9999. */
#include "core/base/clock.h"
#include "tests/unit/test.h"

#define DAY_MS 86400000LL

static void known_moments(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *rfc3339, *amz, *http;
    } known[] = {
        {0, "1970-01-01T00:00:00Z", "19700101T000000Z", "Thu, 01 Jan 1970 00:00:00 GMT"},
        {951782399000, "2000-02-28T23:59:59Z", "20000228T235959Z", "Mon, 28 Feb 2000 23:59:59 GMT"},
        {951782400000, "2000-02-29T00:00:00Z", "20000229T000000Z", "Tue, 29 Feb 2000 00:00:00 GMT"},
        {1440938160000, "2015-08-30T12:36:00Z", "20150830T123600Z",
         "Sun, 30 Aug 2015 12:36:00 GMT"},
        {4107542400000, "2100-03-01T00:00:00Z", "21000301T000000Z",
         "Mon, 01 Mar 2100 00:00:00 GMT"},
        {253402300799000, "9999-12-31T23:59:59Z", "99991231T235959Z",
         "Fri, 31 Dec 9999 23:59:59 GMT"},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        char text[CLOCK_TEXT];
        int64_t back = -1;
        clock_rfc3339(text, known[i].ms);
        assert_string_equal(text, known[i].rfc3339);
        assert_true(clock_parse_rfc3339(str_of(text), &back));
        assert_true(back == known[i].ms);
        clock_amz(text, known[i].ms);
        assert_string_equal(text, known[i].amz);
        back = -1;
        assert_true(clock_parse_amz(str_of(text), &back));
        assert_true(back == known[i].ms);
        clock_http(text, known[i].ms);
        assert_string_equal(text, known[i].http);
    }
}

static void milliseconds_and_limits(void **state)
{
    (void)state;
    char text[CLOCK_TEXT];
    clock_rfc3339(text, 1440938160007);
    assert_string_equal(text, "2015-08-30T12:36:00.007Z");
    clock_rfc3339(text, -1);
    assert_string_equal(text, "1970-01-01T00:00:00Z");
    clock_rfc3339(text, INT64_MAX);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    clock_rfc3339(text, INT64_MIN);
    assert_string_equal(text, "1970-01-01T00:00:00Z");
}

/* Counts the calendar up day by day, by the rule everybody knows, and compares. */
static void every_day(void **state)
{
    (void)state;
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t ms = 1;
    for (int year = 1970; year <= 9999; year++) {
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        for (int month = 1; month <= 12; month++) {
            int length = lengths[month - 1] + (month == 2 && leap ? 1 : 0);
            for (int day = 1; day <= length; day++) {
                char text[CLOCK_TEXT];
                int64_t back = 0;
                clock_rfc3339(text, ms);
                int seen = ((text[0] - '0') * 1000 + (text[1] - '0') * 100 + (text[2] - '0') * 10 +
                            (text[3] - '0')) *
                               10000 +
                           ((text[5] - '0') * 10 + (text[6] - '0')) * 100 + (text[8] - '0') * 10 +
                           (text[9] - '0');
                assert_int_equal(seen, year * 10000 + month * 100 + day);
                assert_string_equal(text + 10, "T00:00:00.001Z");
                assert_true(clock_parse_rfc3339(str_of(text), &back) && back == ms);
                ms += DAY_MS;
            }
        }
    }
}

static void accepts(const char *text, int64_t expected)
{
    int64_t ms = -1;
    if (!clock_parse_rfc3339(str_of(text), &ms) || ms != expected) {
        fail_msg("%s gave %lld", text, (long long)ms);
    }
}

static void rfc3339_forms(void **state)
{
    (void)state;
    accepts("2015-08-30T12:36:00+00:00", 1440938160000);
    accepts("2015-08-30t12:36:00z", 1440938160000);
    accepts("2015-08-30 12:36:00Z", 1440938160000);
    accepts("2015-08-30T14:06:00+01:30", 1440938160000);
    accepts("2015-08-29T22:36:00-14:00", 1440938160000);
    accepts("2015-08-30T12:36:00.5Z", 1440938160500);
    accepts("2015-08-30T12:36:00.1239999999999999999999Z", 1440938160123);
    accepts("1970-01-01T00:00:00-00:00", 0);
    accepts("2016-12-31T23:59:60Z", 1483228800000);
    accepts("2017-01-01T00:59:60+01:00", 1483228800000);
}

static void malformed_rfc3339(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "2015-08-30",
        "2015-08-30T12:36:00",
        "2015-08-30T12:36Z",
        "2015-08-30T12:36:00.Z",
        "2015-08-30T12:36:00Zx",
        "2015-08-30T12:36:00+0100",
        "2015-08-30T12:36:00+01:60",
        "2015-08-30T12:36:00+24:00",
        "2015-08-30T12:36:00+1:00",
        "2015-08-30T24:00:00Z",
        "2015-08-30T12:60:00Z",
        "2015-08-30T12:36:60Z",
        "2015-08-30T12:36:61Z",
        "2015-00-30T12:36:00Z",
        "2015-13-30T12:36:00Z",
        "2015-08-00T12:36:00Z",
        "2015-08-32T12:36:00Z",
        "2015-02-29T12:36:00Z",
        "2100-02-29T12:36:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:59:59+01:00",
        "9999-12-31T23:59:59-00:01",
        "+015-08-30T12:36:00Z",
        "2015/08/30T12:36:00Z",
        " 2015-08-30T12:36:00Z",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t ms = 77;
        if (clock_parse_rfc3339(str_of(bad[i]), &ms) || ms != 77) {
            fail_msg("accepted %s", bad[i]);
        }
    }
}

static void malformed_amz(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "20150830T123600",
                                      "20150830T123600ZZ",
                                      "20150830t123600Z",
                                      "20150830T12360Z",
                                      "20151330T123600Z",
                                      "20150230T123600Z",
                                      "2015-8-30T123600Z",
                                      "20150830T123660Z"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t ms = 77;
        assert_false(clock_parse_amz(str_of(bad[i]), &ms));
        assert_int_equal(ms, 77);
    }
}

static void clocks_run_and_the_wall_can_be_frozen(void **state)
{
    (void)state;
    assert_true(clock_wall_ms() > 1700000000000);
    clock_set_fake_wall(1440938160000);
    assert_true(clock_wall_ms() == 1440938160000);
    clock_set_fake_wall(0);
    assert_true(clock_wall_ms() > 1700000000000);
    int64_t before = clock_mono_us();
    assert_true(before > 0);
    assert_true(clock_mono_us() >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_moments),
        cmocka_unit_test(milliseconds_and_limits),
        cmocka_unit_test(every_day),
        cmocka_unit_test(rfc3339_forms),
        cmocka_unit_test(malformed_rfc3339),
        cmocka_unit_test(malformed_amz),
        cmocka_unit_test(clocks_run_and_the_wall_can_be_frozen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
