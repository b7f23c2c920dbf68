/* clock.c: see clock.h. Calendar arithmetic is done here: the libc's is slow and locale-bound. */
#include "core/base/clock.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define DAY_MS  86400000LL
#define LAST_MS 253402300799999LL /* 9999-12-31T23:59:59.999Z */

static _Atomic int64_t fake_wall;

struct moment {
    int year, month, day; /* month and day from 1 */
    int hour, minute, second, ms;
    int weekday; /* 0 is Sunday */
};

void clock_set_fake_wall(int64_t ms)
{
    atomic_store(&fake_wall, ms);
}

int64_t clock_wall_ms(void)
{
    int64_t fake = atomic_load_explicit(&fake_wall, memory_order_relaxed);
    if (fake != 0) {
        return fake;
    }
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_mono_us(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool leap_year(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days before January 1 of `year`, counted from 1970. */
static int64_t days_before_year(int year)
{
    int past = year - 1;
    return 365LL * (year - 1970) + (past / 4 - 492) - (past / 100 - 19) + (past / 400 - 4);
}

/* Days before the first of `month` (1 to 13) in `year`. */
static int days_before_month(int year, int month)
{
    static const short before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
    return before[month - 1] + (month > 2 && leap_year(year) ? 1 : 0);
}

static struct moment moment_of(int64_t wall_ms)
{
    if (wall_ms < 0) {
        wall_ms = 0;
    } else if (wall_ms > LAST_MS) {
        wall_ms = LAST_MS;
    }
    int64_t days = wall_ms / DAY_MS;
    int rest = (int)(wall_ms % DAY_MS);
    struct moment m = {.ms = rest % 1000,
                       .second = rest / 1000 % 60,
                       .minute = rest / 60000 % 60,
                       .hour = rest / 3600000,
                       .weekday = (int)((days + 4) % 7)};
    m.year = 1970 + (int)(days * 400 / 146097); /* right, or off by one either way */
    while (days < days_before_year(m.year)) {
        m.year--;
    }
    while (days >= days_before_year(m.year + 1)) {
        m.year++;
    }
    int day = (int)(days - days_before_year(m.year));
    m.month = day / 31 + 1; /* right, or one too early */
    if (day >= days_before_month(m.year, m.month + 1)) {
        m.month++;
    }
    m.day = day - days_before_month(m.year, m.month) + 1;
    return m;
}

static char *put(char *at, int value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + width;
}

static char *put_text(char *at, const char *text, size_t n)
{
    memcpy(at, text, n);
    return at + n;
}

static char *put_time(char *at, const struct moment *m)
{
    at = put(at, m->hour, 2);
    *at++ = ':';
    at = put(at, m->minute, 2);
    *at++ = ':';
    return put(at, m->second, 2);
}

void clock_rfc3339(char out[CLOCK_TEXT], int64_t wall_ms)
{
    struct moment m = moment_of(wall_ms);
    char *at = put(out, m.year, 4);
    *at++ = '-';
    at = put(at, m.month, 2);
    *at++ = '-';
    at = put(at, m.day, 2);
    *at++ = 'T';
    at = put_time(at, &m);
    if (m.ms != 0) {
        *at++ = '.';
        at = put(at, m.ms, 3);
    }
    *at++ = 'Z';
    *at = '\0';
}

void clock_amz(char out[CLOCK_TEXT], int64_t wall_ms)
{
    struct moment m = moment_of(wall_ms);
    char *at = put(out, m.year, 4);
    at = put(at, m.month, 2);
    at = put(at, m.day, 2);
    *at++ = 'T';
    at = put(at, m.hour, 2);
    at = put(at, m.minute, 2);
    at = put(at, m.second, 2);
    *at++ = 'Z';
    *at = '\0';
}

void clock_http(char out[CLOCK_TEXT], int64_t wall_ms)
{
    static const char weekdays[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct moment m = moment_of(wall_ms);
    char *at = put_text(out, weekdays + 3 * m.weekday, 3);
    at = put_text(at, ", ", 2);
    at = put(at, m.day, 2);
    *at++ = ' ';
    at = put_text(at, months + 3 * (m.month - 1), 3);
    *at++ = ' ';
    at = put(at, m.year, 4);
    *at++ = ' ';
    at = put_time(at, &m);
    put_text(at, " GMT", 5);
}

/* Takes `width` digits and then, unless `then` is 0, that character off the front of *s. */
static bool take(struct str *s, size_t width, char then, int *value)
{
    size_t whole = width + (then != '\0' ? 1 : 0);
    if (s->n < whole || (then != '\0' && s->p[width] != then)) {
        return false;
    }
    int v = 0;
    for (size_t i = 0; i < width; i++) {
        if (s->p[i] < '0' || s->p[i] > '9') {
            return false;
        }
        v = v * 10 + (s->p[i] - '0');
    }
    *value = v;
    *s = str_sub(*s, whole, s->n);
    return true;
}

static bool valid_moment(const struct moment *m)
{
    return m->year >= 1970 && m->month >= 1 && m->month <= 12 && m->day >= 1 &&
           m->day <=
               days_before_month(m->year, m->month + 1) - days_before_month(m->year, m->month) &&
           m->hour <= 23 && m->minute <= 59 && m->second <= 60;
}

/* A second 60 is taken only as the leap second it can be: the last one of a day in UTC. */
static bool wall_of(const struct moment *m, int offset_minutes, int64_t *wall_ms)
{
    if (!valid_moment(m)) {
        return false;
    }
    int64_t days = days_before_year(m->year) + days_before_month(m->year, m->month) + m->day - 1;
    int64_t minutes = days * 1440 + m->hour * 60 + m->minute - offset_minutes;
    int64_t ms = minutes * 60000 + m->second * 1000;
    if (m->second == 60 && ms % DAY_MS != 0) {
        return false;
    }
    ms += m->ms;
    if (ms < 0 || ms > LAST_MS) {
        return false;
    }
    *wall_ms = ms;
    return true;
}

/* ".123456": to milliseconds, further digits dropped. */
static bool take_fraction(struct str *s, int *ms)
{
    size_t i = 1;
    int scale = 100;
    *ms = 0;
    while (i < s->n && s->p[i] >= '0' && s->p[i] <= '9') {
        *ms += (s->p[i] - '0') * scale;
        scale /= 10;
        i++;
    }
    *s = str_sub(*s, i, s->n);
    return i > 1;
}

static bool take_zone(struct str *s, int *offset_minutes)
{
    if (str_is_nocase(*s, "z")) {
        *s = str_sub(*s, 1, 0);
        *offset_minutes = 0;
        return true;
    }
    if (s->n == 0 || (s->p[0] != '+' && s->p[0] != '-')) {
        return false;
    }
    int sign = s->p[0] == '-' ? -1 : 1;
    int hours, minutes;
    *s = str_sub(*s, 1, s->n);
    if (!take(s, 2, ':', &hours) || !take(s, 2, '\0', &minutes) || hours > 23 || minutes > 59) {
        return false;
    }
    *offset_minutes = sign * (hours * 60 + minutes);
    return true;
}

bool clock_parse_rfc3339(struct str text, int64_t *wall_ms)
{
    struct moment m = {0};
    int offset = 0;
    if (!take(&text, 4, '-', &m.year) || !take(&text, 2, '-', &m.month) ||
        !take(&text, 2, '\0', &m.day) || text.n == 0 ||
        (text.p[0] != 'T' && text.p[0] != 't' && text.p[0] != ' ')) {
        return false;
    }
    text = str_sub(text, 1, text.n);
    if (!take(&text, 2, ':', &m.hour) || !take(&text, 2, ':', &m.minute) ||
        !take(&text, 2, '\0', &m.second)) {
        return false;
    }
    if (text.n > 0 && text.p[0] == '.' && !take_fraction(&text, &m.ms)) {
        return false;
    }
    return take_zone(&text, &offset) && text.n == 0 && wall_of(&m, offset, wall_ms);
}

bool clock_parse_amz(struct str text, int64_t *wall_ms)
{
    struct moment m = {0};
    return take(&text, 4, '\0', &m.year) && take(&text, 2, '\0', &m.month) &&
           take(&text, 2, 'T', &m.day) && take(&text, 2, '\0', &m.hour) &&
           take(&text, 2, '\0', &m.minute) && take(&text, 2, 'Z', &m.second) && text.n == 0 &&
           wall_of(&m, 0, wall_ms);
}
