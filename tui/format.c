#include "tui/format.h"

#include "core/base/clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECOND 1000LL
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

void format_exact(char out[FORMAT_TEXT], int64_t n)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)n);
    size_t to = 0;
    for (int i = 0; i < length; i++) {
        int left = length - i;
        if (i > 0 && left % 3 == 0 && digits[i - 1] != '-') {
            out[to++] = ',';
        }
        out[to++] = digits[i];
    }
    out[to] = '\0';
}

void format_count(char out[FORMAT_TEXT], int64_t n)
{
    static const char units[] = "kMGTPE";
    double v = (double)n;
    int unit = -1;
    while (fabs(v) >= 999.5 && unit < 5) {
        v /= 1000;
        unit++;
    }
    if (unit < 0) {
        snprintf(out, FORMAT_TEXT, "%lld", (long long)n);
    } else {
        snprintf(out, FORMAT_TEXT, "%.*f%c",
                 fabs(v) < 9.995   ? 2
                 : fabs(v) < 99.95 ? 1
                                   : 0,
                 v, units[unit]);
    }
}

void format_money(char out[FORMAT_TEXT], money_t m)
{
    if (m >= 1000 * MONEY_DOLLAR) {
        char whole[FORMAT_TEXT];
        format_exact(whole, (m + MONEY_DOLLAR / 2) / MONEY_DOLLAR);
        snprintf(out, FORMAT_TEXT, "$%.40s", whole);
        return;
    }
    char text[MONEY_TEXT];
    money_display(text, m);
    snprintf(out, FORMAT_TEXT, "%s", text);
}

void format_live_money(char out[FORMAT_TEXT], money_t m)
{
    money_t cent = MONEY_DOLLAR / 100;
    if (m == 0 || (m > 0 && m < cent)) {
        snprintf(out, FORMAT_TEXT, "%s", m == 0 ? "$0" : "<$0.01");
    } else {
        format_money(out, m / cent * cent);
    }
}

static bool is_usd(const char *metric)
{
    return metric && strcmp(metric, "usd") == 0;
}

void format_amount(char out[FORMAT_TEXT], const char *metric, int64_t amount)
{
    if (is_usd(metric)) {
        char text[MONEY_TEXT];
        money_display(text, amount);
        size_t n = strlen(text);
        bool whole = n > 3 && strcmp(text + n - 3, ".00") == 0;
        snprintf(out, FORMAT_TEXT, "%.*s", (int)(whole ? n - 3 : n), text);
        return;
    }
    static const struct {
        int64_t size;
        char letter;
    } units[] = {{1000000000, 'G'}, {1000000, 'M'}, {1000, 'k'}};
    for (size_t i = 0; i < sizeof units / sizeof *units && amount > 0; i++) {
        int64_t tenths = amount / (units[i].size / 10);
        if (amount >= units[i].size && amount % (units[i].size / 10) == 0) {
            bool whole = tenths % 10 == 0;
            snprintf(out, FORMAT_TEXT, whole ? "%lld%c" : "%lld.%c%c", (long long)(tenths / 10),
                     whole ? units[i].letter : (char)('0' + tenths % 10), units[i].letter);
            return;
        }
    }
    format_exact(out, amount);
}

void format_amount_typed(char out[FORMAT_TEXT], const char *metric, int64_t amount)
{
    if (is_usd(metric)) {
        char text[MONEY_TEXT];
        money_format(text, amount);
        snprintf(out, FORMAT_TEXT, "%s", text);
    } else {
        snprintf(out, FORMAT_TEXT, "%lld", (long long)amount);
    }
}

void format_span(char out[FORMAT_TEXT], int64_t ms)
{
    if (ms < 10 * SECOND) {
        snprintf(out, FORMAT_TEXT, "<10 s");
    } else if (ms < MINUTE) {
        snprintf(out, FORMAT_TEXT, "%lld s", (long long)(ms / SECOND / 10 * 10));
    } else if (ms < HOUR) {
        snprintf(out, FORMAT_TEXT, "%lld min", (long long)(ms / MINUTE));
    } else if (ms < 2 * DAY) {
        snprintf(out, FORMAT_TEXT, "%lld h", (long long)(ms / HOUR));
    } else {
        snprintf(out, FORMAT_TEXT, "%lld d", (long long)(ms / DAY));
    }
}

static bool split_time(int64_t wall_ms, bool local, struct tm *tm)
{
    time_t t = (time_t)(wall_ms / SECOND);
    return wall_ms > 0 && (local ? localtime_r(&t, tm) : gmtime_r(&t, tm)) != NULL;
}

void format_behind(char out[FORMAT_TEXT], int64_t ms)
{
    int64_t minutes = ms > 0 ? ms / 60000 : 0;
    int64_t days = minutes / 1440;
    int n = days > 0 ? snprintf(out, FORMAT_TEXT, "%lld d ", (long long)days) : 0;
    snprintf(out + n, FORMAT_TEXT - (size_t)n, "%02lld:%02lld", (long long)(minutes / 60 % 24),
             (long long)(minutes % 60));
}

void format_clock(char out[FORMAT_TEXT], int64_t wall_ms, bool seconds, bool local)
{
    struct tm tm;
    out[0] = '\0';
    if (split_time(wall_ms, local, &tm)) {
        int n = snprintf(out, FORMAT_TEXT, "%02d:%02d", tm.tm_hour, tm.tm_min);
        if (seconds) {
            snprintf(out + n, FORMAT_TEXT - (size_t)n, ":%02d", tm.tm_sec);
        }
    }
}

void format_day_clock(char out[FORMAT_TEXT], int64_t wall_ms, bool local)
{
    struct tm tm;
    out[0] = '\0';
    if (split_time(wall_ms, local, &tm)) {
        snprintf(out, FORMAT_TEXT, "%02d-%02d %02d:%02d", tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                 tm.tm_min);
    }
}

const char *format_zone(bool local)
{
    if (!local) {
        return "UTC";
    }
    static char zone[16];
    time_t t = (time_t)(clock_wall_ms() / SECOND);
    struct tm tm;
    if (!localtime_r(&t, &tm) || strftime(zone, sizeof zone, "%Z", &tm) == 0) {
        return "local";
    }
    return zone;
}

money_t format_json_money(const json_t *v)
{
    double dollars = json_number_value(v);
    return fabs(dollars) > 9e9 ? 0 : (money_t)llround(dollars * (double)MONEY_DOLLAR);
}

int64_t format_json_amount(const json_t *v, const char *metric)
{
    if (is_usd(metric)) {
        return format_json_money(v);
    }
    return json_is_integer(v) ? json_integer_value(v) : (int64_t)json_number_value(v);
}

int64_t format_json_time(const json_t *v)
{
    int64_t ms = 0;
    const char *text = json_string_value(v);
    return text && clock_parse_rfc3339(str_of(text), &ms) ? ms : 0;
}
