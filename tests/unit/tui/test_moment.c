#include "core/base/clock.h"
#include "tests/unit/test.h"
#include "tui/moment.h"

#include <stdlib.h>
#include <time.h>

#define NOW "2026-11-21T14:30:20Z"

static void means(const char *typed, bool local, const char *want)
{
    int64_t now;
    int64_t at = 0;
    char is[CLOCK_TEXT] = "no time";
    assert_true(clock_parse_rfc3339(str_of(NOW), &now));
    if (moment_parse(str_of(typed), now, local, &at)) {
        clock_rfc3339(is, at);
    }
    if (strcmp(is, want) != 0) {
        fail_msg("\"%s\" is %s instead of %s", typed, is, want);
    }
}

static void times_are_read_as_people_type_them(void **state)
{
    (void)state;
    means("14:05", false, "2026-11-21T14:05:00Z");
    means(" 9:07 ", false, "2026-11-21T09:07:00Z");
    means("14:05:09", false, "2026-11-21T14:05:09Z");
    means("14:31", false, "2026-11-20T14:31:00Z"); /* has not been today: yesterday's */
    means("11-20 14:00", false, "2026-11-20T14:00:00Z");
    means("12-24 18:00", false, "2025-12-24T18:00:00Z");
    means("2026-11-20 09:00", false, "2026-11-20T09:00:00Z");
    means("2026-11-20", false, "2026-11-21T00:00:00Z");
    means("11-20", false, "2026-11-21T00:00:00Z");
    means("11-21", false, NOW); /* today, which goes on */
    means("2024-02-29 12:00", false, "2024-02-29T12:00:00Z");
    means("2026-11-20T09:00:00Z", true, "2026-11-20T09:00:00Z");
    means("-3h", false, "2026-11-21T11:30:20Z");
    means("90m ago", false, "2026-11-21T13:00:20Z");
    means("-2d", true, "2026-11-19T14:30:20Z");
    means("now", false, NOW);
    means("2027-01-01 00:00", false, "2027-01-01T00:00:00Z"); /* for the caller to refuse */
}

static void local_times_know_their_zone(void **state)
{
    (void)state;
    assert_int_equal(setenv("TZ", "Europe/Berlin", 1), 0);
    tzset();
    means("14:05", true, "2026-11-21T13:05:00Z");
    means("2026-07-01 12:00", true, "2026-07-01T10:00:00Z"); /* in summer */
    means("15:30", true, "2026-11-21T14:30:00Z");
    means("15:31", true, "2026-11-20T14:31:00Z");
    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "25:00",
                                      "14:60",
                                      "14",
                                      "14:5",
                                      "noon",
                                      "13-01",
                                      "2026-02-30",
                                      "2025-02-29",
                                      "11-31 09:00",
                                      "14:05 11-20",
                                      "-",
                                      "-3",
                                      "-3x",
                                      "ago",
                                      "14:05:",
                                      "2026-11-20 9",
                                      "2026/11/20",
                                      "14:05x",
                                      "11-20 14:05 15:00",
                                      "-99999999999999999999h"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        means(bad[i], false, "no time");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_as_people_type_them),
        cmocka_unit_test(local_times_know_their_zone),
        cmocka_unit_test(what_is_no_time_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
