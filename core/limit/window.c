/* window.c: see window.h. */
#include "core/limit/window.h"

#define SECOND_MS 1000
#define HOUR_S    3600
#define DAY_S     86400

static int64_t floor_to(int64_t v, int64_t step)
{
    int64_t below = v % step;
    return v - (below < 0 ? below + step : below);
}

static void hour_at(const struct zone *z, int64_t now_s, int64_t *start_s, int64_t *end_s)
{
    int64_t offset = zone_offset(z, now_s);
    int64_t from, to;
    *start_s = floor_to(now_s + offset, HOUR_S) - offset;
    *end_s = *start_s + HOUR_S;
    zone_span(z, now_s, &from, &to);
    if (*start_s < from) {
        *start_s = from; /* the clock changed within the hour */
    }
    if (*end_s > to) {
        *end_s = to;
    }
}

/* First and one-past-last day of the calendar window that holds a day. */
static void days_at(enum config_window w, int64_t today, int64_t *first, int64_t *after)
{
    int64_t year;
    int month, day;
    if (w == WINDOW_WEEK) {
        *first = floor_to(today + 3, 7) - 3; /* 1970-01-01 was a Thursday */
        *after = *first + 7;
    } else if (w == WINDOW_MONTH) {
        zone_date(today, &year, &month, &day);
        *first = zone_days(year, month, 1);
        *after = month == 12 ? zone_days(year + 1, 1, 1) : zone_days(year, month + 1, 1);
    } else {
        *first = today;
        *after = today + 1;
    }
}

static void calendar_at(const struct zone *z, enum config_window w, int64_t now_s, int64_t *start_s,
                        int64_t *end_s)
{
    int64_t today = floor_to(now_s + zone_offset(z, now_s), DAY_S) / DAY_S;
    int64_t first, after;
    days_at(w, today, &first, &after);
    *start_s = zone_to_utc(z, first * DAY_S, INT64_MIN);
    *end_s = zone_to_utc(z, after * DAY_S, now_s);
}

void window_at(const struct zone *z, enum config_window w, int64_t now_ms, int64_t *start_ms,
               int64_t *end_ms)
{
    int64_t now_s = floor_to(now_ms, SECOND_MS) / SECOND_MS;
    int64_t start_s = 0, end_s = 0;
    switch (w) {
    case WINDOW_10S:
        start_s = floor_to(now_s, 10);
        end_s = start_s + 10;
        break;
    case WINDOW_1M:
        start_s = floor_to(now_s, 60);
        end_s = start_s + 60;
        break;
    case WINDOW_1H:
        hour_at(z, now_s, &start_s, &end_s);
        break;
    case WINDOW_DAY:
    case WINDOW_WEEK:
    case WINDOW_MONTH:
        calendar_at(z, w, now_s, &start_s, &end_s);
        break;
    case WINDOW_NONE:
    default:
        break;
    }
    *start_ms = start_s * SECOND_MS;
    *end_ms = end_s * SECOND_MS;
}

int64_t window_length_ms(enum config_window w)
{
    switch (w) {
    case WINDOW_10S:
        return (int64_t)10 * SECOND_MS;
    case WINDOW_1M:
        return (int64_t)60 * SECOND_MS;
    case WINDOW_1H:
        return (int64_t)HOUR_S * SECOND_MS;
    case WINDOW_DAY:
        return (int64_t)DAY_S * SECOND_MS;
    case WINDOW_WEEK:
    case WINDOW_MONTH:
    case WINDOW_NONE:
    default:
        return 0;
    }
}
