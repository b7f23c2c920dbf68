/* zone.c: see zone.h. Reads TZif (RFC 9636): the 64-bit block where there is one, and its footer.
 */
#include "core/limit/zone.h"

#include "core/base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZONE_FILE_MAX 262144
#define HEADER_SIZE   44
#define DAY_S         86400

static bool leap_year(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int64_t year, int month)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && leap_year(year));
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t year_start(int64_t year)
{
    int64_t y = year - 1; /* leap days of the years before it */
    int64_t leaps = floor_div(y, 4) - floor_div(y, 100) + floor_div(y, 400);
    return (year - 1970) * 365 + leaps - 477;
}

int64_t zone_days(int64_t year, int month, int day)
{
    int64_t days = year_start(year) + day - 1;
    for (int m = 1; m < month; m++) {
        days += month_days(year, m);
    }
    return days;
}

void zone_date(int64_t days, int64_t *year, int *month, int *day)
{
    *year = 1970 + floor_div(days, 366);
    while (year_start(*year + 1) <= days) {
        (*year)++;
    }
    while (year_start(*year) > days) {
        (*year)--;
    }
    int64_t left = days - year_start(*year);
    *month = 1;
    while (left >= month_days(*year, *month)) {
        left -= month_days(*year, *month);
        (*month)++;
    }
    *day = (int)left + 1;
}

enum err zone_add(struct zone *z, int64_t at_s, int64_t offset_s)
{
    if (z->count == z->cap) {
        size_t cap = z->cap == 0 ? 64 : z->cap * 2;
        struct zone_change *grown = realloc(z->changes, cap * sizeof(*grown));
        if (grown == NULL) {
            return ERR_NOMEM;
        }
        z->changes = grown;
        z->cap = cap;
    }
    z->changes[z->count++] = (struct zone_change){at_s, offset_s};
    return ERR_OK;
}

/* Number of changes at or before a time. */
static size_t changes_until(const struct zone *z, int64_t utc_s)
{
    size_t low = 0, high = z->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (z->changes[middle].at_s <= utc_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

int64_t zone_offset(const struct zone *z, int64_t utc_s)
{
    size_t n = changes_until(z, utc_s);
    return n == 0 ? z->first_offset_s : z->changes[n - 1].offset_s;
}

void zone_span(const struct zone *z, int64_t utc_s, int64_t *from_s, int64_t *to_s)
{
    size_t n = changes_until(z, utc_s);
    *from_s = n == 0 ? INT64_MIN : z->changes[n - 1].at_s;
    *to_s = n == z->count ? INT64_MAX : z->changes[n].at_s;
}

int64_t zone_to_utc(const struct zone *z, int64_t local_s, int64_t after_s)
{
    /* Every stretch of equal offset that could hold it lies within a day of the time read as UTC.
     */
    size_t i = changes_until(z, local_s - 2 * DAY_S);
    int64_t last = INT64_MAX;
    for (;; i++) {
        int64_t offset = i == 0 ? z->first_offset_s : z->changes[i - 1].offset_s;
        int64_t from = i == 0 ? INT64_MIN : z->changes[i - 1].at_s;
        int64_t to = i == z->count ? INT64_MAX : z->changes[i].at_s;
        int64_t at = local_s - offset;
        if (at < from) {
            at = from; /* the change skipped it */
            if (last != INT64_MAX) {
                return last;
            }
        }
        if (at < to) {
            if (at > after_s || i == z->count) {
                return at > after_s || last == INT64_MAX ? at : last;
            }
            last = at;
        }
    }
}

struct reader {
    const unsigned char *at;
    size_t left;
};

static const unsigned char *take(struct reader *r, size_t n)
{
    if (r->left < n) {
        return NULL;
    }
    const unsigned char *at = r->at;
    r->at += n;
    r->left -= n;
    return at;
}

static int64_t big_endian(const unsigned char *p, size_t n)
{
    uint64_t v = (p[0] & 0x80) != 0 ? UINT64_MAX : 0;
    for (size_t i = 0; i < n; i++) {
        v = v << 8 | p[i];
    }
    return (int64_t)v;
}

struct counts {
    size_t is_ut, is_std, leaps, times, types, chars;
    int version;
};

static bool read_counts(struct reader *r, struct counts *c)
{
    const unsigned char *h = take(r, HEADER_SIZE);
    if (h == NULL || memcmp(h, "TZif", 4) != 0) {
        return false;
    }
    size_t *fields[6] = {&c->is_ut, &c->is_std, &c->leaps, &c->times, &c->types, &c->chars};
    for (size_t i = 0; i < 6; i++) {
        int64_t v = big_endian(h + 20 + 4 * i, 4);
        if (v < 0 || v > ZONE_FILE_MAX) {
            return false;
        }
        *fields[i] = (size_t)v;
    }
    c->version = h[4];
    return c->types > 0;
}

static size_t rest_size(const struct counts *c, size_t time_size)
{
    return c->chars + c->leaps * (time_size + 4) + c->is_std + c->is_ut;
}

static enum err read_block(struct reader *r, const struct counts *c, size_t time_size,
                           struct zone *z)
{
    const unsigned char *times = take(r, c->times * time_size);
    const unsigned char *indexes = take(r, c->times);
    const unsigned char *types = take(r, c->types * 6);
    if (times == NULL || indexes == NULL || types == NULL ||
        take(r, rest_size(c, time_size)) == NULL) {
        return ERR_PARSE;
    }
    z->first_offset_s = big_endian(types, 4);
    int64_t before = INT64_MIN;
    for (size_t i = 0; i < c->times; i++) {
        int64_t at = big_endian(times + i * time_size, time_size);
        int64_t offset = indexes[i] < c->types ? big_endian(types + indexes[i] * 6U, 4) : INT64_MAX;
        if (offset > DAY_S || offset < -DAY_S || (i > 0 && at <= before)) {
            return ERR_PARSE;
        }
        before = at;
        enum err e = zone_add(z, at, offset);
        if (e != ERR_OK) {
            return e;
        }
    }
    return z->first_offset_s > DAY_S || z->first_offset_s < -DAY_S ? ERR_PARSE : ERR_OK;
}

static enum err read_zone(struct reader *r, struct zone *z)
{
    struct counts c;
    if (!read_counts(r, &c)) {
        return ERR_PARSE;
    }
    if (c.version == 0) {
        return read_block(r, &c, 4, z);
    }
    if (take(r, c.times * 5 + c.types * 6 + rest_size(&c, 4)) == NULL || !read_counts(r, &c)) {
        return ERR_PARSE;
    }
    enum err e = read_block(r, &c, 8, z);
    if (e != ERR_OK) {
        return e;
    }
    if (r->left < 2 || r->at[0] != '\n' || r->at[r->left - 1] != '\n') {
        return ERR_PARSE;
    }
    return zone_rule_extend(z, (const char *)r->at + 1, r->left - 2);
}

struct zone *zone_parse(const char *name, const void *data, size_t n, struct err_info *ei)
{
    struct zone *z = calloc(1, sizeof(*z));
    struct reader r = {data, n};
    enum err e = z == NULL ? ERR_NOMEM : read_zone(&r, z);
    if (e == ERR_OK) {
        return z;
    }
    zone_free(z);
    err_set(ei, e,
            e == ERR_NOMEM ? "timezone %s: out of memory"
                           : "timezone %s: its zoneinfo file is malformed",
            name);
    return NULL;
}

static bool name_ok(const char *name)
{
    if (name[0] == '/' || strstr(name, "..") != NULL || strlen(name) > 100) {
        return false;
    }
    for (const char *p = name; *p != '\0'; p++) {
        bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
        if (!letter && !(*p >= '0' && *p <= '9') && strchr("_+-/", *p) == NULL) {
            return false;
        }
    }
    return true;
}

static bool is_utc(const char *name)
{
    static const char *const names[] = {"", "UTC", "Etc/UTC", "GMT", "Etc/GMT", "Zulu", "UCT"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

struct zone *zone_new(const char *name, struct err_info *ei)
{
    if (name == NULL || is_utc(name)) {
        struct zone *utc = calloc(1, sizeof(*utc));
        if (utc == NULL) {
            err_set(ei, ERR_NOMEM, "timezone: out of memory");
        }
        return utc;
    }
    if (!name_ok(name)) {
        err_set(ei, ERR_NOT_FOUND, "timezone %.100s: not a zone name such as Europe/Berlin", name);
        return NULL;
    }
    char path[160];
    (void)snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        int sys = errno;
        err_set_sys(ei, sys == ENOMEM ? ERR_NOMEM : ERR_NOT_FOUND, sys,
                    "timezone %s: cannot read %s (package tzdata)", name, path);
        return NULL;
    }
    struct zone *z = NULL;
    char *data = malloc(ZONE_FILE_MAX);
    if (data == NULL) {
        err_set(ei, ERR_NOMEM, "timezone %s: out of memory", name);
    } else {
        size_t n = fread(data, 1, ZONE_FILE_MAX, f);
        z = zone_parse(name, data, n, ei);
    }
    free(data);
    (void)fclose(f);
    return z;
}

void zone_free(struct zone *z)
{
    if (z != NULL) {
        free(z->changes);
        free(z);
    }
}
