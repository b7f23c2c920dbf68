/* sim_bill.h: the simulated bill: invented costs that are always the same for a day, a cost center
 * and a service. Nothing is billed yet for today and later. */
#ifndef TOLLGATE_SIM_SIM_BILL_H
#define TOLLGATE_SIM_SIM_BILL_H

#include "core/base/money.h"

#define SIM_BILL_CENTERS  4
#define SIM_BILL_SERVICES 4

extern const char *const sim_bill_centers[SIM_BILL_CENTERS]; /* "" is untagged */
extern const char *const sim_bill_services[SIM_BILL_SERVICES];

/* Cost of one day (since 1970 UTC). */
money_t sim_bill_day(int64_t day, size_t center, size_t service, int64_t today);

/* "2026-11-21" to days since 1970. */
bool sim_bill_parse_day(struct str text, int64_t *day);
#define SIM_BILL_DAY_TEXT 11
void sim_bill_day_text(char out[SIM_BILL_DAY_TEXT], int64_t day);
/* First day of the month after `day`'s. */
int64_t sim_bill_next_month(int64_t day);

#endif
