/* moment.h: a point in time as somebody types it. */
#ifndef TOLLGATE_TUI_MOMENT_H
#define TOLLGATE_TUI_MOMENT_H

#include "core/base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* "14:05" or "14:05:09" (the last that was), "11-20 14:05" (likewise), "2026-11-20 14:05",
 * "2026-11-20" (its end, or now while it lasts), RFC 3339, "-3h" and "3h ago", "now". Times without
 * a zone are UTC, or local. *out: wall milliseconds, which may lie ahead. False: it is no time. */
bool moment_parse(struct str text, int64_t now_ms, bool local, int64_t *out);

#endif
