/* money.h: money as integer nano-dollars, and prices as nano-dollars per million tokens. */
#ifndef TOLLGATE_BASE_MONEY_H
#define TOLLGATE_BASE_MONEY_H

#include "core/base/str.h"

typedef int64_t money_t; /* nano-dollars; 9.2 billion dollars at most */

#define MONEY_DOLLAR 1000000000LL
#define MONEY_TEXT   32

/* "12.5", "0.80", "3": at most 9 decimals, not negative. */
bool money_parse(struct str text, money_t *out);
/* Exact, shortest: "12.5", "0", "0.000000008". */
void money_format(char out[MONEY_TEXT], money_t m);
/* For people: "$1,234.56"; below one cent with as many digits as are needed to see it. */
void money_display(char out[MONEY_TEXT], money_t m);
/* a + b, or INT64_MAX instead of overflow. */
int64_t money_add(int64_t a, int64_t b);

#endif
