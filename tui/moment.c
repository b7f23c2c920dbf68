#include "tui/moment.h"

#include "core/base/clock.h"
#include "core/config/config.h"

#include <time.h>

/* Days and clock as they were typed; negative: not said. */
struct said {
    int year, month, day, hour, minute, second;
};

/* A number of `least` to `most` digits at the start of *s, which is cut; negative: there is none.
 */
static int take_number(struct str *s, size_t least, size_t most)
{
    int v = 0;
    size_t n = 0;
    while (n < s->n && n < most && s->p[n] >= '0' && s->p[n] <= '9') {
        v = v * 10 + (s->p[n++] - '0');
    }
    *s = (struct str){s->p + n, s->n - n};
    return n >= least ? v : -1;
}

static bool take_char(struct str *s, char c)
{
    bool there = s->n > 0 && s->p[0] == c;
    *s = (struct str){s->p + there, s->n - there};
    return there;
}

/* "2026-11-20" or "11-20" */
static bool read_day(struct str text, struct said *out)
{
    struct str s = text;
    out->year = take_number(&s, 4, 4);
    if (out->year < 0) {
        s = text;
    } else if (!take_char(&s, '-')) {
        return false;
    }
    out->month = take_number(&s, 1, 2);
    bool cut = take_char(&s, '-');
    out->day = take_number(&s, 1, 2);
    return cut && s.n == 0 && out->month >= 1 && out->month <= 12 && out->day >= 1;
}

/* "14:05" or "14:05:09" */
static bool read_clock(struct str s, struct said *out)
{
    out->hour = take_number(&s, 1, 2);
    bool cut = take_char(&s, ':');
    out->minute = take_number(&s, 2, 2);
    out->second = take_char(&s, ':') ? take_number(&s, 2, 2) : 0;
    return cut && s.n == 0 && out->hour >= 0 && out->hour < 24 && out->minute >= 0 &&
           out->minute < 60 && out->second >= 0 && out->second < 60;
}

static bool read_words(struct str text, struct said *out)
{
    struct str rest;
    struct str first = str_cut(text, ' ', &rest);
    rest = str_trim(rest);
    *out = (struct said){-1, -1, -1, -1, 0, 0};
    if (rest.n > 0) {
        return read_day(first, out) && read_clock(rest, out);
    }
    if (read_clock(first, out)) {
        return true;
    }
    *out = (struct said){-1, -1, -1, -1, 0, 0};
    return read_day(first, out);
}

static bool wall_of(struct tm tm, bool local, int64_t *out)
{
    struct tm again = tm;
    again.tm_isdst = -1;
    time_t t = local ? mktime(&again) : timegm(&again);
    *out = (int64_t)t * 1000;
    return t != (time_t)-1;
}

static bool day_exists(const struct said *s, int year)
{
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return s->day <= days[s->month - 1] && (leap || s->month != 2 || s->day <= 28);
}

/* What was not said is that of the last such time before now. */
static bool complete(const struct said *s, int64_t now_ms, bool local, int64_t *out)
{
    struct tm tm;
    time_t now = (time_t)(now_ms / 1000);
    if (!(local ? localtime_r(&now, &tm) : gmtime_r(&now, &tm))) {
        return false;
    }
    bool whole_day = s->hour < 0;
    tm.tm_hour = whole_day ? 24 : s->hour;
    tm.tm_min = s->minute;
    tm.tm_sec = s->second;
    if (s->month > 0) {
        tm.tm_year = s->year > 0 ? s->year - 1900 : tm.tm_year;
        tm.tm_mon = s->month - 1;
        tm.tm_mday = s->day;
    }
    if (!wall_of(tm, local, out)) {
        return false;
    }
    int64_t begins = *out - (whole_day ? 24 * 3600000LL : 0); /* today has begun, if not ended */
    if (begins > now_ms && s->month < 0) {
        tm.tm_mday--;
    } else if (begins > now_ms && s->year < 0) {
        tm.tm_year--;
    }
    bool exists = (s->month < 0 || day_exists(s, tm.tm_year + 1900)) && wall_of(tm, local, out);
    if (whole_day && *out > now_ms && *out - 24 * 3600000LL <= now_ms) {
        *out = now_ms;
    }
    return exists;
}

bool moment_parse(struct str text, int64_t now_ms, bool local, int64_t *out)
{
    struct said said;
    int64_t span;
    text = str_trim(text);
    bool minus = text.n > 1 && text.p[0] == '-';
    bool ago = str_ends(text, " ago");
    if (str_is(text, "now")) {
        *out = now_ms;
        return true;
    }
    if (minus || ago) {
        struct str spoken = minus ? (struct str){text.p + 1, text.n - 1}
                                  : (struct str){text.p, text.n - (sizeof " ago" - 1)};
        *out = config_duration_parse(str_trim(spoken), &span) ? now_ms - span : 0;
        return *out > 0;
    }
    return clock_parse_rfc3339(text, out) ||
           (read_words(text, &said) && complete(&said, now_ms, local, out));
}
