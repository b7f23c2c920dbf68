/* cost_explorer.c: see cost_explorer.h. */
#include "core/aws/cost_explorer.h"

#include <string.h>

#define PAGES_MAX   20 /* a runaway answer would cost a cent a page */
#define NANO_DIGITS 9

/* The digits of a decimal number without its point, and where the point belongs. */
struct decimal {
    bool negative;
    struct str whole, fraction;
    int64_t exponent;
};

static bool all_digits(struct str a)
{
    for (size_t i = 0; i < a.n; i++) {
        if (a.p[i] < '0' || a.p[i] > '9') {
            return false;
        }
    }
    return true;
}

static bool split_decimal(struct str text, struct decimal *d)
{
    *d = (struct decimal){.negative = str_starts(text, "-")};
    if (d->negative) {
        text = str_sub(text, 1, text.n);
    }
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == 'E' || text.p[i] == 'e') {
            struct str exponent = str_sub(text, i + 1, text.n);
            exponent = str_starts(exponent, "+") ? str_sub(exponent, 1, exponent.n) : exponent;
            if (!str_to_i64(exponent, &d->exponent) || d->exponent > 30 || d->exponent < -60) {
                return false;
            }
            text.n = i;
        }
    }
    bool point = text.n > 0 && memchr(text.p, '.', text.n) != NULL;
    d->whole = str_cut(text, '.', &d->fraction);
    return d->whole.n > 0 && (!point || d->fraction.n > 0) && all_digits(d->whole) &&
           all_digits(d->fraction);
}

bool cost_explorer_amount(struct str text, money_t *out)
{
    struct decimal d;
    if (!split_decimal(text, &d)) {
        return false;
    }
    /* Digits up to `kept` make whole nano-dollars; the one behind them rounds. */
    int64_t kept = (int64_t)d.whole.n + d.exponent + NANO_DIGITS;
    int64_t digits = (int64_t)(d.whole.n + d.fraction.n);
    money_t value = 0;
    for (int64_t i = 0; i < kept; i++) {
        int digit = 0;
        if (i < digits) {
            size_t at = (size_t)i;
            digit = (at < d.whole.n ? d.whole.p[at] : d.fraction.p[at - d.whole.n]) - '0';
        }
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    if (kept >= 0 && kept < digits) {
        size_t at = (size_t)kept;
        char next = at < d.whole.n ? d.whole.p[at] : d.fraction.p[at - d.whole.n];
        value += next >= '5' ? 1 : 0;
    }
    *out = d.negative ? -value : value;
    return true;
}

bool cost_explorer_is_bedrock(struct str service)
{
    static const char word[] = "bedrock";
    for (size_t i = 0; i + sizeof(word) - 1 <= service.n; i++) {
        if (strncasecmp(service.p + i, word, sizeof(word) - 1) == 0) {
            return true;
        }
    }
    return false;
}

/* The keys of a question in the shape of the answer's rows. */
struct taking {
    const struct cost_question *q;
    cost_explorer_row *fn;
    void *arg;
};

static bool take_keys(const struct cost_question *q, const json_t *group, struct str out[2])
{
    const json_t *keys = json_object_get(group, "Keys");
    for (size_t i = 0; i < q->by_count && i < 2; i++) {
        const json_t *key = json_array_get(keys, i);
        if (!json_is_string(key)) {
            return false;
        }
        out[i] = str_of(json_string_value(key));
        if (strcmp(q->by[i].type, "TAG") == 0) {
            struct str value;
            (void)str_cut(out[i], '$', &value);
            out[i] = value.p != NULL ? value : STR("");
        }
    }
    return true;
}

/* Hands out one group of a day; false when it is not as it should be. */
static bool take_group(const struct taking *t, const json_t *group, struct str day)
{
    struct str keys[2] = {STR(""), STR("")};
    const json_t *cost = json_object_get(json_object_get(group, "Metrics"), "UnblendedCost");
    money_t usd;
    if (!take_keys(t->q, group, keys) || strcmp(aws_json_text(cost, "Unit"), "USD") != 0 ||
        !cost_explorer_amount(str_of(aws_json_text(cost, "Amount")), &usd)) {
        return false;
    }
    t->fn(t->arg, day, keys, usd);
    return true;
}

static bool take_day(void *arg, const json_t *day)
{
    const struct taking *t = arg;
    struct str start = str_of(aws_json_text(json_object_get(day, "TimePeriod"), "Start"));
    const json_t *groups = json_object_get(day, "Groups");
    bool ok = start.n >= 10 && json_is_array(groups);
    for (size_t i = 0; ok && i < json_array_size(groups); i++) {
        ok = take_group(t, json_array_get(groups, i), str_sub(start, 0, 10));
    }
    return ok;
}

static json_t *services_filter(const json_t *services)
{
    return json_pack("{s:{s:s,s:O}}", "Dimensions", "Key", "SERVICE", "Values",
                     (json_t *)(uintptr_t)services);
}

static json_t *usage_body(const struct cost_question *q)
{
    json_t *by = json_array();
    for (size_t i = 0; i < q->by_count; i++) {
        if (json_array_append_new(
                by, json_pack("{s:s,s:s}", "Type", q->by[i].type, "Key", q->by[i].key)) != 0) {
            json_decref(by);
            return NULL;
        }
    }
    json_t *body = json_pack("{s:{s:s,s:s},s:s,s:[s],s:o}", "TimePeriod", "Start", q->start, "End",
                             q->end, "Granularity", q->monthly ? "MONTHLY" : "DAILY", "Metrics",
                             "UnblendedCost", "GroupBy", by);
    if (q->services != NULL) {
        (void)json_object_set_new(body, "Filter", services_filter(q->services));
    }
    return body;
}

enum err cost_explorer_usage(const struct aws_session *s, const struct cost_question *q,
                             cost_explorer_row *fn, void *arg, int64_t *pages, struct err_info *ei)
{
    static const struct aws_operation op = {.service = "ce",
                                            .action = "ce:GetCostAndUsage",
                                            .target = "AWSInsightsIndexService.GetCostAndUsage"};
    static const struct aws_pages list = {.list = "ResultsByTime",
                                          .token_out = "NextPageToken",
                                          .token_in = "NextPageToken",
                                          .most = PAGES_MAX};
    struct taking t = {q, fn, arg};
    json_t *body = usage_body(q);
    *pages = 0;
    return body != NULL ? aws_json_list(s, &op, body, &list, take_day, &t, pages, ei)
                        : err_set(ei, ERR_NOMEM, "no memory to ask Cost Explorer");
}

static bool take_service(void *arg, const json_t *item)
{
    const char *name = aws_json_text(item, "Value");
    return !cost_explorer_is_bedrock(str_of(name)) ||
           json_array_append_new(arg, json_string(name)) == 0;
}

enum err cost_explorer_services(const struct aws_session *s, const char *start, const char *end,
                                json_t **names, int64_t *pages, struct err_info *ei)
{
    static const struct aws_operation op = {.service = "ce",
                                            .action = "ce:GetDimensionValues",
                                            .target = "AWSInsightsIndexService.GetDimensionValues"};
    static const struct aws_pages list = {.list = "DimensionValues",
                                          .token_out = "NextPageToken",
                                          .token_in = "NextPageToken",
                                          .most = PAGES_MAX};
    *names = json_array();
    *pages = 0;
    json_t *body = json_pack("{s:{s:s,s:s},s:s,s:s}", "TimePeriod", "Start", start, "End", end,
                             "Dimension", "SERVICE", "SearchString", "Bedrock");
    enum err e = *names != NULL && body != NULL
                     ? aws_json_list(s, &op, body, &list, take_service, *names, pages, ei)
                     : err_set(ei, ERR_NOMEM, "no memory to ask Cost Explorer");
    if (e != ERR_OK) {
        json_decref(*names);
        *names = NULL;
    }
    return e;
}

enum err cost_explorer_forecast(const struct aws_session *s, const char *start, const char *end,
                                const json_t *services, money_t *mean, int64_t *pages,
                                struct err_info *ei)
{
    static const struct aws_operation op = {.service = "ce",
                                            .action = "ce:GetCostForecast",
                                            .target = "AWSInsightsIndexService.GetCostForecast"};
    json_t *answer = NULL;
    struct err_info why = {0};
    json_t *body = json_pack("{s:{s:s,s:s},s:s,s:s}", "TimePeriod", "Start", start, "End", end,
                             "Metric", "UNBLENDED_COST", "Granularity", "MONTHLY");
    if (services != NULL && body != NULL) {
        (void)json_object_set_new(body, "Filter", services_filter(services));
    }
    *pages = 1;
    enum err e = aws_json_call(s, &op, body, &answer, &why);
    if (e == ERR_RANGE && strstr(why.text, "DataUnavailable") != NULL) {
        e = ERR_NOT_FOUND;
    }
    if (e == ERR_OK && !aws_json_amount(json_object_get(answer, "Total"), "Amount", mean)) {
        e = err_set(&why, ERR_PARSE, "ce:GetCostForecast answered no total");
    }
    json_decref(answer);
    return e == ERR_OK ? e : err_set(ei, e, "%s", why.text);
}
