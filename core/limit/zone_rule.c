/* zone_rule.c: the footer of a TZif file (a POSIX TZ text): summer time for the years to come. */
#include "core/limit/zone.h"

#define LAST_YEAR 2200
#define HOUR_S    3600
#define DAY_S     86400

struct text {
    const char *at, *end;
};

/* When in a year a change comes: Mm.w.d, Jn (1 to 365, never 29 February) or n (0 to 365). */
struct moment {
    enum { MOMENT_MONTH, MOMENT_JULIAN, MOMENT_DAY } kind;
    int month, week, day;
    int64_t time_s; /* local, -167 h to 167 h */
};

struct rule_text {
    int64_t standard_s, summer_s; /* offsets */
    struct moment begin, end;     /* of summer time */
};

static bool eat(struct text *t, char c)
{
    if (t->at == t->end || *t->at != c) {
        return false;
    }
    t->at++;
    return true;
}

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool eat_name(struct text *t)
{
    const char *begin = t->at;
    if (eat(t, '<')) {
        while (t->at < t->end && *t->at != '>') {
            t->at++;
        }
        return eat(t, '>');
    }
    while (t->at < t->end && letter(*t->at)) {
        t->at++;
    }
    return t->at - begin >= 3;
}

static bool eat_number(struct text *t, int max, int *out)
{
    const char *begin = t->at;
    int v = 0;
    while (t->at < t->end && *t->at >= '0' && *t->at <= '9' && v <= max) {
        v = v * 10 + (*t->at++ - '0');
    }
    *out = v;
    return t->at > begin && v <= max;
}

/* [+-]h[:m[:s]] in seconds. */
static bool eat_time(struct text *t, int64_t *out)
{
    bool minus = eat(t, '-');
    int h, m = 0, s = 0;
    if (!minus) {
        (void)eat(t, '+');
    }
    if (!eat_number(t, 167, &h)) {
        return false;
    }
    if (eat(t, ':') && (!eat_number(t, 59, &m) || (eat(t, ':') && !eat_number(t, 59, &s)))) {
        return false;
    }
    *out = (int64_t)h * HOUR_S + m * 60 + s;
    if (minus) {
        *out = -*out;
    }
    return true;
}

static bool eat_moment(struct text *t, struct moment *m)
{
    *m = (struct moment){.kind = MOMENT_DAY, .time_s = 2 * HOUR_S};
    if (!eat(t, ',')) {
        return false;
    }
    bool ok;
    if (eat(t, 'M')) {
        m->kind = MOMENT_MONTH;
        ok = eat_number(t, 12, &m->month) && m->month > 0 && eat(t, '.') &&
             eat_number(t, 5, &m->week) && m->week > 0 && eat(t, '.') && eat_number(t, 6, &m->day);
    } else if (eat(t, 'J')) {
        m->kind = MOMENT_JULIAN;
        ok = eat_number(t, 365, &m->day) && m->day > 0;
    } else {
        ok = eat_number(t, 365, &m->day);
    }
    return ok && (!eat(t, '/') || eat_time(t, &m->time_s));
}

/* false: malformed; *summer tells whether there is summer time at all. */
static bool parse(struct text *t, struct rule_text *r, bool *summer)
{
    *summer = false;
    if (!eat_name(t) || !eat_time(t, &r->standard_s)) {
        return false;
    }
    r->standard_s = -r->standard_s; /* the text counts westward */
    if (t->at == t->end) {
        return true;
    }
    *summer = true;
    if (!eat_name(t)) {
        return false;
    }
    r->summer_s = r->standard_s + HOUR_S;
    if (t->at < t->end && *t->at != ',') {
        if (!eat_time(t, &r->summer_s)) {
            return false;
        }
        r->summer_s = -r->summer_s;
    }
    return eat_moment(t, &r->begin) && eat_moment(t, &r->end) && t->at == t->end;
}

/* Local seconds of the moment in that year. */
static int64_t moment_in(const struct moment *m, int64_t year)
{
    int64_t day = zone_days(year, 1, 1);
    if (m->kind == MOMENT_DAY) {
        day += m->day;
    } else if (m->kind == MOMENT_JULIAN) {
        bool leap = zone_days(year, 3, 1) - zone_days(year, 2, 1) == 29;
        day += m->day - 1 + (leap && m->day >= 60);
    } else {
        int64_t first = zone_days(year, m->month, 1);
        int64_t after =
            m->month == 12 ? zone_days(year + 1, 1, 1) : zone_days(year, m->month + 1, 1);
        int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday; Sunday is 0 */
        day = first + (m->day - weekday + 7) % 7 + (int64_t)(m->week - 1) * 7;
        while (day >= after) {
            day -= 7;
        }
    }
    return day * DAY_S + m->time_s;
}

static enum err add_later(struct zone *z, int64_t at_s, int64_t offset_s)
{
    if (z->count > 0 && at_s <= z->changes[z->count - 1].at_s) {
        return ERR_OK;
    }
    return zone_add(z, at_s, offset_s);
}

enum err zone_rule_extend(struct zone *z, const char *footer, size_t n)
{
    struct text t = {footer, footer + n};
    struct rule_text r;
    bool summer;
    if (n == 0) {
        return ERR_OK;
    }
    if (!parse(&t, &r, &summer)) {
        return ERR_PARSE;
    }
    if (!summer) {
        return ERR_OK;
    }
    int64_t year = 1970;
    int month, day;
    if (z->count > 0) {
        int64_t last = z->changes[z->count - 1].at_s;
        zone_date(last / DAY_S, &year, &month, &day);
        year = year < 1970 ? 1970 : year;
    }
    for (; year <= LAST_YEAR; year++) {
        int64_t begin = moment_in(&r.begin, year) - r.standard_s;
        int64_t end = moment_in(&r.end, year) - r.summer_s;
        bool northern = begin < end;
        enum err e = add_later(z, northern ? begin : end, northern ? r.summer_s : r.standard_s);
        if (e == ERR_OK) {
            e = add_later(z, northern ? end : begin, northern ? r.standard_s : r.summer_s);
        }
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}
