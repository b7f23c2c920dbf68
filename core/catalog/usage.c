/* usage.c: what the tokens of a call cost, and what they count for in each metric. */
#include "core/catalog/call.h"

__extension__ typedef __int128 wide;

#define TOKENS_A_PRICE 1000000
#define SUM_MAX        ((wide)1 << 126) /* far beyond money; one more class still fits */

/* Adds tokens x price; false when such tokens were used and their price is not known. */
static bool add_class(wide *sum, int64_t tokens, int64_t price)
{
    if (tokens <= 0) {
        return true;
    }
    if (price < 0) {
        return false;
    }
    *sum += (wide)tokens * price;
    *sum = *sum < SUM_MAX ? *sum : SUM_MAX;
    return true;
}

money_t usage_cost(const struct usage *u, const struct price *p)
{
    wide sum = 0;
    if (!add_class(&sum, u->input, p->input) || !add_class(&sum, u->output, p->output) ||
        !add_class(&sum, u->cache_read, p->cache_read) ||
        !add_class(&sum, u->cache_write_5m, p->cache_write_5m) ||
        !add_class(&sum, u->cache_write_1h, p->cache_write_1h)) {
        return -1;
    }
    wide cost = (sum + TOKENS_A_PRICE / 2) / TOKENS_A_PRICE;
    return cost > INT64_MAX ? INT64_MAX : (money_t)cost;
}

static int64_t whole_input(const struct usage *u)
{
    return money_add(money_add(u->input, u->cache_read),
                     money_add(u->cache_write_5m, u->cache_write_1h));
}

static int64_t by_percent(int64_t price, int percent)
{
    return price < 0 ? price : (int64_t)((wide)price * percent / 100);
}

struct price call_price(const struct call *c, const struct usage *u)
{
    const struct price *p = &c->price;
    if (c->long_above <= 0 || whole_input(u) <= c->long_above) {
        return *p;
    }
    return (struct price){.input = by_percent(p->input, 200),
                          .output = by_percent(p->output, 150),
                          .cache_read = by_percent(p->cache_read, 200),
                          .cache_write_5m = by_percent(p->cache_write_5m, 200),
                          .cache_write_1h = by_percent(p->cache_write_1h, 200)};
}

money_t call_cost(const struct call *c, const struct usage *u)
{
    struct price p = call_price(c, u);
    bool nothing = whole_input(u) == 0 && u->output == 0;
    return nothing ? 0 : c->priced ? usage_cost(u, &p) : -1;
}

void amounts_of(struct amounts *a, const struct usage *u, const struct model *m, money_t usd)
{
    int64_t writes = money_add(u->cache_write_5m, u->cache_write_1h);
    int64_t input = whole_input(u);
    int64_t weight = m != NULL && m->burndown > 1 ? m->burndown : 1;
    int64_t weighed = u->output > INT64_MAX / weight ? INT64_MAX : u->output * weight;
    *a = (struct amounts){
        .v = {
            [METRIC_TOKENS] = money_add(input, u->output),
            [METRIC_INPUT_TOKENS] = input,
            [METRIC_OUTPUT_TOKENS] = u->output,
            [METRIC_AWS_QUOTA_TOKENS] = money_add(money_add(u->input, writes), weighed),
            [METRIC_REQUESTS] = 1,
            [METRIC_USD] = usd,
            [METRIC_CONCURRENCY] = 1,
        }};
}
