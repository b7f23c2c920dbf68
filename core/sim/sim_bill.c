/* sim_bill.c: see sim_bill.h. */
#include "core/sim/sim_bill.h"

#include "core/base/clock.h"
#include "core/sim/sim_words.h"

#include <stdio.h>

#define DAY_MS 86400000LL

const char *const sim_bill_centers[SIM_BILL_CENTERS] = {"sales", "services", "support", ""};
const char *const sim_bill_services[SIM_BILL_SERVICES] = {
    "Amazon Bedrock",
    "Claude 3.5 Haiku (Amazon Bedrock Edition)",
    "Claude 3.5 Sonnet v2 (Amazon Bedrock Edition)",
    "Amazon Simple Storage Service",
};

money_t sim_bill_day(int64_t day, size_t center, size_t service, int64_t today)
{
    static const int64_t usual_cents[SIM_BILL_CENTERS][SIM_BILL_SERVICES] = {
        {820, 1130, 2460, 90}, {410, 640, 1320, 240}, {190, 880, 350, 60}, {35, 20, 110, 15}};
    uint64_t state = (uint64_t)day * 64 + center * 8 + service;
    int64_t share = 60 + (int64_t)(sim_draw(&state) % 81); /* percent of the usual */

    if (day >= today) {
        return 0;
    }
    /* The first of January 1970 was a Thursday: days 2 and 3 of each seven are the weekend. */
    if (day % 7 == 2 || day % 7 == 3) {
        share /= 4;
    }
    return usual_cents[center][service] * share * (MONEY_DOLLAR / 10000);
}

bool sim_bill_parse_day(struct str text, int64_t *day)
{
    char full[CLOCK_TEXT];
    int64_t ms;

    if (text.n != SIM_BILL_DAY_TEXT - 1) {
        return false;
    }
    (void)snprintf(full, sizeof full, "%.10sT00:00:00Z", text.p);
    if (!clock_parse_rfc3339(str_of(full), &ms) || ms < 0) {
        return false;
    }
    *day = ms / DAY_MS;
    return true;
}

void sim_bill_day_text(char out[SIM_BILL_DAY_TEXT], int64_t day)
{
    char full[CLOCK_TEXT];

    clock_rfc3339(full, day * DAY_MS);
    (void)str_copy(out, SIM_BILL_DAY_TEXT, str_of(full));
}

int64_t sim_bill_next_month(int64_t day)
{
    char text[SIM_BILL_DAY_TEXT];

    do {
        sim_bill_day_text(text, ++day);
    } while (!str_ends(str_of(text), "-01"));
    return day;
}
