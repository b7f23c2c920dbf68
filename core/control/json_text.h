/* json_text.h: JSON out of the core. jansson builds the values; this writes them, because money
 * must be printed exactly: a real is written with at most nine decimals, exact below 4.5 million
 * dollars. */
#ifndef TOLLGATE_CONTROL_JSON_TEXT_H
#define TOLLGATE_CONTROL_JSON_TEXT_H

#include <jansson.h>

#include "core/base/buf.h"
#include "core/base/money.h"

/* Appends the value, compact, on one line. */
bool json_text(struct buf *out, const json_t *value);
/* The same indented by two spaces a level, for people. */
bool json_text_pretty(struct buf *out, const json_t *value);
/* Dollars. */
json_t *json_money(money_t m);
/* A string from outside bytes: invalid UTF-8 is replaced. */
json_t *json_str(struct str s);
/* RFC 3339, or null for 0. */
json_t *json_time(int64_t wall_ms);

#endif
