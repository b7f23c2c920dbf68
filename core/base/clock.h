/* clock.h: the two clocks, and times as text. Wall time is milliseconds since 1970 UTC. */
#ifndef TOLLGATE_BASE_CLOCK_H
#define TOLLGATE_BASE_CLOCK_H

#include "core/base/str.h"

int64_t clock_wall_ms(void);
int64_t clock_mono_us(void); /* CLOCK_MONOTONIC, microseconds */

/* Tests only: freezes clock_wall_ms at this value (0: real clock again). Thread-safe. */
void clock_set_fake_wall(int64_t ms);

#define CLOCK_TEXT 32
/* "2026-11-21T01:36:38Z"; with milliseconds when they are not zero. */
void clock_rfc3339(char out[CLOCK_TEXT], int64_t wall_ms);
/* "20261121T013638Z", as SigV4 wants it. */
void clock_amz(char out[CLOCK_TEXT], int64_t wall_ms);
/* "Sat, 21 Nov 2026 01:36:38 GMT", as HTTP wants it. */
void clock_http(char out[CLOCK_TEXT], int64_t wall_ms);
/* RFC 3339 with its zone, and the form that SigV4 wants. False: not such a time, *wall_ms is as it
 * was. */
bool clock_parse_rfc3339(struct str text, int64_t *wall_ms);
bool clock_parse_amz(struct str text, int64_t *wall_ms);

#endif
