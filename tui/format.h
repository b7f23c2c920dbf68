/* format.h: figures and times as an engineer reads them. */
#ifndef TOLLGATE_TUI_FORMAT_H
#define TOLLGATE_TUI_FORMAT_H

#include "core/base/money.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define FORMAT_TEXT 48

/* "950", "92.1k", "1.24M": four characters of worth. */
void format_count(char out[FORMAT_TEXT], int64_t n);
/* "1,234,567" */
void format_exact(char out[FORMAT_TEXT], int64_t n);
/* "$3.10", "$6,204" (no cents from a thousand on), "$0.0004". */
void format_money(char out[FORMAT_TEXT], money_t m);
/* Money that moves: no finer than a cent, "<$0.01" for what is less, "$0" for nothing. */
void format_live_money(char out[FORMAT_TEXT], money_t m);
/* An amount of a limit, short and exact: "100k", "1.5M", "123,456", "$12.50". */
void format_amount(char out[FORMAT_TEXT], const char *metric, int64_t amount);
/* The same as a person would type it, and as the core takes it: "110000", "12.5". */
void format_amount_typed(char out[FORMAT_TEXT], const char *metric, int64_t amount);
/* A span in steps that seldom change: "<10 s", "20 s", "5 min", "3 h", "4 d". */
void format_span(char out[FORMAT_TEXT], int64_t ms);
/* How far behind, in steps of a minute: "00:42" (hours and minutes), "2 d 03:10". */
void format_behind(char out[FORMAT_TEXT], int64_t ms);
/* "14:05" or "14:05:09", in UTC or local time. */
void format_clock(char out[FORMAT_TEXT], int64_t wall_ms, bool seconds, bool local);
/* "11-21 14:05" */
void format_day_clock(char out[FORMAT_TEXT], int64_t wall_ms, bool local);
/* "UTC" or the local zone's name. */
const char *format_zone(bool local);

/* A JSON figure in the metric's unit as an integer: nano-dollars for usd. */
int64_t format_json_amount(const json_t *v, const char *metric);
money_t format_json_money(const json_t *v);
/* Milliseconds of an RFC 3339 member, or 0. */
int64_t format_json_time(const json_t *v);

#endif
