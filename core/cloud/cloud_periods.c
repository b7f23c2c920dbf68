/* cloud_periods.c: how often each source is asked, and what that costs. */
#include "core/cloud/cloud_private.h"

#include "core/base/log.h"

#define MONTH_MS       (30 * 24 * 3600 * 1000LL)
#define CREDENTIALS_MS 5000
#define AUDIT_MS       10000
#define QUOTAS_MS      (24 * 3600 * 1000LL)
#define LONGEST_MS     MONTH_MS
#define METRIC_USD     (MONEY_DOLLAR * 3 / 10) /* a custom metric a month */

static int64_t wanted_period(enum source s, const struct config *config)
{
    switch (s) {
    case SOURCE_CREDENTIALS:
        return CREDENTIALS_MS;
    case SOURCE_PUBLISH:
        return config->publish_metrics.on ? config->publish_metrics.every_ms : 0;
    case SOURCE_AUDIT:
        return config->publish_audit.on ? AUDIT_MS : 0;
    case SOURCE_CLOUDWATCH:
        return config->publish_metrics.on ? config->poll.cloudwatch_ms : 0;
    case SOURCE_BEDROCK:
    case SOURCE_ALARMS:
    case SOURCE_RECONCILE:
        return config->poll.cloudwatch_ms;
    case SOURCE_QUOTAS:
        return config->poll.cloudwatch_ms > 0 ? QUOTAS_MS : 0;
    case SOURCE_PROFILES:
        return config->poll.profiles_ms;
    case SOURCE_COST_EXPLORER:
        return config->cost_tags.count > 0 ? config->poll.cost_explorer_ms : 0;
    case SOURCE_BUDGETS:
        return config->poll.budgets_ms;
    case SOURCES:
        break;
    }
    return 0;
}

/* Of one run: the last one's, else what it may be; -1: free. */
static money_t cost_of(const struct cloud *c, enum source s)
{
    static const money_t assumed[SOURCES] = {[SOURCE_CLOUDWATCH] = MONEY_DOLLAR / 4000,
                                             [SOURCE_BEDROCK] = MONEY_DOLLAR / 4000,
                                             [SOURCE_ALARMS] = MONEY_DOLLAR / 100000,
                                             [SOURCE_COST_EXPLORER] = MONEY_DOLLAR / 20};
    if (assumed[s] == 0) {
        return -1;
    }
    return c->run_cost[s] >= 0 ? c->run_cost[s] : assumed[s];
}

static money_t monthly(money_t run, int64_t period_ms)
{
    return period_ms > 0 ? (money_t)((__int128)run * MONTH_MS / period_ms) : 0;
}

/* The period after stretching: never shorter than wanted. */
static int64_t stretched(int64_t wanted_ms, money_t sum, money_t most)
{
    if (wanted_ms <= 0 || sum <= most) {
        return wanted_ms;
    }
    __int128 period = most > 0 ? (__int128)wanted_ms * sum / most + 1 : LONGEST_MS;
    int64_t longest_ms = wanted_ms > LONGEST_MS ? wanted_ms : LONGEST_MS;
    return period < longest_ms ? (int64_t)period : longest_ms;
}

void cloud_spread(struct cloud *c, const struct config *config)
{
    money_t sum = 0;
    for (int i = 0; i < SOURCES; i++) {
        money_t run = cost_of(c, (enum source)i);
        if (run >= 0) {
            sum = money_add(sum, monthly(run, wanted_period((enum source)i, config)));
        }
    }
    for (int i = 0; i < SOURCES; i++) {
        struct cloud_source *s = &c->sources[i];
        money_t run = cost_of(c, (enum source)i);
        s->asked_ms = wanted_period((enum source)i, config);
        s->period_ms =
            run < 0 ? s->asked_ms : stretched(s->asked_ms, sum, config->poll.max_usd_per_month);
        if (i == SOURCE_PUBLISH) {
            s->usd_per_month = (money_t)c->known.names.count * PUBLISH_METRICS * METRIC_USD;
        } else {
            s->usd_per_month = run < 0 ? -1 : monthly(run, s->period_ms);
        }
    }
    bool stretching = sum > config->poll.max_usd_per_month;
    if (stretching && !c->stretching) {
        char text[MONEY_TEXT];
        money_display(text, sum);
        log_info("cloud",
                 "polls take longer turns: as often as the file says they would cost %s a "
                 "month, more than poll.max_usd_per_month",
                 text);
    }
    c->stretching = stretching;
}
