/* test_window.c: calendar windows, days of clock changes in several zones, and bad zone files. */
#include "core/base/clock.h"
#include "core/limit/window.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

static struct zone *zone(const char *name)
{
    struct err_info ei = {0};
    struct zone *z = zone_new(name, &ei);
    if (z == NULL) {
        fail_msg("%s", ei.text);
    }
    return z;
}

static int64_t at(const char *text)
{
    int64_t ms = 0;
    assert_true(clock_parse_rfc3339(str_of(text), &ms));
    return ms;
}

static void expect(const struct zone *z, enum config_window w, const char *now, const char *start,
                   const char *end)
{
    int64_t s, e;
    char got[2][CLOCK_TEXT];
    window_at(z, w, at(now), &s, &e);
    clock_rfc3339(got[0], s);
    clock_rfc3339(got[1], e);
    assert_string_equal(got[0], start);
    assert_string_equal(got[1], end);
}

static void utc(void **state)
{
    (void)state;
    struct zone *z = zone("UTC");
    const char *now = "2026-11-21T01:36:38.999Z";
    expect(z, WINDOW_10S, now, "2026-11-21T01:36:30Z", "2026-11-21T01:36:40Z");
    expect(z, WINDOW_1M, now, "2026-11-21T01:36:00Z", "2026-11-21T01:37:00Z");
    expect(z, WINDOW_1H, now, "2026-11-21T01:00:00Z", "2026-11-21T02:00:00Z");
    expect(z, WINDOW_DAY, now, "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z");
    expect(z, WINDOW_WEEK, now, "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z");
    expect(z, WINDOW_MONTH, now, "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z");
    /* edges belong to what begins */
    expect(z, WINDOW_WEEK, "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z");
    expect(z, WINDOW_WEEK, "2026-11-22T23:59:59.999Z", "2026-11-16T00:00:00Z",
           "2026-11-23T00:00:00Z");
    expect(z, WINDOW_MONTH, "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z");
    expect(z, WINDOW_MONTH, "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z");
    expect(z, WINDOW_DAY, "2028-02-29T12:00:00Z", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z");
    expect(z, WINDOW_DAY, "2100-02-28T12:00:00Z", "2100-02-28T00:00:00Z", "2100-03-01T00:00:00Z");
    int64_t s, e;
    window_at(z, WINDOW_NONE, at(now), &s, &e);
    assert_int_equal(s, 0);
    assert_int_equal(e, 0);
    zone_free(z);
}

/* From a 31st to a February of 28 days and of 29, and on. */
static void ends_of_months(void **state)
{
    (void)state;
    struct zone *z = zone("UTC");
    expect(z, WINDOW_MONTH, "2026-01-31T23:59:59Z", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
    expect(z, WINDOW_MONTH, "2026-02-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z");
    expect(z, WINDOW_MONTH, "2026-02-28T23:59:59Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z");
    expect(z, WINDOW_MONTH, "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z");
    expect(z, WINDOW_MONTH, "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z");
    zone_free(z);
    z = zone("America/New_York");
    expect(z, WINDOW_MONTH, "2026-02-01T04:59:59Z", "2026-01-01T05:00:00Z", "2026-02-01T05:00:00Z");
    expect(z, WINDOW_MONTH, "2026-03-01T04:59:59Z", "2026-02-01T05:00:00Z", "2026-03-01T05:00:00Z");
    expect(z, WINDOW_MONTH, "2026-03-31T12:00:00Z", "2026-03-01T05:00:00Z", "2026-04-01T04:00:00Z");
    zone_free(z);
}

static void berlin(void **state)
{
    (void)state;
    struct zone *z = zone("Europe/Berlin");
    expect(z, WINDOW_DAY, "2026-01-15T23:30:00Z", "2026-01-15T23:00:00Z", "2026-01-16T23:00:00Z");
    /* 29 March 2026 has 23 hours, 25 October 25 */
    expect(z, WINDOW_DAY, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
    expect(z, WINDOW_DAY, "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
    expect(z, WINDOW_1H, "2026-10-25T00:30:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z");
    expect(z, WINDOW_1H, "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z");
    expect(z, WINDOW_WEEK, "2026-03-29T12:00:00Z", "2026-03-22T23:00:00Z", "2026-03-29T22:00:00Z");
    expect(z, WINDOW_MONTH, "2026-03-10T12:00:00Z", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z");
    expect(z, WINDOW_MONTH, "2026-10-31T23:30:00Z", "2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z");
    /* beyond the table of the file, by its rule */
    expect(z, WINDOW_DAY, "2061-03-27T12:00:00Z", "2061-03-26T23:00:00Z", "2061-03-27T22:00:00Z");
    zone_free(z);
}

static void new_york(void **state)
{
    (void)state;
    struct zone *z = zone("America/New_York");
    expect(z, WINDOW_DAY, "2026-03-08T12:00:00Z", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z");
    expect(z, WINDOW_DAY, "2026-11-01T12:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z");
    expect(z, WINDOW_DAY, "2026-11-01T03:59:59Z", "2026-10-31T04:00:00Z", "2026-11-01T04:00:00Z");
    expect(z, WINDOW_MONTH, "2026-11-01T04:30:00Z", "2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z");
    zone_free(z);
}

/* Midnight that does not come, comes twice, half hours, quarter hours. */
static void odd_zones(void **state)
{
    (void)state;
    struct zone *z = zone("Asia/Beirut"); /* 29 March 2026, 00:00 becomes 01:00 */
    expect(z, WINDOW_DAY, "2026-03-28T21:59:59Z", "2026-03-27T22:00:00Z", "2026-03-28T22:00:00Z");
    expect(z, WINDOW_DAY, "2026-03-28T22:00:00Z", "2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z");
    zone_free(z);
    z = zone("America/Havana"); /* 1 November 2026, 01:00 becomes 00:00: midnight comes twice */
    expect(z, WINDOW_DAY, "2026-11-01T04:30:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z");
    expect(z, WINDOW_DAY, "2026-11-01T05:30:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z");
    zone_free(z);
    z = zone("Australia/Lord_Howe"); /* half an hour: 4 October 2026, 02:00 becomes 02:30 */
    expect(z, WINDOW_1H, "2026-10-03T15:40:00Z", "2026-10-03T15:30:00Z", "2026-10-03T16:00:00Z");
    expect(z, WINDOW_1H, "2026-10-03T15:10:00Z", "2026-10-03T14:30:00Z", "2026-10-03T15:30:00Z");
    zone_free(z);
    z = zone("Australia/Lord_Howe"); /* days of 24 and a half and 23 and a half hours */
    expect(z, WINDOW_DAY, "2026-04-05T13:10:00Z", "2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z");
    expect(z, WINDOW_DAY, "2026-10-04T12:50:00Z", "2026-10-03T13:30:00Z", "2026-10-04T13:00:00Z");
    zone_free(z);
    z = zone("Asia/Kathmandu");
    expect(z, WINDOW_1H, "2026-01-01T00:20:00Z", "2026-01-01T00:15:00Z", "2026-01-01T01:15:00Z");
    expect(z, WINDOW_DAY, "2026-01-01T00:20:00Z", "2025-12-31T18:15:00Z", "2026-01-01T18:15:00Z");
    zone_free(z);
    z = zone("America/St_Johns"); /* until 2011 the clock went back from 00:01 to 23:01 */
    int64_t s, e, now = at("2010-11-07T02:40:00Z");
    window_at(z, WINDOW_DAY, now, &s, &e);
    assert_true(s <= now && now < e);
    zone_free(z);
}

/* Every window holds its instant, and the next one begins where it ends. */
static void windows_tile(void **state)
{
    (void)state;
    static const char *const names[] = {"UTC",          "Europe/Berlin",       "America/New_York",
                                        "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca",
                                        "Pacific/Apia"};
    static const enum config_window windows[] = {WINDOW_1H, WINDOW_DAY, WINDOW_WEEK, WINDOW_MONTH};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct zone *z = zone(names[i]);
        for (size_t w = 0; w < 4; w++) {
            int64_t now = at("2011-12-01T00:00:00Z"), s, e;
            window_at(z, windows[w], now, &s, &e);
            for (int n = 0; n < 2000; n++) {
                assert_true(s <= now && now < e);
                int64_t end = e;
                now = end;
                window_at(z, windows[w], now, &s, &e);
                assert_int_equal(s, end);
                int64_t s2, e2, late = e - 1;
                window_at(z, windows[w], late, &s2, &e2);
                assert_int_equal(s2, s);
                assert_int_equal(e2, e);
            }
        }
        zone_free(z);
    }
}

static void dates(void **state)
{
    (void)state;
    assert_int_equal(zone_days(1970, 1, 1), 0);
    assert_int_equal(zone_days(2000, 3, 1), 11017);
    assert_int_equal(zone_days(1969, 12, 31), -1);
    for (int64_t d = -200000; d < 200000; d += 13) {
        int64_t y;
        int m, day;
        zone_date(d, &y, &m, &day);
        assert_int_equal(zone_days(y, m, day), d);
        assert_in_range(m, 1, 12);
        assert_in_range(day, 1, 31);
    }
}

static void footers(void **state)
{
    (void)state;
    static const char *const bad[] = {"X",
                                      "CET",
                                      "CET-1CEST",
                                      "CET-1CEST,M13.5.0,M10.5.0",
                                      "CET-1CEST,M3.6.0,M10.5.0",
                                      "CET-1CEST,M3.5.7,M10.5.0",
                                      "CET-1CEST,J0,J365",
                                      "CET-1CEST,M3.5.0",
                                      "CET-999",
                                      "CET-1CEST,M3.5.0,M10.5.0/3x",
                                      "<CET-1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct zone z = {0};
        assert_int_equal(zone_rule_extend(&z, bad[i], strlen(bad[i])), ERR_PARSE);
    }
    struct zone *z = zone("UTC");
    const char *text = "<-03>3<-02>,J60/-1:30,366";
    assert_int_equal(zone_rule_extend(z, text, strlen(text)), ERR_PARSE); /* days end at 365 */
    text = "<-03>3<-02>,J60/-1:30,300";
    z->first_offset_s = -10800;
    assert_int_equal(zone_rule_extend(z, text, strlen(text)), ERR_OK);
    /* 1 March less 1.5 hours, in standard time; in a leap year too */
    assert_int_equal(zone_offset(z, at("2028-03-01T01:29:59Z") / 1000), -10800);
    assert_int_equal(zone_offset(z, at("2028-03-01T01:30:00Z") / 1000), -7200);
    assert_int_equal(zone_offset(z, at("2027-03-01T01:30:00Z") / 1000), -7200);
    /* day 300 counts from zero: 28 October, 27 in a leap year; 02:00 summer time */
    assert_int_equal(zone_offset(z, at("2027-10-28T03:59:59Z") / 1000), -7200);
    assert_int_equal(zone_offset(z, at("2027-10-28T04:00:00Z") / 1000), -10800);
    assert_int_equal(zone_offset(z, at("2028-10-27T04:00:00Z") / 1000), -10800);
    zone_free(z);
}

static void bad_zones(void **state)
{
    (void)state;
    static const char *const names[] = {"Mars/Olympus", "../../etc/passwd", "/etc/passwd", "a b"};
    for (size_t i = 0; i < 4; i++) {
        struct err_info ei = {0};
        assert_null(zone_new(names[i], &ei));
        assert_int_equal(ei.code, ERR_NOT_FOUND);
        assert_non_null(strstr(ei.text, names[i]));
    }
    /* every cut of a real file is refused, never read past its end */
    char data[8192];
    FILE *f = fopen("/usr/share/zoneinfo/Europe/Berlin", "re");
    assert_non_null(f);
    size_t n = fread(data, 1, sizeof(data), f);
    (void)fclose(f);
    for (size_t cut = 0; cut < n; cut += 7) {
        struct err_info ei = {0};
        char *part = test_malloc(cut + 1);
        memcpy(part, data, cut);
        assert_null(zone_parse("cut", part, cut, &ei));
        assert_int_equal(ei.code, ERR_PARSE);
        test_free(part);
    }
    struct zone *z = zone_parse("whole", data, n, NULL);
    assert_non_null(z);
    zone_free(z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utc),       cmocka_unit_test(ends_of_months),
        cmocka_unit_test(berlin),    cmocka_unit_test(new_york),
        cmocka_unit_test(odd_zones), cmocka_unit_test(windows_tile),
        cmocka_unit_test(dates),     cmocka_unit_test(footers),
        cmocka_unit_test(bad_zones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
