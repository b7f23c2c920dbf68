/* zone.h: a timezone of the system's zoneinfo as a table of offsets. Private to room `limit`.
 * Immutable once read, so any thread may use it; the process's TZ plays no part. */
#ifndef TOLLGATE_LIMIT_ZONE_H
#define TOLLGATE_LIMIT_ZONE_H

#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zone_change {
    int64_t at_s;     /* UTC seconds */
    int64_t offset_s; /* local minus UTC from then on */
};
struct zone {
    int64_t first_offset_s; /* before the first change */
    struct zone_change *changes;
    size_t count, cap;
};

/* "UTC" (or "", "Etc/UTC", "GMT") needs no file. NULL: no such zone or a file that is no TZif. */
struct zone *zone_new(const char *name, struct err_info *ei);
/* The same from the bytes of a TZif file; `name` is for messages. */
struct zone *zone_parse(const char *name, const void *data, size_t n, struct err_info *ei);
void zone_free(struct zone *z);

int64_t zone_offset(const struct zone *z, int64_t utc_s);
/* The changes of offset around a time: the last at or before it, the first after it
 * (INT64_MIN, INT64_MAX: none). */
void zone_span(const struct zone *z, int64_t utc_s, int64_t *from_s, int64_t *to_s);
/* First instant whose local time is local_s or later: a local time that a change skips gives the
 * instant of the change, one that comes twice its first coming. `after_s`: only instants after it
 * count where there is a choice (INT64_MIN: no bound). */
int64_t zone_to_utc(const struct zone *z, int64_t local_s, int64_t after_s);

/* Days since 1970-01-01 of a date; month 1 to 12. */
int64_t zone_days(int64_t year, int month, int day);
/* The reverse. */
void zone_date(int64_t days, int64_t *year, int *month, int *day);

/* Adds the changes that a TZif footer ("CET-1CEST,M3.5.0,M10.5.0/3") promises for the years after
 * the table ends. A footer without summer time adds nothing. ERR_PARSE, ERR_NOMEM. */
enum err zone_rule_extend(struct zone *z, const char *footer, size_t n) MUST_CHECK;
/* Appends a change; times must rise. */
enum err zone_add(struct zone *z, int64_t at_s, int64_t offset_s) MUST_CHECK;

#endif
